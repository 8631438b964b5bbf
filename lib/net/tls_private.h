/* lib/net/tls_private.h - between tls.c, tls_context.c, tls_handshake.c and tls_stream.c. */
#pragma once

#include <stdatomic.h>

#include <openssl/ssl.h>

#include "net/tls.h"

#define RECORD_BYTES 16384 /* of TLS: so much is encrypted or decrypted at once */

/* ---- tls_context.c */
struct tls {
    atomic_uint holders;
    SSL_CTX *ctx;
    BIO_METHOD *bio; /* how SSL reaches a struct secure */
    bool has_certificate, pinned;
    bool foreign;  /* only for other people's servers, or clients */
    bool verifies; /* of these: whether they are who they say */
    uint8_t pin[SHA256_SIZE];
};

struct tls *tls_new_foreign(void); /* 1.2 or 1.3, count 1 */
/* All that are in it, one at least; the caller frees. ERR_INVALID names the field. */
int tls_read_certificates(const char *field, struct slice pem, STACK_OF(X509) * *list_out,
                          struct error *err) MUST_CHECK;
BIO *tls_bio_of(struct slice text);
const char *tls_ssl_words(void); /* why SSL's last call failed */

/* Who showed this certificate; -1 when its subject cannot be put as a struct tls_peer. */
int tls_peer_from(X509 *certificate, struct tls_peer *peer_out, struct error *err) MUST_CHECK;
/* For SSL_set_verify(): what does not hold is put in words into the secure stream's `failure`. */
int tls_on_verify(int ok, X509_STORE_CTX *store);
/* What somebody speaks whose first bytes (one or more) these are; if not TLS, `err` says so. */
enum tongue { TONGUE_TLS, TONGUE_HTTP, TONGUE_OTHER };
enum tongue tls_tongue_of(struct slice first, bool from_client, struct error *err);
/* What SSL has just complained about; keeps what tls_on_verify() has said. */
void tls_words_of_failure(const struct tls *t, struct error *err);

/* ---- tls_stream.c: one connection
 *
 *     SHAKING --known to each other--> OPEN --stream_close()--> CLOSING --all out--> GONE
 *        '-----not to be let in-----> REFUSED --the other side has left, or time is up--^
 */
enum secure_state {
    SECURE_SHAKING,
    SECURE_OPEN,
    SECURE_CLOSING,
    SECURE_REFUSED,
    SECURE_GONE,
};

struct secure;
/* Once, later: `s` is open and the owner's, or NULL and `err` says why, and nothing more comes of
 * it. */
typedef void secure_cb(struct secure *s, struct stream *stream, const struct error *err);

struct secure_config {
    struct tls *tls;
    bool server;
    bool strangers;          /* a server's: lets in who shows no certificate */
    const char *where;       /* for error texts; NULL: the remote address and port */
    const char *host;        /* a client's: whom it dials */
    struct tls_crowd *crowd; /* to be in until it is open or gone; may be NULL */
    secure_cb *settled;
    void *owner;
};

struct secure {
    struct stream stream; /* the owner's side */
    struct stream *under; /* the bytes on the wire */
    struct loop *loop;
    struct tls *tls;
    SSL *ssl; /* NULL until the first byte came: who is silent costs little */
    enum secure_state state;
    bool server, strangers;
    bool known;    /* `peer` is filled */
    bool shaken;   /* SSL is content; a client waits for the greeting */
    bool pumping;  /* inside on_read */
    bool ended;    /* on_end has fired */
    bool said_end; /* close_notify is on its way */
    bool broken;   /* nothing can be written any more */
    bool finished; /* our side of `under` has ended */
    struct tls_peer peer;
    struct error failure;
    char where[80];
    uv_timer_t timer; /* what is due: the handshake's end; reading what is kept; the linger's end */
    struct slice in;  /* what SSL may take just now */
    struct buf kept;  /* the rest of it, while the owner does not read */
    size_t got;       /* bytes in the handshake */
    struct buf out, sending; /* encrypted: gathers; given to `under` */
    struct pending {         /* the owner's stream_write() */
        uv_buf_t *bufs;      /* NULL: none */
        unsigned n, at;
        size_t at_byte;
    } pending;
    size_t sealed; /* bytes since the key is new */
    unsigned handles;
    secure_cb *settled;
    void *owner;
    struct tls_crowd *crowd;
    struct list in_crowd;
};

/* Takes `under`. */
struct secure *secure_new(struct loop *loop, struct stream *under,
                          const struct secure_config *config);
/* While it is not settled: with `settled` ERR_CANCELED later. */
void secure_cancel(struct secure *s);
/* The same without a word; for who is only lingering as well. */
void secure_drop(struct secure *s);
/* How SSL reads from a secure stream's `in` and writes to its `out`. The caller frees. */
BIO_METHOD *secure_bio(void);
/* It is gone then at the latest: LIMIT_TLS_LINGER_MS. */
void secure_linger(struct secure *s);
void secure_be_gone(struct secure *s);
/* It is no longer one of those who are not known. */
void secure_leave_crowd(struct secure *s);
/* What the system takes at once; the rest is on its way afterwards. -1: broken. */
int secure_send(struct secure *s);
/* What is in `in` and was not taken is kept; while something is, nothing more is read. */
void secure_keep_rest(struct secure *s);

/* ---- tls_handshake.c */
void secure_ssl_begin(struct secure *s, const char *host); /* NULL: a server */
void secure_shake(struct secure *s, struct slice data);    /* what has come */
/* It has ended in the middle; err NULL: without an error. */
void secure_refuse_end(struct secure *s, const struct error *err);
