/* The queue between threads. Also built with ThreadSanitizer (tests/threads). */
#include "unit.h"

#include "base/mem.h"
#include "host/mailbox.h"

struct item {
    int producer, number;
};

static bool put(struct mailbox *m, int producer, int number, enum lane lane)
{
    const struct item item = {producer, number};
    return mailbox_put(m, &item, lane);
}

static size_t take(struct mailbox *m, int64_t wait_ms, struct item **out)
{
    void *items;
    size_t n = mailbox_take(m, wait_ms, &items);
    *out = items;
    return n;
}

static void everything_comes_out_in_the_order_it_went_in(void **unused)
{
    struct mailbox m;
    struct item *items;
    (void)unused;
    mailbox_init(&m, sizeof(struct item), 10);
    assert_int_equal(take(&m, 0, &items), 0);
    mem_free(items);
    for (int i = 0; i < 1000; i++)
        assert_true(put(&m, 1, i, LANE_FREE));
    assert_int_equal(take(&m, -1, &items), 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(items[i].number, i);
    mem_free(items);
    mailbox_close(&m);
}

static void has_room_for_as_many_as_came_last(void **unused)
{
    struct mailbox m;
    struct item *items;
    (void)unused;
    mailbox_init(&m, sizeof(struct item), 10);
    for (int i = 0; i < 100; i++)
        assert_true(put(&m, 1, i, LANE_FREE));
    take(&m, 0, &items);
    mem_free(items);
    assert_true(put(&m, 1, 0, LANE_FREE));
    assert_int_equal(m.cap, 100);
    take(&m, 0, &items);
    mem_free(items);
    assert_true(put(&m, 1, 0, LANE_FREE));
    assert_in_range(m.cap, 1, 8);
    take(&m, 0, &items);
    mem_free(items);
    mailbox_close(&m);
}

static void a_full_lane_does_not_hold_up_the_other(void **unused)
{
    struct mailbox m;
    struct item *items;
    (void)unused;
    mailbox_init(&m, sizeof(struct item), 2);
    assert_true(put(&m, 1, 0, LANE_BOUNDED));
    assert_true(put(&m, 1, 1, LANE_FREE));
    assert_true(put(&m, 1, 2, LANE_BOUNDED));
    assert_false(put(&m, 1, 9, LANE_BOUNDED));
    assert_true(put(&m, 1, 3, LANE_FREE));
    assert_int_equal(take(&m, 0, &items), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(items[i].number, i);
    mem_free(items);
    assert_true(put(&m, 1, 4, LANE_BOUNDED)); /* it is empty again */
    take(&m, 0, &items);
    mem_free(items);
    mailbox_close(&m);
}

static void what_is_shut_takes_nothing_and_keeps_what_it_has(void **unused)
{
    struct mailbox m;
    struct item *items;
    (void)unused;
    mailbox_init(&m, sizeof(struct item), 2);
    assert_true(put(&m, 1, 0, LANE_FREE));
    mailbox_shut(&m);
    assert_false(put(&m, 1, 1, LANE_FREE));
    assert_false(put(&m, 1, 1, LANE_BOUNDED));
    assert_int_equal(take(&m, -1, &items), 1);
    mem_free(items);
    assert_int_equal(take(&m, -1, &items), 0); /* does not wait any more */
    mem_free(items);
    mailbox_close(&m);
}

static void a_wait_ends_with_its_time(void **unused)
{
    struct mailbox m;
    struct item *items;
    (void)unused;
    mailbox_init(&m, sizeof(struct item), 2);
    assert_int_equal(take(&m, 1, &items), 0);
    mem_free(items);
    mailbox_close(&m);
}

/* ---- threads */

#define PRODUCERS 4
#define EACH 5000

struct producer {
    struct mailbox *m;
    int number;
    int refused;
    uv_thread_t thread;
};

static void produce(void *data)
{
    struct producer *p = data;
    for (int i = 0; i < EACH; i++)
        if (!put(p->m, p->number, i, i % 3 == 0 ? LANE_BOUNDED : LANE_FREE))
            p->refused++;
}

static void many_producers_lose_nothing_but_what_was_refused(void **unused)
{
    struct mailbox m;
    struct producer producers[PRODUCERS];
    int next[PRODUCERS] = {0}, got = 0, refused = 0;
    (void)unused;
    mailbox_init(&m, sizeof(struct item), 100);
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.m = &m, .number = i};
        assert_int_equal(uv_thread_create(&producers[i].thread, produce, &producers[i]), 0);
    }
    bool last = false;
    for (;;) {
        struct item *items;
        size_t n = take(&m, last ? 0 : 1, &items);
        for (size_t i = 0; i < n; i++) { /* each producer's own in their order */
            assert_true(items[i].number >= next[items[i].producer]);
            next[items[i].producer] = items[i].number + 1;
            got++;
        }
        mem_free(items);
        if (last && n == 0)
            break;
        bool all_ended = true; /* each has put its last one, which is never refused */
        for (int i = 0; i < PRODUCERS; i++)
            all_ended = all_ended && next[i] == EACH;
        if (all_ended) {
            for (int i = 0; i < PRODUCERS && !last; i++)
                uv_thread_join(&producers[i].thread);
            last = true;
        }
    }
    for (int i = 0; i < PRODUCERS; i++)
        refused += producers[i].refused;
    assert_int_equal(got + refused, PRODUCERS * EACH);
    mailbox_close(&m);
}

static void wait_for_ever(void *data)
{
    struct item *items;
    take(data, -1, &items);
    mem_free(items);
}

static void shutting_ends_a_wait(void **unused)
{
    struct mailbox m;
    uv_thread_t waits;
    (void)unused;
    mailbox_init(&m, sizeof(struct item), 2);
    assert_int_equal(uv_thread_create(&waits, wait_for_ever, &m), 0);
    mailbox_shut(&m);
    uv_thread_join(&waits);
    mailbox_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_out_in_the_order_it_went_in),
        cmocka_unit_test(has_room_for_as_many_as_came_last),
        cmocka_unit_test(a_full_lane_does_not_hold_up_the_other),
        cmocka_unit_test(what_is_shut_takes_nothing_and_keeps_what_it_has),
        cmocka_unit_test(a_wait_ends_with_its_time),
        cmocka_unit_test(many_producers_lose_nothing_but_what_was_refused),
        cmocka_unit_test(shutting_ends_a_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
