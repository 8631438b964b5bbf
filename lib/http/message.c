#include "http/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

static const char *const method_names[METHOD_COUNT] = {[METHOD_OTHER] = "OTHER",
#define X(name) [METHOD_##name] = #name,
                                                       METHODS(X)
#undef X
};

const char *method_text(enum method m)
{
    return method_names[m];
}

enum method method_of(const char *text)
{
    for (enum method m = METHOD_OTHER + 1; m < METHOD_COUNT; m++)
        if (strcmp(text, method_names[m]) == 0)
            return m;
    return METHOD_OTHER;
}

/* ---- requests */
static struct slice slice_from(struct slice s, size_t at)
{
    return (struct slice){s.p + at, s.len - at};
}

/* "http://host:80/x?y" names the host once more; what counts is what follows it. */
static struct slice without_authority(struct slice target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i]);
        if (target.len < n || strncasecmp(target.p, schemes[i], n) != 0)
            continue;
        for (size_t at = n; at < target.len; at++)
            if (target.p[at] == '/' || target.p[at] == '?')
                return slice_from(target, at);
        return SLICE("/");
    }
    return target;
}

void request_set_target(struct request *r, struct slice target)
{
    struct slice rest = without_authority(target);
    const char *mark = rest.len > 0 ? memchr(rest.p, '?', rest.len) : NULL;
    size_t path_len = mark != NULL ? (size_t)(mark - rest.p) : rest.len;

    r->target = target;
    r->path = (struct slice){rest.p, path_len};
    r->query = mark != NULL ? slice_from(rest, path_len + 1) : SLICE("");
}

static char *put(char **at, const char *p, size_t n)
{
    char *to = *at;
    if (n > 0)
        memcpy(to, p, n);
    to[n] = '\0';
    *at += n + 1;
    return to;
}

static struct slice put_slice(char **at, struct slice s)
{
    return (struct slice){put(at, s.p, s.len), s.len};
}

static const char *put_str(char **at, const char *s)
{
    return s != NULL ? put(at, s, strlen(s)) : NULL;
}

static size_t str_size(const char *s)
{
    return s != NULL ? strlen(s) + 1 : 0;
}

struct request *request_dup(const struct request *r)
{
    size_t size = sizeof(*r) + r->target.len + r->headers.len + r->body.len + 3 +
                  str_size(r->listener) + str_size(r->remote) + str_size(r->user) +
                  str_size(r->node);
    struct request *copy = mem_alloc(size);
    char *at = (char *)(copy + 1);

    *copy = *r;
    request_set_target(copy, put_slice(&at, r->target));
    copy->headers = put_slice(&at, r->headers);
    copy->body = put_slice(&at, r->body);
    copy->listener = put_str(&at, r->listener);
    copy->remote = put_str(&at, r->remote);
    copy->user = put_str(&at, r->user);
    copy->node = put_str(&at, r->node);
    return copy;
}

void request_free(struct request *r)
{
    mem_free(r);
}

struct request request_of(enum method m, const char *target)
{
    struct request r = {
        .method = m,
        .method_text = method_text(m),
        .headers = SLICE(""),
        .body = SLICE(""),
        .minor = 1,
        .keep_alive = true,
        .scheme = "http",
        .listener = "",
        .remote = "127.0.0.1",
    };
    request_set_target(&r, slice_of(target));
    return r;
}

/* ---- headers */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && is_blank(s.p[0]))
        s = slice_from(s, 1);
    while (s.len > 0 && is_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

bool header_each(struct slice headers, size_t *at, struct slice *name_out, struct slice *value_out)
{
    if (*at >= headers.len)
        return false;
    struct slice line = slice_from(headers, *at);
    const char *end = memchr(line.p, '\n', line.len);
    size_t step = end != NULL ? (size_t)(end - line.p) + 1 : line.len;

    *at += step;
    line.len = step;
    while (line.len > 0 && (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
        line.len--;
    const char *colon = line.len > 0 ? memchr(line.p, ':', line.len) : NULL;
    size_t name_len = colon != NULL ? (size_t)(colon - line.p) : line.len;
    *name_out = (struct slice){line.p, name_len};
    *value_out = colon != NULL ? trimmed(slice_from(line, name_len + 1)) : SLICE("");
    return true;
}

static bool slices_eq_nocase(struct slice a, const char *s, size_t len)
{
    return a.len == len && strncasecmp(a.p, s, len) == 0;
}

struct slice header_get(struct slice headers, const char *name)
{
    size_t at = 0, len = strlen(name);
    struct slice found, value;
    while (header_each(headers, &at, &found, &value))
        if (slices_eq_nocase(found, name, len))
            return value;
    return (struct slice){NULL, 0};
}

static bool list_has(struct slice list, const char *token, size_t token_len)
{
    while (list.len > 0) {
        const char *comma = memchr(list.p, ',', list.len);
        size_t n = comma != NULL ? (size_t)(comma - list.p) : list.len;
        if (slices_eq_nocase(trimmed((struct slice){list.p, n}), token, token_len))
            return true;
        list = slice_from(list, comma != NULL ? n + 1 : n);
    }
    return false;
}

bool header_has(struct slice headers, const char *name, const char *token)
{
    size_t at = 0, name_len = strlen(name), token_len = strlen(token);
    struct slice found, value;
    while (header_each(headers, &at, &found, &value))
        if (slices_eq_nocase(found, name, name_len) && list_has(value, token, token_len))
            return true;
    return false;
}

/* Control characters since `from` become blanks. */
static void blank_controls(struct buf *b, size_t from)
{
    for (size_t i = from; i < b->len; i++)
        if ((unsigned char)b->data[i] < ' ' || b->data[i] == 0x7f)
            b->data[i] = ' ';
}

void header_put_slice(struct buf *headers, const char *name, struct slice value)
{
    buf_puts(headers, name);
    buf_put(headers, ": ", 2);
    size_t from = headers->len;
    buf_put_slice(headers, value);
    blank_controls(headers, from);
    buf_put(headers, "\r\n", 2);
}

void header_put(struct buf *headers, const char *name, const char *value)
{
    header_put_slice(headers, name, slice_of(value));
}

void header_printf(struct buf *headers, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_puts(headers, name);
    buf_put(headers, ": ", 2);
    size_t from = headers->len;
    buf_vprintf(headers, fmt, ap);
    blank_controls(headers, from);
    buf_put(headers, "\r\n", 2);
    va_end(ap);
}

/* ---- status */
struct status {
    int code;
    const char *text;
};

static const struct status statuses[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {423, "Locked"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *status_text(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].code == status)
            return statuses[i].text;
    return "Unknown";
}
