/* lib/api/marathon/changes.h - from what a request wants of apps to the one command that does it,
 * with the plan of its deployment (spec/marathon.md 8.3). Other dialects change apps by it too. */
#pragma once

#include "api/door.h"
#include "api/marathon/plan.h"

struct changes {
    struct planned *items; /* each app once */
    size_t n, cap;
    int64_t *kills; /* ids of tasks that are to end (6.3); owned */
    size_t kills_n;
    const char *group; /* that the request worked on (12.3); borrowed */
    bool force;
    bool told; /* one app, sent by a person: api_post_event */
};
void changes_close(struct changes *ch);

/* Each adds one app. They take `a`; its service ports of 0 are assigned by the state. `old` is the
 * app as it stands, NULL for a new one. */
void changes_put(struct changes *ch, struct app *a, const struct app_row *old);
void changes_restart(struct changes *ch, struct app *a, const struct app_row *old);
void changes_remove(struct changes *ch, const struct app_row *old);
bool changes_have(const struct changes *ch, const char *path);
bool changes_matter(const struct changes *ch); /* false: nothing would change */

/* Proposes them; `then` answers with the outcome, whose detail is {"version_ms","deployment"}.
 * Answers at once when nothing changes (1.9), or when the apps together are not right (4.6: a
 * cycle, an id that is a group's too). */
void changes_propose(struct tell *t, struct changes *ch, outcome_fn *then);

/* A stored app, with its versions. */
void load_app(const struct app_row *row, struct app *out);
