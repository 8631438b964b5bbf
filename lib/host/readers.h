/* lib/host/readers.h - threads that answer asks: pure functions of a snapshot and a request, each
 * on a connection of its own. An ask ends within LIMIT_READ_MS; its answer waits for the client
 * without the snapshot. */
#pragma once

#include "api/door.h"

struct readers;

/* Facts that several threads look at: counted, never changed. */
struct shared_facts;
struct shared_facts *shared_facts_of(const struct facts *f); /* copies; count 1 */
struct shared_facts *shared_facts_ref(struct shared_facts *f);
void shared_facts_unref(struct shared_facts *f); /* accepts NULL */
const struct facts *shared_facts_get(const struct shared_facts *f);

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
/* From now on views show these facts. Takes a reference of its own. Any thread. */
void readers_facts(struct readers *r, struct shared_facts *f);
/* Waits until no reader has the file open; they open it again after the next readers_facts(). */
void readers_pause(struct readers *r);
