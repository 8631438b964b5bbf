/* tests/unit/executor/test_exec_line.c */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "executor/exec_line.h"

static void words_are_the_shell_s(void **unused)
{
    (void)unused;
    static const struct {
        const char *line, *argv[4];
    } cases[] = {
        {"exec ./server", {"./server"}},
        {"exec date +%s.%N", {"date", "+%s.%N"}},
        {" \texec\t/bin/web  --port=80 \t a,b:c@d_E9 ", {"/bin/web", "--port=80", "a,b:c@d_E9"}},
        {"exec exec", {"exec"}},
        {"exec a exec", {"a", "exec"}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct exec_line l;
        size_t n = 0;
        if (!exec_line_take(cases[i].line, &l))
            fail_msg("%s is one", cases[i].line);
        for (; cases[i].argv[n] != NULL; n++)
            assert_string_equal(l.argv[n], cases[i].argv[n]);
        assert_null(l.argv[n]);
    }
}

static void all_else_is_for_a_shell(void **unused)
{
    (void)unused;
    static const char *const lines[] = {
        "",
        " ",
        "exec",
        "exec ",
        "execute it",
        "Exec it",
        "date",
        "/bin/date",
        "A=1 exec date",
        "exec -a me date",
        "exec -- date",
        "exec A=1 date",
        "exec echo =ls",
        "exec a; b",
        "exec a & b",
        "exec a | b",
        "exec a\nb",
        "exec a\rb",
        "exec a >b",
        "exec a <b",
        "exec 2>&1",
        "exec $SHELL",
        "exec `a`",
        "exec a 'b'",
        "exec a \"b\"",
        "exec a\\ b",
        "exec ~/a",
        "exec a ~",
        "exec a *",
        "exec a b?",
        "exec a [b]",
        "exec a {b,c}",
        "exec a ^b",
        "exec a !b",
        "exec (a)",
        "exec a #b",
        "exec a \xc3\xa9",
        "exec a \x7f",
    };
    struct exec_line l;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        if (exec_line_take(lines[i], &l))
            fail_msg("%s is none", lines[i]);
}

static void what_does_not_fit_is_for_a_shell(void **unused)
{
    (void)unused;
    struct exec_line l;
    char line[2 * sizeof(l.text)] = "exec";
    const size_t words = sizeof(l.argv) / sizeof(*l.argv) - 1;
    for (size_t i = 0; i < words; i++)
        strcat(line, " a");
    assert_true(exec_line_take(line, &l));
    assert_string_equal(l.argv[words - 1], "a");
    assert_null(l.argv[words]);
    assert_false(exec_line_take(strcat(line, " a"), &l));
    snprintf(line, sizeof(line), "exec %0*d", (int)sizeof(l.text) - 6, 1);
    assert_true(exec_line_take(line, &l));
    snprintf(line, sizeof(line), "exec %0*d", (int)sizeof(l.text) - 5, 1);
    assert_false(exec_line_take(line, &l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_the_shell_s),
        cmocka_unit_test(all_else_is_for_a_shell),
        cmocka_unit_test(what_does_not_fit_is_for_a_shell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
