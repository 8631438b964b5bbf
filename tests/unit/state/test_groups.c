/* Groups, and what the tree was (level 9). */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"

static int at_the_newest_level(void **data)
{
    char args[32];
    set_up(data);
    snprintf(args, sizeof args, "{'level':%d}", COMMAND_LEVEL);
    applied(*data, "schema.upgrade", args);
    return 0;
}

static void add(struct fixture *f, const char *path)
{
    put_app(f, path, 0, 1, "run", 0, "ScaleApplication", false);
    assert_int_equal(f->last.code, ERR_NONE);
}

static void change(struct fixture *f, const char *path, int instances)
{
    put_app(f, path, app_of(f, path).version.ms, instances, "run", 0, "ScaleApplication", true);
    assert_int_equal(f->last.code, ERR_NONE);
}

static int64_t version_of(struct fixture *f, const char *group)
{
    struct group_row g;
    return state_group_by_path(f->state, group, &g) ? g.version.ms : 0;
}

/* A group.put that removes these apps and says this of groups; ' stands for ". */
static void group_put(struct fixture *f, const char *removed, const char *groups,
                      const char *within)
{
    char args[2048], apps[256] = "";
    if (removed[0] != '\0')
        snprintf(apps, sizeof apps, "{'path':'%s','base':%lld}", removed,
                 (long long)app_of(f, removed).version.ms);
    snprintf(args, sizeof args,
             "{'apps':[%s],'groups':[%s],'force':true,'group':'/',%s"
             "'deployment':{'uuid':'30000000-0000-4000-8000-%012llu','steps':[]}}",
             apps, groups, within, (unsigned long long)f->index);
    apply(f, "group.put", args);
}

/* "/shop /shop/db": those there were then, or are. */
static const char *groups_at(struct fixture *f, int64_t at)
{
    static char text[1024];
    struct group_row g;
    text[0] = '\0';
    struct stmt *q = at == 0 ? state_groups(f->state, "/")
                             : state_groups_as_of(f->state, "/", (struct wall){at});
    while (state_group_next(q, &g))
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] ? " " : "",
                 g.path);
    return text;
}

/* "/shop/web:2": apps and how many instances they had. */
static const char *apps_at(struct fixture *f, int64_t at)
{
    static char text[1024];
    struct app_was was;
    text[0] = '\0';
    struct stmt *q = state_apps_as_of(f->state, "/", (struct wall){at});
    while (state_app_was_next(q, &was)) {
        struct error err;
        struct json *v = json_parse_own(was.definition, &err);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s:%lld", text[0] ? " " : "",
                 was.path, (long long)json_int(json_get(v, "instances"), -1));
        json_free(v);
    }
    return text;
}

static void the_groups_of_apps_that_stand_are_there_after_the_upgrade(void **data)
{
    struct fixture *f = *data;
    add(f, "/shop/db/mongo");
    add(f, "/shop/web");
    add(f, "/alone");
    int64_t web = app_of(f, "/shop/web").version.ms, mongo = app_of(f, "/shop/db/mongo").version.ms;
    assert_string_equal(groups_at(f, 0), ""); /* a level that knows none */
    applied(f, "schema.upgrade", "{'level':9}");
    assert_string_equal(groups_at(f, 0), "/shop /shop/db");
    assert_int_equal(version_of(f, "/shop"), web);
    assert_int_equal(version_of(f, "/shop/db"), mongo);
    assert_int_equal(version_of(f, "/"), state_version_ms(f->state));
    change(f, "/shop/web", 2);
    assert_string_equal(apps_at(f, state_version_ms(f->state)),
                        "/alone:1 /shop/db/mongo:1 /shop/web:2");
}

static void an_app_makes_the_groups_above_it_and_they_stay(void **data)
{
    struct fixture *f = *data;
    struct app_row row;
    add(f, "/shop/db/mongo");
    assert_string_equal(groups_at(f, 0), "/shop /shop/db");
    int64_t before = version_of(f, "/shop");
    add(f, "/shop/web");
    assert_true(version_of(f, "/shop") > before); /* something in it has changed */
    assert_int_equal(version_of(f, "/shop/db"), before);
    assert_int_equal(version_of(f, "/"), version_of(f, "/shop"));
    group_put(f, "/shop/db/mongo", "", "");
    assert_int_equal(f->last.code, ERR_NONE);
    assert_false(state_app_by_path(f->state, "/shop/db/mongo", &row));
    assert_string_equal(groups_at(f, 0), "/shop /shop/db");
    assert_int_equal(version_of(f, "/shop/db"), state_version_ms(f->state));
}

static void a_group_that_changed_meanwhile_is_not_changed(void **data)
{
    struct fixture *f = *data;
    char within[128];
    add(f, "/shop/web");
    snprintf(within, sizeof within, "'within':{'path':'/shop','version':%lld},",
             (long long)version_of(f, "/shop"));
    add(f, "/shop/new"); /* nobody who wants /shop empty has seen this one */
    group_put(f, "/shop/web", "{'path':'/shop','gone':true}", within);
    assert_true(f->last.stale);
    group_put(f, "", "{'path':'/b','dependencies':[]}", "'within':{'path':'/b','version':0},");
    assert_int_equal(f->last.code, ERR_NONE);
    group_put(f, "", "{'path':'/b','dependencies':[]}", "'within':{'path':'/b','version':0},");
    assert_true(f->last.stale);
}

static void a_place_is_an_apps_or_a_groups(void **data)
{
    struct fixture *f = *data;
    add(f, "/web");
    group_put(f, "", "{'path':'/web','dependencies':[]}", "");
    assert_true(f->last.stale);
    group_put(f, "", "{'path':'/web/in','dependencies':[]}", "");
    assert_true(f->last.stale);
    put_app(f, "/web/in", 0, 1, "run", 0, "ScaleApplication", false);
    assert_true(f->last.stale);
    add(f, "/shop/web");
    put_app(f, "/shop", 0, 1, "run", 0, "ScaleApplication", false);
    assert_true(f->last.stale);
    group_put(f, "", "{'path':'/shop','gone':true}", "");
    assert_true(f->last.stale); /* it holds an app */
    assert_string_equal(groups_at(f, 0), "/shop");
}

static void an_app_may_be_scaled_by_its_number_alone(void **data)
{
    struct fixture *f = *data;
    static const int wrong[] = {-1, LIMIT_INSTANCES + 1};
    char args[256];
    add(f, "/shop/web");
    struct app_row before = app_of(f, "/shop/web");
    int64_t version = before.version.ms, config = before.config.ms;
    for (size_t i = 0; i <= COUNT(wrong); i++) {
        snprintf(
            args, sizeof args,
            "{'apps':[{'path':'/shop/web','base':%lld,'instances':%d}],'groups':[],'force':true,"
            "'deployment':{'uuid':'30000000-0000-4000-8000-00000000000%zu','steps':[]}}",
            (long long)version, i < COUNT(wrong) ? wrong[i] : 7, i);
        apply(f, "group.put", args);
        assert_int_equal(f->last.code, i < COUNT(wrong) ? ERR_INVALID : ERR_NONE);
    }
    struct app_row after = app_of(f, "/shop/web");
    assert_int_equal(after.instances, 7);
    assert_int_equal(after.config.ms, config);
    assert_int_equal(after.scaling.ms, version_of(f, "/shop"));
    apply(f, "group.put",
          "{'apps':[{'path':'/shop/none','base':0,'instances':1}],'groups':[],'force':true,"
          "'deployment':{'uuid':'30000000-0000-4000-8000-000000000009','steps':[]}}");
    assert_int_equal(f->last.code, ERR_INVALID);
}

static void what_was_can_be_told_also_of_what_is_gone(void **data)
{
    struct fixture *f = *data;
    struct group_row g;
    struct wall at;
    add(f, "/shop/web");
    int64_t first = state_version_ms(f->state);
    change(f, "/shop/web", 3);
    int64_t second = state_version_ms(f->state);
    group_put(f, "", "{'path':'/shop','dependencies':['/db'],'enforceRole':true}", "");
    int64_t third = state_version_ms(f->state);
    end_deployments(f);
    group_put(f, "/shop/web", "{'path':'/shop','gone':true}", "");
    assert_int_equal(f->last.code, ERR_NONE);
    applied(f, "app.forget", "{'apps':[1]}"); /* all its tasks have ended */
    assert_string_equal(groups_at(f, 0), "");
    assert_string_equal(apps_at(f, state_version_ms(f->state)), "");
    assert_string_equal(apps_at(f, first), "/shop/web:1");
    assert_string_equal(apps_at(f, second), "/shop/web:3");
    assert_string_equal(groups_at(f, third), "/shop");
    assert_true(state_group_had(f->state, "/shop", (struct wall){third}, &at));
    assert_false(state_group_had(f->state, "/shop", (struct wall){third + 100000}, &at));
    assert_true(state_group_as_of(f->state, "/shop", (struct wall){third}, &g));
    assert_true(slice_is(g.dependencies, "[\"/db\"]"));
    assert_int_equal(g.enforce_role, ENFORCE_YES);
    assert_true(state_group_as_of(f->state, "/shop", (struct wall){second}, &g));
    assert_true(slice_is(g.dependencies, "[]"));
    assert_false(state_group_as_of(f->state, "/shop", (struct wall){first - 1}, &g));
}

static int64_t rows_of(struct fixture *f, const char *table)
{
    char sql[64];
    struct stmts *all;
    struct error err;
    snprintf(sql, sizeof sql, "select count(*) from %s", table);
    const struct db_sql one[] = {{"COUNT", sql}};
    if (db_prepare(f->db, one, 1, &all, &err) != 0)
        fail_msg("%s", err.text);
    int64_t n = stmt_one_i64(stmts_use(all, 0), -1);
    stmts_free(all);
    return n;
}

static void the_past_has_an_end(void **data)
{
    struct fixture *f = *data;
    struct wall at;
    add(f, "/old/web");
    int64_t old = version_of(f, "/old");
    end_deployments(f);
    add(f, "/shop/web");
    group_put(f, "/old/web", "", "");
    applied(f, "app.forget", "{'apps':[1]}");
    for (int i = 0; i < LIMIT_GROUP_VERSIONS - 2; i++)
        change(f, "/shop/web", 2 + i);
    assert_int_equal(rows_of(f, "apps_removed"), 1);
    assert_true(state_group_had(f->state, "/old", (struct wall){old}, &at));
    change(f, "/shop/web", 40); /* the root as it was before the removal is not kept any more */
    assert_int_equal(rows_of(f, "apps_removed"), 0);
    assert_int_equal(rows_of(f, "app_versions"), LIMIT_GROUP_VERSIONS - 1);
    assert_int_equal(rows_of(f, "group_versions"), 2 * (LIMIT_GROUP_VERSIONS - 1));
    assert_false(state_group_had(f->state, "/old", (struct wall){old}, &at));
    /* what has not changed for long is still told, as of its own version */
    int64_t now = version_of(f, "/old");
    assert_true(state_group_had(f->state, "/old", (struct wall){now}, &at));
}

static int versions_after_many(struct fixture *f)
{
    int n = 0;
    for (int i = 0; i < 2 * LIMIT_APP_VERSIONS; i++)
        change(f, "/shop/web", 2 + i);
    struct stmt *q = state_app_versions(f->state, app_of(f, "/shop/web").id);
    while (stmt_row(q))
        n++;
    return n;
}

static void fifty_versions_of_an_app_are_kept(void **data)
{
    struct fixture *f = *data;
    add(f, "/shop/web");
    assert_int_equal(versions_after_many(f), LIMIT_VERSIONS_OLD + 1); /* below their level */
    applied(f, "schema.upgrade", "{'level':18}");
    assert_int_equal(versions_after_many(f), LIMIT_APP_VERSIONS);
}

int main(void)
{
#define IN_STATE(test) cmocka_unit_test_setup_teardown(test, at_the_newest_level, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_groups_of_apps_that_stand_are_there_after_the_upgrade,
                                        set_up, tear_down),
        IN_STATE(an_app_makes_the_groups_above_it_and_they_stay),
        IN_STATE(a_group_that_changed_meanwhile_is_not_changed),
        IN_STATE(a_place_is_an_apps_or_a_groups),
        IN_STATE(an_app_may_be_scaled_by_its_number_alone),
        IN_STATE(what_was_can_be_told_also_of_what_is_gone),
        IN_STATE(the_past_has_an_end),
        cmocka_unit_test_setup_teardown(fifty_versions_of_an_app_are_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
