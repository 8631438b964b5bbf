/* lib/executor/exec_line.h - a shell's line that does nothing but become another program:
 * `exec ./server --port 80`. Whoever runs such a line may start the program himself. */
#pragma once

#include <stdbool.h>

struct exec_line {  /* less than a page, which a new process has to copy */
    char *argv[32]; /* NULL-terminated */
    char text[480];
};

/* Whether `line` is `exec` and words that mean the same to each shell: no quotes, variables,
 * patterns, redirections or options of exec; and whether it fits. */
bool exec_line_take(const char *line, struct exec_line *out);
