/* Numbers, as JSON and as Prometheus reads them (spec/marathon.md 14.2): of the cluster, as this
 * replica knows it, and of this node since it began. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/marathon/private.h"
#include "base/str.h"

#define LAUNCH_TIMEOUT_MS 300000 /* what `launch-overdue` counts from (9.3) */
#define NAME_SIZE 128

enum group { COUNTERS, GAUGES, HISTOGRAMS, METERS, TIMERS, GROUPS };
static const char *const group_words[GROUPS] = {"counters", "gauges", "histograms", "meters",
                                                "timers"};

/* One of the two forms. Groups come in their order, each whole. */
struct form {
    const struct view *view;
    bool text;
    struct json_writer w;
    struct buf *body;
    enum group group;
};

/* ---- one number */

/* A letter of a name that Prometheus takes. */
static void put_prometheus_name(struct buf *out, const char *name)
{
    for (const char *p = name; *p != '\0'; p++)
        buf_putc(out, *p == '.' || *p == '-' ? '_' : *p);
}

static void put_type(struct form *o, const char *name, const char *type)
{
    buf_puts(o->body, "# TYPE ");
    put_prometheus_name(o->body, name);
    buf_printf(o->body, " %s\n", type);
}

static void put_sample(struct form *o, const char *name, const char *suffix, double v)
{
    put_prometheus_name(o->body, name);
    buf_printf(o->body, "%s %.10g\n", suffix, v);
}

static void put_one(struct form *o, const char *name, const char *member, const char *type,
                    double v)
{
    if (o->text) {
        put_type(o, name, type);
        put_sample(o, name, "", v);
        return;
    }
    json_key(&o->w, name);
    json_object(&o->w);
    json_member_double(&o->w, member, v);
    json_object_end(&o->w);
}

static void gauge(struct form *o, const char *name, double v)
{
    if (o->group == GAUGES)
        put_one(o, name, "value", "gauge", v);
}

static void counter(struct form *o, const char *name, uint64_t n)
{
    if (o->group == COUNTERS)
        put_one(o, name, "count", "counter", (double)n);
}

/* ---- rates and times */

static double uptime_s(const struct view *v)
{
    double s = (double)(v->now.wall.ms - v->facts->started.ms) / 1000;
    return s > 0 ? s : 0;
}

struct named {
    const char *name;
    double value;
};

static void put_named(struct form *o, const struct named *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_member_double(&o->w, values[i].name, values[i].value);
}

static void put_rates(struct form *o, const struct meter *m)
{
    int64_t now = o->view->now.mono.ms;
    double up = uptime_s(o->view);
    const struct named rates[] = {
        {"count", (double)m->count},
        {"m1_rate", meter_rate(m, 0, now)},
        {"m5_rate", meter_rate(m, 1, now)},
        {"m15_rate", meter_rate(m, 2, now)},
        {"mean_rate", up > 0 ? (double)m->count / up : 0},
    };
    put_named(o, rates, sizeof rates / sizeof rates[0]);
}

static void meter(struct form *o, const char *name, const struct meter *m)
{
    if (o->group != METERS)
        return;
    if (o->text) {
        put_type(o, name, "counter");
        put_sample(o, name, "_count", (double)m->count);
        return;
    }
    json_key(&o->w, name);
    json_object(&o->w);
    put_rates(o, m);
    json_member_str(&o->w, "units", "events/second");
    json_object_end(&o->w);
}

static const struct {
    const char *member, *label;
    double share;
} shares[] = {
    {"p50", "0.5", 0.5},   {"p75", "0.75", 0.75}, {"p95", "0.95", 0.95},
    {"p98", "0.98", 0.98}, {"p99", "0.99", 0.99}, {"p999", "0.999", 0.999},
};
#define SHARES (sizeof shares / sizeof shares[0])

static void timer_text(struct form *o, const char *name, const struct http_counts *c)
{
    put_type(o, name, "summary");
    for (size_t i = 0; i < SHARES; i++) {
        char label[32];
        snprintf(label, sizeof label, "{quantile=\"%s\"}", shares[i].label);
        put_sample(o, name, label, counts_quantile(c, shares[i].share));
    }
    put_sample(o, name, "_sum", c->took_s);
    put_sample(o, name, "_count", (double)c->all.count);
}

static void timer(struct form *o, const char *name, const struct http_counts *c)
{
    if (o->group != TIMERS)
        return;
    if (o->text) {
        timer_text(o, name, c);
        return;
    }
    double n = (double)c->all.count, mean = n > 0 ? c->took_s / n : 0;
    double variance = n > 0 ? c->took_s2 / n - mean * mean : 0;
    const struct named values[] = {
        {"max", c->most_s},
        {"mean", mean},
        {"min", c->least_s},
        {"stddev", variance > 0 ? sqrt(variance) : 0},
    };
    json_key(&o->w, name);
    json_object(&o->w);
    put_rates(o, &c->all);
    put_named(o, values, sizeof values / sizeof values[0]);
    for (size_t i = 0; i < SHARES; i++)
        json_member_double(&o->w, shares[i].member, counts_quantile(c, shares[i].share));
    json_member_str(&o->w, "duration_units", "seconds");
    json_member_str(&o->w, "rate_units", "calls/second");
    json_object_end(&o->w);
}

/* ---- which there are */

struct census {
    int64_t pods, groups, running, staged, overdue, kills;
};

/* How many groups end where this path, which comes after that one, leaves it. */
static int64_t groups_new(const char *before, const char *path)
{
    int64_t n = 0;
    size_t same = 0;
    while (before[same] != '\0' && before[same] == path[same])
        same++;
    for (size_t i = 1; path[i] != '\0'; i++)
        n += path[i] == '/' && i >= same;
    return n;
}

static void count(const struct view *v, struct census *n)
{
    char before[ID_SIZE] = "";
    struct app_row app;
    struct task_row t;
    *n = (struct census){.groups = 1}; /* the root */
    struct stmt *q = marathon_apps_within(v->state, "/");
    while (state_app_next(q, &app)) {
        n->groups += groups_new(before, app.path);
        str_copy(before, sizeof before, app.path);
        n->pods += app.pod;
        n->running += app.counts.running;
        n->staged += app.counts.staged;
    }
    q = state_tasks(v->state);
    while (state_task_next(q, &t)) {
        bool starts = t.state == TASK_STAGING || t.state == TASK_STARTING;
        n->overdue += t.app != 0 && starts && v->now.wall.ms - t.staged.ms > LAUNCH_TIMEOUT_MS;
        n->kills += t.app != 0 && t.state == TASK_KILLING;
    }
}

static void put_http(struct form *o, const struct http_counts *c)
{
    gauge(o, "marathon.http.requests.active.gauge", (double)c->active);
    gauge(o, "marathon.http.event-streams.active.gauge", (double)c->subscribers);
    counter(o, "marathon.http.event-streams.closed-slow.counter", c->subscribers_dropped);
    for (int i = 0; i < 5; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "marathon.http.responses.%dxx.rate.meter", i + 1);
        meter(o, name, &c->answers[i]);
    }
    timer(o, "marathon.http.requests.duration.timer.seconds", c);
}

/* What owners of jobs are told, by all channels. */
static void put_notices(struct form *o)
{
    struct notice_counts all = {0};
    for (int i = 0; i < NOTICE_CHANNELS_N; i++) {
        struct notice_counts one =
            state_notice_counts(o->view->state, notice_channel_word((enum notice_channel)i));
        all.sent += one.sent;
        all.given_up += one.given_up;
    }
    gauge(o, "marathon.notices.pending.gauge", (double)state_notices_unsent_count(o->view->state));
    counter(o, "marathon.notices.sent.counter", (uint64_t)all.sent);
    counter(o, "marathon.notices.failed.counter", (uint64_t)all.given_up);
}

static void put_all(struct form *o, const struct census *n)
{
    const struct view *v = o->view;
    const struct facts *f = v->facts;
    int64_t led_ms = f->leading ? v->now.mono.ms - f->led_since.ms : 0;
    gauge(o, "marathon.apps.active.gauge", (double)(state_apps_count(v->state) - n->pods));
    gauge(o, "marathon.pods.active.gauge", (double)n->pods);
    gauge(o, "marathon.groups.active.gauge", (double)n->groups);
    gauge(o, "marathon.deployments.active.gauge", (double)state_deployments_count(v->state));
    gauge(o, "marathon.instances.running.gauge", (double)n->running);
    gauge(o, "marathon.instances.staged.gauge", (double)n->staged);
    gauge(o, "marathon.instances.launch-overdue.gauge", (double)n->overdue);
    gauge(o, "marathon.instances.inflight-kills.gauge", (double)n->kills);
    gauge(o, "marathon.leadership.duration.gauge.seconds", (double)led_ms / 1000);
    gauge(o, "marathon.uptime.gauge.seconds", uptime_s(v));
    if (f->feed != NULL) {
        counter(o, "marathon.deployments.counter", f->feed->deployments);
        counter(o, "marathon.deployments.dismissed.counter", f->feed->refused);
        counter(o, "marathon.tasks.launched.counter", f->feed->launched);
    }
    if (f->callbacks != NULL) {
        counter(o, "marathon.callbacks.posted.counter", f->callbacks->posted);
        counter(o, "marathon.callbacks.failed.counter", f->callbacks->failed);
        counter(o, "marathon.callbacks.dropped.counter", f->callbacks->dropped);
    }
    put_notices(o);
    if (f->http != NULL)
        put_http(o, f->http);
}

void marathon_ask_metrics(struct call *c)
{
    struct form o = {.view = c->view};
    struct census n;
    count(c->view, &n);
    call_json(c, 200, &o.w);
    json_object(&o.w);
    json_member_str(&o.w, "version", "4.0.0"); /* of the form */
    for (o.group = 0; o.group < GROUPS; o.group++) {
        json_key(&o.w, group_words[o.group]);
        json_object(&o.w);
        put_all(&o, &n);
        json_object_end(&o.w);
    }
    json_object_end(&o.w);
}

void marathon_ask_prometheus(struct call *c)
{
    struct form o = {.view = c->view, .text = true, .body = &c->reply->body};
    struct census n;
    count(c->view, &n);
    call_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", "");
    for (o.group = 0; o.group < GROUPS; o.group++)
        put_all(&o, &n);
}
