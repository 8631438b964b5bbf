/* People who change apps and jobs over the old APIs, remember what they were told, and look what
 * they see. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "sim/world.h"

#define APPS 6
#define PODS 2      /* of these, the last */
#define RESIDENTS 2 /* of these, the first; and the last pod */
#define JOBS 4
#define NAMES_MAX 32
#define WANT_MS 60000      /* for a want to be acknowledged */
#define READ_MS 200        /* between two reads */
#define ANSWER_MS 5000     /* then the answer is given up: it may or may not have happened */
#define FORWARDED_MS 12000 /* so long a node may yet ask the leader for it */
#define LATE_MS 3000       /* so long what is on its way may take */
#define BOUND_MS 5000      /* between two bounds of the history */
#define BOUND_MOST 8       /* runs of a job; what is beyond them is old, and stays */

struct wish {
    uint64_t exchange; /* 0: none under way */
    int64_t until;
    struct name *name;
    int64_t value;
    bool added; /* `value` was not among those that it may be */
    int64_t anchor, period_ms;
};

struct look { /* a read under way */
    uint64_t exchange;
    int64_t until;
    struct name *name;
    struct values values; /* what it may find */
    uint64_t writes;      /* of that name, when it began */
    bool under_way;       /* one of them was, then, or may yet be carried out */
};

struct client {
    struct wish wish;
    struct look look;
    int64_t due, look_due;
    int64_t bound_due; /* of the history; never, in most worlds */
};

void client_init(struct world *w)
{
    w->client = NEW(struct client);
    w->client->due = w->client->look_due = 300;
    w->client->bound_due = w->options.seed % 6 == 2 && !w->options.plain ? 3000 : INT64_MAX;
    w->names = mem_zalloc(NAMES_MAX * sizeof w->names[0]);
    w->names_n = APPS + JOBS;
    for (size_t i = 0; i < w->names_n; i++) {
        bool job = i >= APPS;
        w->names[i] = (struct name){.job = job,
                                    .pod = !job && i >= APPS - PODS,
                                    .resident = i < RESIDENTS || i + 1 == APPS,
                                    .values = {{VALUE_NONE}, 1}};
        snprintf(w->names[i].name, sizeof w->names[i].name, job ? "j%zu" : "/a%zu",
                 job ? i - APPS : i);
    }
}

/* ---- what something may be */

bool may_be(const struct values *values, int64_t value)
{
    for (int i = 0; i < values->n; i++)
        if (values->v[i] == value)
            return true;
    return false;
}

static bool add_value(struct values *values, int64_t value)
{
    if (may_be(values, value))
        return false;
    ASSERT(values->n < VALUES_MAX);
    values->v[values->n++] = value;
    return true;
}

static void remove_value(struct values *values, int64_t value)
{
    int kept = 0;
    for (int i = 0; i < values->n; i++)
        if (values->v[i] != value)
            values->v[kept++] = values->v[i];
    values->n = kept;
}

static void set_value(struct values *values, int64_t value)
{
    *values = (struct values){{value}, 1};
}

static int64_t app_value(int64_t instances, int64_t variant)
{
    return instances * 10 + variant;
}

/* What a door's answer shows: an app's instances and command, a job's period. */
static int64_t value_of(const struct name *name, int status, struct slice body)
{
    struct error err;
    if (!name->job && status == 404)
        return VALUE_NONE;
    struct json *v = status == 200 ? json_parse_own(body, &err) : NULL;
    int64_t value = VALUE_UNKNOWN;
    if (v == NULL)
        return value;
    if (name->job) {
        const struct json *job = json_first(v);
        const char *period =
            job == NULL ? NULL : strstr(json_str(json_get(job, "schedule"), ""), "/PT");
        value = job == NULL ? VALUE_NONE : period == NULL ? VALUE_UNKNOWN : atoi(period + 3);
    } else if (name->pod) {
        const struct json *c = json_first(json_get(v, "containers")), *exec = json_get(c, "exec");
        const char *shell = json_str(json_get(json_get(exec, "command"), "shell"), "run 0");
        value =
            app_value(json_int(json_get(json_get(v, "scaling"), "instances"), 0), atoi(shell + 4));
    } else {
        const struct json *app = json_get(v, "app");
        value = app_value(json_int(json_get(app, "instances"), 0),
                          atoi(json_str(json_get(app, "cmd"), "run 0") + 4));
    }
    json_free(v);
    return value;
}

static struct request read_of(const struct name *name, char target[96])
{
    if (name->job)
        snprintf(target, 96, "/scheduler/jobs/search?name=%s", name->name);
    else
        snprintf(target, 96, "/v2/%s%s", name->pod ? "pods" : "apps", name->name);
    struct request r = request_of(METHOD_GET, target);
    r.listener = name->job ? "chronos" : "marathon";
    r.remote = "10.0.0.9";
    return r;
}

int64_t value_at(struct sim_node *n, const struct name *name)
{
    char target[96];
    if (n->facts == NULL || state_level(node_state(n->node)) == 0)
        return VALUE_UNKNOWN;
    const struct request r = read_of(name, target);
    struct route_match match = {0};
    struct reply reply;
    struct view view = {node_state(n->node), n->facts, now_of(n), node_applied(n->node)};
    struct call c = {.request = &r, .match = &match, .view = &view, .reply = &reply};
    reply_init(&reply);
    if (api_find(node_api(n->node), &r, &c) != NULL)
        api_ask(&c);
    int64_t value = value_of(name, reply.status, buf_slice(&reply.body));
    call_close(&c);
    route_match_close(&match);
    reply_close(&reply);
    return value;
}

/* ---- asking */

static int any_up(struct world *w)
{
    struct sim_node *l = leader_of(w);
    if (l != NULL && chance(w, 800))
        return l->position;
    int i = (int)rng_below(&w->rng, (uint64_t)w->options.nodes);
    return w->nodes[i].node != NULL ? i : -1;
}

uint64_t client_send(struct world *w, int to, const struct request *r)
{
    struct event e = {
        .kind = EVENT_REQUEST, .exchange = {++w->next_exchange}, .request = request_dup(r)};
    deliver(w, to, 1 + (int64_t)rng_below(&w->rng, 5), &e);
    return w->next_exchange;
}

/* ---- writing */

static void send_wish(struct world *w, int to, const char *listener, enum method method,
                      const char *target, const char *body)
{
    struct wish *wish = &w->client->wish;
    struct request r = request_of(method, target);
    r.listener = listener;
    r.headers = SLICE("Content-Type: application/json\r\n");
    r.body = slice_of(body);
    r.remote = "10.0.0.9";
    trace(w, "ask %d: %s %s %s", to, method_text(method), target, body);
    wish->exchange = client_send(w, to, &r);
    wish->until = w->mono + ANSWER_MS;
    wish->added = add_value(&wish->name->values, wish->value);
    wish->name->under_way = true;
    wish->name->writes++;
    if (w->client->look.name == wish->name)
        add_value(&w->client->look.values, wish->value);
}

/* Each fifth or so, of those that are known to be there. */
static bool wants_it_gone(struct world *w, const struct name *name)
{
    return name->values.n == 1 && name->values.v[0] != VALUE_NONE && chance(w, 150);
}

static void put_app(struct world *w, int to, struct name *app, int instances, int variant)
{
    static const char kept[] =
        "\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"containerPath\":\"data\","
        "\"mode\":\"RW\",\"persistent\":{\"size\":1}}]},";
    char target[96], body[512];
    snprintf(target, sizeof target, "/v2/apps%s?force=true", app->name);
    w->client->wish = (struct wish){.name = app, .value = app_value(instances, variant)};
    snprintf(body, sizeof body,
             "{\"cmd\":\"run %d\",\"instances\":%d,\"cpus\":0.1,\"mem\":16,\"disk\":0,%s"
             "\"upgradeStrategy\":{\"minimumHealthCapacity\":0.5,\"maximumOverCapacity\":%s}}",
             variant, instances, app->resident ? kept : "", app->resident ? "0" : "0.5");
    send_wish(w, to, "marathon", METHOD_PUT, target, body);
}

/* Made by POST, changed by PUT: what is not known to be there may be refused. */
static void put_pod(struct world *w, int to, struct name *pod, int instances, int variant)
{
    static const char mount[] = ",\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"data\"}]",
                      kept[] = ",\"volumes\":[{\"name\":\"data\",\"persistent\":{\"size\":1}}]";
    char target[96], body[640];
    bool there = pod->values.n > 1 || pod->values.v[0] != VALUE_NONE;
    snprintf(target, sizeof target, "/v2/pods%s?force=true", there ? pod->name : "");
    w->client->wish = (struct wish){.name = pod, .value = app_value(instances, variant)};
    snprintf(body, sizeof body,
             "{\"id\":\"%s\",\"containers\":["
             "{\"name\":\"a\",\"resources\":{\"cpus\":0.1,\"mem\":16},"
             "\"exec\":{\"command\":{\"shell\":\"run %d\"}},\"endpoints\":[{\"name\":\"e\"}]%s},"
             "{\"name\":\"b\",\"resources\":{\"cpus\":0.1,\"mem\":16},"
             "\"exec\":{\"command\":{\"shell\":\"run %d\"}}}],"
             "\"scaling\":{\"kind\":\"fixed\",\"instances\":%d}%s}",
             pod->name, variant, pod->resident ? mount : "", variant, instances,
             pod->resident ? kept : "");
    send_wish(w, to, "marathon", there ? METHOD_PUT : METHOD_POST, target, body);
}

static void wish_for_app(struct world *w, int to, struct name *app)
{
    char target[96];
    if (wants_it_gone(w, app)) {
        snprintf(target, sizeof target, "/v2/%s%s?force=true", app->pod ? "pods" : "apps",
                 app->name);
        w->client->wish = (struct wish){.name = app, .value = VALUE_NONE};
        send_wish(w, to, "marathon", METHOD_DELETE, target, "");
        return;
    }
    int instances = 1 + (int)rng_below(&w->rng, 4);
    int variant = (int)rng_below(&w->rng, 3);
    if (app->pod)
        put_pod(w, to, app, instances, variant);
    else
        put_app(w, to, app, instances, variant);
}

/* Half of those with a date have it as a cron expression, which has its targets at whole minutes
 * and is shown with the same period. */
static void put_job(struct world *w, int to, struct name *job, int period, const char *begin,
                    int64_t anchor)
{
    char body[256], when[64];
    int64_t period_ms = 1000 * (int64_t)period;
    bool by_cron = anchor != 0 && !w->options.plain && period % 2 == 0;
    w->client->wish = (struct wish){.name = job,
                                    .value = period,
                                    .anchor = by_cron ? period_ms : anchor,
                                    .period_ms = period_ms};
    if (by_cron)
        snprintf(when, sizeof when, "\"cron\":\"*/%d * * * * *\"", period);
    else
        snprintf(when, sizeof when, "\"schedule\":\"R/%s/PT%dS\"", begin, period);
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"command\":\"true\",%s,"
             "\"epsilon\":\"PT%dS\",\"cpus\":0.1,\"mem\":16,\"disk\":0,\"retries\":0}",
             job->name, when, w->options.epsilon_s > 0 ? w->options.epsilon_s : 30);
    send_wish(w, to, "chronos", METHOD_POST, "/scheduler/iso8601", body);
}

static const char *begin_of_job(struct world *w, int64_t *anchor)
{
    *anchor = w->wall0;
    if (w->options.plain)
        return "2036-01-01T00:00:00Z";
    if (chance(w, 500))
        return "2026-01-01T00:00:00Z";
    *anchor = 0;
    return "";
}

static void wish_for_job(struct world *w, int to, struct name *job)
{
    char target[96];
    int64_t anchor;
    if (wants_it_gone(w, job)) { /* made again, it has the same targets */
        w->client->wish = (struct wish){.name = job, .value = VALUE_NONE};
        snprintf(target, sizeof target, "/scheduler/job/%s", job->name);
        send_wish(w, to, "chronos", METHOD_DELETE, target, "");
        return;
    }
    const char *begin = begin_of_job(w, &anchor);
    put_job(w, to, job, 1 + (int)rng_below(&w->rng, 5), begin, anchor);
}

static void wish_something(struct world *w)
{
    int to = any_up(w);
    size_t which = (size_t)rng_below(&w->rng, APPS + JOBS);
    if (w->options.plain)
        which = APPS + which % JOBS;
    struct name *name = &w->names[which];
    if (to < 0 || !in_trouble(w) || w->options.silent || name->values.n == VALUES_MAX ||
        name->haunted_ms > w->mono)
        return;
    if (name->job)
        wish_for_job(w, to, name);
    else
        wish_for_app(w, to, name);
}

static void wish_done(struct world *w)
{
    struct wish *wish = &w->client->wish;
    struct name *name = wish->name;
    w->acked++;
    set_value(&name->values, wish->value);
    name->since_ms = w->mono;
    name->anchor = wish->anchor;
    name->period_ms = wish->period_ms;
    if (wish->value == VALUE_NONE || name->remade_ms > w->mono)
        name->remade_ms = w->mono;
}

/* Not applied for certain, if not 504. */
static void wish_refused(struct world *w, int status)
{
    struct wish *wish = &w->client->wish;
    if (wish->value == VALUE_NONE && status == (wish->name->job ? 400 : 404)) {
        if (!wish->added)
            wish_done(w);
        else
            fail_world(w, "%s was acknowledged and is not there", wish->name->name);
    } else if (status != 504) {
        w->refused++;
        if (wish->added)
            remove_value(&wish->name->values, wish->value);
    }
}

/* Nobody knows what it is now, nor what it was meanwhile, and until then the write may yet be
 * carried out. */
static void unsettle(struct name *name, int64_t until_ms)
{
    name->haunted_ms = until_ms;
    name->since_ms = name->remade_ms = INT64_MAX / 2;
    name->period_ms = 0;
}

static void take_wish(struct world *w, const struct answer *a)
{
    struct wish *wish = &w->client->wish;
    trace(w, "answer %d for %s", a->status, wish->name->name);
    if (a->status >= 200 && a->status < 300)
        wish_done(w);
    else
        wish_refused(w, a->status);
    if (a->status == 504)
        unsettle(wish->name, w->mono + LATE_MS);
    wish->name->under_way = false;
    wish->exchange = 0;
}

static void give_up_wish(struct world *w)
{
    struct wish *wish = &w->client->wish;
    wish->exchange = 0;
    wish->name->under_way = false;
    unsettle(wish->name, w->mono + FORWARDED_MS);
}

/* ---- reading */

static void look_at(struct world *w)
{
    char target[96];
    struct look *look = &w->client->look;
    struct name *name = &w->names[rng_below(&w->rng, w->names_n)];
    int to = (int)rng_below(&w->rng, (uint64_t)w->options.nodes); /* any node can say */
    if (w->nodes[to].node == NULL || name->values.n == VALUES_MAX)
        return;
    struct request r = read_of(name, target);
    *look = (struct look){.name = name,
                          .values = name->values,
                          .writes = name->writes,
                          .under_way = name->under_way || name->haunted_ms > w->mono,
                          .until = w->mono + ANSWER_MS};
    if (planted(w, PLANT_STALE_READ)) {
        int64_t value = value_at(&w->nodes[to], name);
        if (value != VALUE_UNKNOWN && !may_be(&look->values, value))
            fail_world(w, "%s was read as %lld", name->name, (long long)value);
        look->name = NULL;
        return;
    }
    look->exchange = client_send(w, to, &r);
}

/* Linearizable: what was acknowledged before the read began, or a write that came later. What it
 * has found is settled, if nobody wrote meanwhile. */
static void take_look(struct world *w, const struct answer *a)
{
    struct look *look = &w->client->look;
    struct name *name = look->name;
    int64_t value = value_of(name, a->status, blob_slice(a->body));
    look->exchange = 0;
    look->name = NULL;
    if (value == VALUE_UNKNOWN || w->may_be_stale)
        return;
    w->reads++;
    if (!may_be(&look->values, value))
        fail_world(w, "%s was read as %lld, which it cannot be", name->name, (long long)value);
    if (look->writes == name->writes && !look->under_way && name->values.n > 1) {
        trace(w, "%s is %lld", name->name, (long long)value);
        set_value(&name->values, value);
        name->period_ms = 0; /* which anchor it has is not known */
        name->since_ms = name->remade_ms = w->mono;
    }
}

/* ---- the history: where each job keeps few runs, it is soon decided which ones are old */

static void put_bound(struct world *w)
{
    char body[32];
    struct request r = request_of(METHOD_PUT, "/api/history");
    int to = any_up(w);
    snprintf(body, sizeof body, "{\"runs\":%d}", 1 + (int)rng_below(&w->rng, BOUND_MOST));
    r.listener = "marathon";
    r.headers = SLICE("Content-Type: application/json\r\n");
    r.body = slice_of(body);
    r.remote = "10.0.0.9";
    if (to >= 0)
        client_send(w, to, &r);
}

/* ---- all */

void client_act(struct world *w)
{
    if (w->day != NULL)
        return;
    struct client *c = w->client;
    if (w->mono >= c->bound_due) {
        c->bound_due = in_trouble(w) ? w->mono + BOUND_MS : INT64_MAX;
        put_bound(w);
    }
    if (w->mono >= c->due) {
        c->due = w->mono + w->options.wish_ms / 2 +
                 (int64_t)rng_below(&w->rng, (uint64_t)w->options.wish_ms);
        if (c->wish.exchange == 0)
            wish_something(w);
        else if (w->mono >= c->wish.until)
            give_up_wish(w);
    }
    if (w->mono >= c->look_due) {
        c->look_due =
            w->options.plain ? INT64_MAX : w->mono + (int64_t)rng_below(&w->rng, 2 * READ_MS);
        if (c->look.exchange == 0)
            look_at(w);
        else if (w->mono >= c->look.until)
            c->look = (struct look){0};
    }
}

/* ---- a script's wishes */

static struct name *name_for(struct world *w, bool job, const char *name)
{
    for (size_t i = 0; i < w->names_n; i++)
        if (str_eq(w->names[i].name, name))
            return &w->names[i];
    ASSERT(w->names_n < NAMES_MAX);
    struct name *n = &w->names[w->names_n++];
    *n = (struct name){.job = job, .left_alone = true, .values = {{VALUE_NONE}, 1}};
    str_copy(n->name, sizeof n->name, name);
    return n;
}

static bool is_acknowledged(const struct name *name, int64_t value)
{
    return name->values.n == 1 && name->values.v[0] == value;
}

bool client_want(struct world *w, bool job, const char *name, int64_t number)
{
    struct wish *wish = &w->client->wish;
    struct name *n = name_for(w, job, name);
    int64_t until = w->mono + WANT_MS, value = job ? number : app_value(number, 0);
    while (!is_acknowledged(n, value) && w->mono < until && w->failure[0] == '\0') {
        int to = any_up(w);
        if (wish->exchange == 0 && to >= 0 && job)
            put_job(w, to, n, (int)number, "2026-01-01T00:00:00Z", w->wall0);
        else if (wish->exchange == 0 && to >= 0)
            put_app(w, to, n, (int)number, 0);
        world_run(w, w->mono + 100);
    }
    return is_acknowledged(n, value) || fail_world(w, "%s is not acknowledged", name);
}

void client_answer(struct world *w, struct answer *a)
{
    struct client *c = w->client;
    if (day_answer(w, a))
        ;
    else if (a->kind == ANSWER_WHOLE && a->id.v == c->wish.exchange)
        take_wish(w, a);
    else if (a->kind == ANSWER_WHOLE && a->id.v == c->look.exchange)
        take_look(w, a);
    else if (a->kind == ANSWER_WHOLE && a->id.v == w->council.exchange)
        members_answer(w, a);
    answer_close(a);
}

int64_t client_due(const struct world *w)
{
    if (w->day != NULL)
        return INT64_MAX;
    int64_t due = w->client->due < w->client->look_due ? w->client->due : w->client->look_due;
    return due < w->client->bound_due ? due : w->client->bound_due;
}

void client_close(struct world *w)
{
    mem_free(w->client);
    mem_free(w->names);
}
