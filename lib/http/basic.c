#include "http/basic.h"

#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/str.h"

static const char scheme[] = "Basic ";
#define SCHEME_LEN (sizeof scheme - 1)

void basic_put(struct buf *out, const char *credentials)
{
    buf_puts(out, scheme);
    base64_put(out, slice_of(credentials), BASE64);
}

static void hash_of(struct slice encoded, char out[BASIC_HASH_SIZE])
{
    uint8_t sum[SHA256_SIZE];
    sha256_of(encoded.p, encoded.len, sum);
    hex_encode(out, sum, sizeof sum);
}

const char *basic_hash(const char *credentials, char hash_out[BASIC_HASH_SIZE])
{
    struct buf encoded;
    buf_init(&encoded, LIMIT_HEADER_BYTES);
    base64_put(&encoded, slice_of(credentials), BASE64);
    hash_out[0] = '\0';
    if (encoded.len > 0)
        hash_of(buf_slice(&encoded), hash_out);
    buf_close(&encoded);
    return hash_out;
}

bool basic_is(struct slice header, const char *hash)
{
    char got[BASIC_HASH_SIZE];
    if (header.len < SCHEME_LEN || strncasecmp(header.p, scheme, SCHEME_LEN) != 0)
        return false;
    struct slice encoded = {header.p + SCHEME_LEN, header.len - SCHEME_LEN};
    for (; encoded.len > 0 && encoded.p[0] == ' '; encoded.len--)
        encoded.p++;
    hash_of(encoded, got);
    return secret_equal(got, hash, sizeof got);
}
