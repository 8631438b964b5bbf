/* tests/unit/executor/test_rotate.c */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "executor/rotate.h"
#include "support/tmp.h"

static char folder[TMP_PATH_SIZE];
static int fd;

static int begin(void **unused)
{
    (void)unused;
    tmp_make(folder);
    fd = open(folder, O_RDONLY | O_DIRECTORY);
    return fd < 0;
}

static int end(void **unused)
{
    (void)unused;
    close(fd);
    tmp_remove(folder);
    return 0;
}

static const char *text_of(const char *name)
{
    static char text[4096];
    int file = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return "(none)";
    ssize_t n = read(file, text, sizeof(text) - 1);
    close(file);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void open_log(struct rotate *r, int64_t max_bytes, unsigned max_files)
{
    struct error err;
    if (rotate_open(r, fd, "stdout", max_bytes, max_files, &err) != 0)
        fail_msg("%s", err.text);
}

static void says(struct rotate *r, const char *text)
{
    rotate_write(r, text, strlen(text));
}

/* `|` ends a write, `files` are the newest first. */
static void cuts_at_the_end_of_lines(void **unused)
{
    (void)unused;
    static const struct {
        const char *writes;
        unsigned max_files;
        const char *files[4];
    } all[] = {
        {"123456789\n", 2, {"123456789\n", "(none)"}},
        {"12345\n|6789\n", 2, {"6789\n", "12345\n"}},
        {"1234\n5678\nab", 2, {"ab", "1234\n5678\n"}},
        {"0123456789abcdef", 2, {"abcdef", "0123456789"}},
        {"12345|6789abc\n", 2, {"6789abc\n", "12345"}},
        {"1\n|0123456789|2\n|0123456789|", 1, {"0123456789", "2\n", "(none)"}},
        {"0123456789|abc", 0, {"abc", "(none)"}},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct rotate r;
        begin(NULL);
        open_log(&r, 10, all[i].max_files);
        for (const char *p = all[i].writes; *p != '\0'; p += *p == '|') {
            size_t n = strcspn(p, "|");
            rotate_write(&r, p, n);
            p += n;
        }
        rotate_close(&r);
        static const char *const names[] = {"stdout", "stdout.1", "stdout.2", "stdout.3"};
        for (int f = 0; f < 4 && all[i].files[f] != NULL; f++)
            assert_string_equal(text_of(names[f]), all[i].files[f]);
        end(NULL);
    }
}

static void goes_on_where_it_was(void **unused)
{
    (void)unused;
    struct rotate r;
    open_log(&r, 10, 2);
    says(&r, "12345\n");
    rotate_close(&r);
    open_log(&r, 10, 2);
    assert_int_equal(r.size, 6);
    says(&r, "6789\n");
    rotate_close(&r);
    assert_string_equal(text_of("stdout.1"), "12345\n");
}

/* What the task puts under the name is neither followed nor waited for. */
static void follows_no_link_and_waits_for_no_pipe(void **unused)
{
    (void)unused;
    struct rotate r;
    assert_int_equal(symlinkat("elsewhere", fd, "stdout"), 0);
    open_log(&r, 10, 2);
    says(&r, "one\n");
    rotate_close(&r);
    assert_string_equal(text_of("stdout"), "one\n");
    assert_string_equal(text_of("elsewhere"), "(none)");
    unlinkat(fd, "stdout", 0);
    assert_int_equal(mkfifoat(fd, "stdout", 0600), 0);
    open_log(&r, 10, 2);
    says(&r, "two\n");
    rotate_close(&r);
    assert_string_equal(text_of("stdout"), "two\n");
}

/* A limit on the size of files stands for a full disk. */
static void a_full_disk_loses_output_and_says_so(void **unused)
{
    (void)unused;
    struct rotate r;
    struct rlimit was, tight = {12, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &was);
    tight.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    open_log(&r, 1000, 2);
    says(&r, "0123456789");
    setrlimit(RLIMIT_FSIZE, &tight);
    says(&r, "abcdef");
    assert_int_equal(r.dropped, 4);
    says(&r, "gh");
    assert_int_equal(r.dropped, 6);
    setrlimit(RLIMIT_FSIZE, &was);
    says(&r, "there is room again\n");
    assert_int_equal(r.dropped, 0);
    rotate_close(&r);
    assert_string_equal(text_of("stdout"),
                        "0123456789ab\n[6 bytes of output were lost: disk full]\n"
                        "there is room again\n");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_at_the_end_of_lines),
        T(goes_on_where_it_was),
        T(follows_no_link_and_waits_for_no_pipe),
        T(a_full_disk_loses_output_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
