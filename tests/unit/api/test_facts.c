/* A node that has no state is asked, and another one answers. */
#include "fixture.h"

#include <string.h>

#include "api/facts.h"
#include "base/mem.h"
#include "base/str.h"
#include "master/master.h"

static void get(struct fixture *f, const char *target, const char *node)
{
    struct request r = request_of(METHOD_GET, target);
    r.listener = "agent";
    r.node = node;
    reply_close(&f->r);
    world_request(&f->w, &r, &f->r);
}

/* What an agent, and nothing else, says of itself. */
static void write_agent(int64_t agent, struct buf *out)
{
    const struct facts facts = {
        .node = 2,
        .name = "deck-2",
        .modes = MODE_AGENT,
        .agent = agent,
        .hostname = "deck-2.example",
        .address = "10.0.0.2",
        .work_dir = "/srv/two/agent",
        .url_agent = "http://deck-2.example:6051",
        .started = {1234000},
        .ports_refused = "[{\"port\":10000}]",
        .version = "not carried",
    };
    buf_init(out, 1 << 20);
    facts_write(&facts, out);
}

static void what_a_node_knows_of_itself_is_carried(void **data)
{
    struct fixture *f = *data;
    struct asked_facts asked;
    struct buf text;
    write_agent(7, &text);
    struct request r = request_of(METHOD_GET, "/");
    assert_ptr_equal(facts_for(&r, &f->w.facts, &asked), &f->w.facts);
    r.node = buf_str(&text);
    const struct facts *shown = facts_for(&r, &f->w.facts, &asked);
    assert_int_equal(shown->node, 2);
    assert_string_equal(shown->name, "deck-2");
    assert_int_equal(shown->modes, MODE_AGENT);
    assert_int_equal(shown->agent, 7);
    assert_string_equal(shown->hostname, "deck-2.example");
    assert_string_equal(shown->address, "10.0.0.2");
    assert_string_equal(shown->work_dir, "/srv/two/agent");
    assert_string_equal(shown->url_agent, "http://deck-2.example:6051");
    assert_int_equal(shown->started.ms, 1234000);
    assert_string_equal(shown->ports_refused, "[{\"port\":10000}]");
    assert_string_equal(shown->service_address, "");
    assert_null(shown->url_marathon);
    assert_false(shown->leading);
    assert_string_equal(shown->version, f->w.facts.version);
    assert_string_equal(shown->cluster, f->w.facts.cluster);
    assert_string_equal(shown->leader_marathon, f->w.facts.leader_marathon);
    arena_close(&asked.text);
    buf_close(&text);
    r.node = "{";
    assert_ptr_equal(facts_for(&r, &f->w.facts, &asked), &f->w.facts);
    r.node = "{\"node\":\"x\",\"name\":7}";
    shown = facts_for(&r, &f->w.facts, &asked);
    assert_string_equal(shown->name, "");
    assert_int_equal(shown->agent, -1);
    arena_close(&asked.text);
}

static void an_agent_that_is_asked_shows_itself(void **data)
{
    struct fixture *f = *data;
    struct buf text;
    int64_t agent = world_agent_in(&f->w, "deck-2.example", 2);
    f->w.facts.modes = MODE_MASTER;
    f->w.facts.agent = -1;
    write_agent(agent, &text);
    static const char *const targets[] = {"/state", "/slave(1)/state"};
    for (size_t i = 0; i < COUNT(targets); i++) {
        get(f, targets[i], buf_str(&text));
        assert_int_equal(f->r.status, 200);
        assert_non_null(strstr(answer(f), "\"id\":\"" WORLD_CLUSTER "-S1\""));
        assert_non_null(strstr(answer(f), "\"hostname\":\"deck-2.example\""));
        assert_non_null(strstr(answer(f), "\"work_dir\":\"/srv/two/agent\""));
        assert_non_null(strstr(answer(f), "\"master_hostname\":\"n1\""));
    }
    get(f, "/flags", buf_str(&text));
    assert_non_null(strstr(answer(f), "\"port\":\"6051\""));
    get(f, "/metrics/snapshot", buf_str(&text));
    assert_non_null(strstr(answer(f), "slave/"));
    assert_null(strstr(answer(f), "master/"));
    get(f, "/slave(1)/state", NULL); /* of the node that answers */
    assert_int_equal(f->r.status, 404);
    get(f, "/files/browse?path=/frameworks/f", buf_str(&text));
    assert_int_equal(f->r.sandbox->node, 2);
    buf_close(&text);
}

/* There may be a leader that does not answer this node. */
static void what_no_leader_has_confirmed_says_that_it_may_be_stale(void **data)
{
    struct fixture *f = *data;
    get(f, "/v2/apps", NULL);
    assert_null(header_get(buf_slice(&f->r.headers), "X-Mesolith-Stale").p);
    struct request r = request_of(METHOD_GET, "/v2/apps");
    r.listener = "agent";
    r.unconfirmed = true;
    reply_close(&f->r);
    world_request(&f->w, &r, &f->r);
    assert_header(f, "X-Mesolith-Stale", "0");
    f->w.facts.leaderless.ms = f->w.now.mono.ms - 3500;
    get(f, "/v2/apps", NULL);
    assert_header(f, "X-Mesolith-Stale", "3");
}

/* Whoever gave them changes or frees them; the tools that watch over memory see what is borrowed.
 */
static void kept_facts_are_a_copy_of_their_own(void **unused)
{
    (void)unused;
    char *clocks = mem_strdup("[]"), *leader = mem_strdup("deck");
    struct member_fact *members = mem_zalloc(sizeof *members);
    struct agent_seen *agents = mem_zalloc(sizeof *agents);
    members->id = 7;
    agents->agent = 3;
    const struct facts given = {.clocks = clocks,
                                .leader_name = leader,
                                .members = members,
                                .members_n = 1,
                                .agents = agents,
                                .agents_n = 1,
                                .term = 5};
    struct arena text = {0};
    struct facts kept = facts_keep(&given, &text);
    mem_free(clocks);
    mem_free(leader);
    mem_free(members);
    mem_free(agents);
    assert_string_equal(kept.clocks, "[]");
    assert_string_equal(kept.leader_name, "deck");
    assert_null(kept.url_mesos);
    assert_int_equal(kept.members[0].id, 7);
    assert_int_equal(kept.agents[0].agent, 3);
    assert_int_equal(kept.term, 5);
    arena_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_facts_are_a_copy_of_their_own),
        CASE(what_no_leader_has_confirmed_says_that_it_may_be_stale),
        CASE(what_a_node_knows_of_itself_is_carried),
        CASE(an_agent_that_is_asked_shows_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
