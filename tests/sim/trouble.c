/* What goes wrong, and how everything is well again. */
#include <stddef.h>
#include <stdio.h>

#include "sim/world.h"

#define CUT_MS_MAX 4000
#define PAUSE_MS_MAX 1500
#define STALL_MS 200
#define JUMP_MS_MAX 3000
#define FULL_MS_MAX 3000
#define HOST_MS_MAX 12000 /* a machine's way down and up */
#define STORM_KILLS_MAX 8
#define SILENT_MS 3000

static int64_t soon(struct world *w, int64_t most_ms)
{
    return w->mono + 1 + (int64_t)rng_below(&w->rng, (uint64_t)most_ms);
}

void cut(struct world *w, int from, int to, int64_t until_ms)
{
    if (from == to)
        return;
    if (w->cut[from][to] < until_ms)
        w->cut[from][to] = until_ms;
    unheard(&w->nodes[from], until_ms);
    unheard(&w->nodes[to], until_ms);
}

static void cut_off(struct sim_node *n)
{
    struct world *w = n->w;
    int64_t until = soon(w, CUT_MS_MAX);
    for (int i = 0; i < w->n; i++) {
        cut(w, n->position, i, until);
        cut(w, i, n->position, until);
    }
}

static void deafen(struct sim_node *n)
{
    struct world *w = n->w;
    cut(w, (int)rng_below(&w->rng, (uint64_t)w->n), n->position, soon(w, CUT_MS_MAX));
}

static void split(struct sim_node *n)
{
    struct world *w = n->w;
    int64_t until = soon(w, CUT_MS_MAX);
    uint64_t half = rng_next(&w->rng);
    for (int i = 0; i < w->n; i++)
        for (int k = 0; k < w->n; k++)
            if ((half >> i & 1) != (half >> k & 1))
                cut(w, i, k, until);
}

static void stand_still(struct sim_node *n)
{
    n->busy_until = soon(n->w, PAUSE_MS_MAX);
    unheard(n, n->busy_until);
}

static void jump(struct sim_node *n)
{
    n->wall_ahead_ms += (int64_t)rng_below(&n->w->rng, 2 * JUMP_MS_MAX) - JUMP_MS_MAX;
}

static void fill_disk(struct sim_node *n)
{
    n->full_until = soon(n->w, FULL_MS_MAX);
    n->disk_fails = true;
    faultvfs_full(n->vfs, true);
}

static void kill_process(struct sim_node *n)
{
    if (n->node != NULL)
        take_down(n, planted(n->w, PLANT_LOST) ? FATE_LOST : FATE_KEPT, 0);
}

void fall_silent(struct sim_node *n, int to)
{
    struct event e = {.kind = EVENT_CLOSED, .node = (int64_t)n->id, .silent = true};
    if (to != n->position)
        deliver(n->w, to, SILENT_MS, &e);
}

void kill_host(struct sim_node *n, int64_t until_ms)
{
    for (int i = 0; i < n->w->n && (n->w->options.grows || n->w->day != NULL); i++)
        fall_silent(n, i);
    if (n->node != NULL)
        take_down(n, draw_fate(n->w), until_ms);
    n->up_at = until_ms;
    unheard(n, until_ms);
    tasks_vanish(n);
    snprintf(n->boot, sizeof n->boot, "boot-%d", ++n->boots);
}

static void lose_host(struct sim_node *n)
{
    kill_host(n, soon(n->w, HOST_MS_MAX));
}

static void storm(struct sim_node *n)
{
    n->storm = 2 + (int)rng_below(&n->w->rng, STORM_KILLS_MAX - 1);
    kill_process(n);
}

static void stop(struct sim_node *n)
{
    if (n->node != NULL)
        deliver(n->w, n->position, 0, &(struct event){.kind = EVENT_STOP});
}

/* They are right, so that all is as wanted though everybody's may be replaced, or kept. */
static void have_wrong_tables(struct sim_node *n)
{
    struct event e = {.kind = EVENT_STATE_WRONG};
    if (n->node == NULL)
        return;
    buf_init(&e.body, 64);
    buf_puts(&e.body, "a row is another");
    deliver(n->w, n->position, 0, &e);
}

static const struct {
    const char *name;
    size_t rate; /* where in struct faults */
    void (*happens)(struct sim_node *n);
} kinds[] = {
    {"is cut off", offsetof(struct faults, cut), cut_off},
    {"is deaf to another", offsetof(struct faults, deaf), deafen},
    {"is in a split network", offsetof(struct faults, split), split},
    {"stands still", offsetof(struct faults, pause), stand_still},
    {"has its clock set", offsetof(struct faults, jump), jump},
    {"has a full disk", offsetof(struct faults, full), fill_disk},
    {"is killed", offsetof(struct faults, process), kill_process},
    {"loses its machine", offsetof(struct faults, host), lose_host},
    {"is killed again and again", offsetof(struct faults, storm), storm},
    {"is to stop", offsetof(struct faults, stop), stop},
    {"has wrong tables", offsetof(struct faults, wrong), have_wrong_tables},
};

void trouble(struct world *w)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int rate = *(const int *)((const char *)&w->options.faults + kinds[i].rate);
        if (!chance(w, rate))
            continue;
        struct sim_node *n = &w->nodes[rng_below(&w->rng, (uint64_t)w->n)];
        if (n->place == OUTSIDE || n->place == GONE)
            continue;
        trace(w, "node %d %s", n->position, kinds[i].name);
        kinds[i].happens(n);
    }
}

void trouble_of_turn(struct sim_node *n)
{
    struct world *w = n->w;
    const struct faults *f = &w->options.faults;
    if (!in_trouble(w))
        return;
    enum fault what = rng_below(&w->rng, 2) == 0 ? FAULT_WRITE : FAULT_SYNC;
    unsigned nth = 1 + (unsigned)rng_below(&w->rng, 6);
    if (chance(w, f->crash)) {
        faultvfs_die_at(n->vfs, what, nth);
    } else if (chance(w, f->error)) {
        faultvfs_fail(n->vfs, what, nth);
        n->disk_fails = !planted(w, PLANT_EXIT);
    }
    if (chance(w, f->stall))
        n->stall_ms = STALL_MS;
}

void heal(struct world *w)
{
    w->healed = true;
    trace(w, "all is mended");
    for (int i = 0; i < w->n; i++) {
        struct sim_node *n = &w->nodes[i];
        n->storm = 0;
        if (n->full_until > w->mono)
            n->full_until = w->mono;
        for (int k = 0; k < w->n && !planted(w, PLANT_SILENCE); k++)
            w->cut[i][k] = w->mono;
    }
}
