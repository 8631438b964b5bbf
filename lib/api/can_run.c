#include "api/can_run.h"

#include "scheduler/jobs/jobs.h"

bool call_can_run(struct call *c, struct job *job, const struct job_row *old, bool keeps)
{
    struct error err;
    const char *member;
    if (state_level(c->view->state) < job_level(job, &member))
        call_fail(c, ERR_UNAVAILABLE, "%s: wait until each master runs this version", member);
    else if (jobs_check(c->view->state, job, old, keeps, c->view->now.wall, &err) != 0)
        call_error(c, &err);
    else
        return true;
    return false;
}
