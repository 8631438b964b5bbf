/* lib/base/limits.h - everything that is bounded, and what the bound is called.
 *
 * X(name, default, config key, what it bounds). The constant is the default; a key means that the
 * configuration may change it at start-up. */
#pragma once

#define LIMITS(X)                                                                                  \
    X(LIMIT_BODY_BYTES, 4 << 20, "limits.body", "a request's body")                                \
    X(LIMIT_HEADER_BYTES, 16 << 10, "limits.header", "a request's line and headers")               \
    X(LIMIT_HEADERS, 100, NULL, "headers of one request")                                          \
    X(LIMIT_URL_BYTES, 8 << 10, NULL, "a request's target")                                        \
    X(LIMIT_CONNECTIONS, 4096, "limits.connections", "HTTP connections at once")                   \
    X(LIMIT_HEADER_MS, 10000, "limits.header_ms", "time for a request's headers")                  \
    X(LIMIT_BODY_MS, 30000, "limits.body_ms", "time for a request's body")                         \
    X(LIMIT_IDLE_MS, 75000, "limits.idle_ms", "an idle keep-alive connection")                     \
    X(LIMIT_JSON_DEPTH, 64, NULL, "nesting of JSON")                                               \
    X(LIMIT_PROBLEMS, 100, NULL, "problems reported for one input")                                \
    X(LIMIT_ENTRY_BYTES, 6 << 20, NULL, "one Raft entry: above the body limit plus the envelope")  \
    X(LIMIT_TURN_COMMANDS, 4096, NULL, "commands proposed in one turn")                            \
    X(LIMIT_INBOX, 8192, "limits.inbox", "requests waiting for the node")                          \
    X(LIMIT_ANSWER_BYTES, 64 << 20, NULL, "slices of one answer waiting for credit")               \
    X(LIMIT_ANSWERS_BYTES, 256 << 20, NULL, "slices of all answers waiting for their clients")     \
    X(LIMIT_READ_MS, 1000, NULL, "one ask's time with its snapshot")                               \
    X(LIMIT_SUBSCRIBERS, 2048, "limits.subscribers", "event streams at once")                      \
    X(LIMIT_SUBSCRIBER_BYTES, 1 << 20, "limits.subscriber", "events waiting for one slow stream")  \
    X(LIMIT_EVENTS, 10000, "limits.events", "events kept for resuming")                            \
    X(LIMIT_REQUESTS, 100000, NULL, "request ids remembered")                                      \
    X(LIMIT_REQUEST_MS, 600000, NULL, "time a request id is remembered")                           \
    X(LIMIT_LOG_ROWS, 20000, NULL, "trailing Raft entries kept")                                   \
    X(LIMIT_LOG_BYTES, 64 << 20, NULL, "trailing Raft bytes kept")                                 \
    X(LIMIT_TAIL_BYTES, 8 << 20, NULL, "newest Raft entries kept in memory as well")               \
    X(LIMIT_APPEND_BYTES, 1 << 20, NULL, "entries in one frame, if there is more than one")        \
    X(LIMIT_SEND_BYTES, 8 << 20, NULL, "entries sent to one member at once")                       \
    X(LIMIT_TURN_APPLY, 4096, NULL, "entries applied in one turn")                                 \
    X(LIMIT_SERVERS, 64, NULL, "members of a cluster, standbys too")                               \
    X(LIMIT_PROPOSALS, 8192, NULL, "entries proposed and not yet applied")                         \
    X(LIMIT_READS, 65536, NULL, "linearizable reads waiting")                                      \
    X(LIMIT_ID_BYTES, 200, NULL, "an app's id: with an instance's it must fit a file name")        \
    X(LIMIT_ITEMS, 2000, NULL, "elements of one list or map in an app or a job")                   \
    X(LIMIT_INSTANCES, 100000, "limits.instances", "instances of one app")                         \
    X(LIMIT_APP_VERSIONS, 25, "limits.versions", "old versions kept an app")                       \
    X(LIMIT_DEPLOYMENTS, 100, "limits.deployments", "deployments running at once")                 \
    X(LIMIT_JOB_RUNS, 100, "limits.runs", "finished runs kept a job")                              \
    X(LIMIT_FINISHED_TASKS, 1000, "limits.tasks", "finished tasks kept")                           \
    X(LIMIT_LOG_FILE_BYTES, 10 << 20, "limits.log_file", "one stdout or stderr file")              \
    X(LIMIT_LOG_FILES, 3, "limits.log_files", "rotated stdout or stderr files kept")               \
    X(LIMIT_ORDER_BYTES, 1 << 20, NULL, "command and environment of one task")                     \
    X(LIMIT_HELPERS, 256, NULL, "command checks, tar and the like at once")                        \
    X(LIMIT_TASK_PIDS, 10000, "limits.task_pids", "processes and threads of one task")             \
    X(LIMIT_SWEEP_MS, 10000, NULL, "time to kill what an ended task leaves")                       \
    X(LIMIT_FILE_READ_BYTES, 64 << 10, NULL, "one read of a sandbox file")                         \
    X(LIMIT_BROWSE, 10000, NULL, "entries of one sandbox folder shown")                            \
    X(LIMIT_FETCH_BYTES, 1 << 30, "limits.fetch", "one fetched file")                              \
    X(LIMIT_FETCH_MS, 60000, "limits.fetch_ms", "time a download may stall")                       \
    X(LIMIT_FRAME_BYTES, 8 << 20, NULL, "one framed message between processes or nodes")           \
    X(LIMIT_PROXY_CONNECTIONS, 65536, "limits.proxy_connections", "connections forwarded at once") \
    X(LIMIT_PROXY_SERVICES, 20000, NULL, "service ports of one proxy")                             \
    X(LIMIT_PROXY_BACKENDS, 200000, NULL, "backends of one proxy")                                 \
    X(LIMIT_PROXY_STATE_BYTES, 64 << 20, NULL, "the proxy's settings and routes as text")          \
    X(LIMIT_PROXY_WORKERS, 4, "limits.proxy_workers", "the proxy's threads")                       \
    X(LIMIT_PROXY_BACKLOG, 4096, NULL, "clients waiting to be accepted at one service port")       \
    X(LIMIT_PROXY_BUFFER_BYTES, 32 << 10, NULL, "bytes in passing, one way of one connection")     \
    X(LIMIT_PROXY_CONNECT_MS, 1000, "proxy.connect_ms", "time for a backend to accept")            \
    X(LIMIT_PROXY_WAIT_MS, 5000, NULL, "time for a client to get any backend")                     \
    X(LIMIT_PROXY_ASIDE_MS, 10000, NULL, "longest pause of a backend that refuses")                \
    X(LIMIT_PROXY_DRAIN_MS, 60000, "proxy.drain_ms", "time for connections of a leaving backend")  \
    X(LIMIT_PROXY_OVERDUE_MS, 30000, NULL, "wait beyond that for a quiet moment to close")         \
    X(LIMIT_PROXY_HALF_CLOSED_MS, 600000, NULL, "silence of a connection with one side closed")    \
    X(LIMIT_PROXY_RETIRE_MS, 3600000, NULL, "life of a proxy that has been replaced")              \
    X(LIMIT_SQL_ROWS, 10000, NULL, "rows of one mesolith sql answer")                              \
    X(LIMIT_SQL_MS, 5000, NULL, "time of one mesolith sql query")

enum limit {
#define X(name, value, key, what) name = (value),
    LIMITS(X)
#undef X
};
