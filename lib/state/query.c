/* Settings, events and callbacks, and what the other query files share. */
#include <stdio.h>

#include "base/str.h"
#include "state/private.h"

struct slice query_copy(struct arena *a, struct slice s)
{
    return (struct slice){arena_strndup(a, s.p != NULL ? s.p : "", s.len), s.len};
}

struct arena *query_one(struct state *s, int which)
{
    arena_close(&s->ones[which]);
    return &s->ones[which];
}

/* ---- settings */

const char *state_setting(struct state *s, const char *key, const char *otherwise)
{
    if (s->level == 0)
        return otherwise;
    struct stmt *q = query_use(s, SETTING);
    stmt_bind_text(q, ":key", key);
    if (!stmt_row(q))
        return otherwise;
    snprintf(s->setting, sizeof s->setting, "%s", stmt_str(q, 0));
    stmt_end(q);
    return s->setting;
}

static int64_t version_setting(struct state *s, const char *key)
{
    int64_t version = 0;
    return str_to_i64(state_setting(s, key, "0"), &version) ? version : 0;
}

int64_t state_version_ms(struct state *s)
{
    return version_setting(s, "root_version_ms");
}

int64_t state_depends_ms(struct state *s)
{
    return version_setting(s, "depends_version_ms");
}

/* ---- callbacks */

bool state_has_callback(struct state *s, const char *url)
{
    if (s->level < LEVEL_CALLBACKS)
        return false;
    struct stmt *q = query_use(s, CALLBACK);
    stmt_bind_text(q, ":url", url);
    return stmt_one_i64(q, 0) != 0;
}

struct stmt *state_callbacks(struct state *s)
{
    return s->level < LEVEL_CALLBACKS ? NULL : query_use(s, CALLBACKS);
}

/* ---- events */

bool state_event_next(struct stmt *q, struct event_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct event_row){
        .id = stmt_i64(q, 0),
        .at = query_wall_at(q, 1),
        .index = stmt_i64(q, 2),
        .noun = (enum noun)stmt_i64(q, 3),
        .name = stmt_str(q, 4),
        .what = stmt_str(q, 5),
        .text = stmt_str(q, 6),
    };
    return true;
}

struct stmt *state_events_after(struct state *s, int64_t id, int64_t limit)
{
    struct stmt *q = query_use(s, EVENTS_AFTER);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_events_before(struct state *s, int64_t id, int64_t limit)
{
    struct stmt *q = query_use(s, EVENTS_BEFORE);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

int64_t state_events_oldest(struct state *s)
{
    return stmt_one_i64(query_use(s, EVENTS_OLDEST), 0);
}
