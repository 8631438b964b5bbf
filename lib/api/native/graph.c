/* Which job waits for which: all jobs, or those around one, as many as people can look at. */
#include "api/native/private.h"
#include "base/map.h"
#include "scheduler/jobs/jobs.h"

#define AROUND_STEPS 3 /* from the job, up and down */
#define AROUND_EACH 50 /* jobs of one step */

static void put_node(const struct view *v, const struct job_row *j, struct json_writer *w)
{
    static const char *const depends[] = {
        [DEPENDS_ALL] = "all", [DEPENDS_ANY] = "any", [DEPENDS_ROUND] = "round"};
    enum job_depends on = state_job_depends(v->state, j->id);
    json_object(w);
    json_member_str(w, "name", j->name);
    json_member_str(w, "state", job_state_word(v->state, j, v->now.wall));
    if (j->schedule == NULL)
        json_member_str(w, "after", depends[on != DEPENDS_NOT_GIVEN ? on : DEPENDS_ALL]);
    native_time(w, "next", j->next);
    native_time(w, "last_success", j->last_success);
    native_time(w, "last_error", j->last_error);
    json_member_int(w, "active", j->active);
    json_member_int(w, "queued", j->queued);
}

static void put_edge(const char *parent, const char *child, int ends, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "parent", parent);
    json_member_str(w, "child", child);
    json_member_str(w, "on",
                    ends == JOB_ENDS_ANY       ? "always"
                    : ends == JOB_ENDS_FAILURE ? "failure"
                                               : "success");
    json_object_end(w);
}

static void put_edges(const struct job_row *row, struct json_writer *w)
{
    struct job job;
    if (row->schedule != NULL) /* scheduled: it waits for nobody */
        return;
    jobs_load_any(row, &job);
    for (size_t i = 0; i < job.parents.n; i++)
        put_edge(job.parents.items[i], row->name, job_parent_ends(&job, job.parents.items[i]), w);
    job_close(&job);
}

static void put_all(const struct view *v, struct json_writer *w)
{
    struct job_row row;
    json_key(w, "nodes");
    json_array(w);
    struct stmt *q = state_jobs_created(v->state);
    while (state_job_next(q, &row)) {
        put_node(v, &row, w);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "edges");
    json_array(w);
    q = state_jobs_created(v->state);
    while (state_job_next(q, &row))
        put_edges(&row, w);
    json_array_end(w);
}

/* ---- around one */

struct around {
    struct map *shown; /* id -> any: the same as in ids */
    size_t n;
    int64_t ids[(2 * AROUND_STEPS + 1) * AROUND_EACH];
};

static bool is_shown(const struct around *a, int64_t id)
{
    return map_get(a->shown, (uint64_t)id) != NULL;
}

/* Adds what column 0 names, until the step that began at `first` is full; returns how many of them
 * found no room. */
static size_t add_step(struct around *a, struct stmt *q, size_t first)
{
    size_t left = 0;
    while (q != NULL && stmt_row(q)) {
        int64_t id = stmt_i64(q, 0);
        if (is_shown(a, id))
            continue;
        if (a->n - first == AROUND_EACH) {
            left++;
            continue;
        }
        map_put(a->shown, (uint64_t)id, a);
        a->ids[a->n++] = id;
    }
    return left;
}

/* Up or down from the first `n`. */
static void walk(struct state *s, struct around *a, size_t n, bool up)
{
    size_t from = 0, to = n;
    for (int step = 0; step < AROUND_STEPS; step++) {
        size_t first = a->n;
        for (size_t i = from; i < to; i++)
            add_step(a, up ? state_edges_of(s, a->ids[i]) : state_children(s, a->ids[i]), first);
        from = first;
        to = a->n;
    }
}

static void put_hidden(const struct around *a, const char *name, struct stmt *q,
                       struct json_writer *w)
{
    int64_t n = 0;
    while (q != NULL && stmt_row(q))
        n += !is_shown(a, stmt_i64(q, 0));
    if (n > 0)
        json_member_int(w, name, n);
}

static void put_around(const struct view *v, const struct around *a, struct json_writer *w)
{
    struct state *s = v->state;
    struct job_row row;
    struct edge_row e;
    json_key(w, "nodes");
    json_array(w);
    for (size_t i = 0; i < a->n && state_job_by_id(s, a->ids[i], &row); i++) {
        put_node(v, &row, w);
        put_hidden(a, "more_parents", state_edges_of(s, row.id), w);
        put_hidden(a, "more_children", state_children(s, row.id), w);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "edges");
    json_array(w);
    for (size_t i = 0; i < a->n && state_job_by_id(s, a->ids[i], &row); i++) {
        struct stmt *q = state_edges_of(s, row.id);
        while (state_edge_next(q, &e))
            if (is_shown(a, e.parent))
                put_edge(e.parent_name, row.name, e.ends, w);
    }
    json_array_end(w);
}

/* Of that one, or what follows those that wait for none. */
static void put_part(const struct view *v, const struct job_row *of, struct json_writer *w)
{
    struct around a = {.shown = map_new()};
    if (of != NULL) {
        map_put(a.shown, (uint64_t)of->id, &a);
        a.ids[a.n++] = of->id;
        walk(v->state, &a, 1, true);
        walk(v->state, &a, 1, false);
    } else {
        size_t left = add_step(&a, state_graph_roots(v->state), 0);
        walk(v->state, &a, a.n, false);
        if (left > 0)
            json_member_int(w, "more", (int64_t)left);
    }
    put_around(v, &a, w);
    map_free(a.shown);
}

void native_ask_graph(struct call *c)
{
    struct job_row row;
    struct json_writer w;
    const char *name = query_get(&c->query, "around");
    bool of_one = name != NULL && *name != '\0';
    if (of_one && !state_job_by_name(c->view->state, name, &row)) {
        call_fail(c, ERR_NOT_FOUND, "job %.200s does not exist", name);
        return;
    }
    call_json(c, 200, &w);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)c->view->index);
    if (name != NULL)
        put_part(c->view, of_one ? &row : NULL, &w);
    else
        put_all(c->view, &w);
    json_object_end(&w);
}
