#include "unit.h"

#include <string.h>

#include "cli_text.h"

#define S INT64_C(1000)
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)

static void durations_have_two_units_that_say_something(void **unused)
{
    (void)unused;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-5, "0 ms"},
        {0, "0 ms"},
        {840, "840 ms"},
        {1000, "1 s"},
        {1049, "1 s"},
        {2550, "2.5 s"},
        {9999, "9.9 s"},
        {12345, "12 s"},
        {M, "1 m"},
        {3 * M + 12 * S, "3 m 12 s"},
        {H - 1, "59 m 59 s"},
        {2 * H, "2 h"},
        {2 * H + 59 * S, "2 h"},
        {2 * D + 4 * H, "2 d 4 h"},
        {400 * D, "400 d"},
    };
    char text[TEXT_SIZE];
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(text_duration(text, cases[i].ms), cases[i].text);
}

static void reasons_are_words(void **unused)
{
    (void)unused;
    assert_string_equal(text_reason("no-start"), "no node started it in time");
    assert_string_equal(text_reason("exit status 3"), "exit status 3");
}

static void relative_times_have_one_unit(void **unused)
{
    (void)unused;
    static const struct {
        int64_t away;
        const char *text;
    } cases[] = {
        {0, "now"},
        {-999, "now"},
        {999, "now"},
        {-S, "1 s ago"},
        {59 * S, "in 59 s"},
        {-3 * M, "3 m ago"},
        {3 * H + 5 * M, "in 3 h"},
        {-50 * D, "50 d ago"},
        {1000 * D - 1, "in 999 d"},
        {1000 * D, "on 1975-06-24"},
        {-1000 * D, "on 1970-01-01"},
    };
    char text[TEXT_SIZE];
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(text_relative(text, 1000 * D + cases[i].away, 1000 * D), cases[i].text);
}

static void numbers_have_no_dust(void **unused)
{
    (void)unused;
    static const struct {
        double n;
        const char *text;
    } cases[] = {{0, "0"},
                 {0.25, "0.25"},
                 {12, "12"},
                 {100, "100"},
                 {0.1 + 0.2, "0.3"},
                 {-0.0, "0"},
                 {1e15, "1000000000000000"},
                 {1.0005, "1"},
                 {-2.5, "-2.5"}};
    char text[TEXT_SIZE];
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(text_number(text, cases[i].n), cases[i].text);
    assert_string_equal(text_count(text, 1, "row"), "1 row");
    assert_string_equal(text_count(text, 0, "row"), "0 rows");
}

#define UUID "1c9a2e7b-30d8-5541-91be-04d77a3c2f10"

static void ids_are_cut_to_what_makes_them_unique(void **unused)
{
    (void)unused;
    static const struct {
        const char *id, *brief, *unique;
    } cases[] = {
        {"shop_web.instance-" UUID "._app.1", "shop_web.1c9a2e7b", "1c9a2e7b"},
        {"a.b.instance-" UUID ".side-car.2", "a.b.1c9a2e7b.side-car", "1c9a2e7b.side-car"},
        {"shop_web.instance-" UUID ".side", "shop_web.1c9a2e7b", "1c9a2e7b"},
        {"shop_web." UUID, "shop_web.1c9a2e7b", "1c9a2e7b"},
        {UUID, "1c9a2e7b", "1c9a2e7b"},
        {"ct:1764112345678:0:demo.date:", "ct:1764112345678:0:demo.date:",
         "ct:1764112345678:0:demo.date:"},
        {"", "", ""},
    };
    char text[128];
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(text_short_id(text, sizeof text, cases[i].id), cases[i].brief);
        assert_string_equal(text_unique_id(text, sizeof text, cases[i].id), cases[i].unique);
    }
    assert_string_equal(text_short_id(text, 6, "shop_web." UUID), "shop_");
}

static void a_part_of_an_id_means_it(void **unused)
{
    (void)unused;
    const char *id = "shop_web.instance-" UUID "._app.1";
    assert_true(text_means_id(id, id));
    assert_true(text_means_id("shop_web.1c9a2e7b", id));
    assert_true(text_means_id("shop_web", id));
    assert_true(text_means_id("1c9a", id));
    assert_true(text_means_id("pair.1c9a2e7b.side", "pair.instance-" UUID ".side.1"));
    assert_false(text_means_id("pair.1c9a2e7b.side", "pair.instance-" UUID ".web.1"));
    assert_false(text_means_id("c9a", id)); /* too little to be meant in the middle */
    assert_false(text_means_id("shop_cart", id));
    assert_false(text_means_id("", id));
}

static const char *cleaned(struct buf *b, const char *text)
{
    buf_init(b, 1000);
    text_clean(b, text);
    return buf_str(b);
}

static void strangers_cannot_move_the_cursor(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {"plain ✓", "plain ✓"},
        {"\033[31mred\033[0m", " [31mred [0m"},
        {"a\nb\tc\r", "a b c "},
        {"\xc2\x9b"
         "31m",
         " 31m"}, /* CSI in one character */
        {"\xff"
         "x",
         "\xef\xbf\xbdx"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b;
        assert_string_equal(cleaned(&b, cases[i].text), cases[i].clean);
        buf_close(&b);
    }
}

static void width_counts_columns(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        size_t width, fit3;
    } cases[] = {
        {"", 0, 0},       {"abcd", 4, 3},         {"✓●x", 3, 7},
        {"日本語", 6, 3}, {"e\xcc\x81xyz", 4, 5}, /* an accent of its own */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = strlen(cases[i].text);
        assert_int_equal(text_width(cases[i].text, len), cases[i].width);
        assert_int_equal(text_fit(cases[i].text, len, 3), cases[i].fit3);
    }
}

static void sentences_are_wrapped_between_words(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        size_t width, indent;
        const char *lines;
    } cases[] = {
        {"one two three", 0, 0, "one two three"},
        {"one two three", 7, 0, "one two\nthree"},
        {"one two three", 9, 2, "  one two\n  three"},
        {"incomprehensibilities", 5, 0, "incomprehensibilities"},
        {"a  b ", 80, 0, "a b"},
        {"", 80, 2, "  "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b;
        buf_init(&b, 1000);
        text_wrap(&b, cases[i].text, cases[i].width, cases[i].indent);
        assert_string_equal(buf_str(&b), cases[i].lines);
        buf_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_two_units_that_say_something),
        cmocka_unit_test(reasons_are_words),
        cmocka_unit_test(relative_times_have_one_unit),
        cmocka_unit_test(numbers_have_no_dust),
        cmocka_unit_test(ids_are_cut_to_what_makes_them_unique),
        cmocka_unit_test(a_part_of_an_id_means_it),
        cmocka_unit_test(strangers_cannot_move_the_cursor),
        cmocka_unit_test(width_counts_columns),
        cmocka_unit_test(sentences_are_wrapped_between_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
