-- Level 12. What the check of a task that only informs said last.

create table check_results(
    task integer primary key references tasks(id) on delete cascade,
    kind integer not null, -- enum check_kind
    code integer           -- HTTP status, exit status, 1 or 0 of a port; null: no result
) strict;
