/* mesolith apply, diff - calendars, apps and jobs as files.
 *
 * A file holds one of them, an array of them, or {"calendars": […], "apps": […], "jobs": […]} as
 * export writes it. What the node refuses of it is said, and the rest goes on. */
#include "cli_noun.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli_wait.h"

/* ---- what a file holds */

enum kind { CALENDAR, APP, JOB, KINDS }; /* in the order of applying: jobs name calendars */

static const struct {
    const char *list, *need;
} kinds[KINDS] = {
    [CALENDAR] = {"calendars", "a calendar, which has a \"name\" and \"days\""},
    [APP] = {"apps", "an app, which has an \"id\"; jobs stand in \"jobs\""},
    [JOB] = {"jobs", "a job, which has a \"name\" and no \"id\""},
};

static enum kind kind_of(const struct json *v)
{
    if (json_get(v, "id") != NULL || json_get(v, "name") == NULL)
        return APP;
    return json_get(v, "days") != NULL ? CALENDAR : JOB;
}

typedef int one_fn(struct cli *c, const struct json *one, struct error *err);

struct walk {
    struct cli *c;
    one_fn *const *fns; /* KINDS */
    size_t n, refused;
    enum error_code first; /* of the refused */
};

static int visit(struct walk *w, const struct json *one, struct error *err)
{
    w->n++;
    if (w->fns[kind_of(one)](w->c, one, err) == 0)
        return 0;
    if (!api_is_of_body(err))
        return -1;
    w->first = w->refused++ == 0 ? err->code : w->first;
    cli_say_error(w->c, err);
    return 0;
}

static bool has_lists(const struct json *root)
{
    for (int kind = 0; kind < KINDS; kind++)
        if (json_get(root, kinds[kind].list) != NULL)
            return true;
    return false;
}

/* KINDS: of none. */
static int kind_of_list(const char *name)
{
    int kind = 0;
    while (kind < KINDS && !str_eq(name, kinds[kind].list))
        kind++;
    return kind;
}

/* One of those that a job waits for is still to come; NULL: none. */
static const struct json *first_parent(const struct map *to_come, const struct json *job)
{
    const struct json *found = NULL;
    JSON_EACH (parent, json_get(job, "parents"))
        if (found == NULL)
            found = map_get_str(to_come, json_str(parent, ""));
    return found;
}

/* Of a ring of them somebody is first, and refused. */
static int with_parents(struct walk *w, struct map *to_come, const struct json **path,
                        const struct json *job, struct error *err)
{
    size_t n = 0;
    path[n++] = job;
    while (n > 0) {
        const struct json *parent = first_parent(to_come, path[n - 1]);
        if (parent != NULL) {
            map_remove_str(to_come, text_of(parent, "name"));
            path[n++] = parent;
        } else if (visit(w, path[--n], err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* A job after those of the file that it waits for: the server wants them to be there. */
static int each_job(struct walk *w, const struct json *list, struct error *err)
{
    int rc = 0;
    struct map *to_come = map_new();
    const struct json **path = mem_zalloc((json_count(list) + 1) * sizeof path[0]);
    JSON_EACH (one, list)
        if (kind_of(one) == JOB)
            map_put_str(to_come, text_of(one, "name"), (void *)one);
    JSON_EACH (one, list) {
        if (rc != 0 || kind_of(one) != JOB || map_get_str(to_come, text_of(one, "name")) != one)
            continue;
        map_remove_str(to_come, text_of(one, "name"));
        rc = with_parents(w, to_come, path, one, err);
    }
    mem_free(path);
    map_free(to_come);
    return rc;
}

/* One kind after the other. */
static int each_of(struct walk *w, const struct json *root, struct error *err)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const struct json *list =
            json_is(root, JSON_ARRAY) ? root : json_get(root, kinds[kind].list);
        if (kind == JOB)
            return each_job(w, list, err);
        JSON_EACH (one, list)
            if ((int)kind_of(one) == kind && visit(w, one, err) != 0)
                return -1;
    }
    return 0;
}

/* Before anything is changed. */
static int check_list(const char *file, const struct json *list, int kind, struct error *err)
{
    size_t i = 0;
    if (json_is(list, JSON_NULL))
        return 0;
    if (!json_is(list, JSON_ARRAY))
        return error_set(err, ERR_INVALID, "%s: %s: got %s, need an array", file, kinds[kind].list,
                         json_kind_word(list));
    JSON_EACH (one, list) {
        if ((int)kind_of(one) != kind)
            return error_set(err, ERR_INVALID, "%s: %s(%zu): need %s", file, kinds[kind].list, i,
                             kinds[kind].need);
        i++;
    }
    return 0;
}

static int nameless(const char *file, struct error *err)
{
    return error_set(err, ERR_INVALID,
                     "%s: need an app, which has an \"id\", a job or a calendar, which has a "
                     "\"name\", or \"calendars\", \"apps\" and \"jobs\", lists of them",
                     file);
}

/* One of Marathon's groups has "apps", too, whose ids are meant below its own. */
static int check_lists(const char *file, const struct json *root, struct error *err)
{
    if (!has_lists(root) && json_get(root, "groups") == NULL)
        return json_is(root, JSON_ARRAY) || json_get(root, "id") != NULL ||
                       json_get(root, "name") != NULL
                   ? 0
                   : nameless(file, err);
    JSON_EACH (list, root) {
        int kind = kind_of_list(json_name(list));
        if (kind == KINDS)
            return error_set(err, ERR_INVALID,
                             "%s: got \"%s\", need nothing but \"calendars\", \"apps\" and "
                             "\"jobs\"; a group is taken by Marathon's API: PUT /v2/groups",
                             file, json_name(list));
        if (check_list(file, list, kind, err) != 0)
            return -1;
    }
    return 0;
}

/* Of two that are called alike the second would win, and diff never be done. */
static int check_twice(const char *file, const struct json *root, struct error *err)
{
    int rc = 0;
    for (int kind = 0; kind < KINDS && rc == 0; kind++) {
        struct map *named = map_new();
        JSON_EACH (one, json_is(root, JSON_ARRAY) ? root : json_get(root, kinds[kind].list)) {
            const char *name = json_str(json_get(one, kind == APP ? "id" : "name"), "");
            if ((int)kind_of(one) == kind && *name != '\0' && rc == 0 &&
                map_put_str(named, name, named) != NULL)
                rc = error_set(err, ERR_INVALID, "%s: %s: %.200s is there twice, need it once",
                               file, kinds[kind].list, name);
        }
        map_free(named);
    }
    return rc;
}

static int each_of_lists(struct cli *c, const struct json *root, one_fn *const fns[KINDS],
                         struct error *err)
{
    struct walk w = {.c = c, .fns = fns};
    if (each_of(&w, root, err) != 0)
        return -1;
    if (w.refused == 0)
        return 0;
    return error_set(err, w.first, "%s: %zu of %zu were refused, for the reasons above",
                     c->args.names[0], w.refused, w.n);
}

static int each_of_file(struct cli *c, one_fn *const fns[KINDS], struct error *err)
{
    struct json *root;
    if (cli_read_json(c->args.names[0], &root, err) != 0)
        return -1;
    int rc = check_lists(c->args.names[0], root, err);
    if (rc == 0)
        rc = check_twice(c->args.names[0], root, err);
    if (rc == 0 && json_is(root, JSON_OBJECT) && !has_lists(root))
        rc = fns[kind_of(root)](c, root, err);
    else if (rc == 0)
        rc = each_of_lists(c, root, fns, err);
    json_free(root);
    return rc;
}

/* ---- apply */

static int send(struct cli *c, enum method method, const char *path, const struct json *body,
                struct json **answer_out, struct error *err)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_BODY_BYTES);
    json_begin(&w, &text);
    json_put_value(&w, body);
    int rc = cli_ask(c, method, path, &text, answer_out, err);
    buf_close(&text);
    return rc;
}

static int apply_app(struct cli *c, const struct json *app, struct error *err)
{
    const char *id = text_of(app, "id");
    struct json *now, *answer;
    struct buf path;
    if (*id == '\0')
        return nameless(c->args.names[0], err);
    if (cli_current(c, "/api/apps/%a", id, &now, err) != 0)
        return -1;
    cli_warn_of_app(id, app);
    buf_init(&path, PATH_BYTES);
    if (now != NULL)
        api_path(&path, "/api/apps/%a?partialUpdate=false", id);
    else
        buf_puts(&path, "/api/apps");
    int rc = send(c, now != NULL ? METHOD_PUT : METHOD_POST, buf_str(&path), app, &answer, err);
    buf_close(&path);
    json_free(now);
    if (rc != 0)
        return error_wrap(err, "%s", id);
    if (!cli_on(c, FLAG_DETACH))
        rc = wait_app(c, id, json_str(json_get(answer, "deployment"), NULL), err);
    else if (cli_for_people(c))
        cli_say(c, 0, "%s is applied.", id);
    json_free(answer);
    return rc;
}

/* Calendars and jobs are put, be they there or not. */
static int apply_named(struct cli *c, const char *fmt, const struct json *one, struct error *err)
{
    struct json *answer;
    struct buf path;
    const char *name = text_of(one, "name");
    buf_init(&path, PATH_BYTES);
    api_path(&path, fmt, name);
    int rc = send(c, METHOD_PUT, buf_str(&path), one, &answer, err);
    buf_close(&path);
    if (rc != 0)
        return error_wrap(err, "%s", name);
    if (cli_for_people(c))
        cli_say(c, 0, "%s is applied.", name);
    if (cli_for_people(c) && *text_of(answer, "warning") != '\0')
        cli_say(c, 0, "warning: %s: %s", name, text_of(answer, "warning"));
    json_free(answer);
    return 0;
}

static int apply_calendar(struct cli *c, const struct json *calendar, struct error *err)
{
    return apply_named(c, "/api/calendars/%s", calendar, err);
}

static int apply_job(struct cli *c, const struct json *job, struct error *err)
{
    cli_warn_of_job(text_of(job, "name"), job);
    return apply_named(c, "/api/jobs/%s", job, err);
}

static int apply(struct cli *c, struct error *err)
{
    static one_fn *const fns[KINDS] = {apply_calendar, apply_app, apply_job};
    return each_of_file(c, fns, err);
}

/* ---- diff: what the file says otherwise than what is */

static void put_value(struct buf *out, const struct json *v)
{
    struct json_writer w;
    if (v == NULL) {
        buf_puts(out, "(not set)");
        return;
    }
    json_begin(&w, out);
    json_put_value(&w, v);
}

static void put_change(struct cli *c, const char *field, const struct json *was,
                       const struct json *is)
{
    struct buf text;
    buf_init(&text, LIMIT_BODY_BYTES);
    buf_printf(&text, "  %s: ", field);
    put_value(&text, was);
    buf_puts(&text, " -> ");
    put_value(&text, is);
    text_clean(&c->out, buf_str(&text));
    buf_putc(&c->out, '\n');
    buf_close(&text);
}

static void say_new(struct cli *c, const char *name)
{
    cli_say(c, 0, "%s is new.", name);
    c->failed = true;
}

static void put_diff(struct cli *c, const char *name, const struct json *was, const struct json *is)
{
    size_t n = 0;
    JSON_EACH (field, is) {
        const struct json *before = json_get_null(was, json_name(field));
        if (str_eq(json_name(field), "id") || json_equal(before, field))
            continue;
        if (n++ == 0)
            cli_say(c, 0, "%s changes:", name);
        put_change(c, json_name(field), before, field);
    }
    if (n == 0)
        cli_say(c, 0, "%s stays.", name);
    else
        c->failed = true;
}

/* `definition`: which member of the answer the file has; "": the answer itself. */
static int diff_one(struct cli *c, const char *fmt, const char *name, const char *definition,
                    const struct json *one, struct error *err)
{
    struct json *now;
    if (cli_current(c, fmt, name, &now, err) != 0)
        return -1;
    if (now == NULL)
        say_new(c, name);
    else
        put_diff(c, name, *definition != '\0' ? json_get(now, definition) : now, one);
    json_free(now);
    return 0;
}

static int diff_calendar(struct cli *c, const struct json *calendar, struct error *err)
{
    return diff_one(c, "/api/calendars/%s", text_of(calendar, "name"), "", calendar, err);
}

static int diff_app(struct cli *c, const struct json *app, struct error *err)
{
    return diff_one(c, "/api/apps/%a", text_of(app, "id"), "app", app, err);
}

static void put_fields(struct cli *c, const char *name, const struct json *was,
                       const struct json *is, const struct json *fields)
{
    cli_say(c, 0, json_count(fields) > 0 ? "%s changes:" : "%s stays.", name);
    JSON_EACH (field, fields) {
        const char *member = json_str(field, "");
        put_change(c, member, json_get_null(was, member), json_get_null(is, member));
        c->failed = true;
    }
}

/* What the server would say of one that is new; the calendars that it names may be of the file,
 * too. */
static int ask_of_new(struct cli *c, const char *path, const struct json *job, struct json **out,
                      struct error *err)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_BODY_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    JSON_EACH (member, job) {
        if (str_eq(json_name(member), "excludeCalendars") ||
            str_eq(json_name(member), "onlyCalendars"))
            continue;
        json_key(&w, json_name(member));
        json_put_value(&w, member);
    }
    json_object_end(&w);
    int rc = cli_ask(c, METHOD_PUT, path, &text, out, err);
    buf_close(&text);
    return rc;
}

/* The server says what would be another: it knows in how many ways one thing can be written, and
 * that a schedule has gone on since. */
static int diff_job(struct cli *c, const struct json *job, struct error *err)
{
    struct json *now, *answer = NULL;
    struct buf path;
    const char *name = text_of(job, "name");
    if (cli_current(c, "/api/jobs/%s", name, &now, err) != 0)
        return -1;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/jobs/%s?dry_run=true", name);
    int rc = now == NULL ? ask_of_new(c, buf_str(&path), job, &answer, err)
                         : send(c, METHOD_PUT, buf_str(&path), job, &answer, err);
    buf_close(&path);
    if (rc == 0 && now == NULL)
        say_new(c, name);
    else if (rc == 0)
        put_fields(c, name, json_get(now, "job"), job, json_get(answer, "fields"));
    json_free(now);
    json_free(answer);
    return rc == 0 ? 0 : error_wrap(err, "%s", name);
}

static int diff(struct cli *c, struct error *err)
{
    static one_fn *const fns[KINDS] = {diff_calendar, diff_app, diff_job};
    return each_of_file(c, fns, err);
}

#define ONE_FILE .operands = "FILE", .names_min = 1, .names_max = 1, .names = NAME_FILE

static const struct cli_verb apply_verb = {
    .name = "",
    ONE_FILE,
    .flags = FLAGS_CHANGE,
    .run = apply,
    .about = "Makes or changes the calendars, apps and jobs of a file until they are as it says",
    .examples = {"mesolith apply cluster.json", "mesolith export all | mesolith apply -"},
};

static const struct cli_verb diff_verb = {
    .name = "",
    ONE_FILE,
    .flags = F(ADDRESS) | F(HELP),
    .run = diff,
    .about = "Shows what applying a file would change; exit status 1 if anything",
    .examples = {"mesolith diff cluster.json", "mesolith export all | mesolith diff -"},
};

const struct cli_noun apply_noun = {
    .name = "apply",
    .about = "makes calendars, apps and jobs as a file says",
    .verbs = &apply_verb,
    .n = 1,
};

const struct cli_noun diff_noun = {
    .name = "diff",
    .about = "what applying a file would change",
    .verbs = &diff_verb,
    .n = 1,
};
