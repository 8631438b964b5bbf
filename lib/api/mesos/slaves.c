/* Agents as the master's old JSON shows them (spec/mesos.md 5.1, 5.2). */
#include <stdio.h>

#include "api/mesos/private.h"
#include "base/str.h"

bool mesos_is_active(const struct agent_row *a)
{
    return a->state != AGENT_UNREACHABLE && a->state != AGENT_GONE;
}

const char *mesos_slave_pid(const struct agent_row *a, char dst[MESOS_PID_SIZE])
{
    snprintf(dst, MESOS_PID_SIZE, "slave(1)@%.90s:%d", a->address, a->port);
    return dst;
}

static void put_drain(const struct agent_row *a, struct json_writer *w)
{
    if (a->state != AGENT_DRAINING && a->state != AGENT_DRAINED)
        return;
    json_key(w, "drain_info");
    json_object(w);
    json_member_str(w, "state", a->state == AGENT_DRAINING ? "DRAINING" : "DRAINED");
    json_key(w, "config");
    json_object(w);
    json_member_bool(w, "mark_gone", false);
    json_object_end(w);
    json_object_end(w);
    mesos_seconds(w, "estimated_drain_start_time_seconds", a->since);
}

static void put_resources(struct mesos_show *s, const struct agent_row *a, struct json_writer *w)
{
    struct mesos_amounts m;
    mesos_agent_resources(s->state, a, &m);
    mesos_res(w, "resources", &m.total);
    mesos_res(w, "used_resources", &m.used);
    mesos_no_res(w, "offered_resources");
    mesos_reserved(w, "reserved_resources", &m.reserved);
    mesos_res(w, "unreserved_resources", &m.unreserved);
    mesos_amounts_close(&m);
}

void mesos_slave_members(struct mesos_show *s, const struct agent_row *a, struct json_writer *w)
{
    char id[MESOS_ID_SIZE], pid[MESOS_PID_SIZE];
    bool takes = a->state == AGENT_READY;
    json_member_str(w, "id", mesos_agent_id(s->view->facts->cluster, a->id, id));
    json_member_str(w, "hostname", a->hostname);
    json_member_int(w, "port", a->port);
    json_member_raw(w, "attributes", slice_of(a->attributes));
    json_member_str(w, "pid", mesos_slave_pid(a, pid));
    mesos_seconds(w, "registered_time", a->registered);
    put_resources(s, a, w);
    json_member_bool(w, "active", true);
    json_member_bool(w, "deactivated", !takes);
    json_member_str(w, "version", MESOS_VERSION);
    json_key(w, "capabilities");
    json_array(w);
    json_array_end(w);
    put_drain(a, w);
}

static void put_full(struct mesos_show *s, const struct agent_row *a, struct json_writer *w)
{
    struct mesos_amounts m;
    mesos_agent_resources(s->state, a, &m);
    mesos_reserved_full(w, "reserved_resources_full", &m.reserved);
    mesos_full(w, "unreserved_resources_full", &m.unreserved);
    mesos_full(w, "used_resources_full", &m.used);
    mesos_full(w, "offered_resources_full", &(struct resources){0});
    mesos_amounts_close(&m);
}

void mesos_ask_slaves(struct call *c)
{
    struct json_writer w;
    struct mesos_show s;
    struct agent_row a;
    char id[MESOS_ID_SIZE];
    const char *wanted = query_get(&c->query, "slave_id");
    if (!mesos_json(c, &w))
        return;
    mesos_show_init(&s, c->view);
    json_object(&w);
    json_key(&w, "slaves");
    json_array(&w);
    struct stmt *q = state_agents(s.state);
    while (state_agent_next(q, &a)) {
        mesos_agent_id(c->view->facts->cluster, a.id, id);
        if (!mesos_is_active(&a) || (wanted != NULL && !str_eq(wanted, id)))
            continue;
        json_object(&w);
        mesos_slave_members(&s, &a, &w);
        put_full(&s, &a, &w);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_key(&w, "recovered_slaves");
    json_array(&w);
    json_array_end(&w);
    json_object_end(&w);
    mesos_json_end(c);
    mesos_show_close(&s);
}
