/* Tasks: what they hold, their killing, and what agents report of them. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"
#include "model/app.h"
#include "model/status.h"
#include "state/private.h"

/* ---- counting: an app's instances by what they are */

struct count {
    int64_t live, staged, running, healthy, unhealthy, stopping;
};

static struct count count_of(enum task_state state, bool stopping, int health)
{
    bool running = state == TASK_RUNNING || state == TASK_UNREACHABLE || state == TASK_KILLING;
    return (struct count){
        .live = 1,
        .staged = state == TASK_STAGING || state == TASK_STARTING,
        .running = state == TASK_RUNNING,
        .healthy = running && health == 1,
        .unhealthy = running && health == 2,
        .stopping = stopping,
    };
}

static void count(struct state *s, int64_t app, struct count before, struct count after)
{
    struct stmt *q = change_use(s, APP_COUNT);
    stmt_bind_i64(q, ":app", app);
    stmt_bind_i64(q, ":live", after.live - before.live);
    stmt_bind_i64(q, ":staged", after.staged - before.staged);
    stmt_bind_i64(q, ":running", after.running - before.running);
    stmt_bind_i64(q, ":healthy", after.healthy - before.healthy);
    stmt_bind_i64(q, ":unhealthy", after.unhealthy - before.unhealthy);
    stmt_bind_i64(q, ":stopping", after.stopping - before.stopping);
    stmt_run(q);
}

void count_staged(struct state *s, int64_t app)
{
    count(s, app, (struct count){0}, count_of(TASK_STAGING, false, 0));
}

/* An instance of a pod is what its containers are together; those that have ended well are not
 * asked. */
static struct count count_of_instance(struct state *s, int64_t instance)
{
    struct task_row t;
    enum task_state together = TASK_KILLED; /* what any other is before */
    bool stopping = false, live = false;
    int health = 0;
    struct stmt *q = state_tasks_of_instance(s, instance);
    while (state_task_next(q, &t)) {
        if (task_ended(t.state))
            continue;
        together = task_state_of_both(together, t.state);
        health = t.health > health ? t.health : health;
        stopping = t.stopping;
        live = true;
    }
    return live ? count_of(together, stopping, health) : (struct count){0};
}

/* What the task's instance counts as: the row as it is known, or a pod's as it stands. */
static struct count count_now(struct state *s, const struct task_row *t)
{
    return t->pod ? count_of_instance(s, t->owner_id) : count_of(t->state, t->stopping, t->health);
}

/* Once the task's row has changed to this. */
static void count_change(struct state *s, const struct task_row *t, struct count before,
                         enum task_state state, bool stopping, int health)
{
    struct count after = t->pod              ? count_of_instance(s, t->owner_id)
                         : task_ended(state) ? (struct count){0}
                                             : count_of(state, stopping, health);
    count(s, t->app, before, after);
}

/* ---- resources: what a task holds until it has ended, and a resident's instance beyond that */

void agent_add(struct agent_row *r, const struct resources *more, int64_t tasks)
{
    r->used_cpus_milli += more->cpus_milli;
    r->used_mem_bytes += more->mem_bytes;
    r->used_disk_bytes += more->disk_bytes;
    r->tasks += tasks;
}

static void use(struct state *s, struct agent_used *u)
{
    if (!u->any)
        return;
    struct stmt *q = change_use(s, AGENT_USE);
    stmt_bind_i64(q, ":cpus", u->more.cpus_milli);
    stmt_bind_i64(q, ":mem", u->more.mem_bytes);
    stmt_bind_i64(q, ":disk", u->more.disk_bytes);
    stmt_bind_i64(q, ":tasks", u->tasks);
    stmt_bind_i64(q, ":id", u->agent);
    bool known = memo_known(s, MEMO_AGENT, u->agent) != NULL;
    stmt_run(q);
    u->any = false;
    struct memo_row *now = memo_again(s, MEMO_AGENT, u->agent, known);
    if (now != NULL)
        agent_add(&now->agent, &u->more, u->tasks);
}

void agents_use_all(struct state *s)
{
    for (size_t i = 0; i < AGENTS_USED && s->uses; i++)
        use(s, &s->used[i]);
    s->uses = false;
}

/* A command starts or ends many tasks of an agent, and changes its row once. */
void agent_use(struct state *s, int64_t agent, int64_t sign, const struct resources *r,
               int64_t tasks)
{
    struct agent_used *u = &s->used[(uint64_t)agent % AGENTS_USED];
    if (u->agent != agent)
        use(s, u);
    if (!u->any)
        *u = (struct agent_used){.any = true, .agent = agent};
    u->more.cpus_milli += sign * r->cpus_milli;
    u->more.mem_bytes += sign * r->mem_bytes;
    u->more.disk_bytes += sign * r->disk_bytes;
    u->tasks += tasks;
    s->uses = true;
}

static struct resources held_by(const struct task_row *t)
{
    return (struct resources){
        .cpus_milli = t->cpus_milli, .mem_bytes = t->mem_bytes, .disk_bytes = t->disk_bytes};
}

void ports_give(struct state *s, int64_t agent, const char *ports)
{
    struct error err;
    struct json *all = json_parse_own(slice_of(ports), &err);
    JSON_EACH (port, all) {
        struct stmt *q = change_use(s, PORT_GIVE);
        stmt_bind_i64(q, ":agent", agent);
        stmt_bind_i64(q, ":port", json_int(port, 0));
        stmt_run(q);
    }
    json_free(all);
}

static bool is_resident(struct state *s, const struct task_row *t)
{
    struct reservation_row r;
    return t->app != 0 && state_reservation(s, t->owner_id, &r);
}

static void give_back(struct apply *a, const struct task_row *t)
{
    struct resources held = {0}; /* a resident's are its instance's */
    if (!is_resident(a->s, t)) {
        held = held_by(t);
        ports_give(a->s, t->agent, t->ports);
    }
    agent_use(a->s, t->agent, -1, &held, -1);
    agent_counted(a, t->agent);
}

/* ---- killing */

static void take_status(struct apply *a, const struct status *st, bool reported);

void task_abandon(struct apply *a, const struct task_row *t, const char *reason)
{
    struct status st = {
        .task = t->id, .seq = t->seq + 1, .state = TASK_LOST, .at = a->c->at, .message = reason};
    take_status(a, &st, false);
}

static void order_kill(struct apply *a, const struct task_row *t, const char *reason)
{
    struct stmt *q = change_use(a->s, TASK_KILL);
    stmt_bind_i64(q, ":id", t->id);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_text(q, ":reason", reason);
    stmt_run(q);
}

/* What has its data where nobody can reach it may go on there: its end is waited for, unless the
 * data was given up (9.6). */
static bool is_waited_for(struct state *s, const struct task_row *t)
{
    struct reservation_row r;
    return t->app != 0 && state_reservation(s, t->owner_id, &r) && !r.wiped;
}

static void kill_one(struct apply *a, const struct task_row *t, const char *reason)
{
    if (task_ended(t->state) || t->state == TASK_KILLING)
        return;
    if (t->state == TASK_UNREACHABLE && !is_waited_for(a->s, t)) {
        if (t->job != 0) /* so that its run is not tried again (spec/chronos.md 5.6) */
            order_kill(a, t, reason);
        task_abandon(a, t, reason);
        return;
    }
    struct count before = t->app != 0 ? count_now(a->s, t) : (struct count){0};
    order_kill(a, t, reason);
    if (t->app != 0) {
        struct stmt *q = change_use(a->s, INSTANCE_STOPPING);
        stmt_bind_i64(q, ":id", t->owner_id);
        stmt_run(q);
        count_change(a->s, t, before, TASK_KILLING, true, t->health);
    }
    changed(a,
            (struct change){
                .kind = CHANGE_TASK,
                .id = t->id,
                .name = t->name,
                .of = t->of,
                .owner = t->app != 0 ? t->app : t->job,
                .state = TASK_KILLING,
                .before = (int)t->state,
                .event = event_put(a, NOUN_TASK, t->name, "killing", "%s: task %s is stopped: %s",
                                   t->of != NULL ? t->of : "", t->name, reason),
            });
}

size_t instance_alive(struct state *s, int64_t instance, int64_t ids_out[LIMIT_POD_CONTAINERS])
{
    size_t n = 0;
    struct task_row t;
    struct stmt *q = state_tasks_of_instance(s, instance);
    while (state_task_next(q, &t))
        if (!task_ended(t.state) && n < LIMIT_POD_CONTAINERS)
            ids_out[n++] = t.id;
    return n;
}

/* All of a pod's instance that has not ended. */
static void kill_instance(struct apply *a, int64_t instance, const char *reason)
{
    int64_t ids[LIMIT_POD_CONTAINERS];
    struct task_row t;
    size_t n = instance_alive(a->s, instance, ids);
    for (size_t i = 0; i < n; i++)
        if (state_task_by_id(a->s, ids[i], &t))
            kill_one(a, &t, reason);
}

void task_kill(struct apply *a, const struct task_row *t, const char *reason)
{
    if (t->pod)
        kill_instance(a, t->owner_id, reason);
    else
        kill_one(a, t, reason);
}

/* {"tasks":[{"task","reason","wipe"} | {"instance","reason"}]}: with `wipe`, and of an instance, a
 * resident's data is given up. */
int apply_task_kill(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "tasks")) {
        struct task_row t;
        const char *reason = json_str(json_get(item, "reason"), "killed");
        int64_t instance = json_int(json_get(item, "instance"), 0);
        bool known =
            instance == 0 && state_task_by_id(a->s, json_int(json_get(item, "task"), 0), &t);
        if (known && json_bool(json_get(item, "wipe"), false) && is_resident(a->s, &t))
            instance = t.owner_id;
        if (instance != 0)
            resident_wipe(a, instance, reason);
        else if (known)
            task_kill(a, &t, reason);
    }
    return 0;
}

/* ---- what agents report */

/* An agent says of what it has killed that it was, however it ended: other ends came before. Of an
 * asynchronous run the process is not the end. */
static bool ended_well_before(struct state *s, const struct task_row *t, enum task_state reported)
{
    return s->level >= WELL_LEVEL && t->job != 0 && reported == TASK_FINISHED &&
           !state_job_task(s, t->id).async;
}

/* A task goes forward only, but for one that was out of reach; who was told to end does not start
 * again, and ends as killed whatever its exit status (spec/marathon.md 9.5). */
static enum task_state next_state(struct state *s, const struct task_row *t,
                                  enum task_state reported)
{
    if (t->state == TASK_KILLING) {
        if (!task_ended(reported))
            return TASK_KILLING;
        if (ended_well_before(s, t, reported))
            return TASK_FINISHED;
        return reported == TASK_FINISHED || reported == TASK_FAILED ? TASK_KILLED : reported;
    }
    if (t->state == TASK_UNREACHABLE || task_ended(reported) || reported >= t->state)
        return reported;
    return t->state;
}

static bool delays_launches(enum task_state s) /* spec/marathon.md 9.2 */
{
    return s == TASK_FINISHED || s == TASK_FAILED || s == TASK_ERROR || s == TASK_GONE ||
           s == TASK_DROPPED;
}

/* spec/marathon.md 3.2; a task out of reach that is given up is none. */
static bool is_task_failure(const struct task_row *t, enum task_state state, bool reported)
{
    if (state == TASK_LOST)
        return t->kill_reason == NULL && (reported || t->state != TASK_UNREACHABLE);
    return state != TASK_FINISHED && delays_launches(state);
}

enum { FAILURE_TEXT_SIZE = 4096, READINESS_BYTES = 64 << 10 };

static void write_end(struct json_writer *w, const struct app_row *app, const struct task_row *t,
                      enum task_state state, const struct status *st)
{
    char text[TIME_TEXT_SIZE], message[FAILURE_TEXT_SIZE];
    str_copy(message, sizeof message, st->message != NULL ? st->message : "");
    json_object(w);
    json_member_str(w, "appId", app->path);
    json_member_int(w, "agent", t->agent);
    json_member_str(w, "message", message);
    json_member_str(w, "state", task_state_mesos(state));
    json_member_str(w, "taskId", t->name);
    json_member_str(w, "timestamp", wall_text(st->at, text));
    json_member_str(w, "version", wall_text(t->version, text));
    json_object_end(w);
}

/* min(delay * factor, max), in whole milliseconds and thousandths so that all replicas agree. What
 * has gone well for as long as the longest delay is forgotten. */
static int64_t longer_delay(const struct app_row *app, const struct app *definition, int64_t now_ms)
{
    int64_t max_ms = definition->max_launch_delay_s * 1000;
    int64_t factor = factor_milli(definition->backoff_factor);
    bool first = app->delay_ms == 0 || now_ms > app->delay_ref.ms + max_ms;
    if (first)
        return app_backoff_ms(definition) < max_ms ? app_backoff_ms(definition) : max_ms;
    bool over = app->delay_ms >= max_ms * 1000 / factor; /* and no product overflows */
    return over ? max_ms : app->delay_ms * factor / 1000;
}

/* {"containerId","lastKnownState"} of each container, and what is to be said of the whole: the
 * first word of one that did not end well. */
static void write_containers(struct state *s, int64_t instance, struct json_writer *w,
                             char message[static FAILURE_TEXT_SIZE])
{
    struct task_row t;
    message[0] = '\0';
    json_array(w);
    struct stmt *q = state_tasks_of_instance(s, instance);
    while (state_task_next(q, &t)) {
        bool well = t.state == TASK_FINISHED || (t.state == TASK_KILLED && t.kill_reason != NULL);
        json_object(w);
        json_member_str(w, "containerId", t.name);
        json_member_str(w, "lastKnownState", task_state_mesos(t.state));
        json_object_end(w);
        if (!well && message[0] == '\0')
            str_copy(message, FAILURE_TEXT_SIZE, t.message);
    }
    json_array_end(w);
}

/* The terminationHistory of spec/marathon.md 13.3. */
static void remember_end(struct apply *a, const struct task_row *t, struct wall ended)
{
    struct buf containers;
    struct json_writer w;
    char message[FAILURE_TEXT_SIZE], name[INSTANCE_ID_SIZE];
    buf_init(&containers, LIMIT_POD_CONTAINERS * 2 * TASK_ID_SIZE);
    json_begin(&w, &containers);
    write_containers(a->s, t->owner_id, &w, message);
    if (message[0] == '\0')
        str_copy(message, sizeof message, t->kill_reason != NULL ? t->kill_reason : "");
    instance_id_text(t->of != NULL ? t->of : "/", instance_uuid(t->salt, t->owner_id), name);
    struct stmt *q = change_use(a->s, POD_END_PUT);
    stmt_bind_i64(q, ":app", t->app);
    stmt_bind_text(q, ":name", name);
    stmt_bind_i64(q, ":created", t->created.ms);
    stmt_bind_i64(q, ":ended", ended.ms);
    stmt_bind_text(q, ":message", message);
    stmt_bind_text(q, ":containers", buf_str(&containers));
    stmt_run(q);
    buf_close(&containers);
    q = change_use(a->s, POD_ENDS_TRIM);
    stmt_bind_i64(q, ":app", t->app);
    stmt_bind_i64(q, ":keep", LIMIT_POD_ENDS);
    stmt_run(q);
}

/* What became of it, where it is told: as lastTaskFailure, and as what `why` speaks of. */
static void put_end(struct apply *a, const struct app_row *app, const struct task_row *t,
                    enum task_state state, const struct status *st, bool failed, bool delays)
{
    struct buf end;
    struct json_writer w;
    struct stmt *q;
    buf_init(&end, 64 << 10);
    json_begin(&w, &end);
    write_end(&w, app, t, state, st);
    if (a->s->level < ENDS_LEVEL ? delays : failed) {
        q = change_use(a->s, APP_FAILURE);
        stmt_bind_i64(q, ":id", app->id);
        stmt_bind_text(q, ":failure", buf_str(&end));
        stmt_run(q);
    }
    bool own = a->s->level < OWN_ENDS_LEVEL || t->version.ms >= app->config.ms;
    if (a->s->level >= ENDS_LEVEL && delays && own) {
        q = change_use(a->s, APP_END_PUT);
        stmt_bind_i64(q, ":app", app->id);
        stmt_bind_text(q, ":ended", buf_str(&end));
        stmt_run(q);
    }
    buf_close(&end);
}

static void app_task_ended(struct apply *a, const struct task_row *t, struct count before,
                           enum task_state state, const struct status *st, bool reported)
{
    struct state *s = a->s;
    struct app_row app;
    bool over = !t->pod || count_of_instance(s, t->owner_id).live == 0;
    count_change(s, t, before, state, t->stopping, t->health);
    if (over && t->pod)
        remember_end(a, t, st->at);
    if (over && !resident_ended(a, t)) {
        struct stmt *q = change_use(s, INSTANCE_DELETE);
        stmt_bind_i64(q, ":id", t->owner_id);
        stmt_run(q);
    }
    if (!state_app_by_id(s, t->app, &app))
        return;
    /* killed by its agent, not by order: its health check failed too often */
    bool unhealthy = state == TASK_KILLED && t->kill_reason == NULL;
    bool delays = delays_launches(state), failed = unhealthy || is_task_failure(t, state, reported);
    if (!delays && !failed)
        return;
    /* one container's failure is its instance's, once; a good end is only with the last of them */
    if (t->pod && (t->stopping || (state == TASK_FINISHED && !over)))
        return;

    put_end(a, &app, t, state, st, failed, delays || unhealthy);
    if (!delays || t->version.ms < app.config.ms) /* an old version's failure holds up nothing */
        return;

    struct app definition;
    struct error err;
    if (app_load(app.definition, &definition, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    put_delay(s, app.id, longer_delay(&app, &definition, a->c->at.ms), a->c->at.ms);
    app_close(&definition);
}

/* A job's, as it was known; its row is not read again. */
static void task_reported(struct state *s, const struct task_row *t, enum task_state state,
                          const struct status *st)
{
    struct task_row now = *t;
    now.state = state;
    now.seq = st->seq;
    if (state == TASK_RUNNING && !now.has_started) {
        now.has_started = true;
        now.started = st->at;
    }
    now.ended = task_ended(state) ? st->at : (struct wall){0};
    now.pid = st->pid != 0 ? st->pid : now.pid;
    now.container = st->container != NULL ? st->container : now.container;
    now.exited = st->exited;
    now.exit_code = st->exited ? st->exit_code : 0;
    now.signaled = st->signaled;
    now.signal = st->signaled ? st->signal : 0;
    now.reason = st->reason;
    now.message = st->message != NULL ? st->message : "";
    now.detail = st->detail != NULL ? st->detail : "";
    now.health = st->health;
    task_known(s, &now);
}

/* `anew`: its row says that it has ended. */
static void report(struct state *s, const struct task_row *t, enum task_state state,
                   const struct status *st, bool anew)
{
    bool ended = task_ended(state);
    struct buf results;
    buf_init(&results, 64 << 10);
    bool known = memo_known(s, MEMO_TASK, t->id) != NULL;
    /* of who lives on the places in the indexes of ends stay */
    struct stmt *q = change_use(s, ended || anew ? TASK_REPORT : TASK_REPORT_ALIVE);
    stmt_bind_i64(q, ":id", t->id);
    stmt_bind_i64(q, ":state", state);
    stmt_bind_i64(q, ":seq", st->seq);
    if (state == TASK_RUNNING)
        stmt_bind_i64(q, ":started", st->at.ms);
    if (ended)
        stmt_bind_i64(q, ":ended", st->at.ms);
    if (st->pid != 0)
        stmt_bind_i64(q, ":pid", st->pid);
    if (st->container != NULL)
        stmt_bind_text(q, ":container", st->container);
    if (st->exited)
        stmt_bind_i64(q, ":exit", st->exit_code);
    if (st->signaled)
        stmt_bind_i64(q, ":signal", st->signal);
    if (st->reason != NULL)
        stmt_bind_text(q, ":reason", st->reason);
    stmt_bind_text(q, ":message", st->message != NULL ? st->message : "");
    stmt_bind_text(q, ":detail", st->detail != NULL ? st->detail : "");
    stmt_bind_i64(q, ":health", st->health);
    if (st->health_results != NULL) {
        struct json_writer w;
        json_begin(&w, &results);
        json_put_value(&w, st->health_results);
        if (!buf_full(&results)) /* else what was known stays */
            stmt_bind_text(q, ":results", buf_str(&results));
    }
    stmt_run(q);
    buf_close(&results);
    if (known && !anew && st->health_results == NULL)
        task_reported(s, t, state, st);
}

static void drop_tasks_of_run(struct state *s, int64_t run)
{
    struct stmt *q = change_use(s, TASKS_DROP_OF_RUN);
    stmt_bind_i64(q, ":run", run);
    stmt_run(q);
}

/* Of apps; a job's go with its runs. */
static void trim_tasks(struct state *s, const struct task_row *ended)
{
    if (!time_to_trim(ended->id, LIMIT_FINISHED_TASKS))
        return;
    struct stmt *q = change_use(s, s->level < LEVEL_RESIDENTS ? TASKS_TRIM : TASKS_TRIM_UNKEPT);
    stmt_bind_i64(q, ":keep", LIMIT_FINISHED_TASKS);
    stmt_run(q);
}

static void tell_task(struct apply *a, const struct task_row *t, enum task_state state,
                      const struct status *st)
{
    const char *of = t->of != NULL ? t->of : "", *message = st->message;
    const char *word = task_state_word(state);
    bool says = message != NULL && *message != '\0';
    const char *const parts[] = {
        of, ": task ", t->name, " is ", word, says ? ": " : "", says ? message : "", NULL};
    int64_t event = event_put_parts(a, NOUN_TASK, t->name, word, parts);
    changed(a, (struct change){
                   .kind = CHANGE_TASK,
                   .id = t->id,
                   .name = t->name,
                   .of = t->of,
                   .owner = t->app != 0 ? t->app : t->job,
                   .state = (int)state,
                   .before = (int)t->state,
                   .event = event,
               });
}

/* Nothing depends on it any more. */
static void tell_late_end(struct apply *a, const struct task_row *t, const struct status *st)
{
    if (t->owner != OWNER_APP || t->state != TASK_LOST || st->state == TASK_LOST ||
        !task_ended(st->state))
        return;
    changed(a, (struct change){
                   .kind = CHANGE_LATE_END, .id = t->id, .name = t->name, .state = (int)st->state});
}

static void tell_health(struct apply *a, const struct task_row *t, int health)
{
    static const char *const words[] = {"not known", "healthy", "unhealthy"};
    struct change c = {.kind = CHANGE_HEALTH,
                       .id = t->id,
                       .name = t->name,
                       .of = t->of,
                       .owner = t->app,
                       .number = health,
                       .before = t->health,
                       .more = t->health_results};
    if (health != t->health) {
        struct stmt *q = change_use(a->s, INSTANCE_HEALTH);
        stmt_bind_i64(q, ":id", t->owner_id);
        stmt_bind_i64(q, ":health", health);
        stmt_run(q);
        c.event = event_put(a, NOUN_TASK, t->name, words[health], "%s: task %s is %s",
                            t->of != NULL ? t->of : "", t->name, words[health]);
    }
    changed(a, c);
}

static bool all_ready(const struct json *results)
{
    JSON_EACH (result, results)
        if (!json_bool(json_get(result, "ready"), false))
            return false;
    return json_first(results) != NULL;
}

/* What is ready stays so, whatever is said later (spec/marathon.md 10.6). */
static void take_readiness(struct apply *a, const struct task_row *t, const struct json *results)
{
    struct buf text;
    struct json_writer w;
    bool ready = all_ready(results);
    if (t->app == 0 || t->ready || results == NULL || state_level(a->s) < READINESS_LEVEL)
        return;
    buf_init(&text, READINESS_BYTES);
    json_begin(&w, &text);
    json_put_value(&w, results);
    struct stmt *q = change_use(a->s, READINESS_PUT);
    stmt_bind_i64(q, ":id", t->owner_id);
    stmt_bind_text(q, ":results", buf_full(&text) ? "[]" : buf_str(&text));
    stmt_run(q);
    buf_close(&text);
    struct change c = {.kind = CHANGE_READINESS,
                       .id = t->id,
                       .name = t->name,
                       .of = t->of,
                       .owner = t->app,
                       .number = ready};
    if (ready) {
        q = change_use(a->s, INSTANCE_READY);
        stmt_bind_i64(q, ":id", t->owner_id);
        stmt_run(q);
        c.event = event_put(a, NOUN_TASK, t->name, "ready", "%s: task %s is ready",
                            t->of != NULL ? t->of : "", t->name);
    }
    changed(a, c);
}

static void take_check(struct apply *a, int64_t task, const struct check_result *r)
{
    if (state_level(a->s) < CHECK_LEVEL)
        return;
    struct stmt *q = change_use(a->s, CHECK_PUT);
    stmt_bind_i64(q, ":task", task);
    stmt_bind_i64(q, ":kind", r->kind);
    if (r->code != NO_RESULT)
        stmt_bind_i64(q, ":code", r->code);
    stmt_run(q);
}

/* Is it later than what is known? Of a task out of reach, only once its agent is back; and then
 * what it said last tells that it lives on. */
static bool is_news(struct state *s, const struct task_row *t, const struct status *st)
{
    struct agent_row agent;
    if (task_ended(t->state))
        return false;
    if (t->state != TASK_UNREACHABLE || task_ended(st->state))
        return st->seq > t->seq;
    return st->seq >= t->seq && state_agent_by_id(s, t->agent, &agent) &&
           agent.state != AGENT_UNREACHABLE && agent.state != AGENT_GONE;
}

/* A run's attempt that was given up as not started, and had started after all: while nobody else
 * has begun it, it counts again (spec/chronos.md 5.2, step 4). */
static bool take_back(struct apply *a, struct task_row *t)
{
    if (!run_take_back(a, t->run, t))
        return false;
    state_task_by_id(a->s, t->id, t); /* its texts: other rows were read meanwhile */
    t->state = TASK_STAGING;
    const struct resources held = held_by(t);
    agent_use(a->s, t->agent, 1, &held, 1);
    agent_counted(a, t->agent);
    return true;
}

void note_progress(struct apply *a, int64_t app)
{
    struct stmt *q = change_use(a->s, APP_DELAY_REF);
    stmt_bind_i64(q, ":id", app);
    stmt_bind_i64(q, ":ref", a->c->at.ms);
    stmt_run(q);
}

/* Without `reported` it is of a task that nobody can ask about. */
static void take_status(struct apply *a, const struct status *st, bool reported)
{
    struct state *s = a->s;
    struct task_row t;
    if (!state_task_by_id(s, st->task, &t))
        return;
    /* the leader gives up with the number of the agent's first word, which counts all the same;
     * what the agent said before it dropped the task itself does not */
    bool given_up =
        t.job != 0 && t.state == TASK_DROPPED && st->state != TASK_DROPPED && st->seq >= t.seq;
    if (given_up ? !take_back(a, &t) : !is_news(s, &t, st)) {
        if (reported)
            tell_late_end(a, &t, st);
        return;
    }
    enum task_state state = next_state(s, &t, st->state);
    struct status now = *st;
    if (now.health_results == NULL)
        now.health = t.health;
    struct count before = t.app != 0 ? count_now(s, &t) : (struct count){0};
    report(s, &t, state, &now, given_up);
    if (t.job != 0 && task_ended(state))
        history_used(a, t.id, &st->used);
    if (st->informs)
        take_check(a, t.id, &st->check);
    if (t.job != 0 && state == TASK_RUNNING && t.state != TASK_RUNNING)
        run_started(a, t.run, &t, st->at);
    if (!task_ended(state)) {
        if (t.app != 0)
            count_change(s, &t, before, state, t.stopping, now.health);
        if (state != t.state) {
            if (t.app != 0 && state != TASK_KILLING)
                note_progress(a, t.app);
            tell_task(a, &t, state, st);
        }
        if (t.app != 0 && now.health_results != NULL)
            tell_health(a, &t, now.health);
        take_readiness(a, &t, st->readiness);
        return;
    }
    give_back(a, &t);
    tell_task(a, &t, state, st);
    if (t.app != 0) {
        app_task_ended(a, &t, before, state, st, reported);
        trim_tasks(s, &t);
        if (t.pod && state != TASK_FINISHED) /* what is left of a broken instance is of no use */
            kill_instance(a, t.owner_id, "another container of its instance has ended");
    } else if (t.job != 0) {
        run_ended(a, t.run, &t, state, st->message, reported ? st->at : (struct wall){0});
    } else {
        drop_tasks_of_run(s, t.run); /* its job is gone */
    }
}

/* {"set":[status…]} */
int apply_task_update(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "set")) {
        struct status st;
        struct error err;
        if (status_read(item, &st, &err) == 0)
            take_status(a, &st, true);
    }
    return 0;
}

/* A job's mind waits longer for what it has ordered to end (spec/chronos.md 5.6), if it is what the
 * run is about. */
static bool mind_waits(struct state *s, const struct task_row *t)
{
    struct run_row r;
    return t->job != 0 && state_run_by_id(s, t->run, &r) && run_active(r.state) && r.task == t->id;
}

void task_unreachable(struct apply *a, int64_t task)
{
    struct task_row t;
    if (!state_task_by_id(a->s, task, &t) || task_ended(t.state) || t.state == TASK_UNREACHABLE)
        return;
    if (t.state == TASK_KILLING) {
        if (!mind_waits(a->s, &t) && !is_waited_for(a->s, &t))
            task_abandon(a, &t, "its agent was lost while it was being stopped");
        return;
    }
    struct status st = {
        .task = task, .seq = t.seq, .state = TASK_UNREACHABLE, .at = a->c->at, .health = t.health};
    struct count before = t.app != 0 ? count_now(a->s, &t) : (struct count){0};
    report(a->s, &t, TASK_UNREACHABLE, &st, false);
    if (t.app != 0)
        count_change(a->s, &t, before, TASK_UNREACHABLE, t.stopping, t.health);
    tell_task(a, &t, TASK_UNREACHABLE, &st);
}

void task_gone(struct apply *a, int64_t task, const char *reason)
{
    struct task_row t;
    if (state_task_by_id(a->s, task, &t) && !task_ended(t.state))
        task_abandon(a, &t, reason);
}
