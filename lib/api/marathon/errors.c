/* Errors in Marathon's shapes (spec/marathon.md 1.6). */
#include <stdio.h>

#include "api/marathon/private.h"
#include "base/str.h"

void marathon_message(struct call *c, int status, const char *fmt, ...)
{
    struct buf text;
    va_list ap;
    buf_init(&text, 4096);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    struct json_writer w;
    call_json(c, status, &w);
    json_object(&w);
    json_member_str(&w, "message", buf_str(&text));
    json_object_end(&w);
    buf_close(&text);
}

static void answer_details(struct call *c, const char *message, const char *details)
{
    struct json_writer w;
    call_json(c, 400, &w);
    json_object(&w);
    json_member_str(&w, "message", message);
    json_member_str(&w, "details", details);
    json_object_end(&w);
}

const struct json *marathon_body(struct call *c)
{
    struct error err;
    if (c->body != NULL)
        return c->body;
    if (c->request->body.len == 0) {
        answer_details(c, "Please specify data in JSON format", "the body is empty");
        return NULL;
    }
    c->body = json_parse(c->request->body, &err);
    if (c->body == NULL)
        answer_details(c, "Invalid JSON", err.text);
    return c->body;
}

static void answer_problems(struct call *c, const struct problems *problems)
{
    struct json_writer w;
    call_json(c, 422, &w);
    json_object(&w);
    json_member_str(&w, "message",
                    problems_has(problems, PROBLEM_SCHEMA) ? "Invalid JSON"
                                                           : "Object is not valid");
    json_key(&w, "details");
    problems_write_coded(problems, &w);
    json_object_end(&w);
}

/* Limits that have a status of their own here, by the name that the outcome gives them. */
static const struct {
    const char *limit;
    int status;
} statuses[] = {{"deployments", 403}, {"service_ports", 500}};

static int status_of(const struct error *err, const struct json *detail)
{
    const char *limit = json_str(json_get(detail, "limit"), "");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (str_eq(statuses[i].limit, limit))
            return statuses[i].status;
    return error_http_status(err->code);
}

void marathon_fail(struct call *c, const struct error *err, const struct problems *problems,
                   const struct json *detail)
{
    if (problems != NULL) {
        answer_problems(c, problems);
        return;
    }
    struct json_writer w;
    call_json(c, status_of(err, detail), &w);
    json_object(&w);
    json_member_str(&w, "message", err->text);
    if (json_get(detail, "deployments") != NULL) {
        json_key(&w, "deployments");
        json_put_value(&w, json_get(detail, "deployments"));
    }
    json_object_end(&w);
}
