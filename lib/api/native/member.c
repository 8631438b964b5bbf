#include "api/native/member.h"

#include <string.h>

/* Past the string that begins at p. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end; p += 2) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        const char *escape = memchr(p, '\\', (size_t)((quote != NULL ? quote : end) - p));
        if (escape == NULL)
            return quote != NULL ? quote + 1 : end;
        p = escape;
    }
    return end;
}

/* Past the value that begins at p: up to the comma or the bracket that ends it. */
static const char *skip_value(const char *p, const char *end)
{
    for (int depth = 0; p < end;) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
            break;
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
    }
    return p;
}

struct slice member_of(struct slice object, const char *name)
{
    const char *end = object.p + object.len;
    for (const char *p = object.p + 1; p < end && *p == '"';) {
        const char *after = skip_string(p, end), *value = after + 1; /* behind the colon */
        struct slice found = {p + 1, (size_t)(after - p) - 2};
        if (value >= end)
            break;
        const char *next = skip_value(value, end);
        if (slice_is(found, name))
            return (struct slice){value, (size_t)(next - value)};
        p = next + 1;
    }
    return (struct slice){0};
}
