/* What many doors answer with. */
#include <stdio.h>

#include "api/chronos/private.h"
#include "base/str.h"

#define BODY_BYTES_MAX (1 << 20) /* G-5 */

/* ---- errors */

void chronos_failure(struct call *c, int status, const char *fmt, ...)
{
    struct buf text;
    va_list ap;
    struct json_writer w;
    buf_init(&text, 4096);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    call_json(c, status, &w);
    json_object(&w);
    json_member_str(&w, "status", status_text(status));
    json_member_str(&w, "message", buf_str(&text));
    json_object_end(&w);
    buf_close(&text);
}

/* Before a door is found a path or a method is wrong; behind it whatever the client sent is 400, an
 * unknown job too (G-4). */
static int status_of(const struct call *c, const struct error *err)
{
    switch (err->code) {
    case ERR_NOT_FOUND:
        if (c->door != NULL)
            return 400;
        return c->match->allow[0] != '\0' ? 405 : 404;
    case ERR_SYNTAX:
    case ERR_INVALID:
        return 400;
    case ERR_CONFLICT: /* it lost again and again against others: certainly not applied */
        return 503;
    case ERR_NONE:
    case ERR_LIMIT:
    case ERR_UNAVAILABLE:
    case ERR_CANCELED:
    case ERR_IO:
    case ERR_CORRUPT:
    case ERR_UNCERTAIN:
    case ERR_DENIED:
        break;
    }
    return error_http_status(err->code);
}

void chronos_fail(struct call *c, const struct error *err, const struct problems *problems,
                  const struct json *detail)
{
    (void)problems; /* the text names the first */
    (void)detail;
    chronos_failure(c, status_of(c, err), "%s", err->text);
}

/* ---- answers */

void chronos_nothing(struct call *c)
{
    c->reply->status = 204;
    c->reply->content_type = NULL;
    buf_clear(&c->reply->body);
}

void chronos_done(struct tell *t, const struct outcome *o)
{
    (void)o;
    chronos_nothing(&t->c);
}

/* ---- requests */

enum job_face chronos_face(const struct call *c)
{
    return str_starts(c->door->pattern, "/v1/") ? JOB_FACE_3 : JOB_FACE_2;
}

bool chronos_path_job(struct call *c, struct job_row *out)
{
    char name[96];
    const char *text = call_param(c, "name");
    if (state_job_by_name(c->view->state, text, out))
        return true;
    str_copy(name, sizeof name, text);
    chronos_failure(c, 400, "job '%s' not found", name);
    return false;
}

/* "application/json; charset=utf-8" */
static bool is_json(struct slice type)
{
    size_t len = 0;
    while (len < type.len && type.p[len] != ';' && type.p[len] != ' ')
        len++;
    return slice_is_nocase((struct slice){type.p, len}, "application/json");
}

bool chronos_typed(struct call *c)
{
    const struct request *r = c->request;
    if (r->body.len == 0 || is_json(header_get(r->headers, "Content-Type")))
        return true;
    chronos_failure(c, 415, "Content-Type: need application/json");
    return false;
}

const struct json *chronos_body(struct call *c)
{
    const struct request *r = c->request;
    if (r->body.len > BODY_BYTES_MAX) {
        chronos_failure(c, 413, "the body has %zu bytes, need at most %d", r->body.len,
                        BODY_BYTES_MAX);
        return NULL;
    }
    return chronos_typed(c) ? call_body(c) : NULL;
}

bool chronos_number(struct call *c, const char *name, int64_t otherwise, int64_t *out)
{
    const char *text = query_get(&c->query, name);
    char quoted[64];
    *out = otherwise;
    if (text == NULL || str_to_i64(text, out))
        return true;
    chronos_failure(c, 400, "%s: got %s, need a whole number", name,
                    str_quote(quoted, sizeof quoted, text, slice_of(text).len));
    return false;
}

/* ---- jobs */

const char *chronos_result(const struct job_row *row)
{
    if (row->last_success.ms == 0 && row->last_error.ms == 0)
        return "fresh";
    return row->last_success.ms > row->last_error.ms ? "success" : "failure";
}

const char *chronos_state(const struct job_row *row, enum job_face face, char dst[JOB_STATE_SIZE])
{
    if (row->active == 0)
        return row->queued > 0 ? "queued" : "idle";
    if (face == JOB_FACE_2)
        return "running";
    snprintf(dst, JOB_STATE_SIZE, "%lld running", (long long)row->active);
    return dst;
}

/* ---- the server itself */

void chronos_ask_ping(struct call *c)
{
    call_text(c, 200, "text/plain", "pong\n");
    header_put(&c->reply->headers, "Cache-Control", "must-revalidate,no-cache,no-store");
}

void chronos_ask_leader(struct call *c)
{
    struct json_writer w;
    if (c->view->facts->leader_chronos == NULL) {
        chronos_failure(c, 503, "no leader is known at the moment");
        return;
    }
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "leader", c->view->facts->leader_chronos);
    json_object_end(&w);
}

void chronos_ask_info(struct call *c)
{
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "name", "chronos");
    json_member_str(&w, "version", "3.0.2"); /* whose API this is */
    json_member_str(&w, "leader", c->view->facts->leader_chronos);
    json_object_end(&w);
}
