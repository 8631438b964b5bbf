/* Tasks: lists, one, its files; kills. */
#include <stdio.h>
#include <string.h>

#include "api/marathon/changes.h"
#include "api/native/private.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/mesos_id.h"

enum task_key { BY_ID, BY_STATE, BY_OWNER, BY_STARTED, BY_STAGED, BY_ENDED, BY_CPUS, BY_MEM };
static const char *const sorts[] = {
    [BY_ID] = "id",           [BY_STATE] = "state",   [BY_OWNER] = "owner",
    [BY_STARTED] = "started", [BY_STAGED] = "staged", [BY_ENDED] = "ended",
    [BY_CPUS] = "cpus",       [BY_MEM] = "mem",       [BY_MEM + 1] = NULL,
};
static const char *const states[] = {"staging",   "starting",    "running",  "healthy",
                                     "unhealthy", "unreachable", "finished", "failed",
                                     "killed",    "lost",        NULL};

/* ---- one task */

/* The vocabulary of people; while it is being stopped it is what it was, and `detail` says so. */
const char *native_task_word(const struct task_row *t)
{
    static const char *const words[TASK_STATES] = {
        [TASK_STAGING] = "staging",
        [TASK_STARTING] = "starting",
        [TASK_RUNNING] = "running",
        [TASK_KILLING] = "running",
        [TASK_UNREACHABLE] = "unreachable",
        [TASK_FINISHED] = "finished",
        [TASK_FAILED] = "failed",
        [TASK_KILLED] = "killed",
        [TASK_ERROR] = "failed",
        [TASK_GONE] = "lost",
        [TASK_DROPPED] = "lost",
        [TASK_LOST] = "lost",
    };
    static const char *const by_health[] = {"running", "healthy", "unhealthy", "unhealthy"};
    if (t->state == TASK_RUNNING)
        return by_health[t->health & 3];
    return words[t->state];
}

/* The name of its app or job, also when that is gone: then its id says it. */
static const char *owner_of(const struct task_row *t, char dst[JOB_NAME_MAX + 1])
{
    struct error err;
    struct task_ref app;
    struct job_task_ref job;
    dst[0] = '\0';
    if (t->of != NULL)
        return t->of;
    if (t->owner == OWNER_APP && task_id_parse(t->name, &app, &err) == 0)
        str_copy(dst, JOB_NAME_MAX + 1, app.app);
    else if (t->owner == OWNER_JOB && job_task_id_parse(t->name, &job, &err) == 0)
        str_copy(dst, JOB_NAME_MAX + 1, job.name);
    return dst;
}

static void put_owner(const struct task_row *t, struct json_writer *w)
{
    char name[JOB_NAME_MAX + 1];
    json_key(w, "owner");
    json_object(w);
    json_member_str(w, "noun", t->owner == OWNER_APP ? "app" : "job");
    json_member_str(w, "name", owner_of(t, name));
    json_object_end(w);
}

static void put_instance(const struct task_row *t, struct json_writer *w)
{
    struct task_ref ref;
    struct error err;
    char id[INSTANCE_ID_SIZE];
    if (t->owner == OWNER_APP && task_id_parse(t->name, &ref, &err) == 0)
        json_member_str(w, "instance", instance_id_text(ref.app, ref.instance, id));
}

static void put_place(struct state *s, int64_t agent, struct json_writer *w)
{
    struct agent_row a;
    char id[NODE_ID_SIZE];
    bool known = state_agent_by_id(s, agent, &a);
    json_member_str(w, "node", known ? native_agent_node_id(&a, id) : "");
    json_member_str(w, "host", known ? a.hostname : "");
}

void native_put_message(const struct task_row *t, struct json_writer *w)
{
    char text[1024];
    bool ended_well = t->state == TASK_FINISHED; /* before the order to end it came */
    const char *said = t->message != NULL && *t->message != '\0' ? t->message
                       : !ended_well                             ? t->kill_reason
                                                                 : NULL;
    if (said == NULL)
        return;
    snprintf(text, sizeof text, "%s%s", said, end_hint(said));
    native_text(w, "message", *end_hint(said) != '\0' ? text : said);
}

/* Of a resident: what outlives this task. */
static void put_volumes(struct state *s, const struct task_row *t, struct json_writer *w)
{
    struct volume_row v;
    size_t n = 0;
    struct stmt *q = t->owner == OWNER_APP ? state_volumes_of_instance(s, t->owner_id) : NULL;
    for (; state_volume_next(q, &v); n++) {
        if (n == 0) {
            json_key(w, "volumes");
            json_array(w);
        }
        json_put_str(w, v.name);
    }
    if (n > 0)
        json_array_end(w);
}

void native_put_task(const struct view *v, const struct task_row *t, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "id", t->name);
    put_instance(t, w);
    put_owner(t, w);
    json_member_str(w, "state", native_task_word(t));
    if (t->state == TASK_KILLING)
        json_member_str(w, "detail", "is being stopped");
    else
        native_text(w, "detail", t->detail);
    put_place(v->state, t->agent, w);
    json_member_raw(w, "ports", slice_of(t->ports));
    native_time(w, "staged", t->staged);
    native_time(w, "started", t->started);
    native_time(w, "ended", t->ended);
    if (t->owner == OWNER_APP)
        native_time(w, "version", t->version);
    if (t->exited)
        json_member_int(w, "exit", t->exit_code);
    if (t->signaled)
        json_member_int(w, "signal", t->signal);
    native_put_message(t, w);
    json_member_double(w, "cpus", milli_to_cpus(t->cpus_milli));
    json_member_double(w, "mem", bytes_to_mib(t->mem_bytes));
    if (t->pid != 0)
        json_member_int(w, "pid", t->pid);
    native_text(w, "container", t->container);
    put_volumes(v->state, t, w);
    json_object_end(w);
}

void native_ask_task(struct call *c)
{
    struct task_row t;
    struct json_writer w;
    if (!native_path_task(c, &t))
        return;
    call_json(c, 200, &w);
    native_put_task(c->view, &t, &w);
}

/* ---- the list */

struct filter { /* "": any; agent -1: any */
    const char *app, *job;
    char path[ID_SIZE]; /* of the app */
    int64_t agent;
};

/* -1 after having failed the call. */
static int read_filter(struct call *c, struct filter *f)
{
    struct error err;
    const char *app = query_get(&c->query, "app"), *job = query_get(&c->query, "job"),
               *node = query_get(&c->query, "node");
    *f = (struct filter){.app = app != NULL ? app : "", .job = job != NULL ? job : "", .agent = -1};
    if (f->app[0] != '\0' && id_resolve(f->app, "/", f->path, &err) != 0) {
        error_wrap(&err, "app");
        call_error(c, &err);
        return -1;
    }
    if (node == NULL || *node == '\0')
        return 0;
    struct native_node n;
    char got[150];
    if (native_find(c->view, node, &n) && n.agent >= 0) {
        f->agent = n.agent;
        return 0;
    }
    call_fail(c, ERR_NOT_FOUND, "node: got %s, there is no such node with an agent",
              str_quote(got, sizeof got, node, strlen(node)));
    return -1;
}

static bool passes(const struct filter *f, const struct task_row *t)
{
    char name[JOB_NAME_MAX + 1];
    if (f->agent >= 0 && t->agent != f->agent)
        return false;
    if (f->app[0] != '\0' && (t->owner != OWNER_APP || !str_eq(owner_of(t, name), f->path)))
        return false;
    return f->job[0] == '\0' || (t->owner == OWNER_JOB && str_eq(owner_of(t, name), f->job));
}

static void add(struct list *l, const struct task_row *t, const char *state)
{
    char name[JOB_NAME_MAX + 1];
    switch ((enum task_key)l->sort) {
    case BY_ID:
        list_add_text(l, t->id, t->name);
        break;
    case BY_STATE:
        list_add_text(l, t->id, state);
        break;
    case BY_OWNER:
        list_add_text(l, t->id, owner_of(t, name));
        break;
    case BY_STARTED:
        list_add_number(l, t->id, t->started.ms != 0 ? t->started.ms : LIST_NONE);
        break;
    case BY_STAGED:
        list_add_number(l, t->id, t->staged.ms);
        break;
    case BY_ENDED:
        list_add_number(l, t->id, t->ended.ms != 0 ? t->ended.ms : LIST_NONE);
        break;
    case BY_CPUS:
        list_add_number(l, t->id, t->cpus_milli);
        break;
    case BY_MEM:
        list_add_number(l, t->id, t->mem_bytes);
        break;
    }
}

static void gather(struct stmt *q, const struct filter *f, struct list *l)
{
    struct task_row t;
    while (state_task_next(q, &t)) {
        const char *state = native_task_word(&t);
        if (!passes(f, &t) || !list_wants(l, state, t.name, NULL))
            continue;
        add(l, &t, state);
        list_name(l, t.name);
    }
}

/* The query that reads the fewest. */
static struct stmt *live_tasks(struct state *s, const struct filter *f)
{
    struct app_row a;
    if (f->app[0] != '\0' && state_app_by_path(s, f->path, &a))
        return state_tasks_of_app(s, a.id);
    return f->agent >= 0 ? state_tasks_of_agent(s, f->agent) : state_tasks(s);
}

/* Those of a job are kept as long as its runs are. */
static void gather_job(struct state *s, const struct filter *f, struct list *l)
{
    struct job_row job;
    struct run_row r;
    if (!state_job_by_name(s, f->job, &job) && !state_job_called(s, f->job, &job))
        return;
    struct stmt *q = state_runs_of_job(s, job.id, LIST_LIMIT_MAX);
    while (state_run_next(q, &r))
        gather(state_tasks_of_run(s, r.id), f, l);
}

void native_ask_tasks(struct call *c)
{
    struct list l;
    struct filter f;
    struct task_row t;
    struct json_writer w;
    struct state *s = c->view->state;
    if (read_filter(c, &f) != 0 || list_begin(c, &l, sorts, states) != 0)
        return;
    if (f.job[0] != '\0') {
        gather_job(s, &f, &l);
    } else {
        gather(live_tasks(s, &f), &f, &l);
        gather(state_tasks_ended_of(s, OWNER_APP, LIMIT_FINISHED_TASKS), &f, &l);
        if (f.app[0] == '\0')
            gather(state_tasks_ended_of(s, OWNER_JOB, LIMIT_FINISHED_TASKS), &f, &l);
    }
    list_head(c, &l, &w);
    for (size_t i = 0; i < list_size(&l); i++)
        if (state_task_by_id(s, list_id(&l, i), &t))
            native_put_task(c->view, &t, &w);
    list_end(&w);
    list_close(&l);
}

/* ---- its files: the executor reads them */

static struct sandbox_request *request_for(struct call *c, const struct task_row *t,
                                           enum sandbox_op op, const char *rest)
{
    char sandbox[MESOS_PATH_SIZE];
    struct buf path;
    struct sandbox_request *r = NEW(struct sandbox_request);
    mesos_sandbox_path(c->view->facts->cluster, t->agent, t->owner, t->name, t->container, sandbox);
    buf_init(&path, LIMIT_URL_BYTES + MESOS_PATH_SIZE);
    buf_printf(&path, "%s%s%s", sandbox, *rest == '/' || *rest == '\0' ? "" : "/", rest);
    *r = (struct sandbox_request){
        .op = op,
        .shape = SHAPE_NATIVE,
        .path = buf_take(&path, NULL),
        .length = -1,
        .task = t->id,
    };
    call_place(c, t->agent, r);
    return r;
}

int native_number(struct call *c, const char *name, int64_t *out)
{
    char quoted[64];
    const char *text = query_get(&c->query, name);
    if (text == NULL || *text == '\0' || (str_to_i64(text, out) && *out >= 0))
        return 0;
    call_fail(c, ERR_INVALID, "%s: got %s, need a whole number from 0 on", name,
              str_quote(quoted, sizeof quoted, text, strlen(text)));
    return -1;
}

static bool follows(const struct query *q)
{
    const char *text = query_get(q, "follow");
    return text != NULL && (str_eq(text, "1") || str_eq(text, "true"));
}

/* Where a broken stream goes on; false after having failed the call. */
static bool read_place(struct call *c, bool follow, int64_t *offset, int64_t *tail)
{
    char text[24], got[60];
    struct slice last = header_get(c->request->headers, "Last-Event-ID");
    *offset = *tail = -1;
    if (native_number(c, "offset", offset) != 0 || native_number(c, "tail", tail) != 0)
        return false;
    if (follow && last.len > 0 && last.len < sizeof text) {
        snprintf(text, sizeof text, "%.*s", (int)last.len, last.p);
        if (!str_to_i64(text, offset) || *offset < 0) {
            call_fail(c, ERR_INVALID, "Last-Event-ID: got %s, need the id of an event",
                      str_quote(got, sizeof got, text, strlen(text)));
            return false;
        }
    }
    if (*offset >= 0 || *tail < 0) /* a place wins over a tail; neither is the beginning */
        *tail = 0;
    if (*offset < 0 && *tail == 0 && query_get(&c->query, "tail") == NULL)
        *offset = 0;
    return true;
}

void native_log(struct call *c, const struct task_row *t, const char *file)
{
    int64_t offset, tail, length = -1;
    bool follow = follows(&c->query);
    if (!read_place(c, follow, &offset, &tail) || native_number(c, "length", &length) != 0)
        return;
    struct sandbox_request *r = request_for(c, t, follow ? SANDBOX_FOLLOW : SANDBOX_READ, file);
    r->offset = offset;
    r->tail = tail;
    if (!follow)
        r->length = length;
    else if (t->started.ms == 0 && !task_ended(t->state))
        r->begins_within_ms = LIMIT_FOLLOW_WAIT_MS;
    c->reply->sandbox = r;
}

void native_ask_log(struct call *c)
{
    struct task_row t;
    const char *file = query_get(&c->query, "file");
    if (native_path_task(c, &t))
        native_log(c, &t, file != NULL && *file != '\0' ? file : "stdout");
}

void native_ask_files(struct call *c)
{
    struct task_row t;
    const char *path = query_get(&c->query, "path");
    if (!native_path_task(c, &t))
        return;
    c->reply->sandbox = request_for(c, &t, SANDBOX_BROWSE, path != NULL ? path : "");
}

/* ---- killing */

static bool wipes(const struct tell *t)
{
    return query_true(&t->c.query, "wipe");
}

static void kill_it(struct tell *t, const struct task_row *task)
{
    struct json_writer w;
    tell_begin(t, COMMAND_TASK_KILL, &w, native_written);
    json_key(&w, "tasks");
    json_array(&w);
    json_object(&w);
    json_member_int(&w, "task", task->id);
    json_member_str(&w, "reason", "killed by a user");
    if (wipes(t))
        json_member_bool(&w, "wipe", true);
    json_object_end(&w);
    json_array_end(&w);
    tell_end(t, &w);
}

/* One instance less is wanted from now on, and it is this one that goes. */
static void scale_away(struct tell *t, const struct task_row *task, const struct app_row *row)
{
    struct app a;
    char group[ID_SIZE];
    load_app(row, &a);
    if (a.instances > 0)
        app_set_instances(&a, a.instances - 1);
    struct changes ch = {.group = id_parent(row->path, group),
                         .force = query_true(&t->c.query, "force")};
    ch.kills = NEW(int64_t);
    ch.kills[0] = task->id;
    ch.kills_n = 1;
    changes_put(&ch, &a, row);
    changes_propose(t, &ch, native_written);
    changes_close(&ch);
}

static bool keeps_data(struct state *s, const struct task_row *task)
{
    struct reservation_row r;
    return task->app != 0 && state_reservation(s, task->owner_id, &r);
}

void native_delete_task(struct tell *t)
{
    struct task_row task;
    struct app_row row;
    struct state *s = t->c.view->state;
    if (native_once(t, native_written) || !native_path_task(&t->c, &task))
        return;
    bool scale = query_true(&t->c.query, "scale"), resident = keeps_data(s, &task);
    if (scale && wipes(t)) {
        call_fail(&t->c, ERR_INVALID, "scale and wipe: got both, need one of them at most");
        return;
    }
    if (wipes(t) && !resident) {
        call_fail(&t->c, ERR_CONFLICT, "wipe: task %s keeps no data", task.name);
        return;
    }
    if (task_ended(task.state) && !wipes(t)) {
        call_fail(&t->c, ERR_CONFLICT, "task %s has ended already", task.name);
        return;
    }
    scale = scale && task.app != 0 && !task.stopping;
    if (scale && state_app_by_id(s, task.app, &row) && !row.gone && row.instances > 0)
        scale_away(t, &task, &row);
    else
        kill_it(t, &task);
}
