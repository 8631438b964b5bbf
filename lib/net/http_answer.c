/* What goes out on a connection: heads, bodies in their framing, events, refusals. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/sse.h"
#include "http/url.h"
#include "net/http_private.h"

#define COPY_BYTES 4096       /* bodies up to this size are copied behind their head */
#define POOL_BYTES (32 << 10) /* bodies from this size on are compressed on libuv's pool */
#define KEEP_ALIVE_MS 10000   /* of event streams: spec/marathon.md 12.1 */

/* ---- heads */
static void put_uint(struct buf *out, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    buf_put(out, digits + at, sizeof(digits) - at);
}

static void put_status_line(struct buf *out, int status)
{
    buf_put_slice(out, SLICE("HTTP/1.1 "));
    put_uint(out, (uint64_t)status);
    buf_putc(out, ' ');
    buf_puts(out, status_text(status));
    buf_put_slice(out, SLICE("\r\n"));
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static enum framing choose_framing(const struct connection *c, int status, int64_t length)
{
    if (c->head_only || !status_has_body(status))
        return FRAMING_NONE;
    if (length != ANSWER_LENGTH_UNKNOWN)
        return FRAMING_LENGTH;
    return c->http_1_0 ? FRAMING_CLOSE : FRAMING_CHUNKED;
}

static void put_framing(struct connection *c, struct buf *out, int status, int64_t length)
{
    if (length != ANSWER_LENGTH_UNKNOWN && status_has_body(status)) {
        buf_put_slice(out, SLICE("Content-Length: "));
        put_uint(out, (uint64_t)length);
        buf_put_slice(out, SLICE("\r\n"));
    }
    if (c->framing == FRAMING_CHUNKED)
        buf_put_slice(out, SLICE("Transfer-Encoding: chunked\r\n"));
    if (!c->keep_alive)
        buf_put_slice(out, SLICE("Connection: close\r\n"));
    else if (c->http_1_0)
        buf_put_slice(out, SLICE("Connection: keep-alive\r\n"));
}

enum coding { CODING_NONE, CODING_MAYBE, CODING_GZIP };

static void put_coding(struct buf *out, enum coding coding)
{
    if (coding == CODING_GZIP)
        buf_put_slice(out, SLICE("Content-Encoding: gzip\r\n"));
    if (coding != CODING_NONE)
        buf_put_slice(out, SLICE("Vary: Accept-Encoding\r\n"));
}

static void put_head(struct connection *c, int status, struct slice headers, int64_t length,
                     enum coding coding)
{
    struct buf *out = output_text(&c->output);
    counts_answer(&c->server->counts, status, (double)(uv_hrtime() - c->asked_ns) / 1e9,
                  server_now(c->server));
    c->answer = ANSWER_OPEN;
    c->framing = choose_framing(c, status, length);
    c->length_left = c->framing == FRAMING_LENGTH ? (size_t)length : 0;
    if (c->framing == FRAMING_CLOSE)
        c->keep_alive = false;
    put_status_line(out, status);
    buf_put_slice(out, headers);
    buf_put_slice(out, SLICE("Date: "));
    buf_puts(out, server_date(c->server));
    buf_put_slice(out, SLICE("\r\n"));
    put_coding(out, coding);
    put_framing(c, out, status, length);
    buf_put_slice(out, SLICE("\r\n"));
}

/* ---- bodies */
static void put_bytes(struct connection *c, struct blob *bytes)
{
    struct slice s = blob_slice(bytes);
    if (s.len <= COPY_BYTES)
        buf_put_slice(output_text(&c->output), s);
    else
        output_blob(&c->output, bytes);
}

static void put_hex(struct buf *out, size_t v)
{
    char text[20];
    buf_put(out, text, (size_t)snprintf(text, sizeof(text), "%zx", v));
}

/* False: more than the head promised. */
static bool put_framed(struct connection *c, struct blob *bytes)
{
    size_t len = blob_slice(bytes).len;
    if (len == 0)
        return true;
    switch (c->framing) {
    case FRAMING_NONE:
        return true;
    case FRAMING_LENGTH:
        if (len > c->length_left)
            return false;
        c->length_left -= len;
        put_bytes(c, bytes);
        return true;
    case FRAMING_CLOSE:
        put_bytes(c, bytes);
        return true;
    case FRAMING_CHUNKED:
        put_hex(output_text(&c->output), len);
        buf_put_slice(output_text(&c->output), SLICE("\r\n"));
        put_bytes(c, bytes);
        buf_put_slice(output_text(&c->output), SLICE("\r\n"));
        return true;
    }
    UNREACHABLE("every framing is above");
}

static struct blob *compressed(struct gzip *g, struct slice in, bool last)
{
    struct buf out;
    buf_init(&out, in.len + in.len / 100 + 1024); /* deflate never needs more */
    gzip_put(g, in, last, &out);
    ASSERT(!buf_full(&out));
    return blob_take(&out);
}

/* False: it cannot go on. */
static bool put_part(struct connection *c, struct blob *part, bool last)
{
    if (c->gzip == NULL)
        return put_framed(c, part);
    struct blob *small = compressed(c->gzip, blob_slice(part), last);
    bool fits = put_framed(c, small);
    blob_unref(small);
    return fits;
}

/* The whole answer is in the output: what comes next? */
static void finish_answer(struct connection *c)
{
    connection_forget_answer(c);
    connection_enter(c, c->keep_alive ? CONNECTION_IDLE : CONNECTION_DRAINING);
    server_mark_dirty(c->server, c);
}

static void put_whole(struct connection *c, int status, struct slice headers, struct blob *body,
                      enum coding coding)
{
    put_head(c, status, headers, (int64_t)blob_slice(body).len, coding);
    if (c->framing != FRAMING_NONE)
        put_bytes(c, body);
    finish_answer(c);
    if (blob_slice(body).len >= POOL_BYTES)
        server_relieve(c->server);
}

/* ---- compressing whole answers */
struct compression { /* of a large body, on the pool; nothing in it belongs to the connection */
    uv_work_t work;
    struct http_server *server;
    struct exchange_id id;
    int status;
    char *headers;
    size_t headers_len;
    struct blob *body;
    struct blob *small;
};

static struct blob *gzip_whole(struct slice body)
{
    struct gzip *g = gzip_new();
    struct blob *small = compressed(g, body, true);
    gzip_free(g);
    return small;
}

static void on_compress(uv_work_t *work)
{
    struct compression *k = work->data;
    k->small = gzip_whole(blob_slice(k->body));
}

static void on_compressed(uv_work_t *work, int code)
{
    struct compression *k = work->data;
    struct http_server *s = k->server;
    struct connection *c = server_find(s, k->id);
    (void)code; /* never canceled */
    if (c != NULL)
        put_whole(c, k->status, (struct slice){k->headers, k->headers_len}, k->small, CODING_GZIP);
    blob_unref(k->body);
    blob_unref(k->small);
    mem_free(k->headers);
    mem_free(k);
    server_compression_ended(s);
}

static void compress_on_pool(struct connection *c, const struct answer *a)
{
    struct compression *k = NEW(struct compression);
    struct slice headers = buf_slice(&a->headers);
    k->work.data = k;
    k->server = c->server;
    k->id = c->exchange;
    k->status = a->status;
    k->headers = mem_dup(headers.p, headers.len);
    k->headers_len = headers.len;
    k->body = blob_ref(a->body);
    c->answer = ANSWER_COMPRESSING;
    c->server->compressions++;
    int code = uv_queue_work(&c->server->loop->uv, &k->work, on_compress, on_compressed);
    ASSERT(code == 0);
}

static enum coding choose_coding(const struct connection *c, const struct answer *a, size_t len)
{
    if (a->plain || len < GZIP_LEAST_BYTES || !gzip_worthwhile(buf_slice(&a->headers)))
        return CODING_NONE;
    return c->takes_gzip && !c->head_only && status_has_body(a->status) ? CODING_GZIP
                                                                        : CODING_MAYBE;
}

/* ---- answers */
static void answer_with_whole(struct connection *c, const struct answer *a)
{
    ASSERT(c->answer == ANSWER_AWAITED);
    struct slice body = blob_slice(a->body), headers = buf_slice(&a->headers);
    enum coding coding = choose_coding(c, a, body.len);
    if (coding != CODING_GZIP) {
        put_whole(c, a->status, headers, a->body, coding);
    } else if (body.len >= POOL_BYTES) {
        compress_on_pool(c, a);
    } else {
        struct blob *small = gzip_whole(body);
        put_whole(c, a->status, headers, small, coding);
        blob_unref(small);
    }
}

/* Only what has no length beforehand is compressed: a promised length is kept. */
static void answer_with_head(struct connection *c, const struct answer *a)
{
    ASSERT(c->answer == ANSWER_AWAITED);
    enum coding coding = CODING_NONE;
    if (a->length == ANSWER_LENGTH_UNKNOWN)
        coding = choose_coding(c, a, SIZE_MAX);
    if (coding == CODING_GZIP)
        c->gzip = gzip_new();
    put_head(c, a->status, buf_slice(&a->headers), a->length, coding);
    c->lasting = a->lasting;
    if (c->lasting && c->half_closed)
        connection_doom(c, FATE_CUT);
}

/* More waits than any well-behaved owner sends on credit, or a subscriber is too slow. Trying to
 * write helps if only this turn brought much. */
static bool too_far_behind(struct connection *c)
{
    size_t most = c->subscribed ? c->server->config.subscriber_bytes : LIMIT_ANSWER_BYTES;
    if (output_bytes(&c->output) <= most)
        return false;
    return connection_write(c) != 0 || output_bytes(&c->output) > most;
}

static void check_far_behind(struct connection *c)
{
    if (c->fate == FATE_CUT || !too_far_behind(c))
        return;
    if (c->subscribed)
        c->server->counts.subscribers_dropped++;
    connection_doom(c, FATE_CUT);
}

static void answer_with_part(struct connection *c, const struct answer *a)
{
    ASSERT(c->answer == ANSWER_OPEN);
    size_t len = blob_slice(a->body).len;
    if (!put_part(c, a->body, false)) {
        connection_doom(c, FATE_CUT);
        return;
    }
    if (!c->subscribed)
        output_spend(&c->output, len);
    check_far_behind(c);
}

/* False: less than the head promised. */
static bool put_end(struct connection *c)
{
    if (c->gzip != NULL && !put_part(c, NULL, true))
        return false;
    if (c->framing == FRAMING_CHUNKED)
        buf_put_slice(output_text(&c->output), SLICE("0\r\n\r\n"));
    return c->length_left == 0;
}

static void answer_with_end(struct connection *c)
{
    ASSERT(c->answer == ANSWER_OPEN);
    if (put_end(c))
        finish_answer(c);
    else
        connection_doom(c, FATE_CUT);
}

static void answer_with_subscription(struct connection *c, const struct answer *a)
{
    struct http_server *s = c->server;
    const struct subscription *wanted = &a->subscription;
    ASSERT(c->answer == ANSWER_OPEN && !c->subscribed && wanted->topic < TOPIC_COUNT);
    if (c->framing == FRAMING_NONE) { /* the head was all there is: HEAD */
        finish_answer(c);
        return;
    }
    if (s->counts.subscribers == s->config.subscribers) {
        s->counts.subscribers_dropped++;
        connection_doom(c, FATE_CUT);
        return;
    }
    c->subscribed = c->lasting = true;
    c->subscription = *wanted;
    c->subscription.types = mem_strdup(wanted->types);
    c->subscription.keep_alive = wanted->keep_alive != NULL
                                     ? blob_ref(wanted->keep_alive)
                                     : blob_of(SSE_KEEP_ALIVE.p, SSE_KEEP_ALIVE.len);
    if (wanted->keep_alive_ms == 0)
        c->subscription.keep_alive_ms = KEEP_ALIVE_MS;
    output_forget_credit(&c->output);
    list_push(&s->topics[wanted->topic], &c->topic);
    s->topics_wanted |= 1u << wanted->topic;
    s->counts.subscribers++;
    if (s->stopping || c->half_closed)
        connection_doom(c, FATE_END);
}

void connection_answer(struct connection *c, const struct answer *a)
{
    if (c->fate != FATE_NONE)
        return;
    c->sent_ms = server_now(c->server);
    server_mark_dirty(c->server, c);
    switch (a->kind) {
    case ANSWER_WHOLE:
        answer_with_whole(c, a);
        return;
    case ANSWER_HEAD:
        answer_with_head(c, a);
        return;
    case ANSWER_PART:
        answer_with_part(c, a);
        return;
    case ANSWER_END:
        answer_with_end(c);
        return;
    case ANSWER_SUBSCRIBE:
        answer_with_subscription(c, a);
        return;
    case ANSWER_ABORT:
        connection_close(c);
        return;
    }
    UNREACHABLE("every kind is above");
}

/* ---- events */
/* Is `type` one of the lines of `types`? */
static bool type_wanted(const char *types, const char *type)
{
    if (types == NULL || type == NULL)
        return true;
    size_t len = strlen(type);
    for (const char *line = types; line != NULL;) {
        if (strncmp(line, type, len) == 0 && (line[len] == '\n' || line[len] == '\0'))
            return true;
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return false;
}

void connection_send(struct connection *c, struct blob *event)
{
    c->sent_ms = server_now(c->server);
    server_mark_dirty(c->server, c);
    if (!put_part(c, event, false)) {
        connection_doom(c, FATE_CUT);
        return;
    }
    check_far_behind(c);
}

void connection_publish(struct connection *c, const char *type, struct blob *event)
{
    if (c->fate == FATE_NONE && type_wanted(c->subscription.types, type))
        connection_send(c, event);
}

/* Ends an event stream where it is. */
void connection_end_stream(struct connection *c)
{
    c->keep_alive = false;
    put_end(c);
    finish_answer(c);
}

/* ---- refusals */
static enum error_code code_of(int status)
{
    switch (status) {
    case 401:
        return ERR_DENIED;
    case 503:
        return ERR_UNAVAILABLE;
    case 408:
    case 413:
    case 414:
    case 431:
        return ERR_LIMIT;
    default:
        return ERR_SYNTAX;
    }
}

/* Our own API's shape. */
static void put_own_error(struct json_writer *w, int status, const char *text)
{
    json_key(w, "error");
    json_object(w);
    json_member_str(w, "code", error_name(code_of(status)));
    json_member_str(w, "message", text);
    json_key(w, "details");
    json_array(w);
    json_array_end(w);
    json_object_end(w);
}

/* Of Marathon's and Chronos's both at once: Marathon reads `message`, Chronos `status` too. */
static void put_error_body(struct buf *out, bool own, int status, const char *text)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    if (own) {
        put_own_error(&w, status, text);
    } else {
        json_member_str(&w, "status", status_text(status));
        json_member_str(&w, "message", text);
    }
    json_object_end(&w);
}

static bool is_for_own(const struct connection *c)
{
    return c->parser != NULL && url_is_own(parser_target(c->parser));
}

static void refuse(struct connection *c, int status, const char *text, bool head_only)
{
    struct buf body;
    struct buf *out = output_text(&c->output);
    buf_init(&body, LIMIT_HEADER_BYTES);
    counts_answer(&c->server->counts, status, 0, server_now(c->server));
    put_error_body(&body, is_for_own(c), status, text);
    put_status_line(out, status);
    buf_puts(out, "Content-Type: application/json\r\nConnection: close\r\n");
    if (status == 503)
        buf_puts(out, "Retry-After: 1\r\n");
    if (status == 401)
        buf_printf(out, "WWW-Authenticate: Basic realm=\"%s\"\r\n", c->server->realm);
    buf_printf(out, "Content-Length: %zu\r\n\r\n%s", body.len, head_only ? "" : buf_str(&body));
    buf_close(&body);
    buf_clear(&c->pending);
    c->pending_at = 0;
    connection_enter(c, CONNECTION_DRAINING);
    server_mark_dirty(c->server, c);
}

void connection_refuse(struct connection *c, int status, const char *text)
{
    refuse(c, status, text, false);
}

void connection_deny(struct connection *c, bool head_only)
{
    refuse(c, 401, "Authorization: need the user and password of this node (HTTP Basic)",
           head_only);
}
