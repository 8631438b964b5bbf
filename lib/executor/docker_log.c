#include "executor/docker_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "executor/fields.h"

#define NS INT64_C(1000000000)
#define SKEW_NS (2 * NS) /* the engine stamps the two outputs apart: so late may one come */

static const char *const names[DOCKER_OUTPUTS] = {"stdout", "stderr"};

/* What the loop hands to the thread: one after the other, each followed by its text. */
struct record {
    enum docker_output output;
    int64_t ns;
    size_t len;
    bool last;
};

/* ---- the places, on disk */

static const char *key_of(int output, const char *what, char dst[32])
{
    snprintf(dst, 32, "%s_%s", names[output], what);
    return dst;
}

static void save_places(struct docker_log *l)
{
    struct fields f = {0};
    struct error err;
    char key[32];
    fields_put_int(&f, "seen", l->seen_ns);
    for (int i = 0; i < DOCKER_OUTPUTS; i++) {
        fields_put_int(&f, key_of(i, "ns", key), l->places[i].ns);
        fields_put_int(&f, key_of(i, "count", key), l->places[i].count);
        fields_put_int(&f, key_of(i, "inode", key), (int64_t)l->places[i].inode);
        fields_put_int(&f, key_of(i, "size", key), l->places[i].size);
    }
    if (fields_save(&f, l->folder_fd, "logs", false, &err) != 0)
        log_debug("log place not kept", "folder=%s error=\"%s\"", l->options.folder, err.text);
}

static void load_places(struct docker_log *l)
{
    struct fields f = {0};
    struct error err;
    char key[32];
    bool known = fields_load(&f, l->folder_fd, "logs", &err) == 0;
    l->seen_ns = fields_int(&f, "seen", 0);
    for (int i = 0; i < DOCKER_OUTPUTS; i++) {
        struct docker_log_place *p = &l->places[i];
        p->ns = fields_int(&f, key_of(i, "ns", key), 0);
        p->count = fields_int(&f, key_of(i, "count", key), 0);
        p->inode = (uint64_t)fields_int(&f, key_of(i, "inode", key), 0);
        p->size = fields_int(&f, key_of(i, "size", key), 0);
        if (known && p->inode != 0)
            rotate_rewind(l->sandbox_fd, names[i], l->options.log_files, p->inode, p->size);
    }
}

/* ---- on a thread */

static int open_folders(struct docker_log *l, struct error *err)
{
    l->folder_fd = open(l->options.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    l->sandbox_fd = open(l->options.sandbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->folder_fd < 0 || l->sandbox_fd < 0)
        return error_set(err, ERR_IO, "cannot open the sandbox: %s", strerror(errno));
    return 0;
}

static void note_place(struct docker_log *l, enum docker_output output)
{
    l->places[output].inode = l->files[output].inode;
    l->places[output].size = l->files[output].size;
}

static void on_open(uv_work_t *work)
{
    struct docker_log *l = work->data;
    if (open_folders(l, &l->failure) != 0)
        return;
    load_places(l);
    for (int i = 0; i < DOCKER_OUTPUTS; i++) {
        if (rotate_open(&l->files[i], l->sandbox_fd, names[i], l->options.log_bytes,
                        l->options.log_files, &l->failure) != 0)
            return;
        note_place(l, i);
    }
    save_places(l); /* before anything is written, or there would be no place to go back to */
}

static void write_record(struct docker_log *l, const struct record *r, const char *text)
{
    struct docker_log_place *p = &l->places[r->output];
    if (l->failure.code == ERR_NONE)
        rotate_write(&l->files[r->output], text, r->len);
    if (!r->last)
        return;
    p->count = r->ns == p->ns ? p->count + 1 : 1;
    p->ns = r->ns != 0 ? r->ns : p->ns;
    l->seen_ns = r->ns > l->seen_ns ? r->ns : l->seen_ns;
    note_place(l, r->output);
}

static void on_write(uv_work_t *work)
{
    struct docker_log *l = work->data;
    struct record r;
    for (size_t at = 0; at < l->writing.len; at += sizeof(r) + r.len) {
        memcpy(&r, l->writing.data + at, sizeof(r));
        write_record(l, &r, l->writing.data + at + sizeof(r));
    }
    if (l->failure.code == ERR_NONE)
        save_places(l);
}

static void on_close(uv_work_t *work)
{
    struct docker_log *l = work->data;
    for (int i = 0; i < DOCKER_OUTPUTS; i++)
        rotate_close(&l->files[i]);
    if (l->folder_fd >= 0)
        close(l->folder_fd);
    if (l->sandbox_fd >= 0)
        close(l->sandbox_fd);
}

/* ---- on the loop: one piece of work at a time */

static void advance(struct docker_log *l);

static void on_worked(uv_work_t *work, int status)
{
    struct docker_log *l = work->data;
    (void)status;
    advance(l);
}

static void begin(struct docker_log *l, uv_work_cb run)
{
    l->work.data = l;
    int rc = uv_queue_work(l->loop, &l->work, run, on_worked);
    ASSERT(rc == 0);
}

static void begin_writing(struct docker_log *l)
{
    struct buf swap = l->writing;
    l->writing = l->pending;
    l->pending = swap;
    buf_clear(&l->pending);
    l->state = LOG_WRITING;
    begin(l, on_write);
}

static void end(struct docker_log *l)
{
    docker_log_cb *closed = l->closed;
    buf_close(&l->pending);
    buf_close(&l->writing);
    l->state = LOG_CLOSED;
    closed(l);
}

/* The work of this state is done. */
static void advance(struct docker_log *l)
{
    bool opened = l->state == LOG_OPENING;
    if (l->state == LOG_CLOSING) {
        end(l);
        return;
    }
    l->state = LOG_IDLE;
    if (opened && l->failure.code != ERR_NONE)
        log_warn("output not kept", "sandbox=%s error=\"%s\"", l->options.sandbox, l->failure.text);
    if (opened)
        memcpy(l->skip, l->places, sizeof(l->skip));
    if (l->pending.len > 0) {
        begin_writing(l);
    } else if (l->closed != NULL) {
        l->state = LOG_CLOSING;
        begin(l, on_close);
    } else if (opened) {
        l->ready(l);
    } else {
        l->drained(l);
    }
}

void docker_log_open(struct docker_log *l, uv_loop_t *loop,
                     const struct docker_log_options *options, docker_log_cb *ready)
{
    ASSERT(l->state == LOG_CLOSED);
    *l = (struct docker_log){.data = l->data, .loop = loop, .options = *options, .ready = ready};
    l->folder_fd = l->sandbox_fd = -1;
    for (int i = 0; i < DOCKER_OUTPUTS; i++)
        l->files[i].fd = -1;
    buf_init(&l->pending, LIMIT_FRAME_BYTES);
    buf_init(&l->writing, LIMIT_FRAME_BYTES);
    docker_stream_init(&l->stream, options->tty);
    l->state = LOG_OPENING;
    begin(l, on_open);
}

const char *docker_log_since(const struct docker_log *l, char dst[32])
{
    int64_t since = INT64_MAX;
    for (int i = 0; i < DOCKER_OUTPUTS; i++) {
        int64_t from = l->skip[i].ns > l->seen_ns - SKEW_NS ? l->skip[i].ns : l->seen_ns - SKEW_NS;
        since = from < since ? from : since;
    }
    if (since < 0)
        since = 0;
    snprintf(dst, 32, "%" PRId64 ".%09" PRId64, since / NS, since % NS);
    return dst;
}

/* Has this message been written before? Those of one output come in the order of their times. */
static bool is_repeated(struct docker_log_place *skip, int64_t ns)
{
    if (ns == 0 || ns > skip->ns)
        return false;
    if (ns < skip->ns)
        return true;
    if (skip->count == 0)
        return false;
    skip->count--;
    return true;
}

static void take(struct docker_log *l, const struct docker_piece *piece)
{
    struct record r = {piece->output, piece->ns, piece->text.len, piece->last};
    if (!l->inside[r.output])
        l->skipping[r.output] = is_repeated(&l->skip[r.output], r.ns);
    l->inside[r.output] = !r.last;
    if (l->skipping[r.output])
        return;
    buf_put(&l->pending, &r, sizeof(r));
    buf_put_slice(&l->pending, piece->text);
}

int docker_log_feed(struct docker_log *l, struct slice bytes, docker_log_cb *drained,
                    struct error *err)
{
    struct docker_piece piece;
    ASSERT(l->state == LOG_IDLE || l->state == LOG_WRITING);
    l->drained = drained;
    while (docker_stream_next(&l->stream, &bytes, &piece, err))
        take(l, &piece);
    ASSERT(!buf_full(&l->pending)); /* the caller holds the stream back */
    if (l->state == LOG_IDLE)
        begin_writing(l);
    return err->code == ERR_NONE ? 0 : -1;
}

void docker_log_close(struct docker_log *l, docker_log_cb *closed)
{
    ASSERT(l->closed == NULL && l->state != LOG_CLOSED);
    l->closed = closed;
    if (l->state == LOG_IDLE) {
        l->state = LOG_CLOSING;
        begin(l, on_close);
    }
}
