#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "support/tmp.h"

#define FLAGS_MAX 8

/* Reads flags that stand in a string with blanks between them. */
static int read_line(const char *line, struct config *c, struct error *err)
{
    char copy[512], *argv[FLAGS_MAX];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;)
        if (*word != '\0')
            argv[argc++] = word;
    return config_read(c, argc, argv, err);
}

static void numbers_have_units_and_bounds(void **unused)
{
    static const struct {
        const char *flags;
        enum setting setting;
        int64_t number; /* -1: refused with the text below */
        const char *why;
    } rows[] = {
        {"", SETTING_LIMIT_BODY_BYTES, LIMIT_BODY_BYTES, NULL},
        {"--max-body 64KiB", SETTING_LIMIT_BODY_BYTES, 65536, NULL},
        {"--max-body=1048576", SETTING_LIMIT_BODY_BYTES, 1 << 20, NULL},
        {"--max-fetch 2GiB", SETTING_LIMIT_FETCH_BYTES, INT64_C(2) << 30, NULL},
        {"--idle-timeout 2m", SETTING_LIMIT_IDLE_MS, 120000, NULL},
        {"--max-connections 20", SETTING_LIMIT_CONNECTIONS, 20, NULL},
        {"--election-timeout 1s", SETTING_ELECTION, 1000, NULL},
        {"--max-connections 20KiB", 0, -1,
         "max-connections: got \"20KiB\", need a number, 16 to 100000"},
        {"--max-body 17MiB", 0, -1,
         "max-body: got \"17MiB\", need a size such as 65536 or 4MiB, 64KiB to 16MiB"},
        {"--max-body -1", 0, -1,
         "max-body: got \"-1\", need a size such as 65536 or 4MiB, 64KiB to 16MiB"},
        {"--idle-timeout 9999999999999999h", 0, -1,
         "idle-timeout: got \"9999999999999999h\", need a time such as 250ms, 5s or 2m, 100ms to "
         "1h"},
        {"--unreachable-after 0s", 0, -1,
         "unreachable-after: got \"0s\", need a time such as 250ms, 5s or 2m, 1ms to 720h"},
        {"--heartbeat 200ms", 0, -1,
         "heartbeat: got \"200ms\", need at most half of the election-timeout, 250ms"},
        {"--plain mesos,marathn", 0, -1,
         "plain: got \"mesos,marathn\", need some of mesos,agent,marathon,chronos,stats"},
        {"--modes master,", 0, -1, "modes: got \"master,\", need some of master,scheduler,agent"},
        {"--name "
         "a234567890123456789012345678901234567890123456789012345678901234",
         0, -1, "name: got 64 bytes, need at most 63"},
        {"--hostname deck\x7f", 0, -1, "hostname: need a text without control characters"},
        {"--max-bdy 1", 0, -1, "--max-bdy: there is no such flag, did you mean --max-body?"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config c;
        struct error err;
        if (read_line(rows[i].flags, &c, &err) != 0) {
            assert_int_equal(rows[i].number, -1);
            assert_string_equal(err.text, rows[i].why);
            continue;
        }
        assert_int_equal(config_number(&c, rows[i].setting), rows[i].number);
        config_close(&c);
    }
}

/* What config show prints can be given back. */
static void defaults_are_values_that_may_be_given(void **unused)
{
    (void)unused;
    struct config c, again;
    struct error err;
    assert_int_equal(read_line("", &c, &err), 0);
    for (int i = 0; i < SETTINGS_N; i++) {
        char flag[512];
        char *argv[] = {flag};
        snprintf(flag, sizeof flag, "--%s=%s", config_key((enum setting)i),
                 config_text(&c, (enum setting)i));
        if (config_read(&again, 1, argv, &err) != 0)
            fail_msg("%s: %s", flag, err.text);
        assert_string_equal(config_text(&again, (enum setting)i), config_text(&c, (enum setting)i));
        config_close(&again);
    }
#define X(name, ...) assert_int_equal(config_number(&c, SETTING_##name), name);
    LIMITS_WITH_KEY(X)
#undef X
    config_close(&c);
}

static void a_flag_wins_over_the_environment_and_that_over_the_file(void **unused)
{
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE], flags[2 * TMP_PATH_SIZE];
    struct config c;
    struct error err;
    (void)unused;
    tmp_make(folder);
    tmp_file(path, folder, "m.json");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"mesos-port\": 1, \"agent-port\": 1, \"chronos-port\": 1, // as before\n"
          " \"max-log-file\": \"1MiB\", \"demo\": true}",
          f);
    fclose(f);
    setenv("MESOLITH_MESOS_PORT", "2", 1);
    setenv("MESOLITH_AGENT_PORT", "2", 1);
    snprintf(flags, sizeof flags, "--config %s --mesos-port 3", path);
    assert_int_equal(read_line(flags, &c, &err), 0);
    assert_int_equal(config_number(&c, SETTING_MESOS_PORT), 3);
    assert_int_equal(config_number(&c, SETTING_AGENT_PORT), 2);
    assert_int_equal(config_number(&c, SETTING_CHRONOS_PORT), 1);
    assert_int_equal(config_number(&c, SETTING_MARATHON_PORT), 8080);
    assert_int_equal(config_number(&c, SETTING_LIMIT_LOG_FILE_BYTES), 1 << 20);
    assert_true(config_switch(&c, SETTING_DEMO));
    config_close(&c);
    unsetenv("MESOLITH_MESOS_PORT");
    unsetenv("MESOLITH_AGENT_PORT");
    snprintf(flags, sizeof flags, "--config %s", folder);
    assert_int_equal(read_line(flags, &c, &err), -1); /* a folder is no file */
    assert_int_equal(err.code, ERR_IO);
    tmp_remove(folder);
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[TMP_PATH_SIZE];
    FILE *f = fopen(tmp_file(path, folder, name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void what_init_was_told_comes_last_and_names_its_file(void **unused)
{
    char folder[TMP_PATH_SIZE], flags[2 * TMP_PATH_SIZE], node[2 * TMP_PATH_SIZE];
    struct config c;
    struct error err;
    struct buf kept;
    (void)unused;
    tmp_make(folder);
    put(folder, "m.json", "{\"mesos-port\": 1, \"agent-port\": 1}");
    snprintf(node, sizeof node,
             "{\"id\":1,\"settings\":{\"config\":\"%s/m.json\",\"mesos-port\":\"2\","
             "\"chronos-port\":\"2\",\"name\":\"deck\"}}",
             folder);
    put(folder, "node.json", node);
    snprintf(flags, sizeof flags, "--data %s --stats-port 3", folder);
    assert_int_equal(read_line(flags, &c, &err), 0);
    assert_int_equal(config_number(&c, SETTING_MESOS_PORT), 1);
    assert_string_equal(c.sources[SETTING_MESOS_PORT], "file");
    assert_int_equal(config_number(&c, SETTING_CHRONOS_PORT), 2);
    assert_string_equal(c.sources[SETTING_CHRONOS_PORT], "folder");
    assert_string_equal(config_text(&c, SETTING_NAME), "deck");

    buf_init(&kept, 1 << 20);
    config_keep(&c, &kept);
    snprintf(node, sizeof node,
             "{\"config\":\"%s/m.json\",\"address\":\"127.0.0.1\",\"name\":\"deck\",\"modes\":"
             "\"master,scheduler,agent\",\"chronos-port\":\"2\",\"stats-port\":\"3\"}",
             folder);
    assert_string_equal(buf_str(&kept), node);
    buf_close(&kept);
    config_close(&c);

    snprintf(node, sizeof node, "{\"data\": \"%s\"}", folder);
    put(folder, "names.json", node); /* a file that names the folder */
    snprintf(flags, sizeof flags, "--config %s/names.json", folder);
    assert_int_equal(read_line(flags, &c, &err), 0);
    assert_int_equal(config_number(&c, SETTING_MESOS_PORT), 2);
    config_close(&c);

    put(folder, "node.json", "{\"settings\":{\"adress\":\"x\"}}");
    snprintf(flags, sizeof flags, "--data %s", folder);
    assert_int_equal(read_line(flags, &c, &err), -1);
    assert_non_null(
        strstr(err.text, "node.json: adress: there is no such setting, did you mean address?"));
    tmp_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_units_and_bounds),
        cmocka_unit_test(defaults_are_values_that_may_be_given),
        cmocka_unit_test(what_init_was_told_comes_last_and_names_its_file),
        cmocka_unit_test(a_flag_wins_over_the_environment_and_that_over_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
