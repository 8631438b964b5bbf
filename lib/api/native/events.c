/* What changes: as a stream that can be resumed, and as a list. The rows of `events` are the
 * source of both, so a change has the same id and the same words everywhere. */
#include <stdio.h>
#include <string.h>

#include "api/native/private.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/sse.h"

#define REPLAY_MAX 1000 /* events that a stream catches up with; who missed more begins anew */

static const enum noun nouns[] = {NOUN_APP,     NOUN_TASK,  NOUN_JOB,
                                  NOUN_RUN,     NOUN_NODE,  NOUN_DEPLOYMENT,
                                  NOUN_SERVICE, NOUN_TOKEN, NOUN_CALENDAR};
#define NOUNS (sizeof nouns / sizeof nouns[0])

static void put_event(const struct event_row *e, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "id", e->id);
    native_time(w, "at", e->at);
    json_member_int(w, "index", e->index);
    json_member_str(w, "noun", noun_word(e->noun));
    json_member_str(w, "name", e->name);
    json_member_str(w, "what", e->what);
    json_member_str(w, "text", e->text);
    json_object_end(w);
}

static void put_message(struct buf *out, const struct event_row *e)
{
    char id[24];
    struct buf data;
    struct json_writer w;
    buf_init(&data, LIMIT_BODY_BYTES);
    json_begin(&w, &data);
    put_event(e, &w);
    snprintf(id, sizeof id, "%lld", (long long)e->id);
    sse_event(out, "change", id, buf_slice(&data));
    buf_close(&data);
}

void native_render(const struct change *c, const struct view *view, void *data, publish_fn *publish)
{
    struct event_row e;
    struct buf text;
    if (c->event == 0)
        return;
    struct events *q = state_events_after(view->state, c->event - 1, 1);
    bool found = state_event_next(q, &e);
    if (found && e.id == c->event) { /* else it is trimmed already: so many came in one turn */
        buf_init(&text, LIMIT_BODY_BYTES);
        put_message(&text, &e);
        const struct published p = {TOPIC_NATIVE, noun_word(e.noun), buf_slice(&text)};
        publish(data, &p);
        buf_close(&text);
    }
    if (found)
        state_events_end(q);
}

/* ---- the stream */

struct topics { /* bits by noun; 0: all */
    unsigned bits;
};

static bool has_topic(const struct topics *t, enum noun noun)
{
    return t->bits == 0 || (t->bits & 1u << noun) != 0;
}

static bool add_topic(struct topics *t, const char *word, size_t len)
{
    for (size_t i = 0; i < NOUNS; i++)
        if (slice_is((struct slice){word, len}, noun_word(nouns[i]))) {
            t->bits |= 1u << nouns[i];
            return true;
        }
    return false;
}

/* "app,task"; -1 after having failed the call. */
static int read_topics(struct call *c, struct topics *out)
{
    const char *text;
    *out = (struct topics){0};
    for (size_t cursor = 0; (text = query_each(&c->query, "topics", &cursor)) != NULL;)
        for (size_t len; *text != '\0'; text += len + (text[len] == ',')) {
            len = strcspn(text, ",");
            if (len > 0 && !add_topic(out, text, len)) {
                call_fail(c, ERR_INVALID,
                          "topics: got \"%.*s\", need app, task, job, run, node, deployment or "
                          "service",
                          len < 40 ? (int)len : 40, text);
                return -1;
            }
        }
    return 0;
}

/* As the hub filters: one a line. NULL: all. */
static char *types_of(const struct topics *t)
{
    struct buf text;
    if (t->bits == 0)
        return NULL;
    buf_init(&text, 256);
    for (size_t i = 0; i < NOUNS; i++)
        if (has_topic(t, nouns[i]))
            buf_printf(&text, "%s%s", text.len > 0 ? "\n" : "", noun_word(nouns[i]));
    return buf_take(&text, NULL);
}

/* The last event that the client has seen; -1: it begins now. -2 after having failed the call. */
static int64_t seen_by(struct call *c)
{
    char text[24], got[60];
    int64_t id;
    struct slice last = header_get(c->request->headers, "Last-Event-ID");
    const char *after = query_get(&c->query, "after");
    if (last.len > 0) /* a reconnect: newer than the address that it was opened with */
        snprintf(text, sizeof text, "%.*s", last.len < 23 ? (int)last.len : 23, last.p);
    else if (after != NULL && *after != '\0')
        str_copy(text, sizeof text, after);
    else
        return -1;
    if (str_to_i64(text, &id) && id >= 0)
        return id;
    call_fail(c, ERR_INVALID, "after: got %s, need the id of an event",
              str_quote(got, sizeof got, text, strlen(text)));
    return -2;
}

static int64_t newest_event(struct state *s)
{
    struct event_row e;
    struct events *q = state_events_before(s, INT64_MAX, 1);
    int64_t id = state_event_next(q, &e) ? e.id : 0;
    state_events_end(q);
    return id;
}

static void say_hello(struct call *c, int64_t id)
{
    char number[24], now[TIME_TEXT_SIZE];
    struct buf data;
    struct json_writer w;
    const struct view *v = c->view;
    buf_init(&data, 4096);
    json_begin(&w, &data);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)v->index);
    json_member_str(&w, "leader", v->facts->leader_name);
    json_member_str(&w, "now", wall_text(v->now.wall, now));
    json_object_end(&w);
    snprintf(number, sizeof number, "%lld", (long long)id);
    sse_event(&c->reply->body, "hello", number, buf_slice(&data));
    buf_close(&data);
}

static void reset(struct call *c, int64_t newest)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)newest);
    sse_event(&c->reply->body, "reset", number, SLICE("{}"));
}

static void replay(struct call *c, int64_t after, const struct topics *topics)
{
    struct event_row e;
    struct events *q = state_events_after(c->view->state, after, REPLAY_MAX);
    while (state_event_next(q, &e))
        if (has_topic(topics, e.noun))
            put_message(&c->reply->body, &e);
}

void native_ask_events(struct call *c)
{
    struct topics topics;
    struct state *s = c->view->state;
    int64_t seen, newest = newest_event(s);
    if (read_topics(c, &topics) != 0 || (seen = seen_by(c)) == -2)
        return;
    call_text(c, 200, SSE_CONTENT_TYPE, "");
    header_put(&c->reply->headers, "Cache-Control", "no-cache");
    c->reply->subscribe = true;
    c->reply->topic = TOPIC_NATIVE;
    c->reply->types = types_of(&topics);
    say_hello(c, seen >= 0 && seen < newest ? seen : newest);
    if (seen < 0)
        return;
    if (seen > newest || newest - seen > REPLAY_MAX || seen + 1 < state_events_oldest(s))
        reset(c, newest);
    else
        replay(c, seen, &topics);
}

/* ---- the list */

void native_ask_event_log(struct call *c)
{
    static const char *const sorts[] = {"newest", NULL};
    struct list l;
    struct event_row e;
    struct json_writer w;
    struct topics topics;
    int64_t before = INT64_MAX;
    char got[60];
    const char *text = query_get(&c->query, "before");
    struct state *s = c->view->state;
    if (read_topics(c, &topics) != 0 || list_begin(c, &l, sorts, NULL) != 0)
        return;
    if (text != NULL && *text != '\0' && !str_to_i64(text, &before)) {
        call_fail(c, ERR_INVALID, "before: got %s, need the id of an event",
                  str_quote(got, sizeof got, text, strlen(text)));
        return;
    }
    struct buf items; /* the total is known only when all have been seen */
    struct json_writer iw;
    int64_t total = 0;
    buf_init(&items, LIMIT_ANSWER_BYTES);
    json_begin(&iw, &items);
    json_array(&iw);
    struct events *q = state_events_before(s, before, LIMIT_EVENTS);
    while (state_event_next(q, &e)) {
        if (!has_topic(&topics, e.noun) || !list_wants(&l, NULL, e.name, e.text))
            continue;
        if (total >= l.offset && total - l.offset < l.limit)
            put_event(&e, &iw);
        total++;
    }
    json_array_end(&iw);
    call_json(c, 200, &w);
    json_object(&w);
    json_member_int(&w, "total", total);
    json_member_int(&w, "offset", l.offset);
    json_member_int(&w, "index", (int64_t)c->view->index);
    json_member_raw(&w, "items", buf_slice(&items));
    json_object_end(&w);
    buf_close(&items);
    list_close(&l);
}
