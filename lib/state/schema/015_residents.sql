-- Level 15. Residents: instances that keep their place on an agent, and their data there.

create table reservations( -- what an instance keeps, whether it runs or not
    instance integer primary key references instances(id) on delete cascade,
    app integer not null,
    agent integer not null,
    cpus_milli integer not null, mem_bytes integer not null, disk_bytes integer not null,
    ports text not null,                -- JSON array of host ports
    incarnation integer not null,       -- of its newest launch
    first_task integer not null,        -- of that launch
    idle_ms integer,                    -- since when none of its tasks lives; NULL: one does
    stopped integer not null default 0, -- of an idle one: it was told to end
    wiped integer not null default 0    -- is given up once none of its tasks lives
) strict;
create index reservations_by_app on reservations(app, instance);
create index reservations_by_agent on reservations(agent, instance);

create table volumes(
    id integer primary key autoincrement,
    agent integer not null,
    instance integer not null,
    path text not null,                 -- where its tasks find it
    name text not null,                 -- as people see it: "shop.db#data#<uuid>"
    size_bytes integer not null,
    given_up integer not null default 0 -- 1: its agent has not said yet that it has removed it
) strict;
create index volumes_by_instance on volumes(instance, id);
create index volumes_by_agent on volumes(agent, given_up, id);
