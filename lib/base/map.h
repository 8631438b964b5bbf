/* lib/base/map.h - look-up tables from a 64-bit number or a string to a pointer. There is no
 * iteration but map_each, whose order is the order of insertion with removals closed up, so
 * nothing can depend on hash buckets. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map *m); /* not the values */
/* Returns the value that was there before, or NULL. Values may not be NULL. String keys are copied.
 */
void *map_put(struct map *m, uint64_t key, void *value);
void *map_get(const struct map *m, uint64_t key);
void *map_remove(struct map *m, uint64_t key);
void *map_put_str(struct map *m, const char *key, void *value);
void *map_get_str(const struct map *m, const char *key);
void *map_remove_str(struct map *m, const char *key);
size_t map_count(const struct map *m);
/* Starts at *cursor = 0; NULL at the end. The map may not change while it is walked. */
void *map_each(const struct map *m, size_t *cursor);
