-- Level 28. What became of runs: kept by count, age and bytes, and in numbers for longer than that.

create table task_usage( -- of tasks of jobs that have ended; 0: not known
    task integer primary key references tasks(id) on delete cascade,
    mem_peak_bytes integer not null, cpu_ms integer not null
) strict;

create table runs_over( -- runs that are over: each job's newest, which stay whatever their age
    job integer not null references jobs(id) on delete cascade,
    due_ms integer not null, run integer not null,
    primary key(job, due_ms, run)
) strict, without rowid;
insert into runs_over select job, due_ms, id from job_runs where state > 2 and state <> 8 order by id;

create table runs_old( -- and those beyond them: while they are not too old, too many or too large
    run integer primary key references job_runs(id) on delete cascade,
    job integer not null,
    ended_ms integer not null,
    bytes integer not null -- about as much as it takes, with its tasks
) strict;
create index runs_old_by_end on runs_old(ended_ms, run);
create index runs_old_of_job on runs_old(job, ended_ms, run);

create table runs_old_size(
    k integer primary key check(k = 0), runs integer not null, bytes integer not null
) strict;
insert into runs_old_size values(0, 0, 0);

create table job_days( -- what happened on a day (UTC), counted; bounded a job
    job integer not null references jobs(id) on delete cascade,
    day integer not null,    -- since 1970
    fact integer not null,   -- enum day_fact
    bucket integer not null, -- base/histogram.h
    n integer not null,
    primary key(job, day, fact, bucket)
) strict, without rowid;

create table job_samples( -- milliseconds from due to a successful end, the newest of each job
    job integer not null references jobs(id) on delete cascade,
    part integer not null,
    n integer not null,
    ms text not null, -- with commas
    primary key(job, part)
) strict, without rowid;
insert into job_samples select job, 0, n, ms from (
    select job, count(*) over upto as n, group_concat(ended_ms - due_ms) over upto as ms,
        row_number() over (partition by job order by ended_ms desc, id desc) as back
    from job_runs where state = 3 window upto as (partition by job order by ended_ms, id)
) where back = 1;
delete from job_stats;
