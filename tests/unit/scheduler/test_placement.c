/* Where one more task goes, and if nowhere, why (spec/marathon.md 9.1, 9.4, 11.3). */
#include "fleet.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"

static struct fleet f;

static int begin(void **unused)
{
    (void)unused;
    fleet_open(&f);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    fleet_close(&f);
    return 0;
}

/* The reason of the only agent, "" when it takes the task, and the example. */
static const char *asks(struct demand *d, char example[96])
{
    struct funnel funnel;
    struct placement *p = placement_new(f.state, ALL_HEARD);
    bool fits = place_explain(p, d, &funnel);
    placement_free(p);
    for (int r = 0; r < REASONS_N; r++) {
        if (funnel.declined[r] == 0)
            continue;
        assert_false(fits);
        str_copy(example, 96, funnel.example[r]);
        return reason_word((enum reason)r);
    }
    assert_true(fits);
    return "";
}

static struct constraint rack_b = {"rack", OP_IS, "b", 0};

/* A demand that fails every check; each next row has mended the first one that it failed. */
static void the_first_check_that_fails_is_the_reason(void **unused)
{
    struct ports fixed = {0};
    struct constraints constraints = {&rack_b, 1};
    struct demand d = {
        .needs = {.cpus_milli = 3000, .mem_bytes = 2000 * MIB, .disk_bytes = 2000 * MIB, .gpus = 1},
        .fixed_ports = &fixed,
        .constraints = &constraints,
        .docker = true,
        .role = "prod"};
    char example[96];
    (void)unused;
    ports_add(&fixed, 80, 80);
    fleet_agent(&f, "n1",
                "{'cpus_milli':2000,'mem_bytes':1048576000,'disk_bytes':1048576000,'docker':'',"
                "'docker_reason':'no engine','attributes':{'rack':'a'},'ports':'31000-31001'}");
    fleet_command(&f, COMMAND_AGENT_STATE, "{'set':[{'agent':0,'state':1}]}");
    assert_string_equal(asks(&d, example), "UnfulfilledRole");
    assert_string_equal(example, "n1: role prod");
    d.role = NULL;
    assert_string_equal(asks(&d, example), "UnfulfilledConstraint");
    assert_string_equal(example, "n1: rack IS b");
    rack_b.value = "a";
    assert_string_equal(asks(&d, example), "AgentMaintenance");
    fleet_command(&f, COMMAND_AGENT_STATE, "{'set':[{'agent':0,'state':0}]}");
    assert_string_equal(asks(&d, example), "InsufficientCpus");
    assert_string_equal(example, "n1: 2 cpus free, 3 asked");
    d.needs.cpus_milli = 2000;
    assert_string_equal(asks(&d, example), "InsufficientMemory");
    assert_string_equal(example, "n1: 1000 MiB free, 2000 asked");
    d.needs.mem_bytes = 1;
    assert_string_equal(asks(&d, example), "InsufficientDisk");
    assert_string_equal(example, "n1: 1000 MiB of disk free, 2000 asked");
    d.needs.disk_bytes = 1;
    assert_string_equal(asks(&d, example), "InsufficientGpus");
    d.needs.gpus = 0;
    assert_string_equal(asks(&d, example), "InsufficientPorts");
    assert_string_equal(example, "n1: port 80 is not free there");
    ports_remove(&fixed, 80, 80);
    d.any_ports = 3;
    assert_string_equal(asks(&d, example), "InsufficientPorts");
    assert_string_equal(example, "n1: 2 of 3 ports free");
    d.any_ports = 2;
    assert_string_equal(asks(&d, example), "DockerUnavailable");
    assert_string_equal(example, "n1: no engine");
    d.docker = false;
    assert_string_equal(asks(&d, example), "");
    ports_close(&fixed);
}

static void a_silent_agent_is_not_used(void **unused)
{
    struct demand d = {.needs = {.cpus_milli = 1}};
    struct funnel funnel;
    struct place at;
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_cut(&f, 0);
    struct placement *p = placement_new(f.state, ALL_HEARD);
    assert_false(place(p, &d, &f.rng, &at, &funnel));
    assert_int_equal(funnel.declined[REASON_SILENT], 1);
    assert_string_equal(funnel.example[REASON_SILENT], "n1: unreachable");
    assert_int_equal(at.agent, -1);
    placement_free(p);
}

static void a_spared_agent_is_taken_only_if_no_other_will_do(void **unused)
{
    int64_t first = 0, second = 1;
    struct demand d = {.needs = {.cpus_milli = 100}};
    struct funnel funnel;
    struct place at;
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_agent(&f, "n2", "{}");
    struct placement *p = placement_new(f.state, ALL_HEARD);
    for (int i = 0; i < 8; i++) { /* though it has more and more room */
        d.spared = i < 4 ? &first : &second;
        assert_true(place(p, &d, &f.rng, &at, &funnel));
        assert_int_equal(at.agent, i < 4 ? 1 : 0);
        mem_free(at.ports);
    }
    fleet_cut(&f, 0);
    placement_turn(p);
    assert_true(place(p, &d, &f.rng, &at, &funnel));
    assert_int_equal(at.agent, 1);
    mem_free(at.ports);
    placement_free(p);
}

static void nobody_is_considered_where_nobody_is(void **unused)
{
    struct demand d = {.needs = {.cpus_milli = 1}};
    struct funnel funnel;
    (void)unused;
    struct placement *p = placement_new(f.state, ALL_HEARD);
    assert_false(place_explain(p, &d, &funnel));
    assert_int_equal(funnel.considered, 0);
    placement_free(p);
}

static void tasks_spread_by_what_is_left(void **unused)
{
    struct demand d = {.needs = {.cpus_milli = 1000, .mem_bytes = MIB}};
    struct funnel funnel;
    struct place at;
    int placed[3] = {0};
    (void)unused;
    fleet_agent(&f, "n1", "{'cpus_milli':4000}");
    fleet_agent(&f, "n2", "{'cpus_milli':4000}");
    fleet_agent(&f, "big", "{'cpus_milli':8000}");
    struct placement *p = placement_new(f.state, ALL_HEARD);
    for (int i = 0; i < 8; i++) { /* the same share of each is used */
        assert_true(place(p, &d, &f.rng, &at, &funnel));
        placed[at.agent]++;
        mem_free(at.ports);
    }
    assert_int_equal(placed[0], 2);
    assert_int_equal(placed[1], 2);
    assert_int_equal(placed[2], 4);
    for (int i = 0; i < 8; i++) {
        assert_true(place(p, &d, &f.rng, &at, &funnel));
        mem_free(at.ports);
    }
    assert_false(place(p, &d, &f.rng, &at, &funnel));
    assert_int_equal(funnel.declined[REASON_CPUS], 3);
    placement_free(p);
}

static void ports_are_given_once(void **unused)
{
    struct ports fixed = {0};
    struct demand d = {.fixed_ports = &fixed, .any_ports = 2};
    struct funnel funnel;
    struct place at;
    (void)unused;
    ports_add(&fixed, 31002, 31002);
    fleet_agent(&f, "n1", "{'ports':'31000-31003'}");
    struct placement *p = placement_new(f.state, ALL_HEARD);
    assert_true(place(p, &d, &f.rng, &at, &funnel));
    assert_int_equal(at.ports_n, 3);
    assert_int_equal(at.ports[0], 31002); /* the fixed one first */
    assert_int_not_equal(at.ports[1], 31002);
    assert_int_not_equal(at.ports[2], 31002);
    assert_int_not_equal(at.ports[1], at.ports[2]);
    mem_free(at.ports);
    assert_false(place(p, &d, &f.rng, &at, &funnel));
    assert_string_equal(funnel.example[REASON_PORTS], "n1: port 31002 is not free there");
    placement_free(p);
    ports_close(&fixed);
}

static void a_taken_port_names_who_has_it(void **unused)
{
    struct ports fixed = {0};
    struct demand d = {.fixed_ports = &fixed};
    char example[96];
    (void)unused;
    ports_add(&fixed, 31000, 31001); /* the first is free */
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, "{'id':'/old/web','cmd':'ok','requirePorts':true,'portDefinitions':[{'port':31001"
                  "}]}");
    fleet_run_ms(&f, 100);
    assert_string_equal(asks(&d, example), "InsufficientPorts");
    assert_string_equal(example, "n1: port 31001 taken by /old/web");
    ports_close(&fixed);
}

/* A machine with many holes in its ports is described in full. */
static void many_port_ranges_are_read(void **unused)
{
    struct demand d = {.any_ports = 900};
    struct buf members;
    char example[96];
    (void)unused;
    buf_init(&members, 32768);
    buf_puts(&members, "{'ports':'");
    for (int i = 0; i < 900; i++)
        buf_printf(&members, "%s%d-%d", i > 0 ? ", " : "", 30000 + 2 * i, 30000 + 2 * i);
    buf_puts(&members, "'}");
    fleet_agent(&f, "n1", buf_str(&members));
    buf_close(&members);
    assert_string_equal(asks(&d, example), "");
}

/* What is on its way through the log counts, turn after turn, until it is settled. */
static void what_was_given_counts_until_it_is_settled(void **unused)
{
    struct ports fixed = {0};
    struct demand d = {.needs = {.cpus_milli = 1000}, .fixed_ports = &fixed};
    struct demand any = {.needs = {.cpus_milli = 1000}, .any_ports = 1};
    struct funnel funnel;
    struct place at;
    (void)unused;
    ports_add(&fixed, 31000, 31000);
    fleet_agent(&f, "n1", "{'cpus_milli':2000,'ports':'31000-31001'}");
    struct placement *p = placement_new(f.state, ALL_HEARD);
    assert_true(place(p, &d, &f.rng, &at, &funnel));
    mem_free(at.ports);
    uint64_t first = placement_proposed(p);
    placement_turn(p);
    assert_false(place(p, &d, &f.rng, &at, &funnel));
    assert_int_equal(funnel.declined[REASON_PORTS], 1);
    assert_true(place(p, &any, &f.rng, &at, &funnel));
    assert_int_equal(at.ports[0], 31001);
    mem_free(at.ports);
    placement_proposed(p);
    placement_turn(p);
    assert_false(place(p, &any, &f.rng, &at, &funnel));
    assert_int_equal(funnel.declined[REASON_CPUS], 1);
    placement_settled(p, first); /* the first was refused: its place is free again */
    placement_turn(p);
    assert_true(place(p, &d, &f.rng, &at, &funnel));
    mem_free(at.ports);
    placement_settled(p, placement_proposed(p));
    placement_settled(p, first); /* late news of what is settled */
    placement_settled(p, 1000);  /* and of what somebody else gave */
    placement_turn(p);
    assert_true(place(p, &d, &f.rng, &at, &funnel));
    mem_free(at.ports);
    placement_turn(p); /* that was never proposed: its place is free */
    assert_true(place_explain(p, &d, &funnel));
    placement_free(p);
    ports_close(&fixed);
}

/* What is found out of a constraint is kept for a turn: of this one, and of no other. */
static void constraints_alike_are_told_apart(void **unused)
{
    struct constraint like = {"hostname", OP_LIKE, "n[1]", 0};
    struct constraint unlike = {"hostname", OP_UNLIKE, "n[1]", 0};
    struct constraint other = {"hostname", OP_LIKE, "n[2]", 0};
    const struct constraints one = {&like, 1}, two = {&unlike, 1}, three = {&other, 1};
    const struct constraints *const asked[] = {&one, &two, &three, &one, &two, &three};
    (void)unused;
    int64_t n1 = fleet_agent(&f, "n1", "{}"), n2 = fleet_agent(&f, "n2", "{}");
    struct placement *p = placement_new(f.state, ALL_HEARD);
    for (size_t i = 0; i < COUNT(asked); i++) {
        struct demand d = {.constraints = asked[i]};
        struct place at;
        struct funnel funnel;
        if (i == 4)
            placement_turn(p);
        assert_true(place(p, &d, &f.rng, &at, &funnel));
        assert_int_equal(at.agent, asked[i] == &one ? n1 : n2);
        mem_free(at.ports);
    }
    placement_free(p);
}

static double cost_of(struct demand *d)
{
    struct funnel funnel;
    struct placement *p = placement_new(f.state, ALL_HEARD);
    place_explain(p, d, &funnel);
    clock_t begun = clock();
    for (int i = 0; i < 5000; i++)
        assert_true(place_explain(p, d, &funnel));
    double cost = (double)(clock() - begun);
    placement_free(p);
    return cost;
}

/* Thousands of agents and instances are so many pairs. */
static void a_pattern_is_not_tried_again_for_each_task(void **unused)
{
    char name[16];
    struct constraint like = {"hostname", OP_LIKE, "n\\d+|m\\d+", 0};
    const struct constraints constraints = {&like, 1};
    struct demand any = {.needs.cpus_milli = 1}, some = any;
    some.constraints = &constraints;
    (void)unused;
    for (int i = 0; i < FLEET_AGENTS; i++) {
        snprintf(name, sizeof name, "n%d", i);
        fleet_agent(&f, name, "{}");
    }
    assert_true(cost_of(&some) < 100 * cost_of(&any));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(the_first_check_that_fails_is_the_reason),
        TEST(a_silent_agent_is_not_used),
        TEST(a_spared_agent_is_taken_only_if_no_other_will_do),
        TEST(nobody_is_considered_where_nobody_is),
        TEST(tasks_spread_by_what_is_left),
        TEST(ports_are_given_once),
        TEST(a_taken_port_names_who_has_it),
        TEST(many_port_ranges_are_read),
        TEST(what_was_given_counts_until_it_is_settled),
        TEST(constraints_alike_are_told_apart),
        TEST(a_pattern_is_not_tried_again_for_each_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
