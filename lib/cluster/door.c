#include "cluster/door.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/frame.h"
#include "state/state.h"

#define WHO_SIZE 80

struct door {
    void *data;
    struct door_config config;
    const struct door_events *events;
    struct map *askings; /* key -> struct asking */
    struct list guests;
    size_t guests_n;
    uint64_t last_key;
    int handles; /* guests, and one until door_stop() */
    void (*stopped)(void *data);
};

/* A request on its way to the cluster. */
struct asking {
    uint64_t key;
    struct guest *guest; /* NULL: of a node, by a frame */
    int64_t id;          /* of that node */
    char who[WHO_SIZE];  /* for the log */
    struct json *root;   /* of `request` */
    struct join_request request;
    struct certificate facts; /* to be signed */
};

/*     reading -> asking -> answering -> closed: each but the last has its time */
enum guest_state { GUEST_READING, GUEST_ASKING, GUEST_ANSWERING, GUEST_CLOSED };

struct guest {
    struct list list;
    struct door *door;
    enum guest_state state;
    struct stream *stream;
    struct asking *asking; /* while it asks */
    struct buf in, out;
    bool ended, other_ended; /* our side of it, the other one */
    uv_timer_t timer;
    int handles;
};

static struct wall now_of(const struct door *d)
{
    return d->config.loop->clock.wall(&d->config.loop->clock);
}

static void part_gone(struct door *d)
{
    if (--d->handles > 0)
        return;
    void (*stopped)(void *data) = d->stopped;
    void *data = d->data;
    map_free(d->askings);
    mem_free(d);
    stopped(data);
}

/* ---- a guest's life */

static void guest_part_gone(struct guest *g)
{
    if (--g->handles > 0)
        return;
    struct door *d = g->door;
    list_remove(&g->list);
    d->guests_n--;
    buf_close(&g->in);
    buf_close(&g->out);
    mem_free(g);
    part_gone(d);
}

static void on_stream_closed(struct stream *s)
{
    guest_part_gone(s->data);
}

static void on_timer_closed(uv_handle_t *timer)
{
    guest_part_gone(timer->data);
}

static void guest_close(struct guest *g)
{
    if (g->state == GUEST_CLOSED)
        return;
    g->state = GUEST_CLOSED;
    if (g->asking != NULL)
        g->asking->guest = NULL;
    stream_close(g->stream, on_stream_closed);
    uv_close((uv_handle_t *)&g->timer, on_timer_closed);
}

static void on_guest_time(uv_timer_t *timer);

static void guest_limit(struct guest *g, int64_t ms)
{
    uv_timer_start(&g->timer, on_guest_time, (uint64_t)ms, 0);
}

static void guest_answer(struct guest *g)
{
    uv_buf_t buf;
    g->state = GUEST_ANSWERING;
    buf_putc(&g->out, '\n');
    guest_limit(g, LIMIT_JOIN_MS);
    buf = uv_buf_init(g->out.data, (unsigned)g->out.len);
    if (stream_write(g->stream, &buf, 1) != 0)
        guest_close(g);
}

/* ---- refusing */

static void done(struct door *d, const char *who, const struct certificate *signed_for,
                 const struct error *err)
{
    d->events->on_done(d, who, signed_for, err);
}

static void reply(struct door *d, int64_t id, const struct buf *message)
{
    struct buf frame;
    buf_init(&frame, LIMIT_JOIN_BYTES + 1);
    buf_putc(&frame, FRAME_RENEW);
    buf_put_slice(&frame, buf_slice(message));
    d->events->reply(d, id, buf_slice(&frame));
    buf_close(&frame);
}

static void refuse_guest(struct guest *g, const struct error *why)
{
    struct door *d = g->door;
    char who[WHO_SIZE];
    str_copy(who, sizeof who, g->stream->remote);
    join_refusal_write(why, &g->out);
    guest_answer(g);
    done(d, who, NULL, why);
}

static void refuse_node(struct door *d, int64_t id, const struct error *why)
{
    struct buf text;
    char who[WHO_SIZE];
    snprintf(who, sizeof who, "node %lld", (long long)id);
    buf_init(&text, LIMIT_JOIN_BYTES);
    join_refusal_write(why, &text);
    reply(d, id, &text);
    buf_close(&text);
    done(d, who, NULL, why);
}

static void on_guest_time(uv_timer_t *timer)
{
    struct guest *g = timer->data;
    struct error err;
    if (g->state == GUEST_ANSWERING) {
        guest_close(g);
        return;
    }
    if (g->state == GUEST_READING)
        error_set(&err, ERR_UNAVAILABLE, "join request: did not come within %d s",
                  LIMIT_JOIN_MS / 1000);
    else
        error_set(&err, ERR_UNCERTAIN,
                  "join request: the cluster has not decided within %d s: has it a leader? Do the "
                  "same again",
                  LIMIT_JOIN_ANSWER_MS / 1000);
    if (g->asking != NULL)
        g->asking->guest = NULL;
    g->asking = NULL;
    refuse_guest(g, &err);
}

/* ---- asking the cluster */

static int check_key(struct door *d, struct error *err)
{
    struct buf masters;
    if (ca_can_sign(d->config.identity->ca))
        return 0;
    buf_init(&masters, 160);
    d->events->masters(d, &masters);
    if ((d->config.identity->facts.modes & MODE_MASTER) != 0)
        error_set(err, ERR_UNAVAILABLE, "this master has not got the CA's key yet: try again");
    else
        error_set(err, ERR_INVALID, "this node cannot admit others, only a master can: ask %s",
                  masters.len > 0 ? buf_str(&masters) : "one");
    buf_close(&masters);
    return -1;
}

static struct asking *asking_new(struct door *d, struct json *root, const struct join_request *r)
{
    struct asking *a = NEW(struct asking);
    a->key = ++d->last_key;
    a->root = root;
    a->request = *r;
    a->facts.serial = rng_id(d->config.rng);
    a->facts.until = ca_until(d->config.identity->ca, now_of(d), d->config.life_ms);
    map_put(d->askings, a->key, a);
    return a;
}

static void asking_free(struct door *d, struct asking *a)
{
    map_remove(d->askings, a->key);
    json_free(a->root);
    mem_free(a);
}

static void ask_to_join(struct guest *g, struct json *root, const struct join_request *r,
                        const uint8_t key[SHA256_SIZE])
{
    struct door *d = g->door;
    struct asking *a = asking_new(d, root, r);
    struct joining j = {.id = r->id,
                        .store = r->store,
                        .name = r->name,
                        .address = r->address,
                        .modes = r->modes,
                        .serial = a->facts.serial,
                        .until = a->facts.until,
                        .token = r->token,
                        .has_key = true};
    struct json_writer w;
    struct buf body;
    struct address address;
    struct error ignored;
    int rc = address_parse(r->address, &address, &ignored);
    a->guest = g;
    a->facts.id = r->id;
    a->facts.store = r->store;
    a->facts.modes = r->modes;
    a->facts.n = 1;
    str_copy(a->facts.hosts[0], ADDRESS_HOST_SIZE, rc == 0 ? address.host : "");
    snprintf(a->who, sizeof a->who, "%.40s (%.30s)", g->stream->remote, r->name);
    token_hash(r->token, r->secret, j.hash);
    memcpy(j.key, key, SHA256_SIZE);
    buf_init(&body, LIMIT_JOIN_BYTES);
    json_begin(&w, &body);
    joining_write(&j, &w);
    g->asking = a;
    g->state = GUEST_ASKING;
    guest_limit(g, LIMIT_JOIN_ANSWER_MS);
    d->events->ask(d, a->key, "/api/peer/join", buf_slice(&body), g->stream->remote);
    buf_close(&body);
}

static void take_guest(struct guest *g, struct slice line)
{
    struct door *d = g->door;
    struct join_request r;
    struct json *root;
    struct error err;
    uint8_t key[SHA256_SIZE];
    if (join_request_parse(line, &root, &r, &err) != 0) {
        refuse_guest(g, &err);
        return;
    }
    int rc = 0;
    if (r.ask != JOIN_NEW)
        rc = error_set(&err, ERR_INVALID, "join request: without a certificate one can only join");
    else if (r.token == 0)
        rc = error_set(&err, ERR_INVALID, "token: is missing");
    else if (join_check_level(&r, d->config.level, &err) != 0 || check_key(d, &err) != 0 ||
             key_hash_of_request(slice_of(r.request), key, &err) != 0)
        rc = -1;
    if (rc == 0) {
        ask_to_join(g, root, &r, key);
        return;
    }
    json_free(root);
    refuse_guest(g, &err);
}

/* ---- what strangers say */

static void on_guest_read(struct stream *s, struct slice data)
{
    struct guest *g = s->data;
    struct error err;
    if (g->state != GUEST_READING)
        return; /* it has said all that we wanted */
    const char *end = memchr(data.p, '\n', data.len);
    buf_put(&g->in, data.p, end != NULL ? (size_t)(end - data.p) : data.len);
    if (buf_full(&g->in)) {
        error_set(&err, ERR_LIMIT, "join request: need at most %d bytes", LIMIT_JOIN_BYTES);
        refuse_guest(g, &err);
    } else if (end != NULL) {
        take_guest(g, buf_slice(&g->in));
    }
}

static void on_guest_end(struct stream *s, const struct error *err)
{
    struct guest *g = s->data;
    struct error why;
    g->other_ended = true;
    if (err == NULL && g->state == GUEST_READING) {
        error_set(&why, ERR_SYNTAX, "join request: it ended in its middle");
        refuse_guest(g, &why);
    } else if (err != NULL || g->ended) {
        guest_close(g);
    }
}

/* The other side reads all of it, and ends; else its time is over. */
static void on_guest_written(struct stream *s, const struct error *err)
{
    struct guest *g = s->data;
    if (err != NULL || g->other_ended) {
        guest_close(g);
        return;
    }
    g->ended = true;
    stream_end(s);
}

static const struct stream_events guest_events = {
    .on_read = on_guest_read, .on_end = on_guest_end, .on_written = on_guest_written};

void door_stranger(struct door *d, struct stream *s)
{
    struct guest *g = NEW(struct guest);
    struct error err;
    g->door = d;
    g->stream = s;
    g->handles = 2;
    buf_init(&g->in, LIMIT_JOIN_BYTES);
    buf_init(&g->out, LIMIT_JOIN_BYTES + 1);
    s->data = g;
    s->events = &guest_events;
    uv_timer_init(&d->config.loop->uv, &g->timer);
    g->timer.data = g;
    list_push(&d->guests, &g->list);
    d->guests_n++;
    d->handles++;
    guest_limit(g, LIMIT_JOIN_MS);
    stream_read(s, true);
    if (d->guests_n <= LIMIT_JOINS)
        return;
    error_set(&err, ERR_UNAVAILABLE, "%d nodes are joining here already: try again in a moment",
              LIMIT_JOINS);
    refuse_guest(g, &err);
}

/* ---- what nodes say */

static void give_key(struct door *d, int64_t id, const struct door_node *n)
{
    struct buf key, text;
    struct error err;
    char who[WHO_SIZE];
    if ((n->modes & MODE_MASTER) == 0) {
        error_set(&err, ERR_INVALID, "node %lld has not the mode master, which the CA's key is for",
                  (long long)id);
        refuse_node(d, id, &err);
        return;
    }
    buf_init(&key, LIMIT_CERTIFICATE_BYTES);
    buf_init(&text, LIMIT_JOIN_BYTES);
    ca_write_key(d->config.identity->ca, &key);
    join_key_write(buf_slice(&key), &text);
    reply(d, id, &text);
    buf_close(&key);
    buf_close(&text);
    snprintf(who, sizeof who, "node %lld", (long long)id);
    done(d, who, NULL, NULL);
}

static void ask_to_renew(struct door *d, int64_t id, const struct door_node *n, struct json *root,
                         const struct join_request *r, const uint8_t key[SHA256_SIZE])
{
    struct asking *a = asking_new(d, root, r);
    char hash[2 * SHA256_SIZE + 1];
    struct json_writer w;
    struct buf body;
    struct address address;
    struct error ignored;
    int rc = address_parse(n->address, &address, &ignored);
    a->id = id;
    a->facts.id = id;
    a->facts.store = n->store;
    a->facts.modes = n->modes;
    a->facts.n = 1;
    str_copy(a->facts.hosts[0], ADDRESS_HOST_SIZE, rc == 0 ? address.host : "");
    snprintf(a->who, sizeof a->who, "node %lld", (long long)id);
    buf_init(&body, LIMIT_JOIN_BYTES);
    json_begin(&w, &body);
    json_object(&w);
    json_member_int(&w, "id", id);
    json_member_int(&w, "store", n->store);
    json_member_int(&w, "serial", a->facts.serial);
    json_member_int(&w, "until", a->facts.until.ms);
    hex_encode(hash, key, SHA256_SIZE);
    json_member_str(&w, "key", hash);
    json_object_end(&w);
    d->events->ask(d, a->key, "/api/peer/renew", buf_slice(&body), a->who);
    buf_close(&body);
}

void door_frame(struct door *d, int64_t id, struct slice body)
{
    struct door_node n = {0};
    struct join_request r;
    struct json *root = NULL;
    struct error err;
    uint8_t key[SHA256_SIZE];
    int rc = join_request_parse(body, &root, &r, &err);
    if (rc == 0 && r.ask == JOIN_NEW)
        rc = error_set(&err, ERR_INVALID, "join request: node %lld is in already", (long long)id);
    if (rc == 0 && !d->events->node(d, id, &n))
        rc = error_set(&err, ERR_UNAVAILABLE, "node %lld is not known here yet", (long long)id);
    if (rc == 0)
        rc = check_key(d, &err);
    if (rc == 0 && r.ask == JOIN_RENEW)
        rc = key_hash_of_request(slice_of(r.request), key, &err);
    if (rc == 0 && r.ask == JOIN_RENEW) {
        ask_to_renew(d, id, &n, root, &r, key);
        return;
    }
    json_free(root);
    if (rc != 0)
        refuse_node(d, id, &err);
    else
        give_key(d, id, &n);
}

/* ---- what the cluster said */

static enum error_code code_of_status(int status)
{
    static const enum error_code codes[] = {ERR_SYNTAX,   ERR_INVALID, ERR_NOT_FOUND,
                                            ERR_CONFLICT, ERR_LIMIT,   ERR_UNAVAILABLE,
                                            ERR_UNCERTAIN};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (error_http_status(codes[i]) == status)
            return codes[i];
    return ERR_IO;
}

/* The sentence of {"error":{"message":…}}, or of {"message":…} where nobody has looked at it. */
static void read_error(int status, const struct json *v, struct error *err)
{
    const char *text = json_str(json_get(json_get(v, "error"), "message"), NULL);
    if (text == NULL)
        text = json_str(json_get(v, "message"), NULL);
    if (text == NULL)
        error_set(err, code_of_status(status), "the cluster answered %d", status);
    else
        error_set(err, code_of_status(status), "%s", text);
}

static void read_members(const struct json *v, struct join_answer *a)
{
    JSON_EACH (item, json_get(v, "members")) {
        struct join_member *m = &a->members[a->n];
        if (a->n == LIMIT_SERVERS)
            break;
        m->id = json_int(json_get(item, "id"), 0);
        m->modes = (unsigned)json_int(json_get(item, "modes"), 0) & MODES_ALL;
        str_copy(m->address, sizeof m->address, json_str(json_get(item, "address"), ""));
        a->n += m->id > 0 && m->modes != 0;
    }
}

/* Who renews knows the members; the form wants one. */
static void add_self(const struct certificate *facts, struct join_answer *a)
{
    struct address self = {.port = 1};
    if (a->n > 0)
        return;
    str_copy(self.host, sizeof self.host, facts->hosts[0]);
    a->members[0].id = facts->id;
    a->members[0].modes = facts->modes;
    address_text(&self, a->members[0].address);
    a->n = 1;
}

static int sign(struct door *d, struct asking *a, const struct json *answer, struct buf *out,
                struct error *err)
{
    struct buf certificate, ca;
    struct join_answer j = {.cluster = ca_cluster(d->config.identity->ca), .id = a->facts.id};
    const char *cluster = json_str(json_get(answer, "cluster"), j.cluster);
    int rc;
    buf_init(&certificate, LIMIT_CERTIFICATE_BYTES);
    buf_init(&ca, LIMIT_CERTIFICATE_BYTES);
    if (!str_eq(cluster, j.cluster))
        rc = error_set(err, ERR_CORRUPT, "CA: is that of cluster %s, the state is of %s", j.cluster,
                       cluster);
    else
        rc = ca_sign(d->config.identity->ca, slice_of(a->request.request), &a->facts, now_of(d),
                     &certificate, err);
    if (rc == 0) {
        ca_write(d->config.identity->ca, &ca);
        j.certificate = buf_str(&certificate);
        j.ca = buf_str(&ca);
        j.until = a->facts.until;
        read_members(answer, &j);
        add_self(&a->facts, &j);
        join_answer_write(&j, out);
    }
    buf_close(&certificate);
    buf_close(&ca);
    return rc;
}

/* A guest that has left meanwhile was admitted all the same: it does the same again. */
static void give_answer(struct door *d, struct asking *a, const struct buf *text)
{
    struct guest *g = a->guest;
    if (a->id != 0) {
        reply(d, a->id, text);
    } else if (g != NULL) {
        g->asking = NULL;
        buf_put_slice(&g->out, buf_slice(text));
        guest_answer(g);
    }
}

void door_answer(struct door *d, uint64_t key, int status, struct slice body)
{
    struct asking *a = map_get(d->askings, key);
    struct error err = {0};
    struct buf text;
    if (a == NULL)
        return;
    struct json *v = json_parse(body, &err);
    buf_init(&text, LIMIT_JOIN_BYTES);
    int rc = 0;
    if (status != 200) {
        read_error(status, v, &err);
        rc = -1;
    } else {
        rc = sign(d, a, v, &text, &err);
    }
    if (rc != 0)
        join_refusal_write(&err, &text);
    give_answer(d, a, &text);
    done(d, a->who, rc == 0 ? &a->facts : NULL, rc == 0 ? NULL : &err);
    json_free(v);
    buf_close(&text);
    asking_free(d, a);
}

/* ---- life */

struct door *door_new(const struct door_config *config, const struct door_events *events,
                      void *data)
{
    struct door *d = NEW(struct door);
    d->data = data;
    d->config = *config;
    d->events = events;
    d->askings = map_new();
    d->handles = 1;
    list_init(&d->guests);
    return d;
}

void *door_data(const struct door *d)
{
    return d->data;
}

void door_stop(struct door *d, void (*stopped)(void *data))
{
    struct asking *a;
    d->stopped = stopped;
    LIST_EACH (item, &d->guests)
        guest_close(LIST_ENTRY(item, struct guest, list));
    for (size_t cursor = 0; (a = map_each(d->askings, &cursor)) != NULL; cursor = 0)
        asking_free(d, a);
    part_gone(d);
}
