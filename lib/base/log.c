#include "base/log.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 2048

static struct {
    log_sink *sink;
    void *data;
    atomic_int most;            /* may change while threads log */
    atomic_int lasting;         /* what it is again from then on */
    atomic_int_least64_t until; /* 0: it is that now */
} to;

void log_set_sink(log_sink *sink, void *data, enum log_level most)
{
    to.sink = sink;
    to.data = data;
    log_set_level(most);
}

void log_set_level(enum log_level most)
{
    log_set_level_until(most, (struct mono){0});
}

void log_set_level_until(enum log_level most, struct mono until)
{
    if (until.ms == 0)
        atomic_store_explicit(&to.lasting, (int)most, memory_order_relaxed);
    atomic_store_explicit(&to.until, until.ms, memory_order_relaxed);
    atomic_store_explicit(&to.most, (int)most, memory_order_relaxed);
}

void log_look(struct mono now)
{
    int64_t until = atomic_load_explicit(&to.until, memory_order_relaxed);
    if (until != 0 && now.ms >= until)
        log_set_level((enum log_level)atomic_load_explicit(&to.lasting, memory_order_relaxed));
}

enum log_level log_level_now(void)
{
    return (enum log_level)atomic_load_explicit(&to.most, memory_order_relaxed);
}

/* One event is one line, whatever a stranger has put into a field. */
static void escape(char *dst, size_t size, const char *src)
{
    size_t at = 0;
    for (; *src != '\0' && at + 5 < size; src++) {
        if (*src == '\n') {
            dst[at++] = '\\';
            dst[at++] = 'n';
        } else if (iscntrl((unsigned char)*src)) {
            at += (size_t)snprintf(dst + at, 5, "\\x%02x", (unsigned char)*src);
        } else {
            dst[at++] = *src;
        }
    }
    dst[at] = '\0';
}

void log_event(enum log_level level, const char *what, const char *fields, ...)
{
    char raw[LINE_MAX_BYTES], line[2 * LINE_MAX_BYTES];
    if (to.sink == NULL || (int)level > atomic_load_explicit(&to.most, memory_order_relaxed))
        return;
    int len = snprintf(raw, sizeof(raw), "%s%s", what, fields[0] == '\0' ? "" : " ");
    va_list ap;
    va_start(ap, fields);
    vsnprintf(raw + len, sizeof(raw) - (size_t)len, fields, ap);
    va_end(ap);
    escape(line, sizeof(line), raw);
    to.sink(to.data, level, line);
}
