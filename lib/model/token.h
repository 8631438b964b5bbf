/* lib/model/token.h - what lets a node join (DESIGN 5): the hash of the cluster's CA, by which the
 * node knows whom it talks to before it says the secret, and the secret, by which the cluster knows
 * that the node was invited.
 *
 *     MESO1-msa-<64 digits: hash of the CA's key>-<8: id><40: secret><4: check>
 *
 * One word without any character that a shell minds; all digits are hexadecimal. The letters say
 * which modes a node may join with. The check tells a token that was not copied whole from one of
 * another cluster. The cluster keeps the id, by which people name a token, and a hash of the
 * secret: who reads the state cannot join. Pure: the secret is drawn by the caller, from the
 * system's own chance. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "base/time.h"
#include "model/states.h"

#define TOKEN_SECRET_SIZE 20
#define TOKEN_TEXT_SIZE (6 + 3 + 1 + 2 * SHA256_SIZE + 1 + 8 + 2 * TOKEN_SECRET_SIZE + 4 + 1)
#define TOKEN_ID_SIZE 9

struct token {
    unsigned modes; /* bits: enum mode */
    uint8_t ca[SHA256_SIZE];
    uint32_t id; /* not 0 */
    uint8_t secret[TOKEN_SECRET_SIZE];
};

const char *token_text(const struct token *t, char dst[TOKEN_TEXT_SIZE]);
/* ERR_INVALID saying what is wrong with it, never with the token itself in the text. Blanks around
 * it do not count. */
int token_parse(const char *text, struct token *out, struct error *err) MUST_CHECK;

const char *token_id_text(int64_t id, char dst[TOKEN_ID_SIZE]); /* "3fa9c201" */
bool token_id_parse(const char *text, int64_t *out);

/* What the cluster keeps in the secret's place. */
void token_hash(uint32_t id, const uint8_t secret[TOKEN_SECRET_SIZE], uint8_t out[SHA256_SIZE]);

/* May a token be made that is good for these modes until then? ERR_INVALID naming the field. */
int token_check(unsigned modes, struct wall until, struct wall now, struct error *err) MUST_CHECK;
