/* Sandboxes that nobody needs any more, removed on a thread now and then. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "executor/private.h"

struct collection {
    struct executor *x;
    uv_work_t work;
    struct sandbox_gc gc;
    char **in_use; /* sorted copies */
    struct error err;
};

static void on_collect(uv_work_t *work)
{
    struct collection *c = work->data;
    c->err.code = ERR_NONE;
    if (sandbox_gc(c->x->folder, &c->gc, &c->err) != 0)
        log_warn("sandboxes not collected", "error=\"%s\"", c->err.text);
}

static void on_collected(uv_work_t *work, int status)
{
    struct collection *c = work->data;
    struct executor *x = c->x;
    (void)status;
    if (c->gc.removed > 0)
        log_info("sandboxes collected", "removed=%zu kept=%zu disk=%d%%", c->gc.removed, c->gc.kept,
                 c->gc.disk_permille / 10);
    for (size_t i = 0; i < c->gc.in_use_n; i++)
        mem_free(c->in_use[i]);
    mem_free((void *)c->in_use);
    mem_free(c);
    x->collecting = false;
    executor_advance(x);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void collect_start(struct executor *x)
{
    struct collection *c = NEW(struct collection);
    size_t n = 0;
    c->x = x;
    c->in_use = mem_alloc((2 * map_count(x->by_key) + 1) * sizeof(*c->in_use));
    LIST_EACH (it, &x->tasks) {
        const struct task_run *t = LIST_ENTRY(it, struct task_run, in_tasks);
        char volumes[UUID_TEXT_SIZE];
        c->in_use[n++] = mem_strdup(t->container);
        if (instance_volumes(t, volumes))
            c->in_use[n++] = mem_strdup(volumes);
    }
    qsort((void *)c->in_use, n, sizeof(*c->in_use), compare);
    c->gc = (struct sandbox_gc){.delay_ms = x->options.gc_delay_ms,
                                .least_ms = x->options.gc_least_ms,
                                .headroom_permille = x->options.gc_headroom_permille,
                                .outputs_ms = x->options.outputs_ms,
                                .outputs_bytes = x->options.outputs_bytes,
                                .outputs_runs = (size_t)x->options.outputs_runs,
                                .in_use = (const char *const *)c->in_use,
                                .in_use_n = n,
                                .now = x->loop->clock.wall(&x->loop->clock)};
    c->work.data = c;
    x->collecting = true;
    int rc = uv_queue_work(&x->loop->uv, &c->work, on_collect, on_collected);
    ASSERT(rc == 0);
}
