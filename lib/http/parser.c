#include "http/parser.h"

#include <llhttp.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

/*  IDLE --first byte--> HEAD --blank line--> BODY --last byte--> IDLE
 *                         \-------------------- any fault -----> FAILED */
enum phase { PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_FAILED };

/* What llhttp's callbacks saw; parser_feed turns it into results. */
enum found { FOUND_NOTHING, FOUND_HEAD, FOUND_END };

struct parser {
    llhttp_t llhttp;
    enum parser_kind kind;
    struct http_limits limits;
    enum phase phase;
    enum found found;

    struct buf target, headers, body; /* reused from message to message */
    struct request request;
    struct response response;

    size_t head_bytes;  /* of this message so far */
    size_t extra_bytes; /* trailers and chunk extensions */
    size_t n_headers;
    size_t name_at;   /* where in `headers` the current line begins */
    char last;        /* the last byte of the head, over the borders of feeds */
    bool unread;      /* paused with more to say, even without another byte */
    bool in_trailers; /* headers now seen follow the body */
    bool no_body;     /* the next response answers HEAD */

    parser_sink *sink;
    void *sink_data;

    int status; /* of the failure */
    struct error failure;
};

struct http_limits http_limits_default(void)
{
    return (struct http_limits){
        .header_bytes = LIMIT_HEADER_BYTES,
        .headers = LIMIT_HEADERS,
        .url_bytes = LIMIT_URL_BYTES,
        .body_bytes = LIMIT_BODY_BYTES,
    };
}

/* ---- failing */
/* Returns what makes llhttp stop. */
static int fail(struct parser *p, int status, enum error_code code, const char *text)
{
    p->status = status;
    error_set(&p->failure, code, "%s", text);
    return HPE_USER;
}

static int fail_limit(struct parser *p, int status, const char *what, size_t limit)
{
    p->status = status;
    error_set(&p->failure, ERR_LIMIT, "%s: more than %zu, which is the limit: send less at once",
              what, limit);
    return HPE_USER;
}

/* ---- llhttp's callbacks: the head */
static struct parser *self(llhttp_t *llhttp)
{
    return llhttp->data;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
    struct parser *p = self(llhttp);
    if (p->target.len + len > p->limits.url_bytes)
        return fail_limit(p, 414, "bytes of the request's target", p->limits.url_bytes);
    buf_put(&p->target, at, len);
    return 0;
}

static int count_extra(struct parser *p, size_t len)
{
    p->extra_bytes += len;
    if (p->extra_bytes > p->limits.header_bytes)
        return fail_limit(p, 431, "bytes of trailers and chunk extensions", p->limits.header_bytes);
    return 0;
}

static int on_extension(llhttp_t *llhttp, const char *at, size_t len)
{
    (void)at;
    return count_extra(self(llhttp), len);
}

/* Trailers are read and dropped: nothing here has a use for them, and merging them into the headers
 * would let a body change what was already looked at. */
static int on_header_text(llhttp_t *llhttp, const char *at, size_t len)
{
    struct parser *p = self(llhttp);
    if (p->in_trailers)
        return count_extra(p, len);
    buf_put(&p->headers, at, len);
    return 0;
}

static int on_header_name_end(llhttp_t *llhttp)
{
    struct parser *p = self(llhttp);
    if (p->in_trailers)
        return count_extra(p, 4);
    if (p->headers.len == p->name_at)
        return fail(p, 400, ERR_SYNTAX, "headers: got one without a name");
    if (++p->n_headers > p->limits.headers)
        return fail_limit(p, 431, "headers", p->limits.headers);
    buf_put(&p->headers, ": ", 2);
    return 0;
}

static int on_header_end(llhttp_t *llhttp)
{
    struct parser *p = self(llhttp);
    if (p->in_trailers)
        return 0;
    buf_put(&p->headers, "\r\n", 2);
    p->name_at = p->headers.len;
    return 0;
}

static bool sends_body(const llhttp_t *llhttp)
{
    return (llhttp->flags & F_CHUNKED) != 0 || llhttp->content_length > 0;
}

/* What llhttp lets pass, being made for more than HTTP/1 between honest ends. */
static int check_head(struct parser *p)
{
    const llhttp_t *l = &p->llhttp;
    struct slice headers = buf_slice(&p->headers);
    struct slice coding = header_get(headers, "Transfer-Encoding");

    if (l->http_major != 1 || l->http_minor > 1)
        return fail(p, 505, ERR_SYNTAX, "HTTP version: need HTTP/1.0 or HTTP/1.1");
    if (coding.p != NULL && !slice_is_nocase(coding, "chunked"))
        return fail(p, 501, ERR_SYNTAX, "Transfer-Encoding: need chunked, or none");
    if (coding.p != NULL && l->http_minor == 0)
        return fail(p, 400, ERR_SYNTAX, "Transfer-Encoding: HTTP/1.0 has none");
    if ((l->flags & F_CONTENT_LENGTH) != 0 && p->sink == NULL && !p->no_body &&
        l->content_length > p->limits.body_bytes)
        return fail_limit(p, 413, "bytes of the body", p->limits.body_bytes);
    return 0;
}

static int check_host(struct parser *p)
{
    size_t at = 0, hosts = 0;
    struct slice name, value;
    while (header_each(buf_slice(&p->headers), &at, &name, &value))
        hosts += slice_is_nocase(name, "Host");
    if (hosts > 1)
        return fail(p, 400, ERR_SYNTAX, "Host: got it more than once");
    if (hosts == 0 && p->llhttp.http_minor >= 1)
        return fail(p, 400, ERR_SYNTAX, "Host: missing, HTTP/1.1 needs it");
    return 0;
}

static enum method method_of_llhttp(uint8_t method)
{
    static const enum method known[] = {
        [HTTP_GET] = METHOD_GET,         [HTTP_HEAD] = METHOD_HEAD,
        [HTTP_POST] = METHOD_POST,       [HTTP_PUT] = METHOD_PUT,
        [HTTP_PATCH] = METHOD_PATCH,     [HTTP_DELETE] = METHOD_DELETE,
        [HTTP_OPTIONS] = METHOD_OPTIONS, [HTTP_TRACE] = METHOD_TRACE,
        [HTTP_CONNECT] = METHOD_CONNECT,
    };
    return method < sizeof(known) / sizeof(known[0]) ? known[method] : METHOD_OTHER;
}

static int take_request_head(struct parser *p)
{
    const llhttp_t *l = &p->llhttp;
    if (l->method > HTTP_SOURCE) /* RTSP's */
        return fail(p, 400, ERR_SYNTAX, "method: need one of HTTP's");
    if (check_host(p) != 0)
        return HPE_USER;
    p->request = (struct request){
        .method = method_of_llhttp(l->method),
        .method_text = llhttp_method_name((llhttp_method_t)l->method),
        .headers = buf_slice(&p->headers),
        .body = SLICE(""),
        .minor = l->http_minor,
        /* after CONNECT a client would speak another protocol */
        .keep_alive = llhttp_should_keep_alive(l) && l->method != HTTP_CONNECT,
        .scheme = "http",
        .listener = "",
        .remote = "",
    };
    request_set_target(&p->request, buf_slice(&p->target));
    return 0;
}

static void take_response_head(struct parser *p)
{
    p->response = (struct response){
        .status = p->llhttp.status_code,
        .headers = buf_slice(&p->headers),
        .minor = p->llhttp.http_minor,
        .keep_alive = llhttp_should_keep_alive(&p->llhttp),
    };
}

static bool is_interim(const struct parser *p)
{
    return p->kind == PARSER_RESPONSES && p->llhttp.status_code / 100 == 1 &&
           p->llhttp.status_code != 101;
}

static int on_head(llhttp_t *llhttp)
{
    struct parser *p = self(llhttp);
    llhttp->upgrade = 0; /* an offer to change protocols is declined by answering as usual */
    p->in_trailers = true;
    if (is_interim(p)) {
        llhttp->flags |= F_SKIPBODY; /* it never has one, whatever it says */
        return 0;
    }
    if (check_head(p) != 0)
        return HPE_USER;
    if (p->kind == PARSER_RESPONSES)
        take_response_head(p);
    else if (take_request_head(p) != 0)
        return HPE_USER;
    if (p->no_body)
        llhttp->flags |= F_SKIPBODY;
    if (p->kind == PARSER_REQUESTS && !sends_body(llhttp))
        return 0; /* the end follows at once */
    p->found = FOUND_HEAD;
    return HPE_PAUSED;
}

/* ---- llhttp's callbacks: the body */
static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct parser *p = self(llhttp);
    if (p->sink != NULL) {
        p->sink(p->sink_data, (struct slice){at, len});
        return 0;
    }
    if (p->body.len + len > p->limits.body_bytes)
        return fail_limit(p, 413, "bytes of the body", p->limits.body_bytes);
    buf_put(&p->body, at, len);
    return 0;
}

static void clear_texts(struct parser *p)
{
    buf_clear(&p->target);
    buf_clear(&p->headers);
    buf_clear(&p->body);
    p->name_at = 0;
    p->in_trailers = false;
}

static void begin_head(struct parser *p)
{
    clear_texts(p);
    p->head_bytes = 0;
    p->extra_bytes = 0;
    p->n_headers = 0;
    p->last = '\n';
}

static int on_end(llhttp_t *llhttp)
{
    struct parser *p = self(llhttp);
    if (is_interim(p)) {
        clear_texts(p); /* the limits hold for all the heads of one answer together */
        return 0;
    }
    p->found = FOUND_END;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_url = on_url,
    .on_header_field = on_header_text,
    .on_header_value = on_header_text,
    .on_header_field_complete = on_header_name_end,
    .on_header_value_complete = on_header_end,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_end,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
};

/* ---- life */
struct parser *parser_new(enum parser_kind kind, const struct http_limits *limits)
{
    struct parser *p = NEW(struct parser);
    p->kind = kind;
    p->limits = *limits;
    llhttp_init(&p->llhttp, kind == PARSER_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE, &callbacks);
    p->llhttp.data = p;
    buf_init(&p->target, limits->url_bytes);
    buf_init(&p->headers, 2 * limits->header_bytes); /* ": " and "\r\n" may be longer than sent */
    buf_init(&p->body, limits->body_bytes);
    return p;
}

void parser_free(struct parser *p)
{
    if (p == NULL)
        return;
    buf_close(&p->target);
    buf_close(&p->headers);
    buf_close(&p->body);
    mem_free(p);
}

#define KEPT_BYTES 16384 /* a body buffer of up to this size stays for the next message */

void parser_trim(struct parser *p)
{
    ASSERT(p->phase == PHASE_IDLE);
    if (p->body.len > KEPT_BYTES)
        buf_close(&p->body);
    p->body.max = p->limits.body_bytes;
}

/* ---- feeding */
static const char *syntax_text(const llhttp_t *l)
{
    const char *reason = llhttp_get_error_reason(l);
    return reason != NULL && reason[0] != '\0' ? reason : "malformed";
}

static enum parse_result failed(struct parser *p, struct error *err)
{
    if (p->status == 0) {
        p->status = 400;
        error_set(&p->failure, ERR_SYNTAX, "HTTP: %s", syntax_text(&p->llhttp));
    }
    p->phase = PHASE_FAILED;
    *err = p->failure;
    return PARSE_FAILED;
}

/* Every line of a head ends with CRLF, and none begins with a blank (that was folding). llhttp
 * takes some of both, and where it does other readers disagree. `before` is the byte before it. */
static bool lines_sound(char before, struct slice head)
{
    for (size_t i = 0; i < head.len; i++) {
        char c = head.p[i];
        if (c == '\n' ? before != '\r' : before == '\n' && (c == ' ' || c == '\t'))
            return false;
        before = c;
    }
    return true;
}

/* At most what the head may still have: so llhttp never sees more. */
static struct slice allowed_of(const struct parser *p, struct slice in)
{
    size_t left = p->limits.header_bytes - p->head_bytes;
    if (p->phase == PHASE_HEAD && in.len > left)
        in.len = left;
    return in;
}

static enum parse_result end_of_message(struct parser *p)
{
    p->phase = PHASE_IDLE;
    p->no_body = false;
    p->request.body = buf_slice(&p->body);
    return PARSE_DONE;
}

static void look_at_lines(struct parser *p, char before, struct slice head)
{
    if (head.len > 0)
        p->last = head.p[head.len - 1];
    if (p->kind == PARSER_REQUESTS && !lines_sound(before, head))
        fail(p, 400, ERR_SYNTAX, "headers: need lines that end with CR LF, none folded");
}

/* Runs llhttp over the front of `in` and moves `in` on. False: it failed. */
static bool execute(struct parser *p, struct slice *in)
{
    struct slice part = allowed_of(p, *in);
    char before = p->last;

    if (llhttp_get_errno(&p->llhttp) == HPE_PAUSED)
        llhttp_resume(&p->llhttp);
    p->found = FOUND_NOTHING;
    llhttp_errno_t code = llhttp_execute(&p->llhttp, part.p, part.len);
    if (code != HPE_OK && code != HPE_PAUSED)
        return false;
    if (code == HPE_PAUSED)
        part.len = (size_t)(llhttp_get_error_pos(&p->llhttp) - part.p);
    *in = (struct slice){in->p + part.len, in->len - part.len};
    if (p->phase == PHASE_HEAD) {
        p->head_bytes += part.len;
        look_at_lines(p, before, part);
    }
    return p->status == 0;
}

static bool begin_or_go_on(struct parser *p)
{
    if (p->phase == PHASE_IDLE) {
        begin_head(p);
        p->phase = PHASE_HEAD;
    }
    if (p->phase == PHASE_HEAD && p->head_bytes == p->limits.header_bytes)
        fail_limit(p, 431, "bytes of the first line and the headers", p->limits.header_bytes);
    return p->status == 0;
}

enum parse_result parser_feed(struct parser *p, struct slice *in, struct error *err)
{
    if (p->phase == PHASE_FAILED)
        return failed(p, err);
    while (in->len > 0 || p->unread) {
        p->unread = false;
        if (!begin_or_go_on(p) || !execute(p, in))
            return failed(p, err);
        if (p->found == FOUND_HEAD) {
            p->phase = PHASE_BODY;
            p->unread = true;
            return PARSE_HEAD;
        }
        if (p->found == FOUND_END)
            return end_of_message(p);
    }
    return PARSE_MORE;
}

enum parse_result parser_finish(struct parser *p, struct error *err)
{
    if (p->phase == PHASE_FAILED)
        return failed(p, err);
    if (p->phase == PHASE_IDLE)
        return PARSE_MORE;
    if (llhttp_get_errno(&p->llhttp) == HPE_PAUSED)
        llhttp_resume(&p->llhttp);
    p->found = FOUND_NOTHING;
    llhttp_errno_t code = llhttp_finish(&p->llhttp);
    if (p->phase == PHASE_BODY && p->found == FOUND_END)
        return end_of_message(p);
    if (code == HPE_OK || p->status == 0)
        fail(p, 400, ERR_SYNTAX, "HTTP: the connection ended in the middle of a message");
    return failed(p, err);
}

/* ---- asking */
struct request *parser_request(struct parser *p)
{
    return &p->request;
}

const struct response *parser_response(const struct parser *p)
{
    return &p->response;
}

struct slice parser_body(const struct parser *p)
{
    return buf_slice(&p->body);
}

struct slice parser_target(const struct parser *p)
{
    return buf_slice(&p->target);
}

int parser_status(const struct parser *p)
{
    return p->status;
}

bool parser_idle(const struct parser *p)
{
    return p->phase == PHASE_IDLE;
}

bool parser_wants_continue(const struct parser *p)
{
    return p->llhttp.http_minor >= 1 && sends_body(&p->llhttp) &&
           header_has(p->request.headers, "Expect", "100-continue");
}

/* ---- for responses */
void parser_expect_no_body(struct parser *p)
{
    p->no_body = true;
}

void parser_set_sink(struct parser *p, parser_sink *sink, void *data)
{
    p->sink = sink;
    p->sink_data = data;
}
