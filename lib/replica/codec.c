#include "replica/codec.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "replica/replica.h"

/* Above this nobody has counted: sums of two of them still fit. */
#define NUMBER_MAX (UINT64_C(1) << 62)

#define CONF_FORMAT 1
#define CONF_HEAD_BYTES (1 + 8)
#define CONF_SERVER_BYTES_MIN (8 + 1 + 1) /* id, the empty address's NUL, role */

#define VOTE_VERSION 2
#define VOTE_RESULT_VERSION 2
#define APPEND_RESULT_VERSION 2

/* ---- reading */

struct reader {
    const uint8_t *p;
    size_t left;
    bool ended; /* it was too short */
};

static const uint8_t *take(struct reader *r, size_t n)
{
    if (n > r->left) {
        r->ended = true;
        r->left = 0;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    r->left -= n;
    return p;
}

static uint64_t get(struct reader *r, size_t n)
{
    const uint8_t *p = take(r, n);
    uint64_t v = 0;
    for (size_t i = 0; p != NULL && i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static uint8_t get_u8(struct reader *r)
{
    return (uint8_t)get(r, 1);
}
static uint16_t get_u16(struct reader *r)
{
    return (uint16_t)get(r, 2);
}
static uint32_t get_u32(struct reader *r)
{
    return (uint32_t)get(r, 4);
}
static uint64_t get_u64(struct reader *r)
{
    return get(r, 8);
}

static struct slice get_bytes(struct reader *r, size_t n)
{
    const uint8_t *p = take(r, n);
    return (struct slice){(const char *)p, p != NULL ? n : 0};
}

static int wrong(struct error *err, const char *field)
{
    return error_set(err, ERR_SYNTAX, "frame: got a wrong %s", field);
}

static int too_short(struct error *err)
{
    return error_set(err, ERR_SYNTAX, "frame: it is cut");
}

static bool counted(uint64_t v)
{
    return v <= NUMBER_MAX;
}

/* ---- configurations */

int conf_decode(struct slice bytes, struct raft_configuration *out, struct error *err)
{
    struct reader r = {(const uint8_t *)bytes.p, bytes.len, false};
    if (bytes.len < CONF_HEAD_BYTES || get_u8(&r) != CONF_FORMAT)
        return wrong(err, "configuration");
    uint64_t n = get_u64(&r);
    if (n == 0 || n > LIMIT_SERVERS)
        return error_set(err, ERR_SYNTAX, "configuration: got %llu servers, need 1 to %d",
                         (unsigned long long)n, LIMIT_SERVERS);
    for (uint64_t i = 0; i < n; i++) {
        if (r.left < CONF_SERVER_BYTES_MIN)
            return too_short(err);
        uint64_t id = get_u64(&r);
        const uint8_t *end = memchr(r.p, '\0', r.left);
        size_t len = end != NULL ? (size_t)(end - r.p) : REPLICA_ADDRESS_MAX + 1;
        if (id == 0 || id > INT64_MAX || len > REPLICA_ADDRESS_MAX)
            return wrong(err, "server");
        take(&r, len + 1);
        uint8_t role = get_u8(&r);
        if (r.ended || (role != RAFT_VOTER && role != RAFT_STANDBY))
            return wrong(err, "role");
    }
    /* Now that it is safe to read, the core checks what differs, and allocates. */
    struct raft_buffer buf = {(void *)(uintptr_t)bytes.p, bytes.len};
    raft_configuration_init(out);
    int rv = raft_configuration_decode(&buf, out);
    ASSERT(rv == 0 || rv == RAFT_MALFORMED);
    return rv == 0 ? 0 : wrong(err, "configuration"); /* then it is closed already */
}

void conf_encode(const struct raft_configuration *conf, struct buf *out)
{
    struct raft_buffer buf;
    ASSERT(conf->n > 0 && raft_configuration_encode(conf, &buf) == 0);
    buf_put(out, buf.base, buf.len);
    raft_free(buf.base);
}

static int check_conf(struct slice bytes, struct error *err)
{
    struct raft_configuration conf;
    if (conf_decode(bytes, &conf, err) != 0)
        return -1;
    raft_configuration_close(&conf);
    return 0;
}

/* ---- decoding */

static int decode_entry(struct reader *r, uint64_t least_term, uint64_t most_term,
                        struct frame_entry *e, struct error *err)
{
    e->term = get_u64(r);
    e->type = get_u8(r);
    e->data = get_bytes(r, get_u32(r));
    if (r->ended)
        return too_short(err);
    if (e->term == 0 || e->term < least_term || e->term > most_term)
        return wrong(err, "entry's term");
    if (e->type != RAFT_COMMAND && e->type != RAFT_BARRIER && e->type != RAFT_CHANGE)
        return wrong(err, "entry's type");
    if (e->data.len > LIMIT_ENTRY_BYTES)
        return wrong(err, "entry's length");
    return e->type == RAFT_CHANGE ? check_conf(e->data, err) : 0;
}

static int decode_append(struct reader *r, struct frame *f, struct error *err)
{
    enum { ENTRY_BYTES_MIN = 8 + 1 + 4 };
    struct frame_append *a = &f->append;
    a->term = get_u64(r);
    a->prev_index = get_u64(r);
    a->prev_term = get_u64(r);
    a->leader_commit = get_u64(r);
    uint32_t n = get_u32(r);
    if (r->ended)
        return too_short(err);
    if (a->term == 0 || !counted(a->term))
        return wrong(err, "term");
    if ((a->prev_index == 0) != (a->prev_term == 0) || !counted(a->prev_index) ||
        a->prev_term > a->term)
        return wrong(err, "previous entry");
    if (!counted(a->leader_commit))
        return wrong(err, "commit index");
    if (n > r->left / ENTRY_BYTES_MIN)
        return wrong(err, "number of entries");
    a->entries = n == 0 ? NULL : mem_zalloc(n * sizeof a->entries[0]);
    uint64_t least = a->prev_term;
    for (; a->n < n; a->n++) {
        if (decode_entry(r, least, a->term, &a->entries[a->n], err) != 0)
            return -1;
        least = a->entries[a->n].term;
    }
    return 0;
}

static int decode_append_result(struct reader *r, struct frame *f, struct error *err)
{
    f->append_result.version = APPEND_RESULT_VERSION;
    f->append_result.term = get_u64(r);
    f->append_result.rejected = get_u64(r);
    f->append_result.last_log_index = get_u64(r);
    f->append_result.features = get_u16(r);
    f->append_result.capacity = get_u16(r);
    if (!counted(f->append_result.term) || !counted(f->append_result.rejected) ||
        !counted(f->append_result.last_log_index))
        return wrong(err, "result");
    return 0;
}

static int decode_vote(struct reader *r, struct frame *f, struct error *err)
{
    f->vote.version = VOTE_VERSION;
    f->vote.term = get_u64(r);
    f->vote.candidate_id = get_u64(r);
    f->vote.last_log_index = get_u64(r);
    f->vote.last_log_term = get_u64(r);
    f->vote.disrupt_leader = get_u8(r) != 0;
    f->vote.pre_vote = get_u8(r) != 0;
    if (f->vote.candidate_id != f->sender)
        return wrong(err, "candidate");
    if (f->vote.term == 0 || !counted(f->vote.term) || f->vote.last_log_term > f->vote.term)
        return wrong(err, "term");
    if (!counted(f->vote.last_log_index))
        return wrong(err, "index");
    return 0;
}

static int decode_vote_result(struct reader *r, struct frame *f, struct error *err)
{
    f->vote_result.version = VOTE_RESULT_VERSION; /* the core knows pre-votes from version 2 on */
    f->vote_result.term = get_u64(r);
    f->vote_result.vote_granted = get_u8(r) != 0;
    f->vote_result.pre_vote = get_u8(r) != 0;
    f->vote_result.features = get_u16(r);
    f->vote_result.capacity = get_u16(r);
    return counted(f->vote_result.term) ? 0 : wrong(err, "term");
}

static int decode_offer(struct reader *r, struct frame *f, struct error *err)
{
    struct frame_offer *o = &f->offer;
    o->term = get_u64(r);
    o->index = get_u64(r);
    o->index_term = get_u64(r);
    o->conf_index = get_u64(r);
    o->conf = get_bytes(r, get_u32(r));
    o->token = get_u64(r);
    o->size = get_u64(r);
    struct slice hash = get_bytes(r, sizeof o->hash);
    if (r->ended)
        return too_short(err);
    memcpy(o->hash, hash.p, sizeof o->hash);
    if (o->term == 0 || !counted(o->term) || o->index_term == 0 || o->index_term > o->term)
        return wrong(err, "term");
    if (o->index == 0 || !counted(o->index) || o->conf_index == 0 || o->conf_index > o->index)
        return wrong(err, "index");
    return check_conf(o->conf, err);
}

static int decode_timeout_now(struct reader *r, struct frame *f, struct error *err)
{
    f->timeout_now.term = get_u64(r);
    f->timeout_now.last_log_index = get_u64(r);
    f->timeout_now.last_log_term = get_u64(r);
    if (f->timeout_now.term == 0 || !counted(f->timeout_now.term))
        return wrong(err, "term");
    return 0;
}

static int decode_number(struct reader *r, struct frame *f, struct error *err)
{
    f->number.term = get_u64(r);
    f->number.seq = get_u64(r);
    f->number.index = get_u64(r);
    if (!counted(f->number.term) || !counted(f->number.seq) || !counted(f->number.index))
        return wrong(err, "number");
    return 0;
}

typedef int decode_body(struct reader *r, struct frame *f, struct error *err);
static decode_body *const decoders[] = {
    [FRAME_APPEND] = decode_append,  [FRAME_APPEND_RESULT] = decode_append_result,
    [FRAME_VOTE] = decode_vote,      [FRAME_VOTE_RESULT] = decode_vote_result,
    [FRAME_OFFER] = decode_offer,    [FRAME_TIMEOUT_NOW] = decode_timeout_now,
    [FRAME_PING] = decode_number,    [FRAME_PONG] = decode_number,
    [FRAME_READ] = decode_number,    [FRAME_READ_RESULT] = decode_number,
    [FRAME_REMOVED] = decode_number, [FRAME_MEND] = decode_number,
    [FRAME_TABLES] = decode_offer,   [FRAME_BUSY] = decode_number,
};

int frame_decode(struct slice bytes, struct frame *out, struct error *err)
{
    struct reader r = {(const uint8_t *)bytes.p, bytes.len, false};
    struct frame f;
    memset(&f, 0, sizeof f);
    uint8_t kind = get_u8(&r), version = get_u8(&r);
    f.sender = get_u64(&r);
    if (r.ended)
        return too_short(err);
    if (version != FRAME_VERSION)
        return error_set(err, ERR_SYNTAX, "frame: got version %u, need %u", version, FRAME_VERSION);
    if (kind >= sizeof decoders / sizeof decoders[0] || decoders[kind] == NULL)
        return error_set(err, ERR_SYNTAX, "frame: got kind %u", kind);
    f.kind = (enum frame_kind)kind;
    int rv = decoders[kind](&r, &f, err);
    if (r.ended)
        rv = too_short(err);
    else if (rv == 0 && r.left != 0)
        rv = error_set(err, ERR_SYNTAX, "frame: got %zu bytes too many", r.left);
    if (rv != 0) {
        frame_close(&f);
        return -1;
    }
    *out = f;
    return 0;
}

void frame_close(struct frame *f)
{
    if (f->kind == FRAME_APPEND) {
        mem_free(f->append.entries);
        f->append.entries = NULL;
    }
}

/* ---- encoding */

static void put(struct buf *out, uint64_t v, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    buf_put(out, bytes, n);
}

static void put_u8(struct buf *out, uint8_t v)
{
    put(out, v, 1);
}
static void put_u16(struct buf *out, uint16_t v)
{
    put(out, v, 2);
}
static void put_u32(struct buf *out, size_t v)
{
    put(out, v, 4);
}
static void put_u64(struct buf *out, uint64_t v)
{
    put(out, v, 8);
}

static void put_slice(struct buf *out, struct slice s)
{
    put_u32(out, s.len);
    buf_put_slice(out, s);
}

static void encode_head(enum frame_kind kind, uint64_t sender, struct buf *out)
{
    put_u8(out, (uint8_t)kind);
    put_u8(out, FRAME_VERSION);
    put_u64(out, sender);
}

void frame_encode_append_head(uint64_t sender, const struct frame_append *a, struct buf *out)
{
    encode_head(FRAME_APPEND, sender, out);
    put_u64(out, a->term);
    put_u64(out, a->prev_index);
    put_u64(out, a->prev_term);
    put_u64(out, a->leader_commit);
    put_u32(out, a->n);
}

void frame_encode_entry(const struct frame_entry *e, struct buf *out)
{
    put_u64(out, e->term);
    put_u8(out, e->type);
    put_slice(out, e->data);
}

static void encode_append_result(const struct raft_append_entries_result *a, struct buf *out)
{
    put_u64(out, a->term);
    put_u64(out, a->rejected);
    put_u64(out, a->last_log_index);
    put_u16(out, a->features);
    put_u16(out, a->capacity);
}

static void encode_vote(const struct raft_request_vote *v, struct buf *out)
{
    put_u64(out, v->term);
    put_u64(out, v->candidate_id);
    put_u64(out, v->last_log_index);
    put_u64(out, v->last_log_term);
    put_u8(out, v->disrupt_leader);
    put_u8(out, v->pre_vote);
}

static void encode_vote_result(const struct raft_request_vote_result *v, struct buf *out)
{
    put_u64(out, v->term);
    put_u8(out, v->vote_granted);
    put_u8(out, v->pre_vote);
    put_u16(out, v->features);
    put_u16(out, v->capacity);
}

static void encode_offer(const struct frame_offer *o, struct buf *out)
{
    put_u64(out, o->term);
    put_u64(out, o->index);
    put_u64(out, o->index_term);
    put_u64(out, o->conf_index);
    put_slice(out, o->conf);
    put_u64(out, o->token);
    put_u64(out, o->size);
    buf_put(out, o->hash, sizeof o->hash);
}

static void encode_timeout_now(const struct raft_timeout_now *t, struct buf *out)
{
    put_u64(out, t->term);
    put_u64(out, t->last_log_index);
    put_u64(out, t->last_log_term);
}

static void encode_number(const struct frame_number *n, struct buf *out)
{
    put_u64(out, n->term);
    put_u64(out, n->seq);
    put_u64(out, n->index);
}

void frame_encode(const struct frame *f, struct buf *out)
{
    if (f->kind == FRAME_APPEND) {
        frame_encode_append_head(f->sender, &f->append, out);
        for (unsigned i = 0; i < f->append.n; i++)
            frame_encode_entry(&f->append.entries[i], out);
        return;
    }
    encode_head(f->kind, f->sender, out);
    switch (f->kind) {
    case FRAME_APPEND: /* done */
    case FRAME_APPEND_RESULT:
        encode_append_result(&f->append_result, out);
        break;
    case FRAME_VOTE:
        encode_vote(&f->vote, out);
        break;
    case FRAME_VOTE_RESULT:
        encode_vote_result(&f->vote_result, out);
        break;
    case FRAME_OFFER:
    case FRAME_TABLES:
        encode_offer(&f->offer, out);
        break;
    case FRAME_TIMEOUT_NOW:
        encode_timeout_now(&f->timeout_now, out);
        break;
    case FRAME_PING:
    case FRAME_PONG:
    case FRAME_READ:
    case FRAME_READ_RESULT:
    case FRAME_REMOVED:
    case FRAME_MEND:
    case FRAME_BUSY:
        encode_number(&f->number, out);
    }
}
