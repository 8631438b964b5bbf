/* cmd/mesolith/graphite.h - pushes Chronos's numbers to Graphite (spec/chronos.md 14): those of
 * GET /metrics, each interval, by the node that leads, on a connection of their own. What could not
 * be pushed is not kept: the next interval has newer ones. */
#pragma once

#include "base/buf.h"
#include "host/host.h"
#include "model/address.h"
#include "net/tcp.h"

struct graphite_options {
    struct loop *loop;
    struct host *host;
    struct address to;
    int64_t interval_ms;
    const char *prefix; /* "": none */
};

struct graphite {
    void *data; /* the owner's, set before start */
    /* private */
    struct graphite_options options;
    enum {
        GRAPHITE_IDLE,
        GRAPHITE_ASKING,
        GRAPHITE_WRITING,
        GRAPHITE_DIALLING,
        GRAPHITE_SENDING,
        GRAPHITE_CLOSING
    } state;
    uint64_t asked; /* number of the last question */
    uv_timer_t timer;
    uv_work_t work;
    struct blob *metrics; /* the pool's while WRITING */
    struct wall at;
    struct buf lines;
    struct dial dial;
    struct stream *stream;
    struct error failure; /* why this push fails; the pool's while WRITING */
    bool told;            /* that they fail */
    void (*stopped)(struct graphite *g);
};

void graphite_start(struct graphite *g, const struct graphite_options *options); /* keeps prefix */
/* `stopped` fires once nothing of it is on the loop any more, maybe at once. */
void graphite_stop(struct graphite *g, void (*stopped)(struct graphite *g));
/* Takes *a if it answers what this asked. */
bool graphite_answer(struct graphite *g, struct answer *a);
