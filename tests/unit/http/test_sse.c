#include "unit.h"

#include "http/sse.h"

static void renders_events(void **unused)
{
    (void)unused;
    static const struct {
        const char *event, *id, *data, *expected;
    } cases[] = {
        {"ping", NULL, "{}", "event: ping\r\ndata: {}\r\n\r\n"},
        {NULL, "7", "a", "id: 7\r\ndata: a\r\n\r\n"},
        {NULL, NULL, "", "data: \r\n\r\n"},
        {NULL, NULL, "a\nb\r\nc\rd", "data: a\r\ndata: b\r\ndata: c\r\ndata: d\r\n\r\n"},
        {NULL, NULL, "a\n", "data: a\r\ndata: \r\n\r\n"},
        {"a\nevent: b", "1\r\n", "", "event: a event: b\r\nid: 1  \r\ndata: \r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out;
        buf_init(&out, 200);
        sse_event(&out, cases[i].event, cases[i].id, slice_of(cases[i].data));
        assert_string_equal(buf_str(&out), cases[i].expected);
        buf_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
