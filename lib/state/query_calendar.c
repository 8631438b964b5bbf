/* Days that keep jobs from running, or let them run. */
#include "base/calendar.h"
#include "base/map.h"
#include "base/mem.h"
#include "state/private.h"

#define NEXTS_KEPT 65536 /* of jobs that name calendars: of two at one place the last one stays */
#define DAYS_KEPT_BYTES (8 << 20) /* some 400 calendars of 1,000 entries */

struct calendars_kept {
    int64_t version, n; /* of which this holds: who is not told what changes looks at them */
    struct map *by_name;
    struct arena arena;
};

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

int64_t state_calendar_id(struct state *s, const char *name)
{
    if (s->level < TIMES_LEVEL)
        return 0;
    struct stmt *q = query_use(s, CALENDAR_ID);
    stmt_bind_text(q, ":name", name);
    return stmt_one_i64(q, 0);
}

/* ---- what they say
 *
 * To read the entries of twenty takes longer than all that a job asks of them, and who puts, lists
 * or claims many jobs asks for the same ones again and again. */

static struct calendar read_days(struct slice text, struct arena *arena)
{
    struct error err;
    struct arena unordered = {0};
    struct json *days = json_parse_own(text, &err);
    size_t n = 0;
    struct calendar_entry *entries = arena_alloc(&unordered, json_count(days) * sizeof *entries);
    JSON_EACH (day, days)
        if (calendar_parse(json_str(day, ""), &entries[n], &err) == 0)
            n++;
    struct calendar c = calendar_of(entries, n, arena);
    json_free(days);
    arena_close(&unordered);
    return c;
}

void calendars_forget(struct state *s)
{
    if (s->calendars == NULL)
        return;
    map_free(s->calendars->by_name);
    arena_close(&s->calendars->arena);
    mem_free(s->calendars);
    s->calendars = NULL;
}

static struct calendars_kept *kept_now(struct state *s)
{
    int64_t version = state_calendars_version(s);
    int64_t n = s->level < TIMES_LEVEL ? 0 : stmt_one_i64(query_use(s, CALENDARS_COUNT), 0);
    if (s->calendars != NULL && (s->calendars->version != version || s->calendars->n != n))
        calendars_forget(s);
    if (s->calendars == NULL) {
        s->calendars = NEW(struct calendars_kept);
        s->calendars->by_name = map_new();
        s->calendars->version = version;
        s->calendars->n = n;
    }
    return s->calendars;
}

/* Once there are so many, in the arena of who asks. */
static struct calendar calendar_named(struct state *s, struct calendars_kept *kept,
                                      const char *name, struct arena *arena)
{
    struct calendar_row row;
    struct calendar *c = map_get_str(kept->by_name, name);
    if (c != NULL)
        return *c;
    bool room = arena_bytes(&kept->arena) < DAYS_KEPT_BYTES;
    struct arena *of = room ? &kept->arena : arena;
    c = arena_alloc(of, sizeof *c);
    if (state_calendar(s, name, &row))
        *c = read_days(row.days, of);
    if (room && !db_failed(s->db)) /* a reader may be stopped while it reads */
        map_put_str(kept->by_name, name, c);
    return *c;
}

const struct calendar *state_calendars_of(struct state *s, const struct strings *names,
                                          struct arena *arena)
{
    if (names->n == 0)
        return NULL;
    struct calendars_kept *kept = kept_now(s);
    struct calendar *all = arena_alloc(arena, names->n * sizeof *all);
    for (size_t i = 0; i < names->n; i++)
        all[i] = calendar_named(s, kept, names->items[i], arena);
    return all;
}

/* ---- whom they concern */

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
