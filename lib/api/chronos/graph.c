/* Jobs and what depends on what, as text (spec/chronos.md 8). */
#include "api/chronos/private.h"
#include "base/map.h"
#include "base/mem.h"

static void begin(struct call *c)
{
    call_text(c, 200, "text/plain", "");
}

/* Calls back with each job and each of its parents, in the order the jobs were created. */
static void each_link(struct call *c,
                      void (*link)(void *data, const char *parent, const char *child), void *data)
{
    struct job_row row;
    struct stmt *q = state_jobs_created(c->view->state);
    while (state_job_next(q, &row)) {
        struct job job;
        if (row.schedule != NULL) /* scheduled: no parents */
            continue;
        jobs_load_any(&row, &job);
        for (size_t i = 0; i < job.parents.n; i++)
            link(data, job.parents.items[i], row.name);
        job_close(&job);
    }
}

static void csv_link(void *data, const char *parent, const char *child)
{
    buf_printf(data, "link,%s,%s\n", parent, child);
}

void chronos_ask_csv(struct call *c)
{
    struct job_row row;
    struct buf *out = &c->reply->body;
    begin(c);
    struct stmt *q = state_jobs_created(c->view->state);
    while (state_job_next(q, &row)) {
        char state[JOB_STATE_SIZE];
        buf_printf(out, "node,%s,%s,%s\n", row.name, chronos_result(&row),
                   chronos_state(&row, chronos_face(c), state));
    }
    each_link(c, csv_link, out);
}

struct drawing {
    struct buf *out;
    struct map *numbers; /* name -> 1..n */
};

static int64_t number(const struct drawing *d, const char *name)
{
    return (int64_t)(intptr_t)map_get_str(d->numbers, name);
}

static void dot_link(void *data, const char *parent, const char *child)
{
    struct drawing *d = data;
    if (number(d, parent) != 0)
        buf_printf(d->out, "  %lld -> %lld;\n", (long long)number(d, parent),
                   (long long)number(d, child));
}

void chronos_ask_dot(struct call *c)
{
    struct job_row row;
    struct drawing d = {.out = &c->reply->body, .numbers = map_new()};
    begin(c);
    buf_puts(d.out, "digraph G {\n");
    struct stmt *q = state_jobs_created(c->view->state);
    for (intptr_t n = 1; state_job_next(q, &row); n++) {
        map_put_str(d.numbers, row.name, (void *)n);
        buf_printf(d.out, "  %lld [ label=\"%s\" ];\n", (long long)n, row.name);
    }
    each_link(c, dot_link, &d);
    buf_puts(d.out, "}\n");
    map_free(d.numbers);
}
