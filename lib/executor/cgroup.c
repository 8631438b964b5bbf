#include "executor/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"
#include "executor/fields.h"

#define MEM_BYTES_MIN (32ll << 20) /* less starts no shell: spec/mesos.md 8.10 */
#define PERIOD_US 100000
#define ONE_PROCESS \
    1024 /* in shares of version 1: of one that nobody has weighed, and of a folder */
#define NODE_LEAF "mesolith-node" /* version 2: where our own processes go */

static const char *const names[CGROUP_CONTROLLERS] = {"cpu", "memory", "pids"};

/* ---- files of a cgroup */

/* The folders that cgroup_make() has made; in one page, which whoever is forked gets of his own. */
static struct {
    struct cgroup of; /* all empty: none are held */
    int at[CGROUP_CONTROLLERS];
} held __attribute__((aligned(1024)));
_Static_assert(sizeof(held) <= 1024, "it lies in one page");

static int held_at(const char *dir)
{
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        if (held.of.dir[c][0] != '\0' && str_eq(dir, held.of.dir[c]))
            return held.at[c];
    return -1;
}

static int open_in(const char *dir, const char *file, int flags)
{
    char path[CGROUP_PATH_SIZE + 64];
    int at = held_at(dir);
    if (at >= 0)
        return openat(at, file, flags | O_CLOEXEC);
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    return open(path, flags | O_CLOEXEC);
}

static int put(const char *dir, const char *file, const char *text)
{
    int fd = open_in(dir, file, O_WRONLY);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    int saved = errno;
    close(fd);
    errno = saved;
    return n < 0 ? -1 : 0;
}

static bool get(const char *dir, const char *file, char *dst, size_t size)
{
    int fd = open_in(dir, file, O_RDONLY);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, dst, size - 1);
    close(fd);
    dst[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

/* "key 12\n" in a file of such lines */
static int64_t get_keyed(const char *dir, const char *file, const char *key)
{
    char text[512];
    if (!get(dir, file, text, sizeof(text)))
        return 0;
    size_t n = strlen(key);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return strtoll(line + n + 1, NULL, 10);
    }
    return 0;
}

/* In version 2 the three folders are one. */
static bool is_first(const struct cgroup *g, int controller)
{
    return g->dir[controller][0] != '\0' &&
           (controller == 0 || !str_eq(g->dir[controller], g->dir[controller - 1]));
}

/* ---- what is there */

struct mounts {
    char v1[CGROUP_CONTROLLERS][CGROUP_PATH_SIZE];
    char v2[CGROUP_PATH_SIZE];
};

static bool has_word(const char *commas, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = commas; p != NULL; p = strchr(p, ',')) {
        p += *p == ',';
        if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    }
    return false;
}

/* proc(5): `… root mountpoint options … - type source super-options` */
static void mounts_read(struct mounts *m)
{
    *m = (struct mounts){0};
    char line[2048], at[CGROUP_PATH_SIZE], kind[32], options[256];
    FILE *f = fopen("/proc/self/mountinfo", "re");
    if (f == NULL)
        return;
    while (fgets(line, sizeof(line), f) != NULL) {
        const char *tail = strstr(line, " - ");
        if (tail == NULL || sscanf(line, "%*d %*d %*s %*s %319s", at) != 1 ||
            sscanf(tail, " - %31s %*s %255s", kind, options) != 2)
            continue;
        if (str_eq(kind, "cgroup2") && m->v2[0] == '\0')
            str_copy(m->v2, sizeof(m->v2), at);
        for (int c = 0; c < CGROUP_CONTROLLERS && str_eq(kind, "cgroup"); c++)
            if (has_word(options, names[c]) && m->v1[c][0] == '\0')
                str_copy(m->v1[c], sizeof(m->v1[c]), at);
    }
    fclose(f);
}

/* A process's place: the path after `N:controllers:` in its `cgroup`; controller NULL: version 2.
 */
static bool path_of(const char *pid, const char *controller, char *dst, size_t size)
{
    char line[1024], name[64];
    bool found = false;
    snprintf(name, sizeof(name), "/proc/%.20s/cgroup", pid);
    FILE *f = fopen(name, "re");
    if (f == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *which = strchr(line, ':');
        char *path = which != NULL ? strchr(which + 1, ':') : NULL;
        if (path == NULL)
            continue;
        *path++ = '\0';
        found = controller != NULL ? has_word(which + 1, controller) : which[1] == '\0';
        if (found)
            str_copy(dst, size, path);
    }
    fclose(f);
    return found;
}

static bool own_path(const char *controller, char *dst, size_t size)
{
    return path_of("self", controller, dst, size);
}

static bool join(char dst[CGROUP_PATH_SIZE], const char *mount, const char *path, const char *name)
{
    bool at_root = str_eq(path, "/");
    int n = snprintf(dst, CGROUP_PATH_SIZE, "%s%s/%s", mount, at_root ? "" : path, name);
    return n > 0 && n < CGROUP_PATH_SIZE;
}

/* Where the folder of our tasks would be, and whether we may use it. */
static bool make_below(char dst[CGROUP_PATH_SIZE], const char *mount, const char *path)
{
    if (mount[0] == '\0' || !join(dst, mount, path, "mesolith") ||
        (mkdir(dst, 0755) != 0 && errno != EEXIST) || access(dst, W_OK) != 0) {
        dst[0] = '\0';
        return false;
    }
    return true;
}

/* Our own processes stand beside the folder of all tasks, and each weighs as much as that: so it
 * has the weight of a process on every processor, unless somebody has given it another one. Else
 * who has begun waits for all that begin or end. In version 2 they are in a cgroup too. */
static void weigh(const char *dir)
{
    char text[32];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors < 1 || !get(dir, "cpu.shares", text, sizeof(text)) ||
        strtoll(text, NULL, 10) != ONE_PROCESS)
        return;
    str_of_i64(text, ONE_PROCESS * processors);
    put(dir, "cpu.shares", text);
}

static bool probe_v1(struct cgroup *root, const struct mounts *m, const char *parent)
{
    bool any = false;
    for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
        char path[CGROUP_PATH_SIZE];
        if (parent != NULL)
            str_copy(path, sizeof(path), parent);
        else if (!own_path(names[c], path, sizeof(path)))
            continue;
        if (!make_below(root->dir[c], m->v1[c], path))
            continue;
        any = true;
        weigh(root->dir[c]);
    }
    root->version = any ? 1 : 0;
    return any;
}

/* `dir` passes its controllers on; a cgroup other than the root may then hold no processes. */
static bool pass_on(const char *dir)
{
    return put(dir, "cgroup.subtree_control", "+cpu +memory +pids") == 0;
}

/* The program that a process runs, also when an upgrade has replaced it. */
static bool program_of(const char *pid, char dst[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/%.20s/exe", pid);
    ssize_t n = readlink(link, dst, PATH_MAX - 1);
    dst[n > 0 ? n : 0] = '\0';
    if (str_ends(dst, " (deleted)"))
        dst[strlen(dst) - strlen(" (deleted)")] = '\0';
    return n > 0;
}

/* Our own processes: this one, the launcher, supervisors, the proxy. Nobody else's. */
static void move_ours(const char *from, const char *to)
{
    char pids[4096], own[PATH_MAX], other[PATH_MAX];
    if (!get(from, "cgroup.procs", pids, sizeof(pids)) || !program_of("self", own))
        return;
    for (char *pid = strtok(pids, "\n"); pid != NULL; pid = strtok(NULL, "\n"))
        if (program_of(pid, other) && str_eq(own, other))
            put(to, "cgroup.procs", pid);
}

static bool make_room(const char *above)
{
    char leaf[CGROUP_PATH_SIZE];
    if (!join(leaf, above, "/", NODE_LEAF) || (mkdir(leaf, 0755) != 0 && errno != EEXIST))
        return false;
    move_ours(above, leaf);
    if (pass_on(above))
        return true;
    move_ours(leaf, above); /* somebody else is there too */
    rmdir(leaf);
    return false;
}

static bool try_v2(struct cgroup *root, const struct mounts *m, const char *path, bool own)
{
    char above[CGROUP_PATH_SIZE], text[256];
    int n = snprintf(above, sizeof(above), "%s%s", m->v2, str_eq(path, "/") ? "" : path);
    if (n >= (int)sizeof(above) || !get(above, "cgroup.controllers", text, sizeof(text)) ||
        strstr(text, "memory") == NULL)
        return false;
    if (!pass_on(above) && !(own && make_room(above)))
        return false;
    if (!make_below(root->dir[0], m->v2, path) || !pass_on(root->dir[0]))
        return false;
    for (int c = 1; c < CGROUP_CONTROLLERS; c++)
        memcpy(root->dir[c], root->dir[0], sizeof(root->dir[0]));
    root->version = 2;
    return true;
}

static bool own_path_v2(char path[CGROUP_PATH_SIZE])
{
    if (!own_path(NULL, path, CGROUP_PATH_SIZE))
        return false;
    if (str_ends(path, "/" NODE_LEAF)) /* where an earlier start has put us */
        path[strlen(path) - strlen("/" NODE_LEAF)] = '\0';
    return true;
}

/* At the root rather than below our own: tasks must not keep a service manager from starting us
 * again, which puts no process into a cgroup that passes controllers on. */
static bool probe_v2(struct cgroup *root, const struct mounts *m, const char *parent)
{
    char path[CGROUP_PATH_SIZE];
    if (m->v2[0] == '\0')
        return false;
    if (parent != NULL)
        return try_v2(root, m, parent, false);
    return try_v2(root, m, "/", false) || (own_path_v2(path) && try_v2(root, m, path, true));
}

int cgroup_probe(struct cgroup *root_out, const char *parent, struct error *err)
{
    struct mounts mounts;
    mounts_read(&mounts);
    *root_out = (struct cgroup){0};
    if (probe_v1(root_out, &mounts, parent) || probe_v2(root_out, &mounts, parent))
        return 0;
    *root_out = (struct cgroup){0};
    return error_set(err, ERR_UNAVAILABLE, "no cgroup with cpu, memory or pids can be written");
}

/* ---- a task's folders */

void cgroup_name(const struct cgroup *root, const char *task, struct cgroup *out)
{
    *out = (struct cgroup){.version = root->version};
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        if (root->dir[c][0] != '\0' && !join(out->dir[c], root->dir[c], "/", task))
            out->dir[c][0] = '\0';
}

struct setting {
    int version;
    enum cgroup_controller controller;
    const char *file;
    bool optional;                                             /* a kernel may lack it */
    bool (*text)(const struct cgroup_limits *l, char dst[64]); /* false: not limited */
};

static int64_t at_least(int64_t value, int64_t least)
{
    return value > least ? value : least;
}

static bool number(char dst[64], int64_t value)
{
    str_of_i64(dst, value);
    return true;
}

static bool shares(const struct cgroup_limits *l, char dst[64])
{
    return number(dst, at_least(l->cpus_milli * ONE_PROCESS / 1000, 2));
}

static bool weight(const struct cgroup_limits *l, char dst[64])
{
    int64_t w = at_least(l->cpus_milli * 100 / 1000, 1);
    return number(dst, w < 10000 ? w : 10000);
}

static bool quota(const struct cgroup_limits *l, char dst[64])
{
    return l->quota_milli > 0 && number(dst, at_least(l->quota_milli * PERIOD_US / 1000, 1000));
}

static bool quota_of_period(const struct cgroup_limits *l, char dst[64])
{
    char us[64];
    if (!quota(l, us))
        return false;
    snprintf(dst, 64, "%.40s %d", us, PERIOD_US);
    return true;
}

static bool memory(const struct cgroup_limits *l, char dst[64])
{
    return l->mem_bytes > 0 && number(dst, at_least(l->mem_bytes, MEM_BYTES_MIN));
}

static bool no_swap(const struct cgroup_limits *l, char dst[64])
{
    return l->mem_bytes > 0 && number(dst, 0);
}

static bool all_at_once(const struct cgroup_limits *l, char dst[64])
{
    return l->mem_bytes > 0 && number(dst, 1);
}

static bool pids(const struct cgroup_limits *l, char dst[64])
{
    return l->pids > 0 && number(dst, l->pids);
}

static const struct setting settings[] = {
    {1, CGROUP_CPU, "cpu.shares", false, shares},
    {1, CGROUP_CPU, "cpu.cfs_quota_us", false, quota},
    {1, CGROUP_MEMORY, "memory.limit_in_bytes", false, memory},
    {1, CGROUP_PIDS, "pids.max", false, pids},
    {2, CGROUP_CPU, "cpu.weight", false, weight},
    {2, CGROUP_CPU, "cpu.max", false, quota_of_period},
    {2, CGROUP_MEMORY, "memory.max", false, memory},
    {2, CGROUP_MEMORY, "memory.swap.max", true, no_swap},
    {2, CGROUP_MEMORY, "memory.oom.group", true, all_at_once},
    {2, CGROUP_PIDS, "pids.max", false, pids},
};

/* The folder above may have been tidied away by somebody while it was empty. */
static int make_folder(const char *dir, int version)
{
    char above[CGROUP_PATH_SIZE];
    if (mkdir(dir, 0755) == 0 || errno == EEXIST)
        return 0;
    if (errno != ENOENT)
        return -1;
    str_copy(above, sizeof(above), dir);
    *strrchr(above, '/') = '\0';
    if (mkdir(above, 0755) != 0 || (version == 2 && !pass_on(above)))
        return -1;
    weigh(above);
    return mkdir(dir, 0755);
}

static int make_folders(const struct cgroup *g, struct error *err)
{
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        if (is_first(g, c) && make_folder(g->dir[c], g->version) != 0)
            return error_set(err, ERR_IO, "cannot make the cgroup %s: %s", g->dir[c],
                             strerror(errno));
    return 0;
}

/* In version 2 the first is all of them. */
static void hold(const struct cgroup *g)
{
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        held.at[c] = is_first(g, c)         ? open(g->dir[c], O_PATH | O_DIRECTORY | O_CLOEXEC)
                     : g->dir[c][0] == '\0' ? -1
                                            : held.at[c - 1];
    held.of = *g;
}

static void let_go(void)
{
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        if (is_first(&held.of, c) && held.at[c] >= 0)
            close(held.at[c]);
    held.of = (struct cgroup){0};
}

int cgroup_make(const struct cgroup *g, const struct cgroup_limits *limits, struct error *err)
{
    let_go();
    if (make_folders(g, err) != 0)
        goto undo;
    hold(g);
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
        const struct setting *s = &settings[i];
        char text[64];
        if (s->version != g->version || g->dir[s->controller][0] == '\0' || !s->text(limits, text))
            continue;
        if (put(g->dir[s->controller], s->file, text) != 0 && !s->optional) {
            error_set(err, ERR_IO, "cannot write %s to the cgroup's %s: %s", text, s->file,
                      strerror(errno));
            goto undo;
        }
    }
    return 0;
undo:
    let_go();
    cgroup_remove(g);
    return -1;
}

/* Of one thread no other can be left behind: version 1 need not stop all forks and ends of the
 * machine meanwhile. */
int cgroup_enter(const struct cgroup *g)
{
    const char *file = g->version == 1 ? "tasks" : "cgroup.procs";
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        if (is_first(g, c) && put(g->dir[c], file, "0") != 0)
            return -1;
    return 0;
}

/* ---- a process inside */

#define SPAWN (CLONE_VM | CLONE_VFORK)

struct birth {
    cgroup_child *child;
    void *data;
};

/* The child's: ours is not to be written to meanwhile. What it does not need takes no memory. */
static _Alignas(16) char stack[256 << 10];

static int be_born_outside(void *data)
{
    struct birth *b = data;
    b->child(b->data, false);
    return 127;
}

#if defined(__x86_64__)
static void be_born_inside(struct birth *b)
{
    b->child(b->data, true);
    _exit(127);
}

/* What clone(2) does for clone3(2), which libc has no function for: the child begins on its own
 * stack, with a call that does not return. */
static pid_t spawn_inside(int dir, struct birth *b)
{
    struct clone_args args = {.flags = CLONE_INTO_CGROUP | SPAWN,
                              .exit_signal = SIGCHLD,
                              .stack = (uintptr_t)stack,
                              .stack_size = sizeof(stack),
                              .cgroup = (uint64_t)dir};
    register void (*begin)(struct birth *) __asm__("r8") = be_born_inside;
    register struct birth *birth __asm__("r9") = b;
    long pid = SYS_clone3;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r9, %%rdi\n\t"
                     "call *%%r8\n"
                     "1:"
                     : "+a"(pid)
                     : "D"(&args), "S"(sizeof(args)), "r"(begin), "r"(birth)
                     : "rcx", "r11", "memory", "cc");
    return pid < 0 ? -1 : (pid_t)pid;
}
#else
static pid_t spawn_inside(int dir, struct birth *b)
{
    (void)dir;
    (void)b;
    return -1;
}
#endif

pid_t cgroup_spawn(const struct cgroup *g, cgroup_child *child, void *data)
{
    struct birth b = {child, data};
    int dir = g->version == 2 ? open_in(g->dir[0], ".", O_PATH | O_DIRECTORY) : -1;
    pid_t pid = dir >= 0 ? spawn_inside(dir, &b) : -1;
    if (dir >= 0)
        close(dir);
    return pid >= 0 ? pid : clone(be_born_outside, stack + sizeof(stack), SPAWN | SIGCHLD, &b);
}

int cgroup_oom_event(const struct cgroup *g)
{
    const char *dir = g->dir[CGROUP_MEMORY];
    if (g->version != 1 || dir[0] == '\0')
        return -1;
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int control = open_in(dir, "memory.oom_control", O_RDONLY);
    char text[32];
    snprintf(text, sizeof(text), "%d %d", event, control);
    if (event < 0 || control < 0 || put(dir, "cgroup.event_control", text) != 0) {
        if (event >= 0)
            close(event);
        event = -1;
    }
    if (control >= 0)
        close(control);
    return event;
}

bool cgroup_oom(const struct cgroup *g)
{
    const char *file = g->version == 1 ? "memory.oom_control" : "memory.events";
    return g->dir[CGROUP_MEMORY][0] != '\0' &&
           get_keyed(g->dir[CGROUP_MEMORY], file, "oom_kill") > 0;
}

static int open_peak(const char *dir, int version)
{
    return open_in(dir, version == 1 ? "memory.max_usage_in_bytes" : "memory.peak", O_RDONLY);
}

int64_t cgroup_peak_read(int fd)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return strtoll(text, NULL, 10);
}

int64_t cgroup_mem_peak(const struct cgroup *g)
{
    int fd = g->dir[CGROUP_MEMORY][0] != '\0' ? open_peak(g->dir[CGROUP_MEMORY], g->version) : -1;
    int64_t peak = cgroup_peak_read(fd);
    if (fd >= 0)
        close(fd);
    return peak;
}

int cgroup_peak_open(int64_t pid, const char *part)
{
    struct mounts mounts;
    char number[24], path[CGROUP_PATH_SIZE], dir[CGROUP_PATH_SIZE];
    mounts_read(&mounts);
    snprintf(number, sizeof(number), "%" PRId64, pid);
    bool v1 = mounts.v1[CGROUP_MEMORY][0] != '\0';
    if (!path_of(number, v1 ? names[CGROUP_MEMORY] : NULL, path, sizeof(path)) ||
        strstr(path, part) == NULL ||
        !join(dir, v1 ? mounts.v1[CGROUP_MEMORY] : mounts.v2, path, ""))
        return -1;
    return open_peak(dir, v1 ? 1 : 2);
}

size_t cgroup_signal(const struct cgroup *g, int sig)
{
    int c = 0;
    if (sig == SIGKILL && g->dir[CGROUP_PIDS][0] != '\0')
        put(g->dir[CGROUP_PIDS], "pids.max", "0"); /* who dies may not be replaced meanwhile */
    while (c < CGROUP_CONTROLLERS && g->dir[c][0] == '\0')
        c++;
    if (c == CGROUP_CONTROLLERS)
        return 0;
    int fd = open_in(g->dir[c], "cgroup.procs", O_RDONLY);
    if (fd < 0)
        return 0;
    size_t n = 0;
    char text[4096];
    pid_t pid = 0;
    for (ssize_t got; (got = read(fd, text, sizeof(text))) > 0;)
        for (ssize_t i = 0; i < got; i++) {
            if (text[i] != '\n') {
                pid = pid * 10 + (text[i] - '0');
                continue;
            }
            if (pid > 0)
                kill(pid, sig);
            n++;
            pid = 0;
        }
    close(fd);
    return n;
}

bool cgroup_remove(const struct cgroup *g)
{
    bool gone = true;
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        if (is_first(g, c) && rmdir(g->dir[c]) != 0 && errno != ENOENT)
            gone = false;
    if (gone && held_at(g->dir[0]) >= 0)
        let_go();
    return gone;
}

/* ---- in a record */

static const char *const keys[CGROUP_CONTROLLERS] = {"cgroup_cpu", "cgroup_memory", "cgroup_pids"};

void cgroup_put(const struct cgroup *g, struct fields *f)
{
    fields_put_int(f, "cgroup_version", g->version);
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        if (g->dir[c][0] != '\0')
            fields_put(f, keys[c], g->dir[c]);
}

void cgroup_take(struct cgroup *g, const struct fields *f)
{
    *g = (struct cgroup){.version = (int)fields_int(f, "cgroup_version", 0)};
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        fields_get(f, keys[c], g->dir[c], sizeof(g->dir[c]));
}
