#include "http/url.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

static struct slice slice_from(struct slice s, size_t at)
{
    return (struct slice){s.p + at, s.len - at};
}

/* ---- percent-encoding */
/* The byte that the sequence at the start of `s` stands for; -1 if it is none, or a NUL. */
static int percent_byte(struct slice s)
{
    if (s.len < 3)
        return -1;
    int high = hex_value(s.p[1]), low = hex_value(s.p[2]);
    if (high < 0 || low < 0)
        return -1;
    int byte = high * 16 + low;
    return byte != 0 ? byte : -1;
}

static int bad_percent(struct slice at, struct error *err)
{
    char quoted[16];
    str_quote(quoted, sizeof(quoted), at.p, at.len < 3 ? at.len : 3);
    return error_set(err, ERR_SYNTAX,
                     "URL: got %s, need %% and two hex digits, of a byte other than 0", quoted);
}

static bool url_valid(struct slice text, struct error *err)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] == '\0' || (text.p[i] == '%' && percent_byte(slice_from(text, i)) < 0)) {
            bad_percent(slice_from(text, i), err);
            return false;
        }
    return true;
}

int url_decode(struct slice text, enum url_kind kind, struct buf *out, struct error *err)
{
    if (!url_valid(text, err))
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '%') {
            buf_putc(out, (char)percent_byte(slice_from(text, i)));
            i += 2;
        } else {
            buf_putc(out, text.p[i] == '+' && kind == URL_FORM ? ' ' : text.p[i]);
        }
    }
    return 0;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

void url_encode(struct slice text, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (is_unreserved(text.p[i])) {
            buf_putc(out, text.p[i]);
        } else {
            buf_putc(out, '%');
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        }
    }
}

bool url_is_own(struct slice path)
{
    static const char own[] = "/api/";
    return path.len >= sizeof own - 1 && memcmp(path.p, own, sizeof own - 1) == 0;
}

/* ---- queries */
/* Cuts the text before the first `c` off the front of `rest`. */
static struct slice cut(struct slice *rest, char c)
{
    const char *at = rest->len > 0 ? memchr(rest->p, c, rest->len) : NULL;
    size_t n = at != NULL ? (size_t)(at - rest->p) : rest->len;
    struct slice head = {rest->p, n};
    *rest = slice_from(*rest, at != NULL ? n + 1 : n);
    return head;
}

static size_t count_pairs(struct slice text)
{
    size_t n = 0;
    while (text.len > 0)
        n += cut(&text, '&').len > 0;
    return n;
}

/* Decodes into out, ends it with a NUL, and says where it begins. */
static size_t put_decoded(struct slice text, struct buf *out)
{
    struct error never; /* the whole text was found valid before */
    size_t at = out->len;
    if (url_decode(text, URL_FORM, out, &never) == 0)
        buf_putc(out, '\0');
    return at;
}

int query_parse(struct query *q, struct slice text, struct error *err)
{
    if (!url_valid(text, err))
        return -1;

    size_t n = count_pairs(text), i = 0;
    struct buf decoded;
    buf_init(&decoded, text.len + 2 * n); /* decoding never lengthens; two NULs a pair */
    struct {
        size_t key, value;
    } *at = mem_alloc((n + 1) * sizeof(*at));
    while (text.len > 0) {
        struct slice value = cut(&text, '&');
        if (value.len == 0)
            continue;
        struct slice key = cut(&value, '=');
        at[i].key = put_decoded(key, &decoded);
        at[i++].value = put_decoded(value, &decoded);
    }

    *q = (struct query){.n = n, .items = mem_alloc((n + 1) * sizeof(*q->items))};
    size_t len;
    q->text = buf_take(&decoded, &len);
    for (i = 0; i < n; i++)
        q->items[i] = (struct query_item){q->text + at[i].key, q->text + at[i].value};
    mem_free(at);
    return 0;
}

void query_close(struct query *q)
{
    mem_free(q->items);
    mem_free(q->text);
    *q = (struct query){0};
}

static bool key_is(const char *found, const char *key)
{
    size_t n = strlen(key);
    return strncmp(found, key, n) == 0 && (found[n] == '\0' || strcmp(found + n, "[]") == 0);
}

const char *query_each(const struct query *q, const char *key, size_t *cursor)
{
    while (*cursor < q->n) {
        const struct query_item *item = &q->items[(*cursor)++];
        if (key_is(item->key, key))
            return item->value;
    }
    return NULL;
}

const char *query_get(const struct query *q, const char *key)
{
    size_t cursor = 0;
    return query_each(q, key, &cursor);
}

bool query_true(const struct query *q, const char *key)
{
    const char *value = query_get(q, key);
    return value != NULL && strcasecmp(value, "true") == 0;
}

/* ---- whole URLs */
static bool starts_nocase(const char *s, const char *prefix)
{
    return strncasecmp(s, prefix, strlen(prefix)) == 0;
}

static int bad_url(const char *text, const char *need, struct error *err)
{
    char quoted[128];
    str_quote(quoted, sizeof(quoted), text, strlen(text));
    return error_set(err, ERR_INVALID, "URL: got %s, need %s", quoted, need);
}

/* ":8080", or nothing for the usual one. */
static bool parse_port(struct slice text, uint16_t usual, uint16_t *out)
{
    if (text.len == 0) {
        *out = usual;
        return true;
    }
    char digits[8] = "";
    uint64_t port;
    if (text.p[0] != ':' || text.len > 6)
        return false;
    memcpy(digits, text.p + 1, text.len - 1);
    if (!str_to_u64(digits, &port) || port > UINT16_MAX)
        return false;
    *out = (uint16_t)port;
    return true;
}

/* "10.0.0.1:8080", "[::1]:8080", "name" */
static bool split_authority(struct slice a, struct slice *host_out, struct slice *port_out)
{
    const char *close = a.len > 0 && a.p[0] == '[' ? memchr(a.p, ']', a.len) : NULL;
    if (close != NULL) {
        size_t n = (size_t)(close - a.p);
        *host_out = (struct slice){a.p + 1, n - 1};
        *port_out = slice_from(a, n + 1);
        return n > 1;
    }
    if (memchr(a.p, '[', a.len) != NULL)
        return false;
    const char *colon = a.len > 0 ? memchr(a.p, ':', a.len) : NULL;
    size_t n = colon != NULL ? (size_t)(colon - a.p) : a.len;
    *host_out = (struct slice){a.p, n};
    *port_out = slice_from(a, n);
    return n > 0;
}

static bool is_printable(const char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return false;
    return true;
}

static char *target_of(struct slice rest)
{
    const char *hash = rest.len > 0 ? memchr(rest.p, '#', rest.len) : NULL;
    struct buf b;
    size_t len;
    if (hash != NULL)
        rest.len = (size_t)(hash - rest.p);
    buf_init(&b, LIMIT_URL_BYTES);
    if (rest.len == 0 || rest.p[0] != '/')
        buf_putc(&b, '/');
    buf_put_slice(&b, rest);
    return buf_take(&b, &len);
}

int url_parse(const char *text, struct url *out, struct error *err)
{
    if (strlen(text) >= LIMIT_URL_BYTES || !is_printable(text))
        return bad_url(text, "printable characters without blanks, not too many", err);
    if (starts_nocase(text, "unix:")) {
        const char *path = text + strlen("unix:");
        path += starts_nocase(path, "///") ? 2 : 0;
        if (path[0] != '/')
            return bad_url(text, "unix: and an absolute path", err);
        *out = (struct url){.unix_path = mem_strdup(path),
                            .host = mem_strdup("localhost"),
                            .target = mem_strdup("/")};
        return 0;
    }

    bool tls = starts_nocase(text, "https://");
    const char *at = text + (tls ? strlen("https://") : 0);
    if (starts_nocase(at, "http://"))
        at += strlen("http://");
    if (strstr(at, "://") != NULL && strstr(at, "://") < at + strcspn(at, "/?#"))
        return bad_url(text, "http://, https:// or unix:", err);

    struct slice authority = {at, strcspn(at, "/?#")}, host, port;
    struct url u = {.tls = tls};
    if (memchr(authority.p, '@', authority.len) != NULL)
        return bad_url(text, "a host without user and password", err);
    if (!split_authority(authority, &host, &port))
        return bad_url(text, "a host", err);
    if (!parse_port(port, tls ? 443 : 80, &u.port))
        return bad_url(text, "a port from 0 to 65535", err);
    u.host = mem_strndup(host.p, host.len);
    u.target = target_of(slice_of(at + authority.len));
    *out = u;
    return 0;
}

void url_close(struct url *u)
{
    mem_free(u->unix_path);
    mem_free(u->host);
    mem_free(u->target);
    *u = (struct url){0};
}
