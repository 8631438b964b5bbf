#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"
#include "model/job.h"
#include "state/private.h"

#define RETRY_DELAY_MS 60000              /* --failure_retry's default (spec/chronos.md 5.3) */
#define RETRY_DELAY_MS_MAX (24 * 3600000) /* 5.3 */
#define AGENT_MS_MAX (INT64_MAX / 4)      /* an agent's clock may say anything */

/* Binds a member that may be absent: null then. */
static void bind_optional(struct stmt *q, const char *parameter, const struct json *v)
{
    int64_t n;
    if (json_i64(v, &n))
        stmt_bind_i64(q, parameter, n);
    else
        stmt_bind_null(q, parameter);
}

struct stmt *change_of_job(struct apply *a, int which, int64_t job)
{
    struct stmt *q = change_use(a->s, which);
    stmt_bind_i64(q, ":job", job);
    return q;
}

void job_tell(struct apply *a, int64_t id, const char *name, int64_t event)
{
    changed(a, (struct change){.kind = CHANGE_JOB, .id = id, .name = name, .event = event});
}

static void tell_run(struct apply *a, const struct run_row *r, enum run_state state,
                     const char *reason)
{
    char id[24];
    const char *word = run_state_word(state);
    bool why = reason != NULL && *reason != '\0';
    snprintf(id, sizeof id, "%lld", (long long)r->id);
    const char *const parts[] = {r->job_name,     ": run ",          id,  " is ", word,
                                 why ? ": " : "", why ? reason : "", NULL};
    changed(a, (struct change){
                   .kind = CHANGE_RUN,
                   .id = r->id,
                   .name = r->job_name,
                   .owner = r->job,
                   .state = (int)state,
                   .before = (int)r->state,
                   .event = event_put_parts(a, NOUN_RUN, r->job_name, word, parts),
               });
}

static void disable_if_exhausted(struct apply *a, int64_t job_id);

/* ---- making runs */

int64_t run_add(struct apply *a, const struct job_row *job, int64_t priority,
                const struct new_run *n)
{
    struct stmt *q = change_of_job(a, RUN_ADD, job->id);
    stmt_bind_i64(q, ":generation", job->generation);
    stmt_bind_i64(q, ":cause", n->cause);
    stmt_bind_i64(q, ":due", n->due_ms);
    stmt_bind_i64(q, ":state", n->state);
    stmt_bind_i64(q, ":priority", priority);
    bind_optional(q, ":deadline", n->deadline);
    stmt_bind_text(q, ":arguments", n->arguments);
    stmt_bind_i64(q, ":covers", n->covers);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    if (run_over(n->state))
        stmt_bind_i64(q, ":ended", a->c->at.ms);
    stmt_bind_text(q, ":reason", n->reason != NULL ? n->reason : "");
    stmt_run(q);
    struct run_row r = {.id = db_last_id(a->s->db),
                        .job = job->id,
                        .generation = job->generation,
                        .covers = n->covers,
                        .cause = n->cause,
                        .state = n->state,
                        .priority = (int)priority,
                        .due = {n->due_ms},
                        .deadline = {json_int(n->deadline, 0)},
                        .queued = a->c->at,
                        .ended = run_over(n->state) ? a->c->at : (struct wall){0},
                        .arguments = n->arguments,
                        .reason = n->reason != NULL ? n->reason : "",
                        .job_name = job->name};
    run_known(a->s, &r);
    r.state = RUN_QUEUED; /* what it was before it was anything else */
    tell_run(a, &r, n->state, n->reason);
    return r.id;
}

struct target target_of(struct state *s, int64_t job, int64_t due_ms)
{
    struct target t = {0};
    struct stmt *q = query_use(s, RUNS_OF_TARGET);
    stmt_bind_i64(q, ":job", job);
    stmt_bind_i64(q, ":due", due_ms);
    while (stmt_row(q)) {
        enum run_cause cause = (enum run_cause)stmt_word(q, 1, RUN_CAUSE_LAST, CAUSE_SCHEDULE);
        enum run_state state = (enum run_state)stmt_word(q, 3, RUN_STATE_LAST, RUN_LOST);
        if (stmt_i64(q, 2) != 1)
            continue;
        bool unassigned = state == RUN_CANCELLED && stmt_bool(q, 4);
        if (cause == CAUSE_SCHEDULE && unassigned)
            t.unassigned = stmt_i64(q, 0);
        else if (cause == CAUSE_SCHEDULE)
            t.claimed = true;
        bool passed = state == RUN_MISSED || state == RUN_COALESCED || state == RUN_CANCELLED ||
                      state == RUN_EXCLUDED;
        bool of_target = cause == CAUSE_SCHEDULE || cause == CAUSE_BACKFILL;
        t.has_run = t.has_run || (of_target && !passed);
    }
    return t;
}

void drop_unassigned(struct apply *a, int64_t run)
{
    struct stmt *q;
    if (run == 0)
        return;
    if (a->s->level >= HISTORY_LEVEL) {
        history_drop_run(a, run);
        return;
    }
    q = change_use(a->s, RUN_DELETE); /* below it tasks that were dropped stayed */
    stmt_bind_i64(q, ":id", run);
    stmt_run(q);
}

/* One target is claimed once (spec/chronos.md 9, claim uniqueness). */
static void claim(struct apply *a, const struct job_row *job, int64_t priority,
                  const struct json *item)
{
    int64_t due = json_int(json_get(item, "due_ms"), 0);
    struct target t = target_of(a->s, job->id, due);
    bool has_run = a->s->level >= LEVEL_BACKFILLS && t.has_run;
    if (t.claimed || has_run || target_filled(a->s, job->id, due))
        return;
    drop_unassigned(a, t.unassigned);
    struct new_run n = {.cause = CAUSE_SCHEDULE,
                        .state = RUN_QUEUED,
                        .due_ms = due,
                        .covers = 1,
                        .deadline = json_get(item, "deadline_ms")};
    run_add(a, job, priority, &n);
}

/* One record of targets that do not run. */
static void pass(struct apply *a, const struct job_row *job, int64_t priority, enum run_state state,
                 const struct json *v)
{
    struct new_run n = {.cause = CAUSE_SCHEDULE,
                        .state = state,
                        .due_ms = json_int(json_get(v, "due_ms"), 0),
                        .covers = json_int(json_get(v, "covers"), 1),
                        .reason = json_str(json_get(v, "reason"), "")};
    struct target t = n.covers == 1 ? target_of(a->s, job->id, n.due_ms) : (struct target){0};
    if (t.claimed)
        return;
    drop_unassigned(a, t.unassigned);
    const struct run_row r = {.id = run_add(a, job, priority, &n),
                              .job = job->id,
                              .due.ms = n.due_ms,
                              .covers = n.covers};
    if (state == RUN_MISSED)
        notice_put(a, NOTICE_MISSED, job, &r, n.reason);
    history_over(a, &r, state, a->c->at, NULL);
}

/* `claims`, `missed`, `coalesced` and `excluded` of job.put and of an element of job.tick (3.5 B,
 * C). */
static void decide_targets(struct apply *a, int64_t job_id, const struct json *item)
{
    struct job_row job;
    const struct json *claims = json_get(item, "claims"), *missed = json_get(item, "missed");
    const struct json *coalesced = json_get(item, "coalesced");
    const struct json *excluded = json_get(item, "excluded");
    bool none = json_first(claims) == NULL && missed == NULL && coalesced == NULL &&
                excluded == NULL; /* mostly: no job is looked up then */
    if (none || !state_job_alone(a->s, job_id, &job))
        return;
    int64_t priority = json_int(json_get(item, "priority"), 0);
    if (missed != NULL)
        pass(a, &job, priority, RUN_MISSED, missed);
    if (coalesced != NULL)
        pass(a, &job, priority, RUN_COALESCED, coalesced);
    if (excluded != NULL)
        excluded_put(a, &job, excluded);
    JSON_EACH (c, claims)
        claim(a, &job, priority, c);
}

/* ---- jobs */

static void bind_cursor(struct stmt *q, const struct json *v)
{
    stmt_bind_text(q, ":schedule", json_str(json_get(v, "schedule"), NULL));
    stmt_bind_i64(q, ":k", json_int(json_get(v, "k"), 0));
    stmt_bind_i64(q, ":remaining", json_int(json_get(v, "remaining"), 0));
    bind_optional(q, ":next", json_get(v, "next_ms"));
}

void job_step(struct apply *a, int64_t job, const struct json *item)
{
    const struct memo_row *known = memo_known(a->s, MEMO_JOB, job);
    struct stmt *q = change_use(a->s, JOB_CURSOR);
    stmt_bind_i64(q, ":id", job);
    bind_cursor(q, item);
    stmt_run(q);
    if (known != NULL) {
        struct job_row now = known->job;
        now.schedule = json_str(json_get(item, "schedule"), NULL);
        now.k = json_int(json_get(item, "k"), 0);
        now.remaining = json_int(json_get(item, "remaining"), 0);
        now.next.ms = json_int(json_get(item, "next_ms"), 0);
        job_known(a->s, &now);
    }
    decide_targets(a, job, item);
}

/* `counted`: as history_over() has it. */
static void end_run_at(struct apply *a, const struct run_row *r, enum run_state state,
                       const char *reason, struct wall at, struct job_row *counted)
{
    struct stmt *q = change_use(a->s, RUN_END);
    stmt_bind_i64(q, ":state", state);
    stmt_bind_i64(q, ":at", at.ms);
    stmt_bind_text(q, ":reason", reason != NULL ? reason : "");
    stmt_bind_i64(q, ":id", r->id);
    stmt_run(q);
    tell_run(a, r, state, reason);
    backfill_run_over(a, r, state);
    history_over(a, r, state, at, counted);
}

/* Now, and not by a word of its agent's. */
static void end_run(struct apply *a, const struct run_row *r, enum run_state state,
                    const char *reason)
{
    end_run_at(a, r, state, reason, a->c->at, NULL);
}

void run_cancel(struct apply *a, const struct run_row *r, const char *reason)
{
    end_run(a, r, RUN_CANCELLED, reason);
}

/* Nobody waits for what a backfill repeats. */
static void tell_children(struct apply *a, const struct job_row *job, const struct run_row *r,
                          int ends)
{
    if (r->cause != CAUSE_BACKFILL)
        dependents_run_over(a, job, r->id, ends);
}

/* Each run that is not over; what is done to them changes the list, so it is read first. */
void each_open_run(struct apply *a, int64_t job,
                   void (*each)(struct apply *a, const struct run_row *r))
{
    struct arena arena = {0};
    struct run_row r;
    struct ids runs = ids_of(state_runs_open(a->s, job), &arena);
    for (size_t i = 0; i < runs.n; i++)
        if (state_run_by_id(a->s, runs.items[i], &r))
            each(a, &r);
    arena_close(&arena);
}

/* Disabling cancels what waits, manual runs excepted (3.9). */
static void cancel_waiting(struct apply *a, const struct run_row *r)
{
    if (!run_active(r->state) && !run_by_hand(r->cause))
        end_run(a, r, RUN_CANCELLED, "the job was disabled");
}

static void cancel_all(struct apply *a, int64_t job)
{
    each_open_run(a, job, cancel_waiting);
    dependents_cancel(a, job);
}

static void mark_disabled(struct apply *a, int64_t job)
{
    struct stmt *q = change_use(a->s, JOB_DISABLE);
    stmt_bind_i64(q, ":id", job);
    stmt_run(q);
}

void job_disable(struct apply *a, int64_t job)
{
    mark_disabled(a, job);
    cancel_all(a, job);
}

/* The job waits for others now (4.4). */
static void cancel_targets(struct apply *a, const struct run_row *r)
{
    if (r->state == RUN_QUEUED && r->cause == CAUSE_SCHEDULE)
        end_run(a, r, RUN_CANCELLED, "the job has parents now");
}

static void bind_job(struct stmt *q, const struct json *v, const char *definition)
{
    const struct json *c = json_get(v, "counters");
    stmt_bind_text(q, ":definition", definition);
    stmt_bind_i64(q, ":disabled", json_bool(json_get(v, "disabled"), false));
    bind_cursor(q, v);
    stmt_bind_i64(q, ":successes", json_int(json_get(c, "successes"), 0));
    stmt_bind_i64(q, ":errors", json_int(json_get(c, "errors"), 0));
    stmt_bind_i64(q, ":since", json_int(json_get(c, "since"), 0));
    bind_optional(q, ":last_success", json_get(c, "last_success_ms"));
    bind_optional(q, ":last_error", json_get(c, "last_error_ms"));
}

/* Those in `jobs` hold again. */
static void forget_counters(struct apply *a, int64_t job)
{
    if (a->s->level < PACKED_LEVEL)
        return;
    struct stmt *q = change_of_job(a, ENDS_UNCOUNT, job);
    stmt_run(q);
}

/* What a put has to know of the job that it replaces; all zero: there is none. */
struct old_job {
    int64_t id, generation;
    bool disabled;
};

static bool find_old(struct state *s, const char *name, struct old_job *out)
{
    struct stmt *q = query_use(s, JOB_TO_PUT);
    stmt_bind_text(q, ":name", name);
    *out = (struct old_job){0};
    if (!stmt_row(q))
        return false;
    *out = (struct old_job){stmt_i64(q, 0), stmt_i64(q, 1), stmt_bool(q, 2)};
    stmt_end(q);
    return true;
}

/* The text that the command brings; below JOB_TEXT_LEVEL it brings an object, which is printed. */
static const char *definition_of(const struct json *put, struct buf *printed)
{
    const struct json *definition = json_get(put, "definition");
    struct json_writer w;
    if (json_is(definition, JSON_STRING))
        return json_str(definition, "");
    buf_init(printed, LIMIT_ENTRY_BYTES);
    json_begin(&w, printed);
    json_put_value(&w, definition);
    return buf_str(printed);
}

/* {"name","base": generation or 0,"definition","disabled","schedule","k","remaining","next_ms",
 *  "counters","priority","claims","missed","coalesced","excluded",
 *  "calendars": {"version","names"},"dependent": {"mode","priority",
 *  "starts_ms","ends_ms","parents": [{"name","ends"}]}}: what is 0, false or empty may be absent */
int apply_job_put(struct apply *a)
{
    const struct json *v = a->c->args;
    const char *name = json_str(json_get(v, "name"), "");
    int64_t base = json_int(json_get(v, "base"), 0);
    struct old_job old;
    bool known = find_old(a->s, name, &old);
    if (base != old.generation)
        return refuse_stale(a, "job '%s' was changed meanwhile", name);
    if (dependents_check(a, old.id, v) != 0 || calendars_check(a, v) != 0)
        return -1;

    struct buf printed = {0};
    const char *definition = definition_of(v, &printed);
    struct stmt *q = change_use(a->s, known ? JOB_REPLACE : JOB_ADD);
    if (known)
        stmt_bind_i64(q, ":id", old.id);
    else
        stmt_bind_text(q, ":name", name);
    bind_job(q, v, definition);
    stmt_run(q);
    if (known)
        forget_counters(a, old.id);
    buf_close(&printed);
    int64_t id = known ? old.id : db_last_id(a->s->db);
    bool disabled = json_bool(json_get(v, "disabled"), false);
    if (known && disabled && !old.disabled)
        cancel_all(a, id);
    if (disabled != old.disabled)
        pause_put(a, id, disabled, "");
    if (known && json_get(v, "dependent") != NULL)
        each_open_run(a, id, cancel_targets);
    dependents_put(a, id, v);
    calendars_put(a, id, v);
    decide_targets(a, id, v);
    job_tell(a, id, name,
             known ? event_put(a, NOUN_JOB, name, "put", "job %s was changed", name)
                   : event_put(a, NOUN_JOB, name, "put", "job %s was created", name));
    struct json_writer w;
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    json_member_int(&w, "job", id);
    json_object_end(&w);
    return 0;
}

static void kill_run_task(struct apply *a, const struct run_row *r, const char *reason)
{
    struct task_row t;
    if (r->task != 0 && state_task_by_id(a->s, r->task, &t))
        task_kill(a, &t, reason);
}

static const char was_deleted[] = "the job was deleted";

static void kill_active(struct apply *a, const struct run_row *r)
{
    if (run_active(r->state))
        kill_run_task(a, r, was_deleted);
}

/* Its run is over with its job, before its task is told to end: what that still does is only
 * recorded, be it given up at once. */
static void end_with_job(struct apply *a, const struct run_row *r)
{
    end_run(a, r, run_active(r->state) ? RUN_KILLED : RUN_CANCELLED, was_deleted);
    kill_active(a, r);
}

/* Below GONE_LEVEL: what waits is forgotten with it, and all that was. */
static void forget_job(struct apply *a, int64_t job)
{
    each_open_run(a, job, kill_active);
    history_forget_job(a, job);
    struct stmt *q = change_use(a->s, TASKS_DROP_OF_JOB); /* the others when they end */
    stmt_bind_i64(q, ":job", job);
    stmt_run(q);
    q = change_use(a->s, JOB_DELETE);
    stmt_bind_i64(q, ":id", job);
    stmt_run(q);
}

static void tell_deleted(struct apply *a, const char *called)
{
    struct json_writer w;
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    json_member_str(&w, "gone", called);
    json_object_end(&w);
}

/* {"name","refuse_orphans","generation","k","remaining","heirs":[{"job","schedule","next_ms"}]}:
 * its active attempts are killed, what waits is cancelled. Detail: {"gone"}, as its history is
 * called, if there is any. */
int apply_job_delete(struct apply *a)
{
    const char *name = json_str(json_get(a->c->args, "name"), "");
    char called[JOB_CALLED_SIZE] = "";
    struct job_row job;
    if (!state_job_by_name(a->s, name, &job))
        return refuse(a, ERR_NOT_FOUND, "job '%s' not found", name);
    if (dependents_orphan(a, &job, json_bool(json_get(a->c->args, "refuse_orphans"), false)) != 0)
        return -1;
    notice_put(a, NOTICE_DELETED, &job, NULL, NULL);
    if (a->s->level < GONE_LEVEL) {
        forget_job(a, job.id);
    } else {
        each_open_run(a, job.id, end_with_job);
        if (history_keep_job(a, &job, called))
            tell_deleted(a, called);
    }
    memo_forget(a->s); /* tasks and runs know its name */
    changed(a, (struct change){
                   .kind = CHANGE_JOB_GONE,
                   .id = job.id,
                   .name = name,
                   .event = event_put(a, NOUN_JOB, name, "delete", "job %s was deleted%s%s", name,
                                      *called != '\0' ? "; its history is kept as " : "", called),
               });
    return 0;
}

/* {"set":[{"job","generation","at_k","k","remaining","next_ms","schedule","priority","claims",
 *  "missed","coalesced","excluded","calendars": {"version"}}]}: an element whose job, or its
 *  calendars, moved on is left out (3.5 C). */
int apply_job_tick(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "set")) {
        struct job_row job;
        if (!state_job_alone(a->s, json_int(json_get(item, "job"), 0), &job) || job.disabled ||
            job.generation != json_int(json_get(item, "generation"), -1) ||
            job.k != json_int(json_get(item, "at_k"), -1) || !calendars_hold(a, item))
            continue;
        job_step(a, job.id, item);
        if (json_int(json_get(item, "remaining"), 0) == 0)
            disable_if_exhausted(a, job.id);
        if (state_job_alone(a->s, job.id, &job))
            job_tell(a, job.id, job.name, 0);
    }
    return 0;
}

/* {"name","due_ms","arguments","environment","concurrent"}: at most one waiting manual run unless
 * concurrent (3.8). */
int apply_job_trigger(struct apply *a)
{
    const struct json *v = a->c->args;
    const char *name = json_str(json_get(v, "name"), "");
    struct job_row job;
    if (!state_job_by_name(a->s, name, &job))
        return refuse(a, ERR_NOT_FOUND, "job '%s' not found", name);
    if (state_runs_open_count(a->s, job.id) >= LIMIT_JOB_OPEN_RUNS)
        return refuse(a, ERR_LIMIT,
                      "job '%s' has %d runs that are not over, the most there may be: wait for one "
                      "to end",
                      name, LIMIT_JOB_OPEN_RUNS);
    struct json_writer w;
    bool concurrent = json_bool(json_get(v, "concurrent"), false);
    int64_t waits = concurrent ? 0 : state_run_asked_for(a->s, job.id);
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    if (waits != 0) {
        json_member_bool(&w, "coalesced", true);
        if (a->s->level >= WAITS_LEVEL)
            json_member_int(&w, "waits", waits);
    } else {
        struct new_run n = {.cause = CAUSE_MANUAL,
                            .state = RUN_QUEUED,
                            .due_ms = json_int(json_get(v, "due_ms"), a->c->at.ms),
                            .covers = 1,
                            .arguments = json_str(json_get(v, "arguments"), NULL)};
        int64_t run = run_add(a, &job, json_int(json_get(v, "priority"), 0), &n);
        wish_put(a, run, json_get(v, "environment"), 0);
        json_member_int(&w, "run", run);
    }
    json_object_end(&w);
    return 0;
}

/* ---- runs */

void run_assign(struct apply *a, int64_t run, int64_t task)
{
    bool known = memo_known(a->s, MEMO_RUN, run) != NULL;
    struct stmt *q = change_use(a->s, RUN_ASSIGN);
    stmt_bind_i64(q, ":task", task);
    stmt_bind_i64(q, ":id", run);
    stmt_run(q);
    struct memo_row *now = memo_again(a->s, MEMO_RUN, run, known);
    if (now != NULL) {
        now->run.state = RUN_ASSIGNED;
        now->run.task = task;
    }
}

/* Has nobody said that this order was begun? Below TAKEN_LEVEL one that is out of reach counts as
 * begun. */
static bool is_unheard(struct apply *a, int64_t task, struct task_row *out)
{
    return state_task_by_id(a->s, task, out) &&
           (out->state == TASK_STAGING || (a->s->level >= TAKEN_LEVEL && !out->has_started &&
                                           out->state == TASK_UNREACHABLE && out->seq == 0));
}

bool run_take_back(struct apply *a, int64_t run, const struct task_row *t)
{
    struct run_row r;
    struct job_task_ref ref;
    struct task_row later;
    struct error err;
    if (!state_run_by_id(a->s, run, &r) || job_task_id_parse(t->name, &ref, &err) != 0 ||
        ref.attempt != r.attempt)
        return false;
    bool ordered = r.state == RUN_ASSIGNED && is_unheard(a, r.task, &later);
    if (r.state != RUN_QUEUED && !ordered)
        return false;
    run_assign(a, run, t->id); /* first: the end of the other is none of the run's */
    if (ordered)
        task_kill(a, &later, "an earlier order of the same attempt had been carried out after all");
    return true;
}

static struct wall between(int64_t ms, int64_t least, int64_t most)
{
    ms = ms < most ? ms : most;
    return (struct wall){ms > least ? ms : least};
}

/* `at` of the task's agent, by its clock, which may go otherwise than the leader's: nothing is
 * before its order or later than now, and from its start it is as far as by the agent. Now, if
 * none has said anything (0), and below AGENT_TIMES_LEVEL. */
static struct wall agent_time(struct apply *a, const struct run_row *r, const struct task_row *t,
                              struct wall at)
{
    int64_t now = a->c->at.ms, from = t->staged.ms;
    if (a->s->level < AGENT_TIMES_LEVEL || at.ms == 0)
        return a->c->at;
    at = between(at.ms, 0, AGENT_MS_MAX);
    if (t->started.ms != 0) {
        struct wall started = between(t->started.ms, 0, AGENT_MS_MAX);
        bool first = r->attempt == 0 && r->started.ms != 0; /* there is one start a run */
        from = first ? r->started.ms : between(started.ms, from, now).ms;
        at.ms += from - started.ms;
    }
    return between(at.ms, from, now);
}

static void start(struct apply *a, const struct run_row *r, const struct job_row *job,
                  struct wall at)
{
    struct run_row started = *r;
    bool known = memo_known(a->s, MEMO_RUN, r->id) != NULL;
    struct stmt *q = change_use(a->s, RUN_START);
    stmt_bind_i64(q, ":at", at.ms);
    stmt_bind_i64(q, ":id", r->id);
    stmt_run(q);
    struct memo_row *now = memo_again(a->s, MEMO_RUN, r->id, known);
    if (now != NULL) {
        now->run.state = RUN_RUNNING;
        now->run.started = now->run.started.ms != 0 ? now->run.started : at;
    }
    tell_run(a, r, RUN_RUNNING, NULL);
    started.started = at;
    if (r->attempt == 0 && !run_by_hand(r->cause))
        notice_put(a, NOTICE_LATE, job, &started, NULL);
}

void run_started(struct apply *a, int64_t run, const struct task_row *t, struct wall at)
{
    struct run_row r;
    struct job_row job;
    if (state_run_by_id(a->s, run, &r) && r.state == RUN_ASSIGNED &&
        state_job_alone(a->s, r.job, &job))
        start(a, &r, &job, agent_time(a, &r, t, at));
}

static void tell_disabled(struct apply *a, const struct job_row *job, const char *why)
{
    job_tell(
        a, job->id, job->name,
        event_put(a, NOUN_JOB, job->name, "disabled", "job %s is disabled: %s", job->name, why));
}

/* All recurrences are used up and the last of them is over for good (3.7). */
static void disable_if_exhausted(struct apply *a, int64_t job_id)
{
    struct job_row job;
    if (!state_job_alone(a->s, job_id, &job) || job.remaining != 0 || job.disabled ||
        job.schedule == NULL)
        return;
    struct stmt *q = change_of_job(a, JOB_UNFINISHED, job_id);
    if (stmt_one_i64(q, 0) > 0)
        return;
    static const char why[] = "all its recurrences are used up";
    mark_disabled(a, job_id);
    tell_disabled(a, &job, why);
    notice_put(a, NOTICE_DISABLED, &job, NULL, why);
}

/* What the cluster says of all jobs; below NOTICES_LEVEL it says nothing. */
static int64_t job_setting(struct state *s, const char *key, int64_t otherwise)
{
    int64_t value;
    const char *text = s->level < NOTICES_LEVEL ? "" : state_setting(s, key, "");
    return str_to_i64(text, &value) ? value : otherwise;
}

/* delay * backoff^attempt, in whole numbers so that all replicas agree. */
static int64_t retry_delay(struct state *s, const struct job *j, int64_t attempt)
{
    int64_t delay = j->retry_delay_s >= 0 ? j->retry_delay_s * 1000
                                          : job_setting(s, SETTING_OF_RETRIES, RETRY_DELAY_MS);
    int64_t factor = factor_milli(j->retry_backoff >= 1 ? j->retry_backoff : 1);
    for (int64_t i = 0; i < attempt && factor > 1000 && delay < RETRY_DELAY_MS_MAX; i++)
        delay = delay * factor / 1000;
    return delay < RETRY_DELAY_MS_MAX ? delay : RETRY_DELAY_MS_MAX;
}

/* Disabled after so many failures in a row (5.4); not by runs that somebody asked for. */
static bool fails_too_often(struct apply *a, const struct run_row *r, const struct job_row *job)
{
    int64_t most = job_setting(a->s, SETTING_OF_DISABLING, 0);
    return most > 0 && job->errors_since_success >= most && !run_by_hand(r->cause) &&
           !job->disabled;
}

/* The run has ended and is a failed one, which the job has counted. */
static void run_failed(struct apply *a, const struct run_row *r, struct job_row *job,
                       const char *reason)
{
    char why[64];
    bool too_often = fails_too_often(a, r, job);
    notice_put(a, too_often ? NOTICE_DISABLED : NOTICE_FAILED, job, r, reason);
    if (too_often) {
        snprintf(why, sizeof why, "%lld of its runs in a row have failed",
                 (long long)job->errors_since_success);
        job_disable(a, job->id);
        pause_put(a, job->id, true, why);
        tell_disabled(a, job, why);
    }
    tell_children(a, job, r, JOB_ENDS_FAILURE);
}

/* A failed attempt: the next one waits, or the run has failed. */
static void attempt_failed(struct apply *a, const struct run_row *r, struct job_row *job,
                           enum run_state state, const char *reason, struct wall at)
{
    struct job definition;
    job_load_any(job->definition, &definition);
    bool again = r->attempt < definition.retries && (!job->disabled || run_by_hand(r->cause));
    int64_t delay = retry_delay(a->s, &definition, r->attempt);
    job_close(&definition);
    if (!again) {
        end_run_at(a, r, state, reason, at, job);
        run_failed(a, r, job, reason);
        return;
    }
    struct stmt *q = change_use(a->s, RUN_RETRY);
    stmt_bind_i64(q, ":id", r->id);
    stmt_bind_i64(q, ":not_before", a->c->at.ms + delay);
    stmt_bind_text(q, ":reason", reason != NULL ? reason : "");
    stmt_run(q);
    tell_run(a, r, RUN_RETRY_WAIT, reason);
}

/* Below HISTORY_LEVEL. */
static void keep_stat(struct apply *a, const struct run_row *r)
{
    if (a->s->level >= HISTORY_LEVEL)
        return;
    struct stmt *q = change_of_job(a, STAT_PUT, r->job);
    stmt_bind_i64(q, ":run", r->id);
    stmt_bind_i64(q, ":took", a->c->at.ms - r->started.ms);
    stmt_run(q);
    if (!time_to_trim(r->id, LIMIT_JOB_RUNS))
        return;
    q = change_of_job(a, STATS_TRIM, r->job);
    stmt_bind_i64(q, ":keep", LIMIT_JOB_RUNS);
    stmt_run(q);
}

/* No counters, no retry (5.4, 5.6). */
static void run_killed(struct apply *a, const struct run_row *r, const struct job_row *job,
                       enum run_state state, const char *reason, struct wall at)
{
    end_run_at(a, r, state, reason, at, NULL);
    tell_children(a, job, r, JOB_ENDS_KILLED);
}

/* Does this kill say that an attempt took too long, and has failed? */
static bool is_time_limit(const char *kill_reason)
{
    return kill_reason != NULL && str_starts(kill_reason, "maxCompletionTime");
}

static void run_succeeded(struct apply *a, struct run_row *r, struct job_row *job, struct wall at)
{
    int64_t run = r->id;
    if (r->started.ms == 0) { /* so short that both reports came at once */
        start(a, r, job, at);
        state_run_by_id(a->s, run, r);
    }
    bool failed_before = job->errors_since_success > 0;
    end_run_at(a, r, RUN_SUCCESS, NULL, at, job);
    if (failed_before)
        notice_put(a, NOTICE_RECOVERED, job, r, NULL);
    keep_stat(a, r);
    tell_children(a, job, r, JOB_ENDS_SUCCESS);
}

void job_task_async(struct apply *a, int64_t task)
{
    struct stmt *q = change_use(a->s, JOB_TASK_ASYNC);
    stmt_bind_i64(q, ":task", task);
    stmt_run(q);
}

/* It has never started: the same attempt waits again (5.2 step 3). */
static void run_back(struct apply *a, const struct run_row *r, const char *reason)
{
    struct stmt *q = change_use(a->s, RUN_BACK);
    stmt_bind_i64(q, ":id", r->id);
    stmt_run(q);
    tell_run(a, r, RUN_QUEUED, reason);
}

void run_ended(struct apply *a, int64_t run, const struct task_row *t, enum task_state state,
               const char *reason, struct wall at)
{
    struct run_row r;
    struct job_row job;
    if (!state_run_by_id(a->s, run, &r) || !run_active(r.state) || r.task != t->id ||
        !state_job_alone(a->s, r.job, &job)) {
        history_task_over(a, t->job, run);
        return; /* of an attempt that was given up: only recorded (5.2 step 6) */
    }
    bool timed_out = is_time_limit(t->kill_reason);
    bool ordered = t->kill_reason != NULL && !timed_out; /* an agent kills for its limits too */
    bool lost = state == TASK_LOST || state == TASK_GONE;
    if (state == TASK_FINISHED && state_job_task(a->s, t->id).async) {
        run_started(a, run, t, at); /* if it was not yet; it goes on until its end is told (5.5) */
        return;
    }
    at = agent_time(a, &r, t, at);
    if (state == TASK_FINISHED) {
        run_succeeded(a, &r, &job, at);
    } else if (state == TASK_DROPPED && r.state == RUN_ASSIGNED) {
        run_back(a, &r, reason);
        return;
    } else if (ordered && (state == TASK_KILLED || lost)) {
        run_killed(a, &r, &job, lost ? RUN_LOST : RUN_KILLED, t->kill_reason, at);
    } else {
        attempt_failed(a, &r, &job, lost ? RUN_LOST : RUN_FAILED,
                       timed_out ? t->kill_reason : reason, at);
    }
    if (r.cause == CAUSE_SCHEDULE && job.remaining == 0)
        disable_if_exhausted(a, r.job);
}

/* Where a waiting run may go without an agent, by the words of run.update. */
struct move {
    const char *word;
    enum run_state from, to;
};

static const struct move *find_move(enum run_state from, const char *word) /* NULL: none */
{
    static const struct move moves[] = {
        {"queue", RUN_RETRY_WAIT, RUN_QUEUED},
        {"missed", RUN_QUEUED, RUN_MISSED},
        {"coalesced", RUN_QUEUED, RUN_COALESCED},
        {"cancelled", RUN_QUEUED, RUN_CANCELLED},
        {"cancelled", RUN_RETRY_WAIT, RUN_CANCELLED},
        {"superseded", RUN_RETRY_WAIT, RUN_SUPERSEDED},
    };
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        if (moves[i].from == from && str_eq(moves[i].word, word))
            return &moves[i];
    return NULL;
}

/* It goes on to wait; that it does is told once. */
static void run_unplaced(struct apply *a, const struct run_row *r, const struct json *item)
{
    struct job_row job;
    const char *word = notice_word(NOTICE_UNPLACED);
    if (a->s->level >= TRIES_LEVEL && r->state == RUN_QUEUED &&
        !state_notice_of_run(a->s, r->id, word) && state_job_by_id(a->s, r->job, &job))
        notice_put(a, NOTICE_UNPLACED, &job, r, json_str(json_get(item, "reason"), ""));
}

/* Its next attempt is due. */
static void queue_again(struct apply *a, const struct run_row *r)
{
    struct stmt *q = change_use(a->s, RUN_AGAIN);
    stmt_bind_i64(q, ":id", r->id);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    tell_run(a, r, RUN_QUEUED, NULL);
}

/* If the job counts its runs, and has not been changed since that one was counted (3.8). */
static void give_count_back(struct apply *a, const struct run_row *r, const struct job_row *job,
                            const struct json *item)
{
    if (job->remaining < 0 || job->generation != r->generation)
        return;
    struct stmt *q = change_use(a->s, JOB_CURSOR);
    stmt_bind_i64(q, ":id", job->id);
    stmt_bind_text(q, ":schedule", json_str(json_get(item, "schedule"), job->schedule));
    stmt_bind_i64(q, ":k", job->k);
    stmt_bind_i64(q, ":remaining", job->remaining + 1);
    bind_optional(q, ":next", json_get(item, "next_ms"));
    stmt_run(q);
}

/* A run that waits is over. One whose retry is superseded counts as a failed one (5.4). */
static void end_waiting(struct apply *a, const struct run_row *r, struct job_row *job,
                        enum run_state state, const struct json *item)
{
    const char *reason = json_str(json_get(item, "reason"), "");
    bool failed = state == RUN_SUPERSEDED;
    end_run_at(a, r, state, reason, a->c->at, failed ? job : NULL);
    if (failed)
        run_failed(a, r, job, "the next run was due before the retry");
    if (state == RUN_MISSED)
        notice_put(a, NOTICE_MISSED, job, r, reason);
    if (state == RUN_COALESCED)
        give_count_back(a, r, job, item);
    if (r->cause == CAUSE_SCHEDULE)
        disable_if_exhausted(a, r->job);
}

static void move_run(struct apply *a, const struct run_row *r, const struct json *item)
{
    struct job_row job;
    const char *word = json_str(json_get(item, "to"), "");
    const struct move *move = find_move(r->state, word);
    if (str_eq(word, notice_word(NOTICE_UNPLACED)))
        run_unplaced(a, r, item);
    if (move == NULL || !state_job_alone(a->s, r->job, &job))
        return;
    if (move->to == RUN_QUEUED)
        queue_again(a, r);
    else
        end_waiting(a, r, &job, move->to, item);
}

/* An active run that somebody, or its job's limit, ends. Without a process, for an asynchronous
 * one's may have ended before, that is all there is to do. */
static void stop_run(struct apply *a, const struct run_row *r, const char *reason)
{
    struct task_row t;
    struct job_row job;
    if (r->task == 0 || !state_task_by_id(a->s, r->task, &t))
        return;
    if (!task_ended(t.state)) {
        task_kill(a, &t, reason);
    } else if (state_job_alone(a->s, r->job, &job)) {
        if (is_time_limit(reason))
            attempt_failed(a, r, &job, RUN_FAILED, reason, a->c->at);
        else
            run_killed(a, r, &job, RUN_KILLED, reason, a->c->at);
        if (r->cause == CAUSE_SCHEDULE)
            disable_if_exhausted(a, r->job);
    }
}

/* {"task","code"}: somebody says how its run ended, whatever became of the process (E-15). Nothing
 * if the run is over. */
int apply_run_complete(struct apply *a)
{
    struct task_row t;
    struct run_row r;
    struct job_row job;
    char reason[64];
    int64_t code = json_int(json_get(a->c->args, "code"), 0);
    if (!state_task_by_id(a->s, json_int(json_get(a->c->args, "task"), 0), &t) ||
        t.owner != OWNER_JOB || !state_run_by_id(a->s, t.owner_id, &r) || !run_active(r.state) ||
        r.task != t.id || !state_job_alone(a->s, r.job, &job))
        return 0;
    snprintf(reason, sizeof reason, "statusCode %lld was told", (long long)code);
    if (code == 0)
        run_succeeded(a, &r, &job, a->c->at);
    else
        attempt_failed(a, &r, &job, RUN_FAILED, reason, a->c->at);
    if (r.cause == CAUSE_SCHEDULE)
        disable_if_exhausted(a, r.job);
    return 0;
}

/* {"task","more"}: elements that a job's task has processed since it told so last (E-14). */
int apply_task_progress(struct apply *a)
{
    struct task_row t;
    int64_t more = json_int(json_get(a->c->args, "more"), 0);
    if (!state_task_by_id(a->s, json_int(json_get(a->c->args, "task"), 0), &t) ||
        t.owner != OWNER_JOB)
        return refuse(a, ERR_NOT_FOUND, "the task is not there any more");
    if (more < 0 || state_job_task(a->s, t.id).elements > INT64_MAX - more)
        return refuse(a, ERR_INVALID, "numAdditionalElementsProcessed: got %lld, too many",
                      (long long)more);
    struct stmt *q = change_use(a->s, JOB_TASK_PROGRESS);
    stmt_bind_i64(q, ":task", t.id);
    stmt_bind_i64(q, ":more", more);
    stmt_run(q);
    return 0;
}

/* {"set":[{"run","attempt","to","reason"}]}: the words of find_move(), "kill" for an active
 * one, or "unplaced", which tells its owners and moves nothing */
int apply_run_update(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "set")) {
        struct run_row r;
        if (state_run_by_id(a->s, json_int(json_get(item, "run"), 0), &r) &&
            r.attempt == json_int(json_get(item, "attempt"), -1)) {
            if (run_active(r.state) && str_eq(json_str(json_get(item, "to"), ""), "kill"))
                stop_run(a, &r, json_str(json_get(item, "reason"), "killed"));
            else
                move_run(a, &r, item);
        }
    }
    return 0;
}
