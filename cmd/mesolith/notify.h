/* cmd/mesolith/notify.h - tells the service manager how far this process is: systemd's Type=notify
 * waits for one datagram on the socket that NOTIFY_SOCKET names. Nobody asked: nothing is sent.
 *
 * Our own, because that datagram is all that we would use of libsystemd, of which Debian has no
 * static archive. */
#pragma once

#include <stdbool.h>

/* Takes the socket's name out of the environment, so that no task and no proxy speaks for us: to be
 * called before anything is forked. */
void notify_init(void);

/* "READY=1", or several such lines. Never waits: false when it was not taken and may be tried again
 * later; true when it was, or nobody wants to know. */
bool notify(const char *lines);
