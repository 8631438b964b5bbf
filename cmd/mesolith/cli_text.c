#include "cli_text.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define FAR_AWAY (1000 * DAY) /* from then on the day says more */

static const struct {
    int64_t ms;
    const char *name;
} units[] = {{DAY, "d"}, {HOUR, "h"}, {MINUTE, "m"}, {SECOND, "s"}};
#define UNITS_N (sizeof units / sizeof units[0])

/* ---- times */

static size_t unit_of(int64_t ms)
{
    size_t i = 0;
    while (i < UNITS_N - 1 && ms < units[i].ms)
        i++;
    return i;
}

const char *text_duration(char dst[TEXT_SIZE], int64_t ms)
{
    if (ms < 0)
        ms = 0;
    size_t at = unit_of(ms);
    int64_t rest = at + 1 < UNITS_N ? ms % units[at].ms / units[at + 1].ms : 0;
    if (ms < SECOND)
        snprintf(dst, TEXT_SIZE, "%lld ms", (long long)ms);
    else if (ms < 10 * SECOND && ms % SECOND >= 100)
        snprintf(dst, TEXT_SIZE, "%lld.%lld s", (long long)(ms / SECOND),
                 (long long)(ms % SECOND / 100));
    else if (rest > 0)
        snprintf(dst, TEXT_SIZE, "%lld %s %lld %s", (long long)(ms / units[at].ms), units[at].name,
                 (long long)rest, units[at + 1].name);
    else
        snprintf(dst, TEXT_SIZE, "%lld %s", (long long)(ms / units[at].ms), units[at].name);
    return dst;
}

const char *text_relative(char dst[TEXT_SIZE], int64_t at, int64_t now)
{
    int64_t away = at < now ? now - at : at - now;
    if (away < SECOND) {
        snprintf(dst, TEXT_SIZE, "now");
        return dst;
    }
    if (away >= FAR_AWAY && at >= 0) {
        char day[TIME_TEXT_SIZE];
        snprintf(dst, TEXT_SIZE, "on %.10s", wall_text((struct wall){at}, day));
        return dst;
    }
    size_t u = unit_of(away);
    snprintf(dst, TEXT_SIZE, at < now ? "%lld %s ago" : "in %lld %s",
             (long long)(away / units[u].ms), units[u].name);
    return dst;
}

/* ---- numbers */

const char *text_number(char dst[TEXT_SIZE], double n)
{
    int len = snprintf(dst, TEXT_SIZE, "%.3f", n);
    if (len < 0 || len >= TEXT_SIZE) {
        snprintf(dst, TEXT_SIZE, "%g", n);
        return dst;
    }
    while (len > 0 && dst[len - 1] == '0')
        dst[--len] = '\0';
    if (len > 0 && dst[len - 1] == '.')
        dst[--len] = '\0';
    if (str_eq(dst, "-0"))
        str_copy(dst, TEXT_SIZE, "0");
    return dst;
}

const char *text_count(char dst[TEXT_SIZE], int64_t n, const char *one)
{
    snprintf(dst, TEXT_SIZE, "%lld %.30s%s", (long long)n, one, n == 1 ? "" : "s");
    return dst;
}

/* ---- ids */

#define UUID_LEN 36
#define UUID_SHOWN 8
#define INSTANCE "instance-"

static bool is_uuid(const char *s)
{
    for (size_t i = 0; i < UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');
        if (dash ? s[i] != '-' : !hex)
            return false;
    }
    return true;
}

/* NULL: there is none. */
static const char *find_uuid(const char *id)
{
    for (const char *at = id; strlen(at) >= UUID_LEN; at++)
        if (is_uuid(at))
            return at;
    return NULL;
}

/* What follows the uuid: of ".side.1", a container of a pod, ".side"; nothing of "._app.1". */
static size_t container_len(const char *rest)
{
    if (rest[0] != '.' || rest[1] == '_' || rest[1] == '\0')
        return 0;
    size_t len = 1 + strcspn(rest + 1, ".");
    return rest[len] == '.' ? len : 0;
}

const char *text_unique_id(char *dst, size_t size, const char *id)
{
    const char *uuid = find_uuid(id);
    if (uuid == NULL) {
        str_copy(dst, size, id);
        return dst;
    }
    const char *rest = uuid + UUID_LEN;
    snprintf(dst, size, "%.*s%.*s", UUID_SHOWN, uuid, (int)container_len(rest), rest);
    return dst;
}

const char *text_short_id(char *dst, size_t size, const char *id)
{
    char unique[256];
    const char *uuid = find_uuid(id);
    size_t before = uuid != NULL ? (size_t)(uuid - id) : 0, word = strlen(INSTANCE);
    if (before >= word && memcmp(uuid - word, INSTANCE, word) == 0)
        before -= word;
    snprintf(dst, size, "%.*s%s", (int)before, id, text_unique_id(unique, sizeof unique, id));
    return dst;
}

bool text_means_id(const char *typed, const char *id)
{
    char brief[256];
    return *typed != '\0' &&
           (str_starts(id, typed) || str_starts(text_short_id(brief, sizeof brief, id), typed) ||
            (strlen(typed) >= UUID_SHOWN / 2 && strstr(id, typed) != NULL));
}

/* ---- width */

/* First and last code points that a terminal gives no column, or two. */
static const struct {
    uint32_t first, last;
    unsigned columns;
} widths[] = {
    {0x0300, 0x036F, 0}, {0x1100, 0x115F, 2},   {0x200B, 0x200F, 0},   {0x2E80, 0xA4CF, 2},
    {0xAC00, 0xD7A3, 2}, {0xF900, 0xFAFF, 2},   {0xFE00, 0xFE0F, 0},   {0xFE30, 0xFE6F, 2},
    {0xFF00, 0xFF60, 2}, {0x1F300, 0x1FAFF, 2}, {0x20000, 0x3FFFD, 2},
};

/* Decodes the character of `len` bytes at s. */
static uint32_t code_point(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    static const unsigned char first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t c = u[0] & first_bits[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (u[i] & 0x3F);
    return c;
}

static unsigned columns_of(uint32_t c)
{
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        if (c >= widths[i].first && c <= widths[i].last)
            return widths[i].columns;
    return 1;
}

/* The bytes of the character at s, and its columns; a byte that is none counts for itself. */
static size_t next_character(const char *s, size_t len, unsigned *columns)
{
    size_t n = str_utf8_len(s, len);
    *columns = n == 0 ? 1 : columns_of(code_point(s, n));
    return n == 0 ? 1 : n;
}

size_t text_width(const char *text, size_t len)
{
    size_t width = 0;
    unsigned columns;
    for (size_t at = 0; at < len; width += columns)
        at += next_character(text + at, len - at, &columns);
    return width;
}

size_t text_fit(const char *text, size_t len, size_t columns)
{
    size_t at = 0, used = 0;
    while (at < len) {
        unsigned more;
        size_t n = next_character(text + at, len - at, &more);
        if (used + more > columns)
            break;
        used += more;
        at += n;
    }
    return at;
}

/* ---- sentences */

const char *text_reason(const char *message)
{
    static const struct {
        const char *word, *says;
    } reasons[] = {
        {"no-leader", "no master led the cluster in time"},
        {"no-start", "no node started it in time"},
        {"no-resources", "no node had room for it in time"},
        {"no-eligible-node", "none of the nodes may run it"},
        {"unreadable", "its definition cannot be read"},
        {"overlap", "the run before it was still going on"},
        {"a later target runs in its place", "a later due time took its place"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strcmp(message, reasons[i].word) == 0)
            return reasons[i].says;
    return message;
}

/* Also what UTF-8 has as control characters (U+0080 to U+009F), and bytes that are no UTF-8. */
void text_clean(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        size_t n = str_utf8_len(text + at, len - at);
        uint32_t c = n > 0 ? code_point(text + at, n) : 0xFFFD;
        if (n == 0)
            buf_puts(out, "\xef\xbf\xbd");
        else if (c < 0x20 || (c >= 0x7F && c <= 0x9F))
            buf_putc(out, ' ');
        else
            buf_put(out, text + at, n);
        at += n > 0 ? n : 1;
    }
}

static void put_blanks(struct buf *out, size_t n)
{
    while (n-- > 0)
        buf_putc(out, ' ');
}

void text_wrap(struct buf *out, const char *text, size_t width, size_t indent)
{
    size_t column = indent;
    put_blanks(out, indent);
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        size_t wide = text_width(text, len);
        if (column > indent && width > 0 && column + 1 + wide > width) {
            buf_putc(out, '\n');
            put_blanks(out, indent);
            column = indent;
        } else if (column > indent && len > 0) {
            buf_putc(out, ' ');
            column++;
        }
        buf_put(out, text, len);
        column += wide;
        text += len;
        text += strspn(text, " ");
    }
}
