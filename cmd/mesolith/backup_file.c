#include "backup_file.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define FIRST "\nmesolith backup 1\n"
#define DIGITS 20

void backup_trailer_write(const struct backup_facts *f, char out[BACKUP_TRAILER])
{
    char text[BACKUP_TRAILER + 1], hash[2 * SHA256_SIZE + 1];
    hex_encode(hash, f->hash, SHA256_SIZE);
    int len = snprintf(text, sizeof text, FIRST "size %020llu\nmade %020lld\nsha256 %s\n",
                       (unsigned long long)f->size, (long long)f->made.ms, hash);
    memset(out, ' ', BACKUP_TRAILER);
    memcpy(out, text, (size_t)len);
    out[BACKUP_TRAILER - 1] = '\n';
}

/* The number behind `word` at *at, which moves on; -1: there is none. */
static int64_t number(const char **at, const char *word)
{
    char digits[DIGITS + 1];
    int64_t n;
    size_t len = strlen(word);
    if (memcmp(*at, word, len) != 0)
        return -1;
    memcpy(digits, *at + len, DIGITS);
    digits[DIGITS] = '\0';
    *at += len + DIGITS;
    return str_to_i64(digits, &n) ? n : -1;
}

int backup_trailer_read(const char trailer[BACKUP_TRAILER], struct backup_facts *out,
                        struct error *err)
{
    char again[BACKUP_TRAILER], hash[2 * SHA256_SIZE + 1];
    struct backup_facts f = {0};
    const char *at = trailer + strlen(FIRST);
    int64_t size = number(&at, "size ");
    at++;
    f.size = (uint64_t)size;
    f.made.ms = number(&at, "made ");
    memcpy(hash, at + strlen("\nsha256 "), 2 * SHA256_SIZE);
    hash[2 * SHA256_SIZE] = '\0';
    /* whatever was not looked at: what we would write is the same, or it is not ours */
    if (size >= 0 && f.made.ms >= 0 && hex_decode(f.hash, SHA256_SIZE, hash)) {
        backup_trailer_write(&f, again);
        if (memcmp(again, trailer, BACKUP_TRAILER) == 0) {
            *out = f;
            return 0;
        }
    }
    return error_set(err, ERR_CORRUPT,
                     "its end is not that of a backup: it is another file, or "
                     "not all of it is there");
}
