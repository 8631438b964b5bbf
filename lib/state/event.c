/* Events: what people and streams see of what changed. From PAGES_LEVEL on those of one command
 * stand together in pages, each a row; numbers and readers are as if each had a row of its own.
 * What the writer of JSON makes of a text is in the replicas' sums. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/rowsum.h"
#include "state/private.h"

#define PAGE_BYTES (16 << 10) /* a page is full then, or with EVENTS_A_PAGE */
#define TRIM_PAGES 16         /* of the oldest may go with each that comes */

enum { EVENT_TEXT_SIZE = 512, EVENT_WHOLE_SIZE = EVENT_TEXT_SIZE + 4 };

/* ---- writing */

static int64_t newest(struct state *s)
{
    return stmt_one_i64(query_use(s, EVENTS_NEWEST), 0);
}

static void row_changes(void *data, int64_t first)
{
    struct event_draft *d = data;
    if (first == 0) /* undone */
        d->next = 0;
}

void events_open(struct state *s)
{
    s->draft.next = 0;
    if (s->level >= PAGES_LEVEL)
        db_rowsums_watch(s->db, "event_pages", row_changes, &s->draft);
}

void events_close(struct state *s)
{
    if (s->level >= PAGES_LEVEL && s->memo != NULL)
        db_rowsums_watch(s->db, "event_pages", NULL, NULL);
    buf_close(&s->draft.packed);
    json_free(s->events.tree);
    mem_free(s->events.packed);
    s->events = (struct events){0};
}

/* Below PAGES_LEVEL. */
static int64_t put_row(struct apply *a, enum noun noun, const char *name, const char *what,
                       const char *text)
{
    struct stmt *q = change_use(a->s, EVENT_PUT);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_i64(q, ":idx", (int64_t)a->index);
    stmt_bind_i64(q, ":noun", noun);
    stmt_bind_text(q, ":name", name);
    stmt_bind_text(q, ":what", what);
    stmt_bind_text(q, ":text", text);
    stmt_run(q);
    return a->s->draft.newest = db_last_id(a->s->db);
}

static void write_page(struct apply *a)
{
    struct event_draft *d = &a->s->draft;
    if (d->n == 0)
        return;
    json_array_end(&d->w);
    ASSERT(!buf_full(&d->packed));
    struct stmt *q = change_use(a->s, EVENT_PUT);
    stmt_bind_i64(q, ":first", d->next - d->n);
    stmt_bind_i64(q, ":n", d->n);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_i64(q, ":idx", (int64_t)a->index);
    stmt_bind_slice(q, ":packed", buf_slice(&d->packed));
    stmt_run(q);
    d->n = 0;
    d->pages++;
}

static int64_t add_to_page(struct apply *a, enum noun noun, const char *name, const char *what,
                           const char *text)
{
    struct event_draft *d = &a->s->draft;
    if (d->next == 0)
        d->next = newest(a->s) + 1;
    if (d->n == 0) {
        if (d->packed.max == 0)
            buf_init(&d->packed, LIMIT_ENTRY_BYTES);
        buf_clear(&d->packed);
        json_begin(&d->w, &d->packed);
        json_array(&d->w);
    }
    json_array(&d->w);
    json_put_int(&d->w, noun);
    json_put_str(&d->w, name);
    json_put_str(&d->w, what);
    json_put_str(&d->w, text);
    json_array_end(&d->w);
    d->n++;
    d->newest = d->next++;
    if (d->n == EVENTS_A_PAGE || d->packed.len >= PAGE_BYTES)
        write_page(a);
    return d->newest;
}

static int64_t put_event(struct apply *a, enum noun noun, const char *name, const char *what,
                         const char *whole)
{
    char text[EVENT_TEXT_SIZE]; /* cut behind a whole character */
    str_copy(text, sizeof text, whole);
    return (a->s->level < PAGES_LEVEL ? put_row : add_to_page)(a, noun, name, what, text);
}

int64_t event_put(struct apply *a, enum noun noun, const char *name, const char *what,
                  const char *fmt, ...)
{
    char whole[EVENT_WHOLE_SIZE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(whole, sizeof whole, fmt, ap);
    va_end(ap);
    return put_event(a, noun, name, what, whole);
}

int64_t event_put_parts(struct apply *a, enum noun noun, const char *name, const char *what,
                        const char *const parts[])
{
    char whole[EVENT_WHOLE_SIZE];
    size_t n = 0;
    for (; *parts != NULL; parts++) {
        size_t len = strlen(*parts), room = sizeof whole - 1 - n;
        len = len < room ? len : room;
        memcpy(whole + n, *parts, len);
        n += len;
    }
    whole[n] = '\0';
    return put_event(a, noun, name, what, whole);
}

/* Whole pages, so up to a page more than LIMIT_EVENTS stay, which nobody is shown. */
void events_end_command(struct apply *a)
{
    struct event_draft *d = &a->s->draft;
    write_page(a);
    if (d->newest > LIMIT_EVENTS) {
        struct stmt *q = change_use(a->s, EVENTS_TRIM);
        stmt_bind_i64(q, ":id", d->newest - LIMIT_EVENTS);
        if (a->s->level >= PAGES_LEVEL)
            stmt_bind_i64(q, ":most", TRIM_PAGES * d->pages);
        stmt_run(q);
    }
    d->newest = d->pages = 0;
}

void events_drop_command(struct state *s)
{
    s->draft.newest = s->draft.pages = s->draft.n = s->draft.next = 0;
}

/* ---- reading */

static struct events *walk(struct state *s, int which, int64_t limit)
{
    struct events *e = &s->events;
    e->q = query_use(s, which);
    e->paged = s->level >= PAGES_LEVEL;
    e->down = which == EVENTS_BEFORE;
    e->left = limit;
    e->page_n = e->at = 0;
    return e;
}

/* None below this one is shown, though it may be there. */
static int64_t least(struct state *s)
{
    int64_t id = newest(s) - LIMIT_EVENTS + 1;
    return id > 1 ? id : 1;
}

struct events *state_events_after(struct state *s, int64_t id, int64_t limit)
{
    int64_t from = s->level >= PAGES_LEVEL ? least(s) : 0;
    struct events *e = walk(s, EVENTS_AFTER, limit);
    e->from = id >= from ? id + (id < INT64_MAX) : from;
    e->below = INT64_MAX;
    stmt_bind_i64(e->q, ":id", e->paged ? e->from : id);
    if (!e->paged)
        stmt_bind_i64(e->q, ":limit", limit);
    return e;
}

struct events *state_events_before(struct state *s, int64_t id, int64_t limit)
{
    int64_t from = s->level >= PAGES_LEVEL ? least(s) : 0;
    struct events *e = walk(s, EVENTS_BEFORE, limit);
    e->from = from;
    e->below = id;
    stmt_bind_i64(e->q, ":id", id);
    if (!e->paged)
        stmt_bind_i64(e->q, ":limit", limit);
    return e;
}

void state_events_end(struct events *e)
{
    stmt_end(e->q);
    e->page_n = 0;
    e->left = 0;
}

/* Texts of before PAGES_LEVEL may have been cut within a character. */
static struct json *parse_cut(struct slice packed)
{
    struct error err;
    struct buf whole;
    struct json_writer w;
    buf_init(&whole, LIMIT_ENTRY_BYTES);
    json_begin(&w, &whole);
    json_put_slice(&w, packed); /* makes characters of what are none */
    struct json *text = json_parse_own(buf_slice(&whole), &err);
    struct json *tree = json_parse_own(json_slice(text), &err);
    json_free(text);
    buf_close(&whole);
    return tree;
}

/* What each of its events says; kept, for the next one asked for often is of the same page. */
static void unpack(struct events *e, struct slice packed)
{
    if (e->tree != NULL && slice_is(packed, e->packed))
        return;
    struct error err;
    json_free(e->tree);
    mem_free(e->packed);
    e->packed = slice_dup(packed);
    e->tree = json_parse_own(packed, &err);
    if (e->tree == NULL)
        e->tree = parse_cut(packed);
    ASSERT(e->tree != NULL);
    size_t n = 0;
    JSON_EACH (item, e->tree) {
        ASSERT(n < EVENTS_A_PAGE && json_count(item) == 4);
        const struct json *noun = json_first(item), *name = json_next(noun);
        const struct json *what = json_next(name), *text = json_next(what);
        e->said[n++] = (struct event_row){.noun = (enum noun)json_int(noun, 0),
                                          .name = json_str(name, ""),
                                          .what = json_str(what, ""),
                                          .text = json_str(text, "")};
    }
}

static bool next_page(struct events *e)
{
    if (!stmt_row(e->q))
        return false;
    e->first = stmt_i64(e->q, 0);
    e->page_n = stmt_i64(e->q, 1);
    e->when = query_wall_at(e->q, 2);
    e->index = stmt_i64(e->q, 3);
    unpack(e, stmt_text(e->q, 4));
    e->at = e->down ? e->page_n - 1 : 0;
    return true;
}

/* The next place in the pages, wanted or not. */
static bool step(struct events *e)
{
    e->at += e->down ? -1 : 1;
    return (e->at >= 0 && e->at < e->page_n) || next_page(e);
}

static bool next_packed(struct events *e, struct event_row *out)
{
    if (e->left <= 0) {
        state_events_end(e);
        return false;
    }
    do {
        if (!step(e))
            return false;
        if (e->down && e->first + e->at < e->from) {
            state_events_end(e);
            return false;
        }
    } while (e->first + e->at < e->from || e->first + e->at >= e->below);
    *out = e->said[e->at];
    out->id = e->first + e->at;
    out->at = e->when;
    out->index = e->index;
    e->left--;
    return true;
}

bool state_event_next(struct events *e, struct event_row *out)
{
    if (e->paged)
        return next_packed(e, out);
    if (!stmt_row(e->q))
        return false;
    *out = (struct event_row){
        .id = stmt_i64(e->q, 0),
        .at = query_wall_at(e->q, 1),
        .index = stmt_i64(e->q, 2),
        .noun = (enum noun)stmt_word(e->q, 3, NOUN_LAST, NOUN_NODE),
        .name = stmt_str(e->q, 4),
        .what = stmt_str(e->q, 5),
        .text = stmt_str(e->q, 6),
    };
    return true;
}

int64_t state_events_oldest(struct state *s)
{
    int64_t oldest = stmt_one_i64(query_use(s, EVENTS_OLDEST), 0);
    if (s->level < PAGES_LEVEL || oldest == 0)
        return oldest;
    int64_t shown = least(s);
    return oldest > shown ? oldest : shown;
}
