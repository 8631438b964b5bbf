#include "agent/agent.h"

#include "agent/schema.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "db/statement.h"
#include "model/run_spec.h"
#include "model/status.h"

#define PONG_MS 500         /* DESIGN 6: at least one a second */
#define PONGS_REMEMBERED 64 /* when each was sent: more than any lease covers */
#define REPEAT_MS 2000      /* an unanswered registration, an unacknowledged status */
#define LEASE_MS 2000       /* spec/chronos.md 5.2 */
#define STATUSES_A_MESSAGE 512
#define SEQ_OF_UNKNOWN (INT64_C(1) << 40) /* of a task that has no record: above any count */

#define STATEMENTS(X)                                                                        \
    X(IDENTITY, "select uid from identity")                                                  \
    X(IDENTITY_PUT, "insert into identity(k, uid) values(0, :uid)")                          \
    X(TASK, "select state, seq, launched from tasks where task = :task")                     \
    X(TASK_ADD, "insert into tasks(task, spec, state, seq, launched) "                       \
                "values(:task, :spec, 0, 0, :launched)")                                     \
    X(TASK_REPORT, "update tasks set state = :state, seq = :seq where task = :task")         \
    X(TASKS_LAUNCHED, "update tasks set launched = 1")                                       \
    X(TASK_DROP, "delete from tasks where task = :task")                                     \
    X(TASKS, "select task, state, spec, launched from tasks order by task")                  \
    X(STATUS_PUT, "insert into statuses(task, seq, body) values(:task, :seq, :body)")        \
    X(STATUS_LAST, "select body from statuses where task = :task order by seq desc limit 1") \
    X(STATUSES, "select body from statuses order by task, seq limit :limit")                 \
    X(STATUSES_ACK, "delete from statuses where task = :task and seq <= :seq")               \
    X(STATUSES_LEFT, "select count(*) from statuses where task = :task")                     \
    X(STATUSES_ANY, "select count(*) from (select 1 from statuses limit 1)")
enum { DB_ENUM(STATEMENTS) N_STATEMENTS };
static const struct db_sql table[] = {DB_TABLE(STATEMENTS)};

struct agent {
    struct agent_options options;
    struct stmts *stmts;
    bool dirty;
    int64_t uid, id;
    uint64_t term; /* of the leader it listens to */
    bool registered, recovered;
    char *docker, *docker_reason;
    int64_t pong;                        /* counted up with each one sent */
    struct mono pongs[PONGS_REMEMBERED]; /* when number n was sent, at n % PONGS_REMEMBERED */
    struct mono pong_due, repeat_due;
    struct map *alive; /* tasks in the record that nobody has reported since we began */
};

/* ---------------- the record */

/* Every write of a turn is in one transaction, in FULL: an order must be on disk before anything is
 * started because of it. */
static struct stmt *write_stmt(struct agent *a, int which)
{
    struct error err;
    if (!a->dirty && db_begin(a->options.db, DB_FULL, &err) != 0)
        log_error("agent.db", "why=%s", err.text); /* sticks: the commit fails */
    a->dirty = true;
    return stmts_use(a->stmts, which);
}

struct known {
    enum task_state state;
    int64_t seq;
    bool launched;
};

static bool known_task(struct agent *a, int64_t task, struct known *out)
{
    struct stmt *q = stmts_use(a->stmts, TASK);
    stmt_bind_i64(q, ":task", task);
    if (!stmt_row(q))
        return false;
    *out = (struct known){(enum task_state)stmt_i64(q, 0), stmt_i64(q, 1), stmt_bool(q, 2)};
    stmt_end(q);
    return true;
}

static int load_identity(struct agent *a, struct error *err)
{
    a->uid = stmt_one_i64(stmts_use(a->stmts, IDENTITY), 0);
    if (a->uid != 0)
        return db_check(a->options.db, err);
    a->uid = rng_id(a->options.rng);
    struct stmt *q = write_stmt(a, IDENTITY_PUT);
    stmt_bind_i64(q, ":uid", a->uid);
    stmt_run(q);
    return agent_commit(a, err);
}

static void note_alive(struct agent *a, int64_t task)
{
    map_put(a->alive, (uint64_t)task, (void *)(intptr_t)task);
}

static void load_tasks(struct agent *a)
{
    struct stmt *q = stmts_use(a->stmts, TASKS);
    while (stmt_row(q))
        if (stmt_bool(q, 3) && !task_ended((enum task_state)stmt_i64(q, 1)))
            note_alive(a, stmt_i64(q, 0));
}

int agent_open(const struct agent_options *options, struct agent **agent_out, struct error *err)
{
    struct agent *a = NEW(struct agent);
    a->options = *options;
    if (a->options.lease_ms == 0)
        a->options.lease_ms = LEASE_MS;
    a->id = -1;
    a->alive = map_new();
    a->docker = mem_strdup("");
    a->docker_reason = mem_strdup("not asked yet");
    int version;
    int known = (int)(sizeof agent_schema / sizeof agent_schema[0]);
    if (db_schema_version(options->db, &version, err) != 0)
        goto failed;
    if (version > known) {
        error_set(err, ERR_CONFLICT, "%s: level %d, this build knows %d: start a newer mesolith",
                  db_path(options->db), version, known);
        goto failed;
    }
    for (; version < known; version++)
        if (db_schema_step(options->db, agent_schema[version], version + 1, err) != 0)
            goto failed;
    if (db_prepare(options->db, table, N_STATEMENTS, &a->stmts, err) != 0 ||
        load_identity(a, err) != 0)
        goto failed;
    load_tasks(a);
    *agent_out = a;
    return 0;
failed:
    agent_close(a);
    return -1;
}

void agent_close(struct agent *a)
{
    if (a == NULL)
        return;
    if (a->dirty)
        db_rollback(a->options.db);
    stmts_free(a->stmts);
    map_free(a->alive);
    mem_free(a->docker);
    mem_free(a->docker_reason);
    mem_free(a);
}

int64_t agent_uid(const struct agent *a)
{
    return a->uid;
}

int64_t agent_id(const struct agent *a)
{
    return a->id;
}

bool agent_dirty(const struct agent *a)
{
    return a->dirty;
}

int agent_commit(struct agent *a, struct error *err)
{
    ASSERT(a->dirty);
    a->dirty = false;
    return db_commit(a->options.db, err);
}

/* ---------------- statuses */

static void send_status(struct agent *a, struct slice body, struct outbox *out)
{
    struct json_writer w;
    if (!a->registered)
        return; /* all of them are sent with the welcome */
    outbox_message(out, TO_LEADER, MESSAGE_STATUS, &w);
    json_member_int(&w, "uid", a->uid);
    json_key(&w, "statuses");
    json_array(&w);
    json_put_raw(&w, body);
    json_array_end(&w);
    outbox_message_end(out, &w);
}

static void send_all_statuses(struct agent *a, struct outbox *out)
{
    struct json_writer w;
    if (stmt_one_i64(stmts_use(a->stmts, STATUSES_ANY), 0) == 0)
        return;
    struct stmt *q = stmts_use(a->stmts, STATUSES);
    stmt_bind_i64(q, ":limit", STATUSES_A_MESSAGE);
    outbox_message(out, TO_LEADER, MESSAGE_STATUS, &w);
    json_member_int(&w, "uid", a->uid);
    json_key(&w, "statuses");
    json_array(&w);
    while (stmt_row(q))
        json_put_raw(&w, stmt_text(q, 0));
    json_array_end(&w);
    outbox_message_end(out, &w);
}

/* Numbers it, records it, sends it. */
static void report(struct agent *a, struct status *st, int64_t seq, struct outbox *out)
{
    struct buf body;
    struct json_writer w;
    st->seq = seq;
    buf_init(&body, LIMIT_FRAME_BYTES);
    json_begin(&w, &body);
    status_write(st, &w);

    struct stmt *q = write_stmt(a, TASK_REPORT);
    stmt_bind_i64(q, ":task", st->task);
    stmt_bind_i64(q, ":state", st->state);
    stmt_bind_i64(q, ":seq", seq);
    stmt_run(q);
    q = write_stmt(a, STATUS_PUT);
    stmt_bind_i64(q, ":task", st->task);
    stmt_bind_i64(q, ":seq", seq);
    stmt_bind_text(q, ":body", buf_str(&body));
    stmt_run(q);
    send_status(a, buf_slice(&body), out);
    buf_close(&body);
}

void agent_status(struct agent *a, const struct json *v, struct now now, struct outbox *out)
{
    struct status st;
    struct known known;
    struct error err;
    (void)now;
    if (status_read(v, &st, &err) != 0) {
        log_error("executor's report unreadable", "why=%s", err.text);
        return;
    }
    map_remove(a->alive, (uint64_t)st.task);
    if (!known_task(a, st.task, &known)) { /* a stranger from a lost agent.db: it must end */
        if (!task_ended(st.state))
            outbox_kill(out, st.task, 0, "nobody knows this task any more");
        else
            outbox_forget(out, st.task);
        return;
    }
    if (task_ended(known.state)) /* the first end counts */
        return;
    report(a, &st, known.seq + 1, out);
}

static void report_state(struct agent *a, int64_t task, enum task_state state, struct wall at,
                         const char *message, struct outbox *out)
{
    struct known known;
    struct status st = {.task = task, .state = state, .at = at, .message = message};
    if (known_task(a, task, &known))
        report(a, &st, known.seq + 1, out);
}

/* The end of a task that has no record here. */
static void report_unknown(struct agent *a, int64_t task, struct wall at, struct outbox *out)
{
    struct buf body;
    struct json_writer w;
    struct status st = {.task = task,
                        .seq = SEQ_OF_UNKNOWN,
                        .state = TASK_KILLED,
                        .at = at,
                        .message = "the agent has no such task"};
    buf_init(&body, LIMIT_FRAME_BYTES);
    json_begin(&w, &body);
    status_write(&st, &w);
    send_status(a, buf_slice(&body), out);
    buf_close(&body);
}

static void repeat_last(struct agent *a, int64_t task, struct outbox *out)
{
    struct stmt *q = stmts_use(a->stmts, STATUS_LAST);
    stmt_bind_i64(q, ":task", task);
    if (stmt_row(q))
        send_status(a, stmt_text(q, 0), out);
    stmt_end(q);
}

/* ---------------- registering */

static void send_register(struct agent *a, struct now now, struct outbox *out)
{
    const struct agent_options *o = &a->options;
    struct json_writer w;
    outbox_message(out, TO_LEADER, MESSAGE_REGISTER, &w);
    json_member_int(&w, "uid", a->uid);
    json_member_str(&w, "boot", o->boot);
    json_member_str(&w, "hostname", o->hostname);
    json_member_str(&w, "address", o->address);
    json_member_int(&w, "port", o->port);
    json_member_str(&w, "version", o->version);
    json_member_str(&w, "resources", o->resources);
    json_member_raw(&w, "attributes", slice_of(o->attributes));
    json_member_str(&w, "docker", a->docker);
    json_member_str(&w, "docker_reason", a->docker_reason);
    json_key(&w, "tasks");
    json_array(&w);
    struct stmt *q = stmts_use(a->stmts, TASKS);
    while (stmt_row(q)) {
        json_object(&w);
        json_member_int(&w, "task", stmt_i64(q, 0));
        json_member_str(&w, "state", task_state_word((enum task_state)stmt_i64(q, 1)));
        json_object_end(&w);
    }
    json_array_end(&w);
    outbox_message_end(out, &w);
    a->repeat_due = mono_after(now.mono, REPEAT_MS);
}

/* ---------------- the leader's messages */

/* Within the lease of sending the pong that the decision named (DESIGN 6)? */
static bool within_lease(const struct agent *a, int64_t pong, struct now now)
{
    if (pong <= 0 || pong > a->pong || pong <= a->pong - PONGS_REMEMBERED)
        return false;
    return now.mono.ms - a->pongs[pong % PONGS_REMEMBERED].ms < a->options.lease_ms;
}

static void add_task(struct agent *a, int64_t task, struct slice spec, bool launched)
{
    struct stmt *q = write_stmt(a, TASK_ADD);
    stmt_bind_i64(q, ":task", task);
    stmt_bind_slice(q, ":spec", spec);
    stmt_bind_i64(q, ":launched", launched);
    stmt_run(q);
}

static void on_run(struct agent *a, const struct json *body, struct now now, struct outbox *out)
{
    struct run_spec spec;
    struct known known;
    struct error err;
    if (run_spec_read(json_get(body, "spec"), &spec, &err) != 0) {
        log_error("order refused", "why=%s", err.text);
        return;
    }
    if (known_task(a, spec.task, &known)) {
        repeat_last(a, spec.task, out);
        run_spec_close(&spec);
        return;
    }
    bool late = spec.once && !within_lease(a, json_int(json_get(body, "pong"), 0), now);
    bool past = spec.start_before_ms != 0 && now.wall.ms > spec.start_before_ms;
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_FRAME_BYTES);
    json_begin(&w, &text);
    run_spec_write(&spec, &w);
    bool start = !late && !past;
    add_task(a, spec.task, buf_slice(&text), a->recovered);
    if (!start)
        report_state(a, spec.task, TASK_DROPPED, now.wall,
                     late ? "the order came too late to start for sure only once"
                          : "the time to start it was over",
                     out);
    else if (a->recovered)
        outbox_launch(out, spec.task, buf_slice(&text));
    if (start && spec.once) /* else its leader gives it to another (spec/chronos.md 5.2) */
        report_state(a, spec.task, TASK_STARTING, now.wall, NULL, out);
    buf_close(&text);
    run_spec_close(&spec);
}

static void on_kill(struct agent *a, const struct json *body, struct now now, struct outbox *out)
{
    struct known known;
    int64_t task = json_int(json_get(body, "task"), 0);
    if (!known_task(a, task, &known))
        report_unknown(a, task, now.wall, out);
    else if (task_ended(known.state))
        repeat_last(a, task, out);
    else if (!known.launched)
        report_state(a, task, TASK_KILLED, now.wall, json_str(json_get(body, "reason"), ""), out);
    else
        outbox_kill(out, task, json_int(json_get(body, "grace_ms"), 0),
                    json_str(json_get(body, "reason"), ""));
}

static void on_ack(struct agent *a, const struct json *body, struct outbox *out)
{
    JSON_EACH (item, json_get(body, "statuses")) {
        struct known known;
        int64_t task = json_int(json_get(item, "task"), 0);
        if (!known_task(a, task, &known))
            continue;
        struct stmt *q = write_stmt(a, STATUSES_ACK);
        stmt_bind_i64(q, ":task", task);
        stmt_bind_i64(q, ":seq", json_int(json_get(item, "seq"), 0));
        stmt_run(q);
        q = stmts_use(a->stmts, STATUSES_LEFT);
        stmt_bind_i64(q, ":task", task);
        if (!task_ended(known.state) || stmt_one_i64(q, 1) > 0)
            continue;
        q = write_stmt(a, TASK_DROP);
        stmt_bind_i64(q, ":task", task);
        stmt_run(q);
        outbox_forget(out, task);
    }
}

static void on_welcome(struct agent *a, const struct json *body, struct outbox *out)
{
    a->id = json_int(json_get(body, "id"), -1);
    a->registered = true;
    send_all_statuses(a, out);
}

static void on_routes(const struct json *body, struct outbox *out)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_FRAME_BYTES);
    json_begin(&w, &text);
    json_put_value(&w, body);
    outbox_routes(out, buf_slice(&text));
    buf_close(&text);
}

void agent_message(struct agent *a, enum message_kind kind, const struct json *body, struct now now,
                   struct outbox *out)
{
    uint64_t term = (uint64_t)json_int(json_get(body, "term"), 0);
    if (term != 0 && term < a->term)
        return; /* a leader that was */
    switch (kind) {
    case MESSAGE_WELCOME:
        on_welcome(a, body, out);
        break;
    case MESSAGE_RUN:
        on_run(a, body, now, out);
        break;
    case MESSAGE_KILL:
        on_kill(a, body, now, out);
        break;
    case MESSAGE_ACK:
        on_ack(a, body, out);
        break;
    case MESSAGE_ROUTES:
        on_routes(body, out);
        break;
    case MESSAGE_AGAIN:
        a->registered = false;
        send_register(a, now, out);
        break;
    case MESSAGE_PING:
        break;
    case MESSAGE_REGISTER:
    case MESSAGE_STATUS:
    case MESSAGE_PONG:
    case MESSAGE_KINDS:
        log_warn("message refused", "why=an agent gets no %s", message_word(kind));
        break;
    }
}

/* ---------------- towards the leader */

static void send_pong(struct agent *a, struct now now, struct outbox *out)
{
    struct json_writer w;
    a->pong++;
    a->pongs[a->pong % PONGS_REMEMBERED] = now.mono;
    a->pong_due = mono_after(now.mono, PONG_MS);
    outbox_message(out, TO_LEADER, MESSAGE_PONG, &w);
    json_member_int(&w, "uid", a->uid);
    json_member_int(&w, "seq", a->pong);
    outbox_message_end(out, &w);
}

void agent_leader(struct agent *a, uint64_t term, struct now now, struct outbox *out)
{
    a->term = term;
    a->registered = false;
    send_register(a, now, out);
}

void agent_recovered(struct agent *a, struct now now, struct outbox *out)
{
    void *lost;
    a->recovered = true;
    struct stmt *q = stmts_use(a->stmts, TASKS);
    while (stmt_row(q))
        if (!stmt_bool(q, 3) && !task_ended((enum task_state)stmt_i64(q, 1)))
            outbox_launch(out, stmt_i64(q, 0), stmt_text(q, 2));
    for (size_t cursor = 0; (lost = map_each(a->alive, &cursor)) != NULL;)
        report_state(a, (int64_t)(intptr_t)lost, TASK_DROPPED, now.wall,
                     "it was not started before the agent stopped", out);
    stmt_run(write_stmt(a, TASKS_LAUNCHED));
}

void agent_docker(struct agent *a, const char *version, const char *reason, struct now now,
                  struct outbox *out)
{
    if (str_eq(a->docker, version) && str_eq(a->docker_reason, reason))
        return;
    mem_free(a->docker);
    mem_free(a->docker_reason);
    a->docker = mem_strdup(version);
    a->docker_reason = mem_strdup(reason);
    if (a->registered)
        send_register(a, now, out);
}

void agent_tick(struct agent *a, struct now now, struct outbox *out)
{
    if (a->registered && now.mono.ms >= a->pong_due.ms)
        send_pong(a, now, out);
    if (now.mono.ms < a->repeat_due.ms)
        return;
    a->repeat_due = mono_after(now.mono, REPEAT_MS);
    if (a->registered)
        send_all_statuses(a, out);
    else
        send_register(a, now, out);
}

struct mono agent_due(const struct agent *a)
{
    return a->registered ? mono_earlier(a->pong_due, a->repeat_due) : a->repeat_due;
}
