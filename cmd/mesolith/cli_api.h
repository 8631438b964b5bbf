/* cmd/mesolith/cli_api.h - asking a node's own API, and whom to ask. */
#pragma once

#include "base/json.h"
#include "base/limits.h"
#include "http/message.h"
#include "http/url.h"

struct tls;

#define API_TEXT_SIZE 512

struct api {
    char address[API_TEXT_SIZE]; /* "http://127.0.0.1:8080" */
    const char *credentials;     /* MESOLITH_HTTP_CREDENTIALS: for each http_ask; NULL: none */
    struct tls *tls;             /* likewise; NULL: by plain HTTP. Owned */
    const char *source;          /* "--address": who said so, for errors; NULL: the default */
    /* after a failure; "" when there is none */
    char cure[API_TEXT_SIZE]; /* what to try */
    struct json *failure;     /* the node's error, with its details; NULL: none. Owned */
    /* private */
    struct url url;
    bool said_stale;
};

/* `said`: by a flag, or NULL. Else MESOLITH_ADDRESS, else the address that a running `mesolith dev`
 * left in its data folder, else http://127.0.0.1:8080. ERR_SYNTAX for what is no address. */
int api_open(struct api *a, const char *said, struct error *err) MUST_CHECK;
void api_close(struct api *a);
const struct url *api_url(const struct api *a); /* for calls of one's own */

#define PATH_BYTES LIMIT_URL_BYTES /* of a longer one the node takes none */
/* Appends a path: each %s of `fmt` is encoded as one segment or query value. Of an app's id the
 * leading slash is left out with %a. */
void api_path(struct buf *out, const char *fmt, ...);

/* Asks and parses the answer, which the caller frees. `body` may be NULL. The node's own errors
 * come back as it said them. `raw_out` may be NULL: the answer as it came, owned by the caller. */
int api_call(struct api *a, enum method method, const char *path, const struct buf *body,
             struct json **answer_out, char **raw_out, struct error *err) MUST_CHECK;
int api_get(struct api *a, const char *path, struct json **answer_out,
            struct error *err) MUST_CHECK;
/* A whole list: `path` without offset and limit; pages are joined. */
int api_list(struct api *a, const char *path, struct json **answer_out,
             struct error *err) MUST_CHECK;
/* The error is about what was sent: it need not keep others from being sent. */
bool api_is_of_body(const struct error *err);
void api_forget(struct api *a); /* what the node said of the last failure */
/* What a stream's failed answer says (status not 200). Returns -1. */
int api_refused(struct api *a, int status, struct slice body, struct error *err);
/* Adds to an error of the client which node it was. Returns -1. */
int api_unreached(struct api *a, struct error *err);
