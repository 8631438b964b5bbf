#include "unit.h"

#include <string.h>

#include "net/output.h"

/* ---- a stream that takes so many bytes at once, and the rest when the test says so */
static struct {
    struct stream stream;
    size_t takes; /* each time; SIZE_MAX: is broken */
    struct buf got, held;
} pipe_end;

static int take(const uv_buf_t *bufs, unsigned n, size_t most, struct buf *to)
{
    size_t taken = 0;
    for (unsigned i = 0; i < n && taken < most; i++) {
        size_t len = bufs[i].len < most - taken ? bufs[i].len : most - taken;
        buf_put(to, bufs[i].base, len);
        taken += len;
    }
    return (int)taken;
}

static int pipe_try_write(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    (void)s;
    if (pipe_end.takes == SIZE_MAX)
        return UV_EPIPE;
    int taken = take(bufs, n, pipe_end.takes, &pipe_end.got);
    return taken > 0 ? taken : UV_EAGAIN;
}

static int pipe_write(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    (void)s;
    take(bufs, n, SIZE_MAX, &pipe_end.held);
    return 0;
}

static const struct stream_carrier pipe_carrier = {.try_write = pipe_try_write,
                                                   .write = pipe_write};

static void pipe_begin(size_t takes)
{
    pipe_end.stream = (struct stream){.carrier = &pipe_carrier};
    pipe_end.takes = takes;
    buf_init(&pipe_end.got, 64 << 20);
    buf_init(&pipe_end.held, 64 << 20);
}

static void pipe_end_close(void)
{
    buf_close(&pipe_end.got);
    buf_close(&pipe_end.held);
}

/* What was held comes through. */
static void pipe_let_go(struct output *o)
{
    assert_true(pipe_end.stream.writing);
    buf_put_slice(&pipe_end.got, buf_slice(&pipe_end.held));
    buf_clear(&pipe_end.held);
    pipe_end.stream.writing = false;
    output_written(o);
}

static void put_text(struct output *o, const char *text)
{
    buf_puts(output_text(o), text);
}

static void put_blob(struct output *o, const char *text)
{
    struct blob *b = blob_of(text, strlen(text));
    output_blob(o, b);
    blob_unref(b);
}

/* ---- */
static void keeps_texts_and_blobs_in_order_however_little_is_taken(void **unused)
{
    (void)unused;
    for (size_t takes = 0; takes < 30; takes++) {
        struct output o;
        pipe_begin(takes);
        output_init(&o);
        put_text(&o, "head ");
        put_blob(&o, "BODY ");
        put_text(&o, "chunk ");
        put_text(&o, "size ");
        put_blob(&o, "");
        put_blob(&o, "PART");
        assert_int_equal(output_bytes(&o), 25);
        assert_int_equal(output_flush(&o, &pipe_end.stream), 0);
        put_text(&o, ", next");
        assert_int_equal(output_flush(&o, &pipe_end.stream), 0);
        while (pipe_end.stream.writing) {
            pipe_let_go(&o);
            assert_int_equal(output_flush(&o, &pipe_end.stream), 0);
        }
        assert_string_equal(buf_str(&pipe_end.got), "head BODY chunk size PART, next");
        assert_int_equal(output_bytes(&o), 0);
        output_close(&o);
        pipe_end_close();
    }
}

static void large_bodies_leave_in_steps(void **unused)
{
    (void)unused;
    struct output o;
    struct buf text;
    size_t steps = 0;
    buf_init(&text, 3 << 20);
    for (int i = 0; i < 3 << 18; i++)
        buf_put(&text, &(char[4]){(char)i, (char)(i >> 8), (char)(i >> 16), 'x'}, 4);
    struct blob *b = blob_of(text.data, text.len);
    pipe_begin(1000);
    output_init(&o);
    output_blob(&o, b);
    blob_unref(b);
    for (;; steps++) {
        assert_int_equal(output_flush(&o, &pipe_end.stream), 0);
        if (!pipe_end.stream.writing)
            break;
        assert_true(pipe_end.held.len <= 256 << 10);
        pipe_let_go(&o);
    }
    assert_true(steps >= 12);
    assert_int_equal(pipe_end.got.len, text.len);
    assert_memory_equal(pipe_end.got.data, text.data, text.len);
    buf_close(&text);
    output_close(&o);
    pipe_end_close();
}

static void credit_comes_back_when_the_bytes_have_left(void **unused)
{
    (void)unused;
    struct output o;
    pipe_begin(3);
    output_init(&o);
    put_text(&o, "part");
    output_spend(&o, 4);
    assert_int_equal(output_flush(&o, &pipe_end.stream), 0);
    assert_int_equal(output_credit(&o), 0);
    pipe_let_go(&o);
    assert_int_equal(output_flush(&o, &pipe_end.stream), 0);
    assert_int_equal(output_credit(&o), 4);
    assert_int_equal(output_credit(&o), 0);

    output_spend(&o, 7); /* of a part that is not sent at all: HEAD */
    assert_int_equal(output_flush(&o, &pipe_end.stream), 0);
    assert_int_equal(output_credit(&o), 7);

    put_text(&o, "x");
    output_spend(&o, 1);
    output_forget_credit(&o);
    assert_int_equal(output_flush(&o, &pipe_end.stream), 0);
    assert_int_equal(output_credit(&o), 0);
    output_close(&o);
    pipe_end_close();
}

static void says_when_the_connection_is_broken(void **unused)
{
    (void)unused;
    struct output o;
    pipe_begin(SIZE_MAX);
    output_init(&o);
    assert_int_equal(output_flush(&o, &pipe_end.stream), 0); /* nothing to write */
    put_blob(&o, "x");
    assert_int_equal(output_flush(&o, &pipe_end.stream), -1);
    output_close(&o);
    pipe_end_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_texts_and_blobs_in_order_however_little_is_taken),
        cmocka_unit_test(large_bodies_leave_in_steps),
        cmocka_unit_test(credit_comes_back_when_the_bytes_have_left),
        cmocka_unit_test(says_when_the_connection_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
