/* lib/proxy/private.h - what the workers and their tunnels share. */
#pragma once

#include "proxy/forwarder.h"

/* ---- sockets */

/* No delay, and keep-alive that finds a dead peer within two minutes. Best effort. */
void proxy_socket_tune(int fd);

/* ---- workers: a thread with an epoll set */

struct watch { /* what epoll reports on begins with one */
    void (*ready)(struct watch *w, uint32_t events);
};

struct worker {
    struct forwarder *forwarder;
    pthread_t thread;
    int epoll;
    struct mono now;  /* read once a round */
    atomic_uint load; /* tunnels; others read it to share out */
    uint8_t *scratch; /* LIMIT_PROXY_BUFFER_BYTES: what is being passed on right now */

    struct list connecting, waiting; /* tunnels, the earliest due first */
    struct list open, hungry;        /* all others; those of them that have more to do at once */
    struct list dead;                /* closed in this round; freed after it */

    struct list acceptors, dead_acceptors;
    struct map *by_listener;  /* the acceptors */
    bool accepting;           /* the acceptors are in the epoll set */
    struct mono accept_again; /* while not */
    struct mono sweep;        /* when the open ones are next looked at */

    struct watch mail; /* an eventfd */
    int mail_fd;
    pthread_mutex_t inbox_lock;
    struct list inbox;
    bool started, stopping;
};

enum letter_kind {
    LETTER_LISTEN,   /* begin to accept on the listener */
    LETTER_UNLISTEN, /* cease */
    LETTER_ADOPT,    /* take fd, a connection that the listener gave another worker */
    LETTER_LOOK,     /* at the connections: backends drain */
    LETTER_STOP,
};

int worker_init(struct worker *w, struct forwarder *f, struct error *err);
int worker_start(struct worker *w, struct error *err); /* once all of them are initialized */
/* From any thread. Holds `l`, which may be NULL, until the worker is through with it. */
void worker_post(struct worker *w, enum letter_kind kind, struct proxy_listener *l, int fd);
void worker_join(struct worker *w);  /* stops it, if it was started */
void worker_close(struct worker *w); /* once all of them are joined */

/* ---- tunnels: one client's connection and the backend's */

enum tunnel_state {
    TUNNEL_WAITING,    /* no backend can be tried right now */
    TUNNEL_CONNECTING, /* to the backend */
    TUNNEL_OPEN,
    TUNNEL_DEAD, /* to be freed at the end of the round */
};

struct tunnel_end {
    struct watch watch;
    struct tunnel *tunnel;
    int fd; /* -1: none */
    /* epoll is edge-triggered: what it said last, until a call says otherwise */
    bool readable, writable;
    bool closing;  /* the peer has ended or broken: read on until it shows */
    bool ended;    /* nothing more will be read */
    bool reset;    /* because the peer broke it */
    bool gone;     /* nothing can be written any more */
    bool shut;     /* we have ended it */
    uint8_t *held; /* read here, and not yet taken by the other end */
    size_t held_at, held_len;
};

struct tunnel {
    struct list link; /* in one of the worker's lists */
    struct worker *worker;
    enum tunnel_state state;
    struct service *service;
    struct backend *backend; /* CONNECTING, OPEN */
    struct tunnel_end client, server;
    struct mono due;     /* WAITING: try again; CONNECTING: give up on this backend */
    struct mono give_up; /* on all of them */
    struct mono last;    /* when a byte last passed */
    bool answer_due;     /* the client spoke last */
};

/* Takes fd, a fresh connection from `l`. */
void tunnel_begin(struct worker *w, int fd, struct proxy_listener *l);
void tunnel_retry(struct tunnel *t);    /* WAITING and due */
void tunnel_time_out(struct tunnel *t); /* CONNECTING and due */
void tunnel_go_on(struct tunnel *t);    /* hungry */
void tunnel_reset(struct tunnel *t);    /* both sides see a reset */
/* Looks whether an open tunnel has outlived its backend's draining, or half of it its other half.
 * True if its backend is going away. */
bool tunnel_sweep(struct tunnel *t);
void tunnel_free(struct tunnel *t); /* DEAD */
