/* Which targets a job has: its schedule, its time, and its calendars as they are now. */
#include "base/limits.h"
#include "base/str.h"
#include "scheduler/jobs/jobs.h"

void job_aim_load(struct state *s, const struct job *job, struct job_aim *out)
{
    *out = (struct job_aim){.aim = aim_of_job(job)};
    if (job->exclude_calendars.n + job->only_calendars.n == 0)
        return;
    struct calendar_rules *rules = arena_alloc(&out->arena, sizeof *rules);
    *rules = (struct calendar_rules){
        .excluded = state_calendars_of(s, &job->exclude_calendars, &out->arena),
        .only = state_calendars_of(s, &job->only_calendars, &out->arena),
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

struct wall job_next_run(struct state *s, const struct job_row *row, const struct job *job)
{
    struct job_aim aim;
    struct job_cursor cursor = job->cursor;
    if (row->next.ms == 0 || job->broken != NULL ||
        job->exclude_calendars.n + job->only_calendars.n == 0)
        return row->next;
    job_aim_load(s, job, &aim);
    struct wall next = cursor_next_run(&aim.aim, &cursor);
    job_aim_close(&aim);
    return next.ms == WALL_NEVER.ms ? (struct wall){0} : next;
}

struct wall jobs_next_run(struct state *s, const struct job_row *row)
{
    struct job job;
    if (row->next.ms == 0 || !state_job_has_calendars(s, row->id))
        return row->next;
    jobs_load_any(row, &job);
    struct wall next = job_next_run(s, row, &job);
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
