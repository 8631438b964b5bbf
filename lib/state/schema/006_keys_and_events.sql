-- Level 6. By which key a node that was admitted is known. Events need no count of their own: the
-- newest is never deleted, so no number comes twice.

create table identity_keys( -- of nodes that are of the cluster; none: it has not said its own yet
    node integer primary key,
    hash blob not null      -- SHA-256 of the public key (SubjectPublicKeyInfo, DER)
) strict;

create table events_6(
    id integer primary key,
    at_ms integer not null,
    idx integer not null, -- of the log entry
    noun integer not null,
    name text not null,
    what text not null,
    text text not null
) strict;
insert into events_6 select * from events order by id;
drop table events;
alter table events_6 rename to events;
