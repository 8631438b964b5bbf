#include "executor/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "executor/child.h"
#include "executor/order.h"
#include "executor/processes.h"
#include "executor/supervisor.h"

#define BIG_FRAME (64 << 10) /* its pages are given back at once */

struct helper { /* pid 0: a free place */
    pid_t pid;
    uint32_t id;
    int output; /* the read end of its pipe */
    int64_t deadline;
    bool timed_out;
    size_t tail_n;
    char tail[sizeof(((struct reply *)0)->text)]; /* the end of what it printed */
};

static struct { /* of the launcher process only */
    int socket, signals, lull;
    pid_t (*fork)(void);
    cgroup_spawner *spawn;
    char *frame; /* ORDER_ROOM, mapped */
    struct helper helpers[LIMIT_HELPERS];
    unsigned helpers_n;
} launcher;

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* With all of its session; right after the fork it may not lead one yet. */
static void kill_helper(const struct helper *h)
{
    if (kill(-h->pid, SIGKILL) != 0)
        kill(h->pid, SIGKILL);
}

_Noreturn static void quit(void)
{
    for (size_t i = 0; i < LIMIT_HELPERS && launcher.helpers_n > 0; i++)
        if (launcher.helpers[i].pid != 0)
            kill_helper(&launcher.helpers[i]);
    _exit(0);
}

/* A descriptor goes with the first byte. */
static ssize_t send_part(const char *p, size_t n, int fd)
{
    union {
        struct cmsghdr head; /* aligns it */
        char bytes[CMSG_SPACE(sizeof(int))];
    } with = {0};
    struct iovec part = {(void *)p, n};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        with.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&with.head), &fd, sizeof(fd));
        m.msg_control = &with;
        m.msg_controllen = sizeof(with.bytes);
    }
    return sendmsg(launcher.socket, &m, MSG_NOSIGNAL);
}

/* With `fd`, unless it is -1 or too many are on their way. */
static void answer_with(const struct reply *r, int fd)
{
    const char *p = (const char *)r;
    for (size_t n = sizeof(*r); n > 0;) {
        ssize_t done = send_part(p, n, fd);
        if (done < 0 && errno == ETOOMANYREFS)
            fd = -1;
        else if (done <= 0 && errno != EINTR)
            quit();
        if (done <= 0)
            continue;
        p += done;
        n -= (size_t)done;
        fd = -1;
    }
}

static void answer(const struct reply *r)
{
    answer_with(r, -1);
}

static void refuse(uint32_t id, const char *text)
{
    struct reply r = {.kind = REPLY_FAILED, .id = id};
    str_copy(r.text, sizeof(r.text), text);
    answer(&r);
}

static void refuse_errno(uint32_t id, const char *what)
{
    char text[128];
    snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
    refuse(id, text);
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* ---- tasks */

static void start_task(const struct order *o)
{
    int ends[2] = {-1, -1}; /* the agent's and the supervisor's */
    int folder = open(o->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 && faccessat(folder, "record", F_OK, 0) == 0) {
        close(folder);
        refuse(o->id, "The task was started before");
        return;
    }
    bool paired = folder >= 0 &&
                  socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
    uint64_t before = processes_tick();
    pid_t pid = paired ? launcher.fork() : -1;
    if (pid == 0)
        supervisor_run(&(struct supervisor_start){.order = o,
                                                  .folder_fd = folder,
                                                  .agent_fd = ends[1],
                                                  .lull_fd = launcher.lull,
                                                  .before = before,
                                                  .spawn = launcher.spawn});
    if (pid > 0)
        answer_with(&(struct reply){.kind = REPLY_FORKED, .id = o->id, .pid = pid}, ends[0]);
    else
        refuse_errno(o->id, folder < 0 ? "cannot open the task's folder"
                            : !paired  ? "cannot make a socket"
                                       : "cannot fork");
    close_all((const int[]){ends[0], ends[1], folder}, 3);
}

/* ---- helpers */

static struct helper *free_place(void)
{
    for (size_t i = 0; i < LIMIT_HELPERS; i++)
        if (launcher.helpers[i].pid == 0)
            return &launcher.helpers[i];
    return NULL;
}

static void start_helper(const struct order *o)
{
    int output[2];
    struct helper *h = free_place();
    if (h == NULL) {
        refuse(o->id, "too many checks and helper commands run at once");
        return;
    }
    if (pipe2(output, O_CLOEXEC) != 0) {
        refuse_errno(o->id, "cannot make a pipe");
        return;
    }
    pid_t pid = launcher.fork();
    if (pid == 0)
        child_exec(&(struct child){.order = o, .out_fd = output[1], .err_fd = output[1]});
    close(output[1]);
    if (pid < 0) {
        close(output[0]);
        refuse_errno(o->id, "cannot fork");
        return;
    }
    fcntl(output[0], F_SETFL, O_NONBLOCK);
    *h = (struct helper){.pid = pid,
                         .id = o->id,
                         .output = output[0],
                         .deadline = o->timeout_ms > 0 ? now_ms() + o->timeout_ms : INT64_MAX};
    launcher.helpers_n++;
}

static void cancel_helper(const struct order *o)
{
    for (size_t i = 0; i < LIMIT_HELPERS; i++)
        if (launcher.helpers[i].pid != 0 && launcher.helpers[i].id == o->id)
            kill_helper(&launcher.helpers[i]);
}

static void keep_tail(struct helper *h, const char *bytes, size_t n)
{
    size_t room = sizeof(h->tail) - 1;
    size_t drop = h->tail_n + n > room ? h->tail_n + n - room : 0;
    if (drop > h->tail_n) {
        bytes += drop - h->tail_n;
        n -= drop - h->tail_n;
        drop = h->tail_n;
    }
    memmove(h->tail, h->tail + drop, h->tail_n - drop);
    memcpy(h->tail + h->tail_n - drop, bytes, n);
    h->tail_n += n - drop;
}

static void read_output(struct helper *h)
{
    char bytes[4096];
    ssize_t n = read(h->output, bytes, sizeof(bytes));
    if (n > 0)
        keep_tail(h, bytes, (size_t)n);
    if (n > 0 || (n < 0 && errno == EAGAIN))
        return;
    close(h->output);
    h->output = -1;
}

static void end_helper(struct helper *h, int status)
{
    kill(-h->pid, SIGKILL); /* what it left in its session */
    while (h->output >= 0 && poll(&(struct pollfd){.fd = h->output, .events = POLLIN}, 1, 0) > 0)
        read_output(h);
    if (h->output >= 0)
        close(h->output);
    struct reply r = {.kind = REPLY_ENDED, .id = h->id, .timed_out = h->timed_out};
    r.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    r.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    memcpy(r.text, h->tail, h->tail_n);
    *h = (struct helper){0};
    launcher.helpers_n--;
    answer(&r);
}

static void reap(void)
{
    struct signalfd_siginfo info;
    int status;
    (void)!read(launcher.signals, &info, sizeof(info));
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (size_t i = 0; i < LIMIT_HELPERS; i++)
            if (launcher.helpers[i].pid == pid)
                end_helper(&launcher.helpers[i], status);
}

static void end_late_helpers(void)
{
    int64_t now = now_ms();
    for (size_t i = 0; i < LIMIT_HELPERS && launcher.helpers_n > 0; i++) {
        struct helper *h = &launcher.helpers[i];
        if (h->pid == 0 || h->deadline > now)
            continue;
        h->timed_out = true;
        h->deadline = INT64_MAX;
        kill_helper(h);
    }
}

/* ---- orders */

static void read_exactly(char *p, size_t n)
{
    while (n > 0) {
        ssize_t got = recv(launcher.socket, p, n, MSG_WAITALL);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            quit();
        p += got;
        n -= (size_t)got;
    }
}

static void (*const carry_out[])(const struct order *o) = {
    [ORDER_TASK] = start_task,
    [ORDER_HELPER] = start_helper,
    [ORDER_CANCEL] = cancel_helper,
};

static void read_order(void)
{
    uint32_t len;
    struct order o;
    struct error err;
    read_exactly((char *)&len, sizeof(len));
    if (len > LIMIT_ORDER_BYTES)
        quit();
    read_exactly(launcher.frame, len);
    if (order_unpack(launcher.frame, len, &o, &err) != 0)
        quit();
    carry_out[o.kind](&o);
    if (len > BIG_FRAME)
        madvise(launcher.frame, ORDER_ROOM, MADV_DONTNEED);
}

static int next_deadline(void) /* for poll(2) */
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < LIMIT_HELPERS && launcher.helpers_n > 0; i++)
        if (launcher.helpers[i].pid != 0 && launcher.helpers[i].deadline < first)
            first = launcher.helpers[i].deadline;
    if (first == INT64_MAX)
        return -1;
    int64_t wait = first - now_ms();
    return wait < 0 ? 0 : wait > INT32_MAX ? INT32_MAX : (int)wait;
}

static void await(struct pollfd *polls, struct helper **of, nfds_t n)
{
    polls[0] = (struct pollfd){.fd = launcher.socket, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = launcher.signals, .events = POLLIN};
    if (poll(polls, n, next_deadline()) < 0 && errno != EINTR)
        quit();
    for (nfds_t i = 2; i < n; i++)
        if (polls[i].revents != 0)
            read_output(of[i - 2]);
    if (polls[1].revents != 0)
        reap();
    if (polls[0].revents != 0)
        read_order();
    end_late_helpers();
}

/* The pages of our stack are copied for each supervisor: while there are only those, they are few.
 */
static __attribute__((noinline)) void turn_with_helpers(void)
{
    struct pollfd polls[2 + LIMIT_HELPERS];
    struct helper *of[LIMIT_HELPERS];
    nfds_t n = 2;
    for (size_t i = 0; i < LIMIT_HELPERS && launcher.helpers_n > 0; i++) {
        if (launcher.helpers[i].pid == 0 || launcher.helpers[i].output < 0)
            continue;
        of[n - 2] = &launcher.helpers[i];
        polls[n++] = (struct pollfd){.fd = launcher.helpers[i].output, .events = POLLIN};
    }
    await(polls, of, n);
}

static void turn(void)
{
    if (launcher.helpers_n > 0)
        turn_with_helpers();
    else
        await((struct pollfd[2]){0}, NULL, 2);
}

/* Out of the terminal's and the agent's reach: only the socket ends it. */
static void detach(void)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    launcher.socket = fcntl(launcher.socket, F_DUPFD_CLOEXEC, 3);
    launcher.lull = fcntl(launcher.lull, F_DUPFD_CLOEXEC, 3);
    for (int fd = 0; fd < 3; fd++) {
        dup2(fd == 0 ? in : out, fd);
        fcntl(fd, F_SETFD, 0); /* should it have been free */
    }
    fds_keep_only((const int[]){launcher.socket, launcher.lull}, 2);
    setsid();
    (void)!chdir("/");
    prctl(PR_SET_NAME, "mesolith-launch");
    process_title("mesolith: launcher");
    boot_id((char[BOOT_ID_SIZE]){0}); /* known from here on */
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_SETMASK, &set, NULL);
    child_ancestor();
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

_Noreturn static void run(int socket_fd, int lull, uint64_t before,
                          const struct launcher_options *options)
{
    processes_try_ticks(before);
    launcher.socket = socket_fd;
    launcher.lull = lull;
    launcher.fork = options->fork != NULL ? options->fork : _Fork;
    launcher.spawn = options->spawn != NULL ? options->spawn : cgroup_spawn;
    detach();
    launcher.signals = open_signals();
    launcher.frame =
        mmap(NULL, ORDER_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (launcher.signals < 0 || launcher.frame == MAP_FAILED)
        _exit(1);
    for (;;)
        turn();
}

int launcher_fork(const struct launcher_options *options, struct launcher *launcher_out,
                  struct error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set(err, ERR_IO, "cannot make the launcher's socket: %s", strerror(errno));
    const int fds[] = {ends[0], ends[1], eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};
    uint64_t before = processes_tick();
    pid_t pid = fds[2] >= 0 ? fork() : -1;
    if (pid < 0) {
        error_set(err, ERR_IO, "cannot fork the launcher: %s", strerror(errno));
        close_all(fds, 3);
        return -1;
    }
    if (pid == 0) {
        close(ends[0]);
        run(ends[1], fds[2], before, options != NULL ? options : &(struct launcher_options){0});
    }
    close(ends[1]);
    *launcher_out = (struct launcher){.pid = pid, .fd = ends[0], .lull = fds[2]};
    return 0;
}
