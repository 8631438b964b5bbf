/* lib/base/json.h - JSON in (a tree) and out (a writer). Nobody else sees cJSON.
 *
 * What it settles otherwise than cJSON: of duplicate members the last wins; a string with \u0000
 * is refused, not cut; integers of 64 bits are exact; nothing may follow the value; depth and size
 * are limited (LIMIT_JSON_DEPTH, the caller's); strings must be valid UTF-8. Errors say the line,
 * the column and what was expected. Pure. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json; /* a value inside a document; borrowed from it */

/* ERR_SYNTAX. The caller frees the root, and only the root. */
struct json *json_parse(struct slice text, struct error *err) MUST_CHECK;
/* ERR_LIMIT, too: of so many elements and members at most, for each costs far more than its text.
 */
struct json *json_parse_most(struct slice text, size_t values, struct error *err) MUST_CHECK;
/* For what we wrote ourselves around a stranger's value (log entries, rows, messages between
 * nodes): JSON_ENVELOPE_DEPTH more levels, so that what came in by json_parse can be read back. */
#define JSON_ENVELOPE_DEPTH 16
struct json *json_parse_own(struct slice text, struct error *err) MUST_CHECK;
/* The same with // comments allowed, for configuration files. */
struct json *json_parse_commented(struct slice text, struct error *err) MUST_CHECK;
void json_free(struct json *root); /* accepts NULL */

enum json_kind json_kind(const struct json *v);
bool json_is(const struct json *v, enum json_kind kind); /* false for NULL */
const char *json_kind_word(const struct json *v);        /* "a number", for errors */
/* The value as a person may recognize it: "text", 1.5, true, an array; for errors. Returns dst. */
const char *json_quote(char *dst, size_t size, const struct json *v);

/* Members: NULL when absent; a member that is JSON null counts as absent with json_get, and is
 * found with json_get_null. v may be NULL or of another kind: then NULL. */
const struct json *json_get(const struct json *v, const char *name);
const struct json *json_get_null(const struct json *v, const char *name);
/* Elements of arrays, and members of objects in their order (each name once). */
size_t json_count(const struct json *v);
const struct json *json_first(const struct json *v);
const struct json *json_next(const struct json *v);
const char *json_name(const struct json *member);
#define JSON_EACH(it, v) for (const struct json *it = json_first(v); it != NULL; it = json_next(it))

bool json_bool(const struct json *v, bool otherwise); /* otherwise: absent or another kind */
const char *json_str(const struct json *v, const char *otherwise);
struct slice json_slice(const struct json *v);
/* Exact integers. One written with a fraction or an exponent counts too, below 2^53: 1.0, 1e3. */
bool json_i64(const struct json *v, int64_t *out);
int64_t json_int(const struct json *v, int64_t otherwise);
bool json_has_fraction(const struct json *v); /* a number written like 1.5, 1.0 or 1e3 */
double json_double(const struct json *v, double otherwise);
bool json_equal(const struct json *a, const struct json *b); /* order of members does not count */

/* ---- writing: commas and quotes are the writer's. Nesting, and a name before each member's value,
 * are asserted. */
#define JSON_WRITER_DEPTH 128
struct json_writer {
    struct buf *out; /* borrowed */
    /* private */
    uint8_t objects[JSON_WRITER_DEPTH / 8]; /* a bit a level: is it an object, or an array */
    uint8_t depth;
    bool comma;
    bool after_name;
};

void json_begin(struct json_writer *w, struct buf *out);
void json_object(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *name);
/* NULL writes null; bad UTF-8 becomes U+FFFD, and so does a NUL */
void json_put_str(struct json_writer *w, const char *s);
void json_put_slice(struct json_writer *w, struct slice s);
void json_put_int(struct json_writer *w, int64_t v);
void json_put_uint(struct json_writer *w, uint64_t v);
void json_put_double(struct json_writer *w, double v); /* shortest text that reads back the same */
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, struct slice json);      /* one whole value, trusted */
void json_put_value(struct json_writer *w, const struct json *v); /* NULL writes null */
/* The members of one whole object, trusted, into the open one. */
void json_put_members(struct json_writer *w, struct slice object);
/* A whole text of ours over lines, for people: two blanks a level. */
void json_indent(struct slice json, struct buf *out);
/* key and value at once */
void json_member_str(struct json_writer *w, const char *name, const char *s);
void json_member_int(struct json_writer *w, const char *name, int64_t v);
void json_member_double(struct json_writer *w, const char *name, double v);
void json_member_bool(struct json_writer *w, const char *name, bool v);
void json_member_raw(struct json_writer *w, const char *name, struct slice json);
