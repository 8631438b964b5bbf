/* Whatever a stranger sends instead of a request to join, or of its answer: it is refused in plain
 * words, or what was read is written and read back the same. */
#include "base/assert.h"
#include "base/str.h"
#include "model/join.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct error *err)
{
    ASSERT(err->code != ERR_NONE && err->text[0] != '\0');
    ASSERT(str_utf8_valid(err->text, strlen(err->text)) && strchr(err->text, '\n') == NULL);
}

static void check_request(struct slice text)
{
    struct json *root, *root_again;
    struct join_request r, again;
    struct error err;
    struct buf first, second;
    if (join_request_parse(text, &root, &r, &err) != 0) {
        check_error(&err);
        return;
    }
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    join_request_write(&r, &first);
    int rc = join_request_parse(buf_slice(&first), &root_again, &again, &err);
    ASSERT(rc == 0);
    join_request_write(&again, &second);
    ASSERT(slice_eq(buf_slice(&first), buf_slice(&second)));
    json_free(root);
    json_free(root_again);
    buf_close(&first);
    buf_close(&second);
}

static void check_answer(struct slice text)
{
    struct json *root, *root_again;
    struct join_answer a, again;
    struct error err;
    struct buf first, second;
    if (join_answer_parse(text, &root, &a, &err) != 0) {
        check_error(&err);
        return;
    }
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    join_answer_write(&a, &first);
    int rc = join_answer_parse(buf_slice(&first), &root_again, &again, &err);
    ASSERT(rc == 0);
    join_answer_write(&again, &second);
    ASSERT(slice_eq(buf_slice(&first), buf_slice(&second)));
    json_free(root);
    json_free(root_again);
    buf_close(&first);
    buf_close(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    check_request(text);
    check_answer(text);
    return 0;
}
