#include "api/marathon/changes.h"

#include <stdarg.h>
#include <stdio.h>

#include "api/marathon/depends.h"
#include "api/marathon/private.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"

void changes_close(struct changes *ch)
{
    for (size_t i = 0; i < ch->n; i++)
        app_close(&ch->items[i].app);
    for (size_t i = 0; i < ch->groups_n; i++)
        mem_free(ch->groups[i].dependencies);
    mem_free(ch->items);
    mem_free(ch->groups);
    mem_free(ch->kills);
    map_free(ch->apps_by_path);
    map_free(ch->groups_by_path);
    char *at;
    for (size_t cursor = 0; ch->places != NULL && (at = map_each(ch->places, &cursor)) != NULL;)
        mem_free(at);
    map_free(ch->places);
    problems_close(&ch->problems);
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

/* The maps say at which index, from 1 on. */
static void remember(struct map **m, const char *path, size_t n)
{
    if (*m == NULL)
        *m = map_new();
    map_put_str(*m, path, (void *)n);
}

static size_t index_of(const struct map *m, const char *path)
{
    return m != NULL ? (size_t)map_get_str(m, path) : 0;
}

void changes_place(struct changes *ch, const char *path, const char *at)
{
    if (ch->places == NULL)
        ch->places = map_new();
    mem_free(map_put_str(ch->places, path, mem_strdup(at)));
}

static struct planned *add(struct changes *ch, const char *path, enum plan_kind kind,
                           const struct app_row *old)
{
    if (ch->n == ch->cap) {
        ch->cap = ch->cap == 0 ? 4 : ch->cap * 2;
        ch->items = mem_realloc(ch->items, ch->cap * sizeof ch->items[0]);
    }
    struct planned *p = &ch->items[ch->n++];
    *p = (struct planned){
        .kind = kind, .base = old != NULL ? old->version.ms : 0, .pod = old != NULL && old->pod};
    str_copy(p->path, sizeof p->path, path);
    remember(&ch->apps_by_path, path, ch->n);
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
static void compare(const struct app *old, const struct app *new, bool restart, struct planned *p)
{
    struct app assigned;
    struct error err;
    const struct service_ports range = {
        .taken = is_free, .min = SERVICE_PORT_MIN, .max = SERVICE_PORT_MAX};
    app_copy(new, &assigned);
    if (app_assign_service_ports(&assigned, old, &range, &err) != 0)
        UNREACHABLE("a range where every port is free is not exhausted");
    p->kind = plan_kind_of(old, &assigned, restart);
    p->scaled = !restart && app_compare(old, &assigned) == APP_SCALED;
    app_close(&assigned);
}

static bool names_more(const struct app *new, const struct app *old)
{
    for (size_t i = 0; i < new->dependencies.n; i++)
        if (!strings_have(&old->dependencies, new->dependencies.items[i]))
            return true;
    return false;
}

/* `own`: of the app or group of that path. */
static void add_problems(struct changes *ch, const char *path, struct problems *own)
{
    const char *at = ch->places != NULL ? map_get_str(ch->places, path) : NULL;
    problems_add_part(&ch->problems, at != NULL ? at : "", own);
}

static void put(struct changes *ch, struct app *a, const struct app_row *row, bool restart)
{
    struct planned *p = add(ch, a->id, PLAN_ADD, row);
    struct app old = {0};
    struct problems own = {0};
    if (row != NULL) {
        load_app(row, &old);
        compare(&old, a, restart, p);
        app_check_update(&old, a, ch->force, &own);
        add_problems(ch, a->id, &own);
    }
    p->depends = names_more(a, &old);
    app_close(&old);
    p->restart = restart;
    p->pod = a->pod != NULL;
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
    return index_of(ch->apps_by_path, path) != 0;
}

bool changes_removes(const struct changes *ch, const char *path)
{
    size_t n = index_of(ch->apps_by_path, path);
    return n != 0 && ch->items[n - 1].kind == PLAN_REMOVE;
}

static struct planned_group *add_group(struct changes *ch, const char *path)
{
    if (ch->groups_n == ch->groups_cap) {
        ch->groups_cap = ch->groups_cap == 0 ? 4 : ch->groups_cap * 2;
        ch->groups = mem_realloc(ch->groups, ch->groups_cap * sizeof ch->groups[0]);
    }
    struct planned_group *g = &ch->groups[ch->groups_n++];
    *g = (struct planned_group){0};
    str_copy(g->path, sizeof g->path, path);
    remember(&ch->groups_by_path, path, ch->groups_n);
    return g;
}

void changes_put_group(struct changes *ch, const char *path, struct slice dependencies,
                       enum enforce enforce_role)
{
    struct planned_group *g = add_group(ch, path);
    g->dependencies = slice_dup(dependencies);
    g->enforce_role = enforce_role;
}

void changes_remove_group(struct changes *ch, const char *path)
{
    add_group(ch, path)->gone = true;
}

enum enforce changes_enforce(const struct changes *ch, const char *path)
{
    size_t n = index_of(ch->groups_by_path, path);
    return n != 0 ? ch->groups[n - 1].enforce_role : ENFORCE_NOT_SAID;
}

bool changes_have_group(const struct changes *ch, const char *path)
{
    return index_of(ch->groups_by_path, path) != 0;
}

void changes_within(struct changes *ch, struct state *s, const char *group)
{
    struct group_row g;
    str_copy(ch->within, sizeof ch->within, group);
    ch->within_version = state_group_by_path(s, group, &g) ? g.version : (struct wall){0};
}

bool changes_matter(const struct changes *ch)
{
    for (size_t i = 0; i < ch->n; i++)
        if (ch->items[i].kind != PLAN_NOTHING)
            return true;
    return ch->groups_n > 0;
}

/* ---- what holds for all apps together (4.6) */

struct tree { /* apps and groups as they will be */
    struct state *state;
    struct changes *ch;
};

static const struct planned *change_of(const struct tree *t, const char *path)
{
    size_t n = index_of(t->ch->apps_by_path, path);
    return n != 0 ? &t->ch->items[n - 1] : NULL;
}

static bool is_app(const struct tree *t, const char *path)
{
    struct app_row row;
    const struct planned *p = change_of(t, path);
    return p != NULL ? p->kind != PLAN_REMOVE : state_app_by_path(t->state, path, &row);
}

static bool will_hold_apps(const struct tree *t, const char *group)
{
    bool found = false;
    struct app_row row;
    struct stmt *q = marathon_apps_within(t->state, group);
    while (!found && state_app_next(q, &row))
        found = !changes_removes(t->ch, row.path);
    stmt_end(q);
    return found;
}

static bool is_put_group(const struct tree *t, const char *path)
{
    size_t n = index_of(t->ch->groups_by_path, path);
    return n != 0 && !t->ch->groups[n - 1].gone;
}

static void __attribute__((format(printf, 3, 4)))
wrong_place(struct tree *t, const char *path, const char *fmt, ...)
{
    char text[2 * ID_SIZE + 128];
    struct problems own = {0};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    problems_add(&own, PROBLEM_RULE, "/id", "%s", text);
    add_problems(t->ch, path, &own);
}

/* Nothing stands below an app. */
static void check_above(struct tree *t, const char *path)
{
    char above[ID_SIZE], below[ID_SIZE];
    str_copy(below, sizeof below, path);
    for (; !str_eq(id_parent(below, above), "/"); str_copy(below, sizeof below, above))
        if (is_app(t, above))
            wrong_place(t, path, "got \"%s\", but \"%s\" is an app and cannot hold others", path,
                        above);
}

/* A group that holds no app makes room for an app of its id. */
static void remove_empty(struct tree *t, const char *group)
{
    struct group_row g;
    if (!state_group_by_path(t->state, group, &g))
        return;
    if (!changes_have_group(t->ch, group))
        changes_remove_group(t->ch, group);
    struct stmt *q = state_groups(t->state, group);
    while (state_group_next(q, &g))
        if (!changes_have_group(t->ch, g.path))
            changes_remove_group(t->ch, g.path);
}

/* An app may not stand where there is a group, nor in a place that is an app. */
static void check_app(struct tree *t, const char *path)
{
    check_above(t, path);
    if (is_put_group(t, path) || will_hold_apps(t, path))
        wrong_place(t, path, "got \"%s\", which is a group that holds apps; need another id", path);
    else
        remove_empty(t, path);
}

static void check_group(struct tree *t, const char *path)
{
    check_above(t, path);
    if (is_app(t, path))
        wrong_place(t, path, "got \"%s\", which is an app; a group needs another id", path);
}

static void check_places(struct tree *t)
{
    for (size_t i = 0; i < t->ch->groups_n; i++)
        if (!t->ch->groups[i].gone)
            check_group(t, t->ch->groups[i].path);
    for (size_t i = 0; i < t->ch->n; i++)
        if (t->ch->items[i].kind == PLAN_ADD)
            check_app(t, t->ch->items[i].path);
}

static void add_cycle(struct tree *t, const char *path)
{
    problems_add(&t->ch->problems, PROBLEM_RULE, "/",
                 "the dependencies of %s form a cycle, or are more than %d deep", path,
                 DEPENDS_DEPTH);
}

static void check_depths(struct tree *t)
{
    struct changes *ch = t->ch;
    struct depends *d = depends_new(t->state, ch->items, ch->n, ch->groups, ch->groups_n);
    bool right = true;
    for (size_t i = 0; i < ch->n && right; i++) {
        struct planned *p = &ch->items[i];
        if (p->kind == PLAN_REMOVE)
            continue;
        p->depth = depends_depth(d, p->path);
        right = p->depth != 0;
        if (!right)
            add_cycle(t, p->path);
    }
    for (size_t i = 0; i < ch->groups_n && right; i++) {
        right = depends_group(d, ch->groups[i].path);
        if (!right)
            add_cycle(t, ch->groups[i].path);
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
    map_free(ch->apps_by_path);
    ch->apps_by_path = NULL;
    for (size_t i = 0; i < ch->n; i++)
        remember(&ch->apps_by_path, ch->items[i].path, i + 1);
}

bool changes_check(struct tell *t, struct changes *ch)
{
    struct tree tree = {.state = t->c.view->state, .ch = ch};
    drop_unchanged(ch);
    check_places(&tree);
    check_depths(&tree);
    if (ch->problems.n == 0)
        return true;
    call_problems(&t->c, &ch->problems);
    return false;
}

/* Scaling a large group tells no definitions again: the log need not hold them (group.put). */
static void put_item(const struct planned *p, bool of_groups, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "path", p->path);
    json_member_int(w, "base", p->base);
    if (of_groups && p->scaled) {
        json_member_int(w, "instances", p->app.instances);
    } else if (p->kind != PLAN_REMOVE) {
        json_key(w, "definition");
        app_write_lean(&p->app, w);
    }
    if (p->restart)
        json_member_bool(w, "restart", true);
    json_object_end(w);
}

static void put_group(const struct planned_group *g, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "path", g->path);
    if (g->gone)
        json_member_bool(w, "gone", true);
    else
        json_member_raw(w, "dependencies", slice_of(g->dependencies));
    if (!g->gone && g->enforce_role != ENFORCE_NOT_SAID)
        json_member_bool(w, "enforceRole", g->enforce_role == ENFORCE_YES);
    json_object_end(w);
}

static void put_groups(const struct changes *ch, struct json_writer *w)
{
    json_key(w, "groups");
    json_array(w);
    for (size_t i = 0; i < ch->groups_n; i++)
        put_group(&ch->groups[i], w);
    json_array_end(w);
    if (ch->within[0] == '\0')
        return;
    json_key(w, "within");
    json_object(w);
    json_member_str(w, "path", ch->within);
    json_member_int(w, "version", ch->within_version.ms);
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

/* May it close a cycle with another change that is right by itself? Then it holds only on the
 * dependencies that it was decided on. */
static bool adds_dependencies(const struct changes *ch, struct state *s)
{
    for (size_t i = 0; i < ch->n; i++)
        if (ch->items[i].depends ||
            (ch->items[i].kind == PLAN_ADD && state_inherits(s, ch->items[i].path)))
            return true;
    for (size_t i = 0; i < ch->groups_n; i++)
        if (!ch->groups[i].gone && !str_eq(ch->groups[i].dependencies, "[]"))
            return true;
    return false;
}

static bool is_resident(const struct planned *p)
{
    return app_is_resident(&p->app);
}

static bool is_resident_pod(const struct planned *p)
{
    return p->pod && is_resident(p);
}

static bool is_pod(const struct planned *p)
{
    return p->pod;
}

/* What some nodes of the cluster do not know yet. False after having failed the call. */
static bool all_know(struct tell *t, const struct changes *ch)
{
    static const struct {
        bool (*is)(const struct planned *p);
        int level;
        const char *what;
    } news[] = {
        {is_pod, POD_LEVEL, "pods"},
        {is_resident, RESIDENT_LEVEL, "persistent volumes"},
        {is_resident_pod, AWAY_LEVEL, "persistent volumes of pods"},
    };
    int level = state_level(t->c.view->state);
    for (size_t k = 0; k < sizeof news / sizeof news[0]; k++)
        for (size_t i = 0; i < ch->n; i++)
            if (level < news[k].level && news[k].is(&ch->items[i])) {
                call_fail(&t->c, ERR_UNAVAILABLE,
                          "%s: some nodes of the cluster are too old for them; upgrade them first",
                          news[k].what);
                return false;
            }
    return true;
}

void changes_propose(struct tell *t, struct changes *ch, outcome_fn *then)
{
    struct json_writer w;
    if (!changes_check(t, ch))
        return;
    if (!all_know(t, ch))
        return;
    if (!changes_matter(ch)) {
        char uuid[UUID_TEXT_SIZE];
        marathon_result(&t->c, 200, (struct wall){state_version_ms(t->c.view->state)},
                        uuid_text(rng_uuid(t->rng), uuid));
        return;
    }
    bool of_groups = ch->within[0] != '\0' || ch->groups_n > 0;
    tell_begin(t, of_groups ? COMMAND_GROUP_PUT : COMMAND_APP_PUT, &w, then);
    json_key(&w, "apps");
    json_array(&w);
    for (size_t i = 0; i < ch->n; i++)
        put_item(&ch->items[i], of_groups, &w);
    json_array_end(&w);
    if (of_groups)
        put_groups(ch, &w);
    if (adds_dependencies(ch, t->c.view->state))
        json_member_int(&w, "depends", state_depends_ms(t->c.view->state));
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
