#include "unit.h"

#include "cases.h"
#include "model/command.h"

/* ---- the words are on disk */

static void every_kind_has_a_word_of_its_own_and_keeps_it(void **unused)
{
    static const char *const words[] = {
        "schema.upgrade", "setting.put",     "node.put",   "agent.register",  "agent.state",
        "app.put",        "app.delay_reset", "app.forget", "deployment.step", "task.launch",
        "task.kill",      "task.update",     "job.put",    "job.delete",      "job.tick",
        "job.trigger",    "run.update",      "token.put",  "token.revoke",    "node.join",
        "node.renew",
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(words); i++) {
        enum command_kind kind;
        assert_true(command_parse_word(words[i], &kind));
        assert_string_equal(command_word(kind), words[i]);
        assert_in_range(command_level(kind), 0, COMMAND_LEVEL);
    }
    for (int i = 0; i < COMMAND_KINDS; i++) {
        enum command_kind kind;
        assert_true(command_parse_word(command_word((enum command_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    enum command_kind kind;
    assert_false(command_parse_word("", &kind));
    assert_false(command_parse_word("app.putt", &kind));
}

/* ---- there and back */

static struct draft draft_of(enum command_kind kind, const char *args)
{
    struct draft d = {.kind = kind};
    char *text = unquoted(args);
    buf_init(&d.args, 65536);
    buf_puts(&d.args, text);
    mem_free(text);
    return d;
}

static void an_entry_reads_back_as_it_was_written(void **unused)
{
    struct draft drafts[] = {
        draft_of(COMMAND_APP_PUT, "{'apps':[{'path':'/a`b','x':1}]}"),
        draft_of(COMMAND_TASK_KILL, "{}"),
        draft_of(COMMAND_JOB_TICK, "{'set':[9007199254740993]}"),
    };
    struct buf entry;
    struct json *root;
    struct error err;
    struct command c;
    (void)unused;
    drafts[0].by = mem_strdup("ann \"the admin\"");
    drafts[0].from = mem_strdup("10.0.0.9");
    drafts[0].rid = mem_strdup("r-1");
    drafts[2].epoch = UINT64_C(1) << 40;
    buf_init(&entry, 65536);
    command_entry_begin(&entry);
    for (size_t i = 0; i < COUNT(drafts); i++) {
        command_entry_add(&entry, &drafts[i], (struct wall){1000 + (int64_t)i});
        draft_close(&drafts[i]);
    }
    command_entry_end(&entry);
    assert_int_equal(entry.data[0], COMMAND_ENTRY_VERSION);
    assert_int_equal(command_entry_parse(buf_slice(&entry), &root, &err), 0);
    assert_int_equal(json_count(root), COUNT(drafts));

    const struct json *at = json_first(root);
    assert_int_equal(command_from_json(at, &c, &err), 0);
    assert_int_equal(c.kind, COMMAND_APP_PUT);
    assert_int_equal(c.at.ms, 1000);
    assert_string_equal(c.by, "ann \"the admin\"");
    assert_string_equal(c.from, "10.0.0.9");
    assert_string_equal(c.rid, "r-1");
    assert_int_equal(c.epoch, 0);
    assert_int_equal(json_count(json_get(c.args, "apps")), 1);

    at = json_next(at);
    assert_int_equal(command_from_json(at, &c, &err), 0);
    assert_string_equal(c.by, "");
    assert_string_equal(c.from, "");
    assert_string_equal(c.rid, "");

    at = json_next(at);
    assert_int_equal(command_from_json(at, &c, &err), 0);
    assert_int_equal(c.epoch, UINT64_C(1) << 40);
    assert_int_equal(json_int(json_first(json_get(c.args, "set")), 0), INT64_C(9007199254740993));
    json_free(root);
    buf_close(&entry);
}

static void what_is_no_entry_of_ours_is_corrupt(void **unused)
{
    static const struct {
        const char *entry;
        size_t len;
        const char *text;
    } rows[] = {
        {"", 0, "log entry: version -1, this build reads 1"},
        {"\2[]", 3, "log entry: version 2, this build reads 1"},
        {"[]", 2, "log entry: version 91, this build reads 1"},
        {"\1{}", 3, "log entry: not an array of commands"},
        {"\1[7", 3, NULL},
        {"\1", 1, NULL},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json *root = NULL;
        struct error err;
        const struct slice entry = {rows[i].entry, rows[i].len};
        assert_int_equal(command_entry_parse(entry, &root, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_null(root);
        if (rows[i].text != NULL)
            assert_string_equal(err.text, rows[i].text);
    }
}

static void an_unknown_kind_is_named(void **unused)
{
    static const char *const elements[] = {"{'c':'app.fly','at':1}", "7", "{}", "{'c':7}", "null"};
    (void)unused;
    for (size_t i = 0; i < COUNT(elements); i++) {
        struct command c;
        struct error err;
        struct json *v = tree_of(elements[i]);
        assert_int_equal(command_from_json(v, &c, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
        if (i == 0)
            assert_string_equal(err.text, "log entry: unknown command \"app.fly\"");
        json_free(v);
    }
}

static void missing_members_are_empty_not_wrong(void **unused)
{
    struct command c;
    struct error err;
    struct json *v = tree_of("{'c':'task.kill'}");
    (void)unused;
    assert_int_equal(command_from_json(v, &c, &err), 0);
    assert_int_equal(c.at.ms, 0);
    assert_string_equal(c.by, "");
    assert_null(c.args);
    json_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_word_of_its_own_and_keeps_it),
        cmocka_unit_test(an_entry_reads_back_as_it_was_written),
        cmocka_unit_test(what_is_no_entry_of_ours_is_corrupt),
        cmocka_unit_test(an_unknown_kind_is_named),
        cmocka_unit_test(missing_members_are_empty_not_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
