/* lib/scheduler/why/private.h - what the files of this folder share. */
#pragma once

#include "scheduler/why/why.h"

#define SAY(field, ...) snprintf(field, sizeof(field), __VA_ARGS__)
#define MINUTE_MS 60000

/* ---- why.c */

/* The sentence on what has no place, of the reason that most agents have. */
void why_place(struct placement *p, const struct demand *d, const char *name, const char *what,
               struct why *out);
/* What helps after that end, where it is more than to look at the output. */
void why_advise_end(struct sentence *t, const struct task_row *task, const char *message);

/* ---- app.c */

/* How far the present version has come. */
struct pace {
    int64_t old;                   /* of older versions, alive */
    int64_t leaving;               /* to move off a node that drains */
    int64_t fresh, running, ready; /* of the present one, to live */
    int64_t unready;               /* of these, healthy, but for their readiness check */
    bool failed, sick;             /* one of the present version has, or is */
    struct wall moved;             /* when one got ready, or the deployment began */
};
void why_pace(struct state *s, const struct app_row *row, const struct app *app, struct wall began,
              struct pace *out);
/* "1 of 2 new instances run, 0 healthy, 2 old are there" */
void why_say_pace(const struct app_row *row, const struct app *app, const struct pace *pace,
                  struct buf *out);
/* Of so many in all. */
const char *why_instances_run(int64_t all);
/* "3 min", "2 h 5 min": a text that stands still for a while. */
const char *why_lasting(char dst[static 48], int64_t ms);
