/* cmd/mesolith/node_file.h - node.json in the data folder: which node this disk is for, the cluster
 * that it is of, and what it was told at `init` or `join`, so that `serve` needs nothing more. It
 * is written whole, durably, or not at all. */
#pragma once

#include "base/rng.h"
#include "model/join.h"

/* Of the first node, until the cluster's state has it: the token that `init` has printed. */
struct founding {
    int64_t token; /* id; 0: none */
    unsigned modes;
    uint8_t hash[SHA256_SIZE]; /* model/token.h, token_hash() */
    struct wall until;
};

struct node_file {
    int64_t id, store;            /* of this disk (replica/replica.h) */
    char cluster[UUID_TEXT_SIZE]; /* "": none: the node of `dev`, or it is just being made */
    bool founded;                 /* by `init` here; else it has joined */
    bool started;                 /* it had a state: that must be there */
    char address[ADDRESS_SIZE];   /* where the others were told that it is; "": not kept */
    struct founding founding;
    char *settings; /* a JSON object, owned; NULL: none (config.h) */
    size_t n;
    struct join_member members[LIMIT_SERVERS]; /* whom it asks first, ourselves not among them */
};

/* ERR_NOT_FOUND when it is not there, ERR_CORRUPT when it is not ours. */
int node_file_read(const char *folder, struct node_file *out, struct error *err) MUST_CHECK;
int node_file_write(const char *folder, const struct node_file *f, struct error *err) MUST_CHECK;
void node_file_close(struct node_file *f); /* accepts a zeroed struct */
