/* tests/unit/support/ca.h - a cluster's CA, made in memory, and certificates of it; for unit tests,
 * benches and fuzz harnesses. */
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "base/mem.h"

#define CA_NOW_MS INT64_C(1800000000000) /* 2027-01-15T08:00:00Z */
#define CA_DAY_S 86400

struct ca {
    EVP_PKEY *key;
    X509 *certificate;
    char *pem;
};

struct identity {
    char *certificate, *key; /* PEM */
};

static inline char *ca_text_of(BIO *bio)
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    char *copy = mem_strndup(text, (size_t)len);
    BIO_free(bio);
    return copy;
}

static inline char *ca_pem_of(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    ASSERT(PEM_write_bio_X509(bio, certificate));
    return ca_text_of(bio);
}

static inline void ca_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ASSERT(extension != NULL && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

/* Valid from and until: days from CA_NOW_MS. `len` of the name: -1 for all of it. */
static inline X509 *ca_certificate(const struct ca *ca, EVP_PKEY *key, const char *name, int len,
                                   const char *units, int from_days, int until_days)
{
    X509 *c = X509_new();
    X509_NAME *subject = X509_get_subject_name(c);
    X509_set_version(c, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c), ca != NULL ? 2 : 1);
    ASN1_TIME_set(X509_getm_notBefore(c), CA_NOW_MS / 1000 + from_days * CA_DAY_S);
    ASN1_TIME_set(X509_getm_notAfter(c), CA_NOW_MS / 1000 + until_days * CA_DAY_S);
    if (name != NULL)
        X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)name, len, -1, 0);
    if (units != NULL)
        X509_NAME_add_entry_by_NID(subject, NID_organizationalUnitName, MBSTRING_UTF8,
                                   (const unsigned char *)units, -1, -1, 0);
    if (ca != NULL)
        X509_NAME_add_entry_by_NID(subject, NID_serialNumber, MBSTRING_UTF8,
                                   (const unsigned char *)"4711", -1, -1, 0);
    X509 *issuer = ca != NULL ? ca->certificate : c;
    X509_set_issuer_name(c, X509_get_subject_name(issuer));
    X509_set_pubkey(c, key);
    ca_extend(c, issuer, NID_basic_constraints, ca != NULL ? "CA:FALSE" : "critical,CA:TRUE");
    ca_extend(c, issuer, NID_subject_key_identifier, "hash");
    ca_extend(c, issuer, NID_authority_key_identifier, "keyid");
    ASSERT(X509_sign(c, ca != NULL ? ca->key : key, EVP_sha256()));
    return c;
}

static inline void ca_begin(struct ca *ca, const char *name)
{
    ca->key = EVP_EC_gen("P-256");
    ca->certificate = ca_certificate(NULL, ca->key, name, -1, NULL, -1000, 1000);
    ca->pem = ca_pem_of(ca->certificate);
}

static inline void ca_end(struct ca *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->certificate);
    mem_free(ca->pem);
}

static inline struct identity ca_issue_named(const struct ca *ca, const char *name, int len,
                                             const char *units, int from_days, int until_days)
{
    struct identity id;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = ca_certificate(ca, key, name, len, units, from_days, until_days);
    BIO *bio = BIO_new(BIO_s_mem());
    ASSERT(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    id.key = ca_text_of(bio);
    id.certificate = ca_pem_of(certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return id;
}

static inline struct identity ca_issue(const struct ca *ca, const char *name, const char *units)
{
    return ca_issue_named(ca, name, -1, units, -1, 7);
}

static inline void identity_end(struct identity *id)
{
    mem_free(id->certificate);
    mem_free(id->key);
}
