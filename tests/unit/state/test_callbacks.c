/* Where events are posted to. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static struct change heard;
static char heard_url[64];

static void on_change(struct watch *w, const struct change *c)
{
    (void)w;
    heard = *c;
    snprintf(heard_url, sizeof heard_url, "%s", c->name);
}

static struct watch watch = {.changed = on_change};

static int at_newest(void **data)
{
    char args[64];
    set_up(data);
    struct fixture *f = *data;
    snprintf(args, sizeof args, "{'level':%d}", COMMAND_LEVEL);
    applied(f, "schema.upgrade", args);
    watch.next = NULL;
    state_watch(f->state, &watch);
    return 0;
}

static void urls_are(struct fixture *f, const char *wanted)
{
    char all[256] = "";
    struct stmt *q = state_callbacks(f->state);
    while (stmt_row(q))
        strcat(strcat(all, stmt_str(q, 0)), " ");
    assert_string_equal(all, wanted);
}

static void a_url_is_kept_once_until_it_is_dropped(void **data)
{
    struct fixture *f = *data;
    applied(f, "callback.put", "{'url':'http://b/','wanted':true}");
    applied(f, "callback.put", "{'url':'http://a/','wanted':true}");
    applied(f, "callback.put", "{'url':'http://b/','wanted':true}");
    urls_are(f, "http://a/ http://b/ ");
    assert_true(state_has_callback(f->state, "http://a/"));
    applied(f, "callback.put", "{'url':'http://a/','wanted':false}");
    applied(f, "callback.put", "{'url':'http://c/','wanted':false}");
    urls_are(f, "http://b/ ");
    assert_false(state_has_callback(f->state, "http://a/"));
}

static void each_asking_is_heard(void **data)
{
    struct fixture *f = *data;
    for (int twice = 0; twice < 2; twice++) {
        heard = (struct change){0};
        applied(f, "callback.put", "{'url':'http://a/','wanted':true}");
        assert_int_equal(heard.kind, CHANGE_CALLBACK);
        assert_int_equal(heard.number, 1);
        assert_string_equal(heard_url, "http://a/");
    }
    applied(f, "callback.put", "{'url':'http://a/','wanted':false}");
    assert_int_equal(heard.number, 0);
}

static void they_are_bounded(void **data)
{
    struct fixture *f = *data;
    char args[128];
    for (int i = 0; i <= LIMIT_CALLBACKS; i++) {
        snprintf(args, sizeof args, "{'url':'http://a/%d','wanted':true}", i);
        apply(f, "callback.put", args);
        assert_int_equal(f->last.code, i < LIMIT_CALLBACKS ? ERR_NONE : ERR_LIMIT);
    }
    applied(f, "callback.put", "{'url':'http://a/0','wanted':true}"); /* it is there */
}

static void below_level_7_there_are_none(void **data)
{
    struct fixture *f = *data;
    assert_null(state_callbacks(f->state));
    assert_false(state_has_callback(f->state, "http://a/"));
    applied(f, "schema.upgrade", "{'level':6}");
    apply(f, "callback.put", "{'url':'http://a/','wanted':true}");
    assert_int_equal(f->last.code, ERR_UNAVAILABLE);
}

#define AT_NEWEST(name) cmocka_unit_test_setup_teardown(name, at_newest, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_NEWEST(a_url_is_kept_once_until_it_is_dropped),
        AT_NEWEST(each_asking_is_heard),
        AT_NEWEST(they_are_bounded),
        cmocka_unit_test_setup_teardown(below_level_7_there_are_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
