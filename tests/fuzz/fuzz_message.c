/* Whatever the bytes that a node or an executor sends: they are refused in plain words, or what was
 * read of them is written and read back the same. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/message.h"
#include "model/node_facts.h"
#include "model/run_spec.h"
#include "model/status.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct error *err)
{
    ASSERT(err->code != ERR_NONE && err->text[0] != '\0');
    ASSERT(str_utf8_valid(err->text, strlen(err->text)) && strchr(err->text, '\n') == NULL);
}

static struct json *tree_of(struct buf *text)
{
    struct error err;
    struct json *v = json_parse_own(buf_slice(text), &err);
    ASSERT(v != NULL && !buf_full(text));
    return v;
}

static void write_spec(const struct run_spec *s, struct buf *out)
{
    struct json_writer w;
    buf_init(out, 64 << 20);
    json_begin(&w, out);
    run_spec_write(s, &w);
}

static void check_spec(const struct json *v)
{
    struct run_spec s, again;
    struct error err;
    struct buf text, text_again;
    if (run_spec_read(v, &s, &err) != 0) {
        check_error(&err);
        return;
    }
    write_spec(&s, &text);
    struct json *tree = tree_of(&text);
    int result = run_spec_read(tree, &again, &err);
    ASSERT(result == 0);
    write_spec(&again, &text_again);
    ASSERT(slice_eq(buf_slice(&text), buf_slice(&text_again)));
    run_spec_close(&s);
    run_spec_close(&again);
    json_free(tree);
    buf_close(&text);
    buf_close(&text_again);
}

static void write_status(const struct status *s, struct buf *out)
{
    struct json_writer w;
    buf_init(out, 64 << 20);
    json_begin(&w, out);
    status_write(s, &w);
}

static void check_status(const struct json *v)
{
    struct status s, again;
    struct error err;
    struct buf text, text_again;
    if (status_read(v, &s, &err) != 0) {
        check_error(&err);
        return;
    }
    ASSERT(s.task > 0 && s.health >= 0 && s.health <= 2);
    write_status(&s, &text);
    struct json *tree = tree_of(&text);
    int result = status_read(tree, &again, &err);
    ASSERT(result == 0);
    write_status(&again, &text_again);
    ASSERT(slice_eq(buf_slice(&text), buf_slice(&text_again)));
    json_free(tree);
    buf_close(&text);
    buf_close(&text_again);
}

static void write_facts(const struct node_facts *f, struct buf *out)
{
    struct json_writer w;
    buf_init(out, 64 << 10);
    json_begin(&w, out);
    json_object(&w);
    node_facts_write(f, &w);
    json_object_end(&w);
}

static void check_facts(const struct json *v)
{
    struct node_facts f, again;
    struct error err;
    struct buf text, text_again;
    if (node_facts_read(v, &f, &err) != 0) {
        check_error(&err);
        return;
    }
    write_facts(&f, &text);
    ASSERT(text.len < 4096);
    struct json *tree = tree_of(&text);
    int result = node_facts_read(tree, &again, &err);
    ASSERT(result == 0);
    write_facts(&again, &text_again);
    ASSERT(slice_eq(buf_slice(&text), buf_slice(&text_again)));
    json_free(tree);
    buf_close(&text);
    buf_close(&text_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum message_kind kind;
    struct error err;
    struct json *v = message_parse((struct slice){(const char *)data, size}, &kind, &err);
    if (v == NULL) {
        check_error(&err);
        return 0;
    }
    ASSERT(message_word(kind)[0] != '\0');
    check_spec(json_get(v, "spec"));
    JSON_EACH (status, json_get(v, "statuses"))
        check_status(status);
    check_facts(v);
    json_free(v);
    return 0;
}
