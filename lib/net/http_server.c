#include "net/http_server.h"

#include <time.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_private.h"

struct server_listener {
    struct list member;
    struct listener plain;
    struct tls_listener tls;
    bool by_tls; /* which of the two it is */
    struct http_server *server;
    char *name;
};

struct http_server_config http_server_config_default(void)
{
    return (struct http_server_config){
        .http = http_limits_default(),
        .connections = LIMIT_CONNECTIONS,
        .subscribers = LIMIT_SUBSCRIBERS,
        .subscriber_bytes = LIMIT_SUBSCRIBER_BYTES,
        .bodies_bytes = LIMIT_BODIES_BYTES,
        .answers_bytes = LIMIT_ANSWERS_BYTES,
        .header_ms = LIMIT_HEADER_MS,
        .body_ms = LIMIT_BODY_MS,
        .idle_ms = LIMIT_IDLE_MS,
    };
}

int64_t server_now(const struct http_server *s)
{
    return (int64_t)uv_now(&s->loop->uv);
}

const char *server_date(struct http_server *s)
{
    int64_t now = server_now(s);
    if (s->date[0] != '\0' && now - s->date_ms < 500)
        return s->date;
    time_t seconds = s->loop->clock.wall(&s->loop->clock).ms / 1000;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    s->date_ms = now;
    return s->date;
}

/* ---- flushing: once a turn of the loop, after all that the turn has brought. What timers and
 * closing handles bring is seen by `prepare`, before the loop waits; the rest by `check`, after. */
void server_mark_dirty(struct http_server *s, struct connection *c)
{
    if (list_empty(&c->dirty))
        list_push(&s->dirty, &c->dirty);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

/* What becomes dirty meanwhile waits for the next turn, so that one connection cannot keep the
 * loop to itself. */
static void flush_dirty(struct http_server *s)
{
    struct list now;
    list_init(&now);
    while (!list_empty(&s->dirty))
        list_push(&now, list_pop(&s->dirty));
    while (!list_empty(&now))
        connection_flush(LIST_ENTRY(list_pop(&now), struct connection, dirty));
    if (list_empty(&s->dirty))
        uv_idle_stop(&s->idle);
    else
        uv_idle_start(&s->idle, on_idle);
}

static void on_prepare(uv_prepare_t *prepare)
{
    flush_dirty(prepare->data);
}

static void on_check(uv_check_t *check)
{
    flush_dirty(check->data);
}

/* ---- life */
static const char *text_or_empty(const char *s)
{
    return s != NULL ? s : "";
}

struct http_server *http_server_new(struct loop *loop, const struct http_server_config *config,
                                    const struct http_server_events *events, void *data)
{
    struct http_server *s = NEW(struct http_server);
    size_t slots = config->connections + REFUSED_MAX;

    s->loop = loop;
    s->config = *config;
    s->events = events;
    s->data = data;
    str_copy(s->authorization, sizeof(s->authorization), text_or_empty(config->authorization));
    s->realm = mem_strdup(text_or_empty(config->realm));
    s->slots = mem_zalloc(slots * sizeof(*s->slots));
    s->generations = mem_zalloc(slots * sizeof(*s->generations));
    s->free_slots = mem_alloc(slots * sizeof(*s->free_slots));
    for (size_t i = 0; i < slots; i++)
        s->free_slots[i] = slots - 1 - i;
    s->n_free = slots;
    list_init(&s->listeners);
    list_init(&s->all);
    list_init(&s->dirty);
    for (size_t i = 0; i < TOPIC_COUNT; i++)
        list_init(&s->topics[i]);

    uv_prepare_init(&loop->uv, &s->prepare);
    uv_check_init(&loop->uv, &s->check);
    uv_idle_init(&loop->uv, &s->idle);
    uv_timer_init(&loop->uv, &s->grace);
    s->prepare.data = s->check.data = s->idle.data = s->grace.data = s;
    uv_prepare_start(&s->prepare, on_prepare);
    uv_check_start(&s->check, on_check);
    return s;
}

void *http_server_data(const struct http_server *s)
{
    return s->data;
}

const struct http_counts *http_server_counts(const struct http_server *s)
{
    return &s->counts;
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    ASSERT(s->stopping && s->handles == 0 && s->stopped == NULL);
    mem_free(s->realm);
    mem_free(s->slots);
    mem_free(s->generations);
    mem_free(s->free_slots);
    mem_free(s);
}

/* ---- connections come */
static void take(struct server_listener *sl, struct stream *stream)
{
    struct http_server *s = sl->server;

    if (s->n_free == 0) {
        s->counts.refused++;
        stream_close(stream, NULL);
        return;
    }
    size_t slot = s->free_slots[--s->n_free];
    struct connection *c = connection_new(s, stream, sl->name, slot);
    s->slots[slot] = c;
    list_push(&s->all, &c->all);
    s->counts.connections++;
    if (s->counts.connections > s->config.connections) {
        s->counts.refused++;
        connection_refuse(c, 503, "too many connections: try again in a moment");
    }
}

static void on_stream(struct listener *l, struct stream *stream)
{
    take(l->data, stream);
}

static void on_stranger(struct tls_listener *l, struct stream *stream)
{
    take(l->data, stream);
}

static const struct tls_listener_events tls_events = {.on_stranger = on_stranger};

static int listen_at(struct server_listener *sl, const char *address, uint16_t port,
                     struct tls *tls, struct error *err)
{
    struct loop *loop = sl->server->loop;
    if (sl->by_tls)
        return tls_listener_start(&sl->tls, loop, address, port, tls, &tls_events, err);
    return listener_start(&sl->plain, loop, address, port, on_stream, err);
}

int http_server_listen_tls(struct http_server *s, const char *name, const char *address,
                           uint16_t port, struct tls *tls, uint16_t *port_out, struct error *err)
{
    struct server_listener *sl = NEW(struct server_listener);
    sl->plain.data = sl->tls.data = sl;
    sl->by_tls = tls != NULL;
    sl->server = s;
    if (listen_at(sl, address, port, tls, err) != 0) {
        mem_free(sl);
        return error_wrap(err, "%s", name);
    }
    sl->name = mem_strdup(name);
    list_push(&s->listeners, &sl->member);
    s->listeners_open++;
    if (port_out != NULL)
        *port_out = sl->by_tls ? sl->tls.port : sl->plain.port;
    return 0;
}

int http_server_listen(struct http_server *s, const char *name, const char *address, uint16_t port,
                       uint16_t *port_out, struct error *err)
{
    return http_server_listen_tls(s, name, address, port, NULL, port_out, err);
}

void http_server_use_tls(struct http_server *s, struct tls *tls)
{
    LIST_EACH (member, &s->listeners) {
        struct server_listener *sl = LIST_ENTRY(member, struct server_listener, member);
        if (sl->by_tls)
            tls_listener_use(&sl->tls, tls);
    }
}

/* ---- exchanges */
struct exchange_id server_new_exchange(struct http_server *s, size_t slot)
{
    uint32_t generation = ++s->generations[slot];
    if (generation >= EXCHANGE_ELSEWHERE >> 32) /* 0 would name none */
        generation = s->generations[slot] = 1;
    return (struct exchange_id){(uint64_t)generation << 32 | slot};
}

struct connection *server_find(const struct http_server *s, struct exchange_id id)
{
    size_t slot = (uint32_t)id.v;
    if (id.v == 0 || slot >= s->config.connections + REFUSED_MAX)
        return NULL;
    struct connection *c = s->slots[slot];
    return c != NULL && c->exchange.v == id.v ? c : NULL;
}

void http_server_answer(struct http_server *s, const struct answer *a)
{
    struct connection *c = server_find(s, a->id);
    if (c != NULL)
        connection_answer(c, a);
}

/* Who has read nothing for the longest time, and what all have not read; NULL: nobody. */
static struct connection *most_stalled(struct http_server *s, size_t *bytes_out)
{
    struct connection *stalled = NULL;
    int64_t stalled_ms = INT64_MAX;
    *bytes_out = 0;
    LIST_EACH (it, &s->all) {
        struct connection *c = LIST_ENTRY(it, struct connection, all);
        size_t bytes = output_bytes(&c->output);
        int64_t since = c->progress_ms > c->sent_ms ? c->progress_ms : c->sent_ms;
        if (bytes == 0 || c->subscribed || c->fate == FATE_CUT || c->state == CONNECTION_CLOSING)
            continue;
        *bytes_out += bytes;
        if (since < stalled_ms) {
            stalled_ms = since;
            stalled = c;
        }
    }
    return stalled;
}

void server_relieve(struct http_server *s)
{
    size_t bytes;
    struct connection *c;
    while ((c = most_stalled(s, &bytes)) != NULL && bytes > s->config.answers_bytes) {
        s->counts.answers_dropped++;
        connection_doom(c, FATE_CUT);
    }
}

void http_server_publish(struct http_server *s, unsigned topic, const char *type,
                         struct blob *event)
{
    ASSERT(topic < TOPIC_COUNT);
    LIST_EACH (member, &s->topics[topic])
        connection_publish(LIST_ENTRY(member, struct connection, topic), type, event);
}

unsigned http_server_topics(const struct http_server *s)
{
    return s->topics_wanted;
}

/* ---- stopping: listeners, connections and compressions first, then the handles, then `stopped` */
static void on_handle_closed(uv_handle_t *handle)
{
    struct http_server *s = handle->data;
    if (--s->handles > 0)
        return;
    void (*stopped)(struct http_server *) = s->stopped;
    s->stopped = NULL;
    stopped(s);
}

static void close_handle(struct http_server *s, uv_handle_t *handle)
{
    s->handles++;
    uv_close(handle, on_handle_closed);
}

static void stop_if_quiet(struct http_server *s)
{
    if (!s->stopping || s->listeners_open > 0 || !list_empty(&s->all) || s->compressions > 0 ||
        s->handles > 0)
        return;
    close_handle(s, (uv_handle_t *)&s->prepare);
    close_handle(s, (uv_handle_t *)&s->check);
    close_handle(s, (uv_handle_t *)&s->idle);
    close_handle(s, (uv_handle_t *)&s->grace);
}

void server_connection_closed(struct http_server *s, struct connection *c)
{
    list_remove(&c->all);
    s->slots[c->slot] = NULL;
    s->free_slots[s->n_free++] = c->slot;
    s->counts.connections--;
    stop_if_quiet(s);
}

void server_compression_ended(struct http_server *s)
{
    s->compressions--;
    stop_if_quiet(s);
}

static void listener_gone(struct server_listener *sl)
{
    struct http_server *s = sl->server;
    list_remove(&sl->member);
    mem_free(sl->name);
    mem_free(sl);
    s->listeners_open--;
    stop_if_quiet(s);
}

static void on_plain_stopped(struct listener *l)
{
    listener_gone(l->data);
}

static void on_tls_stopped(struct tls_listener *l)
{
    listener_gone(l->data);
}

static void stop_listening(struct server_listener *sl)
{
    if (sl->by_tls)
        tls_listener_stop(&sl->tls, on_tls_stopped);
    else
        listener_stop(&sl->plain, on_plain_stopped);
}

static void on_grace_over(uv_timer_t *timer)
{
    struct http_server *s = timer->data;
    LIST_EACH (member, &s->all)
        connection_cut(LIST_ENTRY(member, struct connection, all));
}

void http_server_leave(struct http_server *s)
{
    s->leaving = true;
}

/* The grace timer always fires, at the latest in the next turn if there is no grace: so all that
 * is told is told later. */
void http_server_stop(struct http_server *s, int64_t grace_ms,
                      void (*stopped)(struct http_server *s))
{
    ASSERT(!s->stopping && stopped != NULL);
    s->leaving = s->stopping = true;
    s->stopped = stopped;
    LIST_EACH (member, &s->listeners)
        stop_listening(LIST_ENTRY(member, struct server_listener, member));
    LIST_EACH (member, &s->all)
        connection_stop(LIST_ENTRY(member, struct connection, all));
    uv_timer_start(&s->grace, on_grace_over, grace_ms > 0 ? (uint64_t)grace_ms : 0, 0);
    stop_if_quiet(s);
}
