#include "master/routes.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/app.h"

struct fragment {
    int64_t app;
    bool dirty;
    struct buf json; /* elements of `routes`, with commas between them; empty: no ports */
};

struct routes {
    struct state *state;
    struct map *fragments; /* app -> struct fragment */
    int64_t revision;
    bool any_dirty, unread;
};

struct routes *routes_new(struct state *state)
{
    struct routes *r = NEW(struct routes);
    r->state = state;
    r->fragments = map_new();
    r->unread = true;
    return r;
}

static void free_fragments(struct routes *r)
{
    struct fragment *f;
    for (size_t cursor = 0; (f = map_each(r->fragments, &cursor)) != NULL;) {
        buf_close(&f->json);
        mem_free(f);
    }
    map_free(r->fragments);
}

void routes_free(struct routes *r)
{
    if (r == NULL)
        return;
    free_fragments(r);
    mem_free(r);
}

void routes_forget(struct routes *r)
{
    free_fragments(r);
    r->fragments = map_new();
    r->unread = true;
}

void routes_dirty(struct routes *r, int64_t app)
{
    struct fragment *f = map_get(r->fragments, (uint64_t)app);
    if (f == NULL) {
        f = NEW(struct fragment);
        f->app = app;
        buf_init(&f->json, LIMIT_FRAME_BYTES);
        map_put(r->fragments, (uint64_t)app, f);
    }
    f->dirty = true;
    r->any_dirty = true;
}

bool routes_are_dirty(const struct routes *r)
{
    return r->any_dirty || r->unread;
}

/* ---- one app */

struct backend {
    char *task; /* its id */
    char address[64];
    char *ports; /* JSON array of host ports */
    bool healthy, draining;
};

struct backends {
    struct backend *items;
    size_t n, cap;
};

/* Running tasks: healthy ones get connections, ending ones keep those that they have. */
static void gather(struct routes *r, int64_t app, bool has_checks, struct backends *out)
{
    struct task_row t;
    *out = (struct backends){0};
    struct stmt *q = state_tasks_of_app(r->state, app);
    while (state_task_next(q, &t)) {
        struct agent_row agent;
        bool running = t.state == TASK_RUNNING || t.state == TASK_UNREACHABLE;
        bool ending = t.state == TASK_KILLING || t.stopping;
        if ((!running && !ending) || !state_agent_by_id(r->state, t.agent, &agent))
            continue;
        if (out->n == out->cap) {
            out->cap = out->cap == 0 ? 8 : out->cap * 2;
            out->items = mem_realloc(out->items, out->cap * sizeof out->items[0]);
        }
        struct backend *b = &out->items[out->n++];
        *b = (struct backend){
            .task = mem_strdup(t.name),
            .ports = mem_strdup(t.ports),
            .healthy = running && !ending && (has_checks ? t.health == 1 : true),
            .draining = ending,
        };
        snprintf(b->address, sizeof b->address, "%s", agent.address);
    }
}

static void free_backends(struct backends *b)
{
    for (size_t i = 0; i < b->n; i++) {
        mem_free(b->items[i].task);
        mem_free(b->items[i].ports);
    }
    mem_free(b->items);
}

static int64_t nth(const struct json *ports, size_t n)
{
    size_t i = 0;
    JSON_EACH (port, ports)
        if (i++ == n)
            return json_int(port, 0);
    return 0;
}

static void write_backends(const struct backends *b, size_t host_index, struct json_writer *w)
{
    json_array(w);
    for (size_t i = 0; i < b->n; i++) {
        struct error err;
        struct json *ports = json_parse_own(slice_of(b->items[i].ports), &err);
        int64_t port = nth(ports, host_index);
        json_free(ports);
        if (port == 0)
            continue; /* started before this port was defined */
        json_object(w);
        json_member_str(w, "task", b->items[i].task);
        json_member_str(w, "address", b->items[i].address);
        json_member_int(w, "port", port);
        json_member_bool(w, "healthy", b->items[i].healthy);
        json_member_bool(w, "draining", b->items[i].draining);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_fragment(struct routes *r, struct fragment *f)
{
    struct app_row row;
    struct app app;
    struct error err;
    struct backends backends;
    buf_clear(&f->json);
    if (!state_app_by_id(r->state, f->app, &row) || row.gone ||
        app_load(row.definition, &app, &err) != 0)
        return;
    gather(r, f->app, app.health_checks.n > 0, &backends);
    size_t host_index = 0;
    for (size_t i = 0; i < app_port_count(&app); i++) {
        struct app_port_view p = app_port(&app, i);
        if (p.host_port == NOT_GIVEN)
            continue;
        if (p.service_port > 0 && p.protocol != PORT_UDP) {
            struct json_writer w;
            if (f->json.len > 0)
                buf_putc(&f->json, ',');
            json_begin(&w, &f->json);
            json_object(&w);
            json_member_int(&w, "port", p.service_port);
            json_member_str(&w, "app", row.path);
            json_key(&w, "backends");
            write_backends(&backends, host_index, &w);
            json_object_end(&w);
        }
        host_index++;
    }
    free_backends(&backends);
    app_close(&app);
}

/* ---- all of them */

static void read_all(struct routes *r)
{
    struct app_row row;
    struct stmt *q = state_apps(r->state, "", "", INT64_MAX);
    while (state_app_next(q, &row))
        routes_dirty(r, row.id);
    r->unread = false;
}

/* Renders what is dirty anew; true when any of it differs from before. */
static bool refresh(struct routes *r)
{
    struct fragment *f, *empty = NULL;
    bool differs = false;
    for (size_t cursor = 0; (f = map_each(r->fragments, &cursor)) != NULL;) {
        if (f->dirty) {
            size_t len;
            char *before = buf_take(&f->json, &len);
            write_fragment(r, f);
            differs = differs || !slice_eq(buf_slice(&f->json), (struct slice){before, len});
            mem_free(before);
            f->dirty = false;
        }
        if (f->json.len == 0)
            empty = f;
    }
    if (empty != NULL) { /* one a time; more never become empty at once than come */
        map_remove(r->fragments, (uint64_t)empty->app);
        buf_close(&empty->json);
        mem_free(empty);
    }
    r->any_dirty = false;
    return differs;
}

bool routes_list(struct routes *r, struct buf *out, int64_t *revision_out)
{
    struct fragment *f;
    struct json_writer w;
    if (r->unread)
        read_all(r);
    bool differs = refresh(r);
    r->revision += differs;
    json_begin(&w, out);
    json_array(&w);
    for (size_t cursor = 0; (f = map_each(r->fragments, &cursor)) != NULL;) {
        if (f->json.len > 0)
            json_put_raw(&w, buf_slice(&f->json));
    }
    json_array_end(&w);
    *revision_out = r->revision;
    return differs;
}
