#include "http/negotiate.h"

#include <string.h>
#include <strings.h>

struct range { /* one item of the list, "text/html;q=0.5" */
    struct slice name;
    int q; /* thousandths */
};

static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct slice){s.p + 1, s.len - 1};
    while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Cuts the text before the first `c` off the front of `rest`. */
static struct slice cut(struct slice *rest, char c)
{
    const char *at = rest->len > 0 ? memchr(rest->p, c, rest->len) : NULL;
    size_t n = at != NULL ? (size_t)(at - rest->p) : rest->len;
    size_t skip = at != NULL ? n + 1 : n;
    struct slice head = {rest->p, n};
    *rest = (struct slice){rest->p + skip, rest->len - skip};
    return trimmed(head);
}

/* "1", "0.5", "0.333"; whatever is not a q value counts as 1, as if it were not there. */
static int parse_q(struct slice s)
{
    if (s.len == 0 || s.len > 5 || (s.p[0] != '0' && s.p[0] != '1'))
        return 1000;
    if (s.len > 1 && s.p[1] != '.')
        return 1000;
    int q = (s.p[0] - '0') * 1000, weight = 100;
    for (size_t i = 2; i < s.len; i++, weight /= 10) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 1000;
        q += (s.p[i] - '0') * weight;
    }
    return q < 1000 ? q : 1000;
}

static bool next_range(struct slice *list, struct range *out)
{
    while (list->len > 0) {
        struct slice item = cut(list, ',');
        *out = (struct range){.name = cut(&item, ';'), .q = 1000};
        while (item.len > 0) {
            struct slice parameter = cut(&item, ';');
            if (parameter.len > 2 && strncasecmp(parameter.p, "q=", 2) == 0)
                out->q = parse_q((struct slice){parameter.p + 2, parameter.len - 2});
        }
        if (out->name.len > 0)
            return true;
    }
    return false;
}

bool accepts_gzip(struct slice accept_encoding)
{
    struct range range;
    int any = 0, gzip = -1;
    while (next_range(&accept_encoding, &range)) {
        if (slice_is_nocase(range.name, "gzip") || slice_is_nocase(range.name, "x-gzip"))
            gzip = range.q;
        else if (slice_is(range.name, "*"))
            any = range.q;
    }
    return gzip >= 0 ? gzip > 0 : any > 0;
}

/* 3 for the type itself, 2 for "text/" and a star, 1 for a star alone, 0 for no match. */
static int exactness(struct slice range, const char *type)
{
    if (slice_is_nocase(range, type))
        return 3;
    if (slice_is(range, "*/*") || slice_is(range, "*"))
        return 1;
    size_t major = (size_t)(strchr(type, '/') - type) + 1;
    bool star = range.len == major + 1 && range.p[major] == '*';
    return star && strncasecmp(range.p, type, major) == 0 ? 2 : 0;
}

/* The most exact range that names the type decides about it. */
static int q_of(struct slice accept, const char *type, int *exact_out)
{
    struct range range;
    int q = 0;
    *exact_out = 0;
    while (next_range(&accept, &range)) {
        int exact = exactness(range.name, type);
        if (exact > *exact_out) {
            *exact_out = exact;
            q = range.q;
        }
    }
    return q;
}

int accept_best(struct slice accept, const char *const *offers, size_t n)
{
    if (trimmed(accept).len == 0)
        return n > 0 ? 0 : -1;
    int best = -1, best_q = 0, best_exact = 0;
    for (size_t i = 0; i < n; i++) {
        int exact, q = q_of(accept, offers[i], &exact);
        if (q > best_q || (q > 0 && q == best_q && exact > best_exact)) {
            best = (int)i;
            best_q = q;
            best_exact = exact;
        }
    }
    return best;
}
