#include "proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "proxy/control.h"
#include "proxy/handover.h"
#include "proxy/page.h"
#include "proxy/ports.h"
#include "proxy/store.h"

#define PATH_SIZE 4096
#define TICK_MS 1000       /* what could not be bound is tried again */
#define FIRST_TICK_MS 200  /* the stats port of the proxy before is free by then */
#define LEAVING_TICK_MS 50 /* are all connections gone? */
#define REPORT_MS 50       /* backends that come and go are reported together */
#define LOCK_TRIES 50      /* against a proxy that is about to come or go */
#define LOCK_PAUSE_MS 100

/*
 *     SERVING --take_over--> GIVING --taken--> LEAVING --no connection left--> ENDED
 *        ^  \                  |                  ^                              ^
 *        |   \   successor     |                  |                              |
 *        +----\--- is gone ----+                  |                              |
 *              +-- SIGTERM -----------------------+                              |
 *               \--- shutdown ---------------------------------------------------+
 */
enum proxy_state { PROXY_SERVING, PROXY_GIVING, PROXY_LEAVING, PROXY_ENDED };

struct proxy {
    const struct proxy_options *options;
    enum proxy_state state;
    char socket_path[PATH_SIZE];
    int lock_fd;                 /* -1: another one's */
    struct mono started, end_by; /* end_by: LEAVING */

    struct arena settings_arena;
    struct proxy_settings settings;
    struct proxy_routes routes;

    struct forwarder forwarder;
    struct proxy_ports ports;
    struct loop loop;
    struct proxy_control control;
    struct proxy_store store;
    struct proxy_page *page; /* NULL: not wanted */
    uv_async_t dirtied;
    uv_timer_t report, tick;
    uv_signal_t term;
};

/* ---- reporting to the node */

static void write_service(const struct service *s, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "port", s->port);
    json_member_str(w, "app", s->app);
    json_member_str(w, "state", service_state_word(s->state));
    json_member_str(w, "why", s->why);
    json_member_int(w, "wanted", (int64_t)s->n_wanted);
    json_member_int(w, "usable", (int64_t)service_usable(s));
    json_object_end(w);
}

static void write_status(struct proxy *p, struct json_writer *w)
{
    struct service *s;
    json_member_int(w, "revision", p->routes.revision);
    json_member_int(w, "stats_port", proxy_page_port(p->page));
    json_member_str(w, "stats_why", proxy_page_why(p->page));
    json_key(w, "services");
    json_array(w);
    pthread_mutex_lock(&p->forwarder.lock);
    while ((s = balance_next_dirty(&p->forwarder.balance)) != NULL)
        write_service(s, w);
    pthread_mutex_unlock(&p->forwarder.lock);
    json_array_end(w);
}

static void report(struct proxy *p)
{
    struct proxy_message m;
    struct buf out;
    struct error err;
    if (!proxy_control_has_node(&p->control))
        return;
    write_status(p, proxy_message_begin(&m, "status"));
    buf_init(&out, LIMIT_PROXY_STATE_BYTES + sizeof(uint32_t));
    if (proxy_message_end(&m, &out, &err) != 0)
        log_error("status not sent", "reason=%s", err.text);
    else
        proxy_control_tell_node(&p->control, buf_slice(&out));
    buf_close(&out);
}

static void on_report(uv_timer_t *timer)
{
    report(timer->data);
}

/* From any thread, under the lock. */
static void on_balance_dirty(struct balance *b)
{
    struct proxy *p = LIST_ENTRY(b, struct proxy, forwarder.balance);
    uv_async_send(&p->dirtied);
}

static void on_dirtied(uv_async_t *async)
{
    struct proxy *p = async->data;
    if (!uv_is_active((uv_handle_t *)&p->report))
        uv_timer_start(&p->report, on_report, REPORT_MS, 0);
}

/* ---- settings */

static void look(void *data, struct proxy_stats *out)
{
    struct proxy *p = data;
    *out = (struct proxy_stats){.forwarder = &p->forwarder,
                                .version = p->options->version,
                                .revision = p->routes.revision,
                                .started = p->started,
                                .now = proxy_now()};
}

static void open_page(struct proxy *p)
{
    const struct proxy_settings *s = &p->settings;
    proxy_page_free(p->page);
    p->page = s->stats_port >= 0
                  ? proxy_page_new(&p->loop, s->stats_address, (uint16_t)s->stats_port, look, p)
                  : NULL;
}

static bool same_page(const struct proxy_settings *a, const struct proxy_settings *b)
{
    return a->stats_port == b->stats_port && strcmp(a->stats_address, b->stats_address) == 0;
}

static void apply_settings(struct proxy *p)
{
    struct forwarder_limits limits = {.connect_ms = p->settings.connect_ms,
                                      .connections = p->settings.connections};
    forwarder_limit(&p->forwarder, &limits);
    pthread_mutex_lock(&p->forwarder.lock);
    p->forwarder.balance.drain_ms = p->settings.drain_ms;
    pthread_mutex_unlock(&p->forwarder.lock);
    proxy_ports_settle_all(&p->ports);
}

static int take_settings(struct proxy *p, const struct json *v, struct error *err)
{
    struct arena arena = {0}, old_arena = p->settings_arena;
    struct proxy_settings s, old = p->settings;
    if (proxy_settings_parse(v, &arena, &s, err) != 0) {
        arena_close(&arena);
        return -1;
    }
    p->settings = s;
    p->settings_arena = arena;
    apply_settings(p);
    if (!same_page(&s, &old))
        open_page(p);
    arena_close(&old_arena);
    return 0;
}

/* ---- routes */

static void drop_removed(struct proxy *p, const struct proxy_change *c)
{
    struct balance *b = &p->forwarder.balance;
    for (size_t i = 0; i < c->n_removed; i++) {
        struct service *s = balance_find(b, c->removed[i].port, c->removed[i].app);
        proxy_ports_release(&p->ports, s);
        pthread_mutex_lock(&p->forwarder.lock);
        balance_drop(s, proxy_now());
        pthread_mutex_unlock(&p->forwarder.lock);
    }
}

static void put_routes(struct proxy *p, const struct proxy_change *c)
{
    struct balance *b = &p->forwarder.balance;
    struct mono now = proxy_now();
    pthread_mutex_lock(&p->forwarder.lock);
    for (size_t i = 0; i < c->n_routes; i++)
        balance_put(b, c->routes[i], now);
    pthread_mutex_unlock(&p->forwarder.lock);
    for (size_t i = 0; i < c->n_routes; i++)
        proxy_ports_settle(&p->ports, balance_find(b, c->routes[i]->port, c->routes[i]->app));
}

static int take_routes(struct proxy *p, const struct json *v, struct error *err)
{
    struct proxy_change c;
    if (proxy_change_parse(v, &c, err) != 0)
        return -1;
    if (proxy_routes_reduce(&p->routes, &c, err) != 0) {
        proxy_change_close(&c);
        return -1;
    }
    drop_removed(p, &c);
    put_routes(p, &c);
    if (c.n_removed > 0 && p->ports.may_bind_later)
        proxy_ports_retry(&p->ports);
    forwarder_look(&p->forwarder);
    proxy_routes_apply(&p->routes, &c);
    proxy_change_close(&c);
    return 0;
}

/* ---- the state as text: for the disk and for a successor */

static void write_state(struct proxy *p, struct json_writer *w)
{
    json_key(w, "settings");
    json_object(w);
    proxy_settings_write(&p->settings, w);
    json_object_end(w);
    proxy_routes_write(&p->routes, w);
}

static int take_state(struct proxy *p, const struct json *v, struct error *err)
{
    if (take_settings(p, json_get(v, "settings"), err) != 0)
        return error_wrap(err, "settings");
    return take_routes(p, v, err);
}

static void render(struct proxy_store *store, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    write_state(store->data, &w);
    json_object_end(&w);
}

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

static void on_term(uv_signal_t *signal, int number)
{
    struct proxy *p = signal->data;
    (void)number;
    log_info("proxy is told to end", "connections=%u", atomic_load(&p->forwarder.connections));
    if (p->state == PROXY_LEAVING) {
        end(p);
    } else if (p->state != PROXY_ENDED) {
        unlink(p->socket_path);
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
    write_state(p, proxy_message_begin(&m, "state"));
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
    if (take_settings(p, v, err) != 0)
        return error_wrap(err, "settings");
    proxy_store_save(&p->store);
    report(p);
    return 0;
}

static int on_routes(struct proxy_control *c, const struct json *v, struct error *err)
{
    struct proxy *p = c->data;
    if (take_routes(p, v, err) != 0)
        return -1;
    proxy_store_save(&p->store);
    report(p);
    return 0;
}

static void on_shutdown(struct proxy_control *c)
{
    struct proxy *p = c->data;
    unlink(p->socket_path);
    end(p);
}

static void on_node(struct proxy_control *c)
{
    struct proxy *p = c->data;
    pthread_mutex_lock(&p->forwarder.lock);
    balance_all_dirty(&p->forwarder.balance);
    pthread_mutex_unlock(&p->forwarder.lock);
    report(p);
}

/* ---- from time to time */

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
        report(p);
    bound_log();
}

/* ---- beginning */

static int take_lock(struct proxy *p, struct error *err)
{
    char path[PATH_SIZE + 16];
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
    if (state != NULL && take_state(p, state, &err) == 0)
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
    else if (take_state(p, taken->state, err) != 0)
        return error_wrap(err, "taking over");
    proxy_ports_end_inheritance(&p->ports);
    if (listen_for_control(p, control, err) != 0)
        return -1;
    return taken->fd < 0 ? 0 : proxy_handover_confirm(taken, err);
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
    raise_file_limit();
    if (run(&p, &err) == 0)
        return 0;
    log_error("proxy cannot run", "reason=%s", err.text);
    return error_exit_status(err.code);
}
