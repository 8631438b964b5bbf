/* lib/host/callbacks.h - events posted to the URLs that people named (spec/marathon.md 12.6).
 *
 * Each URL has a queue of its own, and one call at a time, in the order of the events. Any answer
 * below 500 will do; of https:// no certificate is looked at. After a call that got none the event
 * stays, and its URL is left alone for a pause that doubles until one succeeds. What waits is
 * bounded: beyond it the oldest are dropped. On the loop's thread. */
#pragma once

#include "http/blob.h"
#include "http/counts.h"
#include "net/loop.h"

struct callbacks;

/* `pause_ms`: the first one. */
struct callbacks *callbacks_new(struct loop *loop, int64_t pause_ms);
/* One URL a line, "" is none. Of those that stay nothing is lost; the others are left at once. */
void callbacks_set(struct callbacks *c, const char *urls);
/* To all of them: one event as JSON. Takes a reference. */
void callbacks_post(struct callbacks *c, struct blob *event);
const struct callback_counts *callbacks_counts(const struct callbacks *c);
/* Leaves all; `stopped` fires once nothing of it is on the loop any more, maybe at once. */
void callbacks_stop(struct callbacks *c, void (*stopped)(void *data), void *data);
void callbacks_free(struct callbacks *c); /* after `stopped`, or never set; accepts NULL */
