/* Changing apps (spec/marathon.md 3.4 to 3.8). Each door looks at the state, says what is to
 * become of which app, and proposes it; a tell whose view was old runs again from the start. */
#include <stdio.h>

#include "api/marathon/private.h"
#include "base/limits.h"
#include "base/str.h"

static struct state *state_of(const struct tell *t)
{
    return t->c.view->state;
}

/* ---- POST /v2/apps */

/* The app as it stands now, before anything of it runs: no versionInfo yet (4.1). */
static void answer_posted(struct tell *t, const struct outcome *o)
{
    struct app_row row;
    if (!state_app_by_path(state_of(t), t->kept, &row)) { /* deleted in the same turn */
        marathon_created(t, o);
        return;
    }
    struct error err;
    struct json *detail = json_parse(buf_slice(&o->detail), &err);
    const char *deployment = json_str(json_get(detail, "deployment"), "");
    struct json_writer w;
    call_json(&t->c, 201, &w);
    json_object(&w);
    json_put_members(&w, row.definition);
    marathon_time(&w, "version", row.version);
    json_member_int(&w, "tasksStaged", 0);
    json_member_int(&w, "tasksRunning", 0);
    json_member_int(&w, "tasksHealthy", 0);
    json_member_int(&w, "tasksUnhealthy", 0);
    json_key(&w, "deployments");
    json_array(&w);
    json_object(&w);
    json_member_str(&w, "id", deployment);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
    header_put(&t->c.reply->headers, "Marathon-Deployment-Id", deployment);
    marathon_location(&t->c, t->kept);
    json_free(detail);
}

/* That the id is free is the state's to say: a request that is repeated under its id gets its first
 * answer there. */
void marathon_post_app(struct tell *t)
{
    struct app a = {0};
    const struct app_rules rules = call_app_rules(&t->c);
    struct problems problems = {0};
    char group[ID_SIZE];
    const struct json *body = marathon_body(&t->c);
    if (body == NULL)
        return;
    if (app_parse(&rules, body, NULL, "/", NULL, &a, &problems) != 0) {
        call_problems(&t->c, &problems);
        return;
    }
    marathon_keep(t, a.id);
    struct changes ch = {
        .group = id_parent(a.id, group), .force = query_true(&t->c.query, "force"), .told = true};
    changes_put(&ch, &a, NULL);
    changes_propose(t, &ch, answer_posted);
    changes_close(&ch);
}

/* ---- PUT and PATCH */

enum update { UPDATE_PATCH, UPDATE_REPLACE };

static enum update update_of(const struct tell *t)
{
    const char *partial = query_get(&t->c.query, "partialUpdate");
    return partial != NULL && !query_true(&t->c.query, "partialUpdate") ? UPDATE_REPLACE
                                                                        : UPDATE_PATCH;
}

/* What the definition of an old version says; false after having failed the call. */
static bool take_version(struct tell *t, const struct app_row *row, struct wall version,
                         struct app *out)
{
    struct error err;
    struct slice definition = state_app_version(state_of(t), row->id, version);
    if (definition.len > 0 && app_load(definition, out, &err) == 0)
        return true;
    char text[TIME_TEXT_SIZE];
    marathon_message(&t->c, 404, "App '%s' does not exist in version %s", row->path,
                     wall_text(version, text));
    return false;
}

/* The app as an update makes it. 0; -1 with problems; 1 when the call has failed. */
static int updated(struct tell *t, const struct app_row *row, const struct json *body,
                   enum update how, struct app *out, struct problems *problems)
{
    const struct app_rules rules = call_app_rules(&t->c);
    struct app old;
    struct wall version;
    load_app(row, &old);
    int rc = how == UPDATE_PATCH ? app_wants_version(body, &old, &version, problems) : 0;
    if (rc == 1)
        rc = take_version(t, row, version, out) ? 0 : 1;
    else if (rc == 0 && how == UPDATE_PATCH)
        rc = app_patch(&rules, body, "/", &old, out, problems);
    else if (rc == 0)
        rc = app_parse(&rules, body, row->path, "/", &old, out, problems);
    app_close(&old);
    return rc;
}

/* False after having failed the call: there is none to change, or a pod has that id. */
static bool may_be_app(struct tell *t, const char *path, const struct app_row *row, bool create)
{
    if (!create && (row == NULL || row->pod))
        marathon_no_app(&t->c, path);
    else if (row != NULL && row->pod)
        marathon_message(&t->c, 409, "A pod with id [%s] already exists.", path);
    else
        return true;
    return false;
}

static void update_one(struct tell *t, bool create, enum update how)
{
    char path[ID_SIZE], group[ID_SIZE];
    const struct app_rules rules = call_app_rules(&t->c);
    struct app a = {0};
    struct app_row row;
    struct problems problems = {0};
    bool possible = marathon_path_id(&t->c, path),
         known = possible && state_app_by_path(state_of(t), path, &row);
    if (!may_be_app(t, path, known ? &row : NULL, create))
        return;
    const struct json *body = marathon_body(&t->c);
    if (body == NULL)
        return;
    int rc = known ? updated(t, &row, body, how, &a, &problems)
                   : app_parse(&rules, body, call_param(&t->c, "id"), "/", NULL, &a, &problems);
    if (rc < 0)
        call_problems(&t->c, &problems);
    if (rc != 0)
        return;
    marathon_keep(t, a.id);
    struct changes ch = {
        .group = id_parent(path, group), .force = query_true(&t->c.query, "force"), .told = true};
    changes_put(&ch, &a, known ? &row : NULL);
    changes_propose(t, &ch, known ? marathon_done : marathon_created);
    changes_close(&ch);
}

void marathon_put_app(struct tell *t)
{
    update_one(t, true, update_of(t));
}

void marathon_patch_app(struct tell *t)
{
    update_one(t, false, UPDATE_PATCH);
}

/* ---- PUT and PATCH of an array */

/* The id of an element, absolute. -1 with a problem. */
static int element_id(const struct json *element, char out[ID_SIZE], struct problems *problems)
{
    struct error err;
    const struct json *id = json_get(element, "id");
    if (!json_is(element, JSON_OBJECT))
        problems_add_coded(problems, "error.expected.jsobject", "/", "got %s, need an app",
                           json_kind_word(element));
    else if (id == NULL)
        problems_add_coded(problems, "error.path.missing", "/id", "need an id like \"/prod/web\"");
    else if (!json_is(id, JSON_STRING))
        problems_add_coded(problems, "error.expected.jsstring", "/id", "got %s, need a text",
                           json_kind_word(id));
    else if (id_resolve(json_str(id, ""), "/", out, &err) != 0)
        problems_add(problems, PROBLEM_RULE, "/id", "%s", err.text);
    else
        return 0;
    return -1;
}

/* 0; -1 with problems; 1 when the call has failed. `at`: where in the body it stands. */
static int add_element(struct tell *t, const struct json *element, const char *at, bool create,
                       enum update how, struct changes *ch, struct problems *problems)
{
    char path[ID_SIZE];
    const struct app_rules rules = call_app_rules(&t->c);
    struct app a = {0};
    struct app_row row;
    if (element_id(element, path, problems) != 0)
        return -1;
    if (changes_have(ch, path)) {
        problems_add(problems, PROBLEM_RULE, "/id", "got %s twice, need each app once", path);
        return -1;
    }
    changes_place(ch, path, at);
    bool known = state_app_by_path(state_of(t), path, &row);
    if (!may_be_app(t, path, known ? &row : NULL, create))
        return 1;
    int rc = known ? updated(t, &row, element, how, &a, problems)
                   : app_parse(&rules, element, path, "/", NULL, &a, problems);
    if (rc == 0)
        changes_put(ch, &a, known ? &row : NULL);
    return rc;
}

static void update_many(struct tell *t, bool create, enum update how)
{
    const struct json *body = marathon_body(&t->c);
    struct problems problems = {0};
    if (body == NULL)
        return;
    if (!json_is(body, JSON_ARRAY)) {
        problems_add_coded(&problems, "error.expected.jsarray", "/",
                           "got %s, need an array of apps", json_kind_word(body));
    } else if (json_count(body) > LIMIT_ITEMS) {
        problems_add_coded(&problems, "error.maxLength", "/", "got %zu apps, need at most %d",
                           json_count(body), LIMIT_ITEMS);
    }
    if (problems.n > 0) {
        call_problems(&t->c, &problems);
        return;
    }
    struct changes ch = {.group = "/", .force = query_true(&t->c.query, "force")};
    size_t index = 0;
    int rc = 0;
    JSON_EACH (element, body) {
        struct problems own = {0};
        char at[32];
        snprintf(at, sizeof at, "(%zu)", index++);
        rc = add_element(t, element, at, create, how, &ch, &own);
        problems_add_part(&problems, at, &own);
        if (rc > 0)
            break;
    }
    if (rc > 0) /* it has failed */
        problems_close(&problems);
    else if (problems.n > 0)
        call_problems(&t->c, &problems);
    else
        changes_propose(t, &ch, marathon_done);
    changes_close(&ch);
}

void marathon_put_apps(struct tell *t)
{
    update_many(t, true, update_of(t));
}

void marathon_patch_apps(struct tell *t)
{
    update_many(t, false, UPDATE_PATCH);
}

/* ---- DELETE and restart */

void marathon_delete_app(struct tell *t)
{
    struct app_row row;
    char group[ID_SIZE];
    if (!marathon_path_app(&t->c, &row))
        return;
    bool force = query_get(&t->c.query, "force") == NULL || query_true(&t->c.query, "force");
    struct changes ch = {.group = id_parent(row.path, group), .force = force};
    changes_remove(&ch, &row);
    changes_propose(t, &ch, marathon_done);
    changes_close(&ch);
}

void marathon_restart_app(struct tell *t)
{
    struct app_row row;
    struct app a;
    char group[ID_SIZE];
    if (!marathon_path_app(&t->c, &row))
        return;
    load_app(&row, &a);
    struct changes ch = {.group = id_parent(row.path, group),
                         .force = query_true(&t->c.query, "force")};
    changes_restart(&ch, &a, &row);
    changes_propose(t, &ch, marathon_done);
    changes_close(&ch);
}
