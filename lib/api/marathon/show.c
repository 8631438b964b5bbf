/* Apps and tasks as clients see them (spec/marathon.md 3.2, 6.1). */
#include "api/marathon/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/marathon/stored.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/status.h"

/* ---- embed (1.10) */

static const struct {
    const char *word;
    unsigned bits;
} of_apps[] =
    {
        {"tasks", EMBED_TASKS | EMBED_DEPLOYMENTS},
        {"counts", EMBED_COUNTS},
        {"deployments", EMBED_DEPLOYMENTS},
        {"readiness", EMBED_READINESS},
        {"lastTaskFailure", EMBED_FAILURE},
        {"failures", EMBED_TASKS | EMBED_FAILURE | EMBED_DEPLOYMENTS},
        {"taskStats", EMBED_STATS},
},
  of_groups[] = {
      {"group.groups", EMBED_GROUPS},
      {"group.apps", EMBED_GROUP_APPS},
      {"group.pods", EMBED_PODS},
};

static unsigned embed_word(const char *text)
{
    static const char *const prefixes[] = {"apps.", "app.", "group.apps.", ""};
    for (size_t i = 0; i < sizeof of_groups / sizeof of_groups[0]; i++)
        if (str_eq(text, of_groups[i].word))
            return of_groups[i].bits;
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++)
        for (size_t i = 0; i < sizeof of_apps / sizeof of_apps[0]; i++)
            if (str_starts(text, prefixes[p]) &&
                str_eq(text + strlen(prefixes[p]), of_apps[i].word))
                return of_apps[i].bits;
    return 0;
}

unsigned marathon_embed(const struct query *q)
{
    unsigned bits = 0;
    const char *word;
    for (size_t cursor = 0; (word = query_each(q, "embed", &cursor)) != NULL;)
        bits |= embed_word(word);
    return bits;
}

/* ---- what parts share */

void show_init(struct show *s, const struct view *view, unsigned embed)
{
    *s = (struct show){.view = view, .state = view->state, .embed = embed};
}

void show_close(struct show *s)
{
    for (size_t i = 0; i < s->agents_n; i++) {
        mem_free(s->agents[i].hostname);
        mem_free(s->agents[i].address);
        mem_free(s->agents[i].region);
        mem_free(s->agents[i].zone);
    }
    mem_free(s->agents);
    mem_free(s->deployments);
    *s = (struct show){0};
}

static void read_domain(const char *attributes, struct agent_name *out)
{
    struct error err;
    if (strstr(attributes, "\"@") == NULL) /* so it is mostly, and parsing is dear */
        return;
    struct json *v = json_parse(slice_of(attributes), &err);
    out->region = mem_strdup(json_str(json_get(v, "@region"), NULL));
    out->zone = mem_strdup(json_str(json_get(v, "@zone"), NULL));
    json_free(v);
}

static void read_agents(struct show *s)
{
    struct agent_row row;
    size_t cap = 0;
    struct stmt *q = state_agents(s->state);
    while (state_agent_next(q, &row)) {
        if (s->agents_n == cap) {
            cap = cap == 0 ? 16 : cap * 2;
            s->agents = mem_realloc(s->agents, cap * sizeof s->agents[0]);
        }
        struct agent_name *a = &s->agents[s->agents_n++];
        *a = (struct agent_name){
            .id = row.id, .hostname = mem_strdup(row.hostname), .address = mem_strdup(row.address)};
        read_domain(row.attributes, a);
    }
    s->agents_read = true;
}

static int by_agent_id(const void *key, const void *item)
{
    int64_t id = *(const int64_t *)key, other = ((const struct agent_name *)item)->id;
    return id < other ? -1 : id > other;
}

static const struct agent_name *agent_of(struct show *s, int64_t id)
{
    static const struct agent_name none = {.hostname = "", .address = ""};
    if (!s->agents_read)
        read_agents(s);
    const struct agent_name *found =
        s->agents_n > 0 ? bsearch(&id, s->agents, s->agents_n, sizeof s->agents[0], by_agent_id)
                        : NULL;
    return found != NULL ? found : &none;
}

const char *show_hostname(struct show *s, int64_t agent)
{
    return agent_of(s, agent)->hostname;
}

const char *show_address(struct show *s, int64_t agent)
{
    return agent_of(s, agent)->address;
}

const char *slave_id(const struct view *view, int64_t agent, char dst[MESOS_ID_SIZE])
{
    const char *cluster = view->facts->cluster;
    return mesos_agent_id(cluster != NULL ? cluster : "", agent, dst);
}

static void read_deployments(struct show *s)
{
    struct deployment_row row;
    size_t cap = 0;
    struct stmt *q = state_deployments(s->state);
    while (state_deployment_next(q, &row)) {
        if (s->deployments_n == cap) {
            cap = cap == 0 ? 16 : cap * 2;
            s->deployments = mem_realloc(s->deployments, cap * sizeof s->deployments[0]);
        }
        struct deployment_name *d = &s->deployments[s->deployments_n++];
        d->id = row.id;
        uuid_text(deployment_uuid(&row), d->uuid);
    }
    s->deployments_read = true;
}

static const char *deployment_of(struct show *s, int64_t id)
{
    if (!s->deployments_read)
        read_deployments(s);
    for (size_t i = 0; i < s->deployments_n; i++)
        if (s->deployments[i].id == id)
            return s->deployments[i].uuid;
    return NULL;
}

static void show_deployments(struct show *s, int64_t deployment, struct json_writer *w)
{
    const char *uuid = deployment != 0 ? deployment_of(s, deployment) : NULL;
    json_key(w, "deployments");
    json_array(w);
    if (uuid != NULL) {
        json_object(w);
        json_member_str(w, "id", uuid);
        json_object_end(w);
    }
    json_array_end(w);
}

/* ---- tasks */

static const struct {
    const char *status, *condition;
} task_words[TASK_STATES] = {
    [TASK_STAGING] = {"TASK_STAGING", "Staging"},
    [TASK_STARTING] = {"TASK_STARTING", "Starting"},
    [TASK_RUNNING] = {"TASK_RUNNING", "Running"},
    [TASK_KILLING] = {"TASK_KILLING", "Killing"},
    [TASK_UNREACHABLE] = {"TASK_UNREACHABLE", "Unreachable"},
    [TASK_FINISHED] = {"TASK_FINISHED", "Finished"},
    [TASK_FAILED] = {"TASK_FAILED", "Failed"},
    [TASK_KILLED] = {"TASK_KILLED", "Killed"},
    [TASK_ERROR] = {"TASK_ERROR", "Error"},
    [TASK_GONE] = {"TASK_GONE", "Gone"},
    [TASK_DROPPED] = {"TASK_DROPPED", "Dropped"},
    [TASK_LOST] = {"TASK_UNKNOWN", "Unknown"},
};

const char *marathon_task_status(enum task_state state)
{
    return task_words[state].status;
}

const char *marathon_task_condition(enum task_state state)
{
    return task_words[state].condition;
}

struct slice instance_of(const char *task_name)
{
    const char *uuid = strstr(task_name, ".instance-");
    size_t len = strlen(task_name),
           end = uuid != NULL
                     ? (size_t)(uuid - task_name) + strlen(".instance-") + UUID_TEXT_SIZE - 1
                     : len;
    return (struct slice){task_name, end < len ? end : len};
}

/* As the agent counted them, and whose they are. */
static void put_health(const struct task_row *t, struct json_writer *w)
{
    struct error err;
    struct json *results =
        t->health_results != NULL ? json_parse_own(slice_of(t->health_results), &err) : NULL;
    json_key(w, "healthCheckResults");
    json_array(w);
    JSON_EACH (result, results) {
        json_object(w);
        JSON_EACH (member, result) {
            if (str_eq(json_name(member), "instanceId") || str_eq(json_name(member), "taskId") ||
                str_eq(json_name(member), "check"))
                continue;
            json_key(w, json_name(member));
            json_put_value(w, member);
        }
        json_key(w, "instanceId");
        json_put_slice(w, instance_of(t->name));
        json_member_str(w, "taskId", t->name);
        json_object_end(w);
    }
    json_array_end(w);
    json_free(results);
}

/* What the check said that only informs; before it has said anything there is none. */
static void put_check(struct show *s, const struct task_row *t, struct json_writer *w)
{
    static const struct check_names names = {"statusCode", "succeeded", "exitCode"};
    struct check_result r;
    if (!state_check_of_task(s->state, t->id, &r) || r.code == NO_RESULT)
        return;
    json_key(w, "checkResult");
    json_object(w);
    check_result_write(&r, &names, w);
    json_object_end(w);
}

void show_ip_addresses(const char *address, struct json_writer *w)
{
    json_key(w, "ipAddresses");
    json_array(w);
    if (address[0] != '\0') {
        json_object(w);
        json_member_str(w, "ipAddress", address);
        json_member_str(w, "protocol", strchr(address, ':') != NULL ? "IPv6" : "IPv4");
        json_object_end(w);
    }
    json_array_end(w);
}

void show_volumes(struct state *s, const char *app, int64_t instance, struct json_writer *w)
{
    struct volume_row v;
    struct stmt *q = instance != 0 ? state_volumes_of_instance(s, instance) : NULL;
    json_key(w, "localVolumes");
    json_array(w);
    while (state_volume_next(q, &v)) {
        json_object(w);
        json_member_str(w, "runSpecId", app);
        json_member_str(w, "containerPath", v.path);
        json_member_str(w, "uuid", strrchr(v.name, '#') + 1);
        json_member_str(w, "persistenceId", v.name);
        json_object_end(w);
    }
    json_array_end(w);
}

void show_task(struct show *s, const struct app_row *a, const struct task_row *t,
               const char *service_ports, struct json_writer *w)
{
    char slave[MESOS_ID_SIZE];
    const struct agent_name *agent = agent_of(s, t->agent);
    struct slice role = stored_role(a->definition);
    json_object(w);
    json_member_str(w, "id", t->name);
    json_member_str(w, "appId", a->path);
    json_member_str(w, "host", agent->hostname);
    json_member_str(w, "slaveId", slave_id(s->view, t->agent, slave));
    json_member_raw(w, "ports", slice_of(t->ports));
    json_member_raw(w, "servicePorts", slice_of(service_ports != NULL ? service_ports : "[]"));
    show_ip_addresses(stored_on_container_network(a->definition) ? "" : agent->address, w);
    json_member_str(w, "state", marathon_task_status(t->state));
    marathon_time(w, "stagedAt", t->staged);
    if (t->started.ms != 0)
        marathon_time(w, "startedAt", t->started);
    marathon_time(w, "version", t->version);
    show_volumes(s->state, a->path, stored_is_resident(a->definition) ? t->owner_id : 0, w);
    put_health(t, w);
    put_check(s, t, w);
    if (agent->region != NULL)
        json_member_str(w, "region", agent->region);
    if (agent->zone != NULL)
        json_member_str(w, "zone", agent->zone);
    if (role.len > 0) {
        json_key(w, "role");
        json_put_slice(w, role);
    }
    json_object_end(w);
}

/* ---- readiness (3.2) */

static void put_readiness(const struct json *result, const char *task, struct json_writer *w)
{
    const struct json *response = json_get(result, "lastResponse");
    json_object(w);
    json_member_str(w, "name", json_str(json_get(result, "name"), ""));
    json_member_str(w, "taskId", task);
    json_member_bool(w, "ready", json_bool(json_get(result, "ready"), false));
    if (response != NULL) {
        json_key(w, "lastResponse");
        json_put_value(w, response);
    }
    json_object_end(w);
}

void show_readiness(struct state *s, int64_t app, struct wall since, struct json_writer *w)
{
    json_key(w, "readinessCheckResults");
    json_array(w);
    struct readiness_row row;
    struct stmt *q = state_readiness(s, app, since);
    while (state_readiness_next(q, &row)) {
        struct error err;
        struct json *results = json_parse_own(row.results, &err);
        JSON_EACH (result, results)
            put_readiness(result, row.task, w);
        json_free(results);
    }
    json_array_end(w);
}

/* ---- taskStats (3.2) */

enum task_class { AFTER_SCALING, LATEST, OUTDATED, TOTAL, CLASSES };

static const char *const class_names[CLASSES] = {
    [AFTER_SCALING] = "startedAfterLastScaling",
    [LATEST] = "withLatestConfig",
    [OUTDATED] = "withOutdatedConfig",
    [TOTAL] = "totalSummary",
};

struct stats {
    int64_t n, staged, running, healthy, unhealthy;
    double *lives; /* seconds; owned */
    size_t lives_n, lives_cap;
};

static void count_task(struct stats *s, const struct task_row *t, struct wall now)
{
    s->n++;
    s->staged += t->state == TASK_STAGING;
    s->running += t->state == TASK_RUNNING;
    s->healthy += t->health == 1;
    s->unhealthy += t->health == 2;
    if (t->started.ms == 0)
        return;
    if (s->lives_n == s->lives_cap) {
        s->lives_cap = s->lives_cap == 0 ? 16 : s->lives_cap * 2;
        s->lives = mem_realloc(s->lives, s->lives_cap * sizeof s->lives[0]);
    }
    s->lives[s->lives_n++] = (double)(now.ms - t->started.ms) / 1000;
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static void put_lives(struct stats *s, struct json_writer *w)
{
    double sum = 0;
    qsort(s->lives, s->lives_n, sizeof s->lives[0], by_value);
    for (size_t i = 0; i < s->lives_n; i++)
        sum += s->lives[i];
    json_key(w, "lifeTime");
    json_object(w);
    json_member_double(w, "averageSeconds", sum / (double)s->lives_n);
    json_member_double(w, "medianSeconds", s->lives[s->lives_n / 2]);
    json_object_end(w);
}

static void put_stats(const char *name, struct stats *s, struct json_writer *w)
{
    json_key(w, name);
    json_object(w);
    json_key(w, "stats");
    json_object(w);
    json_key(w, "counts");
    json_object(w);
    json_member_int(w, "staged", s->staged);
    json_member_int(w, "running", s->running);
    json_member_int(w, "healthy", s->healthy);
    json_member_int(w, "unhealthy", s->unhealthy);
    json_object_end(w);
    if (s->lives_n > 0)
        put_lives(s, w);
    json_object_end(w);
    json_object_end(w);
}

static void show_stats(struct show *s, const struct app_row *a, struct json_writer *w)
{
    struct stats stats[CLASSES] = {0};
    struct task_row t;
    struct stmt *q = state_tasks_of_app(s->state, a->id);
    while (state_task_next(q, &t)) {
        const bool in[CLASSES] = {
            [AFTER_SCALING] = t.version.ms >= a->scaling.ms,
            [LATEST] = t.version.ms >= a->config.ms,
            [OUTDATED] = t.version.ms < a->config.ms,
            [TOTAL] = true,
        };
        for (size_t i = 0; i < CLASSES; i++)
            if (in[i])
                count_task(&stats[i], &t, s->view->now.wall);
    }
    json_key(w, "taskStats");
    json_object(w);
    for (size_t i = 0; i < CLASSES; i++) {
        if (stats[i].n > 0)
            put_stats(class_names[i], &stats[i], w);
        mem_free(stats[i].lives);
    }
    json_object_end(w);
}

/* ---- apps */

void show_version_info(struct wall scaling, struct wall config, struct json_writer *w)
{
    json_key(w, "versionInfo");
    json_object(w);
    marathon_time(w, "lastScalingAt", scaling);
    marathon_time(w, "lastConfigChangeAt", config);
    json_object_end(w);
}

void show_definition(const struct app_row *a, struct json_writer *w)
{
    json_put_members(w, a->definition);
    marathon_time(w, "version", a->version);
    show_version_info(a->scaling, a->config, w);
}

static void show_counts(const struct app_row *a, struct json_writer *w)
{
    json_member_int(w, "tasksStaged", a->counts.staged);
    json_member_int(w, "tasksRunning", a->counts.running);
    json_member_int(w, "tasksHealthy", a->counts.healthy);
    json_member_int(w, "tasksUnhealthy", a->counts.unhealthy);
}

struct stmt *show_idle(struct show *s, const struct app_row *a)
{
    return stored_is_resident(a->definition) ? state_tasks_idle(s->state, a->id) : NULL;
}

static void show_tasks(struct show *s, const struct app_row *a, struct json_writer *w)
{
    json_key(w, "tasks");
    json_array(w);
    struct task_row t;
    struct stmt *q = a->counts.live > 0 ? state_tasks_of_app(s->state, a->id) : NULL;
    while (state_task_next(q, &t))
        show_task(s, a, &t, NULL, w);
    q = show_idle(s, a);
    while (state_task_next(q, &t))
        show_task(s, a, &t, NULL, w);
    json_array_end(w);
}

/* It is stored with the agent's number: clients want its name and id. */
static void show_failure(struct show *s, const struct app_row *a, struct json_writer *w)
{
    struct error err;
    if (a->failure.len == 0)
        return;
    char slave[MESOS_ID_SIZE];
    struct json *failure = json_parse_own(a->failure, &err);
    int64_t agent = json_int(json_get(failure, "agent"), -1);
    json_key(w, "lastTaskFailure");
    json_object(w);
    JSON_EACH (member, failure) {
        if (str_eq(json_name(member), "agent"))
            continue;
        json_key(w, json_name(member));
        json_put_value(w, member);
    }
    json_member_str(w, "host", show_hostname(s, agent));
    json_member_str(w, "slaveId", slave_id(s->view, agent, slave));
    json_object_end(w);
    json_free(failure);
}

void show_app(struct show *s, const struct app_row *a, struct json_writer *w)
{
    json_object(w);
    show_definition(a, w);
    if (s->embed & EMBED_COUNTS)
        show_counts(a, w);
    if (s->embed & EMBED_DEPLOYMENTS)
        show_deployments(s, a->deployment, w);
    if (s->embed & EMBED_TASKS)
        show_tasks(s, a, w);
    if (s->embed & EMBED_READINESS) {
        struct deployment_row d = {0};
        bool deploying = state_deployment_brief(s->state, a->deployment, &d);
        show_readiness(s->state, deploying ? a->id : 0, d.version, w);
    }
    if (s->embed & EMBED_FAILURE)
        show_failure(s, a, w);
    if (s->embed & EMBED_STATS)
        show_stats(s, a, w);
    json_object_end(w);
}
