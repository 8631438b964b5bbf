#include "unit.h"

#include "cases.h"
#include "model/run_spec.h"

/* The text of a spec that was read from a text. The caller frees. */
static char *read_and_write(const char *text)
{
    struct run_spec s;
    struct error err;
    struct buf b;
    struct json_writer w;
    struct json *v = tree_of(text);
    if (run_spec_read(v, &s, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    json_free(v); /* the spec owns a copy of everything */
    buf_init(&b, 1 << 20);
    json_begin(&w, &b);
    run_spec_write(&s, &w);
    run_spec_close(&s);
    return buf_take(&b, NULL);
}

#define MINIMAL                                                                             \
    "'task':5,'name':'t','owner':0,'of':'/web','agent':'a','framework':'f','cpus_milli':1," \
    "'mem_bytes':2,'disk_bytes':3"

static void what_is_read_is_written_the_same(void **unused)
{
    static const char *const specs[] = {
        "{" MINIMAL ",'network':'host'}",
        "{'task':5,'name':'t','owner':1,'of':'job','run':6,'agent':'a','framework':'f','source':'"
        "web.prod',"
        "'cmd':'run \\\"it\\\"','user':'bob','env':[['A','1'],['B','']],'fetch':[{'uri':'u','dest':"
        "'d','extract':true,'executable':true,'cache':true},{'uri':'v'}],'cpus_milli':100,"
        "'mem_bytes':33554432,'disk_bytes':0,'cpus_limit_milli':9223372036854775807,"
        "'mem_limit_bytes':67108864,'ports':[{'host':31000,'container':80,'udp':true},{}],"
        "'image':'nginx','force_pull':true,'privileged':true,'tty':true,'network':'bridge',"
        "'parameters':[['name','value'],['name','again']],'mounts':[{'container':'/c','host':'/h',"
        "'read_only':true},{'container':'/d'}],'checks':[{'kind':'http','address':'10.0.0.1','port'"
        ":31000,'path':'/','grace_ms':1,'interval_ms':2,'timeout_ms':3,'delay_ms':4,'max_failures':"
        "5,'ignore_1xx':true,'kill_on_max':true,'ipv6':true},{'kind':'command','command':'true','"
        "grace_ms':0,"
        "'interval_ms':1000,'timeout_ms':1,'delay_ms':0,'max_failures':0}],'check':{"
        "'kind':'tcp','address':'::1','port':9,'grace_ms':0,'interval_ms':60000,'timeout_ms':20000,"
        "'delay_ms':15000,'max_failures':0,'kill_on_max':true},'readiness':[{'name':'r'"
        ","
        "'address':'10.0.0.1','port':31001,'path':'/ready','https':true,'keep_response':true,"
        "'interval_ms':5,'timeout_ms':6,'ready_codes':[200,204]}],'grace_ms':10,'max_ms':"
        "20,'once':true,'start_before_ms':30}",
        "{'task':5,'name':'t','owner':0,'of':'/web','agent':'a','framework':'f','args':[],"
        "'cpus_milli':1,'mem_bytes':2,'disk_bytes':3,'network':'none'}",
        "{'task':5,'name':'t','owner':0,'of':'/web','agent':'a','framework':'f','args':['a','','b']"
        ",'cpus_milli':1,'mem_bytes':2,'disk_bytes':3,'network':'user','network_name':'net'}",
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(specs); i++) {
        char *expected = unquoted(specs[i]), *got = read_and_write(specs[i]);
        assert_string_equal(got, expected);
        mem_free(expected);
        mem_free(got);
    }
}

static void no_arguments_are_not_the_same_as_none_given(void **unused)
{
    struct run_spec s;
    struct error err;
    struct json *v = tree_of("{" MINIMAL ",'network':'host','args':[]}");
    (void)unused;
    assert_int_equal(run_spec_read(v, &s, &err), 0);
    assert_non_null(s.args);
    assert_int_equal(s.args_n, 0);
    run_spec_close(&s);
    json_free(v);
    v = tree_of("{" MINIMAL ",'network':'host'}");
    assert_int_equal(run_spec_read(v, &s, &err), 0);
    assert_null(s.args);
    run_spec_close(&s);
    json_free(v);
}

static void what_is_wrong_is_named(void **unused)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"7", "run spec: name: need text"},
        {"{}", "run spec: name: need text"},
        {"{'task':0,'name':'t','of':'/w','agent':'a','framework':'f','network':'host'}",
         "run spec: task: need a positive number"},
        {"{'task':'5','name':'t','of':'/w','agent':'a','framework':'f','network':'host'}",
         "run spec: task: need a positive number"},
        {"{" MINIMAL "}", "run spec: network: need one of the known words"},
        {"{" MINIMAL ",'network':'moon'}", "run spec: network: need one of the known words"},
        {"{" MINIMAL ",'network':'host','owner':7}", "run spec: owner: need 0 or 1"},
        {"{" MINIMAL ",'network':'host','ports':[{'host':65536}]}",
         "run spec: host: need 0 to 65535"},
        {"{" MINIMAL ",'network':'host','ports':[{'container':-1}]}",
         "run spec: container: need 0 to 65535"},
        {"{" MINIMAL ",'network':'host','checks':[{}]}",
         "run spec: kind: need one of the known words"},
        {"{" MINIMAL ",'network':'host','checks':[{'kind':'tcp','max_failures':-1}]}",
         "run spec: max_failures: need 0 to 1000000000"},
        {"{" MINIMAL ",'network':'host','checks':[{'kind':'tcp','interval_ms':-1}]}",
         "run spec: interval_ms: need 0 or more"},
        {"{" MINIMAL ",'network':'host','grace_ms':-1}", "run spec: grace_ms: need 0 or more"},
        {"{" MINIMAL ",'network':'host','mem_bytes':-1}", "run spec: mem_bytes: need 0 or more"},
        {"{" MINIMAL ",'network':'host','fetch':[{}]}", "run spec: uri: need text"},
        {"{" MINIMAL ",'network':'host','mounts':[7]}", "run spec: container: need text"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct run_spec s = {.task = -7};
        struct error err;
        struct json *v = tree_of(rows[i].text);
        int rc = run_spec_read(v, &s, &err);
        if (rc != -1)
            fail_msg("%s was read", rows[i].text);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.text, rows[i].why);
        assert_int_equal(s.task, -7); /* the output is untouched */
        json_free(v);
    }
}

static void nothing_at_all_is_refused_too(void **unused)
{
    struct run_spec s, zero = {0};
    struct error err;
    (void)unused;
    assert_int_equal(run_spec_read(NULL, &s, &err), -1);
    run_spec_close(&zero);
}

static void members_of_another_type_count_as_absent(void **unused)
{
    (void)unused;
    char *got = read_and_write("{" MINIMAL ",'network':'host','env':7,'args':{},'ports':null,'cmd':"
                               "[],'tty':'yes'}");
    assert_null(strstr(got, "env"));
    assert_null(strstr(got, "cmd"));
    assert_null(strstr(got, "tty"));
    mem_free(got);
}

static void a_limit_is_what_it_may_use_at_most(void **unused)
{
    (void)unused;
    struct run_spec s = {.cpus_milli = 500, .mem_bytes = 64};
    assert_int_equal(run_spec_most_cpus_milli(&s, false), 0);
    assert_int_equal(run_spec_most_cpus_milli(&s, true), 500);
    assert_int_equal(run_spec_most_mem_bytes(&s), 64);
    s.cpus_limit_milli = 700;
    s.mem_limit_bytes = 128;
    assert_int_equal(run_spec_most_cpus_milli(&s, false), 700);
    assert_int_equal(run_spec_most_mem_bytes(&s), 128);
    s.cpus_limit_milli = s.mem_limit_bytes = RUN_UNLIMITED;
    assert_int_equal(run_spec_most_cpus_milli(&s, true), 0);
    assert_int_equal(run_spec_most_mem_bytes(&s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_what_it_may_use_at_most),
        cmocka_unit_test(what_is_read_is_written_the_same),
        cmocka_unit_test(no_arguments_are_not_the_same_as_none_given),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(nothing_at_all_is_refused_too),
        cmocka_unit_test(members_of_another_type_count_as_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
