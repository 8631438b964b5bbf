/* lib/net/output.h - what waits to leave on one stream: small texts that were copied, and blobs
 * that are only held. Whole turns leave in one system call. */
#pragma once

#include "http/blob.h"
#include "net/stream.h"

struct batch {
    struct buf text; /* all texts, one behind the other */
    struct segment {
        struct blob *blob; /* a reference; NULL: the next bytes of the text */
        size_t len;
    } * segments;
    size_t n, cap;
    size_t sealed;               /* bytes of text that a segment covers */
    size_t at, at_byte, at_text; /* how much has left */
    size_t left;                 /* bytes */
    size_t credit;               /* of the parts in it */
};

/* What is being written stays where it is; what comes meanwhile gathers in the other batch. */
struct output {
    struct batch front, back;
    /* private */
    size_t credit; /* of what has left and was not asked for yet */
};

void output_init(struct output *o);
void output_close(struct output *o); /* accepts a zeroed struct; not before the stream's `closed` */

/* To append text to; call it anew after every other call. */
struct buf *output_text(struct output *o);
void output_blob(struct output *o, struct blob *blob); /* takes a reference of its own */
/* Bytes of the answer proper that were just put; come back from output_credit() once they left. */
void output_spend(struct output *o, size_t credit);

size_t output_bytes(const struct output *o); /* still waiting */
size_t output_credit(struct output *o);      /* and sets it to 0 */
void output_forget_credit(struct output *o); /* who spent it has gone */

/* Writes what the system takes; the rest goes by stream_write(), so call output_written() from
 * on_written. -1: the connection is broken. */
int output_flush(struct output *o, struct stream *s);
void output_written(struct output *o);
