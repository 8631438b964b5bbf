/* lib/host/files.c - long work with the state's files: checkpoints, copies, looks at every row. */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/private.h"

#define CHECKPOINT_LOCK_MS 20 /* so long may a checkpoint keep the writer waiting for readers */
#define CHECKPOINT_PASSES 4
#define CHECKPOINT_PAGES_LEFT 256 /* so many the writer moves by itself, at no great cost */
#define FETCH_MS 30000            /* so long may a snapshot be on its way */

/* ---- checkpoints */

struct checkpoint_work {
    uv_work_t work;
    struct host *h;
    int64_t wal_bytes;
    bool mostly; /* but a few pages were moved */
};

/* What is long is done without holding up the writer. Only if readers kept the log from beginning
 * anew by itself for too long, the writer is locked out, until they let go or patience ends. */
static int checkpoint(struct db *db, int64_t wal_bytes, bool *mostly_out, struct error *err)
{
    struct db_checkpoint done = {0};
    for (int i = 0; i < CHECKPOINT_PASSES && !*mostly_out; i++) {
        int64_t moved = done.moved; /* the next one moves what came meanwhile */
        if (db_checkpoint(db, DB_CHECKPOINT_PASSIVE, &done, err) != 0)
            return -1;
        *mostly_out = done.frames - moved <= CHECKPOINT_PAGES_LEFT;
    }
    return wal_bytes > LIMIT_LOG_BYTES ? db_checkpoint(db, DB_CHECKPOINT_RESTART, &done, err) : 0;
}

static void checkpoint_on_pool(uv_work_t *work)
{
    struct checkpoint_work *w = work->data;
    struct db *db;
    struct error err;
    const struct db_options options = {.busy_ms = CHECKPOINT_LOCK_MS};
    if (db_open(w->h->state_path, &options, &db, &err) != 0) {
        log_warn("no checkpoint", "why=%s", err.text);
        return;
    }
    if (checkpoint(db, w->wal_bytes, &w->mostly, &err) != 0)
        log_debug("checkpoint put off", "why=%s", err.text);
    db_close(db);
}

static void checkpointed(uv_work_t *work, int status)
{
    struct checkpoint_work *w = work->data;
    struct event e = {.kind = EVENT_CHECKPOINTED, .mostly = w->mostly};
    (void)status;
    host_event(w->h, &e);
    mem_free(w);
}

void host_checkpoint(struct host *h, int64_t wal_bytes)
{
    struct checkpoint_work *w = NEW(struct checkpoint_work);
    w->h = h;
    w->wal_bytes = wal_bytes;
    w->work.data = w;
    uv_queue_work(&h->loop->uv, &w->work, checkpoint_on_pool, checkpointed);
}

/* ---- copies of the state, for members and for backups */

struct copy_work {
    uv_work_t work;
    struct host *h;
    enum copy_kind kind;
    uint64_t token;
    host_copied *done; /* BACKUP */
    void *data;
    bool made;
    struct replica_snapshot snapshot;
    struct error err;
};

static bool not_ending(void *host)
{
    return !((struct host *)host)->ending;
}

static void copy_on_pool(uv_work_t *work)
{
    struct copy_work *w = work->data;
    const struct copy_options options = {
        .state_path = w->h->state_path,
        .kind = w->kind,
        .token = w->token,
        .go_on = not_ending,
        .data = w->h,
    };
    w->made = copy_make(&options, &w->snapshot, &w->err) == 0;
    if (w->made && w->kind == COPY_SNAPSHOT)
        copies_clear(w->h->state_path, w->kind, w->token);
}

static void tell_snapshot(struct copy_work *w, const char *path)
{
    struct host *h = w->h;
    struct event e = {.kind = EVENT_SNAPSHOT_MADE};
    if (w->made) {
        if (h->deeds.snapshot_ready != NULL)
            h->deeds.snapshot_ready(h->deeds.data, w->token, path);
        e.snapshot = mem_dup(&w->snapshot, sizeof w->snapshot);
        w->snapshot = (struct replica_snapshot){0};
    } else if (w->err.code != ERR_CANCELED) {
        log_error("no snapshot for members that lag behind", "why=\"%s\"", w->err.text);
    }
    host_event(h, &e);
}

static void copied(uv_work_t *work, int status)
{
    struct copy_work *w = work->data;
    char path[COPY_PATH_SIZE];
    (void)status;
    copy_path(w->h->state_path, w->kind, w->token, path);
    if (w->kind == COPY_SNAPSHOT)
        tell_snapshot(w, path);
    else
        w->done(w->data, path, w->made ? &w->snapshot : NULL, &w->err);
    replica_snapshot_close(&w->snapshot);
    mem_free(w);
}

void host_copy_start(struct host *h, enum copy_kind kind, uint64_t token, host_copied *done,
                     void *data)
{
    struct copy_work *w = NEW(struct copy_work);
    w->h = h;
    w->kind = kind;
    w->token = token;
    w->done = done;
    w->data = data;
    w->work.data = w;
    uv_queue_work(&h->loop->uv, &w->work, copy_on_pool, copied);
}

void host_copy(struct host *h, host_copied *done, void *data)
{
    host_copy_start(h, COPY_BACKUP, ++h->backups, done, data);
}

void host_fetch(struct host *h, const struct deed *d)
{
    struct event nothing = {.kind = EVENT_SNAPSHOT_FETCHED};
    h->fetch_began = uv_now(&h->loop->uv);
    if (h->deeds.snapshot_fetch != NULL)
        h->deeds.snapshot_fetch(h->deeds.data, (uint64_t)d->id, d->gives_up ? NULL : &d->offer);
    else if (!d->gives_up)
        host_event(h, &nothing);
}

/* ---- the state's rows are looked at */

/* While another file is on its way here, nobody shall hold this one open. */
static bool may_look(void *data)
{
    const struct host *h = data;
    return h->fetch_began == 0 || uv_now(&h->loop->uv) - h->fetch_began >= FETCH_MS;
}

static void on_wrong(void *data, const struct error *why)
{
    struct event e = {.kind = EVENT_STATE_WRONG};
    buf_init(&e.body, sizeof why->text);
    buf_puts(&e.body, why->text);
    host_event(data, &e);
}

void host_verify(struct host *h)
{
    const struct verifier_events events = {may_look, on_wrong, h};
    h->verifier = verifier_start(h->loop, h->state_path, &events);
}
