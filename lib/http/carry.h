/* lib/http/carry.h - requests and answers as bytes, to be carried from one node to another.
 *
 * Numbers are little-endian, texts have their length in front. What comes from elsewhere is not
 * trusted: whatever does not add up is ERR_SYNTAX. Pure. */
#pragma once

#include "base/error.h"
#include "http/exchange.h"

/* Appends all of it but whether the client would keep its connection. */
void carry_request(const struct request *r, struct buf *out);
/* A request like those of request_dup(). Its listener and scheme come along, as strangers' texts.
 */
int carry_request_read(struct slice in, struct request **out, struct error *err) MUST_CHECK;

/* Appends it without its id. Not for SUBSCRIBE: events are every node's own. */
void carry_answer(const struct answer *a, struct buf *out);
/* The caller sets the id. */
int carry_answer_read(struct slice in, struct answer *out, struct error *err) MUST_CHECK;
