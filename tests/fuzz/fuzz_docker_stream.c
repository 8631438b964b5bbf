/* A log stream of the container engine: "STEP BYTES", where the first byte says in what pieces the
 * rest arrives and whether there is a terminal. The pieces make no difference, and no text is lost
 * or made up. */
#include <string.h>

#include "base/assert.h"
#include "executor/docker_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct buf messages; /* output, time and text of each */
    size_t text;
    bool failed;
};

static void play(const char *bytes, size_t len, size_t step, bool tty, struct outcome *out)
{
    struct docker_stream s;
    struct docker_piece piece;
    struct error err;
    bool fresh = true;
    *out = (struct outcome){0};
    buf_init(&out->messages, 1 << 20);
    docker_stream_init(&s, tty);
    for (size_t at = 0; at < len && !out->failed; at += step) {
        struct slice in = {bytes + at, len - at < step ? len - at : step};
        while (docker_stream_next(&s, &in, &piece, &err)) {
            if (fresh)
                buf_printf(&out->messages, "%d %lld ", (int)piece.output, (long long)piece.ns);
            buf_put_slice(&out->messages, piece.text);
            out->text += piece.text.len;
            fresh = piece.last;
        }
        out->failed = err.code != ERR_NONE;
        ASSERT(out->failed || in.len == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, pieces;
    if (size == 0 || size > 4096)
        return 0;
    const char *bytes = (const char *)data + 1;
    bool tty = (data[0] & 0x80) != 0;
    play(bytes, size - 1, size, tty, &whole);
    play(bytes, size - 1, 1 + (data[0] & 0x7f) % 40, tty, &pieces);
    ASSERT(whole.failed == pieces.failed && whole.text <= size);
    ASSERT(slice_eq(buf_slice(&whole.messages), buf_slice(&pieces.messages)));
    buf_close(&whole.messages);
    buf_close(&pieces.messages);
    return 0;
}
