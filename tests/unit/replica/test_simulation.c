/* Without arguments a few seeds of each kind; `--seeds A-B [--ordered] [--stay] [--off GUARD]` for
 * more, with what happened in each. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "world.h"

#define FAULTS_MS 15000

static uint64_t play(const struct world_options *o, bool tell)
{
    static struct world w;
    world_init(&w, o);
    world_play(&w);
    if (tell)
        printf("seed %llu: %u elections, %u applied, %u crashes, %u installs, %u changes, %u reads "
               "(%u failed), trace %016llx\n",
               (unsigned long long)o->seed, w.n_elections, w.n_entries, w.n_crashes, w.n_installs,
               w.n_changes, w.n_answered, w.n_failed_reads, (unsigned long long)w.trace);
    uint64_t trace = w.trace;
    world_close(&w);
    return trace;
}

static void holds_in_a_hostile_network(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 30; seed++)
        play(&(struct world_options){.seed = seed, .faults_ms = FAULTS_MS}, false);
}

static void holds_on_ordered_links(void **unused)
{
    (void)unused;
    for (uint64_t seed = 101; seed <= 110; seed++)
        play(&(struct world_options){.seed = seed, .faults_ms = FAULTS_MS, .ordered = true}, false);
}

static void holds_with_members_that_stay(void **unused)
{
    (void)unused;
    for (uint64_t seed = 201; seed <= 210; seed++)
        play(&(struct world_options){.seed = seed, .faults_ms = FAULTS_MS, .members_stay = true},
             false);
}

/* The leader had wrong tables, and the only member that could have led instead lost its vote. */
static void no_leader_with_wrong_tables_holds_up_the_others(void **unused)
{
    static const uint64_t seeds[] = {85, 311, 563, 888, 902, 903};
    (void)unused;
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        play(&(struct world_options){.seed = seeds[i], .faults_ms = FAULTS_MS}, false);
}

static void the_same_seed_gives_the_same_trace(void **unused)
{
    (void)unused;
    struct world_options o = {.seed = 7, .faults_ms = FAULTS_MS};
    uint64_t trace = play(&o, false);
    assert_true(play(&o, false) == trace);
    o.seed = 8;
    assert_true(play(&o, false) != trace);
}

static int play_range(int argc, char **argv)
{
    struct world_options o = {.faults_ms = FAULTS_MS};
    unsigned long long from = 0, to = 0;
    for (int i = 1; i < argc; i++) {
        if (str_eq(argv[i], "--seeds") && i + 1 < argc) {
            if (sscanf(argv[++i], "%llu-%llu", &from, &to) == 1)
                to = from;
        } else if (str_eq(argv[i], "--ordered")) {
            o.ordered = true;
        } else if (str_eq(argv[i], "--stay")) {
            o.members_stay = true;
        } else if (str_eq(argv[i], "--off") && i + 1 < argc) {
            o.guards_off |= 1u << atoi(argv[++i]);
        } else {
            fprintf(stderr, "usage: %s [--seeds A-B] [--ordered] [--stay] [--off GUARD]\n",
                    argv[0]);
            return 2;
        }
    }
    for (o.seed = from; o.seed <= to; o.seed++)
        play(&o, true);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play_range(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_in_a_hostile_network),
        cmocka_unit_test(holds_on_ordered_links),
        cmocka_unit_test(holds_with_members_that_stay),
        cmocka_unit_test(no_leader_with_wrong_tables_holds_up_the_others),
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
