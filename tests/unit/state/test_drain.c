/* Agents that are to become empty, and nodes that are removed. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static int at_level_4(void **data)
{
    set_up(data);
    applied(*data, "schema.upgrade", "{'level':4}");
    return 0;
}

static enum agent_state state_now(struct fixture *f)
{
    struct agent_row a;
    assert_true(state_agent_by_id(f->state, 0, &a));
    return a.state;
}

static void register_again(struct fixture *f)
{
    char args[512];
    struct agent_row a;
    assert_true(state_agent_by_id(f->state, 0, &a));
    snprintf(args, sizeof args,
             "{'uid':%lld,'node':%lld,'hostname':'n1','address':'10.0.0.1','port':5051,'boot':'b',"
             "'version':'1','ports':'31000-31010','cpus_milli':2000,'mem_bytes':1000000000,"
             "'disk_bytes':1000000000}",
             (long long)a.uid, (long long)a.node);
    apply(f, "agent.register", args);
}

static void one_task(struct fixture *f)
{
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    end_deployments(f);
    launch(f, "/web", 31000, 1);
    status(f, only_task(f, "/web"), 1, "running");
}

static void an_agent_without_tasks_is_drained_at_once(void **data)
{
    struct fixture *f = *data;
    struct drain_row wish;
    assert_false(state_any_drain(f->state));
    applied(f, "agent.drain", "{'agent':0,'drain':true}");
    assert_int_equal(state_now(f), AGENT_DRAINED);
    assert_true(state_agent_drain(f->state, 0, &wish));
    assert_int_equal(wish.since.ms, f->at - 1);
    assert_true(state_any_drain(f->state));
    int changes = f->changes;
    applied(f, "agent.drain", "{'agent':0,'drain':true}"); /* again */
    assert_int_equal(f->changes, changes);
    applied(f, "agent.drain", "{'agent':0,'drain':false}");
    assert_int_equal(state_now(f), AGENT_READY);
    assert_false(state_agent_drain(f->state, 0, &wish));
    changes = f->changes;
    applied(f, "agent.drain", "{'agent':0,'drain':false}");
    assert_int_equal(f->changes, changes);
}

static void it_is_drained_when_its_last_task_has_ended(void **data)
{
    struct fixture *f = *data;
    one_task(f);
    int64_t task = only_task(f, "/web");
    applied(f, "agent.drain", "{'agent':0,'drain':true}");
    assert_int_equal(state_now(f), AGENT_DRAINING);
    status(f, task, 2, "finished");
    assert_int_equal(state_now(f), AGENT_DRAINED);
}

static void the_wish_outlives_that_the_agent_is_out_of_reach(void **data)
{
    struct fixture *f = *data;
    applied(f, "agent.drain", "{'agent':0,'drain':true}");
    applied(f, "agent.state", "{'set':[{'agent':0,'state':3}]}");
    assert_int_equal(state_now(f), AGENT_UNREACHABLE);
    register_again(f);
    assert_int_equal(state_now(f), AGENT_DRAINED);
    applied(f, "agent.state", "{'set':[{'agent':0,'state':3}]}");
    applied(f, "agent.drain", "{'agent':0,'drain':false}"); /* it is not there to be told */
    assert_int_equal(state_now(f), AGENT_UNREACHABLE);
    register_again(f);
    assert_int_equal(state_now(f), AGENT_READY);
    applied(f, "agent.state", "{'set':[{'agent':0,'state':3}]}");
    applied(f, "agent.drain", "{'agent':0,'drain':true}");
    assert_int_equal(state_now(f), AGENT_UNREACHABLE);
    register_again(f);
    assert_int_equal(state_now(f), AGENT_DRAINED);
}

static void who_is_not_there_is_not_drained(void **data)
{
    struct fixture *f = *data;
    apply(f, "agent.drain", "{'agent':7,'drain':true}");
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
    applied(f, "agent.state", "{'set':[{'agent':0,'state':4}]}");
    apply(f, "agent.drain", "{'agent':0,'drain':true}");
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
}

/* What was on its way about it comes too late. */
static void who_is_gone_stays_gone(void **data)
{
    static const char *const late[] = {
        "{'set':[{'agent':0,'state':3,'reason':'silent for 75 s'}]}",
        "{'set':[{'agent':0,'state':0}]}",
    };
    struct fixture *f = *data;
    applied(f, "agent.state", "{'set':[{'agent':0,'state':4}]}");
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        applied(f, "agent.state", late[i]); /* as every older build does it */
        assert_int_not_equal(state_now(f), AGENT_GONE);
        applied(f, "agent.state", "{'set':[{'agent':0,'state':4}]}");
    }
    applied(f, "schema.upgrade", "{'level':25}");
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        applied(f, "agent.state", late[i]);
        assert_int_equal(state_now(f), AGENT_GONE);
    }
}

static void below_level_4_nobody_drains(void **data)
{
    struct fixture *f = *data;
    struct drain_row wish;
    apply(f, "agent.drain", "{'agent':0,'drain':true}");
    assert_int_equal(f->last.code, ERR_UNAVAILABLE);
    assert_false(state_any_drain(f->state));
    assert_false(state_agent_drain(f->state, 0, &wish));
}

/* ---- nodes that are removed */

static void join_as(struct fixture *f, int64_t id)
{
    char args[256];
    snprintf(args, sizeof args,
             "{'id':%lld,'store':%lld,'name':'n%lld','address':'10.0.0.%lld:5055','modes':7,"
             "'serial':1,'until':%lld}",
             (long long)id, (long long)id + 100, (long long)id, (long long)id,
             (long long)(f->at + 86400000));
    applied(f, "node.join", args);
    snprintf(args, sizeof args,
             "{'id':%lld,'name':'n%lld','address':'10.0.0.%lld:5055','modes':7,'level':4,"
             "'version':'1','listeners':{'marathon':'a','chronos':'b','mesos':'c'}}",
             (long long)id, (long long)id, (long long)id);
    applied(f, "node.put", args);
    snprintf(args, sizeof args, "{'id':%lld,'hold':true}", (long long)id);
    applied(f, "node.hold", args);
}

static void a_removed_node_leaves_nothing_but_its_id(void **data)
{
    struct fixture *f = *data;
    struct agent_row a;
    struct node_row n;
    struct identity_row i;
    struct listeners_row l;
    struct drain_row wish;
    assert_true(state_agent_by_id(f->state, 0, &a));
    int64_t node = a.node;
    char args[64];
    snprintf(args, sizeof args, "{'id':%lld}", (long long)node);
    join_as(f, node);
    one_task(f);
    int64_t task = only_task(f, "/web");
    applied(f, "agent.drain", "{'agent':0,'drain':true}");
    applied(f, "node.remove", args);
    assert_true(state_identity_by_id(f->state, node, &i));
    assert_int_not_equal(i.gone.ms, 0);
    assert_false(state_node_by_id(f->state, node, &n));
    assert_false(state_listeners_of(f->state, node, &l));
    assert_false(state_node_is_held(f->state, node));
    assert_false(state_agent_drain(f->state, 0, &wish));
    assert_int_equal(state_now(f), AGENT_GONE);
    assert_int_equal(task_of(f, task).state, TASK_LOST);
    assert_string_equal(task_of(f, task).message, "its node was removed");
    assert_int_equal(app_of(f, "/web").counts.live, 0);
    assert_int_equal(app_of(f, "/web").delay_ms, 0); /* its replacement does not wait */
    apply(f, "node.remove", args);
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
}

static void what_a_removed_node_still_says_is_not_heard(void **data)
{
    struct fixture *f = *data;
    struct agent_row a;
    char args[256];
    assert_true(state_agent_by_id(f->state, 0, &a));
    int64_t node = a.node;
    join_as(f, node);
    snprintf(args, sizeof args, "{'id':%lld}", (long long)node);
    applied(f, "node.remove", args);
    register_again(f);
    assert_int_equal(f->last.code, ERR_CONFLICT);
    assert_int_equal(state_now(f), AGENT_GONE);
    snprintf(args, sizeof args, "{'id':%lld,'name':'n','address':'a','modes':7,'level':4}",
             (long long)node);
    apply(f, "node.put", args);
    assert_int_equal(f->last.code, ERR_CONFLICT);
    apply(f, "node.remove", "{'id':4711}");
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
}

/* Any node may register an agent, but not another's: it would get that one's tasks. */
static void an_agent_is_for_one_node(void **data)
{
    struct fixture *f = *data;
    struct agent_row a;
    char args[512], why[256];
    snprintf(args, sizeof args, "{'level':%d}", COMMAND_LEVEL);
    applied(f, "schema.upgrade", args);
    assert_true(state_agent_by_id(f->state, 0, &a));
    int64_t uid = a.uid, node = a.node;
    join_as(f, node);
    snprintf(args, sizeof args, "{'uid':%lld,'node':%lld,'hostname':'n2','address':'10.0.0.2'}",
             (long long)uid, (long long)node + 1);
    apply(f, "agent.register", args);
    assert_int_equal(f->last.code, ERR_CONFLICT);
    snprintf(why, sizeof why, "agent.register: uid: got %lld, which is the agent of node %lld (n1)",
             (long long)uid, (long long)node);
    assert_true(str_starts(f->last.text, why));
    assert_true(state_agent_by_id(f->state, 0, &a));
    assert_int_equal(a.node, node);
    register_again(f);
    assert_int_equal(f->last.code, ERR_NONE);
}

#define AT_LEVEL_4(name) cmocka_unit_test_setup_teardown(name, at_level_4, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_LEVEL_4(an_agent_without_tasks_is_drained_at_once),
        AT_LEVEL_4(it_is_drained_when_its_last_task_has_ended),
        AT_LEVEL_4(the_wish_outlives_that_the_agent_is_out_of_reach),
        AT_LEVEL_4(who_is_gone_stays_gone),
        AT_LEVEL_4(who_is_not_there_is_not_drained),
        cmocka_unit_test_setup_teardown(below_level_4_nobody_drains, set_up, tear_down),
        AT_LEVEL_4(a_removed_node_leaves_nothing_but_its_id),
        AT_LEVEL_4(what_a_removed_node_still_says_is_not_heard),
        AT_LEVEL_4(an_agent_is_for_one_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
