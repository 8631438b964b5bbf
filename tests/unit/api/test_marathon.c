#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "story.h"

static void marathon_answers_as_its_contract_says(void **unused)
{
    (void)unused;
    story_play_folder(FIXTURES "/marathon", "marathon");
}

/* ---- what a story cannot tell */

static int set_up(void **data)
{
    struct world *w = NEW(struct world);
    world_open(w);
    *data = w;
    return 0;
}

static int tear_down(void **data)
{
    world_close(*data);
    mem_free(*data);
    return 0;
}

static void plays(struct world *w, const char *line, const char *body, int status, const char *part)
{
    struct reply r;
    world_pass(w, 1000);
    world_play(w, "marathon", line, "", body, &r);
    if (r.status != status || strstr(buf_str(&r.body), part) == NULL)
        fail_msg("%s: %d %s, wanted %d and %s", line, r.status, buf_str(&r.body), status, part);
    reply_close(&r);
}

#define WEB "{\"id\":\"/web\",\"cmd\":\"x\",\"cpus\":0.1,\"mem\":8,\"instances\":1}"

static void another_scales(struct world *w)
{
    plays(w, "PUT /v2/apps/web?force=true", "{\"instances\":5}", 200, "deploymentId");
}

static void a_change_that_saw_an_old_version_looks_again(void **data)
{
    struct world *w = *data;
    plays(w, "POST /v2/apps", WEB, 201, "/web");
    w->meanwhile = another_scales;
    plays(w, "PATCH /v2/apps/web?force=true", "{\"env\":{\"A\":\"1\"}}", 200, "deploymentId");
    plays(w, "GET /v2/apps/web", NULL, 200, "\"instances\":5");
    plays(w, "GET /v2/apps/web", NULL, 200, "\"A\":\"1\"");
}

/* What was before it is gone. When it was last changed the present version knows: since then it was
 * only scaled. */
static void of_the_oldest_version_it_is_not_known_when_it_was_scaled(void **data)
{
    struct world *w = *data;
    struct reply r;
    char text[160], line[96], oldest[sizeof "2024-05-01T09:30:00.000Z"], next[sizeof oldest];
    plays(w, "POST /v2/apps", WEB, 201, "/web");
    for (int i = 0; i <= LIMIT_APP_VERSIONS; i++) {
        snprintf(text, sizeof text, "{\"instances\":%d}", i % 2 + 2);
        plays(w, "PATCH /v2/apps/web?force=true", text, 200, "deploymentId");
    }
    world_play(w, "marathon", "GET /v2/apps/web/versions", "", NULL, &r);
    const char *last = strrchr(buf_str(&r.body), ',') + 2; /* ,"2024-… */
    snprintf(oldest, sizeof oldest, "%s", last);
    snprintf(next, sizeof next, "%s", last - sizeof oldest - 2);
    reply_close(&r);
    snprintf(text, sizeof text, "\"version\":\"%s\"}", oldest); /* and nothing behind it */
    snprintf(line, sizeof line, "GET /v2/apps/web/versions/%s", oldest);
    plays(w, line, NULL, 200, text);
    snprintf(text, sizeof text, "\"lastScalingAt\":\"%s\",\"lastConfigChangeAt\":\"2024-", next);
    snprintf(line, sizeof line, "GET /v2/apps/web/versions/%s", next);
    plays(w, line, NULL, 200, text);
}

static void another_creates(struct world *w)
{
    plays(w, "POST /v2/apps", WEB, 201, "/web");
}

static void of_two_that_create_one_app_the_later_is_told(void **data)
{
    struct world *w = *data;
    w->meanwhile = another_creates;
    plays(w, "POST /v2/apps", WEB, 409, "An app with id [/web] already exists.");
}

static void another_deletes(struct world *w)
{
    plays(w, "DELETE /v2/apps/web", NULL, 200, "deploymentId");
}

static void of_one_that_is_deleted_meanwhile_nothing_is_changed(void **data)
{
    struct world *w = *data;
    plays(w, "POST /v2/apps", WEB, 201, "/web");
    w->meanwhile = another_deletes;
    plays(w, "PUT /v2/apps/web", "{\"instances\":2}", 404, "App '/web' does not exist");
    w->meanwhile = NULL;
    plays(w, "DELETE /v2/queue/web/delay", NULL, 404, "not found in tasks queue");
}

static void another_comes_into_the_group(struct world *w)
{
    plays(w, "POST /v2/apps", "{\"id\":\"/shop/new\",\"cmd\":\"x\"}", 201, "/shop/new");
}

/* What somebody else puts into a group meanwhile is seen: all of it goes, or nothing. */
static void a_group_that_changed_meanwhile_is_looked_at_again(void **data)
{
    struct world *w = *data;
    world_apply(w, COMMAND_SCHEMA_UPGRADE, "{\"level\":9}", NULL);
    plays(w, "POST /v2/groups", "{\"id\":\"/shop\",\"apps\":[{\"id\":\"web\",\"cmd\":\"x\"}]}", 201,
          "deploymentId");
    w->meanwhile = another_comes_into_the_group;
    plays(w, "DELETE /v2/groups/shop?force=true", NULL, 200, "deploymentId");
    plays(w, "GET /v2/apps/shop/new", NULL, 404, "does not exist");
    plays(w, "GET /v2/groups/shop", NULL, 404, "does not exist");
    world_settle(w);
    w->meanwhile = another_comes_into_the_group;
    plays(w, "POST /v2/groups", "{\"id\":\"/shop\"}", 409, "already created");
}

/* All apps of one depend on all of the other, and so on: a step a group. */
static void groups_of_many_apps_depend_on_each_other(void **data)
{
    struct world *w = *data;
    struct buf body;
    buf_init(&body, 4 << 20);
    world_apply(w, COMMAND_SCHEMA_UPGRADE, "{\"level\":9}", NULL);
    for (int g = 0; g < 4; g++) {
        buf_printf(&body, "%s{\"id\":\"g%d\",\"dependencies\":[\"../g%d\"],\"apps\":[",
                   g == 0 ? "{\"groups\":[" : ",", g, g - 1 < 0 ? 9 : g - 1);
        for (int i = 0; i < 1000; i++)
            buf_printf(&body, "%s{\"id\":\"a%d\",\"cmd\":\"x\",\"instances\":0,\"ports\":[]}",
                       i == 0 ? "" : ",", i);
        buf_puts(&body, "]}");
    }
    buf_puts(&body, "]}");
    plays(w, "PUT /v2/groups/big", buf_str(&body), 200, "deploymentId");
    plays(w, "GET /v2/deployments", NULL, 200, "\"totalSteps\":5");
    plays(w, "PUT /v2/groups/big/g0?force=true", "{\"dependencies\":[\"../g3\"]}", 422,
          "form a cycle");
    buf_close(&body);
}

static void too_many_dependencies_of_a_group_are_called_that(void **data)
{
    struct buf body;
    char text[64];
    buf_init(&body, 1 << 20);
    buf_puts(&body, "{\"dependencies\":[");
    for (int i = 0; i < LIMIT_GROUP_ITEMS + 1; i++)
        buf_printf(&body, "%s\"/a%d\"", i == 0 ? "" : ",", i);
    buf_puts(&body, "]}");
    snprintf(text, sizeof text, "got %d ids, need at most %d", LIMIT_GROUP_ITEMS + 1, LIMIT_ITEMS);
    plays(*data, "PUT /v2/groups/g", buf_str(&body), 422, text);
    buf_close(&body);
}

static void too_many_deployments_are_refused(void **data)
{
    struct world *w = *data;
    char body[128], text[64];
    for (int i = 0; i < LIMIT_DEPLOYMENTS; i++) {
        snprintf(body, sizeof body, "{\"id\":\"/a%d\",\"cmd\":\"x\"}", i);
        plays(w, "POST /v2/apps", body, 201, "deployments");
    }
    snprintf(text, sizeof text, "{\"message\":\"%d deployments are running", LIMIT_DEPLOYMENTS);
    plays(w, "POST /v2/apps", WEB, 403, text);
    plays(w, "GET /v2/apps/web", NULL, 404, "does not exist"); /* nothing is half done */
    plays(w, "PUT /v2/apps/a0?force=true", "{\"instances\":0}", 200, "deploymentId");
}

static void service_ports_run_out(void **data)
{
    struct world *w = *data;
    struct buf body;
    char line[64];
    buf_init(&body, 1 << 20);
    for (int i = 0; i < 6; i++) { /* 2000 each of 10001 */
        buf_clear(&body);
        buf_puts(&body, "{\"cmd\":\"x\",\"instances\":0,\"ports\":[0");
        for (int k = 1; k < LIMIT_ITEMS; k++)
            buf_puts(&body, ",0");
        buf_puts(&body, "]}");
        snprintf(line, sizeof line, "PUT /v2/apps/a%d", i);
        if (i < 5)
            plays(w, line, buf_str(&body), 201, "deploymentId");
        else
            plays(w, line, buf_str(&body), 500,
                  "{\"message\":\"/a5: no service port is free in 10000-20000\"}");
    }
    buf_close(&body);
}

/* Each app depends on the one before it. */
static void put_chain(struct world *w, int n, int status, const char *part)
{
    struct buf body;
    buf_init(&body, 4 << 20);
    for (int i = 0; i < n; i++)
        buf_printf(&body, "%s{\"id\":\"/c%d\",\"cmd\":\"x\",\"dependencies\":[\"/c%d\"]}",
                   i == 0 ? "[" : ",", i, i - 1 < 0 ? 99999 : i - 1);
    buf_puts(&body, "]");
    plays(w, "PUT /v2/apps", buf_str(&body), status, part);
    buf_close(&body);
}

static void chains_of_dependencies_have_a_limit(void **data)
{
    put_chain(*data, 1100, 422, "form a cycle, or are more than 1000 deep");
    put_chain(*data, 900, 200, "deploymentId");
}

static void a_heavy_plan_of_many_apps_shows_none(void **data)
{
    struct world *w = *data;
    put_chain(w, 900, 200, "deploymentId");
    buf_clear(&w->published[TOPIC_MARATHON]);
    world_tick(w);
    assert_in_range(w->published[TOPIC_MARATHON].len, 1, LIMIT_SUBSCRIBER_BYTES);
    assert_non_null(strstr(buf_str(&w->published[TOPIC_MARATHON]), "\"target\":{\"id\":\"/\""));
}

static void without_a_leader_the_small_doors_answer(void **data)
{
    struct world *w = *data;
    struct reply r;
    w->facts.leading = false;
    w->facts.leader_marathon = w->facts.leader_mesos = NULL;
    plays(w, "GET /ping", NULL, 200, "pong");
    plays(w, "GET /v2/leader", NULL, 404, "{\"message\":\"There is no leader\"}");
    plays(w, "GET /v2/info", NULL, 200, "\"elected\":false,\"leader\":null");
    world_play(w, "marathon", "GET /ping", "", NULL, &r);
    assert_null(header_get(buf_slice(&r.headers), "X-Marathon-Leader").p);
    reply_close(&r);
}

static void a_leader_without_marathons_port_is_named_by_mesoss(void **data)
{
    struct world *w = *data;
    struct reply r;
    w->facts.leader_marathon = NULL;
    w->facts.url_mesos = "https://10.0.0.1:5050";
    world_play(w, "marathon", "GET /ping", "", NULL, &r);
    assert_true(
        slice_is(header_get(buf_slice(&r.headers), "X-Marathon-Leader"), "https://10.0.0.1:5050"));
    reply_close(&r);
}

/* Whatever is asked, and whatever comes of it. */
static void pages_of_a_named_origin_may_read(void **data)
{
    static const char *const lines[] = {"OPTIONS /v2/apps", "GET /v2/apps", "GET /v2/apps/none"};
    struct world *w = *data;
    struct reply r;
    world_play(w, "marathon", "OPTIONS /v2/apps", "Origin: http://a\r\n", NULL, &r);
    assert_null(strstr(buf_str(&r.headers), "Access-Control"));
    reply_close(&r);
    w->facts.allow_origin = "http://a";
    for (size_t i = 0; i < COUNT(lines); i++) {
        world_play(w, "marathon", lines[i],
                   "Access-Control-Request-Headers: x-one\r\n"
                   "access-control-request-headers: x-two, x-three\r\n",
                   NULL, &r);
        struct slice headers = buf_slice(&r.headers);
        assert_true(slice_is(header_get(headers, "Access-Control-Allow-Origin"), "http://a"));
        assert_true(
            slice_is(header_get(headers, "Access-Control-Allow-Headers"), "x-one, x-two, x-three"));
        assert_true(
            slice_is(header_get(headers, "Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS"));
        assert_true(slice_is(header_get(headers, "Access-Control-Max-Age"), "86400"));
        reply_close(&r);
    }
    plays(w, "GET /v2/info", NULL, 200, "\"access_control_allow_origin\":\"http://a\"");
    world_play(w, "marathon", "GET /ping", "", NULL, &r);
    assert_int_equal(header_get(buf_slice(&r.headers), "Access-Control-Allow-Headers").len, 0);
    reply_close(&r);
    w->facts.allow_origin = NULL;
}

static void the_text_list_ends_each_line(void **data)
{
    struct world *w = *data;
    struct reply r;
    plays(w, "POST /v2/apps", "{\"id\":\"/a\",\"cmd\":\"x\",\"ports\":[]}", 201, "/a");
    plays(w, "POST /v2/apps", "{\"id\":\"/b/c\",\"cmd\":\"x\",\"ports\":[80]}", 201, "/b/c");
    world_play(w, "marathon", "GET /v2/tasks", "Accept: text/plain\r\n", NULL, &r);
    assert_string_equal(buf_str(&r.body), "a\t \t\nb_c\t80\t\n");
    reply_close(&r);
}

static void a_stream_says_what_it_wants(void **data)
{
    struct world *w = *data;
    struct reply r;
    world_play(w, "marathon",
               "GET /v2/events?event_type=a&event_type=event_stream_attached&plan-format=light",
               "Accept: text/event-stream\r\n", NULL, &r);
    assert_true(r.subscribe && r.plain);
    assert_int_equal(r.topic, TOPIC_MARATHON_LIGHT);
    assert_string_equal(r.types, "a\nevent_stream_attached");
    assert_non_null(strstr(buf_str(&r.body), "event: event_stream_attached\r\n"));
    reply_close(&r);
    world_play(w, "marathon", "GET /v2/events", "Accept: text/event-stream\r\n", NULL, &r);
    assert_true(r.subscribe);
    assert_int_equal(r.topic, TOPIC_MARATHON);
    assert_null(r.types);
    reply_close(&r);
}

static void what_was_counted_is_shown_in_both_forms(void **data)
{
    struct world *w = *data;
    struct http_counts http = {.active = 2, .subscribers = 1, .subscribers_dropped = 5};
    static struct feed_counts feed = {.deployments = 7, .refused = 1, .launched = 9};
    static struct callback_counts callbacks = {.posted = 4, .failed = 3, .dropped = 2};
    counts_answer(&http, 503, 0.25, w->now.mono.ms);
    w->facts.http = &http;
    w->facts.feed = &feed;
    w->facts.callbacks = &callbacks;
    static const char *const json[] = {
        "\"marathon.deployments.counter\":{\"count\":7}",
        "\"marathon.deployments.dismissed.counter\":{\"count\":1}",
        "\"marathon.tasks.launched.counter\":{\"count\":9}",
        "\"marathon.callbacks.dropped.counter\":{\"count\":2}",
        "\"marathon.http.requests.active.gauge\":{\"value\":2}",
        "\"marathon.http.event-streams.active.gauge\":{\"value\":1}",
        "\"marathon.http.event-streams.closed-slow.counter\":{\"count\":5}",
        "\"marathon.http.responses.5xx.rate.meter\":{\"count\":1,\"m1_rate\":",
        "\"max\":0.25,\"mean\":0.25,\"min\":0.25,\"stddev\":0,\"p50\":0.25",
    };
    static const char *const text[] = {
        "\nmarathon_deployments_counter 7\n",
        "\nmarathon_http_event_streams_closed_slow_counter 5\n",
        "\nmarathon_http_responses_5xx_rate_meter_count 1\n",
        "\nmarathon_http_requests_duration_timer_seconds{quantile=\"0.5\"} 0.25\n",
        "\nmarathon_http_requests_duration_timer_seconds_count 1\n",
    };
    for (size_t i = 0; i < COUNT(json); i++)
        plays(w, "GET /metrics", NULL, 200, json[i]);
    for (size_t i = 0; i < COUNT(text); i++)
        plays(w, "GET /metrics/prometheus", NULL, 200, text[i]);
    w->facts.http = NULL;
    w->facts.feed = NULL;
    w->facts.callbacks = NULL;
}

static void events_are_posted_to_so_many_urls(void **data)
{
    struct world *w = *data;
    char text[128], level[32];
    snprintf(level, sizeof level, "{\"level\":%d}", COMMAND_LEVEL);
    world_apply(w, COMMAND_SCHEMA_UPGRADE, level, NULL);
    for (int i = 0; i < LIMIT_CALLBACKS; i++) {
        snprintf(text, sizeof text, "POST /v2/eventSubscriptions?callbackUrl=http://a/%d", i);
        plays(w, text, NULL, 200, "subscribe_event");
    }
    plays(w, "POST /v2/eventSubscriptions?callbackUrl=http://b/", NULL, 422,
          "events are posted to 100 URLs already, which is the most: DELETE one of them first");
    plays(w, "POST /v2/eventSubscriptions?callbackUrl=http://a/0", NULL, 200, "subscribe_event");
}

static void who_leads_hands_over_when_it_is_told_to(void **data)
{
    struct world *w = *data;
    const struct member_fact members[] = {{.id = 1, .voter = true}, {.id = 2, .voter = true}};
    w->facts.members = members;
    w->facts.members_n = COUNT(members);
    plays(w, "DELETE /v2/leader", NULL, 200, "{\"message\":\"Leadership abdicated\"}");
    assert_int_equal(w->led_to, 0); /* whoever has most */
    w->led_to = -1;                 /* the next leader, to which it is sent on */
    struct reply r;
    w->facts.term = 8;
    world_play(w, "marathon", "DELETE /v2/leader", "X-Mesolith-Term: 7\r\n", NULL, &r);
    assert_int_equal(r.status, 200);
    assert_int_equal(w->led_to, -1);
    reply_close(&r);
    world_play(w, "marathon", "DELETE /v2/leader", "X-Mesolith-Term: 8\r\n", NULL, &r);
    assert_int_equal(w->led_to, 0);
    reply_close(&r);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marathon_answers_as_its_contract_says),
        IN_WORLD(a_change_that_saw_an_old_version_looks_again),
        IN_WORLD(of_the_oldest_version_it_is_not_known_when_it_was_scaled),
        IN_WORLD(of_two_that_create_one_app_the_later_is_told),
        IN_WORLD(of_one_that_is_deleted_meanwhile_nothing_is_changed),
        IN_WORLD(a_group_that_changed_meanwhile_is_looked_at_again),
        IN_WORLD(groups_of_many_apps_depend_on_each_other),
        IN_WORLD(too_many_dependencies_of_a_group_are_called_that),
        IN_WORLD(too_many_deployments_are_refused),
        IN_WORLD(service_ports_run_out),
        IN_WORLD(chains_of_dependencies_have_a_limit),
        IN_WORLD(a_heavy_plan_of_many_apps_shows_none),
        IN_WORLD(without_a_leader_the_small_doors_answer),
        IN_WORLD(a_leader_without_marathons_port_is_named_by_mesoss),
        IN_WORLD(pages_of_a_named_origin_may_read),
        IN_WORLD(the_text_list_ends_each_line),
        IN_WORLD(a_stream_says_what_it_wants),
        IN_WORLD(what_was_counted_is_shown_in_both_forms),
        IN_WORLD(events_are_posted_to_so_many_urls),
        IN_WORLD(who_leads_hands_over_when_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
