/* lib/net/stream.h - bytes both ways over one connection, whatever carries them: TCP, a Unix
 * socket (tcp.h), TLS over either.
 *
 * A stream comes from a listener or a dial and is its receiver's to close. The receiver sets `data`
 * and `events` at once, before it reads or writes. The room frees the stream after `closed`. */
#pragma once

#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/loop.h"

struct stream;

/* Always from the loop, never from inside a call on the stream; none after stream_close(). */
struct stream_events {
    /* `data` is borrowed for the call. */
    void (*on_read)(struct stream *s, struct slice data);
    /* Once: the other side has sent all it will (err NULL), or the connection broke and only
     * stream_close() is left to do. */
    void (*on_end)(struct stream *s, const struct error *err);
    /* The bytes given to stream_write() are out, or (err) never will be. */
    void (*on_written)(struct stream *s, const struct error *err);
};

/* What carries the bytes: plain in tcp.c, encrypted in tls_stream.c. */
struct stream_carrier {
    const char *scheme; /* "http", "https" */
    void (*read_start)(struct stream *s);
    void (*read_stop)(struct stream *s);
    int (*try_write)(struct stream *s, const uv_buf_t *bufs, unsigned n);
    int (*write)(struct stream *s, const uv_buf_t *bufs, unsigned n);
    void (*end)(struct stream *s);
    void (*close)(struct stream *s);
};

#define STREAM_ADDRESS_SIZE 46

struct stream {
    void *data; /* the owner's */
    const struct stream_events *events;
    char remote[STREAM_ADDRESS_SIZE]; /* "10.0.0.7"; "unix" */
    uint16_t remote_port, local_port;
    /* private */
    const struct stream_carrier *carrier;
    void (*closed)(struct stream *s);
    bool reading, writing;
};

/* Reading is off at first. While it is off nothing is told, on_end neither. */
void stream_read(struct stream *s, bool on);
/* What the system takes at once: the number of bytes, 0 for none just now, below 0 when the
 * connection is broken. Not while a stream_write() is under way. */
int64_t stream_try_write(struct stream *s, const uv_buf_t *bufs, unsigned n);
/* One at a time; on_written says when. The bytes stay until then, or until `closed`. -1 when the
 * connection is broken: on_written will not come. */
int stream_write(struct stream *s, const uv_buf_t *bufs, unsigned n);
/* No more will be written: the other side reads an end. Not while a write is under way. */
void stream_end(struct stream *s);
/* What is not out yet is dropped. `closed` (may be NULL) fires last; then `s` is gone. */
void stream_close(struct stream *s, void (*closed)(struct stream *s));

const char *stream_scheme(const struct stream *s);
