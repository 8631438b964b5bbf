/* The health checks of one task, and the check that only informs: begun when it runs, ended when it
 * is to end. What they said last is kept in the file `health`, so that a restarted agent neither
 * forgets nor invents anything. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/private.h"

#define EARLY_MS 100 /* so that a task is known to be well soon after it is */

/* ---- what is known of each, by "0.state" and so on: from the checker, or from the file */

struct said {
    enum health_state state;
    unsigned failures;
    struct wall first_good, last_good, last_bad;
    char cause[128];
};

static const char *key_of(size_t i, const char *what, char dst[32])
{
    snprintf(dst, 32, "%zu.%s", i, what);
    return dst;
}

static void said_in_file(const struct task_run *t, size_t i, struct said *out)
{
    char key[32];
    static const struct fields none;
    const struct fields *f = t->health != NULL ? t->health : &none;
    out->state = (enum health_state)fields_int(f, key_of(i, "state", key), HEALTH_UNKNOWN);
    out->failures = (unsigned)fields_int(f, key_of(i, "failures", key), 0);
    out->first_good.ms = fields_int(f, key_of(i, "first_good", key), 0);
    out->last_good.ms = fields_int(f, key_of(i, "last_good", key), 0);
    out->last_bad.ms = fields_int(f, key_of(i, "last_bad", key), 0);
    fields_get(f, key_of(i, "cause", key), out->cause, sizeof(out->cause));
}

static void said_by(const struct task_run *t, size_t i, struct said *out)
{
    const struct checker *c = &t->checks[i].checker;
    *out = (struct said){.state = c->health.state,
                         .failures = c->health.failures,
                         .first_good = c->first_good,
                         .last_good = c->last_good,
                         .last_bad = c->last_bad};
    str_copy(out->cause, sizeof(out->cause), c->cause);
}

static void said(const struct task_run *t, size_t i, struct said *out)
{
    if (t->checks != NULL)
        said_by(t, i, out);
    else
        said_in_file(t, i, out);
}

static bool is_alive(const struct said *s)
{
    return s->state == HEALTH_GOOD;
}

int checks_health(const struct task_run *t)
{
    int health = t->spec.checks_n > 0 ? 1 : 0;
    for (size_t i = 0; i < t->spec.checks_n; i++) {
        struct said s;
        said(t, i, &s);
        if (s.state == HEALTH_UNKNOWN && health != 2)
            health = 0;
        else if (s.state != HEALTH_UNKNOWN && !is_alive(&s))
            health = 2;
    }
    return health;
}

static void member_wall(struct json_writer *w, const char *name, struct wall at)
{
    char text[TIME_TEXT_SIZE];
    if (at.ms != 0)
        json_member_str(w, name, wall_text(at, text));
}

/* Of those that have a result, each with its number: none is invented (spec/marathon.md 10.4). */
void checks_results(const struct task_run *t, struct buf *out)
{
    struct json_writer w;
    if (t->spec.checks_n == 0)
        return;
    json_begin(&w, out);
    json_array(&w);
    for (size_t i = 0; i < t->spec.checks_n; i++) {
        struct said s;
        said(t, i, &s);
        if (s.state == HEALTH_UNKNOWN)
            continue;
        json_object(&w);
        json_member_int(&w, "check", (int64_t)i);
        json_member_bool(&w, "alive", is_alive(&s));
        json_member_int(&w, "consecutiveFailures", s.failures);
        member_wall(&w, "firstSuccess", s.first_good);
        member_wall(&w, "lastSuccess", s.last_good);
        member_wall(&w, "lastFailure", s.last_bad);
        if (s.last_bad.ms != 0)
            json_member_str(&w, "lastFailureCause", s.cause);
        json_object_end(&w);
    }
    json_array_end(&w);
}

struct check_result checks_informed(const struct task_run *t)
{
    struct check_result r = {.kind = t->spec.check->kind};
    if (t->checks != NULL)
        r.code = t->checks[t->spec.checks_n].checker.code;
    else
        r.code =
            t->health != NULL ? (int)fields_int(t->health, "check.code", NO_RESULT) : NO_RESULT;
    return r;
}

/* ---- the file */

/* What each has said, in the form of the file. */
static void note_all(struct task_run *t)
{
    char key[32];
    struct fields f = {0};
    for (size_t i = 0; i < t->spec.checks_n; i++) {
        struct said s;
        said(t, i, &s);
        fields_put_int(&f, key_of(i, "state", key), s.state);
        fields_put_int(&f, key_of(i, "failures", key), s.failures);
        fields_put_int(&f, key_of(i, "first_good", key), s.first_good.ms);
        fields_put_int(&f, key_of(i, "last_good", key), s.last_good.ms);
        fields_put_int(&f, key_of(i, "last_bad", key), s.last_bad.ms);
        fields_put(&f, key_of(i, "cause", key), s.cause);
    }
    if (t->spec.check != NULL)
        fields_put_int(&f, "check.code", checks_informed(t).code);
    readiness_note(t, &f);
    if (t->health == NULL)
        t->health = NEW(struct fields);
    *t->health = f;
}

struct saving { /* what the thread has */
    struct task_run *task;
    uv_work_t work;
    struct fields fields;
};

static void on_save(uv_work_t *work)
{
    struct saving *s = work->data;
    struct error err;
    int folder = open(s->task->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    if (fields_save(&s->fields, folder, "health", false, &err) != 0)
        log_debug("health not kept", "folder=%s error=\"%s\"", s->task->folder, err.text);
    close(folder);
}

static void save(struct task_run *t);

static void on_saved(uv_work_t *work, int status)
{
    struct saving *s = work->data;
    struct task_run *t = s->task;
    (void)status;
    mem_free(s);
    t->saving = false;
    if (t->health_dirty)
        save(t);
    task_advance(t);
}

static void save(struct task_run *t)
{
    t->health_dirty = t->saving;
    if (t->saving)
        return;
    struct saving *s = NEW(struct saving);
    s->task = t;
    s->fields = *t->health;
    s->work.data = s;
    t->saving = true;
    int rc = uv_queue_work(&t->x->loop->uv, &s->work, on_save, on_saved);
    ASSERT(rc == 0);
}

/* ---- life */

void checks_note(struct task_run *t)
{
    note_all(t);
    save(t);
}

static void on_changed(struct checker *c)
{
    struct checked *checked = c->data;
    struct task_run *t = checked->task;
    char reason[160];
    checks_note(t);
    report(t); /* before it is killed for it: spec/marathon.md 10.4 */
    if (c->health.state == HEALTH_DOOMED) {
        snprintf(reason, sizeof(reason),
                 "Task was killed since its health check failed %u times in a row: %.60s",
                 c->health.failures, c->cause);
        log_info("task unhealthy", "task=%s cause=\"%s\"", t->run.name, c->cause);
        task_end(t, KILLED_UNHEALTHY, reason);
    }
}

static void on_informed(struct checker *c)
{
    struct checked *checked = c->data;
    checks_note(checked->task);
    report(checked->task);
}

/* Which only the task itself sees. */
static bool has_mounts(const struct run_spec *s)
{
    for (size_t i = 0; i < s->mounts_n; i++)
        if (s->mounts[i].read_only)
            return true;
    return false;
}

static void ask_helper(struct checked *c)
{
    struct task_run *t = c->task;
    c->argv[0] = "/bin/sh";
    c->argv[1] = "-c";
    c->argv[2] = (char *)c->check->command;
    struct order order = {.kind = ORDER_HELPER,
                          .cwd = t->sandbox,
                          .user = t->user_name,
                          .uid = t->user.uid,
                          .gid = t->user.gid,
                          .switch_user = t->user.change,
                          .mounts_of = has_mounts(&t->spec) ? (pid_t)t->run.pid : 0,
                          .timeout_ms = c->check->timeout_ms,
                          .argv = c->argv,
                          .env = t->run.env};
    cgroup_name(&t->x->processes.options.cgroups, t->container, &order.cgroup);
    command_probe_init(&c->command, &t->x->launcher, &order);
}

/* Where the container can be reached from here, if that is where the check belongs. */
static const char *address_of(const struct checked *c)
{
    const struct task_run *t = c->task, *net = t;
    if (t->spec.network == NETWORK_TASK)
        net = task_find(t->x, t->spec.joins);
    const char *address = net == NULL ? "" : c->check->ipv6 ? net->run.address6 : net->run.address;
    bool own = c->check->kill_on_max || t->spec.network == NETWORK_USER;
    if (t->spec.image != NULL && address[0] != '\0' && own)
        return address;
    return c->check->address != NULL ? c->check->address : "127.0.0.1";
}

static int choose_probe(struct checked *c, struct error *err)
{
    struct task_run *t = c->task;
    const struct run_check *k = c->check;
    char name[DOCKER_NAME_SIZE];
    if (k->kind != CHECK_COMMAND) {
        bool path = k->path != NULL && k->path[0] != '\0';
        const struct net_question question = {.address = address_of(c),
                                              .path = k->kind == CHECK_TCP ? NULL
                                                      : path               ? k->path
                                                                           : "/",
                                              .port = (uint16_t)k->port,
                                              .tls = k->kind == CHECK_HTTPS ? t->x->tls : NULL,
                                              .timeout_ms = k->timeout_ms,
                                              .ignore_1xx = k->ignore_1xx};
        return net_probe_init(&c->net, t->x->loop, &question, err);
    }
    if (t->spec.image == NULL)
        ask_helper(c);
    else
        docker_probe_init(&c->docker, &t->x->docker.engine, docker_name(t->container, name),
                          k->command, k->timeout_ms);
    return 0;
}

static void resume(struct checker *c, const struct said *s)
{
    if (s->state == HEALTH_UNKNOWN || s->state == HEALTH_DOOMED)
        return;
    c->health.state = s->state;
    c->health.failures = s->failures;
    c->first_good = s->first_good;
    c->last_good = s->last_good;
    c->last_bad = s->last_bad;
    str_copy(c->cause, sizeof(c->cause), s->cause);
}

static void start_one(struct task_run *t, const struct run_check *k, checker_cb *changed,
                      struct checked *c)
{
    struct error err;
    unsigned max = k->max_failures;
    int64_t ran_ms = task_ran_ms(t), delay_ms = k->delay_ms > ran_ms ? k->delay_ms - ran_ms : 0;
    struct health_policy policy = {.grace_ms = k->grace_ms - ran_ms, /* below 0: it is over */
                                   .interval_ms = k->interval_ms > 0 ? k->interval_ms : 1000,
                                   .early_ms = EARLY_MS,
                                   .max_failures = max == 0 || k->kill_on_max ? max : max + 1};
    c->task = t;
    c->check = k;
    if (choose_probe(c, &err) != 0) {
        broken_probe_init(&c->broken, &t->x->loop->uv, err.text);
        log_warn("check cannot be made", "task=%s error=\"%s\"", t->run.name, err.text);
    }
    c->checker.data = c;
    c->checker.informs = k == t->spec.check;
    int rc = checker_start(&c->checker, &t->x->loop->uv, &t->x->loop->clock, &c->probe, &policy,
                           delay_ms, changed, &err);
    ASSERT(rc == 0); /* the interval is above 0 */
}

/* Of all kinds. */
static size_t count_of(const struct task_run *t)
{
    return t->spec.checks_n + (t->spec.check != NULL);
}

static void start_all(struct task_run *t)
{
    size_t n = t->spec.checks_n;
    struct checked *checks = mem_zalloc(count_of(t) * sizeof(*checks));
    for (size_t i = 0; i < n; i++) {
        struct said before;
        said_in_file(t, i, &before);
        start_one(t, &t->spec.checks[i], on_changed, &checks[i]);
        resume(&checks[i].checker, &before);
    }
    if (t->spec.check != NULL) {
        start_one(t, t->spec.check, on_informed, &checks[n]);
        checks[n].checker.code = checks_informed(t).code; /* as the file has it */
    }
    t->checks = checks;
    t->checks_open = count_of(t);
}

void checks_start(struct task_run *t)
{
    if (count_of(t) > 0 && t->checks == NULL)
        start_all(t);
    readiness_start(t);
}

static void on_stopped(struct checker *c)
{
    struct checked *checked = c->data;
    struct task_run *t = checked->task;
    if (--t->checks_open > 0)
        return;
    mem_free(t->checks);
    t->checks = NULL;
    task_advance(t);
}

/* What they have said stays known. */
void checks_stop(struct task_run *t)
{
    readiness_stop(t);
    if (t->checks == NULL || t->checks_stopping)
        return;
    t->checks_stopping = true;
    note_all(t);
    for (size_t i = 0; i < count_of(t); i++)
        checker_stop(&t->checks[i].checker, on_stopped);
}
