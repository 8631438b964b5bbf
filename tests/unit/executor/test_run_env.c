/* tests/unit/executor/test_run_env.c */
#include "unit.h"

#include <string.h>

#include "executor/run_env.h"

static const char *value_of(char *const *env, const char *name)
{
    const char *found = NULL;
    size_t n = strlen(name);
    for (size_t i = 0; env[i] != NULL; i++) {
        if (strncmp(env[i], name, n) != 0 || env[i][n] != '=')
            continue;
        assert_null(found); /* once */
        found = env[i] + n + 1;
    }
    return found;
}

static const struct run_env own[] = {{"PORT0", "31000"},     {"PATH", "/mine"}, {"HOST", "task's"},
                                     {"EMPTY", ""},          {"BAD=NAME", "x"}, {"", "x"},
                                     {"HOST", "task's last"}};
static const char *const base[] = {"HOST=agent's", "MESOS_AGENT_ENDPOINT=10.0.0.1:5051", "nonsense",
                                   NULL};

static void later_wins(void **unused)
{
    (void)unused;
    struct run_spec spec = {
        .name = "web.1", .agent = "A", .framework = "F", .env = own, .env_n = 7};
    char **env = run_env_make(&spec, base, "c0ffee", "/sandbox", "/home/web");
    static const char *const want[][2] = {
        {"HOST", "task's last"},
        {"PATH", "/mine"},
        {"PORT0", "31000"},
        {"EMPTY", ""},
        {"HOME", "/home/web"},
        {"PWD", "/sandbox"},
        {"MESOS_AGENT_ENDPOINT", "10.0.0.1:5051"},
        {"MESOS_SANDBOX", "/sandbox"},
        {"MESOS_DIRECTORY", "/sandbox"},
        {"MESOS_TASK_ID", "web.1"},
        {"MESOS_SLAVE_ID", "A"},
        {"MESOS_FRAMEWORK_ID", "F"},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
        assert_string_equal(value_of(env, want[i][0]), want[i][1]);
    assert_null(value_of(env, "BAD"));
    assert_null(value_of(env, "MESOS_CONTAINER_NAME"));
    run_env_free(env);
}

static void an_image_says_its_own_path_and_home(void **unused)
{
    (void)unused;
    struct run_spec spec = {.name = "web.1", .image = "nginx"};
    char **env = run_env_make(&spec, NULL, "c0ffee", "/sandbox", NULL);
    assert_null(value_of(env, "PATH"));
    assert_null(value_of(env, "HOME"));
    assert_null(value_of(env, "PWD"));
    assert_string_equal(value_of(env, "MESOS_SANDBOX"), "/mnt/mesos/sandbox");
    assert_string_equal(value_of(env, "MESOS_DIRECTORY"), "/sandbox");
    assert_string_equal(value_of(env, "MESOS_CONTAINER_NAME"), "mesos-c0ffee");
    run_env_free(env);
}

static void has_a_path_at_least(void **unused)
{
    (void)unused;
    struct run_spec spec = {.name = "web.1"};
    char **env = run_env_make(&spec, NULL, "c0ffee", "/sandbox", "/");
    assert_string_equal(value_of(env, "PATH"),
                        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    run_env_free(env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_wins),
        cmocka_unit_test(an_image_says_its_own_path_and_home),
        cmocka_unit_test(has_a_path_at_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
