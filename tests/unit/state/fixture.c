#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "db/rowsum.h"
#include "db/statement.h"
#include "model/app.h"

static void on_change(struct watch *w, const struct change *c)
{
    struct fixture *f = (struct fixture *)((char *)w - offsetof(struct fixture, watch));
    (void)c;
    f->changes++;
}

static struct json *parse_quoted(const char *body)
{
    struct error err;
    char *text = mem_strdup(body);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    struct json *v = json_parse(slice_of(text), &err);
    if (v == NULL)
        fail_msg("%.200s: %s", body, err.text);
    mem_free(text);
    return v;
}

void apply_as(struct fixture *f, const char *word, const char *args, const char *rid,
              uint64_t epoch)
{
    struct error err;
    struct command c = {.at = {f->at}, .by = "ann", .from = "10.0.0.9", .rid = rid, .epoch = epoch};
    assert_true(command_parse_word(word, &c.kind));
    struct json *v = parse_quoted(args);
    c.args = v;
    outcome_close(&f->last);
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    state_apply(f->state, ++f->index, 1, &c, &f->last);
    if (db_commit(f->db, &err) != 0)
        fail_msg("%s", err.text);
    state_committed(f->state);
    json_free(v);
    f->at++;
}

void apply(struct fixture *f, const char *word, const char *args)
{
    apply_as(f, word, args, "", 0);
}

void applied(struct fixture *f, const char *word, const char *args)
{
    apply(f, word, args);
    assert_string_equal(f->last.text, "");
    assert_int_equal(f->last.code, ERR_NONE);
}

static void open_state(struct fixture *f)
{
    struct error err;
    assert_int_equal(state_open(f->db, false, &f->state, &err), 0);
    f->watch.changed = on_change;
    state_watch(f->state, &f->watch);
}

void restart(struct fixture *f)
{
    state_close(f->state);
    open_state(f);
}

void begin_state(struct fixture *f)
{
    struct error err;
    const struct db_options options = {.fail_stop = true};
    *f = (struct fixture){.at = T0};
    assert_int_equal(db_open(":memory:", &options, &f->db, &err), 0);
    open_state(f);
    applied(f, "schema.upgrade", "{\"level\":1}");
    applied(f, "agent.register",
            "{\"uid\":77,\"node\":1,\"hostname\":\"n1\",\"address\":\"127.0.0.1\",\"port\":5051,"
            "\"boot\":\"b\",\"version\":\"1\",\"docker\":\"\",\"docker_reason\":\"no engine\","
            "\"attributes\":{},\"ports\":\"31000-31010\",\"cpus_milli\":2000,"
            "\"mem_bytes\":1000000000,\"disk_bytes\":1000000000}");
}

int set_up(void **data)
{
    static struct fixture f;
    begin_state(&f);
    *data = &f;
    return 0;
}

static void nothing_differs(struct fixture *f, const char *path)
{
    struct error err;
    static struct buf sql;
    buf_init(&sql, 64 << 10);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    for (int c; (c = getc(in)) != EOF;)
        buf_putc(&sql, (char)c);
    fclose(in);
    struct stmt *q = db_query(f->db, buf_slice(&sql), &err);
    if (q == NULL)
        fail_msg("%s: %s", path, err.text);
    while (stmt_row(q)) { /* commands of tests alone may leave a task without its run */
        const char *what = stmt_str(q, 0);
        if (strncmp(what, "job ", 4) == 0 || strstr(what, " is held") != NULL)
            fail_msg("%s", what);
    }
    stmt_free(q);
    buf_close(&sql);
}

void counts_are_right(struct fixture *f)
{
    if (state_level(f->state) < COMMAND_LEVEL)
        return;
    nothing_differs(f, FIXTURES "/../../recount.sql");
    nothing_differs(f, FIXTURES "/../../recount_history.sql");
}

int tear_down(void **data)
{
    struct fixture *f = *data;
    struct error err;
    counts_are_right(f);
    if (db_rowsums_verify(f->db, &err) != 0)
        fail_msg("%s", err.text);
    outcome_close(&f->last);
    state_close(f->state);
    db_close(f->db);
    return 0;
}

/* A canonical definition, as the door sends it. */
static void define(struct buf *out, const char *id, int instances, const char *cmd, int port,
                   const char *more)
{
    struct app a;
    struct problems problems = {0};
    struct buf body;
    struct json_writer w;
    const struct app_rules rules = {0};
    buf_init(&body, 16 << 20);
    buf_printf(&body,
               "{'id':'%s','cmd':'%s','instances':%d,'cpus':0.1,'mem':32,'portDefinitions':[{'port'"
               ":%d}]%s}",
               id, cmd, instances, port, more);
    struct json *v = parse_quoted(buf_str(&body));
    assert_int_equal(app_parse(&rules, v, NULL, "/", NULL, &a, &problems), 0);
    json_begin(&w, out);
    app_write(&a, &w);
    buf_close(&body);
    app_close(&a);
    json_free(v);
}

void put_app_with(struct fixture *f, const char *id, int64_t base, int instances, const char *cmd,
                  int port, const char *action, bool force, const char *more)
{
    struct buf definition, args;
    static int n;
    buf_init(&definition, 16 << 20);
    buf_init(&args, 16 << 20);
    define(&definition, id, instances, cmd, port, more);
    buf_printf(&args,
               "{\"force\":%s,\"deployment\":{\"uuid\":\"00000000-0000-4000-8000-%012d\",\"steps\":"
               "[{\"actions\":[{\"action\":\"%s\",\"app\":\"%s\"}]}]},\"apps\":[{\"path\":\"%s\","
               "\"base\":%lld,\"definition\":%s}]}",
               force ? "true" : "false", ++n, action, id, id, (long long)base,
               buf_str(&definition));
    apply(f, "app.put", buf_str(&args));
    buf_close(&definition);
    buf_close(&args);
}

void put_app(struct fixture *f, const char *id, int64_t base, int instances, const char *cmd,
             int port, const char *action, bool force)
{
    put_app_with(f, id, base, instances, cmd, port, action, force, "");
}

struct app_row app_of(struct fixture *f, const char *path)
{
    struct app_row row;
    assert_true(state_app_by_path(f->state, path, &row));
    return row;
}

void end_deployments(struct fixture *f)
{
    struct deployment_row d;
    char args[128];
    struct stmt *q = state_deployments(f->state);
    bool any = state_deployment_next(q, &d);
    stmt_end(q);
    if (!any)
        return;
    snprintf(args, sizeof args, "{\"set\":[{\"deployment\":%lld,\"end\":true}]}", (long long)d.id);
    applied(f, "deployment.step", args);
    end_deployments(f);
}

void launch(struct fixture *f, const char *path, int port, int64_t cap)
{
    char args[512];
    struct app_row a = app_of(f, path);
    snprintf(args, sizeof args,
             "{\"instances\":[{\"app\":%lld,\"config\":%lld,\"cap\":%lld,\"salt\":5,\"agent\":0,"
             "\"ports\":[%d],\"cpus\":100,\"mem\":33554432,\"disk\":0}]}",
             (long long)a.id, (long long)a.config.ms, (long long)cap, port);
    applied(f, "task.launch", args);
}

void status(struct fixture *f, int64_t task, int64_t seq, const char *state)
{
    char args[256];
    snprintf(args, sizeof args,
             "{\"set\":[{\"task\":%lld,\"seq\":%lld,\"state\":\"%s\",\"at\":%lld}]}",
             (long long)task, (long long)seq, state, (long long)f->at);
    applied(f, "task.update", args);
}

int64_t only_task(struct fixture *f, const char *path)
{
    struct task_row t;
    struct stmt *q = state_tasks_of_app(f->state, app_of(f, path).id);
    assert_true(state_task_next(q, &t));
    stmt_end(q);
    return t.id;
}

struct task_row task_of(struct fixture *f, int64_t id)
{
    struct task_row t;
    assert_true(state_task_by_id(f->state, id, &t));
    return t;
}

void set_agent(struct fixture *f, enum agent_state state)
{
    char args[64];
    snprintf(args, sizeof args, "{'set':[{'agent':0,'state':%d}]}", (int)state);
    applied(f, "agent.state", args);
}

void kill_task(struct fixture *f, int64_t task)
{
    char args[96];
    snprintf(args, sizeof args, "{'tasks':[{'task':%lld,'reason':'test'}]}", (long long)task);
    applied(f, "task.kill", args);
}
