/* Rows that were looked up by their key, or just written, kept for as long as nothing changes them.
 * One run's life asks for the same few rows two dozen times. */
#include <string.h>

#include "base/mem.h"
#include "db/rowsum.h"
#include "state/private.h"

#define MEMO_ROWS 4096 /* of a kind: as many as are on their way at once, or more */

struct memo_rows {
    struct memo_row *rows[MEMO_ROWS]; /* NULL: not needed yet */
};

struct memo {
    struct memo_rows kinds[MEMO_KINDS];
};

static struct memo_row **place(struct memo *m, enum memo_kind kind, int64_t id)
{
    return &m->kinds[kind].rows[(uint64_t)id % MEMO_ROWS];
}

struct memo_row *memo_known(struct state *s, enum memo_kind kind, int64_t id)
{
    struct memo_row *row = s->memo != NULL ? *place(s->memo, kind, id) : NULL;
    return row != NULL && row->known && row->id == id ? row : NULL;
}

struct memo_row *memo_take(struct state *s, enum memo_kind kind, int64_t id, const char **texts[],
                           size_t n)
{
    if (s->memo == NULL)
        return NULL;
    struct memo_row **row = place(s->memo, kind, id);
    size_t size = 0;
    if (*row == NULL)
        *row = NEW(struct memo_row);
    struct memo_texts *own = &(*row)->texts[(*row)->newest ^= 1]; /* they may come from the other */
    for (size_t i = 0; i < n; i++)
        size += *texts[i] != NULL ? strlen(*texts[i]) + 1 : 0;
    if (size > own->size) {
        own->p = mem_realloc(own->p, size);
        own->size = size;
    }
    char *to = own->p;
    for (size_t i = 0; i < n; i++) {
        if (*texts[i] == NULL)
            continue;
        size_t len = strlen(*texts[i]) + 1;
        memcpy(to, *texts[i], len);
        *texts[i] = to;
        to += len;
    }
    (*row)->id = id;
    (*row)->known = true;
    return *row;
}

struct memo_row *memo_again(struct state *s, enum memo_kind kind, int64_t id, bool was_known)
{
    struct memo_row *row = was_known ? *place(s->memo, kind, id) : NULL;
    if (row == NULL || row->id != id)
        return NULL;
    row->known = true;
    return row;
}

/* Its texts stay: whoever has looked it up may still read them. */
static void forget(struct memo_rows *k, int64_t id)
{
    struct memo_row *row = k->rows[(uint64_t)id % MEMO_ROWS];
    if (row != NULL && row->id == id)
        row->known = false;
}

static void forget_all(struct memo_rows *k)
{
    for (size_t i = 0; i < MEMO_ROWS; i++)
        if (k->rows[i] != NULL)
            k->rows[i]->known = false;
}

static void row_changes(void *data, int64_t id)
{
    struct memo_rows *k = data;
    if (id != 0)
        forget(k, id);
    else
        forget_all(k);
}

void memo_forget(struct state *s)
{
    for (int i = 0; s->memo != NULL && i < MEMO_KINDS; i++)
        forget_all(&s->memo->kinds[i]);
}

static void setting_changes(void *data, int64_t unused)
{
    struct state *s = data;
    (void)unused;
    s->rules_known = false;
    s->settings_n = 0;
}

static void trims_change(void *data, int64_t unused)
{
    struct state *s = data;
    (void)unused;
    s->trims_known = false;
}

static void calendars_change(void *data, int64_t unused)
{
    (void)unused;
    calendars_forget(data);
}

/* What else is remembered, until one of these changes. */
static const struct watched {
    const char *table;
    void (*changes)(void *data, int64_t id);
    int level; /* since which there is that table */
} watched[] = {{"settings", setting_changes, 1},
               {"job_trims", trims_change, TRIMS_LEVEL},
               {"history_walks", trims_change, WALKS_LEVEL},
               {"calendars", calendars_change, TIMES_LEVEL}};
#define WATCHED (sizeof watched / sizeof watched[0])

static void forget_answers(struct state *s)
{
    for (size_t i = 0; i < WATCHED; i++)
        watched[i].changes(s, 0);
}

/* By whose rows' keys a row is known. */
static const struct source {
    const char *table;
    enum memo_kind kind;
    int level; /* since which there is that table */
} sources[] = {{"tasks", MEMO_TASK, 1},
               {"job_runs", MEMO_RUN, 1},
               {"jobs", MEMO_JOB, 1},
               {"agents", MEMO_AGENT, 1},
               {"job_ends", MEMO_JOB, PACKED_LEVEL}};
#define SOURCES (sizeof sources / sizeof sources[0])

void memo_open(struct state *s)
{
    s->memo = NEW(struct memo);
    forget_answers(s);
    for (size_t i = 0; i < SOURCES && sources[i].level <= s->level; i++)
        db_rowsums_watch(s->db, sources[i].table, row_changes, &s->memo->kinds[sources[i].kind]);
    for (size_t i = 0; i < WATCHED && watched[i].level <= s->level; i++)
        db_rowsums_watch(s->db, watched[i].table, watched[i].changes, s);
}

/* A step of the schema may change rows that nobody remembers any more. */
void memo_close(struct state *s)
{
    for (size_t i = 0; s->memo != NULL && i < SOURCES && sources[i].level <= s->level; i++)
        db_rowsums_watch(s->db, sources[i].table, NULL, NULL);
    for (size_t i = 0; s->memo != NULL && i < WATCHED && watched[i].level <= s->level; i++)
        db_rowsums_watch(s->db, watched[i].table, NULL, NULL);
    for (int i = 0; s->memo != NULL && i < MEMO_KINDS; i++) {
        for (size_t at = 0; at < MEMO_ROWS; at++) {
            struct memo_row *row = s->memo->kinds[i].rows[at];
            for (int k = 0; row != NULL && k < 2; k++)
                mem_free(row->texts[k].p);
            mem_free(row);
        }
    }
    mem_free(s->memo);
    s->memo = NULL;
    forget_answers(s);
}
