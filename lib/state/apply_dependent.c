/* Dependent jobs (spec/chronos.md 4): who waits for whose runs, and when that is a run. */
#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "model/job.h"
#include "state/private.h"

#define FIRES_AT_ONCE 100 /* by one end; what fires beyond that gets its runs by job.fire */
#define CYCLE_TEXT 300

static struct stmt *change_edge(struct apply *a, int which, int64_t child, int64_t parent)
{
    struct stmt *q = change_use(a->s, which);
    stmt_bind_i64(q, ":child", child);
    stmt_bind_i64(q, ":parent", parent);
    return q;
}

/* NULL: it was damaged. */
static struct json *definition_tree(const struct job_row *job)
{
    struct error unused;
    return json_parse_own(job->definition, &unused);
}

struct dependent {
    enum job_depends mode;
    int64_t priority, fired, fired_by, fired_root;
};

static bool find_dependent(struct apply *a, int64_t job, struct dependent *out)
{
    struct stmt *q = query_use(a->s, DEPENDENT);
    stmt_bind_i64(q, ":job", job);
    if (!stmt_row(q))
        return false;
    *out = (struct dependent){
        .mode = (enum job_depends)stmt_word(q, 0, DEPENDS_ROUND, DEPENDS_ALL),
        .priority = stmt_i64(q, 1),
        .fired = stmt_i64(q, 2),
        .fired_by = stmt_i64(q, 3),
        .fired_root = stmt_i64(q, 4),
    };
    stmt_end(q);
    return true;
}

/* ---- who may wait for whom */

struct step { /* of a walk from a parent upwards */
    int64_t job;
    const char *name;
    const struct step *below;
    struct step *next; /* to be looked at */
};

struct walk {
    struct arena arena;
    struct map *seen;
    struct step *last;
};

static struct step *walk_to(struct walk *w, int64_t job, const char *name, const struct step *below)
{
    if (map_get(w->seen, (uint64_t)job) != NULL)
        return NULL;
    struct step *s = arena_alloc(&w->arena, sizeof *s);
    *s = (struct step){.job = job, .name = arena_strdup(&w->arena, name), .below = below};
    map_put(w->seen, (uint64_t)job, s);
    if (w->last != NULL)
        w->last->next = s;
    w->last = s;
    return s;
}

/* "a -> b -> a", cut when it is long. */
static void cycle_text(const struct step *top, char dst[CYCLE_TEXT])
{
    struct buf text;
    buf_init(&text, LIMIT_ENTRY_BYTES);
    for (const struct step *s = top; s != NULL; s = s->below)
        buf_printf(&text, "%s -> ", s->name);
    buf_puts(&text, top->name);
    str_copy(dst, CYCLE_TEXT, buf_str(&text));
    if (text.len >= CYCLE_TEXT)
        str_copy(dst + CYCLE_TEXT - 4, 4, "...");
    buf_close(&text);
}

/* Does one of those that the walk begins with, or whoever they wait for, wait for the job? */
static bool walk_finds(struct state *db, struct walk *w, const struct step *first, int64_t job,
                       char cycle[CYCLE_TEXT])
{
    struct edge_row e;
    for (const struct step *s = first; s != NULL; s = s->next) {
        if (s->job == job) {
            cycle_text(s, cycle);
            return true;
        }
        struct stmt *q = state_edges_of(db, s->job);
        while (state_edge_next(q, &e))
            walk_to(w, e.parent, e.parent_name, s);
    }
    return false;
}

/* The jobs that it waits for already: of them no cycle can come. */
static struct map *parents_of(struct state *s, int64_t job)
{
    struct edge_row e;
    struct map *parents = map_new();
    struct stmt *q = state_edges_of(s, job);
    while (state_edge_next(q, &e))
        map_put(parents, (uint64_t)e.parent, parents);
    return parents;
}

int state_check_parents(struct state *s, int64_t job, const struct strings *parents,
                        struct error *err)
{
    struct walk w = {.seen = map_new()};
    struct map *old = parents_of(s, job);
    const struct step *first = NULL;
    const char *unknown = NULL;
    char cycle[CYCLE_TEXT];
    bool cyclic = false;
    for (size_t i = 0; i < parents->n; i++) {
        struct job_row parent;
        const char *name = parents->items[i];
        if (!state_job_by_name(s, name, &parent))
            unknown = name;
        else if (map_get(old, (uint64_t)parent.id) == NULL)
            walk_to(&w, parent.id, name, NULL);
        first = first == NULL ? w.last : first;
    }
    if (unknown == NULL && job != 0) /* for a new one nobody waits */
        cyclic = walk_finds(s, &w, first, job, cycle);
    map_free(old);
    map_free(w.seen);
    arena_close(&w.arena);
    if (unknown != NULL)
        return error_set(err, ERR_INVALID, "job '%s' does not exist", unknown);
    return cyclic ? error_set(err, ERR_INVALID, "the job would wait for itself: %s", cycle) : 0;
}

static int check_parents(struct apply *a, int64_t job, const struct json *parents)
{
    struct arena arena = {0};
    struct error err;
    struct strings names = {.items = arena_alloc(&arena, json_count(parents) * sizeof(char *))};
    JSON_EACH (item, parents)
        names.items[names.n++] = json_str(json_get(item, "name"), "");
    int rc = state_check_parents(a->s, job, &names, &err);
    arena_close(&arena);
    return rc == 0 ? 0 : refuse(a, err.code, "parents: %s", err.text);
}

int dependents_check(struct apply *a, int64_t job, const struct json *put)
{
    const struct json *dependent = json_get(put, "dependent");
    if (dependent == NULL)
        return 0;
    if (a->s->level < LEVEL_DEPENDENTS)
        return refuse(a, ERR_UNAVAILABLE, "parents: need level %d, the state is at %d",
                      LEVEL_DEPENDENTS, a->s->level);
    return check_parents(a, job, json_get(dependent, "parents"));
}

/* ---- firing */

/* Its run, or if one waits already, that which stands for it (4.3, steps 3 and 4). */
static void fire(struct apply *a, const struct job_row *child, int64_t priority, int64_t by,
                 int64_t root)
{
    char reason[64];
    struct new_run n = {
        .cause = CAUSE_DEPENDENCY, .state = RUN_QUEUED, .due_ms = a->c->at.ms, .covers = 1};
    int64_t waiting = stmt_one_i64(change_of_job(a, RUN_OF_FIRING, child->id), 0);
    if (waiting != 0) {
        n.state = RUN_COALESCED;
        snprintf(reason, sizeof reason, "run %lld waits already", (long long)waiting);
        n.reason = reason;
    }
    int64_t run = run_add(a, child, priority, &n);
    struct stmt *q = change_use(a->s, CAUSE_PUT);
    stmt_bind_i64(q, ":run", run);
    stmt_bind_i64(q, ":by", by);
    stmt_bind_i64(q, ":root", root);
    stmt_run(q);
    const struct run_row r = {.id = run, .job = child->id, .due.ms = n.due_ms, .covers = 1};
    if (waiting != 0 && a->s->level >= FIRINGS_LEVEL)
        history_over(a, &r, n.state, a->c->at, NULL);
}

/* Those that fired and have no run yet. */
static void catch_up(struct apply *a, int64_t job)
{
    struct dependent d;
    struct job_row child;
    if (!find_dependent(a, job, &d) || d.fired == 0 || !state_job_alone(a->s, job, &child))
        return;
    stmt_run(change_of_job(a, DEPENDENT_DONE, job));
    for (int64_t i = 0; i < d.fired; i++)
        fire(a, &child, d.priority, d.fired_by, d.fired_root);
}

static void fire_later(struct apply *a, int64_t child, int64_t by, int64_t root)
{
    struct stmt *q = change_of_job(a, DEPENDENT_FIRED, child);
    stmt_bind_i64(q, ":by", by);
    stmt_bind_i64(q, ":root", root);
    stmt_run(q);
}

static void reset_edges(struct apply *a, int64_t child)
{
    struct stmt *q = change_use(a->s, EDGES_RESET);
    stmt_bind_i64(q, ":child", child);
    stmt_run(q);
}

static void fire_now(struct apply *a, int64_t job, int64_t by, int64_t root)
{
    struct dependent d;
    struct job_row child;
    catch_up(a, job);
    if (find_dependent(a, job, &d) && state_job_alone(a->s, job, &child))
        fire(a, &child, d.priority, by, root);
}

/* Outside the time that a job is valid in it does not fire, and nothing is made up for (4.3). */
static bool may_fire(struct apply *a, int64_t job)
{
    struct job_row row;
    if (a->s->level < TIMES_LEVEL)
        return true;
    struct stmt *q = query_use(a->s, JOB_TIMES);
    stmt_bind_i64(q, ":job", job);
    if (!stmt_row(q))
        return true;
    int64_t starts = stmt_i64(q, 0), ends = stmt_i64(q, 1);
    stmt_end(q);
    bool early = a->c->at.ms < starts, over = ends != 0 && a->c->at.ms >= ends;
    if ((early || over) && state_job_alone(a->s, job, &row))
        job_tell(a, job, row.name,
                 event_put(a, NOUN_JOB, row.name, "outside", "job %s does not fire: %s", row.name,
                           early ? "its time has not come" : "its time is over"));
    return !early && !over;
}

/* Who waits for that end of the parent has its edge met; whose edges are all met fires. */
static void spread(struct apply *a, int64_t parent, int64_t by, int64_t root, int ends)
{
    struct arena arena = {0};
    struct stmt *q = change_use(a->s, EDGES_MEET);
    stmt_bind_i64(q, ":parent", parent);
    stmt_bind_i64(q, ":root", root);
    stmt_bind_i64(q, ":ends", ends);
    stmt_run(q);
    q = change_use(a->s, CHILDREN_RIPE);
    stmt_bind_i64(q, ":parent", parent);
    stmt_bind_i64(q, ":root", root);
    stmt_bind_i64(q, ":ends", ends);
    struct ids ripe = ids_of(q, &arena);
    for (size_t i = 0; i < ripe.n; i++) {
        reset_edges(a, ripe.items[i]);
        if (!may_fire(a, ripe.items[i]))
            continue;
        if (ripe.n <= FIRES_AT_ONCE)
            fire_now(a, ripe.items[i], by, root);
        else
            fire_later(a, ripe.items[i], by, root);
    }
    arena_close(&arena);
}

static bool has_children(struct apply *a, int64_t job)
{
    struct stmt *q = state_children(a->s, job);
    bool any = q != NULL && stmt_row(q);
    if (any)
        stmt_end(q);
    return any;
}

static bool is_soft(const struct job_row *job)
{
    struct json *definition = definition_tree(job);
    bool soft = json_bool(json_get(definition, "softError"), false);
    json_free(definition);
    return soft;
}

void dependents_run_over(struct apply *a, const struct job_row *job, int64_t run, int ends)
{
    int64_t by, root;
    if (!has_children(a, job->id))
        return;
    if (ends == JOB_ENDS_FAILURE && is_soft(job))
        ends |= JOB_ENDS_SUCCESS;
    if (!state_run_cause(a->s, run, &by, &root))
        root = run;
    spread(a, job->id, run, root, ends);
}

void dependents_cancel(struct apply *a, int64_t job)
{
    if (a->s->level >= LEVEL_DEPENDENTS)
        stmt_run(change_of_job(a, DEPENDENT_DONE, job));
}

/* {"most"}: of the jobs that have fired and have no run yet, the first so many get theirs. */
int apply_job_fire(struct apply *a)
{
    struct arena arena = {0};
    struct stmt *q = change_use(a->s, DEPENDENTS_TO_FIRE);
    stmt_bind_i64(q, ":most", json_int(json_get(a->c->args, "most"), 0));
    struct ids fired = ids_of(q, &arena);
    for (size_t i = 0; i < fired.n; i++)
        catch_up(a, fired.items[i]);
    arena_close(&arena);
    return 0;
}

/* {"name"}: it counts as a success of the job and for its children, without a run (4.5). */
int apply_job_mark(struct apply *a)
{
    const char *name = json_str(json_get(a->c->args, "name"), "");
    struct job_row job;
    if (!state_job_by_name(a->s, name, &job))
        return refuse(a, ERR_NOT_FOUND, "job '%s' not found", name);
    history_success(a, &job);
    reset_edges(a, job.id);
    spread(a, job.id, 0, -a->c->at.ms, JOB_ENDS_SUCCESS);
    job_tell(a, job.id, name,
             event_put(a, NOUN_JOB, name, "marked", "job %s was marked as successful", name));
    return 0;
}

/* ---- parents */

static void put_times(struct apply *a, int64_t job, const struct json *dependent)
{
    const struct json *starts = json_get(dependent, "starts_ms");
    const struct json *ends = json_get(dependent, "ends_ms");
    if (a->s->level < TIMES_LEVEL)
        return;
    if (starts == NULL && ends == NULL) {
        stmt_run(change_of_job(a, JOB_TIMES_DROP, job));
        return;
    }
    struct stmt *q = change_of_job(a, JOB_TIMES_PUT, job);
    stmt_bind_i64(q, ":starts", json_int(starts, 0));
    stmt_bind_i64(q, ":ends", json_int(ends, 0));
    stmt_run(q);
}

static void drop_parents(struct apply *a, int64_t job)
{
    catch_up(a, job); /* it has fired, so it runs */
    struct stmt *q = change_use(a->s, EDGES_DROP);
    stmt_bind_i64(q, ":child", job);
    stmt_run(q);
    stmt_run(change_of_job(a, DEPENDENT_DROP, job));
    put_times(a, job, NULL);
}

static void drop_others(struct apply *a, int64_t job, const struct json *parents)
{
    struct arena arena = {0};
    struct map *named = map_new();
    struct stmt *q = change_use(a->s, PARENTS);
    JSON_EACH (item, parents)
        map_put_str(named, json_str(json_get(item, "name"), ""), named);
    stmt_bind_i64(q, ":child", job);
    struct ids old = ids_of(q, &arena);
    for (size_t i = 0; i < old.n; i++) {
        struct job_row parent;
        if (state_job_alone(a->s, old.items[i], &parent) && map_get_str(named, parent.name) == NULL)
            stmt_run(change_edge(a, EDGE_DROP, job, old.items[i]));
    }
    map_free(named);
    arena_close(&arena);
}

void dependents_put(struct apply *a, int64_t job, const struct json *put)
{
    const struct json *dependent = json_get(put, "dependent");
    const struct json *parents = json_get(dependent, "parents");
    if (a->s->level < LEVEL_DEPENDENTS)
        return;
    if (dependent == NULL) {
        drop_parents(a, job);
        return;
    }
    struct stmt *q = change_of_job(a, DEPENDENT_PUT, job);
    stmt_bind_i64(q, ":mode", json_int(json_get(dependent, "mode"), DEPENDS_ALL));
    stmt_bind_i64(q, ":priority", json_int(json_get(dependent, "priority"), 0));
    stmt_run(q);
    put_times(a, job, dependent);
    drop_others(a, job, parents);
    JSON_EACH (item, parents) {
        struct job_row parent;
        if (!state_job_by_name(a->s, json_str(json_get(item, "name"), ""), &parent))
            continue;
        q = change_edge(a, EDGE_PUT, job, parent.id);
        stmt_bind_i64(q, ":ends", json_int(json_get(item, "ends"), JOB_ENDS_SUCCESS));
        stmt_run(q);
    }
}

/* ---- a parent that is deleted (4.6) */

struct heritage { /* what the children of a deleted job get */
    const struct job_row *gone;
    const struct json *definition; /* its, or NULL */
    const struct json *parents;    /* its; none: it has a schedule */
    const struct json *heirs; /* of job.delete, the next one; NULL: none, or not as it is now */
    bool own_stay;            /* what a child waits for already it goes on to wait for */
};

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (str_eq(name, *names))
            return true;
    return false;
}

static void copy_members(const struct json *from, const char *const *but, struct json_writer *w)
{
    JSON_EACH (member, from)
        if (!is_one_of(json_name(member), but)) {
            json_key(w, json_name(member));
            json_put_value(w, member);
        }
}

/* The child's parents without the deleted one, then that one's. */
static size_t write_parents(const struct heritage *h, const struct json *child,
                            struct json_writer *w)
{
    struct map *named = map_new();
    const struct json *const lists[] = {json_get(child, "parents"), h->parents};
    size_t n = 0;
    json_key(w, "parents");
    json_array(w);
    for (size_t i = 0; i < 2; i++)
        JSON_EACH (parent, lists[i]) {
            const char *name = json_str(parent, "");
            if (str_eq(name, h->gone->name) || map_put_str(named, name, named) != NULL)
                continue;
            json_put_str(w, name);
            n++;
        }
    json_array_end(w);
    map_free(named);
    return n;
}

static struct map *names_in(const struct json *list)
{
    struct map *names = map_new();
    JSON_EACH (name, list)
        map_put_str(names, json_str(name, ""), names);
    return names;
}

/* What was said of the deleted one is said of its parents, but of none that the child had itself:
 * there the edge is what it was. */
static void write_conditions(const struct heritage *h, const struct json *child,
                             struct json_writer *w)
{
    const struct json *said = json_get(child, "parentConditions");
    const struct json *of_gone = json_get(said, h->gone->name);
    const char *const gone[] = {h->gone->name, NULL};
    if (said == NULL)
        return;
    struct map *own = names_in(h->own_stay ? json_get(child, "parents") : NULL);
    json_key(w, "parentConditions");
    json_object(w);
    copy_members(said, gone, w);
    JSON_EACH (parent, of_gone != NULL ? h->parents : NULL)
        if (json_get(said, json_str(parent, "")) == NULL &&
            map_get_str(own, json_str(parent, "")) == NULL)
            json_member_str(w, json_str(parent, ""), json_str(of_gone, ""));
    json_object_end(w);
    map_free(own);
}

static void write_schedule(const struct heritage *h, struct json_writer *w)
{
    static const char *const members[] = {
        "schedule",  "scheduleTimeZone", "cron",          "started", "index",
        "remaining", "excludeCalendars", "onlyCalendars", "moved"};
    if (h->definition == NULL && h->gone->schedule != NULL)
        json_member_str(w, "schedule", h->gone->schedule);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *v = json_get(h->definition, members[i]);
        if (v == NULL)
            continue;
        json_key(w, members[i]);
        json_put_value(w, v);
    }
}

static bool is_left_alone(const struct heritage *h, const struct json *child)
{
    return h->parents == NULL && json_count(json_get(child, "parents")) <= 1;
}

/* A child's definition once the deleted one is gone; false: it is larger than one may be. The
 * caller closes. */
static bool redefine(const struct heritage *h, const struct json *definition, struct buf *out)
{
    static const char *const depends[] = {"parents", "parentConditions", "dependencyMode", NULL};
    static const char *const parents[] = {"parents", "parentConditions", NULL};
    bool alone = is_left_alone(h, definition);
    struct json_writer w;
    buf_init(out, LIMIT_ENTRY_BYTES);
    json_begin(&w, out);
    json_object(&w);
    copy_members(definition, alone ? depends : parents, &w);
    if (alone) {
        write_schedule(h, &w);
    } else {
        write_parents(h, definition, &w);
        write_conditions(h, definition, &w);
    }
    json_object_end(&w);
    return !buf_full(out);
}

/* Who is left alone takes over the schedule where it stands (no step A); what its name chooses of a
 * cron expression is its own. */
struct heir {
    char text[SCHEDULE_TEXT_SIZE];
    const char *schedule; /* as it is shown */
    int64_t next_ms;      /* SCHEDULE_END.ms: never */
};

static void reckon_heir(const struct job_row *gone, const char *definition, struct wall now,
                        struct heir *out)
{
    struct job job;
    job_load_any(slice_of(definition), &job);
    bool shown = job.cron != NULL && job.broken == NULL;
    job.cursor = (struct job_cursor){.index = gone->k, .remaining = gone->remaining};
    out->schedule = shown ? job_schedule_shown(&job, out->text) : gone->schedule;
    out->next_ms = gone->remaining == 0 ? SCHEDULE_END.ms
                   : job.broken != NULL ? now.ms
                                        : schedule_target(&job.schedule, gone->k).ms;
    job_close(&job);
}

/* As job.delete says: what time it is somewhere, builds know from tables of their own. Below
 * HEIRS_LEVEL it is reckoned here. False: nothing is said of it. */
static bool find_heir(struct apply *a, struct heritage *h, int64_t child, const char *definition,
                      struct heir *out)
{
    if (a->s->level < HEIRS_LEVEL) {
        reckon_heir(h->gone, definition, a->c->at, out);
        return true;
    }
    const struct json *said = h->heirs; /* in the order of the children */
    while (said != NULL && json_int(json_get(said, "job"), 0) < child)
        said = json_next(said);
    h->heirs = said;
    if (json_int(json_get(said, "job"), 0) != child)
        return false;
    out->schedule = json_str(json_get(said, "schedule"), NULL);
    out->next_ms = json_int(json_get(said, "next_ms"), SCHEDULE_END.ms);
    return true;
}

static void inherit_schedule(struct apply *a, const struct job_row *gone,
                             const struct job_row *child, const struct heir *heir)
{
    drop_parents(a, child->id);
    calendars_inherit(a, child->id, gone->id);
    struct stmt *q = change_use(a->s, JOB_CURSOR);
    stmt_bind_i64(q, ":id", child->id);
    stmt_bind_text(q, ":schedule", heir->schedule);
    stmt_bind_i64(q, ":k", gone->k);
    stmt_bind_i64(q, ":remaining", gone->remaining);
    if (child->disabled || heir->next_ms == SCHEDULE_END.ms)
        stmt_bind_null(q, ":next");
    else
        stmt_bind_i64(q, ":next", heir->next_ms);
    stmt_run(q);
}

/* An edge to each parent of the deleted one, as that to it was; nothing fires by it. */
static void inherit_edges(struct apply *a, const struct job_row *gone, int64_t child)
{
    struct edge_row e, to_gone = {0};
    struct arena arena = {0};
    struct stmt *q = state_edges_of(a->s, child);
    while (state_edge_next(q, &e))
        if (e.parent == gone->id)
            to_gone = e;
    q = change_use(a->s, PARENTS);
    stmt_bind_i64(q, ":child", gone->id);
    struct ids above = ids_of(q, &arena);
    for (size_t i = 0; i < above.n; i++) {
        q = change_edge(a, EDGE_INHERIT, child, above.items[i]);
        stmt_bind_i64(q, ":ends", to_gone.ends);
        stmt_bind_i64(q, ":met", to_gone.met);
        stmt_run(q);
    }
    arena_close(&arena);
    stmt_run(change_edge(a, EDGE_DROP, child, gone->id));
}

static void define(struct apply *a, int64_t child, const char *definition)
{
    struct stmt *q = change_use(a->s, JOB_DEFINE);
    stmt_bind_i64(q, ":id", child);
    stmt_bind_text(q, ":definition", definition);
    stmt_run(q);
}

static int leave_alone(struct apply *a, struct heritage *h, const struct job_row *child,
                       const char *definition, bool refuse_orphans)
{
    struct heir heir;
    if (refuse_orphans)
        return refuse(a, ERR_INVALID, "orphans: job '%s' has no other parent than '%s'",
                      child->name, h->gone->name);
    if (!find_heir(a, h, child->id, definition, &heir))
        return refuse_stale(a, "job '%s' was changed meanwhile", h->gone->name);
    define(a, child->id, definition);
    inherit_schedule(a, h->gone, child, &heir);
    return 0;
}

static int orphan(struct apply *a, struct heritage *h, int64_t id, bool refuse_orphans)
{
    struct job_row child;
    struct buf text = {0};
    int rc = 0;
    if (!state_job_alone(a->s, id, &child))
        return 0;
    struct json *definition = definition_tree(&child);
    if (definition != NULL && !redefine(h, definition, &text)) {
        rc = refuse(a, ERR_LIMIT,
                    "job '%s' would be larger than a job may be without '%s': give it other "
                    "parents first",
                    child.name, h->gone->name);
    } else if (definition != NULL && is_left_alone(h, definition)) {
        rc = leave_alone(a, h, &child, buf_str(&text), refuse_orphans);
    } else {
        if (definition != NULL)
            define(a, id, buf_str(&text));
        inherit_edges(a, h->gone, id);
    }
    if (rc == 0)
        job_tell(a, id, json_str(json_get(definition, "name"), child.name), 0);
    buf_close(&text);
    json_free(definition);
    return rc;
}

/* The first of job.delete's heirs; NULL if the job is not as its decider saw it. */
static const struct json *heirs_of(const struct apply *a, const struct job_row *job)
{
    const struct json *v = a->c->args;
    bool same = json_int(json_get(v, "generation"), 0) == job->generation &&
                json_int(json_get(v, "k"), 0) == job->k &&
                json_int(json_get(v, "remaining"), 0) == job->remaining;
    return same ? json_first(json_get(v, "heirs")) : NULL;
}

int dependents_orphan(struct apply *a, const struct job_row *job, bool refuse_orphans)
{
    struct arena arena = {0};
    struct stmt *q = state_children(a->s, job->id);
    if (q == NULL)
        return 0;
    struct ids children = ids_of(q, &arena);
    int rc = 0;
    struct json *definition = definition_tree(job);
    struct heritage h = {job, definition, json_get(definition, "parents"), heirs_of(a, job),
                         a->s->level >= FILLS_LEVEL};
    for (size_t i = 0; i < children.n && rc == 0; i++)
        rc = orphan(a, &h, children.items[i], refuse_orphans);
    json_free(definition);
    arena_close(&arena);
    return rc;
}

static void write_heir(struct state *s, const struct heritage *h, int64_t id, struct wall now,
                       struct json_writer *w)
{
    struct job_row child;
    struct heir heir;
    struct buf text = {0};
    if (!state_job_alone(s, id, &child))
        return;
    struct json *definition = definition_tree(&child);
    bool alone = definition != NULL && is_left_alone(h, definition);
    if (alone && redefine(h, definition, &text)) { /* else it is refused when it is applied */
        reckon_heir(h->gone, buf_str(&text), now, &heir);
        json_object(w);
        json_member_int(w, "job", id);
        json_member_str(w, "schedule", heir.schedule);
        if (heir.next_ms != SCHEDULE_END.ms)
            json_member_int(w, "next_ms", heir.next_ms);
        json_object_end(w);
    }
    buf_close(&text);
    json_free(definition);
}

void state_write_heirs(struct state *s, const struct job_row *job, struct wall now,
                       struct json_writer *w)
{
    struct arena arena = {0};
    if (s->level < HEIRS_LEVEL)
        return;
    struct json *definition = definition_tree(job);
    const struct heritage h = {job, definition, json_get(definition, "parents"), NULL,
                               s->level >= FILLS_LEVEL};
    struct ids children = ids_of(state_children(s, job->id), &arena);
    json_member_int(w, "generation", job->generation);
    json_member_int(w, "k", job->k);
    json_member_int(w, "remaining", job->remaining);
    json_key(w, "heirs");
    json_array(w);
    for (size_t i = 0; i < children.n; i++)
        write_heir(s, &h, children.items[i], now, w);
    json_array_end(w);
    json_free(definition);
    arena_close(&arena);
}
