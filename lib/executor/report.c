/* A task's facts as a status (model/status.h). */
#include "base/assert.h"
#include "executor/private.h"

struct verdict {
    enum task_state state;
    const char *reason; /* spec/mesos.md 3.4 */
};

/* Whatever the exit status: what was killed was killed (spec/mesos.md 3.9). */
static struct verdict verdict_of_killed(const struct task_run *t)
{
    if (t->why_killed == KILLED_TOO_LONG)
        return (struct verdict){TASK_FAILED, "REASON_MAX_COMPLETION_TIME_REACHED"};
    if (t->run.end.how == END_NOT_STARTED || t->run.end.how == END_NEVER)
        return (struct verdict){TASK_KILLED, "REASON_TASK_KILLED_DURING_LAUNCH"};
    return (struct verdict){TASK_KILLED, NULL};
}

static struct verdict verdict_of(const struct task_run *t)
{
    const struct run_end *end = &t->run.end;
    if (end->killed && end->how != END_OUT_OF_MEMORY)
        return verdict_of_killed(t);
    switch (end->how) {
    case END_EXITED:
        return (struct verdict){end->code == 0 ? TASK_FINISHED : TASK_FAILED, NULL};
    case END_SIGNALED:
        return (struct verdict){TASK_FAILED, NULL};
    case END_OUT_OF_MEMORY:
        return (struct verdict){TASK_FAILED, "REASON_CONTAINER_LIMITATION_MEMORY"};
    case END_NOT_STARTED:
        return (struct verdict){TASK_FAILED, "REASON_CONTAINER_LAUNCH_FAILED"};
    case END_NEVER:
        return (struct verdict){TASK_DROPPED, t->failure.code != ERR_NONE
                                                  ? "REASON_CONTAINER_LAUNCH_FAILED"
                                                  : "REASON_AGENT_RESTARTED"};
    case END_LOST:
        return (struct verdict){TASK_FAILED, "REASON_EXECUTOR_TERMINATED"};
    }
    UNREACHABLE("an end without a case");
}

static enum task_state state_of(const struct task_run *t)
{
    static const enum task_state states[] = {
        [PREPARING] = TASK_STAGING, [FETCHING] = TASK_STAGING,  [WAITING] = TASK_STAGING,
        [FOUND] = TASK_STAGING,     [STARTING] = TASK_STARTING, [RUNNING] = TASK_RUNNING,
    };
    if (t->phase == FOUND && t->run.begun)
        return TASK_RUNNING;
    if (t->why_killed != NOT_KILLED && t->phase == RUNNING && t->moved.ms == 0)
        return TASK_KILLING;
    return states[t->phase];
}

static void fill_end(const struct task_run *t, struct status *s)
{
    const struct run_end *end = &t->run.end;
    struct verdict verdict = verdict_of(t);
    s->state = verdict.state;
    s->reason = verdict.reason;
    s->exited = end->how == END_EXITED;
    s->exit_code = end->code;
    s->signaled = end->how == END_SIGNALED;
    s->signal = end->signal;
    s->oom = end->how == END_OUT_OF_MEMORY;
    s->used = end->used;
    s->message = end->killed && t->reason[0] != '\0' ? t->reason : end->message;
    if (end->ended.ms != 0)
        s->at = end->ended;
}

void report(struct task_run *t)
{
    struct executor *x = t->x;
    struct clock *clock = &x->loop->clock;
    bool waited = t->moved.ms != 0;
    struct buf results, readiness;
    buf_init(&results, LIMIT_FRAME_BYTES);
    buf_init(&readiness, LIMIT_FRAME_BYTES);
    struct status s = {.task = t->run.number,
                       .at = waited ? t->moved : clock->wall(clock),
                       .pid = t->run.pid,
                       .container = t->container,
                       .detail = t->run.detail[0] != '\0' ? t->run.detail : NULL,
                       .health = checks_health(t)};
    if (t->phase == ENDED)
        fill_end(t, &s);
    else
        s.state = state_of(t);
    if (s.state == TASK_KILLING && t->reason[0] != '\0')
        s.message = t->reason;
    checks_results(t, &results);
    readiness_results(t, &readiness);
    s.informs = t->spec.check != NULL;
    if (s.informs)
        s.check = checks_informed(t);
    s.health_raw = buf_slice(&results);
    s.readiness_raw = buf_slice(&readiness);
    t->report_due = false;
    t->moved.ms = 0;
    x->events.status(x, &s);
    buf_close(&results);
    buf_close(&readiness);
    if (waited && t->why_killed != NOT_KILLED)
        report(t); /* since it began */
}
