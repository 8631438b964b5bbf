#include "proxy/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "proxy/private.h"

static int refuse(const union proxy_address *a, int error, struct error *err)
{
    char text[PROXY_ADDRESS_TEXT_SIZE];
    proxy_address_text(a, text);
    switch (error) {
    case EADDRINUSE:
        return error_set(err, ERR_CONFLICT, "%s is in use by another program on this machine",
                         text);
    case EACCES:
        return error_set(err, ERR_INVALID, "%s: ports below 1024 need root or CAP_NET_BIND_SERVICE",
                         text);
    case EADDRNOTAVAIL:
        return error_set(err, ERR_INVALID, "%s: this machine does not have that address", text);
    default:
        return error_set(err, ERR_IO, "%s cannot be listened on: %s", text, strerror(error));
    }
}

void proxy_socket_tune(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60}, {IPPROTO_TCP, TCP_KEEPINTVL, 10},
        {IPPROTO_TCP, TCP_KEEPCNT, 6},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

/* What is accepted inherits the options. */
static int listen_at(int fd, const union proxy_address *a)
{
    int on = 1;
    proxy_socket_tune(fd);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &a->any, proxy_address_size(a)) != 0)
        return -1;
    return listen(fd, LIMIT_PROXY_BACKLOG);
}

struct proxy_listener *proxy_listener_open(const union proxy_address *address, bool *again_out,
                                           struct error *err)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || listen_at(fd, address) != 0) {
        int error = errno;
        *again_out = error != EACCES;
        if (fd >= 0)
            close(fd);
        refuse(address, error, err);
        return NULL;
    }
    return proxy_listener_adopt(fd, address);
}

struct proxy_listener *proxy_listener_adopt(int fd, const union proxy_address *address)
{
    struct proxy_listener *l = NEW(struct proxy_listener);
    l->fd = fd;
    l->address = *address;
    atomic_init(&l->holders, 1);
    return l;
}

void proxy_listener_hold(struct proxy_listener *l)
{
    atomic_fetch_add(&l->holders, 1);
}

void proxy_listener_release(struct proxy_listener *l)
{
    if (l == NULL || atomic_fetch_sub(&l->holders, 1) > 1)
        return;
    close(l->fd);
    mem_free(l);
}
