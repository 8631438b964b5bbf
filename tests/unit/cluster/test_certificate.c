#include "unit.h"

#include <string.h>

#include "cluster/certificate.h"

static void is_renewed_at_half_its_life(void **unused)
{
    const int64_t day = 86400000, from = 1767225600000, until = from + 8 * day;
    const struct {
        int64_t from, until, now;
        enum certificate_age age;
    } rows[] = {
        {from, until, from - 1, CERTIFICATE_EARLY},
        {from, until, from, CERTIFICATE_FRESH},
        {from, until, from + 4 * day - 1, CERTIFICATE_FRESH},
        {from, until, from + 4 * day, CERTIFICATE_DUE},
        {from, until, until - 1, CERTIFICATE_DUE},
        {from, until, until, CERTIFICATE_OVER},
        {from, until, INT64_MAX, CERTIFICATE_OVER},
        {from, until, INT64_MIN, CERTIFICATE_EARLY},
        {until, from, from, CERTIFICATE_OVER}, /* never good */
        {until, from, until, CERTIFICATE_OVER},
        {INT64_MIN, INT64_MAX, 0, CERTIFICATE_DUE},
        {INT64_MIN, INT64_MAX, -2, CERTIFICATE_FRESH},
        {0, 0, 0, CERTIFICATE_OVER},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum certificate_age age = certificate_age(
            (struct wall){rows[i].from}, (struct wall){rows[i].until}, (struct wall){rows[i].now});
        if (age != rows[i].age)
            fail_msg("row %zu: got %d, need %d", i, (int)age, (int)rows[i].age);
    }
    assert_int_equal(certificate_renew_at((struct wall){from}, (struct wall){until}).ms,
                     from + 4 * day);
}

static void what_is_none_is_refused(void **unused)
{
    static const char *const texts[] = {
        "",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566"
        "778899AABBCCDDEEFF\n\nMIIB\n-----END CERTIFICATE-----\n",
        "\x16\x03\x01",
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct certificate c = {.id = 7};
        struct error err;
        assert_int_equal(certificate_read(slice_of(texts[i]), &c, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_string_equal(err.text, "certificate: need one as PEM");
        assert_int_equal(c.id, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_renewed_at_half_its_life),
        cmocka_unit_test(what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
