/* lib/http/router.h - which row of a table answers a path. Pure.
 *
 * The rows are the api room's (rights, kind of door, handler, one line about it); the router knows
 * them as opaque pointers, keeps none of their memory, and matches. A pattern is a path of
 * segments:
 *
 *     /v2/apps                        literal
 *     /v2/deployments/{id}            {id}: exactly one segment
 *     /slave({n})/state               a name with literal text around it, in one segment
 *     /v2/apps/{id...}/tasks/{task}   {id...}: one or more segments, slashes included; one a
 * pattern
 *
 * Segments are split first and percent-decoded afterwards (once), so `%2Fa%2Fb` is one segment and
 * `/a/b` as a value. Empty segments are dropped: repeated and trailing slashes do not matter.
 * Of several patterns that match, the one with more literal segments wins, then the one with more
 * segments of its own, then the one with more literal text: `/v2/apps/{id...}/tasks` before
 * `/v2/apps/{id...}`. The path decides first, the method only then: a method that the winning
 * pattern has no row for is 405, whatever a looser pattern would say. HEAD is answered by GET's
 * row. `.` and `..` mean nothing here; doors that touch files look for them. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "http/message.h"

#define ROUTE_SEGMENTS_MAX 16 /* of a pattern */
#define ROUTE_PARAMS_MAX 4    /* of a pattern */
#define ROUTE_ALLOW_SIZE 64

struct router;

struct router *router_new(void);
void router_free(struct router *r); /* accepts NULL */
/* Keeps `pattern` and `row`. ERR_INVALID for a pattern that makes no sense, ERR_CONFLICT if method
 * and pattern are there already, or the same pattern with other names. */
int router_add(struct router *r, enum method method, const char *pattern, const void *row,
               struct error *err) MUST_CHECK;

enum route_result {
    ROUTE_FOUND,
    ROUTE_OPTIONS,   /* OPTIONS on a known path without a row of its own: 200 and `allow` */
    ROUTE_NO_METHOD, /* 405 and `allow` */
    ROUTE_NOT_FOUND, /* 404 */
    ROUTE_BAD_PATH,  /* 400: a broken % sequence, a NUL, no leading slash */
};

struct route_param {
    const char *name; /* borrowed from the pattern; ends at name_len */
    size_t name_len;
    const char *value; /* decoded, NUL-terminated; lives until the next match or close */
};

struct route_match {
    const void *row;     /* FOUND */
    const char *pattern; /* FOUND, OPTIONS, NO_METHOD: for metrics and log lines */
    struct route_param params[ROUTE_PARAMS_MAX];
    size_t n_params;
    char allow[ROUTE_ALLOW_SIZE]; /* "GET, HEAD, OPTIONS, POST" */
    /* private */
    struct buf text;
};

/* `m` is zeroed or was used before; `path` is a request's, without the query. */
enum route_result router_match(const struct router *r, enum method method, struct slice path,
                               struct route_match *m);
/* The value of {name} or {name...}, or NULL. */
const char *route_param(const struct route_match *m, const char *name);
void route_match_close(struct route_match *m); /* accepts a zeroed struct */
