/* lib/executor/docker_probe.h - a command check inside a container, by the engine's exec. */
#pragma once

#include "executor/checker.h"
#include "executor/engine.h"

struct docker_probe {
    struct probe probe; /* first */
    /* private */
    struct engine *engine;
    const char *command;
    char container[80];
    int64_t timeout_ms;
    struct mono begun; /* what is asked now */
    struct engine_call call;
    char id[80]; /* of the exec */
    uv_timer_t later;
    void (*answered)(struct probe *p, enum probe_answer answer);
};

/* Keeps the strings. What runs on after the time limit cannot be ended: the engine has no way. */
void docker_probe_init(struct docker_probe *p, struct engine *engine, const char *container,
                       const char *command, int64_t timeout_ms);
