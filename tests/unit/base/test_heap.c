#include "unit.h"

#include "base/heap.h"
#include "base/rng.h"

#define ITEMS 200

static void the_earliest_comes_first(void **unused)
{
    static const int64_t dues[] = {5, 3, 9, 3, 1, 7}, sorted[] = {1, 3, 3, 5, 7, 9};
    struct heap_item items[COUNT(dues)] = {0};
    struct heap h = {0};
    (void)unused;
    assert_null(heap_first(&h));
    assert_int_equal(heap_due(&h).ms, MONO_NEVER.ms);
    for (size_t i = 0; i < COUNT(dues); i++)
        heap_set(&h, &items[i], (struct mono){dues[i]});
    for (size_t i = 0; i < COUNT(dues); i++) {
        assert_int_equal(heap_due(&h).ms, sorted[i]);
        heap_remove(&h, heap_first(&h));
    }
    assert_null(heap_first(&h));
    heap_close(&h);
}

static void never_takes_out(void **unused)
{
    struct heap_item item = {0};
    struct heap h = {0};
    (void)unused;
    heap_remove(&h, &item);
    heap_set(&h, &item, (struct mono){4});
    heap_set(&h, &item, MONO_NEVER);
    heap_set(&h, &item, MONO_NEVER);
    assert_null(heap_first(&h));
    heap_close(&h);
}

static int64_t earliest(const struct heap_item *items)
{
    int64_t min = MONO_NEVER.ms;
    for (int i = 0; i < ITEMS; i++)
        if (items[i].place != 0 && items[i].due.ms < min)
            min = items[i].due.ms;
    return min;
}

static void it_holds_whatever_is_put_moved_and_removed(void **unused)
{
    struct heap_item items[ITEMS] = {0};
    struct heap h = {0};
    struct rng rng;
    (void)unused;
    rng_seed(&rng, 7);
    for (int i = 0; i < 5000; i++) {
        struct heap_item *item = &items[rng_next(&rng) % ITEMS];
        if (rng_next(&rng) % 3 == 0)
            heap_remove(&h, item);
        else
            heap_set(&h, item, (struct mono){(int64_t)(rng_next(&rng) % 100)});
        assert_int_equal(heap_due(&h).ms, earliest(items));
    }
    heap_close(&h);
    assert_int_equal(earliest(items), MONO_NEVER.ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_comes_first),
        cmocka_unit_test(never_takes_out),
        cmocka_unit_test(it_holds_whatever_is_put_moved_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
