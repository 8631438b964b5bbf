#include "host/busy.h"

#include "base/limits.h"
#include "base/mem.h"

#define SAY_MS 50 /* below an election timeout, several times */

struct busy {
    uv_timer_t timer;
    struct clock clock;
    busy_send *send;
    void *data;
    uv_mutex_t lock; /* of what follows */
    struct node_busy words;
    struct mono began; /* of the turn; 0: there is none */
};

static void on_closed(uv_handle_t *timer)
{
    struct busy *b = timer->data;
    uv_mutex_destroy(&b->lock);
    mem_free(b);
}

static bool takes_long(const struct busy *b)
{
    int64_t ms = b->clock.mono((struct clock *)&b->clock).ms - b->began.ms;
    return b->began.ms != 0 && ms >= SAY_MS && ms < LIMIT_TURN_MS;
}

static void on_due(uv_timer_t *timer)
{
    struct busy *b = timer->data;
    uv_mutex_lock(&b->lock);
    if (takes_long(b))
        for (size_t i = 0; i < b->words.n; i++)
            b->send(b->data, (int64_t)b->words.to[i],
                    (struct slice){b->words.frame, b->words.frame_len});
    uv_mutex_unlock(&b->lock);
}

struct busy *busy_start(struct loop *loop, busy_send *send, void *data)
{
    struct busy *b = NEW(struct busy);
    *b = (struct busy){.clock = clock_system(), .send = send, .data = data};
    uv_mutex_init(&b->lock);
    uv_timer_init(&loop->uv, &b->timer);
    b->timer.data = b;
    uv_timer_start(&b->timer, on_due, SAY_MS, SAY_MS);
    return b;
}

void busy_stop(struct busy *b)
{
    uv_close((uv_handle_t *)&b->timer, on_closed);
}

void busy_turn_begins(struct busy *b, const struct node_busy *words, struct mono now)
{
    uv_mutex_lock(&b->lock);
    b->words = *words;
    b->began = now;
    uv_mutex_unlock(&b->lock);
}

void busy_turn_ends(struct busy *b)
{
    uv_mutex_lock(&b->lock);
    b->began = (struct mono){0};
    uv_mutex_unlock(&b->lock);
}
