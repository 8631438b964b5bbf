/* lib/api/mesos/private.h - what the files of Mesos's doors share (spec/mesos.md 0, 5 to 7). */
#pragma once

#include "api/door.h"
#include "api/marathon/private.h"
#include "model/mesos_id.h"

#define MESOS_VERSION "1.11.0" /* whose API this is: clients compare it (spec/mesos.md 1.2) */

/* ---------------- answer.c */

/* Begins and ends an answer in JSON; with ?jsonp=NAME it is a call of NAME (0.3). False after
 * having failed the call. */
bool mesos_json(struct call *c, struct json_writer *w);
void mesos_json_end(struct call *c);
/* The NAME of ?jsonp, or NULL; false after having failed the call. */
bool mesos_jsonp(struct call *c, const char **name_out);
/* Does the path mean the agent of this process, or the master (0.4)? */
bool mesos_means_agent(const struct call *c);
/* The agent of this process; false after having failed the call. */
bool mesos_own_agent(struct call *c, struct agent_row *out);

/* Doubles always have a fraction (0.2): 1500 thousandths are 1.5, 1000 are 1.0. */
void mesos_milli(struct json_writer *w, const char *name, int64_t thousandths);
void mesos_seconds(struct json_writer *w, const char *name, struct wall t);
void mesos_version(struct json_writer *w); /* version, build_date, build_time, build_user */
#define MESOS_PID_SIZE 128
/* "10.0.0.1:5050", of one of our URLs; `port` if that is not open. */
const char *mesos_address(const struct facts *f, const char *url, int port,
                          char dst[MESOS_PID_SIZE]);
int mesos_port(const char *url, int otherwise);

/* ---------------- resources.c: RES of 5.2 */

struct mesos_amounts { /* of an agent: what is reserved is used only while its instance runs */
    struct resources total, used, reserved, reserved_used, unreserved, unreserved_used;
};
void mesos_agent_resources(struct state *s, const struct agent_row *a, struct mesos_amounts *out);
void mesos_amounts_close(struct mesos_amounts *m);
void mesos_task_resources(const struct task_row *t, struct resources *out);
void mesos_res(struct json_writer *w, const char *name, const struct resources *r);
void mesos_no_res(struct json_writer *w, const char *name);
void mesos_full(struct json_writer *w, const char *name, const struct resources *r); /* a list */
bool mesos_is_any(const struct resources *r);
/* By role: there is one that anything is reserved for. The second has lists. */
void mesos_reserved(struct json_writer *w, const char *name, const struct resources *r);
void mesos_reserved_full(struct json_writer *w, const char *name, const struct resources *r);

/* ---------------- task.c: TASK and what belongs to it */

struct mesos_show {
    const struct view *view;
    struct state *state;
    struct show names; /* of agents */
    /* private: the last app that was looked at */
    int64_t app_id; /* 0: none */
    struct app app;
};
void mesos_show_init(struct mesos_show *s, const struct view *view);
void mesos_show_close(struct mesos_show *s);
void mesos_task(struct mesos_show *s, const struct task_row *t, struct json_writer *w);
/* The command as an executor's name shows it (3.8). */
#define MESOS_COMMAND_SIZE 64
const char *mesos_task_command(struct mesos_show *s, const struct task_row *t,
                               char dst[MESOS_COMMAND_SIZE]);

/* ---------------- frameworks.c */

#define MESOS_COMPLETED_MAX 1000 /* tasks a framework that have ended are told of (5.2) */
extern const enum owner mesos_frameworks[2];
const char *mesos_framework_name(enum owner owner);
/* Their common members: id, name, …; inside an open object. */
void mesos_framework_members(const struct view *v, enum owner owner, struct json_writer *w);
void mesos_put_framework(struct mesos_show *s, enum owner owner, struct json_writer *w);

/* ---------------- slaves.c */

/* Is it in the lists: not out of reach, not gone? */
bool mesos_is_active(const struct agent_row *a);
void mesos_slave_members(struct mesos_show *s, const struct agent_row *a, struct json_writer *w);
const char *mesos_slave_pid(const struct agent_row *a, char dst[MESOS_PID_SIZE]);

/* ---------------- doors */

ask_fn mesos_ask_state, mesos_ask_summary, mesos_ask_slaves, mesos_ask_frameworks, mesos_ask_tasks,
    mesos_ask_roles;
ask_fn mesos_ask_metrics;
ask_fn mesos_browse, mesos_read, mesos_download, mesos_ask_debug;
ask_fn mesos_ask_version, mesos_ask_health, mesos_ask_flags, mesos_ask_redirect;
ask_fn mesos_ask_quota, mesos_ask_weights, mesos_ask_schedule, mesos_ask_maintenance;
ask_fn mesos_ask_missing;
void mesos_agent_state(struct call *c); /* 5.3 */
