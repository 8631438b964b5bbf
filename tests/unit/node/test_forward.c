/* Requests that the asked node cannot answer by itself: on their way to the leader and back. */
#include "node/stage.h"

#include <string.h>

#include "base/str.h"
#include "http/carry.h"
#include "model/frame.h"

static struct stage s;

static int close_stage(void **unused)
{
    (void)unused;
    stage_close(&s);
    return 0;
}

static struct state *state(int i)
{
    return node_state(s.members[i].node);
}

static int follower(void)
{
    return (stage_leader(&s) + 1) % s.n;
}

/* Until it is answered, for at most so long. */
static int wait_for(uint64_t exchange, int64_t most_ms)
{
    for (int64_t ms = 0; ms < most_ms && stage_status(&s, exchange) == 0; ms++)
        stage_run_ms(&s, 1);
    return stage_status(&s, exchange);
}

static bool has_header(uint64_t exchange, const char *line)
{
    return strstr(stage_given(&s, exchange)->headers, line) != NULL;
}

/* One change of the app in all: it was created once. */
static void assert_done_once(int i)
{
    struct app_row row;
    assert_true(state_app_by_path(state(i), "/web", &row));
    int64_t puts = 0;
    struct event_row e;
    struct events *q = state_events_after(state(i), 0, 1000);
    while (state_event_next(q, &e))
        puts += e.noun == NOUN_APP && str_eq(e.name, "/web") && str_eq(e.what, "put");
    assert_int_equal(puts, 1);
}

/* Another one may lead already, where the app is. */
static void who_is_not_sure_to_lead_refuses_nothing(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int old = stage_leader(&s);
    s.members[old].cut = true;
    uint64_t asked = stage_request(&s, old, METHOD_DELETE, "/v2/apps/web", NULL);
    stage_run_ms(&s, 50);
    assert_int_equal(stage_status(&s, asked), 0);
    s.members[old].cut = false;
    assert_int_equal(wait_for(asked, 10000), 404);
}

#define MANY_JOBS                                                                               \
    "[{'name':'a','cron':'@daily','command':'x'},{'name':'bad','cron':'@never','command':'x'}," \
    "{'name':'b','cron':'@daily','command':'x'},{'name':'c','parents':['a'],'command':'x'}]"

/* Those that are right, in their order, each once; the answer has an item for each. */
static void assert_many_made(uint64_t exchange, int i)
{
    static const char *const names[] = {"a", "b", "c"};
    struct job_row row;
    int64_t before = 0;
    const char *said = stage_given(&s, exchange)->body;
    for (size_t k = 0; k < COUNT(names); k++) {
        assert_true(state_job_by_name(state(i), names[k], &row));
        assert_true(row.id > before && row.generation == 1);
        before = row.id;
    }
    for (char at[] = "\"at\":0"; at[5] < '4'; at[5]++)
        assert_non_null(strstr(said, at));
    assert_non_null(strstr(said, "{\"at\":1,\"error\""));
    assert_null(strstr(strstr(said, "\"error\"") + 1, "\"error\""));
}

static void what_makes_many_is_answered_for_each(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int at = follower();
    uint64_t post = stage_request(&s, at, METHOD_POST, "/api/jobs", MANY_JOBS);
    assert_int_equal(wait_for(post, 1000), 200);
    assert_many_made(post, at);
}

/* Part by part: what has been made by then is made once. */
static void what_makes_many_is_done_by_the_next_leader(void **unused)
{
    (void)unused;
    for (int ms = 0; ms < 6; ms++) {
        stage_open(&s, 3);
        stage_ready(&s);
        int old = stage_leader(&s), at = follower();
        uint64_t post =
            stage_named_request(&s, at, METHOD_POST, "/api/jobs", MANY_JOBS, "one-of-many");
        stage_run_ms(&s, ms);
        s.members[old].cut = true;
        stage_run_ms(&s, 5000);
        s.members[old].cut = false;
        assert_int_equal(wait_for(post, 20000), 200);
        assert_many_made(post, at);
        if (ms < 5)
            stage_close(&s);
    }
}

/* Who has sent it without a name is told of each that nobody knows. */
static void what_makes_many_may_be_uncertain(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int old = stage_leader(&s);
    uint64_t post = stage_request(&s, old, METHOD_POST, "/api/jobs", MANY_JOBS);
    stage_run_ms(&s, 0);
    s.members[old].cut = true;
    stage_run_ms(&s, 5000);
    s.members[old].cut = false;
    assert_int_equal(wait_for(post, 20000), 200);
    const char *said = stage_given(&s, post)->body;
    for (int n = 0; n < 3; n++) {
        said = strstr(said, "ERR_UNCERTAIN");
        assert_non_null(said);
        said++;
    }
    assert_null(strstr(said, "ERR_UNCERTAIN"));
}

static void a_write_to_a_follower_is_seen_there_once_it_is_answered(void **unused)
{
    struct app_row row;
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int at = follower();
    uint64_t put = stage_request(&s, at, METHOD_POST, "/v2/apps", STAGE_APP(1));
    assert_int_equal(wait_for(put, 12), 201); /* without a wait for the next heartbeat */
    assert_true(state_app_by_path(state(at), "/web", &row));
    uint64_t list = stage_request(&s, at, METHOD_GET, "/v2/apps", NULL);
    uint64_t one = stage_request(&s, at, METHOD_GET, "/v2/apps//web", NULL);
    assert_int_equal(wait_for(list, 50), 200);
    assert_int_equal(wait_for(one, 12), 200);
}

static void it_is_seen_by_which_node_a_write_came(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    uint64_t there = stage_request(&s, stage_leader(&s), METHOD_POST, "/v2/apps", STAGE_APP(1));
    assert_int_equal(wait_for(there, 500), 201);
    assert_false(has_header(there, "X-Marathon-Via"));
    uint64_t put =
        stage_request(&s, follower(), METHOD_PUT, "/v2/apps//web?force=true", "{'instances':0}");
    assert_int_equal(wait_for(put, 500), 200);
    assert_true(has_header(put, "X-Marathon-Via: 1.1 "));
    uint64_t job = stage_request(&s, follower(), METHOD_DELETE, "/api/jobs/j", NULL);
    assert_int_equal(wait_for(job, 500), 404);
    assert_false(has_header(job, "X-Marathon-Via"));
}

static void what_the_leader_refuses_is_refused_in_its_words(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    uint64_t bad = stage_request(&s, follower(), METHOD_POST, "/v2/apps", "{'id':'/WEB'}");
    assert_int_equal(wait_for(bad, 500), 422);
    assert_non_null(strstr(stage_given(&s, bad)->body, "id"));
}

/* However far the leader came with it: the next one does it, and nobody twice. */
static void a_leader_that_dies_with_a_write_leaves_it_to_the_next(void **unused)
{
    (void)unused;
    for (int ms = 0; ms < 8; ms++) {
        if (ms > 0)
            stage_close(&s);
        stage_open(&s, 3);
        stage_ready(&s);
        int at = follower(), leader = stage_leader(&s);
        uint64_t put = stage_request(&s, at, METHOD_POST, "/v2/apps", STAGE_APP(0));
        stage_run_ms(&s, ms);
        stage_down(&s, leader);
        assert_int_equal(wait_for(put, 5000), 201);
        assert_done_once(at);
    }
}

/* The client named its request: it may be done again, and is not done twice. */
static void a_deposed_leader_passes_a_named_write_on(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int old = stage_leader(&s);
    s.members[old].cut = true;
    uint64_t put = stage_named_request(&s, old, METHOD_POST, "/v2/apps", STAGE_APP(0), "r-1");
    stage_run_ms(&s, 1500); /* long enough for it to see that it leads no more */
    assert_int_equal(stage_status(&s, put), 0);
    s.members[old].cut = false;
    assert_int_equal(wait_for(put, 5000), 201);
    assert_done_once(old);
}

static void a_leader_that_stops_passes_on_what_still_comes(void **unused)
{
    struct event stop = {.kind = EVENT_STOP};
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int old = stage_leader(&s);
    stage_event(&s, old, &stop);
    uint64_t put = stage_request(&s, old, METHOD_POST, "/v2/apps", STAGE_APP(0));
    assert_int_equal(wait_for(put, 400), 201);
    for (int i = 0; i < 1000 && !node_stopped(s.members[old].node); i++)
        stage_run_ms(&s, 1);
    assert_true(node_stopped(s.members[old].node));
}

static void without_a_leader_each_dialect_says_so(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    uint64_t made = stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(0));
    assert_int_equal(wait_for(made, 500), 201);
    stage_run_ms(&s, 200);
    stage_down(&s, 1);
    stage_down(&s, 2);
    stage_run_ms(&s, 1000);
    int64_t asked = s.mono;
    uint64_t put = stage_request(&s, 0, METHOD_PUT, "/v2/apps//web", "{'instances':0}");
    uint64_t abdication = stage_request(&s, 0, METHOD_DELETE, "/v2/leader", NULL);
    uint64_t job = stage_request(&s, 0, METHOD_PUT, "/api/jobs/j", "{}");
    uint64_t one = stage_request(&s, 0, METHOD_GET, "/v2/apps//web", NULL);
    uint64_t list = stage_request(&s, 0, METHOD_GET, "/v2/apps", NULL);
    uint64_t jobs = stage_request(&s, 0, METHOD_GET, "/scheduler/jobs", NULL);
    uint64_t stale = stage_request(&s, 0, METHOD_GET, "/scheduler/jobs?stale=1", NULL);
    assert_int_equal(wait_for(put, 3000), 502);
    assert_int_equal(wait_for(abdication, 3000), 404); /* spec/marathon.md 14.4 */
    assert_string_equal(stage_given(&s, abdication)->body, "{\"message\":\"There is no leader\"}");
    assert_int_equal(wait_for(job, 3000), 503);
    assert_int_equal(wait_for(one, 3000), 200);
    assert_int_equal(wait_for(list, 3000), 200);
    assert_int_equal(wait_for(jobs, 3000), 503);
    assert_int_equal(wait_for(stale, 3000), 200);
    assert_true(s.mono - asked <= 3000);
    assert_int_equal(s.members[0].unconfirmed, 2); /* `one` and `stale`; a list never is */
    assert_true(has_header(put, "Retry-After: 1"));
    uint64_t later = stage_request(&s, 0, METHOD_GET, "/v2/apps//web", NULL);
    assert_int_equal(wait_for(later, 20), 200); /* it is known by now that nobody leads */
}

/* Only that there is no leader is 404 there; what else keeps it is what it is everywhere. */
static void an_abdication_that_cannot_be_sent_on_says_why(void **unused)
{
    struct event stop = {.kind = EVENT_STOP};
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int at = follower();
    struct request r = request_of(METHOD_DELETE, "/v2/leader");
    r.listener = "marathon";
    r.headers = SLICE("X-Marathon-Via: 1.1 127.0.0.1:8080\r\n");
    struct event e = {.kind = EVENT_REQUEST, .exchange = {++s.next}, .request = request_dup(&r)};
    uint64_t looped = s.next;
    stage_event(&s, at, &e);
    assert_int_equal(wait_for(looped, 500), 502);
    assert_non_null(strstr(stage_given(&s, looped)->body, "a proxy loop"));
    for (int i = 0; i < s.n; i++)
        if (i != at)
            stage_down(&s, i);
    stage_run_ms(&s, 2000); /* nobody leads, and it is known */
    stage_event(&s, at, &stop);
    uint64_t stopped = stage_request(&s, at, METHOD_DELETE, "/v2/leader", NULL);
    assert_int_equal(wait_for(stopped, 10000), 502);
    assert_non_null(strstr(stage_given(&s, stopped)->body, "this node is stopping"));
}

/* It was sent, and nobody is left who could tell: so it is not said that it was not done. */
static void a_write_of_which_nobody_can_tell_is_uncertain(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int at = follower();
    uint64_t put = stage_request(&s, at, METHOD_POST, "/api/apps", STAGE_APP(0));
    stage_run_ms(&s, 1); /* it has left */
    for (int i = 0; i < s.n; i++)
        if (i != at)
            stage_down(&s, i);
    assert_int_equal(wait_for(put, 30000), 504);
    assert_non_null(strstr(stage_given(&s, put)->body, "ERR_UNCERTAIN"));
    assert_non_null(strstr(stage_given(&s, put)->body, "may or may not have happened"));
    assert_false(has_header(put, "Retry-After"));
}

/* The verdict of a leader, on whatever it was sent: 1, it has not done it; 2, it cannot tell. */
static void hear_verdict(int at, int leader, char verdict)
{
    for (char key = 1; key < 64; key++) {
        struct event e = {.kind = EVENT_FRAME, .node = leader + 1};
        const char frame[18] = {FRAME_ANSWER, key, [9] = verdict};
        buf_init(&e.body, sizeof frame);
        buf_put(&e.body, frame, sizeof frame);
        stage_event(&s, at, &e);
    }
}

/* That it was not done the second time says nothing of the first time. */
static void a_write_that_one_leader_may_have_done_stays_uncertain(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int at = follower(), leader = stage_leader(&s);
    uint64_t put = stage_request(&s, at, METHOD_POST, "/api/apps", STAGE_APP(0));
    stage_run_ms(&s, 1);
    s.members[at].cut = true;
    hear_verdict(at, leader, 2);
    stage_run_ms(&s, 25); /* it is sent again */
    for (int ms = 0; ms < 30000 && stage_status(&s, put) == 0; ms++) {
        hear_verdict(at, leader, 1);
        stage_run_ms(&s, 1);
    }
    assert_int_equal(stage_status(&s, put), 504);
}

static void a_write_that_was_not_done_is_refused_as_such(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int at = follower(), leader = stage_leader(&s);
    uint64_t put = stage_request(&s, at, METHOD_POST, "/api/apps", STAGE_APP(0));
    s.members[at].cut = true;
    for (int ms = 0; ms < 30000 && stage_status(&s, put) == 0; ms++) {
        hear_verdict(at, leader, 1);
        stage_run_ms(&s, 1);
    }
    assert_int_equal(stage_status(&s, put), 503);
}

static void a_write_that_waits_for_a_leader_does_not_keep_the_node_busy(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int at = follower();
    uint64_t put = stage_request(&s, at, METHOD_POST, "/api/apps", STAGE_APP(0));
    stage_run_ms(&s, 1); /* it has left */
    s.members[at].cut = true;
    for (int ms = 0; ms < 6000; ms++) {
        stage_run_ms(&s, 1);
        assert_true(node_due(s.members[at].node).ms >= s.mono);
    }
    assert_int_equal(stage_status(&s, put), 0);
}

/* It came from a node that is only an agent; while it waits, who leads changes. */
static void an_agents_write_that_waited_is_refused_with_what_is_so_by_then(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int at = follower();
    struct request r = request_of(METHOD_PUT, "/v2/apps//web");
    r.listener = "marathon";
    r.node = "{\"node\":9,\"name\":\"n9\",\"modes\":4}";
    r.body = SLICE("{\"instances\":0}");
    struct event e = {.kind = EVENT_REQUEST, .exchange = {++s.next}, .request = request_dup(&r)};
    for (int i = 0; i < s.n; i++)
        if (i != at)
            stage_down(&s, i);
    stage_event(&s, at, &e);
    assert_int_equal(wait_for(s.next, 30000), 504);
    assert_false(has_header(s.next, "X-Marathon-Leader"));
}

/* What a node of a newer build sends a leader that has no such door, in the place of its request.
 */
static void hear_request(int leader, int at, enum method method, const char *path)
{
    struct request r = {.method = method, .path = slice_of(path), .listener = "marathon"};
    for (char key = 1; key < 64; key++) {
        struct event e = {.kind = EVENT_FRAME, .node = at + 1};
        const char frame[9] = {FRAME_REQUEST, key};
        buf_init(&e.body, LIMIT_PEER_FRAME_BYTES);
        buf_put(&e.body, frame, sizeof frame);
        carry_request(&r, &e.body);
        stage_event(&s, leader, &e);
    }
}

static void a_leader_of_an_older_build_says_to_wait_for_the_upgrade(void **unused)
{
    (void)unused;
    static const struct {
        enum method method;
        const char *path;
    } news[] = {{METHOD_PUT, "/api/news/one"},
                {METHOD_PUT, "/api/jobs"},
                {METHOD_POST, "/v2/news"},
                {METHOD_GET, "/api/apps"},
                {METHOD_POST, "/elsewhere"}};
    stage_open(&s, 3);
    stage_ready(&s);
    for (size_t i = 0; i < sizeof news / sizeof news[0]; i++) {
        int at = follower(), leader = stage_leader(&s);
        s.members[leader].cut = true;
        uint64_t put = stage_request(&s, at, METHOD_POST, "/api/apps", STAGE_APP(0));
        stage_run_ms(&s, 1); /* it has left, and is lost */
        s.members[leader].cut = false;
        hear_request(leader, at, news[i].method, news[i].path);
        assert_int_equal(wait_for(put, 15), 503);
        assert_non_null(strstr(stage_given(&s, put)->body, "wait until each master runs this"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, close_stage)
        TEST(what_makes_many_is_answered_for_each),
        TEST(what_makes_many_is_done_by_the_next_leader),
        TEST(what_makes_many_may_be_uncertain),
        TEST(a_write_to_a_follower_is_seen_there_once_it_is_answered),
        TEST(it_is_seen_by_which_node_a_write_came),
        TEST(what_the_leader_refuses_is_refused_in_its_words),
        TEST(a_leader_that_dies_with_a_write_leaves_it_to_the_next),
        TEST(a_deposed_leader_passes_a_named_write_on),
        TEST(a_leader_that_stops_passes_on_what_still_comes),
        TEST(without_a_leader_each_dialect_says_so),
        TEST(an_abdication_that_cannot_be_sent_on_says_why),
        TEST(who_is_not_sure_to_lead_refuses_nothing),
        TEST(a_write_of_which_nobody_can_tell_is_uncertain),
        TEST(a_write_that_one_leader_may_have_done_stays_uncertain),
        TEST(a_write_that_was_not_done_is_refused_as_such),
        TEST(a_leader_of_an_older_build_says_to_wait_for_the_upgrade),
        TEST(a_write_that_waits_for_a_leader_does_not_keep_the_node_busy),
        TEST(an_agents_write_that_waited_is_refused_with_what_is_so_by_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
