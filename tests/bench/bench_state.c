/* tests/bench/bench_state.c - what applying costs one replica: job runs and app launches from claim
 * to end, as commands over sets, 250 in a command, each its own durable COMMIT. Of the processor,
 * so that others do not disturb.
 *
 *     bench_state [ROUNDS]     of 1,000 jobs and 1,000 apps; the goals are 33,000 runs a second
 *                              and 10,000 launches a second (DESIGN 11) */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "db/db.h"
#include "model/app.h"
#include "state/state.h"

#define OWNERS 1000 /* jobs, and apps */
#define A_COMMAND 250

static struct db *db;
static struct state *state;
static uint64_t applied;
static struct wall at = {1714555800000};
static struct buf args;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The command whose arguments stand in `args`, and empties them. */
static void apply(enum command_kind kind)
{
    struct error err;
    struct outcome o;
    struct json *v = json_parse(buf_slice(&args), &err);
    const struct command c = {
        .kind = kind, .at = {++at.ms}, .by = "", .from = "", .rid = "", .args = v};
    ASSERT(v != NULL && db_begin(db, DB_FULL, &err) == 0);
    state_apply(state, ++applied, 1, &c, &o);
    if (o.code != ERR_NONE) {
        fprintf(stderr, "%s: %s\n", command_word(kind), o.text);
        exit(1);
    }
    ASSERT(db_commit(db, &err) == 0);
    state_committed(state);
    outcome_close(&o);
    json_free(v);
    buf_clear(&args);
}

/* One command for every A_COMMAND of 0 .. OWNERS-1; `item` writes the i-th element. */
static void apply_set(enum command_kind kind, const char *set, void (*item)(int64_t i))
{
    for (int64_t i = 0; i < OWNERS; i++) {
        buf_printf(&args, i % A_COMMAND == 0 ? "{\"%s\":[" : ",", set);
        item(i);
        if (i % A_COMMAND == A_COMMAND - 1) {
            buf_puts(&args, "]}");
            apply(kind);
        }
    }
}

/* ---- what there is */

static void begin(void)
{
    buf_printf(&args, "{\"level\":%d}", COMMAND_LEVEL);
    apply(COMMAND_SCHEMA_UPGRADE);
    buf_puts(&args,
             "{\"uid\":77,\"node\":1,\"hostname\":\"n1\",\"address\":\"127.0.0.1\",\"port\":5051,"
             "\"boot\":\"b\",\"version\":\"1\",\"docker\":\"\",\"docker_reason\":\"\","
             "\"attributes\":{},\"ports\":\"31000-32000\",\"cpus_milli\":2000000,"
             "\"mem_bytes\":1000000000000,\"disk_bytes\":1000000000000}");
    apply(COMMAND_AGENT_REGISTER);
}

static void put_job(int64_t i)
{
    buf_printf(&args,
               "{\"name\":\"job-%lld\",\"base\":0,\"definition\":{\"name\":\"job-%lld\","
               "\"command\":\"exec /usr/bin/report --for today --and %lld\",\"cpus\":0.1,"
               "\"mem\":64,\"retries\":2,\"owner\":\"ann@example.org\"},\"disabled\":false,"
               "\"schedule\":\"R//PT1M\",\"k\":0,\"remaining\":-1,\"next_ms\":0,\"counters\":{}}",
               (long long)i, (long long)i, (long long)i);
    apply(COMMAND_JOB_PUT);
}

static void put_app(int64_t i)
{
    static const struct app_rules rules;
    struct app a;
    struct problems problems = {0};
    struct error err;
    struct json_writer w;
    char body[512];
    snprintf(body, sizeof body,
             "{\"id\":\"/team/service-%lld\",\"cmd\":\"exec ./bin/server --port $PORT0\","
             "\"instances\":1,\"env\":{\"LEVEL\":\"info\"},\"labels\":{\"team\":\"a\"},"
             "\"healthChecks\":[{\"protocol\":\"HTTP\",\"path\":\"/health\"}]}",
             (long long)i);
    struct json *v = json_parse(slice_of(body), &err);
    if (v == NULL || app_parse(&rules, v, NULL, "/", NULL, &a, &problems) != 0)
        UNREACHABLE("the bench's app is right");
    buf_printf(&args, "{\"apps\":[{\"path\":\"%s\",\"base\":0,\"definition\":", a.id);
    json_begin(&w, &args);
    app_write(&a, &w);
    buf_puts(&args, "}]}");
    app_close(&a);
    json_free(v);
    apply(COMMAND_APP_PUT);
}

/* ---- what happens to it, again and again */

static int64_t task; /* the id of the last one launched */
static int64_t run;  /* and of the last run claimed */
static int64_t turn;
static const char *word;
static int64_t configs[OWNERS]; /* of the apps */

static void tick(int64_t i)
{
    buf_printf(&args,
               "{\"job\":%lld,\"generation\":1,\"at_k\":%lld,\"k\":%lld,\"remaining\":-1,"
               "\"next_ms\":%lld,\"schedule\":\"R//PT1M\",\"claims\":[{\"due_ms\":%lld}]}",
               (long long)i + 1, (long long)turn, (long long)turn + 1, (long long)turn + 1,
               (long long)turn + 1);
}

static void launch_run(int64_t i)
{
    buf_printf(&args,
               "{\"run\":%lld,\"attempt\":0,\"name\":\"ct:171455580000%lld:0:job-%lld:\","
               "\"agent\":0,\"cpus\":100,\"mem\":1048576,\"disk\":0,\"pong\":7}",
               (long long)++run, (long long)turn, (long long)i);
    task++;
}

static void launch_instance(int64_t i)
{
    buf_printf(&args,
               "{\"app\":%lld,\"config\":%lld,\"cap\":1,\"salt\":%lld,\"agent\":0,\"cpus\":100,"
               "\"mem\":1048576,\"disk\":0,\"ports\":[%lld],\"pong\":7}",
               (long long)i + 1, (long long)configs[i], (long long)i * 7919,
               (long long)(31000 + i % 1000));
    task++;
}

static void report(int64_t i)
{
    buf_printf(&args,
               "{\"task\":%lld,\"seq\":%d,\"state\":\"%s\",\"at\":%lld,\"pid\":%lld,"
               "\"exit_code\":0}",
               (long long)(task - OWNERS + 1 + i), word[0] == 'r' ? 1 : 2, word, (long long)at.ms,
               (long long)i + 300);
}

static void step(const char *what, double *sum, enum command_kind kind, const char *set,
                 void (*item)(int64_t i))
{
    word = what;
    double begun = now_us();
    apply_set(kind, set, item);
    *sum += now_us() - begun;
}

int main(int argc, char **argv)
{
    static const struct db_options options = {.fail_stop = true};
    static const char *const steps[] = {"claim",           "launch run", "running", "finished",
                                        "launch instance", "running",    "finished"};
    int rounds = argc > 1 ? atoi(argv[1]) : 120;
    double us[7] = {0};
    struct error err;
    char folder[] = "/tmp/bench-state-XXXXXX", path[64];
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    snprintf(path, sizeof path, "%s/state.db", folder);
    buf_init(&args, 64 << 20);
    ASSERT(db_open(path, &options, &db, &err) == 0 && state_open(db, false, &state, &err) == 0);
    begin();
    for (int64_t i = 0; i < OWNERS; i++) {
        struct app_row row;
        put_job(i);
        put_app(i);
        ASSERT(state_app_by_id(state, i + 1, &row));
        configs[i] = row.config.ms;
    }
    for (turn = 0; turn < rounds; turn++) {
        if (turn == rounds - 10) /* as it is when the history is full */
            for (int i = 0; i < 7; i++)
                us[i] = 0;
        step("claim", &us[0], COMMAND_JOB_TICK, "set", tick);
        step("launch", &us[1], COMMAND_TASK_LAUNCH, "runs", launch_run);
        step("running", &us[2], COMMAND_TASK_UPDATE, "set", report);
        step("finished", &us[3], COMMAND_TASK_UPDATE, "set", report);
        step("launch", &us[4], COMMAND_TASK_LAUNCH, "instances", launch_instance);
        step("running", &us[5], COMMAND_TASK_UPDATE, "set", report);
        step("finished", &us[6], COMMAND_TASK_UPDATE, "set", report);
    }
    double counted = (rounds < 10 ? rounds : 10) * OWNERS;
    for (int i = 0; i < 7; i++)
        printf("%-16s %7.2f us\n", steps[i], us[i] / counted);
    printf("a job's run      %7.2f us: %6.0f a second\n", (us[0] + us[1] + us[2] + us[3]) / counted,
           counted * 1e6 / (us[0] + us[1] + us[2] + us[3]));
    printf("an instance      %7.2f us: %6.0f a second\n", (us[4] + us[5] + us[6]) / counted,
           counted * 1e6 / (us[4] + us[5] + us[6]));
    state_close(state);
    db_close(db);
    buf_close(&args);
    unlink("state.db");
    unlink("state.db-wal");
    unlink("state.db-shm");
    rmdir(folder);
    return 0;
}
