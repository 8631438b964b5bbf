#include "model/job_selector.h"

#include <string.h>

#include "base/str.h"

#define OF_ENV "env."

static const char *of_name(const struct job *j)
{
    return j->name;
}

static const char *of_owner(const struct job *j)
{
    return j->owner;
}

static const char *of_owner_name(const struct job *j)
{
    return j->owner_name;
}

static const char *of_description(const struct job *j)
{
    return j->description;
}

static const struct {
    const char *key;
    const char *(*text)(const struct job *j);
    bool list; /* texts with commas between */
} keys[] = {
    {"name", of_name, false},
    {"owner", of_owner, true},
    {"ownerName", of_owner_name, false},
    {"description", of_description, false},
};

static bool is_key(const char *key)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (str_eq(keys[i].key, key))
            return true;
    return str_starts(key, OF_ENV) && key[strlen(OF_ENV)] != '\0';
}

static bool take_term(const char *text, size_t len, struct job_selector *s, struct error *err)
{
    char quoted[96];
    const char *equals = memchr(text, '=', len);
    size_t key_len = equals != NULL ? (size_t)(equals - text) : len;
    struct pair *p = &s->terms.items[s->terms.n];
    p->name = arena_strndup(&s->arena, text, key_len);
    str_quote(quoted, sizeof quoted, text, len);
    if (equals == NULL || key_len + 1 == len)
        error_set(err, ERR_INVALID, "selector: got %s, need a key, = and a pattern", quoted);
    else if (!is_key(p->name))
        error_set(err, ERR_INVALID,
                  "selector: got %s, need name, owner, ownerName, description or env.NAME", quoted);
    else if (s->terms.n == JOB_SELECTOR_TERMS_MAX - 1)
        error_set(err, ERR_INVALID, "selector: need fewer than %d terms", JOB_SELECTOR_TERMS_MAX);
    else {
        p->value = arena_strndup(&s->arena, equals + 1, len - key_len - 1);
        s->terms.n++;
        return true;
    }
    return false;
}

int job_selector_parse(const char *text, struct job_selector *out, struct error *err)
{
    struct job_selector s = {0};
    s.terms.items = arena_alloc(&s.arena, JOB_SELECTOR_TERMS_MAX * sizeof *s.terms.items);
    for (;;) {
        size_t len = strcspn(text, ",");
        if (!take_term(text, len, &s, err)) {
            job_selector_close(&s);
            return -1;
        }
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    *out = s;
    return 0;
}

/* The last * takes one sign more each time what follows it does not fit: none before it has to. */
static bool fits(const char *pattern, const char *text)
{
    const char *star = NULL, *taken = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            taken = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++taken;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool one_fits(const char *pattern, const char *list)
{
    struct arena scratch = {0};
    char *rest = NULL;
    bool any = false;
    for (char *one = strtok_r(arena_strdup(&scratch, list), ", ", &rest); one != NULL && !any;
         one = strtok_r(NULL, ", ", &rest))
        any = fits(pattern, one);
    arena_close(&scratch);
    return any;
}

static bool term_holds(const struct pair *term, const struct job *j)
{
    if (str_starts(term->name, OF_ENV)) {
        const char *value = pairs_get(&j->env, term->name + strlen(OF_ENV));
        return value != NULL && fits(term->value, value);
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (str_eq(keys[i].key, term->name))
            return fits(term->value, keys[i].text(j)) ||
                   (keys[i].list && one_fits(term->value, keys[i].text(j)));
    return false;
}

bool job_selector_matches(const struct job_selector *s, const struct job *j)
{
    for (size_t i = 0; i < s->terms.n; i++)
        if (!term_holds(&s->terms.items[i], j))
            return false;
    return true;
}

void job_selector_close(struct job_selector *s)
{
    arena_close(&s->arena);
    *s = (struct job_selector){0};
}
