/* tests/unit/executor/test_docker_options.c - what the engine is asked for */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "executor/docker_options.h"

static struct run_spec spec;
static char *env[] = {"A=1", "B=two words", NULL};
static const struct run run = {.number = 7,
                               .name = "web.1",
                               .sandbox = "/data/sandbox",
                               .container = "c0ffee",
                               .spec = &spec,
                               .env = env};
static const struct docker_defaults defaults = {.owner = "/data/tasks", .log_bytes = 1000};

static struct json *body_of(void)
{
    struct buf out;
    struct error err;
    buf_init(&out, 1 << 20);
    if (docker_create_body(&run, &defaults, &out, &err) != 0)
        fail_msg("%s", err.text);
    struct json *body = json_parse(buf_slice(&out), &err);
    if (body == NULL)
        fail_msg("%s in %s", err.text, buf_str(&out));
    buf_close(&out);
    return body;
}

/* `want` is JSON for the member at "HostConfig/Binds". */
static void assert_member(const struct json *body, const char *path, const char *want)
{
    char name[64];
    const struct json *at = body;
    for (const char *p = path; *p != '\0'; p += *p == '/') {
        size_t n = strcspn(p, "/");
        snprintf(name, sizeof(name), "%.*s", (int)n, p);
        at = json_get(at, name);
        p += n;
    }
    struct error err;
    struct json *expected = json_parse(slice_of(want), &err);
    struct buf got;
    struct json_writer w;
    buf_init(&got, 1 << 16);
    json_begin(&w, &got);
    json_put_value(&w, at);
    if (!json_equal(at, expected))
        fail_msg("%s: %s", path, buf_str(&got));
    buf_close(&got);
    json_free(expected);
}

static void asks_for_what_the_task_says(void **unused)
{
    (void)unused;
    static const struct run_port ports[] = {{.host = 31000, .container = 80},
                                            {.host = 31001, .container = 80},
                                            {.container = 53, .udp = true},
                                            {.host = 31002, .udp = true}};
    static const struct run_mount mounts[] = {{"/etc/x", "/host/x", true, NULL, NULL},
                                              {"cache", "tmp", false, NULL, NULL},
                                              {"work", NULL, false, NULL, NULL}};
    spec = (struct run_spec){.image = "nginx:1",
                             .cmd = "echo hi",
                             .cpus_milli = 500,
                             .mem_bytes = 64 << 20,
                             .network = NETWORK_BRIDGE,
                             .privileged = true,
                             .ports = ports,
                             .ports_n = 4,
                             .mounts = mounts,
                             .mounts_n = 3};
    struct json *body = body_of();
    assert_member(body, "Image", "\"nginx:1\"");
    assert_member(body, "Entrypoint", "[\"/bin/sh\"]");
    assert_member(body, "Cmd", "[\"-c\",\"echo hi\"]");
    assert_member(body, "Env", "[\"A=1\",\"B=two words\"]");
    assert_member(body, "Labels",
                  "{\"MESOS_TASK_ID\":\"web.1\",\"mesolith.task\":\"web.1\","
                  "\"mesolith.owner\":\"/data/tasks\",\"mesolith.number\":\"7\"}");
    assert_member(body, "HostConfig/NetworkMode", "\"bridge\"");
    assert_member(body, "HostConfig/Privileged", "true");
    assert_member(body, "HostConfig/CpuShares", "512");
    assert_member(body, "HostConfig/Memory", "67108864");
    assert_member(body, "HostConfig/Binds",
                  "[\"/data/sandbox:/mnt/mesos/sandbox:rw\",\"/host/x:/etc/x:ro\","
                  "\"/data/sandbox/tmp:/mnt/mesos/sandbox/cache:rw\","
                  "\"/data/sandbox/work:/mnt/mesos/sandbox/work:rw\"]");
    assert_member(body, "ExposedPorts", "{\"80/tcp\":{},\"53/udp\":{},\"31002/udp\":{}}");
    assert_member(body, "HostConfig/PortBindings",
                  "{\"80/tcp\":[{\"HostPort\":\"31000\"},{\"HostPort\":\"31001\"}],"
                  "\"31002/udp\":[{\"HostPort\":\"31002\"}]}");
    assert_member(body, "HostConfig/LogConfig",
                  "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"1000\",\"max-file\":\"2\"}}");
    json_free(body);
}

static void a_shared_network_is_held_by_one_and_joined_by_all(void **unused)
{
    (void)unused;
    static const struct run_port ports[] = {{.host = 31000, .container = 80}};
    struct run first = run;
    struct docker_defaults with_hold = defaults;
    struct buf out;
    struct error err;
    spec = (struct run_spec){
        .image = "x", .cmd = "y", .network = NETWORK_BRIDGE, .ports = ports, .ports_n = 1};
    first.network = first.number;
    first.joins = first.container;
    with_hold.hold = "/data/hold";
    buf_init(&out, 1 << 20);
    assert_int_equal(docker_hold_body(&first, &with_hold, &out, &err), 0);
    struct json *body = json_parse(buf_slice(&out), &err);
    assert_member(body, "Image", "\"x\"");
    assert_member(body, "Entrypoint", "[\"/mesolith-hold\"]");
    assert_null(json_get(body, "Cmd"));
    assert_member(body, "Healthcheck", "{\"Test\":[\"NONE\"]}");
    assert_member(body, "Labels",
                  "{\"mesolith.owner\":\"/data/tasks\",\"mesolith.network\":\"7\"}");
    assert_member(body, "HostConfig/NetworkMode", "\"bridge\"");
    assert_member(body, "HostConfig/Binds", "[\"/data/hold:/mesolith-hold:ro\"]");
    assert_member(body, "HostConfig/PortBindings", "{\"80/tcp\":[{\"HostPort\":\"31000\"}]}");
    json_free(body);
    buf_close(&out);
    buf_init(&out, 1 << 20);
    assert_int_equal(docker_create_body(&first, &with_hold, &out, &err), 0);
    body = json_parse(buf_slice(&out), &err);
    assert_member(body, "HostConfig/NetworkMode", "\"container:mesos-c0ffee.net\"");
    assert_null(json_get(json_get(body, "HostConfig"), "PortBindings"));
    json_free(body);
    buf_close(&out);
}

static void limits_are_not_what_was_asked_for(void **unused)
{
    (void)unused;
    spec = (struct run_spec){.image = "x",
                             .cpus_milli = 500,
                             .mem_bytes = 64 << 20,
                             .cpus_limit_milli = 1500,
                             .mem_limit_bytes = 128 << 20};
    struct json *body = body_of();
    assert_member(body, "HostConfig/CpuShares", "512");
    assert_member(body, "HostConfig/CpuQuota", "150000");
    assert_member(body, "HostConfig/Memory", "134217728");
    assert_member(body, "HostConfig/MemoryReservation", "67108864");
    json_free(body);
    spec.cpus_limit_milli = spec.mem_limit_bytes = RUN_UNLIMITED;
    body = body_of();
    assert_null(json_get(json_get(body, "HostConfig"), "CpuQuota"));
    assert_null(json_get(json_get(body, "HostConfig"), "Memory"));
    assert_member(body, "HostConfig/MemoryReservation", "67108864");
    json_free(body);
}

static void a_sandbox_with_colons_in_its_path_is_no_volume(void **unused)
{
    (void)unused;
    struct run jobs = run;
    static const struct run_mount mounts[] = {{"/etc/x", "/host/x", true, NULL, NULL},
                                              {"cache", "tmp", true, NULL, NULL}};
    struct buf out;
    struct error err;
    spec = (struct run_spec){.image = "x", .mounts = mounts, .mounts_n = 2};
    jobs.sandbox = "/data/ct:1:0:date:/run";
    buf_init(&out, 1 << 20);
    assert_int_equal(docker_create_body(&jobs, &defaults, &out, &err), 0);
    struct json *body = json_parse(buf_slice(&out), &err);
    assert_member(body, "HostConfig/Binds", "[\"/host/x:/etc/x:ro\"]");
    assert_member(body, "HostConfig/Mounts",
                  "[{\"Type\":\"bind\",\"Source\":\"/data/ct:1:0:date:/run\","
                  "\"Target\":\"/mnt/mesos/sandbox\",\"ReadOnly\":false},"
                  "{\"Type\":\"bind\",\"Source\":\"/data/ct:1:0:date:/run/tmp\","
                  "\"Target\":\"/mnt/mesos/sandbox/cache\",\"ReadOnly\":true}]");
    json_free(body);
    buf_close(&out);
}

static void keeps_the_images_own_command(void **unused)
{
    (void)unused;
    static const char *const args[] = {"-v", "all"};
    spec = (struct run_spec){.image = "x", .network = NETWORK_HOST};
    struct json *body = body_of();
    assert_null(json_get(body, "Cmd"));
    assert_null(json_get(body, "Entrypoint"));
    assert_member(body, "HostConfig/NetworkMode", "\"host\"");
    assert_member(body, "HostConfig/CpuShares", "2");
    assert_null(json_get(json_get(body, "HostConfig"), "Memory"));
    json_free(body);
    spec.args = args;
    spec.args_n = 2;
    body = body_of();
    assert_member(body, "Cmd", "[\"-v\",\"all\"]");
    assert_null(json_get(body, "Entrypoint"));
    json_free(body);
}

static void a_parameter_goes_where_docker_run_puts_it(void **unused)
{
    (void)unused;
    static const struct {
        struct run_parameter p;
        const char *path, *want;
    } all[] = {
        {{"add-host", "a:1.2.3.4"}, "HostConfig/ExtraHosts", "[\"a:1.2.3.4\"]"},
        {{"v", "/a:/b"}, "HostConfig/Binds", "[\"/data/sandbox:/mnt/mesos/sandbox:rw\",\"/a:/b\"]"},
        {{"env", "C=3"}, "Env", "[\"A=1\",\"B=two words\",\"C=3\"]"},
        {{"net", "mine"}, "HostConfig/NetworkMode", "\"mine\""},
        {{"memory", "1g"}, "HostConfig/Memory", "1073741824"},
        {{"memory-swap", "-1"}, "HostConfig/MemorySwap", "-1"},
        {{"init", ""}, "HostConfig/Init", "true"},
        {{"privileged", "true"}, "HostConfig/Privileged", "true"},
        {{"user", "nobody"}, "User", "\"nobody\""},
        {{"entrypoint", "/run"}, "Entrypoint", "[\"/run\"]"},
        {{"device", "/dev/fuse"},
         "HostConfig/Devices",
         "[{\"PathOnHost\":\"/dev/fuse\",\"PathInContainer\":\"/dev/fuse\",\"CgroupPermissions\":"
         "\"rwm\"}]"},
        {{"device", "/dev/a:/dev/b:r"},
         "HostConfig/Devices",
         "[{\"PathOnHost\":\"/dev/a\",\"PathInContainer\":\"/dev/"
         "b\",\"CgroupPermissions\":\"r\"}]"},
        {{"ulimit", "nofile=10:20"},
         "HostConfig/Ulimits",
         "[{\"Name\":\"nofile\",\"Soft\":10,\"Hard\":20}]"},
        {{"ulimit", "core=0"}, "HostConfig/Ulimits", "[{\"Name\":\"core\",\"Soft\":0,\"Hard\":0}]"},
        {{"sysctl", "net.core.somaxconn=1"},
         "HostConfig/Sysctls",
         "{\"net.core.somaxconn\":\"1\"}"},
        {{"tmpfs", "/run:size=1m"}, "HostConfig/Tmpfs", "{\"/run\":\"size=1m\"}"},
        {{"mount", "type=bind,src=/a,dst=/b,readonly"},
         "HostConfig/Mounts",
         "[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"ReadOnly\":true}]"},
        {{"log-driver", "syslog"}, "HostConfig/LogConfig", "{\"Type\":\"syslog\",\"Config\":{}}"},
        {{"ip", "10.0.0.9"},
         "NetworkingConfig",
         "{\"EndpointsConfig\":{\"host\":{\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.9\"}}}}"},
        {{"network-alias", "db"},
         "NetworkingConfig",
         "{\"EndpointsConfig\":{\"host\":{\"Aliases\":[\"db\"]}}}"},
        {{"expose", "9000"}, "ExposedPorts", "{\"9000/tcp\":{}}"},
        {{"restart", "always"}, "HostConfig/RestartPolicy", "null"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        spec = (struct run_spec){.image = "x", .parameters = &all[i].p, .parameters_n = 1};
        struct json *body = body_of();
        if (strcmp(all[i].want, "null") != 0)
            assert_member(body, all[i].path, all[i].want);
        json_free(body);
    }
}

static void refuses_what_a_door_would_have_refused(void **unused)
{
    (void)unused;
    struct buf out;
    struct error err;
    const struct run_parameter p = {"name", "x"};
    buf_init(&out, 1 << 20);
    spec = (struct run_spec){.image = "x", .parameters = &p, .parameters_n = 1};
    assert_int_equal(docker_create_body(&run, &defaults, &out, &err), -1);
    assert_string_equal(err.text, "docker parameter name: containers get names of their own here: "
                                  "leave it out");
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_what_the_task_says),
        cmocka_unit_test(a_shared_network_is_held_by_one_and_joined_by_all),
        cmocka_unit_test(limits_are_not_what_was_asked_for),
        cmocka_unit_test(a_sandbox_with_colons_in_its_path_is_no_volume),
        cmocka_unit_test(keeps_the_images_own_command),
        cmocka_unit_test(a_parameter_goes_where_docker_run_puts_it),
        cmocka_unit_test(refuses_what_a_door_would_have_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
