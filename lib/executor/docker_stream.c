#include "executor/docker_stream.h"

#include <string.h>

#include "base/time.h"

#define HEAD_SIZE 8
#define NS 1000000000ll

/* ---- times */

static bool digits(const char **p, const char *end, int n, int64_t *out)
{
    int64_t value = 0;
    if (end - *p < n)
        return false;
    for (int i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        value = 10 * value + (**p - '0');
    }
    *out = value;
    return true;
}

static bool mark(const char **p, const char *end, char c)
{
    if (*p >= end || **p != c)
        return false;
    (*p)++;
    return true;
}

static int64_t fraction_ns(const char **p, const char *end)
{
    int64_t ns = 0, unit = NS / 10;
    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
        ns += (**p - '0') * unit;
    return ns;
}

int64_t docker_time_ns(struct slice text)
{
    const char *p = text.p, *end = text.p + text.len;
    int64_t year, month, day, hour, minute, second, ns = 0, zone_h = 0, zone_m = 0;
    if (!digits(&p, end, 4, &year) || !mark(&p, end, '-') || !digits(&p, end, 2, &month) ||
        !mark(&p, end, '-') || !digits(&p, end, 2, &day) || !mark(&p, end, 'T') ||
        !digits(&p, end, 2, &hour) || !mark(&p, end, ':') || !digits(&p, end, 2, &minute) ||
        !mark(&p, end, ':') || !digits(&p, end, 2, &second) || month < 1 || month > 12)
        return -1;
    if (mark(&p, end, '.'))
        ns = fraction_ns(&p, end);
    int sign = p < end && *p == '-' ? -1 : 1;
    if (!mark(&p, end, 'Z')) {
        if ((!mark(&p, end, '+') && !mark(&p, end, '-')) || !digits(&p, end, 2, &zone_h) ||
            !mark(&p, end, ':') || !digits(&p, end, 2, &zone_m))
            return -1;
    }
    int64_t days = days_from_civil(year, (int)month, (int)day);
    int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    seconds -= sign * (zone_h * 60 + zone_m) * 60;
    if (p != end || seconds < 0 || seconds > INT64_MAX / NS - 1)
        return -1;
    return seconds * NS + ns;
}

/* ---- messages */

void docker_stream_init(struct docker_stream *s, bool tty)
{
    *s = (struct docker_stream){.tty = tty, .state = tty ? STREAM_TIME : STREAM_HEAD};
}

static struct slice take(struct docker_stream *s, struct slice *in, size_t n)
{
    struct slice out = {in->p, n};
    in->p += n;
    in->len -= n;
    if (!s->tty && s->state != STREAM_HEAD)
        s->left -= (uint32_t)n;
    return out;
}

static void begin_message(struct docker_stream *s)
{
    s->state = s->tty ? STREAM_TIME : STREAM_HEAD;
    s->have = 0;
}

static void take_head(struct docker_stream *s, struct slice *in, struct error *err)
{
    size_t want = HEAD_SIZE - s->have;
    struct slice got = take(s, in, in->len < want ? in->len : want);
    memcpy(s->part + s->have, got.p, got.len);
    s->have += (unsigned)got.len;
    if (s->have < HEAD_SIZE)
        return;
    const unsigned char *h = (const unsigned char *)s->part;
    if (h[0] > 2 || h[1] != 0 || h[2] != 0 || h[3] != 0) {
        s->state = STREAM_BROKEN;
        error_set(err, ERR_SYNTAX, "the engine's log stream: got a frame of kind %u, need 1 or 2",
                  h[0]);
        return;
    }
    s->output = h[0] == 2 ? DOCKER_STDERR : DOCKER_STDOUT;
    s->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
    s->state = s->left > 0 ? STREAM_TIME : STREAM_HEAD;
    s->have = 0;
}

/* Has the message ended with its last byte taken, c? */
static bool ended(const struct docker_stream *s, char c)
{
    return s->tty ? c == '\n' : s->left == 0;
}

/* Up to the blank. What is not a time is text of a message without one. */
static bool take_time(struct docker_stream *s, struct slice *in, struct docker_piece *piece)
{
    char c = '\0';
    while (in->len > 0 && c != ' ' && s->have < sizeof(s->part)) {
        c = *take(s, in, 1).p;
        s->part[s->have++] = c;
        if (ended(s, c))
            break;
    }
    bool last = ended(s, c);
    if (c != ' ' && s->have < sizeof(s->part) && !last)
        return false; /* more is to come */
    s->ns = c == ' ' ? docker_time_ns((struct slice){s->part, s->have - 1}) : -1;
    bool timed = s->ns >= 0;
    *piece =
        (struct docker_piece){s->output, timed ? s->ns : 0, {s->part, timed ? 0 : s->have}, last};
    s->ns = piece->ns;
    s->state = STREAM_TEXT;
    if (last)
        begin_message(s);
    return !timed || last;
}

static bool take_text(struct docker_stream *s, struct slice *in, struct docker_piece *piece)
{
    size_t n = in->len;
    bool last;
    if (s->tty) {
        const char *end = memchr(in->p, '\n', in->len);
        last = end != NULL;
        n = last ? (size_t)(end - in->p) + 1 : n;
    } else {
        last = n >= s->left;
        n = last ? s->left : n;
    }
    *piece = (struct docker_piece){s->output, s->ns, take(s, in, n), last};
    if (last)
        begin_message(s);
    return true;
}

bool docker_stream_next(struct docker_stream *s, struct slice *in, struct docker_piece *piece_out,
                        struct error *err)
{
    *err = (struct error){0};
    while (in->len > 0 && s->state != STREAM_BROKEN) {
        if (s->state == STREAM_HEAD)
            take_head(s, in, err);
        else if (s->state == STREAM_TIME && take_time(s, in, piece_out))
            return true;
        else if (s->state == STREAM_TEXT && in->len > 0)
            return take_text(s, in, piece_out);
    }
    return false;
}
