-- Level 3. What the nodes of a cluster tell of themselves, and what people want of them.

create table listeners( -- where a node's doors are: "host:port", or ''; for those sent on to it
    node integer primary key,
    marathon text not null,
    chronos text not null,
    mesos text not null
) strict;

create table holds( -- masters that people have made standbys: they are not promoted
    node integer primary key,
    since_ms integer not null
) strict;
