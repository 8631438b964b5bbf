/* What many doors answer with. */
#include <stdio.h>
#include <string.h>

#include "api/native/private.h"
#include "base/str.h"

/* ---- errors */

/* What to do about it, where that is always the same. */
static const char *advice(const struct error *err, const struct json *detail)
{
    if (json_get(detail, "deployments") != NULL)
        return "Wait until the deployment has ended, roll it back, or send it with ?force=true.";
    switch (err->code) {
    case ERR_UNAVAILABLE:
        return "Try again in a moment: it was certainly not done.";
    case ERR_UNCERTAIN:
        return "Look whether it was done, or send it again with the same X-Request-Id.";
    default:
        return NULL;
    }
}

/* Of "endsAt: got …" the member of the body, of "startsAt, endsAt: …" the first that it has: the
 * problem stands at it, whoever found it. */
static void find_member(const struct json *body, const char *text, struct problems *out)
{
    const char *colon = strstr(text, ": "), *p = text;
    while (colon != NULL && p < colon) {
        char member[64], path[80];
        size_t len = strcspn(p, ",: ");
        snprintf(member, sizeof member, "%.*s", (int)strcspn(p, "(,: "), p);
        if (json_get_null(body, member) != NULL) {
            snprintf(path, sizeof path, "/%.*s", (int)len, p);
            problems_add(out, PROBLEM_RULE, path, "%s", colon + 2);
            return;
        }
        p += len + (p[len] == ',' ? strlen(", ") : 1);
    }
}

void native_fail(struct call *c, const struct error *err, const struct problems *problems,
                 const struct json *detail)
{
    struct json_writer w;
    struct problems found = {0};
    const char *try = advice(err, detail);
    if (problems == NULL && (err->code == ERR_INVALID || err->code == ERR_LIMIT))
        find_member(c->body, err->text, &found);
    call_json(c, error_http_status(err->code), &w);
    json_object(&w);
    json_key(&w, "error");
    json_object(&w);
    json_member_str(&w, "code", error_name(err->code));
    json_member_str(&w, "message", err->text);
    json_key(&w, "details");
    problems_write(problems != NULL ? problems : &found, &w);
    if (try != NULL)
        json_member_str(&w, "try", try);
    json_object_end(&w);
    json_object_end(&w);
    problems_close(&found);
}

void native_dress(struct call *c)
{
    if (c->view->index != 0)
        header_printf(&c->reply->headers, "X-Mesolith-Index", "%llu",
                      (unsigned long long)c->view->index);
}

/* ---- members */

void native_time(struct json_writer *w, const char *name, struct wall t)
{
    char text[TIME_TEXT_SIZE];
    if (t.ms != 0)
        json_member_str(w, name, wall_text(t, text));
}

void native_text(struct json_writer *w, const char *name, const char *s)
{
    if (s != NULL && *s != '\0')
        json_member_str(w, name, s);
}

void native_words(struct json_writer *w, const char *name, unsigned modes)
{
    static const struct {
        enum mode mode;
        const char *word;
    } words[] = {{MODE_MASTER, "master"}, {MODE_SCHEDULER, "scheduler"}, {MODE_AGENT, "agent"}};
    json_key(w, name);
    json_array(w);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (modes & words[i].mode)
            json_put_str(w, words[i].word);
    json_array_end(w);
}

/* ---- what a path names
 *
 * Rows are looked up again by their keys: what explains (scheduler/why.h) looks up by names alone,
 * and a row's texts live only until the next of the same query. */

bool native_path_app(struct call *c, struct app_row *out)
{
    char path[ID_SIZE];
    struct error err;
    const char *text = call_param(c, "id");
    struct state *s = c->view->state;
    if (id_resolve(text, "/", path, &err) == 0 && state_app_by_path(s, path, out))
        return state_app_by_id(s, out->id, out);
    call_fail(c, ERR_NOT_FOUND, "app %s%.200s does not exist", *text == '/' ? "" : "/", text);
    return false;
}

bool native_path_task(struct call *c, struct task_row *out)
{
    const char *name = call_param(c, "id");
    if (state_task_by_name(c->view->state, name, out) ||
        state_task_of_gone(c->view->state, name, out))
        return true;
    call_fail(c, ERR_NOT_FOUND, "task %.200s does not exist, or ended long ago", name);
    return false;
}

static void no_job(struct call *c, const char *name)
{
    char at[TIME_TEXT_SIZE];
    struct gone_row gone;
    struct job_row row;
    if (state_job_gone_named(c->view->state, name, &gone))
        call_fail(c, ERR_NOT_FOUND,
                  "job %.80s was deleted at %s: its history is kept as %.80s:%lld", name,
                  wall_text(gone.at, at), name, (long long)gone.job);
    else if (state_job_called(c->view->state, name, &row))
        call_fail(c, ERR_NOT_FOUND, "job %.200s was deleted: it can only be looked at", name);
    else
        call_fail(c, ERR_NOT_FOUND, "job %.200s does not exist", name);
}

bool native_path_job(struct call *c, struct job_row *out)
{
    const char *name = call_param(c, "name");
    if (state_job_by_name(c->view->state, name, out))
        return state_job_by_id(c->view->state, out->id, out);
    no_job(c, name);
    return false;
}

bool native_job_or_gone(struct call *c, const char *name, struct job_row *out)
{
    if (state_job_by_name(c->view->state, name, out) || state_job_called(c->view->state, name, out))
        return state_job_by_id(c->view->state, out->id, out);
    no_job(c, name);
    return false;
}

/* ---- writes */

struct json *native_begin(struct tell *t, int status, const struct outcome *o,
                          struct json_writer *w)
{
    struct error unused;
    call_json(&t->c, status, w);
    json_object(w);
    json_member_int(w, "index", (int64_t)t->c.view->index);
    return json_parse_own(buf_slice(&o->detail), &unused);
}

static void write_answer(struct tell *t, const char *deployment)
{
    struct json_writer w;
    call_json(&t->c, 200, &w);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)t->c.view->index);
    native_text(&w, "deployment", deployment);
    json_object_end(&w);
}

void native_written(struct tell *t, const struct outcome *o)
{
    struct error err;
    struct json *detail = o->detail.len > 0 ? json_parse_own(buf_slice(&o->detail), &err) : NULL;
    write_answer(t, json_str(json_get(detail, "deployment"), ""));
    json_free(detail);
}

void native_unchanged(struct tell *t)
{
    write_answer(t, "");
}

void native_made(struct tell *t, const struct outcome *o, const char *what)
{
    struct json_writer w;
    struct json *detail = native_begin(t, 200, o, &w);
    json_member_int(&w, what, json_int(json_get(detail, what), 0));
    json_object_end(&w);
    json_free(detail);
}

void native_refused(struct call *c, const struct outcome *o)
{
    struct error err = {.code = o->code}, ignored;
    str_copy(err.text, sizeof err.text, o->text);
    struct json *detail =
        o->detail.len > 0 ? json_parse_own(buf_slice(&o->detail), &ignored) : NULL;
    native_fail(c, &err, NULL, detail);
    json_free(detail);
}

bool native_once(struct tell *t, outcome_fn *then)
{
    char rid[65];
    struct outcome o;
    struct slice text = header_get(t->c.request->headers, "X-Request-Id");
    if (text.len == 0 || text.len >= sizeof rid)
        return false;
    snprintf(rid, sizeof rid, "%.*s", (int)text.len, text.p);
    if (!state_request_outcome(t->c.view->state, rid, &o))
        return false;
    if (o.code == ERR_NONE)
        then(t, &o);
    else
        native_refused(&t->c, &o);
    outcome_close(&o);
    return true;
}
