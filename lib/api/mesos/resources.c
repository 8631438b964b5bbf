/* Amounts as the old JSON shows them (spec/mesos.md 5.2, RES). */
#include <stdio.h>

#include "api/mesos/private.h"

static void add_ranges(const char *ranges, struct ports *to)
{
    char text[4096];
    struct resources named;
    unsigned which;
    struct error err;
    snprintf(text, sizeof text, "ports:[%s]", ranges);
    if (resources_parse(text, &named, &which, &err) != 0)
        return;
    ports_copy(to, &named.ports);
    resources_close(&named);
}

static void add_ports(const char *ports, struct ports *to)
{
    struct error err;
    struct json *all = json_parse_own(slice_of(ports), &err);
    JSON_EACH (port, all) {
        uint16_t p = (uint16_t)json_int(port, 0);
        if (p != 0)
            ports_add(to, p, p);
    }
    json_free(all);
}

static void add_reservation(const struct reservation_row *r, struct resources *to)
{
    struct resources one = {
        .cpus_milli = r->cpus_milli, .mem_bytes = r->mem_bytes, .disk_bytes = r->disk_bytes};
    add_ports(r->ports, &one.ports);
    resources_add(to, &one);
    resources_close(&one);
}

static void copy_less(struct resources *dst, const struct resources *from,
                      const struct resources *less)
{
    resources_add(dst, from);
    resources_subtract(dst, less);
}

void mesos_agent_resources(struct state *s, const struct agent_row *a, struct mesos_amounts *out)
{
    struct resources held = {.cpus_milli = a->used_cpus_milli,
                             .mem_bytes = a->used_mem_bytes,
                             .disk_bytes = a->used_disk_bytes},
                     idle = {0};
    struct reservation_row r;
    *out = (struct mesos_amounts){.total = {.cpus_milli = a->cpus_milli,
                                            .mem_bytes = a->mem_bytes,
                                            .disk_bytes = a->disk_bytes}};
    add_ranges(a->port_ranges, &out->total.ports);
    struct stmt *q = state_agent_ports(s, a->id);
    while (stmt_row(q)) {
        uint16_t port = (uint16_t)stmt_i64(q, 0);
        ports_add(&held.ports, port, port);
    }
    q = state_reservations_of_agent(s, a->id);
    while (state_reservation_next(q, &r)) {
        add_reservation(&r, &out->reserved);
        add_reservation(&r, r.is_idle ? &idle : &out->reserved_used);
    }
    copy_less(&out->used, &held, &idle);
    copy_less(&out->unreserved, &out->total, &out->reserved);
    copy_less(&out->unreserved_used, &held, &out->reserved);
    resources_close(&held);
    resources_close(&idle);
}

void mesos_amounts_close(struct mesos_amounts *m)
{
    struct resources *all[] = {&m->total,         &m->used,       &m->reserved,
                               &m->reserved_used, &m->unreserved, &m->unreserved_used};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        resources_close(all[i]);
}

void mesos_task_resources(const struct task_row *t, struct resources *out)
{
    *out = (struct resources){
        .cpus_milli = t->cpus_milli, .mem_bytes = t->mem_bytes, .disk_bytes = t->disk_bytes};
    add_ports(t->ports, &out->ports);
}

void mesos_res(struct json_writer *w, const char *name, const struct resources *r)
{
    json_key(w, name);
    resources_write_sums(r, w);
}

void mesos_no_res(struct json_writer *w, const char *name)
{
    mesos_res(w, name, &(struct resources){0});
}

void mesos_full(struct json_writer *w, const char *name, const struct resources *r)
{
    json_key(w, name);
    resources_write(r, (struct resource_dress){.role = "*"}, w);
}

bool mesos_is_any(const struct resources *r)
{
    return r->cpus_milli > 0 || r->mem_bytes > 0 || r->disk_bytes > 0 || r->ports.n > 0;
}

void mesos_reserved(struct json_writer *w, const char *name, const struct resources *r)
{
    json_key(w, name);
    json_object(w);
    if (mesos_is_any(r))
        mesos_res(w, MESOS_RESERVED_ROLE, r);
    json_object_end(w);
}

void mesos_reserved_full(struct json_writer *w, const char *name, const struct resources *r)
{
    json_key(w, name);
    json_object(w);
    if (mesos_is_any(r)) {
        json_key(w, MESOS_RESERVED_ROLE);
        resources_write(r, (struct resource_dress){.role = MESOS_RESERVED_ROLE}, w);
    }
    json_object_end(w);
}
