/* cmd/zones.c - writes the zone tables (lib/base/zone_data.h) from a tz database folder, at build
 * time: zones /usr/share/zoneinfo zone_data.c
 *
 * The same folder gives the same bytes. An id is each compiled file (TZif, RFC 8536) under the
 * folder, and each link that tzdata.zi names and the folder lacks: some machines have the old
 * names in a package of their own. posix/ and right/ hold the same zones again. */
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/zone_data.h"

#define ZONES_MAX 1024
#define STEPS_MAX 512
#define NAME_MAX_BYTES 64
#define FILE_MAX_BYTES 65536
#define DAY_S 86400

struct zone_source {
    int32_t first_s;
    size_t n;
    struct zone_step steps[STEPS_MAX];
    struct zone_rule rule;
};
struct id {
    char name[NAME_MAX_BYTES];
    size_t zone;
};

static struct zone_source zones[ZONES_MAX]; /* distinct ones; zeroed memory, so memcmp compares */
static size_t zones_n;
static struct id ids[ZONES_MAX];
static size_t ids_n;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("zones: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputs("\n", stderr);
    va_end(ap);
    exit(1);
}

/* ---- the footer: a POSIX TZ string, "CET-1CEST,M3.5.0,M10.5.0/3" */

static const char *skip_name(const char *p)
{
    if (*p == '<') {
        p += strcspn(p, ">");
        return *p == '>' ? p + 1 : p;
    }
    while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
        p++;
    return p;
}

static const char *parse_hms(const char *p, int32_t *seconds_out)
{
    int sign = *p == '-' ? -1 : 1;
    int32_t seconds = 0;
    p += *p == '-' || *p == '+';
    for (int32_t unit = 3600; unit > 0; unit /= 60) {
        char *end;
        seconds += (int32_t)strtol(p, &end, 10) * unit;
        p = end;
        if (*p != ':')
            break;
        p++;
    }
    *seconds_out = sign * seconds;
    return p;
}

static const char *parse_day(const char *p, struct zone_day *out)
{
    int used = 0;
    unsigned month = 0, week = 0, day = 0;
    if (sscanf(p, ",M%u.%u.%u%n", &month, &week, &day, &used) == 3)
        out->kind = ZONE_DAY_OF_MONTH_WEEK;
    else if (sscanf(p, ",J%u%n", &day, &used) == 1)
        out->kind = ZONE_DAY_JULIAN;
    else if (sscanf(p, ",%u%n", &day, &used) == 1)
        out->kind = ZONE_DAY_OF_YEAR;
    else
        return p; /* the caller finds that the string did not end */
    out->month = (uint8_t)month;
    out->week = (uint8_t)week;
    out->day = (uint16_t)day;
    out->time_s = 2 * 3600;
    p += used;
    return *p == '/' ? parse_hms(p + 1, &out->time_s) : p;
}

static void parse_footer(const char *id, const char *text, struct zone_rule *rule)
{
    const char *p = parse_hms(skip_name(text), &rule->std_s);
    rule->std_s = -rule->std_s; /* POSIX counts westwards */
    rule->dst_s = rule->std_s;
    if (*p != '\0') {
        p = skip_name(p);
        rule->dst_s = rule->std_s + 3600;
        if (*p != ',') {
            p = parse_hms(p, &rule->dst_s);
            rule->dst_s = -rule->dst_s;
        }
        p = parse_day(parse_day(p, &rule->to_dst), &rule->to_std);
    }
    if (*p != '\0')
        die("%s: cannot read the rule \"%s\"", id, text);
}

/* ---- a compiled file */

struct reader {
    const char *id;
    const unsigned char *p, *end;
};

static const unsigned char *take(struct reader *r, size_t n)
{
    const unsigned char *at = r->p;
    if ((size_t)(r->end - r->p) < n)
        die("%s: the file is cut off", r->id);
    r->p += n;
    return at;
}

static int64_t big_endian(const unsigned char *p, size_t n)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

struct counts {
    size_t utc, std, leaps, times, types, chars;
};

static struct counts take_header(struct reader *r)
{
    const unsigned char *h = take(r, 44);
    if (memcmp(h, "TZif", 4) != 0 || h[4] < '2')
        die("%s: need a TZif file of version 2 or later", r->id);
    h += 20;
    return (struct counts){
        .utc = (size_t)big_endian(h, 4),
        .std = (size_t)big_endian(h + 4, 4),
        .leaps = (size_t)big_endian(h + 8, 4),
        .times = (size_t)big_endian(h + 12, 4),
        .types = (size_t)big_endian(h + 16, 4),
        .chars = (size_t)big_endian(h + 20, 4),
    };
}

/* Steps that change nothing are left out, but the last one, behind which the rule begins. */
static void add_step(const char *id, struct zone_source *z, int64_t at, int32_t offset_s, bool last)
{
    int32_t before_s = z->n > 0 ? z->steps[z->n - 1].offset_s : z->first_s;
    if (at < 0) { /* before 1970 */
        z->first_s = offset_s;
        return;
    }
    bool changes = offset_s != before_s;
    if (!changes && !last)
        return;
    if (z->n == STEPS_MAX || at > UINT32_MAX)
        die("%s: more steps than zone_data.h foresees", id);
    if (offset_s <= -DAY_S || offset_s >= DAY_S ||
        (changes && z->n > 0 && at - z->steps[z->n - 1].at < 2 * DAY_S))
        die("%s: steps closer than two days or offsets over a day: zone_resolve relies on it", id);
    z->steps[z->n++] = (struct zone_step){(uint32_t)at, offset_s};
}

static void parse_file(struct reader *r, struct zone_source *z)
{
    struct counts c = take_header(r); /* the old block of 32-bit times: skipped */
    take(r, c.times * 5 + c.types * 6 + c.chars + c.leaps * 8 + c.std + c.utc);
    c = take_header(r);
    const unsigned char *times = take(r, c.times * 8);
    const unsigned char *type_of = take(r, c.times);
    const unsigned char *types = take(r, c.types * 6);
    take(r, c.chars + c.leaps * 12 + c.std + c.utc);

    z->first_s = (int32_t)big_endian(types, 4);
    for (size_t i = 0; i < c.times; i++)
        add_step(r->id, z, big_endian(times + 8 * i, 8),
                 (int32_t)big_endian(types + 6 * type_of[i], 4), i + 1 == c.times);

    const char *footer = (const char *)take(r, 1) + 1;
    const char *end = memchr(footer, '\n', (size_t)(r->end - r->p));
    char text[128];
    if (end == NULL || (size_t)(end - footer) >= sizeof(text))
        die("%s: no rule at the end of the file", r->id);
    snprintf(text, sizeof(text), "%.*s", (int)(end - footer), footer);
    int32_t last_s = z->n > 0 ? z->steps[z->n - 1].offset_s : z->first_s;
    if (text[0] == '\0')
        z->rule.std_s = z->rule.dst_s = last_s;
    else
        parse_footer(r->id, text, &z->rule);
}

/* ---- the folder */

static void add_id(const char *name, size_t zone)
{
    if (ids_n == ZONES_MAX || strlen(name) >= NAME_MAX_BYTES)
        die("%s: more or longer ids than foreseen", name);
    strcpy(ids[ids_n].name, name);
    ids[ids_n++].zone = zone;
}

static void add_file(const char *id, const char *path)
{
    static unsigned char bytes[FILE_MAX_BYTES];
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        die("%s: cannot be opened", path);
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    if (n < 4 || memcmp(bytes, "TZif", 4) != 0)
        return; /* zone.tab and its like */
    if (n == sizeof(bytes) || zones_n == ZONES_MAX)
        die("%s: bigger than foreseen", path);

    struct reader r = {id, bytes, bytes + n};
    struct zone_source *z = &zones[zones_n];
    memset(z, 0, sizeof(*z));
    parse_file(&r, z);
    size_t same = 0;
    while (memcmp(&zones[same], z, sizeof(*z)) != 0)
        same++;
    if (same == zones_n)
        zones_n++;
    add_id(id, same);
}

static bool is_no_id(const char *name)
{
    static const char *const names[] = {"posix", "right", "posixrules", "localtime"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return name[0] == '.';
}

static void add_folder(const char *root, const char *under)
{
    char folder[4096];
    struct dirent **entries;
    snprintf(folder, sizeof(folder), "%s/%s", root, under);
    int n = scandir(folder, &entries, NULL, alphasort);
    if (n < 0)
        die("%s: cannot be read; cmd/setup installs tzdata", folder);
    for (int i = 0; i < n; i++) {
        char id[512], path[8192];
        struct stat st;
        snprintf(id, sizeof(id), "%s%s%s", under, *under == '\0' ? "" : "/", entries[i]->d_name);
        snprintf(path, sizeof(path), "%s/%s", root, id);
        free(entries[i]);
        if (is_no_id(id) || strstr(id, "/.") != NULL || stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            add_folder(root, id);
        else
            add_file(id, path);
    }
    free(entries);
}

static const struct id *find_id(const char *name)
{
    for (size_t i = 0; i < ids_n; i++)
        if (strcmp(ids[i].name, name) == 0)
            return &ids[i];
    return NULL;
}

/* Lines "L TARGET NAME" of tzdata.zi; a folder without that file is whole without it. */
static void add_missing_links(const char *root)
{
    char path[4096], line[512], target[256], name[256];
    snprintf(path, sizeof(path), "%s/tzdata.zi", root);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return;
    while (fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "L %255s %255s", target, name) != 2 || find_id(name) != NULL)
            continue;
        const struct id *of = find_id(target);
        if (of != NULL)
            add_id(name, of->zone);
    }
    fclose(f);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct id *)a)->name, ((const struct id *)b)->name);
}

/* ---- out */

static void print_day(FILE *f, const char *name, const struct zone_day *d)
{
    fprintf(f, ", .%s = {%d, %d, %d, %d, %d}", name, d->kind, d->month, d->week, d->day,
            (int)d->time_s);
}

static void print_zone(FILE *f, size_t i)
{
    const struct zone_source *z = &zones[i];
    if (z->n > 0) {
        fprintf(f, "static const struct zone_step steps_%zu[] = {", i);
        for (size_t k = 0; k < z->n; k++)
            fprintf(f, "%s{%uu, %d},", k % 6 == 0 ? "\n    " : " ", (unsigned)z->steps[k].at,
                    (int)z->steps[k].offset_s);
        fprintf(f, "\n};\n");
    }
    fprintf(f, "static const struct zone_data zone_%zu = {%d, %zu, ", i, (int)z->first_s, z->n);
    if (z->n > 0)
        fprintf(f, "steps_%zu", i);
    else
        fprintf(f, "0");
    fprintf(f, ", {.std_s = %d, .dst_s = %d", (int)z->rule.std_s, (int)z->rule.dst_s);
    if (z->rule.std_s != z->rule.dst_s) {
        print_day(f, "to_dst", &z->rule.to_dst);
        print_day(f, "to_std", &z->rule.to_std);
    }
    fprintf(f, "}};\n\n");
}

static void print_tables(FILE *f)
{
    fprintf(f, "/* Written by cmd/zones.c. */\n#include \"base/zone_data.h\"\n\n");
    for (size_t i = 0; i < zones_n; i++)
        print_zone(f, i);
    fprintf(f, "const size_t zone_count = %zu;\n\nconst char *const zone_names[] = {\n", ids_n);
    for (size_t i = 0; i < ids_n; i++)
        fprintf(f, "    \"%s\",\n", ids[i].name);
    fprintf(f, "};\n\nconst struct zone_data *const zone_of_name[] = {\n");
    for (size_t i = 0; i < ids_n; i++)
        fprintf(f, "    &zone_%zu,\n", ids[i].zone);
    fprintf(f, "};\n");
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: zones ZONEINFO-FOLDER OUT.c");
    add_folder(argv[1], "");
    add_missing_links(argv[1]);
    if (find_id("UTC") == NULL || find_id("Europe/Paris") == NULL)
        die("%s: holds no tz database; cmd/setup installs tzdata", argv[1]);
    qsort(ids, ids_n, sizeof(ids[0]), by_name);

    FILE *f = fopen(argv[2], "w");
    if (f == NULL)
        die("%s: cannot be written", argv[2]);
    print_tables(f);
    if (fclose(f) != 0)
        die("%s: cannot be written", argv[2]);
    return 0;
}
