/* What our own API refuses of a job, where Chronos takes it for another or passes it over. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/job_private.h"
#include "model/unknown.h"

/* ---- a body without a time */

static const char *const times[] = {"schedule", "cron", "parents"};
#define TIMES (sizeof times / sizeof times[0])

/* An empty cron expression is none. */
static bool has_time(const struct json *body)
{
    const struct json *cron = json_get(body, "cron");
    return json_get(body, "schedule") != NULL || json_get(body, "parents") != NULL ||
           (cron != NULL && !str_eq(json_str(cron, NULL), ""));
}

struct mistyped {
    char name[80];       /* "" : none */
    const char *nearest; /* of the members there are, or NULL */
    bool of_time;        /* that one says when it runs */
};

/* Keeps the one that is likely to have said when the job runs, else the first. */
static void keep_likely(void *data, const char *path, const char *nearest)
{
    struct mistyped *m = data;
    bool of_time = false;
    for (size_t i = 0; i < TIMES; i++)
        of_time = of_time || str_eq(nearest, times[i]);
    if (strchr(path, '/') != NULL || (m->name[0] != '\0' && (m->of_time || !of_time)))
        return;
    str_copy(m->name, sizeof m->name, path);
    m->nearest = nearest;
    m->of_time = of_time;
}

/* Nor does he whose time is empty, say in a template that was not filled in. */
static void check_empty(const struct json *body, struct problems *problems)
{
    char path[16], got[16];
    for (size_t i = 0; i < TIMES; i++) {
        const struct json *v = json_get_null(body, times[i]);
        if (v == NULL)
            continue;
        snprintf(path, sizeof path, "/%s", times[i]);
        problems_add(problems, PROBLEM_RULE, path,
                     "got %s, and the job has no other time: need one, or the schedule R1//PT24H "
                     "to run it once, now",
                     json_quote(got, sizeof got, v));
    }
}

/* Without a time it would run at once, which who mistypes one does not want. */
static void check_time(const struct json *body, struct problems *problems)
{
    struct mistyped m = {0};
    char path[96];
    if (has_time(body))
        return;
    job_unknown(body, keep_likely, &m);
    if (m.name[0] == '\0') {
        check_empty(body, problems);
        return;
    }
    path[0] = '/';
    str_copy(path + 1, sizeof path - 1, m.name);
    problems_add(problems, PROBLEM_RULE, path,
                 "there is no such member%s%s%s and the job has neither schedule, cron nor "
                 "parents: need one of them, or the schedule R1//PT24H to run it once, now",
                 m.nearest != NULL ? " (did you mean " : "", m.nearest != NULL ? m.nearest : "",
                 m.nearest != NULL ? "?)," : ",");
}

/* ---- the form of values */

/* A list of zones would be none, and so UTC. */
static void check_schedule(const struct json *body, struct problems *problems)
{
    static const char *const texts[] = {"schedule", "scheduleTimeZone"};
    char path[32];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct json *v = json_get(body, texts[i]);
        snprintf(path, sizeof path, "/%s", texts[i]);
        if (json_is(v, JSON_ARRAY) || json_is(v, JSON_OBJECT))
            problems_add(problems, PROBLEM_RULE, path, "got %s, need a string", json_kind_word(v));
    }
}

static void check_parents(const struct json *body, struct problems *problems)
{
    char quoted[96];
    size_t i = 0;
    const struct json *parents = json_get(body, "parents");
    const char *one = json_str(parents, NULL);
    if (one != NULL) {
        str_quote(quoted, sizeof quoted, one, strlen(one));
        problems_add(problems, PROBLEM_RULE, "/parents",
                     "got the text %s, need an array of jobs' names: [%s]", quoted, quoted);
    } else if (parents != NULL && !json_is(parents, JSON_ARRAY)) {
        problems_add(problems, PROBLEM_RULE, "/parents",
                     "got %s, need an array of jobs' names, as [\"load\"]",
                     json_kind_word(parents));
    } else if (parents != NULL && json_count(parents) == 0 && json_get(body, "schedule") == NULL &&
               json_get(body, "cron") == NULL) {
        problems_add(problems, PROBLEM_RULE, "/parents",
                     "got none, need at least one job's name, or a schedule or cron");
    }
    if (!json_is(parents, JSON_ARRAY))
        return;
    JSON_EACH (parent, parents) {
        char path[32], got[80];
        snprintf(path, sizeof path, "/parents(%zu)", i++);
        if (!json_is(parent, JSON_STRING))
            problems_add(problems, PROBLEM_RULE, path, "got %s, need a job's name as text",
                         json_quote(got, sizeof got, parent));
    }
}

void job_own_check_form(const struct json *body, struct problems *problems)
{
    check_schedule(body, problems);
    check_parents(body, problems);
    check_time(body, problems);
}

/* ---- values */

bool job_env_name_fits(const char *name)
{
    if (name[0] == '\0' || (name[0] >= '0' && name[0] <= '9'))
        return false;
    for (const char *p = name; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || *p == '=' || *p == '\x7f')
            return false;
    return true;
}

void job_own_check_members(const struct job *j, struct problems *problems)
{
    if (j->retries < 0)
        problems_add(problems, PROBLEM_RULE, "/retries",
                     "got %lld, need 0 or more: 0 is to try once only", (long long)j->retries);
    if (j->max_completion_s < 0)
        problems_add(problems, PROBLEM_RULE, "/maxCompletionTime",
                     "got %lld, need 0 or more: 0 is any time", (long long)j->max_completion_s);
}

void job_own_check_env(const struct job *j, struct problems *problems)
{
    char quoted[80];
    for (size_t i = 0; i < j->env.n; i++) {
        const char *name = j->env.items[i].name;
        if (!job_env_name_fits(name))
            problems_add(problems, PROBLEM_RULE, "/environmentVariables",
                         "got the name %s, need " JOB_ENV_NAME,
                         str_quote(quoted, sizeof quoted, name, strlen(name)));
    }
}
