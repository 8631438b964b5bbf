#include "unit.h"

#include "model/docker_parameter.h"

static void says_why_a_parameter_is_refused_and_what_to_do(void **unused)
{
    (void)unused;
    static const struct {
        const char *key, *value, *says; /* NULL: it is not */
    } all[] = {
        {"name", "x",
         "docker parameter name: containers get names of their own here: leave it out"},
        {"frob\"", "1",
         "docker parameter \"frob\\\"\": none that is handed to the container engine here: leave "
         "it "
         "out"},
        {"bind:", "ro:/a:/b",
         "docker parameter \"bind:\": none that is handed to the container engine here: leave it "
         "out"},
        {"memory", "lots", "docker parameter memory: got \"lots\", which is no value for it"},
        {"cpu-shares", "1.5", "docker parameter cpu-shares: got \"1.5\", which is no value for it"},
        {"ulimit", "nofile", "docker parameter ulimit: got \"nofile\", which is no value for it"},
        {"init", "maybe", "docker parameter init: got \"maybe\", which is no value for it"},
        {"mount", "type", "docker parameter mount: got \"type\", which is no value for it"},
        {"memory", "1g", NULL},
        {"e", "A=1", NULL},
        {"label", "a=b", NULL},
        {"tmpfs", "/run", NULL},
        {"expose", "80", NULL},
        {"publish", "8080:80", NULL},
        {"ulimit", "nofile=1:2", NULL},
        {"rm", "true", NULL},
        {"log-opt", "max-size=1m", NULL},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct error err;
        int rc = docker_parameter_check(all[i].key, all[i].value, &err);
        assert_int_equal(rc, all[i].says != NULL ? -1 : 0);
        if (rc != 0)
            assert_string_equal(err.text, all[i].says);
    }
}

static void reads_sizes_as_docker_does(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int64_t bytes; /* -2: none */
    } all[] = {{"0", 0},        {"512", 512}, {"64k", 65536}, {"64KB", 65536}, {"1.5m", 1572864},
               {"1G", 1 << 30}, {"-1", -1},   {"-2", -2},     {"m", -2},       {"1x", -2},
               {"1mx", -2},     {"", -2},     {"9e99", -2}};
    for (size_t i = 0; i < COUNT(all); i++) {
        int64_t bytes = -2;
        assert_int_equal(docker_size(all[i].text, &bytes), all[i].bytes != -2);
        assert_int_equal(bytes, all[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_why_a_parameter_is_refused_and_what_to_do),
        cmocka_unit_test(reads_sizes_as_docker_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
