/* What is counted of a job's ends, in one row (schema/038_packed.sql). */
#include "base/assert.h"
#include "state/private.h"

#define BUCKET_BITS 10
#define NUMBER_BYTES 10 /* of a packed one, at most */

_Static_assert(JOB_BUCKETS == 1 << BUCKET_BITS, "a bucket has its bits");

static size_t put_number(char *p, uint64_t v)
{
    size_t n = 0;
    for (; v > 0x7f; v >>= 7)
        p[n++] = (char)(v | 0x80);
    p[n++] = (char)v;
    return n;
}

static int64_t take_number(struct slice *from)
{
    uint64_t v = 0;
    for (unsigned shift = 0;; shift += 7) {
        ASSERT(from->len > 0 && shift < 64);
        uint8_t byte = (uint8_t)*from->p++;
        from->len--;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return (int64_t)v;
    }
}

static int64_t key_of(const struct fact *f)
{
    return ((int64_t)f->fact << BUCKET_BITS) + f->bucket;
}

static void take_facts(struct ends *e, struct slice from)
{
    int64_t key = 0;
    while (from.len > 0) {
        ASSERT(e->facts_n < ENDS_FACTS);
        key += take_number(&from);
        e->facts[e->facts_n++] = (struct fact){(enum day_fact)(key >> BUCKET_BITS),
                                               (int)(key & (JOB_BUCKETS - 1)), take_number(&from)};
    }
}

static void take_samples(struct ends *e, struct slice from)
{
    while (from.len > 0) {
        ASSERT(e->samples_n < ENDS_SAMPLES);
        e->samples[e->samples_n++] = take_number(&from);
    }
}

void ends_of(struct state *s, int64_t job, struct ends *out)
{
    out->job = job;
    out->day = 0;
    out->facts_n = out->samples_n = 0;
    out->there = out->counted = false;
    out->fresh = (struct fresh){0};
    if (s->level < PACKED_LEVEL)
        return;
    struct stmt *q = query_use(s, ENDS);
    stmt_bind_i64_at(q, 1, job);
    if (!stmt_row(q))
        return;
    out->there = true;
    out->day = stmt_i64(q, 0);
    take_facts(out, stmt_blob(q, 1));
    take_samples(out, stmt_blob(q, 2));
    out->counted = !stmt_is_null(q, 3);
    out->successes = stmt_i64(q, 3);
    out->errors = stmt_i64(q, 4);
    out->errors_since_success = stmt_i64(q, 5);
    out->last_success_ms = stmt_i64(q, 6);
    out->last_error_ms = stmt_i64(q, 7);
    if (s->level >= FRESH_LEVEL)
        out->fresh = (struct fresh){stmt_i64(q, 8), stmt_i64(q, 9)};
    stmt_end(q);
}

void ends_add(struct ends *e, const struct fact *f)
{
    size_t at = 0;
    while (at < e->facts_n && key_of(&e->facts[at]) < key_of(f))
        at++;
    struct fact *here = &e->facts[at];
    if (at < e->facts_n && key_of(here) == key_of(f)) {
        if (!day_fact_is_count(f->fact))
            here->n = f->n > here->n ? f->n : here->n;
        else
            here->n += f->n;
        return;
    }
    ASSERT(e->facts_n < ENDS_FACTS);
    for (size_t i = e->facts_n++; i > at; i--)
        e->facts[i] = e->facts[i - 1];
    *here = *f;
}

static void count(struct ends *e, const struct job_row *job)
{
    e->counted = true;
    e->successes = job->successes;
    e->errors = job->errors;
    e->errors_since_success = job->errors_since_success;
    e->last_success_ms = job->last_success.ms;
    e->last_error_ms = job->last_error.ms;
}

void ends_put(struct state *s, struct ends *e, const struct job_row *counted)
{
    char facts[ENDS_FACTS * 2 * NUMBER_BYTES], samples[ENDS_SAMPLES * NUMBER_BYTES];
    size_t facts_len = 0, samples_len = 0;
    int64_t key = 0;
    if (counted != NULL)
        count(e, counted);
    for (size_t i = 0; i < e->facts_n; i++) {
        facts_len += put_number(facts + facts_len, (uint64_t)(key_of(&e->facts[i]) - key));
        facts_len += put_number(facts + facts_len, (uint64_t)e->facts[i].n);
        key = key_of(&e->facts[i]);
    }
    for (size_t i = 0; i < e->samples_n; i++)
        samples_len += put_number(samples + samples_len, (uint64_t)e->samples[i]);
    struct stmt *q = change_use(s, e->there ? ENDS_PUT : ENDS_ADD);
    stmt_bind_i64_at(q, 1, e->job);
    stmt_bind_i64_at(q, 2, e->day);
    stmt_bind_blob_at(q, 3, (struct slice){facts, facts_len});
    stmt_bind_blob_at(q, 4, (struct slice){samples, samples_len});
    if (e->counted) {
        stmt_bind_i64_at(q, 5, e->successes);
        stmt_bind_i64_at(q, 6, e->errors);
        stmt_bind_i64_at(q, 7, e->errors_since_success);
        stmt_bind_i64_at(q, 8, e->last_success_ms);
        stmt_bind_i64_at(q, 9, e->last_error_ms);
    }
    if (s->level >= FRESH_LEVEL) {
        stmt_bind_i64_at(q, 10, e->fresh.n);
        stmt_bind_i64_at(q, 11, e->fresh.mark_ms);
    }
    struct memo_row *known = memo_known(s, MEMO_JOB, e->job);
    stmt_run(q);
    if (counted != NULL)
        job_counted(s, counted, known != NULL);
    else
        memo_again(s, MEMO_JOB, e->job, known != NULL);
}

struct fresh fresh_of(struct state *s, int64_t job)
{
    struct fresh f = {0};
    struct stmt *q = change_use(s, FRESH);
    stmt_bind_i64(q, ":job", job);
    if (stmt_row(q)) {
        f = (struct fresh){stmt_i64(q, 0), stmt_i64(q, 1)};
        stmt_end(q);
    }
    return f;
}

void fresh_put(struct state *s, int64_t job, const struct fresh *f)
{
    bool known = memo_known(s, MEMO_JOB, job) != NULL;
    struct stmt *q = change_use(s, FRESH_PUT);
    stmt_bind_i64(q, ":job", job);
    stmt_bind_i64(q, ":fresh", f->n);
    stmt_bind_i64(q, ":mark", f->mark_ms);
    stmt_run(q);
    memo_again(s, MEMO_JOB, job, known);
}
