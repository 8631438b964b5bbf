/* What SQLite will do for each statement: none reads a whole table, or sorts, but those that are
 * there for that. */
#include "unit.h"

#include <sqlite3.h>
#include <string.h>

#include "model/command.h"
#include "state/schema.h"
#include "state/sql.h"

struct statement {
    const char *name, *text;
};

static const struct statement statements[] = {
#define X(name, text) {#name, text},
    QUERIES(X) CHANGES(X)
#undef X
};

/* What the newest level says of them. */
static const struct statement anew[] = {
#define X(level, name, text) {#name, text},
    ANEW(X)
#undef X
};

struct allowed {
    const char *name, *step, *why;
};

static const struct allowed allowed[] = {
    {"AGENTS", "SCAN agents", "a list"},
    {"AGENTS_LARGEST", "SCAN agents", "a maximum, for a warning"},
    {"MASTERS_REGION", "SCAN r", "up to the first one of a master"},
    {"AGENT_AS_LARGE", "SCAN agents", "up to the first one, which mostly is"},
    {"APPS_BRIEF", "SCAN a USING COVERING INDEX apps_brief", "a list"},
    {"APPS_GONE", "SCAN a USING INDEX apps_going", "a list of these"},
    {"APPS_COUNT", "SCAN apps USING COVERING INDEX apps_brief", "counts"},
    {"TASK_OF_JOB_NAMED", "USE TEMP B-TREE FOR ORDER BY", "of the runs of one job"},
    {"TASKS_OF_APP", "USE TEMP B-TREE FOR ORDER BY", "of one app"},
    {"TASKS_IDLE", "USE TEMP B-TREE FOR ORDER BY", "of one app"},
    {"TASKS", "SCAN t USING INDEX tasks_alive", "a list of these"},
    {"TASKS_ENDED", "SCAN tasks", "counts: they are most of the table"},
    {"TASKS_ENDED_OF_APPS", "USE TEMP B-TREE FOR ORDER BY", "of :limit"},
    {"TASKS_ENDED_OF_JOBS", "USE TEMP B-TREE FOR ORDER BY", "of :limit"},
    {"DEPLOYMENTS", "SCAN deployments", "a list"},
    {"DEPLOYMENTS_COUNT", "SCAN deployments USING COVERING INDEX sqlite_autoindex_deployments_1",
     "counts up to a limit"},
    {"JOBS_CREATED", "SCAN r USING INDEX job_runs_open", "a list"},
    {"JOBS_CREATED", "SCAN j", "a list"},
    {"JOBS_CREATED", "SEARCH c USING AUTOMATIC COVERING INDEX (job=?) LEFT-JOIN",
     "those that have open runs"},
    {"JOBS_BRIEF", "SCAN r USING INDEX job_runs_open", "a list"},
    {"JOBS_BRIEF", "SCAN j", "a list"},
    {"JOBS_BRIEF", "SEARCH c USING AUTOMATIC COVERING INDEX (job=?) LEFT-JOIN",
     "those that have open runs"},
    {"JOB_NAMES", "SCAN jobs USING COVERING INDEX jobs_live", "a list"},
    {"JOBS_COUNT", "SCAN jobs USING COVERING INDEX jobs_live", "counts"},
    {"JOBS_GONE", "SCAN jobs_gone USING INDEX jobs_gone_by_name", "a list"},
    {"RUNS", "SCAN r", "up to :limit"},
    {"RUNS_OF_JOB_AFTER", "USE TEMP B-TREE FOR ORDER BY", "of one job"},
    {"TASK_OF_JOB_DUE", "USE TEMP B-TREE FOR ORDER BY", "of the runs due at one time"},
    {"DAYS_SUM", "USE TEMP B-TREE FOR GROUP BY", "of one job's days"},
    {"DAY_COUNT_3", "SCAN 3 CONSTANT ROWS", "those that it counts"},
    {"DAY_COUNT_5", "SCAN 5 CONSTANT ROWS", "those that it counts"},
    {"RUNS_OLD_FIRST", "SCAN job_runs USING INDEX job_runs_oldest", "up to 64"},
    {"DOUBLES", "SCAN r", "of 16 runs"},
    {"RUNS_WAITING", "SCAN r USING INDEX job_runs_waiting", "up to :limit"},
    {"RUNS_ACTIVE", "SCAN job_runs USING INDEX job_runs_open", "a list of these"},
    {"DEPENDENTS_FIRED", "SCAN job_dependents USING INDEX job_dependents_fired",
     "up to the first of these"},
    {"DEPENDENTS_TO_FIRE", "SCAN job_dependents USING INDEX job_dependents_fired", "up to :most"},
    {"GRAPH_ROOTS", "SCAN e USING COVERING INDEX job_edges_by_parent", "for a drawing of all"},
    {"TRIM_FIRST", "SCAN job_trims", "up to the first"},
    {"TRIMS_LEFT", "SCAN job_trims", "up to the first"},
    {"EVENTS_NEWEST", "SCAN event_pages", "up to the first"},
    {"NODES", "SCAN nodes", "a list"},
    {"TOKENS", "SCAN tokens", "a list"},
    {"TOKENS_COUNT", "SCAN tokens USING COVERING INDEX tokens_by_end", "counts up to a limit"},
    {"IDENTITIES", "SCAN identities", "a list"},
    {"MEMBERS", "SCAN members", "a list, of at most LIMIT_SERVERS"},
    {"IDENTITIES_COUNT", "SCAN identities USING INDEX identities_by_address",
     "counts up to a limit"},
    {"BACKFILLS_OPEN", "SCAN b USING INDEX job_backfills_open", "a list of these"},
    {"CALENDARS", "SCAN calendars USING INDEX sqlite_autoindex_calendars_1", "a list"},
    {"CALENDARS_COUNT", "SCAN calendars USING COVERING INDEX calendars_by_change",
     "counts up to a limit"},
    {"CALENDAR_JOBS", "USE TEMP B-TREE FOR ORDER BY", "of one calendar"},
    {"NOTICES_NEWEST", "SCAN notices", "up to :limit"},
    {"NOTICE_OF_JOB", "SCAN notices", "up to the first one: few are kept, and few ask"},
    {"NOTICES_UNSENT", "SCAN notice_ways USING INDEX notices_waiting", "a list of these"},
    {"NOTICES_UNSENT_COUNT", "SCAN notice_ways USING INDEX notices_waiting",
     "counts up to a limit"},
    {"CALLBACKS", "SCAN callbacks USING COVERING INDEX sqlite_autoindex_callbacks_1",
     "a list, of at most LIMIT_CALLBACKS"},
    {"CALLBACKS_COUNT", "SCAN callbacks USING COVERING INDEX sqlite_autoindex_callbacks_1",
     "counts up to a limit"},
    {"REQUESTS_COUNT", "SCAN requests USING COVERING INDEX requests_by_age", "once a start"},
    {"REQUESTS_TRIM_OVER", "SCAN requests USING COVERING INDEX requests_by_age", "up to :over"},
};

static bool is_allowed(const char *name, const char *step)
{
    for (size_t i = 0; i < COUNT(allowed); i++)
        if (strcmp(allowed[i].name, name) == 0 && strcmp(allowed[i].step, step) == 0)
            return true;
    return false;
}

static bool costs_more_than_its_rows(const char *step)
{
    if (strcmp(step, "SCAN CONSTANT ROW") == 0) /* of a statement that is no more */
        return false;
    return strncmp(step, "SCAN ", 5) == 0 || strstr(step, "TEMP B-TREE") != NULL ||
           strstr(step, "AUTOMATIC") != NULL;
}

static const char *text_of(const struct statement *s)
{
    const char *text = s->text;
    for (size_t i = 0; i < COUNT(anew); i++)
        if (strcmp(anew[i].name, s->name) == 0)
            text = anew[i].text;
    return text;
}

static int look_at(sqlite3 *db, const struct statement *s)
{
    int seen = 0;
    sqlite3_stmt *q;
    char *explain = sqlite3_mprintf("explain query plan %s", text_of(s));
    if (sqlite3_prepare_v2(db, explain, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", s->name, sqlite3_errmsg(db));
    while (sqlite3_step(q) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(q, 3);
        if (!costs_more_than_its_rows(step))
            continue;
        if (!is_allowed(s->name, step))
            fail_msg("%s: %s", s->name, step);
        seen++;
    }
    sqlite3_finalize(q);
    sqlite3_free(explain);
    return seen;
}

static void make_schema(sqlite3 *db)
{
    for (int level = 0; level < COMMAND_LEVEL; level++)
        assert_int_equal(sqlite3_exec(db, schema_steps[level], NULL, NULL, NULL), SQLITE_OK);
}

static void no_statement_costs_more_than_what_it_is_about(void **unused)
{
    (void)unused;
    sqlite3 *db;
    size_t seen = 0;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    make_schema(db);
    for (size_t i = 0; i < COUNT(statements); i++)
        seen += (size_t)look_at(db, &statements[i]);
    assert_int_equal(seen, COUNT(allowed)); /* none is allowed that is not needed */
    sqlite3_close(db);
}

/* A row that goes must not make SQLite look through another table for rows that name it. */
static void every_foreign_key_has_an_index(void **unused)
{
    static const char keys[] =
        "select m.name || '.' || f.\"from\" from sqlite_schema m, pragma_foreign_key_list(m.name) "
        "f "
        "where m.type = 'table' and f.\"table\" <> 'agents' " /* these are never deleted */
        "and not exists (select 1 from pragma_index_list(m.name) l, pragma_index_info(l.name) i "
        "where l.partial = 0 and i.seqno = 0 and i.name = f.\"from\") "
        "and not exists (select 1 from pragma_table_info(m.name) c where c.pk = 1 "
        "and c.name = f.\"from\")";
    (void)unused;
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    make_schema(db);
    assert_int_equal(sqlite3_prepare_v2(db, keys, -1, &q, NULL), SQLITE_OK);
    if (sqlite3_step(q) == SQLITE_ROW)
        fail_msg("%s: no index", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_statement_costs_more_than_what_it_is_about),
        cmocka_unit_test(every_foreign_key_has_an_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
