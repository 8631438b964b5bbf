/* What people are told of jobs (spec/chronos.md 5.7): decided with the outcome itself, so that it
 * is neither lost nor told twice. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"
#include "model/job.h"
#include "state/private.h"

static const char *channels(struct state *s)
{
    return s->level < NOTICES_LEVEL ? "" : state_setting(s, SETTING_OF_CHANNELS, "");
}

/* ---- what is said */

static void put_message(struct apply *a, const struct job *j, const struct run_row *run,
                        const char *why, struct buf *out)
{
    char at[TIME_TEXT_SIZE];
    buf_printf(out, "Time: %s", wall_text(a->c->at, at));
    if (run != NULL) {
        buf_printf(out, "\nDue: %s", wall_text(run->due, at));
        buf_printf(out, "\nRetries: %lld of %lld", (long long)run->attempt,
                   (long long)(j->retries > 0 ? j->retries : 0));
        struct stmt *q = query_use(a->s, TASK_NAME);
        stmt_bind_i64(q, ":id", run->task);
        if (stmt_row(q)) {
            buf_printf(out, "\nTask id: %s", stmt_str(q, 0));
            stmt_end(q);
        }
    }
    if (why != NULL && *why != '\0')
        buf_printf(out, "\n\n%s", why);
}

/* Of a deleted job Chronos has no message. */
static void put_facts(struct apply *a, enum notice event, const struct job *j,
                      const struct run_row *run, const char *why, struct buf *out)
{
    struct json_writer w;
    struct buf message;
    buf_init(&message, LIMIT_NOTICE_TEXT_BYTES);
    json_begin(&w, out);
    json_object(&w);
    if (event != NOTICE_DELETED) {
        put_message(a, j, run, why, &message);
        json_member_str(&w, "message", buf_str(&message));
    }
    job_write_notice(j, &w);
    json_object_end(&w);
    buf_close(&message);
    ASSERT(!buf_full(out));
}

/* ---- rows */

static void count(struct apply *a, const char *channel, bool sent)
{
    if (a->s->level < TRIES_LEVEL)
        return;
    struct stmt *q = change_use(a->s, NOTICE_COUNTED);
    stmt_bind_text(q, ":channel", channel);
    stmt_bind_i64(q, ":sent", sent);
    stmt_bind_i64(q, ":given_up", !sent);
    stmt_run(q);
}

static void count_dropped(struct apply *a, int64_t notice)
{
    struct notice_way_row way;
    struct stmt *q = state_notice_ways(a->s, notice);
    while (state_notice_way_next(q, &way))
        if (way.over.ms == 0)
            count(a, way.channel, false);
}

/* Ids go up by one, so that there are too many is seen by this one's. */
static void trim(struct apply *a, int64_t id)
{
    struct notice_row oldest;
    if (state_notice_by_id(a->s, id - LIMIT_NOTICES, &oldest)) {
        event_put(a, NOUN_JOB, oldest.job, "notice",
                  "job %s: that it is %s was not told in time: %d newer notices wait", oldest.job,
                  oldest.event, LIMIT_NOTICES);
        count_dropped(a, oldest.id);
        struct stmt *q = change_use(a->s, NOTICES_DROP);
        stmt_bind_i64(q, ":id", id - LIMIT_NOTICES);
        stmt_run(q);
    }
    struct stmt *q = change_use(a->s, NOTICES_TRIM);
    stmt_bind_i64(q, ":id", id - LIMIT_NOTICES_OLD);
    stmt_run(q);
}

static int64_t add(struct apply *a, enum notice event, const char *job, int64_t run,
                   const char *owners, const char *facts)
{
    struct stmt *q = change_use(a->s, NOTICE_ADD);
    char cut[LIMIT_NOTICE_OWNERS_BYTES];
    str_copy(cut, sizeof cut, owners);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_text(q, ":event", notice_word(event));
    stmt_bind_text(q, ":job", job);
    stmt_bind_i64(q, ":run", run);
    stmt_bind_text(q, ":owners", cut);
    stmt_bind_text(q, ":facts", facts);
    stmt_run(q);
    return db_last_id(a->s->db);
}

static void put_way(struct apply *a, int64_t notice, const char *channel, const char *error,
                    bool over)
{
    struct stmt *q = change_use(a->s, NOTICE_WAY_TOLD);
    stmt_bind_i64(q, ":notice", notice);
    stmt_bind_text(q, ":channel", channel);
    stmt_bind_text(q, ":error", error);
    if (over)
        stmt_bind_i64(q, ":over", a->c->at.ms);
    else
        stmt_bind_null(q, ":over");
    stmt_run(q);
}

/* `only` "": by all that are configured. What is for nobody is over, and counts as nothing. */
static void add_ways(struct apply *a, int64_t notice, const char *owners, const char *only)
{
    const char *configured = channels(a->s);
    for (int i = 0; i < NOTICE_CHANNELS_N; i++) {
        const char *word = notice_channel_word((enum notice_channel)i);
        if (i == CHANNEL_SENTRY && a->s->level < SENTRY_LEVEL)
            continue;
        if (!notice_channels_have(configured, word) || (*only != '\0' && !str_eq(only, word)))
            continue;
        struct stmt *q = change_use(a->s, NOTICE_WAY_ADD);
        stmt_bind_i64(q, ":notice", notice);
        stmt_bind_text(q, ":channel", word);
        stmt_run(q);
        if (a->s->level >= NOBODY_LEVEL && notice_is_for_nobody(word, owners))
            put_way(a, notice, word, NOTICE_FOR_NOBODY, true);
    }
}

static int64_t put(struct apply *a, enum notice event, const struct job *j,
                   const struct run_row *run, const char *why, const char *only)
{
    struct buf facts;
    buf_init(&facts, LIMIT_ENTRY_BYTES); /* the job came in one */
    put_facts(a, event, j, run, why, &facts);
    int64_t id = add(a, event, j->name, run != NULL ? run->id : 0, j->owner, buf_str(&facts));
    buf_close(&facts);
    add_ways(a, id, j->owner, only);
    trim(a, id);
    changed(a, (struct change){.kind = CHANGE_NOTICE, .id = id, .name = j->name});
    return id;
}

/* After when it was to start, which is its target and the job's delay of it. */
static bool is_late(struct apply *a, const struct job *j, const struct run_row *run)
{
    bool spread = a->s->level >= TIMES_LEVEL && run->cause == CAUSE_SCHEDULE;
    int64_t start_ms = run->due.ms + (spread ? job_jitter_ms(j, run->due) : 0);
    return j->late_s != NOT_GIVEN && run->started.ms - start_ms > j->late_s * 1000;
}

static bool is_wanted(struct apply *a, enum notice event, const struct job *j,
                      const struct run_row *run)
{
    return (event != NOTICE_LATE || is_late(a, j, run)) && job_notifies(j, event);
}

void notice_put(struct apply *a, enum notice event, const struct job_row *job,
                const struct run_row *run, const char *why)
{
    struct job j;
    if (*channels(a->s) == '\0')
        return;
    job_load_any(job->definition, &j);
    j.name = job->name;
    j.success_count = job->successes;
    j.error_count = job->errors;
    j.errors_since_success = job->errors_since_success;
    j.last_success = job->last_success;
    j.last_error = job->last_error;
    if (is_wanted(a, event, &j, run))
        put(a, event, &j, run, why, "");
    job_close(&j);
}

/* ---- commands */

/* {"channel": "" or a word,"to"}: for somebody who wants to see whether he is told. */
int apply_notice_test(struct apply *a)
{
    const char *only = json_str(json_get(a->c->args, "channel"), "");
    const char *configured = channels(a->s);
    if (*configured == '\0')
        return refuse(
            a, ERR_CONFLICT,
            "no channel is configured on the node that leads: see mail-server, slack-url, "
            "mattermost-url, http-notification-url and sentry-dsn in `mesolith serve --help`");
    if (*only != '\0' && !notice_channels_have(configured, only))
        return refuse(a, ERR_CONFLICT, "channel: got %s, need one that is configured: %s", only,
                      configured);
    struct job j = {.name = "test",
                    .command = "",
                    .executor = "",
                    .executor_flags = "",
                    .owner = json_str(json_get(a->c->args, "to"), "")};
    struct json_writer w;
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    json_member_int(&w, "notice", put(a, NOTICE_TEST, &j, NULL, "Somebody asked for it.", only));
    json_object_end(&w);
    return 0;
}

/* What people see of it, who look at the job: nothing of the second try and later ones. */
static void tell_told(struct apply *a, const struct notice_row *n, const char *channel, bool over,
                      const char *error, bool first)
{
    struct job_row job;
    int64_t event = 0;
    bool kept = a->s->level >= TRIES_LEVEL;
    if (over && *error != '\0')
        event =
            event_put(a, NOUN_JOB, n->job, "notice", "job %s: that it is %s is not told by %s: %s",
                      n->job, n->event, channel, error);
    else if (kept && over)
        event = event_put(a, NOUN_JOB, n->job, "notice", "job %s: that it is %s is told by %s",
                          n->job, n->event, channel);
    else if (kept && first)
        event = event_put(a, NOUN_JOB, n->job, "notice",
                          "job %s: that it is %s is not told by %s yet: %s", n->job, n->event,
                          channel, error);
    if (event != 0)
        job_tell(a, state_job_by_name(a->s, n->job, &job) ? job.id : 0, n->job, event);
}

static void keep_try(struct apply *a, const struct notice_row *n, const char *channel, int64_t next)
{
    if (a->s->level < TRIES_LEVEL)
        return;
    struct stmt *q = change_use(a->s, NOTICE_TRIED);
    stmt_bind_i64(q, ":notice", n->id);
    stmt_bind_text(q, ":channel", channel);
    stmt_bind_i64(q, ":next", next);
    stmt_run(q);
}

static void told(struct apply *a, const struct notice_row *n, const char *channel,
                 const struct json *item)
{
    const char *error = json_str(json_get(item, "error"), "");
    bool over = json_bool(json_get(item, "over"), false);
    bool first = state_notice_tries(a->s, n->id, channel).failed == 0;
    put_way(a, n->id, channel, error, over);
    if (*error != '\0')
        keep_try(a, n, channel, over ? 0 : json_int(json_get(item, "next_ms"), 0));
    if (over)
        count(a, channel, *error == '\0');
    tell_told(a, n, channel, over, error, first);
}

/* {"set":[{"notice","channel","over","error","next_ms"}]}: sent, with no error; given up; or, not
 * over, it failed and is tried again then. */
int apply_notice_told(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "set")) {
        struct notice_row n;
        const char *channel = json_str(json_get(item, "channel"), "");
        if (!state_notice_by_id(a->s, json_int(json_get(item, "notice"), 0), &n))
            continue;
        struct stmt *q = change_use(a->s, NOTICE_WAY_WAITS);
        stmt_bind_i64(q, ":notice", n.id);
        stmt_bind_text(q, ":channel", channel);
        if (stmt_one_i64(q, 0) > 0)
            told(a, &n, channel, item);
    }
    return 0;
}
