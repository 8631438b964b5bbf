/* Reading runs. */
#include "api/native/private.h"

/* The vocabulary of people. */
const char *native_run_word(enum run_state s)
{
    static const char *const words[] = {
        [RUN_QUEUED] = "queued",     [RUN_ASSIGNED] = "running",  [RUN_RUNNING] = "running",
        [RUN_SUCCESS] = "ok",        [RUN_FAILED] = "failed",     [RUN_KILLED] = "killed",
        [RUN_LOST] = "lost",         [RUN_MISSED] = "missed",     [RUN_RETRY_WAIT] = "queued",
        [RUN_COALESCED] = "skipped", [RUN_CANCELLED] = "skipped", [RUN_SUPERSEDED] = "skipped",
    };
    return words[s];
}

static void put_run_task(struct state *s, const struct run_row *r, struct json_writer *w)
{
    struct task_row t;
    struct agent_row a;
    char node[NODE_ID_SIZE];
    bool known = r->task != 0 && state_task_by_id(s, r->task, &t);
    const char *message = r->reason;
    if (known) {
        json_member_str(w, "task", t.name);
        if (t.exited)
            json_member_int(w, "exit", t.exit_code);
        if (t.signaled)
            json_member_int(w, "signal", t.signal);
        if (state_agent_by_id(s, t.agent, &a))
            json_member_str(w, "node", native_agent_node_id(&a, node));
        if (*message == '\0' && r->state != RUN_SUCCESS) /* how it ended says enough */
            message = t.message;
    }
    native_text(w, "message", message);
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
    native_time(w, "started", r->started);
    native_time(w, "ended", r->ended);
    put_run_task(s, r, w);
    json_object_end(w);
}

/* ---- the list */

enum run_key { RUN_NEWEST, RUN_BY_DUE, RUN_BY_ID, RUN_BY_STATE, RUN_BY_JOB, RUN_BY_STARTED };
static const char *const run_sorts[] = {
    [RUN_NEWEST] = "newest",     [RUN_BY_DUE] = "due", [RUN_BY_ID] = "id",
    [RUN_BY_STATE] = "state",    [RUN_BY_JOB] = "job", [RUN_BY_STARTED] = "started",
    [RUN_BY_STARTED + 1] = NULL,
};
static const char *const run_states[] = {"queued",  "running", "ok",   "failed", "missed",
                                         "skipped", "killed",  "lost", NULL};

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
    if (state_job_by_name(c->view->state, name, &job))
        return state_runs_of_job(c->view->state, job.id, LIST_LIMIT_MAX);
    call_fail(c, ERR_NOT_FOUND, "job %.200s does not exist", name);
    return NULL;
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
