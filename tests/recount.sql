-- What the state keeps by counting along, counted anew: a row for each that differs, or is more than
-- there is; none if all is well. The simulator asks it after every step, the stories after every
-- storm.
-- Many tasks have ended: the + keeps a term from choosing an index that has them too.
with
alive as not materialized (select * from tasks where ended_ms is null),
own as ( -- what a resident's tasks have is its instance's, whether they run or not
    select agent, cpus_milli, mem_bytes, disk_bytes, 1 n from alive t
    where not (+t.owner = 0 and t.owner_id in (select instance from reservations))
    union all
    select agent, 0, 0, 0, 1 from alive t
    where +t.owner = 0 and t.owner_id in (select instance from reservations)
    union all
    select agent, cpus_milli, mem_bytes, disk_bytes, 0 from reservations),
held as (
    select agent, sum(cpus_milli) cpus, sum(mem_bytes) mem, sum(disk_bytes) disk, sum(n) n
    from own group by agent),
whole as ( -- an instance is what its tasks are together: a pod's has several
    select i.id, i.app, i.stopping, max(t.health) health,
           case when max(t.state = 4) then 4 when max(t.state = 3) then 3 when max(t.state = 1) then 1
                when max(t.state = 0) then 0 else 2 end state
    from instances i cross join alive t on t.owner = 0 and t.owner_id = i.id group by i.id),
kept as (
    select app, count(*) live, sum(state in (0, 1)) staged, sum(state = 2) running,
           sum(state between 2 and 4 and health = 1) healthy,
           sum(state between 2 and 4 and health = 2) unhealthy, sum(stopping) stopping
    from whole group by app)

select 'agent ' || id || ' is over-committed: ' || json_array(used_cpus_milli, used_mem_bytes) || ' of '
       || json_array(cpus_milli, mem_bytes) || ' in use'
    from agents
    where not (used_cpus_milli between 0 and cpus_milli and used_mem_bytes between 0 and mem_bytes)
union all
select 'agent ' || a.id || ' counts ' || json_array(used_cpus_milli, used_mem_bytes, used_disk_bytes, tasks)
       || ' in use, its tasks have ' || json_array(ifnull(cpus, 0), ifnull(mem, 0), ifnull(disk, 0), ifnull(n, 0))
    from agents a left join held on held.agent = a.id
    where (used_cpus_milli, used_mem_bytes, used_disk_bytes, tasks)
        is not (ifnull(cpus, 0), ifnull(mem, 0), ifnull(disk, 0), ifnull(n, 0))
union all
select 'app ' || a.path || ' counts '
       || json_array(c.live, c.staged, c.running, c.healthy, c.unhealthy, c.stopping) || ', has '
       || json_array(k.live, k.staged, k.running, k.healthy, k.unhealthy, k.stopping)
    from apps a left join app_counts c on c.app = a.id left join kept k on k.app = a.id
    where (ifnull(c.live, 0), ifnull(c.staged, 0), ifnull(c.running, 0),
           ifnull(c.healthy, 0), ifnull(c.unhealthy, 0), ifnull(c.stopping, 0))
        is not (ifnull(k.live, 0), ifnull(k.staged, 0), ifnull(k.running, 0),
                ifnull(k.healthy, 0), ifnull(k.unhealthy, 0), ifnull(k.stopping, 0))
union all
select 'port ' || port || ' of agent ' || agent || ' is held by task ' || task || ', which has it not'
    from agent_ports h
    where not exists (
        select 1 from alive t, json_each(t.ports) p
        where t.id = h.task and t.agent = h.agent and p.value = h.port)
    and not exists (
        select 1 from reservations r, json_each(r.ports) p
        where r.agent = h.agent and p.value = h.port) -- kept, whether its task lives or not
union all
select 'port ' || p.value || ' of agent ' || t.agent || ' is in use by task ' || t.id || ', which does not hold it'
    from alive t, json_each(t.ports) p
    where not exists (
        select 1 from agent_ports h
        where h.agent = t.agent and h.port = p.value and h.task = t.id)
union all
select 'instance ' || i.id || ' of app ' || i.app || ' has '
       || (select count(*) from alive t where t.owner = 0 and t.owner_id = i.id) || ' tasks'
    from instances i
    where (select count(*) from alive t where t.owner = 0 and t.owner_id = i.id) = 0
          is not exists (select 1 from reservations r where r.instance = i.id and r.idle_ms is not null)
       or (select count(*) from alive t where t.owner = 0 and t.owner_id = i.id and t.name like '%._app.%') > 1
union all
select 'task ' || t.name || ' belongs to no instance'
    from alive t where +t.owner = 0 and not exists (select 1 from instances i where i.id = t.owner_id)
union all
select 'run ' || r.id || ' of job ' || r.job || ' is active, its task ' || ifnull(r.task, 'of no number')
       || ' is not alive'
    from job_runs r
    where r.state in (1, 2)
      and not exists (select 1 from alive t where t.id = r.task and t.owner = 1 and t.owner_id = r.id)
union all
select 'task ' || t.name || ' lives on for run ' || r.id || ', which is not active'
    from alive t join job_runs r on +t.owner = 1 and r.id = t.owner_id
    where (r.state not in (1, 2) or r.task is not t.id)
      and t.state <> 3 -- an order that was withdrawn, which its agent has not told the end of
union all
select 'deployment ' || d.id || ' holds no app' from deployments d
    where not exists (select 1 from deployment_apps a where a.deployment = d.id)
union all
select 'instance ' || r.instance || ' keeps its place on agent ' || r.agent || ', and has '
       || ifnull((select group_concat(v.agent) from volumes v where v.instance = r.instance), 'no volume')
    from reservations r
    where not exists (select 1 from volumes v where v.instance = r.instance)
       or exists (select 1 from volumes v where v.instance = r.instance and (v.agent <> r.agent or v.given_up = 1))
union all
select 'volume ' || v.name || ' is of no instance, and was not given up'
    from volumes v where v.given_up = 0 and v.instance not in (select instance from reservations)
union all
select 'task ' || t.name || ' runs on agent ' || t.agent || ', and its data is on ' || r.agent
    from alive t join reservations r on +t.owner = 0 and r.instance = t.owner_id where r.agent <> t.agent
union all
select 'run ' || r.id || ' of job ' || r.job || ' is held, and ' || iif(r.old_bytes is null, 'no task of it lives', 'old')
    from job_runs r indexed by job_runs_held
    where r.held is not null
      and (r.old_bytes is not null or r.ended_ms is null
           or not exists (select 1 from alive t where t.owner = 1 and t.owner_id = r.id))
