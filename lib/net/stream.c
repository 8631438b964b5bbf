#include "net/stream.h"

#include "base/assert.h"

void stream_read(struct stream *s, bool on)
{
    if (s->reading == on)
        return;
    s->reading = on;
    if (!on) {
        s->carrier->read_stop(s);
        return;
    }
    s->carrier->read_start(s);
}

int64_t stream_try_write(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    ASSERT(!s->writing);
    int written = s->carrier->try_write(s, bufs, n);
    return written == UV_EAGAIN ? 0 : written;
}

int stream_write(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    ASSERT(!s->writing);
    if (s->carrier->write(s, bufs, n) != 0)
        return -1;
    s->writing = true;
    return 0;
}

void stream_end(struct stream *s)
{
    ASSERT(!s->writing);
    s->carrier->end(s);
}

void stream_close(struct stream *s, void (*closed)(struct stream *s))
{
    s->closed = closed;
    s->carrier->close(s);
}

const char *stream_scheme(const struct stream *s)
{
    return s->carrier->scheme;
}
