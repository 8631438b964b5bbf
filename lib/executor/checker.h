/* lib/executor/checker.h - runs one of a task's health checks on the loop. */
#pragma once

#include <uv.h>

#include "agent/health.h"
#include "model/run_spec.h"

enum probe_answer {
    PROBE_GOOD,
    PROBE_BAD,
    PROBE_NEITHER, /* changes nothing: spec/marathon.md 10.2, ignoreHttp1xx */
};

struct probe {  /* one way to ask: http, tcp, command; a fake in tests */
    void *data; /* the asker's */
    /* Answers once, later, and always: a probe minds its own time limit. */
    void (*ask)(struct probe *p, void (*answered)(struct probe *p, enum probe_answer answer));
    char cause[128]; /* of the answer: the status line, the error */
    int code; /* of the answer, as in struct check_result; the asker has it NO_RESULT before */
};

struct checker;
typedef void checker_cb(struct checker *c);

struct checker {
    void *data;                                  /* the owner's, set before start */
    bool informs;                                /* likewise; see `changed` */
    struct health health;                        /* read only */
    struct wall first_good, last_good, last_bad; /* read only; 0: never */
    char cause[128];                             /* read only; of last_bad */
    int code;                                    /* read only; of the newest answer */
    /* private */
    uv_timer_t timer;
    struct clock *clock;
    struct probe *probe;
    checker_cb *changed, *stopped; /* stopped != NULL: stopping */
    bool asking;
};

/* Keeps `c`, `clock` and `probe` until `stopped` has fired. The first check comes `delay_ms` from
 * now. `changed` fires each time health.state changes or a failure counts, or of one that
 * informs each time the code changes; it may stop the checker. */
int checker_start(struct checker *c, uv_loop_t *loop, struct clock *clock, struct probe *probe,
                  const struct health_policy *policy, int64_t delay_ms, checker_cb *changed,
                  struct error *err) MUST_CHECK;
void checker_stop(struct checker *c, checker_cb *stopped);
