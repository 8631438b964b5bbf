#include "listeners.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

const struct listening_row listeners[LISTENERS] = {
    [LISTEN_MARATHON] = {"marathon", SETTING_MARATHON_PORT, MODE_SCHEDULER},
    [LISTEN_CHRONOS] = {"chronos", SETTING_CHRONOS_PORT, MODE_SCHEDULER},
    [LISTEN_MESOS] = {"mesos", SETTING_MESOS_PORT, MODE_MASTER},
    [LISTEN_AGENT] = {"agent", SETTING_AGENT_PORT, MODE_AGENT},
    [LISTEN_STATS] = {"stats", SETTING_STATS_PORT, MODE_AGENT}, /* the proxy's */
};

bool listener_is_on(const struct config *c, unsigned modes, enum listening d)
{
    return (modes & listeners[d].mode) != 0 && config_number(c, listeners[d].port) >= 0;
}

static bool is_loopback(const char *address)
{
    return str_starts(address, "127.") || str_eq(address, "::1");
}

static bool among(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    }
    return false;
}

int listener_check_plain(const struct config *c, unsigned modes, struct error *err)
{
    const char *address = config_text(c, SETTING_ADDRESS), *plain = config_text(c, SETTING_PLAIN);
    for (int d = 0; d < LISTENERS && !is_loopback(address); d++)
        if (listener_is_on(c, modes, (enum listening)d) && !among(plain, listeners[d].name))
            return error_set(err, ERR_INVALID,
                             "address: got %s, which others reach, and there is no TLS yet: need "
                             "--plain mesos,agent,marathon,chronos,stats (or --%s-port -1), or an "
                             "address of 127.0.0.0/8",
                             address, listeners[d].name);
    return 0;
}

const char *name_of(const struct config *c, char *dst, size_t size)
{
    const char *host = config_text(c, SETTING_HOSTNAME);
    str_copy(dst, size, config_text(c, SETTING_NAME));
    if (dst[0] == '\0' && gethostname(dst, size - 1) != 0)
        str_copy(dst, size, *host != '\0' ? host : config_text(c, SETTING_ADDRESS));
    return dst;
}

int peer_address_of(const struct config *c, struct address *out, struct error *err)
{
    const char *advertised = config_text(c, SETTING_ADVERTISE);
    const char *host = *advertised != '\0' ? advertised : config_text(c, SETTING_ADDRESS);
    int64_t port = config_number(c, SETTING_PEER_PORT);
    bool v6 = strchr(host, ':') != NULL;
    char text[ADDRESS_SIZE + 8];
    if (port < 1)
        return error_set(err, ERR_INVALID,
                         "peer-port: got %lld, need one that the other nodes can know: 1 to 65535",
                         (long long)port);
    snprintf(text, sizeof text, "%s%.254s%s:%d", v6 ? "[" : "", host, v6 ? "]" : "", (int)port);
    if (address_parse(text, out, err) == 0)
        return 0;
    return error_wrap(err, "%s", *advertised != '\0' ? "advertise" : "address (or --advertise)");
}
