/* Entries lie in an array in the order of insertion; an open-addressed index of their places finds
 * them. A removed entry leaves a hole until the index is next built. */
#include "base/map.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"

struct entry {
    uint64_t key; /* of a string: its hash */
    char *name;   /* NULL: the key is a number */
    void *value;  /* NULL: a hole */
};

struct map {
    struct entry *entries;
    uint32_t *index; /* place + 1 in entries, 0 = free; a power of two, at most half of it used */
    size_t used;     /* entries with the holes */
    size_t count;    /* entries without */
    size_t cap;      /* of entries; index has twice as many */
};

#define SMALLEST 8

struct map *map_new(void)
{
    return NEW(struct map);
}

void map_free(struct map *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->used; i++)
        mem_free(m->entries[i].name);
    mem_free(m->entries);
    mem_free(m->index);
    mem_free(m);
}

/* Strangers choose names. Where the program happens to lie in memory keeps them from choosing ones
 * that collide; nothing but speed can depend on it. */
static uint64_t key_of_name(const char *name)
{
    static const char here;
    return hash64(name, strlen(name), (uintptr_t)&here);
}

static size_t slot_of(const struct map *m, uint64_t key)
{
    uint64_t x = key * 0x9e3779b97f4a7c15; /* the golden ratio spreads running numbers */
    return (size_t)(x ^ x >> 32) & (2 * m->cap - 1);
}

static bool matches(const struct entry *e, uint64_t key, const char *name)
{
    if (e->value == NULL || e->key != key)
        return false;
    ASSERT((e->name == NULL) == (name == NULL)); /* a map has keys of one kind */
    return name == NULL || strcmp(e->name, name) == 0;
}

static struct entry *find(const struct map *m, uint64_t key, const char *name)
{
    if (m->count == 0)
        return NULL;
    for (size_t slot = slot_of(m, key);; slot = (slot + 1) & (2 * m->cap - 1)) {
        if (m->index[slot] == 0)
            return NULL;
        struct entry *e = &m->entries[m->index[slot] - 1];
        if (matches(e, key, name))
            return e;
    }
}

static void index_entry(struct map *m, size_t place)
{
    size_t slot = slot_of(m, m->entries[place].key);
    while (m->index[slot] != 0)
        slot = (slot + 1) & (2 * m->cap - 1);
    m->index[slot] = (uint32_t)place + 1;
}

/* Closes the holes up, and makes room for as many again as there are. */
static void rebuild(struct map *m)
{
    size_t cap = SMALLEST;
    while (cap < 2 * m->count)
        cap *= 2;
    ASSERT(cap <= UINT32_MAX / 2);

    struct entry *entries = mem_alloc(cap * sizeof(*entries));
    size_t n = 0;
    for (size_t i = 0; i < m->used; i++)
        if (m->entries[i].value != NULL)
            entries[n++] = m->entries[i];
    mem_free(m->entries);
    mem_free(m->index);
    m->entries = entries;
    m->index = mem_zalloc(2 * cap * sizeof(*m->index));
    m->cap = cap;
    m->used = n;
    for (size_t i = 0; i < n; i++)
        index_entry(m, i);
}

static void *put(struct map *m, uint64_t key, const char *name, void *value)
{
    ASSERT(value != NULL);
    struct entry *e = find(m, key, name);
    if (e != NULL) {
        void *before = e->value;
        e->value = value;
        return before;
    }
    if (m->used == m->cap)
        rebuild(m);
    m->entries[m->used] = (struct entry){key, mem_strdup(name), value};
    index_entry(m, m->used);
    m->used++;
    m->count++;
    return NULL;
}

static void *take(struct map *m, struct entry *e)
{
    if (e == NULL)
        return NULL;
    void *value = e->value;
    mem_free(e->name);
    e->name = NULL;
    e->value = NULL;
    m->count--;
    return value;
}

static void *value_of(const struct entry *e)
{
    return e == NULL ? NULL : e->value;
}

void *map_put(struct map *m, uint64_t key, void *value)
{
    return put(m, key, NULL, value);
}

void *map_get(const struct map *m, uint64_t key)
{
    return value_of(find(m, key, NULL));
}

void *map_remove(struct map *m, uint64_t key)
{
    return take(m, find(m, key, NULL));
}

void *map_put_str(struct map *m, const char *key, void *value)
{
    return put(m, key_of_name(key), key, value);
}

void *map_get_str(const struct map *m, const char *key)
{
    return value_of(find(m, key_of_name(key), key));
}

void *map_remove_str(struct map *m, const char *key)
{
    return take(m, find(m, key_of_name(key), key));
}

size_t map_count(const struct map *m)
{
    return m->count;
}

void *map_each(const struct map *m, size_t *cursor)
{
    while (*cursor < m->used) {
        void *value = m->entries[(*cursor)++].value;
        if (value != NULL)
            return value;
    }
    return NULL;
}
