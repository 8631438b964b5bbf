/* What app.put and group.put make of groups, from level 9 on. Every group that an app stands in has
 * a row, so it is enough to look at rows to know that a place is a group's. */
#include <stdio.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "model/id.h"
#include "state/private.h"

/* To go back to a version of the tree, each app's version of then must be there. */
_Static_assert(LIMIT_GROUP_VERSIONS <= LIMIT_APP_VERSIONS,
               "an app has as many changes as the root");

/* From level 11 on, a command that makes something depend on something else holds on nothing but
 * the dependencies that its decider saw: two that are right by themselves may make a cycle. */
static int check_depends(struct apply *a)
{
    const struct json *seen = json_get(a->c->args, "depends");
    return seen == NULL || a->s->level < DEPENDS_LEVEL ||
                   json_int(seen, 0) == state_depends_ms(a->s)
               ? 0
               : refuse_stale(a, "other dependencies were changed meanwhile");
}

static int check_within(struct apply *a)
{
    const struct json *within = json_get(a->c->args, "within");
    const char *path = json_str(json_get(within, "path"), "");
    struct group_row g;
    if (within == NULL)
        return 0;
    int64_t now = state_group_by_path(a->s, path, &g) ? g.version.ms : 0;
    return json_int(json_get(within, "version"), 0) == now
               ? 0
               : refuse_stale(a, "%s: was changed meanwhile", path);
}

int groups_check(struct apply *a)
{
    return check_depends(a) == 0 ? check_within(a) : -1;
}

/* One command's walk. */
struct walk {
    struct apply *a;
    struct wall version;
    struct map *done; /* groups whose row says the new version */
};

/* Its row as it was; false when it has none. */
static bool keep(struct walk *w, const char *path)
{
    struct stmt *q = change_use(w->a->s, GROUP_KEEP);
    stmt_bind_text(q, ":path", path);
    stmt_bind_i64(q, ":until", w->version.ms);
    stmt_run(q);
    return db_changes(w->a->s->db) == 1;
}

static void put_group(struct walk *w, const char *path, const char *dependencies,
                      enum enforce enforce_role)
{
    struct stmt *q = change_use(w->a->s, GROUP_PUT);
    stmt_bind_text(q, ":path", path);
    stmt_bind_i64(q, ":version", w->version.ms);
    stmt_bind_text(q, ":dependencies", dependencies);
    if (enforce_role == ENFORCE_NOT_SAID)
        stmt_bind_null(q, ":enforce_role");
    else
        stmt_bind_i64(q, ":enforce_role", enforce_role);
    stmt_run(q);
}

/* There may be no app where a group is to be. */
static int check_free(struct walk *w, const char *path)
{
    struct app_row row;
    return state_app_by_path(w->a->s, path, &row)
               ? refuse_stale(w->a, "%s: there is an app now", path)
               : 0;
}

/* Something in this group has changed: so have all above. Those that are not there are made if
 * `make`. */
static int touch(struct walk *w, const char *group, bool make)
{
    char path[ID_SIZE], above[ID_SIZE];
    str_copy(path, sizeof path, group);
    while (map_get_str(w->done, path) == NULL) {
        bool known = keep(w, path);
        if (known) {
            struct stmt *q = change_use(w->a->s, GROUP_TOUCH);
            stmt_bind_text(q, ":path", path);
            stmt_bind_i64(q, ":version", w->version.ms);
            stmt_run(q);
        } else if (make) {
            if (check_free(w, path) != 0)
                return -1;
            put_group(w, path, "[]", ENFORCE_NOT_SAID);
        }
        if (known || make)
            map_put_str(w->done, path, w);
        if (str_eq(path, "/"))
            break;
        str_copy(path, sizeof path, id_parent(path, above));
    }
    return 0;
}

/* ---- what group.put says of groups */

static void write_side(struct json_writer *out, const char *name, struct slice dependencies,
                       enum enforce enforce_role)
{
    json_key(out, name);
    json_object(out);
    json_member_raw(out, "dependencies", dependencies);
    if (enforce_role != ENFORCE_NOT_SAID)
        json_member_bool(out, "enforceRole", enforce_role == ENFORCE_YES);
    json_object_end(out);
}

static int put_one(struct walk *w, const char *path, const struct json *item,
                   struct json_writer *out)
{
    struct buf dependencies;
    struct json_writer dw;
    const struct json *said = json_get(item, "enforceRole");
    enum enforce enforce_role = said == NULL             ? ENFORCE_NOT_SAID
                                : json_bool(said, false) ? ENFORCE_YES
                                                         : ENFORCE_NO;
    if (check_free(w, path) != 0)
        return -1;
    buf_init(&dependencies, LIMIT_ENTRY_BYTES);
    json_begin(&dw, &dependencies);
    json_put_value(&dw, json_get(item, "dependencies"));
    write_side(out, "after", buf_slice(&dependencies), enforce_role);
    put_group(w, path, buf_str(&dependencies), enforce_role);
    buf_close(&dependencies);
    map_put_str(w->done, path, w);
    return 0;
}

static int drop_one(struct walk *w, const char *path)
{
    struct app_row row;
    char prefix[ID_SIZE + 1];
    snprintf(prefix, sizeof prefix, "%s/", path);
    struct stmt *q = state_apps(w->a->s, prefix, "", 1);
    bool holds_apps = state_app_next(q, &row);
    stmt_end(q);
    if (holds_apps)
        return refuse_stale(w->a, "%s: there are apps in it", path);
    q = change_use(w->a->s, GROUP_DROP);
    stmt_bind_text(q, ":path", path);
    stmt_run(q);
    return 0;
}

/* One element of `groups`: what it was and what it becomes goes to the deployment's plan. */
static int change_one(struct walk *w, const struct json *item, struct json_writer *out)
{
    struct group_row g;
    const char *path = json_str(json_get(item, "path"), "");
    bool known = state_group_by_path(w->a->s, path, &g),
         gone = json_bool(json_get(item, "gone"), false);
    if (gone && !known)
        return 0;
    json_object(out);
    json_member_str(out, "id", path);
    if (known) {
        write_side(out, "before", g.dependencies, g.enforce_role);
        keep(w, path);
    }
    int rc = gone ? drop_one(w, path) : put_one(w, path, item, out);
    json_object_end(out);
    return rc;
}

/* ---- the whole command, after its apps have been changed */

static int change_groups(struct walk *w, struct buf *plan)
{
    struct json_writer out;
    int rc = 0;
    char above[ID_SIZE];
    const struct json *groups = json_get(w->a->c->args, "groups");
    if (groups == NULL)
        return 0;
    json_begin(&out, plan);
    json_array(&out);
    JSON_EACH (item, groups)
        if (rc == 0)
            rc = change_one(w, item, &out);
    json_array_end(&out);
    JSON_EACH (item, groups)
        if (rc == 0 && !json_bool(json_get(item, "gone"), false))
            rc = touch(w, id_parent(json_str(json_get(item, "path"), ""), above), true);
    return rc;
}

/* An app that comes to stand somewhere makes the groups above it. */
static int touch_of_app(struct walk *w, const struct json *item)
{
    char above[ID_SIZE];
    struct group_row g;
    const char *path = json_str(json_get(item, "path"), "");
    bool added = json_int(json_get(item, "base"), 0) == 0;
    if (added && state_group_by_path(w->a->s, path, &g))
        return refuse_stale(w->a, "%s: there is a group now", path);
    if (added && w->a->s->level >= DEPENDS_LEVEL && json_get(w->a->c->args, "depends") == NULL &&
        state_inherits(w->a->s, path))
        return refuse_stale(w->a, "%s: its group has dependencies now", path);
    return touch(w, id_parent(path, above), true);
}

static int touch_all(struct walk *w)
{
    char above[ID_SIZE];
    const struct json *apps = json_get(w->a->c->args, "apps"),
                      *groups = json_get(w->a->c->args, "groups");
    JSON_EACH (item, apps)
        if (!put_removes(item) && touch_of_app(w, item) != 0)
            return -1;
    JSON_EACH (item, apps) /* what is gone makes no group, it may have gone with its own */
        if (put_removes(item))
            touch(w, id_parent(json_str(json_get(item, "path"), ""), above), false);
    JSON_EACH (item, groups)
        touch(w, id_parent(json_str(json_get(item, "path"), ""), above), false);
    return 0;
}

static void trim_by(struct apply *a, int which, int64_t oldest)
{
    struct stmt *q = change_use(a->s, which);
    stmt_bind_i64(q, ":oldest", oldest);
    stmt_run(q);
}

static void trim(struct apply *a)
{
    struct stmt *q = change_use(a->s, GROUPS_TRIM_FROM);
    int64_t kept = a->s->level < VERSIONS_LEVEL ? LIMIT_VERSIONS_OLD : LIMIT_GROUP_VERSIONS;
    stmt_bind_i64(q, ":keep", kept - 2); /* the present one, and this */
    int64_t oldest = stmt_one_i64(q, 0);
    if (oldest == 0)
        return;
    trim_by(a, GROUP_VERSIONS_TRIM, oldest);
    q = change_use(a->s, REMOVED_ANY);
    stmt_bind_i64(q, ":oldest", oldest);
    if (stmt_one_i64(q, 0) == 0)
        return;
    trim_by(a, REMOVED_VERSIONS_TRIM, oldest);
    trim_by(a, REMOVED_TRIM, oldest);
}

int groups_change(struct apply *a, struct wall version, struct buf *plan)
{
    if (a->s->level < LEVEL_GROUPS)
        return 0;
    struct walk w = {a, version, map_new()};
    int rc = change_groups(&w, plan);
    if (rc == 0)
        rc = touch_all(&w);
    if (rc == 0)
        trim(a);
    map_free(w.done);
    return rc;
}
