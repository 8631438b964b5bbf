/* lib/base/mem.h - memory that is there or the process stops.
 *
 * Running out is not handled, it is restarted from: every size a stranger picks is checked
 * against a named limit (base/limits.h) before it gets here. */
#pragma once

#include <stddef.h>

void *mem_alloc(size_t size); /* not zeroed */
void *mem_zalloc(size_t size);
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *s); /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);
void *mem_dup(const void *p, size_t size);
void mem_free(void *p); /* accepts NULL */

#define NEW(type) ((type *)mem_zalloc(sizeof(type)))
