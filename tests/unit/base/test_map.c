#include "unit.h"

#include <stdio.h>

#include "base/map.h"

static int values[5000];

static void *nth(size_t i)
{
    return &values[i];
}

static void putting_returns_what_was_there(void **unused)
{
    (void)unused;
    struct map *m = map_new();
    assert_null(map_get(m, 7));
    assert_null(map_put(m, 7, nth(1)));
    assert_ptr_equal(map_put(m, 7, nth(2)), nth(1));
    assert_ptr_equal(map_get(m, 7), nth(2));
    assert_null(map_get(m, 8));
    assert_ptr_equal(map_remove(m, 7), nth(2));
    assert_null(map_remove(m, 7));
    assert_int_equal(map_count(m), 0);
    map_free(m);
    map_free(NULL);
}

static void many_numbers_are_found_again(void **unused)
{
    (void)unused;
    struct map *m = map_new();
    for (size_t i = 0; i < COUNT(values); i++)
        map_put(m, i << 32, nth(i)); /* low bits alike */
    for (size_t i = 0; i < COUNT(values); i += 2)
        assert_ptr_equal(map_remove(m, i << 32), nth(i));
    assert_int_equal(map_count(m), COUNT(values) / 2);
    for (size_t i = 0; i < COUNT(values); i++)
        assert_ptr_equal(map_get(m, i << 32), i % 2 == 0 ? NULL : nth(i));
    map_free(m);
}

static void many_names_are_found_again(void **unused)
{
    (void)unused;
    struct map *m = map_new();
    char name[32];
    for (size_t i = 0; i < COUNT(values); i++) {
        snprintf(name, sizeof(name), "/app-%zu", i);
        assert_null(map_put_str(m, name, nth(i))); /* copies the name */
    }
    for (size_t i = 0; i < COUNT(values); i++) {
        snprintf(name, sizeof(name), "/app-%zu", i);
        assert_ptr_equal(map_get_str(m, name), nth(i));
    }
    assert_null(map_get_str(m, "/app"));
    assert_ptr_equal(map_remove_str(m, "/app-3"), nth(3));
    assert_null(map_get_str(m, "/app-3"));
    map_free(m);
}

static void walking_is_in_the_order_of_insertion(void **unused)
{
    (void)unused;
    struct map *m = map_new();
    for (size_t i = 0; i < 100; i++)
        map_put(m, 1000 - i, nth(i));
    for (size_t i = 0; i < 100; i += 3)
        map_remove(m, 1000 - i);
    map_put(m, 1000, nth(100)); /* was the first, is the last now */
    map_put(m, 999, nth(1));    /* is there: keeps its place */

    size_t cursor = 0, seen = 0;
    for (size_t i = 0; i <= 100; i++)
        if (i == 100 || i % 3 != 0) {
            assert_ptr_equal(map_each(m, &cursor), nth(i));
            seen++;
        }
    assert_null(map_each(m, &cursor));
    assert_int_equal(seen, map_count(m));
    map_free(m);
}

static void coming_and_going_does_not_use_memory_up(void **unused)
{
    (void)unused;
    struct map *m = map_new();
    for (uint64_t i = 0; i < 1000000; i++) {
        map_put(m, i, nth(0));
        if (i >= 3)
            assert_ptr_equal(map_remove(m, i - 3), nth(0));
    }
    assert_int_equal(map_count(m), 3);
    map_free(m);
}

static void an_empty_value_is_our_bug(void **unused)
{
    (void)unused;
    struct map *m = map_new();
    assert_breaks(map_put(m, 1, NULL));
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(putting_returns_what_was_there),
        cmocka_unit_test(many_numbers_are_found_again),
        cmocka_unit_test(many_names_are_found_again),
        cmocka_unit_test(walking_is_in_the_order_of_insertion),
        cmocka_unit_test(coming_and_going_does_not_use_memory_up),
        cmocka_unit_test(an_empty_value_is_our_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
