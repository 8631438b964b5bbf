/* lib/api/can_run.h - what each dialect's doors ask of a job before they put it. Pure. */
#pragma once

#include "api/door.h"
#include "model/job.h"

/* What this build can not do yet is refused, not half done; so is what contradicts itself, and what
 * would never run. `old` NULL: a new job; `keeps` as jobs_check() has it. False after having failed
 * the call. */
bool call_can_run(struct call *c, struct job *job, const struct job_row *old, bool keeps);
