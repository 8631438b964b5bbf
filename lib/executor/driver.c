#include "executor/driver.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

void run_end_exited(struct run_end *e, const char *what, int code)
{
    e->how = END_EXITED;
    e->code = code;
    snprintf(e->message, sizeof(e->message), "%s exited with status %d", what, code);
}

void run_end_signaled(struct run_end *e, const char *what, int signal)
{
    e->how = END_SIGNALED;
    e->signal = signal;
    snprintf(e->message, sizeof(e->message), "%s terminated with signal %s", what,
             strsignal(signal));
}

void run_end_out_of_memory(struct run_end *e, int64_t limit_bytes, int64_t peak_bytes)
{
    e->how = END_OUT_OF_MEMORY;
    snprintf(e->message, sizeof(e->message),
             "Memory limit exceeded: Requested: %" PRId64 "MB Maximum Used: %" PRId64 "MB",
             limit_bytes >> 20, peak_bytes >> 20);
}

void run_end_text(struct run_end *e, enum end_how how, const char *text)
{
    e->how = how;
    str_copy(e->message, sizeof(e->message), text);
}
