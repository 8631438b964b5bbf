/* tests/unit/model/cases.h - JSON in C strings without a thousand backslashes: write ' for ", and
 * ` for '. And what was wrong, as one text. */
#pragma once

#include "base/json.h"
#include "base/mem.h"
#include "base/problems.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* The caller frees. */
static inline char *unquoted(const char *text)
{
    char *copy = mem_strdup(text);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c == '`' ? '\'' : *c;
    return copy;
}

/* The tree of a text with ' for "; it must parse. The caller frees. */
static inline struct json *tree_of(const char *text)
{
    struct error err;
    char *json = unquoted(text);
    struct json *tree = json_parse(slice_of(json), &err);
    if (tree == NULL)
        fail_msg("%s: %s", json, err.text);
    mem_free(json);
    return tree;
}

/* "path: text" a line, "path: code: text" where there is a code. The caller frees. */
static inline char *text_of_problems(const struct problems *problems)
{
    struct buf b;
    buf_init(&b, 65536);
    for (size_t i = 0; i < problems->n; i++) {
        const struct problem *p = &problems->items[i];
        buf_printf(&b, "%s%s: %s%s%s", i == 0 ? "" : "\n", p->path, p->code != NULL ? p->code : "",
                   p->code != NULL ? ": " : "", p->text);
    }
    return buf_take(&b, NULL);
}

/* Each member of `expected` must be in `got` as it is; null: must not be there. */
static inline void assert_members(const char *what, const char *got, const char *expected)
{
    struct error err;
    struct json *have = json_parse(slice_of(got), &err), *want = tree_of(expected);
    if (have == NULL)
        fail_msg("%s: %s: %s", what, got, err.text);
    JSON_EACH (member, want) {
        const struct json *value = json_get_null(have, json_name(member));
        bool same =
            json_is(member, JSON_NULL) ? value == NULL : value != NULL && json_equal(value, member);
        if (!same)
            fail_msg("%s: \"%s\" is not as expected\n got  %s\n need %s", what, json_name(member),
                     got, expected);
    }
    json_free(have);
    json_free(want);
}
