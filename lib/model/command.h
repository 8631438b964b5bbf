/* lib/model/command.h - what may stand in the log.
 *
 * A change of the cluster is a command: a kind, an envelope and arguments. A log entry is one
 * version byte and a JSON array of {"c","at","by","from","rid","ep","a"} (DESIGN 4). Whoever
 * decides writes the arguments as JSON; checking and applying read them as a tree. Pure. */
#pragma once

#include "base/json.h"
#include "base/time.h"

/* name in the log, schema level since which it exists, what it does.
 * Never rename or reuse: old logs hold them. */
#define COMMANDS(X)                                                                            \
    X(COMMAND_SCHEMA_UPGRADE, "schema.upgrade", 0, "raises the level of the state")            \
    X(COMMAND_SETTING_PUT, "setting.put", 1, "sets cluster-wide facts")                        \
    X(COMMAND_NODE_PUT, "node.put", 1, "announces a node of the cluster")                      \
    X(COMMAND_AGENT_REGISTER, "agent.register", 1, "an agent came, or came back")              \
    X(COMMAND_AGENT_STATE, "agent.state", 1, "an agent drains, is unreachable, gone or back")  \
    X(COMMAND_APP_PUT, "app.put", 1, "changes apps and starts the deployment that does it")    \
    X(COMMAND_APP_DELAY_RESET, "app.delay_reset", 1, "drops an app's backoff")                 \
    X(COMMAND_APP_FORGET, "app.forget", 1, "removes deleted apps whose instances have ended")  \
    X(COMMAND_DEPLOYMENT_STEP, "deployment.step", 1, "a deployment goes on, waits or ends")    \
    X(COMMAND_TASK_LAUNCH, "task.launch", 1, "places instances and job runs on agents")        \
    X(COMMAND_TASK_KILL, "task.kill", 1, "orders tasks to end")                                \
    X(COMMAND_TASK_UPDATE, "task.update", 1, "takes in what agents report")                    \
    X(COMMAND_JOB_PUT, "job.put", 1, "creates or replaces a job")                              \
    X(COMMAND_JOB_DELETE, "job.delete", 1, "deletes a job and kills its runs")                 \
    X(COMMAND_JOB_TICK, "job.tick", 1, "claims due targets, records missed ones")              \
    X(COMMAND_JOB_TRIGGER, "job.trigger", 1, "a run that a person asked for")                  \
    X(COMMAND_RUN_UPDATE, "run.update", 1, "queues retries, ends runs that can not start")     \
    X(COMMAND_TOKEN_PUT, "token.put", 2, "makes a token that nodes join with")                 \
    X(COMMAND_TOKEN_REVOKE, "token.revoke", 2, "makes a token worthless")                      \
    X(COMMAND_NODE_JOIN, "node.join", 2, "admits a node, by a token, with a certificate")      \
    X(COMMAND_NODE_RENEW, "node.renew", 2, "an admitted node has its next certificate")        \
    X(COMMAND_NODE_HOLD, "node.hold", 3, "a master is to stay a standby, or may vote again")   \
    X(COMMAND_NODE_REMOVE, "node.remove", 4, "a node is of the cluster no more")               \
    X(COMMAND_AGENT_DRAIN, "agent.drain", 4, "an agent is to become empty, or may fill again") \
    X(COMMAND_NODE_STATE, "node.state", 5, "members vote, stand by, are down or up")           \
    X(COMMAND_CALLBACK_PUT, "callback.put", 7, "events are posted to a URL, or no more")       \
    X(COMMAND_GROUP_PUT, "group.put", 9, "app.put that changes groups as well")                \
    X(COMMAND_JOB_FIRE, "job.fire", 13, "makes the runs of dependent jobs that have fired")    \
    X(COMMAND_JOB_MARK, "job.mark", 13, "counts a success that a person says a job had")       \
    X(COMMAND_VOLUME_GONE, "volume.gone", 15, "agents have removed what was given up")         \
    X(COMMAND_RUN_COMPLETE, "run.complete", 16, "somebody tells how a run ended")              \
    X(COMMAND_TASK_PROGRESS, "task.progress", 16, "a job's task tells what it has processed")  \
    X(COMMAND_JOB_PAUSE, "job.pause", 22, "keeps jobs from running until they are resumed")    \
    X(COMMAND_JOB_RESUME, "job.resume", 22, "lets jobs run again when they are due")           \
    X(COMMAND_NOTICE_TEST, "notice.test", 24, "a notice that a person asked for")              \
    X(COMMAND_JOB_TRIM, "job.trim", 33, "goes on with what is to go of a job's history")       \
    X(COMMAND_NOTICE_TOLD, "notice.told", 24, "notices were sent, fail or are given up")       \
    X(COMMAND_BACKFILL_PUT, "backfill.put", 26, "has a job run for targets of the past")       \
    X(COMMAND_BACKFILL_TICK, "backfill.tick", 26, "makes the next runs of backfills")          \
    X(COMMAND_BACKFILL_CANCEL, "backfill.cancel", 26, "ends a backfill before its time")       \
    X(COMMAND_CALENDAR_PUT, "calendar.put", 29, "makes or changes a calendar")                 \
    X(COMMAND_CALENDAR_DELETE, "calendar.delete", 29, "deletes a calendar that no job names")

enum command_kind {
#define X(name, word, level, what) name,
    COMMANDS(X)
#undef X
        COMMAND_KINDS
};

const char *command_word(enum command_kind kind);
int command_level(enum command_kind kind);
bool command_parse_word(const char *word, enum command_kind *out);

#define COMMAND_LEVEL 48 /* the newest schema level that this build knows */
#define COMMAND_ENTRY_VERSION 1
#define JOB_TEXT_LEVEL 6   /* from here on job.put has the definition as a text */
#define READINESS_LEVEL 8  /* from here on statuses make instances ready */
#define POD_LEVEL 10       /* from here on app.put may have pods */
#define DEPENDS_LEVEL 11   /* from here on app.put says on which dependencies it was decided */
#define CHECK_LEVEL 12     /* from here on what a check that only informs says is kept */
#define PARENTS_LEVEL 13   /* from here on job.put may have parents */
#define PORTS_LEVEL 14     /* from here on app.put gives no service port that it frees or names */
#define RESIDENT_LEVEL 15  /* from here on apps may have persistent volumes */
#define JOB_TASKS_LEVEL 16 /* from here on runs may end when that is told */
#define LARGE_LEVEL 17    /* from here on entries may be large, and who is in a long turn says so */
#define VERSIONS_LEVEL 18 /* from here on more versions are kept */
#define ENDS_LEVEL \
    19 /* from here on a good end is no lastTaskFailure, and nodes tell their regions */
#define POLICIES_LEVEL 20 /* from here on jobs may say how they catch up, overlap and spread */
#define CRON_LEVEL 21     /* from here on jobs may have a cron expression */
#define PAUSES_LEVEL 22   /* from here on jobs are paused, and that says by whom and why */
#define OWN_ENDS_LEVEL 23 /* from here on an app is explained by ends of its configuration */
#define NOTICES_LEVEL 24  /* from here on people are told of jobs */
#define AWAY_LEVEL 25     /* from here on who is gone stays so, and pods may keep their data */
#define BACKFILL_LEVEL 26 /* from here on runs may have an environment, and jobs backfills */
#define FIRINGS_LEVEL 27  /* from here on coalesced firings are trimmed like other runs */
#define HISTORY_LEVEL 28  /* from here on what runs used, and how long they took, is kept */
#define TIMES_LEVEL 29    /* from here on jobs may be valid for a time, and name calendars */
#define HEIRS_LEVEL 30    /* from here on job.delete says when its children run next */
#define TRIES_LEVEL 31 /* from here on what became of notices is kept, and runs may be unplaced */
#define AGENT_TIMES_LEVEL 32 /* from here on runs begin and end when their agents say so */
#define TRIMS_LEVEL 33       /* from here on histories are trimmed by steps */
#define GONE_LEVEL 34        /* from here on a deleted job's history is kept */
#define WALKS_LEVEL \
    35 /* from here on a smaller bound reaches all jobs, and an unknown start is not counted */
#define REQUESTS_LEVEL 36       /* from here on it is kept which request had a request id */
#define MARKS_LEVEL 37          /* from here on a run's own row says that it is old */
#define PACKED_LEVEL 38         /* from here on what is counted of a job's ends is one row */
#define PAGES_LEVEL 39          /* from here on the events of a command are a row */
#define TAKEN_LEVEL 40          /* from here on who has started goes before an order out of reach */
#define GONE_BACKFILLS_LEVEL 42 /* from here on a deleted job keeps its backfills */
#define FRESH_LEVEL 43          /* from here on a job counts its runs that are over and not old */
#define NOBODY_LEVEL 44         /* from here on a notice that nobody can have by mail says so */
#define WELL_LEVEL 45           /* from here on a run that ended well before its kill came did so */
#define WAITS_LEVEL 46  /* from here on who asks for a run is told which one waits already */
#define FILLS_LEVEL 47  /* from here on a backfill's run is not late for its target */
#define SENTRY_LEVEL 48 /* from here on owners are told by Sentry too */

/* One command as it is read from an entry; strings and `args` are borrowed from its tree. */
struct command {
    enum command_kind kind;
    struct wall at;
    const char *by;   /* user, or "" */
    const char *from; /* address of the client, or "" */
    const char *rid;  /* request id, or "" */
    uint64_t digest;  /* of the request that has it; 0: not known */
    uint64_t epoch;   /* Raft term of the decider; 0: a client's wish, not a decision */
    const struct json *args;
};

/* One command as it is proposed. */
struct draft {
    enum command_kind kind;
    uint64_t epoch;
    char *by, *from, *rid; /* may be NULL */
    uint64_t digest;
    struct buf args; /* one JSON object */
};

void draft_close(struct draft *d);

/* Appends to an entry: writes the version byte and `[` first, call command_entry_end() last. `at`
 * is the turn's wall time, raised so that it never goes back in the log. */
void command_entry_begin(struct buf *entry);
void command_entry_add(struct buf *entry, const struct draft *d, struct wall at);
void command_entry_end(struct buf *entry);

/* Walks an entry. ERR_CORRUPT when it is not one of ours: version, shape or kind unknown. The
 * caller frees *root_out after the last command. */
int command_entry_parse(struct slice entry, struct json **root_out, struct error *err) MUST_CHECK;
/* Fills *out from the element; ERR_CORRUPT with an unknown kind's name. */
int command_from_json(const struct json *element, struct command *out,
                      struct error *err) MUST_CHECK;
