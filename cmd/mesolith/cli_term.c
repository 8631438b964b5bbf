#include "cli_term.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"
#include "cli_text.h"

#define WIDTH_UNKNOWN 80
#define BLOCK_BYTES (64 << 10)

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

static bool locale_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = env(names[i]);
        if (*value != '\0') /* the first that is set decides */
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

void term_measure(struct term *t)
{
    struct winsize size;
    int64_t columns;
    if (!isatty(STDOUT_FILENO))
        t->width = 0;
    else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        t->width = size.ws_col;
    else
        t->width =
            str_to_i64(env("COLUMNS"), &columns) && columns > 0 ? (size_t)columns : WIDTH_UNKNOWN;
}

void term_look(struct term *t)
{
    bool tty = isatty(STDOUT_FILENO) == 1;
    bool dumb = str_eq(env("TERM"), "dumb") || *env("TERM") == '\0';
    *t = (struct term){
        .live = tty && !dumb,
        .color = tty && !dumb && *env("NO_COLOR") == '\0',
        .utf8 = locale_is_utf8(),
    };
    buf_init(&t->said, BLOCK_BYTES);
    term_measure(t);
}

void term_close(struct term *t)
{
    buf_close(&t->said);
}

/* ---- the block */

/* How many lines of the terminal a text takes: long ones wrap. Escapes are left out. */
static size_t screen_lines(const char *text, size_t width)
{
    size_t lines = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n"), columns = 0;
        for (size_t at = 0; at < len;) {
            size_t plain = 0;
            while (at + plain < len && text[at + plain] != '\033')
                plain++;
            columns += text_width(text + at, plain);
            at += plain;
            while (at < len && text[at++] != 'm') /* an escape ends with m */
                ;
        }
        lines += columns == 0 || width == 0 ? 1 : (columns + width - 1) / width;
        text += len;
        text += *text == '\n';
    }
    return lines;
}

void term_erase(struct term *t)
{
    if (t->lines > 0)
        printf("\033[%zuA\r\033[J", t->lines);
    t->lines = 0;
}

void term_keep(struct term *t)
{
    t->lines = 0;
    buf_clear(&t->said);
    fflush(stdout);
}

void term_draw(struct term *t, const struct buf *lines)
{
    const char *text = buf_str(lines);
    if (t->live) {
        term_measure(t);
        term_erase(t);
        t->lines = screen_lines(text, t->width);
    } else if (str_eq(text, buf_str(&t->said))) {
        return;
    } else {
        buf_clear(&t->said);
        buf_puts(&t->said, text);
    }
    fputs(text, stdout);
    fflush(stdout);
}

void term_end_unread(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    if (poll(&out, 1, 0) > 0 && (out.revents & POLLERR))
        _exit(128 + SIGPIPE);
}

/* Written over what stood there, so that it does not flicker. */
void term_screen(struct term *t, const struct buf *text)
{
    const char *line = buf_str(text);
    if (!t->live) {
        printf("%s\n", line);
        fflush(stdout);
        return;
    }
    fputs("\033[H", stdout);
    for (size_t len; *line != '\0'; line += len + (line[len] == '\n')) {
        len = strcspn(line, "\n");
        printf("%.*s\033[K\n", (int)len, line);
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}
