/* tests/unit/executor/test_fetch.c - a small web server, real cp, tar and gzip */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/str.h"
#include "executor/fetch.h"
#include "support/https.h"
#include "support/tmp.h"

static struct loop loop;
static struct launcher launcher;
static struct launch_client client;
static struct listener listener;
static char root[TMP_PATH_SIZE], sandbox[TMP_PATH_SIZE];
static struct sandbox_user self;

/* ---- the server: an answer a path; what is big is sent as the reader takes it */

#define BIG (3 << 20)
static char *big;

static char elsewhere[192]; /* an answer that sends there */

static const struct {
    const char *path, *answer;
} pages[] = {
    {"/hello.txt", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
    {"/script", "HTTP/1.1 200 OK\r\n\r\n#!/bin/sh\necho ran\n"},
    {"/moved", "HTTP/1.1 302 Found\r\nLocation: /hello.txt\r\nContent-Length: 9\r\n\r\nnot this!"},
    {"/loop", "HTTP/1.1 301 Moved\r\nLocation: /loop\r\n\r\n"},
    {"/nowhere", "HTTP/1.1 302 Found\r\n\r\n"},
    {"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"},
    {"/elsewhere", elsewhere},
    {"/denied", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"},
};

static void on_server_written(struct stream *s, const struct error *err)
{
    (void)err;
    stream_close(s, NULL);
}

static void on_server_read(struct stream *s, struct slice data)
{
    char path[128] = "";
    sscanf(data.p, "GET %127[^ ?]", path);
    uv_buf_t out = uv_buf_init(NULL, 0);
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
        if (strcmp(pages[i].path, path) == 0)
            out = uv_buf_init((char *)pages[i].answer, (unsigned)strlen(pages[i].answer));
    if (strcmp(path, "/big") == 0)
        out = uv_buf_init(big, BIG);
    stream_read(s, false);
    if (strcmp(path, "/silent") == 0)
        stream_read(s, true);
    else if (out.len == 0 || stream_write(s, &out, 1) != 0)
        stream_close(s, NULL);
}

static void on_server_end(struct stream *s, const struct error *err)
{
    (void)err;
    stream_close(s, NULL);
}

static const struct stream_events server_events = {
    .on_read = on_server_read, .on_end = on_server_end, .on_written = on_server_written};

static void on_server_stream(struct listener *l, struct stream *s)
{
    (void)l;
    s->events = &server_events;
    stream_read(s, true);
}

/* ---- */

static void on_listener_stopped(struct listener *l)
{
    (void)l;
}
static void on_client_stopped(struct launch_client *c)
{
    (void)c;
}

static int begin(void **unused)
{
    (void)unused;
    struct error err;
    tmp_make(root);
    snprintf(sandbox, sizeof(sandbox), "%.200s/sandbox", root);
    mkdir(sandbox, 0750);
    big = malloc(BIG);
    memset(big, 'b', BIG);
    memcpy(big, "HTTP/1.0 200 OK\r\n\r\n", 19);
    if (sandbox_user_find(NULL, &self, &err) != 0 || launcher_fork(NULL, &launcher, &err) != 0 ||
        loop_init(&loop, &err) != 0 || launch_client_start(&client, &loop.uv, &launcher, &err) != 0)
        return -1;
    return listener_start(&listener, &loop, "127.0.0.1", 0, on_server_stream, &err);
}

static int end(void **unused)
{
    (void)unused;
    listener_stop(&listener, on_listener_stopped);
    launch_client_stop(&client, on_client_stopped);
    loop_run(&loop);
    loop_close(&loop);
    waitpid(launcher.pid, NULL, 0);
    tmp_remove(root);
    free(big);
    return 0;
}

static struct fetch fetch;
static bool done;
static struct error failure;
static unsigned progresses;

static void on_done(struct fetch *f, const struct error *err)
{
    (void)f;
    done = true;
    failure = err != NULL ? *err : (struct error){0};
}

static void on_progress(struct fetch *f)
{
    (void)f;
    progresses++;
}

static int64_t max_bytes = LIMIT_FETCH_BYTES;
static const char *ca_file;

static void begin_fetch(const struct run_fetch *items, size_t n)
{
    struct fetch_options options = {.loop = &loop,
                                    .launcher = &client,
                                    .sandbox = sandbox,
                                    .task = "test",
                                    .user = &self,
                                    .items = items,
                                    .items_n = n,
                                    .ca_file = ca_file,
                                    .max_bytes = max_bytes};
    done = false;
    progresses = 0;
    fetch_start(&fetch, &options, on_progress, on_done);
    assert_false(done); /* later, never from inside the call */
}

static void fetch_all(const struct run_fetch *items, size_t n)
{
    begin_fetch(items, n);
    while (!done)
        uv_run(&loop.uv, UV_RUN_ONCE);
}

static const char *uri_of(const char *path)
{
    static char uris[8][128];
    static unsigned next;
    char *uri = uris[next++ % 8];
    snprintf(uri, 128, "http://127.0.0.1:%u%s", listener.port, path);
    return uri;
}

static char *path_of(const char *folder, const char *name)
{
    static char paths[8][2 * TMP_PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static const char *text_of(const char *name)
{
    static char text[256];
    int fd = open(path_of(sandbox, name), O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n < 0 ? "(none)" : text;
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
}

static void shell(const char *command)
{
    char line[1024];
    snprintf(line, sizeof(line), "cd %s && %s", root, command);
    assert_int_equal(system(line), 0);
}

#define NONE                      \
    if (failure.code != ERR_NONE) \
    fail_msg("%s", failure.text)

static void downloads_one_after_another(void **unused)
{
    (void)unused;
    struct run_fetch items[] = {{.uri = uri_of("/hello.txt")},
                                {.uri = uri_of("/script"), .executable = true},
                                {.uri = uri_of("/moved"), .dest = "sub/folder/x"}};
    fetch_all(items, 3);
    NONE;
    struct stat st;
    assert_int_equal(progresses, 3);
    assert_string_equal(text_of("hello.txt"), "hello");
    assert_string_equal(text_of("sub/folder/x"), "hello");
    assert_int_equal(stat(path_of(sandbox, "script"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
}

static void downloads_what_is_big(void **unused)
{
    (void)unused;
    struct run_fetch item = {.uri = uri_of("/big?x=/y")};
    struct stat st;
    fetch_all(&item, 1);
    NONE;
    assert_int_equal(stat(path_of(sandbox, "big"), &st), 0);
    assert_int_equal(st.st_size, BIG - 19);
}

static void copies_files(void **unused)
{
    (void)unused;
    char file_uri[600];
    snprintf(file_uri, sizeof(file_uri), "file://%s/source", root);
    put(path_of(root, "source"), "from a file");
    struct run_fetch items[] = {
        {.uri = file_uri}, {.uri = path_of(root, "source"), .dest = "a/b", .executable = true}};
    fetch_all(items, 2);
    NONE;
    struct stat st;
    assert_string_equal(text_of("source"), "from a file");
    assert_string_equal(text_of("a/b"), "from a file");
    assert_int_equal(stat(path_of(sandbox, "a/b"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
}

static void unpacks_by_name(void **unused)
{
    (void)unused;
    put(path_of(root, "inside"), "packed");
    shell("tar -czf t.tgz inside && tar -cf t.tar inside && gzip -k inside");
    const struct {
        const char *name;
        bool extract, executable;
        const char *gives, *text;
    } all[] = {
        {"t.tgz", true, false, "inside", "packed"},     {"t.tar", true, false, "inside", "packed"},
        {"inside.gz", true, false, "inside", "packed"}, {"t.tgz", false, false, "inside", "(none)"},
        {"t.tgz", true, true, "inside", "(none)"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct run_fetch item = {.uri = path_of(root, all[i].name),
                                 .extract = all[i].extract,
                                 .executable = all[i].executable};
        fetch_all(&item, 1);
        NONE;
        assert_string_equal(text_of(all[i].gives), all[i].text);
        assert_int_equal(access(path_of(sandbox, all[i].name), F_OK), 0);
        unlink(path_of(sandbox, all[i].gives));
        unlink(path_of(sandbox, all[i].name));
    }
}

static void says_in_plain_words_what_failed(void **unused)
{
    (void)unused;
    put(path_of(root, "bad.tar"), "this is no archive");
    const struct {
        const char *uri, *dest, *says;
    } all[] = {
        {uri_of("/denied"), NULL, "the server answered 403 Forbidden"},
        {uri_of("/cut"), NULL, "cannot fetch http://127.0.0.1:"},
        {uri_of("/loop"), NULL, "too many redirects"},
        {uri_of("/nowhere"), NULL, "redirected to nowhere"},
        {"http://127.0.0.1:1/x", NULL, "connection refused"},
        {path_of(root, "absent"), NULL, "No such file or directory"},
        {path_of(root, "bad.tar"), NULL, "unpacking: tar: This does not look like a tar archive"},
        {"hdfs://x/y", NULL, "need http://, https://, file:// or the absolute path of a file"},
        {"relative/path", NULL, "need http://, https://, file:// or the absolute path of a file"},
        {uri_of("/hello.txt"), "../out", "got \"../out\", need a name for a file in the sandbox"},
        {uri_of("/"), NULL, "need a name for a file in the sandbox"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct run_fetch item = {.uri = all[i].uri, .dest = all[i].dest, .extract = true};
        fetch_all(&item, 1);
        if (failure.code == ERR_NONE || strstr(failure.text, all[i].says) == NULL)
            fail_msg("%s: %s", all[i].uri, failure.text);
    }
}

static void shows_no_password(void **unused)
{
    (void)unused;
    struct run_fetch item = {.uri = "ftp://me:secret@host/file?token=secret"};
    fetch_all(&item, 1);
    assert_null(strstr(failure.text, "secret"));
    assert_non_null(strstr(failure.text, "ftp://host/file"));
}

static void stops_at_the_limit(void **unused)
{
    (void)unused;
    shell("head -c 100001 /dev/zero > zeros && gzip -k zeros && tar -czf zeros.tgz zeros");
    const struct {
        const char *uri, *says;
    } all[] = {
        {uri_of("/big"), "/big: got more than 100000 bytes"},
        {"file:///dev/zero", "/dev/zero: got more than 100000 bytes"},
        {path_of(root, "zeros"), "/zeros: got more than 100000 bytes"},
        {path_of(root, "zeros.gz"), "/zeros.gz: unpacking: got more than 100000 bytes"},
        {path_of(root, "zeros.tgz"), "/zeros.tgz: unpacking: got more than 100000 bytes"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct run_fetch item = {.uri = all[i].uri, .extract = true};
        max_bytes = 100000;
        fetch_all(&item, 1);
        max_bytes = LIMIT_FETCH_BYTES;
        assert_int_equal(failure.code, ERR_LIMIT);
        if (strstr(failure.text, all[i].says) == NULL)
            fail_msg("%s: %s", all[i].uri, failure.text);
    }
}

static void can_be_canceled_at_any_time(void **unused)
{
    (void)unused;
    put(path_of(root, "source"), "x");
    struct run_fetch items[] = {{.uri = path_of(root, "source")},
                                {.uri = uri_of("/hello.txt")},
                                {.uri = uri_of("/silent")}};
    for (unsigned turns = 0; turns < 10000; turns = turns * 3 / 2 + 1) {
        begin_fetch(items, 3);
        for (unsigned i = 0; i < turns && !done; i++)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        fetch_cancel(&fetch);
        while (!done)
            uv_run(&loop.uv, UV_RUN_ONCE);
        assert_int_equal(failure.code, ERR_CANCELED);
    }
}

/* An archive may have put a link where the next download goes. */
static void follows_no_planted_link(void **unused)
{
    (void)unused;
    struct run_fetch item = {.uri = uri_of("/hello.txt"), .dest = "folder/hello.txt"};
    mkdir(path_of(root, "outside"), 0755);
    assert_int_equal(symlink("../outside", path_of(sandbox, "folder")), 0);
    fetch_all(&item, 1);
    assert_int_equal(failure.code, ERR_IO);
    assert_int_equal(access(path_of(root, "outside/hello.txt"), F_OK), -1);
}

/* ---- https */

static void fetch_https(const char *host, const struct https_server *server)
{
    char uri[128];
    struct run_fetch item = {.uri = uri, .dest = "got"};
    snprintf(uri, sizeof(uri), "https://%s:%u/x", host, server->port);
    fetch_all(&item, 1);
}

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure"

static void believes_whom_the_machine_does(void **unused)
{
    (void)unused;
    struct ca ca;
    struct https_server server;
    ca_begin(&ca, "ours");
    put(path_of(root, "ca.pem"), ca.pem);
    ca_file = path_of(root, "ca.pem");
    https_start_of(&server, &ca, "DNS:localhost,IP:127.0.0.1", 1000, ANSWER);
    fetch_https("localhost", &server);
    NONE;
    assert_string_equal(text_of("got"), "secure");
    unlink(path_of(sandbox, "got"));
    setenv("SSL_CERT_FILE", ca_file, 1);
    ca_file = NULL;
    fetch_https("127.0.0.1", &server);
    unsetenv("SSL_CERT_FILE");
    NONE;
    ca_file = path_of(root, "ca.pem");
    unlink(path_of(sandbox, "got"));
    struct run_fetch item = {.uri = uri_of("/elsewhere"), .dest = "got"};
    snprintf(elsewhere, sizeof(elsewhere),
             "HTTP/1.1 302 Found\r\nLocation: https://localhost:%u/x\r\n\r\n", server.port);
    fetch_all(&item, 1);
    NONE;
    assert_string_equal(text_of("got"), "secure");
    https_stop(&server);
    ca_end(&ca);
}

static void believes_nobody_else_and_says_why(void **unused)
{
    (void)unused;
    static const struct {
        bool ours;
        const char *hosts, *file, *why;
        int until_days;
    } rows[] = {
        {true, "DNS:other.example", "ca.pem", "its certificate, of \"server\", is for another host",
         1000},
        {true, "IP:127.0.0.2", "ca.pem", "its certificate, of \"server\", is for another host",
         1000},
        {false, "DNS:localhost", "ca.pem",
         "the certificate of \"server\" is signed by no CA that this machine trusts", 1000},
        {true, "DNS:localhost", "ca.pem", "the certificate of \"server\" was valid until ", -900},
        {true, "DNS:localhost", "nothing", "no CA's certificate can be read from it", 1000},
        {true, "DNS:localhost", "empty", "no CA's certificate can be read from it", 1000},
    };
    struct ca ca, other;
    ca_begin(&ca, "ours");
    ca_begin(&other, "somebody's");
    put(path_of(root, "ca.pem"), ca.pem);
    put(path_of(root, "empty"), "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct https_server server;
        ca_file = path_of(root, rows[i].file);
        https_start_of(&server, rows[i].ours ? &ca : &other, rows[i].hosts, rows[i].until_days,
                       ANSWER);
        fetch_https(strstr(rows[i].hosts, "IP:") != NULL ? "127.0.0.1" : "localhost", &server);
        if (strstr(failure.text, rows[i].why) == NULL)
            fail_msg("row %zu: %s", i, failure.text);
        assert_int_equal(access(path_of(sandbox, "got"), F_OK), 0); /* its name is taken, no more */
        assert_string_equal(text_of("got"), "");
        unlink(path_of(sandbox, "got"));
        https_stop(&server);
    }
    ca_end(&ca);
    ca_end(&other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(downloads_one_after_another),
        T(downloads_what_is_big),
        T(copies_files),
        T(unpacks_by_name),
        T(says_in_plain_words_what_failed),
        T(shows_no_password),
        T(stops_at_the_limit),
        T(can_be_canceled_at_any_time),
        T(follows_no_planted_link),
        T(believes_whom_the_machine_does),
        T(believes_nobody_else_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
