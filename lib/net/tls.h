/* lib/net/tls.h - TLS 1.3 between nodes: streams like those of tcp.h, which carry nothing before
 * each side knows the other by a certificate of their cluster. And TLS 1.2 or 1.3 to other
 * people's servers, who are not known then, tls_new_for_anybody(), or by the machine's CAs,
 * tls_new_for_others(); and for other people's clients, tls_new_for_clients().
 *
 * Nothing else is taken from the machine: no file, no system's store of CAs, no session of another
 * time. Time is the loop's clock. What differs from a plain stream:
 * - on_end() without an error means that the other side said it has sent all (close_notify). A
 *   connection that just stops was cut off, and on_end() says so.
 * - stream_close() says that too, unless a stream_write() is under way: that one's bytes are
 *   dropped, and the other side reads a cut. What stream_try_write() took still leaves, for at most
 *   LIMIT_TLS_LINGER_MS.
 * - At most LIMIT_TLS_AHEAD_BYTES are encrypted before the system has taken what came before. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "net/tcp.h"

/* ---- what one side shows, and whom it trusts: never changed, shared by counting, from any thread.
 * To renew a certificate make a new one, give it to the listener and to the dials that follow, and
 * drop the old one: the connections made with it go on. */
struct tls;

struct tls_config {
    struct slice ca;          /* PEM: the CA that signs the others' certificates, or several */
    const uint8_t *ca_hash;   /* or, when only tls_fingerprint() of it is known: a joining node */
    struct slice certificate; /* PEM, the leaf first; empty: we show none. Not with `ca_hash` */
    struct slice key;         /* PEM, not encrypted */
};

/* Borrows all. ERR_INVALID names the field: no PEM, a key of another certificate, a certificate of
 * another CA. Nobody looks at the clock here. Count 1. */
struct tls *tls_new(const struct tls_config *config, struct error *err) MUST_CHECK;
/* Only to dial with: no certificate is looked at, none is shown. Count 1. */
struct tls *tls_new_for_anybody(void);
/* Only to dial with: the server's certificate must be for the host that is dialled, and signed by
 * one of the CAs in that file (PEM, any number); none is shown. Reads the file. ERR_NOT_FOUND: no
 * CA is in it. Count 1. */
struct tls *tls_new_for_others(const char *ca_file, struct error *err) MUST_CHECK;
const char *tls_ca_file(void); /* that of the machine, or SSL_CERT_FILE; NULL: it has none */
/* Only to listen with: whoever comes is a stranger, and let in. The file holds a certificate, those
 * of its CAs behind it, and its key: as PEM, or as PKCS#12. `password` opens it, or the key in it;
 * "": it is open. Reads the file. ERR_NOT_FOUND: it cannot be read; ERR_INVALID: what is wrong with
 * it. Count 1. */
struct tls *tls_new_for_clients(const char *keystore, const char *password,
                                struct error *err) MUST_CHECK;
struct tls *tls_ref(struct tls *t);
void tls_unref(struct tls *t); /* accepts NULL */

/* Of the first certificate in `pem`: the SHA-256 of its public key (SubjectPublicKeyInfo, DER), as
 * cluster/ca.h has it. ERR_INVALID when there is none. */
int tls_fingerprint(struct slice pem, uint8_t hash_out[SHA256_SIZE], struct error *err) MUST_CHECK;

/* ---- who is on the other side of a stream; whether it is welcome is the owner's to decide */
#define TLS_NAME_SIZE 65 /* X.520 allows 64 characters; more bytes are refused */

struct tls_peer {
    char name[TLS_NAME_SIZE];      /* its certificate's CN: the node's id; "" if it has none */
    char units[TLS_NAME_SIZE];     /* its OUs, joined by commas: "master,scheduler" */
    char serial[TLS_NAME_SIZE];    /* its serialNumber: of a node, the store's id */
    uint8_t key_hash[SHA256_SIZE]; /* of its public key (SubjectPublicKeyInfo) */
    struct wall expires;           /* a connection outlives that */
};

/* Of a stream made here; stays until `closed`. NULL: a stranger, or anybody. */
const struct tls_peer *tls_peer(const struct stream *s);

/* ---- listening */
struct tls_listener;

struct tls_listener_events {
    /* A node of the cluster, `s` is the receiver's to close. */
    void (*on_stream)(struct tls_listener *l, struct stream *s);
    /* It showed no certificate: somebody who wants to join. NULL: refused like the others. */
    void (*on_stranger)(struct tls_listener *l, struct stream *s);
    /* For the log: who came, and why it was sent away. Anybody can cause as many as he likes. */
    void (*on_refused)(struct tls_listener *l, const struct error *err);
};

struct tls_listener {
    void *data;    /* the owner's, set before start */
    uint16_t port; /* read only: the one it got */
    /* private */
    const struct tls_listener_events *events;
    struct listener tcp;
    struct loop *loop;
    struct tls *tls;
    struct tls_crowd {
        struct list all; /* who is not known yet, or is just being sent away; the oldest first */
        size_t n;
    } crowd;
    void (*stopped)(struct tls_listener *l);
};

/* As listener_start(). Keeps `l` and `events` until `stopped`, takes a reference of its own to
 * `tls`, which must have a certificate. A handshake may take LIMIT_HANDSHAKE_MS and
 * LIMIT_HANDSHAKE_BYTES; beyond LIMIT_HANDSHAKES at once the oldest is dropped. */
int tls_listener_start(struct tls_listener *l, struct loop *loop, const char *address,
                       uint16_t port, struct tls *tls, const struct tls_listener_events *events,
                       struct error *err) MUST_CHECK;
/* For connections from now on. */
void tls_listener_use(struct tls_listener *l, struct tls *tls);
/* Who is in the middle of a handshake is dropped; streams that were handed out go on. */
void tls_listener_stop(struct tls_listener *l, void (*stopped)(struct tls_listener *l));

/* ---- dialling: as dial_tcp(), dial_cancel() included. `done` gets a stream once both sides have
 * let each other in, or the reason why not, whichever side's it was. Takes a reference of its own
 * to `tls`. */
int dial_tls(struct dial *d, struct loop *loop, const char *host, uint16_t port, struct tls *tls,
             dial_cb *done, struct error *err) MUST_CHECK;
/* The same over a connection that was made with `d` before, once its two sides have agreed to go on
 * with TLS (STARTTLS). Takes `plain`, which is not read from any more. */
void dial_tls_over(struct dial *d, struct stream *plain, const char *host, struct tls *tls,
                   dial_cb *done);
