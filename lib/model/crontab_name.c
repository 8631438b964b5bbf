/* What jobs of a crontab are called. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/str.h"
#include "model/crontab_private.h"

#define READABLE_MAX 56 /* bytes of a command that its name keeps */

static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

bool crontab_name_fits(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_plain(name[i]))
            return false;
    bool dots = (len == 1 || len == 2) && memcmp(name, "..", len) == 0;
    return len > 0 && len <= CRONTAB_NAME_MAX && !dots;
}

/* "2>", ">>", "<": what follows is a file, if nothing follows at once. */
static bool is_redirection(struct slice word, bool *file_follows)
{
    size_t i = 0;
    while (i < word.len && (isdigit((unsigned char)word.p[i]) || word.p[i] == '&'))
        i++;
    if (i == word.len || (word.p[i] != '<' && word.p[i] != '>'))
        return false;
    while (i < word.len && (word.p[i] == '<' || word.p[i] == '>'))
        i++;
    *file_follows = i == word.len;
    return true;
}

/* A word without the folders before it, and without what no name may have. */
static void put_word(struct buf *out, struct slice word)
{
    for (size_t i = word.len; i > 0; i--)
        if (word.p[i - 1] == '/') {
            word.p += i;
            word.len -= i;
            break;
        }
    while (word.len > 0 && !isalnum((unsigned char)*word.p)) {
        word.p++;
        word.len--;
    }
    while (word.len > 0 && !isalnum((unsigned char)word.p[word.len - 1]))
        word.len--;
    size_t room = READABLE_MAX - (out->len > 0 ? 1 : 0);
    if (word.len == 0 || (out->len > 0 && out->len + word.len > room))
        return;
    if (out->len > 0)
        buf_putc(out, '-');
    for (size_t i = 0; i < word.len && out->len < READABLE_MAX; i++)
        if (is_plain(word.p[i]) || out->data[out->len - 1] != '-')
            buf_putc(out, is_plain(word.p[i]) ? word.p[i] : '-');
}

/* The words of the command's first line. */
static void put_readable(struct buf *out, const char *command)
{
    const char *p = command, *end = command + strcspn(command, "\n");
    bool file_follows = false;
    if (str_starts(p, CRONTAB_HOME))
        p += strlen(CRONTAB_HOME);
    while (p < end && out->len < READABLE_MAX) {
        size_t blanks = strspn(p, " \t"), len = strcspn(p + blanks, " \t\n");
        struct slice word = {p + blanks, len};
        p += blanks + len;
        if (file_follows)
            file_follows = false;
        else if (!is_redirection(word, &file_follows))
            put_word(out, word);
    }
    if (out->len == 0)
        buf_puts(out, "cron");
}

static bool is_taken(struct map *names, const char *first, unsigned n)
{
    char name[CRONTAB_NAME_MAX + 1];
    snprintf(name, sizeof name, "%s-%u", first, n);
    return map_get_str(names, name) != NULL;
}

/* One behind a number that is taken: found in few steps, however many lines say the same. */
static unsigned free_number(struct map *names, const char *first)
{
    unsigned taken = 1, free = 2; /* the first itself is number 1 */
    while (is_taken(names, first, free)) {
        taken = free;
        free *= 2;
    }
    while (free - taken > 1) {
        unsigned middle = taken + (free - taken) / 2;
        if (is_taken(names, first, middle))
            taken = middle;
        else
            free = middle;
    }
    return free;
}

const char *crontab_choose_name(struct map *names, struct arena *arena, const char *user,
                                const char *command)
{
    struct buf readable;
    buf_init(&readable, READABLE_MAX);
    put_readable(&readable, command);
    uint64_t chosen = hash64(command, strlen(command), hash64(user, strlen(user), 0));
    const char *first =
        arena_printf(arena, "%s-%04x", buf_str(&readable), (unsigned)(chosen & 0xffff));
    const char *name = first;
    buf_close(&readable);
    if (map_get_str(names, first) != NULL)
        name = arena_printf(arena, "%s-%u", first, free_number(names, first));
    map_put_str(names, name, names);
    return name;
}
