/* Label selectors as strangers write them: "SELECTORS". What is refused says why; what is accepted
 * finds a match only among labels that are there. */
#include <string.h>

#include "api/marathon/labels.h"
#include "base/assert.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char labels[] = "{\"a\":\"1\",\"b\":\"\",\"in\":\"x y\"}";
    char text[4096];
    struct selectors s;
    struct error err;
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (selectors_parse(text, &s, &err) != 0) {
        ASSERT(err.code == ERR_INVALID && err.text[0] != '\0');
        return 0;
    }
    struct json *some = json_parse(SLICE(labels), &err);
    ASSERT(some != NULL && selectors_match(&s, NULL) == (s.n == 0));
    for (size_t i = 0; i < s.n; i++)
        ASSERT(!selectors_match(&s, some) || json_get(some, s.items[i].key) != NULL);
    selectors_close(&s);
    json_free(some);
    return 0;
}
