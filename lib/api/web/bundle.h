/* lib/api/web/bundle.h - the front end, built into the binary: each file of web/dist, sorted by
 * path. The build generates the arrays (cmd/embed.c). Constant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct bundle_file {
    const char *path; /* "/assets/app.js" */
    const char *type; /* its Content-Type */
    const unsigned char *data;
    size_t len;
    bool gzip; /* data is compressed: Content-Encoding: gzip */
};

extern const struct bundle_file bundle_files[];
extern const size_t bundle_files_n;
