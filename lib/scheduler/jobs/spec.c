/* What must be run for one attempt of a job: its definition, as an agent understands it. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/mesos_id.h"
#include "model/run_spec.h"
#include "scheduler/jobs/private.h"

#define KILL_GRACE_MS 10000 /* spec/chronos.md 5.6 */

struct making {
    const struct job *job;
    const struct job_run *run;
    struct arena *arena;
    struct run_spec *spec;
};

static void fill_env(struct making *m)
{
    struct env_vars vars;
    job_task_env(m->job, m->run, m->arena, &vars);
    struct run_env *env = arena_alloc(m->arena, (vars.n + 1) * sizeof *env);
    for (size_t i = 0; i < vars.n; i++)
        env[i] = (struct run_env){vars.items[i].name, vars.items[i].value};
    m->spec->env = env;
    m->spec->env_n = vars.n;
}

/* A command that is the address of a program: the program is fetched and run, nothing else is
 * fetched (6.4). */
static bool is_address(const struct job *j)
{
    return str_starts(j->command, "http") || str_starts(j->command, "ftp");
}

static const char *last_part(const char *address)
{
    const char *slash = strrchr(address, '/');
    return slash != NULL ? slash + 1 : address;
}

static void fetch_program(struct making *m)
{
    struct run_fetch *f = arena_alloc(m->arena, sizeof *f);
    size_t len = strcspn(m->job->command, " \t");
    const char *address = arena_strndup(m->arena, m->job->command, len);
    *f = (struct run_fetch){.uri = address, .executable = true};
    m->spec->fetch = f;
    m->spec->fetch_n = 1;
    m->spec->args = NULL;
    m->spec->args_n = 0;
    m->spec->cmd = arena_printf(m->arena, "./%s%s", last_part(address), m->job->command + len);
}

static void fill_fetch(struct making *m)
{
    const struct job *j = m->job;
    struct run_fetch *fetch = arena_alloc(m->arena, (j->fetch.n + j->uris.n + 1) * sizeof *fetch);
    size_t n = 0;
    for (size_t i = 0; i < j->fetch.n; i++) {
        const struct job_fetch *f = &j->fetch.items[i];
        fetch[n++] = (struct run_fetch){
            .uri = f->uri,
            .dest = f->output_file,
            .extract = f->extract && !f->executable,
            .executable = f->executable,
            .cache = f->cache,
        };
    }
    for (size_t i = 0; i < j->uris.n; i++)
        fetch[n++] = (struct run_fetch){.uri = j->uris.items[i], .extract = true};
    m->spec->fetch = fetch;
    m->spec->fetch_n = n;
}

/* {"/bin/sh", "-c", line} is the line: in a container it takes the place of the entry point. */
static void fill_command(struct making *m)
{
    struct strings argv;
    job_argv(m->job, m->run, m->arena, &argv);
    if (m->job->shell && argv.n == 3) {
        m->spec->cmd = argv.items[2];
    } else {
        m->spec->args = argv.items;
        m->spec->args_n = argv.n;
    }
}

static void fill_mounts(struct making *m, const struct job_container *c)
{
    struct run_mount *mounts = arena_alloc(m->arena, (c->volumes.n + 1) * sizeof *mounts);
    for (size_t i = 0; i < c->volumes.n; i++) {
        const struct job_volume *v = &c->volumes.items[i];
        mounts[m->spec->mounts_n++] = (struct run_mount){
            .container_path = v->container_path,
            .host_path = v->host_path,
            .read_only = v->mode != NULL && strcasecmp(v->mode, "RO") == 0,
        };
    }
    m->spec->mounts = mounts;
}

static void fill_ports(struct making *m, const struct job_container *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->network_infos.n; i++)
        n += c->network_infos.items[i].mappings.n;
    struct run_port *ports = arena_alloc(m->arena, (n + 1) * sizeof *ports);
    for (size_t i = 0; i < c->network_infos.n; i++) {
        const struct job_network_info *info = &c->network_infos.items[i];
        for (size_t k = 0; k < info->mappings.n; k++) {
            const struct job_port_mapping *p = &info->mappings.items[k];
            ports[m->spec->ports_n++] = (struct run_port){
                .host = (int)p->host_port,
                .container = (int)p->container_port,
                .udp = p->protocol != NULL && strcasecmp(p->protocol, "udp") == 0,
            };
        }
    }
    m->spec->ports = ports;
}

static void fill_container(struct making *m)
{
    static const enum run_network networks[] = {
        [JOB_NET_HOST] = NETWORK_HOST,
        [JOB_NET_BRIDGE] = NETWORK_BRIDGE,
        [JOB_NET_USER] = NETWORK_USER,
    };
    const struct job_container *c = m->job->container;
    if (c == NULL)
        return;
    m->spec->image = c->image;
    m->spec->force_pull = c->force_pull;
    m->spec->network = networks[job_network_of(c)];
    m->spec->network_name = c->network_name;
    if (c->network_name == NULL && c->network_infos.n > 0)
        m->spec->network_name = c->network_infos.items[0].name;
    struct run_parameter *p = arena_alloc(m->arena, (c->parameters.n + 1) * sizeof *p);
    for (size_t i = 0; i < c->parameters.n; i++)
        p[i] = (struct run_parameter){c->parameters.items[i].name, c->parameters.items[i].value};
    m->spec->parameters = p;
    m->spec->parameters_n = c->parameters.n;
    fill_mounts(m, c);
    fill_ports(m, c);
}

/* Fails clearly rather than run something else (2.2). */
static void refuse_executor(struct making *m)
{
    m->spec->cmd = "echo 'custom executors are not supported' >&2; exit 1";
}

static void fill(struct making *m)
{
    fill_env(m);
    if (m->job->executor[0] != '\0') {
        refuse_executor(m);
        return;
    }
    fill_command(m);
    fill_container(m);
    if (is_address(m->job))
        fetch_program(m);
    else
        fill_fetch(m);
}

/* The variables of a run alone. */
static void read_env(const char *text, struct arena *arena, struct pairs *out)
{
    struct error err;
    struct json *tree = json_parse_own(slice_of(text), &err);
    out->items = arena_alloc(arena, (json_count(tree) + 1) * sizeof *out->items);
    JSON_EACH (v, tree)
        out->items[out->n++] =
            (struct pair){arena_strdup(arena, json_name(v)), arena_strdup(arena, json_str(v, ""))};
    json_free(tree);
}

/* What it was asked for with: nobody asks for what a schedule runs. */
static void fill_wish(struct state *state, const struct run_row *r, struct arena *arena,
                      struct pairs *env)
{
    struct wish_row wish;
    if (r->cause != CAUSE_SCHEDULE && state_run_wish(state, r->id, &wish) &&
        wish.environment != NULL)
        read_env(wish.environment, arena, env);
}

void write_run_spec(struct state *state, const struct task_row *t, const struct run_to_start *start,
                    const struct job *job, struct buf *out)
{
    char run_id[24], agent_id[MESOS_ID_SIZE], framework[MESOS_ID_SIZE];
    const char *cluster = state_setting(state, "cluster", "");
    const struct run_row *r = &start->run;
    struct job_task_ref ref;
    struct error err;
    struct json_writer w;
    struct arena arena = {0};
    struct job_run run = {.due = r->due,
                          .attempt = r->attempt,
                          .run_id = run_id,
                          .host = start->hostname,
                          .arguments = r->arguments};
    if (job_task_id_parse(t->name, &ref, &err) == 0)
        run.due = ref.due; /* as the id has it: it may have had to give way (6.1) */
    snprintf(run_id, sizeof run_id, "%lld", (long long)r->id);
    struct run_spec s = {
        .task = t->id,
        .name = t->name,
        .owner = OWNER_JOB,
        .of = job->name,
        .run = r->id,
        .agent = mesos_agent_id(cluster, t->agent, agent_id),
        .framework = mesos_framework_id(cluster, OWNER_JOB, framework),
        .source = arena_printf(&arena, "ChronosTask:%s", job->name),
        .user = str_eq(job->user, "root") ? NULL : job->user, /* NULL: the agent's own */
        .cpus_milli = t->cpus_milli,
        .mem_bytes = t->mem_bytes,
        .disk_bytes = t->disk_bytes,
        .grace_ms = KILL_GRACE_MS,
        .max_ms = job_max_ms(job),
        .once = true,
        .start_before_ms = r->deadline.ms,
    };
    if (r->cause == CAUSE_SCHEDULE || r->cause == CAUSE_BACKFILL)
        run.planned = r->due;
    run.backfill = r->cause == CAUSE_BACKFILL;
    fill_wish(state, r, &arena, &run.env);
    struct making m = {.job = job, .run = &run, .arena = &arena, .spec = &s};
    fill(&m);
    json_begin(&w, out);
    run_spec_write(&s, &w);
    arena_close(&arena);
}
