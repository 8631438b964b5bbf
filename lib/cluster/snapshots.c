#include "cluster/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#define PATH_SIZE 4096
#define LOOK_MS 250 /* how often what stalls is looked for */

static uint64_t now_of(const struct snapshots *s)
{
    return uv_now(&s->loop->uv);
}

static void send_piece(struct snapshots *s, int64_t to, const struct piece *p)
{
    struct buf frame;
    buf_init(&frame, PIECE_HEAD + LIMIT_PIECE_BYTES);
    piece_write(p, &frame);
    s->events->send(s, to, buf_slice(&frame));
    buf_close(&frame);
}

/* ---------------- giving */

struct give { /* one piece, read on the pool */
    uv_work_t work;
    struct snapshots *s;
    struct served *file;
    int fd;
    struct question q;
    char *bytes;
    ssize_t got;
};

static struct served *served_by(struct snapshots *s, uint64_t token)
{
    for (int i = 0; i < SNAPSHOTS_KEPT; i++)
        if (s->served[i].token == token)
            return &s->served[i];
    return NULL;
}

static void close_served(struct served *f)
{
    if (f->token != 0)
        close(f->fd);
    *f = (struct served){0};
}

/* Old ones that nobody has asked for lately. */
static void close_old(struct snapshots *s)
{
    for (int i = 1; i < SNAPSHOTS_KEPT; i++) {
        struct served *f = &s->served[i];
        if (f->token != 0 && !f->reading && now_of(s) - f->asked_ms >= LIMIT_SNAPSHOT_MS)
            close_served(f);
    }
}

static void read_on_pool(uv_work_t *work)
{
    struct give *g = work->data;
    size_t got = 0;
    g->got = 0;
    while (got < g->q.size &&
           (g->got = pread(g->fd, g->bytes + got, g->q.size - got, (off_t)(g->q.offset + got))) > 0)
        got += (size_t)g->got;
    if (g->got < 0)
        g->got = -errno;
    else
        g->got = (ssize_t)got;
}

static void give_next(struct snapshots *s);
static void close_when_idle(struct snapshots *s);

static void answer(struct give *g)
{
    struct piece p = {.kind = PIECE_GONE, .token = g->q.token, .offset = g->q.offset};
    if (g->got == (ssize_t)g->q.size) {
        p.kind = PIECE_BYTES;
        p.bytes = (struct slice){g->bytes, (size_t)g->got};
    } else {
        log_error("a snapshot for a member cannot be read", "offset=%llu why=\"%s\"",
                  (unsigned long long)g->q.offset,
                  g->got < 0 ? strerror((int)-g->got) : "the file is too short");
    }
    send_piece(g->s, g->q.from, &p);
}

static void on_read(uv_work_t *work, int status)
{
    struct give *g = work->data;
    struct snapshots *s = g->s;
    (void)status;
    s->giving = NULL;
    g->file->reading = false;
    if (s->stopped == NULL)
        answer(g);
    mem_free(g->bytes);
    mem_free(g);
    if (s->stopped == NULL)
        give_next(s);
    else
        close_when_idle(s);
}

static void give(struct snapshots *s, struct served *f, const struct question *q)
{
    struct give *g = NEW(struct give);
    *g = (struct give){.s = s, .file = f, .fd = f->fd, .q = *q, .bytes = mem_alloc(q->size)};
    g->work.data = g;
    s->giving = g;
    f->reading = true;
    f->asked_ms = now_of(s);
    uv_queue_work(&s->loop->uv, &g->work, read_on_pool, on_read);
}

/* One after the other: a disk does not read two at once any faster. */
static void give_next(struct snapshots *s)
{
    while (s->giving == NULL && s->n > 0) {
        struct question q = s->questions[s->first];
        s->first = (s->first + 1) % LIMIT_PIECES_ASKED;
        s->n--;
        struct served *f = served_by(s, q.token);
        if (f != NULL && q.offset < f->size && q.size <= f->size - q.offset)
            give(s, f, &q);
        else
            send_piece(s, q.from, &(struct piece){PIECE_GONE, q.token, q.offset, 0, {0}});
    }
}

/* Whoever asks more than he may is asked to ask again, by silence. */
static void take_question(struct snapshots *s, int64_t from, const struct piece *p)
{
    size_t his = 0;
    if (s->events->may_have != NULL && !s->events->may_have(s, from)) {
        log_warn("a snapshot is not given", "node=%lld why=\"it is neither master nor scheduler\"",
                 (long long)from);
        return;
    }
    for (size_t i = 0; i < s->n; i++)
        his += s->questions[(s->first + i) % LIMIT_PIECES_ASKED].from == from;
    if (s->n == LIMIT_PIECES_ASKED || his >= LIMIT_PIECES_AHEAD)
        return;
    s->questions[(s->first + s->n++) % LIMIT_PIECES_ASKED] =
        (struct question){from, p->token, p->offset, p->size};
    give_next(s);
}

int snapshots_give(struct snapshots *s, uint64_t token, const char *path, struct error *err)
{
    struct stat st;
    int last = SNAPSHOTS_KEPT - 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        error_set(err, ERR_IO, "opening %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    while (last > 1 && s->served[last].reading) /* one is read at a time */
        last--;
    if (s->giving != NULL && s->giving->file < &s->served[last])
        s->giving->file++;
    close_served(&s->served[last]);
    memmove(&s->served[1], &s->served[0], (size_t)last * sizeof s->served[0]);
    s->served[0] = (struct served){token, fd, (uint64_t)st.st_size, now_of(s), false};
    return 0;
}

/* ---------------- fetching */

/*   FETCHING -- all is written --> ENDING (synced and compared) -- > on_fetched(path)
 *      \__ dropped, stalled, refused, disk error --> FAILED (removed) --> on_fetched(NULL) */
enum fetch_state { FETCHING, ENDING, FAILED };

struct fetch {
    struct snapshots *s;
    enum fetch_state state;
    int64_t from;
    struct snapshot_file file;
    uint64_t asked, got, written; /* bytes */
    uint64_t asked_ms, got_ms;
    struct buf waiting; /* got, and not yet given to the pool */
    struct error err;   /* FAILED */
    /* the pool's while `working` */
    uv_work_t work;
    bool working;
    enum fetch_state doing;
    int fd;
    struct sha256 *hash;
    struct buf writing;
    struct error io; /* of the work */
};

static int io_error(struct error *err, const char *what, const char *path)
{
    return error_set(err, ERR_IO, "%s %s: %s", what, path, strerror(errno));
}

/* An unfinished one is of no use, nor is the journal of who was about to take it over. */
static void remove_incoming(const char *path)
{
    char journal[PATH_SIZE];
    unlink(path);
    snprintf(journal, sizeof journal, "%s-journal", path);
    unlink(journal);
}

static int write_all(struct fetch *f, struct error *err)
{
    const char *path = f->s->incoming;
    if (f->fd < 0) {
        remove_incoming(path);
        f->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (f->fd < 0)
        return io_error(err, "making", path);
    sha256_add(f->hash, f->writing.data, f->writing.len);
    for (size_t done = 0; done < f->writing.len;) {
        ssize_t n = write(f->fd, f->writing.data + done, f->writing.len - done);
        if (n < 0 && errno != EINTR)
            return io_error(err, "writing", path);
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

static int finish(struct fetch *f, struct error *err)
{
    uint8_t hash[SHA256_SIZE];
    sha256_end(f->hash, hash);
    f->hash = NULL;
    if (memcmp(hash, f->file.hash, SHA256_SIZE) != 0)
        return error_set(err, ERR_CORRUPT, "what was fetched is not the file that was offered");
    return fsync(f->fd) == 0 ? 0 : io_error(err, "syncing", f->s->incoming);
}

static void fetch_on_pool(uv_work_t *work)
{
    struct fetch *f = work->data;
    int rv = 0;
    switch (f->doing) {
    case FETCHING:
        rv = write_all(f, &f->io);
        break;
    case ENDING:
        rv = finish(f, &f->io);
        break;
    case FAILED:
        remove_incoming(f->s->incoming);
        break;
    }
    if (rv == 0)
        f->io.code = ERR_NONE;
    if (f->doing == FETCHING && rv == 0)
        return;
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static void on_worked(uv_work_t *work, int status);

static void do_work(struct fetch *f, enum fetch_state what)
{
    f->working = true;
    f->doing = what;
    uv_queue_work(&f->s->loop->uv, &f->work, fetch_on_pool, on_worked);
}

static void end_fetch(struct fetch *f)
{
    struct snapshots *s = f->s;
    uint64_t token = f->file.token;
    struct error err = f->err;
    bool failed = f->state == FAILED;
    uint8_t unused[SHA256_SIZE];
    if (f->hash != NULL)
        sha256_end(f->hash, unused);
    buf_close(&f->waiting);
    buf_close(&f->writing);
    mem_free(f);
    s->fetch = NULL;
    if (s->stopped != NULL)
        close_when_idle(s);
    else
        s->events->on_fetched(s, token, failed ? NULL : s->incoming, failed ? &err : NULL);
}

static void fail_fetch(struct fetch *f, const struct error *err)
{
    if (f->state == FAILED)
        return;
    f->state = FAILED;
    f->err = *err;
    if (!f->working)
        do_work(f, FAILED);
}

/* What came is written; the disk works on one lot while the next comes. */
static void write_more(struct fetch *f)
{
    if (f->working || f->state != FETCHING)
        return;
    if (f->written == f->file.size) {
        f->state = ENDING;
        do_work(f, ENDING);
    } else if (f->waiting.len > 0) {
        struct buf empty = f->writing;
        f->writing = f->waiting;
        f->waiting = empty;
        buf_clear(&f->waiting);
        do_work(f, FETCHING);
    }
}

static uint32_t piece_size(const struct fetch *f, uint64_t offset)
{
    uint64_t left = f->file.size - offset;
    return (uint32_t)(left < LIMIT_PIECE_BYTES ? left : LIMIT_PIECE_BYTES);
}

static void ask_more(struct fetch *f)
{
    const uint64_t ahead = (uint64_t)LIMIT_PIECES_AHEAD * LIMIT_PIECE_BYTES;
    while (f->state == FETCHING && f->asked < f->file.size && f->asked < f->written + ahead) {
        struct piece p = {.kind = PIECE_ASK,
                          .token = f->file.token,
                          .offset = f->asked,
                          .size = piece_size(f, f->asked)};
        f->asked += p.size;
        f->asked_ms = now_of(f->s);
        send_piece(f->s, f->from, &p);
    }
}

static void ask_again(struct fetch *f)
{
    f->asked = f->got;
    f->asked_ms = now_of(f->s);
    ask_more(f);
}

static void on_worked(uv_work_t *work, int status)
{
    struct fetch *f = work->data;
    (void)status;
    f->working = false;
    if (f->doing == FAILED ||
        (f->doing == ENDING && f->state == ENDING && f->io.code == ERR_NONE)) {
        end_fetch(f);
        return;
    }
    if (f->state == FAILED) { /* meanwhile */
        do_work(f, FAILED);
        return;
    }
    if (f->io.code != ERR_NONE) {
        fail_fetch(f, &f->io);
        return;
    }
    f->written += f->writing.len;
    buf_clear(&f->writing);
    write_more(f);
    ask_more(f);
}

/* The next bytes are taken, and nothing else: a repetition is ignored, so is what comes before what
 * is missing, which is asked for again. */
static void take_bytes(struct snapshots *s, const struct piece *p)
{
    struct fetch *f = s->fetch;
    struct error err;
    if (f->state != FETCHING || p->offset != f->got || f->got >= f->asked)
        return;
    if (p->bytes.len != piece_size(f, p->offset)) {
        error_set(&err, ERR_SYNTAX, "node %lld sent %zu bytes of the snapshot, need %u",
                  (long long)f->from, p->bytes.len, piece_size(f, p->offset));
        fail_fetch(f, &err);
        return;
    }
    buf_put_slice(&f->waiting, p->bytes);
    f->got += p->bytes.len;
    f->got_ms = now_of(s);
    write_more(f);
}

static void take_gone(struct fetch *f)
{
    struct error err;
    error_set(&err, ERR_NOT_FOUND, "node %lld has that snapshot no longer", (long long)f->from);
    fail_fetch(f, &err);
}

void snapshots_fetch(struct snapshots *s, int64_t from, const struct snapshot_file *file)
{
    ASSERT(s->fetch == NULL && s->stopped == NULL);
    struct error err;
    struct fetch *f = NEW(struct fetch);
    *f = (struct fetch){.s = s, .from = from, .file = *file, .fd = -1, .hash = sha256_new()};
    f->work.data = f;
    f->got_ms = now_of(s);
    buf_init(&f->waiting, (size_t)LIMIT_PIECES_AHEAD * LIMIT_PIECE_BYTES);
    buf_init(&f->writing, (size_t)LIMIT_PIECES_AHEAD * LIMIT_PIECE_BYTES);
    s->fetch = f;
    if (file->size == 0 || file->size > INT64_MAX) {
        error_set(&err, ERR_SYNTAX, "node %lld offers a snapshot of %llu bytes", (long long)from,
                  (unsigned long long)file->size);
        fail_fetch(f, &err);
        return;
    }
    ask_more(f);
}

void snapshots_drop(struct snapshots *s)
{
    struct error err;
    if (s->fetch == NULL)
        return;
    error_set(&err, ERR_CANCELED, "it is not wanted any more");
    fail_fetch(s->fetch, &err);
}

int snapshots_frame(struct snapshots *s, int64_t from, struct slice frame, struct error *err)
{
    struct piece p;
    if (piece_read(frame, &p, err) != 0)
        return -1;
    if (s->stopped != NULL)
        return 0;
    bool his = s->fetch != NULL && s->fetch->from == from && s->fetch->file.token == p.token;
    switch (p.kind) {
    case PIECE_ASK:
        take_question(s, from, &p);
        break;
    case PIECE_BYTES:
        if (his)
            take_bytes(s, &p);
        break;
    case PIECE_GONE:
        if (his)
            take_gone(s->fetch);
        break;
    }
    return 0;
}

void snapshots_up(struct snapshots *s, int64_t id)
{
    if (s->fetch != NULL && s->fetch->state == FETCHING && s->fetch->from == id)
        ask_again(s->fetch);
}

/* ---------------- life */

static void look_at_fetch(struct snapshots *s)
{
    struct fetch *f = s->fetch;
    struct error err;
    if (f == NULL || f->state != FETCHING)
        return;
    if (f->got == f->asked) /* it is the disk that we wait for */
        f->got_ms = now_of(s);
    uint64_t now = now_of(s), newest = f->got_ms > f->asked_ms ? f->got_ms : f->asked_ms;
    if (now - f->got_ms >= s->patience_ms) {
        error_set(&err, ERR_UNAVAILABLE, "node %lld has sent nothing of it for %llu ms",
                  (long long)f->from, (unsigned long long)s->patience_ms);
        fail_fetch(f, &err);
    } else if (now - newest >= LIMIT_PIECE_MS) {
        ask_again(f);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct snapshots *s = timer->data;
    close_old(s);
    look_at_fetch(s);
}

void snapshots_start(struct snapshots *s, struct loop *loop, const char *incoming,
                     const struct snapshots_events *events)
{
    *s = (struct snapshots){.data = s->data, .loop = loop, .events = events};
    s->patience_ms = LIMIT_SNAPSHOT_MS;
    s->incoming = mem_strdup(incoming);
    s->questions = mem_zalloc(LIMIT_PIECES_ASKED * sizeof s->questions[0]);
    remove_incoming(incoming);
    uv_timer_init(&loop->uv, &s->timer);
    s->timer.data = s;
    uv_timer_start(&s->timer, on_timer, LOOK_MS, LOOK_MS);
    uv_unref((uv_handle_t *)&s->timer);
}

static void on_closed(uv_handle_t *handle)
{
    struct snapshots *s = handle->data;
    s->stopped(s);
}

static void close_when_idle(struct snapshots *s)
{
    if (s->giving != NULL || s->fetch != NULL || s->closed)
        return;
    s->closed = true;
    for (int i = 0; i < SNAPSHOTS_KEPT; i++)
        close_served(&s->served[i]);
    mem_free(s->questions);
    mem_free(s->incoming);
    uv_close((uv_handle_t *)&s->timer, on_closed);
}

void snapshots_stop(struct snapshots *s, void (*stopped)(struct snapshots *s))
{
    ASSERT(s->stopped == NULL);
    s->stopped = stopped;
    snapshots_drop(s);
    close_when_idle(s);
}
