#include "fixture.h"
#include "story.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static void chronos_answers_as_its_contract_says(void **unused)
{
    (void)unused;
    story_play_folder(FIXTURES "/chronos", "chronos");
}

/* ---- what a story cannot tell */

#define JOB \
    "{\"name\":\"j\",\"command\":\"x\",\"schedule\":\"R/2030-01-01T00:00:00Z/P1D\",\"cpus\":"

static void post_job(struct fixture *f, const char *body)
{
    play(f, "POST /scheduler/iso8601", "Content-Type: application/json\r\n", body);
    assert_int_equal(f->r.status, 204);
}

static int64_t runs_of(struct fixture *f, const char *name)
{
    struct job_row row;
    assert_true(state_job_by_name(f->w.state, name, &row));
    return state_runs_open_count(f->w.state, row.id);
}

/* The job is there now, and so is a node that is large enough. */
static void another_posts(struct world *w)
{
    struct reply r;
    world_apply(w, COMMAND_AGENT_REGISTER,
                "{\"uid\":77,\"hostname\":\"large\",\"cpus_milli\":64000,"
                "\"mem_bytes\":4294967296,\"disk_bytes\":10737418240}",
                NULL);
    world_play(w, "chronos", "POST /scheduler/iso8601", "Content-Type: application/json\r\n",
               JOB "1}", &r);
    reply_close(&r);
}

static void a_warning_is_of_the_view_that_counted(void **data)
{
    struct fixture *f = *data;
    f->listener = "chronos";
    f->w.meanwhile = another_posts;
    post_job(f, JOB "32}");
    assert_header(f, "Warning", "");
    post_job(f, JOB "65}");
    assert_header(f, "Warning", "199 - \"cpus: the job needs 65, the largest node has 64\"");
}

static void another_deletes(struct world *w)
{
    world_apply(w, COMMAND_JOB_DELETE, "{\"name\":\"j\"}", NULL);
}

/* G-4, also of one that was there a moment ago. */
static void a_job_that_goes_meanwhile_is_a_bad_request(void **data)
{
    static const char *const lines[] = {"DELETE /scheduler/job/j", "PUT /v1/scheduler/job/j"};
    struct fixture *f = *data;
    f->listener = "chronos";
    for (size_t i = 0; i < 2; i++) {
        post_job(f, JOB "1}");
        f->w.meanwhile = another_deletes;
        play(f, lines[i], "", NULL);
        assert_int_equal(f->r.status, 400);
        assert_string_equal(answer(f),
                            "{\"status\":\"Bad Request\",\"message\":\"job 'j' not found\"}");
    }
}

/* The original's came over lines when they were asked for so. */
static void metrics_may_be_read_by_people(void **data)
{
    struct fixture *f = *data;
    f->listener = "chronos";
    play(f, "GET /metrics?pretty=true", "", NULL);
    assert_non_null(strstr(answer(f), "{\n  \"version\": \"3.0.0\",\n  \"gauges\": {\n    \"org"));
    play(f, "GET /metrics?pretty=false", "", NULL);
    assert_null(strchr(answer(f), '\n'));
}

/* X-05, and what a setting makes of it. */
static void a_disabled_job_runs_by_hand_unless_it_is_not_wanted(void **data)
{
    struct fixture *f = *data;
    f->listener = "chronos";
    post_job(f, JOB "1,\"disabled\":true}");
    f->w.facts.job_rules.run_disabled = false;
    play(f, "PUT /scheduler/job/j", "", NULL);
    assert_int_equal(f->r.status, 204);
    assert_int_equal(runs_of(f, "j"), 0);
    f->w.facts.job_rules.run_disabled = true;
    play(f, "PUT /scheduler/job/j", "", NULL);
    assert_int_equal(f->r.status, 204);
    assert_int_equal(runs_of(f, "j"), 1);
}

/* E-17, of more than are ended at once; those that come meanwhile are another purge's. */
static void trigger_more(struct world *w)
{
    world_apply(w, COMMAND_JOB_TRIGGER, "{\"name\":\"j0\",\"concurrent\":true}", NULL);
}

static void all_that_waits_is_forgotten_by_steps(void **data)
{
    enum { JOBS = 25 };
    struct fixture *f = *data;
    char text[256], of[16];
    int64_t waiting = 0;
    f->listener = "chronos";
    for (int i = 0; i < JOBS; i++) {
        snprintf(text, sizeof text,
                 "{\"name\":\"j%d\",\"command\":\"x\",\"schedule\":"
                 "\"R/2030-01-01T00:00:00Z/P1D\"}",
                 i);
        post_job(f, text);
        snprintf(text, sizeof text, "{\"name\":\"j%d\",\"concurrent\":true}", i);
        for (int k = i == 0; k < LIMIT_JOB_OPEN_RUNS; k++)
            world_apply(&f->w, COMMAND_JOB_TRIGGER, text, NULL);
    }
    uint64_t before = f->w.index;
    f->w.meanwhile = trigger_more;
    play(f, "DELETE /scheduler/task/all", "X-Request-Id: once\r\n", NULL);
    assert_int_equal(f->r.status, 204);
    assert_int_equal(f->w.index - before, 1 + 2); /* a trigger; 2,000 and the rest */
    for (int i = 0; i < JOBS; i++) {
        struct job_row row;
        snprintf(of, sizeof of, "j%d", i);
        assert_true(state_job_by_name(f->w.state, of, &row));
        waiting += row.queued;
    }
    assert_int_equal(waiting, 1);
    play(f, "DELETE /scheduler/task/all", "X-Request-Id: once\r\n", NULL);
    assert_int_equal(f->r.status, 204);
    assert_int_equal(f->w.index - before, 1 + 2 + 1);
}

/* X-07, the same. */
static void an_unknown_zone_is_utc_if_that_is_wanted(void **data)
{
    static const char body[] = "{\"name\":\"z\",\"command\":\"x\",\"scheduleTimeZone\":"
                               "\"Mars/Base\",\"schedule\":\"R/2030-01-01T00:00:00Z/P1D\"}";
    struct fixture *f = *data;
    f->listener = "chronos";
    play(f, "POST /scheduler/iso8601", "Content-Type: application/json\r\n", body);
    assert_int_equal(f->r.status, 400);
    f->w.facts.job_rules.lenient_zones = true;
    post_job(f, body);
    play(f, "GET /scheduler/job/z", "", NULL);
    assert_non_null(strstr(answer(f), "\"scheduleTimeZone\":\"Mars/Base\"}"));
}

/* One by hand that took so many milliseconds, of which the newest is `run`. */
static void run_for(struct fixture *f, int64_t run, int64_t ms)
{
    char args[256];
    long long due = (long long)f->w.now.wall.ms - ms, id = run;
    snprintf(args, sizeof args, "{\"name\":\"j\",\"due_ms\":%lld,\"concurrent\":true}", due);
    world_apply(&f->w, COMMAND_JOB_TRIGGER, args, NULL);
    snprintf(args, sizeof args,
             "{\"runs\":[{\"run\":%lld,\"attempt\":0,\"name\":\"ct:%lld:0:j:\",\"agent\":0,"
             "\"cpus\":1,\"mem\":1,\"disk\":0}]}",
             id, due);
    world_apply(&f->w, COMMAND_TASK_LAUNCH, args, NULL);
    snprintf(args, sizeof args,
             "{\"set\":[{\"task\":%lld,\"seq\":1,\"state\":\"finished\",\"at\":%lld}]}", id, due);
    world_apply(&f->w, COMMAND_TASK_UPDATE, args, NULL);
}

/* 73 to 1100 ms, at the place q * 1029 (spec/chronos.md 7.1), whatever is kept of the runs. */
static void percentiles_are_of_the_newest_samples(void **data)
{
    struct fixture *f = *data;
    f->listener = "chronos";
    post_job(f, JOB "1}");
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":28}", NULL);
    world_apply(&f->w, COMMAND_SETTING_PUT,
                "{\"set\":{\"history.runs\":\"1\",\"history.bytes\":\"0\"}}", NULL);
    for (int64_t i = 1; i <= LIMIT_JOB_SAMPLES + 72; i++)
        run_for(f, i, i);
    play(f, "GET /v1/scheduler/job/stat/j?limit=0", "", NULL);
    assert_string_equal(answer(f),
                        "{\"histogram\":{\"75thPercentile\":843.75,\"95thPercentile\":1049.55,"
                        "\"98thPercentile\":1080.42,\"99thPercentile\":1090.71,\"median\":586.5,"
                        "\"mean\":586.5,\"count\":1028},\"taskStatHistory\":[]}");
    play(f, "GET /v1/scheduler/stats/75thPercentile", "", NULL);
    assert_string_equal(answer(f), "[{\"jobNameLabel\":\"j\",\"time\":0.84375}]");
    play(f, "GET /scheduler/stats/median", "", NULL);
    assert_string_equal(answer(f), "[{\"jobNameLabel\":\"j\",\"time\":0.5865}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chronos_answers_as_its_contract_says),
        CASE(a_warning_is_of_the_view_that_counted),
        CASE(a_job_that_goes_meanwhile_is_a_bad_request),
        CASE(metrics_may_be_read_by_people),
        CASE(a_disabled_job_runs_by_hand_unless_it_is_not_wanted),
        CASE(an_unknown_zone_is_utc_if_that_is_wanted),
        CASE(all_that_waits_is_forgotten_by_steps),
        CASE(percentiles_are_of_the_newest_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
