/* cmd/mesolith/cli_noun.h - the tables of the command line, and what a verb works with.
 *
 * A noun is one file with a table of verbs; cli.c finds the row, reads names and flags, and says
 * what went wrong. A verb fills `out`, which is printed when it has ended, or draws by itself. */
#pragma once

#include "base/time.h"
#include "cli_api.h"
#include "cli_args.h"
#include "cli_table.h"
#include "cli_term.h"
#include "cli_text.h"

/* One table for all verbs, so that a flag means the same everywhere.
 * name, letter, kind, operand, default, what it does */
#define CLI_FLAGS(X)                                                                               \
    X(FLAG_ADDRESS, "address", 'a', FLAG_IS_TEXT, "URL", NULL,                                     \
      "whom to ask (MESOLITH_ADDRESS, ./mesolith-dev, :8080)")                                     \
    X(FLAG_JSON, "json", 'j', FLAG_IS_SWITCH, NULL, NULL, "print the API's answer")                \
    X(FLAG_QUIET, "quiet", 'q', FLAG_IS_SWITCH, NULL, NULL, "print names only")                    \
    X(FLAG_WATCH, "watch", 'w', FLAG_IS_SWITCH, NULL, NULL, "print again every second")            \
    X(FLAG_DETACH, "detach", 'd', FLAG_IS_SWITCH, NULL, NULL, "do not wait until it is done")      \
    X(FLAG_TIMEOUT, "timeout", 't', FLAG_IS_TIME, "TIME", "5m", "wait no longer than that")        \
    X(FLAG_FORCE, "force", 0, FLAG_IS_SWITCH, NULL, NULL, "whatever is in the way")                \
    X(FLAG_FOLLOW, "follow", 'f', FLAG_IS_SWITCH, NULL, NULL, "go on with what comes")             \
    X(FLAG_ERR, "err", 'e', FLAG_IS_SWITCH, NULL, NULL, "stderr instead of stdout")                \
    X(FLAG_TAIL, "tail", 'n', FLAG_IS_NUMBER, "LINES", "100", "begin so many lines from the end")  \
    X(FLAG_ALL, "all", 0, FLAG_IS_SWITCH, NULL, NULL, "from the beginning; tasks: ended ones too") \
    X(FLAG_RUN, "run", 0, FLAG_IS_NUMBER, "RUN", NULL, "of this run instead of the last one")      \
    X(FLAG_ATTEMPT, "attempt", 0, FLAG_IS_NUMBER, "N", NULL,                                       \
      "of that try of the run; the first is 1")                                                    \
    X(FLAG_STATE, "state", 's', FLAG_IS_TEXT, "STATE", NULL, "only those in this state")           \
    X(FLAG_FIND, "find", 0, FLAG_IS_TEXT, "TEXT", NULL, "only those whose name holds it")          \
    X(FLAG_APP, "app", 0, FLAG_IS_TEXT, "NAME", NULL, "only of this app")                          \
    X(FLAG_JOB, "job", 0, FLAG_IS_TEXT, "NAME", NULL,                                              \
      "only of this job; a schedule: as it has it")                                                \
    X(FLAG_ZONE, "zone", 0, FLAG_IS_TEXT, "ZONE", NULL,                                            \
      "the time zone that is meant, as Europe/Paris")                                              \
    X(FLAG_NODE, "node", 0, FLAG_IS_TEXT, "NAME", NULL, "only on this node")                       \
    X(FLAG_SCALE, "scale", 0, FLAG_IS_SWITCH, NULL, NULL, "have one instance less afterwards")     \
    X(FLAG_WIPE, "wipe", 0, FLAG_IS_SWITCH, NULL, NULL, "remove its persistent volumes too")       \
    X(FLAG_MODES, "modes", 0, FLAG_IS_TEXT, "MODES", "master,scheduler,agent",                     \
      "what who comes may be")                                                                     \
    X(FLAG_YES, "yes", 0, FLAG_IS_SWITCH, NULL, NULL, "do not ask whether it is meant")            \
    X(FLAG_HOURS, "hours", 0, FLAG_IS_NUMBER, "N", "24", "good for so long")                       \
    X(FLAG_DATA, "data", 0, FLAG_IS_TEXT, "DIR", NULL, "the node's folder")                        \
    X(FLAG_SELECTOR, "selector", 'l', FLAG_IS_TEXT, "TERMS", NULL, "all jobs that are like that")  \
    X(FLAG_REASON, "reason", 0, FLAG_IS_TEXT, "TEXT", NULL, "why, for who looks later")            \
    X(FLAG_AGAIN, "again", 0, FLAG_IS_SWITCH, NULL, NULL, "also times whose runs there were")      \
    X(FLAG_DRY_RUN, "dry-run", 0, FLAG_IS_SWITCH, NULL, NULL, "only say what would be done")       \
    X(FLAG_OVERLAP, "overlap", 0, FLAG_IS_NUMBER, "N", "1", "so many of its runs at once")         \
    X(FLAG_LIMIT, "limit", 0, FLAG_IS_NUMBER, "N", NULL, "no more runs than that")                 \
    X(FLAG_ENV, "env", 0, FLAG_IS_TEXTS, "NAME=VALUE", NULL,                                       \
      "a variable of this run alone; may be given again")                                          \
    X(FLAG_ARGUMENTS, "arguments", 0, FLAG_IS_TEXT, "TEXT", NULL, "instead of the job's own")      \
    X(FLAG_STARTS, "starts", 0, FLAG_IS_TEXT, "TIME", NULL, "valid not before, as startsAt")       \
    X(FLAG_ENDS, "ends", 0, FLAG_IS_TEXT, "TIME", NULL, "valid until then, as endsAt")             \
    X(FLAG_EXCLUDE, "exclude", 0, FLAG_IS_TEXT, "CALENDARS", NULL, "not on their days")            \
    X(FLAG_ONLY, "only", 0, FLAG_IS_TEXT, "CALENDARS", NULL, "on their days only")                 \
    X(FLAG_CANCEL, "cancel", 0, FLAG_IS_SWITCH, NULL, NULL, "end what goes on")                    \
    X(FLAG_REPLACE, "replace", 0, FLAG_IS_SWITCH, NULL, NULL, "change also what is there already") \
    X(FLAG_STRICT, "strict", 0, FLAG_IS_SWITCH, NULL, NULL, "make nothing unless all can be made") \
    X(FLAG_WITH, "with", 0, FLAG_IS_TEXT, "JSON", NULL, "members for each job, as {\"mem\": 512}") \
    X(FLAG_USER, "user", 0, FLAG_IS_TEXT, "NAME", NULL, "whose crontab it is (who asks)")          \
    X(FLAG_SYSTEM, "system", 0, FLAG_IS_SWITCH, NULL, NULL, "its lines name the user")             \
    X(FLAG_CSV, "csv", 0, FLAG_IS_SWITCH, NULL, NULL, "as Chronos's graph/csv has it")             \
    X(FLAG_DOT, "dot", 0, FLAG_IS_SWITCH, NULL, NULL, "as Graphviz draws it")                      \
    X(FLAG_HELP, "help", 'h', FLAG_IS_SWITCH, NULL, NULL, "this text")

enum cli_flag {
#define X(name, flag, letter, kind, operand, value, what) name,
    CLI_FLAGS(X)
#undef X
        CLI_FLAGS_N,
};
extern const struct flag_row cli_flags[CLI_FLAGS_N];

#define F(flag) (UINT64_C(1) << FLAG_##flag)
#define FLAGS_ASK (F(ADDRESS) | F(JSON) | F(HELP)) /* one answer */
#define FLAGS_SHOW (FLAGS_ASK | F(WATCH))
#define FLAGS_LIST (FLAGS_SHOW | F(QUIET))
#define FLAGS_CHANGE (FLAGS_ASK | F(DETACH) | F(TIMEOUT))

/* What a name may be, for completion and for naming the likely one. */
enum name_kind {
    NAME_NONE,
    NAME_APP,
    NAME_JOB,
    NAME_NODE,
    NAME_TASK,
    NAME_DEPLOYMENT,
    NAME_TOKEN,
    NAME_CALENDAR,
    NAME_SUBJECT, /* an app, a job or a task */
    NAME_ANY,     /* whatever has a name */
    NAME_FILE,
};

struct cli;
struct cli_verb {
    const char *name;     /* "scale"; "" where the noun is the verb */
    const char *operands; /* "NAME INSTANCES", "" */
    unsigned names_min, names_max;
    enum name_kind names; /* what the first one is */
    uint64_t flags;
    int (*run)(struct cli *c, struct error *err);
    const char *about; /* one line */
    const char *examples[2];
};

struct cli_noun {
    const char *name, *about;
    const struct cli_verb *verbs; /* the noun alone is its first verb */
    size_t n;
};

/* The verb of two nouns. */
int logs_of_job(struct cli *c, struct error *err);

/* One file each. */
extern const struct cli_noun status_noun, why_noun, logs_noun, app_noun, job_noun, task_noun,
    node_noun, deployment_noun, service_noun, events_noun, sql_noun, completion_noun, apply_noun,
    diff_noun, import_noun, export_noun, token_noun, leader_noun, backup_noun, recover_noun,
    calendar_noun, notice_noun;
extern const struct cli_noun *const cli_nouns[];
extern const size_t cli_nouns_n;

/* What main() runs itself, for the overview and for naming the likely one. */
struct cli_other {
    const char *name, *about;
    const char *operands; /* NULL: it has a help of its own, or needs none */
    const char *flags;    /* lines; NULL: those of config.h */
    const char *examples[2];
};
extern const struct cli_other cli_others[];
extern const size_t cli_others_n;

struct cli {
    const struct cli_noun *noun;
    const struct cli_verb *verb;
    struct args args;
    struct api api;
    struct term term;
    struct wall now;
    struct buf out;
    bool failed; /* what was waited for did not come true: exit status 1 */
};

/* ---- for verbs */

static inline const char *text_of(const struct json *v, const char *member)
{
    return json_str(json_get(v, member), "");
}

static inline int64_t number_of(const struct json *v, const char *member)
{
    return json_int(json_get(v, member), 0);
}

bool cli_on(const struct cli *c, enum cli_flag flag);
const char *cli_flag_text(const struct cli *c, enum cli_flag flag); /* NULL: not given */
struct wall cli_time(void);
/* Milliseconds since 1970 of the API's time; 0 when it is absent. */
int64_t cli_ms(const struct json *time);
/* Appends "in 3 h" and so on to a table; nothing when the time is absent. */
void cli_put_when(struct cli *c, struct table *t, const struct json *time);
void cli_put_numbers(struct table *t, const struct json *numbers); /* "10000 10001" */
#define GIB (1024.0 * 1024 * 1024)
/* "0.3 of 8", of a {"used","total"}, each divided by the unit, whose name follows. */
void cli_put_used(struct table *t, const struct json *used, double unit, const char *unit_name);
/* A line of a table of two columns: what it is, and its value; nothing when that is "". */
void cli_put_field(struct table *t, const char *what, const char *value);
void cli_put_state(struct table *t, const char *noun, const struct json *state);
/* Asks on the terminal for `word`, to be typed again, having said what will be done. ERR_INVALID
 * when another one was, or nobody is there to be asked. --yes answers it. */
int cli_confirm(struct cli *c, const char *word, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5))) MUST_CHECK;
/* A sentence, wrapped to the terminal, each line indented. */
void cli_say(struct cli *c, size_t indent, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The last line: what to do next. On a terminal only. */
void cli_next(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Of an empty list: `none`, or that nothing matches if it was narrowed. */
void cli_next_empty(struct cli *c, const char *noun, const char *none);
void cli_table(struct cli *c, struct table *t); /* into out; closes it */

/* After what is in `out`, with details and cure, which are forgotten then. Its exit status. */
int cli_say_error(struct cli *c, const struct error *err);
/* Asks; with --json the answer is printed as it came. The caller frees *answer_out. */
int cli_ask(struct cli *c, enum method method, const char *path, const struct buf *body,
            struct json **answer_out, struct error *err) MUST_CHECK;
/* Asks for a whole list; --json prints it, --quiet the member `name` of each item (NULL: the caller
 * does). */
int cli_list(struct cli *c, const char *path, const char *name, struct json **answer_out,
             struct error *err) MUST_CHECK;
/* The same, as --state and --find narrow it; shown to people by `show`. */
int cli_show_list(struct cli *c, const char *path, const char *name,
                  void (*show)(struct cli *c, const struct json *list),
                  struct error *err) MUST_CHECK;
/* Neither --json nor --quiet: what was asked is to be shown to a person. */
bool cli_for_people(const struct cli *c);
/* Asks for what `fmt` and a name say (api_path); NULL where there is none. The caller frees. */
int cli_current(struct cli *c, const char *fmt, const char *name, struct json **out,
                struct error *err) MUST_CHECK;
const char *cli_file_name(const char *path); /* for errors: "-" is stdin */
/* Reads a text, "-" being stdin, without a byte order mark. ERR_NOT_FOUND, ERR_LIMIT, ERR_INVALID
 * for one in UTF-16. */
int cli_read_file(const char *path, struct buf *out, struct error *err) MUST_CHECK;
/* The same as JSON, which the caller frees. */
int cli_read_json(const char *path, struct json **out, struct error *err) MUST_CHECK;
/* Warns of each member that the node passes over, on stderr. */
void cli_warn_of_app(const char *id, const struct json *app);
void cli_warn_of_job(const char *name, const struct json *job);
