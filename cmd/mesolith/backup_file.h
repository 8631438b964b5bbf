/* cmd/mesolith/backup_file.h - a backup is a SQLite file, and behind it a few lines of fixed length
 * that say whether it is whole. SQLite does not mind them. Pure. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/time.h"

#define BACKUP_TRAILER 192

struct backup_facts {
    uint64_t size; /* of the SQLite file */
    struct wall made;
    uint8_t hash[SHA256_SIZE];
};

void backup_trailer_write(const struct backup_facts *f, char out[BACKUP_TRAILER]);
/* ERR_CORRUPT: these are not the last bytes of a backup. */
int backup_trailer_read(const char trailer[BACKUP_TRAILER], struct backup_facts *out,
                        struct error *err) MUST_CHECK;
