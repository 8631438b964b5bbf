/* lib/http/counts.h - what an HTTP server has counted since it began, for whoever shows it. Written
 * by the server's loop alone, read by any thread; numbers that belong together may be a moment
 * apart. Pure: the time comes in. */
#pragma once

#include <stdint.h>

#define COUNT_RATES 3  /* of the last minute, five and fifteen */
#define COUNT_STEPS 48 /* of durations: each ends 1.35 times as far as the one before */

struct meter { /* how often a second, the more so the less long ago */
    _Atomic uint64_t count;
    _Atomic double rates[COUNT_RATES]; /* as of the last one */
    _Atomic int64_t last_ms;
};

struct http_counts {
    _Atomic uint64_t requests;
    _Atomic uint64_t refused;             /* connections beyond the limit */
    _Atomic uint64_t subscribers_dropped; /* too slow, or beyond the limit */
    _Atomic uint64_t answers_dropped;     /* not read while others waited for the memory */
    _Atomic uint64_t connections;         /* now */
    _Atomic uint64_t subscribers;         /* now */
    _Atomic uint64_t active;              /* requests that are not answered to their end, now */
    struct meter answers[5];              /* by the hundreds of their status: 1xx first */
    struct meter all;                     /* answers */
    _Atomic uint64_t took[COUNT_STEPS];   /* answers, by the time to their first byte */
    _Atomic double took_s, took_s2;       /* the sum of these times and of their squares */
    _Atomic double least_s, most_s;
};

struct callback_counts {                      /* of events posted to URLs */
    _Atomic uint64_t posted, failed, dropped; /* calls, calls, events */
};

/* One answer. `now_ms` never goes back. */
void counts_answer(struct http_counts *c, int status, double took_s, int64_t now_ms);
/* A second, in the mean of the last 1, 5 or 15 minutes (i: 0, 1, 2). */
double meter_rate(const struct meter *m, int i, int64_t now_ms);
/* So many seconds or less took that share of all (0 to 1); 0 when there are none. */
double counts_quantile(const struct http_counts *c, double share);
