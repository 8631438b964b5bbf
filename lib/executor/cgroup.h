/* lib/executor/cgroup.h - limits of plain processes: cgroups of version 1 or 2.
 *
 * A task has one folder in each hierarchy of version 1 that we may write, or one folder in the one
 * hierarchy of version 2. All of them lie in folders named `mesolith`. A zeroed struct is "no
 * cgroup": all functions then do nothing. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

enum cgroup_controller { CGROUP_CPU, CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CONTROLLERS };

#define CGROUP_PATH_SIZE 320

struct cgroup {
    int version; /* 0: none */
    char dir[CGROUP_CONTROLLERS]
            [CGROUP_PATH_SIZE]; /* "": not this controller; alike in version 2 */
};

struct cgroup_limits {   /* 0: not limited */
    int64_t cpus_milli;  /* the share */
    int64_t quota_milli; /* never more than this */
    int64_t mem_bytes;
    int64_t pids;
};

typedef void cgroup_child(void *data, bool inside); /* never returns */
typedef pid_t cgroup_spawner(const struct cgroup *g, cgroup_child *child, void *data);

/* Finds what we may write and makes the `mesolith` folders: below our own cgroup in version 1,
 * below the root in version 2 or, where that is not ours to write, below our own; our processes
 * then move to a leaf beside it, since a cgroup with limits below may hold none. `parent` names
 * another place, as /proc/self/cgroup writes it. Without any, *root_out is zeroed and `err`
 * (ERR_UNAVAILABLE) says so, for the log. */
int cgroup_probe(struct cgroup *root_out, const char *parent, struct error *err);

/* The names of a task's folders below the root: nothing is made yet. */
void cgroup_name(const struct cgroup *root, const char *task, struct cgroup *out);
/* ERR_IO; then nothing is left. Its folders stay open: what this process does in them, and whom it
 * spawns, takes a short way. For a process that makes one. */
int cgroup_make(const struct cgroup *g, const struct cgroup_limits *limits,
                struct error *err) MUST_CHECK;
int cgroup_enter(const struct cgroup *g); /* this process, of one thread; -1 with errno */
/* Runs `child` in a new process, which has its own files, signals and folder, but this process's
 * memory; waits until it has become another program, or is gone. It is born inside where the kernel
 * can (version 2): it need not enter then, which would wait for every processor. One at a time. -1
 * with errno. */
cgroup_spawner cgroup_spawn;
/* An eventfd that becomes readable when memory runs out (version 1), or -1. */
int cgroup_oom_event(const struct cgroup *g);
bool cgroup_oom(const struct cgroup *g);         /* did memory run out? */
int64_t cgroup_mem_peak(const struct cgroup *g); /* bytes; 0: not known */
/* The same of the cgroup that a process is in, whose path has `part`: what it returns is read until
 * the cgroup is gone, and closed by the caller. -1: not known. */
int cgroup_peak_open(int64_t pid, const char *part);
int64_t cgroup_peak_read(int fd);
size_t cgroup_signal(const struct cgroup *g, int sig); /* everybody inside; how many there were */
bool cgroup_remove(const struct cgroup *g);            /* false while somebody is inside */

/* As three or less fields of a record: `cgroup_version`, `cgroup_cpu`, … */
struct fields;
void cgroup_put(const struct cgroup *g, struct fields *f);
void cgroup_take(struct cgroup *g, const struct fields *f);
