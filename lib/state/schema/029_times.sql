-- Level 29. Times that jobs may run in: how long they are valid, and which days calendars exclude or
-- allow. What is late is so after its jitter.

create table job_times( -- of dependent jobs: when they fire; of others their definition says it
    job integer primary key references jobs(id) on delete cascade,
    starts_ms integer not null, -- not before; 0: no bound
    ends_ms integer not null    -- nor from then on; 0: no bound
) strict;

create table calendars(
    id integer primary key autoincrement,
    name text not null unique,
    description text not null,
    days text not null,         -- JSON array of texts, as base/calendar.h reads them
    changed_ms integer not null,
    changed_idx integer not null -- of the entry: a decision that knew it says so
) strict;

create index calendars_by_change on calendars(changed_idx);

create table job_calendars( -- which jobs name which, to exclude or to allow
    job integer not null references jobs(id) on delete cascade,
    calendar integer not null references calendars(id),
    primary key(job, calendar)
) strict, without rowid;
create index job_calendars_by_calendar on job_calendars(calendar, job);
