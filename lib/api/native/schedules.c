/* When something runs: in words, and the next times. */
#include <string.h>

#include "api/native/private.h"
#include "base/explain.h"
#include "base/limits.h"
#include "base/str.h"
#include "scheduler/jobs/jobs.h"

#define NEXT_SHOWN 10
#define PARENTS_TOLD 5 /* of thousands */
#define EXPLAINED_BYTES (4096 + LIMIT_JOB_CALENDARS * (JOB_NAME_MAX + 2))

static size_t find_next(const struct aim *aim, struct job_cursor c, struct wall next[NEXT_SHOWN])
{
    size_t n = 0;
    while (n < NEXT_SHOWN && (next[n] = cursor_next_run(aim, &c)).ms != WALL_NEVER.ms) {
        cursor_skip(aim, &c);
        n++;
    }
    return n;
}

static void put_times(const char *name, const struct wall *times, size_t n, struct zone zone,
                      struct json_writer *w)
{
    char text[ZONE_TEXT_SIZE];
    json_key(w, name);
    json_array(w);
    for (size_t i = 0; i < n; i++)
        json_put_str(w, zone_text(zone, times[i], text));
    json_array_end(w);
}

void native_put_next(const struct aim *aim, const struct job_cursor *cursor, struct json_writer *w)
{
    struct wall next[NEXT_SHOWN];
    size_t n = find_next(aim, *cursor, next);
    put_times("next", next, n, ZONE_UTC, w);
    put_times("local", next, n, aim->schedule->zone, w);
}

static void put_names(const char *what, const struct strings *names, struct buf *out)
{
    for (size_t i = 0; i < names->n; i++)
        buf_printf(out, "%s%s", i == 0 ? what : ", ", names->items[i]);
}

/* "after load has succeeded and clean has ended" */
static void explain_parents(const struct job *j, struct buf *out)
{
    const char *then = j->depends == DEPENDS_ANY ? " or " : " and ";
    for (size_t i = 0; i < j->parents.n && i < PARENTS_TOLD; i++)
        buf_printf(out, "%s%s %s", i == 0 ? "after " : then, j->parents.items[i],
                   job_ends_words(job_parent_ends(j, j->parents.items[i])));
    if (j->parents.n > PARENTS_TOLD)
        buf_printf(out, "%s%zu other%s", then, j->parents.n - PARENTS_TOLD,
                   j->parents.n - PARENTS_TOLD == 1 ? "" : "s");
    buf_puts(out, j->depends == DEPENDS_ROUND && j->parents.n > 1
                      ? ", all by runs that one run began"
                      : "");
}

void native_put_explained(const struct job *j, struct wall now, struct json_writer *w)
{
    struct buf words;
    buf_init(&words, EXPLAINED_BYTES);
    if (j->kind == JOB_DEPENDENT) {
        explain_parents(j, &words);
    } else {
        explain_schedule(&j->schedule, j->schedule_zone, now, &words);
        explain_bounds(&j->schedule, j->schedule_zone, j->starts, j->ends, &words);
    }
    put_names("; only on days of ", &j->only_calendars, &words);
    put_names("; not on days of ", &j->exclude_calendars, &words);
    json_member_str(w, "explained", buf_str(&words));
    buf_close(&words);
}

/* ---- a schedule of no job */

/* The one of the query, with its zone; false after having failed the call. */
static bool read_schedule(struct call *c, const char *zone_name, struct schedule *out)
{
    struct error err;
    const char *text = query_get(&c->query, "schedule"), *cron = query_get(&c->query, "cron");
    const char *job = query_get(&c->query, "name");
    bool given = text != NULL && *text != '\0', by_cron = cron != NULL && *cron != '\0';
    if (given == by_cron) {
        call_fail(c, ERR_INVALID, "schedule, cron: got %s, need one of them",
                  given ? "both" : "none");
        return false;
    }
    int rc = by_cron ? schedule_parse_cron(cron, zone_name, job != NULL ? job : "", out, &err)
                     : schedule_parse(text, zone_name, out, &err);
    if (rc == 0 && (!by_cron || cron_check(&out->cron, cron, &err) == 0)) {
        schedule_start_now(out, c->view->now.wall);
        return true;
    }
    call_fail(c, ERR_INVALID, "%s: %s", by_cron ? "cron" : "schedule", err.text);
    return false;
}

/* From now on, what passed before has used up the count. */
static struct job_cursor begin_at(const struct schedule *s, struct wall now)
{
    struct job_cursor c = {.index = schedule_begin(s, now), .remaining = s->count};
    if (s->by_cron)
        return c;
    c.index = schedule_last_due(s, (struct wall){now.ms - 1}) + 1;
    if (c.remaining >= 0)
        c.remaining = c.index < c.remaining ? c.remaining - c.index : 0;
    return c;
}

/* One of the query's times, or 0. False after having failed the call. */
static bool read_time(struct call *c, const char *name, struct wall *out)
{
    struct error err;
    const char *text = query_get(&c->query, name);
    *out = (struct wall){0};
    if (text == NULL || *text == '\0' || wall_parse(text, out, &err) == 0)
        return true;
    call_fail(c, ERR_INVALID, "%s: %s", name, err.text);
    return false;
}

static bool runs_at_all(const struct aim *aim, struct job_cursor cursor)
{
    return cursor_next_run(aim, &cursor).ms != WALL_NEVER.ms;
}

/* Names with commas between. False after having failed the call. */
static bool read_calendars(struct call *c, const char *name, struct arena *arena,
                           struct strings *out)
{
    const char *text = query_get(&c->query, name);
    char *rest = arena_strdup(arena, text != NULL ? text : ""), *one;
    const char **items = arena_alloc(arena, LIMIT_JOB_CALENDARS * sizeof *items);
    *out = (struct strings){.items = items};
    while ((one = strsep(&rest, ",")) != NULL) {
        if (*one == '\0')
            continue;
        if (state_calendar_id(c->view->state, one) == 0) {
            call_fail(c, ERR_INVALID, "%s: calendar %.200s does not exist", name, one);
            return false;
        }
        if (out->n == LIMIT_JOB_CALENDARS) {
            call_fail(c, ERR_INVALID, "%s: need at most %d", name, LIMIT_JOB_CALENDARS);
            return false;
        }
        items[out->n++] = one;
    }
    return true;
}

static void put_warnings(struct call *c, const struct aim *aim, const struct job_cursor *cursor,
                         struct json_writer *w)
{
    const struct schedule *s = aim->schedule;
    bool bound = aim->starts.ms != 0 || aim->ends.ms != 0;
    const char *warnings[EXPLAIN_WARNINGS_MAX], *job = query_get(&c->query, "name");
    size_t n = explain_warnings(s, warnings);
    json_key(w, "warnings");
    json_array(w);
    for (size_t i = 0; i < n; i++)
        json_put_str(w, warnings[i]);
    if (s->cron.spread && (job == NULL || *job == '\0'))
        json_put_str(w, "\"~\" is chosen by the job's name: without one these are other times");
    if (cursor->remaining == 0 && s->count != 0)
        json_put_str(w, "all its runs are in the past: with an \"epsilon\" it never runs, without "
                        "one it begins at once");
    else if (cursor->remaining != 0 && !runs_at_all(aim, *cursor))
        json_put_str(w, aim->rules != NULL
                            ? "its calendars, or its time to be valid in, leave no run"
                        : bound ? "none of its times lies between startsAt and endsAt"
                                : "it has no time before the end of the year 9999");
    json_array_end(w);
}

/* The job that would have that schedule; false after having failed the call. */
static bool read_job(struct call *c, struct job *out)
{
    const char *zone_name = query_get(&c->query, "zone");
    out->window_ms = 1;
    out->schedule_zone = zone_name != NULL ? zone_name : "";
    return read_schedule(c, zone_name, &out->schedule) && read_time(c, "startsAt", &out->starts) &&
           read_time(c, "endsAt", &out->ends) &&
           read_calendars(c, "excludeCalendars", &out->arena, &out->exclude_calendars) &&
           read_calendars(c, "onlyCalendars", &out->arena, &out->only_calendars);
}

void native_ask_explain(struct call *c)
{
    struct job job = {0};
    struct job_aim aim;
    struct json_writer w;
    struct wall now = c->view->now.wall;
    if (read_job(c, &job)) {
        struct job_cursor cursor = begin_at(&job.schedule, now);
        job_aim_load(c->view->state, &job, &aim);
        call_json(c, 200, &w);
        json_object(&w);
        native_put_explained(&job, now, &w);
        native_put_next(&aim.aim, &cursor, &w);
        put_warnings(c, &aim.aim, &cursor, &w);
        json_object_end(&w);
        job_aim_close(&aim);
    }
    job_close(&job);
}
