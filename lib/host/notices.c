#include "host/notices.h"

#include <stdio.h>
#include <string.h>

#include "base/addressee.h"
#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/message.h"
#include "model/notice.h"
#include "model/sentry.h"
#include "net/http_client.h"
#include "net/mail.h"

#define CONNECT_MS 10000
#define TEXT_BYTES (64 * LIMIT_NOTICE_TEXT_BYTES)

struct item { /* a notice in a channel's queue */
    struct list member;
    struct json *notice;
    const char *rest; /* owners who are not told yet */
    int index;        /* of the next one */
    char *error;      /* of the last failure; NULL: none */
};

/*   IDLE --notice--> SENDING --taken, nothing waits--> IDLE
 *                     |   ^ '--taken--> SENDING
 *               failed|   |over
 *                     v   |
 *                    PAUSING
 *
 * A test is sent while the pause goes on, and what else waits goes on to wait then. */
struct channel {
    struct notices *owner;
    enum notice_channel which;
    enum { CHANNEL_IDLE, CHANNEL_SENDING, CHANNEL_PAUSING } state;
    struct list waiting; /* while SENDING the first one is being sent */
    bool forgotten;      /* that one is not ours any more */
    int64_t pause_ms;    /* the last one; 0: it took the last message */
    uv_timer_t timer;
    char *url, *credentials; /* "": not configured */
    char *header;            /* of each of its requests; "" for none */
    struct http_call http;
    struct mail_call mail;
};

struct notices {
    struct loop *loop;
    struct channel channels[NOTICE_CHANNELS_N];
    struct mail_server server;
    char *cluster_name, *mail_from, *mail_domain, *mail_host, *mail_user, *mail_password, *hello;
    struct tls *known, *anybody; /* known NULL: this machine has no CAs */
    int64_t pause_ms;
    notices_told *told;
    void *data;
    unsigned open; /* timers */
    bool stopping;
    void (*stopped)(void *data);
    void *stopped_data;
};

static struct item *first(struct channel *c)
{
    return LIST_ENTRY(c->waiting.next, struct item, member);
}

static void drop(struct item *i)
{
    list_remove(&i->member);
    json_free(i->notice);
    mem_free(i->error);
    mem_free(i);
}

static int64_t wall_ms(const struct channel *c)
{
    struct clock *clock = &c->owner->loop->clock;
    return clock->wall(clock).ms;
}

/* Unless it is over: in `again_ms` it is tried again. */
static void tell(struct channel *c, const struct item *i, bool over, int64_t again_ms)
{
    struct notices *n = c->owner;
    n->told(n->data, json_int(json_get(i->notice, "notice"), 0), notice_channel_word(c->which),
            over, i->error != NULL ? i->error : "",
            (struct wall){over ? 0 : wall_ms(c) + again_ms});
}

static void keep_error(struct item *i, const struct error *err)
{
    mem_free(i->error);
    i->error = err != NULL ? mem_strdup(err->text) : NULL;
}

/* ---- what is sent */

static const char *text_of(const struct item *i, const char *member)
{
    return json_str(json_get(i->notice, member), "");
}

static const char *message_of(const struct item *i)
{
    return json_str(json_get(json_get(i->notice, "facts"), "message"), "");
}

static void put_id(const struct item *i, struct buf *out)
{
    buf_printf(out, "%lld.%d.%s", (long long)json_int(json_get(i->notice, "notice"), 0), i->index,
               text_of(i, "cluster"));
}

static void put_subject(const struct channel *c, const struct item *i, struct buf *out)
{
    enum notice event;
    if (notice_parse(text_of(i, "event"), &event))
        notice_subject(event, c->owner->cluster_name, text_of(i, "job"), out);
}

/* {"text":"SUBJECT: MESSAGE"} */
static void put_chat(const char *subject, const struct item *i, struct json_writer *w)
{
    struct buf text;
    const char *message = message_of(i);
    buf_init(&text, TEXT_BYTES);
    buf_printf(&text, "%s%s%s", subject, *message != '\0' ? ": " : "", message);
    json_member_str(w, "text", buf_str(&text));
    buf_close(&text);
}

/* Chronos's members, each only if it says something where the original does so; and which event it
 * is, which one had to guess from the subject. */
static void put_hook(const char *subject, struct slice owner, const struct item *i,
                     struct json_writer *w)
{
    json_member_str(w, "subject", subject);
    if (owner.len > 0) {
        json_key(w, "to");
        json_put_slice(w, owner);
    }
    json_member_str(w, "event", text_of(i, "event"));
    JSON_EACH (fact, json_get(i->notice, "facts"))
        json_member_str(w, json_name(fact), json_str(fact, ""));
}

/* What is sent again has the same id. */
static void put_event(const struct channel *c, const char *subject, struct slice owner,
                      const struct item *i, struct json_writer *w)
{
    struct buf id;
    enum notice event = NOTICE_TEST;
    buf_init(&id, 200);
    put_id(i, &id);
    notice_parse(text_of(i, "event"), &event);
    sentry_write(&(struct sentry_event){.id = buf_str(&id),
                                        .event = event,
                                        .at = {json_int(json_get(i->notice, "at_ms"), 0)},
                                        .subject = subject,
                                        .message = message_of(i),
                                        .server = c->owner->hello,
                                        .owner = owner,
                                        .facts = json_get(i->notice, "facts")},
                 w);
    buf_close(&id);
}

static void put_headers(const struct channel *c, const struct item *i, struct buf *out)
{
    buf_puts(out, c->header);
    buf_puts(out, "Content-Type: application/json\r\nX-Mesolith-Notice: ");
    put_id(i, out);
    buf_puts(out, "\r\n");
}

/* ---- what became of it */

static void send_next(struct channel *c);

static void on_pause_over(uv_timer_t *timer)
{
    struct channel *c = timer->data;
    if (c->state == CHANNEL_PAUSING)
        send_next(c);
}

static void leave_if_stopping(struct channel *c);

static void put_off(struct channel *c, struct item *i, const struct error *err)
{
    if (c->pause_ms == 0)
        log_warn("notices are not taken", "channel=%s why=\"%s\"", notice_channel_word(c->which),
                 err->text);
    c->pause_ms = c->pause_ms == 0 ? c->owner->pause_ms : c->pause_ms * 2;
    if (c->pause_ms > LIMIT_NOTICE_PAUSE_MS)
        c->pause_ms = LIMIT_NOTICE_PAUSE_MS;
    keep_error(i, err);
    tell(c, i, false, c->pause_ms);
    list_remove(&i->member);
    list_push(&c->waiting, &i->member);
    c->state = CHANNEL_PAUSING;
    uv_timer_start(&c->timer, on_pause_over, (uint64_t)c->pause_ms, 0);
}

static bool is_test(const struct item *i)
{
    return str_eq(text_of(i, "event"), notice_word(NOTICE_TEST));
}

static void give_up(struct channel *c, struct item *i, const struct error *err)
{
    keep_error(i, err);
    tell(c, i, true, 0);
    drop(i);
}

static void told_one(struct item *i)
{
    notice_owner_next(&i->rest);
    i->index++;
}

/* The message that was being sent; err NULL: it was taken, or is given up (ERR_INVALID). */
static void finished(struct channel *c, const struct error *err)
{
    struct item *i = first(c);
    c->state = CHANNEL_IDLE;
    if (c->forgotten || c->owner->stopping) {
        drop(i);
        c->forgotten = false;
        leave_if_stopping(c);
        return;
    }
    if (err != NULL && err->code != ERR_INVALID && is_test(i)) {
        give_up(c, i, err);
        send_next(c);
        return;
    }
    if (err != NULL && err->code != ERR_INVALID) {
        put_off(c, i, err);
        return;
    }
    c->pause_ms = 0;
    uv_timer_stop(&c->timer);
    keep_error(i, err);
    told_one(i);
    if (err != NULL && i->rest != NULL)
        tell(c, i, false, 0);
    send_next(c);
}

static void on_mailed(struct mail_call *call, const struct error *err)
{
    finished(call->data, err);
}

static void on_posted(struct http_call *call, const struct error *err)
{
    struct channel *c = call->data;
    struct error refused;
    int status = err == NULL ? call->response->status : 0;
    if (err == NULL && status / 100 != 2) {
        error_set(&refused, ERR_UNAVAILABLE, "it answers %d %s", status, status_text(status));
        err = &refused;
    }
    struct error kept = err != NULL ? *err : (struct error){0};
    if (err != NULL)
        kept.code = ERR_UNAVAILABLE;
    http_call_close(call);
    finished(c, err != NULL ? &kept : NULL);
}

static void on_part(struct http_call *call, struct slice piece)
{
    (void)call; /* what it answers is of no interest */
    (void)piece;
}

/* ---- sending */

static int64_t send_ms(const struct item *i)
{
    return is_test(i) ? LIMIT_NOTICE_TEST_MS : LIMIT_NOTICE_SEND_MS;
}

static int no_cas(struct error *err)
{
    return error_set(err, ERR_UNAVAILABLE,
                     "TLS needs CAs to trust, and this machine has none: install ca-certificates");
}

/* ERR_INVALID: the owner has no address that is one. */
static int start_mail(struct channel *c, const struct item *i, struct slice owner,
                      const char *subject, struct error *err)
{
    struct notices *n = c->owner;
    struct buf to, text, id, message_id;
    buf_init(&to, 300);
    buf_init(&text, 2 * TEXT_BYTES);
    buf_init(&id, 200);
    buf_init(&message_id, 300);
    put_id(i, &id);
    buf_printf(&message_id, "%s@mesolith", buf_str(&id));
    int result = mail_address(owner, n->mail_domain, &to, err);
    if (result == 0 && n->server.tls == NULL) {
        result = no_cas(err);
    } else if (result == 0) {
        const char *message = message_of(i);
        const struct mail m = {.from = n->mail_from,
                               .to = buf_str(&to),
                               .subject = subject,
                               .id = buf_str(&message_id),
                               .notice = buf_str(&id),
                               .at = {json_int(json_get(i->notice, "at_ms"), 0)},
                               .text = slice_of(*message != '\0' ? message : subject)};
        mail_write(&m, &text);
        c->mail.data = c;
        result = mail_call_start(&c->mail, n->loop, &n->server, m.from, m.to, buf_slice(&text),
                                 send_ms(i), on_mailed, err);
        if (result != 0)
            err->code = ERR_UNAVAILABLE;
    }
    buf_close(&to);
    buf_close(&text);
    buf_close(&id);
    buf_close(&message_id);
    return result;
}

static int start_post(struct channel *c, const struct item *i, struct slice owner,
                      const char *subject, struct error *err)
{
    struct url url;
    struct buf body, headers;
    struct json_writer w;
    if (url_parse(c->url, &url, err) != 0)
        return error_set(err, ERR_UNAVAILABLE, "its URL is none");
    if (url.tls && c->owner->known == NULL) {
        url_close(&url);
        return no_cas(err);
    }
    buf_init(&body, 2 * TEXT_BYTES);
    buf_init(&headers, 4096);
    json_begin(&w, &body);
    json_object(&w);
    if (c->which == CHANNEL_HTTP)
        put_hook(subject, owner, i, &w);
    else if (c->which == CHANNEL_SENTRY)
        put_event(c, subject, owner, i, &w);
    else
        put_chat(subject, i, &w);
    json_object_end(&w);
    put_headers(c, i, &headers);
    const struct http_ask ask = {.to = &url,
                                 .credentials = c->credentials,
                                 .method = METHOD_POST,
                                 .headers = buf_slice(&headers),
                                 .body = buf_slice(&body),
                                 .connect_ms = CONNECT_MS,
                                 .total_ms = send_ms(i),
                                 .tls = c->owner->known,
                                 .on_part = on_part};
    c->http = (struct http_call){.data = c};
    int result = http_call_start(&c->http, c->owner->loop, &ask, on_posted, err);
    if (result != 0)
        err->code = ERR_UNAVAILABLE;
    buf_close(&body);
    buf_close(&headers);
    url_close(&url);
    return result;
}

static bool is_configured(const struct channel *c)
{
    return c->which == CHANNEL_MAIL ? c->owner->mail_host[0] != '\0' : c->url[0] != '\0';
}

static int start(struct channel *c, const struct item *i, struct error *err)
{
    const char *rest = i->rest;
    struct slice owner = notice_owner_next(&rest);
    struct buf subject;
    if (!is_configured(c))
        return error_set(err, ERR_UNAVAILABLE, "the node that leads has no %s configured",
                         notice_channel_word(c->which));
    buf_init(&subject, TEXT_BYTES);
    put_subject(c, i, &subject);
    int result = c->which == CHANNEL_MAIL ? start_mail(c, i, owner, buf_str(&subject), err)
                                          : start_post(c, i, owner, buf_str(&subject), err);
    buf_close(&subject);
    return result;
}

static bool is_too_old(const struct channel *c, const struct item *i)
{
    return i->error != NULL &&
           wall_ms(c) - json_int(json_get(i->notice, "at_ms"), 0) > LIMIT_NOTICE_MS;
}

/* Below NOBODY_LEVEL such ones wait too. */
static bool is_for_nobody(const struct channel *c, const struct item *i)
{
    return i->rest != NULL && notice_is_for_nobody(notice_channel_word(c->which), i->rest);
}

static void send_next(struct channel *c)
{
    struct error err;
    c->state = CHANNEL_IDLE;
    while (!list_empty(&c->waiting)) {
        struct item *i = first(c);
        if (!is_test(i) && uv_is_active((uv_handle_t *)&c->timer)) {
            c->state = CHANNEL_PAUSING; /* a test was let through */
            return;
        }
        if (is_for_nobody(c, i)) {
            error_set(&err, ERR_INVALID, NOTICE_FOR_NOBODY);
            give_up(c, i, &err);
            continue;
        }
        if (i->rest == NULL || is_too_old(c, i)) {
            tell(c, i, true, 0);
            drop(i);
            continue;
        }
        if (start(c, i, &err) == 0) {
            c->state = CHANNEL_SENDING;
            return;
        }
        if (err.code != ERR_INVALID && is_test(i)) {
            give_up(c, i, &err);
            continue;
        }
        if (err.code != ERR_INVALID) {
            put_off(c, i, &err);
            return;
        }
        keep_error(i, &err);
        told_one(i);
    }
}

/* Tests go first, but for what is being sent. */
static void enqueue(struct channel *c, struct item *i)
{
    struct list *before = &c->waiting;
    if (is_test(i) && !list_empty(before))
        before = c->state == CHANNEL_SENDING ? c->waiting.next->next : c->waiting.next;
    list_insert_before(before, &i->member);
    if (c->state == CHANNEL_IDLE || (c->state == CHANNEL_PAUSING && is_test(i)))
        send_next(c);
}

void notices_put(struct notices *n, struct slice json)
{
    struct error err;
    struct json *v = json_parse_own(json, &err);
    if (v == NULL) {
        log_error("notice unreadable", "why=\"%s\"", err.text);
        return;
    }
    JSON_EACH (word, json_get(v, "channels")) {
        enum notice_channel which;
        if (!notice_channel_parse(json_str(word, ""), &which))
            continue;
        struct channel *c = &n->channels[which];
        struct item *i = NEW(struct item);
        i->notice = json_parse_own(json, &err);
        i->rest = text_of(i, "owners");
        enqueue(c, i);
    }
    json_free(v);
}

/* ---- leaving */

static void cancel(struct channel *c)
{
    if (c->which == CHANNEL_MAIL)
        mail_call_cancel(&c->mail);
    else
        http_call_cancel(&c->http);
}

static void forget(struct channel *c)
{
    LIST_EACH (member, &c->waiting)
        if (c->state != CHANNEL_SENDING || member != c->waiting.next)
            drop(LIST_ENTRY(member, struct item, member));
    c->pause_ms = 0;
    uv_timer_stop(&c->timer);
    if (c->state == CHANNEL_PAUSING) {
        c->state = CHANNEL_IDLE;
    } else if (c->state == CHANNEL_SENDING) {
        c->forgotten = true;
        cancel(c);
    }
}

void notices_forget(struct notices *n)
{
    for (int i = 0; i < NOTICE_CHANNELS_N; i++)
        forget(&n->channels[i]);
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct channel *c = timer->data;
    struct notices *n = c->owner;
    if (--n->open == 0)
        n->stopped(n->stopped_data);
}

static void leave_if_stopping(struct channel *c)
{
    if (c->owner->stopping)
        uv_close((uv_handle_t *)&c->timer, on_timer_closed);
    else
        send_next(c);
}

void notices_stop(struct notices *n, void (*stopped)(void *data), void *data)
{
    n->stopping = true;
    n->stopped = stopped;
    n->stopped_data = data;
    for (int i = 0; i < NOTICE_CHANNELS_N; i++) {
        struct channel *c = &n->channels[i];
        bool sending = c->state == CHANNEL_SENDING;
        forget(c);
        if (!sending)
            leave_if_stopping(c);
    }
}

/* ---- life */

static char *kept(const char *text)
{
    return mem_strdup(text != NULL ? text : "");
}

/* Of local names, as mailers have it: the sender's, unless there is another. */
static char *domain_of(const struct notices_config *config)
{
    const char *from = config->mail_from != NULL ? config->mail_from : "";
    struct slice sender;
    if (config->mail_domain != NULL && config->mail_domain[0] != '\0')
        return kept(config->mail_domain);
    if (addressee_parse(slice_of(from), &sender) != ADDRESSEE_ADDRESS)
        return kept("");
    const char *at = memchr(sender.p, '@', sender.len);
    return mem_strndup(at + 1, (size_t)(sender.p + sender.len - (at + 1)));
}

static void begin_channel(struct notices *n, enum notice_channel which, const char *url,
                          const char *credentials, const char *header)
{
    struct channel *c = &n->channels[which];
    c->owner = n;
    c->which = which;
    c->url = kept(url);
    c->credentials = kept(credentials);
    c->header = kept(header);
    c->timer.data = c;
    list_init(&c->waiting);
    uv_timer_init(&n->loop->uv, &c->timer);
    n->open++;
}

static void begin_sentry(struct notices *n, const char *dsn)
{
    struct sentry to = {0};
    struct error ignored;
    if (dsn != NULL && *dsn != '\0')
        (void)!sentry_parse(dsn, &to, &ignored);
    begin_channel(n, CHANNEL_SENTRY, to.url, "", to.header);
    sentry_close(&to);
}

struct notices *notices_new(struct loop *loop, const struct notices_config *config,
                            notices_told *told, void *data)
{
    struct notices *n = NEW(struct notices);
    struct error err;
    n->loop = loop;
    n->told = told;
    n->data = data;
    n->pause_ms = config->pause_ms;
    n->cluster_name = kept(config->cluster_name);
    n->hello = kept(config->hello);
    n->mail_host = kept(config->mail_host);
    n->mail_from = kept(config->mail_from);
    n->mail_domain = domain_of(config);
    n->mail_user = kept(config->mail_user);
    n->mail_password = kept(config->mail_password);
    n->anybody = tls_new_for_anybody();
    const char *cas = tls_ca_file();
    n->known = cas != NULL ? tls_new_for_others(cas, &err) : NULL;
    bool anybody = n->mail_user[0] == '\0' && !config->mail_tls;
    n->server = (struct mail_server){.host = n->mail_host,
                                     .port = config->mail_port,
                                     .tls_first = config->mail_tls,
                                     .tls = anybody ? n->anybody : n->known,
                                     .user = n->mail_user,
                                     .password = n->mail_password,
                                     .hello = n->hello};
    begin_channel(n, CHANNEL_MAIL, "", "", "");
    begin_channel(n, CHANNEL_SLACK, config->slack_url, "", "");
    begin_channel(n, CHANNEL_MATTERMOST, config->mattermost_url, "", "");
    begin_channel(n, CHANNEL_HTTP, config->http_url, config->http_credentials, "");
    begin_sentry(n, config->sentry_dsn);
    return n;
}

void notices_free(struct notices *n)
{
    if (n == NULL)
        return;
    ASSERT(n->open == 0);
    for (int i = 0; i < NOTICE_CHANNELS_N; i++) {
        mem_free(n->channels[i].url);
        mem_free(n->channels[i].credentials);
        mem_free(n->channels[i].header);
    }
    mem_free(n->cluster_name);
    mem_free(n->hello);
    mem_free(n->mail_host);
    mem_free(n->mail_from);
    mem_free(n->mail_domain);
    mem_free(n->mail_user);
    mem_free(n->mail_password);
    tls_unref(n->known);
    tls_unref(n->anybody);
    mem_free(n);
}
