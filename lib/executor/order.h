/* lib/executor/order.h - what the agent tells its launcher, and what it hears back.
 *
 * Both are one binary, so this travels as memory: never onto a disk or to another release. */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/limits.h"
#include "executor/cgroup.h"

enum order_kind {
    ORDER_TASK,   /* fork a supervisor, which starts the program and outlives us */
    ORDER_HELPER, /* run a program to its end: a command check, cp, tar, unzip */
    ORDER_CANCEL, /* kill the helper of that id */
};

#define ORDER_RLIMITS 16

struct order_rlimit {
    int resource; /* RLIMIT_NOFILE, … */
    uint64_t soft, hard;
};

struct order {
    enum order_kind kind;
    uint32_t id; /* the answer's */
    bool switch_user;
    bool tty;     /* task: a terminal of its own instead of two pipes */
    bool at_once; /* task: once it has ended it waits for no lull, for it has a time limit */
    uid_t uid;
    gid_t gid;
    struct cgroup cgroup;        /* a task's own, to be made; a helper's, to be entered if there */
    struct cgroup_limits limits; /* task */
    int64_t grace_ms;            /* task: when the supervisor itself is told to end */
    int64_t log_bytes;           /* task: one output file */
    unsigned log_files;          /* task: kept beside the newest */
    int64_t timeout_ms;          /* helper; 0: none */
    struct order_rlimit rlimits[ORDER_RLIMITS];
    unsigned rlimits_n;
    const char *name;   /* task: for people who look at the machine */
    const char *folder; /* task: agent/tasks/N */
    pid_t mounts_of;    /* helper: of which task it sees the mounts; 0: ours */
    const char *cwd;    /* the sandbox */
    const char *user;   /* its groups are taken too; NULL: none */
    char *const *argv;  /* all NULL-terminated */
    char *const *env;
    char *const
        *binds; /* task: by twos, a path and where in cwd it is mounted, read-only; or NULL */
};

/* In all lists together: no exec(2) takes more. */
#define ORDER_STRINGS (LIMIT_ORDER_BYTES / sizeof(char *))
/* What a frame of LIMIT_ORDER_BYTES is read in, with the lists behind it. */
#define ORDER_ROOM ((LIMIT_ORDER_BYTES) + ((ORDER_STRINGS) + 4) * sizeof(char *))

/* Appends one frame: a length of 4 bytes, then that many. ERR_LIMIT over LIMIT_ORDER_BYTES, or
 * ORDER_STRINGS. */
int order_pack(const struct order *o, struct buf *out, struct error *err) MUST_CHECK;
/* *out points into the frame (without its length), which is aligned and has ORDER_ROOM: no memory
 * is taken, whose pages everybody forked would have to copy. ERR_CORRUPT. */
int order_unpack(char *frame, size_t len, struct order *out, struct error *err) MUST_CHECK;

enum reply_kind {
    REPLY_FORKED, /* task: pid is its supervisor's, to whom fd leads */
    REPLY_FAILED, /* both: nothing was started; text says why */
    REPLY_ENDED,  /* helper: code or signal; text is the end of its output */
};

struct reply {
    enum reply_kind kind;
    uint32_t id;
    pid_t pid;
    int code, signal; /* signal 0: exited with code */
    bool timed_out;
    int fd; /* where it is received: whose it is then; -1: there is none, or it could not be had */
    char text[224];
};
