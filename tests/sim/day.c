/* A simulated day: its clients, and the whole of it. */
#include "sim/day.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define ADD_MS 300      /* between two new jobs, at the beginning */
#define ASK_MS 15000    /* between two questions, later, about */
#define ANSWER_MS 50000 /* then a client knows nothing, and what it asked for is done or never */
#define REST_MS 2000
#define SETTLE_MS (2 * MINUTE_MS)
#define BACKFILLED 12 /* targets at once, about */

/* ---- asking */

static struct asked *free_place(struct day *d)
{
    for (size_t i = 0; i < ASKED_MAX; i++)
        if (d->asked[i].exchange == 0)
            return &d->asked[i];
    return NULL;
}

static int a_master(struct world *w)
{
    int i = (int)rng_below(&w->day->rng, (uint64_t)w->options.nodes);
    return w->nodes[i].node != NULL ? i : -1; /* else the client could not connect */
}

/* What the job is, or whether it is, is another after that. */
static bool defines(const char *op)
{
    return str_eq(op, "write") || str_eq(op, "delete") || str_eq(op, "pause") ||
           str_eq(op, "resume");
}

static void ask_at(struct world *w, const char *listener, struct day_job *j, const char *op,
                   enum method method, const char *target, const char *body)
{
    struct day *d = w->day;
    struct asked *q = free_place(d);
    int to = a_master(w);
    if (q == NULL || to < 0)
        return;
    struct request r = request_of(method, target);
    r.listener = listener;
    r.headers = SLICE("Content-Type: application/json\r\n");
    r.body = slice_of(body);
    r.remote = "10.0.0.9";
    *q = (struct asked){.at = w->mono, .until = w->mono + ANSWER_MS, .job = j, .op = op, .to = to};
    buf_init(&q->body, LIMIT_BODY_BYTES);
    buf_puts(&q->body, body);
    j->asked = true;
    j->sure = j->sure && !defines(op);
    q->exchange = client_send(w, to, &r);
}

static void ask(struct world *w, struct day_job *j, const char *op, enum method method,
                const char *target, const char *body)
{
    ask_at(w, "chronos", j, op, method, target, body);
}

/* The first calendar that is not there yet; false: all are. */
static bool put_calendar(struct world *w)
{
    struct day *d = w->day;
    char target[96];
    for (size_t i = 0; i < DAY_CALENDARS; i++) {
        struct day_job *c = &d->calendars[i];
        if (c->there)
            continue;
        snprintf(target, sizeof target, "/api/calendars/%s", c->name);
        if (!c->asked)
            ask_at(w, "marathon", c, "calendar", METHOD_PUT, target, buf_str(&c->body));
        return true;
    }
    return false;
}

static void put_job(struct world *w, struct day_job *j, bool disabled)
{
    struct buf body;
    char end[96];
    buf_init(&body, LIMIT_BODY_BYTES);
    buf_put_slice(&body, buf_slice(&j->body));
    snprintf(end, sizeof end, ",\"disabled\":%s,\"description\":\"%lld\"}",
             disabled ? "true" : "false", (long long)++w->day->value);
    buf_puts(&body, end);
    j->disabled = disabled;
    ask(w, j, "write", METHOD_POST,
        day_job_waits(w->day, j) ? "/scheduler/dependency" : "/scheduler/iso8601", buf_str(&body));
    buf_close(&body);
}

static void ask_about(struct world *w, struct day_job *j, const char *op, enum method method,
                      const char *path)
{
    char target[96];
    snprintf(target, sizeof target, "/scheduler/%s%s", path, j->name);
    ask(w, j, op, method, target, "");
}

static void redefine(struct world *w, struct day_job *j)
{
    day_job_draw(w->day, j, w->wall0 + w->mono);
    put_job(w, j, false);
}

static void pause_or_resume(struct world *w, struct day_job *j)
{
    char target[96];
    const char *op = j->disabled ? "resume" : "pause";
    snprintf(target, sizeof target, "/api/jobs/%s/%s", j->name, op);
    j->disabled = !j->disabled;
    ask_at(w, "marathon", j, op, METHOD_POST, target, "");
}

/* Some of its last targets are to run anew, or only those that have not. */
static void backfill(struct world *w, struct day_job *j)
{
    struct rng *rng = &w->day->rng;
    char target[96], body[160], from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE];
    int64_t end = w->wall0 + w->mono - (int64_t)rng_below(rng, (uint64_t)j->period_ms);
    int64_t begin = end - (int64_t)(1 + rng_below(rng, BACKFILLED)) * j->period_ms;
    snprintf(target, sizeof target, "/api/jobs/%s/backfill", j->name);
    snprintf(body, sizeof body, "{\"from\":\"%s\",\"to\":\"%s\",\"overlap\":%d,\"again\":%s}",
             wall_text((struct wall){begin}, from), wall_text((struct wall){end}, to),
             1 + 2 * (int)rng_below(rng, 2), rng_below(rng, 2) == 0 ? "true" : "false");
    ask_at(w, "marathon", j, "backfill", METHOD_POST, target, body);
}

/* Of those with dependents none is deleted: that would change what those are. */
static void change_something(struct world *w)
{
    struct day *d = w->day;
    struct day_job *j = &d->jobs[rng_below(&d->rng, d->jobs_n)];
    uint64_t what = rng_below(&d->rng, 100);
    if (j->asked || j->rests_until > w->mono)
        return;
    if (!j->there || what < 20)
        redefine(w, j);
    else if (j->sure && (j->disabled ? what < 60 : what < 25))
        pause_or_resume(w, j);
    else if (j->disabled || what < 30)
        put_job(w, j, !j->disabled);
    else if (what < 34)
        put_job(w, j, false);
    else if (what < 39 && !day_job_waits(d, j))
        backfill(w, j);
    else if (what < 45 && !j->has_children)
        ask_about(w, j, "delete", METHOD_DELETE, "job/");
    else if (what < 65)
        ask_about(w, j, "run", METHOD_PUT, "job/");
    else if (what < 75)
        ask_about(w, j, "success", METHOD_PUT, "job/success/");
    else
        ask_about(w, j, "read", METHOD_GET, "job/");
}

/* First the jobs come, in an order in which parents are there before their children. */
static void act(struct world *w)
{
    struct day *d = w->day;
    if (w->mono >= w->options.trouble_ms - QUIET_MS) {
        d->ask_due = INT64_MAX;
    } else if (d->added < d->jobs_n) {
        struct day_job *j = &d->jobs[d->added];
        d->ask_due = w->mono + ADD_MS;
        if (!put_calendar(w) && !j->asked && j->rests_until <= w->mono)
            redefine(w, j);
    } else {
        d->ask_due = w->mono + 1 + (int64_t)rng_below(&d->rng, 2 * ASK_MS);
        change_something(w);
    }
}

/* ---- answers */

/* The description of the job that a read shows, which each write makes another one. */
static int64_t value_of(const struct answer *a)
{
    struct error err;
    struct json *v = json_parse_own(blob_slice(a->body), &err);
    int64_t value = strtoll(json_str(json_get(v, "description"), "-1"), NULL, 10);
    json_free(v);
    return value;
}

/* A delete that finds nothing has read, too. */
static void judge_missing(struct world *w, struct asked *q, int status)
{
    bool gone = str_eq(q->op, "delete") || str_eq(q->op, "read");
    q->op = gone ? "read" : q->op;
    day_log_answer(w, q, gone ? "ok" : "fail", status, VALUE_NONE);
    if (gone)
        q->job->there = false;
}

static void forget(struct asked *q)
{
    q->job->asked = false;
    buf_close(&q->body);
    *q = (struct asked){0};
}

static void done(struct world *w, struct asked *q, const struct answer *a)
{
    bool reads = str_eq(q->op, "read");
    if (reads && w->may_be_stale) {
        day_log_answer(w, q, "fail", a->status, VALUE_NONE);
        return;
    }
    int64_t value = reads ? value_of(a) : VALUE_NONE;
    if (reads && day_planted(w, DAY_PLANT_OLD_READS))
        value -= value % 2;
    day_log_answer(w, q, "ok", a->status, value);
    q->job->sure = q->job->sure || (defines(q->op) && !str_eq(q->op, "delete"));
    if (str_eq(q->op, "write")) {
        w->day->added += q->job->index == w->day->added;
        q->job->there = true;
    } else if (str_eq(q->op, "delete")) {
        q->job->there = false;
    } else if (str_eq(q->op, "calendar")) {
        q->job->there = true;
    }
}

bool day_answer(struct world *w, const struct answer *a)
{
    struct asked *q = NULL;
    for (size_t i = 0; w->day != NULL && i < ASKED_MAX; i++)
        if (w->day->asked[i].exchange == a->id.v && a->id.v != 0)
            q = &w->day->asked[i];
    if (q == NULL || a->kind != ANSWER_WHOLE)
        return false;
    if (a->status == 504) { /* done or not: nobody knows */
        q->exchange = UINT64_MAX;
        return true;
    }
    const bool writes = str_eq(q->op, "write");
    if (a->status < 300)
        done(w, q, a);
    else if (a->status == 400 && writes && !day_planted(w, DAY_PLANT_EMPTIED)) /* no day is left */
        fail_world(w, "%s was refused: %.*s", q->job->name, (int)blob_slice(a->body).len,
                   blob_slice(a->body).p);
    else if (a->status == 400 && !writes)
        judge_missing(w, q, a->status);
    else
        day_log_answer(w, q, "fail", a->status, VALUE_NONE);
    if (w->failure[0] == '\0')
        q->job->rests_until = w->mono + REST_MS;
    forget(q);
    return true;
}

static void give_up(struct world *w)
{
    for (size_t i = 0; i < ASKED_MAX; i++) {
        struct asked *q = &w->day->asked[i];
        if (q->exchange == 0 || q->until > w->mono)
            continue;
        day_log_answer(w, q, "unknown", 0, VALUE_NONE);
        q->job->rests_until = w->mono + REST_MS;
        if (str_eq(q->op, "write"))
            q->job->there = true;
        forget(q);
    }
}

/* ---- machines */

void day_start(struct world *w, struct sim_task *t, const struct run_spec *spec)
{
    int64_t takes;
    t->run = spec->run;
    day_task_drawn(w->day, spec->cmd, &takes, &t->exit_code);
    t->ends_ms = w->mono + takes;
}

/* ---- all of it */

/* Once a minute, or as soon after it as all are at one index. */
static void look(struct world *w)
{
    struct day *d = w->day;
    if (w->mono < d->look_due || !check_even(w))
        return;
    d->look_due = w->mono + MINUTE_MS;
    day_plant_now(w);
    day_log_own(w, false);
}

void day_act(struct world *w)
{
    struct day *d = w->day;
    if (d == NULL)
        return;
    day_faults_act(w);
    give_up(w);
    if (d->ask_due <= w->mono)
        act(w);
    look(w);
}

int64_t day_due(const struct world *w)
{
    const struct day *d = w->day;
    if (d == NULL)
        return INT64_MAX;
    int64_t due = day_faults_due(d);
    due = d->ask_due < due ? d->ask_due : due;
    for (size_t i = 0; i < ASKED_MAX; i++)
        if (d->asked[i].exchange != 0 && d->asked[i].until < due)
            due = d->asked[i].until;
    return due;
}

static void log_living(struct world *w)
{
    for (int i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->nodes[i].tasks_n; k++)
            if (!task_ended(w->nodes[i].tasks[k].state))
                day_log_run(w, &w->nodes[i], &w->nodes[i].tasks[k]);
}

static void close_day(struct day *d)
{
    day_log_close(d);
    for (size_t i = 0; i < d->jobs_n; i++)
        buf_close(&d->jobs[i].body);
    for (size_t i = 0; i < ASKED_MAX; i++)
        buf_close(&d->asked[i].body);
    for (size_t i = 0; i < sizeof d->calendars / sizeof d->calendars[0]; i++)
        buf_close(&d->calendars[i].body);
    mem_free(d->jobs);
    mem_free(d->open);
}

int day_play(const struct world_options *options, struct world *w)
{
    struct day d = {.options = options->day, .ask_due = 1000, .fault_due = 10 * MINUTE_MS};
    d.kill_due = HOUR_MS / 2;
    rng_seed(&d.rng, options->seed ^ UINT64_C(0x646179));
    world_begin(options, w);
    w->wall0 = options->day->wall0;
    day_jobs_init(&d);
    w->day = &d;
    if (!day_log_open(&d))
        fail_world(w, "%s: no files can be written there", options->day->folder);
    else if (world_run(w, options->trouble_ms) && world_settles(w, options->heal_ms))
        world_run(w, w->mono + SETTLE_MS);
    if (d.added < d.jobs_n && w->failure[0] == '\0')
        fail_world(w, "only %zu of %zu jobs came to be", d.added, d.jobs_n);
    day_log_own(w, true);
    day_log_kept(w);
    log_living(w);
    bool fine = check_end(w);
    day_log_end(w);
    w->day = NULL;
    close_day(&d);
    return fine ? 0 : -1;
}
