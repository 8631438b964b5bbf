/* lib/model/job.h - a job: what Chronos's users ask to have run (spec/chronos.md 2, 6).
 *
 * Foreign JSON comes in by job_parse, which coerces as Chronos did, defaults and checks; what
 * needs the other jobs (do the parents exist, is there a cycle) is the state's to check.
 * A scheduled job has its schedule as posted, and a cursor in it that the state moves; what is
 * printed follows the cursor. One arena in the struct owns everything in it. Pure. */
#pragma once

#include "base/iso8601.h"
#include "base/problems.h"
#include "model/constraint.h"
#include "model/id.h"
#include "model/notice.h"
#include "model/resources.h"
#include "model/states.h"
#include "model/value.h"

#define JOB_NAME_MAX 255 /* bytes */

enum job_kind { JOB_SCHEDULED, JOB_DEPENDENT };
enum job_overlap { OVERLAP_NOT_GIVEN, OVERLAP_WAIT, OVERLAP_SKIP, OVERLAP_KILL, OVERLAP_ALLOW };
enum job_missed { MISSED_NOT_GIVEN, MISSED_WINDOW, MISSED_CATCHUP };
enum job_catchup_policy { CATCHUP_NOT_GIVEN, CATCHUP_LATEST, CATCHUP_ALL, CATCHUP_NONE };
enum job_uncertain { UNCERTAIN_NOT_GIVEN, UNCERTAIN_RERUN, UNCERTAIN_HOLD };
enum job_network { JOB_NET_HOST, JOB_NET_BRIDGE, JOB_NET_USER };

struct job_fetch {
    const char *uri;
    bool executable, cache, extract;
    const char *output_file; /* or "" */
};

struct job_fetches {
    struct job_fetch *items;
    size_t n;
};

struct job_volume {
    const char *container_path;
    const char *host_path;         /* or NULL: a directory in the sandbox */
    const char *mode;              /* "RW", "RO" as given, or NULL: RW */
    struct job_external *external; /* or NULL */
};

struct job_external {
    const char *name, *provider; /* or NULL */
    struct pairs options;
};

struct job_port_mapping {
    int64_t host_port, container_port;
    const char *protocol; /* or NULL */
};

struct job_network_info {
    const char *name, *protocol; /* or NULL */
    struct pairs labels;
    struct {
        struct job_port_mapping *items;
        size_t n;
    } mappings;
};

struct job_container {
    const char *type; /* as given: "DOCKER" or "MESOS" in any case */
    const char *image;
    const char *network;      /* as given: job_network_of() */
    const char *network_name; /* or NULL */
    struct {
        struct job_network_info *items;
        size_t n;
    } network_infos;
    struct {
        struct job_volume *items;
        size_t n;
    } volumes;
    bool force_pull;
    struct pairs parameters; /* names may repeat: --name=value */
};

enum job_network job_network_of(const struct job_container *c);

/* What becomes of targets that passed while nobody could claim them. */
struct job_catchup {
    enum job_catchup_policy policy;
    int64_t limit; /* of ALL: the newest so many; or NOT_GIVEN */
};

struct job_cursor {
    int64_t index;     /* of the next target */
    int64_t remaining; /* runs left; -1: for ever */
    bool moved;        /* a target was claimed or missed: the printed text follows the cursor */
};

struct job {
    const char *name;
    enum job_kind kind;

    /* what runs */
    const char *command; /* "" only with a container */
    bool shell;
    struct strings arguments;
    const char *executor, *executor_flags, *task_info_data;
    struct job_fetches fetch;
    struct strings uris;
    struct pairs env; /* names may repeat: the first wins */
    const char *user;
    struct job_container *container; /* or NULL */

    /* when */
    const char *schedule_text; /* as posted, an empty start replaced; NULL for JOB_DEPENDENT */
    const char *cron;          /* or NULL; then schedule_text is what was posted beside it, or "" */
    const char *schedule_zone; /* "" when none */
    bool zone_let_pass;        /* nobody knows it, so it is UTC: job_rules.lenient_zones */
    struct schedule schedule;
    struct job_cursor cursor;
    struct strings parents; /* each once; JOB_DEPENDENT only */
    enum job_depends depends;
    struct pairs parent_conditions; /* of some parents: "success", "failure", "always" */
    const char *epsilon;            /* period as given, or NULL: absent */
    int64_t window_ms;              /* job_window_ms() */
    struct wall started; /* what an empty start became; .ms == 0: it was none, or not yet */
    struct strings exclude_calendars, only_calendars;
    bool disabled, high_priority, async, concurrent, soft_error, data_processing;
    int64_t retries;          /* as given: a negative one is as good as 0 */
    int64_t max_completion_s; /* as given: none when not above 0 */
    int64_t retry_delay_s;    /* or NOT_GIVEN */
    double retry_backoff;     /* or NOT_GIVEN */
    enum job_overlap overlap;
    enum job_missed missed;
    struct job_catchup *catchup; /* or NULL */
    int64_t jitter_s;            /* or NOT_GIVEN */
    struct wall starts, ends;    /* it has no target, and does not fire, before and from then on */
    enum job_uncertain uncertain;

    /* where */
    double cpus, mem, disk; /* as given (MiB), for output; to reckon with: job_needs */
    struct constraints constraints;

    /* whose */
    const char *owner, *owner_name, *description;
    int64_t notices; /* of which they are told: bits of model/notice.h, or NOT_GIVEN */
    int64_t late_s;  /* a run that starts so long after target and jitter is late; or NOT_GIVEN */

    /* how it went */
    int64_t success_count, error_count, errors_since_success;
    struct wall last_success, last_error; /* .ms == 0: never */

    const char *broken; /* of job_load_any: why it cannot run; else NULL */

    /* private */
    struct arena arena;
};

struct job_rules {          /* what the cluster's configuration says; job_rules_default() first */
    double cpus, mem, disk; /* MiB */
    const char *user;
    int64_t epsilon_s; /* for jobs of face 2 that have none */
    bool lenient_zones;
    bool run_disabled;     /* by hand; else it is taken for done */
    int64_t history_shown; /* runs in statistics (spec/chronos.md 7.1) */
    /* It came by our own API: what Chronos would take for something else is refused. Of the caller.
     */
    bool own;
    /* What the other jobs say of its parents, ERR_INVALID; NULL: nobody asks. Of the caller. */
    int (*check_parents)(void *data, const struct job *j, struct error *err);
    void *data;
};
struct job_rules job_rules_default(void);

enum job_face { JOB_FACE_2 = 2, JOB_FACE_3 = 3 }; /* /scheduler, /v1/scheduler */

/* ---- beginning and ending */

/* A whole job (2.5, but for what needs other jobs), or -1 with problems, the first failure
 * first. `kind` is the endpoint's. `exists`: a job of that name is there already, so the name's
 * form is not checked. An empty start is left open until job_start_now. */
int job_parse(const struct job_rules *rules, const struct json *body, enum job_face face,
              enum job_kind kind, bool exists, struct job *out,
              struct problems *problems) MUST_CHECK;
/* The body's name, as it will be stored; NULL when it has none. Lives in `arena`. */
const char *job_name_of(const struct json *body, struct arena *arena);
/* Of a job with a cron expression, whose schedule is shown too: whether a schedule that was posted
 * beside it is what it has shown or `old` (or NULL) has. ERR_INVALID. Others pass. */
int job_check_cron(const struct job *j, const struct job *old, struct error *err) MUST_CHECK;
/* A client that knows no cron expressions has posted what old's has shown: j has it, too. */
void job_keep_cron(struct job *j, const struct job *old);
/* Has a job a member of that name? */
bool job_knows(const char *member);
bool job_is_counter(const char *member);   /* how it went: its runs change it */
bool job_is_extension(const char *member); /* Chronos has none of that name */
/* At commit: an empty start becomes t, and the text says so. Others stay. */
void job_start_now(struct job *j, struct wall t);
/* From what job_store wrote. ERR_CORRUPT. The cursor stands at the beginning, or where
 * job_store found it. */
int job_load(struct slice stored, struct job *out, struct error *err) MUST_CHECK;
/* The same of whatever is stored there, since no job may stop a scheduler: what cannot be read, for
 * it was damaged or a later version wrote it, is as if it had not been given, and `broken` says
 * why. Without its schedule the job has no targets: nothing may be asked of `schedule` then. */
void job_load_any(struct slice stored, struct job *out);
void job_close(struct job *j); /* accepts a zeroed struct */

/* ---- text */

/* 2.7: one object on one line; last of all why it is broken, if it is. With `fill` (only in the
 * list, E-05) an empty fetch is filled from uris, or empty uris from fetch. */
void job_write(const struct job *j, bool fill, struct json_writer *w);
/* "parents":[…], empty where there are none. */
void job_write_parents(const struct job *j, struct json_writer *w);
/* For the state: everything, the cursor and the anchor too. */
void job_store(const struct job *j, struct json_writer *w);
/* "R/2026-03-01T10:10:00.000Z/PT2M", as printed now; "" for a dependent job. Of a cron expression
 * the next target, so that who knows none can take it apart. */
const char *job_schedule_shown(const struct job *j, char dst[SCHEDULE_TEXT_SIZE]);

/* ---- schedule */

/* Length of the start window in ms; -1: the job catches up instead (3.5). */
int64_t job_window_ms(const struct job *j);
/* Of a job that catches up: how many targets may wait at once; above 1 they run in order. */
int64_t job_catchup_most(const struct job *j);
/* How long after its target a run starts: for each target another, the same on every node; and the
 * longest. */
int64_t job_jitter_max_ms(const struct job *j);
int64_t job_jitter_ms(const struct job *j, struct wall due);
/* How long an attempt may take; 0: as long as it likes. */
int64_t job_max_ms(const struct job *j);
/* May its runs overlap (3.8)? */
bool job_overlaps(const struct job *j);
/* 2.6: what becomes of old's cursor when `j` replaces it. */
enum job_replacing {
    REPLACE_KEEPS,   /* rule 1: the client sent what it had read */
    REPLACE_RESUMES, /* rule 2: only enabled again, or another time for it: counts on */
    REPLACE_BEGINS,  /* rule 3: a new schedule */
};
enum job_replacing job_replacing(const struct job *j, const struct job *old);
/* The same times to run in, apart from those of the schedule? */
bool job_same_bounds(const struct job *j, const struct job *old);
/* For REPLACE_KEEPS and REPLACE_RESUMES: takes over anchor, text and cursor. */
void job_keep_cursor(struct job *j, const struct job *old);
/* Writes the names of the members, as an array, in which j says otherwise than what old is; returns
 * how many. Counters are none of them, and the schedule is one only if j would have old run at
 * other times than those that it has before it. */
size_t job_differences(const struct job *j, const struct job *old, struct json_writer *w);

/* ---- levels */

/* The level that the state must have to know all of the job, and the member that asks for it. */
int job_level(const struct job *j, const char **member);

/* ---- parents */

/* The ends of that parent's runs at which its edge is met: JOB_ENDS_... */
int job_parent_ends(const struct job *j, const char *parent);
const char *job_ends_words(int ends); /* "has succeeded" */

/* ---- whom to tell */

bool job_notifies(const struct job *j, enum notice n);
/* What is told of the job: Chronos's members of 5.7, all values strings, without those of the
 * notice itself. A long command is cut. */
void job_write_notice(const struct job *j, struct json_writer *w);

/* ---- what a run of it needs and sees */

struct resources job_needs(const struct job *j);

/* `arguments` of a manual run; NULL or blank: the job's own. */
struct job_run {
    struct wall due;
    int64_t attempt;
    const char *run_id;
    const char *host; /* of the agent */
    const char *arguments;
    struct wall planned; /* the target that it is for, also when it is tried again; 0: none */
    bool backfill;       /* then that is its CHRONOS_JOB_RUN_TIME, too */
    struct pairs env;    /* of this run alone: wins over the job's */
};

/* "ct:<due>:<attempt>:<name>:<arguments>" (6.1); at most 64 bytes of arguments. */
#define JOB_TASK_ID_SIZE 400
const char *job_task_id(const struct job *j, const struct job_run *run, char dst[JOB_TASK_ID_SIZE]);
struct job_task_ref {
    struct wall due;
    int64_t attempt;
    char name[JOB_NAME_MAX + 1];
    char arguments[JOB_TASK_ID_SIZE];
};
int job_task_id_parse(const char *text, struct job_task_ref *out, struct error *err) MUST_CHECK;

/* What to execute (6.2, 6.4): {"/bin/sh", "-c", line}, or the command and its arguments. Empty:
 * the image's own. */
void job_argv(const struct job *j, const struct job_run *run, struct arena *arena,
              struct strings *out);
/* Whether Linux starts a program with that; `arguments` as in struct job_run. ERR_INVALID. */
int job_check_argv(const struct job *j, const char *arguments, struct error *err) MUST_CHECK;
/* Can a run have these arguments, as in struct job_run, and beside the job's own these variables,
 * an object of texts or NULL? ERR_INVALID. */
int job_check_wish(const struct job *j, const char *arguments, const struct json *environment,
                   struct error *err) MUST_CHECK;
/* 6.3 but for MESOS_SANDBOX, which the agent sets; each name once. */
void job_task_env(const struct job *j, const struct job_run *run, struct arena *arena,
                  struct env_vars *out);
