/* Pods (spec/marathon.md 13). What follows a "::" in the path is a part of the pod: its status, its
 * versions, its instances. */
#include <stdio.h>
#include <string.h>

#include "api/marathon/private.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/pod.h"

#define KILLED_BY_USER "killed by a user"

/* ---- the path */

struct pod_path {
    char id[ID_SIZE]; /* absolute */
    const char *part; /* "", "status", "versions/2024-…"; borrowed from the call */
};

static void split_path(const struct call *c, struct pod_path *out)
{
    struct error err;
    char id[ID_SIZE];
    const char *text = call_param(c, "id"), *part = strstr(text, "::");
    size_t len = part != NULL ? (size_t)(part - text) : strlen(text);
    out->part = part != NULL ? part + 2 : "";
    snprintf(id, sizeof id, "%.*s", (int)(len < ID_SIZE ? len : ID_SIZE - 1), text);
    if (len >= ID_SIZE || id_resolve(id, "/", out->id, &err) != 0)
        snprintf(out->id, ID_SIZE, "/%.*s", ID_SIZE - 2, id);
}

/* What follows "name/" in the part, "" for the name alone; NULL: it is another part. */
static const char *below(const char *part, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(part, name, len) != 0 || (part[len] != '\0' && part[len] != '/'))
        return NULL;
    return part[len] == '/' ? part + len + 1 : "";
}

static bool find_pod(struct call *c, const char *id, struct app_row *out)
{
    if (state_app_by_path(c->view->state, id, out) && out->pod)
        return true;
    marathon_message(c, 404, "Pod '%s' does not exist", id);
    return false;
}

static void no_such_part(struct call *c)
{
    marathon_message(c, 404, "URI not found: %.*s", (int)c->request->path.len, c->request->path.p);
}

/* ---- one pod */

void marathon_ask_pods(struct call *c)
{
    struct app_row row;
    struct json_writer w;
    call_json(c, 200, &w);
    json_array(&w);
    struct stmt *q = marathon_apps_within(c->view->state, "/");
    while (state_app_next(q, &row))
        if (row.pod)
            show_pod(&row, &w);
    json_array_end(&w);
}

/* ---- status */

static void answer_status(struct call *c, const struct app_row *row)
{
    struct show s;
    struct json_writer w;
    show_init(&s, c->view, 0);
    call_json(c, 200, &w);
    show_pod_status(&s, row, &w);
    show_close(&s);
}

void marathon_ask_pods_status(struct call *c)
{
    struct app_row row;
    struct show s;
    struct json_writer w;
    show_init(&s, c->view, 0);
    call_json(c, 200, &w);
    json_array(&w);
    struct stmt *q = marathon_apps_within(c->view->state, "/");
    while (state_app_next(q, &row))
        if (row.pod)
            show_pod_status(&s, &row, &w);
    json_array_end(&w);
    show_close(&s);
}

/* ---- versions */

static void answer_version(struct call *c, const struct app_row *row, const char *text)
{
    struct wall version;
    struct error err;
    struct json_writer w;
    if (wall_parse(text, &version, &err) != 0) {
        call_error(c, &err);
        return;
    }
    struct app_row then = *row;
    then.version = version;
    then.definition = state_app_version(c->view->state, row->id, version);
    if (then.definition.len == 0) {
        marathon_message(c, 404, "Pod '%s' does not exist in version %s", row->path, text);
        return;
    }
    call_json(c, 200, &w);
    show_pod(&then, &w);
}

void marathon_ask_pod(struct call *c)
{
    struct pod_path path;
    struct app_row row;
    struct json_writer w;
    split_path(c, &path);
    const char *version = below(path.part, "versions");
    if (path.part[0] != '\0' && version == NULL && !str_eq(path.part, "status")) {
        no_such_part(c);
        return;
    }
    if (!find_pod(c, path.id, &row))
        return;
    if (str_eq(path.part, "status")) {
        answer_status(c, &row);
    } else if (version != NULL && version[0] != '\0') {
        answer_version(c, &row, version);
    } else {
        call_json(c, 200, &w);
        if (version != NULL)
            marathon_put_versions(c->view->state, row.id, &w);
        else
            show_pod(&row, &w);
    }
}

/* ---- changing */

static void keep(struct tell *t, const char *text)
{
    mem_free(t->kept);
    t->kept = mem_strdup(text);
}

static void put_deployment_header(struct tell *t, const struct outcome *o)
{
    struct error err;
    struct json *detail = json_parse(buf_slice(&o->detail), &err);
    header_put(&t->c.reply->headers, "Marathon-Deployment-Id",
               json_str(json_get(detail, "deployment"), ""));
    json_free(detail);
}

/* The pod as it stands now. */
static void answer_pod(struct tell *t, int status)
{
    struct app_row row;
    struct json_writer w;
    if (!find_pod(&t->c, t->kept, &row)) /* deleted in the same turn */
        return;
    call_json(&t->c, status, &w);
    show_pod(&row, &w);
}

static void answer_created(struct tell *t, const struct outcome *o)
{
    answer_pod(t, 201);
    put_deployment_header(t, o);
    marathon_location(&t->c, t->kept);
}

static void answer_changed(struct tell *t, const struct outcome *o)
{
    answer_pod(t, 200);
    put_deployment_header(t, o);
}

static void answer_deleted(struct tell *t, const struct outcome *o)
{
    struct error err;
    char location[UUID_TEXT_SIZE + 1];
    struct json *detail = json_parse(buf_slice(&o->detail), &err);
    snprintf(location, sizeof location, "/%s", json_str(json_get(detail, "deployment"), ""));
    json_free(detail);
    call_text(&t->c, 202, NULL, "");
    put_deployment_header(t, o);
    marathon_location(&t->c, location);
}

/* Nothing would change: as if a deployment without steps had ended at once (1.9). */
static void answer_unchanged(struct tell *t)
{
    char uuid[UUID_TEXT_SIZE];
    answer_pod(t, 200);
    header_put(&t->c.reply->headers, "Marathon-Deployment-Id", uuid_text(rng_uuid(t->rng), uuid));
}

/* False after having failed the call. */
static bool read_pod(struct tell *t, const struct app *old, struct app *out)
{
    const struct app_rules rules = call_app_rules(&t->c);
    struct problems problems = {0};
    const struct json *body = marathon_body(&t->c);
    if (body == NULL)
        return false;
    if (pod_parse(&rules, body, "/", old, out, &problems) == 0)
        return true;
    call_problems(&t->c, &problems);
    return false;
}

static void propose(struct tell *t, struct app *a, const struct app_row *old, outcome_fn *then)
{
    char group[ID_SIZE];
    struct changes ch = {
        .group = id_parent(a->id, group), .force = query_true(&t->c.query, "force"), .told = true};
    keep(t, a->id);
    changes_put(&ch, a, old);
    if (changes_matter(&ch))
        changes_propose(t, &ch, then);
    else
        answer_unchanged(t);
    changes_close(&ch);
}

/* That the id is free is the state's to say, as for apps. */
void marathon_post_pod(struct tell *t)
{
    struct app a;
    if (read_pod(t, NULL, &a))
        propose(t, &a, NULL, answer_created);
}

/* Another id than the path's is a mistake; one that is none, pod_parse() will name. */
static bool has_other_id(struct tell *t, const char *id)
{
    char absolute[ID_SIZE];
    struct error err;
    const struct json *body = marathon_body(&t->c);
    const char *own = json_str(json_get(body, "id"), NULL);
    if (body == NULL)
        return true;
    if (own == NULL || id_resolve(own, "/", absolute, &err) != 0 || str_eq(absolute, id))
        return false;
    marathon_message(&t->c, 400, "the path names pod %s, the body pod %s: need the same", id,
                     absolute);
    return true;
}

void marathon_put_pod(struct tell *t)
{
    struct pod_path path;
    struct app_row row;
    struct app old, a;
    split_path(&t->c, &path);
    if (path.part[0] != '\0') {
        no_such_part(&t->c);
        return;
    }
    if (!find_pod(&t->c, path.id, &row) || has_other_id(t, path.id))
        return;
    load_app(&row, &old);
    if (read_pod(t, &old, &a))
        propose(t, &a, &row, answer_changed);
    app_close(&old);
}

/* ---- killing instances */

static void answer_killed(struct tell *t, const struct outcome *o)
{
    (void)o;
    call_text(&t->c, 200, "application/json", t->kept);
}

/* Those of the pod that have been named. */
struct doomed {
    struct tell *t;
    int64_t *tasks; /* one of each instance: the others go with it */
    size_t n;
};

static void doom(struct show *s, const struct app_row *row, const char *name, struct json_writer *w,
                 struct doomed *d)
{
    struct task_row task;
    if (!state_task_by_name(s->state, name, &task) || task.app != row->id ||
        !marathon_can_end(d->t, &task))
        return;
    for (size_t i = 0; i < d->n; i++)
        if (d->tasks[i] == task.id)
            return;
    int64_t id = task.id;
    if (show_pod_instance(s, row, &task, w))
        d->tasks[d->n++] = id;
}

static void propose_kills(struct tell *t, const struct doomed *d)
{
    struct json_writer w;
    if (d->n == 0) {
        answer_killed(t, NULL);
        return;
    }
    tell_begin(t, COMMAND_TASK_KILL, &w, answer_killed);
    json_key(&w, "tasks");
    json_array(&w);
    for (size_t i = 0; i < d->n; i++) {
        json_object(&w);
        json_member_int(&w, "task", d->tasks[i]);
        json_member_str(&w, "reason", KILLED_BY_USER);
        if (marathon_wipes(t))
            json_member_bool(&w, "wipe", true);
        json_object_end(&w);
    }
    json_array_end(&w);
    tell_end(t, &w);
}

/* `ids` or the one `name`; the answer shows the instances as they were. */
static void kill_instances(struct tell *t, const struct app_row *row, const struct json *ids,
                           const char *name)
{
    struct show s;
    struct buf text;
    struct json_writer w;
    struct doomed d = {.t = t, .tasks = mem_zalloc((json_count(ids) + 1) * sizeof(int64_t))};
    show_init(&s, t->c.view, 0);
    buf_init(&text, LIMIT_ANSWER_BYTES);
    json_begin(&w, &text);
    if (name == NULL)
        json_array(&w);
    JSON_EACH (id, ids)
        doom(&s, row, json_str(id, ""), &w, &d);
    if (name != NULL)
        doom(&s, row, name, &w, &d);
    if (name == NULL)
        json_array_end(&w);
    mem_free(t->kept);
    t->kept = buf_take(&text, NULL);
    show_close(&s);
    if (name != NULL && d.n == 0)
        marathon_message(&t->c, 404, "Instance '%s' does not exist", name);
    else
        propose_kills(t, &d);
    mem_free(d.tasks);
}

/* NULL after having failed the call. */
static const struct json *read_ids(struct tell *t)
{
    struct problems problems = {0};
    const struct json *body = marathon_body(&t->c);
    size_t i = 0;
    if (body == NULL)
        return NULL;
    if (!json_is(body, JSON_ARRAY))
        problems_add_coded(&problems, "error.expected.jsarray", "/",
                           "got %s, need an array of instance ids", json_kind_word(body));
    JSON_EACH (id, json_is(body, JSON_ARRAY) ? body : NULL) {
        char path[32];
        snprintf(path, sizeof path, "/(%zu)", i++);
        if (!json_is(id, JSON_STRING))
            problems_add_coded(&problems, "error.expected.jsstring", path, "got %s, need a text",
                               json_kind_word(id));
    }
    if (problems.n == 0)
        return body;
    call_problems(&t->c, &problems);
    return NULL;
}

void marathon_delete_pod(struct tell *t)
{
    struct pod_path path;
    struct app_row row;
    char group[ID_SIZE];
    split_path(&t->c, &path);
    const char *instance = below(path.part, "instances");
    if (path.part[0] != '\0' && instance == NULL) {
        no_such_part(&t->c);
        return;
    }
    if (!find_pod(&t->c, path.id, &row))
        return;
    if (instance != NULL && instance[0] != '\0') {
        kill_instances(t, &row, NULL, instance);
    } else if (instance != NULL) {
        const struct json *ids = read_ids(t);
        if (ids != NULL)
            kill_instances(t, &row, ids, NULL);
    } else {
        struct changes ch = {.group = id_parent(row.path, group),
                             .force = query_true(&t->c.query, "force"),
                             .told = true};
        changes_remove(&ch, &row);
        changes_propose(t, &ch, answer_deleted);
        changes_close(&ch);
    }
}
