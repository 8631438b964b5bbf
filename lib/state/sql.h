/* lib/state/sql.h - every statement of the state, by name. Lists share their columns with the
 * single-row forms, so that one function reads both (query_*.c). */
#pragma once

#define AGENT_COLUMNS                                                                             \
    "select id, uid, node, hostname, address, boot, version, docker, docker_reason, attributes, " \
    "port_ranges, port, state, since_ms, registered_ms, cpus_milli, mem_bytes, disk_bytes, "      \
    "used_cpus_milli, used_mem_bytes, used_disk_bytes, tasks from agents "

#define APP_COLUMNS                                                                               \
    APP_COLUMNS_OF("a.gone, a.definition, a.instances, a.version_ms, a.scaling_ms, a.config_ms, " \
                   "a.delay_ms, a.delay_ref_ms, a.failure")
/* What the index apps_brief has. */
#define APP_COLUMNS_BRIEF APP_COLUMNS_OF("0, '', a.instances, a.version_ms, 0, 0, 0, 0, null")
#define APP_COLUMNS_OF(own)                                                             \
    "select a.id, a.path, " own ", "                                                    \
    "coalesce((select d.deployment from deployment_apps d where d.path = a.path), 0), " \
    "c.live, c.staged, c.running, c.healthy, c.unhealthy, c.stopping "                  \
    "from apps a join app_counts c on c.app = a.id "

#define TASK_COLUMNS                                                                          \
    "select t.id, t.owner_id, t.agent, t.owner, t.name, t.state, t.cpus_milli, t.mem_bytes, " \
    "t.disk_bytes, t.ports, t.version_ms, t.staged_ms, t.started_ms, t.ended_ms, "            \
    "t.killed_ms, t.pong, t.pid, t.exit_code, t.signal, t.kill_reason, t.container, "         \
    "t.reason, t.message, t.detail, t.health, t.health_results, i.app, i.stopping, i.ready, " \
    "i.created_ms, i.salt, r.job, coalesce(a.path, j.name), t.seq from tasks t "              \
    "left join instances i on t.owner = 0 and i.id = t.owner_id "                             \
    "left join apps a on a.id = i.app "                                                       \
    "left join job_runs r on t.owner = 1 and r.id = t.owner_id "                              \
    "left join jobs j on j.id = r.job "

#define DEPLOYMENT_COLUMNS_OF(plan) \
    "select id, uuid, version_ms, started_ms, step, steps, " plan " from deployments "
#define DEPLOYMENT_COLUMNS DEPLOYMENT_COLUMNS_OF("plan")

#define JOB_IS_GONE 2 /* in jobs.disabled */
#define TEXT_OF_(n) #n
#define TEXT_OF(n) TEXT_OF_(n)
#define GONE_WORD TEXT_OF(JOB_IS_GONE)
#define THERE \
    "disabled < " GONE_WORD " " /* a job that is not deleted, as the index jobs_live has it */
/* As the index job_runs_open has it: the one by the first term, that of MARKS_LEVEL by the second.
 */
#define OPEN "(r.state < 3 or r.state = 8) and r.ended_ms is null "
#define JOB_COLUMNS_OF(definition, counters, queued, active, from)                     \
    "select j.id, j.name, " definition ", j.generation, j.disabled, j.schedule, j.k, " \
    "j.remaining, j.next_ms, " counters ", " queued ", " active " " from
#define JOB_COLUMNS_AND(counters, queued, active, from) \
    JOB_COLUMNS_OF("j.definition", counters, queued, active, from)
#define COUNTERS_OF_JOBS \
    "j.successes, j.errors, j.errors_since_success, j.last_success_ms, j.last_error_ms"
#define COUNTERS_OF_ENDS                                                 \
    "coalesce(e.successes, j.successes), coalesce(e.errors, j.errors), " \
    "coalesce(e.errors_since_success, j.errors_since_success), "         \
    "coalesce(e.last_success_ms, j.last_success_ms), coalesce(e.last_error_ms, j.last_error_ms)"
#define FROM_JOBS "from jobs j "
#define FROM_JOBS_AND_ENDS "from jobs j left join job_ends e on e.job = j.id "
#define RUNS_IN(states) \
    "(select count(*) from job_runs r where r.job = j.id and " OPEN "and r.state in " states ")"
#define JOB_COLUMNS(counters, from) \
    JOB_COLUMNS_AND(counters, RUNS_IN("(0)"), RUNS_IN("(1, 2)"), from)
#define JOB_COLUMNS_ALONE(counters, from) /* for those who look at many, or often */ \
    JOB_COLUMNS_AND(counters, "0", "0", from)
/* Of many jobs at once. */
#define JOB_COLUMNS_COUNTED(definition, counters, from)                                          \
    JOB_COLUMNS_OF(definition, counters, "coalesce(c.queued, 0)", "coalesce(c.active, 0)", from) \
    "left join (select r.job as job, sum(r.state = 0) as queued, "                               \
    "sum(r.state in (1, 2)) as active from job_runs r where " OPEN "group by r.job) c "          \
    "on c.job = j.id "
/* Whoever reads a job: X(AT name, text). */
#define JOB_QUERIES(X, AT, counters, from)                                                         \
    X(AT JOB_BY_ID, JOB_COLUMNS(counters, from) "where j.id = :id")                                \
    X(AT JOB_ALONE, JOB_COLUMNS_ALONE(counters, from) "where j.id = :id")                          \
    X(AT JOB_BY_NAME, JOB_COLUMNS(counters, from) "where j.name = :name and j." THERE)             \
    X(AT JOBS, JOB_COLUMNS(counters, from) "where j." THERE "and j.name > :after order by j.name " \
                                           "limit :limit")                                         \
    X(AT JOBS_CREATED,                                                                             \
      JOB_COLUMNS_COUNTED("j.definition", counters, from) "where j." THERE "order by j.id")        \
    X(AT JOBS_BRIEF, JOB_COLUMNS_COUNTED("''", counters, from) "where j." THERE "order by j.id")
#define JOB_GONE_QUERIES(X, AT, counters, from) \
    X(AT JOB_GONE_CALLED,                       \
      JOB_COLUMNS(counters, from) "where j.name = :name and j.disabled = " GONE_WORD)

#define OUT_OF_REACH "(3, 4) " /* of enum agent_state: nobody waits for an end there (3.8) */

#define RUN_COLUMNS                                                                     \
    "select r.id, r.job, r.generation, r.attempt, r.task, r.covers, r.cause, r.state, " \
    "r.priority, r.due_ms, r.deadline_ms, r.not_before_ms, r.queued_ms, r.started_ms, " \
    "r.ended_ms, r.arguments, r.reason, j.name from job_runs r join jobs j on j.id = r.job "

#define NODE_COLUMNS "select id, name, address, version, modes, level, seen_ms from nodes "
#define TOKEN_COLUMNS \
    "select id, modes, made_by, made_ms, until_ms, revoked_ms, used, used_ms from tokens "
#define IDENTITY_COLUMNS                                                                   \
    "select id, store, name, address, modes, serial, until_ms, joined_ms, token, gone_ms " \
    "from identities "
#define GROUP_COLUMNS "select path, version_ms, dependencies, enforce_role "
#define NOTICE_COLUMNS "select id, at_ms, event, job, run, owners, facts from notices "
#define EVENT_COLUMNS "select id, at_ms, idx, noun, name, what, text from events "

/* Asking: prepared on readers too. Those of one level after those of the one before: a state that
 * has not been upgraded yet knows only the first of them. */
#define QUERIES(X) \
    QUERIES_1(X)   \
    QUERIES_2(X)   \
    QUERIES_3(X)   \
    QUERIES_4(X)   \
    QUERIES_5(X)   \
    QUERIES_6(X)   \
    QUERIES_7(X)   \
    QUERIES_8(X)   \
    QUERIES_9(X)   \
    QUERIES_10(X)  \
    QUERIES_12(X)  \
    QUERIES_13(X)  \
    QUERIES_15(X)  \
    QUERIES_16(X)  \
    QUERIES_19(X)  \
    QUERIES_22(X)  \
    QUERIES_24(X)  \
    QUERIES_26(X)  \
    QUERIES_28(X)  \
    QUERIES_29(X)  \
    QUERIES_31(X)  \
    QUERIES_33(X) QUERIES_34(X) QUERIES_35(X) QUERIES_36(X) QUERIES_38(X) QUERIES_39(X)
#define QUERIES_1(X)                                                                               \
    X(SETTING, "select value from settings where key = :key")                                      \
    X(AGENT_BY_ID, AGENT_COLUMNS "where id = :id")                                                 \
    X(AGENT_BY_UID, AGENT_COLUMNS "where uid = :uid")                                              \
    X(AGENTS, AGENT_COLUMNS "order by id")                                                         \
    X(AGENTS_LARGEST, "select max(cpus_milli), max(mem_bytes), max(disk_bytes) from agents "       \
                      "where state <> 4")                                                          \
    X(AGENT_AS_LARGE, "select 1 from agents where cpus_milli >= :cpus and mem_bytes >= :mem "      \
                      "and disk_bytes >= :disk and state <> 4 limit 1")                            \
    X(AGENT_PORTS, "select port from agent_ports where agent = :agent order by port")              \
    X(PORT_HOLDER, "select task from agent_ports where agent = :agent and port = :port")           \
    X(APP_BY_ID, APP_COLUMNS "where a.id = :id")                                                   \
    X(APP_BY_PATH, APP_COLUMNS "where a.gone = 0 and a.path = :path")                              \
    X(APPS, APP_COLUMNS "where a.gone = 0 and a.path > :after and a.path >= :prefix "              \
                        "and a.path < :beyond order by a.path limit :limit")                       \
    X(APPS_BRIEF, APP_COLUMNS_BRIEF "where a.gone = 0 order by a.path")                            \
    X(APPS_GONE, APP_COLUMNS "where a.gone = 1 order by a.path, a.id")                             \
    X(GONE_LIVE, "select sum(c.live) from apps a join app_counts c on c.app = a.id "               \
                 "where a.gone = 1 and a.path = :path")                                            \
    X(APPS_COUNT, "select count(*) from apps where gone = 0")                                      \
    X(APP_VERSIONS, "select version_ms from app_versions where app = :app "                        \
                    "union select version_ms from apps where id = :app order by 1 desc")           \
    X(APP_VERSION, "select definition from apps where id = :app and version_ms = :version "        \
                   "union all select definition from app_versions "                                \
                   "where app = :app and version_ms = :version limit 1")                           \
    X(SERVICE_PORTS_OF_APP, "select port from service_ports where app = :app order by position")   \
    X(SERVICE_PORT_TAKEN, "select count(*) from service_ports where port = :port")                 \
    X(TASK_BY_ID, TASK_COLUMNS "where t.id = :id")                                                 \
    X(TASK_IN_BRIEF, "select owner_id, agent, owner, state, started_ms from tasks where id = :id") \
    X(TASK_OF_OWNER, TASK_COLUMNS "where t.owner = :owner and t.owner_id = :owner_id "             \
                                  "order by t.id desc limit 1")                                    \
    X(TASK_OF_JOB_NAMED, TASK_COLUMNS "where t.owner = 1 and t.owner_id in (select id from "       \
                                      "job_runs where job = (select id from jobs where "           \
                                      "name = :job)) and t.name = :name "                          \
                                      "order by t.id desc limit 1")                                \
    X(TASK_OF_JOB_DUE, TASK_COLUMNS "where t.owner = 1 and t.owner_id in (select id from "         \
                                    "job_runs where job = (select id from jobs where "             \
                                    "name = :job) and due_ms = :due) and t.name = :name "          \
                                    "order by t.id desc limit 1")                                  \
    X(TASKS, TASK_COLUMNS "where t.ended_ms is null order by t.agent, t.id")                       \
    X(TASKS_OF_APP, TASK_COLUMNS "where t.owner = 0 and t.owner_id in (select id from instances "  \
                                 "where app = :app) and t.ended_ms is null order by t.id")         \
    X(TASKS_OF_AGENT, TASK_COLUMNS "where t.agent = :agent and t.ended_ms is null order by t.id")  \
    X(TASKS_TO_ORDER, "select id, state from tasks where agent = :agent and state in (0, 3) "      \
                      "order by id")                                                               \
    X(DOUBLES, "select t.agent from (select id, state, task from job_runs where job = :job "       \
               "order by due_ms desc limit 16) r join tasks t on t.owner = 1 and "                 \
               "t.owner_id = r.id where t.ended_ms is null and "                                   \
               "not (r.state in (1, 2) and r.task = t.id) "                                        \
               "and (select state from agents where id = t.agent) not in " OUT_OF_REACH)           \
    X(TASKS_OF_RUN, TASK_COLUMNS "where t.owner = 1 and t.owner_id = :run order by t.id")          \
    X(TASKS_ENDED, "select state from tasks not indexed where ended_ms is not null and "           \
                   "(:agent < 0 or agent = :agent)")                                               \
    X(TASKS_ENDED_OF_APPS, TASK_COLUMNS                                                            \
      "where t.id in (select id from tasks indexed by "                                            \
      "tasks_to_trim where owner = 0 and ended_ms is not null order by ended_ms desc, id desc "    \
      "limit :limit) order by t.ended_ms desc, t.id desc")                                         \
    X(TASKS_ENDED_OF_JOBS, TASK_COLUMNS                                                            \
      "where t.id in (select id from tasks indexed by "                                            \
      "tasks_ended where owner = 1 and ended_ms is not null order by ended_ms desc, id desc "      \
      "limit :limit) order by t.ended_ms desc, t.id desc")                                         \
    X(LAST_END, "select ended_ms from tasks indexed by tasks_to_trim where owner = 0 and "         \
                "ended_ms is not null and name > :from and name < :below "                         \
                "order by ended_ms desc limit 1")                                                  \
    X(ENDS_OF_APPS, "select name, ended_ms from tasks indexed by tasks_to_trim where owner = 0 "   \
                    "and ended_ms is not null order by ended_ms desc")                             \
    X(DEPLOYMENT_BY_ID, DEPLOYMENT_COLUMNS "where id = :id")                                       \
    X(DEPLOYMENT_BRIEF, DEPLOYMENT_COLUMNS_OF("''") "where id = :id")                              \
    X(DEPLOYMENT_BY_UUID, DEPLOYMENT_COLUMNS "where uuid = :uuid")                                 \
    X(DEPLOYMENTS, DEPLOYMENT_COLUMNS "order by id")                                               \
    X(DEPLOYMENTS_COUNT, "select count(*) from deployments")                                       \
    X(DEPLOYMENT_APPS, "select path from deployment_apps where deployment = :id order by path")    \
    JOB_QUERIES(X, , COUNTERS_OF_JOBS, FROM_JOBS)                                                  \
    X(JOB_TEXT, "select definition from jobs where id = :id")                                      \
    X(JOB_TO_PUT, "select id, generation, disabled from jobs where name = :name")                  \
    X(JOB_NAMES, "select id, name from jobs where " THERE "order by name")                         \
    X(JOBS_DUE, "select id, generation, k, remaining from jobs where next_ms <= :now "             \
                "order by next_ms, id limit :limit")                                               \
    X(JOBS_NEXT, "select min(next_ms) from jobs where next_ms is not null")                        \
    X(JOBS_COUNT, "select count(*) from jobs where " THERE)                                        \
    X(RUN_BY_ID, RUN_COLUMNS "where r.id = :id")                                                   \
    X(RUNS, RUN_COLUMNS "order by r.id desc limit :limit")                                         \
    X(RUNS_AFTER, RUN_COLUMNS "where r.id > :after order by r.id limit :limit")                    \
    X(RUNS_OF_JOB_AFTER, RUN_COLUMNS "where r.job = :job and r.id > :after order by r.id "         \
                                     "limit :limit")                                               \
    X(RUNS_OF_JOB, RUN_COLUMNS "where r.job = :job order by r.due_ms desc, r.id desc "             \
                               "limit :limit")                                                     \
    X(RUNS_OPEN, RUN_COLUMNS "where r.job = :job and " OPEN "order by r.id")                       \
    X(RUNS_TO_LOOK_AT, "select r.id from job_runs r where r.job = :job and " OPEN "order by r.id") \
    X(RUNS_OPEN_COUNT, "select count(*) from job_runs r where r.job = :job and " OPEN)             \
    X(RUNS_WAITING, RUN_COLUMNS "where r.state = 0 order by r.priority desc, r.due_ms, r.id "      \
                                "limit :limit")                                                    \
    X(RUNS_RETRYING, RUN_COLUMNS "where r.state = 8 and r.not_before_ms <= :now "                  \
                                 "order by r.not_before_ms, r.id limit :limit")                    \
    X(RUNS_ACTIVE, RUN_COLUMNS "where r.state in (1, 2) order by r.id")                            \
    X(RUNS_OF_TARGET, "select id, cause, covers, state, task is null from job_runs "               \
                      "where job = :job and due_ms = :due order by id")                            \
    X(NODE_BY_ID, NODE_COLUMNS "where id = :id")                                                   \
    X(NODES, NODE_COLUMNS "order by id")                                                           \
    X(EVENTS_AFTER, EVENT_COLUMNS "where id > :id order by id limit :limit")                       \
    X(EVENTS_BEFORE, EVENT_COLUMNS "where id < :id order by id desc limit :limit")                 \
    X(EVENTS_OLDEST, "select min(id) from events")
#define QUERIES_2(X)                                                                        \
    X(TOKEN_BY_ID, TOKEN_COLUMNS "where id = :id")                                          \
    X(TOKENS, TOKEN_COLUMNS "order by id")                                                  \
    X(TOKEN_HASH, "select hash from tokens where id = :id")                                 \
    X(TOKENS_COUNT, "select count(*) from tokens")                                          \
    X(IDENTITY_BY_ID, IDENTITY_COLUMNS "where id = :id")                                    \
    X(IDENTITY_BY_STORE, IDENTITY_COLUMNS "where store = :store")                           \
    X(IDENTITY_BY_ADDRESS, IDENTITY_COLUMNS "where address = :address and gone_ms is null") \
    X(IDENTITIES, IDENTITY_COLUMNS "order by id")                                           \
    X(IDENTITIES_COUNT, "select count(*) from identities where gone_ms is null")
#define QUERIES_3(X)                                                                     \
    X(LISTENERS_OF, "select marathon, chronos, mesos from listeners where node = :node") \
    X(HELD, "select 1 from holds where node = :node")
#define QUERIES_4(X)                                               \
    X(DRAINS_ANY, "select 1 from drains where agent >= 0 limit 1") \
    X(DRAIN_OF, "select since_ms, made_by from drains where agent = :agent")
#define QUERIES_5(X)                                                                       \
    X(MEMBER, "select role, up, since_ms from members where node = :node")                 \
    X(MEMBERS, "select node from members order by node")                                   \
    X(VOTERS_LEAVING, "select count(*) from members m join identities i on i.id = m.node " \
                      "where m.role = 1 and i.gone_ms is not null")
#define QUERIES_6(X) X(IDENTITY_KEY, "select hash from identity_keys where node = :node")
#define QUERIES_7(X)                                        \
    X(CALLBACK, "select 1 from callbacks where url = :url") \
    X(CALLBACKS, "select url from callbacks order by url")
#define QUERIES_8(X)                                                                               \
    X(READINESS, "select t.name, r.results, i.ready from instances i "                             \
                 "cross join readiness r on r.instance = i.id "                                    \
                 "cross join tasks t on t.owner = 0 and t.owner_id = i.id and t.ended_ms is null " \
                 "where i.app = :app and i.version_ms >= :since order by i.id")

#define WITHIN_OF(table) table "path > :prefix and " table "path < :beyond "
#define WITHIN WITHIN_OF("")
#define NEWEST_AS_OF(app) \
    "(select max(version_ms) from app_versions where app = " app " and version_ms <= :at) "
#define QUERIES_9(X)                                                                              \
    X(GROUP_BY_PATH, GROUP_COLUMNS "from groups where path = :path")                              \
    X(GROUPS, GROUP_COLUMNS "from groups where " WITHIN "order by path")                          \
    X(GROUP_VERSIONS, "select version_ms from group_versions where path = :path "                 \
                      "union select version_ms from groups where path = :path order by 1 desc")   \
    X(GROUP_OLDEST, "select version_ms from group_versions where path = '/' "                     \
                    "order by version_ms limit 1")                                                \
    X(GROUP_AS_OF, GROUP_COLUMNS "from groups where path = :path and version_ms <= :at "          \
                                 "union all " GROUP_COLUMNS "from group_versions "                \
                                 "where path = :path and version_ms <= :at and until_ms > :at")   \
    X(GROUPS_AS_OF, GROUP_COLUMNS "from groups where " WITHIN "and version_ms <= :at "            \
                                  "union all " GROUP_COLUMNS "from group_versions where " WITHIN  \
                                  "and version_ms <= :at and until_ms > :at order by path")       \
    X(APPS_AS_OF,                                                                                 \
      "select path, version_ms, definition, id from apps "                                        \
      "where gone = 0 and " WITHIN "and version_ms <= :at union all "                             \
      "select a.path, v.version_ms, v.definition, a.id from apps a join app_versions v "          \
      "on v.app = a.id where a.gone = 0 and " WITHIN_OF(                                          \
          "a.") "and "                                                                            \
                "a.version_ms > :at and v.version_ms = " NEWEST_AS_OF(                            \
                    "a.id") "union all "                                                          \
                            "select r.path, v.version_ms, v.definition, r.app from apps_removed " \
                            "r join "                                                             \
                            "app_versions v on v.app = r.app where " WITHIN_OF(                   \
                                "r.") "and "                                                      \
                                      "r.removed_ms > :at and v.version_ms = " NEWEST_AS_OF(      \
                                          "r.app") "order by path")
#define QUERIES_10(X)                                                                   \
    X(TASKS_OF_INSTANCE,                                                                \
      TASK_COLUMNS "where t.owner = 0 and t.owner_id = :instance order by t.id")        \
    X(POD_ENDS, "select name, created_ms, ended_ms, message, containers from pod_ends " \
                "where app = :app order by id desc")
#define QUERIES_12(X) X(CHECK_OF_TASK, "select kind, code from check_results where task = :task")
#define QUERIES_13(X)                                                                            \
    X(DEPENDENT, "select mode, priority, fired, fired_by, fired_root from job_dependents "       \
                 "where job = :job")                                                             \
    X(DEPENDENTS_FIRED, "select 1 from job_dependents where fired > 0 limit 1")                  \
    X(EDGES_OF_CHILD, "select e.parent, e.ends, e.met, j.name from job_edges e "                 \
                      "join jobs j on j.id = e.parent where e.child = :child order by e.parent") \
    X(CHILDREN, "select child from job_edges where parent = :parent order by child")             \
    X(CHILDREN_ALONE,                                                                            \
      "select child from job_edges e where parent = :parent and not exists("                     \
      "select 1 from job_edges o where o.child = e.child and o.parent <> :parent) "              \
      "and not exists(select 1 from job_edges where child = :parent) "                           \
      "order by child")                                                                          \
    X(GRAPH_ROOTS, "select distinct parent from job_edges e where not exists(select 1 from "     \
                   "job_edges p where p.child = e.parent) order by parent")                      \
    X(RUN_CAUSE, "select by_run, root from job_causes where run = :run")
#define RESERVATION_COLUMNS                                                                   \
    "select r.instance, r.app, r.agent, r.cpus_milli, r.mem_bytes, r.disk_bytes, r.ports, "   \
    "r.incarnation, r.first_task, r.idle_ms, r.stopped, r.wiped, i.salt from reservations r " \
    "join instances i on i.id = r.instance "
#define VOLUME_COLUMNS "select id, agent, instance, path, name, size_bytes from volumes "
#define QUERIES_15(X)                                                                           \
    X(RESERVATION, RESERVATION_COLUMNS "where r.instance = :instance")                          \
    X(RESERVATIONS_OF_APP, RESERVATION_COLUMNS "where r.app = :app order by r.instance")        \
    X(RESERVATIONS_OF_AGENT, RESERVATION_COLUMNS "where r.agent = :agent order by r.instance")  \
    X(VOLUMES_OF_INSTANCE, VOLUME_COLUMNS "where instance = :instance order by id")             \
    X(VOLUMES_GIVEN_UP, VOLUME_COLUMNS "where agent = :agent and given_up = 1 order by id "     \
                                       "limit :limit")                                          \
    X(TASKS_OF_LAUNCH, TASK_COLUMNS "where t.owner = 0 and t.owner_id = :instance and t.id >= " \
                                    "coalesce((select first_task from reservations where "      \
                                    "instance = :instance), 0) order by t.id")                  \
    X(TASKS_IDLE, TASK_COLUMNS "where t.owner = 0 and t.owner_id in (select instance from "     \
                               "reservations where app = :app and idle_ms is not null) and "    \
                               "t.id >= (select first_task from reservations where "            \
                               "instance = t.owner_id) order by t.id")

#define QUERIES_16(X) X(JOB_TASK, "select async, elements from job_tasks where task = :task")
#define QUERIES_19(X)                                                                      \
    X(APP_END, "select ended from app_ends where app = :app")                              \
    X(NODE_REGION, "select region from node_regions where node = :node")                   \
    X(MASTERS_REGION, "select r.region from node_regions r join nodes n on n.id = r.node " \
                      "where (n.modes & :master) <> 0 order by r.node limit 1")
#define QUERIES_22(X) X(JOB_PAUSE, "select at_ms, made_by, reason from job_pauses where job = :job")
#define QUERIES_24(X)                                                                        \
    X(NOTICE_BY_ID, NOTICE_COLUMNS "where id = :id")                                         \
    X(NOTICES_NEWEST, NOTICE_COLUMNS "order by id desc limit :limit")                        \
    X(NOTICES_UNSENT, NOTICE_COLUMNS "where id in (select notice from notice_ways "          \
                                     "where over_ms is null) order by id")                   \
    X(NOTICES_UNSENT_COUNT, "select count(distinct notice) from notice_ways "                \
                            "where over_ms is null")                                         \
    X(NOTICE_OF_RUN, "select count(*) from notices where run = :run and event = :event "     \
                     "and run > 0")                                                          \
    X(NOTICE_OF_JOB, "select id from notices where job = :job and event = :event "           \
                     "order by id desc limit 1")                                             \
    X(TASK_NAME, "select name from tasks where id = :id")                                    \
    X(NOTICE_WAYS, "select channel, over_ms, error from notice_ways where notice = :notice " \
                   "order by channel")
#define BACKFILL_COLUMNS                                                                         \
    "select b.id, b.job, b.at_ms, b.made_by, b.from_ms, b.to_ms, b.next_ms, b.most, b.again, "   \
    "b.made, b.passed, b.good, b.bad, b.canceled, b.ended_ms, (select count(*) from job_wishes " \
    "w join job_runs r on r.id = w.run where w.backfill = b.id and " OPEN                        \
    ") from job_backfills b "
#define QUERIES_26(X)                                                                           \
    X(BACKFILL, BACKFILL_COLUMNS "where b.id = :id")                                            \
    X(BACKFILLS_OPEN, BACKFILL_COLUMNS "where b.ended_ms is null order by b.id")                \
    X(BACKFILLS_OF_JOB, BACKFILL_COLUMNS "where b.job = :job order by b.id desc")               \
    X(RUN_WISH, "select environment, backfill from job_wishes where run = :run")                \
    X(RUN_OF_TARGET, "select count(*) from job_runs where job = :job and due_ms = :due and "    \
                     "covers = 1 and (cause = 0 or cause = 3) and state not in (7, 9, 10, 12)") \
    X(FILLED, "select count(*) from job_filled where job = :job and due_ms = :due")             \
    X(FILLED_COUNT, "select count(*) from job_filled where job = :job")                         \
    X(FORGOTTEN, "select due_ms from job_forgotten where job = :job")
#define QUERIES_28(X)                                                                         \
    X(RUNS_OLD_SIZE, "select runs, bytes from runs_old_size where k = 0")                     \
    X(TASK_USAGE, "select mem_peak_bytes, cpu_ms from task_usage where task = :task")         \
    X(DAYS_SUM, "select bucket, sum(n) from job_days where job = :job and day >= :day and "   \
                "fact = :fact group by bucket order by bucket")                               \
    X(DAYS_MOST, "select coalesce(max(n), 0) from job_days where job = :job and day >= :day " \
                 "and fact = :fact")                                                          \
    X(SAMPLES, "select ms from job_samples where job = :job order by part desc")
#define CALENDAR_COLUMNS "select id, name, description, days, changed_ms from calendars "
#define QUERIES_29(X)                                                                       \
    X(JOB_TIMES, "select starts_ms, ends_ms from job_times where job = :job")               \
    X(CALENDARS, CALENDAR_COLUMNS "order by name")                                          \
    X(CALENDAR_BY_ID, CALENDAR_COLUMNS "where id = :id")                                    \
    X(CALENDAR_BY_NAME, CALENDAR_COLUMNS "where name = :name")                              \
    X(CALENDAR_ID, "select id from calendars where name = :name")                           \
    X(CALENDARS_COUNT, "select count(*) from calendars")                                    \
    X(CALENDARS_VERSION, "select max(changed_idx) from calendars")                          \
    X(CALENDAR_JOBS, "select j.name from job_calendars c join jobs j on j.id = c.job "      \
                     "where c.calendar = :calendar order by j.name")                        \
    X(CALENDAR_JOBS_COUNT, "select count(*) from job_calendars where calendar = :calendar") \
    X(CALENDAR_JOB_GENERATION, "select generation from jobs where id = :job and exists("    \
                               "select 1 from job_calendars where job = :job)")             \
    X(JOB_CALENDARS_COUNT, "select count(*) from job_calendars where job = :job")           \
    X(RUN_NEWEST, "select id, state, generation, reason, due_ms from job_runs "             \
                  "where job = :job order by due_ms desc, id desc limit 1")

#define QUERIES_31(X)                                                                      \
    X(NOTICE_TRIES, "select failed, next_ms from notice_tries where notice = :notice and " \
                    "channel = :channel")                                                  \
    X(NOTICE_COUNT, "select sent, given_up from notice_counts where channel = :channel")

#define QUERIES_33(X) X(TRIMS_LEFT, "select 1 from job_trims limit 1")

#define GONE_COLUMNS "select job, name, at_ms, made_by from jobs_gone "
#define QUERIES_34(X)                                                      \
    X(JOBS_GONE, GONE_COLUMNS "order by name, job")                        \
    X(JOB_GONE, GONE_COLUMNS "where job = :job")                           \
    X(JOB_GONE_NAMED, GONE_COLUMNS "where name = :name order by job desc") \
    JOB_GONE_QUERIES(X, , COUNTERS_OF_JOBS, FROM_JOBS)

#define QUERIES_35(X) X(WALK, "select job from history_walks where k = 0")
#define QUERIES_36(X)
#define QUERIES_42(X)
#define QUERIES_43(X)

/* GONE_ENDING came with level 42, but only decides: what it reads is there since MARKS_LEVEL. */
#define REACHED "(select state from agents where id = t.agent) not in " OUT_OF_REACH
#define QUERIES_38(X)                                                                            \
    X(GONE_NEWEST, "select ifnull(max(job), 0) from jobs_gone where name = :name")               \
    X(GONE_ENDING,                                                                               \
      "select t.agent, " REACHED "from jobs_gone g join job_runs r indexed by job_runs_over on " \
      "r.job = g.job join tasks t on t.owner = 1 and t.owner_id = r.id where "                   \
      "g.name = :name and r.ended_ms is not null and r.old_bytes is null and "                   \
      "t.ended_ms is null")                                                                      \
    X(ENDS, "select day, facts, samples, successes, errors, errors_since_success, "              \
            "last_success_ms, last_error_ms from job_ends where job = :job")

#define QUERIES_39(X) \
    X(EVENTS_NEWEST, "select first + n - 1 from event_pages order by first desc limit 1")

/* Applying: only on the writer. */
#define CHANGES(X) \
    CHANGES_1(X)   \
    CHANGES_2(X)   \
    CHANGES_3(X)   \
    CHANGES_4(X)   \
    CHANGES_5(X)   \
    CHANGES_6(X)   \
    CHANGES_7(X)   \
    CHANGES_8(X)   \
    CHANGES_9(X)   \
    CHANGES_10(X)  \
    CHANGES_12(X)  \
    CHANGES_13(X)  \
    CHANGES_15(X)  \
    CHANGES_16(X)  \
    CHANGES_19(X)  \
    CHANGES_22(X)  \
    CHANGES_24(X)  \
    CHANGES_26(X)  \
    CHANGES_28(X)  \
    CHANGES_29(X)  \
    CHANGES_31(X)  \
    CHANGES_33(X)  \
    CHANGES_34(X)  \
    CHANGES_35(X) CHANGES_36(X) CHANGES_38(X) CHANGES_39(X) CHANGES_42(X) CHANGES_43(X)
#define CHANGES_1(X)                                                                              \
    X(SETTING_PUT, "insert into settings(key, value) values(:key, :value) "                       \
                   "on conflict(key) do update set value = :value")                               \
    X(REQUEST_BY_RID, "select outcome from requests where rid = :rid")                            \
    X(REQUEST_PUT, "insert into requests(rid, at_ms, outcome) values(:rid, :at, :outcome)")       \
    X(REQUESTS_COUNT, "select count(*) from requests")                                            \
    X(REQUESTS_TRIM_OLD, "delete from requests where at_ms < :before")                            \
    X(REQUESTS_TRIM_OVER, "delete from requests where rid in (select rid from requests "          \
                          "order by at_ms, rid limit :over)")                                     \
    X(EVENT_PUT, "insert into events(at_ms, idx, noun, name, what, text) "                        \
                 "values(:at, :idx, :noun, :name, :what, :text)")                                 \
    X(EVENTS_TRIM, "delete from events where id <= :id")                                          \
    X(NODE_PUT, "insert into nodes(id, name, address, modes, level, version, seen_ms) "           \
                "values(:id, :name, :address, :modes, :level, :version, :at) on conflict(id) "    \
                "do update set name = :name, address = :address, modes = :modes, "                \
                "level = :level, version = :version, seen_ms = :at")                              \
    X(AGENT_ADD, "insert into agents(id, uid, node, hostname, address, port, state, since_ms, "   \
                 "registered_ms, boot, version, docker, docker_reason, attributes, port_ranges, " \
                 "cpus_milli, mem_bytes, disk_bytes) values((select coalesce(max(id) + 1, 0) "    \
                 "from agents), :uid, :node, :hostname, :address, :port, 0, :at, :at, :boot, "    \
                 ":version, :docker, :docker_reason, :attributes, :port_ranges, :cpus, :mem, "    \
                 ":disk)")                                                                        \
    X(AGENT_AGAIN, "update agents set node = :node, hostname = :hostname, address = :address, "   \
                   "port = :port, state = :state, since_ms = :at, boot = :boot, "                 \
                   "version = :version, docker = :docker, docker_reason = :docker_reason, "       \
                   "attributes = :attributes, port_ranges = :port_ranges, cpus_milli = :cpus, "   \
                   "mem_bytes = :mem, disk_bytes = :disk where uid = :uid")                       \
    X(AGENT_STATE_SET, "update agents set state = :state, since_ms = :at where id = :id")         \
    X(AGENT_USE, "update agents set used_cpus_milli = used_cpus_milli + :cpus, "                  \
                 "used_mem_bytes = used_mem_bytes + :mem, "                                       \
                 "used_disk_bytes = used_disk_bytes + :disk, tasks = tasks + :tasks "             \
                 "where id = :id")                                                                \
    X(PORT_TAKE, "insert into agent_ports(agent, port, task) values(:agent, :port, :task) "       \
                 "on conflict do nothing")                                                        \
    X(PORT_GIVE, "delete from agent_ports where agent = :agent and port = :port")                 \
    X(APP_ADD, "insert into apps(path, definition, instances, version_ms, scaling_ms, "           \
               "config_ms) values(:path, :definition, :instances, :at, :at, :at)")                \
    X(APP_COUNTS_ADD, "insert into app_counts(app) values(:app)")                                 \
    X(APP_CHANGE, "update apps set definition = :definition, instances = :instances, "            \
                  "version_ms = :version, scaling_ms = :scaling, config_ms = :config "            \
                  "where id = :id")                                                               \
    X(APP_GONE, "update apps set gone = 1, instances = 0, version_ms = :version where id = :id")  \
    X(APP_DELETE, "delete from apps where id = :id")                                              \
    X(APP_DELAY, "update apps set delay_ms = :delay, delay_ref_ms = :ref where id = :id")         \
    X(APP_DELAY_REF, "update apps set delay_ref_ms = :ref where id = :id and delay_ms <> 0")      \
    X(APP_FAILURE, "update apps set failure = :failure where id = :id")                           \
    X(APP_COUNT, "update app_counts set live = live + :live, staged = staged + :staged, "         \
                 "running = running + :running, healthy = healthy + :healthy, "                   \
                 "unhealthy = unhealthy + :unhealthy, stopping = stopping + :stopping "           \
                 "where app = :app")                                                              \
    X(VERSION_PUT, "insert into app_versions(app, version_ms, definition) "                       \
                   "values(:app, :version, :definition)")                                         \
    X(VERSIONS_TRIM, "delete from app_versions where app = :app and version_ms <= "               \
                     "(select version_ms from app_versions where app = :app "                     \
                     "order by version_ms desc limit 1 offset :keep)")                            \
    X(SERVICE_PORT_PUT, "insert into service_ports(app, position, port) "                         \
                        "values(:app, :position, :port)")                                         \
    X(SERVICE_PORTS_DROP, "delete from service_ports where app = :app")                           \
    X(DEPLOYMENT_ADD, "insert into deployments(uuid, version_ms, started_ms, step, steps, plan) " \
                      "values(:uuid, :version, :at, 1, :steps, :plan)")                           \
    X(DEPLOYMENT_GO, "update deployments set step = :step where id = :id")                        \
    X(DEPLOYMENT_DELETE, "delete from deployments where id = :id")                                \
    X(DEPLOYMENT_LOCK, "insert into deployment_apps(path, deployment) values(:path, :id)")        \
    X(DEPLOYMENT_OF_PATH, "select deployment from deployment_apps where path = :path")            \
    X(INSTANCE_ADD, "insert into instances(salt, app, version_ms, agent, created_ms, ready) "     \
                    "values(:salt, :app, :version, :agent, :at, :ready)")                         \
    X(INSTANCE_STOPPING, "update instances set stopping = 1 where id = :id")                      \
    X(INSTANCE_HEALTH, "update instances set health = :health where id = :id")                    \
    X(INSTANCE_DELETE, "delete from instances where id = :id")                                    \
    X(INSTANCES_OF_APP, "select count(*) from instances where app = :app")                        \
    X(TASK_ADD, "insert into tasks(owner, owner_id, name, agent, state, cpus_milli, mem_bytes, "  \
                "disk_bytes, ports, version_ms, pong, staged_ms) values(:owner, :owner_id, "      \
                ":name, :agent, 0, :cpus, :mem, :disk, :ports, :version, :pong, :at)")            \
    X(TASK_KILL, "update tasks set state = 3, killed_ms = :at, kill_reason = :reason "            \
                 "where id = :id")                                                                \
    X(TASK_REPORT, "update tasks set state = :state, seq = :seq, "                                \
                   "started_ms = coalesce(started_ms, :started), ended_ms = :ended, "             \
                   "pid = coalesce(:pid, pid), container = coalesce(:container, container), "     \
                   "exit_code = :exit, signal = :signal, reason = :reason, message = :message, "  \
                   "detail = :detail, health = :health, "                                         \
                   "health_results = coalesce(:results, health_results) where id = :id")          \
    X(TASK_REPORT_ALIVE, "update tasks set state = :state, seq = :seq, "                          \
                         "started_ms = coalesce(started_ms, :started), "                          \
                         "pid = coalesce(:pid, pid), container = coalesce(:container, "           \
                         "container), exit_code = :exit, signal = :signal, reason = :reason, "    \
                         "message = :message, detail = :detail, health = :health, "               \
                         "health_results = coalesce(:results, health_results) where id = :id")    \
    X(TASKS_TRIM, "delete from tasks where id in (select id from tasks indexed by tasks_to_trim " \
                  "where ended_ms is not null and owner = 0 order by ended_ms desc, id desc "     \
                  "limit -1 offset :keep)")                                                       \
    X(TASKS_DROP_OF_RUN, "delete from tasks where owner = 1 and owner_id = :run")                 \
    X(TASKS_DROP_OF_JOB, "delete from tasks where owner = 1 and ended_ms is not null and "        \
                         "owner_id in (select id from job_runs where job = :job)")                \
    X(JOB_ADD, "insert into jobs(name, definition, generation, disabled, schedule, k, "           \
               "remaining, next_ms, successes, errors, errors_since_success, last_success_ms, "   \
               "last_error_ms) values(:name, :definition, 1, :disabled, :schedule, :k, "          \
               ":remaining, :next, :successes, :errors, :since, :last_success, :last_error)")     \
    X(JOB_REPLACE, "update jobs set definition = :definition, generation = generation + 1, "      \
                   "disabled = :disabled, schedule = :schedule, k = :k, remaining = :remaining, " \
                   "next_ms = :next, successes = :successes, errors = :errors, "                  \
                   "errors_since_success = :since, last_success_ms = :last_success, "             \
                   "last_error_ms = :last_error where id = :id")                                  \
    X(JOB_CURSOR, "update jobs set schedule = :schedule, k = :k, remaining = :remaining, "        \
                  "next_ms = :next where id = :id")                                               \
    X(JOB_DISABLE, "update jobs set disabled = 1, next_ms = null where id = :id")                 \
    X(JOB_COUNTERS, "update jobs set successes = :successes, errors = :errors, "                  \
                    "errors_since_success = :since, last_success_ms = :last_success, "            \
                    "last_error_ms = :last_error where id = :id")                                 \
    X(JOB_DELETE, "delete from jobs where id = :id")                                              \
    X(JOB_UNFINISHED, "select count(*) from job_runs r where job = :job and cause = 0 and " OPEN) \
    X(RUN_ADD, "insert into job_runs(job, generation, cause, due_ms, attempt, state, priority, "  \
               "deadline_ms, arguments, covers, queued_ms, ended_ms, reason) values(:job, "       \
               ":generation, :cause, :due, 0, :state, :priority, :deadline, :arguments, "         \
               ":covers, :at, :ended, :reason)")                                                  \
    X(RUN_ASSIGN, "update job_runs set state = 1, task = :task where id = :id")                   \
    X(RUN_START, "update job_runs set state = 2, started_ms = coalesce(started_ms, :at) "         \
                 "where id = :id")                                                                \
    X(RUN_END, "update job_runs set state = :state, ended_ms = :at, not_before_ms = null, "       \
               "reason = :reason where id = :id")                                                 \
    X(RUN_RETRY, "update job_runs set state = 8, not_before_ms = :not_before, "                   \
                 "reason = :reason where id = :id")                                               \
    X(RUN_AGAIN, "update job_runs set state = 0, attempt = attempt + 1, "                         \
                 "deadline_ms = null, queued_ms = :at where id = :id")                            \
    X(RUN_BACK, "update job_runs set state = 0, task = null where id = :id")                      \
    X(RUNS_TO_TRIM, "select id from job_runs where job = :job and state > 2 and state <> 8 "      \
                    "and not exists(select 1 from tasks where owner = 1 and "                     \
                    "owner_id = job_runs.id and ended_ms is null) "                               \
                    "order by due_ms desc, id desc limit 64 offset :keep")                        \
    X(RUN_DELETE, "delete from job_runs where id = :id")                                          \
    X(STAT_PUT, "insert into job_stats(job, run, took_ms) values(:job, :run, :took)")             \
    X(STATS_TRIM, "delete from job_stats where job = :job and run <= (select run from job_stats " \
                  "where job = :job order by run desc limit 1 offset :keep)")
#define CHANGES_2(X)                                                                       \
    X(TOKEN_ADD, "insert into tokens(id, modes, hash, made_by, made_ms, until_ms) "        \
                 "values(:id, :modes, :hash, :by, :at, :until)")                           \
    X(TOKEN_REVOKE, "update tokens set revoked_ms = :at where id = :id")                   \
    X(TOKEN_USED, "update tokens set used = used + 1, used_ms = :at where id = :id")       \
    X(TOKENS_TRIM, "delete from tokens where until_ms < :before")                          \
    X(IDENTITY_PUT, "insert into identities(id, store, name, address, modes, serial, "     \
                    "until_ms, joined_ms, token) values(:id, :store, :name, :address, "    \
                    ":modes, :serial, :until, :at, :token) on conflict(id) do update set " \
                    "name = :name, address = :address, modes = :modes, serial = :serial, " \
                    "until_ms = :until, joined_ms = :at, token = coalesce(:token, token)") \
    X(IDENTITY_RENEW, "update identities set serial = :serial, until_ms = :until "         \
                      "where id = :id")                                                    \
    X(IDENTITY_GONE, "update identities set gone_ms = :at where id = :id")                 \
    X(IDENTITIES_TRIM, "delete from identities where id in (select id from identities "    \
                       "where gone_ms is not null order by gone_ms desc, id desc "         \
                       "limit -1 offset :keep)")
#define CHANGES_3(X)                                                                        \
    X(LISTENERS_PUT, "insert into listeners(node, marathon, chronos, mesos) "               \
                     "values(:node, :marathon, :chronos, :mesos) on conflict(node) do "     \
                     "update set marathon = :marathon, chronos = :chronos, mesos = :mesos") \
    X(HOLD, "insert into holds(node, since_ms) values(:node, :at) on conflict do nothing")  \
    X(HOLD_END, "delete from holds where node = :node")
#define CHANGES_4(X)                                                                  \
    X(DRAIN, "insert into drains(agent, since_ms, made_by) values(:agent, :at, :by)") \
    X(DRAIN_END, "delete from drains where agent = :agent")                           \
    X(NODE_DROP, "delete from nodes where id = :node")                                \
    X(LISTENERS_DROP, "delete from listeners where node = :node")                     \
    X(AGENTS_OF_NODE, "select id from agents where node = :node and state <> 4 order by id")
#define CHANGES_5(X)                                                                              \
    X(MEMBER_PUT, "insert into members(node, role, up, since_ms) values(:node, :role, :up, :at) " \
                  "on conflict(node) do update set role = :role, up = :up, since_ms = :at")       \
    X(MEMBER_DROP, "delete from members where node = :node")
#define CHANGES_6(X)                                                                  \
    X(IDENTITY_KEY_PUT, "insert into identity_keys(node, hash) values(:node, :hash) " \
                        "on conflict(node) do update set hash = :hash")               \
    X(IDENTITY_KEY_DROP, "delete from identity_keys where node = :node")
#define CHANGES_7(X)                                                                        \
    X(CALLBACKS_COUNT, "select count(*) from callbacks")                                    \
    X(CALLBACK_PUT, "insert into callbacks(url, since_ms, made_by) values(:url, :at, :by)") \
    X(CALLBACK_DROP, "delete from callbacks where url = :url")
#define CHANGES_8(X)                                                                   \
    X(READINESS_PUT, "insert into readiness(instance, results) values(:id, :results) " \
                     "on conflict(instance) do update set results = :results")         \
    X(INSTANCE_READY, "update instances set ready = 1 where id = :id")
/* One that still ends keeps its versions: its tasks are of them. */
#define REMOVED_OLD                                                   \
    "select r.app from apps_removed r where r.removed_ms <= :oldest " \
    "and not exists(select 1 from apps where id = r.app)"
#define CHANGES_9(X)                                                                           \
    X(GROUP_PUT, "insert into groups(path, version_ms, dependencies, enforce_role) "           \
                 "values(:path, :version, :dependencies, :enforce_role) on conflict(path) do " \
                 "update set version_ms = :version, dependencies = :dependencies, "            \
                 "enforce_role = :enforce_role")                                               \
    X(GROUP_KEEP, "insert into group_versions select path, version_ms, :until, dependencies, " \
                  "enforce_role from groups where path = :path")                               \
    X(GROUP_TOUCH, "update groups set version_ms = :version where path = :path")               \
    X(GROUP_DROP, "delete from groups where path = :path")                                     \
    X(GROUPS_TRIM_FROM, "select version_ms from group_versions where path = '/' "              \
                        "order by version_ms desc limit 1 offset :keep")                       \
    X(GROUP_VERSIONS_TRIM, "delete from group_versions where until_ms <= :oldest")             \
    X(REMOVED_PUT, "insert into apps_removed(app, path, removed_ms) values(:app, :path, :at)") \
    X(REMOVED_ANY, "select 1 from apps_removed where removed_ms <= :oldest limit 1")           \
    X(REMOVED_VERSIONS_TRIM, "delete from app_versions where app in (" REMOVED_OLD ")")        \
    X(REMOVED_TRIM, "delete from apps_removed where app in (" REMOVED_OLD ")")
#define CHANGES_10(X)                                                                          \
    X(POD_END_PUT, "insert into pod_ends(app, name, created_ms, ended_ms, message, "           \
                   "containers) values(:app, :name, :created, :ended, :message, :containers)") \
    X(POD_ENDS_TRIM, "delete from pod_ends where app = :app and id <= (select id from "        \
                     "pod_ends where app = :app order by id desc limit 1 offset :keep)")
#define CHANGES_12(X)                                                                       \
    X(CHECK_PUT, "insert into check_results(task, kind, code) values(:task, :kind, :code) " \
                 "on conflict(task) do update set kind = :kind, code = :code")
#define CHANGES_13(X)                                                                           \
    X(DEPENDENT_PUT, "insert into job_dependents(job, mode, priority) "                         \
                     "values(:job, :mode, :priority) on conflict(job) do update set "           \
                     "mode = :mode, priority = :priority")                                      \
    X(DEPENDENT_DROP, "delete from job_dependents where job = :job")                            \
    X(DEPENDENT_FIRED, "update job_dependents set fired = fired + 1, fired_by = :by, "          \
                       "fired_root = :root where job = :job")                                   \
    X(DEPENDENT_DONE, "update job_dependents set fired = 0, fired_by = 0, fired_root = 0 "      \
                      "where job = :job and fired > 0")                                         \
    X(DEPENDENTS_TO_FIRE, "select job from job_dependents where fired > 0 order by job "        \
                          "limit :most")                                                        \
    X(JOB_DEFINE, "update jobs set definition = :definition, generation = generation + 1 "      \
                  "where id = :id")                                                             \
    X(PARENTS, "select parent from job_edges where child = :child order by parent")             \
    X(EDGE_PUT, "insert into job_edges(child, parent, ends) values(:child, :parent, :ends) "    \
                "on conflict(child, parent) do update set ends = :ends, "                       \
                "met = case when ends = :ends then met else 0 end")                             \
    X(EDGE_INHERIT, "insert into job_edges(child, parent, ends, met) "                          \
                    "values(:child, :parent, :ends, :met) on conflict do nothing")              \
    X(EDGE_DROP, "delete from job_edges where child = :child and parent = :parent")             \
    X(EDGES_DROP, "delete from job_edges where child = :child")                                 \
    X(EDGES_MEET, "update job_edges set met = :root where parent = :parent and "                \
                  "ends & :ends <> 0")                                                          \
    X(EDGES_RESET, "update job_edges set met = 0 where child = :child and met <> 0")            \
    X(CHILDREN_RIPE, "select e.child from job_edges e cross join job_dependents d "             \
                     "on d.job = e.child cross join jobs j on j.id = e.child "                  \
                     "where e.parent = :parent and e.ends & :ends <> 0 and j.disabled = 0 and " \
                     "(d.mode = 2 or (not exists(select 1 from job_edges o where "              \
                     "o.child = e.child and o.met = 0) and (d.mode <> 3 or "                    \
                     "not exists(select 1 from job_edges o where o.child = e.child and "        \
                     "(o.met < :root or o.met > :root))))) order by e.child")                   \
    X(RUN_OF_FIRING, "select r.id from job_runs r where r.job = :job and " OPEN                 \
                     "and r.state = 0 and r.cause = 2 and r.attempt = 0 order by r.id limit 1") \
    X(CAUSE_PUT, "insert into job_causes(run, by_run, root) values(:run, :by, :root)")
#define CHANGES_15(X)                                                                           \
    X(RESERVATION_ADD, "insert into reservations(instance, app, agent, cpus_milli, mem_bytes, " \
                       "disk_bytes, ports, incarnation, first_task) values(:instance, :app, "   \
                       ":agent, :cpus, :mem, :disk, :ports, 1, :task)")                         \
    X(RESERVATION_USED, "update reservations set incarnation = incarnation + 1, "               \
                        "first_task = :task, idle_ms = null, stopped = 0 "                      \
                        "where instance = :instance")                                           \
    X(RESERVATION_IDLE, "update reservations set idle_ms = :at, stopped = :stopped "            \
                        "where instance = :instance")                                           \
    X(RESERVATION_WIPE, "update reservations set wiped = 1 where instance = :instance")         \
    X(INSTANCE_IDLE, "update instances set stopping = 0, health = 0 where id = :id")            \
    X(INSTANCE_AGAIN, "update instances set version_ms = :version, ready = :ready "             \
                      "where id = :id")                                                         \
    X(READINESS_DROP, "delete from readiness where instance = :id")                             \
    X(VOLUME_ADD, "insert into volumes(agent, instance, path, name, size_bytes) "               \
                  "values(:agent, :instance, :path, :name, :size)")                             \
    X(VOLUMES_GIVE_UP, "update volumes set given_up = 1 where instance = :instance")            \
    X(VOLUME_DELETE, "delete from volumes where id = :id and agent = :agent and given_up = 1")  \
    X(VOLUMES_OF_AGENT_DELETE, "delete from volumes where agent = :agent")                      \
    X(TASKS_TRIM_UNKEPT, "delete from tasks where id in (select id from tasks indexed by "      \
                         "tasks_to_trim where ended_ms is not null and owner = 0 "              \
                         "order by ended_ms desc, id desc limit -1 offset :keep) and not "      \
                         "exists(select 1 from reservations r where r.instance = "              \
                         "tasks.owner_id and tasks.id >= r.first_task)")
#define CHANGES_16(X)                                                                            \
    X(JOB_TASK_ASYNC, "insert into job_tasks(task, async) values(:task, 1)")                     \
    X(JOB_TASK_PROGRESS, "insert into job_tasks(task, async, elements) values(:task, 0, :more) " \
                         "on conflict(task) do update set elements = elements + :more")
#define CHANGES_19(X)                                                                   \
    X(APP_END_PUT, "insert into app_ends(app, ended) values(:app, :ended) "             \
                   "on conflict(app) do update set ended = :ended")                     \
    X(NODE_REGION_PUT, "insert into node_regions(node, region) values(:node, :region) " \
                       "on conflict(node) do update set region = :region")              \
    X(NODE_REGION_DROP, "delete from node_regions where node = :node")
#define CHANGES_22(X)                                                                         \
    X(JOB_PAUSE_PUT, "insert into job_pauses(job, at_ms, made_by, reason) values(:job, :at, " \
                     ":by, :reason) on conflict(job) do nothing")                             \
    X(JOB_PAUSE_DROP, "delete from job_pauses where job = :job")                              \
    X(JOB_ENABLE, "update jobs set disabled = 0 where id = :id")
#define CHANGES_24(X)                                                                   \
    X(NOTICE_ADD, "insert into notices(at_ms, event, job, run, owners, facts) "         \
                  "values(:at, :event, :job, :run, :owners, :facts)")                   \
    X(NOTICE_WAY_ADD, "insert into notice_ways(notice, channel, error) "                \
                      "values(:notice, :channel, '')")                                  \
    X(NOTICE_WAY_WAITS, "select 1 from notice_ways where notice = :notice and "         \
                        "channel = :channel and over_ms is null")                       \
    X(NOTICE_WAY_TOLD, "update notice_ways set over_ms = :over, error = :error "        \
                       "where notice = :notice and channel = :channel")                 \
    X(NOTICES_TRIM, "delete from notices where id <= :id and not exists(select 1 from " \
                    "notice_ways w where w.notice = notices.id and w.over_ms is null)") \
    X(NOTICES_DROP, "delete from notices where id <= :id")
#define CHANGES_26(X)                                                                            \
    X(BACKFILL_ADD, "insert into job_backfills(job, at_ms, made_by, from_ms, to_ms, next_ms, "   \
                    "most, again) values(:job, :at, :by, :from, :to, :from, :most, :again)")     \
    X(BACKFILL_MOVE, "update job_backfills set next_ms = :next, made = made + :made, "           \
                     "passed = passed + :passed where id = :id")                                 \
    X(BACKFILL_COUNT, "update job_backfills set good = good + :good, bad = bad + :bad "          \
                      "where id = :id")                                                          \
    X(BACKFILL_CANCEL, "update job_backfills set canceled = 1, next_ms = to_ms where id = :id")  \
    X(BACKFILL_END, "update job_backfills set ended_ms = :at where id = :id")                    \
    X(BACKFILLS_TRIM, "delete from job_backfills where job = :job and ended_ms is not null and " \
                      "id <= (select id from job_backfills where job = :job order by id desc "   \
                      "limit 1 offset :keep)")                                                   \
    X(WISH_PUT, "insert into job_wishes(run, environment, backfill) values(:run, :environment, " \
                ":backfill)")                                                                    \
    X(FILLED_PUT, "insert into job_filled(job, due_ms) values(:job, :due) on conflict(job, "     \
                  "due_ms) do nothing")                                                          \
    X(FORGOTTEN_PUT,                                                                             \
      "insert into job_forgotten(job, due_ms) select job, due_ms from job_runs "                 \
      "where id = :run and cause = 0 and state not in (7, 9, 10, 12) on conflict(job) "          \
      "do update set due_ms = max(due_ms, excluded.due_ms)")
/* DAY_LONGEST and DAY_LATEST are no counts: what is not larger leaves its row alone. */
#define DAY_COUNT(rows)                                                                      \
    "insert into job_days(job, day, fact, bucket, n) values" rows " on conflict(job, day, "  \
    "fact, bucket) do update set n = iif(fact in (3, 4), excluded.n, n + excluded.n) where " \
    "fact not in (3, 4) or excluded.n > n"
#define CHANGES_28(X)                                                                              \
    X(USAGE_PUT, "insert into task_usage(task, mem_peak_bytes, cpu_ms) values(:task, :mem, :cpu) " \
                 "on conflict(task) do update set mem_peak_bytes = :mem, cpu_ms = :cpu")           \
    X(RUN_OVER_ADD, "insert into runs_over(job, due_ms, run) values(:job, :due, :run)")            \
    X(RUN_OVER_DROP, "delete from runs_over where run = :run and "                                 \
                     "job = (select job from job_runs where id = :run) and "                       \
                     "due_ms = (select due_ms from job_runs where id = :run)")                     \
    X(RUNS_OVER_BEYOND, "select run from runs_over where job = :job and not exists(select 1 "      \
                        "from tasks where owner = 1 and owner_id = run and ended_ms is null) "     \
                        "order by due_ms desc, run desc limit 64 offset :keep")                    \
    X(RUN_OLD_ADD, "insert into runs_old(run, job, ended_ms, bytes) select r.id, r.job, "          \
                   "coalesce(r.ended_ms, :at), :run_bytes + length(cast(r.reason as blob)) + "     \
                   "coalesce(length(cast(r.arguments as blob)), 0) + (select "                     \
                   "coalesce(sum(:task_bytes + length(cast(t.name as blob)) + "                    \
                   "coalesce(length(cast(t.message as blob)), 0)), 0) from tasks t "               \
                   "where t.owner = 1 and t.owner_id = r.id) from job_runs r where r.id = :run")   \
    X(RUN_OLD_BYTES, "select bytes from runs_old where run = :run")                                \
    X(RUNS_OLD_RESIZE, "update runs_old_size set runs = runs + :runs, bytes = bytes + :bytes "     \
                       "where k = 0")                                                              \
    X(RUNS_OLD_FIRST, "select run, ended_ms from runs_old order by ended_ms, run limit 64")        \
    X(RUNS_OLD_BEYOND, "select run from runs_old where job = :job order by ended_ms desc, "        \
                       "run desc limit 64 offset :keep")                                           \
    X(RUNS_OLD_OF_JOB, "select count(*), coalesce(sum(bytes), 0) from runs_old where job = :job")  \
    X(DAY_COUNT_1, DAY_COUNT("(:job, :day, :fact1, :bucket1, :n1)"))                               \
    X(DAY_COUNT_3, DAY_COUNT("(:job, :day, :fact1, :bucket1, :n1), "                               \
                             "(:job, :day, :fact2, :bucket2, :n2), "                               \
                             "(:job, :day, :fact3, :bucket3, :n3)"))                               \
    X(DAY_COUNT_5, DAY_COUNT("(:job, :day, :fact1, :bucket1, :n1), "                               \
                             "(:job, :day, :fact2, :bucket2, :n2), "                               \
                             "(:job, :day, :fact3, :bucket3, :n3), "                               \
                             "(:job, :day, :fact4, :bucket4, :n4), "                               \
                             "(:job, :day, :fact5, :bucket5, :n5)"))                               \
    X(DAYS_TRIM, "delete from job_days where job = :job and day <= :day")                          \
    X(SAMPLES_LAST, "select part, n from job_samples where job = :job "                            \
                    "order by part desc limit 1")                                                  \
    X(SAMPLES_PUT, "insert into job_samples(job, part, n, ms) values(:job, :part, :n, :ms) "       \
                   "on conflict(job, part) do update set n = n + :n, ms = ms || ',' || :ms")       \
    X(SAMPLES_TRIM, "delete from job_samples where job = :job and part <= :part")
#define CHANGES_29(X)                                                                            \
    X(JOB_TIMES_PUT, "insert into job_times(job, starts_ms, ends_ms) values(:job, :starts, "     \
                     ":ends) on conflict(job) do update set starts_ms = :starts, "               \
                     "ends_ms = :ends")                                                          \
    X(JOB_TIMES_DROP, "delete from job_times where job = :job")                                  \
    X(CALENDAR_PUT, "insert into calendars(name, description, days, changed_ms, changed_idx) "   \
                    "values(:name, :description, :days, :at, :idx) on conflict(name) do update " \
                    "set description = :description, days = :days, changed_ms = :at, "           \
                    "changed_idx = :idx")                                                        \
    X(CALENDAR_DELETE, "delete from calendars where id = :id")                                   \
    X(JOB_CALENDARS_DROP, "delete from job_calendars where job = :job")                          \
    X(JOB_CALENDAR_PUT, "insert into job_calendars(job, calendar) values(:job, :calendar) on "   \
                        "conflict(job, calendar) do nothing")                                    \
    X(JOB_CALENDARS_INHERIT, "insert into job_calendars(job, calendar) select :job, calendar "   \
                             "from job_calendars where job = :from order by calendar")           \
    X(RUN_COVER_MORE, "update job_runs set covers = covers + :covers, due_ms = :due, "           \
                      "ended_ms = :at where id = :id")                                           \
    X(RUN_OVER_MOVE, "update runs_over set due_ms = :due where job = :job and due_ms = :was "    \
                     "and run = :run")
#define CHANGES_31(X)                                                                        \
    X(NOTICE_TRIED, "insert into notice_tries(notice, channel, failed, next_ms) "            \
                    "values(:notice, :channel, 1, :next) on conflict(notice, channel) do "   \
                    "update set failed = failed + 1, next_ms = :next")                       \
    X(NOTICE_COUNTED, "insert into notice_counts(channel, sent, given_up) values(:channel, " \
                      ":sent, :given_up) on conflict(channel) do update set sent = sent + "  \
                      ":sent, given_up = given_up + :given_up")
#define CHANGES_33(X)                                                                  \
    X(TRIM_PUT, "insert into job_trims(job) values(:job) on conflict(job) do nothing") \
    X(TRIM_FIRST, "select job from job_trims order by job limit 1")                    \
    X(TRIM_DROP, "delete from job_trims where job = :job")
#define CHANGES_34(X)                                                                              \
    X(JOB_GO,                                                                                      \
      "update jobs set name = :called, disabled = " GONE_WORD ", next_ms = null where id = :id")   \
    X(GONE_ADD, "insert into jobs_gone(job, name, at_ms, made_by, bytes) select id, :name, :at, "  \
                ":by, :bytes + length(cast(definition as blob)) from jobs where id = :job")        \
    X(GONE_BYTES_OF, "select bytes from jobs_gone where job = :job")                               \
    X(RUN_GONE, "select job from jobs_gone where job = (select job from job_runs where id = :id)") \
    X(RUN_ANY, "select 1 from job_runs where job = :job limit 1")                                  \
    X(BACKFILLS_DROP, "delete from job_backfills where job = :job")                                \
    X(FILLED_DROP, "delete from job_filled where job = :job and due_ms in (select due_ms from "    \
                   "job_filled where job = :job order by due_ms limit :most)")
#define CHANGES_35(X)                                                                 \
    X(WALK_TO, "insert into history_walks(k, job) values(0, :job) on conflict(k) do " \
               "update set job = :job")                                               \
    X(WALK_END, "delete from history_walks where k = 0")                              \
    X(JOB_AFTER, "select min(id) from jobs where id > :job")
#define CHANGES_36(X)                                                                  \
    X(REQUEST_OF_PARTS, "select outcome from requests where rid >= :parts || ' ' and " \
                        "rid < :parts || '!' order by rid limit 1")

#define CHANGES_38(X)                                                                            \
    X(ENDS_ADD, "insert into job_ends(job, day, facts, samples, successes, errors, "             \
                "errors_since_success, last_success_ms, last_error_ms) values(?1, ?2, ?3, ?4, "  \
                "?5, ?6, ?7, ?8, ?9)")                                                           \
    X(ENDS_PUT, "update job_ends set day = ?2, facts = ?3, samples = ?4, successes = ?5, "       \
                "errors = ?6, errors_since_success = ?7, last_success_ms = ?8, "                 \
                "last_error_ms = ?9 where job = ?1")                                             \
    X(ENDS_UNCOUNT, "update job_ends set successes = null, errors = null, "                      \
                    "errors_since_success = null, last_success_ms = null, last_error_ms = null " \
                    "where job = :job")
#define CHANGES_39(X)
#define CHANGES_42(X)                                                                          \
    X(BACKFILLS_END, "update job_backfills set canceled = 1, next_ms = to_ms, ended_ms = :at " \
                     "where job = :job and ended_ms is null")
#define CHANGES_43(X)                                                                          \
    X(FRESH, "select fresh, mark_ms from job_ends where job = :job")                           \
    X(FRESH_PUT, "update job_ends set fresh = :fresh, mark_ms = :mark where job = :job")       \
    X(FRESH_DROP, "update job_ends set fresh = fresh - 1 where job = (select job from "        \
                  "job_runs where id = :run and ended_ms is not null and old_bytes is null "   \
                  "and held is null)")                                                         \
    X(RUNS_FRESH, "select id, due_ms from job_runs where job = :job and due_ms >= :mark and "  \
                  "ended_ms is not null and old_bytes is null and held is null "               \
                  "order by due_ms, id limit :limit")                                          \
    X(RUN_HOLD, "update job_runs set held = 1 where id = :run")                                \
    X(RUN_RELEASE, "update job_runs set held = null where id = :run and held is not null and " \
                   "not " LIVES_ON)

/* Statements of before, as a level has them whose tables are others: X(level, name, text), in the
 * order of levels. */
#define ANEW(X) ANEW_37(X) ANEW_38(X) ANEW_39(X) ANEW_43(X)
#define NO_MORE "select null" /* its table is not there any more */
#define MAKE_OLD                                                          \
    "update job_runs set old_bytes = :run_bytes + length(cast(reason as " \
    "blob)) + coalesce(length(cast(arguments as blob)), 0) + (select "    \
    "coalesce(sum(:task_bytes + length(cast(t.name as blob)) + "          \
    "coalesce(length(cast(t.message as blob)), 0)), 0) from tasks t "     \
    "where t.owner = 1 and t.owner_id = job_runs.id) "
#define LIVES_ON \
    "exists(select 1 from tasks where owner = 1 and owner_id = :run and ended_ms is null)"
#define ANEW_37(X)                                                                           \
    X(37, RUNS_ACTIVE,                                                                       \
      RUN_COLUMNS "where r.id in (select id from job_runs indexed by "                       \
                  "job_runs_open where ended_ms is null and state in (1, 2)) order by r.id") \
    X(37, RUN_OVER_ADD, NO_MORE)                                                             \
    X(37, RUN_OVER_DROP, NO_MORE)                                                            \
    X(37, RUN_OVER_MOVE, NO_MORE)                                                            \
    X(37, RUNS_OVER_BEYOND,                                                                  \
      "select id from (select id from job_runs where job = :job and "                        \
      "ended_ms is not null and old_bytes is null order by due_ms desc, "                    \
      "id desc limit -1 offset :keep) r where not exists(select 1 from "                     \
      "tasks where owner = 1 and owner_id = r.id and ended_ms is null) limit 64")            \
    X(37, RUN_OLD_ADD, MAKE_OLD "where id = :run")                                           \
    X(37, RUN_OLD_BYTES, "select old_bytes from job_runs where id = :run")                   \
    X(37, RUNS_OLD_FIRST,                                                                    \
      "select id, ended_ms from job_runs where old_bytes is not null "                       \
      "order by ended_ms, id limit 64")                                                      \
    X(37, RUNS_OLD_BEYOND,                                                                   \
      "select id from job_runs where job = :job and old_bytes is not null "                  \
      "order by ended_ms desc, id desc limit 64 offset :keep")                               \
    X(37, RUNS_OLD_OF_JOB, NO_MORE)
#define ANEW_43(X)                                                                             \
    X(43, GONE_ENDING,                                                                         \
      "select t.agent, " REACHED                                                               \
      "from (select r.id from jobs_gone g join job_runs r indexed by job_runs_held "           \
      "on r.job = g.job where g.name = :name and r.held is not null union all "                \
      "select r.id from jobs_gone g join job_ends e on e.job = g.job join job_runs r indexed " \
      "by job_runs_by_job on r.job = g.job where g.name = :name and e.fresh > 0 and "          \
      "r.due_ms >= e.mark_ms and r.ended_ms is not null and r.old_bytes is null) r "           \
      "cross join tasks t on t.owner = 1 and t.owner_id = r.id where t.ended_ms is null")      \
    X(43, ENDS,                                                                                \
      "select day, facts, samples, successes, errors, errors_since_success, last_success_ms, " \
      "last_error_ms, fresh, mark_ms from job_ends where job = :job")                          \
    X(43, RUNS_OVER_BEYOND, NO_MORE)                                                           \
    X(43, RUN_OLD_ADD, MAKE_OLD "where id = :run and not " LIVES_ON)                           \
    X(43, ENDS_ADD,                                                                            \
      "insert into job_ends(job, day, facts, samples, successes, errors, "                     \
      "errors_since_success, last_success_ms, last_error_ms, fresh, mark_ms) values(?1, ?2, "  \
      "?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")                                                 \
    X(43, ENDS_PUT,                                                                            \
      "update job_ends set day = ?2, facts = ?3, samples = ?4, successes = ?5, errors = ?6, "  \
      "errors_since_success = ?7, last_success_ms = ?8, last_error_ms = ?9, fresh = ?10, "     \
      "mark_ms = ?11 where job = ?1")
#define AT_38 38,
#define ANEW_38(X)                                              \
    JOB_QUERIES(X, AT_38, COUNTERS_OF_ENDS, FROM_JOBS_AND_ENDS) \
    JOB_GONE_QUERIES(X, AT_38, COUNTERS_OF_ENDS, FROM_JOBS_AND_ENDS)
#define EVENT_PAGE_COLUMNS "select first, n, at_ms, idx, packed from event_pages "
#define ANEW_39(X)                                                                            \
    X(39, EVENTS_AFTER,                                                                       \
      EVENT_PAGE_COLUMNS "where first >= coalesce((select max(first) from event_pages where " \
                         "first <= :id), 0) order by first")                                  \
    X(39, EVENTS_BEFORE, EVENT_PAGE_COLUMNS "where first < :id order by first desc")          \
    X(39, EVENTS_OLDEST, "select min(first) from event_pages")                                \
    X(39, EVENT_PUT,                                                                          \
      "insert into event_pages(first, n, at_ms, idx, packed) "                                \
      "values(:first, :n, :at, :idx, :packed)")                                               \
    X(39, EVENTS_TRIM,                                                                        \
      "delete from event_pages where first in (select first from event_pages where "          \
      "first < (select max(first) from event_pages where first <= :id + 1) "                  \
      "order by first limit :most)")
