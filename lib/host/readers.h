/* lib/host/readers.h - threads that answer asks: pure functions of a snapshot and a request, each
 * on a connection of its own. An ask ends within LIMIT_READ_MS; its answer waits for the client
 * without the snapshot. */
#pragma once

#include "api/door.h"

struct readers;

struct readers_options {
    const char *state_path;
    int threads;
    const struct api *api;
    /* Takes the answer; called on a reader's thread. */
    void (*answer)(void *data, struct answer *a);
    void *data;
};

struct readers *readers_start(const struct readers_options *options); /* strings are copied */
void readers_stop(struct readers *r); /* waits for them; what was not begun is answered by 503 */

/* Takes the request; false when too many wait already (it stays the caller's). Any thread. */
bool readers_ask(struct readers *r, struct exchange_id id, struct request *request);
/* From now on views show these facts, which are copied; asks at work keep theirs. Any thread. */
void readers_facts(struct readers *r, const struct facts *f);
/* Waits until no reader has the file open; they open it again after the next readers_facts(). */
void readers_pause(struct readers *r);
