-- Level 19. lastTaskFailure is what Marathon calls so, and where a node is stands beside it.

create table app_ends( -- the newest end that delays the next launch, or is a health check's doing
    app integer primary key references apps(id) on delete cascade,
    ended text not null -- JSON, as apps.failure has it
) strict;
insert into app_ends select id, failure from apps where failure is not null order by id;
update apps set failure = null where json_extract(failure, '$.state') = 'TASK_FINISHED';

create table node_regions( -- of those that tell one
    node integer primary key,
    region text not null
) strict;
