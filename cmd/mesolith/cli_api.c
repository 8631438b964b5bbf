#include "cli_api.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_client.h"
#include "net/tls.h"

#define DEFAULT_PORT 8080
#define CONNECT_MS 3000
#define TOTAL_MS 30000
#define PAGE_ITEMS 1000

/* ---- whom to ask */

/* What `mesolith dev` or `serve` wrote beside its data. */
static bool read_folder_address(const char *folder, char dst[API_TEXT_SIZE])
{
    char path[API_TEXT_SIZE];
    snprintf(path, sizeof path, "%s/address", folder);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool fine = fgets(dst, API_TEXT_SIZE, f) != NULL;
    fclose(f);
    if (fine)
        dst[strcspn(dst, " \r\n")] = '\0';
    return fine && *dst != '\0';
}

#define DEV_ADDRESS "mesolith-dev/address"

static void find_address(struct api *a, const char *said)
{
    const char *env = getenv("MESOLITH_ADDRESS"), *data = getenv("MESOLITH_DATA");
    if (said != NULL) {
        str_copy(a->address, sizeof a->address, said);
        a->source = "--address";
    } else if (env != NULL && *env != '\0') {
        str_copy(a->address, sizeof a->address, env);
        a->source = "MESOLITH_ADDRESS";
    } else if (data != NULL && read_folder_address(data, a->address)) {
        a->source = "the data folder of MESOLITH_DATA";
    } else if (read_folder_address("mesolith-dev", a->address)) {
        a->source = DEV_ADDRESS;
    } else {
        snprintf(a->address, sizeof a->address, "127.0.0.1:%d", DEFAULT_PORT);
    }
}

static bool says_port(const char *address)
{
    const char *scheme = strstr(address, "://");
    const char *host = scheme != NULL ? scheme + 3 : address;
    const char *end = *host == '[' ? strchr(host, ']') : host;
    size_t len = strcspn(host, "/");
    return end == NULL || memchr(end, ':', len - (size_t)(end - host)) != NULL;
}

/* A node's --address may be given as it is: "::1". In a URL it needs brackets. */
static void bracket(char address[API_TEXT_SIZE])
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char bare[INET6_ADDRSTRLEN];
    if (inet_pton(AF_INET6, address, bytes) != 1)
        return;
    str_copy(bare, sizeof bare, address);
    snprintf(address, API_TEXT_SIZE, "[%s]", bare);
}

#define NO_CA "is signed by no CA that this machine trusts" /* as net says it */
#define OWN_CA "SSL_CERT_FILE names a file with the CA of the node's certificate"

/* The node is to be who it says, by a CA that this machine trusts. */
static int use_tls(struct api *a, struct error *err)
{
    const char *cas = tls_ca_file();
    str_copy(a->cure, sizeof a->cure, OWN_CA);
    if (cas == NULL)
        return error_set(err, ERR_NOT_FOUND, "%s: this machine has no list of CAs", a->address);
    a->tls = tls_new_for_others(cas, err);
    if (a->tls == NULL)
        return -1;
    a->cure[0] = '\0';
    return 0;
}

int api_open(struct api *a, const char *said, struct error *err)
{
    *a = (struct api){.credentials = getenv("MESOLITH_HTTP_CREDENTIALS")};
    find_address(a, said);
    bracket(a->address);
    if (url_parse(a->address, &a->url, err) != 0)
        return error_wrap(err, "%s", a->source);
    if (!says_port(a->address) && !str_starts(a->address, "https"))
        a->url.port = DEFAULT_PORT;
    bool v6 = a->url.host != NULL && strchr(a->url.host, ':') != NULL;
    if (a->url.unix_path == NULL)
        snprintf(a->address, sizeof a->address, "%s://%s%.400s%s:%u", a->url.tls ? "https" : "http",
                 v6 ? "[" : "", a->url.host, v6 ? "]" : "", a->url.port);
    return a->url.tls ? use_tls(a, err) : 0;
}

void api_forget(struct api *a)
{
    json_free(a->failure);
    a->failure = NULL;
    a->cure[0] = '\0';
}

void api_close(struct api *a)
{
    url_close(&a->url);
    tls_unref(a->tls);
    api_forget(a);
}

const struct url *api_url(const struct api *a)
{
    return &a->url;
}

/* ---- paths */

void api_path(struct buf *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    for (const char *f = fmt; *f != '\0'; f++) {
        if (*f != '%') {
            buf_putc(out, *f);
            continue;
        }
        f++;
        ASSERT(*f == 's' || *f == 'a');
        const char *text = va_arg(ap, const char *);
        if (*f == 'a')
            text += strspn(text, "/");
        url_encode(slice_of(text), out);
    }
    va_end(ap);
}

/* ---- what goes wrong */

int api_unreached(struct api *a, struct error *err)
{
    if (strstr(err->text, "certificate") != NULL)
        str_copy(a->cure, sizeof a->cure, strstr(err->text, NO_CA) != NULL ? OWN_CA : "");
    else if (a->source == NULL)
        snprintf(a->cure, sizeof a->cure,
                 "mesolith dev starts a node; --address or MESOLITH_ADDRESS names another one");
    else if (str_eq(a->source, DEV_ADDRESS))
        snprintf(a->cure, sizeof a->cure,
                 "mesolith dev starts it again: its address comes from %s; --address or "
                 "MESOLITH_ADDRESS names another one",
                 a->source);
    else
        snprintf(
            a->cure, sizeof a->cure,
            "is it running? its address comes from %s; a node that is only an agent answers at "
            "its agent port, 5051",
            a->source);
    bool says_whom = a->url.host != NULL && strstr(err->text, a->url.host) != NULL;
    return says_whom ? -1 : error_wrap(err, "%s", a->address);
}

static enum error_code code_of_name(const char *name, int status)
{
    static const enum error_code codes[] = {
#define X(code, http, exit) code,
        ERROR_CODES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (str_eq(name, error_name(codes[i])))
            return codes[i];
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (status == error_http_status(codes[i]))
            return codes[i];
    return status < 500 ? ERR_INVALID : ERR_IO;
}

int api_refused(struct api *a, int status, struct slice body, struct error *err)
{
    struct error ignored;
    json_free(a->failure);
    a->failure = json_parse(body, &ignored);
    const struct json *said = json_get(a->failure, "error");
    const char *message = json_str(json_get(said, "message"), NULL);
    enum error_code code = code_of_name(json_str(json_get(said, "code"), NULL), status);
    str_copy(a->cure, sizeof a->cure, json_str(json_get(said, "try"), ""));
    if (code == ERR_DENIED)
        snprintf(a->cure, sizeof a->cure, "export MESOLITH_HTTP_CREDENTIALS=USER:PASSWORD%s",
                 a->credentials != NULL ? "; what it says now is wrong" : "");
    if (message != NULL)
        return error_set(err, code, "%s", message);
    char quoted[160];
    size_t len = strcspn(body.p, "\r\n");
    return error_set(err, code, "%s answered %d %s: %s", a->address, status, status_text(status),
                     str_quote(quoted, sizeof quoted, body.p, len));
}

bool api_is_of_body(const struct error *err)
{
    return err->code == ERR_SYNTAX || err->code == ERR_INVALID || err->code == ERR_CONFLICT ||
           err->code == ERR_LIMIT;
}

/* ---- asking */

/* The node has no leader, so it tells what it knew last (DESIGN 4, Reads). Said once. */
static void say_stale(struct api *a, const struct http_result *r)
{
    int64_t seconds;
    struct slice said = header_get(slice_of(r->headers), "X-Mesolith-Stale");
    char text[32];
    if (a->said_stale || said.len == 0 || said.len >= sizeof text)
        return;
    memcpy(text, said.p, said.len);
    text[said.len] = '\0';
    if (!str_to_i64(text, &seconds))
        return;
    a->said_stale = true;
    fprintf(stderr,
            "warning: the cluster has no leader for %lld s now: this is what %s knew then\n",
            (long long)seconds, a->address);
}

int api_call(struct api *a, enum method method, const char *path, const struct buf *body,
             struct json **answer_out, char **raw_out, struct error *err)
{
    struct http_result r = {0};
    const struct http_ask ask = {
        .to = &a->url,
        .credentials = a->credentials,
        .tls = a->tls,
        .method = method,
        .target = path,
        .headers = body != NULL
                       ? SLICE("Accept: application/json\r\nContent-Type: application/json\r\n")
                       : SLICE("Accept: application/json\r\n"),
        .body = body != NULL ? buf_slice(body) : SLICE(""),
        .connect_ms = CONNECT_MS,
        .total_ms = TOTAL_MS,
        .body_max = LIMIT_ANSWER_BYTES,
    };
    a->cure[0] = '\0';
    if (http_fetch(&ask, &r, err) != 0)
        return api_unreached(a, err);
    const struct slice text = {r.body, r.body_len};
    struct json *answer = NULL;
    int rc = 0;
    if (method == METHOD_GET)
        say_stale(a, &r);
    if (r.status >= 300)
        rc = api_refused(a, r.status, text, err);
    else if ((answer = json_parse_own(text, err)) == NULL)
        rc = error_wrap(err, "%s%s", a->address, path);
    if (rc == 0) {
        *answer_out = answer;
        if (raw_out != NULL) {
            *raw_out = r.body;
            r.body = NULL;
        }
    }
    http_result_close(&r);
    return rc;
}

int api_get(struct api *a, const char *path, struct json **answer_out, struct error *err)
{
    return api_call(a, METHOD_GET, path, NULL, answer_out, NULL, err);
}

/* ---- lists */

static int get_page(struct api *a, const char *path, size_t offset, struct json **out,
                    struct error *err)
{
    struct buf paged;
    buf_init(&paged, PATH_BYTES);
    buf_printf(&paged, "%s%coffset=%zu&limit=%d", path, strchr(path, '?') != NULL ? '&' : '?',
               offset, PAGE_ITEMS);
    int rc = api_get(a, buf_str(&paged), out, err);
    buf_close(&paged);
    return rc;
}

static void put_items(struct json_writer *w, const struct json *page)
{
    JSON_EACH (item, json_get(page, "items"))
        json_put_value(w, item);
}

/* The rest of a list whose first page is `first`, as one document. */
static int join_pages(struct api *a, const char *path, const struct json *first,
                      struct json **joined_out, struct error *err)
{
    struct buf text;
    struct json_writer w;
    int64_t total = json_int(json_get(first, "total"), 0);
    size_t got = json_count(json_get(first, "items")), more = got;
    int rc = 0;
    buf_init(&text, LIMIT_ANSWER_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    json_member_int(&w, "total", total);
    json_member_int(&w, "offset", 0);
    json_member_int(&w, "index", json_int(json_get(first, "index"), 0));
    json_key(&w, "items");
    json_array(&w);
    put_items(&w, first);
    while (rc == 0 && more > 0 && (int64_t)got < total) {
        struct json *page = NULL;
        if ((rc = get_page(a, path, got, &page, err)) != 0)
            break;
        put_items(&w, page);
        more = json_count(json_get(page, "items"));
        got += more;
        json_free(page);
    }
    json_array_end(&w);
    json_object_end(&w);
    if (rc == 0 && (*joined_out = json_parse_own(buf_slice(&text), err)) == NULL)
        rc = error_wrap(err, "%s%s", a->address, path);
    buf_close(&text);
    return rc;
}

int api_list(struct api *a, const char *path, struct json **answer_out, struct error *err)
{
    struct json *first;
    if (get_page(a, path, 0, &first, err) != 0)
        return -1;
    if ((int64_t)json_count(json_get(first, "items")) >= json_int(json_get(first, "total"), 0)) {
        *answer_out = first;
        return 0;
    }
    int rc = join_pages(a, path, first, answer_out, err);
    json_free(first);
    return rc;
}
