-- Level 26. Runs for targets of the past, and what else a run was asked for with.

create table job_backfills(
    id integer primary key autoincrement,
    job integer not null references jobs(id) on delete cascade,
    at_ms integer not null,
    made_by text not null,
    from_ms integer not null, to_ms integer not null, -- the targets from .. to; to itself is none
    next_ms integer not null,                         -- those before it are decided
    most integer not null,                            -- of its runs at once
    again integer not null,                           -- 1: also for targets that have run
    made integer not null default 0,                  -- runs
    passed integer not null default 0,                -- targets that had run
    good integer not null default 0, bad integer not null default 0, -- of its runs, those over
    canceled integer not null default 0,
    ended_ms integer
) strict;
create index job_backfills_by_job on job_backfills(job, id);
create index job_backfills_open on job_backfills(id) where ended_ms is null;

create table job_wishes( -- what a run was asked for with, beside its arguments
    run integer primary key references job_runs(id) on delete cascade,
    environment text, -- JSON object; NULL: none
    backfill integer  -- whose run it is; NULL: none's
) strict;
create index job_wishes_by_backfill on job_wishes(backfill, run) where backfill is not null;

create table job_filled( -- targets that a backfill has run: its runs are the first to be forgotten
    job integer not null references jobs(id) on delete cascade,
    due_ms integer not null,
    primary key(job, due_ms)
) strict, without rowid;

create table job_forgotten( -- of targets up to due_ms the runs were trimmed: who knows which ran
    job integer primary key references jobs(id) on delete cascade,
    due_ms integer not null
) strict;
insert into job_forgotten select job, min(due_ms) filter (where cause = 0) - 1 from job_runs
    group by job having count(*) >= 100 and min(due_ms) filter (where cause = 0) is not null
    order by job;
