#include "graphite_text.h"

#include "base/json.h"
#include "base/str.h"

struct writing {
    const char *prefix;
    long long seconds;
    struct buf *out;
};

static void put_name(const char *name, struct buf *out)
{
    for (; *name != '\0'; name++)
        buf_putc(out, (unsigned char)*name <= ' ' ? '-' : *name);
}

static void put_number(const struct json *v, struct buf *out)
{
    int64_t whole;
    if (!json_has_fraction(v) && json_i64(v, &whole))
        buf_printf(out, "%lld", (long long)whole);
    else
        buf_printf(out, "%.2f", json_double(v, 0));
}

static void put_line(const struct writing *w, const char *name, const struct json *field)
{
    if (*w->prefix != '\0') {
        put_name(w->prefix, w->out);
        buf_putc(w->out, '.');
    }
    put_name(name, w->out);
    if (!str_eq(json_name(field), "value"))
        buf_printf(w->out, ".%s", json_name(field));
    buf_putc(w->out, ' ');
    put_number(field, w->out);
    buf_printf(w->out, " %lld\n", w->seconds);
}

static void put_group(const struct writing *w, const struct json *group)
{
    JSON_EACH (metric, group)
        JSON_EACH (field, metric)
            if (json_is(field, JSON_NUMBER))
                put_line(w, json_name(metric), field);
}

int graphite_write(struct slice metrics, const char *prefix, struct wall at, struct buf *out,
                   struct error *err)
{
    static const char *const groups[] = {"gauges", "counters", "histograms"};
    const struct writing w = {prefix, at.ms / 1000, out};
    struct json *tree = json_parse(metrics, err);
    if (tree == NULL)
        return error_wrap(err, "metrics");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        put_group(&w, json_get(tree, groups[i]));
    json_free(tree);
    if (buf_full(out))
        return error_set(err, ERR_LIMIT, "the numbers take more than %zu bytes", out->max);
    return 0;
}
