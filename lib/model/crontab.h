/* lib/model/crontab.h - crontabs read as jobs, and jobs written as a crontab.
 *
 * A line is read as Vixie's cron reads it: variables hold for the lines below them, an unescaped
 * "%" ends the command, and what is behind it is the command's input, "%" being the ends of its
 * lines. What cron does is said in the job's own words: its command begins in its user's home
 * ("cd || exit; …"), its input is a here-document, it is not tried again, its runs may overlap,
 * and a time that passed while nobody could start it is not made up for. Of the variables, SHELL,
 * MAILTO (the owner), CRON_TZ and RANDOM_DELAY are members of the job, all others are its
 * environment's.
 *
 * A job is called what the comment before its line says, "# job: NAME"; else its name is made of
 * its command, and four digits that the user and the whole command choose: the same file always
 * gives the same names. Pure. */
#pragma once

#include "model/value.h"

#define CRONTAB_BYTES_MAX (1 << 20)
#define CRONTAB_VARIABLES_MAX 256 /* beside those that are members of the job */

struct crontab_rules {
    bool system;      /* each line names its user behind the time, as in /etc/crontab */
    const char *user; /* whose crontab it is; not looked at with `system` */
    const char *zone; /* in which times are meant until CRON_TZ says otherwise */
};

struct crontab_entry {
    size_t line, column;
    const char *name;
    const char *when; /* a cron expression (base/cron.h), words divided by one blank */
    const char *zone, *user, *owner;
    const char *shell; /* NULL: /bin/sh */
    const char *command;
    int64_t jitter_s; /* 0: none */
    struct pairs env;
};

/* A line that is no job, or no variable. */
struct crontab_problem {
    size_t line, column; /* from 1; columns in bytes */
    const char *text;    /* what */
    const char *cure;    /* or "" */
};

struct crontab {
    struct crontab_entry *entries; /* in the order of their lines */
    size_t n;
    struct crontab_problem *problems; /* the same */
    size_t problems_n;
    /* private */
    size_t entries_room, problems_room;
    struct arena arena;
};

/* `rules` are borrowed until crontab_close. */
void crontab_read(struct slice text, const struct crontab_rules *rules, struct crontab *out);
void crontab_close(struct crontab *c); /* accepts a zeroed struct */

/* The job's members, into the open object. */
void crontab_write_job(const struct crontab_entry *e, struct json_writer *w);

/* ---- jobs as a crontab */

struct crontab_writer {
    /* private */
    const struct crontab_rules *rules;
    struct buf *out;
    const char *zone, *shell, *owner;
    int64_t jitter_s;
    struct env_builder env;
    struct map *names; /* how often each was chosen */
    struct arena arena;
};

/* Keeps `rules` and `out`. */
void crontab_begin(struct crontab_writer *w, const struct crontab_rules *rules, struct buf *out);
/* Appends the line of a job, given as the API shows it, with the variables before it that it needs.
 * ERR_INVALID saying why a crontab cannot say it; then nothing is appended. What a line cannot say
 * of a job beside that is seen by reading it back. */
int crontab_put(struct crontab_writer *w, const struct json *job, struct error *err) MUST_CHECK;
void crontab_end(struct crontab_writer *w);
