-- Level 10. Pods: an instance has several tasks. Which apps are pods their definitions say.

create table pod_ends( -- instances of pods that have ended; bounded a pod
    id integer primary key,
    app integer not null references apps(id) on delete cascade,
    name text not null,       -- the instance's id that people see
    created_ms integer not null,
    ended_ms integer not null,
    message text not null,
    containers text not null  -- JSON: [{"containerId","lastKnownState"}]
) strict;
create index pod_ends_by_app on pod_ends(app, id);
