/* lib/cluster/ca.h - the cluster's certificate authority: made once, at `init`; signs the nodes'
 * certificates of days; says whether a peer's certificate is good.
 *
 * It signs node certificates only (path length 0). Its fingerprint, which stands in join tokens, is
 * the SHA-256 of its public key (SubjectPublicKeyInfo, DER): tokens stay good when the CA's own
 * certificate is written anew for the same key. Times and serials are the caller's; chance is
 * OpenSSL's own, for keys and signatures only. */
#pragma once

#include "base/hash.h"
#include "cluster/certificate.h"

#define CA_YEARS 20
/* Certificates are good a little before they are made, so that clocks may differ; short ones less,
 * so that they are not half over at once. */
#define CERTIFICATE_EARLIER_MS 3600000

struct ca; /* opaque: hides OpenSSL's */

/* `cluster` is a UUID's text, `serial` positive. */
int ca_make(const char *cluster, int64_t serial, struct wall now, struct ca **out,
            struct error *err) MUST_CHECK;
/* From PEM. With an empty key it checks certificates and cannot sign any: what every node has that
 * is no master. ERR_CORRUPT: not a CA of ours, or the key is another's. */
int ca_read(struct slice certificate, struct slice key, struct ca **out,
            struct error *err) MUST_CHECK;
void ca_write(const struct ca *ca, struct buf *out);     /* appends the certificate */
void ca_write_key(const struct ca *ca, struct buf *out); /* as key_write(); asserts there is one */
void ca_free(struct ca *ca);                             /* accepts NULL */

const char *ca_cluster(const struct ca *ca); /* the UUID's text */
bool ca_can_sign(const struct ca *ca);
void ca_fingerprint(const struct ca *ca, uint8_t out[SHA256_SIZE]);
/* Is it the one that a token names? ERR_CONFLICT in words for who joins. */
int ca_expect(const struct ca *ca, const uint8_t fingerprint[SHA256_SIZE],
              struct error *err) MUST_CHECK;

/* When a certificate ends that is signed now and shall live so long: not after the CA's own. */
struct wall ca_until(const struct ca *ca, struct wall now, int64_t life_ms);
/* Signs a certificate for who sent the request (key_request()), and appends it to out as PEM. Of
 * `facts` id, store, serial, modes, hosts and until (of ca_until()) count; cluster and from, a
 * little before now, are the CA's and come back in *facts.
 * ERR_INVALID: the request is none, is not signed by its key, or its key is not P-256. */
int ca_sign(const struct ca *ca, struct slice request, struct certificate *facts, struct wall now,
            struct buf *out, struct error *err) MUST_CHECK;

enum certificate_use { CERTIFICATE_OF_SERVER, CERTIFICATE_OF_CLIENT };
/* Is the certificate in PEM one of this CA's, good now and for that? ERR_INVALID with a cure. What
 * has become of the node since is the state's to know (state_peer_check()). */
int ca_check(const struct ca *ca, struct slice pem, enum certificate_use use, struct wall now,
             struct certificate *out, struct error *err) MUST_CHECK;
