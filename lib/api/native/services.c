/* Service ports: what each node's proxy forwards, and what this node's could not open. */
#include <stdio.h>
#include <stdlib.h>

#include "api/native/list.h"
#include "api/native/private.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "master/routes.h"

enum { BY_PORT, BY_APP };

struct services { /* by port, then as the apps come */
    struct service {
        int64_t port;
        size_t at;
        const struct json *route;
    } * items;
    size_t n;
};

static int by_port(const void *x, const void *y)
{
    const struct service *a = x, *b = y;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

static void sort_routes(const struct json *routes, struct services *out)
{
    *out = (struct services){0};
    out->items = mem_alloc((json_count(routes) + 1) * sizeof out->items[0]);
    JSON_EACH (r, routes) {
        out->items[out->n] = (struct service){json_int(json_get(r, "port"), 0), out->n, r};
        out->n++;
    }
    qsort(out->items, out->n, sizeof out->items[0], by_port);
}

static const struct json *refusal_of(const struct json *refused, int64_t port, const char *app)
{
    JSON_EACH (r, refused)
        if (json_int(json_get(r, "port"), 0) == port &&
            str_eq(json_str(json_get(r, "app"), ""), app))
            return r;
    return NULL;
}

/* What is being ended gets nobody new: it is not shown. */
static void put_backends(const struct json *backends, struct json_writer *w)
{
    char address[128];
    json_key(w, "backends");
    json_array(w);
    JSON_EACH (b, backends) {
        if (json_bool(json_get(b, "draining"), false))
            continue;
        snprintf(address, sizeof address, "%.100s:%lld", json_str(json_get(b, "address"), ""),
                 (long long)json_int(json_get(b, "port"), 0));
        json_object(w);
        json_member_str(w, "task", json_str(json_get(b, "task"), ""));
        json_member_str(w, "address", address);
        json_member_bool(w, "healthy", json_bool(json_get(b, "healthy"), false));
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_service(const struct service *s, const struct json *refused, struct json_writer *w)
{
    const char *app = json_str(json_get(s->route, "app"), "");
    const struct json *refusal = refusal_of(refused, s->port, app);
    json_object(w);
    json_member_int(w, "port", s->port);
    json_member_str(w, "app", app);
    json_member_bool(w, "bound", refusal == NULL);
    if (refusal != NULL)
        native_text(w, "reason", json_str(json_get(refusal, "reason"), ""));
    put_backends(json_get(s->route, "backends"), w);
    json_object_end(w);
}

static void add_services(struct list *l, const struct services *all)
{
    for (size_t i = 0; i < all->n; i++) {
        const char *app = json_str(json_get(all->items[i].route, "app"), "");
        if (!list_wants(l, "", app, NULL))
            continue;
        if (l->sort == BY_APP)
            list_add_text(l, (int64_t)i, app);
        else
            list_add_number(l, (int64_t)i, all->items[i].port);
    }
}

void native_ask_services(struct call *c)
{
    static const char *const sorts[] = {[BY_PORT] = "port", [BY_APP] = "app", NULL};
    struct list l;
    struct services all;
    struct error err;
    struct buf text;
    struct json_writer w;
    if (list_begin(c, &l, sorts, NULL) != 0)
        return;
    struct routes *routes = routes_new(c->view->state);
    buf_init(&text, LIMIT_ANSWER_BYTES);
    routes_refresh(routes);
    routes_list(routes, &text);
    routes_free(routes);
    struct json *tree = json_parse_own(buf_slice(&text), &err);
    buf_close(&text);
    if (tree == NULL) { /* full: over the limit */
        call_fail(c, ERR_LIMIT, "there are too many service ports for one answer");
        list_close(&l);
        return;
    }
    struct json *refused = json_parse_own(slice_of(c->view->facts->ports_refused), &err);
    sort_routes(tree, &all);
    add_services(&l, &all);
    list_head(c, &l, &w);
    for (size_t i = 0; i < list_size(&l); i++)
        put_service(&all.items[list_id(&l, i)], refused, &w);
    list_end(&w);
    list_close(&l);
    mem_free(all.items);
    json_free(refused);
    json_free(tree);
}
