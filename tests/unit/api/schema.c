#include "schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"

struct place {
    const struct json *document;
    const char *path;
    struct error *why;
};

static bool bad(const struct place *p, const char *what)
{
    error_set(p->why, ERR_INVALID, "%s: %s", p->path[0] != '\0' ? p->path : "/", what);
    return false;
}

const struct json *schema_resolve(const struct json *document, const struct json *schema)
{
    const char *ref = json_str(json_get(schema, "$ref"), NULL);
    char name[128];
    if (ref == NULL)
        return schema;
    const struct json *at = document;
    for (const char *p = ref + 1; *p == '/' && at != NULL; p += strlen(name) + 1) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1, "/"), p + 1);
        at = json_get(at, name);
    }
    return at;
}

static bool is_type(const char *type, const struct json *v)
{
    static const struct {
        const char *word;
        enum json_kind kind;
    } kinds[] = {
        {"null", JSON_NULL},     {"boolean", JSON_BOOL}, {"number", JSON_NUMBER},
        {"string", JSON_STRING}, {"array", JSON_ARRAY},  {"object", JSON_OBJECT},
    };
    int64_t whole;
    if (str_eq(type, "integer"))
        return json_i64(v, &whole);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (str_eq(kinds[i].word, type))
            return json_kind(v) == kinds[i].kind;
    return false;
}

static bool fits_type(const struct json *type, const struct json *v)
{
    bool fits = type == NULL;
    if (json_is(type, JSON_STRING))
        return is_type(json_str(type, ""), v);
    JSON_EACH (word, type)
        fits = fits || is_type(json_str(word, ""), v);
    return fits;
}

static bool fits_enum(const struct json *words, const struct json *v)
{
    bool fits = words == NULL;
    JSON_EACH (word, words)
        fits = fits || json_equal(word, v);
    return fits;
}

static bool fits_format(const char *format, const char *text)
{
    struct wall t;
    struct uuid u;
    struct error err;
    if (str_eq(format, "date-time"))
        return wall_parse(text, &t, &err) == 0;
    return !str_eq(format, "uuid") || uuid_parse(text, &u);
}

static bool fits(const struct place *p, const struct json *schema, const struct json *v);

static bool fits_object(const struct place *p, const struct json *schema, const struct json *v)
{
    const struct json *properties = json_get(schema, "properties"),
                      *more = json_get(schema, "additionalProperties");
    char path[512];
    JSON_EACH (name, json_get(schema, "required"))
        if (json_get_null(v, json_str(name, "")) == NULL) {
            snprintf(path, sizeof path, "%s lacks %s", p->path, json_str(name, ""));
            return bad(p, path);
        }
    JSON_EACH (member, v) {
        const struct json *its = json_get(properties, json_name(member));
        snprintf(path, sizeof path, "%s/%s", p->path, json_name(member));
        const struct place below = {p->document, path, p->why};
        if (its == NULL && json_is(more, JSON_OBJECT))
            its = more;
        if (its == NULL && json_is(more, JSON_BOOL) && !json_bool(more, true))
            return bad(&below, "is not in the schema");
        if (its != NULL && !fits(&below, its, member))
            return false;
    }
    return true;
}

static bool fits_array(const struct place *p, const struct json *schema, const struct json *v)
{
    const struct json *items = json_get(schema, "items");
    char path[512];
    size_t i = 0;
    JSON_EACH (element, v) {
        snprintf(path, sizeof path, "%s/%zu", p->path, i++);
        const struct place below = {p->document, path, p->why};
        if (items != NULL && !fits(&below, items, element))
            return false;
    }
    return true;
}

static bool fits(const struct place *p, const struct json *schema, const struct json *v)
{
    schema = schema_resolve(p->document, schema);
    if (schema == NULL)
        return bad(p, "its $ref leads nowhere");
    if (!fits_type(json_get(schema, "type"), v))
        return bad(p, "has the wrong type");
    if (!fits_enum(json_get(schema, "enum"), v))
        return bad(p, "is not among the words");
    if (json_is(v, JSON_STRING) &&
        !fits_format(json_str(json_get(schema, "format"), ""), json_str(v, "")))
        return bad(p, "has not the format");
    if (json_is(v, JSON_OBJECT))
        return fits_object(p, schema, v);
    return !json_is(v, JSON_ARRAY) || fits_array(p, schema, v);
}

bool schema_fits(const struct json *document, const struct json *schema, const struct json *value,
                 struct error *why)
{
    const struct place root = {document, "", why};
    return fits(&root, schema, value);
}
