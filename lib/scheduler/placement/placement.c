#include "scheduler/placement/placement.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/node_facts.h"
#include "model/pod.h"
#include "model/run_spec.h"
#include "scheduler/placement/constraints.h"

static const struct {
    const char *word, *one, *many;
} reasons[REASONS_N] = {
#define X(name, word, one, many) [name] = {word, one, many},
    REASONS(X)
#undef X
};

const char *reason_word(enum reason r)
{
    return reasons[r].word;
}

const char *reason_text(enum reason r, int64_t agents)
{
    return agents == 1 ? reasons[r].one : reasons[r].many;
}

struct machine {
    int64_t id;
    char *hostname;
    char *attributes_text;
    struct json *attributes; /* parsed when a constraint asks */
    char *docker_reason;
    char *region; /* NULL: none */
    bool docker;
    enum agent_state state;
    int64_t silence_ms; /* of one that is READY; -1: it is heard */
    struct resources total, free;
    bool ports_read; /* those taken are read when a task wants ports */
};

/* Where one app's instances are, by agent: read once, then kept up with what is placed. */
struct app_places {
    struct {
        int64_t agent, n;
    } * items; /* in the order first placed */
    size_t n, cap;
};

/* One constraint that does not count: its pattern, and what it says of each machine, found out when
 * it is first asked. With many machines and instances nothing else would be affordable. */
struct verdicts {
    struct pattern *pattern; /* NULL: it has none */
    enum { NOT_ASKED, HOLDS, FAILS } * of;
};

/* A place that was given, and is not in the state yet. */
struct promise {
    int64_t agent, app;
    struct resources needs; /* with its ports */
};

struct placement {
    struct state *state;
    struct hearing hearing;
    bool loaded;              /* the machines have been read: when somebody first asks */
    struct machine *machines; /* by id */
    char *home;               /* the masters' region; NULL: none is known */
    size_t n, cap;
    struct map *verdicts;     /* constraint, as text -> struct verdicts; of these machines */
    struct map *apps;         /* id -> struct app_places */
    struct promise *promises; /* the oldest first */
    size_t promises_n, promises_cap;
    uint64_t given, proposed; /* promises ever made; of these, up to there proposed */
};

/* ---- making the view */

static bool is_on_master(struct state *s, const struct agent_row *r)
{
    struct node_row node;
    return state_node_by_id(s, r->node, &node) && (node.modes & MODE_MASTER) != 0;
}

static int64_t silence_of(const struct placement *p, const struct agent_row *r)
{
    bool asks = p->hearing.silence != NULL && r->state == AGENT_READY;
    return asks ? p->hearing.silence(p->hearing.data, r->id) : -1;
}

static void add_machine(struct placement *p, const struct agent_row *r)
{
    struct machine *m = &p->machines[p->n++];
    *m = (struct machine){
        .id = r->id,
        .hostname = mem_strdup(r->hostname),
        .attributes_text = mem_strdup(r->attributes),
        .docker = r->docker[0] != '\0',
        .docker_reason = mem_strdup(r->docker_reason),
        .region = node_region(r->attributes),
        .state = r->state,
        .silence_ms = silence_of(p, r),
        .total = {.cpus_milli = r->cpus_milli,
                  .mem_bytes = r->mem_bytes,
                  .disk_bytes = r->disk_bytes},
    };
    m->free = m->total;
    const struct resources used = {.cpus_milli = r->used_cpus_milli,
                                   .mem_bytes = r->used_mem_bytes,
                                   .disk_bytes = r->used_disk_bytes};
    resources_subtract(&m->free, &used);
    if (p->home == NULL && m->region != NULL && is_on_master(p->state, r))
        p->home = mem_strdup(m->region);
    struct buf text;
    struct error err;
    struct resources named = {0};
    unsigned which;
    buf_init(&text, 64 << 10); /* of the most ranges there may be */
    buf_printf(&text, "ports:[%s]", r->port_ranges);
    if (resources_parse(buf_str(&text), &named, &which, &err) == 0)
        ports_copy(&m->free.ports, &named.ports);
    resources_close(&named);
    buf_close(&text);
}

static struct machine *machine_by_id(struct placement *p, int64_t id)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->machines[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->n && p->machines[low].id == id ? &p->machines[low] : NULL;
}

static void load(struct placement *p)
{
    struct agent_row row;
    if (p->loaded)
        return;
    p->loaded = true;
    const char *home = state_masters_region(p->state);
    p->home = home[0] != '\0' ? mem_strdup(home) : NULL; /* else by the agents beside masters */
    struct stmt *q = state_agents(p->state);
    while (state_agent_next(q, &row)) {
        if (row.state == AGENT_GONE)
            continue;
        if (p->n == p->cap) {
            p->cap = p->cap == 0 ? 16 : p->cap * 2;
            p->machines = mem_realloc(p->machines, p->cap * sizeof p->machines[0]);
        }
        add_machine(p, &row);
    }
    for (size_t i = 0; i < p->promises_n; i++) {
        struct machine *m = machine_by_id(p, p->promises[i].agent);
        if (m != NULL)
            resources_subtract(&m->free, &p->promises[i].needs);
    }
}

struct placement *placement_new(struct state *state, struct hearing hearing)
{
    struct placement *p = NEW(struct placement);
    *p = (struct placement){
        .state = state, .hearing = hearing, .apps = map_new(), .verdicts = map_new()};
    return p;
}

static void forget_verdicts(struct placement *p)
{
    struct verdicts *v;
    for (size_t cursor = 0; (v = map_each(p->verdicts, &cursor)) != NULL;) {
        pattern_free(v->pattern);
        mem_free(v->of);
        mem_free(v);
    }
    map_free(p->verdicts);
}

static void forget_machines(struct placement *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct machine *m = &p->machines[i];
        mem_free(m->hostname);
        mem_free(m->attributes_text);
        mem_free(m->docker_reason);
        mem_free(m->region);
        json_free(m->attributes);
        resources_close(&m->free);
    }
    p->n = 0;
    mem_free(p->home);
    p->home = NULL;
    p->loaded = false;
}

static void forget_apps(struct placement *p)
{
    struct app_places *a;
    for (size_t cursor = 0; (a = map_each(p->apps, &cursor)) != NULL;) {
        mem_free(a->items);
        mem_free(a);
    }
    map_free(p->apps);
}

/* Those from one position up to another. */
static void drop_promises(struct placement *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        resources_close(&p->promises[i].needs);
    if (to < p->promises_n)
        memmove(p->promises + from, p->promises + to, (p->promises_n - to) * sizeof p->promises[0]);
    p->promises_n -= to - from;
}

void placement_free(struct placement *p)
{
    if (p == NULL)
        return;
    drop_promises(p, 0, p->promises_n);
    forget_machines(p);
    forget_verdicts(p);
    forget_apps(p);
    mem_free(p->promises);
    mem_free(p->machines);
    mem_free(p);
}

/* ---- turns, and what is promised over several of them */

void placement_turn(struct placement *p)
{
    size_t not_proposed = (size_t)(p->given - p->proposed);
    drop_promises(p, p->promises_n - not_proposed, p->promises_n);
    p->given = p->proposed;
    forget_machines(p);
    forget_verdicts(p);
    forget_apps(p);
    p->verdicts = map_new();
    p->apps = map_new();
}

uint64_t placement_proposed(struct placement *p)
{
    p->proposed = p->given;
    return p->proposed;
}

void placement_settled(struct placement *p, uint64_t proposed)
{
    uint64_t before_oldest = p->given - p->promises_n;
    if (proposed > p->given) /* of an earlier placement: they are not kept here */
        proposed = p->given;
    if (proposed > before_oldest)
        drop_promises(p, 0, (size_t)(proposed - before_oldest));
}

static void promise(struct placement *p, const struct demand *d, const struct place *at)
{
    if (p->promises_n == p->promises_cap) {
        p->promises_cap = p->promises_cap == 0 ? 64 : p->promises_cap * 2;
        p->promises = mem_realloc(p->promises, p->promises_cap * sizeof p->promises[0]);
    }
    struct promise *made = &p->promises[p->promises_n++];
    *made = (struct promise){.agent = at->agent, .app = d->app, .needs = d->needs};
    made->needs.ports = (struct ports){0};
    for (size_t i = 0; i < at->ports_n; i++)
        ports_add(&made->needs.ports, at->ports[i], at->ports[i]);
    p->given++;
}

static void read_ports(struct placement *p, struct machine *m)
{
    if (m->ports_read)
        return;
    m->ports_read = true;
    struct stmt *q = state_agent_ports(p->state, m->id);
    while (stmt_row(q))
        ports_take(&m->free.ports, (uint16_t)stmt_i64(q, 0));
}

/* ---- constraints */

static void count_place(struct app_places *a, int64_t agent)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->items[i].agent == agent) {
            a->items[i].n++;
            return;
        }
    }
    if (a->n == a->cap) {
        a->cap = a->cap == 0 ? 8 : a->cap * 2;
        a->items = mem_realloc(a->items, a->cap * sizeof a->items[0]);
    }
    a->items[a->n].agent = agent;
    a->items[a->n++].n = 1;
}

/* Instances of the present configuration that have an agent and are not lost (11.3). */
static const struct app_places *places_of(struct placement *p, const struct demand *d)
{
    struct app_places *a = map_get(p->apps, (uint64_t)d->app);
    if (a != NULL)
        return a;
    a = NEW(struct app_places);
    map_put(p->apps, (uint64_t)d->app, a);
    struct task_row t;
    int64_t counted = 0; /* a pod's instance has several tasks, one after another */
    struct stmt *q = state_tasks_of_app(p->state, d->app);
    while (state_task_next(q, &t)) {
        if (t.version.ms < d->config.ms || t.state == TASK_UNREACHABLE || t.owner_id == counted)
            continue;
        count_place(a, t.agent);
        counted = t.owner_id;
    }
    for (size_t i = 0; i < p->promises_n; i++)
        if (p->promises[i].app == d->app)
            count_place(a, p->promises[i].agent);
    return a;
}

static const struct json *attributes(struct machine *m)
{
    struct error err;
    if (m->attributes == NULL)
        m->attributes = json_parse(slice_of(m->attributes_text), &err);
    return m->attributes;
}

/* A demand with what its constraints count, gathered once for all agents. */
struct asking {
    const struct demand *d;
    enum constraint_dialect dialect;
    struct crowd *crowds;       /* one a constraint; empty of those that do not count */
    struct verdicts **verdicts; /* of these; NULL of those that do */
    bool stays_home;            /* not where another region is (11.5) */
};

static size_t constraints_n(const struct demand *d)
{
    return d->constraints != NULL ? d->constraints->n : 0;
}

static bool names_places(const struct demand *d)
{
    for (size_t i = 0; i < constraints_n(d); i++)
        if (str_eq(d->constraints->items[i].field, "@region") ||
            str_eq(d->constraints->items[i].field, "@zone"))
            return true;
    return false;
}

/* The app's instances by the value that their agents have. */
static void gather_crowd(struct placement *p, const struct app_places *a,
                         const struct constraint *c, struct crowd *out)
{
    struct crowd_value *values = mem_zalloc((a->n + 1) * sizeof *values);
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) {
        char text[FIELD_TEXT_SIZE];
        struct machine *m = machine_by_id(p, a->items[i].agent);
        if (m == NULL || !constraint_value(c, CONSTRAINT_OF_APP, m->hostname, attributes(m), text))
            continue;
        size_t at = 0;
        while (at < n && !str_eq(values[at].value, text))
            at++;
        if (at == n)
            values[n++].value = mem_strdup(text);
        values[at].placed += a->items[i].n;
    }
    *out = (struct crowd){values, n};
}

static struct verdicts *verdicts_of(struct placement *p, const struct constraint *c,
                                    enum constraint_dialect dialect)
{
    struct buf key;
    struct error err;
    const char *value = c->value != NULL ? c->value : "";
    buf_init(&key, LIMIT_BODY_BYTES);
    buf_printf(&key, "%d %d %s %s", (int)dialect, (int)c->op, c->field, value);
    struct verdicts *v = map_get_str(p->verdicts, buf_str(&key));
    if (v == NULL) {
        v = NEW(struct verdicts);
        v->of = mem_zalloc((p->n + 1) * sizeof v->of[0]);
        if ((c->op == OP_LIKE || c->op == OP_UNLIKE) && pattern_new(value, &v->pattern, &err) != 0)
            v->pattern = NULL; /* was checked when it came in */
        map_put_str(p->verdicts, buf_str(&key), v);
    }
    buf_close(&key);
    return v;
}

static void asking_begin(struct placement *p, const struct demand *d, struct asking *out)
{
    size_t n = constraints_n(d);
    *out = (struct asking){.d = d,
                           .dialect = d->app != 0 ? CONSTRAINT_OF_APP : CONSTRAINT_OF_JOB,
                           .stays_home = d->app != 0 && p->home != NULL && !names_places(d)};
    if (n == 0)
        return;
    out->crowds = mem_zalloc(n * sizeof out->crowds[0]);
    out->verdicts = mem_zalloc(n * sizeof out->verdicts[0]);
    for (size_t i = 0; i < n; i++)
        if (!constraint_counts(&d->constraints->items[i]))
            out->verdicts[i] = verdicts_of(p, &d->constraints->items[i], out->dialect);
    if (d->app == 0)
        return;
    const struct app_places *a = places_of(p, d);
    for (size_t i = 0; i < n; i++)
        if (constraint_counts(&d->constraints->items[i]))
            gather_crowd(p, a, &d->constraints->items[i], &out->crowds[i]);
}

static void asking_end(struct asking *a)
{
    for (size_t i = 0; i < constraints_n(a->d); i++) {
        for (size_t k = 0; k < a->crowds[i].n; k++)
            mem_free(a->crowds[i].values[k].value);
        mem_free((void *)a->crowds[i].values);
    }
    mem_free(a->crowds);
    mem_free(a->verdicts);
}

static bool holds(struct machine *m, const struct asking *a, size_t i)
{
    char text[FIELD_TEXT_SIZE];
    const struct constraint *c = &a->d->constraints->items[i];
    const struct verdicts *v = a->verdicts[i];
    bool has = constraint_value(c, a->dialect, m->hostname, attributes(m), text);
    return constraint_holds(c, a->dialect, has ? text : NULL, v != NULL ? v->pattern : NULL,
                            &a->crowds[i], a->d->wanted);
}

static bool holds_at(struct placement *p, struct machine *m, const struct asking *a, size_t i)
{
    struct verdicts *v = a->verdicts[i];
    size_t at = (size_t)(m - p->machines);
    if (v == NULL)
        return holds(m, a, i);
    if (v->of[at] == NOT_ASKED)
        v->of[at] = holds(m, a, i) ? HOLDS : FAILS;
    return v->of[at] == HOLDS;
}

/* Has the machine no attribute that the constraint could look at? */
static bool lacks(struct machine *m, const struct asking *a, const struct constraint *c)
{
    char unused[FIELD_TEXT_SIZE];
    return json_get(attributes(m), c->field) == NULL &&
           !constraint_value(c, a->dialect, m->hostname, attributes(m), unused);
}

static bool meets(struct placement *p, struct machine *m, const struct asking *a,
                  char example[static EXAMPLE_SIZE])
{
    for (size_t i = 0; i < constraints_n(a->d); i++) {
        const struct constraint *c = &a->d->constraints->items[i];
        if (holds_at(p, m, a, i))
            continue;
        bool none = lacks(m, a, c);
        snprintf(example, EXAMPLE_SIZE, "%.30s: %.20s %s%s%.20s%s%.20s", m->hostname, c->field,
                 constraint_op_word(c->op), c->value != NULL ? " " : "",
                 c->value != NULL ? c->value : "", none ? ", and it has no " : "",
                 none ? c->field : "");
        return false;
    }
    return true;
}

static bool is_abroad(const struct placement *p, const struct machine *m, const struct asking *a,
                      char example[static EXAMPLE_SIZE])
{
    bool abroad = a->stays_home && m->region != NULL && !str_eq(m->region, p->home);
    if (abroad)
        snprintf(example, EXAMPLE_SIZE,
                 "%.30s: in @region %.30s, and no constraint leads out of the masters' %.30s",
                 m->hostname, m->region, p->home);
    return abroad;
}

/* ---- one agent, one demand */

#define MIB_OF(bytes) ((double)(bytes) / 1048576.0)

static uint16_t first_missing(const struct ports *free, const struct ports *wanted)
{
    for (size_t r = 0; r < wanted->n; r++)
        for (unsigned port = wanted->ranges[r].begin; port <= wanted->ranges[r].end; port++)
            if (!ports_have(free, (uint16_t)port))
                return (uint16_t)port;
    UNREACHABLE("one is missing");
}

static void say_missing(struct placement *p, const struct machine *m, const struct demand *d,
                        char example[static EXAMPLE_SIZE])
{
    struct task_row t;
    uint16_t port = first_missing(&m->free.ports, d->fixed_ports);
    int64_t holder = state_port_holder(p->state, m->id, port);
    if (holder != 0 && state_task_by_id(p->state, holder, &t))
        snprintf(example, EXAMPLE_SIZE, "%.30s: port %u taken by %.40s", m->hostname, port,
                 t.of != NULL ? t.of : t.name);
    else
        snprintf(example, EXAMPLE_SIZE, "%.30s: port %u is not free there", m->hostname, port);
}

static enum reason check_ports(struct placement *p, struct machine *m, const struct demand *d,
                               char example[static EXAMPLE_SIZE])
{
    size_t fixed = d->fixed_ports != NULL ? ports_count(d->fixed_ports) : 0;
    if (fixed + d->any_ports == 0)
        return REASON_NONE;
    read_ports(p, m);
    size_t free = ports_count(&m->free.ports);
    if (fixed > 0 && !ports_contain(&m->free.ports, d->fixed_ports)) {
        say_missing(p, m, d, example);
        return REASON_PORTS;
    }
    if (free < fixed + d->any_ports) {
        snprintf(example, EXAMPLE_SIZE, "%.30s: %zu of %zu ports free", m->hostname, free,
                 fixed + d->any_ports);
        return REASON_PORTS;
    }
    return REASON_NONE;
}

/* `also`: what else is to be said of it. */
static enum reason check_heard(const struct machine *m, const char *also,
                               char example[static EXAMPLE_SIZE])
{
    if (m->silence_ms < 0)
        return REASON_NONE;
    snprintf(example, EXAMPLE_SIZE, "%.30s%s: for %lld s", m->hostname, also,
             (long long)(m->silence_ms / 1000));
    return REASON_SILENT;
}

static enum reason check_state(const struct machine *m, char example[static EXAMPLE_SIZE])
{
    if (m->state == AGENT_READY)
        return check_heard(m, "", example);
    bool lost = m->state == AGENT_UNREACHABLE;
    snprintf(example, EXAMPLE_SIZE, "%.30s%s", m->hostname, lost ? ": unreachable" : "");
    return lost ? REASON_SILENT : REASON_MAINTENANCE;
}

static enum reason check_kept(struct placement *p, const struct machine *m, const struct demand *d,
                              char example[static EXAMPLE_SIZE])
{
    struct agent_row where;
    bool is_there = m->id == *d->kept;
    if (is_there && m->state == AGENT_READY)
        return check_heard(m, ", where its data is", example);
    if (is_there)
        snprintf(example, EXAMPLE_SIZE, "%.30s, where its data is", m->hostname);
    else
        snprintf(example, EXAMPLE_SIZE, "%.30s: its data is on %.30s", m->hostname,
                 state_agent_by_id(p->state, *d->kept, &where) ? where.hostname : "no node");
    return is_there ? REASON_MAINTENANCE : REASON_RESERVATION;
}

/* The first check that fails, in the order of spec/marathon.md 9.4. */
static enum reason check(struct placement *p, struct machine *m, const struct asking *a,
                         char example[static EXAMPLE_SIZE])
{
    const struct demand *d = a->d;
    const struct resources *need = &d->needs, *free = &m->free;
    example[0] = '\0';
    if (d->kept != NULL)
        return check_kept(p, m, d, example);
    if (d->role != NULL) { /* nothing is reserved anywhere */
        snprintf(example, EXAMPLE_SIZE, "%.30s: role %.40s", m->hostname, d->role);
        return REASON_ROLE;
    }
    if (!meets(p, m, a, example) || is_abroad(p, m, a, example))
        return REASON_CONSTRAINT;
    enum reason away = check_state(m, example);
    if (away != REASON_NONE)
        return away;
    if (free->cpus_milli < need->cpus_milli) {
        snprintf(example, EXAMPLE_SIZE, "%.30s: %.7g cpus free, %.7g asked", m->hostname,
                 milli_to_cpus(free->cpus_milli), milli_to_cpus(need->cpus_milli));
        return REASON_CPUS;
    }
    if (free->mem_bytes < need->mem_bytes) {
        snprintf(example, EXAMPLE_SIZE, "%.30s: %.0f MiB free, %.0f asked", m->hostname,
                 MIB_OF(free->mem_bytes), MIB_OF(need->mem_bytes));
        return REASON_MEM;
    }
    if (free->disk_bytes < need->disk_bytes) {
        snprintf(example, EXAMPLE_SIZE, "%.30s: %.0f MiB of disk free, %.0f asked", m->hostname,
                 MIB_OF(free->disk_bytes), MIB_OF(need->disk_bytes));
        return REASON_DISK;
    }
    if (need->gpus > 0) {
        snprintf(example, EXAMPLE_SIZE, "%.30s", m->hostname);
        return REASON_GPUS;
    }
    enum reason ports = check_ports(p, m, d, example);
    if (ports != REASON_NONE)
        return ports;
    if (d->docker && !m->docker) {
        snprintf(example, EXAMPLE_SIZE, "%.30s: %s", m->hostname, m->docker_reason);
        return REASON_DOCKER;
    }
    if (d->unknown_uri != NULL) {
        snprintf(example, EXAMPLE_SIZE, "%.30s: %.120s", m->hostname, d->unknown_uri);
        return REASON_FETCH;
    }
    return REASON_NONE;
}

/* The smaller share of what is left, in thousandths: what fills an agent first. */
static int64_t room_left(const struct machine *m, const struct demand *d)
{
    int64_t cpus = m->total.cpus_milli > 0
                       ? (m->free.cpus_milli - d->needs.cpus_milli) * 1000 / m->total.cpus_milli
                       : 0;
    int64_t mem = m->total.mem_bytes >> 20 > 0 ? ((m->free.mem_bytes - d->needs.mem_bytes) >> 20) *
                                                     1000 / (m->total.mem_bytes >> 20)
                                               : 0;
    return cpus < mem ? cpus : mem;
}

static struct machine *choose(struct placement *p, const struct demand *d, struct rng *rng,
                              struct funnel *funnel)
{
    struct machine *best = NULL;
    int64_t best_room = 0;
    bool best_spared = false;
    uint64_t ties = 0;
    struct asking asking;
    *funnel = (struct funnel){0};
    load(p);
    asking_begin(p, d, &asking);
    for (size_t i = 0; i < p->n; i++) {
        struct machine *m = &p->machines[i];
        char example[EXAMPLE_SIZE];
        enum reason r = check(p, m, &asking, example);
        funnel->considered++;
        if (r != REASON_NONE) {
            if (funnel->declined[r]++ == 0)
                str_copy(funnel->example[r], sizeof funnel->example[r], example);
            continue;
        }
        int64_t room = room_left(m, d);
        bool spared = d->spared != NULL && m->id == *d->spared;
        if (best == NULL || best_spared || (!spared && room > best_room)) {
            best = m;
            best_room = room;
            best_spared = spared;
            ties = 1;
        } else if (!spared && room == best_room && rng != NULL && rng_below(rng, ++ties) == 0) {
            best = m;
        }
    }
    asking_end(&asking);
    return best;
}

static void take_ports(struct machine *m, const struct demand *d, struct rng *rng,
                       struct place *out)
{
    size_t fixed = d->fixed_ports != NULL ? ports_count(d->fixed_ports) : 0, n = 0;
    out->ports_n = fixed + d->any_ports;
    out->ports = mem_zalloc((out->ports_n + 1) * sizeof out->ports[0]);
    for (size_t r = 0; fixed > 0 && r < d->fixed_ports->n; r++) {
        for (unsigned port = d->fixed_ports->ranges[r].begin; port <= d->fixed_ports->ranges[r].end;
             port++) {
            ports_take(&m->free.ports, (uint16_t)port);
            out->ports[n++] = (uint16_t)port;
        }
    }
    bool taken = ports_take_random(&m->free.ports, d->any_ports, rng, out->ports + n);
    ASSERT(taken); /* check_ports() counted them */
}

bool place(struct placement *p, const struct demand *d, struct rng *rng, struct place *out,
           struct funnel *funnel)
{
    struct machine *m = choose(p, d, rng, funnel);
    if (m == NULL) {
        *out = (struct place){.agent = -1};
        return false;
    }
    *out = (struct place){.agent = m->id, .hostname = m->hostname};
    take_ports(m, d, rng, out);
    struct resources needs = d->needs;
    needs.ports = (struct ports){0};
    resources_subtract(&m->free, &needs);
    struct app_places *known = d->app != 0 ? map_get(p->apps, (uint64_t)d->app) : NULL;
    if (known != NULL) /* else its promises are counted when somebody asks */
        count_place(known, m->id);
    promise(p, d, out);
    return true;
}

bool place_explain(struct placement *p, const struct demand *d, struct funnel *funnel)
{
    return choose(p, d, NULL, funnel) != NULL;
}

void place_declined(struct placement *p, const struct demand *d, declined_fn *told, void *data)
{
    struct asking asking;
    load(p);
    asking_begin(p, d, &asking);
    for (size_t i = 0; i < p->n; i++) {
        struct machine *m = &p->machines[i];
        char example[EXAMPLE_SIZE];
        enum reason why = check(p, m, &asking, example);
        if (why == REASON_NONE)
            continue;
        read_ports(p, m);
        told(data, m->id, why, &m->free);
    }
    asking_end(&asking);
}

/* ---- demands */

/* Whoever takes "*" too, or has not said whose resources it takes, needs none that are reserved. */
static const char *reserved_role(const struct app *a)
{
    for (size_t i = 0; i < a->accepted_roles.n; i++)
        if (str_eq(a->accepted_roles.items[i], "*"))
            return NULL;
    return a->accepted_roles.n > 0 ? a->accepted_roles.items[0] : NULL;
}

static const char *unknown_of(const struct app_fetch *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!run_uri_is_known(items[i].uri))
            return items[i].uri;
    return NULL;
}

/* It would fail wherever it began. */
static const char *unknown_uri(const struct app *a)
{
    const char *uri = unknown_of(a->fetch.items, a->fetch.n);
    for (size_t i = 0; a->pod != NULL && uri == NULL && i < a->pod->containers.n; i++) {
        const struct pod_container *c = &a->pod->containers.items[i];
        uri = unknown_of(c->artifacts.items, c->artifacts.n);
    }
    return uri;
}

void demand_of_app(const struct app *a, const struct app_row *row, struct demand *out,
                   struct ports *fixed)
{
    *fixed = (struct ports){0};
    size_t any = app_host_ports_needed(a, fixed);
    *out = (struct demand){
        .needs = app_needs(a),
        .fixed_ports = fixed,
        .any_ports = any,
        .constraints = &a->constraints,
        .app = row->id,
        .wanted = row->instances,
        .config = row->config,
        .docker = a->pod != NULL ? pod_has_image(a->pod)
                                 : a->container != NULL && a->container->docker != NULL,
        .unknown_uri = unknown_uri(a),
        .role = reserved_role(a),
    };
    struct app_kept volume;
    for (size_t i = 0; app_kept_volume(a, i, &volume); i++)
        out->needs.disk_bytes += volume.bytes;
}

void demand_of_job(const struct job *j, struct demand *out)
{
    *out = (struct demand){
        .needs = job_needs(j),
        .constraints = &j->constraints,
        .docker = j->container != NULL,
    };
}

void funnel_text(const struct funnel *f, char *dst, size_t size)
{
    size_t at = (size_t)snprintf(dst, size, "%lld %s considered", (long long)f->considered,
                                 f->considered == 1 ? "node" : "nodes");
    const char *sep = ": ";
    if (f->considered == 0)
        snprintf(dst, size, "no node with an agent is there");
    for (int r = 0; r < REASONS_N && at < size; r++) {
        if (f->declined[r] == 0)
            continue;
        at +=
            (size_t)snprintf(dst + at, size - at, "%s%lld %s (%s)", sep, (long long)f->declined[r],
                             reason_text((enum reason)r, f->declined[r]), f->example[r]);
        sep = ", ";
    }
}
