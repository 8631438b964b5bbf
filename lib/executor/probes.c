#include "executor/probes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/str.h"
#include "model/run_spec.h"

/* ---- TCP and HTTP: everything is closed before the answer is told */

static void part_closed(struct net_probe *p)
{
    if (--p->handles == 0)
        p->answered(&p->probe, p->answer);
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}
static void on_stream_closed(struct stream *s)
{
    part_closed(s->data);
}

static void decide(struct net_probe *p, enum probe_answer answer, const char *cause)
{
    if (p->decided)
        return;
    p->decided = true;
    p->answer = answer;
    str_copy(p->probe.cause, sizeof(p->probe.cause), cause);
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
    if (p->dialling)
        dial_cancel(&p->dial);
    else if (p->stream != NULL)
        stream_close(p->stream, on_stream_closed);
    else
        part_closed(p);
}

static void on_timeout(uv_timer_t *timer)
{
    struct net_probe *p = timer->data;
    char cause[64];
    snprintf(cause, sizeof(cause), "no answer within %lld ms", (long long)p->question.timeout_ms);
    decide(p, PROBE_BAD, cause);
}

/* "HTTP/1.1 200 OK" */
static void judge_line(struct net_probe *p)
{
    int status;
    p->line[strcspn(p->line, "\r\n")] = '\0';
    if (sscanf(p->line, "HTTP/%*1[0-9].%*1[0-9] %3d", &status) != 1) {
        decide(p, PROBE_BAD, "its answer is not HTTP");
        return;
    }
    p->probe.code = status;
    if (status < 200 && p->question.ignore_1xx)
        decide(p, PROBE_NEITHER, p->line);
    else
        decide(p, status >= 200 && status < 400 ? PROBE_GOOD : PROBE_BAD, p->line);
}

static void on_read(struct stream *s, struct slice data)
{
    struct net_probe *p = s->data;
    size_t room = sizeof(p->line) - 1 - p->line_n;
    size_t n = data.len < room ? data.len : room;
    memcpy(p->line + p->line_n, data.p, n);
    p->line_n += n;
    if (memchr(p->line, '\n', p->line_n) != NULL || n == room)
        judge_line(p);
}

static void on_end(struct stream *s, const struct error *err)
{
    struct net_probe *p = s->data;
    if (p->line_n > 0)
        judge_line(p);
    else
        decide(p, PROBE_BAD,
               err != NULL ? err->text : "it closed the connection without an answer");
}

static void on_written(struct stream *s, const struct error *err)
{
    (void)s; /* one may answer before it has read the question: reading will tell */
    (void)err;
}

static const struct stream_events http_events = {on_read, on_end, on_written};

static void ask_http(struct net_probe *p)
{
    uv_buf_t out = uv_buf_init(p->request, (unsigned)strlen(p->request));
    stream_read(p->stream, true);
    if (stream_write(p->stream, &out, 1) != 0)
        decide(p, PROBE_BAD, "the connection broke at once");
}

/* All that TCP asks; HTTP has failed. */
static void decide_dialled(struct net_probe *p, const struct error *err)
{
    if (p->question.path == NULL)
        p->probe.code = err == NULL;
    decide(p, err == NULL ? PROBE_GOOD : PROBE_BAD, err == NULL ? "" : err->text);
}

static void on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    struct net_probe *p = LIST_ENTRY(d, struct net_probe, dial);
    p->dialling = false;
    p->stream = s;
    if (s != NULL) {
        s->data = p;
        s->events = &http_events;
    }
    if (p->decided && s != NULL)
        stream_close(s, on_stream_closed);
    else if (p->decided)
        part_closed(p);
    else if (p->question.path != NULL && s != NULL)
        ask_http(p);
    else
        decide_dialled(p, s != NULL ? NULL : err);
}

static void net_ask(struct probe *probe, void (*answered)(struct probe *p, enum probe_answer a))
{
    struct net_probe *p = (struct net_probe *)probe;
    struct error err;
    p->answered = answered;
    p->decided = false;
    p->stream = NULL;
    p->line_n = 0;
    p->handles = 2; /* the timer; the dial, then the stream */
    uv_timer_init(&p->loop->uv, &p->timer);
    p->timer.data = p;
    const struct net_question *q = &p->question;
    if (q->timeout_ms > 0)
        uv_timer_start(&p->timer, on_timeout, (uint64_t)q->timeout_ms, 0);
    p->dialling =
        (q->tls != NULL ? dial_tls(&p->dial, p->loop, q->address, q->port, q->tls, on_dialled, &err)
                        : dial_tcp(&p->dial, p->loop, q->address, q->port, on_dialled, &err)) == 0;
    if (!p->dialling)
        decide(p, PROBE_BAD, err.text);
}

int net_probe_init(struct net_probe *p, struct loop *loop, const struct net_question *question,
                   struct error *err)
{
    const char *address = question->address, *path = question->path;
    *p = (struct net_probe){.probe.ask = net_ask, .loop = loop, .question = *question};
    if (path == NULL)
        return 0;
    const char *slash = path[0] == '/' ? "" : "/";
    bool v6 = strchr(address, ':') != NULL;
    int n = snprintf(p->request, sizeof(p->request),
                     "GET %s%s HTTP/1.0\r\nHost: %s%s%s:%u\r\nUser-Agent: mesolith\r\n"
                     "Accept: */*\r\nConnection: close\r\n\r\n",
                     slash, path, v6 ? "[" : "", address, v6 ? "]" : "", question->port);
    if (n >= (int)sizeof(p->request) || !run_check_path_is_clean(path))
        return error_set(err, ERR_INVALID,
                         "path: got \"%.40s\", need less than %d characters without blanks", path,
                         LIMIT_CHECK_PATH_BYTES);
    return 0;
}

/* ---- a command */

static void on_reply(struct launch_request *r, const struct reply *reply)
{
    struct command_probe *p = r->data;
    char *cause = p->probe.cause;
    bool exited = reply->kind == REPLY_ENDED && reply->signal == 0 && !reply->timed_out;
    if (exited)
        p->probe.code = reply->code;
    if (reply->kind == REPLY_FAILED)
        str_copy(cause, sizeof(p->probe.cause), reply->text);
    else if (reply->timed_out)
        snprintf(cause, sizeof(p->probe.cause), "no answer within %lld ms",
                 (long long)p->order.timeout_ms);
    else if (reply->signal != 0)
        snprintf(cause, sizeof(p->probe.cause), "Command terminated with signal %s",
                 strsignal(reply->signal));
    else
        snprintf(cause, sizeof(p->probe.cause), "Command exited with status %d", reply->code);
    p->answered(&p->probe, exited && reply->code == 0 ? PROBE_GOOD : PROBE_BAD);
}

static void on_refused(uv_handle_t *handle)
{
    struct command_probe *p = handle->data;
    p->answered(&p->probe, PROBE_BAD);
}

static void command_ask(struct probe *probe, void (*answered)(struct probe *p, enum probe_answer a))
{
    struct command_probe *p = (struct command_probe *)probe;
    struct error err;
    p->answered = answered;
    p->request.data = p;
    if (launch_order(p->launcher, &p->request, &p->order, on_reply, &err) == 0)
        return;
    str_copy(p->probe.cause, sizeof(p->probe.cause), err.text);
    uv_timer_init(p->launcher->orders.loop, &p->later);
    p->later.data = p;
    uv_close((uv_handle_t *)&p->later, on_refused); /* answers come later, always */
}

void command_probe_init(struct command_probe *p, struct launch_client *launcher,
                        const struct order *order)
{
    *p = (struct command_probe){.probe.ask = command_ask, .launcher = launcher, .order = *order};
}

/* ---- none */

static void on_later(uv_handle_t *handle)
{
    struct broken_probe *p = handle->data;
    p->answered(&p->probe, PROBE_BAD);
}

static void broken_ask(struct probe *probe,
                       void (*answered)(struct probe *p, enum probe_answer answer))
{
    struct broken_probe *p = (struct broken_probe *)probe;
    p->answered = answered;
    uv_timer_init(p->loop, &p->later);
    p->later.data = p;
    uv_close((uv_handle_t *)&p->later, on_later);
}

void broken_probe_init(struct broken_probe *p, uv_loop_t *loop, const char *cause)
{
    *p = (struct broken_probe){.probe.ask = broken_ask, .loop = loop};
    str_copy(p->probe.cause, sizeof(p->probe.cause), cause);
}
