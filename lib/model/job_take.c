/* A stranger's job, step by step (spec/chronos.md 2.5). */

#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "model/docker_parameter.h"
#include "model/job_private.h"

#include <stdio.h>
#include <string.h>

#define CRON_TARGETS_LOOKED 100 /* among which two are as near to each other as they get */
#define WINDOW_MS_MAX (INT64_C(100) * 365 * 86400 * 1000)

/* ---- taking in: 2.5, in its order; each step only if those before found nothing */

struct taking {
    const struct job_rules *rules;
    const struct json *body;
    enum job_face face;
    enum job_kind endpoint;
    bool exists;
    struct job *job;
    struct problems *problems;
    struct problems *of_parts; /* found while reading, but said only in their place */
};

static void wrong(const struct taking *t, const char *path, const char *text, ...)
    __attribute__((format(printf, 3, 4)));

static void wrong(const struct taking *t, const char *path, const char *text, ...)
{
    struct buf b;
    va_list ap;
    buf_init(&b, 512);
    va_start(ap, text);
    buf_vprintf(&b, text, ap);
    va_end(ap);
    problems_add(t->problems, PROBLEM_RULE, path, "%s", buf_str(&b));
    buf_close(&b);
}

static void take_body(const struct taking *t)
{
    if (!json_is(t->body, JSON_OBJECT))
        wrong(t, "/", "got %s, need one object: a job", json_kind_word(t->body));
}

const char *job_name_of(const struct json *body, struct arena *arena)
{
    const struct json *name = json_get(body, "name");
    return name == NULL ? NULL : coerce_text(name, arena);
}

static void take_own_form(const struct taking *t)
{
    if (t->rules->own)
        job_own_check_form(t->body, t->problems);
}

static bool name_fits(const char *name, enum job_face face)
{
    const char *signs = face == JOB_FACE_2 ? "_ .#-" : "_.-";
    for (; *name != '\0'; name++) {
        bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                     (*name >= '0' && *name <= '9');
        if (!plain && strchr(signs, *name) == NULL)
            return false;
    }
    return true;
}

static void take_name(const struct taking *t)
{
    char quoted[96];
    const char *name = job_name_of(t->body, &t->job->arena);
    if (name == NULL || name[0] == '\0') {
        wrong(t, "/name", "missing, need the job's name");
        return;
    }
    str_quote(quoted, sizeof(quoted), name, strlen(name));
    if (strlen(name) > JOB_NAME_MAX)
        wrong(t, "/name", "got %s, need at most %d bytes", quoted, JOB_NAME_MAX);
    else if (!t->exists && str_is_dots(name))
        wrong(t, "/name", "got %s, need another: in a URL it is no name, but a folder", quoted);
    else if (!t->exists && !name_fits(name, t->face))
        wrong(t, "/name", "got %s, need letters, digits and %s only", quoted,
              t->face == JOB_FACE_2 ? "\"_\", \".\", \"-\", \"#\", blanks" : "\"_\", \".\", \"-\"");
}

static bool has(const struct taking *t, const char *member)
{
    return json_get(t->body, member) != NULL;
}

static void take_kind(const struct taking *t)
{
    const struct json *parents = json_get(t->body, "parents");
    bool empty = parents != NULL && json_count(parents) == 0;
    t->job->kind = t->endpoint;
    if (t->endpoint == JOB_SCHEDULED) {
        if (parents != NULL && !(empty && (has(t, "schedule") || has(t, "cron"))))
            wrong(t, "/parents",
                  "a job with parents belongs to \"dependency\", not to "
                  "\"iso8601\": use dependency");
    } else if (parents == NULL && (has(t, "schedule") || has(t, "cron"))) {
        wrong(t, has(t, "schedule") ? "/schedule" : "/cron",
              "a job with a schedule belongs to \"iso8601\", not to "
              "\"dependency\": use iso8601");
    } else if (parents == NULL) {
        wrong(t, "/parents", "missing, need the names of jobs");
    }
}

/* Members that are judged after the schedule and the parents. */
static bool is_part(const char *path)
{
    static const char *const parts[] = {"/container", "/environmentVariables", "/constraints",
                                        "/fetch"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (str_starts(path, parts[i]))
            return true;
    return false;
}

static void read_members(const struct taking *t)
{
    struct problems found = {0};
    struct reader r = {.arena = &t->job->arena, .problems = &found, .lenient = !t->rules->own};
    fields_read(&r, NULL, &JOB_FIELDS, t->body, t->job);
    fields_read(&r, NULL, &JOB_EXTENSION_FIELDS, t->body, t->job);
    for (size_t i = 0; i < found.n; i++)
        problems_add(is_part(found.items[i].path) ? t->of_parts : t->problems, found.items[i].kind,
                     found.items[i].path, "%s", found.items[i].text);
    problems_close(&found);
}

static void take_members(const struct taking *t)
{
    struct job *j = t->job;
    read_members(t);
    if (!(j->cpus > 0))
        j->cpus = t->rules->cpus;
    if (!(j->mem > 0))
        j->mem = t->rules->mem;
    if (!(j->disk > 0))
        j->disk = t->rules->disk;
    if (j->user == NULL)
        j->user = arena_strdup(&j->arena, t->rules->user);
    if (t->face == JOB_FACE_3 && !t->rules->own)
        j->async = false;
    if (t->rules->own)
        job_own_check_members(j, t->problems);
}

/* ---- the schedule */

/* null and "null" were sent by a client for years; they meant UTC (2.3). */
static const char *take_zone(const struct taking *t)
{
    const struct json *zone = json_get_null(t->body, "scheduleTimeZone");
    if (zone == NULL)
        return "";
    const char *name = coerce_text(zone, &t->job->arena);
    return json_is(zone, JSON_NULL) || str_eq(name, "null") ? "UTC" : name;
}

const char *job_meant_zone(const char *name, bool lenient)
{
    struct zone zone;
    struct error unused;
    return name[0] != '\0' && lenient && zone_find(name, &zone, &unused) != 0 ? "UTC" : name;
}

static void begin_cursor(struct job *j)
{
    j->cursor = (struct job_cursor){.remaining = j->schedule.count};
}

static void take_schedule(const struct taking *t)
{
    struct job *j = t->job;
    struct error err;
    struct zone zone;
    const struct json *text = json_get(t->body, "schedule");
    const char *otherwise = j->cron == NULL ? "R1//PT24H" : "";
    j->schedule_zone = take_zone(t);
    j->schedule_text = text == NULL ? otherwise : coerce_text(text, &j->arena);
    const char *meant = job_meant_zone(j->schedule_zone, t->rules->lenient_zones);
    j->zone_let_pass = !str_eq(meant, j->schedule_zone);
    if (meant[0] != '\0' && zone_find(meant, &zone, &err) != 0)
        wrong(t, "/scheduleTimeZone", "%s", err.text);
    else if (job_parse_schedule(j, j->schedule_text, meant, &err) != 0 ||
             (j->cron != NULL && cron_check(&j->schedule.cron, j->cron, &err) != 0))
        wrong(t, j->cron != NULL ? "/cron" : "/schedule", "%s", err.text);
    else
        begin_cursor(j);
}

/* From one target to the next; of a cron expression the shortest of some days' or years'. */
static int64_t period_ms(const struct schedule *schedule)
{
    struct schedule s = *schedule;
    int64_t shortest = INT64_MAX, k = 0;
    schedule_start_now(&s, (struct wall){0});
    for (int i = 0; i < (s.by_cron ? CRON_TARGETS_LOOKED : 1); i++) {
        struct wall target = schedule_target(&s, k);
        k = schedule_skip(&s, k, 1, INT64_MAX);
        int64_t ms = schedule_target(&s, k).ms - target.ms;
        shortest = ms < shortest ? ms : shortest;
    }
    return shortest;
}

/* Of a job that says none. What never catches up starts before its next target is due, or not; of
 * a period of nothing there is no next one. */
static int64_t usual_window_ms(const struct job *j, int64_t usual_s, bool none)
{
    int64_t usual = usual_s * 1000, gap = none ? period_ms(&j->schedule) : usual;
    return gap > 0 && gap < usual ? gap : usual;
}

/* How long after its target a run may start; -1: a job that catches up (3.5). */
static int64_t window_ms(const struct job *j, int64_t usual_s)
{
    struct period epsilon;
    struct error unused;
    bool none = j->catchup != NULL && j->catchup->policy == CATCHUP_NONE;
    if (j->missed == MISSED_CATCHUP || (j->catchup != NULL && !none) ||
        (j->epsilon == NULL && j->missed != MISSED_WINDOW && !none))
        return -1;
    int64_t ms = j->epsilon != NULL && period_parse(j->epsilon, &epsilon, &unused) == 0
                     ? period_fixed_ms(&epsilon)
                     : usual_window_ms(j, usual_s, none);
    return ms < 1000 ? 1000 : ms > WINDOW_MS_MAX ? WINDOW_MS_MAX : ms;
}

static void take_epsilon(const struct taking *t)
{
    struct job *j = t->job;
    struct period unused;
    struct error err;
    if (j->epsilon == NULL && t->face == JOB_FACE_2)
        j->epsilon = arena_printf(&j->arena, "PT%lldS", (long long)t->rules->epsilon_s);
    if (j->epsilon != NULL && period_parse(j->epsilon, &unused, &err) != 0)
        wrong(t, "/epsilon", "%s", err.text);
    j->window_ms = window_ms(j, t->rules->epsilon_s);
}

/* Each once, in the order in which they come first. */
static void read_parents(const struct taking *t, const struct json *list)
{
    struct job *j = t->job;
    struct map *named = map_new();
    j->parents.items = arena_alloc(&j->arena, json_count(list) * sizeof(char *));
    JSON_EACH (parent, list) {
        if (json_is(parent, JSON_NULL))
            continue;
        const char *name = coerce_text(parent, &j->arena);
        if (map_put_str(named, name, named) == NULL)
            j->parents.items[j->parents.n++] = name;
    }
    if (j->parents.n == 0)
        wrong(t, "/parents", "got none, need at least one job's name");
    if (map_get_str(named, j->name) != NULL)
        wrong(t, "/parents", "got the job's own name among them");
    map_free(named);
}

static void check_conditions(const struct taking *t)
{
    const struct job *j = t->job;
    char quoted[80], got[80];
    for (size_t i = 0; i < j->parent_conditions.n; i++) {
        const struct pair *c = &j->parent_conditions.items[i];
        str_quote(quoted, sizeof(quoted), c->name, strlen(c->name));
        if (!strings_have(&j->parents, c->name))
            wrong(t, "/parentConditions", "got %s, which is not among the parents", quoted);
        else if (!str_eq(c->value, "success") && !str_eq(c->value, "failure") &&
                 !str_eq(c->value, "always"))
            wrong(t, "/parentConditions", "of %s: got %s, need success, failure or always", quoted,
                  str_quote(got, sizeof(got), c->value, strlen(c->value)));
    }
}

static size_t count(const struct problems *problems)
{
    return problems->n + problems->left_out;
}

static void ask_others(const struct taking *t)
{
    struct error err;
    if (count(t->problems) == 0 && t->rules->check_parents != NULL &&
        t->rules->check_parents(t->rules->data, t->job, &err) != 0)
        wrong(t, "/parents", "%s", err.text);
}

static void take_parents(const struct taking *t)
{
    if (t->job->cron != NULL)
        wrong(t, "/cron", "got a cron expression and parents, need one of them");
    const struct json *list = json_get(t->body, "parents");
    size_t n = json_is(list, JSON_ARRAY) ? json_count(list) : 0;
    if (n > LIMIT_JOB_PARENTS)
        wrong(t, "/parents", "got %zu, need at most %d", n, LIMIT_JOB_PARENTS);
    else
        read_parents(t, n > 0 ? list : NULL);
    check_conditions(t);
    ask_others(t);
}

static void take_catchup(const struct taking *t)
{
    const struct job *j = t->job;
    const struct job_catchup *c = j->catchup;
    if (c == NULL)
        return;
    if (c->limit != NOT_GIVEN && c->policy != CATCHUP_ALL)
        wrong(t, "/catchup/limit", "got %lld, need none of it but with the policy \"all\"",
              (long long)c->limit);
    if (c->policy == CATCHUP_NONE && j->missed == MISSED_CATCHUP)
        wrong(t, "/catchup/policy",
              "got \"none\", need \"latest\" or \"all\" where \"missed\" "
              "is \"catchup\"");
    if (c->policy != CATCHUP_NONE && j->missed == MISSED_WINDOW)
        wrong(t, "/catchup/policy", "need \"none\" where \"missed\" is \"window\"");
}

/* Where one target's run may start after the next one's, that might take its place. */
static void check_jitter(const struct taking *t)
{
    const struct schedule *s = &t->job->schedule;
    if (t->job->jitter_s <= 0 || s->count == 0 || s->count == 1)
        return;
    if (t->job->jitter_s * 1000 >= period_ms(s))
        wrong(t, "/jitterSeconds", "got %lld, need less than from one target to the next",
              (long long)t->job->jitter_s);
}

/* What is said of targets says nothing of a job that has none, nor what is said of parents. */
static void check_pointless(const struct taking *t)
{
    static const char *const why[] = {
        [JOB_DEPENDENT] = "need a schedule: a job with parents has no times of its own",
        [JOB_SCHEDULED] = "need parents: a job with a schedule waits for no other",
    };
    static const struct {
        enum job_kind kind;
        const char *path;
    } rows[] = {
        {JOB_DEPENDENT, "/catchup"},          {JOB_DEPENDENT, "/jitterSeconds"},
        {JOB_DEPENDENT, "/excludeCalendars"}, {JOB_DEPENDENT, "/onlyCalendars"},
        {JOB_SCHEDULED, "/dependencyMode"},   {JOB_SCHEDULED, "/parentConditions"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct json *v = json_get(t->body, rows[i].path + 1);
        if (t->job->kind == rows[i].kind && v != NULL && !json_is(v, JSON_NULL))
            wrong(t, rows[i].path, "%s", why[rows[i].kind]);
    }
}

static void check_bounds(const struct taking *t)
{
    char starts[TIME_TEXT_SIZE], ends[TIME_TEXT_SIZE];
    const struct job *j = t->job;
    if (j->ends.ms != 0 && j->ends.ms <= j->starts.ms)
        wrong(t, "/endsAt", "got %s, need a time after startsAt, which is %s",
              wall_text(j->ends, ends), wall_text(j->starts, starts));
}

static void check_calendars(const struct taking *t)
{
    size_t n = t->job->exclude_calendars.n + t->job->only_calendars.n;
    if (n > LIMIT_JOB_CALENDARS)
        wrong(t, "/excludeCalendars", "got %zu calendars with onlyCalendars, need at most %d", n,
              LIMIT_JOB_CALENDARS);
}

static void take_time(const struct taking *t)
{
    check_bounds(t);
    check_calendars(t);
    if (t->job->kind == JOB_SCHEDULED) {
        take_schedule(t);
        check_jitter(t);
    } else {
        take_parents(t);
    }
    check_pointless(t);
    take_catchup(t);
    take_epsilon(t);
}

/* ---- the rest */

static bool same_uris(const struct job *j)
{
    if (j->fetch.n != j->uris.n)
        return false;
    for (size_t i = 0; i < j->uris.n; i++)
        if (!str_eq(j->fetch.items[i].uri, j->uris.items[i]))
            return false;
    return true;
}

static void check_variable(const struct taking *t, const struct pair *v)
{
    char quoted[80];
    size_t bytes = strlen(v->name) + 1 + strlen(v->value);
    if (v->name[0] == '\0')
        wrong(t, "/environmentVariables", "got an empty name");
    if (bytes > LIMIT_ARGUMENT_BYTES)
        wrong(
            t, "/environmentVariables",
            "got %zu bytes of %s, need at most %d: put what is longer into a file that is fetched",
            bytes, str_quote(quoted, sizeof(quoted), v->name, strlen(v->name)),
            LIMIT_ARGUMENT_BYTES);
}

static void check_sum(const struct taking *t)
{
    const struct job *j = t->job;
    size_t bytes = strlen(j->command);
    for (size_t i = 0; i < j->arguments.n; i++)
        bytes += strlen(j->arguments.items[i]);
    for (size_t i = 0; i < j->env.n; i++)
        bytes += strlen(j->env.items[i].name) + strlen(j->env.items[i].value);
    if (bytes > LIMIT_TASK_BYTES)
        wrong(t, "/environmentVariables",
              "got %zu bytes together with the command, need at most %d: put what is longer into a "
              "file that is fetched",
              bytes, LIMIT_TASK_BYTES);
}

/* What its agent is told besides: an order that is too large is none, and the run would be lost. */
static void check_order(const struct taking *t)
{
    static const char *const names[] = {"uris", "fetch", "container"};
    struct buf text;
    struct json_writer w;
    char path[16];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct json *v = json_get(t->body, names[i]);
        if (v == NULL)
            continue;
        buf_init(&text, LIMIT_TASK_BYTES);
        json_begin(&w, &text);
        json_put_value(&w, v);
        snprintf(path, sizeof path, "/%s", names[i]);
        if (buf_full(&text))
            wrong(t, path, "got more than %d bytes, which is the limit: need less of it",
                  LIMIT_TASK_BYTES);
        buf_close(&text);
    }
}

/* What people read, who is told, and what is only kept. */
static void check_texts(const struct taking *t)
{
    const struct {
        const char *path, *text;
        int most;
    } texts[] = {
        {"/description", t->job->description, LIMIT_ABOUT_BYTES},
        {"/owner", t->job->owner, LIMIT_NOTICE_OWNERS_BYTES - 1},
        {"/ownerName", t->job->owner_name, LIMIT_ABOUT_BYTES},
        {"/runAsUser", t->job->user, LIMIT_USER_BYTES},
        {"/executor", t->job->executor, LIMIT_EXECUTOR_BYTES},
        {"/executorFlags", t->job->executor_flags, LIMIT_EXECUTOR_BYTES},
        {"/taskInfoData", t->job->task_info_data, LIMIT_EXECUTOR_BYTES},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strlen(texts[i].text) > (size_t)texts[i].most)
            wrong(t, texts[i].path, "got %zu bytes, need at most %d", strlen(texts[i].text),
                  texts[i].most);
}

static void check_container(const struct taking *t, const struct job_container *c)
{
    struct error err;
    if (c->image[0] == '\0')
        wrong(t, "/container/image", "need the name of an image");
    for (size_t i = 0; i < c->parameters.n; i++)
        if (docker_parameter_check(c->parameters.items[i].name, c->parameters.items[i].value,
                                   &err) != 0)
            wrong(t, "/container/parameters", "%s", err.text);
}

static void take_parts(const struct taking *t)
{
    struct job *j = t->job;
    problems_add_part(t->problems, "", t->of_parts);
    if (count(t->problems) > 0)
        return;
    if (j->uris.n > 0 && j->fetch.n > 0) {
        if (!same_uris(j))
            wrong(t, "/uris", "got both \"uris\" and \"fetch\", need one of them");
        j->uris = (struct strings){0}; /* it was listed so (E-05) */
    }
    if (j->container != NULL)
        check_container(t, j->container);
    for (size_t i = 0; i < j->env.n; i++)
        check_variable(t, &j->env.items[i]);
    if (t->rules->own)
        job_own_check_env(j, t->problems);
    check_sum(t);
    check_order(t);
    check_texts(t);
}

static void take_command(const struct taking *t)
{
    struct error err;
    if (t->job->command[0] == '\0' && t->job->container == NULL)
        wrong(t, "/command", "need a command, or a container with an image");
    else if (job_check_argv(t->job, NULL, &err) != 0)
        wrong(t, "/command", "%s", err.text);
}

int job_parse(const struct job_rules *rules, const struct json *body, enum job_face face,
              enum job_kind kind, bool exists, struct job *out, struct problems *problems)
{
    static void (*const STEPS[])(const struct taking *t) = {
        take_body,    take_name, take_own_form, take_kind,
        take_members, take_time, take_parts,    take_command,
    };
    struct job j = {0};
    struct problems of_parts = {0};
    struct taking t = {rules, body, face, kind, exists, &j, problems, &of_parts};
    size_t before = count(problems);
    fields_init(&JOB_FIELDS, &j);
    fields_init(&JOB_EXTENSION_FIELDS, &j);
    for (size_t i = 0; i < sizeof(STEPS) / sizeof(*STEPS) && count(problems) == before; i++)
        STEPS[i](&t);
    problems_close(&of_parts);
    if (count(problems) != before) {
        job_close(&j);
        return -1;
    }
    *out = j;
    return 0;
}
