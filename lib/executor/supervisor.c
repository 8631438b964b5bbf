#include "executor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "executor/child.h"
#include "executor/fields.h"
#include "executor/processes.h"
#include "executor/rotate.h"
#include "net/loop.h"

enum state { STARTING, RUNNING, STOPPING, KILLING, SWEEPING };

enum slot { SIGNALS, LULL, LISTEN, OUT, ERR, OOM, CLIENT };
#define CLIENTS 4
#define SLOTS (CLIENT + CLIENTS)
#define BACKLOG 8
#define KILL_AGAIN_MS 20 /* at first; twice as long each time, for those that cannot die yet */
#define KILL_AGAIN_MS_MAX 1000
#define EXIT_TRIES 600 /* a second apart, for a disk that is full in spite of fields_reserve() */
#define NO_DEADLINE INT64_MAX

struct supervisor {
    const struct order *order;
    int folder_fd, lull_fd;
    cgroup_spawner *spawn;
    enum state state;
    int64_t deadline; /* when the state needs another step */
    int64_t sweep_end;
    int64_t again_ms;
    int64_t ended_ms; /* by the wall; 0: not yet */
    struct pollfd polls[SLOTS];
    struct rotate out, err;
    struct process self, child;     /* child.pid 0: never forked */
    int status;                     /* the child's, once reaped */
    bool begun, killed, oom;        /* begun: exec has happened; killed: by order */
    bool removed;                   /* the cgroup is */
    uint64_t before;                /* the processes_tick() before its fork */
    int64_t mem_peak;               /* of the cgroup, once nobody is left; 0: not known */
    char failure[CHILD_ERROR_SIZE]; /* why it was not started, or "" */
    struct fields record;
    char bytes[16 << 10];
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static int64_t wall_ms(void)
{
    struct clock clock = clock_system();
    return clock.wall(&clock).ms;
}

static void slot_open(struct supervisor *s, int slot, int fd)
{
    s->polls[slot] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void slot_close(struct supervisor *s, int slot)
{
    if (s->polls[slot].fd >= 0)
        close(s->polls[slot].fd);
    s->polls[slot] = (struct pollfd){.fd = -1};
}

/* ---- ending */

static void await_lull(struct supervisor *s)
{
    slot_open(s, LULL, s->lull_fd);
    s->deadline = now_ms() + LIMIT_LULL_MS;
}

static void kill_now(struct supervisor *s);

static int listen_in(int folder)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/sup.sock", folder);
    if (fd < 0 || (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, BACKLOG) == 0))
        return fd;
    close(fd);
    return -1;
}

/* Who cannot reach us finds us by the record. */
static void listen_for_agents(struct supervisor *s)
{
    if (s->polls[LISTEN].fd < 0)
        slot_open(s, LISTEN, listen_in(s->folder_fd));
}

/* What nobody needs before others have begun, or at all, if it has ended by then. */
static void settle(struct supervisor *s)
{
    listen_for_agents(s);
    process_title("mesolith: task %s", s->order->name);
    slot_open(s, OOM, cgroup_oom_event(&s->order->cgroup));
    s->deadline = NO_DEADLINE;
    s->oom = s->polls[OOM].fd >= 0 && cgroup_oom(&s->order->cgroup); /* before we listened */
    if (s->oom)
        kill_now(s);
}

static void on_lull(struct supervisor *s, int slot)
{
    s->polls[slot].fd = -1; /* until we await the next */
    if (s->state == SWEEPING)
        s->deadline = now_ms();
    else
        settle(s);
}

static void note_child(struct supervisor *s)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return;
        if (pid != s->child.pid || s->state == SWEEPING)
            continue; /* what the task left to us */
        s->status = status;
        s->ended_ms = wall_ms();
        s->deadline = now_ms();
        if (s->state == RUNNING && s->lull_fd >= 0) /* by itself: others are to begin first */
            await_lull(s);
        s->sweep_end = s->deadline + LIMIT_SWEEP_MS;
        s->state = SWEEPING;
    }
}

static void signal_all(struct supervisor *s, int sig)
{
    if (cgroup_signal(&s->order->cgroup, sig) == 0)
        processes_signal_below(s->self.pid, sig);
}

static void kill_all(struct supervisor *s)
{
    signal_all(s, SIGKILL);
    s->deadline = now_ms() + s->again_ms;
    s->again_ms = 2 * s->again_ms < KILL_AGAIN_MS_MAX ? 2 * s->again_ms : KILL_AGAIN_MS_MAX;
}

static bool anybody_left(void)
{
    return waitpid(-1, &(int){0}, WNOHANG) != -1 || errno != ECHILD;
}

static void drain(struct supervisor *s, int slot, struct rotate *to)
{
    if (s->polls[slot].fd < 0)
        return;
    ssize_t n = read(s->polls[slot].fd, s->bytes, sizeof(s->bytes));
    if (n > 0)
        rotate_write(to, s->bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        slot_close(s, slot);
}

static void drain_all(struct supervisor *s)
{
    struct pollfd *out = &s->polls[OUT], *err = &s->polls[ERR];
    while (poll(out, 1, 0) > 0 && out->fd >= 0)
        drain(s, OUT, &s->out);
    while (poll(err, 1, 0) > 0 && err->fd >= 0)
        drain(s, ERR, &s->err);
    rotate_close(&s->out);
    rotate_close(&s->err);
}

/* Without a cgroup that counts, the largest process is the best guess at all of them together. */
static void put_usage(const struct supervisor *s, struct fields *f)
{
    struct rusage below;
    if (s->failure[0] != '\0' || getrusage(RUSAGE_CHILDREN, &below) != 0)
        return;
    fields_put_int(f, "mem_peak", s->mem_peak > 0 ? s->mem_peak : below.ru_maxrss * 1024ll);
    fields_put_int(f, "cpu_ms",
                   (below.ru_utime.tv_sec + below.ru_stime.tv_sec) * 1000ll +
                       (below.ru_utime.tv_usec + below.ru_stime.tv_usec) / 1000);
}

_Noreturn static void leave(struct supervisor *s)
{
    struct fields f = {0};
    struct error err;
    struct stat st;
    fields_put_int(&f, "version", SUPERVISOR_VERSION);
    if (s->failure[0] != '\0')
        fields_put(&f, "failure", s->failure);
    else if (WIFSIGNALED(s->status))
        fields_put_int(&f, "signal", WTERMSIG(s->status));
    else
        fields_put_int(&f, "code", WEXITSTATUS(s->status));
    fields_put_int(&f, "killed", s->killed);
    fields_put_int(&f, "oom", s->oom);
    if (s->oom)
        fields_put_int(&f, "mem_limit", s->order->limits.mem_bytes);
    put_usage(s, &f);
    fields_put_int(&f, "ended_ms", s->ended_ms != 0 ? s->ended_ms : wall_ms());
    for (int i = 0; i < 10 && !s->removed && !cgroup_remove(&s->order->cgroup); i++)
        usleep(1000 << i); /* the kernel lets go of the dead a moment later */
    for (int i = 0; i < EXIT_TRIES && fields_save(&f, s->folder_fd, "exit", true, &err) != 0; i++)
        if (fstat(s->folder_fd, &st) != 0 || st.st_nlink == 0)
            break; /* nobody is interested any more */
        else
            sleep(1);
    unlinkat(s->folder_fd, "sup.sock", 0);
    _exit(0);
}

/* Nobody (a command check, say) is in the cgroup where it can be removed; what it says of them all
 * is read before. */
static bool is_cgroup_empty(struct supervisor *s)
{
    const struct cgroup *g = &s->order->cgroup;
    int64_t peak = cgroup_mem_peak(g); /* 0 once it is gone */
    s->oom = s->oom || cgroup_oom(g);
    s->mem_peak = peak > s->mem_peak ? peak : s->mem_peak;
    slot_close(s, OOM); /* a cgroup that goes says so there too */
    s->removed = cgroup_remove(g);
    return s->removed || cgroup_signal(g, 0) == 0;
}

/* Until nobody descends from us, or is in the cgroup. */
static void sweep(struct supervisor *s)
{
    bool left = anybody_left();
    bool empty = is_cgroup_empty(s);
    if ((left || !empty) && now_ms() < s->sweep_end) {
        kill_all(s);
        return;
    }
    drain_all(s);
    leave(s);
}

static void kill_now(struct supervisor *s)
{
    s->state = KILLING;
    kill_all(s);
}

/* A second order may shorten the grace, never lengthen it. */
static void stop(struct supervisor *s, int64_t grace_ms)
{
    int64_t until = grace_ms > 0 ? now_ms() + grace_ms : 0;
    if (s->polls[LULL].fd >= 0) /* what it has left, or is, runs yet */
        on_lull(s, LULL);
    if (s->state > STOPPING)
        return;
    s->killed = true;
    if (until == 0) {
        kill_now(s);
    } else if (s->state != STOPPING) {
        signal_all(s, SIGTERM);
        s->state = STOPPING;
        s->deadline = until;
    } else if (until < s->deadline) {
        s->deadline = until;
    }
}

static void step(struct supervisor *s)
{
    if (now_ms() < s->deadline)
        return;
    if (s->state == SWEEPING)
        sweep(s);
    else if (s->state == RUNNING)
        on_lull(s, LULL);
    else
        kill_now(s);
}

/* ---- what comes in */

static void on_signal(struct supervisor *s, int slot)
{
    struct signalfd_siginfo info;
    if (read(s->polls[slot].fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGTERM) /* the machine goes down */
        stop(s, s->order->grace_ms);
    else if ((int)info.ssi_signo == SUPERVISOR_SIGNAL)
        stop(s, info.ssi_int);
    note_child(s);
}

static void tell(struct supervisor *s, int slot)
{
    if (send(s->polls[slot].fd, s->record.text, s->record.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        slot_close(s, slot);
}

static void on_connection(struct supervisor *s, int slot)
{
    int fd = accept4(s->polls[slot].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    int place = CLIENT;
    while (place < SLOTS - 1 && s->polls[place].fd >= 0)
        place++;
    slot_close(s, place); /* the newest agent wins */
    slot_open(s, place, fd);
    if (s->begun)
        tell(s, place);
}

static void on_packet(struct supervisor *s, int slot)
{
    struct fields f;
    ssize_t n = recv(s->polls[slot].fd, s->bytes, FIELDS_SIZE - 1, MSG_DONTWAIT);
    if (n <= 0) {
        slot_close(s, slot);
        listen_for_agents(s);
        return;
    }
    fields_take(&f, s->bytes, (size_t)n);
    if (fields_has(&f, "kill"))
        stop(s, fields_int(&f, "kill", 0));
}

static void on_out(struct supervisor *s, int slot)
{
    drain(s, slot, &s->out);
}
static void on_err(struct supervisor *s, int slot)
{
    drain(s, slot, &s->err);
}

static void on_oom(struct supervisor *s, int slot)
{
    uint64_t n;
    (void)!read(s->polls[slot].fd, &n, sizeof(n));
    s->oom = true; /* one process may have gone: the others go with it */
    if (s->state < KILLING)
        kill_now(s);
}

static void (*const on_ready[CLIENT])(struct supervisor *s, int slot) = {
    [SIGNALS] = on_signal, [LISTEN] = on_connection, [OUT] = on_out,
    [ERR] = on_err,        [OOM] = on_oom,           [LULL] = on_lull,
};

/* ---- starting */

/* What the launcher is, we are: without a terminal and a folder, and deaf to SIGHUP and its like.
 */
static void detach(const struct supervisor *s, int agent)
{
    fds_keep_only((const int[]){s->folder_fd, agent, s->lull_fd}, 3);
    setpgid(0, 0); /* a session of its own would weigh as much as all tasks (autogroup) */
    prctl(PR_SET_NAME, SUPERVISOR_COMM);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SUPERVISOR_SIGNAL);
    sigprocmask(SIG_SETMASK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_logs(struct supervisor *s, struct error *err)
{
    const struct order *o = s->order;
    int sandbox = open(o->cwd, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sandbox < 0)
        return error_set(err, ERR_IO, "cannot open the sandbox: %s", strerror(errno));
    if (rotate_open(&s->out, sandbox, "stdout", o->log_bytes, o->log_files, err) != 0)
        return -1;
    return rotate_open(&s->err, sandbox, "stderr", o->log_bytes, o->log_files, err);
}

static int make_record(struct supervisor *s, struct error *err)
{
    char boot[BOOT_ID_SIZE];
    struct stat folder;
    struct fields *f = &s->record;
    fields_put_int(f, "version", SUPERVISOR_VERSION);
    fields_put(f, "boot", boot_id(boot));
    fields_put_int(f, "supervisor", s->self.pid);
    fields_put_int(f, "supervisor_started", (int64_t)s->self.started);
    fields_put_int(f, "pid", s->child.pid);
    fields_put_int(f, "pid_started", (int64_t)s->child.started);
    fields_put_int(f, "started_ms", wall_ms());
    if (fstat(s->folder_fd, &folder) == 0) { /* which the record is for: not for a copy of it */
        fields_put_int(f, "folder_dev", (int64_t)folder.st_dev);
        fields_put_int(f, "folder_ino", (int64_t)folder.st_ino);
    }
    cgroup_put(&s->order->cgroup, f);
    if (fields_reserve(s->folder_fd, "exit", err) != 0)
        return -1;
    return fields_write_in_place(f, s->folder_fd, "record", err);
}

/* We write the record and then look for `gone`; an agent that finds nobody writes `gone` and then
 * looks for the record. So at least one of us sees the other, and a program is never started that
 * somebody believes was not. */
static int be_wanted(const struct supervisor *s, struct error *err)
{
    if (faccessat(s->folder_fd, "gone", F_OK, 0) != 0)
        return 0;
    return error_set(err, ERR_CANCELED, "The agent had given this task up before it was started");
}

struct pipes {
    int out[2], err[2];
};

/* A terminal: what the program prints comes at ends[0]. */
static int open_terminal(int ends[2])
{
    char name[64];
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[0] < 0 || grantpt(ends[0]) != 0 || unlockpt(ends[0]) != 0 ||
        ptsname_r(ends[0], name, sizeof(name)) != 0)
        return -1;
    ends[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return ends[1] < 0 ? -1 : 0;
}

/* With a terminal there is no other way for errors. */
static int make_output(bool tty, struct pipes *p)
{
    if (tty)
        return open_terminal(p->out);
    return pipe2(p->out, O_CLOEXEC) != 0 ? -1 : pipe2(p->err, O_CLOEXEC);
}

static int make_pipes(bool tty, struct pipes *p, struct error *err)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}};
    if (make_output(tty, p) != 0)
        return error_set(err, ERR_IO, "cannot make a %s: %s", tty ? "terminal" : "pipe",
                         strerror(errno));
    return 0;
}

static void keep(struct supervisor *s, int slot, int mine, int childs)
{
    if (mine < 0)
        return;
    close(childs);
    fcntl(mine, F_SETFL, O_NONBLOCK);
    slot_open(s, slot, mine);
}

struct task {
    struct supervisor *s;
    const struct pipes *pipes;
};

/* In the supervisor's memory, while that one waits. Once a program has run, its record is there. */
_Noreturn static void become_task(void *data, bool inside)
{
    const struct task *t = data;
    struct supervisor *s = t->s;
    struct error err;
    struct child c = {.order = s->order,
                      .out_fd = t->pipes->out[1],
                      .err_fd = t->pipes->err[1],
                      .error = s->failure,
                      .inside = inside,
                      .bound_to = s->self.pid};
    s->child = process_born(getpid(), s->before);
    if (make_record(s, &err) != 0 || be_wanted(s, &err) != 0) {
        str_copy(s->failure, sizeof(s->failure), err.text);
        _exit(127);
    }
    child_exec(&c);
}

static bool is_lull(const struct supervisor *s) /* or there is none to wait for */
{
    return s->lull_fd < 0 || poll(&(struct pollfd){.fd = s->lull_fd, .events = POLLIN}, 1, 0) > 0;
}

static int start(struct supervisor *s, struct error *err)
{
    struct pipes p;
    if (open_logs(s, err) != 0 || cgroup_make(&s->order->cgroup, &s->order->limits, err) != 0 ||
        make_pipes(s->order->tty, &p, err) != 0)
        return -1;
    s->before = processes_tick();
    pid_t pid = s->spawn(&s->order->cgroup, become_task, &(struct task){s, &p});
    if (pid < 0)
        return error_set(err, ERR_IO, "cannot fork: %s", strerror(errno));
    s->child.pid = pid; /* it may have been killed before it knew */
    keep(s, OUT, p.out[0], p.out[1]);
    keep(s, ERR, p.err[0], p.err[1]);
    s->begun = s->failure[0] == '\0' && s->record.len > 0;
    s->state = RUNNING;
    if (is_lull(s))
        settle(s);
    else
        await_lull(s);
    if (s->begun)
        tell(s, CLIENT);
    return 0;
}

static int time_left(const struct supervisor *s) /* for poll(2) */
{
    int64_t wait = s->deadline - now_ms();
    if (s->deadline == NO_DEADLINE)
        return -1;
    return wait <= 0 ? 0 : wait > INT32_MAX ? INT32_MAX : (int)wait;
}

_Noreturn static void run(struct supervisor *s)
{
    for (;;) {
        if (poll(s->polls, SLOTS, time_left(s)) < 0 && errno != EINTR)
            _exit(1);
        for (int slot = 0; slot < SLOTS; slot++)
            if (s->polls[slot].fd >= 0 && s->polls[slot].revents != 0)
                (slot < CLIENT ? on_ready[slot] : on_packet)(s, slot);
        step(s);
    }
}

static struct supervisor supervisor; /* not on the heap: its pages are all there is */

void supervisor_run(const struct supervisor_start *begin)
{
    struct supervisor *s = &supervisor;
    struct error err;
    s->order = begin->order; /* and all else is zero, in pages that are not there yet */
    s->folder_fd = begin->folder_fd;
    s->lull_fd = begin->order->at_once ? -1 : begin->lull_fd;
    s->spawn = begin->spawn;
    s->deadline = NO_DEADLINE;
    s->again_ms = KILL_AGAIN_MS;
    s->out.fd = s->err.fd = -1;
    for (int slot = 0; slot < SLOTS; slot++)
        s->polls[slot].fd = -1;
    detach(s, begin->agent_fd);
    s->self = process_born(getpid(), begin->before);
    slot_open(s, SIGNALS, open_signals());
    slot_open(s, CLIENT, begin->agent_fd);
    if (start(s, &err) != 0) {
        str_copy(s->failure, sizeof(s->failure), err.text);
        leave(s);
    }
    run(s);
}
