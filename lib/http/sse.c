#include "http/sse.h"

#include <string.h>

static void put_field(struct buf *out, const char *name, struct slice value)
{
    buf_puts(out, name);
    buf_puts(out, ": ");
    for (size_t i = 0; i < value.len; i++)
        buf_putc(out, (unsigned char)value.p[i] < ' ' ? ' ' : value.p[i]);
    buf_puts(out, "\r\n");
}

/* A line ends with LF, CRLF or a lone CR: all three end a line for the reader too. */
static size_t line_len(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] == '\n' || text.p[i] == '\r')
            return i;
    return text.len;
}

static size_t line_end_len(struct slice rest)
{
    if (rest.len >= 2 && rest.p[0] == '\r' && rest.p[1] == '\n')
        return 2;
    return rest.len > 0 ? 1 : 0;
}

static void put_data(struct buf *out, struct slice data)
{
    for (;;) {
        size_t n = line_len(data);
        buf_puts(out, "data: ");
        buf_put(out, data.p, n);
        buf_puts(out, "\r\n");
        size_t skip = n + line_end_len((struct slice){data.p + n, data.len - n});
        if (skip == n)
            return;
        data = (struct slice){data.p + skip, data.len - skip};
    }
}

void sse_event(struct buf *out, const char *event, const char *id, struct slice data)
{
    if (event != NULL)
        put_field(out, "event", slice_of(event));
    if (id != NULL)
        put_field(out, "id", slice_of(id));
    put_data(out, data);
    buf_puts(out, "\r\n");
}
