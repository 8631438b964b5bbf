/* Sandboxes are looked into, volumes are kept and removed. */
#include "front.h"

#include "base/log.h"

static struct sandbox_ask ask_;
static bool asked;

static void on_asked(struct sandbox_ask *a)
{
    (void)a;
    asked = true;
}

static void answers_questions_about_files(void **unused)
{
    (void)unused;
    launch(1, "echo some text", NULL);
    AWAIT(has_ended());
    ask_ = (struct sandbox_ask){
        .question = ASK_READ,
        .path = "/frameworks/F-0/executors/web.1/runs/latest/stdout",
        .offset = 5,
        .length = 4,
    };
    asked = false;
    executor_ask(executor, &ask_, on_asked);
    assert_false(asked);
    AWAIT(asked);
    assert_int_equal(ask_.err.code, ERR_NONE);
    assert_string_equal(buf_str(&ask_.text), "text");
    sandbox_ask_close(&ask_);
    ask_ = (struct sandbox_ask){.question = ASK_BROWSE,
                                .path = "/frameworks/F-0/executors/web.1/runs/latest"};
    asked = false;
    executor_ask(executor, &ask_, on_asked);
    AWAIT(asked);
    assert_int_equal(ask_.entries_n, 2);
    sandbox_ask_close(&ask_);
    ask_ = (struct sandbox_ask){.question = ASK_OPEN, .path = "/etc/passwd"};
    asked = false;
    executor_ask(executor, &ask_, on_asked);
    AWAIT(asked);
    assert_int_equal(ask_.err.code, ERR_NOT_FOUND);
    sandbox_ask_close(&ask_);
}

/* Counts itself in its volume, and says how far it is by its end. */
#define COUNTS "echo x >> data/n; exit $(wc -l < data/n)"
#define VOLUME "\"mounts\":[{\"container\":\"data\",\"persistent\":\"db#data#u\"}]"

static void a_volume_outlives_its_tasks_and_is_removed_by_order(void **unused)
{
    (void)unused;
    for (int task = 1; task <= 3; task++) {
        launch(task, COUNTS, VOLUME);
        AWAIT(has_ended() && last()->task == task);
        assert_int_equal(last()->exit_code, task);
        executor_forget(executor, task);
        end_executor();
        begin_executor();
    }
    wiped = 0;
    executor_wipe(executor, 7, "db#data#u");
    executor_wipe(executor, 7, "db#data#u"); /* is under way */
    AWAIT(wiped == 7);
    wiped = 0;
    executor_wipe(executor, 7, "db#data#u"); /* it is not there: that is what was asked */
    AWAIT(wiped == 7);
    launch(4, COUNTS, VOLUME);
    AWAIT(has_ended());
    assert_int_equal(last()->exit_code, 1);
}

static void a_volume_in_use_is_not_removed(void **unused)
{
    (void)unused;
    launch(1, "echo x > data/n; sleep 1000", VOLUME);
    AWAIT(is_running());
    end_executor();
    begin_executor();
    wiped = 0;
    executor_wipe(executor, 7, "db#data#u");
    executor_wipe(executor, 8, "other#data#u");
    AWAIT(wiped == 8);
    executor_kill(executor, 1, "");
    AWAIT(has_ended());
    assert_int_equal(wiped, 8);
    executor_wipe(executor, 7, "db#data#u");
    AWAIT(wiped == 7);
}

static unsigned warnings;

static void count_warning(void *data, enum log_level level, const char *line)
{
    (void)data;
    (void)level;
    warnings += strstr(line, "volume not removed") != NULL;
}

static struct mono (*true_mono)(struct clock *c);

static struct mono later_mono(struct clock *c)
{
    return mono_after(true_mono(c), 3600000);
}

static void one_that_cannot_be_removed_is_tried_more_and_more_seldom(void **unused)
{
    (void)unused;
    char path[TMP_PATH_SIZE + 16];
    snprintf(path, sizeof(path), "%s/volumes", root);
    close(open(path, O_WRONLY | O_CREAT, 0600)); /* there is no folder */
    wiped = 0;
    warnings = 0;
    log_set_sink(count_warning, NULL, LOG_WARN);
    executor_wipe(executor, 7, "db#data#u");
    AWAIT(warnings == 1);
    executor_wipe(executor, 7, "db#data#u"); /* not yet */
    executor_wipe(executor, 8, "other#data#u");
    AWAIT(warnings == 2);
    unlink(path);
    true_mono = loop.clock.mono;
    loop.clock.mono = later_mono;
    executor_wipe(executor, 7, "db#data#u");
    AWAIT(wiped == 7);
    log_set_sink(NULL, NULL, LOG_WARN);
    assert_int_equal(warnings, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(answers_questions_about_files),
        T(a_volume_outlives_its_tasks_and_is_removed_by_order),
        T(a_volume_in_use_is_not_removed),
        T(one_that_cannot_be_removed_is_tried_more_and_more_seldom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
