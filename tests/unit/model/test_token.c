#include "unit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/token.h"

#define DAY INT64_C(86400000)

static struct token example(void)
{
    struct token t = {.modes = MODE_MASTER | MODE_AGENT, .id = 0x0fa9c201};
    for (size_t i = 0; i < sizeof t.ca; i++)
        t.ca[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof t.secret; i++)
        t.secret[i] = (uint8_t)(200 - i);
    return t;
}

static const char text_of_example[] =
    "MESO1-ma-00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9-"
    "0fa9c201c8c7c6c5c4c3c2c1c0bfbebdbcbbbab9b8b7b6b5";

static void refused(const char *text, const char *why)
{
    struct token t = {.id = 7};
    struct error err;
    assert_int_equal(token_parse(text, &t, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(t.id, 7); /* untouched */
    if (strstr(err.text, why) == NULL)
        fail_msg("%s: got \"%s\", need \"%s\"", text, err.text, why);
}

/* ---- */

static void a_token_is_one_word_and_reads_back(void **unused)
{
    struct token t = example(), again;
    struct error err;
    char text[TOKEN_TEXT_SIZE], shouted[TOKEN_TEXT_SIZE + 8];
    (void)unused;
    token_text(&t, text);
    assert_int_equal(strncmp(text, text_of_example, strlen(text_of_example)), 0);
    assert_int_equal(strlen(text), strlen(text_of_example) + 4);
    assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyzMESO0123456789-"), strlen(text));
    assert_int_equal(token_parse(text, &again, &err), 0);
    assert_int_equal(again.modes, t.modes);
    assert_int_equal(again.id, t.id);
    assert_memory_equal(again.ca, t.ca, sizeof t.ca);
    assert_memory_equal(again.secret, t.secret, sizeof t.secret);

    /* as it may come out of a mail */
    size_t n = (size_t)sprintf(shouted, " %s\r\n", text);
    for (size_t i = 10; i < n; i++)
        shouted[i] = (char)toupper((unsigned char)shouted[i]);
    assert_int_equal(token_parse(shouted, &again, &err), 0);
    assert_memory_equal(again.secret, t.secret, sizeof t.secret);
}

static void all_modes_have_a_letter(void **unused)
{
    (void)unused;
    for (unsigned modes = 1; modes <= MODES_ALL; modes++) {
        struct token t = example(), again;
        struct error err;
        char text[TOKEN_TEXT_SIZE];
        t.modes = modes;
        assert_int_equal(token_parse(token_text(&t, text), &again, &err), 0);
        assert_int_equal(again.modes, modes);
    }
}

static void what_is_none_says_what_is_wrong(void **unused)
{
    char text[TOKEN_TEXT_SIZE], changed[2 * TOKEN_TEXT_SIZE];
    struct token t = example();
    (void)unused;
    token_text(&t, text);
    refused("", "is empty");
    refused(" \n", "is empty");
    refused("hunter2", "does not begin with MESO1-");
    refused("MESO2-ma-00-00", "of another kind than MESO1: it needs another version of mesolith");
    refused("MESO1-", "ends too early");
    refused("MESO1-ma-0007", "ends too early");
    refused("MESO1--00-00", "the letters m, s and a");
    refused("MESO1-mm-00-00", "the letters m, s and a");
    refused("MESO1-mx-00-00", "the letters m, s and a");
    refused("MESO1-ma-0007-00", "64 hexadecimal digits as the CA's hash, got 4 characters");

    sprintf(changed, "%.*s", (int)strlen(text) - 1, text);
    refused(changed, "52 hexadecimal digits as its last part, got 51 characters");
    sprintf(changed, "%s0", text);
    refused(changed, "got 53 characters");
    t.modes = MODES_ALL;
    token_text(&t, text);
    sprintf(changed, "%s0", text);
    refused(changed, "need at most 127: copy it whole");
    sprintf(changed, "%.20s %s", text, text + 20);
    refused(changed, "need one word");
    strcpy(changed, text);
    changed[12] = 'g';
    refused(changed, "hexadecimal digits as the CA's hash");
    strcpy(changed, text);
    changed[80] = 'g';
    refused(changed, "hexadecimal digits as its last part");
    t.id = 1;
    token_text(&t, text);
    strcpy(changed, text);
    changed[strlen(text) - 4 - 40 - 1] = '0'; /* id 0 */
    refused(changed, "hexadecimal digits as its last part");
}

static void a_single_wrong_character_is_found(void **unused)
{
    char text[TOKEN_TEXT_SIZE];
    struct token t = example();
    struct error err;
    (void)unused;
    token_text(&t, text);
    for (size_t i = 0; i < strlen(text); i++) {
        char changed[TOKEN_TEXT_SIZE];
        strcpy(changed, text);
        changed[i] = changed[i] == '3' ? '4' : '3';
        assert_int_equal(token_parse(changed, &t, &err), -1);
        assert_null(strstr(err.text, "c8c7c6")); /* the secret is not repeated */
    }
}

static void an_id_is_eight_digits(void **unused)
{
    char text[TOKEN_ID_SIZE];
    int64_t id = 5;
    (void)unused;
    assert_string_equal(token_id_text(0x0fa9c201, text), "0fa9c201");
    assert_true(token_id_parse("0FA9c201", &id));
    assert_int_equal(id, 0x0fa9c201);
    assert_true(token_id_parse("ffffffff", &id));
    assert_int_equal(id, UINT32_MAX);
    static const char *const bad[] = {"", "0", "00000000", "0fa9c20", "0fa9c2011", "0fa9c20g"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(token_id_parse(bad[i], &id));
}

static void a_hash_is_of_the_id_and_the_secret(void **unused)
{
    struct token t = example();
    uint8_t hash[SHA256_SIZE], other[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    (void)unused;
    token_hash(t.id, t.secret, hash);
    hex_encode(hex, hash, sizeof hash); /* it stands in states: never another */
    assert_string_equal(hex, "71e5e816fa8649be96413ead2794532713edab18f569b703efc0a4d82aa36fae");
    token_hash(t.id + 1, t.secret, other);
    assert_false(secret_equal(hash, other, sizeof hash));
    t.secret[19] ^= 1;
    token_hash(t.id, t.secret, other);
    assert_false(secret_equal(hash, other, sizeof hash));
    t.secret[19] ^= 1;
    token_hash(t.id, t.secret, other);
    assert_true(secret_equal(hash, other, sizeof hash));
}

static void a_tokens_life_is_bounded(void **unused)
{
    const struct {
        unsigned modes;
        int64_t until;
        enum error_code code;
    } rows[] = {
        {MODE_AGENT, 1001, ERR_NONE},
        {MODES_ALL, 1000 + 365 * DAY, ERR_NONE},
        {MODES_ALL, 1001 + 365 * DAY, ERR_LIMIT},
        {MODES_ALL, 1000, ERR_INVALID},
        {MODES_ALL, INT64_MIN, ERR_INVALID},
        {MODES_ALL, INT64_MAX, ERR_LIMIT},
        {0, 1001, ERR_INVALID},
        {MODES_ALL + 1, 1001, ERR_INVALID},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        const struct wall until = {rows[i].until};
        int rc = token_check(rows[i].modes, until, (struct wall){1000}, &err);
        assert_int_equal(rc, rows[i].code == ERR_NONE ? 0 : -1);
        assert_int_equal(err.code, rows[i].code);
    }
}

static void modes_have_words(void **unused)
{
    char text[MODES_TEXT_SIZE];
    unsigned modes = 9;
    (void)unused;
    assert_string_equal(modes_text(MODES_ALL, text), "master,scheduler,agent");
    assert_string_equal(modes_text(MODE_MASTER | MODE_AGENT, text), "master,agent");
    assert_string_equal(modes_text(0, text), "");
    assert_true(modes_parse("agent,master", &modes));
    assert_int_equal(modes, MODE_MASTER | MODE_AGENT);
    static const char *const bad[] = {"",      ",",       "agent,",      ",agent",
                                      "Agent", "agents",  "agent,agent", "agent, master",
                                      "agen",  "agent,x", "agent;master"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(modes_parse(bad[i], &modes));
    assert_int_equal(modes, MODE_MASTER | MODE_AGENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_one_word_and_reads_back),
        cmocka_unit_test(all_modes_have_a_letter),
        cmocka_unit_test(what_is_none_says_what_is_wrong),
        cmocka_unit_test(a_single_wrong_character_is_found),
        cmocka_unit_test(an_id_is_eight_digits),
        cmocka_unit_test(a_hash_is_of_the_id_and_the_secret),
        cmocka_unit_test(a_tokens_life_is_bounded),
        cmocka_unit_test(modes_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
