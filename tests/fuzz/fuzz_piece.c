/* Whatever a node sends of a snapshot: it is refused in words, or its frame is made of the same
 * bytes again. */
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "cluster/piece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct piece p;
    struct buf again;
    struct error err = {0};
    if (piece_read((struct slice){(const char *)data, size}, &p, &err) != 0) {
        ASSERT(err.code == ERR_SYNTAX && err.text[0] != '\0');
        return 0;
    }
    buf_init(&again, PIECE_HEAD + LIMIT_PIECE_BYTES);
    piece_write(&p, &again);
    ASSERT(again.len == size && memcmp(again.data, data, size) == 0);
    buf_close(&again);
    return 0;
}
