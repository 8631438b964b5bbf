#include "unit.h"

#include "base/mem.h"
#include "cli_table.h"

static const struct column columns[] = {
    {"APP", COLUMN_FREE},
    {"STATE", COLUMN_TEXT},
    {"MEM MiB", COLUMN_NUMBER},
    {"WHY", COLUMN_FREE},
};

/* Rows of four cells, NULL ends them. */
static char *written(const char *const *cells, size_t width, bool color)
{
    struct table t;
    struct buf out;
    buf_init(&out, 10000);
    table_init(&t, columns, COUNT(columns));
    for (size_t i = 0; cells[i] != NULL; i++)
        table_put(&t, i % 4 == 1 ? ink_of_state("app", cells[i]) : INK_NONE, cells[i]);
    table_write(&t, width, color, &out);
    table_close(&t);
    return buf_take(&out, NULL);
}

static void check(const char *const *cells, size_t width, bool color, const char *text)
{
    char *got = written(cells, width, color);
    assert_string_equal(got, text);
    mem_free(got);
}

static void columns_are_aligned_and_lines_end_with_their_text(void **unused)
{
    (void)unused;
    const char *const cells[] = {"/web",    "running", "32",      "",  "/ml/train",
                                 "waiting", "4096",    "no node", NULL};
    check(cells, 0, false,
          "APP        STATE    MEM MiB  WHY\n"
          "/web       running       32\n"
          "/ml/train  waiting     4096  no node\n");
}

/* A program reads the heads; for a person the caller says what there may be. */
static void an_empty_table_has_its_heads_in_a_pipe(void **unused)
{
    (void)unused;
    const char *const none[] = {NULL};
    check(none, 0, false, "APP  STATE  MEM MiB  WHY\n");
    check(none, 80, false, "");
}

static void a_column_without_text_is_left_out(void **unused)
{
    (void)unused;
    const char *const cells[] = {"/web", "", "32", "", "/b", "", "4", "", NULL};
    check(cells, 0, false,
          "APP   MEM MiB\n"
          "/web       32\n"
          "/b          4\n");
}

static void free_columns_are_clipped_to_the_width(void **unused)
{
    (void)unused;
    const char *const cells[] = {"/a/very/long/name", "running", "32",
                                 "a sentence that is even longer", NULL};
    check(cells, 50, false,
          "APP                STATE    MEM MiB  WHY\n"
          "/a/very/long/name  running       32  a sentence t…\n");
    check(cells, 40, false,
          "APP           STATE    MEM MiB  WHY\n"
          "/a/very/lon…  running       32  a sente…\n");
}

static void what_may_not_be_clipped_is_not(void **unused)
{
    (void)unused;
    const char *const cells[] = {"/a/very/long/name", "running", "32", "because of this", NULL};
    check(cells, 10, false,
          "APP       STATE    MEM MiB  WHY\n"
          "/a/very…  running       32  because…\n");
}

/* A list of long names in a narrow terminal: names are what one types next. */
static void spare_columns_go_before_names_are_cut_to_nothing(void **unused)
{
    (void)unused;
    static const struct column spare[] = {{"JOB", COLUMN_FREE},
                                          {"STATE", COLUMN_TEXT},
                                          {"OK", COLUMN_SPARE_NUMBER},
                                          {"SCHEDULE", COLUMN_SPARE},
                                          {"IN WORDS", COLUMN_SPARE}};
    static const struct {
        size_t width;
        const char *text;
    } cases[] = {
        {70, "JOB                   STATE    OK  SCHEDULE   IN WORDS\n"
             "pg_dump-shop.sql-49c  failing   1  0 2 * * *  every day at 02:00\n"},
        {50, "JOB                STATE    OK  SCHEDULE  IN WORDS\n"
             "pg_dump-shop.sql…  failing   1  0 2 * *…  every d…\n"},
        {40, "JOB          STATE    SCHEDULE  IN WORDS\n"
             "pg_dump-sh…  failing  0 2 * *…  every d…\n"},
        {30, "JOB          STATE    SCHEDULE\n"
             "pg_dump-sh…  failing  0 2 * *…\n"},
        {20, "JOB          STATE\n"
             "pg_dump-sh…  failing\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct table t;
        struct buf out;
        buf_init(&out, 1000);
        table_init(&t, spare, COUNT(spare));
        table_put(&t, INK_NONE, "pg_dump-shop.sql-49c");
        table_put(&t, INK_NONE, "failing");
        table_put(&t, INK_NONE, "1");
        table_put(&t, INK_NONE, "0 2 * * *");
        table_put(&t, INK_NONE, "every day at 02:00");
        table_write(&t, cases[i].width, false, &out);
        table_close(&t);
        assert_string_equal(buf_str(&out), cases[i].text);
        buf_close(&out);
    }
}

static void colour_is_around_the_words(void **unused)
{
    (void)unused;
    const char *const cells[] = {"/web", "unhealthy", "32", "", NULL};
    check(cells, 0, true,
          "\033[2mAPP\033[0m   \033[2mSTATE\033[0m      \033[2mMEM MiB\033[0m\n"
          "/web  \033[31munhealthy\033[0m       32\n");
}

static void cells_of_strangers_stay_on_their_line(void **unused)
{
    (void)unused;
    const char *const cells[] = {"/web\n\033[2J", "x", "1", "", NULL};
    check(cells, 0, false,
          "APP        STATE  MEM MiB\n"
          "/web  [2J  x            1\n");
}

static void tables_without_heads_have_no_first_line(void **unused)
{
    (void)unused;
    static const struct column bare[] = {{"", COLUMN_TEXT}, {"", COLUMN_FREE}};
    struct table t;
    struct buf out;
    buf_init(&out, 1000);
    table_init(&t, bare, 2);
    table_put(&t, INK_DIM, "state");
    table_printf(&t, INK_NONE, "%d of %d", 2, 3);
    table_write(&t, 0, false, &out);
    table_close(&t);
    assert_string_equal(buf_str(&out), "state  2 of 3\n");
    buf_close(&out);
}

static void half_a_row_is_our_bug(void **unused)
{
    (void)unused;
    struct table t;
    struct buf out;
    buf_init(&out, 1000);
    table_init(&t, columns, COUNT(columns));
    table_put(&t, INK_NONE, "/web");
    assert_breaks(table_write(&t, 0, false, &out));
    table_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned_and_lines_end_with_their_text),
        cmocka_unit_test(an_empty_table_has_its_heads_in_a_pipe),
        cmocka_unit_test(a_column_without_text_is_left_out),
        cmocka_unit_test(free_columns_are_clipped_to_the_width),
        cmocka_unit_test(what_may_not_be_clipped_is_not),
        cmocka_unit_test(spare_columns_go_before_names_are_cut_to_nothing),
        cmocka_unit_test(colour_is_around_the_words),
        cmocka_unit_test(cells_of_strangers_stay_on_their_line),
        cmocka_unit_test(tables_without_heads_have_no_first_line),
        cmocka_unit_test(half_a_row_is_our_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
