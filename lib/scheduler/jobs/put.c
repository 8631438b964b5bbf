/* A job that a client sent, and a job as clients see it. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "scheduler/jobs/private.h"

void jobs_take_counters(const struct job_row *row, struct job *j)
{
    j->success_count = row->successes;
    j->error_count = row->errors;
    j->errors_since_success = row->errors_since_success;
    j->last_success = row->last_success;
    j->last_error = row->last_error;
}

static void take_row(const struct job_row *row, struct job *j)
{
    j->disabled = row->disabled;
    jobs_take_counters(row, j);
    if (j->kind == JOB_SCHEDULED)
        j->cursor = (struct job_cursor){
            .index = row->k,
            .remaining = row->remaining,
            .moved = !str_eq(row->schedule, j->schedule_text),
        };
}

int jobs_load(const struct job_row *row, struct job *out, struct error *err)
{
    if (job_load(row->definition, out, err) != 0)
        return -1;
    take_row(row, out);
    return 0;
}

void jobs_load_any(const struct job_row *row, struct job *out)
{
    job_load_any(row->definition, out);
    take_row(row, out);
    if (out->broken == NULL)
        return;
    out->name = arena_strdup(&out->arena, row->name);
    out->kind = row->schedule != NULL ? JOB_SCHEDULED : JOB_DEPENDENT;
    if (row->schedule != NULL)
        out->schedule_text = arena_strdup(&out->arena, row->schedule);
}

/* ---- a step of the cursor, as job.put and job.tick have it */

static void write_members(const struct targets *t, const char *reason, struct json_writer *w)
{
    json_member_int(w, "due_ms", t->last_due.ms);
    json_member_int(w, "covers", t->n);
    json_member_str(w, "reason", reason);
}

static void write_record(const char *name, const struct targets *t, const char *reason,
                         struct json_writer *w)
{
    if (t->n == 0)
        return;
    json_key(w, name);
    json_object(w);
    write_members(t, reason, w);
    json_object_end(w);
}

static void write_excluded(const struct job *job, const struct cursor_step *step,
                           struct json_writer *w)
{
    char reason[64 + JOB_NAME_MAX] = "none of the calendars that it must be in has its day";
    if (step->excluded.n == 0)
        return;
    const char *by = job_excluded_by(job, step->excluded_by);
    if (by != NULL)
        snprintf(reason, sizeof reason, "excluded by the calendar %s", by);
    int64_t before =
        schedule_last_due(&job->schedule, (struct wall){step->excluded.first_due.ms - 1});
    json_key(w, "excluded");
    json_object(w);
    write_members(&step->excluded, reason, w);
    if (before >= 0)
        json_member_int(w, "after_ms", schedule_target(&job->schedule, before).ms);
    json_object_end(w);
}

static void write_version(const struct job_aim *aim, struct json_writer *w)
{
    json_key(w, "calendars");
    json_object(w);
    json_member_int(w, "version", aim->version);
    json_object_end(w);
}

static void write_claims(const struct job *job, const struct targets *t, struct json_writer *w)
{
    if (t->n == 0)
        return;
    int64_t window_ms = job_window_ms(job), last = INT64_MIN;
    json_key(w, "claims");
    json_array(w);
    for (int64_t i = 0, k = t->first; i < t->n; i++) {
        struct wall due = schedule_target(&job->schedule, k);
        k = schedule_skip(&job->schedule, k, 1, t->last);
        if (due.ms == last) /* where a zone skips a day: one run */
            continue;
        last = due.ms;
        json_object(w);
        json_member_int(w, "due_ms", due.ms);
        if (window_ms != WINDOW_CATCHUP)
            json_member_int(w, "deadline_ms", due.ms + job_jitter_ms(job, due) + window_ms);
        json_object_end(w);
    }
    json_array_end(w);
}

void write_cursor(const struct job *job, const struct job_cursor *cursor, struct wall next,
                  struct json_writer *w)
{
    char shown[SCHEDULE_TEXT_SIZE];
    struct job at = *job;
    at.cursor = *cursor;
    json_member_str(w, "schedule", job_schedule_shown(&at, shown));
    if (next.ms != WALL_NEVER.ms)
        json_member_int(w, "next_ms", next.ms);
}

void write_step(const struct job *job, const struct cursor_step *step, bool enabled,
                struct json_writer *w)
{
    json_member_int(w, "k", step->cursor.index);
    json_member_int(w, "remaining", step->cursor.remaining);
    write_cursor(job, &step->cursor, enabled ? step->next : WALL_NEVER, w);
    if (step->missed.n + step->coalesced.n + step->claimed.n > 0)
        json_member_int(w, "priority", job_priority(job));
    write_record("missed", &step->missed, "no-leader", w);
    write_record("coalesced", &step->coalesced, "a later target runs in its place", w);
    write_excluded(job, step, w);
    write_claims(job, &step->claimed, w);
}

void write_decision(const struct job *job, const struct job_aim *aim,
                    const struct cursor_step *step, struct json_writer *w)
{
    write_step(job, step, true, w);
    if (aim->aim.rules != NULL)
        write_version(aim, w);
}

/* ---- what is refused */

/* Whether it would run if it were posted at `now`. */
static bool would_run(const struct aim *aim, struct wall now)
{
    struct job_cursor begin = cursor_begin(aim->schedule, now);
    struct cursor_step step;
    cursor_accept(aim, &begin, now, true, &step);
    return step.claimed.n > 0 || cursor_next_run(aim, &step.cursor).ms != WALL_NEVER.ms;
}

static int check_named(struct state *s, const struct strings *names, const char *member,
                       struct error *err)
{
    for (size_t i = 0; i < names->n; i++)
        if (state_calendar_id(s, names->items[i]) == 0)
            return error_set(err, ERR_INVALID,
                             "%s: calendar %.100s does not exist: make it first, or name one that "
                             "does",
                             member, names->items[i]);
    return 0;
}

/* What is left of the schedule by the job's time alone, and by its calendars too. */
static int check_left(struct state *s, const struct job *job, struct wall now, struct error *err)
{
    struct job_aim aim;
    struct schedule schedule = job->schedule;
    job_aim_load(s, job, &aim);
    schedule_start_now(&schedule, now);
    aim.aim.schedule = &schedule;
    struct aim timed = aim.aim, always = aim.aim;
    timed.rules = always.rules = NULL;
    always.starts = always.ends = (struct wall){0};
    bool right = would_run(&aim.aim, now) || !would_run(&always, now);
    bool in_time = would_run(&timed, now);
    job_aim_close(&aim);
    if (right)
        return 0;
    return in_time ? error_set(err, ERR_INVALID,
                               "excludeCalendars, onlyCalendars: they leave no time of the "
                               "schedule, so it would never run: need others, or another schedule")
                   : error_set(err, ERR_INVALID,
                               "startsAt, endsAt: no time of the schedule lies between them, so it "
                               "would never run: need others, or another schedule");
}

/* Times to run in that are new, and in which it would never run. */
static int check_bounds(struct state *s, const struct job *job, const struct job *old,
                        struct wall now, struct error *err)
{
    char text[TIME_TEXT_SIZE];
    bool bound = job->starts.ms != 0 || job->ends.ms != 0 || job->exclude_calendars.n > 0 ||
                 job->only_calendars.n > 0;
    if (!bound || (old != NULL && job_same_bounds(job, old)))
        return 0;
    if (job->ends.ms != 0 && job->ends.ms <= now.ms)
        return error_set(err, ERR_INVALID,
                         "endsAt: got %s, which is over: need a time to come, or none",
                         wall_text(job->ends, text));
    if (check_named(s, &job->exclude_calendars, "excludeCalendars", err) != 0 ||
        check_named(s, &job->only_calendars, "onlyCalendars", err) != 0)
        return -1;
    return job->kind == JOB_SCHEDULED ? check_left(s, job, now, err) : 0;
}

int jobs_check(struct state *s, struct job *job, const struct job_row *old, bool keeps,
               struct wall now, struct error *err)
{
    struct job was;
    if (old == NULL)
        return job_check_cron(job, NULL, err) != 0 ? -1 : check_bounds(s, job, NULL, now, err);
    jobs_load_any(old, &was);
    const struct job *read = was.broken == NULL ? &was : NULL;
    if (keeps && read != NULL)
        job_keep_cron(job, read);
    int rc = job_check_cron(job, read, err) != 0 ? -1 : check_bounds(s, job, read, now, err);
    job_close(&was);
    return rc;
}

/* ---- putting */

/* What becomes of the cursor: 2.6, and where it begins anew, 3.5 A. */
static void settle(struct job *job, const struct job *old, const struct aim *aim, struct wall now,
                   struct cursor_step *step)
{
    enum job_replacing how = old != NULL ? job_replacing(job, old) : REPLACE_BEGINS;
    if (how != REPLACE_BEGINS)
        job_keep_cursor(job, old);
    struct job_cursor from =
        how == REPLACE_BEGINS ? cursor_begin(&job->schedule, now) : job->cursor;
    if (how == REPLACE_KEEPS)
        *step = (struct cursor_step){.cursor = from, .next = cursor_next(aim, &from)};
    else
        cursor_accept(aim, &from, now, !job->disabled, step);
    job->cursor = step->cursor;
}

static void write_counters(const struct job *job, struct json_writer *w)
{
    if (job->success_count == 0 && job->error_count == 0 && job->errors_since_success == 0 &&
        job->last_success.ms == 0 && job->last_error.ms == 0)
        return;
    json_key(w, "counters");
    json_object(w);
    json_member_int(w, "successes", job->success_count);
    json_member_int(w, "errors", job->error_count);
    json_member_int(w, "since", job->errors_since_success);
    if (job->last_success.ms != 0)
        json_member_int(w, "last_success_ms", job->last_success.ms);
    if (job->last_error.ms != 0)
        json_member_int(w, "last_error_ms", job->last_error.ms);
    json_object_end(w);
}

/* As a text: each replica keeps it as it is, and need not take it apart. What is too large for an
 * entry is so as an object, too: `w` is full then, and no part of it passes for the whole. */
static void write_definition(const struct job *job, int level, struct json_writer *w)
{
    struct buf text;
    struct json_writer in_text;
    buf_init(&text, LIMIT_ENTRY_BYTES);
    if (level >= JOB_TEXT_LEVEL) {
        json_begin(&in_text, &text);
        job_store(job, &in_text);
    }
    if (level >= JOB_TEXT_LEVEL && !buf_full(&text)) {
        json_member_str(w, "definition", buf_str(&text));
    } else {
        json_key(w, "definition");
        job_store(job, w);
    }
    buf_close(&text);
}

static void write_dependent(const struct job *job, struct json_writer *w)
{
    json_key(w, "dependent");
    json_object(w);
    json_member_int(w, "mode", job->depends);
    json_member_int(w, "priority", job_priority(job));
    if (job->starts.ms != 0)
        json_member_int(w, "starts_ms", job->starts.ms);
    if (job->ends.ms != 0)
        json_member_int(w, "ends_ms", job->ends.ms);
    json_key(w, "parents");
    json_array(w);
    for (size_t i = 0; i < job->parents.n; i++) {
        json_object(w);
        json_member_str(w, "name", job->parents.items[i]);
        json_member_int(w, "ends", job_parent_ends(job, job->parents.items[i]));
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static void write_calendars(const struct job *job, const struct job_aim *aim, struct json_writer *w)
{
    const struct strings *const lists[] = {&job->exclude_calendars, &job->only_calendars};
    json_key(w, "calendars");
    json_object(w);
    json_member_int(w, "version", aim->version);
    json_key(w, "names");
    json_array(w);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < lists[i]->n; k++)
            json_put_str(w, lists[i]->items[k]);
    json_array_end(w);
    json_object_end(w);
}

/* Every replica reads it: what is as if it were not there is not. */
static void write_put(const struct job *job, const struct job_row *old, int level,
                      const struct job_aim *aim, const struct cursor_step *step,
                      struct json_writer *w)
{
    json_member_str(w, "name", job->name);
    if (old != NULL)
        json_member_int(w, "base", old->generation);
    write_definition(job, level, w);
    if (job->disabled)
        json_member_bool(w, "disabled", true);
    if (aim->aim.rules != NULL)
        write_calendars(job, aim, w);
    write_counters(job, w);
    if (job->kind == JOB_SCHEDULED)
        write_step(job, step, !job->disabled, w);
    else
        write_dependent(job, w);
}

static enum put_runs runs_of(const struct job *job, const struct cursor_step *step)
{
    if (job->kind != JOB_SCHEDULED)
        return PUT_RUNS_LATER;
    if (step->claimed.n > 0)
        return PUT_RUNS_NOW;
    bool used_up = job->schedule.count != 0 && step->cursor.remaining == 0;
    return used_up ? PUT_RUNS_NEVER : PUT_RUNS_LATER;
}

enum put_runs jobs_write_put(struct state *s, struct job *job, const struct job_row *old,
                             struct wall now, struct json_writer *w)
{
    struct cursor_step step = {0};
    struct job was;
    struct job_aim aim;
    if (old != NULL)
        jobs_load_any(old, &was);
    job_start_now(job, now);
    job_aim_load(s, job, &aim);
    if (job->kind == JOB_SCHEDULED)
        settle(job, old != NULL ? &was : NULL, &aim.aim, now, &step);
    if (old != NULL)
        job_close(&was);
    write_put(job, old, state_level(s), &aim, &step, w);
    job_aim_close(&aim);
    return runs_of(job, &step);
}

void jobs_write_resume(struct state *s, const struct job_row *row, struct wall now,
                       struct json_writer *w)
{
    struct job job;
    struct job_aim aim;
    struct cursor_step step;
    jobs_load_any(row, &job);
    json_object(w);
    json_member_int(w, "job", row->id);
    json_member_int(w, "generation", row->generation);
    json_member_int(w, "at_k", row->k);
    if (job.kind == JOB_SCHEDULED) {
        job_aim_load(s, &job, &aim);
        if (job.broken != NULL) /* it stays where it is */
            step = (struct cursor_step){.cursor = job.cursor, .next = now};
        else
            cursor_accept(&aim.aim, &job.cursor, now, true, &step);
        write_decision(&job, &aim, &step, w);
        job_aim_close(&aim);
    }
    json_object_end(w);
    job_close(&job);
}

/* ---- deleting */

static int64_t count_rows(struct stmt *q)
{
    int64_t n = 0;
    if (q == NULL)
        return 0;
    while (stmt_row(q))
        n++;
    stmt_end(q);
    return n;
}

/* At most so much a child's definition grows by: each name among the parents, and as a condition.
 */
static size_t grows_by(struct state *s, const struct job_row *gone)
{
    struct edge_row e;
    size_t bytes = 0;
    struct stmt *q = state_edges_of(s, gone->id);
    while (q != NULL && state_edge_next(q, &e))
        bytes += 2 * strlen(e.parent_name) + sizeof "\"\",\"\":\"success\",";
    return bytes;
}

/* The children stay so small that who reads them can send them again. */
static int check_sizes(struct state *s, const struct job_row *gone, struct error *err)
{
    struct job_row child = {0};
    size_t more = grows_by(s, gone);
    bool fit = true;
    struct stmt *q = more > 0 ? state_children(s, gone->id) : NULL;
    while (q != NULL && fit && stmt_row(q))
        fit = !state_job_alone(s, stmt_i64(q, 0), &child) ||
              child.definition.len + more <= LIMIT_BODY_BYTES;
    if (q != NULL)
        stmt_end(q);
    if (fit)
        return 0;
    return error_set(err, ERR_LIMIT,
                     "job %.80s waits for %.80s and would wait for each of its parents instead, "
                     "which makes it larger than %d bytes: give it others first",
                     child.name, gone->name, LIMIT_BODY_BYTES);
}

int jobs_check_delete(struct state *s, const struct job_row *job, struct error *err)
{
    int64_t parents = count_rows(state_edges_of(s, job->id));
    int64_t children = count_rows(state_children(s, job->id));
    if (parents * children <= LIMIT_JOB_HERITAGE)
        return check_sizes(s, job, err);
    return error_set(
        err, ERR_LIMIT,
        "job %.120s: %lld jobs wait for it and would wait for each of its %lld parents "
        "instead: give them others first, or it fewer",
        job->name, (long long)children, (long long)parents);
}

/* ---- running by hand */

void jobs_write_trigger(const struct job *job, const char *arguments,
                        const struct json *environment, struct wall now, struct json_writer *w)
{
    json_member_str(w, "name", job->name);
    json_member_int(w, "due_ms", now.ms);
    if (!str_is_blank(arguments))
        json_member_str(w, "arguments", arguments);
    if (environment != NULL) {
        json_key(w, "environment");
        json_put_value(w, environment);
    }
    json_member_bool(w, "concurrent", job_overlaps(job));
    json_member_int(w, "priority", job_priority(job));
}
