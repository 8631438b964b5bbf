/* cmd/mesolith/cli_follow.h - an event stream of a node's API that comes back by itself and resumes
 * behind the last event that was seen. */
#pragma once

#include "cli_api.h"
#include "cli_sse.h"
#include "net/http_client.h"

struct follow;
typedef void follow_cb(struct follow *f, const struct error *err);

struct follow {
    void *data; /* the owner's, set before start */
    /* private */
    struct loop *loop;
    struct api *api;
    char *path;
    sse_cb *on_event;
    follow_cb *ended;
    struct sse_reader reader;
    struct http_call call;
    struct buf refusal; /* what came with another status than 200 */
    uv_timer_t tick;    /* looks whether somebody still reads what is printed, and tries again */
    int64_t lost_ms;    /* since when it tries in vain; 0: it does not */
    enum { FOLLOW_CALLING, FOLLOW_WAITING, FOLLOW_CLOSING } state;
    bool stopping, heard;
    struct error failure;
    bool failed;
};

/* Keeps `f`, `loop` and `api` until `ended`; copies the path. `on_event` gets f->data. `ended`:
 * after follow_stop(), or with an error when the node refuses or cannot be reached for a minute. */
int follow_start(struct follow *f, struct loop *loop, struct api *api, const char *path,
                 sse_cb *on_event, follow_cb *ended, struct error *err) MUST_CHECK;
void follow_stop(struct follow *f); /* may be called from on_event */
