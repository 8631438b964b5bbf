#include "unit.h"

#include "cases.h"
#include "model/message.h"

static void every_kind_reads_back(void **unused)
{
    (void)unused;
    for (int i = 0; i < MESSAGE_KINDS; i++) {
        struct buf text;
        struct json_writer w;
        struct error err;
        enum message_kind kind;
        buf_init(&text, 4096);
        message_begin(&w, &text, (enum message_kind)i);
        json_member_int(&w, "uid", 7);
        message_end(&w);
        struct json *v = message_parse(buf_slice(&text), &kind, &err);
        assert_non_null(v);
        assert_int_equal(kind, i);
        assert_int_equal(json_int(json_get(v, "uid"), 0), 7);
        json_free(v);
        buf_close(&text);
    }
}

static void what_is_none_is_refused_in_plain_words(void **unused)
{
    static const struct {
        const char *text;
        enum error_code code;
        const char *why; /* or NULL: JSON's own words */
    } rows[] = {
        {"", ERR_SYNTAX, NULL},
        {"{", ERR_SYNTAX, NULL},
        {"{'m':'run'} x", ERR_SYNTAX, NULL},
        {"[]", ERR_INVALID, "message: unknown kind \"\""},
        {"7", ERR_INVALID, "message: unknown kind \"\""},
        {"null", ERR_INVALID, "message: unknown kind \"\""},
        {"{}", ERR_INVALID, "message: unknown kind \"\""},
        {"{'m':7}", ERR_INVALID, "message: unknown kind \"\""},
        {"{'m':'fly'}", ERR_INVALID, "message: unknown kind \"fly\""},
        {"{'m':'RUN'}", ERR_INVALID, "message: unknown kind \"RUN\""},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err;
        enum message_kind kind;
        char *text = unquoted(rows[i].text);
        assert_null(message_parse(slice_of(text), &kind, &err));
        assert_int_equal(err.code, rows[i].code);
        if (rows[i].why != NULL)
            assert_string_equal(err.text, rows[i].why);
        mem_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_reads_back),
        cmocka_unit_test(what_is_none_is_refused_in_plain_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
