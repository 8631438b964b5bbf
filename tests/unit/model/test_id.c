#include "unit.h"

#include "model/id.h"

#include <string.h>

static void resolves_against_a_group(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *base, *id; /* NULL: refused */
    } CASES[] = {
        {"web", "/", "/web"},
        {"prod/web", "/", "/prod/web"},
        {"/prod/web", "/other", "/prod/web"},
        {"web", "/prod", "/prod/web"},
        {"../db", "/shop/svc", "/shop/db"},
        {"../../../db", "/shop/svc", "/db"},
        {"./web", "/prod", "/prod/web"},
        {"//a///b/", "/", "/a/b"},
        {"/", "/x", "/"},
        {"..", "/x", "/"},
        {"a-b.c9", "/", "/a-b.c9"},
        {"9", "/", "/9"},
        {"", "/", NULL},
        {"A", "/", NULL},
        {"a_b", "/", NULL},
        {"-a", "/", NULL},
        {"a-", "/", NULL},
        {"a..b", "/", NULL},
        {".a", "/", NULL},
        {"a.", "/", NULL},
        {"a.-b", "/", NULL},
        {"a b", "/", NULL},
        {"...", "/", NULL},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        char id[ID_SIZE] = "untouched";
        struct error err;
        int result = id_resolve(CASES[i].text, CASES[i].base, id, &err);
        if (result != (CASES[i].id == NULL ? -1 : 0))
            fail_msg("%s: %d", CASES[i].text, result);
        assert_string_equal(id, CASES[i].id == NULL ? "untouched" : CASES[i].id);
    }
}

static void ids_have_a_length_and_a_depth(void **unused)
{
    (void)unused;
    char long_id[LIMIT_ID_BYTES + 2], deep[2 * ID_DEPTH + 3] = "", id[ID_SIZE];
    struct error err;
    memset(long_id, 'a', sizeof(long_id));
    long_id[LIMIT_ID_BYTES - 1] = '\0';
    assert_int_equal(id_resolve(long_id, "/", id, &err), 0);
    assert_int_equal(strlen(id), LIMIT_ID_BYTES);
    long_id[LIMIT_ID_BYTES - 1] = 'a';
    long_id[LIMIT_ID_BYTES] = '\0';
    assert_int_equal(id_resolve(long_id, "/", id, &err), -1);
    assert_string_equal(err.text, "longer than 200 characters");
    for (int i = 0; i < ID_DEPTH; i++)
        strcat(deep, "/a");
    assert_int_equal(id_resolve(deep, "/", id, &err), 0);
    strcat(deep, "/a");
    assert_int_equal(id_resolve(deep, "/", id, &err), -1);
}

static void some_names_are_the_servers(void **unused)
{
    (void)unused;
    struct error err;
    assert_int_equal(id_check_app("/a/web", &err), 0);
    assert_int_equal(id_check_app("/tasks/web", &err), 0);
    assert_int_equal(id_check_app("/", &err), -1);
    assert_int_equal(id_check_app("/a/tasks", &err), -1);
    assert_int_equal(id_check_app("/versions", &err), -1);
    assert_int_equal(id_check_app("/a/restart", &err), -1);
}

static void takes_ids_apart(void **unused)
{
    (void)unused;
    char dst[ID_SIZE];
    assert_string_equal(id_parent("/a/b/c", dst), "/a/b");
    assert_string_equal(id_parent("/a", dst), "/");
    assert_string_equal(id_parent("/", dst), "/");
    assert_string_equal(id_top("/a/b", dst), "a");
    assert_string_equal(id_top("/", dst), "");
    assert_string_equal(id_last("/a/b"), "b");
    assert_string_equal(id_safe("/prod/web", dst), "prod_web");
    assert_string_equal(id_from_safe("prod_web.x", 8, dst), "/prod/web");
    assert_string_equal(id_reversed("/prod/web", dst), "web.prod");
    assert_string_equal(id_reversed("/web", dst), "web");
    assert_true(id_within("/a/b/c", "/a"));
    assert_true(id_within("/a", "/"));
    assert_false(id_within("/a", "/a"));
    assert_false(id_within("/ab", "/a"));
    assert_false(id_within("/", "/"));
}

#define UUID "2f6c9f0e-07a1-11ef-8d6b-0242ac110002"

static void writes_the_ids_of_instances_and_tasks(void **unused)
{
    (void)unused;
    struct uuid uuid;
    char dst[TASK_ID_SIZE];
    assert_true(uuid_parse(UUID, &uuid));
    assert_string_equal(instance_id_text("/prod/web", uuid, dst), "prod_web.instance-" UUID);
    assert_string_equal(task_id_text("/prod/web", uuid, 1, dst),
                        "prod_web.instance-" UUID "._app.1");
    assert_string_equal(pod_task_id_text("/p", uuid, "c", 0, dst), "p.instance-" UUID ".c");
    assert_string_equal(pod_task_id_text("/p", uuid, "c", 2, dst), "p.instance-" UUID ".c.2");
}

static void the_longest_task_id_is_a_file_name(void **unused)
{
    (void)unused;
    struct uuid uuid;
    char id[ID_SIZE], dst[TASK_ID_SIZE];
    memset(id, 'a', sizeof(id));
    id[0] = '/';
    id[LIMIT_ID_BYTES] = '\0';
    assert_true(uuid_parse(UUID, &uuid));
    assert_true(strlen(task_id_text(id, uuid, 999, dst)) <= 255);
    assert_true(str_ends(dst, "._app.999"));
}

static void reads_every_form_of_a_task_id(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        enum task_id_kind kind;
        const char *app, *container;
        int64_t incarnation;
    } CASES[] = {
        {"prod_web.instance-" UUID "._app.1", ID_OF_APP_TASK, "/prod/web", "", 1},
        {"prod_web.instance-" UUID, ID_OF_INSTANCE, "/prod/web", "", 0},
        {"prod_web.marathon-" UUID, ID_OF_INSTANCE, "/prod/web", "", 0},
        {"prod_web." UUID, ID_OF_APP_TASK, "/prod/web", "", 0},
        {"prod_web." UUID ".3", ID_OF_APP_TASK, "/prod/web", "", 3},
        {"p.instance-" UUID ".main", ID_OF_POD_TASK, "/p", "main", 0},
        {"p.instance-" UUID ".main.2", ID_OF_POD_TASK, "/p", "main", 2},
        {"a.b_c.d.instance-" UUID "._app.12", ID_OF_APP_TASK, "/a.b/c.d", "", 12},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct task_ref ref;
        struct error err;
        char uuid[UUID_TEXT_SIZE];
        if (task_id_parse(CASES[i].text, &ref, &err) != 0)
            fail_msg("%s: %s", CASES[i].text, err.text);
        assert_int_equal(ref.kind, CASES[i].kind);
        assert_string_equal(ref.app, CASES[i].app);
        assert_string_equal(ref.container, CASES[i].container);
        assert_int_equal(ref.incarnation, CASES[i].incarnation);
        assert_string_equal(uuid_text(ref.instance, uuid), UUID);
    }
}

static void refuses_what_is_no_task_id(void **unused)
{
    (void)unused;
    static const char *const BAD[] = {
        "",
        "web",
        "web.instance-",
        UUID,
        "." UUID,
        "instance-" UUID,
        "web.instance-" UUID "x",
        "web.instance-" UUID ".",
        "web.instance-" UUID "._app.",
        "web.instance-" UUID "._app.x",
        "web.instance-" UUID "._app.-1",
        "web." UUID ".x",
        "Web.instance-" UUID,
        "ct:1420843781398:0:name:",
    };
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        struct task_ref ref;
        struct error err;
        if (task_id_parse(BAD[i], &ref, &err) != -1)
            fail_msg("%s", BAD[i]);
        assert_int_equal(err.code, ERR_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves_against_a_group),
        cmocka_unit_test(ids_have_a_length_and_a_depth),
        cmocka_unit_test(some_names_are_the_servers),
        cmocka_unit_test(takes_ids_apart),
        cmocka_unit_test(writes_the_ids_of_instances_and_tasks),
        cmocka_unit_test(the_longest_task_id_is_a_file_name),
        cmocka_unit_test(reads_every_form_of_a_task_id),
        cmocka_unit_test(refuses_what_is_no_task_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
