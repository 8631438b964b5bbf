#include "authority.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"

static int make(void **data)
{
    *data = authority(CLUSTER);
    return 0;
}

static int unmake(void **data)
{
    ca_free(*data);
    return 0;
}

/* ---- the CA itself */

static void a_ca_reads_back(void **data)
{
    struct ca *ca = *data, *again;
    struct buf certificate, key;
    struct error err;
    uint8_t one[SHA256_SIZE], two[SHA256_SIZE];
    buf_init(&certificate, 65536);
    buf_init(&key, 65536);
    ca_write(ca, &certificate);
    ca_write_key(ca, &key);
    ca_fingerprint(ca, one);

    assert_int_equal(ca_read(buf_slice(&certificate), buf_slice(&key), &again, &err), 0);
    assert_true(ca_can_sign(again));
    assert_string_equal(ca_cluster(again), CLUSTER);
    ca_fingerprint(again, two);
    assert_memory_equal(one, two, sizeof one);
    ca_free(again);

    assert_int_equal(ca_read(buf_slice(&certificate), (struct slice){NULL, 0}, &again, &err), 0);
    assert_false(ca_can_sign(again));
    ca_fingerprint(again, two);
    assert_memory_equal(one, two, sizeof one);
    ca_free(again);
    buf_close(&certificate);
    buf_close(&key);
}

static void a_fingerprint_is_of_the_public_key(void **data)
{
    uint8_t one[SHA256_SIZE], two[SHA256_SIZE];
    unsigned char *der = NULL;
    struct error err;
    struct ca *ca = *data, *other = authority(CLUSTER);
    EVP_PKEY *key = evp_of_ca(ca);
    int len = i2d_PUBKEY(key, &der);
    sha256_of(der, (size_t)len, one);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    ca_fingerprint(ca, two);
    assert_memory_equal(one, two, sizeof one);
    assert_int_equal(ca_expect(ca, one, &err), 0);
    assert_int_equal(ca_expect(other, one, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_string_equal(err.text,
                        "token: is of another cluster than the one at that address, which calls "
                        "itself " CLUSTER ": check the address and the token; nothing secret was "
                        "sent");
    ca_free(other);
}

static void a_ca_with_anothers_key_or_none_at_all_is_refused(void **data)
{
    struct ca *other = authority(CLUSTER), *again = NULL;
    struct node_identity node;
    struct buf certificate, key;
    struct error err;
    buf_init(&certificate, 65536);
    buf_init(&key, 65536);
    ca_write(*data, &certificate);
    ca_write_key(other, &key);
    assert_int_equal(ca_read(buf_slice(&certificate), buf_slice(&key), &again, &err), -1);
    assert_string_equal(err.text,
                        "CA: its key is not that of its certificate: put back what was there");
    assert_int_equal(ca_read(buf_slice(&certificate), SLICE("hunter2"), &again, &err), -1);
    assert_int_equal(ca_read(buf_slice(&key), buf_slice(&key), &again, &err), -1);
    assert_string_equal(err.text, "CA: need the certificate of a mesolith cluster's CA as PEM");
    admit(*data, NOW, &node); /* a node's certificate is no CA's */
    assert_int_equal(ca_read(buf_slice(&node.certificate), (struct slice){NULL, 0}, &again, &err),
                     -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_null(again);
    dismiss(&node);
    ca_free(other);
    buf_close(&certificate);
    buf_close(&key);
}

/* Another's certificate in our CA's name: the key fits, its signature does not. */
static void a_ca_that_did_not_sign_itself_is_refused(void **data)
{
    struct ca *again = NULL;
    struct error err;
    char *text;
    X509 *x = x509_of_ca(*data);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    long len = BIO_get_mem_data(bio, &text);
    assert_int_equal(
        ca_read((struct slice){text, (size_t)len}, (struct slice){NULL, 0}, &again, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_null(again);
    BIO_free(bio);
    EVP_PKEY_free(key);
    X509_free(x);
}

static void an_encrypted_key_is_refused_without_asking(void **unused)
{
    struct key *key = NULL;
    struct error err;
    char *text;
    (void)unused;
    EVP_PKEY *k = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(bio, k, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &text);
    assert_int_equal(key_read((struct slice){text, (size_t)len}, &key, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_null(key);
    BIO_free(bio);
    EVP_PKEY_free(k);
    assert_int_equal(ERR_peek_error(), 0);
}

/* ---- what is signed */

static void a_certificate_says_who_it_is_for(void **data)
{
    struct node_identity node;
    struct certificate c;
    struct error err;
    admit(*data, NOW, &node);
    assert_int_equal(certificate_read(buf_slice(&node.certificate), &c, &err), 0);
    assert_string_equal(c.cluster, CLUSTER);
    assert_int_equal(c.id, 42);
    assert_int_equal(c.store, 43);
    assert_int_equal(c.serial, INT64_MAX);
    assert_int_equal(c.modes, MODE_MASTER | MODE_AGENT);
    assert_int_equal(c.from.ms, NOW.ms - CERTIFICATE_EARLIER_MS);
    assert_int_equal(c.until.ms, NOW.ms + LIMIT_CERTIFICATE_MS);
    assert_int_equal(c.n, 3);
    assert_string_equal(c.hosts[0], "10.0.0.2");
    assert_string_equal(c.hosts[1], "fd00::2");
    assert_string_equal(c.hosts[2], "deck-2");
    assert_int_equal(node.facts.until.ms, c.until.ms);
    assert_string_equal(node.facts.cluster, CLUSTER);
    for (int use = CERTIFICATE_OF_SERVER; use <= CERTIFICATE_OF_CLIENT; use++)
        assert_int_equal(
            ca_check(*data, buf_slice(&node.certificate), (enum certificate_use)use, NOW, &c, &err),
            0);
    dismiss(&node);
}

static void a_short_one_is_not_half_over_at_once(void **data)
{
    const int64_t life_ms = 20000;
    const struct wall later = {NOW.ms + life_ms * 3 / 4};
    struct node_identity node;
    struct buf request;
    struct error err;
    admit(*data, NOW, &node);
    buf_init(&request, 65536);
    key_request(node.key, &request);
    buf_clear(&node.certificate);
    node.facts.until = ca_until(*data, NOW, life_ms);
    assert_int_equal(ca_sign(*data, buf_slice(&request), &node.facts, NOW, &node.certificate, &err),
                     0);
    assert_int_equal(node.facts.until.ms, NOW.ms + life_ms);
    assert_int_equal(certificate_age(node.facts.from, node.facts.until, NOW), CERTIFICATE_FRESH);
    assert_int_equal(certificate_age(node.facts.from, node.facts.until, later), CERTIFICATE_DUE);
    buf_close(&request);
    dismiss(&node);
}

static void none_outlives_its_ca(void **data)
{
    struct node_identity node;
    struct certificate c;
    struct error err;
    const struct wall late = {NOW.ms + CA_YEARS * 365 * DAY - DAY};
    admit(*data, late, &node);
    assert_int_equal(certificate_read(buf_slice(&node.certificate), &c, &err), 0);
    assert_int_equal(c.until.ms, late.ms + DAY);

    struct buf request, out;
    buf_init(&request, 65536);
    buf_init(&out, 65536);
    key_request(node.key, &request);
    assert_int_equal(
        ca_sign(*data, buf_slice(&request), &node.facts, (struct wall){late.ms + DAY}, &out, &err),
        -1);
    assert_string_equal(err.text, "CA: was good until 2045-12-27T00:00:00.000Z: make a new "
                                  "cluster, or set the clock");
    assert_int_equal(out.len, 0);
    buf_close(&request);
    buf_close(&out);
    dismiss(&node);
}

/* A request by a key of another kind, or with another's signature. */
static void request_of(EVP_PKEY *key, EVP_PKEY *signer, struct buf *out)
{
    char *text;
    X509_REQ *r = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    X509_REQ_set_pubkey(r, key);
    assert_true(X509_REQ_sign(r, signer, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509_REQ(bio, r), 1);
    long len = BIO_get_mem_data(bio, &text);
    buf_clear(out);
    buf_put(out, text, (size_t)len);
    BIO_free(bio);
    X509_REQ_free(r);
}

static void request_is_refused(const struct ca *ca, struct slice request, const char *text)
{
    struct certificate facts = {
        .id = 1, .store = 2, .serial = 3, .modes = MODE_AGENT, .n = 1, .hosts = {"a"}};
    struct error err;
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(ca_sign(ca, request, &facts, NOW, &out, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, text);
    assert_int_equal(out.len, 0);
    assert_int_equal(ERR_peek_error(), 0);
    buf_close(&out);
}

/* The curve is P-256, but spelled out in numbers, not named. */
static const char by_numbers[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBvDCCAWICAQAwDDEKMAgGA1UEAwwBMTCCAUswggEDBgcqhkjOPQIBMIH3AgEB\n"
    "MCwGByqGSM49AQECIQD/////AAAAAQAAAAAAAAAAAAAAAP///////////////zBb\n"
    "BCD/////AAAAAQAAAAAAAAAAAAAAAP///////////////AQgWsY12Ko6k+ez671V\n"
    "dpiGvGUdBrDMU7D2O848PifSYEsDFQDEnTYIhucEk2pmeOETnSa3gZ9+kARBBGsX\n"
    "0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivO\n"
    "M1drMV7Oy7ZAaDe/UfUCIQD/////AAAAAP//////////vOb6racXnoTzucrC/GMl\n"
    "UQIBAQNCAARY6ktdDswkMI3ginpPdfuX+w8eHZrfdEr952g5pkKF0My2YjYalAOx\n"
    "SS2o8CMc6uRtXncRCG0HgPixI+dBhePmoAAwCgYIKoZIzj0EAwIDSAAwRQIgCoB9\n"
    "9slDV5ZA9nYNwG1g/QhTCjQRZjEhIcB3UyAmc2cCIQDnsu1/2YGJa9ytDtEiYM3l\n"
    "E08+CBnKzy9cJ36rFf6rhg==\n"
    "-----END CERTIFICATE REQUEST-----\n";

static void a_request_that_is_none_is_not_signed(void **data)
{
    static const char none[] = "request: need a request for a certificate as PEM";
    static const char kind[] = "request: got a key of another kind, need one of P-256";
    struct node_identity node;
    struct buf request, long_one;
    admit(*data, NOW, &node);
    buf_init(&request, 65536);
    EVP_PKEY *rsa = EVP_RSA_gen(1024), *p384 = EVP_EC_gen("P-384"), *p256 = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_EC_gen("P-256");

    request_is_refused(*data, SLICE(""), none);
    request_is_refused(*data, SLICE("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n"), none);
    request_is_refused(*data, buf_slice(&node.certificate), none);
    request_of(rsa, rsa, &request);
    request_is_refused(*data, buf_slice(&request), kind);
    request_of(p384, p384, &request);
    request_is_refused(*data, buf_slice(&request), kind);
    request_is_refused(*data, slice_of(by_numbers), kind);
    request_of(p256, other, &request);
    request_is_refused(*data, buf_slice(&request), "request: is not signed by its own key");

    request_of(p256, p256, &request);
    buf_init(&long_one, 1 << 20);
    buf_printf(&long_one, "%0*d\n%s", LIMIT_CERTIFICATE_BYTES, 0, buf_str(&request));
    request_is_refused(*data, buf_slice(&long_one), none);
    buf_close(&long_one);
    buf_close(&request);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(other);
    dismiss(&node);
}

/* ---- OpenSSL's own verification */

static int openssl_says(const struct ca *ca, struct slice pem, int purpose, struct wall now)
{
    X509 *root = x509_of_ca(ca), *x = x509_of(pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, root);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, x, NULL), 1);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)(now.ms / 1000));
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_purpose(param, purpose);
    X509_VERIFY_PARAM_set_auth_level(param, 2); /* 112 bits */
    int verdict = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(x);
    X509_free(root);
    ERR_clear_error();
    return verdict;
}

static void openssl_accepts_what_we_sign(void **data)
{
    struct node_identity node;
    admit(*data, NOW, &node);
    struct slice pem = buf_slice(&node.certificate);
    assert_int_equal(openssl_says(*data, pem, X509_PURPOSE_SSL_SERVER, NOW), X509_V_OK);
    assert_int_equal(openssl_says(*data, pem, X509_PURPOSE_SSL_CLIENT, NOW), X509_V_OK);
    X509 *x = x509_of(pem);
    assert_int_equal(X509_check_ip_asc(x, "10.0.0.2", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "fd00::2", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "10.0.0.3", 0), 0);
    assert_int_equal(X509_check_host(x, "deck-2", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "deck-3", 0, 0, NULL), 0);
    assert_int_equal(X509_get_version(x), X509_VERSION_3);
    assert_int_equal(X509_get_extension_flags(x) & EXFLAG_CA, 0);
    assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    X509_free(x);
    dismiss(&node);
}

static void openssl_refuses_what_is_over_or_anothers_or_not_for_that(void **data)
{
    struct node_identity node;
    struct ca *other = authority(CLUSTER); /* of the same name, even */
    admit(*data, NOW, &node);
    struct slice pem = buf_slice(&node.certificate);
    const struct wall before = {NOW.ms - 2 * DAY}, early = {NOW.ms - CERTIFICATE_EARLIER_MS - 1000};
    const struct wall last = {NOW.ms + LIMIT_CERTIFICATE_MS - 1000}, over = {last.ms + 2000};
    assert_int_equal(openssl_says(*data, pem, X509_PURPOSE_SSL_CLIENT, last), X509_V_OK);
    assert_int_equal(openssl_says(*data, pem, X509_PURPOSE_SSL_CLIENT, over),
                     X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_equal(openssl_says(*data, pem, X509_PURPOSE_SSL_CLIENT, early),
                     X509_V_ERR_CERT_NOT_YET_VALID);
    assert_int_equal(openssl_says(*data, pem, X509_PURPOSE_SSL_CLIENT, before),
                     X509_V_ERR_CERT_NOT_YET_VALID);
    assert_int_not_equal(openssl_says(other, pem, X509_PURPOSE_SSL_CLIENT, NOW), X509_V_OK);
    assert_int_equal(openssl_says(*data, pem, X509_PURPOSE_SMIME_SIGN, NOW),
                     X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(openssl_says(*data, pem, X509_PURPOSE_CRL_SIGN, NOW),
                     X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(openssl_says(*data, pem, X509_PURPOSE_TIMESTAMP_SIGN, NOW),
                     X509_V_ERR_INVALID_PURPOSE);
    ca_free(other);
    dismiss(&node);
}

/* A node that makes itself an authority signs for nobody. */
static void a_node_is_no_authority(void **data)
{
    struct node_identity node, child;
    struct error err;
    struct certificate c;
    struct buf pem;
    char *text;
    admit(*data, NOW, &node);
    admit(*data, NOW, &child);
    X509 *x = x509_of(buf_slice(&child.certificate)),
         *parent = x509_of(buf_slice(&node.certificate));
    EVP_PKEY *key = evp_of_key(node.key);
    X509_set_issuer_name(x, X509_get_subject_name(parent));
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    long len = BIO_get_mem_data(bio, &text);
    buf_init(&pem, 65536);
    buf_put(&pem, text, (size_t)len);
    buf_put_slice(&pem, buf_slice(&node.certificate));
    assert_int_equal(ca_check(*data, buf_slice(&pem), CERTIFICATE_OF_CLIENT, NOW, &c, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    BIO_free(bio);
    buf_close(&pem);
    X509_free(x);
    X509_free(parent);
    EVP_PKEY_free(key);
    dismiss(&node);
    dismiss(&child);
}

/* ---- our own words for it */

static void is_refused(const struct ca *ca, struct slice pem, struct wall now, const char *text)
{
    struct certificate c = {.id = 7};
    struct error err;
    assert_int_equal(ca_check(ca, pem, CERTIFICATE_OF_CLIENT, now, &c, &err), -1);
    assert_string_equal(err.text, text);
    assert_int_equal(c.id, 7);
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_bad_certificate_is_refused_with_a_cure(void **data)
{
    struct node_identity node, stranger, impostor;
    struct ca *other = authority(OTHER_CLUSTER), *same = authority(CLUSTER);
    admit(*data, NOW, &node);
    admit(other, NOW, &stranger);
    admit(same, NOW, &impostor);
    struct slice pem = buf_slice(&node.certificate);
    is_refused(*data, pem, (struct wall){NOW.ms + 30 * DAY},
               "certificate: was good until 2026-01-08T00:00:00.000Z, it is "
               "2026-01-31T00:00:00.000Z now: join the node again with a token, or set the clock");
    is_refused(*data, pem, (struct wall){NOW.ms - DAY / 2},
               "certificate: is good from 2025-12-31T23:00:00.000Z on, it is "
               "2025-12-31T12:00:00.000Z now: set the clock");
    is_refused(*data, buf_slice(&stranger.certificate), NOW,
               "certificate: is of cluster " OTHER_CLUSTER ", this is " CLUSTER
               ": join the node here with a token, or check the address");
    is_refused(*data, buf_slice(&impostor.certificate), NOW,
               "certificate: was not signed by this cluster's CA: join the node with a token");
    is_refused(*data, SLICE("-----BEGIN CERTIFICATE-----\n"), NOW, "certificate: need one as PEM");
    is_refused(*data, SLICE(""), NOW, "certificate: need one as PEM");
    ca_free(other);
    ca_free(same);
    dismiss(&node);
    dismiss(&stranger);
    dismiss(&impostor);
}

/* The node's certificate, changed and signed again by the CA's own key: what only our own bug, or
 * another program with that key, could make. */
static void signed_again(const struct ca *ca, const struct node_identity *node,
                         void (*change)(X509 *x), struct buf *out)
{
    char *text;
    X509 *x = x509_of(buf_slice(&node->certificate));
    EVP_PKEY *key = evp_of_ca(ca);
    BIO *bio = BIO_new(BIO_s_mem());
    change(x);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    PEM_write_bio_X509(bio, x);
    long len = BIO_get_mem_data(bio, &text);
    buf_init(out, 65536);
    buf_put(out, text, (size_t)len);
    BIO_free(bio);
    EVP_PKEY_free(key);
    X509_free(x);
}

static void for_servers_only(X509 *x)
{
    X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, NID_ext_key_usage, -1)));
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "serverAuth");
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static void replace_entry(X509 *x, int nid, const char *text)
{
    X509_NAME *name = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, at));
    if (text != NULL)
        X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text, -1, -1,
                                   0);
}

static void of_no_id(X509 *x)
{
    replace_entry(x, NID_commonName, NULL);
}
static void of_a_name_as_id(X509 *x)
{
    replace_entry(x, NID_commonName, "deck-2");
}
static void of_a_negative_id(X509 *x)
{
    replace_entry(x, NID_commonName, "-42");
}
static void of_a_huge_id(X509 *x)
{
    replace_entry(x, NID_commonName, "9223372036854775808");
}
static void of_no_store(X509 *x)
{
    replace_entry(x, NID_serialNumber, "0");
}
static void of_no_mode(X509 *x)
{
    replace_entry(x, NID_organizationalUnitName, "boss");
}
static void of_no_cluster(X509 *x)
{
    replace_entry(x, NID_organizationName, "Acme");
}
static void of_two_ids(X509 *x)
{
    X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_ASC,
                               (const unsigned char *)"1", -1, -1, 0);
}
static void at_no_host(X509 *x)
{
    X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, NID_subject_alt_name, -1)));
}
static void of_serial_0(X509 *x)
{
    ASN1_INTEGER_set(X509_get_serialNumber(x), 0);
}
static void of_another_cluster(X509 *x)
{
    replace_entry(x, NID_organizationName, OTHER_CLUSTER);
}

static void what_is_not_of_our_form_is_refused_though_it_is_signed(void **data)
{
    static const char odd[] =
        "certificate: is not one of a mesolith node: join the node with a token";
    static void (*const changes[])(X509 * x) = {
        of_no_id,   of_a_name_as_id, of_a_negative_id, of_a_huge_id, of_no_store,
        of_no_mode, of_no_cluster,   of_two_ids,       at_no_host,   of_serial_0,
    };
    struct node_identity node;
    struct buf pem;
    struct certificate c;
    struct error err;
    admit(*data, NOW, &node);
    for (size_t i = 0; i < COUNT(changes); i++) {
        signed_again(*data, &node, changes[i], &pem);
        if (ca_check(*data, buf_slice(&pem), CERTIFICATE_OF_CLIENT, NOW, &c, &err) == 0)
            fail_msg("change %zu was taken", i);
        assert_string_equal(err.text, odd);
        buf_close(&pem);
    }
    signed_again(*data, &node, of_another_cluster, &pem);
    is_refused(*data, buf_slice(&pem), NOW,
               "certificate: is of cluster " OTHER_CLUSTER ", this is " CLUSTER
               ": join the node here with a token, or check the address");
    buf_close(&pem);
    signed_again(*data, &node, for_servers_only, &pem);
    is_refused(*data, buf_slice(&pem), NOW, "certificate: is not for a TLS client");
    assert_int_equal(ca_check(*data, buf_slice(&pem), CERTIFICATE_OF_SERVER, NOW, &c, &err), 0);
    buf_close(&pem);
    dismiss(&node);
}

static void no_changed_byte_is_taken(void **data)
{
    struct node_identity node;
    struct certificate c;
    struct error err;
    admit(*data, NOW, &node);
    size_t begin = strlen("-----BEGIN CERTIFICATE-----\n");
    size_t end = node.certificate.len - strlen("-----END CERTIFICATE-----\n") - 1;
    while (node.certificate.data[end - 1] == '=')
        end--;
    for (size_t i = begin; i + 1 < end; i += 3) {
        char kept = node.certificate.data[i];
        if (kept == '\n')
            continue;
        node.certificate.data[i] = kept == 'A' ? 'B' : 'A';
        if (ca_check(*data, buf_slice(&node.certificate), CERTIFICATE_OF_CLIENT, NOW, &c, &err) ==
            0)
            fail_msg("byte %zu", i);
        assert_true(err.code == ERR_INVALID || err.code == ERR_CORRUPT);
        node.certificate.data[i] = kept;
    }
    assert_int_equal(
        ca_check(*data, buf_slice(&node.certificate), CERTIFICATE_OF_CLIENT, NOW, &c, &err), 0);
    dismiss(&node);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ca_reads_back),
        TEST(a_fingerprint_is_of_the_public_key),
        TEST(a_ca_with_anothers_key_or_none_at_all_is_refused),
        TEST(a_ca_that_did_not_sign_itself_is_refused),
        TEST(an_encrypted_key_is_refused_without_asking),
        TEST(a_certificate_says_who_it_is_for),
        TEST(a_short_one_is_not_half_over_at_once),
        TEST(none_outlives_its_ca),
        TEST(a_request_that_is_none_is_not_signed),
        TEST(openssl_accepts_what_we_sign),
        TEST(openssl_refuses_what_is_over_or_anothers_or_not_for_that),
        TEST(a_node_is_no_authority),
        TEST(a_bad_certificate_is_refused_with_a_cure),
        TEST(what_is_not_of_our_form_is_refused_though_it_is_signed),
        TEST(no_changed_byte_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
