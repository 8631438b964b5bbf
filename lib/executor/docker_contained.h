/* lib/executor/docker_contained.h - the life of one container, as the files that it goes through
 * see it: docker_run.c has its steps, its end and its killing, docker_start.c the way to where it
 * runs, docker_look.c what the engine says of it, docker_output.c what it writes. */
#pragma once

#include "executor/docker_log.h"
#include "executor/docker_private.h"
#include "executor/docker_pull.h"
#include "executor/docker_usage.h"

#define ASK_MS 30000     /* one question */
#define CREATE_MS 120000 /* a slow disk may take long to make a container's layers */
#define RETRY_MS 1000    /* after the engine has broken off */

/*   IMAGE --not here, or forced--> AUTH --> PULL --+
 *     \__here________________________________________+--> MARK --> CREATE --> START --> LOOK
 *
 *   LOOK --runs--> RUNNING --its end, or a break--> LOOK --ended--> OVER
 *
 * What is found again begins with LOOK. Each arrow may instead be a failure, which leaves. OVER
 * waits for the rest of the output. Leaving cancels what is under way and waits until nothing is;
 * then `ended`. The first one of a pod's that share a network makes and starts the container that
 * holds it, between MARK and CREATE; the last one to leave removes that. */
enum step { IMAGE, AUTH, PULL, MARK, HOLD, HOLD_START, CREATE, START, LOOK, RUNNING, OVER };

struct contained {
    struct docker_driver *d;
    struct run *run;
    struct list in_runs;
    enum step step;
    bool found;   /* by recover */
    bool created; /* the engine may have a container */
    bool told;    /* `started` */
    bool leaving, marking, reading;
    char name[DOCKER_NAME_SIZE];
    struct docker_pull pull;
    char hold[DOCKER_NAME_SIZE]; /* the container whose network it shares; "": none, or not known */
    struct engine_call ask, wait, logs, kill, held;
    uv_fs_t mark;
    uv_work_t work;
    struct buf auth; /* the header line for the registry */
    char *owner;     /* the folder of tasks that the container's label names, if it is not ours */
    bool asked_owner, foreign;
    /* output */
    struct docker_log log;
    bool tty;
    bool logs_before_end; /* the stream had ended before we knew of the container's end */
    bool no_logs;         /* the engine keeps none of it */
    unsigned logs_tries;
    int64_t output_ms; /* the next pause; RETRY_MS unless it was not understood */
    /* killing: grace_ms -1: nobody wants it */
    int64_t grace_ms;
    char stop_signal[24];
    bool term_sent, kill_refused;
    uv_timer_t kill_timer, retry_timer;
    unsigned timers; /* open; the handles of `usage` count among them */
    bool looks;      /* at what it uses */
    struct docker_usage usage;
};

/* ---- docker_run.c */

/* `done` gets `call`, whose data is c. */
void contained_ask(struct contained *c, struct engine_call *call, enum method method,
                   struct slice body, int64_t ms, engine_cb *done, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
/* For the retry timer: what cannot even be asked fails as an answer would, later. */
void contained_unasked(uv_timer_t *timer);
void contained_go(struct contained *c, enum step step);
/* Every callback begins with this: true when there is nothing more for it to do. */
bool contained_is_leaving(struct contained *c);
/* Cancels what is under way; `ended` when nothing is. */
void contained_leave(struct contained *c);
void contained_leave_when_idle(struct contained *c);
void contained_remove(struct contained *c); /* from the engine; then it leaves */
void contained_fail(struct contained *c, const char *why);
void contained_look_later(struct contained *c);
void contained_begin_killing(struct contained *c);

/* ---- docker_start.c: steps */

void contained_find_image(struct contained *c);
void contained_read_auth(struct contained *c);
void contained_pull(struct contained *c);
void contained_mark(struct contained *c);
void contained_hold(struct contained *c);
void contained_start_hold(struct contained *c);
void contained_create(struct contained *c);
void contained_start(struct contained *c);

/* ---- docker_look.c: a step */

void contained_look(struct contained *c);

/* ---- docker_output.c */

void contained_open_output(struct contained *c);
void contained_output_closed(struct docker_log *l);
