-- Level 22. Who keeps a job from running, since when and why.

create table job_pauses(
    job integer primary key references jobs(id) on delete cascade,
    at_ms integer not null,
    made_by text not null, -- the user, or else the address
    reason text not null
) strict;
