/* A certificate and its key, as an owner of a machine keeps them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "base/buf.h"
#include "base/str.h"
#include "net/tls_private.h"

#define KEYSTORE_BYTES (1 << 20)

static const unsigned char java[] = {0xfe, 0xed, 0xfe, 0xed}; /* what a JKS begins with */

struct keystore {
    const char *path, *password;
    X509 *leaf;
    STACK_OF(X509) * others; /* NULL: none */
    EVP_PKEY *key;
};

static void keystore_close(struct keystore *k)
{
    X509_free(k->leaf);
    sk_X509_pop_free(k->others, X509_free);
    EVP_PKEY_free(k->key);
}

/* Of a pipe or a device a running node would wait, or read for ever. */
static FILE *open_file(const char *path, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    FILE *f = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
    if (fd < 0)
        error_set(err, ERR_NOT_FOUND, "%s: cannot be read: %s", path, strerror(errno));
    else if (f == NULL)
        error_set(err, ERR_INVALID, "%s: got no regular file, need PEM or PKCS#12", path);
    if (fd >= 0 && f == NULL)
        close(fd);
    return f;
}

static int read_file(const char *path, struct buf *out, struct error *err)
{
    char bytes[4096];
    size_t n;
    FILE *f = open_file(path, err);
    if (f == NULL)
        return -1;
    while (!buf_full(out) && (n = fread(bytes, 1, sizeof(bytes), f)) > 0)
        buf_put(out, bytes, n);
    bool failed = ferror(f) != 0;
    fclose(f);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    if (failed)
        return error_set(err, ERR_NOT_FOUND, "%s: cannot be read: %s", path, strerror(errno));
    if (buf_full(out))
        return error_set(err, ERR_INVALID, "%s: got more than %d bytes, which is no keystore", path,
                         KEYSTORE_BYTES);
    return 0;
}

/* ---- PEM */

static int say_password(char *dst, int size, int writing, void *data)
{
    const struct keystore *k = data;
    size_t len = strlen(k->password);
    (void)writing;
    if (len == 0 || len > (size_t)size)
        return -1; /* no terminal is asked */
    memcpy(dst, k->password, len);
    return (int)len;
}

static int read_pem(struct keystore *k, struct slice text, struct error *err)
{
    BIO *bio = tls_bio_of(text);
    ERR_clear_error();
    k->key = PEM_read_bio_PrivateKey(bio, NULL, say_password, k);
    BIO_free(bio);
    bool locked = k->key == NULL && strstr(text.p, "ENCRYPTED") != NULL;
    if (locked)
        return error_set(err, ERR_INVALID, "%s: its key is locked, and the password %s", k->path,
                         k->password[0] != '\0' ? "is another one" : "is missing");
    if (k->key == NULL)
        return error_set(
            err, ERR_INVALID,
            "%s: got no private key, need it beside the certificate, in PEM or PKCS#12", k->path);
    if (tls_read_certificates(k->path, text, &k->others, err) != 0)
        return -1;
    k->leaf = sk_X509_shift(k->others);
    return 0;
}

/* ---- PKCS#12 */

static int read_pkcs12(struct keystore *k, struct slice bytes, struct error *err)
{
    BIO *bio = tls_bio_of(bytes);
    PKCS12 *store = d2i_PKCS12_bio(bio, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (store == NULL)
        return error_set(err, ERR_INVALID, "%s: got neither PEM nor PKCS#12", k->path);
    if (PKCS12_parse(store, k->password, &k->key, &k->leaf, &k->others) != 1)
        error_set(err, ERR_INVALID,
                  "%s: its password is another one, or it is locked in a way of before 2020, which "
                  "openssl pkcs12 -legacy reads: %s",
                  k->path, tls_ssl_words());
    else if (k->key == NULL || k->leaf == NULL)
        error_set(err, ERR_INVALID, "%s: got no %s, need a certificate with its key", k->path,
                  k->key == NULL ? "private key" : "certificate");
    PKCS12_free(store);
    return k->key != NULL && k->leaf != NULL ? 0 : -1;
}

static int take(struct keystore *k, struct slice bytes, struct error *err)
{
    if (bytes.len >= sizeof(java) && memcmp(bytes.p, java, sizeof(java)) == 0)
        return error_set(err, ERR_INVALID,
                         "%s: got a JKS, need PEM or PKCS#12: keytool -importkeystore -srckeystore "
                         "FILE -destkeystore NEW -deststoretype PKCS12",
                         k->path);
    if (bytes.len > 0 && bytes.p[0] == 0x30)
        return read_pkcs12(k, bytes, err);
    return read_pem(k, bytes, err);
}

struct tls *tls_new_for_clients(const char *keystore, const char *password, struct error *err)
{
    struct keystore k = {.path = keystore, .password = password};
    struct tls *t = tls_new_foreign();
    struct buf bytes;
    buf_init(&bytes, KEYSTORE_BYTES);
    t->has_certificate =
        read_file(keystore, &bytes, err) == 0 && take(&k, buf_slice(&bytes), err) == 0;
    ERR_clear_error();
    if (t->has_certificate && SSL_CTX_use_cert_and_key(t->ctx, k.leaf, k.key, k.others, 1) != 1) {
        error_set(err, ERR_INVALID, "%s: its certificate and key cannot be used together: %s",
                  keystore, tls_ssl_words());
        t->has_certificate = false;
    }
    OPENSSL_cleanse(bytes.data, bytes.len);
    buf_close(&bytes);
    keystore_close(&k);
    if (t->has_certificate)
        return t;
    tls_unref(t);
    return NULL;
}
