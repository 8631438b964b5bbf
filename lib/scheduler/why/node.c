#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "scheduler/why/private.h"

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
        why_advise_end(e, &t, because);
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
