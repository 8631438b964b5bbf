/* lib/http/parser.h - bytes in, whole requests (or responses) out. Pure; on llhttp.
 *
 * Incremental: bytes may come in any pieces. Everything is bounded by limits, and what two readers
 * could understand in two ways is refused: Content-Length beside Transfer-Encoding, another
 * transfer coding than chunked, chunked in HTTP/1.0, folded headers, bare line feeds, an empty
 * header name, two Hosts, none in HTTP/1.1.
 * After PARSE_FAILED the connection is of no use: where the next message begins is unknown. */
#pragma once

#include "base/error.h"
#include "http/message.h"

struct http_limits {
    size_t header_bytes; /* first line, headers; trailers and chunk extensions once more */
    size_t headers;
    size_t url_bytes;
    size_t body_bytes;
};
struct http_limits http_limits_default(void); /* LIMIT_HEADER_BYTES and so on */

struct parser; /* opaque: hides llhttp */

enum parser_kind { PARSER_REQUESTS, PARSER_RESPONSES };

/* Keeps `limits`. */
struct parser *parser_new(enum parser_kind kind, const struct http_limits *limits);
void parser_free(struct parser *p); /* accepts NULL */

enum parse_result {
    PARSE_MORE,   /* all of `in` was used, the message is not whole */
    PARSE_HEAD,   /* the head is there and a body will follow (for responses, may follow): call
                     again with the rest of `in`, even if it is empty */
    PARSE_DONE,   /* the message is whole; what is left in `in` belongs to the next one */
    PARSE_FAILED, /* `err` says why, parser_status() what to answer */
};

/* Uses bytes from the front of `in` until there is something to say. The first call after
 * PARSE_DONE begins the next message. Interim responses (1xx) are skipped. */
enum parse_result parser_feed(struct parser *p, struct slice *in, struct error *err);
/* The other side has ended. PARSE_DONE for a response that lasts until then; PARSE_FAILED in the
 * middle of a message; PARSE_MORE between two. */
enum parse_result parser_finish(struct parser *p, struct error *err);

/* From PARSE_HEAD (without body) or PARSE_DONE until the next message begins. The parser owns what
 * they point to. Who it came from and by (scheme, listener, remote) is the caller's to fill in. */
struct request *parser_request(struct parser *p);
const struct response *parser_response(const struct parser *p);
struct slice parser_body(const struct parser *p); /* as far as it has come */

/* What the request that comes is for, as far as that has come. */
struct slice parser_target(const struct parser *p);
/* 400, 413, 414, 431, 501 or 505, after PARSE_FAILED. */
int parser_status(const struct parser *p);
/* Between two messages: not one byte of the next has come. */
bool parser_idle(const struct parser *p);
/* At PARSE_HEAD: a body follows, and the client waits for `100 Continue` before it sends it. */
bool parser_wants_continue(const struct parser *p);
/* Gives back the memory that a large message took. Only when idle. */
void parser_trim(struct parser *p);

/* ---- for responses */
/* The next response answers a HEAD: it has no body whatever its headers say. */
void parser_expect_no_body(struct parser *p);
/* From now on bodies go to `sink` in pieces, inside parser_feed, instead of being collected, and
 * body_bytes does not bound them. */
typedef void parser_sink(void *data, struct slice piece);
void parser_set_sink(struct parser *p, parser_sink *sink, void *data);
