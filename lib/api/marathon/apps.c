/* Reading apps (spec/marathon.md 3.2, 3.3, 3.9). */
#include <string.h>
#include <strings.h>

#include "api/marathon/labels.h"
#include "api/marathon/private.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"

/* ---- GET /v2/apps */

struct filter { /* all must hold; "" filters nothing */
    const char *id, *cmd;
    struct selectors labels;
};

static int read_filter(struct call *c, struct filter *f)
{
    struct error err;
    const char *id = query_get(&c->query, "id"), *cmd = query_get(&c->query, "cmd"),
               *label = query_get(&c->query, "label");
    *f = (struct filter){.id = id != NULL ? id : "", .cmd = cmd != NULL ? cmd : ""};
    if (selectors_parse(label != NULL ? label : "", &f->labels, &err) == 0)
        return 0;
    call_error(c, &err);
    return -1;
}

static bool matches(const struct filter *f, const struct app_row *a)
{
    struct error err;
    if (f->id[0] != '\0' && strcasestr(a->path, f->id) == NULL)
        return false;
    if (f->cmd[0] == '\0' && f->labels.n == 0)
        return true;
    struct json *definition = json_parse_own(a->definition, &err);
    const char *cmd = json_str(json_get(definition, "cmd"), NULL);
    bool holds = (f->cmd[0] == '\0' || (cmd != NULL && strcasestr(cmd, f->cmd) != NULL)) &&
                 selectors_match(&f->labels, json_get(definition, "labels"));
    json_free(definition);
    return holds;
}

static void list_apps(struct call *c, const char *name, const char *group, const struct filter *f)
{
    struct show s;
    struct json_writer w;
    struct app_row row;
    show_init(&s, c->view, marathon_embed(&c->query) | EMBED_COUNTS | EMBED_DEPLOYMENTS);
    call_json(c, 200, &w);
    json_object(&w);
    json_key(&w, name);
    json_array(&w);
    struct stmt *q = marathon_apps_within(c->view->state, group);
    while (marathon_app_next(q, &row))
        if (f == NULL || matches(f, &row))
            show_app(&s, &row, &w);
    json_array_end(&w);
    json_object_end(&w);
    show_close(&s);
}

void marathon_ask_apps(struct call *c)
{
    struct filter f;
    if (read_filter(c, &f) != 0)
        return;
    list_apps(c, "apps", "/", &f);
    selectors_close(&f.labels);
}

/* ---- the apps of a group: GET /v2/apps/{group}/ and a star */

void marathon_ask_glob(struct call *c)
{
    char group[ID_SIZE];
    if (marathon_path_group(c, group))
        list_apps(c, "*", group, NULL);
}

/* ---- GET /v2/apps/{id} */

void marathon_ask_app(struct call *c)
{
    struct app_row row;
    struct show s;
    struct json_writer w;
    if (!marathon_path_app(c, &row))
        return;
    show_init(&s, c->view,
              marathon_embed(&c->query) | EMBED_COUNTS | EMBED_DEPLOYMENTS | EMBED_TASKS |
                  EMBED_FAILURE);
    call_json(c, 200, &w);
    json_object(&w);
    json_key(&w, "app");
    show_app(&s, &row, &w);
    json_object_end(&w);
    show_close(&s);
}

/* ---- versions */

void marathon_ask_app_versions(struct call *c)
{
    struct app_row row;
    struct json_writer w;
    if (!marathon_path_app(c, &row))
        return;
    call_json(c, 200, &w);
    json_object(&w);
    json_key(&w, "versions");
    marathon_put_versions(c->view->state, row.id, &w);
    json_object_end(&w);
}

/* Of a version that is kept. False: its reading was broken off. */
static bool load_version(struct state *s, int64_t app, struct wall version, struct app *out)
{
    struct error err;
    struct slice stored = state_app_version(s, app, version);
    if (stored.len == 0)
        return false;
    if (app_load(stored, out, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    return true;
}

/* When a version that has been replaced was last scaled and last changed (4.7): the versions before
 * it tell. 0: what would is not kept any more. */
struct times {
    struct wall scaling, config;
};

/* `version` took the place of `before`. */
static void look_back(struct times *t, const struct app *before, const struct app *at,
                      struct wall version)
{
    enum app_change what = app_compare(before, at);
    if (t->scaling.ms == 0 && what != APP_SAME) /* else it was a restart */
        t->scaling = version;
    if (t->config.ms == 0 && what != APP_SCALED)
        t->config = version;
}

/* `t`: what is known without them; else 0. */
static struct times times_of(struct state *s, int64_t app, struct wall version, struct times t)
{
    struct app at, before;
    size_t kept = 0;
    if (!load_version(s, app, version, &at))
        return t;
    struct stmt *q = state_app_versions(s, app);
    for (; (t.scaling.ms == 0 || t.config.ms == 0) && stmt_row(q); kept++) {
        struct wall earlier = {stmt_i64(q, 0)};
        if (earlier.ms >= version.ms || !load_version(s, app, earlier, &before))
            continue;
        look_back(&t, &before, &at, version);
        app_close(&at);
        at = before;
        version = earlier;
    }
    stmt_end(q);
    app_close(&at);
    if (kept >= (size_t)state_app_versions_kept(s)) /* there may have been more */
        return t;
    if (t.scaling.ms == 0)
        t.scaling = version;
    if (t.config.ms == 0)
        t.config = version;
    return t;
}

void marathon_put_times(struct state *s, int64_t app, struct wall version, struct json_writer *w)
{
    struct app_row row;
    struct times t = {0};
    if (state_app_by_id(s, app, &row)) {
        t.scaling.ms = row.scaling.ms <= version.ms ? row.scaling.ms : 0;
        t.config.ms = row.config.ms <= version.ms ? row.config.ms : 0;
    }
    if (t.scaling.ms == 0 || t.config.ms == 0)
        t = times_of(s, app, version, t);
    if (t.scaling.ms != 0 && t.config.ms != 0)
        show_version_info(t.scaling, t.config, w);
}

void marathon_ask_app_version(struct call *c)
{
    struct app_row row;
    struct wall version;
    struct error err;
    if (!marathon_path_app(c, &row))
        return;
    if (wall_parse(call_param(c, "version"), &version, &err) != 0) {
        call_error(c, &err);
        return;
    }
    struct slice definition = state_app_version(c->view->state, row.id, version);
    if (definition.len == 0) {
        char text[TIME_TEXT_SIZE];
        marathon_message(c, 404, "App '%s' does not exist in version %s", row.path,
                         wall_text(version, text));
        return;
    }
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    if (version.ms == row.version.ms) {
        show_definition(&row, &w);
    } else {
        json_put_members(&w, definition);
        marathon_time(&w, "version", version);
        marathon_put_times(c->view->state, row.id, version, &w); /* the definition is gone */
    }
    json_object_end(&w);
}
