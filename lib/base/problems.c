#include "base/problems.h"

#include <stdarg.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define TEXT_MAX 1024

static void add(struct problems *p, enum problem_kind kind, const char *code, const char *path,
                const char *fmt, va_list ap)
{
    if (p->n == LIMIT_PROBLEMS) {
        p->left_out++;
        return;
    }
    struct buf text;
    buf_init(&text, TEXT_MAX);
    buf_vprintf(&text, fmt, ap);
    if (buf_full(&text)) {
        buf_clear(&text);
        buf_puts(&text, "wrong, and too long to show"); /* the path still says where */
    }

    p->items = mem_realloc(p->items, (p->n + 1) * sizeof(*p->items));
    p->items[p->n++] = (struct problem){
        .kind = kind,
        .code = code,
        .path = mem_strdup(path),
        .text = buf_take(&text, NULL),
    };
}

void problems_add(struct problems *p, enum problem_kind kind, const char *path, const char *fmt,
                  ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(p, kind, NULL, path, fmt, ap);
    va_end(ap);
}

void problems_add_coded(struct problems *p, const char *code, const char *path, const char *fmt,
                        ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(p, PROBLEM_SCHEMA, code, path, fmt, ap);
    va_end(ap);
}

void problems_add_part(struct problems *p, const char *prefix, struct problems *part)
{
    for (size_t i = 0; i < part->n; i++) {
        const struct problem *it = &part->items[i];
        bool whole = prefix[0] != '\0' && str_eq(it->path, "/");
        struct buf path;
        buf_init(&path, TEXT_MAX);
        buf_printf(&path, "%s%s", prefix, whole ? "" : it->path);
        if (it->kind == PROBLEM_SCHEMA)
            problems_add_coded(p, it->code, buf_str(&path), "%s", it->text);
        else
            problems_add(p, it->kind, buf_str(&path), "%s", it->text);
        buf_close(&path);
    }
    p->left_out += part->left_out;
    problems_close(part);
}

bool problems_has(const struct problems *p, enum problem_kind kind)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].kind == kind)
            return true;
    return false;
}

int problems_error(const struct problems *p, struct error *err)
{
    if (p->n == 0)
        return 0;
    const struct problem *first = &p->items[0];
    const char *path = first->path[0] == '/' ? first->path + 1 : first->path;
    error_set(err, ERR_INVALID, "%s%s%s", path, path[0] == '\0' ? "" : ": ", first->text);

    size_t more = p->n - 1 + p->left_out;
    if (more > 0) {
        char head[sizeof(err->text) - sizeof(" (and 18446744073709551615 more)")];
        str_copy(head, sizeof(head), err->text);
        error_set(err, ERR_INVALID, "%s (and %zu more)", head, more);
    }
    return -1;
}

static bool is_first_of_path(const struct problems *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(p->items[i].path, p->items[n].path))
            return false;
    return true;
}

static void write_text(const struct problem *p, bool coded, struct json_writer *w)
{
    struct buf text;
    if (!coded || p->code == NULL) {
        json_put_str(w, p->text);
        return;
    }
    buf_init(&text, TEXT_MAX + 64);
    buf_printf(&text, "%s: %s", p->code, p->text);
    json_put_str(w, buf_str(&text));
    buf_close(&text);
}

static void write_path(const struct problems *p, size_t first, bool coded, struct json_writer *w)
{
    const char *path = p->items[first].path;
    json_object(w);
    json_member_str(w, "path", path);
    json_key(w, "errors");
    json_array(w);
    for (size_t i = first; i < p->n; i++)
        if (str_eq(p->items[i].path, path))
            write_text(&p->items[i], coded, w);
    json_array_end(w);
    json_object_end(w);
}

static void write_all(const struct problems *p, bool coded, struct json_writer *w)
{
    json_array(w);
    for (size_t i = 0; p != NULL && i < p->n; i++)
        if (is_first_of_path(p, i))
            write_path(p, i, coded, w);
    json_array_end(w);
}

void problems_write(const struct problems *p, struct json_writer *w)
{
    write_all(p, false, w);
}

void problems_write_coded(const struct problems *p, struct json_writer *w)
{
    write_all(p, true, w);
}

void problems_close(struct problems *p)
{
    for (size_t i = 0; i < p->n; i++) {
        mem_free(p->items[i].path);
        mem_free(p->items[i].text);
    }
    mem_free(p->items);
    *p = (struct problems){0};
}
