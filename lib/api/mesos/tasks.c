/* GET /tasks: of all frameworks, live and ended, by age (spec/mesos.md 5.1). */
#include <stdlib.h>
#include <string.h>

#include "api/mesos/private.h"
#include "base/mem.h"
#include "base/str.h"

#define LIMIT_ASKED 100 /* if nothing is said */

struct ages {
    struct age {
        int64_t id, first_ms;
    } * items;
    size_t n, cap;
};

static int oldest_first(const void *x, const void *y)
{
    const struct age *a = x, *b = y;
    if (a->first_ms != b->first_ms)
        return a->first_ms < b->first_ms ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static void add(struct ages *to, const struct task_row *t)
{
    if (to->n == to->cap) {
        to->cap = to->cap == 0 ? 256 : to->cap * 2;
        to->items = mem_realloc(to->items, to->cap * sizeof to->items[0]);
    }
    to->items[to->n++] = (struct age){t->id, t->started.ms != 0 ? t->started.ms : t->staged.ms};
}

static bool of_framework(struct call *c, enum owner owner)
{
    char id[MESOS_ID_SIZE];
    const char *framework = query_get(&c->query, "framework_id");
    return framework == NULL ||
           str_eq(framework, mesos_framework_id(c->view->facts->cluster, owner, id));
}

static void gather(struct call *c, struct stmt *q, struct ages *to)
{
    struct task_row t;
    while (state_task_next(q, &t))
        if (of_framework(c, t.owner))
            add(to, &t);
}

static void gather_all(struct call *c, struct state *s, struct ages *to)
{
    gather(c, state_tasks(s), to);
    for (size_t i = 0; i < 2; i++)
        if (of_framework(c, mesos_frameworks[i]))
            gather(c, state_tasks_ended_of(s, mesos_frameworks[i], MESOS_COMPLETED_MAX), to);
}

/* Also one that ended before those of the list. */
static void gather_one(struct call *c, struct state *s, const char *name, struct ages *to)
{
    struct task_row t;
    if (state_task_by_name(s, name, &t) && str_eq(t.name, name) && of_framework(c, t.owner))
        add(to, &t);
}

/* A whole number of the query; false after having failed the call. */
static bool number(struct call *c, const char *name, int64_t otherwise, int64_t *out)
{
    const char *text = query_get(&c->query, name);
    char quoted[64];
    *out = otherwise;
    if (text == NULL || str_to_i64(text, out))
        return true;
    call_fail(c, ERR_SYNTAX, "Failed to parse %s: %s is not a whole number", name,
              str_quote(quoted, sizeof quoted, text, strlen(text)));
    return false;
}

void mesos_ask_tasks(struct call *c)
{
    struct json_writer w;
    struct mesos_show s;
    struct ages ages = {0};
    struct task_row t;
    int64_t limit, offset;
    const char *order = query_get(&c->query, "order"), *task = query_get(&c->query, "task_id");
    bool down = order == NULL || !str_eq(order, "asc");
    if (!number(c, "limit", LIMIT_ASKED, &limit) || !number(c, "offset", 0, &offset) ||
        !mesos_json(c, &w))
        return;
    mesos_show_init(&s, c->view);
    if (task != NULL)
        gather_one(c, s.state, task, &ages);
    else
        gather_all(c, s.state, &ages);
    if (ages.n > 0)
        qsort(ages.items, ages.n, sizeof ages.items[0], oldest_first);
    size_t begin = offset > 0 ? (size_t)offset : 0;
    json_object(&w);
    json_key(&w, "tasks");
    json_array(&w);
    for (size_t i = begin; i < ages.n && (limit < 0 || i - begin < (size_t)limit); i++)
        if (state_task_by_id(s.state, ages.items[down ? ages.n - 1 - i : i].id, &t))
            mesos_task(&s, &t, &w);
    json_array_end(&w);
    json_object_end(&w);
    mesos_json_end(c);
    mesos_show_close(&s);
    mem_free(ages.items);
}
