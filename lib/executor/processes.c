#include "executor/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

struct stat_line {
    struct process process;
    pid_t parent, session;
    char state;
};

static ssize_t read_file(const char *path, char *dst, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, dst, size - 1);
    close(fd);
    dst[n > 0 ? n : 0] = '\0';
    return n;
}

const char *boot_id(char dst[BOOT_ID_SIZE])
{
    static char known[BOOT_ID_SIZE]; /* also to who is forked from us */
    if (known[0] == '\0' && read_file("/proc/sys/kernel/random/boot_id", known, sizeof(known)) < 0)
        known[0] = '\0';
    memcpy(dst, known, sizeof(known));
    return dst;
}

/* proc(5): `pid (comm) state ppid pgrp session …`; comm may hold anything. A number from the 4th
 * field on. Not by sscanf(3): a task's supervisor would have its pages for this alone. */
static bool stat_field(const char *after_comm, int field, uint64_t *out)
{
    const char *p = after_comm;
    for (int at = 2; p != NULL && at < field; at++)
        p = strchr(p + 1, ' ');
    if (p == NULL)
        return false;
    *out = strtoull(p, NULL, 10);
    return true;
}

static bool stat_read(pid_t pid, struct stat_line *out)
{
    char path[32], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (read_file(path, text, sizeof(text)) <= 0)
        return false;
    const char *p = strrchr(text, ')');
    uint64_t parent, session, started;
    if (!stat_field(p, 4, &parent) || !stat_field(p, 6, &session) || !stat_field(p, 22, &started))
        return false;
    out->process = (struct process){.pid = pid, .started = started};
    out->parent = (pid_t)parent;
    out->session = (pid_t)session;
    out->state = p[2];
    return true;
}

struct process process_of(pid_t pid)
{
    struct stat_line line;
    return stat_read(pid, &line) ? line.process : (struct process){.pid = pid};
}

uint64_t processes_tick(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    long hz = sysconf(_SC_CLK_TCK);
    return (uint64_t)(t.tv_sec * hz + t.tv_nsec / (1000000000 / hz));
}

static bool ticks_tell; /* also to who is forked from us */

void processes_try_ticks(uint64_t before)
{
    struct process self = process_of(getpid());
    ticks_tell = self.started >= before && self.started <= processes_tick();
}

struct process process_born(pid_t pid, uint64_t before)
{
    uint64_t now = processes_tick();
    return ticks_tell && now == before ? (struct process){.pid = pid, .started = now}
                                       : process_of(pid);
}

bool process_alive(struct process p)
{
    struct stat_line line;
    return p.pid > 0 && p.started != 0 && stat_read(p.pid, &line) &&
           line.process.started == p.started && line.state != 'Z' && line.state != 'X';
}

static struct { /* where our arguments were; also those of who is forked from us */
    char *begin;
    size_t size;
} arguments;

/* Fields 48 and 49 are where they begin and end. */
static bool find_arguments(void)
{
    char text[1024];
    uint64_t begin, end;
    if (arguments.size > 0)
        return true;
    if (read_file("/proc/self/stat", text, sizeof(text)) <= 0)
        return false;
    const char *p = strrchr(text, ')');
    if (!stat_field(p, 48, &begin) || !stat_field(p, 49, &end) || begin == 0 || end <= begin)
        return false;
    arguments.begin = (char *)(uintptr_t)begin;
    arguments.size = end - begin;
    return true;
}

void process_title(const char *fmt, ...)
{
    char title[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(title, sizeof(title), fmt, args);
    va_end(args);
    if (!find_arguments())
        return;
    size_t n = strlen(title), room = arguments.size - 1;
    memset(arguments.begin, 0, arguments.size);
    memcpy(arguments.begin, title, n < room ? n : room);
}

struct table {
    struct stat_line *lines;
    size_t n, room;
};

static int by_pid(const void *a, const void *b)
{
    pid_t left = ((const struct stat_line *)a)->process.pid;
    pid_t right = ((const struct stat_line *)b)->process.pid;
    return (left > right) - (left < right);
}

static void table_read(struct table *t)
{
    *t = (struct table){0};
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        return;
    for (struct dirent *e; (e = readdir(proc)) != NULL;) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        if (pid <= 0)
            continue;
        if (t->n == t->room) {
            t->room = t->room == 0 ? 256 : 2 * t->room;
            t->lines = mem_realloc(t->lines, t->room * sizeof(*t->lines));
        }
        if (stat_read(pid, &t->lines[t->n]))
            t->n++;
    }
    closedir(proc);
    if (t->n > 0)
        qsort(t->lines, t->n, sizeof(*t->lines), by_pid);
}

static const struct stat_line *table_find(const struct table *t, pid_t pid)
{
    struct stat_line key = {.process.pid = pid};
    return t->n == 0 ? NULL : bsearch(&key, t->lines, t->n, sizeof(key), by_pid);
}

static bool descends(const struct table *t, const struct stat_line *line, pid_t root)
{
    for (unsigned depth = 0; line != NULL && line->parent > 0 && depth < t->n; depth++) {
        if (line->parent == root)
            return true;
        line = table_find(t, line->parent);
    }
    return false;
}

static bool in_session(const struct stat_line *line, struct process leader)
{
    return line->session == leader.pid && line->process.started >= leader.started;
}

size_t processes_signal_below(pid_t root, int sig)
{
    struct table t;
    size_t found = 0;
    table_read(&t);
    for (size_t i = 0; i < t.n; i++) {
        if (t.lines[i].state == 'Z' || !descends(&t, &t.lines[i], root))
            continue;
        found++;
        kill(t.lines[i].process.pid, sig);
    }
    mem_free(t.lines);
    return found;
}

size_t processes_signal_session(struct process leader, int sig)
{
    struct table t;
    size_t found = 0;
    table_read(&t);
    const struct stat_line *now = table_find(&t, leader.pid);
    bool reused = now != NULL && now->process.started != leader.started;
    for (size_t i = 0; i < t.n && leader.started != 0 && !reused; i++) {
        if (t.lines[i].state == 'Z' || !in_session(&t.lines[i], leader))
            continue;
        found++;
        kill(t.lines[i].process.pid, sig);
    }
    mem_free(t.lines);
    return found;
}

static bool is_called(pid_t pid, const char *comm)
{
    char path[32], text[32];
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    ssize_t n = read_file(path, text, sizeof(text));
    return n > 0 && strncmp(text, comm, (size_t)n - 1) == 0 && comm[n - 1] == '\0';
}

static enum held holds(pid_t pid, const struct stat *folder)
{
    char path[32];
    struct stat st;
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *fds = opendir(path);
    if (fds == NULL)
        return HELD_UNKNOWN;
    for (struct dirent *e; !found && (e = readdir(fds)) != NULL;)
        found = e->d_name[0] != '.' && fstatat(dirfd(fds), e->d_name, &st, 0) == 0 &&
                st.st_dev == folder->st_dev && st.st_ino == folder->st_ino;
    closedir(fds);
    return found ? HELD : NOT_HELD;
}

enum held process_holds(struct process p, int folder_fd)
{
    struct stat folder;
    return fstat(folder_fd, &folder) == 0 ? holds(p.pid, &folder) : HELD_UNKNOWN;
}

struct process processes_find_holder(const char *comm, int folder_fd)
{
    struct process found = {0};
    struct stat folder;
    struct dirent *e;
    DIR *proc = fstat(folder_fd, &folder) == 0 ? opendir("/proc") : NULL;
    while (proc != NULL && found.pid == 0 && (e = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        if (pid > 0 && is_called(pid, comm) && holds(pid, &folder) == HELD)
            found = process_of(pid);
    }
    if (proc != NULL)
        closedir(proc);
    return found;
}
