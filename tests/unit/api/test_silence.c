/* A node that is not heard gets no tasks: whoever asks why nothing starts is told so. */
#include <string.h>

#include "fixture.h"
#include "master/master.h"

static void answers(struct fixture *f, const char *line, const char *part)
{
    play(f, line, "", NULL);
    assert_int_equal(f->r.status, 200);
    if (strstr(answer(f), part) == NULL)
        fail_msg("%s: %s", line, answer(f));
}

static void lacks(struct fixture *f, const char *line, const char *part)
{
    play(f, line, "", NULL);
    assert_int_equal(f->r.status, 200);
    if (strstr(answer(f), part) != NULL)
        fail_msg("%s: %s", line, answer(f));
}

#define APP                                                          \
    "{\"id\":\"/one-each\",\"cmd\":\"run\",\"cpus\":0.1,\"mem\":32," \
    "\"instances\":3,\"constraints\":[[\"hostname\",\"MAX_PER\",\"1\"]]}"

/* Of three nodes n2 was stopped twelve seconds ago, and what it runs is kept for 75. */
static struct agent_seen three_nodes_one_closed(struct fixture *f)
{
    world_agent(&f->w, "n1");
    struct agent_seen seen = {.agent = world_agent(&f->w, "n2"),
                              .silent = {f->w.now.wall.ms - 12000}};
    world_apply(&f->w, COMMAND_AGENT_STATE, "{\"set\":[{\"agent\":0,\"state\":4}]}", NULL);
    world_agent(&f->w, "n3");
    seen.closed = seen.silent;
    seen.kept_until = (struct wall){seen.silent.ms + 75000};
    return seen;
}

static void one_waits_for_a_node_that_restarts(void **data)
{
    struct fixture *f = *data;
    struct agent_seen seen = three_nodes_one_closed(f);
    f->w.facts.agents = &seen;
    f->w.facts.agents_n = 1;
    play(f, "POST /v2/apps", "", APP);
    assert_int_equal(f->r.status, 201);
    world_settle(&f->w);
    answers(f, "GET /api/why/app/one-each",
            "\"id\":\"node-silent\",\"what\":\"/one-each: 1 of 3 instances wait\","
            "\"because\":\"3 nodes considered: 2 do not meet its constraints "
            "(n1: hostname MAX_PER 1), 1 is not heard (n2: for 12 s)\"");
    answers(f, "GET /v2/queue", "{\"reason\":\"AgentSilent\",\"declined\":1,\"processed\":1}");
    lacks(f, "GET /v2/queue", "lastUsedOfferAt");
    answers(f, "GET /v2/queue?embed=lastUnusedOffers", "\"reason\":[\"AgentSilent\"]");
    answers(f, "GET /api/apps/one-each", "\"state\":\"waiting\"");
    answers(f, "GET /api/apps", "\"state\":\"waiting\"");
    answers(f, "GET /api/status", "1 is not heard (n2: for 12 s)");

    seen.silent = seen.closed = (struct wall){0};
    world_pass(&f->w, 5000);
    world_settle(&f->w);
    answers(f, "GET /api/why/app/one-each", "\"ok\":true");
    answers(f, "GET /v2/queue", "{\"queue\":[]}");
    f->w.facts.agents_n = 0;
}

static void a_new_leader_does_not_call_silent_whom_it_has_not_waited_for(void **data)
{
    struct fixture *f = *data;
    struct agent_seen seen = {.agent = 0, .silent = f->w.now.wall};
    f->w.facts.agents = &seen;
    f->w.facts.agents_n = 1;
    play(f, "POST /v2/apps", "", APP);
    lacks(f, "GET /api/why/app/one-each", "is not heard");
    world_pass(&f->w, 2000);
    answers(f, "GET /api/why/app/one-each", "1 is not heard (10.0.0.1: for 2 s)");
    f->w.facts.agents_n = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_waits_for_a_node_that_restarts),
        CASE(a_new_leader_does_not_call_silent_whom_it_has_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
