#include "executor/exec_line.h"

#include <string.h>

#include "base/str.h"

#define BLANKS " \t"
#define PLAIN BLANKS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

bool exec_line_take(const char *line, struct exec_line *out)
{
    const size_t most = sizeof(out->argv) / sizeof(*out->argv) - 1;
    size_t n = 0, len = strlen(line);
    char *rest = NULL;
    if (len >= sizeof(out->text) || strspn(line, PLAIN) != len)
        return false;
    memcpy(out->text, line, len + 1);
    const char *exec = strtok_r(out->text, BLANKS, &rest);
    if (exec == NULL || !str_eq(exec, "exec"))
        return false;
    for (char *word; (word = strtok_r(NULL, BLANKS, &rest)) != NULL; out->argv[n++] = word)
        if (n == most || word[0] == '=') /* some shells look for a program of that name */
            return false;
    out->argv[n] = NULL;
    return n > 0 && out->argv[0][0] != '-' && strchr(out->argv[0], '=') == NULL;
}
