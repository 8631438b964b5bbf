/* The front end's doors: the files of the bundle (api/web/bundle.h). Files of which the name says
 * the content are kept for ever by browsers; the page itself is asked for anew each time. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "api/door.h"
#include "api/web/bundle.h"
#include "base/hash.h"
#include "base/str.h"
#include "http/negotiate.h"

#define NAME_HASH_LEN 8 /* of "app-HK5TD7K5.css" */
#define POLICY                                                                                     \
    "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src " \
    "'none'"

static void fail(struct call *c, const struct error *err, const struct problems *problems,
                 const struct json *detail)
{
    (void)problems;
    (void)detail;
    call_text(c, error_http_status(err->code), "text/plain", err->text);
}

static void redirect(struct call *c, const char *location)
{
    call_text(c, 302, "text/plain", "");
    header_put(&c->reply->headers, "Location", location);
}

/* ---- files */

static const struct bundle_file *find(const struct facts *f, const char *path)
{
    size_t low = 0, high = f->ui_n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(f->ui[middle].path, path);
        if (order == 0)
            return &f->ui[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The files lie side by side, each with a dot in its name; all else are a page's addresses, in
 * which an app or a node may have dots. */
static bool may_be_file(const char *path)
{
    return strchr(path + 1, '/') == NULL && strchr(path, '.') != NULL;
}

/* The file of the path below /ui; there is one page. */
static const struct bundle_file *wanted(const struct call *c)
{
    char path[512];
    snprintf(path, sizeof path, "/%s", call_param(c, "path"));
    const struct bundle_file *found = find(c->view->facts, path);
    if (found != NULL || may_be_file(path))
        return found;
    return find(c->view->facts, "/index.html");
}

/* Does the name change with the content? */
static bool names_its_content(const char *path)
{
    const char *dash = strrchr(path, '-');
    size_t n = 0;
    while (dash != NULL &&
           (isupper((unsigned char)dash[1 + n]) || isdigit((unsigned char)dash[1 + n])))
        n++;
    return n == NAME_HASH_LEN && dash[1 + n] == '.';
}

static void put_headers(struct call *c, const struct bundle_file *f, const char *tag)
{
    struct buf *h = &c->reply->headers;
    header_put(h, "ETag", tag);
    header_put(h, "Cache-Control",
               names_its_content(f->path) ? "public, max-age=31536000, immutable" : "no-cache");
    header_put(h, "Content-Security-Policy", POLICY);
    header_put(h, "X-Content-Type-Options", "nosniff");
    header_put(h, "Referrer-Policy", "no-referrer");
    if (f->gzip) {
        header_put(h, "Content-Encoding", "gzip");
        header_put(h, "Vary", "Accept-Encoding");
    }
}

/* Who does not say what he takes takes everything. */
static bool takes_gzip(const struct request *r)
{
    struct slice accept = header_get(r->headers, "Accept-Encoding");
    return accept.p == NULL || accepts_gzip(accept);
}

static void put_file(struct call *c, const struct bundle_file *f)
{
    char tag[24];
    struct reply *r = c->reply;
    snprintf(tag, sizeof tag, "\"%016llx\"", (unsigned long long)hash64(f->data, f->len, 0));
    r->status = header_has(c->request->headers, "If-None-Match", tag) ? 304 : 200;
    r->content_type = f->type;
    r->plain = true; /* compressed already, or not worth it */
    put_headers(c, f, tag);
    if (r->status == 200)
        buf_put(&r->body, f->data, f->len);
}

static void ask_file(struct call *c)
{
    const struct bundle_file *f = wanted(c);
    if (f == NULL && c->view->facts->ui_n == 0)
        call_fail(c, ERR_NOT_FOUND, "this build has no dashboard\n");
    else if (f == NULL)
        call_fail(c, ERR_NOT_FOUND, "there is no such file: /ui/%.200s\n", call_param(c, "path"));
    else if (f->gzip && !takes_gzip(c->request))
        call_text(c, 406, "text/plain", "the dashboard is only there gzipped\n");
    else
        put_file(c, f);
}

/* "/ui" and "/ui/" are one to the router; the page's own addresses are below the slash. */
static void ask_page(struct call *c)
{
    struct slice path = c->request->path;
    if (path.len > 0 && path.p[path.len - 1] == '/')
        ask_file(c);
    else
        redirect(c, "/ui/");
}

static void ask_root(struct call *c)
{
    redirect(c, "/ui/");
}

static void ask_help(struct call *c)
{
    redirect(c, "/api/openapi.json");
}

#define ASK(path_, ask_, about_)                                                        \
    {                                                                                   \
        .method = METHOD_GET, .pattern = path_, .right = MAY_NOTHING, .kind = DOOR_ASK, \
        .ask = ask_, .about = about_                                                    \
    }

static const struct door doors[] = {
    ASK("/", ask_root, "The dashboard"),
    ASK("/ui", ask_page, "The dashboard's page"),
    ASK("/ui/{path...}", ask_file, "Its files"),
    ASK("/help", ask_help, "What there is"),
};

/* As all that Marathon's port answers has them (spec/marathon.md 1.2): browsers too old for the
 * policy read these. */
static void dress(struct call *c)
{
    header_put(&c->reply->headers, "X-Frame-Options", "DENY");
    header_put(&c->reply->headers, "X-XSS-Protection", "1; mode=block");
    call_name_leader(c);
}

const struct dialect web_dialect = {
    .name = "web",
    .doors = doors,
    .n = sizeof doors / sizeof doors[0],
    .dress = dress,
    .fail = fail,
    .no_leader_status = 503,
};
