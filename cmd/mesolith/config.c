#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define CONFIG_BYTES_MAX (1 << 20)

static const struct {
    const char *key;
    enum setting_kind kind;
    const char *value, *what;
} rows[SETTINGS_N] = {
#define X(name, key, kind, value, what) [name] = {key, kind, value, what},
    SETTINGS(X)
#undef X
};

/* ---- values */

/* "250ms", "5s", "2m", "1h" */
static bool parse_ms(const char *text, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    char *end;
    long long n = strtoll(text, &end, 10);
    for (size_t i = 0; end != text && n >= 0 && i < sizeof units / sizeof units[0]; i++) {
        if (str_eq(end, units[i].unit)) {
            *out = n * units[i].ms;
            return true;
        }
    }
    return false;
}

static int check_value(enum setting s, const char *value, struct error *err)
{
    int64_t n;
    switch (rows[s].kind) {
    case SETTING_TEXT:
        return 0;
    case SETTING_NUMBER:
        if (!str_to_i64(value, &n) || n < -1 || n > 65535)
            return error_set(err, ERR_INVALID, "%s: got \"%s\", need a port 0 to 65535, or -1",
                             rows[s].key, value);
        return 0;
    case SETTING_SWITCH:
        if (!str_eq(value, "true") && !str_eq(value, "false"))
            return error_set(err, ERR_INVALID, "%s: got \"%s\", need true or false", rows[s].key,
                             value);
        return 0;
    case SETTING_MS:
        if (!parse_ms(value, &n))
            return error_set(err, ERR_INVALID,
                             "%s: got \"%s\", need a time such as 250ms, 5s or 2m", rows[s].key,
                             value);
        return 0;
    }
    return 0;
}

static int set(struct config *c, enum setting s, const char *value, const char *source,
               struct error *err)
{
    if (check_value(s, value, err) != 0)
        return -1;
    mem_free(c->values[s]);
    c->values[s] = mem_strdup(value);
    c->sources[s] = source;
    return 0;
}

static int find(const char *key, enum setting *out, struct error *err)
{
    const char *keys[SETTINGS_N];
    for (int i = 0; i < SETTINGS_N; i++) {
        keys[i] = rows[i].key;
        if (str_eq(key, rows[i].key)) {
            *out = (enum setting)i;
            return 0;
        }
    }
    const char *nearest = str_nearest(key, keys, SETTINGS_N);
    return error_set(err, ERR_INVALID, "%s: there is no such setting%s%s%s", key,
                     nearest != NULL ? ", did you mean " : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "?" : "; mesolith config show lists them");
}

/* ---- sources */

static int read_flags(struct config *c, int argc, char **argv, struct error *err)
{
    for (int i = 0; i < argc; i++) {
        char key[64];
        enum setting s;
        if (strncmp(argv[i], "--", 2) != 0)
            return error_set(err, ERR_INVALID, "%s: need a flag such as --data DIR", argv[i]);
        const char *equals = strchr(argv[i], '=');
        size_t len = equals != NULL ? (size_t)(equals - argv[i]) - 2 : strlen(argv[i]) - 2;
        snprintf(key, sizeof key, "%.*s", (int)len, argv[i] + 2);
        if (find(key, &s, err) != 0)
            return error_wrap(err, "flag");
        const char *value = equals != NULL ? equals + 1 : NULL;
        if (value == NULL && rows[s].kind == SETTING_SWITCH)
            value = "true";
        else if (value == NULL && i + 1 < argc)
            value = argv[++i];
        if (value == NULL)
            return error_set(err, ERR_INVALID, "--%s: a value is missing", key);
        if (set(c, s, value, "flag", err) != 0)
            return -1;
    }
    return 0;
}

static int read_environment(struct config *c, struct error *err)
{
    for (int i = 0; i < SETTINGS_N; i++) {
        char name[64] = "MESOLITH_";
        size_t at = strlen(name);
        for (const char *k = rows[i].key; *k != '\0'; k++)
            name[at++] = *k == '-' ? '_' : (char)toupper((unsigned char)*k);
        name[at] = '\0';
        const char *value = getenv(name);
        if (value != NULL && c->values[i] == NULL &&
            set(c, (enum setting)i, value, "environment", err) != 0)
            return error_wrap(err, "%s", name);
    }
    return 0;
}

static int read_text(const char *path, struct buf *out, struct error *err)
{
    char chunk[4096];
    size_t n;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return error_set(err, ERR_NOT_FOUND, "%s: cannot be read: %m", path);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_put(out, chunk, n);
    fclose(f);
    return 0;
}

static int set_from_json(struct config *c, enum setting s, const struct json *v, struct error *err)
{
    char number[32];
    if (c->values[s] != NULL)
        return 0; /* said by a flag or the environment */
    if (json_is(v, JSON_STRING))
        return set(c, s, json_str(v, ""), "file", err);
    if (json_is(v, JSON_BOOL))
        return set(c, s, json_bool(v, false) ? "true" : "false", "file", err);
    int64_t n;
    if (!json_i64(v, &n))
        return error_set(err, ERR_INVALID, "%s: got %s, need text, a whole number, true or false",
                         rows[s].key, json_kind_word(v));
    snprintf(number, sizeof number, "%lld", (long long)n);
    return set(c, s, number, "file", err);
}

static int read_file(struct config *c, struct error *err)
{
    const char *path = config_text(c, SETTING_CONFIG);
    struct buf text;
    if (*path == '\0')
        return 0;
    buf_init(&text, CONFIG_BYTES_MAX);
    struct json *root = NULL;
    int rc = read_text(path, &text, err);
    if (rc == 0 && (root = json_parse_commented(buf_slice(&text), err)) == NULL)
        rc = error_wrap(err, "%s", path);
    if (rc == 0 && !json_is(root, JSON_OBJECT))
        rc = error_set(err, ERR_INVALID, "%s: need one object of settings", path);
    JSON_EACH (member, root) {
        enum setting s;
        if (rc == 0 &&
            (find(json_name(member), &s, err) != 0 || set_from_json(c, s, member, err) != 0))
            rc = error_wrap(err, "%s", path);
    }
    json_free(root);
    buf_close(&text);
    return rc;
}

int config_read(struct config *c, int argc, char **argv, struct error *err)
{
    *c = (struct config){0};
    if (read_flags(c, argc, argv, err) == 0 && read_environment(c, err) == 0 &&
        read_file(c, err) == 0)
        return 0;
    config_close(c);
    return -1;
}

void config_close(struct config *c)
{
    for (int i = 0; i < SETTINGS_N; i++)
        mem_free(c->values[i]);
    *c = (struct config){0};
}

/* ---- asking */

const char *config_text(const struct config *c, enum setting s)
{
    return c->values[s] != NULL ? c->values[s] : rows[s].value;
}

int64_t config_number(const struct config *c, enum setting s)
{
    int64_t n = 0;
    if (rows[s].kind == SETTING_MS)
        return parse_ms(config_text(c, s), &n) ? n : 0;
    return str_to_i64(config_text(c, s), &n) ? n : 0;
}

bool config_switch(const struct config *c, enum setting s)
{
    return str_eq(config_text(c, s), "true");
}

/* ---- mesolith config */

void config_help(void)
{
    for (int i = 0; i < SETTINGS_N; i++)
        printf("  --%-18s %s%s%s%s\n", rows[i].key, rows[i].what,
               rows[i].value[0] != '\0' ? " (" : "", rows[i].value,
               rows[i].value[0] != '\0' ? ")" : "");
}

int config_main(int argc, char **argv)
{
    struct config c;
    struct error err;
    bool show = argc > 0 && str_eq(argv[0], "show"), check = argc > 0 && str_eq(argv[0], "check");
    if (!show && !check) {
        fprintf(stderr, "usage: mesolith config check|show [--config FILE] [--FLAG VALUE]…\n");
        return error_exit_status(ERR_SYNTAX);
    }
    if (config_read(&c, argc - 1, argv + 1, &err) != 0) {
        fprintf(stderr, "error: %s\n", err.text);
        return error_exit_status(err.code);
    }
    for (int i = 0; show && i < SETTINGS_N; i++)
        printf("%-20s %-30s %s\n", rows[i].key, config_text(&c, (enum setting)i),
               c.sources[i] != NULL ? c.sources[i] : "default");
    if (check)
        printf("the configuration is right\n");
    config_close(&c);
    return 0;
}
