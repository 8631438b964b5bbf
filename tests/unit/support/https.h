/* tests/unit/support/https.h - somebody's HTTPS server, of a certificate that nobody signed or a CA
 * of the test's, valid today: a thread of its own, one connection after another, each reads a
 * question and says `says`. */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "support/ca.h"

struct https_server {
    uint16_t port; /* read only */
    /* private */
    const char *says;
    SSL_CTX *ctx;
    pthread_t thread;
    int fd;
};

static inline void https_answer(SSL *ssl, const char *says)
{
    char asked[2048] = "";
    size_t n = 0;
    int got;
    if (SSL_accept(ssl) != 1)
        return;
    while (n < sizeof(asked) - 1 && strstr(asked, "\r\n\r\n") == NULL &&
           (got = SSL_read(ssl, asked + n, (int)(sizeof(asked) - 1 - n))) > 0)
        asked[n += (size_t)got] = '\0';
    SSL_write(ssl, says, (int)strlen(says));
    SSL_shutdown(ssl);
}

static inline void *https_serve(void *data)
{
    struct https_server *s = data;
    for (int fd; (fd = accept(s->fd, NULL, NULL)) >= 0; close(fd)) {
        SSL *ssl = SSL_new(s->ctx);
        SSL_set_fd(ssl, fd);
        https_answer(ssl, s->says);
        SSL_free(ssl);
    }
    return NULL;
}

/* Takes the key and the certificate. */
static inline void https_serve_as(struct https_server *s, EVP_PKEY *key, X509 *certificate,
                                  int newest, const char *says)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    *s = (struct https_server){.says = says, .ctx = SSL_CTX_new(TLS_server_method())};
    SSL_CTX_set_max_proto_version(s->ctx, newest);
    ASSERT(SSL_CTX_use_certificate(s->ctx, certificate) == 1);
    ASSERT(SSL_CTX_use_PrivateKey(s->ctx, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(bind(s->fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(s->fd, 8) == 0);
    ASSERT(getsockname(s->fd, (struct sockaddr *)&at, &len) == 0);
    s->port = ntohs(at.sin_port);
    ASSERT(pthread_create(&s->thread, NULL, https_serve, s) == 0);
}

/* `newest`: TLS1_2_VERSION, say. Keeps `says`. */
static inline void https_start(struct https_server *s, int newest, const char *says)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    https_serve_as(s, key, ca_certificate(NULL, key, "nobody", -1, NULL, -2, -1), newest, says);
}

/* For whom its certificate is: "DNS:localhost,IP:127.0.0.1"; until so many days from CA_NOW_MS. */
static inline void https_start_of(struct https_server *s, const struct ca *ca, const char *hosts,
                                  int until_days, const char *says)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = ca_certificate(ca, key, "server", -1, NULL, -1000, until_days);
    ca_extend(certificate, ca->certificate, NID_subject_alt_name, hosts);
    ASSERT(X509_sign(certificate, ca->key, EVP_sha256()));
    https_serve_as(s, key, certificate, TLS1_3_VERSION, says);
}

static inline void https_stop(struct https_server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    SSL_CTX_free(s->ctx);
}
