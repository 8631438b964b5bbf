#include "http/router.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/url.h"

/* A segment is a literal, or a name with literal text before and after it. */
struct segment {
    struct slice prefix; /* the whole of a literal */
    struct slice name;   /* empty: a literal */
    struct slice suffix;
    bool rest; /* {name...} */
};

struct pattern {
    const char *text; /* borrowed from the row */
    struct segment segments[ROUTE_SEGMENTS_MAX];
    size_t n;
    size_t rest_at;                 /* index of {name...}; n when there is none */
    const void *rows[METHOD_COUNT]; /* NULL: no such method here */
    int literals, singles;          /* what it wins by, in this order; then literal_len */
    size_t literal_len;
};

/* Most specific first, so the first that matches wins. */
struct router {
    struct pattern *patterns;
    size_t n, cap;
};

struct router *router_new(void)
{
    return NEW(struct router);
}

void router_free(struct router *r)
{
    if (r == NULL)
        return;
    mem_free(r->patterns);
    mem_free(r);
}

/* ---- reading patterns */
static struct slice next_segment(struct slice *path)
{
    while (path->len > 0 && path->p[0] == '/')
        *path = (struct slice){path->p + 1, path->len - 1};
    size_t n = 0;
    while (n < path->len && path->p[n] != '/')
        n++;
    struct slice segment = {path->p, n};
    *path = (struct slice){path->p + n, path->len - n};
    return segment;
}

static int bad_pattern(const char *text, const char *need, struct error *err)
{
    return error_set(err, ERR_INVALID, "route %s: need %s", text, need);
}

static int parse_segment(struct slice text, struct segment *out)
{
    const char *open = memchr(text.p, '{', text.len);
    const char *close = memchr(text.p, '}', text.len);
    *out = (struct segment){.prefix = text};
    if (open == NULL && close == NULL)
        return 0;
    if (open == NULL || close == NULL || close < open + 2)
        return -1;
    out->prefix.len = (size_t)(open - text.p);
    out->name = (struct slice){open + 1, (size_t)(close - open - 1)};
    out->suffix = (struct slice){close + 1, text.len - (size_t)(close + 1 - text.p)};
    out->rest = out->name.len > 3 && memcmp(close - 3, "...", 3) == 0;
    if (out->rest)
        out->name.len -= 3;
    return out->rest && out->prefix.len + out->suffix.len > 0 ? -1 : 0;
}

static void weigh(struct pattern *p, const struct segment *s)
{
    if (s->name.len == 0)
        p->literals++;
    else if (!s->rest)
        p->singles++;
    p->literal_len += s->prefix.len + s->suffix.len;
}

static int parse_pattern(const char *text, struct pattern *out, struct error *err)
{
    struct pattern p = {.text = text, .rest_at = SIZE_MAX};
    struct slice rest = slice_of(text), segment;
    size_t params = 0;

    if (text[0] != '/')
        return bad_pattern(text, "a leading slash", err);
    while ((segment = next_segment(&rest)).len > 0) {
        struct segment *s = &p.segments[p.n];
        if (p.n == ROUTE_SEGMENTS_MAX)
            return bad_pattern(text, "fewer segments", err);
        if (parse_segment(segment, s) != 0)
            return bad_pattern(text, "literal, pre{name}post or {name...} between slashes", err);
        if (s->name.len > 0 && ++params > ROUTE_PARAMS_MAX)
            return bad_pattern(text, "fewer names", err);
        if (s->rest && p.rest_at != SIZE_MAX)
            return bad_pattern(text, "one {name...} only", err);
        if (s->rest)
            p.rest_at = p.n;
        weigh(&p, s);
        p.n++;
    }
    if (p.rest_at == SIZE_MAX)
        p.rest_at = p.n;
    *out = p;
    return 0;
}

/* Below 0 when `a` wins over `b`. */
static int compare(const struct pattern *a, const struct pattern *b)
{
    if (a->literals != b->literals)
        return b->literals - a->literals;
    if (a->singles != b->singles)
        return b->singles - a->singles;
    return a->literal_len == b->literal_len ? 0 : a->literal_len > b->literal_len ? -1 : 1;
}

/* Do both match the same paths? */
static bool same_shape(const struct pattern *a, const struct pattern *b)
{
    if (a->n != b->n || a->rest_at != b->rest_at)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct segment *x = &a->segments[i], *y = &b->segments[i];
        if ((x->name.len > 0) != (y->name.len > 0) || !slice_eq(x->prefix, y->prefix) ||
            !slice_eq(x->suffix, y->suffix))
            return false;
    }
    return true;
}

static void insert(struct router *r, const struct pattern *p)
{
    if (r->n == r->cap) {
        r->cap = r->cap > 0 ? 2 * r->cap : 64;
        r->patterns = mem_realloc(r->patterns, r->cap * sizeof(*r->patterns));
    }
    size_t at = r->n;
    while (at > 0 && compare(p, &r->patterns[at - 1]) < 0)
        at--;
    memmove(&r->patterns[at + 1], &r->patterns[at], (r->n - at) * sizeof(*r->patterns));
    r->patterns[at] = *p;
    r->n++;
}

int router_add(struct router *r, enum method method, const char *pattern, const void *row,
               struct error *err)
{
    ASSERT(row != NULL && method < METHOD_COUNT);
    struct pattern p;
    if (parse_pattern(pattern, &p, err) != 0)
        return -1;
    for (size_t i = 0; i < r->n; i++) {
        struct pattern *there = &r->patterns[i];
        if (!same_shape(there, &p))
            continue;
        if (!str_eq(there->text, pattern))
            return error_set(err, ERR_CONFLICT, "route %s: it is there as %s", pattern,
                             there->text);
        if (there->rows[method] != NULL)
            return error_set(err, ERR_CONFLICT, "route %s %s: it is there already",
                             method_text(method), pattern);
        there->rows[method] = row;
        return 0;
    }
    p.rows[method] = row;
    insert(r, &p);
    return 0;
}

/* ---- matching */
/* A path never has more: it is shorter than the longest target. Bounds the array on the stack. */
#define PATH_SEGMENTS_MAX 256

struct path {
    struct slice segments[PATH_SEGMENTS_MAX]; /* decoded; they point into the match's text */
    size_t n;
};

/* Each segment is decoded into m->text and ends with a NUL there. */
static bool split_path(struct slice path, struct route_match *m, struct path *out)
{
    struct error unused; /* the result says it all: ROUTE_BAD_PATH */
    size_t starts[PATH_SEGMENTS_MAX];
    struct slice segment;

    out->n = 0;
    buf_clear(&m->text);
    while ((segment = next_segment(&path)).len > 0) {
        if (out->n == PATH_SEGMENTS_MAX)
            return false;
        size_t start = m->text.len;
        if (url_decode(segment, URL_PATH, &m->text, &unused) != 0)
            return false;
        starts[out->n] = start;
        out->segments[out->n++].len = m->text.len - start;
        buf_putc(&m->text, '\0');
    }
    for (size_t i = 0; i < out->n; i++)
        out->segments[i].p = m->text.data + starts[i];
    return !buf_full(&m->text);
}

static bool segment_matches(const struct segment *s, struct slice text)
{
    size_t around = s->prefix.len + s->suffix.len;
    if (s->name.len == 0)
        return slice_eq(s->prefix, text);
    return text.len > around && memcmp(text.p, s->prefix.p, s->prefix.len) == 0 &&
           memcmp(text.p + text.len - s->suffix.len, s->suffix.p, s->suffix.len) == 0;
}

static bool pattern_matches(const struct pattern *p, const struct path *path)
{
    bool has_rest = p->rest_at < p->n;
    if (has_rest ? path->n < p->n : path->n != p->n)
        return false;
    for (size_t i = 0; i < p->rest_at; i++)
        if (!segment_matches(&p->segments[i], path->segments[i]))
            return false;
    for (size_t i = p->rest_at + 1, k = path->n - p->n + i; i < p->n; i++, k++)
        if (!segment_matches(&p->segments[i], path->segments[k]))
            return false;
    return true;
}

/* {name...}: the segments lie one behind the other in m->text; the NULs between become slashes. */
static const char *join(const struct path *path, size_t from, size_t count)
{
    for (size_t i = from; i + 1 < from + count; i++)
        ((char *)path->segments[i].p)[path->segments[i].len] = '/';
    return path->segments[from].p;
}

/* The value ends where the suffix begins: it gets its NUL there. */
static const char *value_of(const struct segment *s, struct slice text)
{
    ((char *)text.p)[text.len - s->suffix.len] = '\0';
    return text.p + s->prefix.len;
}

static void take_params(const struct pattern *p, const struct path *path, struct route_match *m)
{
    size_t rest_count = path->n - p->n + 1;
    m->n_params = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct segment *s = &p->segments[i];
        size_t k = i <= p->rest_at ? i : i + rest_count - 1;
        if (s->name.len == 0)
            continue;
        m->params[m->n_params++] = (struct route_param){
            .name = s->name.p,
            .name_len = s->name.len,
            .value = s->rest ? join(path, k, rest_count) : value_of(s, path->segments[k]),
        };
    }
}

static bool allows(const struct pattern *p, enum method m)
{
    return p->rows[m] != NULL || m == METHOD_OPTIONS ||
           (m == METHOD_HEAD && p->rows[METHOD_GET] != NULL);
}

static void list_methods(const struct pattern *p, char allow[ROUTE_ALLOW_SIZE])
{
    size_t len = 0;
    for (enum method m = METHOD_OTHER + 1; m < METHOD_COUNT; m++) {
        if (!allows(p, m))
            continue;
        str_copy(allow + len, ROUTE_ALLOW_SIZE - len, len > 0 ? ", " : "");
        len += strlen(allow + len);
        str_copy(allow + len, ROUTE_ALLOW_SIZE - len, method_text(m));
        len += strlen(allow + len);
    }
}

static enum route_result take(const struct pattern *p, const struct path *path, enum method method,
                              struct route_match *m)
{
    enum method row_method = method;
    if (method == METHOD_HEAD && p->rows[METHOD_HEAD] == NULL)
        row_method = METHOD_GET;
    m->pattern = p->text;
    m->row = p->rows[row_method];
    take_params(p, path, m);
    if (m->row != NULL)
        return ROUTE_FOUND;
    list_methods(p, m->allow);
    return method == METHOD_OPTIONS ? ROUTE_OPTIONS : ROUTE_NO_METHOD;
}

enum route_result router_match(const struct router *r, enum method method, struct slice path,
                               struct route_match *m)
{
    struct path split;

    m->row = NULL;
    m->pattern = NULL;
    m->n_params = 0;
    m->allow[0] = '\0';
    m->text.max = 2 * LIMIT_URL_BYTES; /* also makes a zeroed buffer a usable one */
    if (path.len == 0 || path.p[0] != '/' || !split_path(path, m, &split))
        return ROUTE_BAD_PATH;
    for (size_t i = 0; i < r->n; i++)
        if (pattern_matches(&r->patterns[i], &split))
            return take(&r->patterns[i], &split, method, m);
    return ROUTE_NOT_FOUND;
}

const char *route_param(const struct route_match *m, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < m->n_params; i++)
        if (m->params[i].name_len == len && memcmp(m->params[i].name, name, len) == 0)
            return m->params[i].value;
    return NULL;
}

void route_match_close(struct route_match *m)
{
    buf_close(&m->text);
    *m = (struct route_match){0};
}
