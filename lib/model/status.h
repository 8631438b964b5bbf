/* lib/model/status.h - one report of an agent about one task. Repeated until it is acknowledged;
 * `seq` counts up per task, so a late copy changes nothing. Pure. */
#pragma once

#include "base/json.h"
#include "base/time.h"
#include "model/run_spec.h"
#include "model/states.h"

struct usage { /* of all its processes together, as far as is known; 0: not */
    int64_t mem_peak_bytes, cpu_ms;
};

struct status {
    int64_t task;
    int64_t seq;
    enum task_state state;
    struct wall at;
    int64_t pid;           /* 0: none */
    const char *container; /* or NULL */
    bool exited, signaled, oom;
    int exit_code, signal;
    struct usage used;   /* of one that has ended */
    const char *reason;  /* Mesos's word (spec/mesos.md 3.4), or NULL */
    const char *message; /* for people, or NULL */
    const char *detail;  /* "pulling 40 %", or NULL */
    int health;          /* enum health_state's number: 0 unknown, 1 good, 2 bad */
    const struct json
        *health_results; /* JSON array (spec/marathon.md 6.1), or NULL; when written: raw below */
    struct slice health_raw;
    const struct json *readiness; /* JSON array (spec/marathon.md 3.2), likewise */
    struct slice readiness_raw;
    bool informs; /* it has a check that only informs, whose newest result is */
    struct check_result check;
};

struct check_names { /* a dialect's */
    const char *status, *succeeded, *exit;
};
/* "http":{"statusCode":200}, into an object; without a result "http":{}. */
void check_result_write(const struct check_result *r, const struct check_names *names,
                        struct json_writer *w);

void status_write(const struct status *s, struct json_writer *w);
/* Strings are borrowed from v. ERR_INVALID naming the member. */
int status_read(const struct json *v, struct status *out, struct error *err) MUST_CHECK;
