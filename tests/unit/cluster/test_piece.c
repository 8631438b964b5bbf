/* Frames of snapshots: written and read back, and what is refused. */
#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "cluster/piece.h"
#include "model/frame.h"

static void what_is_written_can_be_read(void **unused)
{
    const struct piece pieces[] = {
        {PIECE_ASK, 1, 0, 1, {0}},
        {PIECE_ASK, UINT64_MAX, INT64_MAX, LIMIT_PIECE_BYTES, {0}},
        {PIECE_BYTES, 0x0102030405060708, 0x1122334455667788, 0, SLICE("some bytes")},
        {PIECE_GONE, 7, 8, 0, {0}},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct buf frame;
        struct piece p;
        struct error err;
        buf_init(&frame, 1 << 20);
        piece_write(&pieces[i], &frame);
        assert_int_equal(frame.data[0], FRAME_SNAPSHOT);
        if (piece_read(buf_slice(&frame), &p, &err) != 0)
            fail_msg("%s", err.text);
        assert_int_equal(p.kind, pieces[i].kind);
        assert_int_equal(p.token, pieces[i].token);
        assert_int_equal(p.offset, pieces[i].offset);
        assert_int_equal(p.size, pieces[i].size);
        assert_true(slice_eq(p.bytes, pieces[i].bytes));
        buf_close(&frame);
    }
}

static void what_is_none_of_ours_is_refused(void **unused)
{
#define HEAD(kind) "S" kind "\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2"
    static const struct {
        struct slice frame;
        const char *what;
    } cases[] = {
        {SLICE(""), "beginning"},
        {SLICE("S\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"), "beginning"},
        {SLICE("R\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\1"), "beginning"},
        {SLICE("S\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\1"), "token"},
        {SLICE("S\1\0\0\0\0\0\0\0\1\x80\0\0\0\0\0\0\2\0\0\0\1"), "offset"},
        {SLICE(HEAD("\0")), "kind"},
        {SLICE(HEAD("\4")), "kind"},
        {SLICE(HEAD("\xff")), "kind"},
        {SLICE(HEAD("\1")), "length"},
        {SLICE(HEAD("\1") "\0\0\0"), "length"},
        {SLICE(HEAD("\1") "\0\0\0\1\0"), "length"},
        {SLICE(HEAD("\1") "\0\0\0\0"), "size"},
        {SLICE(HEAD("\1") "\0\2\0\1"), "size"}, /* one more than LIMIT_PIECE_BYTES */
        {SLICE(HEAD("\1") "\xff\xff\xff\xff"), "size"},
        {SLICE(HEAD("\2")), "length"},
        {SLICE(HEAD("\3") "x"), "length"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct piece p;
        struct error err;
        assert_int_equal(piece_read(cases[i].frame, &p, &err), -1);
        assert_int_equal(err.code, ERR_SYNTAX);
        if (strstr(err.text, cases[i].what) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(what_is_none_of_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
