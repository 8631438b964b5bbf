/* Reading groups (spec/marathon.md 5). A group is there as long as an app is in it; the tree is
 * made from the apps' paths. */
#include <string.h>

#include "api/marathon/private.h"
#include "base/mem.h"
#include "base/str.h"

/* The apps below the asked group, each as the text that it is shown with. */
struct leaf {
    char *path;
    struct slice text; /* in `texts` */
    size_t at;
    struct wall version;
};

struct tree {
    struct leaf *leaves; /* by path */
    size_t n, cap;
    struct buf texts;
    unsigned embed;
    struct wall version; /* of the root */
};

static void add_leaf(struct tree *t, struct show *s, const struct app_row *row)
{
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 64 : t->cap * 2;
        t->leaves = mem_realloc(t->leaves, t->cap * sizeof t->leaves[0]);
    }
    struct leaf *leaf = &t->leaves[t->n++];
    *leaf = (struct leaf){mem_strdup(row->path), {0}, t->texts.len, row->version};
    if (!(t->embed & EMBED_GROUP_APPS))
        return;
    struct json_writer w;
    json_begin(&w, &t->texts);
    show_app(s, row, &w);
    leaf->text.len = t->texts.len - leaf->at;
}

/* No embed at all asks for everything (5.1). */
static unsigned group_embed(const struct query *q)
{
    unsigned all = EMBED_GROUPS | EMBED_GROUP_APPS | EMBED_PODS;
    return query_get(q, "embed") != NULL ? marathon_embed(q) : all;
}

static void tree_read(struct tree *t, struct call *c, const char *group)
{
    struct show s;
    struct app_row row;
    *t = (struct tree){.embed = group_embed(&c->query),
                       .version = {state_version_ms(c->view->state)}};
    buf_init(&t->texts, LIMIT_ANSWER_BYTES);
    show_init(&s, c->view, t->embed);
    struct stmt *q = marathon_apps_within(c->view->state, group);
    while (state_app_next(q, &row))
        add_leaf(t, &s, &row);
    for (size_t i = 0; i < t->n; i++) /* the buffer has grown its last */
        t->leaves[i].text.p = t->texts.data + t->leaves[i].at;
    show_close(&s);
}

static void tree_close(struct tree *t)
{
    for (size_t i = 0; i < t->n; i++)
        mem_free(t->leaves[i].path);
    mem_free(t->leaves);
    buf_close(&t->texts);
}

/* How much of a leaf's path is its group's at this level: "/shop/db/mongo", 6 ("/shop/") gives
 * 8 ("/shop/db"); 0 when the app stands here itself. */
static size_t subgroup_len(const struct leaf *leaf, size_t prefix)
{
    const char *slash = strchr(leaf->path + prefix, '/');
    return slash != NULL ? (size_t)(slash - leaf->path) : 0;
}

static bool same_subgroup(const struct leaf *a, const struct leaf *b, size_t len)
{
    return strncmp(a->path, b->path, len) == 0 && b->path[len] == '/';
}

static struct wall newest(const struct leaf *leaves, size_t n)
{
    struct wall version = {0};
    for (size_t i = 0; i < n; i++)
        if (leaves[i].version.ms > version.ms)
            version = leaves[i].version;
    return version;
}

static void put_group(const struct tree *t, const char *id, const struct leaf *leaves, size_t n,
                      struct json_writer *w);

static void put_subgroups(const struct tree *t, const struct leaf *leaves, size_t n, size_t prefix,
                          struct json_writer *w)
{
    for (size_t from = 0, to; from < n; from = to) {
        char id[ID_SIZE];
        size_t len = subgroup_len(&leaves[from], prefix);
        to = from + 1;
        if (len == 0)
            continue;
        while (to < n && same_subgroup(&leaves[from], &leaves[to], len))
            to++;
        memcpy(id, leaves[from].path, len);
        id[len] = '\0';
        put_group(t, id, &leaves[from], to - from, w);
    }
}

static void put_group(const struct tree *t, const char *id, const struct leaf *leaves, size_t n,
                      struct json_writer *w)
{
    bool root = str_eq(id, "/");
    size_t prefix = root ? 1 : strlen(id) + 1;
    json_object(w);
    json_member_str(w, "id", id);
    marathon_time(w, "version", root ? t->version : newest(leaves, n));
    json_key(w, "dependencies");
    json_array(w);
    json_array_end(w);
    json_key(w, "apps");
    json_array(w);
    for (size_t i = 0; i < n && t->embed & EMBED_GROUP_APPS; i++)
        if (subgroup_len(&leaves[i], prefix) == 0)
            json_put_raw(w, leaves[i].text);
    json_array_end(w);
    json_key(w, "groups");
    json_array(w);
    if (t->embed & EMBED_GROUPS)
        put_subgroups(t, leaves, n, prefix, w);
    json_array_end(w);
    json_key(w, "pods");
    json_array(w);
    json_array_end(w);
    json_object_end(w);
}

static void answer_group(struct call *c, const char *group)
{
    struct tree t;
    struct json_writer w;
    tree_read(&t, c, group);
    call_json(c, 200, &w);
    put_group(&t, group, t.leaves, t.n, &w);
    tree_close(&t);
}

void marathon_ask_group(struct call *c)
{
    char group[ID_SIZE];
    if (marathon_path_group(c, group))
        answer_group(c, group);
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
    while (q != NULL && state_app_next(q, &row))
        show_app(&s, &row, &w);
    json_array_end(&w);
    show_close(&s);
}
