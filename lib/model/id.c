#include "model/id.h"

#include <stdio.h>
#include <string.h>

/* ---- paths */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Labels of lower-case letters, digits and inner dashes, joined by dots. */
static bool is_segment(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool first = i == 0 || s[i - 1] == '.', last = i + 1 == len || s[i + 1] == '.';
        if (!is_alnum(s[i]) && !(s[i] == '-' && !first && !last) &&
            !(s[i] == '.' && !first && !last))
            return false;
    }
    return len > 0;
}

static void drop_segment(char *id)
{
    char *slash = strrchr(id, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* Appends the segments of `text` to `id`, which has no slash at its end ("" is the root). */
static int add_segments(char id[ID_SIZE], const char *text, struct error *err)
{
    char quoted[64];
    for (const char *s = text; *s != '\0';) {
        size_t len = strcspn(s, "/"), used = strlen(id);
        if (len == 2 && strncmp(s, "..", 2) == 0) {
            drop_segment(id);
        } else if (len > 0 && !(len == 1 && *s == '.')) {
            if (!is_segment(s, len))
                return error_set(err, ERR_INVALID,
                                 "got %s, need lower-case letters, digits, dots and inner dashes "
                                 "between the slashes",
                                 str_quote(quoted, sizeof(quoted), s, len));
            if (used + 1 + len >= ID_SIZE)
                return error_set(err, ERR_INVALID, "longer than %d characters", LIMIT_ID_BYTES);
            id[used] = '/';
            memcpy(id + used + 1, s, len);
            id[used + 1 + len] = '\0';
        }
        s += len;
        s += strspn(s, "/");
    }
    return 0;
}

static size_t depth_of(const char *id)
{
    size_t depth = 0;
    for (; *id != '\0'; id++)
        depth += *id == '/';
    return depth;
}

int id_resolve(const char *text, const char *base, char dst[ID_SIZE], struct error *err)
{
    char id[ID_SIZE] = "";
    if (text[0] == '\0')
        return error_set(err, ERR_INVALID, "got an empty id, need one like \"/prod/web\"");
    if (text[0] != '/' && add_segments(id, base, err) != 0)
        return -1;
    if (add_segments(id, text, err) != 0)
        return -1;
    if (depth_of(id) > ID_DEPTH)
        return error_set(err, ERR_INVALID, "more than %d levels deep", ID_DEPTH);
    str_copy(dst, ID_SIZE, id[0] == '\0' ? "/" : id);
    return 0;
}

int id_check_app(const char *id, struct error *err)
{
    static const char *const RESERVED[] = {"restart", "tasks", "versions"};
    if (str_eq(id, "/"))
        return error_set(err, ERR_INVALID, "got \"/\", the root group; need the id of an app");
    for (size_t i = 0; i < sizeof(RESERVED) / sizeof(*RESERVED); i++)
        if (str_eq(id_last(id), RESERVED[i]))
            return error_set(err, ERR_INVALID,
                             "got \"%s\", need a last part other than \"restart\", \"tasks\" and "
                             "\"versions\"",
                             id);
    return 0;
}

const char *id_parent(const char *id, char dst[ID_SIZE])
{
    str_copy(dst, ID_SIZE, id);
    drop_segment(dst);
    if (dst[0] == '\0')
        str_copy(dst, ID_SIZE, "/");
    return dst;
}

const char *id_top(const char *id, char dst[ID_SIZE])
{
    str_copy(dst, ID_SIZE, id + (id[0] == '/'));
    dst[strcspn(dst, "/")] = '\0';
    return dst;
}

const char *id_last(const char *id)
{
    const char *slash = strrchr(id, '/');
    return slash == NULL ? id : slash + 1;
}

bool id_within(const char *id, const char *group)
{
    size_t len = strlen(group);
    if (str_eq(group, "/"))
        return !str_eq(id, "/");
    return strncmp(id, group, len) == 0 && id[len] == '/';
}

const char *id_safe(const char *id, char dst[ID_SIZE])
{
    str_copy(dst, ID_SIZE, id + (id[0] == '/'));
    for (char *c = dst; *c != '\0'; c++)
        if (*c == '/')
            *c = '_';
    return dst;
}

const char *id_from_safe(const char *safe, size_t len, char dst[ID_SIZE])
{
    snprintf(dst, ID_SIZE, "/%.*s", (int)(len < ID_SIZE ? len : ID_SIZE), safe);
    for (char *c = dst; *c != '\0'; c++)
        if (*c == '_')
            *c = '/';
    return dst;
}

const char *id_reversed(const char *id, char dst[ID_SIZE])
{
    char rest[ID_SIZE];
    str_copy(rest, sizeof(rest), id);
    dst[0] = '\0';
    for (size_t used = 0; rest[0] != '\0'; used = strlen(dst)) {
        snprintf(dst + used, ID_SIZE - used, "%s%s", used == 0 ? "" : ".", id_last(rest));
        char *slash = strrchr(rest, '/');
        if (slash == NULL || slash == rest)
            break;
        *slash = '\0';
    }
    return dst;
}

/* ---- instances and tasks */

const char *instance_id_text(const char *app, struct uuid instance, char dst[INSTANCE_ID_SIZE])
{
    char safe[ID_SIZE], uuid[UUID_TEXT_SIZE];
    snprintf(dst, INSTANCE_ID_SIZE, "%s.instance-%s", id_safe(app, safe),
             uuid_text(instance, uuid));
    return dst;
}

const char *volume_id_text(const char *app, const char *path, struct uuid instance,
                           char dst[VOLUME_ID_SIZE])
{
    char dotted[ID_SIZE], uuid[UUID_TEXT_SIZE];
    id_safe(app, dotted);
    for (char *c = dotted; *c != '\0'; c++)
        if (*c == '_')
            *c = '.';
    snprintf(dst, VOLUME_ID_SIZE, "%s#%.*s#%s", dotted, VOLUME_PATH_MAX, path,
             uuid_text(instance, uuid));
    return dst;
}

const char *task_id_text(const char *app, struct uuid instance, int64_t incarnation,
                         char dst[TASK_ID_SIZE])
{
    return pod_task_id_text(app, instance, "_app", incarnation, dst);
}

const char *pod_task_id_text(const char *pod, struct uuid instance, const char *container,
                             int64_t incarnation, char dst[TASK_ID_SIZE])
{
    char id[INSTANCE_ID_SIZE];
    int used = snprintf(dst, TASK_ID_SIZE, "%s.%s", instance_id_text(pod, instance, id), container);
    if (incarnation > 0 && used < TASK_ID_SIZE)
        snprintf(dst + used, TASK_ID_SIZE - (size_t)used, ".%lld", (long long)incarnation);
    return dst;
}

static int not_an_id(const char *text, struct error *err)
{
    char quoted[96];
    return error_set(err, ERR_SYNTAX,
                     "got %s, need a task's or an instance's id like "
                     "\"web.instance-<uuid>._app.1\"",
                     str_quote(quoted, sizeof(quoted), text, strlen(text)));
}

/* The first place where a dot, one of the prefixes and a UUID stand. */
static const char *find_uuid(const char *text, struct uuid *out, bool *named_out)
{
    static const char *const PREFIXES[] = {"instance-", "marathon-", ""};
    for (const char *dot = strchr(text, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        for (size_t i = 0; i < sizeof(PREFIXES) / sizeof(*PREFIXES); i++) {
            char uuid[UUID_TEXT_SIZE];
            if (!str_starts(dot + 1, PREFIXES[i]))
                continue;
            str_copy(uuid, sizeof(uuid), dot + 1 + strlen(PREFIXES[i]));
            if (!uuid_parse(uuid, out))
                continue;
            *named_out = PREFIXES[i][0] != '\0';
            return dot;
        }
    }
    return NULL;
}

/* What follows the UUID: nothing, "._app.1", ".container", ".container.1" or (old) ".1". */
static bool parse_tail(const char *tail, bool named, struct task_ref *out)
{
    if (tail[0] == '\0') {
        out->kind = named ? ID_OF_INSTANCE : ID_OF_APP_TASK;
        return true;
    }
    if (tail[0] != '.')
        return false;
    tail++;
    out->kind = ID_OF_APP_TASK;
    if (!named)
        return str_to_i64(tail, &out->incarnation) && out->incarnation >= 0;
    size_t len = strcspn(tail, ".");
    if (len == 0 || len >= sizeof(out->container))
        return false;
    if (len != 4 || strncmp(tail, "_app", 4) != 0) {
        out->kind = ID_OF_POD_TASK;
        memcpy(out->container, tail, len);
        out->container[len] = '\0';
    }
    if (tail[len] == '\0')
        return true;
    return str_to_i64(tail + len + 1, &out->incarnation) && out->incarnation >= 0;
}

int task_id_parse(const char *text, struct task_ref *out, struct error *err)
{
    struct task_ref ref = {.kind = ID_OF_APP_TASK};
    struct error unused;
    char path[ID_SIZE];
    bool named;
    const char *dot = strlen(text) >= TASK_ID_SIZE ? NULL : find_uuid(text, &ref.instance, &named);
    if (dot == NULL || dot == text || (size_t)(dot - text) >= ID_SIZE)
        return not_an_id(text, err);
    id_from_safe(text, (size_t)(dot - text), path);
    const char *uuid = dot + 1 + (named ? strlen("instance-") : 0);
    if (id_resolve(path, "/", ref.app, &unused) != 0 ||
        !parse_tail(uuid + UUID_TEXT_SIZE - 1, named, &ref))
        return not_an_id(text, err);
    *out = ref;
    return 0;
}
