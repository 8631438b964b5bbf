/* lib/host/notices.h - what people are told of jobs, sent: by mail, and to Slack, Mattermost,
 * Sentry and any other URL (spec/chronos.md 5.7).
 *
 * Each channel has a queue of its own, and one message at a time. Each owner gets one, with an id
 * that is the same whenever it is sent again. Who does not take it is asked again after a pause
 * that doubles until one succeeds; meanwhile the others go first, and after a day it is given up.
 * An owner whom the mail server does not know is left out. A test, for which somebody waits, goes
 * before all others, is not kept waiting by a pause, and is tried once. Whatever becomes of a
 * notice is told the node. Certificates are looked at, but for those of a mail server that gets no
 * password. On the loop's thread. */
#pragma once

#include "base/buf.h"
#include "net/loop.h"

struct notices;

struct notices_config {       /* "" or a zero: not configured */
    const char *cluster_name; /* in front of subjects */
    const char *hello;        /* our own name */
    const char *mail_host, *mail_from, *mail_user, *mail_password;
    const char *mail_domain; /* of local names; "": that of mail_from */
    uint16_t mail_port;
    bool mail_tls; /* from the first byte */
    const char *slack_url, *mattermost_url, *http_url, *http_credentials;
    const char *sentry_dsn; /* model/sentry.h; one that is none is as if it was not configured */
    int64_t pause_ms;       /* the first one */
};

/* Of one notice and channel: sent (over, error ""), given up (over), or tried again at `next`. */
typedef void notices_told(void *data, int64_t notice, const char *channel, bool over,
                          const char *error, struct wall next);

/* Copies the config. */
struct notices *notices_new(struct loop *loop, const struct notices_config *config,
                            notices_told *told, void *data);
/* {"notice","at_ms","event","job","owners","channels":[…],"facts","cluster"}: to be sent. */
void notices_put(struct notices *n, struct slice json);
void notices_forget(struct notices *n); /* all that wait: another node sends them */
/* Leaves all; `stopped` fires once nothing of it is on the loop any more, maybe at once. */
void notices_stop(struct notices *n, void (*stopped)(void *data), void *data);
void notices_free(struct notices *n); /* after `stopped`; accepts NULL */
