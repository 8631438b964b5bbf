#include "backups.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backup_file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#define AT_ONCE 2 /* each is a whole copy on the disk */
#define READ_BYTES (64 << 10)

/*   copying --copied--> streaming --all sent--> closed
 *         \__ gone, failed, stopping __________/^      when nothing of it is on the pool any more
 */
struct stream {
    struct backups *all;
    struct list in_all;
    struct exchange_id id;
    uv_work_t work;
    bool copying, reading, gone;
    int fd;
    struct backup_facts facts;
    uint64_t offset; /* of the next byte to send, the lines behind the file included */
    int64_t credit;
    struct buf piece; /* the pool's while `reading` */
    int failed;       /* errno of the read */
};

static void pump(struct stream *t);

/* ---- ending */

static void stop_when_empty(struct backups *b)
{
    if (b->stopped != NULL && b->n == 0)
        b->stopped(b);
}

static void end(struct stream *t)
{
    struct backups *b = t->all;
    t->gone = true;
    if (t->copying || t->reading)
        return; /* it finds itself gone */
    if (t->fd >= 0)
        close(t->fd);
    buf_close(&t->piece);
    list_remove(&t->in_all);
    mem_free(t);
    b->n--;
    stop_when_empty(b);
}

static void fail(struct stream *t, const struct error *err)
{
    struct json_writer w;
    struct buf body;
    buf_init(&body, 4096);
    json_begin(&w, &body);
    json_object(&w);
    json_key(&w, "error");
    json_object(&w);
    json_member_str(&w, "code", error_name(err->code));
    json_member_str(&w, "message", err->text);
    json_object_end(&w);
    json_object_end(&w);
    struct answer a =
        answer_whole_take(t->id, error_http_status(err->code), "application/json", &body);
    host_answer(t->all->host, &a);
    end(t);
}

/* ---- sending */

static void read_on_pool(uv_work_t *work)
{
    struct stream *t = work->data;
    char trailer[BACKUP_TRAILER], *chunk = mem_alloc(READ_BYTES);
    uint64_t left = t->facts.size - t->offset;
    size_t want = left < READ_BYTES ? (size_t)left : READ_BYTES;
    ssize_t n = pread(t->fd, chunk, want, (off_t)t->offset);
    t->failed = n > 0 ? 0 : n == 0 ? EIO : errno;
    if (n > 0)
        buf_put(&t->piece, chunk, (size_t)n);
    if (n > 0 && (uint64_t)n == left) {
        backup_trailer_write(&t->facts, trailer);
        buf_put(&t->piece, trailer, BACKUP_TRAILER);
    }
    mem_free(chunk);
}

static void on_read(uv_work_t *work, int status)
{
    struct stream *t = work->data;
    (void)status;
    t->reading = false;
    if (t->gone) {
        end(t);
        return;
    }
    struct answer a = t->failed == 0 ? (struct answer){0} : answer_abort(t->id);
    if (t->failed == 0) {
        t->offset += t->piece.len;
        t->credit -= (int64_t)t->piece.len;
        a = answer_part(t->id, &t->piece);
        buf_init(&t->piece, READ_BYTES + BACKUP_TRAILER);
    } else {
        log_error("a backup ends half way", "why=\"%s\"", strerror(t->failed));
    }
    bool over = t->failed != 0;
    host_answer(t->all->host, &a);
    if (over)
        end(t);
    else
        pump(t);
}

static void pump(struct stream *t)
{
    if (t->gone || t->copying || t->reading || t->credit <= 0)
        return;
    if (t->offset >= t->facts.size) {
        struct answer a = answer_end(t->id);
        host_answer(t->all->host, &a);
        end(t);
        return;
    }
    t->reading = true;
    t->work.data = t;
    uv_queue_work(&t->all->loop->uv, &t->work, read_on_pool, on_read);
}

/* The file needs its name no longer. */
static void on_copied(void *data, const char *path, const struct replica_snapshot *s,
                      const struct error *err)
{
    struct stream *t = data;
    struct error failed;
    t->copying = false;
    if (s != NULL) {
        t->fd = open(path, O_RDONLY | O_CLOEXEC);
        unlink(path);
    }
    if (t->gone) {
        end(t);
        return;
    }
    if (s == NULL || t->fd < 0) {
        if (s != NULL)
            error_set(&failed, ERR_IO, "the backup cannot be read: %s", strerror(errno));
        else
            failed = *err;
        fail(t, &failed);
        return;
    }
    t->facts.size = s->size;
    memcpy(t->facts.hash, s->hash, SHA256_SIZE);
    struct answer a =
        answer_head(t->id, 200, "application/octet-stream", (int64_t)s->size + BACKUP_TRAILER);
    header_put(&a.headers, "Content-Disposition", "attachment; filename=\"mesolith.backup\"");
    a.plain = true;
    host_answer(t->all->host, &a);
    pump(t);
}

void backups_serve(struct backups *b, struct exchange_id id)
{
    if (b->n >= AT_ONCE || b->stopped != NULL) {
        struct answer a =
            answer_busy(id, b->stopped != NULL ? "this node is stopping"
                                               : "other backups are being made: try again");
        host_answer(b->host, &a);
        return;
    }
    struct stream *t = NEW(struct stream);
    *t = (struct stream){.all = b, .id = id, .fd = -1, .copying = true, .credit = EXCHANGE_WINDOW};
    t->facts.made = b->loop->clock.wall(&b->loop->clock);
    buf_init(&t->piece, READ_BYTES + BACKUP_TRAILER);
    list_push(&b->streams, &t->in_all);
    b->n++;
    host_copy(b->host, on_copied, t);
}

/* ---- what the client does */

static struct stream *find(struct backups *b, struct exchange_id id)
{
    LIST_EACH (it, &b->streams) {
        struct stream *t = LIST_ENTRY(it, struct stream, in_all);
        if (t->id.v == id.v && !t->gone)
            return t;
    }
    return NULL;
}

void backups_gone(struct backups *b, struct exchange_id id)
{
    struct stream *t = find(b, id);
    if (t != NULL)
        end(t);
}

void backups_credit(struct backups *b, struct exchange_id id, size_t bytes)
{
    struct stream *t = find(b, id);
    if (t == NULL)
        return;
    t->credit += (int64_t)bytes;
    pump(t);
}

/* ---- life */

void backups_start(struct backups *b, struct loop *loop, struct host *host)
{
    *b = (struct backups){.data = b->data, .loop = loop, .host = host};
    list_init(&b->streams);
}

void backups_stop(struct backups *b, void (*stopped)(struct backups *b))
{
    b->stopped = stopped;
    b->n++; /* so that the last of them does not end it in the middle */
    struct list *next;
    for (struct list *it = b->streams.next; it != &b->streams; it = next) {
        next = it->next;
        end(LIST_ENTRY(it, struct stream, in_all));
    }
    b->n--;
    stop_when_empty(b);
}
