#include "unit.h"

#include "http/basic.h"

static void what_is_sent_is_known_by_its_hash(void **unused)
{
    (void)unused;
    static const struct {
        const char *header;
        bool is;
    } cases[] = {
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", true}, /* RFC 7617, 2 */
        {"basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", true},
        {"Basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ==", true},
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=", false},
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, x", false},
        {"Basic qWxhZGRpbjpvcGVuIHNlc2FtZQ==", false},
        {"Basic ", false},
        {"Basic", false},
        {"Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", false},
        {"", false},
    };
    char hash[BASIC_HASH_SIZE];
    struct buf header;
    buf_init(&header, 100);
    basic_put(&header, "Aladdin:open sesame");
    assert_string_equal(buf_str(&header), cases[0].header);
    buf_close(&header);
    basic_hash("Aladdin:open sesame", hash);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (basic_is(slice_of(cases[i].header), hash) != cases[i].is)
            fail_msg("%s", cases[i].header);
}

static void nothing_has_no_hash_that_anybody_could_send(void **unused)
{
    (void)unused;
    char hash[BASIC_HASH_SIZE];
    assert_string_equal(basic_hash("", hash), "");
    assert_false(basic_is(SLICE("Basic "), hash));
    assert_false(basic_is(SLICE(""), hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_is_known_by_its_hash),
        cmocka_unit_test(nothing_has_no_hash_that_anybody_could_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
