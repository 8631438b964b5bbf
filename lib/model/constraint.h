/* lib/model/constraint.h - which machines will do: ["rack", "GROUP_BY", "3"] of apps
 * (spec/marathon.md 11.1, 11.2) and ["rack", "LIKE", "a.*"] of jobs (spec/chronos.md 6.5), and
 * numbers as attributes show them.
 *
 * Only the words and their rules; placement decides which machine fits. Pure. */
#pragma once

#include "base/problems.h"
#include "model/pattern.h"
#include "model/value.h"

enum constraint_op {
    OP_UNIQUE,
    OP_CLUSTER,
    OP_GROUP_BY,
    OP_MAX_PER,
    OP_LIKE,
    OP_UNLIKE,
    OP_IS,
    OP_EQUALS, /* of jobs only */
};

struct constraint {
    const char *field; /* "hostname", "@zone" or an attribute's name; as given */
    enum constraint_op op;
    const char *value; /* NULL: none; never "" for UNIQUE and CLUSTER */
    int64_t number;    /* of GROUP_BY and MAX_PER; 0 when GROUP_BY has none */
};

struct constraints {
    struct constraint *items;
    size_t n;
};

const char *constraint_op_word(enum constraint_op op); /* "GROUP_BY" */

enum constraint_dialect { CONSTRAINT_OF_APP, CONSTRAINT_OF_JOB };

/* Checks and takes in one ["field", "OPERATOR", "value"]; copies into the arena. Problems are
 * reported at `path`; returns false if there were any. */
bool constraint_read(const struct json *v, enum constraint_dialect dialect, const char *path,
                     struct arena *arena, struct constraint *out, struct problems *problems);
/* From what constraint_write wrote: nothing is checked again. */
void constraint_load(const struct json *v, struct arena *arena, struct constraint *out);
void constraint_write(const struct constraint *c, struct json_writer *w);

/* A number as attributes show it: at most 3 decimals, half to even, no trailing zeros ("1.5"). */
#define SCALAR_TEXT_SIZE 48
const char *scalar_text(double v, char dst[SCALAR_TEXT_SIZE]);
