/* lib/base/limits.h - everything that is bounded, and what the bound is called.
 *
 * What has a key may be set when a process starts (cmd/mesolith/config.h), within the values given
 * here; whom it bounds is handed the number, and the constant is its default. The others are alike
 * in all builds of a version: above all those of the replicated state, since every replica must
 * reckon with the same number. */
#pragma once

/* X(name, default, key, unit, least, most, what it bounds); units: COUNT, BYTES, TIME (in ms) */
#define LIMITS_WITH_KEY(X)                                                                         \
    X(LIMIT_BODY_BYTES, 16 << 20, "max-body", BYTES, 64 << 10, 16 << 20, "a request's body")       \
    X(LIMIT_HEADER_BYTES, 16 << 10, "max-header", BYTES, 8 << 10, 256 << 10,                       \
      "a request's line and headers")                                                              \
    X(LIMIT_BODIES_BYTES, 256 << 20, "max-bodies", BYTES, 16 << 20, INT64_C(64) << 30,             \
      "bodies of all requests that are not answered yet")                                          \
    X(LIMIT_CONNECTIONS, 4096, "max-connections", COUNT, 16, 100000, "HTTP connections at once")   \
    X(LIMIT_HEADER_MS, 10000, "header-timeout", TIME, 100, 600000, "time for a request's headers") \
    X(LIMIT_BODY_MS, 30000, "body-timeout", TIME, 100, 3600000, "time for a request's body")       \
    X(LIMIT_IDLE_MS, 75000, "idle-timeout", TIME, 100, 3600000, "an idle keep-alive connection")   \
    X(LIMIT_ANSWERS_BYTES, 256 << 20, "max-answers", BYTES, 64 << 20, INT64_C(64) << 30,           \
      "slices of all answers waiting for their clients")                                           \
    X(LIMIT_SUBSCRIBERS, 2048, "max-subscribers", COUNT, 1, 100000, "event streams at once")       \
    X(LIMIT_SUBSCRIBER_BYTES, 1 << 20, "max-subscriber", BYTES, 512 << 10, 1 << 30,                \
      "events waiting for one slow stream")                                                        \
    X(LIMIT_LOG_FILE_BYTES, 10 << 20, "max-log-file", BYTES, 64 << 10, INT64_C(1) << 40,           \
      "one stdout or stderr file")                                                                 \
    X(LIMIT_LOG_FILES, 3, "max-log-files", COUNT, 1, 1000, "rotated stdout or stderr files kept")  \
    X(LIMIT_OUTPUTS, 100, "max-outputs", COUNT, 1, 100000,                                         \
      "runs of each job whose stdout and stderr outlive their sandboxes")                          \
    X(LIMIT_OUTPUTS_MS, 24 * 86400000, "output-life", TIME, 1000, INT64_C(3650) * 86400000,        \
      "life of what a run has written")                                                            \
    X(LIMIT_OUTPUTS_BYTES, 1 << 30, "max-output-bytes", BYTES, 1 << 20, INT64_C(1) << 50,          \
      "what all runs on this node have written")                                                   \
    X(LIMIT_TASK_PIDS, 10000, "max-task-pids", COUNT, 10, 4194304,                                 \
      "processes and threads of one task")                                                         \
    X(LIMIT_FETCH_BYTES, 1 << 30, "max-fetch", BYTES, 1 << 20, INT64_C(1) << 40,                   \
      "one fetched file")                                                                          \
    X(LIMIT_LOG_ROWS, 20000, "max-log-rows", COUNT, 100, 10000000,                                 \
      "entries of the cluster's log kept for those that lag behind")                               \
    X(LIMIT_PROXY_CONNECTIONS, 65536, "max-proxy-connections", COUNT, 16, 1000000,                 \
      "connections forwarded at once")                                                             \
    X(LIMIT_PROXY_CONNECT_MS, 1000, "proxy-connect-timeout", TIME, 10, 60000,                      \
      "time for a backend to accept")                                                              \
    X(LIMIT_PROXY_DRAIN_MS, 60000, "proxy-drain-timeout", TIME, 0, 86400000,                       \
      "time for connections of a leaving backend")                                                 \
    X(LIMIT_CERTIFICATE_MS, 604800000, "certificate-life", TIME, 2000, INT64_C(90) * 86400000,     \
      "life of the certificates that this node gives to others")

/* X(name, value, what it bounds) */
#define LIMITS_FIXED(X)                                                                     \
    X(LIMIT_HEADERS, 100, "headers of one request")                                         \
    X(LIMIT_URL_BYTES, 8 << 10, "a request's target")                                       \
    X(LIMIT_JSON_DEPTH, 64, "nesting of JSON")                                              \
    X(LIMIT_PROBLEMS, 100, "problems reported for one input")                               \
    X(LIMIT_ENTRY_BYTES, 20 << 20, "one Raft entry: above the body limit with the rest")    \
    X(LIMIT_ENTRY_BYTES_OLD, 6 << 20, "the same below LARGE_LEVEL")                         \
    X(LIMIT_TURN_COMMANDS, 4096, "commands proposed in one turn")                           \
    X(LIMIT_TURN_BYTES, 512 << 10, "of them, if there is more than one")                    \
    X(LIMIT_INBOX, 8192, "requests waiting for the node")                                   \
    X(LIMIT_INBOX_BYTES, 32 << 20, "frames of other nodes waiting for the node")            \
    X(LIMIT_LONG_ASKS, 64, "questions in SQL waiting to be answered")                       \
    X(LIMIT_ANSWER_BYTES, 64 << 20, "slices of one answer waiting for credit")              \
    X(LIMIT_READ_MS, 1000, "one ask's time with its snapshot")                              \
    X(LIMIT_EVENTS, 10000, "events kept for resuming")                                      \
    X(LIMIT_REQUESTS, 100000, "request ids remembered")                                     \
    X(LIMIT_REQUEST_MS, 600000, "time a request id is remembered")                          \
    X(LIMIT_LOG_BYTES, 64 << 20, "trailing Raft bytes kept")                                \
    X(LIMIT_TAIL_BYTES, 8 << 20, "newest Raft entries kept in memory as well")              \
    X(LIMIT_APPEND_BYTES, 1 << 20, "entries in one frame, if there is more than one")       \
    X(LIMIT_SEND_BYTES, 8 << 20, "entries sent to one member at once")                      \
    X(LIMIT_TURN_MS, 5000, "time of a turn with which other members bear")                  \
    X(LIMIT_TURN_APPLY, 4096, "entries applied in one turn")                                \
    X(LIMIT_SERVERS, 64, "members of a cluster, standbys too")                              \
    X(LIMIT_PROPOSALS, 8192, "entries proposed and not yet applied")                        \
    X(LIMIT_READS, 65536, "linearizable reads waiting")                                     \
    X(LIMIT_ID_BYTES, 200, "an app's id: with an instance's it must fit a file name")       \
    X(LIMIT_ITEMS, 2000, "elements of one list or map in an app or a job")                  \
    X(LIMIT_INSTANCES, 100000, "instances of one app")                                      \
    X(LIMIT_POD_CONTAINERS, 32, "containers of one pod")                                    \
    X(LIMIT_POD_ENDS, 25, "ended instances remembered a pod")                               \
    X(LIMIT_APP_VERSIONS, 50, "versions kept an app, the present one too")                  \
    X(LIMIT_GROUP_VERSIONS, 50, "versions of the whole tree kept, likewise")                \
    X(LIMIT_VERSIONS_OLD, 25, "old ones of an app, all of the tree, below VERSIONS_LEVEL")  \
    X(LIMIT_GROUP_ITEMS, 10000, "apps and groups in one change of a group")                 \
    X(LIMIT_DEPLOYMENTS, 100, "deployments running at once")                                \
    X(LIMIT_PLAN_BYTES_OLD, 24 << 20, "the same below LARGE_LEVEL")                         \
    X(LIMIT_PLAN_BYTES, 64 << 20, "a deployment's plan, with what its apps were")           \
    X(LIMIT_JOB_RUNS, 100, "finished runs kept a job whatever their age, if not set")       \
    X(LIMIT_JOB_SAMPLES, 1028, "durations kept a job: spec/chronos.md 7.1")                 \
    X(LIMIT_JOB_DAYS, 31, "days whose numbers are kept a job")                              \
    X(LIMIT_BACKFILL_TARGETS, 10000, "targets of one backfill, known ones of a job")        \
    X(LIMIT_BACKFILLS, 20, "backfills kept a job")                                          \
    X(LIMIT_CALENDARS, 1000, "calendars")                                                   \
    X(LIMIT_CALENDAR_DAYS, 1000, "entries of one calendar")                                 \
    X(LIMIT_ABOUT_BYTES, 4096, "description of a calendar, or of a job")                    \
    X(LIMIT_USER_BYTES, 255, "name of the account that a job runs as: LOGIN_NAME_MAX")      \
    X(LIMIT_EXECUTOR_BYTES, 64 << 10, "executor of a job, its flags, its data: only kept")  \
    X(LIMIT_JOB_CALENDARS, 20, "calendars that one job names")                              \
    X(LIMIT_MANY_JOBS, 250, "jobs of one request that makes many")                          \
    X(LIMIT_MANY_JOBS_BYTES, 1 << 20, "the same, as text")                                  \
    X(LIMIT_JOB_BYTES, 6 << 20, "one job as text: above its parents and its task")          \
    X(LIMIT_ASKED_BYTES, 4 << 20, "what else is asked of our own API, but of apps")         \
    X(LIMIT_ASKED_VALUES, 100000, "elements and members of it, and of a job")               \
    X(LIMIT_REASON_BYTES, 1000, "why a job is paused")                                      \
    X(LIMIT_JOB_PARENTS, 20000, "jobs that one job waits for")                              \
    X(LIMIT_JOB_HERITAGE, 100000, "parents of a deleted job times its children")            \
    X(LIMIT_JOB_OPEN_RUNS, 100, "runs of one job that wait, run or are to be tried again")  \
    X(LIMIT_FINISHED_TASKS, 1000, "finished tasks kept")                                    \
    X(LIMIT_ORDER_BYTES, 1 << 20, "the order to start one task")                            \
    X(LIMIT_TASK_BYTES, 512 << 10, "command, arguments and variables of a task; its files") \
    X(LIMIT_ARGUMENT_BYTES, (128 << 10) - 1, "one argument or variable of it: execve(2)")   \
    X(LIMIT_CHECK_PATH_BYTES, 900, "the path of one check over HTTP")                       \
    X(LIMIT_PLACE_BYTES, 2000, "the path of one mount or fetched file")                     \
    X(LIMIT_HELPERS, 256, "command checks, tar and the like at once")                       \
    X(LIMIT_SWEEP_MS, 10000, "time to kill what an ended task leaves")                      \
    X(LIMIT_BEGINNING, 16, "programs about to begin at once, in a lull")                    \
    X(LIMIT_BEGUN, 2000, "programs begun from one lull to the next")                        \
    X(LIMIT_LULL_MS, 2000, "time that an ended task waits for a lull")                      \
    X(LIMIT_FILE_READ_BYTES, 64 << 10, "one read of a sandbox file")                        \
    X(LIMIT_FOLLOW_WAIT_MS, 60000, "time until a task begins whose output is followed")     \
    X(LIMIT_BROWSE, 10000, "entries of one sandbox folder shown")                           \
    X(LIMIT_FETCH_MS, 60000, "time a download may stall")                                   \
    X(LIMIT_FRAME_BYTES, 8 << 20, "one framed message between processes")                   \
    X(LIMIT_HANDSHAKE_MS, 5000, "time for a TLS handshake")                                 \
    X(LIMIT_HANDSHAKE_BYTES, 64 << 10, "what one side sends before it is known")            \
    X(LIMIT_HANDSHAKES, 4096, "TLS handshakes at once at one port")                         \
    X(LIMIT_TLS_AHEAD_BYTES, 64 << 10, "bytes encrypted before the system takes them")      \
    X(LIMIT_TLS_KEY_BYTES, 64 << 20, "bytes encrypted with one key")                        \
    X(LIMIT_TLS_LINGER_MS, 1000, "time for what was written to leave a closed stream")      \
    X(LIMIT_PEER_FRAME_BYTES, 24 << 20, "one between nodes: above an entry, and a body")    \
    X(LIMIT_PEER_QUEUE_BYTES, 32 << 20, "what waits in a lane to one node")                 \
    X(LIMIT_PEER_QUEUE, 8192, "frames that wait to be sent to one node")                    \
    X(LIMIT_PEER_WRITE, 64, "frames given to the system at once")                           \
    X(LIMIT_PEER_WRITE_BYTES, 256 << 10, "bytes of them, if more than one")                 \
    X(LIMIT_PEER_BEAT_MS, 1000, "silence of ours towards a node")                           \
    X(LIMIT_PEER_SILENT_MS, 3000, "a node's silence before it is gone")                     \
    X(LIMIT_PEER_DIAL_MS, 5000, "time to get through to a node")                            \
    X(LIMIT_PEER_PAUSE_MS, 2000, "longest pause between dials")                             \
    X(LIMIT_PEER_RENEW_MS, 1000, "within it all dial anew")                                 \
    X(LIMIT_PEER_GOODBYE_MS, 500, "time for what waits when we stop")                       \
    X(LIMIT_PIECE_BYTES, 128 << 10, "a piece of a snapshot's file, between nodes")          \
    X(LIMIT_PIECES_AHEAD, 4, "pieces asked for and not yet written")                        \
    X(LIMIT_PIECES_ASKED, 256, "pieces that other nodes wait for")                          \
    X(LIMIT_PIECE_MS, 1000, "time before a piece is asked for again")                       \
    X(LIMIT_SNAPSHOT_MS, 10000, "time that a snapshot's file may stall")                    \
    X(LIMIT_EXCHANGES, 1024, "exchanges that one node has asked another")                   \
    X(LIMIT_EXCHANGE_BYTES, 64 << 20, "answers that wait for credit of one node")           \
    X(LIMIT_EXCHANGE_REACH_MS, 3000, "time to get through to a node that is asked")         \
    X(LIMIT_JOIN_BYTES, 128 << 10, "a request to join, or its answer")                      \
    X(LIMIT_JOINS, 64, "nodes that are just joining at one of ours")                        \
    X(LIMIT_JOIN_MS, 10000, "time for a request to join to come, or its answer to leave")   \
    X(LIMIT_JOIN_ANSWER_MS, 30000, "time for the cluster to decide about one")              \
    X(LIMIT_RENEW_MS, 10000, "time for another node to answer about our certificate")       \
    X(LIMIT_RENEW_PAUSE_MS, 60000, "longest pause before another one is asked")             \
    X(LIMIT_CERTIFICATE_BYTES, 16 << 10, "a certificate or a request for one, as text")     \
    X(LIMIT_LOGGING_S, 86400, "seconds that a level of logging is asked for")               \
    X(LIMIT_NOTICES, 1000, "notices of jobs that are to be sent")                           \
    X(LIMIT_NOTICES_OLD, 100, "newest notices of jobs kept, sent ones too")                 \
    X(LIMIT_NOTICE_TEXT_BYTES, 4096, "one text in a notice")                                \
    X(LIMIT_NOTICE_OWNERS_BYTES, 4096, "owners who are told of one job")                    \
    X(LIMIT_NOTICE_MS, 86400000, "age at which an unsent notice is given up")               \
    X(LIMIT_NOTICE_PAUSE_MS, 300000, "longest pause of a channel that fails")               \
    X(LIMIT_NOTICE_UNPLACED_MS, 30000, "a run that finds no place for so long is told")     \
    X(LIMIT_NOTICE_SEND_MS, 60000, "time for a channel to take one notice")                 \
    X(LIMIT_NOTICE_TEST_MS, 10000, "the same of a test, for which somebody waits")          \
    X(LIMIT_CALLBACKS, 100, "URLs that events are posted to")                               \
    X(LIMIT_CALLBACK_BYTES, 4 << 20, "events waiting for one of them")                      \
    X(LIMIT_CALLBACK_MS, 10000, "time for one of them to take an event")                    \
    X(LIMIT_CALLBACK_ANSWER_BYTES, 64 << 10, "of its answer, then it is hung up on")        \
    X(LIMIT_CALLBACK_PAUSE_MS, 60000, "longest pause of one that does not")                 \
    X(LIMIT_TOKENS, 1000, "tokens to join with, expired ones too")                          \
    X(LIMIT_TOKEN_DAYS, 365, "longest life of a token to join with")                        \
    X(LIMIT_TOKEN_KEPT_MS, 604800000, "time that an expired token is still listed")         \
    X(LIMIT_NODES, 20000, "nodes of a cluster")                                             \
    X(LIMIT_NODES_GONE, 1000, "replaced nodes that are remembered")                         \
    X(LIMIT_PROXY_SERVICES, 20000, "service ports of one proxy")                            \
    X(LIMIT_PROXY_BACKENDS, 200000, "backends of one proxy")                                \
    X(LIMIT_PROXY_STATE_BYTES, 64 << 20, "the proxy's settings and routes as text")         \
    X(LIMIT_PROXY_WORKERS, 4, "the proxy's threads")                                        \
    X(LIMIT_PROXY_BACKLOG, 4096, "clients waiting to be accepted at one service port")      \
    X(LIMIT_PROXY_BUFFER_BYTES, 32 << 10, "bytes in passing, one way of one connection")    \
    X(LIMIT_PROXY_WAIT_MS, 5000, "time for a client to get any backend")                    \
    X(LIMIT_PROXY_ASIDE_MS, 10000, "longest pause of a backend that refuses")               \
    X(LIMIT_PROXY_OVERDUE_MS, 30000, "wait beyond that for a quiet moment to close")        \
    X(LIMIT_PROXY_HALF_CLOSED_MS, 600000, "silence of a connection with one side closed")   \
    X(LIMIT_PROXY_RETIRE_MS, 3600000, "life of a proxy that has been replaced")             \
    X(LIMIT_SQL_ROWS, 10000, "rows of one mesolith sql answer")                             \
    X(LIMIT_SQL_BYTES, 256 << 20, "memory of one reader beyond which its query ends")       \
    X(LIMIT_SQL_MS, 5000, "time of one mesolith sql query")

enum limit {
#define X(name, value, ...) name = (value),
    LIMITS_WITH_KEY(X) LIMITS_FIXED(X)
#undef X
};
