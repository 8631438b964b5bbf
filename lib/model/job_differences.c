/* What one job says otherwise than another (see job.h). */
#include "base/str.h"
#include "model/job_private.h"

#define JOB_BYTES ((size_t)4 * LIMIT_BODY_BYTES)

static struct json *tree_of(const struct job *j)
{
    struct buf text;
    struct json_writer w;
    struct error unused;
    buf_init(&text, JOB_BYTES);
    json_begin(&w, &text);
    job_write(j, true, &w); /* what is in uris is as good in fetch */
    struct json *tree = json_parse_own(buf_slice(&text), &unused);
    buf_close(&text);
    return tree;
}

/* Are the targets that old has before it j's, too, and as many? */
static bool same_targets(const struct job *j, const struct job *old)
{
    const struct schedule *s = &j->schedule;
    if (old->broken != NULL || !job_same_period(&s->period, &old->schedule.period))
        return false;
    if (s->start_empty)
        return old->started.ms != 0 && s->count == old->schedule.count;
    struct wall next = schedule_target(&old->schedule, old->cursor.index);
    int64_t k = schedule_last_due(s, next);
    if (k < 0 || schedule_target(s, k).ms != next.ms)
        return false;
    return s->count == COUNT_FOREVER ? old->cursor.remaining == COUNT_FOREVER
                                     : s->count - k == old->cursor.remaining;
}

static bool same_zone(const struct json *a, const struct json *b)
{
    const char *x = json_str(a, ""), *y = json_str(b, "");
    return str_eq(*x != '\0' ? x : "UTC", *y != '\0' ? y : "UTC");
}

bool job_is_counter(const char *name)
{
    static const char *const counters[] = {"successCount", "errorCount", "lastSuccess", "lastError",
                                           "errorsSinceLastSuccess"};
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        if (str_eq(name, counters[i]))
            return true;
    return false;
}

static bool same_member(const struct job *j, const struct job *old, const char *name,
                        const struct json *a, const struct json *b)
{
    if (job_is_counter(name))
        return true;
    if (str_eq(name, "schedule") && j->kind == JOB_SCHEDULED && old->kind == JOB_SCHEDULED)
        return j->cron != NULL || (old->cron == NULL && same_targets(j, old));
    if (str_eq(name, "scheduleTimeZone"))
        return same_zone(a, b);
    return json_equal(a, b);
}

size_t job_differences(const struct job *j, const struct job *old, struct json_writer *w)
{
    size_t n = 0;
    struct json *a = tree_of(j), *b = tree_of(old);
    json_array(w);
    JSON_EACH (member, a)
        if (!same_member(j, old, json_name(member), member, json_get(b, json_name(member)))) {
            json_put_str(w, json_name(member));
            n++;
        }
    JSON_EACH (member, b)
        if (json_get(a, json_name(member)) == NULL && !job_is_counter(json_name(member))) {
            json_put_str(w, json_name(member));
            n++;
        }
    json_array_end(w);
    json_free(a);
    json_free(b);
    return n;
}
