/* lib/api/native/list.h - one page of a list: ?offset=0&limit=100&sort=-name&q=text&state=word.
 *
 * A door walks its rows once and adds the key of each that is wanted; then it writes those of the
 * page, looked up again by their ids. Nothing else is kept of a list of thousands. Rows without the
 * key that is sorted by come last both ways; equal ones stay in the order they were added, or in
 * that of their names. Pure. */
#pragma once

#include "api/door.h"

#define LIST_LIMIT 100       /* items of a page, if nothing is said */
#define LIST_LIMIT_MAX 10000 /* and at most */
#define LIST_NONE INT64_MIN  /* a number that is not there */

struct list {
    int64_t offset, limit;
    const char *q, *state; /* NULL: any. Borrowed from the call */
    size_t sort;           /* which of the door's keys */
    bool down;
    /* private */
    struct list_row {
        int64_t id, number;
        const char *text, *name;
        size_t at;
    } * rows;
    size_t n, cap;
    struct arena texts;
};

/* Both end with NULL. The first of `sorts` is the order in which the door adds; `states` are the
 * words that its rows may have, or NULL where they have none. -1 after having failed the call. */
int list_begin(struct call *c, struct list *l, const char *const *sorts,
               const char *const *states) MUST_CHECK;
void list_close(struct list *l); /* accepts a zeroed struct */

/* Does the row's state fit, and does one of its texts hold `q`, whatever the case? */
bool list_wants(const struct list *l, const char *state, const char *text, const char *other);
void list_add_number(struct list *l, int64_t id, int64_t number);
void list_add_text(struct list *l, int64_t id, const char *text);
/* The name of the row that was added last, for a door that does not add in the order of the first
 * of `sorts`, which is that of names: of all rows or of none. */
void list_name(struct list *l, const char *name);

/* The numbers that were added are not larger than they turn out to be: as many as the page needs
 * are made exact, which is all of them where it goes down. */
void list_settle(struct list *l, int64_t (*exact)(void *data, int64_t id, int64_t number),
                 void *data);

/* Sorts, and begins {"total","offset","index","items":[ of the answer. The items are those of
 * list_ids(); then list_end(). */
void list_head(struct call *c, struct list *l, struct json_writer *w);
size_t list_size(const struct list *l); /* of the page */
int64_t list_id(const struct list *l, size_t i);
int64_t list_number(const struct list *l, size_t i); /* that was added */
void list_end(struct json_writer *w);
