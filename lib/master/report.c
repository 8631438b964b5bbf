/* What agents report: all of a turn are one command, acknowledged once it is committed. */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/private.h"
#include "model/status.h"

#define COMMAND_BYTES (256 << 10)          /* of statuses; then the next command begins */
#define STATUS_BYTES (512 << 10)           /* of one */
#define ACKS_BYTES (LIMIT_FRAME_BYTES / 4) /* of their acknowledgements, likewise */

static struct buf *acks_of(struct master *m, int64_t agent)
{
    if (m->gathering == NULL)
        m->gathering = NEW(struct waiting);
    struct waiting *w = m->gathering;
    for (size_t i = w->n; i-- > 0;) /* mostly the last one's again */
        if (w->agents[i] == agent)
            return &w->bodies[i];
    w->agents = mem_realloc(w->agents, (w->n + 1) * sizeof w->agents[0]);
    w->bodies = mem_realloc(w->bodies, (w->n + 1) * sizeof w->bodies[0]);
    w->agents[w->n] = agent;
    buf_init(&w->bodies[w->n], LIMIT_FRAME_BYTES / 2);
    return &w->bodies[w->n++];
}

static void add_ack(struct master *m, int64_t agent, const struct json *status)
{
    struct json_writer w;
    struct buf *acks = acks_of(m, agent);
    size_t before = acks->len;
    if (before > 0)
        buf_putc(acks, ',');
    json_begin(&w, acks);
    json_object(&w);
    json_member_int(&w, "task", json_int(json_get(status, "task"), 0));
    json_member_int(&w, "seq", json_int(json_get(status, "seq"), 0));
    json_object_end(&w);
    m->gathering->ack_bytes += acks->len - before;
}

static void add_status(struct master *m, struct slice body)
{
    if (m->gathering == NULL)
        m->gathering = NEW(struct waiting);
    if (m->statuses.len > 0)
        buf_putc(&m->statuses, ',');
    buf_put_slice(&m->statuses, body);
}

bool is_awaited(const struct master *m, const struct session *s, int64_t task)
{
    struct task_brief t;
    return state_task_brief(m->state, task, &t) && t.agent == s->id &&
           (!task_ended(t.state) || given_up(&t));
}

enum whose { OURS, NOBODYS, STRANGER };

static enum whose whose(struct master *m, const struct session *s, const struct status *st)
{
    struct task_brief t;
    if (is_awaited(m, s, st->task))
        return OURS;
    if (!task_ended(st->state))
        return STRANGER;
    /* nobody waits for its end, but it is told */
    bool late = state_task_brief(m->state, st->task, &t) && t.agent == s->id &&
                t.owner == OWNER_APP && t.state == TASK_LOST;
    return late ? OURS : NOBODYS;
}

static void note_alive(struct master *m, int64_t agent, int64_t task)
{
    struct waiting *w = m->gathering;
    if (w->alive_n == w->alive_cap) {
        w->alive_cap = w->alive_cap == 0 ? 16 : w->alive_cap * 2;
        w->alive = mem_realloc(w->alive, w->alive_cap * sizeof w->alive[0]);
    }
    w->alive[w->alive_n++] = (struct alive){agent, task};
}

/* Takes it in, and says whether it is to be acknowledged. What is no status, or of the end of what
 * is nobody's, is: it would only come again. A stranger is to come again until he has ended. */
static bool take_status(struct master *m, struct session *s, const struct json *v,
                        struct slice body, struct now now, struct outbox *out)
{
    struct status st;
    struct error err;
    if (status_read(v, &st, &err) != 0) {
        log_warn("status refused", "agent=%lld why=%s", (long long)s->id, err.text);
        return true;
    }
    switch (whose(m, s, &st)) {
    case OURS:
        add_status(m, body);
        if (!task_ended(st.state))
            note_alive(m, s->id, st.task);
        return true;
    case NOBODYS:
        return true;
    case STRANGER:
        end_stranger(m, s, st.task, "it was replaced", now, out);
        return false;
    }
    return true;
}

static void take_one(struct master *m, struct session *s, const struct json *v, struct now now,
                     struct outbox *out)
{
    struct buf body;
    struct json_writer w;
    buf_init(&body, STATUS_BYTES);
    json_begin(&w, &body);
    json_put_value(&w, v);
    bool full = buf_full(&body);
    if (full)
        log_warn("status refused", "agent=%lld task=%lld why=longer than %d bytes",
                 (long long)s->id, (long long)json_int(json_get(v, "task"), 0), STATUS_BYTES);
    if (full || take_status(m, s, v, buf_slice(&body), now, out))
        add_ack(m, s->id, v);
    buf_close(&body);
}

static void end_told(struct session *s, int64_t task)
{
    for (size_t i = 0; i < s->owed_n; i++)
        if (s->owed[i] == task)
            s->owed[i--] = s->owed[--s->owed_n];
}

void on_status(struct master *m, struct session *s, const struct json *v, struct now now,
               struct outbox *out)
{
    JSON_EACH (status, json_get(v, "statuses")) {
        enum task_state state = TASK_LOST;
        int64_t task = json_int(json_get(status, "task"), 0);
        bool read = task_state_parse(json_str(json_get(status, "state"), ""), &state);
        take_one(m, s, status, now, out);
        if (read && task_ended(state))
            end_told(s, task);
        else if (read && state == TASK_KILLING)
            kill_heard(s, task, now);
        bool many = m->gathering != NULL && m->gathering->ack_bytes > ACKS_BYTES;
        if (many || m->statuses.len > COMMAND_BYTES)
            propose_statuses(m, now, out);
    }
}

void report_again(struct master *m, const struct json *reported, struct now now, struct outbox *out)
{
    JSON_EACH (item, reported) {
        struct task_brief t;
        struct buf body;
        struct json_writer w;
        struct status st = {.task = json_int(json_get(item, "task"), 0),
                            .seq = json_int(json_get(item, "seq"), 0),
                            .at = now.wall};
        if (!task_state_parse(json_str(json_get(item, "state"), ""), &st.state) ||
            task_ended(st.state) || !state_task_brief(m->state, st.task, &t) ||
            t.state != TASK_UNREACHABLE)
            continue;
        buf_init(&body, STATUS_BYTES);
        json_begin(&w, &body);
        status_write(&st, &w);
        add_status(m, buf_slice(&body));
        buf_close(&body);
        if (m->statuses.len > COMMAND_BYTES)
            propose_statuses(m, now, out);
    }
}

/* What was said to live, and had ended in the state when that was committed: an order that came
 * after the kill that was to end it. */
static void end_closed(struct master *m, const struct waiting *wait, struct now now,
                       struct outbox *out)
{
    for (size_t i = 0; i < wait->alive_n; i++) {
        struct task_brief t;
        struct session *s = map_get(m->sessions, (uint64_t)wait->alive[i].agent);
        if (s != NULL && state_task_brief(m->state, wait->alive[i].task, &t) &&
            task_ended(t.state) && !given_up(&t))
            end_stranger(m, s, t.id, "it was replaced", now, out);
    }
}

void acknowledge(struct master *m, const struct waiting *wait, struct now now, struct outbox *out)
{
    for (size_t i = 0; i < wait->n; i++) {
        struct json_writer w;
        master_tell(m, wait->agents[i], MESSAGE_ACK, &w, out);
        json_key(&w, "statuses");
        json_array(&w);
        json_put_raw(&w, buf_slice(&wait->bodies[i]));
        json_array_end(&w);
        outbox_message_end(out, &w);
    }
    end_closed(m, wait, now, out);
}

void propose_statuses(struct master *m, struct now now, struct outbox *out)
{
    struct json_writer w;
    struct waiting *wait = m->gathering;
    if (wait == NULL)
        return;
    m->gathering = NULL;
    if (m->statuses.len == 0) { /* none of them is ours */
        acknowledge(m, wait, now, out);
        waiting_free(wait);
        return;
    }
    waiting_add(m, wait);
    outbox_draft(out, COMMAND_TASK_UPDATE, (struct origin){.kind = ORIGIN_MASTER, .key = wait->key},
                 &w);
    json_key(&w, "set");
    json_array(&w);
    json_put_raw(&w, buf_slice(&m->statuses));
    json_array_end(&w);
    outbox_draft_end(out, &w);
    buf_clear(&m->statuses);
}
