/* Changing apps and pods: what a request wants of one, as Marathon's doors make it a command. */
#include <string.h>

#include "api/marathon/changes.h"
#include "api/native/private.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/pod.h"

static bool forced(const struct tell *t)
{
    return query_true(&t->c.query, "force");
}

/* Proposes what is to become of one app; takes `a`. `old` NULL: it is new. */
static void propose(struct tell *t, struct app *a, const struct app_row *old, bool restart,
                    outcome_fn *then)
{
    char group[ID_SIZE];
    struct changes ch = {.group = id_parent(a->id, group), .force = forced(t), .told = true};
    if (restart)
        changes_restart(&ch, a, old);
    else
        changes_put(&ch, a, old);
    if (changes_matter(&ch))
        changes_propose(t, &ch, then);
    else
        native_unchanged(t);
    changes_close(&ch);
}

/* ---- creating */

static void answer_created(struct tell *t, const struct outcome *o)
{
    struct json_writer w;
    struct json *detail = native_begin(t, 201, o, &w);
    json_member_str(&w, "id", t->kept);
    native_text(&w, "deployment", json_str(json_get(detail, "deployment"), ""));
    json_object_end(&w);
    json_free(detail);
}

/* The whole of it, app or pod, in its own words. `id` NULL: as the body has it. */
static int parse(struct tell *t, const char *id, bool pod, const struct json *body,
                 const struct app *old, struct app *out, struct problems *problems)
{
    const struct app_rules rules = call_app_rules(&t->c);
    if (!pod)
        return app_parse(&rules, body, id, "/", old, out, problems);
    if (pod_parse(&rules, body, "/", old, out, problems) != 0)
        return -1;
    if (id == NULL || str_eq(out->id, id))
        return 0;
    problems_add(problems, PROBLEM_RULE, "/id", "got \"%s\", need \"%s\", as the path has it",
                 out->id, id);
    app_close(out);
    return -1;
}

static void create(struct tell *t, const char *id)
{
    struct app a;
    struct problems problems = {0};
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return;
    bool pod = json_is(json_get(body, "containers"), JSON_ARRAY);
    if (parse(t, id, pod, body, NULL, &a, &problems) != 0) {
        call_problems(&t->c, &problems);
        return;
    }
    mem_free(t->kept);
    t->kept = mem_strdup(a.id);
    if (native_once(t, answer_created))
        app_close(&a);
    else
        propose(t, &a, NULL, false, answer_created);
}

void native_post_app(struct tell *t)
{
    create(t, NULL); /* one that is there already is refused by the state */
}

/* ---- changing */

/* What an old version says; false after having failed the call. */
static bool take_version(struct tell *t, const struct app_row *row, struct wall version,
                         struct app *out)
{
    struct error err;
    char text[TIME_TEXT_SIZE];
    struct slice definition = state_app_version(t->c.view->state, row->id, version);
    if (definition.len > 0 && app_load(definition, out, &err) == 0)
        return true;
    call_fail(&t->c, ERR_NOT_FOUND, "version: app %s has no %s (any more)", row->path,
              wall_text(version, text));
    return false;
}

static bool replaces(const struct tell *t)
{
    return query_get(&t->c.query, "partialUpdate") != NULL &&
           !query_true(&t->c.query, "partialUpdate");
}

/* The app as the body makes it; false after having failed the call. */
static bool updated(struct tell *t, const struct app_row *row, const struct json *body,
                    struct app *out)
{
    const struct app_rules rules = call_app_rules(&t->c);
    struct app old;
    struct wall version;
    struct problems problems = {0};
    bool whole = replaces(t);
    load_app(row, &old);
    int rc = whole ? 0 : app_wants_version(body, &old, &version, &problems);
    bool back = rc == 1;
    if (rc == 0)
        rc = whole ? parse(t, row->path, old.pod != NULL, body, &old, out, &problems)
                   : app_patch(&rules, body, "/", &old, out, &problems);
    app_close(&old);
    if (back)
        return take_version(t, row, version, out);
    if (rc != 0)
        call_problems(&t->c, &problems);
    return rc == 0;
}

void native_put_app(struct tell *t)
{
    char path[ID_SIZE];
    struct error err;
    struct app_row row;
    struct app a;
    if (id_resolve(call_param(&t->c, "id"), "/", path, &err) != 0) {
        error_wrap(&err, "id");
        call_error(&t->c, &err);
        return;
    }
    if (!state_app_by_path(t->c.view->state, path, &row)) {
        create(t, path);
        return;
    }
    const struct json *body = call_body(&t->c);
    if (body != NULL && !native_once(t, native_written) && updated(t, &row, body, &a))
        propose(t, &a, &row, false, native_written);
}

/* ---- the rest */

void native_delete_app(struct tell *t)
{
    struct app_row row;
    char group[ID_SIZE];
    if (native_once(t, native_written) || !native_path_app(&t->c, &row))
        return;
    bool force = query_get(&t->c.query, "force") == NULL || forced(t);
    struct changes ch = {.group = id_parent(row.path, group), .force = force};
    changes_remove(&ch, &row);
    changes_propose(t, &ch, native_written);
    changes_close(&ch);
}

/* -1 after having failed the call. */
static int read_instances(struct tell *t, int64_t *out)
{
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return -1;
    char got[80];
    const struct json *v = json_get(body, "instances");
    if (json_i64(v, out) && *out >= 0 && *out <= LIMIT_INSTANCES)
        return 0;
    call_fail(&t->c, ERR_INVALID, "instances: got %s, need a whole number 0 to %d",
              json_quote(got, sizeof got, v), LIMIT_INSTANCES);
    return -1;
}

void native_scale_app(struct tell *t)
{
    struct app_row row;
    struct app a;
    int64_t instances;
    if (native_once(t, native_written) || !native_path_app(&t->c, &row) ||
        read_instances(t, &instances) != 0)
        return;
    load_app(&row, &a);
    app_set_instances(&a, instances);
    propose(t, &a, &row, false, native_written);
}

void native_restart_app(struct tell *t)
{
    struct app_row row;
    struct app a;
    if (native_once(t, native_written) || !native_path_app(&t->c, &row))
        return;
    load_app(&row, &a);
    propose(t, &a, &row, true, native_written);
}
