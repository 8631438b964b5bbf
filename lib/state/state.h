/* lib/state/state.h - the replicated database: applying commands, asking, hearing what changed.
 *
 * Checking speaks to a person, before proposing (the doors and model do it); applying cannot fail,
 * refusing is an outcome, and the same one on every replica. Applying has no clock, no chance, no
 * floats and no unordered reads. A disk error while applying sticks to the connection and stops
 * the process (db/db.h, fail_stop).
 *
 * The writer's connection applies and is asked by the minds; readers open the same state read-only
 * on connections of their own. Pure but for SQLite. */
#pragma once

#include "base/hash.h"
#include "base/histogram.h"
#include "base/limits.h"
#include "base/rng.h"
#include "base/time.h"
#include "db/statement.h"
#include "model/command.h"
#include "model/job.h"
#include "model/resources.h"
#include "model/run_spec.h"
#include "model/states.h"
#include "model/status.h"
#include "model/value.h"

struct state;

/* Keeps db, which the caller opened and whose transactions it begins and commits. A database
 * without schema is level 0: every query is empty until schema.upgrade has been applied. A reader
 * may be opened on it too; it prepares its statements when the schema is there. */
int state_open(struct db *db, bool read_only, struct state **state_out,
               struct error *err) MUST_CHECK;
void state_close(struct state *s); /* accepts NULL; db stays the caller's */
struct db *state_db(struct state *s);
int state_level(const struct state *s);

/* ---------------- applying */

/* What became of a command. `detail` is a JSON object for the asker: what was made (versions, ids,
 * uuids), or on a conflict what stands in the way. */
struct outcome {
    enum error_code code; /* ERR_NONE: done */
    bool stale;           /* CONFLICT only: decided on an old view; looking again may help */
    char text[256];
    struct buf detail; /* empty or one JSON object */
};
void outcome_close(struct outcome *o);

/* Applies one command of the entry at `index`, whose own term is `term`, inside the caller's
 * transaction, in a savepoint of its own: refused leaves nothing but its outcome. A request id that
 * was seen before gets its first outcome. */
void state_apply(struct state *s, uint64_t index, uint64_t term, const struct command *c,
                 struct outcome *outcome);
/* The outcome that a request id got before (DESIGN 4, Once): for a door that would now decide
 * otherwise. False, and *out untouched: it is new. Only on the writer; the caller closes *out. */
bool state_request_outcome(struct state *s, const char *rid, struct outcome *out);
/* Whether another request had the id, be it for one of its parts, whose ids begin with `parts` and
 * a blank. Only on the writer. */
bool state_request_is_other(struct state *s, const char *rid, const char *parts, uint64_t digest);

/* ---------------- the change feed */

enum change_kind {
    CHANGE_APP,      /* put; id, name = path, more = the URI if a person sent it; number = 1: a pod;
                        before = 1: it was there; state = 1: deleted */
    CHANGE_APP_GONE, /* deleted and all its instances ended: app_terminated_event */
    CHANGE_DEPLOYMENT_BEGIN, /* id; name = uuid; of = the group asked for; more = its plan */
    CHANGE_DEPLOYMENT_STEP,  /* step = the one that begins now; more = its plan */
    CHANGE_DEPLOYMENT_END, /* number = 1 done, 0 cancelled; more = its plan; step = the last one */
    CHANGE_APPS_REFUSED,   /* of = the group asked for; more = why */
    CHANGE_GROUP,          /* changed without a deployment; id = the root's version; of as above */
    CHANGE_TASK,           /* id, name, state, before; app or job in `of` */
    CHANGE_LATE_END,       /* reported of an app's task that was given up; id, name, state */
    CHANGE_HEALTH,         /* of a task; before, number = enum health_state: the same if only
                            * its results are others; more = those before */
    CHANGE_READINESS,      /* of a task; number = 1 it is ready, 0 another answer */
    CHANGE_JOB,            /* id, name */
    CHANGE_JOB_GONE,
    CHANGE_RUN,      /* id = run, name = job's, state = enum run_state */
    CHANGE_AGENT,    /* id, name = hostname, state */
    CHANGE_NODE,     /* id, name */
    CHANGE_CALENDAR, /* name */
    CHANGE_TOKEN,    /* id; name = token_id_text() */
    CHANGE_VOLUME,   /* an instance has given its place up; id = its agent, owner = its app */
    CHANGE_CALLBACK, /* name = URL; number = 1: events are posted to it from now on; 0: no more */
    CHANGE_NOTICE,   /* id; name = the job's: it is to be sent */
};

struct change {
    enum change_kind kind;
    uint64_t index;
    int64_t id;
    int state, before, number, step;
    struct wall at;
    const char *name, *of, *by, *from, *more; /* borrowed until the watcher returns; may be NULL */
    int64_t owner;                            /* TASK, HEALTH: app or job; RUN: job */
    int64_t event;                            /* id of the row in events, 0 if it made none */
};

struct watch {
    void (*changed)(struct watch *w, const struct change *c);
    /* private */
    struct watch *next;
};
void state_watch(struct state *s, struct watch *w); /* keeps w until close */
/* Tells the watchers what the commands applied since then changed. After each COMMIT. */
void state_committed(struct state *s);

/* ---------------- asking
 *
 * Rows borrow their texts from the statement: they live until the next row of the same query.
 * `state_x_by_…` reads one row: false when there is none. `state_x_…s()` begins a list, read with
 * state_x_next(); who leaves early says stmt_end(). Lists of one kind share a statement a query, so
 * a list may not be begun again inside itself. Orders are part of the contract. */

const char *state_setting(struct state *s, const char *key,
                          const char *otherwise); /* until the next call */
int64_t
state_version_ms(struct state *s); /* of the root group: the newest of any app or deployment */
/* The version of the newest change that made something depend on something else; 0: none, or below
 * DEPENDS_LEVEL. */
int64_t state_depends_ms(struct state *s);

struct agent_row {
    int64_t id, uid, node;
    const char *hostname, *address, *boot, *version, *docker, *docker_reason, *attributes,
        *port_ranges;
    int port;
    enum agent_state state;
    struct wall since, registered;
    int64_t cpus_milli, mem_bytes, disk_bytes;
    int64_t used_cpus_milli, used_mem_bytes, used_disk_bytes, tasks;
};
bool state_agent_by_id(struct state *s, int64_t id, struct agent_row *out);
bool state_agent_by_uid(struct state *s, int64_t uid, struct agent_row *out);
struct stmt *state_agents(struct state *s); /* by id */
/* The most that one has of each; false when there is none. */
bool state_agents_largest(struct state *s, struct resources *out);
bool state_agent_as_large(struct state *s, const struct resources *r); /* is any, in each? */
bool state_agent_next(struct stmt *q, struct agent_row *out);
struct stmt *state_agent_ports(struct state *s,
                               int64_t agent); /* column 0: ports taken, ascending */
/* The task that holds a port, 0 if it is free. */
int64_t state_port_holder(struct state *s, int64_t agent, int port);

/* Whether people want it to become, or stay, empty: it drains, is drained, or will when it is back.
 */
struct drain_row {
    struct wall since;
    const char *by;
};
bool state_agent_drain(struct state *s, int64_t agent, struct drain_row *out);
bool state_any_drain(struct state *s); /* of any agent */

struct app_counts {
    int64_t live; /* launched, not ended */
    int64_t staged, running, healthy, unhealthy,
        stopping; /* of these; running ones are not staged */
};
struct app_row {
    int64_t id;
    const char *path;
    bool gone;
    bool pod;                /* several containers an instance (model/pod.h) */
    struct slice definition; /* canonical, without version, versionInfo */
    int64_t instances;
    struct wall version, scaling, config;
    int64_t delay_ms;
    struct wall delay_ref;
    struct slice failure; /* lastTaskFailure, or empty; below level 19 a good end, too */
    int64_t deployment;   /* that locks it, or 0 */
    struct app_counts counts;
};
bool state_app_by_id(struct state *s, int64_t id, struct app_row *out);
bool state_app_by_path(struct state *s, const char *path, struct app_row *out); /* not gone */
/* Not gone, by path; `prefix` "" or "/shop/": those below. after: the last path seen, or "". */
struct stmt *state_apps(struct state *s, const char *prefix, const char *after, int64_t limit);
/* All of them by path, without what is large, or rarely asked for: of each its id and path, and
 * `instances`, `version`, `deployment` and `counts`. */
struct stmt *state_apps_brief(struct state *s);
struct stmt *state_apps_gone(struct state *s); /* by path */
/* Live instances of the apps that were deleted under this path. */
int64_t state_gone_live(struct state *s, const char *path);
bool state_app_next(struct stmt *q, struct app_row *out);
int64_t state_apps_count(struct state *s);
/* The newest end that delays the next launch (spec/marathon.md 9.2), or is a health check's doing:
 * JSON as in `failure`; empty: none. */
struct slice state_app_end(struct state *s, const struct app_row *app);
struct stmt *state_app_versions(struct state *s, int64_t app); /* column 0: ms, newest first */
int state_app_versions_kept(const struct state *s);            /* at most, the present one too */
/* The definition of one version, the present one too; empty slice when there is none. */
struct slice state_app_version(struct state *s, int64_t app, struct wall version);
struct stmt *state_service_ports_of_app(struct state *s, int64_t app); /* column 0: by position */
bool state_service_port_taken(struct state *s, int64_t port);
bool state_service_port_is_of(struct state *s, int64_t port, const char *path);

/* ---- groups; empty below level 9 */

enum enforce { ENFORCE_NOT_SAID = -1, ENFORCE_NO, ENFORCE_YES };
struct group_row {
    const char *path;
    struct wall version;       /* of the newest change in it, at any depth */
    struct slice dependencies; /* JSON array of absolute ids */
    enum enforce enforce_role; /* of a top group */
};
bool state_group_by_path(struct state *s, const char *path, struct group_row *out);
/* Has a group above that app dependencies, which would be the app's as well? */
bool state_inherits(struct state *s, const char *path);
/* Those in a group, at any depth, by path; "/": all but the root. NULL: none. */
struct stmt *state_groups(struct state *s, const char *group);
bool state_group_next(struct stmt *q, struct group_row *out); /* accepts NULL */

/* Column 0: ms, newest first; NULL: none. Of a group that is gone too. */
struct stmt *state_group_versions(struct state *s, const char *path);
/* Can it be told what the group was at that version, its own or one of the root's? Then *at is what
 * to ask the following for. */
bool state_group_had(struct state *s, const char *path, struct wall version, struct wall *at);
bool state_group_as_of(struct state *s, const char *path, struct wall at, struct group_row *out);
struct stmt *state_groups_as_of(struct state *s, const char *group, struct wall at); /* as above */
struct app_was {
    const char *path;
    struct wall version;
    struct slice definition;
    int64_t id; /* the app may be removed by now: its versions are still there */
};
struct stmt *state_apps_as_of(struct state *s, const char *group, struct wall at); /* by path */
bool state_app_was_next(struct stmt *q, struct app_was *out); /* accepts NULL */

/* An instance's uuid is half chance, half its key, so no index of random texts is needed to find
 * it. */
struct uuid instance_uuid(int64_t salt, int64_t id);

struct task_row {
    int64_t id, owner_id, agent;
    enum owner owner;
    const char *name;
    enum task_state state;
    int64_t cpus_milli, mem_bytes, disk_bytes;
    const char *ports;                                   /* JSON array */
    struct wall version, staged, started, ended, killed; /* 0 ms: not yet */
    int64_t pong, pid;
    bool has_started, exited, signaled;
    int exit_code, signal;
    const char *kill_reason, *container, *reason, *message, *detail; /* NULL or text */
    int health;
    const char *health_results;
    /* of an app's instance */
    int64_t app; /* 0: none */
    bool pod;    /* one of several of its instance: they live and die together */
    bool stopping, ready;
    struct wall created;
    int64_t salt;
    /* of a job's run */
    int64_t job, run; /* 0: none */
    int64_t seq;      /* of the newest status that was taken in */
    const char *of;   /* the app's path or the job's name; NULL when that is gone */
};
bool state_task_by_id(struct state *s, int64_t id, struct task_row *out);
/* A few of its numbers, for those who look often: no other table is asked, no text copied. */
struct task_brief {
    int64_t id, owner_id, agent;
    enum owner owner;
    enum task_state state;
    struct wall started;
};
bool state_task_brief(struct state *s, int64_t id, struct task_brief *out);
/* By the id that people see; task ids and instance ids alike (spec/marathon.md 6.3). */
bool state_task_by_name(struct state *s, const char *name, struct task_row *out);
struct stmt *state_tasks(struct state *s);                         /* not ended */
struct stmt *state_tasks_of_app(struct state *s, int64_t app);     /* not ended, by id */
struct stmt *state_tasks_of_agent(struct state *s, int64_t agent); /* not ended, by id */
/* All that are kept of its newest launch, in the order of a pod's containers; NULL below level 10:
 * there are no pods. */
struct stmt *state_tasks_of_instance(struct state *s, int64_t instance);
/* Columns: the id, the state; those that are staged or being killed, by id. */
struct stmt *state_tasks_to_order(struct state *s, int64_t agent);
struct stmt *state_tasks_of_run(struct state *s, int64_t run); /* all, by id */
/* Adds how many have ended in each state and are still kept, of one agent or, with -1, of all. It
 * looks at each of them. */
void state_count_ended(struct state *s, int64_t agent, int64_t n[TASK_STATES]);
/* Newest first, of one kind: many of the other put none of them out of the list. */
struct stmt *state_tasks_ended_of(struct state *s, enum owner owner, int64_t limit);
/* When an instance of the app ended last; 0: none that is still known. */
struct wall state_last_end(struct state *s, const char *app);
/* The same of all apps, newest first: tasks by the names that begin with their instances'. */
struct stmt *state_ends_of_apps(struct state *s);
bool state_end_next(struct stmt *q, const char **task_out, struct wall *ended_out);
bool state_task_next(struct stmt *q, struct task_row *out); /* accepts NULL */

struct readiness_row {
    const char *task;     /* its name */
    struct slice results; /* what its checks said last: JSON array of {"name","ready","said",
                             "lastResponse"?} */
    bool ready;
};
/* Of those started with a version of then or later that have been asked, by instance. */
struct stmt *state_readiness(struct state *s, int64_t app, struct wall since);
bool state_readiness_next(struct stmt *q, struct readiness_row *out);

/* What the check of a task that only informs said last; false: it has none, or nothing is known. */
bool state_check_of_task(struct state *s, int64_t task, struct check_result *out);

struct pod_end_row {                         /* an instance of a pod that has ended */
    const char *name, *message, *containers; /* JSON: [{"containerId","lastKnownState"}] */
    struct wall created, ended;
};
struct stmt *state_pod_ends(struct state *s, int64_t app);        /* the newest first; NULL: none */
bool state_pod_end_next(struct stmt *q, struct pod_end_row *out); /* accepts NULL */
/* Of the job's newest runs tasks that have not ended, and are not what the run is about: it was
 * ordered twice, because nobody knew that the first order was carried out, and may be over by now,
 * or about to be tried again. Rows: the agent, which is not out of reach. */
struct stmt *state_doubles_of_job(struct state *s, int64_t job);
/* Tasks of deleted jobs that were called so, which have not ended. It reads all that is kept of
 * their runs. Not to be asked below PACKED_LEVEL, where state_gone_newest() knows of none. Rows:
 * the agent; is it within reach? */
struct stmt *state_tasks_gone(struct state *s, const char *name);
bool state_name_is_ending(struct state *s, const char *name); /* one that is within reach */
int64_t state_gone_newest(struct state *s, const char *name); /* of these jobs; 0: there is none */

/* ---- residents; none below level 15 */

struct reservation_row { /* what an instance keeps on its agent, whether it runs or not */
    int64_t instance, app, agent, salt;
    int64_t cpus_milli, mem_bytes, disk_bytes;
    const char *ports;   /* JSON array */
    int64_t incarnation; /* of its newest launch */
    int64_t first_task;  /* of that one */
    bool is_idle;        /* none of its tasks lives */
    struct wall idle;    /* since when */
    bool stopped;        /* an idle one was told to end */
    bool wiped;          /* is given up as soon as it is idle */
};
bool state_reservation(struct state *s, int64_t instance, struct reservation_row *out);
struct stmt *state_reservations_of_app(struct state *s, int64_t app); /* by instance; NULL: none */
struct stmt *state_reservations_of_agent(struct state *s, int64_t agent);
bool state_reservation_next(struct stmt *q, struct reservation_row *out); /* accepts NULL */
/* The newest tasks of those that are idle: all have ended. By id; NULL: none. */
struct stmt *state_tasks_idle(struct state *s, int64_t app);

struct volume_row {
    int64_t id, agent, instance, size_bytes;
    const char *path, *name; /* where its tasks find it; "shop.db#data#<uuid>" */
};
struct stmt *state_volumes_of_instance(struct state *s, int64_t instance); /* NULL: none */
/* What an agent is to remove, the oldest first; NULL: nothing. */
struct stmt *state_volumes_given_up(struct state *s, int64_t agent, int64_t limit);
bool state_volume_next(struct stmt *q, struct volume_row *out); /* accepts NULL */

struct deployment_row {
    int64_t id;
    struct slice uuid; /* 16 bytes */
    struct wall version, started;
    int step, steps;
    const char
        *plan; /* JSON: {"steps":[{"actions":[{"action","app"}]}],"original":[…],"target":[…]} */
};
bool state_deployment_by_id(struct state *s, int64_t id, struct deployment_row *out);
/* Its plan, which may be of megabytes, is "". */
bool state_deployment_brief(struct state *s, int64_t id, struct deployment_row *out);
bool state_deployment_by_uuid(struct state *s, struct uuid uuid, struct deployment_row *out);
struct uuid deployment_uuid(const struct deployment_row *d);
struct stmt *state_deployments(struct state *s); /* by id */
bool state_deployment_next(struct stmt *q, struct deployment_row *out);
int64_t state_deployments_count(struct state *s);
struct stmt *state_deployment_apps(struct state *s,
                                   int64_t deployment); /* column 0: paths, sorted */

struct job_row {
    int64_t id;
    const char *name;
    struct slice definition;
    int64_t generation;
    bool disabled;
    const char *schedule; /* as displayed; NULL: dependent */
    int64_t k, remaining;
    struct wall next; /* 0: none */
    int64_t successes, errors, errors_since_success;
    struct wall last_success, last_error; /* 0: never */
    int64_t queued, active;               /* runs */
    bool gone; /* deleted: it is disabled, and has a name of its own (`called`) */
};
bool state_job_by_id(struct state *s, int64_t id, struct job_row *out);
/* For those who ask often: without its runs, which are 0. */
bool state_job_alone(struct state *s, int64_t id, struct job_row *out);
bool state_job_by_name(struct state *s, const char *name, struct job_row *out);
/* One row, if it is there: its definition. For those who are told of a job by a row, which lives
 * on.
 */
struct stmt *state_job_text(struct state *s, int64_t id);
struct stmt *state_jobs(struct state *s, const char *after, int64_t limit); /* by name */
struct stmt *state_jobs_created(struct state *s); /* all, in the order they were created */
struct stmt *state_jobs_brief(struct state *s);   /* the same without their definitions */
struct stmt *state_job_names(struct state *s);    /* id and name of each, by name */
/* next <= now, by next, id. Columns: id, generation, k, remaining. */
struct stmt *state_jobs_due(struct state *s, struct wall now, int64_t limit);
bool state_job_next(struct stmt *q, struct job_row *out);
struct wall state_jobs_next(struct state *s); /* the earliest `next`; INT64_MAX: none */
int64_t state_jobs_count(struct state *s);

/* Of deleted jobs whose runs are kept. All of the above but state_job_by_id() and _alone() is about
 * jobs that are there. Below GONE_LEVEL there are none. */
#define JOB_CALLED_SIZE (JOB_NAME_MAX + 22)
struct gone_row {
    int64_t job;
    const char *name; /* as it was; `called`, its row has NAME:JOB */
    struct wall at;
    const char *by; /* or "" */
};
bool state_job_is_gone(struct state *s, int64_t job);
bool state_job_gone(struct state *s, int64_t job, struct gone_row *out);
bool state_job_gone_named(struct state *s, const char *name, struct gone_row *out); /* the last */
bool state_job_called(struct state *s, const char *called, struct job_row *out);
const char *job_called(const struct gone_row *gone, char dst[JOB_CALLED_SIZE]); /* NAME:JOB */
/* The task of that name of a job that is deleted, the last one that was called so first. */
bool state_task_of_gone(struct state *s, const char *name, struct task_row *out);
/* The last one first; or NULL. */
struct stmt *state_jobs_gone_named(struct state *s, const char *name);
struct stmt *state_jobs_gone(struct state *s); /* by name, then as they were created; or NULL */
bool state_job_gone_next(struct stmt *q, struct gone_row *out);

/* Who disabled it, when and why; false: it is not, or nobody knows. */
struct pause_row {
    struct wall at;
    const char *by, *reason; /* or "" */
};
bool state_job_pause(struct state *s, int64_t job, struct pause_row *out);

struct run_row {
    int64_t id, job, generation, attempt, task, covers;
    enum run_cause cause;
    enum run_state state;
    int priority;
    struct wall due, deadline, not_before, queued, started, ended; /* 0: none */
    const char *arguments, *reason, *job_name;
};
bool state_run_by_id(struct state *s, int64_t id, struct run_row *out);
/* What ended well without a word of its start stands as begun when it ended: false, it is not known
 * when. */
bool state_start_heard(struct state *s, const struct run_row *r);
/* A run that an agent is to start, its job's generation, and the agent's name. */
struct run_to_start {
    struct run_row run;
    int64_t job_generation;
    const char *hostname;
};
bool state_run_to_start(struct state *s, int64_t run, int64_t agent, struct run_to_start *out);
struct stmt *state_runs(struct state *s, int64_t limit);                     /* newest first */
struct stmt *state_runs_of_job(struct state *s, int64_t job, int64_t limit); /* newest due first */
int64_t state_run_asked_for(struct state *s, int64_t job);  /* by hand, and waits; 0: none */
struct stmt *state_runs_open(struct state *s, int64_t job); /* not over, by id */
/* The same, each with its task and its job, whose texts hold until the next one. */
struct run_to_look_at {
    struct run_row run;
    struct task_brief task; /* id 0: none */
    struct job_row job;     /* as state_job_alone() has it */
};
struct stmt *state_runs_to_look_at(struct state *s, int64_t job);
bool state_run_to_look_at_next(struct state *s, struct stmt *q, struct run_to_look_at *out);
int64_t state_runs_open_count(struct state *s, int64_t job);
struct stmt *state_runs_waiting(struct state *s, int64_t limit); /* QUEUED: priority, due, id */
struct stmt *state_runs_retrying(struct state *s, struct wall now,
                                 int64_t limit); /* not_before <= now */
struct stmt *state_runs_active(struct state *s); /* by id */
bool state_run_next(struct stmt *q, struct run_row *out);
/* The run whose end caused this one, 0 for a mark by hand; false: no other run's end did. */
bool state_run_cause(struct state *s, int64_t run, int64_t *by_run, int64_t *root);

/* What a run was asked for with; false: nothing beside its arguments. */
struct wish_row {
    const char *environment; /* JSON object; NULL: none */
    int64_t backfill;        /* 0: none */
};
bool state_run_wish(struct state *s, int64_t run, struct wish_row *out);

/* Runs of a job for its targets from `from` to below `to` in the past. */
struct backfill_row {
    int64_t id, job;
    struct wall at;
    const char *by;
    struct wall from, to, next; /* next: the targets before it are decided */
    int64_t most;               /* of its runs at once */
    bool again;                 /* also for targets that have run */
    int64_t made, passed;       /* runs; targets that had run */
    int64_t good, bad, open;    /* of its runs */
    bool canceled;
    struct wall ended; /* 0: not yet */
};
bool state_backfill(struct state *s, int64_t id, struct backfill_row *out);
struct stmt *state_backfills_open(struct state *s);                 /* by id; NULL: none */
struct stmt *state_backfills_of_job(struct state *s, int64_t job);  /* newest first; NULL: none */
bool state_backfill_next(struct stmt *q, struct backfill_row *out); /* accepts NULL */
/* Of targets before it nobody knows any more whether they have run; 0: of all. */
struct wall state_targets_known(struct state *s, int64_t job);
/* Has a run for that target, a claimed one or a backfill's, begun, or does one wait? */
bool state_target_has_run(struct state *s, int64_t job, struct wall due);
/* How many of its targets a backfill has run. */
int64_t state_filled_count(struct state *s, int64_t job);

struct calendar_row {
    int64_t id;
    const char *name, *description;
    struct slice days; /* JSON: an array of texts */
    struct wall changed;
};
struct stmt *state_calendars(struct state *s);                      /* by name; NULL: none */
bool state_calendar_next(struct stmt *q, struct calendar_row *out); /* accepts NULL */
bool state_calendar(struct state *s, const char *name, struct calendar_row *out);
bool state_calendar_by_id(struct state *s, int64_t id, struct calendar_row *out);
/* Another number once any of them has changed; 0: there is none. */
int64_t state_calendars_version(struct state *s);
/* Its id, of which nothing else is read; 0: there is none. */
int64_t state_calendar_id(struct state *s, const char *name);
/* What those say; one that is not there has no day. `arena` has the array, NULL if it is empty.
 * Their days live until the calendars change. */
const struct calendar *state_calendars_of(struct state *s, const struct strings *names,
                                          struct arena *arena);
/* The names of those that name it, one a row, by name; NULL: none. */
struct stmt *state_calendar_jobs(struct state *s, int64_t calendar);
int64_t state_calendar_jobs_count(struct state *s, int64_t calendar);
/* Does that job name any? */
bool state_job_has_calendars(struct state *s, int64_t job);
/* When a job runs next whose next target that is: known if it names no calendar, or if it was kept
 * and neither the job nor any calendar has changed since. */
bool state_next_known(struct state *s, int64_t job, struct wall target, struct wall *next_out);
void state_next_keep(struct state *s, int64_t job, struct wall target, struct wall next);

/* Who waits for whom. Empty below the level of dependent jobs. */
struct edge_row {
    int64_t parent;
    const char *parent_name;
    int ends;    /* JOB_ENDS_... */
    int64_t met; /* 0: not since the child fired last */
};
struct stmt *state_edges_of(struct state *s, int64_t child); /* by parent; NULL: none */
/* Can the job, 0 a new one, wait for those? ERR_INVALID: one does not exist, or waits for it. */
int state_check_parents(struct state *s, int64_t job, const struct strings *parents,
                        struct error *err) MUST_CHECK;
bool state_edge_next(struct stmt *q, struct edge_row *out);
struct stmt *state_children(struct state *s, int64_t parent); /* column 0: ids; NULL: none */
/* The same of those that wait for it alone, if it waits for none: without it they have a schedule.
 */
struct stmt *state_lone_children(struct state *s, int64_t parent);
/* Column 0: the ids of the jobs that others wait for and that wait for none; NULL: none. */
struct stmt *state_graph_roots(struct state *s);
enum job_depends state_job_depends(struct state *s, int64_t job); /* NOT_GIVEN: on none */
/* For job.delete: the members that say what its children get that have no other parent. */
void state_write_heirs(struct state *s, const struct job_row *job, struct wall now,
                       struct json_writer *w);
bool state_any_fired(struct state *s); /* runs are to be made: job.fire */

/* What a job's task says of itself; all zero below its level, or when it is nothing. */
struct job_task_row {
    bool async; /* its run is over when that is told, not with the process */
    int64_t elements;
};
struct job_task_row state_job_task(struct state *s, int64_t task);

/* What people are told of jobs; empty below NOTICES_LEVEL. By which channels is the cluster's
 * setting "notify", as "mail,slack"; "" or none: people are told nothing. */
#define SETTING_OF_CHANNELS "notify"
/* Further settings, of all jobs, from NOTICES_LEVEL on: numbers as texts; "" or none: Chronos's
 * default. */
#define SETTING_OF_RETRIES "failure_retry_ms"
#define SETTING_OF_DISABLING "disable_after_failures" /* 0: never */
struct notice_row {
    int64_t id, run; /* run 0: of none */
    struct wall at;
    const char *event, *job, *owners;
    struct slice facts; /* JSON (job_write_notice), with "message" if there is one */
};
struct notice_way_row {
    const char *channel, *error;
    struct wall over; /* 0: it waits */
};
struct notice_tries { /* of one of its ways; all zero below TRIES_LEVEL */
    int64_t failed;
    struct wall next; /* when its channel tries again; 0: nobody has said */
};
struct notice_counts { /* of one channel, since TRIES_LEVEL */
    int64_t sent, given_up;
};
bool state_notice_by_id(struct state *s, int64_t id, struct notice_row *out);
struct stmt *state_notices(struct state *s, int64_t limit); /* newest first; NULL: none */
struct stmt *state_notices_unsent(struct state *s);         /* by id; NULL: none */
int64_t state_notices_unsent_count(struct state *s);
bool state_notice_next(struct stmt *q, struct notice_row *out); /* accepts NULL */
bool state_notice_of_run(struct state *s, int64_t run, const char *event);
/* The newest one that says so of the job. */
bool state_notice_of_job(struct state *s, const char *job, const char *event,
                         struct notice_row *out);
struct stmt *state_notice_ways(struct state *s, int64_t notice);        /* by channel; NULL: none */
bool state_notice_way_next(struct stmt *q, struct notice_way_row *out); /* accepts NULL */
struct notice_tries state_notice_tries(struct state *s, int64_t notice, const char *channel);
struct notice_counts state_notice_counts(struct state *s, const char *channel);

/* ---- what is kept of runs that are over (spec/chronos.md 5.8) */

/* Each job's newest `runs`; beyond them, over all jobs, what is at most so old and takes at most so
 * much, but of no job more than `most` in all. */
struct history_rules {
    int64_t days, runs, most, bytes;
};
/* Each is a setting of the cluster. */
#define HISTORY_SETTINGS 4
struct history_setting {
    const char *key, *name; /* in the table of settings; for people */
    size_t place;           /* in history_rules */
    int64_t value, least, most;
};
extern const struct history_setting history_settings[HISTORY_SETTINGS];
static inline int64_t *history_rule(struct history_rules *rules, const struct history_setting *h)
{
    return (int64_t *)((char *)rules + h->place);
}
struct history_rules state_history_rules(struct state *s);
struct history_size {
    int64_t runs, bytes; /* of those beyond each job's newest */
};
struct history_size state_history_size(struct state *s);
bool state_any_to_trim(struct state *s); /* of some job more is to go: job.trim */
/* By id, job 0: of all. */
struct stmt *state_runs_after(struct state *s, int64_t job, int64_t after, int64_t limit);
struct usage state_task_usage(struct state *s, int64_t task); /* of a job's that has ended */

/* What is counted a job and a day, beyond what is kept of single runs. */
enum day_fact {
    DAY_ENDS,    /* by enum run_state */
    DAY_TOOK,    /* ms from start to a successful end */
    DAY_LATE,    /* ms from due to the start */
    DAY_LONGEST, /* of DAY_TOOK: no count, but the largest of all */
    DAY_LATEST,
};
static inline bool day_fact_is_count(enum day_fact fact)
{
    return fact != DAY_LONGEST && fact != DAY_LATEST;
}
#define JOB_BUCKETS 1024 /* as many as there are, and more */
/* From this day on (UTC, since 1970), for the functions of base/histogram.h. How many. */
size_t state_job_days(struct state *s, int64_t job, enum day_fact fact, int64_t day,
                      struct bucket out[JOB_BUCKETS]);
int64_t state_job_most(struct state *s, int64_t job, enum day_fact fact, int64_t day);
/* Ms from due to a successful end, the newest first. How many. */
size_t state_job_samples(struct state *s, int64_t job, int64_t out[LIMIT_JOB_SAMPLES]);

struct node_row {
    int64_t id;
    const char *name, *address, *version;
    unsigned modes;
    int level;
    struct wall seen;
};
bool state_node_by_id(struct state *s, int64_t id, struct node_row *out);
struct stmt *state_nodes(struct state *s); /* by id */
bool state_node_next(struct stmt *q, struct node_row *out);

/* Where its doors are: "host:port", or "" for one that it has not, or has not told. */
struct listeners_row {
    const char *marathon, *chronos, *mesos;
};
bool state_listeners_of(struct state *s, int64_t node, struct listeners_row *out);
/* "": it is in none, or has not told; that of the masters is the first one's that tells one. */
const char *state_node_region(struct state *s, int64_t node);
const char *state_masters_region(struct state *s);
/* How the leader has seen a member of Raft's configuration; empty below level 5. */
struct member_row {
    bool votes, up;
    struct wall since;
};
bool state_member(struct state *s, int64_t node, struct member_row *out);
struct stmt *state_members(struct state *s); /* column 0: the node, ascending; NULL: none */
/* Voters that were removed from the cluster: until the others have agreed to vote without them, a
 * majority is one of all. */
int64_t state_voters_leaving(struct state *s);
bool state_node_is_held(struct state *s, int64_t node); /* a master that is to stay a standby */
/* Another number whenever settings, nodes, their listeners, the members or the level may be other
 * ones than before. */
uint64_t state_nodes_sum(const struct state *s);

/* ---- who may come, and who came. Empty below level 2. The hashes of secrets are in no row. */

struct token_row {
    int64_t id;
    unsigned modes;
    const char *made_by;
    struct wall made, until;
    struct wall revoked, last_used; /* 0: never */
    int64_t used;
};
bool state_token_by_id(struct state *s, int64_t id, struct token_row *out);
struct stmt *state_tokens(struct state *s);                   /* by id; NULL: none */
bool state_token_next(struct stmt *q, struct token_row *out); /* accepts NULL */

struct identity_row {
    int64_t id, store, serial, token; /* token 0: it was the first node of all */
    const char *name, *address;
    unsigned modes;
    struct wall until, joined;
    struct wall gone; /* 0: it is one of us */
};
bool state_identity_by_id(struct state *s, int64_t id, struct identity_row *out);
bool state_identity_by_address(struct state *s, const char *address,
                               struct identity_row *out);           /* not gone */
struct stmt *state_identities(struct state *s);                     /* by id; NULL: none */
bool state_identity_next(struct stmt *q, struct identity_row *out); /* accepts NULL */

/* By which key an identity is known; false when it has not said one (below level 6 nobody has). */
bool state_identity_key(struct state *s, int64_t id, uint8_t out[SHA256_SIZE]);

/* Does it hold, as of `at`? The same questions that applying asks: so the leader can refuse before
 * it signs anything. ERR_NOT_FOUND, ERR_INVALID, ERR_CONFLICT, ERR_LIMIT with a sentence for the
 * one who asked; who does not know the secret learns nothing of the token. */
struct joining {
    int64_t id, store;
    const char *name, *address;
    unsigned modes;
    int64_t serial; /* of the certificate that it gets */
    struct wall until;
    int64_t token; /* 0: the first node of all, which admits itself */
    uint8_t hash[SHA256_SIZE];
    int64_t replaces; /* id of a node whose place, and address, it takes; or 0 */
    bool has_key;
    uint8_t key[SHA256_SIZE]; /* hash of the public key that its certificate is for */
};
int state_join_check(struct state *s, const struct joining *j, struct wall at,
                     struct error *err) MUST_CHECK;
/* The arguments of node.join, as an object, or its members only. */
void joining_write(const struct joining *j, struct json_writer *w);
void joining_members(const struct joining *j, struct json_writer *w);
/* Texts are borrowed from v. ERR_INVALID naming the field. */
int joining_read(const struct json *v, struct joining *out, struct error *err) MUST_CHECK;
/* May this node speak here? Of the id and store in a certificate that is good otherwise. */
int state_peer_check(struct state *s, int64_t id, int64_t store, struct error *err) MUST_CHECK;

/* Where events are posted to; nowhere below level 9. */
bool state_has_callback(struct state *s, const char *url);
struct stmt *state_callbacks(struct state *s); /* column 0: URLs, sorted; NULL: none */

struct event_row {
    int64_t id;
    struct wall at;
    int64_t index;
    enum noun noun;
    const char *name, *what, *text;
};
/* One walk at a time, which is the state's: whoever leaves it early says state_events_end(). */
struct events;
struct events *state_events_after(struct state *s, int64_t id, int64_t limit);  /* ascending */
struct events *state_events_before(struct state *s, int64_t id, int64_t limit); /* descending */
bool state_event_next(struct events *e, struct event_row *out); /* texts stay until the next */
void state_events_end(struct events *e);                        /* harmless after the last */
int64_t state_events_oldest(struct state *s);                   /* 0: none */
