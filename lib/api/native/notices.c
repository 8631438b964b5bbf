/* What owners of jobs are told: what became of it, by which channels, and a test of these. */
#include <string.h>

#include "api/native/private.h"
#include "base/limits.h"
#include "base/str.h"
#include "model/notice.h"

enum notice_key { NOTICE_NEWEST, NOTICE_BY_AT, NOTICE_BY_JOB };
static const char *const sorts[] = {
    [NOTICE_NEWEST] = "newest",
    [NOTICE_BY_AT] = "at",
    [NOTICE_BY_JOB] = "job",
    [NOTICE_BY_JOB + 1] = NULL,
};

enum outcome_word { IS_FOR_NOBODY, IS_SENT, IS_FAILED, IS_PENDING };
static const char *const states[] = {[IS_FOR_NOBODY] = "nobody",
                                     [IS_SENT] = "sent",
                                     [IS_FAILED] = "failed",
                                     [IS_PENDING] = "pending",
                                     NULL};

/* A channel pauses with all that wait for it, so what failed last knows best. */
struct waiting {
    int64_t n;
    struct wall next;
    char error[512];
};

/* ---- what waits */

static enum outcome_word way_outcome(const struct notice_way_row *way)
{
    if (way->over.ms == 0)
        return IS_PENDING;
    if (str_eq(way->error, NOTICE_FOR_NOBODY))
        return IS_FOR_NOBODY;
    return *way->error != '\0' ? IS_FAILED : IS_SENT;
}

static void count_way(struct state *s, int64_t notice, const struct notice_way_row *way,
                      struct waiting all[NOTICE_CHANNELS_N])
{
    enum notice_channel which;
    if (!notice_channel_parse(way->channel, &which) || way->over.ms != 0)
        return;
    struct waiting *w = &all[which];
    struct notice_tries tries = state_notice_tries(s, notice, way->channel);
    w->n++;
    if (*way->error == '\0' || tries.next.ms < w->next.ms)
        return;
    w->next = tries.next;
    str_copy(w->error, sizeof w->error, way->error);
}

static void count_waiting(struct state *s, struct waiting all[NOTICE_CHANNELS_N])
{
    struct notice_row n;
    struct notice_way_row way;
    memset(all, 0, NOTICE_CHANNELS_N * sizeof all[0]);
    struct stmt *q = state_notices_unsent(s);
    while (state_notice_next(q, &n)) {
        struct stmt *ways = state_notice_ways(s, n.id);
        while (state_notice_way_next(ways, &way))
            count_way(s, n.id, &way, all);
    }
}

/* ---- notices */

static const char *state_of(struct state *s, int64_t notice)
{
    enum outcome_word worst = IS_FOR_NOBODY;
    struct notice_way_row way;
    struct stmt *q = state_notice_ways(s, notice);
    while (state_notice_way_next(q, &way))
        if (way_outcome(&way) > worst)
            worst = way_outcome(&way);
    return states[worst];
}

static void put_way(struct state *s, int64_t notice, const struct notice_way_row *way,
                    const struct waiting all[NOTICE_CHANNELS_N], struct json_writer *w)
{
    enum notice_channel which;
    bool waits = way->over.ms == 0 && notice_channel_parse(way->channel, &which);
    json_object(w);
    json_member_str(w, "channel", way->channel);
    json_member_str(w, "state", states[way_outcome(way)]);
    json_member_int(w, "failures", state_notice_tries(s, notice, way->channel).failed);
    native_text(w, "error", way->error);
    native_time(w, "over", way->over);
    if (waits)
        native_time(w, "next", all[which].next);
    json_object_end(w);
}

static void put_notice(struct state *s, const struct notice_row *n,
                       const struct waiting all[NOTICE_CHANNELS_N], struct json_writer *w)
{
    struct notice_way_row way;
    int64_t id = n->id;
    json_object(w);
    json_member_int(w, "id", id);
    native_time(w, "at", n->at);
    json_member_str(w, "event", n->event);
    json_member_str(w, "job", n->job);
    json_member_str(w, "owners", n->owners);
    json_member_str(w, "state", state_of(s, id));
    json_key(w, "ways");
    json_array(w);
    struct stmt *q = state_notice_ways(s, id);
    while (state_notice_way_next(q, &way))
        put_way(s, id, &way, all, w);
    json_array_end(w);
    json_object_end(w);
}

static void add(struct list *l, const struct notice_row *n)
{
    switch ((enum notice_key)l->sort) {
    case NOTICE_NEWEST:
        list_add_number(l, n->id, -n->id);
        break;
    case NOTICE_BY_AT:
        list_add_number(l, n->id, n->at.ms);
        break;
    case NOTICE_BY_JOB:
        list_add_text(l, n->id, n->job);
        break;
    }
}

void native_ask_notices(struct call *c)
{
    struct list l;
    struct notice_row n;
    struct json_writer w;
    struct waiting all[NOTICE_CHANNELS_N];
    struct state *s = c->view->state;
    if (list_begin(c, &l, sorts, states) != 0)
        return;
    struct stmt *q = state_notices(s, LIMIT_NOTICES + LIMIT_NOTICES_OLD);
    while (state_notice_next(q, &n))
        if (list_wants(&l, l.state != NULL ? state_of(s, n.id) : NULL, n.job, n.owners))
            add(&l, &n);
    count_waiting(s, all);
    list_head(c, &l, &w);
    for (size_t i = 0; i < list_size(&l); i++)
        if (state_notice_by_id(s, list_id(&l, i), &n))
            put_notice(s, &n, all, &w);
    list_end(&w);
    list_close(&l);
}

void native_ask_notice(struct call *c)
{
    int64_t id;
    struct notice_row n;
    struct json_writer w;
    struct waiting all[NOTICE_CHANNELS_N];
    const char *text = call_param(c, "id");
    if (!str_to_i64(text, &id) || !state_notice_by_id(c->view->state, id, &n)) {
        call_fail(c, ERR_NOT_FOUND, "notice %.100s does not exist: the oldest are forgotten", text);
        return;
    }
    count_waiting(c->view->state, all);
    call_json(c, 200, &w);
    put_notice(c->view->state, &n, all, &w);
}

/* ---- channels */

void native_ask_channels(struct call *c)
{
    struct json_writer w;
    struct waiting all[NOTICE_CHANNELS_N];
    struct state *s = c->view->state;
    const char *configured = state_setting(s, SETTING_OF_CHANNELS, "");
    count_waiting(s, all);
    call_json(c, 200, &w);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)c->view->index);
    json_key(&w, "items");
    json_array(&w);
    for (int i = 0; i < NOTICE_CHANNELS_N; i++) {
        const char *word = notice_channel_word((enum notice_channel)i);
        struct notice_counts counts = state_notice_counts(s, word);
        json_object(&w);
        json_member_str(&w, "channel", word);
        json_member_bool(&w, "configured", notice_channels_have(configured, word));
        json_member_int(&w, "pending", all[i].n);
        json_member_int(&w, "sent", counts.sent);
        json_member_int(&w, "failed", counts.given_up);
        native_text(&w, "error", all[i].error);
        native_time(&w, "next", all[i].next);
        json_object_end(&w);
    }
    list_end(&w);
}

/* ---- a test */

static void answer_test(struct tell *t, const struct outcome *o)
{
    native_made(t, o, "notice");
}

/* A member that is a text, or "". False after having failed the call. */
static bool read_text(struct call *c, const struct json *body, const char *name, const char **out)
{
    char got[80];
    const struct json *v = json_get(body, name);
    *out = json_str(v, "");
    if (v != NULL && !json_is(v, JSON_STRING))
        call_fail(c, ERR_INVALID, "%s: got %s, need a text", name, json_quote(got, sizeof got, v));
    else if (strlen(*out) >= LIMIT_NOTICE_OWNERS_BYTES)
        call_fail(c, ERR_INVALID, "%s: got %zu bytes, need fewer than %d", name, strlen(*out),
                  LIMIT_NOTICE_OWNERS_BYTES);
    else
        return true;
    return false;
}

/* Mail to nobody is not sent, which would look like a success. */
static bool is_mailed(struct state *s, const char *channel)
{
    const char *mail = notice_channel_word(CHANNEL_MAIL);
    return *channel == '\0' ? notice_channels_have(state_setting(s, SETTING_OF_CHANNELS, ""), mail)
                            : str_eq(channel, mail);
}

void native_test_notice(struct tell *t)
{
    struct json_writer w;
    enum notice_channel which;
    const struct json *body = NULL;
    const char *channel, *to;
    char got[80];
    if (native_once(t, answer_test))
        return;
    if (t->c.request->body.len > 0 && (body = call_body(&t->c)) == NULL)
        return;
    if (!read_text(&t->c, body, "channel", &channel) || !read_text(&t->c, body, "to", &to))
        return;
    if (*channel != '\0' && !notice_channel_parse(channel, &which)) {
        call_fail(&t->c, ERR_INVALID,
                  "channel: got %s, need mail, slack, mattermost, http or sentry",
                  str_quote(got, sizeof got, channel, strlen(channel)));
        return;
    }
    if (*to == '\0' && is_mailed(t->c.view->state, channel)) {
        call_fail(&t->c, ERR_INVALID, "to: need the address that the mail goes to");
        return;
    }
    tell_begin(t, COMMAND_NOTICE_TEST, &w, answer_test);
    json_member_str(&w, "channel", channel);
    json_member_str(&w, "to", to);
    tell_end(t, &w);
}
