#include "old_flags.h"

#include <string.h>

#include "base/str.h"

#define NO_STORE "the cluster keeps its state itself"
#define NO_MESOS "there is no Mesos to register at"

#define MEANS(name_, setting_)             \
    {                                      \
        .name = name_, .setting = setting_ \
    }
#define IN(name_, setting_, unit_)                        \
    {                                                     \
        .name = name_, .setting = setting_, .unit = unit_ \
    }
#define NOT(name_, setting_)                               \
    {                                                      \
        .name = name_, .setting = setting_, .turned = true \
    }
#define NOTHING(name_, why_)                           \
    {                                                  \
        .name = name_, .use = OLD_NOTHING, .why = why_ \
    }

static const struct old_flag flags[] = {
    MEANS("http_port", SETTING_CHRONOS_PORT),
    MEANS("http_address", SETTING_ADDRESS),
    MEANS("http_compression", SETTING_HTTP_COMPRESSION),
    NOT("disable_http_compression", SETTING_HTTP_COMPRESSION),
    MEANS("cluster_name", SETTING_CLUSTER_NAME),
    IN("task_epsilon", SETTING_TASK_EPSILON, "s"),
    IN("failure_retry", SETTING_FAILURE_RETRY, "ms"),
    MEANS("disable_after_failures", SETTING_DISABLE_AFTER),
    MEANS("run_disabled", SETTING_RUN_DISABLED),
    MEANS("lenient_zones", SETTING_LENIENT_ZONES),
    MEANS("mesos_task_cpu", SETTING_TASK_CPU),
    MEANS("mesos_task_mem", SETTING_TASK_MEM),
    MEANS("mesos_task_disk", SETTING_TASK_DISK),
    MEANS("job_history_limit", SETTING_JOB_HISTORY),
    MEANS("mail_server", SETTING_MAIL_SERVER),
    MEANS("mail_from", SETTING_MAIL_FROM),
    MEANS("mail_user", SETTING_MAIL_USER),
    MEANS("mail_password", SETTING_MAIL_PASSWORD),
    MEANS("mail_ssl", SETTING_MAIL_SSL),
    MEANS("slack_url", SETTING_SLACK_URL),
    MEANS("mattermost_url", SETTING_MATTERMOST_URL),
    MEANS("http_notification_url", SETTING_HTTP_NOTIFICATION_URL),
    MEANS("http_notification_credentials", SETTING_HTTP_NOTIFICATION_CREDENTIALS),
    MEANS("raven_dsn", SETTING_SENTRY_DSN),
    MEANS("graphite_host_port", SETTING_GRAPHITE),
    IN("graphite_reporting_interval", SETTING_GRAPHITE_INTERVAL, "s"),
    MEANS("graphite_group_prefix", SETTING_GRAPHITE_PREFIX),
    NOTHING("webui_url", "the dashboard is at /ui/ of the Marathon port"),
    MEANS("https_port", SETTING_HTTPS_PORT),
    MEANS("https_address", SETTING_HTTPS_ADDRESS),
    MEANS("ssl_keystore_path", SETTING_KEYSTORE_PATH),
    MEANS("ssl_keystore_password", SETTING_KEYSTORE_PASSWORD),
    MEANS("disable_http", SETTING_DISABLE_HTTP),
    MEANS("http_credentials", SETTING_HTTP_CREDENTIALS),
    MEANS("http_realm", SETTING_HTTP_REALM),
    NOTHING("schedule_horizon", "targets are not looked for ahead"),
    NOTHING("master", NO_MESOS),
    NOTHING("zk_hosts", NO_STORE),
    NOTHING("zk_path", NO_STORE),
    NOTHING("zk_timeout", NO_STORE),
    NOTHING("zk_auth", NO_STORE),
    NOTHING("failover_timeout", NO_MESOS),
    NOTHING("leader_max_idle_time", NO_STORE),
    NOTHING("reconciliation_interval", NO_MESOS),
    NOTHING("decline_offer_duration", NO_MESOS),
    NOTHING("revive_offers_for_new_jobs", NO_MESOS),
    NOTHING("min_revive_offers_interval", NO_MESOS),
    NOTHING("assets_path", "the dashboard is in the program"),
    NOTHING("mesos_*", NO_MESOS),
    NOTHING("cassandra_*", NO_STORE),
};

static const struct {
    const char *name, *flag;
} variables[] = {
    {"MESOSPHERE_HTTP_CREDENTIALS", "http_credentials"},
    {"MESOSPHERE_KEYSTORE_PATH", "ssl_keystore_path"},
    {"MESOSPHERE_KEYSTORE_PASS", "ssl_keystore_password"},
};

static bool is_called(const struct old_flag *f, const char *name)
{
    size_t len = strlen(f->name);
    return f->name[len - 1] == '*' ? strncmp(f->name, name, len - 1) == 0 : str_eq(f->name, name);
}

/* Whole names stand before those that only begin so. */
const struct old_flag *old_flag_find(const char *name)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (is_called(&flags[i], name))
            return &flags[i];
    return NULL;
}

const char *old_variable(size_t i, const struct old_flag **flag_out)
{
    if (i >= sizeof variables / sizeof variables[0])
        return NULL;
    *flag_out = old_flag_find(variables[i].flag);
    return variables[i].name;
}
