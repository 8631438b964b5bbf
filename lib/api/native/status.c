/* The cluster at a glance, and what needs attention in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/facts.h"
#include "api/native/private.h"
#include "base/limits.h"
#include "base/str.h"
#include "master/master.h"

#define ATTENTION_MAX 20 /* sentences of one answer */
#define CLOCK_OFF_MS 500 /* another member's that is further away is spoken of */
#define LOOKS_MAX 50     /* explanations tried for them: each of an app looks at all agents */

/* ---- attention */

struct attention {
    const struct view *v;
    struct json_writer *w;
    int n, looks;
};

static void mention(struct attention *a, const char *noun, const char *name, const char *state,
                    const char *sentence)
{
    if (a->n++ >= ATTENTION_MAX)
        return;
    json_object(a->w);
    json_member_str(a->w, "noun", noun);
    json_member_str(a->w, "name", name);
    json_member_str(a->w, "state", state);
    json_member_str(a->w, "sentence", sentence);
    json_object_end(a->w);
}

/* The node's, as lists have it; one that has not announced itself is called as its host. */
static const char *name_of(const struct view *v, const struct agent_row *a, struct node_row *row)
{
    bool known = a->node != 0 && state_node_by_id(v->state, a->node, row);
    return known ? row->name : a->hostname;
}

static void mention_node(struct attention *a, const char *name, const char *rest)
{
    char text[512];
    snprintf(text, sizeof text, "%.200s is unreachable%s", name, rest);
    mention(a, "node", name, agent_state_word(AGENT_UNREACHABLE), text);
}

/* Members that run no tasks, and are away. */
static void mention_members(struct attention *a, const bool *has_agent)
{
    const struct facts *f = a->v->facts;
    struct node_row row;
    for (size_t i = 0; i < f->members_n; i++)
        if (!has_agent[i] && !f->members[i].live &&
            state_node_by_id(a->v->state, f->members[i].id, &row))
            mention_node(a, row.name, "");
}

static void note_agent_of(const struct facts *f, int64_t node, bool *has_agent)
{
    for (size_t i = 0; i < f->members_n; i++)
        has_agent[i] = has_agent[i] || f->members[i].id == node;
}

static void mention_nodes(struct attention *a)
{
    struct agent_row row;
    struct node_row node;
    char rest[128];
    bool has_agent[LIMIT_SERVERS] = {false};
    struct stmt *q = state_agents(a->v->state);
    while (state_agent_next(q, &row)) {
        bool away = row.state == AGENT_READY && native_is_away(a->v, row.node);
        if (row.state == AGENT_GONE)
            continue;
        note_agent_of(a->v->facts, row.node, has_agent);
        if (!away && row.state != AGENT_UNREACHABLE)
            continue;
        const char *tasks = row.tasks == 1 ? "task" : "tasks";
        if (away)
            snprintf(rest, sizeof rest, "; its %lld %s %s not replaced yet", (long long)row.tasks,
                     tasks, row.tasks == 1 ? "is" : "are");
        else
            snprintf(rest, sizeof rest, ", with %lld %s", (long long)row.tasks, tasks);
        mention_node(a, name_of(a->v, &row, &node), rest);
    }
    mention_members(a, has_agent);
}

/* Between two leaders there is none for a moment: who asks then asks again. */
static void mention_leader(struct attention *a)
{
    const struct facts *f = a->v->facts;
    if (f->leaderless.ms != 0 && native_leader(a->v) == 0)
        mention(
            a, "node", f->name, "leaderless",
            "there is no leader: nothing is changed, started or replaced, and what is shown may "
            "be old; start more of those that vote, or, if they are gone for good: mesolith "
            "recover");
}

/* Jobs that are failing or late: those that were created first. */
struct ill {
    int64_t jobs[LOOKS_MAX];
    size_t n;
};

static bool may_look(struct attention *a)
{
    return a->n < ATTENTION_MAX && a->looks++ < LOOKS_MAX;
}

static void mention_why(struct attention *a, const char *noun, const char *name, const char *state,
                        const struct why *why)
{
    char text[1024];
    for (size_t i = 0; i < why->n; i++) {
        const struct sentence *s = &why->sentences[i];
        if (why_passes(s))
            continue;
        snprintf(text, sizeof text, "%s: %s", s->what, s->because);
        mention(a, noun, name, state, text);
        return;
    }
}

/* A second is said as such; a minute, too. */
static const char *apart_text(char dst[48], int64_t ms)
{
    snprintf(dst, 48, "%lld.%lld s %s", (long long)(llabs(ms) / 1000),
             (long long)(llabs(ms) % 1000 / 100), ms > 0 ? "ahead" : "behind");
    return dst;
}

/* Of those who are members too, `members` has spoken. */
static void mention_agent_clock(struct attention *a, const struct agent_seen *seen,
                                const struct json *members)
{
    struct agent_row row;
    char text[512], apart[48];
    if (!state_agent_by_id(a->v->state, seen->agent, &row) || row.node == a->v->facts->node)
        return;
    JSON_EACH (m, members)
        if (json_int(json_get(m, "node"), 0) == row.node)
            return;
    snprintf(text, sizeof text,
             "the clock of %.200s is %s of the leader's: set it, and let NTP "
             "keep it",
             row.hostname, apart_text(apart, seen->offset_ms));
    mention(a, "node", row.hostname, "clock", text);
}

static void mention_clocks(struct attention *a)
{
    const struct facts *f = a->v->facts;
    struct error err;
    struct node_row row;
    char text[512], apart[48], until[TIME_TEXT_SIZE];
    if (f->clock_off_ms != 0) {
        snprintf(text, sizeof text,
                 "the clock of this node, %.200s, is %s: it leads no schedules; "
                 "set it, and let NTP keep it",
                 f->name, apart_text(apart, f->clock_off_ms));
        mention(a, "node", f->name, "clock", text);
    } else if (f->clock_waits.ms != 0) {
        snprintf(text, sizeof text,
                 "no schedule goes on before %s, which a clock has shown, and by this node's, "
                 "%.200s's, that is to come; if it is right now, make a new cluster of what "
                 "mesolith export all says",
                 wall_text(f->clock_waits, until), f->name);
        mention(a, "node", f->name, "clock", text);
    } else if (f->clock_step_ms != 0) {
        snprintf(text, sizeof text,
                 "the clock of this node, %.200s, was set while it ran: it is "
                 "%s of what it was",
                 f->name, apart_text(apart, f->clock_step_ms));
        mention(a, "node", f->name, "clock", text);
    }
    struct json *clocks = json_parse_own(slice_of(f->clocks != NULL ? f->clocks : "[]"), &err);
    JSON_EACH (c, clocks) {
        int64_t offset = json_int(json_get(c, "offset_ms"), 0);
        if (f->clock_off_ms != 0 || llabs(offset) <= CLOCK_OFF_MS ||
            !state_node_by_id(a->v->state, json_int(json_get(c, "node"), 0), &row))
            continue;
        snprintf(text, sizeof text, "the clock of %.200s is %s of this node's", row.name,
                 apart_text(apart, offset));
        mention(a, "node", row.name, "clock", text);
    }
    for (size_t i = 0; i < f->agents_n; i++)
        if (f->agents[i].timed && llabs(f->agents[i].offset_ms) > CLOCK_OFF_MS)
            mention_agent_clock(a, &f->agents[i], clocks);
    json_free(clocks);
}

static void mention_apps(struct attention *a, struct placement *p)
{
    struct app_row row;
    struct why why;
    struct stmt *q = state_apps_brief(a->v->state);
    while (state_app_next(q, &row)) {
        const char *word = app_state_word(a->v->state, p, &row, a->v->now.wall);
        bool well = str_eq(word, "running") || str_eq(word, "suspended");
        if (!well && may_look(a) &&
            why_app(a->v->state, facts_hearing(a->v), row.path, a->v->now.wall, &why))
            mention_why(a, "app", row.path, word, &why);
    }
}

static void mention_jobs(struct attention *a, const struct ill *ill)
{
    struct job_row row;
    struct why why;
    for (size_t i = 0; i < ill->n; i++)
        if (state_job_by_id(a->v->state, ill->jobs[i], &row) && may_look(a) &&
            why_job(a->v->state, facts_hearing(a->v), row.name, a->v->now.wall, &why))
            mention_why(a, "job", row.name, job_state_word(a->v->state, &row, a->v->now.wall),
                        &why);
}

static void mention_ports(struct attention *a)
{
    struct error err;
    char port[24], text[512];
    struct json *refused = json_parse_own(slice_of(a->v->facts->ports_refused), &err);
    JSON_EACH (r, refused) {
        int64_t number = json_int(json_get(r, "port"), 0);
        const char *app = json_str(json_get(r, "app"), "");
        if (!state_service_port_is_of(a->v->state, number, app))
            continue; /* given up since */
        snprintf(port, sizeof port, "%lld", (long long)number);
        snprintf(text, sizeof text, "service port %s of %.200s is not served here: %.200s", port,
                 app, json_str(json_get(r, "reason"), ""));
        mention(a, "service", port, "refused", text);
    }
    json_free(refused);
}

/* What needs attention, most urgent first: members of an open array. */
static void put_attention(const struct view *v, struct placement *p, const struct ill *ill,
                          struct json_writer *w)
{
    struct attention a = {.v = v, .w = w};
    if (v->facts->state_wrong != NULL)
        mention(&a, "node", v->facts->name, "wrong", v->facts->state_wrong);
    mention_leader(&a);
    mention_nodes(&a);
    mention_clocks(&a);
    mention_apps(&a, p);
    mention_jobs(&a, ill);
    mention_ports(&a);
}

/* ---- counting */

struct counts {
    int64_t apps[5]; /* as app_words has them */
    int64_t tasks_running, tasks_staging;
    int64_t jobs, jobs_running, jobs_failing;
    int64_t nodes, nodes_ready;
    struct capacity capacity;
};
static const char *const app_words[] = {"running", "deploying", "waiting", "unhealthy",
                                        "suspended"};

static void count_apps(const struct view *v, struct placement *p, struct counts *n)
{
    struct app_row a;
    struct stmt *q = state_apps_brief(v->state);
    while (state_app_next(q, &a)) {
        const char *word = app_state_word(v->state, p, &a, v->now.wall);
        for (size_t i = 0; i < sizeof app_words / sizeof app_words[0]; i++)
            n->apps[i] += str_eq(word, app_words[i]);
        n->tasks_running += a.counts.running;
        n->tasks_staging += a.counts.staged;
    }
}

static void count_jobs(const struct view *v, struct counts *n, struct ill *ill)
{
    struct job_row j;
    struct run_row r;
    struct stmt *q = state_jobs_brief(v->state);
    while (state_job_next(q, &j)) {
        const char *word = job_state_word(v->state, &j, v->now.wall);
        n->jobs++;
        n->jobs_running += str_eq(word, "running");
        n->jobs_failing += str_eq(word, "failing");
        if (ill->n < LOOKS_MAX && (str_eq(word, "failing") || str_eq(word, "late")))
            ill->jobs[ill->n++] = j.id;
    }
    q = state_runs_active(v->state);
    while (state_run_next(q, &r)) {
        n->tasks_running += r.state == RUN_RUNNING;
        n->tasks_staging += r.state == RUN_ASSIGNED;
    }
}

static void count_nodes(const struct view *v, struct counts *n)
{
    struct agent_row a;
    const struct facts *f = v->facts;
    bool has_agent[LIMIT_SERVERS] = {false};
    struct stmt *q = state_agents(v->state);
    while (state_agent_next(q, &a)) {
        if (a.state == AGENT_GONE)
            continue;
        note_agent_of(f, a.node, has_agent);
        n->nodes++;
        n->nodes_ready += a.state == AGENT_READY && !native_is_away(v, a.node);
        native_add_capacity(v->state, &a, &n->capacity);
    }
    for (size_t i = 0; i < f->members_n; i++) { /* those that run no tasks */
        n->nodes += !has_agent[i];
        n->nodes_ready += !has_agent[i] && f->members[i].live;
    }
}

/* ---- GET /api/status */

static void put_leader(const struct view *v, struct json_writer *w)
{
    char id[NODE_ID_SIZE];
    int64_t leader = native_leader(v);
    if (leader != 0) {
        json_key(w, "leader");
        json_object(w);
        json_member_str(w, "node", native_node_id(leader, id));
        json_member_str(w, "name", v->facts->leader_name != NULL ? v->facts->leader_name : "");
        json_object_end(w);
    }
    json_member_bool(w, "leading", v->facts->leading);
    json_member_int(w, "term", (int64_t)v->facts->term);
    json_member_int(w, "index", (int64_t)v->index);
}

static void put_urls(const struct facts *f, struct json_writer *w)
{
    const struct {
        const char *name, *url;
    } urls[] = {
        {"marathon", f->url_marathon}, {"chronos", f->url_chronos}, {"mesos", f->url_mesos},
        {"agent", f->url_agent},       {"stats", f->url_stats},
    };
    char ui[256];
    const char *base = f->url_marathon != NULL  ? f->url_marathon
                       : f->url_mesos != NULL   ? f->url_mesos
                       : f->url_chronos != NULL ? f->url_chronos
                                                : f->url_agent;
    json_key(w, "urls");
    json_object(w);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        native_text(w, urls[i].name, urls[i].url);
    snprintf(ui, sizeof ui, "%s/ui/", base != NULL ? base : "");
    if (base != NULL)
        json_member_str(w, "ui", ui);
    json_object_end(w);
}

static void put_self(const struct view *v, struct json_writer *w)
{
    const struct facts *f = v->facts;
    char id[NODE_ID_SIZE];
    json_member_str(w, "version", f->version);
    json_member_str(w, "cluster", f->cluster != NULL ? f->cluster : "");
    json_member_str(w, "node", native_node_id(f->node, id));
    json_member_str(w, "name", f->name);
    native_words(w, "modes", f->modes);
    put_leader(v, w);
    native_time(w, "started", f->started);
    native_time(w, "now", v->now.wall);
    put_urls(f, w);
}

static void put_counts(const struct counts *n, struct json_writer *w)
{
    json_key(w, "apps");
    json_object(w);
    for (size_t i = 0; i < sizeof app_words / sizeof app_words[0]; i++)
        json_member_int(w, app_words[i], n->apps[i]);
    json_object_end(w);
    json_key(w, "tasks");
    json_object(w);
    json_member_int(w, "running", n->tasks_running);
    json_member_int(w, "staging", n->tasks_staging);
    json_object_end(w);
    json_key(w, "jobs");
    json_object(w);
    json_member_int(w, "total", n->jobs);
    json_member_int(w, "running", n->jobs_running);
    json_member_int(w, "failing", n->jobs_failing);
    json_object_end(w);
    json_key(w, "nodes");
    json_object(w);
    json_member_int(w, "ready", n->nodes_ready);
    json_member_int(w, "total", n->nodes);
    json_object_end(w);
    json_key(w, "resources");
    json_object(w);
    native_put_capacity(&n->capacity, w);
    json_object_end(w);
}

void native_ask_status(struct call *c)
{
    struct counts n = {0};
    struct ill ill = {0};
    struct agent_row own;
    struct json_writer w;
    const struct view *v = c->view;
    struct placement *p = placement_new(v->state, facts_hearing(v));
    count_apps(v, p, &n);
    count_jobs(v, &n, &ill);
    count_nodes(v, &n);
    call_json(c, 200, &w);
    json_object(&w);
    put_self(v, &w);
    put_counts(&n, &w);
    json_key(&w, "attention");
    json_array(&w);
    put_attention(v, p, &ill, &w);
    placement_free(p);
    json_array_end(&w);
    if (v->facts->agent >= 0 && state_agent_by_id(v->state, v->facts->agent, &own))
        native_put_docker(&own, &w);
    json_object_end(&w);
}
