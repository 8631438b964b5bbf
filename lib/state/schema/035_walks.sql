-- Level 35. When a bound of histories changes all jobs are visited, by steps.

create table history_walks( -- one, while there are jobs to visit
    k integer primary key check(k = 0),
    job integer not null -- up to this one all have been
) strict;
insert into history_walks select 0, 0 where exists(select 1 from jobs);
