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

_Noreturn static void fail(int error_fd, const char *what, const char *which)
{
    struct child_error e = {0};
    char quoted[96];
    int why = errno;
    snprintf(e.text, sizeof(e.text), "%s%s%s: %s", what, which != NULL ? " " : "",
             which != NULL ? str_quote(quoted, sizeof(quoted), which, strlen(which)) : "",
             strerror(why));
    (void)!write(error_fd, &e, sizeof(e));
    _exit(127);
}

static void default_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The agent may be protected from the OOM killer; its tasks are not. */
static void default_oom_score(void)
{
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    char text[16] = "";
    if (fd < 0)
        return;
    if (read(fd, text, sizeof(text) - 1) > 0 && text[0] == '-')
        (void)!write(fd, "0", 1);
    close(fd);
}

static void plug(int in_fd, int out_fd, int err_fd, int error_fd)
{
    if (in_fd < 0 || dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(err_fd, 2) < 0)
        fail(error_fd, "cannot set up its input and output", NULL);
}

/* Its session's, and its user's: programs open it again by its name. */
static void take_terminal(const struct order *o, int terminal, int error_fd)
{
    if (ioctl(terminal, TIOCSCTTY, 0) != 0 ||
        (o->switch_user && fchown(terminal, o->uid, (gid_t)-1) != 0))
        fail(error_fd, "cannot take its terminal", NULL);
    plug(terminal, terminal, terminal, error_fd);
}

/* ---- mounts of its own, which nobody else sees and which go with it */

static void mount_read_only(const char *from, const char *to, int error_fd)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    int tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0 ||
        mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) != 0 ||
        move_mount(tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        fail(error_fd, "cannot mount read-only:", from);
    close(tree);
}

static void mount_all(const struct order *o, int error_fd)
{
    if (o->binds == NULL || o->binds[0] == NULL)
        return;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        fail(error_fd, "cannot mount anything read-only, which takes root or CAP_SYS_ADMIN", NULL);
    for (size_t i = 0; o->binds[i] != NULL; i += 2)
        mount_read_only(o->binds[i], o->binds[i + 1], error_fd);
}

/* With its uppermost folder, which need not be that of all the mounts. A task that has just ended
 * has none left. */
static void see_mounts_of(pid_t task, int error_fd)
{
    char root[32];
    if (task == 0)
        return;
    snprintf(root, sizeof(root), "/proc/%d/root", (int)task);
    int pidfd = pidfd_open(task, 0), folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (pidfd < 0 || folder < 0 || setns(pidfd, CLONE_NEWNS) != 0 || fchdir(folder) != 0 ||
        chroot(".") != 0)
        fail(error_fd, "cannot see the task's mounts", NULL);
    close(pidfd);
    close(folder);
}

static void set_rlimits(const struct order *o, int error_fd)
{
    for (unsigned i = 0; i < o->rlimits_n; i++) {
        struct rlimit limit = {o->rlimits[i].soft, o->rlimits[i].hard};
        if (setrlimit((__rlimit_resource_t)o->rlimits[i].resource, &limit) != 0)
            fail(error_fd, "cannot set a resource limit", NULL);
    }
}

static void become_user(const struct order *o, int error_fd)
{
    if (!o->switch_user)
        return;
    int groups = o->user != NULL ? initgroups(o->user, o->gid) : setgroups(0, NULL);
    if (groups != 0 || setgid(o->gid) != 0 || setuid(o->uid) != 0)
        fail(error_fd, "cannot become the user", o->user);
}

void child_exec(const struct order *o, int out_fd, int err_fd, int error_fd, bool inside,
                bool bound)
{
    char go;
    default_signals();
    default_oom_score();
    setsid();
    umask(022);
    if (o->tty)
        take_terminal(o, out_fd, error_fd);
    else
        plug(open("/dev/null", O_RDONLY | O_CLOEXEC), out_fd, err_fd, error_fd);
    if (!inside && cgroup_enter(&o->cgroup) != 0 && o->kind == ORDER_TASK)
        fail(error_fd, "cannot enter its cgroup", NULL);
    set_rlimits(o, error_fd);
    see_mounts_of(o->mounts_of, error_fd);
    if (chdir(o->cwd) != 0) /* before: the way there may be closed to the user */
        fail(error_fd, "cannot enter the folder", o->cwd);
    mount_all(o, error_fd);
    become_user(o, error_fd);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    if (bound) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* after the change of user, which takes it off */
        if (read(error_fd, &go, 1) != 1)
            _exit(127);
    }
    environ = (char **)o->env;
    execvp(o->argv[0], o->argv);
    fail(error_fd, "cannot run", o->argv[0]);
}
