#include "unit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"
#include "model/job_private.h"
#include "schema.h"

static struct json *document;

static void read_document(struct fixture *f)
{
    struct error err;
    play(f, "GET /api/openapi.json", "", NULL);
    document = json_parse(buf_slice(&f->r.body), &err);
    if (document == NULL)
        fail_msg("openapi.json: %s", err.text);
}

static int with_document(void **data)
{
    set_up(data);
    read_document(*data);
    return 0;
}

static int without_document(void **data)
{
    json_free(document);
    return tear_down(data);
}

/* "/api/why/{noun}/{name...}" as OpenAPI writes it. */
static void path_of(const char *pattern, char dst[128])
{
    size_t n = 0;
    for (const char *p = pattern; *p != '\0' && n < 127; p++) {
        if (str_starts(p, "...}"))
            p += 3;
        dst[n++] = *p;
    }
    dst[n] = '\0';
}

static const struct json *operation(enum method m, const char *pattern)
{
    char path[128], method[16] = "";
    path_of(pattern, path);
    for (size_t i = 0; method_text(m)[i] != '\0'; i++)
        method[i] = (char)tolower((unsigned char)method_text(m)[i]);
    return json_get(json_get(json_get(document, "paths"), path), method);
}

static bool is_door(const char *path, const char *method)
{
    char own[128];
    for (size_t i = 0; i < native_dialect.n; i++) {
        const struct door *d = &native_dialect.doors[i];
        path_of(d->pattern, own);
        if (str_eq(own, path) && slice_is_nocase(slice_of(method), method_text(d->method)))
            return true;
    }
    return false;
}

/* Are the names in braces the path parameters of the operation? */
static void check_parameters(const struct json *op, const char *pattern)
{
    char path[128], braced[64];
    size_t in_path = 0;
    path_of(pattern, path);
    JSON_EACH (parameter, json_get(op, "parameters")) {
        const struct json *p = schema_resolve(document, parameter);
        assert_non_null(p);
        assert_non_null(json_get(p, "schema"));
        assert_non_null(json_get(p, "description"));
        if (!str_eq(json_str(json_get(p, "in"), ""), "path"))
            continue;
        in_path++;
        snprintf(braced, sizeof braced, "{%s}", json_str(json_get(p, "name"), ""));
        assert_non_null(strstr(path, braced));
    }
    for (const char *p = path; (p = strchr(p, '{')) != NULL; p++)
        in_path--;
    assert_int_equal(in_path, 0);
}

/* Are they what the door takes in the query, in that order? */
static void check_query_parameters(const struct json *op, const struct door *d)
{
    struct buf names;
    buf_init(&names, 512);
    JSON_EACH (parameter, json_get(op, "parameters")) {
        const struct json *p = schema_resolve(document, parameter);
        if (str_eq(json_str(json_get(p, "in"), ""), "query"))
            buf_printf(&names, "%s%s", names.len > 0 ? " " : "", json_str(json_get(p, "name"), ""));
    }
    assert_string_equal(buf_str(&names), d->query);
    buf_close(&names);
}

/* Are they what the door takes in its body, where it takes nothing else? A job's are another
 * test's: of what it does not have it is told beside its answer. */
static void check_members(const struct json *op, const struct door *d)
{
    struct buf names;
    const struct json *content = json_get(json_get(op, "requestBody"), "content");
    const struct json *schema =
        schema_resolve(document, json_get(json_get(content, "application/json"), "schema"));
    bool of_a_job = str_eq(d->pattern, "/api/jobs/{name}");
    if (of_a_job || json_bool(json_get(schema, "additionalProperties"), true)) {
        assert_null(d->members);
        return;
    }
    buf_init(&names, 512);
    JSON_EACH (property, json_get(schema, "properties"))
        buf_printf(&names, "%s%s", names.len > 0 ? " " : "", json_name(property));
    assert_string_equal(buf_str(&names), d->members);
    buf_close(&names);
}

static void every_door_is_described_and_nothing_else(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < native_dialect.n; i++) {
        const struct door *d = &native_dialect.doors[i];
        if (str_eq(d->pattern, "/api/{rest...}")) /* what is not there */
            continue;
        const struct json *op = operation(d->method, d->pattern);
        if (op == NULL)
            fail_msg("%s %s is not in openapi.json", method_text(d->method), d->pattern);
        assert_string_equal(json_str(json_get(op, "summary"), ""), d->about);
        assert_non_null(json_get(op, "operationId"));
        check_parameters(op, d->pattern);
        check_query_parameters(op, d);
        check_members(op, d);
        bool has_body = d->method == METHOD_PUT || d->method == METHOD_POST;
        assert_int_equal(json_get(op, "requestBody") != NULL, has_body);
    }
    JSON_EACH (path, json_get(document, "paths"))
        JSON_EACH (op, path)
            if (!is_door(json_name(path), json_name(op)))
                fail_msg("%s %s has no door", json_name(op), json_name(path));
}

static void every_reference_leads_somewhere(void **data)
{
    struct fixture *f = *data;
    char *text, *at;
    play(f, "GET /api/openapi.json", "", NULL);
    text = slice_dup(buf_slice(&f->r.body));
    for (at = text; (at = strstr(at, "\"$ref\": \"")) != NULL;) {
        struct error err;
        char one[256];
        at += strlen("\"$ref\": ");
        snprintf(one, sizeof one, "{\"$ref\":%.*s}", (int)(strchr(at + 1, '"') - at) + 1, at);
        struct json *ref = json_parse(slice_of(one), &err);
        if (schema_resolve(document, ref) == NULL)
            fail_msg("%s", one);
        json_free(ref);
    }
    mem_free(text);
}

/* In another order they would not say the same to who reads them. */
static void has_words(const struct json *property, const struct field *f)
{
    const struct json *word = json_first(json_get(property, "enum"));
    for (const char *const *w = f->words; *w != NULL; w++) {
        if (**w == '\0')
            continue; /* not given */
        if (!str_eq(json_str(word, ""), *w))
            fail_msg("%s: %s is no word of it, or in another place", f->name, *w);
        word = json_next(word);
    }
    if (word != NULL)
        fail_msg("%s: %s is no word of a job's", f->name, json_str(word, ""));
}

static void has_all(const struct json *properties, const struct field_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->rows[i];
        const struct json *property = json_get(properties, f->name);
        if (property == NULL)
            fail_msg("%s is no property in openapi.json", f->name);
        if (json_get(property, "enum") != NULL)
            has_words(property, f);
        if (json_get(property, "properties") != NULL)
            has_all(json_get(property, "properties"), f->table);
    }
}

static void a_job_has_the_members_that_its_schema_names(void **data)
{
    struct fixture *f = *data;
    play(f, "GET /api/openapi.json", "", NULL);
    const struct json *properties =
        json_get(json_get(json_get(json_get(document, "components"), "schemas"), "JobDefinition"),
                 "properties");
    has_all(properties, &JOB_FIELDS);
    has_all(properties, &JOB_EXTENSION_FIELDS);
    JSON_EACH (property, properties)
        if (!job_knows(json_name(property)))
            fail_msg("%s is no member of a job", json_name(property));
}

/* ---- what is answered */

/* Status and body must be as the operation says. */
static void check_answer(struct fixture *f, const char *line)
{
    char word[16], path[512], status[8];
    struct error err;
    struct route_match match = {0};
    struct call c = {.match = &match, .reply = &f->r};
    assert_int_equal(sscanf(line, "%15s %511s", word, path), 2);
    struct request r = request_of(method_of(word), path);
    r.listener = "marathon";
    const struct door *door = api_find(f->w.api, &r, &c);
    assert_non_null(door);
    snprintf(status, sizeof status, "%d", f->r.status);
    const struct json *op = operation(door->method, door->pattern);
    const struct json *response = json_get(json_get(op, "responses"), status);
    if (response == NULL)
        fail_msg("%s: status %s is not described: %s", line, status, answer(f));
    const struct json *content = json_get(schema_resolve(document, response), "content");
    struct json *body = json_parse(buf_slice(&f->r.body), &err);
    assert_non_null(body);
    if (!schema_fits(document, json_get(json_get(content, "application/json"), "schema"), body,
                     &err))
        fail_msg("%s: %s\n%s", line, err.text, answer(f));
    json_free(body);
    call_close(&c);
    route_match_close(&match);
}

static void say(struct fixture *f, const char *line, const char *body)
{
    play(f, line, "", body);
    check_answer(f, line);
}

/* The id of some task whose owner is named so. */
static void some_task(struct fixture *f, const char *of, char dst[256])
{
    struct task_row t;
    struct stmt *q = state_tasks(f->w.state);
    dst[0] = '\0';
    while (state_task_next(q, &t))
        if (str_eq(t.of, of))
            str_copy(dst, 256, t.name);
    assert_true(dst[0] != '\0');
}

static void furnish(struct fixture *f)
{
    world_apply(&f->w, COMMAND_NODE_PUT,
                "{\"id\":1,\"name\":\"n1\",\"address\":\"10.0.0.1:5055\",\"modes\":7,\"level\":1,"
                "\"version\":\"0.1.0\"}",
                NULL);
    say(f, "POST /api/apps",
        "{\"id\":\"/web\",\"cmd\":\"x\",\"instances\":2,\"labels\":{\"a\":\"b\"},"
        "\"portDefinitions\":[{\"port\":0}]}");
    say(f, "PUT /api/apps/big", "{\"id\":\"/big\",\"cmd\":\"x\",\"instances\":9,\"cpus\":1}");
    say(f, "PUT /api/jobs/report",
        "{\"schedule\":\"R/2024-05-02T00:00:00Z/P1D\",\"command\":\"x\"}");
    say(f, "POST /api/jobs/report/run", NULL);
    f->w.facts.ports_refused =
        "[{\"port\":10000,\"app\":\"/web\",\"reason\":\"our own door holds it\"}]";
    world_settle(&f->w);
}

static void what_is_answered_is_what_is_described(void **data)
{
    struct fixture *f = *data;
    static const char *const lines[] = {
        "GET /api/status",         "GET /api/apps",
        "GET /api/apps/web",       "GET /api/apps/big",
        "GET /api/apps/nobody",    "GET /api/apps?limit=x",
        "GET /api/tasks",          "GET /api/jobs",
        "GET /api/jobs/report",    "GET /api/jobs/nobody",
        "GET /api/runs",           "GET /api/nodes",
        "GET /api/nodes/n1",       "GET /api/nodes/n2",
        "GET /api/deployments",    "GET /api/services",
        "GET /api/events/log",     "GET /api/why/app/big",
        "GET /api/why/job/report", "GET /api/why/job/nobody",
        "GET /api/openapi.json",   "GET /api/",
    };
    char task[256], line[512];
    furnish(f);
    for (size_t i = 0; i < COUNT(lines); i++)
        say(f, lines[i], NULL);
    some_task(f, "report", task);
    snprintf(line, sizeof line, "GET /api/tasks/%s", task);
    say(f, line, NULL);
    some_task(f, "/web", task);
    snprintf(line, sizeof line, "DELETE /api/tasks/%s", task);
    say(f, line, NULL);
    world_settle(&f->w);
    say(f, line, NULL); /* ended */
    say(f, "GET /api/tasks?state=killed", NULL);
    say(f, "POST /api/apps/web/scale", "{\"instances\":1}");
    say(f, "POST /api/apps/web/restart", "{}"); /* locked */
    say(f, "POST /api/apps/web/scale", "{\"instances\":-1}");
    say(f, "DELETE /api/apps/web", NULL);
    say(f, "DELETE /api/jobs/report", NULL);
    say(f, "POST /api/sql", "{\"query\":\"select * from apps\"}");
    say(f, "POST /api/sql", "{\"query\":\"drop table apps\"}");
    say(f, "POST /api/nodes/n1/drain", "{}"); /* below level 4 */
    say(f, "POST /api/nodes/n1/demote", "{}");
    say(f, "POST /api/nodes/n1/promote", "{}");
    say(f, "POST /api/nodes/n2/undrain", "{}");
    say(f, "DELETE /api/nodes/n1", NULL);
    say(f, "POST /api/leader/transfer", "{}");
    say(f, "POST /api/leader/transfer", "{\"node\":\"n1\"}");
    say(f, "GET /api/tokens", NULL);
    say(f, "POST /api/tokens", "{}"); /* alone */
    f->w.facts.ca_hash = (const uint8_t[SHA256_SIZE]){1};
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":2}", NULL);
    say(f, "POST /api/tokens", "{\"hours\":0}");
    say(f, "POST /api/tokens", "{}");
    say(f, "GET /api/tokens", NULL);
    say(f, "DELETE /api/tokens/00000000", NULL);
    say(f, "POST /api/apps", "{");
    say(f, "POST /api/apps", "{\"id\":\"/x\",\"cpus\":\"many\"}");
}

static void what_runs_for_the_past_is_described(void **data)
{
    struct fixture *f = *data;
    static const char past[] = "\"from\":\"2024-05-01T00:00:00Z\",\"to\":\"2024-05-01T03:00:00Z\"";
    char body[128];
    furnish(f);
    snprintf(body, sizeof body, "{%s}", past);
    say(f, "POST /api/jobs/report/backfill", body); /* below its level */
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":26}", NULL);
    say(f, "PUT /api/jobs/report",
        "{\"schedule\":\"R/2024-05-01T00:00:00Z/PT1H\",\"command\":\"x\",\"disabled\":true}");
    snprintf(body, sizeof body, "{%s,\"dry_run\":true}", past);
    say(f, "POST /api/jobs/report/backfill", body);
    snprintf(body, sizeof body, "{%s}", past);
    say(f, "POST /api/jobs/report/backfill", body);
    say(f, "POST /api/jobs/report/backfill", body); /* one goes on */
    world_settle(&f->w);
    say(f, "GET /api/jobs/report", NULL);
    say(f, "DELETE /api/jobs/report/backfill", NULL);
    say(f, "DELETE /api/jobs/report/backfill", NULL);
    say(f, "POST /api/jobs/report/run", "{\"environment\":{\"A\":\"b\"}}");
    say(f, "POST /api/jobs/report/run", "{\"environment\":{\"A\":7}}");
}

static void what_owners_are_told_is_described(void **data)
{
    struct fixture *f = *data;
    furnish(f);
    say(f, "POST /api/notices/test", "{}"); /* below its level */
    say(f, "GET /api/channels", NULL);
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":31}", NULL);
    world_apply(&f->w, COMMAND_SETTING_PUT, "{\"set\":{\"notify\":\"mail,slack\"}}", NULL);
    say(f, "POST /api/notices/test", "{}");
    say(f, "POST /api/notices/test", "{\"channel\":\"http\"}");
    say(f, "POST /api/notices/test", "{\"to\":\"a@x\"}");
    world_apply(&f->w, COMMAND_NOTICE_TOLD,
                "{\"set\":[{\"notice\":1,\"channel\":\"mail\",\"over\":false,\"error\":\"no\","
                "\"next_ms\":1767225600000}]}",
                NULL);
    say(f, "GET /api/notices", NULL);
    say(f, "GET /api/notices?sort=-at&state=failed", NULL);
    say(f, "GET /api/notices?sort=size", NULL);
    say(f, "GET /api/notices/1", NULL);
    say(f, "GET /api/notices/2", NULL);
    say(f, "GET /api/channels", NULL);
}

static void what_keeps_jobs_from_running_is_described(void **data)
{
    struct fixture *f = *data;
    furnish(f);
    say(f, "POST /api/jobs/report/pause", "{}"); /* below its level */
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":22}", NULL);
    say(f, "POST /api/jobs/report/pause", "{\"reason\":\"the disk is full\"}");
    say(f, "GET /api/jobs/report", NULL);
    say(f, "POST /api/resume/jobs", "{\"selector\":\"name=*\"}");
    say(f, "POST /api/pause/jobs", "{\"names\":[\"report\"]}");
    say(f, "POST /api/jobs/report/resume", "{}");
    say(f, "POST /api/pause/jobs", "{\"selector\":\"colour=red\"}");
}

/* Two apps may want one port: who got it is not said to be without. */
static void a_port_is_refused_to_one_app(void **data)
{
    struct fixture *f = *data;
    furnish(f);
    say(f, "GET /api/services", NULL);
    assert_non_null(strstr(answer(f), "\"bound\":false,\"reason\":\"our own door holds it\""));
    say(f, "GET /api/status", NULL);
    assert_non_null(strstr(answer(f), "service port 10000 of /web is not served here"));
    say(f, "GET /api/why/app/web", NULL);
    assert_non_null(strstr(answer(f), "/web: service port 10000 is not served"));
    f->w.facts.ports_refused = "[{\"port\":10000,\"app\":\"/gone\",\"reason\":\"/web holds it\"}]";
    say(f, "GET /api/services", NULL);
    assert_null(strstr(answer(f), "\"bound\":false"));
    say(f, "GET /api/status", NULL);
    assert_null(strstr(answer(f), "is not served here"));
}

static void a_schema_that_does_not_fit_is_noticed(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "{}",
        "{\"used\":\"x\",\"total\":1}",
        "{\"used\":1,\"total\":1,\"more\":1}",
        "[]",
    };
    struct error err;
    const struct json *schema =
        json_get(json_get(json_get(document, "components"), "schemas"), "Amount");
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct json *v = json_parse(slice_of(bad[i]), &err);
        assert_false(schema_fits(document, schema, v, &err));
        json_free(v);
    }
}

#define WITH_DOCUMENT(name) cmocka_unit_test_setup_teardown(name, with_document, without_document)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DOCUMENT(every_door_is_described_and_nothing_else),
        WITH_DOCUMENT(every_reference_leads_somewhere),
        WITH_DOCUMENT(a_job_has_the_members_that_its_schema_names),
        WITH_DOCUMENT(what_is_answered_is_what_is_described),
        WITH_DOCUMENT(what_runs_for_the_past_is_described),
        WITH_DOCUMENT(what_owners_are_told_is_described),
        WITH_DOCUMENT(what_keeps_jobs_from_running_is_described),
        WITH_DOCUMENT(a_port_is_refused_to_one_app),
        WITH_DOCUMENT(a_schema_that_does_not_fit_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
