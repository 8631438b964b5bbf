/* What no agent can run, for an agent that is told to and for a door that is asked to. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/run_spec.h"

bool run_image_is_clean(const char *image)
{
    return image[0] != '\0' && strlen(image) < 300 &&
           strspn(image, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_-:@") ==
               strlen(image);
}

bool run_check_path_is_clean(const char *path)
{
    for (const char *p = path; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return false;
    return strlen(path) < LIMIT_CHECK_PATH_BYTES;
}

/* ---- names in a sandbox */

struct slice run_next_part(const char **rest)
{
    struct slice part;
    do {
        *rest += strspn(*rest, "/");
        part = (struct slice){*rest, strcspn(*rest, "/")};
        *rest += part.len;
    } while (slice_is(part, "."));
    return part;
}

bool run_uri_is_path(const char *uri)
{
    return uri[0] == '/' || str_starts(uri, "file:///");
}

bool run_uri_is_known(const char *uri)
{
    return run_uri_is_path(uri) || str_starts(uri, "http://") || str_starts(uri, "https://");
}

static struct slice last_part_of_uri(const char *uri)
{
    const char *scheme = strstr(uri, "://");
    const char *path = scheme != NULL ? scheme + 3 : uri;
    size_t end = strcspn(path, "?#");
    const char *slash = memrchr(path, '/', end);
    const char *from = slash != NULL ? slash + 1 : scheme != NULL ? path + end : path;
    return (struct slice){from, end - (size_t)(from - path)};
}

char *run_fetch_name(const char *uri, const char *dest)
{
    struct slice given = dest != NULL && dest[0] != '\0' ? slice_of(dest) : last_part_of_uri(uri);
    char *text = slice_dup(given), *to = text;
    bool good = given.len > 0 && text[0] != '/' && text[given.len - 1] != '/';
    const char *rest = text;
    for (struct slice part; good && (part = run_next_part(&rest)).len > 0;) {
        good = !slice_is(part, "..");
        if (to != text)
            *to++ = '/';
        memmove(to, part.p, part.len);
        to += part.len;
    }
    *to = '\0';
    if (good && to != text)
        return text;
    mem_free(text);
    return NULL;
}
