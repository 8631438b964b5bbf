#include "unit.h"

#include "cases.h"
#include "model/status.h"

static char *written(const struct status *s)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 65536);
    json_begin(&w, &b);
    status_write(s, &w);
    return buf_take(&b, NULL);
}

static void what_is_read_is_written_the_same(void **unused)
{
    static const char *const statuses[] = {
        "{'task':5,'seq':1,'state':'staging','at':7}",
        "{'task':5,'seq':2,'state':'failed','at':7,'pid':8,'container':'c','exit':0,'signal':9,'"
        "oom'"
        ":true,'mem_peak':50,'cpu_ms':60,'reason':'R','message':'m','detail':'d','health':2,'"
        "health_results':[{'alive':"
        "false}],'readiness':[{'name':'r','ready':true}],'check_kind':3,'check_code':0}",
        "{'task':5,'seq':3,'state':'running','at':7,'check_kind':0,'check_code':-1}",
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct status s;
        struct error err;
        struct json *v = tree_of(statuses[i]);
        assert_int_equal(status_read(v, &s, &err), 0);
        char *expected = unquoted(statuses[i]), *got = written(&s);
        assert_string_equal(got, expected);
        mem_free(expected);
        mem_free(got);
        json_free(v);
    }
}

static void an_exit_of_0_is_an_exit(void **unused)
{
    struct status s;
    struct error err;
    struct json *v = tree_of("{'task':5,'seq':1,'state':'finished','exit':0}");
    (void)unused;
    assert_int_equal(status_read(v, &s, &err), 0);
    assert_true(s.exited);
    assert_false(s.signaled);
    json_free(v);
}

static void results_come_as_text_or_as_a_tree(void **unused)
{
    struct status s = {.task = 5, .seq = 1, .state = TASK_RUNNING, .health_raw = SLICE("[1]")};
    (void)unused;
    char *got = written(&s);
    assert_non_null(strstr(got, "\"health_results\":[1]"));
    mem_free(got);
}

static void either_form_of_a_state_is_read(void **unused)
{
    (void)unused;
    for (int i = 0; i < TASK_STATES; i++) {
        enum task_state state;
        assert_true(task_state_parse(task_state_word((enum task_state)i), &state));
        assert_int_equal(state, i);
        assert_true(task_state_parse(task_state_mesos((enum task_state)i), &state));
        assert_int_equal(state, i);
    }
    enum task_state state;
    assert_false(task_state_parse("", &state));
    assert_false(task_state_parse("RUNNING", &state));
}

static void what_is_wrong_is_named(void **unused)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"7", "status: task: need a positive number"},
        {"{}", "status: task: need a positive number"},
        {"{'task':0,'seq':1,'state':'running'}", "status: task: need a positive number"},
        {"{'task':1.5,'seq':1,'state':'running'}", "status: task: need a positive number"},
        {"{'task':1,'state':'running'}", "status: seq: need a number"},
        {"{'task':1,'seq':1}", "status: state: got \"\", need a task state"},
        {"{'task':1,'seq':1,'state':'flying'}", "status: state: got \"flying\", need a task state"},
        {"{'task':1,'seq':1,'state':'running','health':3}",
         "status: health: got 3, need 0, 1 or 2"},
        {"{'task':1,'seq':1,'state':'running','health':-1}",
         "status: health: got -1, need 0, 1 or 2"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct status s = {.task = -7};
        struct error err;
        struct json *v = tree_of(rows[i].text);
        assert_int_equal(status_read(v, &s, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.text, rows[i].why);
        assert_int_equal(s.task, -7);
        json_free(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_the_same),
        cmocka_unit_test(an_exit_of_0_is_an_exit),
        cmocka_unit_test(results_come_as_text_or_as_a_tree),
        cmocka_unit_test(either_form_of_a_state_is_read),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
