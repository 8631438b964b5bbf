/* lib/api/marathon/changes.h - from what a request wants of apps to the one command that does it,
 * with the plan of its deployment (spec/marathon.md 8.3). Other dialects change apps by it too. */
#pragma once

#include "api/door.h"
#include "api/marathon/plan.h"
#include "base/map.h"

struct changes {
    struct planned *items; /* each app once */
    size_t n, cap;
    struct planned_group *groups; /* each once */
    size_t groups_n, groups_cap;
    struct map *apps_by_path, *groups_by_path;
    struct map
        *places; /* where in the body those stand that are not the whole of it; owned texts */
    struct problems problems; /* what no update may do, whichever way it came */
    int64_t *kills;           /* ids of tasks that are to end (6.3); owned */
    size_t kills_n;
    char within[ID_SIZE]; /* the group that was looked at whole: it may not change meanwhile; or ""
                           */
    struct wall within_version; /* 0: it is not there */
    const char *group;          /* that the request worked on (12.3); borrowed */
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
bool changes_removes(const struct changes *ch, const char *path);

/* Each adds one group. A group that is removed takes nothing with it: say what is in it as well. */
void changes_put_group(struct changes *ch, const char *path, struct slice dependencies,
                       enum enforce enforce_role);
void changes_remove_group(struct changes *ch, const char *path);
/* Is it to enforce its role? ENFORCE_NOT_SAID: nothing of it is said here. */
enum enforce changes_enforce(const struct changes *ch, const char *path);
bool changes_have_group(const struct changes *ch, const char *path);
/* All that is in a group, as it stands, decides this change. */
void changes_within(struct changes *ch, struct state *s, const char *group);

/* The app or group of that path stands at "/groups(1)/apps(0)" in the body; "" is the whole. */
void changes_place(struct changes *ch, const char *path, const char *at);

bool changes_matter(const struct changes *ch); /* false: nothing would change */

/* Is each of them right, and all together (4.6: a cycle, an id that is a group's too)? Then they
 * have their place in the plan, and what does not change is left out. False after having failed the
 * call. */
bool changes_check(struct tell *t, struct changes *ch);

/* Proposes them; `then` answers with the outcome, whose detail is {"version_ms","deployment"}.
 * Answers at once when nothing changes (1.9), or when changes_check() fails the call. */
void changes_propose(struct tell *t, struct changes *ch, outcome_fn *then);

/* A stored app, with its versions. */
void load_app(const struct app_row *row, struct app *out);
