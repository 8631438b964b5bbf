#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un to; /* no path: nobody */
static socklen_t to_size;

void notify_init(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t len = name != NULL ? strlen(name) : 0;
    to_size = 0;
    /* A path, or '@' and an abstract name; there are other kinds, of virtual machines. */
    if (len > 1 && len < sizeof to.sun_path && (name[0] == '/' || name[0] == '@')) {
        to = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(to.sun_path, name, len);
        if (name[0] == '@')
            to.sun_path[0] = '\0';
        to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    }
    unsetenv("NOTIFY_SOCKET");
}

bool notify(const char *lines)
{
    if (to_size == 0)
        return true;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    ssize_t sent = sendto(fd, lines, strlen(lines), MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&to, to_size);
    close(fd);
    return sent >= 0;
}
