/* Creating, replacing, deleting and running jobs. */
#include <stdio.h>
#include <string.h>

#include "api/can_run.h"
#include "api/native/private.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/notice.h"
#include "model/unknown.h"
#include "scheduler/jobs/jobs.h"

/* ---- what is right, and not what is meant */

#define USED_UP "schedule: all its runs are in the past, so it will never run"
#define WARNING_SIZE (sizeof USED_UP + 2 + NOTICE_DOUBT_SIZE)

/* "": of nothing. */
static void warn_of(const struct job *job, enum put_runs how, char out[WARNING_SIZE])
{
    bool runs = how != PUT_RUNS_NEVER;
    char doubt[NOTICE_DOUBT_SIZE];
    bool doubted = notice_owner_doubt(job->owner, doubt);
    snprintf(out, WARNING_SIZE, "%s%s%s", runs ? "" : USED_UP, !runs && doubted ? "; " : "",
             doubted ? doubt : "");
}

static bool has_run(struct state *s, const struct job_row *job)
{
    struct run_row r;
    bool any = false;
    struct stmt *q = state_runs_of_job(s, job->id, INT64_MAX);
    while (!any && state_run_next(q, &r))
        any = r.generation == job->generation;
    stmt_end(q);
    return any;
}

/* For a repeat, as nothing is kept of what the first answer said: of the job as it is now. */
static void warn_again(struct call *c, const char *name, char out[WARNING_SIZE])
{
    struct job_row row;
    struct job job;
    out[0] = '\0';
    if (!state_job_by_name(c->view->state, name, &row))
        return;
    jobs_load_any(&row, &job);
    bool used_up = job.kind == JOB_SCHEDULED && job.schedule.count != 0 && row.remaining == 0;
    warn_of(&job, used_up && !has_run(c->view->state, &row) ? PUT_RUNS_NEVER : PUT_RUNS_LATER, out);
    job_close(&job);
}

/* ---- PUT */

static const char *path_name(const struct tell *t)
{
    return call_param(&t->c, "name");
}

/* An object of texts, as apps have it, is as good as Chronos's list of names and values. */
static void put_variables(const struct json *env, struct json_writer *w)
{
    json_array(w);
    JSON_EACH (v, env) {
        json_object(w);
        json_member_str(w, "name", json_name(v));
        json_key(w, "value");
        json_put_value(w, v);
        json_object_end(w);
    }
    json_array_end(w);
}

static bool is_of_texts(const struct json *object)
{
    JSON_EACH (v, object)
        if (!json_is(v, JSON_STRING))
            return false;
    return json_is(object, JSON_OBJECT);
}

/* The body with that name. The caller frees. */
static struct json *named(const char *name, const struct json *body)
{
    struct buf text;
    struct json_writer w;
    struct error err;
    buf_init(&text, (size_t)2 * LIMIT_BODY_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    json_member_str(&w, "name", name);
    JSON_EACH (member, body) {
        if (str_eq(json_name(member), "name"))
            continue;
        json_key(&w, json_name(member));
        if (str_eq(json_name(member), "environmentVariables") && is_of_texts(member))
            put_variables(member, &w);
        else
            json_put_value(&w, member);
    }
    json_object_end(&w);
    struct json *tree = json_parse_own(buf_slice(&text), &err);
    buf_close(&text);
    return tree;
}

/* False after having failed the call. */
static bool check_name(struct tell *t, const struct json *body)
{
    struct arena names = {0};
    char got[96], need[96];
    const char *name = job_name_of(body, &names);
    bool right = name == NULL || str_eq(name, path_name(t));
    if (!right)
        call_fail(&t->c, ERR_INVALID, "name: got %s, need %s as the path has it",
                  str_quote(got, sizeof got, name, slice_of(name).len),
                  str_quote(need, sizeof need, path_name(t), slice_of(path_name(t)).len));
    arena_close(&names);
    return right;
}

static enum job_kind kind_of(const struct json *body)
{
    return json_count(json_get(body, "parents")) > 0 ? JOB_DEPENDENT : JOB_SCHEDULED;
}

/* Chronos 2 took names with blanks and "#", and knew async; usual is what Chronos 3 took. */
static enum job_face face_of(const struct call *c)
{
    return str_eq(query_get(&c->query, "face"), "2") ? JOB_FACE_2 : JOB_FACE_3;
}

/* What is no face would be read as the third's. False after having failed the call. */
static bool check_face(struct call *c)
{
    char got[64];
    const char *face = query_get(&c->query, "face");
    if (face == NULL || str_eq(face, "2") || str_eq(face, "3"))
        return true;
    call_fail(c, ERR_INVALID, "face: got %s, need 2 or 3: of which of Chronos's APIs the job is",
              str_quote(got, sizeof got, face, strlen(face)));
    return false;
}

static bool says_counters(const struct json *body)
{
    JSON_EACH (member, body)
        if (job_is_counter(json_name(member)))
            return true;
    return false;
}

/* The job of that text; false after having failed the call. Chronos's API begins to count anew
 * where none of the counters is posted (2.6); ours goes on: who changes a schedule has mended no
 * failure. */
static bool take_job(struct call *c, const char *name, const struct json *body,
                     const struct job_row *old, struct job *out)
{
    struct problems problems = {0};
    struct json *tree = named(name, body);
    if (tree == NULL) { /* it has grown: names were escaped */
        call_fail(c, ERR_LIMIT, "the body is too large");
        return false;
    }
    struct job_rules rules = c->view->facts->job_rules;
    rules.own = query_get(&c->query, "face") == NULL; /* who imports says as whose it is read */
    int rc = job_parse(&rules, tree, face_of(c), kind_of(tree), old != NULL, out, &problems);
    json_free(tree);
    if (rc != 0) {
        call_problems(c, &problems);
        return false;
    }
    if (old != NULL && !says_counters(body))
        jobs_take_counters(old, out);
    if (call_can_run(c, out, old, false))
        return true;
    job_close(out);
    return false;
}

static const struct json *body_job(struct tell *t)
{
    const struct json *body = call_body(&t->c);
    if (body == NULL || !check_face(&t->c))
        return NULL;
    if (json_is(body, JSON_OBJECT))
        return check_name(t, body) ? body : NULL;
    call_fail(&t->c, ERR_INVALID, "the body is %s, need a job", json_kind_word(body));
    return NULL;
}

static void put_unknown(void *data, const char *path, const char *nearest)
{
    struct json_writer *w = data;
    json_object(w);
    json_member_str(w, "member", path);
    native_text(w, "nearest", nearest);
    json_object_end(w);
}

/* What is wrong with it, and yet no reason not to take it. */
static void put_warnings(const struct json *body, const char *warning, struct json_writer *w)
{
    native_text(w, "warning", warning);
    if (!job_has_unknown(body))
        return;
    json_key(w, "unknown");
    json_array(w);
    job_unknown(body, put_unknown, w);
    json_array_end(w);
}

static void say_put(struct call *c, const struct json *body, const char *warning)
{
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)c->view->index);
    put_warnings(body, warning, &w);
    json_object_end(&w);
}

static void answer_put(struct tell *t, const struct outcome *o)
{
    (void)o;
    char again[WARNING_SIZE];
    if (t->kept == NULL)
        warn_again(&t->c, path_name(t), again);
    say_put(&t->c, call_body(&t->c), t->kept != NULL ? t->kept : again);
}

/* RFC 9110 13.1.2: only if there is none yet. False after having failed the call. */
static bool may_replace(struct call *c, const char *name)
{
    if (!header_has(c->request->headers, "If-None-Match", "*"))
        return true;
    call_fail(c, ERR_CONFLICT, "If-None-Match: job %s exists; without that header it is replaced",
              name);
    c->reply->status = 412;
    return false;
}

/* Whether there are any. */
static bool put_differences(const struct job *job, const struct job_row *old, struct json_writer *w)
{
    struct job was;
    jobs_load_any(old, &was);
    json_key(w, "fields");
    size_t n = job_differences(job, &was, w);
    json_member_str(w, "change", n > 0 ? "replace" : "none");
    job_close(&was);
    return n > 0;
}

/* What putting it would do, but for what is to be said of its parents. */
static void answer_dry(struct call *c, const struct json *body, struct job *job,
                       const struct job_row *old)
{
    struct json_writer w, unused;
    struct buf nowhere;
    char warning[WARNING_SIZE];
    const struct view *v = c->view;
    call_json(c, 200, &w);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)v->index);
    bool changes = old == NULL || put_differences(job, old, &w);
    if (old == NULL)
        json_member_str(&w, "change", "new");
    buf_init(&nowhere, LIMIT_ENTRY_BYTES);
    json_begin(&unused, &nowhere);
    json_object(&unused);
    enum put_runs runs = jobs_write_put(v->state, job, old, v->now.wall, &unused);
    if (changes && runs == PUT_RUNS_NOW)
        json_member_bool(&w, "at_once", true);
    warn_of(job, runs, warning);
    put_warnings(body, warning, &w);
    buf_close(&nowhere);
    json_object_end(&w);
}

void native_put_job(struct tell *t)
{
    struct job job;
    struct job_row old;
    struct json_writer w;
    const struct json *body;
    char warning[WARNING_SIZE];
    bool known = state_job_by_name(t->c.view->state, path_name(t), &old);
    if (native_once(t, answer_put) || (known && !may_replace(&t->c, path_name(t))) ||
        (body = body_job(t)) == NULL ||
        !take_job(&t->c, path_name(t), body, known ? &old : NULL, &job))
        return;
    if (query_true(&t->c.query, "dry_run")) {
        answer_dry(&t->c, body, &job, known ? &old : NULL);
        job_close(&job);
        return;
    }
    tell_begin(t, COMMAND_JOB_PUT, &w, answer_put);
    enum put_runs runs =
        jobs_write_put(t->c.view->state, &job, known ? &old : NULL, t->c.view->now.wall, &w);
    tell_end(t, &w);
    warn_of(&job, runs, warning);
    t->kept = mem_strdup(warning);
    job_close(&job);
}

/* ---- POST: many, each on its own
 *
 * What PUT would answer to one, be it an error, are the members of an item, beside the job's place.
 * Items of jobs that were not proposed come first. */

struct part { /* in t->kept, of each job that is proposed */
    unsigned at;
    char warning[WARNING_SIZE];
};

/* `reply` is PUT's answer, and closed. */
static void put_item(struct tell *t, unsigned at, struct reply *reply)
{
    struct json_writer w;
    struct buf *out = &t->c.reply->body;
    if (out->data[out->len - 1] != '[')
        buf_putc(out, ',');
    json_begin(&w, out);
    json_object(&w);
    json_member_int(&w, "at", at);
    json_put_members(&w, buf_slice(&reply->body));
    json_object_end(&w);
    reply_close(reply);
}

static void begin_items(struct tell *t)
{
    struct json_writer unused;
    call_json(&t->c, 200, &unused);
    buf_puts(&t->c.reply->body, "{\"items\":[");
}

static void end_items(struct tell *t)
{
    buf_printf(&t->c.reply->body, "],\"index\":%llu}", (unsigned long long)t->c.view->index);
}

/* The job in that place of the request. */
static const struct json *body_at(struct tell *t, unsigned at)
{
    const struct json *job = json_first(call_body(&t->c));
    while (at-- > 0)
        job = json_next(job);
    return job;
}

static void put_outcome(struct tell *t, const struct outcome *o, const struct part *part)
{
    struct reply one;
    struct call c = t->c;
    reply_init(&one);
    c.reply = &one;
    c.body = (struct json *)body_at(t, part->at);
    if (o->code == ERR_NONE)
        say_put(&c, c.body, part->warning);
    else if (o->stale)
        call_fail(&c, ERR_UNAVAILABLE, "%s: try again", o->text);
    else
        native_refused(&c, o);
    put_item(t, part->at, &one);
}

static void answer_item(struct tell *t, const struct outcome *o)
{
    put_outcome(t, o, &((const struct part *)(const void *)t->kept)[t->part]);
    if (t->open == 0)
        end_items(t);
}

/* The job is right: whether it is proposed, and not answered already. */
static bool propose_part(struct tell *t, struct call *c, const struct json *body, struct job *job,
                         const struct job_row *old, struct part *out)
{
    struct json_writer w;
    if (query_true(&c->query, "dry_run")) {
        answer_dry(c, body, job, old);
        return false;
    }
    tell_begin_part(t, COMMAND_JOB_PUT, &w, answer_item);
    warn_of(job, jobs_write_put(c->view->state, job, old, c->view->now.wall, &w), out->warning);
    tell_end_part(t, &w, out->at);
    return true;
}

/* A name's place in the request, and one: the map has no NULL. False after having failed the call.
 */
static bool is_first(struct call *c, struct map *seen, const char *name, unsigned at)
{
    char got[96];
    uintptr_t first = (uintptr_t)map_get_str(seen, name);
    if (first == 0) {
        map_put_str(seen, name, (void *)(uintptr_t)(at + 1));
        return true;
    }
    call_fail(c, ERR_INVALID, "name: got %s again, need it once: item %u of this request has it",
              str_quote(got, sizeof got, name, strlen(name)), (unsigned)(first - 1));
    return false;
}

/* Answered, if it is not proposed: the reply is closed. */
static void put_new(struct tell *t, const struct json *body, const char *name, unsigned at,
                    struct part *parts, struct reply *one)
{
    struct job_row old;
    struct job job;
    struct call c = t->c;
    c.body = (struct json *)body;
    bool proposed = false, known = name != NULL && state_job_by_name(c.view->state, name, &old);
    c.reply = one;
    if ((!known || may_replace(&c, name)) &&
        take_job(&c, name != NULL ? name : "", body, known ? &old : NULL, &job)) {
        parts[t->parts] = (struct part){.at = at};
        proposed = propose_part(t, &c, body, &job, known ? &old : NULL, &parts[t->parts]);
        job_close(&job);
    }
    if (proposed)
        reply_close(one);
    else
        put_item(t, at, one);
}

static void put_one(struct tell *t, const struct json *body, unsigned at, struct map *seen,
                    struct part *parts)
{
    struct arena names = {0};
    struct outcome o;
    struct reply one;
    struct call c = t->c;
    char got[80];
    const char *name = json_is(body, JSON_OBJECT) ? job_name_of(body, &names) : NULL;
    reply_init(&one);
    c.reply = &one;
    c.body = (struct json *)body;
    if (!json_is(body, JSON_OBJECT)) {
        call_fail(&c, ERR_INVALID, "got %s, need a job", json_quote(got, sizeof got, body));
        put_item(t, at, &one);
    } else if (name != NULL && !is_first(&c, seen, name, at)) {
        put_item(t, at, &one);
    } else if (tell_part_known(t, at, &o)) {
        struct part again = {.at = at};
        warn_again(&c, name != NULL ? name : "", again.warning);
        put_outcome(t, &o, &again);
        outcome_close(&o);
        reply_close(&one);
    } else {
        put_new(t, body, name, at, parts, &one);
    }
    arena_close(&names);
}

/* False after having failed the call. */
static bool check_many(struct tell *t, const struct json *body)
{
    if (!json_is(body, JSON_ARRAY))
        call_fail(&t->c, ERR_INVALID, "the body is %s, need an array of jobs",
                  json_kind_word(body));
    else if (json_count(body) > LIMIT_MANY_JOBS)
        call_fail(&t->c, ERR_LIMIT, "got %zu jobs, need at most %d: send them in parts",
                  json_count(body), LIMIT_MANY_JOBS);
    else
        return true;
    return false;
}

void native_post_jobs(struct tell *t)
{
    unsigned at = 0;
    const struct json *body = call_body(&t->c);
    if (body == NULL || !check_face(&t->c) || !check_many(t, body))
        return;
    begin_items(t);
    struct part *parts = mem_zalloc((json_count(body) + 1) * sizeof *parts);
    t->kept = (char *)parts;
    struct map *seen = map_new();
    JSON_EACH (job, body)
        put_one(t, job, at++, seen, parts);
    map_free(seen);
    if (t->open == 0)
        end_items(t);
}

/* ---- DELETE and run */

static void answer_deleted(struct tell *t, const struct outcome *o)
{
    struct json_writer w;
    struct json *detail = native_begin(t, 200, o, &w);
    native_text(&w, "gone", json_str(json_get(detail, "gone"), ""));
    json_object_end(&w);
    json_free(detail);
}

/* False after having failed the call: a job that waits for this one alone would get its schedule
 * (spec/chronos.md 4.6), whatever it had waited for. */
static bool leaves_nobody_alone(struct tell *t, const struct job_row *gone)
{
    struct state *s = t->c.view->state;
    struct job_row child;
    int64_t alone = 0, n = 0;
    struct stmt *q = state_lone_children(s, gone->id);
    if (q == NULL)
        return true;
    while (stmt_row(q)) {
        alone = n == 0 ? stmt_i64(q, 0) : alone;
        n++;
    }
    stmt_end(q);
    if (n == 0 || !state_job_alone(s, alone, &child))
        return true;
    call_fail(&t->c, ERR_CONFLICT,
              "%s%s waits for %s alone and would get its schedule: delete that first, give it "
              "another parent, or say force",
              child.name, n > 1 ? ", as others," : "", gone->name);
    return false;
}

void native_delete_job(struct tell *t)
{
    struct job_row row;
    struct json_writer w;
    struct error err;
    if (native_once(t, answer_deleted) || !native_path_job(&t->c, &row))
        return;
    if (jobs_check_delete(t->c.view->state, &row, &err) != 0) {
        call_error(&t->c, &err);
        return;
    }
    if (!query_true(&t->c.query, "force") && !leaves_nobody_alone(t, &row))
        return;
    tell_begin(t, COMMAND_JOB_DELETE, &w, answer_deleted);
    json_member_str(&w, "name", row.name);
    state_write_heirs(t->c.view->state, &row, t->c.view->now.wall, &w);
    tell_end(t, &w);
}

/* The one that a person had asked for before; 0: below WAITS_LEVEL it may be on its way by now. */
static int64_t waiting_run(const struct tell *t, const struct json *detail)
{
    struct job_row job;
    int64_t waits = json_int(json_get(detail, "waits"), 0);
    if (waits != 0 || !state_job_by_name(t->c.view->state, call_param(&t->c, "name"), &job))
        return waits;
    return state_run_asked_for(t->c.view->state, job.id);
}

/* {"arguments": text, "environment": {…}}, or nothing. False after having failed the call. */
static bool read_wish(struct tell *t, const char **out, const struct json **environment)
{
    char got[80];
    *out = NULL;
    *environment = NULL;
    if (t->c.request->body.len == 0)
        return true;
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return false;
    const struct json *v = json_get(body, "arguments");
    *environment = json_get(body, "environment");
    *out = json_str(v, NULL);
    if (v == NULL || *out != NULL)
        return true;
    call_fail(&t->c, ERR_INVALID, "arguments: got %s, need a text", json_quote(got, sizeof got, v));
    return false;
}

/* Has the run what is asked for now? One that is forgotten counts as alike. */
static bool is_alike(struct tell *t, int64_t run)
{
    struct run_row r;
    struct wish_row w;
    struct error unused;
    const char *arguments;
    const struct json *environment;
    struct state *s = t->c.view->state;
    if (!state_run_by_id(s, run, &r))
        return true;
    if (!read_wish(t, &arguments, &environment) ||
        !str_eq(str_is_blank(arguments) ? "" : arguments, r.arguments != NULL ? r.arguments : ""))
        return false;
    const char *kept = state_run_wish(s, run, &w) && w.environment != NULL ? w.environment : "{}";
    struct json *before = json_parse_own(slice_of(kept), &unused);
    bool same = environment != NULL ? json_equal(before, environment) : json_count(before) == 0;
    json_free(before);
    return same;
}

static void answer_run(struct tell *t, const struct outcome *o)
{
    struct json_writer w;
    struct error unused;
    int64_t run = 0;
    struct json *detail = json_parse_own(buf_slice(&o->detail), &unused);
    bool coalesced = !json_i64(json_get(detail, "run"), &run);
    if (coalesced)
        run = waiting_run(t, detail);
    json_free(detail);
    if (coalesced && run != 0 && !is_alike(t, run)) {
        call_fail(&t->c, ERR_CONFLICT,
                  "run %lld of %.200s waits already, with other arguments or another environment: "
                  "wait until it has begun",
                  (long long)run, call_param(&t->c, "name"));
        return;
    }
    call_json(&t->c, 200, &w);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)t->c.view->index);
    if (run != 0)
        json_member_int(&w, "run", run);
    if (coalesced)
        json_member_bool(&w, "coalesced", true);
    json_object_end(&w);
}

void native_run_job(struct tell *t)
{
    struct job_row row;
    struct job job;
    struct error err;
    struct json_writer w;
    const char *arguments;
    const struct json *environment;
    if (native_once(t, answer_run) || !native_path_job(&t->c, &row) ||
        !read_wish(t, &arguments, &environment))
        return;
    if (jobs_load(&row, &job, &err) != 0) {
        call_error(&t->c, &err);
        return;
    }
    if (job_check_argv(&job, arguments, &err) != 0) {
        call_fail(&t->c, ERR_INVALID, "command: %s", err.text);
        job_close(&job);
        return;
    }
    if (job_check_wish(&job, arguments, environment, &err) != 0) {
        call_error(&t->c, &err);
        job_close(&job);
        return;
    }
    if (environment != NULL && state_level(t->c.view->state) < BACKFILL_LEVEL) {
        call_fail(&t->c, ERR_UNAVAILABLE, "environment: wait until each master runs this version");
        job_close(&job);
        return;
    }
    tell_begin(t, COMMAND_JOB_TRIGGER, &w, answer_run);
    jobs_write_trigger(&job, arguments, environment, t->c.view->now.wall, &w);
    tell_end(t, &w);
    job_close(&job);
}
