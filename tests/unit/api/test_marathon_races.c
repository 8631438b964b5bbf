/* Two changes at once, each of them right by itself: what one decides on, the other changes before
 * it is applied. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "world.h"

static struct call_text {
    const char *line, *body;
} other; /* what `meanwhile` plays */

static struct world *begin(const char *groups)
{
    struct world *w = NEW(struct world);
    struct reply r;
    char level[32];
    world_open(w);
    snprintf(level, sizeof level, "{\"level\":%d}", COMMAND_LEVEL);
    world_apply(w, COMMAND_SCHEMA_UPGRADE, level, NULL);
    world_play(w, "marathon", "PUT /v2/groups", "", groups, &r);
    assert_int_equal(r.status, 200);
    reply_close(&r);
    world_settle(w);
    return w;
}

static void end(struct world *w)
{
    world_close(w);
    mem_free(w);
}

static void other_plays(struct world *w)
{
    struct reply r;
    world_pass(w, 1);
    world_play(w, "marathon", other.line, "", other.body, &r);
    if (r.status >= 300)
        fail_msg("%s %s: %d %s", other.line, other.body, r.status, buf_str(&r.body));
    reply_close(&r);
}

/* The answer to the first, after the second has come between its decision and its entry. */
static void races(const char *groups, struct call_text first, struct call_text second, int status,
                  const char *part)
{
    struct reply r;
    struct world *w = begin(groups);
    other = second;
    w->meanwhile = other_plays;
    world_pass(w, 1000);
    world_play(w, "marathon", first.line, "", first.body, &r);
    if (r.status != status || strstr(buf_str(&r.body), part) == NULL)
        fail_msg("%s %s: %d %s", first.line, first.body, r.status, buf_str(&r.body));
    reply_close(&r);
    end(w);
}

#define APP(id, more) "{\"id\":\"" id "\",\"cmd\":\"x\",\"instances\":0" more "}"
#define ON(id) ",\"dependencies\":[\"" id "\"]"

static void no_two_changes_close_a_cycle(void **unused)
{
    (void)unused;
    static const struct {
        const char *groups;
        struct call_text first, second;
    } cases[] = {
        {"{\"apps\":[" APP("a", "") "," APP("b", "") "]}",
         {"PUT /v2/apps/a?force=true", "{\"dependencies\":[\"/b\"]}"},
         {"PUT /v2/apps/b?force=true", "{\"dependencies\":[\"/a\"]}"}},
        /* of two apps that are not there yet */
        {"{\"apps\":[]}",
         {"POST /v2/apps", APP("/a", ON("/b"))},
         {"POST /v2/apps", APP("/b", ON("/a"))}},
        {"{\"apps\":[]}",
         {"POST /v2/apps", APP("/a/x", ON("/b"))},
         {"POST /v2/apps", APP("/b/x", ON("/a"))}},
        /* of groups */
        {"{\"groups\":[{\"id\":\"g\",\"apps\":[" APP("x", "") "]},"
                                                              "{\"id\":\"h\",\"apps\":[" APP(
                                                                  "x", "") "]}]}",
         {"PUT /v2/groups/g?force=true", "{\"dependencies\":[\"/h\"]}"},
         {"PUT /v2/groups/h?force=true", "{\"dependencies\":[\"/g\"]}"}},
        /* an app without any comes into a group that has some since then */
        {"{\"groups\":[{\"id\":\"g\"},{\"id\":\"h\",\"apps\":[" APP("y", ON("/g")) "]}]}",
         {"POST /v2/apps", APP("/g/x", "")},
         {"PUT /v2/groups/g?force=true", "{\"dependencies\":[\"/h\"]}"}},
        {"{\"groups\":[{\"id\":\"g\"},{\"id\":\"h\",\"apps\":[" APP("y", ON("/g")) "]}]}",
         {"PUT /v2/groups/g?force=true", "{\"dependencies\":[\"/h\"]}"},
         {"POST /v2/apps", APP("/g/x", "")}},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        races(cases[i].groups, cases[i].first, cases[i].second, 422, "form a cycle");
}

static void what_closes_none_is_done(void **unused)
{
    (void)unused;
    races("{\"apps\":[" APP("a", "") "," APP("b", "") "," APP("c", "") "]}",
          (struct call_text){"PUT /v2/apps/a?force=true", "{\"dependencies\":[\"/b\"]}"},
          (struct call_text){"PUT /v2/apps/b?force=true", "{\"dependencies\":[\"/c\"]}"}, 200,
          "deploymentId");
}

static void comes_in_again(struct world *w)
{
    other_plays(w);
    w->meanwhile = comes_in_again;
}

static void who_loses_for_ever_is_told_to_come_again(void **unused)
{
    (void)unused;
    struct reply r;
    struct world *w = begin("{\"apps\":[" APP("a", "") "]}");
    other = (struct call_text){"POST /v2/apps/a/restart?force=true", "{}"};
    w->meanwhile = comes_in_again;
    world_pass(w, 1000);
    world_play(w, "marathon", "PUT /v2/groups?force=true", "", "{\"groups\":[{\"id\":\"g\"}]}", &r);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(buf_str(&r.headers), "Retry-After: 1"));
    reply_close(&r);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_changes_close_a_cycle),
        cmocka_unit_test(what_closes_none_is_done),
        cmocka_unit_test(who_loses_for_ever_is_told_to_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
