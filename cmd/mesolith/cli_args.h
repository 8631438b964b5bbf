/* cmd/mesolith/cli_args.h - what was typed after a verb: names, and flags by a table of rows.
 *
 * "--tail 20", "--tail=20", "-f"; flags and names in any order; "--" ends the flags. Pure; all
 * texts are argv's or the table's. */
#pragma once

#include "base/error.h"

#define ARGS_NAMES_MAX 64
#define ARGS_FLAGS_MAX 64

/* TEXTS may be given more than once. */
enum flag_kind { FLAG_IS_SWITCH, FLAG_IS_TEXT, FLAG_IS_TEXTS, FLAG_IS_NUMBER, FLAG_IS_TIME };

struct flag_row {
    const char *name; /* "tail" */
    char letter;      /* 'f' for -f, 0: none */
    enum flag_kind kind;
    const char *operand; /* "LINES", for the help; NULL of a switch */
    const char *value;   /* the default; NULL: none */
    const char *what;    /* one line for the help */
};

struct args_repeated {
    size_t row;
    const char *value;
};

struct args {
    const char *names[ARGS_NAMES_MAX];
    size_t n;
    /* private */
    const struct flag_row *rows;
    const char *values[ARGS_FLAGS_MAX]; /* by row; NULL: not given */
    struct args_repeated texts[ARGS_NAMES_MAX];
    size_t texts_n;
};

/* Rows whose bit is not in `allowed` are not known here. ERR_SYNTAX naming the flag and the nearest
 * one, or what its value should have been. Keeps `rows` and `argv`. */
int args_parse(const struct flag_row *rows, size_t n_rows, uint64_t allowed, int argc, char **argv,
               struct args *out, struct error *err) MUST_CHECK;

/* Flags that were typed before the first word go behind it, and behind a second one: the noun, and
 * its verb or a name, come first. One that is in no row is taken to have a value. */
void args_put_words_first(const struct flag_row *rows, size_t n_rows, int argc, char **argv);

bool args_given(const struct args *a, size_t row);
const char *args_text(const struct args *a, size_t row); /* the default where not given */
int64_t args_number(const struct args *a, size_t row);   /* milliseconds of FLAG_IS_TIME */
/* One after the other of what such a flag was given; NULL: that was all. *at begins as 0. */
const char *args_next(const struct args *a, size_t row, size_t *at);
bool args_on(const struct args *a, size_t row); /* a switch */

/* "250ms", "5s", "2m", "1h": a time as flags have it, in milliseconds. */
bool args_time(const char *text, int64_t *ms_out);
