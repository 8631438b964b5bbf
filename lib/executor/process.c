#include "executor/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "executor/fields.h"
#include "executor/processes.h"
#include "executor/supervisor.h"

#define SWEEP_STEP_MS 10
#define LOOK_AGAIN_MS 1000

/*  ORDERED --reply--> CONNECTED --end of file--> SETTLING --> ended
 *      \______________________nobody answers_______/   |  ^
 *                                                      v  | it has died
 *                                                     WATCHED
 *  While ORDERED the launcher has the request; while CONNECTED the poll handle is open; while
 *  SETTLING a thread of libuv's pool looks at what the supervisor has left. A supervisor that does
 *  not answer is not dead: its socket may have been removed, or its places are taken. One that
 * lives is WATCHED, as a process. What cannot be looked at, since there are no files left, say, is
 * UNSURE, and looked at again. */
enum state { ORDERED, CONNECTED, SETTLING, WATCHED, UNSURE };

struct tracked {
    struct process_driver *p;
    struct run *run;
    struct list in_runs;
    enum state state;
    bool told;    /* that it has started */
    int fd;       /* to the supervisor, or the supervisor as a pidfd (WATCHED); -1 */
    int64_t kill; /* the order to end: grace_ms, or -1; of several the shortest */
    struct launch_request request;
    uv_poll_t poll;
    uv_work_t work;
    /* the thread's answer: how it ended, or fd */
    struct run_end end;
    int64_t pid;         /* the program's; 0: not known, or it was never begun */
    bool foreign;        /* the record is another folder's: nobody of it is ours to end */
    struct error unsure; /* code != ERR_NONE: why it could not look */
    bool told_unsure;
};

static void settle(struct tracked *t);

static struct tracked *track(struct process_driver *p, struct run *run)
{
    struct tracked *t = NEW(struct tracked);
    t->p = p;
    t->run = run;
    t->fd = -1;
    t->kill = -1;
    t->request.data = t;
    t->poll.data = t;
    t->work.data = t;
    run->state = t;
    list_push(&p->runs, &t->in_runs);
    return t;
}

static void on_gate_closed(uv_handle_t *gate);

static void leave_when_empty(struct process_driver *p)
{
    if (p->stopped != NULL && list_empty(&p->runs) && !uv_is_closing((uv_handle_t *)&p->gate))
        uv_close((uv_handle_t *)&p->gate, on_gate_closed);
}

static void untrack(struct tracked *t)
{
    struct process_driver *p = t->p;
    list_remove(&t->in_runs);
    t->run->state = NULL;
    mem_free(t);
    leave_when_empty(p);
}

/* ---- the supervisor's socket */

static int connect_in(const char *folder)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/sup.sock", dir);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
        close(fd);
        fd = -1;
    }
    close(dir);
    return fd;
}

static void send_kill(struct tracked *t)
{
    struct fields f = {0};
    fields_put_int(&f, "kill", t->kill);
    if (send(t->fd, f.text, f.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("kill not sent", "task=%s error=\"%s\"", t->run->name, strerror(errno));
}

static void on_unpolled(uv_handle_t *handle)
{
    struct tracked *t = handle->data;
    close(t->fd);
    t->fd = -1;
    if (t->p->stopped != NULL)
        untrack(t);
    else
        settle(t);
}

static void disconnect(struct tracked *t)
{
    if (!uv_is_closing((uv_handle_t *)&t->poll))
        uv_close((uv_handle_t *)&t->poll, on_unpolled);
}

static void poll_start(struct tracked *t, int events, uv_poll_cb on_event)
{
    int rc = uv_poll_init(t->p->loop, &t->poll, t->fd);
    if (rc == 0)
        rc = uv_poll_start(&t->poll, events, on_event);
    ASSERT(rc == 0); /* a socket and a pidfd can be polled, and nobody else polls them */
}

static void tell_started(struct tracked *t, int64_t pid)
{
    if (t->told)
        return;
    t->told = true;
    t->run->pid = pid;
    t->run->started(t->run);
}

static void take_began(struct tracked *t, const struct fields *record)
{
    t->run->began.ms = fields_int(record, "started_ms", 0);
}

static void on_packet(uv_poll_t *poll, int status, int events)
{
    struct tracked *t = poll->data;
    struct fields f;
    char bytes[FIELDS_SIZE];
    (void)events;
    ssize_t n = recv(t->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && status == 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        disconnect(t);
        return;
    }
    fields_take(&f, bytes, (size_t)n);
    if (!fields_has(&f, "pid"))
        return;
    take_began(t, &f);
    tell_started(t, fields_int(&f, "pid", 0));
}

static void attach_by(struct tracked *t, int fd)
{
    t->fd = fd;
    t->state = CONNECTED;
    poll_start(t, UV_READABLE | UV_DISCONNECT, on_packet);
    if (t->kill >= 0)
        send_kill(t);
}

static void attach(struct tracked *t)
{
    int fd = connect_in(t->run->folder);
    if (fd >= 0)
        attach_by(t, fd);
    else
        settle(t);
}

/* ---- a supervisor that does not answer, but lives */

static void signal_kill(struct tracked *t)
{
    siginfo_t info = {0};
    info.si_signo = SUPERVISOR_SIGNAL;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = t->kill < INT32_MAX ? (int)t->kill : INT32_MAX;
    if (pidfd_send_signal(t->fd, SUPERVISOR_SIGNAL, &info, 0) != 0)
        log_debug("kill not sent", "task=%s error=\"%s\"", t->run->name, strerror(errno));
}

static void on_death(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    disconnect(poll->data);
}

/* Whether its program has been started yet nobody says: it is at least about to be. */
static void watch(struct tracked *t)
{
    t->state = WATCHED;
    poll_start(t, UV_READABLE, on_death);
    log_warn("supervisor does not answer", "task=%s and=\"it lives, and is watched\"",
             t->run->name);
    if (t->kill >= 0)
        signal_kill(t);
    tell_started(t, t->pid);
}

/* ---- what is left when nobody answers: all on a thread of the pool */

static void end_from_exit(struct run_end *e, const struct fields *f)
{
    char text[200];
    e->killed = fields_int(f, "killed", 0) != 0;
    e->ended.ms = fields_int(f, "ended_ms", 0);
    e->used = (struct usage){fields_int(f, "mem_peak", 0), fields_int(f, "cpu_ms", 0)};
    if (fields_has(f, "failure"))
        run_end_text(e, END_NOT_STARTED, fields_get(f, "failure", text, sizeof(text)));
    else if (fields_int(f, "oom", 0) != 0)
        run_end_out_of_memory(e, fields_int(f, "mem_limit", 0), fields_int(f, "mem_peak", 0));
    else if (fields_has(f, "signal"))
        run_end_signaled(e, "Command", (int)fields_int(f, "signal", 0));
    else
        run_end_exited(e, "Command", (int)fields_int(f, "code", 0));
}

/* The supervisor is gone without a word: somebody killed it. Its child died with it; what that one
 * had started may live on. */
static void sweep(const struct fields *record)
{
    struct cgroup g;
    struct process child = {.pid = (pid_t)fields_int(record, "pid", 0),
                            .started = (uint64_t)fields_int(record, "pid_started", 0)};
    cgroup_take(&g, record);
    for (int ms = 0; ms < LIMIT_SWEEP_MS; ms += SWEEP_STEP_MS) {
        size_t left = cgroup_signal(&g, SIGKILL);
        left += processes_signal_session(child, SIGKILL);
        if (left == 0 && cgroup_remove(&g))
            return;
        usleep(SWEEP_STEP_MS * 1000);
    }
}

static void end_without_record(struct tracked *t, const struct error *why)
{
    if (why->code != ERR_NOT_FOUND)
        run_end_text(&t->end, END_LOST, why->text);
    else if (t->told || t->run->begun)
        run_end_text(&t->end, END_LOST,
                     "The task's record was removed and its supervisor is dead: how the task ended "
                     "is not known");
    else
        run_end_text(&t->end, END_NEVER,
                     "There is no record that the task was started, and no supervisor of it");
}

/* A record that was copied with its folder is for the one where it was written. Those of before
 * they said which are believed. */
static bool is_copied(const struct fields *record, int folder)
{
    struct stat st;
    return fields_has(record, "folder_ino") && fstat(folder, &st) == 0 &&
           (fields_int(record, "folder_ino", 0) != (int64_t)st.st_ino ||
            fields_int(record, "folder_dev", 0) != (int64_t)st.st_dev);
}

static void end_without_exit(struct tracked *t, int folder)
{
    struct run_end *e = &t->end;
    struct fields record = {0};
    struct error err;
    char boot[BOOT_ID_SIZE], now[BOOT_ID_SIZE];
    if (fields_load(&record, folder, "record", &err) != 0) {
        end_without_record(t, &err);
        return;
    }
    fields_get(&record, "boot", boot, sizeof(boot));
    if (strcmp(boot, boot_id(now)) != 0) {
        run_end_text(e, END_LOST, "The machine was restarted while the task ran");
        return;
    }
    if (t->foreign || is_copied(&record, folder)) {
        run_end_text(e, END_LOST,
                     "The task's folder is a copy: the task is that of the other folder, and goes "
                     "on there if it runs");
        return;
    }
    sweep(&record);
    run_end_text(e, END_LOST, "The task's supervisor was killed, and the task with it");
}

/* What is not there is known not to be; what cannot be read is not. */
static bool is_unsure(struct tracked *t, const struct error *err)
{
    if (err->code != ERR_NOT_FOUND)
        t->unsure = *err;
    return t->unsure.code != ERR_NONE;
}

static bool has_ended(struct tracked *t, int folder)
{
    struct fields f = {0};
    struct error err;
    if (fields_load(&f, folder, "exit", &err) != 0)
        return is_unsure(t, &err);
    end_from_exit(&t->end, &f);
    if (t->end.how != END_NOT_STARTED && fields_load(&f, folder, "record", &err) == 0) {
        t->pid = fields_int(&f, "pid", 0); /* it may have ended before anybody heard of it */
        take_began(t, &f);
    }
    return true;
}

/* A supervisor that lives holds its folder open, wherever that was moved; one that is dying has
 * closed it, a moment before it is dead. */
static bool is_foreign(struct process supervisor, const struct fields *record, int folder)
{
    switch (process_holds(supervisor, folder)) {
    case HELD:
        return false;
    case NOT_HELD:
        return process_alive(supervisor) &&
               (!fields_has(record, "folder_ino") || is_copied(record, folder));
    case HELD_UNKNOWN:
        return is_copied(record, folder);
    }
    UNREACHABLE("there are no others");
}

/* Of whose record is gone too it is found by what it holds open. */
static struct process find_supervisor(struct tracked *t, int folder)
{
    struct fields record = {0};
    struct error err;
    char boot[BOOT_ID_SIZE], now[BOOT_ID_SIZE];
    if (fields_load(&record, folder, "record", &err) != 0)
        return is_unsure(t, &err) ? (struct process){0}
                                  : processes_find_holder(SUPERVISOR_COMM, folder);
    if (strcmp(fields_get(&record, "boot", boot, sizeof(boot)), boot_id(now)) != 0)
        return (struct process){0};
    struct process supervisor = {.pid = (pid_t)fields_int(&record, "supervisor", 0),
                                 .started = (uint64_t)fields_int(&record, "supervisor_started", 0)};
    t->foreign = process_alive(supervisor) && is_foreign(supervisor, &record, folder);
    if (t->foreign)
        return (struct process){0};
    t->pid = fields_int(&record, "pid", 0);
    take_began(t, &record);
    return supervisor;
}

static bool has_supervisor(struct tracked *t, int folder)
{
    struct process supervisor = find_supervisor(t, folder);
    if (t->unsure.code != ERR_NONE || !process_alive(supervisor))
        return t->unsure.code != ERR_NONE;
    t->fd = pidfd_open(supervisor.pid, 0);
    if (t->fd >= 0 && process_alive(supervisor)) /* it is his, not of who got his pid */
        return true;
    if (t->fd < 0 && errno != ESRCH) {
        error_set(&t->unsure, ERR_IO, "cannot watch process %d: %s", (int)supervisor.pid,
                  strerror(errno));
        return true;
    }
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    return false;
}

/* Or unsure. The exit is written before the supervisor dies: once that one is dead, the last look
 * counts. */
static bool is_known(struct tracked *t, int folder)
{
    return has_ended(t, folder) || has_supervisor(t, folder) || has_ended(t, folder);
}

/* An order may still be on its way to a launcher: it must find this (executor/supervisor.c). */
static void give_up(int folder)
{
    int fd = openat(folder, "gone", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

static void on_settle(uv_work_t *work)
{
    struct tracked *t = work->data;
    int folder = open(t->run->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t->unsure.code = ERR_NONE;
    if (folder < 0 && errno != ENOENT && errno != ENOTDIR) {
        error_set(&t->unsure, ERR_IO, "cannot open its folder: %s", strerror(errno));
        return;
    }
    if (folder < 0) {
        run_end_text(&t->end, END_LOST, "The task's folder is gone");
        return;
    }
    if (!is_known(t, folder)) {
        give_up(folder);
        if (!is_known(t, folder))
            end_without_exit(t, folder);
    }
    close(folder);
}

static void on_later(uv_timer_t *gate)
{
    struct process_driver *p = gate->data;
    LIST_EACH (it, &p->runs) {
        struct tracked *t = LIST_ENTRY(it, struct tracked, in_runs);
        if (t->state == UNSURE)
            settle(t);
    }
}

static void look_later(struct tracked *t)
{
    log_event(t->told_unsure ? LOG_DEBUG : LOG_WARN, "what became of a task cannot be seen",
              "task=%s why=\"%s\"", t->run->name, t->unsure.text);
    t->told_unsure = true;
    t->state = UNSURE;
    if (!uv_is_active((uv_handle_t *)&t->p->gate))
        uv_timer_start(&t->p->gate, on_later, LOOK_AGAIN_MS, 0);
}

static void on_settled(uv_work_t *work, int status)
{
    struct tracked *t = work->data;
    struct run *run = t->run;
    bool stopping = t->p->stopped != NULL;
    (void)status;
    if (t->unsure.code != ERR_NONE && !stopping) {
        look_later(t);
        return;
    }
    if (t->fd >= 0 && !stopping) {
        watch(t);
        return;
    }
    if (t->fd >= 0)
        close(t->fd);
    if (t->pid != 0 && !stopping)
        tell_started(t, t->pid);
    run->end = t->end;
    untrack(t);
    if (!stopping)
        run->ended(run);
}

static void settle(struct tracked *t)
{
    t->state = SETTLING;
    int rc = uv_queue_work(t->p->loop, &t->work, on_settle, on_settled);
    ASSERT(rc == 0);
}

/* Where its descriptor could not be had, the supervisor is looked for when it has had time to say
 * who it is. */
static void start_with(struct tracked *t, int fd)
{
    if (fd >= 0) {
        attach_by(t, fd);
        return;
    }
    error_set(&t->unsure, ERR_IO, "there was no descriptor left for its supervisor");
    look_later(t);
}

/* ---- the driver */

static void on_reply(struct launch_request *r, const struct reply *reply)
{
    struct tracked *t = r->data;
    struct run *run = t->run;
    if (t->p->stopped != NULL) {
        if (reply->fd >= 0)
            close(reply->fd);
        untrack(t);
        return;
    }
    if (reply->kind == REPLY_FORKED) {
        start_with(t, reply->fd);
        return;
    }
    run_end_text(&run->end, END_NOT_STARTED, reply->text);
    untrack(t);
    run->ended(run);
}

/* Those that are read-only: the others are links in the sandbox. The caller frees the list alone.
 */
static char **binds_of(const struct run_spec *spec)
{
    char **binds = mem_zalloc((2 * spec->mounts_n + 1) * sizeof(*binds));
    size_t n = 0;
    for (size_t i = 0; i < spec->mounts_n; i++) {
        const struct run_mount *m = &spec->mounts[i];
        if (!m->read_only || m->host_path == NULL)
            continue;
        binds[n++] = (char *)m->host_path;
        binds[n++] = (char *)m->container_path + strspn(m->container_path, "/");
    }
    return binds;
}

static int launch(struct driver *d, struct run *run, struct error *err)
{
    struct process_driver *p = (struct process_driver *)d;
    const struct run_spec *spec = run->spec;
    char *const shell[] = {"/bin/sh", "-c", (char *)spec->cmd, NULL};
    char **argv = mem_zalloc((spec->args_n + 1) * sizeof(*argv));
    for (size_t i = 0; i < spec->args_n; i++)
        argv[i] = (char *)spec->args[i];
    char **binds = binds_of(spec);
    struct order o = {
        .kind = ORDER_TASK,
        .switch_user = run->switch_user,
        .uid = run->uid,
        .gid = run->gid,
        .user = run->user,
        .limits = {.cpus_milli = spec->cpus_milli,
                   .quota_milli = run_spec_most_cpus_milli(spec, p->options.cpu_quota),
                   .mem_bytes = run_spec_most_mem_bytes(spec),
                   .pids = p->options.pids},
        .grace_ms = spec->grace_ms,
        .log_bytes = p->options.log_bytes,
        .log_files = p->options.log_files,
        .name = run->name,
        .folder = run->folder,
        .cwd = run->sandbox,
        .tty = spec->tty,
        .at_once = spec->max_ms > 0,
        .argv = spec->cmd != NULL ? shell : argv,
        .env = run->env,
        .binds = binds,
    };
    cgroup_name(&p->options.cgroups, run->container, &o.cgroup);
    struct tracked *t = track(p, run);
    int rc = launch_order(p->launcher, &t->request, &o, on_reply, err);
    if (rc != 0)
        untrack(t);
    mem_free(binds);
    mem_free(argv);
    return rc;
}

static void kill_run(struct driver *d, struct run *run, int64_t grace_ms)
{
    struct tracked *t = run->state;
    (void)d;
    if (t == NULL)
        return;
    if (t->kill < 0 || grace_ms < t->kill)
        t->kill = grace_ms; /* also for who comes after a connection that breaks */
    if (t->state == CONNECTED)
        send_kill(t);
    else if (t->state == WATCHED)
        signal_kill(t);
}

static void recover(struct driver *d, struct run *run)
{
    attach(track((struct process_driver *)d, run));
}

void process_start(struct process_driver *p, uv_loop_t *loop, struct launch_client *launcher,
                   const struct process_options *options)
{
    *p = (struct process_driver){
        .driver = {.name = "process", .launch = launch, .kill = kill_run, .recover = recover},
        .loop = loop,
        .launcher = launcher,
        .options = *options,
        .data = p->data,
    };
    list_init(&p->runs);
    boot_id((char[BOOT_ID_SIZE]){0}); /* known before threads ask */
    uv_timer_init(loop, &p->gate);
    p->gate.data = p;
}

static void on_gate_closed(uv_handle_t *gate)
{
    struct process_driver *p = gate->data;
    p->stopped(p);
}

void process_stop(struct process_driver *p, void (*stopped)(struct process_driver *p))
{
    ASSERT(p->stopped == NULL && stopped != NULL);
    p->stopped = stopped;
    LIST_EACH (it, &p->runs) {
        struct tracked *t = LIST_ENTRY(it, struct tracked, in_runs);
        if (t->state == CONNECTED || t->state == WATCHED)
            disconnect(t);
        else if (t->state == UNSURE)
            untrack(t);
    }
    leave_when_empty(p);
}
