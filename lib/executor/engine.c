#include "executor/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"

#define SOCKET "unix:///var/run/docker.sock"
#define CONNECT_MS 5000
#define WORDS_MAX 4096

static const struct {
    const char *prefix, *url, *shown; /* as people write it, as url_parse() and as people read it */
} schemes[] = {
    {"unix://", "unix:", "unix://"},
    {"/", "unix:/", "unix:///"},
    {"tcp://", "http://", "tcp://"},
};

const char *engine_address(const char *where)
{
    const char *from_env = getenv("DOCKER_HOST");
    if (where != NULL)
        return where;
    return from_env != NULL && from_env[0] != '\0' ? from_env : SOCKET;
}

int engine_init(struct engine *e, struct loop *loop, const char *where, struct error *err)
{
    struct engine fresh = {.loop = loop};
    const char *text = engine_address(where), *url = "", *shown = "";
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes) && url[0] == '\0'; i++) {
        if (!str_starts(text, schemes[i].prefix))
            continue;
        url = schemes[i].url;
        shown = schemes[i].shown;
        text += strlen(schemes[i].prefix);
    }
    struct buf address;
    buf_init(&address, LIMIT_URL_BYTES);
    buf_printf(&address, "%s%s", url, text);
    snprintf(fresh.where, sizeof(fresh.where), "%s%.100s", shown, text);
    int rc = url_parse(buf_str(&address), &fresh.url, err);
    buf_close(&address);
    if (rc != 0)
        return error_wrap(err, "docker");
    *e = fresh;
    return 0;
}

void engine_close(struct engine *e)
{
    url_close(&e->url);
}

/* What the engine says: {"message":"…"}. */
static const char *words_of(const struct engine_call *c)
{
    const char *said = json_str(json_get(c->json, "message"), NULL);
    return said != NULL ? said : status_text(c->status);
}

static enum error_code code_of(int status)
{
    switch (status) {
    case 400:
        return ERR_INVALID;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return ERR_CONFLICT;
    default:
        return ERR_IO;
    }
}

static int judge(struct engine_call *c, const struct error *broken, struct error *err)
{
    struct error ignored;
    if (broken != NULL && broken->code == ERR_UNAVAILABLE)
        return error_set(err, ERR_UNAVAILABLE, "docker: no engine at %s", c->engine->where);
    if (broken != NULL) {
        *err = *broken;
        return broken->code == ERR_CANCELED ? -1 : error_wrap(err, "docker");
    }
    struct slice body = c->on_part != NULL ? buf_slice(&c->words) : c->http.body;
    c->json = body.len > 0 ? json_parse(body, &ignored) : NULL;
    if (c->status < 400)
        return 0;
    return error_set(err, code_of(c->status), "docker: %s", words_of(c));
}

static void on_done(struct http_call *http, const struct error *broken)
{
    struct engine_call *c = http->data;
    struct error err;
    c->status = http->response != NULL ? http->response->status : 0;
    bool good = judge(c, broken, &err) == 0;
    struct json *json = c->json;
    http_call_close(http);
    buf_close(&c->words);
    c->busy = false;
    /* The owner may start the same call again, or free it, inside `done`. */
    c->done(c, good ? NULL : &err);
    json_free(json);
}

static void on_part(struct http_call *http, struct slice piece)
{
    struct engine_call *c = http->data;
    if (http->response->status < 400)
        c->on_part(c, piece);
    else
        buf_put_slice(&c->words, piece);
}

int engine_start(struct engine *e, struct engine_call *c, const struct engine_ask *ask,
                 engine_cb *done, struct error *err)
{
    struct buf headers;
    ASSERT(!c->busy);
    *c = (struct engine_call){.data = c->data, .engine = e, .on_part = ask->on_part, .done = done};
    buf_init(&headers, LIMIT_HEADER_BYTES);
    if (ask->body.len > 0)
        buf_puts(&headers, "Content-Type: application/json\r\n");
    if (ask->header != NULL)
        buf_puts(&headers, ask->header);
    struct http_ask http = {.to = &e->url,
                            .method = ask->method,
                            .target = ask->target,
                            .headers = buf_slice(&headers),
                            .body = ask->body,
                            .connect_ms = CONNECT_MS,
                            .total_ms = ask->total_ms,
                            .on_part = ask->on_part != NULL ? on_part : NULL};
    buf_init(&c->words, WORDS_MAX);
    c->http.data = c;
    c->busy = http_call_start(&c->http, e->loop, &http, on_done, err) == 0;
    buf_close(&headers);
    return c->busy ? 0 : -1;
}

void engine_pause(struct engine_call *c, bool paused)
{
    if (c->busy)
        http_call_pause(&c->http, paused);
}

void engine_cancel(struct engine_call *c)
{
    if (c->busy)
        http_call_cancel(&c->http);
}
