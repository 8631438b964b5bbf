#include "unit.h"

#include "story.h"

static void our_own_api_answers_as_it_should(void **unused)
{
    (void)unused;
    story_play_folder(FIXTURES "/native", "marathon");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_api_answers_as_it_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
