/* lib/net/loop.h - one event loop of libuv, the clock that belongs to it, and memory to read into.
 * A loop, and all that was started on it, is used by one thread. */
#pragma once

#include <uv.h>

#include "base/error.h"
#include "base/time.h"

struct loop {
    uv_loop_t uv;
    struct clock clock; /* the system's: CLOCK_MONOTONIC and CLOCK_REALTIME */
    /* private */
    char *scratch; /* what every stream of this loop reads into, one after the other */
};

/* Also has the process ignore SIGPIPE: a peer that left is an error of the write. */
int loop_init(struct loop *l, struct error *err) MUST_CHECK;
/* Until nothing is active any more. */
void loop_run(struct loop *l);
/* Everything on it must have been stopped and have said so. Accepts a zeroed struct. */
void loop_close(struct loop *l);

/* The loop that a handle was started on. */
struct loop *loop_of(const uv_handle_t *handle);

struct clock clock_system(void);

/* "connecting to 10.0.0.1:80: connection refused", from one of libuv's codes. */
int error_set_uv(struct error *err, enum error_code code, int uv_code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
