#include "unit.h"

#include <string.h>

#include "cases.h"
#include "model/join.h"

#define CSR "-----BEGIN CERTIFICATE REQUEST-----\nMIH\n-----END CERTIFICATE REQUEST-----\n"
#define REQUEST                                                                                \
    "'m':'join','v':1,'token':'0fa9c201','secret':'00112233445566778899aabbccddeeff00112233'," \
    "'id':7,'store':8,'name':'deck','address':'10.0.0.2:5055','modes':'agent','level':2,"      \
    "'version':'0.1','request':'-----BEGIN x'"
#define ANSWER                                                                                   \
    "'m':'joined','v':1,'cluster':'5fbf0b6e-7c2f-4d2b-8a53-0d2a5b0d9c11','id':7,'until':5,"      \
    "'certificate':'-----BEGIN x','ca':'-----BEGIN y','members':[{'id':1,'address':'a:1','modes" \
    "':'master'}]"

static struct join_request example(void)
{
    struct join_request r = {
        .ask = JOIN_NEW,
        .request = CSR,
        .token = 0x0fa9c201,
        .id = INT64_MAX,
        .store = 8,
        .name = "deck \"2\"",
        .version = "0.1.0",
        .address = "10.0.0.2:5055",
        .modes = MODE_AGENT | MODE_MASTER,
        .level = 2,
    };
    memset(r.secret, 0xa5, sizeof r.secret);
    return r;
}

/* The members of a text; one is put in again at its end, where it wins, or replaced. */
static struct slice with(struct buf *out, const char *members, const char *change)
{
    buf_init(out, 1 << 20);
    char *text = unquoted(members), *more = unquoted(change);
    buf_printf(out, "{%s%s%s}", text, more[0] != '\0' ? "," : "", more);
    mem_free(text);
    mem_free(more);
    return buf_slice(out);
}

/* ---- the request */

static void a_request_reads_back(void **unused)
{
    struct join_request r = example(), again;
    struct buf text;
    struct json *root;
    struct error err;
    (void)unused;
    buf_init(&text, 1 << 20);
    join_request_write(&r, &text);
    assert_int_equal(join_request_parse(buf_slice(&text), &root, &again, &err), 0);
    assert_int_equal(again.ask, JOIN_NEW);
    assert_string_equal(again.request, CSR);
    assert_int_equal(again.token, r.token);
    assert_memory_equal(again.secret, r.secret, sizeof r.secret);
    assert_int_equal(again.id, INT64_MAX);
    assert_int_equal(again.store, 8);
    assert_string_equal(again.name, "deck \"2\"");
    assert_string_equal(again.version, "0.1.0");
    assert_string_equal(again.address, "10.0.0.2:5055");
    assert_int_equal(again.modes, MODE_AGENT | MODE_MASTER);
    assert_int_equal(again.level, 2);
    json_free(root);
    buf_close(&text);
}

static void a_renewal_carries_nothing_but_the_request(void **unused)
{
    struct join_request r = example(), again;
    struct buf text;
    struct json *root;
    struct error err;
    (void)unused;
    r.ask = JOIN_RENEW;
    buf_init(&text, 1 << 20);
    join_request_write(&r, &text);
    assert_null(strstr(buf_str(&text), "secret"));
    assert_int_equal(join_request_parse(buf_slice(&text), &root, &again, &err), 0);
    assert_int_equal(again.ask, JOIN_RENEW);
    assert_string_equal(again.request, CSR);
    assert_int_equal(again.id, 0);
    json_free(root);
    buf_close(&text);
}

static void a_bad_request_names_the_field_and_the_cure(void **unused)
{
    static const struct {
        const char *change;
        enum error_code code;
        const char *text;
    } rows[] = {
        {"'m':'run'", ERR_INVALID, "m: got \"run\", need \"join\", \"renew\" or \"key\""},
        {"'m':7", ERR_INVALID, "m: got \"\", need \"join\", \"renew\" or \"key\""},
        {"'v':null", ERR_INVALID, "v: need the version of these messages"},
        {"'v':2", ERR_CONFLICT,
         "v: the node speaks version 2 of joining, this one version 1: install one version of "
         "mesolith on both"},
        {"'token':7", ERR_INVALID, "token: need its id of 8 hexadecimal digits"},
        {"'token':'00000000'", ERR_INVALID, "token: need its id of 8 hexadecimal digits"},
        {"'secret':''", ERR_INVALID, "secret: need 40 hexadecimal digits"},
        {"'secret':'00112233445566778899aabbccddeeff0011223g'", ERR_INVALID,
         "secret: need 40 hexadecimal digits"},
        {"'id':0", ERR_INVALID, "id: need a positive number"},
        {"'id':-7", ERR_INVALID, "id: need a positive number"},
        {"'id':9223372036854775808", ERR_INVALID, "id: need a positive number"},
        {"'id':'7'", ERR_INVALID, "id: need a positive number"},
        {"'store':1.5", ERR_INVALID, "store: need a positive number"},
        {"'name':''", ERR_INVALID, "name: got 0 bytes, need 1 to 255"},
        {"'name':['a']", ERR_INVALID, "name: got 0 bytes, need 1 to 255"},
        {"'name':'a\\nb'", ERR_INVALID, "name: need a text without control characters"},
        {"'version':'\\u007f'", ERR_INVALID, "version: need a text without control characters"},
        {"'address':'deck'", ERR_INVALID, "address: got \"deck\", need HOST:PORT, or [IPv6]:PORT"},
        {"'modes':'agent,boss'", ERR_INVALID,
         "modes: got \"agent,boss\", need some of master,scheduler,agent"},
        {"'level':0", ERR_INVALID, "level: need the newest level of the state that the node knows"},
        {"'level':4294967298", ERR_INVALID,
         "level: need the newest level of the state that the node knows"},
        {"'request':'MIIB'", ERR_INVALID, "request: need PEM of at most 16384 bytes"},
        {"'request':null", ERR_INVALID, "request: need PEM of at most 16384 bytes"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf text;
        struct json *root = NULL;
        struct join_request r;
        struct error err;
        char whole[256] = "join request: ";
        assert_int_equal(join_request_parse(with(&text, REQUEST, rows[i].change), &root, &r, &err),
                         -1);
        assert_string_equal(err.text, strcat(whole, rows[i].text));
        assert_int_equal(err.code, rows[i].code);
        assert_null(root);
        buf_close(&text);
    }
}

static void what_is_no_object_or_too_long_is_refused(void **unused)
{
    static const char *const texts[] = {"", "{", "[]", "7", "null", "\"join\"", "{}", "GET / HTTP"};
    struct json *root = NULL;
    struct join_request r;
    struct join_answer a;
    struct error err;
    struct buf text;
    (void)unused;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(join_request_parse(slice_of(texts[i]), &root, &r, &err), -1);
        assert_int_equal(join_answer_parse(slice_of(texts[i]), &root, &a, &err), -1);
    }
    buf_init(&text, 1 << 20);
    buf_printf(&text, "{\"m\":\"join\",\"x\":\"%0*d\"}", LIMIT_JOIN_BYTES, 0);
    assert_int_equal(join_request_parse(buf_slice(&text), &root, &r, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(join_answer_parse(buf_slice(&text), &root, &a, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_clear(&text);
    buf_printf(&text, "{\"m\":\"renew\",\"v\":1,\"request\":\"-----BEGIN %0*d\"}",
               LIMIT_CERTIFICATE_BYTES, 0);
    assert_int_equal(join_request_parse(buf_slice(&text), &root, &r, &err), -1);
    assert_string_equal(err.text, "join request: request: need PEM of at most 16384 bytes");
    buf_close(&text);
}

static void a_node_that_is_too_old_is_told_so(void **unused)
{
    struct join_request r = example();
    struct error err;
    (void)unused;
    assert_int_equal(join_check_level(&r, 1, &err), 0);
    assert_int_equal(join_check_level(&r, 2, &err), 0);
    assert_int_equal(join_check_level(&r, 3, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_string_equal(err.text,
                        "level: the cluster's state is at level 3, mesolith 0.1.0 on deck \"2\" "
                        "knows 2: install the cluster's version there");
}

/* ---- the answer */

static void an_answer_reads_back(void **unused)
{
    struct join_answer a = {.certificate = "-----BEGIN x",
                            .ca = "-----BEGIN y",
                            .cluster = "5fbf0b6e-7c2f-4d2b-8a53-0d2a5b0d9c11",
                            .id = 7,
                            .until = {1767225600000},
                            .n = LIMIT_SERVERS},
                       again;
    struct buf text;
    struct json *root;
    struct error err;
    (void)unused;
    for (size_t i = 0; i < a.n; i++) {
        struct address address = {.port = 5055};
        memset(address.host, 'a', ADDRESS_HOST_SIZE - 1);
        a.members[i] = (struct join_member){.id = (int64_t)i + 1, .modes = 1 + (unsigned)i % 7};
        address_text(&address, a.members[i].address);
    }
    buf_init(&text, 1 << 20);
    join_answer_write(&a, &text);
    assert_int_equal(join_answer_parse(buf_slice(&text), &root, &again, &err), 0);
    assert_string_equal(again.certificate, a.certificate);
    assert_string_equal(again.ca, a.ca);
    assert_string_equal(again.cluster, a.cluster);
    assert_int_equal(again.id, 7);
    assert_int_equal(again.until.ms, a.until.ms);
    assert_int_equal(again.n, LIMIT_SERVERS);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(again.members[i].id, a.members[i].id);
        assert_int_equal(again.members[i].modes, a.members[i].modes);
        assert_string_equal(again.members[i].address, a.members[i].address);
    }
    json_free(root);
    buf_close(&text);
}

static void a_refusal_is_the_error_that_it_holds(void **unused)
{
    struct error why = {.code = ERR_CONFLICT, .text = "address: 10.0.0.2:5055 is node 2's"}, err;
    struct join_answer a;
    struct json *root = NULL;
    struct buf text;
    (void)unused;
    buf_init(&text, 1 << 20);
    join_refusal_write(&why, &text);
    assert_int_equal(join_answer_parse(buf_slice(&text), &root, &a, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_string_equal(err.text, "the cluster refused: address: 10.0.0.2:5055 is node 2's");
    buf_close(&text);

    static const char *const odd[] = {
        "'m':'refused','v':9,'code':'ERR_TIRED','text':'\\u001b[2J\\n'", "'m':'refused'",
        "'m':'refused','code':7,'text':{}"};
    for (size_t i = 0; i < COUNT(odd); i++) {
        assert_int_equal(join_answer_parse(with(&text, odd[i], ""), &root, &a, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(strncmp(err.text, "the cluster refused: ", 21), 0);
        assert_null(strchr(err.text, '\x1b'));
        assert_null(strchr(err.text, '\n'));
        buf_close(&text);
    }
    assert_null(root);
}

static void a_key_is_asked_for_and_given(void **unused)
{
    const struct join_request ask = {.ask = JOIN_KEY};
    struct join_request asked;
    struct join_answer given;
    struct json *root;
    struct buf text;
    struct error err;
    (void)unused;
    buf_init(&text, 1 << 20);
    join_request_write(&ask, &text);
    assert_string_equal(buf_str(&text), "{\"m\":\"key\",\"v\":1}");
    assert_false(join_is_answer(buf_slice(&text)));
    assert_int_equal(join_request_parse(buf_slice(&text), &root, &asked, &err), 0);
    assert_int_equal(asked.ask, JOIN_KEY);
    json_free(root);

    buf_clear(&text);
    join_key_write(SLICE("-----BEGIN PRIVATE KEY-----"), &text);
    assert_true(join_is_answer(buf_slice(&text)));
    assert_int_equal(join_answer_parse(buf_slice(&text), &root, &given, &err), 0);
    assert_string_equal(given.key, "-----BEGIN PRIVATE KEY-----");
    json_free(root);
    buf_close(&text);
}

static void a_bad_answer_names_the_field(void **unused)
{
    static const struct {
        const char *change, *text;
    } rows[] = {
        {"'m':'join'", "m: got \"join\", need \"joined\", \"ca-key\" or \"refused\""},
        {"'v':2", "v: the cluster speaks version 2 of joining, this one version 1: install one "
                  "version of mesolith on both"},
        {"'cluster':'x'", "cluster: got \"x\", need a UUID"},
        {"'id':0", "id: need a positive number"},
        {"'until':null", "until: need a positive number"},
        {"'certificate':'x'", "certificate: need PEM of at most 16384 bytes"},
        {"'ca':7", "ca: need PEM of at most 16384 bytes"},
        {"'members':{}", "members: need a list of 1 to 64"},
        {"'members':[]", "members: need a list of 1 to 64"},
        {"'members':[7]", "members(0): id: need a positive number"},
        {"'members':[{'id':1,'address':'a:1','modes':'agent'},{'id':2,'address':'a','modes':'agent'"
         "}]",
         "members(1): address: got \"a\", need HOST:PORT, or [IPv6]:PORT"},
        {"'members':[{'id':1,'address':'a:1'}]",
         "members(0): modes: got \"\", need some of master,scheduler,agent"},
        {"'members':[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
         "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
         "members: need a list of 1 to 64"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf text;
        struct json *root = NULL;
        struct join_answer a;
        struct error err;
        char whole[300] = "answer to the join request: ";
        assert_int_equal(join_answer_parse(with(&text, ANSWER, rows[i].change), &root, &a, &err),
                         -1);
        assert_string_equal(err.text, strcat(whole, rows[i].text));
        assert_null(root);
        buf_close(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_reads_back),
        cmocka_unit_test(a_renewal_carries_nothing_but_the_request),
        cmocka_unit_test(a_bad_request_names_the_field_and_the_cure),
        cmocka_unit_test(what_is_no_object_or_too_long_is_refused),
        cmocka_unit_test(a_node_that_is_too_old_is_told_so),
        cmocka_unit_test(an_answer_reads_back),
        cmocka_unit_test(a_refusal_is_the_error_that_it_holds),
        cmocka_unit_test(a_key_is_asked_for_and_given),
        cmocka_unit_test(a_bad_answer_names_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
