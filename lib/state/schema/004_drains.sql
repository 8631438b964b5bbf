-- Level 4. Which agents people want to be empty.

create table drains( -- a wish: it outlives whatever becomes of the agent
    agent integer primary key,
    since_ms integer not null,
    made_by text not null
) strict;

create index agents_by_node on agents(node); -- for those of a node that is removed
