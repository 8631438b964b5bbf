/* lib/http/basic.h - HTTP's Basic authentication (RFC 7617): "user:password" in each request.
 * Whoever checks it need not know it. Pure. */
#pragma once

#include "base/buf.h"
#include "base/hash.h"

#define BASIC_HASH_SIZE (2 * SHA256_SIZE + 1)

/* Appends the value of the header Authorization. */
void basic_put(struct buf *out, const char *credentials);
/* "" for "". Returns hash_out. */
const char *basic_hash(const char *credentials, char hash_out[BASIC_HASH_SIZE]);
/* Is the value (empty: there is none) of the credentials that were hashed? */
bool basic_is(struct slice header, const char *hash);
