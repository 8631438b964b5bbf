-- Level 34. A deleted job's history is kept, as a job of its own that nobody can have: its row stays,
-- with 2 as `disabled` and its id behind its name ("date:7", which no job can be called).

create table jobs_gone(
    job integer primary key references jobs(id) on delete cascade,
    name text not null,    -- as it was: another job may be called so by now
    at_ms integer not null,
    made_by text not null, -- the user, or else the address
    bytes integer not null -- about as much as its rows take: of those in runs_old_size
) strict;
create index jobs_gone_by_name on jobs_gone(name, job);
create index jobs_live on jobs(name, disabled) where disabled < 2;
