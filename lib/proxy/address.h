/* lib/proxy/address.h - an IP address and a port, as text and as the kernel wants it. Pure. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"

union proxy_address { /* a zeroed one is no address */
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* ERR_INVALID when `ip` is neither an IPv4 nor an IPv6 address; names are not looked up. */
int proxy_address_parse(const char *ip, uint16_t port, union proxy_address *out,
                        struct error *err) MUST_CHECK;
socklen_t proxy_address_size(const union proxy_address *a);
uint16_t proxy_address_port(const union proxy_address *a);

#define PROXY_ADDRESS_TEXT_SIZE 56
/* "127.0.0.1", "::1" */
const char *proxy_address_ip(const union proxy_address *a, char dst[PROXY_ADDRESS_TEXT_SIZE]);
/* "127.0.0.1:80", "[::1]:80" */
const char *proxy_address_text(const union proxy_address *a, char dst[PROXY_ADDRESS_TEXT_SIZE]);

bool proxy_address_equal(const union proxy_address *a, const union proxy_address *b);
/* True when a listener at one keeps the other from being bound: the same port, and the same
 * address or one of them the wildcard. */
bool proxy_address_clash(const union proxy_address *a, const union proxy_address *b);
/* True when who listens on `listening` would be reached by connecting to `target`, as far as the
 * addresses alone can tell: equal, or a wildcard and a loopback address. */
bool proxy_address_reaches(const union proxy_address *listening, const union proxy_address *target);
