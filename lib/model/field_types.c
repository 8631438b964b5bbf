/* The types that rows of a table may have. */

#include "base/limits.h"
#include "base/str.h"
#include "model/field.h"

#include <math.h>
#include <string.h>

/* ---- text */

static void text_init(const struct field *f, void *to)
{
    *(const char **)to = f->text;
}

static void text_read(const struct reader *r, const struct path *at, const struct field *f,
                      const struct json *v, void *to)
{
    if (!reader_expects(r, at, v, JSON_STRING))
        return;
    struct slice s = json_slice(v);
    if (s.len < (size_t)f->min)
        reader_wrong(r, at, "error.minLength", v, "text that is not empty");
    else if (f->max > 0 && s.len > (size_t)f->max)
        reader_wrong(r, at, "error.maxLength", v, "at most %.0f characters", f->max);
    else if (f->form != NULL && !f->form->holds(s.p))
        reader_wrong(r, at, "error.pattern", v, "%s", f->form->need);
    else
        *(const char **)to = arena_strndup(r->arena, s.p, s.len);
}

static void text_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    json_put_str(w, *(const char *const *)from);
}

static bool text_is_set(const struct field *f, const void *from)
{
    (void)f;
    return *(const char *const *)from != NULL;
}

static bool text_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return str_eq(*(const char *const *)a, *(const char *const *)b);
}

const struct field_type FIELD_TEXT = {text_init, text_read, text_write, text_is_set, text_equal};

/* ---- true or false */

static void bool_init(const struct field *f, void *to)
{
    *(bool *)to = f->otherwise != 0;
}

static void bool_read(const struct reader *r, const struct path *at, const struct field *f,
                      const struct json *v, void *to)
{
    (void)f;
    if (reader_expects(r, at, v, JSON_BOOL))
        *(bool *)to = json_bool(v, false);
}

static void bool_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    json_put_bool(w, *(const bool *)from);
}

static bool bool_is_set(const struct field *f, const void *from)
{
    return *(const bool *)from != (f->otherwise != 0);
}

static bool bool_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return *(const bool *)a == *(const bool *)b;
}

const struct field_type FIELD_BOOL = {bool_init, bool_read, bool_write, bool_is_set, bool_equal};

/* ---- numbers */

static bool in_bounds(const struct reader *r, const struct path *at, const struct json *v,
                      double value, double min, double max)
{
    if (value < min)
        reader_wrong(r, at, "error.min", v, "at least %.15g", min);
    else if (!(value <= max))
        reader_wrong(r, at, "error.max", v, "at most %.15g", max);
    else
        return true;
    return false;
}

static void int_init(const struct field *f, void *to)
{
    *(int64_t *)to = (int64_t)f->otherwise;
}

static void int_read(const struct reader *r, const struct path *at, const struct field *f,
                     const struct json *v, void *to)
{
    int64_t value;
    if (!reader_expects(r, at, v, JSON_NUMBER))
        return;
    if (!json_i64(v, &value))
        reader_wrong(r, at, "error.expected.int", v, "a whole number");
    else if (in_bounds(r, at, v, (double)value, f->min, f->max != 0 ? f->max : FIELD_INT_MAX))
        *(int64_t *)to = value;
}

static void int_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    json_put_int(w, *(const int64_t *)from);
}

static bool int_is_set(const struct field *f, const void *from)
{
    return *(const int64_t *)from != (int64_t)f->otherwise;
}

static bool int_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return *(const int64_t *)a == *(const int64_t *)b;
}

const struct field_type FIELD_INT = {int_init, int_read, int_write, int_is_set, int_equal};

static void number_init(const struct field *f, void *to)
{
    *(double *)to = f->otherwise;
}

static void number_read(const struct reader *r, const struct path *at, const struct field *f,
                        const struct json *v, void *to)
{
    if (!reader_expects(r, at, v, JSON_NUMBER))
        return;
    double value = json_double(v, NAN);
    if (in_bounds(r, at, v, value, f->min, f->max != 0 ? f->max : FIELD_INT_MAX))
        *(double *)to = value;
}

static void number_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    json_put_double(w, *(const double *)from);
}

static bool number_is_set(const struct field *f, const void *from)
{
    return *(const double *)from != f->otherwise;
}

static bool number_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return *(const double *)a == *(const double *)b;
}

const struct field_type FIELD_NUMBER = {number_init, number_read, number_write, number_is_set,
                                        number_equal};

static void double_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    char text[DOUBLE_TEXT_SIZE];
    json_put_raw(w, slice_of(double_text(*(const double *)from, text)));
}

const struct field_type FIELD_DOUBLE = {number_init, number_read, double_write, number_is_set,
                                        number_equal};

/* ---- a word of a few: an enum */

static void word_init(const struct field *f, void *to)
{
    *(unsigned *)to = (unsigned)f->otherwise;
}

static void word_read(const struct reader *r, const struct path *at, const struct field *f,
                      const struct json *v, void *to)
{
    if (!reader_expects(r, at, v, JSON_STRING))
        return;
    struct buf all;
    buf_init(&all, 160);
    for (unsigned i = 0; f->words[i] != NULL; i++) {
        if (slice_is(json_slice(v), f->words[i]) && f->words[i][0] != '\0') {
            *(unsigned *)to = i;
            buf_close(&all);
            return;
        }
        if (f->words[i][0] != '\0')
            buf_printf(&all, "%s%s", all.len == 0 ? "" : ", ", f->words[i]);
    }
    reader_wrong(r, at, "error.unknown.enum.literal", v, "one of %s", buf_str(&all));
    buf_close(&all);
}

static void word_write(const struct field *f, const void *from, struct json_writer *w)
{
    json_put_str(w, f->words[*(const unsigned *)from]);
}

static bool word_is_set(const struct field *f, const void *from)
{
    return *(const unsigned *)from != (unsigned)f->otherwise;
}

static bool word_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return *(const unsigned *)a == *(const unsigned *)b;
}

const struct field_type FIELD_WORD = {word_init, word_read, word_write, word_is_set, word_equal};

/* ---- lists: all lie as {items, n} */

struct any_list {
    void *items;
    size_t n;
};

static struct any_list list_at(const void *from)
{
    struct any_list l;
    memcpy(&l, from, sizeof(l));
    return l;
}

static void list_put(void *to, void *items, size_t n)
{
    struct any_list l = {items, n};
    memcpy(to, &l, sizeof(l));
}

static void list_none(const struct field *f, void *to)
{
    (void)f;
    list_put(to, NULL, 0);
}

static bool list_is_set(const struct field *f, const void *from)
{
    (void)f;
    return list_at(from).n > 0;
}

/* Are the elements the same, in this order or, if that does not count, in any? `same` compares
 * two of them. */
static bool lists_equal(const struct field *f, struct any_list a, struct any_list b, size_t size,
                        bool (*same)(const struct field *f, const void *x, const void *y))
{
    if (a.n != b.n)
        return false;
    const char *x = a.items, *y = b.items;
    size_t i = 0;
    while (i < a.n && same(f, x + i * size, y + i * size))
        i++;
    if (i == a.n || !f->unordered)
        return i == a.n;
    /* As often in the one as in the other: compare how often each element of a is found. */
    for (size_t k = i; k < a.n; k++) {
        size_t in_a = 0, in_b = 0;
        for (size_t j = i; j < a.n; j++) {
            in_a += same(f, x + k * size, x + j * size);
            in_b += same(f, x + k * size, y + j * size);
        }
        if (in_a != in_b)
            return false;
    }
    return true;
}

static void texts_read(const struct reader *r, const struct path *at, const struct field *f,
                       const struct json *v, void *to)
{
    if (!reader_expects_items(r, at, v, JSON_ARRAY, f))
        return;
    static const struct field ELEMENT = {.type = &FIELD_TEXT};
    const char **items = arena_alloc(r->arena, json_count(v) * sizeof(*items));
    size_t n = 0;
    JSON_EACH (element, v) {
        struct path here = {.up = at, .index = n};
        text_read(r, &here, &ELEMENT, element, &items[n++]);
    }
    list_put(to, items, n);
}

static void texts_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    const struct strings *s = from;
    json_array(w);
    for (size_t i = 0; i < s->n; i++)
        json_put_str(w, s->items[i]);
    json_array_end(w);
}

static bool texts_equal(const struct field *f, const void *a, const void *b)
{
    return lists_equal(f, list_at(a), list_at(b), sizeof(const char *), text_equal);
}

const struct field_type FIELD_TEXTS = {list_none, texts_read, texts_write, list_is_set,
                                       texts_equal};

static void ints_read(const struct reader *r, const struct path *at, const struct field *f,
                      const struct json *v, void *to)
{
    /* The row's bounds are the elements'. */
    static const struct field LIST = {.min = 0};
    if (!reader_expects_items(r, at, v, JSON_ARRAY, &LIST))
        return;
    int64_t *items = arena_alloc(r->arena, json_count(v) * sizeof(*items));
    size_t n = 0;
    JSON_EACH (element, v) {
        struct path here = {.up = at, .index = n};
        int_read(r, &here, f, element, &items[n++]);
    }
    list_put(to, items, n);
}

static void ints_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    const struct numbers *l = from;
    json_array(w);
    for (size_t i = 0; i < l->n; i++)
        json_put_int(w, l->items[i]);
    json_array_end(w);
}

static bool ints_equal(const struct field *f, const void *a, const void *b)
{
    return lists_equal(f, list_at(a), list_at(b), sizeof(int64_t), int_equal);
}

const struct field_type FIELD_INTS = {list_none, ints_read, ints_write, list_is_set, ints_equal};

/* ---- a map of texts */

static void pairs_read(const struct reader *r, const struct path *at, const struct field *f,
                       const struct json *v, void *to)
{
    if (!reader_expects_items(r, at, v, JSON_OBJECT, f))
        return;
    struct pair *items = arena_alloc(r->arena, json_count(v) * sizeof(*items));
    size_t n = 0;
    JSON_EACH (member, v) {
        struct path here = {.up = at, .name = json_name(member), .entry = true};
        if (json_is(member, JSON_NULL) || !reader_expects(r, &here, member, JSON_STRING))
            continue;
        items[n++] = (struct pair){arena_strdup(r->arena, json_name(member)),
                                   arena_strdup(r->arena, json_str(member, ""))};
    }
    list_put(to, items, n);
}

static void pairs_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    const struct pairs *p = from;
    json_object(w);
    for (size_t i = 0; i < p->n; i++)
        json_member_str(w, p->items[i].name, p->items[i].value);
    json_object_end(w);
}

static bool same_pair(const struct field *f, const void *a, const void *b)
{
    (void)f;
    const struct pair *x = a, *y = b;
    return str_eq(x->name, y->name) && str_eq(x->value, y->value);
}

static bool pairs_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    static const struct field MAP = {.unordered = true};
    return lists_equal(&MAP, list_at(a), list_at(b), sizeof(struct pair), same_pair);
}

const struct field_type FIELD_PAIRS = {list_none, pairs_read, pairs_write, list_is_set,
                                       pairs_equal};

/* ---- an object that may be absent: a pointer */

static void *pointer_at(const void *from)
{
    void *p;
    memcpy(&p, from, sizeof(p)); /* of any type: memcpy, not a cast */
    return p;
}

static void object_init(const struct field *f, void *to)
{
    (void)f;
    void *none = NULL;
    memcpy(to, &none, sizeof(none));
}

static void object_read(const struct reader *r, const struct path *at, const struct field *f,
                        const struct json *v, void *to)
{
    void *object = arena_alloc(r->arena, f->table->size);
    fields_init(f->table, object);
    fields_read(r, at, f->table, v, object);
    if (json_is(v, JSON_OBJECT))
        memcpy(to, &object, sizeof(object));
}

static void object_write(const struct field *f, const void *from, struct json_writer *w)
{
    fields_write_object(f->table, pointer_at(from), w);
}

static bool object_is_set(const struct field *f, const void *from)
{
    (void)f;
    return pointer_at(from) != NULL;
}

static bool object_equal(const struct field *f, const void *a, const void *b)
{
    const void *x = pointer_at(a), *y = pointer_at(b);
    if (x == NULL || y == NULL)
        return x == y;
    return fields_equal(f->table, x, y);
}

const struct field_type FIELD_OBJECT = {object_init, object_read, object_write, object_is_set,
                                        object_equal};

/* ---- an object that is always there, in the struct itself */

static void part_init(const struct field *f, void *to)
{
    fields_init(f->table, to);
}

static void part_read(const struct reader *r, const struct path *at, const struct field *f,
                      const struct json *v, void *to)
{
    fields_init(f->table, to); /* replaced whole, not merged */
    fields_read(r, at, f->table, v, to);
}

static void part_write(const struct field *f, const void *from, struct json_writer *w)
{
    fields_write_object(f->table, from, w);
}

static bool part_is_set(const struct field *f, const void *from)
{
    (void)f;
    (void)from;
    return true;
}

static bool part_equal(const struct field *f, const void *a, const void *b)
{
    return fields_equal(f->table, a, b);
}

const struct field_type FIELD_PART = {part_init, part_read, part_write, part_is_set, part_equal};

/* ---- a list of objects */

static void objects_read(const struct reader *r, const struct path *at, const struct field *f,
                         const struct json *v, void *to)
{
    if (!reader_expects_items(r, at, v, JSON_ARRAY, f))
        return;
    char *items = arena_alloc(r->arena, json_count(v) * f->table->size);
    size_t n = 0;
    JSON_EACH (element, v) {
        struct path here = {.up = at, .index = n};
        void *object = items + n++ * f->table->size;
        fields_init(f->table, object);
        fields_read(r, &here, f->table, element, object);
    }
    list_put(to, items, n);
}

static void objects_write(const struct field *f, const void *from, struct json_writer *w)
{
    struct any_list l = list_at(from);
    json_array(w);
    for (size_t i = 0; i < l.n; i++)
        fields_write_object(f->table, (const char *)l.items + i * f->table->size, w);
    json_array_end(w);
}

static bool same_object(const struct field *f, const void *a, const void *b)
{
    return fields_equal(f->table, a, b);
}

static bool objects_equal(const struct field *f, const void *a, const void *b)
{
    return lists_equal(f, list_at(a), list_at(b), f->table->size, same_object);
}

const struct field_type FIELD_LIST = {list_none, objects_read, objects_write, list_is_set,
                                      objects_equal};

/* ---- an object that is only kept: its JSON text */

static void raw_read(const struct reader *r, const struct path *at, const struct field *f,
                     const struct json *v, void *to)
{
    (void)f;
    if (!reader_expects(r, at, v, JSON_OBJECT))
        return;
    struct buf b;
    struct json_writer w;
    buf_init(&b, LIMIT_BODY_BYTES);
    json_begin(&w, &b);
    json_put_value(&w, v);
    *(const char **)to = arena_strndup(r->arena, buf_str(&b), b.len);
    buf_close(&b);
}

static void raw_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    json_put_raw(w, slice_of(*(const char *const *)from));
}

const struct field_type FIELD_RAW = {text_init, raw_read, raw_write, text_is_set, text_equal};

/* ---- constraints: a list of [field, operator, value] */

static void constraints_read(const struct reader *r, const struct path *at, const struct field *f,
                             const struct json *v, void *to)
{
    if (!reader_expects_items(r, at, v, JSON_ARRAY, f))
        return;
    enum constraint_dialect dialect = (enum constraint_dialect)f->otherwise;
    struct constraint *items = arena_alloc(r->arena, json_count(v) * sizeof(*items));
    size_t n = 0;
    JSON_EACH (element, v) {
        struct path here = {.up = at, .index = n};
        if (r->stored)
            constraint_load(element, r->arena, &items[n++]);
        else
            constraint_read(element, dialect, path_text(r, &here), r->arena, &items[n++],
                            r->problems);
    }
    list_put(to, items, n);
}

static void constraints_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    const struct constraints *list = from;
    json_array(w);
    for (size_t i = 0; i < list->n; i++)
        constraint_write(&list->items[i], w);
    json_array_end(w);
}

static bool same_constraint(const struct field *f, const void *a, const void *b)
{
    (void)f;
    const struct constraint *x = a, *y = b;
    return x->op == y->op && str_eq(x->field, y->field) && str_eq(x->value, y->value);
}

static bool constraints_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    static const struct field SET = {.unordered = true};
    return lists_equal(&SET, list_at(a), list_at(b), sizeof(struct constraint), same_constraint);
}

const struct field_type FIELD_CONSTRAINTS = {list_none, constraints_read, constraints_write,
                                             list_is_set, constraints_equal};
