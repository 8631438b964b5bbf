#include "proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/handover.h"
#include "proxy/process.h"

#define TICK_MS 1000       /* what could not be bound is tried again */
#define FIRST_TICK_MS 200  /* the stats port of the proxy before is free by then */
#define LEAVING_TICK_MS 50 /* are all connections gone? */
#define LOCK_TRIES 50      /* against a proxy that is about to come or go */
#define LOCK_PAUSE_MS 100

/* ---- ending */

static void on_control_stopped(struct proxy_control *c)
{
    (void)c;
}

static void on_store_idle(struct proxy_store *s)
{
    (void)s;
}

static void close_doors(struct proxy *p, const char *farewell)
{
    proxy_ports_cease(&p->ports);
    proxy_page_free(p->page);
    p->page = NULL;
    proxy_control_stop(&p->control, farewell, on_control_stopped);
    if (p->lock_fd >= 0)
        close(p->lock_fd);
    p->lock_fd = -1;
}

/* Nothing is left on the loop but what is closing. */
static void end(struct proxy *p)
{
    if (p->state == PROXY_ENDED)
        return;
    if (p->state != PROXY_LEAVING)
        close_doors(p, NULL);
    if (p->state == PROXY_SERVING)
        proxy_store_stop(&p->store, on_store_idle);
    p->state = PROXY_ENDED;
    pthread_mutex_lock(&p->forwarder.lock);
    p->forwarder.balance.dirtied = NULL;
    pthread_mutex_unlock(&p->forwarder.lock);
    uv_handle_t *handles[] = {(uv_handle_t *)&p->dirtied, (uv_handle_t *)&p->report,
                              (uv_handle_t *)&p->tick, (uv_handle_t *)&p->term};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        uv_close(handles[i], NULL);
}

static void on_leaving_tick(uv_timer_t *timer)
{
    struct proxy *p = timer->data;
    if (forwarder_idle(&p->forwarder) || proxy_now().ms >= p->end_by.ms)
        end(p);
}

static void leave(struct proxy *p, const char *farewell, int64_t most_ms)
{
    if (p->state == PROXY_SERVING)
        proxy_store_stop(&p->store, on_store_idle);
    p->state = PROXY_LEAVING;
    p->end_by = mono_after(proxy_now(), most_ms);
    close_doors(p, farewell);
    uv_timer_start(&p->tick, on_leaving_tick, 0, LEAVING_TICK_MS);
}

/* Its folder may have been moved, and another one's socket lie at its path. */
static void drop_socket(const struct proxy *p)
{
    struct stat now;
    if (stat(p->socket_path, &now) == 0 && now.st_dev == p->socket_at.st_dev &&
        now.st_ino == p->socket_at.st_ino)
        unlink(p->socket_path);
}

static void on_term(uv_signal_t *signal, int number)
{
    struct proxy *p = signal->data;
    (void)number;
    log_info("proxy is told to end", "connections=%u", atomic_load(&p->forwarder.connections));
    if (p->state == PROXY_LEAVING) {
        end(p);
    } else if (p->state != PROXY_ENDED) {
        drop_socket(p);
        leave(p, NULL, p->settings.drain_ms);
    }
}

/* ---- giving: to a successor */

static size_t gather(struct proxy *p, struct proxy_passed *out)
{
    size_t n = 0, cursor = 0;
    struct service *s;
    out[n++] = (struct proxy_passed){.kind = PASSED_LOCK, .fd = p->lock_fd};
    out[n++] = (struct proxy_passed){.kind = PASSED_CONTROL, .fd = proxy_control_fd(&p->control)};
    while ((s = balance_each(&p->forwarder.balance, &cursor)) != NULL)
        if (s->listener != NULL)
            out[n++] = (struct proxy_passed){
                .kind = PASSED_SERVICE, .address = s->listener->address, .fd = s->listener->fd};
    return n;
}

static int give(struct proxy *p, int successor, struct error *err)
{
    struct proxy_message m;
    struct buf state;
    proxy_write_state(p, proxy_message_begin(&m, "state"));
    buf_init(&state, LIMIT_PROXY_STATE_BYTES + sizeof(uint32_t));
    int rc = proxy_message_end(&m, &state, err);
    if (rc == 0) {
        size_t most = 2 + balance_count(&p->forwarder.balance);
        struct proxy_passed *passed = mem_alloc(most * sizeof(*passed));
        rc = proxy_handover_give(successor, buf_slice(&state), passed, gather(p, passed), err);
        mem_free(passed);
    }
    buf_close(&state);
    return rc;
}

/* No write is under way any more that could overwrite the successor's. */
static void on_store_idle_give(struct proxy_store *store)
{
    struct proxy *p = store->data;
    int successor = proxy_control_successor(&p->control);
    struct error err;
    if (p->state != PROXY_GIVING || successor < 0)
        return;
    if (give(p, successor, &err) != 0)
        proxy_control_refuse_successor(&p->control, &err);
}

static void on_take_over(struct proxy_control *c)
{
    struct proxy *p = c->data;
    ASSERT(p->state == PROXY_SERVING);
    p->state = PROXY_GIVING;
    log_info("proxy hands over", "connections=%u", atomic_load(&p->forwarder.connections));
    proxy_store_stop(&p->store, on_store_idle_give);
}

static void on_successor_gone(struct proxy_control *c)
{
    struct proxy *p = c->data;
    if (p->state != PROXY_GIVING)
        return;
    log_warn("the new proxy is gone", "this one goes on");
    p->state = PROXY_SERVING;
    proxy_store_resume(&p->store);
}

static void on_taken(struct proxy_control *c)
{
    leave(c->data, "moved", LIMIT_PROXY_RETIRE_MS);
}

/* ---- what the node says */

static int on_settings(struct proxy_control *c, const struct json *v, struct error *err)
{
    struct proxy *p = c->data;
    if (proxy_take_settings(p, v, err) != 0)
        return error_wrap(err, "settings");
    proxy_store_save(&p->store);
    proxy_report(p);
    return 0;
}

static int on_routes(struct proxy_control *c, const struct json *v, struct error *err)
{
    struct proxy *p = c->data;
    if (proxy_take_routes(p, v, err) != 0)
        return -1;
    proxy_store_save(&p->store);
    proxy_report(p);
    return 0;
}

static void on_shutdown(struct proxy_control *c)
{
    struct proxy *p = c->data;
    drop_socket(p);
    end(p);
}

static void on_node(struct proxy_control *c)
{
    struct proxy *p = c->data;
    pthread_mutex_lock(&p->forwarder.lock);
    balance_all_dirty(&p->forwarder.balance);
    pthread_mutex_unlock(&p->forwarder.lock);
    proxy_report(p);
}

/* ---- from time to time */

/* From any thread, under the lock. */
static void on_balance_dirty(struct balance *b)
{
    struct proxy *p = LIST_ENTRY(b, struct proxy, forwarder.balance);
    uv_async_send(&p->dirtied);
}

static void on_dirtied(uv_async_t *async)
{
    proxy_report_soon(async->data);
}

/* Our own log, where the node gave us one: it is appended to, so cutting it is enough. */
static void bound_log(void)
{
    struct stat st;
    if (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
        st.st_size > LIMIT_LOG_FILE_BYTES && ftruncate(STDERR_FILENO, 0) != 0)
        log_debug("log not cut", "");
}

static void on_tick(uv_timer_t *timer)
{
    struct proxy *p = timer->data;
    if (p->ports.may_bind_later)
        proxy_ports_retry(&p->ports);
    if (p->page != NULL && proxy_page_retry(p->page))
        proxy_report(p);
    bound_log();
}

/* ---- beginning */

static void render(struct proxy_store *store, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    proxy_write_state(store->data, &w);
    json_object_end(&w);
}

static int take_lock(struct proxy *p, struct error *err)
{
    char path[PROXY_PATH_SIZE + 16];
    snprintf(path, sizeof(path), "%s/proxy.lock", p->options->folder);
    p->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->lock_fd < 0)
        return error_set(err, ERR_IO, "opening %.160s: %s", path, strerror(errno));
    if (flock(p->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    close(p->lock_fd);
    p->lock_fd = -1;
    return error_set(err, ERR_CONFLICT, "%.160s is held by another proxy, which does not answer",
                     path);
}

/* Holds the lock afterwards, or has taken over from who holds it. */
static int alone_or_take_over(struct proxy *p, struct proxy_taken *taken, struct error *err)
{
    for (int i = 0;; i++) {
        if (take_lock(p, err) == 0)
            return 0;
        struct error refusal;
        if (err->code == ERR_CONFLICT) {
            if (proxy_handover_take(p->socket_path, p->options->version, taken, &refusal) == 0)
                return 0;
            if (refusal.code != ERR_UNAVAILABLE)
                *err = refusal;
        }
        if (i == LOCK_TRIES)
            return -1;
        uv_sleep(LOCK_PAUSE_MS);
    }
}

/* What was inherited goes where it belongs. Returns the control socket, or -1. */
static int unpack(struct proxy *p, const struct proxy_taken *taken)
{
    int control = -1;
    for (size_t i = 0; i < taken->n; i++) {
        const struct proxy_passed *passed = &taken->passed[i];
        switch (passed->kind) {
        case PASSED_SERVICE:
            proxy_ports_inherit(&p->ports, &passed->address, passed->fd);
            break;
        case PASSED_CONTROL:
            control = passed->fd;
            break;
        case PASSED_LOCK:
            p->lock_fd = passed->fd;
            break;
        }
    }
    return control;
}

/* A file that cannot be used is no reason not to start: the node tells everything again. */
static void start_from_disk(struct proxy *p)
{
    struct error err;
    struct json *state = proxy_store_load(p->options->folder, &err);
    if (state != NULL && proxy_take_state(p, state, &err) == 0)
        log_info("proxy starts from disk", "revision=%lld services=%zu",
                 (long long)p->routes.revision, proxy_routes_count(&p->routes));
    else if (err.code != ERR_NOT_FOUND)
        log_error("kept routes not used", "reason=%s", err.text);
    json_free(state);
}

static int listen_for_control(struct proxy *p, int inherited, struct error *err)
{
    static const struct proxy_control_events events = {
        .on_settings = on_settings,
        .on_routes = on_routes,
        .on_take_over = on_take_over,
        .on_successor_gone = on_successor_gone,
        .on_taken = on_taken,
        .on_shutdown = on_shutdown,
        .on_node = on_node,
    };
    int fd = inherited;
    if (fd < 0 && proxy_control_bind(p->socket_path, &fd, err) != 0)
        return -1;
    if (stat(p->socket_path, &p->socket_at) != 0)
        p->socket_at = (struct stat){0}; /* somebody has removed it: there is none to drop */
    p->control.data = p;
    return proxy_control_start(&p->control, &p->loop.uv, fd, p->options->version, &events, err);
}

static void watch(struct proxy *p)
{
    uv_loop_t *uv = &p->loop.uv;
    uv_async_init(uv, &p->dirtied, on_dirtied);
    uv_timer_init(uv, &p->report);
    uv_timer_init(uv, &p->tick);
    uv_signal_init(uv, &p->term);
    p->dirtied.data = p->report.data = p->tick.data = p->term.data = p;
    uv_timer_start(&p->tick, on_tick, FIRST_TICK_MS, TICK_MS);
    uv_signal_start(&p->term, on_term, SIGTERM);
    pthread_mutex_lock(&p->forwarder.lock);
    p->forwarder.balance.dirtied = on_balance_dirty;
    pthread_mutex_unlock(&p->forwarder.lock);
}

static unsigned worker_count(const struct proxy *p)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = p->options->workers != 0 ? p->options->workers : (unsigned)processors;
    return n < 1 ? 1 : n > LIMIT_PROXY_WORKERS ? LIMIT_PROXY_WORKERS : n;
}

static void raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        log_warn("limit of open files not raised", "reason=%s", strerror(errno));
}

static void start_store(struct proxy *p)
{
    p->store.data = p;
    proxy_store_init(&p->store, &p->loop.uv, p->options->folder, render);
}

static void serve(struct proxy *p)
{
    log_info("proxy serves", "version=%s pid=%d", p->options->version, (int)getpid());
    watch(p);
    proxy_store_save(&p->store);
    loop_run(&p->loop);
}

/* With the forwarder running: from what was taken over, or from disk. */
static int begin(struct proxy *p, struct proxy_taken *taken, struct error *err)
{
    int control = unpack(p, taken);
    if (taken->fd < 0)
        start_from_disk(p);
    else if (proxy_take_state(p, taken->state, err) != 0)
        return error_wrap(err, "taking over");
    proxy_ports_end_inheritance(&p->ports);
    if (listen_for_control(p, control, err) != 0)
        return -1;
    struct error gone; /* then there is nobody left to tell */
    if (taken->fd >= 0 && proxy_handover_confirm(taken, &gone) != 0)
        log_warn("the proxy before is gone", "reason=%s", gone.text);
    return 0;
}

static int run(struct proxy *p, struct error *err)
{
    struct proxy_taken taken = {.fd = -1};
    struct forwarder_limits limits = {.connect_ms = p->settings.connect_ms,
                                      .connections = p->settings.connections};
    if (alone_or_take_over(p, &taken, err) != 0)
        return -1;
    if (loop_init(&p->loop, err) != 0 ||
        forwarder_start(&p->forwarder, worker_count(p), &limits, p->settings.drain_ms, err) != 0) {
        proxy_taken_close(&taken);
        return -1;
    }
    proxy_ports_init(&p->ports, &p->forwarder, &p->settings);
    proxy_routes_init(&p->routes);
    start_store(p);
    int rc = begin(p, &taken, err);
    proxy_taken_close(&taken);
    if (rc == 0)
        serve(p);
    proxy_ports_close(&p->ports);
    forwarder_stop(&p->forwarder);
    if (rc == 0) {
        proxy_store_close(&p->store);
        loop_close(&p->loop);
    }
    proxy_routes_close(&p->routes);
    arena_close(&p->settings_arena);
    return rc;
}

int proxy_main(const struct proxy_options *options)
{
    struct proxy p = {.options = options, .lock_fd = -1, .started = proxy_now()};
    struct error err;
    proxy_settings_default(&p.settings);
    snprintf(p.socket_path, sizeof(p.socket_path), "%s/proxy.sock", options->folder);
    prctl(PR_SET_NAME, "mesolith-proxy");
    raise_file_limit();
    if (run(&p, &err) == 0)
        return 0;
    log_error("proxy cannot run", "reason=%s", err.text);
    return error_exit_status(err.code);
}
