#include "demo.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_client.h"

#define ANSWER_MS 10000
#define SAMPLE_PORT 10000

/* The sample app is this binary, so that it runs on a bare machine. */
static void sample_app(struct buf *out)
{
    char self[1024];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    struct json_writer w;
    char cmd[1200];
    snprintf(cmd, sizeof cmd, "exec '%s' demo-server --port $PORT0", self);
    json_begin(&w, out);
    json_object(&w);
    json_member_str(&w, "id", "/demo/hello");
    json_member_str(&w, "cmd", cmd);
    json_member_int(&w, "instances", 2);
    json_member_double(&w, "cpus", 0.1);
    json_member_int(&w, "mem", 32);
    json_key(&w, "portDefinitions");
    json_array(&w);
    json_object(&w);
    json_member_int(&w, "port", SAMPLE_PORT);
    json_member_str(&w, "name", "http");
    json_object_end(&w);
    json_array_end(&w);
    json_member_raw(
        &w, "healthChecks",
        SLICE("[{\"protocol\":\"HTTP\",\"path\":\"/health\",\"portIndex\":0,"
              "\"gracePeriodSeconds\":10,\"intervalSeconds\":2,\"timeoutSeconds\":2}]"));
    json_member_raw(&w, "upgradeStrategy",
                    SLICE("{\"minimumHealthCapacity\":1,\"maximumOverCapacity\":0.5}"));
    json_member_raw(&w, "labels", SLICE("{\"sample\":\"mesolith demo-server\"}"));
    json_object_end(&w);
}

static const char sample_job[] =
    "{\"schedule\":\"R//"
    "PT1M\",\"epsilon\":\"PT60S\",\"cpus\":0.1,\"mem\":16,"
    "\"disk\":0,\"command\":\"echo 'Hello from a scheduled job'; date -u +%T\"}";

struct sample {
    struct http_call call;
    struct url url;
    const char *what;
    char where[256]; /* to look at it */
};

static void on_done(struct http_call *c, const struct error *err)
{
    struct sample *s = c->data;
    if (err != NULL)
        log_warn("sample not put in", "what=%s why=%s", s->what, err->text);
    else if (c->response->status >= 300 && c->response->status != 409 &&
             c->response->status != 412) /* 409, 412: is there already */
        log_warn("sample not put in", "what=%s status=%d why=%.*s", s->what, c->response->status,
                 (int)c->body.len, c->body.p);
    else
        log_info(s->what, "url=%s", s->where);
    http_call_close(c);
    url_close(&s->url);
    mem_free(s);
}

static void create(struct loop *loop, const char *credentials, enum method method, const char *url,
                   const char *what, const char *where, struct slice body)
{
    struct sample *s = NEW(struct sample);
    struct error err;
    s->what = what;
    str_copy(s->where, sizeof s->where, where);
    s->call.data = s;
    const struct http_ask ask = {
        .to = &s->url,
        .credentials = credentials,
        .method = method,
        .headers = SLICE("Content-Type: application/json\r\nIf-None-Match: *\r\n"),
        .body = body,
        .total_ms = ANSWER_MS,
    };
    if (url_parse(url, &s->url, &err) == 0 &&
        http_call_start(&s->call, loop, &ask, on_done, &err) == 0)
        return;
    log_warn("sample not put in", "what=%s why=%s", what, err.text);
    url_close(&s->url);
    mem_free(s);
}

void demo_put_in(struct loop *loop, const char *marathon, const char *credentials,
                 const char *service_address)
{
    struct buf app;
    char url[256], where[256];
    bool v6 = strchr(service_address, ':') != NULL;
    snprintf(where, sizeof where, "http://%s%.64s%s:%d/", v6 ? "[" : "", service_address,
             v6 ? "]" : "", SAMPLE_PORT);
    buf_init(&app, 16384);
    sample_app(&app);
    snprintf(url, sizeof url, "%.200s/v2/apps", marathon);
    create(loop, credentials, METHOD_POST, url, "the sample app", where, buf_slice(&app));
    snprintf(url, sizeof url, "%.200s/api/jobs/demo-date", marathon);
    snprintf(where, sizeof where, "%.200s/ui/jobs/demo-date", marathon);
    create(loop, credentials, METHOD_PUT, url, "the sample job", where, SLICE(sample_job));
    buf_close(&app);
}
