/* What all verbs share: asking, showing, reading files. */
#include "cli_noun.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/unknown.h"

#define LINE_BYTES (64 << 10)
#define FILE_BYTES LIMIT_BODY_BYTES

/* ---- flags */

bool cli_on(const struct cli *c, enum cli_flag flag)
{
    return args_on(&c->args, flag);
}

const char *cli_flag_text(const struct cli *c, enum cli_flag flag)
{
    return args_text(&c->args, flag);
}

bool cli_for_people(const struct cli *c)
{
    return !cli_on(c, FLAG_JSON) && !cli_on(c, FLAG_QUIET);
}

/* ---- times and states */

struct wall cli_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (struct wall){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
}

int64_t cli_ms(const struct json *time)
{
    struct wall t;
    struct error ignored;
    const char *text = json_str(time, NULL);
    return text != NULL && wall_parse(text, &t, &ignored) == 0 ? t.ms : 0;
}

void cli_put_when(struct cli *c, struct table *t, const struct json *time)
{
    char text[TEXT_SIZE];
    int64_t ms = cli_ms(time);
    table_put(t, INK_NONE, ms != 0 ? text_relative(text, ms, c->now.ms) : NULL);
}

void cli_put_state(struct table *t, const char *noun, const struct json *state)
{
    const char *text = json_str(state, "");
    table_put(t, ink_of_state(noun, text), text);
}

void cli_put_numbers(struct table *t, const struct json *numbers)
{
    struct buf text;
    buf_init(&text, LINE_BYTES);
    JSON_EACH (number, numbers)
        buf_printf(&text, "%s%lld", text.len > 0 ? " " : "", (long long)json_int(number, 0));
    table_put(t, INK_NONE, buf_str(&text));
    buf_close(&text);
}

void cli_put_used(struct table *t, const struct json *used, double unit, const char *unit_name)
{
    static const char *const members[] = {"used", "total"};
    char text[2][TEXT_SIZE];
    for (size_t i = 0; i < 2; i++) {
        double n = json_double(json_get(used, members[i]), 0) / unit;
        text_number(text[i], unit > 1 ? round(n * 10) / 10 : n);
    }
    table_printf(t, INK_NONE, "%s of %s%s", text[0], text[1], unit_name);
}

void cli_put_field(struct table *t, const char *what, const char *value)
{
    if (*value == '\0')
        return;
    table_put(t, INK_DIM, what);
    table_put(t, INK_NONE, value);
}

/* ---- saying */

static void say(struct cli *c, size_t indent, const char *fmt, va_list ap)
{
    struct buf raw, clean;
    buf_init(&raw, LINE_BYTES);
    buf_init(&clean, LINE_BYTES);
    buf_vprintf(&raw, fmt, ap);
    text_clean(&clean, buf_str(&raw));
    text_wrap(&c->out, buf_str(&clean), c->term.width, indent);
    buf_putc(&c->out, '\n');
    buf_close(&raw);
    buf_close(&clean);
}

void cli_say(struct cli *c, size_t indent, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(c, indent, fmt, ap);
    va_end(ap);
}

void cli_next(struct cli *c, const char *fmt, ...)
{
    va_list ap;
    if (c->term.width == 0)
        return; /* a program reads it */
    va_start(ap, fmt);
    buf_puts(&c->out, c->out.len > 0 ? "\n" : "");
    buf_puts(&c->out, ink_on(INK_DIM, c->term.color));
    say(c, 0, fmt, ap);
    buf_puts(&c->out, ink_off(INK_DIM, c->term.color));
    va_end(ap);
}

void cli_next_empty(struct cli *c, const char *noun, const char *none)
{
    if (cli_flag_text(c, FLAG_STATE) != NULL || cli_flag_text(c, FLAG_FIND) != NULL)
        cli_next(c, "No %s matches.", noun);
    else
        cli_next(c, "%s", none);
}

void cli_table(struct cli *c, struct table *t)
{
    table_write(t, c->term.width, c->term.color, &c->out);
    table_close(t);
}

/* ---- whether it is meant */

int cli_confirm(struct cli *c, const char *word, struct error *err, const char *fmt, ...)
{
    char text[1024], typed[256] = "";
    va_list ap;
    if (cli_on(c, FLAG_YES))
        return 0;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!isatty(STDIN_FILENO))
        return error_set(err, ERR_INVALID,
                         "%s; nobody is there to be asked whether that is meant: need --yes", text);
    fprintf(stderr, "%s.\nType %s to do it: ", text, word);
    if (fgets(typed, sizeof typed, stdin) == NULL)
        typed[0] = '\0';
    typed[strcspn(typed, "\n")] = '\0';
    if (str_eq(typed, word))
        return 0;
    return error_set(err, ERR_INVALID, "nothing was done: %s was not typed", word);
}

/* ---- asking */

int cli_ask(struct cli *c, enum method method, const char *path, const struct buf *body,
            struct json **answer_out, struct error *err)
{
    char *raw;
    if (api_call(&c->api, method, path, body, answer_out, &raw, err) != 0)
        return -1;
    if (cli_on(c, FLAG_JSON))
        buf_printf(&c->out, "%s\n", raw);
    mem_free(raw);
    return 0;
}

int cli_list(struct cli *c, const char *path, const char *name, struct json **answer_out,
             struct error *err)
{
    if (api_list(&c->api, path, answer_out, err) != 0)
        return -1;
    if (cli_on(c, FLAG_JSON)) {
        struct json_writer w;
        json_begin(&w, &c->out);
        json_put_value(&w, *answer_out);
        buf_putc(&c->out, '\n');
    } else if (cli_on(c, FLAG_QUIET) && name != NULL) {
        JSON_EACH (item, json_get(*answer_out, "items")) {
            text_clean(&c->out, json_str(json_get(item, name), ""));
            buf_putc(&c->out, '\n');
        }
    }
    return 0;
}

static void narrow(struct buf *path, const char *what, const char *to)
{
    if (to == NULL)
        return;
    buf_printf(path, "%c%s", strchr(buf_str(path), '?') != NULL ? '&' : '?', what);
    api_path(path, "=%s", to);
}

int cli_show_list(struct cli *c, const char *path, const char *name,
                  void (*show)(struct cli *c, const struct json *list), struct error *err)
{
    struct json *list;
    struct buf narrowed;
    buf_init(&narrowed, PATH_BYTES);
    buf_puts(&narrowed, path);
    narrow(&narrowed, "state", cli_flag_text(c, FLAG_STATE));
    narrow(&narrowed, "q", cli_flag_text(c, FLAG_FIND));
    int rc = cli_list(c, buf_str(&narrowed), name, &list, err);
    buf_close(&narrowed);
    if (rc != 0)
        return -1;
    if (cli_for_people(c))
        show(c, list);
    json_free(list);
    return 0;
}

int cli_current(struct cli *c, const char *fmt, const char *name, struct json **out,
                struct error *err)
{
    struct buf path;
    *out = NULL;
    buf_init(&path, PATH_BYTES);
    api_path(&path, fmt, name);
    int rc = api_get(&c->api, buf_str(&path), out, err);
    buf_close(&path);
    if (rc != 0 && err->code == ERR_NOT_FOUND)
        rc = 0;
    return rc;
}

/* ---- files */

const char *cli_file_name(const char *path)
{
    return str_eq(path, "-") ? "stdin" : path;
}

/* Takes what an editor of another system wrote in front of the text; it may be a text that we
 * cannot read. */
static int take_mark(const char *path, struct buf *text, struct error *err)
{
    struct slice all = buf_slice(text);
    bool wide =
        all.len >= 2 && (memcmp(all.p, "\xff\xfe", 2) == 0 || memcmp(all.p, "\xfe\xff", 2) == 0);
    buf_consume(text, all.len - str_unmarked(all).len);
    return wide ? error_set(err, ERR_INVALID, "%s: got a text in UTF-16, need UTF-8",
                            cli_file_name(path))
                : 0;
}

int cli_read_file(const char *path, struct buf *out, struct error *err)
{
    char chunk[4096];
    size_t n;
    FILE *f = str_eq(path, "-") ? stdin : fopen(path, "re");
    if (f == NULL && (path[0] == '{' || path[0] == '['))
        return error_set(err, ERR_NOT_FOUND, "got JSON, need the name of a file, or - for stdin");
    if (f == NULL)
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: cannot be read: %m",
                         path);
    buf_init(out, FILE_BYTES);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_put(out, chunk, n);
    bool broken = ferror(f) != 0, full = buf_full(out);
    int why = errno;
    if (f != stdin)
        fclose(f);
    const char *name = cli_file_name(path);
    int rc = broken ? error_set(err, ERR_IO, "%s: cannot be read: %s", name, strerror(why))
             : full ? error_set(err, ERR_LIMIT, "%s: larger than %d MiB", name, FILE_BYTES >> 20)
                    : take_mark(path, out, err);
    if (rc != 0)
        buf_close(out);
    return rc;
}

int cli_read_json(const char *path, struct json **out, struct error *err)
{
    struct buf text;
    if (cli_read_file(path, &text, err) != 0)
        return -1;
    *out = json_parse(buf_slice(&text), err);
    buf_close(&text);
    return *out != NULL ? 0 : error_wrap(err, "%s", cli_file_name(path));
}

/* ---- what is mistyped in them */

static void say_doubt(const char *whose, const char *path, const char *what, const char *nearest)
{
    struct buf raw, clean;
    buf_init(&raw, LINE_BYTES);
    buf_init(&clean, LINE_BYTES);
    buf_printf(&raw, "%s%s%s: %s", whose, *whose != '\0' ? ": " : "", path, what);
    if (nearest != NULL)
        buf_printf(&raw, "; did you mean %s?", nearest);
    text_clean(&clean, buf_str(&raw));
    fprintf(stderr, "warning: %s\n", buf_str(&clean));
    buf_close(&raw);
    buf_close(&clean);
}

static void warn(void *data, const char *path, const char *nearest)
{
    say_doubt(data, path, "there is no such member, and it is passed over", nearest);
}

void cli_warn_of_app(const char *id, const struct json *app)
{
    app_unknown(app, warn, (void *)id);
}

void cli_warn_of_job(const char *name, const struct json *job)
{
    job_unknown(job, warn, (void *)name);
    if (json_count(json_get(job, "parents")) > 0 && *text_of(job, "schedule") != '\0')
        say_doubt(name, "schedule", "it has parents, and runs after them alone", NULL);
}
