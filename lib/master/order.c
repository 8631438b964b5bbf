/* Orders: what an agent must run, end and remove, read from the state each time, repeated until its
 * report has changed that. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "master/private.h"

#define REPEAT_MS 5000       /* an order that the agent has not answered by a status */
#define KILL_REPEAT_MS 30000 /* one that it has, by "killing": spec/marathon.md 9.5 */
#define WIPE_REPEAT_MS 5000
#define WIPES 100    /* in one order, and in one answer: what it leaves out is ordered again */
#define DRAIN_MS 100 /* from a task's last route to the order that it ends */

struct told {
    int64_t task;
    enum task_state what; /* STAGING: run, KILLING: kill; LOST: nothing yet */
    struct mono again;    /* repeat the order then */
};

void told_free(struct session *s)
{
    struct told *t;
    for (size_t cursor = 0; (t = map_each(s->told, &cursor)) != NULL;)
        mem_free(t);
    map_free(s->told);
}

void order_kill(struct master *m, const struct session *s, int64_t task, const char *reason,
                struct outbox *out)
{
    struct json_writer w;
    master_tell(m, s->id, MESSAGE_KILL, &w, out);
    json_member_int(&w, "task", task);
    json_member_str(&w, "reason", reason);
    outbox_message_end(out, &w);
}

static void order_run(struct master *m, const struct session *s, const struct task_row *t,
                      struct outbox *out)
{
    struct buf spec;
    struct json_writer w;
    buf_init(&spec, LIMIT_FRAME_BYTES / 2);
    if (m->options.run_spec(m->options.data, t, &spec) && !buf_full(&spec)) {
        master_tell(m, s->id, MESSAGE_RUN, &w, out);
        json_member_int(&w, "pong", t->pong);
        json_member_raw(&w, "spec", buf_slice(&spec));
        outbox_message_end(out, &w);
    } else { /* what it was is gone: it must not stay as if it were to start */
        order_kill(m, s, t->id, "its definition is gone", out);
    }
    buf_close(&spec);
}

/* Proxies stop sending to it first: until then it is not told to end. The wall clock may be set. */
static int64_t draining_ms(const struct task_row *t, struct now now)
{
    if (t->state != TASK_KILLING || t->owner != OWNER_APP || str_eq(t->ports, "[]"))
        return 0;
    int64_t left = t->killed.ms + DRAIN_MS - now.wall.ms;
    return left > 0 && left <= DRAIN_MS ? left : 0;
}

/* What it was told it need not be told again yet. */
static bool is_told(const struct told *told, enum task_state state, struct now now)
{
    return told->what == state && now.mono.ms < told->again.ms;
}

static void order(struct master *m, struct session *s, const struct task_row *t, struct told *told,
                  struct now now, struct outbox *out)
{
    int64_t draining = draining_ms(t, now);
    if (draining > 0) {
        s->due = mono_earlier(s->due, mono_after(now.mono, draining));
        return;
    }
    told->what = t->state;
    told->again = mono_after(now.mono, REPEAT_MS);
    s->due = mono_earlier(s->due, told->again);
    if (t->state == TASK_STAGING)
        order_run(m, s, t, out);
    else
        order_kill(m, s, t->id, t->kill_reason != NULL ? t->kill_reason : "", out);
}

/* Its grace may be long, and there may be thousands: what is on its way is not pressed for. */
void kill_heard(const struct session *s, int64_t task, struct now now)
{
    struct told *t = map_get(s->told, (uint64_t)task);
    if (t != NULL && t->what == TASK_KILLING)
        t->again = mono_after(now.mono, KILL_REPEAT_MS);
}

static struct told *told_of(struct session *s, int64_t task)
{
    struct told *t = map_remove(s->told, (uint64_t)task);
    if (t == NULL) {
        t = NEW(struct told);
        *t = (struct told){.task = task, .what = TASK_LOST};
    }
    return t;
}

struct to_order {
    int64_t task;
    enum task_state state;
};

static struct to_order *tasks_to_order(struct master *m, int64_t agent, size_t *n_out)
{
    struct to_order *items = NULL;
    size_t n = 0, cap = 0;
    struct stmt *q = state_tasks_to_order(m->state, agent);
    while (stmt_row(q)) {
        if (n == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            items = mem_realloc(items, cap * sizeof *items);
        }
        items[n++] = (struct to_order){stmt_i64(q, 0),
                                       (enum task_state)stmt_word(q, 1, TASK_LOST, TASK_LOST)};
    }
    *n_out = n;
    return items;
}

/* What was given up; it may have been away then. */
static void order_wipes(struct master *m, struct session *s, struct now now, struct outbox *out)
{
    struct volume_row v;
    struct json_writer w;
    size_t n = 0;
    if (now.mono.ms < s->wipe_again.ms) {
        s->due = mono_earlier(s->due, s->wipe_again);
        return;
    }
    s->wipe_again = MONO_NEVER;
    struct stmt *q = state_volumes_given_up(m->state, s->id, WIPES);
    while (state_volume_next(q, &v)) {
        if (n++ == 0) {
            master_tell(m, s->id, MESSAGE_WIPE, &w, out);
            json_key(&w, "volumes");
            json_array(&w);
        }
        json_object(&w);
        json_member_int(&w, "volume", v.id);
        json_member_str(&w, "name", v.name);
        json_object_end(&w);
    }
    if (n == 0)
        return;
    json_array_end(&w);
    outbox_message_end(out, &w);
    s->wipe_again = mono_after(now.mono, WIPE_REPEAT_MS);
    s->due = mono_earlier(s->due, s->wipe_again);
}

void on_wiped(const struct session *s, const struct json *body, struct outbox *out)
{
    struct json_writer w;
    size_t n = 0;
    outbox_draft(out, COMMAND_VOLUME_GONE, (struct origin){.kind = ORIGIN_NOBODY}, &w);
    json_member_int(&w, "agent", s->id);
    json_key(&w, "volumes");
    json_array(&w);
    JSON_EACH (volume, json_get(body, "volumes"))
        if (n++ < WIPES)
            json_put_int(&w, json_int(volume, 0));
    json_array_end(&w);
    outbox_draft_end(out, &w);
}

/* Sets s->due. What it was told of other tasks is forgotten: they have been answered. */
void orders_look(struct master *m, struct session *s, struct now now, struct outbox *out)
{
    size_t n;
    struct json_writer w;
    if (now.mono.ms >= s->ask_again.ms) {
        s->ask_again = MONO_NEVER;
        master_tell(m, s->id, MESSAGE_AGAIN, &w, out);
        outbox_message_end(out, &w);
    }
    s->due = mono_earlier(s->due, s->ask_again);
    order_wipes(m, s, now, out);
    struct to_order *items = tasks_to_order(m, s->id, &n);
    struct map *told = map_new();
    for (size_t i = 0; i < n; i++) {
        struct task_row t;
        struct told *one = told_of(s, items[i].task);
        map_put(told, (uint64_t)one->task, one);
        if (is_told(one, items[i].state, now))
            s->due = mono_earlier(s->due, one->again);
        else if (state_task_by_id(m->state, one->task, &t))
            order(m, s, &t, one, now, out);
    }
    told_free(s);
    s->told = told;
    mem_free(items);
}
