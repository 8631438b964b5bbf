#include "unit.h"

#include <string.h>

#include "http/carry.h"

static void a_request_comes_out_as_it_went_in(void **unused)
{
    (void)unused;
    struct buf bytes;
    struct error err;
    struct request *out, in = request_of(METHOD_PUT, "/v2/apps/%2Fweb?force=true");
    in.headers = SLICE("Accept: text/plain\r\n");
    in.body = (struct slice){"{\"a\":\0}", 7};
    in.listener = "marathon";
    in.scheme = "https";
    in.remote = "10.0.0.7";
    in.local_port = 8080;
    in.remote_port = 40001;
    in.node = "{\"agent\":3}";
    buf_init(&bytes, 4096);
    carry_request(&in, &bytes);
    assert_int_equal(carry_request_read(buf_slice(&bytes), &out, &err), 0);
    assert_int_equal(out->method, METHOD_PUT);
    assert_string_equal(out->method_text, "PUT");
    assert_true(slice_is(out->path, "/v2/apps/%2Fweb"));
    assert_true(slice_is(out->query, "force=true"));
    assert_true(slice_eq(out->headers, in.headers));
    assert_true(slice_eq(out->body, in.body));
    assert_string_equal(out->listener, "marathon");
    assert_string_equal(out->scheme, "https");
    assert_string_equal(out->remote, "10.0.0.7");
    assert_int_equal(out->local_port, 8080);
    assert_int_equal(out->remote_port, 40001);
    assert_null(out->user);
    assert_string_equal(out->node, in.node);
    request_free(out);
    buf_close(&bytes);
}

static void an_answer_comes_out_as_it_went_in(void **unused)
{
    (void)unused;
    struct buf bytes;
    struct error err;
    struct answer out, in = answer_whole((struct exchange_id){7}, 404, "text/plain", SLICE("no"));
    in.plain = true;
    header_put(&in.headers, "X-Two", "2");
    buf_init(&bytes, 4096);
    carry_answer(&in, &bytes);
    assert_int_equal(carry_answer_read(buf_slice(&bytes), &out, &err), 0);
    assert_int_equal(out.id.v, 0);
    assert_int_equal(out.kind, ANSWER_WHOLE);
    assert_int_equal(out.status, 404);
    assert_true(out.plain);
    assert_false(out.lasting);
    assert_string_equal(buf_str(&out.headers), buf_str(&in.headers));
    assert_true(slice_is(blob_slice(out.body), "no"));
    answer_close(&in);
    answer_close(&out);

    in = answer_head((struct exchange_id){7}, 200, NULL, ANSWER_LENGTH_UNKNOWN);
    in.lasting = true;
    buf_clear(&bytes);
    carry_answer(&in, &bytes);
    assert_int_equal(carry_answer_read(buf_slice(&bytes), &out, &err), 0);
    assert_int_equal(out.length, ANSWER_LENGTH_UNKNOWN);
    assert_true(out.lasting);
    answer_close(&in);
    answer_close(&out);
    buf_close(&bytes);
}

/* Each cut, and each byte set to the worst, is read within its bounds. */
static void what_does_not_add_up_is_refused(void **unused)
{
    (void)unused;
    struct buf bytes;
    struct error err;
    struct request *request, in = request_of(METHOD_GET, "/ping");
    struct answer answer, whole = answer_whole((struct exchange_id){7}, 200, NULL, SLICE("pong"));
    buf_init(&bytes, 4096);
    carry_request(&in, &bytes);
    for (size_t n = 0; n < bytes.len; n++)
        assert_int_equal(carry_request_read((struct slice){bytes.data, n}, &request, &err), -1);
    for (size_t i = 0; i < bytes.len; i++) {
        char was = bytes.data[i];
        bytes.data[i] = (char)0xff;
        if (carry_request_read(buf_slice(&bytes), &request, &err) == 0)
            request_free(request);
        bytes.data[i] = was;
    }
    buf_clear(&bytes);
    carry_answer(&whole, &bytes);
    for (size_t n = 0; n < bytes.len; n++)
        assert_int_equal(carry_answer_read((struct slice){bytes.data, n}, &answer, &err), -1);
    bytes.data[0] = ANSWER_SUBSCRIBE;
    assert_int_equal(carry_answer_read(buf_slice(&bytes), &answer, &err), -1);
    assert_non_null(strstr(err.text, "answer"));
    answer_close(&whole);
    buf_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_comes_out_as_it_went_in),
        cmocka_unit_test(an_answer_comes_out_as_it_went_in),
        cmocka_unit_test(what_does_not_add_up_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
