/* The readiness checks of one task (spec/marathon.md 10.6): asked when it runs, then at their
 * interval, until each was ready once. That is noted in the file `health`, so that a restarted
 * agent does not ask again. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/private.h"

#define BODY_BYTES 4096 /* of an answer that is kept; each one goes through the log */

struct answer {
    bool some; /* there was one */
    bool ready;
    int status;
    char said[128]; /* for people: "HTTP 503", or why there was none */
    char type[128]; /* its Content-Type */
    char body[BODY_BYTES];
    size_t body_n;
};

struct readying { /* one check */
    struct task_run *task;
    const struct run_readiness *check;
    struct answer last;
    /* private */
    uv_timer_t timer;
    struct http_call call;
    bool asking, stopping, headed; /* headed: the head of the answer has come */
    struct answer next;
    char target[1024];
};

/* ---- asking */

static void on_closed(uv_handle_t *timer)
{
    struct readying *r = timer->data;
    struct task_run *t = r->task;
    if (--t->readying_open > 0)
        return;
    mem_free(t->readying);
    t->readying = NULL;
    task_advance(t);
}

/* The timer and a call on its way both point into r: wait for both. */
static void close_when_idle(struct readying *r)
{
    if (!r->asking)
        uv_close((uv_handle_t *)&r->timer, on_closed);
}

static bool is_ready_code(const struct run_readiness *check, int status)
{
    for (size_t i = 0; i < check->ready_codes_n; i++)
        if (check->ready_codes[i] == status)
            return true;
    return false;
}

static void keep(struct answer *a, struct slice piece)
{
    size_t room = sizeof(a->body) - a->body_n, n = piece.len < room ? piece.len : room;
    memcpy(a->body + a->body_n, piece.p, n);
    a->body_n += n;
}

/* What else would come of it is not waited for. */
static void on_part(struct http_call *call, struct slice piece)
{
    struct readying *r = call->data;
    keep(&r->next, piece);
    if (r->next.body_n == sizeof(r->next.body))
        http_call_cancel(call);
}

static void on_head(struct http_call *call)
{
    struct readying *r = call->data;
    struct slice type = header_get(call->response->headers, "Content-Type");
    r->headed = true;
    r->next.status = call->response->status;
    snprintf(r->next.said, sizeof(r->next.said), "HTTP %d", r->next.status);
    snprintf(r->next.type, sizeof(r->next.type), "%.*s", (int)type.len, type.p);
    if (!r->check->keep_response)
        http_call_cancel(call);
}

/* Nobody could be asked, or nobody answered. */
static void fill_failure(struct answer *a, const struct error *err)
{
    a->status = 504;
    str_copy(a->said, sizeof(a->said), err->text);
    str_copy(a->type, sizeof(a->type), "text/plain");
    keep(a, slice_of(err->text));
}

static bool says_the_same(const struct answer *a, const struct answer *b)
{
    return a->some == b->some && a->ready == b->ready && a->status == b->status &&
           str_eq(a->said, b->said) && str_eq(a->type, b->type) && a->body_n == b->body_n &&
           memcmp(a->body, b->body, a->body_n) == 0;
}

static void on_due(uv_timer_t *timer);

static void take_in(struct readying *r)
{
    struct task_run *t = r->task;
    struct answer before = r->last;
    r->next.some = true;
    r->next.ready = r->headed && is_ready_code(r->check, r->next.status);
    r->last = r->next;
    if (r->last.ready) {
        log_info("task ready", "task=%s check=%s", t->run.name, r->check->name);
        checks_note(t);
    } else {
        uv_timer_start(&r->timer, on_due, (uint64_t)r->check->interval_ms, 0);
    }
    if (!says_the_same(&before, &r->last))
        report(t);
}

static void on_done(struct http_call *call, const struct error *err)
{
    struct readying *r = call->data;
    r->asking = false;
    if (err != NULL && !r->headed)
        fill_failure(&r->next, err);
    http_call_close(call);
    if (r->stopping)
        close_when_idle(r);
    else
        take_in(r);
}

/* Where the task's port is reached by others. */
static const char *address_of(const struct readying *r)
{
    const struct task_run *t = r->task;
    if (t->spec.network == NETWORK_USER && t->run.address[0] != '\0')
        return t->run.address;
    return r->check->address != NULL ? r->check->address : "127.0.0.1";
}

static int ask(struct readying *r, struct error *err)
{
    const struct run_readiness *c = r->check;
    struct executor *x = r->task->x;
    const char *slash = c->path[0] == '/' ? "" : "/";
    int n = snprintf(r->target, sizeof(r->target), "%s%s", slash, c->path);
    const struct url to = {
        .tls = c->https, .host = (char *)address_of(r), .port = (uint16_t)c->port};
    const struct http_ask question = {.to = &to,
                                      .method = METHOD_GET,
                                      .target = r->target,
                                      .headers = SLICE("User-Agent: mesolith\r\nAccept: */*\r\n"),
                                      .connect_ms = c->timeout_ms,
                                      .total_ms = c->timeout_ms,
                                      .tls = x->tls,
                                      .on_head = on_head,
                                      .on_part = on_part};
    if (n >= (int)sizeof(r->target))
        return error_set(err, ERR_INVALID, "path: got %d characters, need less than %zu", n,
                         sizeof(r->target));
    return http_call_start(&r->call, x->loop, &question, on_done, err);
}

static void on_due(uv_timer_t *timer)
{
    struct readying *r = timer->data;
    struct error err;
    r->next = (struct answer){0};
    r->headed = false;
    r->call.data = r;
    r->asking = ask(r, &err) == 0;
    if (r->asking)
        return;
    fill_failure(&r->next, &err);
    take_in(r);
}

/* ---- what is known of each */

static const char *key_of(size_t i, char dst[32])
{
    snprintf(dst, 32, "ready.%zu", i);
    return dst;
}

static bool was_ready(const struct task_run *t, size_t i)
{
    char key[32];
    return t->health != NULL && fields_int(t->health, key_of(i, key), 0) != 0;
}

static bool is_ready(const struct task_run *t, size_t i)
{
    return t->readying != NULL ? t->readying[i].last.ready : was_ready(t, i);
}

void readiness_note(const struct task_run *t, struct fields *out)
{
    char key[32];
    for (size_t i = 0; i < t->spec.readiness_n; i++)
        if (is_ready(t, i))
            fields_put_int(out, key_of(i, key), 1);
}

static void write_response(const struct answer *a, struct json_writer *w)
{
    json_key(w, "lastResponse");
    json_object(w);
    json_member_int(w, "status", a->status);
    json_member_str(w, "contentType", a->type);
    json_key(w, "body");
    json_put_slice(w, (struct slice){a->body, a->body_n});
    json_object_end(w);
}

void readiness_results(const struct task_run *t, struct buf *out)
{
    struct json_writer w;
    if (t->spec.readiness_n == 0)
        return;
    json_begin(&w, out);
    json_array(&w);
    for (size_t i = 0; i < t->spec.readiness_n; i++) {
        const struct run_readiness *check = &t->spec.readiness[i];
        const struct answer *last = t->readying != NULL ? &t->readying[i].last : NULL;
        bool answered = last != NULL && last->some;
        if (!answered && !is_ready(t, i))
            continue;
        json_object(&w);
        json_member_str(&w, "name", check->name);
        json_member_bool(&w, "ready", is_ready(t, i));
        if (answered)
            json_member_str(&w, "said", last->said);
        if (answered && check->keep_response)
            write_response(last, &w);
        json_object_end(&w);
    }
    json_array_end(&w);
}

/* ---- life */

static void start_one(struct readying *r, bool ready)
{
    uv_timer_init(&r->task->x->loop->uv, &r->timer);
    r->timer.data = r;
    r->last.ready = ready;
    if (!ready)
        uv_timer_start(&r->timer, on_due, 0, 0);
}

void readiness_start(struct task_run *t)
{
    size_t n = t->spec.readiness_n;
    if (n == 0 || t->readying != NULL)
        return;
    struct readying *all = mem_zalloc(n * sizeof(*all));
    for (size_t i = 0; i < n; i++) {
        all[i].task = t;
        all[i].check = &t->spec.readiness[i];
        start_one(&all[i], was_ready(t, i));
    }
    t->readying = all;
    t->readying_open = n;
}

void readiness_stop(struct task_run *t)
{
    for (size_t i = 0; t->readying != NULL && i < t->spec.readiness_n; i++) {
        struct readying *r = &t->readying[i];
        if (r->stopping)
            continue;
        r->stopping = true;
        uv_timer_stop(&r->timer);
        if (r->asking)
            http_call_cancel(&r->call);
        close_when_idle(r);
    }
}
