/* Reading runs. */
#include <string.h>

#include "api/native/private.h"
#include "base/str.h"

/* The vocabulary of people. Whose retry was superseded has failed (spec/chronos.md 5.4). */
const char *native_run_word(enum run_state s)
{
    static const char *const words[] = {
        [RUN_QUEUED] = "queued",     [RUN_ASSIGNED] = "running",  [RUN_RUNNING] = "running",
        [RUN_SUCCESS] = "ok",        [RUN_FAILED] = "failed",     [RUN_KILLED] = "killed",
        [RUN_LOST] = "lost",         [RUN_MISSED] = "missed",     [RUN_RETRY_WAIT] = "queued",
        [RUN_COALESCED] = "skipped", [RUN_CANCELLED] = "skipped", [RUN_SUPERSEDED] = "failed",
        [RUN_EXCLUDED] = "excluded",
    };
    return words[s];
}

/* ---- one run */

static void put_ms(struct json_writer *w, const char *name, struct wall from, struct wall to)
{
    if (from.ms != 0 && to.ms != 0)
        json_member_int(w, name, to.ms > from.ms ? to.ms - from.ms : 0);
}

/* Where it was and how it ended. */
static void put_attempt(struct state *s, const struct task_row *t, struct json_writer *w)
{
    struct agent_row a;
    char node[NODE_ID_SIZE];
    struct usage used = state_task_usage(s, t->id);
    json_member_str(w, "task", t->name);
    if (t->exited)
        json_member_int(w, "exit", t->exit_code);
    if (t->signaled)
        json_member_int(w, "signal", t->signal);
    if (state_agent_by_id(s, t->agent, &a)) {
        json_member_str(w, "node", native_agent_node_id(&a, node));
        json_member_str(w, "host", a.hostname);
    }
    if (used.mem_peak_bytes > 0)
        json_member_int(w, "mem_peak_bytes", used.mem_peak_bytes);
    if (used.cpu_ms > 0)
        json_member_int(w, "cpu_ms", used.cpu_ms);
}

static void put_run_task(struct state *s, const struct run_row *r, struct json_writer *w)
{
    struct task_row t;
    bool known = r->task != 0 && state_task_by_id(s, r->task, &t);
    const char *message = r->reason;
    if (known) {
        put_attempt(s, &t, w);
        if (*message == '\0' && r->state != RUN_SUCCESS) /* how it ended says enough */
            message = t.message;
    }
    native_text(w, "message", message);
}

static void put_times(struct state *s, const struct run_row *r, struct json_writer *w)
{
    bool can_be_late = r->cause != CAUSE_BACKFILL; /* that is for the past */
    native_time(w, "queued", r->queued);
    if (state_start_heard(s, r)) {
        native_time(w, "started", r->started);
        native_time(w, "ended", r->ended);
        if (can_be_late)
            put_ms(w, "late_ms", r->due, r->started);
        put_ms(w, "took_ms", r->started, r->ended);
    } else {
        native_time(w, "ended", r->ended);
        if (can_be_late)
            json_member_raw(w, "late_ms", SLICE("null"));
        json_member_raw(w, "took_ms", SLICE("null"));
    }
}

void native_put_run(struct state *s, const struct run_row *r, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "id", r->id);
    json_member_str(w, "job", r->job_name);
    native_time(w, "due", r->due);
    json_member_str(w, "cause", run_cause_word(r->cause));
    json_member_str(w, "state", native_run_word(r->state));
    json_member_int(w, "attempt", r->attempt);
    if (r->covers != 1)
        json_member_int(w, "covers", r->covers);
    put_times(s, r, w);
    put_run_task(s, r, w);
    json_object_end(w);
}

/* False after having failed the call. */
static bool path_run(struct call *c, struct run_row *out)
{
    const char *text = call_param(c, "id");
    int64_t id;
    if (str_to_i64(text, &id) && state_run_by_id(c->view->state, id, out))
        return true;
    call_fail(c, ERR_NOT_FOUND, "run %.200s does not exist, or is not kept any more", text);
    return false;
}

static int64_t attempt_of(const struct task_row *t)
{
    struct job_task_ref ref;
    struct error err;
    return job_task_id_parse(t->name, &ref, &err) == 0 ? ref.attempt : 0;
}

void native_ask_run(struct call *c)
{
    struct run_row r;
    struct task_row t;
    struct json_writer w;
    struct state *s = c->view->state;
    if (!path_run(c, &r))
        return;
    call_json(c, 200, &w);
    json_object(&w);
    json_key(&w, "run");
    native_put_run(s, &r, &w);
    json_key(&w, "attempts");
    json_array(&w);
    struct stmt *q = state_tasks_of_run(s, r.id);
    while (state_task_next(q, &t)) {
        json_object(&w);
        json_member_int(&w, "attempt", attempt_of(&t));
        json_member_str(&w, "state", native_task_word(&t));
        native_time(&w, "staged", t.staged);
        native_time(&w, "started", t.started);
        native_time(&w, "ended", t.ended);
        put_ms(&w, "took_ms", t.started, t.ended);
        put_attempt(s, &t, &w);
        native_put_message(&t, &w);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_member_int(&w, "index", (int64_t)c->view->index);
    json_object_end(&w);
}

/* ---- what it writes, or has written */

/* The newest order of that attempt; -1: of the run. */
static bool find_attempt(struct state *s, const struct run_row *r, int64_t attempt,
                         struct task_row *out)
{
    int64_t id = attempt < 0 ? r->task : 0;
    struct stmt *q = state_tasks_of_run(s, r->id);
    while (state_task_next(q, out))
        if (attempt_of(out) == attempt && out->state != TASK_DROPPED)
            id = out->id;
    return id != 0 && state_task_by_id(s, id, out);
}

void native_ask_run_log(struct call *c)
{
    struct run_row r;
    struct task_row t;
    struct agent_row a;
    int64_t attempt = -1;
    char got[80];
    const char *stream = query_get(&c->query, "stream");
    if (stream == NULL || *stream == '\0')
        stream = "stdout";
    if (!path_run(c, &r) || native_number(c, "attempt", &attempt) != 0)
        return;
    if (!str_eq(stream, "stdout") && !str_eq(stream, "stderr"))
        call_fail(c, ERR_INVALID, "stream: got %s, need stdout or stderr",
                  str_quote(got, sizeof got, stream, strlen(stream)));
    else if (!find_attempt(c->view->state, &r, attempt, &t))
        call_fail(c, ERR_NOT_FOUND, "run %lld has written nothing: %s", (long long)r.id,
                  attempt >= 0        ? "it has no such attempt"
                  : run_over(r.state) ? "it never began"
                                      : "it has not begun yet");
    else if (state_agent_by_id(c->view->state, t.agent, &a) && a.state == AGENT_GONE)
        call_fail(c, ERR_NOT_FOUND,
                  "what run %lld has written is lost: node %.200s, where it ran, was removed",
                  (long long)r.id, a.hostname);
    else
        native_log(c, &t, stream);
}

/* ---- the list */

enum run_key { RUN_NEWEST, RUN_BY_DUE, RUN_BY_ID, RUN_BY_STATE, RUN_BY_JOB, RUN_BY_STARTED };
static const char *const run_sorts[] = {
    [RUN_NEWEST] = "newest",     [RUN_BY_DUE] = "due", [RUN_BY_ID] = "id",
    [RUN_BY_STATE] = "state",    [RUN_BY_JOB] = "job", [RUN_BY_STARTED] = "started",
    [RUN_BY_STARTED + 1] = NULL,
};
static const char *const run_states[] = {"queued",  "running", "ok",   "failed",   "missed",
                                         "skipped", "killed",  "lost", "excluded", NULL};

static void add_run(struct list *l, const struct run_row *r)
{
    switch ((enum run_key)l->sort) {
    case RUN_NEWEST:
    case RUN_BY_DUE:
        list_add_number(l, r->id, r->due.ms);
        break;
    case RUN_BY_ID:
        list_add_number(l, r->id, r->id);
        break;
    case RUN_BY_STATE:
        list_add_text(l, r->id, native_run_word(r->state));
        break;
    case RUN_BY_JOB:
        list_add_text(l, r->id, r->job_name);
        break;
    case RUN_BY_STARTED:
        list_add_number(l, r->id, r->started.ms != 0 ? r->started.ms : LIST_NONE);
        break;
    }
}

/* The runs that are asked for; NULL after having failed the call. */
static struct stmt *wanted_runs(struct call *c)
{
    struct job_row job;
    const char *name = query_get(&c->query, "job");
    if (name == NULL || *name == '\0')
        return state_runs(c->view->state, LIST_LIMIT_MAX);
    if (!native_job_or_gone(c, name, &job))
        return NULL;
    return state_runs_of_job(c->view->state, job.id, LIST_LIMIT_MAX);
}

void native_ask_runs(struct call *c)
{
    struct list l;
    struct run_row r;
    struct json_writer w;
    struct stmt *q;
    if (list_begin(c, &l, run_sorts, run_states) != 0 || (q = wanted_runs(c)) == NULL)
        return;
    while (state_run_next(q, &r))
        if (list_wants(&l, native_run_word(r.state), r.job_name, NULL))
            add_run(&l, &r);
    list_head(c, &l, &w);
    for (size_t i = 0; i < list_size(&l); i++)
        if (state_run_by_id(c->view->state, list_id(&l, i), &r))
            native_put_run(c->view->state, &r, &w);
    list_end(&w);
    list_close(&l);
}
