/* tests/unit/executor/test_docker_stream.c - the engine's log stream, in one piece and byte by byte
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "executor/docker_stream.h"

static void reads_times_of_all_engines(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int64_t ns;
    } all[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01.000000005Z", 1000000005},
        {"2024-05-01T09:30:00.120Z", 1714555800120000000},
        {"2024-05-01T11:30:00.12+02:00", 1714555800120000000},
        {"2024-05-01T04:00:00.120000000-05:30", 1714555800120000000},
        {"2024-05-01T09:30:00.1200000009Z", 1714555800120000000},
        {"2024-05-01 09:30:00Z", -1},
        {"2024-13-01T09:30:00Z", -1},
        {"2024-05-01T09:30:00", -1},
        {"2024-05-01T09:30:00Zx", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"9999-05-01T09:30:00Z", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (docker_time_ns(slice_of(all[i].text)) != all[i].ns)
            fail_msg("%s: %lld", all[i].text, (long long)docker_time_ns(slice_of(all[i].text)));
}

/* "1:text" is a frame of stdout; the times are put before. */
static size_t frame(char *dst, int kind, const char *text)
{
    size_t n = strlen(text);
    memcpy(dst, "\0\0\0\0\0\0\0\0", 8);
    dst[0] = (char)kind;
    dst[6] = (char)(n >> 8);
    dst[7] = (char)n;
    memcpy(dst + 8, text, n);
    return n + 8;
}

/* All pieces as text: "<ns%1000 if any>text" with '|' where a message ends; stderr in capitals'
 * place marked with '!'. */
static const char *story_of(const char *bytes, size_t len, size_t step, bool tty)
{
    static char story[4096];
    struct docker_stream s;
    struct docker_piece piece;
    struct error err = {0};
    size_t n = 0;
    bool fresh = true;
    docker_stream_init(&s, tty);
    for (size_t at = 0; at < len && err.code == ERR_NONE; at += step) {
        struct slice in = {bytes + at, len - at < step ? len - at : step};
        while (docker_stream_next(&s, &in, &piece, &err)) {
            if (fresh)
                n += (size_t)sprintf(story + n, "%s<%d>", piece.output == DOCKER_STDERR ? "!" : "",
                                     (int)(piece.ns % 1000));
            n += (size_t)sprintf(story + n, "%.*s%s", (int)piece.text.len, piece.text.p,
                                 piece.last ? "|" : "");
            fresh = piece.last;
        }
    }
    sprintf(story + n, "%s", err.code != ERR_NONE ? "broken" : "");
    return story;
}

#define TIME(ns) "2024-05-01T09:30:00.000000" ns "Z "

static void takes_frames_apart(void **unused)
{
    (void)unused;
    char bytes[2048];
    size_t n = 0;
    n += frame(bytes + n, 1, TIME("001") "hello\n");
    n += frame(bytes + n, 2, TIME("002") "oh dear\n");
    n += frame(bytes + n, 1, TIME("003") "two\nlines, no end");
    n += frame(bytes + n, 1, TIME("004"));
    n += frame(bytes + n, 1, "");
    n += frame(bytes + n, 1, "no time\n");
    n += frame(bytes + n, 1, "notime");
    n += frame(bytes + n, 2,
               "0123456789012345678901234567890123456789012345678901234567890123 long");
    n += frame(bytes + n, 1, TIME("005") " blank first");
    static const char want[] =
        "<1>hello\n|!<2>oh dear\n|<3>two\nlines, no end|<4>|<0>no time\n|<0>notime|"
        "!<0>0123456789012345678901234567890123456789012345678901234567890123 long|"
        "<5> blank first|";
    for (size_t step = 1; step < n; step += step < 40 ? 1 : 37)
        assert_string_equal(story_of(bytes, n, step, false), want);
}

static void takes_lines_of_a_terminal_apart(void **unused)
{
    (void)unused;
    static const char bytes[] =
        TIME("001") "one\r\n" TIME("002") "two\r\nbare\n" TIME("003") "no end";
    static const char want[] = "<1>one\r\n|<2>two\r\n|<0>bare\n|<3>no end";
    for (size_t step = 1; step < sizeof(bytes); step++)
        assert_string_equal(story_of(bytes, sizeof(bytes) - 1, step, true), want);
}

static void refuses_what_is_no_such_stream(void **unused)
{
    (void)unused;
    struct docker_stream s;
    struct docker_piece piece;
    struct error err;
    struct slice in = SLICE("HTTP/1.1 500 Oops");
    docker_stream_init(&s, false);
    assert_false(docker_stream_next(&s, &in, &piece, &err));
    assert_string_equal(err.text, "the engine's log stream: got a frame of kind 72, need 1 or 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_times_of_all_engines),
        cmocka_unit_test(takes_frames_apart),
        cmocka_unit_test(takes_lines_of_a_terminal_apart),
        cmocka_unit_test(refuses_what_is_no_such_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
