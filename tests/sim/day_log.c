/* What a simulated day leaves behind (spec/chronos.md 10.8): JSON lines in a folder. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/statement.h"
#include "sim/day.h"

static FILE *open_log(const struct day *d, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%.400s/%s", d->options->folder, name);
    return fopen(path, "w");
}

bool day_log_open(struct day *d)
{
    d->api = open_log(d, "api.log");
    d->runs = open_log(d, "runs.log");
    d->faults = open_log(d, "fault.log");
    d->own = open_log(d, "own.log");
    d->heard = map_new();
    return d->api != NULL && d->runs != NULL && d->faults != NULL && d->own != NULL;
}

void day_log_close(struct day *d)
{
    FILE *all[] = {d->api, d->runs, d->faults, d->own};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] != NULL)
            fclose(all[i]);
    map_free(d->heard);
}

/* value: of a read, VALUE_NONE if there is no such job. */
void day_log_answer(struct world *w, struct asked *q, const char *outcome, int status,
                    int64_t value)
{
    fprintf(w->day->api,
            "{\"t0\":%lld,\"t1\":%lld,\"node\":\"%s\",\"op\":\"%s\",\"name\":\"%s\","
            "\"outcome\":\"%s\",\"status\":%d,\"value\":%lld,\"def\":%s}\n",
            (long long)(w->wall0 + q->at), (long long)(w->wall0 + w->mono), w->nodes[q->to].name,
            q->op, q->job->name, outcome, status, (long long)value,
            q->body.len > 0 ? buf_str(&q->body) : "null");
}

static void put_process(struct world *w, const char *node, const struct sim_task *t,
                        const char *task)
{
    fprintf(w->day->runs,
            "{\"name\":\"%s\",\"task\":\"%s\",\"node\":\"%s\",\"run\":%lld,\"start\":%lld,", t->of,
            task, node, (long long)t->run, (long long)(w->wall0 + t->started_ms));
    if (t->state == TASK_LOST || !task_ended(t->state))
        fprintf(w->day->runs, "\"end\":null,\"exit\":null}\n");
    else if (t->state == TASK_KILLED)
        fprintf(w->day->runs, "\"end\":%lld,\"exit\":null}\n", (long long)(w->wall0 + t->gone_ms));
    else
        fprintf(w->day->runs, "\"end\":%lld,\"exit\":%d}\n", (long long)(w->wall0 + t->gone_ms),
                t->exit_code);
}

#define PLANT_EVERY 50           /* tasks */
#define GROWS_MS (13 * HOUR_MS)  /* so long a record of excluded targets is looked at again */
#define GREW_MS (30 * MINUTE_MS) /* and told again, if something was added to it */

/* A process has ended, or its machine has. */
void day_log_run(struct world *w, const struct sim_node *n, const struct sim_task *t)
{
    bool plant = t->id % PLANT_EVERY == 0;
    if (plant && day_planted(w, DAY_PLANT_SILENT))
        return;
    put_process(w, n->name, t, t->name);
    if (plant && day_planted(w, DAY_PLANT_TWICE))
        put_process(w, w->nodes[(n->position + 1) % w->n].name, t, t->name);
    if (plant && day_planted(w, DAY_PLANT_STRANGE))
        put_process(w, n->name, t, "ct:1234567890123:0:x:");
}

void day_log_end(struct world *w)
{
    fprintf(w->day->faults, "{\"t\":%lld,\"kind\":\"end\",\"masters\":%d,\"nodes\":[",
            (long long)(w->wall0 + w->mono), w->options.nodes);
    for (int i = 0; i < w->n; i++)
        fprintf(w->day->faults, "%s\"%s\"", i > 0 ? "," : "", w->nodes[i].name);
    fprintf(w->day->faults, "],\"failure\":%s%s%s}\n", w->failure[0] != '\0' ? "\"" : "null",
            w->failure, w->failure[0] != '\0' ? "\"" : "");
}

static void put_run(struct world *w, struct state *s, const struct run_row *r)
{
    if (r->cause == CAUSE_BACKFILL && day_planted(w, DAY_PLANT_UNFILLED))
        return;
    int64_t by = -1, root = 0, heard = (int64_t)(intptr_t)map_get(w->day->heard, (uint64_t)r->id);
    char name[JOB_CALLED_SIZE];
    str_copy(name, sizeof name, r->job_name);
    name[strcspn(name, ":")] = '\0'; /* what is behind it, a deleted job's has, `job` says */
    state_run_cause(s, r->id, &by, &root);
    fprintf(w->day->own,
            "{\"run\":%lld,\"job\":%lld,\"name\":\"%s\",\"cause\":\"%s\",\"due\":%lld,"
            "\"attempt\":%lld,\"state\":\"%s\",\"covers\":%lld,\"queued\":%lld,\"started\":%lld,"
            "\"ended\":%lld,\"heard\":%lld,\"reason\":\"%s\",\"by\":%lld,\"root\":%lld}\n",
            (long long)r->id, (long long)r->job, name, run_cause_word(r->cause),
            (long long)r->due.ms, (long long)r->attempt, run_state_word(r->state),
            (long long)r->covers, (long long)r->queued.ms, (long long)r->started.ms,
            (long long)r->ended.ms, (long long)(heard > r->ended.ms ? heard : r->ended.ms),
            r->reason, (long long)by, (long long)root);
    if (run_over(r->state))
        map_remove(w->day->heard, (uint64_t)r->id);
}

static void keep_open(struct day *d, int64_t run)
{
    if (d->open_n == d->open_cap) {
        d->open_cap = d->open_cap == 0 ? 256 : d->open_cap * 2;
        d->open = mem_realloc(d->open, d->open_cap * sizeof d->open[0]);
    }
    d->open[d->open_n++] = run;
}

/* To a record of excluded targets the next ones are added. */
static bool grows(const struct world *w, const struct run_row *r, int64_t within_ms)
{
    return r->state == RUN_EXCLUDED && r->ended.ms > w->wall0 + w->mono - within_ms;
}

static void look_at(struct world *w, struct state *s, int64_t run, bool all)
{
    struct run_row r;
    if (!state_run_by_id(s, run, &r))
        return;
    bool over = run_over(r.state) && !grows(w, &r, GROWS_MS);
    if (over || all || grows(w, &r, GREW_MS))
        put_run(w, s, &r);
    if (!over)
        keep_open(w->day, run);
}

/* What a run's end causes follows the order in which ends were heard, which its row does not tell.
 */
static void hear(struct day *d, struct state *s)
{
    static const char run[] = ": run ";
    struct event_row e;
    struct events *q = state_events_after(s, d->newest_event, INT64_MAX);
    while (state_event_next(q, &e)) {
        d->newest_event = e.id;
        if (e.noun != NOUN_RUN)
            continue;
        const char *id = e.text + strlen(e.name) + strlen(run);
        map_put(d->heard, strtoull(id, NULL, 10), (void *)(intptr_t)e.at.ms);
    }
}

static void put_kept(FILE *out, struct state *s, const char *sql, const char *what)
{
    struct error err;
    struct stmt *q = db_query(state_db(s), slice_of(sql), &err);
    while (q != NULL && stmt_row(q))
        fprintf(out, "{\"%s\":%lld}\n", what, (long long)stmt_i64(q, 0));
    stmt_free(q);
}

void day_log_kept(struct world *w)
{
    struct sim_node *l = leader_of(w);
    FILE *out = open_log(w->day, "kept.log");
    if (l != NULL && out != NULL) {
        struct state *s = node_state(l->node);
        put_kept(out, s, "select min(ended_ms) from job_runs where old_bytes is not null", "since");
        put_kept(out, s, "select id from jobs where disabled < 2 order by id", "job");
        put_kept(out, s,
                 "select r.id from job_runs r join jobs_gone g on g.job = r.job order by r.id",
                 "run");
    }
    if (out != NULL)
        fclose(out);
}

void day_log_own(struct world *w, bool all)
{
    struct day *d = w->day;
    struct sim_node *l = leader_of(w);
    struct error err;
    if (l == NULL || state_level(node_state(l->node)) == 0)
        return;
    struct state *s = node_state(l->node);
    hear(d, s);
    int64_t *before = d->open;
    size_t n = d->open_n;
    d->open = NULL;
    d->open_n = d->open_cap = 0;
    for (size_t i = 0; i < n; i++)
        look_at(w, s, before[i], all);
    mem_free(before);
    struct stmt *q =
        db_query(state_db(s), SLICE("select id from job_runs where id > ?1 order by id"), &err);
    stmt_bind_i64_at(q, 1, d->newest_run);
    while (stmt_row(q)) {
        d->newest_run = stmt_i64(q, 0);
        look_at(w, s, d->newest_run, all);
    }
    stmt_free(q);
}
