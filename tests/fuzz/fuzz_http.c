/* Requests as strangers send them: "STEP BYTES", where the first byte says in what pieces the rest
 * arrives. The pieces make no difference, what was read is whole and within its limits, and the
 * router and the query reader take whatever target came. */
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "http/negotiate.h"
#include "http/parser.h"
#include "http/router.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {
    .header_bytes = 512, .headers = 10, .url_bytes = 100, .body_bytes = 200};

struct outcome {
    struct buf requests; /* every request, written out */
    bool failed;
};

static void put_request(struct buf *out, const struct request *r)
{
    buf_printf(out, "%s %d %d ", r->method_text, r->minor, r->keep_alive);
    buf_put_slice(out, r->target);
    buf_putc(out, '\n');
    buf_put_slice(out, r->headers);
    buf_put_slice(out, r->body);
}

static void check_headers(struct slice headers)
{
    struct slice name, value;
    size_t at = 0, n = 0;
    while (header_each(headers, &at, &name, &value)) {
        ASSERT(name.len > 0 && memchr(value.p, '\n', value.len) == NULL);
        n++;
    }
    ASSERT(at == headers.len && n <= limits.headers);
    (void)accepts_gzip(header_get(headers, "Accept-Encoding"));
    const char *const offers[] = {"application/json", "text/plain"};
    int best = accept_best(header_get(headers, "Accept"), offers, 2);
    ASSERT(best >= -1 && best < 2);
}

static void check_target(const struct request *r)
{
    static const char row = 0;
    static const char *const patterns[] = {"/v2/apps/{id...}", "/v2/apps/{id...}/tasks/{task}",
                                           "/slave({n})/state", "/v2/apps"};
    struct router *router = router_new();
    struct route_match m = {0};
    struct query q = {0};
    struct error err;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        ASSERT(router_add(router, METHOD_GET, patterns[i], &row, &err) == 0);
    if (router_match(router, r->method, r->path, &m) == ROUTE_FOUND)
        for (size_t i = 0; i < m.n_params; i++)
            ASSERT(strlen(m.params[i].value) <= r->path.len);
    if (query_parse(&q, r->query, &err) == 0)
        query_close(&q);
    route_match_close(&m);
    router_free(router);
}

static void check_request(const struct request *r)
{
    ASSERT(r->target.len <= limits.url_bytes && r->body.len <= limits.body_bytes);
    check_headers(r->headers);
    check_target(r);
    struct request *copy = request_dup(r);
    ASSERT(slice_eq(copy->path, r->path) && slice_eq(copy->query, r->query) &&
           slice_eq(copy->headers, r->headers) && slice_eq(copy->body, r->body));
    request_free(copy);
}

/* False once the bytes are no HTTP. */
static bool feed(struct parser *p, struct slice piece, struct outcome *out)
{
    struct error err;
    for (;;) {
        switch (parser_feed(p, &piece, &err)) {
        case PARSE_MORE:
            ASSERT(piece.len == 0);
            return true;
        case PARSE_HEAD:
            ASSERT(!parser_idle(p));
            break;
        case PARSE_DONE:
            check_request(parser_request(p));
            put_request(&out->requests, parser_request(p));
            parser_trim(p);
            if (!parser_request(p)->keep_alive)
                return true;
            break;
        case PARSE_FAILED:
            ASSERT(parser_status(p) >= 400 && parser_status(p) <= 505);
            out->failed = true;
            return false;
        }
    }
}

static struct outcome play(struct slice bytes, size_t step)
{
    struct parser *p = parser_new(PARSER_REQUESTS, &limits);
    struct outcome out = {0};
    bool sound = true;
    buf_init(&out.requests, 1 << 20);
    for (size_t at = 0; at < bytes.len && sound; at += step) {
        size_t n = step < bytes.len - at ? step : bytes.len - at;
        char *piece = mem_dup(bytes.p + at, n); /* of its own: a look beyond its end is seen */
        sound = feed(p, (struct slice){piece, n}, &out);
        mem_free(piece);
        if (sound && parser_idle(p) && out.requests.len > 0 && !parser_request(p)->keep_alive)
            break; /* what follows a last request is nobody's */
    }
    parser_free(p);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice bytes = {(const char *)data + 1, size - 1};
    struct outcome whole = play(bytes, bytes.len + 1);
    struct outcome pieces = play(bytes, 1 + data[0] % 64);
    ASSERT(whole.failed == pieces.failed);
    ASSERT(slice_eq(buf_slice(&whole.requests), buf_slice(&pieces.requests)));
    buf_close(&whole.requests);
    buf_close(&pieces.requests);
    return 0;
}
