#include "unit.h"

#include "base/str.h"
#include "model/pattern.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *pattern, *yes, *no; /* texts, separated by blanks */
} PATTERNS[] = {
    {"rack-1", "rack-1", "rack-11 xrack-1 rack-"},
    {"rack-.*", "rack- rack-1", "rack xrack-1"},
    {"a|b", "a b", "ab c"},
    {"^node[1-3]$", "node1 node3", "node4 node12"},
    {"\\d+", "1 42", "a 4a"},
    {"\\w+", "a_9", "a-9"},
    {"[^\\s]+", "ab", ""},
    {"\\S\\D\\W", "1a-", "1a1 111"},
    {"a\\.b", "a.b", "axb"},
    {"10\\.0\\.[0-9]{1,3}\\.\\d{2}", "10.0.7.12 10.0.123.99", "10.0.1234.12 10.0.7.1"},
    {"(?:ab)+c?", "ab ababc", "abcab c"},
    {"(a(b|c)){2}", "abac", "ab ababab"},
    {"[a-c]{2,}", "ab abc", "a abd"},
    {"[]a]", "] a", "b"}, /* refused below: Java wants it escaped */
    {"[\\]a]", "] a", "b"},
    {"[\\^a-]", "^ a -", "b"},
    {"[-^]", "- ^", "a"},
    {"[\\^]", "^", "a"},
    {"[^^]", "a", "^"},
    {"[\\[:]", "[ :", "]"},
    {"[.*]", ". *", "a"},
    {"a{2}b}", "aab}", "aab"},
    {"\\^\\$\\\\", "^$\\", "^$"},
    {"é+", "é éé", "e"},
    {"", "", "a"},
};

static bool matches_all(const struct pattern *p, const char *texts, bool wanted)
{
    char text[64];
    do {
        size_t len = strcspn(texts, " ");
        snprintf(text, sizeof(text), "%.*s", (int)len, texts);
        if (pattern_matches(p, text) != wanted)
            return false;
        texts += len + (texts[len] == ' ');
    } while (*texts != '\0');
    return true;
}

static void matches_whole_texts(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(PATTERNS) / sizeof(*PATTERNS); i++) {
        struct pattern *p;
        struct error err;
        if (str_starts(PATTERNS[i].pattern, "[]")) {
            assert_int_equal(pattern_new(PATTERNS[i].pattern, &p, &err), -1);
            continue;
        }
        if (pattern_new(PATTERNS[i].pattern, &p, &err) != 0)
            fail_msg("%s: %s", PATTERNS[i].pattern, err.text);
        if (!matches_all(p, PATTERNS[i].yes, true) || !matches_all(p, PATTERNS[i].no, false))
            fail_msg("%s: misread", PATTERNS[i].pattern);
        pattern_free(p);
    }
}

static void refuses_rather_than_misreads(void **unused)
{
    (void)unused;
    static const char *const BAD[] = {
        "(",
        ")",
        "a)",
        "[a",
        "[]",
        "[^]",
        "*a",
        "a**",
        "a+?",
        "a*+",
        "a{2}{2}",
        "(a{9}){9}",
        "((a{9}b))+{2}",
        "((a{9}b)){2}",
        "a{",
        "a{x}",
        "a{,3}",
        "a{3,2}",
        "a{256}",
        "a{ 2}",
        "\\",
        "\\b",
        "\\1",
        "\\p{L}",
        "(?=a)",
        "(?i)a",
        "(?<n>a)",
        "a^b",
        "a$b",
        "[a&&b]",
        "[[a]]",
        "[z-a]",
        "[a-\\d]",
        "[é]",
        "(((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))"
        "))))",
        "a|*",
        "(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa){255}"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        struct pattern *p;
        struct error err;
        if (pattern_new(BAD[i], &p, &err) != -1)
            fail_msg("%s was taken", BAD[i]);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_whole_texts),
        cmocka_unit_test(refuses_rather_than_misreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
