/* tests/unit/support/tmp.h - a folder of the test's own, gone afterwards. */
#pragma once

#define TMP_PATH_SIZE 256
/* In memory where the machine has such a file system, else under /tmp. The caller frees it with
 * tmp_remove(). */
void tmp_make(char path_out[TMP_PATH_SIZE]);
void tmp_remove(const char *path); /* with all that is in it */
const char *tmp_file(char dst[TMP_PATH_SIZE], const char *folder, const char *name); /* dst */
