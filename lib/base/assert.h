/* lib/base/assert.h - for what only our own bug can cause; never for input, disk, network or
 * the calendar. Stays on in release builds: a process that stops is restarted from the log. */
#pragma once

_Noreturn void assert_failed(const char *file, int line, const char *what);

/* For unit tests: called before the process stops; may longjmp away. NULL takes it off. */
void assert_on_failure(void (*hook)(const char *file, int line, const char *what));

#define ASSERT(cond) ((cond) ? (void)0 : assert_failed(__FILE__, __LINE__, #cond))
#define UNREACHABLE(why) assert_failed(__FILE__, __LINE__, "unreachable: " why)
