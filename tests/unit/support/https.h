/* tests/unit/support/https.h - somebody's HTTPS server, of a certificate that nobody signed: a
 * thread of its own, one connection after another, each reads a question and says `says`. */
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

/* `newest`: TLS1_2_VERSION, say. Keeps `says`. */
static inline void https_start(struct https_server *s, int newest, const char *says)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = ca_certificate(NULL, key, "nobody", -1, NULL, -2, -1);
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

static inline void https_stop(struct https_server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    SSL_CTX_free(s->ctx);
}
