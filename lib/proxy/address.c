#include "proxy/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

int proxy_address_parse(const char *ip, uint16_t port, union proxy_address *out, struct error *err)
{
    union proxy_address a = {0};
    char quoted[80];
    if (inet_pton(AF_INET, ip, &a.v4.sin_addr) == 1) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, ip, &a.v6.sin6_addr) == 1) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(port);
    } else {
        return error_set(err, ERR_INVALID, "got %s, need an IPv4 or IPv6 address",
                         str_quote(quoted, sizeof(quoted), ip, strlen(ip)));
    }
    *out = a;
    return 0;
}

socklen_t proxy_address_size(const union proxy_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

uint16_t proxy_address_port(const union proxy_address *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

const char *proxy_address_ip(const union proxy_address *a, char dst[PROXY_ADDRESS_TEXT_SIZE])
{
    const void *ip = a->any.sa_family == AF_INET6 ? (const void *)&a->v6.sin6_addr
                                                  : (const void *)&a->v4.sin_addr;
    if (inet_ntop(a->any.sa_family, ip, dst, PROXY_ADDRESS_TEXT_SIZE) == NULL)
        str_copy(dst, PROXY_ADDRESS_TEXT_SIZE, "?");
    return dst;
}

const char *proxy_address_text(const union proxy_address *a, char dst[PROXY_ADDRESS_TEXT_SIZE])
{
    char ip[PROXY_ADDRESS_TEXT_SIZE];
    bool v6 = a->any.sa_family == AF_INET6;
    proxy_address_ip(a, ip);
    snprintf(dst, PROXY_ADDRESS_TEXT_SIZE, v6 ? "[%.45s]:%u" : "%.45s:%u", ip,
             proxy_address_port(a));
    return dst;
}

static bool same_ip(const union proxy_address *a, const union proxy_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    return a->any.sa_family == AF_INET6
               ? memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0
               : a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

static bool is_wildcard(const union proxy_address *a)
{
    return a->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr)
                                        : a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool is_loopback(const union proxy_address *a)
{
    return a->any.sa_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr)
                                        : ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool proxy_address_equal(const union proxy_address *a, const union proxy_address *b)
{
    return proxy_address_port(a) == proxy_address_port(b) && same_ip(a, b);
}

/* The IPv6 wildcard takes IPv4 too: we leave IPV6_V6ONLY as the kernel has it, off. */
static bool covers(const union proxy_address *wildcard, const union proxy_address *other)
{
    return is_wildcard(wildcard) &&
           (wildcard->any.sa_family == AF_INET6 || other->any.sa_family == AF_INET);
}

bool proxy_address_clash(const union proxy_address *a, const union proxy_address *b)
{
    return proxy_address_port(a) == proxy_address_port(b) &&
           (same_ip(a, b) || covers(a, b) || covers(b, a));
}

bool proxy_address_reaches(const union proxy_address *listening, const union proxy_address *target)
{
    return proxy_address_port(listening) == proxy_address_port(target) &&
           (same_ip(listening, target) || (covers(listening, target) && is_loopback(target)));
}
