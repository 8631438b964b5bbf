#include "http/carry.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define TEXT_MAX 256 /* of a listener's name, an address, a user */

/* ---- writing */

static void put_slice(struct buf *out, struct slice s)
{
    buf_put_u64(out, s.len);
    buf_put_slice(out, s);
}

void carry_request(const struct request *r, struct buf *out)
{
    buf_putc(out, (char)r->method);
    buf_putc(out, (char)r->minor);
    buf_put_u64(out, (uint64_t)r->local_port << 16 | r->remote_port);
    put_slice(out, slice_of(r->scheme));
    put_slice(out, slice_of(r->listener));
    put_slice(out, slice_of(r->remote));
    put_slice(out, slice_of(r->user));
    put_slice(out, slice_of(r->node));
    put_slice(out, r->target);
    put_slice(out, r->headers);
    put_slice(out, r->body);
}

void carry_answer(const struct answer *a, struct buf *out)
{
    ASSERT(a->kind != ANSWER_SUBSCRIBE);
    buf_putc(out, (char)a->kind);
    buf_putc(out, (char)(a->lasting | a->plain << 1));
    buf_put_u64(out, (uint64_t)a->status);
    buf_put_u64(out, (uint64_t)a->length);
    put_slice(out, buf_slice(&a->headers));
    put_slice(out, a->body != NULL ? blob_slice(a->body) : SLICE(""));
}

/* ---- reading */

struct reader {
    struct slice in;
    bool bad;
};

static struct slice take(struct reader *r, size_t n)
{
    struct slice s = {r->in.p, n};
    if (n > r->in.len || r->bad) {
        r->bad = true;
        return SLICE("");
    }
    r->in.p += n;
    r->in.len -= n;
    return s;
}

static uint8_t take_byte(struct reader *r)
{
    struct slice s = take(r, 1);
    return r->bad ? 0 : (uint8_t)s.p[0];
}

static uint64_t take_number(struct reader *r)
{
    struct slice s = take(r, 8);
    return r->bad ? 0 : u64_at(s.p);
}

static struct slice take_slice(struct reader *r)
{
    return take(r, take_number(r));
}

static void take_text(struct reader *r, char dst[TEXT_MAX])
{
    struct slice s = take_slice(r);
    r->bad = r->bad || s.len >= TEXT_MAX || memchr(s.p, '\0', s.len) != NULL;
    if (r->bad)
        s.len = 0;
    memcpy(dst, s.p, s.len);
    dst[s.len] = '\0';
}

static int check_end(const struct reader *r, const char *what, struct error *err)
{
    if (!r->bad && r->in.len == 0)
        return 0;
    return error_set(err, ERR_SYNTAX, "%s: the frame was not written by a node of this version",
                     what);
}

/* Those who compare it do so by their own names. */
static const char *scheme_of(const char *text)
{
    return str_eq(text, "https") ? "https" : "http";
}

int carry_request_read(struct slice in, struct request **out, struct error *err)
{
    struct reader r = {.in = in};
    struct request q = {0};
    char scheme[TEXT_MAX], listener[TEXT_MAX], remote[TEXT_MAX], user[TEXT_MAX];
    uint8_t method = take_byte(&r);
    q.minor = take_byte(&r);
    uint64_t ports = take_number(&r);
    take_text(&r, scheme);
    take_text(&r, listener);
    take_text(&r, remote);
    take_text(&r, user);
    struct slice node = take_slice(&r), target = take_slice(&r);
    q.headers = take_slice(&r);
    q.body = take_slice(&r);
    r.bad = r.bad || method >= METHOD_COUNT || (node.len > 0 && memchr(node.p, '\0', node.len));
    if (check_end(&r, "request", err) != 0)
        return -1;
    q.method = (enum method)method;
    q.method_text = method_text(q.method);
    q.local_port = (uint16_t)(ports >> 16);
    q.remote_port = (uint16_t)ports;
    q.scheme = scheme_of(scheme);
    q.listener = listener;
    q.remote = remote;
    q.user = user[0] != '\0' ? user : NULL;
    request_set_target(&q, target);
    char *node_text = node.len > 0 ? slice_dup(node) : NULL;
    q.node = node_text;
    *out = request_dup(&q);
    mem_free(node_text);
    return 0;
}

int carry_answer_read(struct slice in, struct answer *out, struct error *err)
{
    struct reader r = {.in = in};
    uint8_t kind = take_byte(&r), flags = take_byte(&r);
    uint64_t status = take_number(&r), length = take_number(&r);
    struct slice headers = take_slice(&r), body = take_slice(&r);
    bool head = kind == ANSWER_WHOLE || kind == ANSWER_HEAD;
    r.bad = r.bad || kind > ANSWER_ABORT || kind == ANSWER_SUBSCRIBE ||
            (head && (status < 100 || status > 599));
    if (check_end(&r, "answer", err) != 0)
        return -1;
    *out = (struct answer){
        .kind = (enum answer_kind)kind,
        .status = (int)status,
        .length = (int64_t)length,
        .lasting = (flags & 1) != 0,
        .plain = (flags & 2) != 0,
    };
    buf_init(&out->headers, LIMIT_HEADER_BYTES);
    buf_put_slice(&out->headers, headers);
    if (body.len > 0)
        out->body = blob_of(body.p, body.len);
    return 0;
}
