/* lib/api/native/private.h - what the files of our own API's doors share (openapi.json says what
 * they answer). */
#pragma once

#include "api/door.h"
#include "api/native/list.h"
#include "model/id.h"
#include "model/job.h"
#include "scheduler/jobs/cursor.h"
#include "scheduler/why/why.h"

/* ---------------- answer.c */

/* {"error":{"code","message","details","try"}} */
void native_fail(struct call *c, const struct error *err, const struct problems *problems,
                 const struct json *detail);
void native_dress(struct call *c); /* X-Mesolith-Index */

void native_time(struct json_writer *w, const char *name, struct wall t); /* nothing for 0 ms */
void native_words(struct json_writer *w, const char *name, unsigned modes);
void native_text(struct json_writer *w, const char *name, const char *s); /* nothing for "" */

/* The app of the path; false after having failed the call. */
bool native_path_app(struct call *c, struct app_row *out);
bool native_path_task(struct call *c, struct task_row *out);
bool native_path_job(struct call *c, struct job_row *out);
/* The job of that name, also one that is deleted by what it is called since then. */
bool native_job_or_gone(struct call *c, const char *name, struct job_row *out);

void native_refused(struct call *c, const struct outcome *o); /* fails as the outcome says */
/* A write whose request id was seen before is answered with its first outcome, by `then`; true:
 * done. Otherwise a door may refuse at once what it sees. */
bool native_once(struct tell *t, outcome_fn *then);
/* {"index", "deployment" if there is one}: an outcome_fn. */
void native_written(struct tell *t, const struct outcome *o);
void native_unchanged(struct tell *t); /* the same, for what was so already */

/* Begins {"index": the caller writes more, and ends it. Returns what the outcome says, or NULL,
 * which the caller frees. */
struct json *native_begin(struct tell *t, int status, const struct outcome *o,
                          struct json_writer *w);
/* {"index", `what`}: the number by which the outcome calls it. */
void native_made(struct tell *t, const struct outcome *o, const char *what);

/* A parameter of the query, from 0 on; without it *out stays. -1 after having failed the call. */
int native_number(struct call *c, const char *name, int64_t *out);

/* ---------------- what several pages show */

const char *native_task_word(const struct task_row *t); /* the vocabulary of people */
void native_put_message(const struct task_row *t, struct json_writer *w);
/* A file that it writes, as the query wants it: `offset`, `length`, `tail`, `follow`. */
void native_log(struct call *c, const struct task_row *t, const char *file);
void native_put_task(const struct view *v, const struct task_row *t, struct json_writer *w);
const char *native_run_word(enum run_state s); /* the vocabulary of people */
void native_put_run(struct state *s, const struct run_row *r, struct json_writer *w);
void native_put_deployment(const struct view *v, const struct deployment_row *d,
                           struct json_writer *w);
/* The members next and local: the next times of a schedule, in UTC and in its zone. */
void native_put_next(const struct aim *aim, const struct job_cursor *cursor, struct json_writer *w);
/* The member explained: the schedule, and the times and calendars that bound it. */
void native_put_explained(const struct job *j, struct wall now, struct json_writer *w);
/* Of an app, with the service ports that this node does not serve to it. */
bool native_why_app(const struct view *v, const char *path, struct why *out);
/* Adds that schedules wait for what a clock has shown, if they do. */
void native_why_clock(const struct view *v, const struct job_row *job, struct why *out);
void native_put_sentences(const struct why *why, struct json_writer *w); /* an array */

/* A member; nothing without any. */
void native_put_backfills(struct state *s, int64_t job, struct json_writer *w);

/* The id of a node as people see it. */
#define NODE_ID_SIZE 24
const char *native_node_id(int64_t node, char dst[NODE_ID_SIZE]);
/* Of the node that an agent lives in. */
const char *native_agent_node_id(const struct agent_row *a, char dst[NODE_ID_SIZE]);
int64_t native_leader(const struct view *v); /* its id; 0: none is known */
/* A node by its id or its name. */
struct native_node {
    int64_t node, agent;  /* 0: it has not announced itself; -1: none */
    unsigned modes, same; /* same: how many have that name, if it was found by it */
    char name[256];
    const char *state;
};
bool native_find(const struct view *v, const char *text, struct native_node *out);
/* A member that the leader does not hear, whatever its agent's state still says. */
bool native_is_away(const struct view *v, int64_t node);
/* The one of the path; false after having failed the call. */
bool native_path_node(struct call *c, struct native_node *out);

struct amount { /* of one resource */
    int64_t used, total;
};
struct capacity {
    struct amount cpus_milli, mem, disk, ports;
};
void native_add_capacity(struct state *s, const struct agent_row *a, struct capacity *to);
void native_put_capacity(const struct capacity *c, struct json_writer *w); /* four members */
void native_put_docker(const struct agent_row *a, struct json_writer *w);  /* a member */

/* ---------------- doors */

ask_fn native_ask_status;
ask_fn native_ask_apps, native_ask_app, native_ask_app_version;
tell_fn native_post_app, native_put_app, native_delete_app, native_scale_app, native_restart_app;
ask_fn native_ask_tasks, native_ask_task, native_ask_log, native_ask_files;
tell_fn native_delete_task;
ask_fn native_ask_graph;
ask_fn native_ask_jobs, native_ask_job, native_ask_explain;
ask_fn native_ask_runs, native_ask_run, native_ask_run_log;
ask_fn native_ask_job_stats, native_ask_history, native_ask_export;
tell_fn native_put_history;
tell_fn native_put_job, native_post_jobs, native_delete_job, native_run_job;
tell_fn native_backfill_job, native_cancel_backfill;
tell_fn native_pause_job, native_resume_job, native_pause_jobs, native_resume_jobs;
ask_fn native_ask_calendars, native_ask_calendar;
tell_fn native_put_calendar, native_delete_calendar;
ask_fn native_ask_notices, native_ask_notice, native_ask_channels;
tell_fn native_test_notice;
ask_fn native_ask_nodes, native_ask_node;
ask_fn native_ask_backup;
tell_fn native_drain_node, native_undrain_node, native_promote_node, native_demote_node;
tell_fn native_delete_node, native_transfer_leader;
ask_fn native_ask_tokens;
tell_fn native_post_token, native_delete_token;
ask_fn native_ask_deployments;
tell_fn native_delete_deployment;
ask_fn native_ask_services;
ask_fn native_ask_events, native_ask_event_log;
ask_fn native_ask_why;
ask_fn native_ask_sql;
ask_fn native_ask_openapi;
ask_fn native_ask_doors;
ask_fn native_ask_nothing;
