/* cmd/mesolith/cli_wait.h - waiting for what a change sets off, with one block that is redrawn,
 * then a sentence. A node that is silent for a while (a new leader is elected) is asked again. */
#pragma once

#include "cli_noun.h"

/* Until the deployment is over or --timeout; `deployment` NULL: nothing to wait for, only says how
 * the app is. Sets c->failed when the app is not as wanted then. ERR_UNCERTAIN after the timeout.
 */
int wait_app(struct cli *c, const char *app, const char *deployment, struct error *err) MUST_CHECK;
/* Until no task of the deleted app is left. */
int wait_app_gone(struct cli *c, const char *app, const char *deployment,
                  struct error *err) MUST_CHECK;
/* Until a job's run has ended; sets c->failed unless it went well. */
int wait_run(struct cli *c, const char *job, const char *run, struct error *err) MUST_CHECK;

/* Until a node's member ("state", "role") is `wanted`, or --timeout; draws its state, and how many
 * tasks are left. */
int wait_node(struct cli *c, const char *id, const char *name, const char *member,
              const char *wanted, struct error *err) MUST_CHECK;
/* Until nothing of a notice is to be sent any more, or --timeout. The caller frees it. */
int wait_notice(struct cli *c, int64_t id, struct json **notice_out, struct error *err) MUST_CHECK;
/* Until the node that is asked knows that this one leads, or, NULL, whoever does in a later term;
 * or --timeout. The caller frees its status. */
int wait_leader(struct cli *c, const char *node, int64_t term, struct json **status_out,
                struct error *err) MUST_CHECK;

/* Appends the three parts of each sentence of a "why" array, indented. */
void say_why(struct cli *c, const struct json *sentences, size_t indent);
