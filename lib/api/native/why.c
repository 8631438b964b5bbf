/* Why something is not as wanted. */
#include <stdio.h>
#include <string.h>

#include "api/facts.h"
#include "api/native/private.h"
#include "base/str.h"
#include "master/master.h"

void native_put_sentences(const struct why *why, struct json_writer *w)
{
    json_array(w);
    for (size_t i = 0; i < why->n; i++) {
        const struct sentence *s = &why->sentences[i];
        json_object(w);
        json_member_str(w, "id", s->id);
        json_member_str(w, "what", s->what);
        json_member_str(w, "because", s->because);
        json_member_str(w, "so", s->so);
        json_object_end(w);
    }
    json_array_end(w);
}

static void why_port(const char *path, const struct json *refusal, struct why *out)
{
    struct sentence *t = why_add(out, "no-service-port", path);
    if (t == NULL)
        return;
    snprintf(t->what, sizeof t->what, "%s: service port %lld is not served", path,
             (long long)json_int(json_get(refusal, "port"), 0));
    snprintf(t->because, sizeof t->because, "%.400s", json_str(json_get(refusal, "reason"), ""));
}

bool native_why_app(const struct view *v, const char *path, struct why *out)
{
    struct error err;
    if (!why_app(v->state, facts_hearing(v), path, v->now.wall, out))
        return false;
    struct json *refused = json_parse_own(slice_of(v->facts->ports_refused), &err);
    JSON_EACH (r, refused)
        if (str_eq(json_str(json_get(r, "app"), ""), path) &&
            state_service_port_is_of(v->state, json_int(json_get(r, "port"), 0), path))
            why_port(path, r, out);
    json_free(refused);
    return true;
}

static bool app_by_any_name(const struct view *v, const char *name, struct why *out)
{
    char path[ID_SIZE];
    struct error err;
    return id_resolve(name, "/", path, &err) == 0 && native_why_app(v, path, out);
}

void native_why_clock(const struct view *v, const struct job_row *job, struct why *out)
{
    char until[TIME_TEXT_SIZE];
    bool waits = v->facts->clock_waits.ms != 0 && job->next.ms != 0 && !job->disabled;
    struct sentence *t = waits ? why_add(out, "clock", job->name) : NULL;
    if (t == NULL)
        return;
    snprintf(t->what, sizeof t->what, "%s: is not due for now", job->name);
    snprintf(t->because, sizeof t->because,
             "no schedule goes on before %s, which a clock has shown",
             wall_text(v->facts->clock_waits, until));
}

static bool job_by_name(const struct view *v, const char *name, struct why *out)
{
    struct job_row row;
    if (!why_job(v->state, facts_hearing(v), name, v->now.wall, out))
        return false;
    if (state_job_by_name(v->state, name, &row))
        native_why_clock(v, &row, out);
    return true;
}

static bool task_by_name(const struct view *v, const char *name, struct why *out)
{
    return why_task(v->state, name, v->now.wall, out);
}

static bool deployment_by_uuid(const struct view *v, const char *name, struct why *out)
{
    return why_deployment(v->state, facts_hearing(v), name, v->now.wall, out);
}

/* The process has ended, and its machine has said so: what runs there is thought to run on. */
static void why_closed(const struct view *v, const struct native_node *n, struct why *out)
{
    char until[TIME_TEXT_SIZE];
    const struct agent_seen *seen = facts_agent_seen(v->facts, n->agent);
    struct sentence *t =
        seen != NULL && seen->closed.ms != 0 ? why_add(out, "node-restarting", n->name) : NULL;
    if (t == NULL)
        return;
    snprintf(t->what, sizeof t->what, "%.200s: restarting", n->name);
    snprintf(t->because, sizeof t->because,
             "its session was closed %lld s ago, its tasks are kept until %s",
             (long long)((v->now.wall.ms - seen->closed.ms) / 1000),
             wall_text(seen->kept_until, until));
}

static void why_away(const char *name, struct why *out)
{
    struct sentence *t = why_add(out, "unreachable", name);
    snprintf(t->what, sizeof t->what, "%.200s: unreachable", name);
    snprintf(t->because, sizeof t->because, "nothing is heard from it");
}

/* By its id or its name. The agent of a process that ended is given time to come back, and a node
 * without an agent has no other state. */
static bool node_by_any_name(const struct view *v, const char *name, struct why *out)
{
    struct native_node n;
    *out = (struct why){.ok = true};
    if (!native_find(v, name, &n))
        return false;
    bool known = n.agent < 0 || why_node(v->state, n.agent, n.name, v->now.wall, out);
    if (known && n.agent >= 0)
        why_closed(v, &n, out);
    if (known && out->ok && str_eq(n.state, agent_state_word(AGENT_UNREACHABLE)))
        why_away(n.name, out);
    return known;
}

/* Each app that has the port: is it served here, and if so, is the app well? */
static bool service_by_port(const struct view *v, const char *name, struct why *out)
{
    int64_t port;
    struct app_row a;
    bool found = false;
    *out = (struct why){.ok = true};
    if (!str_to_i64(name, &port))
        return false;
    struct error err;
    struct json *refused = json_parse_own(slice_of(v->facts->ports_refused), &err);
    JSON_EACH (r, refused)
        if (json_int(json_get(r, "port"), 0) == port &&
            state_service_port_is_of(v->state, port, json_str(json_get(r, "app"), "")))
            why_port(json_str(json_get(r, "app"), ""), r, out);
    json_free(refused);
    struct stmt *q = state_apps_brief(v->state);
    while (state_app_next(q, &a)) {
        struct why one;
        if (!state_service_port_is_of(v->state, port, a.path))
            continue;
        found = true;
        if (out->ok && why_app(v->state, facts_hearing(v), a.path, v->now.wall, &one) && !one.ok)
            *out = one;
    }
    return found;
}

static const struct {
    const char *noun;
    bool (*why)(const struct view *v, const char *name, struct why *out);
} nouns[] = {
    {"app", app_by_any_name},
    {"job", job_by_name},
    {"task", task_by_name},
    {"node", node_by_any_name},
    {"deployment", deployment_by_uuid},
    {"service", service_by_port},
};
#define NOUNS (sizeof nouns / sizeof nouns[0])

void native_ask_why(struct call *c)
{
    const char *noun = call_param(c, "noun"), *name = call_param(c, "name");
    struct why why;
    struct json_writer w;
    char got[60];
    size_t i = 0;
    while (i < NOUNS && !str_eq(nouns[i].noun, noun))
        i++;
    if (i == NOUNS) {
        call_fail(c, ERR_NOT_FOUND,
                  "noun: got %s, need app, job, task, node, deployment or service",
                  str_quote(got, sizeof got, noun, strlen(noun)));
        return;
    }
    if (!nouns[i].why(c->view, name, &why)) {
        call_fail(c, ERR_NOT_FOUND, "%s %.200s does not exist", noun, name);
        return;
    }
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "noun", noun);
    json_member_str(&w, "name", name);
    json_member_bool(&w, "ok", why.ok);
    json_key(&w, "sentences");
    native_put_sentences(&why, &w);
    json_object_end(&w);
}
