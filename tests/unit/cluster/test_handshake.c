/* What the certificates are for: mutual TLS 1.3, by OpenSSL's own rules, in memory. */
#include "authority.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

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

/* node NULL: without a certificate */
static SSL *side(const struct ca *ca, const struct node_identity *node, bool server,
                 struct wall now)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    X509 *root = x509_of_ca(ca);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root);
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(ctx), (time_t)(now.ms / 1000));
    if (node != NULL) {
        X509 *x = x509_of(buf_slice(&node->certificate));
        EVP_PKEY *key = evp_of_key(node->key);
        assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
        X509_free(x);
        EVP_PKEY_free(key);
    }
    SSL *s = SSL_new(ctx);
    if (server)
        SSL_set_accept_state(s);
    else
        SSL_set_connect_state(s);
    X509_free(root);
    SSL_CTX_free(ctx);
    return s;
}

/* Frees both. */
static bool shake(SSL *client, SSL *server)
{
    BIO *one, *two;
    assert_int_equal(BIO_new_bio_pair(&one, 65536, &two, 65536), 1);
    SSL_set_bio(client, one, one);
    SSL_set_bio(server, two, two);
    int at_client = 0, at_server = 0;
    char byte = 'x';
    for (int i = 0; i < 20; i++) {
        at_client = SSL_do_handshake(client);
        at_server = SSL_do_handshake(server);
    }
    /* a client is done before the server has looked at its certificate: something must arrive */
    bool fine = at_client == 1 && at_server == 1 && SSL_write(server, &byte, 1) == 1 &&
                SSL_read(client, &byte, 1) == 1 && SSL_version(client) == TLS1_3_VERSION;
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    return fine;
}

static void two_nodes_of_a_cluster_talk(void **data)
{
    struct node_identity one, two;
    admit(*data, NOW, &one);
    admit(*data, NOW, &two);
    assert_true(shake(side(*data, &one, false, NOW), side(*data, &two, true, NOW)));
    dismiss(&one);
    dismiss(&two);
}

static void a_node_of_another_cluster_does_not_get_in(void **data)
{
    struct node_identity one, stranger;
    struct ca *other = authority(OTHER_CLUSTER);
    admit(*data, NOW, &one);
    admit(other, NOW, &stranger);
    assert_false(shake(side(*data, &stranger, false, NOW), side(*data, &one, true, NOW)));
    assert_false(shake(side(*data, &one, false, NOW), side(*data, &stranger, true, NOW)));
    ca_free(other);
    dismiss(&one);
    dismiss(&stranger);
}

static void who_has_no_certificate_or_an_old_one_does_not_get_in(void **data)
{
    struct node_identity one, old;
    admit(*data, NOW, &one);
    admit(*data, (struct wall){NOW.ms - 30 * DAY}, &old);
    assert_false(shake(side(*data, NULL, false, NOW), side(*data, &one, true, NOW)));
    assert_false(shake(side(*data, &old, false, NOW), side(*data, &one, true, NOW)));
    assert_false(shake(side(*data, &one, false, NOW), side(*data, &old, true, NOW)));
    dismiss(&one);
    dismiss(&old);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_nodes_of_a_cluster_talk),
        TEST(a_node_of_another_cluster_does_not_get_in),
        TEST(who_has_no_certificate_or_an_old_one_does_not_get_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
