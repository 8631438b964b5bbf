/* cmd/embed FOLDER FILE.c - at build time: writes a folder's files as the arrays that
 * lib/api/web/bundle.h declares, compressed where that pays. Without the folder: no files. */
#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FILES_MAX 256
#define PLAIN_BYTES_MAX 1400
#define BYTES_MAX (16 << 20) /* of one file */

static const struct {
    const char *ending, *type;
    bool compresses;
} types[] = {
    {".css", "text/css; charset=utf-8", true},
    {".html", "text/html; charset=utf-8", true},
    {".ico", "image/x-icon", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".json", "application/json", true},
    {".map", "application/json", true},
    {".png", "image/png", false},
    {".svg", "image/svg+xml", true},
    {".txt", "text/plain; charset=utf-8", true},
    {".webmanifest", "application/manifest+json", true},
    {".woff2", "font/woff2", false},
};

static char *paths[FILES_MAX];
static size_t paths_n;

static void stop(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("embed: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static int on_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)ftw;
    if (kind != FTW_F)
        return 0;
    if (paths_n == FILES_MAX || st->st_size > BYTES_MAX)
        stop("%s: need at most %d files of at most %d bytes", path, FILES_MAX, BYTES_MAX);
    paths[paths_n++] = strdup(path);
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static unsigned char *read_file(const char *path, size_t *len_out)
{
    unsigned char *data = malloc(BYTES_MAX);
    FILE *f = fopen(path, "rb");
    if (f == NULL || data == NULL)
        stop("%s: %s", path, strerror(errno));
    *len_out = fread(data, 1, BYTES_MAX, f);
    fclose(f);
    return data;
}

/* The same bytes on every machine: zlib leaves the header's time empty. NULL if it does not pay. */
static unsigned char *gzip(const unsigned char *data, size_t len, size_t *len_out)
{
    z_stream z = {.next_in = (unsigned char *)data, .avail_in = (unsigned)len};
    size_t room = len + 64;
    unsigned char *out = malloc(room);
    if (out == NULL || deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        stop("out of memory");
    z.next_out = out;
    z.avail_out = (unsigned)room;
    int ended = deflate(&z, Z_FINISH);
    *len_out = room - z.avail_out;
    deflateEnd(&z);
    if (ended == Z_STREAM_END && *len_out < len - len / 10)
        return out;
    free(out);
    return NULL;
}

static void write_bytes(FILE *c, size_t number, const unsigned char *data, size_t len)
{
    fprintf(c, "static const unsigned char file_%zu[] = {", number);
    for (size_t i = 0; i < len; i++)
        fprintf(c, "%s%d,", i % 24 == 0 ? "\n" : "", data[i]);
    fprintf(c, "%s\n};\n", len == 0 ? "0" : "");
}

/* Its bytes go to `c` at once, its row of the table to `rows`. */
static void embed(FILE *c, FILE *rows, size_t number, const char *folder)
{
    const char *path = paths[number], *ending = strrchr(path, '.'), *type = NULL;
    bool compresses = false;
    for (size_t i = 0; ending != NULL && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(ending, types[i].ending) == 0) {
            type = types[i].type;
            compresses = types[i].compresses;
        }
    if (type == NULL)
        stop("%s: no Content-Type is known for it: add its ending to cmd/embed.c", path);
    for (const char *p = path; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && strchr("/._-", *p) == NULL)
            stop("%s: need a name of letters, digits, '.', '_' and '-'", path);

    size_t len, packed_len = 0;
    unsigned char *data = read_file(path, &len);
    /* What fits into a packet stays as it is, so that curl shows the page. */
    bool large = len > PLAIN_BYTES_MAX;
    unsigned char *packed = compresses && large ? gzip(data, len, &packed_len) : NULL;
    size_t used = packed != NULL ? packed_len : len;
    write_bytes(c, number, packed != NULL ? packed : data, used);
    fprintf(rows, "    {\"%s\", \"%s\", file_%zu, %zu, %s},\n", path + strlen(folder), type, number,
            used, packed != NULL ? "true" : "false");
    free(packed);
    free(data);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        stop("usage: embed FOLDER FILE.c");
    if (nftw(argv[1], on_entry, 16, FTW_PHYS) != 0 && errno != ENOENT)
        stop("%s: %s", argv[1], strerror(errno));
    qsort(paths, paths_n, sizeof(paths[0]), by_path);

    char *rows_text = NULL;
    size_t rows_len = 0;
    FILE *c = fopen(argv[2], "w"), *rows = open_memstream(&rows_text, &rows_len);
    if (c == NULL || rows == NULL)
        stop("%s: %s", argv[2], strerror(errno));
    fprintf(c, "/* made by cmd/embed.c from %s */\n#include \"api/web/bundle.h\"\n\n", argv[1]);
    for (size_t i = 0; i < paths_n; i++) {
        embed(c, rows, i, argv[1]);
        free(paths[i]);
    }
    fclose(rows);
    fprintf(c, "\nconst struct bundle_file bundle_files[] = {\n%s    {0},\n};\n", rows_text);
    fprintf(c, "const size_t bundle_files_n = %zu;\n", paths_n);
    free(rows_text);
    if (fclose(c) != 0)
        stop("%s: %s", argv[2], strerror(errno));
    return 0;
}
