#include "unit.h"

#include "base/arena.h"

#include <string.h>

static void memory_comes_zeroed_and_aligned(void **unused)
{
    (void)unused;
    struct arena a = {0};
    for (size_t size = 0; size < 6000; size += 37) {
        char *p = arena_alloc(&a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size); /* what comes next is zeroed all the same */
    }
    arena_close(&a);
}

static void what_is_in_it_does_not_move(void **unused)
{
    (void)unused;
    struct arena a = {0};
    char *first = arena_strdup(&a, "first");
    for (int i = 0; i < 1000; i++)
        arena_printf(&a, "number %d", i);
    assert_string_equal(first, "first");
    assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 7), "x-7");
    assert_null(arena_strdup(&a, NULL));
    arena_close(&a);
    arena_close(&a); /* it is empty */
    assert_string_equal(arena_strdup(&a, "again"), "again");
    arena_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_comes_zeroed_and_aligned),
        cmocka_unit_test(what_is_in_it_does_not_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
