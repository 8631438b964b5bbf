/* What a node cannot do by thinking, simulated. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/frame.h"
#include "sim/world.h"

/* ---- frames, answers, reads */

/* It connects to that one no more, nor takes its connections. */
static bool holds_gone(const struct sim_node *n, const struct sim_node *other)
{
    for (int i = 0; i < n->gone_n; i++)
        if (n->gone[i] == (int64_t)other->id)
            return true;
    return false;
}

static bool reaches(const struct world *w, const struct sim_node *from, const struct sim_node *to)
{
    return w->cut[from->position][to->position] <= w->mono && !holds_gone(from, to) &&
           !holds_gone(to, from);
}

/* Frames come once and in order (cluster/peers.h), or not at all. Those of Raft may come twice and
 * late: so much it must bear. */
static void send_once(struct sim_node *n, struct sim_node *to, struct slice frame)
{
    struct world *w = n->w;
    struct event e = {.kind = EVENT_FRAME, .node = (int64_t)n->id};
    buf_init(&e.body, LIMIT_PEER_FRAME_BYTES);
    buf_put_slice(&e.body, frame);
    plant_in_frame(w, &e.body);
    int64_t delay = n->stall_ms + 1 + (int64_t)rng_below(&w->rng, 4);
    if (in_trouble(w) && chance(w, w->options.faults.delay))
        delay += (int64_t)rng_below(&w->rng, 400);
    int64_t *newest = &w->arrives[n->position][to->position];
    if (frame.p[0] != FRAME_RAFT && w->mono + delay < *newest)
        delay = *newest - w->mono;
    if (frame.p[0] != FRAME_RAFT)
        *newest = w->mono + delay;
    deliver(w, to->position, delay, &e);
}

static void hand_send(struct hands *h, int64_t node, struct slice frame)
{
    struct sim_node *n = h->data;
    struct world *w = n->w;
    for (int i = 0; i < w->n; i++) {
        struct sim_node *to = &w->nodes[i];
        if ((int64_t)to->id != node || !reaches(w, n, to) ||
            (in_trouble(w) && chance(w, w->options.faults.drop)))
            continue;
        send_once(n, to, frame);
        if (in_trouble(w) && frame.p[0] == FRAME_RAFT && chance(w, w->options.faults.repeat))
            send_once(n, to, frame);
    }
}

static void hand_know(struct hands *h, const struct known_node *k)
{
    struct sim_node *n = h->data; /* frames find everybody else here */
    if (k->gone && n->gone_n < IDS_MAX)
        n->gone[n->gone_n++] = k->id;
}

static void hand_secret(struct hands *h, void *dst, size_t n)
{
    rng_fill(h->rng, dst, n);
}

static void hand_answer(struct hands *h, struct answer *a)
{
    struct sim_node *n = h->data;
    if (planted(n->w, PLANT_LIE) && a->kind == ANSWER_WHOLE && a->status >= 500)
        a->status = 200;
    client_answer(n->w, a);
}

static void hand_ask(struct hands *h, struct exchange_id id, struct request *request,
                     uint64_t index)
{
    struct sim_node *n = h->data;
    if (n->asks_n == n->asks_cap) {
        n->asks_cap = n->asks_cap == 0 ? 16 : n->asks_cap * 2;
        n->asks = mem_realloc(n->asks, n->asks_cap * sizeof n->asks[0]);
    }
    n->asks[n->asks_n++] = (struct ask){id, request, index};
}

/* As a reader does, with the state as the turn has left it. */
static void answer_ask(struct sim_node *n, struct ask *ask)
{
    struct route_match match = {0};
    struct reply reply;
    struct view view = {node_state(n->node), n->facts, now_of(n), node_applied(n->node)};
    struct call c = {.request = ask->request, .match = &match, .view = &view, .reply = &reply};
    reply_init(&reply);
    if (api_find(node_api(n->node), ask->request, &c) != NULL)
        api_ask(&c);
    struct answer a = answer_whole_take(ask->id, reply.status, reply.content_type, &reply.body);
    /* without a leader for long most dialects show what is here (marathon.md 1.3) */
    n->w->may_be_stale = header_get(buf_slice(&reply.headers), "X-Mesolith-Stale").p != NULL;
    client_answer(n->w, &a);
    n->w->may_be_stale = false;
    call_close(&c);
    route_match_close(&match);
    reply_close(&reply);
    request_free(ask->request);
}

void answer_asks(struct sim_node *n)
{
    for (size_t i = 0; i < n->asks_n; i++) {
        if (node_applied(n->node) < n->asks[i].index)
            fail_world(n->w, "node %d lets a read begin before its index", n->position);
        answer_ask(n, &n->asks[i]);
    }
    n->asks_n = 0;
}

static void hand_sandbox(struct hands *h, struct exchange_id id, struct sandbox_request *r)
{
    (void)h;
    (void)id;
    sandbox_request_free(r);
}

/* At one node people listen to all there is; the others write no news for nobody. */
static unsigned hand_topics(struct hands *h)
{
    const struct sim_node *n = h->data;
    return n->position == 0 ? ~0u : 0;
}

static void hand_publish(struct hands *h, const struct published *p)
{
    struct sim_node *n = h->data;
    n->w->trace = hash64(p->type, strlen(p->type), n->w->trace);
}

static void hand_callbacks(struct hands *h, const char *urls)
{
    struct sim_node *n = h->data;
    n->w->trace = hash64(urls, strlen(urls), n->w->trace);
}

static void hand_notice(struct hands *h, struct slice notice)
{
    struct sim_node *n = h->data;
    n->w->trace = hash64(notice.p, notice.len, n->w->trace);
}

static void hand_facts(struct hands *h, const struct facts *f)
{
    struct sim_node *n = h->data;
    n->facts = f;
    trace(n->w, "node %d: term %llu%s", n->position, (unsigned long long)f->term,
          f->leading ? " leads" : "");
}

/* PLANT_PHANTOM: the machine's first launch of a run waits for long. */
static bool put_off(struct sim_node *n, int64_t task, struct slice run_spec)
{
    struct world *w = n->w;
    static const char job[] = "\"ct:";
    if (!planted(w, PLANT_PHANTOM) || memmem(run_spec.p, run_spec.len, job, 4) == NULL)
        return false;
    struct late *late = &w->late[w->late_n];
    if (w->late_n == LATE_MAX)
        return false;
    w->late_n++;
    *late = (struct late){n->position, task, w->mono + 8000, {0}};
    buf_init(&late->run_spec, LIMIT_PEER_FRAME_BYTES);
    buf_put_slice(&late->run_spec, run_spec);
    return true;
}

static void hand_launch(struct hands *h, int64_t task, struct slice run_spec)
{
    if (!put_off(h->data, task, run_spec))
        task_launch(h->data, task, run_spec);
}

static void hand_kill(struct hands *h, int64_t task, const char *reason)
{
    (void)reason;
    task_end(h->data, task);
}

static void hand_forget(struct hands *h, int64_t task)
{
    struct sim_node *n = h->data;
    if (!planted(n->w, PLANT_HOARD))
        task_forget(n, task);
}

static void hand_wipe(struct hands *h, int64_t volume, const char *name)
{
    volume_wipe(h->data, volume, name);
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
    if (planted(n->w, PLANT_ROUTES) && n->position == 0)
        return;
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
    bool there_is = false;
    for (int i = 0; i < w->n; i++)
        if (w->nodes[i].id == from && reaches(w, &w->nodes[i], n) && w->nodes[i].node != NULL) {
            snapshot_path(&w->nodes[i], s->token, there);
            there_is = true;
        }
    snprintf(here, sizeof here, "%.200s/received-%llu", n->folder, (unsigned long long)s->token);
    buf_init(&e.body, TMP_PATH_SIZE);
    bool aborted = in_trouble(w) && chance(w, w->options.faults.abort);
    if (there_is && !aborted && copy_file(there, here))
        buf_puts(&e.body, here);
    trace(w, "node %d has fetched %zu", n->position, e.body.len);
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
        e.mostly = rc == 0;
        trace(n->w, "node %d: checkpoint %s", n->position, rc == 0 ? "made" : "put off");
        db_close(db);
    }
    deliver(n->w, n->position, 10, &e);
}

static void hand_readers_stop(struct hands *h)
{
    checks_stop(h->data);
}

struct hands hands_of(struct sim_node *n)
{
    return (struct hands){
        .data = n,
        .rng = &n->rng,
        .send = hand_send,
        .know = hand_know,
        .answer = hand_answer,
        .secret = hand_secret,
        .ask = hand_ask,
        .sandbox = hand_sandbox,
        .topics = hand_topics,
        .publish = hand_publish,
        .callbacks = hand_callbacks,
        .notice = hand_notice,
        .facts = hand_facts,
        .launch = hand_launch,
        .kill = hand_kill,
        .forget = hand_forget,
        .wipe = hand_wipe,
        .routes = hand_routes,
        .snapshot_make = hand_snapshot_make,
        .snapshot_fetch = hand_snapshot_fetch,
        .checkpoint = hand_checkpoint,
        .readers_stop = hand_readers_stop,
    };
}
