#include "cluster/line.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

#define WORDS_BYTES (8 << 10)
#define IN_KEPT_BYTES (4 << 10) /* a quiet line keeps no more memory to read into */
#define IN_BYTES (LIMIT_PEER_FRAME_BYTES + (64 << 10))

static uint64_t now_of(const struct line *l)
{
    return uv_now(l->timer.loop);
}

static void drop_sending(struct line *l)
{
    struct list *item;
    while ((item = list_pop(&l->sending)) != NULL)
        mem_free(LIST_ENTRY(item, struct parcel, list));
}

/* ---- the end */
static void part_closed(struct line *l)
{
    if (--l->handles > 0)
        return;
    struct line_events const *events = l->events;
    drop_sending(l);
    buf_close(&l->in);
    buf_close(&l->words);
    buf_close(&l->saying);
    events->on_closed(l);
    mem_free(l);
}

static void on_stream_closed(struct stream *s)
{
    part_closed(s->data);
}

static void on_timer_closed(uv_handle_t *timer)
{
    part_closed(timer->data);
}

void line_close(struct line *l)
{
    if (l->state == LINE_CLOSED)
        return;
    l->state = LINE_CLOSED;
    stream_close(l->stream, on_stream_closed);
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

static void lose(struct line *l, enum peers_end how, const struct error *err)
{
    line_close(l);
    l->events->on_lost(l, how, err);
}

/* ---- time */
static void on_timer(uv_timer_t *timer);

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void arm(struct line *l)
{
    if (l->state == LINE_CLOSED)
        return;
    uint64_t now = now_of(l), due = l->until;
    if (l->state == LINE_OPEN && !l->broken && !l->writing)
        due = earlier(due, l->said + LIMIT_PEER_BEAT_MS);
    if (l->reading)
        due = earlier(due, l->heard + LIMIT_PEER_SILENT_MS);
    if (due == UINT64_MAX)
        due = now + LIMIT_PEER_SILENT_MS;
    l->due = due > now ? due : now;
    uv_timer_start(&l->timer, on_timer, l->due - now, 0);
}

void line_limit(struct line *l, uint64_t ms)
{
    l->until = earlier(l->until, now_of(l) + ms);
    arm(l);
}

/* ---- writing */
static void break_off(struct line *l)
{
    /* What the other side said before is still to be read; on_end tells. */
    l->broken = true;
    line_limit(l, LIMIT_PEER_BEAT_MS);
}

static void end(struct line *l)
{
    if (!l->ended)
        stream_end(l->stream);
    l->ended = true;
    if (l->other_ended) {
        struct error err;
        error_set(&err, ERR_IO, "both sides have ended");
        lose(l, PEERS_CLOSED, &err);
    }
}

static unsigned gather(struct line *l, uv_buf_t bufs[LIMIT_PEER_WRITE + 1])
{
    unsigned n = 0;
    if (l->state == LINE_OPEN) {
        l->gathering = true;
        l->events->on_idle(l);
        l->gathering = false;
    }
    LIST_EACH (item, &l->sending) {
        struct parcel *p = LIST_ENTRY(item, struct parcel, list);
        ASSERT(n < LIMIT_PEER_WRITE);
        bufs[n++] = uv_buf_init(p->bytes, (unsigned)p->size);
    }
    buf_close(&l->saying);
    l->saying = l->words;
    buf_init(&l->words, WORDS_BYTES);
    if (l->saying.len > 0)
        bufs[n++] = uv_buf_init(l->saying.data, (unsigned)l->saying.len);
    return n;
}

/* What is left of them when so many bytes have gone. */
static unsigned skip(uv_buf_t *bufs, unsigned n, size_t taken)
{
    unsigned left = 0;
    for (unsigned i = 0; i < n; i++) {
        size_t gone = taken < bufs[i].len ? taken : bufs[i].len;
        taken -= gone;
        if (gone < bufs[i].len)
            bufs[left++] = uv_buf_init(bufs[i].base + gone, (unsigned)(bufs[i].len - gone));
    }
    return left;
}

/* True if the system took all of it; else the rest is on its way, or the line is broken. */
static bool write_now(struct line *l, uv_buf_t *bufs, unsigned n)
{
    int64_t taken = stream_try_write(l->stream, bufs, n);
    l->said = now_of(l);
    unsigned left = taken < 0 ? n : skip(bufs, n, (size_t)taken);
    if (left == 0) {
        drop_sending(l);
        return true;
    }
    l->writing = taken >= 0 && stream_write(l->stream, bufs, left) == 0;
    if (!l->writing)
        break_off(l);
    return false;
}

void line_push(struct line *l)
{
    uv_buf_t bufs[LIMIT_PEER_WRITE + 1];
    if (l->state == LINE_CLOSED || l->writing || l->gathering || l->broken || l->ended)
        return;
    unsigned n;
    while ((n = gather(l, bufs)) > 0)
        if (!write_now(l, bufs, n))
            return;
    if (l->state == LINE_LEAVING)
        end(l);
}

static void on_written(struct stream *s, const struct error *err)
{
    struct line *l = s->data;
    l->writing = false;
    l->said = now_of(l);
    drop_sending(l);
    if (err != NULL) {
        break_off(l);
        return;
    }
    line_push(l);
    if (l->state == LINE_CLOSED)
        return;
    arm(l);
    l->events->on_sent(l);
}

static void put_word(struct line *l, enum wire_kind kind, struct slice body)
{
    struct wire_head head = wire_head(kind, body.len);
    buf_put(&l->words, head.bytes, sizeof(head.bytes));
    buf_put_slice(&l->words, body);
}

void line_say(struct line *l, enum wire_kind kind, struct slice body)
{
    if (l->state != LINE_OPEN || l->words.len > WORDS_BYTES / 2)
        return; /* so many wait already that it does not listen */
    put_word(l, kind, body);
    line_push(l);
}

void line_leave(struct line *l, enum wire_kind kind, struct slice body, uint64_t ms)
{
    if (l->state != LINE_OPEN)
        return;
    put_word(l, kind, body);
    l->state = LINE_LEAVING;
    line_limit(l, ms);
    line_push(l);
}

/* ---- reading */
/* If the system takes it at once: the connection ends here. */
static void say_why(struct line *l, const struct error *err)
{
    struct slice text = slice_of(err->text);
    struct wire_head head = wire_head(WIRE_REFUSED, text.len);
    uv_buf_t bufs[] = {uv_buf_init(head.bytes, sizeof(head.bytes)),
                       uv_buf_init((char *)text.p, (unsigned)text.len)};
    if (!l->writing && !l->broken && !l->ended)
        stream_try_write(l->stream, bufs, 2);
}

static void take_frames(struct line *l)
{
    struct error err;
    struct wire_frame f;
    size_t at = 0;
    int64_t n = 0;
    while (l->state != LINE_CLOSED && l->reading) {
        n = wire_read((struct slice){l->in.data + at, l->in.len - at}, &f, &err);
        if (n <= 0)
            break;
        at += (size_t)n;
        if (f.kind != WIRE_BEAT)
            l->events->on_frame(l, &f);
    }
    if (l->state == LINE_CLOSED)
        return;
    if (at < l->in.len) {
        buf_consume(&l->in, at);
    } else {
        bool large = l->in.cap > IN_KEPT_BYTES;
        buf_clear(&l->in);
        if (large) {
            buf_close(&l->in);
            buf_init(&l->in, IN_BYTES);
        }
    }
    if (n < 0) {
        say_why(l, &err);
        lose(l, PEERS_CLOSED, &err);
    }
}

static void on_read(struct stream *s, struct slice data)
{
    struct line *l = s->data;
    l->heard = now_of(l);
    buf_put_slice(&l->in, data);
    ASSERT(!buf_full(&l->in));
    take_frames(l);
}

static void on_end(struct stream *s, const struct error *err)
{
    struct line *l = s->data;
    struct error closed;
    error_set(&closed, ERR_IO, "it closed the connection");
    l->other_ended = true;
    l->reading = false;
    if (err != NULL || l->state == LINE_OPEN || l->ended || l->broken)
        lose(l, PEERS_CLOSED, err != NULL ? err : &closed);
}

void line_read(struct line *l, bool on)
{
    if (l->state == LINE_CLOSED || l->other_ended || l->reading == on)
        return;
    l->reading = on;
    l->heard = now_of(l);
    stream_read(l->stream, on);
    if (on && l->in.len > 0)
        uv_timer_start(&l->timer, on_timer, 0, 0); /* frames that are here already */
    else
        arm(l);
}

/* ---- what is due */
static void on_silence(struct line *l)
{
    struct error err;
    error_set(&err, ERR_UNAVAILABLE, "nothing was heard of it for %d ms", LIMIT_PEER_SILENT_MS);
    lose(l, PEERS_SILENT, &err);
}

static void on_over(struct line *l)
{
    struct error err;
    error_set(&err, ERR_IO, l->broken ? "writing failed" : "it did not end the connection");
    lose(l, PEERS_CLOSED, &err);
}

static void on_timer(uv_timer_t *timer)
{
    struct line *l = timer->data;
    uint64_t now = now_of(l);
    if (now > l->due + LIMIT_PEER_BEAT_MS)
        l->heard = now; /* it was we who stood still */
    if (l->reading && l->in.len > 0)
        take_frames(l);
    if (l->state == LINE_CLOSED)
        return;
    if (now >= l->until) {
        on_over(l);
        return;
    }
    if (l->reading && now >= l->heard + LIMIT_PEER_SILENT_MS) {
        on_silence(l);
        return;
    }
    if (!l->writing && now >= l->said + LIMIT_PEER_BEAT_MS)
        line_say(l, WIRE_BEAT, (struct slice){0});
    arm(l);
}

static const struct stream_events stream_events = {
    .on_read = on_read, .on_end = on_end, .on_written = on_written};

struct line *line_new(struct loop *loop, struct stream *s, const struct line_events *events)
{
    struct line *l = NEW(struct line);
    list_init(&l->list);
    list_init(&l->sending);
    l->events = events;
    l->stream = s;
    s->data = l;
    s->events = &stream_events;
    buf_init(&l->in, IN_BYTES);
    buf_init(&l->words, WORDS_BYTES);
    uv_timer_init(&loop->uv, &l->timer);
    l->timer.data = l;
    l->handles = 2;
    l->until = UINT64_MAX;
    l->heard = l->said = now_of(l);
    l->reading = true;
    stream_read(s, true);
    arm(l);
    return l;
}
