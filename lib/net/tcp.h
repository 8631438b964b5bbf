/* lib/net/tcp.h - plain streams: listening on TCP, and dialling TCP or a Unix socket. */
#pragma once

#include "net/stream.h"

/* ---- listening */
struct listener;
typedef void listener_cb(struct listener *l);

struct listener {
    void *data;    /* the owner's, set before start */
    uint16_t port; /* read only: the one it got */
    /* private */
    uv_tcp_t tcp;
    void (*on_stream)(struct listener *l, struct stream *s);
    listener_cb *stopped;
};

/* `address` is a numeric IPv4 or IPv6 address, port 0 takes a free one. Keeps `l` until `stopped`.
 * `on_stream` gets each new connection, which is then its to close. ERR_CONFLICT when the port is
 * taken, ERR_INVALID when this machine cannot listen there at all; nothing is to be stopped then.
 */
int listener_start(struct listener *l, struct loop *loop, const char *address, uint16_t port,
                   void (*on_stream)(struct listener *l, struct stream *s),
                   struct error *err) MUST_CHECK;
void listener_stop(struct listener *l, listener_cb *stopped);

/* ---- dialling */
struct dial;
/* `s` is the receiver's to close, or NULL and `err` says why. */
typedef void dial_cb(struct dial *d, struct stream *s, const struct error *err);

struct dial {
    void *data; /* the owner's, set before the call */
    /* private */
    struct loop *loop;
    dial_cb *done;
    char where[80]; /* for error texts */
    struct plain *trying;
    struct lookup *lookup;
    struct addrinfo *addresses, *next; /* what a name stood for */
    bool canceled;
    struct error failure; /* of the last address */
    struct {              /* of dial_tls(), once it is connected */
        struct tls *tls;
        char *host;
        struct secure *secure; /* in its handshake */
        dial_cb *done;
        void (*cancel)(struct dial *d);
    } over;
};

/* `host` is a numeric address or a name; all addresses of a name are tried in turn. Keeps `d` until
 * `done`. There is no time limit: use dial_cancel. */
int dial_tcp(struct dial *d, struct loop *loop, const char *host, uint16_t port, dial_cb *done,
             struct error *err) MUST_CHECK;
int dial_unix(struct dial *d, struct loop *loop, const char *path, dial_cb *done,
              struct error *err) MUST_CHECK;
/* `done` fires soon, with ERR_CANCELED (or a stream that was just ready). */
void dial_cancel(struct dial *d);
