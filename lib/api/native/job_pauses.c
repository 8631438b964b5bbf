/* Keeping jobs from running, and letting them run again: one, or all that a selector means. */
#include <string.h>

#include "api/native/member.h"
#include "api/native/private.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/job_selector.h"
#include "scheduler/jobs/jobs.h"

struct wish {
    bool pause;
    const char *reason;
    struct buf items;     /* elements of the command's set, with commas between */
    struct buf as_it_was; /* names of those that are so already, as a JSON array */
    struct json_writer names;
    size_t n;
};

static void wish_begin(struct wish *wish, bool pause)
{
    *wish = (struct wish){.pause = pause, .reason = ""};
    buf_init(&wish->items, LIMIT_ENTRY_BYTES);
    buf_init(&wish->as_it_was, LIMIT_ENTRY_BYTES);
    json_begin(&wish->names, &wish->as_it_was);
    json_array(&wish->names);
}

static void wish_close(struct wish *wish)
{
    buf_close(&wish->items);
    buf_close(&wish->as_it_was);
}

static void add(struct tell *t, struct wish *wish, const struct job_row *row)
{
    struct json_writer w;
    wish->n++;
    if (row->disabled == wish->pause) {
        json_put_str(&wish->names, row->name);
        return;
    }
    if (wish->items.len > 0)
        buf_putc(&wish->items, ',');
    json_begin(&w, &wish->items);
    if (wish->pause)
        json_put_int(&w, row->id);
    else
        jobs_write_resume(t->c.view->state, row, t->c.view->now.wall, &w);
}

static void answer(struct tell *t, const struct outcome *o)
{
    struct json_writer w;
    struct json *detail = native_begin(t, 200, o, &w);
    json_key(&w, "jobs");
    json_put_value(&w, json_get(detail, "jobs"));
    if (t->kept != NULL) /* not when it is told again */
        json_member_raw(&w, "unchanged", slice_of(t->kept));
    json_object_end(&w);
    json_free(detail);
}

static void propose(struct tell *t, struct wish *wish)
{
    struct json_writer w;
    json_array_end(&wish->names);
    if (buf_full(&wish->items) || buf_full(&wish->as_it_was)) {
        call_fail(&t->c, ERR_LIMIT, "selector: %zu jobs are too many for one change", wish->n);
        return;
    }
    tell_begin(t, wish->pause ? COMMAND_JOB_PAUSE : COMMAND_JOB_RESUME, &w, answer);
    json_key(&w, wish->pause ? "jobs" : "set");
    json_array(&w);
    if (wish->items.len > 0) /* else each is so already */
        json_put_raw(&w, buf_slice(&wish->items));
    json_array_end(&w);
    if (wish->pause)
        json_member_str(&w, "reason", wish->reason);
    tell_end(t, &w);
    mem_free(t->kept);
    t->kept = mem_strdup(buf_str(&wish->as_it_was));
}

/* The body, or NULL without one. False after having failed the call. */
static bool read_body(struct tell *t, struct wish *wish, const struct json **out)
{
    *out = NULL;
    if (t->c.request->body.len == 0)
        return true;
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return false;
    char got[80];
    const struct json *reason = json_get(body, "reason");
    *out = body;
    wish->reason = json_str(reason, "");
    if (reason != NULL && !json_is(reason, JSON_STRING))
        call_fail(&t->c, ERR_INVALID, "reason: got %s, need a text",
                  json_quote(got, sizeof got, reason));
    else if (strlen(wish->reason) > LIMIT_REASON_BYTES)
        call_fail(&t->c, ERR_INVALID, "reason: got %zu bytes, need at most %d",
                  strlen(wish->reason), LIMIT_REASON_BYTES);
    else
        return true;
    return false;
}

/* ---- one */

static void change_one(struct tell *t, bool pause)
{
    struct job_row row;
    const struct json *body;
    struct wish wish;
    if (native_once(t, answer) || !native_path_job(&t->c, &row))
        return;
    wish_begin(&wish, pause);
    if (read_body(t, &wish, &body)) {
        add(t, &wish, &row);
        propose(t, &wish);
    }
    wish_close(&wish);
}

void native_pause_job(struct tell *t)
{
    change_one(t, true);
}

void native_resume_job(struct tell *t)
{
    change_one(t, false);
}

/* ---- many */

/* False after having failed the call. */
static bool add_one(struct tell *t, struct wish *wish, const struct json *name, size_t i)
{
    struct job_row row;
    char got[80];
    if (!json_is(name, JSON_STRING))
        call_fail(&t->c, ERR_INVALID, "names(%zu): got %s, need a job's name as text", i,
                  json_quote(got, sizeof got, name));
    else if (!state_job_by_name(t->c.view->state, json_str(name, ""), &row))
        call_fail(&t->c, ERR_NOT_FOUND, "job %.200s does not exist", json_str(name, ""));
    else {
        add(t, wish, &row);
        return true;
    }
    return false;
}

/* Each once, however often it is named, so there is no more to do than there are jobs. False after
 * having failed the call: one that is not there fails all. */
static bool add_named(struct tell *t, struct wish *wish, const struct json *names)
{
    struct map *seen = map_new();
    bool right = true;
    size_t i = 0;
    for (const struct json *name = json_first(names); right && name != NULL;
         name = json_next(name), i++)
        if (map_put_str(seen, json_str(name, ""), wish) == NULL)
            right = add_one(t, wish, name, i);
    map_free(seen);
    return right;
}

static const char *text_of(struct slice definition, const char *name, struct arena *arena)
{
    struct error err;
    struct json *v = json_parse_own(member_of(definition, name), &err);
    const char *text = arena_strdup(arena, json_str(v, ""));
    json_free(v);
    return text;
}

static struct pairs env_of(struct slice definition, struct arena *arena)
{
    struct error err;
    struct json *list = json_parse_own(member_of(definition, "environmentVariables"), &err);
    struct pairs env = {.items = arena_alloc(arena, json_count(list) * sizeof *env.items)};
    JSON_EACH (v, list)
        env.items[env.n++] = (struct pair){arena_strdup(arena, json_str(json_get(v, "name"), "")),
                                           arena_strdup(arena, json_str(json_get(v, "value"), ""))};
    json_free(list);
    return env;
}

/* Reads no more of a job than what a selector may ask for: there may be thousands. */
static bool is_selected(const struct job_selector *selector, const struct job_row *row)
{
    struct job job = {.name = row->name};
    job.owner = text_of(row->definition, "owner", &job.arena);
    job.owner_name = text_of(row->definition, "ownerName", &job.arena);
    job.description = text_of(row->definition, "description", &job.arena);
    job.env = env_of(row->definition, &job.arena);
    bool matches = job_selector_matches(selector, &job);
    job_close(&job);
    return matches;
}

static bool add_selected(struct tell *t, struct wish *wish, const char *text)
{
    struct job_selector selector;
    struct job_row row;
    struct error err;
    if (job_selector_parse(text, &selector, &err) != 0) {
        call_error(&t->c, &err);
        return false;
    }
    struct stmt *q = state_jobs(t->c.view->state, "", INT64_MAX);
    while (state_job_next(q, &row))
        if (is_selected(&selector, &row))
            add(t, wish, &row);
    job_selector_close(&selector);
    if (wish->n > 0)
        return true;
    call_fail(&t->c, ERR_NOT_FOUND, "selector: no job is like that");
    return false;
}

static void change_many(struct tell *t, bool pause)
{
    const struct json *body;
    struct wish wish;
    char got[80];
    if (native_once(t, answer))
        return;
    wish_begin(&wish, pause);
    if (read_body(t, &wish, &body)) {
        const struct json *names = json_get(body, "names"), *selector = json_get(body, "selector");
        bool by_name = json_count(names) > 0;
        if (names != NULL && !json_is(names, JSON_ARRAY))
            call_fail(&t->c, ERR_INVALID, "names: got %s, need a list of jobs' names",
                      json_quote(got, sizeof got, names));
        else if (selector != NULL && !json_is(selector, JSON_STRING))
            call_fail(&t->c, ERR_INVALID, "selector: got %s, need a text, like \"name=backup-*\"",
                      json_quote(got, sizeof got, selector));
        else if (by_name == (selector != NULL))
            call_fail(&t->c, ERR_INVALID,
                      "selector: need either \"selector\", like \"name=backup-*\", or \"names\", a "
                      "list");
        else if (by_name ? add_named(t, &wish, names)
                         : add_selected(t, &wish, json_str(selector, "")))
            propose(t, &wish);
    }
    wish_close(&wish);
}

void native_pause_jobs(struct tell *t)
{
    change_many(t, true);
}

void native_resume_jobs(struct tell *t)
{
    change_many(t, false);
}
