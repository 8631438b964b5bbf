/* What one run of a job is called, executes and sees (spec/chronos.md 6). */

#include "base/str.h"
#include "model/job_private.h"

#include <stdio.h>
#include <string.h>

#define ID_ARGUMENTS_MAX 64 /* bytes of arguments in a task id */

/* The run's own arguments, or the job's with blanks between; without `;` (6.2). */
static char *joined_arguments(const struct job *j, const struct job_run *run, struct arena *arena)
{
    struct buf b;
    buf_init(&b, LIMIT_BODY_BYTES);
    if (!str_is_blank(run->arguments))
        buf_puts(&b, run->arguments);
    else
        for (size_t i = 0; i < j->arguments.n; i++)
            buf_printf(&b, "%s%s", i == 0 ? "" : " ", j->arguments.items[i]);
    char *text = arena_strndup(arena, buf_str(&b), b.len), *to = text;
    for (const char *from = text; *from != '\0'; from++)
        if (*from != ';')
            *to++ = *from;
    *to = '\0';
    buf_close(&b);
    return text;
}

/* ---- task ids */

const char *job_task_id(const struct job *j, const struct job_run *run, char dst[JOB_TASK_ID_SIZE])
{
    struct arena scratch = {0};
    char arguments[ID_ARGUMENTS_MAX + 1];
    str_copy(arguments, sizeof(arguments), joined_arguments(j, run, &scratch));
    snprintf(dst, JOB_TASK_ID_SIZE, "ct:%lld:%lld:%s:%s", (long long)run->due.ms,
             (long long)run->attempt, j->name, arguments);
    arena_close(&scratch);
    return dst;
}

/* Digits up to a colon; steps over both. */
static bool take_number(const char **at, int64_t *out)
{
    char text[24];
    size_t len = strspn(*at, "0123456789");
    if (len == 0 || len >= sizeof(text) || (*at)[len] != ':')
        return false;
    memcpy(text, *at, len);
    text[len] = '\0';
    *at += len + 1;
    return str_to_i64(text, out);
}

static bool take_task_id(const char *at, struct job_task_ref *out)
{
    if (!str_starts(at, "ct:"))
        return false;
    at += strlen("ct:");
    if (!take_number(&at, &out->due.ms) || !take_number(&at, &out->attempt))
        return false;
    size_t len = strcspn(at, ":");
    if (len == 0 || len > JOB_NAME_MAX)
        return false;
    memcpy(out->name, at, len);
    out->name[len] = '\0';
    at += len + (at[len] == ':');
    if (strlen(at) >= sizeof(out->arguments))
        return false;
    str_copy(out->arguments, sizeof(out->arguments), at);
    return true;
}

int job_task_id_parse(const char *text, struct job_task_ref *out, struct error *err)
{
    struct job_task_ref ref = {0};
    char quoted[96];
    if (!take_task_id(text, &ref))
        return error_set(err, ERR_SYNTAX, "got %s, need a task's id, ct:<due>:<attempt>:<job>:",
                         str_quote(quoted, sizeof(quoted), text, strlen(text)));
    *out = ref;
    return 0;
}

/* ---- what to execute */

static void put_shell(const struct job *j, const char *arguments, struct arena *arena,
                      struct strings *out)
{
    out->items = arena_alloc(arena, 3 * sizeof(char *));
    out->items[0] = "/bin/sh";
    out->items[1] = "-c";
    out->items[2] =
        arguments[0] == '\0' ? j->command : arena_printf(arena, "%s %s", j->command, arguments);
    out->n = 3;
}

/* Words of a manual run's arguments, split at white space. */
static size_t split(char *text, const char **out)
{
    size_t n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t\n\r\f\v", &rest); word != NULL;
         word = strtok_r(NULL, " \t\n\r\f\v", &rest))
        out[n++] = word;
    return n;
}

static void put_words(const struct job *j, const struct job_run *run, struct arena *arena,
                      struct strings *out)
{
    bool own = str_is_blank(run->arguments);
    size_t most = own ? j->arguments.n : strlen(run->arguments);
    out->items = arena_alloc(arena, (1 + most) * sizeof(char *));
    out->items[0] = j->command;
    out->n = 1;
    if (!own)
        out->n += split(arena_strdup(arena, run->arguments), out->items + 1);
    else
        for (size_t i = 0; i < j->arguments.n; i++)
            out->items[out->n++] = j->arguments.items[i];
}

void job_argv(const struct job *j, const struct job_run *run, struct arena *arena,
              struct strings *out)
{
    *out = (struct strings){0};
    if (j->command[0] == '\0')
        return;
    if (j->shell)
        put_shell(j, joined_arguments(j, run, arena), arena, out);
    else
        put_words(j, run, arena, out);
}

int job_check_argv(const struct job *j, const char *arguments, struct error *err)
{
    struct arena scratch = {0};
    const struct job_run run = {.arguments = arguments};
    struct strings argv;
    size_t longest = 0;
    job_argv(j, &run, &scratch, &argv);
    for (size_t i = 0; i < argv.n; i++)
        longest = strlen(argv.items[i]) > longest ? strlen(argv.items[i]) : longest;
    arena_close(&scratch);
    if (longest <= LIMIT_ARGUMENT_BYTES)
        return 0;
    return error_set(err, ERR_INVALID,
                     "got %zu bytes%s, need at most %d: put what is longer into a file "
                     "that is fetched",
                     longest, j->shell ? " with its arguments" : " in one argument",
                     LIMIT_ARGUMENT_BYTES);
}

/* ---- environment */

static bool is_variable(const struct json *v)
{
    const char *name = json_name(v);
    return json_is(v, JSON_STRING) && job_env_name_fits(name);
}

/* What a run has of its own, or its job's: all but the environment that it is given. */
static size_t bytes_of(const struct job *j, const char *arguments)
{
    size_t bytes = strlen(j->command);
    if (!str_is_blank(arguments))
        bytes += strlen(arguments);
    else
        for (size_t i = 0; i < j->arguments.n; i++)
            bytes += strlen(j->arguments.items[i]);
    for (size_t i = 0; i < j->env.n; i++)
        bytes += strlen(j->env.items[i].name) + strlen(j->env.items[i].value);
    return bytes;
}

/* Adds to the bytes. */
static int check_variables(const struct json *environment, size_t *bytes, struct error *err)
{
    char quoted[80];
    if (!json_is(environment, JSON_OBJECT))
        return error_set(err, ERR_INVALID, "environment: got %s, need an object of texts",
                         json_quote(quoted, sizeof quoted, environment));
    if (json_count(environment) > LIMIT_ITEMS)
        return error_set(err, ERR_INVALID, "environment: got %zu variables, need at most %d",
                         json_count(environment), LIMIT_ITEMS);
    JSON_EACH (v, environment) {
        const char *name = json_name(v);
        size_t one = strlen(name) + 1 + strlen(json_str(v, ""));
        str_quote(quoted, sizeof quoted, name, strlen(name));
        if (!is_variable(v))
            return error_set(err, ERR_INVALID,
                             "environment: got %s, need a text, and as its name " JOB_ENV_NAME,
                             quoted);
        if (one > LIMIT_ARGUMENT_BYTES)
            return error_set(err, ERR_INVALID, "environment: got %zu bytes of %s, need at most %d",
                             one, quoted, LIMIT_ARGUMENT_BYTES);
        *bytes += one;
    }
    return 0;
}

int job_check_wish(const struct job *j, const char *arguments, const struct json *environment,
                   struct error *err)
{
    size_t bytes = bytes_of(j, arguments);
    if (environment != NULL && check_variables(environment, &bytes, err) != 0)
        return -1;
    if (bytes <= LIMIT_TASK_BYTES || (environment == NULL && str_is_blank(arguments)))
        return 0;
    return error_set(err, ERR_INVALID,
                     "%s: got %zu bytes together with the job's own and its command, need at most "
                     "%d",
                     environment != NULL ? "environment" : "arguments", bytes, LIMIT_TASK_BYTES);
}

static void put_double(struct env_builder *b, struct arena *arena, const char *name, double value)
{
    char text[DOUBLE_TEXT_SIZE];
    env_put(b, name, arena_strdup(arena, double_text(value, text)));
}

static void put_int(struct env_builder *b, struct arena *arena, const char *name, int64_t value)
{
    env_put(b, name, arena_printf(arena, "%lld", (long long)value));
}

/* What the agent sets is not the user's either. */
static void put_users(struct env_builder *b, const struct pair *v)
{
    if (!str_eq(v->name, "MESOS_SANDBOX"))
        env_put(b, v->name, v->value);
}

void job_task_env(const struct job *j, const struct job_run *run, struct arena *arena,
                  struct env_vars *out)
{
    char id[JOB_TASK_ID_SIZE], planned[TIME_TEXT_SIZE];
    struct env_builder b;
    env_begin(&b, arena);
    for (size_t i = j->env.n; i > 0; i--) /* of one name the first wins, of all ours do */
        put_users(&b, &j->env.items[i - 1]);
    for (size_t i = 0; i < run->env.n; i++)
        put_users(&b, &run->env.items[i]);
    const char *task_id = arena_strdup(arena, job_task_id(j, run, id));
    env_put(&b, "mesos_task_id", task_id);
    env_put(&b, "MESOS_TASK_ID", task_id);
    env_put(&b, "CHRONOS_JOB_NAME", j->name);
    env_put(&b, "CHRONOS_JOB_OWNER", j->owner);
    env_put(&b, "HOST", run->host);
    put_double(&b, arena, "CHRONOS_RESOURCE_CPU", j->cpus);
    put_double(&b, arena, "CHRONOS_RESOURCE_MEM", j->mem);
    put_double(&b, arena, "CHRONOS_RESOURCE_DISK", j->disk);
    put_int(&b, arena, "CHRONOS_JOB_RUN_TIME", run->backfill ? run->planned.ms : run->due.ms);
    if (run->planned.ms != 0)
        env_put(&b, "MESOLITH_PLANNED_TIME", arena_strdup(arena, wall_text(run->planned, planned)));
    put_int(&b, arena, "CHRONOS_JOB_RUN_ATTEMPT", run->attempt);
    env_put(&b, "CHRONOS_RUN_ID", run->run_id);
    *out = env_end(&b);
}
