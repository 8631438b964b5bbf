-- Level 41. Lists of apps do not read definitions, which may have megabytes.

create index apps_brief on apps(path, gone, instances, version_ms) where gone = 0;
