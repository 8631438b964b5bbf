/* Writing jobs as a crontab. */
#include <stdio.h>
#include <string.h>

#include "base/cron.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/crontab_private.h"

#define NO_CRON "has no cron expression, and a crontab knows no other times"
#define LINE_MAX_OF_CRON 998 /* bytes of a command that Vixie's cron takes */

/* One job's parts, as a crontab has them. */
struct parts {
    const char *name, *when, *zone, *user, *owner, *shell, *command;
    int64_t jitter_s;
    const struct json *env;
};

static const char *text_of(const struct json *job, const char *member)
{
    return json_str(json_get(job, member), "");
}

/* ---- whether a crontab can say it */

/* What only our own expressions have. */
static bool is_beyond_cron(const struct cron *c)
{
    bool nth = false;
    for (size_t i = 0; i < sizeof c->nth; i++)
        nth = nth || c->nth[i] != 0;
    return nth || c->day_last || c->day_last_working || c->days_nearest != 0 || c->every_s > 0;
}

static int check_when(const char *when, struct error *err)
{
    struct cron cron;
    if (*when == '\0')
        return error_set(err, ERR_INVALID, NO_CRON);
    if (crontab_check_when(when, err) != 0)
        return error_wrap(err, "cron");
    if (cron_parse(when, "", &cron, err) != 0)
        return -1;
    if (is_beyond_cron(&cron) || strchr(when, '?') != NULL)
        return error_set(err, ERR_INVALID, "cron: got %s, which a crontab cannot say", when);
    return 0;
}

/* How its command is started. */
static int take_shell(const struct json *job, struct parts *p, struct error *err)
{
    const struct json *arguments = json_get(job, "arguments"), *first = json_first(arguments);
    size_t n = json_count(arguments);
    p->command = text_of(job, "command");
    if (json_bool(json_get(job, "shell"), true)) {
        p->shell = "/bin/sh";
        return n == 0 ? 0
                      : error_set(err, ERR_INVALID,
                                  "arguments: a crontab has none beside the command");
    }
    if (n != 2 || !str_eq(json_str(first, ""), "-c") || !crontab_shell_known(p->command))
        return error_set(err, ERR_INVALID, "shell: cron starts each command by a shell");
    p->shell = p->command;
    p->command = json_str(json_next(first), "");
    return 0;
}

static int take_parts(const struct crontab_writer *w, const struct json *job, struct parts *p,
                      struct error *err)
{
    static const struct {
        const char *member, *why;
    } others[] = {
        {"container", "container: cron starts none"},
        {"fetch", "fetch: cron fetches nothing"},
        {"uris", "uris: cron fetches nothing"},
        {"executor", "executor: cron knows none"},
    };
    *p = (struct parts){.name = text_of(job, "name"),
                        .when = text_of(job, "cron"),
                        .zone = text_of(job, "scheduleTimeZone"),
                        .user = text_of(job, "runAsUser"),
                        .owner = text_of(job, "owner"),
                        .env = json_get(job, "environmentVariables")};
    json_i64(json_get(job, "jitterSeconds"), &p->jitter_s);
    if (*text_of(job, "broken") != '\0')
        return error_set(err, ERR_INVALID, "%s", text_of(job, "broken"));
    if (json_count(json_get(job, "parents")) > 0)
        return error_set(err, ERR_INVALID, "parents: it waits for other jobs, and cron for none");
    if (json_bool(json_get(job, "disabled"), false))
        return error_set(err, ERR_INVALID, "disabled: a crontab has only what runs");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const struct json *v = json_get(job, others[i].member);
        if (json_count(v) > 0 || *json_str(v, "") != '\0')
            return error_set(err, ERR_INVALID, "%s", others[i].why);
    }
    if (p->jitter_s % 60 != 0)
        return error_set(err, ERR_INVALID, "jitterSeconds: cron knows whole minutes");
    if (!w->rules->system && !str_eq(p->user, w->rules->user))
        return error_set(
            err, ERR_INVALID,
            "runAsUser: it is %s's, and this is %s's crontab; try: --user %s, or --system for "
            "all",
            p->user, w->rules->user, p->user);
    if (!crontab_name_fits(p->name, strlen(p->name)))
        return error_set(err, ERR_INVALID, "name: need letters, digits, \"_\", \".\" and \"-\"");
    if (*p->zone == '\0')
        p->zone = "UTC";
    return check_when(p->when, err) != 0 ? -1 : take_shell(job, p, err);
}

/* ---- the command */

static int unsayable(struct error *err)
{
    return error_set(err, ERR_INVALID,
                     "command: a crontab cannot say its lines, or its \"\\%%\": put it into a "
                     "script, and call that");
}

/* A "%" behind backslashes, which cron takes two by two. */
static int put_command(struct buf *out, const char *text, size_t len, struct error *err)
{
    bool escaped = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || (text[i] == '%' && escaped))
            return unsayable(err);
        if (text[i] == '%')
            buf_putc(out, '\\');
        buf_putc(out, text[i]);
        escaped = !escaped && text[i] == '\\';
    }
    return 0;
}

static int put_input(struct buf *out, const char *text, size_t len, struct error *err)
{
    buf_putc(out, '%');
    if (len > 1 && text[len - 1] == '\n' && text[len - 2] != '\n')
        len--; /* cron ends a last line itself */
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' && i > 0 && text[i - 1] == '\\')
            return unsayable(err);
        if (text[i] == '%')
            buf_putc(out, '\\');
        buf_putc(out, text[i] == '\n' ? '%' : text[i]);
    }
    return 0;
}

/* The here-document that reading a crontab makes; false: there is none. */
static bool take_input(const char *text, struct slice *command, struct slice *input)
{
    size_t open = strlen(CRONTAB_INPUT_OPEN), len = strlen(text);
    const char *mark = strstr(text, CRONTAB_INPUT_MARK);
    if (!str_starts(text, CRONTAB_INPUT_OPEN) || mark == NULL)
        return false;
    *command = (struct slice){text + open, (size_t)(mark - text) - open};
    mark += strlen(CRONTAB_INPUT_MARK);
    size_t mark_len = strcspn(mark, "'\n");
    const char *begin = mark + mark_len + 2;
    if (mark_len == 0 || mark[mark_len] != '\'' || mark[mark_len + 1] != '\n')
        return false;
    /* its last line is the mark, and no line before */
    size_t rest = len - (size_t)(begin - text);
    if (rest < mark_len + 2 || begin[rest - 1] != '\n' ||
        memcmp(begin + rest - mark_len - 1, mark, mark_len) != 0 ||
        begin[rest - mark_len - 2] != '\n')
        return false;
    *input = (struct slice){begin, rest - mark_len - 1};
    return true;
}

static int put_text(struct buf *out, const char *text, struct error *err)
{
    struct slice command = slice_of(text), input = {0};
    size_t before = out->len;
    if (str_starts(text, CRONTAB_HOME)) {
        text += strlen(CRONTAB_HOME);
        command = slice_of(text);
    }
    bool has_input = take_input(text, &command, &input);
    if (command.len == 0 || strchr(" \t", *command.p) != NULL)
        return error_set(err, ERR_INVALID, "command: need one that begins with no blank");
    if (put_command(out, command.p, command.len, err) != 0 ||
        (has_input && put_input(out, input.p, input.len, err) != 0))
        return -1;
    if (out->len - before > LINE_MAX_OF_CRON)
        return error_set(err, ERR_INVALID, "command: got %zu bytes, and cron takes %d",
                         out->len - before, LINE_MAX_OF_CRON);
    return 0;
}

/* ---- variables */

static int put_variable(struct buf *out, const char *name, const char *value, struct error *err)
{
    size_t len = strlen(value);
    bool quoted =
        len == 0 || strchr(" \t\"'", *value) != NULL || strchr(" \t", value[len - 1]) != NULL;
    const char *quote = !quoted ? "" : strchr(value, '"') == NULL ? "\"" : "'";
    if (name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] !=
            '\0' ||
        *name == '\0' || strchr("0123456789", *name) != NULL || strchr(value, '\n') != NULL)
        return error_set(err, ERR_INVALID,
                         "environmentVariables: a crontab cannot say %s: need a name of letters, "
                         "digits and \"_\", and a value of one line",
                         name);
    buf_printf(out, "%s=%s%s%s\n", name, quote, value, quote);
    return 0;
}

/* What holds already is not said again. */
static int put_member(struct buf *out, const char *name, const char *holds, const char *value,
                      struct error *err)
{
    return str_eq(holds, value) ? 0 : put_variable(out, name, value, err);
}

static const char *value_of(const struct crontab_writer *w, const char *name)
{
    for (size_t i = 0; i < w->env.vars.n; i++)
        if (str_eq(w->env.vars.items[i].name, name))
            return w->env.vars.items[i].value;
    return NULL;
}

static const struct json *variable(const struct json *env, const char *name)
{
    JSON_EACH (v, env)
        if (str_eq(text_of(v, "name"), name))
            return v;
    return NULL;
}

static int put_env(struct crontab_writer *w, const struct parts *p, struct buf *out,
                   struct error *err)
{
    for (size_t i = 0; i < w->env.vars.n; i++)
        if (variable(p->env, w->env.vars.items[i].name) == NULL)
            return error_set(err, ERR_INVALID,
                             "environmentVariables: %s of another job's holds here, too, and a "
                             "crontab cannot take it back",
                             w->env.vars.items[i].name);
    JSON_EACH (v, p->env) {
        const char *name = text_of(v, "name");
        if (variable(p->env, name) != v) /* the first of a name wins */
            continue;
        if (!crontab_is_variable(name))
            return error_set(err, ERR_INVALID,
                             "environmentVariables: %s means something else in a crontab", name);
        if (put_member(out, name, value_of(w, name), text_of(v, "value"), err) != 0)
            return -1;
    }
    return 0;
}

static int put_variables(struct crontab_writer *w, const struct parts *p, struct buf *out,
                         struct error *err)
{
    char delay[24], before[24];
    snprintf(delay, sizeof delay, "%lld", (long long)p->jitter_s / 60);
    snprintf(before, sizeof before, "%lld", (long long)w->jitter_s / 60);
    if (put_member(out, "CRON_TZ", w->zone, p->zone, err) != 0 ||
        put_member(out, "SHELL", w->shell, p->shell, err) != 0 ||
        put_member(out, "MAILTO", w->owner, p->owner, err) != 0 ||
        put_member(out, "RANDOM_DELAY", before, delay, err) != 0)
        return -1;
    return put_env(w, p, out, err);
}

/* ---- one job after the other */

void crontab_begin(struct crontab_writer *w, const struct crontab_rules *rules, struct buf *out)
{
    *w = (struct crontab_writer){.rules = rules,
                                 .out = out,
                                 .zone = rules->zone,
                                 .shell = "/bin/sh",
                                 .owner = "",
                                 .names = map_new()};
    env_begin(&w->env, &w->arena);
}

static int put_line(struct crontab_writer *w, const struct parts *p, struct buf *out,
                    struct error *err)
{
    if (put_variables(w, p, out, err) != 0)
        return -1;
    const char *chosen = crontab_choose_name(w->names, &w->arena, p->user, p->command);
    if (!str_eq(chosen, p->name) || !str_starts(p->command, CRONTAB_HOME)) {
        map_remove_str(w->names, chosen);
        map_put_str(w->names, p->name, w->names);
        buf_printf(out, CRONTAB_CALLED "%s\n", p->name);
    }
    buf_printf(out, "%s ", p->when);
    if (w->rules->system)
        buf_printf(out, "%s ", p->user);
    if (put_text(out, p->command, err) != 0) {
        map_remove_str(w->names, p->name);
        return -1;
    }
    buf_putc(out, '\n');
    return 0;
}

/* That the variables of a line hold from now on. */
static void keep(struct crontab_writer *w, const struct parts *p)
{
    w->zone = arena_strdup(&w->arena, p->zone);
    w->shell = arena_strdup(&w->arena, p->shell);
    w->owner = arena_strdup(&w->arena, p->owner);
    w->jitter_s = p->jitter_s;
    JSON_EACH (v, p->env)
        if (variable(p->env, text_of(v, "name")) == v)
            env_put(&w->env, arena_strdup(&w->arena, text_of(v, "name")),
                    arena_strdup(&w->arena, text_of(v, "value")));
}

int crontab_put(struct crontab_writer *w, const struct json *job, struct error *err)
{
    struct parts p;
    struct buf line;
    if (take_parts(w, job, &p, err) != 0)
        return -1;
    buf_init(&line, w->out->max);
    int rc = put_line(w, &p, &line, err);
    if (rc == 0) {
        buf_put_slice(w->out, buf_slice(&line));
        keep(w, &p);
    }
    buf_close(&line);
    return rc;
}

void crontab_end(struct crontab_writer *w)
{
    env_end(&w->env);
    map_free(w->names);
    arena_close(&w->arena);
}
