-- Level 24. What people are told of jobs, by which channels, and what became of it.

create table notices(
    id integer primary key autoincrement,
    at_ms integer not null,
    event text not null, -- model/notice.h
    job text not null,   -- its name: it may be gone
    run integer not null, -- 0: of none
    owners text not null, -- as the job had it: several with commas between
    facts text not null   -- JSON: Chronos's members, all values strings
) strict;
create index notices_of_run on notices(run, event) where run > 0;

create table notice_ways(
    notice integer not null references notices(id) on delete cascade,
    channel text not null,
    over_ms integer,     -- null: it waits
    error text not null, -- of the last try, or why it was given up; '': none
    primary key(notice, channel)
) strict, without rowid;
create index notices_waiting on notice_ways(notice) where over_ms is null;
