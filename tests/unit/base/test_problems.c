#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "base/problems.h"

static void no_problems_are_no_error(void **unused)
{
    (void)unused;
    struct problems p = {0};
    struct error err = {0};
    assert_int_equal(problems_error(&p, &err), 0);
    assert_int_equal(err.code, ERR_NONE);
    assert_false(problems_has(&p, PROBLEM_RULE));
    problems_close(&p);
}

static void the_first_is_told_and_the_others_are_counted(void **unused)
{
    (void)unused;
    struct problems p = {0};
    struct error err;
    problems_add(&p, PROBLEM_SCHEMA, "/instances", "got %d, need at least 0", -1);
    assert_int_equal(problems_error(&p, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, "instances: got -1, need at least 0");
    assert_true(problems_has(&p, PROBLEM_SCHEMA));
    assert_false(problems_has(&p, PROBLEM_RULE));

    problems_add(&p, PROBLEM_RULE, "/id", "is needed");
    problems_add(&p, PROBLEM_RULE, "/", "is odd");
    assert_int_equal(problems_error(&p, &err), -1);
    assert_string_equal(err.text, "instances: got -1, need at least 0 (and 2 more)");
    assert_true(problems_has(&p, PROBLEM_RULE));
    assert_string_equal(p.items[1].path, "/id");
    problems_close(&p);
}

static void the_whole_object_has_no_name(void **unused)
{
    (void)unused;
    struct problems p = {0};
    struct error err;
    problems_add(&p, PROBLEM_RULE, "/", "cmd or args, not both");
    assert_int_equal(problems_error(&p, &err), -1);
    assert_string_equal(err.text, "cmd or args, not both");
    problems_close(&p);
}

static void written_once_a_path_with_all_that_is_wrong_there(void **unused)
{
    struct problems p = {0};
    struct buf text;
    struct json_writer w;
    (void)unused;
    problems_add(&p, PROBLEM_RULE, "/cpus", "too few");
    problems_add(&p, PROBLEM_RULE, "/mem", "too much");
    problems_add(&p, PROBLEM_SCHEMA, "/cpus", "no number");
    buf_init(&text, 4096);
    json_begin(&w, &text);
    problems_write(&p, &w);
    assert_string_equal(buf_str(&text),
                        "[{\"path\":\"/cpus\",\"errors\":[\"too few\",\"no number\"]},"
                        "{\"path\":\"/mem\",\"errors\":[\"too much\"]}]");
    buf_clear(&text);
    json_begin(&w, &text);
    problems_write(NULL, &w);
    assert_string_equal(buf_str(&text), "[]");
    buf_close(&text);
    problems_close(&p);
}

static void too_many_are_counted_only(void **unused)
{
    (void)unused;
    struct problems p = {0};
    struct error err;
    for (int i = 0; i < LIMIT_PROBLEMS + 7; i++)
        problems_add(&p, PROBLEM_RULE, "/constraints(0)", "is number %d", i);
    assert_int_equal(p.n, LIMIT_PROBLEMS);
    assert_int_equal(p.left_out, 7);
    assert_int_equal(problems_error(&p, &err), -1);
    assert_string_equal(err.text, "constraints(0): is number 0 (and 106 more)");
    problems_close(&p);
}

static void a_long_text_keeps_the_count(void **unused)
{
    (void)unused;
    struct problems p = {0};
    struct error err;
    char text[5000];
    memset(text, 'x', sizeof(text));
    problems_add(&p, PROBLEM_RULE, "/cmd", "%.500s", text);
    problems_add(&p, PROBLEM_RULE, "/cmd", "%.4999s", text);
    assert_string_equal(p.items[1].text, "wrong, and too long to show");
    assert_int_equal(problems_error(&p, &err), -1);
    assert_non_null(strstr(err.text, "xxx (and 1 more)"));
    problems_close(&p);
}

static void a_part_says_where_it_stands_in_the_whole(void **unused)
{
    (void)unused;
    struct problems whole = {0}, part = {0};
    problems_add(&whole, PROBLEM_RULE, "/id", "bad");
    problems_add(&part, PROBLEM_RULE, "/", "all of it");
    problems_add_coded(&part, "error.min", "/cpus", "too few");
    problems_add_part(&whole, "/apps(1)", &part);
    assert_int_equal(part.n, 0);
    assert_int_equal(whole.n, 3);
    assert_string_equal(whole.items[1].path, "/apps(1)");
    assert_string_equal(whole.items[2].path, "/apps(1)/cpus");
    assert_string_equal(whole.items[2].code, "error.min");
    problems_add(&part, PROBLEM_RULE, "/", "none");
    problems_add_part(&whole, "", &part);
    assert_string_equal(whole.items[3].path, "/");
    problems_close(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_says_where_it_stands_in_the_whole),
        cmocka_unit_test(no_problems_are_no_error),
        cmocka_unit_test(the_first_is_told_and_the_others_are_counted),
        cmocka_unit_test(the_whole_object_has_no_name),
        cmocka_unit_test(written_once_a_path_with_all_that_is_wrong_there),
        cmocka_unit_test(too_many_are_counted_only),
        cmocka_unit_test(a_long_text_keeps_the_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
