/* mesolith import - jobs from another program's file. */
#include "import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/explain.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define WORDS_BYTES 4096

/* ---- what a reader of a file does */

int import_begin(struct import *i, struct cli *c, struct error *err)
{
    const char *with = cli_flag_text(c, FLAG_WITH);
    *i = (struct import){.c = c,
                         .file = str_eq(c->args.names[0], "-") ? "stdin" : c->args.names[0],
                         .by_name = map_new(),
                         .others = map_new()};
    if (with == NULL)
        return 0;
    i->with = json_parse(slice_of(with), err);
    if (i->with != NULL && json_is(i->with, JSON_OBJECT) && json_get(i->with, "name") == NULL)
        return 0;
    if (i->with != NULL)
        error_set(err, ERR_INVALID, "need an object of members that all jobs may share");
    import_end(i);
    return error_wrap(err, "--with");
}

void import_room(struct import *i, size_t room)
{
    i->jobs = arena_alloc(&i->arena, room * sizeof *i->jobs);
}

void import_problem(struct import *i, size_t line, size_t column, const char *cure, const char *fmt,
                    ...)
{
    struct error text;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text.text, sizeof text.text, fmt, ap);
    va_end(ap);
    i->problems = mem_realloc(i->problems, (i->problems_n + 1) * sizeof *i->problems);
    i->problems[i->problems_n++] = (struct import_problem){
        line, column, arena_strdup(&i->arena, text.text), arena_strdup(&i->arena, cure)};
}

struct json *import_object(void (*put)(const void *from, struct json_writer *w), const void *from)
{
    struct buf text;
    struct json_writer w;
    struct error unused;
    buf_init(&text, LIMIT_ANSWER_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    put(from, &w);
    json_object_end(&w);
    struct json *object = json_parse_own(buf_slice(&text), &unused);
    buf_close(&text);
    return object;
}

struct shared {
    const struct json *job, *with;
};

static void put_shared(const void *from, struct json_writer *w)
{
    const struct shared *s = from;
    JSON_EACH (member, s->job)
        if (json_get_null(s->with, json_name(member)) == NULL) {
            json_key(w, json_name(member));
            json_put_value(w, member);
        }
    JSON_EACH (member, s->with) {
        json_key(w, json_name(member));
        json_put_value(w, member);
    }
}

struct json *import_body(const struct import *i, const struct json *job)
{
    return import_object(put_shared, &(struct shared){job, i->with});
}

const char *import_when(struct import *i, const struct json *job)
{
    struct schedule s;
    struct error unused;
    struct buf words;
    const char *cron = text_of(job, "cron"), *zone = text_of(job, "scheduleTimeZone");
    const struct json *parents = json_get(job, "parents");
    buf_init(&words, WORDS_BYTES);
    JSON_EACH (parent, parents)
        buf_printf(&words, "%s%s", parent == json_first(parents) ? "after " : ", ",
                   json_str(parent, ""));
    int rc = *cron != '\0' ? schedule_parse_cron(cron, zone, text_of(job, "name"), &s, &unused)
                           : schedule_parse(text_of(job, "schedule"), zone, &s, &unused);
    if (json_count(parents) == 0 && rc == 0) {
        schedule_start_now(&s, i->c->now);
        explain_schedule(&s, zone, i->c->now, &words);
    }
    const char *text = arena_strdup(&i->arena, buf_str(&words));
    buf_close(&words);
    return text;
}

void import_end(struct import *i)
{
    for (size_t k = 0; k < i->n; k++)
        json_free(i->jobs[k].body);
    mem_free(i->problems);
    map_free(i->by_name);
    map_free(i->others);
    json_free(i->with);
    arena_close(&i->arena);
}

/* ---- asking */

static void take_failure(struct import *i, struct import_job *j, const struct json *said)
{
    j->failure = arena_strdup(&i->arena, text_of(said, "message"));
    j->cure = arena_strdup(&i->arena, text_of(said, "try"));
}

static void take_answer(struct import *i, struct import_job *j, const struct json *item)
{
    j->failure = NULL;
    j->warning = arena_strdup(&i->arena, text_of(item, "warning"));
    if (json_get(item, "change") == NULL)
        return;
    struct buf fields;
    buf_init(&fields, WORDS_BYTES);
    JSON_EACH (field, json_get(item, "fields"))
        buf_printf(&fields, "%s%s", fields.len > 0 ? ", " : "", json_str(field, ""));
    j->at_once = json_bool(json_get(item, "at_once"), false);
    j->change = arena_strdup(&i->arena, text_of(item, "change"));
    j->fields = arena_strdup(&i->arena, buf_str(&fields));
    buf_close(&fields);
}

/* One alone: it is too large for a batch, or something came between. */
static int put(struct import *i, struct import_job *j, bool dry, struct error *err)
{
    struct buf path, body;
    struct json_writer w;
    struct json *answer;
    struct api *api = &i->c->api;
    buf_init(&path, PATH_BYTES);
    buf_init(&body, (size_t)2 * LIMIT_BODY_BYTES);
    api_path(&path, "/api/jobs/%s", j->name);
    buf_printf(&path, "?face=%d%s", j->face_2 ? 2 : 3, dry ? "&dry_run=true" : "");
    json_begin(&w, &body);
    json_put_value(&w, j->body);
    int rc = api_call(api, METHOD_PUT, buf_str(&path), &body, &answer, NULL, err);
    buf_close(&path);
    buf_close(&body);
    if (rc == 0) {
        take_answer(i, j, answer);
        json_free(answer);
        return 0;
    }
    if (!api_is_of_body(err))
        return error_wrap(err, "%s", j->name);
    take_failure(i, j, json_get(api->failure, "error"));
    api_forget(api);
    return 0;
}

/* Jobs of one face that are sent together, in their order. */
struct batch {
    struct import_job *jobs[LIMIT_MANY_JOBS];
    size_t n;
    bool dry;
    struct buf body; /* an array, not ended */
};

static int send_batch(struct import *i, struct batch *b, struct json **answer_out,
                      struct error *err)
{
    struct buf path;
    buf_init(&path, PATH_BYTES);
    buf_printf(&path, "/api/jobs?face=%d%s", b->jobs[0]->face_2 ? 2 : 3,
               b->dry ? "&dry_run=true" : "");
    buf_putc(&b->body, ']');
    int rc = api_call(&i->c->api, METHOD_POST, buf_str(&path), &b->body, answer_out, NULL, err);
    buf_close(&path);
    return rc == 0 ? 0 : error_wrap(err, "%s", b->jobs[0]->name);
}

static const char no_word[] = "the node has said nothing of it";

/* What became of one; no word where something came between, and it is to be asked for again. */
static int take_item(struct import *i, const struct batch *b, const struct json *item,
                     struct error *err)
{
    int64_t at = json_int(json_get(item, "at"), -1);
    const struct json *failure = json_get(item, "error");
    const char *code = text_of(failure, "code");
    if (at < 0 || (size_t)at >= b->n)
        return error_set(err, ERR_CORRUPT, "got an answer about no job that was sent");
    struct import_job *j = b->jobs[at];
    if (str_eq(code, error_name(ERR_UNAVAILABLE)) || str_eq(code, error_name(ERR_UNCERTAIN)))
        return 0;
    if (failure != NULL)
        take_failure(i, j, failure);
    else
        take_answer(i, j, item);
    return 0;
}

static int settle(struct import *i, struct import_job *j, bool dry, struct error *err);

/* What was said of it holds no more: a parent of it was not there yet, or was another one. */
static bool parent_came_again(const struct import *i, const struct import_job *j)
{
    JSON_EACH (parent, json_get(j->body, "parents")) {
        const struct import_job *p = map_get_str(i->by_name, json_str(parent, ""));
        if (p != NULL && p->again)
            return true;
    }
    return false;
}

/* Sends what is in it, and begins anew. */
static int flush(struct import *i, struct batch *b, struct error *err)
{
    struct json *answer;
    int rc = 0;
    if (b->n == 0)
        return 0;
    if (send_batch(i, b, &answer, err) != 0)
        return -1;
    for (size_t k = 0; k < b->n; k++)
        b->jobs[k]->failure = no_word;
    JSON_EACH (item, json_get(answer, "items"))
        if (rc == 0)
            rc = take_item(i, b, item, err);
    json_free(answer);
    for (size_t k = 0; k < b->n; k++) {
        struct import_job *j = b->jobs[k];
        j->again = j->failure == no_word || (j->failure != NULL && parent_came_again(i, j));
        if (rc == 0 && j->again)
            rc = put(i, j, b->dry, err);
        if (rc == 0)
            rc = settle(i, j, b->dry, err);
        else if (j->failure == NULL) /* it is there, although the rest cannot be asked for */
            j->made = !b->dry;
    }
    b->n = 0;
    buf_clear(&b->body);
    return rc;
}

static int add_to_batch(struct import *i, struct batch *b, struct import_job *j, struct error *err)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_MANY_JOBS_BYTES - 2);
    json_begin(&w, &text);
    json_put_value(&w, j->body);
    int rc = 0;
    if (b->n > 0 && (b->n == LIMIT_MANY_JOBS || b->jobs[0]->face_2 != j->face_2 ||
                     b->body.len + text.len + 2 > LIMIT_MANY_JOBS_BYTES))
        rc = flush(i, b, err);
    if (rc == 0 && buf_full(&text)) {
        rc = put(i, j, b->dry, err) != 0 ? -1 : settle(i, j, b->dry, err);
    } else if (rc == 0) {
        buf_putc(&b->body, b->n == 0 ? '[' : ',');
        buf_put_slice(&b->body, buf_slice(&text));
        b->jobs[b->n++] = j;
    }
    buf_close(&text);
    return rc;
}

static int put_all(struct import *i, bool (*wants)(const struct import_job *j), bool dry,
                   struct error *err)
{
    struct batch b = {.dry = dry};
    int rc = 0;
    buf_init(&b.body, LIMIT_MANY_JOBS_BYTES);
    for (size_t k = 0; k < i->n && rc == 0; k++)
        if (wants(&i->jobs[k]))
            rc = add_to_batch(i, &b, &i->jobs[k], err);
    if (rc == 0)
        rc = flush(i, &b, err);
    buf_close(&b.body);
    return rc;
}

/* ---- telling */

static int by_place(const void *a, const void *b)
{
    const struct import_problem *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column == y->column ? 0 : x->column < y->column ? -1 : 1;
}

static void say_problems(struct import *i)
{
    if (i->problems_n > 0)
        qsort(i->problems, i->problems_n, sizeof *i->problems, by_place);
    for (size_t k = 0; k < i->problems_n; k++) {
        const struct import_problem *p = &i->problems[k];
        struct buf text;
        buf_init(&text, WORDS_BYTES);
        text_clean(&text, p->text);
        buf_puts(&text, *p->cure != '\0' ? "; try: " : "");
        text_clean(&text, p->cure);
        fprintf(stderr, "%s:%zu:%zu: %s\n", i->file, p->line, p->column, buf_str(&text));
        buf_close(&text);
    }
}

static bool is_wanted(const struct import_job *j)
{
    return !j->wrong && !str_eq(j->change, "none");
}

static void say_job(struct import *i, const struct import_job *j)
{
    struct cli *c = i->c;
    const char *what = !is_wanted(j)                  ? "is there already"
                       : cli_on(c, FLAG_DRY_RUN)      ? "would be made"
                       : str_eq(j->change, "replace") ? "is changed"
                                                      : "is made";
    const char *user = text_of(j->body, "runAsUser");
    if (cli_for_people(c))
        cli_say(c, 0, "%s %s: %.*s%s%s%s.", j->name, what, (int)strcspn(j->when, ";"), j->when,
                *user != '\0' ? ", as " : "", user,
                is_wanted(j) && j->at_once ? "; it runs at once" : "");
    else if (cli_on(c, FLAG_QUIET) && is_wanted(j))
        cli_say(c, 0, "%s", j->name);
    if (cli_for_people(c) && *j->warning != '\0')
        cli_say(c, 0, "warning: %s", j->warning);
}

static void put_names(struct import *i, struct json_writer *w, const char *key, const char *change)
{
    json_key(w, key);
    json_array(w);
    for (size_t k = 0; k < i->n; k++)
        if (!i->jobs[k].wrong && str_eq(i->jobs[k].change, change))
            json_put_str(w, i->jobs[k].name);
    json_array_end(w);
}

static void put_json(struct import *i)
{
    struct json_writer w;
    json_begin(&w, &i->c->out);
    json_object(&w);
    put_names(i, &w, "made", "new");
    put_names(i, &w, "changed", "replace");
    put_names(i, &w, "same", "none");
    json_key(&w, "wrong");
    json_array(&w);
    for (size_t k = 0; k < i->problems_n; k++) {
        const struct import_problem *p = &i->problems[k];
        json_object(&w);
        json_member_int(&w, "line", (int64_t)p->line);
        json_member_int(&w, "column", (int64_t)p->column);
        json_member_str(&w, "message", p->text);
        if (*p->cure != '\0')
            json_member_str(&w, "try", p->cure);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    buf_putc(&i->c->out, '\n');
}

static void say_sum(struct import *i)
{
    struct cli *c = i->c;
    size_t made = 0, same = 0;
    for (size_t k = 0; k < i->n; k++) {
        made += is_wanted(&i->jobs[k]) ? 1 : 0;
        same += !i->jobs[k].wrong && !is_wanted(&i->jobs[k]) ? 1 : 0;
    }
    if (cli_on(c, FLAG_JSON))
        put_json(i);
    if (cli_for_people(c) && made + same + i->problems_n == 0)
        cli_say(c, 0, "There is no job in it.");
    else if (cli_for_people(c))
        cli_say(c, 0, "%zu %s, %zu %s there already, %zu %s not.", made,
                cli_on(c, FLAG_DRY_RUN) ? "would be made"
                : made == 1             ? "is made"
                                        : "are made",
                same, same == 1 ? "is" : "are", i->problems_n, i->problems_n == 1 ? "is" : "are");
    c->failed = i->problems_n > 0;
}

/* ---- doing */

#define IS_THERE ((void *)1)
#define IS_NOWHERE ((void *)2)

/* Whether the cluster has a job of which the file says nothing. */
static int look(struct import *i, const char *name, void **found, struct error *err)
{
    struct json *detail;
    *found = map_get_str(i->others, name);
    if (*found != NULL)
        return 0;
    if (cli_current(i->c, "/api/jobs/%s", name, &detail, err) != 0)
        return -1;
    *found = detail != NULL ? IS_THERE : IS_NOWHERE;
    map_put_str(i->others, name, *found);
    json_free(detail);
    return 0;
}

/* One that waits for a job that is not made would wait for nobody. */
static int check_parents(struct import *i, struct import_job *j, struct error *err)
{
    JSON_EACH (parent, json_get(j->body, "parents")) {
        const char *name = json_str(parent, "");
        const struct import_job *p = map_get_str(i->by_name, name);
        void *found = IS_THERE;
        if (j->wrong)
            return 0;
        if (!json_is(parent, JSON_STRING)) {
            j->wrong = true;
            import_problem(i, j->line, j->column, "", "%s: parents: got %s, need a text", j->name,
                           json_kind_word(parent));
            return 0;
        }
        if (p == NULL && look(i, name, &found, err) != 0)
            return -1;
        j->wrong = found == IS_NOWHERE || (p != NULL && p->wrong && !p->there);
        if (j->wrong)
            import_problem(i, j->line, j->column, "", "%s: parents: %s %s", j->name, name,
                           p != NULL ? "is not made" : "does not exist");
    }
    return 0;
}

/* Its answer is there, and those of all that it waits for. */
static int settle(struct import *i, struct import_job *j, bool dry, struct error *err)
{
    if (check_parents(i, j, err) != 0)
        return -1;
    if (j->wrong)
        return 0;
    if (j->failure != NULL) {
        import_problem(i, j->line, j->column, j->cure, "%s: %s", j->name, j->failure);
        j->wrong = true;
    } else if (!dry) {
        j->made = true;
    } else if (str_eq(j->change, "replace") && !cli_on(i->c, FLAG_REPLACE)) {
        import_problem(i, j->line, j->column, "--replace makes it as the file says",
                       "%s: is there already, and says otherwise of %s", j->name, j->fields);
        j->wrong = j->there = true;
    }
    return 0;
}

static bool is_right(const struct import_job *j)
{
    return !j->wrong;
}

int import_run(struct import *i, struct error *err)
{
    struct cli *c = i->c;
    for (size_t k = 0; k < i->n; k++)
        map_put_str(i->by_name, i->jobs[k].name, &i->jobs[k]);
    if (put_all(i, is_right, true, err) != 0)
        return -1;
    if (cli_on(c, FLAG_STRICT) && i->problems_n > 0) {
        say_problems(i);
        return error_set(err, ERR_INVALID, "%s: nothing is made, for %zu of it cannot be", i->file,
                         i->problems_n);
    }
    int rc = cli_on(c, FLAG_DRY_RUN) ? 0 : put_all(i, is_wanted, false, err);
    for (size_t k = 0; k < i->n; k++)
        if (rc == 0 ? !i->jobs[k].wrong : i->jobs[k].made)
            say_job(i, &i->jobs[k]);
    say_problems(i);
    if (rc == 0)
        say_sum(i);
    return rc;
}

/* ---- the verbs */

#define ONE_FILE .operands = "FILE", .names_min = 1, .names_max = 1, .names = NAME_FILE
#define FLAGS_IMPORT (FLAGS_ASK | F(QUIET) | F(DRY_RUN) | F(STRICT) | F(REPLACE) | F(WITH))

static const struct cli_verb verbs[] = {
    {
        .name = "crontab",
        ONE_FILE,
        .flags = FLAGS_IMPORT | F(SYSTEM) | F(USER) | F(ZONE),
        .run = import_crontab,
        .about =
            "Makes a job of each line of a crontab, \"-\" being stdin. What cannot be made is "
            "listed with its place and the reason, and the exit status is 1 then; what is "
            "there already stays. A job runs in its user's home, is not tried again, may "
            "overlap with itself, and whom MAILTO names is told when it fails. \"# job: NAME\" "
            "before a line calls its job so",
        .examples = {"mesolith import crontab /etc/crontab --system --dry-run",
                     "crontab -l | mesolith import crontab - --zone Europe/Berlin"},
    },
    {
        .name = "chronos",
        ONE_FILE,
        .flags = FLAGS_IMPORT,
        .run = import_chronos,
        .about = "Makes the jobs that Chronos lists at GET /scheduler/jobs, parents first, and "
                 "without their counters. What cannot be made is listed with its place and the "
                 "reason, and the exit status is 1 then; what is there already stays",
        .examples = {"mesolith import chronos jobs.json --dry-run",
                     "curl -s http://chronos:4400/v1/scheduler/jobs | mesolith import chronos -"},
    },
};

const struct cli_noun import_noun = {
    .name = "import",
    .about = "jobs from a crontab, or from Chronos",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
