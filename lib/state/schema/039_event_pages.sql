-- Level 39. The events of a command are one row, or a few.

create table event_pages( -- the change feed; bounded
    first integer primary key, -- the id of its first event; the others' follow
    n integer not null,
    at_ms integer not null,
    idx integer not null,      -- of the log entry
    packed text not null       -- [[noun, name, what, text], ...]
) strict;
insert into event_pages select id, 1, at_ms, idx, json_array(json_array(noun, name, what, text))
    from events order by id;
drop table events;
create view events(id, at_ms, idx, noun, name, what, text) as -- for people who ask
    select p.first + e.key, p.at_ms, p.idx,
        (select value from json_each(e.value) where key = 0),
        (select value from json_each(e.value) where key = 1),
        (select value from json_each(e.value) where key = 2),
        (select value from json_each(e.value) where key = 3)
    from event_pages p, json_each(p.packed) e;
