/* Who inherits the schedule of a deleted job: job.delete says when that is next. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "model/command.h"

static void put_job(struct fixture *f, const char *name, const char *more)
{
    char args[1024];
    snprintf(args, sizeof args,
             "{'name':'%s','base':0,'definition':{'name':'%s','runAsUser':'u','retries':0,%s,"
             "'k':3,'remaining':5}",
             name, name, more);
    applied(f, "job.put", args);
}

static void begin(struct fixture *f, int level)
{
    char args[32];
    snprintf(args, sizeof args, "{'level':%d}", level);
    applied(f, "schema.upgrade", args);
    put_job(f, "a", "'schedule':'R9/2026-01-01T00:00:00Z/PT1H'},'schedule':'R5/a'");
    put_job(f, "c", "'parents':['a']},'dependent':{'mode':0,'parents':[{'name':'a','ends':1}]}");
}

static struct job_row job_of(struct fixture *f, const char *name)
{
    struct job_row row;
    assert_true(state_job_by_name(f->state, name, &row));
    return row;
}

static void delete_saying(struct fixture *f, const char *heirs)
{
    char args[512];
    snprintf(args, sizeof args, "{'name':'a'%s}", heirs);
    apply(f, "job.delete", args);
}

static void it_is_as_was_said(void **data)
{
    struct fixture *f = *data;
    char heirs[256];
    begin(f, COMMAND_LEVEL);
    snprintf(heirs, sizeof heirs,
             ",'generation':1,'k':3,'remaining':5,'heirs':[{'job':0,'next_ms':1},"
             "{'job':%lld,'schedule':'R5/said','next_ms':4711}]",
             (long long)job_of(f, "c").id);
    delete_saying(f, heirs);
    assert_int_equal(f->last.code, ERR_NONE);
    struct job_row c = job_of(f, "c");
    assert_string_equal(c.schedule, "R5/said");
    assert_int_equal(c.next.ms, 4711);
    assert_int_equal(c.k, 3);
    assert_int_equal(c.remaining, 5);
    assert_non_null(strstr(c.definition.p, "R9/2026-01-01T00:00:00Z/PT1H"));
}

static void what_has_moved_since_is_looked_at_again(void **data)
{
    struct fixture *f = *data;
    char heirs[256];
    static const char *const seen[] = {"'generation':2,'k':3,'remaining':5",
                                       "'generation':1,'k':2,'remaining':5",
                                       "'generation':1,'k':3,'remaining':6"};
    begin(f, COMMAND_LEVEL);
    for (size_t i = 0; i < COUNT(seen); i++) {
        snprintf(heirs, sizeof heirs, ",%s,'heirs':[{'job':%lld,'schedule':'x','next_ms':1}]",
                 seen[i], (long long)job_of(f, "c").id);
        delete_saying(f, heirs);
        assert_true(f->last.stale);
    }
    delete_saying(f, ",'generation':1,'k':3,'remaining':5,'heirs':[]");
    assert_true(f->last.stale);
    assert_null(job_of(f, "c").schedule);
    assert_int_equal(job_of(f, "a").generation, 1);
}

static void what_is_said_is_what_was_reckoned_before(void **data)
{
    struct fixture *f = *data;
    struct buf said;
    struct json_writer w;
    struct job_row a, c;
    begin(f, HEIRS_LEVEL - 1);
    delete_saying(f, "");
    assert_int_equal(f->last.code, ERR_NONE);
    c = job_of(f, "c");
    assert_string_equal(c.schedule, "R5/a");
    assert_int_equal(c.next.ms, T0 + 3 * 3600000);

    char text[128];
    snprintf(text, sizeof text, "{'level':%d}", HEIRS_LEVEL);
    applied(f, "schema.upgrade", text);
    put_job(f, "a", "'schedule':'R9/2026-01-01T00:00:00Z/PT1H'},'schedule':'R5/a'");
    put_job(f, "d", "'parents':['a']},'dependent':{'mode':0,'parents':[{'name':'a','ends':1}]}");
    a = job_of(f, "a");
    buf_init(&said, 4096);
    json_begin(&w, &said);
    json_object(&w);
    state_write_heirs(f->state, &a, (struct wall){f->at}, &w);
    json_object_end(&w);
    snprintf(text, sizeof text, "\"heirs\":[{\"job\":%lld,\"schedule\":\"R5/a\",\"next_ms\":%lld}]",
             (long long)job_of(f, "d").id, (long long)T0 + 3 * 3600000);
    assert_non_null(strstr(buf_str(&said), text));
    buf_close(&said);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_is_as_was_said),
        T(what_has_moved_since_is_looked_at_again),
        T(what_is_said_is_what_was_reckoned_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
