/* tests/unit/cluster/authority.h - a cluster's CA and nodes with certificates of it. */
#pragma once

#include "unit.h"

#include <openssl/x509.h>

#include "cluster/ca.h"
#include "cluster/key.h"

#define NOW ((struct wall){1767225600000}) /* 2026-01-01 */
#define DAY INT64_C(86400000)
#define CLUSTER "5fbf0b6e-7c2f-4d2b-8a53-0d2a5b0d9c11"
#define OTHER_CLUSTER "00000000-7c2f-4d2b-8a53-0d2a5b0d9c11"

struct node_identity {
    struct key *key;
    struct certificate facts;
    struct buf certificate; /* PEM */
};

struct ca *authority(const char *cluster);
/* Node 42, store 43, modes master and agent, at 10.0.0.2, fd00::2 and deck-2. */
void admit(const struct ca *ca, struct wall now, struct node_identity *out);
void dismiss(struct node_identity *n);

/* What OpenSSL has of them; the caller frees. */
X509 *x509_of(struct slice pem);
X509 *x509_of_ca(const struct ca *ca);
EVP_PKEY *evp_of_key(const struct key *k);
EVP_PKEY *evp_of_ca(const struct ca *ca);
