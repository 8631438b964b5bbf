#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"
#include "model/job_private.h"

#include <stdio.h>
#include <string.h>

#define WINDOW_MS_MAX (INT64_C(100) * 365 * 86400 * 1000)

struct job_rules job_rules_default(void)
{
    return (struct job_rules){
        .cpus = 0.1, .mem = 128, .disk = 256, .user = "root", .epsilon_s = 60};
}

void job_close(struct job *j)
{
    arena_close(&j->arena);
    *j = (struct job){0};
}

/* ---- taking in: 2.5, in its order; each step only if those before found nothing */

struct taking {
    const struct job_rules *rules;
    const struct json *body;
    enum job_face face;
    enum job_kind endpoint;
    bool exists;
    struct job *job;
    struct problems *problems;
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
        if (parents != NULL && !(empty && has(t, "schedule")))
            wrong(t, "/parents",
                  "a job with parents belongs to \"dependency\", not to "
                  "\"iso8601\": use dependency");
    } else if (parents == NULL && has(t, "schedule")) {
        wrong(t, "/schedule",
              "a job with a schedule belongs to \"iso8601\", not to "
              "\"dependency\": use iso8601");
    } else if (parents == NULL) {
        wrong(t, "/parents", "missing, need the names of jobs");
    }
}

static void take_members(const struct taking *t)
{
    struct job *j = t->job;
    struct reader r = {.arena = &j->arena, .problems = t->problems, .no_lists = true};
    fields_read(&r, NULL, &JOB_FIELDS, t->body, j);
    fields_read(&r, NULL, &JOB_EXTENSION_FIELDS, t->body, j);
    if (j->retry_backoff != NOT_GIVEN && j->retry_backoff < 1)
        wrong(t, "/retryBackoff", "got %g, need at least 1", j->retry_backoff);
    if (!(j->cpus > 0))
        j->cpus = t->rules->cpus;
    if (!(j->mem > 0))
        j->mem = t->rules->mem;
    if (!(j->disk > 0))
        j->disk = t->rules->disk;
    if (j->user == NULL)
        j->user = arena_strdup(&j->arena, t->rules->user);
    if (t->face == JOB_FACE_3)
        j->async = false;
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

/* The zone that is meant: its name, or UTC when it is unknown and that is let pass. */
static const char *meant_zone(const char *name, bool lenient)
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
    j->schedule_zone = take_zone(t);
    j->schedule_text = text == NULL ? "R1//PT24H" : coerce_text(text, &j->arena);
    const char *meant = meant_zone(j->schedule_zone, t->rules->lenient_zones);
    if (meant[0] != '\0' && zone_find(meant, &zone, &err) != 0)
        wrong(t, "/scheduleTimeZone", "%s", err.text);
    else if (schedule_parse(j->schedule_text, meant, &j->schedule, &err) != 0)
        wrong(t, "/schedule", "%s", err.text);
    else
        begin_cursor(j);
}

/* How long after its target a run may start; -1: a job that catches up (3.5). */
static int64_t window_ms(const struct job *j, int64_t usual_s)
{
    struct period epsilon;
    struct error unused;
    if (j->missed == MISSED_CATCHUP || (j->epsilon == NULL && j->missed != MISSED_WINDOW))
        return -1;
    int64_t ms = j->epsilon != NULL && period_parse(j->epsilon, &epsilon, &unused) == 0
                     ? period_fixed_ms(&epsilon)
                     : usual_s * 1000;
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

static void add_parent(struct strings *parents, const char *name)
{
    if (!strings_have(parents, name))
        parents->items[parents->n++] = name;
}

static void take_parents(const struct taking *t)
{
    struct job *j = t->job;
    const struct json *list = json_get(t->body, "parents");
    if (json_is(list, JSON_ARRAY) && json_count(list) > LIMIT_ITEMS) {
        wrong(t, "/parents", "got %zu, need at most %d", json_count(list), LIMIT_ITEMS);
        return;
    }
    j->parents.items = arena_alloc(&j->arena, json_count(list) * sizeof(char *));
    if (json_is(list, JSON_ARRAY))
        JSON_EACH (parent, list)
            if (!json_is(parent, JSON_NULL))
                add_parent(&j->parents, coerce_text(parent, &j->arena));
    if (j->parents.n == 0)
        wrong(t, "/parents", "got none, need at least one job's name");
    if (strings_have(&j->parents, j->name))
        wrong(t, "/parents", "got the job's own name, \"%s\"", j->name);
}

static void take_time(const struct taking *t)
{
    if (t->job->kind == JOB_SCHEDULED)
        take_schedule(t);
    else
        take_parents(t);
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

static void take_parts(const struct taking *t)
{
    struct job *j = t->job;
    if (j->uris.n > 0 && j->fetch.n > 0) {
        if (!same_uris(j))
            wrong(t, "/uris", "got both \"uris\" and \"fetch\", need one of them");
        j->uris = (struct strings){0}; /* it was listed so (E-05) */
    }
    if (j->container != NULL && j->container->image[0] == '\0')
        wrong(t, "/container/image", "need the name of an image");
    for (size_t i = 0; i < j->env.n; i++)
        if (j->env.items[i].name[0] == '\0')
            wrong(t, "/environmentVariables", "got an empty name");
}

static void take_command(const struct taking *t)
{
    if (t->job->command[0] == '\0' && t->job->container == NULL)
        wrong(t, "/command", "need a command, or a container with an image");
}

static size_t count(const struct problems *problems)
{
    return problems->n + problems->left_out;
}

int job_parse(const struct job_rules *rules, const struct json *body, enum job_face face,
              enum job_kind kind, bool exists, struct job *out, struct problems *problems)
{
    static void (*const STEPS[])(const struct taking *t) = {
        take_body, take_name, take_kind, take_members, take_time, take_parts, take_command,
    };
    struct job j = {0};
    struct taking t = {rules, body, face, kind, exists, &j, problems};
    size_t before = count(problems);
    fields_init(&JOB_FIELDS, &j);
    fields_init(&JOB_EXTENSION_FIELDS, &j);
    for (size_t i = 0; i < sizeof(STEPS) / sizeof(*STEPS) && count(problems) == before; i++)
        STEPS[i](&t);
    if (count(problems) != before) {
        job_close(&j);
        return -1;
    }
    *out = j;
    return 0;
}

/* ---- the text of the schedule */

/* "R5//P1D" with its start in the middle. */
static void fill_start(struct job *j)
{
    char shown[SCHEDULE_TEXT_SIZE];
    const char *text = j->schedule_text, *gap = strstr(text, "//");
    ASSERT(gap != NULL);
    schedule_text(&j->schedule, COUNT_FOREVER, 0, shown); /* "R/<start>/<period>" */
    const char *start = strchr(shown, '/') + 1;
    j->schedule_text = arena_printf(&j->arena, "%.*s%.*s%s", (int)(gap + 1 - text), text,
                                    (int)(strrchr(shown, '/') - start), start, gap + 1);
}

void job_start_now(struct job *j, struct wall t)
{
    if (j->kind != JOB_SCHEDULED || !j->schedule.start_empty || j->started.ms != 0)
        return;
    j->started = t;
    schedule_start_now(&j->schedule, t);
    fill_start(j);
}

const char *job_schedule_shown(const struct job *j, char dst[SCHEDULE_TEXT_SIZE])
{
    if (j->kind != JOB_SCHEDULED)
        str_copy(dst, SCHEDULE_TEXT_SIZE, "");
    else if (j->cursor.moved)
        schedule_text(&j->schedule, j->cursor.remaining, j->cursor.index, dst);
    else
        str_copy(dst, SCHEDULE_TEXT_SIZE, j->schedule_text);
    return dst;
}

int64_t job_window_ms(const struct job *j)
{
    return j->window_ms;
}

/* ---- writing */

static void write_strings(const struct strings *s, struct json_writer *w)
{
    json_array(w);
    for (size_t i = 0; i < s->n; i++)
        json_put_str(w, s->items[i]);
    json_array_end(w);
}

static void write_members(const struct job *j, const char *schedule, struct json_writer *w)
{
    fields_write(&JOB_FIELDS, j, w);
    if (j->kind == JOB_SCHEDULED) {
        json_member_str(w, "schedule", schedule);
        json_member_str(w, "scheduleTimeZone", j->schedule_zone);
    } else {
        json_key(w, "parents");
        write_strings(&j->parents, w);
    }
    fields_write(&JOB_EXTENSION_FIELDS, j, w);
}

/* Whichever of the two is empty is filled from the other. */
static void fill_fetch(struct job *j, struct arena *arena)
{
    size_t n = j->fetch.n == 0 ? j->uris.n : j->fetch.n;
    struct job_fetch *fetch = arena_alloc(arena, n * sizeof(*fetch));
    const char **uris = arena_alloc(arena, n * sizeof(*uris));
    for (size_t i = 0; i < n; i++) {
        if (j->fetch.n == 0)
            fetch[i] = (struct job_fetch){.uri = j->uris.items[i], .extract = true};
        else
            uris[i] = j->fetch.items[i].uri;
    }
    if (j->fetch.n == 0)
        j->fetch = (struct job_fetches){fetch, n};
    else
        j->uris = (struct strings){uris, n};
}

void job_write(const struct job *j, bool fill, struct json_writer *w)
{
    char schedule[SCHEDULE_TEXT_SIZE];
    struct arena scratch = {0};
    struct job shown = *j;
    if (fill)
        fill_fetch(&shown, &scratch);
    json_object(w);
    write_members(&shown, job_schedule_shown(j, schedule), w);
    json_object_end(w);
    arena_close(&scratch);
}

void job_store(const struct job *j, struct json_writer *w)
{
    json_object(w);
    write_members(j, j->schedule_text, w);
    json_member_int(w, "windowMs", j->window_ms);
    if (j->started.ms != 0)
        json_member_int(w, "started", j->started.ms);
    if (j->kind == JOB_SCHEDULED) {
        json_member_int(w, "index", j->cursor.index);
        json_member_int(w, "remaining", j->cursor.remaining);
        json_member_bool(w, "moved", j->cursor.moved);
    }
    json_object_end(w);
}

/* ---- reading back */

static int load_schedule(const struct json *tree, struct job *j, struct error *err)
{
    const char *text = json_str(json_get(tree, "schedule"), "");
    const char *zone = json_str(json_get(tree, "scheduleTimeZone"), "");
    if (schedule_parse(text, meant_zone(zone, true), &j->schedule, err) != 0)
        return -1;
    j->schedule_text = arena_strdup(&j->arena, text);
    j->schedule_zone = arena_strdup(&j->arena, zone);
    if (j->started.ms != 0) { /* its text may be another instant, where a clock shows one twice */
        j->schedule.start_empty = true;
        schedule_start_now(&j->schedule, j->started);
    }
    j->cursor = (struct job_cursor){
        .index = json_int(json_get(tree, "index"), 0),
        .remaining = json_int(json_get(tree, "remaining"), j->schedule.count),
        .moved = json_bool(json_get(tree, "moved"), false),
    };
    return 0;
}

static void load_parents(const struct json *tree, struct job *j)
{
    const struct json *list = json_get(tree, "parents");
    j->parents.items = arena_alloc(&j->arena, json_count(list) * sizeof(char *));
    JSON_EACH (parent, list)
        j->parents.items[j->parents.n++] = arena_strdup(&j->arena, json_str(parent, ""));
}

static int load_tree(const struct json *tree, struct job *j, struct error *err)
{
    struct problems problems = {0};
    struct reader r = {.arena = &j->arena, .problems = &problems, .stored = true};
    fields_init(&JOB_FIELDS, j);
    fields_init(&JOB_EXTENSION_FIELDS, j);
    fields_read(&r, NULL, &JOB_FIELDS, tree, j);
    fields_read(&r, NULL, &JOB_EXTENSION_FIELDS, tree, j);
    j->kind = json_get(tree, "parents") != NULL ? JOB_DEPENDENT : JOB_SCHEDULED;
    j->window_ms = json_int(json_get(tree, "windowMs"), -1);
    j->started.ms = json_int(json_get(tree, "started"), 0);
    int result = problems_error(&problems, err);
    problems_close(&problems);
    if (result == 0 && (j->name == NULL || j->user == NULL))
        result = error_set(err, ERR_CORRUPT, "members are missing");
    if (result == 0 && j->kind == JOB_SCHEDULED)
        result = load_schedule(tree, j, err);
    if (result == 0 && j->kind == JOB_DEPENDENT)
        load_parents(tree, j);
    return result;
}

int job_load(struct slice stored, struct job *out, struct error *err)
{
    struct job j = {0};
    struct json *tree = json_parse_own(stored, err);
    if (tree == NULL || load_tree(tree, &j, err) != 0) {
        json_free(tree);
        job_close(&j);
        error_wrap(err, "a stored job");
        err->code = ERR_CORRUPT;
        return -1;
    }
    json_free(tree);
    *out = j;
    return 0;
}

void job_copy(const struct job *from, struct job *out)
{
    struct buf text;
    struct json_writer w;
    struct error err;
    buf_init(&text, LIMIT_ENTRY_BYTES);
    json_begin(&w, &text);
    job_store(from, &w);
    int result = job_load(buf_slice(&text), out, &err);
    ASSERT(result == 0); /* what we write, we read */
    buf_close(&text);
}

/* ---- replacing (2.6) */

static bool same_period(const struct period *a, const struct period *b)
{
    return a->years == b->years && a->months == b->months && a->weeks == b->weeks &&
           a->days == b->days && a->hours == b->hours && a->minutes == b->minutes &&
           a->seconds == b->seconds && a->millis == b->millis;
}

/* Does j's text say where old stands now? */
static bool says_the_same(const struct job *j, const struct job *old)
{
    char shown[SCHEDULE_TEXT_SIZE];
    if (str_eq(j->schedule_text, job_schedule_shown(old, shown)))
        return true;
    return !j->schedule.start_empty && j->schedule.count == old->cursor.remaining &&
           j->schedule.first.ms == schedule_target(&old->schedule, old->cursor.index).ms;
}

enum job_replacing job_replacing(const struct job *j, const struct job *old)
{
    bool same = j->kind == JOB_SCHEDULED && old->kind == JOB_SCHEDULED &&
                str_eq(j->schedule_zone, old->schedule_zone) && str_eq(j->epsilon, old->epsilon) &&
                j->window_ms == old->window_ms &&
                same_period(&j->schedule.period, &old->schedule.period) && says_the_same(j, old);
    if (!same)
        return REPLACE_BEGINS;
    return old->disabled && !j->disabled ? REPLACE_RESUMES : REPLACE_KEEPS;
}

void job_keep_cursor(struct job *j, const struct job *old)
{
    j->schedule = old->schedule;
    j->schedule_text = arena_strdup(&j->arena, old->schedule_text);
    j->started = old->started;
    j->cursor = old->cursor;
}

struct resources job_needs(const struct job *j)
{
    return (struct resources){.cpus_milli = cpus_to_milli(j->cpus),
                              .mem_bytes = mib_to_bytes(j->mem),
                              .disk_bytes = mib_to_bytes(j->disk)};
}
