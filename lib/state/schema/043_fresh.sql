-- Level 43. A job's own row counts its runs that are over and were not looked at whether they are
-- old: no index has them, which each end would write a page of.
--
-- They are looked at from the oldest due on, when they are more than the job keeps whatever their
-- age. One that is looked at is old from then on, or held until no task of it lives.

alter table job_ends add column fresh integer not null default 0; -- over, and neither old nor held
alter table job_ends add column mark_ms integer not null default 0; -- none of these is due before
alter table job_runs add column held integer; -- 1: over, and old once its tasks have ended

insert into job_ends(job, day, facts, samples)
    select distinct job, 0, x'', x'' from job_runs
    where ended_ms is not null and old_bytes is null and job not in (select job from job_ends)
    order by job;
update job_ends set fresh = 0, mark_ms = 0; -- the sums are of rows as they are written
update job_ends set fresh = o.n, mark_ms = o.due_ms
    from (select job, count(*) n, min(due_ms) due_ms from job_runs
          where ended_ms is not null and old_bytes is null group by job) o
    where o.job = job_ends.job;

drop index job_runs_over;
create index job_runs_held on job_runs(job) where held is not null;
