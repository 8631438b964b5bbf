/* A loop is woken by other threads. Also built with ThreadSanitizer (tests/threads). */
#include "unit.h"

#include "host/bell.h"

#define RINGS 100000

struct fixture {
    uv_loop_t loop;
    struct bell bell;
    atomic_int told; /* by the thread, before it rings */
    int seen, heard;
    bool closed;
};

static void setup(struct fixture *f, void (*heard)(struct bell *b))
{
    struct error err;
    *f = (struct fixture){.bell.data = f};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(bell_open(&f->bell, &f->loop, heard, &err), 0);
}

static void on_closed(struct bell *b)
{
    struct fixture *f = b->data;
    f->closed = true;
}

static void teardown(struct fixture *f)
{
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(f->closed);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void on_first(struct bell *b)
{
    struct fixture *f = b->data;
    f->heard++;
    bell_close(b, on_closed);
}

static void many_rings_are_heard_once(void **unused)
{
    struct fixture f;
    (void)unused;
    setup(&f, on_first);
    for (int i = 0; i < RINGS; i++)
        bell_ring(&f.bell);
    teardown(&f);
    assert_int_equal(f.heard, 1);
}

static void on_again(struct bell *b)
{
    struct fixture *f = b->data;
    if (++f->heard < 3)
        bell_ring(b);
    else
        bell_close(b, on_closed);
}

static void who_rings_while_it_is_heard_is_heard_again(void **unused)
{
    struct fixture f;
    (void)unused;
    setup(&f, on_again);
    bell_ring(&f.bell);
    teardown(&f);
    assert_int_equal(f.heard, 3);
}

static void tell_all(void *data)
{
    struct fixture *f = data;
    for (int i = 0; i < RINGS; i++) {
        f->told++;
        bell_ring(&f->bell);
    }
}

static void on_told(struct bell *b)
{
    struct fixture *f = b->data;
    f->seen = f->told;
    f->heard++;
    if (f->seen == RINGS)
        uv_stop(&f->loop); /* the last ring may be about to come: the bell is closed after it */
}

static void whatever_was_told_before_a_ring_is_seen(void **unused)
{
    struct fixture f;
    uv_thread_t thread;
    (void)unused;
    setup(&f, on_told);
    uv_thread_create(&thread, tell_all, &f);
    uv_run(&f.loop, UV_RUN_DEFAULT); /* would not end */
    uv_thread_join(&thread);
    bell_close(&f.bell, on_closed);
    teardown(&f);
    assert_int_equal(f.seen, RINGS);
    assert_in_range(f.heard, 1, RINGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_rings_are_heard_once),
        cmocka_unit_test(who_rings_while_it_is_heard_is_heard_again),
        cmocka_unit_test(whatever_was_told_before_a_ring_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
