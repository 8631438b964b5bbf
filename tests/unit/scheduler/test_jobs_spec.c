/* What an agent is told to run for one attempt of a job (spec/chronos.md 6). */
#include "harness.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/run_spec.h"

static struct harness h;
static struct buf text;
static struct json *tree;
static struct run_spec spec;

/* Posts the job, lets its run be assigned, and reads what its agent is told. */
static void spec_of(const char *body, const char *arguments)
{
    struct task_row t;
    struct error err;
    harness_open(&h, "2026-03-01T10:07:30Z");
    harness_agent(&h, "n1", 8, 8192);
    harness_post(&h, JOB_FACE_2, body);
    harness_trigger(&h, "j", arguments);
    h.agents[0].deaf = true;
    harness_turn(&h);
    struct stmt *q = state_tasks_of_agent(h.state, h.agents[0].id);
    assert_true(state_task_next(q, &t));
    int64_t task = t.id;
    stmt_end(q);
    assert_true(state_task_by_id(h.state, task, &t));
    buf_init(&text, 1 << 20);
    assert_true(jobs_run_spec(h.jobs, &t, &text));
    tree = json_parse(buf_slice(&text), &err);
    assert_non_null(tree);
    assert_int_equal(run_spec_read(tree, &spec, &err), 0);
}

static void done(void)
{
    run_spec_close(&spec);
    json_free(tree);
    buf_close(&text);
    harness_close(&h);
}

static const char *env(const char *name)
{
    for (size_t i = 0; i < spec.env_n; i++)
        if (strcmp(spec.env[i].name, name) == 0)
            return spec.env[i].value;
    return NULL;
}

#define NEVER "'schedule':'R0//PT1H'"

static void a_plain_job_is_a_shell_line(void **unused)
{
    (void)unused;
    spec_of("{'name':'j','command':'echo','arguments':['own'],'cpus':0.5,'owner':'a@b.c',"
            "'environmentVariables':[{'name':'X','value':'y'}],'maxCompletionTime':9," NEVER "}",
            "-a; b");
    assert_string_equal(spec.name, "ct:1772359650000:0:j:-a b");
    assert_string_equal(spec.of, "j");
    assert_int_equal(spec.run, 1);
    assert_string_equal(spec.source, "ChronosTask:j");
    assert_string_equal(spec.cmd, "echo -a b");
    assert_int_equal(spec.args_n, 0);
    assert_null(spec.user);
    assert_null(spec.image);
    assert_true(spec.once);
    assert_int_equal(spec.grace_ms, 10000);
    assert_int_equal(spec.max_ms, 9000);
    assert_int_equal(spec.start_before_ms, 0); /* by hand: no window */
    assert_int_equal(spec.cpus_milli, 500);
    assert_string_equal(env("X"), "y");
    assert_string_equal(env("CHRONOS_JOB_RUN_TIME"), "1772359650000");
    assert_string_equal(env("CHRONOS_JOB_RUN_ATTEMPT"), "0");
    assert_string_equal(env("CHRONOS_RUN_ID"), "1");
    assert_string_equal(env("CHRONOS_JOB_OWNER"), "a@b.c");
    assert_string_equal(env("HOST"), "n1");
    assert_string_equal(env("mesos_task_id"), spec.name);
    done();
}

static void without_a_shell_it_is_its_words(void **unused)
{
    (void)unused;
    spec_of("{'name':'j','command':'/bin/echo','shell':false,'arguments':['a b','c'],"
            "'runAsUser':'www'," NEVER "}",
            "");
    assert_null(spec.cmd);
    assert_int_equal(spec.args_n, 3);
    assert_string_equal(spec.args[1], "a b");
    assert_string_equal(spec.user, "www");
    done();
}

static void a_container_has_all_of_it(void **unused)
{
    (void)unused;
    spec_of("{'name':'j','command':'date','container':{'type':'docker','image':'busybox',"
            "'network':'bridge','forcePullImage':true,'volumes':[{'containerPath':'/data',"
            "'hostPath':'/srv','mode':'ro'},{'containerPath':'/tmp/x'}],"
            "'parameters':[{'key':'env','value':'A=1'},{'key':'env','value':'B=2'}]}," NEVER "}",
            "");
    assert_string_equal(spec.image, "busybox");
    assert_string_equal(spec.cmd, "date");
    assert_int_equal(spec.network, NETWORK_BRIDGE);
    assert_true(spec.force_pull);
    assert_int_equal(spec.mounts_n, 2);
    assert_string_equal(spec.mounts[0].host_path, "/srv");
    assert_true(spec.mounts[0].read_only);
    assert_false(spec.mounts[1].read_only);
    assert_int_equal(spec.parameters_n, 2);
    assert_string_equal(spec.parameters[1].value, "B=2");
    done();
}

static void files_are_fetched_in_their_order(void **unused)
{
    (void)unused;
    spec_of("{'name':'j','command':'x','fetch':[{'uri':'http://a/1','executable':true},"
            "{'uri':'http://a/2.tgz','output_file':'two'}]," NEVER "}",
            "");
    assert_int_equal(spec.fetch_n, 2);
    assert_true(spec.fetch[0].executable);
    assert_false(spec.fetch[0].extract);
    assert_string_equal(spec.fetch[1].dest, "two");
    assert_true(spec.fetch[1].extract);
    done();
    spec_of("{'name':'j','command':'x','uris':['http://a/3.zip']," NEVER "}", "");
    assert_string_equal(spec.fetch[0].uri, "http://a/3.zip");
    assert_true(spec.fetch[0].extract);
    done();
}

static void a_command_that_is_an_address_is_fetched_and_run(void **unused)
{
    (void)unused;
    spec_of("{'name':'j','command':'http://a/tools/run.sh -v','uris':['http://a/3.zip']," NEVER "}",
            "");
    assert_string_equal(spec.cmd, "./run.sh -v");
    assert_int_equal(spec.fetch_n, 1);
    assert_string_equal(spec.fetch[0].uri, "http://a/tools/run.sh");
    assert_true(spec.fetch[0].executable);
    done();
}

static void a_custom_executor_fails_clearly(void **unused)
{
    (void)unused;
    spec_of("{'name':'j','command':'x','executor':'/opt/exec'," NEVER "}", "");
    assert_non_null(strstr(spec.cmd, "custom executors are not supported"));
    done();
}

static void a_target_must_start_in_its_window(void **unused)
{
    struct task_row t;
    struct error err;
    (void)unused;
    harness_open(&h, "2026-03-01T10:08:10Z");
    harness_agent(&h, "n1", 8, 8192);
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'x','schedule':'R/2026-03-01T10:08:00Z/PT1H'}");
    h.agents[0].deaf = true;
    harness_turn(&h);
    assert_true(state_task_by_name(h.state, "ct:1772359680000:0:j:", &t));
    buf_init(&text, 1 << 20);
    assert_true(jobs_run_spec(h.jobs, &t, &text));
    tree = json_parse(buf_slice(&text), &err);
    assert_int_equal(run_spec_read(tree, &spec, &err), 0);
    assert_int_equal(spec.start_before_ms, harness_wall("2026-03-01T10:09:00Z").ms);
    harness_delete(&h, "j");
    assert_false(jobs_run_spec(h.jobs, &t, &text));
    done();
}

/* The arguments of a job.put; the caller frees. */
static struct json *put_of(const char *body, const char *description)
{
    const struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct json_writer w;
    struct error err;
    struct buf args;
    struct job job;
    struct json *v = json_parse(slice_of(body), &err);
    assert_int_equal(job_parse(&rules, v, JOB_FACE_2, JOB_SCHEDULED, false, &job, &problems), 0);
    job.description = description;
    buf_init(&args, 2 * LIMIT_ENTRY_BYTES);
    json_begin(&w, &args);
    json_object(&w);
    harness_open(&h, "2026-03-01T10:07:30Z");
    jobs_write_put(h.state, &job, NULL, (struct wall){1}, &w);
    harness_close(&h);
    json_object_end(&w);
    json_free(v);
    v = json_parse(buf_slice(&args), &err);
    assert_non_null(v);
    buf_close(&args);
    job_close(&job);
    return v;
}

static void nothing_is_said_of_what_a_new_job_has_not(void **unused)
{
    (void)unused;
    static const char *const said[] = {"name",      "definition", "k",
                                       "remaining", "schedule",   "next_ms"};
    struct json *v = put_of("{\"name\":\"j\",\"command\":\"x\","
                            "\"schedule\":\"R/2099-01-01T00:00:00Z/PT1H\"}",
                            "");
    assert_int_equal(json_count(v), COUNT(said));
    for (size_t i = 0; i < COUNT(said); i++)
        assert_non_null(json_get(v, said[i]));
    json_free(v);
}

/* Whoever owns the buffer refuses what does not fit: cut, it would fit. */
static void a_job_that_is_too_large_for_an_entry_is_not_cut(void **unused)
{
    (void)unused;
    char *long_text = mem_alloc(LIMIT_ENTRY_BYTES + 1);
    memset(long_text, 'x', LIMIT_ENTRY_BYTES);
    long_text[LIMIT_ENTRY_BYTES] = '\0';
    struct json *v =
        put_of("{\"name\":\"j\",\"command\":\"x\",\"schedule\":\"R1//PT1H\"}", long_text);
    assert_string_equal(json_str(json_get(json_get(v, "definition"), "description"), ""),
                        long_text);
    json_free(v);
    mem_free(long_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_job_is_a_shell_line),
        cmocka_unit_test(without_a_shell_it_is_its_words),
        cmocka_unit_test(a_container_has_all_of_it),
        cmocka_unit_test(files_are_fetched_in_their_order),
        cmocka_unit_test(a_command_that_is_an_address_is_fetched_and_run),
        cmocka_unit_test(a_custom_executor_fails_clearly),
        cmocka_unit_test(a_target_must_start_in_its_window),
        cmocka_unit_test(nothing_is_said_of_what_a_new_job_has_not),
        cmocka_unit_test(a_job_that_is_too_large_for_an_entry_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
