#include "unit.h"

#include <string.h>

#include "http/exchange.h"

static void a_blob_lives_as_long_as_its_last_holder(void **unused)
{
    (void)unused;
    struct blob *b = blob_of("abc", 3);
    assert_ptr_equal(blob_ref(b), b);
    blob_unref(b);
    assert_true(slice_is(blob_slice(b), "abc"));
    blob_unref(b);
    blob_unref(NULL);
    assert_int_equal(blob_slice(NULL).len, 0);
}

static void a_blob_takes_a_buffer_without_copying(void **unused)
{
    (void)unused;
    struct buf b;
    buf_init(&b, 100);
    buf_puts(&b, "abc");
    const char *memory = b.data;
    struct blob *blob = blob_take(&b);
    assert_ptr_equal(blob_slice(blob).p, memory);
    assert_int_equal(b.len, 0);
    blob_unref(blob);
}

static void answers_own_what_they_point_to(void **unused)
{
    (void)unused;
    struct exchange_id id = {7};
    struct buf body;
    buf_init(&body, 100);
    buf_puts(&body, "part");

    struct answer whole = answer_whole(id, 404, "application/json", SLICE("{}"));
    header_put(&whole.headers, "X-A", "b");
    assert_int_equal(whole.kind, ANSWER_WHOLE);
    assert_string_equal(buf_str(&whole.headers), "Content-Type: application/json\r\nX-A: b\r\n");
    assert_true(slice_is(blob_slice(whole.body), "{}"));
    answer_close(&whole);
    answer_close(&whole);

    struct answer part = answer_part(id, &body);
    assert_int_equal(part.id.v, 7);
    assert_true(slice_is(blob_slice(part.body), "part"));
    answer_close(&part);

    struct answer none = answer_whole(id, 204, NULL, SLICE(""));
    assert_null(none.body);
    assert_int_equal(none.headers.len, 0);
    answer_close(&none);

    struct answer subscribe = answer_subscribe(id, 3, "a\nb");
    assert_string_equal(subscribe.subscription.types, "a\nb");
    answer_close(&subscribe);
}

static void an_id_says_whose_it_is(void **unused)
{
    (void)unused;
    struct exchange_id id = exchange_elsewhere(EXCHANGE_OF_NODE, UINT64_MAX);
    assert_int_equal(exchange_owner(id), EXCHANGE_OF_NODE);
    assert_true((id.v & EXCHANGE_ELSEWHERE) != 0);
    assert_int_equal(exchange_owner(exchange_elsewhere(EXCHANGE_OF_DOOR, 1)), EXCHANGE_OF_DOOR);
    assert_int_equal(exchange_owner((struct exchange_id){~EXCHANGE_ELSEWHERE}), EXCHANGE_OF_CLIENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_says_whose_it_is),
        cmocka_unit_test(a_blob_lives_as_long_as_its_last_holder),
        cmocka_unit_test(a_blob_takes_a_buffer_without_copying),
        cmocka_unit_test(answers_own_what_they_point_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
