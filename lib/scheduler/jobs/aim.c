/* Which targets a job has: its schedule, its time, and its calendars as they are now. */
#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "scheduler/jobs/jobs.h"

static void read_days(struct slice text, struct arena *arena, struct calendar *out)
{
    struct error err;
    struct json *days = json_parse_own(text, &err);
    out->items = arena_alloc(arena, json_count(days) * sizeof out->items[0]);
    JSON_EACH (day, days)
        if (calendar_parse(json_str(day, ""), &out->items[out->n], &err) == 0)
            out->n++;
    json_free(days);
}

/* One that is not there has no day. */
static struct calendar read_calendar(struct state *s, const char *name, struct arena *arena)
{
    struct calendar_row row;
    struct calendar read = {0};
    if (state_calendar(s, name, &row))
        read_days(row.days, arena, &read);
    return read;
}

static struct calendar kept_calendar(struct state *s, const char *name, struct calendars_kept *kept)
{
    if (kept->by_name == NULL)
        kept->by_name = map_new();
    struct calendar *c = map_get_str(kept->by_name, name);
    if (c == NULL) {
        c = arena_alloc(&kept->arena, sizeof *c);
        *c = read_calendar(s, name, &kept->arena);
        map_put_str(kept->by_name, name, c);
    }
    return *c;
}

void calendars_kept_close(struct calendars_kept *kept)
{
    map_free(kept->by_name);
    arena_close(&kept->arena);
    *kept = (struct calendars_kept){0};
}

static const struct calendar *read_calendars(struct state *s, const struct strings *names,
                                             struct calendars_kept *kept, struct arena *arena)
{
    struct calendar *all = arena_alloc(arena, names->n * sizeof *all);
    for (size_t i = 0; i < names->n; i++)
        all[i] = kept != NULL ? kept_calendar(s, names->items[i], kept)
                              : read_calendar(s, names->items[i], arena);
    return all;
}

void job_aim_load(struct state *s, const struct job *job, struct calendars_kept *kept,
                  struct job_aim *out)
{
    *out = (struct job_aim){.aim = aim_of_job(job)};
    if (job->exclude_calendars.n + job->only_calendars.n == 0)
        return;
    struct calendar_rules *rules = arena_alloc(&out->arena, sizeof *rules);
    *rules = (struct calendar_rules){
        .excluded = read_calendars(s, &job->exclude_calendars, kept, &out->arena),
        .only = read_calendars(s, &job->only_calendars, kept, &out->arena),
        .excluded_n = job->exclude_calendars.n,
        .only_n = job->only_calendars.n,
    };
    out->aim.rules = rules;
    out->version = state_calendars_version(s);
}

void job_aim_close(struct job_aim *a)
{
    arena_close(&a->arena);
    *a = (struct job_aim){0};
}

const char *job_excluded_by(const struct job *job, int by)
{
    return by >= 0 ? job->exclude_calendars.items[by] : NULL;
}

struct wall job_next_run(struct state *s, const struct job_row *row, const struct job *job,
                         struct calendars_kept *kept)
{
    struct job_aim aim;
    struct job_cursor cursor = job->cursor;
    if (row->next.ms == 0 || job->broken != NULL ||
        job->exclude_calendars.n + job->only_calendars.n == 0)
        return row->next;
    job_aim_load(s, job, kept, &aim);
    struct wall next = cursor_next_run(&aim.aim, &cursor);
    job_aim_close(&aim);
    return next.ms == WALL_NEVER.ms ? (struct wall){0} : next;
}

struct wall jobs_next_run(struct state *s, const struct job_row *row, struct calendars_kept *kept)
{
    struct job job;
    if (row->next.ms == 0 || !state_job_has_calendars(s, row->id))
        return row->next;
    jobs_load_any(row, &job);
    struct wall next = job_next_run(s, row, &job, kept);
    job_close(&job);
    return next;
}

struct wall jobs_run_starts_at(const struct job *job, const struct run_row *r)
{
    int64_t window_ms = job_window_ms(job), at = r->due.ms;
    if (r->cause != CAUSE_SCHEDULE || r->attempt > 0)
        return r->due;
    at += job_jitter_ms(job, r->due);
    if (r->deadline.ms != 0 && window_ms != WINDOW_CATCHUP && r->deadline.ms - window_ms < at)
        at = r->deadline.ms - window_ms;
    return wall_later((struct wall){at}, r->due);
}
