/* Changes that clash with others: they go in all the same, and the others too. */
#include "stage.h"

#include <stdio.h>

static struct stage s;

static int begin(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    stage_close(&s);
    return 0;
}

enum { OTHERS = 300, ONES = 5 };

static uint64_t others[OTHERS], ones[ONES], refused[OTHERS];
static int asked;

/* One app more, every millisecond. */
static void another_comes(int at)
{
    char body[128];
    snprintf(body, sizeof body, "{'id':'/a%d','cmd':'run','instances':0}", asked);
    others[asked++] = stage_request(&s, at, METHOD_POST, "/v2/apps", body);
    stage_run_ms(&s, 1);
}

/* What stands in the root decides what becomes of it. */
static uint64_t change_root(int at, int i)
{
    char body[64];
    snprintf(body, sizeof body, "{'groups':[{'id':'g%d'}]}", i);
    return stage_request(&s, at, METHOD_PUT, "/v2/groups?force=true", body);
}

static void answered(const uint64_t *exchanges, int n, int status)
{
    for (int i = 0; i < n; i++) {
        for (int ms = 0; ms < 5000 && stage_status(&s, exchanges[i]) == 0; ms++)
            stage_run_ms(&s, 1);
        if (stage_status(&s, exchanges[i]) != status)
            fail_msg("%d: %d", i, stage_status(&s, exchanges[i]));
    }
}

/* There are others before each of its tries. */
static void a_change_of_the_root_goes_in_beside_many_others(void **unused)
{
    (void)unused;
    int at = stage_leader(&s);
    asked = 0;
    for (int i = 0; i < ONES; i++) {
        while (asked < OTHERS / (ONES + 1) * (i + 1))
            another_comes(at);
        ones[i] = change_root(at, i);
    }
    while (asked < OTHERS)
        another_comes(at);
    answered(ones, ONES, 200);
    answered(others, OTHERS, 201);
}

/* Who waits for it is not forgotten when the leadership goes. */
static void who_waits_for_one_is_answered_by_the_next_leader(void **unused)
{
    (void)unused;
    int at = stage_leader(&s);
    asked = 0;
    while (asked < 20)
        another_comes(at);
    ones[0] = change_root(at, 0);
    while (asked < 30)
        another_comes(at);
    uint64_t gone = stage_request(&s, at, METHOD_DELETE, "/v2/leader", NULL);
    while (asked < OTHERS)
        another_comes(at);
    answered(&gone, 1, 200);
    answered(ones, 1, 200);
    answered(others, OTHERS, 201);
}

/* One of them looks again, the others wait for it; then nobody decides what it asked for. */
static void who_waits_to_look_again_is_answered_by_the_next_leader(void **unused)
{
    (void)unused;
    int at = stage_leader(&s);
    for (int i = 0; i < ONES; i++) {
        char body[64], name[16];
        snprintf(body, sizeof body, "{'groups':[{'id':'g%d'}]}", i);
        snprintf(name, sizeof name, "one-%d", i);
        ones[i] = stage_named_request(&s, at, METHOD_PUT, "/v2/groups?force=true", body, name);
    }
    answered(ones, 1, 200);
    s.members[at].cut = true;
    for (int ms = 0; ms < 5000 && (stage_leader(&s) < 0 || stage_leader(&s) == at); ms++)
        stage_run_ms(&s, 1);
    s.members[at].cut = false;
    answered(ones, ONES, 200);
}

/* It has nothing to propose: it only asks whether this node still leads. */
static void who_waits_for_one_and_is_refused_then_is_answered(void **unused)
{
    (void)unused;
    int at = stage_leader(&s);
    asked = 0;
    while (asked < 20)
        another_comes(at);
    ones[0] = change_root(at, 0);
    while (asked < OTHERS) {
        refused[asked] = stage_request(&s, at, METHOD_DELETE, "/v2/apps/none", NULL);
        another_comes(at);
    }
    answered(ones, 1, 200);
    answered(others, OTHERS, 201);
    answered(refused + 20, OTHERS - 20, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_change_of_the_root_goes_in_beside_many_others),
        TEST(who_waits_for_one_is_answered_by_the_next_leader),
        TEST(who_waits_to_look_again_is_answered_by_the_next_leader),
        TEST(who_waits_for_one_and_is_refused_then_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
