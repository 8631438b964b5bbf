/* Where events are posted to (spec/marathon.md 12.6): doors over a list that all replicas keep. The
 * leader posts (host/callbacks.h). */
#include "api/marathon/private.h"
#include "base/limits.h"
#include "base/str.h"

const char *marathon_callback_event(bool wanted)
{
    return wanted ? "subscribe_event" : "unsubscribe_event";
}

void marathon_ask_subscriptions(struct call *c)
{
    struct json_writer w;
    struct stmt *q = state_callbacks(c->view->state);
    call_json(c, 200, &w);
    json_object(&w);
    json_key(&w, "callbackUrls");
    json_array(&w);
    while (q != NULL && stmt_row(q))
        json_put_str(&w, stmt_str(q, 0));
    json_array_end(&w);
    json_object_end(&w);
}

/* The URL that is meant; NULL after having failed the call. */
static const char *read_url(struct call *c)
{
    struct url parts;
    struct error err;
    const char *text = query_get(&c->query, "callbackUrl");
    if (text == NULL || text[0] == '\0') {
        marathon_message(c, 422, "callbackUrl: is missing, need a URL");
        return NULL;
    }
    bool blank = false;
    for (const char *p = text; *p != '\0'; p++)
        blank = blank || (unsigned char)*p <= ' ' || *p == 0x7f;
    bool known = str_starts(text, "http://") || str_starts(text, "https://");
    if (blank || !known || url_parse(text, &parts, &err) != 0) {
        marathon_message(c, 422,
                         "callbackUrl: got %.200s, need a URL that begins with http:// or https://",
                         text);
        return NULL;
    }
    url_close(&parts);
    return text;
}

static void answer_event(struct tell *t, bool wanted)
{
    struct json_writer w;
    call_json(&t->c, 200, &w);
    json_object(&w);
    json_member_str(&w, "eventType", marathon_callback_event(wanted));
    json_member_str(&w, "clientIp", t->c.request->remote);
    json_member_str(&w, "callbackUrl", query_get(&t->c.query, "callbackUrl"));
    marathon_time(&w, "timestamp", t->c.view->now.wall);
    json_object_end(&w);
}

static void subscribed(struct tell *t, const struct outcome *o)
{
    (void)o;
    answer_event(t, true);
}

static void unsubscribed(struct tell *t, const struct outcome *o)
{
    (void)o;
    answer_event(t, false);
}

static bool is_full(struct state *s)
{
    size_t n = 0;
    struct stmt *q = state_callbacks(s);
    while (q != NULL && stmt_row(q))
        n++;
    return n >= LIMIT_CALLBACKS;
}

/* Who asks for what is so already is answered as ever, and nobody else is told. */
static void put(struct tell *t, bool wanted)
{
    struct json_writer w;
    struct state *s = t->c.view->state;
    const char *url = read_url(&t->c);
    if (url == NULL)
        return;
    if (state_has_callback(s, url) == wanted) {
        answer_event(t, wanted);
        return;
    }
    if (wanted && is_full(s)) {
        marathon_message(&t->c, 422,
                         "callbackUrl: events are posted to %d URLs already, which is the most: "
                         "DELETE one of them first",
                         LIMIT_CALLBACKS);
        return;
    }
    tell_begin(t, COMMAND_CALLBACK_PUT, &w, wanted ? subscribed : unsubscribed);
    json_member_str(&w, "url", url);
    json_member_bool(&w, "wanted", wanted);
    tell_end(t, &w);
}

void marathon_post_subscription(struct tell *t)
{
    put(t, true);
}

void marathon_delete_subscription(struct tell *t)
{
    put(t, false);
}
