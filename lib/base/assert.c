#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

static void (*on_failure)(const char *file, int line, const char *what);

void assert_on_failure(void (*hook)(const char *file, int line, const char *what))
{
    on_failure = hook;
}

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
    if (on_failure != NULL)
        on_failure(file, line, what);
    fprintf(stderr, "mesolith: %s:%d: broken invariant: %s\n", file, line, what);
    abort();
}
