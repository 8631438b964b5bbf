/* tests/unit/unit.h - cmocka and what it wants included first. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"

static inline void unit_on_assert(const char *file, int line, const char *what)
{
    mock_assert(0, what, file, line);
}

/* The expression must break one of our ASSERTs. */
#define assert_breaks(expression)          \
    do {                                   \
        assert_on_failure(unit_on_assert); \
        expect_assert_failure(expression); \
        assert_on_failure(NULL);           \
    } while (0)

/* Leaves the case; tests/unit/run prints the reason with its name. */
#define skip_because(reason)                    \
    do {                                        \
        print_message("skipped: %s\n", reason); \
        skip();                                 \
    } while (0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
