/* tests/unit/executor/test_fields.c */
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "executor/fields.h"
#include "support/tmp.h"

static void keeps_any_text(void **unused)
{
    (void)unused;
    static const char *const values[] = {"", "plain", "two\nlines\n", "back\\slash\\n", "a=b"};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        struct fields f = {0};
        char got[64];
        fields_put(&f, "before", "x");
        fields_put(&f, "value", values[i]);
        fields_put_int(&f, "number", INT64_MIN);
        assert_string_equal(fields_get(&f, "value", got, sizeof(got)), values[i]);
        assert_true(fields_int(&f, "number", 0) == INT64_MIN);
    }
}

static void skips_what_it_does_not_know(void **unused)
{
    (void)unused;
    static const char text[] = "kil=1\n\nnonsense\nkill=5\nkiller=2\nkill=6";
    struct fields f = {0};
    char got[8];
    fields_take(&f, text, strlen(text));
    assert_int_equal(fields_int(&f, "kill", -1), 5);
    assert_int_equal(fields_int(&f, "absent", -1), -1);
    assert_int_equal(fields_int(&f, "nonsense", -1), -1);
    assert_false(fields_has(&f, "ki"));
    assert_string_equal(fields_get(&f, "absent", got, sizeof(got)), "");
}

static void what_does_not_fit_is_left_out(void **unused)
{
    (void)unused;
    struct fields f = {0};
    char big[FIELDS_SIZE + 10], got[4];
    memset(big, '\n', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    fields_put(&f, "big", big);
    fields_put(&f, "small", "abcdef");
    assert_string_equal(fields_get(&f, "small", got, sizeof(got)), "abc");
    assert_true(f.len < FIELDS_SIZE);
    memset(big, 'x', sizeof(big));
    fields_take(&f, big, sizeof(big));
    assert_int_equal(f.len, FIELDS_SIZE - 1);
}

static void a_file_is_whole_or_not_there(void **unused)
{
    (void)unused;
    char folder[TMP_PATH_SIZE], got[8];
    struct fields f = {0}, back = {0};
    struct error err;
    tmp_make(folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fields_load(&back, fd, "exit", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    fields_put(&f, "code", "3");
    assert_int_equal(fields_save(&f, fd, "exit", true, &err), 0);
    assert_int_equal(faccessat(fd, "exit.new", F_OK, 0), -1);
    assert_int_equal(fields_load(&back, fd, "exit", &err), 0);
    assert_string_equal(fields_get(&back, "code", got, sizeof(got)), "3");
    tmp_remove(folder);
    assert_int_equal(fields_save(&f, fd, "exit", true, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    close(fd);
}

static void what_was_reserved_is_used(void **unused)
{
    (void)unused;
    char folder[TMP_PATH_SIZE], got[8];
    struct fields f = {0}, back;
    struct error err;
    struct stat reserved, saved;
    tmp_make(folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fields_reserve(fd, "exit", &err), 0);
    assert_int_equal(fstatat(fd, "exit.new", &reserved, 0), 0);
    assert_int_equal(reserved.st_size, FIELDS_SIZE);
    fields_put(&f, "code", "3");
    assert_int_equal(fields_save(&f, fd, "exit", true, &err), 0);
    assert_int_equal(fstatat(fd, "exit", &saved, 0), 0);
    assert_int_equal(saved.st_ino, reserved.st_ino);
    assert_int_equal(saved.st_size, f.len);
    assert_int_equal(fields_load(&back, fd, "exit", &err), 0);
    assert_string_equal(fields_get(&back, "code", got, sizeof(got)), "3");
    tmp_remove(folder);
    assert_int_equal(fields_reserve(fd, "exit", &err), -1);
    assert_int_equal(err.code, ERR_IO);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_any_text),
        cmocka_unit_test(skips_what_it_does_not_know),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(a_file_is_whole_or_not_there),
        cmocka_unit_test(what_was_reserved_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
