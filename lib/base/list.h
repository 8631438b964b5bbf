/* lib/base/list.h - an intrusive, doubly linked ring. A head and its members are all
 * `struct list`; a member is in one list at a time. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_before(struct list *at, struct list *item)
{
    item->prev = at->prev;
    item->next = at;
    at->prev->next = item;
    at->prev = item;
}

static inline void list_push(struct list *head, struct list *item)
{
    list_insert_before(head, item);
}

static inline void list_remove(struct list *item) /* safe to call twice */
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

static inline struct list *list_pop(struct list *head) /* the first, or NULL */
{
    if (list_empty(head))
        return NULL;
    struct list *item = head->next;
    list_remove(item);
    return item;
}

#define LIST_ENTRY(item, type, member) ((type *)(void *)((char *)(item)-offsetof(type, member)))
/* The current item may be removed inside the loop. */
#define LIST_EACH(it, head)                                                   \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
         it = it##_next, it##_next = it->next)
