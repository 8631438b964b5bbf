/* cmd/mesolith/config.h - what a process is told: one table of settings, each a key of the file, a
 * flag and an environment variable (DESIGN 10). The limits that have a key (base/limits.h) are
 * settings too: LIMIT_BODY_BYTES is SETTING_LIMIT_BODY_BYTES.
 *
 * "agent-port" in the file, --agent-port, MESOLITH_AGENT_PORT: the flag wins, then the environment,
 * then the file, then what `init` or `join` was told (node.json in the data folder), then the
 * default. MESOLITH_ADDRESS tells clients whom to ask, too: with a port or
 * a scheme, as http://10.0.0.1:8080, it is meant for them alone. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"

#define NODE_NAME_SIZE 64

/* What a value must be; config.c has a check for each. */
enum setting_kind {
    KIND_TEXT,
    KIND_SECRET, /* text that is neither shown nor kept in the folder */
    KIND_IP,
    KIND_PORT,
    KIND_SWITCH,
    KIND_COUNT,
    KIND_AMOUNT, /* "0.5": more than 0 */
    KIND_BYTES,  /* "65536", "4MiB" */
    KIND_TIME,   /* "250ms", "5s", "2m", "1h" */
    KIND_MODES,
    KIND_DOORS,
    KIND_LEVEL,
    KIND_RESOURCES,
    KIND_ATTRIBUTES,
};

/* key, kind, default, what it says */
#define SETTINGS(X)                                                                                \
    X(SETTING_DATA, "data", KIND_TEXT, "./mesolith-dev", "the folder for all that must stay")      \
    X(SETTING_CONFIG, "config", KIND_TEXT, "", "a file with settings, JSON with // comments")      \
    X(SETTING_ADDRESS, "address", KIND_IP, "127.0.0.1", "IP address of every listener")            \
    X(SETTING_HOSTNAME, "hostname", KIND_TEXT, "", "name told to others; empty: the address")      \
    X(SETTING_NAME, "name", KIND_TEXT, "", "name of this node; empty: the machine's")              \
    X(SETTING_MODES, "modes", KIND_MODES, "master,scheduler,agent", "what this process is")        \
    X(SETTING_MESOS_PORT, "mesos-port", KIND_PORT, "5050",                                         \
      "Mesos's API; 0: a free port, -1: none")                                                     \
    X(SETTING_AGENT_PORT, "agent-port", KIND_PORT, "5051", "the agent's API")                      \
    X(SETTING_MARATHON_PORT, "marathon-port", KIND_PORT, "8080",                                   \
      "Marathon's API and the dashboard")                                                          \
    X(SETTING_CHRONOS_PORT, "chronos-port", KIND_PORT, "4400", "Chronos's API")                    \
    X(SETTING_HTTPS_PORT, "https-port", KIND_PORT, "-1",                                           \
      "Chronos's API and all others by TLS, with the certificate of ssl-keystore-path")            \
    X(SETTING_HTTPS_ADDRESS, "https-address", KIND_IP, "",                                         \
      "IP address of that; empty: the address")                                                    \
    X(SETTING_KEYSTORE_PATH, "ssl-keystore-path", KIND_TEXT, "",                                   \
      "a file with a certificate, those of its CAs and its key, PEM or PKCS#12; HUP reads it "     \
      "again")                                                                                     \
    X(SETTING_KEYSTORE_PASSWORD, "ssl-keystore-password", KIND_SECRET, "", "password of that")     \
    X(SETTING_KEYSTORE_PASSWORD_FILE, "ssl-keystore-password-file", KIND_TEXT, "",                 \
      "a file whose first line it is")                                                             \
    X(SETTING_DISABLE_HTTP, "disable-http", KIND_SWITCH, "false",                                  \
      "no port but the https-port speaks HTTP")                                                    \
    X(SETTING_STATS_PORT, "stats-port", KIND_PORT, "9090", "the proxy's page")                     \
    X(SETTING_PEER_PORT, "peer-port", KIND_PORT, "5055", "other nodes")                            \
    X(SETTING_ADVERTISE, "advertise", KIND_TEXT, "",                                               \
      "IP address or name that other nodes reach this one by; empty: the address")                 \
    X(SETTING_SERVICE_ADDRESS, "service-address", KIND_IP, "",                                     \
      "where service ports listen; empty: the address")                                            \
    X(SETTING_PLAIN, "plain", KIND_DOORS, "",                                                      \
      "doors that speak HTTP without TLS: mesos,agent,marathon,chronos,stats")                     \
    X(SETTING_HTTP_CREDENTIALS, "http-credentials", KIND_SECRET, "",                               \
      "user:password that each HTTP request must bring, at each of these ports; clients read it, " \
      "too")                                                                                       \
    X(SETTING_HTTP_CREDENTIALS_FILE, "http-credentials-file", KIND_TEXT, "",                       \
      "a file whose first line it is")                                                             \
    X(SETTING_HTTP_REALM, "http-realm", KIND_TEXT, "Mesosphere", "what a browser says it is for")  \
    X(SETTING_RESOURCES, "resources", KIND_RESOURCES, "",                                          \
      "\"cpus:4;mem:8192;disk:10000;ports:[31000-32000]\"; empty: the machine's")                  \
    X(SETTING_ATTRIBUTES, "attributes", KIND_ATTRIBUTES, "",                                       \
      "of the agent, for constraints: \"rack:a;ssd:true\"; where it is: \"@region:eu;@zone:a\"")   \
    X(SETTING_DOCKER, "docker", KIND_TEXT, "",                                                     \
      "socket of the Docker Engine; empty: DOCKER_HOST, then /var/run/docker.sock")                \
    X(SETTING_ROLE, "role", KIND_TEXT, "*", "the role that apps have when they name none")         \
    X(SETTING_ALLOW_ORIGIN, "access-control-allow-origin", KIND_TEXT, "",                          \
      "whose pages may read Marathon's API in a browser; empty: nobody else's")                    \
    X(SETTING_LENIENT_ZONES, "lenient-zones", KIND_SWITCH, "false",                                \
      "an unknown time zone of a job is UTC, as Chronos had it")                                   \
    X(SETTING_RUN_DISABLED, "run-disabled", KIND_SWITCH, "true",                                   \
      "a disabled job runs when Chronos's API is told to run it; Chronos forgot it then")          \
    X(SETTING_USER, "user", KIND_TEXT, "root", "jobs run as that user unless they say another")    \
    X(SETTING_TASK_CPU, "mesos-task-cpu", KIND_AMOUNT, "0.1", "cpus of a job that has none")       \
    X(SETTING_TASK_MEM, "mesos-task-mem", KIND_AMOUNT, "128", "MiB of memory, likewise")           \
    X(SETTING_TASK_DISK, "mesos-task-disk", KIND_AMOUNT, "256", "MiB of disk, likewise")           \
    X(SETTING_TASK_EPSILON, "task-epsilon", KIND_TIME, "1m",                                       \
      "so late a job of Chronos 2's API may start that says nothing of it")                        \
    X(SETTING_JOB_HISTORY, "job-history-limit", KIND_COUNT, "5",                                   \
      "runs that Chronos's statistics of a job show")                                              \
    X(SETTING_HTTP_COMPRESSION, "http-compression", KIND_SWITCH, "true",                           \
      "answers are compressed for who takes that")                                                 \
    X(SETTING_NETWORK, "network", KIND_TEXT, "", "name that container networks get by default")    \
    X(SETTING_UNREACHABLE, "unreachable-after", KIND_TIME, "5s",                                   \
      "when a silent host's tasks count as unreachable")                                           \
    X(SETTING_ELECTION, "election-timeout", KIND_TIME, "250ms",                                    \
      "a voter waits so long for its leader")                                                      \
    X(SETTING_HEARTBEAT, "heartbeat", KIND_TIME, "40ms", "a leader shows itself so often")         \
    X(SETTING_LOG, "log", KIND_LEVEL, "info", "how much is logged: error, warn, info, debug")      \
    X(SETTING_CLUSTER_NAME, "cluster-name", KIND_TEXT, "",                                         \
      "in front of what owners of jobs are told")                                                  \
    X(SETTING_MAIL_SERVER, "mail-server", KIND_TEXT, "",                                           \
      "host:port: owners of jobs get mail by it, from mail-from")                                  \
    X(SETTING_MAIL_FROM, "mail-from", KIND_TEXT, "", "address of the sender of these mails")       \
    X(SETTING_MAIL_DOMAIN, "mail-domain", KIND_TEXT, "",                                           \
      "behind owners like root, who have no @ (default: that of mail-from)")                       \
    X(SETTING_MAIL_USER, "mail-user", KIND_TEXT, "", "who the mail server takes mails from")       \
    X(SETTING_MAIL_PASSWORD, "mail-password", KIND_SECRET, "", "password of mail-user")            \
    X(SETTING_MAIL_PASSWORD_FILE, "mail-password-file", KIND_TEXT, "",                             \
      "a file whose first line it is")                                                             \
    X(SETTING_MAIL_SSL, "mail-ssl", KIND_SWITCH, "false",                                          \
      "the mail server speaks TLS from the first byte")                                            \
    X(SETTING_SLACK_URL, "slack-url", KIND_SECRET, "",                                             \
      "what owners of jobs are told is posted there as well")                                      \
    X(SETTING_SLACK_URL_FILE, "slack-url-file", KIND_TEXT, "", "a file whose first line it is")    \
    X(SETTING_MATTERMOST_URL, "mattermost-url", KIND_SECRET, "", "and there")                      \
    X(SETTING_MATTERMOST_URL_FILE, "mattermost-url-file", KIND_TEXT, "",                           \
      "a file whose first line it is")                                                             \
    X(SETTING_HTTP_NOTIFICATION_URL, "http-notification-url", KIND_TEXT, "",                       \
      "and there, with all that is known of the job")                                              \
    X(SETTING_HTTP_NOTIFICATION_CREDENTIALS, "http-notification-credentials", KIND_SECRET, "",     \
      "user:password for that")                                                                    \
    X(SETTING_HTTP_NOTIFICATION_CREDENTIALS_FILE, "http-notification-credentials-file", KIND_TEXT, \
      "", "a file whose first line it is")                                                         \
    X(SETTING_SENTRY_DSN, "sentry-dsn", KIND_SECRET, "",                                           \
      "and Sentry: https://KEY@host/PROJECT, as it shows it")                                      \
    X(SETTING_SENTRY_DSN_FILE, "sentry-dsn-file", KIND_TEXT, "", "a file whose first line it is")  \
    X(SETTING_FAILURE_RETRY, "failure-retry", KIND_TIME, "1m",                                     \
      "a failed job is tried again after so long, unless it says otherwise")                       \
    X(SETTING_DISABLE_AFTER, "disable-after-failures", KIND_COUNT, "0",                            \
      "so many failed runs in a row disable a job; 0: never")                                      \
    X(SETTING_GRAPHITE, "graphite-host-port", KIND_TEXT, "",                                       \
      "host:port of a Graphite server that the leader pushes the numbers of jobs to")              \
    X(SETTING_GRAPHITE_INTERVAL, "graphite-reporting-interval", KIND_TIME, "1m", "so often")       \
    X(SETTING_GRAPHITE_PREFIX, "graphite-group-prefix", KIND_TEXT, "", "in front of their names")  \
    X(SETTING_DEMO, "demo", KIND_SWITCH, "false", "put a sample app and a sample job in")

enum setting {
#define X(name, key, kind, value, what) name,
    SETTINGS(X)
#undef X
#define X(name, ...) SETTING_##name,
        LIMITS_WITH_KEY(X)
#undef X
            SETTINGS_N,
};

#define CONFIG_PASSED_OVER_MAX 64

struct config {
    char *values[SETTINGS_N];        /* owned; never NULL once it is read */
    const char *sources[SETTINGS_N]; /* "flag", "environment", "file", "folder" or NULL */
    /* Flags of Chronos that mean nothing here (old_flags.h), each once: the first ones */
    struct passed_over {
        char name[64];
        const char *why;
    } passed_over[CONFIG_PASSED_OVER_MAX];
    size_t passed_over_n;
};

/* Reads flags (after the verb), environment and file, and checks each value. ERR_INVALID naming the
 * setting, the value and the cure; an unknown one names the nearest. */
int config_read(struct config *c, int argc, char **argv, struct error *err) MUST_CHECK;
void config_close(struct config *c);
/* So that no list of processes shows them: what stands in argv for secrets, and for the token of
 * `join`, is crossed out. Before that: a copy, which is what is to be read; one piece. Never freed.
 */
char **config_hide_secrets(int argc, char **argv);

const char *config_key(enum setting s);
const char *config_text(const struct config *c, enum setting s); /* never NULL */
/* Has an error that is due to the setting name the variable, if that has set it. -1 */
int config_blame(const struct config *c, enum setting s, struct error *err);

int64_t config_number(const struct config *c, enum setting s); /* of a time: milliseconds */
double config_amount(const struct config *c, enum setting s);
bool config_switch(const struct config *c, enum setting s);
unsigned config_modes(const struct config *c); /* bits of model/states.h */
enum log_level config_level(const struct config *c);
/* As one JSON object; numbers stay numbers. */
void config_attributes(const struct config *c, struct buf *out);

/* For who is kept: what closes the ports must not be forgotten with the secrets that node.json does
 * not keep. ERR_INVALID. */
int config_check_kept(const struct config *c, struct error *err) MUST_CHECK;
/* What node.json keeps: an object of all that flags and environment said, the file's path, where it
 * listens and which modes it has. */
void config_keep(const struct config *c, struct buf *out);

/* mesolith config check | show */
int config_main(int argc, char **argv);
void config_help(void); /* all flags, a line each */
