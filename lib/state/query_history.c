/* What is kept of runs that are over. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"
#include "state/private.h"

const struct history_setting history_settings[HISTORY_SETTINGS] = {
    {"history.days", "days", offsetof(struct history_rules, days), 30, 1, 3650},
    {"history.runs", "runs", offsetof(struct history_rules, runs), LIMIT_JOB_RUNS, 1, 10000},
    {"history.most", "most", offsetof(struct history_rules, most), 10000, 1, 10000},
    {"history.bytes", "bytes", offsetof(struct history_rules, bytes), 256 << 20, 0,
     INT64_C(64) << 30},
};

struct history_rules state_history_rules(struct state *s)
{
    struct history_rules rules = {0};
    if (s->rules_known)
        return s->rules;
    for (size_t i = 0; i < HISTORY_SETTINGS; i++) {
        const struct history_setting *h = &history_settings[i];
        int64_t n;
        if (!str_to_i64(state_setting(s, h->key, ""), &n) || n < h->least || n > h->most)
            n = h->value;
        *history_rule(&rules, h) = n;
    }
    s->rules = rules;
    s->rules_known = s->memo != NULL;
    return rules;
}

struct history_size state_history_size(struct state *s)
{
    struct history_size size = {0};
    if (s->level < HISTORY_LEVEL)
        return size;
    struct stmt *q = query_use(s, RUNS_OLD_SIZE);
    if (stmt_row(q)) {
        size = (struct history_size){stmt_i64(q, 0), stmt_i64(q, 1)};
        stmt_end(q);
    }
    return size;
}

/* It is asked in each turn. */
bool state_any_to_trim(struct state *s)
{
    if (s->trims_known)
        return s->any_to_trim;
    s->any_to_trim = (s->level >= TRIMS_LEVEL && stmt_one_i64(query_use(s, TRIMS_LEFT), 0) != 0) ||
                     (s->level >= WALKS_LEVEL && stmt_one_i64(query_use(s, WALK), -1) >= 0);
    s->trims_known = s->memo != NULL;
    return s->any_to_trim;
}

struct stmt *state_runs_after(struct state *s, int64_t job, int64_t after, int64_t limit)
{
    struct stmt *q = query_use(s, job != 0 ? RUNS_OF_JOB_AFTER : RUNS_AFTER);
    if (job != 0)
        stmt_bind_i64(q, ":job", job);
    stmt_bind_i64(q, ":after", after);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct usage state_task_usage(struct state *s, int64_t task)
{
    struct usage used = {0};
    if (s->level < HISTORY_LEVEL)
        return used;
    struct stmt *q = query_use(s, TASK_USAGE);
    stmt_bind_i64(q, ":task", task);
    if (stmt_row(q)) {
        used = (struct usage){stmt_i64(q, 0), stmt_i64(q, 1)};
        stmt_end(q);
    }
    return used;
}

/* ---- numbers */

static struct stmt *days(struct state *s, int which, int64_t job, enum day_fact fact, int64_t day)
{
    struct stmt *q = query_use(s, which);
    stmt_bind_i64(q, ":job", job);
    stmt_bind_i64(q, ":fact", fact);
    stmt_bind_i64(q, ":day", day);
    return q;
}

/* What is packed of that day and later, among what is not. */
static size_t add_packed(struct state *s, int64_t job, enum day_fact fact, int64_t day,
                         struct bucket out[JOB_BUCKETS], size_t n)
{
    struct ends e;
    size_t at = 0;
    ends_of(s, job, &e);
    for (size_t i = 0; i < e.facts_n && e.day >= day; i++) {
        const struct fact *f = &e.facts[i];
        if (f->fact != fact)
            continue;
        while (at < n && out[at].bucket < f->bucket)
            at++;
        if (at < n && out[at].bucket == f->bucket) {
            out[at].n += f->n;
            continue;
        }
        ASSERT(n < JOB_BUCKETS);
        for (size_t k = n++; k > at; k--)
            out[k] = out[k - 1];
        out[at] = (struct bucket){f->bucket, f->n};
    }
    return n;
}

size_t state_job_days(struct state *s, int64_t job, enum day_fact fact, int64_t day,
                      struct bucket out[JOB_BUCKETS])
{
    size_t n = 0;
    if (s->level < HISTORY_LEVEL)
        return 0;
    struct stmt *q = days(s, DAYS_SUM, job, fact, day);
    while (n < JOB_BUCKETS && stmt_row(q))
        out[n++] = (struct bucket){(int)stmt_i64(q, 0), stmt_i64(q, 1)};
    stmt_end(q);
    return add_packed(s, job, fact, day, out, n);
}

int64_t state_job_most(struct state *s, int64_t job, enum day_fact fact, int64_t day)
{
    if (s->level < HISTORY_LEVEL)
        return 0;
    struct ends e;
    int64_t most = stmt_one_i64(days(s, DAYS_MOST, job, fact, day), 0);
    ends_of(s, job, &e);
    for (size_t i = 0; i < e.facts_n && e.day >= day; i++)
        if (e.facts[i].fact == fact && e.facts[i].n > most)
            most = e.facts[i].n;
    return most;
}

/* Of one part, from its end. */
static size_t take_part(const char *text, size_t len, int64_t *out, size_t n, size_t most)
{
    for (size_t end = len; end > 0 && n < most;) {
        size_t from = end;
        while (from > 0 && text[from - 1] != ',')
            from--;
        out[n++] = strtoll(text + from, NULL, 10); /* up to the comma */
        end = from > 0 ? from - 1 : 0;
    }
    return n;
}

static size_t samples_of_runs(struct state *s, int64_t job, int64_t out[LIMIT_JOB_SAMPLES])
{
    struct run_row r;
    size_t n = 0;
    struct stmt *q = state_runs_of_job(s, job, INT64_MAX);
    while (n < LIMIT_JOB_RUNS && state_run_next(q, &r))
        if (r.state == RUN_SUCCESS)
            out[n++] = r.ended.ms - r.due.ms;
    stmt_end(q);
    return n;
}

size_t state_job_samples(struct state *s, int64_t job, int64_t out[LIMIT_JOB_SAMPLES])
{
    size_t n = 0;
    if (s->level < HISTORY_LEVEL)
        return samples_of_runs(s, job, out);
    struct ends e;
    ends_of(s, job, &e);
    while (n < e.samples_n) {
        out[n] = e.samples[e.samples_n - 1 - n];
        n++;
    }
    struct stmt *q = query_use(s, SAMPLES);
    stmt_bind_i64(q, ":job", job);
    while (n < LIMIT_JOB_SAMPLES && stmt_row(q)) {
        struct slice part = stmt_text(q, 0);
        n = take_part(part.p, part.len, out, n, LIMIT_JOB_SAMPLES);
    }
    stmt_end(q);
    return n;
}
