#include "listeners.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

const struct listening_row listeners[LISTENERS] = {
    [LISTEN_MARATHON] = {"marathon", "marathon", SETTING_MARATHON_PORT, MODE_SCHEDULER},
    [LISTEN_CHRONOS] = {"chronos", "chronos", SETTING_CHRONOS_PORT, MODE_SCHEDULER},
    [LISTEN_MESOS] = {"mesos", "mesos", SETTING_MESOS_PORT, MODE_MASTER},
    [LISTEN_AGENT] = {"agent", "agent", SETTING_AGENT_PORT, MODE_AGENT},
    [LISTEN_HTTPS] = {"https", "chronos", SETTING_HTTPS_PORT, MODE_SCHEDULER},
    [LISTEN_STATS] = {"stats", "stats", SETTING_STATS_PORT, MODE_AGENT}, /* the proxy's */
};

bool listener_is_on(const struct config *c, unsigned modes, enum listening d)
{
    if (d != LISTEN_HTTPS && config_switch(c, SETTING_DISABLE_HTTP))
        return false;
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

int listener_check_tls(const struct config *c, unsigned modes, struct error *err)
{
    bool by_tls = listener_is_on(c, modes, LISTEN_HTTPS);
    if (by_tls && *config_text(c, SETTING_KEYSTORE_PATH) == '\0')
        return error_set(err, ERR_INVALID,
                         "ssl-keystore-path: need a file with the certificate and its key for the "
                         "https-port, PEM or PKCS#12");
    if ((modes & MODE_SCHEDULER) != 0 && !by_tls && config_switch(c, SETTING_DISABLE_HTTP))
        return error_set(err, ERR_INVALID,
                         "disable-http: then nobody is served: need an https-port");
    return 0;
}

int listener_check_plain(const struct config *c, unsigned modes, struct error *err)
{
    const char *address = config_text(c, SETTING_ADDRESS), *plain = config_text(c, SETTING_PLAIN);
    for (int d = 0; d < LISTENERS && !is_loopback(address); d++)
        if (d != LISTEN_HTTPS && listener_is_on(c, modes, (enum listening)d) &&
            !among(plain, listeners[d].name))
            return error_set(
                err, ERR_INVALID,
                "address: got %s, which others reach, and the HTTP doors speak no TLS: need "
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
