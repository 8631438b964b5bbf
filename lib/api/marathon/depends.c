#include "api/marathon/depends.h"

#include "api/marathon/private.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

enum mark { UNSEEN, OPEN, DONE };

struct node {
    enum mark mark;
    int depth; /* when DONE; 0: a cycle */
};

struct depends {
    struct state *state;
    const struct planned *changes;
    size_t n;
    struct map *changed; /* path -> of changes */
    struct map *nodes;   /* path -> struct node */
};

struct depends *depends_new(struct state *s, const struct planned *changes, size_t n)
{
    struct depends *d = NEW(struct depends);
    *d = (struct depends){s, changes, n, map_new(), map_new()};
    for (size_t i = 0; i < n; i++)
        map_put_str(d->changed, changes[i].path, (void *)&changes[i]);
    return d;
}

void depends_free(struct depends *d)
{
    if (d == NULL)
        return;
    struct node *node;
    for (size_t cursor = 0; (node = map_each(d->nodes, &cursor)) != NULL;)
        mem_free(node);
    map_free(d->nodes);
    map_free(d->changed);
    mem_free(d);
}

/* ---- a growing list of paths, owned */

struct paths {
    char **items;
    size_t n, cap;
};

static void add_path(struct paths *p, const char *path)
{
    if (p->n == p->cap) {
        p->cap = p->cap == 0 ? 8 : p->cap * 2;
        p->items = mem_realloc(p->items, p->cap * sizeof p->items[0]);
    }
    p->items[p->n++] = mem_strdup(path);
}

static void close_paths(struct paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        mem_free(p->items[i]);
    mem_free(p->items);
}

/* ---- the graph as it will be */

static const struct planned *change_of(const struct depends *d, const char *path)
{
    return map_get_str(d->changed, path);
}

static bool is_app(struct depends *d, const char *path)
{
    struct app_row row;
    const struct planned *p = change_of(d, path);
    return p != NULL ? p->kind != PLAN_REMOVE : state_app_by_path(d->state, path, &row);
}

/* All apps in a group but one. */
static void add_group(struct depends *d, const char *group, const char *but, struct paths *out)
{
    struct app_row row;
    struct stmt *q = marathon_apps_within(d->state, group);
    while (state_app_next(q, &row))
        if (!str_eq(row.path, but) && change_of(d, row.path) == NULL)
            add_path(out, row.path);
    for (size_t i = 0; i < d->n; i++) {
        const struct planned *p = &d->changes[i];
        if (p->kind != PLAN_REMOVE && id_within(p->path, group) && !str_eq(p->path, but))
            add_path(out, p->path);
    }
}

static void add_named(struct depends *d, const char *id, const char *of, struct paths *out)
{
    if (is_app(d, id))
        add_path(out, id);
    else
        add_group(d, id, of, out);
}

/* What an app depends on. */
static void neighbours(struct depends *d, const char *path, struct paths *out)
{
    const struct planned *p = change_of(d, path);
    if (p != NULL) {
        for (size_t i = 0; i < p->app.dependencies.n; i++)
            add_named(d, p->app.dependencies.items[i], path, out);
        return;
    }
    struct app_row row;
    struct error err;
    if (!state_app_by_path(d->state, path, &row))
        return;
    struct json *definition = json_parse_own(row.definition, &err);
    JSON_EACH (id, json_get(definition, "dependencies"))
        add_named(d, json_str(id, ""), path, out);
    json_free(definition);
}

static int walk(struct depends *d, const char *path, int left)
{
    struct node *node = map_get_str(d->nodes, path);
    if (node == NULL) {
        node = NEW(struct node);
        map_put_str(d->nodes, path, node);
    }
    if (node->mark == DONE)
        return node->depth;
    if (node->mark == OPEN || left == 0)
        return 0;
    node->mark = OPEN;
    struct paths next = {0};
    neighbours(d, path, &next);
    int deepest = 0;
    bool cycle = false;
    for (size_t i = 0; i < next.n && !cycle; i++) {
        int depth = walk(d, next.items[i], left - 1);
        cycle = depth == 0;
        deepest = depth > deepest ? depth : deepest;
    }
    close_paths(&next);
    node->mark = DONE;
    node->depth = cycle || deepest == DEPENDS_DEPTH ? 0 : deepest + 1;
    return node->depth;
}

int depends_depth(struct depends *d, const char *path)
{
    return walk(d, path, DEPENDS_DEPTH);
}
