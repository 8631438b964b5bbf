/* People who change apps and jobs over the old APIs, and remember what they were told. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "sim/world.h"

#define APPS 6
#define JOBS 4
#define ANSWER_MS 5000 /* then the answer is given up: it may or may not have happened */

struct wish {
    uint64_t exchange; /* 0: none under way */
    int64_t until;
    size_t write; /* which of w->writes */
    int64_t instances;
};

struct client {
    struct wish wish;
    int64_t due;
};

static struct client *client(struct world *w)
{
    if (w->client == NULL) {
        w->client = NEW(struct client);
        w->writes = mem_zalloc((APPS + JOBS) * sizeof w->writes[0]);
        w->writes_n = APPS + JOBS;
        for (size_t i = 0; i < w->writes_n; i++) {
            bool job = i >= APPS;
            w->writes[i] = (struct write){.instances = -1, .job = job};
            snprintf(w->writes[i].name, sizeof w->writes[i].name, job ? "j%zu" : "/a%zu",
                     job ? i - APPS : i);
        }
        w->client->due = 300;
    }
    return w->client;
}

static int any_up(struct world *w)
{
    int start = (int)rng_below(&w->rng, (uint64_t)w->options.nodes);
    for (int i = 0; i < w->options.nodes; i++) { /* rather one that leads */
        struct sim_node *n = &w->nodes[(start + i) % w->options.nodes];
        if (n->node != NULL && node_leading(n->node))
            return n->position;
    }
    return w->nodes[start].node != NULL ? start : -1;
}

static void send(struct world *w, int to, const char *listener, enum method method,
                 const char *target, const char *body)
{
    struct client *c = client(w);
    struct request r = request_of(method, target);
    r.listener = listener;
    r.headers = SLICE("Content-Type: application/json\r\n");
    r.body = slice_of(body);
    r.remote = "10.0.0.9";
    struct event e = {
        .kind = EVENT_REQUEST, .exchange = {++w->next_exchange}, .request = request_dup(&r)};
    c->wish.exchange = w->next_exchange;
    c->wish.until = w->mono + ANSWER_MS;
    trace(w, "ask %s %s %s", method_text(method), target, body);
    deliver(w, to, 1 + (int64_t)rng_below(&w->rng, 5), &e);
}

static void wish_for_app(struct world *w, int to, size_t which)
{
    struct write *a = &w->writes[which];
    char target[96], body[256];
    struct client *c = client(w);
    snprintf(target, sizeof target, "/v2/apps%s?force=true", a->name);
    c->wish.write = which;
    if (a->instances > 0 && chance(w, 150)) {
        c->wish.instances = -1;
        send(w, to, "marathon", METHOD_DELETE, target, "");
        return;
    }
    c->wish.instances = 1 + (int64_t)rng_below(&w->rng, 4);
    snprintf(body, sizeof body,
             "{\"cmd\":\"run %d\",\"instances\":%d,\"cpus\":0.1,\"mem\":16,\"disk\":0,"
             "\"upgradeStrategy\":{\"minimumHealthCapacity\":0.5,\"maximumOverCapacity\":0.5}}",
             (int)rng_below(&w->rng, 3), (int)c->wish.instances);
    send(w, to, "marathon", METHOD_PUT, target, body);
}

static const char *begin_of_job(struct world *w)
{
    if (w->options.plain)
        return "2036-01-01T00:00:00Z";
    return chance(w, 500) ? "2026-01-01T00:00:00Z" : "";
}

static void wish_for_job(struct world *w, int to, size_t which)
{
    char target[96], body[256];
    struct client *c = client(w);
    struct write *j = &w->writes[which];
    c->wish.write = which;
    if (j->instances > 0 && chance(w, 150)) { /* made again, it has the same targets */
        c->wish.instances = -1;
        snprintf(target, sizeof target, "/scheduler/job/%s", j->name);
        send(w, to, "chronos", METHOD_DELETE, target, "");
        return;
    }
    c->wish.instances = 1;
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"command\":\"true\",\"schedule\":\"R/%s/PT%dS\","
             "\"epsilon\":\"PT30S\",\"cpus\":0.1,\"mem\":16,\"disk\":0,\"retries\":0}",
             j->name, begin_of_job(w), 1 + (int)rng_below(&w->rng, 5));
    send(w, to, "chronos", METHOD_POST, "/scheduler/iso8601", body);
}

void client_act(struct world *w)
{
    struct client *c = client(w);
    if (w->mono < c->due)
        return;
    c->due = w->mono + w->options.wish_ms / 2 +
             (int64_t)rng_below(&w->rng, (uint64_t)w->options.wish_ms);
    if (c->wish.exchange != 0) {
        if (w->mono >= c->wish.until)
            c->wish.exchange = 0; /* the write stays pending: either may be true */
        return;
    }
    int to = any_up(w);
    if (to < 0 || w->mono >= w->options.trouble_ms)
        return;
    size_t which = (size_t)rng_below(&w->rng, w->writes_n);
    if (w->options.plain)
        which = APPS + which % JOBS;
    if (w->writes[which].pending)
        return; /* nobody knows what it is: left alone */
    if (which < APPS)
        wish_for_app(w, to, which);
    else
        wish_for_job(w, to, which);
    w->writes[which].pending = true;
}

void client_answer(struct world *w, struct answer *a)
{
    struct client *c = client(w);
    if (a->id.v == c->wish.exchange && a->kind == ANSWER_WHOLE) {
        struct write *write = &w->writes[c->wish.write];
        trace(w, "answer %d for %s", a->status, write->name);
        c->wish.exchange = 0;
        if (a->status >= 200 && a->status < 300) {
            w->acked++;
            write->instances = c->wish.instances;
            write->pending = false;
        } else if (a->status == (write->job ? 400 : 404) && c->wish.instances == -1) {
            fail_world(w, "%s was acknowledged and is not there", write->name);
        } else if (a->status != 504) { /* certainly not applied */
            w->refused++;
            write->pending = false;
        }
    }
    answer_close(a);
}

int64_t client_due(const struct world *w)
{
    return w->client == NULL ? 300 : w->client->due;
}

void client_close(struct world *w)
{
    mem_free(w->client);
    mem_free(w->writes);
}
