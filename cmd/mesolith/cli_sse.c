#include "cli_sse.h"

#include <string.h>

#include "base/str.h"

void sse_reader_init(struct sse_reader *r)
{
    *r = (struct sse_reader){0};
    buf_init(&r->line, SSE_EVENT_BYTES);
    buf_init(&r->event, SSE_EVENT_BYTES);
    buf_init(&r->data, SSE_EVENT_BYTES);
}

void sse_reader_close(struct sse_reader *r)
{
    buf_close(&r->line);
    buf_close(&r->event);
    buf_close(&r->data);
}

static void end_event(struct sse_reader *r)
{
    buf_clear(&r->event);
    buf_clear(&r->data);
    r->some_data = false;
}

void sse_reader_restart(struct sse_reader *r)
{
    end_event(r);
    buf_clear(&r->line);
    r->after_cr = false;
}

static void take_field(struct sse_reader *r, struct slice name, struct slice value)
{
    if (slice_is(name, "event")) {
        buf_clear(&r->event);
        buf_put_slice(&r->event, value);
    } else if (slice_is(name, "data")) {
        if (r->some_data)
            buf_putc(&r->data, '\n');
        buf_put_slice(&r->data, value);
        r->some_data = true;
    } else if (slice_is(name, "id") && value.len < SSE_ID_SIZE &&
               memchr(value.p, '\0', value.len) == NULL) {
        memcpy(r->id, value.p, value.len);
        r->id[value.len] = '\0';
    }
}

/* "name: value", "name:value", "name"; ": comment". */
static void take_line(struct sse_reader *r, sse_cb *on_event, void *data)
{
    struct slice line = buf_slice(&r->line);
    if (line.len == 0) {
        const struct sse_event_in e = {
            .event = r->event.len > 0 ? buf_str(&r->event) : "message",
            .data = buf_slice(&r->data),
            .id = r->id,
        };
        if (r->some_data)
            on_event(data, &e);
        end_event(r);
        return;
    }
    const char *colon = memchr(line.p, ':', line.len);
    struct slice name = {line.p, colon != NULL ? (size_t)(colon - line.p) : line.len};
    struct slice value = {line.p + line.len, 0};
    if (colon != NULL)
        value = (struct slice){colon + 1, line.len - name.len - 1};
    if (value.len > 0 && *value.p == ' ')
        value = (struct slice){value.p + 1, value.len - 1};
    take_field(r, name, value);
}

/* Lines end with CR, LF or both. */
void sse_read(struct sse_reader *r, struct slice bytes, sse_cb *on_event, void *data)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.p[i];
        bool second = c == '\n' && r->after_cr;
        r->after_cr = c == '\r';
        if (second)
            continue;
        if (c != '\n' && c != '\r') {
            buf_putc(&r->line, c);
            continue;
        }
        take_line(r, on_event, data);
        buf_clear(&r->line);
    }
}
