#include "cli_table.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli_text.h"

#define GAP 2
#define NARROWEST 8 /* a free column is not clipped below that */
#define COLUMNS_MAX 64
#define CELL_BYTES (1 << 20)
#define ELLIPSIS "\xe2\x80\xa6"

struct cell {
    const char *text; /* the arena's */
    size_t len, width;
    enum ink ink;
};

/* ---- ink */

const char *ink_on(enum ink ink, bool color)
{
    static const char *const escapes[] = {
        [INK_NONE] = "",         [INK_GOOD] = "\033[32m", [INK_BUSY] = "\033[36m",
        [INK_WARN] = "\033[33m", [INK_BAD] = "\033[31m",  [INK_DIM] = "\033[2m",
        [INK_BOLD] = "\033[1m",
    };
    return color ? escapes[ink] : "";
}

const char *ink_off(enum ink ink, bool color)
{
    return color && ink != INK_NONE ? "\033[0m" : "";
}

/* Red is only for what someone must act on now. */
enum ink ink_of_state(const char *noun, const char *state)
{
    static const struct {
        const char *noun, *state;
        enum ink ink;
    } inks[] = {
        {"app", "running", INK_GOOD},     {"app", "deploying", INK_BUSY},
        {"app", "waiting", INK_WARN},     {"app", "unhealthy", INK_BAD},
        {"app", "suspended", INK_DIM},    {"task", "staging", INK_BUSY},
        {"task", "starting", INK_BUSY},   {"task", "running", INK_GOOD},
        {"task", "healthy", INK_GOOD},    {"task", "unhealthy", INK_BAD},
        {"task", "finished", INK_DIM},    {"task", "failed", INK_WARN},
        {"task", "killed", INK_DIM},      {"task", "unreachable", INK_WARN},
        {"task", "lost", INK_WARN},       {"job", "running", INK_BUSY},
        {"job", "late", INK_WARN},        {"job", "failing", INK_BAD},
        {"job", "disabled", INK_DIM},     {"job", "deleted", INK_DIM},
        {"run", "running", INK_BUSY},     {"run", "ok", INK_GOOD},
        {"run", "failed", INK_WARN},      {"run", "missed", INK_WARN},
        {"run", "lost", INK_WARN},        {"node", "ready", INK_GOOD},
        {"node", "draining", INK_BUSY},   {"node", "drained", INK_DIM},
        {"node", "unreachable", INK_BAD}, {"node", "restarting", INK_BUSY},
        {"node", "gone", INK_DIM},        {"service", "refused", INK_BAD},
        {"token", "good", INK_GOOD},      {"token", "expired", INK_DIM},
        {"token", "revoked", INK_DIM},    {"notice", "pending", INK_BUSY},
        {"notice", "failed", INK_WARN},   {"notice", "nobody", INK_DIM},
    };
    for (size_t i = 0; i < sizeof inks / sizeof inks[0]; i++)
        if (str_eq(noun, inks[i].noun) && str_eq(state, inks[i].state))
            return inks[i].ink;
    return INK_NONE;
}

/* ---- cells */

void table_init(struct table *t, const struct column *columns, size_t n)
{
    ASSERT(n > 0 && n <= COLUMNS_MAX);
    *t = (struct table){.columns = columns, .n_columns = n};
}

void table_put(struct table *t, enum ink ink, const char *text)
{
    struct buf clean;
    buf_init(&clean, CELL_BYTES);
    text_clean(&clean, text != NULL ? text : "");
    if (t->n == t->room) {
        t->room = t->room == 0 ? 64 : 2 * t->room;
        t->cells = mem_realloc(t->cells, t->room * sizeof *t->cells);
    }
    t->cells[t->n++] = (struct cell){
        .text = arena_strndup(&t->arena, buf_str(&clean), clean.len),
        .len = clean.len,
        .width = text_width(buf_str(&clean), clean.len),
        .ink = ink,
    };
    buf_close(&clean);
}

void table_printf(struct table *t, enum ink ink, const char *fmt, ...)
{
    struct buf text;
    va_list ap;
    buf_init(&text, CELL_BYTES);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    table_put(t, ink, buf_str(&text));
    buf_close(&text);
}

void table_close(struct table *t)
{
    arena_close(&t->arena);
    mem_free(t->cells);
    *t = (struct table){0};
}

/* ---- fitting */

/* The widest cell of a column with its head; 0 where nothing stands. */
static size_t wanted_width(const struct table *t, size_t column)
{
    size_t widest = 0;
    for (size_t i = column; i < t->n; i += t->n_columns)
        if (t->cells[i].width > widest)
            widest = t->cells[i].width;
    const char *head = t->columns[column].head;
    size_t head_width = text_width(head, strlen(head));
    return widest > 0 && head_width > widest ? head_width : widest;
}

static size_t total_width(const size_t *widths, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        if (widths[i] > 0)
            total += widths[i] + (total > 0 ? GAP : 0);
    return total;
}

static bool is_free(enum column_kind kind)
{
    return kind == COLUMN_FREE || kind == COLUMN_SPARE;
}

/* What a column wants at the very least; the names of the first are to be known by it. */
static size_t least_width(const struct table *t, const size_t *widths, size_t column, size_t width)
{
    size_t least = column == 0 && width / 4 > NARROWEST ? width / 4 : NARROWEST;
    return is_free(t->columns[column].kind) && widths[column] > least ? least : widths[column];
}

/* Numbers go before texts. */
static void leave_out(const struct table *t, size_t *widths, size_t width)
{
    static const enum column_kind spare[] = {COLUMN_SPARE_NUMBER, COLUMN_SPARE};
    size_t least[COLUMNS_MAX];
    for (size_t i = 0; i < t->n_columns; i++)
        least[i] = least_width(t, widths, i, width);
    for (size_t s = 0; width > 0 && s < sizeof spare / sizeof spare[0]; s++)
        for (size_t i = t->n_columns; i-- > 0;)
            if (t->columns[i].kind == spare[s] && total_width(least, t->n_columns) > width)
                least[i] = widths[i] = 0;
}

static bool may_shrink(const struct table *t, const size_t *widths, size_t column)
{
    return is_free(t->columns[column].kind) && widths[column] > NARROWEST;
}

/* The widest that may be clipped; n_columns: none. The first has the names, which are typed again:
 * as long as others may it stays whole, up to half of the width. */
static size_t next_to_shrink(const struct table *t, const size_t *widths, size_t width)
{
    size_t widest = t->n_columns;
    if (may_shrink(t, widths, 0) && widths[0] > width / 2)
        return 0;
    for (size_t i = 1; i < t->n_columns; i++)
        if (may_shrink(t, widths, i) && (widest == t->n_columns || widths[i] > widths[widest]))
            widest = i;
    return widest == t->n_columns && may_shrink(t, widths, 0) ? 0 : widest;
}

/* Takes what is too much for the width a column of the terminal at a time. */
static void shrink(const struct table *t, size_t *widths, size_t width)
{
    size_t total = total_width(widths, t->n_columns);
    while (width > 0 && total > width) {
        size_t column = next_to_shrink(t, widths, width);
        if (column == t->n_columns)
            return;
        widths[column]--;
        total--;
    }
}

/* ---- writing */

static void put_blanks(struct buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_putc(out, ' ');
}

static void put_clipped(struct buf *out, const struct cell *c, size_t width)
{
    if (c->width <= width) {
        buf_put(out, c->text, c->len);
        return;
    }
    buf_put(out, c->text, text_fit(c->text, c->len, width - 1));
    buf_puts(out, ELLIPSIS);
}

static void put_cell(struct buf *out, const struct cell *c, enum column_kind kind, size_t width,
                     bool color, bool last)
{
    size_t shown = c->width < width ? c->width : width;
    bool right = kind == COLUMN_NUMBER || kind == COLUMN_SPARE_NUMBER;
    if (right)
        put_blanks(out, width - shown);
    buf_puts(out, ink_on(c->ink, color));
    put_clipped(out, c, width);
    buf_puts(out, ink_off(c->ink, color));
    if (!right && !last)
        put_blanks(out, width - shown);
}

static bool last_column(const struct table *t, const size_t *widths, size_t column)
{
    for (size_t i = column + 1; i < t->n_columns; i++)
        if (widths[i] > 0)
            return false;
    return true;
}

/* No blanks at the end of a line: rows are cut to their last cell with text. */
static void put_row(const struct table *t, const struct cell *row, const size_t *widths, bool color,
                    struct buf *out)
{
    size_t end = t->n_columns;
    while (end > 0 && (widths[end - 1] == 0 || row[end - 1].len == 0))
        end--;
    bool first = true;
    for (size_t i = 0; i < end; i++) {
        if (widths[i] == 0)
            continue;
        if (!first)
            put_blanks(out, GAP);
        first = false;
        put_cell(out, &row[i], t->columns[i].kind, widths[i], color,
                 i + 1 == end || last_column(t, widths, i));
    }
    buf_putc(out, '\n');
}

void table_write(const struct table *t, size_t width, bool color, struct buf *out)
{
    ASSERT(t->n % t->n_columns == 0); /* whole rows */
    size_t widths[COLUMNS_MAX];
    struct cell heads[COLUMNS_MAX];
    bool headed = false;
    for (size_t i = 0; i < t->n_columns; i++) {
        const char *head = t->columns[i].head;
        widths[i] = wanted_width(t, i);
        headed |= *head != '\0';
        heads[i] = (struct cell){head, strlen(head), text_width(head, strlen(head)), INK_DIM};
    }
    bool empty = t->n == 0;
    if (empty && width > 0)
        return;
    for (size_t i = 0; empty && i < t->n_columns; i++)
        widths[i] = heads[i].width;
    leave_out(t, widths, width);
    shrink(t, widths, width);
    if (headed)
        put_row(t, heads, widths, color, out);
    for (size_t row = 0; row < t->n; row += t->n_columns)
        put_row(t, t->cells + row, widths, color, out);
}
