/* lib/http/message.h - a request and the head of a response as data. Pure.
 *
 * All texts are slices that somebody else owns: the parser, until its next message begins; the
 * block that request_dup() made; a test's literals. Nothing here is decoded: percent-decoding is
 * url.h's and the router's.
 *
 * Headers are kept as they look on the wire, one block of lines `Name: value\r\n`, so they are
 * copied, sent and handed between threads in one piece. */
#pragma once

#include "base/buf.h"

#define METHODS(X) X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS) X(TRACE) X(CONNECT)

enum method {
    METHOD_OTHER = 0, /* known to HTTP, of no use here: PROPFIND and so on */
#define X(name) METHOD_##name,
    METHODS(X)
#undef X
        METHOD_COUNT,
};

const char *method_text(enum method m);  /* "GET"; "OTHER" */
enum method method_of(const char *text); /* exact case, as HTTP has it */

struct request {
    enum method method;
    const char *method_text; /* static; also right for METHOD_OTHER */
    struct slice target;     /* as it was sent: "/v2/apps/%2Fa?embed=apps.tasks" */
    struct slice path;       /* the target up to '?', still encoded: "/v2/apps/%2Fa" */
    struct slice query;      /* what follows the '?', still encoded */
    struct slice headers;    /* lines; see header_get */
    struct slice body;       /* whole, chunks joined */
    uint8_t minor;           /* HTTP/1.minor */
    bool keep_alive;         /* the client would keep the connection */
    const char *scheme;      /* "http" or "https"; static */
    const char *listener;    /* the name the listener was started with, "marathon" */
    uint16_t local_port;     /* the port it came in by */
    const char *remote;      /* the client's address as text, "10.0.0.7", without port */
    uint16_t remote_port;
    const char *user; /* who is asking; NULL until the owner has found out */
    const char *node; /* what the node that was asked knows of itself, if it is another one that
                         answers (api/facts.h); else NULL */
    bool unconfirmed; /* it wanted what is newest, and no leader has said that we have it */
};

/* Sets target, path and query from a target; takes "http://host" off an absolute one. Borrows. */
void request_set_target(struct request *r, struct slice target);
/* A copy with everything it points to in one block of memory; request_free() frees it. */
struct request *request_dup(const struct request *r);
void request_free(struct request *r); /* only what request_dup made; accepts NULL */
/* For tests and for our own requests: method and target from literals, HTTP/1.1, the rest empty. */
struct request request_of(enum method m, const char *target);

struct response {
    int status;           /* 100..599 */
    struct slice headers; /* lines */
    uint8_t minor;
    bool keep_alive;
};
const char *status_text(int status); /* "Not Found"; "Unknown" for one without a name */

/* ---- header blocks */
/* The value of the first header of that name (any case), without blanks around it; an empty slice
 * with p == NULL when there is none. */
struct slice header_get(struct slice headers, const char *name);
/* Walks all of them; start with *at = 0. False at the end. */
bool header_each(struct slice headers, size_t *at, struct slice *name_out, struct slice *value_out);
/* True if a header of that name holds `token` in its comma-separated list (any case). */
bool header_has(struct slice headers, const char *name, const char *token);
/* Appends one line. Control characters in the value, line ends above all, become blanks: a value
 * can never forge a header. */
void header_put(struct buf *headers, const char *name, const char *value);
void header_put_slice(struct buf *headers, const char *name, struct slice value);
void header_printf(struct buf *headers, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
