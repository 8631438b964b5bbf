#include "proxy/settings.h"

#include "base/limits.h"

#define FOREVER_MS ((int64_t)365 * 24 * 3600 * 1000)

void proxy_settings_default(struct proxy_settings *s)
{
    *s = (struct proxy_settings){
        .service_address = "127.0.0.1",
        .stats_address = "127.0.0.1",
        .stats_port = -1,
        .authorization = "",
        .realm = "",
        .connect_ms = LIMIT_PROXY_CONNECT_MS,
        .drain_ms = LIMIT_PROXY_DRAIN_MS,
        .connections = LIMIT_PROXY_CONNECTIONS,
    };
}

static int parse_number(const struct json *v, const char *name, int64_t min, int64_t max,
                        int64_t *value, struct error *err)
{
    const struct json *member = json_get(v, name);
    int64_t got;
    if (member == NULL)
        return 0;
    if (!json_i64(member, &got))
        return error_set(err, ERR_INVALID, "%s: got %s, need a whole number", name,
                         json_kind_word(member));
    if (got < min || got > max)
        return error_set(err, ERR_INVALID, "%s: got %lld, need %lld to %lld", name, (long long)got,
                         (long long)min, (long long)max);
    *value = got;
    return 0;
}

static int parse_address(const struct json *v, const char *name, struct arena *arena,
                         const char **value, struct error *err)
{
    const struct json *member = json_get(v, name);
    union proxy_address checked;
    if (member == NULL)
        return 0;
    if (!json_is(member, JSON_STRING))
        return error_set(err, ERR_INVALID, "%s: got %s, need an IP address", name,
                         json_kind_word(member));
    if (proxy_address_parse(json_str(member, ""), 0, &checked, err) != 0)
        return error_wrap(err, "%s", name);
    *value = arena_strdup(arena, json_str(member, ""));
    return 0;
}

static int parse_reserved(const struct json *v, struct arena *arena, struct proxy_settings *s,
                          struct error *err)
{
    const struct json *list = json_get(v, "reserved");
    size_t n = 0;
    if (json_count(list) > LIMIT_PROXY_SERVICES)
        return error_set(err, ERR_LIMIT, "reserved: got %zu, need at most %d", json_count(list),
                         LIMIT_PROXY_SERVICES);
    struct proxy_reserved *all = arena_alloc(arena, json_count(list) * sizeof(*all));
    JSON_EACH (it, list) {
        struct proxy_reserved *r = &all[n];
        int64_t port = 0;
        r->address = s->service_address;
        r->holder = arena_strdup(arena, json_str(json_get(it, "holder"), "another program"));
        if (parse_address(it, "address", arena, &r->address, err) != 0 ||
            parse_number(it, "port", 1, UINT16_MAX, &port, err) != 0)
            return error_wrap(err, "reserved[%zu]", n);
        r->port = (uint16_t)port;
        n++;
    }
    s->reserved = all;
    s->n_reserved = n;
    return 0;
}

int proxy_settings_parse(const struct json *v, struct arena *arena, struct proxy_settings *out,
                         struct error *err)
{
    struct proxy_settings s;
    proxy_settings_default(&s);
    int64_t stats_port = s.stats_port, connections = s.connections;
    if (parse_address(v, "service_address", arena, &s.service_address, err) != 0 ||
        parse_address(v, "stats_address", arena, &s.stats_address, err) != 0 ||
        parse_number(v, "stats_port", -1, UINT16_MAX, &stats_port, err) != 0 ||
        parse_number(v, "connect_ms", 1, FOREVER_MS, &s.connect_ms, err) != 0 ||
        parse_number(v, "drain_ms", 0, FOREVER_MS, &s.drain_ms, err) != 0 ||
        parse_number(v, "connections", 1, INT32_MAX, &connections, err) != 0 ||
        parse_reserved(v, arena, &s, err) != 0)
        return -1;
    s.stats_port = (int)stats_port;
    s.authorization = arena_strdup(arena, json_str(json_get(v, "authorization"), ""));
    s.realm = arena_strdup(arena, json_str(json_get(v, "realm"), ""));
    s.connections = (unsigned)connections;
    *out = s;
    return 0;
}

void proxy_settings_write(const struct proxy_settings *s, struct json_writer *w)
{
    json_member_str(w, "service_address", s->service_address);
    json_member_str(w, "stats_address", s->stats_address);
    json_member_int(w, "stats_port", s->stats_port);
    json_member_str(w, "authorization", s->authorization);
    json_member_str(w, "realm", s->realm);
    json_member_int(w, "connect_ms", s->connect_ms);
    json_member_int(w, "drain_ms", s->drain_ms);
    json_member_int(w, "connections", s->connections);
    json_key(w, "reserved");
    json_array(w);
    for (size_t i = 0; i < s->n_reserved; i++) {
        json_object(w);
        json_member_str(w, "address", s->reserved[i].address);
        json_member_int(w, "port", s->reserved[i].port);
        json_member_str(w, "holder", s->reserved[i].holder);
        json_object_end(w);
    }
    json_array_end(w);
}

static bool clashes(const char *ip, uint16_t port, const union proxy_address *a)
{
    union proxy_address held;
    struct error ignored; /* settings hold IP addresses only */
    return proxy_address_parse(ip, port, &held, &ignored) == 0 && proxy_address_clash(&held, a);
}

const char *proxy_settings_holder(const struct proxy_settings *s, const union proxy_address *a)
{
    for (size_t i = 0; i < s->n_reserved; i++)
        if (clashes(s->reserved[i].address, s->reserved[i].port, a))
            return s->reserved[i].holder;
    if (s->stats_port > 0 && clashes(s->stats_address, (uint16_t)s->stats_port, a))
        return "the statistics page";
    return NULL;
}
