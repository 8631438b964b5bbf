/* tests/unit/executor/test_docker_log.c - an engine that repeats itself, an agent that dies */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "executor/docker_log.h"
#include "support/tmp.h"

static uv_loop_t loop;
static char root[TMP_PATH_SIZE], folder[TMP_PATH_SIZE], sandbox[TMP_PATH_SIZE];
static struct docker_log log_;
static bool ready, drained, closed;

static void on_ready(struct docker_log *l)
{
    (void)l;
    ready = true;
}

static void on_drained(struct docker_log *l)
{
    (void)l;
    drained = true;
}

static void on_closed(struct docker_log *l)
{
    (void)l;
    closed = true;
}

static void await_flag(bool *flag)
{
    while (!*flag)
        uv_run(&loop, UV_RUN_ONCE);
    *flag = false;
}

static int begin(void **unused)
{
    (void)unused;
    tmp_make(root);
    snprintf(folder, sizeof(folder), "%.200s/N", root);
    snprintf(sandbox, sizeof(sandbox), "%.200s/S", root);
    log_ = (struct docker_log){0};
    ready = drained = closed = false;
    return mkdir(folder, 0700) + mkdir(sandbox, 0700) + uv_loop_init(&loop);
}

static int end(void **unused)
{
    (void)unused;
    assert_int_equal(uv_loop_close(&loop), 0);
    tmp_remove(root);
    return 0;
}

static void open_log(int64_t bytes)
{
    struct docker_log_options options = {
        .folder = folder, .sandbox = sandbox, .log_bytes = bytes, .log_files = 3};
    docker_log_open(&log_, &loop, &options, on_ready);
    assert_false(ready);
    await_flag(&ready);
}

static void close_log(void)
{
    docker_log_close(&log_, on_closed);
    assert_false(closed);
    await_flag(&closed);
}

/* A message a word: "o1.5hello" is stdout's at second 1.5 and says hello; `_` is a line's end; a
 * word that ends with `~` is cut off in the middle. */
static void feed(const char *words)
{
    char bytes[4096];
    size_t n = 0;
    for (const char *p = words; *p != '\0'; p += *p == ' ') {
        char word[64], text[128];
        int second, tenth, at;
        size_t len = strcspn(p, " ");
        snprintf(word, sizeof(word), "%.*s", (int)len, p);
        p += len;
        bool cut = word[strlen(word) - 1] == '~';
        assert_int_equal(sscanf(word + 1, "%d.%1d%n", &second, &tenth, &at), 2);
        int size = snprintf(text, sizeof(text), "2024-05-01T00:00:%02d.%d00000000Z %s", second,
                            tenth, word + 1 + at);
        for (char *c = strchr(text, '_'); c != NULL; c = strchr(c, '_'))
            *c = '\n';
        memcpy(bytes + n, "\1\0\0\0\0\0\0", 8);
        bytes[n] = word[0] == 'o' ? 1 : 2;
        bytes[n + 7] = (char)(cut ? size + 20 : size);
        size -= cut;
        memcpy(bytes + n + 8, text, (size_t)size);
        n += 8 + (size_t)size;
    }
    struct error err;
    assert_int_equal(docker_log_feed(&log_, (struct slice){bytes, n}, on_drained, &err), 0);
    await_flag(&drained);
}

static const char *text_of(const char *name)
{
    static char texts[4][1024];
    static unsigned next;
    char path[2 * TMP_PATH_SIZE], *text = texts[next++ % 4];
    snprintf(path, sizeof(path), "%s/%s", sandbox, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(texts[0]) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return fd < 0 ? "(none)" : text;
}

static const char *since(void)
{
    static char text[32];
    return docker_log_since(&log_, text);
}

static void writes_each_output_where_it_belongs(void **unused)
{
    (void)unused;
    open_log(1000);
    assert_string_equal(since(), "0.000000000");
    feed("o1.0one_ e1.5oh_ o2.0two_");
    close_log();
    assert_string_equal(text_of("stdout"), "one\ntwo\n");
    assert_string_equal(text_of("stderr"), "oh\n");
}

static void goes_on_without_doubling(void **unused)
{
    (void)unused;
    open_log(1000);
    feed("o1.0one_ e9.0oh_ o9.5two_ o9.5three_");
    close_log();
    open_log(1000);
    /* stderr's last is older than two seconds before the latest of all: both from there */
    assert_string_equal(since(), "1714521609.000000000");
    feed("o1.0one_ e9.0oh_ o9.5two_ o9.5three_ o9.5four_ e9.6dear_");
    close_log();
    assert_string_equal(text_of("stdout"), "one\ntwo\nthree\nfour\n");
    assert_string_equal(text_of("stderr"), "oh\ndear\n");
}

/* An output that was silent must not make the engine repeat everything. */
static void a_silent_output_does_not_count(void **unused)
{
    (void)unused;
    open_log(1000);
    feed("o1.0one_ o59.0late_");
    close_log();
    open_log(1000);
    assert_string_equal(since(), "1714521657.000000000");
    feed("o59.0late_ e58.5skewed_");
    close_log();
    assert_string_equal(text_of("stdout"), "one\nlate\n");
    assert_string_equal(text_of("stderr"), "skewed\n");
}

/* The stream broke off inside a message: the engine sends it again, whole. */
static void half_a_message_is_taken_back(void **unused)
{
    (void)unused;
    open_log(1000);
    feed("o1.0one_ o2.0tw~");
    assert_string_equal(text_of("stdout"), "one\ntw");
    close_log();
    open_log(1000);
    assert_string_equal(text_of("stdout"), "one\n");
    feed("o1.0one_ o2.0two_");
    close_log();
    assert_string_equal(text_of("stdout"), "one\ntwo\n");
}

/* The agent died after it had written and before it had noted where it was: as after a write of
 * somebody else, across two rotations. */
static void what_was_not_noted_is_taken_back(void **unused)
{
    (void)unused;
    char path[2 * TMP_PATH_SIZE], saved[2 * TMP_PATH_SIZE];
    open_log(20);
    feed("o1.0one_ o2.0two_");
    close_log();
    snprintf(path, sizeof(path), "%s/logs", folder);
    snprintf(saved, sizeof(saved), "%s/saved", folder);
    assert_int_equal(link(path, saved), 0);
    open_log(20);
    feed("o3.0three_three_ o4.0four_four_four_ o5.0five_five_five_");
    close_log();
    assert_string_equal(text_of("stdout.2"), "one\ntwo\nthree\nthree\n");
    assert_int_equal(rename(saved, path), 0);
    open_log(20);
    assert_string_equal(text_of("stdout"), "one\ntwo\n");
    assert_string_equal(text_of("stdout.1"), "(none)");
    feed("o3.0three_three_ o4.0four_four_four_ o5.0five_five_five_");
    close_log();
    assert_string_equal(text_of("stdout.2"), "one\ntwo\nthree\nthree\n");
    assert_string_equal(text_of("stdout.1"), "four\nfour\nfour\nfive\n");
    assert_string_equal(text_of("stdout"), "five\nfive\n");
}

static void can_be_closed_at_any_time(void **unused)
{
    (void)unused;
    struct error err;
    static char big[100000];
    memset(big, 'x', sizeof(big));
    memcpy(big, "\1\0\0\0\0\1\x86\x98no-time", 15);
    struct docker_log_options options = {
        .folder = folder, .sandbox = sandbox, .log_bytes = 1 << 20, .log_files = 3};
    docker_log_open(&log_, &loop, &options, on_ready);
    close_log();
    assert_false(ready);
    open_log(1 << 20);
    assert_int_equal(docker_log_feed(&log_, (struct slice){big, sizeof(big)}, on_drained, &err), 0);
    close_log();
    struct stat st;
    char path[2 * TMP_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/stdout", sandbox);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, sizeof(big) - 8);
}

static void a_sandbox_that_is_gone_stops_nothing(void **unused)
{
    (void)unused;
    rmdir(sandbox);
    open_log(1000);
    feed("o1.0one_");
    close_log();
    assert_int_equal(mkdir(sandbox, 0700), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(writes_each_output_where_it_belongs),  T(goes_on_without_doubling),
        T(a_silent_output_does_not_count),       T(half_a_message_is_taken_back),
        T(what_was_not_noted_is_taken_back),     T(can_be_closed_at_any_time),
        T(a_sandbox_that_is_gone_stops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
