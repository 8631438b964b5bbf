/* Statuses: kept until they are acknowledged. Of one task, one a state: a newer one in the same
 * state says all that the older said, so a long silence of the leader costs a few rows a task. */
#include "agent/private.h"
#include "base/limits.h"
#include "base/mem.h"

#define STATUSES_A_MESSAGE 512
#define STATUS_BYTES (512 << 10)          /* as much as the master takes of one */
#define SEQ_OF_UNKNOWN (INT64_C(1) << 40) /* of a task that has no record: above any count */

static void begin_statuses(struct agent *a, struct json_writer *w, struct outbox *out)
{
    outbox_message(out, TO_LEADER, MESSAGE_STATUS, w);
    json_member_int(w, "uid", a->uid);
    json_key(w, "statuses");
    json_array(w);
}

static void end_statuses(struct json_writer *w, struct outbox *out)
{
    json_array_end(w);
    outbox_message_end(out, w);
}

static void send_status(struct agent *a, struct slice body, struct outbox *out)
{
    struct json_writer w;
    if (!a->registered)
        return; /* all of them are sent with the welcome */
    begin_statuses(a, &w, out);
    json_put_raw(&w, body);
    end_statuses(&w, out);
}

/* The next ones behind what is on its way; it goes on when these are acknowledged. */
static void send_more(struct agent *a, struct outbox *out)
{
    struct json_writer w;
    size_t n = 0, bytes = 0;
    struct stmt *q = stmts_use(a->stmts, STATUSES);
    stmt_bind_i64(q, ":task", a->sent_task);
    stmt_bind_i64(q, ":seq", a->sent_seq);
    stmt_bind_i64(q, ":limit", STATUSES_A_MESSAGE);
    a->sent_task = a->sent_seq = 0;
    while (stmt_row(q)) {
        if (n++ == 0)
            begin_statuses(a, &w, out);
        json_put_raw(&w, stmt_text(q, 0));
        bytes += stmt_text(q, 0).len;
        if (n == STATUSES_A_MESSAGE || bytes > LIMIT_FRAME_BYTES / 2) {
            a->sent_task = stmt_i64(q, 1);
            a->sent_seq = stmt_i64(q, 2);
            stmt_end(q);
            break;
        }
    }
    if (n > 0)
        end_statuses(&w, out);
}

void send_statuses(struct agent *a, struct outbox *out)
{
    a->sent_task = a->sent_seq = 0;
    send_more(a, out);
}

static void keep(struct agent *a, const struct status *st, const char *body)
{
    struct stmt *q = write_stmt(a, TASK_REPORT);
    stmt_bind_i64(q, ":task", st->task);
    stmt_bind_i64(q, ":state", st->state);
    stmt_bind_i64(q, ":seq", st->seq);
    stmt_run(q);
    q = write_stmt(a, STATUS_REPLACE);
    stmt_bind_i64(q, ":task", st->task);
    stmt_bind_i64(q, ":state", st->state);
    stmt_run(q);
    q = write_stmt(a, STATUS_PUT);
    stmt_bind_i64(q, ":task", st->task);
    stmt_bind_i64(q, ":seq", st->seq);
    stmt_bind_i64(q, ":state", st->state);
    stmt_bind_text(q, ":body", body);
    stmt_run(q);
}

/* Of one that is too long to be taken, what people would read is left out. */
static void write_body(const struct status *st, struct buf *out)
{
    struct json_writer w;
    buf_init(out, STATUS_BYTES);
    json_begin(&w, out);
    status_write(st, &w);
    if (!buf_full(out))
        return;
    struct status shorter = *st;
    shorter.message = "what was said of it is too long";
    shorter.detail = NULL;
    shorter.health_results = NULL;
    shorter.health_raw = (struct slice){0};
    shorter.readiness = NULL;
    shorter.readiness_raw = (struct slice){0};
    buf_clear(out);
    json_begin(&w, out);
    status_write(&shorter, &w);
}

void agent_report(struct agent *a, struct status *st, struct outbox *out)
{
    struct known known;
    struct buf body;
    if (!known_task(a, st->task, &known))
        return;
    st->seq = known.seq + 1;
    write_body(st, &body);
    keep(a, st, buf_str(&body));
    send_status(a, buf_slice(&body), out);
    buf_close(&body);
}

void report_state(struct agent *a, int64_t task, enum task_state state, struct wall at,
                  const char *message, struct outbox *out)
{
    struct status st = {.task = task, .state = state, .at = at, .message = message};
    agent_report(a, &st, out);
}

void report_unknown(struct agent *a, int64_t task, struct wall at, struct outbox *out)
{
    struct buf body;
    const struct status st = {.task = task,
                              .seq = SEQ_OF_UNKNOWN,
                              .state = TASK_KILLED,
                              .at = at,
                              .message = "the agent has no such task"};
    write_body(&st, &body);
    send_status(a, buf_slice(&body), out);
    buf_close(&body);
}

bool repeat_last(struct agent *a, int64_t task, struct outbox *out)
{
    struct stmt *q = stmts_use(a->stmts, STATUS_LAST);
    stmt_bind_i64(q, ":task", task);
    bool found = stmt_row(q);
    if (found)
        send_status(a, stmt_text(q, 0), out);
    stmt_end(q);
    return found;
}

static void note_over(struct agent *a, int64_t task, struct now now)
{
    struct over *o = NEW(struct over);
    *o = (struct over){task, mono_after(now.mono, a->options.lease_ms)};
    mem_free(map_put(a->over, (uint64_t)task, o));
}

void forget_over(struct agent *a, struct now now)
{
    size_t cursor = 0;
    for (struct over *o; (o = map_each(a->over, &cursor)) != NULL && o->until.ms <= now.mono.ms;
         cursor = 0) { /* the oldest is the first */
        map_remove(a->over, (uint64_t)o->task);
        mem_free(o);
    }
}

/* Once the end of a task is known to the leader, its record goes. */
static void ack_one(struct agent *a, int64_t task, int64_t seq, struct now now, struct outbox *out)
{
    struct known known;
    if (!known_task(a, task, &known))
        return;
    struct stmt *q = write_stmt(a, STATUSES_ACK);
    stmt_bind_i64(q, ":task", task);
    stmt_bind_i64(q, ":seq", seq);
    stmt_run(q);
    q = stmts_use(a->stmts, STATUSES_LEFT);
    stmt_bind_i64(q, ":task", task);
    if (!task_ended(known.state) || stmt_one_i64(q, 1) > 0)
        return;
    q = write_stmt(a, TASK_DROP);
    stmt_bind_i64(q, ":task", task);
    stmt_run(q);
    note_over(a, task, now);
    outbox_forget(out, task);
}

void on_ack(struct agent *a, const struct json *body, struct now now, struct outbox *out)
{
    bool more = false;
    JSON_EACH (item, json_get(body, "statuses")) {
        int64_t task = json_int(json_get(item, "task"), 0),
                seq = json_int(json_get(item, "seq"), 0);
        ack_one(a, task, seq, now, out);
        more = more || (a->sent_task != 0 && task == a->sent_task && seq >= a->sent_seq);
    }
    if (more)
        send_more(a, out);
}
