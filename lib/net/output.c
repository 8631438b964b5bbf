#include "net/output.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

#define TEXT_BYTES (2 * LIMIT_ANSWER_BYTES) /* more than anybody lets wait */
#define VECTORS 64
#define WRITE_BYTES \
    (256 << 10)          /* of one write: so that on_written shows a slow client's progress */
#define KEPT_BYTES 16384 /* a text buffer of up to this size is kept for the next answer */

void output_init(struct output *o)
{
    *o = (struct output){0};
    buf_init(&o->front.text, TEXT_BYTES);
    buf_init(&o->back.text, TEXT_BYTES);
}

static void batch_clear(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        blob_unref(b->segments[i].blob);
    if (b->text.len > KEPT_BYTES)
        buf_close(&b->text);
    buf_clear(&b->text);
    b->text.max = TEXT_BYTES;
    b->n = b->sealed = b->at = b->at_byte = b->at_text = b->left = b->credit = 0;
}

static void batch_close(struct batch *b)
{
    batch_clear(b);
    buf_close(&b->text);
    mem_free(b->segments);
    *b = (struct batch){0};
}

void output_close(struct output *o)
{
    batch_close(&o->front);
    batch_close(&o->back);
}

/* ---- putting */
static void add_segment(struct batch *b, struct blob *blob, size_t len)
{
    if (b->n == b->cap) {
        b->cap = b->cap > 0 ? 2 * b->cap : 4;
        b->segments = mem_realloc(b->segments, b->cap * sizeof(*b->segments));
    }
    b->segments[b->n++] = (struct segment){.blob = blob, .len = len};
    b->left += len;
}

/* Makes a segment of the text that has none yet. */
static void seal(struct batch *b)
{
    ASSERT(!buf_full(&b->text)); /* whoever puts looks at output_bytes() */
    size_t len = b->text.len - b->sealed;
    if (len == 0)
        return;
    b->sealed += len;
    add_segment(b, NULL, len);
}

struct buf *output_text(struct output *o)
{
    return &o->back.text;
}

void output_blob(struct output *o, struct blob *blob)
{
    size_t len = blob_slice(blob).len;
    if (len == 0)
        return;
    seal(&o->back);
    add_segment(&o->back, blob_ref(blob), len);
}

void output_spend(struct output *o, size_t credit)
{
    o->back.credit += credit;
}

static size_t batch_bytes(const struct batch *b)
{
    return b->left + (b->text.len - b->sealed);
}

size_t output_bytes(const struct output *o)
{
    return batch_bytes(&o->front) + batch_bytes(&o->back);
}

size_t output_credit(struct output *o)
{
    size_t credit = o->credit;
    o->credit = 0;
    return credit;
}

/* ---- writing */
static uv_buf_t vector_of(const struct batch *b, size_t segment, size_t skip, size_t text_at)
{
    const struct segment *s = &b->segments[segment];
    const char *p = s->blob != NULL ? blob_slice(s->blob).p + skip : b->text.data + text_at;
    return uv_buf_init((char *)p, (unsigned)(s->len - skip));
}

/* The next bytes of the batch, at most VECTORS pieces and WRITE_BYTES (cut within a piece). */
static unsigned gather(const struct batch *b, uv_buf_t vectors[VECTORS], size_t *bytes_out)
{
    size_t skip = b->at_byte, text_at = b->at_text, bytes = 0;
    unsigned n = 0;
    for (size_t i = b->at; i < b->n && n < VECTORS && bytes < WRITE_BYTES; i++) {
        uv_buf_t v = vector_of(b, i, skip, text_at);
        if (v.len > WRITE_BYTES - bytes)
            v.len = WRITE_BYTES - bytes;
        if (b->segments[i].blob == NULL)
            text_at += v.len;
        bytes += v.len;
        vectors[n++] = v;
        skip = 0;
    }
    *bytes_out = bytes;
    return n;
}

static void advance(struct batch *b, size_t bytes)
{
    b->left -= bytes;
    while (bytes > 0) {
        const struct segment *s = &b->segments[b->at];
        size_t step = s->len - b->at_byte < bytes ? s->len - b->at_byte : bytes;
        if (s->blob == NULL)
            b->at_text += step;
        b->at_byte += step;
        bytes -= step;
        if (b->at_byte == s->len) {
            b->at++;
            b->at_byte = 0;
        }
    }
}

/* The front is out: the back takes its place. */
static void turn(struct output *o)
{
    struct batch empty = o->front;
    o->credit += empty.credit;
    batch_clear(&empty);
    seal(&o->back);
    o->front = o->back;
    o->back = empty;
}

/* Bytes that are to be written now; 0: all is out. */
static size_t next_bytes(struct output *o)
{
    if (o->front.left == 0 && batch_bytes(&o->back) > 0)
        turn(o);
    if (o->front.left == 0) {
        o->credit += o->front.credit + o->back.credit; /* the back has credit only: HEAD */
        o->front.credit = o->back.credit = 0;
    }
    return o->front.left;
}

int output_flush(struct output *o, struct stream *s)
{
    while (!s->writing && next_bytes(o) > 0) {
        uv_buf_t vectors[VECTORS];
        size_t bytes;
        unsigned n = gather(&o->front, vectors, &bytes);
        int64_t written = stream_try_write(s, vectors, n);
        if (written < 0)
            return -1;
        advance(&o->front, (size_t)written);
        if ((size_t)written == bytes)
            continue;
        n = gather(&o->front, vectors, &bytes);
        if (stream_write(s, vectors, n) != 0)
            return -1;
    }
    return 0;
}

void output_forget_credit(struct output *o)
{
    o->credit = o->front.credit = o->back.credit = 0;
}

void output_written(struct output *o)
{
    uv_buf_t unused[VECTORS];
    size_t bytes;
    gather(&o->front, unused, &bytes); /* the same as when it was handed over */
    advance(&o->front, bytes);
}
