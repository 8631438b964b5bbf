/* lib/proxy/store.h - the last settings and routes on disk, so that the proxy can start without
 * its node. Written beside, synced and renamed, on a thread of libuv's pool: the file is always
 * whole, and at most one write behind. */
#pragma once

#include <uv.h>

#include "base/json.h"

struct proxy_store {
    void *data; /* the owner's, set before init */
    /* private */
    uv_loop_t *loop;
    uv_work_t work;
    char *folder;
    dev_t folder_dev; /* which it was: another one may lie at that path when it was moved */
    ino_t folder_ino;
    void (*render)(struct proxy_store *s, struct buf *out);
    void (*idle)(struct proxy_store *s); /* waits for the write under way */
    struct buf text;
    struct error failure; /* of the write under way; code ERR_NONE: none */
    bool busy, again, failing;
};

/* `render` appends the file's text. Into a folder that has taken this one's place nothing is
 * written: it is another proxy's. */
void proxy_store_init(struct proxy_store *s, uv_loop_t *loop, const char *folder,
                      void (*render)(struct proxy_store *s, struct buf *out));
/* Writes what render() gives, now or after the write under way. A failure is logged, once until it
 * works again. */
void proxy_store_save(struct proxy_store *s);
/* Saves nothing more; `idle` fires, later, once no write is under way. */
void proxy_store_stop(struct proxy_store *s, void (*idle)(struct proxy_store *s));
/* Begins again after a stop. */
void proxy_store_resume(struct proxy_store *s);
void proxy_store_close(struct proxy_store *s); /* idle */

/* What was saved; the caller frees. NULL: nothing was (ERR_NOT_FOUND), or it cannot be read. */
struct json *proxy_store_load(const char *folder, struct error *err);
