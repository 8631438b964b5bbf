/* Settings and callbacks, and what the other query files share. */
#include <stdio.h>
#include <string.h>

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

static struct setting_known *setting_known(struct state *s, const char *key)
{
    for (size_t i = 0; i < s->settings_n; i++)
        if (str_eq(s->settings[i].key, key))
            return &s->settings[i];
    return NULL;
}

/* Where an answer goes: a reader keeps none, and who asks for many keeps the first. */
static struct setting_known *setting_place(struct state *s, const char *key)
{
    bool kept = s->memo != NULL && s->settings_n + 1 < SETTINGS_KNOWN &&
                strlen(key) < sizeof s->settings[0].key;
    struct setting_known *k = &s->settings[kept ? s->settings_n++ : SETTINGS_KNOWN - 1];
    str_copy(k->key, sizeof k->key, key);
    return k;
}

const char *state_setting(struct state *s, const char *key, const char *otherwise)
{
    if (s->level == 0)
        return otherwise;
    struct setting_known *k = setting_known(s, key);
    if (k == NULL) {
        k = setting_place(s, key);
        struct stmt *q = query_use(s, SETTING);
        stmt_bind_text(q, ":key", key);
        k->there = stmt_row(q);
        if (k->there)
            snprintf(k->value, sizeof k->value, "%s", stmt_str(q, 0));
        stmt_end(q);
    }
    return k->there ? k->value : otherwise;
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
