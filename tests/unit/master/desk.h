/* tests/unit/master/desk.h - the master over a state in memory; what agents say comes in as JSON,
 * what it tells them is a text. Agent "n7" has uid 7 and lives in node 70; its id in the state
 * counts from 0 in the order of registration. */
#pragma once

#include "unit.h"

#include "base/map.h"
#include "master/master.h"

struct desk_entry { /* drafted, not yet applied */
    struct buf text;
    struct origin *origins;
    size_t n;
};

struct desk_book { /* the routes that an agent has made of what it was told */
    int64_t revision;
    struct map *routes; /* "port app" -> its JSON */
    size_t changes;     /* told as such, not all of them */
    bool news;
};

struct desk {
    struct db *db;
    struct state *state;
    struct watch watch;
    struct master *master;
    struct outbox out;
    struct now now;
    uint64_t term, index;
    bool held;   /* drafts wait */
    bool refuse; /* drafts are not taken: too many wait already */
    struct desk_entry entries[64];
    size_t entries_n;
    int64_t drafts; /* commands drafted so far */
    struct buf told, shown;
    struct map *routes; /* agent + 1 -> struct desk_book */
    bool lose_routes;   /* what is told of them now does not arrive */
    int64_t launched;
};

void desk_open(struct desk *d); /* leading; nobody is there */
void desk_close(struct desk *d);
void desk_lead(struct desk *d, bool leading);

/* ' stands for ". */
void desk_command(struct desk *d, enum command_kind kind, const char *args);
void desk_say(struct desk *d, int agent, const char *message);
/* Registers with plenty of everything; `tasks` are what it runs: "{'task':1,'state':'running'}" */
void desk_register(struct desk *d, int agent, const char *tasks);
void desk_pong(struct desk *d, int agent, int64_t seq);
void desk_status(struct desk *d, int agent, int64_t task, int64_t seq, const char *state);

void desk_turn(struct desk *d); /* a tick; its drafts are applied unless held */
/* Turns whenever something is due; agents 1 to `alive` pong every 500 ms meanwhile. */
void desk_run_ms(struct desk *d, int64_t ms, int alive);
void desk_release(struct desk *d);

/* What was told since the last time, a line each: "0 welcome id=0", "1 run 5", "-72 again"; routes
 * are left out. */
const char *desk_told(struct desk *d);
/* The routes that an agent has, a JSON array; "" if it was told of none since the last time. */
const char *desk_routes(struct desk *d, int64_t agent);
struct desk_book *desk_book(struct desk *d, int64_t agent);

/* Creates or changes an app of one port; its id. */
int64_t desk_app(struct desk *d, const char *path, const char *more);
/* One more instance on that agent, as if its newest pong had been 7; the task. */
int64_t desk_launch(struct desk *d, int64_t app, int64_t agent);
void desk_kill(struct desk *d, int64_t task);
enum task_state desk_state(struct desk *d, int64_t task);
enum agent_state desk_agent(struct desk *d, int64_t agent);
