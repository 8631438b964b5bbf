/* lib/model/notice.h - what people are told of jobs, and by what (spec/chronos.md 5.7).
 *
 * Chronos told owners that a job failed, was disabled or deleted; a job may ask for others, and
 * for none. Pure. */
#pragma once

#include "base/buf.h"

/* name, its word, what it says of the job between "job 'NAME' " and a mark */
#define NOTICES(X)                                          \
    X(NOTICE_FAILED, "failed", "failed!")                   \
    X(NOTICE_DISABLED, "disabled", "disabled")              \
    X(NOTICE_DELETED, "deleted", "was deleted!")            \
    X(NOTICE_RECOVERED, "recovered", "works again")         \
    X(NOTICE_MISSED, "missed", "missed a run")              \
    X(NOTICE_LATE, "late", "started late")                  \
    X(NOTICE_UNPLACED, "unplaced", "finds no place to run") \
    X(NOTICE_TEST, "test", "is not meant: this is a test") /* what a person asks for */

enum notice {
#define X(name, word, says) name,
    NOTICES(X)
#undef X
        NOTICE_KINDS
};
#define NOTICES_OF_JOBS NOTICE_TEST /* so many, from the first on, a job may ask for */

/* A set of them is a bit each. */
#define NOTICES_DEFAULT (1 << NOTICE_FAILED | 1 << NOTICE_DISABLED | 1 << NOTICE_DELETED)

const char *notice_word(enum notice n);
bool notice_parse(const char *word, enum notice *out);
/* " [Chronos] job 'x' failed!", with "[cluster]" in front if it has a name. */
void notice_subject(enum notice n, const char *cluster, const char *job, struct buf *out);

/* ---- channels */
#define NOTICE_CHANNELS(X)    \
    X(CHANNEL_MAIL, "mail")   \
    X(CHANNEL_SLACK, "slack") \
    X(CHANNEL_MATTERMOST, "mattermost") X(CHANNEL_HTTP, "http") X(CHANNEL_SENTRY, "sentry")

enum notice_channel {
#define X(name, word) name,
    NOTICE_CHANNELS(X)
#undef X
        NOTICE_CHANNELS_N
};
const char *notice_channel_word(enum notice_channel c);
bool notice_channel_parse(const char *word, enum notice_channel *out);
/* Is the word among those of "mail,slack"? */
bool notice_channels_have(const char *channels, const char *word);

/* Owners are told one by one: from "a@x, b@x" the next one, without blanks; *rest begins as the
 * whole, and is NULL after the last. Of no owners the only one is "". */
struct slice notice_owner_next(const char **rest);
#define NOTICE_DOUBT_SIZE 256
/* The first owner whom no mail can reach; false: there is none. */
bool notice_owner_doubt(const char *owners, char doubt[NOTICE_DOUBT_SIZE]);
/* Who has no owner gets no mail; the others have one message anyway (spec/chronos.md 5.7). */
bool notice_is_for_nobody(const char *channel, const char *owners);
#define NOTICE_FOR_NOBODY "no owner, so nobody to mail" /* what then stands as its error */
