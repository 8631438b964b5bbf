/* lib/cluster/certificate.h - what a node's certificate says, and when it is to be renewed.
 *
 * Its subject is the cluster (O), the node's Raft id (CN), the store it is for (serialNumber) and
 * the modes it was admitted with (OU); its alternative names are where the node is reached. Good
 * for TLS as server and as client, and for nothing else. The rule of renewal is pure. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/time.h"
#include "model/address.h"
#include "model/states.h"

#define CERTIFICATE_HOSTS 8

struct certificate {
    char cluster[UUID_TEXT_SIZE];
    int64_t id, store, serial;
    unsigned modes;
    struct wall from, until; /* whole seconds */
    size_t n;
    char hosts[CERTIFICATE_HOSTS][ADDRESS_HOST_SIZE]; /* IP addresses and names */
};

/* What PEM says, whoever signed it. ERR_CORRUPT when it is none of ours. */
int certificate_read(struct slice pem, struct certificate *out, struct error *err) MUST_CHECK;

/* Was it made for a node that is reached there? Addresses are compared as such. */
bool certificate_names(const struct certificate *c, const char *host);

enum certificate_age {
    CERTIFICATE_EARLY, /* not good yet: a clock is wrong */
    CERTIFICATE_FRESH,
    CERTIFICATE_DUE,  /* good, and time to get the next one */
    CERTIFICATE_OVER, /* the node must join again */
};
/* Halfway: as long again is left for a cluster that has no leader, or a node that is off. */
struct wall certificate_renew_at(struct wall from, struct wall until);
enum certificate_age certificate_age(struct wall from, struct wall until, struct wall now);
