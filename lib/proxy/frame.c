#include "proxy/frame.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"

void proxy_frame_put(struct buf *out, struct slice json)
{
    uint32_t len = htonl((uint32_t)json.len);
    buf_put(out, &len, sizeof(len));
    buf_put_slice(out, json);
}

int proxy_frame_first(const struct buf *in, struct slice *out, struct error *err)
{
    uint32_t len;
    *out = (struct slice){0};
    if (in->len < sizeof(len))
        return 0;
    memcpy(&len, in->data, sizeof(len));
    len = ntohl(len);
    if (len == 0 || len > LIMIT_PROXY_STATE_BYTES)
        return error_set(err, ERR_LIMIT, "a frame of %u bytes, need 1 to %d", len,
                         LIMIT_PROXY_STATE_BYTES);
    if (in->len - sizeof(len) >= len)
        *out = (struct slice){in->data + sizeof(len), len};
    return 0;
}

void proxy_frame_drop(struct buf *in, struct slice frame)
{
    buf_consume(in, sizeof(uint32_t) + frame.len);
}

struct json_writer *proxy_message_begin(struct proxy_message *m, const char *type)
{
    buf_init(&m->text, LIMIT_PROXY_STATE_BYTES);
    json_begin(&m->w, &m->text);
    json_object(&m->w);
    json_member_str(&m->w, "type", type);
    return &m->w;
}

int proxy_message_end(struct proxy_message *m, struct buf *out, struct error *err)
{
    int rc = 0;
    json_object_end(&m->w);
    if (buf_full(&m->text))
        rc = error_set(err, ERR_LIMIT, "a message of more than %d bytes", LIMIT_PROXY_STATE_BYTES);
    else
        proxy_frame_put(out, buf_slice(&m->text));
    buf_close(&m->text);
    return rc;
}

static void end_small(struct proxy_message *m, struct buf *out)
{
    struct error err;
    if (proxy_message_end(m, out, &err) != 0)
        UNREACHABLE("a small message fits");
}

void proxy_message_hello(struct buf *out, const char *version, const char *as)
{
    struct proxy_message m;
    struct json_writer *w = proxy_message_begin(&m, "hello");
    json_member_int(w, "protocol", PROXY_PROTOCOL);
    json_member_str(w, "version", version);
    json_member_int(w, "pid", getpid());
    json_member_str(w, "as", as);
    end_small(&m, out);
}

void proxy_message_error(struct buf *out, const struct error *why)
{
    struct proxy_message m;
    json_member_str(proxy_message_begin(&m, "error"), "text", why->text);
    end_small(&m, out);
}

void proxy_message_bare(struct buf *out, const char *type)
{
    struct proxy_message m;
    proxy_message_begin(&m, type);
    end_small(&m, out);
}

struct json *proxy_message_parse(struct slice frame, const char **type_out, struct error *err)
{
    struct json *v = json_parse(frame, err);
    if (v == NULL)
        return NULL;
    *type_out = json_str(json_get(v, "type"), NULL);
    if (*type_out == NULL) {
        error_set(err, ERR_INVALID, "type: got nothing, need a string");
        json_free(v);
        return NULL;
    }
    return v;
}

int proxy_hello_check(const struct json *hello, struct error *err)
{
    int64_t protocol = json_int(json_get(hello, "protocol"), 0);
    if (protocol == PROXY_PROTOCOL)
        return 0;
    return error_set(err, ERR_CONFLICT,
                     "the other side speaks version %lld of the proxy's protocol, this one %d",
                     (long long)protocol, PROXY_PROTOCOL);
}
