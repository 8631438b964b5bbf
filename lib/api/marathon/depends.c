#include "api/marathon/depends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/marathon/private.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

/* A node is an app, or all apps of a group at once: with as many edges as there are pairs of apps,
 * two groups of thousands could not be looked at. A group's key is its id with a slash behind. */
enum mark { UNSEEN, OPEN, DONE };

struct node {
    enum mark mark;
    int depth; /* when DONE: of a group the greatest of its apps, 0 without any; CYCLE */
};

enum { CYCLE = -1 };

struct depends {
    struct state *state;
    const struct planned **changes; /* by path */
    size_t n;
    struct map *changed;        /* path -> of changes */
    struct map *groups_changed; /* path -> struct planned_group */
    struct map *groups;         /* path -> struct json: what its group depends on */
    struct map *nodes;          /* key -> struct node */
};

static int by_path(const void *a, const void *b)
{
    const struct planned *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

struct depends *depends_new(struct state *s, const struct planned *changes, size_t n,
                            const struct planned_group *groups, size_t groups_n)
{
    struct depends *d = NEW(struct depends);
    *d = (struct depends){.state = s,
                          .changes = mem_zalloc((n + 1) * sizeof d->changes[0]),
                          .n = n,
                          .changed = map_new(),
                          .groups_changed = map_new(),
                          .groups = map_new(),
                          .nodes = map_new()};
    for (size_t i = 0; i < n; i++) {
        d->changes[i] = &changes[i];
        map_put_str(d->changed, changes[i].path, (void *)&changes[i]);
    }
    qsort(d->changes, n, sizeof d->changes[0], by_path);
    for (size_t i = 0; i < groups_n; i++)
        map_put_str(d->groups_changed, groups[i].path, (void *)&groups[i]);
    return d;
}

void depends_free(struct depends *d)
{
    struct node *node;
    struct json *ids;
    if (d == NULL)
        return;
    for (size_t cursor = 0; (node = map_each(d->nodes, &cursor)) != NULL;)
        mem_free(node);
    for (size_t cursor = 0; (ids = map_each(d->groups, &cursor)) != NULL;)
        json_free(ids);
    map_free(d->nodes);
    map_free(d->groups);
    map_free(d->changed);
    map_free(d->groups_changed);
    mem_free(d->changes);
    mem_free(d);
}

/* ---- a growing list of keys, owned */

struct keys {
    char **items;
    size_t n, cap;
};

static void add_key(struct keys *k, const char *key)
{
    if (k->n == k->cap) {
        k->cap = k->cap == 0 ? 8 : k->cap * 2;
        k->items = mem_realloc(k->items, k->cap * sizeof k->items[0]);
    }
    k->items[k->n++] = mem_strdup(key);
}

static void close_keys(struct keys *k)
{
    for (size_t i = 0; i < k->n; i++)
        mem_free(k->items[i]);
    mem_free(k->items);
}

enum { KEY_SIZE = ID_SIZE + 1 };

static const char *group_key(const char *group, char dst[KEY_SIZE])
{
    snprintf(dst, KEY_SIZE, "%s/", group);
    return dst;
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

/* The first change that does not come before `prefix`. */
static size_t first_change(const struct depends *d, const char *prefix)
{
    size_t low = 0, high = d->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(d->changes[middle]->path, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* All apps in a group but one. */
static void add_apps(struct depends *d, const char *group, const char *but, struct keys *out)
{
    struct app_row row;
    char prefix[KEY_SIZE];
    struct stmt *q = marathon_apps_within(d->state, group);
    while (state_app_next(q, &row))
        if (!str_eq(row.path, but) && change_of(d, row.path) == NULL)
            add_key(out, row.path);
    size_t i = first_change(d, str_eq(group, "/") ? "/" : group_key(group, prefix));
    for (; i < d->n && id_within(d->changes[i]->path, group); i++)
        if (d->changes[i]->kind != PLAN_REMOVE && !str_eq(d->changes[i]->path, but))
            add_key(out, d->changes[i]->path);
}

static void add_group(struct depends *d, const char *group, const char *of, struct keys *out)
{
    char key[KEY_SIZE];
    if (id_within(of, group)) /* its own group: a cycle as soon as two do so */
        add_apps(d, group, of, out);
    else
        add_key(out, group_key(group, key));
}

/* Of the app `of`: from the ids that it names itself. */
static void add_named(struct depends *d, const char *id, const char *of, struct keys *out)
{
    if (is_app(d, id))
        add_key(out, id);
    else
        add_group(d, id, of, out);
}

static void add_own(struct depends *d, const char *path, struct keys *out)
{
    const struct planned *p = change_of(d, path);
    struct app_row row;
    struct error err;
    if (p != NULL) {
        for (size_t i = 0; i < p->app.dependencies.n; i++)
            add_named(d, p->app.dependencies.items[i], path, out);
        return;
    }
    if (!state_app_by_path(d->state, path, &row))
        return;
    struct json *definition = json_parse_own(row.definition, &err);
    JSON_EACH (id, json_get(definition, "dependencies"))
        add_named(d, json_str(id, ""), path, out);
    json_free(definition);
}

/* The ids that a group depends on. */
static const struct json *ids_of_group(struct depends *d, const char *group)
{
    struct error err;
    struct group_row row;
    struct json *ids = map_get_str(d->groups, group);
    if (ids != NULL)
        return ids;
    const struct planned_group *g = map_get_str(d->groups_changed, group);
    struct slice text = SLICE("[]");
    if (g != NULL && !g->gone)
        text = slice_of(g->dependencies);
    else if (g == NULL && state_group_by_path(d->state, group, &row))
        text = row.dependencies;
    ids = json_parse_own(text, &err);
    map_put_str(d->groups, group, ids);
    return ids;
}

/* What all apps of the groups above it depend on; there only groups count. */
static void add_inherited(struct depends *d, const char *path, struct keys *out)
{
    char group[ID_SIZE], below[ID_SIZE];
    str_copy(below, sizeof below, path);
    do {
        id_parent(below, group);
        JSON_EACH (id, ids_of_group(d, group))
            if (!is_app(d, json_str(id, "")))
                add_group(d, json_str(id, ""), path, out);
        str_copy(below, sizeof below, group);
    } while (!str_eq(group, "/"));
}

static bool is_group_key(const char *key)
{
    return key[strlen(key) - 1] == '/';
}

static void neighbours(struct depends *d, const char *key, struct keys *out)
{
    char group[KEY_SIZE];
    if (!is_group_key(key)) {
        add_own(d, key, out);
        add_inherited(d, key, out);
        return;
    }
    str_copy(group, sizeof group, key);
    group[strlen(group) - 1] = '\0';
    add_apps(d, group, "", out);
}

static int walk(struct depends *d, const char *key, int left)
{
    struct node *node = map_get_str(d->nodes, key);
    if (node == NULL) {
        node = NEW(struct node);
        map_put_str(d->nodes, key, node);
    }
    if (node->mark == DONE)
        return node->depth;
    if (node->mark == OPEN || left == 0)
        return CYCLE;
    node->mark = OPEN;
    struct keys next = {0};
    neighbours(d, key, &next);
    int deepest = 0;
    for (size_t i = 0; i < next.n && deepest != CYCLE; i++) {
        int depth = walk(d, next.items[i], left - 1);
        deepest = depth == CYCLE || depth > deepest ? depth : deepest;
    }
    close_keys(&next);
    node->mark = DONE;
    if (deepest == CYCLE || is_group_key(key))
        node->depth = deepest;
    else
        node->depth = deepest == DEPENDS_DEPTH ? CYCLE : deepest + 1;
    return node->depth;
}

int depends_depth(struct depends *d, const char *path)
{
    int depth = walk(d, path, 2 * DEPENDS_DEPTH);
    return depth == CYCLE ? 0 : depth;
}

bool depends_group(struct depends *d, const char *group)
{
    char key[KEY_SIZE];
    return walk(d, group_key(group, key), 2 * DEPENDS_DEPTH) != CYCLE;
}
