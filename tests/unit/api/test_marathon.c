#include "unit.h"

#include "story.h"

static void marathon_answers_as_its_contract_says(void **unused)
{
    (void)unused;
    story_play_folder(FIXTURES "/marathon", "marathon");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marathon_answers_as_its_contract_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
