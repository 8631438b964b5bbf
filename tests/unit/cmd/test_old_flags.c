/* Chronos's flags, as the unit files of an installation of it have them (spec/chronos.md 14). */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config.h"
#include "support/tmp.h"

#define WORDS_MAX 16

/* Flags that stand in a string with blanks between them. */
static int read_line(const char *line, struct config *c, struct error *err)
{
    static char copy[512];
    char *argv[WORDS_MAX];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;)
        if (*word != '\0')
            argv[argc++] = word;
    return config_read(c, argc, argv, err);
}

static void each_means_what_it_meant(void **unused)
{
    static const struct {
        const char *flags, *key, *value;
    } rows[] = {
        {"--http_port 4401", "chronos-port", "4401"},
        {"--http_port=4401", "chronos-port", "4401"},
        {"--http_address 127.0.0.7", "address", "127.0.0.7"},
        {"--http_compression", "http-compression", "true"},
        {"--disable_http_compression", "http-compression", "false"},
        {"--disable_http_compression=false", "http-compression", "true"},
        {"--hostname deck", "hostname", "deck"},
        {"--cluster_name prod", "cluster-name", "prod"},
        {"--user nobody", "user", "nobody"},
        {"--task_epsilon 90", "task-epsilon", "90s"},
        {"--failure_retry 5000", "failure-retry", "5000ms"},
        {"--disable_after_failures 3", "disable-after-failures", "3"},
        {"--mesos_task_cpu 0.5", "mesos-task-cpu", "0.5"},
        {"--mesos_task_mem 64", "mesos-task-mem", "64"},
        {"--mesos_task_disk 1", "mesos-task-disk", "1"},
        {"--job_history_limit 20", "job-history-limit", "20"},
        {"--mail_server mail:25", "mail-server", "mail:25"},
        {"--mail_from a@x", "mail-from", "a@x"},
        {"--mail_user me", "mail-user", "me"},
        {"--mail_password pw", "mail-password", "pw"},
        {"--mail_ssl", "mail-ssl", "true"},
        {"--slack_url http://s/x", "slack-url", "http://s/x"},
        {"--mattermost_url http://m/x", "mattermost-url", "http://m/x"},
        {"--http_notification_url http://h/", "http-notification-url", "http://h/"},
        {"--http_notification_credentials a:b", "http-notification-credentials", "a:b"},
        {"--graphite_host_port g:2003", "graphite-host-port", "g:2003"},
        {"--graphite_reporting_interval 30", "graphite-reporting-interval", "30s"},
        {"--graphite_group_prefix c", "graphite-group-prefix", "c"},
        {"--run_disabled=false", "run-disabled", "false"},
        {"--lenient_zones", "lenient-zones", "true"},
        {"--http_credentials a:b:c", "http-credentials", "a:b:c"},
        {"--http_realm=Jobs", "http-realm", "Jobs"},
        {"--raven_dsn https://a:b@sentry/1", "sentry-dsn", "https://a:b@sentry/1"},
        {"--https_port 8443", "https-port", "8443"},
        {"--https_address 127.0.0.7", "https-address", "127.0.0.7"},
        {"--ssl_keystore_path /etc/keystore", "ssl-keystore-path", "/etc/keystore"},
        {"--ssl_keystore_password pw", "ssl-keystore-password", "pw"},
        {"--disable_http", "disable-http", "true"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config c;
        struct error err;
        int s = 0;
        if (read_line(rows[i].flags, &c, &err) != 0)
            fail_msg("%s: %s", rows[i].flags, err.text);
        while (s < SETTINGS_N && !str_eq(config_key((enum setting)s), rows[i].key))
            s++;
        assert_in_range(s, 0, SETTINGS_N - 1);
        assert_string_equal(config_text(&c, (enum setting)s), rows[i].value);
        assert_int_equal(c.passed_over_n, 0);
        config_close(&c);
    }
}

static void what_means_nothing_is_named_once(void **unused)
{
    static const char *const flags[] = {
        "--master zk://a:2181/mesos",
        "--zk_hosts a:2181,b:2181",
        "--zk_path /chronos",
        "--zk_timeout 10000",
        "--zk_auth digest:me:pw",
        "--failover_timeout 604800",
        "--leader_max_idle_time 5000",
        "--mesos_framework_name chronos",
        "--mesos_checkpoint",
        "--reconciliation_interval 600",
        "--decline_offer_duration 5000",
        "--revive_offers_for_new_jobs",
        "--min_revive_offers_interval 5000",
        "--assets_path /usr/share",
        "--cassandra_contact_points a,b",
        "--cassandra_ttl=1000",
        "--schedule_horizon 60",
        "--webui_url http://c/",
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(flags); i++) {
        struct config c;
        struct error err;
        char line[256], name[64];
        snprintf(line, sizeof line, "%s %s --http_port 1", flags[i], flags[i]);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(flags[i] + 2, " ="), flags[i] + 2);
        if (read_line(line, &c, &err) != 0)
            fail_msg("%s: %s", line, err.text);
        assert_int_equal(c.passed_over_n, 1);
        assert_string_equal(c.passed_over[0].name, name);
        assert_true(*c.passed_over[0].why != '\0');
        assert_int_equal(config_number(&c, SETTING_CHRONOS_PORT), 1);
        config_close(&c);
    }
}

static void what_is_wrong_names_flag_value_and_cure(void **unused)
{
    static const struct {
        const char *flags, *why;
    } rows[] = {
        {"--http_port chronos",
         "--http_port: chronos-port: got \"chronos\", need a port 0 to 65535, or -1"},
        {"--http_port", "--http_port: a value is missing"},
        {"--http_address deck",
         "--http_address: address: got \"deck\", need an IP address such as 127.0.0.1 or ::1"},
        {"--failure_retry 1m",
         "--failure_retry: failure-retry: got \"1mms\", need a time such as 250ms, 5s or 2m, 1ms "
         "to 720h"},
        {"--mesos_task_cpu lots", "--mesos_task_cpu: mesos-task-cpu: got \"lots\", need a number "
                                  "above 0, at most 1000000000"},
        {"--mesos_task_mem 0",
         "--mesos_task_mem: mesos-task-mem: got \"0\", need a number above 0, "
         "at most 1000000000"},
        {"--mail_ssl=perhaps", "--mail_ssl: mail-ssl: got \"perhaps\", need true or false"},
        {"--disable_http_compression=perhaps", "--disable_http_compression: http-compression: got "
                                               "\"perhaps\", need true or false"},
        {"--http_credentials :pw",
         "--http_credentials: http-credentials: need user:password, the user without a colon, at "
         "most 512 bytes, no control characters"},
        {"--http_realm a\"b", "--http_realm: http-realm: need a text without quotes, backslashes "
                              "and control characters, at most 512 bytes"},
        {"--http_prt 1", "--http_prt: there is no such flag, did you mean --https-port?"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config c;
        struct error err;
        assert_int_equal(read_line(rows[i].flags, &c, &err), -1);
        assert_string_equal(err.text, rows[i].why);
    }
}

static void the_environment_is_read_as_well(void **unused)
{
    struct config c;
    struct error err;
    (void)unused;
    setenv("MESOSPHERE_KEYSTORE_PATH", "/etc/keystore", 1);
    setenv("MESOSPHERE_KEYSTORE_PASS", "pw", 1);
    assert_int_equal(read_line("", &c, &err), 0);
    assert_int_equal(c.passed_over_n, 0);
    assert_string_equal(config_text(&c, SETTING_KEYSTORE_PATH), "/etc/keystore");
    assert_string_equal(config_text(&c, SETTING_KEYSTORE_PASSWORD), "pw");
    config_close(&c);
    setenv("MESOSPHERE_HTTP_CREDENTIALS", "me:pw", 1);
    assert_int_equal(read_line("", &c, &err), 0);
    assert_string_equal(config_text(&c, SETTING_HTTP_CREDENTIALS), "me:pw");
    config_close(&c);
    assert_int_equal(read_line("--http_credentials you:pw", &c, &err), 0);
    assert_string_equal(config_text(&c, SETTING_HTTP_CREDENTIALS), "you:pw");
    config_close(&c);
    setenv("MESOSPHERE_HTTP_CREDENTIALS", "me", 1);
    assert_int_equal(read_line("", &c, &err), -1);
    assert_string_equal(err.text, "MESOSPHERE_HTTP_CREDENTIALS: http-credentials: need "
                                  "user:password, the user without a colon, at most 512 bytes, no "
                                  "control characters");
    unsetenv("MESOSPHERE_HTTP_CREDENTIALS");
    unsetenv("MESOSPHERE_KEYSTORE_PATH");
    unsetenv("MESOSPHERE_KEYSTORE_PASS");
}

/* ---- secrets */

static void no_list_of_processes_shows_them(void **unused)
{
    static const char *const given[] = {"--mail-password",
                                        "one",
                                        "--slack_url=two",
                                        "--token",
                                        "three",
                                        "--cluster-name",
                                        "four",
                                        "--zk_auth",
                                        "five",
                                        "--http_credentials",
                                        "a:b",
                                        "--token",
                                        "-",
                                        "--mail_ssl",
                                        "--mail_password=six"};
    static const char *const shown[] = {"--mail-password",
                                        "xxx",
                                        "--slack_url=xxx",
                                        "--token",
                                        "xxxxx",
                                        "--cluster-name",
                                        "four",
                                        "--zk_auth",
                                        "xxxx",
                                        "--http_credentials",
                                        "xxx",
                                        "--token",
                                        "-",
                                        "--mail_ssl",
                                        "--mail_password=xxx"};
    char texts[COUNT(given)][64], *argv[COUNT(given) + 1] = {0};
    (void)unused;
    for (size_t i = 0; i < COUNT(given); i++) {
        snprintf(texts[i], sizeof texts[i], "%s", given[i]);
        argv[i] = texts[i];
    }
    char **copy = config_hide_secrets(COUNT(given), argv);
    for (size_t i = 0; i < COUNT(given); i++) {
        assert_string_equal(copy[i], given[i]);
        assert_string_equal(argv[i], shown[i]);
    }
    free(copy);
}

static void a_secret_may_stand_in_a_file(void **unused)
{
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE], flags[3 * TMP_PATH_SIZE];
    struct config c;
    struct error err;
    struct buf kept;
    (void)unused;
    tmp_make(folder);
    tmp_file(path, folder, "password");
    snprintf(flags, sizeof flags, "--mail-password-file %s", path);
    assert_int_equal(read_line(flags, &c, &err), -1);
    assert_non_null(strstr(err.text, "mail-password-file: "));
    assert_non_null(strstr(err.text, "cannot be read: No such file"));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("correct horse\nwho reads this line?\n", f);
    fclose(f);
    assert_int_equal(read_line(flags, &c, &err), 0);
    assert_string_equal(config_text(&c, SETTING_MAIL_PASSWORD), "correct horse");
    buf_init(&kept, 4096);
    config_keep(&c, &kept);
    assert_null(strstr(buf_str(&kept), "horse"));
    assert_non_null(strstr(buf_str(&kept), "\"mail-password-file\":\"/"));
    buf_close(&kept);
    config_close(&c);
    snprintf(flags, sizeof flags, "--mail-password-file %s --mail-password x", path);
    assert_int_equal(read_line(flags, &c, &err), -1);
    assert_string_equal(err.text,
                        "mail-password-file: mail-password is given too, need one of both");
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("\n", f);
    fclose(f);
    snprintf(flags, sizeof flags, "--mail-password-file %s", path);
    assert_int_equal(read_line(flags, &c, &err), -1);
    assert_non_null(strstr(err.text, "its first line is empty"));
    tmp_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_means_what_it_meant),
        cmocka_unit_test(what_means_nothing_is_named_once),
        cmocka_unit_test(what_is_wrong_names_flag_value_and_cure),
        cmocka_unit_test(the_environment_is_read_as_well),
        cmocka_unit_test(no_list_of_processes_shows_them),
        cmocka_unit_test(a_secret_may_stand_in_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
