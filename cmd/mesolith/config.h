/* cmd/mesolith/config.h - what a process is told: one table of settings, each a key of the file, a
 * flag and an environment variable (DESIGN 10).
 *
 * "agent-port" in the file, --agent-port, MESOLITH_AGENT_PORT: the flag wins, then the environment,
 * then the file, then the default. */
#pragma once

#include "base/error.h"
#include "base/json.h"

enum setting_kind { SETTING_TEXT, SETTING_NUMBER, SETTING_SWITCH, SETTING_MS };

/* key, kind, default, what it says */
#define SETTINGS(X)                                                                                \
    X(SETTING_DATA, "data", SETTING_TEXT, "./mesolith-dev", "the folder for all that must stay")   \
    X(SETTING_CONFIG, "config", SETTING_TEXT, "", "a file with settings, JSON with // comments")   \
    X(SETTING_ADDRESS, "address", SETTING_TEXT, "127.0.0.1", "IP address of every listener")       \
    X(SETTING_HOSTNAME, "hostname", SETTING_TEXT, "", "name told to others; empty: the address")   \
    X(SETTING_NAME, "name", SETTING_TEXT, "", "name of this node; empty: the machine's")           \
    X(SETTING_MODES, "modes", SETTING_TEXT, "master,scheduler,agent", "what this process is")      \
    X(SETTING_MESOS_PORT, "mesos-port", SETTING_NUMBER, "5050",                                    \
      "Mesos's API; 0: a free port, -1: none")                                                     \
    X(SETTING_AGENT_PORT, "agent-port", SETTING_NUMBER, "5051", "the agent's API")                 \
    X(SETTING_MARATHON_PORT, "marathon-port", SETTING_NUMBER, "8080",                              \
      "Marathon's API and the dashboard")                                                          \
    X(SETTING_CHRONOS_PORT, "chronos-port", SETTING_NUMBER, "4400", "Chronos's API")               \
    X(SETTING_STATS_PORT, "stats-port", SETTING_NUMBER, "9090", "the proxy's page")                \
    X(SETTING_PEER_PORT, "peer-port", SETTING_NUMBER, "5055", "other nodes")                       \
    X(SETTING_SERVICE_ADDRESS, "service-address", SETTING_TEXT, "",                                \
      "where service ports listen; empty: the address")                                            \
    X(SETTING_PLAIN, "plain", SETTING_TEXT, "",                                                    \
      "doors that speak HTTP without TLS: mesos,agent,marathon,chronos,stats")                     \
    X(SETTING_RESOURCES, "resources", SETTING_TEXT, "",                                            \
      "\"cpus:4;mem:8192;disk:10000;ports:[31000-32000]\"; empty: the machine's")                  \
    X(SETTING_ATTRIBUTES, "attributes", SETTING_TEXT, "",                                          \
      "of the agent, for constraints: \"rack:a;ssd:true\"")                                        \
    X(SETTING_DOCKER, "docker", SETTING_TEXT, "",                                                  \
      "socket of the Docker Engine; empty: DOCKER_HOST, then /var/run/docker.sock")                \
    X(SETTING_ROLE, "role", SETTING_TEXT, "*", "the role that apps have when they name none")      \
    X(SETTING_NETWORK, "network", SETTING_TEXT, "", "name that container networks get by default") \
    X(SETTING_UNREACHABLE, "unreachable-after", SETTING_MS, "5s",                                  \
      "when a silent host's tasks count as unreachable")                                           \
    X(SETTING_ELECTION, "election-timeout", SETTING_MS, "250ms",                                   \
      "a voter waits so long for its leader")                                                      \
    X(SETTING_HEARTBEAT, "heartbeat", SETTING_MS, "40ms", "a leader shows itself so often")        \
    X(SETTING_LOG, "log", SETTING_TEXT, "info", "how much is logged: error, warn, info, debug")    \
    X(SETTING_DEMO, "demo", SETTING_SWITCH, "false", "put a sample app and a sample job in")

enum setting {
#define X(name, key, kind, value, what) name,
    SETTINGS(X)
#undef X
        SETTINGS_N,
};

struct config {
    char *values[SETTINGS_N];        /* owned; NULL: the default */
    const char *sources[SETTINGS_N]; /* "flag", "environment", "file" or NULL */
};

/* Reads flags (after the verb), environment and file, and checks each value. ERR_INVALID naming the
 * setting, the value and the cure; an unknown one names the nearest. */
int config_read(struct config *c, int argc, char **argv, struct error *err) MUST_CHECK;
void config_close(struct config *c);

const char *config_text(const struct config *c, enum setting s); /* never NULL */
int64_t config_number(const struct config *c, enum setting s);   /* milliseconds for SETTING_MS */
bool config_switch(const struct config *c, enum setting s);

/* mesolith config check | show */
int config_main(int argc, char **argv);
void config_help(void); /* all settings, a line each */
