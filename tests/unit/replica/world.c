#include "unit.h"

#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"

#define HEALING_MS 30000
#define ELECTION_MS 300
#define HEARTBEAT_MS 50

#define BROKEN(...)                                                                            \
    do {                                                                                       \
        char text_[300];                                                                       \
        snprintf(text_, sizeof text_, __VA_ARGS__);                                            \
        describe(w);                                                                           \
        fail_msg("seed %llu at %lld ms: %s", (unsigned long long)w->o.seed, (long long)w->now, \
                 text_);                                                                       \
    } while (0)

static void describe(struct world *w);

static unsigned index_of(const struct world *w, const struct node *n)
{
    return (unsigned)(n - w->nodes);
}

static void note(struct world *w, const void *p, size_t len)
{
    w->trace = hash64(p, len, w->trace ^ (uint64_t)w->now);
}

static void note_number(struct world *w, uint64_t v)
{
    note(w, &v, sizeof v);
}

static bool chance(struct world *w, double p)
{
    return !w->healing && rng_chance(&w->rng, p);
}

static int64_t between(struct world *w, int64_t from, int64_t to)
{
    return from + (int64_t)rng_below(&w->rng, (uint64_t)(to - from + 1));
}

static struct now clock_of(const struct node *n)
{
    return (struct now){{n->clock_ms}, {n->clock_ms}};
}

static bool is_up(const struct node *n)
{
    return n->m.r != NULL;
}

static void describe_node(struct node *n)
{
    if (!n->formatted || !is_up(n)) {
        print_error("node %llu: %s\n", (unsigned long long)n->m.id,
                    n->formatted ? "down" : "unused");
        return;
    }
    struct replica *r = n->m.r;
    struct replica_member member;
    print_error(
        "node %llu: %s%s term %llu leader %llu, log %llu-%llu, commit %llu, applied %llu%s%s%s:",
        (unsigned long long)n->m.id, raft_state_name((int)raft_state(&r->raft)),
        replica_leads(r) ? " leads" : "", (unsigned long long)replica_term(r),
        (unsigned long long)replica_leader(r, NULL), (unsigned long long)storage_first(&r->storage),
        (unsigned long long)replica_last(r), (unsigned long long)replica_committed(r),
        (unsigned long long)replica_applied(r),
        r->install.state != INSTALL_NONE ? " installing"
        : r->mending                     ? " mending"
                                         : "",
        r->snapshot_wanted ? " wants a snapshot" : "", replica_removed(r) ? " removed" : "");
    for (size_t i = 0; replica_member(r, i, &member); i++)
        print_error(" %llu%s(%llu)", (unsigned long long)member.server.id,
                    member.server.role == REPLICA_VOTER ? "v" : "s",
                    (unsigned long long)member.match);
    if (r->raft.configuration_uncommitted_index != 0)
        print_error(" uncommitted at %llu",
                    (unsigned long long)r->raft.configuration_uncommitted_index);
    print_error("\n");
}

static void describe(struct world *w)
{
    for (unsigned i = 0; i < w->n; i++)
        describe_node(&w->nodes[i]);
}

/* ---------------- what must stay true */

static void check_entry(struct world *w, struct node *n, uint64_t index, uint64_t term,
                        uint64_t hash, uint64_t chain)
{
    if (index > w->cap_committed) {
        w->cap_committed = 2 * index + 1024;
        w->committed = mem_realloc(w->committed, w->cap_committed * sizeof w->committed[0]);
    }
    struct committed *c = &w->committed[index - 1];
    for (; w->n_committed < index; w->n_committed++)
        w->committed[w->n_committed] = (struct committed){0};
    uint64_t seen = replica_term(n->m.r);
    if (c->term == 0)
        *c = (struct committed){term, hash, chain, seen};
    else if (c->term != term || c->hash != hash || c->chain != chain)
        BROKEN("node %llu applied another entry %llu (term %llu, before %llu)",
               (unsigned long long)n->m.id, (unsigned long long)index, (unsigned long long)term,
               (unsigned long long)c->term);
    if (seen < c->seen)
        c->seen = seen;
}

static void on_applied(struct member *m, uint64_t index, uint64_t term, struct slice entry,
                       uint64_t ticket)
{
    struct world *w = m->data;
    struct node *n = (struct node *)m; /* its first member */
    uint64_t hash = hash64(entry.p, entry.len, 0);
    check_entry(w, n, index, term, hash, member_chain(m));
    note_number(w, hash ^ index);
    if (ticket != 0)
        n->acked_to = index;
    w->n_entries++;
}

static void check_leader(struct world *w, struct node *n)
{
    uint64_t term = replica_term(n->m.r);
    if (!replica_is_leader(n->m.r))
        return;
    if (term >= sizeof w->leaders / sizeof w->leaders[0])
        BROKEN("more terms than can be");
    if (w->leaders[term] != 0 && w->leaders[term] != n->m.id)
        BROKEN("two leaders in term %llu: %llu and %llu", (unsigned long long)term,
               (unsigned long long)w->leaders[term], (unsigned long long)n->m.id);
    if (w->leaders[term] == 0)
        w->n_elections++;
    w->leaders[term] = n->m.id;
    if (n->led_term == term)
        return;
    n->led_term = term;
    /* It has everything that was committed in earlier terms, though not what was since then: the
     * votes may have waited for it. */
    const struct storage *s = &n->m.r->storage;
    for (size_t i = w->n_committed; i > 0 && i >= storage_first(s); i--) {
        const struct committed *c = &w->committed[i - 1];
        if (c->term == 0 || c->seen >= term)
            continue;
        if (storage_last(s) < i || storage_term_of(s, i) != c->term)
            BROKEN("leader %llu of term %llu lacks entry %llu of term %llu",
                   (unsigned long long)n->m.id, (unsigned long long)term, (unsigned long long)i,
                   (unsigned long long)c->term);
    }
}

static uint64_t row_hash(struct storage *s, uint64_t i)
{
    struct slice data = storage_data(s, i);
    return hash64(data.p, data.len, storage_term_of(s, i));
}

/* Where two logs have the same index and term, everything up to there is the same. */
static void check_logs_match(struct world *w, struct node *a, struct node *b)
{
    struct storage *x = &a->m.r->storage, *y = &b->m.r->storage;
    uint64_t last = storage_last(x) < storage_last(y) ? storage_last(x) : storage_last(y);
    uint64_t first = storage_first(x) > storage_first(y) ? storage_first(x) : storage_first(y);
    bool same = false;
    for (uint64_t i = last; i >= first && i > 0; i--) {
        bool same_term = storage_row(x, i) != NULL && storage_row(y, i) != NULL &&
                         storage_term_of(x, i) == storage_term_of(y, i);
        if (same && !same_term)
            BROKEN("logs of %llu and %llu differ at %llu below a match",
                   (unsigned long long)a->m.id, (unsigned long long)b->m.id, (unsigned long long)i);
        if (same_term && row_hash(x, i) != row_hash(y, i))
            BROKEN("entry %llu of term %llu is not the same on %llu and %llu",
                   (unsigned long long)i, (unsigned long long)storage_term_of(x, i),
                   (unsigned long long)a->m.id, (unsigned long long)b->m.id);
        same = same || same_term;
    }
}

static void check_all(struct world *w)
{
    for (unsigned i = 0; i < w->n; i++)
        for (unsigned j = 0; j < i; j++)
            if (is_up(&w->nodes[i]) && is_up(&w->nodes[j]))
                check_logs_match(w, &w->nodes[i], &w->nodes[j]);
}

/* ---------------- frames */

static void push_wire(struct world *w, unsigned from, unsigned to, struct slice bytes,
                      int64_t delay)
{
    struct node *n = &w->nodes[from];
    int64_t at = w->now + delay;
    if (w->o.ordered && at < n->last_arrival[to])
        at = n->last_arrival[to];
    n->last_arrival[to] = at;
    if (w->n_wires == w->cap_wires) {
        w->cap_wires = w->cap_wires == 0 ? 256 : 2 * w->cap_wires;
        w->wires = mem_realloc(w->wires, w->cap_wires * sizeof w->wires[0]);
    }
    struct slice copy = {mem_dup(bytes.p, bytes.len), bytes.len};
    w->wires[w->n_wires++] = (struct wire){at, w->wire_seq++, from, to, copy};
}

static void send(struct world *w, unsigned from, const struct replica_frame *f)
{
    unsigned to = (unsigned)f->to - 1;
    if (w->cut[from][to] || chance(w, w->loss))
        return;
    unsigned copies = !w->o.ordered && chance(w, w->duplicates) ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        int64_t delay = between(w, 1, w->o.calm ? 2 : 8);
        if (chance(w, w->late))
            delay = between(w, 8, 600);
        push_wire(w, from, to, f->bytes, delay);
    }
}

/* Half of those that are busy have somebody beside them who says so. */
static void say_busy(struct world *w, struct node *n)
{
    uint64_t to[LIMIT_SERVERS];
    struct buf bytes;
    if (n->busy_until % 2 != 0 || w->now % 50 != 0)
        return;
    buf_init(&bytes, 64);
    for (size_t i = replica_busy(n->m.r, to, &bytes); i > 0; i--)
        if (!w->cut[index_of(w, n)][to[i - 1] - 1])
            push_wire(w, index_of(w, n), (unsigned)to[i - 1] - 1, buf_slice(&bytes), 2);
    buf_close(&bytes);
}

static void hold_frames(struct node *n, const struct replica_out *out)
{
    n->held = mem_realloc(n->held, (n->n_held + out->n_frames + 1) * sizeof n->held[0]);
    for (size_t i = 0; i < out->n_frames; i++) {
        struct replica_frame f = out->frames[i];
        f.bytes.p = mem_dup(f.bytes.p, f.bytes.len);
        n->held[n->n_held++] = f;
    }
}

static void free_held(struct node *n)
{
    for (size_t i = 0; i < n->n_held; i++)
        mem_free((char *)(uintptr_t)n->held[i].bytes.p);
    n->n_held = 0;
}

static void release_held(struct world *w, struct node *n)
{
    for (size_t i = 0; i < n->n_held; i++)
        send(w, index_of(w, n), &n->held[i]);
    free_held(n);
}

static int by_time(const void *a, const void *b)
{
    const struct wire *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Takes in what has arrived; frames for whoever is deaf wait, for whoever is down they are lost. */
static void deliver(struct world *w, struct node *n)
{
    struct error err;
    unsigned to = index_of(w, n);
    size_t kept = 0;
    for (size_t i = 0; i < w->n_wires; i++) {
        struct wire *wire = &w->wires[i];
        if (wire->to != to || wire->at > w->now) {
            w->wires[kept++] = *wire;
            continue;
        }
        struct node *from = &w->nodes[wire->from];
        struct replica_peer peer = {from->m.id, from->m.address};
        note(w, wire->bytes.p, wire->bytes.len);
        if (is_up(n) && replica_receive(n->m.r, &peer, wire->bytes, &err) != 0)
            BROKEN("%s", err.text);
        mem_free((char *)(uintptr_t)wire->bytes.p);
    }
    w->n_wires = kept;
}

/* ---------------- crashing and starting */

static void forget_life(struct node *n)
{
    free_held(n);
    n->fetch.active = false;
    n->snapshot_at = 0;
    n->acked_to = 0;
    n->led_term = 0;
}

/* The others' connections to it end at once; or the wrong ones are told so. */
static void tell_closed(struct world *w, const struct node *dead)
{
    for (unsigned i = 0; i < w->n; i++)
        if (&w->nodes[i] != dead && chance(w, 0.7))
            w->nodes[i].closed = dead->m.id;
}

static void crash(struct world *w, struct node *n)
{
    static const enum fate fates[] = {FATE_KEPT, FATE_LOST, FATE_TORN, FATE_FLIPPED};
    enum fate fate = fates[rng_below(&w->rng, 4)];
    forget_life(n);
    member_crash(&n->m, fate);
    n->up_at = w->now + between(w, 20, 1500);
    w->n_crashes++;
    tell_closed(w, n);
    note_number(w, n->m.id);
}

static void start(struct world *w, struct node *n)
{
    n->m.options = (struct replica_options){
        .election_ms = ELECTION_MS,
        .heartbeat_ms = HEARTBEAT_MS,
        .seed = rng_next(&w->rng),
        .log_rows = w->log_rows,
        .guards_off = w->o.guards_off,
    };
    n->m.applied = on_applied;
    n->m.data = w;
    n->busy_until = w->now;
    n->drift = w->o.calm ? 1 : 0.97 + 0.06 * (double)rng_below(&w->rng, 1000) / 1000;
    if (member_open(&n->m, clock_of(n)) != 0)
        crash(w, n);
}

/* ---------------- snapshots */

static void make_snapshot(struct world *w, struct node *n)
{
    char path[TMP_PATH_SIZE];
    if (!replica_snapshot_wanted(n->m.r))
        n->snapshot_at = 0;
    else if (n->snapshot_at == 0)
        n->snapshot_at = w->now + between(w, 1, 300);
    if (n->snapshot_at == 0 || n->snapshot_at > w->now)
        return;
    n->snapshot_at = 0;
    member_make_snapshot(&n->m, ++w->next_ticket, path);
}

static bool swap_did(void *data, enum swap_step step)
{
    struct node *n = data;
    if ((int)step != n->die_at_swap)
        return true;
    faultvfs_die(n->m.disk);
    return false;
}

static void copy_file(const char *from, const char *to)
{
    char block[1 << 16];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_true(in != NULL && out != NULL);
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;)
        assert_int_equal(fwrite(block, 1, n, out), n);
    fclose(in);
    fclose(out);
}

static void install(struct world *w, struct node *n, uint64_t from)
{
    char name[64], path[TMP_PATH_SIZE], mine[TMP_PATH_SIZE];
    snprintf(name, sizeof name, "n%llu-%llu.snapshot", (unsigned long long)from,
             (unsigned long long)n->fetch.token);
    tmp_file(path, w->folder, name);
    snprintf(name, sizeof name, "n%llu.received", (unsigned long long)n->m.id);
    copy_file(path, tmp_file(mine, w->folder, name));
    n->die_at_swap = chance(w, 0.2) ? (int)between(w, SWAP_CHECKPOINTED, SWAP_DIR_SYNCED) : -1;
    n->m.r->options.swap_did = swap_did;
    n->m.r->options.swap_data = n;
    if (member_install(&n->m, n->fetch.token, mine, clock_of(n)) != 0) {
        crash(w, n);
        return;
    }
    n->fetch.active = false;
    w->n_installs++;
    note_number(w, replica_applied(n->m.r));
}

static void fetch_snapshot(struct world *w, struct node *n)
{
    uint64_t from;
    const struct replica_snapshot *s = replica_install(n->m.r, &from);
    if (s == NULL) {
        n->fetch.active = false;
        return;
    }
    if (!n->fetch.active || n->fetch.token != s->token)
        n->fetch = (struct fetch){true, s->token, w->now + between(w, 5, w->healing ? 100 : 1500)};
    if (n->fetch.done_at > w->now)
        return;
    if (chance(w, 0.1)) {
        replica_turn(n->m.r, &(struct now){{n->clock_ms}, {n->clock_ms}});
        replica_install_abort(n->m.r);
        n->fetch.active = false;
    } else {
        install(w, n, from);
    }
}

/* ---------------- clients and operators */

static void propose(struct world *w, struct node *n)
{
    struct error err;
    char entry[200];
    int len = snprintf(entry, sizeof entry, "%llu:", (unsigned long long)++w->next_ticket);
    size_t more = (size_t)rng_below(&w->rng, sizeof entry - (size_t)len);
    memset(entry + len, 'x', more);
    if (replica_propose(n->m.r, (struct slice){entry, (size_t)len + more}, w->next_ticket, &err) !=
        0)
        note_number(w, (uint64_t)err.code);
}

static void ask(struct world *w, struct node *n)
{
    struct error err;
    if (w->n_reads == WORLD_CLIENT_READS)
        return;
    uint64_t ticket = ++w->next_ticket;
    if (replica_read(n->m.r, ticket, &err) == 0)
        w->reads[w->n_reads++] = (struct client_read){ticket, w->acknowledged};
}

static void join(struct world *w, struct node *n)
{
    if (n->formatted)
        return;
    member_format(&n->m);
    n->formatted = true;
    start(w, n);
}

static void operate(struct world *w, struct node *n)
{
    struct error err;
    struct node *other = &w->nodes[rng_below(&w->rng, w->n)];
    enum replica_change_kind kind = (enum replica_change_kind)rng_below(&w->rng, 5);
    unsigned voters = 0;
    struct replica_member member;
    for (size_t i = 0; replica_member(n->m.r, i, &member); i++)
        voters += member.server.role == REPLICA_VOTER;
    if (voters <= 2 && (kind == REPLICA_DEMOTE || kind == REPLICA_REMOVE))
        kind = REPLICA_PROMOTE;
    uint64_t id = kind == REPLICA_HAND_OVER && rng_chance(&w->rng, 0.5) ? 0 : other->m.id;
    if (kind == REPLICA_ADD)
        join(w, other);
    if (replica_change(n->m.r, kind, id, other->m.address, ++w->next_ticket, &err) == 0)
        w->n_changes++;
}

static void ask_once(struct node *n)
{
    struct error err;
    n->asks = false;
    if (replica_read(n->m.r, n->read.ticket, &err) != 0)
        n->read.code = err.code;
}

static void change_once(struct world *w, struct node *n)
{
    struct error err;
    const char *address = n->change_id != 0 ? w->nodes[n->change_id - 1].m.address : NULL;
    n->changes = false;
    if (replica_change(n->m.r, n->change_kind, n->change_id, address, n->change_ticket, &err) != 0)
        w->changed = (struct replica_outcome){REPLICA_CHANGE, n->change_ticket, err.code, 0};
}

static void act(struct world *w, struct node *n)
{
    if (n->asks)
        ask_once(n);
    if (n->changes)
        change_once(w, n);
    if (replica_is_leader(n->m.r) && rng_chance(&w->rng, w->healing ? 0.2 : 0.7))
        propose(w, n);
    if (rng_chance(&w->rng, 0.02))
        ask(w, n);
    if (!w->o.members_stay && replica_leads(n->m.r) && chance(w, 0.03))
        operate(w, n);
    if (chance(w, 0.001))
        w->n_mends += replica_mend(n->m.r);
    w->n_kept += replica_mend_in_vain(n->m.r); /* they are right, in truth */
}

static void hear_read(struct world *w, struct node *n, const struct replica_outcome *o)
{
    if (o->ticket == n->read.ticket)
        n->read = *o;
    for (size_t i = 0; i < w->n_reads; i++) {
        if (w->reads[i].ticket != o->ticket)
            continue;
        if (o->code == ERR_NONE) {
            w->n_answered++;
            if (o->index < w->reads[i].least || replica_applied(n->m.r) < o->index)
                BROKEN("node %llu read at %llu, %llu was acknowledged before",
                       (unsigned long long)n->m.id, (unsigned long long)o->index,
                       (unsigned long long)w->reads[i].least);
        } else {
            w->n_failed_reads++;
        }
        w->reads[i] = w->reads[--w->n_reads];
        return;
    }
}

static void hear(struct world *w, struct node *n, const struct replica_out *out)
{
    if (n->acked_to > w->acknowledged) /* its COMMIT has returned: the client is told */
        w->acknowledged = n->acked_to;
    n->acked_to = 0;
    for (size_t i = 0; i < out->n_outcomes; i++) {
        const struct replica_outcome *o = &out->outcomes[i];
        note_number(w, o->ticket ^ (uint64_t)o->code << 60);
        if (o->what == REPLICA_READ)
            hear_read(w, n, o);
        if (o->what == REPLICA_CHANGE)
            w->changed = *o;
        if (o->what == REPLICA_PROPOSAL)
            w->n_in_doubt++;
    }
}

/* ---------------- a node's turn */

static void take_turn(struct world *w, struct node *n)
{
    struct error err;
    struct now now = clock_of(n);
    uint64_t writes = faultvfs_count(n->m.disk, FAULT_SYNC);
    replica_turn(n->m.r, &now);
    deliver(w, n);
    replica_leader_closed(n->m.r, n->closed);
    n->closed = 0;
    act(w, n);
    if (chance(w, w->crash))
        faultvfs_die_at(n->m.disk, FAULT_SYNC, 1);
    struct replica_out early = replica_early(n->m.r);
    for (size_t i = 0; i < early.n_frames; i++) /* whatever becomes of the COMMIT */
        send(w, index_of(w, n), &early.frames[i]);
    int rv = replica_commit(n->m.r, &err);
    if (rv != 0 && !faultvfs_dead(n->m.disk))
        BROKEN("node %llu: %s", (unsigned long long)n->m.id, err.text);
    if (rv != 0) {
        crash(w, n);
        return;
    }
    faultvfs_die_at(n->m.disk, FAULT_SYNC, 0);
    struct replica_out out = replica_out(n->m.r);
    hear(w, n, &out);
    hold_frames(n, &out);
    check_leader(w, n);
    if (faultvfs_count(n->m.disk, FAULT_SYNC) != writes && !w->o.calm)
        n->busy_until = w->now + (chance(w, w->slow_commit) ? 200 : between(w, 1, 7));
}

static bool has_something_to_do(struct world *w, struct node *n)
{
    if (replica_restless(n->m.r) || replica_due(n->m.r).ms <= n->clock_ms ||
        rng_chance(&w->rng, 0.4))
        return true;
    for (size_t i = 0; i < w->n_wires; i++)
        if (w->wires[i].to == index_of(w, n) && w->wires[i].at <= w->now)
            return true;
    return false;
}

static void advance_clock(struct world *w, struct node *n)
{
    n->clock_rest += n->drift;
    if (chance(w, 0.00005))
        n->clock_rest += (double)between(w, 10, 3000);
    int64_t whole = (int64_t)n->clock_rest;
    n->clock_ms += whole;
    n->clock_rest -= (double)whole;
}

static void tick_node(struct world *w, struct node *n)
{
    advance_clock(w, n);
    if (!n->formatted)
        return;
    if (!is_up(n)) {
        deliver(w, n);
        if (n->up_at <= w->now)
            start(w, n);
        return;
    }
    if (chance(w, w->crash / 20)) {
        crash(w, n);
        return;
    }
    if (chance(w, w->pause))
        n->busy_until = w->now + between(w, 10, 1500);
    if (n->busy_until > w->now) {
        say_busy(w, n);
        return;
    }
    release_held(w, n);
    fetch_snapshot(w, n);
    if (is_up(n))
        make_snapshot(w, n);
    if (is_up(n) && has_something_to_do(w, n))
        take_turn(w, n);
}

/* ---------------- the network's faults */

static void cut_links(struct world *w)
{
    if (!chance(w, 0.0005))
        return;
    uint64_t how = rng_chance(&w->rng, 0.5) ? 0 : rng_below(&w->rng, 5);
    unsigned one = (unsigned)rng_below(&w->rng, w->n);
    for (unsigned i = 0; i < w->n; i++)
        for (unsigned j = 0; j < w->n; j++)
            w->cut[i][j] = how == 0   ? false                     /* all is well */
                           : how == 1 ? i == one || j == one      /* one is alone */
                           : how == 2 ? (i <= one) != (j <= one)  /* a split */
                           : how == 3 ? i == one                  /* one is not heard */
                                      : rng_chance(&w->rng, 0.3); /* one way, anywhere */
}

void world_tick(struct world *w)
{
    w->now++;
    cut_links(w);
    if (w->n_wires > 1)
        qsort(w->wires, w->n_wires, sizeof w->wires[0], by_time);
    for (unsigned i = 0; i < w->n; i++)
        tick_node(w, &w->nodes[i]);
    if (w->now % 97 == 0)
        check_all(w);
}

/* ---------------- beginning and end */

static double draw(struct world *w, double most)
{
    return most * (double)rng_below(&w->rng, 1001) / 1000;
}

void world_init(struct world *w, const struct world_options *o)
{
    memset(w, 0, sizeof *w);
    w->o = *o;
    rng_seed(&w->rng, o->seed);
    tmp_make(w->folder);
    unsigned founders = o->founders != 0 ? o->founders : 1 + (unsigned)rng_below(&w->rng, 5);
    w->n = o->members_stay ? founders : WORLD_NODES;
    w->loss = draw(w, rng_chance(&w->rng, 0.3) ? 0.4 : 0.05);
    w->duplicates = draw(w, 0.1);
    w->late = draw(w, 0.08);
    w->crash = draw(w, 0.004);
    w->pause = draw(w, 0.0005);
    w->slow_commit = 0.01;
    w->log_rows = o->calm ? 50 : 10 + (unsigned)rng_below(&w->rng, 40);
    w->healing = o->calm;

    struct replica_server servers[WORLD_NODES];
    for (unsigned i = 0; i < w->n; i++) {
        struct node *n = &w->nodes[i];
        member_init(&n->m, w->folder, i + 1, rng_next(&w->rng));
        n->clock_ms = between(w, 0, 100000);
        n->die_at_swap = -1;
        servers[i] = (struct replica_server){n->m.id, n->m.address, REPLICA_VOTER};
    }
    for (unsigned i = 0; i < founders; i++) {
        member_bootstrap(&w->nodes[i].m, servers, founders);
        w->nodes[i].formatted = true;
        start(w, &w->nodes[i]);
    }
}

void world_close(struct world *w)
{
    for (size_t i = 0; i < w->n_wires; i++)
        mem_free((char *)(uintptr_t)w->wires[i].bytes.p);
    for (unsigned i = 0; i < w->n; i++) {
        free_held(&w->nodes[i]);
        mem_free(w->nodes[i].held);
        member_close(&w->nodes[i].m);
    }
    mem_free(w->wires);
    mem_free(w->committed);
    tmp_remove(w->folder);
}

void world_run(struct world *w, int64_t ms)
{
    for (int64_t end = w->now + ms; w->now < end;)
        world_tick(w);
}

struct node *world_leader(struct world *w)
{
    struct node *best = NULL;
    for (unsigned i = 0; i < w->n; i++) {
        struct node *n = &w->nodes[i];
        if (is_up(n) && replica_leads(n->m.r) &&
            (best == NULL || replica_term(n->m.r) > replica_term(best->m.r)))
            best = n;
    }
    return best;
}

struct node *world_await_leader(struct world *w, int64_t ms)
{
    for (int64_t end = w->now + ms; w->now < end && world_leader(w) == NULL;)
        world_tick(w);
    if (world_leader(w) == NULL)
        BROKEN("nobody leads");
    return world_leader(w);
}

bool world_is_whole(struct world *w)
{
    struct node *leader = world_leader(w);
    struct replica_member member;
    if (leader == NULL || leader->m.r->raft.configuration_uncommitted_index != 0)
        return false;
    for (size_t i = 0; replica_member(leader->m.r, i, &member); i++) {
        struct node *n = &w->nodes[member.server.id - 1];
        if (!is_up(n) || replica_install(n->m.r, &(uint64_t){0}) != NULL ||
            replica_mending(n->m.r) || replica_term(n->m.r) != replica_term(leader->m.r) ||
            replica_applied(n->m.r) + 30 < replica_applied(leader->m.r))
            return false;
    }
    return true;
}

uint64_t world_begin_change(struct world *w, struct node *n, enum replica_change_kind kind,
                            uint64_t id)
{
    if (kind == REPLICA_ADD)
        join(w, &w->nodes[id - 1]);
    n->changes = true;
    n->change_kind = kind;
    n->change_id = id;
    n->change_ticket = ++w->next_ticket;
    return n->change_ticket;
}

enum error_code world_change(struct world *w, enum replica_change_kind kind, uint64_t id)
{
    uint64_t ticket = world_begin_change(w, world_await_leader(w, 5000), kind, id);
    for (int64_t end = w->now + 20000; w->now < end && w->changed.ticket != ticket;)
        world_tick(w);
    if (w->changed.ticket != ticket)
        BROKEN("a change of members does not end");
    return w->changed.code;
}

struct replica_outcome world_read(struct world *w, struct node *n)
{
    n->asks = true;
    n->read = (struct replica_outcome){REPLICA_READ, ++w->next_ticket, ERR_CANCELED, 0};
    for (int64_t end = w->now + 5000; w->now < end && n->read.code == ERR_CANCELED;)
        world_tick(w);
    if (n->read.code == ERR_CANCELED)
        BROKEN("a read does not end");
    return n->read;
}

void world_cut_link(struct world *w, uint64_t from, uint64_t to, bool cut)
{
    w->cut[from - 1][to - 1] = cut;
}

void world_cut_off(struct world *w, uint64_t id, bool cut)
{
    for (uint64_t other = 1; other <= w->n; other++) {
        if (other == id)
            continue;
        world_cut_link(w, id, other, cut);
        world_cut_link(w, other, id, cut);
    }
}

static void heal(struct world *w)
{
    w->healing = true;
    memset(w->cut, 0, sizeof w->cut);
    for (unsigned i = 0; i < w->n; i++)
        if (w->nodes[i].formatted && w->nodes[i].busy_until > w->now)
            w->nodes[i].busy_until = w->now;
    size_t before = w->n_committed;
    for (int64_t end = w->now + HEALING_MS; w->now < end;) {
        world_run(w, 100);
        if (world_is_whole(w) && w->n_committed > before + 10)
            return;
    }
    struct node *leader = world_leader(w);
    BROKEN("not whole after healing: leader %llu, %zu entries committed since",
           (unsigned long long)(leader != NULL ? leader->m.id : 0), w->n_committed - before);
}

void world_play(struct world *w)
{
    world_run(w, w->o.faults_ms);
    heal(w);
    check_all(w);
    if (w->acknowledged > w->n_committed)
        BROKEN("an acknowledged entry is lost");
}
