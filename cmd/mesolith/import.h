/* cmd/mesolith/import.h - jobs of a file in another program's words: what is made of them.
 *
 * A reader of the file fills in jobs and problems; import_run() asks the cluster about each job,
 * makes those that can be made, and says of all others where they stand and why. Many jobs are
 * asked about, and made, in one request; whoever ends it in between runs it again, and what is
 * there then is not made twice. */
#pragma once

#include "base/arena.h"
#include "cli_noun.h"

struct import_job {
    const char *name;
    size_t line, column;
    bool face_2;       /* it is to be read as Chronos 2 did */
    struct json *body; /* owned */
    const char *when;  /* in words */
    bool wrong;        /* a problem says why */
    bool there;        /* and yet it is there, as another one */
    bool made;
    const char *change; /* as the cluster has it: "new", "none", "replace" */
    const char *fields; /* in which it is another one */
    const char *warning;
    bool at_once;               /* a run is due as soon as it is there */
    const char *failure, *cure; /* NULL: none */
    bool again;                 /* asked for alone: something came between */
};

struct import_problem {
    size_t line, column;
    const char *text, *cure;
};

struct import {
    struct cli *c;
    const char *file;        /* for people */
    struct import_job *jobs; /* in the order in which they are made: parents first */
    size_t n;
    struct import_problem *problems; /* import_problem() */
    size_t problems_n;
    struct json *with; /* members for each job, or NULL */
    struct arena arena;
    /* private */
    struct map *by_name, *others; /* of the file's jobs; whether the cluster has another one */
};

/* Reads --with. The jobs are the caller's to fill in, `room` at most. */
int import_begin(struct import *i, struct cli *c, struct error *err) MUST_CHECK;
void import_room(struct import *i, size_t room);
void import_problem(struct import *i, size_t line, size_t column, const char *cure, const char *fmt,
                    ...) __attribute__((format(printf, 5, 6)));
/* An object of the members that `put` writes; the caller frees. */
struct json *import_object(void (*put)(const void *from, struct json_writer *w), const void *from);
/* The body of a job: `job`'s members but for those that --with says, or that it has not. */
struct json *import_body(const struct import *i, const struct json *job);
/* In words, as "every day at 02:30 Europe/Berlin"; lives in the import's arena. */
const char *import_when(struct import *i, const struct json *job);
/* Makes them, or says what it would make. */
int import_run(struct import *i, struct error *err) MUST_CHECK;
void import_end(struct import *i);

int import_crontab(struct cli *c, struct error *err);
int import_chronos(struct cli *c, struct error *err);
/* Of a crontab: what is said by --zone, --user and --system, or by the machine. Its texts live in
 * `arena`. */
struct crontab_rules;
int import_rules(struct cli *c, const char *file, struct arena *arena, struct crontab_rules *out,
                 struct error *err) MUST_CHECK;
