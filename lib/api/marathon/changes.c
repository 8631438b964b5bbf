#include "api/marathon/changes.h"

#include "api/marathon/depends.h"
#include "api/marathon/private.h"
#include "base/assert.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

void changes_close(struct changes *ch)
{
    for (size_t i = 0; i < ch->n; i++)
        app_close(&ch->items[i].app);
    mem_free(ch->items);
    mem_free(ch->kills);
    *ch = (struct changes){0};
}

void load_app(const struct app_row *row, struct app *out)
{
    struct error err;
    if (app_load(row->definition, out, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    out->version = row->version;
    out->last_scaling = row->scaling;
    out->last_config_change = row->config;
}

/* ---- gathering */

static struct planned *add(struct changes *ch, const char *path, enum plan_kind kind,
                           const struct app_row *old)
{
    if (ch->n == ch->cap) {
        ch->cap = ch->cap == 0 ? 4 : ch->cap * 2;
        ch->items = mem_realloc(ch->items, ch->cap * sizeof ch->items[0]);
    }
    struct planned *p = &ch->items[ch->n++];
    *p = (struct planned){.kind = kind, .base = old != NULL ? old->version.ms : 0};
    str_copy(p->path, sizeof p->path, path);
    return p;
}

static bool is_free(void *data, int64_t port)
{
    (void)data;
    (void)port;
    return false;
}

/* As it will be once the state has assigned service ports: those that it had are its own again
 * (7.3). Which new ones it gets makes no difference to the comparison. */
static enum plan_kind compare(const struct app *old, const struct app *new, bool restart)
{
    struct app assigned;
    struct error err;
    const struct service_ports range = {
        .taken = is_free, .min = SERVICE_PORT_MIN, .max = SERVICE_PORT_MAX};
    app_copy(new, &assigned);
    if (app_assign_service_ports(&assigned, old, &range, &err) != 0)
        UNREACHABLE("a range where every port is free is not exhausted");
    enum plan_kind kind = plan_kind_of(old, &assigned, restart);
    app_close(&assigned);
    return kind;
}

static void put(struct changes *ch, struct app *a, const struct app_row *row, bool restart)
{
    enum plan_kind kind = PLAN_ADD;
    struct app old;
    if (row != NULL) {
        load_app(row, &old);
        kind = compare(&old, a, restart);
        app_close(&old);
    }
    struct planned *p = add(ch, a->id, kind, row);
    p->restart = restart;
    p->app = *a;
    p->app.version = p->app.last_scaling = p->app.last_config_change = (struct wall){0};
    *a = (struct app){0};
}

void changes_put(struct changes *ch, struct app *a, const struct app_row *old)
{
    put(ch, a, old, false);
}

void changes_restart(struct changes *ch, struct app *a, const struct app_row *old)
{
    put(ch, a, old, true);
}

void changes_remove(struct changes *ch, const struct app_row *old)
{
    add(ch, old->path, PLAN_REMOVE, old);
}

bool changes_have(const struct changes *ch, const char *path)
{
    for (size_t i = 0; i < ch->n; i++)
        if (str_eq(ch->items[i].path, path))
            return true;
    return false;
}

bool changes_matter(const struct changes *ch)
{
    for (size_t i = 0; i < ch->n; i++)
        if (ch->items[i].kind != PLAN_NOTHING)
            return true;
    return false;
}

/* ---- what holds for all apps together (4.6) */

struct tree { /* apps as they will be */
    struct state *state;
    struct map *changed; /* path -> struct planned */
};

static bool stays(const struct tree *t, const char *path)
{
    const struct planned *p = map_get_str(t->changed, path);
    return p == NULL || p->kind != PLAN_REMOVE;
}

static bool is_app(const struct tree *t, const char *path)
{
    struct app_row row;
    const struct planned *p = map_get_str(t->changed, path);
    return p != NULL ? p->kind != PLAN_REMOVE : state_app_by_path(t->state, path, &row);
}

/* An app may not stand where there is a group, nor in a place that is an app. */
static void check_place(const struct tree *t, const char *path, struct problems *problems)
{
    char above[ID_SIZE], below[ID_SIZE];
    struct app_row row;
    str_copy(below, sizeof below, path);
    for (; !str_eq(id_parent(below, above), "/"); str_copy(below, sizeof below, above))
        if (is_app(t, above))
            problems_add(problems, PROBLEM_RULE, "/id",
                         "got \"%s\", but \"%s\" is an app and cannot hold others", path, above);
    bool found = false;
    struct stmt *q = marathon_apps_within(t->state, path);
    while (!found && state_app_next(q, &row))
        found = stays(t, row.path);
    stmt_end(q);
    if (found)
        problems_add(problems, PROBLEM_RULE, "/id",
                     "got \"%s\", which is a group that holds apps; need another id", path);
}

static void check_places(struct state *s, const struct changes *ch, struct problems *problems)
{
    struct tree t = {s, map_new()};
    for (size_t i = 0; i < ch->n; i++)
        map_put_str(t.changed, ch->items[i].path, &ch->items[i]);
    for (size_t i = 0; i < ch->n; i++)
        if (ch->items[i].kind == PLAN_ADD)
            check_place(&t, ch->items[i].path, problems);
    map_free(t.changed);
}

static void check_depths(struct state *s, const struct changes *ch, struct problems *problems)
{
    struct depends *d = depends_new(s, ch->items, ch->n);
    for (size_t i = 0; i < ch->n; i++) {
        struct planned *p = &ch->items[i];
        if (p->kind == PLAN_REMOVE)
            continue;
        p->depth = depends_depth(d, p->path);
        if (p->depth == 0) {
            problems_add(problems, PROBLEM_RULE, "/",
                         "the dependencies of %s form a cycle, or are more than %d deep", p->path,
                         DEPENDS_DEPTH);
            break;
        }
    }
    depends_free(d);
}

/* ---- proposing */

static void drop_unchanged(struct changes *ch)
{
    size_t kept = 0;
    for (size_t i = 0; i < ch->n; i++) {
        if (ch->items[i].kind == PLAN_NOTHING)
            app_close(&ch->items[i].app);
        else
            ch->items[kept++] = ch->items[i];
    }
    ch->n = kept;
}

static void put_item(const struct planned *p, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "path", p->path);
    json_member_int(w, "base", p->base);
    if (p->kind != PLAN_REMOVE) {
        json_key(w, "definition");
        app_write(&p->app, w);
    }
    if (p->restart)
        json_member_bool(w, "restart", true);
    json_object_end(w);
}

static void put_deployment(struct tell *t, const struct changes *ch, struct json_writer *w)
{
    char uuid[UUID_TEXT_SIZE];
    json_key(w, "deployment");
    json_object(w);
    json_member_str(w, "uuid", uuid_text(rng_uuid(t->rng), uuid));
    json_key(w, "steps");
    plan_write_steps(ch->items, ch->n, w);
    json_object_end(w);
}

/* A path as the client sent it, without the query. */
static void put_uri(const struct call *c, struct json_writer *w)
{
    json_key(w, "uri");
    json_put_slice(w, c->request->path);
}

void changes_propose(struct tell *t, struct changes *ch, outcome_fn *then)
{
    struct json_writer w;
    struct problems problems = {0};
    drop_unchanged(ch);
    check_places(t->c.view->state, ch, &problems);
    check_depths(t->c.view->state, ch, &problems);
    if (problems.n > 0) {
        call_problems(&t->c, &problems);
        return;
    }
    if (ch->n == 0) {
        char uuid[UUID_TEXT_SIZE];
        marathon_result(&t->c, 200, (struct wall){state_version_ms(t->c.view->state)},
                        uuid_text(rng_uuid(t->rng), uuid));
        return;
    }
    tell_begin(t, COMMAND_APP_PUT, &w, then);
    json_key(&w, "apps");
    json_array(&w);
    for (size_t i = 0; i < ch->n; i++)
        put_item(&ch->items[i], &w);
    json_array_end(&w);
    json_member_bool(&w, "force", ch->force);
    json_member_str(&w, "group", ch->group);
    if (ch->told)
        put_uri(&t->c, &w);
    if (ch->kills_n > 0) {
        json_key(&w, "kill");
        json_array(&w);
        for (size_t i = 0; i < ch->kills_n; i++)
            json_put_int(&w, ch->kills[i]);
        json_array_end(&w);
    }
    put_deployment(t, ch, &w);
    tell_end(t, &w);
}
