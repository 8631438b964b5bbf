/* lib/scheduler/apps/apps.h - keeps apps as they are wanted: launches, kills, drives deployments.
 * A mind, only on the leader; level-triggered: it looks at what is wanted and what is, and takes
 * the next step (DESIGN 2). Events only make it look sooner. Pure.
 *
 * From propose to outcome an app is marked and not looked at again; the marks die with the
 * leadership. */
#pragma once

#include "base/map.h"
#include "model/outbox.h"
#include "scheduler/placement/placement.h"
#include "state/state.h"

struct apps;

struct apps *apps_new(struct state *state, struct rng *rng);
void apps_free(struct apps *a); /* accepts NULL */

void apps_lead(struct apps *a, bool leading, struct now now, struct outbox *out);
void apps_changed(struct apps *a, const struct change *c); /* from the state's feed */
/* Looks at what is dirty or due, and drafts what there is to do. The placement is the turn's. */
void apps_tick(struct apps *a, struct placement *p, struct now now, struct outbox *out);
void apps_outcome(struct apps *a, uint64_t key, const struct outcome *o, struct now now,
                  struct outbox *out);
struct mono apps_due(const struct apps *a);

/* What must be run for one task of an app: a run_spec (model/run_spec.h). For the master, when it
 * sends MESSAGE_RUN; the app's version is the task's. False when that version is not kept any
 * more. */
bool apps_run_spec(struct state *state, const struct task_row *t, struct buf *out);

/* What is read of a state for all apps together, when one needs it first, by who looks at many:
 * zeroed before, closed after. NULL where it is asked for: it is looked up for the one. */
struct apps_kept {
    struct map *plans; /* of deployments, by their ids: struct plan */
    struct map *ends;  /* struct wall, by the app's safe id */
    struct arena arena;
};
void apps_kept_close(struct apps_kept *kept);
/* How many instances are to be launched now, were there room and no backoff. From a snapshot, by
 * the same code as the mind's. */
int64_t apps_waiting(struct state *state, const struct app_row *row, const struct app *app,
                     struct wall now, struct apps_kept *kept);
/* Since when the last of these has to be launched. */
struct wall apps_waiting_since(struct state *state, const struct app_row *row,
                               const struct app *app, struct wall now, struct apps_kept *kept);

/* What the next of n instances that wait asks of an agent, as demand_of_app() has it; of a resident
 * one that waits for the agent where its data is, if there is one: *kept_out, which must live as
 * long as *out. */
void apps_demand(struct state *state, const struct app_row *row, const struct app *app, int64_t n,
                 struct wall now, struct demand *out, struct ports *fixed, int64_t *kept_out);

/* Of n instances that wait those whose place and data are kept, by instance, in `out`, which has
 * room for n; how many. */
size_t apps_waiting_kept(struct state *state, const struct app_row *row, const struct app *app,
                         int64_t n, struct wall now, int64_t *out);

/* ---- pure steps, for tests and for `why` */

/* spec/marathon.md 8.5, level-triggered form: what to do about one app being upgraded. */
struct upgrade_view {
    int64_t wanted; /* N */
    double minimum_health, maximum_over;
    bool resident;
    int64_t new_live, new_ready;                   /* ready: healthy and ready */
    int64_t old_alive, old_keep, old_keep_healthy; /* alive: not ended; keep: goal run */
    int64_t starting; /* new ones that are not ready yet and may become so */
};
struct upgrade_step {
    int64_t launch, kill;
    bool done;
};
struct upgrade_step upgrade_next(const struct upgrade_view *v);
