#include "cli_follow.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli_term.h"

#define TICK_MS 500
#define LOST_MS 60000
#define CONNECT_MS 3000
#define REFUSAL_BYTES (64 << 10)

static int64_t now_ms(const struct follow *f)
{
    return (int64_t)uv_now(&f->loop->uv);
}

/* ---- the end */

static void on_closed(uv_handle_t *timer)
{
    struct follow *f = timer->data;
    struct error failure = f->failure;
    bool failed = f->failed;
    sse_reader_close(&f->reader);
    buf_close(&f->refusal);
    mem_free(f->path);
    f->path = NULL;
    f->ended(f, failed ? &failure : NULL);
}

static void end(struct follow *f, const struct error *err)
{
    f->state = FOLLOW_CLOSING;
    f->failed = err != NULL;
    if (err != NULL)
        f->failure = *err;
    uv_close((uv_handle_t *)&f->tick, on_closed);
}

void follow_stop(struct follow *f)
{
    if (f->stopping)
        return;
    f->stopping = true;
    if (f->state == FOLLOW_CALLING)
        http_call_cancel(&f->call);
    else if (f->state == FOLLOW_WAITING)
        end(f, NULL);
}

/* ---- one connection after the other */

static void on_head(struct http_call *call)
{
    struct follow *f = call->data;
    if (call->response->status != 200)
        return;
    f->heard = true;
    f->lost_ms = 0;
}

static void on_part(struct http_call *call, struct slice piece)
{
    struct follow *f = call->data;
    if (f->stopping)
        return;
    if (call->response->status == 200)
        sse_read(&f->reader, piece, f->on_event, f->data);
    else
        buf_put_slice(&f->refusal, piece);
}

static void on_done(struct http_call *call, const struct error *err);

static int call(struct follow *f, struct error *err)
{
    struct buf headers;
    buf_init(&headers, 1024);
    header_put(&headers, "Accept", "text/event-stream");
    if (f->reader.id[0] != '\0')
        header_put(&headers, "Last-Event-ID", f->reader.id);
    const struct http_ask ask = {
        .to = api_url(f->api),
        .credentials = f->api->credentials,
        .tls = f->api->tls,
        .method = METHOD_GET,
        .target = f->path,
        .headers = buf_slice(&headers),
        .connect_ms = CONNECT_MS,
        .on_head = on_head,
        .on_part = on_part,
    };
    sse_reader_restart(&f->reader);
    buf_clear(&f->refusal);
    f->call = (struct http_call){.data = f};
    f->state = FOLLOW_CALLING;
    int rc = http_call_start(&f->call, f->loop, &ask, on_done, err);
    buf_close(&headers);
    return rc;
}

static void on_tick(uv_timer_t *timer)
{
    struct follow *f = timer->data;
    struct error err;
    term_end_unread();
    if (f->state == FOLLOW_WAITING && call(f, &err) != 0)
        end(f, &err);
}

static void try_again(struct follow *f, const struct error *why)
{
    if (f->lost_ms == 0)
        f->lost_ms = now_ms(f);
    if (!f->heard || now_ms(f) - f->lost_ms > LOST_MS) {
        end(f, why);
        return;
    }
    f->state = FOLLOW_WAITING;
    uv_timer_again(&f->tick);
}

static void on_done(struct http_call *done, const struct error *err)
{
    struct follow *f = done->data;
    int status = err == NULL ? done->response->status : 0;
    struct error why;
    http_call_close(done);
    if (f->stopping) {
        end(f, NULL);
    } else if (err == NULL && status != 200) {
        api_refused(f->api, status, (struct slice){buf_str(&f->refusal), f->refusal.len}, &why);
        end(f, &why);
    } else {
        error_set(&why, ERR_UNAVAILABLE, "%s", err != NULL ? err->text : "the stream has ended");
        api_unreached(f->api, &why);
        try_again(f, &why);
    }
}

int follow_start(struct follow *f, struct loop *loop, struct api *api, const char *path,
                 sse_cb *on_event, follow_cb *ended, struct error *err)
{
    *f = (struct follow){
        .data = f->data,
        .loop = loop,
        .api = api,
        .path = mem_strdup(path),
        .on_event = on_event,
        .ended = ended,
    };
    sse_reader_init(&f->reader);
    buf_init(&f->refusal, REFUSAL_BYTES);
    if (call(f, err) != 0) {
        sse_reader_close(&f->reader);
        mem_free(f->path);
        return -1;
    }
    uv_timer_init(&loop->uv, &f->tick);
    f->tick.data = f;
    uv_timer_start(&f->tick, on_tick, TICK_MS, TICK_MS);
    return 0;
}
