#include "host/mailbox.h"

#include <string.h>

#include "base/mem.h"

#define CAP_MIN 4 /* items: mostly few come at once, and a large block is dear */

void mailbox_init(struct mailbox *m, size_t item_size, size_t limit)
{
    *m = (struct mailbox){.item_size = item_size, .limit = limit};
    uv_mutex_init(&m->lock);
    uv_cond_init(&m->filled);
}

void mailbox_close(struct mailbox *m)
{
    mem_free(m->items);
    uv_cond_destroy(&m->filled);
    uv_mutex_destroy(&m->lock);
}

bool mailbox_put(struct mailbox *m, const void *item, enum lane lane)
{
    uv_mutex_lock(&m->lock);
    bool room = !m->closed && (lane == LANE_FREE || m->bounded < m->limit);
    if (room) {
        if (m->n == m->cap) {
            m->cap = m->cap > 0 ? m->cap * 2 : m->taken > CAP_MIN ? m->taken : CAP_MIN;
            m->items = mem_realloc(m->items, m->cap * m->item_size);
        }
        memcpy(m->items + m->n++ * m->item_size, item, m->item_size);
        m->bounded += lane == LANE_BOUNDED;
    }
    bool first = room && m->n == 1;
    uv_mutex_unlock(&m->lock);
    if (first)
        uv_cond_signal(&m->filled); /* who wakes up finds the lock free */
    return room;
}

void mailbox_shut(struct mailbox *m)
{
    uv_mutex_lock(&m->lock);
    m->closed = true;
    uv_cond_broadcast(&m->filled);
    uv_mutex_unlock(&m->lock);
}

size_t mailbox_take(struct mailbox *m, int64_t wait_ms, void **items_out)
{
    uv_mutex_lock(&m->lock);
    if (wait_ms < 0) {
        while (m->n == 0 && !m->closed)
            uv_cond_wait(&m->filled, &m->lock);
    } else if (wait_ms > 0 && m->n == 0 && !m->closed) {
        uv_cond_timedwait(&m->filled, &m->lock, (uint64_t)wait_ms * 1000000);
    }
    size_t n = m->n;
    *items_out = m->items;
    m->taken = n;
    m->items = NULL;
    m->n = m->cap = m->bounded = 0;
    uv_mutex_unlock(&m->lock);
    return n;
}
