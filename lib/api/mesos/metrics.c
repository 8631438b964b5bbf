/* One flat object of numbers (spec/mesos.md 6): the master's, as every replica knows them, and the
 * own agent's. Counters that a finished task leaves are of those that are still kept. What is not
 * measured is left out: a missing name is only a missing series. */
#include <stdio.h>

#include "api/mesos/private.h"

struct census {
    int64_t agents[5];          /* by enum agent_state */
    int64_t tasks[TASK_STATES]; /* by enum task_state */
    struct resources total, used;
};

static void add_agent(const struct agent_row *a, struct census *n)
{
    n->total.cpus_milli += a->cpus_milli;
    n->total.mem_bytes += a->mem_bytes;
    n->total.disk_bytes += a->disk_bytes;
    n->used.cpus_milli += a->used_cpus_milli;
    n->used.mem_bytes += a->used_mem_bytes;
    n->used.disk_bytes += a->used_disk_bytes;
}

static void count_tasks(struct stmt *q, int64_t agent, struct census *n)
{
    struct task_row t;
    while (state_task_next(q, &t))
        if (agent < 0 || t.agent == agent)
            n->tasks[t.state]++;
}

/* Of the whole cluster, or with an agent of that alone. */
static void count(struct state *s, int64_t agent, struct census *n)
{
    struct agent_row a;
    *n = (struct census){0};
    struct stmt *q = state_agents(s);
    while (state_agent_next(q, &a)) {
        if (agent >= 0 && a.id != agent)
            continue;
        n->agents[a.state]++;
        if (mesos_is_active(&a))
            add_agent(&a, n);
    }
    count_tasks(agent >= 0 ? state_tasks_of_agent(s, agent) : state_tasks(s), agent, n);
    state_count_ended(s, agent, n->tasks);
}

/* ---- writing */

struct series {
    struct json_writer w;
    const char *prefix; /* "master", "slave" */
};

static void put(struct series *o, const char *name, int64_t thousandths)
{
    char full[128];
    snprintf(full, sizeof full, "%s/%s", o->prefix, name);
    mesos_milli(&o->w, full, thousandths);
}

static void put_count(struct series *o, const char *name, int64_t n)
{
    put(o, name, n * 1000);
}

/* In the unit's thousandths; the share is 0 to 1. */
static void put_resource(struct series *o, const char *name, int64_t total, int64_t used)
{
    static const char *const revocable[] = {"total", "used", "percent"};
    char full[64];
    snprintf(full, sizeof full, "%s_total", name);
    put(o, full, total);
    snprintf(full, sizeof full, "%s_used", name);
    put(o, full, used);
    snprintf(full, sizeof full, "%s_percent", name);
    put(o, full, total > 0 ? used * 1000 / total : 0);
    for (size_t i = 0; i < 3; i++) {
        snprintf(full, sizeof full, "%s_revocable_%s", name, revocable[i]);
        put(o, full, 0);
    }
}

static int64_t mib_milli(int64_t bytes)
{
    return bytes * 1000 / MIB;
}

static void put_resources(struct series *o, const struct census *n)
{
    put_resource(o, "cpus", n->total.cpus_milli, n->used.cpus_milli);
    put_resource(o, "mem", mib_milli(n->total.mem_bytes), mib_milli(n->used.mem_bytes));
    put_resource(o, "disk", mib_milli(n->total.disk_bytes), mib_milli(n->used.disk_bytes));
    put_resource(o, "gpus", 0, 0);
}

static const struct {
    const char *name;
    enum task_state state;
} task_names[] = {
    {"tasks_staging", TASK_STAGING},   {"tasks_starting", TASK_STARTING},
    {"tasks_running", TASK_RUNNING},   {"tasks_killing", TASK_KILLING},
    {"tasks_finished", TASK_FINISHED}, {"tasks_failed", TASK_FAILED},
    {"tasks_killed", TASK_KILLED},     {"tasks_lost", TASK_LOST},
    {"tasks_gone", TASK_GONE},         {"tasks_unreachable", TASK_UNREACHABLE}, /* from here on: */
    {"tasks_error", TASK_ERROR},       {"tasks_dropped", TASK_DROPPED}, /* the master's only */
};
#define TASK_NAMES (sizeof task_names / sizeof task_names[0])
#define TASK_NAMES_OF_AGENT (TASK_NAMES - 3)

static void put_tasks(struct series *o, const struct census *n, size_t names)
{
    for (size_t i = 0; i < names; i++)
        put_count(o, task_names[i].name, n->tasks[task_names[i].state]);
}

static int64_t uptime(const struct view *v)
{
    return v->now.wall.ms - v->facts->started.ms;
}

static void put_master(const struct view *v, struct series *o)
{
    struct census n;
    o->prefix = "master";
    count(v->state, -1, &n);
    int64_t active = n.agents[AGENT_READY];
    int64_t inactive = n.agents[AGENT_DRAINING] + n.agents[AGENT_DRAINED];
    put_count(o, "elected", v->facts->leading);
    put(o, "uptime_secs", uptime(v));
    put_resources(o, &n);
    put_count(o, "slaves_active", active);
    put_count(o, "slaves_inactive", inactive);
    put_count(o, "slaves_connected", active + inactive);
    put_count(o, "slaves_disconnected", 0);
    put_count(o, "slaves_unreachable", n.agents[AGENT_UNREACHABLE]);
    put_count(o, "frameworks_active", 2);
    put_count(o, "frameworks_inactive", 0);
    put_count(o, "frameworks_connected", 2);
    put_count(o, "frameworks_disconnected", 0);
    put_count(o, "outstanding_offers", 0);
    put_tasks(o, &n, TASK_NAMES);
}

static void put_agent(const struct view *v, struct series *o)
{
    struct census n;
    o->prefix = "slave";
    count(v->state, v->facts->agent, &n);
    put_count(o, "registered", n.agents[AGENT_UNREACHABLE] + n.agents[AGENT_GONE] == 0);
    put(o, "uptime_secs", uptime(v));
    put_count(o, "frameworks_active", 2);
    put_resources(o, &n);
    put_tasks(o, &n, TASK_NAMES_OF_AGENT);
    put_count(o, "executors_running", n.tasks[TASK_RUNNING]);
    put_count(o, "executors_registering", n.tasks[TASK_STAGING] + n.tasks[TASK_STARTING]);
    put_count(o, "executors_terminating", n.tasks[TASK_KILLING]);
}

void mesos_ask_metrics(struct call *c)
{
    struct series o;
    if (!mesos_json(c, &o.w))
        return;
    json_object(&o.w);
    if (modes_serve(c->view->facts->modes))
        put_master(c->view, &o);
    if (c->view->facts->agent >= 0)
        put_agent(c->view, &o);
    o.prefix = "registrar";
    put_count(&o, "log/recovered", 1);
    json_object_end(&o.w);
    mesos_json_end(c);
}
