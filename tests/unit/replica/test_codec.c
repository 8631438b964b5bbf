#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "replica/codec.h"
#include "replica/replica.h"

#define MOST (UINT64_C(1) << 62)

static void make_conf(struct buf *out, unsigned n)
{
    struct raft_configuration conf;
    char address[REPLICA_ADDRESS_MAX + 1];
    raft_configuration_init(&conf);
    memset(address, 'a', sizeof address - 1);
    address[sizeof address - 1] = '\0';
    for (unsigned i = 1; i <= n; i++) {
        address[0] = (char)('!' + i);
        assert_int_equal(raft_configuration_add(&conf, i == 1 ? INT64_MAX : i, address,
                                                i % 2 == 0 ? RAFT_STANDBY : RAFT_VOTER),
                         0);
    }
    buf_init(out, LIMIT_PEER_FRAME_BYTES);
    conf_encode(&conf, out);
    raft_configuration_close(&conf);
}

static void encode(const struct frame *f, struct buf *out)
{
    buf_init(out, LIMIT_PEER_FRAME_BYTES);
    frame_encode(f, out);
    assert_false(buf_full(out));
}

/* What has been decoded is encoded to the same bytes again: nothing is lost, nothing made up. */
static void round_trip(const struct frame *f)
{
    struct buf bytes, again;
    struct frame g;
    struct error err;
    encode(f, &bytes);
    if (frame_decode(buf_slice(&bytes), &g, &err) != 0)
        fail_msg("kind %d: %s", (int)f->kind, err.text);
    encode(&g, &again);
    assert_true(slice_eq(buf_slice(&bytes), buf_slice(&again)));
    assert_int_equal(g.kind, f->kind);
    assert_true(g.sender == f->sender);

    /* Every shorter frame is refused, and one that is longer too. */
    size_t step = bytes.len > 1000 ? bytes.len / 100 : 1;
    for (size_t n = 0; n < bytes.len; n += step) {
        struct frame cut;
        assert_int_equal(frame_decode((struct slice){bytes.data, n}, &cut, &err), -1);
        assert_int_equal(err.code, ERR_SYNTAX);
    }
    buf_putc(&bytes, 'x');
    struct frame longer;
    assert_int_equal(frame_decode(buf_slice(&bytes), &longer, &err), -1);
    frame_close(&g);
    buf_close(&bytes);
    buf_close(&again);
}

static void every_kind_comes_back_as_it_was(void **unused)
{
    (void)unused;
    struct buf conf;
    make_conf(&conf, LIMIT_SERVERS);
    static char big[LIMIT_ENTRY_BYTES];
    struct frame_entry entries[] = {
        {1, RAFT_COMMAND, {"", 0}},
        {1, RAFT_BARRIER, {"\0\0\0\0\0\0\0\0", 8}},
        {7, RAFT_CHANGE, buf_slice(&conf)},
        {MOST, RAFT_COMMAND, {big, sizeof big}},
    };
    struct frame frames[] = {
        {.kind = FRAME_APPEND, .sender = 1, .append = {1, 0, 0, 0, 0, NULL}},
        {.kind = FRAME_APPEND, .sender = 1, .append = {MOST, MOST, MOST, MOST, 0, NULL}},
        {.kind = FRAME_APPEND, .sender = INT64_MAX, .append = {MOST, 5, 1, 3, 4, entries}},
        {.kind = FRAME_APPEND_RESULT, .sender = 2, .append_result = {2, 0, 0, 0, 0, 0}},
        {.kind = FRAME_APPEND_RESULT,
         .sender = 2,
         .append_result = {2, MOST, MOST, MOST, UINT16_MAX, UINT16_MAX}},
        {.kind = FRAME_VOTE, .sender = 3, .vote = {2, 1, 3, 0, 0, false, false}},
        {.kind = FRAME_VOTE, .sender = 3, .vote = {2, MOST, 3, MOST, MOST, true, true}},
        {.kind = FRAME_VOTE_RESULT, .sender = 3, .vote_result = {2, 0, false, false, 0, 0}},
        {.kind = FRAME_VOTE_RESULT,
         .sender = 3,
         .vote_result = {2, MOST, true, true, UINT16_MAX, UINT16_MAX}},
        {.kind = FRAME_OFFER,
         .sender = 4,
         .offer = {MOST, MOST, MOST, MOST, buf_slice(&conf), UINT64_MAX, UINT64_MAX, {255, 1}}},
        {.kind = FRAME_TIMEOUT_NOW, .sender = 5, .timeout_now = {0, MOST, MOST, MOST}},
        {.kind = FRAME_PING, .sender = 6, .number = {MOST, MOST, MOST}},
        {.kind = FRAME_PONG, .sender = 6, .number = {0, 0, 0}},
        {.kind = FRAME_READ, .sender = 6, .number = {0, 1, 0}},
        {.kind = FRAME_READ_RESULT, .sender = 6, .number = {0, 1, 2}},
        {.kind = FRAME_REMOVED, .sender = 6, .number = {3, 0, 0}},
        {.kind = FRAME_MEND, .sender = 6, .number = {3, 0, 9}},
        {.kind = FRAME_BUSY, .sender = 6, .number = {3, 0, 0}},
        {.kind = FRAME_TABLES,
         .sender = 6,
         .offer = {MOST, MOST, MOST, MOST, buf_slice(&conf), UINT64_MAX, UINT64_MAX, {255, 1}}},
    };
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        round_trip(&frames[i]);
    buf_close(&conf);
}

static void refuse(struct frame f, const char *text)
{
    struct buf bytes;
    struct frame g;
    struct error err;
    encode(&f, &bytes);
    if (frame_decode(buf_slice(&bytes), &g, &err) == 0)
        fail_msg("taken in spite of: %s", text);
    assert_int_equal(err.code, ERR_SYNTAX);
    assert_string_equal(err.text, text);
    buf_close(&bytes);
}

static struct frame append_of(struct frame_append a)
{
    return (struct frame){.kind = FRAME_APPEND, .sender = 1, .append = a};
}

static void refuse_entry(struct frame_entry e, uint64_t prev_term, uint64_t term, const char *text)
{
    refuse(append_of((struct frame_append){term, 9, prev_term, 0, 1, &e}), text);
}

static void wrong_appends_are_refused(void **unused)
{
    (void)unused;
    static char big[LIMIT_ENTRY_BYTES + 1];
    struct slice data = SLICE("x");
    struct frame_entry falling[] = {{5, RAFT_COMMAND, data}, {4, RAFT_COMMAND, data}};
    refuse(append_of((struct frame_append){0, 0, 0, 0, 0, NULL}), "frame: got a wrong term");
    refuse(append_of((struct frame_append){MOST + 1, 0, 0, 0, 0, NULL}), "frame: got a wrong term");
    refuse(append_of((struct frame_append){5, 0, 1, 0, 0, NULL}),
           "frame: got a wrong previous entry");
    refuse(append_of((struct frame_append){5, 1, 0, 0, 0, NULL}),
           "frame: got a wrong previous entry");
    refuse(append_of((struct frame_append){5, 1, 6, 0, 0, NULL}),
           "frame: got a wrong previous entry");
    refuse(append_of((struct frame_append){5, MOST + 1, 1, 0, 0, NULL}),
           "frame: got a wrong previous entry");
    refuse(append_of((struct frame_append){5, 1, 1, UINT64_MAX, 0, NULL}),
           "frame: got a wrong commit index");
    refuse(append_of((struct frame_append){6, 9, 3, 0, 2, falling}),
           "frame: got a wrong entry's term");
    refuse_entry((struct frame_entry){0, RAFT_COMMAND, data}, 1, 5,
                 "frame: got a wrong entry's term");
    refuse_entry((struct frame_entry){6, RAFT_COMMAND, data}, 1, 5,
                 "frame: got a wrong entry's term");
    refuse_entry((struct frame_entry){2, RAFT_COMMAND, data}, 3, 5,
                 "frame: got a wrong entry's term");
    refuse_entry((struct frame_entry){5, 0, data}, 1, 5, "frame: got a wrong entry's type");
    refuse_entry((struct frame_entry){5, 4, data}, 1, 5, "frame: got a wrong entry's type");
    refuse_entry((struct frame_entry){5, RAFT_COMMAND, {big, sizeof big}}, 1, 5,
                 "frame: got a wrong entry's length");
    refuse_entry((struct frame_entry){5, RAFT_CHANGE, data}, 1, 5,
                 "frame: got a wrong configuration");
    refuse_entry((struct frame_entry){5, RAFT_CHANGE, {"", 0}}, 1, 5,
                 "frame: got a wrong configuration");
}

static void other_wrong_frames_are_refused(void **unused)
{
    (void)unused;
    struct buf conf;
    make_conf(&conf, 2);
    struct frame_offer good = {5, 9, 4, 3, buf_slice(&conf), 1, 1, {0}}, o;
    refuse((struct frame){.kind = FRAME_VOTE, .sender = 3, .vote = {2, 5, 4, 1, 1, false, false}},
           "frame: got a wrong candidate");
    refuse((struct frame){.kind = FRAME_VOTE, .sender = 3, .vote = {2, 0, 3, 0, 0, false, false}},
           "frame: got a wrong term");
    refuse((struct frame){.kind = FRAME_VOTE, .sender = 3, .vote = {2, 2, 3, 1, 3, false, false}},
           "frame: got a wrong term");
    refuse((struct frame){.kind = FRAME_TIMEOUT_NOW, .sender = 3}, "frame: got a wrong term");
    refuse(
        (struct frame){.kind = FRAME_APPEND_RESULT, .append_result = {2, 1, UINT64_MAX, 0, 0, 0}},
        "frame: got a wrong result");
    refuse((struct frame){.kind = FRAME_PING, .number = {1, UINT64_MAX, 0}},
           "frame: got a wrong number");
#define OFFER(change, text) \
    o = good;               \
    change;                 \
    refuse((struct frame){.kind = FRAME_OFFER, .sender = 3, .offer = o}, text)
    OFFER(o.term = 0, "frame: got a wrong term");
    OFFER(o.index_term = 0, "frame: got a wrong term");
    OFFER(o.index_term = 6, "frame: got a wrong term");
    OFFER(o.index = 0, "frame: got a wrong index");
    OFFER(o.conf_index = 0, "frame: got a wrong index");
    OFFER(o.conf_index = 10, "frame: got a wrong index");
    OFFER(o.conf.len = 0, "frame: got a wrong configuration");
    OFFER(o.conf.len = 12, "frame: it is cut");
    buf_close(&conf);
}

static void unknown_heads_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *head, *text;
    } heads[] = {
        {"\0\1\1\0\0\0\0\0\0\0", "frame: got kind 0"},
        {"\7\1\1\0\0\0\0\0\0\0", "frame: got kind 7"},
        {"\x20\1\1\0\0\0\0\0\0\0", "frame: got kind 32"},
        {"\xff\1\1\0\0\0\0\0\0\0", "frame: got kind 255"},
        {"\1\2\1\0\0\0\0\0\0\0", "frame: got version 2, need 1"},
    };
    struct frame f;
    struct error err;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_int_equal(frame_decode((struct slice){heads[i].head, 10}, &f, &err), -1);
        assert_string_equal(err.text, heads[i].text);
    }
}

static void refuse_conf(struct slice bytes)
{
    struct raft_configuration conf;
    struct error err;
    assert_int_equal(conf_decode(bytes, &conf, &err), -1);
    assert_int_equal(err.code, ERR_SYNTAX);
}

#define HEAD(n) "\1" n "\0\0\0\0\0\0\0"
#define SERVER(id, address, role) id "\0\0\0\0\0\0\0" address "\0" role

static void wrong_configurations_are_refused(void **unused)
{
    (void)unused;
    struct raft_configuration conf;
    struct error err;
    struct slice good = SLICE(HEAD("\2") SERVER("\1", "a", "\1") SERVER("\2", "b", "\0"));
    assert_int_equal(conf_decode(good, &conf, &err), 0);
    assert_int_equal(conf.n, 2);
    raft_configuration_close(&conf);
    for (size_t n = 0; n < good.len; n++)
        refuse_conf((struct slice){good.p, n});
    refuse_conf(SLICE("\2\1\0\0\0\0\0\0\0" SERVER("\1", "a", "\1"))); /* format */
    refuse_conf(SLICE(HEAD("\0")));                                   /* nobody */
    refuse_conf(SLICE("\1\xff\xff\xff\xff\xff\xff\xff\xff" SERVER("\1", "a", "\1")));
    refuse_conf(SLICE(HEAD("\1") SERVER("\0", "a", "\1"))); /* id 0 */
    refuse_conf(SLICE(HEAD("\1") "\1\0\0\0\0\0\0\x80"
                                 "a\0\1"));                 /* negative */
    refuse_conf(SLICE(HEAD("\1") SERVER("\1", "a", "\2"))); /* a spare */
    refuse_conf(SLICE(HEAD("\1") SERVER("\1", "a", "\xff")));
    refuse_conf(SLICE(HEAD("\2") SERVER("\1", "a", "\1") SERVER("\1", "b", "\1"))); /* twice */
    refuse_conf(SLICE(HEAD("\2") SERVER("\1", "a", "\1") SERVER("\2", "a", "\1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back_as_it_was),
        cmocka_unit_test(wrong_appends_are_refused),
        cmocka_unit_test(other_wrong_frames_are_refused),
        cmocka_unit_test(unknown_heads_are_refused),
        cmocka_unit_test(wrong_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
