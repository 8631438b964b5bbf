#include "executor/fetch.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define REDIRECTS_MAX 5
#define CONNECT_MS 10000
#define HELPER_MS 600000 /* cp or tar of something big on a slow disk */

/*  item: download (open, then part by part) or copy --> unpack, if it is an archive --> next item
 */

static void next_item(struct fetch *f);

/* ---- names */

char *fetch_name(const struct run_fetch *item, struct error *err)
{
    char got[96];
    char *name = run_fetch_name(item->uri, item->dest);
    const char *from = item->dest != NULL && item->dest[0] != '\0' ? item->dest : item->uri;
    if (name == NULL)
        error_set(err, ERR_INVALID, "fetch: got %s, need a name for a file in the sandbox",
                  str_quote(got, sizeof(got), from, strlen(from)));
    return name;
}

/* For people and logs: without user, password and query, which may be secret. */
static const char *shown(const char *uri, char dst[160])
{
    const char *scheme = strstr(uri, "://");
    const char *host = scheme != NULL ? scheme + 3 : uri;
    size_t end = strcspn(host, "?#");
    const char *at = memrchr(host, '@', strcspn(host, "/?#"));
    const char *from = at != NULL ? at + 1 : host;
    snprintf(dst, 160, "%.*s%.*s", (int)(host - uri), uri, (int)(end - (size_t)(from - host)),
             from);
    return dst;
}

/* ---- the end */

static void on_stall_closed(uv_handle_t *handle)
{
    struct fetch *f = handle->data;
    const struct error *err = f->failure.code != ERR_NONE ? &f->failure : NULL;
    url_close(&f->url);
    tls_unref(f->tls);
    buf_close(&f->pending);
    buf_close(&f->being_written);
    mem_free(f->name);
    f->name = NULL;
    f->done(f, err);
}

static void finish(struct fetch *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    uv_close((uv_handle_t *)&f->stall, on_stall_closed);
}

static void fail(struct fetch *f, enum error_code code, const char *why)
{
    char uri[160];
    if (f->failure.code == ERR_NONE)
        error_set(&f->failure, code, "cannot fetch %s: %s",
                  shown(f->options.items[f->next].uri, uri), why);
}

static void fail_too_large(struct fetch *f)
{
    char why[96];
    snprintf(why, sizeof(why), "%sgot more than %lld bytes", f->unpacking ? "unpacking: " : "",
             (long long)f->options.max_bytes);
    fail(f, ERR_LIMIT, why);
}

/* ---- commands */

/* Itself, or what a shell ran. */
static bool wrote_too_much(const struct reply *reply)
{
    return reply->kind == REPLY_ENDED && (reply->signal == SIGXFSZ || reply->code == 128 + SIGXFSZ);
}

static void on_command(struct launch_request *r, const struct reply *reply)
{
    struct fetch *f = r->data;
    char why[256];
    bool good = reply->kind == REPLY_ENDED && reply->code == 0 && reply->signal == 0;
    if (f->canceled) {
        error_set(&f->failure, ERR_CANCELED, "canceled");
    } else if (!good) {
        const char *text = reply->text[0] != '\0' ? reply->text : "failed";
        snprintf(why, sizeof(why), "%s%.*s", f->unpacking ? "unpacking: " : "",
                 (int)strcspn(text, "\n"), text);
        if (wrote_too_much(reply))
            fail_too_large(f);
        else
            fail(f, ERR_IO, reply->timed_out ? "took too long" : why);
    }
    if (f->failure.code != ERR_NONE)
        finish(f);
    else
        next_item(f);
}

/* A device has no end, and an archive may hold more than the disk. */
static struct order_rlimit file_limit(int64_t max_bytes)
{
    struct rlimit own = {RLIM_INFINITY, RLIM_INFINITY};
    (void)getrlimit(RLIMIT_FSIZE, &own); /* none can be set above it */
    uint64_t most = own.rlim_max < (uint64_t)max_bytes ? own.rlim_max : (uint64_t)max_bytes;
    return (struct order_rlimit){RLIMIT_FSIZE, most, most};
}

static void run_command(struct fetch *f, char *const *argv)
{
    static char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", NULL};
    struct error err;
    struct order order = {
        .kind = ORDER_HELPER,
        .cwd = f->options.sandbox,
        .user = f->options.user_name,
        .uid = f->options.user->uid,
        .gid = f->options.user->gid,
        .switch_user = f->options.user->change,
        .timeout_ms = HELPER_MS,
        .rlimits = {file_limit(f->options.max_bytes)},
        .rlimits_n = 1,
        .argv = argv,
        .env = env,
    };
    f->request.data = f;
    if (launch_order(f->options.launcher, &f->request, &order, on_command, &err) == 0)
        return;
    fail(f, err.code, err.text);
    finish(f);
}

struct unpacker {
    const char *suffix;
    const char *argv[5]; /* the file's name comes next, then the rest */
};

/* tar tells the compression itself; its contents are the user's, whoever packed them. */
#define TAR                             \
    {                                   \
        "tar", "--no-same-owner", "-xf" \
    }
static const struct unpacker unpackers[] = {
    {".tar", TAR},
    {".tgz", TAR},
    {".tar.gz", TAR},
    {".tbz2", TAR},
    {".tar.bz2", TAR},
    {".txz", TAR},
    {".tar.xz", TAR},
    {".zip", {"unzip", "-o", "-q"}},
    {".gz", {"gzip", "-d", "-k", "-f"}},
};

static const struct unpacker *unpacker_of(const struct run_fetch *item, const char *name)
{
    for (size_t i = 0;
         item->extract && !item->executable && i < sizeof(unpackers) / sizeof(*unpackers); i++)
        if (str_ends(name, unpackers[i].suffix))
            return &unpackers[i];
    return NULL;
}

static void unpack(struct fetch *f, const struct unpacker *u)
{
    char file[SANDBOX_PATH_SIZE];
    const char *argv[8];
    size_t n = 0;
    snprintf(file, sizeof(file), "./%s", f->name); /* never an option */
    while (u->argv[n] != NULL) {
        argv[n] = u->argv[n];
        n++;
    }
    argv[n++] = file;
    argv[n] = NULL;
    f->unpacking = true;
    run_command(f, (char *const *)argv);
}

/* By the shell, so that folder, copy and mode are one order. */
static void copy(struct fetch *f, const char *path)
{
    const struct run_fetch *item = &f->options.items[f->next];
    char file[SANDBOX_PATH_SIZE];
    static const char script[] = "mkdir -p \"$(dirname \"$2\")\" && cp \"$1\" \"$2\" &&"
                                 " chmod \"$3\" \"$2\"";
    snprintf(file, sizeof(file), "./%s", f->name);
    const char *argv[] = {
        "/bin/sh", "-c", script, "sh", path, file, item->executable ? "755" : "u+rw", NULL};
    run_command(f, (char *const *)argv);
}

/* ---- downloads */

static void advance(struct fetch *f);

static void on_stall(uv_timer_t *timer)
{
    struct fetch *f = timer->data;
    fail(f, ERR_UNAVAILABLE, "the download stalled");
    http_call_cancel(&f->call);
}

static void watch(struct fetch *f)
{
    uv_timer_start(&f->stall, on_stall, LIMIT_FETCH_MS, 0);
}

static void on_written(uv_fs_t *write)
{
    struct fetch *f = write->data;
    ssize_t n = write->result;
    uv_fs_req_cleanup(write);
    f->writing = false;
    if (n <= 0) {
        fail(f, ERR_IO, n < 0 ? uv_strerror((int)n) : "the disk takes no more");
        if (f->calling)
            http_call_cancel(&f->call);
    } else {
        buf_consume(&f->being_written, (size_t)n);
    }
    advance(f);
}

static void write_some(struct fetch *f)
{
    if (f->being_written.len == 0) {
        struct buf swap = f->being_written;
        f->being_written = f->pending;
        f->pending = swap;
    }
    uv_buf_t part = uv_buf_init(f->being_written.data, (unsigned)f->being_written.len);
    f->write.data = f;
    f->writing = true;
    int rc = uv_fs_write(&f->options.loop->uv, &f->write, f->fd, &part, 1, -1, on_written);
    ASSERT(rc == 0);
}

/* What is left to do, one thing at a time: write, read on, or end. */
static void advance(struct fetch *f)
{
    if (f->writing)
        return;
    bool failed = f->failure.code != ERR_NONE;
    if (!failed && f->being_written.len + f->pending.len > 0) {
        write_some(f);
        return;
    }
    if (f->calling) {
        http_call_pause(&f->call, false);
        return;
    }
    uv_timer_stop(&f->stall);
    http_call_close(&f->call);
    const struct unpacker *u = failed ? NULL : unpacker_of(&f->options.items[f->next], f->name);
    if (failed) {
        finish(f);
        return;
    }
    close(f->fd);
    f->fd = -1;
    if (u != NULL)
        unpack(f, u);
    else
        next_item(f);
}

static void on_part(struct http_call *call, struct slice piece)
{
    struct fetch *f = call->data;
    if (f->redirecting || f->failure.code != ERR_NONE)
        return;
    f->size += (int64_t)piece.len;
    if (f->size > f->options.max_bytes) {
        fail_too_large(f);
        http_call_cancel(call);
        return;
    }
    watch(f);
    buf_put_slice(&f->pending, piece);
    http_call_pause(call, true);
    if (!f->writing)
        write_some(f);
}

static void redirect(struct fetch *f)
{
    struct slice to = header_get(f->call.response->headers, "Location");
    struct error err;
    struct url url;
    char *text = slice_dup(to);
    if (to.len > 0 && text[0] == '/') {
        char *target = text;
        text = NULL;
        mem_free(f->url.target);
        f->url.target = target;
    } else if (to.len == 0 || url_parse(text, &url, &err) != 0) {
        fail(f, ERR_INVALID, "redirected to nowhere");
    } else {
        url_close(&f->url);
        f->url = url;
    }
    mem_free(text);
    if (++f->redirects > REDIRECTS_MAX)
        fail(f, ERR_LIMIT, "too many redirects");
}

static void on_head(struct http_call *call)
{
    struct fetch *f = call->data;
    int status = call->response->status;
    char why[64];
    if (status == 200)
        return;
    f->redirecting =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (f->redirecting) {
        redirect(f);
    } else {
        snprintf(why, sizeof(why), "the server answered %d %s", status, status_text(status));
        fail(f, ERR_INVALID, why);
    }
    http_call_cancel(call);
}

static void download(struct fetch *f);
static void on_ready(uv_work_t *work, int status);

static void on_call_done(struct http_call *call, const struct error *err)
{
    struct fetch *f = call->data;
    f->calling = false;
    if (f->canceled)
        error_set(&f->failure, ERR_CANCELED, "canceled");
    if (f->redirecting && f->failure.code == ERR_NONE) {
        http_call_close(call);
        download(f);
        return;
    }
    if (err != NULL)
        fail(f, err->code, err->text);
    advance(f);
}

/* ---- whom to believe */

/* On a thread, and each time: it is a long file, and may have been changed. */
static void on_read_cas(uv_work_t *work)
{
    struct fetch *f = work->data;
    const char *file = f->options.ca_file != NULL ? f->options.ca_file : tls_ca_file();
    struct error err;
    if (file == NULL)
        fail(f, ERR_NOT_FOUND,
             "https needs CAs to trust, and this machine has none: install ca-certificates");
    else if ((f->tls = tls_new_for_others(file, &err)) == NULL)
        fail(f, err.code, err.text);
}

static void read_cas(struct fetch *f)
{
    f->work.data = f;
    uv_timer_stop(&f->stall);
    int rc = uv_queue_work(&f->options.loop->uv, &f->work, on_read_cas, on_ready);
    ASSERT(rc == 0);
}

static void call(struct fetch *f)
{
    struct error err;
    struct http_ask ask = {.to = &f->url,
                           .method = METHOD_GET,
                           .headers = SLICE("User-Agent: mesolith\r\nAccept: */*\r\n"),
                           .connect_ms = CONNECT_MS,
                           .tls = f->tls,
                           .on_head = on_head,
                           .on_part = on_part};
    f->redirecting = false;
    f->call.data = f;
    watch(f);
    f->calling = http_call_start(&f->call, f->options.loop, &ask, on_call_done, &err) == 0;
    if (f->calling)
        return;
    uv_timer_stop(&f->stall);
    fail(f, err.code, err.text);
    finish(f);
}

static void download(struct fetch *f)
{
    if (f->url.tls && f->tls == NULL)
        read_cas(f);
    else
        call(f);
}

static void on_make_file(uv_work_t *work)
{
    struct fetch *f = work->data;
    const struct run_fetch *item = &f->options.items[f->next];
    struct error err;
    if (sandbox_make_file(f->options.sandbox, f->name, item->executable ? 0755 : 0644,
                          f->options.user, &f->fd, &err) != 0)
        fail(f, err.code, err.text);
}

/* Its file is made, or the CAs are read. */
static void on_ready(uv_work_t *work, int status)
{
    struct fetch *f = work->data;
    (void)status;
    if (f->canceled)
        error_set(&f->failure, ERR_CANCELED, "canceled");
    if (f->failure.code != ERR_NONE)
        finish(f);
    else
        download(f);
}

/* ---- items */

static void begin_download(struct fetch *f, const char *uri)
{
    struct error err;
    url_close(&f->url);
    if (url_parse(uri, &f->url, &err) != 0) {
        fail(f, err.code, err.text);
        finish(f);
        return;
    }
    f->size = 0;
    f->redirects = 0;
    f->work.data = f;
    int rc = uv_queue_work(&f->options.loop->uv, &f->work, on_make_file, on_ready);
    ASSERT(rc == 0);
}

static void begin_item(struct fetch *f)
{
    const struct run_fetch *item = &f->options.items[f->next];
    struct error err;
    const char *uri = item->uri;
    f->unpacking = false;
    f->name = fetch_name(item, &err);
    if (item->cache)
        log_debug("fetch cache not kept", "task=%s", f->options.task);
    if (f->name == NULL) {
        fail(f, err.code, err.text);
        finish(f);
    } else if (!run_uri_is_known(uri)) {
        fail(f, ERR_INVALID, "need http://, https://, file:// or the absolute path of a file");
        finish(f);
    } else if (run_uri_is_path(uri)) {
        copy(f, uri[0] == '/' ? uri : uri + strlen("file://"));
    } else {
        begin_download(f, uri);
    }
}

/* After an item has come, and after it has been unpacked. */
static void next_item(struct fetch *f)
{
    const struct run_fetch *item = &f->options.items[f->next];
    bool is_file = item->uri[0] == '/' || str_starts(item->uri, "file://");
    const struct unpacker *u = is_file && !f->unpacking ? unpacker_of(item, f->name) : NULL;
    if (u != NULL) {
        unpack(f, u);
        return;
    }
    mem_free(f->name);
    f->name = NULL;
    f->next++;
    f->progress(f);
    if (f->canceled)
        error_set(&f->failure, ERR_CANCELED, "canceled");
    if (f->failure.code != ERR_NONE || f->next == f->options.items_n)
        finish(f);
    else
        begin_item(f);
}

void fetch_start(struct fetch *f, const struct fetch_options *options,
                 void (*progress)(struct fetch *f), fetch_cb *done)
{
    *f = (struct fetch){
        .data = f->data, .options = *options, .progress = progress, .done = done, .fd = -1};
    buf_init(&f->pending, 2 * LIMIT_FRAME_BYTES);
    buf_init(&f->being_written, 2 * LIMIT_FRAME_BYTES);
    uv_timer_init(&options->loop->uv, &f->stall);
    f->stall.data = f;
    if (options->items_n == 0)
        finish(f);
    else
        begin_item(f);
}

void fetch_cancel(struct fetch *f)
{
    f->canceled = true;
    if (f->calling)
        http_call_cancel(&f->call);
    if (f->request.done != NULL)
        launch_cancel(f->options.launcher, &f->request);
}
