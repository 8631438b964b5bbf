#include "model/message.h"

#include <string.h>

#include "base/str.h"

static const char *const words[MESSAGE_KINDS] = {
#define X(name, word) [name] = word,
    MESSAGES(X)
#undef X
};

const char *message_word(enum message_kind kind)
{
    return words[kind];
}

void message_begin(struct json_writer *w, struct buf *out, enum message_kind kind)
{
    json_begin(w, out);
    json_object(w);
    json_member_str(w, "m", words[kind]);
}

void message_end(struct json_writer *w)
{
    json_object_end(w);
}

struct json *message_parse(struct slice text, enum message_kind *kind_out, struct error *err)
{
    struct json *root = json_parse_own(text, err);
    if (root == NULL)
        return NULL;
    const char *word = json_str(json_get(root, "m"), "");
    for (int i = 0; i < MESSAGE_KINDS; i++) {
        if (str_eq(word, words[i])) {
            *kind_out = (enum message_kind)i;
            return root;
        }
    }
    char quoted[48];
    error_set(err, ERR_INVALID, "message: unknown kind %s",
              str_quote(quoted, sizeof quoted, word, strlen(word)));
    json_free(root);
    return NULL;
}
