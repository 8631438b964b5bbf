/* A run that no agent takes: its owners hear of it while it waits. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

static struct harness h;

static int begin(void **unused)
{
    (void)unused;
    harness_open(&h, "2026-03-01T10:00:30Z");
    harness_command(&h, COMMAND_SETTING_PUT, "{\"set\":{\"notify\":\"slack\"}}");
    harness_agent(&h, "n1", 8, 8192);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    harness_close(&h);
    return 0;
}

static void post(const char *more)
{
    char body[512];
    snprintf(body, sizeof body,
             "{'name':'j','command':'true','schedule':'R1/2026-03-01T10:01:00Z/PT1H','cpus':99%s}",
             more);
    harness_post(&h, JOB_FACE_3, body);
}

/* "unplaced: 1 node considered: …", all. */
static void told_are(const char *wanted)
{
    char all[1024] = "";
    struct notice_row n;
    struct stmt *q = state_notices_unsent(h.state);
    while (state_notice_next(q, &n)) {
        struct error err;
        struct json *facts = json_parse_own(n.facts, &err);
        const char *why = strstr(json_str(json_get(facts, "message"), ""), "\n\n");
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s:%s\n", n.event,
                 why != NULL ? why + 1 : "");
        json_free(facts);
    }
    assert_string_equal(all, wanted);
}

#define NO_ROOM \
    "unplaced:\n1 node considered: 1 has too few cpus free (n1: 8 cpus free, 99 asked)\n"

static void its_owners_hear_of_it_once(void **unused)
{
    (void)unused;
    post(",'notify':['unplaced']");
    harness_run(&h, "2026-03-01T10:01:30Z");
    told_are("");
    harness_run(&h, "2026-03-01T10:01:33Z");
    told_are(NO_ROOM);
    harness_new_leader(&h);
    harness_run(&h, "2026-03-01T10:05:00Z");
    told_are(NO_ROOM);
}

static void as_soon_as_the_job_counts_as_late(void **unused)
{
    (void)unused;
    post(",'notify':['unplaced'],'notifyLateSeconds':5");
    harness_run(&h, "2026-03-01T10:01:08Z");
    told_are(NO_ROOM);
}

static void repeat(const char *cpus)
{
    char body[512];
    snprintf(body, sizeof body,
             "{'name':'j','command':'true','schedule':'R/2026-03-01T10:01:00Z/PT1M','cpus':%s,"
             "'epsilon':'PT40S','notify':['unplaced']}",
             cpus);
    harness_post(&h, JOB_FACE_3, body);
}

static void not_of_each_run(void **unused)
{
    (void)unused;
    repeat("99");
    harness_run(&h, "2026-03-01T10:05:50Z");
    harness_new_leader(&h);
    harness_run(&h, "2026-03-01T10:09:50Z");
    told_are(NO_ROOM);
    repeat("1");
    harness_run(&h, "2026-03-01T10:12:30Z");
    repeat("99");
    harness_run(&h, "2026-03-01T10:15:50Z");
    told_are(NO_ROOM NO_ROOM);
}

static void nobody_who_has_not_asked(void **unused)
{
    (void)unused;
    post("");
    harness_run(&h, "2026-03-01T10:05:00Z");
    told_are("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_owners_hear_of_it_once),
        TEST(as_soon_as_the_job_counts_as_late),
        TEST(not_of_each_run),
        TEST(nobody_who_has_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
