/* Small doors: what this server is, where the leader is, what nobody has set (spec/mesos.md 5.1).
 */
#include <stdio.h>

#include "api/mesos/private.h"
#include "base/str.h"

void mesos_ask_health(struct call *c)
{
    call_text(c, 200, NULL, "");
}

void mesos_ask_version(struct call *c)
{
    struct json_writer w;
    if (!mesos_json(c, &w))
        return;
    json_object(&w);
    mesos_version(&w);
    json_object_end(&w);
    mesos_json_end(c);
}

static void put_flag(struct json_writer *w, const char *name, const char *value)
{
    if (value != NULL)
        json_member_str(w, name, value);
}

void mesos_ask_flags(struct call *c)
{
    struct json_writer w;
    const struct facts *f = c->view->facts;
    char port[16];
    bool agent = mesos_means_agent(c);
    if (!mesos_json(c, &w))
        return;
    snprintf(port, sizeof port, "%d",
             agent ? mesos_port(f->url_agent, 5051) : mesos_port(f->url_mesos, 5050));
    json_object(&w);
    json_key(&w, "flags");
    json_object(&w);
    put_flag(&w, "hostname", f->hostname);
    put_flag(&w, "ip", f->address);
    put_flag(&w, "port", port);
    put_flag(&w, "work_dir", f->work_dir);
    if (!agent)
        put_flag(&w, "cluster", f->cluster);
    json_object_end(&w);
    json_object_end(&w);
    mesos_json_end(c);
}

/* 0.3: everybody says where the leader is, the leader too. */
void mesos_ask_redirect(struct call *c)
{
    const struct facts *f = c->view->facts;
    if (f->leader_mesos == NULL) {
        call_fail(c, ERR_UNAVAILABLE, "No leader is elected");
        return;
    }
    call_text(c, 307, "text/plain", "");
    header_printf(&c->reply->headers, "Location", "//%s", f->leader_mesos);
}

/* ---- roles, quota, weights, maintenance: nothing is set */

struct role {
    const char *name;
    size_t frameworks_n; /* the first of them */
    struct resources reserved, used;
};

/* Without ports: they are plain numbers here. */
static void add_amounts(struct resources *to, const struct resources *from)
{
    to->cpus_milli += from->cpus_milli;
    to->mem_bytes += from->mem_bytes;
    to->disk_bytes += from->disk_bytes;
}

/* What an agent's instances keep is one role's; the other has what everybody may use. */
static void sum_agents(struct state *s, struct role *all, struct role *kept)
{
    struct agent_row a;
    struct stmt *q = state_agents(s);
    while (state_agent_next(q, &a)) {
        struct mesos_amounts m;
        mesos_agent_resources(s, &a, &m);
        add_amounts(&all->used, &m.unreserved_used);
        add_amounts(&kept->used, &m.reserved_used);
        add_amounts(&kept->reserved, &m.reserved);
        mesos_amounts_close(&m);
    }
}

static void put_role(struct call *c, const struct role *r, struct json_writer *w)
{
    char id[MESOS_ID_SIZE];
    json_object(w);
    json_member_str(w, "name", r->name);
    mesos_milli(w, "weight", 1000);
    mesos_res(w, "resources", &r->used);
    mesos_res(w, "allocated", &r->used);
    mesos_no_res(w, "offered");
    mesos_res(w, "reserved", &r->reserved);
    json_key(w, "frameworks");
    json_array(w);
    for (size_t i = 0; i < r->frameworks_n; i++)
        json_put_str(w, mesos_framework_id(c->view->facts->cluster, mesos_frameworks[i], id));
    json_array_end(w);
    json_object_end(w);
}

void mesos_ask_roles(struct call *c)
{
    struct json_writer w;
    struct role roles[] = {{.name = "*", .frameworks_n = 2},
                           {.name = MESOS_RESERVED_ROLE, .frameworks_n = 1}};
    if (!mesos_json(c, &w))
        return;
    sum_agents(c->view->state, &roles[0], &roles[1]);
    json_object(&w);
    json_key(&w, "roles");
    json_array(&w);
    put_role(c, &roles[0], &w);
    if (mesos_is_any(&roles[1].reserved))
        put_role(c, &roles[1], &w);
    json_array_end(&w);
    json_object_end(&w);
    mesos_json_end(c);
}

static void answer_constant(struct call *c, const char *json)
{
    struct json_writer w;
    if (!mesos_json(c, &w))
        return;
    json_put_raw(&w, slice_of(json));
    mesos_json_end(c);
}

void mesos_ask_quota(struct call *c)
{
    answer_constant(c, "{\"infos\":[],\"configs\":[]}");
}

void mesos_ask_weights(struct call *c)
{
    answer_constant(c, "[]");
}

void mesos_ask_schedule(struct call *c)
{
    answer_constant(c, "{}");
}

void mesos_ask_maintenance(struct call *c)
{
    struct agent_row a;
    struct json_writer w;
    if (!mesos_json(c, &w))
        return;
    json_object(&w);
    json_key(&w, "draining_machines");
    json_array(&w);
    struct stmt *q = state_agents(c->view->state);
    while (state_agent_next(q, &a)) {
        if (a.state != AGENT_DRAINING)
            continue;
        json_object(&w);
        json_key(&w, "id");
        json_object(&w);
        json_member_str(&w, "hostname", a.hostname);
        json_member_str(&w, "ip", a.address);
        json_object_end(&w);
        json_key(&w, "statuses");
        json_array(&w);
        json_array_end(&w);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_key(&w, "down_machines");
    json_array(&w);
    json_array_end(&w);
    json_object_end(&w);
    mesos_json_end(c);
}

/* What Mesos has and this build has not. */
void mesos_ask_missing(struct call *c)
{
    char text[256];
    snprintf(text, sizeof text, "%.40s %.120s: not in this build\n", c->request->method_text,
             c->door->pattern);
    call_text(c, 501, "text/plain", text);
}
