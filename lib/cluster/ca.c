#include "cluster/ca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/private.h"

#define DAY_MS INT64_C(86400000)

struct ca {
    X509 *certificate;
    EVP_PKEY *key; /* NULL: it only checks */
    char cluster[UUID_TEXT_SIZE];
};

void ca_free(struct ca *ca)
{
    if (ca == NULL)
        return;
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
    mem_free(ca);
}

/* ---- writing certificates. What fails here fails for want of memory, or for a time that has no
 * text. */

static bool add_name(X509_NAME *name, int nid, const char *text)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_ASC, (const unsigned char *)text, -1, -1,
                                      0) == 1;
}

static bool add_number(X509_NAME *name, int nid, int64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    return add_name(name, nid, text);
}

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool fine = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return fine;
}

/* Version, serial, times and key; the name and the extensions are the caller's. */
static X509 *begin(int64_t serial, struct wall from, struct wall until, EVP_PKEY *key)
{
    X509 *x = X509_new();
    if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set_int64(X509_get_serialNumber(x), serial) == 1 &&
        ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(from.ms / 1000)) != NULL &&
        ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(until.ms / 1000)) != NULL &&
        X509_set_pubkey(x, key) == 1)
        return x;
    X509_free(x);
    return NULL;
}

static bool finish_ca(X509 *x, const char *cluster, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(x);
    return add_name(name, NID_organizationName, cluster) &&
           add_name(name, NID_commonName, "mesolith CA") && X509_set_issuer_name(x, name) == 1 &&
           add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(x, x, NID_subject_key_identifier, "hash") &&
           X509_sign(x, key, EVP_sha256()) > 0;
}

int ca_make(const char *cluster, int64_t serial, struct wall now, struct ca **out,
            struct error *err)
{
    struct uuid uuid;
    ASSERT(uuid_parse(cluster, &uuid) && serial > 0);
    struct ca *ca = NEW(struct ca);
    struct wall from = {now.ms - DAY_MS}, until = {now.ms + CA_YEARS * 365 * DAY_MS};
    str_copy(ca->cluster, sizeof ca->cluster, cluster);
    if (key_make_evp(&ca->key, err) != 0) {
        ca_free(ca);
        return -1;
    }
    ca->certificate = begin(serial, from, until, ca->key);
    if (ca->certificate == NULL || !finish_ca(ca->certificate, cluster, ca->key)) {
        ca_free(ca);
        return openssl_error(err, ERR_IO, "CA: cannot be made");
    }
    *out = ca;
    return 0;
}

/* ---- reading and writing the CA itself */

static bool is_ca_of_ours(X509 *x, char cluster[UUID_TEXT_SIZE])
{
    struct uuid uuid;
    EVP_PKEY *key = X509_get0_pubkey(x);
    bool fine =
        key != NULL && key_is_ours(key) && X509_check_ca(x) == 1 && X509_verify(x, key) == 1 &&
        name_entry(X509_get_subject_name(x), NID_organizationName, cluster, UUID_TEXT_SIZE) &&
        uuid_parse(cluster, &uuid);
    ERR_clear_error();
    return fine;
}

int ca_read(struct slice certificate, struct slice key, struct ca **out, struct error *err)
{
    struct ca *ca = NEW(struct ca);
    ca->certificate = pem_certificate(certificate);
    if (ca->certificate == NULL || !is_ca_of_ours(ca->certificate, ca->cluster)) {
        error_set(err, ERR_CORRUPT, "CA: need the certificate of a mesolith cluster's CA as PEM");
        goto failed;
    }
    if (key.len > 0) {
        ca->key = pem_key(key);
        if (ca->key == NULL || X509_check_private_key(ca->certificate, ca->key) != 1) {
            ERR_clear_error();
            error_set(err, ERR_CORRUPT,
                      "CA: its key is not that of its certificate: put back what was there");
            goto failed;
        }
    }
    *out = ca;
    return 0;
failed:
    ca_free(ca);
    return -1;
}

static void write_certificate(X509 *x, struct buf *out)
{
    char *data;
    BIO *bio = BIO_new(BIO_s_mem());
    bool fine = bio != NULL && PEM_write_bio_X509(bio, x) == 1;
    ASSERT(fine);
    long len = BIO_get_mem_data(bio, &data);
    buf_put(out, data, (size_t)len);
    BIO_free(bio);
}

void ca_write(const struct ca *ca, struct buf *out)
{
    write_certificate(ca->certificate, out);
}

void ca_write_key(const struct ca *ca, struct buf *out)
{
    ASSERT(ca->key != NULL);
    key_write_evp(ca->key, out);
}

/* ---- asking */

const char *ca_cluster(const struct ca *ca)
{
    return ca->cluster;
}

bool ca_can_sign(const struct ca *ca)
{
    return ca->key != NULL;
}

void ca_fingerprint(const struct ca *ca, uint8_t out[SHA256_SIZE])
{
    key_hash_evp(X509_get0_pubkey(ca->certificate), out);
}

int ca_expect(const struct ca *ca, const uint8_t fingerprint[SHA256_SIZE], struct error *err)
{
    uint8_t got[SHA256_SIZE];
    ca_fingerprint(ca, got);
    if (secret_equal(got, fingerprint, SHA256_SIZE))
        return 0;
    return error_set(
        err, ERR_CONFLICT,
        "token: is of another cluster than the one at that address, which calls itself "
        "%s: check the address and the token; nothing secret was sent",
        ca->cluster);
}

/* ---- signing */

static GENERAL_NAME *host_name(const char *host)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
    ERR_clear_error(); /* a name is no address */
    if (ip != NULL) {
        GENERAL_NAME_set0_value(g, GEN_IPADD, ip);
        return g;
    }
    ASN1_IA5STRING *name = ASN1_IA5STRING_new();
    bool fine = g != NULL && name != NULL && ASN1_STRING_set(name, host, -1) == 1;
    ASSERT(fine);
    GENERAL_NAME_set0_value(g, GEN_DNS, name);
    return g;
}

static bool add_hosts(X509 *x, const struct certificate *facts)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    for (size_t i = 0; i < facts->n; i++)
        sk_GENERAL_NAME_push(names, host_name(facts->hosts[i]));
    bool fine = X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return fine;
}

static bool finish_node(const struct ca *ca, X509 *x, const struct certificate *facts)
{
    char modes[MODES_TEXT_SIZE];
    X509_NAME *name = X509_get_subject_name(x);
    return add_name(name, NID_organizationName, ca->cluster) &&
           add_name(name, NID_organizationalUnitName, modes_text(facts->modes, modes)) &&
           add_number(name, NID_commonName, facts->id) &&
           add_number(name, NID_serialNumber, facts->store) &&
           X509_set_issuer_name(x, X509_get_subject_name(ca->certificate)) == 1 &&
           add_extension(x, ca->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, ca->certificate, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, ca->certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(x, ca->certificate, NID_subject_key_identifier, "hash") &&
           add_extension(x, ca->certificate, NID_authority_key_identifier, "keyid:always") &&
           add_hosts(x, facts) && X509_sign(x, ca->key, EVP_sha256()) > 0;
}

static struct wall whole_seconds(int64_t ms)
{
    return (struct wall){ms - ms % 1000};
}

struct wall ca_until(const struct ca *ca, struct wall now, int64_t life_ms)
{
    struct wall end = wall_of(X509_get0_notAfter(ca->certificate));
    struct wall until = whole_seconds(now.ms + life_ms);
    return until.ms < end.ms ? until : end;
}

static struct wall begin_of(struct wall now, struct wall until)
{
    int64_t quarter = (until.ms - now.ms) / 4;
    bool is_short = quarter < CERTIFICATE_EARLIER_MS;
    return whole_seconds(now.ms - (is_short ? quarter : CERTIFICATE_EARLIER_MS));
}

int ca_sign(const struct ca *ca, struct slice request, struct certificate *facts, struct wall now,
            struct buf *out, struct error *err)
{
    ASSERT(ca->key != NULL && facts->id > 0 && facts->store > 0 && facts->serial > 0);
    ASSERT(facts->modes != 0 && (facts->modes & ~MODES_ALL) == 0);
    ASSERT(facts->n > 0 && facts->n <= CERTIFICATE_HOSTS);
    char text[TIME_TEXT_SIZE];
    X509 *x = NULL;
    X509_REQ *r = pem_request(request);
    EVP_PKEY *key = key_of_request(r, err);
    struct wall end = wall_of(X509_get0_notAfter(ca->certificate));
    struct wall until = facts->until, from = begin_of(now, until);
    int rc = -1;
    if (key == NULL)
        goto out;
    if (now.ms >= end.ms) {
        error_set(err, ERR_CONFLICT, "CA: was good until %s: make a new cluster, or set the clock",
                  wall_text(end, text));
        goto out;
    }
    x = begin(facts->serial, from, until, key);
    if (x == NULL || !finish_node(ca, x, facts)) {
        openssl_error(err, ERR_IO, "certificate: cannot be made");
        goto out;
    }
    write_certificate(x, out);
    str_copy(facts->cluster, sizeof facts->cluster, ca->cluster);
    facts->from = from;
    rc = 0;
out:
    X509_free(x);
    X509_REQ_free(r);
    return rc;
}

/* ---- checking */

/* OpenSSL's verdict, X509_V_OK if it is good; *depth_out says whose it is: 0 the node's. */
static int verify(const struct ca *ca, X509 *x, enum certificate_use use, struct wall now,
                  int *depth_out)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool fine = store != NULL && ctx != NULL && X509_STORE_add_cert(store, ca->certificate) == 1 &&
                X509_STORE_CTX_init(ctx, store, x, NULL) == 1;
    ASSERT(fine);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)(now.ms / 1000));
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_purpose(param, use == CERTIFICATE_OF_SERVER ? X509_PURPOSE_SSL_SERVER
                                                                      : X509_PURPOSE_SSL_CLIENT);
    int verdict = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    *depth_out = X509_STORE_CTX_get_error_depth(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return verdict;
}

static int refuse_stranger(const struct ca *ca, X509 *x, struct error *err)
{
    char cluster[UUID_TEXT_SIZE];
    if (name_entry(X509_get_subject_name(x), NID_organizationName, cluster, sizeof cluster) &&
        !str_eq(cluster, ca->cluster))
        return error_set(err, ERR_INVALID,
                         "certificate: is of cluster %s, this is %s: join the node here with a "
                         "token, or check the address",
                         cluster, ca->cluster);
    return error_set(
        err, ERR_INVALID,
        "certificate: was not signed by this cluster's CA: join the node with a token");
}

static int refuse(const struct ca *ca, X509 *x, enum certificate_use use, struct wall now,
                  int verdict, int depth, struct error *err)
{
    X509 *whose = depth == 0 ? x : ca->certificate;
    const char *what = depth == 0 ? "certificate" : "certificate of the CA";
    char then[TIME_TEXT_SIZE], is[TIME_TEXT_SIZE];
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return error_set(
            err, ERR_INVALID,
            "%s: was good until %s, it is %s now: join the node again with a token, or "
            "set the clock",
            what, wall_text(wall_of(X509_get0_notAfter(whose)), then), wall_text(now, is));
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return error_set(err, ERR_INVALID, "%s: is good from %s on, it is %s now: set the clock",
                         what, wall_text(wall_of(X509_get0_notBefore(whose)), then),
                         wall_text(now, is));
    case X509_V_ERR_INVALID_PURPOSE:
        return error_set(err, ERR_INVALID, "certificate: is not for a TLS %s",
                         use == CERTIFICATE_OF_SERVER ? "server" : "client");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return refuse_stranger(ca, x, err);
    default:
        return error_set(err, ERR_INVALID, "%s: %s", what, X509_verify_cert_error_string(verdict));
    }
}

int ca_check_x509(const struct ca *ca, X509 *x, enum certificate_use use, struct wall now,
                  struct certificate *out, struct error *err)
{
    int depth, verdict = verify(ca, x, use, now, &depth);
    if (verdict != X509_V_OK)
        return refuse(ca, x, use, now, verdict, depth, err);
    struct certificate c;
    if (certificate_of(x, &c, err) != 0)
        return -1;
    if (!str_eq(c.cluster, ca->cluster))
        return refuse_stranger(ca, x, err);
    *out = c;
    return 0;
}

int ca_check(const struct ca *ca, struct slice pem, enum certificate_use use, struct wall now,
             struct certificate *out, struct error *err)
{
    X509 *x = pem_certificate(pem);
    if (x == NULL)
        return error_set(err, ERR_INVALID, "certificate: need one as PEM");
    int rc = ca_check_x509(ca, x, use, now, out, err);
    X509_free(x);
    return rc;
}
