/* lib/net/mail.h - one mail: its text (RFC 5322), and handing it to a mail server (RFC 5321).
 *
 * A call has a connection of its own and sends one mail to one person. TLS from the first byte, or
 * with STARTTLS as soon as the server offers it; a password is never sent without. Errors:
 * ERR_INVALID when the server will not take this mail whenever it is asked (5xx of its sender, its
 * recipient or its text) or an address is none, ERR_UNAVAILABLE as long as it has certainly not
 * taken it, ERR_UNCERTAIN when it may have, ERR_CANCELED. */
#pragma once

#include "net/tls.h"

/* "a@x" of "a@x" or "Ann <a@x>" (base/addressee.h); of "root" root@domain, unless that is "".
 * ERR_INVALID names it. */
int mail_address(struct slice text, const char *domain, struct buf *out,
                 struct error *err) MUST_CHECK;

struct mail {
    const char *from, *to; /* addresses, as mail_address() gives them */
    const char *subject;   /* UTF-8 */
    const char *id;        /* of Message-ID, without brackets: ASCII without blanks */
    const char *notice;    /* X-Mesolith-Notice, likewise */
    struct wall at;
    struct slice text; /* UTF-8; its lines end with \n */
};

/* The whole mail with CRLFs, each line short enough. What stands in `m` cannot add a header. */
void mail_write(const struct mail *m, struct buf *out);

struct mail_server {
    const char *host;
    uint16_t port;
    bool tls_first;   /* else STARTTLS where it is offered */
    struct tls *tls;  /* to dial with */
    const char *user; /* "": without AUTH */
    const char *password;
    const char *hello; /* our own name */
};

struct mail_call;
typedef void mail_call_cb(struct mail_call *c, const struct error *err);

struct mail_call {
    void *data; /* the owner's, set before start */
    /* private */
    struct loop *loop;
    mail_call_cb *done;
    const struct mail_server *server;
    char *from, *to;
    struct buf text;
    int step;
    enum { MAIL_NONE, MAIL_DIALLING, MAIL_TALKING, MAIL_CLOSING } state;
    bool encrypted, offers_tls, offers_plain, offers_login;
    struct dial dial;
    struct stream *stream;
    struct buf in, out;
    uv_timer_t timer;
    unsigned handles;
    bool failed;
    struct error failure;
};

/* Keeps `server` until `done`; copies the rest: addresses, and what mail_write() has written. */
int mail_call_start(struct mail_call *c, struct loop *loop, const struct mail_server *server,
                    const char *from, const char *to, struct slice text, int64_t total_ms,
                    mail_call_cb *done, struct error *err) MUST_CHECK;
/* `done` fires soon, with ERR_CANCELED. */
void mail_call_cancel(struct mail_call *c);
