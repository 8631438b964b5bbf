#include "host/callbacks.h"

#include <string.h>

#include "api/door.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_client.h"

#define CONNECT_MS 3000

struct waiting {
    struct list member;
    struct blob *event;
};

/*   IDLE --event--> CALLING --taken, nothing waits--> IDLE
 *                    |   ^ '--taken--> CALLING
 *              failed|   |over
 *                    v   |
 *                   PAUSING              any --not wanted--> LEAVING --all is closed--> (freed) */
enum target_state { TARGET_IDLE, TARGET_CALLING, TARGET_PAUSING, TARGET_LEAVING };

struct target {
    struct callbacks *owner;
    struct list member;
    char *text; /* the URL as it was named */
    struct url url;
    enum target_state state;
    struct list waiting; /* the oldest first; of it the first is being posted */
    size_t bytes;
    struct http_call call;
    bool called; /* the call is not closed yet */
    bool taken;  /* it was answered well */
    size_t told; /* bytes of that answer */
    uv_timer_t timer;
    int64_t pause_ms; /* the last one; 0: it took the last event */
};

struct callbacks {
    struct loop *loop;
    struct tls *tls; /* of https:// */
    int64_t pause_ms;
    struct list targets;
    struct callback_counts counts;
    size_t open; /* targets that are not freed */
    void (*stopped)(void *data);
    void *data;
};

/* ---- what waits */

static void drop(struct target *t, struct list *which)
{
    struct waiting *w = LIST_ENTRY(which, struct waiting, member);
    list_remove(which);
    t->bytes -= blob_slice(w->event).len;
    blob_unref(w->event);
    mem_free(w);
}

/* The first stays while it is being posted. */
static void make_room(struct target *t, size_t len)
{
    while (t->bytes + len > LIMIT_CALLBACK_BYTES) {
        struct list *oldest = t->waiting.next;
        if (t->state == TARGET_CALLING)
            oldest = oldest->next;
        if (oldest == &t->waiting)
            return;
        drop(t, oldest);
        t->owner->counts.dropped++;
    }
}

/* ---- leaving */

static void on_timer_closed(uv_handle_t *handle)
{
    struct target *t = handle->data;
    struct callbacks *c = t->owner;
    while (!list_empty(&t->waiting))
        drop(t, t->waiting.next);
    url_close(&t->url);
    mem_free(t->text);
    mem_free(t);
    if (--c->open == 0 && c->stopped != NULL)
        c->stopped(c->data);
}

static void leave(struct target *t)
{
    list_remove(&t->member);
    t->state = TARGET_LEAVING;
    if (t->called)
        http_call_cancel(&t->call);
    else
        uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

/* ---- posting */

static void post(struct target *t);

static void on_pause_over(uv_timer_t *timer)
{
    struct target *t = timer->data;
    post(t);
}

static void put_off(struct target *t, const char *why)
{
    if (t->pause_ms == 0)
        log_warn("callback fails", "url=%s why=\"%s\"", t->text, why);
    t->owner->counts.failed++;
    t->pause_ms = t->pause_ms == 0 ? t->owner->pause_ms : t->pause_ms * 2;
    if (t->pause_ms > LIMIT_CALLBACK_PAUSE_MS)
        t->pause_ms = LIMIT_CALLBACK_PAUSE_MS;
    t->state = TARGET_PAUSING;
    uv_timer_start(&t->timer, on_pause_over, (uint64_t)t->pause_ms, 0);
}

static void on_head(struct http_call *call)
{
    struct target *t = call->data;
    t->taken = call->response->status < 500;
}

static void on_part(struct http_call *call, struct slice piece)
{
    struct target *t = call->data; /* what it answers is of no interest */
    t->told += piece.len;
    if (t->told > LIMIT_CALLBACK_ANSWER_BYTES)
        http_call_cancel(call);
}

static void on_called(struct http_call *call, const struct error *err)
{
    struct target *t = call->data;
    bool taken = t->taken;
    http_call_close(call);
    t->called = false;
    if (t->state == TARGET_LEAVING) {
        uv_close((uv_handle_t *)&t->timer, on_timer_closed);
    } else if (!taken) {
        put_off(t, err != NULL ? err->text : "it answers with an error of its own");
    } else {
        if (t->pause_ms > 0)
            log_info("callback works again", "url=%s", t->text);
        t->pause_ms = 0;
        t->owner->counts.posted++;
        drop(t, t->waiting.next);
        post(t);
    }
}

static void post(struct target *t)
{
    struct error err;
    if (list_empty(&t->waiting)) {
        t->state = TARGET_IDLE;
        return;
    }
    const struct http_ask ask = {
        .to = &t->url,
        .method = METHOD_POST,
        .headers = SLICE("Content-Type: application/json\r\n" CALL_EVENT ": 1\r\n"),
        .body = blob_slice(LIST_ENTRY(t->waiting.next, struct waiting, member)->event),
        .connect_ms = CONNECT_MS,
        .total_ms = LIMIT_CALLBACK_MS,
        .tls = t->owner->tls,
        .on_head = on_head,
        .on_part = on_part,
    };
    t->call = (struct http_call){.data = t};
    t->taken = false;
    t->told = 0;
    if (http_call_start(&t->call, t->owner->loop, &ask, on_called, &err) != 0) {
        put_off(t, err.text);
        return;
    }
    t->state = TARGET_CALLING;
    t->called = true;
}

static void take(struct target *t, struct blob *event)
{
    size_t len = blob_slice(event).len;
    make_room(t, len);
    if (t->bytes + len > LIMIT_CALLBACK_BYTES) {
        t->owner->counts.dropped++;
        return;
    }
    struct waiting *w = NEW(struct waiting);
    w->event = blob_ref(event);
    t->bytes += len;
    list_push(&t->waiting, &w->member);
    if (t->state == TARGET_IDLE)
        post(t);
}

/* ---- which */

static struct target *find(struct callbacks *c, struct slice url)
{
    LIST_EACH (member, &c->targets) {
        struct target *t = LIST_ENTRY(member, struct target, member);
        if (slice_is(url, t->text))
            return t;
    }
    return NULL;
}

/* The door has looked at it. */
static void add(struct callbacks *c, struct slice url)
{
    struct error err;
    struct target *t = NEW(struct target);
    t->text = slice_dup(url);
    if (url_parse(t->text, &t->url, &err) != 0) {
        log_error("callback unreadable", "url=%s why=\"%s\"", t->text, err.text);
        mem_free(t->text);
        mem_free(t);
        return;
    }
    t->owner = c;
    t->timer.data = t;
    list_init(&t->waiting);
    uv_timer_init(&c->loop->uv, &t->timer);
    list_push(&c->targets, &t->member);
    c->open++;
}

void callbacks_set(struct callbacks *c, const char *urls)
{
    struct list kept;
    list_init(&kept);
    while (*urls != '\0') {
        struct slice url = {urls, strcspn(urls, "\n")};
        if (find(c, url) == NULL)
            add(c, url);
        struct target *t = find(c, url);
        if (t != NULL) {
            list_remove(&t->member);
            list_push(&kept, &t->member);
        }
        urls += url.len + (urls[url.len] == '\n');
    }
    LIST_EACH (member, &c->targets)
        leave(LIST_ENTRY(member, struct target, member));
    while (!list_empty(&kept))
        list_push(&c->targets, list_pop(&kept));
}

void callbacks_post(struct callbacks *c, struct blob *event)
{
    LIST_EACH (member, &c->targets)
        take(LIST_ENTRY(member, struct target, member), event);
}

/* ---- life */

struct callbacks *callbacks_new(struct loop *loop, int64_t pause_ms)
{
    struct callbacks *c = NEW(struct callbacks);
    c->loop = loop;
    c->tls = tls_new_for_anybody();
    c->pause_ms = pause_ms;
    list_init(&c->targets);
    return c;
}

const struct callback_counts *callbacks_counts(const struct callbacks *c)
{
    return &c->counts;
}

void callbacks_stop(struct callbacks *c, void (*stopped)(void *data), void *data)
{
    c->stopped = stopped;
    c->data = data;
    callbacks_set(c, "");
    if (c->open == 0)
        stopped(data);
}

void callbacks_free(struct callbacks *c)
{
    if (c == NULL)
        return;
    ASSERT(c->open == 0);
    tls_unref(c->tls);
    mem_free(c);
}
