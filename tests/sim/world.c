#include "sim/world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

#define TURN_MS 1 /* what a turn takes: the node is deaf until then */
#define RESTART_MS_MAX 3000
#define SEQUENCE_BITS 24                  /* of a frame's place in the queue: who was sent first */
#define WALL_START INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

/* ---------------- saying what happened */

bool fail_world(struct world *w, const char *fmt, ...)
{
    if (w->failure[0] != '\0')
        return false;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->failure, sizeof w->failure, fmt, ap);
    va_end(ap);
    return false;
}

void trace(struct world *w, const char *fmt, ...)
{
    char line[512];
    int at = snprintf(line, sizeof line, "%6lld ", (long long)w->mono);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line + at, sizeof line - (size_t)at, fmt, ap);
    va_end(ap);
    w->trace = hash64(line, strlen(line), w->trace);
    if (w->options.verbose)
        fprintf(stderr, "%s\n", line);
}

bool chance(struct world *w, int per_thousand)
{
    return per_thousand > 0 && rng_below(&w->rng, 1000) < (uint64_t)per_thousand;
}

bool in_trouble(const struct world *w)
{
    return w->mono < w->options.trouble_ms;
}

bool planted(const struct world *w, enum plant plant)
{
    return w->options.plant == plant;
}

struct sim_node *leader_of(struct world *w)
{
    struct sim_node *newest = NULL;
    for (int i = 0; i < w->options.nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        if (n->node != NULL && node_leading(n->node) &&
            (newest == NULL || node_term(n->node) > node_term(newest->node)))
            newest = n;
    }
    return newest;
}

/* ---------------- the queue */

void deliver(struct world *w, int to, int64_t delay_ms, struct event *e)
{
    struct frame *f = NEW(struct frame);
    *f = (struct frame){.at = w->mono + delay_ms, .to = to, .event = *e};
    heap_set(&w->frames, &f->item,
             (struct mono){(f->at << SEQUENCE_BITS) + (++w->seq & ((1 << SEQUENCE_BITS) - 1))});
}

static struct frame *first_frame(const struct world *w)
{
    struct heap_item *item = heap_first(&w->frames);
    return item == NULL ? NULL : LIST_ENTRY(item, struct frame, item);
}

/* The earliest that is due by now; NULL: none. */
static struct frame *pop(struct world *w)
{
    struct frame *f = first_frame(w);
    if (f == NULL || f->at > w->mono)
        return NULL;
    heap_remove(&w->frames, &f->item);
    return f;
}

static void put_in(struct sim_node *n, struct event *e)
{
    if (n->node == NULL) {
        event_close(e);
        return;
    }
    if (n->inbox_n == n->inbox_cap) {
        n->inbox_cap = n->inbox_cap == 0 ? 64 : n->inbox_cap * 2;
        n->inbox = mem_realloc(n->inbox, n->inbox_cap * sizeof n->inbox[0]);
    }
    n->inbox[n->inbox_n++] = *e;
}

/* ---------------- clocks: a node's own run too fast or too slow */

static int64_t local_of(const struct sim_node *n, int64_t mono)
{
    return mono + mono * n->drift / 1000;
}

/* When the node's clock shows that. */
static int64_t world_of(const struct sim_node *n, int64_t local)
{
    if (n->drift == 0 || local >= MONO_NEVER.ms / 1000)
        return local;
    int64_t mono = local * 1000 / (1000 + n->drift) - 1;
    while (local_of(n, mono) < local)
        mono++;
    return mono;
}

struct now now_of(const struct sim_node *n)
{
    int64_t local = local_of(n, n->w->mono);
    return (struct now){{local}, {n->w->wall0 + local + n->wall_ahead_ms}};
}

/* ---------------- nodes up and down */

unsigned sim_modes(const struct sim_node *n)
{
    if (n->position >= n->w->options.nodes)
        return MODE_AGENT;
    return planted(n->w, PLANT_TIMID) ? MODE_SCHEDULER | MODE_AGENT : MODES_ALL;
}

static int open_node(struct sim_node *n, struct error *err)
{
    struct world *w = n->w;
    static const uint8_t ca_hash[SHA256_SIZE] = {1};
    struct known_node masters[MASTERS_MAX];
    size_t known = 0;
    for (int i = 0; i < w->options.nodes; i++)
        if (w->nodes[i].place == INSIDE)
            masters[known++] = (struct known_node){.id = (int64_t)w->nodes[i].id,
                                                   .store = (int64_t)w->nodes[i].store,
                                                   .modes = sim_modes(&w->nodes[i]),
                                                   .address = w->nodes[i].address};
    const struct node_options options = {
        .id = n->id,
        .store = n->store,
        .state_path = n->state_path,
        .agent_path = n->agent_path,
        .vfs = n->vfs_name,
        .reverse_unordered = n->position % 2 == 1,
        .log_rows = planted(w, PLANT_GROWTH) ? 0 : w->options.log_rows,
        .name = n->name,
        .address = n->address,
        .modes = sim_modes(n),
        .cluster = w->cluster,
        .members = masters,
        .members_n = known,
        .unreachable_ms = 5000,
        .agent = {.hostname = n->name,
                  .address = "127.0.0.1",
                  .version = "sim",
                  .boot = n->boot,
                  .port = 5051,
                  .resources = "cpus:8;mem:8192;disk:8192;ports:[31000-31100]",
                  .attributes = "{}",
                  .work_dir = "/"},
        .facts = {.version = "sim",
                  .name = n->name,
                  .modes = sim_modes(n),
                  .ca_hash = w->options.grows ? ca_hash : NULL,
                  .hostname = n->name,
                  .address = "127.0.0.1",
                  .url_marathon = "http://127.0.0.1:8080",
                  .url_chronos = "http://127.0.0.1:4400",
                  .url_mesos = "http://127.0.0.1:5050",
                  .job_rules = job_rules_default()},
    };
    return node_open(&options, &n->hands, now_of(n), &n->node, err);
}

static void bring_up(struct sim_node *n)
{
    struct world *w = n->w;
    struct error err;
    if (open_node(n, &err) != 0) {
        if (!n->disk_fails)
            fail_world(w, "node %d does not start again: %s", n->position, err.text);
        faultvfs_revive(n->vfs, FATE_KEPT);
        n->up_at = w->mono + 500;
        return;
    }
    n->up_at = INT64_MAX;
    n->down_at = INT64_MAX;
    if (n->full_until <= w->mono)
        n->full_until = 0;
    if (n->storm > 0) {
        n->storm--;
        n->down_at = w->mono + 1 + (int64_t)rng_below(&w->rng, 800);
    }
    n->due = world_of(n, node_due(n->node).ms);
    n->busy_until = w->mono;
    n->applied = 0;
    n->gone_n = 0;
    n->voters = (struct voters){0};
    w->restarts++;
    proxy_routes_init(&n->routes);
    trace(w, "node %d up", n->position);
    tasks_found(n);
}

void unheard(struct sim_node *n, int64_t until_ms)
{
    n->unheard_ms = until_ms > n->unheard_ms ? until_ms : n->unheard_ms;
}

static void drop_asks(struct sim_node *n)
{
    for (size_t i = 0; i < n->asks_n; i++)
        request_free(n->asks[i].request);
    n->asks_n = 0;
}

/* The others see its connections close: their host lives. */
static void close_connections(struct sim_node *n)
{
    struct world *w = n->w;
    for (int i = 0; i < w->n; i++)
        if (i != n->position && w->cut[n->position][i] <= w->mono)
            deliver(w, i, 1, &(struct event){.kind = EVENT_CLOSED, .node = (int64_t)n->id});
}

/* Its process is gone, and comes back then. */
static void end_process(struct sim_node *n, int64_t until_ms)
{
    for (size_t i = 0; i < n->inbox_n; i++)
        event_close(&n->inbox[i]);
    n->inbox_n = 0;
    drop_asks(n);
    checks_stop(n);
    node_close(n->node);
    n->node = NULL;
    n->facts = NULL;
    proxy_routes_close(&n->routes);
    n->up_at = until_ms;
    n->down_since = n->w->mono;
    unheard(n, until_ms);
}

static int64_t restart_at(struct sim_node *n, struct rng *rng)
{
    return n->w->mono + 50 + (int64_t)rng_below(rng, n->storm > 0 ? 200 : RESTART_MS_MAX);
}

void take_down(struct sim_node *n, enum fate fate, int64_t until_ms)
{
    struct world *w = n->w;
    faultvfs_die(n->vfs);
    if (until_ms == 0)
        close_connections(n);
    end_process(n, until_ms > 0 ? until_ms : restart_at(n, &w->rng));
    faultvfs_revive(n->vfs, fate);
    w->crashes++;
    trace(w, "node %d down, fate %d", n->position, (int)fate);
}

/* It was told to stop, and has: nothing is lost. */
static void leave(struct sim_node *n)
{
    struct world *w = n->w;
    close_connections(n);
    end_process(n, restart_at(n, &w->stops));
    w->stopped++;
    trace(w, "node %d has stopped", n->position);
}

enum fate draw_fate(struct world *w)
{
    if (chance(w, w->options.faults.lose))
        return FATE_LOST;
    return chance(w, w->options.faults.tear) ? FATE_TORN : FATE_KEPT;
}

static int format(struct sim_node *n, const struct replica_server *founders, size_t n_founders,
                  struct error *err)
{
    struct db *db;
    const struct db_options options = {.vfs = n->vfs_name};
    if (db_open(n->state_path, &options, &db, err) != 0)
        return -1;
    int rc = replica_format(db, n->id, n->store, err);
    if (rc == 0 && (size_t)n->position < n_founders)
        rc = replica_bootstrap(db, founders, n_founders, err);
    db_close(db);
    return rc;
}

static int found(struct world *w, struct error *err)
{
    struct replica_server servers[MASTERS_MAX];
    for (int i = 0; i < w->options.nodes; i++)
        servers[i] = (struct replica_server){w->nodes[i].id, w->nodes[i].address, REPLICA_VOTER};
    size_t founders = w->options.grows ? 1 : (size_t)w->options.nodes;
    int rc = 0;
    for (int i = 0; i < w->n && rc == 0; i++)
        rc = format(&w->nodes[i], servers, founders, err);
    return rc;
}

static void make_folder(struct sim_node *n)
{
    snprintf(n->folder, sizeof n->folder, "%.200s/n%d-%d", n->w->folder, n->position, n->disks++);
    mkdir(n->folder, 0700);
    tmp_file(n->state_path, n->folder, "state.db");
    tmp_file(n->agent_path, n->folder, "agent.db");
}

void new_disk(struct sim_node *n)
{
    struct error err;
    n->replaces = (int64_t)n->id;
    n->id = (uint64_t)rng_id(&n->w->rng);
    n->store = (uint64_t)rng_id(&n->w->rng);
    n->place = OUTSIDE;
    n->full_until = 0;
    faultvfs_full(n->vfs, false);
    tasks_free(n);
    make_folder(n);
    if (format(n, NULL, 0, &err) != 0)
        fail_world(n->w, "a new disk: %s", err.text);
}

static void make_node(struct world *w, int position)
{
    struct sim_node *n = &w->nodes[position];
    *n = (struct sim_node){.w = w, .position = position, .up_at = 0};
    n->id = (uint64_t)rng_id(&w->rng);
    n->store = (uint64_t)rng_id(&w->rng);
    rng_seed(&n->rng, rng_next(&w->rng));
    snprintf(n->name, sizeof n->name, "n%d", position);
    snprintf(n->address, sizeof n->address, "10.0.0.%d:5055", position);
    make_folder(n);
    snprintf(n->vfs_name, sizeof n->vfs_name, "sim-%llu-%d", (unsigned long long)w->options.seed,
             position);
    n->vfs = faultvfs_new(n->vfs_name, rng_next(&w->rng));
    faultvfs_takes_no_room(n->vfs);
    snprintf(n->boot, sizeof n->boot, "boot-%d", ++n->boots);
    if (w->options.faults.drift > 0)
        n->drift = (int64_t)rng_below(&w->rng, 2 * (uint64_t)w->options.faults.drift + 1) -
                   w->options.faults.drift;
    n->down_at = INT64_MAX;
    n->place = w->options.grows && position > 0 ? OUTSIDE : INSIDE;
    if (n->place == OUTSIDE)
        n->up_at = FOREVER_MS;
    n->hands = hands_of(n);
}

/* ---------------- turns */

static int64_t turn_due(const struct sim_node *n)
{
    int64_t due = n->inbox_n > 0 ? n->w->mono : n->due;
    return due > n->busy_until ? due : n->busy_until;
}

static void turn(struct sim_node *n)
{
    struct world *w = n->w;
    struct error err;
    struct event *events = n->inbox;
    size_t count = n->inbox_n;
    n->inbox = NULL;
    n->inbox_n = n->inbox_cap = 0;
    trouble_of_turn(n);
    w->turns++;
    int rc = node_turn(n->node, events, count, now_of(n), &err);
    mem_free(events);
    if (rc == 0) /* who has failed is asked nothing more */
        n->due = world_of(n, node_due(n->node).ms);
    n->busy_until = w->mono + TURN_MS + n->stall_ms;
    n->stall_ms = 0;
    if (faultvfs_dead(n->vfs)) {
        take_down(n, draw_fate(w), 0);
        return;
    }
    for (enum fault what = 0; what < N_FAULTS; what++) {
        faultvfs_die_at(n->vfs, what, 0);
        faultvfs_fail(n->vfs, what, 0);
    }
    if (rc != 0 && n->disk_fails) {
        trace(w, "node %d stops with its disk", n->position);
        take_down(n, draw_fate(w), 0);
        return;
    }
    /* a checkpoint that failed ends it at the next COMMIT */
    n->disk_fails = n->full_until > 0 || node_disk_failed(n->node);
    if (!node_leading(n->node))
        n->led_from = w->mono;
    if (rc != 0) {
        fail_world(w, "node %d stopped: %s", n->position, err.text);
    } else if (check_step(w, n)) {
        answer_asks(n);
        if (node_stopped(n->node))
            leave(n);
    }
}

/* When anything happens next. */
static int64_t next_time(const struct world *w)
{
    int64_t next = (w->mono / 1000 + 1) * 1000; /* trouble is looked for every second */
    const struct frame *first = first_frame(w);
    if (first != NULL && first->at < next)
        next = first->at;
    for (int i = 0; i < w->n; i++) {
        const struct sim_node *n = &w->nodes[i];
        int64_t due = n->node != NULL ? turn_due(n) : n->up_at;
        if (n->node != NULL && n->down_at < due)
            due = n->down_at;
        int64_t tasks = tasks_due(n);
        next = due < next ? due : next;
        next = tasks < next ? tasks : next;
    }
    int64_t client = client_due(w);
    next = client < next ? client : next;
    if (w->options.grows && w->council.due < next)
        next = w->council.due;
    int64_t day = day_due(w);
    next = day < next ? day : next;
    return next > w->mono ? next : w->mono + 1;
}

static void step(struct world *w)
{
    int64_t second = w->mono / 1000;
    w->mono = next_time(w);
    if (w->mono / 1000 != second) {
        if (in_trouble(w))
            trouble(w);
        plant_of_second(w);
    }
    if (!in_trouble(w) && !w->healed)
        heal(w);
    for (struct frame *f; (f = pop(w)) != NULL; mem_free(f))
        put_in(&w->nodes[f->to], &f->event);
    client_act(w);
    members_act(w);
    day_act(w);
    for (int i = 0; i < w->n && w->failure[0] == '\0'; i++) {
        struct sim_node *n = &w->nodes[i];
        tasks_pass(n);
        if (n->full_until <= w->mono)
            faultvfs_full(n->vfs, false);
        if (n->node != NULL && n->down_at <= w->mono)
            take_down(n, draw_fate(w), 0);
        if (n->node == NULL && n->up_at <= w->mono)
            bring_up(n);
        if (n->node != NULL && turn_due(n) <= w->mono)
            turn(n);
    }
}

void world_begin(const struct world_options *options, struct world *w)
{
    struct error err;
    *w = (struct world){.options = *options, .wall0 = WALL_START};
    rng_seed(&w->rng, options->seed);
    rng_seed(&w->stops, ~options->seed);
    w->leaders = map_new();
    w->sums = map_new();
    w->entries = map_new();
    w->started = map_new();
    w->ordered = map_new();
    w->volumes = map_new();
    client_init(w);
    tmp_make(w->folder);
    uuid_text(rng_uuid(&w->rng), w->cluster);
    w->n = options->nodes + options->agents;
    for (int i = 0; i < w->n; i++)
        make_node(w, i);
    if (found(w, &err) != 0)
        fail_world(w, "founding: %s", err.text);
}

bool world_run(struct world *w, int64_t until_ms)
{
    while (w->mono < until_ms && w->failure[0] == '\0')
        step(w);
    return w->failure[0] == '\0';
}

bool world_settles(struct world *w, int64_t within_ms)
{
    int64_t until = w->mono + within_ms;
    while (w->failure[0] == '\0' && !check_settled(w)) {
        if (w->mono >= until)
            return fail_world(w, "not as wanted %lld ms after the trouble ended: %s",
                              (long long)within_ms, w->unsettled);
        step(w);
    }
    return w->failure[0] == '\0';
}

int world_play(const struct world_options *options, struct world *w)
{
    world_begin(options, w);
    world_run(w, options->trouble_ms);
    if (world_settles(w, options->heal_ms))
        world_run(w, options->trouble_ms + CALM_MS);
    return check_end(w) ? 0 : -1;
}

void world_close(struct world *w)
{
    tmp_remove(w->folder); /* first: what is gone is neither moved nor written */
    for (int i = 0; i < w->n; i++) {
        struct sim_node *n = &w->nodes[i];
        for (size_t k = 0; k < n->inbox_n; k++)
            event_close(&n->inbox[k]);
        mem_free(n->inbox);
        drop_asks(n);
        mem_free(n->asks);
        checks_stop(n);
        proxy_routes_close(&n->routes);
        faultvfs_die(n->vfs);
        node_close(n->node);
        tasks_free(n);
        faultvfs_free(n->vfs);
    }
    for (struct frame *f; (f = first_frame(w)) != NULL; mem_free(f)) {
        heap_remove(&w->frames, &f->item);
        event_close(&f->event);
    }
    heap_close(&w->frames);
    client_close(w);
    void *value;
    for (size_t cursor = 0; (value = map_each(w->sums, &cursor)) != NULL;)
        mem_free(value);
    for (size_t cursor = 0; (value = map_each(w->started, &cursor)) != NULL;)
        mem_free(value);
    for (size_t cursor = 0; (value = map_each(w->ordered, &cursor)) != NULL;)
        mem_free(value);
    map_free(w->ordered);
    map_free(w->volumes);
    map_free(w->entries);
    map_free(w->sums);
    map_free(w->leaders);
    map_free(w->started);
}
