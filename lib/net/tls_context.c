/* What one side shows and trusts, and what there is to say about the other's. */
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/tls_private.h"

static const unsigned char protocol[] = {8, 'm', 'e', 's', 'o', 'l', 'i', 't', 'h'};

#define CERTIFICATES_MAX 16 /* in one PEM text */
#define HANDSHAKE_CERTIFICATE_BYTES 16384

/* ---- reading PEM */
const char *tls_ssl_words(void)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());
    return words != NULL ? words : "no reason given";
}

BIO *tls_bio_of(struct slice text)
{
    ASSERT(text.len <= INT_MAX);
    BIO *bio = BIO_new_mem_buf(text.p != NULL ? text.p : "", (int)text.len);
    ASSERT(bio != NULL);
    return bio;
}

/* No terminal is asked for a pass phrase. */
static int no_pass_phrase(char *buf, int size, int writing, void *data)
{
    (void)buf, (void)size, (void)writing, (void)data;
    return -1;
}

static void free_certificates(STACK_OF(X509) * list)
{
    sk_X509_pop_free(list, X509_free);
}

int tls_read_certificates(const char *field, struct slice pem, STACK_OF(X509) * *list_out,
                          struct error *err)
{
    BIO *bio = tls_bio_of(pem);
    STACK_OF(X509) *list = sk_X509_new_null();
    X509 *certificate;
    ERR_clear_error();
    while (sk_X509_num(list) <= CERTIFICATES_MAX &&
           (certificate = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL)) != NULL)
        sk_X509_push(list, certificate);
    BIO_free(bio);
    int n = sk_X509_num(list);
    if (n > CERTIFICATES_MAX)
        error_set(err, ERR_INVALID, "%s: got more than %d certificates", field, CERTIFICATES_MAX);
    else if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        error_set(err, ERR_INVALID, "%s: certificate %d cannot be read: %s", field, n + 1,
                  tls_ssl_words());
    else if (n == 0)
        error_set(err, ERR_INVALID, "%s: got no certificate, need PEM", field);
    else {
        *list_out = list;
        return 0;
    }
    free_certificates(list);
    return -1;
}

static int read_key(struct slice pem, EVP_PKEY **key_out, struct error *err)
{
    BIO *bio = tls_bio_of(pem);
    ERR_clear_error();
    *key_out = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
    BIO_free(bio);
    if (*key_out == NULL)
        return error_set(err, ERR_INVALID,
                         "key: got no private key, need PEM without a pass "
                         "phrase");
    return 0;
}

/* Of its SubjectPublicKeyInfo. */
static void hash_key(X509 *certificate, uint8_t hash_out[SHA256_SIZE])
{
    unsigned char *key = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
    ASSERT(len > 0); /* it was parsed */
    sha256_of(key, (size_t)len, hash_out);
    OPENSSL_free(key);
}

int tls_fingerprint(struct slice pem, uint8_t hash_out[SHA256_SIZE], struct error *err)
{
    STACK_OF(X509) * list;
    if (tls_read_certificates("certificate", pem, &list, err) != 0)
        return -1;
    hash_key(sk_X509_value(list, 0), hash_out);
    free_certificates(list);
    return 0;
}

/* ---- making */
static int use_ca(struct tls *t, struct slice pem, struct error *err)
{
    STACK_OF(X509) * list;
    if (tls_read_certificates("ca", pem, &list, err) != 0)
        return -1;
    for (int i = 0; i < sk_X509_num(list); i++)
        X509_STORE_add_cert(SSL_CTX_get_cert_store(t->ctx), sk_X509_value(list, i));
    free_certificates(list);
    return 0;
}

/* From the leaf to its CA, as it is shown: so that who knows the CA's hash only can find it. */
static int chain_of(struct tls *t, STACK_OF(X509) * list, STACK_OF(X509) * *chain_out,
                    struct error *err)
{
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    ASSERT(store != NULL);
    int ok =
        X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(t->ctx), sk_X509_value(list, 0), list);
    ASSERT(ok);
    X509_STORE_CTX_set_flags(store, X509_V_FLAG_NO_CHECK_TIME);
    ok = X509_verify_cert(store) == 1;
    if (ok)
        *chain_out = X509_STORE_CTX_get1_chain(store);
    else
        error_set(err, ERR_INVALID, "certificate: it is none of this CA's: %s",
                  X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    X509_STORE_CTX_free(store);
    return ok ? 0 : -1;
}

static int use_certificate(struct tls *t, const struct tls_config *config, struct error *err)
{
    STACK_OF(X509) *list = NULL, *chain = NULL;
    EVP_PKEY *key = NULL;
    int result = -1;
    if (tls_read_certificates("certificate", config->certificate, &list, err) != 0 ||
        read_key(config->key, &key, err) != 0 || chain_of(t, list, &chain, err) != 0)
        goto out;
    X509 *leaf = sk_X509_shift(chain);
    ERR_clear_error();
    if (X509_check_private_key(leaf, key) != 1)
        error_set(err, ERR_INVALID, "key: it does not belong to the certificate");
    else if (SSL_CTX_use_cert_and_key(t->ctx, leaf, key, chain, 1) != 1)
        error_set(err, ERR_INVALID, "certificate: it cannot be used: %s", tls_ssl_words());
    else
        result = 0;
    X509_free(leaf);
    t->has_certificate = result == 0;
out:
    free_certificates(list);
    free_certificates(chain);
    EVP_PKEY_free(key);
    return result;
}

/* A client that asks for our protocol by name and for no other. */
static int on_protocols(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                        const unsigned char *asked, unsigned asked_len, void *unused)
{
    (void)ssl, (void)unused;
    if (SSL_select_next_proto((unsigned char **)chosen, chosen_len, protocol, sizeof(protocol),
                              asked, asked_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static X509 *find_pinned(STACK_OF(X509) * shown, const uint8_t pin[SHA256_SIZE])
{
    uint8_t hash[SHA256_SIZE];
    for (int i = 1; i < sk_X509_num(shown); i++) {
        hash_key(sk_X509_value(shown, i), hash);
        if (memcmp(hash, pin, SHA256_SIZE) == 0)
            return sk_X509_value(shown, i);
    }
    return NULL;
}

/* In the place of a CA that we have: the one of that key among those that were shown. What it says
 * of itself anybody may have written; what it is to have signed is verified. */
static int verify_pinned(X509_STORE_CTX *store, void *data)
{
    const struct tls *t = data;
    X509 *ca = find_pinned(X509_STORE_CTX_get0_untrusted(store), t->pin);
    if (ca == NULL) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
        return tls_on_verify(0, store);
    }
    STACK_OF(X509) *trusted = sk_X509_new_null();
    sk_X509_push(trusted, ca);
    X509_STORE_CTX_set0_trusted_stack(store, trusted);
    int ok = X509_verify_cert(store);
    X509_STORE_CTX_set0_trusted_stack(store, NULL);
    sk_X509_free(trusted);
    return ok;
}

static SSL_CTX *new_ctx(int oldest_version)
{
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    ASSERT(ctx != NULL);
    int ok = SSL_CTX_set_min_proto_version(ctx, oldest_version) &&
             SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
    ASSERT(ok);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_max_cert_list(ctx, HANDSHAKE_CERTIFICATE_BYTES);
    return ctx;
}

static struct tls *new_tls(int oldest_version)
{
    struct tls *t = NEW(struct tls);
    atomic_init(&t->holders, 1);
    t->ctx = new_ctx(oldest_version);
    t->bio = secure_bio();
    return t;
}

static void speak_our_protocol(SSL_CTX *ctx)
{
    int rc = SSL_CTX_set_alpn_protos(ctx, protocol, sizeof(protocol));
    ASSERT(rc == 0);
    SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_num_tickets(ctx, 0);
}

struct tls *tls_new(const struct tls_config *config, struct error *err)
{
    ASSERT(config->ca_hash == NULL || (config->ca.len == 0 && config->certificate.len == 0));
    struct tls *t = new_tls(TLS1_3_VERSION);
    speak_our_protocol(t->ctx);
    if (config->ca_hash != NULL) {
        t->pinned = true;
        memcpy(t->pin, config->ca_hash, SHA256_SIZE);
        SSL_CTX_set_cert_verify_callback(t->ctx, verify_pinned, t);
    } else if (use_ca(t, config->ca, err) != 0 ||
               (config->certificate.len > 0 && use_certificate(t, config, err) != 0)) {
        tls_unref(t);
        return NULL;
    }
    return t;
}

struct tls *tls_new_foreign(void)
{
    struct tls *t = new_tls(TLS1_2_VERSION);
    t->foreign = true;
    return t;
}

struct tls *tls_new_for_anybody(void)
{
    struct tls *t = tls_new_foreign();
    SSL_CTX_set_security_level(t->ctx, 0); /* who is not verified need not be hard to imitate */
    return t;
}

/* Where the systems have the CAs that their owner trusts, the owner's own word first. */
const char *tls_ca_file(void)
{
    static const char *const usual[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian */
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    };
    const char *named = getenv("SSL_CERT_FILE");
    if (named != NULL && named[0] != '\0')
        return named;
    for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
        if (access(usual[i], R_OK) == 0)
            return usual[i];
    return NULL;
}

struct tls *tls_new_for_others(const char *ca_file, struct error *err)
{
    struct tls *t = tls_new_foreign();
    t->verifies = true;
    if (X509_STORE_load_file(SSL_CTX_get_cert_store(t->ctx), ca_file) != 1) {
        tls_unref(t);
        t = NULL;
        error_set(err, ERR_NOT_FOUND, "%s: no CA's certificate can be read from it", ca_file);
    }
    OPENSSL_thread_stop(); /* what SSL keeps of a thread would stay as long as the pool's do */
    return t;
}

struct tls *tls_ref(struct tls *t)
{
    unsigned before = atomic_fetch_add_explicit(&t->holders, 1, memory_order_relaxed);
    ASSERT(before > 0);
    return t;
}

void tls_unref(struct tls *t)
{
    if (t == NULL || atomic_fetch_sub_explicit(&t->holders, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->bio);
    mem_free(t);
}

/* ---- who somebody is */
static struct wall wall_of(const ASN1_TIME *time)
{
    struct tm tm = {0};
    ASN1_TIME_to_tm(time, &tm);
    int64_t days = days_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    int64_t s = ((days * 24 + tm.tm_hour) * 60 + tm.tm_min) * 60 + tm.tm_sec;
    return (struct wall){s * 1000};
}

/* All values of that kind, joined by commas. */
static int read_subject(X509 *certificate, int nid, char text[TLS_NAME_SIZE])
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    struct buf all;
    int at = -1, result = 0;
    buf_init(&all, TLS_NAME_SIZE - 1);
    while (result == 0 && (at = X509_NAME_get_index_by_NID(subject, nid, at)) >= 0) {
        unsigned char *value = NULL;
        int len =
            ASN1_STRING_to_UTF8(&value, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        if (len < 0 || memchr(value, '\0', (size_t)len) != NULL)
            result = -1;
        else {
            if (all.len > 0)
                buf_putc(&all, ',');
            buf_put(&all, value, (size_t)len);
        }
        OPENSSL_free(value);
    }
    if (buf_full(&all))
        result = -1;
    str_copy(text, TLS_NAME_SIZE, result == 0 ? buf_str(&all) : "");
    buf_close(&all);
    return result;
}

int tls_peer_from(X509 *certificate, struct tls_peer *peer_out, struct error *err)
{
    struct tls_peer peer = {.expires = wall_of(X509_get0_notAfter(certificate))};
    if (read_subject(certificate, NID_commonName, peer.name) != 0 ||
        read_subject(certificate, NID_organizationalUnitName, peer.units) != 0 ||
        read_subject(certificate, NID_serialNumber, peer.serial) != 0)
        return error_set(err, ERR_INVALID,
                         "its certificate names it with a NUL or with more than %d bytes",
                         TLS_NAME_SIZE - 1);
    hash_key(certificate, peer.key_hash);
    *peer_out = peer;
    return 0;
}

/* ---- what is wrong with somebody */
static void name_of(X509 *certificate, char quoted[80])
{
    char name[TLS_NAME_SIZE] = "";
    if (certificate != NULL && read_subject(certificate, NID_commonName, name) != 0)
        str_copy(name, sizeof(name), "?");
    str_quote(quoted, 80, name, strlen(name));
}

static void say_time(X509_STORE_CTX *store, const char *what, const ASN1_TIME *limit,
                     struct error *err)
{
    char name[80], when[TIME_TEXT_SIZE], now[TIME_TEXT_SIZE];
    struct wall ours = {X509_VERIFY_PARAM_get_time(X509_STORE_CTX_get0_param(store)) * 1000};
    name_of(X509_STORE_CTX_get_current_cert(store), name);
    error_set(err, ERR_INVALID, "the certificate of %s %s %s, and our clock says %s", name, what,
              wall_text(wall_of(limit), when), wall_text(ours, now));
}

static void say_other_ca(const struct secure *s, X509_STORE_CTX *store, struct error *err)
{
    STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(store);
    X509 *last = sk_X509_value(shown, sk_X509_num(shown) - 1);
    char name[80], ours[2 * SHA256_SIZE + 1], its[2 * SHA256_SIZE + 1] = "none";
    uint8_t hash[SHA256_SIZE];
    name_of(X509_STORE_CTX_get0_cert(store), name);
    if (s->tls->foreign) {
        error_set(err, ERR_INVALID,
                  "the certificate of %s is signed by no CA that this machine trusts", name);
        return;
    }
    if (!s->tls->pinned) {
        error_set(err, ERR_INVALID, "the certificate of %s is of another cluster: not our CA's",
                  name);
        return;
    }
    hex_encode(ours, s->tls->pin, SHA256_SIZE);
    if (last != NULL) {
        hash_key(last, hash);
        hex_encode(its, hash, SHA256_SIZE);
    }
    error_set(err, ERR_INVALID,
              "its CA has the hash %.16s…, the token is for %.16s…: another "
              "cluster's token, or another cluster's node",
              its, ours);
}

int tls_on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct secure *s = SSL_get_app_data(ssl);
    X509 *current = X509_STORE_CTX_get_current_cert(store);
    char name[80];
    if (ok)
        return 1;
    int why = X509_STORE_CTX_get_error(store);
    switch (why) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
        say_time(store, "is valid from", X509_get0_notBefore(current), &s->failure);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        say_time(store, "was valid until", X509_get0_notAfter(current), &s->failure);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        say_other_ca(s, store, &s->failure);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        name_of(current, name);
        error_set(&s->failure, ERR_INVALID, "its certificate, of %s, is for another host", name);
        break;
    default:
        name_of(current, name);
        error_set(&s->failure, ERR_INVALID, "the certificate of %s cannot be trusted: %s", name,
                  X509_verify_cert_error_string(why));
    }
    return 0;
}

static bool is_http(struct slice first, bool from_client)
{
    static const char *const methods[] = {"GET ",    "HEAD ",  "POST ",   "PUT ",
                                          "DELETE ", "PATCH ", "OPTIONS "};
    if (!from_client)
        return first.len >= 5 && memcmp(first.p, "HTTP/", 5) == 0;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (first.len >= strlen(methods[i]) && memcmp(first.p, methods[i], strlen(methods[i])) == 0)
            return true;
    return false;
}

enum tongue tls_tongue_of(struct slice first, bool from_client, struct error *err)
{
    const uint8_t *p = (const uint8_t *)first.p;
    char quoted[48];
    size_t len = 0;
    bool opens = p[0] == SSL3_RT_HANDSHAKE || (!from_client && p[0] == SSL3_RT_ALERT);
    if (opens && (first.len < 2 || p[1] == SSL3_VERSION_MAJOR))
        return TONGUE_TLS;
    while (len < first.len && len < 24 && p[len] != '\r' && p[len] != '\n')
        len++;
    str_quote(quoted, sizeof(quoted), first.p, len > 0 ? len : 1);
    if (!is_http(first, from_client)) {
        error_set(err, ERR_SYNTAX, "got %s, which is no TLS", quoted);
        return TONGUE_OTHER;
    }
    error_set(err, ERR_SYNTAX, "plain HTTP came (%s), and %s", quoted,
              from_client ? "this port is for nodes, with TLS" : "TLS was asked for");
    return TONGUE_HTTP;
}

/* ---- what SSL says, in our words */
static const struct {
    int alert;
    const char *words;
} alerts[] = {
    {SSL_AD_UNKNOWN_CA, "it says that our certificate is of another cluster"},
    {SSL_AD_DECRYPT_ERROR, "it says that our certificate is of another cluster"},
    {SSL_AD_CERTIFICATE_EXPIRED, "it says that our certificate has expired: compare the clocks"},
    {SSL_AD_BAD_CERTIFICATE,
     "it says that our certificate is not valid, or not yet: compare the clocks"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, "it says that our certificate is for another use"},
    {SSL_AD_CERTIFICATE_REVOKED, "it says that our certificate was revoked"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "it does not take our certificate"},
    {TLS13_AD_CERTIFICATE_REQUIRED, "it wants a certificate, which a node gets by joining"},
    {SSL_AD_ACCESS_DENIED, "it says that we may not"},
    {SSL_AD_PROTOCOL_VERSION, "it speaks no TLS 1.3"},
    {SSL_AD_NO_APPLICATION_PROTOCOL, "it speaks TLS, but is no mesolith"},
};

static const struct {
    int reason;
    const char *words;
} reasons[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
     "it showed no certificate, which a node gets by joining"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "it speaks no TLS 1.3"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "it speaks TLS, but is no mesolith"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, "it sent more than a handshake takes"},
};

static const char *words_of_alert(int alert)
{
    for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
        if (alerts[i].alert == alert)
            return alerts[i].words;
    return NULL;
}

static const char *words_of_reason(int reason)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].reason == reason)
            return reasons[i].words;
    return NULL;
}

void tls_words_of_failure(const struct tls *t, struct error *err)
{
    int reason = ERR_GET_REASON(ERR_peek_error());
    const char *words = reason > SSL_AD_REASON_OFFSET
                            ? words_of_alert(reason - SSL_AD_REASON_OFFSET)
                            : words_of_reason(reason);
    if (err->code != ERR_NONE)
        return;
    if (words != NULL && !t->foreign) /* they are about nodes */
        error_set(err, ERR_INVALID, "%s", words);
    else
        error_set(err, ERR_SYNTAX, "it broke the rules of TLS: %s", tls_ssl_words());
}
