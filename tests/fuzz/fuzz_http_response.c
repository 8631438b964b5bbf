/* Answers as strangers send them: "STEP BYTES", where the first byte says in what pieces the rest
 * arrives, and in its highest bit whether they answer a HEAD. The pieces make no difference, and a
 * sink gets the very body that is collected without one. */
#include "base/assert.h"
#include "base/mem.h"
#include "http/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {
    .header_bytes = 512, .headers = 10, .url_bytes = 100, .body_bytes = 1 << 20};

struct outcome {
    struct buf body;
    int status; /* 0: no whole answer */
};

static void on_piece(void *data, struct slice piece)
{
    buf_put_slice(data, piece);
}

static struct outcome play(struct slice bytes, size_t step, bool head, bool sink)
{
    struct parser *p = parser_new(PARSER_RESPONSES, &limits);
    struct outcome out = {0};
    struct error err;
    enum parse_result result = PARSE_MORE;
    buf_init(&out.body, 1 << 20);
    if (head)
        parser_expect_no_body(p);
    if (sink)
        parser_set_sink(p, on_piece, &out.body);
    for (size_t at = 0; at < bytes.len && result == PARSE_MORE; at += step) {
        size_t n = step < bytes.len - at ? step : bytes.len - at;
        char *piece = mem_dup(bytes.p + at, n);
        struct slice in = {piece, n};
        do
            result = parser_feed(p, &in, &err);
        while (result == PARSE_HEAD);
        mem_free(piece);
    }
    if (result == PARSE_MORE)
        result = parser_finish(p, &err);
    if (result == PARSE_DONE) {
        out.status = parser_response(p)->status;
        buf_put_slice(&out.body, parser_body(p));
        ASSERT(!head || out.body.len == 0);
    }
    parser_free(p);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice bytes = {(const char *)data + 1, size - 1};
    bool head = data[0] >= 0x80;
    struct outcome whole = play(bytes, bytes.len + 1, head, false);
    struct outcome pieces = play(bytes, 1 + data[0] % 64, head, true);
    ASSERT(whole.status == pieces.status);
    ASSERT(whole.status == 0 || slice_eq(buf_slice(&whole.body), buf_slice(&pieces.body)));
    buf_close(&whole.body);
    buf_close(&pieces.body);
    return 0;
}
