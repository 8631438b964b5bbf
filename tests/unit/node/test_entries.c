/* From drafts to entries of the log: nothing is too large for them, and nothing waits for ever. */
#include "stage.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "node/private.h"

static struct stage s;

static int begin(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    stage_close(&s);
    return 0;
}

/* Sets `x` by arguments of exactly so many bytes. */
static void draft(size_t bytes)
{
    static const char head[] = "{\"set\":{\"x\":\"", tail[] = "\"}}";
    struct json_writer w;
    struct outbox *out = &s.members[0].node->out;
    outbox_draft(out, COMMAND_SETTING_PUT, (struct origin){.kind = ORIGIN_NOBODY}, &w);
    struct buf *args = &out->items[out->n - 1].draft.args;
    buf_clear(args);
    buf_puts(args, head);
    size_t fill = bytes - strlen(head) - strlen(tail);
    char *text = mem_alloc(fill + 1);
    memset(text, 'v', fill);
    buf_put(args, text, fill);
    buf_puts(args, tail);
    mem_free(text);
    assert_int_equal(args->len, bytes);
}

static const char *x(void)
{
    return state_setting(node_state(s.members[0].node), "x", "");
}

static void every_size_is_either_taken_or_refused(void **unused)
{
    (void)unused;
    for (size_t bytes = LIMIT_ENTRY_BYTES - 1030; bytes < LIMIT_ENTRY_BYTES - 1020; bytes++) {
        draft(bytes);
        stage_run_ms(&s, 3);
        assert_int_equal(s.members[0].node->out.n, 0);
    }
}

static void what_does_not_fit_one_entry_goes_with_the_next(void **unused)
{
    (void)unused;
    uint64_t applied = node_applied(s.members[0].node);
    for (int i = 0; i < 3; i++)
        draft(LIMIT_ENTRY_BYTES / 2 - 100);
    stage_run_ms(&s, 5);
    assert_int_equal(s.members[0].node->out.n, 0);
    assert_int_equal(node_applied(s.members[0].node) - applied, 3);
    assert_string_not_equal(x(), "");
}

static void more_commands_than_a_turn_takes_go_with_the_next(void **unused)
{
    (void)unused;
    uint64_t applied = node_applied(s.members[0].node);
    for (int i = 0; i < LIMIT_TURN_COMMANDS + 10; i++)
        draft(40);
    stage_run_ms(&s, 5);
    assert_int_equal(s.members[0].node->out.n, 0);
    assert_int_equal(node_applied(s.members[0].node) - applied, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(every_size_is_either_taken_or_refused),
        TEST(what_does_not_fit_one_entry_goes_with_the_next),
        TEST(more_commands_than_a_turn_takes_go_with_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
