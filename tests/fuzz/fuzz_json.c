/* Whatever the bytes: they are refused in plain words, or what was read, written again, reads as
 * the same. */
#include "base/assert.h"
#include "base/json.h"
#include "base/str.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct json *v)
{
    struct buf out;
    struct json_writer w;
    struct error err;
    buf_init(&out, 64 << 20);
    json_begin(&w, &out);
    json_put_value(&w, v);
    struct json *again = json_parse(buf_slice(&out), &err);
    ASSERT(again != NULL && json_equal(v, again));
    json_free(again);
    buf_close(&out);
}

static void check(struct json *v, const struct error *err)
{
    if (v == NULL) {
        ASSERT(err->code == ERR_SYNTAX && strncmp(err->text, "line ", 5) == 0);
        ASSERT(str_utf8_valid(err->text, strlen(err->text)) && strchr(err->text, '\n') == NULL);
        return;
    }
    check_again(v);
    json_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct error err;
    check(json_parse(text, &err), &err);
    check(json_parse_commented(text, &err), &err);
    return 0;
}
