/* lib/api/chronos/private.h - what the files of Chronos's doors share (spec/chronos.md 1). */
#pragma once

#include "api/door.h"
#include "scheduler/jobs/jobs.h"

/* ---------------- answer.c */

/* {"status": reason phrase, "message": …} (G-3). */
void chronos_fail(struct call *c, const struct error *err, const struct problems *problems,
                  const struct json *detail);
void chronos_failure(struct call *c, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void chronos_nothing(struct call *c); /* 204 (G-1) */
/* As the last step of a tell. */
void chronos_done(struct tell *t, const struct outcome *o);

/* The face that the request came by. */
enum job_face chronos_face(const struct call *c);
/* The job of the path; false after having failed the call: an unknown one is 400 (G-4). */
bool chronos_path_job(struct call *c, struct job_row *out);
/* A body, if there is one, must be called JSON (G-6); false after having failed the call. */
bool chronos_typed(struct call *c);
/* That body; NULL after having failed the call. */
const struct json *chronos_body(struct call *c);
/* A whole number of the query; `otherwise` when it is not there; false after having failed. */
bool chronos_number(struct call *c, const char *name, int64_t otherwise, int64_t *out);

/* 7.4: "fresh", "success", "failure". */
const char *chronos_result(const struct job_row *row);
/* 7.4: "idle", "queued", "running" or "2 running". */
#define JOB_STATE_SIZE 32
const char *chronos_state(const struct job_row *row, enum job_face face, char dst[JOB_STATE_SIZE]);

/* ---------------- doors */

tell_fn chronos_put_scheduled, chronos_put_dependent, chronos_run_job, chronos_delete_job,
    chronos_mark_success;
ask_fn chronos_ask_jobs, chronos_ask_search, chronos_ask_summary, chronos_ask_job;
tell_fn chronos_kill_tasks, chronos_purge_tasks, chronos_complete_task, chronos_report_progress;
ask_fn chronos_ask_stat, chronos_ask_percentile, chronos_ask_metrics;
ask_fn chronos_ask_csv, chronos_ask_dot;
ask_fn chronos_ask_ping, chronos_ask_leader, chronos_ask_info;
