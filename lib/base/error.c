#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define ELLIPSIS "\xe2\x80\xa6"

static const struct {
    const char *name;
    int http, exit;
} codes[] = {[ERR_NONE] = {"ERR_NONE", 200, 0},
#define X(name, http, exit) [name] = {#name, http, exit},
             ERROR_CODES(X)
#undef X
};

/* Of `len` bytes wanted, `text` holds the first sizeof(e->text) - 1. */
static void set_text(struct error *e, const char *text, size_t len)
{
    if (len < sizeof(e->text)) {
        memcpy(e->text, text, len + 1);
        return;
    }
    str_copy(e->text, sizeof(e->text) - strlen(ELLIPSIS), text);
    strcat(e->text, ELLIPSIS);
}

int error_set(struct error *e, enum error_code code, const char *fmt, ...)
{
    char text[sizeof(e->text)]; /* apart, as the arguments may lie in *e */
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    e->code = code;
    set_text(e, text, len < 0 ? 0 : (size_t)len);
    return -1;
}

int error_wrap(struct error *e, const char *fmt, ...)
{
    char text[2 * sizeof(e->text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(e->text), fmt, ap);
    va_end(ap);
    size_t len = strlen(text);
    snprintf(text + len, sizeof(text) - len, ": %s", e->text);
    set_text(e, text, strlen(text));
    return -1;
}

const char *error_name(enum error_code code)
{
    return codes[code].name;
}

int error_http_status(enum error_code code)
{
    return codes[code].http;
}

int error_exit_status(enum error_code code)
{
    return codes[code].exit;
}
