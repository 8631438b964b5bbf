#include "proxy/routes.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "proxy/address.h"

#define APP_BYTES_MAX 1024

/* ---- routes */

static void route_free(struct proxy_route *r)
{
    if (r == NULL)
        return;
    arena_close(&r->arena);
    mem_free(r);
}

static bool target_equal(const struct proxy_target *a, const struct proxy_target *b)
{
    return a->port == b->port && a->healthy == b->healthy && a->draining == b->draining &&
           str_eq(a->address, b->address) && str_eq(a->task, b->task);
}

bool proxy_route_equal(const struct proxy_route *a, const struct proxy_route *b)
{
    if (a->port != b->port || a->tcp != b->tcp || a->udp != b->udp || !str_eq(a->app, b->app) ||
        a->n_targets != b->n_targets)
        return false;
    for (size_t i = 0; i < a->n_targets; i++)
        if (!target_equal(&a->targets[i], &b->targets[i]))
            return false;
    return true;
}

/* ---- from JSON */

static int parse_port(const struct json *v, uint16_t *out, struct error *err)
{
    int64_t port = 0;
    const struct json *member = json_get(v, "port");
    if (member == NULL || !json_i64(member, &port))
        return error_set(err, ERR_INVALID, "port: got %s, need a number",
                         member == NULL ? "nothing" : json_kind_word(member));
    if (port < 1 || port > UINT16_MAX)
        return error_set(err, ERR_INVALID, "port: got %lld, need 1 to 65535", (long long)port);
    *out = (uint16_t)port;
    return 0;
}

static int parse_string(const struct json *v, const char *name, size_t max, const char **out,
                        struct error *err)
{
    const struct json *member = json_get(v, name);
    if (!json_is(member, JSON_STRING))
        return error_set(err, ERR_INVALID, "%s: got %s, need a string", name,
                         member == NULL ? "nothing" : json_kind_word(member));
    struct slice text = json_slice(member);
    if (text.len == 0 || text.len > max)
        return error_set(err, ERR_INVALID, "%s: got %zu bytes, need 1 to %zu", name, text.len, max);
    *out = text.p;
    return 0;
}

static int parse_target(const struct json *v, struct arena *arena, struct proxy_target *out,
                        struct error *err)
{
    const char *task, *address;
    union proxy_address checked;
    if (parse_string(v, "task", APP_BYTES_MAX, &task, err) != 0 ||
        parse_string(v, "address", PROXY_ADDRESS_TEXT_SIZE, &address, err) != 0 ||
        parse_port(v, &out->port, err) != 0)
        return -1;
    if (proxy_address_parse(address, out->port, &checked, err) != 0)
        return error_wrap(err, "address");
    out->task = arena_strdup(arena, task);
    out->address = arena_strdup(arena, address);
    out->healthy = json_bool(json_get(v, "healthy"), true);
    out->draining = json_bool(json_get(v, "draining"), false);
    return 0;
}

static int parse_targets(const struct json *v, struct proxy_route *r, struct error *err)
{
    const struct json *list = json_get(v, "backends");
    if (!json_is(list, JSON_ARRAY))
        return error_set(err, ERR_INVALID, "backends: got %s, need an array",
                         list == NULL ? "nothing" : json_kind_word(list));
    r->targets = arena_alloc(&r->arena, json_count(list) * sizeof(*r->targets));
    JSON_EACH (it, list) {
        if (parse_target(it, &r->arena, &r->targets[r->n_targets], err) != 0)
            return error_wrap(err, "backends[%zu]", r->n_targets);
        r->n_targets++;
    }
    return 0;
}

static const struct {
    const char *word;
    bool tcp, udp;
} protocols[] = {
    {"tcp", true, false}, {"udp", false, true}, {"udp,tcp", true, true}, {"tcp,udp", true, true}};

static int parse_protocol(const struct json *v, struct proxy_route *r, struct error *err)
{
    const char *word = json_str(json_get(v, "protocol"), "tcp");
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (str_eq(word, protocols[i].word)) {
            r->tcp = protocols[i].tcp;
            r->udp = protocols[i].udp;
            return 0;
        }
    }
    char quoted[40];
    return error_set(err, ERR_INVALID, "protocol: got %s, need \"tcp\", \"udp\" or \"udp,tcp\"",
                     str_quote(quoted, sizeof(quoted), word, strlen(word)));
}

static struct proxy_route *parse_route(const struct json *v, struct error *err)
{
    struct proxy_route *r = NEW(struct proxy_route);
    const char *app;
    if (parse_port(v, &r->port, err) != 0 ||
        parse_string(v, "app", APP_BYTES_MAX, &app, err) != 0 || parse_protocol(v, r, err) != 0 ||
        parse_targets(v, r, err) != 0) {
        route_free(r);
        return NULL;
    }
    r->app = arena_strdup(&r->arena, app);
    return r;
}

static int parse_routes(const struct json *v, struct proxy_change *c, struct error *err)
{
    const struct json *list = json_get(v, "routes");
    if (!json_is(list, JSON_ARRAY))
        return error_set(err, ERR_INVALID, "routes: got %s, need an array",
                         list == NULL ? "nothing" : json_kind_word(list));
    c->routes = arena_alloc(&c->arena, json_count(list) * sizeof(struct proxy_route *));
    JSON_EACH (it, list) {
        struct proxy_route *r = parse_route(it, err);
        if (r == NULL)
            return error_wrap(err, "routes[%zu]", c->n_routes);
        c->routes[c->n_routes++] = r;
    }
    return 0;
}

static int parse_removed(const struct json *v, struct proxy_change *c, struct error *err)
{
    const struct json *list = json_get(v, "removed");
    c->removed = arena_alloc(&c->arena, json_count(list) * sizeof(*c->removed));
    JSON_EACH (it, list) {
        struct proxy_route_id *id = &c->removed[c->n_removed];
        if (parse_port(it, &id->port, err) != 0 ||
            parse_string(it, "app", APP_BYTES_MAX, &id->app, err) != 0)
            return error_wrap(err, "removed[%zu]", c->n_removed);
        id->app = arena_strdup(&c->arena, id->app);
        c->n_removed++;
    }
    return 0;
}

int proxy_change_parse(const struct json *v, struct proxy_change *out, struct error *err)
{
    struct proxy_change c = {.since = json_int(json_get(v, "since"), PROXY_COMPLETE)};
    const struct json *revision = json_get(v, "revision");
    if (revision == NULL || !json_i64(revision, &c.revision) || c.revision < 0)
        return error_set(err, ERR_INVALID, "revision: need a number of 0 or more");
    if (parse_routes(v, &c, err) != 0 || parse_removed(v, &c, err) != 0) {
        proxy_change_close(&c);
        return -1;
    }
    *out = c;
    return 0;
}

void proxy_change_close(struct proxy_change *c)
{
    for (size_t i = 0; i < c->n_routes; i++)
        route_free(c->routes[i]);
    arena_close(&c->arena);
    *c = (struct proxy_change){0};
}

/* ---- to JSON */

static void write_target(const struct proxy_target *t, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "task", t->task);
    json_member_str(w, "address", t->address);
    json_member_int(w, "port", t->port);
    json_member_bool(w, "healthy", t->healthy);
    json_member_bool(w, "draining", t->draining);
    json_object_end(w);
}

static void write_route(const struct proxy_route *r, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "port", r->port);
    json_member_str(w, "app", r->app);
    if (r->udp)
        json_member_str(w, "protocol", r->tcp ? "udp,tcp" : "udp");
    json_key(w, "backends");
    json_array(w);
    for (size_t i = 0; i < r->n_targets; i++)
        write_target(&r->targets[i], w);
    json_array_end(w);
    json_object_end(w);
}

void proxy_change_write(const struct proxy_change *c, struct json_writer *w)
{
    json_member_int(w, "revision", c->revision);
    if (c->since != PROXY_COMPLETE)
        json_member_int(w, "since", c->since);
    json_key(w, "routes");
    json_array(w);
    for (size_t i = 0; i < c->n_routes; i++)
        write_route(c->routes[i], w);
    json_array_end(w);
    json_key(w, "removed");
    json_array(w);
    for (size_t i = 0; i < c->n_removed; i++) {
        json_object(w);
        json_member_int(w, "port", c->removed[i].port);
        json_member_str(w, "app", c->removed[i].app);
        json_object_end(w);
    }
    json_array_end(w);
}

/* ---- the set */

struct route_key {
    char text[APP_BYTES_MAX + 8];
};

static const char *key_of(uint16_t port, const char *app, struct route_key *k)
{
    snprintf(k->text, sizeof(k->text), "%u %s", port, app);
    return k->text;
}

static struct proxy_route *find(const struct proxy_routes *s, uint16_t port, const char *app)
{
    struct route_key k;
    return map_get_str(s->routes, key_of(port, app, &k));
}

void proxy_routes_init(struct proxy_routes *s)
{
    *s = (struct proxy_routes){.routes = map_new()};
}

void proxy_routes_close(struct proxy_routes *s)
{
    size_t cursor = 0;
    struct proxy_route *r;
    while (s->routes != NULL && (r = map_each(s->routes, &cursor)) != NULL)
        route_free(r);
    map_free(s->routes);
    *s = (struct proxy_routes){0};
}

size_t proxy_routes_count(const struct proxy_routes *s)
{
    return map_count(s->routes);
}

static const struct proxy_route *routes_each(const struct proxy_routes *s, size_t *cursor)
{
    return map_each(s->routes, cursor);
}

/* Of several routes of one port and app the last one counts. Returns what the change names. */
static struct map *drop_repeated(struct proxy_change *c)
{
    struct map *named = map_new();
    struct route_key k;
    size_t n = c->n_routes;
    for (size_t i = c->n_routes; i-- > 0;) {
        const char *key = key_of(c->routes[i]->port, c->routes[i]->app, &k);
        if (map_get_str(named, key) != NULL) {
            route_free(c->routes[i]);
            continue;
        }
        map_put_str(named, key, c->routes[i]);
        c->routes[--n] = c->routes[i];
    }
    c->n_routes -= n;
    memmove(c->routes, c->routes + n, c->n_routes * sizeof(*c->routes));
    return named;
}

static void drop_unchanged(const struct proxy_routes *s, struct proxy_change *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n_routes; i++) {
        struct proxy_route *r = c->routes[i], *old = find(s, r->port, r->app);
        if (old != NULL && proxy_route_equal(old, r))
            route_free(r);
        else
            c->routes[kept++] = r;
    }
    c->n_routes = kept;
}

/* Removals of what is not there, or is named as a route too, or was named before. */
static void drop_idle_removals(const struct proxy_routes *s, struct map *named,
                               struct proxy_change *c)
{
    struct route_key k;
    size_t kept = 0;
    for (size_t i = 0; i < c->n_removed; i++) {
        struct proxy_route_id id = c->removed[i];
        struct proxy_route *r = find(s, id.port, id.app);
        if (r == NULL || map_get_str(named, key_of(id.port, id.app, &k)) != NULL)
            continue;
        map_put_str(named, k.text, r);
        c->removed[kept++] = id;
    }
    c->n_removed = kept;
}

static void remove_what_it_lacks(const struct proxy_routes *s, const struct map *named,
                                 struct proxy_change *c)
{
    struct route_key k;
    size_t cursor = 0;
    struct proxy_route *r;
    c->n_removed = 0;
    c->removed = arena_alloc(&c->arena, map_count(s->routes) * sizeof(*c->removed));
    while ((r = map_each(s->routes, &cursor)) != NULL)
        if (map_get_str(named, key_of(r->port, r->app, &k)) == NULL)
            c->removed[c->n_removed++] =
                (struct proxy_route_id){r->port, arena_strdup(&c->arena, r->app)};
}

static int check_fits(const struct proxy_routes *s, const struct proxy_change *c, struct error *err)
{
    size_t n = map_count(s->routes) - c->n_removed, n_targets = s->n_targets;
    for (size_t i = 0; i < c->n_removed; i++)
        n_targets -= find(s, c->removed[i].port, c->removed[i].app)->n_targets;
    for (size_t i = 0; i < c->n_routes; i++) {
        const struct proxy_route *r = c->routes[i], *old = find(s, r->port, r->app);
        n += old == NULL;
        n_targets += r->n_targets - (old != NULL ? old->n_targets : 0);
    }
    if (n > LIMIT_PROXY_SERVICES)
        return error_set(err, ERR_LIMIT, "routes: %zu together, need at most %d", n,
                         LIMIT_PROXY_SERVICES);
    if (n_targets > LIMIT_PROXY_BACKENDS)
        return error_set(err, ERR_LIMIT, "routes: %zu backends together, need at most %d",
                         n_targets, LIMIT_PROXY_BACKENDS);
    return 0;
}

int proxy_routes_reduce(const struct proxy_routes *s, struct proxy_change *c, struct error *err)
{
    if (c->since != PROXY_COMPLETE && c->since != s->revision)
        return error_set(err, ERR_CONFLICT, "since: got revision %lld, but %lld is what stands",
                         (long long)c->since, (long long)s->revision);
    struct map *named = drop_repeated(c);
    if (c->since == PROXY_COMPLETE)
        remove_what_it_lacks(s, named, c);
    else
        drop_idle_removals(s, named, c);
    map_free(named);
    drop_unchanged(s, c);
    c->since = s->revision;
    return check_fits(s, c, err);
}

void proxy_routes_apply(struct proxy_routes *s, struct proxy_change *c)
{
    struct route_key k;
    ASSERT(c->since == s->revision);
    for (size_t i = 0; i < c->n_removed; i++) {
        struct proxy_route *old =
            map_remove_str(s->routes, key_of(c->removed[i].port, c->removed[i].app, &k));
        ASSERT(old != NULL);
        s->n_targets -= old->n_targets;
        route_free(old);
    }
    for (size_t i = 0; i < c->n_routes; i++) {
        struct proxy_route *r = c->routes[i];
        struct proxy_route *old = map_put_str(s->routes, key_of(r->port, r->app, &k), r);
        s->n_targets += r->n_targets - (old != NULL ? old->n_targets : 0);
        route_free(old);
    }
    c->n_routes = 0;
    s->revision = c->revision;
}

void proxy_routes_write(const struct proxy_routes *s, struct json_writer *w)
{
    size_t cursor = 0;
    const struct proxy_route *r;
    json_member_int(w, "revision", s->revision);
    json_key(w, "routes");
    json_array(w);
    while ((r = routes_each(s, &cursor)) != NULL)
        write_route(r, w);
    json_array_end(w);
}
