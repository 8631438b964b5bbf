#include "config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/address.h"
#include "model/resources.h"
#include "model/sentry.h"
#include "model/states.h"
#include "old_flags.h"

#define CONFIG_BYTES_MAX (1 << 20)

#define VALUE_SIZE 32
#define CREDENTIALS_MAX 512
#define FOLDER_FILE_SIZE 1100
#define VARIABLE_SIZE 64
#define FROM_ENVIRONMENT "environment"

static const struct {
    const char *key;
    enum setting_kind kind;
    const char *value; /* the default; NULL: `number` */
    int64_t number, least, most;
    const char *what;
} rows[SETTINGS_N] = {
#define X(name_, key_, kind_, value_, what_) \
    [name_] = {.key = key_, .kind = kind_, .value = value_, .what = what_},
    SETTINGS(X)
#undef X
#define X(name_, number_, key_, unit_, least_, most_, what_) \
    [SETTING_##name_] = {.key = key_,                        \
                         .kind = KIND_##unit_,               \
                         .number = number_,                  \
                         .least = least_,                    \
                         .most = most_,                      \
                         .what = what_},
        LIMITS_WITH_KEY(X)
#undef X
};

/* Times without bounds of their own. */
#define TIME_LEAST 1
#define TIME_MOST (INT64_C(30) * 24 * 3600000)

#define AMOUNT_MOST 1000000000

#define SECRET_BYTES_MAX 4096

/* ---- values */

/* By kind, from small to large. */
static const struct unit {
    const char *word;
    int64_t of;
} units[][5] = {
    [KIND_COUNT] = {{"", 1}},
    [KIND_BYTES] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}},
    [KIND_TIME] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}},
};

static bool parse_number(enum setting_kind kind, const char *text, int64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    long long n = strtoll(text, &end, 10); /* too large is the largest */
    for (const struct unit *u = units[kind]; u->word != NULL; u++)
        if (str_eq(end, u->word))
            return !__builtin_mul_overflow(n, u->of, out);
    return false;
}

/* In the largest unit that leaves no rest. */
static const char *number_text(enum setting_kind kind, int64_t n, char dst[VALUE_SIZE])
{
    const struct unit *best = units[kind];
    for (const struct unit *u = best; u->word != NULL; u++)
        if (n != 0 && n % u->of == 0)
            best = u;
    snprintf(dst, VALUE_SIZE, "%lld%s", (long long)(n / best->of), best->word);
    return dst;
}

static const char *default_of(enum setting s, char dst[VALUE_SIZE])
{
    return rows[s].value != NULL ? rows[s].value : number_text(rows[s].kind, rows[s].number, dst);
}

struct word {
    const char *text;
    unsigned bit;
};

/* "master,agent": all of it must be of these words, up to the one that is NULL. */
static bool parse_words(const struct word *words, const char *text, unsigned *out)
{
    unsigned bits = 0;
    for (const char *at = text; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        struct slice part = {at, strcspn(at, ",")};
        const struct word *w = words;
        while (w->text != NULL && !slice_is(part, w->text))
            w++;
        if (w->text == NULL)
            return false;
        bits |= w->bit;
    }
    *out = bits;
    return true;
}

static const struct word doors[] = {{"mesos", 1},   {"agent", 2},  {"marathon", 4},
                                    {"chronos", 8}, {"stats", 16}, {NULL, 0}};

static bool parse_level(const char *text, enum log_level *out)
{
    static const char *const words[] = {
        [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq(text, words[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* "rack:a;ssd:true" as a JSON object; numbers stay numbers. */
static bool parse_attributes(const char *text, struct buf *out)
{
    char *copy = mem_strdup(text);
    struct json_writer w;
    bool fine = true;
    json_begin(&w, out);
    json_object(&w);
    for (char *at = copy, *item; (item = strsep(&at, ";")) != NULL;) {
        char *colon = strchr(item, ':');
        double number;
        if (*item == '\0')
            continue;
        if (colon == NULL || colon == item) {
            fine = false;
            break;
        }
        *colon = '\0';
        if (str_to_double(colon + 1, &number))
            json_member_double(&w, item, number);
        else
            json_member_str(&w, item, colon + 1);
    }
    json_object_end(&w);
    mem_free(copy);
    return fine;
}

/* The checks. Each kind has one (config.h). */

/* What others are told, and what stands in their logs, headers and pages. */
static int check_text(enum setting s, const char *value, struct error *err)
{
    size_t len = strlen(value);
    size_t most = s == SETTING_NAME       ? NODE_NAME_SIZE - 1
                  : s == SETTING_HOSTNAME ? ADDRESS_HOST_SIZE - 1
                                          : len;
    bool told = s == SETTING_NAME || s == SETTING_HOSTNAME;
    if (len > most)
        return error_set(err, ERR_INVALID, "%s: got %zu bytes, need at most %zu", rows[s].key, len,
                         most);
    if (told && str_has_control(value))
        return error_set(err, ERR_INVALID, "%s: need a text without control characters",
                         rows[s].key);
    return 0;
}

static bool is_ip(const char *text)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static int check_ip(enum setting s, const char *value, struct error *err)
{
    if (is_ip(value))
        return 0;
    return error_set(err, ERR_INVALID,
                     "%s: got \"%s\", need an IP address such as 127.0.0.1 or ::1", rows[s].key,
                     value);
}

static int check_port(enum setting s, const char *value, struct error *err)
{
    int64_t n;
    if (str_to_i64(value, &n) && n >= -1 && n <= 65535)
        return 0;
    return error_set(err, ERR_INVALID, "%s: got \"%s\", need a port 0 to 65535, or -1", rows[s].key,
                     value);
}

static int check_switch(enum setting s, const char *value, struct error *err)
{
    if (str_eq(value, "true") || str_eq(value, "false"))
        return 0;
    return error_set(err, ERR_INVALID, "%s: got \"%s\", need true or false", rows[s].key, value);
}

static int check_number(enum setting s, const char *value, struct error *err)
{
    static const char *const needs[] = {
        [KIND_COUNT] = "a number",
        [KIND_BYTES] = "a size such as 65536 or 4MiB",
        [KIND_TIME] = "a time such as 250ms, 5s or 2m",
    };
    char from[VALUE_SIZE], to[VALUE_SIZE];
    enum setting_kind kind = rows[s].kind;
    int64_t least = rows[s].most != 0 ? rows[s].least : TIME_LEAST;
    int64_t most = rows[s].most != 0 ? rows[s].most : TIME_MOST;
    int64_t n;
    if (parse_number(kind, value, &n) && n >= least && n <= most)
        return 0;
    return error_set(err, ERR_INVALID, "%s: got \"%s\", need %s, %s to %s", rows[s].key, value,
                     needs[kind], number_text(kind, least, from), number_text(kind, most, to));
}

static int check_amount(enum setting s, const char *value, struct error *err)
{
    double n;
    if (str_to_double(value, &n) && n > 0 && n <= AMOUNT_MOST)
        return 0;
    return error_set(err, ERR_INVALID, "%s: got \"%s\", need a number above 0, at most %d",
                     rows[s].key, value, AMOUNT_MOST);
}

static int check_modes(enum setting s, const char *value, struct error *err)
{
    unsigned ignored;
    if (modes_parse(value, &ignored))
        return 0;
    return error_set(err, ERR_INVALID, "%s: got \"%s\", need some of master,scheduler,agent",
                     rows[s].key, value);
}

static int check_doors(enum setting s, const char *value, struct error *err)
{
    unsigned ignored;
    if (parse_words(doors, value, &ignored))
        return 0;
    return error_set(err, ERR_INVALID,
                     "%s: got \"%s\", need some of mesos,agent,marathon,chronos,stats", rows[s].key,
                     value);
}

static int check_level(enum setting s, const char *value, struct error *err)
{
    enum log_level level;
    if (parse_level(value, &level))
        return 0;
    return error_set(err, ERR_INVALID, "%s: got \"%s\", need error, warn, info or debug",
                     rows[s].key, value);
}

static int check_resources(enum setting s, const char *value, struct error *err)
{
    struct resources parsed = {0};
    unsigned named;
    int rc = resources_parse(value, &parsed, &named, err);
    resources_close(&parsed);
    return rc == 0 ? 0 : error_wrap(err, "%s", rows[s].key);
}

static int check_attributes(enum setting s, const char *value, struct error *err)
{
    struct buf ignored;
    buf_init(&ignored, CONFIG_BYTES_MAX);
    bool fine = parse_attributes(value, &ignored);
    buf_close(&ignored);
    if (fine)
        return 0;
    return error_set(err, ERR_INVALID,
                     "%s: got \"%s\", need name:value, and ; between several of them", rows[s].key,
                     value);
}

static int check_server(enum setting s, const char *value, struct error *err)
{
    struct address ignored;
    return address_parse(value, &ignored, err) == 0 ? 0 : error_wrap(err, "%s", rows[s].key);
}

static int check_credentials(enum setting s, const char *value, struct error *err)
{
    const char *colon = strchr(value, ':');
    if (colon != NULL && colon != value && !str_has_control(value) &&
        strlen(value) <= CREDENTIALS_MAX)
        return 0;
    return error_set(err, ERR_INVALID,
                     "%s: need user:password, the user without a colon, at most %d bytes, no "
                     "control characters",
                     rows[s].key, CREDENTIALS_MAX);
}

static int check_realm(enum setting s, const char *value, struct error *err)
{
    if (strpbrk(value, "\"\\") == NULL && !str_has_control(value) &&
        strlen(value) <= CREDENTIALS_MAX)
        return 0;
    return error_set(err, ERR_INVALID,
                     "%s: need a text without quotes, backslashes and control characters, at most "
                     "%d bytes",
                     rows[s].key, CREDENTIALS_MAX);
}

static int check_dsn(enum setting s, const char *value, struct error *err)
{
    struct sentry parsed;
    if (sentry_parse(value, &parsed, err) != 0)
        return error_wrap(err, "%s", rows[s].key);
    sentry_close(&parsed);
    return 0;
}

static int check_value(enum setting s, const char *value, struct error *err)
{
    static int (*const checks[])(enum setting s, const char *value, struct error *err) = {
        [KIND_TEXT] = check_text,
        [KIND_SECRET] = check_text,
        [KIND_IP] = check_ip,
        [KIND_PORT] = check_port,
        [KIND_SWITCH] = check_switch,
        [KIND_COUNT] = check_number,
        [KIND_AMOUNT] = check_amount,
        [KIND_BYTES] = check_number,
        [KIND_TIME] = check_number,
        [KIND_MODES] = check_modes,
        [KIND_DOORS] = check_doors,
        [KIND_LEVEL] = check_level,
        [KIND_RESOURCES] = check_resources,
        [KIND_ATTRIBUTES] = check_attributes,
    };
    if (str_eq(value, rows[s].value)) /* "" stands for what is found out later */
        return 0;
    if (s == SETTING_MAIL_SERVER || s == SETTING_GRAPHITE)
        return check_server(s, value, err);
    if (s == SETTING_HTTP_CREDENTIALS)
        return check_credentials(s, value, err);
    if (s == SETTING_SENTRY_DSN)
        return check_dsn(s, value, err);
    if (s == SETTING_HTTP_REALM)
        return check_realm(s, value, err);
    return checks[rows[s].kind](s, value, err);
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

static bool is_setting(const char *key, enum setting *out)
{
    for (int i = 0; i < SETTINGS_N; i++) {
        if (str_eq(key, rows[i].key)) {
            *out = (enum setting)i;
            return true;
        }
    }
    return false;
}

static int unknown(const char *key, const char *what, const char *dashes, struct error *err)
{
    const char *keys[SETTINGS_N];
    for (int i = 0; i < SETTINGS_N; i++)
        keys[i] = rows[i].key;
    const char *nearest = str_nearest(key, keys, SETTINGS_N);
    if (nearest == NULL)
        return error_set(err, ERR_INVALID,
                         "%s%s: there is no such %s; mesolith config show lists them all", dashes,
                         key, what);
    return error_set(err, ERR_INVALID, "%s%s: there is no such %s, did you mean %s%s?", dashes, key,
                     what, dashes, nearest);
}

/* ---- sources */

/* "--key=value", "--key value", "--switch"; as it stands in argv. */
struct flag {
    char key[64];
    char *value; /* NULL: none */
    int words;   /* of argv */
};

/* `alone`: it has a value only behind a '='. */
static struct flag split_flag(int argc, char **argv, bool alone)
{
    struct flag f = {.words = 1};
    char *equals = strchr(argv[0], '=');
    size_t len = equals != NULL ? (size_t)(equals - argv[0]) - 2 : strlen(argv[0]) - 2;
    snprintf(f.key, sizeof f.key, "%.*s", (int)len, argv[0] + 2);
    f.value = equals != NULL ? equals + 1 : NULL;
    if (f.value == NULL && !alone && argc > 1) {
        f.value = argv[1];
        f.words = 2;
    }
    return f;
}

static void pass_over(struct config *c, const char *name, const char *why)
{
    for (size_t i = 0; i < c->passed_over_n; i++)
        if (str_eq(c->passed_over[i].name, name))
            return;
    if (c->passed_over_n == CONFIG_PASSED_OVER_MAX)
        return;
    struct passed_over *p = &c->passed_over[c->passed_over_n++];
    str_copy(p->name, sizeof p->name, name);
    p->why = why;
}

static int set_old(struct config *c, const struct old_flag *o, const struct flag *f,
                   struct error *err)
{
    char number[64];
    bool is_switch = rows[o->setting].kind == KIND_SWITCH;
    if (f->value == NULL && !is_switch)
        return error_set(err, ERR_INVALID, "--%s: a value is missing", f->key);
    const char *value = f->value != NULL ? f->value : "true";
    if (o->turned && (str_eq(value, "true") || str_eq(value, "false")))
        value = str_eq(value, "true") ? "false" : "true";
    snprintf(number, sizeof number, "%.40s%s", value, o->unit != NULL ? o->unit : "");
    if (set(c, o->setting, o->unit != NULL ? number : value, "flag", err) != 0)
        return error_wrap(err, "--%s", f->key);
    return 0;
}

/* Words of argv taken; -1: refused. Of those that mean nothing we do not know which take a value:
 * what begins with a dash is none. */
static int read_old(struct config *c, const struct old_flag *o, int argc, char **argv,
                    struct error *err)
{
    bool means = o->use == OLD_MEANS;
    bool alone = means ? rows[o->setting].kind == KIND_SWITCH : argc < 2 || argv[1][0] == '-';
    struct flag f = split_flag(argc, argv, alone);
    if (means && set_old(c, o, &f, err) != 0)
        return -1;
    if (!means)
        pass_over(c, f.key, o->why);
    return f.words;
}

static int read_flag(struct config *c, int argc, char **argv, struct error *err)
{
    enum setting s;
    struct flag f = split_flag(argc, argv, true);
    const struct old_flag *o = old_flag_find(f.key);
    if (!is_setting(f.key, &s))
        return o != NULL ? read_old(c, o, argc, argv, err) : unknown(f.key, "flag", "--", err);
    f = split_flag(argc, argv, rows[s].kind == KIND_SWITCH);
    if (f.value == NULL && rows[s].kind != KIND_SWITCH)
        return error_set(err, ERR_INVALID, "--%s: a value is missing", f.key);
    return set(c, s, f.value != NULL ? f.value : "true", "flag", err) == 0 ? f.words : -1;
}

static int read_flags(struct config *c, int argc, char **argv, struct error *err)
{
    for (int i = 0, n; i < argc; i += n) {
        if (strncmp(argv[i], "--", 2) != 0)
            return error_set(err, ERR_INVALID, "%s: need a flag such as --data DIR", argv[i]);
        if ((n = read_flag(c, argc - i, argv + i, err)) < 0)
            return -1;
    }
    return 0;
}

/* Ours, or Chronos's name of it; or the token of `join`. */
static bool is_secret(const char *key)
{
    enum setting s;
    const struct old_flag *o = old_flag_find(key);
    if (is_setting(key, &s))
        return rows[s].kind == KIND_SECRET;
    if (o != NULL && o->use == OLD_MEANS)
        return rows[o->setting].kind == KIND_SECRET;
    return str_eq(key, "token") || str_eq(key, "zk_auth");
}

char **config_hide_secrets(int argc, char **argv)
{
    size_t words = ((size_t)argc + 1) * sizeof(char *), size = words;
    for (int i = 0; i < argc; i++)
        size += strlen(argv[i]) + 1;
    char **copy = mem_alloc(size); /* one piece: verbs take words off it (own_args.h) */
    char *at = (char *)copy + words;
    for (int i = 0; i < argc; i++) {
        copy[i] = at;
        at = stpcpy(at, argv[i]) + 1;
    }
    copy[argc] = NULL;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0)
            continue;
        struct flag f = split_flag(argc - i, argv + i, false);
        if (f.value != NULL && is_secret(f.key) && !str_eq(f.value, "-"))
            memset(f.value, 'x', strlen(f.value));
    }
    return copy;
}

/* "10.0.0.1:8080", "http://…": whom the command line asks. */
static bool is_for_clients(enum setting s, const char *value)
{
    return s == SETTING_ADDRESS && !is_ip(value) && strpbrk(value, ":/") != NULL;
}

static int read_old_environment(struct config *c, struct error *err)
{
    const struct old_flag *o;
    const char *name, *value;
    for (size_t i = 0; (name = old_variable(i, &o)) != NULL; i++) {
        if ((value = getenv(name)) == NULL || *value == '\0')
            continue;
        if (o->use != OLD_MEANS)
            pass_over(c, name, o->why);
        else if (c->values[o->setting] == NULL &&
                 set(c, o->setting, value, FROM_ENVIRONMENT, err) != 0)
            return error_wrap(err, "%s", name);
    }
    return 0;
}

static const char *variable_of(enum setting s, char dst[VARIABLE_SIZE])
{
    size_t at = strlen(strcpy(dst, "MESOLITH_"));
    for (const char *k = rows[s].key; *k != '\0'; k++)
        dst[at++] = *k == '-' ? '_' : (char)toupper((unsigned char)*k);
    dst[at] = '\0';
    return dst;
}

static int read_environment(struct config *c, struct error *err)
{
    for (int i = 0; i < SETTINGS_N; i++) {
        char name[VARIABLE_SIZE];
        const char *value = getenv(variable_of((enum setting)i, name));
        if (value == NULL || *value == '\0' || c->values[i] != NULL ||
            is_for_clients((enum setting)i, value))
            continue;
        if (set(c, (enum setting)i, value, FROM_ENVIRONMENT, err) != 0)
            return error_wrap(err, "%s", name);
    }
    return read_old_environment(c, err);
}

static int read_text(const char *path, struct buf *out, struct error *err)
{
    char chunk[4096];
    size_t n;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return error_set(err, ERR_NOT_FOUND, "%s: cannot be read: %m", path);
    while (!buf_full(out) && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_put(out, chunk, n);
    bool unread = ferror(f) != 0;
    fclose(f);
    if (unread)
        return error_set(err, ERR_IO, "%s: cannot be read", path);
    if (buf_full(out))
        return error_set(err, ERR_LIMIT, "%s: need at most %zu bytes", path, out->max);
    return 0;
}

static int set_from_json(struct config *c, enum setting s, const struct json *v, const char *source,
                         struct error *err)
{
    char number[32];
    if (c->values[s] != NULL)
        return 0; /* said by what goes before */
    if (json_is(v, JSON_STRING))
        return set(c, s, json_str(v, ""), source, err);
    if (json_is(v, JSON_BOOL))
        return set(c, s, json_bool(v, false) ? "true" : "false", source, err);
    int64_t n;
    if (!json_i64(v, &n))
        return error_set(err, ERR_INVALID, "%s: got %s, need text, a whole number, true or false",
                         rows[s].key, json_kind_word(v));
    snprintf(number, sizeof number, "%lld", (long long)n);
    return set(c, s, number, source, err);
}

static int set_all(struct config *c, const struct json *settings, const char *source,
                   const char *path, struct error *err)
{
    JSON_EACH (member, settings) {
        enum setting s;
        int rc = is_setting(json_name(member), &s) ? set_from_json(c, s, member, source, err)
                                                   : unknown(json_name(member), "setting", "", err);
        if (rc != 0)
            return error_wrap(err, "%s", path);
    }
    return 0;
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
    if (rc == 0)
        rc = set_all(c, root, "file", path, err);
    json_free(root);
    buf_close(&text);
    return rc;
}

/* What `init` or `join` was told; NULL: nothing. Whether node.json is right is said by who opens
 * the folder. */
static struct json *parse_folder(const struct config *c, char path[FOLDER_FILE_SIZE])
{
    struct error ignored;
    struct json *root = NULL;
    struct buf text;
    snprintf(path, FOLDER_FILE_SIZE, "%.1024s/node.json", config_text(c, SETTING_DATA));
    buf_init(&text, 2 * CONFIG_BYTES_MAX);
    if (read_text(path, &text, &ignored) == 0)
        root = json_parse(buf_slice(&text), &ignored);
    buf_close(&text);
    return root;
}

/* The file may name the folder, or the folder the file, which goes before the rest of it. */
static int read_files(struct config *c, struct error *err)
{
    char path[FOLDER_FILE_SIZE];
    bool named = c->values[SETTING_CONFIG] != NULL;
    if (named && read_file(c, err) != 0)
        return -1;
    struct json *root = parse_folder(c, path);
    const struct json *settings = json_get(root, "settings");
    const struct json *file = json_get(settings, rows[SETTING_CONFIG].key);
    int rc = 0;
    if (!named && file != NULL && set_from_json(c, SETTING_CONFIG, file, "folder", err) != 0)
        rc = error_wrap(err, "%s", path);
    if (rc == 0 && !named)
        rc = read_file(c, err);
    if (rc == 0)
        rc = set_all(c, settings, "folder", path, err);
    json_free(root);
    return rc;
}

/* ---- secrets in files of their own */

static const struct {
    enum setting secret, file;
} secret_files[] = {
    {SETTING_MAIL_PASSWORD, SETTING_MAIL_PASSWORD_FILE},
    {SETTING_SLACK_URL, SETTING_SLACK_URL_FILE},
    {SETTING_MATTERMOST_URL, SETTING_MATTERMOST_URL_FILE},
    {SETTING_HTTP_NOTIFICATION_CREDENTIALS, SETTING_HTTP_NOTIFICATION_CREDENTIALS_FILE},
    {SETTING_HTTP_CREDENTIALS, SETTING_HTTP_CREDENTIALS_FILE},
    {SETTING_SENTRY_DSN, SETTING_SENTRY_DSN_FILE},
    {SETTING_KEYSTORE_PASSWORD, SETTING_KEYSTORE_PASSWORD_FILE},
};

/* A file is known by its whole path from then on, wherever the next start is. */
static void make_whole(struct config *c, enum setting file)
{
    char *whole = realpath(config_text(c, file), NULL);
    if (whole != NULL) {
        mem_free(c->values[file]);
        c->values[file] = mem_strdup(whole);
    }
    free(whole);
}

/* The first line. */
static int read_secret(struct config *c, enum setting secret, enum setting file, struct error *err)
{
    struct buf text;
    const char *path = config_text(c, file);
    if (*path == '\0')
        return 0;
    if (*config_text(c, secret) != '\0')
        return error_set(err, ERR_INVALID, "%s: %s is given too, need one of both", rows[file].key,
                         rows[secret].key);
    buf_init(&text, SECRET_BYTES_MAX);
    int rc = read_text(path, &text, err);
    if (rc == 0) {
        char *line = slice_dup(str_unmarked(buf_slice(&text)));
        line[strcspn(line, "\r\n")] = '\0';
        rc = *line != '\0' ? set(c, secret, line, c->sources[file], err)
                           : error_set(err, ERR_INVALID, "%s: its first line is empty", path);
        mem_free(line);
    }
    buf_close(&text);
    if (rc == 0)
        make_whole(c, file);
    return rc == 0 ? 0 : error_wrap(err, "%s", rows[file].key);
}

static int read_secrets(struct config *c, struct error *err)
{
    for (size_t i = 0; i < sizeof secret_files / sizeof secret_files[0]; i++)
        if (read_secret(c, secret_files[i].secret, secret_files[i].file, err) != 0)
            return -1;
    make_whole(c, SETTING_KEYSTORE_PATH);
    return 0;
}

/* A follower that hears of its leader less often than it waits for it would stand for election. */
static int check_election(const struct config *c, struct error *err)
{
    int64_t beat = config_number(c, SETTING_HEARTBEAT), wait = config_number(c, SETTING_ELECTION);
    if (2 * beat <= wait)
        return 0;
    return error_set(err, ERR_INVALID,
                     "heartbeat: got \"%s\", need at most half of the election-timeout, %s",
                     config_text(c, SETTING_HEARTBEAT), config_text(c, SETTING_ELECTION));
}

int config_read(struct config *c, int argc, char **argv, struct error *err)
{
    *c = (struct config){0};
    if (read_flags(c, argc, argv, err) != 0 || read_environment(c, err) != 0 ||
        read_files(c, err) != 0 || read_secrets(c, err) != 0 || check_election(c, err) != 0) {
        config_close(c);
        return -1;
    }
    char text[VALUE_SIZE];
    for (int i = 0; i < SETTINGS_N; i++)
        if (c->values[i] == NULL)
            c->values[i] = mem_strdup(default_of((enum setting)i, text));
    return 0;
}

void config_close(struct config *c)
{
    for (int i = 0; i < SETTINGS_N; i++)
        mem_free(c->values[i]);
    *c = (struct config){0};
}

/* ---- asking */

const char *config_key(enum setting s)
{
    return rows[s].key;
}

const char *config_text(const struct config *c, enum setting s)
{
    return c->values[s] != NULL ? c->values[s] : rows[s].value; /* while it is read */
}

int config_blame(const struct config *c, enum setting s, struct error *err)
{
    char name[VARIABLE_SIZE];
    return str_eq(c->sources[s], FROM_ENVIRONMENT) ? error_wrap(err, "%s", variable_of(s, name))
                                                   : -1;
}

int64_t config_number(const struct config *c, enum setting s)
{
    int64_t n = 0;
    if (rows[s].kind == KIND_PORT)
        return str_to_i64(config_text(c, s), &n) ? n : 0;
    return parse_number(rows[s].kind, config_text(c, s), &n) ? n : 0;
}

double config_amount(const struct config *c, enum setting s)
{
    double n = 0;
    return str_to_double(config_text(c, s), &n) ? n : 0;
}

bool config_switch(const struct config *c, enum setting s)
{
    return str_eq(config_text(c, s), "true");
}

unsigned config_modes(const struct config *c)
{
    unsigned bits = 0;
    return modes_parse(config_text(c, SETTING_MODES), &bits) ? bits : 0;
}

enum log_level config_level(const struct config *c)
{
    enum log_level level = LOG_INFO;
    return parse_level(config_text(c, SETTING_LOG), &level) ? level : LOG_INFO;
}

void config_attributes(const struct config *c, struct buf *out)
{
    bool fine = parse_attributes(config_text(c, SETTING_ATTRIBUTES), out);
    ASSERT(fine); /* checked when it was set */
}

/* What a file said is read from the file again. */
static bool is_kept(const struct config *c, enum setting s)
{
    static const enum setting never[] = {SETTING_DATA, SETTING_CONFIG, SETTING_DEMO};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (s == never[i])
            return false;
    if (rows[s].kind == KIND_SECRET)
        return false;
    return s == SETTING_ADDRESS || s == SETTING_MODES ||
           (c->sources[s] != NULL && !str_eq(c->sources[s], "file"));
}

int config_check_kept(const struct config *c, struct error *err)
{
    const enum setting s = SETTING_HTTP_CREDENTIALS;
    if (*config_text(c, s) == '\0' || str_eq(c->sources[s], "file") ||
        *config_text(c, SETTING_HTTP_CREDENTIALS_FILE) != '\0')
        return 0;
    return error_set(err, ERR_INVALID,
                     "%s: a secret is not kept, and without it the next start would open the "
                     "ports: need %s, or %s in the file of --config",
                     rows[s].key, rows[SETTING_HTTP_CREDENTIALS_FILE].key, rows[s].key);
}

void config_keep(const struct config *c, struct buf *out)
{
    const char *file = config_text(c, SETTING_CONFIG);
    char *absolute = *file != '\0' ? realpath(file, NULL) : NULL;
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    if (absolute != NULL)
        json_member_str(&w, rows[SETTING_CONFIG].key, absolute);
    for (int i = 0; i < SETTINGS_N; i++)
        if (is_kept(c, (enum setting)i))
            json_member_str(&w, rows[i].key, config_text(c, (enum setting)i));
    json_object_end(&w);
    free(absolute);
}

/* ---- mesolith config */

void config_help(void)
{
    for (int i = 0; i < SETTINGS_N; i++) {
        char text[VALUE_SIZE];
        const char *value = default_of((enum setting)i, text);
        printf("  --%-22s %s%s%s%s\n", rows[i].key, rows[i].what, *value != '\0' ? " (" : "", value,
               *value != '\0' ? ")" : "");
    }
    printf("\nEach is also a key of the file that --config names, and a variable of the "
           "environment:\nagent-port, MESOLITH_AGENT_PORT.\n");
}

static const char *shown(const struct config *c, enum setting s)
{
    const char *value = config_text(c, s);
    return rows[s].kind == KIND_SECRET && *value != '\0' ? "(not shown)" : value;
}

int config_main(int argc, char **argv)
{
    struct config c;
    struct error err;
    bool show = argc > 0 && str_eq(argv[0], "show"), check = argc > 0 && str_eq(argv[0], "check");
    if (!show && !check) {
        if (argc > 0)
            fprintf(stderr, "error: %s: config has no such verb\n", argv[0]);
        fprintf(stderr, "usage: mesolith config check|show [--config FILE] [--FLAG VALUE]…\n");
        return error_exit_status(ERR_SYNTAX);
    }
    if (config_read(&c, argc - 1, argv + 1, &err) != 0) {
        fprintf(stderr, "error: %s\n", err.text);
        return error_exit_status(err.code);
    }
    for (int i = 0; show && i < SETTINGS_N; i++)
        printf("%-22s %-30s %s\n", rows[i].key, shown(&c, (enum setting)i),
               c.sources[i] != NULL ? c.sources[i] : "default");
    if (check)
        printf("the configuration is right\n");
    config_close(&c);
    return 0;
}
