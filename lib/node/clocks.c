/* Wall clocks: members of the cluster tell each other the time, so that a wrong one is seen, leads
 * no schedules and does not get into the log (spec/chronos.md 3.5). */
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/frame.h"
#include "node/private.h"

#define ASK_MS 1000
#define BELIEVED_MS 3500               /* an answer of a member */
#define OFF_MS 500                     /* more than that from the median: a clock is wrong */
#define STEP_MS 5000                   /* alone: a step against the monotonic clock */
#define HAND_OVER_MS 10000             /* between attempts to let another lead */
#define SHOWN_MS 25                    /* smaller differences are no news */
#define ROUND_TRIP_MAX 2000            /* a slower answer tells too little */
#define WALL_MS_MAX (INT64_C(1) << 53) /* no clock shows more, and sums of them still fit */

/* ---------------- frames: '?' and when it was asked; '!', the same, and the wall clock */

static struct buf new_frame(char kind, int64_t asked)
{
    struct buf frame;
    buf_init(&frame, 32);
    buf_putc(&frame, FRAME_CLOCK);
    buf_putc(&frame, kind);
    buf_put_u64(&frame, (uint64_t)asked);
    return frame;
}

static void ask(struct node *n)
{
    struct replica_member m;
    for (size_t i = 0; replica_member(n->replica, i, &m); i++) {
        if (m.server.id == n->options.id || (m.server.role != REPLICA_VOTER && !n->leading))
            continue;
        struct buf frame = new_frame('?', n->now.mono.ms);
        node_post(n, (int64_t)m.server.id, &frame);
    }
}

static bool is_member(const struct node *n, int64_t node)
{
    return replica_has_member(n->replica, (uint64_t)node);
}

static bool is_voter(const struct node *n, int64_t node)
{
    return replica_votes(n->replica, (uint64_t)node);
}

/* Of a member. Who is none any more gives its place up: there are not more members than places. */
static struct clock_seen *seen_of(struct node *n, int64_t node)
{
    struct clocks *c = &n->clocks;
    struct clock_seen *place = NULL;
    for (size_t i = 0; i < c->n; i++) {
        if (c->seen[i].node == node)
            return &c->seen[i];
        if (!is_member(n, c->seen[i].node))
            place = &c->seen[i];
    }
    if (place == NULL)
        place = &c->seen[c->n++];
    *place = (struct clock_seen){.node = node};
    return place;
}

static void take_answer(struct node *n, int64_t from, int64_t asked, int64_t wall)
{
    if (!is_member(n, from) || asked < 0 || asked > n->now.mono.ms ||
        n->now.mono.ms - asked > ROUND_TRIP_MAX || wall < 0 || wall > WALL_MS_MAX)
        return;
    struct clock_seen *s = seen_of(n, from);
    s->unsure_ms = (n->now.mono.ms - asked) / 2;
    s->apart_ms = wall + s->unsure_ms - n->now.mono.ms;
    s->heard = n->now.mono;
}

/* Of its wall clock against ours, wherever ours has jumped to since. */
static int64_t offset_of(const struct node *n, const struct clock_seen *s)
{
    return s->apart_ms - (n->raw_wall.ms - n->now.mono.ms);
}

/* At least so far they are apart, whatever its answer's ways took. */
static int64_t sure_offset_of(const struct node *n, const struct clock_seen *s)
{
    int64_t offset = offset_of(n, s);
    if (llabs(offset) <= s->unsure_ms)
        return 0;
    return offset > 0 ? offset - s->unsure_ms : offset + s->unsure_ms;
}

void clocks_take(struct node *n, int64_t from, struct slice body)
{
    if (body.len == 9 && body.p[0] == '?') {
        struct buf frame = new_frame('!', (int64_t)u64_at(body.p + 1));
        buf_put_u64(&frame, (uint64_t)n->raw_wall.ms);
        node_post(n, from, &frame);
    } else if (body.len == 17 && body.p[0] == '!') {
        take_answer(n, from, (int64_t)u64_at(body.p + 1), (int64_t)u64_at(body.p + 9));
    }
}

/* ---------------- judging */

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static bool believed(const struct node *n, const struct clock_seen *s)
{
    return s->heard.ms != 0 && n->now.mono.ms - s->heard.ms < BELIEVED_MS;
}

/* Of the voters that are heard, this node among them, as an offset to our clock. False: fewer than
 * three, and two are no judges of each other. */
static bool median(struct node *n, int64_t *out)
{
    int64_t offsets[LIMIT_SERVERS + 1];
    size_t k = 0;
    if (is_voter(n, (int64_t)n->options.id))
        offsets[k++] = 0;
    for (size_t i = 0; i < n->clocks.n; i++)
        if (believed(n, &n->clocks.seen[i]) && is_voter(n, n->clocks.seen[i].node))
            offsets[k++] = sure_offset_of(n, &n->clocks.seen[i]);
    if (k < 3)
        return false;
    qsort(offsets, k, sizeof offsets[0], by_size);
    *out = k % 2 == 1 ? offsets[k / 2] : (offsets[k / 2 - 1] + offsets[k / 2]) / 2;
    return true;
}

/* A clock that jumps has nobody beside it that would notice, if it is the only one. */
static void watch_steps(struct node *n, struct now now)
{
    int64_t apart = now.wall.ms - now.mono.ms;
    if (n->clocks.apart != 0 && llabs(apart - n->clocks.apart) > STEP_MS) {
        n->clocks.step_ms = apart - n->clocks.apart;
        log_warn("the wall clock was set", "by_ms=%lld", (long long)n->clocks.step_ms);
    }
    n->clocks.apart = apart;
}

/* What the node takes for the time: never before what is in the log, and not far ahead of what the
 * others take for it. */
struct wall clocks_now(struct node *n, struct now now)
{
    int64_t m, ms = now.wall.ms;
    watch_steps(n, now);
    n->raw_wall = now.wall;
    n->now.mono = now.mono;
    if (median(n, &m) && m < -OFF_MS)
        ms += m + OFF_MS;
    return (struct wall){ms > n->last_at.ms ? ms : n->last_at.ms};
}

static int64_t closest_voter(struct node *n, int64_t m)
{
    int64_t best = 0, distance = llabs(m);
    for (size_t i = 0; i < n->clocks.n; i++) {
        const struct clock_seen *s = &n->clocks.seen[i];
        if (!believed(n, s) || !is_voter(n, s->node) || llabs(offset_of(n, s) - m) >= distance)
            continue;
        best = s->node;
        distance = llabs(offset_of(n, s) - m);
    }
    return best;
}

static void step_aside(struct node *n, int64_t m)
{
    int64_t to = closest_voter(n, m);
    if (!n->minds_lead || to == 0 || n->change.ticket != 0 ||
        n->now.mono.ms < n->clocks.hand_over_due.ms)
        return;
    n->clocks.hand_over_due = mono_after(n->now.mono, HAND_OVER_MS);
    outbox_hand_over(&n->out, to, (struct origin){.kind = ORIGIN_NOBODY});
}

struct wall clocks_waits(const struct node *n)
{
    bool waits = n->leading && !n->clocks.off && n->last_at.ms - n->raw_wall.ms > STEP_MS;
    return waits ? n->last_at : (struct wall){0};
}

/* A clock that was once set too far ahead costs each target until then. */
static void tell_waits(struct node *n)
{
    char until[TIME_TEXT_SIZE];
    bool waits = clocks_waits(n).ms != 0;
    if (waits && !n->clocks.waits)
        log_event(LOG_ERROR, "the log is ahead of the clock, no schedule goes on before",
                  "until=%s", wall_text(n->last_at, until));
    n->clocks.waits = waits;
}

void clocks_look(struct node *n)
{
    int64_t m;
    if (hint_needed(n))
        return;
    if (n->now.mono.ms >= n->clocks.ask_due.ms) {
        n->clocks.ask_due = mono_after(n->now.mono, ASK_MS);
        ask(n);
    }
    bool off = median(n, &m) && llabs(m) > OFF_MS;
    if (off != n->clocks.off)
        log_event(off ? LOG_ERROR : LOG_INFO,
                  off ? "this node's clock is wrong" : "the clock is right", "off_ms=%lld",
                  off ? (long long)-m : 0LL);
    n->clocks.off = off;
    n->clocks.off_ms = off ? -m : 0;
    if (off)
        step_aside(n, m);
    tell_waits(n);
}

bool clocks_off(const struct node *n)
{
    return n->clocks.off;
}

struct mono clocks_due(const struct node *n)
{
    struct replica_member second;
    bool alone = !replica_member(n->replica, 1, &second);
    return alone || hint_needed(n) ? MONO_NEVER : n->clocks.ask_due;
}

/* ---------------- showing */

static bool has_moved(const struct node *n, const struct clock_seen *s)
{
    return believed(n, s) != s->shown ||
           (s->shown && llabs(offset_of(n, s) - s->shown_ms) >= SHOWN_MS);
}

/* [{"node","offset_ms"}] of the others, against ours; the same text until there is news. */
const char *clocks_text(struct node *n)
{
    struct clocks *c = &n->clocks;
    struct json_writer w;
    struct buf text;
    bool news = c->text == NULL;
    for (size_t i = 0; i < c->n; i++)
        news = news || has_moved(n, &c->seen[i]);
    if (!news)
        return c->text;
    buf_init(&text, 65536);
    json_begin(&w, &text);
    json_array(&w);
    for (size_t i = 0; i < c->n; i++) {
        struct clock_seen *s = &c->seen[i];
        s->shown = believed(n, s);
        s->shown_ms = offset_of(n, s);
        if (!s->shown)
            continue;
        json_object(&w);
        json_member_int(&w, "node", s->node);
        json_member_int(&w, "offset_ms", s->shown_ms);
        json_object_end(&w);
    }
    json_array_end(&w);
    mem_free(c->text);
    c->text = buf_take(&text, NULL);
    return c->text;
}
