#include "unit.h"

#include "base/mem.h"
#include "host/mailbox.h"

#define PER_THREAD 20000
#define THREADS 3

static void puts_hold_their_order_and_the_limit(void **unused)
{
    (void)unused;
    struct mailbox m;
    int *items;
    mailbox_init(&m, sizeof(int), 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(mailbox_put(&m, &i, LANE_BOUNDED), i < 2);
    int more = 7; /* what must not wait behind strangers has no limit */
    assert_true(mailbox_put(&m, &more, LANE_FREE));
    assert_int_equal(mailbox_take(&m, -1, (void **)&items), 3);
    assert_int_equal(items[0], 0);
    assert_int_equal(items[1], 1);
    assert_int_equal(items[2], 7);
    mem_free(items);
    assert_true(mailbox_put(&m, &more, LANE_BOUNDED)); /* there is room again */
    mailbox_shut(&m);
    assert_false(mailbox_put(&m, &more, LANE_FREE));
    assert_int_equal(mailbox_take(&m, -1, (void **)&items), 1); /* what was there is not lost */
    mem_free(items);
    assert_int_equal(mailbox_take(&m, -1, (void **)&items), 0);
    mem_free(items);
    mailbox_close(&m);
}

struct writer {
    uv_thread_t thread;
    struct mailbox *m;
    int number;
};

static void write_all(void *data)
{
    struct writer *w = data;
    for (int i = 0; i < PER_THREAD; i++) {
        int item = w->number * PER_THREAD + i;
        mailbox_put(w->m, &item, LANE_FREE);
    }
}

static void many_threads_lose_nothing(void **unused)
{
    (void)unused;
    struct mailbox m;
    struct writer writers[THREADS];
    int next[THREADS] = {0}, *items;
    mailbox_init(&m, sizeof(int), 0);
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.m = &m, .number = i};
        uv_thread_create(&writers[i].thread, write_all, &writers[i]);
    }
    for (int taken = 0; taken < THREADS * PER_THREAD;) {
        size_t n = mailbox_take(&m, -1, (void **)&items);
        for (size_t i = 0; i < n; i++, taken++) {
            int writer = items[i] / PER_THREAD;
            assert_int_equal(items[i] % PER_THREAD, next[writer]++); /* in each one's order */
        }
        mem_free(items);
    }
    for (int i = 0; i < THREADS; i++)
        uv_thread_join(&writers[i].thread);
    mailbox_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_hold_their_order_and_the_limit),
        cmocka_unit_test(many_threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
