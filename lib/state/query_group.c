/* Groups, and what the tree of them and the apps was. */
#include "base/str.h"
#include "model/id.h"
#include "state/private.h"

bool state_group_next(struct stmt *q, struct group_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct group_row){
        .path = stmt_str(q, 0),
        .version = query_wall_at(q, 1),
        .dependencies = stmt_text(q, 2),
        .enforce_role = stmt_is_null(q, 3) ? ENFORCE_NOT_SAID
                        : stmt_bool(q, 3)  ? ENFORCE_YES
                                           : ENFORCE_NO,
    };
    return true;
}

static bool group_one(struct state *s, int which, struct stmt *q, struct group_row *out)
{
    struct group_row r;
    if (!state_group_next(q, &r))
        return false;
    struct arena *a = query_one(s, which);
    r.path = arena_strdup(a, r.path);
    r.dependencies = query_copy(a, r.dependencies);
    stmt_end(q);
    *out = r;
    return true;
}

bool state_group_by_path(struct state *s, const char *path, struct group_row *out)
{
    if (s->level < LEVEL_GROUPS)
        return false;
    struct stmt *q = query_use(s, GROUP_BY_PATH);
    stmt_bind_text(q, ":path", path);
    return group_one(s, GROUP_BY_PATH, q, out);
}

bool state_inherits(struct state *s, const char *path)
{
    struct group_row g;
    char group[ID_SIZE], above[ID_SIZE];
    str_copy(group, sizeof group, path);
    do {
        str_copy(group, sizeof group, id_parent(group, above));
        if (state_group_by_path(s, group, &g) && !slice_eq(g.dependencies, SLICE("[]")))
            return true;
    } while (!str_eq(group, "/"));
    return false;
}

bool state_group_as_of(struct state *s, const char *path, struct wall at, struct group_row *out)
{
    if (s->level < LEVEL_GROUPS)
        return false;
    struct stmt *q = query_use(s, GROUP_AS_OF);
    stmt_bind_text(q, ":path", path);
    stmt_bind_i64(q, ":at", at.ms);
    return group_one(s, GROUP_AS_OF, q, out);
}

void bind_within(struct stmt *q, struct arena *kept, const char *group)
{
    bind_below(q, kept, arena_printf(kept, "%s/", str_eq(group, "/") ? "" : group));
}

/* The root itself, which "/" begins too, is not in it. */
static struct stmt *list_within(struct state *s, int which, const char *group)
{
    if (s->level < LEVEL_GROUPS)
        return NULL;
    struct stmt *q = query_use(s, which);
    bind_within(q, query_one(s, which), group);
    return q;
}

struct stmt *state_groups(struct state *s, const char *group)
{
    return list_within(s, GROUPS, group);
}

static struct stmt *list_as_of(struct state *s, int which, const char *group, struct wall at)
{
    struct stmt *q = list_within(s, which, group);
    if (q != NULL)
        stmt_bind_i64(q, ":at", at.ms);
    return q;
}

struct stmt *state_groups_as_of(struct state *s, const char *group, struct wall at)
{
    return list_as_of(s, GROUPS_AS_OF, group, at);
}

struct stmt *state_apps_as_of(struct state *s, const char *group, struct wall at)
{
    return list_as_of(s, APPS_AS_OF, group, at);
}

bool state_app_was_next(struct stmt *q, struct app_was *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct app_was){stmt_str(q, 0), query_wall_at(q, 1), stmt_text(q, 2), stmt_i64(q, 3)};
    return true;
}

struct stmt *state_group_versions(struct state *s, const char *path)
{
    if (s->level < LEVEL_GROUPS)
        return NULL;
    struct stmt *q = query_use(s, GROUP_VERSIONS);
    stmt_bind_text(q, ":path", path);
    return q;
}

static bool has_version(struct state *s, const char *path, struct wall version)
{
    bool found = false;
    struct stmt *q = state_group_versions(s, path);
    while (q != NULL && stmt_row(q))
        found |= stmt_i64(q, 0) == version.ms;
    return found;
}

bool state_group_had(struct state *s, const char *path, struct wall version, struct wall *at)
{
    if (s->level < LEVEL_GROUPS || !(has_version(s, path, version) || has_version(s, "/", version)))
        return false;
    int64_t oldest = stmt_one_i64(query_use(s, GROUP_OLDEST), 0);
    at->ms = version.ms > oldest ? version.ms : oldest; /* it did not change in between */
    return true;
}
