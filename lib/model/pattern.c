/* Java's words for libc's extended expressions. */

#include "model/pattern.h"
#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

struct pattern {
    regex_t regex;
};

#define GROUPS_MAX 32 /* one in another */

struct translation {
    const char *text, *at; /* the whole, and what is left */
    struct buf out;
    bool after_atom;  /* may a repetition follow? */
    const char *atom; /* if so: of this */
    unsigned depth;   /* open groups */
    struct group {
        const char *open;
        bool repeats; /* holds a {m,n} */
    } groups[GROUPS_MAX + 1];
    size_t grown; /* what {m,n} multiply out to: libc does that in memory */
};

static int bad_pattern(const struct translation *t, const char *why, struct error *err)
{
    char quoted[96];
    return error_set(err, ERR_INVALID, "got the pattern %s: %s (at character %zu)",
                     str_quote(quoted, sizeof(quoted), t->text, strlen(t->text)), why,
                     (size_t)(t->at - t->text) + 1);
}

static const char *class_of(char letter, bool inside)
{
    switch (letter) {
    case 'd':
        return inside ? "0-9" : "[0-9]";
    case 'w':
        return inside ? "a-zA-Z0-9_" : "[a-zA-Z0-9_]";
    case 's':
        return inside ? " \t\n\r\f\v" : "[ \t\n\r\f\v]";
    case 'D':
        return inside ? NULL : "[^0-9]";
    case 'W':
        return inside ? NULL : "[^a-zA-Z0-9_]";
    case 'S':
        return inside ? NULL : "[^ \t\n\r\f\v]";
    }
    return NULL;
}

static void put_literal(struct translation *t, char c)
{
    if (strchr(".[]{}()*+?|^$\\", c) != NULL)
        buf_printf(&t->out, c == '^' ? "\\%c" : "[%c]", c);
    else
        buf_putc(&t->out, c);
}

static int translate_escape(struct translation *t, struct error *err)
{
    char c = t->at[1];
    const char *class = class_of(c, false);
    if (c == '\0')
        return bad_pattern(t, "a lone \\ at the end", err);
    if (class != NULL)
        buf_puts(&t->out, class);
    else if (ispunct((unsigned char)c))
        put_literal(t, c);
    else if (c == 't' || c == 'n')
        buf_putc(&t->out, c == 't' ? '\t' : '\n');
    else
        return bad_pattern(t, "an escape other than \\d \\w \\s \\D \\W \\S \\t \\n or of a sign",
                           err);
    t->at += 2;
    t->after_atom = true;
    return 0;
}

/* What stands between [ and ]. Some signs have a meaning there by their place only, so they are
 * kept apart and put where they have none. */
struct class
{
    bool negated, closing, opening, caret, dash;
    struct buf members;
};

static int add_member(struct translation *t, struct class *k, struct error *err)
{
    bool escaped = *t->at == '\\';
    t->at += escaped;
    char c = *t->at++;
    if (c == '\0')
        return bad_pattern(t, "a class that does not end", err);
    const char *shorthand = escaped ? class_of(c, true) : NULL;
    if (shorthand != NULL) {
        buf_puts(&k->members, shorthand);
        return 0;
    }
    if ((unsigned char)c > 127 || (escaped && isalnum((unsigned char)c)) ||
        (!escaped && (c == '[' || (c == '&' && *t->at == '&'))))
        return bad_pattern(t, "something in a class that is not supported", err);
    if (t->at[0] == '-' && t->at[1] != ']' && t->at[1] != '\0') {
        char end = t->at[1];
        if (!isalnum((unsigned char)c) || !isalnum((unsigned char)end) || end < c)
            return bad_pattern(t, "a range that is not of letters or digits, in order", err);
        buf_printf(&k->members, "%c-%c", c, end);
        t->at += 2;
        return 0;
    }
    switch (c) {
    case ']':
        k->closing = true;
        break;
    case '[':
        k->opening = true;
        break;
    case '^':
        k->caret = true;
        break;
    case '-':
        k->dash = true;
        break;
    default:
        buf_putc(&k->members, c);
    }
    return 0;
}

static void put_class(struct translation *t, const struct class *k)
{
    bool others = k->negated || k->closing || k->opening || k->members.len > 0;
    if (k->caret && !others)
        buf_puts(&t->out, k->dash ? "[-^]" : "\\^");
    else
        buf_printf(&t->out, "[%s%s%s%s%s%s]", k->negated ? "^" : "", k->closing ? "]" : "",
                   buf_str(&k->members), k->opening ? "[" : "", k->caret ? "^" : "",
                   k->dash ? "-" : "");
}

static int translate_class(struct translation *t, struct error *err)
{
    struct class k = {.negated = t->at[1] == '^'};
    int result = 0;
    buf_init(&k.members, PATTERN_LENGTH_MAX * 8);
    t->at += k.negated ? 2 : 1;
    if (*t->at == ']')
        result = bad_pattern(t, "an empty class", err);
    while (result == 0 && *t->at != ']')
        result = add_member(t, &k, err);
    if (result == 0) {
        put_class(t, &k);
        t->at++;
        t->after_atom = true;
    }
    buf_close(&k.members);
    return result;
}

static int translate_repeat(struct translation *t, struct error *err)
{
    unsigned min = 0, max = 0;
    int end = 0;
    if (sscanf(t->at, "{%3u}%n", &min, &end) == 1 && end > 0)
        max = min;
    else if (sscanf(t->at, "{%3u,%3u}%n", &min, &max, &end) == 2 && end > 0)
        ;
    else if (sscanf(t->at, "{%3u,}%n", &min, &end) == 1 && end > 0)
        max = min;
    if (end == 0 || max < min || max > PATTERN_REPEAT_MAX)
        return bad_pattern(t, "a repetition other than {m}, {m,} or {m,n} up to 255", err);
    bool of_group = t->at[-1] == ')' && t->atom[0] == '(';
    if (of_group && t->groups[t->depth + 1].repeats)
        return bad_pattern(t, "a repetition of repetitions", err);
    t->grown += (size_t)(t->at - t->atom) * max;
    if (t->grown > PATTERN_GROWN_MAX)
        return bad_pattern(t, "repetitions that grow too large", err);
    buf_put(&t->out, t->at, (size_t)end);
    t->at += end;
    for (unsigned d = 0; d <= t->depth; d++)
        t->groups[d].repeats = true;
    return 0;
}

static int translate_quantifier(struct translation *t, struct error *err)
{
    if (!t->after_atom)
        return bad_pattern(t, "a repetition of nothing", err);
    if (*t->at == '{') {
        if (translate_repeat(t, err) != 0)
            return -1;
    } else {
        buf_putc(&t->out, *t->at++);
    }
    t->after_atom = false;
    if (*t->at == '?' || *t->at == '+')
        return bad_pattern(t, "lazy and possessive repetitions are not supported", err);
    return 0;
}

static int translate_open(struct translation *t, struct error *err)
{
    if (t->at[1] == '?' && t->at[2] != ':')
        return bad_pattern(t, "only (…) and (?:…) are supported of the groups", err);
    if (t->depth == GROUPS_MAX)
        return bad_pattern(t, "groups nested too deeply", err);
    t->groups[++t->depth] = (struct group){.open = t->at};
    t->at += t->at[1] == '?' ? 3 : 1;
    t->after_atom = false;
    buf_putc(&t->out, '(');
    return 0;
}

static int translate_close(struct translation *t, struct error *err)
{
    if (t->depth == 0)
        return bad_pattern(t, "a ) without its (", err);
    t->atom = t->groups[t->depth--].open;
    t->after_atom = true;
    buf_putc(&t->out, *t->at++);
    return 0;
}

static int translate_anchor(struct translation *t, struct error *err)
{
    if (*t->at == '^' && t->at != t->text)
        return bad_pattern(t, "a ^ that is not at the beginning", err);
    if (*t->at == '$' && t->at[1] != '\0')
        return bad_pattern(t, "a $ that is not at the end", err);
    t->at++; /* patterns are anchored anyway */
    return 0;
}

static void translate_character(struct translation *t)
{
    size_t len = str_utf8_len(t->at, strlen(t->at));
    if (*t->at == ']' || *t->at == '}')
        put_literal(t, *t->at);
    else if (len > 1) /* one character, so that what repeats it repeats all of it */
        buf_printf(&t->out, "(%.*s)", (int)len, t->at);
    else
        buf_putc(&t->out, *t->at);
    t->at += len > 1 ? len : 1;
    t->after_atom = true;
}

static int translate_one(struct translation *t, struct error *err)
{
    if (strchr("*+?{", *t->at) == NULL)
        t->atom = t->at;
    switch (*t->at) {
    case '\\':
        return translate_escape(t, err);
    case '[':
        return translate_class(t, err);
    case '*':
    case '+':
    case '?':
    case '{':
        return translate_quantifier(t, err);
    case '(':
        return translate_open(t, err);
    case ')':
        return translate_close(t, err);
    case '|':
        t->after_atom = false;
        buf_putc(&t->out, *t->at++);
        return 0;
    case '^':
    case '$':
        return translate_anchor(t, err);
    }
    translate_character(t);
    return 0;
}

int pattern_new(const char *text, struct pattern **out, struct error *err)
{
    struct translation t = {.text = text, .at = text};
    if (strlen(text) > PATTERN_LENGTH_MAX)
        return bad_pattern(&t, "longer than 512 characters", err);
    buf_init(&t.out, PATTERN_LENGTH_MAX * 8);
    buf_puts(&t.out, "^(");
    int result = -1;
    struct pattern *p = NULL;
    while (*t.at != '\0')
        if (translate_one(&t, err) != 0)
            goto out;
    if (t.depth > 0) {
        bad_pattern(&t, "a ( without its )", err);
        goto out;
    }
    buf_puts(&t.out, ")$");
    p = NEW(struct pattern);
    int code = regcomp(&p->regex, buf_str(&t.out), REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        char why[96];
        regerror(code, &p->regex, why, sizeof(why));
        bad_pattern(&t, why, err);
        mem_free(p);
        goto out;
    }
    *out = p;
    result = 0;
out:
    buf_close(&t.out);
    return result;
}

bool pattern_matches(const struct pattern *p, const char *text)
{
    return regexec(&p->regex, text, 0, NULL, 0) == 0;
}

void pattern_free(struct pattern *p)
{
    if (p == NULL)
        return;
    regfree(&p->regex);
    mem_free(p);
}
