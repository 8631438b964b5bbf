/* tests/unit/scheduler/one_fleet.h - a fleet, new for each test. */
#pragma once

#include "fleet.h"

static struct fleet f;

static inline int begin(void **unused)
{
    (void)unused;
    fleet_open(&f);
    return 0;
}

static inline int end(void **unused)
{
    (void)unused;
    fleet_close(&f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
