/* tests/unit/executor/test_docker_pull.c */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/docker_pull.h"

#define AT(id, current, total)                                                                \
    "{\"status\":\"Downloading\",\"id\":\"" id "\",\"progressDetail\":{\"current\":" #current \
    ",\"total\":" #total "}}\r\n"

static void counts_bytes_over_all_layers(void **unused)
{
    (void)unused;
    static const struct {
        const char *lines;
        int percent;
    } all[] = {
        {"", 0},
        {"{\"status\":\"Pulling from nginx\",\"id\":\"latest\"}\r\n", 0},
        {AT("a", 40, 100), 40},
        {AT("a", 40, 100) AT("b", 0, 100), 20},
        {AT("a", 40, 100) AT("a", 90, 100), 90},
        {AT("a", 100, 100) AT("b", 300, 200), 100},
        {AT("a", -5, 100) AT("b", 1, 0), 0},
        {"nonsense\n" AT("a", 50, 100) "[1,2]\n\n", 50},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        size_t n = strlen(all[i].lines);
        for (size_t step = 1; step <= n + 1; step += 13) {
            struct docker_pull p = {0};
            for (size_t at = 0; at < n; at += step)
                docker_pull_feed(&p,
                                 (struct slice){all[i].lines + at, n - at < step ? n - at : step});
            assert_int_equal(p.percent, all[i].percent);
            assert_string_equal(p.failure, "");
            docker_pull_close(&p);
        }
    }
}

static void keeps_the_engines_words(void **unused)
{
    (void)unused;
    struct docker_pull p = {0};
    docker_pull_feed(
        &p, SLICE("{\"errorDetail\":{\"message\":\"x\"},\"error\":\"manifest unknown\"}\n"));
    assert_string_equal(p.failure, "manifest unknown");
    docker_pull_close(&p);
}

static void a_line_without_end_is_dropped(void **unused)
{
    (void)unused;
    struct docker_pull p = {0};
    char *long_line = malloc(200000);
    memset(long_line, 'x', 200000);
    docker_pull_feed(&p, (struct slice){long_line, 200000});
    docker_pull_feed(&p, SLICE("\n" AT("a", 7, 100)));
    assert_int_equal(p.percent, 7);
    docker_pull_close(&p);
    free(long_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_bytes_over_all_layers),
        cmocka_unit_test(keeps_the_engines_words),
        cmocka_unit_test(a_line_without_end_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
