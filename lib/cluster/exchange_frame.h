/* lib/cluster/exchange_frame.h - what nodes tell each other of exchanges (FRAME_EXCHANGE). One of
 * them asks and gives the exchange its number; the other one answers. Pure.
 *
 *     asks       SANDBOX or REQUEST, then CREDIT and GONE as of a client (http/exchange.h)
 *     answers    ANSWER*, numbered from 0 on: frames may overtake each other (cluster/peers.h)
 *
 *     each       BEGUN first of all: another number than before says that it has forgotten all
 *
 * What comes from elsewhere is not trusted: whatever does not add up is ERR_SYNTAX. */
#pragma once

#include "api/door.h"
#include "http/exchange.h"

enum exchange_frame_kind {
    EXCHANGE_SANDBOX = 'F',
    EXCHANGE_REQUEST = 'Q',
    EXCHANGE_ANSWER = 'A',
    EXCHANGE_CREDIT = 'C',
    EXCHANGE_GONE = 'G',
    EXCHANGE_BEGUN = 'B',
};

struct exchange_frame {
    enum exchange_frame_kind kind;
    uint64_t number; /* the exchange's; BEGUN: of its beginning */
    uint64_t count;  /* ANSWER: which one. CREDIT: bytes. BEGUN: most bytes of a frame that it
                        takes; 0: it is older, and takes LIMIT_FRAME_BYTES */
    /* owned */
    struct sandbox_request *sandbox; /* SANDBOX: `node` and `host` are not told */
    struct request *request;         /* REQUEST */
    struct answer answer;            /* ANSWER: without its id */
};

/* The beginning of each, and all there is of CREDIT, GONE and BEGUN. */
void exchange_frame_begin(struct buf *out, enum exchange_frame_kind kind, uint64_t number,
                          uint64_t count);
/* What follows it in SANDBOX; in REQUEST and ANSWER that is http/carry.h's. */
void exchange_frame_sandbox(struct buf *out, const struct sandbox_request *r);

/* `in` begins with FRAME_EXCHANGE. The caller closes *out. */
int exchange_frame_read(struct slice in, struct exchange_frame *out, struct error *err) MUST_CHECK;
void exchange_frame_close(struct exchange_frame *f); /* accepts a zeroed struct */
