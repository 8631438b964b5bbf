-- Level 8. What readiness checks said last, of instances that are asked.

create table readiness(
    instance integer primary key references instances(id) on delete cascade,
    results text not null -- JSON array (spec/marathon.md 3.2), without the task
) strict;
