#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/run_spec.h"
#include "model/status.h"

#define UNREACHABLE_MS 5000
#define CLOSED_MS 75000
#define LEASE_MS 2000

/* ---- the state */

static void on_change(struct watch *w, const struct change *c)
{
    struct harness *h = LIST_ENTRY(w, struct harness, watch);
    jobs_changed(h->jobs, c);
}

/* A whole entry, in one transaction. */
static void commit(struct harness *h, struct proposed *p)
{
    struct json *root;
    struct error err;
    size_t i = 0;
    h->index++;
    assert_int_equal(command_entry_parse(buf_slice(&p->entry), &root, &err), 0);
    assert_int_equal(db_begin(h->db, DB_NORMAL, &err), 0);
    struct outcome *outcomes = mem_zalloc(p->n * sizeof *outcomes);
    JSON_EACH (element, root) {
        struct command c;
        assert_int_equal(command_from_json(element, &c, &err), 0);
        state_apply(h->state, h->index, p->term, &c, &outcomes[i++]);
    }
    assert_int_equal(i, p->n);
    if (db_commit(h->db, &err) != 0)
        fail_msg("%s", err.text);
    state_committed(h->state);
    for (i = 0; i < p->n; i++) {
        if (p->origins[i].kind == ORIGIN_JOBS)
            jobs_outcome(h->jobs, p->origins[i].key, &outcomes[i], h->now, &h->out);
        outcome_close(&outcomes[i]);
    }
    mem_free(outcomes);
    json_free(root);
}

void harness_lose(struct harness *h)
{
    for (size_t i = 0; i < h->entries_n; i++) {
        buf_close(&h->entries[i].entry);
        mem_free(h->entries[i].origins);
    }
    h->entries_n = 0;
}

void harness_release(struct harness *h)
{
    h->held = false;
    for (size_t i = 0; i < h->entries_n; i++)
        commit(h, &h->entries[i]);
    harness_lose(h);
}

/* What is in the outbox becomes an entry that waits. */
static void propose(struct harness *h)
{
    if (h->out.n == 0)
        return;
    assert_true(h->entries_n < HARNESS_ENTRIES);
    struct proposed *p = &h->entries[h->entries_n++];
    *p = (struct proposed){.term = h->term};
    buf_init(&p->entry, LIMIT_ENTRY_BYTES);
    p->origins = mem_zalloc(h->out.n * sizeof p->origins[0]);
    command_entry_begin(&p->entry);
    for (size_t i = 0; i < h->out.n; i++) {
        assert_int_equal(h->out.items[i].kind, OUT_DRAFT);
        command_entry_add(&p->entry, &h->out.items[i].draft, h->now.wall);
        p->origins[p->n++] = h->out.items[i].origin;
    }
    command_entry_end(&p->entry);
    assert_false(buf_full(&p->entry));
    outbox_close(&h->out);
    outbox_init(&h->out, h->term);
}

void harness_command(struct harness *h, enum command_kind kind, const char *args)
{
    struct command c = {.kind = kind, .at = h->now.wall, .by = "", .from = "", .rid = ""};
    struct error err;
    struct json *tree = json_parse(slice_of(args), &err);
    if (tree == NULL)
        fail_msg("%s: %s", args, err.text);
    struct outcome o;
    c.args = tree;
    assert_int_equal(db_begin(h->db, DB_NORMAL, &err), 0);
    state_apply(h->state, ++h->index, h->term, &c, &o);
    str_copy(h->refused, sizeof h->refused, o.text);
    outcome_close(&o);
    assert_int_equal(db_commit(h->db, &err), 0);
    state_committed(h->state);
    json_free(tree);
}

/* ---- beginning and ending */

struct wall harness_wall(const char *text)
{
    struct wall t;
    struct error err;
    if (wall_parse(text, &t, &err) != 0)
        fail_msg("%s", err.text);
    return t;
}

void harness_open(struct harness *h, const char *at)
{
    struct error err;
    char level[32];
    *h = (struct harness){.term = 1};
    h->now = (struct now){{1000000}, harness_wall(at)};
    rng_seed(&h->rng, 7);
    assert_int_equal(db_open(":memory:", NULL, &h->db, &err), 0);
    assert_int_equal(state_open(h->db, false, &h->state, &err), 0);
    outbox_init(&h->out, 1);
    h->jobs = jobs_new(h->state, &h->rng);
    h->watch.changed = on_change;
    state_watch(h->state, &h->watch);
    snprintf(level, sizeof level, "{\"level\":%d}", COMMAND_LEVEL);
    harness_command(h, COMMAND_SCHEMA_UPGRADE, level);
    h->leading = true;
    jobs_lead(h->jobs, true, h->now, &h->out);
}

void harness_close(struct harness *h)
{
    harness_lose(h);
    for (size_t i = 0; i < h->agents_n; i++)
        mem_free(h->agents[i].tasks);
    mem_free(h->starts);
    outbox_close(&h->out);
    jobs_free(h->jobs);
    state_close(h->state);
    db_close(h->db);
}

/* ---- agents */

int64_t harness_agent(struct harness *h, const char *hostname, int cpus, int mem_mib)
{
    char args[512];
    struct pretender *a = &h->agents[h->agents_n];
    struct agent_row row;
    *a = (struct pretender){.uid = 100 + (int64_t)h->agents_n++, .pong = 1};
    snprintf(args, sizeof args,
             "{\"uid\":%lld,\"hostname\":\"%s\",\"address\":\"127.0.0.1\",\"boot\":\"b\","
             "\"version\":\"1\",\"docker\":\"24\",\"ports\":\"31000-32000\",\"port\":5051,"
             "\"cpus_milli\":%d,\"mem_bytes\":%lld,\"disk_bytes\":%lld,\"attributes\":{}}",
             (long long)a->uid, hostname, cpus * 1000, (long long)mem_mib << 20, 1LL << 40);
    harness_command(h, COMMAND_AGENT_REGISTER, args);
    assert_true(state_agent_by_uid(h->state, a->uid, &row));
    a->id = row.id;
    return row.id;
}

static const struct pretender *agent_by_id(const struct harness *h, int64_t id)
{
    for (size_t i = 0; i < h->agents_n; i++)
        if (h->agents[i].id == id)
            return &h->agents[i];
    return NULL;
}

static int64_t longest_silence_ms(const struct pretender *a)
{
    return a->closed ? CLOSED_MS : UNREACHABLE_MS;
}

static int64_t patience_ms(const void *harness, int64_t id, bool hurried)
{
    const struct harness *h = harness;
    const struct pretender *a = agent_by_id(h, id);
    int64_t most_ms = a == NULL || hurried ? UNREACHABLE_MS : longest_silence_ms(a);
    int64_t silent_ms = a != NULL && a->cut ? h->now.mono.ms - a->cut_at : 0;
    return silent_ms < most_ms ? most_ms - silent_ms : 0;
}

static int64_t silence_of(const void *harness, int64_t id)
{
    const struct harness *h = harness;
    const struct pretender *a = agent_by_id(harness, id);
    return a != NULL && !a->given_up && !a->closed && patience_ms(h, id, false) > 0 ? -1 : 0;
}

static int64_t pong_of(const void *data, int64_t id)
{
    const struct pretender *a = agent_by_id(data, id);
    return a->quiet ? 0 : a->pong;
}

static bool is_expected(const void *data, int64_t id)
{
    const struct pretender *a = agent_by_id(data, id);
    return a != NULL && a->expected;
}

void harness_cut(struct harness *h, size_t agent)
{
    h->agents[agent].cut = true;
    h->agents[agent].cut_at = h->now.mono.ms;
}

void harness_end_process(struct harness *h, size_t agent)
{
    harness_cut(h, agent);
    h->agents[agent].closed = true;
}

static void report(struct harness *h, const struct status *st)
{
    struct json_writer w;
    outbox_draft(&h->out, COMMAND_TASK_UPDATE, (struct origin){0}, &w);
    json_key(&w, "set");
    json_array(&w);
    status_write(st, &w);
    json_array_end(&w);
    outbox_draft_end(&h->out, &w);
}

static enum task_state end_of(const struct pretended *t)
{
    if (t->dropped)
        return TASK_DROPPED;
    return t->killed ? TASK_KILLED : t->exit != 0 ? TASK_FAILED : TASK_FINISHED;
}

static void repeat_task(struct harness *h, const struct pretended *t)
{
    enum task_state ended = end_of(t);
    const struct status st = {
        .task = t->task,
        .seq = t->seq,
        .state = t->ended     ? ended
                 : t->started ? TASK_RUNNING
                              : TASK_STARTING,
        .at = h->now.wall,
        .exited = t->ended && !t->killed,
        .exit_code = t->exit,
        .message = t->ended && t->exit != 0 ? "Command exited with status 1" : NULL,
    };
    report(h, &st);
}

static void report_task(struct harness *h, struct pretended *t)
{
    t->seq++;
    repeat_task(h, t);
}

static void report_set_agent(struct harness *h, struct pretender *a, enum agent_state state)
{
    struct json_writer w;
    outbox_draft(&h->out, COMMAND_AGENT_STATE, (struct origin){0}, &w);
    json_key(&w, "set");
    json_array(&w);
    json_object(&w);
    json_member_int(&w, "agent", a->id);
    json_member_int(&w, "state", state);
    json_object_end(&w);
    json_array_end(&w);
    outbox_draft_end(&h->out, &w);
}

void harness_heal(struct harness *h, size_t agent)
{
    struct pretender *a = &h->agents[agent];
    struct task_row row;
    a->cut = a->closed = false;
    if (a->given_up)
        report_set_agent(h, a, AGENT_READY);
    a->given_up = false;
    for (size_t i = 0; i < a->n; i++) {
        struct pretended *t = &a->tasks[i];
        bool wanted = state_task_by_id(h->state, t->task, &row) && !task_ended(row.state);
        if (!wanted && !t->ended) { /* a stranger: it was replaced */
            t->ended = t->killed = true;
        }
        report_task(h, t);
    }
}

static struct start *new_start(struct harness *h, const char *task, int64_t agent)
{
    struct job_task_ref ref;
    struct error err;
    if (h->starts_n == h->starts_cap) {
        h->starts_cap = h->starts_cap == 0 ? 64 : h->starts_cap * 2;
        h->starts = mem_realloc(h->starts, h->starts_cap * sizeof h->starts[0]);
    }
    struct start *s = &h->starts[h->starts_n++];
    assert_int_equal(job_task_id_parse(task, &ref, &err), 0);
    *s = (struct start){
        .due_ms = ref.due.ms, .attempt = ref.attempt, .agent = agent, .at = h->now.wall};
    str_copy(s->name, sizeof s->name, ref.name);
    return s;
}

static void note_end(struct harness *h, const struct pretended *t)
{
    struct job_task_ref ref;
    struct error err;
    assert_int_equal(job_task_id_parse(t->name, &ref, &err), 0);
    for (size_t i = h->starts_n; i-- > 0;) {
        struct start *s = &h->starts[i];
        if (str_eq(s->name, ref.name) && s->due_ms == ref.due.ms && s->attempt == ref.attempt) {
            s->ended = h->now.wall;
            return;
        }
    }
}

/* "takes 2000 exits 1,0" */
static void read_command(struct pretended *t, const char *cmd)
{
    struct job_task_ref ref;
    struct error err;
    assert_int_equal(job_task_id_parse(t->name, &ref, &err), 0);
    const char *takes = strstr(cmd, "takes "), *exits = strstr(cmd, "exits ");
    t->takes_ms = takes != NULL ? atoll(takes + 6) : 1;
    if (exits == NULL)
        return;
    exits += 6;
    for (int64_t i = 0; i < ref.attempt && strchr(exits, ',') != NULL; i++)
        exits = strchr(exits, ',') + 1;
    t->exit = atoi(exits);
}

static struct pretended *task_of(struct pretender *a, int64_t task)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->tasks[i].task == task)
            return &a->tasks[i];
    return NULL;
}

static void take_order(struct harness *h, struct pretender *a, const struct task_row *row)
{
    struct buf text;
    struct error err;
    struct run_spec spec;
    if (a->n == a->cap) {
        a->cap = a->cap == 0 ? 64 : a->cap * 2;
        a->tasks = mem_realloc(a->tasks, a->cap * sizeof a->tasks[0]);
    }
    struct pretended *t = &a->tasks[a->n];
    *t = (struct pretended){.task = row->id, .start_at = h->now.mono.ms + HARNESS_START_MS};
    str_copy(t->name, sizeof t->name, row->name);
    buf_init(&text, LIMIT_FRAME_BYTES);
    if (!jobs_run_spec(h->jobs, row, &text)) {
        buf_close(&text);
        return;
    }
    a->n++;
    struct json *tree = json_parse(buf_slice(&text), &err);
    if (run_spec_read(tree, &spec, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(spec.once && row->pong == a->pong);
    read_command(t, spec.cmd);
    t->ended = t->dropped = h->now.wall.ms - row->staged.ms >= LEASE_MS;
    run_spec_close(&spec);
    json_free(tree);
    buf_close(&text);
    report_task(h, t);
}

static void take_orders(struct harness *h, struct pretender *a)
{
    struct task_row row;
    struct {
        int64_t id;
        enum task_state state;
    } found[4096];
    size_t n = 0;
    struct stmt *q = state_tasks_of_agent(h->state, a->id);
    while (state_task_next(q, &row)) {
        assert_true(n < COUNT(found));
        found[n].id = row.id;
        found[n++].state = row.state;
    }
    for (size_t i = 0; i < n; i++) {
        struct pretended *t = task_of(a, found[i].id);
        assert_true(state_task_by_id(h->state, found[i].id, &row));
        if (t == NULL && row.state == TASK_STAGING) {
            take_order(h, a, &row);
        } else if (row.state == TASK_KILLING && (t == NULL || !t->ended)) {
            struct pretended none = {.task = row.id, .seq = INT64_C(1) << 40};
            t = t != NULL ? t : &none;
            t->ended = t->killed = true;
            if (t != &none)
                note_end(h, t);
            report_task(h, t);
        }
    }
}

static void live_on(struct harness *h, struct pretender *a)
{
    for (size_t i = 0; i < a->n; i++) {
        struct pretended *t = &a->tasks[i];
        if (!t->started && !t->ended && h->now.mono.ms >= t->start_at) {
            t->started = true;
            t->end_at = h->now.mono.ms + t->takes_ms;
            new_start(h, t->name, a->id);
            if (!a->cut)
                report_task(h, t);
        }
        if (t->started && !t->ended && h->now.mono.ms >= t->end_at) {
            t->ended = true;
            note_end(h, t);
            if (!a->cut)
                report_task(h, t);
        }
    }
}

static void repeat_all(struct harness *h, struct pretender *a)
{
    struct task_row row;
    a->repeat = false;
    for (size_t i = 0; i < a->n; i++)
        if (state_task_by_id(h->state, a->tasks[i].task, &row) && !task_ended(row.state))
            repeat_task(h, &a->tasks[i]);
}

/* When the state will say that it is out of reach. */
static int64_t give_up_at(const struct harness *h, const struct pretender *a)
{
    return a->cut && !a->given_up && !h->suspects ? a->cut_at + longest_silence_ms(a) : INT64_MAX;
}

static void agent_turn(struct harness *h, struct pretender *a)
{
    if (a->repeat && !a->cut && h->leading)
        repeat_all(h, a);
    live_on(h, a);
    if (!a->cut && !a->deaf)
        take_orders(h, a);
    if (h->leading && h->now.mono.ms >= give_up_at(h, a)) {
        a->given_up = true;
        report_set_agent(h, a, AGENT_UNREACHABLE);
    }
}

static int64_t agents_due(const struct harness *h)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < h->agents_n; i++) {
        const struct pretender *a = &h->agents[i];
        if (give_up_at(h, a) < due)
            due = give_up_at(h, a);
        for (size_t k = 0; k < a->n; k++) {
            const struct pretended *t = &a->tasks[k];
            int64_t at = t->ended ? INT64_MAX : t->started ? t->end_at : t->start_at;
            if (at < due)
                due = at;
        }
    }
    return due;
}

/* ---- turns */

static void pass_ms(struct harness *h, int64_t ms)
{
    h->now.mono.ms += ms;
    h->now.wall.ms += ms;
}

void harness_turn(struct harness *h)
{
    h->turns++;
    for (size_t i = 0; i < h->agents_n; i++)
        agent_turn(h, &h->agents[i]);
    struct placement *p = placement_new(h->state, (struct hearing){silence_of, h});
    jobs_tick(h->jobs, p, &(struct jobs_ears){pong_of, patience_ms, is_expected, h}, h->now,
              &h->out);
    placement_free(p);
    propose(h);
    if (h->entries_n > 0 && !h->held) {
        pass_ms(h, HARNESS_COMMIT_MS);
        harness_release(h);
    }
}

static int64_t next_due(struct harness *h)
{
    int64_t due = jobs_due(h->jobs).ms, agents = agents_due(h);
    if (h->out.n > 0 || h->turns == 0)
        return 0;
    return due < agents ? due : agents;
}

void harness_run_ms(struct harness *h, int64_t ms)
{
    int64_t until = h->now.mono.ms + ms;
    harness_turn(h); /* whatever the caller has changed */
    while (h->now.mono.ms < until) {
        int64_t due = next_due(h);
        if (due > until)
            due = until;
        pass_ms(h, due > h->now.mono.ms ? due - h->now.mono.ms : 1);
        harness_turn(h);
    }
}

void harness_run(struct harness *h, const char *until)
{
    harness_run_ms(h, harness_wall(until).ms - h->now.wall.ms);
}

void harness_jump(struct harness *h, int64_t ms)
{
    h->now.wall.ms += ms;
}

void harness_new_leader(struct harness *h)
{
    for (size_t i = 0; i < h->agents_n; i++)
        h->agents[i].repeat = true;
    h->term++;
    h->leading = true;
    outbox_close(&h->out);
    outbox_init(&h->out, h->term);
    jobs_lead(h->jobs, false, h->now, &h->out);
    jobs_lead(h->jobs, true, h->now, &h->out);
}

void harness_no_leader(struct harness *h)
{
    h->leading = false;
    jobs_lead(h->jobs, false, h->now, &h->out);
}

void harness_outage(struct harness *h, const char *until)
{
    harness_no_leader(h);
    harness_run(h, until);
    harness_new_leader(h);
}

/* ---- wishes */

static struct json *parse_quoted(const char *body)
{
    struct error err;
    char *text = mem_strdup(body);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    struct json *tree = json_parse(slice_of(text), &err);
    if (tree == NULL)
        fail_msg("%s: %s", text, err.text);
    mem_free(text);
    return tree;
}

void harness_post(struct harness *h, enum job_face face, const char *body)
{
    struct job job;
    struct job_row old;
    struct problems problems = {0};
    struct job_rules rules = job_rules_default();
    struct arena arena = {0};
    struct error err;
    struct json_writer w;
    struct buf args;
    struct json *tree = parse_quoted(body);
    bool exists = state_job_by_name(h->state, job_name_of(tree, &arena), &old);
    enum job_kind kind = json_get(tree, "parents") != NULL ? JOB_DEPENDENT : JOB_SCHEDULED;
    if (job_parse(&rules, tree, face, kind, exists, &job, &problems) != 0) {
        problems_error(&problems, &err);
        fail_msg("%s", err.text);
    }
    buf_init(&args, LIMIT_ENTRY_BYTES);
    json_begin(&w, &args);
    json_object(&w);
    h->will_run =
        jobs_write_put(h->state, &job, exists ? &old : NULL, h->now.wall, &w) != PUT_RUNS_NEVER;
    json_object_end(&w);
    harness_command(h, COMMAND_JOB_PUT, buf_str(&args));
    buf_close(&args);
    job_close(&job);
    json_free(tree);
    arena_close(&arena);
}

void harness_trigger(struct harness *h, const char *name, const char *arguments)
{
    char args[512];
    struct job job;
    struct error err;
    struct job_row row = harness_job(h, name);
    assert_int_equal(jobs_load(&row, &job, &err), 0);
    snprintf(args, sizeof args,
             "{\"name\":\"%s\",\"due_ms\":%lld,\"arguments\":\"%s\",\"concurrent\":%s}", name,
             (long long)h->now.wall.ms, arguments, job.concurrent ? "true" : "false");
    job_close(&job);
    harness_command(h, COMMAND_JOB_TRIGGER, args);
}

void harness_resume(struct harness *h, const struct job_row *row)
{
    struct buf args;
    struct json_writer w;
    buf_init(&args, 4096);
    json_begin(&w, &args);
    json_object(&w);
    json_key(&w, "set");
    json_array(&w);
    jobs_write_resume(h->state, row, h->now.wall, &w);
    json_array_end(&w);
    json_object_end(&w);
    harness_command(h, COMMAND_JOB_RESUME, buf_str(&args));
    buf_close(&args);
}

void harness_delete(struct harness *h, const char *name)
{
    struct buf args;
    struct json_writer w;
    struct job_row row = harness_job(h, name);
    buf_init(&args, LIMIT_ENTRY_BYTES);
    json_begin(&w, &args);
    json_object(&w);
    json_member_str(&w, "name", name);
    state_write_heirs(h->state, &row, h->now.wall, &w);
    json_object_end(&w);
    harness_command(h, COMMAND_JOB_DELETE, buf_str(&args));
    buf_close(&args);
}

/* ---- what came of it */

struct job_row harness_job(struct harness *h, const char *name)
{
    struct job_row row;
    if (!state_job_by_name(h->state, name, &row))
        fail_msg("no job %s", name);
    return row;
}

const char *harness_shown(struct harness *h, const char *name)
{
    str_copy(h->text, sizeof h->text, harness_job(h, name).schedule);
    return h->text;
}

/* "10:08:00", with ms if there are any. */
static const char *clock_text(int64_t ms, char dst[TIME_TEXT_SIZE])
{
    char text[TIME_TEXT_SIZE];
    wall_text((struct wall){ms}, text);
    snprintf(dst, TIME_TEXT_SIZE, "%.*s", ms % 1000 == 0 ? 8 : 12, text + 11);
    return dst;
}

const char *harness_starts(struct harness *h, const char *name)
{
    char due[TIME_TEXT_SIZE];
    size_t len = 0;
    h->text[0] = '\0';
    for (size_t i = 0; i < h->starts_n; i++) {
        const struct start *s = &h->starts[i];
        if (str_eq(s->name, name))
            len += (size_t)snprintf(h->text + len, sizeof h->text - len, "%s%s/%lld",
                                    len > 0 ? " " : "", clock_text(s->due_ms, due),
                                    (long long)s->attempt);
    }
    return h->text;
}

const char *harness_runs(struct harness *h, const char *name)
{
    static const char *const words[] = {
        "queued", "assigned", "running", "ok",        "failed",     "killed",   "lost",
        "missed", "retry",    "later",   "cancelled", "superseded", "excluded",
    };
    struct run_row r;
    struct row {
        char text[96];
    } rows[256];
    size_t n = 0, len = 0;
    struct stmt *q = state_runs_of_job(h->state, harness_job(h, name).id, INT64_MAX);
    while (state_run_next(q, &r)) {
        char due[TIME_TEXT_SIZE], covers[24] = "", reason[40] = "";
        assert_true(n < COUNT(rows));
        if (r.covers > 1)
            snprintf(covers, sizeof covers, " x%lld", (long long)r.covers);
        if (r.state == RUN_MISSED)
            snprintf(reason, sizeof reason, "(%s)", r.reason);
        snprintf(rows[n++].text, sizeof rows[0].text, "%s %s%s%s", clock_text(r.due.ms, due),
                 words[r.state], reason, covers);
    }
    h->text[0] = '\0';
    while (n-- > 0)
        len += (size_t)snprintf(h->text + len, sizeof h->text - len, "%s%s", len > 0 ? ", " : "",
                                rows[n].text);
    return h->text;
}

int64_t harness_latest_ms(const struct harness *h)
{
    int64_t latest = 0;
    for (size_t i = 0; i < h->starts_n; i++)
        if (h->starts[i].attempt == 0 && h->starts[i].at.ms - h->starts[i].due_ms > latest)
            latest = h->starts[i].at.ms - h->starts[i].due_ms;
    return latest;
}
