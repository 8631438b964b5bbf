/* Calendars: days that keep jobs from running, or let them run. */
#include <stdio.h>
#include <string.h>

#include "api/native/private.h"
#include "base/calendar.h"
#include "base/limits.h"
#include "base/str.h"

enum calendar_key { BY_NAME, BY_CHANGED };
static const char *const sorts[] = {
    [BY_NAME] = "name", [BY_CHANGED] = "changed", [BY_CHANGED + 1] = NULL};
static const char *const states[] = {"used", "unused", NULL};

/* ---- reading */

static void put_calendar(const struct calendar_row *r, struct json_writer *w)
{
    json_member_str(w, "name", r->name);
    native_text(w, "description", r->description);
    json_member_raw(w, "days", r->days);
    native_time(w, "changed", r->changed);
}

static void put_jobs(struct state *s, int64_t calendar, struct json_writer *w)
{
    json_key(w, "jobs");
    json_array(w);
    struct stmt *q = state_calendar_jobs(s, calendar);
    while (q != NULL && stmt_row(q))
        json_put_str(w, stmt_str(q, 0));
    json_array_end(w);
}

/* The one of the path; false after having failed the call. */
static bool path_calendar(struct call *c, struct calendar_row *out)
{
    const char *name = call_param(c, "name");
    if (state_calendar(c->view->state, name, out))
        return true;
    call_fail(c, ERR_NOT_FOUND, "calendar %.200s does not exist", name);
    return false;
}

void native_ask_calendars(struct call *c)
{
    struct list l;
    struct calendar_row r;
    struct json_writer w;
    struct state *s = c->view->state;
    if (list_begin(c, &l, sorts, states) != 0)
        return;
    struct stmt *q = state_calendars(s);
    while (state_calendar_next(q, &r)) {
        if (!list_wants(&l, state_calendar_jobs_count(s, r.id) > 0 ? "used" : "unused", r.name,
                        r.description))
            continue;
        if (l.sort == BY_NAME)
            list_add_text(&l, r.id, r.name);
        else
            list_add_number(&l, r.id, r.changed.ms);
    }
    list_head(c, &l, &w);
    for (size_t i = 0; i < list_size(&l); i++) {
        if (!state_calendar_by_id(s, list_id(&l, i), &r))
            continue;
        json_object(&w);
        put_calendar(&r, &w);
        json_member_int(&w, "used_by", state_calendar_jobs_count(s, r.id));
        json_object_end(&w);
    }
    list_end(&w);
    list_close(&l);
}

void native_ask_calendar(struct call *c)
{
    struct calendar_row r;
    struct json_writer w;
    if (!path_calendar(c, &r))
        return;
    call_json(c, 200, &w);
    json_object(&w);
    put_calendar(&r, &w);
    put_jobs(c->view->state, r.id, &w);
    json_member_int(&w, "index", (int64_t)c->view->index);
    json_object_end(&w);
}

/* ---- changing */

static bool name_fits(const char *name)
{
    return *name != '\0' && strlen(name) <= JOB_NAME_MAX &&
           name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

static void check_day(const struct json *day, size_t i, struct problems *problems)
{
    struct calendar_entry unused;
    struct error err;
    char path[32], got[80];
    snprintf(path, sizeof path, "/days(%zu)", i);
    if (!json_is(day, JSON_STRING))
        problems_add(problems, PROBLEM_RULE, path, "got %s, need a text",
                     json_quote(got, sizeof got, day));
    else if (calendar_parse(json_str(day, ""), &unused, &err) != 0)
        problems_add(problems, PROBLEM_RULE, path, "%s", err.text);
}

static void check_body(const struct json *body, struct problems *problems)
{
    const struct json *days = json_get(body, "days");
    const struct json *about = json_get(body, "description");
    char got[80];
    size_t i = 0;
    if (!json_is(days, JSON_ARRAY) || json_count(days) == 0)
        problems_add(problems, PROBLEM_RULE, "/days",
                     "got %s, need a list of days, like [\"2026-12-25\", \"12-24/12-26\", "
                     "\"SAT\"]",
                     json_is(days, JSON_ARRAY) ? "none" : json_quote(got, sizeof got, days));
    else if (json_count(days) > LIMIT_CALENDAR_DAYS)
        problems_add(problems, PROBLEM_RULE, "/days", "got %zu, need at most %d", json_count(days),
                     LIMIT_CALENDAR_DAYS);
    else
        JSON_EACH (day, days)
            check_day(day, i++, problems);
    if (about != NULL && !json_is(about, JSON_STRING))
        problems_add(problems, PROBLEM_RULE, "/description", "got %s, need a text",
                     json_quote(got, sizeof got, about));
    else if (strlen(json_str(about, "")) > LIMIT_ABOUT_BYTES)
        problems_add(problems, PROBLEM_RULE, "/description", "got %zu bytes, need at most %d",
                     strlen(json_str(about, "")), LIMIT_ABOUT_BYTES);
}

/* The body; NULL after having failed the call. */
static const struct json *take_body(struct tell *t, const char *name)
{
    struct problems problems = {0};
    char got[100];
    const struct json *body = call_body(&t->c), *said = json_get(body, "name");
    if (body == NULL)
        return NULL;
    if (str_is_dots(name)) {
        call_fail(&t->c, ERR_INVALID,
                  "name: got \"%s\", need another: in a URL it is no name, but a folder", name);
        return NULL;
    }
    if (!name_fits(name)) {
        call_fail(&t->c, ERR_INVALID,
                  "name: got %s, need letters, digits, \"_\", \".\", \"-\", at most %d",
                  str_quote(got, sizeof got, name, strlen(name)), JOB_NAME_MAX);
        return NULL;
    }
    if (said != NULL && !str_eq(json_str(said, NULL), name)) {
        call_fail(&t->c, ERR_INVALID, "name: got %s, need \"%.100s\" as the path has it",
                  json_quote(got, sizeof got, said), name);
        return NULL;
    }
    check_body(body, &problems);
    if (problems.n == 0)
        return body;
    call_problems(&t->c, &problems);
    return NULL;
}

void native_put_calendar(struct tell *t)
{
    struct json_writer w;
    const char *name = call_param(&t->c, "name");
    if (native_once(t, native_written))
        return;
    if (state_level(t->c.view->state) < TIMES_LEVEL) {
        call_fail(&t->c, ERR_UNAVAILABLE, "calendars: wait until each master runs this version");
        return;
    }
    const struct json *body = take_body(t, name);
    if (body == NULL)
        return;
    tell_begin(t, COMMAND_CALENDAR_PUT, &w, native_written);
    json_member_str(&w, "name", name);
    json_member_str(&w, "description", json_str(json_get(body, "description"), ""));
    json_key(&w, "days");
    json_put_value(&w, json_get(body, "days"));
    tell_end(t, &w);
}

void native_delete_calendar(struct tell *t)
{
    struct calendar_row r;
    struct json_writer w;
    if (native_once(t, native_written) || !path_calendar(&t->c, &r))
        return;
    tell_begin(t, COMMAND_CALENDAR_DELETE, &w, native_written);
    json_member_str(&w, "name", r.name);
    tell_end(t, &w);
}
