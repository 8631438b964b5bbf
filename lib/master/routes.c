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
    char *path;      /* of the app, once it has ports */
    struct buf json; /* elements of `routes`, with commas between them; empty: no ports */
    int *ports;      /* the service ports that they name */
    size_t ports_n;
};

struct routes {
    struct state *state;
    struct map *fragments; /* app -> struct fragment */
    int64_t revision;
    struct buf changed, removed; /* arrays: what this revision made of the one before */
    bool any_dirty, unread;
};

struct routes *routes_new(struct state *state)
{
    struct routes *r = NEW(struct routes);
    r->state = state;
    r->fragments = map_new();
    r->revision = 1;
    r->unread = true;
    return r;
}

static void free_fragment(struct fragment *f)
{
    buf_close(&f->json);
    mem_free(f->path);
    mem_free(f->ports);
    mem_free(f);
}

static void free_fragments(struct routes *r)
{
    struct fragment *f;
    for (size_t cursor = 0; (f = map_each(r->fragments, &cursor)) != NULL;)
        free_fragment(f);
    map_free(r->fragments);
}

void routes_free(struct routes *r)
{
    if (r == NULL)
        return;
    free_fragments(r);
    buf_close(&r->changed);
    buf_close(&r->removed);
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

static void note_port(struct fragment *f, const char *path, int port)
{
    if (f->path == NULL)
        f->path = mem_strdup(path);
    f->ports = mem_realloc(f->ports, (f->ports_n + 1) * sizeof f->ports[0]);
    f->ports[f->ports_n++] = port;
}

static void write_fragment(struct routes *r, struct fragment *f)
{
    struct app_row row;
    struct app app;
    struct error err;
    struct backends backends;
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
            note_port(f, row.path, p.service_port);
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

static bool names(const struct fragment *f, int port)
{
    for (size_t i = 0; i < f->ports_n; i++)
        if (f->ports[i] == port)
            return true;
    return false;
}

static void begin_list(struct buf *list)
{
    buf_init(list, LIMIT_FRAME_BYTES / 4);
    buf_putc(list, '[');
}

static void next_element(struct buf *list)
{
    if (list->len > 1)
        buf_putc(list, ',');
}

static void note_removed(struct routes *r, const struct fragment *f, int port)
{
    struct json_writer w;
    next_element(&r->removed);
    json_begin(&w, &r->removed);
    json_object(&w);
    json_member_int(&w, "port", port);
    json_member_str(&w, "app", f->path);
    json_object_end(&w);
}

/* Renders it anew, and notes what has become of its ports. True when it differs from before. */
static bool refresh_one(struct routes *r, struct fragment *f)
{
    struct buf before = f->json;
    int *ports = f->ports;
    size_t ports_n = f->ports_n;
    buf_init(&f->json, LIMIT_FRAME_BYTES);
    f->ports = NULL;
    f->ports_n = 0;
    write_fragment(r, f);
    f->dirty = false;
    bool differs = !slice_eq(buf_slice(&f->json), buf_slice(&before));
    for (size_t i = 0; i < ports_n; i++)
        if (!names(f, ports[i]))
            note_removed(r, f, ports[i]);
    if (differs && f->json.len > 0) {
        next_element(&r->changed);
        buf_put_slice(&r->changed, buf_slice(&f->json));
    }
    mem_free(ports);
    buf_close(&before);
    return differs;
}

static void drop_empty(struct routes *r)
{
    struct fragment *f;
    size_t n = 0;
    int64_t *apps = mem_zalloc((map_count(r->fragments) + 1) * sizeof apps[0]);
    for (size_t cursor = 0; (f = map_each(r->fragments, &cursor)) != NULL;)
        if (f->json.len == 0)
            apps[n++] = f->app;
    while (n > 0)
        free_fragment(map_remove(r->fragments, (uint64_t)apps[--n]));
    mem_free(apps);
}

/* Every fragment that is dirty; true when any of them differs from before. */
static bool refresh_dirty(struct routes *r)
{
    struct fragment *f;
    bool differs = false;
    begin_list(&r->changed);
    begin_list(&r->removed);
    for (size_t cursor = 0; (f = map_each(r->fragments, &cursor)) != NULL;)
        if (f->dirty)
            differs = refresh_one(r, f) || differs;
    buf_putc(&r->changed, ']');
    buf_putc(&r->removed, ']');
    drop_empty(r);
    r->any_dirty = false;
    return differs;
}

int64_t routes_refresh(struct routes *r)
{
    if (r->unread)
        read_all(r);
    if (!r->any_dirty)
        return r->revision;
    struct buf changed = r->changed, removed = r->removed;
    if (refresh_dirty(r)) {
        r->revision++;
    } else { /* what made this revision still does */
        struct buf none = r->changed, nothing = r->removed;
        r->changed = changed;
        r->removed = removed;
        changed = none;
        removed = nothing;
    }
    buf_close(&changed);
    buf_close(&removed);
    return r->revision;
}

void routes_list(const struct routes *r, struct buf *out)
{
    struct fragment *f;
    struct json_writer w;
    json_begin(&w, out);
    json_array(&w);
    for (size_t cursor = 0; (f = map_each(r->fragments, &cursor)) != NULL;)
        json_put_raw(&w, buf_slice(&f->json));
    json_array_end(&w);
}

bool routes_change(const struct routes *r, struct slice *routes_out, struct slice *removed_out)
{
    *routes_out = buf_slice(&r->changed);
    *removed_out = buf_slice(&r->removed);
    return !buf_full(&r->changed) && !buf_full(&r->removed);
}
