#include "elsewhere.h"

/* ---------------- what others ask */

static void on_answer(void *data, struct answer *a)
{
    host_answer(((struct elsewhere *)data)->host, a);
}

static void on_sandbox(void *data, struct exchange_id id, struct sandbox_request *r)
{
    tasks_sandbox(((struct elsewhere *)data)->tasks, id, r);
}

static void on_request(void *data, struct exchange_id id, struct request *r)
{
    host_request(((struct elsewhere *)data)->host, id, r);
}

static void on_credit(void *data, struct exchange_id id, size_t bytes)
{
    host_credit(((struct elsewhere *)data)->host, id, bytes);
}

static void on_gone(void *data, struct exchange_id id)
{
    host_gone(((struct elsewhere *)data)->host, id);
}

static const struct exchanges_events events = {
    .answer = on_answer,
    .sandbox = on_sandbox,
    .request = on_request,
    .credit = on_credit,
    .gone = on_gone,
};

/* ---------------- deeds */

void elsewhere_sandbox(struct elsewhere *e, struct exchange_id id, struct sandbox_request *r)
{
    if (e->exchanges.events == NULL || r->node == e->self)
        tasks_sandbox(e->tasks, id, r);
    else
        exchanges_sandbox(&e->exchanges, id, r);
}

void elsewhere_request(struct elsewhere *e, struct exchange_id id, struct request *r)
{
    int64_t node = e->exchanges.events != NULL ? e->server(e->data) : 0;
    if (node != 0) {
        exchanges_request(&e->exchanges, id, node, r);
        return;
    }
    struct answer a = answer_busy(id, "this node has no state of its own, and knows no other that "
                                      "has: try again");
    request_free(r);
    host_answer(e->host, &a);
}

/* A file may be read for another node at a third one. */
void elsewhere_credit(struct elsewhere *e, struct exchange_id id, size_t bytes)
{
    if (!exchanges_credit(&e->exchanges, id, bytes))
        tasks_credit(e->tasks, id, bytes);
}

void elsewhere_gone(struct elsewhere *e, struct exchange_id id)
{
    if (!exchanges_gone(&e->exchanges, id))
        tasks_gone(e->tasks, id);
}

void elsewhere_answer(struct elsewhere *e, struct answer *a)
{
    exchanges_answer(&e->exchanges, a);
}

/* ---------------- life */

void elsewhere_init(struct elsewhere *e, struct host *host, struct tasks *tasks)
{
    *e = (struct elsewhere){.data = e->data, .host = host, .tasks = tasks};
}

void elsewhere_start(struct elsewhere *e, int64_t self, struct peers *peers, struct rng *rng,
                     int64_t (*server)(void *data))
{
    e->self = self;
    e->server = server;
    e->exchanges.data = e;
    exchanges_start(&e->exchanges, peers, rng, &events);
}

static void on_stopped(struct exchanges *x)
{
    struct elsewhere *e = x->data;
    e->stopped(e);
}

void elsewhere_stop(struct elsewhere *e, void (*stopped)(struct elsewhere *e))
{
    e->stopped = stopped;
    exchanges_stop(&e->exchanges, on_stopped);
}
