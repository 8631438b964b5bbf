#include "harness.h"

#define DEMO                                                                                    \
    "{'schedule':'R\\/2014-09-25T17:22:00Z\\/PT2M','name':'date','container':{'type':'DOCKER'," \
    "'image':'library/busybox:latest'},'cpus':'0.1','mem':'64','uris':[],'command':'takes 1000'}"

static struct harness h;

static void begin(const char *at)
{
    harness_open(&h, at);
    harness_agent(&h, "n1", 8, 8192);
}

static void the_demo_runs_each_even_minute(void **unused)
{
    (void)unused;
    begin("2026-03-01T10:07:30Z");
    harness_post(&h, JOB_FACE_2, DEMO);
    assert_string_equal(harness_shown(&h, "date"), "R/2026-03-01T10:08:00.000Z/PT2M");
    harness_run(&h, "2026-03-01T10:13:00Z");
    assert_string_equal(harness_starts(&h, "date"), "10:08:00/0 10:10:00/0 10:12:00/0");
    assert_string_equal(harness_runs(&h, "date"), "10:08:00 ok, 10:10:00 ok, 10:12:00 ok");
    assert_string_equal(harness_shown(&h, "date"), "R/2026-03-01T10:14:00.000Z/PT2M");
    assert_in_range(harness_latest_ms(&h), 0, 20);
    assert_int_equal(harness_job(&h, "date").successes, 3);
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_demo_runs_each_even_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
