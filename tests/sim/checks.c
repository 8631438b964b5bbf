/* What must hold after every step, and at the end (style 4). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/rowsum.h"
#include "db/statement.h"
#include "master/routes.h"
#include "sim/world.h"

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

/* tests/recount.sql as it stands; it ends with NUL. */
__asm__(".pushsection .rodata\n.global recount_sql\nrecount_sql:\n.incbin \"recount.sql\"\n"
        ".byte 0\n.popsection\n");
extern const char recount_sql[];

/* What the state counts along is what is there. */
static bool counted_right(struct world *w, struct sim_node *n)
{
    struct error err;
    if (n->recount == NULL)
        n->recount = db_query(state_db(node_state(n->node)), slice_of(recount_sql), &err);
    if (n->recount == NULL)
        return fail_world(w, "recount.sql: %s", err.text);
    bool wrong = stmt_row(n->recount);
    if (wrong)
        fail_world(w, "node %d at index %" PRIu64 ": %s", n->position, n->applied,
                   stmt_str(n->recount, 0));
    stmt_end(n->recount);
    return !wrong;
}

void checks_stop(struct sim_node *n)
{
    stmt_free(n->recount);
    n->recount = NULL;
}

/* Equal databases at equal indexes: so one of them is recounted. */
static bool equal_sums(struct world *w, struct sim_node *n)
{
    uint64_t index = node_applied(n->node);
    if (index == n->applied || state_level(node_state(n->node)) == 0)
        return true;
    n->applied = index;
    uint64_t value = db_rowsum_all(state_db(node_state(n->node)));
    struct sum *s = map_get(w->sums, index);
    if (s == NULL) {
        s = NEW(struct sum);
        *s = (struct sum){value, n->position};
        map_put(w->sums, index, s);
        if (!counted_right(w, n))
            return false;
    } else if (s->value != value) {
        return fail_world(w, "nodes %d and %d differ at index %" PRIu64, s->node, n->position,
                          index);
    }
    trace(w, "applied %" PRIu64 " on %d: %016" PRIx64, index, n->position, value);
    return true;
}

static bool not_overcommitted(struct world *w, struct sim_node *n)
{
    struct agent_row a;
    struct stmt *q = state_agents(node_state(n->node));
    bool fine = true;
    while (state_agent_next(q, &a) && fine)
        fine = a.used_cpus_milli >= 0 && a.used_cpus_milli <= a.cpus_milli &&
               a.used_mem_bytes >= 0 && a.used_mem_bytes <= a.mem_bytes;
    stmt_end(q);
    return fine || fail_world(w, "agent %s is over-committed", a.hostname);
}

bool check_step(struct world *w, struct sim_node *n)
{
    if (w->failure[0] != '\0')
        return false;
    if (state_level(node_state(n->node)) == 0)
        return true;
    uint64_t applied = n->applied;
    return one_leader_a_term(w, n) && equal_sums(w, n) &&
           (applied == n->applied || not_overcommitted(w, n));
}

/* ---- settled: what is wanted is what runs */

static struct sim_node *leader(struct world *w)
{
    for (int i = 0; i < w->options.nodes; i++)
        if (w->nodes[i].node != NULL && node_leading(w->nodes[i].node))
            return &w->nodes[i];
    return NULL;
}

static int64_t running(struct world *w, const char *of)
{
    int64_t n = 0;
    for (int i = 0; i < w->options.nodes; i++)
        for (size_t t = 0; t < w->nodes[i].tasks_n; t++)
            n += str_eq(w->nodes[i].tasks[t].of, of) && !task_ended(w->nodes[i].tasks[t].state);
    return n;
}

static bool apps_settled(struct world *w, struct state *s)
{
    for (size_t i = 0; i < w->writes_n; i++) {
        struct write *a = &w->writes[i];
        struct app_row row;
        if (a->job)
            continue;
        bool there = state_app_by_path(s, a->name, &row);
        int64_t wanted = there ? row.instances : 0, runs = running(w, a->name);
        snprintf(w->unsettled, sizeof w->unsettled, "%s: %d wanted, %d run, %d live in the state",
                 a->name, (int)wanted, (int)runs, there ? (int)row.counts.live : 0);
        if (runs != wanted)
            return false;
    }
    snprintf(w->unsettled, sizeof w->unsettled, "a deployment runs");
    return state_deployments_count(s) == 0;
}

static bool all_caught_up(struct world *w)
{
    struct sim_node *l = leader(w);
    snprintf(w->unsettled, sizeof w->unsettled, "not everybody is at the leader's index");
    for (int i = 0; l != NULL && i < w->options.nodes; i++)
        if (w->nodes[i].node == NULL || node_applied(w->nodes[i].node) != node_applied(l->node))
            return false;
    return l != NULL;
}

/* Every proxy forwards what the leader's state says. */
static bool routes_are_everywhere(struct world *w, struct state *s)
{
    struct buf text;
    struct proxy_change c;
    struct error err;
    bool same = true;
    struct routes *routes = routes_new(s);
    routes_refresh(routes);
    buf_init(&text, LIMIT_FRAME_BYTES);
    buf_puts(&text, "{\"revision\":1,\"routes\":");
    routes_list(routes, &text);
    buf_puts(&text, "}");
    routes_free(routes);
    for (int i = 0; i < w->options.nodes && same; i++) {
        struct json *v = json_parse_own(buf_slice(&text), &err);
        same = proxy_change_parse(v, &c, &err) == 0 &&
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
    struct sim_node *l = leader(w);
    snprintf(w->unsettled, sizeof w->unsettled, "no leader");
    return l != NULL && state_level(node_state(l->node)) > 0 &&
           apps_settled(w, node_state(l->node)) && all_caught_up(w) &&
           routes_are_everywhere(w, node_state(l->node));
}

/* ---- the end: nothing acknowledged is lost */

static bool acknowledged(struct world *w, struct state *s)
{
    for (size_t i = 0; i < w->writes_n; i++) {
        const struct write *a = &w->writes[i];
        struct app_row row;
        struct job_row job;
        if (a->pending)
            continue; /* either may be true */
        bool there =
            a->job ? state_job_by_name(s, a->name, &job) : state_app_by_path(s, a->name, &row);
        if (there != (a->instances >= 0))
            return fail_world(w, "%s was acknowledged as %s and is %s", a->name,
                              a->instances >= 0 ? "there" : "deleted",
                              there ? "there" : "not there");
        if (there && !a->job && row.instances != a->instances)
            return fail_world(w, "%s was acknowledged with %d instances and has %d", a->name,
                              (int)a->instances, (int)row.instances);
    }
    return true;
}

bool check_end(struct world *w)
{
    struct error err;
    if (w->failure[0] != '\0')
        return false;
    for (int i = 0; i < w->options.nodes; i++) {
        struct sim_node *n = &w->nodes[i];
        if (n->node == NULL)
            continue;
        if (db_rowsums_verify(state_db(node_state(n->node)), &err) != 0)
            return fail_world(w, "node %d: %s", i, err.text);
    }
    struct sim_node *l = leader(w);
    return l == NULL ? fail_world(w, "no leader at the end") : acknowledged(w, node_state(l->node));
}
