/* Who is there, and the tick; what each message means is in the files beside. */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "master/private.h"

#define ROUTES_EVERY_MS 5   /* changes of routes are gathered for so long */
#define ROUTES_LOST_MS 2000 /* so long after telling an agent it ought to have them */
#define COMPLAIN_AGAIN_MS 600000
#define SAY_AGAIN_MS 200 /* after a report could not be committed */
#define TICK_MS 1000     /* there is a tick at least so often, and it is noticed when not */

/* ---- life */

static void begin(struct master *m)
{
    m->sessions = map_new();
    m->by_uid = map_new();
    m->waiting = map_new();
    m->complaints = map_new();
    list_init(&m->dirty);
    m->suspect_until = m->due = MONO_NEVER;
    m->liveness_in_flight = false;
}

struct master *master_new(struct state *state, const struct master_options *options)
{
    struct master *m = NEW(struct master);
    m->state = state;
    m->options = *options;
    m->routes = routes_new(state);
    buf_init(&m->statuses, LIMIT_ENTRY_BYTES);
    begin(m);
    return m;
}

static void session_free(struct session *s)
{
    told_free(s);
    mem_free(s->owed);
    mem_free(s);
}

static void forget(struct master *m)
{
    m->seen_version++;
    struct session *s;
    struct waiting *w;
    struct complaint *c;
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;)
        session_free(s);
    for (size_t cursor = 0; (w = map_each(m->waiting, &cursor)) != NULL;)
        waiting_free(w);
    for (size_t cursor = 0; (c = map_each(m->complaints, &cursor)) != NULL;)
        mem_free(c);
    map_free(m->complaints);
    map_free(m->sessions);
    map_free(m->by_uid);
    map_free(m->waiting);
    waiting_free(m->gathering);
    m->gathering = NULL;
    buf_clear(&m->statuses);
}

void master_free(struct master *m)
{
    if (m == NULL)
        return;
    forget(m);
    routes_free(m->routes);
    buf_close(&m->statuses);
    mem_free(m);
}

void master_lead(struct master *m, bool leading, uint64_t term, struct now now, struct outbox *out)
{
    (void)out;
    forget(m);
    begin(m);
    m->leading = leading;
    m->term = term;
    m->ticked = now.mono;
    routes_forget(m->routes);
    if (!leading)
        return;
    m->due = now.mono;
    struct agent_row row; /* those that ought to come: their silence counts from now on */
    struct stmt *q = state_agents(m->state);
    while (state_agent_next(q, &row))
        if (row.state != AGENT_GONE && row.state != AGENT_UNREACHABLE)
            session_new(m, row.id, row.uid, now)->node = row.node;
}

/* ---- sessions */

struct session *session_new(struct master *m, int64_t id, int64_t uid, struct now now)
{
    struct session *s = NEW(struct session);
    *s = (struct session){.id = id,
                          .uid = uid,
                          .heard = now.mono,
                          .silent = now.wall,
                          .ask_again = MONO_NEVER,
                          .due = MONO_NEVER,
                          .told = map_new(),
                          .routes = ROUTES_NONE};
    list_init(&s->in_dirty);
    map_put(m->sessions, (uint64_t)id, s);
    map_put(m->by_uid, (uint64_t)uid, s);
    return s;
}

void session_wake(struct master *m, struct session *s)
{
    if (list_empty(&s->in_dirty))
        list_push(&m->dirty, &s->in_dirty);
}

void session_drop(struct master *m, struct session *s)
{
    m->seen_version++;
    list_remove(&s->in_dirty);
    map_remove(m->sessions, (uint64_t)s->id);
    map_remove(m->by_uid, (uint64_t)s->uid);
    session_free(s);
}

static const struct session *session_of(const struct master *m, int64_t agent)
{
    return map_get(m->sessions, (uint64_t)agent);
}

int64_t master_node_of(const struct master *m, int64_t agent)
{
    const struct session *s = session_of(m, agent);
    return s != NULL ? s->node : 0;
}

/* An end may have been told before the registration, and its acknowledgement have crossed with
 * that: then it is in the state, and does not come again. */
static bool owes(const struct master *m, const struct session *s)
{
    for (size_t i = 0; i < s->owed_n && m->ticked.ms < s->owed_until.ms; i++)
        if (is_awaited(m, s, s->owed[i]))
            return true;
    return false;
}

int64_t master_pong(const struct master *m, int64_t agent)
{
    const struct session *s = session_of(m, agent);
    return s != NULL && !owes(m, s) ? s->pong : 0;
}

bool master_is_live(const struct master *m, int64_t agent, struct now now)
{
    const struct session *s = session_of(m, agent);
    return s != NULL && s->state == SESSION_REGISTERED &&
           now.mono.ms - s->heard.ms < m->options.unreachable_ms;
}

bool master_expects(const struct master *m, int64_t agent)
{
    const struct session *s = session_of(m, agent);
    return s != NULL && s->state == SESSION_EXPECTED;
}

/* ---- what is being committed */

struct waiting *waiting_add(struct master *m, struct waiting *w)
{
    w->key = ++m->next_key;
    map_put(m->waiting, w->key, w);
    return w;
}

void waiting_free(struct waiting *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->n; i++)
        buf_close(&w->bodies[i]);
    mem_free(w->bodies);
    mem_free(w->agents);
    mem_free(w->alive);
    json_free(w->reported);
    mem_free(w);
}

void master_complain(struct master *m, const char *what, int64_t node, const char *why,
                     struct now now)
{
    struct complaint *c = map_get(m->complaints, (uint64_t)node);
    if (c == NULL) {
        c = NEW(struct complaint);
        map_put(m->complaints, (uint64_t)node, c);
    }
    bool again = now.mono.ms < c->until.ms && str_eq(c->why, why);
    log_event(again ? LOG_DEBUG : LOG_WARN, what, "node=%lld why=%s", (long long)node, why);
    if (again)
        return;
    str_copy(c->why, sizeof c->why, why);
    c->until = mono_after(now.mono, COMPLAIN_AGAIN_MS);
}

/* Its agent says it again. What was reported while nothing could be committed is to be said again
 * sooner: it must not be given up for having said nothing. */
static void refused(struct master *m, const struct waiting *w, const struct outcome *o,
                    struct now now)
{
    master_complain(m, w->uid != 0 ? "agent refused" : "report refused", w->node, o->text, now);
    for (size_t i = 0; i < w->n && o->code == ERR_UNAVAILABLE; i++) {
        struct session *s = map_get(m->sessions, (uint64_t)w->agents[i]);
        if (s == NULL)
            continue;
        s->ask_again = mono_earlier(s->ask_again, mono_after(now.mono, SAY_AGAIN_MS));
        session_wake(m, s);
    }
}

void master_outcome(struct master *m, uint64_t key, const struct outcome *o, struct now now,
                    struct outbox *out)
{
    if (key == 0) {
        liveness_outcome(m, now);
        return;
    }
    struct waiting *w = map_remove(m->waiting, key);
    if (w == NULL)
        return; /* of an earlier leadership */
    if (o->code != ERR_NONE)
        refused(m, w, o, now);
    else if (w->uid != 0)
        registered(m, w, o, now, out);
    else
        acknowledge(m, w, now, out);
    waiting_free(w);
}

/* ---- messages */

void master_tell(struct master *m, int64_t agent, enum message_kind kind, struct json_writer *w,
                 struct outbox *out)
{
    outbox_message(out, agent, kind, w);
    json_member_int(w, "term", (int64_t)m->term);
}

/* One that was given up, or of an earlier leader. */
static void ask_again(struct master *m, int64_t node, struct outbox *out)
{
    struct json_writer w;
    master_tell(m, -2 - node, MESSAGE_AGAIN, &w, out);
    outbox_message_end(out, &w);
}

/* What it was told of routes long ago and does not have has been lost, or refused. Who has none can
 * do nothing with changes, however lately it was told the last of them. */
static void on_pong(struct master *m, struct session *s, const struct json *body, struct now now)
{
    int64_t has = json_int(json_get(body, "routes"), ROUTES_NONE);
    struct mono told = has == ROUTES_NONE ? s->all_routes_told : s->routes_told;
    s->pong = json_int(json_get(body, "seq"), 0);
    take_clock(m, s, body, now);
    if (has == s->routes || now.mono.ms - told.ms < ROUTES_LOST_MS)
        return;
    s->routes = ROUTES_NONE;
    m->routes_lost = true;
}

void master_message(struct master *m, int64_t node, enum message_kind kind, const struct json *body,
                    struct now now, struct outbox *out)
{
    if (kind == MESSAGE_REGISTER) {
        on_register(m, node, body, now, out);
        return;
    }
    struct session *s = map_get(m->by_uid, (uint64_t)json_int(json_get(body, "uid"), 0));
    if (s == NULL || s->state != SESSION_REGISTERED || s->node != node) {
        ask_again(m, node, out);
        return;
    }
    s->heard = now.mono;
    if (kind == MESSAGE_PONG)
        on_pong(m, s, body, now);
    else if (kind == MESSAGE_STATUS)
        on_status(m, s, body, now, out);
    else if (kind == MESSAGE_WIPED)
        on_wiped(s, body, out);
    else
        log_warn("message refused", "node=%lld why=a leader gets no %s", (long long)node,
                 message_word(kind));
}

void master_closed(struct master *m, int64_t node, struct now now, struct outbox *out)
{
    struct session *s;
    (void)out;
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        if (s->node == node && s->state != SESSION_CLOSED) {
            s->state = SESSION_CLOSED;
            s->heard = now.mono;
            s->silent = now.wall;
            m->seen_version++;
        }
    }
}

static void task_changed(struct master *m, const struct change *c)
{
    struct task_brief t;
    if (c->kind == CHANGE_HEALTH && c->number == c->before)
        return; /* only its results are others */
    if (c->of != NULL && c->of[0] == '/')
        routes_dirty(m->routes, c->owner);
    if (c->kind == CHANGE_HEALTH || (c->state != TASK_STAGING && c->state != TASK_KILLING) ||
        !state_task_brief(m->state, c->id, &t))
        return;
    struct session *s = map_get(m->sessions, (uint64_t)t.agent);
    if (s != NULL)
        session_wake(m, s);
}

void master_changed(struct master *m, const struct change *c)
{
    struct session *s;
    if (!m->leading)
        return;
    switch (c->kind) {
    case CHANGE_APP:
    case CHANGE_APP_GONE:
        routes_dirty(m->routes, c->id);
        break;
    case CHANGE_TASK:
    case CHANGE_HEALTH:
        task_changed(m, c);
        break;
    case CHANGE_AGENT: /* who was given up registers again when it is back */
        s = map_get(m->sessions, (uint64_t)c->id);
        if (s != NULL && (c->state == AGENT_UNREACHABLE || c->state == AGENT_GONE))
            session_drop(m, s);
        break;
    case CHANGE_VOLUME:
        s = map_get(m->sessions, (uint64_t)c->id);
        if (s != NULL) {
            s->wipe_again = (struct mono){0};
            session_wake(m, s);
        }
        break;
    case CHANGE_DEPLOYMENT_BEGIN:
    case CHANGE_DEPLOYMENT_STEP:
    case CHANGE_DEPLOYMENT_END:
    case CHANGE_READINESS:
    case CHANGE_JOB:
    case CHANGE_JOB_GONE:
    case CHANGE_RUN:
    case CHANGE_NODE:
    case CHANGE_CALENDAR:
    case CHANGE_TOKEN:
    case CHANGE_CALLBACK:
    case CHANGE_LATE_END:
    case CHANGE_NOTICE:
    case CHANGE_APPS_REFUSED:
    case CHANGE_GROUP:
        break;
    }
}

/* ---- routes */

/* `removed` NULL: these are all. */
static void tell_routes(struct master *m, struct session *s, int64_t revision, struct slice routes,
                        const struct slice *removed, struct now now, struct outbox *out)
{
    struct json_writer w;
    master_tell(m, s->id, MESSAGE_ROUTES, &w, out);
    json_member_int(&w, "revision", revision);
    if (removed != NULL)
        json_member_int(&w, "since", s->routes);
    json_member_raw(&w, "routes", routes);
    if (removed != NULL)
        json_member_raw(&w, "removed", *removed);
    outbox_message_end(out, &w);
    s->routes = revision;
    s->routes_told = now.mono;
    if (removed == NULL)
        s->all_routes_told = now.mono;
}

static bool routes_to_tell(const struct master *m)
{
    return m->routes_lost || routes_are_dirty(m->routes);
}

void send_routes(struct master *m, struct now now, struct outbox *out)
{
    struct buf all;
    struct session *s;
    struct slice changed, removed;
    int64_t revision = routes_refresh(m->routes);
    bool brief = routes_change(m->routes, &changed, &removed);
    m->routes_lost = false;
    buf_init(&all, LIMIT_FRAME_BYTES / 2);
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        if (s->state != SESSION_REGISTERED || s->routes == revision)
            continue;
        if (brief && s->routes == revision - 1) {
            tell_routes(m, s, revision, changed, &removed, now, out);
            continue;
        }
        if (all.len == 0)
            routes_list(m->routes, &all);
        if (!buf_full(&all))
            tell_routes(m, s, revision, buf_slice(&all), NULL, now, out);
    }
    if (buf_full(&all))
        log_error("routes not sent", "why=more than %d bytes: proxies keep what they have",
                  LIMIT_FRAME_BYTES / 2);
    buf_close(&all);
}

/* ---- the tick */

/* The leader stood still, and so did the silence that it has heard. */
static void forgive_pause(struct master *m, struct now now)
{
    struct session *s;
    int64_t missed_ms = now.mono.ms - m->ticked.ms - TICK_MS;
    m->ticked = now.mono;
    if (missed_ms <= TICK_MS)
        return;
    log_warn("the leader stood still", "ms=%lld", (long long)(missed_ms + TICK_MS));
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;)
        s->heard = mono_earlier(now.mono, mono_after(s->heard, missed_ms));
}

/* Those whose time has come; and when the next one's will. */
static void wake_due(struct master *m, struct now now)
{
    struct session *s;
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        if (s->due.ms > now.mono.ms)
            m->due = mono_earlier(m->due, s->due);
        else
            session_wake(m, s);
    }
}

void master_tick(struct master *m, struct now now, struct outbox *out)
{
    forgive_pause(m, now);
    propose_statuses(m, now, out);
    if (routes_to_tell(m) && now.mono.ms >= m->routes_due.ms) {
        m->routes_due = mono_after(now.mono, ROUTES_EVERY_MS);
        send_routes(m, now, out);
    }
    if (now.mono.ms >= m->due.ms) {
        m->due = MONO_NEVER;
        liveness_check(m, now, out);
        wake_due(m, now);
    }
    LIST_EACH (item, &m->dirty) {
        struct session *s = LIST_ENTRY(item, struct session, in_dirty);
        list_remove(&s->in_dirty);
        s->due = MONO_NEVER;
        if (s->state == SESSION_REGISTERED)
            orders_look(m, s, now, out);
        m->due = mono_earlier(m->due, s->due);
    }
}

struct mono master_due(const struct master *m)
{
    if (!m->leading)
        return MONO_NEVER;
    if (m->gathering != NULL || !list_empty(&m->dirty))
        return (struct mono){0};
    struct mono due = mono_earlier(m->due, mono_after(m->ticked, TICK_MS));
    return routes_to_tell(m) ? mono_earlier(due, m->routes_due) : due;
}
