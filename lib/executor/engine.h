/* lib/executor/engine.h - one question to the container engine: Docker's, or Podman's compatible
 * socket. */
#pragma once

#include "base/json.h"
#include "net/http_client.h"

struct engine {
    struct loop *loop;
    struct url url;  /* of its socket */
    char where[128]; /* "unix:///var/run/docker.sock", for people */
};

/* `where`, or if that is NULL DOCKER_HOST, or the default socket. */
const char *engine_address(const char *where);
/* ERR_INVALID when engine_address(where) is no address. */
int engine_init(struct engine *e, struct loop *loop, const char *where,
                struct error *err) MUST_CHECK;
void engine_close(struct engine *e); /* accepts a zeroed struct */

struct engine_call;
/* `err`: ERR_UNAVAILABLE when there is no engine ("docker: no engine at …"), ERR_NOT_FOUND,
 * ERR_CONFLICT, ERR_INVALID and ERR_IO with the engine's own words, ERR_CANCELED. */
typedef void engine_cb(struct engine_call *c, const struct error *err);

struct engine_ask {
    enum method method;
    const char *target;
    struct slice body;  /* JSON, or empty */
    const char *header; /* one more line with its end, or NULL */
    int64_t total_ms;   /* 0: no limit */
    /* Set: the body is told piece by piece. Only of good answers. */
    void (*on_part)(struct engine_call *c, struct slice piece);
};

struct engine_call {
    void *data;        /* the owner's, set before the call */
    int status;        /* in `done`; 0: no answer */
    struct json *json; /* in `done`, until it returns: the body, if it is JSON */
    /* private */
    struct engine *engine;
    struct http_call http;
    void (*on_part)(struct engine_call *c, struct slice piece);
    engine_cb *done;
    bool busy;
    struct buf words; /* of an error that came while streaming */
};

/* Keeps `e` and `c`; what the ask points to is borrowed for the call. */
int engine_start(struct engine *e, struct engine_call *c, const struct engine_ask *ask,
                 engine_cb *done, struct error *err) MUST_CHECK;
void engine_pause(struct engine_call *c, bool paused);
void engine_cancel(struct engine_call *c); /* `done` fires soon; accepts an idle one */
static inline bool engine_busy(const struct engine_call *c)
{
    return c->busy;
}
