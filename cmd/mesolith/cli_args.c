#include "cli_args.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"

#define TIME_MAX (INT64_C(366) * 86400000)

bool args_time(const char *text, int64_t *ms_out)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    long long n = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (str_eq(end, units[i].unit) && n <= TIME_MAX / units[i].ms) {
            *ms_out = n * units[i].ms;
            return true;
        }
    }
    return false;
}

/* ---- finding the row */

static int unknown(const struct flag_row *rows, size_t n_rows, uint64_t allowed, const char *got,
                   struct error *err)
{
    const char *names[ARGS_FLAGS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < n_rows; i++)
        if (allowed & UINT64_C(1) << i)
            names[n++] = rows[i].name;
    const char *nearest = strlen(got) > 1 ? str_nearest(got, names, n) : NULL;
    if (nearest == NULL)
        return error_set(err, ERR_SYNTAX, "%s%s: there is no such flag; --help lists them",
                         strlen(got) > 1 ? "--" : "-", got);
    return error_set(err, ERR_SYNTAX, "--%s: there is no such flag, did you mean --%s?", got,
                     nearest);
}

/* `name` is `len` bytes, one of them for a letter. */
static bool row_is(const struct flag_row *row, bool letter, const char *name, size_t len)
{
    if (letter)
        return row->letter != '\0' && row->letter == *name;
    return strlen(row->name) == len && memcmp(row->name, name, len) == 0;
}

static int find_row(const struct flag_row *rows, size_t n_rows, uint64_t allowed, bool letter,
                    const char *name, size_t len, size_t *out, struct error *err)
{
    char got[32];
    for (size_t i = 0; i < n_rows; i++) {
        if ((allowed & UINT64_C(1) << i) && row_is(&rows[i], letter, name, len)) {
            *out = i;
            return 0;
        }
    }
    if (len >= sizeof got)
        len = sizeof got - 1;
    memcpy(got, name, len);
    got[len] = '\0';
    return unknown(rows, n_rows, allowed, got, err);
}

/* ---- values */

static int check_value(const struct flag_row *row, const char *value, struct error *err)
{
    int64_t n;
    switch (row->kind) {
    case FLAG_IS_SWITCH:
    case FLAG_IS_TEXT:
    case FLAG_IS_TEXTS:
        return 0;
    case FLAG_IS_NUMBER:
        return str_to_i64(value, &n)
                   ? 0
                   : error_set(err, ERR_SYNTAX, "--%s: got \"%s\", need a whole number", row->name,
                               value);
    case FLAG_IS_TIME:
        return args_time(value, &n)
                   ? 0
                   : error_set(err, ERR_SYNTAX,
                               "--%s: got \"%s\", need a time such as 500ms, 30s or 5m", row->name,
                               value);
    }
    UNREACHABLE("every kind is above");
}

/* Takes in the flag at argv[i]; returns how many words it was, or -1. */
static int take_flag(struct args *a, size_t n_rows, uint64_t allowed, int left, char **word,
                     struct error *err)
{
    bool letter = word[0][1] != '-';
    const char *name = word[0] + (letter ? 1 : 2);
    size_t len = letter ? 1 : strcspn(name, "=");
    size_t row = 0;
    if (find_row(a->rows, n_rows, allowed, letter, name, len, &row, err) != 0)
        return -1;
    const struct flag_row *r = &a->rows[row];
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    if (letter && name[1] != '\0')
        value = name + 1; /* -n20 */
    int words = 1;
    if (r->kind == FLAG_IS_SWITCH) {
        if (value != NULL)
            return error_set(err, ERR_SYNTAX, "--%s: takes no value", r->name);
        value = "true";
    } else if (value == NULL) {
        if (left < 2)
            return error_set(err, ERR_SYNTAX, "--%s: need a value: --%s %s", r->name, r->name,
                             r->operand);
        value = word[1];
        words = 2;
    }
    if (check_value(r, value, err) != 0)
        return -1;
    if (r->kind == FLAG_IS_TEXTS && a->texts_n == ARGS_NAMES_MAX)
        return error_set(err, ERR_LIMIT, "--%s: got more than %d", r->name, ARGS_NAMES_MAX);
    if (r->kind == FLAG_IS_TEXTS)
        a->texts[a->texts_n++] = (struct args_repeated){row, value};
    a->values[row] = value;
    return words;
}

/* A lone "-" and negative numbers are names. */
static bool is_flag(const char *word)
{
    return word[0] == '-' && word[1] != '\0' && !(word[1] >= '0' && word[1] <= '9');
}

/* ---- before the noun */

static bool takes_next(const struct flag_row *rows, size_t n_rows, const char *word)
{
    bool letter = word[1] != '-';
    const char *name = word + (letter ? 1 : 2);
    if (strchr(name, '=') != NULL || (letter && name[1] != '\0'))
        return false; /* it has its value */
    for (size_t i = 0; i < n_rows; i++)
        if (row_is(&rows[i], letter, name, strlen(name)))
            return rows[i].kind != FLAG_IS_SWITCH;
    return !letter; /* a node's own, as --data */
}

void args_put_words_first(const struct flag_row *rows, size_t n_rows, int argc, char **argv)
{
    int flags = 0, words = 1;
    while (flags < argc && argv[flags][0] == '-' && argv[flags][1] != '\0')
        flags += takes_next(rows, n_rows, argv[flags]) ? 2 : 1;
    if (flags == 0 || flags >= argc)
        return;
    if (flags + 1 < argc && argv[flags + 1][0] != '-')
        words = 2;
    char **typed = mem_dup(argv, (size_t)flags * sizeof *argv);
    memmove(argv, argv + flags, (size_t)words * sizeof *argv);
    memcpy(argv + words, typed, (size_t)flags * sizeof *argv);
    mem_free(typed);
}

int args_parse(const struct flag_row *rows, size_t n_rows, uint64_t allowed, int argc, char **argv,
               struct args *out, struct error *err)
{
    ASSERT(n_rows <= ARGS_FLAGS_MAX);
    struct args a = {.rows = rows};
    bool flags_may_come = true;
    for (int i = 0; i < argc;) {
        if (flags_may_come && str_eq(argv[i], "--")) {
            flags_may_come = false;
            i++;
        } else if (flags_may_come && is_flag(argv[i])) {
            int words = take_flag(&a, n_rows, allowed, argc - i, argv + i, err);
            if (words < 0)
                return -1;
            i += words;
        } else if (a.n < ARGS_NAMES_MAX) {
            a.names[a.n++] = argv[i++];
        } else {
            return error_set(err, ERR_LIMIT, "got more than %d names", ARGS_NAMES_MAX);
        }
    }
    *out = a;
    return 0;
}

/* ---- asking */

bool args_given(const struct args *a, size_t row)
{
    return a->values[row] != NULL;
}

const char *args_text(const struct args *a, size_t row)
{
    return args_given(a, row) ? a->values[row] : a->rows[row].value;
}

int64_t args_number(const struct args *a, size_t row)
{
    const char *text = args_text(a, row);
    int64_t n = 0;
    bool fine = text != NULL &&
                (a->rows[row].kind == FLAG_IS_TIME ? args_time(text, &n) : str_to_i64(text, &n));
    return fine ? n : 0;
}

const char *args_next(const struct args *a, size_t row, size_t *at)
{
    while (*at < a->texts_n) {
        const struct args_repeated *t = &a->texts[(*at)++];
        if (t->row == row)
            return t->value;
    }
    return NULL;
}

bool args_on(const struct args *a, size_t row)
{
    return args_given(a, row);
}
