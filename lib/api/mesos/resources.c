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

void mesos_agent_resources(struct state *s, const struct agent_row *a, struct resources *total,
                           struct resources *used)
{
    *total = (struct resources){
        .cpus_milli = a->cpus_milli, .mem_bytes = a->mem_bytes, .disk_bytes = a->disk_bytes};
    *used = (struct resources){.cpus_milli = a->used_cpus_milli,
                               .mem_bytes = a->used_mem_bytes,
                               .disk_bytes = a->used_disk_bytes};
    add_ranges(a->port_ranges, &total->ports);
    struct stmt *q = state_agent_ports(s, a->id);
    while (stmt_row(q)) {
        uint16_t port = (uint16_t)stmt_i64(q, 0);
        ports_add(&used->ports, port, port);
    }
}

void mesos_task_resources(const struct task_row *t, struct resources *out)
{
    struct error err;
    struct json *ports = json_parse_own(slice_of(t->ports), &err);
    *out = (struct resources){
        .cpus_milli = t->cpus_milli, .mem_bytes = t->mem_bytes, .disk_bytes = t->disk_bytes};
    JSON_EACH (port, ports) {
        uint16_t p = (uint16_t)json_int(port, 0);
        if (p != 0)
            ports_add(&out->ports, p, p);
    }
    json_free(ports);
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
