/* Reading a crontab. */
#include "model/crontab.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cron.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/crontab_private.h"

#define FIELDS 5
#define GOT_SIZE 64 /* of a stranger's text in a problem */
#define MINUTES_MAX 1440

static const char *const fields[FIELDS] = {"minute", "hour", "day", "month", "weekday"};

struct reading {
    const struct crontab_rules *rules;
    struct crontab *out;
    const char *zone, *shell, *owner;
    int64_t jitter_s;
    struct env_builder env;
    struct pairs snapshot; /* of env, as long as nothing has changed it */
    bool changed;
    struct map *wrong;  /* variables that hold, but not as they were meant: name -> struct wrong */
    struct map *names;  /* of jobs */
    const char *called; /* by the comment right before; or NULL */
    bool misnamed;      /* by that comment, which has been said: there is no entry */
    size_t line;
    const char *begin, *end; /* of the line, without its end */
};

struct wrong {
    const char *name;
    size_t line;
};

/* ---- saying */

__attribute__((format(printf, 4, 5))) static void problem(struct reading *r, const char *at,
                                                          const char *cure, const char *fmt, ...)
{
    struct crontab *c = r->out;
    struct error text;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text.text, sizeof text.text, fmt, ap);
    va_end(ap);
    if (c->problems_n == c->problems_room) {
        c->problems_room = c->problems_room == 0 ? 16 : c->problems_room * 2;
        c->problems = mem_realloc(c->problems, c->problems_room * sizeof *c->problems);
    }
    c->problems[c->problems_n++] = (struct crontab_problem){
        r->line, (size_t)(at - r->begin) + 1, arena_strdup(&c->arena, text.text), cure};
}

static const char *quoted(char dst[GOT_SIZE], const char *text)
{
    return str_quote(dst, GOT_SIZE, text, strlen(text));
}

/* ---- variables */

bool crontab_shell_known(const char *path)
{
    static const char *const known[] = {"sh", "dash", "bash", "ash", "ksh", "mksh", "zsh"};
    const char *name = strrchr(path, '/');
    for (size_t i = 0; *path == '/' && i < sizeof known / sizeof known[0]; i++)
        if (str_eq(name + 1, known[i]))
            return true;
    return false;
}

/* What a run is told by us, whatever its job says (spec/chronos.md 6.3). */
static bool is_ours(const char *name)
{
    return str_eq(name, "HOST") || str_eq(name, "mesos_task_id") || str_eq(name, "MESOS_TASK_ID") ||
           str_eq(name, "MESOS_SANDBOX") || str_starts(name, "CHRONOS_");
}

static bool set_shell(struct reading *r, const char *at, const char *value)
{
    char got[GOT_SIZE];
    if (crontab_shell_known(value)) {
        r->shell = str_eq(value, "/bin/sh") ? NULL : value;
        return true;
    }
    problem(r, at, "have /bin/sh, and call the program in the command",
            "SHELL: got %s, need the path of sh, dash, bash, ash, ksh, mksh or zsh",
            quoted(got, value));
    return false;
}

static bool set_mail(struct reading *r, const char *at, const char *value)
{
    (void)at;
    r->owner = value;
    return true;
}

static bool set_zone(struct reading *r, const char *at, const char *value)
{
    struct zone zone;
    struct error err;
    if (zone_find(value, &zone, &err) != 0) {
        problem(r, at, "", "CRON_TZ: %s", err.text);
        return false;
    }
    r->zone = value;
    return true;
}

static bool set_delay(struct reading *r, const char *at, const char *value)
{
    int64_t minutes;
    char got[GOT_SIZE];
    if (!str_to_i64(value, &minutes) || minutes < 0 || minutes > MINUTES_MAX) {
        problem(r, at, "", "RANDOM_DELAY: got %s, need minutes, 0 to %d", quoted(got, value),
                MINUTES_MAX);
        return false;
    }
    r->jitter_s = minutes * 60;
    return true;
}

static bool set_other(struct reading *r, const char *at, const char *name, const char *value)
{
    if (is_ours(name)) {
        problem(r, at, "call the variable otherwise",
                "%s: each run is told its own by mesolith, need another name", name);
        return false;
    }
    if (r->env.vars.n >= CRONTAB_VARIABLES_MAX) {
        problem(r, at, "", "%s: need at most %d variables", name, CRONTAB_VARIABLES_MAX);
        return false;
    }
    env_put(&r->env, name, value);
    r->changed = true;
    return true;
}

static const struct member {
    const char *name;
    bool (*set)(struct reading *r, const char *at, const char *value);
} members[] = {
    {"SHELL", set_shell},
    {"MAILTO", set_mail},
    {"CRON_TZ", set_zone},
    {"RANDOM_DELAY", set_delay},
};

static const struct member *member_of(const char *name)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (str_eq(name, members[i].name))
            return &members[i];
    return NULL;
}

bool crontab_is_variable(const char *name)
{
    return member_of(name) == NULL && !is_ours(name);
}

static void set(struct reading *r, const char *at, const char *name, const char *value)
{
    const struct member *member = member_of(name);
    if (member != NULL ? member->set(r, at, value) : set_other(r, at, name, value)) {
        map_remove_str(r->wrong, name);
        return;
    }
    struct wrong *w = arena_alloc(&r->out->arena, sizeof *w);
    *w = (struct wrong){name, r->line};
    map_put_str(r->wrong, name, w);
}

static const char *past_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

static const char *before_blanks(const char *begin, const char *end)
{
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return end;
}

/* A name, which may be quoted; NULL: there is none. */
static char *take_variable_name(struct reading *r, const char **p)
{
    const char *q = *p;
    char quote = q < r->end && (*q == '"' || *q == '\'') ? *q++ : '\0';
    const char *begin = q;
    while (q < r->end && (isalnum((unsigned char)*q) || *q == '_'))
        q++;
    if (q == begin || isdigit((unsigned char)*begin))
        return NULL;
    char *name = arena_strndup(&r->out->arena, begin, (size_t)(q - begin));
    if (quote != '\0' && (q == r->end || *q++ != quote))
        return NULL;
    *p = past_blanks(q, r->end);
    return name;
}

/* NAME = VALUE; false: the line is none. */
static bool take_variable(struct reading *r, const char *p)
{
    char *name = take_variable_name(r, &p);
    if (name == NULL || p == r->end || *p != '=')
        return false;
    const char *at = past_blanks(p + 1, r->end), *end = before_blanks(at, r->end), *value = at;
    if (end - value >= 2 && (*value == '"' || *value == '\'') && end[-1] == *value) {
        value++;
        end--;
    }
    set(r, at, name, arena_strndup(&r->out->arena, value, (size_t)(end - value)));
    return true;
}

/* ---- the time */

/* "7/15": Vixie's cron passes over what is behind the number, others count from it on. */
static int check_field(const char *field, struct error *err)
{
    const char *p = field;
    while (*p != '\0') {
        size_t len = strcspn(p, ",");
        const char *slash = memchr(p, '/', len);
        if (slash != NULL && *p != '*' && *p != '?' && memchr(p, '-', len) == NULL &&
            memchr(p, '~', len) == NULL)
            return error_set(err, ERR_INVALID,
                             "got %.*s, which crons read otherwise each, need a range before the "
                             "slash, as in 7-59/15",
                             len < GOT_SIZE ? (int)len : GOT_SIZE, p);
        p += len + (p[len] == ',' ? 1 : 0);
    }
    return 0;
}

int crontab_check_when(const char *when, struct error *err)
{
    struct cron cron;
    char copy[CRON_TEXT_MAX + 1], *rest = copy, *field, *words[FIELDS];
    size_t n = 0;
    if (strcasecmp(when, "@reboot") == 0)
        return error_set(err, ERR_INVALID,
                         "@reboot: got the start of a machine, need a time: a job is not of one "
                         "machine");
    if (cron_parse(when, "", &cron, err) != 0 || cron_check(&cron, when, err) != 0)
        return -1;
    if (*when == '@')
        return 0;
    str_copy(copy, sizeof copy, when);
    while ((field = strsep(&rest, " \t")) != NULL) {
        if (*field != '\0' && n == FIELDS)
            return error_set(err, ERR_INVALID, "got %s, and a crontab knows no seconds", when);
        if (*field != '\0')
            words[n++] = field;
    }
    for (size_t i = 0; i < n; i++)
        if (check_field(words[i], err) != 0)
            return error_wrap(err, "%s", fields[i]);
    return 0;
}

/* Which of the time's words an error speaks of. */
static const char *place_of(const struct error *err, const char *const at[FIELDS])
{
    for (int i = 0; i < FIELDS; i++)
        if (at[i] != NULL && str_starts(err->text, fields[i]) &&
            err->text[strlen(fields[i])] == ':')
            return at[i];
    return at[0];
}

/* "@every 90s" is two words, other names one, else it is five. */
static int words_of(const char *p, size_t len)
{
    return *p != '@' ? FIELDS : len == 6 && strncasecmp(p, "@every", 6) == 0 ? 2 : 1;
}

/* NULL after having said why there is none. */
static const char *take_when(struct reading *r, const char **p)
{
    const char *at[FIELDS] = {0}, *q = *p;
    struct buf text;
    struct error err;
    int n = 0, words = FIELDS;
    buf_init(&text, CRON_TEXT_MAX + 1);
    for (; n < words && q < r->end; n++) {
        const char *begin = q;
        while (q < r->end && *q != ' ' && *q != '\t')
            q++;
        if (n == 0)
            words = words_of(begin, (size_t)(q - begin));
        at[n] = begin;
        buf_puts(&text, n > 0 ? " " : "");
        buf_put(&text, begin, (size_t)(q - begin));
        q = past_blanks(q, r->end);
    }
    const char *when = arena_strdup(&r->out->arena, buf_str(&text));
    buf_close(&text);
    if (n < words) {
        problem(r, r->end, "",
                "got %d word%s, need minute, hour, day, month, weekday and a command", n,
                n == 1 ? "" : "s");
    } else if (crontab_check_when(when, &err) != 0) {
        problem(r, place_of(&err, at),
                strcasecmp(when, "@reboot") == 0
                    ? "an app runs whenever its machine does: mesolith app create FILE"
                    : "",
                "%s", err.text);
    } else {
        *p = q;
        return when;
    }
    return NULL;
}

/* ---- the command */

/* The command with its input behind it; "\%" is a "%". Returns where the input begins, or NULL. */
static const char *put_command(struct buf *out, const char *p, const char *end)
{
    bool escaped = false;
    for (; p < end; p++) {
        if (escaped && *p == '%')
            out->data[out->len - 1] = '%';
        else if (!escaped && *p == '%')
            return p + 1;
        else
            buf_putc(out, *p);
        escaped = !escaped && *p == '\\';
    }
    return NULL;
}

/* Otherwise than in the command each backslash counts: "\\%" is "\%". */
static void put_input(struct buf *out, const char *p, const char *end)
{
    bool escaped = false;
    for (; p < end; p++) {
        if (escaped && *p != '%')
            buf_putc(out, '\\');
        char c = !escaped && *p == '%' ? '\n' : *p;
        escaped = c == '\\';
        if (!escaped)
            buf_putc(out, c);
    }
    if (escaped)
        buf_putc(out, '\\');
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        buf_putc(out, '\n');
}

/* A line that is none of the text's. */
static void choose_mark(struct buf *mark, const struct buf *text)
{
    struct buf line;
    buf_init(&line, CRONTAB_BYTES_MAX);
    buf_puts(mark, "EOF");
    for (;;) {
        buf_clear(&line);
        buf_printf(&line, "%s\n", buf_str(mark));
        const char *found = buf_str(text);
        while ((found = strstr(found, buf_str(&line))) != NULL && found != text->data &&
               found[-1] != '\n')
            found++;
        if (found == NULL)
            break;
        buf_putc(mark, '_');
    }
    buf_close(&line);
}

static const char *join_command(struct reading *r, const struct buf *command,
                                const struct buf *input)
{
    struct buf mark;
    const char *joined;
    if (input->len == 0)
        return arena_printf(&r->out->arena, CRONTAB_HOME "%s", buf_str(command));
    buf_init(&mark, CRONTAB_BYTES_MAX);
    choose_mark(&mark, input);
    joined = arena_printf(&r->out->arena,
                          CRONTAB_HOME CRONTAB_INPUT_OPEN "%s" CRONTAB_INPUT_MARK "%s'\n%s%s\n",
                          buf_str(command), buf_str(&mark), buf_str(input), buf_str(&mark));
    buf_close(&mark);
    return joined;
}

/* NULL after having said why there is none. */
static const char *take_command(struct reading *r, const char *p)
{
    struct buf command, input;
    const char *joined = NULL;
    buf_init(&command, CRONTAB_BYTES_MAX);
    buf_init(&input, (size_t)2 * CRONTAB_BYTES_MAX);
    const char *rest = put_command(&command, p, r->end);
    if (rest != NULL)
        put_input(&input, rest, r->end);
    if (strspn(buf_str(&command), " \t") == command.len)
        problem(r, p, "", "need a command behind the time%s",
                r->rules->system ? " and the user" : "");
    else
        joined = join_command(r, &command, &input);
    buf_close(&command);
    buf_close(&input);
    return joined;
}

/* ---- one job */

static const char *take_user(struct reading *r, const char **p)
{
    const char *begin = *p;
    if (!r->rules->system)
        return r->rules->user;
    while (*p < r->end && **p != ' ' && **p != '\t')
        (*p)++;
    const char *user = arena_strndup(&r->out->arena, begin, (size_t)(*p - begin));
    *p = past_blanks(*p, r->end);
    return user;
}

static const struct pairs *environment(struct reading *r)
{
    const struct env_vars *vars = &r->env.vars;
    if (!r->changed)
        return &r->snapshot;
    r->snapshot.items = arena_alloc(&r->out->arena, vars->n * sizeof(struct pair));
    r->snapshot.n = vars->n;
    for (size_t i = 0; i < vars->n; i++)
        r->snapshot.items[i] = (struct pair){vars->items[i].name, vars->items[i].value};
    r->changed = false;
    return &r->snapshot;
}

/* NULL after having said why there is none. */
static const char *take_name(struct reading *r, const char *at, const char *user,
                             const char *command)
{
    if (r->called == NULL)
        return crontab_choose_name(r->names, &r->out->arena, user, command);
    if (map_put_str(r->names, r->called, r->names) == NULL)
        return r->called;
    problem(r, at, "", "%s: a line above is called so, need another name", r->called);
    return NULL;
}

static void add(struct crontab *c, const struct crontab_entry *e)
{
    if (c->n == c->entries_room) {
        c->entries_room = c->entries_room == 0 ? 16 : c->entries_room * 2;
        c->entries = mem_realloc(c->entries, c->entries_room * sizeof *c->entries);
    }
    c->entries[c->n++] = *e;
}

static void take_entry(struct reading *r, const char *begin)
{
    const char *p = begin, *when = take_when(r, &p);
    size_t first = 0;
    if (when == NULL)
        return;
    const char *user = take_user(r, &p), *command = take_command(r, p);
    const struct wrong *w = map_each(r->wrong, &first);
    if (command == NULL || r->misnamed)
        return;
    if (w != NULL) {
        problem(r, begin, "", "%s of line %zu holds here, too", w->name, w->line);
        return;
    }
    const char *name = take_name(r, begin, user, command);
    if (name == NULL)
        return;
    const struct crontab_entry e = {
        .line = r->line,
        .column = (size_t)(begin - r->begin) + 1,
        .name = name,
        .when = when,
        .zone = r->zone,
        .user = user,
        .owner = r->owner,
        .shell = r->shell,
        .command = command,
        .jitter_s = r->jitter_s,
        .env = *environment(r),
    };
    add(r->out, &e);
}

/* ---- all lines */

/* "# job: NAME", or any other comment. */
static void take_comment(struct reading *r, const char *p)
{
    char got[96];
    size_t len = strlen(CRONTAB_CALLED);
    const char *end = before_blanks(p, r->end);
    r->called = NULL;
    r->misnamed = false;
    if ((size_t)(end - p) <= len || memcmp(p, CRONTAB_CALLED, len) != 0)
        return;
    const char *name = p + len;
    size_t name_len = (size_t)(end - name);
    r->misnamed = !crontab_name_fits(name, name_len);
    if (!r->misnamed)
        r->called = arena_strndup(&r->out->arena, name, name_len);
    else
        problem(r, name, "another name, or a comment that begins otherwise",
                "# job: got %s, need 1 to %d letters, digits, \"_\", \".\" or \"-\", but neither "
                "\".\" nor \"..\"",
                str_quote(got, sizeof got, name, name_len), CRONTAB_NAME_MAX);
}

static void take_line(struct reading *r)
{
    const char *p = past_blanks(r->begin, r->end);
    size_t len = (size_t)(r->end - r->begin);
    if (p < r->end && *p == '#') {
        take_comment(r, p);
        return;
    }
    if (p < r->end && (!str_utf8_valid(r->begin, len) || memchr(r->begin, '\0', len) != NULL))
        problem(r, r->begin, "", "got bytes that are no text in UTF-8");
    else if (p < r->end && !take_variable(r, p))
        take_entry(r, p);
    r->called = NULL;
    r->misnamed = false;
}

static void take_lines(struct reading *r, struct slice text)
{
    const char *p = text.p, *end = text.p + text.len;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        r->line++;
        r->begin = p;
        r->end = newline != NULL ? newline : end;
        p = r->end + 1;
        if (r->end > r->begin && r->end[-1] == '\r')
            r->end--;
        take_line(r);
    }
}

void crontab_read(struct slice text, const struct crontab_rules *rules, struct crontab *out)
{
    *out = (struct crontab){0};
    struct reading r = {.rules = rules,
                        .out = out,
                        .zone = rules->zone,
                        .owner = "",
                        .changed = true,
                        .wrong = map_new(),
                        .names = map_new(),
                        .line = 1,
                        .begin = text.p,
                        .end = text.p};
    env_begin(&r.env, &out->arena);
    if (text.len > CRONTAB_BYTES_MAX) {
        problem(&r, r.begin, "", "got %zu bytes, need at most %d", text.len, CRONTAB_BYTES_MAX);
    } else {
        r.line = 0;
        take_lines(&r, text);
    }
    env_end(&r.env);
    map_free(r.wrong);
    map_free(r.names);
}

void crontab_close(struct crontab *c)
{
    mem_free(c->entries);
    mem_free(c->problems);
    arena_close(&c->arena);
    *c = (struct crontab){0};
}

/* ---- as JSON */

static void write_command(const struct crontab_entry *e, struct json_writer *w)
{
    if (e->shell == NULL) {
        json_member_str(w, "command", e->command);
        return;
    }
    json_member_str(w, "command", e->shell);
    json_member_bool(w, "shell", false);
    json_key(w, "arguments");
    json_array(w);
    json_put_str(w, "-c");
    json_put_str(w, e->command);
    json_array_end(w);
}

static void write_env(const struct pairs *env, struct json_writer *w)
{
    json_key(w, "environmentVariables");
    json_array(w);
    for (size_t i = 0; i < env->n; i++) {
        json_object(w);
        json_member_str(w, "name", env->items[i].name);
        json_member_str(w, "value", env->items[i].value);
        json_object_end(w);
    }
    json_array_end(w);
}

void crontab_write_job(const struct crontab_entry *e, struct json_writer *w)
{
    json_member_str(w, "name", e->name);
    json_member_str(w, "cron", e->when);
    json_member_str(w, "scheduleTimeZone", e->zone);
    write_command(e, w);
    json_member_str(w, "runAsUser", e->user);
    if (*e->owner != '\0')
        json_member_str(w, "owner", e->owner);
    if (e->env.n > 0)
        write_env(&e->env, w);
    json_member_int(w, "retries", 0);
    json_member_bool(w, "concurrent", true);
    json_member_str(w, "missed", "window");
    if (e->jitter_s > 0)
        json_member_int(w, "jitterSeconds", e->jitter_s);
}
