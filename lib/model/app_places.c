/* Where files come to lie: mounts and fetched files, of an app or of a pod's container (4.3, 4.4,
 * 13.2). What an agent could never make is refused. A plain process has its mounts in its sandbox,
 * as links; a container has them where they say, those without a first slash in its sandbox. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/app_private.h"
#include "model/run_spec.h"

#define NAME_BYTES_MAX 255 /* Linux: of one file */

/* ---- one of them */

/* The supervisor's, with what it has rotated away. */
static bool is_output(struct slice name)
{
    static const char *const OUTPUTS[] = {"stdout", "stderr"};
    for (size_t i = 0; i < sizeof(OUTPUTS) / sizeof(*OUTPUTS); i++) {
        size_t len = strlen(OUTPUTS[i]);
        if (name.len < len || memcmp(name.p, OUTPUTS[i], len) != 0)
            continue;
        const char *rest = name.p + len, *end = name.p + name.len;
        if (rest == end)
            return true;
        size_t digits = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
        return digits > 0 && rest + 1 + digits == end;
    }
    return false;
}

static bool is_in_sandbox(const struct app_place *p, bool image)
{
    return p->fetched || !image || p->name[0] != '/';
}

/* True: it can be compared with others. */
static bool check_place(const struct app_input *in, const struct app_place *p, bool image)
{
    struct problems *problems = in->problems;
    size_t bytes = strlen(p->name);
    const char *rest = p->name;
    struct slice first = run_next_part(&rest);
    if (bytes > LIMIT_PLACE_BYTES)
        app_problem(problems, p->path, "got %zu bytes, need at most %d", bytes, LIMIT_PLACE_BYTES);
    else if (first.len == 0)
        app_problem(problems, p->path, "got %s, need a name below the uppermost folder",
                    app_quoted(in->app, p->name));
    else if (is_in_sandbox(p, image) && is_output(first))
        app_problem(problems, p->path, "got %s, need another name: there lies what the task prints",
                    app_quoted(in->app, p->name));
    else
        rest = p->name;
    if (rest != p->name)
        return false;
    for (struct slice part; (part = run_next_part(&rest)).len > 0;) {
        if (slice_is(part, "..")) {
            app_problem(problems, p->path, "got %s, need a path without \"..\"",
                        app_quoted(in->app, p->name));
            return false;
        }
        if (part.len > NAME_BYTES_MAX) {
            app_problem(problems, p->path, "got a name of %zu bytes, need at most %d", part.len,
                        NAME_BYTES_MAX);
            return false;
        }
    }
    return true;
}

/* ---- one beside another */

/* From the machine's or the container's uppermost folder, with a slash before each name. */
static const char *whole_path(struct arena *arena, const struct app_place *p, bool image)
{
    struct buf b;
    const char *rest = p->name;
    buf_init(&b, 2 * LIMIT_PLACE_BYTES);
    if (is_in_sandbox(p, image))
        buf_puts(&b, SANDBOX_INSIDE);
    for (struct slice part; (part = run_next_part(&rest)).len > 0;) {
        buf_putc(&b, '/');
        buf_put_slice(&b, part);
    }
    const char *path = arena_strdup(arena, buf_str(&b));
    buf_close(&b);
    return path;
}

static bool is_inside(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* An engine mounts one folder in another; nothing lies in a file, and nothing is made in what a
 * link leads to. */
static void check_pair(const struct app_input *in, const struct app_place *a, const char *a_whole,
                       const struct app_place *b, const char *b_whole, bool image)
{
    if (str_eq(a_whole, b_whole) && !(a->fetched && b->fetched))
        app_problem(in->problems, b->path, "got %s twice, need different paths",
                    app_quoted(in->app, b->name));
    bool a_holds = is_inside(b_whole, a_whole), b_holds = is_inside(a_whole, b_whole);
    const struct app_place *outer = a_holds ? a : b, *inner = a_holds ? b : a;
    if ((a_holds || b_holds) && (outer->fetched || !image))
        app_problem(in->problems, b->path, "%s lies inside %s, need places beside each other",
                    app_quoted(in->app, inner->name), app_quoted(in->app, outer->name));
}

void app_check_places(const struct app_input *in, const struct app_place *places, size_t n,
                      bool image)
{
    struct arena arena = {0};
    const char **whole = arena_alloc(&arena, (n + 1) * sizeof *whole);
    for (size_t i = 0; i < n; i++) {
        if (!check_place(in, &places[i], image))
            continue;
        whole[i] = whole_path(&arena, &places[i], image);
        if (str_eq(whole[i], SANDBOX_INSIDE))
            app_problem(in->problems, places[i].path,
                        "got %s, need another place: the sandbox is mounted there",
                        app_quoted(in->app, places[i].name));
        for (size_t k = 0; k < i; k++)
            if (whole[k] != NULL)
                check_pair(in, &places[k], whole[k], &places[i], whole[i], image);
    }
    arena_close(&arena);
}

/* ---- fetched files */

size_t app_take_fetched(const struct app_input *in, const char *above,
                        const struct app_fetch *items, size_t n, struct app_place *out)
{
    size_t taken = 0;
    for (size_t i = 0; i < n; i++) {
        const struct app_fetch *f = &items[i];
        const char *here =
            app_path(in->app, "%s(%zu)/%s", above, i, f->dest_path != NULL ? "destPath" : "uri");
        char *name = run_fetch_name(f->uri, f->dest_path);
        if (name == NULL && f->dest_path != NULL)
            app_problem(in->problems, here, "got %s, need a name for a file in the sandbox",
                        app_quoted(in->app, f->dest_path));
        else if (name == NULL && f->uri[0] != '\0') /* that was said already */
            app_problem(in->problems, here,
                        "got %s, need one that ends with a file's name, or \"destPath\"",
                        app_quoted(in->app, f->uri));
        else if (name != NULL)
            out[taken++] = (struct app_place){here, arena_strdup(&in->app->arena, name), true};
        mem_free(name);
    }
    return taken;
}
