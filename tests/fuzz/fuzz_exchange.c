/* Whatever a node sends of exchanges: it is refused in words, or can be said again. */
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "cluster/exchange_frame.h"
#include "http/carry.h"

static void write(const struct exchange_frame *f, struct buf *out)
{
    exchange_frame_begin(out, f->kind, f->number, f->count);
    if (f->kind == EXCHANGE_SANDBOX)
        exchange_frame_sandbox(out, f->sandbox);
    else if (f->kind == EXCHANGE_REQUEST)
        carry_request(f->request, out);
    else if (f->kind == EXCHANGE_ANSWER)
        carry_answer(&f->answer, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exchange_frame f, again;
    struct error err = {0};
    if (exchange_frame_read((struct slice){(const char *)data, size}, &f, &err) != 0) {
        ASSERT(err.text[0] != '\0');
        return 0;
    }
    struct buf out, twice;
    buf_init(&out, LIMIT_PEER_FRAME_BYTES);
    buf_init(&twice, LIMIT_PEER_FRAME_BYTES);
    write(&f, &out);
    ASSERT(exchange_frame_read(buf_slice(&out), &again, &err) == 0);
    write(&again, &twice);
    ASSERT(slice_eq(buf_slice(&out), buf_slice(&twice)));
    exchange_frame_close(&f);
    exchange_frame_close(&again);
    buf_close(&out);
    buf_close(&twice);
    return 0;
}
