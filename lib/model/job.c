#include "base/assert.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "model/command.h"
#include "model/job_private.h"

#include <stdio.h>
#include <string.h>

#define MAX_COMPLETION_S (INT64_C(1000) * 365 * 86400) /* longer is as long, and fits in ms */

struct job_rules job_rules_default(void)
{
    return (struct job_rules){
        .cpus = 0.1,
        .mem = 128,
        .disk = 256,
        .user = "root",
        .epsilon_s = 60,
        .run_disabled = true,
        .history_shown = 5,
    };
}

void job_close(struct job *j)
{
    arena_close(&j->arena);
    *j = (struct job){0};
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
    else if (j->broken == NULL && (j->cursor.moved || j->cron != NULL))
        schedule_text(&j->schedule, j->cursor.remaining, j->cursor.index, dst);
    else
        str_copy(dst, SCHEDULE_TEXT_SIZE, j->schedule_text);
    return dst;
}

int64_t job_window_ms(const struct job *j)
{
    return j->window_ms;
}

int64_t job_catchup_most(const struct job *j)
{
    if (j->catchup == NULL || j->catchup->policy != CATCHUP_ALL)
        return 1;
    return j->catchup->limit != NOT_GIVEN ? j->catchup->limit : LIMIT_JOB_OPEN_RUNS;
}

int64_t job_jitter_max_ms(const struct job *j)
{
    return j->jitter_s > 0 ? j->jitter_s * 1000 : 0;
}

int64_t job_jitter_ms(const struct job *j, struct wall due)
{
    if (j->jitter_s <= 0)
        return 0;
    uint64_t of_job = hash64(j->name, strlen(j->name), 0);
    return (int64_t)(hash64(&due.ms, sizeof due.ms, of_job) % ((uint64_t)job_jitter_max_ms(j) + 1));
}

int64_t job_max_ms(const struct job *j)
{
    int64_t s = j->max_completion_s < MAX_COMPLETION_S ? j->max_completion_s : MAX_COMPLETION_S;
    return s > 0 ? s * 1000 : 0;
}

bool job_overlaps(const struct job *j)
{
    return j->concurrent || j->overlap == OVERLAP_ALLOW;
}

/* ---- writing */

void job_write_parents(const struct job *j, struct json_writer *w)
{
    json_key(w, "parents");
    json_array(w);
    for (size_t i = 0; i < j->parents.n; i++)
        json_put_str(w, j->parents.items[i]);
    json_array_end(w);
}

static void write_members(const struct job *j, const char *schedule, struct json_writer *w)
{
    fields_write(&JOB_FIELDS, j, w);
    if (j->kind == JOB_SCHEDULED) {
        if (schedule != NULL)
            json_member_str(w, "schedule", schedule);
        json_member_str(w, "scheduleTimeZone", j->schedule_zone);
    } else {
        job_write_parents(j, w);
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
    if (j->broken != NULL)
        json_member_str(w, "broken", j->broken);
    json_object_end(w);
    arena_close(&scratch);
}

void job_store(const struct job *j, struct json_writer *w)
{
    json_object(w);
    write_members(j, j->cron == NULL ? j->schedule_text : NULL, w);
    json_member_int(w, "windowMs", j->window_ms);
    if (j->started.ms != 0)
        json_member_int(w, "started", j->started.ms);
    if (j->kind == JOB_SCHEDULED) {
        json_member_bool(w, "zoneLetPass", j->zone_let_pass);
        json_member_int(w, "index", j->cursor.index);
        json_member_int(w, "remaining", j->cursor.remaining);
        json_member_bool(w, "moved", j->cursor.moved);
    }
    json_object_end(w);
}

int job_parse_schedule(struct job *j, const char *text, const char *zone_name, struct error *err)
{
    struct schedule other;
    struct error unused;
    char got[80];
    if (j->cron == NULL && schedule_parse(text, zone_name, &j->schedule, err) != 0)
        return schedule_parse_cron(text, NULL, "", &other, &unused) != 0
                   ? -1
                   : error_set(err, ERR_INVALID,
                               "got %s, a cron expression: need that as \"cron\", or "
                               "R[n]/start/period",
                               str_quote(got, sizeof got, text, strlen(text)));
    if (j->cron != NULL && schedule_parse_cron(j->cron, zone_name, j->name, &j->schedule, err) != 0)
        return schedule_parse(j->cron, NULL, &other, &unused) != 0
                   ? -1
                   : error_set(err, ERR_INVALID,
                               "got %s: need that as \"schedule\", or a cron expression",
                               str_quote(got, sizeof got, j->cron, strlen(j->cron)));
    return 0;
}

/* ---- reading back */

static int load_schedule(const struct json *tree, struct job *j, struct error *err)
{
    j->schedule_text = arena_strdup(&j->arena, json_str(json_get(tree, "schedule"), ""));
    j->schedule_zone = arena_strdup(&j->arena, json_str(json_get(tree, "scheduleTimeZone"), ""));
    j->zone_let_pass = json_bool(json_get(tree, "zoneLetPass"), true); /* as those before said */
    if (job_parse_schedule(j, j->schedule_text, job_meant_zone(j->schedule_zone, j->zone_let_pass),
                           err) != 0)
        return -1;
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

/* All that can be read of it; -1 and the first that cannot. */
static int load_tree(const struct json *tree, struct job *j, struct error *err)
{
    struct problems problems = {0};
    struct error unused;
    struct reader r = {.arena = &j->arena, .problems = &problems, .stored = true};
    fields_read(&r, NULL, &JOB_FIELDS, tree, j);
    fields_read(&r, NULL, &JOB_EXTENSION_FIELDS, tree, j);
    j->kind = json_get(tree, "parents") != NULL ? JOB_DEPENDENT : JOB_SCHEDULED;
    j->window_ms = json_int(json_get(tree, "windowMs"), -1);
    j->started.ms = json_int(json_get(tree, "started"), 0);
    int result = problems_error(&problems, err);
    problems_close(&problems);
    if (result == 0 && (j->name == NULL || j->user == NULL))
        result = error_set(err, ERR_CORRUPT, "members are missing");
    if (j->kind == JOB_DEPENDENT)
        load_parents(tree, j);
    else if (load_schedule(tree, j, result == 0 ? err : &unused) != 0)
        result = -1;
    return result;
}

static int load(struct slice stored, struct job *j, struct error *err)
{
    *j = (struct job){0};
    fields_init(&JOB_FIELDS, j);
    fields_init(&JOB_EXTENSION_FIELDS, j);
    struct json *tree = json_parse_own(stored, err);
    int result = tree == NULL ? -1 : load_tree(tree, j, err);
    json_free(tree);
    return result;
}

int job_load(struct slice stored, struct job *out, struct error *err)
{
    struct job j;
    if (load(stored, &j, err) != 0) {
        job_close(&j);
        error_wrap(err, "a stored job");
        err->code = ERR_CORRUPT;
        return -1;
    }
    *out = j;
    return 0;
}

void job_load_any(struct slice stored, struct job *out)
{
    struct error err;
    if (load(stored, out, &err) == 0)
        return;
    out->broken = arena_printf(&out->arena, "what is stored of it cannot be read: %s", err.text);
    const char **const texts[] = {&out->name, &out->user, &out->schedule_text, &out->schedule_zone};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (*texts[i] == NULL)
            *texts[i] = "";
}

/* ---- a cron expression beside its schedule */

/* Whether j shows that text at some time. */
static bool ever_shows(const struct job *j, const char *text)
{
    struct schedule s;
    struct error unused;
    char shown[SCHEDULE_TEXT_SIZE];
    if (j->cron == NULL || schedule_parse(text, NULL, &s, &unused) != 0 || s.start_empty)
        return false;
    schedule_text(&j->schedule, COUNT_FOREVER, s.first.ms / 1000, shown);
    return str_eq(shown, text);
}

int job_check_cron(const struct job *j, const struct job *old, struct error *err)
{
    char quoted[96];
    const char *text = j->schedule_text;
    if (j->cron == NULL || text[0] == '\0' || ever_shows(j, text) ||
        (old != NULL && ever_shows(old, text)))
        return 0;
    return error_set(err, ERR_INVALID,
                     "cron and schedule: got both, and the schedule %s is not what is shown of a "
                     "cron expression; need one of them",
                     str_quote(quoted, sizeof quoted, text, strlen(text)));
}

void job_keep_cron(struct job *j, const struct job *old)
{
    if (j->kind != JOB_SCHEDULED || j->cron != NULL || !ever_shows(old, j->schedule_text) ||
        !str_eq(j->schedule_zone, old->schedule_zone))
        return;
    j->cron = arena_strdup(&j->arena, old->cron);
    j->schedule = old->schedule;
    j->cursor = (struct job_cursor){.remaining = COUNT_FOREVER};
}

/* ---- replacing (2.6) */

bool job_same_period(const struct period *a, const struct period *b)
{
    return a->years == b->years && a->months == b->months && a->weeks == b->weeks &&
           a->days == b->days && a->hours == b->hours && a->minutes == b->minutes &&
           a->seconds == b->seconds && a->millis == b->millis;
}

/* Does j's text say where old stands now? */
static bool says_the_same(const struct job *j, const struct job *old)
{
    char shown[SCHEDULE_TEXT_SIZE];
    if (j->cron != NULL || old->cron != NULL)
        return str_eq(j->cron, old->cron);
    if (str_eq(j->schedule_text, job_schedule_shown(old, shown)))
        return true;
    return !j->schedule.start_empty && j->schedule.count == old->cursor.remaining &&
           j->schedule.first.ms == schedule_target(&old->schedule, old->cursor.index).ms;
}

bool job_same_bounds(const struct job *j, const struct job *old)
{
    return j->starts.ms == old->starts.ms && j->ends.ms == old->ends.ms &&
           strings_equal(&j->exclude_calendars, &old->exclude_calendars) &&
           strings_equal(&j->only_calendars, &old->only_calendars);
}

enum job_replacing job_replacing(const struct job *j, const struct job *old)
{
    bool same = old->broken == NULL && j->kind == JOB_SCHEDULED && old->kind == JOB_SCHEDULED &&
                str_eq(j->schedule_zone, old->schedule_zone) && str_eq(j->epsilon, old->epsilon) &&
                j->window_ms == old->window_ms &&
                job_same_period(&j->schedule.period, &old->schedule.period) &&
                says_the_same(j, old);
    if (!same)
        return REPLACE_BEGINS;
    bool anew = (old->disabled && !j->disabled) || !job_same_bounds(j, old);
    return anew ? REPLACE_RESUMES : REPLACE_KEEPS;
}

void job_keep_cursor(struct job *j, const struct job *old)
{
    j->schedule = old->schedule;
    j->schedule_text = arena_strdup(&j->arena, old->schedule_text);
    j->started = old->started;
    j->cursor = old->cursor;
}

int job_parent_ends(const struct job *j, const char *parent)
{
    const char *word = pairs_get(&j->parent_conditions, parent);
    if (str_eq(word, "always"))
        return JOB_ENDS_ANY;
    return str_eq(word, "failure") ? JOB_ENDS_FAILURE : JOB_ENDS_SUCCESS;
}

const char *job_ends_words(int ends)
{
    return ends == JOB_ENDS_ANY       ? "has ended"
           : ends == JOB_ENDS_FAILURE ? "has failed"
                                      : "has succeeded";
}

int job_level(const struct job *j, const char **member)
{
    const struct {
        bool asks;
        int level;
        const char *member;
    } needs[] = {
        {j->notices != NOT_GIVEN && (j->notices & 1 << NOTICE_UNPLACED) != 0, TRIES_LEVEL,
         "notify: unplaced"},
        {j->exclude_calendars.n > 0, TIMES_LEVEL, "excludeCalendars"},
        {j->only_calendars.n > 0, TIMES_LEVEL, "onlyCalendars"},
        {j->starts.ms != 0, TIMES_LEVEL, "startsAt"},
        {j->ends.ms != 0, TIMES_LEVEL, "endsAt"},
        {j->notices != NOT_GIVEN, NOTICES_LEVEL, "notify"},
        {j->late_s != NOT_GIVEN, NOTICES_LEVEL, "notifyLateSeconds"},
        {j->cron != NULL, CRON_LEVEL, "cron"},
        {j->overlap == OVERLAP_ALLOW, POLICIES_LEVEL, "overlap"},
        {j->catchup != NULL, POLICIES_LEVEL, "catchup"},
        {j->jitter_s != NOT_GIVEN, POLICIES_LEVEL, "jitterSeconds"},
        {j->async, JOB_TASKS_LEVEL, "async"},
        {j->kind == JOB_DEPENDENT, PARENTS_LEVEL, "parents"},
    };
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        if (needs[i].asks) {
            *member = needs[i].member;
            return needs[i].level;
        }
    return 0;
}

struct resources job_needs(const struct job *j)
{
    return (struct resources){.cpus_milli = cpus_to_milli(j->cpus),
                              .mem_bytes = mib_to_bytes(j->mem),
                              .disk_bytes = mib_to_bytes(j->disk)};
}
