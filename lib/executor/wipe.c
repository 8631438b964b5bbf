/* Persistent volumes that were given up, removed on a thread. */
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/private.h"

#define WAIT_MS_FIRST 10000
#define WAIT_MS_MAX 600000

/* One that could not be removed stays here: it is ordered again every few seconds, and tried, and
 * warned of, more and more seldom. */
struct wiping {
    struct executor *x;
    int64_t volume, wait_ms;
    struct mono again; /* not before */
    bool under_way, removed;
    char path[SANDBOX_PATH_SIZE];
    uv_work_t work;
    struct error err;
};

static void on_wipe(uv_work_t *work)
{
    struct wiping *w = work->data;
    w->removed = sandbox_remove_tree(w->path, &w->err) == 0;
}

static void failed(struct wiping *w)
{
    struct clock *clock = &w->x->loop->clock;
    w->wait_ms = w->wait_ms == 0 ? WAIT_MS_FIRST : w->wait_ms * 2;
    if (w->wait_ms > WAIT_MS_MAX)
        w->wait_ms = WAIT_MS_MAX;
    w->again = mono_after(clock->mono(clock), w->wait_ms);
    log_warn("volume not removed", "error=\"%s\" again_s=%lld", w->err.text,
             (long long)w->wait_ms / 1000);
}

static void on_wiped(uv_work_t *work, int status)
{
    struct wiping *w = work->data;
    struct executor *x = w->x;
    (void)status;
    x->wipes--;
    w->under_way = false;
    if (w->removed) {
        log_info("volume removed", "path=%s", w->path);
        if (x->stopped == NULL)
            x->events.wiped(x, w->volume);
        map_remove(x->wiping, (uint64_t)w->volume);
        mem_free(w);
    } else {
        failed(w);
    }
    executor_advance(x);
}

void wipes_free(struct executor *x)
{
    struct wiping *w;
    for (size_t cursor = 0; (w = map_each(x->wiping, &cursor)) != NULL;)
        mem_free(w);
    map_free(x->wiping);
}

static bool uses(const struct task_run *t, const char *name)
{
    for (size_t i = 0; i < t->spec.mounts_n; i++)
        if (str_eq(t->spec.mounts[i].persistent, name))
            return true;
    return false;
}

/* A task may still have it open that is said to be gone: its agent was away. */
static bool in_use(const struct executor *x, const char *name)
{
    LIST_EACH (it, &x->tasks) {
        const struct task_run *t = LIST_ENTRY(it, struct task_run, in_tasks);
        if (t->phase != ENDED && uses(t, name))
            return true;
    }
    return false;
}

static struct wiping *wiping_of(struct executor *x, int64_t volume)
{
    struct wiping *w = map_get(x->wiping, (uint64_t)volume);
    if (w == NULL) {
        w = NEW(struct wiping);
        *w = (struct wiping){.x = x, .volume = volume, .work.data = w};
        map_put(x->wiping, (uint64_t)volume, w);
    }
    return w;
}

void executor_wipe(struct executor *x, int64_t volume, const char *name)
{
    if (x->stopped != NULL || !x->recovered || in_use(x, name))
        return;
    struct clock *clock = &x->loop->clock;
    struct wiping *w = wiping_of(x, volume);
    if (w->under_way || clock->mono(clock).ms < w->again.ms)
        return;
    if (sandbox_kept_path(x->folder, name, w->path, &w->err) != 0) {
        failed(w);
        return;
    }
    w->under_way = true;
    x->wipes++;
    int rc = uv_queue_work(&x->loop->uv, &w->work, on_wipe, on_wiped);
    ASSERT(rc == 0);
}
