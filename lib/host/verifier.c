#include "host/verifier.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "db/db.h"
#include "db/rowsum.h"

#define VERIFY_MS 3000    /* between two looks, at least */
#define VERIFY_SHARE 20   /* so much longer than a look is the pause behind it */
#define VERIFY_BUSY_MS 20 /* it waits so long for a lock */

struct verifier {
    uv_timer_t timer;
    uv_work_t work;
    struct verifier_events events;
    char *path;
    bool stopped, working, closed;
    int64_t took_ms;
    bool wrong;
    struct error err;
};

static void look_on_pool(uv_work_t *work)
{
    struct verifier *v = work->data;
    struct db *db;
    const struct db_options options = {.read_only = true, .busy_ms = VERIFY_BUSY_MS};
    struct clock clock = clock_system();
    int64_t began = clock.mono(&clock).ms;
    v->wrong = false;
    if (db_open(v->path, &options, &db, &v->err) == 0) {
        int level;
        bool there = db_schema_version(db, &level, &v->err) == 0 && level > 0;
        v->wrong = there && db_rowsums_check(db, &v->err) != 0 && v->err.code == ERR_CORRUPT;
        db_close(db);
    }
    v->took_ms = clock.mono(&clock).ms - began;
}

static void on_closed(uv_handle_t *timer)
{
    struct verifier *v = timer->data;
    mem_free(v->path);
    mem_free(v);
}

static void close_when_idle(struct verifier *v)
{
    if (!v->stopped || v->working || v->closed)
        return;
    v->closed = true;
    uv_close((uv_handle_t *)&v->timer, on_closed);
}

static void on_due(uv_timer_t *timer);

static void looked(uv_work_t *work, int status)
{
    struct verifier *v = work->data;
    (void)status;
    v->working = false;
    if (v->stopped) {
        close_when_idle(v);
        return;
    }
    int64_t pause = v->took_ms * VERIFY_SHARE > VERIFY_MS ? v->took_ms * VERIFY_SHARE : VERIFY_MS;
    uv_timer_start(&v->timer, on_due, (uint64_t)pause, 0);
    if (v->wrong)
        v->events.wrong(v->events.data, &v->err);
}

static void on_due(uv_timer_t *timer)
{
    struct verifier *v = timer->data;
    if (!v->events.may_look(v->events.data)) {
        uv_timer_start(timer, on_due, VERIFY_MS, 0);
        return;
    }
    v->working = true;
    v->work.data = v;
    uv_queue_work(timer->loop, &v->work, look_on_pool, looked);
}

struct verifier *verifier_start(struct loop *loop, const char *path,
                                const struct verifier_events *events)
{
    struct verifier *v = NEW(struct verifier);
    v->events = *events;
    v->path = mem_strdup(path);
    uv_timer_init(&loop->uv, &v->timer);
    v->timer.data = v;
    uv_timer_start(&v->timer, on_due, 0, 0);
    return v;
}

void verifier_stop(struct verifier *v)
{
    v->stopped = true;
    close_when_idle(v);
}
