-- Level 7. Where events are posted to (spec/marathon.md 12.6).

create table callbacks(
    url text primary key,
    since_ms integer not null,
    made_by text not null
) strict;
