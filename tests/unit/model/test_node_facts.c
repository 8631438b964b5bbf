#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "model/node_facts.h"

#define REST "'version':'1','address':'10.0.0.2:5055','modes':4,'level':5"
#define NAMED "'name':'deck',"

/* ' stands for " */
static struct json *tree(const char *text)
{
    char own[2048];
    struct error err;
    snprintf(own, sizeof own, "%s", text);
    for (char *p = own; *p != '\0'; p++)
        *p = *p == '\'' ? '"' : *p;
    struct json *v = json_parse((struct slice){own, strlen(own)}, &err);
    assert_non_null(v);
    return v;
}

static void what_is_written_reads_back(void **unused)
{
    const struct node_facts f = {.name = "deck",
                                 .version = "0.1.0",
                                 .address = "[fd00::2]:5055",
                                 .modes = MODE_AGENT,
                                 .level = 6,
                                 .marathon = "",
                                 .chronos = "https://deck:4400",
                                 .mesos = "[fd00::2]:5050",
                                 .region = "eu"};
    struct node_facts again;
    struct json_writer w;
    struct buf text;
    struct error err;
    (void)unused;
    buf_init(&text, 4096);
    json_begin(&w, &text);
    json_object(&w);
    node_facts_write(&f, &w);
    json_object_end(&w);
    struct json *v = json_parse(buf_slice(&text), &err);
    assert_int_equal(node_facts_read(v, &again, &err), 0);
    assert_string_equal(again.name, f.name);
    assert_string_equal(again.version, f.version);
    assert_string_equal(again.address, f.address);
    assert_int_equal(again.modes, f.modes);
    assert_int_equal(again.level, f.level);
    assert_string_equal(again.marathon, "");
    assert_string_equal(again.chronos, f.chronos);
    assert_string_equal(again.mesos, f.mesos);
    assert_string_equal(again.region, "eu");
    json_free(v);
    buf_close(&text);
}

static void one_of_before_there_were_listeners_tells_none(void **unused)
{
    struct node_facts f;
    struct error err;
    struct json *v = tree("{" NAMED REST "}");
    (void)unused;
    assert_int_equal(node_facts_read(v, &f, &err), 0);
    assert_null(f.marathon);
    assert_string_equal(f.region, "");
    json_free(v);
}

static void what_others_could_not_bear_is_refused(void **unused)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"{}", "name: got 0 bytes, need 1 to 255"},
        {"[]", "name: got 0 bytes, need 1 to 255"},
        {"{'name':7," REST "}", "name: got 0 bytes, need 1 to 255"},
        {"{'name':'%0300d'," REST "}", "name: got 300 bytes, need 1 to 255"},
        {"{'name':'a\\nb'," REST "}",
         "name: got \"a\\nb\", need a text without control characters"},
        {"{" NAMED "'version':'','address':'10.0.0.2:5055','modes':4,'level':5}",
         "version: got 0 bytes, need 1 to 255"},
        {"{" NAMED "'version':'1','address':'deck','modes':4,'level':5}",
         "address: got \"deck\", need HOST:PORT, or [IPv6]:PORT"},
        {"{" NAMED "'version':'1','address':'0.0.0.0:1','modes':4,'level':5}",
         "address: got \"0.0.0.0:1\", need an address that other nodes can reach"},
        {"{" NAMED "'version':'1','address':'10.0.0.2:5055','modes':8,'level':5}",
         "modes: need some of master,scheduler,agent"},
        {"{" NAMED "'version':'1','address':'10.0.0.2:5055','modes':-1,'level':5}",
         "modes: need some of master,scheduler,agent"},
        {"{" NAMED "'version':'1','address':'10.0.0.2:5055','modes':4,'level':0}",
         "level: need the newest level of the state that the node knows"},
        {"{" NAMED "'version':'1','address':'10.0.0.2:5055','modes':4,'level':4294967297}",
         "level: need the newest level of the state that the node knows"},
        {"{" NAMED REST ",'listeners':{'marathon':'deck:80\\r\\nSet-Cookie: a'}}",
         "listeners.marathon: got \"deck:80\\r\\nSet-Cookie: a\", need HOST:PORT"},
        {"{" NAMED REST ",'listeners':{'mesos':'<b>:80'}}",
         "listeners.mesos: got \"<b>:80\", need HOST:PORT"},
        {"{" NAMED REST ",'listeners':{'chronos':'%0301d'}}",
         "listeners.chronos: got 301 bytes, need at most 300"},
        {"{" NAMED REST ",'region':'%0300d'}", "region: got 300 bytes, need 1 to 255"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct node_facts f = {.level = 77};
        struct error err;
        char text[2048];
        const char *at = strstr(rows[i].text, "%0");
        int width = at != NULL ? 300 + (at[4] - '0') : 0;
        if (at == NULL)
            snprintf(text, sizeof text, "%s", rows[i].text);
        else
            snprintf(text, sizeof text, "%.*s%0*d%s", (int)(at - rows[i].text), rows[i].text, width,
                     0, at + 6);
        struct json *v = tree(text);
        assert_int_equal(node_facts_read(v, &f, &err), -1);
        assert_string_equal(err.text, rows[i].why);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(f.level, 77);
        json_free(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(one_of_before_there_were_listeners_tells_none),
        cmocka_unit_test(what_others_could_not_bear_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
