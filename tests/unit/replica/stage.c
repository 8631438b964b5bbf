#include "unit.h"

#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static struct replica_peer peer(uint64_t id)
{
    static const char *const addresses[] = {"n0", "n1", "n2", "n3", "n4"};
    return (struct replica_peer){id, addresses[id]};
}

static void clear_out(struct stage *s)
{
    for (size_t i = 0; i < s->n_out; i++) {
        frame_close(&s->out[i]);
        mem_free(s->bytes[i]);
    }
    s->n_out = s->n_outcomes = 0;
}

static void collect(struct stage *s)
{
    struct error err;
    struct replica_out out = replica_out(s->m.r);
    for (size_t i = 0; i < out.n_frames && s->n_out < STAGE_FRAMES; i++) {
        const struct replica_frame *f = &out.frames[i];
        s->bytes[s->n_out] = mem_dup(f->bytes.p, f->bytes.len);
        s->to[s->n_out] = f->to;
        struct slice bytes = {s->bytes[s->n_out], f->bytes.len};
        if (frame_decode(bytes, &s->out[s->n_out], &err) != 0)
            fail_msg("%s", err.text);
        s->n_out++;
    }
    for (size_t i = 0; i < out.n_outcomes && s->n_outcomes < STAGE_FRAMES; i++)
        s->outcomes[s->n_outcomes++] = out.outcomes[i];
}

static void commit(struct stage *s)
{
    struct error err;
    if (replica_commit(s->m.r, &err) != 0)
        fail_msg("%s", err.text);
    collect(s);
    while (replica_restless(s->m.r)) {
        replica_turn(s->m.r, &s->now);
        if (replica_commit(s->m.r, &err) != 0)
            fail_msg("%s", err.text);
        collect(s);
    }
}

void stage_turn(struct stage *s, int64_t ms)
{
    clear_out(s);
    s->now.mono.ms += ms;
    replica_turn(s->m.r, &s->now);
    commit(s);
}

void stage_propose(struct stage *s, int64_t ms, const char *entry)
{
    struct error err;
    clear_out(s);
    s->now.mono.ms += ms;
    replica_turn(s->m.r, &s->now);
    if (replica_propose(s->m.r, slice_of(entry), 1, &err) != 0)
        fail_msg("%s", err.text);
    commit(s);
}

void stage_feed(struct stage *s, int64_t ms, uint64_t from, struct frame f)
{
    struct error err;
    struct buf bytes;
    struct replica_peer p = peer(from);
    clear_out(s);
    s->now.mono.ms += ms;
    replica_turn(s->m.r, &s->now);
    buf_init(&bytes, 1 << 20);
    f.sender = from;
    frame_encode(&f, &bytes);
    if (replica_receive(s->m.r, &p, buf_slice(&bytes), &err) != 0)
        fail_msg("%s", err.text);
    buf_close(&bytes);
    commit(s);
}

const struct frame *stage_frame(const struct stage *s, enum frame_kind kind, uint64_t to)
{
    for (size_t i = 0; i < s->n_out; i++)
        if (s->out[i].kind == kind && s->to[i] == to)
            return &s->out[i];
    return NULL;
}

static void open_it(struct stage *s)
{
    if (member_open(&s->m, s->now) != 0)
        fail_msg("it does not open");
}

void stage_init(struct stage *s, const char *roles, const struct replica_options *options)
{
    struct replica_server servers[STAGE_SERVERS];
    size_t n = strlen(roles);
    memset(s, 0, sizeof *s);
    tmp_make(s->folder);
    member_init(&s->m, s->folder, 1, 1);
    for (size_t i = 0; i < n; i++)
        servers[i] = (struct replica_server){i + 1, peer(i + 1).address,
                                             roles[i] == 'v' ? REPLICA_VOTER : REPLICA_STANDBY};
    member_bootstrap(&s->m, servers, n);
    if (options != NULL)
        s->m.options = *options;
    s->m.options.election_ms = 300;
    s->m.options.heartbeat_ms = 50;
    s->now.mono.ms = 1000;
    open_it(s);
}

void stage_restart(struct stage *s)
{
    clear_out(s);
    member_stop(&s->m);
    open_it(s);
}

void stage_close(struct stage *s)
{
    clear_out(s);
    member_close(&s->m);
    tmp_remove(s->folder);
}

/* ---- what the others may say */

static void put_conf(struct buf *out, unsigned n)
{
    struct raft_configuration conf;
    raft_configuration_init(&conf);
    for (unsigned i = 1; i <= n; i++)
        assert_int_equal(raft_configuration_add(&conf, i, peer(i).address, RAFT_VOTER), 0);
    conf_encode(&conf, out);
    raft_configuration_close(&conf);
}

void stage_entries(struct stage_entries *e, uint64_t term, const char *letters)
{
    memset(e, 0, sizeof *e);
    for (; *letters != '\0'; letters++) {
        struct frame_entry *item = &e->items[e->n];
        struct buf *conf = &e->conf[e->n++];
        item->term = term;
        item->type = *letters == 'c' ? RAFT_COMMAND : *letters == 'b' ? RAFT_BARRIER : RAFT_CHANGE;
        item->data = SLICE("a command");
        if (item->type != RAFT_CHANGE)
            continue;
        buf_init(conf, 1000);
        put_conf(conf, (unsigned)(*letters - '0'));
        item->data = buf_slice(conf);
    }
}

void stage_entries_close(struct stage_entries *e)
{
    for (unsigned i = 0; i < e->n; i++)
        buf_close(&e->conf[i]);
}

void stage_append(struct stage *s, uint64_t from, uint64_t term, uint64_t prev_index,
                  uint64_t prev_term, const char *letters, uint64_t commit_index)
{
    struct stage_entries e;
    struct frame f = {.kind = FRAME_APPEND};
    stage_entries(&e, term, letters);
    f.append = (struct frame_append){term, prev_index, prev_term, commit_index, e.n, e.items};
    stage_feed(s, 1, from, f);
    stage_entries_close(&e);
}

static void feed_vote(struct stage *s, uint64_t term, bool pre_vote)
{
    struct frame f = {.kind = FRAME_VOTE_RESULT};
    f.vote_result = (struct raft_request_vote_result){
        .version = 2, .term = term, .vote_granted = true, .pre_vote = pre_vote};
    stage_feed(s, 1, 2, f);
}

void stage_elect(struct stage *s)
{
    for (unsigned i = 0; i < 100 && stage_frame(s, FRAME_VOTE, 2) == NULL; i++)
        stage_turn(s, 20);
    assert_non_null(stage_frame(s, FRAME_VOTE, 2));
    feed_vote(s, replica_term(s->m.r) + 1, true);
    feed_vote(s, replica_term(s->m.r), false);
    assert_true(replica_is_leader(s->m.r));
}
