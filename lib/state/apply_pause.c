/* Jobs that people keep from running, and let run again (spec/chronos.md 3.9). */
#include "base/str.h"
#include "state/private.h"

const char *by_whom(const struct apply *a)
{
    return a->c->by[0] != '\0' ? a->c->by : a->c->from;
}

static void put(struct apply *a, int64_t job, const char *reason)
{
    struct stmt *q = change_of_job(a, JOB_PAUSE_PUT, job);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_text(q, ":by", by_whom(a));
    stmt_bind_text(q, ":reason", reason);
    stmt_run(q);
}

static void drop(struct apply *a, int64_t job)
{
    struct stmt *q = change_of_job(a, JOB_PAUSE_DROP, job);
    stmt_run(q);
}

void pause_put(struct apply *a, int64_t job, bool disabled, const char *reason)
{
    if (a->s->level < LEVEL_PAUSES)
        return;
    if (disabled)
        put(a, job, reason);
    else
        drop(a, job);
}

static void begin_names(struct apply *a, struct json_writer *w)
{
    json_begin(w, &a->outcome->detail);
    json_object(w);
    json_key(w, "jobs");
    json_array(w);
}

static void end_names(struct json_writer *w)
{
    json_array_end(w);
    json_object_end(w);
}

static void tell(struct apply *a, const struct job_row *job, const char *kind, const char *what,
                 const char *reason)
{
    const char *by = by_whom(a);
    job_tell(a, job->id, job->name,
             event_put(a, NOUN_JOB, job->name, kind, "job %s was %s%s%s%s%s", job->name, what,
                       *by != '\0' ? " by " : "", by, *reason != '\0' ? ": " : "", reason));
}

/* {"jobs":[ids],"reason"}; detail: {"jobs":[names]}, those that were not disabled before. */
int apply_job_pause(struct apply *a)
{
    const char *reason = json_str(json_get(a->c->args, "reason"), "");
    struct json_writer w;
    begin_names(a, &w);
    JSON_EACH (item, json_get(a->c->args, "jobs")) {
        struct job_row job;
        int64_t id;
        if (!json_i64(item, &id) || !state_job_alone(a->s, id, &job) || job.disabled)
            continue;
        json_put_str(&w, job.name);
        put(a, id, reason);
        tell(a, &job, "paused", "paused", reason);
        job_disable(a, id);
    }
    end_names(&w);
    return 0;
}

/* {"set":[{"job","generation","at_k",…: as in job.tick}]}, of a job with parents the first three
 * alone; detail as above. An element whose job has moved on is left out. */
int apply_job_resume(struct apply *a)
{
    struct json_writer w;
    begin_names(a, &w);
    JSON_EACH (item, json_get(a->c->args, "set")) {
        struct job_row job;
        if (!state_job_alone(a->s, json_int(json_get(item, "job"), 0), &job) || !job.disabled ||
            job.gone || job.generation != json_int(json_get(item, "generation"), -1) ||
            job.k != json_int(json_get(item, "at_k"), -1) || !calendars_hold(a, item))
            continue;
        json_put_str(&w, job.name);
        struct stmt *q = change_use(a->s, JOB_ENABLE);
        stmt_bind_i64(q, ":id", job.id);
        stmt_run(q);
        drop(a, job.id);
        tell(a, &job, "resumed", "resumed", "");
        if (job.schedule != NULL)
            job_step(a, job.id, item);
    }
    end_names(&w);
    return 0;
}
