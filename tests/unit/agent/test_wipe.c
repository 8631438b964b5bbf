/* An agent removes what its leader gave up, and says when it is gone. */
#include "post.h"

static struct post p;

static int begin(void **unused)
{
    (void)unused;
    post_open(&p);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    post_close(&p);
    return 0;
}

#define WIPE "{'m':'wipe','volumes':[{'volume':3,'name':'db#data#u'},{'volume':4,'name':'w#d#u'}]}"

static void a_volume_is_removed_as_often_as_that_is_told(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_hear(&p, WIPE);
    post_hear(&p, WIPE);
    assert_string_equal(post_done(&p), "wipe 3 db#data#u\nwipe 4 w#d#u\n"
                                       "wipe 3 db#data#u\nwipe 4 w#d#u\n");
}

static void its_leader_hears_that_it_is_gone(void **unused)
{
    (void)unused;
    post_wiped(&p, 3);
    assert_string_equal(post_done(&p), ""); /* nobody would hear it; it is told again */
    post_settle(&p);
    post_wiped(&p, 3);
    assert_string_equal(post_done(&p), "wiped 3\n");
}

static void nothing_is_removed_before_all_tasks_were_found_again(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_restart(&p);
    post_leader(&p, 9);
    post_welcome(&p);
    post_done(&p);
    post_hear(&p, WIPE);
    assert_string_equal(post_done(&p), "");
    post_recovered(&p);
    post_hear(&p, "{'m':'wipe','volumes':[{'volume':3,'name':'db#data#u'},{'volume':9}]}");
    assert_string_equal(post_done(&p), "wipe 3 db#data#u\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_volume_is_removed_as_often_as_that_is_told),
        TEST(its_leader_hears_that_it_is_gone),
        TEST(nothing_is_removed_before_all_tasks_were_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
