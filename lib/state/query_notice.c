/* What people are told of jobs. */
#include "state/private.h"

bool state_notice_next(struct stmt *q, struct notice_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct notice_row){
        .id = stmt_i64(q, 0),
        .at = query_wall_at(q, 1),
        .event = stmt_str(q, 2),
        .job = stmt_str(q, 3),
        .run = stmt_i64(q, 4),
        .owners = stmt_str(q, 5),
        .facts = stmt_text(q, 6),
    };
    return true;
}

bool state_notice_by_id(struct state *s, int64_t id, struct notice_row *out)
{
    struct notice_row r;
    if (s->level < NOTICES_LEVEL)
        return false;
    struct stmt *q = query_use(s, NOTICE_BY_ID);
    stmt_bind_i64(q, ":id", id);
    if (!state_notice_next(q, &r))
        return false;
    struct arena *a = query_one(s, NOTICE_BY_ID);
    r.event = arena_strdup(a, r.event);
    r.job = arena_strdup(a, r.job);
    r.owners = arena_strdup(a, r.owners);
    r.facts = query_copy(a, r.facts);
    stmt_end(q);
    *out = r;
    return true;
}

struct stmt *state_notices(struct state *s, int64_t limit)
{
    if (s->level < NOTICES_LEVEL)
        return NULL;
    struct stmt *q = query_use(s, NOTICES_NEWEST);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_notices_unsent(struct state *s)
{
    return s->level < NOTICES_LEVEL ? NULL : query_use(s, NOTICES_UNSENT);
}

int64_t state_notices_unsent_count(struct state *s)
{
    return s->level < NOTICES_LEVEL ? 0 : stmt_one_i64(query_use(s, NOTICES_UNSENT_COUNT), 0);
}

bool state_notice_of_run(struct state *s, int64_t run, const char *event)
{
    if (s->level < NOTICES_LEVEL)
        return false;
    struct stmt *q = query_use(s, NOTICE_OF_RUN);
    stmt_bind_i64(q, ":run", run);
    stmt_bind_text(q, ":event", event);
    return stmt_one_i64(q, 0) > 0;
}

bool state_notice_of_job(struct state *s, const char *job, const char *event,
                         struct notice_row *out)
{
    if (s->level < NOTICES_LEVEL)
        return false;
    struct stmt *q = query_use(s, NOTICE_OF_JOB);
    stmt_bind_text(q, ":job", job);
    stmt_bind_text(q, ":event", event);
    return state_notice_by_id(s, stmt_one_i64(q, 0), out);
}

struct stmt *state_notice_ways(struct state *s, int64_t notice)
{
    if (s->level < NOTICES_LEVEL)
        return NULL;
    struct stmt *q = query_use(s, NOTICE_WAYS);
    stmt_bind_i64(q, ":notice", notice);
    return q;
}

bool state_notice_way_next(struct stmt *q, struct notice_way_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct notice_way_row){stmt_str(q, 0), stmt_str(q, 2), query_wall_at(q, 1)};
    return true;
}

struct notice_tries state_notice_tries(struct state *s, int64_t notice, const char *channel)
{
    struct notice_tries t = {0};
    if (s->level < TRIES_LEVEL)
        return t;
    struct stmt *q = query_use(s, NOTICE_TRIES);
    stmt_bind_i64(q, ":notice", notice);
    stmt_bind_text(q, ":channel", channel);
    if (stmt_row(q)) {
        t = (struct notice_tries){stmt_i64(q, 0), query_wall_at(q, 1)};
        stmt_end(q);
    }
    return t;
}

struct notice_counts state_notice_counts(struct state *s, const char *channel)
{
    struct notice_counts n = {0};
    if (s->level < TRIES_LEVEL)
        return n;
    struct stmt *q = query_use(s, NOTICE_COUNT);
    stmt_bind_text(q, ":channel", channel);
    if (stmt_row(q)) {
        n = (struct notice_counts){stmt_i64(q, 0), stmt_i64(q, 1)};
        stmt_end(q);
    }
    return n;
}
