/* All rows of the endpoint index (spec/marathon.md 2) but groups' writes and pods: that each is
 * there, and answers as its section says; and that no other method is. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define JSON "application/json"
#define TEXT "text/plain"
#define WEB \
    "{\"id\":\"/shop/web\",\"cmd\":\"x\",\"cpus\":0.1,\"mem\":8,\"instances\":2,\"ports\":[80]}"

static const struct row {
    const char *line, *accept, *body; /* "<task>", "<version>", "<deployment>" are filled in */
    int status;
    const char *type, *part; /* NULL: no body */
} rows[] = {
    /* In an order in which each finds what it is about. */
    {"GET /ping", "", NULL, 200, TEXT, "pong"},
    {"HEAD /ping", "", NULL, 200, TEXT, ""},
    {"GET /metrics", "", NULL, 200, JSON, "\"marathon.apps.active.gauge\""},
    {"GET /metrics/prometheus", "", NULL, 200, TEXT, "marathon_apps_active_gauge 0"},
    {"GET /v2/info", "", NULL, 200, JSON, "\"name\":\"marathon\""},
    {"GET /v2/leader", "", NULL, 200, JSON, "{\"leader\":\"10.0.0.1:8080\"}"},
    {"DELETE /v2/leader", "", NULL, 409, JSON, "no other node votes"},
    {"GET /v2/apps", "", NULL, 200, JSON, "{\"apps\":[]}"},
    {"POST /v2/apps", "", WEB, 201, JSON, "\"id\":\"/shop/web\""},
    {"PUT /v2/apps?force=true", "", "[{\"id\":\"/shop/web\",\"env\":{\"A\":\"1\"}}]", 200, JSON,
     "deploymentId"},
    {"PATCH /v2/apps?force=true", "", "[{\"id\":\"/shop/web\",\"env\":{\"A\":\"2\"}}]", 200, JSON,
     "deploymentId"},
    {"GET /v2/apps/shop/web", "", NULL, 200, JSON, "{\"app\":{\"id\":\"/shop/web\""},
    {"GET /v2/apps/shop/*", "", NULL, 200, JSON, "\"id\":\"/shop/web\""},
    {"GET /v2/apps/*", "", NULL, 200, JSON, "\"id\":\"/shop/web\""},
    {"PUT /v2/apps/shop/web?force=true", "", "{\"env\":{\"A\":\"3\"}}", 200, JSON, "deploymentId"},
    {"PATCH /v2/apps/shop/web?force=true", "", "{\"env\":{\"A\":\"4\"}}", 200, JSON,
     "deploymentId"},
    {"GET /v2/deployments", "", NULL, 200, JSON, "\"affectedApps\":[\"/shop/web\"]"},
    {"DELETE /v2/deployments/<deployment>?force=true", "", NULL, 202, NULL, ""},
    {"POST /v2/apps/shop/web/restart?force=true", "", NULL, 200, JSON, "deploymentId"},
    {"GET /v2/queue", "", NULL, 200, JSON, "{\"queue\":["},
    {"DELETE /v2/queue/shop/web/delay", "", NULL, 204, NULL, ""},
    {"! settle", "", NULL, 0, NULL, NULL},
    {"GET /v2/apps/shop/web/tasks", "", NULL, 200, JSON, "{\"tasks\":[{"},
    {"GET /v2/apps/shop/*/tasks", "", NULL, 200, JSON, "\"tasks\":[{"},
    {"GET /v2/apps/shop/web/versions", "", NULL, 200, JSON, "{\"versions\":[\"2024-"},
    {"GET /v2/apps/shop/web/versions/<version>", "", NULL, 200, JSON, "\"version\":\"<version>\""},
    {"GET /v2/groups", "", NULL, 200, JSON, "\"id\":\"/\""},
    {"GET /v2/groups/shop", "", NULL, 200, JSON, "\"id\":\"/shop\""},
    {"GET /v2/groups/shop/apps", "", NULL, 200, JSON, "\"/shop/web\""},
    {"GET /v2/tasks", JSON, NULL, 200, JSON, "{\"tasks\":[{"},
    {"GET /v2/tasks", TEXT, NULL, 200, TEXT, "shop_web\t80\t10.0.0.1:"},
    {"DELETE /v2/apps/shop/web/tasks/<task>", "", NULL, 200, JSON, "{\"task\":{"},
    {"! settle", "", NULL, 0, NULL, NULL},
    {"POST /v2/tasks/delete", "", "{\"ids\":[\"<task>\"]}", 200, JSON, "\"tasks\":[{"},
    {"! settle", "", NULL, 0, NULL, NULL},
    {"DELETE /v2/apps/shop/web/tasks", "", NULL, 200, JSON, "{\"tasks\":[{"},
    {"GET /v2/events", "text/event-stream", NULL, 200, "text/event-stream",
     "event: event_stream_attached\r\n"},
    {"GET /v2/events", JSON, NULL, 405, JSON, "{\"message\":\"Method Not Allowed\"}"},
    {"GET /v2/eventSubscriptions", "", NULL, 200, JSON, "{\"callbackUrls\":[]}"},
    {"POST /v2/eventSubscriptions?callbackUrl=http://a/", "", NULL, 200, JSON, "subscribe_event"},
    {"DELETE /v2/eventSubscriptions?callbackUrl=http://a/", "", NULL, 200, JSON,
     "unsubscribe_event"},
    {"GET /v2/plugins", "", NULL, 200, JSON, "{\"plugins\":[]}"},
    {"GET /v2/plugins/x/y", "", NULL, 404, JSON, "No plugin with this pluginId: x"},
    {"GET /v2/artifacts/x", "", NULL, 404, JSON, "URI not found"},
    {"PUT /v2/artifacts/x", "", "x", 404, JSON, "URI not found"},
    {"GET /v2/schemas/app", "", NULL, 404, JSON, "URI not found"},
    {"GET /", "", NULL, 302, NULL, ""},
    {"GET /ui", "", NULL, 302, NULL, ""},
    {"GET /help", "", NULL, 302, NULL, ""},
    {"GET /public/api/x", "", NULL, 404, JSON, "URI not found"},
    {"GET /logging", "", NULL, 200, JSON, "{\"ROOT\":"},
    {"POST /logging", "", "{\"logger\":\"x\",\"level\":\"info\"}", 200, JSON, "\"level\":\"info\""},
    {"GET /config", "", NULL, 200, JSON, "\"hostname\":\"10.0.0.1\""},
    {"GET /admin/metrics", "", NULL, 404, JSON, "URI not found"},
    {"DELETE /v2/apps/shop/web", "", NULL, 200, JSON, "deploymentId"},
};

/* What the path's names stand for just now. */
static void fill(struct fixture *f, const char *text, char *dst, size_t size)
{
    struct app_row app;
    struct task_row t = {.name = ""};
    struct deployment_row d;
    char version[TIME_TEXT_SIZE] = "", uuid[UUID_TEXT_SIZE] = "", task[256] = "";
    if (state_app_by_path(f->w.state, "/shop/web", &app))
        wall_text(app.version, version);
    struct stmt *q = state_tasks(f->w.state);
    if (state_task_next(q, &t))
        str_copy(task, sizeof task, t.name);
    stmt_end(q);
    q = state_deployments(f->w.state);
    if (state_deployment_next(q, &d))
        uuid_text(deployment_uuid(&d), uuid);
    stmt_end(q);
    const struct {
        const char *hole, *value;
    } holes[] = {{"<version>", version}, {"<task>", task}, {"<deployment>", uuid}};
    str_copy(dst, size, text);
    for (size_t i = 0; i < COUNT(holes); i++) {
        char *at = strstr(dst, holes[i].hole), rest[512];
        if (at == NULL)
            continue;
        str_copy(rest, sizeof rest, at + strlen(holes[i].hole));
        snprintf(at, size - (size_t)(at - dst), "%s%s", holes[i].value, rest);
    }
}

static void play_row(struct fixture *f, const struct row *row)
{
    char line[512], body[512], part[512], headers[128] = "";
    fill(f, row->line, line, sizeof line);
    fill(f, row->body != NULL ? row->body : "", body, sizeof body);
    fill(f, row->part, part, sizeof part);
    if (row->accept[0] != '\0')
        snprintf(headers, sizeof headers, "Accept: %s\r\n", row->accept);
    play(f, line, headers, row->body != NULL ? body : NULL);
    const char *type = f->r.content_type != NULL ? f->r.content_type : "";
    if (f->r.status != row->status || strstr(answer(f), part) == NULL ||
        (row->type != NULL && !str_starts(type, row->type)))
        fail_msg("%s (%s): %d %s\n%s", line, row->accept, f->r.status, type, answer(f));
}

static void each_row_answers_as_its_section_says(void **data)
{
    struct fixture *f = *data;
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":7}", NULL);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].status != 0)
            play_row(f, &rows[i]);
        else
            world_settle(&f->w);
}

/* The methods of a path are those of its rows, and what follows from them. */
static void a_wrong_method_is_told_the_right_ones(void **data)
{
    static const struct {
        const char *path, *allow;
    } paths[] = {
        {"/ping", "GET, HEAD, OPTIONS"},
        {"/metrics", "GET, HEAD, OPTIONS"},
        {"/metrics/prometheus", "GET, HEAD, OPTIONS"},
        {"/v2/info", "GET, HEAD, OPTIONS"},
        {"/v2/leader", "GET, HEAD, DELETE, OPTIONS"},
        {"/v2/apps", "GET, HEAD, POST, PUT, PATCH, OPTIONS"},
        {"/v2/apps/shop/web", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"},
        {"/v2/apps/shop/*", "GET, HEAD, OPTIONS"},
        {"/v2/apps/shop/web/restart", "POST, OPTIONS"},
        {"/v2/apps/shop/web/tasks", "GET, HEAD, DELETE, OPTIONS"},
        {"/v2/apps/shop/web/tasks/x", "DELETE, OPTIONS"},
        {"/v2/apps/shop/web/versions", "GET, HEAD, OPTIONS"},
        {"/v2/apps/shop/web/versions/x", "GET, HEAD, OPTIONS"},
        {"/v2/tasks", "GET, HEAD, OPTIONS"},
        {"/v2/tasks/delete", "POST, OPTIONS"},
        {"/v2/deployments", "GET, HEAD, OPTIONS"},
        {"/v2/deployments/x", "DELETE, OPTIONS"},
        {"/v2/queue", "GET, HEAD, OPTIONS"},
        {"/v2/queue/shop/web/delay", "DELETE, OPTIONS"},
        {"/v2/events", "GET, HEAD, OPTIONS"},
        {"/v2/eventSubscriptions", "GET, HEAD, POST, DELETE, OPTIONS"},
        {"/v2/plugins", "GET, HEAD, OPTIONS"},
        {"/logging", "GET, HEAD, POST, OPTIONS"},
        {"/config", "GET, HEAD, OPTIONS"},
        {"/ui", "GET, HEAD, OPTIONS"},
    };
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    struct fixture *f = *data;
    for (size_t i = 0; i < COUNT(paths); i++) {
        char line[128];
        for (size_t m = 0; m < COUNT(methods); m++) {
            if (strstr(paths[i].allow, methods[m]) != NULL)
                continue;
            snprintf(line, sizeof line, "%s %s", methods[m], paths[i].path);
            play(f, line, "", NULL);
            if (f->r.status != 405)
                fail_msg("%s: %d", line, f->r.status);
            assert_header(f, "Allow", paths[i].allow);
        }
        snprintf(line, sizeof line, "OPTIONS %s", paths[i].path);
        play(f, line, "", NULL);
        assert_int_equal(f->r.status, 200);
        assert_header(f, "Allow", paths[i].allow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_row_answers_as_its_section_says),
        CASE(a_wrong_method_is_told_the_right_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
