/* cmd/mesolith/cli_find.h - what a typed name means: an app, a job, a node, a task or a deployment,
 * by its name or by a part of its id that only one has. */
#pragma once

#include "cli_noun.h"

struct found {
    enum name_kind kind;
    char *name;        /* owned: the whole id */
    struct json *item; /* owned: its item in the API's list */
};

/* Looks at the kinds that `kinds` stands for, in that order. ERR_NOT_FOUND; ERR_INVALID when
 * several are meant, naming some. */
int find_name(struct cli *c, enum name_kind kinds, const char *typed, struct found *out,
              struct error *err) MUST_CHECK;
void found_close(struct found *f); /* accepts a zeroed struct */

const char *name_kind_word(enum name_kind kind); /* "app": as in the API */
/* Every name of the kind, one a line; what cannot be asked is left out. */
void find_all(struct cli *c, enum name_kind kinds, struct buf *out);
/* Nothing has that name: the likely one becomes the cure, or to list those that there are. */
void find_likely(struct cli *c, enum name_kind kinds, const char *typed);
