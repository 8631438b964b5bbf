#include "unit.h"

#include <zlib.h>

#include "net/gzip.h"

static void only_texts_are_worth_it(void **unused)
{
    (void)unused;
    static const struct {
        const char *headers;
        bool worth;
    } cases[] = {
        {"Content-Type: application/json\r\n", true},
        {"Content-Type: Text/HTML; charset=utf-8\r\n", true},
        {"Content-Type: image/svg+xml\r\n", true},
        {"Content-Type: text/event-stream\r\n", false},
        {"Content-Type: application/octet-stream\r\n", false},
        {"Content-Type: application/json\r\nContent-Encoding: gzip\r\n", false},
        {"X: y\r\n", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(gzip_worthwhile(slice_of(cases[i].headers)), cases[i].worth);
}

static void what_was_put_so_far_can_be_unpacked_so_far(void **unused)
{
    (void)unused;
    static const char *const parts[] = {"one ", "", "two ", "three"};
    struct gzip *g = gzip_new();
    z_stream z = {0};
    char text[100];
    size_t expected = 0;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_out = (unsigned char *)text;
    z.avail_out = sizeof(text);
    for (size_t i = 0; i < 4; i++) {
        struct buf out;
        buf_init(&out, 1000);
        gzip_put(g, slice_of(parts[i]), i == 3, &out);
        expected += slice_of(parts[i]).len;
        z.next_in = (unsigned char *)out.data;
        z.avail_in = (unsigned)out.len;
        int code = inflate(&z, Z_SYNC_FLUSH);
        assert_true(code == Z_OK || code == (i == 3 ? Z_STREAM_END : Z_BUF_ERROR));
        assert_int_equal(z.total_out, expected);
        buf_close(&out);
    }
    assert_memory_equal(text, "one two three", expected);
    inflateEnd(&z);
    gzip_free(g);
    gzip_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_texts_are_worth_it),
        cmocka_unit_test(what_was_put_so_far_can_be_unpacked_so_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
