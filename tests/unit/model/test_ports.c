#include "unit.h"

#include "model/ports.h"

#include <stdio.h>

static struct ports ports_of(const char *text) /* "1-3 7-7" */
{
    struct ports p = {0};
    unsigned begin, end;
    for (int used; sscanf(text, "%u-%u %n", &begin, &end, &used) == 2; text += used)
        ports_add(&p, (uint16_t)begin, (uint16_t)end);
    return p;
}

static void assert_ports(struct ports *p, const char *expected)
{
    struct buf b;
    buf_init(&b, 4096);
    ports_text(p, &b);
    assert_string_equal(buf_str(&b), expected);
    buf_close(&b);
}

static void port_sets_stay_sorted_and_merged(void **unused)
{
    (void)unused;
    static const struct {
        const char *add, *remove, *left;
    } CASES[] = {
        {"5-6 1-2", "", "[1-2, 5-6]"},
        {"1-2 3-4", "", "[1-4]"},
        {"1-2 5-6 3-4", "", "[1-6]"},
        {"1-9 3-4", "", "[1-9]"},
        {"3-4 1-9", "", "[1-9]"},
        {"0-0 65535-65535", "", "[0-0, 65535-65535]"},
        {"0-65535", "0-0 65535-65535", "[1-65534]"},
        {"1-9", "3-4", "[1-2, 5-9]"},
        {"1-9", "1-9", "[]"},
        {"1-9", "0-20", "[]"},
        {"1-3 5-7 9-11", "2-10", "[1-1, 11-11]"},
        {"1-3", "5-7", "[1-3]"},
        {"", "1-2", "[]"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct ports p = ports_of(CASES[i].add), gone = ports_of(CASES[i].remove);
        for (size_t k = 0; k < gone.n; k++)
            ports_remove(&p, gone.ranges[k].begin, gone.ranges[k].end);
        assert_ports(&p, CASES[i].left);
        ports_close(&p);
        ports_close(&gone);
    }
}

static void takes_ports_by_number_or_by_chance(void **unused)
{
    (void)unused;
    struct ports p = ports_of("10-12 20-20");
    struct rng rng;
    uint16_t out[4];
    rng_seed(&rng, 7);
    assert_int_equal(ports_count(&p), 4);
    assert_true(ports_have(&p, 20));
    assert_false(ports_have(&p, 13));
    assert_true(ports_take(&p, 11));
    assert_false(ports_take(&p, 11));
    assert_false(ports_take_random(&p, 4, &rng, out));
    assert_ports(&p, "[10-10, 12-12, 20-20]"); /* nothing half done */
    assert_true(ports_take_random(&p, 3, &rng, out));
    assert_int_equal(out[0] + out[1] + out[2], 42);
    assert_ports(&p, "[]");
    assert_true(ports_take_random(&p, 0, &rng, out));
    ports_close(&p);
}

static void chance_reaches_every_port(void **unused)
{
    (void)unused;
    struct rng rng;
    unsigned seen = 0;
    rng_seed(&rng, 1);
    for (int i = 0; i < 100; i++) {
        struct ports p = ports_of("1-2 4-4");
        uint16_t port;
        assert_true(ports_take_random(&p, 1, &rng, &port));
        seen |= 1u << port;
        ports_close(&p);
    }
    assert_int_equal(seen, 1u << 1 | 1u << 2 | 1u << 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_sets_stay_sorted_and_merged),
        cmocka_unit_test(takes_ports_by_number_or_by_chance),
        cmocka_unit_test(chance_reaches_every_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
