/* What is not as wanted is explained: what, because, so do. A row of `causes` is a test. */
#include "fleet.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "scheduler/why/why.h"

static struct fleet f;
static struct why w;

static int begin(void **unused)
{
    (void)unused;
    fleet_open(&f);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    fleet_close(&f);
    return 0;
}

#define WEB(more) "{'id':'/web','cmd':'ok','instances':3,'cpus':1,'mem':32" more "}"

/* The first sentence about the app. */
static const struct sentence *says(const char *id)
{
    assert_true(why_app(f.state, ALL_HEARD, "/web", f.now.wall, &w));
    assert_false(w.ok);
    if (!str_eq(w.sentences[0].id, id))
        fail_msg("got %s: %s", w.sentences[0].id, w.sentences[0].because);
    assert_true(w.sentences[0].what[0] != '\0' && w.sentences[0].because[0] != '\0' &&
                w.sentences[0].so[0] != '\0');
    return &w.sentences[0];
}

static void all_is_well(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB(""));
    fleet_run_ms(&f, 1000);
    assert_true(why_app(f.state, ALL_HEARD, "/web", f.now.wall, &w));
    assert_true(w.ok);
    assert_int_equal(w.n, 0);
    assert_false(why_app(f.state, ALL_HEARD, "/nothing", f.now.wall, &w));
}

static void nothing_runs_because_nothing_is_wanted(void **unused)
{
    (void)unused;
    fleet_put(&f, "{'id':'/web','cmd':'ok','instances':0,'cpus':1,'mem':32}");
    fleet_run_ms(&f, 1000);
    const struct sentence *s = says("suspended");
    assert_string_equal(s->what, "/web: nothing runs");
    assert_string_equal(s->so, "Scale it up to start it: mesolith app scale /web 1");
}

static void there_is_no_agent(void **unused)
{
    (void)unused;
    fleet_put(&f, WEB(""));
    fleet_run_ms(&f, 1000);
    const struct sentence *s = says("no-agents");
    assert_string_equal(s->what, "/web: 3 of 3 instances wait");
    assert_string_equal(s->because, "no node with an agent is there");
}

/* Each reason of placement is a sentence with the numbers of one node. */
static void no_node_fits(void **unused)
{
    static const struct {
        const char *agent, *app, *id, *because;
    } rows[] = {
        {"{'cpus_milli':2500}", "", "no-cpus",
         "1 node considered: 1 has too few cpus free (n1: 0.5 cpus free, 1 asked)"},
        {"{'mem_bytes':67108864}", "", "no-memory",
         "1 node considered: 1 has too little memory free (n1: 0 MiB free, 32 asked)"},
        {"{'disk_bytes':0}", ",'disk':5", "no-disk",
         "1 node considered: 1 has too little disk free (n1: 0 MiB of disk free, 5 asked)"},
        {"{}", ",'constraints':[['rack','LIKE','a']]", "no-constraint",
         "1 node considered: 1 does not meet its constraints (n1: rack LIKE a, and it has no "
         "rack)"},
        {"{'attributes':{'rack':'b'}}", ",'constraints':[['rack','LIKE','a']]", "no-constraint",
         "1 node considered: 1 does not meet its constraints (n1: rack LIKE a)"},
        {"{}", ",'constraints':[['hostname','UNIQUE']]", "no-constraint",
         "1 node considered: 1 does not meet its constraints (n1: hostname UNIQUE)"},
        {"{'ports':'31000-31001'}", "", "no-port",
         "1 node considered: 1 has not the ports free (n1: 0 of 1 ports free)"},
        {"{'docker':'','docker_reason':'it is not installed'}",
         ",'container':{'type':'DOCKER','docker':{'image':'x'}}", "no-docker",
         "1 node considered: 1 has no Docker engine (n1: it is not installed)"},
        {"{}", ",'fetch':[{'uri':'http://h/a'},{'uri':'s3://b/c'}]", "no-fetcher",
         "1 node considered: 1 cannot fetch what it needs (n1: s3://b/c)"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[512];
        end(NULL);
        begin(NULL);
        fleet_agent(&f, "n1", rows[i].agent);
        snprintf(body, sizeof body, "{'id':'/web','cmd':'ok','instances':3,'cpus':1,'mem':32%s}",
                 rows[i].app);
        fleet_put(&f, body);
        fleet_run_ms(&f, 1000);
        assert_string_equal(says(rows[i].id)->because, rows[i].because);
    }
}

static void the_node_is_draining(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_command(&f, COMMAND_AGENT_STATE, "{'set':[{'agent':0,'state':1}]}");
    fleet_put(&f, WEB(""));
    fleet_run_ms(&f, 1000);
    says("draining");
    assert_true(why_node(f.state, 0, "n1", f.now.wall, &w));
    assert_string_equal(w.sentences[0].id, "node-draining");
    assert_string_equal(w.sentences[0].because, "it is so for 1 s");
}

static void drain(bool wanted)
{
    fleet_command(&f, COMMAND_SCHEMA_UPGRADE, "{'level':4}");
    fleet_command(&f, COMMAND_AGENT_DRAIN,
                  wanted ? "{'agent':0,'drain':true}" : "{'agent':0,'drain':false}");
}

static void the_node_drains_but_its_tasks_have_no_other_place(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB(""));
    fleet_run_ms(&f, 1000);
    drain(true);
    fleet_run_ms(&f, 2000);
    const struct sentence *s = says("draining");
    assert_string_equal(s->what, "/web: 3 of 3 instances wait to move off a node that drains");
    assert_string_equal(s->because, "1 node considered: 1 is draining (n1)");
    assert_true(why_node(f.state, 0, "n1", f.now.wall, &w));
    assert_string_equal(w.sentences[0].because, "it is so for 2 s; 3 tasks of apps move off");
    assert_non_null(strstr(w.sentences[0].so, "mesolith node undrain n1"));
    drain(false);
    fleet_run_ms(&f, 2000);
    assert_true(why_app(f.state, ALL_HEARD, "/web", f.now.wall, &w));
    assert_true(w.ok);
    fleet_delete(&f, "/web");
    fleet_run_ms(&f, 1000);
    drain(true);
    assert_true(why_node(f.state, 0, "n1", f.now.wall, &w));
    assert_string_equal(w.sentences[0].id, "node-drained");
}

static void it_failed_and_waits(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, "{'id':'/web','cmd':'fails 10','instances':1,'cpus':1,'mem':32,'backoffSeconds':"
                  "60}");
    fleet_run_ms(&f, 1000);
    const struct sentence *s = says("backoff");
    assert_non_null(strstr(s->what, "/web: the next launch waits"));
    assert_non_null(strstr(s->because, "exited with status 1"));
    assert_non_null(strstr(s->so, "mesolith logs --err /web"));
}

/* Which is no lastTaskFailure. */
static void it_ended_well_and_waits(void **unused)
{
    (void)unused;
    fleet_upgrade(&f);
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, "{'id':'/web','cmd':'ends 10','instances':1,'cpus':1,'mem':32,'backoffSeconds':"
                  "60}");
    fleet_run_ms(&f, 1000);
    assert_non_null(strstr(says("backoff")->because, "exited with status 0"));
}

static void it_is_started_and_not_running_yet(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, "{'id':'/web','cmd':'hangs','instances':1,'cpus':1,'mem':32}");
    fleet_run_ms(&f, 1000);
    says("starting");
}

static void it_is_unhealthy(void **unused)
{
    int64_t ids[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, "{'id':'/web','cmd':'sick','instances':1,'cpus':1,'mem':32,'healthChecks':[{"
                  "'protocol':'TCP'}]}");
    fleet_run_ms(&f, 1000);
    assert_non_null(strstr(says("unhealthy")->what, "1 of 1 instance is unhealthy"));
    fleet_tasks(&f, "/web", ids);
    assert_true(why_task(f.state, fleet_task(&f, ids[0]).name, f.now.wall, &w));
    assert_string_equal(w.sentences[0].id, "unhealthy");
}

/* What is replaced again and again says what became of the last one. */
static void a_deployment_that_fails_says_how(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, "{'id':'/web','cmd':'fails 10','instances':1,'cpus':1,'mem':32,"
                  "'backoffSeconds':0,'healthChecks':[{'protocol':'TCP'}]}");
    for (int i = 0; i < 200; i++) {
        fleet_run_ms(&f, 7);
        assert_true(why_app(f.state, ALL_HEARD, "/web", f.now.wall, &w));
        if (w.n > 0 && str_eq(w.sentences[0].id, "stuck") &&
            strstr(w.sentences[0].because, "; the last one ended: ") != NULL)
            return;
    }
    fail_msg("got %s: %s", w.n > 0 ? w.sentences[0].id : "nothing", w.sentences[0].because);
}

static const char *word_of_web(void)
{
    struct app_row row = fleet_app(&f, "/web");
    struct placement *p = placement_new(f.state, ALL_HEARD);
    const char *word = app_state_word(f.state, p, &row, f.now.wall);
    placement_free(p);
    return word;
}

static const char *deployment_says(struct buf *text)
{
    struct deployment_row d;
    struct stmt *q = state_deployments(f.state);
    assert_true(state_deployment_next(q, &d));
    buf_clear(text);
    deployment_sentence(f.state, &d, f.now.wall, text);
    stmt_end(q);
    return buf_str(text);
}

/* What a deployment cannot go on without is no part of its going on. */
static void a_new_one_is_not_ready(void **unused)
{
    int64_t ids[64];
    (void)unused;
    fleet_upgrade(&f);
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB(",'portDefinitions':[{'port':0,'name':'http'}],"
                      "'healthChecks':[{'protocol':'TCP'}],"
                      "'readinessChecks':[{'name':'up','portName':'http'}]"));
    fleet_run_ms(&f, 1000);
    const struct sentence *s = says("waits-for-readiness");
    assert_string_equal(s->because, "3 of 3 instances run, 0 ready");
    assert_true(why_passes(s));
    fleet_tasks(&f, "/web", ids);
    fleet_readiness(&f, ids[0], true);
    fleet_readiness(&f, ids[1], false);
    s = says("waits-for-readiness");
    char because[512];
    snprintf(because, sizeof because,
             "3 of 3 instances run, 1 ready; %s is not ready: up says HTTP 503",
             fleet_task(&f, ids[1]).name);
    assert_string_equal(s->because, because);
    assert_non_null(strstr(s->so, "the path that their readiness check asks"));
}

static void a_deployment_that_cannot_go_on_waits(void **unused)
{
    static const struct {
        const char *app, *word;
    } rows[] = {
        {"'cmd':'hangs','mem':32", "deploying"},
        {"'cmd':'ok','mem':320000", "waiting"},
        {"'cmd':'fails 10','mem':32,'healthChecks':[{'protocol':'TCP'}]", "waiting"},
        {"'cmd':'sick','mem':32,'healthChecks':[{'protocol':'TCP'}]", "unhealthy"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[512];
        end(NULL);
        begin(NULL);
        fleet_agent(&f, "n1", "{}");
        snprintf(body, sizeof body, "{'id':'/web','instances':1,'cpus':1,'backoffSeconds':60,%s}",
                 rows[i].app);
        fleet_put(&f, body);
        fleet_run_ms(&f, 1000);
        assert_true(fleet_deploying(&f));
        assert_string_equal(word_of_web(), rows[i].word);
    }
}

/* New ones come and go; what is said of it stands still. */
static void an_upgrade_that_is_stuck_says_so_in_one_sentence(void **unused)
{
    struct buf text;
    (void)unused;
    buf_init(&text, 1024);
    fleet_agent(&f, "n1", "{}");
#define UPGRADED(cmd)                                                                       \
    "{'id':'/web','cmd':'" cmd "','instances':2,'cpus':0.1,'mem':32,'backoffSeconds':1,'he" \
    "althChecks':[{'protocol':'TCP'}]}"
    fleet_put(&f, UPGRADED("ok"));
    fleet_run_ms(&f, 1000);
    assert_false(fleet_deploying(&f));
    fleet_put(&f, UPGRADED("hangs"));
    fleet_run_ms(&f, 5000);
    assert_string_equal(deployment_says(&text),
                        "step 1 of 1: 0 of 2 new instances run, 0 healthy, 2 old are there");
    assert_string_equal(word_of_web(), "deploying");
    fleet_force(&f, UPGRADED("sick fails 700"));
    fleet_run_ms(&f, 1000);
    for (int i = 0; i < 50; i++) {
        const struct sentence *s = says("stuck");
        assert_non_null(strstr(s->what, "/web: its deployment has not moved for "));
        assert_non_null(strstr(s->because, " of 2 new instances run, 0 healthy, 2 old are there"));
        assert_int_equal(w.n, 1);
        assert_string_equal(word_of_web(), "waiting");
        fleet_run_ms(&f, 2300);
    }
    assert_non_null(strstr(deployment_says(&text), "; nothing has moved for 1 min"));
    assert_non_null(strstr(says("stuck")->because, "; the last one ended: "));
    buf_close(&text);
}

static void what_will_have_no_room_says_so_before_its_step_has_come(void **unused)
{
    const char *const bodies[] = {"{'id':'/first','cmd':'hangs','cpus':0.1,'mem':32}", WEB("")};
    (void)unused;
    fleet_agent(&f, "n1", "{'cpus_milli':500}");
    fleet_put_in_steps(&f, bodies, COUNT(bodies));
    fleet_run_ms(&f, 1000);
    says("no-cpus");
    assert_string_equal(word_of_web(), "waiting");
}

static void an_upgrade_without_room_says_so(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{'cpus_milli':2000}");
    fleet_put(&f, "{'id':'/web','cmd':'ok','instances':2,'cpus':1,'mem':32}");
    fleet_run_ms(&f, 1000);
    fleet_put(&f, "{'id':'/web','cmd':'ok','instances':2,'cpus':1,'mem':64}");
    fleet_run_ms(&f, 1000);
    assert_string_equal(says("no-cpus")->what, "/web: 2 of 2 new instances wait");
    assert_string_equal(word_of_web(), "waiting");
}

static void a_task_says_what_became_of_it(void **unused)
{
    static const struct {
        enum task_state state;
        const char *id; /* NULL: nothing to explain */
    } rows[] = {
        {TASK_STARTING, "starting"}, {TASK_RUNNING, NULL},   {TASK_FAILED, "ended"},
        {TASK_FINISHED, "ended"},    {TASK_KILLED, "ended"}, {TASK_LOST, "ended"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[TASK_ID_SIZE];
        int64_t ids[64];
        end(NULL);
        begin(NULL);
        fleet_agent(&f, "n1", "{}");
        fleet_put(&f, "{'id':'/web','cmd':'hangs','instances':1,'cpus':1,'mem':32}");
        fleet_run_ms(&f, 100);
        fleet_tasks(&f, "/web", ids);
        str_copy(name, sizeof name, fleet_task(&f, ids[0]).name);
        fleet_status(&f, ids[0], rows[i].state);
        assert_true(why_task(f.state, name, f.now.wall, &w));
        assert_int_equal(w.ok, rows[i].id == NULL);
        if (rows[i].id != NULL)
            assert_string_equal(w.sentences[0].id, rows[i].id);
    }
    assert_false(why_task(f.state, "nothing", f.now.wall, &w));
}

/* What to do depends on how it ended. */
static void an_end_says_what_helps(void **unused)
{
    static const struct {
        const char *message, *because, *so;
        bool began;
    } rows[] = {
        {"Command exited with status 127", "Command exited with status 127 (command not found?)",
         "mesolith logs", true},
        {"Memory limit exceeded: Requested: 32MB Maximum Used: 32MB", "Memory limit exceeded",
         "Give it more memory: its \"mem\" is 32 MiB.", true},
        {"user: got \"x\", need a user of this machine", "user: got", "it never began", false},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[TASK_ID_SIZE];
        int64_t ids[64];
        end(NULL);
        begin(NULL);
        fleet_agent(&f, "n1", "{}");
        fleet_put(&f, "{'id':'/web','cmd':'hangs','instances':1,'cpus':1,'mem':32,"
                      "'backoffSeconds':60}");
        fleet_run_ms(&f, 100);
        fleet_tasks(&f, "/web", ids);
        str_copy(name, sizeof name, fleet_task(&f, ids[0]).name);
        if (rows[i].began)
            fleet_status(&f, ids[0], TASK_RUNNING);
        fleet_fails(&f, ids[0], rows[i].message);
        const struct sentence *s = says("backoff");
        assert_non_null(strstr(s->because, rows[i].because));
        assert_non_null(strstr(s->so, rows[i].so));
        assert_true(why_task(f.state, name, f.now.wall, &w));
        assert_non_null(strstr(w.sentences[0].because, rows[i].because));
        if (!rows[i].began)
            assert_non_null(strstr(w.sentences[0].so, "it never began"));
    }
}

static void a_node_out_of_reach_says_so(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    assert_true(why_node(f.state, 0, "n1", f.now.wall, &w));
    assert_true(w.ok);
    fleet_cut(&f, 0);
    assert_true(why_node(f.state, 0, "n1", f.now.wall, &w));
    assert_string_equal(w.sentences[0].id, "unreachable");
    assert_false(why_node(f.state, 1, "n2", f.now.wall, &w));
}

static void a_deployment_says_what_holds_it_up(void **unused)
{
    struct deployment_row d;
    char uuid[UUID_TEXT_SIZE];
    struct buf text;
    (void)unused;
    fleet_agent(&f, "n1", "{'cpus_milli':2000}");
    fleet_put(&f, WEB(""));
    fleet_run_ms(&f, 1000);
    struct stmt *q = state_deployments(f.state);
    assert_true(state_deployment_next(q, &d));
    uuid_text(deployment_uuid(&d), uuid);
    buf_init(&text, 1024);
    deployment_sentence(f.state, &d, f.now.wall, &text);
    assert_string_equal(buf_str(&text), "step 1 of 1: 2 of 3 instances run");
    stmt_end(q);
    buf_close(&text);
    assert_true(why_deployment(f.state, ALL_HEARD, uuid, f.now.wall, &w));
    assert_string_equal(w.sentences[0].id, "no-cpus");
    assert_false(why_deployment(f.state, ALL_HEARD, "no uuid", f.now.wall, &w));
}

/* ---- words */

static void an_app_has_one_word(void **unused)
{
    static const struct {
        struct app_row row;
        const char *word;
    } rows[] = {
        {{.instances = 2, .counts = {.live = 2, .running = 2}}, "running"},
        {{.instances = 2, .counts = {.live = 1, .running = 1}}, "waiting"},
        {{.instances = 2, .counts = {.live = 2, .running = 1, .staged = 1}}, "waiting"},
        {{.instances = 2, .counts = {.live = 2, .running = 2, .unhealthy = 1}}, "unhealthy"},
        {{.instances = 0}, "suspended"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(app_state_word(f.state, NULL, &rows[i].row, f.now.wall), rows[i].word);
}

static void a_job_has_one_word(void **unused)
{
    const struct wall now = {100000};
    static const struct {
        struct job_row row;
        const char *word;
    } rows[] = {
        {{.active = 1, .disabled = true}, "running"},
        {{.disabled = true}, "disabled"},
        {{.queued = 1}, "late"},
        {{.next = {90000}}, "late"},
        {{.next = {100000}}, "idle"},
        {{.errors_since_success = 1}, "failing"},
        {{0}, "idle"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(job_state_word(f.state, &rows[i].row, now), rows[i].word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(all_is_well),
        TEST(nothing_runs_because_nothing_is_wanted),
        TEST(there_is_no_agent),
        TEST(no_node_fits),
        TEST(the_node_is_draining),
        TEST(the_node_drains_but_its_tasks_have_no_other_place),
        TEST(it_failed_and_waits),
        TEST(it_ended_well_and_waits),
        TEST(it_is_started_and_not_running_yet),
        TEST(it_is_unhealthy),
        TEST(a_deployment_that_fails_says_how),
        TEST(a_new_one_is_not_ready),
        TEST(a_deployment_that_cannot_go_on_waits),
        TEST(an_upgrade_that_is_stuck_says_so_in_one_sentence),
        TEST(what_will_have_no_room_says_so_before_its_step_has_come),
        TEST(an_upgrade_without_room_says_so),
        TEST(a_task_says_what_became_of_it),
        TEST(an_end_says_what_helps),
        TEST(a_node_out_of_reach_says_so),
        TEST(a_deployment_says_what_holds_it_up),
        TEST(an_app_has_one_word),
        TEST(a_job_has_one_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
