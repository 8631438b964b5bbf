/* lib/agent/schema.h - agent.db. Numbered steps; user_version says where we are. */
#pragma once

static const char *const agent_schema[] = {
    "create table identity(k integer primary key check(k = 0), uid integer not null) strict;"
    /* What the leader ordered to run and whose end it has not acknowledged yet. */
    "create table tasks("
    "  task integer primary key," /* the state's key */
    "  spec text not null,"       /* model/run_spec.h */
    "  state integer not null,"   /* enum task_state: the newest report */
    "  seq integer not null,"     /* of the newest report */
    "  launched integer not null" /* 0: waits until everything was found again */
    ") strict;"
    "create table statuses("
    "  task integer not null references tasks(task) on delete cascade,"
    "  seq integer not null,"
    "  state integer not null," /* of one task, one status a state */
    "  body text not null,"     /* model/status.h */
    "  primary key(task, seq)"
    ") strict, without rowid;",
    /* What its owner calls it: of a job's run, the attempt. */
    "alter table tasks add column name text not null default '';"
    "create index tasks_by_name on tasks(name);",
    /* '': not told yet, or written before there was this step */
    "alter table identity add column cluster text not null default '';",
    /* 0: of an app, or from before: names begin anew when a job is deleted and made again. */
    "alter table tasks add column run integer not null default 0;",
};
