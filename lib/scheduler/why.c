#include "scheduler/why.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "model/pod.h"
#include "scheduler/apps/apps.h"
#include "scheduler/jobs/jobs.h"

/* Causes: an id, and what to do. The sentences are filled where the cause is found. */
static const struct cause {
    const char *id, *so;
} causes[] = {
    {"suspended", "Scale it up to start it: mesolith app scale %s 1"},
    {"backoff",
     "Look at what it said (mesolith logs --err %s), mend it, and update or restart the app: that "
     "ends the delay."},
    {"no-agents", "Start an agent, or look why none is ready: mesolith node list"},
    {"starting", "Wait; a slow start is ended after 300 s and tried again."},
    {"unhealthy",
     "Look at its output (mesolith logs %s) and at the path that its health check asks."},
    {"waits-for-health",
     "Look at the new instances' output (mesolith logs %s); roll back if they never get well."},
    {"waits-for-readiness",
     "Look at the new instances' output (mesolith logs %s) and at the path that their readiness "
     "check asks; roll back if they never get ready."},
    {"stuck",
     "Look at what they said (mesolith logs --err %s) and at the path that their health check "
     "asks; mend it and update the app, or roll the deployment back."},
    {"no-service-port",
     "Give the app another service port (0: a free one), or stop what holds it."},
    {"stopping", "Wait; it is killed when its grace period is over."},
    {"no-role", "Have its acceptedResourceRoles take \"*\" too: nothing is reserved for a role."},
    {"no-constraint", "Loosen the constraints, or add a node that meets them."},
    {"no-reservation", "Make the reservation, or leave the persistent volume out."},
    {"waits-for-node", "Bring that node back; or give its data up, and a new instance starts "
                       "elsewhere: mesolith task "
                       "kill %s --wipe"},
    {"draining", "End the drain, or add a node."},
    {"no-cpus", "Ask for fewer cpus, stop something, or add a node."},
    {"no-memory", "Ask for less memory, stop something, or add a node."},
    {"no-disk", "Ask for less disk, stop something, or add a node."},
    {"no-gpus", "Leave gpus out: no node has any."},
    {"no-port", "Stop what holds the port, or ask for a random one: \"port\": 0."},
    {"node-silent", "Start its node again, or add another one: mesolith node list"},
    {"scarce", "Ask for gpus, or add a node without."},
    {"no-docker", "Install and start Docker (docker.io) on a node, or run it without an image."},
    {"no-fetcher", "Have it fetch from http://, https://, file:// or an absolute path."},
    {"broken", "Post it again, or run the version of mesolith that stored it."},
    {"early", "Wait, or put it again with an earlier \"startsAt\", or without."},
    {"over", "Put it again with a later \"endsAt\", or delete it: mesolith job delete %s"},
    {"excluded", "Wait; or take the calendar out of \"excludeCalendars\", or put it into "
                 "\"onlyCalendars\": mesolith calendar list"},
    {"excluded-all",
     "Change the calendar, or the job's schedule or calendars: mesolith calendar list"},
    {"disabled", "To have it run again: mesolith job resume %s"},
    {"exhausted", "Run it now, or give it a schedule with times to come if it should go on."},
    {"failing", "Look at the output of its last run: mesolith logs %s, and with --err"},
    {"late", "Look what it waits for below, or allow more time: \"epsilon\"."},
    {"overlap", "Wait for the active run to end, or allow both: \"overlap\": \"allow\"."},
    {"retrying", "Wait, or mend it: its output is kept (mesolith logs %s)."},
    {"node-restarting",
     "Wait, or start it on its machine; when that time is over, its tasks are unreachable."},
    {"unreachable",
     "Look at that machine and its network; its tasks are replaced by their strategy."},
    {"node-draining",
     "Wait; what does not go on tells mesolith why NAME. To end the drain: mesolith node undrain "
     "%s"},
    {"node-drained", "When it is to run tasks again: mesolith node undrain %s"},
    {"ended", "Nothing; what replaced it is listed with its app."},
};

static const char *const reason_ids[REASONS_N] = {
    [REASON_ROLE] = "no-role",
    [REASON_CONSTRAINT] = "no-constraint",
    [REASON_RESERVATION] = "no-reservation",
    [REASON_MAINTENANCE] = "draining",
    [REASON_CPUS] = "no-cpus",
    [REASON_MEM] = "no-memory",
    [REASON_DISK] = "no-disk",
    [REASON_GPUS] = "no-gpus",
    [REASON_PORTS] = "no-port",
    [REASON_SCARCE] = "scarce",
    [REASON_DOCKER] = "no-docker",
    [REASON_FETCH] = "no-fetcher",
    [REASON_SILENT] = "node-silent",
};

struct sentence *why_add(struct why *w, const char *id, const char *name)
{
    if (w->n == WHY_MAX)
        return NULL;
    struct sentence *s = &w->sentences[w->n++];
    *s = (struct sentence){.id = id};
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if (!str_eq(causes[i].id, id))
            continue;
        const char *gap = strstr(causes[i].so, "%s");
        if (gap == NULL)
            str_copy(s->so, sizeof s->so, causes[i].so);
        else
            snprintf(s->so, sizeof s->so, "%.*s%s%s", (int)(gap - causes[i].so), causes[i].so, name,
                     gap + 2);
    }
    w->ok = false;
    return s;
}

#define SAY(field, ...) snprintf(field, sizeof(field), __VA_ARGS__)

/* ---- words */

bool why_passes(const struct sentence *e)
{
    static const char *const ids[] = {"starting", "waits-for-health", "waits-for-readiness",
                                      "stopping", "overlap",          "retrying",
                                      "suspended"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (str_eq(e->id, ids[i]))
            return true;
    return false;
}

static void explain_app(struct state *s, struct placement *p, const struct app_row *row,
                        struct wall now, struct why *out);

/* What a deployment waits for is either on its way or an obstacle. */
static const char *deploying_word(struct state *s, struct placement *p, const struct app_row *a,
                                  struct wall now)
{
    struct why why = {.ok = true};
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

const char *job_state_word(const struct job_row *j, struct wall now)
{
    if (j->active > 0)
        return "running";
    if (j->disabled)
        return "disabled";
    if (j->queued > 0 || (j->next.ms != 0 && j->next.ms + 1000 < now.ms))
        return "late";
    return j->errors_since_success > 0 ? "failing" : "idle";
}

/* ---- placement */

static enum reason worst(const struct funnel *f)
{
    enum reason most = REASON_NONE;
    for (int r = 0; r < REASONS_N; r++)
        if (f->declined[r] > 0 && (most == REASON_NONE || f->declined[r] > f->declined[most]))
            most = (enum reason)r;
    if (most == REASON_CONSTRAINT && f->declined[REASON_SILENT] > 0)
        return REASON_SILENT; /* that one meets them, and is back before others do */
    return most;
}

static void explain_place(struct placement *p, const struct demand *d, const char *name,
                          const char *what, struct why *out)
{
    struct funnel funnel;
    if (place_explain(p, d, &funnel))
        return; /* it is being launched right now */
    enum reason r = worst(&funnel);
    struct sentence *t = why_add(out, r == REASON_NONE ? "no-agents" : reason_ids[r], name);
    if (t == NULL)
        return;
    SAY(t->what, "%s", what);
    funnel_text(&funnel, t->because, sizeof t->because);
}

/* ---- apps */

/* How far the present version has come. */
struct pace {
    int64_t old;                   /* of older versions, alive */
    int64_t leaving;               /* to move off a node that drains */
    int64_t fresh, running, ready; /* of the present one, to live */
    int64_t unready;               /* of these, healthy, but for their readiness check */
    bool failed, sick;             /* one of the present version has, or is */
    struct wall moved;             /* when one got ready, or the deployment began */
};

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

static void pace_see(struct state *s, const struct app_row *row, const struct app *app,
                     struct wall began, struct pace *out)
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

/* ---- how it ended */

const char *end_hint(const char *message)
{
    return str_ends(message, "exited with status 127") ? " (command not found?)" : "";
}

/* What helps is not always in the output: what never began has none. */
static void advise_end(struct sentence *t, const struct task_row *task, const char *message)
{
    if (str_starts(message, "Memory limit exceeded"))
        SAY(t->so, "Give it more memory: its \"mem\" is %lld MiB.",
            (long long)(task->mem_bytes >> 20));
    else if (task->started.ms == 0)
        SAY(t->so, "Mend what is said there and update it; it never began, so it has no output.");
}

/* Of the last failure of an app, as the state has it; the task may be forgotten by now. */
static void advise_failure(struct state *s, struct sentence *t, const struct json *failure)
{
    struct task_row task;
    const char *name = json_str(json_get(failure, "taskId"), "");
    if (state_task_by_name(s, name, &task))
        advise_end(t, &task, json_str(json_get(failure, "message"), ""));
}

/* ---- apps, while they wait */

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
                          ? apps_waiting(s, row, app, now)
                          : row->instances - (row->counts.live - row->counts.stopping);
    if (waiting <= 0)
        return;
    SAY(what, "%s: %lld of %lld %sinstances wait%s", row->path, (long long)waiting,
        (long long)row->instances, pace->old > 0 ? "new " : "",
        pace->leaving > 0 ? " to move off a node that drains" : "");
    apps_demand(s, row, app, waiting, now, &d, &fixed, &kept);
    explain_place(p, &d, row->path, what, out);
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

#define MINUTE_MS 60000

/* "3 min", "2 h 5 min": a text that stands still for a while. */
static const char *lasting(char dst[static 48], int64_t ms)
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

/* "1 of 2 new instances run, 0 healthy, 2 old are there" */
static void say_pace(const struct app_row *row, const struct app *app, const struct pace *pace,
                     struct buf *out)
{
    buf_printf(out, "%lld of %lld %sinstances run", (long long)pace->running,
               (long long)row->instances, pace->old > 0 ? "new " : "");
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
            lasting(age, now.ms - pace->moved.ms));
    else
        SAY(t->what, "%s: its deployment goes on", row->path);
    buf_init(&text, sizeof t->because - 1);
    say_pace(row, app, pace, &text);
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
        SAY(t->what, "%s: %lld of %lld instances are unhealthy", row->path, (long long)c->unhealthy,
            (long long)row->instances);
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
    bool deploying = row->deployment != 0 && state_deployment_by_id(s, row->deployment, &d);
    pace_see(s, row, &app, deploying ? d.started : row->version, &pace);
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

/* ---- jobs */

static void why_no_place(struct state *s, struct hearing hearing, const struct job *job,
                         const char *name, const char *what, struct why *out)
{
    struct demand d;
    struct placement *p = placement_new(s, hearing);
    demand_of_job(job, &d);
    explain_place(p, &d, name, what, out);
    placement_free(p);
    resources_close(&d.needs);
}

static void why_run(struct state *s, struct hearing hearing, const struct job_row *row,
                    struct why *out)
{
    struct job job;
    struct error err;
    char what[256];
    if (job_load(row->definition, &job, &err) != 0)
        return;
    if (row->active > 0 && !job_overlaps(&job)) {
        struct sentence *t = why_add(out, "overlap", row->name);
        if (t != NULL) {
            SAY(t->what, "%s: a run waits", row->name);
            SAY(t->because, "another run of it is active, and they may not overlap");
        }
    } else {
        SAY(what, "%s: %lld runs wait", row->name, (long long)row->queued);
        why_no_place(s, hearing, &job, row->name, what, out);
    }
    job_close(&job);
}

static bool is_too_large(struct state *s, const struct job *job)
{
    struct resources most, needs = job_needs(job);
    return !state_agent_as_large(s, &needs) && state_agents_largest(s, &most);
}

/* Why no run of it will start, be it due or not. */
static void why_never(struct state *s, struct hearing hearing, const struct job_row *row,
                      struct why *out)
{
    struct job job;
    char what[256];
    SAY(what, "%s: cannot run", row->name);
    job_load_any(row->definition, &job);
    struct sentence *t = job.broken != NULL ? why_add(out, "broken", row->name) : NULL;
    if (t != NULL) {
        SAY(t->what, "%s", what);
        SAY(t->because, "%s", job.broken);
    } else if (row->queued == 0 && !row->disabled && is_too_large(s, &job)) {
        why_no_place(s, hearing, &job, row->name, what, out);
    }
    job_close(&job);
}

static void advise_run(struct state *s, struct sentence *t, const struct run_row *r)
{
    struct task_row task, newest = {0};
    struct stmt *q = state_tasks_of_run(s, r->id);
    while (state_task_next(q, &task))
        newest = (struct task_row){.id = task.id,
                                   .mem_bytes = task.mem_bytes,
                                   .started = task.started,
                                   .state = task.state};
    if (newest.id != 0 && task_ended(newest.state))
        advise_end(t, &newest, r->reason);
}

static void why_last_run(struct state *s, const struct job_row *row, struct why *out)
{
    struct run_row r;
    struct stmt *q = state_runs_of_job(s, row->id, 1);
    if (state_run_next(q, &r) && (r.state == RUN_FAILED || r.state == RUN_RETRY_WAIT)) {
        bool again = r.state == RUN_RETRY_WAIT;
        struct sentence *t = why_add(out, again ? "retrying" : "failing", row->name);
        if (t != NULL) {
            SAY(t->what,
                again ? "%s: its last attempt failed, the next one waits"
                      : "%s: its last run failed",
                row->name);
            SAY(t->because, "%.400s%s",
                r.reason[0] != '\0' ? r.reason : "its command did not exit with 0",
                end_hint(r.reason));
            advise_run(s, t, &r);
        }
    }
    stmt_end(q);
}

/* "it was paused at 2026-… by ann: the disk is full" */
static void say_pause(const struct pause_row *p, struct sentence *t)
{
    char at[TIME_TEXT_SIZE];
    SAY(t->because, "it was paused at %s%s%s%s%s", wall_text(p->at, at),
        p->by[0] != '\0' ? " by " : "", p->by, p->reason[0] != '\0' ? ": " : "", p->reason);
}

static void why_ended(struct state *s, const struct job_row *row, bool used_up, struct why *out)
{
    struct pause_row p;
    bool paused = row->disabled && state_job_pause(s, row->id, &p);
    struct sentence *t = why_add(out, used_up && !paused ? "exhausted" : "disabled", row->name);
    if (t == NULL)
        return;
    SAY(t->what, "%s: does not run any more", row->name);
    if (paused)
        say_pause(&p, t);
    else
        SAY(t->because, used_up ? "all times of its schedule are over" : "it is disabled");
}

/* What a calendar keeps from running next. */
static void why_excluded(struct state *s, const struct job_row *row, struct why *out)
{
    struct job job;
    struct job_aim aim;
    struct error err;
    char next[TIME_TEXT_SIZE], then[TIME_TEXT_SIZE];
    if (!state_job_has_calendars(s, row->id) || row->next.ms == 0 ||
        jobs_load(row, &job, &err) != 0)
        return;
    job_aim_load(s, &job, NULL, &aim);
    struct calendar_span span = calendar_at(aim.aim.rules, job.schedule.zone, row->next);
    struct wall runs = cursor_next_run(&aim.aim, &job.cursor);
    bool again = runs.ms != WALL_NEVER.ms;
    struct sentence *t =
        span.open ? NULL : why_add(out, again ? "excluded" : "excluded-all", row->name);
    if (t != NULL) {
        const char *by = job_excluded_by(&job, span.by);
        SAY(t->what, again ? "%s: does not run at its next time" : "%s: runs at no time any more",
            row->name);
        wall_text(row->next, next);
        const char *tail = again ? "; it runs at " : ", and no later time of its schedule is left";
        const char *at = again ? wall_text(runs, then) : "";
        if (by == NULL)
            SAY(t->because, "%s is in none of the calendars that it must be in%s%s", next, tail,
                at);
        else if (again)
            SAY(t->because, "%s is a day of the calendar %s%s%s", next, by, tail, at);
        else
            SAY(t->because, "calendar %s excludes %s%s%s", by, next, tail, at);
    }
    job_aim_close(&aim);
    job_close(&job);
}

/* Outside its time a job has no targets, and does not fire. */
static void why_outside(const struct job_row *row, struct wall now, struct why *out)
{
    struct job job;
    struct error err;
    char at[TIME_TEXT_SIZE];
    if (job_load(row->definition, &job, &err) != 0)
        return;
    bool early = now.ms < job.starts.ms, over = job.ends.ms != 0 && now.ms >= job.ends.ms;
    struct sentence *t = early || over ? why_add(out, early ? "early" : "over", row->name) : NULL;
    if (t != NULL) {
        SAY(t->what, early ? "%s: does not run yet" : "%s: does not run any more", row->name);
        SAY(t->because,
            early ? "its time begins at %s (startsAt)" : "its time was over at %s (endsAt)",
            wall_text(early ? job.starts : job.ends, at));
    }
    job_close(&job);
}

bool why_job(struct state *s, struct hearing hearing, const char *name, struct wall now,
             struct why *out)
{
    struct job_row row;
    *out = (struct why){.ok = true};
    if (!state_job_by_name(s, name, &row))
        return false;
    why_never(s, hearing, &row, out);
    if (row.queued > 0)
        why_run(s, hearing, &row, out);
    if (row.disabled)
        why_ended(s, &row, row.remaining == 0, out);
    else
        why_outside(&row, now, out);
    if (!row.disabled)
        why_excluded(s, &row, out);
    why_last_run(s, &row, out);
    if (out->n == 0 && row.schedule != NULL && row.next.ms == 0 && row.active == 0)
        why_ended(s, &row, true, out);
    return true;
}

/* ---- tasks, nodes, deployments */

bool why_task(struct state *s, const char *name, struct wall now, struct why *out)
{
    struct task_row t;
    *out = (struct why){.ok = true};
    (void)now;
    if (!state_task_by_name(s, name, &t))
        return false;
    static const char *const ids[TASK_STATES] = {
        [TASK_STAGING] = "starting", [TASK_STARTING] = "starting",
        [TASK_KILLING] = "stopping", [TASK_UNREACHABLE] = "unreachable",
        [TASK_FINISHED] = "ended",   [TASK_FAILED] = "ended",
        [TASK_KILLED] = "ended",     [TASK_ERROR] = "ended",
        [TASK_GONE] = "ended",       [TASK_DROPPED] = "ended",
        [TASK_LOST] = "ended",
    };
    const char *id = t.state == TASK_RUNNING && t.health == 2 ? "unhealthy" : ids[t.state];
    if (id == NULL)
        return true;
    struct sentence *e = why_add(out, id, t.of != NULL ? t.of : name);
    SAY(e->what, "%s: %s", name, task_state_word(t.state));
    const char *because = t.message != NULL && t.message[0] != '\0' ? t.message
                          : t.detail != NULL && t.detail[0] != '\0' ? t.detail
                          : t.kill_reason != NULL && t.kill_reason[0] != '\0'
                              ? t.kill_reason
                              : "its node has said no more";
    SAY(e->because, "%.400s%s", because, end_hint(because));
    if (t.state == TASK_FAILED || t.state == TASK_ERROR)
        advise_end(e, &t, because);
    return true;
}

/* "; 2 tasks of apps move off, 1 of a job is let finish": what still runs on a node that drains. */
static void say_left(struct state *s, int64_t agent, struct sentence *t)
{
    struct task_row row;
    struct reservation_row kept;
    long long apps = 0, jobs = 0, residents = 0;
    size_t at = strlen(t->because);
    struct stmt *q = state_tasks_of_agent(s, agent);
    while (state_task_next(q, &row)) {
        bool stays = row.app != 0 && state_reservation(s, row.owner_id, &kept);
        residents += stays;
        apps += row.app != 0 && !stays;
        jobs += row.app == 0;
    }
    if (apps > 0)
        at += (size_t)snprintf(
            t->because + at, sizeof t->because - at,
            apps == 1 ? "; %lld task of an app moves off" : "; %lld tasks of apps move off", apps);
    if (residents > 0)
        at += (size_t)snprintf(t->because + at, sizeof t->because - at,
                               residents == 1
                                   ? "; %lld has its data here, and stays until it is stopped"
                                   : "; %lld have their data here, and stay until they are stopped",
                               residents);
    if (jobs > 0)
        snprintf(t->because + at, sizeof t->because - at,
                 jobs == 1 ? "; %lld run of a job is let finish"
                           : "; %lld runs of jobs are let finish",
                 jobs);
}

bool why_node(struct state *s, int64_t agent, const char *name, struct wall now, struct why *out)
{
    static const char *const ids[] = {
        [AGENT_READY] = NULL,
        [AGENT_DRAINING] = "node-draining",
        [AGENT_DRAINED] = "node-drained",
        [AGENT_UNREACHABLE] = "unreachable",
        [AGENT_GONE] = NULL, /* it is not shown any more */
    };
    struct agent_row a;
    *out = (struct why){.ok = true};
    if (!state_agent_by_id(s, agent, &a))
        return false;
    if (ids[a.state] == NULL)
        return true;
    struct sentence *t = why_add(out, ids[a.state], name);
    SAY(t->what, "%s: %s", name, agent_state_word(a.state));
    SAY(t->because, "it is so for %lld s", (long long)((now.ms - a.since.ms) / 1000));
    if (a.state == AGENT_DRAINING)
        say_left(s, a.id, t);
    return true;
}

bool why_deployment(struct state *s, struct hearing hearing, const char *uuid, struct wall now,
                    struct why *out)
{
    struct uuid u;
    struct deployment_row d;
    *out = (struct why){.ok = true};
    if (!uuid_parse(uuid, &u) || !state_deployment_by_uuid(s, u, &d))
        return false;
    char path[ID_SIZE];
    struct stmt *q = state_deployment_apps(s, d.id);
    while (stmt_row(q)) { /* the first app that does not go on says why */
        struct why one;
        str_copy(path, sizeof path, stmt_str(q, 0));
        if (why_app(s, hearing, path, now, &one) && !one.ok) {
            *out = one;
            break;
        }
    }
    stmt_end(q);
    return true;
}

static void say_app(struct state *s, const char *path, struct wall began, struct buf *out,
                    struct pace *pace_out)
{
    struct app_row row;
    struct app app;
    struct error err;
    if (!state_app_by_path(s, path, &row))
        return;
    if (app_load(row.definition, &app, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    pace_see(s, &row, &app, began, pace_out);
    say_pace(&row, &app, pace_out, out);
    if (row.counts.stopping > 0)
        buf_printf(out, ", %lld end", (long long)row.counts.stopping);
    app_close(&app);
}

/* Of several apps the sum, which says less. */
static void say_apps(struct state *s, const struct deployment_row *d, struct buf *out)
{
    int64_t wanted = 0, running = 0;
    struct app_row row;
    struct stmt *q = state_deployment_apps(s, d->id);
    while (stmt_row(q)) {
        if (!state_app_by_path(s, stmt_str(q, 0), &row))
            continue;
        wanted += row.instances;
        running += row.counts.running;
    }
    buf_printf(out, "%lld of %lld instances run", (long long)running, (long long)wanted);
}

void deployment_sentence(struct state *s, const struct deployment_row *d, struct wall now,
                         struct buf *out)
{
    int64_t apps = 0;
    char path[ID_SIZE] = "", age[48];
    struct pace pace = {0};
    struct stmt *q = state_deployment_apps(s, d->id);
    while (stmt_row(q))
        if (apps++ == 0)
            str_copy(path, sizeof path, stmt_str(q, 0));
    buf_printf(out, "step %d of %d: ", d->step, d->steps);
    if (apps != 1)
        say_apps(s, d, out);
    else
        say_app(s, path, d->started, out, &pace);
    if (pace.moved.ms != 0 && now.ms - pace.moved.ms >= MINUTE_MS)
        buf_printf(out, "; nothing has moved for %s", lasting(age, now.ms - pace.moved.ms));
}
