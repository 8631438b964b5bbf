/* lib/http/exchange.h - one request and its answer, as messages between the net loop, which has
 * the connection, and the node and its readers, which have the answer. Pure data.
 *
 *     net -> node    request   the whole request
 *                    credit    so many bytes of the answer have left for the client
 *                    gone      the client left, was too slow, or the server stopped
 *     node -> net    answers   WHOLE, or HEAD PART* END, or HEAD PART* SUBSCRIBE PART* [END]
 *
 * After `gone`, ABORT, or the last answer the id is dead: late answers to it are dropped by net, so
 * nobody needs to ask first whether the client is still there. `gone` never follows the last
 * answer.
 *
 * Credit: an exchange is born with EXCHANGE_WINDOW bytes. A PART spends its length; `credit` gives
 * back. Who has none left waits with further parts. WHOLE and SUBSCRIBE spend nothing; nor do parts
 * after SUBSCRIBE, which are bounded like events: a client that is too slow for them is dropped.
 *
 * To a HEAD the body is left away by net; SUBSCRIBE then ends the answer as END does. */
#pragma once

#include "http/blob.h"
#include "http/message.h"

#define EXCHANGE_WINDOW (256 << 10)

struct exchange_id {
    uint64_t v; /* generation in the high half, slot in the low; 0 names none */
};
/* This bit is set in those that no client of ours began: another node's, or the process's own. */
#define EXCHANGE_ELSEWHERE (UINT64_C(1) << 63)
/* Whose, in bits 56 to 62 of those; the other 56 are a number of the owner's. */
enum exchange_owner {
    EXCHANGE_OF_CLIENT,  /* without EXCHANGE_ELSEWHERE */
    EXCHANGE_OF_DOOR,    /* who speaks to us before it is one of our nodes (cluster/door.h) */
    EXCHANGE_OF_NODE,    /* another node asks (cluster/exchanges.h) */
    EXCHANGE_OF_PROCESS, /* this process asks itself (cmd/mesolith/graphite.h) */
};
enum exchange_owner exchange_owner(struct exchange_id id);
struct exchange_id exchange_elsewhere(enum exchange_owner owner, uint64_t number);

/* ---- towards net */
enum answer_kind {
    ANSWER_WHOLE,     /* status, headers, body: all there is */
    ANSWER_HEAD,      /* status, headers, length; parts follow */
    ANSWER_PART,      /* body: the next bytes */
    ANSWER_END,       /* nothing more comes */
    ANSWER_SUBSCRIBE, /* from here on, what is published under `topic` is sent as well */
    ANSWER_ABORT,     /* cannot go on: the connection is cut, so that the client notices */
};

#define ANSWER_LENGTH_UNKNOWN (-1)

/* Topics are small numbers that the api room gives out. */
#define TOPIC_COUNT 16

struct subscription {
    unsigned topic; /* below TOPIC_COUNT */
    char *types;    /* owned: the event types wanted, one a line ("a\nb"); NULL: all */
    struct blob
        *keep_alive; /* owned: sent when nothing else was for so long; NULL: SSE's lone CRLF */
    int64_t keep_alive_ms; /* 0: 10 s */
};

/* Owns what it points to; answer_close() lets go of it. Who sends an answer to another thread hands
 * the struct over whole. Content-Length, Transfer-Encoding, Connection, Date and Content-Encoding
 * are net's: the headers must not hold them. */
struct answer {
    struct exchange_id id;
    enum answer_kind kind;
    int status;         /* WHOLE, HEAD */
    struct buf headers; /* WHOLE, HEAD: owned; lines as header_put() writes them */
    struct blob *body;  /* WHOLE, PART: owned reference; NULL is empty */
    int64_t length;     /* HEAD: bytes of all parts together, or ANSWER_LENGTH_UNKNOWN */
    bool lasting; /* HEAD: goes on until the client leaves (a log that is followed): that it ends
                     its side, which else only means that it has asked all it wants, is leaving */
    bool plain;   /* WHOLE, HEAD: never compressed (event streams, files by range) */
    struct subscription subscription; /* SUBSCRIBE */
};
void answer_close(struct answer *a); /* accepts a zeroed struct */

/* The usual ones. `content_type` may be NULL; `body` is copied. Add headers with header_put(). */
struct answer answer_whole(struct exchange_id id, int status, const char *content_type,
                           struct slice body);
/* Takes the buffer's memory instead. */
struct answer answer_whole_take(struct exchange_id id, int status, const char *content_type,
                                struct buf *body);
/* 503, to be tried again: what nobody has looked at, so no dialect is known. Marathon's clients
 * read `message`, Chronos's `status` too. */
struct answer answer_busy(struct exchange_id id, const char *why);
struct answer answer_head(struct exchange_id id, int status, const char *content_type,
                          int64_t length);
struct answer answer_part(struct exchange_id id, struct buf *body); /* takes the memory */
struct answer answer_end(struct exchange_id id);
struct answer answer_abort(struct exchange_id id);
struct answer answer_subscribe(struct exchange_id id, unsigned topic, const char *types);
