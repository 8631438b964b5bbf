#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli_args.h"

enum { TAIL, FOLLOW, WAIT, NAME, HIDDEN, ROWS };
static const struct flag_row rows[ROWS] = {
    [TAIL] = {"tail", 'n', FLAG_IS_NUMBER, "LINES", "100", "lines"},
    [FOLLOW] = {"follow", 'f', FLAG_IS_SWITCH, NULL, NULL, "go on"},
    [WAIT] = {"wait", 0, FLAG_IS_TIME, "TIME", "5m", "so long"},
    [NAME] = {"name", 0, FLAG_IS_TEXT, "TEXT", NULL, "a name"},
    [HIDDEN] = {"hidden", 'x', FLAG_IS_SWITCH, NULL, NULL, "not allowed here"},
};
#define ALLOWED (UINT64_MAX & ~(UINT64_C(1) << HIDDEN))

/* Words are separated by blanks. */
static int parse(const char *line, struct args *a, struct error *err)
{
    static char text[256];
    static char *words[80];
    int n = 0;
    str_copy(text, sizeof text, line);
    for (char *w = strtok(text, " "); w != NULL; w = strtok(NULL, " "))
        words[n++] = w;
    return args_parse(rows, ROWS, ALLOWED, n, words, a, err);
}

static void flags_and_names_come_in_any_order(void **unused)
{
    (void)unused;
    static const char *const lines[] = {
        "web --tail 20 -f x",
        "--tail=20 web -f x",
        "-n20 -f web x",
        "-f -n 20 -- web x",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct args a;
        struct error err;
        assert_int_equal(parse(lines[i], &a, &err), 0);
        assert_int_equal(a.n, 2);
        assert_string_equal(a.names[0], "web");
        assert_string_equal(a.names[1], "x");
        assert_int_equal(args_number(&a, TAIL), 20);
        assert_true(args_on(&a, FOLLOW));
    }
}

static void what_is_not_given_has_its_default(void **unused)
{
    (void)unused;
    struct args a;
    struct error err;
    assert_int_equal(parse("", &a, &err), 0);
    assert_int_equal(args_number(&a, TAIL), 100);
    assert_int_equal(args_number(&a, WAIT), 300000);
    assert_null(args_text(&a, NAME));
    assert_false(args_on(&a, FOLLOW));
    assert_false(args_given(&a, TAIL));
}

static void what_looks_like_a_flag_may_be_a_name(void **unused)
{
    (void)unused;
    struct args a;
    struct error err;
    assert_int_equal(parse("- -1 -- -f", &a, &err), 0);
    assert_int_equal(a.n, 3);
    assert_string_equal(a.names[2], "-f");
    assert_false(args_on(&a, FOLLOW));
}

static void wrong_flags_are_answered_with_the_cure(void **unused)
{
    (void)unused;
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"--folow", "--folow: there is no such flag, did you mean --follow?"},
        {"--hidden", "--hidden: there is no such flag; --help lists them"},
        {"-x", "-x: there is no such flag; --help lists them"},
        {"--tail", "--tail: need a value: --tail LINES"},
        {"--tail ten", "--tail: got \"ten\", need a whole number"},
        {"--wait 5", "--wait: got \"5\", need a time such as 500ms, 30s or 5m"},
        {"--follow=yes", "--follow: takes no value"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct args a;
        struct error err;
        assert_int_equal(parse(cases[i].line, &a, &err), -1);
        assert_int_equal(err.code, ERR_SYNTAX);
        assert_string_equal(err.text, cases[i].text);
    }
}

static void too_many_names_are_refused(void **unused)
{
    (void)unused;
    char word[] = "x", *words[ARGS_NAMES_MAX + 1];
    struct args a;
    struct error err;
    for (size_t i = 0; i < COUNT(words); i++)
        words[i] = word;
    assert_int_equal(args_parse(rows, ROWS, ALLOWED, ARGS_NAMES_MAX, words, &a, &err), 0);
    assert_int_equal(args_parse(rows, ROWS, ALLOWED, ARGS_NAMES_MAX + 1, words, &a, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
}

static void times_have_units(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int64_t ms; /* -1: none */
    } cases[] = {
        {"0s", 0},       {"250ms", 250},
        {"5s", 5000},    {"2m", 120000},
        {"1h", 3600000}, {"1d", 86400000},
        {"5", -1},       {"", -1},
        {"s", -1},       {"-5s", -1},
        {" 5s", -1},     {"5 s", -1},
        {"5x", -1},      {"9999999999999999999s", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = -1;
        assert_int_equal(args_time(cases[i].text, &ms), cases[i].ms >= 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void the_noun_comes_first(void **unused)
{
    (void)unused;
    static const struct {
        const char *typed, *read;
    } cases[] = {
        {"--name x status", "status --name x"},
        {"--name=x -f app list y -n 3", "app list --name=x -f y -n 3"},
        {"-n 20 logs -f web", "logs -n 20 -f web"},
        {"-n20 logs web", "logs web -n20"},
        {"--data ./two stop --all", "stop --data ./two --all"},
        {"--follow app", "app --follow"},
        {"app list --name x", "app list --name x"},
        {"--name x", "--name x"},
        {"--name", "--name"},
        {"-", "-"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[128], read[128] = "", *words[16];
        int n = 0;
        str_copy(text, sizeof text, cases[i].typed);
        for (char *w = strtok(text, " "); w != NULL; w = strtok(NULL, " "))
            words[n++] = w;
        args_put_words_first(rows, ROWS, n, words);
        for (int k = 0; k < n; k++)
            snprintf(read + strlen(read), sizeof read - strlen(read), "%s%s", k > 0 ? " " : "",
                     words[k]);
        assert_string_equal(read, cases[i].read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_and_names_come_in_any_order),
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(what_looks_like_a_flag_may_be_a_name),
        cmocka_unit_test(wrong_flags_are_answered_with_the_cure),
        cmocka_unit_test(too_many_names_are_refused),
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(the_noun_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
