#include "model/unknown.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"
#include "model/app_private.h"
#include "model/field.h"
#include "model/job_private.h"
#include "model/pod_private.h"

#define PATH_BYTES 512
#define NAMES_MAX 128

struct known { /* of one object; NULL ends both lists */
    const struct field_table *tables[3];
    const char *const *also; /* or NULL */
};

struct look {
    unknown_fn *found;
    void *data;
    size_t left; /* of those that are still told */
};

static const struct field *row_of(const struct known *k, const char *name)
{
    for (const struct field_table *const *t = k->tables; *t != NULL; t++)
        for (size_t i = 0; i < (*t)->n; i++)
            if (str_eq((*t)->rows[i].name, name))
                return &(*t)->rows[i];
    return NULL;
}

static bool is_also(const struct known *k, const char *name)
{
    for (const char *const *also = k->also; also != NULL && *also != NULL; also++)
        if (str_eq(*also, name))
            return true;
    return false;
}

static const char *nearest_to(const struct known *k, const char *name)
{
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (const struct field_table *const *t = k->tables; *t != NULL; t++)
        for (size_t i = 0; i < (*t)->n && n < NAMES_MAX; i++)
            names[n++] = (*t)->rows[i].name;
    for (const char *const *also = k->also; also != NULL && *also != NULL && n < NAMES_MAX; also++)
        names[n++] = *also;
    return str_nearest(name, names, n);
}

static void tell(struct look *l, const struct known *k, const char *path, const char *name)
{
    l->left--;
    l->found(l->data, path, nearest_to(k, name));
}

static void look_at_value(struct look *l, const struct field_table *table, const char *path,
                          const struct json *v);

/* As deep as the tables are. */
static void look_at_object(struct look *l, const struct known *k, const char *at,
                           const struct json *v)
{
    JSON_EACH (member, v) {
        char path[PATH_BYTES];
        const char *name = json_name(member);
        if (l->left == 0)
            return;
        const struct field *f = row_of(k, name);
        snprintf(path, sizeof path, "%s%s%s", at, *at != '\0' ? "/" : "", name);
        bool by_name = f != NULL && f->type == &FIELD_LIST && json_is(member, JSON_OBJECT);
        if (by_name) /* as variables may be: the members are names of theirs */
            continue;
        if (f != NULL && f->table != NULL)
            look_at_value(l, f->table, path, member);
        else if (f == NULL && !is_also(k, name))
            tell(l, k, path, name);
    }
}

static void look_at_value(struct look *l, const struct field_table *table, const char *path,
                          const struct json *v)
{
    const struct known k = {.tables = {table}};
    size_t i = 0;
    if (json_is(v, JSON_OBJECT))
        look_at_object(l, &k, path, v);
    if (!json_is(v, JSON_ARRAY))
        return;
    JSON_EACH (one, v) {
        char here[PATH_BYTES];
        snprintf(here, sizeof here, "%.480s(%zu)", path, i++);
        if (json_is(one, JSON_OBJECT))
            look_at_object(l, &k, here, one);
    }
}

void app_unknown(const struct json *app, unknown_fn *found, void *data)
{
    static const char *const of_answers[] = {
        "deployments",    "lastTaskFailure", "readinessCheckResults",
        "storeUrls",      "tasks",           "taskStats",
        "tasksHealthy",   "tasksRunning",    "tasksStaged",
        "tasksUnhealthy", "version",         NULL,
    };
    struct look l = {found, data, LIMIT_PROBLEMS};
    bool pod = json_is(json_get(app, "containers"), JSON_ARRAY);
    const struct known k = {.tables = {pod ? &POD_FIELDS : &APP_FIELDS}, .also = of_answers};
    if (json_is(app, JSON_OBJECT))
        look_at_object(&l, &k, "", app);
}

void job_unknown(const struct json *job, unknown_fn *found, void *data)
{
    static const char *const also[] = {"schedule", "scheduleTimeZone", "parents", "broken", NULL};
    struct look l = {found, data, LIMIT_PROBLEMS};
    const struct known k = {.tables = {&JOB_FIELDS, &JOB_EXTENSION_FIELDS}, .also = also};
    if (json_is(job, JSON_OBJECT))
        look_at_object(&l, &k, "", job);
}

static void note(void *data, const char *path, const char *nearest)
{
    (void)path;
    (void)nearest;
    *(bool *)data = true;
}

bool job_has_unknown(const struct json *job)
{
    bool any = false;
    job_unknown(job, note, &any);
    return any;
}
