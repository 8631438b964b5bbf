/* lib/executor/fetch.h - brings what a task needs into its sandbox before it starts
 * (spec/mesos.md 8.7): one URI after another, all of them or the task fails.
 *
 * http and https are downloaded here, from servers whose certificate one of the machine's CAs has
 * signed; files are copied, and archives unpacked, by the machine's own cp, tar,
 * unzip and gzip through the launcher, as the task's user, so that nobody gets at more than he may.
 */
#pragma once

#include "executor/launch_client.h"
#include "executor/sandbox.h"
#include "model/run_spec.h"
#include "net/http_client.h"

struct fetch;
typedef void fetch_cb(struct fetch *f, const struct error *err);

struct fetch_options { /* kept until `done` */
    struct loop *loop;
    struct launch_client *launcher;
    const char *sandbox;
    const char *task; /* for log lines */
    const char *user_name;
    const struct sandbox_user *user;
    const struct run_fetch *items;
    size_t items_n;
    const char *ca_file; /* PEM; NULL: the machine's */
    int64_t max_bytes;   /* of one file, downloaded, copied or unpacked; LIMIT_FETCH_BYTES */
};

struct fetch {
    void *data;  /* the owner's, set before start */
    size_t next; /* read only: how many are there */
    /* private */
    struct fetch_options options;
    void (*progress)(struct fetch *f);
    fetch_cb *done;
    char *name; /* of the item at work, in the sandbox */
    bool canceled;
    struct error failure;
    /* a download */
    struct url url;
    struct http_call call;
    struct tls *tls; /* once https was asked for */
    unsigned redirects;
    bool calling, writing, redirecting;
    int fd;
    int64_t size;
    struct buf pending, being_written;
    uv_fs_t write;
    uv_work_t work;
    uv_timer_t stall; /* open from start to `done` */
    /* a command */
    struct launch_request request;
    bool unpacking;
};

/* Keeps `f`. `done` says in plain words what failed; it fires later even when there is nothing to
 * do. `progress` fires when `next` has changed. */
void fetch_start(struct fetch *f, const struct fetch_options *options,
                 void (*progress)(struct fetch *f), fetch_cb *done);
/* `done` fires soon, with ERR_CANCELED. */
void fetch_cancel(struct fetch *f);

/* The name in the sandbox: `dest`, or the last part of the URI's path. ERR_INVALID when it leads
 * out or is none. The caller frees. */
char *fetch_name(const struct run_fetch *item, struct error *err) MUST_CHECK;
