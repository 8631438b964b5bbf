/* lib/executor/probes.h - the ways to ask whether a task is well: does a port open, what does it
 * answer to a GET, does a command succeed (spec/marathon.md 10.2).
 *
 * A probe is its owner's memory, and idle (nothing on the loop) unless it is asking. */
#pragma once

#include "executor/checker.h"
#include "executor/launch_client.h"
#include "net/tls.h"

/* TCP, HTTP, HTTPS: one connection. A status of 200 to 399 is good, certificates are not checked,
 * redirects not followed; only the status line is read, of whatever version. */
struct net_question {
    const char *address, *path; /* path NULL: TCP */
    uint16_t port;
    struct tls *tls; /* HTTPS; else NULL */
    int64_t timeout_ms;
    bool ignore_1xx;
};

struct net_probe {
    struct probe probe; /* first */
    /* private */
    struct loop *loop;
    struct net_question question;
    struct dial dial;
    struct stream *stream;
    uv_timer_t timer;
    unsigned handles; /* that must be closed before the answer */
    bool dialling, decided;
    enum probe_answer answer;
    void (*answered)(struct probe *p, enum probe_answer answer);
    size_t line_n;
    char line[128];     /* the status line, as far as it has come */
    char request[1024]; /* while it is written */
};

/* Keeps what the question points to. ERR_INVALID when the path cannot be asked for. */
int net_probe_init(struct net_probe *p, struct loop *loop, const struct net_question *question,
                   struct error *err) MUST_CHECK;

/* A command as the task's user, in its sandbox, environment and cgroup; good if it exits with 0. */
struct command_probe {
    struct probe probe; /* first */
    /* private */
    struct launch_client *launcher;
    struct order order;
    struct launch_request request;
    uv_timer_t later;
    void (*answered)(struct probe *p, enum probe_answer answer);
};

/* Keeps what the order (of a helper) points to. */
void command_probe_init(struct command_probe *p, struct launch_client *launcher,
                        const struct order *order);

/* A check that cannot be made: always bad, and says why. */
struct broken_probe {
    struct probe probe; /* first */
    /* private */
    uv_loop_t *loop;
    uv_timer_t later;
    void (*answered)(struct probe *p, enum probe_answer answer);
};

void broken_probe_init(struct broken_probe *p, uv_loop_t *loop, const char *cause);
