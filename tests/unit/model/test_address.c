#include "unit.h"

#include <string.h>

#include "model/address.h"

static void reads_hosts_and_ports(void **unused)
{
    static const struct {
        const char *text, *host;
        int port;
        const char *again;
    } rows[] = {
        {"10.0.0.2:5055", "10.0.0.2", 5055, "10.0.0.2:5055"},
        {"127.0.0.1:1", "127.0.0.1", 1, "127.0.0.1:1"},
        {"[fd00::2]:65535", "fd00::2", 65535, "[fd00::2]:65535"},
        {"[FD00::A]:5055", "fd00::a", 5055, "[fd00::a]:5055"},
        {"[::ffff:10.0.0.2]:5055", "::ffff:10.0.0.2", 5055, "[::ffff:10.0.0.2]:5055"},
        {"Deck-2.Example.com:5055", "deck-2.example.com", 5055, "deck-2.example.com:5055"},
        {"d:5055", "d", 5055, "d:5055"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct address a;
        struct error err;
        char text[ADDRESS_SIZE];
        assert_int_equal(address_parse(rows[i].text, &a, &err), 0);
        assert_string_equal(a.host, rows[i].host);
        assert_int_equal(a.port, rows[i].port);
        assert_string_equal(address_text(&a, text), rows[i].again);
    }
}

static void what_is_none_is_refused_with_what_is_needed(void **unused)
{
    static const char *const form = "need HOST:PORT, or [IPv6]:PORT";
    static const char *const host = "need an IP address or a host's name before the port";
    static const char *const nobody = "need an address that other nodes can reach";
    static const char *const port = "need a port from 1 to 65535";
    const struct {
        const char *text, *need;
    } rows[] = {
        {"", form},
        {"10.0.0.2", form},
        {"fd00::2:5055", form},
        {"[fd00::2]5055", form},
        {"[fd00::2:5055", form},
        {":5055", host},
        {"[]:5055", host},
        {"[10.0.0.2]:5055", host},
        {"[fd00::g]:5055", host},
        {"a b:5055", host},
        {"a\n:5055", host},
        {"-a:5055", host},
        {".a:5055", host},
        {"a/b:5055", host},
        {"d\xc3\xa9"
         "k:5055",
         host},
        {"0.0.0.0:5055", nobody},
        {"[::]:5055", nobody},
        {"0:5055", nobody},
        {"a:", port},
        {"a:0", port},
        {"a:65536", port},
        {"a:+5", port},
        {"a:5055 ", port},
        {"a:99999999999999999999", port},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct address a;
        struct error err;
        assert_int_equal(address_parse(rows[i].text, &a, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        if (strstr(err.text, rows[i].need) == NULL || strncmp(err.text, "address: got ", 13) != 0)
            fail_msg("%s: %s", rows[i].text, err.text);
    }
}

static void a_host_has_a_longest_name(void **unused)
{
    char text[400];
    struct address a;
    struct error err;
    (void)unused;
    memset(text, 'a', sizeof text);
    strcpy(text + ADDRESS_HOST_SIZE - 1, ":1");
    assert_int_equal(address_parse(text, &a, &err), 0);
    text[ADDRESS_HOST_SIZE - 1] = 'a';
    strcpy(text + ADDRESS_HOST_SIZE, ":1");
    assert_int_equal(address_parse(text, &a, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_hosts_and_ports),
        cmocka_unit_test(what_is_none_is_refused_with_what_is_needed),
        cmocka_unit_test(a_host_has_a_longest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
