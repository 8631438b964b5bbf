#include "api/marathon/stored.h"

#include <string.h>

#include "base/assert.h"

struct slice stored_role(struct slice definition)
{
    static const char member[] = "\"role\":\"";
    const char *found = NULL, *end = definition.p + definition.len;
    for (const char *at = definition.p; at < end;) { /* the app's own is the last */
        at = memmem(at, (size_t)(end - at), member, sizeof member - 1);
        if (at == NULL)
            break;
        at += sizeof member - 1;
        found = at;
    }
    const char *quote = found != NULL ? memchr(found, '"', (size_t)(end - found)) : NULL;
    return quote != NULL ? (struct slice){found, (size_t)(quote - found)} : (struct slice){0};
}

bool stored_on_container_network(struct slice definition)
{
    static const char member[] = "\"networks\":[{\"mode\":\"container\"";
    return memmem(definition.p, definition.len, member, sizeof member - 1) != NULL;
}

bool stored_is_resident(struct slice definition)
{
    static const char member[] = "\"persistent\":{";
    return memmem(definition.p, definition.len, member, sizeof member - 1) != NULL;
}

struct slice stored_steps(const char *plan)
{
    static const char member[] = "\"steps\":", after[] = ",\"original\":";
    const char *from = strstr(plan, member), *to = from != NULL ? strstr(from, after) : NULL;
    ASSERT(to != NULL);
    from += sizeof member - 1;
    return (struct slice){from, (size_t)(to - from)};
}
