/* mesolith export - what there is, as a file.
 *
 * What a crontab, or Chronos, cannot say of a job is said on stderr. */
#include "cli_noun.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "import.h"
#include "model/crontab.h"
#include "model/job.h"

/* ---- as a file for apply */

/* What the cluster counts is not for a file; nor is the schedule that is only shown of a cron
 * expression: it goes on, and beside another expression it would be refused. */
static bool is_shown_only(const struct json *definition, const char *member)
{
    return job_is_counter(member) ||
           (str_eq(member, "schedule") && *text_of(definition, "cron") != '\0');
}

/* What Chronos's API took, and apply does not: fewer retries than none are none. */
static void put_definition(struct json_writer *w, const struct json *definition)
{
    json_object(w);
    JSON_EACH (member, definition) {
        if (is_shown_only(definition, json_name(member)))
            continue;
        json_key(w, json_name(member));
        if (str_eq(json_name(member), "retries") && json_int(member, 0) < 0)
            json_put_int(w, 0);
        else
            json_put_value(w, member);
    }
    json_object_end(w);
}

static int put_all(struct cli *c, struct json_writer *w, const char *list_path, const char *key,
                   const char *one_path, const char *definition, struct error *err)
{
    struct json *list;
    if (api_list(&c->api, list_path, &list, err) != 0)
        return -1;
    int rc = 0;
    JSON_EACH (item, json_get(list, "items")) {
        struct json *one;
        if (rc != 0 || (rc = cli_current(c, one_path, text_of(item, key), &one, err)) != 0)
            break;
        if (one != NULL) /* else it went meanwhile */
            put_definition(w, json_get(one, definition));
        json_free(one);
    }
    json_free(list);
    return rc;
}

/* What a calendar is set from; the list has it whole, and more. */
static int put_calendars(struct cli *c, struct json_writer *w, struct error *err)
{
    static const char *const members[] = {"name", "description", "days"};
    struct json *list;
    if (api_list(&c->api, "/api/calendars?sort=name", &list, err) != 0)
        return -1;
    JSON_EACH (calendar, json_get(list, "items")) {
        json_object(w);
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
            const struct json *member = json_get(calendar, members[i]);
            if (member == NULL)
                continue;
            json_key(w, members[i]);
            json_put_value(w, member);
        }
        json_object_end(w);
    }
    json_free(list);
    return 0;
}

static int export_all(struct cli *c, struct error *err)
{
    struct json_writer w;
    json_begin(&w, &c->out);
    json_object(&w);
    json_key(&w, "calendars");
    json_array(&w);
    int rc = put_calendars(c, &w, err);
    json_array_end(&w);
    json_key(&w, "apps");
    json_array(&w);
    if (rc == 0)
        rc = put_all(c, &w, "/api/apps?sort=id", "id", "/api/apps/%a", "app", err);
    json_array_end(&w);
    json_key(&w, "jobs");
    json_array(&w);
    if (rc == 0)
        rc = put_all(c, &w, "/api/jobs?sort=name", "name", "/api/jobs/%s", "job", err);
    json_array_end(&w);
    json_object_end(&w);
    buf_putc(&c->out, '\n');
    if (rc != 0)
        buf_clear(&c->out);
    return rc;
}

/* ---- all jobs, in the order in which they were made */

struct jobs {
    struct json **items; /* definitions; owned */
    size_t n;
};

static void close_jobs(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->n; i++)
        json_free(jobs->items[i]);
    mem_free(jobs->items);
}

static int read_jobs(struct cli *c, struct jobs *out, struct error *err)
{
    struct json *list;
    if (api_list(&c->api, "/api/jobs?sort=created", &list, err) != 0)
        return -1;
    size_t room = json_count(json_get(list, "items"));
    int rc = 0;
    *out = (struct jobs){.items = mem_zalloc((room + 1) * sizeof(struct json *))};
    JSON_EACH (item, json_get(list, "items")) {
        struct json *one;
        if ((rc = cli_current(c, "/api/jobs/%s", text_of(item, "name"), &one, err)) != 0)
            break;
        if (one != NULL) /* else it went meanwhile */
            out->items[out->n++] = one;
    }
    json_free(list);
    if (rc != 0)
        close_jobs(out);
    return rc;
}

static const struct json *definition(const struct jobs *jobs, size_t i)
{
    return json_get(jobs->items[i], "job");
}

__attribute__((format(printf, 2, 3))) static void say_of(const struct json *job, const char *fmt,
                                                         ...)
{
    struct buf text, clean;
    va_list ap;
    buf_init(&text, 4096);
    buf_init(&clean, 4096);
    buf_printf(&text, "%s: ", text_of(job, "name"));
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    text_clean(&clean, buf_str(&text));
    fprintf(stderr, "%s\n", buf_str(&clean));
    buf_close(&text);
    buf_close(&clean);
}

/* ---- as Chronos lists them */

static void say_extensions(const struct json *job)
{
    struct buf names;
    buf_init(&names, 1024);
    JSON_EACH (member, job)
        if (job_is_extension(json_name(member)))
            buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", json_name(member));
    if (names.len > 0)
        say_of(job, "Chronos knows no %s: to it this is another job", buf_str(&names));
    buf_close(&names);
}

/* Numbers as Chronos has them: 256.0 (spec/chronos.md 2.7). */
static void put_job(struct json_writer *w, const struct json *job)
{
    char text[DOUBLE_TEXT_SIZE];
    json_object(w);
    JSON_EACH (member, job) {
        json_key(w, json_name(member));
        if (json_has_fraction(member))
            json_put_raw(w, slice_of(double_text(json_double(member, 0), text)));
        else
            json_put_value(w, member);
    }
    json_object_end(w);
}

static int export_chronos(struct cli *c, struct error *err)
{
    struct jobs jobs;
    struct json_writer w;
    if (read_jobs(c, &jobs, err) != 0)
        return -1;
    json_begin(&w, &c->out);
    json_array(&w);
    for (size_t i = 0; i < jobs.n; i++) {
        put_job(&w, definition(&jobs, i));
        say_extensions(definition(&jobs, i));
    }
    json_array_end(&w);
    buf_putc(&c->out, '\n');
    close_jobs(&jobs);
    return 0;
}

/* ---- as a crontab */

/* Variables hold for all lines below: those with fewer come first, else in the old order. */
struct ranked {
    const struct json *job;
    size_t variables, place;
};

static int by_variables(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->variables != y->variables)
        return x->variables < y->variables ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

static struct ranked *rank(const struct jobs *jobs)
{
    struct ranked *ranked = mem_zalloc((jobs->n + 1) * sizeof *ranked);
    for (size_t i = 0; i < jobs->n; i++) {
        const struct json *job = definition(jobs, i);
        ranked[i] = (struct ranked){job, json_count(json_get(job, "environmentVariables")), i};
    }
    if (jobs->n > 0)
        qsort(ranked, jobs->n, sizeof *ranked, by_variables);
    return ranked;
}

static void put_lines(struct cli *c, const struct jobs *jobs, const struct crontab_rules *rules)
{
    struct crontab_writer w;
    struct error err;
    struct ranked *ranked = rank(jobs);
    crontab_begin(&w, rules, &c->out);
    for (size_t i = 0; i < jobs->n; i++)
        if (crontab_put(&w, ranked[i].job, &err) != 0) {
            say_of(ranked[i].job, "is left out: %s", err.text);
            c->failed = true;
        }
    crontab_end(&w);
    mem_free(ranked);
}

/* Reads a line back as a job, and has the cluster say what is otherwise of it. */
static int say_lost(struct cli *c, const struct crontab_entry *e, struct error *err)
{
    struct buf path, body, fields;
    struct json_writer w;
    struct json *answer, *job;
    buf_init(&path, PATH_BYTES);
    buf_init(&body, LIMIT_BODY_BYTES);
    buf_init(&fields, 1024);
    api_path(&path, "/api/jobs/%s?dry_run=true", e->name);
    json_begin(&w, &body);
    json_object(&w);
    crontab_write_job(e, &w);
    json_object_end(&w);
    int rc = api_call(&c->api, METHOD_PUT, buf_str(&path), &body, &answer, NULL, err);
    if (rc == 0) {
        JSON_EACH (field, json_get(answer, "fields"))
            buf_printf(&fields, "%s%s", fields.len > 0 ? ", " : "", json_str(field, ""));
        job = json_parse_own(buf_slice(&body), err);
        if (fields.len > 0)
            say_of(job, "a crontab does not say what it is in %s", buf_str(&fields));
        json_free(job);
        json_free(answer);
    }
    buf_close(&path);
    buf_close(&body);
    buf_close(&fields);
    return rc;
}

static int export_crontab(struct cli *c, struct error *err)
{
    struct jobs jobs;
    struct crontab_rules rules;
    struct crontab again;
    struct arena arena = {0};
    int rc = import_rules(c, "", &arena, &rules, err);
    if (rc == 0 && (rc = read_jobs(c, &jobs, err)) == 0) {
        put_lines(c, &jobs, &rules);
        crontab_read(buf_slice(&c->out), &rules, &again);
        for (size_t i = 0; i < again.n && rc == 0; i++)
            rc = say_lost(c, &again.entries[i], err);
        crontab_close(&again);
        close_jobs(&jobs);
    }
    if (rc != 0)
        buf_clear(&c->out);
    arena_close(&arena);
    return rc;
}

static const struct cli_verb verbs[] = {
    {
        .name = "all",
        .operands = "",
        .flags = F(ADDRESS) | F(HELP),
        .run = export_all,
        .about = "Prints all calendars, apps and jobs as a file for apply",
        .examples = {"mesolith export all > cluster.json", "mesolith export all | mesolith diff -"},
    },
    {
        .name = "crontab",
        .operands = "",
        .flags = F(ADDRESS) | F(HELP) | F(SYSTEM) | F(USER) | F(ZONE),
        .run = export_crontab,
        .about = "Prints the jobs as the crontab that import would make them of. What a crontab "
                 "cannot say is listed on stderr, and the exit status is 1 if a job is left out",
        .examples = {"mesolith export crontab --user ann",
                     "mesolith export crontab --system > all"},
    },
    {
        .name = "chronos",
        .operands = "",
        .flags = F(ADDRESS) | F(HELP),
        .run = export_chronos,
        .about = "Prints the jobs as Chronos lists them. What Chronos does not know is said on "
                 "stderr",
        .examples = {"mesolith export chronos > jobs.json",
                     "mesolith export chronos | mesolith import chronos - --dry-run"},
    },
};

const struct cli_noun export_noun = {
    .name = "export",
    .about = "calendars, apps and jobs as a file, also as a crontab or as Chronos lists them",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
