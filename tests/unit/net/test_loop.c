/* The loop's clock. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "net/loop.h"

#define HOUR_MS (60 * 60 * INT64_C(1000))

static char path[] = "/tmp/test_loop.XXXXXX";

static void set_clock_by(const char *ms)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(ms, f);
    fclose(f);
}

/* Less than an hour apart is the same, however slow the machine. */
static int64_t hours_off(void)
{
    struct clock c = clock_system();
    int64_t off_ms = c.wall(&c).ms - (int64_t)time(NULL) * 1000;
    return (off_ms + (off_ms < 0 ? -HOUR_MS : HOUR_MS) / 2) / HOUR_MS;
}

static void a_test_sets_the_wall_clock_of_a_process(void **unused)
{
    (void)unused;
    assert_int_equal(hours_off(), 0);
    setenv("MESOLITH_TEST_CLOCK", path, 1);
    assert_int_equal(hours_off(), 0);
    set_clock_by("7200000");
    assert_int_equal(hours_off(), 2);
    set_clock_by("-10800000\n");
    assert_int_equal(hours_off(), -3);
    set_clock_by("");
    assert_int_equal(hours_off(), 0);
    unsetenv("MESOLITH_TEST_CLOCK");
}

static void monotonic_time_goes_on_all_the_same(void **unused)
{
    (void)unused;
    struct clock c = clock_system();
    struct mono before = c.mono(&c);
    set_clock_by("-7200000");
    setenv("MESOLITH_TEST_CLOCK", path, 1);
    assert_in_range(c.mono(&c).ms - before.ms, 0, HOUR_MS);
    unsetenv("MESOLITH_TEST_CLOCK");
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_test_sets_the_wall_clock_of_a_process),
        cmocka_unit_test(monotonic_time_goes_on_all_the_same),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
