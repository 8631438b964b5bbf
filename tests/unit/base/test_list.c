#include "unit.h"

#include "base/list.h"

struct item {
    int n;
    struct list link;
};

static int as_number(struct list *head) /* the items' digits in order */
{
    int number = 0;
    LIST_EACH (it, head)
        number = 10 * number + LIST_ENTRY(it, struct item, link)->n;
    return number;
}

static void a_ring_keeps_its_order(void **unused)
{
    (void)unused;
    struct list head;
    struct item a = {.n = 1}, b = {.n = 2}, c = {.n = 3};
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_pop(&head));
    list_push(&head, &b.link);
    list_push(&head, &c.link);
    list_insert_before(&b.link, &a.link);
    assert_int_equal(as_number(&head), 123);
    list_remove(&b.link);
    list_remove(&b.link);
    assert_int_equal(as_number(&head), 13);
    list_insert_before(&c.link, &b.link);
    assert_int_equal(as_number(&head), 123);
    assert_ptr_equal(list_pop(&head), &a.link);
    assert_int_equal(as_number(&head), 23);
}

static void the_current_item_may_go_while_the_ring_is_walked(void **unused)
{
    (void)unused;
    struct list head;
    struct item items[] = {{.n = 1}, {.n = 2}, {.n = 3}};
    list_init(&head);
    for (size_t i = 0; i < COUNT(items); i++)
        list_push(&head, &items[i].link);
    LIST_EACH (it, &head)
        if (LIST_ENTRY(it, struct item, link)->n != 2)
            list_remove(it);
    assert_int_equal(as_number(&head), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_keeps_its_order),
        cmocka_unit_test(the_current_item_may_go_while_the_ring_is_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
