/* lib/http/url.h - what is written inside a URL: percent-encoding, queries, and the parts of an
 * address to connect to. Pure. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

/* Appends the decoded text. ERR_SYNTAX for a % that two hex digits do not follow, and for %00.
 * In forms (and queries) a '+' is a blank, in paths it is itself. */
enum url_kind { URL_PATH, URL_FORM };
int url_decode(struct slice text, enum url_kind kind, struct buf *out,
               struct error *err) MUST_CHECK;
/* Appends `text` as one path segment or query value: all but unreserved characters encoded. */
void url_encode(struct slice text, struct buf *out);

/* Is this path, or target of a request, one of our own API? */
bool url_is_own(struct slice path);

/* ---- queries: "embed=a&embed=b&types[]=x&flag" */
struct query_item {
    const char *key, *value; /* decoded; value is "" where there is no '=' */
};

struct query {
    struct query_item *items; /* in the order they came */
    size_t n;
    /* private */
    char *text;
};

/* `q` owns copies afterwards. */
int query_parse(struct query *q, struct slice text, struct error *err) MUST_CHECK;
void query_close(struct query *q); /* accepts a zeroed struct */
/* The first value of `key` (or `key[]`), or NULL when it is not there. */
const char *query_get(const struct query *q, const char *key);
/* All of them: start with *cursor = 0; NULL at the end. */
const char *query_each(const struct query *q, const char *key, size_t *cursor);
/* The word `true` in any case is true, anything else, "" and absent too, is false
 * (spec/marathon.md 1.4). */
bool query_true(const struct query *q, const char *key);

/* ---- "http://10.0.0.1:8080/v2/apps?x=y", "https://[::1]/", "unix:/run/docker.sock" */
struct url {
    bool tls;        /* https */
    char *unix_path; /* owned; a Unix socket instead of host and port */
    char *host;      /* owned; without brackets */
    uint16_t port;   /* 80 or 443 where none is written */
    char *target;    /* owned: path and query, "/" at least; the fragment is dropped */
};
/* A text without scheme ("10.0.0.1:8080") is taken as http. */
int url_parse(const char *text, struct url *out, struct error *err) MUST_CHECK;
void url_close(struct url *u); /* accepts a zeroed struct */
