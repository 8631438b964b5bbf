/* lib/executor/fields.h - a few `key=value` lines: what a task's folder keeps on disk (`task`,
 * `record`, `exit`) and what its supervisor says on its socket, in one form.
 *
 * Readers skip keys they do not know, so supervisors and agents of different releases understand
 * each other. Newlines and backslashes in values are escaped. What does not fit is left out. */
#pragma once

#include "base/error.h"

#define FIELDS_SIZE 4096

struct fields { /* a zeroed struct has no fields */
    size_t len;
    char text[FIELDS_SIZE]; /* always NUL-terminated */
};

void fields_put(struct fields *f, const char *key, const char *value); /* NULL: left out */
void fields_put_int(struct fields *f, const char *key, int64_t value);

/* The value of the first line with that key, cut to `size`; "" when there is none. Returns dst. */
const char *fields_get(const struct fields *f, const char *key, char *dst, size_t size);
bool fields_has(const struct fields *f, const char *key);
int64_t fields_int(const struct fields *f, const char *key, int64_t otherwise);

/* From bytes of a packet or file; what is over FIELDS_SIZE is dropped. */
void fields_take(struct fields *f, const void *bytes, size_t n);

/* Writes a new file and renames it, so a reader finds all of it or nothing; `durable` says that it
 * must outlive a power cut too. ERR_IO. */
int fields_save(const struct fields *f, int folder_fd, const char *name, bool durable,
                struct error *err) MUST_CHECK;
/* Takes the room that one fields_save() under that name needs: it works on a full disk, too.
 * ERR_IO. */
int fields_reserve(int folder_fd, const char *name, struct error *err) MUST_CHECK;
/* Under its name at once: a reader may find it empty meanwhile, which is as good as not there. */
int fields_write_in_place(const struct fields *f, int folder_fd, const char *name,
                          struct error *err) MUST_CHECK;
/* ERR_NOT_FOUND when there is no such file or nothing in it, ERR_IO. */
int fields_load(struct fields *f, int folder_fd, const char *name, struct error *err) MUST_CHECK;
