#include "model/token.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"

#define KIND "MESO1-"
#define KIND_LEN 6
#define CA_DIGITS (2 * SHA256_SIZE)
#define SECRET_DIGITS (8 + 2 * TOKEN_SECRET_SIZE + 4)
#define CHECK_DIGITS 4
#define DAY_MS INT64_C(86400000)
#define CURE "copy it whole, or make another with mesolith token create"

static const char letters[] = "msa"; /* bit by bit of enum mode */

/* ---- the text */

static void check_of(const char *text, size_t len, char dst[CHECK_DIGITS + 1])
{
    uint8_t hash[SHA256_SIZE];
    sha256_of(text, len, hash);
    hex_encode(dst, hash, CHECK_DIGITS / 2);
}

const char *token_text(const struct token *t, char dst[TOKEN_TEXT_SIZE])
{
    char ca[CA_DIGITS + 1], secret[2 * TOKEN_SECRET_SIZE + 1], check[CHECK_DIGITS + 1], modes[4];
    size_t n = 0;
    ASSERT(t->id != 0 && t->modes != 0 && (t->modes & ~MODES_ALL) == 0);
    for (size_t i = 0; letters[i] != '\0'; i++)
        if (t->modes & 1u << i)
            modes[n++] = letters[i];
    modes[n] = '\0';
    hex_encode(ca, t->ca, SHA256_SIZE);
    hex_encode(secret, t->secret, TOKEN_SECRET_SIZE);
    int len = snprintf(dst, TOKEN_TEXT_SIZE, KIND "%s-%s-%08x%s", modes, ca, t->id, secret);
    ASSERT(len > 0 && len + CHECK_DIGITS < TOKEN_TEXT_SIZE);
    check_of(dst, (size_t)len, check);
    memcpy(dst + len, check, sizeof check);
    return dst;
}

static bool parse_modes(const char *word, size_t len, unsigned *out)
{
    unsigned modes = 0;
    for (size_t i = 0; i < len; i++) {
        const char *at = strchr(letters, word[i]);
        unsigned bit = at != NULL ? 1u << (at - letters) : 0;
        if (bit == 0 || (modes & bit) != 0)
            return false;
        modes |= bit;
    }
    *out = modes;
    return modes != 0;
}

/* The digits between two places, as bytes. */
static bool bytes_at(const char *text, size_t n, void *out)
{
    char digits[CA_DIGITS + 1];
    memcpy(digits, text, 2 * n);
    digits[2 * n] = '\0';
    return hex_decode(out, n, digits);
}

static bool parse_ca(const char *text, size_t len, struct token *t)
{
    return len == CA_DIGITS && bytes_at(text, SHA256_SIZE, t->ca);
}

static bool parse_secret(const char *text, size_t len, struct token *t)
{
    uint8_t id[4], check[CHECK_DIGITS / 2];
    if (len != SECRET_DIGITS || !bytes_at(text, sizeof id, id) ||
        !bytes_at(text + 8, TOKEN_SECRET_SIZE, t->secret) ||
        !bytes_at(text + 8 + 2 * TOKEN_SECRET_SIZE, sizeof check, check))
        return false;
    t->id = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
    return t->id != 0;
}

static int parse_bare(const char *text, struct token *t, struct error *err)
{
    if (strncmp(text, KIND, KIND_LEN) != 0)
        return error_set(err, ERR_INVALID,
                         strncmp(text, "MESO", 4) == 0 && strchr(text, '-') != NULL
                             ? "token: is of another kind than MESO1: it needs another version of "
                               "mesolith"
                             : "token: does not begin with MESO1-: " CURE);
    const char *modes = text + KIND_LEN;
    const char *ca = strchr(modes, '-');
    const char *secret = ca != NULL ? strchr(ca + 1, '-') : NULL;
    if (secret == NULL)
        return error_set(err, ERR_INVALID, "token: ends too early: " CURE);
    if (!parse_modes(modes, (size_t)(ca - modes), &t->modes))
        return error_set(err, ERR_INVALID,
                         "token: need some of the letters m, s and a as its "
                         "modes: " CURE);
    if (!parse_ca(ca + 1, (size_t)(secret - ca - 1), t))
        return error_set(err, ERR_INVALID,
                         "token: need %d hexadecimal digits as the CA's hash, got %zu characters: "
                         "" CURE,
                         CA_DIGITS, (size_t)(secret - ca - 1));
    if (!parse_secret(secret + 1, strlen(secret + 1), t))
        return error_set(err, ERR_INVALID,
                         "token: need %d hexadecimal digits as its last part, got %zu characters: "
                         "" CURE,
                         SECRET_DIGITS, strlen(secret + 1));
    return 0;
}

int token_parse(const char *text, struct token *out, struct error *err)
{
    struct token t;
    char bare[TOKEN_TEXT_SIZE], again[TOKEN_TEXT_SIZE];
    text += strspn(text, " \t\r\n");
    size_t len = strcspn(text, " \t\r\n");
    if (len == 0)
        return error_set(err, ERR_INVALID, "token: is empty: " CURE);
    if (text[len + strspn(text + len, " \t\r\n")] != '\0')
        return error_set(err, ERR_INVALID, "token: need one word, without blanks in it: " CURE);
    if (len >= sizeof bare)
        return error_set(err, ERR_INVALID, "token: got %zu characters, need at most %zu: " CURE,
                         len, sizeof bare - 1);
    memcpy(bare, text, len);
    bare[len] = '\0';
    if (parse_bare(bare, &t, err) != 0)
        return -1;
    /* written again, so that the letters' case and order do not count */
    const char *check = token_text(&t, again) + strlen(again) - CHECK_DIGITS;
    uint8_t got[CHECK_DIGITS / 2], need[CHECK_DIGITS / 2];
    if (!hex_decode(got, sizeof got, bare + len - CHECK_DIGITS) ||
        !hex_decode(need, sizeof need, check) || memcmp(got, need, sizeof got) != 0)
        return error_set(err, ERR_INVALID, "token: a character of it is wrong: " CURE);
    *out = t;
    return 0;
}

const char *token_id_text(int64_t id, char dst[TOKEN_ID_SIZE])
{
    snprintf(dst, TOKEN_ID_SIZE, "%08x", (unsigned)(uint32_t)id);
    return dst;
}

bool token_id_parse(const char *text, int64_t *out)
{
    uint8_t b[4];
    if (!hex_decode(b, sizeof b, text))
        return false;
    int64_t id = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
    if (id == 0)
        return false;
    *out = id;
    return true;
}

/* ---- the secret */

void token_hash(uint32_t id, const uint8_t secret[TOKEN_SECRET_SIZE], uint8_t out[SHA256_SIZE])
{
    static const char what[] = "mesolith join token";
    uint8_t number[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    struct sha256 *h = sha256_new();
    sha256_add(h, what, sizeof what);
    sha256_add(h, number, sizeof number);
    sha256_add(h, secret, TOKEN_SECRET_SIZE);
    sha256_end(h, out);
}

int token_check(unsigned modes, struct wall until, struct wall now, struct error *err)
{
    char text[TIME_TEXT_SIZE];
    if (modes == 0 || (modes & ~MODES_ALL) != 0)
        return error_set(err, ERR_INVALID, "modes: need some of master,scheduler,agent");
    if (until.ms <= now.ms)
        return error_set(err, ERR_INVALID, "until: got %s, which is over, need a later time",
                         wall_text(until, text));
    if (until.ms - now.ms > LIMIT_TOKEN_DAYS * DAY_MS)
        return error_set(err, ERR_LIMIT, "until: got %s, need at most %d days from now",
                         wall_text(until, text), LIMIT_TOKEN_DAYS);
    return 0;
}
