-- Level 9. Groups, those without apps too; and what the tree of groups and apps was before, for as
-- long as the root's newest versions reach back (LIMIT_GROUP_VERSIONS).

create table groups(
    path text primary key,       -- "/shop"; the root, "/", is always there
    version_ms integer not null, -- of the newest change in it, at any depth
    dependencies text not null,  -- JSON array of absolute ids
    enforce_role integer         -- of a top group; NULL: nobody said
) strict, without rowid;

create table group_versions( -- what a group was, before until_ms
    path text not null,
    version_ms integer not null,
    until_ms integer not null,
    dependencies text not null,
    enforce_role integer,
    primary key(path, version_ms)
) strict, without rowid;
create index group_versions_by_end on group_versions(until_ms);

create table apps_removed( -- whose versions are kept
    app integer primary key,
    path text not null,
    removed_ms integer not null
) strict;
create index apps_removed_by_path on apps_removed(path);
create index apps_removed_by_time on apps_removed(removed_ms);

create table app_versions_9( -- outlive their app, while it is among apps_removed
    app integer not null,
    version_ms integer not null,
    definition text not null,
    primary key(app, version_ms)
) strict, without rowid;
insert into app_versions_9 select * from app_versions order by app, version_ms;
drop table app_versions;
alter table app_versions_9 rename to app_versions;

insert into apps_removed select id, path, version_ms from apps where gone = 1 order by id;
insert into groups select '/', coalesce((select cast(value as integer) from settings
    where key = 'root_version_ms'), 0), '[]', null;
insert into groups
with recursive above(path, version_ms) as (
    select rtrim(rtrim(path, replace(path, '/', '')), '/'), version_ms from apps where gone = 0
    union
    select rtrim(rtrim(path, replace(path, '/', '')), '/'), version_ms from above where path <> ''
)
select path, max(version_ms), '[]', null from above where path <> '' group by path order by path;
