#include "http/blob.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "base/mem.h"

struct blob {
    atomic_size_t holders;
    size_t len;
    char *bytes; /* owned */
};

static struct blob *blob_new(char *bytes, size_t len)
{
    struct blob *b = NEW(struct blob);
    atomic_init(&b->holders, 1);
    b->len = len;
    b->bytes = bytes;
    return b;
}

struct blob *blob_of(const void *p, size_t len)
{
    return blob_new(mem_dup(p, len), len);
}

struct blob *blob_take(struct buf *b)
{
    size_t len;
    char *bytes = buf_take(b, &len);
    return blob_new(bytes, len);
}

struct blob *blob_ref(struct blob *b)
{
    size_t before = atomic_fetch_add_explicit(&b->holders, 1, memory_order_relaxed);
    ASSERT(before > 0);
    return b;
}

/* The releasing order makes every holder's reads happen before the last one frees. */
void blob_unref(struct blob *b)
{
    if (b == NULL)
        return;
    size_t before = atomic_fetch_sub_explicit(&b->holders, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1)
        return;
    mem_free(b->bytes);
    mem_free(b);
}

struct slice blob_slice(const struct blob *b)
{
    return b != NULL ? (struct slice){b->bytes, b->len} : SLICE("");
}
