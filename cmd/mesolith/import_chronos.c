/* mesolith import chronos - the jobs that Chronos lists, parents before those who wait for them. */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "import.h"
#include "model/job.h"

/* ---- where something stands in the text */

struct place {
    size_t line, column;
};

/* Goes over a text, and knows where it is. */
struct walk {
    const char *p;
    struct place at;
};

static void go_to(struct walk *w, const char *p)
{
    for (; w->p < p; w->p++) {
        w->at.column++;
        if (*w->p == '\n')
            w->at = (struct place){w->at.line + 1, 1};
    }
}

/* Over a value: of JSON that has been parsed, so it is whole. */
static const char *past_string(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p + 1;
}

static const char *past_value(const char *p)
{
    size_t depth = 0;
    do {
        depth += *p == '{' || *p == '[' ? 1 : 0;
        depth -= *p == '}' || *p == ']' ? 1 : 0;
        p = *p == '"' ? past_string(p) : p + 1;
    } while (depth > 0 || strchr(" \t\r\n,]", *p) == NULL);
    return p;
}

/* ---- the order */

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct node {
    struct json *job;          /* owned */
    const struct json *parent; /* the next one to be looked at */
    struct place at;
    enum mark mark;
    bool wrong;
    const char *name;
};

struct ordering {
    struct import *import;
    struct node *nodes;
    size_t n;
    struct map *by_name;
    struct node **stack; /* each waits for the one above it */
    size_t depth;
};

/* "a -> b -> a" */
static void say_cycle(struct ordering *o, const struct node *again)
{
    struct buf text;
    size_t k = 0;
    buf_init(&text, 200);
    while (o->stack[k] != again)
        k++;
    for (; k < o->depth; k++)
        buf_printf(&text, "%s -> ", o->stack[k]->name);
    buf_puts(&text, again->name);
    struct node *last = o->stack[o->depth - 1];
    import_problem(o->import, last->at.line, last->at.column, "",
                   "%s: parents: they wait for each other: %s%s", last->name, buf_str(&text),
                   buf_full(&text) ? "…" : "");
    last->wrong = true;
    buf_close(&text);
}

static void add(struct ordering *o, struct node *n)
{
    struct import *i = o->import;
    struct import_job *j = &i->jobs[i->n++];
    *j = (struct import_job){.name = n->name,
                             .line = n->at.line,
                             .column = n->at.column,
                             .face_2 = json_get(n->job, "epsilon") != NULL,
                             .body = import_body(i, n->job),
                             .wrong = n->wrong};
    j->when = import_when(i, j->body);
}

/* Adds a job behind all that it waits for. */
static void visit(struct ordering *o, struct node *first)
{
    if (first->mark != MARK_NEW)
        return;
    o->stack[o->depth++] = first;
    first->mark = MARK_OPEN;
    while (o->depth > 0) {
        struct node *n = o->stack[o->depth - 1];
        if (n->parent == NULL) {
            n->mark = MARK_DONE;
            add(o, n);
            o->depth--;
            continue;
        }
        struct node *parent = map_get_str(o->by_name, json_str(n->parent, ""));
        n->parent = json_next(n->parent);
        if (parent != NULL && parent->mark == MARK_OPEN) {
            say_cycle(o, parent);
        } else if (parent != NULL && parent->mark == MARK_NEW) {
            parent->mark = MARK_OPEN;
            o->stack[o->depth++] = parent;
        }
    }
}

/* ---- one job */

struct listed {
    const char *file;
    const struct json *job;
    struct place at;
};

/* The job without its counters and what we do not know, which is said. */
static void put_wanted(const void *from, struct json_writer *w)
{
    const struct listed *l = from;
    JSON_EACH (member, l->job) {
        if (!job_knows(json_name(member))) {
            fprintf(stderr, "%s:%zu:%zu: %s: %s: not known here, left out\n", l->file, l->at.line,
                    l->at.column, text_of(l->job, "name"), json_name(member));
        } else if (!job_is_counter(json_name(member))) {
            json_key(w, json_name(member));
            json_put_value(w, member);
        }
    }
}

static void take(struct ordering *o, const struct json *job, struct place at)
{
    struct import *i = o->import;
    const char *name = json_is(job, JSON_OBJECT) ? job_name_of(job, &i->arena) : NULL;
    if (name == NULL || *name == '\0') {
        import_problem(i, at.line, at.column, "", "got %s without a name, need a job",
                       json_kind_word(job));
        return;
    }
    struct node *n = &o->nodes[o->n];
    if (map_get_str(o->by_name, name) != NULL) {
        import_problem(i, at.line, at.column, "", "%s: is in the file twice, need one", name);
        return;
    }
    const struct listed listed = {i->file, job, at};
    *n = (struct node){.job = import_object(put_wanted, &listed), .at = at, .name = name};
    n->parent = json_first(json_get(n->job, "parents"));
    map_put_str(o->by_name, name, n);
    o->n++;
}

/* ---- the file */

static void take_all(struct ordering *o, struct slice text, const struct json *root)
{
    struct walk w = {text.p, {1, 1}};
    if (json_is(root, JSON_OBJECT)) {
        go_to(&w, w.p + strcspn(w.p, "{"));
        take(o, root, w.at);
        return;
    }
    go_to(&w, w.p + strcspn(w.p, "[") + 1);
    JSON_EACH (job, root) {
        go_to(&w, w.p + strspn(w.p, " \t\r\n,"));
        take(o, job, w.at);
        go_to(&w, past_value(w.p));
    }
}

static int run(struct import *i, struct slice text, const struct json *root, struct error *err)
{
    size_t room = json_is(root, JSON_OBJECT) ? 1 : json_count(root);
    struct ordering o = {.import = i,
                         .nodes = arena_alloc(&i->arena, room * sizeof *o.nodes),
                         .stack = arena_alloc(&i->arena, room * sizeof *o.stack),
                         .by_name = map_new()};
    import_room(i, room);
    take_all(&o, text, root);
    for (size_t k = 0; k < o.n; k++)
        visit(&o, &o.nodes[k]);
    int rc = import_run(i, err);
    for (size_t k = 0; k < o.n; k++)
        json_free(o.nodes[k].job);
    map_free(o.by_name);
    return rc;
}

int import_chronos(struct cli *c, struct error *err)
{
    struct import i;
    struct buf text;
    if (import_begin(&i, c, err) != 0)
        return -1;
    if (cli_read_file(c->args.names[0], &text, err) != 0) {
        import_end(&i);
        return -1;
    }
    struct json *root = json_parse(buf_slice(&text), err);
    int rc = -1;
    if (root == NULL)
        error_wrap(err, "%s", i.file);
    else if (!json_is(root, JSON_ARRAY) && !json_is(root, JSON_OBJECT))
        error_set(err, ERR_INVALID, "%s: got %s, need the array that Chronos lists", i.file,
                  json_kind_word(root));
    else
        rc = run(&i, buf_slice(&text), root, err);
    json_free(root);
    import_end(&i);
    buf_close(&text);
    return rc;
}
