/* How runs went, in numbers (spec/chronos.md 7). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/chronos/private.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/mesos_id.h"

#define HISTORY_MAX 1000

/* ---- durations: from due to a successful end */

struct samples {
    double ms[LIMIT_JOB_SAMPLES]; /* ascending */
    size_t n;
};

static int ascending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static void take_samples(struct state *s, int64_t job, struct samples *out)
{
    int64_t ms[LIMIT_JOB_SAMPLES];
    out->n = state_job_samples(s, job, ms);
    for (size_t i = 0; i < out->n; i++)
        out->ms[i] = (double)ms[i];
    qsort(out->ms, out->n, sizeof out->ms[0], ascending);
}

/* Between the two samples that it falls between; the ends beyond them. */
static double quantile(const struct samples *s, double q)
{
    if (s->n == 0)
        return 0;
    double at = q * (double)(s->n + 1);
    if (at < 1)
        return s->ms[0];
    if (at >= (double)s->n)
        return s->ms[s->n - 1];
    size_t below = (size_t)at;
    return s->ms[below - 1] + (at - (double)below) * (s->ms[below] - s->ms[below - 1]);
}

static const struct percentile {
    const char *name;
    double q;
} percentiles[] = {
    {"75thPercentile", 0.75}, {"95thPercentile", 0.95}, {"98thPercentile", 0.98},
    {"99thPercentile", 0.99}, {"median", 0.5},          {"mean", 0.5}, /* the median */
};
#define PERCENTILES (sizeof percentiles / sizeof percentiles[0])

static void put_double(struct json_writer *w, const char *name, double v)
{
    char text[DOUBLE_TEXT_SIZE];
    json_member_raw(w, name, slice_of(double_text(v, text)));
}

/* ---- one job (7.1) */

static void show_histogram(const struct samples *s, struct json_writer *w)
{
    json_key(w, "histogram");
    json_object(w);
    for (size_t i = 0; i < PERCENTILES; i++)
        put_double(w, percentiles[i].name, quantile(s, percentiles[i].q));
    json_member_int(w, "count", (int64_t)s->n);
    json_object_end(w);
}

struct attempts {
    struct attempt {
        char name[JOB_TASK_ID_SIZE];
        int64_t agent, elements;
        enum task_state state;
        struct wall started, ended;
    } * items;
    size_t n, cap;
};

static void add_attempt(struct attempts *a, const struct task_row *t, int64_t elements)
{
    if (a->n == a->cap) {
        a->cap = a->cap == 0 ? 32 : a->cap * 2;
        a->items = mem_realloc(a->items, a->cap * sizeof a->items[0]);
    }
    struct attempt *new = &a->items[a->n++];
    *new = (struct attempt){.agent = t->agent,
                            .elements = elements,
                            .state = t->state,
                            .started = t->started,
                            .ended = task_ended(t->state) ? t->ended : (struct wall){0}};
    str_copy(new->name, sizeof new->name, t->name);
}

static int newest_first(const void *x, const void *y)
{
    const struct attempt *a = x, *b = y;
    if (a->started.ms != b->started.ms)
        return a->started.ms > b->started.ms ? -1 : 1;
    return -strcmp(a->name, b->name);
}

/* Of so many of the newest runs, by due, that the `shown` newest attempts are among them. */
static void take_attempts(struct state *s, int64_t job, int64_t shown, struct attempts *out)
{
    int64_t runs[HISTORY_MAX + LIMIT_JOB_RUNS];
    size_t n = 0, most = (size_t)shown + LIMIT_JOB_RUNS;
    struct run_row r;
    struct task_row t;
    struct stmt *q = state_runs_of_job(s, job, INT64_MAX);
    while (n < most && state_run_next(q, &r))
        runs[n++] = r.id;
    stmt_end(q);
    for (size_t i = 0; i < n; i++) {
        q = state_tasks_of_run(s, runs[i]);
        while (state_task_next(q, &t))
            if (t.state != TASK_DROPPED) /* never started */
                add_attempt(out, &t, state_job_task(s, t.id).elements);
    }
    if (out->n > 1)
        qsort(out->items, out->n, sizeof out->items[0], newest_first);
}

/* "03/01/26 10:08:00" */
static void put_time(struct json_writer *w, const char *name, struct wall at)
{
    char text[TIME_TEXT_SIZE], shown[32] = "N/A";
    wall_text(at, text); /* 2026-03-01T10:08:00.000Z */
    if (at.ms != 0)
        snprintf(shown, sizeof shown, "%.2s/%.2s/%.2s %.8s", text + 5, text + 8, text + 2,
                 text + 11);
    json_member_str(w, name, shown);
}

/* "1h2m3s" without what is zero, but for the seconds. */
static void put_duration(struct json_writer *w, int64_t ms)
{
    char text[64];
    int64_t h = ms / 3600000, m = ms / 60000 % 60, s = ms / 1000 % 60;
    size_t len = 0;
    if (h > 0)
        len += (size_t)snprintf(text + len, sizeof text - len, "%lldh", (long long)h);
    if (m > 0)
        len += (size_t)snprintf(text + len, sizeof text - len, "%lldm", (long long)m);
    snprintf(text + len, sizeof text - len, "%llds", (long long)s);
    json_member_str(w, "duration", text);
}

static void show_attempt(struct call *c, const struct job *job, const struct attempt *a,
                         struct json_writer *w)
{
    char agent[MESOS_ID_SIZE];
    const char *status = !task_ended(a->state)       ? "Running"
                         : a->state == TASK_FINISHED ? "Success"
                                                     : "Fail";
    json_object(w);
    json_member_str(w, "taskId", a->name);
    json_member_str(w, "jobName", job->name);
    json_member_str(w, "slaveId", mesos_agent_id(c->view->facts->cluster, a->agent, agent));
    put_time(w, "startTime", a->started);
    put_time(w, "endTime", a->ended);
    if (a->started.ms != 0 && a->ended.ms != 0)
        put_duration(w, a->ended.ms - a->started.ms);
    json_member_str(w, "status", status);
    if (job->data_processing)
        json_member_int(w, "numElementsProcessed", a->elements);
    json_object_end(w);
}

void chronos_ask_stat(struct call *c)
{
    struct job_row row;
    struct job job;
    struct samples samples;
    struct attempts attempts = {0};
    struct json_writer w;
    int64_t limit, shown = c->view->facts->job_rules.history_shown;
    if (!chronos_number(c, "limit", shown, &limit) || !chronos_path_job(c, &row))
        return;
    if (limit < 0 || limit > HISTORY_MAX)
        limit = limit < 0 ? 0 : HISTORY_MAX;
    jobs_load_any(&row, &job);
    take_samples(c->view->state, row.id, &samples);
    take_attempts(c->view->state, row.id, limit, &attempts);
    call_json(c, 200, &w);
    json_object(&w);
    show_histogram(&samples, &w);
    json_key(&w, "taskStatHistory");
    json_array(&w);
    for (size_t i = 0; i < attempts.n && (int64_t)i < limit; i++)
        show_attempt(c, &job, &attempts.items[i], &w);
    json_array_end(&w);
    json_object_end(&w);
    mem_free(attempts.items);
    job_close(&job);
}

/* ---- all jobs (7.2) */

struct timed {
    char *name;
    double seconds;
};

static int slowest_first(const void *x, const void *y)
{
    const struct timed *a = x, *b = y;
    if (a->seconds != b->seconds)
        return a->seconds > b->seconds ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void show_times(struct call *c, const struct percentile *p, struct json_writer *w)
{
    struct job_row row;
    struct samples samples;
    size_t n = 0;
    struct timed *times =
        mem_zalloc(((size_t)state_jobs_count(c->view->state) + 1) * sizeof *times);
    struct stmt *q = state_jobs_created(c->view->state);
    while (state_job_next(q, &row)) {
        take_samples(c->view->state, row.id, &samples);
        times[n++] = (struct timed){mem_strdup(row.name), quantile(&samples, p->q) / 1000};
    }
    if (n > 1)
        qsort(times, n, sizeof times[0], slowest_first);
    for (size_t i = 0; i < n; i++) {
        json_object(w);
        json_member_str(w, "jobNameLabel", times[i].name);
        put_double(w, "time", times[i].seconds);
        json_object_end(w);
        mem_free(times[i].name);
    }
    mem_free(times);
}

void chronos_ask_percentile(struct call *c)
{
    struct json_writer w;
    call_json(c, 200, &w);
    json_array(&w);
    for (size_t i = 0; i < PERCENTILES; i++)
        if (str_eq(percentiles[i].name, call_param(c, "percentile")))
            show_times(c, &percentiles[i], &w);
    json_array_end(&w);
}

/* ---- metrics (7.5) */

static void show_gauges(struct state *s, struct json_writer *w)
{
    struct run_row r;
    int64_t queued = 0, high = 0;
    struct stmt *q = state_runs_waiting(s, INT64_MAX);
    while (state_run_next(q, &r)) {
        queued += r.priority == 0;
        high += r.priority != 0;
    }
    static const char *const names[] = {
        "org.apache.mesos.chronos.scheduler.jobs.TaskManager.queueSize",
        "org.apache.mesos.chronos.scheduler.jobs.TaskManager.highQueueSize",
    };
    const int64_t values[] = {queued, high};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_key(w, names[i]);
        json_object(w);
        json_member_int(w, "value", values[i]);
        json_object_end(w);
    }
}

static void show_counter(const char *what, const char *job, int64_t n, struct json_writer *w)
{
    char name[JOB_NAME_MAX + 32];
    snprintf(name, sizeof name, "jobs.run.%s.%s", what, job);
    json_key(w, name);
    json_object(w);
    json_member_int(w, "count", n);
    json_object_end(w);
}

static void show_counters(struct state *s, struct json_writer *w)
{
    struct job_row row;
    struct stmt *q = state_jobs_created(s);
    while (state_job_next(q, &row)) {
        show_counter("success", row.name, row.successes, w);
        show_counter("failure", row.name, row.errors, w);
    }
}

static double sum(const struct samples *s)
{
    double all = 0;
    for (size_t i = 0; i < s->n; i++)
        all += s->ms[i];
    return all;
}

static double deviation(const struct samples *s, double mean)
{
    double squares = 0;
    for (size_t i = 0; i < s->n; i++)
        squares += (s->ms[i] - mean) * (s->ms[i] - mean);
    return s->n > 1 ? sqrt(squares / (double)(s->n - 1)) : 0;
}

static void show_times_of(const char *job, const struct samples *s, struct json_writer *w)
{
    static const struct percentile shown[] = {{"p50", 0.5},  {"p75", 0.75}, {"p95", 0.95},
                                              {"p98", 0.98}, {"p99", 0.99}, {"p999", 0.999}};
    char name[JOB_NAME_MAX + 32];
    double mean = sum(s) / (double)s->n;
    snprintf(name, sizeof name, "jobs.run.time.%s", job);
    json_key(w, name);
    json_object(w);
    json_member_int(w, "count", (int64_t)s->n);
    put_double(w, "max", s->ms[s->n - 1]);
    put_double(w, "mean", mean);
    put_double(w, "min", s->ms[0]);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        put_double(w, shown[i].name, quantile(s, shown[i].q));
    put_double(w, "stddev", deviation(s, mean));
    json_object_end(w);
}

static void show_histograms(struct state *s, struct json_writer *w)
{
    struct job_row row;
    struct samples samples;
    struct stmt *q = state_jobs_created(s);
    while (state_job_next(q, &row)) {
        take_samples(s, row.id, &samples);
        if (samples.n > 0)
            show_times_of(row.name, &samples, w);
    }
}

static void indent(struct buf *body)
{
    struct buf lines;
    buf_init(&lines, body->max);
    json_indent(buf_slice(body), &lines);
    buf_close(body);
    *body = lines;
}

void chronos_ask_metrics(struct call *c)
{
    static const char *const others[] = {"meters", "timers"};
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "version", "3.0.0");
    json_key(&w, "gauges");
    json_object(&w);
    show_gauges(c->view->state, &w);
    json_object_end(&w);
    json_key(&w, "counters");
    json_object(&w);
    show_counters(c->view->state, &w);
    json_object_end(&w);
    json_key(&w, "histograms");
    json_object(&w);
    show_histograms(c->view->state, &w);
    json_object_end(&w);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        json_key(&w, others[i]);
        json_object(&w);
        json_object_end(&w);
    }
    json_object_end(&w);
    if (str_eq(query_get(&c->query, "pretty"), "true") && !buf_full(&c->reply->body))
        indent(&c->reply->body);
}
