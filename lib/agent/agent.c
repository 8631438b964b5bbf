/* Its record, its leader, and what its executor tells; orders and statuses are in the files
 * beside. */
#include "agent/private.h"
#include "agent/schema.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define PONG_MS 500    /* DESIGN 6: at least one a second */
#define REPEAT_MS 2000 /* an unanswered registration, unacknowledged statuses */
#define LEASE_MS 2000  /* spec/chronos.md 5.2 */

static const struct db_sql table[] = {DB_TABLE(STATEMENTS)};

/* ---- the record */

void begin_writing(struct agent *a)
{
    struct error err;
    if (!a->dirty && db_begin(a->options.db, DB_FULL, &err) != 0)
        log_error("agent.db", "why=%s", err.text); /* sticks: the commit fails */
    a->dirty = true;
}

struct stmt *write_stmt(struct agent *a, int which)
{
    begin_writing(a);
    return stmts_use(a->stmts, which);
}

enum task_state state_at(struct stmt *q, int column)
{
    return (enum task_state)stmt_word(q, column, TASK_LOST, TASK_LOST);
}

bool known_task(struct agent *a, int64_t task, struct known *out)
{
    struct stmt *q = stmts_use(a->stmts, TASK);
    stmt_bind_i64(q, ":task", task);
    if (!stmt_row(q))
        return false;
    *out =
        (struct known){.state = state_at(q, 0), .seq = stmt_i64(q, 1), .launched = stmt_bool(q, 2)};
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

/* Those that an earlier process has launched: the executor is to find them again. */
static void load_tasks(struct agent *a)
{
    struct stmt *q = stmts_use(a->stmts, TASKS);
    while (stmt_row(q)) {
        int64_t task = stmt_i64(q, 0);
        enum task_state state = state_at(q, 1);
        if (stmt_bool(q, 3) && !task_ended(state))
            map_put(a->alive, (uint64_t)task, (void *)(intptr_t)task);
        if (state == TASK_KILLING)
            map_put(a->doomed, (uint64_t)task, (void *)(intptr_t)task);
    }
}

static int open_record(struct agent *a, struct error *err)
{
    int version, known = (int)(sizeof agent_schema / sizeof agent_schema[0]);
    struct db *db = a->options.db;
    if (db_schema_version(db, &version, err) != 0)
        return -1;
    if (version > known)
        return error_set(err, ERR_CONFLICT,
                         "%s: level %d, this build knows %d: start a newer mesolith", db_path(db),
                         version, known);
    for (; version < known; version++)
        if (db_schema_step(db, agent_schema[version], version + 1, err) != 0)
            return -1;
    return db_prepare(db, table, N_STATEMENTS, &a->stmts, err);
}

int agent_open(const struct agent_options *options, struct agent **agent_out, struct error *err)
{
    struct agent *a = NEW(struct agent);
    a->options = *options;
    if (a->options.lease_ms == 0)
        a->options.lease_ms = LEASE_MS;
    a->id = -1;
    a->routes = ROUTES_NONE;
    a->alive = map_new();
    a->doomed = map_new();
    a->early = map_new();
    a->over = map_new();
    a->docker = mem_strdup("");
    a->docker_reason = mem_strdup("not asked yet");
    /* so that a decision on a pong of an earlier process names none of this one's */
    a->pong = (int64_t)(rng_next(options->rng) >> 12);
    if (open_record(a, err) != 0 || load_identity(a, err) != 0) {
        agent_close(a);
        return -1;
    }
    load_tasks(a);
    *agent_out = a;
    return 0;
}

void free_items(struct map *map)
{
    void *item;
    for (size_t cursor = 0; (item = map_each(map, &cursor)) != NULL;)
        mem_free(item);
    map_free(map);
}

void agent_close(struct agent *a)
{
    if (a == NULL)
        return;
    if (a->dirty)
        db_rollback(a->options.db);
    stmts_free(a->stmts);
    map_free(a->alive);
    map_free(a->doomed);
    free_items(a->early);
    free_items(a->over);
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

bool agent_registered(const struct agent *a)
{
    return a->registered;
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

/* ---- towards the leader */

static void write_tasks(struct agent *a, struct json_writer *w)
{
    json_array(w);
    struct stmt *q = stmts_use(a->stmts, TASKS);
    while (stmt_row(q)) {
        json_object(w);
        json_member_int(w, "task", stmt_i64(q, 0));
        json_member_str(w, "state", task_state_word(state_at(q, 1)));
        json_member_int(w, "seq", stmt_i64(q, 4));
        json_object_end(w);
    }
    json_array_end(w);
}

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
    write_tasks(a, &w);
    outbox_message_end(out, &w);
    a->docker_told = true;
    a->repeat_due = mono_after(now.mono, REPEAT_MS);
}

static void send_pong(struct agent *a, struct now now, struct outbox *out)
{
    struct json_writer w;
    a->pong++;
    a->pongs[a->pong % PONGS_REMEMBERED] = now.mono;
    a->pong_due = mono_after(now.mono, PONG_MS);
    outbox_message(out, TO_LEADER, MESSAGE_PONG, &w);
    json_member_int(&w, "uid", a->uid);
    json_member_int(&w, "seq", a->pong);
    json_member_int(&w, "routes", a->routes);
    json_member_int(&w, "wall", now.wall.ms);
    outbox_message_end(out, &w);
}

void agent_leader(struct agent *a, uint64_t term, struct now now, struct outbox *out)
{
    a->term = term;
    a->registered = false;
    if (a->routes_term != (int64_t)term)
        a->routes = ROUTES_NONE; /* each leader counts its own */
    send_register(a, now, out);
}

void agent_tick(struct agent *a, struct now now, struct outbox *out)
{
    forget_over(a, now);
    if (a->registered && now.mono.ms >= a->pong_due.ms)
        send_pong(a, now, out);
    if (now.mono.ms < a->repeat_due.ms)
        return;
    a->repeat_due = mono_after(now.mono, REPEAT_MS);
    if (a->registered)
        send_statuses(a, out);
    else
        send_register(a, now, out);
}

struct mono agent_due(const struct agent *a)
{
    return a->registered ? mono_earlier(a->pong_due, a->repeat_due) : a->repeat_due;
}

/* ---- the leader's messages */

static void on_welcome(struct agent *a, const struct json *body, struct now now, struct outbox *out)
{
    a->id = json_int(json_get(body, "id"), -1);
    a->registered = true;
    a->pong_due = now.mono;
    send_statuses(a, out);
    if (!a->docker_told) /* it was found while the registration was on its way */
        send_register(a, now, out);
}

/* A change to other routes than those that we have is of no use: the next pong says so. */
static void on_routes(struct agent *a, const struct json *body, struct outbox *out)
{
    struct buf text;
    struct json_writer w;
    int64_t term = json_int(json_get(body, "term"), 0), since;
    int64_t revision = json_int(json_get(body, "revision"), 0);
    if (term == a->routes_term && revision == a->routes)
        return; /* it came twice */
    if (json_i64(json_get(body, "since"), &since) &&
        (term != a->routes_term || since != a->routes)) {
        a->routes = ROUTES_NONE;
        return;
    }
    a->routes_term = term;
    a->routes = revision;
    buf_init(&text, LIMIT_FRAME_BYTES);
    json_begin(&w, &text);
    json_put_value(&w, body);
    outbox_routes(out, buf_slice(&text));
    buf_close(&text);
}

void agent_routes_refused(struct agent *a)
{
    a->routes = ROUTES_NONE;
}

void agent_message(struct agent *a, enum message_kind kind, const struct json *body, struct now now,
                   struct outbox *out)
{
    if ((uint64_t)json_int(json_get(body, "term"), 0) < a->term)
        return; /* a leader that was */
    switch (kind) {
    case MESSAGE_WELCOME:
        on_welcome(a, body, now, out);
        break;
    case MESSAGE_RUN:
        on_run(a, body, now, out);
        break;
    case MESSAGE_KILL:
        on_kill(a, body, now, out);
        break;
    case MESSAGE_WIPE:
        on_wipe(a, body, out);
        break;
    case MESSAGE_ACK:
        on_ack(a, body, now, out);
        break;
    case MESSAGE_ROUTES:
        on_routes(a, body, out);
        break;
    case MESSAGE_AGAIN:
        a->registered = false;
        send_register(a, now, out);
        break;
    case MESSAGE_NODE:
    case MESSAGE_REGISTER:
    case MESSAGE_STATUS:
    case MESSAGE_PONG:
    case MESSAGE_WIPED:
    case MESSAGE_KINDS:
        log_warn("message refused", "why=an agent gets no %s", message_word(kind));
        break;
    }
}

/* ---- the executor's reports */

/* Of a task that has, an executor whose files were removed may say that it was never started. */
static bool has_run(enum task_state s)
{
    return s > TASK_STARTING;
}

/* Who was told to end was killed, however it ended: of a container the executor that told it so
 * knew that alone, and it was another process. */
static enum task_state as_told(struct agent *a, int64_t task, enum task_state state)
{
    if (map_get(a->doomed, (uint64_t)task) == NULL)
        return state;
    if (task_ended(state))
        map_remove(a->doomed, (uint64_t)task);
    return state == TASK_RUNNING ? TASK_KILLING : state == TASK_FINISHED ? TASK_KILLED : state;
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
            outbox_kill(out, st.task, "nobody knows this task any more");
        else
            outbox_forget(out, st.task);
        return;
    }
    if (task_ended(known.state)) /* the first end counts */
        return;
    if (has_run(known.state) && !has_run(st.state))
        return;
    if (has_run(known.state) && st.state == TASK_DROPPED)
        st.state = TASK_LOST;
    st.state = as_told(a, st.task, st.state);
    agent_report(a, &st, out);
}

/* What was launched and is not there: with its machine, or before it came to anything. Whatever the
 * executor began left its folder, so that what was only taken on was never begun. */
static void report_lost(struct agent *a, int64_t task, struct now now, struct outbox *out)
{
    struct known known;
    if (!known_task(a, task, &known))
        return;
    if (known.state == TASK_STAGING || known.state == TASK_STARTING)
        report_state(a, task, TASK_DROPPED, now.wall, "it was not started before the agent stopped",
                     out);
    else
        report_state(a, task, TASK_LOST, now.wall, "it was gone when its agent came back", out);
}

static void recover(struct agent *a, struct now now, struct outbox *out)
{
    void *task;
    if (!a->found_all || !a->joined)
        return;
    a->recovered = true;
    for (size_t cursor = 0; (task = map_each(a->alive, &cursor)) != NULL;)
        report_lost(a, (int64_t)(intptr_t)task, now, out);
    start_early(a, now, out);
}

void agent_recovered(struct agent *a, struct now now, struct outbox *out)
{
    a->found_all = true;
    recover(a, now, out);
}

/* ---- the cluster */

static int refuse_cluster(const struct agent *a, const char *own, const char *other,
                          struct error *err)
{
    return error_set(err, ERR_CONFLICT,
                     "%s is of cluster %.8s, this node of cluster %.8s: put its own agent folder "
                     "back, or end what this one runs with mesolith stop --all and remove it",
                     db_path(a->options.db), own, other);
}

int agent_cluster(struct agent *a, const char *cluster, struct now now, struct outbox *out,
                  struct error *err)
{
    char own[UUID_TEXT_SIZE] = "";
    struct stmt *q = stmts_use(a->stmts, CLUSTER);
    if (stmt_row(q))
        str_copy(own, sizeof own, stmt_str(q, 0));
    stmt_end(q);
    if (own[0] != '\0' && !str_eq(own, cluster))
        return refuse_cluster(a, own, cluster, err);
    if (own[0] == '\0') {
        q = write_stmt(a, CLUSTER_PUT);
        stmt_bind_text(q, ":cluster", cluster);
        stmt_run(q);
    }
    a->joined = true;
    recover(a, now, out);
    return 0;
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
    a->docker_told = false;
    if (a->registered)
        send_register(a, now, out);
}
