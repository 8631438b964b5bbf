#include "cli_wait.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"

#define LOOK_MS 200
#define SILENCE_MS 15000 /* so long a node that answered before may be silent */
#define TOLD_MS 3000     /* after a change of the leader all know of it by then */
#define DOTS_MAX 50
#define BLOCK_BYTES (64 << 10)

/* ---- looking again and again */

struct waiting {
    int64_t began_ms, heard_ms;
    unsigned turn; /* looks so far: what moves in the block */
    struct buf path, block;
};

static int64_t tick(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void waiting_begin(struct waiting *w)
{
    *w = (struct waiting){.began_ms = tick(), .heard_ms = tick()};
    buf_init(&w->path, PATH_BYTES);
    buf_init(&w->block, BLOCK_BYTES);
}

static void waiting_end(struct cli *c, struct waiting *w)
{
    if (c->term.live)
        term_erase(&c->term);
    term_keep(&c->term);
    buf_close(&w->path);
    buf_close(&w->block);
}

static void waiting_pause(struct waiting *w)
{
    const struct timespec pause = {0, LOOK_MS * 1000000L};
    nanosleep(&pause, NULL);
    w->turn++;
}

/* Asks for w->path. *answer_out is NULL while the node is silent. */
static int look(struct cli *c, struct waiting *w, struct json **answer_out, struct error *err)
{
    *answer_out = NULL;
    if (api_get(&c->api, buf_str(&w->path), answer_out, err) == 0) {
        w->heard_ms = tick();
        return 0;
    }
    bool silent = err->code == ERR_UNAVAILABLE || err->code == ERR_UNCERTAIN;
    if (!silent || tick() - w->heard_ms > SILENCE_MS)
        return -1;
    return 0;
}

static bool over_time(const struct cli *c, const struct waiting *w)
{
    return tick() - w->began_ms > args_number(&c->args, FLAG_TIMEOUT);
}

static int timed_out(struct cli *c, const char *noun, const char *name, const char *what,
                     struct error *err)
{
    char text[TEXT_SIZE];
    snprintf(c->api.cure, sizeof c->api.cure, "mesolith why %s %.200s", noun, name);
    return error_set(err, ERR_UNCERTAIN, "%s: not done after %s: %s", name,
                     text_duration(text, args_number(&c->args, FLAG_TIMEOUT)), what);
}

/* ---- the block */

static void draw(struct cli *c, struct waiting *w)
{
    if (cli_for_people(c))
        term_draw(&c->term, &w->block);
}

enum dot { DOT_GOOD, DOT_TURNING, DOT_BAD, DOT_MISSING };

static void put_dot(struct cli *c, struct waiting *w, enum dot dot)
{
    static const enum ink inks[] = {INK_GOOD, INK_BUSY, INK_BAD, INK_DIM};
    static const char *const ascii[] = {"*", "o", "x", "."};
    static const char *const shapes[] = {"●", "", "✗", "○"};
    static const char *const turns[] = {"◐", "◓", "◑", "◒"};
    const char *shape = !c->term.utf8        ? ascii[dot]
                        : dot == DOT_TURNING ? turns[w->turn % 4]
                                             : shapes[dot];
    buf_puts(&w->block, ink_on(inks[dot], c->term.color));
    buf_puts(&w->block, shape);
    buf_puts(&w->block, ink_off(inks[dot], c->term.color));
}

static bool has_checks(const struct json *detail)
{
    const struct json *app = json_get(detail, "app");
    return json_count(json_get(app, "healthChecks")) > 0;
}

/* Of instances that are there, how many are as they should be. */
static int64_t good_ones(const struct json *detail)
{
    const struct json *summary = json_get(detail, "summary");
    return number_of(summary, has_checks(detail) ? "healthy" : "running");
}

static void put_dots(struct cli *c, struct waiting *w, const struct json *detail)
{
    const struct json *summary = json_get(detail, "summary");
    int64_t good = good_ones(detail), bad = number_of(summary, "unhealthy");
    int64_t turning = number_of(summary, "staging") + number_of(summary, "running") - good - bad;
    int64_t wanted = number_of(summary, "instances");
    for (int64_t i = 0; i < DOTS_MAX && (i < wanted || i < good + bad + turning); i++)
        put_dot(c, w,
                i < good                   ? DOT_GOOD
                : i < good + bad           ? DOT_BAD
                : i < good + bad + turning ? DOT_TURNING
                                           : DOT_MISSING);
    buf_puts(&w->block, "  ");
}

static void put_count(struct buf *out, const struct json *detail)
{
    buf_printf(out, "%lld of %lld %s", (long long)good_ones(detail),
               (long long)number_of(json_get(detail, "summary"), "instances"),
               has_checks(detail) ? "healthy" : "running");
}

/* ---- an app */

static const struct json *deployment_of(const struct json *deployments, const char *id)
{
    JSON_EACH (d, deployments)
        if (str_eq(text_of(d, "id"), id))
            return d;
    return NULL;
}

/* The first sentence that says more than that the change goes on. */
static const struct json *obstacle(const struct json *why)
{
    static const char *const expected[] = {"starting", "stopping", "waits-for-health",
                                           "waits-for-readiness", "suspended"};
    JSON_EACH (sentence, why) {
        size_t i = 0, n = sizeof expected / sizeof expected[0];
        while (i < n && !str_eq(text_of(sentence, "id"), expected[i]))
            i++;
        if (i == n)
            return sentence;
    }
    return NULL;
}

static void draw_app(struct cli *c, struct waiting *w, const char *app, const struct json *detail,
                     const struct json *deployment)
{
    const char *sentence = json_str(json_get(deployment, "sentence"), "deploying");
    const struct json *why = obstacle(json_get(detail, "why"));
    buf_clear(&w->block);
    buf_printf(&w->block, "%s  ", app);
    if (c->term.live && c->term.width > 0)
        put_dots(c, w, detail);
    put_count(&w->block, detail);
    buf_puts(&w->block, c->term.live ? "\n  " : ": ");
    text_clean(&w->block, sentence);
    buf_putc(&w->block, '\n');
    static const char *const parts[] = {"what", "because", "so"};
    for (size_t i = 0; why != NULL && i < sizeof parts / sizeof parts[0]; i++) {
        struct buf clean;
        buf_init(&clean, BLOCK_BYTES);
        text_clean(&clean, text_of(why, parts[i]));
        text_wrap(&w->block, buf_str(&clean), c->term.width, i == 0 ? 2 : 4);
        buf_putc(&w->block, '\n');
        buf_close(&clean);
    }
    draw(c, w);
}

static void say_app(struct cli *c, struct waiting *w, const char *app, const struct json *detail)
{
    const struct json *summary = json_get(detail, "summary");
    const char *state = text_of(summary, "state");
    char took[TEXT_SIZE], count[TEXT_SIZE * 2];
    struct buf text;
    buf_init(&text, sizeof count - 1);
    put_count(&text, detail);
    str_copy(count, sizeof count, buf_str(&text));
    buf_close(&text);
    c->failed = !str_eq(state, "running") && !str_eq(state, "suspended");
    if (!cli_for_people(c))
        return;
    if (str_eq(state, "suspended"))
        cli_say(c, 0, "%s is suspended: no instance runs.", app);
    else if (!c->failed)
        cli_say(c, 0, "%s runs: %s, after %s.", app, count,
                text_duration(took, tick() - w->began_ms));
    else
        cli_say(c, 0, "%s is %s: %s.", app, state, count);
    if (!c->failed)
        return;
    say_why(c, json_get(detail, "why"), 2);
    cli_next(c, "mesolith logs %s", app);
}

/* The time is up: what keeps it, and what to do about that. */
static int app_timed_out(struct cli *c, const char *app, const struct json *detail,
                         const struct json *deployment, struct error *err)
{
    const struct json *why = obstacle(json_get(detail, "why"));
    const char *sentence = json_str(json_get(deployment, "sentence"), "the node is silent");
    if (why == NULL)
        return timed_out(c, "app", app, sentence, err);
    timed_out(c, "app", app, json_str(json_get(why, "because"), sentence), err);
    snprintf(c->api.cure, sizeof c->api.cure, "%.240s (mesolith why app %.200s)",
             text_of(why, "so"), app);
    return -1;
}

/* One look; *over when there is nothing more to wait for. */
static int look_at_app(struct cli *c, struct waiting *w, const char *app, const char *deployment,
                       bool *over, struct error *err)
{
    struct json *detail;
    if (look(c, w, &detail, err) != 0)
        return -1;
    const struct json *running = NULL;
    if (detail != NULL && deployment != NULL)
        running = deployment_of(json_get(detail, "deployments"), deployment);
    *over = detail != NULL && running == NULL;
    int rc = 0;
    if (*over)
        say_app(c, w, app, detail);
    else if (detail != NULL)
        draw_app(c, w, app, detail, running);
    if (!*over && over_time(c, w))
        rc = app_timed_out(c, app, detail, running, err);
    json_free(detail);
    return rc;
}

int wait_app(struct cli *c, const char *app, const char *deployment, struct error *err)
{
    struct waiting w;
    bool over = false;
    int rc;
    waiting_begin(&w);
    api_path(&w.path, "/api/apps/%a", app);
    while ((rc = look_at_app(c, &w, app, deployment, &over, err)) == 0 && !over)
        waiting_pause(&w);
    waiting_end(c, &w);
    return rc;
}

/* ---- an app that goes */

static void draw_going(struct cli *c, struct waiting *w, const char *app,
                       const struct json *deployment)
{
    buf_clear(&w->block);
    buf_printf(&w->block, "%s  ", app);
    text_clean(&w->block, json_str(json_get(deployment, "sentence"), "stopping"));
    buf_putc(&w->block, '\n');
    draw(c, w);
}

int wait_app_gone(struct cli *c, const char *app, const char *deployment, struct error *err)
{
    struct waiting w;
    bool over = deployment == NULL;
    int rc = 0;
    waiting_begin(&w);
    api_path(&w.path, "/api/deployments?limit=1000");
    while (rc == 0 && !over) {
        struct json *list;
        if ((rc = look(c, &w, &list, err)) != 0)
            break;
        const struct json *running = deployment_of(json_get(list, "items"), deployment);
        over = list != NULL && running == NULL;
        if (!over)
            draw_going(c, &w, app, running);
        json_free(list);
        if (!over && over_time(c, &w))
            rc = timed_out(c, "app", app, "it is still being stopped", err);
        else if (!over)
            waiting_pause(&w);
    }
    waiting_end(c, &w);
    if (rc == 0 && cli_for_people(c))
        cli_say(c, 0, "%s is deleted.", app);
    return rc;
}

/* ---- a job's run */

static bool run_is_open(const char *state)
{
    return str_eq(state, "queued") || str_eq(state, "running");
}

static void say_run(struct cli *c, const char *job, const struct json *run)
{
    const char *state = text_of(run, "state"), *message = text_reason(text_of(run, "message"));
    char took[TEXT_SIZE];
    int64_t ms = cli_ms(json_get(run, "ended")) - cli_ms(json_get(run, "started"));
    c->failed = !str_eq(state, "ok");
    if (!cli_for_people(c))
        return;
    if (!c->failed)
        cli_say(c, 0, "%s ran well, for %s.", job, text_duration(took, ms));
    else
        cli_say(c, 0, "%s: run %s%s%s.", job, state, *message != '\0' ? ": " : "", message);
    cli_next(c, "mesolith logs %s", job);
}

static const struct json *run_of(const struct json *runs, const char *id)
{
    JSON_EACH (run, runs) {
        int64_t number;
        char text[32] = "";
        const struct json *its = json_get(run, "id");
        if (json_i64(its, &number))
            snprintf(text, sizeof text, "%lld", (long long)number);
        if (str_eq(json_str(its, text), id))
            return run;
    }
    return NULL;
}

int wait_run(struct cli *c, const char *job, const char *run, struct error *err)
{
    struct waiting w;
    bool over = false;
    int rc = 0;
    waiting_begin(&w);
    api_path(&w.path, "/api/runs?job=%s&limit=100", job);
    while (rc == 0 && !over) {
        struct json *list;
        if ((rc = look(c, &w, &list, err)) != 0)
            break;
        const struct json *found = run_of(json_get(list, "items"), run);
        const char *state = json_str(json_get(found, "state"), "queued"),
                   *message = text_of(found, "message"); /* of the attempt before */
        over = found != NULL && !run_is_open(state);
        if (over)
            say_run(c, job, found);
        buf_clear(&w.block);
        buf_printf(&w.block, "%s  %s", job, state);
        if (*message != '\0') {
            buf_puts(&w.block, ", its last attempt failed: ");
            text_clean(&w.block, message);
        }
        buf_putc(&w.block, '\n');
        if (!over)
            draw(c, &w);
        if (!over && over_time(c, &w))
            rc = timed_out(c, "job", job, *message != '\0' ? message : state, err);
        else if (!over)
            waiting_pause(&w);
        json_free(list);
    }
    waiting_end(c, &w);
    return rc;
}

/* ---- a node */

static void draw_node(struct cli *c, struct waiting *w, const char *name, const struct json *node)
{
    char tasks[TEXT_SIZE];
    const char *role = text_of(node, "role");
    bool none = str_eq(role, "none");
    buf_clear(&w->block);
    buf_printf(&w->block, "%s  %s%s%s, %s left\n", name, none ? "" : role, none ? "" : ", ",
               text_of(node, "state"), text_count(tasks, number_of(node, "tasks"), "task"));
    draw(c, w);
}

int wait_node(struct cli *c, const char *id, const char *name, const char *member,
              const char *wanted, struct error *err)
{
    struct waiting w;
    bool over = false;
    int rc = 0;
    waiting_begin(&w);
    api_path(&w.path, "/api/nodes/%s", id);
    while (rc == 0 && !over) {
        struct json *node;
        if ((rc = look(c, &w, &node, err)) != 0)
            break;
        over = node != NULL && str_eq(text_of(node, member), wanted);
        if (node != NULL && !over)
            draw_node(c, &w, name, node);
        if (!over && over_time(c, &w))
            rc = timed_out(c, "node", name,
                           node != NULL ? text_of(node, member) : "the cluster is silent", err);
        else if (!over)
            waiting_pause(&w);
        json_free(node);
    }
    waiting_end(c, &w);
    return rc;
}

/* ---- a notice */

int wait_notice(struct cli *c, int64_t id, struct json **notice_out, struct error *err)
{
    struct waiting w;
    struct json *notice = NULL;
    int rc;
    waiting_begin(&w);
    buf_printf(&w.path, "/api/notices/%lld", (long long)id);
    while ((rc = look(c, &w, &notice, err)) == 0 &&
           (notice == NULL || str_eq(text_of(notice, "state"), "pending"))) {
        json_free(notice);
        notice = NULL;
        if (over_time(c, &w))
            rc = error_set(err, ERR_UNCERTAIN, "notice %lld: it still waits to be sent",
                           (long long)id);
        if (rc != 0)
            break;
        waiting_pause(&w);
    }
    waiting_end(c, &w);
    if (rc == 0)
        *notice_out = notice;
    return rc;
}

/* ---- who leads */

/* Raft's terms only grow: a later one has another leader, or the same one elected again. */
static bool leads_now(const struct json *status, const char *node, int64_t term)
{
    const struct json *leader = json_get(status, "leader");
    if (leader == NULL)
        return false;
    return node != NULL ? str_eq(text_of(leader, "node"), node) : number_of(status, "term") > term;
}

/* Another one than was named, for so long that this is no old news. */
static bool leads_another(const struct waiting *w, const struct json *status, const char *node)
{
    return node != NULL && json_get(status, "leader") != NULL && tick() - w->began_ms > TOLD_MS;
}

int wait_leader(struct cli *c, const char *node, int64_t term, struct json **status_out,
                struct error *err)
{
    struct waiting w;
    struct json *status = NULL;
    int rc;
    waiting_begin(&w);
    api_path(&w.path, "/api/status");
    while ((rc = look(c, &w, &status, err)) == 0 && !leads_now(status, node, term)) {
        if (leads_another(&w, status, node))
            rc = error_set(err, ERR_CONFLICT,
                           "leader: it is %.200s: somebody has had it handed on meanwhile",
                           text_of(json_get(status, "leader"), "name"));
        else if (over_time(c, &w))
            rc = error_set(err, ERR_UNCERTAIN, "leader: it is not another one yet");
        json_free(status);
        status = NULL;
        if (rc != 0)
            break;
        waiting_pause(&w);
    }
    waiting_end(c, &w);
    if (rc == 0)
        *status_out = status;
    return rc;
}

/* ---- why */

void say_why(struct cli *c, const struct json *sentences, size_t indent)
{
    static const char *const parts[] = {"what", "because", "so"};
    JSON_EACH (sentence, sentences) {
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            const char *part = json_str(json_get(sentence, parts[i]), "");
            if (*part != '\0')
                cli_say(c, i == 0 ? indent : indent + 2, "%s", part);
        }
    }
}
