#include "net/gzip.h"

#include <strings.h>
#include <zlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define LEVEL 1
#define WINDOW_BITS (15 + 16) /* the largest window, a gzip header around it */
#define MEMORY_LEVEL 8

static bool starts_nocase(struct slice s, const char *prefix, size_t len)
{
    return s.len >= len && strncasecmp(s.p, prefix, len) == 0;
}

bool gzip_worthwhile(struct slice headers)
{
    static const struct slice texts[] = {
        {"text/", 5},
        {"application/json", 16},
        {"application/javascript", 22},
        {"application/xml", 15},
        {"application/openmetrics-text", 28},
        {"image/svg+xml", 13},
    };
    struct slice type = header_get(headers, "Content-Type");
    if (starts_nocase(type, "text/event-stream", 17) ||
        header_get(headers, "Content-Encoding").p != NULL)
        return false;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (starts_nocase(type, texts[i].p, texts[i].len))
            return true;
    return false;
}

struct gzip {
    z_stream z;
};

static void *on_alloc(void *unused, unsigned n, unsigned size)
{
    (void)unused;
    return mem_alloc((size_t)n * size);
}

static void on_free(void *unused, void *p)
{
    (void)unused;
    mem_free(p);
}

struct gzip *gzip_new(void)
{
    struct gzip *g = NEW(struct gzip);
    g->z.zalloc = on_alloc;
    g->z.zfree = on_free;
    int code =
        deflateInit2(&g->z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    ASSERT(code == Z_OK);
    return g;
}

void gzip_free(struct gzip *g)
{
    if (g == NULL)
        return;
    deflateEnd(&g->z);
    mem_free(g);
}

void gzip_put(struct gzip *g, struct slice in, bool last, struct buf *out)
{
    char piece[16384];
    g->z.next_in = (unsigned char *)in.p;
    g->z.avail_in = (unsigned)in.len;
    do {
        g->z.next_out = (unsigned char *)piece;
        g->z.avail_out = sizeof(piece);
        int code = deflate(&g->z, last ? Z_FINISH : Z_SYNC_FLUSH);
        ASSERT(code != Z_STREAM_ERROR);
        buf_put(out, piece, sizeof(piece) - g->z.avail_out);
    } while (g->z.avail_out == 0);
}
