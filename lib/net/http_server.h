/* lib/net/http_server.h - HTTP/1.0 and 1.1 on a loop: connections in, whole requests out, answers
 * back in order.
 *
 * The owner hears of an exchange by on_request and answers it with http_server_answer(), from the
 * loop's thread, at once or much later; http/exchange.h says what may follow what. Everything about
 * connections is done here: keep-alive, pipelining, chunks, HEAD, 100-continue, gzip, slow and
 * vanished clients, limits. What never becomes a request is answered here as well: 400, 401, 408,
 * 413, 414, 431, 501, 503, 505. */
#pragma once

#include "http/counts.h"
#include "http/exchange.h"
#include "http/parser.h"
#include "net/loop.h"

struct http_server;
struct tls;

/* Called from the loop, never from inside a call on the server. */
struct http_server_events {
    /* `r` is borrowed for the call: request_dup() what is to stay. */
    void (*on_request)(struct http_server *s, struct exchange_id id, const struct request *r);
    /* So many bytes of parts have left; may be NULL. */
    void (*on_credit)(struct http_server *s, struct exchange_id id, size_t bytes);
    /* The exchange is over though it was not answered to its end; may be NULL. */
    void (*on_gone)(struct http_server *s, struct exchange_id id);
    /* An event stream has ended, for whatever reason; may be NULL. */
    void (*on_unsubscribed)(struct http_server *s, unsigned topic, const char *remote);
};

struct http_server_config {
    struct http_limits http;
    size_t connections;      /* at once; beyond it 503 */
    size_t subscribers;      /* event streams at once; beyond it they are closed */
    size_t subscriber_bytes; /* waiting for one of them; beyond it it is closed */
    size_t bodies_bytes;     /* of requests not answered yet, small ones aside; beyond it 503 */
    size_t answers_bytes;    /* of whole answers waiting; beyond it who waits longest is closed */
    int64_t header_ms;       /* from a request's first byte to the end of its headers */
    int64_t body_ms;         /* from there to its last byte; also: without progress of an answer */
    int64_t idle_ms;         /* between two requests */
    bool plain;              /* nothing is compressed */
    /* What basic_hash() says of the user and password that each request must bring, whatever it
     * asks for; else 401 with that realm. NULL or "": all are served. Copied. */
    const char *authorization, *realm;
};
struct http_server_config http_server_config_default(void); /* LIMIT_CONNECTIONS and so on */

/* Keeps `loop` and `events`. `data` is the owner's. */
struct http_server *http_server_new(struct loop *loop, const struct http_server_config *config,
                                    const struct http_server_events *events, void *data);
void *http_server_data(const struct http_server *s);

/* May be called several times; each listener has a name, which requests carry. Port 0 takes a free
 * one; `port_out` may be NULL. Fails as listener_start(). */
int http_server_listen(struct http_server *s, const char *name, const char *address, uint16_t port,
                       uint16_t *port_out, struct error *err) MUST_CHECK;

/* The same for clients who come by TLS. Takes a reference of its own; `tls` is
 * tls_new_for_clients().
 */
int http_server_listen_tls(struct http_server *s, const char *name, const char *address,
                           uint16_t port, struct tls *tls, uint16_t *port_out,
                           struct error *err) MUST_CHECK;
/* For those who come from now on. */
void http_server_use_tls(struct http_server *s, struct tls *tls);

/* Borrows `a` for the call (and takes references of its own to its bodies). An answer to an
 * exchange that is over is dropped. */
void http_server_answer(struct http_server *s, const struct answer *a);

/* To every stream subscribed to `topic` that wants `type` (NULL: to all). `event` is rendered
 * already and shared, not copied; it is borrowed for the call. */
void http_server_publish(struct http_server *s, unsigned topic, const char *type,
                         struct blob *event);

/* Bits of the topics that some stream is subscribed to. From any thread. */
unsigned http_server_topics(const struct http_server *s);

const struct http_counts *http_server_counts(const struct http_server *s);

/* Goes on as before, but every request from now on is the last of its connection: for a server that
 * is about to stop while somebody in front of it still sends clients. */
void http_server_leave(struct http_server *s);

/* Listens no more, closes what is idle, ends event streams, lets the rest be answered for at most
 * `grace_ms`. `stopped` fires once all is closed. */
void http_server_stop(struct http_server *s, int64_t grace_ms,
                      void (*stopped)(struct http_server *s));
void http_server_free(struct http_server *s); /* once stopped; accepts NULL */
