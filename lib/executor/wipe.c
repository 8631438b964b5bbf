/* Persistent volumes that were given up, removed on a thread. */
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/private.h"

struct wiping {
    struct executor *x;
    int64_t volume;
    char path[SANDBOX_PATH_SIZE];
    uv_work_t work;
    struct error err;
};

static void on_wipe(uv_work_t *work)
{
    struct wiping *w = work->data;
    w->err.code = ERR_NONE;
    (void)!sandbox_remove_tree(w->path, &w->err);
}

static void on_wiped(uv_work_t *work, int status)
{
    struct wiping *w = work->data;
    struct executor *x = w->x;
    (void)status;
    if (w->err.code != ERR_NONE)
        log_warn("volume not removed", "error=\"%s\"", w->err.text);
    else
        log_info("volume removed", "path=%s", w->path);
    if (w->err.code == ERR_NONE && x->stopped == NULL)
        x->events.wiped(x, w->volume);
    map_remove(x->wiping, (uint64_t)w->volume);
    mem_free(w);
    executor_advance(x);
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

void executor_wipe(struct executor *x, int64_t volume, const char *name)
{
    if (x->stopped != NULL || !x->recovered || in_use(x, name) ||
        map_get(x->wiping, (uint64_t)volume) != NULL)
        return;
    struct wiping *w = NEW(struct wiping);
    w->x = x;
    w->volume = volume;
    w->work.data = w;
    if (sandbox_kept_path(x->folder, name, w->path, &w->err) != 0) {
        log_error("volume not removed", "error=\"%s\"", w->err.text);
        mem_free(w);
        return;
    }
    map_put(x->wiping, (uint64_t)volume, w);
    int rc = uv_queue_work(&x->loop->uv, &w->work, on_wipe, on_wiped);
    ASSERT(rc == 0);
}
