#include "cluster/renewal.h"

#include "base/limits.h"
#include "model/frame.h"

#define PAUSE_MS_MIN 200
#define LOOK_MS_MAX 600000 /* the clock may be set meanwhile */

static struct wall now_of(const struct renewal *r)
{
    return r->loop->clock.wall(&r->loop->clock);
}

static bool wants_key(const struct renewal *r)
{
    return (r->identity->facts.modes & MODE_MASTER) != 0 && !ca_can_sign(r->identity->ca);
}

static bool wants_certificate(const struct renewal *r)
{
    const struct certificate *c = &r->identity->facts;
    enum certificate_age age = certificate_age(c->from, c->until, now_of(r));
    return age == CERTIFICATE_DUE || age == CERTIFICATE_OVER;
}

static void on_due(uv_timer_t *timer);

static void wait_ms(struct renewal *r, int64_t ms)
{
    if (r->stopped == NULL)
        uv_timer_start(&r->timer, on_due, ms > 0 ? (uint64_t)ms : 0, 0);
}

/* Until there is something to ask for. */
static void rest(struct renewal *r)
{
    const struct certificate *c = &r->identity->facts;
    int64_t left = certificate_renew_at(c->from, c->until).ms - now_of(r).ms;
    if (wants_key(r) || wants_certificate(r))
        left = 0;
    wait_ms(r, left < LOOK_MS_MAX ? left : LOOK_MS_MAX);
}

/* Between the half and the whole of one that doubles. */
static void pause_asking(struct renewal *r)
{
    unsigned doublings = r->failures < 16 ? r->failures : 16;
    int64_t pause = (int64_t)PAUSE_MS_MIN << doublings;
    if (pause > LIMIT_RENEW_PAUSE_MS)
        pause = LIMIT_RENEW_PAUSE_MS;
    r->failures++;
    r->asked = 0;
    wait_ms(r, pause / 2 + (int64_t)rng_below(r->rng, (uint64_t)pause / 2 + 1));
}

/* Whom; 0: nobody is known. */
static int64_t choose(struct renewal *r)
{
    int64_t ids[LIMIT_SERVERS], self = r->identity->facts.id;
    if (ca_can_sign(r->identity->ca))
        return self;
    size_t n = r->events->masters(r, ids);
    for (size_t i = 0; i < n; i++) {
        int64_t id = ids[r->next++ % n];
        if (id != self)
            return id;
    }
    return 0;
}

static void ask(struct renewal *r, int64_t id)
{
    const struct join_request request = {.ask = r->ask, .request = buf_str(&r->identity->request)};
    struct buf frame;
    buf_init(&frame, LIMIT_JOIN_BYTES);
    buf_putc(&frame, FRAME_RENEW);
    join_request_write(&request, &frame);
    r->asked = id;
    wait_ms(r, LIMIT_RENEW_MS);
    r->events->send(r, id, buf_slice(&frame));
    buf_close(&frame);
}

static void on_due(uv_timer_t *timer)
{
    struct renewal *r = timer->data;
    struct error err;
    int64_t whom = r->asked;
    if (whom != 0) { /* it does not answer */
        pause_asking(r);
        error_set(&err, ERR_UNAVAILABLE, "it does not answer about our certificate");
        r->events->on_trouble(r, whom, &err);
        return;
    }
    r->ask = wants_key(r) ? JOIN_KEY : JOIN_RENEW;
    if (r->ask == JOIN_RENEW && !wants_certificate(r)) {
        rest(r);
        return;
    }
    whom = choose(r);
    if (whom == 0)
        pause_asking(r);
    else
        ask(r, whom);
}

/* ---- answers */

static int take_answer(struct renewal *r, const struct join_answer *a, struct error *err)
{
    if (r->ask == JOIN_KEY && a->key != NULL)
        return identity_take_ca_key(r->identity, slice_of(a->key), err);
    if (r->ask == JOIN_RENEW && a->certificate != NULL)
        return identity_renew(r->identity, slice_of(a->certificate), now_of(r), err);
    return error_set(err, ERR_INVALID, "it answered something else than was asked");
}

void renewal_frame(struct renewal *r, int64_t id, struct slice body)
{
    struct join_answer a;
    struct json *root = NULL;
    struct error err;
    if (id != r->asked || r->stopped != NULL)
        return; /* it comes too late: another one was asked */
    int rc = join_answer_parse(body, &root, &a, &err);
    if (rc == 0)
        rc = take_answer(r, &a, &err);
    json_free(root);
    if (rc != 0) {
        pause_asking(r);
        r->events->on_trouble(r, id, &err);
        return;
    }
    r->asked = 0;
    r->failures = 0;
    rest(r);
    if (r->ask == JOIN_KEY)
        r->events->on_key(r);
    else
        r->events->on_renewed(r);
}

/* ---- life */

void renewal_start(struct renewal *r, struct loop *loop, struct rng *rng, struct identity *identity,
                   const struct renewal_events *events)
{
    *r = (struct renewal){
        .data = r->data, .events = events, .loop = loop, .rng = rng, .identity = identity};
    uv_timer_init(&loop->uv, &r->timer);
    r->timer.data = r;
    r->next = (size_t)rng_below(rng, LIMIT_SERVERS);
    rest(r);
}

void renewal_look(struct renewal *r)
{
    if (r->asked == 0)
        rest(r);
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct renewal *r = timer->data;
    r->stopped(r);
}

void renewal_stop(struct renewal *r, void (*stopped)(struct renewal *r))
{
    r->stopped = stopped;
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
