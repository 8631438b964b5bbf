/* Nodes of a cluster: who votes, who waits for what, and who may go. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "fixture.h"
#include "master/master.h"

#define MEMBERS_MAX 6
static struct member_fact members[MEMBERS_MAX];

static void admit(struct fixture *f, int64_t id, unsigned modes)
{
    char args[256];
    snprintf(args, sizeof args,
             "{\"id\":%lld,\"store\":%lld,\"name\":\"n%lld\",\"address\":\"10.0.0.%lld:5055\","
             "\"modes\":%u,\"serial\":1,\"until\":9999999999999%s}",
             (long long)id, (long long)id + 100, (long long)id, (long long)id, modes,
             id == 1 ? ""
                     : ",\"token\":5,\"hash\":"
                       "\"0000000000000000000000000000000000000000000000000000000000000000\"");
    world_apply(&f->w, COMMAND_NODE_JOIN, args, NULL);
}

static void join_as(struct fixture *f, int64_t id, unsigned modes)
{
    char args[256];
    admit(f, id, modes);
    snprintf(args, sizeof args,
             "{\"id\":%lld,\"name\":\"n%lld\",\"address\":\"10.0.0.%lld:5055\",\"modes\":%u,"
             "\"level\":4,\"version\":\"0.1.0\"}",
             (long long)id, (long long)id, (long long)id, modes);
    world_apply(&f->w, COMMAND_NODE_PUT, args, NULL);
}

static int in_a_cluster(void **data)
{
    set_up(data);
    struct fixture *f = *data;
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":4}", NULL);
    join_as(f, 1, MODES_ALL);
    world_apply(&f->w, COMMAND_TOKEN_PUT,
                "{\"id\":5,\"modes\":7,\"until\":1715555800000,\"hash\":"
                "\"0000000000000000000000000000000000000000000000000000000000000000\"}",
                NULL);
    f->w.facts.members = members;
    f->w.facts.members_n = 0;
    return 0;
}
#define IN_A_CLUSTER(name) cmocka_unit_test_setup_teardown(name, in_a_cluster, tear_down)

/* "V": a voter, "v" one that is down; "S": a standby that has caught up, "s" one that has not.
 * Node 1 leads. */
static void members_are(struct fixture *f, const char *who)
{
    f->w.facts.members_n = strlen(who);
    for (size_t i = 0; who[i] != '\0'; i++) {
        if (i > 0)
            join_as(f, (int64_t)i + 1, MODES_ALL);
        members[i] = (struct member_fact){
            .id = (int64_t)i + 1,
            .voter = who[i] == 'V' || who[i] == 'v',
            .live = who[i] != 'v',
            .ready = who[i] == 'V' || who[i] == 'S',
        };
    }
}

static void shows(struct fixture *f, const char *node, const char *role, const char *waits)
{
    char line[64];
    struct error err;
    snprintf(line, sizeof line, "GET /api/nodes/%s", node);
    play(f, line, "", NULL);
    struct json *v = json_parse(buf_slice(&f->r.body), &err);
    assert_string_equal(json_str(json_get(v, "role"), ""), role);
    assert_string_equal(json_str(json_get(v, "waits"), ""), waits);
    json_free(v);
}

static void answers(struct fixture *f, const char *line, int status, const char *text)
{
    play(f, line, "", NULL);
    if (f->r.status != status || strstr(answer(f), text) == NULL)
        fail_msg("%s: %d %s", line, f->r.status, answer(f));
}

static void roles_and_what_is_waited_for(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VS");
    shows(f, "n1", "leader", "");
    shows(f, "n2", "standby", "stays a standby until a third master has caught up");
    members_are(f, "VSs");
    shows(f, "n3", "standby", "stays a standby until it has caught up");
    members_are(f, "VSS");
    shows(f, "n2", "standby", "votes in a moment");
    members_are(f, "VVS"); /* one of three is lost */
    shows(f, "n3", "standby", "votes in a moment");
    members_are(f, "VVV");
    shows(f, "n2", "voter", "");
    members_are(f, "VVVS");
    shows(f, "n4", "standby",
          "stays a standby until one that votes is lost, or a fifth master has caught up");
    members_are(f, "VVVVVS");
    shows(f, "n6", "standby", "stays a standby until one of the five that vote is lost");
    play(f, "POST /api/nodes/n6/demote", "", NULL);
    assert_int_equal(f->r.status, 200);
    shows(f, "n6", "standby", "stays a standby until it is promoted");
    play(f, "POST /api/nodes/n6/promote", "", NULL);
    assert_int_equal(f->r.status, 200);
    shows(f, "n6", "standby", "stays a standby until one of the five that vote is lost");
    f->w.facts.members_n = 1; /* it has only just joined */
    shows(f, "n2", "standby", "stays a standby until it has caught up");
}

static void who_runs_nothing_is_unreachable_when_the_leader_hears_nothing(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVv");
    play(f, "GET /api/nodes?state=unreachable", "", NULL);
    assert_non_null(strstr(answer(f), "\"name\":\"n3\""));
    assert_non_null(strstr(answer(f), "\"total\":1"));
}

/* node list, status and why are of one mind, also while an agent that ended may come back. */
static void who_is_away_is_away_wherever_one_looks(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVVS");
    world_apply(&f->w, COMMAND_AGENT_REGISTER,
                "{\"uid\":77,\"node\":2,\"hostname\":\"10.0.0.2\",\"address\":\"10.0.0.2\","
                "\"version\":\"0.2.0\",\"ports\":\"31000-31001\"}",
                NULL);
    answers(f, "GET /api/status", 200, "\"nodes\":{\"ready\":4,\"total\":4}");
    answers(f, "GET /api/status", 200, "\"attention\":[]");
    answers(f, "GET /api/why/node/n4", 200, "\"ok\":true");
    members[1].live = members[3].live = false;
    answers(f, "GET /api/nodes?state=unreachable", 200, "\"total\":2");
    answers(f, "GET /api/status", 200, "\"nodes\":{\"ready\":2,\"total\":4}");
    answers(f, "GET /api/status", 200, "n2 is unreachable; its 0 tasks are not replaced yet");
    answers(f, "GET /api/status", 200, "\"sentence\":\"n4 is unreachable\"");
    answers(f, "GET /api/why/node/n2", 200, "nothing is heard from it");
    answers(f, "GET /api/why/node/n4", 200, "nothing is heard from it");
    world_apply(&f->w, COMMAND_AGENT_STATE, "{\"set\":[{\"agent\":1,\"state\":3}]}", NULL);
    answers(f, "GET /api/status", 200, "n2 is unreachable, with 0 tasks"); /* not 10.0.0.2 */
}

static void without_a_leader_that_is_what_needs_attention(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVV");
    f->w.facts.leading = false;
    f->w.facts.leader = 0;
    f->w.facts.leaderless = (struct mono){1};
    answers(f, "GET /api/status", 200, "\"attention\":[{\"noun\":\"node\",\"name\":\"");
    answers(f, "GET /api/status", 200, "\"leaderless\",\"sentence\":\"there is no leader: ");
}

/* Nodes are called as their machines unless told otherwise, and a machine may have several. */
static void of_several_that_are_called_so_none_is_meant(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVVV");
    for (int64_t id = 3; id <= 4; id++) {
        char args[256];
        snprintf(args, sizeof args,
                 "{\"id\":%lld,\"name\":\"twin\",\"address\":\"10.0.0.%lld:5055\",\"modes\":7,"
                 "\"level\":4,\"version\":\"0.1.0\"}",
                 (long long)id, (long long)id);
        world_apply(&f->w, COMMAND_NODE_PUT, args, NULL);
    }
    answers(f, "DELETE /api/nodes/twin", 409, "node: 2 are called twin, need the id of one");
    answers(f, "POST /api/nodes/twin/demote", 409, "2 are called twin");
    play(f, "POST /api/leader/transfer", "", "{\"node\":\"twin\"}");
    assert_int_equal(f->r.status, 409);
    answers(f, "DELETE /api/nodes/0000000000000004", 200, "index");
    answers(f, "POST /api/nodes/twin/demote", 200, "index");
}

/* An agent alone has no state, by which others announce themselves. */
static void who_was_admitted_is_a_node_by_its_certificate(void **data)
{
    struct fixture *f = *data;
    members_are(f, "V");
    admit(f, 7, MODE_AGENT);
    admit(f, 3, MODE_AGENT);
    answers(f, "GET /api/nodes?state=unreachable", 200, "\"total\":2"); /* not heard of yet */
    /* one that has joined and not announced itself: to remove it is a question */
    members[1] = (struct member_fact){.id = 3, .live = true, .ready = true};
    f->w.facts.members_n = 2;
    answers(f, "GET /api/nodes/n3", 200, "\"state\":\"ready\"");
    f->w.facts.members_n = 1;
    play(f, "GET /api/nodes?sort=id", "", NULL);
    const char *n1 = strstr(answer(f), "\"n1\""), *n3 = strstr(answer(f), "\"n3\""),
               *n7 = strstr(answer(f), "\"n7\"");
    assert_true(n1 != NULL && n3 != NULL && n7 != NULL && n1 < n3 && n3 < n7);
    world_apply(&f->w, COMMAND_AGENT_REGISTER,
                "{\"uid\":77,\"node\":3,\"hostname\":\"10.0.0.3\",\"address\":\"10.0.0.3\","
                "\"version\":\"0.2.0\",\"ports\":\"31000-31001\"}",
                NULL);
    answers(f, "GET /api/nodes/n3", 200, "\"state\":\"ready\"");
    answers(f, "GET /api/nodes/n3", 200, "\"version\":\"0.2.0\"");
    answers(f, "POST /api/nodes/n3/drain", 200, "index");
    answers(f, "GET /api/nodes/n3", 200, "\"state\":\"drained\"");
    answers(f, "DELETE /api/nodes/n3", 200, "index");
    answers(f, "GET /api/nodes/n3", 404, "does not exist");
    answers(f, "GET /api/nodes", 200, "\"total\":2");
}

/* What the leader knows of agents beside the state. */
static void a_closed_session_and_a_wrong_clock_are_shown(void **data)
{
    struct fixture *f = *data;
    members_are(f, "V");
    admit(f, 3, MODE_AGENT);
    struct agent_seen seen = {.agent = world_agent_in(&f->w, "n3", 3), .timed = true};
    f->w.facts.agents = &seen;
    f->w.facts.agents_n = 1;
    answers(f, "GET /api/nodes/n3", 200, "\"state\":\"ready\"");
    answers(f, "GET /api/nodes/n3", 200, "\"clock_offset_ms\":0");
    seen.closed = f->w.now.wall;
    seen.kept_until = (struct wall){seen.closed.ms + 75000};
    seen.offset_ms = -1600;
    answers(f, "GET /api/nodes?state=restarting", 200, "\"name\":\"n3\"");
    answers(f, "GET /api/nodes/n3", 200, "\"kept_until\":\"");
    answers(f, "GET /api/nodes/n3", 200, "\"clock_offset_ms\":-1600");
    answers(f, "GET /api/why/node/n3", 200,
            "its session was closed 0 s ago, its tasks are kept until ");
    answers(f, "GET /api/status", 200, "the clock of n3 is 1.6 s behind of the leader's");
    seen.agent++; /* of somebody else */
    answers(f, "GET /api/nodes/n3", 200, "\"state\":\"ready\"");
    f->w.facts.agents_n = 0;
}

static void that_schedules_wait_for_a_clock_is_said_of_each(void **data)
{
    struct fixture *f = *data;
    members_are(f, "V");
    f->w.facts.clock_waits = (struct wall){INT64_C(1893456000000)};
    play(f, "PUT /api/jobs/j", "",
         "{\"schedule\":\"R/2030-06-01T00:00:00Z/P1D\",\"command\":\"x\"}");
    assert_int_equal(f->r.status, 200);
    answers(f, "GET /api/why/job/j", 200, "no schedule goes on before 2030-01-01T00:00:00.000Z");
    answers(f, "GET /api/jobs/j", 200, "\"because\":\"no schedule goes on before 2030-01-01");
    f->w.facts.clock_waits = (struct wall){0};
    answers(f, "GET /api/why/job/j", 200, "\"ok\":true");
}

static void it_is_the_leader_that_may_not_go_whoever_was_asked(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVV");
    f->w.facts.node = 2; /* what it says of itself when another node answers for it */
    f->w.facts.leading = false;
    f->w.facts.leader = 1;
    answers(f, "DELETE /api/nodes/n1", 409, "n1 leads the cluster");
    answers(f, "DELETE /api/nodes/n2", 200, "index");
}

static void who_is_needed_may_not_go(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VS");
    answers(f, "POST /api/nodes/n1/demote", 409, "n1 is the only one that votes");
    answers(f, "DELETE /api/nodes/n1", 409, "n1 leads the cluster");
    members_are(f, "VVv");
    answers(f, "POST /api/nodes/n2/demote", 409,
            "without it 2 vote, of whom 1 are up, and no majority would be left");
    answers(f, "DELETE /api/nodes/n2", 409, "no majority would be left");
    answers(f, "POST /api/leader/transfer", 200, "index");
    answers(f, "DELETE /api/nodes/n3", 200, "index"); /* what is down already may go */
    answers(f, "GET /api/nodes/n3", 404, "n3 does not exist");
    answers(f, "DELETE /api/nodes/n3", 404, "n3 does not exist");
}

/* Removed and switched off at once, it would be missed as the second of two that vote. */
static void who_is_just_being_made_a_voter_stays_until_it_is_one(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VSS");
    members[1].rising = true;
    answers(f, "DELETE /api/nodes/n2", 409, "n2 is being made a voter just now");
    answers(f, "DELETE /api/nodes/n3", 200, "index");
}

/* When it votes no more, there are two, and both are needed. */
static void while_one_is_to_vote_no_more_no_other_voter_goes(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVV");
    answers(f, "POST /api/nodes/n3/demote", 200, "index");
    answers(f, "DELETE /api/nodes/n2", 409, "another one is to vote no more");
    answers(f, "DELETE /api/nodes/n3", 200, "index");
}

/* Both switched off at once, they would leave one of three, who could not even let them go. */
static void of_three_that_vote_one_goes_at_a_time(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVV");
    answers(f, "DELETE /api/nodes/n3", 200, "index");
    answers(f, "DELETE /api/nodes/n2", 409, "no majority would be left");
    answers(f, "POST /api/nodes/n2/demote", 409, "no majority would be left");
    members_are(f, "VV");
    answers(f, "POST /api/nodes/n2/demote", 200, "index");
}

/* Switched off at once, it could not agree to vote no more. */
static void of_two_that_vote_one_is_demoted_before_it_goes(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVS");
    answers(f, "DELETE /api/nodes/n2", 409, "2 vote, and without it only 1 of them are up");
    answers(f, "POST /api/nodes/n2/demote", 200, "index");
    members_are(f, "VSS");
    answers(f, "DELETE /api/nodes/n2", 200, "index");
}

/* The first is off, perhaps, and has a vote still: the others need both that are left. */
static void of_three_that_vote_two_do_not_go_at_once(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVV");
    answers(f, "DELETE /api/nodes/n2", 200, "index");
    answers(f, "DELETE /api/nodes/n3", 409, "no majority");
    answers(f, "POST /api/nodes/n3/demote", 409, "no majority");
}

static void only_masters_vote(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVV");
    join_as(f, 9, MODE_AGENT);
    shows(f, "n9", "none", "");
    answers(f, "POST /api/nodes/n9/promote", 409, "n9 has not the mode master");
    play(f, "POST /api/leader/transfer", "", "{\"node\":\"n9\"}");
    assert_int_equal(f->r.status, 409);
    assert_non_null(strstr(answer(f), "n9 does not vote"));
    play(f, "POST /api/leader/transfer", "", "{\"node\":\"n2\"}");
    assert_int_equal(f->r.status, 200);
    assert_int_equal(f->w.led_to, 2);
    answers(f, "DELETE /api/nodes/n9", 200, "index");
}

static void a_wish_for_any_other_leader_is_come_true_once_another_leads(void **data)
{
    struct fixture *f = *data;
    members_are(f, "VVV");
    play(f, "POST /api/leader/transfer", "X-Mesolith-Term: 4711\r\n", NULL);
    assert_int_equal(f->r.status, 200);
    assert_int_equal(f->w.led_to, -1);
    play(f, "POST /api/leader/transfer", "X-Mesolith-Term: 1\r\n", NULL);
    assert_int_equal(f->w.led_to, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_CLUSTER(roles_and_what_is_waited_for),
        IN_A_CLUSTER(who_runs_nothing_is_unreachable_when_the_leader_hears_nothing),
        IN_A_CLUSTER(who_is_away_is_away_wherever_one_looks),
        IN_A_CLUSTER(without_a_leader_that_is_what_needs_attention),
        IN_A_CLUSTER(of_several_that_are_called_so_none_is_meant),
        IN_A_CLUSTER(who_was_admitted_is_a_node_by_its_certificate),
        IN_A_CLUSTER(a_closed_session_and_a_wrong_clock_are_shown),
        IN_A_CLUSTER(that_schedules_wait_for_a_clock_is_said_of_each),
        IN_A_CLUSTER(it_is_the_leader_that_may_not_go_whoever_was_asked),
        IN_A_CLUSTER(who_is_needed_may_not_go),
        IN_A_CLUSTER(a_wish_for_any_other_leader_is_come_true_once_another_leads),
        IN_A_CLUSTER(who_is_just_being_made_a_voter_stays_until_it_is_one),
        IN_A_CLUSTER(while_one_is_to_vote_no_more_no_other_voter_goes),
        IN_A_CLUSTER(of_three_that_vote_one_goes_at_a_time),
        IN_A_CLUSTER(of_two_that_vote_one_is_demoted_before_it_goes),
        IN_A_CLUSTER(of_three_that_vote_two_do_not_go_at_once),
        IN_A_CLUSTER(only_masters_vote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
