/* Registering: who an agent is, and what it has been running all the while. */
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "master/private.h"
#include "model/resources.h"

#define ASK_AGAIN_MS 5000            /* after strangers were told to end */
#define OWED_MS 10000                /* an agent says each 2 s what was not acknowledged */
#define TEXT_BYTES 1024              /* of each text that it tells of itself */
#define PORT_RANGES_BYTES (64 << 10) /* of the most ranges there may be, as text */

/* What an agent tells, in the words of its message and of the command. */
struct offer {
    const struct json *v;
    int64_t uid, node;
    struct resources resources;
    struct buf ports; /* "31000-32000" */
    struct buf attributes;
};

#define PLAIN 2 /* the first so many are names; the others may say whatever an engine says */
static const char *const texts[] = {"hostname", "address", "boot",
                                    "version",  "docker",  "docker_reason"};

static const char *text(const struct offer *o, const char *name)
{
    return json_str(json_get(o->v, name), "");
}

static int check_texts(const struct offer *o, struct error *err)
{
    char quoted[60];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *t = text(o, texts[i]);
        size_t len = strlen(t);
        if (len > TEXT_BYTES)
            return error_set(err, ERR_INVALID, "%s: got %zu bytes, need at most %d", texts[i], len,
                             TEXT_BYTES);
        if (i < PLAIN && str_has_control(t))
            return error_set(err, ERR_INVALID, "%s: got %s, need a text without control characters",
                             texts[i], str_quote(quoted, sizeof quoted, t, len));
    }
    int64_t port = json_int(json_get(o->v, "port"), 0);
    if (port < -1 || port > UINT16_MAX)
        return error_set(err, ERR_INVALID, "port: got %lld, need 0 to 65535, or -1 for none",
                         (long long)port);
    return 0;
}

static int read_offer(const struct json *v, int64_t node, struct offer *out, struct error *err)
{
    struct json_writer w;
    struct buf ranges;
    unsigned named;
    *out = (struct offer){.v = v, .uid = json_int(json_get(v, "uid"), 0), .node = node};
    if (out->uid <= 0)
        return error_set(err, ERR_INVALID, "uid: need a positive number");
    if (check_texts(out, err) != 0)
        return -1;
    if (resources_parse(json_str(json_get(v, "resources"), ""), &out->resources, &named, err) != 0)
        return error_wrap(err, "resources");
    buf_init(&ranges, PORT_RANGES_BYTES);
    ports_text(&out->resources.ports, &ranges); /* "[31000-32000]" */
    buf_init(&out->ports, PORT_RANGES_BYTES);
    if (ranges.len > 2)
        buf_put(&out->ports, ranges.data + 1, ranges.len - 2);
    buf_close(&ranges);
    buf_init(&out->attributes, LIMIT_FRAME_BYTES);
    json_begin(&w, &out->attributes);
    if (json_is(json_get(v, "attributes"), JSON_OBJECT))
        json_put_value(&w, json_get(v, "attributes"));
    else
        json_put_raw(&w, SLICE("{}"));
    return 0;
}

static void offer_close(struct offer *o)
{
    resources_close(&o->resources);
    buf_close(&o->ports);
    buf_close(&o->attributes);
}

/* The agent's row says the same already: nothing to commit. */
static bool is_known(struct master *m, const struct offer *o, int64_t *id_out)
{
    struct agent_row row;
    if (!state_agent_by_uid(m->state, o->uid, &row) || row.state == AGENT_UNREACHABLE ||
        row.state == AGENT_GONE)
        return false;
    *id_out = row.id;
    const char *const known[] = {row.hostname, row.address, row.boot,
                                 row.version,  row.docker,  row.docker_reason};
    bool same =
        row.node == o->node && row.port == json_int(json_get(o->v, "port"), 0) &&
        row.cpus_milli == o->resources.cpus_milli && row.mem_bytes == o->resources.mem_bytes &&
        row.disk_bytes == o->resources.disk_bytes && str_eq(row.port_ranges, buf_str(&o->ports)) &&
        str_eq(row.attributes, buf_str(&o->attributes));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        same = same && str_eq(known[i], text(o, texts[i]));
    return same;
}

void end_stranger(struct master *m, struct session *s, int64_t task, const char *why,
                  struct now now, struct outbox *out)
{
    order_kill(m, s, task, why, out);
    s->ask_again = mono_after(now.mono, ASK_AGAIN_MS);
    session_wake(m, s);
}

/* What it runs and should not: what has ended here, or was given to somebody else. */
static void end_strangers(struct master *m, struct session *s, const struct json *reported,
                          struct now now, struct outbox *out)
{
    static const char why[] = "it was replaced while its agent was away";
    JSON_EACH (item, reported) {
        enum task_state state;
        int64_t task = json_int(json_get(item, "task"), 0);
        if (is_awaited(m, s, task))
            continue;
        if (task_state_parse(json_str(json_get(item, "state"), ""), &state) && task_ended(state))
            order_kill(m, s, task, why, out); /* so that it tells its end once more */
        else
            end_stranger(m, s, task, why, now, out);
    }
}

/* What the state takes for alive and out of reach, and it does not know: its order was lost on the
 * way. Nobody else would ever tell of its end. */
static void end_unheard(struct master *m, struct session *s, const struct json *reported,
                        struct now now, struct outbox *out)
{
    struct task_row t;
    struct map *known = map_new();
    JSON_EACH (item, reported)
        map_put(known, (uint64_t)json_int(json_get(item, "task"), 0), known);
    struct stmt *q = state_tasks_of_agent(m->state, s->id);
    while (state_task_next(q, &t))
        if (t.app != 0 && t.state == TASK_UNREACHABLE && map_get(known, (uint64_t)t.id) == NULL)
            end_stranger(m, s, t.id, "its agent does not know it", now, out);
    map_free(known);
}

/* Ends that it will tell as soon as it is welcome. */
static void owe_ended(struct session *s, const struct json *reported, struct now now)
{
    s->owed_until = mono_after(now.mono, OWED_MS);
    s->owed = mem_alloc((json_count(reported) + 1) * sizeof s->owed[0]);
    JSON_EACH (item, reported) {
        enum task_state state;
        if (task_state_parse(json_str(json_get(item, "state"), ""), &state) && task_ended(state))
            s->owed[s->owed_n++] = json_int(json_get(item, "task"), 0);
    }
}

/* From now on its messages count. It is told all that it ought to know, as if it knew nothing. */
static void welcome(struct master *m, int64_t id, int64_t uid, int64_t node,
                    const struct json *reported, struct now now, struct outbox *out)
{
    struct session *s = map_get(m->sessions, (uint64_t)id);
    struct json_writer w;
    if (s != NULL)
        session_drop(m, s);
    s = session_new(m, id, uid, now);
    s->node = node;
    s->state = SESSION_REGISTERED;
    owe_ended(s, reported, now);
    list_push(&m->dirty, &s->in_dirty);
    m->due = now.mono; /* its silence counts from here */
    master_tell(m, id, MESSAGE_WELCOME, &w, out);
    json_member_int(&w, "id", id);
    outbox_message_end(out, &w);
    end_strangers(m, s, reported, now, out);
    end_unheard(m, s, reported, now, out);
    report_again(m, reported, now, out);
    send_routes(m, now, out);
}

static struct json *copy_json(const struct json *v)
{
    struct buf copy;
    struct json_writer w;
    struct error err;
    buf_init(&copy, LIMIT_FRAME_BYTES);
    json_begin(&w, &copy);
    json_put_value(&w, v);
    struct json *root = json_parse_own(buf_slice(&copy), &err);
    buf_close(&copy);
    return root;
}

static void propose_register(struct master *m, const struct offer *o, struct outbox *out)
{
    struct json_writer w;
    struct waiting *wait = NEW(struct waiting);
    *wait = (struct waiting){
        .uid = o->uid, .node = o->node, .reported = copy_json(json_get(o->v, "tasks"))};
    waiting_add(m, wait);
    outbox_draft(out, COMMAND_AGENT_REGISTER,
                 (struct origin){.kind = ORIGIN_MASTER, .key = wait->key}, &w);
    json_member_int(&w, "uid", o->uid);
    json_member_int(&w, "node", o->node);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        json_member_str(&w, texts[i], text(o, texts[i]));
    json_member_int(&w, "port", json_int(json_get(o->v, "port"), 0));
    json_member_raw(&w, "attributes", buf_slice(&o->attributes));
    json_member_str(&w, "ports", buf_str(&o->ports));
    json_member_int(&w, "cpus_milli", o->resources.cpus_milli);
    json_member_int(&w, "mem_bytes", o->resources.mem_bytes);
    json_member_int(&w, "disk_bytes", o->resources.disk_bytes);
    outbox_draft_end(out, &w);
}

void on_register(struct master *m, int64_t node, const struct json *v, struct now now,
                 struct outbox *out)
{
    struct offer o;
    struct error err;
    int64_t id;
    if (read_offer(v, node, &o, &err) != 0)
        master_complain(m, "agent refused", node, err.text, now);
    else if (is_known(m, &o, &id))
        welcome(m, id, o.uid, node, json_get(v, "tasks"), now, out);
    else
        propose_register(m, &o, out);
    offer_close(&o);
}

void registered(struct master *m, const struct waiting *w, const struct outcome *o, struct now now,
                struct outbox *out)
{
    struct error err;
    struct json *detail = json_parse_own(buf_slice(&o->detail), &err);
    welcome(m, json_int(json_get(detail, "agent"), -1), w->uid, w->node, w->reported, now, out);
    json_free(detail);
}
