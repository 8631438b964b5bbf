/* What many doors answer with. */
#include <stdio.h>

#include "api/marathon/private.h"
#include "base/mem.h"
#include "base/str.h"

bool marathon_path_id(const struct call *c, char out[ID_SIZE])
{
    struct error err;
    const char *text = call_param(c, "id");
    if (id_resolve(text, "/", out, &err) == 0)
        return true;
    snprintf(out, ID_SIZE, "/%.*s", ID_SIZE - 2, text);
    return false;
}

void marathon_no_app(struct call *c, const char *path)
{
    marathon_message(c, 404, "App '%s' does not exist", path);
}

void marathon_no_group(struct call *c, const char *path)
{
    marathon_message(c, 404, "Group '%s' does not exist", path);
}

bool marathon_path_app(struct call *c, struct app_row *out)
{
    char path[ID_SIZE];
    if (marathon_path_id(c, path) && state_app_by_path(c->view->state, path, out) && !out->pod)
        return true;
    marathon_no_app(c, path);
    return false;
}

bool marathon_path_group(struct call *c, char out[ID_SIZE])
{
    struct app_row row;
    struct group_row g;
    if (call_param(c, "id")[0] == '\0') {
        str_copy(out, ID_SIZE, "/");
        return true;
    }
    if (marathon_path_id(c, out)) {
        if (state_group_by_path(c->view->state, out, &g))
            return true;
        struct stmt *q = marathon_apps_within(c->view->state, out);
        bool found = state_app_next(q, &row); /* below level 9 that makes it one */
        stmt_end(q);
        if (found)
            return true;
    }
    marathon_no_group(c, out);
    return false;
}

void marathon_time(struct json_writer *w, const char *name, struct wall version)
{
    char text[TIME_TEXT_SIZE];
    json_member_str(w, name, wall_text(version, text));
}

struct wall marathon_later(struct wall a, struct wall b)
{
    return a.ms > b.ms ? a : b;
}

void marathon_result(struct call *c, int status, struct wall version, const char *deployment)
{
    struct json_writer w;
    call_json(c, status, &w);
    json_object(&w);
    marathon_time(&w, "version", version);
    json_member_str(&w, "deploymentId", deployment);
    json_object_end(&w);
    header_put(&c->reply->headers, "Marathon-Deployment-Id", deployment);
}

void marathon_outcome(struct tell *t, int status, const struct outcome *o)
{
    struct error err;
    struct json *detail = json_parse(buf_slice(&o->detail), &err);
    marathon_result(&t->c, status, (struct wall){json_int(json_get(detail, "version_ms"), 0)},
                    json_str(json_get(detail, "deployment"), ""));
    json_free(detail);
}

void marathon_location(struct call *c, const char *id)
{
    struct slice host = header_get(c->request->headers, "Host");
    const struct facts *f = c->view->facts;
    if (host.len > 0)
        header_printf(&c->reply->headers, "Location", "%s://%.*s%s", c->request->scheme,
                      (int)host.len, host.p, id);
    else
        header_printf(&c->reply->headers, "Location", "%s%s",
                      f->url_marathon != NULL ? f->url_marathon : "", id);
}

void marathon_keep(struct tell *t, const char *id)
{
    mem_free(t->kept);
    t->kept = mem_strdup(id);
}

void marathon_done(struct tell *t, const struct outcome *o)
{
    marathon_outcome(t, 200, o);
}

void marathon_created(struct tell *t, const struct outcome *o)
{
    marathon_outcome(t, 201, o);
    marathon_location(&t->c, t->kept);
}

struct stmt *marathon_apps_within(struct state *s, const char *group)
{
    char prefix[ID_SIZE + 1];
    snprintf(prefix, sizeof prefix, "%s/", group);
    return state_apps(s, str_eq(group, "/") ? "" : prefix, "", INT64_MAX);
}

bool marathon_app_next(struct stmt *q, struct app_row *out)
{
    while (state_app_next(q, out))
        if (!out->pod)
            return true;
    return false;
}

void marathon_put_versions(struct state *s, int64_t app, struct json_writer *w)
{
    json_array(w);
    struct stmt *q = state_app_versions(s, app);
    while (stmt_row(q)) {
        char text[TIME_TEXT_SIZE];
        json_put_str(w, wall_text((struct wall){stmt_i64(q, 0)}, text));
    }
    json_array_end(w);
}
