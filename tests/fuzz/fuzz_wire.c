/* Whatever a node sends: it is refused in words, or its frames are made of the same bytes again. */
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "cluster/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size};
    struct wire_frame f;
    struct error err = {0};
    int64_t n;
    while ((n = wire_read(rest, &f, &err)) > 0) {
        struct wire_head head = wire_head(f.kind, f.body.len);
        ASSERT((size_t)n <= rest.len && (size_t)n == WIRE_HEAD + f.body.len);
        ASSERT(f.body.p == rest.p + WIRE_HEAD && f.body.len <= LIMIT_PEER_FRAME_BYTES);
        ASSERT(memcmp(head.bytes, rest.p, WIRE_HEAD) == 0);
        rest.p += n;
        rest.len -= (size_t)n;
    }
    ASSERT((n < 0) == (err.text[0] != '\0'));
    return 0;
}
