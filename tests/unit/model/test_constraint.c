#include "unit.h"

#include "cases.h"
#include "model/constraint.h"

static const struct {
    enum constraint_dialect dialect;
    const char *body, *shows; /* as it is written again, or the problem */
} CASES[] = {
    {CONSTRAINT_OF_APP, "['hostname','UNIQUE']", "['hostname','UNIQUE']"},
    {CONSTRAINT_OF_APP, "['hostname','unique','']", "['hostname','UNIQUE']"},
    {CONSTRAINT_OF_APP, "['hostname','UNIQUE','x']", "p: UNIQUE: got the value 'x', need none"},
    {CONSTRAINT_OF_APP, "['rack','CLUSTER']", "['rack','CLUSTER']"},
    {CONSTRAINT_OF_APP, "['rack','CLUSTER','']", "['rack','CLUSTER']"},
    {CONSTRAINT_OF_APP, "['rack','CLUSTER','r1']", "['rack','CLUSTER','r1']"},
    {CONSTRAINT_OF_APP, "['rack','GROUP_BY']", "['rack','GROUP_BY']"},
    {CONSTRAINT_OF_APP, "['rack','GROUP_BY','3']", "['rack','GROUP_BY','3']"},
    {CONSTRAINT_OF_APP, "['rack','GROUP_BY','']",
     "p: GROUP_BY: got '', need a whole number as value"},
    {CONSTRAINT_OF_APP, "['rack','GROUP_BY','-1']",
     "p: GROUP_BY: got '-1', need a whole number as value"},
    {CONSTRAINT_OF_APP, "['rack','MAX_PER','2']", "['rack','MAX_PER','2']"},
    {CONSTRAINT_OF_APP, "['rack','MAX_PER']", "p: MAX_PER: need a whole number as value"},
    {CONSTRAINT_OF_APP, "['rack','LIKE','a.*']", "['rack','LIKE','a.*']"},
    {CONSTRAINT_OF_APP, "['rack','LIKE']", "p: LIKE: need a regular expression as value"},
    {CONSTRAINT_OF_APP, "['rack','UNLIKE','(']",
     "p: UNLIKE: got the pattern '(': a ( without its ) (at character 2)"},
    {CONSTRAINT_OF_APP, "['rack','IS','a/b_1.5-x']", "['rack','IS','a/b_1.5-x']"},
    {CONSTRAINT_OF_APP, "['rack','IS']", "p: IS: need a value"},
    {CONSTRAINT_OF_APP, "['rack','IS','[1-2]']",
     "p: IS: got '[1-2]', need letters, digits, '_', '/', '.' and '-' only"},
    {CONSTRAINT_OF_APP, "['rack','EQUALS','x']",
     "p: got the operator 'EQUALS', need UNIQUE, CLUSTER, GROUP_BY, MAX_PER, LIKE, UNLIKE or IS"},
    {CONSTRAINT_OF_APP, "['rack']", "p: need 2 or 3 elements, [field, operator, value]"},
    {CONSTRAINT_OF_APP, "['rack','LIKE','a','b']",
     "p: need 2 or 3 elements, [field, operator, value]"},
    {CONSTRAINT_OF_APP, "['','UNIQUE']", "p: got an empty field, need an attribute`s name"},
    {CONSTRAINT_OF_APP, "['rack','MAX_PER',2]",
     "p: error.expected.jsstring: need strings in [field, operator, value]"},
    {CONSTRAINT_OF_APP, "'rack:UNIQUE'",
     "p: error.expected.jsarray: need [field, operator, value]"},
    {CONSTRAINT_OF_JOB, "['rack','EQUALS','r1']", "['rack','EQUALS','r1']"},
    {CONSTRAINT_OF_JOB, "['rack','EQUALS','']", "['rack','EQUALS','']"},
    {CONSTRAINT_OF_JOB, "['rack','LIKE','a|b']", "['rack','LIKE','a|b']"},
    {CONSTRAINT_OF_JOB, "['rack','like','a']",
     "p: got the operator 'like', need EQUALS, LIKE or UNLIKE"},
    {CONSTRAINT_OF_JOB, "['rack','UNIQUE','a']",
     "p: got the operator 'UNIQUE', need EQUALS, LIKE or UNLIKE"},
    {CONSTRAINT_OF_JOB, "['rack','EQUALS']", "p: need 3 elements, [attribute, operator, value]"},
};

static void reads_constraints_or_says_why_not(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct arena arena = {0};
        struct problems problems = {0};
        struct constraint c;
        struct json *tree = tree_of(CASES[i].body);
        struct buf b;
        struct json_writer w;
        char *want = unquoted(CASES[i].shows), *got;
        buf_init(&b, 4096);
        json_begin(&w, &b);
        if (constraint_read(tree, CASES[i].dialect, "p", &arena, &c, &problems)) {
            constraint_write(&c, &w);
            got = buf_take(&b, NULL);
        } else {
            got = text_of_problems(&problems);
        }
        assert_string_equal(got, want);
        mem_free(got);
        mem_free(want);
        json_free(tree);
        arena_close(&arena);
        problems_close(&problems);
        buf_close(&b);
    }
}

static void shows_numbers_as_attributes_do(void **unused)
{
    (void)unused;
    static const struct {
        double v;
        const char *text;
    } ROWS[] = {
        {1, "1"},
        {1.5, "1.5"},
        {0.1, "0.1"},
        {0.0625, "0.062"},
        {0.1875, "0.188"},
        {-0.5, "-0.5"},
        {-1.25, "-1.25"},
        {0, "0"},
        {1234567, "1234567"},
        {1e18, "1000000000000000000"},
        {100, "100"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        char text[SCALAR_TEXT_SIZE];
        assert_string_equal(scalar_text(ROWS[i].v, text), ROWS[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_constraints_or_says_why_not),
        cmocka_unit_test(shows_numbers_as_attributes_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
