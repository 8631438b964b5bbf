/* lib/base/log.h - events with fields: `task lost agent=… task=… reason=…`.
 *
 * error: someone must act. warn: it healed itself, but look. info: the cluster changed. debug: the
 * rest. Below the waterline this only hands a line to the sink that main() or the test has set
 * before the first thread starts; without one, lines go nowhere. */
#pragma once

#include <stdarg.h>

#include "base/time.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

typedef void log_sink(void *data, enum log_level level, const char *line);
void log_set_sink(log_sink *sink, void *data, enum log_level most);
/* At any time, from any thread. Until then, and afterwards as before; 0: for good. The end is seen
 * by log_look(), which whoever knows the time calls once in a while. */
void log_set_level(enum log_level most);
void log_set_level_until(enum log_level most, struct mono until);
void log_look(struct mono now);
enum log_level log_level_now(void);

/* log_info("task lost", "agent=%s task=%s", ...). fields may be "". Newlines in fields are escaped.
 */
void log_event(enum log_level level, const char *what, const char *fields, ...)
    __attribute__((format(printf, 3, 4)));
#define log_error(...) log_event(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_event(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_event(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_event(LOG_DEBUG, __VA_ARGS__)
