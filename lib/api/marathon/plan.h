/* lib/api/marathon/plan.h - from changes of apps to the steps of a deployment (spec/marathon.md
 * 8.3). Pure. */
#pragma once

#include "model/app.h"
#include "model/id.h"
#include "state/state.h"

enum plan_kind {
    PLAN_NOTHING, /* the definition is what it was */
    PLAN_ADD,
    PLAN_REMOVE,
    PLAN_SCALE,
    PLAN_RESTART,
};

struct planned { /* one app of a change */
    char path[ID_SIZE];
    enum plan_kind kind;
    int depth;    /* nodes of the longest way along dependencies in the target, from 1 */
    int64_t base; /* the version it was decided on; 0: there was none */
    bool restart; /* although the definition stays */
    bool scaled;  /* nothing but `instances` differs */
    bool depends; /* on something that it did not depend on, as far as its own list says */
    bool pod;
    struct app app; /* as it is to be; zeroed when it is to go. Owned */
};

struct planned_group { /* one group of a change */
    char path[ID_SIZE];
    bool gone;
    char *dependencies; /* as it is to have them, a JSON array; NULL when it is to go. Owned */
    enum enforce enforce_role;
};

/* Of an app that stays: `old` and `new` have their service ports assigned. */
enum plan_kind plan_kind_of(const struct app *old, const struct app *new, bool restart);

/* The array [{"actions":[{"action","app"}]}]; returns how many steps it has. */
size_t plan_write_steps(const struct planned *apps, size_t n, struct json_writer *w);
