#include "model/sentry.h"

#include <ctype.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define TAG_SIZE 201      /* Sentry keeps no longer one */
#define EVENT_ID_BYTES 16 /* of its id, which is told in hex */

/* ---- DSN */

struct dsn {
    struct slice scheme, key, secret, rest; /* rest: host, port and path, without the project */
    const char *project;
};

static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.p[i]))
            return false;
    return true;
}

static bool is_web(struct slice scheme)
{
    return slice_is(scheme, "https") || slice_is(scheme, "http");
}

/* A host and what may stand behind it. */
static bool is_place(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isgraph((unsigned char)s.p[i]) || strchr("@?#\"<>\\", s.p[i]) != NULL)
            return false;
    return s.len > 0 && s.p[0] != '/';
}

static bool split(const char *text, struct dsn *out)
{
    const char *host = strstr(text, "://"), *at = host != NULL ? strchr(host, '@') : NULL;
    const char *slash = at != NULL ? strrchr(at, '/') : NULL;
    if (slash == NULL)
        return false;
    const char *user = host + strlen("://"), *colon = memchr(user, ':', (size_t)(at - user));
    const char *user_end = colon != NULL ? colon : at;
    *out = (struct dsn){.scheme = {text, (size_t)(host - text)},
                        .key = {user, (size_t)(user_end - user)},
                        .rest = {at + 1, (size_t)(slash - at - 1)},
                        .project = slash + 1};
    if (colon != NULL)
        out->secret = (struct slice){colon + 1, (size_t)(at - colon - 1)};
    return is_web(out->scheme) && is_place(out->rest) && out->key.len > 0 && is_word(out->key) &&
           is_word(out->secret) && *out->project != '\0' && is_word(slice_of(out->project));
}

static char *url_of(const struct dsn *d)
{
    struct buf url;
    buf_init(&url, LIMIT_URL_BYTES);
    buf_put_slice(&url, d->scheme);
    buf_puts(&url, "://");
    buf_put_slice(&url, d->rest);
    buf_printf(&url, "/api/%s/store/", d->project);
    return buf_take(&url, NULL);
}

static char *header_of(const struct dsn *d)
{
    struct buf line;
    buf_init(&line, LIMIT_HEADER_BYTES);
    buf_puts(&line, "X-Sentry-Auth: Sentry sentry_version=7, sentry_client=mesolith, sentry_key=");
    buf_put_slice(&line, d->key);
    buf_puts(&line, d->secret.len > 0 ? ", sentry_secret=" : "");
    buf_put_slice(&line, d->secret);
    buf_puts(&line, "\r\n");
    return buf_take(&line, NULL);
}

int sentry_parse(const char *dsn, struct sentry *out, struct error *err)
{
    struct dsn d;
    if (strlen(dsn) >= LIMIT_URL_BYTES / 2 || !split(dsn, &d))
        return error_set(err, ERR_INVALID, "need https://KEY@host/PROJECT, as Sentry shows it");
    *out = (struct sentry){url_of(&d), header_of(&d)};
    return 0;
}

void sentry_close(struct sentry *s)
{
    mem_free(s->url);
    mem_free(s->header);
    *s = (struct sentry){0};
}

/* ---- events */

static const char *level_of(enum notice event)
{
    if (event == NOTICE_RECOVERED || event == NOTICE_DELETED || event == NOTICE_TEST)
        return "info";
    return event == NOTICE_LATE ? "warning" : "error";
}

static void put_id(const char *id, struct json_writer *w)
{
    uint8_t sum[SHA256_SIZE];
    char hex[2 * EVENT_ID_BYTES + 1];
    sha256_of(id, strlen(id), sum);
    hex_encode(hex, sum, EVENT_ID_BYTES);
    json_member_str(w, "event_id", hex);
}

static void put_message(const struct sentry_event *e, struct json_writer *w)
{
    struct buf text;
    buf_init(&text, strlen(e->subject) + strlen(e->message) + 3);
    buf_printf(&text, "%s%s%s", e->subject, *e->message != '\0' ? ": " : "", e->message);
    json_member_str(w, "message", buf_str(&text));
    buf_close(&text);
}

static void put_tag(struct json_writer *w, const char *name, const char *value)
{
    char cut[TAG_SIZE];
    str_copy(cut, sizeof cut, value);
    if (*cut != '\0')
        json_member_str(w, name, cut);
}

static const char *fact(const struct sentry_event *e, const char *name)
{
    return json_str(json_get(e->facts, name), "");
}

static bool is_extra(const char *name)
{
    return !str_eq(name, "message") && !str_eq(name, "job") && !str_eq(name, "command");
}

void sentry_write(const struct sentry_event *e, struct json_writer *w)
{
    char at[TIME_TEXT_SIZE];
    char *owner = slice_dup(e->owner);
    put_id(e->id, w);
    json_member_str(w, "timestamp", wall_text(e->at, at));
    json_member_str(w, "level", level_of(e->event));
    json_member_str(w, "platform", "other");
    json_member_str(w, "logger", "mesolith");
    json_member_str(w, "server_name", e->server);
    put_message(e, w);
    json_key(w, "tags");
    json_object(w);
    put_tag(w, "owner", owner);
    put_tag(w, "job", fact(e, "job"));
    put_tag(w, "command", fact(e, "command"));
    json_object_end(w);
    json_key(w, "extra");
    json_object(w);
    JSON_EACH (f, e->facts)
        if (is_extra(json_name(f)))
            json_member_str(w, json_name(f), json_str(f, ""));
    json_object_end(w);
    mem_free(owner);
}
