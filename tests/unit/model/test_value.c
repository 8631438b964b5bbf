#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "model/value.h"

static void shows_doubles_as_java_does(void **unused)
{
    (void)unused;
    static const struct {
        double v;
        const char *text;
    } CASES[] = {
        {0, "0.0"},
        {0.1, "0.1"},
        {64, "64.0"},
        {1, "1.0"},
        {128.5, "128.5"},
        {0.001, "0.001"},
        {0.0001, "1.0E-4"},
        {9999999, "9999999.0"},
        {1e7, "1.0E7"},
        {1.25e10, "1.25E10"},
        {-2.5, "-2.5"},
        {1.0 / 3, "0.3333333333333333"},
        {1e-300, "1.0E-300"},
        {123456.789, "123456.789"},
        {0.30000000000000004, "0.30000000000000004"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        char text[DOUBLE_TEXT_SIZE];
        assert_string_equal(double_text(CASES[i].v, text), CASES[i].text);
    }
}

static void assert_shortest(double v)
{
    char text[DOUBLE_TEXT_SIZE];
    const char *fraction = strchr(double_text(v, text), '.') + 1;
    assert_true(strtod(text, NULL) == v);
    size_t digits = strlen(fraction);
    assert_true(digits == 1 || fraction[digits - 1] != '0');
    assert_true(digits <= 3);
}

static void shows_thousandths_with_no_digit_too_many(void **unused)
{
    (void)unused;
    for (int n = 1; n < 10000; n++)
        assert_shortest(n / 1000.0);
    for (int64_t n = 10000; n < 10000000000; n += 999331)
        assert_shortest((double)n / 1000);
}

static void of_two_variables_the_later_stays_in_the_earlier_place(void **unused)
{
    (void)unused;
    struct arena arena = {0};
    struct env_builder b;
    env_begin(&b, &arena);
    env_put(&b, "A", "1");
    env_put(&b, "B", "2");
    env_put_var(&b, (struct env_var){.name = "A", .secret = "s"});
    for (int i = 0; i < 100; i++)
        env_put(&b, arena_printf(&arena, "N%d", i), "n");
    struct env_vars vars = env_end(&b);
    assert_int_equal(vars.n, 102);
    assert_string_equal(vars.items[0].name, "A");
    assert_string_equal(vars.items[0].secret, "s");
    assert_null(vars.items[0].value);
    assert_string_equal(vars.items[101].name, "N99");
    arena_close(&arena);
}

static void finds_pairs_and_strings(void **unused)
{
    (void)unused;
    struct pair items[] = {{"a", "1"}, {"b", "2"}};
    const char *texts[] = {"x", "y"};
    struct pairs pairs = {items, 2};
    struct strings strings = {texts, 2};
    assert_string_equal(pairs_get(&pairs, "b"), "2");
    assert_null(pairs_get(&pairs, "c"));
    assert_true(strings_have(&strings, "y"));
    assert_false(strings_have(&strings, "z"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_doubles_as_java_does),
        cmocka_unit_test(shows_thousandths_with_no_digit_too_many),
        cmocka_unit_test(of_two_variables_the_later_stays_in_the_earlier_place),
        cmocka_unit_test(finds_pairs_and_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
