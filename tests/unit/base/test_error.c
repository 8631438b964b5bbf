#include "unit.h"

#include <string.h>

#include "base/error.h"

static void setting_returns_minus_one_and_fills_in_code_and_text(void **unused)
{
    (void)unused;
    struct error err;
    assert_int_equal(error_set(&err, ERR_INVALID, "instances: got %d, need at least 0", -1), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, "instances: got -1, need at least 0");
}

static void wrapping_puts_what_was_going_on_before_it(void **unused)
{
    (void)unused;
    struct error err;
    error_set(&err, ERR_IO, "no space left");
    assert_int_equal(error_wrap(&err, "writing %s", "state.db"), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.text, "writing state.db: no space left");
}

static void an_error_may_be_made_from_its_own_text(void **unused)
{
    (void)unused;
    struct error err;
    error_set(&err, ERR_IO, "inner");
    error_set(&err, ERR_CORRUPT, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
}

static void long_text_is_clipped_with_an_ellipsis_at_a_characters_border(void **unused)
{
    (void)unused;
    struct error err;
    char umlauts[601] = "";
    for (int i = 0; i < 300; i++)
        strcat(umlauts, "\xc3\xa4");
    error_set(&err, ERR_INVALID, "%s", umlauts);
    assert_int_equal(strlen(err.text), 255); /* 126 umlauts and the ellipsis */
    assert_string_equal(err.text + 250, "\xc3\xa4\xe2\x80\xa6");
    error_set(&err, ERR_INVALID, "x%s", umlauts);
    assert_int_equal(strlen(err.text), 254);
    error_set(&err, ERR_INVALID, "%.255s", "exactly as long as fits");
    error_wrap(&err, "%s", umlauts);
    assert_string_equal(err.text + strlen(err.text) - 3, "\xe2\x80\xa6");
}

static void every_code_has_a_name_and_its_two_statuses(void **unused)
{
    (void)unused;
    assert_string_equal(error_name(ERR_UNCERTAIN), "ERR_UNCERTAIN");
    assert_int_equal(error_http_status(ERR_INVALID), 422);
    assert_int_equal(error_exit_status(ERR_INVALID), 3);
    assert_int_equal(error_http_status(ERR_NONE), 200);
    assert_int_equal(error_exit_status(ERR_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_returns_minus_one_and_fills_in_code_and_text),
        cmocka_unit_test(wrapping_puts_what_was_going_on_before_it),
        cmocka_unit_test(an_error_may_be_made_from_its_own_text),
        cmocka_unit_test(long_text_is_clipped_with_an_ellipsis_at_a_characters_border),
        cmocka_unit_test(every_code_has_a_name_and_its_two_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
