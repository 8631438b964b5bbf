/* lib/model/field.h - private to this room: tables of members that drive reading JSON, defaults,
 * bounds, writing and comparing.
 *
 * A row says how one JSON member lies in a struct. Its type does the work and may be one of those
 * below or of the noun's own. Reading reports every problem by path and goes on; it changes a
 * member only when its value is right. null is as good as absent. Pure. */
#pragma once

#include <stddef.h>

#include "base/problems.h"
#include "model/constraint.h"

struct field;

struct field_table {
    const struct field *rows;
    size_t n;
    size_t size; /* of the struct */
};

/* Where in the input: "/healthChecks(0)/path". */
struct path {
    const struct path *up; /* NULL: the whole input */
    const char *name;      /* of a member; NULL: an element */
    size_t index;
    bool entry; /* a map's: "/labels(name)" */
};

struct reader {
    struct arena *arena;
    struct problems *problems;
    bool schema_keys;    /* problems carry Play's codes: "error.expected.jsstring" */
    bool lenient;        /* a list that is none counts as empty, other types too (Chronos) */
    bool stored;         /* our own text: members that are input only are passed over */
    const char *ignored; /* a member that is passed over whatever it says, or NULL */
};

typedef void field_read(const struct reader *r, const struct path *at, const struct field *f,
                        const struct json *v, void *to);

struct field_type {
    void (*init)(const struct field *f, void *to);
    field_read *read;
    void (*write)(const struct field *f, const void *from, struct json_writer *w);
    bool (*is_set)(const struct field *f, const void *from);
    bool (*equal)(const struct field *f, const void *a, const void *b);
};

enum emit {
    EMIT_ALWAYS,
    EMIT_SET,   /* has a value; a list has elements */
    EMIT_GIVEN, /* a list, even an empty one, that is there */
    EMIT_NEVER, /* input only */
};

struct field_form { /* what a text must look like */
    bool (*holds)(const char *text);
    const char *need; /* "need lower-case letters, …" without the "need" */
};

struct field {
    const char *name;
    const struct field_type *type;
    size_t offset;
    enum emit emit;
    field_read *read;         /* instead of the type's */
    double otherwise;         /* default of numbers, words (index) and booleans */
    const char *text;         /* default of texts */
    double min, max;          /* of a number, a text's length, a list's length; max 0: the usual */
    const char *const *words; /* of a word, NULL at the end */
    const struct field_table *table;
    const struct field_form *form;
    bool (*when)(const void *object); /* written only when it says so */
    bool required;
    bool unordered; /* a list whose order does not count */
    bool passed_by; /* does not count when apps are compared */
};

/* One row, and the table of the rows NAME_ROWS. */
#define ROW(name_, type_, struct_, member_, emit_, ...)                             \
    {                                                                               \
        .name = name_, .type = &type_, .offset = offsetof(struct struct_, member_), \
        .emit = EMIT_##emit_, __VA_ARGS__                                           \
    }
#define TABLE(name_, struct_)                                                                     \
    const struct field_table name_ = {name_##_ROWS, sizeof(name_##_ROWS) / sizeof(*name_##_ROWS), \
                                      sizeof(struct struct_)}

/* Members' types in structs: const char *, bool, int64_t, double, an enum, struct strings, struct
 * numbers, struct pairs, a pointer to a struct, a struct, {struct *items; size_t n}, const char *
 * (JSON text). */
extern const struct field_type FIELD_TEXT, FIELD_BOOL, FIELD_INT, FIELD_NUMBER, FIELD_WORD,
    FIELD_TEXTS, FIELD_INTS, FIELD_PAIRS, FIELD_OBJECT, FIELD_PART, FIELD_LIST, FIELD_RAW;
extern const struct field_type FIELD_DOUBLE; /* a number, written as double_text() has it */
/* struct constraints; `otherwise` is their dialect. */
extern const struct field_type FIELD_CONSTRAINTS;

#define FIELD_INT_MAX 2147483647.0 /* as the originals': 32 bits */

/* Defaults into zeroed memory. */
void fields_init(const struct field_table *t, void *object);
/* Reads the members of `v` over what is there; a problem when it is no object. */
void fields_read(const struct reader *r, const struct path *at, const struct field_table *t,
                 const struct json *v, void *object);
void fields_write(const struct field_table *t, const void *object, struct json_writer *w);
/* Without the members that are as in `defaults`, which fields_init() gave: reads back the same. */
void fields_write_but(const struct field_table *t, const void *object, const void *defaults,
                      struct json_writer *w);
void fields_write_object(const struct field_table *t, const void *object, struct json_writer *w);
bool fields_equal(const struct field_table *t, const void *a, const void *b);

/* A problem of the schema's kind. `key` is Play's. The text names the value. */
void reader_wrong(const struct reader *r, const struct path *at, const char *key,
                  const struct json *got, const char *need, ...)
    __attribute__((format(printf, 5, 6)));
/* false, and a problem, when v is of another kind. */
bool reader_expects(const struct reader *r, const struct path *at, const struct json *v,
                    enum json_kind kind);
/* Also of limits: at most LIMIT_ITEMS elements or members. */
bool reader_expects_items(const struct reader *r, const struct path *at, const struct json *v,
                          enum json_kind kind, const struct field *f);
/* The path as text, in the arena. */
const char *path_text(const struct reader *r, const struct path *at);
