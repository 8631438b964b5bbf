#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/statement.h"
#include "master/master.h"
#include "model/frame.h"
#include "model/status.h"
#include "model/token.h"
#include "replica/replica.h"

static struct now now_of(const struct member *m)
{
    return (struct now){{m->s->mono}, {STAGE_WALL0 + m->s->mono + m->wall_ahead_ms}};
}

/* ---- looking into files, as another process would */

static int64_t count_in(struct member *m, const char *path, const char *sql)
{
    struct error err;
    struct db *db;
    const struct db_options options = {.read_only = true, .vfs = m->vfs_name, .busy_ms = 1000};
    if (db_open(path, &options, &db, &err) != 0)
        return -1;
    struct stmt *q = db_query_reading(db, slice_of(sql), &err);
    int64_t n = q != NULL && stmt_row(q) ? stmt_i64(q, 0) : -1;
    stmt_free(q);
    db_close(db);
    return n;
}

bool stage_committed(struct member *m, const char *path)
{
    char sql[128];
    snprintf(sql, sizeof sql, "select count(*) from apps where path = '%s' and gone = 0", path);
    return count_in(m, m->state_path, sql) == 1;
}

/* ---- events */

static void put_in(struct member *m, struct event *e)
{
    if (m->node == NULL) {
        event_close(e);
        return;
    }
    m->inbox = mem_realloc(m->inbox, (m->inbox_n + 1) * sizeof m->inbox[0]);
    m->inbox[m->inbox_n++] = *e;
}

void stage_event(struct stage *s, int i, struct event *e)
{
    put_in(&s->members[i], e);
}

static void report(struct member *m, int64_t task, enum task_state state)
{
    struct event e = {.kind = EVENT_STATUS};
    struct json_writer w;
    const struct status st = {.task = task, .state = state, .at = now_of(m).wall};
    buf_init(&e.body, 4096);
    json_begin(&w, &e.body);
    status_write(&st, &w);
    put_in(m, &e);
}

/* ---- hands */

static void hand_secret(struct hands *h, void *dst, size_t n)
{
    rng_fill(h->rng, dst, n);
}

static void hand_send(struct hands *h, int64_t node, struct slice frame)
{
    struct member *m = h->data;
    struct stage *s = m->s;
    if ((m->modes & (MODE_MASTER | MODE_SCHEDULER)) == 0)
        assert_true(frame_may_be_of_agent(frame));
    for (int i = 0; i < s->n; i++) {
        struct member *to = &s->members[i];
        if (to->position + 1 != node || m->cut || to->cut)
            continue;
        struct event e = {.kind = EVENT_FRAME, .node = m->position + 1};
        buf_init(&e.body, LIMIT_FRAME_BYTES);
        buf_put_slice(&e.body, frame);
        put_in(to, &e);
        to->hints += frame.p[0] == FRAME_HINT && frame.p[1] == '!';
    }
}

static void check_created(struct member *m, const char *body)
{
    struct error err;
    struct json *v = json_parse(slice_of(body), &err);
    const char *id = json_str(json_get(v, "id"), "");
    if (id[0] == '/') /* an app's */
        assert_true(stage_committed(m, id));
    json_free(v);
}

static void hand_know(struct hands *h, const struct known_node *k)
{
    struct member *m = h->data;
    assert_in_range(k->id, 1, STAGE_NODES);
    m->told_gone += k->gone;
    str_copy(m->known[k->id - 1], sizeof m->known[0], k->gone ? "" : k->address);
}

/* What is answered as done is in the file. */
static void hand_answer(struct hands *h, struct answer *a)
{
    struct member *m = h->data;
    if (a->kind != ANSWER_WHOLE && a->kind != ANSWER_HEAD) { /* what follows a head */
        m->subscribed = a->kind == ANSWER_SUBSCRIBE ? a->id.v : m->subscribed;
        answer_close(a);
        return;
    }
    struct given *g = NEW(struct given);
    g->status = a->status;
    g->body = slice_dup(blob_slice(a->body));
    g->headers = slice_dup(buf_slice(&a->headers));
    if (a->status == 201)
        check_created(m, g->body);
    assert_null(map_put(m->s->given, a->id.v, g)); /* exactly once */
    answer_close(a);
}

static void hand_ask(struct hands *h, struct exchange_id id, struct request *request,
                     uint64_t index)
{
    struct member *m = h->data;
    struct answer a = answer_whole(id, 200, "text/plain", SLICE("asked"));
    m->asked_index = (int64_t)index;
    m->unconfirmed += request->unconfirmed;
    request_free(request);
    hand_answer(h, &a);
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
    struct member *m = h->data;
    assert_true(p->text.len > 0);
    str_copy(m->published, sizeof m->published, p->type);
    m->published_behind = m->subscribed;
}

static void hand_callbacks(struct hands *h, const char *urls)
{
    struct member *m = h->data;
    str_copy(m->callbacks, sizeof m->callbacks, urls);
}

static void hand_notice(struct hands *h, struct slice notice)
{
    struct member *m = h->data;
    snprintf(m->notice, sizeof m->notice, "%.*s", (int)notice.len, notice.p);
}

static void hand_facts(struct hands *h, const struct facts *f)
{
    struct member *m = h->data;
    m->facts++;
    m->saw_leading = f->leading;
    m->clock_step_ms = f->clock_step_ms;
    m->clock_waits = f->clock_waits;
    m->silent = m->closed = 0;
    for (size_t i = 0; i < f->agents_n; i++) {
        m->silent += f->agents[i].silent.ms != 0;
        m->closed += f->agents[i].closed.ms != 0;
    }
    str_copy(m->refused, sizeof m->refused, f->ports_refused);
}

/* The record is on disk before anything is started. */
static void hand_launch(struct hands *h, int64_t task, struct slice run_spec)
{
    struct member *m = h->data;
    char sql[96];
    (void)run_spec;
    snprintf(sql, sizeof sql, "select count(*) from tasks where task = %lld", (long long)task);
    assert_int_equal(count_in(m, m->agent_path, sql), 1);
    m->launched++;
    if (!m->s->silent_tasks)
        report(m, task, TASK_RUNNING);
}

static void hand_kill(struct hands *h, int64_t task, const char *reason)
{
    struct member *m = h->data;
    (void)reason;
    m->killed++;
    if (!m->s->deaf_tasks)
        report(m, task, TASK_KILLED);
}

static void hand_forget(struct hands *h, int64_t task)
{
    struct member *m = h->data;
    (void)task;
    m->forgotten++;
}

static void hand_wipe(struct hands *h, int64_t volume, const char *name)
{
    (void)h;
    (void)volume;
    (void)name;
}

static void hand_routes(struct hands *h, struct slice message)
{
    (void)h;
    assert_true(message.len > 0);
}

/* ---- snapshots: a copy of the file beside it, taken over by its name */

static void snapshot_path(const struct member *m, uint64_t token, char dst[TMP_PATH_SIZE])
{
    snprintf(dst, TMP_PATH_SIZE, "%.200s.%llu", m->state_path, (unsigned long long)token);
}

static bool make_snapshot(struct member *m, struct replica_snapshot *out)
{
    struct error err;
    struct db *db;
    char path[TMP_PATH_SIZE];
    const struct db_options options = {.read_only = true, .vfs = m->vfs_name, .busy_ms = 1000};
    uint64_t token = (uint64_t)rng_id(&m->rng);
    snapshot_path(m, token, path);
    if (db_open(m->state_path, &options, &db, &err) != 0)
        return false;
    int rv = db_copy_to(db, path, &err);
    db_close(db);
    if (rv != 0 || replica_snapshot_prune(path, m->vfs_name, out, &err) != 0)
        return false;
    out->token = token;
    out->size = 1; /* nobody asks here */
    return true;
}

static void hand_snapshot_make(struct hands *h)
{
    struct member *m = h->data;
    struct event e = {.kind = EVENT_SNAPSHOT_MADE, .snapshot = NEW(struct replica_snapshot)};
    if (!make_snapshot(m, e.snapshot)) {
        mem_free(e.snapshot);
        e.snapshot = NULL;
    }
    m->snapshots++;
    put_in(m, &e);
}

static void copy_file(const char *from, const char *to)
{
    char chunk[4096];
    size_t n;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
        assert_int_equal(fwrite(chunk, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void hand_snapshot_fetch(struct hands *h, uint64_t from, const struct replica_snapshot *snap)
{
    struct member *m = h->data;
    struct event e = {.kind = EVENT_SNAPSHOT_FETCHED};
    char there[TMP_PATH_SIZE], here[TMP_PATH_SIZE];
    if (snap == NULL) {
        m->dropped++;
        put_in(m, &e);
        return;
    }
    m->fetched++;
    if (m->s->slow_fetch)
        return;
    snapshot_path(&m->s->members[from - 1], snap->token, there);
    tmp_file(here, m->folder, "incoming");
    copy_file(there, here);
    buf_init(&e.body, TMP_PATH_SIZE);
    buf_puts(&e.body, here);
    put_in(m, &e);
}

static void hand_checkpoint(struct hands *h, int64_t wal_bytes)
{
    struct member *m = h->data;
    struct event e = {.kind = EVENT_CHECKPOINTED};
    (void)wal_bytes;
    m->checkpoints++;
    put_in(m, &e);
}

static void hand_readers_stop(struct hands *h)
{
    (void)h;
}

/* ---- up and down */

void stage_open(struct stage *s, int nodes)
{
    static unsigned serial;
    *s = (struct stage){.n = nodes, .mono = 1000, .given = map_new()};
    for (int i = 0; i < nodes; i++) {
        struct member *m = &s->members[i];
        *m = (struct member){.s = s, .position = i, .modes = MODES_ALL};
        tmp_make(m->folder);
        tmp_file(m->state_path, m->folder, "state.db");
        tmp_file(m->agent_path, m->folder, "agent.db");
        snprintf(m->vfs_name, sizeof m->vfs_name, "stage-%u", ++serial);
        snprintf(m->name, sizeof m->name, "n%d", i + 1);
        snprintf(m->address, sizeof m->address, "127.0.0.%d:5055", i + 1);
        m->vfs = faultvfs_new(m->vfs_name, serial);
        rng_seed(&m->rng, (uint64_t)i + 1);
        m->hands = (struct hands){
            .data = m,
            .rng = &m->rng,
            .secret = hand_secret,
            .send = hand_send,
            .know = hand_know,
            .answer = hand_answer,
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
}

static void empty_inbox(struct member *m)
{
    for (size_t i = 0; i < m->inbox_n; i++)
        event_close(&m->inbox[i]);
    mem_free(m->inbox);
    m->inbox = NULL;
    m->inbox_n = 0;
}

void stage_down(struct stage *s, int i)
{
    struct member *m = &s->members[i];
    empty_inbox(m);
    node_close(m->node);
    m->node = NULL;
}

void stage_close(struct stage *s)
{
    struct given *g;
    for (int i = 0; i < s->n; i++) {
        stage_down(s, i);
        faultvfs_free(s->members[i].vfs);
        tmp_remove(s->members[i].folder);
    }
    for (size_t cursor = 0; (g = map_each(s->given, &cursor)) != NULL;) {
        mem_free(g->body);
        mem_free(g->headers);
        mem_free(g);
    }
    map_free(s->given);
}

static uint64_t store_of(const struct member *m)
{
    return 77 + (uint64_t)m->position;
}

/* Several nodes are founded together; one alone founds itself. */
static void found(struct member *m)
{
    struct stage *s = m->s;
    struct replica_server servers[STAGE_NODES];
    struct db *db;
    struct error err;
    const struct db_options options = {.fail_stop = true, .vfs = m->vfs_name};
    for (int i = 0; i < s->n; i++)
        servers[i] = (struct replica_server){(uint64_t)i + 1, s->members[i].address, REPLICA_VOTER};
    assert_int_equal(db_open(m->state_path, &options, &db, &err), 0);
    size_t founders = s->growing ? 1 : (size_t)s->n;
    if (replica_format(db, (uint64_t)m->position + 1, store_of(m), &err) == 0 &&
        (size_t)m->position < founders)
        assert_int_equal(replica_bootstrap(db, servers, founders, &err), 0);
    db_close(db);
}

static int open_node(struct member *m)
{
    static const uint8_t ca_hash[SHA256_SIZE] = {1};
    const struct known_node first = {
        .id = 1, .modes = MODES_ALL, .address = m->s->members[0].address};
    const struct node_options options = {
        .id = m->s->lone_id != 0 ? m->s->lone_id : (uint64_t)m->position + 1,
        .store = store_of(m),
        .state_path = m->state_path,
        .agent_path = (m->modes & MODE_AGENT) != 0 ? m->agent_path : NULL,
        .vfs = m->vfs_name,
        .name = m->name,
        .address = m->address,
        .modes = m->modes,
        .cluster = m->s->growing ? STAGE_CLUSTER : NULL,
        .members = &first,
        .members_n = 1,
        .bootstrap = m->s->n == 1,
        .log_rows = m->s->log_rows,
        .settings = &m->s->setting,
        .settings_n = m->s->setting.key != NULL,
        .agent = {.hostname = m->name,
                  .address = "127.0.0.1",
                  .version = "1",
                  .boot = "b",
                  .port = 5051,
                  .resources = "cpus:8;mem:8192;disk:8192;ports:[31000-31100]",
                  .attributes = "{\"@region\":\"eu\"}",
                  .work_dir = "/"},
        .facts = {.version = "1",
                  .name = m->name,
                  .modes = m->modes,
                  .ca_hash = m->s->growing ? ca_hash : NULL,
                  .hostname = m->name,
                  .address = "127.0.0.1",
                  .url_marathon = "http://127.0.0.1:8080",
                  .job_rules = job_rules_default()},
    };
    return node_open(&options, &m->hands, now_of(m), &m->node, &m->failed);
}

int stage_up(struct stage *s, int i)
{
    struct member *m = &s->members[i];
    m->failed = (struct error){.code = ERR_NONE};
    if (s->n > 1)
        found(m);
    if (open_node(m) != 0) {
        m->node = NULL;
        return -1;
    }
    struct event recovered = {.kind = EVENT_RECOVERED};
    put_in(m, &recovered);
    return 0;
}

/* ---- time */

static void turn(struct member *m)
{
    struct event *events = m->inbox;
    size_t n = m->inbox_n;
    m->inbox = NULL;
    m->inbox_n = 0;
    int rc = node_turn(m->node, events, n, now_of(m), &m->failed);
    mem_free(events);
    if (rc != 0)
        stage_down(m->s, m->position);
}

void stage_run_ms(struct stage *s, int64_t ms)
{
    int64_t until = s->mono + ms;
    for (; s->mono < until; s->mono++) {
        for (int i = 0; i < s->n; i++) {
            struct member *m = &s->members[i];
            for (int turns = 0; m->node != NULL &&
                                (m->inbox_n > 0 || node_due(m->node).ms <= s->mono) && turns < 20;
                 turns++)
                turn(m);
        }
    }
}

int stage_leader(struct stage *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->members[i].node != NULL && !s->members[i].cut && node_leading(s->members[i].node))
            return i;
    return -1;
}

void stage_ready(struct stage *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->members[i].node == NULL && stage_up(s, i) != 0)
            fail_msg("%s", s->members[i].failed.text);
    for (int ms = 0; ms < 10000; ms += 10) {
        bool all = stage_leader(s) >= 0;
        for (int i = 0; i < s->n; i++)
            all = all && s->members[i].node != NULL && node_ready(s->members[i].node);
        if (all)
            return;
        stage_run_ms(s, 10);
    }
    fail_msg("they do not get ready");
}

/* ---- requests */

uint64_t stage_request(struct stage *s, int i, enum method method, const char *target,
                       const char *body)
{
    return stage_named_request(s, i, method, target, body, NULL);
}

uint64_t stage_named_request(struct stage *s, int i, enum method method, const char *target,
                             const char *body, const char *rid)
{
    struct request r = request_of(method, target);
    char name[64];
    if (rid != NULL) {
        snprintf(name, sizeof name, "X-Request-Id: %s\r\n", rid);
        r.headers = slice_of(name);
    }
    char *text = mem_strdup(body != NULL ? body : "");
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    r.body = slice_of(text);
    r.listener = "marathon";
    struct event e = {.kind = EVENT_REQUEST, .exchange = {++s->next}, .request = request_dup(&r)};
    mem_free(text);
    stage_event(s, i, &e);
    return s->next;
}

const struct given *stage_given(struct stage *s, uint64_t exchange)
{
    return map_get(s->given, exchange);
}

int stage_status(struct stage *s, uint64_t exchange)
{
    const struct given *g = stage_given(s, exchange);
    return g != NULL ? g->status : 0;
}

/* ---- joining */

static bool make_token(struct stage *s, int at, struct token *out)
{
    struct error err;
    uint64_t made = stage_request(s, at, METHOD_POST, "/api/tokens",
                                  "{'modes':['master','scheduler','agent'],'hours':1}");
    for (int ms = 0; ms < 3000 && stage_status(s, made) == 0; ms++)
        stage_run_ms(s, 1);
    struct json *v = json_parse(slice_of(stage_given(s, made)->body), &err);
    bool good = token_parse(json_str(json_get(v, "token"), ""), out, &err) == 0;
    json_free(v);
    return good;
}

int stage_join(struct stage *s, int at, int i)
{
    struct member *m = &s->members[i];
    struct token token;
    struct json_writer w;
    struct buf body;
    struct joining j = {
        .id = i + 1,
        .store = (int64_t)store_of(m),
        .name = m->name,
        .address = m->address,
        .modes = m->modes,
        .serial = i + 1,
        .until = {now_of(m).wall.ms + 7 * 86400000LL},
    };
    if (i > 0) {
        assert_true(make_token(s, at, &token));
        j.token = token.id;
        token_hash(token.id, token.secret, j.hash);
    }
    buf_init(&body, 65536);
    json_begin(&w, &body);
    joining_write(&j, &w);
    struct request r = request_of(METHOD_POST, "/api/peer/join");
    r.body = buf_slice(&body);
    r.listener = "peer";
    struct event e = {.kind = EVENT_REQUEST, .exchange = {++s->next}, .request = request_dup(&r)};
    uint64_t exchange = s->next;
    buf_close(&body);
    stage_event(s, at, &e);
    for (int ms = 0; ms < 3000 && stage_status(s, exchange) == 0; ms++)
        stage_run_ms(s, 1);
    return stage_status(s, exchange);
}
