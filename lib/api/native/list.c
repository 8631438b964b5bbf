#include "api/native/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"

static int read_number(struct call *c, const char *name, int64_t otherwise, int64_t most,
                       int64_t *out)
{
    const char *text = query_get(&c->query, name);
    char quoted[64];
    *out = otherwise;
    if (text == NULL || *text == '\0' || (str_to_i64(text, out) && *out >= 0 && *out <= most))
        return 0;
    call_fail(c, ERR_INVALID, "%s: got %s, need a whole number 0 to %lld", name,
              str_quote(quoted, sizeof quoted, text, strlen(text)), (long long)most);
    return -1;
}

static void refuse(struct call *c, const char *name, const char *got, const char *const *words,
                   const char *more)
{
    struct buf list;
    char quoted[64];
    buf_init(&list, 256);
    for (size_t i = 0; words[i] != NULL; i++)
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", words[i]);
    call_fail(c, ERR_INVALID, "%s: got %s, need one of %s%s", name,
              str_quote(quoted, sizeof quoted, got, strlen(got)), buf_str(&list), more);
    buf_close(&list);
}

static int read_sort(struct call *c, struct list *l, const char *const *sorts)
{
    const char *text = query_get(&c->query, "sort");
    if (text == NULL || *text == '\0')
        return 0;
    l->down = *text == '-';
    for (; sorts[l->sort] != NULL; l->sort++)
        if (str_eq(sorts[l->sort], text + l->down))
            return 0;
    refuse(c, "sort", text, sorts, ", with a '-' before it to go down");
    return -1;
}

static const char *read_text(struct call *c, const char *name)
{
    const char *text = query_get(&c->query, name);
    return text != NULL && *text != '\0' ? text : NULL;
}

static int read_state(struct call *c, struct list *l, const char *const *states)
{
    const char *text = read_text(c, "state");
    if (text == NULL || states == NULL)
        return 0;
    l->state = text;
    for (size_t i = 0; states[i] != NULL; i++)
        if (str_eq(states[i], text))
            return 0;
    refuse(c, "state", text, states, "");
    return -1;
}

int list_begin(struct call *c, struct list *l, const char *const *sorts, const char *const *states)
{
    *l = (struct list){.q = read_text(c, "q")};
    if (read_number(c, "offset", 0, INT64_MAX, &l->offset) != 0 ||
        read_number(c, "limit", LIST_LIMIT, LIST_LIMIT_MAX, &l->limit) != 0 ||
        read_state(c, l, states) != 0)
        return -1;
    return read_sort(c, l, sorts);
}

void list_close(struct list *l)
{
    mem_free(l->rows);
    arena_close(&l->texts);
    *l = (struct list){0};
}

static bool holds(const char *text, const char *q)
{
    return text != NULL && strcasestr(text, q) != NULL;
}

bool list_wants(const struct list *l, const char *state, const char *text, const char *other)
{
    if (l->state != NULL && !str_eq(l->state, state))
        return false;
    return l->q == NULL || holds(text, l->q) || holds(other, l->q);
}

static struct list_row *add(struct list *l, int64_t id)
{
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 256 : l->cap * 2;
        l->rows = mem_realloc(l->rows, l->cap * sizeof l->rows[0]);
    }
    struct list_row *r = &l->rows[l->n];
    *r = (struct list_row){.id = id, .at = l->n++};
    return r;
}

void list_add_number(struct list *l, int64_t id, int64_t number)
{
    add(l, id)->number = number;
}

void list_add_text(struct list *l, int64_t id, const char *text)
{
    struct list_row *r = add(l, id);
    r->number = text != NULL ? 0 : LIST_NONE;
    r->text = l->sort != 0 ? arena_strdup(&l->texts, text) : NULL; /* else they are sorted */
}

void list_name(struct list *l, const char *name)
{
    l->rows[l->n - 1].name = arena_strdup(&l->texts, name);
}

/* ---- sorting */

static int compare(const struct list_row *a, const struct list_row *b)
{
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a->text != NULL && b->text != NULL ? strcmp(a->text, b->text) : 0;
}

static int compare_rows(const struct list_row *a, const struct list_row *b, int way)
{
    bool a_has = a->number != LIST_NONE, b_has = b->number != LIST_NONE;
    if (a_has != b_has)
        return a_has ? -1 : 1;
    int order = a_has ? way * compare(a, b) : 0;
    if (order == 0 && a->name != NULL)
        order = strcmp(a->name, b->name);
    return order != 0 ? order : a->at < b->at ? -1 : a->at > b->at;
}

static int by_key_up(const void *a, const void *b)
{
    return compare_rows(a, b, 1);
}

static int by_key_down(const void *a, const void *b)
{
    return compare_rows(a, b, -1);
}

static void turn_around(struct list *l)
{
    for (size_t i = 0; i < l->n / 2; i++) {
        struct list_row row = l->rows[i];
        l->rows[i] = l->rows[l->n - 1 - i];
        l->rows[l->n - 1 - i] = row;
    }
}

/* A number that did not grow comes before all that were not looked at yet. */
void list_settle(struct list *l, int64_t (*exact)(void *data, int64_t id, int64_t number),
                 void *data)
{
    bool all = l->down || l->offset > INT64_MAX - l->limit;
    int64_t need = all ? INT64_MAX : l->offset + l->limit, sure = 0;
    if (l->n > 0)
        qsort(l->rows, l->n, sizeof l->rows[0], by_key_up);
    for (size_t i = 0; i < l->n && sure < need && l->rows[i].number != LIST_NONE; i++) {
        int64_t number = exact(data, l->rows[i].id, l->rows[i].number);
        sure += number == l->rows[i].number ? 1 : 0;
        l->rows[i].number = number;
    }
}

/* ---- the page */

void list_head(struct call *c, struct list *l, struct json_writer *w)
{
    bool ordered = l->n == 0 || (l->sort == 0 && l->rows[0].name == NULL);
    if (!ordered)
        qsort(l->rows, l->n, sizeof l->rows[0], l->down && l->sort != 0 ? by_key_down : by_key_up);
    if (l->down && l->sort == 0)
        turn_around(l);
    call_json(c, 200, w);
    json_object(w);
    json_member_int(w, "total", (int64_t)l->n);
    json_member_int(w, "offset", l->offset);
    json_member_int(w, "index", (int64_t)c->view->index);
    json_key(w, "items");
    json_array(w);
}

size_t list_size(const struct list *l)
{
    int64_t rest = (int64_t)l->n - l->offset;
    if (rest <= 0)
        return 0;
    return (size_t)(rest < l->limit ? rest : l->limit);
}

int64_t list_id(const struct list *l, size_t i)
{
    return l->rows[(size_t)l->offset + i].id;
}

int64_t list_number(const struct list *l, size_t i)
{
    return l->rows[(size_t)l->offset + i].number;
}

void list_end(struct json_writer *w)
{
    json_array_end(w);
    json_object_end(w);
}
