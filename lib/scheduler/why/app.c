#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "model/pod.h"
#include "scheduler/apps/apps.h"
#include "scheduler/why/private.h"

/* The caller's; NULL: none. */
static struct json *last_end(struct state *s, const struct app_row *row)
{
    struct error err;
    struct slice end = state_app_end(s, row);
    return end.len > 0 ? json_parse_own(end, &err) : NULL;
}

static bool failed_lately(struct state *s, const struct app_row *row)
{
    char version[TIME_TEXT_SIZE];
    struct json *failure = last_end(s, row);
    bool is = str_eq(json_str(json_get(failure, "version"), ""), wall_text(row->version, version));
    json_free(failure);
    return is;
}

/* One instance of it: all the tasks of a pod's. */
struct instance {
    int64_t id;
    bool old, leaving, stopping, running, healthy, ready, sick;
    struct wall started;
};

static void add_instance(struct pace *p, const struct instance *i)
{
    bool well = i->healthy && i->ready && i->running;
    if (i->id == 0)
        return;
    p->leaving += i->leaving;
    p->old += i->old;
    if (i->old || i->stopping)
        return;
    p->fresh++;
    p->running += i->running;
    p->ready += well;
    p->unready += i->healthy && !i->ready && i->running;
    p->sick |= i->sick;
    if (well && i->started.ms > p->moved.ms)
        p->moved = i->started;
}

void why_pace(struct state *s, const struct app_row *row, const struct app *app, struct wall began,
              struct pace *out)
{
    struct task_row t;
    struct instance now = {0};
    *out = (struct pace){.failed = failed_lately(s, row), .moved = began};
    struct stmt *q = state_tasks_of_app(s, row->id);
    bool drains = state_any_drain(s);
    while (state_task_next(q, &t)) {
        struct agent_row agent;
        if (t.owner_id != now.id) {
            add_instance(out, &now);
            now = (struct instance){.id = t.owner_id,
                                    .old = t.version.ms < row->config.ms,
                                    .stopping = t.stopping,
                                    .running = true,
                                    .healthy = true,
                                    .ready = t.ready};
            now.leaving = drains && !t.stopping && !app_is_resident(app) &&
                          state_agent_by_id(s, t.agent, &agent) && agent.state == AGENT_DRAINING;
        }
        now.running &= t.state == TASK_RUNNING;
        now.healthy &= !app_task_has_check(app, t.name) || t.health == 1;
        now.sick |= t.health == 2;
        now.started = t.started.ms > now.started.ms ? t.started : now.started;
    }
    add_instance(out, &now);
}
/* Of the last failure of an app, as the state has it; the task may be forgotten by now. */
static void advise_failure(struct state *s, struct sentence *t, const struct json *failure)
{
    struct task_row task;
    const char *name = json_str(json_get(failure, "taskId"), "");
    if (state_task_by_name(s, name, &task))
        why_advise_end(t, &task, json_str(json_get(failure, "message"), ""));
}
/* ---- while it waits */

static void why_backoff(struct state *s, const struct app_row *row, struct wall now,
                        struct why *out)
{
    int64_t left = row->delay_ref.ms + row->delay_ms - now.ms;
    if (row->delay_ms == 0 || left <= 0)
        return;
    struct sentence *t = why_add(out, "backoff", row->path);
    if (t == NULL)
        return;
    struct json *failure = last_end(s, row);
    SAY(t->what, "%s: the next launch waits %lld s", row->path, (long long)((left + 999) / 1000));
    const char *message = json_str(json_get(failure, "message"), "failed");
    SAY(t->because, "its last instance ended: %.400s%s", message, end_hint(message));
    advise_failure(s, t, failure);
    json_free(failure);
}

/* "n2 is unreachable"; false: it takes tasks. */
static bool say_agent(struct state *s, int64_t agent, char *dst, size_t size)
{
    struct agent_row row;
    bool known = state_agent_by_id(s, agent, &row);
    snprintf(dst, size, "%s is %s", known ? row.hostname : "a node",
             known ? agent_state_word(row.state) : "gone");
    return known && row.state == AGENT_READY;
}

/* What has its data on a node that takes no tasks waits for that one, whether or not it may run on
 * there. */
static void why_residents(struct state *s, const struct app_row *row, struct why *out)
{
    struct reservation_row r;
    struct volume_row v;
    char node[128];
    int64_t running = row->counts.live - row->counts.stopping, waiting = 0;
    struct reservation_row first = {0};
    struct task_row task;
    struct stmt *q = state_reservations_of_app(s, row->id);
    while (state_reservation_next(q, &r)) {
        char text[128];
        struct task_row t;
        bool away = !say_agent(s, r.agent, text, sizeof text);
        bool lives = !r.is_idle && state_task_by_id(s, r.first_task, &t);
        bool lost = lives && (t.state == TASK_UNREACHABLE || t.state == TASK_KILLING);
        if (!away || (r.is_idle ? running >= row->instances : !lost))
            continue;
        running += r.is_idle;
        if (waiting++ == 0) {
            first = r;
            str_copy(node, sizeof node, text);
        }
    }
    struct sentence *t = waiting > 0 && state_task_by_id(s, first.first_task, &task)
                             ? why_add(out, "waits-for-node", task.name)
                             : NULL;
    if (t == NULL)
        return;
    SAY(t->what, "%s: %lld %s for the node where %s data is", row->path, (long long)waiting,
        waiting == 1 ? "instance waits" : "instances wait", waiting == 1 ? "its" : "their");
    q = state_volumes_of_instance(s, first.instance);
    bool has = state_volume_next(q, &v);
    SAY(t->because, "%s, and has the volume %.300s", node, has ? v.name : "");
    stmt_end(q);
}

/* Those that are missing have no place, whether or not their step has come; of an upgrade the new
 * ones that are to be launched now. */
static void why_waiting(struct state *s, struct placement *p, const struct app_row *row,
                        const struct app *app, const struct pace *pace, struct wall now,
                        struct why *out)
{
    char what[256];
    struct demand d;
    struct ports fixed;
    int64_t kept;
    int64_t waiting = pace->old > 0 || pace->leaving > 0
                          ? apps_waiting(s, row, app, now, NULL)
                          : row->instances - (row->counts.live - row->counts.stopping);
    if (waiting <= 0)
        return;
    SAY(what, "%s: %lld of %lld %sinstances wait%s", row->path, (long long)waiting,
        (long long)row->instances, pace->old > 0 ? "new " : "",
        pace->leaving > 0 ? " to move off a node that drains" : "");
    apps_demand(s, row, app, waiting, now, &d, &fixed, &kept);
    why_place(p, &d, row->path, what, out);
    ports_close(&fixed);
    resources_close(&d.needs);
}

/* The text of one unhealthy task's last failed check. */
static void last_cause(struct state *s, int64_t app, char *dst, size_t size)
{
    struct task_row t;
    struct error err;
    struct stmt *q = state_tasks_of_app(s, app);
    str_copy(dst, size, "its health check fails");
    while (state_task_next(q, &t)) {
        if (t.health != 2 || t.health_results == NULL)
            continue;
        struct json *results = json_parse_own(slice_of(t.health_results), &err);
        JSON_EACH (r, results)
            if (json_get(r, "lastFailureCause") != NULL)
                snprintf(dst, size, "%s: %s", t.name,
                         json_str(json_get(r, "lastFailureCause"), ""));
        json_free(results);
        break;
    }
    stmt_end(q);
}

/* "; TASK is not ready: HTTP 503", of one of them. */
static void say_unready(struct state *s, const struct app_row *row, struct wall since,
                        struct sentence *t)
{
    struct error err;
    struct readiness_row asked = {.ready = true};
    size_t at = strlen(t->because);
    struct stmt *q = state_readiness(s, row->id, since);
    while (asked.ready && state_readiness_next(q, &asked))
        ;
    if (asked.ready)
        return;
    struct json *results = json_parse_own(asked.results, &err);
    const struct json *first = json_first(results);
    snprintf(t->because + at, sizeof t->because - at, "; %s is not ready: %s says %s", asked.task,
             json_str(json_get(first, "name"), "its check"),
             json_str(json_get(first, "said"), "no"));
    json_free(results);
    stmt_end(q);
}

/* "; the last one ended: …", of one of this version. */
static void say_last_failure(struct state *s, const struct app_row *row, struct sentence *t)
{
    size_t at = strlen(t->because);
    struct json *failure = last_end(s, row);
    const char *message = json_str(json_get(failure, "message"), "failed");
    snprintf(t->because + at, sizeof t->because - at, "; the last one ended: %.300s%s", message,
             end_hint(message));
    advise_failure(s, t, failure);
    json_free(failure);
}

const char *why_lasting(char dst[static 48], int64_t ms)
{
    long long min = ms / MINUTE_MS;
    if (min >= 60)
        snprintf(dst, 48, "%lld h %lld min", min / 60, min % 60);
    else if (min >= 1)
        snprintf(dst, 48, "%lld min", min);
    else
        str_copy(dst, 48, "less than a minute");
    return dst;
}

const char *why_instances_run(int64_t all)
{
    return all == 1 ? "instance runs" : "instances run";
}

void why_say_pace(const struct app_row *row, const struct app *app, const struct pace *pace,
                  struct buf *out)
{
    buf_printf(out, "%lld of %lld %s%s", (long long)pace->running, (long long)row->instances,
               pace->old > 0 ? "new " : "", why_instances_run(row->instances));
    if (app_has_checks(app) || app->readiness_checks.n > 0)
        buf_printf(out, ", %lld %s", (long long)pace->ready,
                   app->readiness_checks.n > 0 ? "ready" : "healthy");
    if (pace->old > 0)
        buf_printf(out, ", %lld old %s there", (long long)pace->old, pace->old == 1 ? "is" : "are");
}

/* One sentence for all that a deployment goes through, so that it stands still while instances come
 * and go. */
static void why_deploying(struct state *s, const struct app_row *row, const struct app *app,
                          const struct pace *pace, struct wall now, struct why *out)
{
    struct buf text;
    char age[48];
    bool stuck = pace->failed || pace->sick;
    const char *waits = pace->unready > 0 ? "waits-for-readiness" : "waits-for-health";
    struct sentence *t = why_add(out, stuck ? "stuck" : waits, row->path);
    if (t == NULL)
        return;
    if (stuck)
        SAY(t->what, "%s: its deployment has not moved for %s", row->path,
            why_lasting(age, now.ms - pace->moved.ms));
    else
        SAY(t->what, "%s: its deployment goes on", row->path);
    buf_init(&text, sizeof t->because - 1);
    why_say_pace(row, app, pace, &text);
    str_copy(t->because, sizeof t->because, buf_str(&text));
    size_t at = text.len;
    buf_close(&text);
    if (pace->failed) {
        say_last_failure(s, row, t);
    } else if (row->counts.unhealthy > 0) {
        at += (size_t)snprintf(t->because + at, sizeof t->because - at, "; ");
        last_cause(s, row->id, t->because + at, sizeof t->because - at);
    } else if (pace->unready > 0) {
        say_unready(s, row, row->version, t);
    }
}

static void why_counts(struct state *s, const struct app_row *row, struct why *out)
{
    struct sentence *t;
    const struct app_counts *c = &row->counts;
    if (c->unhealthy > 0 && (t = why_add(out, "unhealthy", row->path)) != NULL) {
        SAY(t->what, "%s: %lld of %lld %s %s unhealthy", row->path, (long long)c->unhealthy,
            (long long)row->instances, row->instances == 1 ? "instance" : "instances",
            c->unhealthy == 1 ? "is" : "are");
        last_cause(s, row->id, t->because, sizeof t->because);
    }
    if (c->staged > 0 && (t = why_add(out, "starting", row->path)) != NULL) {
        SAY(t->what, "%s: %lld %s being started", row->path, (long long)c->staged,
            c->staged == 1 ? "instance is" : "instances are");
        SAY(t->because, "their nodes have not reported them running yet");
    }
}

static void explain_app(struct state *s, struct placement *p, const struct app_row *row,
                        struct wall now, struct why *out)
{
    struct app app;
    struct error err;
    struct deployment_row d;
    struct pace pace;
    if (row->instances == 0 && row->counts.live == 0) {
        struct sentence *t = why_add(out, "suspended", row->path);
        SAY(t->what, "%s: nothing runs", row->path);
        SAY(t->because, "it is scaled to 0 instances");
        return;
    }
    if (app_load(row->definition, &app, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    bool deploying = row->deployment != 0 && state_deployment_brief(s, row->deployment, &d);
    why_pace(s, row, &app, deploying ? d.started : row->version, &pace);
    bool upgrade = deploying && pace.old > 0;
    if (!upgrade) /* its new ones' delay is a part of its pace */
        why_backoff(s, row, now, out);
    if (app_is_resident(&app))
        why_residents(s, row, out);
    if (out->n == 0)
        why_waiting(s, p, row, &app, &pace, now, out);
    if (out->n == 0 && deploying && (upgrade || pace.failed))
        why_deploying(s, row, &app, &pace, now, out);
    else
        why_counts(s, row, out);
    if (out->n == 0 && deploying)
        why_deploying(s, row, &app, &pace, now, out);
    app_close(&app);
}

bool why_app(struct state *s, struct hearing hearing, const char *path, struct wall now,
             struct why *out)
{
    struct app_row row;
    *out = (struct why){.ok = true};
    if (!state_app_by_path(s, path, &row))
        return false;
    struct placement *p = placement_new(s, hearing);
    explain_app(s, p, &row, now, out);
    placement_free(p);
    return true;
}

/* ---- in a word */

/* What a deployment waits for is either on its way or an obstacle. */
static const char *deploying_word(struct state *s, struct placement *p, const struct app_row *a,
                                  struct wall now)
{
    struct why why = {.ok = true};
    struct app_row whole;
    if (a->definition.len == 0) { /* state_apps_brief() */
        if (!state_app_by_id(s, a->id, &whole))
            return "deploying"; /* its reading was broken off */
        a = &whole;
    }
    explain_app(s, p, a, now, &why);
    for (size_t i = 0; i < why.n; i++)
        if (!why_passes(&why.sentences[i]))
            return str_eq(why.sentences[i].id, "unhealthy") ? "unhealthy" : "waiting";
    return "deploying";
}

const char *app_state_word(struct state *s, struct placement *p, const struct app_row *a,
                           struct wall now)
{
    if (a->deployment != 0)
        return deploying_word(s, p, a, now);
    if (a->counts.unhealthy > 0)
        return "unhealthy";
    if (a->instances == 0)
        return "suspended";
    return a->counts.live - a->counts.stopping < a->instances || a->counts.staged > 0 ? "waiting"
                                                                                      : "running";
}
