/* How a connection begins: who is there is found out, or sent away with the reason. */
#include <string.h>

#include <openssl/err.h>

#include "base/assert.h"
#include "base/limits.h"
#include "net/tls_private.h"

/* A server's first byte, once it has let the client in. In TLS 1.3 a client is content before the
 * server has looked at its certificate; so it waits for this, and its dial tells the truth. */
#define GREETING '+'

static const char http_answer[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "This port is for mesolith's nodes, with TLS. The API is at another port: see `mesolith "
    "status`.\n";

static const char https_answer[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "This port speaks HTTPS: say https:// in front of its address.\n";

/* Which server is meant, for one that has several names, and what its certificate must say. */
static void name_host(struct secure *s, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(s->ssl);
    bool numeric = X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    if (!numeric) {
        SSL_set_tlsext_host_name(s->ssl, host);
        X509_VERIFY_PARAM_set1_host(param, host, 0);
    }
}

void secure_ssl_begin(struct secure *s, const char *host)
{
    int64_t now_s = s->loop->clock.wall(&s->loop->clock).ms / 1000;
    BIO *bio = BIO_new(s->tls->bio);
    s->ssl = SSL_new(s->tls->ctx);
    ASSERT(bio != NULL && s->ssl != NULL);
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_app_data(s->ssl, s);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(s->ssl), (time_t)now_s);
    int mode = SSL_VERIFY_PEER | (s->strangers ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    if (s->tls->foreign && !s->server)
        name_host(s, host);
    if (!s->tls->foreign || s->tls->verifies)
        SSL_set_verify(s->ssl, mode, tls_on_verify);
    if (s->server)
        SSL_set_accept_state(s->ssl);
    else
        SSL_set_connect_state(s->ssl);
}

static void settle(struct secure *s, const struct error *err)
{
    secure_cb *settled = s->settled;
    s->settled = NULL;
    settled(s, err == NULL ? &s->stream : NULL, err);
}

/* The reason leaves as an alert, or in plain words to who speaks no TLS. What else comes is read
 * and thrown away: else the system would throw the reason away. */
static void refuse(struct secure *s)
{
    struct error err = s->failure;
    s->state = SECURE_REFUSED;
    s->in = (struct slice){0};
    SSL_free(s->ssl);
    s->ssl = NULL;
    s->said_end = true; /* FIN, once all is out */
    secure_send(s);     /* should it fail, there is nobody to tell */
    secure_linger(s);
    error_wrap(&err, "%s", s->where);
    settle(s, &err);
}

void secure_refuse_end(struct secure *s, const struct error *err)
{
    if (s->failure.code == ERR_NONE)
        error_set(&s->failure, err != NULL ? err->code : ERR_IO,
                  err != NULL ? "the connection broke during the handshake"
                              : "it closed the connection in the middle of the handshake");
    struct error why = s->failure;
    error_wrap(&why, "%s", s->where);
    secure_cb *settled = s->settled;
    s->settled = NULL;
    secure_be_gone(s);
    settled(s, NULL, &why);
}

static bool speaks_our_protocol(const struct secure *s)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(s->ssl, &name, &len);
    return len == 8 && memcmp(name, "mesolith", 8) == 0;
}

/* Both certificates hold: who is it? */
static int identify(struct secure *s)
{
    X509 *certificate = SSL_get0_peer_certificate(s->ssl);
    if (!speaks_our_protocol(s))
        return error_set(&s->failure, ERR_INVALID, "it speaks TLS, but is no mesolith");
    s->known = certificate != NULL;
    if (s->known && tls_peer_from(certificate, &s->peer, &s->failure) != 0)
        return -1;
    return 0;
}

static void open_up(struct secure *s)
{
    s->state = SECURE_OPEN;
    secure_leave_crowd(s);
    uv_timer_stop(&s->timer);
    stream_read(s->under, false);
    secure_keep_rest(s);
    settle(s, NULL);
}

/* A server greets, a client waits to be greeted. */
static int greet(struct secure *s)
{
    char byte = GREETING;
    if (s->server)
        return SSL_write(s->ssl, &byte, 1);
    int n = SSL_read(s->ssl, &byte, 1);
    if (n == 1 && byte != GREETING) {
        error_set(&s->failure, ERR_INVALID, "it greets with another version's word");
        return -1;
    }
    return n;
}

/* 1: done; 0: more must come; -1: failed. */
static int shake(struct secure *s)
{
    ERR_clear_error();
    bool foreign = s->tls->foreign;
    int n = s->shaken ? 1 : SSL_do_handshake(s->ssl);
    if (n == 1 && !s->shaken) {
        s->shaken = true;
        if (!foreign && identify(s) != 0)
            return -1;
    }
    if (n == 1 && !foreign)
        n = greet(s);
    if (n == 1)
        return 1;
    if (s->failure.code == ERR_NONE && SSL_get_error(s->ssl, n) == SSL_ERROR_WANT_READ)
        return 0;
    tls_words_of_failure(s->tls, &s->failure);
    return -1;
}

static void go_on_shaking(struct secure *s)
{
    int done = shake(s);
    if (done >= 0 && secure_send(s) != 0)
        done = -1;
    if (done == 1)
        open_up(s);
    else if (done < 0)
        refuse(s);
}

static void on_first_bytes(struct secure *s, struct slice data)
{
    switch (tls_tongue_of(data, s->server, &s->failure)) {
    case TONGUE_TLS:
        if (s->server)
            secure_ssl_begin(s, NULL);
        return;
    case TONGUE_HTTP:
        if (s->server)
            buf_puts(&s->out, s->tls->foreign ? https_answer : http_answer);
        return;
    case TONGUE_OTHER:
        return;
    }
    UNREACHABLE("every tongue is above");
}

void secure_shake(struct secure *s, struct slice data)
{
    if (s->got == 0)
        on_first_bytes(s, data);
    else if (s->got >= LIMIT_HANDSHAKE_BYTES)
        error_set(&s->failure, ERR_LIMIT, "it sent %d bytes and the handshake is not over",
                  LIMIT_HANDSHAKE_BYTES);
    s->got += data.len;
    if (s->failure.code != ERR_NONE) {
        refuse(s);
        return;
    }
    s->in = data;
    go_on_shaking(s);
}
