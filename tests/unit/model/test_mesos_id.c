#include "unit.h"

#include <string.h>

#include "model/mesos_id.h"

#define CLUSTER "5d5b8c1e-0000-4000-8000-000000000001"

static void ids_begin_with_the_clusters(void **unused)
{
    char id[MESOS_ID_SIZE], path[MESOS_PATH_SIZE];
    (void)unused;
    assert_string_equal(mesos_agent_id(CLUSTER, 3, id), CLUSTER "-S3");
    assert_string_equal(mesos_framework_id(CLUSTER, OWNER_APP, id), CLUSTER "-0000");
    assert_string_equal(mesos_framework_id(CLUSTER, OWNER_JOB, id), CLUSTER "-0001");
    assert_string_equal(mesos_sandbox_path(CLUSTER, 3, OWNER_JOB, "ct:1:0:date:", NULL, path),
                        "/slaves/" CLUSTER "-S3/frameworks/" CLUSTER
                        "-0001/executors/ct:1:0:date:/runs/latest");
    assert_string_equal(mesos_sandbox_path(CLUSTER, 3, OWNER_JOB, "ct:1:0:date:", "c-7", path),
                        "/slaves/" CLUSTER "-S3/frameworks/" CLUSTER
                        "-0001/executors/ct:1:0:date:/runs/c-7");
}

static void a_path_says_whose_sandbox_it_lies_in(void **unused)
{
    static const struct {
        const char *path;
        int64_t agent;
    } cases[] = {
        {"/slaves/" CLUSTER "-S3/frameworks/f/executors/e/runs/latest/stdout", 3},
        {"/var/lib/slaves/x/slaves/" CLUSTER "-S12", 12},
        {"/slaves/5d5b8c1e-0000-4000-8000-000000000002-S3/frameworks", -1},
        {"/slaves/" CLUSTER "-S/frameworks", -1},
        {"/slaves/" CLUSTER "-S-1/frameworks", -1},
        {"/slaves/" CLUSTER "-S3x/frameworks", -1},
        {"/slaves/" CLUSTER "-S99999999999999999999999999/frameworks", -1},
        {"/frameworks/f/executors/e/runs/latest", -1},
        {"", -1},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(mesos_path_agent(CLUSTER, cases[i].path), cases[i].agent);
}

/* Whatever the task is called: one folder, below its parent, unlike any other task's. */
static void a_tasks_folder_is_one_folder(void **unused)
{
    char long_id[400], a[MESOS_FOLDER_SIZE], b[MESOS_FOLDER_SIZE];
    static const char *const odd[] = {".", "..", "", "../../etc", "a/b", "/", "a/../b"};
    (void)unused;
    assert_string_equal(mesos_executor_folder("web.instance-1._app.1", a), "web.instance-1._app.1");
    for (size_t i = 0; i < COUNT(odd); i++) {
        mesos_executor_folder(odd[i], a);
        assert_null(strchr(a, '/'));
        assert_true(strlen(a) > 2 && strlen(a) < MESOS_FOLDER_SIZE);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(a, mesos_executor_folder(odd[k], b));
    }
    memset(long_id, 'x', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    mesos_executor_folder(long_id, a);
    long_id[sizeof long_id - 2] = 'y'; /* they differ where they are cut */
    assert_string_not_equal(a, mesos_executor_folder(long_id, b));
    assert_true(strlen(a) < MESOS_FOLDER_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_begin_with_the_clusters),
        cmocka_unit_test(a_path_says_whose_sandbox_it_lies_in),
        cmocka_unit_test(a_tasks_folder_is_one_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
