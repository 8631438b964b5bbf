-- Level 13. Dependent jobs (spec/chronos.md 4): who waits for whose runs, and what caused a run.

create table job_dependents( -- jobs with parents
    job integer primary key references jobs(id) on delete cascade,
    mode integer not null,     -- enum job_depends
    priority integer not null, -- of its runs
    -- it has fired so often, and the runs are still to be made: where one end fires many
    fired integer not null default 0,
    fired_by integer not null default 0, fired_root integer not null default 0
) strict;
create index job_dependents_fired on job_dependents(job) where fired > 0;

create table job_edges(
    child integer not null references jobs(id) on delete cascade,
    parent integer not null references jobs(id) on delete cascade,
    ends integer not null,          -- JOB_ENDS_…: the ends of the parent's runs at which it is met
    met integer not null default 0, -- 0: not since the child fired last; else the round's root
    primary key(child, parent)
) strict, without rowid;
create index job_edges_by_parent on job_edges(parent, child);
create index job_edges_by_met on job_edges(child, met);

create table job_causes( -- of runs that another run's end caused
    run integer primary key references job_runs(id) on delete cascade,
    by_run integer not null, -- 0: a person marked the parent as successful
    root integer not null    -- the run at which the round began; below 0: such a mark
) strict;
