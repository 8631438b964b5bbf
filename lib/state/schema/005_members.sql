-- Level 5. How the members of Raft's configuration are, as the leader sees it.

create table members(
    node integer primary key,
    role integer not null,  -- 0 standby, 1 voter
    up integer not null,    -- 0: nothing is heard of it
    since_ms integer not null -- that it is so
) strict;
