/* Whatever is given as a token: it is refused in plain words that do not repeat it, or it is
 * written again and read back the same. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/token.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token t, again;
    struct error err;
    char text[TOKEN_TEXT_SIZE];
    char *given = mem_strndup((const char *)data, size);
    if (token_parse(given, &t, &err) != 0) {
        ASSERT(err.code != ERR_NONE && strncmp(err.text, "token: ", 7) == 0);
        ASSERT(str_utf8_valid(err.text, strlen(err.text)) && strchr(err.text, '\n') == NULL);
    } else {
        int rc = token_parse(token_text(&t, text), &again, &err);
        ASSERT(rc == 0 && t.id == again.id && t.modes == again.modes);
        ASSERT(memcmp(t.ca, again.ca, sizeof t.ca) == 0);
        ASSERT(memcmp(t.secret, again.secret, sizeof t.secret) == 0);
    }
    mem_free(given);
    return 0;
}
