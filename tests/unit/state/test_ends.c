/* What is counted at the ends of runs is the same, packed or not: whoever asks for it gets what a
 * state of the level before answers that has been told the same. */
#include "runs.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/rng.h"
#include "model/command.h"
#include "state/private.h"

/* ---- two states, asked for the same */

static void same_job(const struct job_row *a, const struct job_row *b)
{
#define SAME(field) assert_true(a->field == b->field)
    SAME(id), SAME(generation), SAME(disabled), SAME(gone), SAME(k), SAME(remaining);
    SAME(next.ms), SAME(successes), SAME(errors), SAME(errors_since_success);
    SAME(last_success.ms), SAME(last_error.ms), SAME(queued), SAME(active);
    assert_string_equal(a->name, b->name);
}

static void same_buckets(struct fixture *f, struct fixture *g, int64_t job, enum day_fact fact,
                         int64_t day)
{
    static struct bucket a[JOB_BUCKETS], b[JOB_BUCKETS];
    size_t n = state_job_days(f->state, job, fact, day, a);
    assert_int_equal(state_job_days(g->state, job, fact, day, b), n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a[i].bucket, b[i].bucket);
        assert_int_equal(a[i].n, b[i].n);
    }
}

static void same_numbers(struct fixture *f, struct fixture *g, int64_t job)
{
    static const int64_t back[] = {INT32_MAX, 40, 31, 7, 1, 0, -1, -40};
    static int64_t a[LIMIT_JOB_SAMPLES], b[LIMIT_JOB_SAMPLES];
    for (size_t i = 0; i < COUNT(back); i++) {
        int64_t day = f->at / DAY_MS - back[i];
        for (int fact = DAY_ENDS; fact <= DAY_LATE; fact++)
            same_buckets(f, g, job, (enum day_fact)fact, day);
        for (int fact = DAY_LONGEST; fact <= DAY_LATEST; fact++)
            assert_int_equal(state_job_most(f->state, job, (enum day_fact)fact, day),
                             state_job_most(g->state, job, (enum day_fact)fact, day));
    }
    size_t n = state_job_samples(f->state, job, a);
    assert_int_equal(state_job_samples(g->state, job, b), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(a[i], b[i]);
}

static void same_by_each_way(struct fixture *f, struct fixture *g, const struct job_row *job)
{
    struct job_row b;
    assert_true(state_job_by_id(g->state, job->id, &b));
    same_job(job, &b);
    if (job->gone)
        assert_true(state_job_called(g->state, job->name, &b));
    else
        assert_true(state_job_by_name(g->state, job->name, &b));
    same_job(job, &b);
    assert_true(state_job_alone(g->state, job->id, &b));
    b.queued = job->queued; /* not looked for there */
    b.active = job->active;
    same_job(job, &b);
    same_numbers(f, g, job->id);
}

/* All that there are, in two orders, and the deleted ones. */
static int same(struct fixture *f, struct fixture *g)
{
    int64_t ids[64];
    int n = 0;
    struct job_row a, b;
    struct stmt *p = state_jobs(f->state, "", 100), *q = state_jobs(g->state, "", 100);
    while (state_job_next(p, &a)) {
        assert_true(state_job_next(q, &b));
        same_job(&a, &b);
    }
    assert_false(state_job_next(q, &b));
    p = state_jobs_created(f->state);
    q = state_jobs_created(g->state);
    while (state_job_next(p, &a)) {
        assert_true(state_job_next(q, &b));
        same_job(&a, &b);
        ids[n++] = a.id;
    }
    assert_false(state_job_next(q, &b));
    struct gone_row gone;
    p = state_jobs_gone(f->state);
    while (state_job_gone_next(p, &gone) && n < (int)COUNT(ids))
        ids[n++] = gone.job;
    stmt_end(p);
    for (int i = 0; i < n; i++) {
        assert_true(state_job_by_id(f->state, ids[i], &a));
        same_by_each_way(f, g, &a);
    }
    assert_int_equal(state_history_size(f->state).bytes, state_history_size(g->state).bytes);
    return n;
}

/* ---- what happens to both */

static void pass(struct fixture *f, const char *name, const char *how, int covers)
{
    char args[256];
    struct job_row job;
    assert_true(state_job_by_name(f->state, name, &job));
    snprintf(args, sizeof args,
             "{'set':[{'job':%lld,'generation':%lld,'at_k':%lld,'k':%lld,'remaining':-1,"
             "'%s':{'due_ms':%lld,'covers':%d,'reason':'r'}}]}",
             (long long)job.id, (long long)job.generation, (long long)job.k, (long long)job.k + 1,
             how, (long long)f->at, covers);
    applied(f, "job.tick", args);
}

static void change(struct fixture *f, const char *name, const char *counters)
{
    char args[512];
    struct job_row job;
    assert_true(state_job_by_name(f->state, name, &job));
    snprintf(args, sizeof args,
             "{'name':'%s','base':%lld,'definition':{'name':'%s','runAsUser':'u','parents':[],"
             "'retries':0},'schedule':'R//PT1H','k':0,'remaining':-1,'counters':%s}",
             name, (long long)job.generation, name, counters);
    applied(f, "job.put", args);
}

struct happening {
    const char *name;
    unsigned what, which;
    int64_t number;
};

/* Jobs: "a" takes about as long each time and runs often; "b" takes longer or shorter each time;
 * "c" is passed over; "d" is deleted and put again. */
static struct happening next_of(struct rng *r)
{
    static const char *const names[] = {"a", "a", "a", "a", "a", "b", "b", "c", "d"};
    return (struct happening){.name = names[rng_below(r, COUNT(names))],
                              .what = (unsigned)rng_below(r, 100),
                              .which = (unsigned)rng_below(r, 60),
                              .number = (int64_t)rng_below(r, 1 << 20)};
}

static void run_it(struct fixture *f, const struct happening *h)
{
    static const char *const ends[] = {"finished", "finished", "finished",
                                       "finished", "lost",     "failed"};
    int64_t ms = h->name[0] == 'b' ? h->number >> h->which % 20 : h->number % 7;
    run(f, h->name, 2 + ms / 3, 1 + ms, ends[h->which % COUNT(ends)], "");
}

static void pass_it(struct fixture *f, const struct happening *h)
{
    static const char *const ways[] = {"missed", "coalesced", "excluded", "excluded", "excluded"};
    pass(f, "c", ways[h->which % COUNT(ways)], 1 + h->which % 3);
}

static void pass_time(struct fixture *f, const struct happening *h)
{
    static const int64_t days[] = {1, 0, 1, -1, 0, 3, -1, 33};
    f->at += days[h->which % COUNT(days)] * DAY_MS + h->number;
}

static void happens(struct fixture *f, const struct happening *h)
{
    char args[64];
    snprintf(args, sizeof args, "{'name':'%s'}", h->name);
    if (h->what < 80) {
        run_it(f, h);
    } else if (h->what < 90) {
        pass_it(f, h);
    } else if (h->what < 92) {
        applied(f, "job.mark", args);
    } else if (h->what < 94) {
        change(f, h->name,
               h->which < 30 ? "{}" : "{'successes':5,'errors':2,'since':1,'last_error_ms':77}");
    } else if (h->what < 96) {
        restart(f);
    } else if (h->what < 98) {
        pass_time(f, h);
    } else if (h->which < 30) {
        applied(f, "job.delete", "{'name':'d'}");
        put_job(f, "d");
    } else {
        applied(f, "job.trim", "{}");
    }
}

static void begin(struct fixture *f, int level)
{
    begin_state(f);
    upgrade(f, level);
    set_history(f, "runs", 3);
    set_history(f, "bytes", 30000);
    for (const char *name = "a\0b\0c\0d\0"; *name != '\0'; name += 2)
        put_job(f, name);
}

/* Both begin at that level; after a while the second is brought to the one that packs, and the
 * first to the one before. 0: at once. */
static void tell(uint64_t seed, int times, int level, int upgraded_at)
{
    static struct fixture f, g;
    void *both[] = {&f, &g};
    struct rng r;
    int most = 0;
    rng_seed(&r, seed);
    begin(&f, upgraded_at == 0 ? PACKED_LEVEL - 1 : level);
    begin(&g, upgraded_at == 0 ? PACKED_LEVEL : level);
    for (int i = 1; i <= times; i++) {
        struct happening h = next_of(&r);
        happens(&f, &h);
        happens(&g, &h);
        if (i == upgraded_at) {
            upgrade(&f, PACKED_LEVEL - 1);
            upgrade(&g, PACKED_LEVEL);
        }
        if (i % (times / 40) == 0 || i == upgraded_at) {
            int n = same(&f, &g);
            most = n > most ? n : most;
        }
    }
    assert_true(most > 4); /* a deleted one, too */
    tear_down(&both[0]);
    tear_down(&both[1]);
}

static void who_asks_gets_what_was_counted_packed_or_not(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 3; seed++)
        tell(seed, 500, PACKED_LEVEL, 0);
}

static void who_has_counted_otherwise_before_goes_on_from_there(void **unused)
{
    (void)unused;
    for (int i = 1; i <= 3; i++)
        tell(10 + (uint64_t)i, 500, i == 1 ? WALKS_LEVEL : PACKED_LEVEL - 1, i * 120);
}

static void samples_of_before_are_the_oldest(void **data)
{
    struct fixture *f = *data;
    static int64_t ms[LIMIT_JOB_SAMPLES];
    upgrade(f, PACKED_LEVEL - 1);
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 1);
    set_history(f, "bytes", 0);
    for (int i = 0; i < 1200; i++) {
        if (i == 100)
            upgrade(f, PACKED_LEVEL);
        run(f, "j", 10, 100 + i, "finished", "");
        if (i % 100 != 99)
            continue;
        size_t n = state_job_samples(f->state, job, ms);
        assert_int_equal(n, i + 1 < LIMIT_JOB_SAMPLES ? i + 1 : LIMIT_JOB_SAMPLES);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(ms[k], 110 + i - (int)k);
    }
}

/* ---- how it is kept */

static int64_t number(struct fixture *f, const char *sql)
{
    struct error err;
    struct stmt *q = db_query(f->db, slice_of(sql), &err);
    assert_non_null(q);
    assert_true(stmt_row(q));
    int64_t n = stmt_i64(q, 0);
    stmt_free(q);
    return n;
}

static void a_text_is(struct fixture *f, const char *sql, const char *expected)
{
    struct error err;
    struct stmt *q = db_query(f->db, slice_of(sql), &err);
    assert_non_null(q);
    assert_true(stmt_row(q));
    assert_string_equal(stmt_str(q, 0), expected);
    stmt_free(q);
}

static void it_is_packed_as_the_schema_says(void **data)
{
    struct fixture *f = *data;
    put_job(f, "j");
    run(f, "j", 10, 20, "finished", "");
    a_text_is(f, "select hex(facts) from job_ends", /* success, took 20, late 10 */
              "0301"
              "910801"
              "F60701"
              "F60714"
              "80080A");
    a_text_is(f, "select hex(samples) from job_ends", "1E");
    run(f, "j", 10, 290, "finished", "");
    a_text_is(f, "select hex(samples) from job_ends", "1EAC02");
    assert_int_equal(number(f, "select successes from job_ends"), 2);
    assert_int_equal(number(f, "select successes from jobs"), 0);
}

static void an_end_writes_one_row_until_the_day_is_over(void **data)
{
    struct fixture *f = *data;
    put_job(f, "j");
    run_often(f, "j", 30);
    assert_int_equal(number(f, "select count(*) from job_days"), 0);
    assert_int_equal(number(f, "select count(*) from job_samples"), 0);
    assert_int_equal(number(f, "select count(*) from job_ends"), 1);
    f->at += DAY_MS;
    run(f, "j", 10, 20, "finished", "");
    assert_int_equal(number(f, "select count(*) from job_days"), 5);
    assert_int_equal(number(f, "select n from job_days where fact = 0"), 30);
    run_often(f, "j", 2);
    assert_int_equal(number(f, "select count(*) from job_days"), 5);
    assert_int_equal(number(f, "select n from job_samples"), 32);
    assert_int_equal(number(f, "select length(samples) from job_ends"), 1);
}

static void what_is_too_much_to_be_packed_goes_before_the_day_is_over(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    for (int i = 0; i < 200; i++)
        run(f, "j", 10, 3000 << i % 40 / 4, "finished", "");
    for (int i = 0; i < 200; i++)
        run(f, "j", 3 + i, 10 + i, "finished", "");
    assert_true(number(f, "select length(facts) from job_ends") <= ENDS_FACTS * 4);
    assert_true(number(f, "select count(*) from job_days") > 40);
    struct bucket b[JOB_BUCKETS];
    assert_int_equal(state_job_days(f->state, job, DAY_ENDS, 0, b), 1);
    assert_int_equal(b[0].n, 400);
}

static void the_rows_go_with_their_job(void **data)
{
    struct fixture *f = *data;
    put_job(f, "j");
    run(f, "j", 10, 20, "finished", "");
    set_history(f, "runs", 1);
    set_history(f, "bytes", 0);
    applied(f, "job.delete", "{'name':'j'}");
    assert_int_equal(number(f, "select count(*) from job_ends"), 1);
    for (int i = 0; i < 9 && state_any_to_trim(f->state); i++)
        applied(f, "job.trim", "{}");
    assert_int_equal(number(f, "select count(*) from job_ends"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up_newest, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_gets_what_was_counted_packed_or_not),
        cmocka_unit_test(who_has_counted_otherwise_before_goes_on_from_there),
        cmocka_unit_test_setup_teardown(samples_of_before_are_the_oldest, set_up, tear_down),
        T(it_is_packed_as_the_schema_says),
        T(an_end_writes_one_row_until_the_day_is_over),
        T(what_is_too_much_to_be_packed_goes_before_the_day_is_over),
        T(the_rows_go_with_their_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
