-- Level 1. Integer keys everywhere, never used twice (autoincrement) where somebody outside may
-- still hold an old one; ids that people see are looked up once at the door. Units are
-- in the names. States are the small integers of model/states.h. Rows of one table are only ever
-- changed by applying commands, in the order of the log.

create table settings( -- cluster-wide facts and counters
    key text primary key,
    value text not null
) strict, without rowid;

create table requests( -- request id -> outcome of the write it named (DESIGN 4, Once)
    rid text primary key,
    at_ms integer not null,
    outcome text not null
) strict, without rowid;
create index requests_by_age on requests(at_ms);

create table events( -- the change feed as people and event streams see it; bounded
    id integer primary key autoincrement,
    at_ms integer not null,
    idx integer not null, -- of the log entry
    noun integer not null,
    name text not null,
    what text not null,
    text text not null
) strict;

create table nodes(
    id integer primary key, -- Raft's id
    name text not null,
    address text not null,
    modes integer not null, -- bits: enum mode
    level integer not null, -- the newest schema level it knows
    version text not null,
    seen_ms integer not null
) strict;

create table agents(
    id integer primary key,       -- counted from 0: the N of "…-SN"
    uid integer not null unique,  -- 63 random bits from agent.db
    node integer not null,        -- of the process it lives in; 0: none
    hostname text not null,
    address text not null,        -- IP that tasks and service ports are reached at
    port integer not null,        -- its HTTP listener
    state integer not null,       -- enum agent_state
    since_ms integer not null,    -- when it took that state
    registered_ms integer not null,
    boot text not null,
    version text not null,
    docker text not null,         -- version, or '' with the reason in docker_reason
    docker_reason text not null,
    attributes text not null,     -- JSON object
    port_ranges text not null,    -- "31000-32000"
    cpus_milli integer not null, mem_bytes integer not null, disk_bytes integer not null,
    used_cpus_milli integer not null default 0, used_mem_bytes integer not null default 0,
    used_disk_bytes integer not null default 0,
    tasks integer not null default 0 -- not ended
) strict;

create table agent_ports( -- host ports that unended tasks hold
    agent integer not null references agents(id),
    port integer not null,
    task integer not null,
    primary key(agent, port)
) strict, without rowid;

create table apps(
    id integer primary key autoincrement,
    path text not null,             -- "/shop/web"
    gone integer not null default 0, -- 1: deleted, its instances are being stopped
    definition text not null,        -- canonical JSON (spec/marathon.md 4.2) without version
    instances integer not null,
    version_ms integer not null,
    scaling_ms integer not null,
    config_ms integer not null,      -- instances older than this are old (4.7)
    delay_ms integer not null default 0, -- backoff (9.2): 0 = no entry
    delay_ref_ms integer not null default 0,
    failure text                     -- lastTaskFailure as JSON
) strict;
create unique index apps_by_path on apps(path) where gone = 0;
create index apps_going on apps(path) where gone = 1;

create table app_versions(
    app integer not null references apps(id) on delete cascade,
    version_ms integer not null,
    definition text not null,
    primary key(app, version_ms)
) strict, without rowid;

create table service_ports( -- what live apps' definitions name, for assigning (7.3) and routing
    app integer not null references apps(id) on delete cascade,
    position integer not null, -- of the port definition or mapping
    port integer not null,
    primary key(app, position)
) strict, without rowid;
create index service_ports_by_port on service_ports(port);

create table deployments( -- running ones only
    id integer primary key autoincrement,
    uuid blob not null unique,
    version_ms integer not null,
    started_ms integer not null,
    step integer not null,  -- the one at work, from 1 on
    steps integer not null,
    plan text not null      -- JSON: {"steps":[{"actions":[{"action","app"}]}],"original":[…],"target":[…]}
) strict;

create table deployment_apps( -- the lock: an app is in at most one running deployment
    path text primary key,
    deployment integer not null references deployments(id) on delete cascade
) strict, without rowid;
create index deployment_apps_by_deployment on deployment_apps(deployment);

create table app_counts( -- of instances, kept as they change, so that a list costs a row an app
    app integer primary key references apps(id) on delete cascade,
    live integer not null default 0, staged integer not null default 0,
    running integer not null default 0, healthy integer not null default 0,
    unhealthy integer not null default 0, stopping integer not null default 0
) strict;

create table instances( -- launched and not ended; waiting ones are counted, not kept
    id integer primary key autoincrement,
    salt integer not null, -- the random half of its uuid; the other half is its key
    app integer not null references apps(id),
    version_ms integer not null, -- the app's version it was started with
    stopping integer not null default 0, -- 1: its goal is to end
    agent integer not null references agents(id),
    created_ms integer not null,
    health integer not null default 0, -- enum health_state over all its checks
    ready integer not null default 1
) strict;
create index instances_by_app on instances(app);

create table tasks( -- of instances and of job runs; ended ones are kept, bounded
    id integer primary key autoincrement,
    owner integer not null,    -- enum owner: app, job
    owner_id integer not null, -- instance or run
    name text not null,        -- the id that people see
    agent integer not null references agents(id),
    state integer not null,    -- enum task_state
    seq integer not null default 0, -- of the newest status taken in
    cpus_milli integer not null, mem_bytes integer not null, disk_bytes integer not null,
    ports text not null,       -- JSON array of host ports
    version_ms integer not null,
    pong integer not null,     -- the agent's newest when this was decided (DESIGN 6, start lease)
    staged_ms integer not null,
    started_ms integer,
    ended_ms integer,
    killed_ms integer,         -- when its kill was decided
    kill_reason text,
    pid integer,
    container text,
    exit_code integer, signal integer,
    reason text,               -- Mesos's word (spec/mesos.md 3.4)
    message text not null default '',
    detail text not null default '', -- "pulling 40 %" while it stages
    health integer not null default 0,
    health_results text        -- JSON array, as spec/marathon.md 6.1 shows them
) strict;
create index tasks_by_owner on tasks(owner, owner_id);
create index tasks_alive on tasks(agent) where ended_ms is null;
create index tasks_to_order on tasks(agent) where state in (0, 3); -- to be run, to be ended
create index tasks_ended on tasks(ended_ms) where ended_ms is not null;
create index tasks_to_trim on tasks(ended_ms) where ended_ms is not null and owner = 0;

create table jobs(
    id integer primary key autoincrement,
    name text not null unique,
    definition text not null,     -- as given, without cursor and counters
    generation integer not null,  -- raised by every replace
    disabled integer not null,
    schedule text,                -- as displayed now (spec/chronos.md 3.6); NULL: dependent
    k integer not null, remaining integer not null, -- cursor (3.5)
    next_ms integer,              -- target(k) when enabled and remaining <> 0
    successes integer not null default 0, errors integer not null default 0,
    errors_since_success integer not null default 0,
    last_success_ms integer, last_error_ms integer
) strict;
create index jobs_by_next on jobs(next_ms) where next_ms is not null;

create table job_runs(
    id integer primary key autoincrement,
    job integer not null references jobs(id) on delete cascade,
    generation integer not null,
    cause integer not null,      -- enum run_cause
    due_ms integer not null,
    attempt integer not null,
    state integer not null,      -- enum run_state
    priority integer not null,
    deadline_ms integer,         -- of the start, WINDOW mode
    not_before_ms integer,       -- of a retry, once there was one: the due time in its task id
    arguments text,              -- of a manual run
    covers integer not null default 1, -- targets that one MISSED or COALESCED record stands for
    queued_ms integer not null,
    started_ms integer, ended_ms integer,
    task integer,                -- of the newest attempt
    reason text not null default ''
) strict;
create index job_runs_by_job on job_runs(job, due_ms);
create unique index job_runs_once on job_runs(job, due_ms) where cause = 0 and covers = 1;
create index job_runs_open on job_runs(job) where state < 3 or state = 8; -- a list of so many would
    -- be built and thrown away at every change of a run
create index job_runs_waiting on job_runs(priority desc, due_ms, id) where state = 0;
create index job_runs_retrying on job_runs(not_before_ms) where state = 8;
create index job_runs_active on job_runs(id) where state in (1, 2);

create table job_stats( -- durations of successful runs, for percentiles; bounded a job
    job integer not null references jobs(id) on delete cascade,
    run integer not null,
    took_ms integer not null,
    primary key(job, run)
) strict, without rowid;
