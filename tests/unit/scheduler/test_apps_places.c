/* Constraints, from the definition to the place (spec/marathon.md 11). */
#include "apps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* n1 and n2 in rack a, n3 in rack b, n4 in none. */
static void four_nodes(void)
{
    fleet_agent(&f, "n1", "{'attributes':{'rack':'a','size':1}}");
    fleet_agent(&f, "n2", "{'attributes':{'rack':'a','size':2.5}}");
    fleet_agent(&f, "n3", "{'attributes':{'rack':'b'}}");
    fleet_agent(&f, "n4", "{}");
}

static int by_name(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* How many are at each: "n1:2 n3:1". */
static const char *spread_of(const char *hosts, char dst[static 64])
{
    char copy[2048], *names[64], *rest = copy;
    size_t n = 0, len = 0;
    str_copy(copy, sizeof copy, hosts);
    for (char *name; n < 64 && (name = strsep(&rest, " ")) != NULL;)
        if (*name != '\0')
            names[n++] = name;
    if (n > 0)
        qsort(names, n, sizeof names[0], by_name);
    dst[0] = '\0';
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i; k < n && strcmp(names[k], names[i]) == 0;)
            k++;
        len +=
            (size_t)snprintf(dst + len, 64 - len, "%s%s:%zu", len > 0 ? " " : "", names[i], k - i);
    }
    return dst;
}

static void each_operator_chooses_among_nodes_with_and_without_the_attribute(void **unused)
{
    static const struct {
        const char *constraints;
        int instances;
        const char *spread;
    } rows[] = {
        {"[['hostname','UNIQUE']]", 6, "n1:1 n2:1 n3:1 n4:1"},
        {"[['@hostname','UNIQUE']]", 6, "n1:1 n2:1 n3:1 n4:1"},
        {"[['rack','CLUSTER','b']]", 3, "n3:3"},
        {"[['rack','IS','b']]", 3, "n3:3"},
        {"[['size','IS','1.0']]", 2, "n1:2"},
        {"[['size','IS','2.50']]", 2, "n2:2"},
        {"[['rack','LIKE','[b-z]']]", 2, "n3:2"},
        {"[['rack','LIKE','.*']]", 3, "n1:1 n2:1 n3:1"},
        {"[['rack','UNLIKE','a']]", 2, "n3:1 n4:1"}, /* who has none is not unlike */
        {"[['hostname','UNLIKE','n[1-3]']]", 2, "n4:2"},
        {"[['rack','MAX_PER','1'],['hostname','LIKE','n[13]']]", 5, "n1:1 n3:1"},
        {"[['rack','GROUP_BY'],['hostname','UNLIKE','n2']]", 4, "n1:2 n3:2"},
        {"[['rack','GROUP_BY','2'],['hostname','UNLIKE','n2']]", 4, "n1:2 n3:2"},
        /* a third of 6 each: two wait for a third rack */
        {"[['rack','GROUP_BY','3'],['hostname','UNLIKE','n2']]", 6, "n1:2 n3:2"},
        {"[['nothing','UNIQUE']]", 1, ""},
        {"[['nothing','CLUSTER']]", 1, ""},
        {"[['nothing','GROUP_BY']]", 1, ""},
        {"[['nothing','MAX_PER','9']]", 1, ""},
        {"[['nothing','LIKE','.*']]", 1, ""},
        {"[['nothing','UNLIKE','.*'],['hostname','IS','n1']]", 1, "n1:1"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[512], spread[64];
        end(NULL);
        begin(NULL);
        four_nodes();
        snprintf(body, sizeof body,
                 "{'id':'/web','cmd':'ok','instances':%d,'cpus':0.1,'mem':32,'constraints':%s}",
                 rows[i].instances, rows[i].constraints);
        fleet_put(&f, body);
        fleet_run_ms(&f, 5000);
        if (strcmp(spread_of(fleet_hosts(&f, "/web"), spread), rows[i].spread) != 0)
            fail_msg("%s: got %s, want %s", rows[i].constraints, spread, rows[i].spread);
    }
}

/* All end up where the first is. */
static void a_cluster_without_a_value_stays_together(void **unused)
{
    char spread[64];
    (void)unused;
    four_nodes();
    fleet_put(&f, WEB("ok", 3, ",'constraints':[['hostname','CLUSTER']]"));
    fleet_run_ms(&f, 1000);
    assert_non_null(strstr(spread_of(fleet_hosts(&f, "/web"), spread), ":3"));
}

/* 11.5: who names no region stays in the masters', or where there is none. */
static void an_app_stays_in_its_masters_region_unless_it_says_so(void **unused)
{
    char spread[64];
    (void)unused;
    fleet_command(&f, COMMAND_NODE_PUT,
                  "{'id':1,'name':'m','address':'127.0.0.1','version':'1','modes':7,'level':1}");
    assert_int_equal(f.last.code, ERR_NONE);
    fleet_agent(&f, "away", "{'node':2,'attributes':{'@region':'us','@zone':'us-1'}}");
    fleet_agent(&f, "home", "{'attributes':{'@region':'eu','@zone':'eu-1'}}");
    fleet_agent(&f, "none", "{'node':3}");
    fleet_put(&f, WEB("ok", 4, ",'constraints':[['hostname','GROUP_BY']]"));
    fleet_run_ms(&f, 1000);
    assert_string_equal(spread_of(fleet_hosts(&f, "/web"), spread), "home:2 none:2");
    fleet_put(&f, "{'id':'/far','cmd':'ok','instances':2,'cpus':0.1,'mem':32,"
                  "'constraints':[['@region','IS','us']]}");
    fleet_put(&f, "{'id':'/zone','cmd':'ok','instances':2,'cpus':0.1,'mem':32,"
                  "'constraints':[['@zone','LIKE','us-.*']]}");
    fleet_run_ms(&f, 1000);
    assert_string_equal(spread_of(fleet_hosts(&f, "/far"), spread), "away:2");
    assert_string_equal(spread_of(fleet_hosts(&f, "/zone"), spread), "away:2");
}

/* And without an agent beside a master, too. */
static void the_masters_region_is_known_without_their_agents(void **unused)
{
    char spread[64];
    (void)unused;
    fleet_upgrade(&f);
    fleet_command(&f, COMMAND_NODE_PUT,
                  "{'id':1,'name':'m','address':'127.0.0.1','version':'1','modes':3,'level':19,"
                  "'region':'eu'}");
    fleet_agent(&f, "away", "{'node':2,'attributes':{'@region':'us'}}");
    fleet_agent(&f, "home", "{'node':3,'attributes':{'@region':'eu'}}");
    fleet_put(&f, WEB("ok", 2, ",'constraints':[['hostname','GROUP_BY']]"));
    fleet_run_ms(&f, 1000);
    assert_string_equal(spread_of(fleet_hosts(&f, "/web"), spread), "home:2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_operator_chooses_among_nodes_with_and_without_the_attribute),
        TEST(a_cluster_without_a_value_stays_together),
        TEST(an_app_stays_in_its_masters_region_unless_it_says_so),
        TEST(the_masters_region_is_known_without_their_agents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
