/* Sandboxes by Mesos's paths (spec/mesos.md 7.1): the executor reads them. */
#include <stdio.h>
#include <string.h>

#include "api/mesos/private.h"
#include "base/mem.h"
#include "base/str.h"

/* The request for the path of the query; NULL after having failed the call. */
static struct sandbox_request *request_for(struct call *c, enum sandbox_op op)
{
    const char *jsonp, *path = query_get(&c->query, "path");
    if (path == NULL || *path == '\0') {
        call_fail(c, ERR_SYNTAX, "Expecting 'path=value' in query.");
        return NULL;
    }
    if (!mesos_jsonp(c, &jsonp))
        return NULL;
    struct sandbox_request *r = NEW(struct sandbox_request);
    *r = (struct sandbox_request){
        .op = op,
        .shape = SHAPE_MESOS,
        .path = mem_strdup(path),
        .jsonp = mem_strdup(jsonp),
        .offset = -1,
        .length = -1,
    };
    call_place(c, mesos_path_agent(c->view->facts->cluster, path), r);
    return r;
}

void mesos_browse(struct call *c)
{
    c->reply->sandbox = request_for(c, SANDBOX_BROWSE);
}

void mesos_download(struct call *c)
{
    c->reply->sandbox = request_for(c, SANDBOX_DOWNLOAD);
}

/* "offset" or "length"; false after having failed the call. */
static bool number(struct call *c, const char *name, const char *title, int64_t *out)
{
    const char *text = query_get(&c->query, name);
    char quoted[64];
    if (text == NULL)
        return true;
    if (!str_to_i64(text, out)) {
        call_fail(c, ERR_SYNTAX, "Failed to parse %s: %s is not a whole number", name,
                  str_quote(quoted, sizeof quoted, text, strlen(text)));
        return false;
    }
    if (*out < -1) {
        call_fail(c, ERR_SYNTAX, "Negative %s provided: %lld.", title, (long long)*out);
        return false;
    }
    return true;
}

void mesos_read(struct call *c)
{
    struct sandbox_request *r = request_for(c, SANDBOX_READ);
    if (r == NULL)
        return;
    if (number(c, "offset", "offset", &r->offset) && number(c, "length", "length", &r->length))
        c->reply->sandbox = r;
    else
        sandbox_request_free(r);
}

/* Which virtual path is which folder, of the tasks that live on the agent of this process. */
void mesos_ask_debug(struct call *c)
{
    struct agent_row a;
    struct task_row t;
    struct json_writer w;
    char path[MESOS_PATH_SIZE], real[MESOS_PATH_SIZE + 512];
    const struct facts *f = c->view->facts;
    if (!mesos_own_agent(c, &a) || !mesos_json(c, &w))
        return;
    json_object(&w);
    struct stmt *q = state_tasks_of_agent(c->view->state, a.id);
    while (state_task_next(q, &t)) {
        mesos_sandbox_path(f->cluster, a.id, t.owner, t.name, NULL, path);
        snprintf(real, sizeof real, "%.500s%s", f->work_dir, path);
        json_member_str(&w, path, real);
    }
    json_object_end(&w);
    mesos_json_end(c);
}
