/* Deployments that go on. */
#include "api/marathon/private.h"
#include "api/native/private.h"
#include "base/str.h"

enum deployment_key { BY_STARTED, BY_ID, BY_STEP };
static const char *const sorts[] = {
    [BY_STARTED] = "started", [BY_ID] = "id", [BY_STEP] = "step", [BY_STEP + 1] = NULL};

/* ---- one item */

static void put_actions(const struct deployment_row *d, struct json_writer *w)
{
    struct error err;
    struct json *plan = json_parse_own(slice_of(d->plan), &err);
    int at = 0;
    json_key(w, "actions");
    json_array(w);
    JSON_EACH (step, json_get(plan, "steps")) {
        if (++at != d->step)
            continue;
        JSON_EACH (action, json_get(step, "actions")) {
            json_object(w);
            json_member_str(w, "action", json_str(json_get(action, "action"), ""));
            json_member_str(w, "app", json_str(json_get(action, "app"), ""));
            json_object_end(w);
        }
    }
    json_array_end(w);
    json_free(plan);
}

static void put_sentence(const struct view *v, const struct deployment_row *d,
                         struct json_writer *w)
{
    struct buf text;
    buf_init(&text, 1024);
    deployment_sentence(v->state, d, v->now.wall, &text);
    json_member_str(w, "sentence", buf_str(&text));
    buf_close(&text);
}

void native_put_deployment(const struct view *v, const struct deployment_row *d,
                           struct json_writer *w)
{
    char uuid[UUID_TEXT_SIZE];
    json_object(w);
    json_member_str(w, "id", uuid_text(deployment_uuid(d), uuid));
    native_time(w, "version", d->version);
    json_member_int(w, "step", d->step);
    json_member_int(w, "steps", d->steps);
    json_key(w, "apps");
    json_array(w);
    struct stmt *q = state_deployment_apps(v->state, d->id);
    while (stmt_row(q))
        json_put_str(w, stmt_str(q, 0));
    json_array_end(w);
    put_sentence(v, d, w);
    native_time(w, "started", d->started);
    put_actions(d, w);
    json_object_end(w);
}

/* ---- the list */

static bool has_app(struct state *s, const struct list *l, const struct deployment_row *d)
{
    bool found = false;
    struct stmt *q = state_deployment_apps(s, d->id);
    while (!found && stmt_row(q))
        found = list_wants(l, NULL, stmt_str(q, 0), NULL);
    stmt_end(q);
    return found;
}

void native_ask_deployments(struct call *c)
{
    struct list l;
    struct deployment_row d;
    struct json_writer w;
    char uuid[UUID_TEXT_SIZE];
    struct state *s = c->view->state;
    if (list_begin(c, &l, sorts, NULL) != 0)
        return;
    struct stmt *q = state_deployments(s);
    while (state_deployment_next(q, &d)) {
        uuid_text(deployment_uuid(&d), uuid);
        if (!list_wants(&l, NULL, uuid, NULL) && !has_app(s, &l, &d))
            continue;
        if (l.sort == BY_ID)
            list_add_text(&l, d.id, uuid);
        else
            list_add_number(&l, d.id, l.sort == BY_STEP ? d.step : d.started.ms);
    }
    list_head(c, &l, &w);
    for (size_t i = 0; i < list_size(&l); i++)
        if (state_deployment_by_id(s, list_id(&l, i), &d))
            native_put_deployment(c->view, &d, &w);
    list_end(&w);
    list_close(&l);
}

/* ---- rolling back */

/* Marathon's door decides (spec/marathon.md 8.8); what it proposed is answered in our shape. */
void native_delete_deployment(struct tell *t)
{
    struct deployment_row d;
    struct uuid uuid;
    const char *name = call_param(&t->c, "id");
    if (native_once(t, native_written))
        return;
    if (!uuid_parse(name, &uuid) || !state_deployment_by_uuid(t->c.view->state, uuid, &d)) {
        call_fail(&t->c, ERR_NOT_FOUND, "deployment %.100s does not exist: it may have ended",
                  name);
        return;
    }
    marathon_delete_deployment(t);
    if (t->then != NULL)
        t->then = native_written;
}
