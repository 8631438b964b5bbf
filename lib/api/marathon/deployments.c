/* Deployments: the list, cancelling, rolling back (spec/marathon.md 8.1, 8.8). */
#include "api/marathon/private.h"
#include "api/marathon/stored.h"
#include "base/assert.h"
#include "base/str.h"

/* ---- the list */

static void put_actions(struct state *s, const struct json *step, struct wall version,
                        struct json_writer *w)
{
    JSON_EACH (action, json_get(step, "actions")) {
        const struct json *pod = json_get(action, "pod");
        const char *path = json_str(pod != NULL ? pod : json_get(action, "app"), "");
        struct app_row app;
        json_object(w);
        json_member_str(w, "action", json_str(json_get(action, "action"), ""));
        json_member_str(w, pod != NULL ? "pod" : "app", path);
        show_readiness(s, state_app_by_path(s, path, &app) ? app.id : 0, version, w);
        json_object_end(w);
    }
}

static void put_current(struct state *s, const struct json *steps, const struct deployment_row *d,
                        struct json_writer *w)
{
    int at = 0;
    json_key(w, "currentActions");
    json_array(w);
    JSON_EACH (step, steps)
        if (++at == d->step)
            put_actions(s, step, d->version, w);
    json_array_end(w);
}

/* Among the steps' actions; any of them when `path` is NULL. */
static bool has_pod(const struct json *steps, const char *path)
{
    JSON_EACH (step, steps)
        JSON_EACH (action, json_get(step, "actions")) {
            const char *pod = json_str(json_get(action, "pod"), NULL);
            if (pod != NULL && (path == NULL || str_eq(pod, path)))
                return true;
        }
    return false;
}

/* `some_pods` spares most deployments, of thousands of apps, that each is looked for. */
static void put_affected(struct state *s, const struct deployment_row *d, const struct json *steps,
                         bool some_pods, bool pods, struct json_writer *w)
{
    json_key(w, pods ? "affectedPods" : "affectedApps");
    json_array(w);
    struct stmt *q = state_deployment_apps(s, d->id);
    while (stmt_row(q))
        if ((some_pods && has_pod(steps, stmt_str(q, 0))) == pods)
            json_put_str(w, stmt_str(q, 0));
    json_array_end(w);
}

static void put_deployment(struct state *s, const struct deployment_row *d, struct json_writer *w)
{
    char uuid[UUID_TEXT_SIZE];
    struct error err;
    struct json *steps = json_parse_own(stored_steps(d->plan), &err);
    json_object(w);
    json_member_str(w, "id", uuid_text(deployment_uuid(d), uuid));
    marathon_time(w, "version", d->version);
    bool some_pods = has_pod(steps, NULL);
    put_affected(s, d, steps, some_pods, false, w);
    put_affected(s, d, steps, some_pods, true, w);
    json_key(w, "steps");
    json_put_value(w, steps);
    put_current(s, steps, d, w);
    json_member_int(w, "currentStep", d->step);
    json_member_int(w, "totalSteps", d->steps);
    json_object_end(w);
    json_free(steps);
}

void marathon_ask_deployments(struct call *c)
{
    struct json_writer w;
    struct deployment_row d;
    call_json(c, 200, &w);
    json_array(&w);
    struct stmt *q = state_deployments(c->view->state);
    while (state_deployment_next(q, &d))
        put_deployment(c->view->state, &d, &w);
    json_array_end(&w);
}

/* ---- DELETE */

static void answer_cancelled(struct tell *t, const struct outcome *o)
{
    (void)o;
    call_text(&t->c, 202, NULL, "");
}

/* Nothing was to be undone but the deployment itself. */
static void answer_nothing_left(struct tell *t, const struct outcome *o)
{
    (void)o;
    char uuid[UUID_TEXT_SIZE];
    marathon_result(&t->c, 200, (struct wall){state_version_ms(t->c.view->state)},
                    uuid_text(rng_uuid(t->rng), uuid));
}

static void cancel(struct tell *t, int64_t deployment, outcome_fn *then)
{
    struct json_writer w;
    tell_begin(t, COMMAND_DEPLOYMENT_STEP, &w, then);
    json_key(&w, "set");
    json_array(&w);
    json_object(&w);
    json_member_int(&w, "deployment", deployment);
    json_member_bool(&w, "end", false);
    json_member_str(&w, "reason", "cancelled by a user");
    json_object_end(&w);
    json_array_end(&w);
    tell_end(t, &w);
}

static bool names(const struct json *list, const char *path)
{
    JSON_EACH (item, list)
        if (str_eq(json_str(json_get(item, "id"), ""), path))
            return true;
    return false;
}

/* Puts the definition back that the app had before the deployment. */
static void put_back(struct state *s, const struct json *original, struct changes *ch)
{
    const char *path = json_str(json_get(original, "id"), "");
    struct buf text;
    struct json_writer w;
    struct app a;
    struct app_row row;
    struct error err;
    buf_init(&text, LIMIT_ENTRY_BYTES);
    json_begin(&w, &text);
    json_put_value(&w, json_get(original, "definition"));
    if (app_load(buf_slice(&text), &a, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    buf_close(&text);
    changes_put(ch, &a, state_app_by_path(s, path, &row) ? &row : NULL);
}

/* ---- groups */

static enum enforce enforce_of(const struct json *side)
{
    const struct json *said = json_get(side, "enforceRole");
    return said == NULL ? ENFORCE_NOT_SAID : json_bool(said, false) ? ENFORCE_YES : ENFORCE_NO;
}

static bool has_text(const struct json *list, const struct json *text)
{
    JSON_EACH (it, list)
        if (json_equal(it, text))
            return true;
    return false;
}

/* What the deployment added to a group's dependencies goes, what it took away comes back. */
static void undo_dependencies(const struct json *now, const struct json *was, const struct json *is,
                              struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_array(&w);
    JSON_EACH (it, now)
        if (!has_text(is, it) || has_text(was, it))
            json_put_value(&w, it);
    JSON_EACH (it, was)
        if (!has_text(is, it) && !has_text(now, it))
            json_put_value(&w, it);
    json_array_end(&w);
}

static void undo_group(const struct group_row *row, const struct json *before,
                       const struct json *after, struct changes *ch)
{
    struct error err;
    struct buf dependencies;
    struct json *now = json_parse_own(row->dependencies, &err);
    buf_init(&dependencies, LIMIT_ENTRY_BYTES);
    undo_dependencies(now, json_get(before, "dependencies"), json_get(after, "dependencies"),
                      &dependencies);
    changes_put_group(ch, row->path, buf_slice(&dependencies),
                      row->enforce_role == enforce_of(after) ? enforce_of(before)
                                                             : row->enforce_role);
    json_free(now);
    buf_close(&dependencies);
}

/* It came with the deployment, which names it or put an app below it. */
static bool was_added(struct state *s, const struct deployment_row *d, const struct json *groups,
                      const char *path)
{
    struct group_row row;
    struct wall before = {d->version.ms - 1};
    JSON_EACH (g, groups)
        if (str_eq(json_str(json_get(g, "id"), ""), path))
            return json_get(g, "before") == NULL;
    return state_group_as_of(s, path, d->version, &row) &&
           !state_group_as_of(s, path, before, &row) &&
           state_group_as_of(s, "/", before, &row); /* it is still known what was then */
}

/* Nothing will be left in it but groups that the deployment has added too. */
static bool will_be_empty(struct state *s, const char *group, const struct deployment_row *d,
                          const struct json *groups, const struct changes *ch)
{
    struct app_row app;
    struct group_row row;
    bool left = false;
    struct stmt *q = marathon_apps_within(s, group);
    while (state_app_next(q, &app))
        left |= !changes_removes(ch, app.path);
    q = state_groups(s, group);
    while (state_group_next(q, &row))
        left |= !was_added(s, d, groups, row.path);
    return !left;
}

static bool is_unchanged(const struct group_row *row, const struct json *after)
{
    struct error err;
    struct json *now = json_parse_own(row->dependencies, &err);
    bool same =
        json_equal(now, json_get(after, "dependencies")) && row->enforce_role == enforce_of(after);
    json_free(now);
    return same;
}

/* After the apps: which groups hold none decides. */
static void put_groups_back(struct state *s, const struct deployment_row *d,
                            const struct json *groups, struct changes *ch)
{
    JSON_EACH (g, groups) {
        struct group_row row;
        const char *path = json_str(json_get(g, "id"), "");
        const struct json *before = json_get(g, "before"), *after = json_get(g, "after");
        bool there = state_group_by_path(s, path, &row);
        if (there && before == NULL && is_unchanged(&row, after) &&
            will_be_empty(s, path, d, groups, ch)) {
            changes_remove_group(ch, path);
        } else if (there && after != NULL) {
            undo_group(&row, before, after, ch);
        } else if (!there && after == NULL) {
            const struct group_row none = {
                .path = path, .dependencies = SLICE("[]"), .enforce_role = ENFORCE_NOT_SAID};
            undo_group(&none, before, NULL, ch);
        }
    }
}

/* Of those above what the deployment added and did not name, which came with it. */
static void remove_groups_above(struct state *s, const struct deployment_row *d,
                                const struct json *groups, const char *path, struct changes *ch)
{
    char above[ID_SIZE], below[ID_SIZE];
    struct group_row row;
    str_copy(below, sizeof below, path);
    for (; !str_eq(id_parent(below, above), "/"); str_copy(below, sizeof below, above))
        if (!changes_have_group(ch, above) && was_added(s, d, groups, above) &&
            state_group_by_path(s, above, &row) && slice_is(row.dependencies, "[]") &&
            row.enforce_role == ENFORCE_NOT_SAID && will_be_empty(s, above, d, groups, ch))
            changes_remove_group(ch, above);
}

static void roll_back(struct tell *t, const struct deployment_row *d)
{
    struct state *s = t->c.view->state;
    struct error err;
    struct app_row row;
    struct json *plan = json_parse_own(slice_of(d->plan), &err);
    const struct json *originals = json_get(plan, "original"), *targets = json_get(plan, "target"),
                      *groups = json_get(plan, "groups");
    struct changes ch = {.group = "/", .force = true};
    JSON_EACH (original, originals)
        put_back(s, original, &ch);
    JSON_EACH (target, targets) {
        const char *path = json_str(json_get(target, "id"), "");
        if (!names(originals, path) && state_app_by_path(s, path, &row))
            changes_remove(&ch, &row);
    }
    put_groups_back(s, d, groups, &ch);
    JSON_EACH (target, targets)
        remove_groups_above(s, d, groups, json_str(json_get(target, "id"), ""), &ch);
    if (groups != NULL || ch.groups_n > 0)
        changes_within(&ch, s, "/");
    if (changes_matter(&ch))
        changes_propose(t, &ch, marathon_done);
    else
        cancel(t, d->id, answer_nothing_left);
    changes_close(&ch);
    json_free(plan);
}

void marathon_delete_deployment(struct tell *t)
{
    struct deployment_row d;
    struct uuid uuid;
    const char *name = call_param(&t->c, "id");
    if (!uuid_parse(name, &uuid) || !state_deployment_by_uuid(t->c.view->state, uuid, &d)) {
        marathon_message(&t->c, 404, "DeploymentPlan %s does not exist", name);
        return;
    }
    if (query_true(&t->c.query, "force"))
        cancel(t, d.id, answer_cancelled);
    else
        roll_back(t, &d);
}
