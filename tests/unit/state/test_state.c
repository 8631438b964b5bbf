#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "db/authorizer.h"
#include "db/rowsum.h"
#include "model/id.h"

/* ---- */

static void every_default_of_the_schema_is_constant(void **data)
{
    struct fixture *f = *data;
    struct error err;
    db_authorize(f->db, DB_ROLE_ANY);
    int rc = db_defaults_are_constant(f->db, &err);
    assert_string_equal(rc == 0 ? "" : err.text, "");
}

static void creates_an_app_with_its_deployment_and_a_service_port(void **data)
{
    struct fixture *f = *data;
    put_app(f, "/web", 0, 2, "run", 0, "ScaleApplication", false);
    assert_int_equal(f->last.code, ERR_NONE);
    struct app_row a = app_of(f, "/web");
    assert_int_equal(a.instances, 2);
    assert_int_not_equal(a.deployment, 0);
    assert_non_null(strstr(a.definition.p, "\"port\":10000"));
    assert_true(state_service_port_taken(f->state, 10000));
    put_app(f, "/other", 0, 1, "run", 0, "ScaleApplication", false);
    assert_non_null(strstr(app_of(f, "/other").definition.p, "\"port\":10001"));
}

static void apps_of_one_command_get_one_free_port_after_another(void **data)
{
    struct fixture *f = *data;
    char definition[2048], args[6000];
    put_app(f, "/web", 0, 1, "run", 10001, "ScaleApplication", false);
    struct slice stored = app_of(f, "/web").definition;
    snprintf(definition, sizeof definition, "%.*s", (int)stored.len, stored.p);
    memcpy(strstr(definition, "10001"), "0    ", 5);
    snprintf(args, sizeof args,
             "{\"deployment\":{\"uuid\":\"20000000-0000-4000-8000-000000000001\",\"steps\":[]},"
             "\"apps\":[{\"path\":\"/a\",\"base\":0,\"definition\":%s},"
             "{\"path\":\"/b\",\"base\":0,\"definition\":%s}]}",
             definition, definition);
    applied(f, "app.put", args);
    assert_non_null(strstr(app_of(f, "/a").definition.p, "\"port\":10000"));
    assert_non_null(strstr(app_of(f, "/b").definition.p, "\"port\":10002"));
}

static void refuses_a_second_app_of_that_id_whatever_force_says(void **data)
{
    struct fixture *f = *data;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", true);
    assert_int_equal(f->last.code, ERR_CONFLICT);
    assert_false(f->last.stale);
    assert_string_equal(f->last.text, "An app with id [/web] already exists.");
}

static void a_change_decided_on_an_old_version_is_stale(void **data)
{
    struct fixture *f = *data;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    int64_t version = app_of(f, "/web").version.ms;
    end_deployments(f);
    put_app(f, "/web", version, 3, "run", 10000, "ScaleApplication", false);
    assert_int_equal(f->last.code, ERR_NONE);
    end_deployments(f);
    put_app(f, "/web", version, 5, "run", 10000, "ScaleApplication", false);
    assert_true(f->last.stale);
    assert_int_equal(app_of(f, "/web").instances, 3);
}

static void a_locked_app_names_its_deployment_and_force_cancels_it(void **data)
{
    struct fixture *f = *data;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    int64_t version = app_of(f, "/web").version.ms, first = app_of(f, "/web").deployment;
    put_app(f, "/web", version, 2, "run", 10000, "ScaleApplication", false);
    assert_int_equal(f->last.code, ERR_CONFLICT);
    assert_non_null(strstr(buf_str(&f->last.detail), "\"deployments\":[{\"id\":\"0000"));
    put_app(f, "/web", version, 2, "run", 10000, "ScaleApplication", true);
    assert_int_equal(f->last.code, ERR_NONE);
    assert_int_not_equal(app_of(f, "/web").deployment, first);
    assert_int_equal(state_deployments_count(f->state), 1);
}

static void a_change_that_names_an_app_twice_is_refused_whole(void **data)
{
    struct fixture *f = *data;
    struct app_row row;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    end_deployments(f);
    int64_t version = app_of(f, "/web").version.ms;
    char args[512];
    snprintf(args, sizeof args,
             "{'deployment':{'uuid':'20000000-0000-4000-8000-000000000001','steps':[{'actions':[{"
             "'action':'StopApplication','app':'/web'}]}]},'apps':[{'path':'/web','base':%lld},"
             "{'path':'/web','base':%lld}]}",
             (long long)version, (long long)version);
    apply(f, "app.put", args);
    assert_int_equal(f->last.code, ERR_INVALID);
    assert_string_equal(f->last.text, "/web: named twice");
    assert_true(state_app_by_path(f->state, "/web", &row));
}

/* Each of n apps has a definition of so many bytes; all are deleted by one command. */
static void delete_large_apps(struct fixture *f, int n, int bytes)
{
    struct buf more, args;
    buf_init(&more, 8 << 20);
    buf_printf(&more, ",'labels':{'x':'%0*d'}", bytes, 0);
    buf_init(&args, 1 << 16);
    buf_puts(&args,
             "{'deployment':{'uuid':'20000000-0000-4000-8000-000000000002','steps':[{'actions"
             "':[{'action':'StopApplication','app':'/a0'}]}]},'apps':[");
    for (int i = 0; i < n; i++) {
        char id[16];
        snprintf(id, sizeof id, "/a%d", i);
        put_app_with(f, id, 0, 0, "run", 0, "ScaleApplication", false, buf_str(&more));
        assert_int_equal(f->last.code, ERR_NONE);
        end_deployments(f);
        buf_printf(&args, "%s{'path':'%s','base':%lld}", i > 0 ? "," : "", id,
                   (long long)app_of(f, id).version.ms);
    }
    buf_puts(&args, "]}");
    apply(f, "app.put", buf_str(&args));
    buf_close(&more);
    buf_close(&args);
}

static void a_plan_holds_more_than_one_entry(void **data)
{
    struct fixture *f = *data;
    struct deployment_row d;
    struct error err;
    delete_large_apps(f, 3, 3 << 20);
    assert_int_equal(f->last.code, ERR_NONE);
    struct stmt *q = state_deployments(f->state);
    assert_true(state_deployment_next(q, &d));
    struct json *plan = json_parse_own(slice_of(d.plan), &err);
    assert_int_equal(json_count(json_get(plan, "original")), 3);
    json_free(plan);
    stmt_end(q);
}

static void a_change_of_too_much_at_once_is_refused(void **data)
{
    struct fixture *f = *data;
    struct app_row row;
    delete_large_apps(f, 9, 3 << 20);
    assert_int_equal(f->last.code, ERR_LIMIT);
    assert_non_null(strstr(f->last.text, "change fewer apps at once"));
    assert_true(state_app_by_path(f->state, "/a0", &row));
}

static void from_its_level_on_more_is_taken_at_once(void **data)
{
    struct fixture *f = *data;
    applied(f, "schema.upgrade", "{'level':17}");
    delete_large_apps(f, 9, 3 << 20);
    assert_int_equal(f->last.code, ERR_NONE);
}

static void only_scaling_keeps_the_configuration(void **data)
{
    struct fixture *f = *data;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    struct app_row before = app_of(f, "/web");
    int64_t config = before.config.ms;
    end_deployments(f);
    put_app(f, "/web", before.version.ms, 4, "run", 10000, "ScaleApplication", false);
    struct app_row a = app_of(f, "/web");
    assert_int_equal(a.config.ms, config);
    assert_int_equal(a.scaling.ms, a.version.ms);
    assert_true(a.version.ms > config);
}

static void a_launch_takes_resources_that_its_end_gives_back(void **data)
{
    struct fixture *f = *data;
    struct agent_row agent;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    launch(f, "/web", 31000, 1);
    assert_true(state_agent_by_id(f->state, 0, &agent));
    assert_int_equal(agent.used_cpus_milli, 100);
    assert_int_not_equal(state_port_holder(f->state, 0, 31000), 0);
    int64_t task = only_task(f, "/web");
    status(f, task, 1, "running");
    assert_int_equal(app_of(f, "/web").counts.running, 1);
    status(f, task, 2, "failed");
    assert_true(state_agent_by_id(f->state, 0, &agent));
    assert_int_equal(agent.used_cpus_milli, 0);
    assert_int_equal(agent.tasks, 0);
    assert_int_equal(state_port_holder(f->state, 0, 31000), 0);
    struct app_row a = app_of(f, "/web");
    assert_int_equal(a.counts.live, 0);
    assert_int_equal(a.delay_ms, 1000); /* backoff */
    assert_non_null(strstr(a.failure.p, "TASK_FAILED"));
}

static void a_launch_is_refused_when_what_it_saw_has_changed(void **data)
{
    struct fixture *f = *data;
    put_app(f, "/web", 0, 2, "run", 0, "ScaleApplication", false);
    launch(f, "/web", 31000, 2);
    launch(f, "/web", 31000, 2); /* the port is taken */
    assert_int_equal(app_of(f, "/web").counts.live, 1);
    launch(f, "/web", 31001, 1); /* enough already */
    assert_int_equal(app_of(f, "/web").counts.live, 1);
    assert_non_null(strstr(buf_str(&f->last.detail), "enough instances"));
}

static void a_killed_task_ends_as_killed_whatever_its_exit(void **data)
{
    struct fixture *f = *data;
    struct task_row t;
    char args[128];
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    launch(f, "/web", 31000, 1);
    int64_t task = only_task(f, "/web");
    status(f, task, 1, "running");
    snprintf(args, sizeof args, "{\"tasks\":[{\"task\":%lld,\"reason\":\"test\"}]}",
             (long long)task);
    applied(f, "task.kill", args);
    status(f, task, 2, "running"); /* late news change nothing */
    assert_true(state_task_by_id(f->state, task, &t));
    assert_int_equal(t.state, TASK_KILLING);
    status(f, task, 3, "finished");
    assert_true(state_task_by_id(f->state, task, &t));
    assert_int_equal(t.state, TASK_KILLED);
    assert_int_equal(app_of(f, "/web").delay_ms, 0);
}

static void a_status_that_comes_twice_or_late_changes_nothing(void **data)
{
    struct fixture *f = *data;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    launch(f, "/web", 31000, 1);
    int64_t task = only_task(f, "/web");
    status(f, task, 2, "running");
    int changes = f->changes;
    status(f, task, 2, "running");
    status(f, task, 1, "starting");
    assert_int_equal(f->changes, changes);
    assert_int_equal(app_of(f, "/web").counts.running, 1);
}

static void an_instance_is_found_by_the_id_that_people_see(void **data)
{
    struct fixture *f = *data;
    struct task_row t, found;
    put_app(f, "/shop/web", 0, 1, "run", 0, "ScaleApplication", false);
    launch(f, "/shop/web", 31000, 1);
    assert_true(state_task_by_id(f->state, only_task(f, "/shop/web"), &t));
    char name[TASK_ID_SIZE];
    snprintf(name, sizeof name, "%s", t.name);
    assert_true(state_task_by_name(f->state, name, &found));
    assert_int_equal(found.id, t.id);
    *strstr(name, "._app") = '\0';
    assert_true(state_task_by_name(f->state, name, &found));
    name[strlen(name) - 1] ^= 1; /* another's key, or another half of chance */
    assert_false(state_task_by_name(f->state, name, &found));
}

static void a_deleted_app_is_forgotten_once_nothing_of_it_lives(void **data)
{
    struct fixture *f = *data;
    struct app_row row;
    char args[512];
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    launch(f, "/web", 31000, 1);
    int64_t task = only_task(f, "/web"), id = app_of(f, "/web").id;
    end_deployments(f);
    snprintf(
        args, sizeof args,
        "{\"deployment\":{\"uuid\":\"10000000-0000-4000-8000-000000000001\",\"steps\":[{"
        "\"actions\":[{\"action\":\"StopApplication\",\"app\":\"/web\"}]}]},\"apps\":[{\"path\":"
        "\"/web\",\"base\":%lld}]}",
        (long long)app_of(f, "/web").version.ms);
    applied(f, "app.put", args);
    assert_false(state_app_by_path(f->state, "/web", &row));
    snprintf(args, sizeof args, "{\"apps\":[%lld]}", (long long)id);
    applied(f, "app.forget", args); /* too early: nothing happens */
    assert_true(state_app_by_id(f->state, id, &row));
    status(f, task, 1, "killed");
    applied(f, "app.forget", args);
    assert_false(state_app_by_id(f->state, id, &row));
}

static void a_repeated_request_gets_its_first_outcome(void **data)
{
    struct fixture *f = *data;
    static const char *const args = "{\"name\":\"nobody\"}";
    apply_as(f, "job.delete", args, "r1", 0);
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
    applied(f, "job.put",
            "{\"name\":\"nobody\",\"base\":0,\"definition\":{},\"disabled\":false,\"schedule\":"
            "\"R0//PT1H\",\"k\":0,\"remaining\":0,\"counters\":{}}");
    apply_as(f, "job.delete", args, "r1", 0);
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
    struct outcome asked;
    assert_false(state_request_outcome(f->state, "r2", &asked));
    assert_true(state_request_outcome(f->state, "r1", &asked));
    assert_int_equal(asked.code, ERR_NOT_FOUND);
    assert_string_equal(asked.text, f->last.text);
    outcome_close(&asked);
    apply_as(f, "job.delete", args, "r2", 0);
    assert_int_equal(f->last.code, ERR_NONE);
}

static void again_for(struct fixture *f, const char *word, const char *args, uint64_t digest)
{
    struct error err;
    struct command c = {.at = {f->at}, .by = "ann", .from = "", .rid = "r1", .digest = digest};
    assert_true(command_parse_word(word, &c.kind));
    struct json *v = json_parse(slice_of(args), &err);
    c.args = v;
    outcome_close(&f->last);
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    state_apply(f->state, ++f->index, 1, &c, &f->last);
    assert_int_equal(db_commit(f->db, &err), 0);
    state_committed(f->state);
    json_free(v);
}

/* It goes no further: what comes behind would be applied to other tables than the others'. */
static void a_level_that_is_not_known_stops_the_replica(void **data)
{
    struct fixture *f = *data;
    struct error err;
    char args[32];
    snprintf(args, sizeof args, "{\"level\":%d}", COMMAND_LEVEL + 1);
    struct json *v = json_parse(slice_of(args), &err);
    struct command c = {
        .kind = COMMAND_SCHEMA_UPGRADE, .at = {f->at}, .by = "", .from = "", .rid = "", .args = v};
    outcome_close(&f->last);
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    state_apply(f->state, ++f->index, 1, &c, &f->last);
    assert_int_equal(db_commit(f->db, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "this build knows"));
    assert_non_null(strstr(err.text, "start a newer mesolith"));
    json_free(v);
}

static void a_request_id_is_of_one_request(void **data)
{
    struct fixture *f = *data;
    apply(f, "schema.upgrade", "{'level':36}");
    again_for(f, "job.delete", "{\"name\":\"nobody\"}", 7);
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
    again_for(f, "setting.put", "{\"set\":{}}", 8);
    assert_int_equal(f->last.code, ERR_INVALID);
    assert_false(f->last.stale);
    again_for(f, "job.delete", "{\"name\":\"nobody\"}", 7);
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
    assert_true(state_request_is_other(f->state, "r1", "parts", 8));
    assert_false(state_request_is_other(f->state, "r1", "parts", 7));
    assert_false(state_request_is_other(f->state, "r1", "parts", 0));
    assert_false(state_request_is_other(f->state, "r2", "parts", 8));
}

/* An older build, which does not know of digests, must come to the same tables. */
static void below_its_level_a_request_id_is_of_whoever_has_it(void **data)
{
    struct fixture *f = *data;
    apply(f, "schema.upgrade", "{'level':35}");
    again_for(f, "job.delete", "{\"name\":\"nobody\"}", 7);
    again_for(f, "setting.put", "{\"set\":{}}", 8);
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
    apply(f, "schema.upgrade", "{'level':36}");
    again_for(f, "setting.put", "{\"set\":{}}", 8);
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
}

static void request_ids_are_remembered_for_a_while_and_up_to_a_limit(void **data)
{
    struct fixture *f = *data;
    struct error err;
    struct outcome o;
    char sql[400];
    snprintf(sql, sizeof sql,
             "insert into requests(rid, at_ms, outcome) with recursive n(i) as (select 1 union all "
             "select i + 1 from n where i < %d) select 'r' || i, %lld + i, '{}' from n",
             LIMIT_REQUESTS, (long long)f->at - LIMIT_REQUESTS);
    db_authorize(f->db, DB_ROLE_ANY);
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    assert_int_equal(db_exec(f->db, sql, &err), 0);
    assert_int_equal(db_commit(f->db, &err), 0);
    apply_as(f, "setting.put", "{'set':{}}", "new", 0);
    assert_false(state_request_outcome(f->state, "r1", &o)); /* the oldest made room */
    assert_true(state_request_outcome(f->state, "r2", &o));
    outcome_close(&o);
    f->at += LIMIT_REQUEST_MS;
    apply_as(f, "setting.put", "{'set':{}}", "newer", 0);
    assert_false(state_request_outcome(f->state, "r2", &o));
    assert_false(state_request_outcome(f->state, "new", &o));
    assert_true(state_request_outcome(f->state, "newer", &o));
    outcome_close(&o);
}

static void a_decision_of_another_term_is_stale(void **data)
{
    struct fixture *f = *data;
    apply_as(f, "setting.put", "{\"set\":{\"x\":\"1\"}}", "", 2);
    assert_true(f->last.stale);
    assert_null(state_setting(f->state, "x", NULL));
    apply_as(f, "setting.put", "{\"set\":{\"x\":\"1\"}}", "", 1);
    assert_string_equal(state_setting(f->state, "x", NULL), "1");
}

static void a_target_is_claimed_once(void **data)
{
    struct fixture *f = *data;
    struct job_row job;
    char args[512];
    applied(
        f, "job.put",
        "{\"name\":\"j\",\"base\":0,\"definition\":{},\"disabled\":false,\"schedule\":\"R//PT1H\","
        "\"k\":0,\"remaining\":-1,\"next_ms\":1000,\"counters\":{},"
        "\"claims\":[{\"due_ms\":500}]}");
    assert_true(state_job_by_name(f->state, "j", &job));
    assert_int_equal(job.queued, 1);
    snprintf(args, sizeof args,
             "{\"set\":[{\"job\":%lld,\"generation\":1,\"at_k\":0,\"k\":2,\"remaining\":-1,"
             "\"next_ms\":2000,\"schedule\":\"R//"
             "PT1H\",\"claims\":[{\"due_ms\":500},{\"due_ms\":1000}]}]}",
             (long long)job.id);
    applied(f, "job.tick", args);
    assert_true(state_job_by_name(f->state, "j", &job));
    assert_int_equal(job.queued, 2); /* 500 was claimed already */
    assert_int_equal(job.k, 2);
    applied(f, "job.tick", args); /* decided on an old cursor: left out */
    assert_true(state_job_by_name(f->state, "j", &job));
    assert_int_equal(job.queued, 2);
}

/* However many of its runs are active, deleting a job ends them all. */
static void every_active_run_of_a_deleted_job_is_killed(void **data)
{
    struct fixture *f = *data;
    struct job_row job;
    struct run_row run;
    struct task_row t;
    int64_t runs[LIMIT_JOB_RUNS + 20];
    size_t n = 0, killing = 0;
    struct buf args;
    buf_init(&args, 1 << 20);
    buf_puts(&args,
             "{'name':'j','base':0,'definition':{},'schedule':'R//PT1H','k':0,'remaining':-1,"
             "'counters':{},'claims':[");
    for (size_t i = 0; i < COUNT(runs); i++)
        buf_printf(&args, "%s{'due_ms':%zu}", i > 0 ? "," : "", i + 1);
    buf_puts(&args, "]}");
    applied(f, "job.put", buf_str(&args));
    assert_true(state_job_by_name(f->state, "j", &job));
    struct stmt *q = state_runs_waiting(f->state, INT64_MAX);
    while (state_run_next(q, &run))
        runs[n++] = run.id;
    assert_int_equal(n, COUNT(runs));
    buf_clear(&args);
    buf_puts(&args, "{'runs':[");
    for (size_t i = 0; i < n; i++)
        buf_printf(&args,
                   "%s{'run':%lld,'attempt':0,'name':'t%zu','agent':0,'cpus':1,'mem':1,'disk':0}",
                   i > 0 ? "," : "", (long long)runs[i], i);
    buf_puts(&args, "]}");
    applied(f, "task.launch", buf_str(&args));
    applied(f, "job.delete", "{'name':'j'}");
    q = state_tasks(f->state);
    while (state_task_next(q, &t))
        killing += t.state == TASK_KILLING;
    assert_int_equal(killing, n);
    buf_close(&args);
}

static void a_list_outlives_the_texts_it_was_asked_with(void **data)
{
    struct fixture *f = *data;
    char prefix[] = "/shop/", after[] = "/shop/a";
    struct app_row app;
    put_app(f, "/shop/a", 0, 1, "run", 0, "ScaleApplication", false);
    put_app(f, "/shop/b", 0, 1, "run", 0, "ScaleApplication", false);
    put_app(f, "/shop0", 0, 1, "run", 0, "ScaleApplication", false);
    struct stmt *q = state_apps(f->state, prefix, after, INT64_MAX);
    memset(prefix, '~', strlen(prefix));
    memset(after, '~', strlen(after));
    assert_true(state_app_next(q, &app));
    assert_string_equal(app.path, "/shop/b");
    assert_false(state_app_next(q, &app));
}

static void knows_whether_an_agent_is_large_enough(void **data)
{
    struct fixture *f = *data;
    const struct resources all = {2000, 1000000000, 1000000000, 0, {0}};
    struct resources more[] = {all, all, all};
    more[0].cpus_milli++;
    more[1].mem_bytes++;
    more[2].disk_bytes++;
    assert_true(state_agent_as_large(f->state, &all));
    for (size_t i = 0; i < COUNT(more); i++)
        assert_false(state_agent_as_large(f->state, &more[i]));
}

static void knows_when_nodes_and_settings_may_have_changed(void **data)
{
    struct fixture *f = *data;
    static const char *const commands[][2] = {
        {"node.put", "{'id':7,'name':'m','address':'127.0.0.7:5055','modes':7,'level':1,"
                     "'version':'1'}"},
        {"schema.upgrade", "{'level':6}"},
        {"setting.put", "{'set':{'cluster':'c'}}"},
        {"node.put", "{'id':7,'name':'m','address':'127.0.0.7:5055','modes':7,'level':1,"
                     "'version':'1','listeners':{'marathon':'127.0.0.7:8080'}}"},
        {"node.state", "{'set':[{'node':7,'role':1,'up':true}]}"},
    };
    uint64_t sum = state_nodes_sum(f->state);
    for (size_t i = 0; i < COUNT(commands); i++) {
        applied(f, commands[i][0], commands[i][1]);
        assert_true(state_nodes_sum(f->state) != sum);
        sum = state_nodes_sum(f->state);
    }
    applied(f, "job.put", "{'name':'j','base':0,'definition':{},'k':0,'remaining':0}");
    assert_true(state_nodes_sum(f->state) == sum);
}

/* As after a snapshot that could not be put in the place of ours. */
static void is_opened_again_on_the_same_connection(void **data)
{
    struct fixture *f = *data;
    struct error err;
    uint64_t sum = db_rowsum_all(f->db);
    state_close(f->state);
    assert_int_equal(state_open(f->db, false, &f->state, &err), 0);
    assert_true(db_rowsum_all(f->db) == sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(every_default_of_the_schema_is_constant),
        TEST(knows_whether_an_agent_is_large_enough),
        TEST(knows_when_nodes_and_settings_may_have_changed),
        TEST(is_opened_again_on_the_same_connection),
        TEST(a_list_outlives_the_texts_it_was_asked_with),
        TEST(creates_an_app_with_its_deployment_and_a_service_port),
        TEST(apps_of_one_command_get_one_free_port_after_another),
        TEST(refuses_a_second_app_of_that_id_whatever_force_says),
        TEST(a_change_decided_on_an_old_version_is_stale),
        TEST(a_locked_app_names_its_deployment_and_force_cancels_it),
        TEST(a_change_that_names_an_app_twice_is_refused_whole),
        TEST(a_plan_holds_more_than_one_entry),
        TEST(a_change_of_too_much_at_once_is_refused),
        TEST(from_its_level_on_more_is_taken_at_once),
        TEST(only_scaling_keeps_the_configuration),
        TEST(a_launch_takes_resources_that_its_end_gives_back),
        TEST(a_launch_is_refused_when_what_it_saw_has_changed),
        TEST(a_killed_task_ends_as_killed_whatever_its_exit),
        TEST(a_status_that_comes_twice_or_late_changes_nothing),
        TEST(an_instance_is_found_by_the_id_that_people_see),
        TEST(a_deleted_app_is_forgotten_once_nothing_of_it_lives),
        TEST(a_repeated_request_gets_its_first_outcome),
        TEST(a_level_that_is_not_known_stops_the_replica),
        TEST(a_request_id_is_of_one_request),
        TEST(below_its_level_a_request_id_is_of_whoever_has_it),
        TEST(request_ids_are_remembered_for_a_while_and_up_to_a_limit),
        TEST(a_decision_of_another_term_is_stale),
        TEST(a_target_is_claimed_once),
        TEST(every_active_run_of_a_deleted_job_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
