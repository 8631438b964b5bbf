/* lib/model/job_private.h - what the files of the job share. */
#pragma once

#include "model/field.h"
#include "model/job.h"

/* Members in the order in which they are printed, up to the schedule or the parents; after those
 * come the extensions. */
extern const struct field_table JOB_FIELDS;
extern const struct field_table JOB_EXTENSION_FIELDS;

/* Chronos's lenient parser (spec/chronos.md 2.3), for the `read` of rows. A reader that is not
 * lenient refuses what is of another type, unless it can only mean one thing: "5", 1 for true. */
field_read coerce_read_text, coerce_read_bool, coerce_read_int, coerce_read_number,
    coerce_read_texts;
field_read coerce_read_flag; /* forcePullImage alone: "true" in any case */
/* False, and a problem, when it is a list, say, and the reader is not lenient. */
bool coerce_expects_one(const struct reader *r, const struct path *at, const struct json *v);

/* An int64_t: a set of notices (model/notice.h), or NOT_GIVEN; in JSON a list of words. */
extern const struct field_type FIELD_NOTICES;

/* What our own API refuses beyond what Chronos does: a body whose only time is mistyped, parents
 * that are no names; then what has been read. */
void job_own_check_form(const struct json *body, struct problems *problems);
void job_own_check_members(const struct job *j, struct problems *problems);
void job_own_check_env(const struct job *j, struct problems *problems); /* each has both members */
/* Can a shell, or whoever starts the program, set a variable of that name? */
bool job_env_name_fits(const char *name);
#define JOB_ENV_NAME "one without blanks and =, which does not begin with a digit"

/* A value as text; never NULL. */
const char *coerce_text(const struct json *v, struct arena *arena);

/* The zone that is meant by a name: itself, or UTC when it is unknown and that is let pass. */
const char *job_meant_zone(const char *name, bool lenient);
bool job_same_period(const struct period *a, const struct period *b);
/* The job's schedule, from its cron expression if it has one, else from `text`. */
int job_parse_schedule(struct job *j, const char *text, const char *zone_name,
                       struct error *err) MUST_CHECK;
