/* lib/cluster/identity.h - who this node is to the others: the folder certs/ of its data folder.
 *
 *     ca.pem     the CA that all certificates of the cluster are of
 *     node.pem   our certificate          node.key   its key
 *     ca.key     the CA's key: on masters only, who sign for others
 *
 * The folder comes into being whole, by one rename; later its files change one by one, each by a
 * rename too. So whoever is killed at any moment leaves an identity or none. Nobody but the node's
 * user may read it. */
#pragma once

#include "cluster/ca.h"
#include "cluster/key.h"
#include "model/join.h"
#include "net/tls.h"

#define IDENTITY_PATH_SIZE 1024

struct identity {
    char folder[IDENTITY_PATH_SIZE]; /* "<data>/certs" */
    struct ca *ca;                   /* signs, if its key is here */
    struct key *key;
    struct certificate facts; /* what our certificate says */
    struct tls *tls;
    struct buf request; /* for the next certificate, PEM */
};

/* Is there a folder certs/? */
bool identity_is_there(const char *data);

/* ---- making one; there must be none yet */
/* A cluster's first: its CA, and a certificate for `facts` (id, store, modes, hosts, serial). */
int identity_found(const char *data, const char *cluster, const struct certificate *facts,
                   struct wall now, int64_t life_ms, struct error *err) MUST_CHECK;
/* The key to join with. It is kept before anything is asked, where the folder comes into being:
 * the cluster knows a node by its key, so who was interrupted goes on with that. */
int identity_begin(const char *data, struct key **out, struct error *err) MUST_CHECK;
/* What a cluster answered who joins, once it was checked. */
int identity_write(const char *data, const struct key *key, const struct join_answer *a,
                   struct error *err) MUST_CHECK;

/* Is that answer the one to our request: of the CA with this fingerprint, for this id and store,
 * for this key, good now? ERR_CONFLICT, ERR_INVALID. */
int identity_check_answer(const struct join_answer *a, const uint8_t fingerprint[SHA256_SIZE],
                          const struct key *key, int64_t id, int64_t store, struct wall now,
                          struct error *err) MUST_CHECK;

/* ---- having one */
/* ERR_NOT_FOUND for what is missing, ERR_CONFLICT when it is another node's, ERR_CORRUPT; each with
 * the cure. Whether its time is over is asked for itself: identity_check_age(). */
int identity_open(const char *data, int64_t id, int64_t store, struct identity *out,
                  struct error *err) MUST_CHECK;
void identity_close(struct identity *i); /* accepts a zeroed struct */
/* ERR_INVALID in words: it is over, or not good yet. */
int identity_check_age(const struct identity *i, struct wall now, struct error *err) MUST_CHECK;

/* ---- changing it */
/* The next certificate, for the same key: checked, written, and from now on in `facts` and `tls`,
 * which is another one then. */
int identity_renew(struct identity *i, struct slice certificate, struct wall now,
                   struct error *err) MUST_CHECK;
/* The same by our own CA, with a serial of its own; ERR_NOT_FOUND when its key is not here. */
int identity_renew_self(struct identity *i, int64_t serial, struct wall now, int64_t life_ms,
                        struct error *err) MUST_CHECK;
/* The CA's key. ERR_CORRUPT when it is not that of our CA. */
int identity_take_ca_key(struct identity *i, struct slice key, struct error *err) MUST_CHECK;
