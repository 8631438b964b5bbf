/* tests/unit/state/fixture.h - a state in memory, one agent, and commands applied to it. */
#pragma once

#include "unit.h"

#include "state/state.h"

#define T0 INT64_C(1767225600000)

struct fixture {
    struct db *db;
    struct state *state;
    uint64_t index;
    int64_t at; /* of the next command; a millisecond passes with each */
    struct outcome last;
    int changes;
    struct watch watch;
};

/* Level 1, agent 0: "n1", 2 cpus, 1 GB, ports 31000-31010. */
int set_up(void **data);
int tear_down(void **data);          /* the row sums must be right */
void begin_state(struct fixture *f); /* the same in the caller's memory; tear_down() ends it */
void restart(struct fixture *f);
/* What jobs count along of their runs is what is there; of the newest level only. */
void counts_are_right(struct fixture *f);

/* Applies one command of term 1 in a transaction of its own; the outcome is f->last. ' stands for
 * " in the arguments. */
void apply_as(struct fixture *f, const char *word, const char *args, const char *rid,
              uint64_t epoch);
void apply(struct fixture *f, const char *word, const char *args);
void applied(struct fixture *f, const char *word, const char *args); /* and it was not refused */

/* `more` goes into the definition: ",'backoffSeconds':2" */
void put_app_with(struct fixture *f, const char *id, int64_t base, int instances, const char *cmd,
                  int port, const char *action, bool force, const char *more);
void put_app(struct fixture *f, const char *id, int64_t base, int instances, const char *cmd,
             int port, const char *action, bool force);
struct app_row app_of(struct fixture *f, const char *path);
void end_deployments(struct fixture *f);
void launch(struct fixture *f, const char *path, int port, int64_t cap);
void status(struct fixture *f, int64_t task, int64_t seq, const char *state);
void set_agent(struct fixture *f, enum agent_state state); /* of agent 0 */
void kill_task(struct fixture *f, int64_t task);
int64_t only_task(struct fixture *f, const char *path);
struct task_row task_of(struct fixture *f, int64_t id);
