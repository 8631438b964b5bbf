/* What is broken on purpose: for each check something that it must find. */
#include <stdio.h>

#include "base/buf.h"
#include "db/db.h"
#include "model/frame.h"
#include "model/run_spec.h"
#include "sim/world.h"

const char *plant_name(enum plant plant)
{
    static const char *const names[] = {"none",
#define X(name, sign, about) about,
                                        PLANTS(X)
#undef X
    };
    return names[plant];
}

const char *plant_sign(enum plant plant)
{
    static const char *const signs[] = {"",
#define X(name, sign, about) sign,
                                        PLANTS(X)
#undef X
    };
    return signs[plant];
}

/* Behind the back of the node, between its turns. */
void plant_change(struct sim_node *n, const char *sql)
{
    struct error err;
    struct db *db = state_db(node_state(n->node));
    if (db_begin(db, DB_FULL, &err) != 0 || db_exec(db, sql, &err) != 0 || db_commit(db, &err) != 0)
        fail_world(n->w, "planting %s: %s", sql, err.text);
    trace(n->w, "planted on %d: %s", n->position, sql);
}

static struct sim_node *follower(struct world *w)
{
    for (int i = 0; i < w->options.nodes; i++)
        if (w->nodes[i].node != NULL && !node_leading(w->nodes[i].node) &&
            state_level(node_state(w->nodes[i].node)) > 0)
            return &w->nodes[i];
    return NULL;
}

static void change_if(struct sim_node *n, const char *sql)
{
    if (n != NULL && state_level(node_state(n->node)) > 0)
        plant_change(n, sql);
}

static void launch_late(struct world *w)
{
    for (size_t i = 0; i < w->late_n; i++) {
        struct late *l = &w->late[i];
        if (l->at <= w->mono && l->run_spec.len > 0) {
            task_launch(&w->nodes[l->node], l->task, buf_slice(&l->run_spec));
            buf_close(&l->run_spec);
        }
    }
}

static void start_unordered(struct sim_node *n)
{
    struct run_spec spec = {.task = 999999, .name = "x.y", .of = "/nobody", .owner = OWNER_APP};
    check_start(n, spec.task, &spec);
}

/* All nodes are at the same index, so they still have the same state. */
static bool all_are_even(struct world *w)
{
    for (int i = 0; i < w->options.nodes; i++)
        if (w->nodes[i].node == NULL ||
            node_applied(w->nodes[i].node) != node_applied(w->nodes[0].node))
            return false;
    return true;
}

static void change_everywhere(struct world *w, const char *sql)
{
    if (w->planted || w->mono < w->options.trouble_ms + CALM_MS / 2 || !all_are_even(w))
        return;
    for (int i = 0; i < w->options.nodes; i++)
        plant_change(&w->nodes[i], sql);
    w->planted = true;
}

void plant_of_second(struct world *w)
{
    int64_t second = w->mono / 1000;
    switch (w->options.plant) {
    case PLANT_SUMS:
        if (second % 4 == 3)
            change_if(follower(w), "update agents set since_ms = since_ms + 1");
        break;
    case PLANT_COUNTS:
        if (second == 6)
            change_if(leader_of(w), "update agents set tasks = tasks + 1");
        break;
    case PLANT_OVERCOMMIT:
        if (second == 6)
            change_if(leader_of(w), "update agents set used_cpus_milli = cpus_milli + 1");
        break;
    case PLANT_UNRECORDED:
        change_everywhere(w, "delete from job_runs where state = 3 and due_ms % 2000 = 0");
        break;
    case PLANT_MISSED:
        change_everywhere(w, "update job_runs set state = 7 where state = 3");
        break;
    case PLANT_EARLY:
        for (int i = 0; i < w->n; i++)
            w->nodes[i].wall_ahead_ms = 3000;
        break;
    case PLANT_LOST:
        for (int i = 0; i < w->options.nodes && second == 6; i++)
            faultvfs_lie(w->nodes[i].vfs);
        break;
    case PLANT_UNORDERED:
        if (second == 6)
            start_unordered(&w->nodes[0]);
        break;
    case PLANT_PHANTOM:
        launch_late(w);
        break;
    case PLANT_SILENCE:
        for (int i = 0; i < w->options.nodes && second == 10; i++)
            for (int k = 0; k < w->options.nodes; k++)
                cut(w, i, k, INT64_MAX / 2);
        break;
    default: /* the others are where they act */
        break;
    }
}

void plant_of_state(struct sim_node *n)
{
    if (planted(n->w, PLANT_PREFIX) && !n->w->planted && n->w->mono > 6000 &&
        !node_leading(n->node)) {
        n->w->planted = true;
        plant_change(n, "update raft_log set term = term + 1 where idx = "
                        "(select applied from raft_state)");
    }
    if (planted(n->w, PLANT_EPOCH) && n->w->mono > 6000)
        plant_change(n, "update raft_log set data = "
                        "cast(replace(cast(data as text), '\"ep\":', '\"ep\":9') as blob) "
                        "where idx = (select applied from raft_state)");
}

/* As replica/codec.c has them, behind the byte that says who takes it. */
void plant_in_frame(struct world *w, struct buf *frame)
{
    enum { KIND = 1, VOTE_RESULT = 4, GRANTED = 19, PRE_VOTE = 20 };
    if (planted(w, PLANT_TWO_LEADERS) && frame->len > PRE_VOTE && frame->data[0] == FRAME_RAFT &&
        frame->data[KIND] == VOTE_RESULT && frame->data[PRE_VOTE] == 0)
        frame->data[GRANTED] = 1;
}
