/* tests/unit/net/test_tls_keystore.c - what an owner of a machine may give as a certificate, and a
 * client who comes by it */
#include "tls_unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pkcs12.h>

#include "support/tmp.h"

static char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE];

static void write_bytes(struct slice bytes)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.len, f), bytes.len);
    fclose(f);
}

static void write_text(const char *a, const char *b, const char *c)
{
    struct buf all;
    buf_init(&all, 65536);
    buf_printf(&all, "%s%s%s", a, b, c);
    write_bytes(buf_slice(&all));
    buf_close(&all);
}

static EVP_PKEY *key_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

static void write_locked(const struct identity *id, const char *password)
{
    EVP_PKEY *key = key_of(id->key);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), password,
                                              (int)strlen(password), NULL, NULL));
    char *locked = ca_text_of(bio);
    write_text(locked, id->certificate, "");
    mem_free(locked);
    EVP_PKEY_free(key);
}

static void write_pkcs12(const struct identity *id, const char *password, bool with_key)
{
    BIO *bio = BIO_new_mem_buf(id->certificate, -1), *out = BIO_new(BIO_s_mem());
    X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    EVP_PKEY *key = with_key ? key_of(id->key) : NULL;
    STACK_OF(X509) *cas = sk_X509_new_null();
    char *bytes;
    sk_X509_push(cas, site.ca.certificate);
    PKCS12 *store = PKCS12_create(password, "web", key, leaf, cas, 0, 0, 0, 0, 0);
    assert_non_null(store);
    assert_true(i2d_PKCS12_bio(out, store));
    long len = BIO_get_mem_data(out, &bytes);
    write_bytes((struct slice){bytes, (size_t)len});
    PKCS12_free(store);
    sk_X509_free(cas);
    EVP_PKEY_free(key);
    X509_free(leaf);
    BIO_free(bio);
    BIO_free(out);
}

static int begin_files(void **unused)
{
    begin(unused);
    tmp_make(folder);
    tmp_file(path, folder, "keystore");
    return 0;
}

static int end_files(void **unused)
{
    tmp_remove(folder);
    return end(unused);
}

/* A client who shows nothing is let in, and hears what is said. */
static void assert_serves(const char *password)
{
    struct error err;
    struct call c;
    struct peer p;
    struct tls *server = tls_new_for_clients(path, password, &err);
    if (server == NULL)
        fail_msg("%s", err.text);
    struct tls *client = tls_new_for_anybody();
    site_listen(server, &strangers_too);
    call_begin(&c, site.listener.port, client);
    UNTIL(&site.world, c.done && site.strangers == 1);
    assert_non_null(c.stream);
    peer_take(&p, c.stream);
    peer_say(&site.peers[0], "hello");
    UNTIL(&site.world, peer_has(&p, "hello"));
    peer_end(&p);
    peer_end(&site.peers[0]);
    site_stop();
    tls_unref(server);
    tls_unref(client);
}

static void pem_in_any_order(void **unused)
{
    (void)unused;
    write_text(site.listens.certificate, site.ca.pem, site.listens.key);
    assert_serves("");
}

static void pem_with_its_key_first(void **unused)
{
    (void)unused;
    write_text(site.listens.key, site.listens.certificate, "");
    assert_serves("no matter");
}

static void pem_with_a_locked_key(void **unused)
{
    (void)unused;
    write_locked(&site.listens, "sesame");
    assert_serves("sesame");
}

static void pkcs12_with_its_cas(void **unused)
{
    (void)unused;
    write_pkcs12(&site.listens, "sesame", true);
    assert_serves("sesame");
}

static void pkcs12_that_is_open(void **unused)
{
    (void)unused;
    write_pkcs12(&site.listens, "", true);
    assert_serves("");
}

static void assert_refused(const char *password, const char *words)
{
    struct error err;
    char want[TMP_PATH_SIZE + 200];
    snprintf(want, sizeof(want), "%s: %s", path, words);
    assert_null(tls_new_for_clients(path, password, &err));
    if (strncmp(err.text, want, strlen(want)) != 0)
        fail_msg("got %s, need %s", err.text, want);
}

static void what_is_wrong_is_said(void **unused)
{
    (void)unused;
    assert_refused("", "cannot be read: No such file or directory");
    write_text("", "", "");
    assert_refused("", "got no private key, need it beside the certificate, in PEM or PKCS#12");
    write_text("hello", "", "");
    assert_refused("", "got no private key");
    write_text(site.listens.certificate, "", "");
    assert_refused("", "got no private key");
    write_text(site.listens.key, "", "");
    assert_refused("", "got no certificate, need PEM");
    write_text(site.listens.certificate, site.dials.key, "");
    assert_refused("", "its certificate and key cannot be used together");
    write_locked(&site.listens, "sesame");
    assert_refused("", "its key is locked, and the password is missing");
    assert_refused("open", "its key is locked, and the password is another one");
    write_pkcs12(&site.listens, "sesame", true);
    assert_refused("open", "its password is another one");
    write_pkcs12(&site.listens, "sesame", false);
    assert_refused("sesame", "got no private key, need a certificate with its key");
    write_bytes(SLICE("\x30\x03hey"));
    assert_refused("", "got neither PEM nor PKCS#12");
    write_bytes(SLICE("\xfe\xed\xfe\xed\x00\x00\x00\x02"));
    assert_refused("", "got a JKS, need PEM or PKCS#12: keytool -importkeystore");
}

static void what_has_no_end_is_not_read(void **unused)
{
    (void)unused;
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_refused("", "got no regular file, need PEM or PKCS#12");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* which nobody writes to */
    assert_refused("", "got no regular file");
    unlink(path);
    write_text("", "", "");
    assert_int_equal(truncate(path, 100 << 20), 0);
    assert_refused("", "got more than 1048576 bytes");
}

static void who_speaks_plain_http_is_told_of_https(void **unused)
{
    (void)unused;
    struct error err;
    struct peer p;
    write_text(site.listens.certificate, site.listens.key, "");
    struct tls *server = tls_new_for_clients(path, "", &err);
    assert_non_null(server);
    site_listen(server, &strangers_too);
    peer_begin(&p, &site.world, site.listener.port);
    peer_say(&p, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&site.world, p.ended);
    assert_true(peer_has(&p, "This port speaks HTTPS"));
    peer_end(&p);
    site_stop();
    tls_unref(server);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin_files, end_files)
    const struct CMUnitTest tests[] = {
        T(pem_in_any_order),
        T(pem_with_its_key_first),
        T(pem_with_a_locked_key),
        T(pkcs12_with_its_cas),
        T(pkcs12_that_is_open),
        T(what_is_wrong_is_said),
        T(what_has_no_end_is_not_read),
        T(who_speaks_plain_http_is_told_of_https),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
