/* lib/api/marathon/labels.h - label selectors: "a==b, c in (x, y)"
 * (spec/marathon.md 1.11). Pure. */
#pragma once

#include "base/error.h"
#include "base/json.h"

enum selector_op { LABEL_EXISTS, LABEL_IS, LABEL_IS_NOT, LABEL_IN, LABEL_NOT_IN };

struct selector {
    char *key; /* owned */
    enum selector_op op;
    char **values; /* owned */
    size_t n;
};

struct selectors { /* all must hold */
    struct selector *items;
    size_t n;
};

/* ERR_INVALID with the text and the reason. An empty text gives none. */
int selectors_parse(const char *text, struct selectors *out, struct error *err) MUST_CHECK;
bool selectors_match(const struct selectors *s, const struct json *labels);
void selectors_close(struct selectors *s); /* accepts a zeroed struct */
