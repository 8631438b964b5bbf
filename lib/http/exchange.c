#include "http/exchange.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

#define OWNER_SHIFT 56
#define OWNER_MASK UINT64_C(0x7f)

enum exchange_owner exchange_owner(struct exchange_id id)
{
    if ((id.v & EXCHANGE_ELSEWHERE) == 0)
        return EXCHANGE_OF_CLIENT;
    return (enum exchange_owner)(id.v >> OWNER_SHIFT & OWNER_MASK);
}

struct exchange_id exchange_elsewhere(enum exchange_owner owner, uint64_t number)
{
    uint64_t own = number & ((UINT64_C(1) << OWNER_SHIFT) - 1);
    return (struct exchange_id){EXCHANGE_ELSEWHERE | (uint64_t)owner << OWNER_SHIFT | own};
}

void answer_close(struct answer *a)
{
    buf_close(&a->headers);
    blob_unref(a->body);
    mem_free(a->subscription.types);
    blob_unref(a->subscription.keep_alive);
    *a = (struct answer){0};
}

struct answer answer_head(struct exchange_id id, int status, const char *content_type,
                          int64_t length)
{
    struct answer a = {.id = id, .kind = ANSWER_HEAD, .status = status, .length = length};
    buf_init(&a.headers, LIMIT_HEADER_BYTES);
    if (content_type != NULL)
        header_put(&a.headers, "Content-Type", content_type);
    return a;
}

static struct answer whole_of_blob(struct exchange_id id, int status, const char *content_type,
                                   struct blob *body)
{
    struct answer a = answer_head(id, status, content_type, (int64_t)blob_slice(body).len);
    a.kind = ANSWER_WHOLE;
    a.body = body;
    return a;
}

struct answer answer_whole(struct exchange_id id, int status, const char *content_type,
                           struct slice body)
{
    return whole_of_blob(id, status, content_type, body.len > 0 ? blob_of(body.p, body.len) : NULL);
}

struct answer answer_whole_take(struct exchange_id id, int status, const char *content_type,
                                struct buf *body)
{
    return whole_of_blob(id, status, content_type, blob_take(body));
}

struct answer answer_busy(struct exchange_id id, const char *why)
{
    struct buf body;
    struct json_writer w;
    buf_init(&body, LIMIT_HEADER_BYTES);
    json_begin(&w, &body);
    json_object(&w);
    json_member_str(&w, "status", "Service Unavailable");
    json_member_str(&w, "message", why);
    json_object_end(&w);
    struct answer a = answer_whole_take(id, 503, "application/json", &body);
    header_put(&a.headers, "Retry-After", "1");
    return a;
}

struct answer answer_part(struct exchange_id id, struct buf *body)
{
    return (struct answer){.id = id, .kind = ANSWER_PART, .body = blob_take(body)};
}

struct answer answer_end(struct exchange_id id)
{
    return (struct answer){.id = id, .kind = ANSWER_END};
}

struct answer answer_abort(struct exchange_id id)
{
    return (struct answer){.id = id, .kind = ANSWER_ABORT};
}

struct answer answer_subscribe(struct exchange_id id, unsigned topic, const char *types)
{
    return (struct answer){.id = id,
                           .kind = ANSWER_SUBSCRIBE,
                           .subscription = {.topic = topic, .types = mem_strdup(types)}};
}
