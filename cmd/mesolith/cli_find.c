#include "cli_find.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* What a kind is called, and where its names stand. */
static const struct {
    const char *word, *path, *key;
} lists[] = {
    [NAME_APP] = {"app", "/api/apps", "id"},
    [NAME_JOB] = {"job", "/api/jobs", "name"},
    [NAME_NODE] = {"node", "/api/nodes", "id"},
    [NAME_TASK] = {"task", "/api/tasks", "id"},
    [NAME_DEPLOYMENT] = {"deployment", "/api/deployments", "id"},
    [NAME_TOKEN] = {"token", "/api/tokens", "id"},
    [NAME_CALENDAR] = {"calendar", "/api/calendars", "name"},
    [NAME_SUBJECT] = {"app, job or task", NULL, NULL},
    [NAME_ANY] = {"app, job, node, task or deployment", NULL, NULL},
    [NAME_FILE] = {"file", NULL, NULL},
};

/* The kinds that a kind stands for; NAME_NONE ends them. */
#define KINDS_MAX 6
static const enum name_kind kinds_of[][KINDS_MAX] = {
    [NAME_NONE] = {NAME_NONE},
    [NAME_APP] = {NAME_APP},
    [NAME_JOB] = {NAME_JOB},
    [NAME_NODE] = {NAME_NODE},
    [NAME_TASK] = {NAME_TASK},
    [NAME_DEPLOYMENT] = {NAME_DEPLOYMENT},
    [NAME_TOKEN] = {NAME_TOKEN},
    [NAME_CALENDAR] = {NAME_CALENDAR},
    [NAME_SUBJECT] = {NAME_APP, NAME_JOB, NAME_TASK},
    [NAME_ANY] = {NAME_APP, NAME_JOB, NAME_NODE, NAME_TASK, NAME_DEPLOYMENT},
    [NAME_FILE] = {NAME_NONE},
};

const char *name_kind_word(enum name_kind kind)
{
    return lists[kind].word;
}

/* ---- does it mean this one? */

static bool same_app(const char *typed, const char *id)
{
    return str_eq(typed + strspn(typed, "/"), id + strspn(id, "/"));
}

static bool is_exactly(enum name_kind kind, const char *typed, const struct json *item)
{
    const char *id = json_str(json_get(item, lists[kind].key), "");
    if (kind == NAME_APP)
        return same_app(typed, id);
    return str_eq(typed, id) ||
           (kind == NAME_NODE && (str_eq(typed, json_str(json_get(item, "name"), NULL)) ||
                                  str_eq(typed, json_str(json_get(item, "address"), NULL))));
}

/* A task of the app or the job that is called so. */
static bool is_owned(enum name_kind kind, const char *typed, const struct json *item)
{
    return kind == NAME_TASK &&
           same_app(typed, json_str(json_get(json_get(item, "owner"), "name"), ""));
}

/* Names are typed whole, ids may be cut; among all kinds an app may be meant by its last name. */
static bool may_be(enum name_kind kind, const char *typed, const struct json *item)
{
    const char *id = json_str(json_get(item, lists[kind].key), "");
    const char *last = strrchr(id, '/');
    if (kind == NAME_APP)
        return last != NULL && str_eq(last + 1, typed);
    if (kind == NAME_JOB || kind == NAME_CALENDAR)
        return false;
    return is_owned(kind, typed, item) || text_means_id(typed, id);
}

/* ---- looking */

/* Of all that have names only nodes may share one, or an address. */
static int several_nodes(const char *typed, const struct json *a, const struct json *b,
                         struct error *err)
{
    return error_set(err, ERR_INVALID,
                     "%s: several nodes are called so, need the id or the address of one (mesolith "
                     "node list): %s at %s, %s at %s",
                     typed, json_str(json_get(a, "id"), ""), json_str(json_get(a, "address"), ""),
                     json_str(json_get(b, "id"), ""), json_str(json_get(b, "address"), ""));
}

enum rank {
    RANK_PART_OVER, /* a part of its name was typed */
    RANK_PART,
    RANK_LAST, /* its owner was, and of those that are over the last is meant */
    RANK_LIVES,
};

/* Tasks that ended of late are listed, too: with one that lives they are not meant. Nor are those
 * of "slow-2" beside those of "slow", whose whole name was typed. */
static enum rank rank(enum name_kind kind, const char *typed, const struct json *item)
{
    bool over = kind == NAME_TASK && json_get(item, "ended") != NULL;
    if (is_owned(kind, typed, item))
        return over ? RANK_LAST : RANK_LIVES;
    return over ? RANK_PART_OVER : RANK_PART;
}

static bool ended_later(const struct json *a, const struct json *b)
{
    return strcmp(json_str(json_get(a, "ended"), ""), json_str(json_get(b, "ended"), "")) > 0;
}

static int pick(enum name_kind kind, const struct json *items, const char *typed, bool guess,
                const struct json **out, struct error *err)
{
    const struct json *exact = NULL, *first = NULL, *second = NULL;
    char a[96], b[96];
    JSON_EACH (item, items) {
        if (is_exactly(kind, typed, item)) {
            if (exact != NULL)
                return several_nodes(typed, exact, item, err);
            exact = item;
        }
        if (!guess || !may_be(kind, typed, item))
            continue;
        if (first == NULL || rank(kind, typed, item) > rank(kind, typed, first)) {
            first = item;
            second = NULL;
        } else if (rank(kind, typed, item) == rank(kind, typed, first)) {
            if (rank(kind, typed, item) == RANK_LAST)
                first = ended_later(item, first) ? item : first;
            else if (second == NULL)
                second = item;
        }
    }
    *out = exact != NULL ? exact : first;
    if (exact != NULL || second == NULL)
        return 0;
    text_short_id(a, sizeof a, json_str(json_get(first, lists[kind].key), ""));
    text_short_id(b, sizeof b, json_str(json_get(second, lists[kind].key), ""));
    return error_set(err, ERR_INVALID, "%s: may be %s, %s or another one, need more of it", typed,
                     a, b);
}

static int look(struct cli *c, enum name_kind kind, const char *typed, bool guess,
                struct found *out, struct error *err)
{
    struct json *list;
    const struct json *item = NULL;
    struct buf path;
    bool by_name = kind == NAME_APP || kind == NAME_JOB; /* others may be meant by less or more */
    buf_init(&path, PATH_BYTES);
    buf_puts(&path, lists[kind].path);
    if (by_name)
        api_path(&path, "?q=%s", typed + (kind == NAME_APP ? strspn(typed, "/") : 0));
    int listed = api_list(&c->api, buf_str(&path), &list, err);
    buf_close(&path);
    if (listed != 0)
        return -1;
    int rc = pick(kind, json_get(list, "items"), typed, guess, &item, err);
    if (rc == 0 && item != NULL) {
        struct buf text;
        struct json_writer w;
        buf_init(&text, 1 << 20);
        json_begin(&w, &text);
        json_put_value(&w, item);
        out->kind = kind;
        out->name = mem_strdup(json_str(json_get(item, lists[kind].key), ""));
        out->item = json_parse_own(buf_slice(&text), err);
        buf_close(&text);
    }
    json_free(list);
    return rc;
}

static int look_through(struct cli *c, enum name_kind kinds, const char *typed, bool guess,
                        struct found *out, struct error *err)
{
    for (const enum name_kind *kind = kinds_of[kinds]; *kind != NAME_NONE && out->name == NULL;
         kind++)
        if (look(c, *kind, typed, guess && (kinds != NAME_APP), out, err) != 0)
            return -1;
    return 0;
}

static bool are_jobs_among(enum name_kind kinds)
{
    for (const enum name_kind *kind = kinds_of[kinds]; *kind != NAME_NONE; kind++)
        if (*kind == NAME_JOB)
            return true;
    return false;
}

/* A job that was deleted, by what its history is called, or the last one that was called so. */
static void look_for_gone(struct cli *c, const char *typed, struct found *out)
{
    struct json *list;
    struct error ignored; /* an older node knows of none */
    struct buf path;
    char name[TEXT_SIZE];
    const char *found = NULL;
    str_copy(name, sizeof name, typed);
    name[strcspn(name, ":")] = '\0';
    buf_init(&path, 4096);
    api_path(&path, "/api/jobs?state=deleted&sort=created&q=%s", name);
    if (api_list(&c->api, buf_str(&path), &list, &ignored) == 0) {
        JSON_EACH (item, json_get(list, "items"))
            if (str_eq(json_str(json_get(item, "name"), ""), typed) ||
                str_eq(json_str(json_get(json_get(item, "gone"), "name"), ""), typed))
                found = json_str(json_get(item, "name"), "");
        if (found != NULL)
            *out = (struct found){.kind = NAME_JOB, .name = mem_strdup(found)};
        json_free(list);
    }
    buf_close(&path);
}

/* What is exactly so called is meant, whatever else may be. */
int find_name(struct cli *c, enum name_kind kinds, const char *typed, struct found *out,
              struct error *err)
{
    struct found f = {0};
    if (look_through(c, kinds, typed, false, &f, err) != 0 ||
        (f.name == NULL && look_through(c, kinds, typed, true, &f, err) != 0)) {
        if (err->code == ERR_INVALID) /* parts of several ids: a name may be meant, too */
            find_likely(c, kinds, typed);
        return -1;
    }
    if (f.name == NULL && are_jobs_among(kinds))
        look_for_gone(c, typed, &f);
    if (f.name == NULL)
        return error_set(err, ERR_NOT_FOUND, "%s: there is no %s of that name", typed,
                         lists[kinds].word);
    *out = f;
    return 0;
}

void found_close(struct found *f)
{
    mem_free(f->name);
    json_free(f->item);
    *f = (struct found){0};
}

/* ---- all names */

static void put_names(enum name_kind kind, const struct json *items, struct buf *out)
{
    JSON_EACH (item, items) {
        const char *name = json_str(json_get(item, lists[kind].key), "");
        if (kind == NAME_NODE)
            name = json_str(json_get(item, "name"), name);
        text_clean(out, name);
        buf_putc(out, '\n');
    }
}

void find_all(struct cli *c, enum name_kind kinds, struct buf *out)
{
    for (const enum name_kind *kind = kinds_of[kinds]; *kind != NAME_NONE; kind++) {
        struct json *list;
        struct error ignored;
        if (api_list(&c->api, lists[*kind].path, &list, &ignored) != 0)
            continue; /* what is missing is only missing among the likely ones */
        put_names(*kind, json_get(list, "items"), out);
        json_free(list);
    }
}

/* "web" for "/shop/web", or what is a few letters away. */
static const char *likely(const char *typed, const char *const *names, size_t n)
{
    typed += strspn(typed, "/");
    for (size_t i = 0; i < n; i++) {
        const char *last = strrchr(names[i], '/');
        if (str_eq(typed, last != NULL ? last + 1 : names[i]))
            return names[i];
    }
    const char *nearest = str_nearest(typed, names, n);
    for (size_t i = 0; i < n && nearest == NULL; i++) {
        const char *last = strrchr(names[i], '/');
        if (last != NULL && str_nearest(typed, &(const char *){last + 1}, 1) != NULL)
            nearest = names[i];
    }
    return nearest;
}

#define LIKELY_MAX 5000

void find_likely(struct cli *c, enum name_kind kinds, const char *typed)
{
    struct buf text;
    const char **names = mem_alloc(LIKELY_MAX * sizeof *names);
    size_t n = 0;
    buf_init(&text, 1 << 20);
    find_all(c, kinds, &text);
    char *all = buf_take(&text, NULL), *rest = all;
    for (char *name; n < LIKELY_MAX && (name = strsep(&rest, "\n")) != NULL;)
        if (*name != '\0')
            names[n++] = name;
    const char *found = likely(typed, names, n);
    if (found == NULL && lists[kinds].path != NULL)
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith %s list%s", lists[kinds].word,
                 kinds == NAME_JOB ? ", or with --state deleted" : "");
    else if (found == NULL && are_jobs_among(kinds))
        str_copy(c->api.cure, sizeof c->api.cure, "mesolith app list, job list or task list");
    else if (found != NULL && !str_eq(found, typed)) /* else something of it is not there */
        snprintf(c->api.cure, sizeof c->api.cure, "did you mean %s?", found);
    mem_free(all);
    mem_free(names);
}
