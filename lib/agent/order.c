/* The leader's orders: run, kill and wipe. */
#include "agent/private.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/run_spec.h"

/* A run that was ordered before everything was found again: nothing is launched until then. */
struct early {
    int64_t task, pong;
};

/* ---- may it start? */

/* Within the lease of sending the pong that the decision named (DESIGN 6)? */
static bool within_lease(const struct agent *a, int64_t pong, struct now now)
{
    if (pong <= 0 || pong > a->pong || pong <= a->pong - PONGS_REMEMBERED)
        return false;
    return now.mono.ms - a->pongs[pong % PONGS_REMEMBERED].ms < a->options.lease_ms;
}

/* Why it may not start any more; NULL when it may. */
static const char *too_late(const struct agent *a, const struct run_spec *spec, int64_t pong,
                            struct now now)
{
    if (spec->once && !within_lease(a, pong, now))
        return "the order came too late to start for sure only once";
    if (spec->start_before_ms != 0 && now.wall.ms > spec->start_before_ms)
        return "the time to start it was over";
    return NULL;
}

/* ---- run */

/* The task that is the same attempt of a job's run: its leader has not heard yet what became of it.
 * 0: none. */
static int64_t twin_of(struct agent *a, const struct run_spec *spec)
{
    if (spec->run == 0)
        return 0;
    struct stmt *q = stmts_use(a->stmts, TASK_OF_ATTEMPT);
    stmt_bind_text(q, ":name", spec->name);
    stmt_bind_i64(q, ":run", spec->run);
    stmt_bind_i64(q, ":dropped", TASK_DROPPED);
    return stmt_one_i64(q, 0);
}

/* Its leader gave it up, and maybe what it heard since, too. */
static void tell_again(struct agent *a, int64_t task, struct now now, struct outbox *out)
{
    struct known known;
    if (!repeat_last(a, task, out) && known_task(a, task, &known))
        report_state(a, task, known.state, now.wall, NULL, out);
}

static void add_task(struct agent *a, const struct run_spec *spec, struct slice text)
{
    struct stmt *q = write_stmt(a, TASK_ADD);
    stmt_bind_i64(q, ":task", spec->task);
    stmt_bind_i64(q, ":run", spec->run);
    stmt_bind_text(q, ":name", spec->name);
    stmt_bind_slice(q, ":spec", text);
    stmt_bind_i64(q, ":launched", a->recovered);
    stmt_run(q);
}

static void note_early(struct agent *a, int64_t task, int64_t pong)
{
    struct early *e = NEW(struct early);
    *e = (struct early){task, pong};
    mem_free(map_put(a->early, (uint64_t)task, e));
}

static void take_run(struct agent *a, const struct run_spec *spec, int64_t pong, struct now now,
                     struct outbox *out)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_FRAME_BYTES);
    json_begin(&w, &text);
    run_spec_write(spec, &w);
    int64_t twin = twin_of(a, spec);
    if (twin != 0)
        tell_again(a, twin, now, out);
    add_task(a, spec, buf_slice(&text));
    const char *why =
        twin != 0 ? "this agent had started it already" : too_late(a, spec, pong, now);
    if (why != NULL) {
        report_state(a, spec->task, TASK_DROPPED, now.wall, why, out);
    } else {
        if (a->recovered)
            outbox_launch(out, spec->task, buf_slice(&text));
        else
            note_early(a, spec->task, pong);
        if (spec->once) /* else its leader gives it to another (spec/chronos.md 5.2) */
            report_state(a, spec->task, TASK_STARTING, now.wall, NULL, out);
    }
    buf_close(&text);
}

void on_run(struct agent *a, const struct json *body, struct now now, struct outbox *out)
{
    struct run_spec spec;
    struct known known;
    struct error err;
    if (run_spec_read(json_get(body, "spec"), &spec, &err) != 0) {
        log_error("order refused", "why=%s", err.text);
        return;
    }
    if (known_task(a, spec.task, &known))
        repeat_last(a, spec.task, out);
    else if (map_get(a->over, (uint64_t)spec.task) == NULL) /* else it was long under way */
        take_run(a, &spec, json_int(json_get(body, "pong"), 0), now, out);
    run_spec_close(&spec);
}

static void start_one(struct agent *a, int64_t task, struct slice text, struct now now,
                      struct outbox *out)
{
    struct run_spec spec;
    struct error err;
    struct json *v = json_parse_own(text, &err);
    if (run_spec_read(v, &spec, &err) != 0) {
        report_state(a, task, TASK_ERROR, now.wall, "its record can not be read", out);
    } else {
        const struct early *e = map_get(a->early, (uint64_t)task); /* none: of an earlier process */
        const char *why = too_late(a, &spec, e != NULL ? e->pong : 0, now);
        if (why != NULL)
            report_state(a, task, TASK_DROPPED, now.wall, why, out);
        else
            outbox_launch(out, task, text);
        run_spec_close(&spec);
    }
    json_free(v);
}

void start_early(struct agent *a, struct now now, struct outbox *out)
{
    begin_writing(a);
    struct stmt *q = stmts_use(a->stmts, TASKS);
    while (stmt_row(q))
        if (!stmt_bool(q, 3) && !task_ended(state_at(q, 1)))
            start_one(a, stmt_i64(q, 0), stmt_text(q, 2), now, out);
    free_items(a->early);
    a->early = map_new();
    stmt_run(write_stmt(a, TASKS_LAUNCHED));
}

/* ---- kill */

void on_kill(struct agent *a, const struct json *body, struct now now, struct outbox *out)
{
    struct known known;
    int64_t task = json_int(json_get(body, "task"), 0);
    const char *reason = json_str(json_get(body, "reason"), "");
    if (!known_task(a, task, &known))
        report_unknown(a, task, now.wall, out);
    else if (task_ended(known.state))
        repeat_last(a, task, out);
    else if (!known.launched)
        report_state(a, task, TASK_KILLED, now.wall, reason, out);
    else
        outbox_kill(out, task, reason);
}

/* ---- wipe */

/* What was found again uses its volumes: none is removed before. It is told again. */
void on_wipe(struct agent *a, const struct json *body, struct outbox *out)
{
    JSON_EACH (item, a->recovered ? json_get(body, "volumes") : NULL) {
        const char *name = json_str(json_get(item, "name"), "");
        if (name[0] != '\0')
            outbox_wipe(out, json_int(json_get(item, "volume"), 0), name);
    }
}

void agent_wiped(struct agent *a, int64_t volume, struct outbox *out)
{
    struct json_writer w;
    if (!a->registered)
        return;
    outbox_message(out, TO_LEADER, MESSAGE_WIPED, &w);
    json_member_int(&w, "uid", a->uid);
    json_key(&w, "volumes");
    json_array(&w);
    json_put_int(&w, volume);
    json_array_end(&w);
    outbox_message_end(out, &w);
}
