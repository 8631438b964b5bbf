#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cluster/exchange_frame.h"
#include "http/carry.h"

static const struct sandbox_request question = {
    .op = SANDBOX_FOLLOW,
    .shape = SHAPE_NATIVE,
    .path = "/slaves/S0/\xff",
    .jsonp = "f.g",
    .offset = -1,
    .length = -1,
    .begins_within_ms = 7,
    .tail = 100,
    .task = INT64_MAX,
};

static void a_request_for_a_file_comes_out_as_it_went_in(void **unused)
{
    (void)unused;
    struct buf bytes;
    struct exchange_frame f;
    struct error err;
    buf_init(&bytes, 4096);
    exchange_frame_begin(&bytes, EXCHANGE_SANDBOX, UINT64_MAX, 0);
    exchange_frame_sandbox(&bytes, &question);
    assert_int_equal(exchange_frame_read(buf_slice(&bytes), &f, &err), 0);
    assert_int_equal(f.kind, EXCHANGE_SANDBOX);
    assert_true(f.number == UINT64_MAX);
    assert_int_equal(f.sandbox->op, SANDBOX_FOLLOW);
    assert_int_equal(f.sandbox->shape, SHAPE_NATIVE);
    assert_string_equal(f.sandbox->path, question.path);
    assert_string_equal(f.sandbox->jsonp, "f.g");
    assert_int_equal(f.sandbox->offset, -1);
    assert_int_equal(f.sandbox->length, -1);
    assert_int_equal(f.sandbox->begins_within_ms, 7);
    assert_int_equal(f.sandbox->tail, 100);
    assert_true(f.sandbox->task == INT64_MAX);
    exchange_frame_close(&f);
    buf_close(&bytes);
}

static void the_others_do_too(void **unused)
{
    (void)unused;
    struct buf bytes;
    struct exchange_frame f;
    struct error err;
    struct request request = request_of(METHOD_GET, "/state");
    struct answer answer = answer_whole((struct exchange_id){7}, 200, NULL, SLICE("pong"));
    buf_init(&bytes, 4096);
    exchange_frame_begin(&bytes, EXCHANGE_REQUEST, 3, 0);
    carry_request(&request, &bytes);
    assert_int_equal(exchange_frame_read(buf_slice(&bytes), &f, &err), 0);
    assert_true(slice_is(f.request->path, "/state"));
    exchange_frame_close(&f);
    buf_clear(&bytes);
    exchange_frame_begin(&bytes, EXCHANGE_ANSWER, 3, 12);
    carry_answer(&answer, &bytes);
    assert_int_equal(exchange_frame_read(buf_slice(&bytes), &f, &err), 0);
    assert_int_equal(f.number, 3);
    assert_int_equal(f.count, 12);
    assert_true(slice_is(blob_slice(f.answer.body), "pong"));
    exchange_frame_close(&f);
    answer_close(&answer);
    static const enum exchange_frame_kind short_ones[] = {EXCHANGE_CREDIT, EXCHANGE_GONE,
                                                          EXCHANGE_BEGUN};
    for (size_t i = 0; i < COUNT(short_ones); i++) {
        buf_clear(&bytes);
        exchange_frame_begin(&bytes, short_ones[i], 3, 12);
        assert_int_equal(exchange_frame_read(buf_slice(&bytes), &f, &err), 0);
        assert_int_equal(f.kind, short_ones[i]);
        assert_int_equal(f.count, 12);
    }
    buf_close(&bytes);
}

/* Each cut, each byte set to the worst, and what a stranger might try. */
static void what_does_not_add_up_is_refused(void **unused)
{
    (void)unused;
    struct buf bytes;
    struct exchange_frame f;
    struct error err;
    buf_init(&bytes, 4096);
    exchange_frame_begin(&bytes, EXCHANGE_SANDBOX, 1, 0);
    exchange_frame_sandbox(&bytes, &question);
    size_t texts = strlen(question.path) + strlen(question.jsonp);
    for (size_t n = 0; n < bytes.len - texts; n++)
        assert_int_equal(exchange_frame_read((struct slice){bytes.data, n}, &f, &err), -1);
    for (size_t i = 0; i < bytes.len; i++) {
        char was = bytes.data[i];
        bytes.data[i] = (char)0xff;
        if (exchange_frame_read(buf_slice(&bytes), &f, &err) == 0)
            exchange_frame_close(&f);
        bytes.data[i] = was;
    }
    bytes.data[bytes.len - 1] = '\0'; /* a text that is shorter than it says */
    assert_int_equal(exchange_frame_read(buf_slice(&bytes), &f, &err), -1);
    assert_int_equal(err.code, ERR_SYNTAX);

    struct sandbox_request wrong = question;
    wrong.offset = -2;
    buf_clear(&bytes);
    exchange_frame_begin(&bytes, EXCHANGE_SANDBOX, 1, 0);
    exchange_frame_sandbox(&bytes, &wrong);
    assert_int_equal(exchange_frame_read(buf_slice(&bytes), &f, &err), -1);

    buf_clear(&bytes);
    exchange_frame_begin(&bytes, EXCHANGE_GONE, 1, 0);
    buf_putc(&bytes, 'x');
    assert_int_equal(exchange_frame_read(buf_slice(&bytes), &f, &err), -1);
    buf_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_for_a_file_comes_out_as_it_went_in),
        cmocka_unit_test(the_others_do_too),
        cmocka_unit_test(what_does_not_add_up_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
