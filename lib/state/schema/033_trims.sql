-- Level 33. What is trimmed of a job's history goes by steps; coalesced runs are none of its newest.

create table job_trims( -- jobs of which more is to go than one command has trimmed
    job integer primary key references jobs(id) on delete cascade
) strict;
