#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "proxy/frame.h"

static void frames_may_come_in_pieces(void **unused)
{
    (void)unused;
    struct buf whole, in;
    struct slice frame;
    struct error err;
    size_t seen = 0;
    buf_init(&whole, 1000);
    buf_init(&in, 1000);
    proxy_message_bare(&whole, "taken");
    proxy_message_bare(&whole, "moved");
    for (size_t i = 0; i < whole.len; i++) {
        buf_putc(&in, whole.data[i]);
        assert_int_equal(proxy_frame_first(&in, &frame, &err), 0);
        if (frame.len == 0)
            continue;
        assert_true(slice_is(frame, seen++ == 0 ? "{\"type\":\"taken\"}" : "{\"type\":\"moved\"}"));
        proxy_frame_drop(&in, frame);
    }
    assert_int_equal(seen, 2);
    assert_int_equal(in.len, 0);
    buf_close(&whole);
    buf_close(&in);
}

static void a_length_that_cannot_be_is_refused(void **unused)
{
    (void)unused;
    static const char *const cases[] = {"GET / HTTP/1.1\r\n", "\0\0\0\0", "\xff\xff\xff\xff"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf in;
        struct slice frame;
        struct error err;
        buf_init(&in, 1000);
        buf_put(&in, cases[i], 4);
        assert_int_equal(proxy_frame_first(&in, &frame, &err), -1);
        assert_int_equal(err.code, ERR_LIMIT);
        buf_close(&in);
    }
}

static void a_message_has_a_type(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        enum error_code code;
    } cases[] = {
        {"{", ERR_SYNTAX}, {"7", ERR_INVALID}, {"{}", ERR_INVALID}, {"{\"type\":7}", ERR_INVALID}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *type;
        struct error err;
        assert_null(proxy_message_parse(slice_of(cases[i].text), &type, &err));
        assert_int_equal(err.code, cases[i].code);
    }
}

static void another_protocol_is_told_apart(void **unused)
{
    (void)unused;
    struct error err;
    struct json *v = json_parse(slice_of("{\"type\":\"hello\",\"protocol\":9}"), &err);
    assert_int_equal(proxy_hello_check(v, &err), -1);
    assert_string_equal(err.text, "the other side speaks version 9 of the proxy's protocol, this "
                                  "one 1");
    json_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_may_come_in_pieces),
        cmocka_unit_test(a_length_that_cannot_be_is_refused),
        cmocka_unit_test(a_message_has_a_type),
        cmocka_unit_test(another_protocol_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
