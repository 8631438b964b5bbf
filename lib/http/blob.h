/* lib/http/blob.h - bytes that never change any more and are shared by counting: an answer's body,
 * an event that goes to a thousand streams. The count is atomic, so holders may sit on different
 * threads; the bytes may be read by all of them. */
#pragma once

#include "base/buf.h"

struct blob; /* opaque: nobody may write the bytes */

struct blob *blob_of(const void *p, size_t len); /* copies; count 1 */
struct blob *blob_take(struct buf *b);         /* takes the buffer's memory, which is empty then */
struct blob *blob_ref(struct blob *b);         /* one holder more; returns b */
void blob_unref(struct blob *b);               /* the last one frees; accepts NULL */
struct slice blob_slice(const struct blob *b); /* NULL gives the empty slice */
