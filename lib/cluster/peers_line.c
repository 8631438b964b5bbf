/* Of the lines to a peer, which to use; and what is said on them. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"
#include "cluster/peers_private.h"

/* The other side is told that what follows comes over another one; what it has sent is read. */
static void retire(struct line *l)
{
    if (l != NULL)
        line_leave(l, WIRE_MOVED, (struct slice){0}, LIMIT_PEER_SILENT_MS);
}

/* Of two lines, does the newer win? Else its owner must see for itself that the older is there. */
static bool newer_wins(const struct peer *p, const struct line *newer)
{
    bool ours_is_lower = p->all->self < p->id;
    return newer->dialled == p->line->dialled || newer->dialled == ours_is_lower;
}

static void use(struct peer *p, struct line *l)
{
    struct line *old = p->line;
    p->line = l;
    p->moving = false;
    if (l->generation == p->all->generation)
        p->redial = false;
    retire(old);
    line_push(l);
    peers_push_soon(l);
    peers_arm(p);
}

/* A line over which both sides let each other in. */
static void take(struct peer *p, struct line *l)
{
    struct peers *all = p->all;
    bool first = !p->up;
    l->welcome = true;
    p->told = false;
    if (first)
        p->up_since = peers_now(all);
    if (!l->dialled && p->id < all->self)
        peers_cancel_dial(p);
    if (p->line == NULL || newer_wins(p, l)) {
        use(p, l);
    } else if (l->dialled) {
        retire(l); /* the lower one's is here */
    } else {
        /* It had not seen our dial yet, or it has lost that line and we do not know: then the next
         * byte tells. */
        retire(p->spare);
        p->spare = l;
        line_say(p->line, WIRE_BEAT, (struct slice){0});
    }
    p->up = true;
    if (first)
        all->events->on_up(all, p->id);
}

/* True if it was the one in use and there is no other. */
static bool unlink_line(struct peer *p, struct line *l)
{
    if (p->spare == l)
        p->spare = NULL;
    if (p->asking == l)
        p->asking = NULL;
    if (p->line != l)
        return false;
    p->line = p->spare;
    p->spare = NULL;
    if (p->line == NULL)
        return true;
    line_push(p->line);
    peers_push_soon(p->line);
    return false;
}

static void on_line_lost(struct line *l, enum peers_end how, const struct error *err)
{
    struct peer *p = l->peer;
    if (p == NULL)
        return;
    bool asked = p->asking == l;
    l->peer = NULL;
    p->lines--;
    bool down = unlink_line(p, l);
    if (asked && !peers_stopping(p->all))
        peers_dial_failed(p, err);
    else if (down)
        peers_went_down(p, how, err);
    else
        peers_settle(p);
}

static void on_moved(struct line *l)
{
    struct peer *p = l->peer;
    if (unlink_line(p, l)) {
        p->moving = true;
        p->gap_ends = peers_now(p->all) + LIMIT_PEER_SILENT_MS;
        p->dial_at = peers_now(p->all);
    }
    retire(l);
    peers_arm(p);
}

/* ---- frames */
static void on_welcome(struct line *l)
{
    struct peer *p = l->peer;
    if (l->welcome || l->state != LINE_OPEN)
        return;
    if (p->asking == l)
        p->asking = NULL;
    take(p, l);
}

static void on_refused_us(struct line *l, struct slice why)
{
    struct error err;
    char text[160];
    struct peers *all = l->all;
    int64_t id = l->peer->id;
    struct tls_peer who = *tls_peer(l->stream);
    struct buf said;
    buf_init(&said, WIRE_TEXT_MAX + 1);
    buf_put_slice(&said, why); /* the line's own goes with it */
    error_set(&err, ERR_INVALID, "it refused us: %s",
              str_quote(text, sizeof(text), why.p, why.len));
    line_close(l);
    on_line_lost(l, PEERS_CLOSED, &err);
    if (all->events->on_refused != NULL && !peers_stopping(all))
        all->events->on_refused(all, id, &who, buf_slice(&said));
    buf_close(&said);
}

static void on_bye(struct line *l)
{
    struct error err;
    error_set(&err, ERR_UNAVAILABLE, "it has stopped");
    line_close(l);
    on_line_lost(l, PEERS_BYE, &err);
}

static void on_redial(struct line *l)
{
    struct peer *p = l->peer;
    if (!l->dialled || p->line != l || p->redial)
        return;
    p->redial = true;
    p->dial_at = peers_now(p->all) + rng_below(p->all->rng, LIMIT_PEER_RENEW_MS);
    peers_arm(p);
}

static void on_line_frame(struct line *l, const struct wire_frame *f)
{
    if (l->peer == NULL || peers_stopping(l->all))
        return;
    switch (f->kind) {
    case WIRE_DATA:
        if (l->welcome && l->peer->up)
            l->all->events->on_frame(l->all, l->peer->id, f->body);
        return;
    case WIRE_WELCOME:
        on_welcome(l);
        return;
    case WIRE_REFUSED:
        on_refused_us(l, f->body);
        return;
    case WIRE_MOVED:
        on_moved(l);
        return;
    case WIRE_REDIAL:
        on_redial(l);
        return;
    case WIRE_BYE:
        on_bye(l);
        return;
    case WIRE_BEAT:
        return;
    }
    UNREACHABLE("wire_read() lets no other kind in");
}

static void on_line_closed(struct line *l)
{
    list_remove(&l->list);
    list_remove(&l->dirty);
    peers_handle_gone(l->all);
}

static const struct line_events line_events = {.on_idle = peers_on_idle,
                                               .on_sent = peers_on_sent,
                                               .on_frame = on_line_frame,
                                               .on_lost = on_line_lost,
                                               .on_closed = on_line_closed};

struct line *peers_line_begin(struct peers *all, struct peer *p, struct stream *s, bool dialled,
                              unsigned generation)
{
    struct line *l = line_new(all->loop, s, &line_events);
    l->all = all;
    l->peer = p;
    l->dialled = dialled;
    l->generation = generation;
    list_push(&all->lines, &l->list);
    list_init(&l->dirty);
    all->handles++;
    if (p == NULL)
        return l;
    p->lines++;
    line_read(l, p->reading);
    line_say(l, WIRE_WELCOME, (struct slice){0});
    return l;
}
