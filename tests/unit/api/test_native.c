#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/native/member.h"
#include "base/limits.h"
#include "base/str.h"
#include "db/authorizer.h"
#include "fixture.h"
#include "story.h"

static void our_own_api_answers_as_it_should(void **unused)
{
    (void)unused;
    story_play_folder(FIXTURES "/native", "marathon");
}

static void nodes_are_answered_on_their_port(void **unused)
{
    (void)unused;
    story_play_folder(FIXTURES "/peer", "peer");
}

static void nobody_else_meets_the_doors_of_nodes(void **data)
{
    struct fixture *f = *data;
    static const char *const listeners[] = {"marathon", "chronos", "mesos", "agent", "stats", ""};
    static const char *const lines[] = {"POST /api/peer/join", "POST /api/peer/renew",
                                        "GET /api/peer/join"};
    char wanted[128];
    for (size_t i = 0; i < COUNT(listeners); i++) {
        for (size_t k = 0; k < COUNT(lines); k++) {
            f->listener = listeners[i];
            play(f, lines[k], "", "{}");
            assert_int_equal(f->r.status, 404);
            snprintf(wanted, sizeof wanted, "there is no %s here", strchr(lines[k], '/'));
            assert_non_null(strstr(answer(f), wanted));
        }
    }
}

/* ---- what the stories' form cannot say: sandboxes */

/* The id of the one task there is. */
static void the_task(struct fixture *f, char dst[TASK_ID_SIZE])
{
    struct task_row t;
    struct stmt *q = state_tasks(f->w.state);
    assert_true(state_task_next(q, &t));
    str_copy(dst, TASK_ID_SIZE, t.name);
    stmt_end(q);
}

static void a_log_is_asked_for_where_its_task_writes_it(void **data)
{
    struct fixture *f = *data;
    static const struct {
        const char *query, *headers, *file;
        enum sandbox_op op;
        int64_t offset, tail, length;
    } cases[] = {
        {"", "", "stdout", SANDBOX_READ, 0, 0, -1},
        {"?file=stderr&offset=10&length=20", "", "stderr", SANDBOX_READ, 10, 0, 20},
        {"?tail=100", "", "stdout", SANDBOX_READ, -1, 100, -1},
        {"?tail=0", "", "stdout", SANDBOX_READ, -1, 0, -1},
        {"?follow=1&tail=5", "", "stdout", SANDBOX_FOLLOW, -1, 5, -1},
        {"?follow=1&offset=7&tail=5", "", "stdout", SANDBOX_FOLLOW, 7, 0, -1},
        {"?follow=1&offset=7", "Last-Event-ID: 900\r\n", "stdout", SANDBOX_FOLLOW, 900, 0, -1},
    };
    char task[TASK_ID_SIZE], line[1024], path[1024];
    play(f, "POST /api/apps", "", "{\"id\":\"/web\",\"cmd\":\"serve\"}");
    world_settle(&f->w);
    the_task(f, task);
    f->w.facts.node = 2; /* another than the task's is asked */
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(line, sizeof line, "GET /api/tasks/%s/logs%s", task, cases[i].query);
        play(f, line, cases[i].headers, NULL);
        const struct sandbox_request *r = f->r.sandbox;
        assert_non_null(r);
        snprintf(path, sizeof path,
                 "/slaves/" WORLD_CLUSTER "-S0/frameworks/" WORLD_CLUSTER
                 "-0000/executors/%s/runs/latest/%s",
                 task, cases[i].file);
        assert_string_equal(r->path, path);
        assert_int_equal(r->op, cases[i].op);
        assert_int_equal(r->shape, SHAPE_NATIVE);
        assert_int_equal(r->offset, cases[i].offset);
        assert_int_equal(r->tail, cases[i].tail);
        assert_int_equal(r->length, cases[i].length);
        assert_int_not_equal(r->task, 0);
        assert_int_equal(r->node, 1);
    }
    play(f, "DELETE /api/apps/web", "", NULL);
    world_settle(&f->w);
    snprintf(line, sizeof line, "GET /api/tasks/%s/logs?follow=1", task);
    play(f, line, "", NULL); /* it has ended: the executor sees by its number that it has */
    assert_int_not_equal(f->r.sandbox->task, 0);
    snprintf(line, sizeof line, "GET /api/tasks/%s/logs?offset=x", task);
    play(f, line, "", NULL);
    assert_null(f->r.sandbox);
    assert_int_equal(f->r.status, 422);
}

static void finish_run(struct fixture *f, const char *more)
{
    struct task_row t;
    char args[256];
    enum command_kind kind;
    struct stmt *q = state_tasks(f->w.state);
    assert_true(state_task_next(q, &t));
    snprintf(args, sizeof args, "{\"set\":[{\"task\":%lld,\"seq\":9,\"at\":1714557750000%s}]}",
             (long long)t.id, more);
    stmt_end(q);
    assert_true(command_parse_word("task.update", &kind));
    world_apply(&f->w, kind, args, NULL);
}

static void begin_run(struct fixture *f, const char *name)
{
    char line[128];
    snprintf(line, sizeof line, "PUT /api/jobs/%s", name);
    play(f, line, "",
         "{\"schedule\":\"R/2030-05-01T10:00:00Z/PT1H\",\"command\":\"x\",\"retries\":0,"
         "\"owner\":\"a@b.c,d@e.f\"}");
    snprintf(line, sizeof line, "POST /api/jobs/%s/run", name);
    play(f, line, "", NULL);
    world_settle(&f->w);
}

static void a_run_s_log_is_its_newest_attempt_s(void **data)
{
    struct fixture *f = *data;
    char task[TASK_ID_SIZE], path[1024];
    begin_run(f, "report");
    the_task(f, task);
    play(f, "GET /api/runs/1/log?stream=stderr&follow=1&tail=5", "", NULL);
    const struct sandbox_request *r = f->r.sandbox;
    assert_non_null(r);
    snprintf(path, sizeof path, "/executors/%s/runs/latest/stderr", task);
    assert_non_null(strstr(r->path, path));
    assert_int_equal(r->op, SANDBOX_FOLLOW);
    assert_int_equal(r->tail, 5);
    assert_int_equal(r->length, -1);
    assert_int_equal(r->begins_within_ms, 0);
    play(f, "GET /api/runs/1/log?attempt=0", "", NULL);
    assert_int_equal(f->r.sandbox->op, SANDBOX_READ);
}

static void who_follows_what_has_not_begun_waits(void **data)
{
    struct fixture *f = *data;
    begin_run(f, "report");
    play(f, "POST /api/jobs/report/run", "", NULL);
    world_apply(&f->w, COMMAND_TASK_LAUNCH,
                "{\"runs\":[{\"run\":2,\"attempt\":0,\"name\":\"ct:1:0:report:\",\"agent\":0,"
                "\"cpus\":1,\"mem\":1,\"disk\":0}]}",
                NULL);
    play(f, "GET /api/runs/2/log?follow=1&length=7", "", NULL);
    assert_non_null(f->r.sandbox);
    assert_int_equal(f->r.sandbox->length, -1);
    assert_int_equal(f->r.sandbox->begins_within_ms, LIMIT_FOLLOW_WAIT_MS);
}

static void what_became_of_runs_is_told_as_rows(void **data)
{
    struct fixture *f = *data;
    begin_run(f, "a");
    finish_run(f, ",\"state\":\"failed\",\"message\":\"it said \\\"no\\\"\"");
    begin_run(f, "b");
    play(f, "GET /api/history/export?format=csv", "", NULL);
    assert_non_null(strstr(answer(f), "id,ts,job_name,job_owner,job_schedule,job_parents,"
                                      "task_state,slave_id,message,attempt,is_failure,"
                                      "elements_processed,run,gone\n"));
    assert_non_null(strstr(
        answer(f), ",a,\"a@b.c,d@e.f\",R/2030-05-01T10:00:00Z/PT1H,,TASK_FAILED," WORLD_CLUSTER
                   "-S0,\"it said \"\"no\"\"\",0,true,,1,\n"));
    assert_null(header_get(buf_slice(&f->r.headers), "X-Mesolith-Next").p);
    play(f, "GET /api/history/export?job=b", "", NULL);
    size_t lines = 0;
    for (const char *p = answer(f); *p != '\0'; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 2);
    assert_non_null(strstr(answer(f), "\"job_name\":\"b\",\"job_owner\":\"a@b.c,d@e.f\","));
    assert_non_null(strstr(answer(f), "\"task_state\":\"TASK_STAGING\""));
    assert_non_null(strstr(answer(f), "\"task_state\":\"TASK_RUNNING\""));
    assert_null(strstr(answer(f), "\"job_name\":\"a\""));
    assert_null(strstr(answer(f), "\"gone\""));
    play(f, "GET /api/history/export?after=1&limit=1", "", NULL);
    assert_null(strstr(answer(f), "\"job_name\":\"a\""));
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":27}", NULL);
    play(f, "PUT /api/jobs/a", "",
         "{\"cron\":\"30 2 * * *\",\"command\":\"x\",\"scheduleTimeZone\":\"Europe/Berlin\"}");
    play(f, "PUT /api/jobs/b", "", "{\"cron\":\"@daily\",\"command\":\"x\"}");
    play(f, "GET /api/history/export?format=csv", "", NULL);
    assert_non_null(strstr(answer(f), ",a,,30 2 * * * Europe/Berlin,,TASK_FAILED,"));
    assert_non_null(strstr(answer(f), ",b,,@daily UTC,,TASK_RUNNING,"));
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":34}", NULL);
    play(f, "DELETE /api/jobs/a", "", NULL);
    play(f, "GET /api/history/export?limit=1", "", NULL);
    assert_non_null(strstr(answer(f), "\"job_name\":\"a\""));
    assert_non_null(strstr(answer(f), "\"gone\":\"a:1\""));
}

/* The names of the jobs that are listed, as "a b ". */
static void assert_listed(struct fixture *f, const char *line, const char *names)
{
    struct buf got;
    buf_init(&got, 256);
    play(f, line, "", NULL);
    for (const char *at = answer(f); (at = strstr(at, "\"name\":\"")) != NULL; at++)
        buf_printf(&got, "%c ", at[strlen("\"name\":\"")]);
    assert_string_equal(buf_str(&got), names);
    buf_close(&got);
}

/* However few are asked for. */
static void jobs_are_sorted_by_when_calendars_let_them_run(void **data)
{
    static const struct {
        const char *name, *more;
    } jobs[] = {
        {"a", "\"cron\":\"0 0 * * *\",\"excludeCalendars\":[\"off\"]"}, /* a day later */
        {"b", "\"cron\":\"0 1 * * *\""},
        {"c", "\"cron\":\"0 2 2 5 *\",\"endsAt\":\"2024-06-01T00:00:00Z\""},
        {"d", "\"cron\":\"0 2 * * *\",\"excludeCalendars\":[\"other\"]"},
        {"e", "\"parents\":[\"a\"]"},
    };
    struct fixture *f = *data;
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":29}", NULL);
    play(f, "PUT /api/calendars/off", "", "{\"days\":[\"2024-05-02\"]}");
    play(f, "PUT /api/calendars/other", "", "{\"days\":[\"2024-05-04\"]}");
    for (size_t i = 0; i < COUNT(jobs); i++) {
        char line[64], body[256];
        snprintf(line, sizeof line, "PUT /api/jobs/%s", jobs[i].name);
        snprintf(body, sizeof body, "{%s,\"command\":\"x\"}", jobs[i].more);
        play(f, line, "", body);
        assert_int_equal(f->r.status, 200);
    }
    assert_listed(f, "GET /api/jobs?sort=next", "b c d a e ");
    assert_listed(f, "GET /api/jobs?sort=-next", "a c d b e ");
    assert_listed(f, "GET /api/jobs?sort=next&limit=1", "b ");
    assert_listed(f, "GET /api/jobs?sort=next&limit=2&offset=1", "c d ");
    assert_listed(f, "GET /api/jobs?sort=next&limit=1&offset=3", "a ");
    assert_listed(f, "GET /api/jobs?sort=next&limit=9&offset=4", "e ");
    /* nor by what was reckoned before */
    play(f, "PUT /api/calendars/other", "", "{\"days\":[\"2024-05-02\",\"2024-05-03\"]}");
    assert_listed(f, "GET /api/jobs?sort=-next", "d a c b e ");
    play(f, "PUT /api/jobs/d", "",
         "{\"cron\":\"0 2 * * *\",\"command\":\"x\",\"excludeCalendars\":[\"off\"]}");
    assert_listed(f, "GET /api/jobs?sort=-next", "d a c b e ");
    play(f, "PUT /api/jobs/d", "", "{\"cron\":\"0 2 * * *\",\"command\":\"x\"}");
    assert_listed(f, "GET /api/jobs?sort=-next", "a c d b e ");
}

static bool count_work(void *data)
{
    ++*(int *)data;
    return true;
}

/* In hundreds of the database engine's steps. */
static int work_of(struct fixture *f, const char *line)
{
    int work = 0;
    db_set_patience(f->w.db, count_work, &work);
    play(f, line, "", NULL);
    db_set_patience(f->w.db, NULL, NULL);
    assert_int_equal(f->r.status, 200);
    return work * 4;
}

static void apply_sql(struct fixture *f, const char *sql)
{
    struct error err;
    db_authorize(f->w.db, DB_ROLE_ANY);
    assert_int_equal(db_begin(f->w.db, DB_NORMAL, &err), 0);
    if (db_exec(f->w.db, sql, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(db_commit(f->w.db, &err), 0);
}

/* What a page does not show of 2000 jobs is not asked for job by job. */
static void lists_of_many_jobs_are_little_work(void **data)
{
    static const char more[] =
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) "
        "insert into jobs(name, definition, generation, disabled, schedule, k, remaining, next_ms, "
        "errors_since_success) select printf('j%04d', 2001 - i), definition, 1, 0, schedule, k, "
        "remaining, next_ms, i % 2 from n join jobs where jobs.name = 'a'";
    struct fixture *f = *data;
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":29}", NULL);
    play(f, "PUT /api/jobs/a", "", "{\"cron\":\"0 0 * * *\",\"command\":\"x\"}");
    apply_sql(f, more);
    assert_in_range(work_of(f, "GET /api/jobs?limit=1"), 0, 300);
    assert_in_range(work_of(f, "GET /api/jobs?sort=state&limit=1"), 0, 850);
    assert_in_range(work_of(f, "GET /api/status"), 0, 1000);
    assert_listed(f, "GET /api/jobs?sort=state&limit=3", "j j j ");
    assert_non_null(strstr(answer(f), "\"j0002\""));
}

static void rows_of_a_job_with_many_parents_are_whole(void **data)
{
    static const char *const formats[] = {"jsonl", "csv"};
    struct fixture *f = *data;
    char line[80];
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":29}", NULL);
    begin_run(f, "join");
    apply_sql(f, "with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000) "
                 "insert into jobs(name, definition, generation, disabled, k, remaining) "
                 "select printf('p%04d%0200d', i, 0), definition, 1, 0, 0, 0 "
                 "from n join jobs where jobs.id = 1");
    apply_sql(f, "insert into job_edges(child, parent, ends) "
                 "select 1, id, 1 from jobs where id > 1");
    for (size_t i = 0; i < COUNT(formats); i++) {
        snprintf(line, sizeof line, "GET /api/history/export?format=%s", formats[i]);
        play(f, line, "", NULL);
        assert_int_equal(f->r.status, 200);
        assert_non_null(strstr(answer(f), ",p0002"));
        assert_non_null(strstr(answer(f), ",p6000"));
    }
}

static void a_folder_of_the_sandbox_is_browsed(void **data)
{
    struct fixture *f = *data;
    char task[TASK_ID_SIZE], line[1024];
    play(f, "POST /api/apps", "", "{\"id\":\"/web\",\"cmd\":\"serve\"}");
    world_settle(&f->w);
    the_task(f, task);
    snprintf(line, sizeof line, "GET /api/tasks/%s/files?path=/logs", task);
    play(f, line, "", NULL);
    assert_int_equal(f->r.sandbox->op, SANDBOX_BROWSE);
    assert_true(str_ends(f->r.sandbox->path, "/runs/latest/logs"));
    snprintf(line, sizeof line, "GET /api/tasks/%s/files", task);
    play(f, line, "", NULL);
    assert_true(str_ends(f->r.sandbox->path, "/runs/latest"));
    play(f, "GET /api/tasks/web.nobody/files", "", NULL);
    assert_null(f->r.sandbox);
    assert_int_equal(f->r.status, 404);
}

static void what_is_too_much_for_one_answer_is_said_at_every_door(void **data)
{
    static const char *const lines[] = {"GET /v2/groups", "GET /v2/groups?embed=group.apps",
                                        "GET /v2/apps"};
    struct fixture *f = *data;
    char id[16];
    char *fill = malloc(15 << 20), *body = malloc(16 << 20);
    memset(fill, 'x', 15 << 20);
    fill[(15 << 20) - 1] = '\0';
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "/a%d", i);
        snprintf(body, 16 << 20, "{\"id\":\"%s\",\"cmd\":\"x\",\"labels\":{\"a\":\"%s\"}}", id,
                 fill);
        play(f, "POST /v2/apps", "", body);
        assert_int_equal(f->r.status, 201);
    }
    free(fill);
    free(body);
    for (size_t i = 0; i < COUNT(lines); i++) {
        play(f, lines[i], "", NULL);
        assert_int_equal(f->r.status, 413);
        assert_non_null(strstr(answer(f), "ask for a part of it"));
    }
}

/* A body of so many bytes, of one text; or of so many numbers. */
static void assert_refused(struct fixture *f, const char *line, const char *member, size_t bytes,
                           size_t numbers, const char *why)
{
    struct buf body;
    buf_init(&body, bytes + numbers * 2 + 100);
    buf_printf(&body, "{\"command\":\"x\",\"schedule\":\"R0//PT1H\",\"%s\":", member);
    buf_puts(&body, bytes > 0 ? "\"" : "[0");
    for (size_t i = 0; i < bytes; i++)
        buf_putc(&body, 'x');
    for (size_t i = 1; i < numbers; i++)
        buf_puts(&body, ",0");
    buf_puts(&body, bytes > 0 ? "\"}" : "]}");
    play(f, line, "", buf_str(&body));
    assert_int_equal(f->r.status, 413);
    assert_non_null(strstr(answer(f), why));
    buf_close(&body);
}

/* It is read in the leader's turn. */
static void a_body_is_not_read_beyond_what_its_door_needs(void **data)
{
    struct fixture *f = *data;
    assert_refused(f, "PUT /api/jobs/a", "description", LIMIT_JOB_BYTES, 0, "bytes");
    assert_refused(f, "PUT /api/jobs/a", "arguments", 0, LIMIT_ASKED_VALUES, "elements");
    assert_refused(f, "PUT /api/calendars/a", "days", LIMIT_ASKED_BYTES, 0, "bytes");
    assert_refused(f, "POST /api/pause/jobs", "names", 0, LIMIT_ASKED_VALUES, "elements");
    assert_refused(f, "POST /api/jobs", "x", LIMIT_MANY_JOBS_BYTES, 0, "bytes");
}

/* ---- the event stream */

static void post_apps(struct fixture *f, int n)
{
    char body[128];
    for (int i = 0; i < n; i++) {
        snprintf(body, sizeof body, "{\"id\":\"/a%d\",\"cmd\":\"x\",\"instances\":0}", i);
        play(f, "POST /api/apps", "", body);
        assert_int_equal(f->r.status, 201);
    }
}

static void a_stream_begins_with_hello_and_now(void **data)
{
    struct fixture *f = *data;
    play(f, "GET /api/events", "", NULL);
    assert_int_equal(f->r.status, 200);
    assert_string_equal(f->r.content_type, "text/event-stream");
    assert_true(f->r.subscribe);
    assert_int_equal(f->r.topic, TOPIC_NATIVE);
    assert_null(f->r.types);
    assert_string_equal(answer(f), "event: hello\r\nid: 1\r\ndata: {\"index\":3,\"leader\":\"n1\","
                                   "\"now\":\"2024-05-01T09:30:00.000Z\"}\r\n\r\n");
}

static void a_resumed_stream_misses_nothing(void **data)
{
    struct fixture *f = *data;
    static const char *const resumed[][2] = {
        {"GET /api/events?after=1", ""},
        {"GET /api/events", "Last-Event-ID: 1\r\n"},
        {"GET /api/events?after=0", "Last-Event-ID: 1\r\n"},
    };
    post_apps(f, 1);
    for (size_t i = 0; i < COUNT(resumed); i++) {
        play(f, resumed[i][0], resumed[i][1], NULL);
        assert_non_null(strstr(answer(f), "event: hello\r\nid: 1\r\n"));
        assert_null(strstr(answer(f), "event: reset"));
        assert_non_null(strstr(answer(f), "event: change\r\nid: 2\r\ndata: {\"id\":2,"));
        assert_null(strstr(answer(f), "event: change\r\nid: 1\r\n"));
    }
}

static void topics_are_filtered_in_both_halves(void **data)
{
    struct fixture *f = *data;
    post_apps(f, 1);
    play(f, "GET /api/events?after=0&topics=node,deployment", "", NULL);
    assert_string_equal(f->r.types, "node\ndeployment");
    assert_non_null(strstr(answer(f), "\"noun\":\"node\""));
    assert_null(strstr(answer(f), "\"noun\":\"app\""));
}

static void who_missed_too_much_begins_anew(void **data)
{
    struct fixture *f = *data;
    for (int i = 0; i < 1200; i++) { /* an event each */
        char args[64];
        snprintf(args, sizeof args, "{\"set\":[{\"agent\":0,\"state\":%d}]}", 1 - i % 2);
        world_apply(&f->w, COMMAND_AGENT_STATE, args, NULL);
    }
    play(f, "GET /api/events?after=1", "", NULL);
    assert_non_null(strstr(answer(f), "event: reset\r\nid: 1201\r\ndata: {}"));
    assert_null(strstr(answer(f), "event: change"));
    play(f, "GET /api/events?after=99999", "", NULL); /* of another life of the cluster */
    assert_non_null(strstr(answer(f), "event: reset"));
    play(f, "GET /api/events?after=201", "", NULL);
    assert_null(strstr(answer(f), "event: reset"));
}

/* ---- lists */

static struct json *items(struct fixture *f, const char *line, const char *const wanted[], size_t n)
{
    struct error err;
    size_t i = 0;
    play(f, line, "", NULL);
    struct json *tree = json_parse(buf_slice(&f->r.body), &err);
    assert_non_null(tree);
    JSON_EACH (item, json_get(tree, "items")) {
        assert_true(i < n);
        assert_string_equal(json_str(json_get(item, "id"), ""), wanted[i++]);
    }
    assert_int_equal(i, n);
    return tree;
}

static void pages_are_cut_after_sorting(void **data)
{
    struct fixture *f = *data;
    static const struct {
        const char *line;
        const char *wanted[3];
        size_t n;
        int64_t total;
    } cases[] = {
        {"GET /api/apps?limit=3", {"/a", "/b", "/c"}, 3, 4},
        {"GET /api/apps?limit=3&offset=3", {"/d"}, 1, 4},
        {"GET /api/apps?offset=4", {0}, 0, 4},
        {"GET /api/apps?limit=0", {0}, 0, 4},
        {"GET /api/apps?sort=-id&limit=2", {"/d", "/c"}, 2, 4},
        {"GET /api/apps?sort=mem&limit=2", {"/d", "/a"}, 2, 4},
        {"GET /api/apps?sort=-mem&limit=3", {"/c", "/a", "/b"}, 3, 4}, /* a and b are equal */
        {"GET /api/apps?sort=-instances&limit=1", {"/b"}, 1, 4},
        {"GET /api/apps?q=B", {"/b"}, 1, 1},
    };
    static const char *const bodies[] = {
        "{\"id\":\"/a\",\"cmd\":\"x\",\"instances\":0,\"mem\":64}",
        "{\"id\":\"/b\",\"cmd\":\"x\",\"instances\":2,\"mem\":64}",
        "{\"id\":\"/c\",\"cmd\":\"x\",\"instances\":1,\"mem\":64.5}",
        "{\"id\":\"/d\",\"cmd\":\"x\",\"instances\":0,\"mem\":8}",
    };
    for (size_t i = 0; i < COUNT(bodies); i++)
        play(f, "POST /api/apps", "", bodies[i]);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json *tree = items(f, cases[i].line, cases[i].wanted, cases[i].n);
        assert_int_equal(json_int(json_get(tree, "total"), -1), cases[i].total);
        json_free(tree);
    }
}

/* ---- the graph around a job of a wide diamond */

#define WIDE 120

static const struct json *node_of(const struct json *graph, const char *name)
{
    JSON_EACH (node, json_get(graph, "nodes"))
        if (str_eq(json_str(json_get(node, "name"), ""), name))
            return node;
    return NULL;
}

static void what_is_too_much_to_look_at_is_counted(void **data)
{
    struct fixture *f = *data;
    struct buf end;
    struct error err;
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":29}", NULL);
    buf_init(&end, 1 << 16);
    buf_puts(&end, "{\"command\":\"x\",\"dependencyMode\":\"any\",\"parents\":[\"mid-0\"");
    play(f, "PUT /api/jobs/top", "",
         "{\"command\":\"x\",\"schedule\":\"R/2035-01-01T00:00:00Z/P1D\"}");
    for (int i = 0; i < WIDE; i++) {
        char line[64];
        snprintf(line, sizeof line, "PUT /api/jobs/mid-%d", i);
        play(f, line, "", "{\"command\":\"x\",\"parents\":[\"top\"]}");
        assert_int_equal(f->r.status, 200);
        buf_printf(&end, ",\"mid-%d\"", i);
    }
    buf_puts(&end, "]}");
    play(f, "PUT /api/jobs/end", "", buf_str(&end));
    assert_int_equal(f->r.status, 200);
    play(f, "GET /api/graph?around=top", "", NULL);
    struct json *graph = json_parse(buf_slice(&f->r.body), &err);
    assert_int_equal(json_count(json_get(graph, "nodes")), 1 + 50 + 1);
    assert_int_equal(json_count(json_get(graph, "edges")), 50 + 50);
    assert_int_equal(json_int(json_get(node_of(graph, "top"), "more_children"), 0), WIDE - 50);
    assert_int_equal(json_int(json_get(node_of(graph, "end"), "more_parents"), 0), WIDE - 50);
    assert_string_equal(json_str(json_get(node_of(graph, "end"), "after"), ""), "any");
    json_free(graph);
    buf_close(&end);
}

static void members_are_found_without_a_tree(void **unused)
{
    (void)unused;
    static const char *const object = "{\"a\":{\"b\":1,\"c\":\"}\"},\"b\":\"x\\\"b\\\":2\",\"d\":["
                                      "1,{\"b\":3}],\"e\":null,\"f\":-1.5}";
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"a", "{\"b\":1,\"c\":\"}\"}"},
        {"b", "\"x\\\"b\\\":2\""},
        {"c", ""},
        {"d", "[1,{\"b\":3}]"},
        {"e", "null"},
        {"f", "-1.5"},
        {"g", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (!slice_is(member_of(slice_of(object), cases[i].name), cases[i].value))
            fail_msg("%s", cases[i].name);
    assert_int_equal(member_of(SLICE("{}"), "a").len, 0);
    assert_int_equal(member_of(SLICE(""), "a").len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_api_answers_as_it_should),
        cmocka_unit_test(nodes_are_answered_on_their_port),
        CASE(nobody_else_meets_the_doors_of_nodes),
        CASE(a_log_is_asked_for_where_its_task_writes_it),
        CASE(a_run_s_log_is_its_newest_attempt_s),
        CASE(who_follows_what_has_not_begun_waits),
        CASE(what_became_of_runs_is_told_as_rows),
        CASE(jobs_are_sorted_by_when_calendars_let_them_run),
        CASE(lists_of_many_jobs_are_little_work),
        CASE(rows_of_a_job_with_many_parents_are_whole),
        CASE(a_folder_of_the_sandbox_is_browsed),
        CASE(what_is_too_much_for_one_answer_is_said_at_every_door),
        CASE(a_body_is_not_read_beyond_what_its_door_needs),
        CASE(a_stream_begins_with_hello_and_now),
        CASE(a_resumed_stream_misses_nothing),
        CASE(topics_are_filtered_in_both_halves),
        CASE(who_missed_too_much_begins_anew),
        CASE(pages_are_cut_after_sorting),
        CASE(what_is_too_much_to_look_at_is_counted),
        cmocka_unit_test(members_are_found_without_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
