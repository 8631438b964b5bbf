#include "unit.h"

#include <string.h>

#include "base/str.h"

static void comparing_accepts_null(void **unused)
{
    (void)unused;
    assert_true(str_eq(NULL, NULL));
    assert_false(str_eq(NULL, ""));
    assert_true(str_eq("a", "a"));
    assert_true(str_starts("apps/web", "apps/"));
    assert_false(str_starts("app", "apps"));
    assert_true(str_ends("web.json", ".json"));
    assert_false(str_ends("json", ".json"));
}

static void numbers_are_the_whole_string_and_nothing_else(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"-12", true, -12},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"0x10", false, 0},
        {"1.0", false, 0},
        {"--1", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t v = 77;
        assert_int_equal(str_to_i64(cases[i].text, &v), cases[i].ok);
        assert_int_equal(v, cases[i].ok ? cases[i].value : 77);
    }
    uint64_t u = 77;
    assert_true(str_to_u64("18446744073709551615", &u));
    assert_true(u == UINT64_MAX);
    assert_false(str_to_u64("18446744073709551616", &u));
    assert_false(str_to_u64("-1", &u));
}

static void numbers_are_written_as_they_are_read(void **unused)
{
    (void)unused;
    const char *texts[] = {
        "0", "7", "-1", "10", "-90", "9223372036854775807", "-9223372036854775808"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        char text[I64_TEXT_SIZE];
        int64_t v;
        assert_true(str_to_i64(texts[i], &v));
        assert_string_equal(str_of_i64(text, v), texts[i]);
    }
}

static void doubles_are_decimal_and_finite(void **unused)
{
    (void)unused;
    double v = 77;
    assert_true(str_to_double("-0.25", &v) && v == -0.25);
    assert_true(str_to_double("1e3", &v) && v == 1000);
    static const char *const bad[] = {"", ".5", "nan", "inf", "1e999", "0x1p3", "1,5", "1 ", "-"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(str_to_double(bad[i], &v));
    assert_true(v == 1000);
}

static void copying_never_splits_a_character(void **unused)
{
    (void)unused;
    char dst[4];
    str_copy(dst, sizeof(dst), "abc");
    assert_string_equal(dst, "abc");
    str_copy(dst, sizeof(dst), "abcd");
    assert_string_equal(dst, "abc");
    str_copy(dst, sizeof(dst), "ab\xc3\xa4");
    assert_string_equal(dst, "ab");
    str_copy(dst, sizeof(dst), "\xf0\x9f\x98\x80");
    assert_string_equal(dst, "");
    str_copy(dst, 1, "abc");
    assert_string_equal(dst, "");
}

static void a_strangers_text_is_quoted_escaped_and_clipped(void **unused)
{
    (void)unused;
    static const struct {
        size_t size;
        const char *text, *quoted;
    } cases[] = {
        {32, "", "\"\""},
        {32, "web", "\"web\""},
        {32, "a\"b\\c\n\x01", "\"a\\\"b\\\\c\\n\\x01\""},
        {32, "\xc3\xa4", "\"\xc3\xa4\""},
        {32, "\xc3(", "\"\\xc3(\""}, /* not UTF-8 */
        {10, "1234567", "\"1234567\""},
        {10, "12345678", "\"1234\xe2\x80\xa6\""},
        {10, "1234\n5678", "\"1234\xe2\x80\xa6\""},
        {10, "123\n5678", "\"123\xe2\x80\xa6\""},
        {6, "abcdef", "\"\xe2\x80\xa6\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char dst[33];
        memset(dst, '#', sizeof(dst));
        const char *got = str_quote(dst, cases[i].size, cases[i].text, strlen(cases[i].text));
        assert_string_equal(got, cases[i].quoted);
        assert_true(strlen(dst) < cases[i].size);
        assert_int_equal(dst[cases[i].size], '#');
    }
}

static void a_quoted_text_may_hold_any_bytes_at_any_size(void **unused)
{
    (void)unused;
    char all[256], dst[1200];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    for (size_t size = 6; size < sizeof(dst); size++) {
        str_quote(dst, size, all, sizeof(all));
        assert_true(strlen(dst) < size);
        assert_true(str_utf8_valid(dst, strlen(dst)));
        assert_true(dst[0] == '"' && dst[strlen(dst) - 1] == '"');
    }
}

static void utf8_is_what_the_unicode_standard_says(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"abc", true},
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\xa0\x80", true},
        {"\xef\xbf\xbf", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false},             /* continues nothing */
        {"\xc3", false},             /* cut short */
        {"\xe2\x82", false},         /* cut short */
        {"\xc0\xaf", false},         /* overlong */
        {"\xe0\x9f\xbf", false},     /* overlong */
        {"\xf0\x8f\xbf\xbf", false}, /* overlong */
        {"\xed\xa0\x80", false},     /* a surrogate */
        {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
        {"\xff", false},
        {"a\xe2(\xa1", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(str_utf8_valid(cases[i].text, strlen(cases[i].text)), cases[i].valid);
    assert_true(slice_is(str_unmarked(SLICE("\xef\xbb\xbf$")), "$"));
    assert_true(slice_is(str_unmarked(SLICE("\xef\xbb")), "\xef\xbb"));
    assert_int_equal(str_utf8_len("\xe2\x82\xac$", 4), 3);
    assert_int_equal(str_utf8_len("\xe2\x82\xac$", 2), 0);
    assert_int_equal(str_utf8_len("", 0), 0);
}

static void the_nearest_name_is_offered_if_it_is_near(void **unused)
{
    (void)unused;
    static const char *const names[] = {"instances", "constraints", "cpus", "mem"};
    assert_string_equal(str_nearest("instnaces", names, COUNT(names)), "instances");
    assert_string_equal(str_nearest("cpu", names, COUNT(names)), "cpus");
    assert_string_equal(str_nearest("men", names, COUNT(names)), "mem");
    assert_null(str_nearest("disk", names, COUNT(names)));
    assert_null(str_nearest("", names, 0));
    assert_int_equal(str_distance("kitten", "sitting"), 3);
    assert_int_equal(str_distance("", "abc"), 3);
    char longer[200] = "";
    memset(longer, 'x', 199);
    assert_int_equal(str_distance(longer, "x"), 199);
}

static void hexadecimal_reads_back(void **unused)
{
    (void)unused;
    const uint8_t bytes[] = {0x00, 0x7f, 0xab, 0xff};
    uint8_t back[4] = {1, 2, 3, 4};
    char text[9];
    hex_encode(text, bytes, 4);
    assert_string_equal(text, "007fabff");
    static const char *const bad[] = {"", "007fabf", "007fabff0", "007fabfg", "0x7fabff"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(hex_decode(back, 4, bad[i]));
    assert_int_equal(back[0], 1);
    assert_true(hex_decode(back, 4, "007FABff"));
    assert_memory_equal(back, bytes, 4);
}

static void dots_and_blanks_are_no_names(void **unused)
{
    (void)unused;
    assert_true(str_is_dots(".") && str_is_dots(".."));
    assert_false(str_is_dots("") || str_is_dots("...") || str_is_dots("..a") || str_is_dots("a."));
    assert_true(str_is_blank(NULL) && str_is_blank("") && str_is_blank(" \t\r\n\f\v"));
    assert_false(str_is_blank(" a "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing_accepts_null),
        cmocka_unit_test(numbers_are_the_whole_string_and_nothing_else),
        cmocka_unit_test(numbers_are_written_as_they_are_read),
        cmocka_unit_test(doubles_are_decimal_and_finite),
        cmocka_unit_test(copying_never_splits_a_character),
        cmocka_unit_test(a_strangers_text_is_quoted_escaped_and_clipped),
        cmocka_unit_test(a_quoted_text_may_hold_any_bytes_at_any_size),
        cmocka_unit_test(utf8_is_what_the_unicode_standard_says),
        cmocka_unit_test(the_nearest_name_is_offered_if_it_is_near),
        cmocka_unit_test(hexadecimal_reads_back),
        cmocka_unit_test(dots_and_blanks_are_no_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
