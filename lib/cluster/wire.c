#include "cluster/wire.h"

#include "base/limits.h"

struct wire_head wire_head(enum wire_kind kind, size_t len)
{
    uint32_t n = (uint32_t)len + 1;
    return (struct wire_head){
        {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n, (char)kind}};
}

/* What a frame of the kind may hold; -1 when there is no such kind. */
static int64_t most_of(unsigned kind)
{
    switch (kind) {
    case WIRE_DATA:
        return LIMIT_PEER_FRAME_BYTES;
    case WIRE_REFUSED:
        return WIRE_TEXT_MAX;
    case WIRE_BEAT:
    case WIRE_WELCOME:
    case WIRE_MOVED:
    case WIRE_REDIAL:
    case WIRE_BYE:
        return 0;
    }
    return -1;
}

int64_t wire_read(struct slice in, struct wire_frame *out, struct error *err)
{
    const unsigned char *p = (const unsigned char *)in.p;
    if (in.len < WIRE_HEAD)
        return 0;
    int64_t len = (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
    int64_t most = most_of(p[4]);
    if (most < 0)
        return error_set(err, ERR_SYNTAX,
                         "it sent a frame of kind %u, which this version does not know", p[4]);
    if (len < 1)
        return error_set(err, ERR_SYNTAX, "it sent a frame of 0 bytes, need at least 1");
    if (len - 1 > most)
        return error_set(err, ERR_LIMIT, "it sent a frame of %lld bytes, need at most %lld",
                         (long long)(len - 1), (long long)most);
    if ((int64_t)in.len < 4 + len)
        return 0;
    *out = (struct wire_frame){(enum wire_kind)p[4], {in.p + WIRE_HEAD, (size_t)len - 1}};
    return 4 + len;
}
