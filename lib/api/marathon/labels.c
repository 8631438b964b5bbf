#include "api/marathon/labels.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define SELECTORS_MAX 100 /* of one text, and values of one selector */

void selectors_close(struct selectors *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->items[i].n; k++)
            mem_free(s->items[i].values[k]);
        mem_free(s->items[i].values);
        mem_free(s->items[i].key);
    }
    mem_free(s->items);
    *s = (struct selectors){0};
}

/* ---- reading */

struct text {
    const char *all, *at;
    struct error *err;
};

static int wrong(const struct text *t, const char *need)
{
    char quoted[120];
    return error_set(t->err, ERR_INVALID, "label: %s: at character %d: need %s",
                     str_quote(quoted, sizeof quoted, t->all, strlen(t->all)),
                     (int)(t->at - t->all) + 1, need);
}

static void skip_blanks(struct text *t)
{
    while (*t->at == ' ')
        t->at++;
}

static bool take(struct text *t, const char *token)
{
    skip_blanks(t);
    if (!str_starts(t->at, token))
        return false;
    t->at += strlen(token);
    return true;
}

static bool is_term_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* NULL after an error. The caller frees. */
static char *take_term(struct text *t)
{
    struct buf term;
    skip_blanks(t);
    buf_init(&term, strlen(t->at));
    for (;; t->at++) {
        if (t->at[0] == '\\' && t->at[1] != '\0')
            t->at++;
        else if (!is_term_char(*t->at))
            break;
        buf_putc(&term, *t->at);
    }
    if (term.len > 0)
        return buf_take(&term, NULL);
    wrong(t, "a label's name or value: letters, digits, '-', '_', '.', or '\\' before another");
    return NULL;
}

/* "in" and "notin" are words: what follows is no part of them. */
static bool take_word(struct text *t, const char *word)
{
    skip_blanks(t);
    size_t len = strlen(word);
    if (!str_starts(t->at, word) || is_term_char(t->at[len]))
        return false;
    t->at += len;
    return true;
}

static int add_value(struct text *t, struct selector *s)
{
    char *value = take_term(t);
    if (value == NULL)
        return -1;
    s->values = mem_realloc(s->values, (s->n + 1) * sizeof s->values[0]);
    s->values[s->n++] = value;
    return s->n <= SELECTORS_MAX ? 0 : wrong(t, "fewer values");
}

static int take_set(struct text *t, struct selector *s)
{
    if (!take(t, "("))
        return wrong(t, "'(' and the values");
    if (take(t, ")"))
        return 0;
    do {
        if (add_value(t, s) != 0)
            return -1;
    } while (take(t, ","));
    return take(t, ")") ? 0 : wrong(t, "',' or ')'");
}

static int take_selector(struct text *t, struct selector *s)
{
    s->key = take_term(t);
    if (s->key == NULL)
        return -1;
    if (take(t, "==")) {
        s->op = LABEL_IS;
        return add_value(t, s);
    }
    if (take(t, "!=")) {
        s->op = LABEL_IS_NOT;
        return add_value(t, s);
    }
    if (take_word(t, "in")) {
        s->op = LABEL_IN;
        return take_set(t, s);
    }
    if (take_word(t, "notin")) {
        s->op = LABEL_NOT_IN;
        return take_set(t, s);
    }
    s->op = LABEL_EXISTS;
    return 0;
}

int selectors_parse(const char *text, struct selectors *out, struct error *err)
{
    struct text t = {text, text, err};
    struct selectors s = {0};
    skip_blanks(&t);
    while (*t.at != '\0') {
        s.items = mem_realloc(s.items, (s.n + 1) * sizeof s.items[0]);
        s.items[s.n++] = (struct selector){0};
        if (take_selector(&t, &s.items[s.n - 1]) != 0)
            goto failed;
        if (s.n > SELECTORS_MAX) {
            wrong(&t, "fewer selectors");
            goto failed;
        }
        skip_blanks(&t);
        if (*t.at == '\0')
            break;
        if (!take(&t, ",")) {
            wrong(&t, "',' or the end, after a name or a comparison");
            goto failed;
        }
        skip_blanks(&t);
        if (*t.at == '\0') {
            wrong(&t, "a selector after ','");
            goto failed;
        }
    }
    *out = s;
    return 0;
failed:
    selectors_close(&s);
    return -1;
}

/* ---- matching */

static bool holds(const struct selector *s, const char *value)
{
    bool among = false;
    for (size_t i = 0; i < s->n && !among; i++)
        among = str_eq(s->values[i], value);
    switch (s->op) {
    case LABEL_EXISTS:
        return true;
    case LABEL_IS:
    case LABEL_IN:
        return among;
    case LABEL_IS_NOT:
    case LABEL_NOT_IN:
        return !among;
    }
    return false;
}

bool selectors_match(const struct selectors *s, const struct json *labels)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct json *value = json_get(labels, s->items[i].key);
        if (value == NULL || !holds(&s->items[i], json_str(value, "")))
            return false;
    }
    return true;
}
