/* What must hold after every step, and at the end (style 4). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/rowsum.h"
#include "db/statement.h"
#include "master/routes.h"
#include "sim/world.h"

#define LED_MS 1000       /* by then a leader has looked at all that was due */
#define LOG_COMMAND 1     /* RAFT_COMMAND, as the log's rows have it */
#define BOUNDED_EVERY 64  /* entries between two looks at what grows */
#define LOG_ROWS_TIMES 20 /* while somebody fetches a snapshot the log is kept longer */
#define LOG_ROWS_MORE 500 /* and what one turn applies comes on top */
#define WAL_BYTES_MAX (32 << 20)
#define HISTORY_STEPS 2000 /* entries between two counts of a history, however long */
#define KEPT_MS 10000      /* for an end to be acknowledged */

struct sum {
    uint64_t value;
    int node;
};

static bool one_leader_a_term(struct world *w, struct sim_node *n)
{
    if (!node_leading(n->node))
        return true;
    uint64_t term = node_term(n->node);
    uintptr_t before = (uintptr_t)map_get(w->leaders, term);
    if (before != 0 && before != (uintptr_t)n->position + 1)
        return fail_world(w, "two leaders in term %" PRIu64 ": %d and %d", term, (int)before - 1,
                          n->position);
    map_put(w->leaders, term, (void *)((uintptr_t)n->position + 1));
    return true;
}

/* The file as it stands; it ends with NUL. */
#define INCLUDED(name, file)                                                              \
    __asm__(".pushsection .rodata\n.global " #name "\n" #name ":\n.incbin \"" file "\"\n" \
            ".byte 0\n.popsection\n");                                                    \
    extern const char name[]
INCLUDED(recount_sql, "recount.sql");
INCLUDED(recount_history_sql, "recount_history.sql");

/* Prepared once for as long as its node is up. */
static struct stmt *query_of(struct world *w, struct sim_node *n, struct stmt **q, const char *sql)
{
    struct error err;
    if (*q == NULL)
        *q = db_query(state_db(node_state(n->node)), slice_of(sql), &err);
    if (*q == NULL)
        fail_world(w, "%.40s…: %s", sql, err.text);
    return *q;
}

static bool nothing_differs(struct world *w, struct sim_node *n, struct stmt *q)
{
    bool wrong = q == NULL || stmt_row(q);
    if (wrong && q != NULL)
        fail_world(w, "node %d at index %" PRIu64 ": %s", n->position, node_applied(n->node),
                   stmt_str(q, 0));
    stmt_end(q);
    return !wrong;
}

/* After each step while it is short, then the more rarely the more runs there have been. */
static bool history_is_due(struct world *w, struct sim_node *n)
{
    struct stmt *q = query_of(w, n, &n->newest, "select ifnull(max(id), 0) from job_runs");
    int64_t applied = (int64_t)node_applied(n->node), runs = q != NULL ? stmt_one_i64(q, 0) : 0;
    int64_t steps = runs / 64 < HISTORY_STEPS ? runs / 64 : HISTORY_STEPS;
    if (llabs(applied - n->history_at) < steps)
        return false;
    n->history_at = applied;
    return true;
}

/* What the state counts along is what is there, and no more than there is room for. */
static bool counted_right(struct world *w, struct sim_node *n)
{
    return nothing_differs(w, n, query_of(w, n, &n->recount, recount_sql)) &&
           (!history_is_due(w, n) ||
            nothing_differs(w, n, query_of(w, n, &n->history, recount_history_sql)));
}

void checks_stop(struct sim_node *n)
{
    struct stmt **all[] = {&n->recount, &n->newest, &n->history, &n->log, &n->ordered, &n->rows};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        stmt_free(*all[i]);
        *all[i] = NULL;
    }
}

/* ---- the log */

/* Nothing but decisions of an older term: then it must change nothing. Decisions say their term. */
static bool is_stale(struct slice entry, uint64_t term)
{
    static const char says[] = "\"ep\":";
    if (memmem(entry.p, entry.len, says, sizeof says - 1) == NULL)
        return false;
    struct json *root;
    struct command c;
    struct error err;
    bool stale = true;
    if (command_entry_parse(entry, &root, &err) != 0)
        return false;
    JSON_EACH (element, root)
        stale =
            command_from_json(element, &c, &err) == 0 && c.epoch != 0 && c.epoch != term && stale;
    json_free(root);
    return stale;
}

static bool stale_changes_nothing(struct world *w, struct sim_node *n, uint64_t index,
                                  uint64_t before, uint64_t after)
{
    bool fine = true;
    stmt_bind_i64_at(n->log, 1, (int64_t)index - 1);
    stmt_bind_i64_at(n->log, 2, (int64_t)index);
    if (stmt_row(n->log) && before != after && stmt_i64(n->log, 2) == LOG_COMMAND &&
        is_stale(stmt_blob(n->log, 3), (uint64_t)stmt_i64(n->log, 1)))
        fine = fail_world(
            w, "entry %" PRIu64 " has decisions of an older term and changes the state", index);
    stmt_end(n->log);
    return fine;
}

/* What was applied is the same entry everywhere. */
static bool same_entries(struct world *w, struct sim_node *n, uint64_t from, uint64_t to)
{
    bool fine = true;
    stmt_bind_i64_at(n->log, 1, (int64_t)from);
    stmt_bind_i64_at(n->log, 2, (int64_t)to);
    while (stmt_row(n->log) && fine) {
        uint64_t index = (uint64_t)stmt_i64(n->log, 0);
        struct slice data = stmt_blob(n->log, 3);
        uint64_t hash = hash64(data.p, data.len,
                               (uint64_t)stmt_i64(n->log, 1) ^ (uint64_t)stmt_i64(n->log, 2)) |
                        1;
        uint64_t before = (uintptr_t)map_put(w->entries, index, (void *)(uintptr_t)hash);
        if (before != 0 && before != hash)
            fine =
                fail_world(w, "node %d and another differ in entry %" PRIu64, n->position, index);
    }
    stmt_end(n->log);
    return fine;
}

static struct stmt *ask(struct world *w, struct sim_node *n, const char *sql)
{
    struct error err;
    struct stmt *q = db_query(state_db(node_state(n->node)), slice_of(sql), &err);
    if (q == NULL)
        fail_world(w, "%s: %s", sql, err.text);
    return q;
}

/* Nothing grows without end: the log is cut, its file begins anew. */
static bool bounded(struct world *w, struct sim_node *n)
{
    if (n->rows == NULL)
        n->rows = ask(w, n, "select count(*) from raft_log where idx <= ?1");
    stmt_bind_i64_at(n->rows, 1, (int64_t)node_applied(n->node));
    int64_t rows = stmt_one_i64(n->rows, 0),
            most = LOG_ROWS_TIMES * (int64_t)w->options.log_rows + LOG_ROWS_MORE;
    if (rows > most)
        return fail_world(w, "node %d keeps %" PRId64 " rows of its log", n->position, rows);
    if (db_wal_bytes(state_db(node_state(n->node))) > WAL_BYTES_MAX)
        return fail_world(w, "node %d has a log of changes of %" PRId64 " bytes", n->position,
                          db_wal_bytes(state_db(node_state(n->node))));
    return true;
}

/* ---- the state */

/* Equal databases at equal indexes: so one of them is recounted. */
static bool equal_sums(struct world *w, struct sim_node *n, uint64_t index)
{
    uint64_t value = db_rowsum_all(state_db(node_state(n->node)));
    struct sum *s = map_get(w->sums, index), *before = map_get(w->sums, index - 1);
    trace(w, "applied %" PRIu64 " on %d: %016" PRIx64, index, n->position, value);
    if (s != NULL)
        return s->value == value || fail_world(w, "nodes %d and %d differ at index %" PRIu64,
                                               s->node, n->position, index);
    s = NEW(struct sum);
    *s = (struct sum){value, n->position};
    map_put(w->sums, index, s);
    return counted_right(w, n) &&
           (before == NULL || stale_changes_nothing(w, n, index, before->value, value));
}

/* In a simulated day the sums are for check_even(). */
static bool check_day_state(struct sim_node *n)
{
    n->applied = node_applied(n->node);
    orders_seen(n);
    return true;
}

bool check_even(struct world *w)
{
    const struct sim_node *first = &w->nodes[0];
    for (int i = 0; i < w->options.nodes; i++)
        if (w->nodes[i].node == NULL ||
            node_applied(w->nodes[i].node) != node_applied(first->node) ||
            state_level(node_state(w->nodes[i].node)) == 0)
            return false;
    uint64_t value = db_rowsum_all(state_db(node_state(first->node)));
    for (int i = 1; i < w->options.nodes; i++)
        if (db_rowsum_all(state_db(node_state(w->nodes[i].node))) != value)
            fail_world(w, "nodes 0 and %d differ at index %" PRIu64, i, node_applied(first->node));
    struct sim_node *n = &w->nodes[rng_below(&w->rng, (uint64_t)w->options.nodes)];
    return counted_right(w, n) && bounded(w, n);
}

/* The state has moved. */
static bool check_state(struct world *w, struct sim_node *n)
{
    uint64_t from = n->applied, index = node_applied(n->node);
    n->applied = index;
    plant_of_state(n);
    if (n->log == NULL)
        n->log = ask(w, n,
                     "select idx, term, type, data from raft_log where idx > ?1 and idx <= ?2 "
                     "order by idx");
    if (w->failure[0] != '\0' || !same_entries(w, n, from, index) || !equal_sums(w, n, index))
        return false;
    orders_seen(n);
    return index / BOUNDED_EVERY == from / BOUNDED_EVERY || bounded(w, n);
}

bool check_step(struct world *w, struct sim_node *n)
{
    if (w->failure[0] != '\0')
        return false;
    if (state_level(node_state(n->node)) == 0)
        return true;
    return one_leader_a_term(w, n) && check_members(w, n) &&
           (node_applied(n->node) == n->applied ||
            (w->day != NULL ? check_day_state(n) : check_state(w, n)));
}

/* ---- settled: what is wanted is what runs */

static int64_t running(struct world *w, const char *of)
{
    int64_t n = 0;
    for (int i = 0; i < w->n; i++)
        for (size_t t = 0; t < w->nodes[i].tasks_n; t++)
            n += str_eq(w->nodes[i].tasks[t].of, of) && !task_ended(w->nodes[i].tasks[t].state);
    return n;
}

/* No half instance, and none on two nodes. */
static bool instances_are_whole(struct world *w, struct state *s, const struct app_row *pod)
{
    struct task_row t;
    int64_t instance = 0, agent = 0, left = 0;
    bool whole = true;
    struct stmt *q = state_tasks_of_app(s, pod->id);
    while (whole && state_task_next(q, &t)) {
        if (left == 0) {
            instance = t.owner_id;
            agent = t.agent;
            left = POD_CONTAINERS;
        }
        whole = t.owner_id == instance && t.agent == agent;
        left--;
    }
    stmt_end(q);
    snprintf(w->unsettled, sizeof w->unsettled, "%s: instance %d is not whole", pod->path,
             (int)instance);
    return whole && left == 0;
}

static bool apps_settled(struct world *w, struct state *s)
{
    for (size_t i = 0; i < w->names_n; i++) {
        struct name *a = &w->names[i];
        struct app_row row;
        if (a->job)
            continue;
        bool there = state_app_by_path(s, a->name, &row);
        int64_t containers = a->pod ? POD_CONTAINERS : 1;
        int64_t wanted = there ? row.instances * containers : 0, runs = running(w, a->name);
        snprintf(w->unsettled, sizeof w->unsettled, "%s: %d wanted, %d run, %d live in the state",
                 a->name, (int)wanted, (int)runs, there ? (int)row.counts.live : 0);
        if (runs != wanted || (a->pod && there && !instances_are_whole(w, s, &row)))
            return false;
    }
    snprintf(w->unsettled, sizeof w->unsettled, "a deployment runs");
    return state_deployments_count(s) == 0;
}

/* What has ended is forgotten once its end was acknowledged. */
static bool ended_are_forgotten(struct world *w)
{
    size_t kept = 0;
    for (int i = 0; i < w->n; i++)
        for (size_t t = 0; t < w->nodes[i].tasks_n && w->nodes[i].place != GONE; t++)
            kept += task_ended(w->nodes[i].tasks[t].state) &&
                    w->nodes[i].tasks[t].gone_ms < w->mono - KEPT_MS;
    snprintf(w->unsettled, sizeof w->unsettled, "%zu tasks that have ended are kept", kept);
    return kept == 0;
}

static bool all_caught_up(struct world *w)
{
    struct sim_node *l = leader_of(w);
    snprintf(w->unsettled, sizeof w->unsettled, "not everybody is at the leader's index");
    for (int i = 0; l != NULL && i < w->options.nodes; i++)
        if (w->nodes[i].place == INSIDE &&
            (w->nodes[i].node == NULL || node_applied(w->nodes[i].node) != node_applied(l->node)))
            return false;
    return l != NULL;
}

/* Every proxy forwards what the leader's state says. */
static bool routes_are_everywhere(struct world *w, struct state *s)
{
    struct buf text;
    struct proxy_change c = {0};
    struct error err;
    bool same = true;
    struct routes *routes = routes_new(s);
    routes_refresh(routes);
    buf_init(&text, LIMIT_FRAME_BYTES);
    buf_puts(&text, "{\"revision\":1,\"routes\":");
    routes_list(routes, &text);
    buf_puts(&text, "}");
    routes_free(routes);
    for (int i = 0; i < w->n && same; i++) {
        if (w->nodes[i].place == GONE)
            continue;
        struct json *v = json_parse_own(buf_slice(&text), &err);
        same = w->nodes[i].node != NULL && proxy_change_parse(v, &c, &err) == 0 &&
               proxy_routes_reduce(&w->nodes[i].routes, &c, &err) == 0 && c.n_routes == 0 &&
               c.n_removed == 0;
        snprintf(w->unsettled, sizeof w->unsettled, "node %d has other routes", i);
        proxy_change_close(&c);
        json_free(v);
    }
    buf_close(&text);
    return same;
}

bool check_settled(struct world *w)
{
    struct sim_node *l = leader_of(w);
    snprintf(w->unsettled, sizeof w->unsettled, "no leader");
    if (l != NULL && w->mono - l->led_from < LED_MS) {
        snprintf(w->unsettled, sizeof w->unsettled, "the leader has only begun");
        return false;
    }
    return l != NULL && state_level(node_state(l->node)) > 0 && members_settled(w, l) &&
           apps_settled(w, node_state(l->node)) && all_caught_up(w) &&
           routes_are_everywhere(w, node_state(l->node)) && ended_are_forgotten(w);
}

/* ---- the end: nothing acknowledged is lost, whichever node is asked */

static bool acknowledged(struct world *w, struct sim_node *n)
{
    for (size_t i = 0; i < w->names_n; i++) {
        const struct name *a = &w->names[i];
        int64_t value = value_at(n, a);
        if (!may_be(&a->values, value))
            return fail_world(w, "%s was acknowledged as %" PRId64 " and is %" PRId64 " on %d",
                              a->name, a->values.v[0], value, n->position);
    }
    return true;
}

bool check_end(struct world *w)
{
    struct error err;
    for (int i = 0; i < w->options.nodes && w->failure[0] == '\0'; i++) {
        struct sim_node *n = &w->nodes[i];
        if (n->node == NULL || n->place != INSIDE)
            continue;
        if (db_rowsums_verify(state_db(node_state(n->node)), &err) != 0)
            return fail_world(w, "node %d: %s", i, err.text);
        if (!acknowledged(w, n))
            return false;
    }
    return w->failure[0] == '\0' && check_runs(w);
}
