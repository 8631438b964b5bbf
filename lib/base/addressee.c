#include "base/addressee.h"

#include <string.h>

#define ADDRESS_MAX 254 /* RFC 5321 4.5.3.1 */

enum addressee addressee_parse(struct slice text, struct slice *out)
{
    struct slice a = text;
    const char *open = text.len > 0 ? memchr(text.p, '<', text.len) : NULL;
    *out = (struct slice){0};
    if (open != NULL && text.p[text.len - 1] == '>')
        a = (struct slice){open + 1, (size_t)(text.p + text.len - 1 - (open + 1))};
    if (a.len == 0 || a.len > ADDRESS_MAX)
        return ADDRESSEE_NONE;
    for (size_t i = 0; i < a.len; i++)
        if (a.p[i] <= ' ' || a.p[i] >= 0x7f || strchr("<>()[],;:\\\"", a.p[i]) != NULL)
            return ADDRESSEE_NONE;
    const char *at = memchr(a.p, '@', a.len);
    if (at == a.p || at == a.p + a.len - 1)
        return ADDRESSEE_NONE;
    *out = a;
    return at != NULL ? ADDRESSEE_ADDRESS : ADDRESSEE_LOCAL;
}
