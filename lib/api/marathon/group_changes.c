/* Changing groups (spec/marathon.md 5.3 to 5.6). Each door looks at the whole group as it stands,
 * says what becomes of the apps and groups in it, and proposes that as one command, which holds
 * only if nothing in the group has changed meanwhile. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/marathon/private.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

/* One request under way. */
struct work {
    struct tell *t;
    struct state *state;
    char group[ID_SIZE]; /* that it is about */
    bool known;          /* it is there */
    struct changes ch;
    char parent[ID_SIZE]; /* ch.group */
    struct problems problems;
    struct map *named; /* ids of the apps and groups that the body holds */
};

/* Where in the body: "/groups(1)/apps(0)", "" for the whole. */
enum { AT_SIZE = 512 };

static void begin(struct work *k, struct tell *t, const char *group)
{
    struct group_row row;
    *k = (struct work){.t = t, .state = t->c.view->state};
    str_copy(k->group, sizeof k->group, group);
    k->known = state_group_by_path(k->state, group, &row);
    k->ch.group = id_parent(k->group, k->parent);
    k->ch.force = query_true(&t->c.query, "force");
    k->named = map_new();
    changes_within(&k->ch, k->state, k->group);
}

static void end(struct work *k)
{
    changes_close(&k->ch);
    map_free(k->named);
    problems_close(&k->problems);
}

static void answer_nothing(struct tell *t, const struct outcome *o)
{
    (void)o;
    call_text(&t->c, 200, NULL, "");
}

static void answer_steps(struct tell *t, struct changes *ch)
{
    struct json_writer w;
    if (!changes_check(t, ch))
        return;
    call_json(&t->c, 200, &w);
    json_object(&w);
    json_key(&w, "steps");
    plan_write_steps(ch->items, ch->n, &w);
    json_object_end(&w);
}

/* What was found is proposed, only shown, or what is wrong with it is said. */
static void finish(struct work *k, outcome_fn *then)
{
    if (k->problems.n > 0)
        call_problems(&k->t->c, &k->problems);
    else if (k->t->c.request->method == METHOD_PUT && query_true(&k->t->c.query, "dryRun"))
        answer_steps(k->t, &k->ch);
    else
        changes_propose(k->t, &k->ch, then);
    end(k);
}

/* ---- what goes */

static void remove_apps(struct work *k, const char *group)
{
    struct app_row row;
    struct stmt *q = marathon_apps_within(k->state, group);
    while (state_app_next(q, &row))
        if (!changes_have(&k->ch, row.path))
            changes_remove(&k->ch, &row);
}

static void remove_groups(struct work *k, const char *group)
{
    struct group_row row;
    struct stmt *q = state_groups(k->state, group);
    while (state_group_next(q, &row))
        if (!changes_have_group(&k->ch, row.path))
            changes_remove_group(&k->ch, row.path);
}

static void remove_whole(struct work *k, const char *group)
{
    remove_apps(k, group);
    remove_groups(k, group);
    if (!str_eq(group, "/"))
        changes_remove_group(&k->ch, group);
}

static bool stands_in(const char *path, const char *group)
{
    char parent[ID_SIZE];
    return str_eq(id_parent(path, parent), group);
}

/* ---- an update of a group, and of those in it */

static void __attribute__((format(printf, 5, 6)))
wrong_type(struct work *k, const char *at, const char *member, const char *code, const char *fmt,
           ...)
{
    char path[AT_SIZE], text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(path, sizeof path, "%s%s", at, member);
    problems_add_coded(&k->problems, code, path[0] != '\0' ? path : "/", "%s", text);
}

static void wrong(struct work *k, const char *at, const char *member, const char *text)
{
    char path[AT_SIZE];
    snprintf(path, sizeof path, "%s%s", at, member);
    problems_add(&k->problems, PROBLEM_RULE, path[0] != '\0' ? path : "/", "%s", text);
}

/* A list of the update, or NULL: not said, or no list. */
static const struct json *list_of(struct work *k, const char *at, const struct json *body,
                                  const char *name)
{
    char member[32];
    const struct json *list = json_get(body, name);
    snprintf(member, sizeof member, "/%s", name);
    if (list == NULL || json_is(list, JSON_ARRAY))
        return list;
    wrong_type(k, at, member, "error.expected.jsarray", "got %s, need an array",
               json_kind_word(list));
    return NULL;
}

/* Of apps or groups: there are not too many in all. */
static const struct json *items_of(struct work *k, const char *at, const struct json *body,
                                   const char *name)
{
    char member[32];
    const struct json *list = list_of(k, at, body, name);
    if (list == NULL || map_count(k->named) + json_count(list) <= LIMIT_GROUP_ITEMS)
        return list;
    snprintf(member, sizeof member, "/%s", name);
    wrong_type(k, at, member, "error.maxLength",
               "got more than %d apps and groups, need fewer at once", LIMIT_GROUP_ITEMS);
    return NULL;
}

/* The id of an app or a group that stands directly in `group`. */
static bool member_id(struct work *k, const char *at, const struct json *body, const char *group,
                      char out[ID_SIZE])
{
    struct error err;
    char text[256];
    const struct json *id = json_get(body, "id");
    if (!json_is(body, JSON_OBJECT))
        wrong_type(k, at, "", "error.expected.jsobject", "got %s, need an object",
                   json_kind_word(body));
    else if (id == NULL)
        wrong_type(k, at, "/id", "error.path.missing", "need an id");
    else if (!json_is(id, JSON_STRING))
        wrong_type(k, at, "/id", "error.expected.jsstring", "got %s, need a text",
                   json_kind_word(id));
    else if (id_resolve(json_str(id, ""), group, out, &err) != 0 || id_check_app(out, &err) != 0)
        wrong(k, at, "/id", err.text);
    else if (!stands_in(out, group)) {
        snprintf(text, sizeof text, "got %s, need an id directly in %s", out, group);
        wrong(k, at, "/id", text);
    } else if (strstr(json_str(id, ""), "..") != NULL) { /* 5.4 */
        wrong(k, at, "/id", "got an id with \"..\", need one without");
    } else if (map_put_str(k->named, out, k) != NULL) {
        snprintf(text, sizeof text, "got %s twice, need each id once", out);
        wrong(k, at, "/id", text);
    } else {
        changes_place(&k->ch, out, at);
        return true;
    }
    return false;
}

/* As this request makes it, or as it is. */
static bool enforces_role(void *data, const char *group)
{
    const struct work *k = data;
    const struct app_rules now = call_app_rules(&k->t->c);
    char path[ID_SIZE];
    snprintf(path, sizeof path, "/%s", group);
    enum enforce wanted = changes_enforce(&k->ch, path);
    return wanted != ENFORCE_NOT_SAID ? wanted == ENFORCE_YES : now.enforces_role(now.data, group);
}

static void take_app(struct work *k, const char *at, const struct json *body, const char *group)
{
    char path[ID_SIZE];
    struct app_row row;
    struct app old, a;
    struct problems own = {0};
    struct app_rules rules = k->t->c.view->facts->app_rules;
    rules.enforces_role = enforces_role;
    rules.data = k;
    if (!member_id(k, at, body, group, path))
        return;
    bool known = state_app_by_path(k->state, path, &row);
    if (known)
        load_app(&row, &old);
    if (app_parse(&rules, body, path, group, known ? &old : NULL, &a, &own) == 0)
        changes_put(&k->ch, &a, known ? &row : NULL);
    else
        problems_add_part(&k->problems, at, &own);
    if (known)
        app_close(&old);
}

/* Those that are named take the place of those that stand directly in the group; its pods stay. */
static void take_apps(struct work *k, const char *at, const struct json *apps, const char *group)
{
    char each[AT_SIZE];
    size_t index = 0;
    JSON_EACH (body, apps) {
        snprintf(each, sizeof each, "%s/apps(%zu)", at, index++);
        take_app(k, each, body, group);
    }
    struct app_row row;
    struct stmt *q = marathon_apps_within(k->state, group);
    while (marathon_app_next(q, &row))
        if (stands_in(row.path, group) && !changes_have(&k->ch, row.path))
            changes_remove(&k->ch, &row);
}

static void take_group(struct work *k, const char *at, const struct json *body, const char *group);

/* Groups that stand directly in `group` and were not named. */
static void remove_unnamed(struct work *k, const char *group)
{
    struct group_row row;
    char **gone = NULL;
    size_t n = 0;
    struct stmt *q = state_groups(k->state, group);
    while (state_group_next(q, &row))
        if (stands_in(row.path, group) && map_get_str(k->named, row.path) == NULL) {
            gone = mem_realloc(gone, (n + 1) * sizeof gone[0]);
            gone[n++] = mem_strdup(row.path);
        }
    for (size_t i = 0; i < n; i++) {
        remove_whole(k, gone[i]);
        mem_free(gone[i]);
    }
    mem_free(gone);
}

static void take_groups(struct work *k, const char *at, const struct json *groups,
                        const char *group)
{
    char each[AT_SIZE], path[ID_SIZE];
    size_t index = 0;
    JSON_EACH (body, groups) {
        snprintf(each, sizeof each, "%s/groups(%zu)", at, index++);
        if (member_id(k, each, body, group, path))
            take_group(k, each, body, path);
    }
    remove_unnamed(k, group);
}

/* As a JSON array of absolute ids, each once. */
static void read_dependencies(struct work *k, const char *at, const struct json *list,
                              const char *group, struct buf *out)
{
    struct json_writer w;
    struct error err;
    size_t index = 0;
    char member[48], id[ID_SIZE];
    struct map *seen = map_new();
    json_begin(&w, out);
    json_array(&w);
    JSON_EACH (it, list) {
        snprintf(member, sizeof member, "/dependencies(%zu)", index++);
        if (!json_is(it, JSON_STRING))
            wrong_type(k, at, member, "error.expected.jsstring", "got %s, need a text",
                       json_kind_word(it));
        else if (id_resolve(json_str(it, ""), group, id, &err) != 0)
            wrong(k, at, member, err.text);
        else if (map_put_str(seen, id, k) == NULL)
            json_put_str(&w, id);
    }
    json_array_end(&w);
    map_free(seen);
    if (index > LIMIT_ITEMS)
        wrong_type(k, at, "/dependencies", "error.maxLength", "got %zu ids, need at most %d", index,
                   LIMIT_ITEMS);
}

static bool is_top(const char *group)
{
    return !str_eq(group, "/") && stands_in(group, "/");
}

static enum enforce read_enforce(struct work *k, const char *at, const struct json *body,
                                 const char *group, enum enforce otherwise)
{
    const struct json *said = json_get(body, "enforceRole");
    if (said == NULL)
        return otherwise;
    if (!json_is(said, JSON_BOOL))
        wrong_type(k, at, "/enforceRole", "error.expected.jsboolean", "got %s, need true or false",
                   json_kind_word(said));
    else if (!is_top(group))
        wrong(k, at, "/enforceRole", "only a group that stands in the root can have it");
    else
        return json_bool(said, false) ? ENFORCE_YES : ENFORCE_NO;
    return otherwise;
}

static bool same_texts(struct slice a, struct slice b)
{
    struct error err;
    struct json *x = json_parse_own(a, &err), *y = json_parse_own(b, &err);
    bool same = json_equal(x, y);
    json_free(x);
    json_free(y);
    return same;
}

/* The group itself: its row, if that is to change. `dependencies` is not of a
 * state_group_by_path().
 */
static void take_row(struct work *k, const char *group, struct slice dependencies,
                     enum enforce enforce_role)
{
    struct group_row row;
    if (!state_group_by_path(k->state, group, &row) || row.enforce_role != enforce_role ||
        !same_texts(row.dependencies, dependencies))
        changes_put_group(&k->ch, group, dependencies, enforce_role);
}

static void take_group(struct work *k, const char *at, const struct json *body, const char *group)
{
    struct group_row row = {.dependencies = SLICE("[]"), .enforce_role = ENFORCE_NOT_SAID};
    struct buf dependencies;
    state_group_by_path(k->state, group, &row);
    enum enforce enforce_role = read_enforce(k, at, body, group, row.enforce_role);
    const struct json *ids = list_of(k, at, body, "dependencies"),
                      *apps = items_of(k, at, body, "apps"),
                      *groups = items_of(k, at, body, "groups");
    buf_init(&dependencies, LIMIT_ENTRY_BYTES);
    if (ids != NULL)
        read_dependencies(k, at, ids, group, &dependencies);
    else
        buf_put_slice(&dependencies, row.dependencies);
    take_row(k, group, buf_slice(&dependencies), enforce_role);
    buf_close(&dependencies);
    if (apps != NULL)
        take_apps(k, at, apps, group);
    if (groups != NULL)
        take_groups(k, at, groups, group);
}

/* ---- scaling, and going back */

/* Instances times a factor, upwards, in doubles as Marathon does it. */
static bool scaled(struct work *k, const struct app_row *row, double factor, int64_t *out)
{
    double instances = ceil((double)row->instances * factor);
    if (instances <= LIMIT_INSTANCES) {
        *out = (int64_t)instances;
        return true;
    }
    char text[ID_SIZE + 128];
    snprintf(text, sizeof text, "got %g, which makes more than %d instances of %s", factor,
             LIMIT_INSTANCES, row->path);
    wrong(k, "", "/scaleBy", text);
    return false;
}

static void scale(struct work *k, const struct json *by)
{
    struct app_row row;
    double factor = json_double(by, 0);
    if (!json_is(by, JSON_NUMBER)) {
        wrong_type(k, "", "/scaleBy", "error.expected.jsnumber", "got %s, need a number",
                   json_kind_word(by));
        return;
    }
    if (factor < 0) {
        wrong_type(k, "", "/scaleBy", "error.min", "got %g, need at least 0", factor);
        return;
    }
    struct stmt *q = marathon_apps_within(k->state, k->group);
    while (marathon_app_next(q, &row)) {
        struct app a;
        int64_t instances;
        if (!scaled(k, &row, factor, &instances))
            continue;
        load_app(&row, &a);
        app_set_instances(&a, instances);
        changes_put(&k->ch, &a, &row);
    }
}

static void bring_back_apps(struct work *k, struct wall at)
{
    struct app_was was;
    struct stmt *q = state_apps_as_of(k->state, k->group, at);
    while (state_app_was_next(q, &was)) {
        struct app a;
        struct app_row row;
        struct error err;
        if (app_load(was.definition, &a, &err) != 0)
            UNREACHABLE("a stored definition reads back");
        bool known = state_app_by_path(k->state, was.path, &row);
        changes_put(&k->ch, &a, known ? &row : NULL);
    }
    remove_apps(k, k->group);
}

static void bring_back_groups(struct work *k, struct wall at)
{
    struct group_row was, row;
    struct map *stay = map_new();
    struct stmt *q = state_groups_as_of(k->state, k->group, at);
    while (state_group_next(q, &was)) {
        map_put_str(stay, was.path, k);
        take_row(k, was.path, was.dependencies, was.enforce_role);
    }
    q = state_groups(k->state, k->group);
    while (state_group_next(q, &row))
        if (map_get_str(stay, row.path) == NULL)
            changes_remove_group(&k->ch, row.path);
    map_free(stay);
}

static void go_back(struct work *k, const char *version)
{
    struct wall wanted, at;
    struct error err;
    struct group_row was;
    char text[ID_SIZE + 128];
    if (wall_parse(version, &wanted, &err) != 0) {
        wrong(k, "", "/version", err.text);
        return;
    }
    if (!state_group_had(k->state, k->group, wanted, &at) ||
        !state_group_as_of(k->state, k->group, at, &was)) {
        snprintf(text, sizeof text, "got %s, which is no version of %s that is kept", version,
                 k->group);
        wrong(k, "", "/version", text);
        return;
    }
    str_copy(k->parent, sizeof k->parent, "/"); /* 12.3 */
    take_row(k, k->group, was.dependencies, was.enforce_role);
    bring_back_apps(k, at);
    bring_back_groups(k, at);
}

/* ---- the doors */

/* The {id...} of the path, the root without; false after having failed the call. */
static bool path_group(struct call *c, char out[ID_SIZE])
{
    str_copy(out, ID_SIZE, "/");
    if (call_param(c, "id")[0] == '\0' || marathon_path_id(c, out))
        return true;
    marathon_no_group(c, out);
    return false;
}

/* The group that a body is about: its own id, if it has one, resolved against the path's. */
static bool body_group(struct tell *t, const struct json *body, char out[ID_SIZE])
{
    struct error err;
    char base[ID_SIZE];
    struct problems problems = {0};
    const struct json *id = json_get(body, "id");
    if (!path_group(&t->c, base))
        return false;
    if (!json_is(body, JSON_OBJECT))
        problems_add_coded(&problems, "error.expected.jsobject", "/", "got %s, need a group",
                           json_kind_word(body));
    else if (id != NULL && !json_is(id, JSON_STRING))
        problems_add_coded(&problems, "error.expected.jsstring", "/id", "got %s, need a text",
                           json_kind_word(id));
    else if (id == NULL)
        str_copy(out, ID_SIZE, base);
    else if (id_resolve(json_str(id, ""), base, out, &err) != 0)
        problems_add(&problems, PROBLEM_RULE, "/id", "%s", err.text);
    if (problems.n == 0 && !str_eq(out, "/") && id_check_app(out, &err) != 0)
        problems_add(&problems, PROBLEM_RULE, "/id", "%s", err.text);
    if (problems.n == 0)
        return true;
    call_problems(&t->c, &problems);
    return false;
}

void marathon_post_group(struct tell *t)
{
    struct work k;
    struct app_row row;
    char group[ID_SIZE];
    const struct json *body = marathon_body(&t->c);
    if (body == NULL || !body_group(t, body, group))
        return;
    begin(&k, t, group);
    if (k.known || state_app_by_path(k.state, group, &row)) {
        marathon_message(&t->c, 409,
                         k.known ? "Group %s is already created. Use PUT to change this group."
                                 : "An app with the path %s already exists.",
                         group);
        end(&k);
        return;
    }
    marathon_keep(t, group);
    take_group(&k, "", body, group);
    finish(&k, marathon_created);
}

/* Members that are not null. */
static size_t said(const struct json *body)
{
    size_t n = 0;
    JSON_EACH (member, body)
        n += !json_is(member, JSON_NULL);
    return n;
}

static void put_group(struct tell *t, const struct json *body, const char *group)
{
    struct work k;
    const struct json *by = json_get(body, "scaleBy"), *version = json_get(body, "version");
    begin(&k, t, group);
    if ((by != NULL || version != NULL) && said(body) > 1)
        wrong(&k, "", "",
              by != NULL ? "\"scaleBy\" scales, need it alone or not at all"
                         : "\"version\" rolls back, need it alone or not at all");
    else if (by != NULL && !k.known) {
        marathon_no_group(&t->c, group);
        end(&k);
        return;
    } else if (by != NULL)
        scale(&k, by);
    else if (version != NULL && !json_is(version, JSON_STRING))
        wrong_type(&k, "", "/version", "error.expected.jsstring", "got %s, need a timestamp",
                   json_kind_word(version));
    else if (version != NULL)
        go_back(&k, json_str(version, ""));
    else
        take_group(&k, "", body, group);
    finish(&k, marathon_done);
}

void marathon_put_group(struct tell *t)
{
    char group[ID_SIZE];
    const struct json *body = marathon_body(&t->c);
    if (body != NULL && body_group(t, body, group))
        put_group(t, body, group);
}

/* As {"version"} has it: a client of old sends that (5.4). */
void marathon_put_group_version(struct tell *t)
{
    struct work k;
    char group[ID_SIZE];
    if (!path_group(&t->c, group))
        return;
    begin(&k, t, group);
    go_back(&k, call_param(&t->c, "version"));
    finish(&k, marathon_done);
}

void marathon_patch_group(struct tell *t)
{
    struct work k;
    struct group_row row;
    char group[ID_SIZE];
    const struct json *body = marathon_body(&t->c);
    if (body == NULL || !path_group(&t->c, group))
        return;
    begin(&k, t, group);
    if (!k.known) {
        marathon_no_group(&t->c, group);
        end(&k);
        return;
    }
    if (!json_is(body, JSON_OBJECT) || said(body) != 1 || json_get(body, "enforceRole") == NULL)
        wrong(&k, "", "", "need {\"enforceRole\": true} or false, and nothing else");
    enum enforce enforce_role = read_enforce(&k, "", body, group, ENFORCE_NOT_SAID);
    if (k.problems.n == 0 && state_group_by_path(k.state, group, &row) &&
        row.enforce_role != enforce_role)
        changes_put_group(&k.ch, group, row.dependencies, enforce_role);
    if (k.problems.n == 0 && !changes_matter(&k.ch)) {
        answer_nothing(t, NULL);
        end(&k);
        return;
    }
    finish(&k, answer_nothing);
}

void marathon_delete_group(struct tell *t)
{
    struct work k;
    char group[ID_SIZE];
    if (!path_group(&t->c, group))
        return;
    begin(&k, t, group);
    if (!k.known) {
        marathon_no_group(&t->c, group);
        end(&k);
        return;
    }
    remove_whole(&k, group);
    finish(&k, marathon_done);
}
