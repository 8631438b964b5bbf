/* Mesos's doors, a row each (spec/mesos.md 0.4, 5.1, 6, 7.1): under their bare paths, under the
 * process names, and with the endings of old. */
#include "api/mesos/private.h"

#define ROW(method_, path_, right_, kind_, ask_, about_)                                           \
    {                                                                                              \
        .method = METHOD_##method_, .pattern = path_, .right = MAY_##right_, .kind = DOOR_##kind_, \
        .ask = ask_, .about = about_                                                               \
    }
#define ASK(path, ask, about) ROW(GET, path, VIEW, ASK, ask, about)
#define MASTER(path, ask, about) ASK(path, ask, about), ASK("/master" path, ask, about)
#define AGENT(path, ask, about) ASK("/slave({n})" path, ask, about)
/* Of the process, not of the cluster. */
#define ALONE(path_, ask_, about_)                                                                \
    {                                                                                             \
        .method = METHOD_GET, .pattern = path_, .right = MAY_VIEW, .kind = DOOR_ASK, .ask = ask_, \
        .about = about_, .alone = true                                                            \
    }
#define FILES(path, ask, about)                      \
    ROW(GET, path, READ_FILES, SANDBOX, ask, about), \
        ROW(GET, path ".json", READ_FILES, SANDBOX, ask, about)
#define MISSING(method, path) \
    ROW(method, path, NOTHING, ASK, mesos_ask_missing, "Not in this build")
#define MISSING_OF_MASTER(method, path) MISSING(method, path), MISSING(method, "/master" path)

static const struct door doors[] = {
    MASTER("/state", mesos_ask_state, "All that the master knows; on an agent's, the agent"),
    MASTER("/state.json", mesos_ask_state, "The same"),
    AGENT("/state", mesos_ask_state, "All that the agent knows"),
    AGENT("/state.json", mesos_ask_state, "The same"),
    MASTER("/state-summary", mesos_ask_summary, "Agents and frameworks without their tasks"),
    MASTER("/slaves", mesos_ask_slaves, "Lists agents"),
    MASTER("/slaves.json", mesos_ask_slaves, "The same"),
    MASTER("/frameworks", mesos_ask_frameworks, "Lists frameworks with their tasks"),
    MASTER("/tasks", mesos_ask_tasks, "Lists tasks by age"),
    MASTER("/tasks.json", mesos_ask_tasks, "The same"),
    MASTER("/roles", mesos_ask_roles, "Lists roles"),
    MASTER("/quota", mesos_ask_quota, "Lists quotas"),
    MASTER("/weights", mesos_ask_weights, "Lists weights of roles"),
    MASTER("/maintenance/schedule", mesos_ask_schedule, "When machines are to go down"),
    MASTER("/maintenance/status", mesos_ask_maintenance, "Which machines go down"),
    MASTER("/redirect", mesos_ask_redirect, "Leads to the leader"),

    ALONE("/health", mesos_ask_health, "Is there"),
    ALONE("/master/health", mesos_ask_health, "Is there"),
    ALONE("/slave({n})/health", mesos_ask_health, "Is there"),
    ALONE("/flags", mesos_ask_flags, "Settings"),
    ALONE("/master/flags", mesos_ask_flags, "Settings"),
    ALONE("/slave({n})/flags", mesos_ask_flags, "Settings"),
    ALONE("/version", mesos_ask_version, "Whose API this is"),
    ASK("/metrics/snapshot", mesos_ask_metrics, "Numbers"),
    ASK("/metrics/snapshot.json", mesos_ask_metrics, "The same"),

    FILES("/files/browse", mesos_browse, "Lists a folder of a sandbox"),
    FILES("/files/read", mesos_read, "Reads a piece of a file in a sandbox"),
    FILES("/files/download", mesos_download, "Gives a whole file of a sandbox"),
    ASK("/files/debug", mesos_ask_debug, "Which path is which folder"),
    ASK("/files/debug.json", mesos_ask_debug, "The same"),

    MISSING(POST, "/api/v1"),
    MISSING(POST, "/api/v1/{rest...}"),
    MISSING(POST, "/master/api/v1"),
    MISSING(POST, "/master/api/v1/{rest...}"),
    MISSING(POST, "/slave({n})/api/v1"),
    MISSING(POST, "/slave({n})/api/v1/{rest...}"),
    MISSING_OF_MASTER(POST, "/quota"),
    MISSING_OF_MASTER(DELETE, "/quota/{role}"),
    MISSING_OF_MASTER(PUT, "/weights"),
    MISSING_OF_MASTER(POST, "/maintenance/schedule"),
    MISSING_OF_MASTER(POST, "/machine/down"),
    MISSING_OF_MASTER(POST, "/machine/up"),
    MISSING_OF_MASTER(POST, "/teardown"),
    MISSING_OF_MASTER(POST, "/reserve"),
    MISSING_OF_MASTER(POST, "/unreserve"),
    MISSING_OF_MASTER(POST, "/create-volumes"),
    MISSING_OF_MASTER(POST, "/destroy-volumes"),
    MISSING(GET, "/containers"),
    MISSING(GET, "/slave({n})/containers"),
    MISSING(GET, "/monitor/statistics"),
    MISSING(GET, "/monitor/statistics.json"),
    MISSING(GET, "/slave({n})/monitor/statistics"),
    MISSING(GET, "/slave({n})/monitor/statistics.json"),
    MISSING(GET, "/containerizer/debug"),
    MISSING(GET, "/slave({n})/containerizer/debug"),
    MISSING(GET, "/logging/toggle"),
    MISSING(POST, "/logging/toggle"),
    MISSING(GET, "/system/stats.json"),
};

static void fail(struct call *c, const struct error *err, const struct problems *problems,
                 const struct json *detail)
{
    (void)problems;
    (void)detail;
    call_text(c, error_http_status(err->code), "text/plain", err->text);
    buf_putc(&c->reply->body, '\n');
}

const struct dialect mesos_dialect = {
    .name = "mesos",
    .doors = doors,
    .n = sizeof doors / sizeof doors[0],
    .fail = fail,
    .no_leader_status = 503,
};
