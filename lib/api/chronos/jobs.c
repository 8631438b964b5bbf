/* Jobs: created, replaced, run, deleted, listed (spec/chronos.md 1.4, 2). */
#include <stdio.h>
#include <string.h>

#include "api/can_run.h"
#include "api/chronos/private.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- what a person should know of a job that is accepted all the same */

static void warn(struct tell *t, const char *text)
{
    mem_free(t->kept);
    t->kept = mem_strdup(text);
}

static void warn_of_size(struct tell *t, const struct job *job)
{
    char text[160];
    struct resources most, needs = job_needs(job);
    if (state_agent_as_large(t->c.view->state, &needs) ||
        !state_agents_largest(t->c.view->state, &most))
        return;
    if (needs.cpus_milli > most.cpus_milli)
        snprintf(text, sizeof text, "cpus: the job needs %g, the largest node has %g", job->cpus,
                 milli_to_cpus(most.cpus_milli));
    else if (needs.mem_bytes > most.mem_bytes)
        snprintf(text, sizeof text, "mem: the job needs %g MB, the largest node has %g", job->mem,
                 bytes_to_mib(most.mem_bytes));
    else if (needs.disk_bytes > most.disk_bytes)
        snprintf(text, sizeof text, "disk: the job needs %g MB, the largest node has %g", job->disk,
                 bytes_to_mib(most.disk_bytes));
    else
        return;
    warn(t, text);
}

static void answer_put(struct tell *t, const struct outcome *o)
{
    chronos_done(t, o);
    if (t->kept != NULL)
        header_printf(&t->c.reply->headers, "Warning", "199 - \"%s\"", t->kept);
}

/* ---- creating and replacing */

struct others {
    struct state *state;
    int64_t job; /* 0: a new one */
};

static int check_parents(void *data, const struct job *j, struct error *err)
{
    const struct others *o = data;
    if (state_level(o->state) < PARENTS_LEVEL) /* then it is refused anyhow */
        return 0;
    return state_check_parents(o->state, o->job, &j->parents, err);
}

/* The job of the body; false after having failed the call. */
static bool take_job(struct tell *t, enum job_kind kind, struct job *out, struct job_row *old,
                     bool *known_out)
{
    struct call *c = &t->c;
    struct problems problems = {0};
    struct arena names = {0};
    const struct json *body = chronos_body(c);
    if (body == NULL)
        return false;
    const char *name = job_name_of(body, &names);
    *known_out = name != NULL && state_job_by_name(c->view->state, name, old);
    arena_close(&names);
    struct others others = {c->view->state, *known_out ? old->id : 0};
    struct job_rules rules = c->view->facts->job_rules;
    rules.check_parents = check_parents;
    rules.data = &others;
    if (job_parse(&rules, body, chronos_face(c), kind, *known_out, out, &problems) != 0) {
        call_problems(c, &problems);
        return false;
    }
    *known_out = state_job_by_name(c->view->state, out->name, old); /* others were read meanwhile */
    if (call_can_run(c, out, *known_out ? old : NULL, true))
        return true;
    job_close(out);
    return false;
}

static void put_job(struct tell *t, enum job_kind kind)
{
    struct job job;
    struct job_row old;
    struct json_writer w;
    bool known;
    if (!take_job(t, kind, &job, &old, &known))
        return;
    warn_of_size(t, &job);
    tell_begin(t, COMMAND_JOB_PUT, &w, answer_put);
    enum put_runs runs =
        jobs_write_put(t->c.view->state, &job, known ? &old : NULL, t->c.view->now.wall, &w);
    tell_end(t, &w);
    if (runs == PUT_RUNS_NEVER)
        warn(t, "schedule: all its runs are in the past: the job will never run");
    job_close(&job);
}

void chronos_put_scheduled(struct tell *t)
{
    put_job(t, JOB_SCHEDULED);
}

void chronos_put_dependent(struct tell *t)
{
    put_job(t, JOB_DEPENDENT);
}

/* ---- running, deleting, marking */

void chronos_run_job(struct tell *t)
{
    struct job_row row;
    struct job job;
    struct error err;
    struct json_writer w;
    const char *arguments = query_get(&t->c.query, "arguments");
    if (!chronos_typed(&t->c) || !chronos_path_job(&t->c, &row))
        return;
    if (jobs_load(&row, &job, &err) != 0) {
        call_error(&t->c, &err);
        return;
    }
    if (job_check_argv(&job, arguments, &err) != 0) {
        chronos_failure(&t->c, 400, "command: %s", err.text);
        job_close(&job);
        return;
    }
    if (row.disabled && !t->c.view->facts->job_rules.run_disabled) {
        chronos_nothing(&t->c); /* as Chronos did */
        job_close(&job);
        return;
    }
    tell_begin(t, COMMAND_JOB_TRIGGER, &w, chronos_done);
    jobs_write_trigger(&job, arguments, NULL, t->c.view->now.wall, &w);
    tell_end(t, &w);
    job_close(&job);
}

/* What is mistyped would let children lose what they wait for. False after having failed the call.
 */
static bool check_orphans(struct call *c)
{
    char quoted[80];
    const char *orphans = query_get(&c->query, "orphans");
    if (orphans == NULL || str_eq(orphans, "refuse"))
        return true;
    chronos_failure(c, 400, "orphans: got %s, need \"refuse\", or no such parameter",
                    str_quote(quoted, sizeof quoted, orphans, strlen(orphans)));
    return false;
}

void chronos_delete_job(struct tell *t)
{
    struct job_row row;
    struct json_writer w;
    struct error err;
    if (!chronos_typed(&t->c) || !chronos_path_job(&t->c, &row) || !check_orphans(&t->c))
        return;
    if (jobs_check_delete(t->c.view->state, &row, &err) != 0) {
        chronos_failure(&t->c, 400, "%s", err.text);
        return;
    }
    tell_begin(t, COMMAND_JOB_DELETE, &w, chronos_done);
    json_member_str(&w, "name", row.name);
    if (query_get(&t->c.query, "orphans") != NULL)
        json_member_bool(&w, "refuse_orphans", true);
    state_write_heirs(t->c.view->state, &row, t->c.view->now.wall, &w);
    tell_end(t, &w);
}

static void answer_marked(struct call *c, bool marked)
{
    c->reply->status = 200;
    c->reply->content_type = "application/json"; /* though it is none: E-12 */
    buf_clear(&c->reply->body);
    buf_printf(&c->reply->body, "marked job %s as successful: %s", call_param(c, "name"),
               marked ? "true" : "false");
}

static void marked(struct tell *t, const struct outcome *o)
{
    (void)o;
    answer_marked(&t->c, true);
}

void chronos_mark_success(struct tell *t)
{
    struct job_row row;
    struct json_writer w;
    if (!state_job_by_name(t->c.view->state, call_param(&t->c, "name"), &row)) {
        answer_marked(&t->c, false);
        return;
    }
    tell_begin(t, COMMAND_JOB_MARK, &w, marked);
    json_member_str(&w, "name", row.name);
    tell_end(t, &w);
}

/* ---- showing */

static void show_job(const struct job_row *row, bool fill, struct json_writer *w)
{
    struct job job;
    jobs_load_any(row, &job);
    job_write(&job, fill, w);
    job_close(&job);
}

void chronos_ask_job(struct call *c)
{
    struct job_row row;
    struct json_writer w;
    if (!chronos_path_job(c, &row))
        return;
    call_json(c, 200, &w);
    show_job(&row, false, &w);
}

void chronos_ask_jobs(struct call *c)
{
    struct job_row row;
    struct json_writer w;
    call_json(c, 200, &w);
    json_array(&w);
    struct stmt *q = state_jobs_created(c->view->state);
    while (state_job_next(q, &row))
        show_job(&row, true, &w);
    json_array_end(&w);
}

/* ---- searching (E-06) */

struct search {
    const char *name, *command, *any; /* "" and NULL: not asked for */
};

static bool asked(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool contains(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static bool matches(const struct search *s, const struct job *j)
{
    bool any = asked(s->any) && (contains(j->name, s->any) || contains(j->command, s->any));
    bool both = (!asked(s->name) || contains(j->name, s->name)) &&
                (!asked(s->command) || contains(j->command, s->command));
    if (asked(s->name) || asked(s->command))
        return both || any;
    return !asked(s->any) || any;
}

static int64_t not_negative(int64_t n)
{
    return n < 0 ? 0 : n;
}

void chronos_ask_search(struct call *c)
{
    const struct search s = {query_get(&c->query, "name"), query_get(&c->query, "command"),
                             query_get(&c->query, "any")};
    int64_t limit, offset;
    struct job_row row;
    struct json_writer w;
    if (!chronos_number(c, "limit", 10, &limit) || !chronos_number(c, "offset", 0, &offset))
        return;
    limit = not_negative(limit);
    offset = not_negative(offset);
    call_json(c, 200, &w);
    json_array(&w);
    struct stmt *q = state_jobs_created(c->view->state);
    while (limit > 0 && state_job_next(q, &row)) {
        struct job job;
        jobs_load_any(&row, &job);
        if (matches(&s, &job) && offset-- <= 0) {
            job_write(&job, false, &w);
            limit--;
        }
        job_close(&job);
    }
    stmt_end(q);
    json_array_end(&w);
}

/* ---- the summary (E-07) */

static void show_summary(const struct job_row *row, enum job_face face, struct json_writer *w)
{
    char state[JOB_STATE_SIZE];
    struct job job = {0};
    if (row->schedule == NULL) /* others have no parents */
        jobs_load_any(row, &job);
    json_object(w);
    json_member_str(w, "name", row->name);
    json_member_str(w, "status", chronos_result(row));
    json_member_str(w, "state", chronos_state(row, face, state));
    json_member_str(w, "schedule", row->schedule != NULL ? row->schedule : "");
    job_write_parents(&job, w);
    json_member_bool(w, "disabled", row->disabled);
    json_object_end(w);
    job_close(&job);
}

void chronos_ask_summary(struct call *c)
{
    struct job_row row;
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    json_key(&w, "jobs");
    json_array(&w);
    struct stmt *q = state_jobs_created(c->view->state);
    while (state_job_next(q, &row))
        show_summary(&row, chronos_face(c), &w);
    json_array_end(&w);
    json_object_end(&w);
}
