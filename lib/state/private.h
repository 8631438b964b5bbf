/* lib/state/private.h - what the files of this room share. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "model/notice.h"
#include "state/sql.h"
#include "state/state.h"

enum {
    DB_ENUM(QUERIES) N_QUERIES,
    BEFORE_CHANGES = N_QUERIES - 1,
    DB_ENUM(CHANGES) N_STATEMENTS_END,
};

/* What was taken from an agent, or given back to it, by the command that is applied. */
#define AGENTS_USED 256
struct agent_used {
    bool any;
    int64_t agent, tasks;
    struct resources more;
};

/* ---- event.c */
#define EVENTS_A_PAGE 64
/* Those of the command that is applied. */
struct event_draft {
    int64_t newest; /* 0: none */
    /* From PAGES_LEVEL on: */
    int64_t next;  /* id; 0: not looked yet */
    int64_t n;     /* in `packed`, which is not written yet */
    int64_t pages; /* which are */
    struct buf packed;
    struct json_writer w;
};

struct events {
    struct stmt *q;
    bool paged, down;
    int64_t from, below, left; /* the ids that are wanted, and how many */
    /* The page that it has come to, and where there: */
    int64_t first, page_n, index, at;
    struct wall when;
    char *packed; /* owned, as `tree`, what was unpacked last */
    struct json *tree;
    struct event_row said[EVENTS_A_PAGE];
};

#define SETTINGS_KNOWN 8

struct state {
    struct db *db;
    bool read_only;
    int level;
    struct stmts *queries, *changes;
    struct watch *watches;
    int64_t requests;  /* rows of that table; -1: not counted yet */
    struct kept *kept; /* changes since the last COMMIT, in order */
    size_t kept_n, kept_cap;
    struct event_draft draft;
    struct events events;                /* the walk of whoever asks */
    struct agent_used used[AGENTS_USED]; /* by agent; written once at its end */
    bool uses;                           /* there is any */
    struct setting_known {
        char key[32], value[256];
        bool there;
    } settings[SETTINGS_KNOWN];       /* state_setting()'s answers; the last is of no other call */
    size_t settings_n;                /* of them that still hold; 0 without a memo */
    struct arena ones[N_QUERIES];     /* texts of the rows looked up alone, by query */
    struct history_rules rules;       /* state_history_rules()'s answer */
    bool rules_known;                 /* it still holds; only with a memo */
    bool trims_known, any_to_trim;    /* state_any_to_trim()'s answer, likewise */
    struct history_size old_more;     /* than the table has: the command's, written at its end */
    struct next_kept *nexts;          /* NEXTS_KEPT of them; NULL: none yet */
    struct calendars_kept *calendars; /* as they are read; NULL: none yet */
    struct memo *memo;                /* NULL: a reader, which is not told what changes */
};

void calendars_forget(struct state *s);
struct stmt *query_use(struct state *s, int which);
struct stmt *change_use(struct state *s, int which);

/* ---- between the files that query
 * Rows of lists borrow from the statement. A row that was looked up alone is copied, so that the
 * statement has ended when its asker goes on. */
/* The arena of the last row that query looked up alone, emptied. */
struct arena *query_one(struct state *s, int which);
struct slice query_copy(struct arena *a, struct slice s);
/* :prefix and :beyond, to what begins with "/shop/", or "": with anything. Both live in `kept`. */
void bind_below(struct stmt *q, struct arena *kept, const char *prefix);
/* The same for what is in a group. */
void bind_within(struct stmt *q, struct arena *kept, const char *group);
static inline struct wall query_wall_at(struct stmt *q, int column)
{
    return (struct wall){stmt_i64(q, column)};
}

/* A backfill has run it. */
bool target_filled(struct state *s, int64_t job, int64_t due_ms);

/* ---- memo.c: rows looked up by their key, each with its texts, until it changes. Texts stay until
 * another row, or the same as it is then, has come in its place twice. */
enum memo_kind { MEMO_TASK, MEMO_RUN, MEMO_JOB, MEMO_AGENT, MEMO_KINDS };
struct memo_row {
    int64_t id;
    bool known; /* false: it has changed */
    unsigned newest;
    struct memo_texts {
        char *p;
        size_t size;
    } texts[2];
    union {
        struct task_row task; /* of a job; an app's says more than its own row */
        struct run_row run;
        struct job_row job;
        struct agent_row agent;
    };
};
struct memo_row *memo_known(struct state *s, enum memo_kind kind, int64_t id); /* or NULL */
/* Copies the texts and lets them point there; the caller fills in the row. NULL: nothing is kept.
 */
struct memo_row *memo_take(struct state *s, enum memo_kind kind, int64_t id, const char **texts[],
                           size_t n);
/* The row if it was known until the statement that has just changed it: whoever takes it brings it
 * to what the row is now. */
struct memo_row *memo_again(struct state *s, enum memo_kind kind, int64_t id, bool was_known);
/* The same with texts; and of a row that was just written. They are copied. */
void task_known(struct state *s, const struct task_row *t); /* a job's */
void run_known(struct state *s, const struct run_row *r);
void job_known(struct state *s, const struct job_row *j);
/* Its counters have changed to these; `was_known`, as in memo_again(). */
void job_counted(struct state *s, const struct job_row *j, bool was_known);
void agent_add(struct agent_row *r, const struct resources *more, int64_t tasks);
void memo_forget(struct state *s); /* all: a job goes, whose name stands in rows of others */
void memo_open(struct state *s);
void memo_close(struct state *s);

/* ---- ends.c: what is counted of a job's ends, in one row (PACKED_LEVEL) */
#define ENDS_FACTS 64
#define ENDS_SAMPLES 32
struct fact {
    enum day_fact fact;
    int bucket;
    int64_t n;
};
struct ends {
    int64_t job, day;
    size_t facts_n, samples_n;
    struct fact facts[ENDS_FACTS]; /* of that day, ascending */
    int64_t samples[ENDS_SAMPLES]; /* the newest last */
    bool there;                    /* it has a row */
    bool counted;                  /* the counters are these, and not those of `jobs` */
    int64_t successes, errors, errors_since_success, last_success_ms, last_error_ms;
    struct fresh {
        int64_t n;       /* of its runs that are over, and were not looked at yet */
        int64_t mark_ms; /* none of these is due before */
    } fresh;             /* from FRESH_LEVEL on (schema/043_fresh.sql) */
};
void ends_of(struct state *s, int64_t job, struct ends *out); /* empty: there are none */
/* Counts n more, or for what is no count the largest; there is room for it. */
void ends_add(struct ends *e, const struct fact *f);
/* `counted`: the job, whose counters go in too; or NULL. */
void ends_put(struct state *s, struct ends *e, const struct job_row *counted);
/* Alone; from FRESH_LEVEL on. */
struct fresh fresh_of(struct state *s, int64_t job);
void fresh_put(struct state *s, int64_t job, const struct fresh *f);

/* What one command's applying knows. */
struct apply {
    struct state *s;
    const struct command *c;
    uint64_t index;
    struct outcome *outcome;
    int64_t
        full_below; /* of the service ports: all below this were found taken; 0: not looked yet */
    struct map *spoken_for; /* service ports, by number, that the command's own apps have or name */
};

/* Column 0 of all rows of a query: what is done to them may change the list. */
struct ids {
    int64_t *items; /* the arena's */
    size_t n;
};
struct ids ids_of(struct stmt *q, struct arena *arena);

/* Refuses: fills the outcome; returns -1. */
int refuse(struct apply *a, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int refuse_stale(struct apply *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes a row of the feed that people see; returns its id. */
int64_t event_put(struct apply *a, enum noun noun, const char *name, const char *what,
                  const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The same of texts behind each other, up to a NULL: for what is told of each run. */
int64_t event_put_parts(struct apply *a, enum noun noun, const char *name, const char *what,
                        const char *const parts[]);
void events_open(struct state *s); /* behind memo_open() */
void events_close(struct state *s);
void events_end_command(struct apply *a); /* writes what is not yet, and trims */
void events_drop_command(struct state *s);
/* Keeps a copy of the change for the watchers; sets index, at, by and from itself. */
void changed(struct apply *a, struct change c);

/* Is it this row's turn to trim its kind? Finding what is over the limit walks past all that is
 * kept, so it is done once in a while, drawn by the id: sixteen steps a row. */
bool time_to_trim(int64_t id, int64_t keep);

void put_setting(struct state *s, const char *key, const char *value);

/* One function a command: 0, or -1 when refused. */
int apply_schema_upgrade(struct apply *a);
int apply_setting_put(struct apply *a);
int apply_node_put(struct apply *a);
int apply_agent_register(struct apply *a);
int apply_agent_state(struct apply *a);
int apply_app_put(struct apply *a);
int apply_app_delay_reset(struct apply *a);
int apply_app_forget(struct apply *a);
int apply_deployment_step(struct apply *a);
int apply_task_launch(struct apply *a);
int apply_task_kill(struct apply *a);
int apply_task_update(struct apply *a);
int apply_job_put(struct apply *a);
int apply_job_delete(struct apply *a);
int apply_job_tick(struct apply *a);
int apply_job_trigger(struct apply *a);
int apply_job_fire(struct apply *a);
int apply_job_mark(struct apply *a);
int apply_job_trim(struct apply *a);
int apply_run_update(struct apply *a);
int apply_run_complete(struct apply *a);
int apply_task_progress(struct apply *a);
int apply_token_put(struct apply *a);
int apply_token_revoke(struct apply *a);
int apply_node_join(struct apply *a);
int apply_node_renew(struct apply *a);
int apply_node_hold(struct apply *a);
int apply_node_state(struct apply *a);
int apply_node_remove(struct apply *a);
int apply_agent_drain(struct apply *a);
int apply_callback_put(struct apply *a);
int apply_volume_gone(struct apply *a);
int apply_job_pause(struct apply *a);
int apply_job_resume(struct apply *a);
int apply_notice_test(struct apply *a);
int apply_notice_told(struct apply *a);
int apply_backfill_put(struct apply *a);
int apply_backfill_tick(struct apply *a);
int apply_backfill_cancel(struct apply *a);
int apply_calendar_put(struct apply *a);
int apply_calendar_delete(struct apply *a);

#define LEVEL_IDENTITY 2 /* since which there are tokens and identities */
#define LEVEL_NODES 3    /* listeners and holds */
#define LEVEL_DRAINS 4
#define LEVEL_MEMBERS 5
#define LEVEL_KEYS 6    /* by which nodes are known */
#define LEVEL_LEAVING 6 /* a removed node is a member until it votes no more */
#define LEVEL_CALLBACKS 7
#define LEVEL_GROUPS 9
#define LEVEL_PODS 10
#define LEVEL_DEPENDENTS PARENTS_LEVEL
#define LEVEL_RESIDENTS 15
#define LEVEL_JOB_TASKS JOB_TASKS_LEVEL
#define LEVEL_PAUSES PAUSES_LEVEL
#define LEVEL_BACKFILLS BACKFILL_LEVEL
bool identity_by_store(struct state *s, int64_t store, struct identity_row *out);

/* ---- between the files that apply */
/* Is this element of `apps` there to remove its app? */
bool put_removes(const struct json *item);
/* Do the group that a command was decided on, and what depends on what, stand as its decider saw
 * them? */
int groups_check(struct apply *a);
/* What the command says of groups, and what its changes of apps mean for them. The changes of
 * groups go to `plan`, which stays empty without any. */
int groups_change(struct apply *a, struct wall version, struct buf *plan);
/* Marks one task as being killed; nothing if it has ended or is being killed. */
void task_kill(struct apply *a, const struct task_row *t, const char *reason);
/* Nobody will ever tell of its end, or nobody waits for that; killed if it comes back (9.5). */
void task_abandon(struct apply *a, const struct task_row *t, const char *reason);
/* The tasks of an instance that have not ended. */
size_t instance_alive(struct state *s, int64_t instance, int64_t ids_out[LIMIT_POD_CONTAINERS]);
/* Adds to what is in use on an agent (sign 1), or takes it off (-1). */
void agent_use(struct state *s, int64_t agent, int64_t sign, const struct resources *r,
               int64_t tasks);
void agents_use_all(struct state *s); /* what is gathered is written to their rows */
#define PORTS_BYTES (64 << 10)
void count_staged(struct state *s, int64_t app); /* one instance more */
/* An instance of it was launched, starts or runs: its delay, if there is one, counts from here
 * (9.2). */
void note_progress(struct apply *a, int64_t app);
void ports_text_of(const struct json *item, struct buf *out); /* a launch's, as a JSON array */
void ports_give(struct state *s, int64_t agent, const char *ports);

/* ---- apply_resident.c */
/* What the launch gives a resident instance is its own from now on; nothing if it is none. */
void resident_begin(struct apply *a, const struct app_row *app, const struct json *item,
                    int64_t instance, struct uuid uuid, int64_t first_task);
void resident_again(struct apply *a, const struct app_row *app, int64_t instance, bool ready,
                    int64_t first_task);
/* The last task of an instance has ended: a resident waits, or gives its place up. False: it is
 * none. */
bool resident_ended(struct apply *a, const struct task_row *t);
/* Its place and volumes are given up, once its tasks have ended, which they are told to. Those on
 * an agent that is away count as ended. Nothing if it is no resident. */
void resident_wipe(struct apply *a, int64_t instance, const char *reason);
void residents_lost(struct apply *a, int64_t agent); /* which is gone, and their data with it */
/* By which a delay grows, in thousandths: from there on replicas reckon in whole numbers. */
static inline int64_t factor_milli(double factor)
{
    return (int64_t)(factor * 1000.0 + 0.5);
}

/* An app's backoff (spec/marathon.md 9.2): 0 and 0 for none. */
void put_delay(struct state *s, int64_t app, int64_t delay_ms, int64_t ref_ms);
/* Its agent cannot be reached any more; what it is now nobody knows. */
void task_unreachable(struct apply *a, int64_t task);
/* Its agent is of the cluster no more: nobody will tell of its end. */
void task_gone(struct apply *a, int64_t task, const char *reason);
/* A task began to count on an agent, or ended there: one that drains may be empty now. */
void agent_counted(struct apply *a, int64_t agent);
/* All agents of a node that is of the cluster no more, and their tasks. */
void agents_gone(struct apply *a, int64_t node, const char *reason);
/* Was this node of the cluster, and is no more? What it still says is not heard. */
bool node_was_removed(struct apply *a, int64_t node);
/* The job run's side of what happened to its task. */
/* Gives a run its given-up attempt back, also from an order that nobody has begun; false: another
 * one has, or it does not wait at all. */
bool run_take_back(struct apply *a, int64_t run, const struct task_row *t);
/* `at` of the task's agent, by its clock; `t` as it was before. */
void run_started(struct apply *a, int64_t run, const struct task_row *t, struct wall at);
void run_ended(struct apply *a, int64_t run, const struct task_row *t, enum task_state state,
               const char *reason, struct wall at);
void run_assign(struct apply *a, int64_t run, int64_t task);
/* The end of its run will be told. */
void job_task_async(struct apply *a, int64_t task);

/* ---- apply_pause.c */
const char *by_whom(const struct apply *a); /* the user who wants it, or else the address */
/* By a change of its definition, or its failures, the job is disabled now, or is not. */
void pause_put(struct apply *a, int64_t job, bool disabled, const char *reason);

/* ---- apply_calendar.c; below TIMES_LEVEL no job has calendars */
/* What job.put says of calendars: refused if one is not there, or has changed since. */
int calendars_check(struct apply *a, const struct json *put);
void calendars_put(struct apply *a, int64_t job, const struct json *put);
/* An orphan gets the schedule of the one that is deleted, and its calendars. */
void calendars_inherit(struct apply *a, int64_t job, int64_t from);
/* Has it been decided by calendars as they are now? */
bool calendars_hold(struct apply *a, const struct json *decision);
/* Targets that a calendar excludes, with those before them that it has excluded too. */
void excluded_put(struct apply *a, const struct job_row *job, const struct json *excluded);

/* ---- apply_backfill.c */
/* What the run was asked for with: its environment, an object, or NULL; its backfill, or 0. */
void wish_put(struct apply *a, int64_t run, const struct json *environment, int64_t backfill);
/* A run of a backfill is over. */
void backfill_run_over(struct apply *a, const struct run_row *r, enum run_state state);

/* ---- apply_job.c for the files beside it */
void each_open_run(struct apply *a, int64_t job,
                   void (*each)(struct apply *a, const struct run_row *r));
void run_cancel(struct apply *a, const struct run_row *r, const char *reason);
/* Disables it, which cancels what waits (3.9). */
void job_disable(struct apply *a, int64_t job);
/* Moves its cursor to where the element of a command says, and decides the targets there. */
void job_step(struct apply *a, int64_t job, const struct json *item);
struct new_run {
    enum run_cause cause;
    enum run_state state;
    int64_t due_ms, covers;
    const struct json *deadline;
    const char *arguments, *reason;
};
int64_t run_add(struct apply *a, const struct job_row *job, int64_t priority,
                const struct new_run *n);
/* What is known of a target by its runs; one query, for each claim asks. */
struct target {
    bool claimed; /* by the schedule (spec/chronos.md 9) */
    bool has_run; /* by a backfill too; of what has been forgotten others tell */
    int64_t unassigned;
};
struct target target_of(struct state *s, int64_t job, int64_t due_ms);
/* A run that was cancelled before any attempt was assigned does not count (spec/chronos.md 9), and
 * makes room for what is put of the same target. 0: none. */
void drop_unassigned(struct apply *a, int64_t run);
struct stmt *change_of_job(struct apply *a, int which, int64_t job); /* with :job bound */
void job_tell(struct apply *a, int64_t id, const char *name, int64_t event);

/* ---- apply_notice.c
 * Something of the job that its owners are told, if it wants that and some channel is configured;
 * nothing below NOTICES_LEVEL. That a run is late holds only if it is, for its job. `run` NULL: of
 * none. `why`: a sentence, or NULL. */
void notice_put(struct apply *a, enum notice event, const struct job_row *job,
                const struct run_row *run, const char *why);

/* ---- apply_history.c */
/* A run is over, since `ended`; `r` is what it was before, and may be gone with it. `counted`: its
 * job, if that counts it as a success or a failure (spec/chronos.md 5.4); its counters are then
 * what they are now. Or NULL. */
void history_over(struct apply *a, const struct run_row *r, enum run_state state, struct wall ended,
                  struct job_row *counted);
/* A success without a run. */
void history_success(struct apply *a, struct job_row *job);
/* One that is over stands for more targets now, the last of which is its due. */
void history_more(struct apply *a, const struct run_row *r, const struct new_run *n);
/* With its tasks, which have ended. */
void history_drop_run(struct apply *a, int64_t run);
void history_resize(struct state *s); /* at a command's end: what it has made old, or dropped */
/* Any setting has been put. */
void history_setting_put(struct apply *a, const char *key);
void history_forget_job(struct apply *a, int64_t job); /* before it is deleted below GONE_LEVEL */
/* The job is deleted, and no run of it is open: what is kept of it is called so from now on. False:
 * it never ran, and nothing is. */
bool history_keep_job(struct apply *a, const struct job_row *job, char called[JOB_CALLED_SIZE]);
/* A task of the job has ended which is none of its run's, or whose run had been over before. */
void history_task_over(struct apply *a, int64_t job, int64_t run);
void history_used(struct apply *a, int64_t task, const struct usage *used);

/* ---- dependent jobs (spec/chronos.md 4); below LEVEL_DEPENDENTS there are none */
/* Can the job have the parents that job.put says? `job` 0: a new one. Refuses; changes nothing. */
int dependents_check(struct apply *a, int64_t job, const struct json *put);
/* The job has these parents now, or none: what it knows of those that stay is kept (4.3, 4.4). */
void dependents_put(struct apply *a, int64_t job, const struct json *put);
/* It is disabled now: what it fired for and has not run yet is cancelled. */
void dependents_cancel(struct apply *a, int64_t job);
/* A run of the job is over for good; `ends`: JOB_ENDS_... (4.3). */
void dependents_run_over(struct apply *a, const struct job_row *job, int64_t run, int ends);
/* The job, which was looked up by its name, is about to be deleted: its children get its parents,
 * or its schedule (4.6). Refuses when they would be left alone and that is not wanted. */
int dependents_orphan(struct apply *a, const struct job_row *job, bool refuse_orphans);
