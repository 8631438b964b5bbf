/* lib/model/sentry.h - what owners of jobs are told, as events for Sentry: by the store API, which
 * its servers have had since Raven (spec/chronos.md 5.7). Pure. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/time.h"
#include "model/notice.h"

/* Of "https://KEY@host/PROJECT", or KEY:SECRET, and a path before PROJECT: where events go. */
struct sentry {
    char *url;    /* "https://host/api/PROJECT/store/" */
    char *header; /* a line: who may */
};

int sentry_parse(const char *dsn, struct sentry *out, struct error *err) MUST_CHECK;
void sentry_close(struct sentry *s); /* accepts a zeroed struct */

struct sentry_event {
    const char *id; /* any text: what is sent again with it is one event */
    enum notice event;
    struct wall at;
    const char *subject, *message; /* "": none */
    const char *server;            /* who says so */
    struct slice owner;            /* empty: none */
    const struct json *facts;      /* of the job */
};

/* The members. */
void sentry_write(const struct sentry_event *e, struct json_writer *w);
