#include "unit.h"

#include <string.h>

#include "backup_file.h"

static const struct backup_facts facts = {
    .size = 1234567, .made = {1767225600000}, .hash = {7, 255}};

static void what_is_written_can_be_read(void **unused)
{
    char trailer[BACKUP_TRAILER];
    struct backup_facts f;
    struct error err;
    (void)unused;
    backup_trailer_write(&facts, trailer);
    if (backup_trailer_read(trailer, &f, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(f.size, facts.size);
    assert_int_equal(f.made.ms, facts.made.ms);
    assert_memory_equal(f.hash, facts.hash, SHA256_SIZE);
}

static void any_other_byte_is_noticed(void **unused)
{
    char trailer[BACKUP_TRAILER];
    struct backup_facts f;
    struct error err;
    (void)unused;
    for (size_t i = 0; i < BACKUP_TRAILER; i++) {
        backup_trailer_write(&facts, trailer);
        trailer[i] ^= 0x40;
        if (backup_trailer_read(trailer, &f, &err) == 0)
            fail_msg("byte %zu", i);
        assert_int_equal(err.code, ERR_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(any_other_byte_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
