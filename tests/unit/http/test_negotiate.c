#include "unit.h"

#include "http/negotiate.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static void gzip_is_taken_only_when_offered(void **unused)
{
    (void)unused;
    static const struct {
        const char *header;
        bool yes;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"deflate, gzip;q=0.5", true},
        {"x-gzip", true},
        {"*", true},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {"gzip;q=0", false},
        {"gzip; q=0.000, *", false},
        {"gzip;q=0.001", true},
        {"identity", false},
        {"br,,deflate", false},
        {"gzipped", false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_int_equal(accepts_gzip(slice_of(cases[i].header)), cases[i].yes);
}

static void accept_chooses_as_marathon_does(void **unused)
{
    (void)unused;
    static const char *const offers[] = {"application/json", "text/plain"};
    static const struct {
        const char *header;
        int best;
    } cases[] = {
        {NULL, 0},
        {" ", 0},
        {"*/*", 0},
        {"application/json, text/plain", 0},
        {"text/plain, application/json", 0},
        {"text/plain", 1},
        {"Text/Plain; charset=utf-8", 1},
        {"text/plain, */*", 1},
        {"text/*", 1},
        {"text/*, application/json", 0},
        {"application/json;q=0.5, text/plain", 1},
        {"application/json;q=0.5, text/plain;q=0.4", 0},
        {"application/json;q=0, */*", 1},
        {"*/*;q=0.1, text/plain;q=0", 0},
        {"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", 0},
        {"text/html", -1},
        {"application/json;q=0", -1},
        {"text/event-stream", -1},
        {",,;q=1", -1},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_int_equal(accept_best(slice_of(cases[i].header), offers, 2), cases[i].best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_taken_only_when_offered),
        cmocka_unit_test(accept_chooses_as_marathon_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
