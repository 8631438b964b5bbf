/* lib/model/job_selector.h - which jobs are meant: "name=backup-*,owner=ops@example.org".
 *
 * Terms with commas between, all of which must hold: `name`, `owner` (one of the addresses is
 * enough), `ownerName`, `description`, `env.NAME` (a variable of the job's own), each with a
 * pattern in which * stands for any text and ? for one sign. Pure. */
#pragma once

#include "model/job.h"

#define JOB_SELECTOR_TERMS_MAX 16

struct job_selector {
    struct pairs terms;
    struct arena arena;
};

/* ERR_INVALID naming the term. */
int job_selector_parse(const char *text, struct job_selector *out, struct error *err) MUST_CHECK;
bool job_selector_matches(const struct job_selector *s, const struct job *j);
void job_selector_close(struct job_selector *s); /* accepts a zeroed struct */
