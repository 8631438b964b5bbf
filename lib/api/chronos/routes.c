/* Chronos's doors, a row each (spec/chronos.md 1.3), and what every answer of theirs carries. Each
 * is there twice: under the root of face 2 and under that of face 3. */
#include "api/chronos/private.h"
#include "base/str.h"

#define ASK(path_, right_, kind_, ask_, about_)                                              \
    {                                                                                        \
        .method = METHOD_GET, .pattern = path_, .right = MAY_##right_, .kind = DOOR_##kind_, \
        .ask = ask_, .about = about_                                                         \
    }
#define TELL(method_, path_, right_, tell_, about_)                                             \
    {                                                                                           \
        .method = METHOD_##method_, .pattern = path_, .right = MAY_##right_, .kind = DOOR_TELL, \
        .tell = tell_, .about = about_                                                          \
    }

/* clang-format off */
#define FACE(root)                                                                     \
    TELL(POST, root "/iso8601", DEPLOY, chronos_put_scheduled,                         \
         "Creates or replaces a scheduled job"),                                       \
    TELL(PUT, root "/iso8601", DEPLOY, chronos_put_scheduled,                          \
         "Creates or replaces a scheduled job"),                                       \
    TELL(POST, root "/dependency", DEPLOY, chronos_put_dependent,                      \
         "Creates or replaces a dependent job"),                                       \
    TELL(PUT, root "/dependency", DEPLOY, chronos_put_dependent,                       \
         "Creates or replaces a dependent job"),                                       \
    ASK(root "/jobs", VIEW, ASK_LINEAR, chronos_ask_jobs, "Lists jobs"),               \
    ASK(root "/jobs/search", VIEW, ASK_LINEAR, chronos_ask_search,                     \
        "Finds jobs by name or command"),                                              \
    ASK(root "/jobs/summary", VIEW, ASK_LINEAR, chronos_ask_summary,                   \
        "Lists jobs with their states"),                                               \
    ASK(root "/job/{name}", VIEW, ASK_LINEAR, chronos_ask_job, "Shows a job"),         \
    TELL(PUT, root "/job/{name}", RUN, chronos_run_job, "Runs a job now"),             \
    TELL(DELETE, root "/job/{name}", DEPLOY, chronos_delete_job, "Deletes a job"),     \
    TELL(PUT, root "/job/success/{name}", DEPLOY, chronos_mark_success,                \
         "Marks a job as successful"),                                                 \
    ASK(root "/job/stat/{name}", VIEW, ASK_LINEAR, chronos_ask_stat,                   \
        "How a job's runs went"),                                                      \
    TELL(POST, root "/job/{name}/task/{task}/progress", RUN, chronos_report_progress,  \
         "Counts what a task has processed"),                                          \
    TELL(PUT, root "/task/{task}", RUN, chronos_complete_task,                         \
         "Reports the end of an asynchronous run"),                                    \
    TELL(DELETE, root "/task/kill/{name}", RUN, chronos_kill_tasks,                    \
         "Kills a job's runs"),                                                        \
    TELL(DELETE, root "/task/all", RUN, chronos_purge_tasks,                           \
         "Forgets all runs that wait"),                                                \
    ASK(root "/stats/{percentile}", VIEW, ASK_LINEAR, chronos_ask_percentile,          \
        "Durations of all jobs"),                                                      \
    ASK(root "/graph/csv", VIEW, ASK_LINEAR, chronos_ask_csv,                          \
        "Jobs and their states, as lines"),                                            \
    ASK(root "/graph/dot", VIEW, ASK_LINEAR, chronos_ask_dot,                          \
        "Jobs and dependencies, for Graphviz"),                                        \
    ASK(root "/leader", VIEW, ASK, chronos_ask_leader, "Where the leader is"),         \
    ASK(root "/info", VIEW, ASK, chronos_ask_info, "What this server is")
/* clang-format on */

static const struct door doors[] = {
    FACE("/scheduler"),
    FACE("/v1/scheduler"),
    ASK("/ping", NOTHING, ASK, chronos_ask_ping, "Says pong"),
    ASK("/leader", VIEW, ASK, chronos_ask_leader, "Where the leader is"),
    ASK("/info", VIEW, ASK, chronos_ask_info, "What this server is"),
    ASK("/metrics", VIEW, ASK_LINEAR, chronos_ask_metrics, "Chronos's metrics"),
};

static void dress(struct call *c)
{
    struct buf *headers = &c->reply->headers;
    header_put(headers, "Access-Control-Allow-Origin", "*"); /* G-8 */
    if (c->reply->status == 503 && header_get(buf_slice(headers), "Retry-After").p == NULL)
        header_put(headers, "Retry-After", "1"); /* G-5 */
}

const struct dialect chronos_dialect = {
    .name = "chronos",
    .doors = doors,
    .n = sizeof doors / sizeof doors[0],
    .dress = dress,
    .fail = chronos_fail,
    .no_leader_status = 503,
    .needs_quorum = true,
    .repeated = chronos_done,
};
