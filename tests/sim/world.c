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
#include "base/str.h"

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

static bool in_trouble(const struct world *w)
{
    return w->mono < w->options.trouble_ms;
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

/* ---------------- hands */

static bool reachable(const struct world *w, const struct sim_node *a, const struct sim_node *b)
{
    return a->cut_until <= w->mono && b->cut_until <= w->mono;
}

static void send_once(struct sim_node *n, struct sim_node *to, struct slice frame)
{
    struct world *w = n->w;
    struct event e = {.kind = EVENT_FRAME, .node = (int64_t)n->id};
    buf_init(&e.body, LIMIT_FRAME_BYTES);
    buf_put_slice(&e.body, frame);
    int64_t delay = 1 + (int64_t)rng_below(&w->rng, 4);
    if (in_trouble(w) && chance(w, w->options.faults.delay))
        delay += (int64_t)rng_below(&w->rng, 400);
    deliver(w, to->position, delay, &e);
}

static void hand_secret(struct hands *h, void *dst, size_t n)
{
    rng_fill(h->rng, dst, n);
}

static void hand_send(struct hands *h, int64_t node, struct slice frame)
{
    struct sim_node *n = h->data;
    struct world *w = n->w;
    for (int i = 0; i < w->options.nodes; i++) {
        struct sim_node *to = &w->nodes[i];
        if ((int64_t)to->id != node || !reachable(w, n, to) ||
            (in_trouble(w) && chance(w, w->options.faults.drop)))
            continue;
        send_once(n, to, frame);
        if (in_trouble(w) && chance(w, w->options.faults.repeat))
            send_once(n, to, frame);
    }
}

static void hand_know(struct hands *h, const struct known_node *k)
{
    (void)h;
    (void)k;
}

static void hand_answer(struct hands *h, struct answer *a)
{
    client_answer(((struct sim_node *)h->data)->w, a);
}

static void hand_ask(struct hands *h, struct exchange_id id, struct request *request,
                     uint64_t index)
{
    (void)h;
    (void)id;
    (void)index;
    request_free(request); /* the simulated client only writes */
}

static void hand_sandbox(struct hands *h, struct exchange_id id, struct sandbox_request *r)
{
    (void)h;
    (void)id;
    sandbox_request_free(r);
}

static unsigned hand_topics(struct hands *h)
{
    (void)h;
    return ~0u;
}

static void hand_publish(struct hands *h, const struct published *p)
{
    struct sim_node *n = h->data;
    n->w->trace = hash64(p->type, strlen(p->type), n->w->trace);
}

static void hand_facts(struct hands *h, const struct facts *f)
{
    struct sim_node *n = h->data;
    trace(n->w, "node %d: term %llu%s", n->position, (unsigned long long)f->term,
          f->leading ? " leads" : "");
}

static void hand_launch(struct hands *h, int64_t task, struct slice run_spec)
{
    task_launch(h->data, task, run_spec);
}

static void hand_kill(struct hands *h, int64_t task, const char *reason)
{
    (void)reason;
    task_end(h->data, task);
}

static void hand_forget(struct hands *h, int64_t task)
{
    task_forget(h->data, task);
}

static int take_routes(struct proxy_routes *routes, struct slice message, struct error *err)
{
    struct proxy_change c;
    struct json *v = json_parse_own(message, err);
    int rc = v == NULL ? -1 : proxy_change_parse(v, &c, err);
    json_free(v);
    if (rc != 0)
        return -1;
    rc = proxy_routes_reduce(routes, &c, err);
    if (rc == 0)
        proxy_routes_apply(routes, &c);
    proxy_change_close(&c);
    return rc;
}

static void hand_routes(struct hands *h, struct slice message)
{
    struct sim_node *n = h->data;
    struct error err;
    struct event e = {.kind = EVENT_ROUTES_REFUSED};
    if (take_routes(&n->routes, message, &err) != 0)
        deliver(n->w, n->position, 1, &e);
}

/* A snapshot is a copy of the file; it is there at once, and arrives some time later. */
static void snapshot_path(const struct sim_node *n, uint64_t token, char dst[TMP_PATH_SIZE])
{
    snprintf(dst, TMP_PATH_SIZE, "%.200s/snapshot-%llu", n->folder, (unsigned long long)token);
}

static void hand_snapshot_make(struct hands *h)
{
    struct sim_node *n = h->data;
    struct event e = {.kind = EVENT_SNAPSHOT_MADE};
    struct error err;
    struct db *copy;
    char path[TMP_PATH_SIZE];
    const struct db_options options = {.read_only = true, .vfs = n->vfs_name};
    struct replica_snapshot *s = NEW(struct replica_snapshot);
    s->token = rng_next(&n->rng) >> 1;
    snapshot_path(n, s->token, path);
    bool made = db_open(n->state_path, &options, &copy, &err) == 0;
    if (made) {
        made = db_copy_to(copy, path, &err) == 0;
        db_close(copy);
    }
    struct stat st;
    uint64_t token = s->token;
    if (made && replica_snapshot_prune(path, NULL, s, &err) == 0 && stat(path, &st) == 0) {
        s->token = token;
        s->size = (uint64_t)st.st_size;
        e.snapshot = s;
    } else {
        mem_free(s);
    }
    deliver(n->w, n->position, 20, &e);
}

static bool copy_file(const char *from, const char *to)
{
    char chunk[65536];
    size_t n;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    bool fine = in != NULL && out != NULL;
    while (fine && (n = fread(chunk, 1, sizeof chunk, in)) > 0)
        fine = fwrite(chunk, 1, n, out) == n;
    if (in != NULL)
        fclose(in);
    if (out != NULL)
        fine = fclose(out) == 0 && fine;
    return fine;
}

static void hand_snapshot_fetch(struct hands *h, uint64_t from, const struct replica_snapshot *s)
{
    struct sim_node *n = h->data;
    struct world *w = n->w;
    struct event e = {.kind = EVENT_SNAPSHOT_FETCHED};
    char there[TMP_PATH_SIZE], here[TMP_PATH_SIZE];
    if (s == NULL) /* it arrives all the same, and is left alone */
        return;
    for (int i = 0; i < w->options.nodes; i++)
        if (w->nodes[i].id == from)
            snapshot_path(&w->nodes[i], s->token, there);
    snprintf(here, sizeof here, "%.200s/received-%llu", n->folder, (unsigned long long)s->token);
    buf_init(&e.body, TMP_PATH_SIZE);
    if (copy_file(there, here))
        buf_puts(&e.body, here);
    deliver(w, n->position, 30 + (int64_t)rng_below(&w->rng, 100), &e);
}

/* As the host's thread does: with a connection of its own. */
static void hand_checkpoint(struct hands *h, int64_t wal_bytes)
{
    struct sim_node *n = h->data;
    struct event e = {.kind = EVENT_CHECKPOINTED};
    const struct db_options options = {.vfs = n->vfs_name};
    struct db_checkpoint done;
    struct error err;
    struct db *db;
    if (db_open(n->state_path, &options, &db, &err) == 0) {
        int rc = db_checkpoint(db, DB_CHECKPOINT_PASSIVE, &done, &err);
        if (rc == 0 && wal_bytes > LIMIT_LOG_BYTES)
            rc = db_checkpoint(db, DB_CHECKPOINT_RESTART, &done, &err);
        trace(n->w, "node %d: checkpoint %s", n->position, rc == 0 ? "made" : err.text);
        db_close(db);
    }
    deliver(n->w, n->position, 10, &e);
}

static void hand_readers_stop(struct hands *h)
{
    checks_stop(h->data);
}

/* ---------------- nodes up and down */

static struct now now_of(const struct sim_node *n)
{
    return (struct now){{n->w->mono}, {n->w->wall0 + n->w->mono + n->wall_ahead_ms}};
}

static int open_node(struct sim_node *n, struct error *err)
{
    const struct node_options options = {
        .id = n->id,
        .store = n->store,
        .state_path = n->state_path,
        .agent_path = n->agent_path,
        .vfs = n->vfs_name,
        .reverse_unordered = n->position % 2 == 1,
        .name = n->name,
        .address = n->address,
        .modes = MODE_MASTER | MODE_SCHEDULER | MODE_AGENT,
        .unreachable_ms = 5000,
        .agent = {.hostname = n->name,
                  .address = "127.0.0.1",
                  .version = "sim",
                  .boot = "sim",
                  .port = 5051,
                  .resources = "cpus:8;mem:8192;disk:8192;ports:[31000-31100]",
                  .attributes = "{}",
                  .work_dir = "/"},
        .facts = {.version = "sim",
                  .name = n->name,
                  .modes = MODE_MASTER | MODE_SCHEDULER | MODE_AGENT,
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
    struct error err;
    n->up_at = INT64_MAX;
    n->busy_until = n->w->mono;
    n->applied = 0;
    if (open_node(n, &err) != 0) {
        fail_world(n->w, "node %d does not start again: %s", n->position, err.text);
        return;
    }
    n->w->restarts++;
    proxy_routes_init(&n->routes);
    trace(n->w, "node %d up", n->position);
    tasks_found(n);
}

/* Its process is gone, and comes back; when is drawn from `rng`. */
static void end_process(struct sim_node *n, struct rng *rng)
{
    for (size_t i = 0; i < n->inbox_n; i++)
        event_close(&n->inbox[i]);
    n->inbox_n = 0;
    checks_stop(n);
    node_close(n->node);
    n->node = NULL;
    proxy_routes_close(&n->routes);
    n->up_at = n->w->mono + 50 + (int64_t)rng_below(rng, RESTART_MS_MAX);
    n->unheard_ms = n->up_at > n->unheard_ms ? n->up_at : n->unheard_ms;
}

static void take_down(struct sim_node *n, enum fate fate)
{
    struct world *w = n->w;
    faultvfs_die(n->vfs);
    end_process(n, &w->rng);
    faultvfs_revive(n->vfs, fate);
    w->crashes++;
    trace(w, "node %d down, fate %d", n->position, (int)fate);
}

/* It was told to stop, and has: nothing is lost. */
static void leave(struct sim_node *n)
{
    struct world *w = n->w;
    end_process(n, &w->stops);
    w->stopped++;
    trace(w, "node %d has stopped", n->position);
}

static enum fate draw_fate(struct world *w)
{
    if (chance(w, w->options.faults.lose))
        return FATE_LOST;
    return chance(w, w->options.faults.tear) ? FATE_TORN : FATE_KEPT;
}

static int found(struct world *w, struct error *err)
{
    struct replica_server servers[WORLD_NODES_MAX];
    for (int i = 0; i < w->options.nodes; i++)
        servers[i] = (struct replica_server){w->nodes[i].id, w->nodes[i].address, REPLICA_VOTER};
    for (int i = 0; i < w->options.nodes; i++) {
        struct db *db;
        const struct db_options options = {.vfs = w->nodes[i].vfs_name};
        if (db_open(w->nodes[i].state_path, &options, &db, err) != 0)
            return -1;
        int rc = replica_format(db, w->nodes[i].id, w->nodes[i].store, err);
        if (rc == 0)
            rc = replica_bootstrap(db, servers, (size_t)w->options.nodes, err);
        db_close(db);
        if (rc != 0)
            return -1;
    }
    return 0;
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
    snprintf(n->folder, sizeof n->folder, "%.200s/n%d", w->folder, position);
    mkdir(n->folder, 0700);
    tmp_file(n->state_path, n->folder, "state.db");
    tmp_file(n->agent_path, n->folder, "agent.db");
    snprintf(n->vfs_name, sizeof n->vfs_name, "sim-%llu-%d", (unsigned long long)w->options.seed,
             position);
    n->vfs = faultvfs_new(n->vfs_name, rng_next(&w->rng));
    n->hands = (struct hands){
        .data = n,
        .rng = &n->rng,
        .secret = hand_secret,
        .send = hand_send,
        .know = hand_know,
        .answer = hand_answer,
        .ask = hand_ask,
        .sandbox = hand_sandbox,
        .topics = hand_topics,
        .publish = hand_publish,
        .facts = hand_facts,
        .launch = hand_launch,
        .kill = hand_kill,
        .forget = hand_forget,
        .routes = hand_routes,
        .snapshot_make = hand_snapshot_make,
        .snapshot_fetch = hand_snapshot_fetch,
        .checkpoint = hand_checkpoint,
        .readers_stop = hand_readers_stop,
    };
}

/* ---------------- turns */

static int64_t turn_due(const struct sim_node *n)
{
    int64_t due = n->inbox_n > 0 ? n->w->mono : node_due(n->node).ms;
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
    if (in_trouble(w) && chance(w, w->options.faults.crash))
        faultvfs_die_at(n->vfs, (enum fault)(rng_below(&w->rng, 2) == 0 ? FAULT_WRITE : FAULT_SYNC),
                        1 + (unsigned)rng_below(&w->rng, 6));
    w->turns++;
    int rc = node_turn(n->node, events, count, now_of(n), &err);
    mem_free(events);
    n->busy_until = w->mono + TURN_MS;
    if (faultvfs_dead(n->vfs)) {
        take_down(n, draw_fate(w));
        return;
    }
    faultvfs_die_at(n->vfs, FAULT_WRITE, 0);
    faultvfs_die_at(n->vfs, FAULT_SYNC, 0);
    if (rc != 0)
        fail_world(w, "node %d stopped: %s", n->position, err.text);
    else if (check_step(w, n) && node_stopped(n->node))
        leave(n);
}

static void trouble(struct world *w)
{
    struct sim_node *n = &w->nodes[rng_below(&w->rng, (uint64_t)w->options.nodes)];
    if (chance(w, w->options.faults.cut)) {
        n->cut_until = w->mono + (int64_t)rng_below(&w->rng, 4000);
        n->unheard_ms = n->cut_until;
        trace(w, "node %d cut off", n->position);
    }
    if (chance(w, w->options.faults.jump))
        n->wall_ahead_ms += (int64_t)rng_below(&w->rng, 3000);
    if (n->node != NULL && chance(w, w->options.faults.crash * 10))
        take_down(n, draw_fate(w));
    if (rng_below(&w->stops, 1000) >= (uint64_t)w->options.faults.stop)
        return;
    n = &w->nodes[rng_below(&w->stops, (uint64_t)w->options.nodes)];
    if (n->node != NULL) {
        trace(w, "node %d is to stop", n->position);
        deliver(w, n->position, 0, &(struct event){.kind = EVENT_STOP});
    }
}

/* When anything happens next. */
static int64_t next_time(const struct world *w)
{
    int64_t next = (w->mono / 1000 + 1) * 1000; /* trouble is looked for every second */
    const struct frame *first = first_frame(w);
    if (first != NULL && first->at < next)
        next = first->at;
    for (int i = 0; i < w->options.nodes; i++) {
        const struct sim_node *n = &w->nodes[i];
        int64_t due = n->node != NULL ? turn_due(n) : n->up_at;
        int64_t tasks = tasks_due(n);
        next = due < next ? due : next;
        next = tasks < next ? tasks : next;
    }
    int64_t client = client_due(w);
    next = client < next ? client : next;
    return next > w->mono ? next : w->mono + 1;
}

static void step(struct world *w)
{
    int64_t second = w->mono / 1000;
    w->mono = next_time(w);
    if (w->mono / 1000 != second && in_trouble(w))
        trouble(w);
    for (struct frame *f; (f = pop(w)) != NULL; mem_free(f))
        put_in(&w->nodes[f->to], &f->event);
    client_act(w);
    for (int i = 0; i < w->options.nodes && w->failure[0] == '\0'; i++) {
        struct sim_node *n = &w->nodes[i];
        tasks_pass(n);
        if (n->node == NULL && n->up_at <= w->mono)
            bring_up(n);
        if (n->node != NULL && turn_due(n) <= w->mono)
            turn(n);
    }
}

int world_play(const struct world_options *options, struct world *w)
{
    struct error err;
    *w = (struct world){.options = *options, .wall0 = WALL_START};
    rng_seed(&w->rng, options->seed);
    rng_seed(&w->stops, ~options->seed);
    w->leaders = map_new();
    w->sums = map_new();
    w->started = map_new();
    tmp_make(w->folder);
    for (int i = 0; i < options->nodes; i++)
        make_node(w, i);
    if (found(w, &err) != 0)
        fail_world(w, "founding: %s", err.text);
    while (w->mono < options->trouble_ms && w->failure[0] == '\0')
        step(w);
    int64_t until = w->mono + options->heal_ms;
    while (w->failure[0] == '\0' && !check_settled(w)) {
        if (w->mono >= until) {
            fail_world(w, "not as wanted %lld ms after the trouble ended: %s",
                       (long long)options->heal_ms, w->unsettled);
            break;
        }
        step(w);
    }
    return check_end(w) ? 0 : -1;
}

void world_close(struct world *w)
{
    for (int i = 0; i < w->options.nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        for (size_t k = 0; k < n->inbox_n; k++)
            event_close(&n->inbox[k]);
        mem_free(n->inbox);
        checks_stop(n);
        proxy_routes_close(&n->routes);
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
    map_free(w->sums);
    map_free(w->leaders);
    map_free(w->started);
    tmp_remove(w->folder);
}
