-- Level 16. What tasks of jobs say of themselves (spec/chronos.md 5.5, E-14).

create table job_tasks(
    task integer primary key references tasks(id) on delete cascade,
    async integer not null,             -- 1: its run is over when that is told, not with the process
    elements integer not null default 0 -- processed so far
) strict;
