#include "base/base64.h"

#include <openssl/evp.h>

#include "base/mem.h"

void base64_put(struct buf *out, struct slice bytes, enum base64_kind kind)
{
    char *text = mem_alloc((bytes.len + 2) / 3 * 4 + 1);
    int n = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.p, (int)bytes.len);
    for (int i = 0; i < n && kind == BASE64_URL; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    buf_put(out, text, (size_t)n);
    mem_free(text);
}
