#include "unit.h"

#include "cases.h"
#include "model/resources.h"

static struct ports ports_of(const char *text) /* "1-3 7-7" */
{
    struct ports p = {0};
    unsigned begin, end;
    for (int used; sscanf(text, "%u-%u %n", &begin, &end, &used) == 2; text += used)
        ports_add(&p, (uint16_t)begin, (uint16_t)end);
    return p;
}

static void assert_ports(struct ports *p, const char *expected)
{
    struct buf b;
    buf_init(&b, 4096);
    ports_text(p, &b);
    assert_string_equal(buf_str(&b), expected);
    buf_close(&b);
}

/* ---- text */

static const struct {
    const char *text, *shows; /* as it is written again, or the error */
    unsigned named;
} TEXTS[] = {
    {"cpus:4;mem:1024;ports:[31000-32000]", "cpus:4.0;mem:1024.0;ports:[31000-32000]",
     RESOURCE_CPUS | RESOURCE_MEM | RESOURCE_PORTS},
    {" cpus : 0.1 ; disk(*):5.5 ; ports:[ 2-3 , 1-1 ] ;", "cpus:0.1;disk:5.5;ports:[1-3]",
     RESOURCE_CPUS | RESOURCE_DISK | RESOURCE_PORTS},
    {"", "", 0},
    {"cpus:0", "", RESOURCE_CPUS},
    {"gpus:2", "gpus:2.0", RESOURCE_GPUS},
    {"ports:[]", "", RESOURCE_PORTS},
    {"[{'name':'cpus','type':'SCALAR','scalar':{'value':2}}]", "cpus:2.0", RESOURCE_CPUS},
    {"cpus", "got 'cpus', need resources like 'cpus:4;mem:1024'", 0},
    {":4", "got ':4', need resources like 'cpus:4;mem:1024'", 0},
    {"cpus:", "cpus: got '', need a number", 0},
    {"cpus:x", "cpus: got 'x', need a number", 0},
    {"cpus:-1", "cpus: got -1, need 0 to 1000000000", 0},
    {"cpus:0.0001", "cpus: got 0.0001, need at least 0.001", 0},
    {"gpus:1.5", "gpus: got 1.5, need a whole number", 0},
    {"disks:{a,b}", "got the resource 'disks', need cpus, mem, disk, gpus or ports", 0},
    {"cpus(db):2", "got resources reserved for the role 'db', need unreserved ones", 0},
    {"ports:31000", "ports: got '31000', need ranges like [31000-32000]", 0},
    {"ports:[5]", "ports: got '[5]', need ranges like [31000-32000]", 0},
    {"ports:[5-4]", "ports: got 5-4, need a range within 0-65535", 0},
    {"ports:[1-65536]", "ports: got 1-65536, need a range within 0-65535", 0},
    {"ports:[1-5,5-9]", "ports: got 5-9, which overlaps another range", 0},
};

static void reads_the_text_that_flags_have(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++) {
        struct resources r = {0};
        struct error err;
        unsigned named = 0;
        struct buf b;
        char *text = unquoted(TEXTS[i].text), *want = unquoted(TEXTS[i].shows);
        buf_init(&b, 4096);
        if (resources_parse(text, &r, &named, &err) == 0)
            resources_text(&r, &b);
        else
            buf_puts(&b, err.text);
        assert_string_equal(buf_str(&b), want);
        assert_int_equal(named, TEXTS[i].named);
        resources_close(&r);
        buf_close(&b);
        mem_free(text);
        mem_free(want);
    }
}

/* ---- JSON */

static void writes_what_mesos_writes(void **unused)
{
    (void)unused;
    struct resources r = {.cpus_milli = 1500, .mem_bytes = 64 * MIB, .ports = ports_of("1-2 5-5")};
    struct buf b;
    struct json_writer w;
    buf_init(&b, 4096);
    json_begin(&w, &b);
    resources_write(&r, (struct resource_dress){.role = "*", .allocated_role = "a"}, &w);
    char *want = unquoted("[{'name':'cpus','type':'SCALAR','scalar':{'value':1.5},'role':'*',"
                          "'allocation_info':{'role':'a'}},"
                          "{'name':'mem','type':'SCALAR','scalar':{'value':64.0},'role':'*',"
                          "'allocation_info':{'role':'a'}},"
                          "{'name':'ports','type':'RANGES','ranges':{'range':[{'begin':1,'end':2},"
                          "{'begin':5,'end':5}]},'role':'*','allocation_info':{'role':'a'}}]");
    assert_string_equal(buf_str(&b), want);
    mem_free(want);
    buf_clear(&b);
    json_begin(&w, &b);
    resources_write_sums(&r, &w);
    want = unquoted("{'cpus':1.5,'mem':64.0,'disk':0.0,'gpus':0.0,'ports':'[1-2, 5-5]'}");
    assert_string_equal(buf_str(&b), want);
    mem_free(want);
    resources_close(&r);
    buf_close(&b);
}

static void reads_what_frameworks_send(void **unused)
{
    (void)unused;
    static const struct {
        const char *json, *shows;
    } CASES[] = {
        {"[]", ""},
        {"[{'name':'cpus','type':'SCALAR','scalar':{'value':0.5}},"
         "{'name':'cpus','type':'SCALAR','scalar':{'value':'1.5'},'role':'*'}]",
         "cpus:2.0"},
        {"[{'name':'ports','type':'RANGES','ranges':{'range':{'begin':7,'end':'9'}}}]",
         "ports:[7-9]"},
        {"{}", "resources: got an object, need an array"},
        {"[{'name':'cpus','type':'RANGES'}]", "cpus: need the type SCALAR and its value only"},
        {"[{'name':'cpus','type':'SCALAR','scalar':{'value':1},'ranges':{}}]",
         "cpus: need the type SCALAR and its value only"},
        {"[{'name':'cpus','type':'SCALAR'}]", "cpus: need a number in scalar.value"},
        {"[{'name':'','type':'SCALAR'}]",
         "got the resource '', need cpus, mem, disk, gpus or ports"},
        {"[{'name':'cpus','type':'SCALAR','scalar':{'value':1},'role':'db'}]",
         "got resources reserved for the role 'db', need unreserved ones"},
        {"[{'name':'cpus','type':'SCALAR','scalar':{'value':1},'reservations':[{}]}]",
         "got reserved resources, need unreserved ones"},
        {"[{'name':'ports','type':'RANGES','ranges':{'range':[{'begin':7}]}}]",
         "ports: need 'begin' and 'end' in each range"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct resources r = {0};
        struct error err;
        unsigned named;
        struct buf b;
        struct json *tree = tree_of(CASES[i].json);
        char *want = unquoted(CASES[i].shows);
        buf_init(&b, 4096);
        if (resources_read(tree, &r, &named, &err) == 0)
            resources_text(&r, &b);
        else
            buf_puts(&b, err.text);
        assert_string_equal(buf_str(&b), want);
        resources_close(&r);
        json_free(tree);
        buf_close(&b);
        mem_free(want);
    }
}

static void adds_and_subtracts(void **unused)
{
    (void)unused;
    struct resources all = {.cpus_milli = 4000, .mem_bytes = 100, .ports = ports_of("1-10")};
    struct resources some = {.cpus_milli = 1500, .mem_bytes = 100, .ports = ports_of("3-4")};
    struct resources left = {0};
    resources_add(&left, &all);
    resources_subtract(&left, &some);
    assert_int_equal(left.cpus_milli, 2500);
    assert_int_equal(left.mem_bytes, 0);
    assert_ports(&left.ports, "[1-2, 5-10]");
    resources_add(&left, &some);
    assert_int_equal(left.cpus_milli, 4000);
    assert_int_equal(left.mem_bytes, 100);
    assert_ports(&left.ports, "[1-10]");
    resources_subtract(&some, &all); /* never below zero */
    assert_int_equal(some.cpus_milli, 0);
    assert_int_equal(some.mem_bytes, 0);
    assert_ports(&some.ports, "[]");
    resources_close(&all);
    resources_close(&some);
    resources_close(&left);
}

static void thousandths_survive(void **unused)
{
    (void)unused;
    for (int i = 0; i < 5000; i++) {
        double mib = i / 1000.0 + 12345;
        assert_true(bytes_to_mib(mib_to_bytes(mib)) == mib);
        assert_true(milli_to_cpus(cpus_to_milli(mib)) == mib);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_text_that_flags_have),
        cmocka_unit_test(writes_what_mesos_writes),
        cmocka_unit_test(reads_what_frameworks_send),
        cmocka_unit_test(adds_and_subtracts),
        cmocka_unit_test(thousandths_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
