#include "unit.h"

#include "base/limits.h"
#include "cases.h"
#include "model/outbox.h"

static void it_keeps_what_is_wanted_in_order(void **unused)
{
    struct outbox o;
    struct json_writer w;
    (void)unused;
    outbox_init(&o, 9);
    outbox_draft(&o, COMMAND_TASK_KILL, (struct origin){.kind = ORIGIN_APPS, .key = 5}, &w);
    json_member_int(&w, "x", 1);
    outbox_draft_end(&o, &w);
    outbox_message(&o, 3, MESSAGE_ACK, &w);
    json_member_int(&w, "y", 2);
    outbox_message_end(&o, &w);
    outbox_launch(&o, 7, SLICE("{}"));
    outbox_kill(&o, 8, "scaled down");
    outbox_forget(&o, 9);
    outbox_routes(&o, SLICE("[]"));

    static const enum out_kind kinds[] = {OUT_DRAFT, OUT_MESSAGE, OUT_LAUNCH,
                                          OUT_KILL,  OUT_FORGET,  OUT_ROUTES};
    assert_int_equal(o.n, COUNT(kinds));
    for (size_t i = 0; i < COUNT(kinds); i++)
        assert_int_equal(o.items[i].kind, kinds[i]);
    assert_int_equal(o.items[0].draft.kind, COMMAND_TASK_KILL);
    assert_int_equal(o.items[0].draft.epoch, 9); /* the term of the decider */
    assert_int_equal(o.items[0].origin.kind, ORIGIN_APPS);
    assert_int_equal(o.items[0].origin.key, 5);
    assert_string_equal(buf_str(&o.items[0].draft.args), "{\"x\":1}");
    assert_int_equal(o.items[1].agent, 3);
    assert_string_equal(buf_str(&o.items[1].body), "{\"m\":\"ack\",\"y\":2}");
    assert_int_equal(o.items[2].task, 7);
    assert_string_equal(buf_str(&o.items[2].body), "{}");
    assert_int_equal(o.items[3].task, 8);
    assert_string_equal(buf_str(&o.items[3].body), "scaled down");
    assert_int_equal(o.items[4].task, 9);
    outbox_close(&o);
    assert_int_equal(o.n, 0);
}

/* The writer points into the item; a thousand of them move the items, one at a time does not. */
static void it_grows_while_it_is_filled(void **unused)
{
    struct outbox o;
    struct json_writer w;
    (void)unused;
    outbox_init(&o, 0);
    for (int i = 0; i < 1000; i++) {
        outbox_draft(&o, COMMAND_SETTING_PUT, (struct origin){0}, &w);
        json_member_int(&w, "i", i);
        outbox_draft_end(&o, &w);
    }
    for (int i = 0; i < 1000; i++) {
        struct error err;
        struct json *v = json_parse(buf_slice(&o.items[i].draft.args), &err);
        assert_int_equal(json_int(json_get(v, "i"), -1), i);
        json_free(v);
    }
    outbox_close(&o);
}

static void the_last_may_be_taken_out_again(void **unused)
{
    struct outbox o;
    struct json_writer w;
    (void)unused;
    outbox_init(&o, 0);
    outbox_forget(&o, 1);
    outbox_draft(&o, COMMAND_SETTING_PUT, (struct origin){0}, &w);
    outbox_drop_last(&o);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.items[0].kind, OUT_FORGET);
    outbox_close(&o);
}

static void what_is_too_large_is_full_not_cut(void **unused)
{
    struct outbox o;
    struct json_writer w;
    struct buf big;
    (void)unused;
    buf_init(&big, LIMIT_ENTRY_BYTES);
    for (int i = 0; i < LIMIT_ENTRY_BYTES / 16; i++)
        buf_puts(&big, "0123456789abcdef");
    outbox_init(&o, 0);
    outbox_draft(&o, COMMAND_SETTING_PUT, (struct origin){0}, &w);
    json_member_str(&w, "big", buf_str(&big));
    outbox_draft_end(&o, &w);
    assert_true(buf_full(&o.items[0].draft.args));
    outbox_close(&o);
    buf_close(&big);
}

static void ending_what_was_not_begun_is_our_bug(void **unused)
{
    struct outbox o;
    struct json_writer w = {0};
    (void)unused;
    outbox_init(&o, 0);
    assert_breaks(outbox_draft_end(&o, &w));
    outbox_forget(&o, 1);
    assert_breaks(outbox_message_end(&o, &w));
    outbox_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_what_is_wanted_in_order),
        cmocka_unit_test(it_grows_while_it_is_filled),
        cmocka_unit_test(the_last_may_be_taken_out_again),
        cmocka_unit_test(what_is_too_large_is_full_not_cut),
        cmocka_unit_test(ending_what_was_not_begun_is_our_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
