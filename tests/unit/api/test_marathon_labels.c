#include "unit.h"

#include "api/marathon/labels.h"
#include "api/marathon/stored.h"

#define LABELS "{\"a\":\"1\",\"b\":\"\",\"in\":\"x\",\"odd/key\":\"y z\"}"

static void selectors_choose_by_labels(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool match;
    } cases[] = {
        {"", true},
        {"  ", true},
        {"a", true},
        {"c", false},
        {"a==1", true},
        {"a == 1", true},
        {"a==2", false},
        {"c==1", false},
        {"a!=2", true},
        {"a!=1", false},
        {"c!=1", false}, /* it must exist */
        {"a in (1)", true},
        {"a in(2, 1)", true},
        {"a in (2,3)", false},
        {"a in ()", false},
        {"c in (1)", false},
        {"a notin (2,3)", true},
        {"a notin (1)", false},
        {"a notin ()", true},
        {"c notin (1)", false}, /* it must exist */
        {"a,b", true},
        {"a , c", false},
        {"a==1,b,in==x", true},
        {"in", true},
        {"in in (x)", true},
        {"odd\\/key==y\\ z", true},
    };
    struct error err;
    struct json *labels = json_parse(SLICE(LABELS), &err);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct selectors s;
        if (selectors_parse(cases[i].text, &s, &err) != 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        if (selectors_match(&s, labels) != cases[i].match)
            fail_msg("%s", cases[i].text);
        selectors_close(&s);
    }
    json_free(labels);
}

static void a_wrong_selector_is_shown_with_the_place(void **unused)
{
    (void)unused;
    static const char *const cases[][2] = {
        {"a=1",
         "label: \"a=1\": at character 2: need ',' or the end, after a name or a comparison"},
        {"a in 1", "label: \"a in 1\": at character 6: need '(' and the values"},
        {"a in (1", "label: \"a in (1\": at character 8: need ',' or ')'"},
        {"a,", "label: \"a,\": at character 3: need a selector after ','"},
        {"a==", "label: \"a==\": at character 4: need a label's name or value: letters, digits, "
                "'-', '_', '.', or '\\' before another"},
        {"(", "label: \"(\": at character 1: need a label's name or value: letters, digits, '-', "
              "'_', '.', or '\\' before another"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct selectors s;
        struct error err;
        assert_int_equal(selectors_parse(cases[i][0], &s, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.text, cases[i][1]);
    }
}

static void a_stored_text_tells_role_and_network(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *role;
        bool container;
    } cases[] = {
        {"{\"networks\":[{\"mode\":\"host\"}],\"role\":\"*\",\"ports\":[],\"uris\":[]}", "*",
         false},
        {"{\"labels\":{\"role\":\"x\"},\"networks\":[{\"mode\":\"container/bridge\"}],"
         "\"role\":\"prod\",\"ports\":[]}",
         "prod", false},
        {"{\"cmd\":\"\\\"role\\\":\\\"x\\\"\",\"networks\":[{\"mode\":\"container\",\"name\":"
         "\"n\"}],\"role\":\"a\",\"uris\":[\"\\\"role\\\":\\\"y\\\"\"]}",
         "a", true},
        {"{\"labels\":{\"mode\":\"container\"},\"networks\":[{\"mode\":\"host\"}]}", "", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice text = slice_of(cases[i].text);
        assert_true(slice_is(stored_role(text), cases[i].role));
        assert_int_equal(stored_on_container_network(text), cases[i].container);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors_choose_by_labels),
        cmocka_unit_test(a_wrong_selector_is_shown_with_the_place),
        cmocka_unit_test(a_stored_text_tells_role_and_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
