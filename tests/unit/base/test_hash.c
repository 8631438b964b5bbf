#include "unit.h"

#include <string.h>

#include "base/hash.h"
#include "base/str.h"

static void assert_sha256(const uint8_t got[SHA256_SIZE], const char *hex)
{
    char text[2 * SHA256_SIZE + 1];
    hex_encode(text, got, SHA256_SIZE);
    assert_string_equal(text, hex);
}

static void sha256_gives_the_published_sums(void **unused)
{
    (void)unused;
    uint8_t out[SHA256_SIZE];
    sha256_of("", 0, out);
    assert_sha256(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct sha256 *h = sha256_new();
    sha256_add(h, "a", 1);
    sha256_add(h, "bc", 2);
    sha256_end(h, out);
    assert_sha256(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* The published vectors of SipHash-1-3: bytes 0, 1, 2, … under the key 0, 1, …, 15. If this fails,
 * replicas of two builds will not agree any more. */
static void hash64_is_the_same_for_ever(void **unused)
{
    (void)unused;
    static const struct {
        size_t len;
        uint64_t hash;
    } cases[] = {
        {0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},  {2, 0x82cb9b024dc7d44d},
        {7, 0xd3927d989bb11140},  {8, 0x369095118d299a8e},  {15, 0xd320d86d2a519956},
        {16, 0xcc4fdd1a7d908b66}, {63, 0x9d199062b7bbb3a8},
    };
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_true(hash64(bytes, cases[i].len, 0x0706050403020100) == cases[i].hash);
}

static void the_seed_and_each_bit_make_a_difference(void **unused)
{
    (void)unused;
    char text[] = "the state of one row";
    uint64_t before = hash64(text, sizeof(text), 1);
    assert_true(before != hash64(text, sizeof(text), 2));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] ^= 1;
        assert_true(before != hash64(text, sizeof(text), 1));
        text[i] ^= 1;
    }
}

static void secrets_are_equal_in_all_their_bytes(void **unused)
{
    (void)unused;
    assert_true(secret_equal("abcd", "abcd", 4));
    assert_true(secret_equal("abcd", "abcx", 3));
    assert_false(secret_equal("abcd", "abcx", 4));
    assert_false(secret_equal("xbcd", "abcd", 4));
    assert_true(secret_equal("a", "b", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_sums),
        cmocka_unit_test(hash64_is_the_same_for_ever),
        cmocka_unit_test(the_seed_and_each_bit_make_a_difference),
        cmocka_unit_test(secrets_are_equal_in_all_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
