-- Level 37. A run's own row says whether it is among the newest of its job that are over, or older: the
-- indexes have it in the place of tables beside it. What a run's life changes most is in none of them.

alter table job_runs add column old_bytes integer; -- of those beyond the newest: about as much as it
    -- takes, with its tasks; NULL: it is not over, or one of the newest, which stay whatever their age
update job_runs set old_bytes = (select bytes from runs_old where run = job_runs.id)
    where id in (select run from runs_old);
drop table runs_old;
drop table runs_over;

drop index job_runs_once; -- job_runs_by_job finds those of a target
drop index job_runs_active;
drop index job_runs_open;
create index job_runs_open on job_runs(job) where ended_ms is null;
create index job_runs_over on job_runs(job, due_ms) where ended_ms is not null and old_bytes is null;
create index job_runs_old on job_runs(job, ended_ms) where old_bytes is not null;
create index job_runs_oldest on job_runs(ended_ms) where old_bytes is not null;
