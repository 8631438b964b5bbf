/* Reading groups (spec/marathon.md 5.1, 5.2): as they are, and as they were. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/marathon/private.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/pod.h"

/* The apps and pods below the asked group, each as the text that it is shown with. */
struct leaf {
    char *path;        /* first, as in struct branch */
    struct slice text; /* in `texts` */
    size_t at;
    bool pod;
    struct wall version;
};

struct branch { /* a group; owns its texts */
    char *path, *dependencies;
    struct wall version;
    enum enforce enforce_role;
};

/* All that is below one group. Both lists are by path: what begins with "/shop/" stands together.
 */
struct tree {
    struct leaf *leaves;
    size_t n, cap;
    struct branch top, *branches;
    size_t branches_n, branches_cap;
    struct buf texts;
    unsigned embed;
};

/* ---- reading */

static void add_leaf(struct tree *t, const char *path, struct wall version, bool pod)
{
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 64 : t->cap * 2;
        t->leaves = mem_realloc(t->leaves, t->cap * sizeof t->leaves[0]);
    }
    t->leaves[t->n++] = (struct leaf){mem_strdup(path), {0}, t->texts.len, pod, version};
}

static struct branch branch_of(const struct group_row *row)
{
    return (struct branch){mem_strdup(row->path), slice_dup(row->dependencies), row->version,
                           row->enforce_role};
}

static void add_branch(struct tree *t, const struct group_row *row)
{
    if (t->branches_n == t->branches_cap) {
        t->branches_cap = t->branches_cap == 0 ? 16 : t->branches_cap * 2;
        t->branches = mem_realloc(t->branches, t->branches_cap * sizeof t->branches[0]);
    }
    t->branches[t->branches_n++] = branch_of(row);
}

/* The text that has been written since the leaf was added is its own. */
static void end_leaf(struct tree *t)
{
    struct leaf *leaf = &t->leaves[t->n - 1];
    leaf->text.len = t->texts.len - leaf->at;
}

static void read_leaves(struct tree *t, struct call *c, const char *group)
{
    struct show s;
    struct app_row row;
    struct json_writer w;
    show_init(&s, c->view, t->embed);
    struct stmt *q = marathon_apps_within(c->view->state, group);
    while (state_app_next(q, &row)) {
        add_leaf(t, row.path, row.version, row.pod);
        json_begin(&w, &t->texts);
        if (row.pod && t->embed & EMBED_PODS)
            show_pod(&row, &w);
        else if (!row.pod && t->embed & EMBED_GROUP_APPS)
            show_app(&s, &row, &w);
        end_leaf(t);
    }
    show_close(&s);
}

static void read_leaves_as_of(struct tree *t, struct state *s, const char *group, struct wall at)
{
    struct app_was was;
    struct json_writer w;
    struct stmt *q = state_apps_as_of(s, group, at);
    while (state_app_was_next(q, &was)) {
        bool pod = pod_is_stored(was.definition);
        add_leaf(t, was.path, was.version, pod);
        json_begin(&w, &t->texts);
        json_object(&w);
        json_put_members(&w, was.definition);
        marathon_time(&w, "version", was.version);
        if (!pod)
            marathon_put_times(s, was.id, was.version, &w);
        json_object_end(&w);
        end_leaf(t);
    }
}

static int by_path(const void *a, const void *b)
{
    const struct branch *x = a, *y = b;
    return strcmp(x->path, y->path);
}

/* Below level 9: a group is there as long as an app is in it. */
static void imply_branches(struct tree *t, const char *group)
{
    struct map *known = map_new();
    for (size_t i = 0; i < t->n; i++) {
        char path[ID_SIZE], below[ID_SIZE];
        str_copy(below, sizeof below, t->leaves[i].path);
        for (; !str_eq(id_parent(below, path), group); str_copy(below, sizeof below, path)) {
            size_t at = (size_t)map_get_str(known, path);
            struct wall version = t->leaves[i].version;
            if (at == 0) {
                add_branch(t, &(struct group_row){path, version, SLICE("[]"), ENFORCE_NOT_SAID});
                map_put_str(known, path, (void *)t->branches_n);
            } else if (t->branches[at - 1].version.ms < version.ms) {
                t->branches[at - 1].version = version;
            }
        }
        if (t->leaves[i].version.ms > t->top.version.ms)
            t->top.version = t->leaves[i].version;
    }
    map_free(known);
    if (t->branches_n > 0)
        qsort(t->branches, t->branches_n, sizeof t->branches[0], by_path);
}

/* No embed at all asks for everything (5.1). */
static unsigned group_embed(const struct query *q)
{
    unsigned all = EMBED_GROUPS | EMBED_GROUP_APPS | EMBED_PODS;
    return query_get(q, "embed") != NULL ? marathon_embed(q) : all;
}

static void tree_init(struct tree *t, unsigned embed)
{
    *t = (struct tree){.embed = embed};
    buf_init(&t->texts, LIMIT_ANSWER_BYTES);
}

static void place_texts(struct tree *t) /* the buffer has grown its last */
{
    for (size_t i = 0; i < t->n; i++)
        t->leaves[i].text.p = t->texts.data + t->leaves[i].at;
}

static void tree_read(struct tree *t, struct call *c, const char *group)
{
    struct state *s = c->view->state;
    struct group_row row;
    tree_init(t, group_embed(&c->query));
    read_leaves(t, c, group);
    if (state_group_by_path(s, group, &row)) {
        t->top = branch_of(&row);
        struct stmt *q = state_groups(s, group);
        while (state_group_next(q, &row))
            add_branch(t, &row);
    } else {
        t->top = branch_of(&(struct group_row){group, {0}, SLICE("[]"), ENFORCE_NOT_SAID});
        imply_branches(t, group);
    }
    place_texts(t);
}

static void tree_read_as_of(struct tree *t, struct state *s, const struct group_row *top,
                            struct wall at)
{
    struct group_row row;
    tree_init(t, EMBED_GROUPS | EMBED_GROUP_APPS | EMBED_PODS);
    t->top = branch_of(top);
    read_leaves_as_of(t, s, t->top.path, at);
    struct stmt *q = state_groups_as_of(s, t->top.path, at);
    while (state_group_next(q, &row))
        add_branch(t, &row);
    place_texts(t);
}

static void branch_close(struct branch *b)
{
    mem_free(b->path);
    mem_free(b->dependencies);
}

static void tree_close(struct tree *t)
{
    for (size_t i = 0; i < t->n; i++)
        mem_free(t->leaves[i].path);
    for (size_t i = 0; i < t->branches_n; i++)
        branch_close(&t->branches[i]);
    branch_close(&t->top);
    mem_free(t->leaves);
    mem_free(t->branches);
    buf_close(&t->texts);
}

/* ---- writing */

struct range {
    size_t from, to;
};

/* Of items that begin with their path: the first that does not come before `prefix`. */
static size_t first(const void *items, size_t size, struct range in, const char *prefix)
{
    while (in.from < in.to) {
        size_t middle = in.from + (in.to - in.from) / 2;
        char *const *path = (const void *)((const char *)items + middle * size);
        if (strcmp(*path, prefix) < 0)
            in.from = middle + 1;
        else
            in.to = middle;
    }
    return in.from;
}

static void put_group(const struct tree *t, const struct branch *b, struct range leaves,
                      struct range branches, struct json_writer *w);

/* Those of a group that stands in it, cut out by how their paths begin. */
static void put_subgroup(const struct tree *t, const struct branch *b, struct range leaves,
                         struct range branches, struct json_writer *w)
{
    char prefix[ID_SIZE + 1], beyond[ID_SIZE + 1];
    snprintf(prefix, sizeof prefix, "%s/", b->path);
    snprintf(beyond, sizeof beyond, "%s0", b->path); /* '0' comes after '/' */
    size_t leaf = sizeof t->leaves[0], branch = sizeof t->branches[0];
    leaves.from = first(t->leaves, leaf, leaves, prefix);
    leaves.to = first(t->leaves, leaf, leaves, beyond);
    branches.from = first(t->branches, branch, branches, prefix);
    branches.to = first(t->branches, branch, branches, beyond);
    put_group(t, b, leaves, branches, w);
}

/* Those that stand in the group itself, and were asked for. */
static void put_leaves(const struct tree *t, struct range leaves, size_t prefix, bool pods,
                       struct json_writer *w)
{
    json_array(w);
    for (size_t i = leaves.from; i < leaves.to; i++) {
        const struct leaf *leaf = &t->leaves[i];
        if (leaf->pod == pods && leaf->text.len > 0 && strchr(leaf->path + prefix, '/') == NULL)
            json_put_raw(w, leaf->text);
    }
    json_array_end(w);
}

static void put_group(const struct tree *t, const struct branch *b, struct range leaves,
                      struct range branches, struct json_writer *w)
{
    size_t prefix = str_eq(b->path, "/") ? 1 : strlen(b->path) + 1;
    json_object(w);
    json_member_str(w, "id", b->path);
    marathon_time(w, "version", b->version);
    json_member_raw(w, "dependencies", slice_of(b->dependencies));
    if (b->enforce_role != ENFORCE_NOT_SAID)
        json_member_bool(w, "enforceRole", b->enforce_role == ENFORCE_YES);
    json_key(w, "apps");
    put_leaves(t, leaves, prefix, false, w);
    json_key(w, "groups");
    json_array(w);
    for (size_t i = branches.from; i < branches.to && t->embed & EMBED_GROUPS; i++)
        if (strchr(t->branches[i].path + prefix, '/') == NULL)
            put_subgroup(t, &t->branches[i], leaves, branches, w);
    json_array_end(w);
    json_key(w, "pods");
    put_leaves(t, leaves, prefix, true, w);
    json_object_end(w);
}

static void answer_tree(struct call *c, const struct tree *t)
{
    struct json_writer w;
    if (buf_full(&t->texts)) {
        call_too_large(c);
        return;
    }
    call_json(c, 200, &w);
    put_group(t, &t->top, (struct range){0, t->n}, (struct range){0, t->branches_n}, &w);
}

/* ---- the doors */

void marathon_ask_group(struct call *c)
{
    char group[ID_SIZE];
    struct tree t;
    if (!marathon_path_group(c, group))
        return;
    tree_read(&t, c, group);
    answer_tree(c, &t);
    tree_close(&t);
}

void marathon_ask_group_versions(struct call *c)
{
    char group[ID_SIZE];
    struct json_writer w;
    if (!marathon_path_group(c, group))
        return;
    call_json(c, 200, &w);
    json_array(&w);
    struct stmt *q = state_group_versions(c->view->state, group);
    while (q != NULL && stmt_row(q)) {
        char text[TIME_TEXT_SIZE];
        json_put_str(&w, wall_text((struct wall){stmt_i64(q, 0)}, text));
    }
    json_array_end(&w);
}

void marathon_ask_group_version(struct call *c)
{
    char group[ID_SIZE], text[TIME_TEXT_SIZE];
    struct wall version, at;
    struct group_row row;
    struct error err;
    struct tree t;
    if (!marathon_path_group(c, group))
        return;
    if (wall_parse(call_param(c, "version"), &version, &err) != 0) {
        call_error(c, &err);
        return;
    }
    if (!state_group_had(c->view->state, group, version, &at) ||
        !state_group_as_of(c->view->state, group, at, &row)) {
        marathon_message(c, 404, "Group '%s' does not exist in version %s", group,
                         wall_text(version, text));
        return;
    }
    tree_read_as_of(&t, c->view->state, &row, at);
    answer_tree(c, &t);
    tree_close(&t);
}

void marathon_ask_group_apps(struct call *c)
{
    char group[ID_SIZE];
    struct show s;
    struct json_writer w;
    struct app_row row;
    bool possible = marathon_path_id(c, group); /* an unknown one has none */
    show_init(&s, c->view, marathon_embed(&c->query));
    call_json(c, 200, &w);
    json_array(&w);
    struct stmt *q = possible ? marathon_apps_within(c->view->state, group) : NULL;
    while (q != NULL && marathon_app_next(q, &row))
        show_app(&s, &row, &w);
    json_array_end(&w);
    show_close(&s);
}
