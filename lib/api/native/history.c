/* What is kept of runs that are over: in numbers, how long, and as rows for others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/native/private.h"
#include "base/str.h"
#include "model/mesos_id.h"

#define DAY_MS 86400000
#define KEPT_MOST 1000 /* runs that are looked at one by one */

/* ---- numbers */

static const struct {
    const char *name;
    int permille;
} percentiles[] = {{"p50", 500}, {"p75", 750}, {"p95", 950}, {"p98", 980}, {"p99", 990}};
#define PERCENTILES (sizeof percentiles / sizeof percentiles[0])

static void put_counted(struct state *s, int64_t job, int64_t day, enum day_fact fact,
                        enum day_fact most, const char *name, struct json_writer *w)
{
    struct bucket b[JOB_BUCKETS];
    size_t n = state_job_days(s, job, fact, day, b);
    int64_t max = state_job_most(s, job, most, day);
    json_key(w, name);
    json_object(w);
    json_member_int(w, "count", histogram_count(b, n));
    for (size_t i = 0; i < PERCENTILES; i++) {
        int64_t at = histogram_at(b, n, percentiles[i].permille);
        json_member_int(w, percentiles[i].name, at < max ? at : max); /* the middle of a bucket */
    }
    json_member_int(w, "max", max);
    json_object_end(w);
}

struct ends { /* by enum run_state */
    int64_t n[RUN_EXCLUDED + 1];
};

/* Of those that ran, but for who was told to end. */
static void put_ends(const struct ends *e, struct json_writer *w)
{
    int64_t ok = e->n[RUN_SUCCESS], failed = e->n[RUN_FAILED] + e->n[RUN_SUPERSEDED];
    int64_t all = ok + failed + e->n[RUN_LOST];
    json_key(w, "ends");
    json_object(w);
    json_member_int(w, "ok", ok);
    json_member_int(w, "failed", failed);
    json_member_int(w, "killed", e->n[RUN_KILLED]);
    json_member_int(w, "lost", e->n[RUN_LOST]);
    json_member_int(w, "missed", e->n[RUN_MISSED]);
    json_member_int(w, "excluded", e->n[RUN_EXCLUDED]);
    json_member_int(w, "skipped", e->n[RUN_COALESCED] + e->n[RUN_CANCELLED]);
    json_object_end(w);
    if (all > 0)
        json_member_double(w, "success_rate", (double)ok / (double)all);
}

static void put_days(struct state *s, int64_t job, int64_t day, struct json_writer *w)
{
    struct bucket b[JOB_BUCKETS];
    struct ends ends = {0};
    size_t n = state_job_days(s, job, DAY_ENDS, day, b);
    for (size_t i = 0; i < n; i++)
        if (b[i].bucket <= RUN_EXCLUDED)
            ends.n[b[i].bucket] = b[i].n;
    put_ends(&ends, w);
    put_counted(s, job, day, DAY_TOOK, DAY_LONGEST, "took_ms", w);
    put_counted(s, job, day, DAY_LATE, DAY_LATEST, "late_ms", w);
}

struct times {
    int64_t ms[KEPT_MOST];
    size_t n;
};

static int ascending(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static void put_times(struct times *t, const char *name, struct json_writer *w)
{
    qsort(t->ms, t->n, sizeof t->ms[0], ascending);
    json_key(w, name);
    json_object(w);
    json_member_int(w, "count", (int64_t)t->n);
    for (size_t i = 0; i < PERCENTILES; i++) {
        size_t at = (t->n * (size_t)percentiles[i].permille + 999) / 1000;
        json_member_int(w, percentiles[i].name, t->n > 0 ? t->ms[at - 1] : 0);
    }
    json_member_int(w, "max", t->n > 0 ? t->ms[t->n - 1] : 0);
    json_object_end(w);
}

static void add_time(struct times *t, struct wall from, struct wall to)
{
    t->ms[t->n++] = to.ms > from.ms ? to.ms - from.ms : 0;
}

static void put_kept(struct state *s, int64_t job, struct json_writer *w)
{
    struct times took = {.n = 0}, late = {.n = 0};
    struct ends ends = {0};
    struct run_row r;
    int64_t n = 0;
    struct stmt *q = state_runs_of_job(s, job, KEPT_MOST);
    while (state_run_next(q, &r)) {
        if (!run_over(r.state))
            continue;
        n++;
        ends.n[r.state] += r.covers;
        if (r.started.ms == 0 || !state_start_heard(s, &r))
            continue;
        if (r.cause != CAUSE_BACKFILL)
            add_time(&late, r.due, r.started);
        if (r.state == RUN_SUCCESS)
            add_time(&took, r.started, r.ended);
    }
    json_key(w, "kept");
    json_object(w);
    json_member_int(w, "runs", n);
    put_ends(&ends, w);
    put_times(&took, "took_ms", w);
    put_times(&late, "late_ms", w);
    json_object_end(w);
}

void native_ask_job_stats(struct call *c)
{
    struct job_row job;
    struct json_writer w;
    int64_t days = LIMIT_JOB_DAYS - 1;
    if (!native_job_or_gone(c, call_param(c, "name"), &job) || native_number(c, "days", &days) != 0)
        return;
    if (days < 1 || days >= LIMIT_JOB_DAYS) {
        call_fail(c, ERR_INVALID, "days: got %lld, need 1 to %d", (long long)days,
                  LIMIT_JOB_DAYS - 1);
        return;
    }
    call_json(c, 200, &w);
    json_object(&w);
    json_member_int(&w, "days", days);
    put_days(c->view->state, job.id, c->view->now.wall.ms / DAY_MS - days, &w);
    put_kept(c->view->state, job.id, &w);
    json_member_int(&w, "index", (int64_t)c->view->index);
    json_object_end(&w);
}

/* ---- how long */

static void put_history(const struct view *v, struct json_writer *w)
{
    struct history_rules rules = state_history_rules(v->state);
    struct history_size size = state_history_size(v->state);
    json_object(w);
    for (size_t i = 0; i < HISTORY_SETTINGS; i++)
        json_member_int(w, history_settings[i].name, *history_rule(&rules, &history_settings[i]));
    json_key(w, "beyond");
    json_object(w);
    json_member_int(w, "runs", size.runs);
    json_member_int(w, "bytes", size.bytes);
    json_object_end(w);
    json_member_int(w, "index", (int64_t)v->index);
    json_object_end(w);
}

void native_ask_history(struct call *c)
{
    struct json_writer w;
    call_json(c, 200, &w);
    put_history(c->view, &w);
}

static const struct history_setting *setting_of(const char *name)
{
    for (size_t i = 0; i < HISTORY_SETTINGS; i++)
        if (str_eq(history_settings[i].name, name))
            return &history_settings[i];
    return NULL;
}

static void check_settings(const struct json *body, struct problems *problems)
{
    JSON_EACH (member, body) {
        const struct history_setting *h = setting_of(json_name(member));
        char path[16], got[80];
        int64_t n;
        if (json_i64(member, &n) && n >= h->least && n <= h->most)
            continue;
        snprintf(path, sizeof path, "/%s", h->name);
        problems_add(problems, PROBLEM_RULE, path, "got %s, need a whole number from %lld to %lld",
                     json_quote(got, sizeof got, member), (long long)h->least, (long long)h->most);
    }
}

void native_put_history(struct tell *t)
{
    struct problems problems = {0};
    struct json_writer w;
    if (native_once(t, native_written))
        return;
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return;
    check_settings(body, &problems);
    if (problems.n > 0) {
        call_problems(&t->c, &problems);
        return;
    }
    tell_begin(t, COMMAND_SETTING_PUT, &w, native_written);
    json_key(&w, "set");
    json_object(&w);
    JSON_EACH (member, body) {
        char text[24];
        snprintf(text, sizeof text, "%lld", (long long)json_int(member, 0));
        json_member_str(&w, setting_of(json_name(member))->key, text);
    }
    json_object_end(&w);
    tell_end(t, &w);
}

/* ---- as rows (spec/chronos.md 7.3) */

#define EXPORT_MOST 10000 /* runs in one answer */
#define NAMES_BYTES (LIMIT_JOB_PARENTS * (JOB_NAME_MAX + 1))
#define WHEN_BYTES 4096

struct cell {
    enum { CELL_NONE, CELL_TEXT, CELL_NUMBER, CELL_TRUE } kind;
    const char *text;
    int64_t n;
};

enum column {
    COLUMN_ID,
    COLUMN_TS,
    COLUMN_JOB,
    COLUMN_OWNER,
    COLUMN_SCHEDULE,
    COLUMN_PARENTS,
    COLUMN_STATE,
    COLUMN_SLAVE,
    COLUMN_MESSAGE,
    COLUMN_ATTEMPT,
    COLUMN_FAILURE,
    COLUMN_ELEMENTS,
    COLUMN_RUN,
    COLUMN_GONE,
    COLUMNS,
};
static const char *const columns[COLUMNS] = {
    "id",         "ts",       "job_name", "job_owner", "job_schedule", "job_parents",
    "task_state", "slave_id", "message",  "attempt",   "is_failure",   "elements_processed",
    "run",        "gone",
};

struct history_export {
    struct call *c;
    bool csv;
    struct job_row job; /* whose runs are written; id 0: none yet */
    struct job definition;
    struct buf parents, when;
    struct gone_row gone; /* job 0: it is there */
};

static void put_quoted(struct buf *out, const char *text)
{
    buf_putc(out, '"');
    for (const char *quote; (quote = strchr(text, '"')) != NULL; text = quote + 1) {
        buf_put(out, text, (size_t)(quote - text));
        buf_puts(out, "\"\"");
    }
    buf_puts(out, text);
    buf_putc(out, '"');
}

static void put_csv(const struct cell cells[COLUMNS], struct buf *out)
{
    for (int i = 0; i < COLUMNS; i++) {
        buf_puts(out, i > 0 ? "," : "");
        if (cells[i].kind == CELL_TEXT && strpbrk(cells[i].text, ",\"\r\n") != NULL)
            put_quoted(out, cells[i].text);
        else if (cells[i].kind == CELL_TEXT)
            buf_puts(out, cells[i].text);
        else if (cells[i].kind == CELL_NUMBER)
            buf_printf(out, "%lld", (long long)cells[i].n);
        else if (cells[i].kind == CELL_TRUE)
            buf_puts(out, "true");
    }
}

static void put_object(const struct cell cells[COLUMNS], struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    for (int i = 0; i < COLUMNS; i++) {
        if (cells[i].kind == CELL_TEXT)
            json_member_str(&w, columns[i], cells[i].text);
        else if (cells[i].kind == CELL_NUMBER)
            json_member_int(&w, columns[i], cells[i].n);
        else if (cells[i].kind == CELL_TRUE)
            json_member_bool(&w, columns[i], true);
    }
    json_object_end(&w);
}

static void set_text(struct cell *cell, const char *text)
{
    if (text != NULL && *text != '\0')
        *cell = (struct cell){.kind = CELL_TEXT, .text = text};
}

static void set_number(struct cell *cell, int64_t n)
{
    *cell = (struct cell){.kind = CELL_NUMBER, .n = n};
}

static void put_event(struct history_export *x, const struct cell of_task[COLUMNS], struct wall at,
                      enum task_state state)
{
    struct cell cells[COLUMNS];
    char text[TIME_TEXT_SIZE];
    struct buf *out = &x->c->reply->body;
    if (at.ms == 0)
        return;
    memcpy(cells, of_task, sizeof cells);
    set_text(&cells[COLUMN_TS], wall_text(at, text));
    set_text(&cells[COLUMN_STATE], task_state_mesos(state));
    if (!task_ended(state))
        cells[COLUMN_MESSAGE].kind = cells[COLUMN_ELEMENTS].kind = CELL_NONE;
    else if (state != TASK_FINISHED && state != TASK_KILLED)
        cells[COLUMN_FAILURE].kind = CELL_TRUE;
    if (x->csv)
        put_csv(cells, out);
    else
        put_object(cells, out);
    buf_puts(out, "\n");
}

/* As it was given: a cron expression with its zone behind it, or the schedule as it stands. */
static void put_when(const struct history_export *x, struct buf *out)
{
    const char *zone = x->definition.schedule_zone;
    if (x->definition.cron == NULL)
        buf_puts(out, x->job.schedule != NULL ? x->job.schedule : "");
    else
        buf_printf(out, "%s %s", x->definition.cron, zone != NULL && *zone != '\0' ? zone : "UTC");
}

/* Its texts are those of now: what they were then nobody has kept. */
static void use_job(struct history_export *x, int64_t job)
{
    struct error err;
    struct edge_row e;
    struct state *s = x->c->view->state;
    if (x->job.id == job)
        return;
    job_close(&x->definition);
    x->definition = (struct job){0};
    x->gone = (struct gone_row){0};
    buf_clear(&x->parents);
    buf_clear(&x->when);
    if (!state_job_by_id(s, job, &x->job))
        return;
    state_job_gone(s, job, &x->gone);
    if (job_load(x->job.definition, &x->definition, &err) != 0)
        return;
    put_when(x, &x->when);
    struct stmt *q = state_edges_of(s, job);
    while (state_edge_next(q, &e))
        buf_printf(&x->parents, "%s%s", x->parents.len > 0 ? "," : "", e.parent_name);
}

static void put_task(struct history_export *x, const struct run_row *r, const struct task_row *t)
{
    char slave[MESOS_ID_SIZE];
    struct job_task_ref ref;
    struct error err;
    struct cell cells[COLUMNS] = {0};
    int64_t elements = state_job_task(x->c->view->state, t->id).elements;
    set_text(&cells[COLUMN_ID], t->name);
    set_text(&cells[COLUMN_JOB], x->gone.job != 0 ? x->gone.name : r->job_name);
    if (x->gone.job != 0)
        set_text(&cells[COLUMN_GONE], r->job_name);
    set_text(&cells[COLUMN_OWNER], x->definition.owner);
    set_text(&cells[COLUMN_SCHEDULE], buf_str(&x->when));
    set_text(&cells[COLUMN_PARENTS], buf_str(&x->parents));
    set_text(&cells[COLUMN_SLAVE], mesos_agent_id(x->c->view->facts->cluster, t->agent, slave));
    set_text(&cells[COLUMN_MESSAGE], t->message);
    if (job_task_id_parse(t->name, &ref, &err) == 0)
        set_number(&cells[COLUMN_ATTEMPT], ref.attempt);
    if (elements > 0)
        set_number(&cells[COLUMN_ELEMENTS], elements);
    set_number(&cells[COLUMN_RUN], r->id);
    put_event(x, cells, t->staged, TASK_STAGING);
    put_event(x, cells, t->started, TASK_RUNNING);
    if (task_ended(t->state))
        put_event(x, cells, t->ended, t->state);
}

/* The last run of the answer, where there are more, is in X-Mesolith-Next: to go on after it. What
 * is too much for one answer is not looked for on and on. */
static void put_events(struct history_export *x, int64_t job, int64_t after, int64_t limit)
{
    struct run_row r;
    struct task_row t;
    int64_t n = 0, last = 0;
    struct stmt *runs = state_runs_after(x->c->view->state, job, after, limit + 1);
    while (!buf_full(&x->c->reply->body) && state_run_next(runs, &r)) {
        if (n++ == limit) {
            char text[24];
            snprintf(text, sizeof text, "%lld", (long long)last);
            header_put(&x->c->reply->headers, "X-Mesolith-Next", text);
            break;
        }
        last = r.id;
        use_job(x, r.job);
        struct stmt *q = state_tasks_of_run(x->c->view->state, r.id);
        while (state_task_next(q, &t))
            put_task(x, &r, &t);
    }
    stmt_end(runs);
}

void native_ask_export(struct call *c)
{
    struct history_export x = {.c = c};
    struct job_row job = {0};
    int64_t after = 0, limit = 1000;
    char got[80];
    const char *name = query_get(&c->query, "job"), *format = query_get(&c->query, "format");
    bool one = name != NULL && *name != '\0', said = format != NULL && *format != '\0';
    x.csv = said && str_eq(format, "csv");
    if (native_number(c, "after", &after) != 0 || native_number(c, "limit", &limit) != 0)
        return;
    if (one && !native_job_or_gone(c, name, &job))
        return;
    if (said && !x.csv && !str_eq(format, "jsonl")) {
        call_fail(c, ERR_INVALID, "format: got %s, need jsonl or csv",
                  str_quote(got, sizeof got, format, strlen(format)));
    } else if (limit < 1 || limit > EXPORT_MOST) {
        call_fail(c, ERR_INVALID, "limit: got %lld, need 1 to %d", (long long)limit, EXPORT_MOST);
    } else {
        call_text(c, 200, x.csv ? "text/csv" : "application/x-ndjson", "");
        for (int i = 0; x.csv && i < COLUMNS; i++)
            buf_printf(&c->reply->body, "%s%s", columns[i], i + 1 < COLUMNS ? "," : "\n");
        buf_init(&x.parents, NAMES_BYTES);
        buf_init(&x.when, WHEN_BYTES);
        put_events(&x, job.id, after, limit);
        buf_close(&x.parents);
        buf_close(&x.when);
        job_close(&x.definition);
    }
}
