/* lib/cluster/piece.h - what two nodes say about a snapshot's file: its pieces, asked for by the
 * one that needs it, one by one. The frames' first byte is FRAME_SNAPSHOT; numbers are in network
 * order. Pure.
 *
 *     ASK    token, offset, size   give me that piece
 *     BYTES  token, offset, bytes  there it is
 *     GONE   token, offset         there is no such file, or no such place in it */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum piece_kind { PIECE_ASK = 1, PIECE_BYTES, PIECE_GONE };

#define PIECE_HEAD 18 /* bytes of a frame before what only ASK and BYTES have */

struct piece {
    enum piece_kind kind;
    uint64_t token, offset;
    uint32_t size;      /* ASK; at most LIMIT_PIECE_BYTES */
    struct slice bytes; /* BYTES; borrowed from the frame */
};

/* ERR_SYNTAX with what is wrong. */
int piece_read(struct slice frame, struct piece *out, struct error *err) MUST_CHECK;
void piece_write(const struct piece *p, struct buf *out); /* appends */
