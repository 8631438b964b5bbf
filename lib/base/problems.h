/* lib/base/problems.h - what is wrong with one input, by path: validators collect all of it,
 * each door wraps it in its own error shape. Pure. */
#pragma once

#include "base/json.h"

/* schema: a member of the wrong type or out of a schema bound (spec/marathon.md 1.6, first 422);
 * rule: well-typed but wrong. */
enum problem_kind { PROBLEM_SCHEMA, PROBLEM_RULE };

struct problem {
    enum problem_kind kind;
    const char *code; /* "error.expected.jsnumber", which only Marathon's door shows; or NULL */
    char *path;       /* "/healthChecks(0)/path" (grammar: spec/marathon.md 1.6) */
    char *text;       /* "got 0, need at least 1" */
};

struct problems {
    struct problem *items; /* in the order they were found */
    size_t n;              /* never more than LIMIT_PROBLEMS; further ones are counted only */
    size_t left_out;
};

void problems_add(struct problems *p, enum problem_kind kind, const char *path, const char *fmt,
                  ...) __attribute__((format(printf, 4, 5)));
/* A schema's, with a static code or NULL. */
void problems_add_coded(struct problems *p, const char *code, const char *path, const char *fmt,
                        ...) __attribute__((format(printf, 4, 5)));
bool problems_has(const struct problems *p, enum problem_kind kind);
/* "id: got …, need … (and 2 more)" in `err` as ERR_INVALID; returns -1, or 0 if there are none. */
int problems_error(const struct problems *p, struct error *err);
/* [{"path":"/cpus","errors":["got 0, need …"]}]: one entry a path, in the order they were found.
 * NULL: none. Coded: as Play has it, "error.min: got 0, need …". */
void problems_write(const struct problems *p, struct json_writer *w);
void problems_write_coded(const struct problems *p, struct json_writer *w);
/* All of a part's, whose paths begin in the whole with `prefix`. Closes `part`. */
void problems_add_part(struct problems *p, const char *prefix, struct problems *part);
void problems_close(struct problems *p); /* accepts a zeroed struct */
