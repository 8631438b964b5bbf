#include "support/tmp.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"

void tmp_make(char path_out[TMP_PATH_SIZE])
{
    snprintf(path_out, TMP_PATH_SIZE, "%s/mesolith-test-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ASSERT(mkdtemp(path_out) != NULL);
}

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

void tmp_remove(const char *path)
{
    ASSERT(nftw(path, on_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

const char *tmp_file(char dst[TMP_PATH_SIZE], const char *folder, const char *name)
{
    int n = snprintf(dst, TMP_PATH_SIZE, "%s/%s", folder, name);
    ASSERT(n < TMP_PATH_SIZE);
    return dst;
}
