#include "executor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "executor/exec_line.h"

_Noreturn static void fail(const struct child *c, const char *what, const char *which)
{
    char text[CHILD_ERROR_SIZE];
    char quoted[96];
    int why = errno;
    snprintf(text, sizeof(text), "%s%s%s: %s", what, which != NULL ? " " : "",
             which != NULL ? str_quote(quoted, sizeof(quoted), which, strlen(which)) : "",
             strerror(why));
    if (c->error != NULL)
        str_copy(c->error, CHILD_ERROR_SIZE, text);
    else
        (void)!write(c->err_fd, text, strlen(text));
    _exit(127);
}

static const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};

static void handle_ignored(void (*how)(int))
{
    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
        signal(ignored[i], how);
}

static void default_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    handle_ignored(SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool oom_protected; /* we are, and what descends from us */

static bool is_oom_protected(void)
{
    int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    char text[16] = "";
    bool told = fd >= 0 && read(fd, text, sizeof(text) - 1) > 0;
    if (fd >= 0)
        close(fd);
    return told && text[0] == '-';
}

/* The agent may be protected from the OOM killer; its tasks are not. */
static void default_oom_score(void)
{
    int fd = oom_protected ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    (void)!write(fd, "0", 1);
    close(fd);
}

void child_ancestor(void)
{
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    handle_ignored(SIG_IGN);
    oom_protected = is_oom_protected();
}

static void plug(const struct child *c, int in_fd, int out_fd, int err_fd)
{
    if (in_fd < 0 || dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(err_fd, 2) < 0)
        fail(c, "cannot set up its input and output", NULL);
}

/* Its session's, and its user's: programs open it again by its name. */
static void take_terminal(const struct child *c, int terminal)
{
    const struct order *o = c->order;
    if (ioctl(terminal, TIOCSCTTY, 0) != 0 ||
        (o->switch_user && fchown(terminal, o->uid, (gid_t)-1) != 0))
        fail(c, "cannot take its terminal", NULL);
    plug(c, terminal, terminal, terminal);
}

/* ---- mounts of its own, which nobody else sees and which go with it */

static void mount_read_only(const struct child *c, const char *from, const char *to)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    int tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0 ||
        mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) != 0 ||
        move_mount(tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        fail(c, "cannot mount read-only:", from);
    close(tree);
}

static void mount_all(const struct child *c)
{
    const struct order *o = c->order;
    if (o->binds == NULL || o->binds[0] == NULL)
        return;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        fail(c, "cannot mount anything read-only, which takes root or CAP_SYS_ADMIN", NULL);
    for (size_t i = 0; o->binds[i] != NULL; i += 2)
        mount_read_only(c, o->binds[i], o->binds[i + 1]);
}

/* With its uppermost folder, which need not be that of all the mounts. A task that has just ended
 * has none left. */
static void see_mounts_of(const struct child *c, pid_t task)
{
    char root[32];
    if (task == 0)
        return;
    snprintf(root, sizeof(root), "/proc/%d/root", (int)task);
    int pidfd = pidfd_open(task, 0), folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (pidfd < 0 || folder < 0 || setns(pidfd, CLONE_NEWNS) != 0 || fchdir(folder) != 0 ||
        chroot(".") != 0)
        fail(c, "cannot see the task's mounts", NULL);
    close(pidfd);
    close(folder);
}

static void set_rlimits(const struct child *c)
{
    const struct order *o = c->order;
    for (unsigned i = 0; i < o->rlimits_n; i++) {
        struct rlimit limit = {o->rlimits[i].soft, o->rlimits[i].hard};
        if (setrlimit((__rlimit_resource_t)o->rlimits[i].resource, &limit) != 0)
            fail(c, "cannot set a resource limit", NULL);
    }
}

static void become_user(const struct child *c)
{
    const struct order *o = c->order;
    if (!o->switch_user)
        return;
    int groups = o->user != NULL ? initgroups(o->user, o->gid) : setgroups(0, NULL);
    if (groups != 0 || setgid(o->gid) != 0 || setuid(o->uid) != 0)
        fail(c, "cannot become the user", o->user);
}

/* The first of them from `least` on; -1: none. */
static int next_kept(const int *kept, size_t n, int least)
{
    int next = -1;
    for (size_t i = 0; i < n; i++)
        if (kept[i] >= least && (next < 0 || kept[i] < next))
            next = kept[i];
    return next;
}

void fds_keep_only(const int *kept, size_t n)
{
    int from = 3;
    for (int fd; (fd = next_kept(kept, n, from)) >= 0; from = fd + 1)
        if (fd > from)
            close_range((unsigned)from, (unsigned)fd - 1, 0);
    close_range((unsigned)from, ~0u, 0);
}

static bool is_shell_line(char *const *argv)
{
    return str_eq(argv[0], "/bin/sh") && argv[1] != NULL && str_eq(argv[1], "-c") &&
           argv[2] != NULL && argv[3] == NULL;
}

/* Would a shell change it? It puts PWD right, and sets what else is for itself alone. */
static bool is_as_a_shell_leaves_it(const struct order *o)
{
    static const char *const own[] = {"IFS=", "OPTIND=", "PPID=", "SHELLOPTS=", "BASHOPTS="};
    const char *pwd = getenv("PWD");
    for (size_t i = 0; o->env[i] != NULL; i++)
        for (size_t k = 0; k < sizeof(own) / sizeof(*own); k++)
            if (str_starts(o->env[i], own[k]))
                return false;
    return pwd != NULL && str_eq(pwd, o->cwd);
}

/* Not execvp(3), which makes a script of whatever the kernel does not know, be it a program for
 * another machine. Returns where a shell should say what is wrong, or look closer. */
static void exec_found(char *const *argv)
{
    char path[512];
    const char *dir = getenv("PATH");
    if (strchr(argv[0], '/') != NULL) {
        execv(argv[0], argv);
        return;
    }
    while (dir != NULL) {
        size_t len = strcspn(dir, ":");
        int n =
            snprintf(path, sizeof(path), "%.*s%s%s", (int)len, dir, len > 0 ? "/" : "", argv[0]);
        if (n >= (int)sizeof(path))
            return;
        execv(path, argv);
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return;
        dir = dir[len] != '\0' ? dir + len + 1 : NULL;
    }
}

/* A shell that would only become another program is a third of what it costs to begin, and not
 * needed. */
static void become_at_once(const struct order *o)
{
    struct exec_line line;
    if (is_shell_line(o->argv) && exec_line_take(o->argv[2], &line) && is_as_a_shell_leaves_it(o))
        exec_found(line.argv);
}

void child_exec(const struct child *c)
{
    const struct order *o = c->order;
    default_signals();
    default_oom_score();
    setsid();
    umask(022);
    if (o->tty)
        take_terminal(c, c->out_fd);
    else
        plug(c, 0, c->out_fd, c->err_fd); /* its input is the launcher's: none */
    if (!c->inside && cgroup_enter(&o->cgroup) != 0 && o->kind == ORDER_TASK)
        fail(c, "cannot enter its cgroup", NULL);
    set_rlimits(c);
    see_mounts_of(c, o->mounts_of);
    if (chdir(o->cwd) != 0) /* before: the way there may be closed to the user */
        fail(c, "cannot enter the folder", o->cwd);
    mount_all(c);
    become_user(c);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    if (c->bound_to != 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* after the change of user, which takes it off */
        if (getppid() != c->bound_to)
            _exit(127);
    }
    environ = (char **)o->env;
    become_at_once(o);
    execvp(o->argv[0], o->argv);
    fail(c, "cannot run", o->argv[0]);
}
