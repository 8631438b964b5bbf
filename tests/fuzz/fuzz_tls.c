/* The first bytes on a TLS connection, of a client or (first byte odd) of a server; the rest of
 * that byte says in what pieces they come. Nobody is let in by chance, everybody is sent away once,
 * and what is kept of it is bounded. */
#include <string.h>

#include "../unit/support/ca.h"
#include "base/assert.h"
#include "base/limits.h"
#include "net/tls_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a stream without a socket */
struct fake {
    struct stream stream;
    bool closed;
};

static void nothing(struct stream *s)
{
    (void)s;
}

static int take_all(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    (void)s;
    ASSERT(n == 1);
    return (int)bufs[0].len;
}

static int never(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    (void)s, (void)bufs, (void)n;
    UNREACHABLE("everything is taken at once");
}

static void on_close(struct stream *s)
{
    LIST_ENTRY(s, struct fake, stream)->closed = true;
}

static const struct stream_carrier fake_carrier = {.scheme = "http",
                                                   .read_start = nothing,
                                                   .read_stop = nothing,
                                                   .try_write = take_all,
                                                   .write = never,
                                                   .end = nothing,
                                                   .close = on_close};

/* ---- a node, made once */
static struct {
    struct loop loop;
    struct tls *tls;
    unsigned refused;
} node;

static struct wall ca_wall(struct clock *c)
{
    (void)c;
    return (struct wall){CA_NOW_MS};
}

static void node_begin(void)
{
    struct error err;
    struct ca ca;
    if (loop_init(&node.loop, &err) != 0)
        abort();
    node.loop.clock.wall = ca_wall;
    ca_begin(&ca, "ours");
    struct identity id = ca_issue(&ca, "11", "master");
    node.tls = tls_new(&(struct tls_config){.ca = slice_of(ca.pem),
                                            .certificate = slice_of(id.certificate),
                                            .key = slice_of(id.key)},
                       &err);
    ASSERT(node.tls != NULL);
    identity_end(&id);
    ca_end(&ca);
}

static void on_settled(struct secure *s, struct stream *stream, const struct error *err)
{
    (void)s;
    ASSERT(stream == NULL && err->code != ERR_NONE && err->text[0] != '\0');
    node.refused++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake fake = {.stream = {.carrier = &fake_carrier, .remote = "10.0.0.7"}};
    struct stream *under = &fake.stream;
    if (size < 2 || size > 8192)
        return 0;
    if (node.tls == NULL)
        node_begin();
    node.refused = 0;
    struct secure_config config = {
        .tls = node.tls, .server = (data[0] & 1) == 0, .strangers = true, .settled = on_settled};
    struct secure *s = secure_new(&node.loop, under, &config);
    size_t step = 1 + (data[0] >> 1) * 8u;
    for (size_t at = 1; at < size && under->reading; at += step) {
        size_t len = size - at < step ? size - at : step;
        under->events->on_read(under, (struct slice){(const char *)data + at, len});
        ASSERT(s->out.len == 0 && s->sending.len == 0 && s->kept.len == 0);
    }
    under->events->on_end(under, NULL);
    ASSERT(node.refused == 1 && fake.closed);
    under->closed(under);
    uv_run(&node.loop.uv, UV_RUN_NOWAIT);
    return 0;
}
