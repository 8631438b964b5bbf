/* cmd/mesolith/cli_table.h - columns that fit the terminal: heads with their units, no borders,
 * colour only beside words. Pure.
 *
 * Cells come row by row, from left to right. A column in which nothing stands is left out. */
#pragma once

#include "base/arena.h"

enum ink { INK_NONE, INK_GOOD, INK_BUSY, INK_WARN, INK_BAD, INK_DIM, INK_BOLD };
/* Escapes, or "" without colour. */
const char *ink_on(enum ink ink, bool color);
const char *ink_off(enum ink ink, bool color);
/* The ink of a state of a noun ("app", "running"), as the dashboard has it; INK_NONE of others. */
enum ink ink_of_state(const char *noun, const char *state);

enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER,       /* to the right */
    COLUMN_FREE,         /* text that may be clipped when there is no room */
    COLUMN_SPARE,        /* the same, and left out before the first column is cut to nothing */
    COLUMN_SPARE_NUMBER, /* left out before those */
};

struct column {
    const char *head;
    enum column_kind kind;
};

struct table {
    const struct column *columns;
    size_t n_columns;
    /* private */
    struct arena arena;
    struct cell *cells;
    size_t n, room;
};

void table_init(struct table *t, const struct column *columns, size_t n); /* keeps columns */
/* Puts the next cell; what strangers wrote is cleaned. */
void table_put(struct table *t, enum ink ink, const char *text); /* NULL: nothing */
void table_printf(struct table *t, enum ink ink, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* `width`: of the terminal, 0: no limit. Without a row only its heads are written, and to a
 * terminal nothing: the caller says there what may be. */
void table_write(const struct table *t, size_t width, bool color, struct buf *out);
void table_close(struct table *t); /* accepts a zeroed struct */
