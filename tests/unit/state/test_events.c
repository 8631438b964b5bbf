/* Events stand together in pages: whoever reads them sees what they always saw. */
#include "runs.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "db/authorizer.h"
#include "db/rowsum.h"
#include "db/statement.h"
#include "model/command.h"

#define JOBS 150 /* a pause of all is three pages */
#define PAGES_OF_ALL 3
#define TRIM_PAGES 16 /* with each that is written */

static void put_jobs(struct fixture *f)
{
    for (int i = 0; i < JOBS; i++) {
        char args[200];
        snprintf(args, sizeof args,
                 "{'name':'j%03d','base':0,'definition':'{}','schedule':'R/a','k':1,"
                 "'remaining':-1}",
                 i);
        applied(f, "job.put", args);
    }
}

/* An event for each of them. */
static void all_jobs(struct fixture *f, bool pause)
{
    struct buf args;
    struct job_row job;
    buf_init(&args, 1 << 20);
    buf_puts(&args, pause ? "{'jobs':[" : "{'set':[");
    for (int id = 1; id <= JOBS; id++) {
        assert_true(state_job_alone(f->state, id, &job));
        buf_puts(&args, id > 1 ? "," : "");
        if (pause)
            buf_printf(&args, "%d", id);
        else
            buf_printf(&args, "{'job':%d,'generation':%lld,'at_k':%lld,'k':%lld,'remaining':-1}",
                       id, (long long)job.generation, (long long)job.k, (long long)job.k);
    }
    buf_puts(&args, "],'reason':'a \\\\ \\t \xe2\x82\xac'}");
    applied(f, pause ? "job.pause" : "job.resume", buf_str(&args));
    buf_close(&args);
}

static int begin(void **data)
{
    int rv = set_up(data);
    upgrade(*data, PAGES_LEVEL);
    return rv;
}

/* ---- what is there */

static void put_event(struct buf *out, const struct event_row *e)
{
    buf_printf(out, "%lld %lld %lld %d %s %s %s\n", (long long)e->id, (long long)e->at.ms,
               (long long)e->index, (int)e->noun, e->name, e->what, e->text);
}

/* All, in steps of so many; the numbers follow each other. */
static char *forward(struct fixture *f, int64_t step)
{
    struct buf out;
    struct event_row e;
    int64_t last = 0, n;
    buf_init(&out, 16 << 20);
    do {
        struct events *q = state_events_after(f->state, last, step);
        for (n = 0; state_event_next(q, &e); n++) {
            assert_true(e.id == last + 1 || last == 0);
            last = e.id;
            put_event(&out, &e);
        }
        assert_in_range(n, 0, step);
    } while (n > 0);
    return buf_take(&out, NULL);
}

static int64_t newest(struct fixture *f)
{
    struct event_row e;
    struct events *q = state_events_before(f->state, INT64_MAX, 1);
    int64_t id = state_event_next(q, &e) ? e.id : 0;
    state_events_end(q);
    return id;
}

/* The other way round it is the same. */
static void backward(struct fixture *f, int64_t step, const char *all)
{
    const char *end = all + strlen(all);
    int64_t before = INT64_MAX, n;
    struct event_row e;
    do {
        struct events *q = state_events_before(f->state, before, step);
        for (n = 0; state_event_next(q, &e); n++) {
            struct buf line;
            buf_init(&line, 1 << 20);
            put_event(&line, &e);
            assert_true((size_t)(end - all) >= line.len);
            end -= line.len;
            assert_memory_equal(end, buf_str(&line), line.len);
            buf_close(&line);
            before = e.id;
        }
        assert_in_range(n, 0, step);
    } while (n > 0);
    assert_ptr_equal(end, all);
    assert_int_equal(state_events_oldest(f->state), before);
}

static int64_t number(struct fixture *f, const char *sql)
{
    struct error err;
    struct stmt *q = db_query_reading(f->db, slice_of(sql), &err);
    assert_non_null(q);
    int64_t n = stmt_one_i64(q, -1);
    stmt_free(q);
    return n;
}

static int64_t pages(struct fixture *f)
{
    return number(f, "select count(*) from event_pages");
}

static void start_again(struct fixture *f)
{
    struct error err;
    state_close(f->state);
    assert_int_equal(state_open(f->db, false, &f->state, &err), 0);
    state_watch(f->state, &f->watch);
}

/* ---- */

/* At the level before, at this one, and with the upgrade in the midst of it. */
static char *story(struct fixture *f, int level, int later)
{
    upgrade(f, level);
    put_jobs(f);
    for (int i = 0; i < 20; i++)
        all_jobs(f, i % 2 == 0);
    apply(f, "job.delete", "{'name':'none'}");
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
    upgrade(f, later);
    for (int i = 0; i < 51; i++)
        all_jobs(f, i % 2 == 0);
    assert_int_equal(newest(f) - state_events_oldest(f->state) + 1, LIMIT_EVENTS);
    return forward(f, 1000);
}

static void each_is_as_if_it_had_a_row_of_its_own(void **data)
{
    struct fixture *f = *data;
    char *before = story(f, PAGES_LEVEL - 1, PAGES_LEVEL - 1), *now;
    assert_non_null(strstr(before, "\\ \t \xe2\x82\xac"));
    const struct {
        int level, later;
    } levels[] = {{PAGES_LEVEL, PAGES_LEVEL}, {PAGES_LEVEL - 1, PAGES_LEVEL}};
    for (size_t i = 0; i < COUNT(levels); i++) {
        tear_down(data);
        set_up(data);
        now = story(f, levels[i].level, levels[i].later);
        assert_string_equal(now, before);
        mem_free(now);
    }
    for (int64_t step = 1; step < 2000; step = step * 3 + 1) {
        now = forward(f, step);
        assert_string_equal(now, before);
        backward(f, step, before);
        mem_free(now);
    }
    mem_free(before);
}

static void those_of_a_command_are_a_page_or_a_few(void **data)
{
    struct fixture *f = *data;
    put_jobs(f);
    int64_t there = pages(f), last = newest(f);
    all_jobs(f, true);
    assert_int_equal(pages(f), there + PAGES_OF_ALL);
    assert_int_equal(newest(f), last + JOBS);
    assert_int_equal(number(f, "select max(n) from event_pages"), 64);
}

static void the_next_number_is_known_after_a_restart(void **data)
{
    struct fixture *f = *data;
    put_jobs(f);
    all_jobs(f, true);
    int64_t last = newest(f);
    start_again(f);
    all_jobs(f, false);
    assert_int_equal(newest(f), last + JOBS);
    mem_free(forward(f, 1000)); /* none is left out */
}

static void a_refused_command_leaves_none(void **data)
{
    struct fixture *f = *data;
    char definition[2048], args[6000];
    put_app(f, "/old", 0, 1, "run", 0, "ScaleApplication", false);
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    int64_t last = newest(f), rows = pages(f);
    struct app_row web = app_of(f, "/web");
    snprintf(definition, sizeof definition, "%.*s", (int)web.definition.len, web.definition.p);
    for (int wrong = 1; wrong >= 0; wrong--) { /* the deployment of /web has ended by then */
        snprintf(args, sizeof args,
                 "{\"force\":true,\"deployment\":{\"uuid\":"
                 "\"20000000-0000-4000-8000-000000000001\",\"steps\":[]},"
                 "\"apps\":[{\"path\":\"/web\",\"base\":%lld,\"definition\":%s},"
                 "{\"path\":\"%s\",\"base\":0,\"definition\":%s}]}",
                 (long long)web.version.ms, definition, wrong ? "/old" : "/new", definition);
        apply(f, "app.put", args);
        assert_int_equal(f->last.code, wrong ? ERR_CONFLICT : ERR_NONE);
        assert_int_equal(newest(f) > last, !wrong);
        assert_int_equal(pages(f) > rows, !wrong);
    }
    mem_free(forward(f, 1000));
}

/* Of many that stand alone some go with each page that comes, whether they are shown or not. */
static void what_goes_at_once_is_bounded(void **data)
{
    struct fixture *f = *data;
    tear_down(data);
    set_up(data);
    upgrade(f, PAGES_LEVEL - 1);
    put_jobs(f);
    for (int i = 0; i < 80; i++)
        all_jobs(f, i % 2 == 0);
    upgrade(f, PAGES_LEVEL);
    int64_t there = pages(f);
    assert_int_equal(there, LIMIT_EVENTS);
    for (int i = 0; i < 300; i++) {
        all_jobs(f, i % 2 == 0);
        int64_t now = pages(f);
        assert_true(there - now <= PAGES_OF_ALL * TRIM_PAGES);
        assert_int_equal(newest(f) - state_events_oldest(f->state) + 1, LIMIT_EVENTS);
        there = now;
    }
    assert_in_range(there, 1, (LIMIT_EVENTS / JOBS + 1) * PAGES_OF_ALL + 1);
}

static void people_find_them_in_a_view(void **data)
{
    struct fixture *f = *data;
    struct error err;
    put_jobs(f);
    all_jobs(f, true);
    char *all = forward(f, 1000);
    struct buf out;
    buf_init(&out, 16 << 20);
    struct stmt *q = db_query_reading(
        f->db, SLICE("select id, at_ms, idx, noun, name, what, text from events order by id"),
        &err);
    assert_non_null(q);
    while (stmt_row(q)) {
        const struct event_row e = {.id = stmt_i64(q, 0),
                                    .at = {stmt_i64(q, 1)},
                                    .index = stmt_i64(q, 2),
                                    .noun = (enum noun)stmt_i64(q, 3),
                                    .name = stmt_str(q, 4),
                                    .what = stmt_str(q, 5),
                                    .text = stmt_str(q, 6)};
        put_event(&out, &e);
    }
    stmt_free(q);
    assert_string_equal(buf_str(&out), all);
    buf_close(&out);
    mem_free(all);
}

/* Nothing kept such a text out of a row. */
static void a_text_that_was_cut_within_a_character_is_read(void **data)
{
    struct fixture *f = *data;
    struct error err;
    tear_down(data);
    set_up(data);
    upgrade(f, PAGES_LEVEL - 1);
    db_authorize(f->db, DB_ROLE_ANY);
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    assert_int_equal(db_exec(f->db,
                             "insert into events(at_ms, idx, noun, name, what, text) values(1, 2, "
                             "3, 'n', 'w', cast(x'22e282' as text))",
                             &err),
                     0);
    assert_int_equal(db_commit(f->db, &err), 0);
    upgrade(f, PAGES_LEVEL);
    char *all = forward(f, 1000);
    assert_non_null(strstr(all, " n w \"\xef\xbf\xbd"));
    mem_free(all);
}

/* The check of a file finds no sum of what is no table any more. */
static void no_sum_of_the_table_stays(void **data)
{
    struct fixture *f = *data;
    assert_int_equal(number(f, "select count(*) from row_sums where name = 'events'"), 0);
    assert_int_equal(number(f, "select count(*) from row_sums where name = 'event_pages'"), 1);
    uint64_t sum = db_rowsum(f->db, "event_pages");
    put_jobs(f);
    assert_int_not_equal(db_rowsum(f->db, "event_pages"), sum);
    start_again(f);
    assert_int_equal(number(f, "select count(*) from row_sums where name = 'events'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST_EVENTS(name) cmocka_unit_test_setup_teardown(name, begin, tear_down)
        cmocka_unit_test_setup_teardown(each_is_as_if_it_had_a_row_of_its_own, set_up, tear_down),
        TEST_EVENTS(those_of_a_command_are_a_page_or_a_few),
        TEST_EVENTS(the_next_number_is_known_after_a_restart),
        TEST_EVENTS(a_refused_command_leaves_none),
        TEST_EVENTS(what_goes_at_once_is_bounded),
        TEST_EVENTS(people_find_them_in_a_view),
        TEST_EVENTS(a_text_that_was_cut_within_a_character_is_read),
        TEST_EVENTS(no_sum_of_the_table_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
