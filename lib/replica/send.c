/* lib/replica/send.c - the core's messages, made into frames while they live. */
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "replica/private.h"

static void push(struct replica *r, uint64_t to, struct buf *bytes)
{
    ASSERT(!buf_full(bytes));
    ASSERT(replica_peer(r, to, NULL) != NULL); /* its address is filled in by replica_commit() */
    if (r->n_frames == r->cap_frames) {
        r->cap_frames = r->cap_frames == 0 ? 16 : 2 * r->cap_frames;
        r->frames = mem_realloc(r->frames, r->cap_frames * sizeof r->frames[0]);
    }
    size_t len;
    char *taken = buf_take(bytes, &len);
    r->frames[r->n_frames++] = (struct replica_frame){.to = to, .bytes = {taken, len}};
}

void send_frame(struct replica *r, uint64_t to, const struct frame *f)
{
    struct buf bytes;
    buf_init(&bytes, LIMIT_PEER_FRAME_BYTES);
    frame_encode(f, &bytes);
    push(r, to, &bytes);
}

void send_number(struct replica *r, uint64_t to, enum frame_kind kind, struct frame_number number)
{
    if (to == r->options.id || replica_peer(r, to, NULL) == NULL)
        return;
    struct frame f;
    memset(&f, 0, sizeof f);
    f.kind = kind;
    f.sender = r->options.id;
    f.number = number;
    send_frame(r, to, &f);
}

/* ---- appends: the core says from where and how many, the entries are ours to fill in */

/* How many of the n rows from `index` on go into one frame: at least one. */
static unsigned fit(struct replica *r, uint64_t index, unsigned n)
{
    size_t bytes = storage_row(&r->storage, index)->len;
    unsigned i = 1;
    while (i < n && bytes + storage_row(&r->storage, index + i)->len <= LIMIT_APPEND_BYTES)
        bytes += storage_row(&r->storage, index + i++)->len;
    return i;
}

static size_t send_one_append(struct replica *r, uint64_t to, const struct frame_append *head)
{
    struct buf bytes;
    buf_init(&bytes, LIMIT_PEER_FRAME_BYTES);
    frame_encode_append_head(r->options.id, head, &bytes);
    for (uint64_t i = head->prev_index + 1; i <= head->prev_index + head->n; i++) {
        const struct log_row *row = storage_row(&r->storage, i);
        struct frame_entry e = {row->term, row->type, storage_data(&r->storage, i)};
        frame_encode_entry(&e, &bytes);
    }
    size_t len = bytes.len;
    push(r, to, &bytes);
    r->frames[r->n_frames - 1].is_append = true;
    if (len > LIMIT_PEER_WRITE_BYTES)
        replica_peer(r, to, NULL)->bulky = head->prev_index + head->n;
    return len;
}

/* The core sends again what is not answered by the next heartbeat. Of a bulky frame that would be
 * many times, while the first is on its way or being written, and heartbeats would wait behind
 * them. What comes in its place, nothing perhaps, is to follow it: if it was lost, that is
 * rejected, and then it is sent again. */
static void skip_bulky(struct replica *r, uint64_t to, struct frame_append *head, unsigned *left)
{
    uint64_t bulky = replica_peer(r, to, NULL)->bulky, last = head->prev_index + *left;
    if (bulky <= head->prev_index)
        return;
    *left = bulky < last ? (unsigned)(last - bulky) : 0;
    head->prev_index = bulky;
    head->prev_term = storage_term_of(&r->storage, bulky);
}

/* What does not fit LIMIT_SEND_BYTES counts as lost on the way: the core sends it again. */
static void send_append(struct replica *r, uint64_t to, const struct raft_append_entries *a)
{
    struct frame_append head = {.term = a->term,
                                .prev_index = a->prev_log_index,
                                .prev_term = a->prev_log_term,
                                .leader_commit = a->leader_commit};
    unsigned left = a->n_entries;
    size_t sent = 0;
    skip_bulky(r, to, &head, &left);
    do {
        head.n = left == 0 ? 0 : fit(r, head.prev_index + 1, left);
        sent += send_one_append(r, to, &head);
        left -= head.n;
        head.prev_index += head.n;
        if (head.n > 0)
            head.prev_term = storage_term_of(&r->storage, head.prev_index);
    } while (left > 0 && sent < LIMIT_SEND_BYTES);
}

/* An append without entries, as a heartbeat is one: who has our applied entry learns now, and not
 * with the next heartbeat, that it is committed. */
static void encode_beat(struct replica *r, struct buf *out)
{
    const struct applied *applied = &r->storage.applied;
    const struct frame_append head = {.term = raft_current_term(&r->raft),
                                      .prev_index = applied->index,
                                      .prev_term = applied->term,
                                      .leader_commit = applied->index};
    frame_encode_append_head(r->options.id, &head, out);
}

void send_beat(struct replica *r, uint64_t to)
{
    struct buf bytes;
    if (!replica_is_leader(r) || !replica_knows_member(r, to))
        return;
    buf_init(&bytes, LIMIT_PEER_FRAME_BYTES);
    encode_beat(r, &bytes);
    push(r, to, &bytes);
}

bool replica_beat(struct replica *r, uint64_t to, struct buf *out)
{
    bool may = replica_leads(r) && replica_has_member(r, to);
    if (may)
        encode_beat(r, out);
    return may;
}

/* ---- the others */

static void send_message(struct replica *r, const struct raft_message *m)
{
    struct frame f;
    memset(&f, 0, sizeof f);
    f.kind = (enum frame_kind)m->type;
    f.sender = r->options.id;
    switch (m->type) {
    case RAFT_APPEND_ENTRIES:
        send_append(r, m->server_id, &m->append_entries);
        return;
    case RAFT_APPEND_ENTRIES_RESULT:
        f.append_result = m->append_entries_result;
        /* Answering an old leader, the core leaves this as it finds it. */
        if (r->request_term != 0 && r->request_term < f.append_result.term)
            f.append_result.last_log_index = 0;
        r->rejected = f.append_result.rejected != 0;
        break;
    case RAFT_REQUEST_VOTE:
        f.vote = m->request_vote;
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        f.vote_result = m->request_vote_result;
        if (guarded(r, GUARD_PRE_VOTE_TERM))
            guard_pre_vote_term(raft_current_term(&r->raft), &f.vote_result);
        break;
    case RAFT_INSTALL_SNAPSHOT:
        snapshot_asked(r, m);
        return;
    case RAFT_TIMEOUT_NOW:
        f.timeout_now = m->timeout_now;
    }
    send_frame(r, m->server_id, &f);
}

/* A leader does not count what it has not synced as its own. But its term must be: else it could
 * lead in it once more, with another log. Who votes alone counts nobody else. */
static bool may_leave_early(const struct replica *r)
{
    return !replica_is_failed(r) && replica_is_leader(r) && !r->new_term &&
           !guard_is_sole_voter(&r->raft.configuration, r->options.id);
}

struct replica_out replica_early(struct replica *r)
{
    ASSERT(r->in_turn && r->n_early == 0);
    for (size_t i = 0; i < r->n_frames && may_leave_early(r); i++) {
        struct replica_frame f = r->frames[i];
        if (!f.is_append)
            continue;
        f.address = replica_address(r, f.to);
        memmove(&r->frames[r->n_early + 1], &r->frames[r->n_early], (i - r->n_early) * sizeof f);
        r->frames[r->n_early++] = f;
    }
    return (struct replica_out){.frames = r->frames, .n_frames = r->n_early};
}

void send_messages(struct replica *r, const struct raft_update *update)
{
    for (unsigned i = 0; i < update->messages.n; i++) {
        const struct raft_message *m = &update->messages.batch[i];
        if (m->server_id == r->options.id) /* the answer to a forged vote (G2) */
            continue;
        replica_peer(r, m->server_id, m->server_address);
        send_message(r, m);
    }
}
