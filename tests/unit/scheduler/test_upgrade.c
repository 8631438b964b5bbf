/* The rolling upgrade (spec/marathon.md 8.5), played to its end: what upgrade_next() says is done,
 * then one thing happens: a new instance becomes ready, or an old one ends; and so on. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/apps/apps.h"

#define MOVES_MAX 1000

struct play {
    int64_t n;
    double m, o;
    bool resident;
    int64_t healthy, unhealthy; /* old ones, goal run */
    int64_t ending;             /* old ones told to end */
    int64_t starting, ready;    /* new ones */
    char trace[2048];
    size_t len;
};

static struct upgrade_view view_of(const struct play *p)
{
    return (struct upgrade_view){
        .wanted = p->n,
        .minimum_health = p->m,
        .maximum_over = p->o,
        .resident = p->resident,
        .new_live = p->starting + p->ready,
        .new_ready = p->ready,
        .old_alive = p->healthy + p->unhealthy + p->ending,
        .old_keep = p->healthy + p->unhealthy,
        .old_keep_healthy = p->healthy,
        .starting = p->starting,
    };
}

static void note(struct play *p, const char *what, int64_t n)
{
    p->len += (size_t)snprintf(p->trace + p->len, sizeof p->trace - p->len, "%s%s %d",
                               p->len > 0 ? ", " : "", what, (int)n);
}

/* The queue is unhealthy first. */
static void kill_old(struct play *p, int64_t n)
{
    int64_t sick = n < p->unhealthy ? n : p->unhealthy;
    p->unhealthy -= sick;
    p->healthy -= n - sick;
    p->ending += n;
    assert_true(p->healthy >= 0);
}

/* Whether there is still something to do. */
static bool step(struct play *p)
{
    struct upgrade_view v = view_of(p);
    struct upgrade_step s = upgrade_next(&v);
    if (s.done)
        return false;
    assert_true(s.launch >= 0 && s.kill >= 0);
    if (s.launch > 0)
        note(p, "start", s.launch);
    if (s.kill > 0)
        note(p, "kill", s.kill);
    p->starting += s.launch;
    kill_old(p, s.kill);
    return true;
}

static bool one_becomes_ready(struct play *p)
{
    if (p->starting == 0)
        return false;
    p->starting--;
    p->ready++;
    return true;
}

static bool one_ends(struct play *p)
{
    if (p->ending == 0)
        return false;
    p->ending--;
    return true;
}

/* What must never be passed on the way: the capacity (with the extra place where nothing else
 * moves), and the health unless there was less at the start. */
static void check_bounds(const struct play *p, int64_t healthy_at_first, int64_t most_at_first)
{
    int64_t min_healthy = (int64_t)ceil((double)p->n * p->m);
    int64_t max_capacity = (int64_t)floor((double)p->n * (1 + p->o));
    int64_t most = max_capacity + (min_healthy == max_capacity && !p->resident);
    int64_t least = healthy_at_first < min_healthy ? healthy_at_first : min_healthy;
    least -= min_healthy == max_capacity && p->resident;
    int64_t alive = p->healthy + p->unhealthy + p->ending + p->starting + p->ready;
    assert_in_range(alive, 0, most > most_at_first ? most : most_at_first);
    assert_true(p->healthy + p->ready >= least);
}

/* Played to the end, endings first or last; what was done, in order. */
static void play(struct play *p, bool endings_first)
{
    int64_t healthy_at_first = p->healthy, most_at_first = p->healthy + p->unhealthy;
    for (int moves = 0; moves < MOVES_MAX; moves++) {
        bool more = step(p);
        check_bounds(p, healthy_at_first, most_at_first);
        if (!more) {
            assert_int_equal(p->ready, p->n);
            assert_int_equal(p->healthy + p->unhealthy + p->ending, 0);
            return;
        }
        bool moved = endings_first ? one_ends(p) || one_becomes_ready(p)
                                   : one_becomes_ready(p) || one_ends(p);
        if (!moved)
            fail_msg("stalls: %s", p->trace);
    }
    fail_msg("does not end: %s", p->trace);
}

static void the_examples_are_played_as_written(void **unused)
{
    static const struct {
        int64_t n;
        double m, o;
        const char *trace;
    } rows[] = {
        {4, 1, 1, "start 4, kill 1, kill 1, kill 1, kill 1"},
        {4, 0.5, 0, "kill 2, start 1, start 1, kill 1, start 1, kill 1, start 1"},
        {4, 1, 0, "start 1, kill 1, start 1, kill 1, start 1, kill 1, start 1, kill 1"},
        {4, 0, 0, "kill 4, start 1, start 1, start 1, start 1"},
        {1, 1, 1, "start 1, kill 1"},
        {1, 0, 0, "kill 1, start 1"},
        {3, 0.5, 0.2, "kill 1, start 1, kill 1, start 1, kill 1, start 1"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct play p = {.n = rows[i].n, .m = rows[i].m, .o = rows[i].o, .healthy = rows[i].n};
        play(&p, true);
        assert_string_equal(p.trace, rows[i].trace);
    }
}

/* Marathon neither starts nor kills here, for ever: m = 1, o = 0 and an unhealthy old one. */
static void an_unhealthy_old_one_is_replaced_first_and_stalls_nothing(void **unused)
{
    struct play p = {.n = 3, .m = 1, .healthy = 2, .unhealthy = 1};
    (void)unused;
    play(&p, true);
    assert_string_equal(p.trace, "start 1, kill 1, start 1, kill 1, start 1, kill 1");
    assert_int_equal(p.unhealthy, 0);
}

static void unhealthy_ones_die_at_once_where_enough_are_well(void **unused)
{
    struct play p = {.n = 4, .m = 0.5, .o = 0, .healthy = 3, .unhealthy = 1};
    (void)unused;
    step(&p);
    assert_string_equal(p.trace, "kill 2");
    assert_int_equal(p.unhealthy, 0);
}

static void a_resident_gives_a_place_up_where_none_may_be_added(void **unused)
{
    struct play p = {.n = 2, .m = 1, .resident = true, .healthy = 2};
    (void)unused;
    play(&p, true);
    assert_string_equal(p.trace, "kill 1, start 1, kill 1, start 1");
}

static void old_ones_that_nobody_will_want_die_at_once(void **unused)
{
    struct play p = {.n = 2, .m = 1, .o = 1, .healthy = 6};
    (void)unused;
    play(&p, true);
    assert_string_equal(p.trace, "kill 4, start 1, start 1, kill 1, kill 1");
}

/* An old one that ends by itself is not restarted; its place goes to a new one. */
static void the_place_of_one_that_died_goes_to_a_new_one(void **unused)
{
    struct play p = {.n = 3, .m = 0.5, .o = 0, .healthy = 2};
    (void)unused;
    step(&p);
    assert_string_equal(p.trace, "start 1");
}

static void one_new_instance_after_another_may_fail(void **unused)
{
    struct play p = {.n = 2, .m = 1, .o = 1, .healthy = 2};
    (void)unused;
    step(&p);
    p.starting = 1; /* the other has ended */
    step(&p);
    p.starting--;
    p.ready++;
    step(&p);
    p.ready--; /* this one failed when it was ready: the old one stays killed */
    step(&p);
    assert_string_equal(p.trace, "start 2, start 1, kill 1, start 1");
    play(&p, true);
}

/* Everything that may be asked for comes to its end, whatever happens first. */
static void no_mixture_stalls(void **unused)
{
    static const double shares[] = {0, 0.07, 0.25, 0.5, 0.75, 1};
    (void)unused;
    for (unsigned i = 0; i < 9 * 6 * 6 * 7 * 7 * 2 * 2; i++) {
        unsigned x = i;
        struct play p = {0};
        p.n = x % 9, x /= 9;
        p.m = shares[x % 6], x /= 6;
        p.o = shares[x % 6], x /= 6;
        p.healthy = x % 7, x /= 7;
        p.unhealthy = x % 7, x /= 7;
        p.resident = x % 2, x /= 2;
        play(&p, x % 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unhealthy_old_one_is_replaced_first_and_stalls_nothing),
        cmocka_unit_test(unhealthy_ones_die_at_once_where_enough_are_well),
        cmocka_unit_test(a_resident_gives_a_place_up_where_none_may_be_added),
        cmocka_unit_test(old_ones_that_nobody_will_want_die_at_once),
        cmocka_unit_test(the_place_of_one_that_died_goes_to_a_new_one),
        cmocka_unit_test(one_new_instance_after_another_may_fail),
        cmocka_unit_test(no_mixture_stalls),
        cmocka_unit_test(the_examples_are_played_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
