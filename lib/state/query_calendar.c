/* Days that keep jobs from running, or let them run. */
#include "base/mem.h"
#include "state/private.h"

#define NEXTS_KEPT 65536 /* of jobs that name calendars: of two at one place the last one stays */

struct next_kept {
    int64_t job, generation, version; /* job 0: none */
    struct wall target, next;
};

bool state_calendar_next(struct stmt *q, struct calendar_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct calendar_row){
        .id = stmt_i64(q, 0),
        .name = stmt_str(q, 1),
        .description = stmt_str(q, 2),
        .days = stmt_text(q, 3),
        .changed = query_wall_at(q, 4),
    };
    return true;
}

struct stmt *state_calendars(struct state *s)
{
    return s->level < TIMES_LEVEL ? NULL : query_use(s, CALENDARS);
}

static bool one(struct state *s, int which, struct stmt *q, struct calendar_row *out)
{
    struct calendar_row r;
    if (!state_calendar_next(q, &r))
        return false;
    struct arena *a = query_one(s, which);
    r.name = arena_strdup(a, r.name);
    r.description = arena_strdup(a, r.description);
    r.days = query_copy(a, r.days);
    stmt_end(q);
    *out = r;
    return true;
}

bool state_calendar(struct state *s, const char *name, struct calendar_row *out)
{
    if (s->level < TIMES_LEVEL)
        return false;
    struct stmt *q = query_use(s, CALENDAR_BY_NAME);
    stmt_bind_text(q, ":name", name);
    return one(s, CALENDAR_BY_NAME, q, out);
}

bool state_calendar_by_id(struct state *s, int64_t id, struct calendar_row *out)
{
    if (s->level < TIMES_LEVEL)
        return false;
    struct stmt *q = query_use(s, CALENDAR_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return one(s, CALENDAR_BY_ID, q, out);
}

int64_t state_calendars_version(struct state *s)
{
    return s->level < TIMES_LEVEL ? 0 : stmt_one_i64(query_use(s, CALENDARS_VERSION), 0);
}

struct stmt *state_calendar_jobs(struct state *s, int64_t calendar)
{
    if (s->level < TIMES_LEVEL)
        return NULL;
    struct stmt *q = query_use(s, CALENDAR_JOBS);
    stmt_bind_i64(q, ":calendar", calendar);
    return q;
}

int64_t state_calendar_jobs_count(struct state *s, int64_t calendar)
{
    if (s->level < TIMES_LEVEL)
        return 0;
    struct stmt *q = query_use(s, CALENDAR_JOBS_COUNT);
    stmt_bind_i64(q, ":calendar", calendar);
    return stmt_one_i64(q, 0);
}

bool state_job_has_calendars(struct state *s, int64_t job)
{
    if (s->level < TIMES_LEVEL)
        return false;
    struct stmt *q = query_use(s, JOB_CALENDARS_COUNT);
    stmt_bind_i64(q, ":job", job);
    return stmt_one_i64(q, 0) > 0;
}

static struct next_kept next_key(struct state *s, int64_t job, struct wall target)
{
    struct stmt *q = query_use(s, CALENDAR_JOB_GENERATION);
    stmt_bind_i64(q, ":job", job);
    int64_t generation = stmt_one_i64(q, 0);
    return (struct next_kept){job, generation, state_calendars_version(s), target, target};
}

bool state_next_known(struct state *s, int64_t job, struct wall target, struct wall *next_out)
{
    struct next_kept key = {.next = target};
    if (s->level >= TIMES_LEVEL)
        key = next_key(s, job, target);
    if (key.generation != 0) {
        const struct next_kept *k = s->nexts != NULL ? &s->nexts[job % NEXTS_KEPT] : NULL;
        if (k == NULL || k->job != job || k->generation != key.generation ||
            k->version != key.version || k->target.ms != target.ms)
            return false;
        key.next = k->next;
    }
    *next_out = key.next;
    return true;
}

void state_next_keep(struct state *s, int64_t job, struct wall target, struct wall next)
{
    if (s->nexts == NULL)
        s->nexts = mem_zalloc(NEXTS_KEPT * sizeof s->nexts[0]);
    struct next_kept *k = &s->nexts[job % NEXTS_KEPT];
    *k = next_key(s, job, target);
    k->next = next;
}
