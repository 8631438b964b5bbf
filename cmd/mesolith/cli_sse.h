/* cmd/mesolith/cli_sse.h - server-sent events read back: bytes in, whole events out. Pure. */
#pragma once

#include "base/buf.h"

#define SSE_EVENT_BYTES (4 << 20) /* of one event */
#define SSE_ID_SIZE 64

struct sse_event_in {
    const char *event; /* "message" where none was named */
    struct slice data; /* its lines joined */
    const char *id;    /* the last one seen, "" if none */
};

struct sse_reader {
    char id[SSE_ID_SIZE]; /* read only: what to resume behind */
    /* private */
    struct buf line, event, data;
    bool some_data;
    bool after_cr;
};

typedef void sse_cb(void *data, const struct sse_event_in *e);

void sse_reader_init(struct sse_reader *r);
/* Calls `on_event` for each event that is whole by `bytes`; it borrows. */
void sse_read(struct sse_reader *r, struct slice bytes, sse_cb *on_event, void *data);
void sse_reader_restart(struct sse_reader *r); /* a new connection: keeps the id only */
void sse_reader_close(struct sse_reader *r);   /* accepts a zeroed struct */
