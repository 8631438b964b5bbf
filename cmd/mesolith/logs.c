/* mesolith logs - what tasks have written, of one or of all instances of an app. */
#include "cli_noun.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli_find.h"
#include "cli_follow.h"
#include "cli_task.h"

#define LINE_BYTES (1 << 20)
#define PIECE_BYTES LIMIT_FILE_READ_BYTES
#define LOOK_MS 1000
#define TASKS_MAX 200
#define FILES_MAX 1000 /* as many as max-log-files can be */

/* What is followed or printed: one file of one task, or of a job's run. */
struct tail {
    struct list member;
    struct follow follow;
    struct logs *logs;
    char *task;
    int64_t run;     /* 0: none */
    struct buf line; /* the last one, not ended yet */
    bool midway;     /* what was printed last is no whole line */
    enum ink ink;
};

struct logs {
    struct cli *c;
    struct loop loop;
    struct found subject;
    struct list tails;
    size_t n, open;
    bool named; /* each line says whose it is */
    bool wrote; /* something was printed */
    bool fresh; /* tails that begin now are of new tasks: from their first byte */
    /* looking for new instances of an app, or whether a job's run has begun */
    uv_timer_t timer;
    struct http_call look;
    struct buf look_path;
    struct error err;
    bool failed;
};

/* ---- printing */

static void put_name(const struct tail *t)
{
    char id[128];
    bool color = t->logs->c->term.color;
    printf("%s%s%s ", ink_on(t->ink, color), text_unique_id(id, sizeof id, t->task),
           ink_off(t->ink, color));
}

static void put_lines(struct tail *t, struct slice data)
{
    while (data.len > 0) {
        const char *end = memchr(data.p, '\n', data.len);
        size_t len = end != NULL ? (size_t)(end - data.p) + 1 : data.len;
        buf_put(&t->line, data.p, len);
        if (end != NULL || t->line.len == LINE_BYTES) {
            put_name(t);
            fwrite(buf_str(&t->line), 1, t->line.len, stdout);
            buf_clear(&t->line);
        }
        data = (struct slice){data.p + len, data.len - len};
    }
}

static void put_data(struct tail *t, const struct json *answer)
{
    struct slice data = json_slice(json_get(answer, "data"));
    t->logs->wrote |= data.len > 0;
    if (t->logs->named)
        put_lines(t, data);
    else
        fwrite(data.p, 1, data.len, stdout);
    if (data.len > 0)
        t->midway = data.p[data.len - 1] != '\n';
    fflush(stdout);
}

/* What was written without a line end at last. */
static void put_rest(struct tail *t)
{
    if (t->line.len > 0)
        put_lines(t, SLICE("\n"));
}

static const char *file_of(const struct logs *l)
{
    return cli_on(l->c, FLAG_ERR) ? "stderr" : "stdout";
}

/* It wrote faster than it was read, and what is kept of it was not enough. */
static void put_gap(struct tail *t)
{
    put_rest(t);
    if (!t->logs->named && t->midway)
        putchar('\n');
    t->midway = false;
    fflush(stdout);
    fprintf(stderr, "warning: a part of %s is missing here: it writes faster than it is read\n",
            file_of(t->logs));
}

/* ---- paths */

/* `back`: of its rotated files stdout.1 is the newest; 0: what it writes to. */
static void put_source(struct buf *path, const struct tail *t, int64_t back)
{
    if (back > 0)
        api_path(path, "/api/tasks/%s/logs?file=%s", t->task, file_of(t->logs));
    if (back > 0)
        buf_printf(path, ".%lld", (long long)back);
    else if (t->run != 0)
        buf_printf(path, "/api/runs/%lld/log?stream=%s", (long long)t->run, file_of(t->logs));
    else
        api_path(path, "/api/tasks/%s/logs?file=%s", t->task, file_of(t->logs));
}

static void put_start(struct buf *path, const struct logs *l)
{
    if (l->fresh || cli_on(l->c, FLAG_ALL))
        buf_puts(path, "&offset=0");
    else
        buf_printf(path, "&tail=%lld", (long long)args_number(&l->c->args, FLAG_TAIL));
}

/* ---- tails */

static struct tail *add_tail(struct logs *l, const char *task)
{
    static const enum ink inks[] = {INK_BUSY, INK_GOOD, INK_WARN, INK_BOLD, INK_DIM};
    struct tail *t = NEW(struct tail);
    t->logs = l;
    t->task = mem_strdup(task);
    t->ink = inks[l->n++ % (sizeof inks / sizeof inks[0])];
    buf_init(&t->line, LINE_BYTES);
    list_push(&l->tails, &t->member);
    return t;
}

static bool has_tail(const struct logs *l, const char *task)
{
    LIST_EACH (member, &l->tails)
        if (str_eq(LIST_ENTRY(member, struct tail, member)->task, task))
            return true;
    return false;
}

static void drop_tails(struct logs *l)
{
    while (!list_empty(&l->tails)) {
        struct tail *t = LIST_ENTRY(list_pop(&l->tails), struct tail, member);
        buf_close(&t->line);
        mem_free(t->task);
        mem_free(t);
    }
}

/* ---- which tasks */

/* The live ones; if there is none, the one that came last. */
static void add_tasks_of_app(struct logs *l, const struct json *tasks)
{
    const struct json *newest = NULL;
    JSON_EACH (task, tasks) {
        if (task_is_live(task) && l->n < TASKS_MAX)
            add_tail(l, text_of(task, "id"));
        if (newest == NULL || strcmp(text_of(task, "staged"), text_of(newest, "staged")) > 0)
            newest = task;
    }
    if (l->n == 0 && newest != NULL)
        add_tail(l, text_of(newest, "id"));
}

/* The run that began last; for who follows, if one waits, nothing until that one has begun. */
static void add_newest_run(struct logs *l, const struct json *runs)
{
    const struct json *newest = NULL;
    JSON_EACH (run, runs) {
        bool begun = *text_of(run, "task") != '\0';
        if (!begun && cli_on(l->c, FLAG_FOLLOW) && *text_of(run, "ended") == '\0')
            return;
        if (begun &&
            (newest == NULL || strcmp(text_of(run, "started"), text_of(newest, "started")) > 0))
            newest = run;
    }
    if (newest != NULL)
        add_tail(l, text_of(newest, "task"))->run = number_of(newest, "id");
}

/* The one that --run names; who follows it waits until it begins. */
static void add_run(struct logs *l, const struct json *run)
{
    bool begun = *text_of(run, "task") != '\0' || *text_of(run, "ended") != '\0';
    if (begun || !cli_on(l->c, FLAG_FOLLOW))
        add_tail(l, text_of(run, "task"))->run = number_of(run, "id");
}

/* The one that --attempt counts, as a task of its own. */
static int add_attempt(struct logs *l, const struct json *attempts, struct error *err)
{
    int64_t wanted = args_number(&l->c->args, FLAG_ATTEMPT);
    int64_t newest = 0; /* one may have been ordered more than once */
    const char *task = "";
    JSON_EACH (attempt, attempts) {
        newest = number_of(attempt, "attempt") + 1;
        if (newest == wanted)
            task = text_of(attempt, "task");
    }
    if (*task == '\0')
        return error_set(err, ERR_NOT_FOUND, "--attempt: got %lld, and the run has %lld so far",
                         (long long)wanted, (long long)newest);
    add_tail(l, task);
    return 0;
}

static void put_run(struct buf *path, const struct logs *l)
{
    buf_printf(path, "/api/runs/%lld", (long long)args_number(&l->c->args, FLAG_RUN));
}

static int find_run(struct logs *l, struct error *err)
{
    struct json *answer;
    struct buf path;
    if (l->subject.kind != NAME_JOB)
        return error_set(err, ERR_INVALID, "--run: %s is no job", l->subject.name);
    buf_init(&path, PATH_BYTES);
    put_run(&path, l);
    int rc = api_get(&l->c->api, buf_str(&path), &answer, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    const struct json *run = json_get(answer, "run");
    if (!str_eq(text_of(run, "job"), l->subject.name))
        rc = error_set(err, ERR_INVALID, "--run: run %lld is one of %s",
                       (long long)number_of(run, "id"), text_of(run, "job"));
    else if (args_given(&l->c->args, FLAG_ATTEMPT))
        rc = add_attempt(l, json_get(answer, "attempts"), err);
    else
        add_run(l, run);
    json_free(answer);
    return rc;
}

static int add_tasks(struct logs *l, struct error *err)
{
    struct json *list;
    struct buf path;
    const struct found *f = &l->subject;
    if (f->kind == NAME_TASK) {
        add_tail(l, f->name);
        return 0;
    }
    if (args_given(&l->c->args, FLAG_RUN))
        return find_run(l, err);
    if (args_given(&l->c->args, FLAG_ATTEMPT))
        return error_set(err, ERR_SYNTAX, "--attempt: of which run? need --run, too");
    buf_init(&path, PATH_BYTES);
    api_path(&path, f->kind == NAME_APP ? "/api/tasks?app=%s" : "/api/runs?job=%s", f->name);
    int rc = api_list(&l->c->api, buf_str(&path), &list, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (f->kind == NAME_APP)
        add_tasks_of_app(l, json_get(list, "items"));
    else
        add_newest_run(l, json_get(list, "items"));
    json_free(list);
    l->named = l->n > 1 || (f->kind == NAME_APP && cli_on(l->c, FLAG_FOLLOW));
    return 0;
}

/* ---- what is there */

static int print_piece(struct tail *t, const char *path, int64_t *next, int64_t *size,
                       struct error *err)
{
    struct json *answer;
    struct cli *c = t->logs->c;
    if (cli_ask(c, METHOD_GET, path, NULL, &answer, err) != 0)
        return -1;
    size_t len = json_slice(json_get(answer, "data")).len;
    *size = number_of(answer, "size");
    *next = *size;
    if (len > 0) /* an older node does not say what comes next */
        *next = json_get(answer, "next") != NULL ? number_of(answer, "next")
                                                 : number_of(answer, "offset") + (int64_t)len;
    if (!cli_on(c, FLAG_JSON))
        put_data(t, answer);
    json_free(answer);
    return 0;
}

/* A task that failed before it began has no folder. */
static void say_never_began(struct tail *t, struct error *err)
{
    struct cli *c = t->logs->c;
    char id[128];
    if (err->code != ERR_NOT_FOUND || t->run != 0)
        return;
    snprintf(c->api.cure, sizeof c->api.cure, "mesolith why %.200s", t->logs->subject.name);
    error_set(err, ERR_NOT_FOUND, "%s: it has no output: it never began, or it was cleaned up",
              text_short_id(id, sizeof id, t->task));
}

/* One file, from its beginning to its end. */
static int print_file(struct tail *t, int64_t back, struct error *err)
{
    struct buf path;
    int64_t next = 0, size = INT64_MAX;
    int rc = 0;
    bool all = cli_on(t->logs->c, FLAG_ALL);
    buf_init(&path, PATH_BYTES);
    while (rc == 0 && next < size) {
        buf_clear(&path);
        put_source(&path, t, back);
        if (all)
            buf_printf(&path, "&offset=%lld&length=%d", (long long)next, PIECE_BYTES);
        else
            put_start(&path, t->logs);
        rc = print_piece(t, buf_str(&path), &next, &size, err);
        if (rc != 0)
            say_never_began(t, err);
        if (!all)
            break;
    }
    buf_close(&path);
    return rc;
}

/* The number of its oldest file; 0: it has but one, or cannot be asked. */
static int64_t oldest_of(struct tail *t)
{
    struct cli *c = t->logs->c;
    struct json *answer;
    struct buf path;
    struct error ignored;
    char rotated[16];
    bool there[FILES_MAX + 1] = {false}; /* the task may have made others */
    int64_t number, oldest = 0;
    snprintf(rotated, sizeof rotated, "%s.", file_of(t->logs));
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/tasks/%s/files", t->task);
    if (api_get(&c->api, buf_str(&path), &answer, &ignored) == 0) {
        JSON_EACH (file, json_get(answer, "items")) {
            const char *name = text_of(file, "name");
            if (str_starts(name, rotated) && str_to_i64(name + strlen(rotated), &number) &&
                number > 0 && number <= FILES_MAX)
                there[number] = true;
        }
        json_free(answer);
    }
    while (oldest < FILES_MAX && there[oldest + 1])
        oldest++;
    buf_close(&path);
    return oldest;
}

/* Of many files only the newest ones are kept, and nobody knows how many there were. */
static void say_oldest(const struct tail *t, int64_t oldest)
{
    if (oldest > 0 && cli_for_people(t->logs->c))
        fprintf(stderr,
                "warning: %s.%lld is the oldest file that is left of it: what was written before "
                "it, if anything, is gone (max-log-file, max-log-files)\n",
                file_of(t->logs), (long long)oldest);
}

static int print_tail(struct tail *t, struct error *err)
{
    int64_t back = cli_on(t->logs->c, FLAG_ALL) && *t->task != '\0' ? oldest_of(t) : 0;
    int rc = 0;
    say_oldest(t, back);
    for (; rc == 0 && back >= 0; back--)
        rc = print_file(t, back, err);
    put_rest(t);
    return rc;
}

/* ---- what comes */

/* A task or a run has an end, and with it the loop; an app goes on until all its tails have failed.
 */
static void end_if_over(struct logs *l)
{
    bool looking = l->subject.kind == NAME_APP && !uv_is_closing((uv_handle_t *)&l->timer);
    if (l->failed && l->open == 0 && looking)
        uv_close((uv_handle_t *)&l->timer, NULL);
}

static void on_event(void *data, const struct sse_event_in *e)
{
    struct tail *t = data;
    struct error ignored;
    if (str_eq(e->event, "end")) {
        put_rest(t);
        follow_stop(&t->follow);
        return;
    }
    if (str_eq(e->event, "gap"))
        put_gap(t);
    if (!str_eq(e->event, "data"))
        return;
    if (cli_on(t->logs->c, FLAG_JSON)) {
        printf("%.*s\n", (int)e->data.len, e->data.p);
        fflush(stdout);
        return;
    }
    struct json *answer = json_parse_own(e->data, &ignored);
    if (answer != NULL)
        put_data(t, answer);
    json_free(answer);
}

static void on_ended(struct follow *f, const struct error *err)
{
    struct tail *t = f->data;
    struct logs *l = t->logs;
    bool gone = err != NULL && err->code == ERR_NOT_FOUND && l->subject.kind == NAME_APP;
    l->open--;
    if (err != NULL && !gone) {
        l->err = *err;
        l->failed = true;
    }
    end_if_over(l);
}

static int follow_tail(struct tail *t, struct error *err)
{
    struct logs *l = t->logs;
    struct buf path;
    buf_init(&path, PATH_BYTES);
    put_source(&path, t, 0);
    buf_puts(&path, "&follow=1");
    put_start(&path, l);
    t->follow.data = t;
    int rc =
        follow_start(&t->follow, &l->loop, &l->c->api, buf_str(&path), on_event, on_ended, err);
    buf_close(&path);
    l->open += rc == 0;
    return rc;
}

/* New instances of an app are found by looking every second. */
static void take_new(struct logs *l, const struct json *tasks)
{
    struct error err;
    l->fresh = true;
    JSON_EACH (task, tasks) {
        const char *id = text_of(task, "id");
        if (!task_is_live(task) || has_tail(l, id) || l->n >= TASKS_MAX)
            continue;
        if (follow_tail(add_tail(l, id), &err) != 0)
            l->err = err;
    }
}

/* A run of the job may have begun: then that is all to look for. */
static void take_begun(struct logs *l, const struct json *answer)
{
    const struct json *run = json_get(answer, "run");
    l->fresh = true;
    if (run != NULL)
        add_run(l, run);
    else
        add_newest_run(l, json_get(answer, "items"));
    LIST_EACH (member, &l->tails)
        l->failed = follow_tail(LIST_ENTRY(member, struct tail, member), &l->err) != 0;
}

static void on_looked(struct http_call *call, const struct error *err)
{
    struct logs *l = call->data;
    struct error ignored;
    int status = err == NULL ? call->response->status : 0;
    bool job = l->subject.kind == NAME_JOB;
    if (status == 200) {
        struct json *answer = json_parse_own(call->body, &ignored);
        if (job)
            take_begun(l, answer);
        else
            take_new(l, json_get(answer, "items"));
        json_free(answer);
    } else if (job && status == 404) {
        api_refused(&l->c->api, status, call->body, &l->err);
        l->failed = true;
    }
    http_call_close(call);
    if (job && (l->failed || l->n > 0))
        uv_close((uv_handle_t *)&l->timer, NULL);
    else if (l->failed)
        end_if_over(l);
    else
        uv_timer_again(&l->timer);
}

static void on_look(uv_timer_t *timer)
{
    struct logs *l = timer->data;
    struct error ignored;
    const struct http_ask ask = {
        .to = api_url(&l->c->api),
        .credentials = l->c->api.credentials,
        .tls = l->c->api.tls,
        .method = METHOD_GET,
        .target = buf_str(&l->look_path),
        .headers = SLICE("Accept: application/json\r\n"),
        .total_ms = 10 * LOOK_MS,
    };
    l->look = (struct http_call){.data = l};
    term_end_unread();
    uv_timer_stop(timer);
    if (http_call_start(&l->look, &l->loop, &ask, on_looked, &ignored) != 0)
        uv_timer_again(timer);
}

static int follow_all(struct logs *l, struct error *err)
{
    if (loop_init(&l->loop, err) != 0)
        return -1;
    buf_init(&l->look_path, PATH_BYTES);
    if (l->subject.kind == NAME_APP)
        api_path(&l->look_path, "/api/tasks?limit=1000&app=%s", l->subject.name);
    else if (l->n == 0 && args_given(&l->c->args, FLAG_RUN))
        put_run(&l->look_path, l);
    else if (l->n == 0)
        api_path(&l->look_path, "/api/runs?job=%s", l->subject.name);
    if (l->look_path.len > 0) {
        uv_timer_init(&l->loop.uv, &l->timer);
        l->timer.data = l;
        uv_timer_start(&l->timer, on_look, LOOK_MS, LOOK_MS);
    }
    int rc = 0;
    LIST_EACH (member, &l->tails)
        if (rc == 0)
            rc = follow_tail(LIST_ENTRY(member, struct tail, member), err);
    if (rc == 0)
        loop_run(&l->loop);
    if (rc == 0 && l->failed) {
        *err = l->err;
        rc = -1;
    }
    buf_close(&l->look_path);
    if (rc == 0 || l->failed)
        loop_close(&l->loop); /* else the process ends with what was begun */
    return rc;
}

/* ---- the verb */

/* What failed has often told why on the other one. */
static void say_other_file(struct logs *l)
{
    struct cli *c = l->c;
    if (l->wrote || cli_on(c, FLAG_JSON))
        return;
    if (cli_on(c, FLAG_ERR))
        cli_next(c, "Nothing on stderr; stdout: mesolith logs %s", l->subject.name);
    else
        cli_next(c, "Nothing on stdout; stderr: mesolith logs --err %s", l->subject.name);
}

static int show_logs(struct cli *c, enum name_kind kind, struct error *err)
{
    struct logs l = {.c = c};
    list_init(&l.tails);
    if (find_name(c, kind, c->args.names[0], &l.subject, err) != 0)
        return -1;
    int rc = add_tasks(&l, err);
    if (rc != 0 && err->code == ERR_NOT_FOUND && args_given(&c->args, FLAG_RUN))
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith job runs %.200s", l.subject.name);
    if (rc == 0 && l.n == 0 && !cli_on(c, FLAG_FOLLOW)) {
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith why %.200s", l.subject.name);
        rc = error_set(err, ERR_NOT_FOUND, "%s: nothing of it has run yet", l.subject.name);
    }
    if (rc == 0 && cli_on(c, FLAG_FOLLOW)) {
        rc = follow_all(&l, err);
    } else if (rc == 0) {
        LIST_EACH (member, &l.tails)
            if (rc == 0)
                rc = print_tail(LIST_ENTRY(member, struct tail, member), err);
        if (rc == 0)
            say_other_file(&l);
    }
    drop_tails(&l);
    found_close(&l.subject);
    return rc;
}

static int run(struct cli *c, struct error *err)
{
    return show_logs(c, NAME_SUBJECT, err);
}

int logs_of_job(struct cli *c, struct error *err)
{
    return show_logs(c, NAME_JOB, err);
}

static const struct cli_verb verbs[] = {
    {
        .name = "",
        .operands = "NAME",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_SUBJECT,
        .flags = FLAGS_ASK | F(FOLLOW) | F(ERR) | F(TAIL) | F(ALL) | F(RUN) | F(ATTEMPT),
        .run = run,
        .about = "Prints what an app's instances, a job's last run or a task have written",
        .examples = {"mesolith logs -f /demo/hello", "mesolith logs demo-date --err"},
    },
};

const struct cli_noun logs_noun = {
    .name = "logs",
    .about = "what tasks have written",
    .verbs = verbs,
    .n = 1,
};
