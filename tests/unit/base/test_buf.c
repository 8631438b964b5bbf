#include "unit.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static void slices_compare_by_bytes(void **unused)
{
    (void)unused;
    assert_true(slice_eq(SLICE("ab"), (struct slice){"abc", 2}));
    assert_false(slice_eq(SLICE("ab"), SLICE("abc")));
    assert_true(slice_eq(slice_of(NULL), SLICE("")));
    assert_true(slice_eq((struct slice){NULL, 0}, SLICE("")));
    assert_true(slice_is_nocase(SLICE("Content-Type"), "content-type"));
    assert_false(slice_is_nocase(SLICE("Content"), "content-type"));
    char *copy = slice_dup((struct slice){"abc", 2});
    assert_string_equal(copy, "ab");
    mem_free(copy);
}

static void a_buffer_grows_and_stays_a_string(void **unused)
{
    (void)unused;
    struct buf b;
    buf_init(&b, 10000);
    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 1000; i++) {
        buf_puts(&b, "ab");
        buf_putc(&b, 'c');
        buf_printf(&b, "%d", i % 10);
        assert_int_equal(b.data[b.len], '\0');
    }
    assert_int_equal(b.len, 4000);
    assert_memory_equal(b.data + 3996, "abc9", 5);
    assert_false(buf_full(&b));
    buf_close(&b);
}

static void what_passes_the_maximum_is_dropped_and_the_buffer_stays_full(void **unused)
{
    (void)unused;
    struct buf b;
    buf_init(&b, 4);
    buf_puts(&b, "abcd");
    assert_false(buf_full(&b));
    buf_puts(&b, "e");
    assert_true(buf_full(&b));
    assert_string_equal(buf_str(&b), "abcd");
    buf_consume(&b, 2);
    buf_puts(&b, "f"); /* would fit now, but something before it is lost */
    assert_string_equal(buf_str(&b), "cd");
    buf_clear(&b);
    buf_puts(&b, "g");
    assert_false(buf_full(&b));
    assert_string_equal(buf_str(&b), "g");
    buf_close(&b);
}

static void a_format_that_does_not_fit_leaves_nothing_behind(void **unused)
{
    (void)unused;
    struct buf b;
    buf_init(&b, 80);
    buf_puts(&b, "ab");
    buf_printf(&b, "%0100d", 7);
    assert_true(buf_full(&b));
    assert_string_equal(buf_str(&b), "ab");
    buf_clear(&b);
    buf_printf(&b, "%080d", 7); /* to the last byte */
    assert_false(buf_full(&b));
    assert_int_equal(strlen(buf_str(&b)), 80);
    buf_close(&b);
}

static void taking_leaves_an_empty_buffer_of_the_same_maximum(void **unused)
{
    (void)unused;
    struct buf b;
    size_t len;
    buf_init(&b, 3);
    char *nothing = buf_take(&b, &len);
    assert_int_equal(len, 0);
    assert_string_equal(nothing, "");
    mem_free(nothing);
    buf_puts(&b, "abc");
    char *taken = buf_take(&b, &len);
    assert_int_equal(len, 3);
    assert_string_equal(taken, "abc");
    mem_free(taken);
    buf_puts(&b, "xyz");
    assert_string_equal(buf_str(&b), "xyz");
    buf_close(&b);
}

static void consuming_keeps_the_rest_and_not_more_than_there_is(void **unused)
{
    (void)unused;
    struct buf b;
    buf_init(&b, 10);
    buf_consume(&b, 0);
    buf_puts(&b, "abcdef");
    buf_consume(&b, 4);
    assert_string_equal(buf_str(&b), "ef");
    buf_consume(&b, 2);
    assert_string_equal(buf_str(&b), "");
    assert_breaks(buf_consume(&b, 1));
    buf_close(&b);
}

static void close_accepts_a_zeroed_struct_and_a_second_time(void **unused)
{
    (void)unused;
    struct buf zero = {0};
    buf_close(&zero);
    buf_close(&zero);
    buf_puts(&zero, "x"); /* its maximum is 0 */
    assert_true(buf_full(&zero));
    assert_string_equal(buf_str(&zero), "");
}

static void a_number_is_read_as_it_was_put(void **unused)
{
    (void)unused;
    struct buf b;
    buf_init(&b, 12);
    buf_put_u64(&b, UINT64_C(0x0102030405060708));
    assert_memory_equal(b.data, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    assert_int_equal(u64_at(b.data), UINT64_C(0x0102030405060708));
    buf_put_u64(&b, 1); /* there is no room for it */
    assert_true(buf_full(&b));
    buf_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_bytes),
        cmocka_unit_test(a_buffer_grows_and_stays_a_string),
        cmocka_unit_test(what_passes_the_maximum_is_dropped_and_the_buffer_stays_full),
        cmocka_unit_test(a_format_that_does_not_fit_leaves_nothing_behind),
        cmocka_unit_test(taking_leaves_an_empty_buffer_of_the_same_maximum),
        cmocka_unit_test(consuming_keeps_the_rest_and_not_more_than_there_is),
        cmocka_unit_test(a_number_is_read_as_it_was_put),
        cmocka_unit_test(close_accepts_a_zeroed_struct_and_a_second_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
