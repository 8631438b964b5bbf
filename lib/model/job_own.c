/* What our own API refuses of a job, where Chronos takes it for another or passes it over. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/job_private.h"
#include "model/unknown.h"

/* ---- a body without a time */

static bool has_time(const struct json *body)
{
    return json_get(body, "schedule") != NULL || json_get(body, "cron") != NULL ||
           json_get(body, "parents") != NULL;
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
    bool of_time =
        str_eq(nearest, "schedule") || str_eq(nearest, "cron") || str_eq(nearest, "parents");
    if (strchr(path, '/') != NULL || (m->name[0] != '\0' && (m->of_time || !of_time)))
        return;
    str_copy(m->name, sizeof m->name, path);
    m->nearest = nearest;
    m->of_time = of_time;
}

/* Without a time it would run at once, which who mistypes one does not want. */
static void check_time(const struct json *body, struct problems *problems)
{
    struct mistyped m = {0};
    char path[96];
    if (has_time(body))
        return;
    job_unknown(body, keep_likely, &m);
    if (m.name[0] == '\0')
        return;
    path[0] = '/';
    str_copy(path + 1, sizeof path - 1, m.name);
    problems_add(problems, PROBLEM_RULE, path,
                 "there is no such member%s%s%s and the job has neither schedule, cron nor "
                 "parents: need one of them, or the schedule R1//PT24H to run it once, now",
                 m.nearest != NULL ? " (did you mean " : "", m.nearest != NULL ? m.nearest : "",
                 m.nearest != NULL ? "?)," : ",");
}

/* ---- the form of values */

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

static const struct field *row_of(const char *name)
{
    for (size_t i = 0; i < JOB_FIELDS.n; i++)
        if (str_eq(JOB_FIELDS.rows[i].name, name))
            return &JOB_FIELDS.rows[i];
    return NULL;
}

static bool is_flag(const struct json *v)
{
    int64_t n;
    const char *text = json_str(v, NULL);
    if (text != NULL)
        return str_eq(text, "true") || str_eq(text, "false");
    return json_is(v, JSON_BOOL) || json_is(v, JSON_NULL) ||
           (json_is(v, JSON_NUMBER) && json_i64(v, &n) && (n == 0 || n == 1));
}

/* Other texts are numbers, or refused when they are read. */
static bool is_count(const struct json *v)
{
    double n = json_double(v, 0);
    return json_is(v, JSON_NUMBER) ? n == trunc(n)
                                   : json_is(v, JSON_STRING) || json_is(v, JSON_NULL);
}

/* "disabled": "yes" would be no, and a list of retries none. */
static void check_kinds(const struct json *body, struct problems *problems)
{
    char path[96], got[80];
    JSON_EACH (v, body) {
        const struct field *f = row_of(json_name(v));
        bool flag = f != NULL && f->type == &FIELD_BOOL, count = f != NULL && f->type == &FIELD_INT;
        if ((!flag || is_flag(v)) && (!count || is_count(v)))
            continue;
        snprintf(path, sizeof path, "/%s", f->name);
        problems_add(problems, PROBLEM_RULE, path, "got %s, need %s",
                     json_quote(got, sizeof got, v), flag ? "true or false" : "a whole number");
    }
}

void job_own_check_form(const struct json *body, struct problems *problems)
{
    check_kinds(body, problems);
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
