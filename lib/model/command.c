#include "model/command.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

static const struct {
    const char *word;
    int level;
} kinds[COMMAND_KINDS] = {
#define X(name, word, level, what) [name] = {word, level},
    COMMANDS(X)
#undef X
};

const char *command_word(enum command_kind kind)
{
    return kinds[kind].word;
}

int command_level(enum command_kind kind)
{
    return kinds[kind].level;
}

bool command_parse_word(const char *word, enum command_kind *out)
{
    for (int i = 0; i < COMMAND_KINDS; i++) {
        if (str_eq(word, kinds[i].word)) {
            *out = (enum command_kind)i;
            return true;
        }
    }
    return false;
}

void draft_close(struct draft *d)
{
    mem_free(d->by);
    mem_free(d->from);
    mem_free(d->rid);
    buf_close(&d->args);
    *d = (struct draft){0};
}

void command_entry_begin(struct buf *entry)
{
    buf_putc(entry, COMMAND_ENTRY_VERSION);
    buf_putc(entry, '[');
}

static void member_if(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL && *text != '\0')
        json_member_str(w, name, text);
}

void command_entry_add(struct buf *entry, const struct draft *d, struct wall at)
{
    if (entry->data[entry->len - 1] != '[')
        buf_putc(entry, ',');
    struct json_writer w;
    json_begin(&w, entry);
    json_object(&w);
    json_member_str(&w, "c", command_word(d->kind));
    json_member_int(&w, "at", at.ms);
    member_if(&w, "by", d->by);
    member_if(&w, "from", d->from);
    member_if(&w, "rid", d->rid);
    if (d->digest != 0)
        json_member_int(&w, "digest", (int64_t)d->digest);
    if (d->epoch != 0)
        json_member_int(&w, "ep", (int64_t)d->epoch);
    json_member_raw(&w, "a", buf_slice(&d->args));
    json_object_end(&w);
}

void command_entry_end(struct buf *entry)
{
    buf_putc(entry, ']');
}

int command_entry_parse(struct slice entry, struct json **root_out, struct error *err)
{
    if (entry.len < 3 || entry.p[0] != COMMAND_ENTRY_VERSION)
        return error_set(err, ERR_CORRUPT, "log entry: version %d, this build reads %d",
                         entry.len > 0 ? entry.p[0] : -1, COMMAND_ENTRY_VERSION);
    struct error why;
    struct json *root = json_parse_own((struct slice){entry.p + 1, entry.len - 1}, &why);
    if (root == NULL)
        return error_set(err, ERR_CORRUPT, "log entry: %s", why.text);
    if (!json_is(root, JSON_ARRAY)) {
        json_free(root);
        return error_set(err, ERR_CORRUPT, "log entry: not an array of commands");
    }
    *root_out = root;
    return 0;
}

int command_from_json(const struct json *element, struct command *out, struct error *err)
{
    const char *word = json_str(json_get(element, "c"), "");
    enum command_kind kind;
    char quoted[48];
    if (!command_parse_word(word, &kind))
        return error_set(err, ERR_CORRUPT, "log entry: unknown command %s",
                         str_quote(quoted, sizeof quoted, word, strlen(word)));
    *out = (struct command){
        .kind = kind,
        .at = {json_int(json_get(element, "at"), 0)},
        .by = json_str(json_get(element, "by"), ""),
        .from = json_str(json_get(element, "from"), ""),
        .rid = json_str(json_get(element, "rid"), ""),
        .digest = (uint64_t)json_int(json_get(element, "digest"), 0),
        .epoch = (uint64_t)json_int(json_get(element, "ep"), 0),
        .args = json_get(element, "a"),
    };
    return 0;
}
