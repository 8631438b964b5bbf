#include "unit.h"

#include "graphite_text.h"

static const struct wall at = {1767225600999};

static void each_number_is_a_line(void **unused)
{
    static const char metrics[] =
        "{\"version\":\"3.0.0\",\"gauges\":{\"queueSize\":{\"value\":3}},"
        "\"counters\":{\"jobs.run.success.a b\":{\"count\":9007199254740993}},"
        "\"histograms\":{\"jobs.run.time.x\":{\"count\":2,\"mean\":1.5,\"p99\":1e3}},\"meters\":{}"
        "}";
    struct buf out;
    struct error err;
    (void)unused;
    buf_init(&out, 4096);
    assert_int_equal(graphite_write(SLICE(metrics), "prod x", at, &out, &err), 0);
    assert_string_equal(buf_str(&out), "prod-x.queueSize 3 1767225600\n"
                                       "prod-x.jobs.run.success.a-b.count 9007199254740993 "
                                       "1767225600\n"
                                       "prod-x.jobs.run.time.x.count 2 1767225600\n"
                                       "prod-x.jobs.run.time.x.mean 1.50 1767225600\n"
                                       "prod-x.jobs.run.time.x.p99 1000.00 1767225600\n");
    buf_clear(&out);
    assert_int_equal(
        graphite_write(SLICE("{\"gauges\":{\"q\":{\"value\":-1}}}"), "", at, &out, &err), 0);
    assert_string_equal(buf_str(&out), "q -1 1767225600\n");
    buf_close(&out);
}

static void what_is_no_such_answer_or_has_no_room_fails(void **unused)
{
    struct buf out;
    struct error err;
    (void)unused;
    buf_init(&out, 10);
    assert_int_equal(graphite_write(SLICE("{\"gauges\":"), "", at, &out, &err), -1);
    assert_int_equal(err.code, ERR_SYNTAX);
    assert_int_equal(
        graphite_write(SLICE("{\"gauges\":{\"q\":{\"value\":1}}}"), "", at, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_is_a_line),
        cmocka_unit_test(what_is_no_such_answer_or_has_no_room_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
