/* The master's state as one document, and its summary (spec/mesos.md 5.2, 5.4). Any node answers
 * from its own replica. */
#include <stdio.h>
#include <string.h>

#include "api/mesos/private.h"
#include "base/str.h"

/* ---- whose it is */

static const char *own_pid(const struct facts *f, char dst[MESOS_PID_SIZE])
{
    char address[MESOS_PID_SIZE];
    snprintf(dst, MESOS_PID_SIZE, "master@%.100s", mesos_address(f, f->url_mesos, 5050, address));
    return dst;
}

static const char *leader_pid(const struct facts *f, char dst[MESOS_PID_SIZE])
{
    if (f->leading || f->leader_mesos == NULL)
        return f->leading ? own_pid(f, dst) : NULL;
    snprintf(dst, MESOS_PID_SIZE, "master@%.100s", f->leader_mesos);
    return dst;
}

/* "host" of "host:5050". */
static void put_host(struct json_writer *w, const char *name, const char *address)
{
    const char *colon = strrchr(address, ':');
    struct slice host = slice_of(address);
    if (colon != NULL)
        host.len = (size_t)(colon - address);
    json_key(w, name);
    json_put_slice(w, host);
}

static void put_leader(const struct facts *f, struct json_writer *w)
{
    char pid[MESOS_PID_SIZE];
    const char *leader = leader_pid(f, pid);
    if (leader == NULL)
        return;
    json_member_str(w, "leader", leader);
    json_key(w, "leader_info");
    json_object(w);
    json_member_str(w, "id", f->cluster);
    json_member_str(w, "pid", leader);
    json_member_int(w, "port", mesos_port(leader, 5050));
    put_host(w, "hostname", f->leader_mesos != NULL ? f->leader_mesos : f->hostname);
    json_object_end(w);
}

static void put_self(const struct facts *f, struct json_writer *w)
{
    char pid[MESOS_PID_SIZE];
    mesos_version(w);
    mesos_seconds(w, "start_time", f->started);
    if (f->leading)
        mesos_seconds(w, "elected_time", f->started);
    json_member_str(w, "id", f->cluster);
    json_member_str(w, "pid", own_pid(f, pid));
    json_member_str(w, "hostname", f->hostname);
    json_key(w, "capabilities");
    json_array(w);
    json_array_end(w);
    put_leader(f, w);
    json_member_str(w, "cluster", f->cluster);
    json_key(w, "flags");
    json_object(w);
    json_object_end(w);
}

/* ---- counts */

static void put_agent_counts(struct state *s, struct json_writer *w)
{
    struct agent_row a;
    int64_t active = 0, deactivated = 0, unreachable = 0;
    struct stmt *q = state_agents(s);
    while (state_agent_next(q, &a)) {
        active += a.state == AGENT_READY;
        deactivated += a.state == AGENT_DRAINING || a.state == AGENT_DRAINED;
        unreachable += a.state == AGENT_UNREACHABLE;
    }
    json_member_int(w, "activated_slaves", active);
    json_member_int(w, "deactivated_slaves", deactivated);
    json_member_int(w, "unreachable_slaves", unreachable);
}

static void put_empty(struct json_writer *w, const char *name)
{
    json_key(w, name);
    json_array(w);
    json_array_end(w);
}

static void put_slaves(struct mesos_show *s, struct json_writer *w)
{
    struct agent_row a;
    json_key(w, "slaves");
    json_array(w);
    struct stmt *q = state_agents(s->state);
    while (state_agent_next(q, &a)) {
        if (!mesos_is_active(&a))
            continue;
        json_object(w);
        mesos_slave_members(s, &a, w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_frameworks(struct mesos_show *s, struct json_writer *w)
{
    json_key(w, "frameworks");
    json_array(w);
    for (size_t i = 0; i < 2; i++)
        mesos_put_framework(s, mesos_frameworks[i], w);
    json_array_end(w);
}

/* ---- the document */

static void master_state(struct call *c)
{
    struct json_writer w;
    struct mesos_show s;
    if (!mesos_json(c, &w))
        return;
    mesos_show_init(&s, c->view);
    json_object(&w);
    put_self(c->view->facts, &w);
    put_agent_counts(s.state, &w);
    put_slaves(&s, &w);
    put_empty(&w, "recovered_slaves");
    put_frameworks(&s, &w);
    put_empty(&w, "completed_frameworks");
    put_empty(&w, "orphan_tasks");
    put_empty(&w, "unregistered_frameworks");
    json_object_end(&w);
    mesos_json_end(c);
    mesos_show_close(&s);
}

/* It can only have changed when an entry was applied or the leader is another (5.2, cost). */
static bool has_it(struct call *c)
{
    char tag[64];
    snprintf(tag, sizeof tag, "\"%llu-%llu\"", (unsigned long long)c->view->index,
             (unsigned long long)c->view->facts->term);
    header_put(&c->reply->headers, "ETag", tag);
    return header_has(c->request->headers, "If-None-Match", tag);
}

void mesos_ask_state(struct call *c)
{
    if (mesos_means_agent(c))
        mesos_agent_state(c);
    else if (has_it(c))
        c->reply->status = 304;
    else
        master_state(c);
}

/* ---- the summary */

struct sums { /* of tasks, by state */
    int64_t of[TASK_STATES];
};

static void put_sums(const struct sums *n, struct json_writer *w)
{
    static const enum task_state shown[] = {
        TASK_STAGING, TASK_STARTING, TASK_RUNNING, TASK_KILLING, TASK_FINISHED,
        TASK_KILLED,  TASK_FAILED,   TASK_LOST,    TASK_ERROR,   TASK_UNREACHABLE,
    };
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        json_member_int(w, task_state_mesos(shown[i]), n->of[shown[i]]);
}

static void put_slave_summary(struct mesos_show *s, const struct agent_row *a,
                              struct json_writer *w)
{
    struct task_row t;
    struct sums sums = {0};
    bool runs[2] = {false, false};
    char id[MESOS_ID_SIZE];
    struct stmt *q = state_tasks_of_agent(s->state, a->id);
    while (state_task_next(q, &t)) {
        sums.of[t.state]++;
        runs[t.owner] = true;
    }
    json_object(w);
    mesos_slave_members(s, a, w);
    json_key(w, "framework_ids");
    json_array(w);
    for (size_t i = 0; i < 2; i++)
        if (runs[i])
            json_put_str(w, mesos_framework_id(s->view->facts->cluster, (enum owner)i, id));
    json_array_end(w);
    put_sums(&sums, w);
    json_object_end(w);
}

static void put_framework_summary(struct mesos_show *s, enum owner owner, struct json_writer *w)
{
    struct task_row t;
    struct agent_row a;
    struct resources used = {0}, needs;
    struct sums sums = {0};
    char id[MESOS_ID_SIZE];
    json_object(w);
    mesos_framework_members(s->view, owner, w);
    json_key(w, "slave_ids");
    json_array(w);
    struct stmt *agents = state_agents(s->state);
    while (state_agent_next(agents, &a)) {
        bool here = false;
        struct stmt *q = state_tasks_of_agent(s->state, a.id);
        while (state_task_next(q, &t)) {
            if (t.owner != owner)
                continue;
            here = true;
            sums.of[t.state]++;
            mesos_task_resources(&t, &needs);
            ports_close(&needs.ports);
            resources_add(&used, &needs);
            resources_close(&needs);
        }
        if (here)
            json_put_str(w, mesos_agent_id(s->view->facts->cluster, a.id, id));
    }
    json_array_end(w);
    mesos_res(w, "used_resources", &used);
    mesos_no_res(w, "offered_resources");
    put_sums(&sums, w);
    json_object_end(w);
    resources_close(&used);
}

void mesos_ask_summary(struct call *c)
{
    struct json_writer w;
    struct mesos_show s;
    struct agent_row a;
    if (!mesos_json(c, &w))
        return;
    mesos_show_init(&s, c->view);
    json_object(&w);
    json_member_str(&w, "hostname", c->view->facts->hostname);
    json_member_str(&w, "cluster", c->view->facts->cluster);
    json_key(&w, "slaves");
    json_array(&w);
    struct stmt *q = state_agents(s.state);
    while (state_agent_next(q, &a))
        if (mesos_is_active(&a))
            put_slave_summary(&s, &a, &w);
    json_array_end(&w);
    json_key(&w, "frameworks");
    json_array(&w);
    for (size_t i = 0; i < 2; i++)
        put_framework_summary(&s, mesos_frameworks[i], &w);
    json_array_end(&w);
    json_object_end(&w);
    mesos_json_end(c);
    mesos_show_close(&s);
}
