#include "net/mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define REPLY_BYTES (8 << 10) /* of one answer, all its lines */
#define COMMAND_BYTES 2048

/*  NONE --start--> DIALLING --connected--> TALKING --taken, failed or canceled--> CLOSING --> NONE
 *                      ^ '----- failed or canceled ------------|----------------^        (done)
 *                      '------------------------ STARTTLS -----'
 *
 * While it talks each answer has a row here: what it must begin with, and what is said next. */
enum step {
    STEP_GREETING,
    STEP_HELLO,
    STEP_STARTTLS,
    STEP_PLAIN,
    STEP_LOGIN,
    STEP_LOGIN_USER,
    STEP_LOGIN_PASSWORD,
    STEP_FROM,
    STEP_TO,
    STEP_DATA,
    STEP_TEXT,
};

static void on_hello(struct mail_call *c);
static void say_hello(struct mail_call *c);
static void on_starttls(struct mail_call *c);
static void say_user(struct mail_call *c);
static void say_password(struct mail_call *c);
static void say_from(struct mail_call *c);
static void say_to(struct mail_call *c);
static void say_data(struct mail_call *c);
static void say_text(struct mail_call *c);
static void on_taken(struct mail_call *c);

static const struct {
    char wanted;    /* the first digit of the answer */
    const char *to; /* whose answer, for people */
    bool of_mail;   /* 5xx is about this mail, whenever it is sent */
    void (*next)(struct mail_call *c);
} steps[] = {
    [STEP_GREETING] = {'2', "its greeting", false, say_hello},
    [STEP_HELLO] = {'2', "EHLO", false, on_hello},
    [STEP_STARTTLS] = {'2', "STARTTLS", false, on_starttls},
    [STEP_PLAIN] = {'2', "AUTH PLAIN", false, say_from},
    [STEP_LOGIN] = {'3', "AUTH LOGIN", false, say_user},
    [STEP_LOGIN_USER] = {'3', "AUTH LOGIN", false, say_password},
    [STEP_LOGIN_PASSWORD] = {'2', "AUTH LOGIN", false, say_from},
    [STEP_FROM] = {'2', "MAIL FROM", true, say_to},
    [STEP_TO] = {'2', "RCPT TO", true, say_data},
    [STEP_DATA] = {'3', "DATA", true, say_text},
    [STEP_TEXT] = {'2', "the mail", true, on_taken},
};

/* ---- the end: first all is closed, then `done` is told */

static void part_closed(struct mail_call *c)
{
    if (--c->handles > 0)
        return;
    c->state = MAIL_NONE;
    buf_close(&c->in);
    buf_close(&c->out);
    buf_close(&c->text);
    mem_free(c->from);
    mem_free(c->to);
    c->done(c, c->failed ? &c->failure : NULL);
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

static void on_stream_closed(struct stream *s)
{
    part_closed(s->data);
}

static void close_call(struct mail_call *c)
{
    bool dialling = c->state == MAIL_DIALLING;
    ASSERT(dialling || c->state == MAIL_TALKING);
    c->state = MAIL_CLOSING;
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
    if (dialling)
        dial_cancel(&c->dial);
    else
        stream_close(c->stream, on_stream_closed);
}

static void fail(struct mail_call *c, const struct error *err)
{
    c->failed = true;
    c->failure = *err;
    close_call(c);
}

static void fail_with(struct mail_call *c, enum error_code code, const char *text)
{
    struct error err;
    if (code == ERR_UNAVAILABLE && c->step == STEP_TEXT)
        code = ERR_UNCERTAIN;
    error_set(&err, code, "%s: %s", c->dial.where, text);
    fail(c, &err);
}

void mail_call_cancel(struct mail_call *c)
{
    if (c->state == MAIL_DIALLING || c->state == MAIL_TALKING)
        fail_with(c, ERR_CANCELED, "stopped");
}

static void on_time_over(uv_timer_t *timer)
{
    fail_with(timer->data, ERR_UNAVAILABLE, "it takes too long");
}

/* ---- saying */

static void say(struct mail_call *c, enum step step)
{
    uv_buf_t b = uv_buf_init(c->out.data, (unsigned)c->out.len);
    c->step = step;
    if (stream_write(c->stream, &b, 1) != 0)
        fail_with(c, ERR_UNAVAILABLE, "it has closed the connection");
}

static struct buf *command(struct mail_call *c)
{
    buf_close(&c->out);
    buf_init(&c->out, COMMAND_BYTES);
    return &c->out;
}

static void say_hello(struct mail_call *c)
{
    buf_printf(command(c), "EHLO %s\r\n", c->server->hello);
    say(c, STEP_HELLO);
}

static void say_from(struct mail_call *c)
{
    buf_printf(command(c), "MAIL FROM:<%s>\r\n", c->from);
    say(c, STEP_FROM);
}

static void say_to(struct mail_call *c)
{
    buf_printf(command(c), "RCPT TO:<%s>\r\n", c->to);
    say(c, STEP_TO);
}

static void say_data(struct mail_call *c)
{
    buf_puts(command(c), "DATA\r\n");
    say(c, STEP_DATA);
}

/* A line that begins with a dot gets another: one alone is the end. */
static void say_text(struct mail_call *c)
{
    struct slice text = buf_slice(&c->text);
    bool begins = true;
    buf_close(&c->out);
    buf_init(&c->out, 2 * text.len + 8);
    for (size_t i = 0; i < text.len; i++) {
        if (begins && text.p[i] == '.')
            buf_putc(&c->out, '.');
        buf_putc(&c->out, text.p[i]);
        begins = text.p[i] == '\n';
    }
    buf_puts(&c->out, begins ? ".\r\n" : "\r\n.\r\n");
    say(c, STEP_TEXT);
}

/* It has it. That the server is told goodbye is of no consequence. */
static void on_taken(struct mail_call *c)
{
    uv_buf_t quit = uv_buf_init((char[]){"QUIT\r\n"}, 6);
    stream_try_write(c->stream, &quit, 1);
    close_call(c);
}

/* ---- who we are */

static void say_secret(struct mail_call *c, const char *before, struct slice secret, enum step step)
{
    struct buf *out = command(c);
    buf_puts(out, before);
    base64_put(out, secret, BASE64);
    buf_puts(out, "\r\n");
    say(c, step);
}

static void say_plain(struct mail_call *c)
{
    struct buf both;
    buf_init(&both, COMMAND_BYTES / 2);
    buf_putc(&both, '\0');
    buf_puts(&both, c->server->user);
    buf_putc(&both, '\0');
    buf_puts(&both, c->server->password);
    say_secret(c, "AUTH PLAIN ", buf_slice(&both), STEP_PLAIN);
    buf_close(&both);
}

static void say_user(struct mail_call *c)
{
    say_secret(c, "", slice_of(c->server->user), STEP_LOGIN_USER);
}

static void say_password(struct mail_call *c)
{
    say_secret(c, "", slice_of(c->server->password), STEP_LOGIN_PASSWORD);
}

static void introduce(struct mail_call *c)
{
    if (c->server->user[0] == '\0') {
        say_from(c);
    } else if (!c->encrypted) {
        fail_with(c, ERR_UNAVAILABLE, "it offers no TLS, and a password is not sent without");
    } else if (c->offers_plain) {
        say_plain(c);
    } else if (c->offers_login) {
        buf_puts(command(c), "AUTH LOGIN\r\n");
        say(c, STEP_LOGIN);
    } else {
        fail_with(c, ERR_UNAVAILABLE, "it offers neither AUTH PLAIN nor AUTH LOGIN");
    }
}

static void on_hello(struct mail_call *c)
{
    if (c->offers_tls && !c->encrypted) {
        buf_puts(command(c), "STARTTLS\r\n");
        say(c, STEP_STARTTLS);
    } else {
        introduce(c);
    }
}

/* ---- hearing */

/* "250-AUTH PLAIN LOGIN", "250 STARTTLS": what a line of EHLO's answer offers. */
static void hear_offer(struct mail_call *c, const char *line)
{
    const char *word = line + 4;
    c->offers_tls |= strncasecmp(word, "STARTTLS", 8) == 0;
    if (strncasecmp(word, "AUTH", 4) != 0)
        return;
    for (word += 4; *word != '\0'; word += strcspn(word, " ")) {
        word += strspn(word, " =");
        size_t len = strcspn(word, " ");
        c->offers_plain |= len == 5 && strncasecmp(word, "PLAIN", 5) == 0;
        c->offers_login |= len == 5 && strncasecmp(word, "LOGIN", 5) == 0;
    }
}

static void refused(struct mail_call *c, const char *line)
{
    char quoted[120], text[200];
    bool for_good = line[0] == '5' && steps[c->step].of_mail;
    snprintf(text, sizeof text, "it answers %s to %s",
             str_quote(quoted, sizeof quoted, line, strlen(line)), steps[c->step].to);
    if (c->step == STEP_TEXT && !for_good) { /* it has certainly not taken it */
        struct error err;
        error_set(&err, ERR_UNAVAILABLE, "%s: %s", c->dial.where, text);
        fail(c, &err);
    } else {
        fail_with(c, for_good ? ERR_INVALID : ERR_UNAVAILABLE, text);
    }
}

static bool is_reply(const char *line)
{
    return strspn(line, "0123456789") == 3 && (line[3] == ' ' || line[3] == '-' || line[3] == '\0');
}

/* One line; the last one of an answer decides. */
static void hear(struct mail_call *c, char *line)
{
    if (!is_reply(line)) {
        fail_with(c, ERR_UNAVAILABLE, "it is no mail server");
        return;
    }
    if (c->step == STEP_HELLO && line[0] == '2' && line[3] != '\0')
        hear_offer(c, line);
    if (line[3] == '-')
        return;
    if (line[0] != steps[c->step].wanted)
        refused(c, line);
    else
        steps[c->step].next(c);
}

static void on_read(struct stream *s, struct slice data)
{
    struct mail_call *c = s->data;
    char line[REPLY_BYTES];
    buf_put_slice(&c->in, data);
    if (buf_full(&c->in)) {
        fail_with(c, ERR_UNAVAILABLE, "its answer is too long");
        return;
    }
    while (c->state == MAIL_TALKING && c->stream == s) {
        const char *end = c->in.len > 0 ? memchr(c->in.data, '\n', c->in.len) : NULL;
        if (end == NULL)
            return;
        size_t len = (size_t)(end - c->in.data);
        snprintf(line, sizeof line, "%.*s", (int)len, c->in.data);
        line[strcspn(line, "\r")] = '\0';
        buf_consume(&c->in, len + 1);
        hear(c, line);
    }
}

static void on_end(struct stream *s, const struct error *broken)
{
    struct mail_call *c = s->data;
    if (c->state == MAIL_TALKING)
        fail_with(c, ERR_UNAVAILABLE,
                  broken != NULL ? broken->text : "it closed the connection in the middle");
}

/* Should it be broken, reading will tell. */
static void on_written(struct stream *s, const struct error *err)
{
    (void)s;
    (void)err;
}

static const struct stream_events talk = {
    .on_read = on_read,
    .on_end = on_end,
    .on_written = on_written,
};

/* ---- connecting */

static void on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    struct mail_call *c = LIST_ENTRY(d, struct mail_call, dial);
    if (s != NULL)
        s->data = c;
    if (c->state == MAIL_CLOSING) {
        if (s != NULL)
            stream_close(s, on_stream_closed);
        else
            part_closed(c);
        return;
    }
    if (s == NULL) {
        c->failed = true;
        c->failure = *err;
        c->failure.code = ERR_UNAVAILABLE;
        c->state = MAIL_CLOSING;
        c->handles--;
        uv_close((uv_handle_t *)&c->timer, on_timer_closed);
        return;
    }
    bool upgraded = c->step == STEP_STARTTLS;
    c->state = MAIL_TALKING;
    c->stream = s;
    s->events = &talk;
    c->encrypted = upgraded || c->server->tls_first;
    stream_read(s, true);
    if (upgraded)
        say_hello(c);
}

/* What it has said beyond its consent was said without TLS, by whomever. */
static void on_starttls(struct mail_call *c)
{
    struct stream *plain = c->stream;
    if (c->in.len > 0) {
        fail_with(c, ERR_UNAVAILABLE, "it goes on without TLS after it has agreed to it");
        return;
    }
    c->offers_plain = c->offers_login = false;
    c->stream = NULL;
    c->state = MAIL_DIALLING;
    stream_read(plain, false);
    dial_tls_over(&c->dial, plain, c->server->host, c->server->tls, on_dialled);
}

int mail_call_start(struct mail_call *c, struct loop *loop, const struct mail_server *server,
                    const char *from, const char *to, struct slice text, int64_t total_ms,
                    mail_call_cb *done, struct error *err)
{
    *c = (struct mail_call){.data = c->data, .loop = loop, .done = done, .server = server};
    int begun =
        server->tls_first
            ? dial_tls(&c->dial, loop, server->host, server->port, server->tls, on_dialled, err)
            : dial_tcp(&c->dial, loop, server->host, server->port, on_dialled, err);
    if (begun != 0)
        return -1;
    c->state = MAIL_DIALLING;
    c->handles = 2; /* the timer; the dial, then the stream */
    c->from = mem_strdup(from);
    c->to = mem_strdup(to);
    buf_init(&c->in, REPLY_BYTES - 1);
    buf_init(&c->text, text.len);
    buf_put_slice(&c->text, text);
    uv_timer_init(&loop->uv, &c->timer);
    c->timer.data = c;
    uv_timer_start(&c->timer, on_time_over, (uint64_t)total_ms, 0);
    return 0;
}
