#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "model/mesos_id.h"

static void a_folder_is_called_as_its_task(void **unused)
{
    char a[MESOS_FOLDER_SIZE], b[MESOS_FOLDER_SIZE];
    (void)unused;
    assert_string_equal(mesos_executor_folder("ct:5:0:date:-a 1", a), "ct:5:0:date:-a 1");
    mesos_executor_folder("ct:5:0:date:/etc/x", a);
    assert_int_equal(strncmp(a, "ct:5:0:date:_etc_x-", 19), 0);
    mesos_executor_folder("ct:5:0:date:_etc/x", b);
    assert_string_not_equal(a, b);
}

static void a_folder_fits_into_a_file_system(void **unused)
{
    char a[MESOS_FOLDER_SIZE], b[MESOS_FOLDER_SIZE], text[400];
    (void)unused;
    memset(text, 'n', sizeof text);
    text[255] = '\0';
    assert_string_equal(mesos_executor_folder(text, a), text);
    text[255] = 'n';
    text[300] = '\0';
    assert_int_equal(strlen(mesos_executor_folder(text, a)), 255);
    text[299] = 'm';
    assert_int_equal(strlen(mesos_executor_folder(text, b)), 255);
    assert_string_not_equal(a, b);
}

static void a_sandbox_has_one_path(void **unused)
{
    char path[MESOS_PATH_SIZE];
    (void)unused;
    assert_string_equal(mesos_sandbox_path("c1", 3, OWNER_JOB, "ct:5:0:date:", path),
                        "/slaves/c1-S3/frameworks/c1-0001/executors/ct:5:0:date:/runs/latest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_called_as_its_task),
        cmocka_unit_test(a_folder_fits_into_a_file_system),
        cmocka_unit_test(a_sandbox_has_one_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
