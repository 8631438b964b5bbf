#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "proxy/balance.h"

/* One service with backends a, b, c, …; time is what the story says. */
static struct balance balance;
static struct service *service;
static struct mono now;

#define DRAIN_MS 60000

/* "a b- c!": - is unhealthy, ! is draining */
static void route(const char *backends)
{
    struct buf b;
    struct error err;
    struct proxy_change c;
    const char *sep = "";
    buf_init(&b, 65536);
    buf_puts(&b, "{\"revision\":1,\"routes\":[{\"port\":10000,\"app\":\"/web\",\"backends\":[");
    for (const char *p = backends; *p != '\0'; p++) {
        if (*p < 'a' || *p > 'z')
            continue;
        buf_printf(&b,
                   "%s{\"task\":\"%c\",\"address\":\"127.0.0.1\",\"port\":%d,\"healthy\":%s,"
                   "\"draining\":%s}",
                   sep, *p, *p, p[1] == '-' ? "false" : "true", p[1] == '!' ? "true" : "false");
        sep = ",";
    }
    buf_puts(&b, "]}]}");
    struct json *v = json_parse(buf_slice(&b), &err);
    assert_non_null(v);
    assert_int_equal(proxy_change_parse(v, &c, &err), 0);
    service = balance_put(&balance, c.routes[0], now);
    proxy_change_close(&c);
    json_free(v);
    buf_close(&b);
}

static int begin(void **unused)
{
    (void)unused;
    now.ms = 1000000;
    balance_init(&balance, DRAIN_MS);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    balance_close(&balance);
    return 0;
}

static struct backend *backend(char name)
{
    size_t cursor = 0;
    struct backend *be;
    while ((be = map_each(service->backends, &cursor)) != NULL)
        if (be->task[0] == name)
            return be;
    fail_msg("no backend %c", name);
    return NULL;
}

/* Plays a story, and returns the letters of what was picked, '.' for nobody (ask again), '0' for
 * nobody ever:
 *   p pick and connect      r pick, and it refuses        t pick, and stay connecting
 *   X (capital) one connection on x ends
 *   digits: so many times 100 ms pass */
static const char *play(const char *story)
{
    static char picked[128];
    size_t n = 0;
    for (; *story != '\0'; story++) {
        int64_t wait_ms = 0;
        if (*story >= '0' && *story <= '9') {
            now.ms += (*story - '0') * 100;
        } else if (*story >= 'A' && *story <= 'Z') {
            backend_release(backend((char)(*story + 32)));
        } else if (*story != ' ') {
            struct backend *be = balance_pick(service, now, &wait_ms);
            picked[n++] = be != NULL ? be->task[0] : wait_ms < 0 ? '0' : '.';
            if (be != NULL && *story == 'p')
                backend_connected(be, now);
            if (be != NULL && *story == 'r')
                backend_failed(be, ECONNREFUSED, now);
        }
    }
    picked[n] = '\0';
    return picked;
}

static void equals_take_turns(void **unused)
{
    (void)unused;
    route("a b c");
    assert_string_equal(play("pppppp"), "abcabc");
    play("AABBCC");
    assert_string_equal(play("pAppp"), "abca"); /* a has served, so it is last among equals */
    play("ABC");
}

static void the_least_busy_is_next(void **unused)
{
    (void)unused;
    route("a b");
    assert_string_equal(play("pppp"), "abab");
    assert_string_equal(play("B B p p p"), "bba"); /* two against none */
    play("AAABB");
}

static void the_least_busy_of_very_many_is_next(void **unused)
{
    (void)unused;
    route("a b c d e f g h i j k l m n o p q r s t u v w x y z");
    for (int i = 0; i < 26 * 3; i++)
        play("p");
    play("Q R R");
    assert_string_equal(play("ppp"), "rqr");
    for (char name = 'a'; name <= 'z'; name++)
        for (int i = 0; i < 3; i++)
            backend_release(backend(name));
}

static void who_refuses_is_put_aside_and_tried_again_by_one(void **unused)
{
    (void)unused;
    route("a b");
    assert_string_equal(play("r p p"), "abb");
    assert_int_equal(backend('a')->place, BACKEND_ASIDE);
    assert_string_equal(play("1 t p p"), "abb"); /* the pause is over: one tries, others do not */
    backend_connected(backend('a'), now);
    assert_int_equal(backend('a')->place, BACKEND_FIT);
    assert_int_equal(backend('a')->failures, 0);
    assert_string_equal(play("p"), "a");
    play("AABBBB");
}

static void pauses_double_up_to_a_limit(void **unused)
{
    (void)unused;
    route("a b");
    int64_t expected = 100;
    play("r");
    for (int i = 0; i < 12; i++) {
        assert_int_equal(backend('a')->retry.ms - now.ms, expected);
        now.ms = backend('a')->retry.ms - 1;
        assert_string_equal(play("p B"), "b");
        now.ms++;
        assert_string_equal(play("r"), "a");
        expected = expected * 2 < LIMIT_PROXY_ASIDE_MS ? expected * 2 : LIMIT_PROXY_ASIDE_MS;
    }
}

static void connections_that_fail_together_count_once(void **unused)
{
    (void)unused;
    route("a b");
    assert_string_equal(play("tttt"), "abab");
    backend_failed(backend('a'), ETIMEDOUT, now);
    backend_failed(backend('a'), ETIMEDOUT, now);
    assert_int_equal(backend('a')->failures, 1);
    assert_int_equal(backend('a')->refused, 2);
    play("BB");
}

static void a_lonely_backend_is_retried_soon(void **unused)
{
    (void)unused;
    route("a");
    assert_string_equal(play("r p"), "a.");
    now.ms += 50;
    assert_string_equal(play("p"), "a");
    play("A");
}

static void while_one_tries_the_only_backend_others_wait(void **unused)
{
    (void)unused;
    route("a");
    assert_string_equal(play("r 1 t p p"), "aa..");
    backend_spared(backend('a'), now); /* the one who tried left */
    assert_string_equal(play("p"), "a");
    play("A");
}

static void without_a_fit_backend_nobody_waits(void **unused)
{
    (void)unused;
    route("");
    assert_string_equal(play("p"), "0");
    route("a- b!");
    assert_string_equal(play("p"), "0");
    assert_int_equal(service_usable(service), 0);
    assert_int_equal(service->n_wanted, 2);
}

static void who_drains_keeps_its_connections_and_gets_no_more(void **unused)
{
    (void)unused;
    route("a b");
    assert_string_equal(play("pp"), "ab");
    route("a! b");
    assert_string_equal(play("pp"), "bb");
    assert_int_equal(atomic_load(&backend('a')->drain_by_ms), now.ms + DRAIN_MS);
    int64_t drain_by_ms = now.ms + DRAIN_MS;
    now.ms += 500;
    route("b"); /* now it is removed: the time runs on */
    assert_int_equal(atomic_load(&backend('a')->drain_by_ms), drain_by_ms);
    assert_true(backend('a')->removed);
    assert_int_equal(service->n_wanted, 1);
    play("A");
    assert_int_equal(map_count(service->backends), 1);
    play("BBB");
}

static void who_comes_back_is_the_same_backend(void **unused)
{
    (void)unused;
    route("a b");
    assert_string_equal(play("pp"), "ab");
    struct backend *a = backend('a');
    route("b");
    route("a b");
    assert_ptr_equal(backend('a'), a);
    assert_int_equal(a->active, 1);
    assert_int_equal(atomic_load(&a->drain_by_ms), INT64_MAX);
    play("AB");
}

static void a_dropped_service_lives_as_long_as_its_connections(void **unused)
{
    (void)unused;
    route("a");
    service_enter(service);
    assert_string_equal(play("p"), "a");
    balance_drop(service, now);
    assert_null(balance_find(&balance, 10000, "/web"));
    assert_int_equal(balance_count(&balance), 0);
    assert_string_equal(play("p"), "0");
    play("A");
    service_leave(service); /* frees it: the sanitizer would tell */
}

static void says_once_what_has_changed(void **unused)
{
    (void)unused;
    route("a b");
    assert_ptr_equal(balance_next_dirty(&balance), service);
    assert_null(balance_next_dirty(&balance));
    play("p A");
    assert_null(balance_next_dirty(&balance)); /* connections are no change */
    play("r");
    assert_ptr_equal(balance_next_dirty(&balance), service);
    service_set_state(service, SERVICE_BOUND, NULL);
    service_set_state(service, SERVICE_BOUND, NULL);
    assert_ptr_equal(balance_next_dirty(&balance), service);
    assert_null(balance_next_dirty(&balance));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equals_take_turns, begin, end),
        cmocka_unit_test_setup_teardown(the_least_busy_is_next, begin, end),
        cmocka_unit_test_setup_teardown(the_least_busy_of_very_many_is_next, begin, end),
        cmocka_unit_test_setup_teardown(who_refuses_is_put_aside_and_tried_again_by_one, begin,
                                        end),
        cmocka_unit_test_setup_teardown(pauses_double_up_to_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(connections_that_fail_together_count_once, begin, end),
        cmocka_unit_test_setup_teardown(a_lonely_backend_is_retried_soon, begin, end),
        cmocka_unit_test_setup_teardown(while_one_tries_the_only_backend_others_wait, begin, end),
        cmocka_unit_test_setup_teardown(without_a_fit_backend_nobody_waits, begin, end),
        cmocka_unit_test_setup_teardown(who_drains_keeps_its_connections_and_gets_no_more, begin,
                                        end),
        cmocka_unit_test_setup_teardown(who_comes_back_is_the_same_backend, begin, end),
        cmocka_unit_test_setup_teardown(a_dropped_service_lives_as_long_as_its_connections, begin,
                                        end),
        cmocka_unit_test_setup_teardown(says_once_what_has_changed, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
