#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/authorizer.h"
#include "db/rowsum.h"
#include "state/private.h"
#include "state/schema.h"

#define NEWER_STATE "the state is at level %d, this build knows %d: start a newer mesolith"
#define TRIM_STEPS 16 /* a row, in the mean */

#define ROW_(name, text) +1
#define ROWS(LIST) ((size_t)(0 LIST(ROW_)))

static const struct db_sql queries[] = {DB_TABLE(QUERIES)};
static const struct db_sql changes[] = {DB_TABLE(CHANGES)};

/* What a level says of statements that there were before. */
static const struct anew {
    int level, which;
    const char *text;
} anew[] = {
#define ANEW_ROW(level, name, text) {level, name, text},
    ANEW(ANEW_ROW)
#undef ANEW_ROW
        {0},
};

static const char *const summed[] = {
    /* those of a level after those of the one before */
    "settings",        "requests",       "events",         "nodes",         "agents",
    "agent_ports",     "apps",           "app_versions",   "service_ports", "deployments",
    "deployment_apps", "app_counts",     "instances",      "tasks",         "jobs",
    "job_runs",        "job_stats",      "tokens",         "identities",    "listeners",
    "holds",           "drains",         "members",        "identity_keys", "callbacks",
    "readiness",       "groups",         "group_versions", "apps_removed",  "pod_ends",
    "check_results",   "job_dependents", "job_edges",      "job_causes",    "reservations",
    "volumes",         "job_tasks",      "app_ends",       "node_regions",  "job_pauses",
    "notices",         "notice_ways",    "job_backfills",  "job_wishes",    "job_forgotten",
    "job_filled",      "task_usage",     "runs_over",      "runs_old",      "runs_old_size",
    "job_days",        "job_samples",    "job_times",      "calendars",     "job_calendars",
    "notice_tries",    "notice_counts",  "job_trims",      "jobs_gone",     "history_walks",
    "job_ends",        "event_pages",
};

/* How many statements and sums each level adds. */
struct known {
    size_t queries, changes, sums;
};
static const struct known added[COMMAND_LEVEL + 1] = {
#define ADDS(level, sums) [level] = {ROWS(QUERIES_##level), ROWS(CHANGES_##level), sums}
    ADDS(1, 17), ADDS(2, 2),  ADDS(3, 2),  ADDS(4, 1),  ADDS(5, 1),  ADDS(6, 1),
    ADDS(7, 1),  ADDS(8, 1),  ADDS(9, 3),  ADDS(10, 1), ADDS(12, 1), ADDS(13, 3),
    ADDS(15, 2), ADDS(16, 1), ADDS(19, 2), ADDS(22, 1), ADDS(24, 2), ADDS(26, 4),
    ADDS(28, 6), ADDS(29, 3), ADDS(31, 2), ADDS(33, 1), ADDS(34, 1), ADDS(35, 1),
    ADDS(36, 0), ADDS(38, 1), ADDS(39, 1), ADDS(42, 0), ADDS(43, 0),
#undef ADDS
};

/* Tables of before that are there no more. */
static const struct {
    const char *table;
    int level;
} dropped[] = {{"runs_over", MARKS_LEVEL}, {"runs_old", MARKS_LEVEL}, {"events", PAGES_LEVEL}};

/* So many of them, from the first on, belong to a state of that level. */
static struct known known(int level)
{
    struct known sum = {0};
    for (int i = 1; i <= level; i++) {
        sum.queries += added[i].queries;
        sum.changes += added[i].changes;
        sum.sums += added[i].sums;
    }
    return sum;
}

/* A change that waits for the COMMIT; its texts are its own, one behind the other. */
struct kept {
    struct change c;
    char *texts;
};

struct stmt *query_use(struct state *s, int which)
{
    return stmts_use(s->queries, which);
}

struct stmt *change_use(struct state *s, int which)
{
    return stmts_use(s->changes, which - N_QUERIES);
}

struct db *state_db(struct state *s)
{
    return s->db;
}

int state_level(const struct state *s)
{
    return s->level;
}

uint64_t state_nodes_sum(const struct state *s)
{
    static const struct {
        const char *table;
        int level;
    } read[] = {{"settings", 1},
                {"nodes", 1},
                {"listeners", LEVEL_NODES},
                {"members", LEVEL_MEMBERS},
                {"node_regions", ENDS_LEVEL}};
    uint64_t all = (uint64_t)s->level;
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
        uint64_t sum = read[i].level <= s->level ? db_rowsum(s->db, read[i].table) : 0;
        all = hash64(&sum, sizeof sum, all);
    }
    return all;
}

static bool is_dropped(int level, const char *table)
{
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
        if (level >= dropped[i].level && str_eq(dropped[i].table, table))
            return true;
    return false;
}

/* Of the first n tables, those that are there. */
static int start_sums(struct state *s, size_t n, struct error *err)
{
    const char *there[sizeof summed / sizeof summed[0]];
    size_t there_n = 0;
    for (size_t i = 0; i < n; i++)
        if (!is_dropped(s->level, summed[i]))
            there[there_n++] = summed[i];
    return db_rowsums_start(s->db, there, there_n, err);
}

/* The first n of a table, which begins with the statement `first`, as the state's level has them.
 */
static int prepare_table(struct state *s, const struct db_sql *table, size_t n, int first,
                         struct stmts **out, struct error *err)
{
    struct db_sql *own = mem_alloc(n * sizeof *own);
    memcpy(own, table, n * sizeof *own);
    for (const struct anew *a = anew; a->level != 0 && a->level <= s->level; a++)
        if (a->which >= first && a->which < first + (int)n)
            own[a->which - first].text = a->text;
    int rc = db_prepare(s->db, own, n, out, err);
    mem_free(own);
    return rc;
}

static int prepare(struct state *s, struct error *err)
{
    struct known n = known(s->level);
    if (!s->read_only) {
        if (start_sums(s, n.sums, err) != 0)
            return -1;
        memo_open(s);
        events_open(s);
    }
    db_authorize(s->db, s->read_only ? DB_ROLE_READING : DB_ROLE_APPLYING);
    if (prepare_table(s, queries, n.queries, 0, &s->queries, err) != 0)
        return -1;
    return s->read_only ? 0 : prepare_table(s, changes, n.changes, N_QUERIES, &s->changes, err);
}

static void unprepare(struct state *s)
{
    stmts_free(s->queries);
    stmts_free(s->changes);
    events_close(s);
    memo_close(s);
    s->queries = s->changes = NULL;
}

int state_open(struct db *db, bool read_only, struct state **state_out, struct error *err)
{
    struct state *s = NEW(struct state);
    s->db = db;
    s->read_only = read_only;
    s->requests = -1;
    if (db_schema_version(db, &s->level, err) != 0)
        goto failed;
    if (s->level > COMMAND_LEVEL) {
        error_set(err, ERR_CONFLICT, NEWER_STATE, s->level, COMMAND_LEVEL);
        error_wrap(err, "%s", db_path(db));
        goto failed;
    }
    if (s->level > 0 && prepare(s, err) != 0)
        goto failed;
    *state_out = s;
    return 0;
failed:
    state_close(s);
    return -1;
}

/* The changes kept from the n-th on are forgotten. */
static void drop_kept(struct state *s, size_t n)
{
    while (s->kept_n > n)
        mem_free(s->kept[--s->kept_n].texts);
}

void state_close(struct state *s)
{
    if (s == NULL)
        return;
    unprepare(s);
    if (!s->read_only) { /* the connection may be opened as a state again */
        db_rowsums_drop(s->db);
        db_authorize(s->db, DB_ROLE_ANY);
    }
    drop_kept(s, 0);
    for (int i = 0; i < N_QUERIES; i++)
        arena_close(&s->ones[i]);
    mem_free(s->kept);
    mem_free(s->nexts);
    calendars_forget(s);
    mem_free(s);
}

/* ---- the feed */

void state_watch(struct state *s, struct watch *w)
{
    w->next = s->watches;
    s->watches = w;
}

/* One copy of them all, where they then point to; those that are NULL stay so. */
static char *own_texts(const char **texts[], size_t n)
{
    size_t lens[8], size = 0;
    ASSERT(n <= sizeof lens / sizeof lens[0]);
    for (size_t i = 0; i < n; i++)
        size += lens[i] = *texts[i] != NULL ? strlen(*texts[i]) + 1 : 0;
    char *own = mem_alloc(size), *to = own;
    for (size_t i = 0; i < n; i++) {
        if (lens[i] == 0)
            continue;
        memcpy(to, *texts[i], lens[i]);
        *texts[i] = to;
        to += lens[i];
    }
    return own;
}

void changed(struct apply *a, struct change c)
{
    struct state *s = a->s;
    if (s->watches == NULL)
        return;
    if (s->kept_n == s->kept_cap) {
        s->kept_cap = s->kept_cap == 0 ? 64 : s->kept_cap * 2;
        s->kept = mem_realloc(s->kept, s->kept_cap * sizeof s->kept[0]);
    }
    c.index = a->index;
    c.at = a->c->at;
    c.by = a->c->by;
    c.from = a->c->from;
    const char **texts[] = {&c.name, &c.of, &c.by, &c.from, &c.more};
    s->kept[s->kept_n++] = (struct kept){.texts = own_texts(texts, 5), .c = c};
}

void state_committed(struct state *s)
{
    for (size_t i = 0; i < s->kept_n; i++)
        for (struct watch *w = s->watches; w != NULL; w = w->next)
            w->changed(w, &s->kept[i].c);
    drop_kept(s, 0);
}

/* What is done once a command, however often it comes up there. */
static void end_command(struct apply *a)
{
    agents_use_all(a->s);
    history_resize(a->s);
    events_end_command(a);
}

/* It was refused. */
static void drop_command(struct state *s)
{
    for (size_t i = 0; i < AGENTS_USED && s->uses; i++)
        s->used[i].any = false;
    s->uses = false;
    s->old_more = (struct history_size){0};
    events_drop_command(s);
}

/* ---- applying */

struct ids ids_of(struct stmt *q, struct arena *arena)
{
    struct ids all = {0};
    size_t cap = 0;
    while (stmt_row(q)) {
        if (all.n == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            int64_t *more = arena_alloc(arena, cap * sizeof *more);
            for (size_t i = 0; i < all.n; i++)
                more[i] = all.items[i];
            all.items = more;
        }
        all.items[all.n++] = stmt_i64(q, 0);
    }
    return all;
}

void outcome_close(struct outcome *o)
{
    buf_close(&o->detail);
    *o = (struct outcome){0};
}

static int refuse_va(struct apply *a, enum error_code code, const char *fmt, va_list ap)
{
    a->outcome->code = code;
    vsnprintf(a->outcome->text, sizeof a->outcome->text, fmt, ap);
    return -1;
}

int refuse(struct apply *a, enum error_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    refuse_va(a, code, fmt, ap);
    va_end(ap);
    return -1;
}

int refuse_stale(struct apply *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    refuse_va(a, ERR_CONFLICT, fmt, ap);
    va_end(ap);
    a->outcome->stale = true;
    return -1;
}

/* Refused, a command leaves nothing: what it has written by then is undone. The frequent kinds
 * never refuse, or look before they write, and need no savepoint for that. */
static const struct {
    int (*apply)(struct apply *a);
    bool looks_first;
} appliers[COMMAND_KINDS] = {
    [COMMAND_SCHEMA_UPGRADE] = {apply_schema_upgrade},
    [COMMAND_SETTING_PUT] = {apply_setting_put, .looks_first = true},
    [COMMAND_NODE_PUT] = {apply_node_put},
    [COMMAND_AGENT_REGISTER] = {apply_agent_register},
    [COMMAND_AGENT_STATE] = {apply_agent_state, .looks_first = true},
    [COMMAND_APP_PUT] = {apply_app_put},
    [COMMAND_APP_DELAY_RESET] = {apply_app_delay_reset},
    [COMMAND_APP_FORGET] = {apply_app_forget, .looks_first = true},
    [COMMAND_DEPLOYMENT_STEP] = {apply_deployment_step, .looks_first = true},
    [COMMAND_TASK_LAUNCH] = {apply_task_launch, .looks_first = true},
    [COMMAND_TASK_KILL] = {apply_task_kill, .looks_first = true},
    [COMMAND_TASK_UPDATE] = {apply_task_update, .looks_first = true},
    [COMMAND_JOB_PUT] = {apply_job_put, .looks_first = true},
    [COMMAND_JOB_DELETE] = {apply_job_delete},
    [COMMAND_JOB_TICK] = {apply_job_tick, .looks_first = true},
    [COMMAND_JOB_TRIGGER] = {apply_job_trigger},
    [COMMAND_JOB_FIRE] = {apply_job_fire},
    [COMMAND_JOB_MARK] = {apply_job_mark},
    [COMMAND_JOB_TRIM] = {apply_job_trim, .looks_first = true},
    [COMMAND_JOB_PAUSE] = {apply_job_pause},
    [COMMAND_JOB_RESUME] = {apply_job_resume},
    [COMMAND_BACKFILL_PUT] = {apply_backfill_put},
    [COMMAND_BACKFILL_TICK] = {apply_backfill_tick},
    [COMMAND_BACKFILL_CANCEL] = {apply_backfill_cancel},
    [COMMAND_CALENDAR_PUT] = {apply_calendar_put},
    [COMMAND_CALENDAR_DELETE] = {apply_calendar_delete},
    [COMMAND_RUN_COMPLETE] = {apply_run_complete},
    [COMMAND_TASK_PROGRESS] = {apply_task_progress},
    [COMMAND_RUN_UPDATE] = {apply_run_update, .looks_first = true},
    [COMMAND_TOKEN_PUT] = {apply_token_put},
    [COMMAND_TOKEN_REVOKE] = {apply_token_revoke},
    [COMMAND_NODE_JOIN] = {apply_node_join},
    [COMMAND_NODE_RENEW] = {apply_node_renew},
    [COMMAND_NODE_HOLD] = {apply_node_hold},
    [COMMAND_NODE_REMOVE] = {apply_node_remove},
    [COMMAND_AGENT_DRAIN] = {apply_agent_drain},
    [COMMAND_NODE_STATE] = {apply_node_state, .looks_first = true},
    [COMMAND_CALLBACK_PUT] = {apply_callback_put, .looks_first = true},
    [COMMAND_GROUP_PUT] = {apply_app_put},
    [COMMAND_VOLUME_GONE] = {apply_volume_gone, .looks_first = true},
    [COMMAND_NOTICE_TEST] = {apply_notice_test, .looks_first = true},
    [COMMAND_NOTICE_TOLD] = {apply_notice_told, .looks_first = true},
};

/* What a row of `requests` that may be there keeps; NULL: it is not there. The caller frees. */
static struct json *kept_of(struct stmt *q)
{
    struct error err;
    if (!stmt_row(q))
        return NULL;
    struct json *kept = json_parse_own(stmt_text(q, 0), &err);
    stmt_end(q);
    ASSERT(kept != NULL);
    return kept;
}

static struct json *kept_by_rid(struct state *s, const char *rid)
{
    struct stmt *q = change_use(s, REQUEST_BY_RID);
    stmt_bind_text(q, ":rid", rid);
    return kept_of(q);
}

static struct json *kept_of_parts(struct state *s, const char *parts)
{
    if (s->level < REQUESTS_LEVEL)
        return NULL;
    struct stmt *q = change_use(s, REQUEST_OF_PARTS);
    stmt_bind_text(q, ":parts", parts);
    return kept_of(q);
}

/* Of which nothing was kept, or is said, it is taken for the same. */
static bool is_other(const struct json *kept, uint64_t digest)
{
    uint64_t was = (uint64_t)json_int(json_get(kept, "digest"), 0);
    return was != 0 && digest != 0 && was != digest;
}

bool state_request_is_other(struct state *s, const char *rid, const char *parts, uint64_t digest)
{
    struct json *whole = kept_by_rid(s, rid), *part = kept_of_parts(s, parts);
    bool other = is_other(whole, digest) || is_other(part, digest);
    json_free(whole);
    json_free(part);
    return other;
}

/* As it was answered then. */
static void outcome_of(const struct json *kept, struct outcome *out)
{
    *out = (struct outcome){.code = (enum error_code)json_int(json_get(kept, "code"), 0)};
    str_copy(out->text, sizeof out->text, json_str(json_get(kept, "text"), ""));
    buf_init(&out->detail, LIMIT_ENTRY_BYTES);
    if (json_get(kept, "detail") != NULL) {
        struct json_writer w;
        json_begin(&w, &out->detail);
        json_put_value(&w, json_get(kept, "detail"));
    }
}

bool state_request_outcome(struct state *s, const char *rid, struct outcome *out)
{
    struct json *kept = kept_by_rid(s, rid);
    if (kept == NULL)
        return false;
    outcome_of(kept, out);
    json_free(kept);
    return true;
}

/* Makes room for one more: those that are too old go, and the oldest of too many. */
static void trim_requests(struct apply *a)
{
    struct state *s = a->s;
    if (s->requests < 0)
        s->requests = stmt_one_i64(change_use(s, REQUESTS_COUNT), 0);
    struct stmt *q = change_use(s, REQUESTS_TRIM_OLD);
    stmt_bind_i64(q, ":before", a->c->at.ms - LIMIT_REQUEST_MS);
    stmt_run(q);
    s->requests -= db_changes(s->db);
    int64_t over = s->requests - LIMIT_REQUESTS + 1;
    if (over <= 0)
        return;
    q = change_use(s, REQUESTS_TRIM_OVER);
    stmt_bind_i64(q, ":over", over);
    stmt_run(q);
    s->requests -= db_changes(s->db);
}

/* A stale refusal is not remembered: its asker looks again and sends the same id. */
static void remember(struct apply *a)
{
    const struct outcome *o = a->outcome;
    if (o->stale)
        return;
    struct buf text;
    buf_init(&text, LIMIT_ENTRY_BYTES + 1024);
    struct json_writer w;
    json_begin(&w, &text);
    json_object(&w);
    json_member_int(&w, "code", o->code);
    json_member_str(&w, "text", o->text);
    if (o->detail.len > 0)
        json_member_raw(&w, "detail", buf_slice(&o->detail));
    if (a->c->digest != 0 && a->s->level >= REQUESTS_LEVEL)
        json_member_int(&w, "digest", (int64_t)a->c->digest);
    json_object_end(&w);

    trim_requests(a);
    struct stmt *q = change_use(a->s, REQUEST_PUT);
    stmt_bind_text(q, ":rid", a->c->rid);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_text(q, ":outcome", buf_str(&text));
    stmt_run(q);
    a->s->requests++;
    buf_close(&text);
}

/* It was, and is answered as it was then; or another request was, and this one is refused. */
static bool was_done(struct apply *a)
{
    struct json *kept = kept_by_rid(a->s, a->c->rid);
    if (kept == NULL)
        return false;
    if (is_other(kept, a->c->digest))
        refuse(a, ERR_INVALID, "X-Request-Id: another request has it, need one of its own");
    else
        outcome_of(kept, a->outcome);
    json_free(kept);
    return true;
}

/* Who decided on an old view looks again, and is not refused yet. */
static void tell_refused(struct apply *a)
{
    bool of_apps = a->c->kind == COMMAND_APP_PUT || a->c->kind == COMMAND_GROUP_PUT;
    if (of_apps && !a->outcome->stale)
        changed(a, (struct change){.kind = CHANGE_APPS_REFUSED,
                                   .of = json_str(json_get(a->c->args, "group"), "/"),
                                   .more = a->outcome->text});
}

static void apply_or_undo(struct apply *a)
{
    struct state *s = a->s;
    size_t kept_before = s->kept_n;
    db_savepoint(s->db);
    if (appliers[a->c->kind].apply(a) == 0) {
        end_command(a);
        db_release(s->db);
    } else {
        drop_command(s);
        db_rollback_to(s->db);
        drop_kept(s, kept_before);
        tell_refused(a);
    }
}

static void apply_whole(struct apply *a)
{
    struct state *s = a->s;
    size_t kept_before = s->kept_n;
    int64_t changes_before = db_changes_all(s->db);
    if (appliers[a->c->kind].apply(a) == 0)
        end_command(a);
    else
        ASSERT(s->kept_n == kept_before && db_changes_all(s->db) == changes_before && !s->uses &&
               s->draft.n == 0);
}

void state_apply(struct state *s, uint64_t index, uint64_t term, const struct command *c,
                 struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    buf_init(&outcome->detail, LIMIT_ENTRY_BYTES);
    struct apply a = {.s = s, .c = c, .index = index, .outcome = outcome};
    if (c->epoch != 0 && c->epoch != term) {
        refuse_stale(&a, "%s: decided in term %llu, applied in term %llu", command_word(c->kind),
                     (unsigned long long)c->epoch, (unsigned long long)term);
        return;
    }
    if (command_level(c->kind) > s->level) {
        refuse(&a, ERR_UNAVAILABLE, "%s: needs level %d, the state is at %d", command_word(c->kind),
               command_level(c->kind), s->level);
        return;
    }
    if (c->kind == COMMAND_SCHEMA_UPGRADE) { /* schema changes do not live in savepoints */
        apply_schema_upgrade(&a);
        return;
    }
    bool named = c->rid[0] != '\0';
    if (named && was_done(&a))
        return;
    if (appliers[c->kind].looks_first)
        apply_whole(&a);
    else
        apply_or_undo(&a);
    if (named)
        remember(&a);
}

int apply_schema_upgrade(struct apply *a)
{
    struct state *s = a->s;
    int64_t wanted = json_int(json_get(a->c->args, "level"), 0);
    if (wanted <= s->level)
        return 0; /* somebody was faster */
    struct error err;
    if (wanted > COMMAND_LEVEL) { /* whoever went past it would have other tables than the rest */
        error_set(&err, ERR_CONFLICT, NEWER_STATE, (int)wanted, COMMAND_LEVEL);
        db_stop(s->db, &err);
        return 0;
    }
    unprepare(s);
    if (s->level > 0 && db_rowsums_stop(s->db, &err) != 0)
        return 0; /* the disk's error stays with the connection, and nothing commits */
    db_authorize(s->db, DB_ROLE_ANY);
    while (s->level < wanted) {
        if (db_schema_step(s->db, schema_steps[s->level], s->level + 1, &err) != 0)
            return 0; /* likewise */
        s->level++;
    }
    bool prepared = prepare(s, &err) == 0;
    ASSERT(prepared || db_failed(s->db));
    return 0;
}

bool time_to_trim(int64_t id, int64_t keep)
{
    return hash64(&id, sizeof id, 0) % (uint64_t)keep < TRIM_STEPS;
}

void put_setting(struct state *s, const char *key, const char *value)
{
    struct stmt *q = change_use(s, SETTING_PUT);
    stmt_bind_text(q, ":key", key);
    stmt_bind_text(q, ":value", value);
    stmt_run(q);
}

int apply_setting_put(struct apply *a)
{
    JSON_EACH (member, json_get(a->c->args, "set")) {
        put_setting(a->s, json_name(member), json_str(member, ""));
        history_setting_put(a, json_name(member));
    }
    return 0;
}
