/* lib/http/sse.h - server-sent events as text. Pure. */
#pragma once

#include "base/buf.h"

#define SSE_CONTENT_TYPE "text/event-stream"
/* What Marathon sends when nothing happens (spec/marathon.md 12.1); browsers skip it as well. */
#define SSE_KEEP_ALIVE SLICE("\r\n")

/* Appends one event. `event` and `id` may be NULL; control characters in them become blanks. Each
 * line of `data` becomes a data line; empty data is one empty data line. */
void sse_event(struct buf *out, const char *event, const char *id, struct slice data);
