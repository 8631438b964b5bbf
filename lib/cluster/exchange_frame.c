#include "cluster/exchange_frame.h"

#include <string.h>

#include "base/mem.h"
#include "http/carry.h"
#include "model/frame.h"

#define HEAD_SIZE (2 + 8 + 8)
#define SANDBOX_NUMBERS 7

/* ---- writing */

void exchange_frame_begin(struct buf *out, enum exchange_frame_kind kind, uint64_t number,
                          uint64_t count)
{
    buf_putc(out, FRAME_EXCHANGE);
    buf_putc(out, (char)kind);
    buf_put_u64(out, number);
    buf_put_u64(out, count);
}

/* Nodes of before 1.0 know one number for both: the length, or of who follows, how long its task
 * may take to begin, and -1 for not at all. */
static int64_t length_or_wait(const struct sandbox_request *r)
{
    if (r->op != SANDBOX_FOLLOW)
        return r->length;
    return r->begins_within_ms > 0 ? r->begins_within_ms : -1;
}

static void take_length_or_wait(int64_t n, struct sandbox_request *r)
{
    bool follows = r->op == SANDBOX_FOLLOW;
    r->length = follows ? -1 : n;
    r->begins_within_ms = follows && n > 0 ? n : 0;
}

void exchange_frame_sandbox(struct buf *out, const struct sandbox_request *r)
{
    struct slice path = slice_of(r->path);
    const uint64_t numbers[SANDBOX_NUMBERS] = {
        (uint64_t)r->op,
        (uint64_t)r->shape,
        (uint64_t)r->offset,
        (uint64_t)length_or_wait(r),
        (uint64_t)r->tail,
        (uint64_t)r->task,
        path.len,
    };
    for (size_t i = 0; i < SANDBOX_NUMBERS; i++)
        buf_put_u64(out, numbers[i]);
    buf_put_slice(out, path);
    buf_put_slice(out, slice_of(r->jsonp));
}

/* ---- reading */

static int bad(struct error *err, const char *what)
{
    return error_set(err, ERR_SYNTAX, "exchange: %s: the frame was not written by a node", what);
}

static bool has_nul(struct slice s)
{
    return s.len > 0 && memchr(s.p, '\0', s.len) != NULL;
}

static int read_sandbox(struct slice in, struct sandbox_request **out, struct error *err)
{
    uint64_t n[SANDBOX_NUMBERS];
    if (in.len < sizeof n)
        return bad(err, "a request for a file");
    for (size_t i = 0; i < SANDBOX_NUMBERS; i++)
        n[i] = u64_at(in.p + 8 * i);
    struct slice texts = {in.p + sizeof n, in.len - sizeof n};
    if (n[0] > SANDBOX_FOLLOW || n[1] > SHAPE_NATIVE || n[6] > texts.len || has_nul(texts))
        return bad(err, "a request for a file");
    struct slice jsonp = {texts.p + n[6], texts.len - n[6]};
    struct sandbox_request *r = NEW(struct sandbox_request);
    *r = (struct sandbox_request){
        .op = (enum sandbox_op)n[0],
        .shape = (enum sandbox_shape)n[1],
        .offset = (int64_t)n[2],
        .tail = (int64_t)n[4],
        .task = (int64_t)n[5],
        .path = slice_dup((struct slice){texts.p, n[6]}),
        .jsonp = jsonp.len > 0 ? slice_dup(jsonp) : NULL,
    };
    take_length_or_wait((int64_t)n[3], r);
    if (r->offset >= -1 && (int64_t)n[3] >= -1 && r->tail >= 0) {
        *out = r;
        return 0;
    }
    sandbox_request_free(r);
    return bad(err, "a request for a file");
}

static int read_body(struct slice body, struct exchange_frame *f, struct error *err)
{
    switch (f->kind) {
    case EXCHANGE_SANDBOX:
        return read_sandbox(body, &f->sandbox, err);
    case EXCHANGE_REQUEST:
        return carry_request_read(body, &f->request, err);
    case EXCHANGE_ANSWER:
        return carry_answer_read(body, &f->answer, err);
    case EXCHANGE_CREDIT:
    case EXCHANGE_GONE:
    case EXCHANGE_BEGUN:
        return body.len == 0 ? 0 : bad(err, "more than was expected");
    }
    return bad(err, "of no known kind");
}

int exchange_frame_read(struct slice in, struct exchange_frame *out, struct error *err)
{
    if (in.len < HEAD_SIZE || in.p[0] != FRAME_EXCHANGE)
        return bad(err, "too short");
    struct exchange_frame f = {
        .kind = (enum exchange_frame_kind)(uint8_t)in.p[1],
        .number = u64_at(in.p + 2),
        .count = u64_at(in.p + 10),
    };
    if (read_body((struct slice){in.p + HEAD_SIZE, in.len - HEAD_SIZE}, &f, err) != 0)
        return -1;
    *out = f;
    return 0;
}

void exchange_frame_close(struct exchange_frame *f)
{
    sandbox_request_free(f->sandbox);
    request_free(f->request);
    answer_close(&f->answer);
    *f = (struct exchange_frame){0};
}
