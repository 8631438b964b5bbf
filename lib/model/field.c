#include "model/field.h"
#include "base/limits.h"
#include "base/str.h"

#include <string.h>

/* ---- where, and what is wrong there */

static void put_path(struct buf *b, const struct path *at)
{
    if (at == NULL)
        return;
    put_path(b, at->up);
    if (at->name == NULL)
        buf_printf(b, "(%zu)", at->index);
    else if (at->entry)
        buf_printf(b, "(%s)", at->name);
    else
        buf_printf(b, "/%s", at->name);
}

const char *path_text(const struct reader *r, const struct path *at)
{
    struct buf b;
    buf_init(&b, 512);
    put_path(&b, at);
    const char *text = arena_strdup(r->arena, b.len == 0 ? "/" : buf_str(&b));
    buf_close(&b);
    return text;
}

/* The value as a person may recognize it. */
static void put_value(struct buf *b, const struct json *got)
{
    char quoted[64];
    buf_puts(b, json_quote(quoted, sizeof quoted, got));
}

void reader_wrong(const struct reader *r, const struct path *at, const char *key,
                  const struct json *got, const char *need, ...)
{
    struct buf b;
    buf_init(&b, 512);
    if (got == NULL) {
        buf_puts(&b, "missing, need ");
    } else {
        buf_puts(&b, "got ");
        put_value(&b, got);
        buf_puts(&b, ", need ");
    }
    va_list ap;
    va_start(ap, need);
    buf_vprintf(&b, need, ap);
    va_end(ap);
    problems_add_coded(r->problems, r->schema_keys ? key : NULL, path_text(r, at), "%s",
                       buf_str(&b));
    buf_close(&b);
}

bool reader_expects(const struct reader *r, const struct path *at, const struct json *v,
                    enum json_kind kind)
{
    static const struct {
        const char *key, *need;
    } KINDS[] = {
        [JSON_NULL] = {"error.expected.null", "null"},
        [JSON_BOOL] = {"error.expected.jsboolean", "true or false"},
        [JSON_NUMBER] = {"error.expected.jsnumber", "a number"},
        [JSON_STRING] = {"error.expected.jsstring", "a string"},
        [JSON_ARRAY] = {"error.expected.jsarray", "an array"},
        [JSON_OBJECT] = {"error.expected.jsobject", "an object"},
    };
    if (json_is(v, kind))
        return true;
    reader_wrong(r, at, KINDS[kind].key, v, "%s", KINDS[kind].need);
    return false;
}

bool reader_expects_items(const struct reader *r, const struct path *at, const struct json *v,
                          enum json_kind kind, const struct field *f)
{
    if (kind == JSON_ARRAY && r->lenient && !json_is(v, JSON_ARRAY))
        return false;
    if (!reader_expects(r, at, v, kind))
        return false;
    size_t n = json_count(v), most = f->max > 0 ? (size_t)f->max : LIMIT_ITEMS;
    if (n < (size_t)f->min) {
        reader_wrong(r, at, "error.minLength", v, "at least %zu elements", (size_t)f->min);
        return false;
    }
    if (n > most) {
        reader_wrong(r, at, "error.maxLength", v, "at most %zu elements, not %zu", most, n);
        return false;
    }
    return true;
}

/* ---- tables */

void fields_init(const struct field_table *t, void *object)
{
    for (size_t i = 0; i < t->n; i++)
        t->rows[i].type->init(&t->rows[i], (char *)object + t->rows[i].offset);
}

/* What we wrote ourselves comes in the order of the rows, so the search begins after the last
 * hit. */
static const struct field *find_row(const struct field_table *t, const char *name, size_t *cursor)
{
    for (size_t tried = 0; tried < t->n; tried++) {
        size_t i = *cursor + tried < t->n ? *cursor + tried : *cursor + tried - t->n;
        if (t->rows[i].name[0] == name[0] && strcmp(t->rows[i].name, name) == 0) {
            *cursor = i + 1;
            return &t->rows[i];
        }
    }
    return NULL;
}

static bool is_ignored(const struct reader *r, const struct field *f)
{
    return r->ignored != NULL && strcmp(r->ignored, f->name) == 0;
}

void fields_read(const struct reader *r, const struct path *at, const struct field_table *t,
                 const struct json *v, void *object)
{
    if (!reader_expects(r, at, v, JSON_OBJECT))
        return;
    size_t cursor = 0;
    JSON_EACH (member, v) {
        if (json_is(member, JSON_NULL))
            continue;
        const struct field *f = find_row(t, json_name(member), &cursor);
        if (f == NULL || (r->stored && f->emit == EMIT_NEVER) || is_ignored(r, f))
            continue;
        struct path here = {.up = at, .name = f->name};
        field_read *take = f->read != NULL ? f->read : f->type->read;
        take(r, &here, f, member, (char *)object + f->offset);
    }
    for (size_t i = 0; i < t->n; i++) {
        struct path here = {.up = at, .name = t->rows[i].name};
        if (t->rows[i].required && json_get(v, t->rows[i].name) == NULL)
            reader_wrong(r, &here, "error.path.missing", NULL, "a value");
    }
}

static bool is_given(const void *list)
{
    const void *items;
    memcpy(&items, list, sizeof(items)); /* a list begins with its items */
    return items != NULL;
}

static bool is_written(const struct field *f, const void *object)
{
    const void *from = (const char *)object + f->offset;
    if (f->when != NULL && !f->when(object))
        return false;
    switch (f->emit) {
    case EMIT_ALWAYS:
        return true;
    case EMIT_SET:
        return f->type->is_set(f, from);
    case EMIT_GIVEN:
        return is_given(from);
    case EMIT_NEVER:
        return false;
    }
    return false;
}

void fields_write(const struct field_table *t, const void *object, struct json_writer *w)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->rows[i];
        if (!is_written(f, object))
            continue;
        json_key(w, f->name);
        f->type->write(f, (const char *)object + f->offset, w);
    }
}

void fields_write_but(const struct field_table *t, const void *object, const void *defaults,
                      struct json_writer *w)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->rows[i];
        const char *from = (const char *)object + f->offset;
        bool known = f->emit != EMIT_GIVEN && /* an empty list is not none */
                     f->type->equal(f, from, (const char *)defaults + f->offset);
        if (known || !is_written(f, object))
            continue;
        json_key(w, f->name);
        f->type->write(f, from, w);
    }
}

void fields_write_object(const struct field_table *t, const void *object, struct json_writer *w)
{
    json_object(w);
    fields_write(t, object, w);
    json_object_end(w);
}

bool fields_equal(const struct field_table *t, const void *a, const void *b)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->rows[i];
        bool means_something = f->when == NULL || f->when(a) || f->when(b);
        if (f->emit != EMIT_NEVER && !f->passed_by && means_something &&
            !f->type->equal(f, (const char *)a + f->offset, (const char *)b + f->offset))
            return false;
    }
    return true;
}
