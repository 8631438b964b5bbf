/* When something runs: in words, and the next times. */
#include "api/native/private.h"
#include "base/explain.h"
#include "base/str.h"

#define NEXT_SHOWN 10
#define EXPLAINED_BYTES 4096

/* The next times, in UTC or in the schedule's zone. */
static void put_times(const struct schedule *s, const struct job_cursor *cursor, bool local,
                      struct json_writer *w)
{
    char text[ZONE_TEXT_SIZE];
    int64_t k = cursor->index, left = cursor->remaining;
    json_array(w);
    for (int i = 0; i < NEXT_SHOWN && (left < 0 || i < left); i++) {
        struct wall at = schedule_target(s, k);
        if (at.ms >= SCHEDULE_END.ms)
            break;
        json_put_str(w, zone_text(local ? s->zone : ZONE_UTC, at, text));
        k = schedule_skip(s, k, 1, INT64_MAX);
    }
    json_array_end(w);
}

void native_put_next(const struct schedule *s, const struct job_cursor *cursor,
                     struct json_writer *w)
{
    json_key(w, "next");
    put_times(s, cursor, false, w);
    json_key(w, "local");
    put_times(s, cursor, true, w);
}

void native_put_explained(const struct schedule *s, const char *zone_name, struct wall now,
                          struct json_writer *w)
{
    struct buf words;
    buf_init(&words, EXPLAINED_BYTES);
    explain_schedule(s, zone_name, now, &words);
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

static void put_warnings(struct call *c, const struct schedule *s, const struct job_cursor *cursor,
                         struct json_writer *w)
{
    const char *warnings[EXPLAIN_WARNINGS_MAX], *job = query_get(&c->query, "name");
    size_t n = explain_warnings(s, warnings);
    json_key(w, "warnings");
    json_array(w);
    for (size_t i = 0; i < n; i++)
        json_put_str(w, warnings[i]);
    if (s->cron.spread && (job == NULL || *job == '\0'))
        json_put_str(w, "\"~\" is chosen by the job's name: without one these are other times");
    if (cursor->remaining == 0 && s->count != 0)
        json_put_str(w, "all its runs are in the past");
    json_array_end(w);
}

void native_ask_explain(struct call *c)
{
    struct schedule s;
    struct json_writer w;
    struct wall now = c->view->now.wall;
    const char *zone_name = query_get(&c->query, "zone");
    if (!read_schedule(c, zone_name, &s))
        return;
    struct job_cursor cursor = begin_at(&s, now);
    call_json(c, 200, &w);
    json_object(&w);
    native_put_explained(&s, zone_name, now, &w);
    native_put_next(&s, &cursor, &w);
    put_warnings(c, &s, &cursor, &w);
    json_object_end(&w);
}
