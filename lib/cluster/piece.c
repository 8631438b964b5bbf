#include "cluster/piece.h"

#include "base/limits.h"
#include "model/frame.h"

#define ASK_BYTES (PIECE_HEAD + 4)

static uint64_t number_at(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static void put_number(struct buf *out, uint64_t v, size_t n)
{
    for (size_t i = n; i-- > 0;)
        buf_putc(out, (char)(v >> (8 * i)));
}

static int wrong(struct error *err, const char *what)
{
    return error_set(err, ERR_SYNTAX, "it sent a frame of a snapshot with a wrong %s", what);
}

int piece_read(struct slice frame, struct piece *out, struct error *err)
{
    struct piece p = {0};
    if (frame.len < PIECE_HEAD || frame.p[0] != FRAME_SNAPSHOT)
        return wrong(err, "beginning");
    p.kind = (enum piece_kind)(uint8_t)frame.p[1];
    p.token = number_at(frame.p + 2, 8);
    p.offset = number_at(frame.p + 10, 8);
    if (p.token == 0)
        return wrong(err, "token");
    if (p.offset > INT64_MAX)
        return wrong(err, "offset");
    switch (p.kind) {
    case PIECE_ASK:
        if (frame.len != ASK_BYTES)
            return wrong(err, "length");
        p.size = (uint32_t)number_at(frame.p + PIECE_HEAD, 4);
        if (p.size == 0 || p.size > LIMIT_PIECE_BYTES)
            return wrong(err, "size");
        break;
    case PIECE_BYTES:
        p.bytes = (struct slice){frame.p + PIECE_HEAD, frame.len - PIECE_HEAD};
        if (p.bytes.len == 0 || p.bytes.len > LIMIT_PIECE_BYTES)
            return wrong(err, "length");
        break;
    case PIECE_GONE:
        if (frame.len != PIECE_HEAD)
            return wrong(err, "length");
        break;
    default: /* what came is not of the enum yet */
        return wrong(err, "kind");
    }
    *out = p;
    return 0;
}

void piece_write(const struct piece *p, struct buf *out)
{
    buf_putc(out, FRAME_SNAPSHOT);
    buf_putc(out, (char)p->kind);
    put_number(out, p->token, 8);
    put_number(out, p->offset, 8);
    if (p->kind == PIECE_ASK)
        put_number(out, p->size, 4);
    if (p->kind == PIECE_BYTES)
        buf_put_slice(out, p->bytes);
}
