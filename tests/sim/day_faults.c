/* What goes wrong in a simulated day (spec/chronos.md 10.7, N-2 to N-7), one thing after the other;
 * and each hour the leader is killed. */
#include "base/mem.h"
#include "sim/day.h"

#define BACK_MS 15000 /* who is killed comes again */
#define QUIET_MIN_MS (2 * MINUTE_MS)
#define QUIET_MORE_MS (6 * MINUTE_MS)
#define JUMP_MS 60000
#define DRIFT_MS_A_SECOND 10 /* 1 % */

static void log_node(struct world *w, const char *kind, const struct sim_node *n)
{
    fprintf(w->day->faults, "{\"t\":%lld,\"kind\":\"%s\",\"node\":\"%s\"}\n",
            (long long)(w->wall0 + w->mono), kind, n->name);
}

static void log_plain(struct world *w, const char *kind)
{
    fprintf(w->day->faults, "{\"t\":%lld,\"kind\":\"%s\"}\n", (long long)(w->wall0 + w->mono),
            kind);
}

/* Frames from one to the other are lost until all is mended. */
static void cut_way(struct world *w, int from, int to)
{
    if (from == to)
        return;
    cut(w, from, to, w->day->mend_due);
    fall_silent(&w->nodes[from], to);
    fall_silent(&w->nodes[to], from); /* it is told, or hears nothing either */
    fprintf(w->day->faults, "{\"t\":%lld,\"kind\":\"cut\",\"from\":\"%s\",\"to\":\"%s\"}\n",
            (long long)(w->wall0 + w->mono), w->nodes[from].name, w->nodes[to].name);
}

static void isolate(struct world *w, const struct sim_node *n)
{
    for (int i = 0; i < w->n; i++) {
        cut_way(w, n->position, i);
        cut_way(w, i, n->position);
    }
}

static void split(struct world *w)
{
    uint64_t side = 1 + rng_below(&w->day->rng, (UINT64_C(1) << (w->n - 1)) - 1);
    for (int i = 0; i < w->n; i++)
        for (int k = 0; k < w->n; k++)
            if ((side >> i & 1) != (side >> k & 1))
                cut_way(w, i, k);
}

/* Each sees another majority. */
static void ring(struct world *w)
{
    for (int i = 0; i < w->options.nodes; i++)
        cut_way(w, i, (i + 1) % w->options.nodes);
}

/* kill -9; it comes again by itself at that time. */
static void kill_it(struct world *w, struct sim_node *n, int64_t back)
{
    if (n->node == NULL)
        return;
    log_node(w, "down", n);
    take_down(n, FATE_KEPT, 0);
    n->up_at = back;
    unheard(n, back);
    w->day->down |= 1u << n->position;
}

static struct sim_node *any_of(struct world *w, int first, int n)
{
    return &w->nodes[first + (int)rng_below(&w->day->rng, (uint64_t)n)];
}

static void begin(struct world *w, enum fault_kind what)
{
    struct day *d = w->day;
    struct sim_node *leader = leader_of(w);
    int masters = w->options.nodes;
    d->mend_due = w->mono + 20000 + (int64_t)rng_below(&d->rng, 20000);
    struct sim_node *n = leader != NULL ? leader : any_of(w, 0, masters);
    switch (what) {
    case FAULT_KILL_LEADER:
        d->mend_due = w->mono + BACK_MS;
        kill_it(w, n, d->mend_due);
        break;
    case FAULT_ISOLATE_LEADER:
        isolate(w, n);
        break;
    case FAULT_KILL_ANY:
        d->mend_due = w->mono + BACK_MS;
        kill_it(w, any_of(w, 0, w->n), d->mend_due);
        break;
    case FAULT_KILL_ALL:
        d->mend_due = w->mono + BACK_MS;
        for (int i = 0; i < w->n; i++)
            kill_it(w, &w->nodes[i], d->mend_due);
        break;
    case FAULT_PAUSE_LEADER:
        d->mend_due = w->mono + 30000;
        n->busy_until = d->mend_due;
        unheard(n, d->mend_due);
        for (int i = 0; i < w->n; i++)
            fall_silent(n, i);
        log_node(w, "stop", n);
        break;
    case FAULT_DEAF:
        cut_way(w, any_of(w, 0, w->n)->position, n->position);
        break;
    case FAULT_RING:
        ring(w);
        break;
    case FAULT_SPLIT:
        split(w);
        break;
    case FAULT_LOSS:
        w->options.faults.drop = 200;
        w->options.faults.delay = 1000;
        for (int i = 0; i < w->n; i++)
            unheard(&w->nodes[i], d->mend_due);
        log_plain(w, "loss");
        break;
    case FAULT_CLOCK_JUMP:
    case FAULT_CLOCK_BACK:
    case FAULT_DRIFT:
        d->mend_due += 40000;
        n = what == FAULT_CLOCK_BACK ? n : any_of(w, 0, w->n);
        if (what == FAULT_CLOCK_BACK)
            n->wall_ahead_ms = -JUMP_MS;
        else if (what == FAULT_CLOCK_JUMP)
            n->wall_ahead_ms = rng_below(&d->rng, 2) == 0 ? JUMP_MS : -JUMP_MS;
        log_node(w, "clock", n);
        break;
    case FAULT_CUT_AGENT:
        n = any_of(w, masters, w->n - masters);
        isolate(w, n);
        break;
    case FAULT_AGENT_DIES:
        n = any_of(w, masters, w->n - masters);
        log_node(w, "down", n);
        log_node(w, "lost", n);
        kill_host(n, d->mend_due);
        d->down |= 1u << n->position;
        break;
    case N_DAY_FAULTS:
        break;
    }
    d->fault = what;
    d->fault_node = n->position;
}

static void mend(struct world *w)
{
    struct day *d = w->day;
    struct sim_node *n = &w->nodes[d->fault_node];
    switch (d->fault) {
    case FAULT_PAUSE_LEADER:
        log_node(w, "cont", n);
        break;
    case FAULT_LOSS:
        w->options.faults.drop = w->options.faults.delay = 0;
        log_plain(w, "heal");
        break;
    case FAULT_CLOCK_JUMP:
    case FAULT_CLOCK_BACK:
    case FAULT_DRIFT:
        n->wall_ahead_ms = 0;
        log_node(w, "right", n);
        break;
    case FAULT_ISOLATE_LEADER:
    case FAULT_DEAF:
    case FAULT_RING:
    case FAULT_SPLIT:
    case FAULT_CUT_AGENT:
        log_plain(w, "heal");
        break;
    case FAULT_KILL_LEADER:
    case FAULT_KILL_ANY:
    case FAULT_KILL_ALL:
    case FAULT_AGENT_DIES:
        for (int i = 0; i < w->n; i++)
            if (d->down >> i & 1)
                log_node(w, "up", &w->nodes[i]);
        d->down = 0;
        break;
    case N_DAY_FAULTS:
        break;
    }
    d->mend_due = 0;
    d->fault_due = w->mono + QUIET_MIN_MS + (int64_t)rng_below(&d->rng, QUIET_MORE_MS);
}

static void drift_on(struct world *w)
{
    struct sim_node *n = &w->nodes[w->day->fault_node];
    if (w->day->mend_due != 0 && w->day->fault == FAULT_DRIFT)
        n->wall_ahead_ms += DRIFT_MS_A_SECOND;
}

void day_faults_act(struct world *w)
{
    struct day *d = w->day;
    if (w->mono >= w->options.trouble_ms - QUIET_MS)
        d->fault_due = d->kill_due = INT64_MAX;
    if (w->mono / 1000 != d->drifted) {
        d->drifted = w->mono / 1000;
        drift_on(w);
        day_plant_clocks(w);
    }
    if (d->mend_due != 0 && d->mend_due <= w->mono) {
        mend(w);
    } else if (d->mend_due == 0 && d->kill_due <= w->mono) {
        begin(w, FAULT_KILL_LEADER);
        d->kill_due = (w->mono / HOUR_MS + 1) * HOUR_MS + (int64_t)rng_below(&d->rng, HOUR_MS / 2);
    } else if (d->mend_due == 0 && d->fault_due <= w->mono) {
        begin(w, (enum fault_kind)(1 + rng_below(&d->rng, N_DAY_FAULTS - 1)));
    }
}

int64_t day_faults_due(const struct day *d)
{
    int64_t due = d->fault_due < d->kill_due ? d->fault_due : d->kill_due;
    return d->mend_due != 0 ? d->mend_due : due;
}
