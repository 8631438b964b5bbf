/* tests/unit/state/runs.h - jobs whose runs begin and end. */
#pragma once

#include "fixture.h"

#define DAY_MS 86400000

int set_up_newest(void **data); /* of the newest level */
void upgrade(struct fixture *f, int level);
int64_t put_job(struct fixture *f, const char *name); /* its id */
int64_t newest_run(struct fixture *f);
int64_t trigger(struct fixture *f, const char *job); /* by hand: its run */
enum run_state state_of(struct fixture *f, int64_t run);
int64_t launch_run(struct fixture *f, int64_t run); /* its task */
/* A run of the job, from due to its end; how its process used the machine. Its task. */
int64_t run(struct fixture *f, const char *job, int64_t late_ms, int64_t took_ms, const char *state,
            const char *used);
void run_often(struct fixture *f, const char *job, int n);
void set_history(struct fixture *f, const char *key, int64_t value); /* "runs" */
int64_t runs_in(struct stmt *q);
int64_t runs_of(struct fixture *f, int64_t job);
int64_t total_runs(struct fixture *f);
/* All in one command, each for two targets: `how` "missed", or "coalesced". */
void pass_often(struct fixture *f, int64_t job, int64_t k, int n, const char *how);
/* Nothing runs any more; one command takes no more than so many. */
void trim_to_the_end(struct fixture *f, int64_t most);
