#include "model/address.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
static const char v6_bytes[] = "abcdef0123456789:.";

static int refuse(const char *text, const char *need, struct error *err)
{
    char quoted[100];
    return error_set(err, ERR_INVALID, "address: got %s, need %s",
                     str_quote(quoted, sizeof quoted, text, strlen(text)), need);
}

/* Where the host ends: at the bracket, else at the only colon. NULL: neither is there. */
static const char *end_of_host(const char *text)
{
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        return end != NULL && end[1] == ':' ? end : NULL;
    }
    const char *end = strchr(text, ':');
    return end != NULL && strchr(end + 1, ':') == NULL ? end : NULL;
}

static bool copy_lower(char dst[ADDRESS_HOST_SIZE], const char *src, size_t len)
{
    if (len == 0 || len >= ADDRESS_HOST_SIZE)
        return false;
    for (size_t i = 0; i < len; i++)
        dst[i] = src[i] >= 'A' && src[i] <= 'Z' ? (char)(src[i] - 'A' + 'a') : src[i];
    dst[len] = '\0';
    return true;
}

static bool names_nobody(const char *host)
{
    return strspn(host, "0.") == strlen(host) || strspn(host, "0:") == strlen(host);
}

int address_parse(const char *text, struct address *out, struct error *err)
{
    struct address a;
    int64_t port;
    bool v6 = text[0] == '[';
    const char *host = text + v6, *end = end_of_host(text);
    if (end == NULL)
        return refuse(text, "HOST:PORT, or [IPv6]:PORT", err);
    if (!copy_lower(a.host, host, (size_t)(end - host)) ||
        strspn(a.host, v6 ? v6_bytes : name_bytes) != strlen(a.host) ||
        (v6 && strchr(a.host, ':') == NULL) || a.host[0] == '-' || (!v6 && a.host[0] == '.'))
        return refuse(text, "an IP address or a host's name before the port", err);
    if (names_nobody(a.host))
        return refuse(text, "an address that other nodes can reach", err);
    end += v6 ? 2 : 1;
    if (!str_to_i64(end, &port) || port < 1 || port > UINT16_MAX)
        return refuse(text, "a port from 1 to 65535", err);
    a.port = (uint16_t)port;
    *out = a;
    return 0;
}

const char *address_text(const struct address *a, char dst[ADDRESS_SIZE])
{
    bool v6 = strchr(a->host, ':') != NULL;
    snprintf(dst, ADDRESS_SIZE, "%s%s%s:%u", v6 ? "[" : "", a->host, v6 ? "]" : "", a->port);
    return dst;
}
