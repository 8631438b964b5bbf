/* lib/net/gzip.h - compressing answers, whole or part by part. Fast rather than small: it runs
 * beside everything else on the loop. */
#pragma once

#include "http/message.h"

#define GZIP_LEAST_BYTES 1024 /* smaller answers gain nothing (spec/mesos.md 0.3) */

/* Do these headers describe text that gzip makes smaller? Not event streams, not what has a coding
 * already. */
bool gzip_worthwhile(struct slice headers);

struct gzip; /* opaque: hides zlib */

struct gzip *gzip_new(void);
void gzip_free(struct gzip *g); /* accepts NULL */
/* Appends the compressed form of `in` to `out`, complete up to here: whoever reads it so far can
 * unpack it so far. `last` also writes the end. */
void gzip_put(struct gzip *g, struct slice in, bool last, struct buf *out);
