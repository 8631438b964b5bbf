/* Which job waits for which. */
#include "api/native/private.h"
#include "scheduler/jobs/jobs.h"

static void put_node(const struct view *v, const struct job_row *j, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "name", j->name);
    json_member_str(w, "state", job_state_word(j, v->now.wall));
    native_time(w, "next", j->next);
    native_time(w, "last_success", j->last_success);
    native_time(w, "last_error", j->last_error);
    json_member_int(w, "active", j->active);
    json_member_int(w, "queued", j->queued);
    json_object_end(w);
}

static const char *ends_word(int ends)
{
    return ends == JOB_ENDS_ANY ? "always" : ends == JOB_ENDS_FAILURE ? "failure" : "success";
}

static void put_edges(const struct job_row *row, struct json_writer *w)
{
    struct job job;
    if (row->schedule != NULL) /* scheduled: it waits for nobody */
        return;
    jobs_load_any(row, &job);
    for (size_t i = 0; i < job.parents.n; i++) {
        json_object(w);
        json_member_str(w, "parent", job.parents.items[i]);
        json_member_str(w, "child", row->name);
        json_member_str(w, "on", ends_word(job_parent_ends(&job, job.parents.items[i])));
        json_object_end(w);
    }
    job_close(&job);
}

void native_ask_graph(struct call *c)
{
    struct job_row row;
    struct json_writer w;
    struct stmt *q = state_jobs_created(c->view->state);
    call_json(c, 200, &w);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)c->view->index);
    json_key(&w, "nodes");
    json_array(&w);
    while (state_job_next(q, &row))
        put_node(c->view, &row, &w);
    json_array_end(&w);
    json_key(&w, "edges");
    json_array(&w);
    q = state_jobs_created(c->view->state);
    while (state_job_next(q, &row))
        put_edges(&row, &w);
    json_array_end(&w);
    json_object_end(&w);
}
