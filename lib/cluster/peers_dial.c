/* When to dial, and what comes of it. */
#include "base/limits.h"
#include "base/mem.h"
#include "cluster/peers_private.h"

#define PAUSE_MS_MIN 20 /* on average, after the first failure */

void peers_cancel_dial(struct peer *p)
{
    if (p->attempt == NULL || p->attempt->canceled)
        return;
    p->attempt->canceled = true;
    dial_cancel(&p->attempt->dial);
}

static void on_due(uv_timer_t *timer);

static bool wants_line(const struct peer *p)
{
    return p->has_address && p->attempt == NULL && p->asking == NULL && !peers_stopping(p->all) &&
           (p->redial || (p->line == NULL && peers_waiting(p) > 0));
}

void peers_arm(struct peer *p)
{
    uint64_t now = peers_now(p->all), due = UINT64_MAX;
    if (wants_line(p))
        due = p->dial_at;
    if (p->attempt != NULL && !p->attempt->canceled)
        due = p->attempt_ends;
    if (p->moving && p->gap_ends < due)
        due = p->gap_ends;
    if (due == UINT64_MAX)
        uv_timer_stop(&p->timer);
    else
        uv_timer_start(&p->timer, on_due, due > now ? due - now : 0, 0);
}

/* Between the half and the whole of a pause that doubles. */
void peers_pause_dialling(struct peer *p)
{
    unsigned doublings = p->failures < 16 ? p->failures : 16;
    uint64_t pause = (uint64_t)PAUSE_MS_MIN << doublings;
    if (pause > LIMIT_PEER_PAUSE_MS)
        pause = LIMIT_PEER_PAUSE_MS;
    p->failures++;
    p->dial_at = peers_now(p->all) + pause / 2 + rng_below(p->all->rng, pause / 2 + 1);
}

void peers_dial_failed(struct peer *p, const struct error *err)
{
    bool first = !p->told;
    p->told = true;
    peers_pause_dialling(p);
    if (p->line == NULL)
        peers_drop_queues(p, false);
    peers_arm(p);
    if (first)
        peers_trouble(p->all, p->id, err);
}

/* ---- dialling */
static int check_dialled(struct peer *p, struct stream *s, struct error *err)
{
    char where[ADDRESS_SIZE];
    int64_t id = peers_identify(p->all, tls_peer(s), err);
    if (id == p->id)
        return 0;
    if (id != 0)
        error_set(err, ERR_CONFLICT, "node %lld answers there", (long long)id);
    return error_wrap(err, "dialling node %lld at %.100s", (long long)p->id,
                      address_text(&p->address, where));
}

static void on_connected(struct peer *p, struct attempt *a, struct stream *s)
{
    struct error err = {0};
    if (check_dialled(p, s, &err) == 0) {
        p->asking = peers_line_begin(p->all, p, s, true, a->generation);
        peers_arm(p);
        return;
    }
    struct line *l = peers_line_begin(p->all, NULL, s, true, a->generation);
    line_leave(l, WIRE_BYE, (struct slice){0}, LIMIT_TLS_LINGER_MS);
    peers_dial_failed(p, &err);
}

static void on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    struct attempt *a = d->data;
    struct peer *p = a->peer;
    struct error why = err != NULL ? *err : (struct error){0};
    p->attempt = NULL;
    if (a->late)
        error_set(&why, ERR_UNAVAILABLE, "no connection after %d ms", LIMIT_PEER_DIAL_MS);
    if (s != NULL && (a->canceled || p->forgotten || peers_stopping(p->all))) {
        stream_close(s, NULL);
        s = NULL;
    }
    if (p->forgotten || (a->canceled && !a->late))
        ; /* nobody waits for it any more */
    else if (s != NULL)
        on_connected(p, a, s);
    else
        peers_dial_failed(p, &why);
    if (!p->forgotten)
        peers_arm(p);
    mem_free(a);
    peers_part_gone(p);
}

static void dial(struct peer *p)
{
    struct error err;
    struct attempt *a = NEW(struct attempt);
    a->dial.data = a;
    a->peer = p;
    a->generation = p->all->generation;
    if (dial_tls(&a->dial, p->all->loop, p->address.host, p->address.port, p->all->tls, on_dialled,
                 &err) != 0) {
        mem_free(a);
        peers_dial_failed(p, &err);
        return;
    }
    p->attempt = a;
    p->attempt_ends = peers_now(p->all) + LIMIT_PEER_DIAL_MS;
    p->handles++;
    peers_arm(p);
}

static void on_gap_over(struct peer *p)
{
    struct error err;
    error_set(&err, ERR_UNAVAILABLE, "it did not come back over another connection");
    peers_went_down(p, PEERS_SILENT, &err);
}

static void on_due(uv_timer_t *timer)
{
    struct peer *p = timer->data;
    uint64_t now = peers_now(p->all);
    if (p->attempt != NULL && !p->attempt->canceled && now >= p->attempt_ends) {
        p->attempt->late = true;
        peers_cancel_dial(p);
    }
    if (p->moving && now >= p->gap_ends)
        on_gap_over(p);
    else if (wants_line(p) && now >= p->dial_at)
        dial(p);
    else
        peers_arm(p);
}
