/* lib/net/http_client.h - one HTTP request to somebody else, over TCP, TLS or a Unix socket:
 * health checks, the Docker Engine, the fetcher, forwarding, the command line.
 *
 * A call has a connection of its own and follows no redirects. Errors: ERR_UNAVAILABLE as long as
 * the request has certainly not been acted on, ERR_UNCERTAIN once it was on its way, ERR_LIMIT for
 * a body beyond `body_max`, ERR_SYNTAX for an answer that is not HTTP, ERR_CANCELED. Any status is
 * an answer, not an error. */
#pragma once

#include "http/parser.h"
#include "http/url.h"
#include "net/tls.h"

struct http_call;
typedef void http_call_cb(struct http_call *c, const struct error *err);

/* What to ask; borrowed for the call of http_call_start(), callbacks aside. */
struct http_ask {
    const struct url *to;
    enum method method;
    const char *target;   /* NULL: that of `to` */
    struct slice headers; /* lines; without Host, Content-Length and Connection, which are added */
    const char *credentials; /* "user:password", as HTTP Basic; NULL or "": none */
    struct slice body;
    int64_t connect_ms; /* until connected; 0: no limit */
    int64_t total_ms;   /* until the whole answer is there; 0: no limit */
    size_t body_max;    /* of a collected body; 0: LIMIT_BODY_BYTES */
    struct tls *tls;    /* for https://; NULL: that is refused */
    /* Both may be NULL. The head of the answer is there: c->response. */
    void (*on_head)(struct http_call *c);
    /* Set: the body is told piece by piece, without limit, instead of being collected. */
    void (*on_part)(struct http_call *c, struct slice piece);
};

struct http_call {
    void *data; /* the owner's, set before start */
    /* From on_head (or `done` without error) until http_call_close(); the call owns what they
     * point to. `body` is whole in `done`. */
    const struct response *response;
    struct slice body;
    /* private */
    struct loop *loop;
    http_call_cb *done;
    void (*on_head)(struct http_call *c);
    void (*on_part)(struct http_call *c, struct slice piece);
    enum { CALL_NONE, CALL_DIALLING, CALL_ASKED, CALL_CLOSING } state;
    struct dial dial;
    struct stream *stream;
    struct parser *parser;
    struct buf out; /* the request */
    uv_timer_t timer;
    int64_t total_ms, connect_ms;
    struct mono started;
    unsigned handles;
    bool paused, failed;
    struct error failure;
};

/* Keeps `c` until `done`, which may close it and free it. */
int http_call_start(struct http_call *c, struct loop *loop, const struct http_ask *ask,
                    http_call_cb *done, struct error *err) MUST_CHECK;
/* While paused no more is read, so the other side is held back; one piece more may still come. */
void http_call_pause(struct http_call *c, bool paused);
/* `done` fires soon, with ERR_CANCELED if the answer was not whole yet. May be called anywhere. */
void http_call_cancel(struct http_call *c);
/* Lets go of the answer. After `done`; accepts a zeroed struct. */
void http_call_close(struct http_call *c);

/* ---- for programs that only wait: on a loop of its own */
struct http_result {
    int status;
    char *headers; /* owned, lines, NUL-terminated */
    char *body;    /* owned, NUL-terminated */
    size_t body_len;
};
/* on_head and on_part of `ask` work too. */
int http_fetch(const struct http_ask *ask, struct http_result *out, struct error *err) MUST_CHECK;
void http_result_close(struct http_result *r); /* accepts a zeroed struct */
