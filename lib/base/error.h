/* lib/base/error.h - the one error type.
 *
 * A function that can fail returns 0 or -1 (or NULL) with `err` filled; on failure its outputs
 * are untouched and nothing is half done. The text is one sentence for the person who sent the
 * input: `field: got X, need Y`. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, HTTP status, exit status */
#define ERROR_CODES(X)                                                          \
    X(ERR_SYNTAX, 400, 2)  /* not even well-formed */                           \
    X(ERR_INVALID, 422, 3) /* well-formed but wrong; names the field */         \
    X(ERR_NOT_FOUND, 404, 4)                                                    \
    X(ERR_CONFLICT, 409, 5)    /* a version, lock or epoch is stale */          \
    X(ERR_LIMIT, 413, 6)       /* over one of the named limits */               \
    X(ERR_UNAVAILABLE, 503, 7) /* no leader or quorum; certainly not applied */ \
    X(ERR_CANCELED, 503, 8)    /* its owner stopped it */                       \
    X(ERR_IO, 500, 9)                                                           \
    X(ERR_CORRUPT, 500, 10)   /* we cannot have written this */                 \
    X(ERR_UNCERTAIN, 504, 11) /* may or may not have happened */                \
    X(ERR_DENIED, 401, 12)    /* who asks has not shown that he may */

enum error_code {
    ERR_NONE = 0,
#define X(name, http, exit) name,
    ERROR_CODES(X)
#undef X
};

struct error {
    enum error_code code;
    char text[256]; /* one sentence, no newline */
};

/* Both return -1, so that `return error_set(...)` ends a function. Text that does not fit is
 * clipped with an ellipsis, at a character's border. */
int error_set(struct error *e, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int error_wrap(struct error *e, const char *fmt, ...) /* "prefix: text" */
    __attribute__((format(printf, 2, 3)));

const char *error_name(enum error_code code); /* "ERR_INVALID" */
int error_http_status(enum error_code code);  /* 422; 200 for ERR_NONE */
int error_exit_status(enum error_code code);  /* 3; 0 for ERR_NONE */

#define MUST_CHECK __attribute__((warn_unused_result))
