/* mesolith job - what should run when it is due. */
#include "cli_noun.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli_wait.h"
#include "job_graph.h"

#define BODY_BYTES (1 << 20)
#define RUNS_SHOWN 10

/* ---- list */

/* "ok 3 m ago" */
static void put_last(struct cli *c, struct table *t, const struct json *last)
{
    char when[TEXT_SIZE];
    const char *state = text_of(last, "state");
    int64_t at = cli_ms(json_get(last, "started"));
    if (at == 0)
        at = cli_ms(json_get(last, "due"));
    if (last == NULL)
        table_put(t, INK_NONE, NULL);
    else
        table_printf(t, ink_of_state("run", state), "%s %s", state,
                     at != 0 ? text_relative(when, at, c->now.ms) : "");
}

static void put_schedule(struct table *t, const struct json *job)
{
    const struct json *parents = json_get(job, "parents");
    struct buf text;
    buf_init(&text, 4096);
    const char *cron = text_of(job, "cron");
    buf_puts(&text, *cron != '\0' ? cron : text_of(job, "schedule"));
    JSON_EACH (parent, parents)
        buf_printf(&text, "%s%s", parent == json_first(parents) ? "after " : ", ",
                   json_str(parent, ""));
    table_put(t, INK_DIM, buf_str(&text));
    buf_close(&text);
}

/* Without what happens when the clock is changed. */
static void put_words(struct table *t, const char *explained)
{
    table_printf(t, INK_NONE, "%.*s", (int)strcspn(explained, ";"), explained);
}

static void show_list(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"JOB", COLUMN_FREE},       {"STATE", COLUMN_TEXT},      {"NEXT", COLUMN_NUMBER},
        {"LAST RUN", COLUMN_TEXT},  {"OK", COLUMN_SPARE_NUMBER}, {"FAILED", COLUMN_SPARE_NUMBER},
        {"SCHEDULE", COLUMN_SPARE}, {"IN WORDS", COLUMN_SPARE},
    };
    const struct json *failing = NULL;
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (job, json_get(list, "items")) {
        if (failing == NULL && str_eq(text_of(job, "state"), "failing"))
            failing = job;
        table_put(&t, INK_NONE, text_of(job, "name"));
        cli_put_state(&t, "job", json_get(job, "state"));
        cli_put_when(c, &t, json_get(job, "next"));
        put_last(c, &t, json_get(job, "last"));
        table_printf(&t, INK_NONE, "%lld", (long long)number_of(job, "successes"));
        table_printf(&t, INK_NONE, "%lld", (long long)number_of(job, "errors"));
        put_schedule(&t, job);
        put_words(&t, text_of(job, "explained"));
    }
    cli_table(c, &t);
    if (failing != NULL)
        cli_next(c, "%s is failing: mesolith logs %s", text_of(failing, "name"),
                 text_of(failing, "name"));
    else if (json_count(json_get(list, "items")) == 0)
        cli_next_empty(c, "job", "No jobs. mesolith job create FILE makes one.");
}

static int list_jobs(struct cli *c, struct error *err)
{
    return cli_show_list(c, "/api/jobs?sort=name", "name", show_list, err);
}

/* ---- runs */

/* There and null: nobody knows. */
static void put_ms(struct table *t, const struct json *run, const char *name)
{
    char text[TEXT_SIZE];
    const struct json *ms = json_get(run, name);
    if (ms != NULL)
        table_put(t, INK_NONE, text_duration(text, json_int(ms, 0)));
    else if (json_get_null(run, name) != NULL)
        table_put(t, INK_DIM, "unknown");
    else
        table_put(t, INK_NONE, NULL);
}

/* At its highest. */
static void put_memory(struct table *t, const struct json *run)
{
    int64_t bytes = number_of(run, "mem_peak_bytes");
    if (bytes > 0)
        table_printf(t, INK_NONE, "%lld MiB", (long long)((bytes + (1 << 20) - 1) >> 20));
    else
        table_put(t, INK_NONE, NULL);
}

/* "missed x5": it stands for so many times. */
static void put_run_state(struct table *t, const struct json *run)
{
    const char *state = text_of(run, "state");
    int64_t covers = number_of(run, "covers");
    if (covers > 1)
        table_printf(t, ink_of_state("run", state), "%s x%lld", state, (long long)covers);
    else
        cli_put_state(t, "run", json_get(run, "state"));
}

static void show_runs(struct cli *c, const struct json *runs, size_t most)
{
    static const struct column columns[] = {
        {"RUN", COLUMN_NUMBER},  {"STATE", COLUMN_TEXT},  {"DUE", COLUMN_NUMBER},
        {"LATE", COLUMN_NUMBER}, {"TOOK", COLUMN_NUMBER}, {"MEMORY", COLUMN_SPARE_NUMBER},
        {"NODE", COLUMN_SPARE},  {"CAUSE", COLUMN_SPARE}, {"TRIES", COLUMN_SPARE_NUMBER},
        {"", COLUMN_FREE},
    };
    struct table t;
    size_t n = 0;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (run, runs) {
        if (n++ == most)
            break;
        int64_t attempt = number_of(run, "attempt"), id;
        if (json_i64(json_get(run, "id"), &id))
            table_printf(&t, INK_NONE, "%lld", (long long)id);
        else
            table_put(&t, INK_NONE, text_of(run, "id"));
        put_run_state(&t, run);
        cli_put_when(c, &t, json_get(run, "due"));
        put_ms(&t, run, "late_ms");
        put_ms(&t, run, "took_ms");
        put_memory(&t, run);
        table_put(&t, INK_NONE, text_of(run, "host"));
        table_put(&t, INK_NONE, text_of(run, "cause"));
        if (attempt > 0)
            table_printf(&t, INK_NONE, "%lld", (long long)attempt + 1);
        else
            table_put(&t, INK_NONE, NULL);
        table_put(&t, INK_DIM, text_reason(text_of(run, "message")));
    }
    cli_table(c, &t);
}

/* The newest that was tried more than once; 0: none. */
static int64_t run_retried(const struct json *runs)
{
    JSON_EACH (run, runs)
        if (number_of(run, "attempt") > 0)
            return number_of(run, "id");
    return 0;
}

static int list_runs(struct cli *c, struct error *err)
{
    struct json *list;
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/runs?job=%s", c->args.names[0]);
    int rc = cli_list(c, buf_str(&path), "id", &list, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (cli_for_people(c)) {
        show_runs(c, json_get(list, "items"), SIZE_MAX);
        int64_t retried = run_retried(json_get(list, "items"));
        if (retried != 0)
            cli_next(c, "mesolith logs %s --run %lld --attempt 1", c->args.names[0],
                     (long long)retried);
        else
            cli_next(c,
                     json_count(json_get(list, "items")) > 0 ? "mesolith logs %s"
                                                             : "No runs yet: mesolith job run %s",
                     c->args.names[0]);
    }
    json_free(list);
    return 0;
}

/* ---- show */

/* "running: 3 ok, 1 not, 2 open, 0 ran before, at 2026-… of 2026-…" */
static void put_backfill(struct table *t, const struct json *b)
{
    if (b == NULL)
        return;
    table_put(t, INK_DIM, "backfill");
    table_printf(t, INK_NONE, "%s: %lld ok, %lld not, %lld open, %lld ran before, at %s of %s",
                 text_of(b, "state"), (long long)number_of(b, "good"),
                 (long long)number_of(b, "bad"), (long long)number_of(b, "open"),
                 (long long)number_of(b, "passed"), text_of(b, "reached"), text_of(b, "to"));
}

/* "3 m ago by ann: the disk is full" */
static void put_pause(struct cli *c, struct table *t, const struct json *paused)
{
    char when[TEXT_SIZE];
    const char *by = text_of(paused, "by"), *reason = text_of(paused, "reason");
    if (paused == NULL)
        return;
    table_put(t, INK_DIM, "paused");
    table_printf(t, INK_NONE, "%s%s%s%s%s",
                 text_relative(when, cli_ms(json_get(paused, "at")), c->now.ms),
                 *by != '\0' ? " by " : "", by, *reason != '\0' ? ": " : "", reason);
}

/* "3 m ago by ann" */
static void put_gone(struct cli *c, struct table *t, const struct json *gone)
{
    char when[TEXT_SIZE];
    const char *by = text_of(gone, "by");
    if (gone == NULL)
        return;
    table_put(t, INK_DIM, "deleted");
    table_printf(t, INK_NONE, "%s%s%s",
                 text_relative(when, cli_ms(json_get(gone, "at")), c->now.ms),
                 *by != '\0' ? " by " : "", by);
}

/* Bare, or as a shell would want it. */
static void put_word(struct buf *out, const char *word)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-./:=,+@%";
    if (*word != '\0' && word[strspn(word, bare)] == '\0') {
        buf_puts(out, word);
        return;
    }
    buf_putc(out, '\'');
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            buf_puts(out, "'\\'");
        buf_putc(out, *word);
    }
    buf_putc(out, '\'');
}

/* With its arguments: of a line of a crontab they are all that one knows it by. A shell reads what
 * is put together of them (spec/chronos.md 5.3), a program gets each as it is. */
static void put_command(struct table *t, const struct json *job)
{
    struct buf text;
    bool shell = json_bool(json_get(job, "shell"), true);
    buf_init(&text, LIMIT_BODY_BYTES);
    buf_puts(&text, text_of(job, "command"));
    JSON_EACH (argument, json_get(job, "arguments")) {
        buf_putc(&text, ' ');
        if (shell)
            buf_puts(&text, json_str(argument, ""));
        else
            put_word(&text, json_str(argument, ""));
    }
    cli_put_field(t, "command", buf_str(&text));
    buf_close(&text);
}

static void show_fields(struct cli *c, const struct json *detail)
{
    static const struct column columns[] = {{"", COLUMN_TEXT}, {"", COLUMN_FREE}};
    const struct json *job = json_get(detail, "job"), *summary = json_get(detail, "summary");
    struct table t;
    table_init(&t, columns, 2);
    table_put(&t, INK_DIM, "state");
    cli_put_state(&t, "job", json_get(summary, "state"));
    put_command(&t, job);
    put_pause(c, &t, json_get(summary, "paused"));
    put_gone(c, &t, json_get(summary, "gone"));
    cli_put_field(&t, "when", text_of(detail, "explained"));
    table_put(&t, INK_DIM, "schedule");
    put_schedule(&t, summary);
    cli_put_field(&t, "zone", text_of(summary, "zone"));
    table_put(&t, INK_DIM, "so far");
    table_printf(&t, INK_NONE, "%lld ok, %lld failed", (long long)number_of(summary, "successes"),
                 (long long)number_of(summary, "errors"));
    put_backfill(&t, json_first(json_get(detail, "backfills")));
    size_t n = 0;
    JSON_EACH (next, json_get(detail, "local")) {
        char when[TEXT_SIZE];
        if (n == 3)
            break;
        table_put(&t, INK_DIM, n++ == 0 ? "next" : "");
        table_printf(&t, INK_NONE, "%s, %s", text_relative(when, cli_ms(next), c->now.ms),
                     json_str(next, ""));
    }
    cli_table(c, &t);
}

static void show_job(struct cli *c, const struct json *detail)
{
    const char *name = text_of(json_get(detail, "summary"), "name");
    const struct json *runs = json_get(detail, "runs"), *why = json_get(detail, "why");
    cli_say(c, 0, "%s", name);
    show_fields(c, detail);
    buf_puts(&c->out, json_count(why) > 0 ? "\n" : "");
    say_why(c, why, 0);
    buf_puts(&c->out, json_count(runs) > 0 ? "\n" : "");
    show_runs(c, runs, RUNS_SHOWN);
    if (json_count(runs) > 0 || json_get(json_get(detail, "summary"), "gone") == NULL)
        cli_next(c, json_count(runs) > 0 ? "mesolith logs %s" : "mesolith job run %s", name);
}

static int show(struct cli *c, struct error *err)
{
    struct json *detail;
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/jobs/%s", c->args.names[0]);
    int rc = cli_ask(c, METHOD_GET, buf_str(&path), NULL, &detail, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (cli_for_people(c))
        show_job(c, detail);
    json_free(detail);
    return 0;
}

/* ---- stats */

static void put_times(struct table *t, const char *name, const struct json *times)
{
    static const char *const shown[] = {"p50", "p75", "p95", "p98", "p99", "max"};
    char text[TEXT_SIZE];
    table_put(t, INK_DIM, name);
    table_printf(t, INK_NONE, "%lld", (long long)number_of(times, "count"));
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        table_put(t, INK_NONE,
                  number_of(times, "count") > 0 ? text_duration(text, number_of(times, shown[i]))
                                                : NULL);
}

static void say_stats(struct cli *c, const struct json *stats)
{
    static const struct column columns[] = {
        {"", COLUMN_TEXT},      {"RUNS", COLUMN_NUMBER}, {"P50", COLUMN_NUMBER},
        {"P75", COLUMN_NUMBER}, {"P95", COLUMN_NUMBER},  {"P98", COLUMN_NUMBER},
        {"P99", COLUMN_NUMBER}, {"MAX", COLUMN_NUMBER},
    };
    const struct json *ends = json_get(stats, "ends"), *rate = json_get(stats, "success_rate");
    char days[TEXT_SIZE];
    struct table t;
    cli_say(c, 0, "In %s: %lld ok, %lld failed, %lld killed, %lld lost, %lld missed",
            text_count(days, number_of(stats, "days"), "day"), (long long)number_of(ends, "ok"),
            (long long)number_of(ends, "failed"), (long long)number_of(ends, "killed"),
            (long long)number_of(ends, "lost"), (long long)number_of(ends, "missed"));
    if (rate != NULL && number_of(ends, "missed") > 0)
        cli_say(c, 0, "%.1f %% of those that ran went well; %lld did not run at all",
                json_double(rate, 0) * 100, (long long)number_of(ends, "missed"));
    else if (rate != NULL)
        cli_say(c, 0, "%.1f %% went well", json_double(rate, 0) * 100);
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    put_times(&t, "took", json_get(stats, "took_ms"));
    put_times(&t, "began late by", json_get(stats, "late_ms"));
    cli_table(c, &t);
}

static int show_stats(struct cli *c, struct error *err)
{
    struct json *stats;
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/jobs/%s/stats", c->args.names[0]);
    int rc = cli_ask(c, METHOD_GET, buf_str(&path), NULL, &stats, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (cli_for_people(c))
        say_stats(c, stats);
    json_free(stats);
    return 0;
}

/* ---- changes */

static int put_job(struct cli *c, const char *name, const struct buf *body, struct error *err)
{
    struct json *answer;
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/jobs/%s", name);
    int rc = cli_ask(c, METHOD_PUT, buf_str(&path), body, &answer, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (cli_for_people(c) && *text_of(answer, "warning") != '\0')
        cli_say(c, 0, "warning: %s", text_of(answer, "warning"));
    json_free(answer);
    return 0;
}

static int get_job(struct cli *c, const char *name, struct json **detail_out, struct error *err)
{
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/jobs/%s", name);
    int rc = api_get(&c->api, buf_str(&path), detail_out, err);
    buf_close(&path);
    return rc;
}

/* What goes on just now, or has gone on since it was made; "": nothing. */
static const char *say_newest(const struct json *detail, bool made)
{
    const char *state = text_of(json_first(json_get(detail, "runs")), "state");
    if (str_eq(state, "running"))
        return "a run has begun";
    if (str_eq(state, "queued"))
        return "a run is due now";
    return made && (str_eq(state, "ok") || str_eq(state, "failed")) ? "it has run" : "";
}

static void say_next_of(struct cli *c, const char *name, const char *what,
                        const struct json *detail)
{
    char when[TEXT_SIZE];
    const char *newest = say_newest(detail, str_eq(what, "made"));
    int64_t next = cli_ms(json_get(json_get(detail, "summary"), "next"));
    if (next != 0)
        cli_say(c, 0, "%s is %s: %s%snext run %s.", name, what, newest, *newest != '\0' ? ", " : "",
                text_relative(when, next, c->now.ms));
    else if (str_eq(what, "disabled"))
        cli_say(c, 0, "%s is %s.", name, what);
    else if (*newest != '\0')
        cli_say(c, 0, "%s is %s: %s, and no other is due after it.", name, what, newest);
    else if (json_count(json_get(json_get(detail, "summary"), "parents")) > 0)
        cli_say(c, 0, "%s is %s: it runs after others.", name, what);
    else
        cli_say(c, 0, "%s is %s, but no run is due: mesolith why job %s", name, what, name);
}

static int say_next(struct cli *c, const char *name, const char *what, struct error *err)
{
    struct json *detail;
    if (!cli_for_people(c))
        return 0;
    if (get_job(c, name, &detail, err) != 0)
        return -1;
    say_next_of(c, name, what, detail);
    json_free(detail);
    return 0;
}

/* ERR_CONFLICT when there is one of that name already. */
static int check_absent(struct cli *c, const char *name, struct error *err)
{
    struct json *detail;
    if (get_job(c, name, &detail, err) == 0) {
        json_free(detail);
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith apply FILE changes it");
        return error_set(err, ERR_CONFLICT, "%s: there is a job of that name already", name);
    }
    return err->code == ERR_NOT_FOUND ? 0 : -1;
}

static int create(struct cli *c, struct error *err)
{
    struct buf body;
    const char *file = cli_file_name(c->args.names[0]);
    if (cli_read_file(c->args.names[0], &body, err) != 0)
        return -1;
    struct json *job = json_parse(buf_slice(&body), err);
    const char *name = text_of(job, "name");
    int rc = job != NULL ? 0 : error_wrap(err, "%s", file);
    if (rc == 0 && json_kind(job) == JSON_ARRAY) {
        str_copy(c->api.cure, sizeof c->api.cure, "mesolith apply FILE takes {\"jobs\": [...]}");
        rc = error_set(err, ERR_INVALID, "%s: got an array, need one job", file);
    }
    if (rc == 0 && *name == '\0')
        rc = error_set(err, ERR_INVALID, "%s: name is missing: need a job, with \"name\"", file);
    if (rc == 0)
        rc = check_absent(c, name, err);
    if (rc == 0) {
        cli_warn_of_job(name, job);
        rc = put_job(c, name, &body, err);
    }
    if (rc == 0)
        rc = say_next(c, name, "made", err);
    json_free(job);
    buf_close(&body);
    return rc;
}

static void pause_body(struct cli *c, struct buf *body)
{
    struct json_writer w;
    const char *reason = cli_flag_text(c, FLAG_REASON);
    buf_init(body, BODY_BYTES);
    json_begin(&w, body);
    json_object(&w);
    if (c->args.n == 0) {
        json_member_str(&w, "selector", cli_flag_text(c, FLAG_SELECTOR));
    } else {
        json_key(&w, "names");
        json_array(&w);
        for (size_t i = 0; i < c->args.n; i++)
            json_put_str(&w, c->args.names[i]);
        json_array_end(&w);
    }
    if (reason != NULL)
        json_member_str(&w, "reason", reason);
    json_object_end(&w);
}

static int say_changed(struct cli *c, const struct json *answer, const char *what,
                       struct error *err)
{
    const struct json *jobs = json_get(answer, "jobs");
    if (!cli_for_people(c))
        return 0;
    if (json_count(jobs) == 1 && json_count(json_get(answer, "unchanged")) == 0)
        return say_next(c, json_str(json_first(jobs), ""), what, err);
    JSON_EACH (name, jobs)
        cli_say(c, 0, "%s is %s.", json_str(name, ""), what);
    JSON_EACH (name, json_get(answer, "unchanged"))
        cli_say(c, 0, "%s was %s already%s.", json_str(name, ""), what,
                cli_flag_text(c, FLAG_REASON) != NULL ? ", and its reason stays" : "");
    return 0;
}

static int set_paused(struct cli *c, const char *path, const char *what, struct error *err)
{
    struct json *answer;
    struct buf body;
    if ((c->args.n == 0) == (cli_flag_text(c, FLAG_SELECTOR) == NULL))
        return error_set(err, ERR_SYNTAX, "need either names of jobs or --selector");
    pause_body(c, &body);
    int rc = cli_ask(c, METHOD_POST, path, &body, &answer, err);
    buf_close(&body);
    if (rc != 0)
        return -1;
    rc = say_changed(c, answer, what, err);
    json_free(answer);
    return rc;
}

static int resume(struct cli *c, struct error *err)
{
    return set_paused(c, "/api/resume/jobs", "enabled", err);
}

static int pause_jobs(struct cli *c, struct error *err)
{
    return set_paused(c, "/api/pause/jobs", "disabled", err);
}

static int delete (struct cli *c, struct error *err)
{
    struct json *answer;
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/jobs/%s", c->args.names[0]);
    if (cli_on(c, FLAG_FORCE))
        buf_puts(&path, "?force=true");
    int rc = cli_ask(c, METHOD_DELETE, buf_str(&path), NULL, &answer, err);
    buf_close(&path);
    if (rc != 0 && err->code == ERR_CONFLICT && !cli_on(c, FLAG_FORCE))
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith job delete %.200s --force",
                 c->args.names[0]);
    if (rc != 0)
        return -1;
    if (cli_for_people(c))
        cli_say(c, 0, "%s is deleted.", c->args.names[0]);
    if (*text_of(answer, "gone") != '\0')
        cli_next(c, "What it ran is kept: mesolith job runs %s", text_of(answer, "gone"));
    json_free(answer);
    return 0;
}

static int put_variables(struct cli *c, struct arena *names, struct json_writer *w,
                         struct error *err)
{
    size_t at = 0;
    const char *one;
    json_key(w, "environment");
    json_object(w);
    while ((one = args_next(&c->args, FLAG_ENV, &at)) != NULL) {
        const char *equals = strchr(one, '=');
        if (equals == NULL || equals == one)
            return error_set(err, ERR_SYNTAX, "--env: got \"%.60s\", need NAME=VALUE", one);
        json_member_str(w, arena_strndup(names, one, (size_t)(equals - one)), equals + 1);
    }
    json_object_end(w);
    return 0;
}

/* What is asked of this run alone. */
static int run_body(struct cli *c, struct buf *body, struct error *err)
{
    struct json_writer w;
    struct arena names = {0};
    const char *arguments = cli_flag_text(c, FLAG_ARGUMENTS);
    json_begin(&w, body);
    json_object(&w);
    if (arguments != NULL)
        json_member_str(&w, "arguments", arguments);
    int rc = args_given(&c->args, FLAG_ENV) ? put_variables(c, &names, &w, err) : 0;
    json_object_end(&w);
    arena_close(&names);
    return rc;
}

static int ask_run(struct cli *c, struct json **answer, struct error *err)
{
    struct buf path, body;
    buf_init(&path, PATH_BYTES);
    buf_init(&body, BODY_BYTES);
    api_path(&path, "/api/jobs/%s/run", c->args.names[0]);
    int rc = run_body(c, &body, err);
    if (rc == 0)
        rc = cli_ask(c, METHOD_POST, buf_str(&path), &body, answer, err);
    buf_close(&body);
    buf_close(&path);
    return rc;
}

static int run(struct cli *c, struct error *err)
{
    struct json *answer;
    char id[TEXT_SIZE];
    int64_t number;
    if (ask_run(c, &answer, err) != 0)
        return -1;
    str_copy(id, sizeof id, text_of(answer, "run"));
    if (json_i64(json_get(answer, "run"), &number))
        snprintf(id, sizeof id, "%lld", (long long)number);
    bool coalesced = json_bool(json_get(answer, "coalesced"), false);
    json_free(answer);
    if (coalesced && cli_for_people(c))
        cli_say(c, 0, "Nothing new is due: run %s of %s, asked for before, %s.", id,
                c->args.names[0], *id != '\0' ? "waits already" : "begins");
    if (!cli_on(c, FLAG_DETACH) && id[0] != '\0')
        return wait_run(c, c->args.names[0], id, err);
    if (!coalesced && cli_for_people(c))
        cli_say(c, 0, "Run %s of %s is due now.", id, c->args.names[0]);
    return 0;
}

/* ---- explain */

static void show_times(struct cli *c, const struct json *answer)
{
    static const struct column columns[] = {
        {"NEXT", COLUMN_NUMBER}, {"THERE", COLUMN_TEXT}, {"UTC", COLUMN_FREE}};
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    const struct json *utc = json_first(json_get(answer, "next"));
    JSON_EACH (local, json_get(answer, "local")) {
        cli_put_when(c, &t, utc);
        table_put(&t, INK_NONE, json_str(local, ""));
        table_put(&t, INK_DIM, json_str(utc, ""));
        utc = json_next(utc);
    }
    cli_table(c, &t);
}

/* "R[n]/start/period", else a cron expression. */
static bool is_interval(const char *text)
{
    size_t digits = strspn(text + 1, "0123456789");
    return text[0] == 'R' && text[1 + digits] == '/';
}

/* One word that no schedule begins like: a job's name, or what the shell has cut off. */
static int check_schedule(struct cli *c, const char *text, struct error *err)
{
    if (is_interval(text) || text[0] == '@' || strchr(text, ' ') != NULL)
        return 0;
    snprintf(c->api.cure, sizeof c->api.cure, "mesolith job show %.200s, if that is a job", text);
    return error_set(err, ERR_INVALID,
                     "%s: need a schedule in quotes, as '30 2 * * MON-FRI', @daily or "
                     "R/2026-03-01T00:00:00Z/PT1H",
                     text);
}

static int explain(struct cli *c, struct error *err)
{
    static const struct {
        enum cli_flag flag;
        const char *query;
    } bounds[] = {
        {FLAG_STARTS, "&startsAt=%s"},
        {FLAG_ENDS, "&endsAt=%s"},
        {FLAG_EXCLUDE, "&excludeCalendars=%s"},
        {FLAG_ONLY, "&onlyCalendars=%s"},
    };
    struct json *answer;
    struct buf path;
    const char *text = c->args.names[0], *zone = cli_flag_text(c, FLAG_ZONE);
    const char *job = cli_flag_text(c, FLAG_JOB);
    if (check_schedule(c, text, err) != 0)
        return -1;
    buf_init(&path, PATH_BYTES);
    api_path(&path,
             is_interval(text) ? "/api/schedules/explain?schedule=%s"
                               : "/api/schedules/explain?cron=%s",
             text);
    if (zone != NULL)
        api_path(&path, "&zone=%s", zone);
    if (job != NULL)
        api_path(&path, "&name=%s", job);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        if (cli_flag_text(c, bounds[i].flag) != NULL)
            api_path(&path, bounds[i].query, cli_flag_text(c, bounds[i].flag));
    int rc = cli_ask(c, METHOD_GET, buf_str(&path), NULL, &answer, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (cli_for_people(c)) {
        cli_say(c, 0, "%s.", text_of(answer, "explained"));
        JSON_EACH (warning, json_get(answer, "warnings"))
            cli_say(c, 0, "warning: %s", json_str(warning, ""));
        buf_puts(&c->out, "\n");
        show_times(c, answer);
    }
    json_free(answer);
    return 0;
}

/* ---- backfills */

static void say_plan(struct cli *c, const struct json *plan)
{
    char runs[TEXT_SIZE], passed[TEXT_SIZE], of_them[TEXT_SIZE * 2] = "";
    int64_t n = number_of(plan, "passed");
    if (n > 0)
        snprintf(of_them, sizeof of_them, "; %s passed, for %s run", text_count(passed, n, "time"),
                 n == 1 ? "it has" : "they have");
    if (number_of(plan, "runs") > 0)
        cli_say(c, 0, "%s, %s to %s%s.", text_count(runs, number_of(plan, "runs"), "run"),
                text_of(plan, "first"), text_of(plan, "last"), of_them);
    else
        cli_say(c, 0, "No run%s.", n > 0 ? of_them : ": the schedule has no time in there");
}

static void say_begun(struct cli *c, const char *name, const struct json *answer)
{
    int64_t id;
    if (json_i64(json_get(answer, "backfill"), &id))
        cli_say(c, 0, "Backfill %lld of %s began: mesolith job show %s", (long long)id, name, name);
    else
        say_plan(c, answer);
}

static int backfill(struct cli *c, struct error *err)
{
    struct json *answer;
    struct json_writer w;
    struct buf path, body;
    bool cancel = cli_on(c, FLAG_CANCEL);
    if (c->args.n != (cancel ? 1u : 3u))
        return error_set(err, ERR_SYNTAX,
                         "need NAME FROM TO, both like 2026-03-01T00:00:00Z, or NAME --cancel");
    buf_init(&path, PATH_BYTES);
    buf_init(&body, BODY_BYTES);
    api_path(&path, "/api/jobs/%s/backfill", c->args.names[0]);
    json_begin(&w, &body);
    json_object(&w);
    json_member_str(&w, "from", cancel ? "" : c->args.names[1]);
    json_member_str(&w, "to", cancel ? "" : c->args.names[2]);
    json_member_bool(&w, "again", cli_on(c, FLAG_AGAIN));
    json_member_int(&w, "overlap", args_number(&c->args, FLAG_OVERLAP));
    if (args_given(&c->args, FLAG_LIMIT))
        json_member_int(&w, "limit", args_number(&c->args, FLAG_LIMIT));
    json_member_bool(&w, "dry_run", cli_on(c, FLAG_DRY_RUN));
    json_object_end(&w);
    int rc = cli_ask(c, cancel ? METHOD_DELETE : METHOD_POST, buf_str(&path), cancel ? NULL : &body,
                     &answer, err);
    buf_close(&body);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (cli_for_people(c) && cancel)
        cli_say(c, 0, "The backfill of %s is canceled; what runs goes on.", c->args.names[0]);
    else if (cli_for_people(c))
        say_begun(c, c->args.names[0], answer);
    json_free(answer);
    return 0;
}

#define JOBS .operands = "[NAME…]", .names_min = 0, .names_max = ARGS_NAMES_MAX, .names = NAME_JOB
#define ONE_JOB .operands = "NAME", .names_min = 1, .names_max = 1, .names = NAME_JOB

static const struct cli_verb verbs[] = {
    {
        .name = "list",
        .operands = "",
        .flags = FLAGS_LIST | F(STATE) | F(FIND),
        .run = list_jobs,
        .about = "Lists the jobs",
        .examples = {"mesolith job --state failing", "mesolith job --state deleted"},
    },
    {
        .name = "show",
        ONE_JOB,
        .flags = FLAGS_SHOW,
        .run = show,
        .about = "Shows one job, its next times and its last runs",
        .examples = {"mesolith job show demo-date", "mesolith job show demo-date --json"},
    },
    {
        .name = "runs",
        ONE_JOB,
        .flags = FLAGS_LIST,
        .run = list_runs,
        .about = "Lists the runs of a job, the newest first",
        .examples = {"mesolith job runs demo-date", "mesolith job runs demo-date --watch"},
    },
    {
        .name = "explain",
        .operands = "SCHEDULE",
        .names_min = 1,
        .names_max = 1,
        .flags = FLAGS_ASK | F(ZONE) | F(JOB) | F(STARTS) | F(ENDS) | F(EXCLUDE) | F(ONLY),
        .run = explain,
        .about = "Says when a schedule runs: a cron expression, or R[n]/start/period",
        .examples = {"mesolith job explain '30 2 * * MON-FRI' --zone Europe/Berlin",
                     "mesolith job explain '~ 3 * * *' --job backup"},
    },
    {
        .name = "logs",
        ONE_JOB,
        .flags = FLAGS_ASK | F(FOLLOW) | F(ERR) | F(TAIL) | F(ALL) | F(RUN) | F(ATTEMPT),
        .run = logs_of_job,
        .about = "Prints what a run of a job has written, the last one's if none is named",
        .examples = {"mesolith job logs demo-date --run 4", "mesolith job logs demo-date -f"},
    },
    {
        .name = "stats",
        ONE_JOB,
        .flags = FLAGS_SHOW,
        .run = show_stats,
        .about = "Shows how long a job's runs took, of 30 days",
        .examples = {"mesolith job stats demo-date", "mesolith job stats demo-date --json"},
    },
    {
        .name = "graph",
        .operands = "",
        .flags = FLAGS_ASK | F(CSV) | F(DOT),
        .run = job_graph,
        .about = "Shows which job waits for which",
        .examples = {"mesolith job graph", "mesolith job graph --dot | dot -T svg > jobs.svg"},
    },
    {
        .name = "create",
        .operands = "FILE",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_FILE,
        .flags = FLAGS_ASK,
        .run = create,
        .about = "Makes a job from a file with its JSON, as Chronos has it; all members: "
                 "/api/openapi.json",
        .examples = {"mesolith job create backup.json",
                     "echo '{\"name\": \"hi\", \"command\": \"echo hi\", \"schedule\": "
                     "\"R//PT1H\"}' | mesolith job create -"},
    },
    {
        .name = "run",
        ONE_JOB,
        .flags = FLAGS_CHANGE | F(ENV) | F(ARGUMENTS),
        .run = run,
        .about = "Runs a job now, beside its schedule",
        .examples = {"mesolith job run demo-date --detach",
                     "mesolith job run load --env DAY=2026-03-01 --env FULL=yes"},
    },
    {
        .name = "backfill",
        .operands = "NAME [FROM TO]",
        .names_min = 1,
        .names_max = 3,
        .names = NAME_JOB,
        .flags = FLAGS_ASK | F(AGAIN) | F(DRY_RUN) | F(CANCEL) | F(OVERLAP) | F(LIMIT),
        .run = backfill,
        .about = "Runs a job for each of its times in the past, one after the other",
        .examples = {"mesolith job backfill load 2026-03-01T00:00:00Z 2026-03-08T00:00:00Z "
                     "--dry-run",
                     "mesolith job backfill load 2026-03-01T00:00:00Z 2026-03-08T00:00:00Z "
                     "--overlap 4 --limit 20"},
    },
    {
        .name = "resume",
        JOBS,
        .flags = FLAGS_ASK | F(SELECTOR),
        .run = resume,
        .about = "Lets jobs run again when they are due",
        .examples = {"mesolith job resume demo-date",
                     "mesolith job resume --selector 'name=backup-*'"},
    },
    {
        .name = "enable",
        JOBS,
        .flags = FLAGS_ASK | F(SELECTOR),
        .run = resume,
        .about = "The same as resume",
        .examples = {"mesolith job enable demo-date", "mesolith job enable demo-date --json"},
    },
    {
        .name = "pause",
        JOBS,
        .flags = FLAGS_ASK | F(SELECTOR) | F(REASON),
        .run = pause_jobs,
        .about = "Keeps jobs, but does not run them when they are due",
        .examples = {"mesolith job pause demo-date --reason 'the disk is full'",
                     "mesolith job pause --selector 'name=backup-*,owner=ops@example.org'"},
    },
    {
        .name = "disable",
        JOBS,
        .flags = FLAGS_ASK | F(SELECTOR) | F(REASON),
        .run = pause_jobs,
        .about = "The same as pause",
        .examples = {"mesolith job disable demo-date", "mesolith job disable demo-date --json"},
    },
    {
        .name = "delete",
        ONE_JOB,
        .flags = FLAGS_ASK | F(FORCE),
        .run = delete,
        .about = "Deletes a job; what it ran is kept as history",
        .examples = {"mesolith job delete demo-date", "mesolith job delete demo-date --force"},
    },
};

const struct cli_noun job_noun = {
    .name = "job",
    .about = "what should run when it is due",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
