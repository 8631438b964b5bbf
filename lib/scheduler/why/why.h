/* lib/scheduler/why.h - explains what is not as wanted: what, because, so do (faces.md 2).
 *
 * A pure function of the state, so every replica can answer, on a reader. Causes are rows of a
 * table: an id, a sentence, a next step; each has a test. */
#pragma once

#include "base/buf.h"
#include "scheduler/placement/placement.h"

struct sentence {
    const char *id; /* "no-port", "backoff", "unhealthy", … static */
    char what[256], because[512], so[512];
};

#define WHY_MAX 4
struct why {
    bool ok; /* nothing to explain */
    struct sentence sentences[WHY_MAX];
    size_t n;
};

/* A sentence without its `what` and `because`; NULL when there are enough. */
struct sentence *why_add(struct why *w, const char *id, const char *name);

/* false: nothing of that name. */
bool why_app(struct state *s, struct hearing hearing, const char *path, struct wall now,
             struct why *out);
bool why_job(struct state *s, struct hearing hearing, const char *name, struct wall now,
             struct why *out);
/* The same of one that has been read (jobs_load_any). */
void why_job_read(struct state *s, struct hearing hearing, const struct job_row *row,
                  const struct job *job, struct wall now, struct why *out);
bool why_task(struct state *s, const char *name, struct wall now, struct why *out);
/* Of its agent; `name` is what people call it. */
bool why_node(struct state *s, int64_t agent, const char *name, struct wall now, struct why *out);
bool why_deployment(struct state *s, struct hearing hearing, const char *uuid, struct wall now,
                    struct why *out);

/* Does it end without anybody's doing, or is it as somebody wanted? */
bool why_passes(const struct sentence *e);

/* What else may be said of an end, " (command not found?)", or "". */
const char *end_hint(const char *message);

/* One of: running deploying waiting unhealthy suspended (faces.md 1). What a deployment cannot go
 * on without is no part of its going on: such an app is waiting or unhealthy, as why_app() says.
 * The placement may serve for many apps. */
const char *app_state_word(struct state *s, struct placement *p, const struct app_row *a,
                           struct wall now);
/* One of: idle running late failing disabled. Who waits for its jitter is not late. */
const char *job_state_word(struct state *s, const struct job_row *j, struct wall now);
/* "step 1 of 1: 1 of 2 new instances run, 0 healthy, 2 old are there; nothing has moved for 3 min"
 */
void deployment_sentence(struct state *s, const struct deployment_row *d, struct wall now,
                         struct buf *out);
