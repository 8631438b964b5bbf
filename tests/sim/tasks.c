/* Simulated machines: processes that start, run, end and outlive their node. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/run_spec.h"
#include "model/status.h"
#include "sim/world.h"

#define START_MS 5 /* from the order to the report */

static struct sim_task *find(struct sim_node *n, int64_t task)
{
    for (size_t i = 0; i < n->tasks_n; i++)
        if (n->tasks[i].id == task)
            return &n->tasks[i];
    return NULL;
}

static void report(struct sim_node *n, const struct sim_task *t, int64_t delay_ms)
{
    struct event e = {.kind = EVENT_STATUS};
    struct json_writer w;
    struct status st = {
        .task = t->id,
        .state = t->state,
        .at = now_of(n).wall,
        .pid = 1000 + t->id,
        .reason = t->state == TASK_LOST ? "REASON_AGENT_RESTARTED" : NULL,
        .exited = t->state == TASK_FINISHED || t->state == TASK_FAILED,
        .exit_code = t->exit_code,
    };
    buf_init(&e.body, LIMIT_FRAME_BYTES);
    json_begin(&w, &e.body);
    status_write(&st, &w);
    deliver(n->w, n->position, delay_ms, &e);
}

/* ---- volumes of residents */

static const char *volume_of(const struct run_spec *spec)
{
    for (size_t i = 0; i < spec->mounts_n; i++)
        if (spec->mounts[i].persistent != NULL)
            return spec->mounts[i].persistent;
    return NULL;
}

static struct sim_task *user_of(struct sim_node *n, const char *volume)
{
    for (size_t i = 0; i < n->tasks_n; i++)
        if (str_eq(n->tasks[i].volume, volume) && !task_ended(n->tasks[i].state))
            return &n->tasks[i];
    return NULL;
}

/* A resident has its data on one node, and is alone with it. */
static void check_volume(struct sim_node *n, const struct sim_task *t)
{
    struct world *w = n->w;
    void *here = (void *)(uintptr_t)(n->position + 1);
    if (t->volume == NULL)
        return;
    void *before = map_put_str(w->volumes, t->volume, here);
    if (before != NULL && before != here)
        fail_world(w, "%s runs on %d, its volume is on %d", t->name, n->position,
                   (int)(uintptr_t)before - 1);
    struct sim_task *first = user_of(n, t->volume);
    if (first != NULL && first != t)
        fail_world(w, "%s and %s have one volume", first->name, t->name);
}

void volume_wipe(struct sim_node *n, int64_t volume, const char *name)
{
    struct event e = {.kind = EVENT_WIPED, .volume = volume};
    if (user_of(n, name) != NULL)
        return;
    trace(n->w, "wipe %s on %d", name, n->position);
    map_remove_str(n->w->volumes, name);
    deliver(n->w, n->position, START_MS, &e);
}

static int64_t run_takes(struct world *w)
{
    return w->options.run_ms > 0 ? w->options.run_ms : 20 + (int64_t)rng_below(&w->rng, 400);
}

void task_launch(struct sim_node *n, int64_t task, struct slice run_spec)
{
    struct run_spec spec;
    struct error err;
    struct json *v = json_parse_own(run_spec, &err);
    struct sim_task *known = find(n, task);
    if (known != NULL) {
        report(n, known, START_MS);
        json_free(v);
        return;
    }
    if (run_spec_read(v, &spec, &err) != 0) {
        fail_world(n->w, "a run spec that does not read back: %s", err.text);
        json_free(v);
        return;
    }
    if (n->tasks_n == n->tasks_cap) {
        n->tasks_cap = n->tasks_cap == 0 ? 64 : n->tasks_cap * 2;
        n->tasks = mem_realloc(n->tasks, n->tasks_cap * sizeof n->tasks[0]);
    }
    bool job = spec.owner == OWNER_JOB;
    struct sim_task *t = &n->tasks[n->tasks_n++];
    *t = (struct sim_task){
        .id = task,
        .name = mem_strdup(spec.name),
        .of = mem_strdup(spec.of),
        .volume = mem_strdup(volume_of(&spec)),
        .owner = spec.owner,
        .started_ms = n->w->mono,
        .state = TASK_RUNNING,
        .ends_ms = job ? n->w->mono + run_takes(n->w) : INT64_MAX,
        .exit_code = job && chance(n->w, 100) ? 1 : 0,
        .kill_ms = INT64_MAX,
        .grace_ms = spec.grace_ms < 50 ? 50 : spec.grace_ms,
    };
    if (n->w->day != NULL)
        day_start(n->w, t, &spec);
    trace(n->w, "start %s on %d", t->name, n->position);
    check_start(n, task, &spec);
    check_volume(n, t);
    report(n, t, START_MS);
    bool twice = planted(n->w, job ? PLANT_TWICE : PLANT_TWO_PLACES) && !n->w->planted;
    if (job && (planted(n->w, PLANT_OVERLAP) || day_planted(n->w, DAY_PLANT_GOES_ON))) {
        t->ends_ms = n->w->mono + (n->w->day != NULL ? 60000 : 8000); /* it is said to have ended */
        struct sim_task ended = *t;
        ended.state = TASK_FINISHED;
        report(n, &ended, 100);
    }
    run_spec_close(&spec);
    json_free(v);
    if (twice) {
        n->w->planted = true;
        task_launch(&n->w->nodes[(n->position + 1) % n->w->n], task, run_spec);
    }
}

void task_end(struct sim_node *n, int64_t task)
{
    struct sim_task *t = find(n, task);
    if (t == NULL)
        return;
    if (task_ended(t->state)) {
        report(n, t, START_MS);
        return;
    }
    int64_t takes = (int64_t)rng_below(&n->w->rng, (uint64_t)t->grace_ms);
    if (t->kill_ms == INT64_MAX)
        t->kill_ms = n->w->mono + takes;
}

void task_forget(struct sim_node *n, int64_t task)
{
    struct sim_task *t = find(n, task);
    if (t == NULL || !task_ended(t->state))
        return;
    mem_free(t->name);
    mem_free(t->of);
    mem_free(t->volume);
    *t = n->tasks[--n->tasks_n];
}

static void die_by_chance(struct sim_node *n, struct sim_task *t)
{
    if (t->owner == OWNER_APP && t->ends_ms == INT64_MAX &&
        chance(n->w, n->w->options.faults.die)) {
        t->ends_ms = n->w->mono;
        t->exit_code = 1;
    }
}

void tasks_pass(struct sim_node *n)
{
    bool second = n->w->mono / 1000 != n->reported_until / 1000;
    n->reported_until = n->w->mono;
    for (size_t i = 0; i < n->tasks_n; i++) {
        struct sim_task *t = &n->tasks[i];
        if (task_ended(t->state))
            continue;
        if (second && n->w->mono < n->w->options.trouble_ms)
            die_by_chance(n, t);
        if (t->kill_ms <= n->w->mono || t->ends_ms <= n->w->mono)
            t->gone_ms = n->w->mono;
        if (t->kill_ms <= n->w->mono)
            t->state = TASK_KILLED;
        else if (t->ends_ms <= n->w->mono)
            t->state = t->exit_code == 0 || day_planted(n->w, DAY_PLANT_HIDDEN) ? TASK_FINISHED
                                                                                : TASK_FAILED;
        else
            continue;
        trace(n->w, "end %s %s on %d", t->name, task_state_word(t->state), n->position);
        if (n->w->day != NULL)
            day_log_run(n->w, n, t);
        if (n->node != NULL)
            report(n, t, 1);
    }
}

int64_t tasks_due(const struct sim_node *n)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < n->tasks_n; i++) {
        const struct sim_task *t = &n->tasks[i];
        int64_t at = t->kill_ms < t->ends_ms ? t->kill_ms : t->ends_ms;
        if (!task_ended(t->state) && at < due)
            due = at;
    }
    return due;
}

void tasks_found(struct sim_node *n)
{
    for (size_t i = 0; i < n->tasks_n; i++)
        report(n, &n->tasks[i], 2);
    struct event e = {.kind = EVENT_RECOVERED};
    deliver(n->w, n->position, 3, &e);
}

void tasks_vanish(struct sim_node *n)
{
    for (size_t i = 0; i < n->tasks_n; i++) {
        struct sim_task *t = &n->tasks[i];
        if (task_ended(t->state))
            continue;
        t->state = TASK_LOST;
        t->gone_ms = n->w->mono;
        trace(n->w, "end %s lost on %d", t->name, n->position);
        if (n->w->day != NULL)
            day_log_run(n->w, n, t);
    }
}

void tasks_free(struct sim_node *n)
{
    for (size_t i = 0; i < n->tasks_n; i++) {
        mem_free(n->tasks[i].name);
        mem_free(n->tasks[i].of);
        mem_free(n->tasks[i].volume);
    }
    mem_free(n->tasks);
    n->tasks = NULL;
    n->tasks_n = n->tasks_cap = 0;
}
