#include "files.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/executor.h"
#include "http/sse.h"

#define LOOK_MS 200 /* how often a followed file is looked at when it has not grown */

/* One request under way: a question to the executor, then perhaps another. */
struct transfer {
    struct files *files;
    struct list in_files;
    struct exchange_id id;
    struct sandbox_request *request;
    struct sandbox_ask ask;
    bool asking, gone, has_head, closed;
    int64_t offset; /* of the next byte to send */
    int64_t size;   /* the file's, when it was last asked for */
    int64_t credit; /* bytes that may still be sent */
    bool last_look; /* the task has ended: what is there now is all */
    bool begun;     /* the task was seen here */
    bool waited;    /* for the file, so all of it is new */
    uint64_t until; /* so long the task may take to begin; 0: it has begun */
    /* of a file that is followed: rotating gives its name to a new one */
    uint64_t identity;  /* of the one that is being read; 0: whichever has the name */
    unsigned age;       /* its name ends with that number now; 0: without one */
    uint64_t before;    /* the one that was read to its end, which it must follow; 0: any will do */
    int64_t before_end; /* so long is that one */
    bool looks_back;    /* it is asked for whether that one still stands behind it */
    char *name;         /* what was asked for last; owned */
    uv_timer_t timer;
};

struct files {
    struct loop *loop;
    struct tasks *tasks;
    struct list transfers;
    void (*stopped)(struct tasks *tasks);
};

static void step(struct transfer *t);
static void question(struct transfer *t, enum sandbox_question what, int64_t offset,
                     int64_t length);

/* ---------------- ending */

static void free_when_stopped(struct files *f)
{
    if (f->stopped == NULL || !list_empty(&f->transfers))
        return;
    struct tasks *tasks = f->tasks;
    void (*stopped)(struct tasks *) = f->stopped;
    mem_free(f);
    stopped(tasks);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct transfer *t = handle->data;
    struct files *f = t->files;
    list_remove(&t->in_files);
    sandbox_request_free(t->request);
    mem_free(t->name);
    mem_free(t);
    free_when_stopped(f);
}

static void finish(struct transfer *t)
{
    if (t->closed || t->asking)
        return; /* the answer will come, and find it gone */
    t->closed = true;
    uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

static void give(struct transfer *t, struct answer a)
{
    if (t->gone)
        answer_close(&a);
    else
        host_answer(t->files->tasks->host, &a);
}

/* ---------------- answers */

static bool mesos(const struct transfer *t)
{
    return t->request->shape == SHAPE_MESOS;
}

static void give_json(struct transfer *t, struct buf *body)
{
    const char *jsonp = t->request->jsonp;
    if (jsonp == NULL) {
        give(t, answer_whole_take(t->id, 200, "application/json", body));
    } else {
        struct buf wrapped;
        buf_init(&wrapped, LIMIT_ANSWER_BYTES);
        buf_printf(&wrapped, "%s(", jsonp);
        buf_put_slice(&wrapped, buf_slice(body));
        buf_puts(&wrapped, ");");
        buf_close(body);
        give(t, answer_whole_take(t->id, 200, "text/javascript", &wrapped));
    }
    finish(t);
}

static void give_error(struct transfer *t, const struct error *err)
{
    struct buf body;
    struct json_writer w;
    int status = err->code == ERR_INVALID ? 400 : error_http_status(err->code);
    if (t->has_head) {
        give(t, answer_end(t->id));
        finish(t);
        return;
    }
    buf_init(&body, 4096);
    if (mesos(t)) {
        buf_puts(&body, err->text);
        give(t, answer_whole_take(t->id, status, "text/plain", &body));
    } else {
        json_begin(&w, &body);
        json_object(&w);
        json_key(&w, "error");
        json_object(&w);
        json_member_str(&w, "code", error_name(err->code));
        json_member_str(&w, "message", err->text);
        json_object_end(&w);
        json_object_end(&w);
        give(t, answer_whole_take(t->id, status, "application/json", &body));
    }
    finish(t);
}

static void give_entries(struct transfer *t, const struct sandbox_ask *answer)
{
    struct buf body;
    struct json_writer w;
    buf_init(&body, LIMIT_ANSWER_BYTES);
    json_begin(&w, &body);
    if (!mesos(t)) {
        json_object(&w);
        json_key(&w, "items");
    }
    json_array(&w);
    for (size_t i = 0; i < answer->entries_n; i++) {
        const struct sandbox_entry *e = &answer->entries[i];
        char mode[SANDBOX_MODE_SIZE], path[SANDBOX_PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s", t->request->path, e->name);
        json_object(&w);
        json_member_str(&w, "path", path);
        if (!mesos(t))
            json_member_str(&w, "name", e->name);
        json_member_int(&w, "nlink", (int64_t)e->nlink);
        json_member_int(&w, "size", e->size);
        json_member_double(&w, "mtime", (double)e->mtime.ms / 1000.0);
        json_member_str(&w, "mode", sandbox_mode_text(e->mode, mode));
        json_member_str(&w, "uid", e->uid);
        json_member_str(&w, "gid", e->gid);
        json_object_end(&w);
    }
    json_array_end(&w);
    if (!mesos(t))
        json_object_end(&w);
    give_json(t, &body);
}

/* Bytes at the end that begin a character which the next read will complete. */
static size_t unfinished(struct slice s)
{
    for (size_t back = 1; back <= 3 && back <= s.len; back++) {
        unsigned char c = (unsigned char)s.p[s.len - back];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t needs = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return needs > back ? back : 0;
    }
    return 0;
}

/* The last n lines of it. */
static struct slice last_lines(struct slice s, int64_t n)
{
    size_t at = s.len;
    if (at > 0 && s.p[at - 1] == '\n')
        at--;
    while (at > 0) {
        if (s.p[at - 1] == '\n' && --n == 0)
            break;
        at--;
    }
    return (struct slice){s.p + at, s.len - at};
}

static void give_text(struct transfer *t, struct slice text, int64_t offset)
{
    struct buf body;
    struct json_writer w;
    buf_init(&body, LIMIT_ANSWER_BYTES);
    json_begin(&w, &body);
    json_object(&w);
    if (!mesos(t)) {
        json_member_int(&w, "offset", offset);
        json_member_int(&w, "size", t->size);
        json_member_int(&w, "next", offset + (int64_t)text.len); /* data may have more bytes */
        json_key(&w, "data");
        json_put_slice(&w, text);
    } else {
        json_key(&w, "data");
        json_put_slice(&w, text);
        json_member_int(&w, "offset", offset);
    }
    json_object_end(&w);
    give_json(t, &body);
}

/* ---------------- streams: a download, or a file that is followed */

static void give_head(struct transfer *t)
{
    bool follow = t->request->op == SANDBOX_FOLLOW;
    const char *name = strrchr(t->request->path, '/');
    struct answer head = answer_head(
        t->id, 200, follow ? SSE_CONTENT_TYPE : "application/octet-stream", ANSWER_LENGTH_UNKNOWN);
    head.plain = true;
    head.lasting = follow;
    if (follow)
        header_put(&head.headers, "Cache-Control", "no-cache");
    else
        header_printf(&head.headers, "Content-Disposition", "attachment; filename=%s",
                      name != NULL ? name + 1 : t->request->path);
    t->has_head = true;
    give(t, head);
}

static void give_part(struct transfer *t, struct buf *body)
{
    t->credit -= (int64_t)body->len;
    give(t, answer_part(t->id, body));
}

static void give_event(struct transfer *t, const char *type, struct slice text)
{
    struct buf data, event;
    struct json_writer w;
    char id[24];
    buf_init(&data, LIMIT_ANSWER_BYTES);
    buf_init(&event, LIMIT_ANSWER_BYTES);
    json_begin(&w, &data);
    json_object(&w);
    json_member_int(&w, "offset", t->offset);
    json_key(&w, "data");
    json_put_slice(&w, text);
    json_object_end(&w);
    t->offset += (int64_t)text.len;
    snprintf(id, sizeof id, "%lld", (long long)t->offset);
    sse_event(&event, type, id, buf_slice(&data));
    buf_close(&data);
    give_part(t, &event);
}

static void end_stream(struct transfer *t)
{
    if (t->request->op == SANDBOX_FOLLOW)
        give_event(t, "end", SLICE(""));
    give(t, answer_end(t->id));
    finish(t);
}

static void on_time(uv_timer_t *timer)
{
    step(timer->data);
}

/* Nothing new: look again later, once more if the task has ended meanwhile, or that was all. */
static void wait_for_more(struct transfer *t)
{
    bool follow = t->request->op == SANDBOX_FOLLOW;
    if (!follow || t->last_look) {
        end_stream(t);
        return;
    }
    t->last_look = t->request->task != 0 && !tasks_alive(t->files->tasks, t->request->task);
    uv_timer_start(&t->timer, on_time, t->last_look ? 1 : LOOK_MS, 0);
}

/* There is no such file: its task's order may be on the way, or is being carried out. */
static bool wait_for_file(struct transfer *t)
{
    const struct sandbox_request *r = t->request;
    if (t->until == 0 || r->task == 0 || t->last_look || t->identity != 0)
        return false;
    bool alive = tasks_alive(t->files->tasks, r->task);
    bool may_begin = !t->begun && uv_now(t->timer.loop) < t->until;
    if (!alive && !may_begin && !t->waited)
        return false;
    t->begun = t->begun || alive;
    t->waited = true;
    t->last_look = !alive && !may_begin;
    if (!t->has_head)
        give_head(t);
    uv_timer_start(&t->timer, on_time, t->last_look ? 1 : LOOK_MS, 0);
    return true;
}

/* Also if one was turned away, and the next is not there yet. */
static bool wait_for_name(struct transfer *t)
{
    if (wait_for_file(t))
        return true;
    if (t->has_head)
        wait_for_more(t);
    return t->has_head;
}

/* What is followed from a tail of lines begins with the first of them. */
static struct slice from_tail(struct transfer *t, struct slice text)
{
    const struct sandbox_request *r = t->request;
    if (t->has_head || r->op != SANDBOX_FOLLOW || r->offset >= 0 || r->tail <= 0)
        return text;
    struct slice lines = last_lines(text, r->tail);
    t->offset += (int64_t)(text.len - lines.len);
    return lines;
}

/* On with the file that has this age, from its beginning. */
static void go_on_with(struct transfer *t, unsigned age)
{
    t->age = age;
    t->identity = 0;
    t->offset = 0;
    step(t);
}

/* The name is another file's now: ours may have the next number. If it is nowhere, that was too
 * long ago, and the oldest that is kept comes next (go_on_behind_gap). */
static void look_for_older(struct transfer *t)
{
    t->age++;
    step(t);
}

/* There is no file of this age. If it was ours that was looked for, what stood between it and the
 * oldest that is kept is gone, and whoever follows is told so. */
static void go_on_behind_gap(struct transfer *t)
{
    bool lost = (t->identity != 0 || t->before != 0) && t->has_head;
    t->before = 0;
    if (lost) {
        t->offset = 0;
        give_event(t, "gap", SLICE(""));
    }
    go_on_with(t, lost ? t->age - 1 : 0);
}

/* Names move while files are turned. One that was found where the next must be is the next if the
 * one before still stands behind it. */
static void look_back(struct transfer *t)
{
    t->looks_back = true;
    t->age++;
    question(t, ASK_READ, -1, -1);
}

static void looked_back(struct transfer *t, const struct sandbox_ask *answer)
{
    const bool follows = answer->err.code == ERR_NONE && answer->identity_out == t->before;
    t->looks_back = false;
    if (follows) {
        t->age--;
    } else { /* they were turned meanwhile: from the one before again, wherever it is */
        t->identity = t->before;
        t->offset = t->before_end;
    }
    t->before = 0;
    if (answer->err.code != ERR_NONE)
        go_on_behind_gap(t);
    else if (follows)
        step(t);
    else
        look_for_older(t);
}

static void stream_text(struct transfer *t, struct slice text)
{
    text = from_tail(t, text);
    if (!t->has_head)
        give_head(t);
    if (t->request->op == SANDBOX_FOLLOW && text.len > 0)
        text.len -= text.len > 3 ? unfinished(text) : 0;
    if (text.len == 0 && t->age > 0) { /* it was read to its end, and the next one follows it */
        t->before = t->identity;
        t->before_end = t->offset;
        go_on_with(t, t->age - 1);
        return;
    }
    if (text.len == 0) {
        wait_for_more(t);
        return;
    }
    if (t->request->op == SANDBOX_FOLLOW) {
        give_event(t, "data", text);
    } else {
        struct buf body;
        buf_init(&body, LIMIT_ANSWER_BYTES);
        buf_put_slice(&body, text);
        t->offset += (int64_t)text.len;
        give_part(t, &body);
    }
    step(t);
}

/* ---------------- steps */

/* The size is known: where does reading begin? */
static void choose_offset(struct transfer *t)
{
    const struct sandbox_request *r = t->request;
    int64_t tail = r->tail > 0 ? LIMIT_FILE_READ_BYTES : 0;
    if (r->offset >= 0 && r->offset <= t->size)
        t->offset = r->offset;
    else if (r->offset > t->size && r->op == SANDBOX_FOLLOW) /* it was rotated meanwhile */
        t->offset = 0;
    else
        t->offset = t->size > tail ? t->size - tail : 0;
    if (r->op == SANDBOX_DOWNLOAD || t->waited)
        t->offset = 0;
}

static void on_read(struct transfer *t, const struct sandbox_ask *answer)
{
    struct slice text = buf_slice(&answer->text);
    const struct sandbox_request *r = t->request;
    if (r->op == SANDBOX_FOLLOW && t->identity != 0 && answer->identity_out != t->identity) {
        look_for_older(t);
        return;
    }
    t->identity = answer->identity_out;
    if (t->before != 0) {
        look_back(t);
        return;
    }
    if (r->op != SANDBOX_READ) {
        stream_text(t, text);
        return;
    }
    int64_t offset = answer->offset_out;
    if (!mesos(t) && text.len > 3 && offset + (int64_t)text.len < t->size)
        text.len -= unfinished(text);
    if (!mesos(t) && r->offset < 0 && r->tail > 0) {
        struct slice lines = last_lines(text, r->tail);
        offset += (int64_t)(text.len - lines.len);
        text = lines;
    }
    give_text(t, text, offset);
}

static void on_answer(struct sandbox_ask *ask)
{
    struct transfer *t = ask->data;
    struct sandbox_ask answer = *ask; /* the next question is asked in its place */
    bool size_only = answer.question == ASK_READ && answer.offset < 0;
    t->asking = false;
    if (t->gone) {
        finish(t);
    } else if (t->looks_back) {
        looked_back(t, &answer);
    } else if (answer.err.code != ERR_NONE && t->age > 0) {
        go_on_behind_gap(t);
    } else if (answer.err.code != ERR_NONE) {
        if (answer.err.code != ERR_NOT_FOUND || !wait_for_name(t))
            give_error(t, &answer.err);
    } else if (answer.question == ASK_BROWSE) {
        give_entries(t, &answer);
    } else if (!size_only) {
        on_read(t, &answer);
    } else if (mesos(t) && t->request->op == SANDBOX_READ) {
        give_text(t, SLICE(""), answer.offset_out);
    } else {
        t->size = answer.offset_out;
        t->identity = answer.identity_out;
        choose_offset(t);
        step(t);
    }
    sandbox_ask_close(&answer);
}

static const char *name_of(struct transfer *t)
{
    size_t size = strlen(t->request->path) + 16;
    if (t->age == 0)
        return t->request->path;
    mem_free(t->name);
    t->name = mem_alloc(size);
    snprintf(t->name, size, "%s.%u", t->request->path, t->age);
    return t->name;
}

static void question(struct transfer *t, enum sandbox_question what, int64_t offset, int64_t length)
{
    t->ask = (struct sandbox_ask){.data = t,
                                  .question = what,
                                  .path = name_of(t),
                                  .offset = offset,
                                  .length = length,
                                  .fd = -1};
    t->asking = true;
    executor_ask(t->files->tasks->executor, &t->ask, on_answer);
}

/* The next question: the size first, unless Mesos's read says where to begin. */
static void step(struct transfer *t)
{
    const struct sandbox_request *r = t->request;
    bool streams = r->op == SANDBOX_DOWNLOAD || r->op == SANDBOX_FOLLOW;
    if (t->asking || t->closed)
        return;
    if (t->gone)
        finish(t);
    else if (r->op == SANDBOX_BROWSE)
        question(t, ASK_BROWSE, 0, 0);
    else if (mesos(t) && r->op == SANDBOX_READ)
        question(t, ASK_READ, r->offset, r->length);
    else if (t->size < 0)
        question(t, ASK_READ, -1, -1);
    else if (!streams || t->credit > 0) /* else credit() goes on */
        question(t, ASK_READ, t->offset, streams ? -1 : r->length);
}

struct files *files_new(struct loop *loop, struct tasks *tasks)
{
    struct files *f = NEW(struct files);
    f->loop = loop;
    f->tasks = tasks;
    list_init(&f->transfers);
    return f;
}

void files_stop(struct files *f, void (*stopped)(struct tasks *tasks))
{
    f->stopped = stopped;
    if (list_empty(&f->transfers)) {
        free_when_stopped(f);
        return;
    }
    LIST_EACH (it, &f->transfers) {
        struct transfer *t = LIST_ENTRY(it, struct transfer, in_files);
        t->gone = true;
        finish(t);
    }
}

void files_serve(struct files *f, struct exchange_id id, struct sandbox_request *r)
{
    struct transfer *t = NEW(struct transfer);
    *t = (struct transfer){
        .files = f, .id = id, .request = r, .size = -1, .credit = EXCHANGE_WINDOW};
    list_push(&f->transfers, &t->in_files);
    uv_timer_init(&f->loop->uv, &t->timer);
    t->timer.data = t;
    if (r->begins_within_ms > 0)
        t->until = uv_now(&f->loop->uv) + (uint64_t)r->begins_within_ms;
    step(t);
}

static struct transfer *find(struct files *f, struct exchange_id id)
{
    LIST_EACH (it, &f->transfers) {
        struct transfer *t = LIST_ENTRY(it, struct transfer, in_files);
        if (t->id.v == id.v)
            return t;
    }
    return NULL;
}

void files_gone(struct files *f, struct exchange_id id)
{
    struct transfer *t = find(f, id);
    if (t == NULL)
        return;
    t->gone = true;
    finish(t);
}

void files_credit(struct files *f, struct exchange_id id, size_t bytes)
{
    struct transfer *t = find(f, id);
    if (t == NULL)
        return;
    bool held = t->credit <= 0;
    t->credit += (int64_t)bytes;
    if (held && t->credit > 0)
        step(t);
}
