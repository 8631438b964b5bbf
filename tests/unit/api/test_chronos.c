#include "unit.h"

#include "story.h"

static void chronos_answers_as_its_contract_says(void **unused)
{
    (void)unused;
    story_play_folder(FIXTURES "/chronos", "chronos");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chronos_answers_as_its_contract_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
