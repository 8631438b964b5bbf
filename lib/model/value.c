#include "model/value.h"
#include "base/assert.h"
#include "base/map.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *pairs_get(const struct pairs *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->items[i].name, name))
            return p->items[i].value;
    return NULL;
}

bool strings_equal(const struct strings *a, const struct strings *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = str_eq(a->items[i], b->items[i]);
    return equal;
}

bool strings_have(const struct strings *s, const char *item)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->items[i], item))
            return true;
    return false;
}

void env_begin(struct env_builder *b, struct arena *arena)
{
    *b = (struct env_builder){.arena = arena, .places = map_new()};
}

void env_put(struct env_builder *b, const char *name, const char *value)
{
    env_put_var(b, (struct env_var){.name = name, .value = value});
}

void env_put_var(struct env_builder *b, struct env_var var)
{
    size_t place = (size_t)map_get_str(b->places, var.name);
    if (place > 0) {
        b->vars.items[place - 1] = var;
        return;
    }
    if (b->vars.n == b->cap) {
        struct env_var *more;
        b->cap = b->cap == 0 ? 32 : b->cap * 2;
        more = arena_alloc(b->arena, b->cap * sizeof(*more));
        if (b->vars.n > 0)
            memcpy(more, b->vars.items, b->vars.n * sizeof(*more));
        b->vars.items = more;
    }
    b->vars.items[b->vars.n++] = var;
    map_put_str(b->places, var.name, (void *)b->vars.n); /* its place, counted from 1 */
}

struct env_vars env_end(struct env_builder *b)
{
    map_free(b->places);
    return b->vars;
}

/* The fewest digits that read back the same: "d.ddde±x". */
static void shortest(double v, char *dst, size_t size)
{
    for (int digits = 0; digits < 17; digits++) {
        snprintf(dst, size, "%.*e", digits, v);
        if (strtod(dst, NULL) == v)
            return;
    }
}

/* Most amounts are whole, or whole thousandths: these are written without a search. */
static bool in_thousandths(double v, char dst[DOUBLE_TEXT_SIZE])
{
    if (signbit(v) || (v != 0 && v < 1e-3) || v >= 1e7)
        return false;
    int64_t n = (int64_t)(v * 1000 + 0.5);
    if ((double)n / 1000 != v) /* rounded as reading the text rounds */
        return false;
    int len = snprintf(dst, DOUBLE_TEXT_SIZE, "%d.%03d", (int)(n / 1000), (int)(n % 1000));
    while (dst[len - 1] == '0' && dst[len - 2] != '.')
        dst[--len] = '\0';
    return true;
}

const char *double_text(double v, char dst[DOUBLE_TEXT_SIZE])
{
    ASSERT(isfinite(v));
    if (in_thousandths(v, dst))
        return dst;
    double size = fabs(v);
    char text[26]; /* "-1.7976931348623157e+308" */
    shortest(v, text, sizeof(text));
    char *e = strchr(text, 'e');
    int exponent = atoi(e + 1);
    *e = '\0';
    if (size == 0 || (size >= 1e-3 && size < 1e7)) {
        int digits = (int)strlen(strchr(text, '.') == NULL ? "" : strchr(text, '.') + 1);
        int fraction = digits - exponent;
        snprintf(dst, DOUBLE_TEXT_SIZE, "%.*f", fraction < 1 ? 1 : fraction, v);
    } else {
        snprintf(dst, DOUBLE_TEXT_SIZE, "%.24s%sE%d", text, strchr(text, '.') == NULL ? ".0" : "",
                 exponent % 1000);
    }
    return dst;
}
