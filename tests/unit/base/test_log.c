#include "unit.h"

#include <string.h>

#include "base/log.h"

static char heard[8192];
static int events;

static void hear(void *data, enum log_level level, const char *line)
{
    assert_ptr_equal(data, &events);
    assert_true(level <= LOG_INFO);
    events++;
    strncpy(heard, line, sizeof(heard) - 1);
}

static void without_a_sink_lines_go_nowhere(void **unused)
{
    (void)unused;
    log_error("task lost", "task=%s", "web.1");
    assert_int_equal(events, 0);
}

static void an_event_is_one_line_with_its_fields(void **unused)
{
    (void)unused;
    log_set_sink(hear, &events, LOG_INFO);
    log_info("task lost", "agent=%s task=%s", "a1", "web.1");
    assert_string_equal(heard, "task lost agent=a1 task=web.1");
    log_warn("leadership lost", "");
    assert_string_equal(heard, "leadership lost");
    log_error("odd", "name=%s", "two\nlines\x1b[31m");
    assert_string_equal(heard, "odd name=two\\nlines\\x1b[31m");
    assert_int_equal(events, 3);
    log_set_sink(NULL, NULL, LOG_ERROR);
}

static void what_is_finer_than_asked_for_is_left_out(void **unused)
{
    (void)unused;
    events = 0;
    log_set_sink(hear, &events, LOG_INFO);
    log_debug("tick", "n=%d", 1);
    assert_int_equal(events, 0);
    log_set_sink(NULL, NULL, LOG_ERROR);
}

static void a_long_line_is_clipped(void **unused)
{
    (void)unused;
    char field[5000];
    memset(field, '\n', sizeof(field));
    log_set_sink(hear, &events, LOG_INFO);
    log_info("long", "field=%.4999s", field);
    assert_in_range(strlen(heard), 2000, 4096);
    log_set_sink(NULL, NULL, LOG_ERROR);
}

static void a_level_may_be_for_a_while(void **unused)
{
    (void)unused;
    log_set_sink(hear, &events, LOG_WARN);
    log_set_level_until(LOG_ERROR, (struct mono){1000});
    assert_int_equal(log_level_now(), LOG_ERROR);
    log_set_level_until(LOG_INFO, (struct mono){2000}); /* instead */
    log_look((struct mono){1999});
    assert_int_equal(log_level_now(), LOG_INFO);
    log_look((struct mono){2000});
    assert_int_equal(log_level_now(), LOG_WARN);
    log_set_level_until(LOG_INFO, (struct mono){3000});
    log_set_level(LOG_ERROR); /* for good */
    log_look((struct mono){4000});
    assert_int_equal(log_level_now(), LOG_ERROR);
    log_set_sink(NULL, NULL, LOG_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_sink_lines_go_nowhere),
        cmocka_unit_test(an_event_is_one_line_with_its_fields),
        cmocka_unit_test(what_is_finer_than_asked_for_is_left_out),
        cmocka_unit_test(a_long_line_is_clipped),
        cmocka_unit_test(a_level_may_be_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
