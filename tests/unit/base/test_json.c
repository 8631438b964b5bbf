#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define OUT_MAX (8 << 20)

static struct json *parsed(const char *text)
{
    struct error err;
    struct json *v = json_parse(slice_of(text), &err);
    if (v == NULL)
        fail_msg("%s: %s", text, err.text);
    return v;
}

/* Through the tree and out again. */
static void assert_becomes(const char *text, const char *want)
{
    struct json *v = parsed(text);
    struct buf out;
    struct json_writer w;
    buf_init(&out, OUT_MAX);
    json_begin(&w, &out);
    json_put_value(&w, v);
    assert_string_equal(buf_str(&out), want);
    buf_close(&out);
    json_free(v);
}

static void assert_refused(struct slice text, const char *why)
{
    struct error err;
    assert_null(json_parse(text, &err));
    assert_int_equal(err.code, ERR_SYNTAX);
    assert_string_equal(err.text, why);
}

static void what_is_read_is_written_again(void **unused)
{
    (void)unused;
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "\"\"",
        "[]",
        "{}",
        "[1,[2,[]],{\"a\":{}}]",
        "{\"id\":\"/web\",\"cpus\":0.1,\"instances\":3,\"env\":{\"A\":\"b\"}}",
    };
    for (size_t i = 0; i < COUNT(same); i++)
        assert_becomes(same[i], same[i]);
    assert_becomes(" [ 1 ,\t2 ,\r\n{ \"a\" : null } ] \n", "[1,2,{\"a\":null}]");
    assert_becomes("\xef\xbb\xbf"
                   "1",
                   "1"); /* a byte order mark */
}

static void numbers_keep_their_value(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *again;
    } cases[] = {
        {"1.0", "1"},
        {"32", "32"},
        {"1e3", "1000"},
        {"1E-2", "0.01"},
        {"0.1", "0.1"},
        {"-0", "-0"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"123456789.123", "123456789.123"},
        {"1e15", "1000000000000000"},
        {"1e300", "1e+300"},
        {"5e-324", "4.94065645841247e-324"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"9007199254740991", "9007199254740991"},
        {"9007199254740992", "9007199254740992"},
        {"9007199254740993", "9007199254740993"}, /* 2^53 + 1: no double is that */
        {"-9007199254740993", "-9007199254740993"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"18446744073709551616", "18446744073709551616"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_becomes(cases[i].text, cases[i].again);
}

static void integers_of_64_bits_are_exact(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool integer;
        int64_t value;
    } cases[] = {
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9007199254740993", true, 9007199254740993},
        {"-9007199254740993", true, -9007199254740993},
        {"9007199254740992", true, 9007199254740992},
        {"1e3", true, 1000},
        {"1.0", true, 1},
        {"-0", true, 0},
        {"1e15", true, 1000000000000000},
        {"0.1", false, 0},
        {"1e300", false, 0},
        {"9007199254740993.0", false, 0}, /* would be off by one */
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"\"1\"", false, 0},
        {"null", false, 0},
        {"true", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json *v = parsed(cases[i].text);
        int64_t got = 77;
        assert_int_equal(json_i64(v, &got), cases[i].integer);
        assert_true(got == (cases[i].integer ? cases[i].value : 77));
        assert_true(json_int(v, 5) == (cases[i].integer ? cases[i].value : 5));
        json_free(v);
    }
}

static void knows_how_a_number_was_written(void **unused)
{
    (void)unused;
    struct json *v = parsed("[1,1.0,1.5,1e3,9007199254740993,-0.0,1e300,\"1.0\",true]");
    static const bool FRACTION[] = {false, true, true, true, false, true, true, false, false};
    size_t i = 0;
    JSON_EACH (number, v)
        assert_int_equal(json_has_fraction(number), FRACTION[i++]);
    assert_int_equal(i, COUNT(FRACTION));
    assert_false(json_has_fraction(NULL));
    json_free(v);
}

static void exact_integers_are_found_wherever_they_stand(void **unused)
{
    (void)unused;
    const char *text = "{\"a\":1,\"b\":[2,9007199254740993,{\"c\":9007199254740995}],"
                       "\"a\":9007199254740997,\"d\":0.5,\"e\":9007199254740999}";
    assert_becomes(text, "{\"b\":[2,9007199254740993,{\"c\":9007199254740995}],"
                         "\"a\":9007199254740997,\"d\":0.5,\"e\":9007199254740999}");
}

static void of_duplicate_members_the_last_wins_everywhere(void **unused)
{
    (void)unused;
    struct json *v = parsed("{\"a\":1,\"b\":2,\"a\":{\"x\":1,\"x\":2},\"c\":3,\"a\":4}");
    assert_int_equal(json_int(json_get(v, "a"), -1), 4);
    assert_int_equal(json_count(v), 3);
    json_free(v);
    assert_becomes("{\"a\":1,\"b\":2,\"a\":[{\"x\":1,\"x\":2}]}", "{\"b\":2,\"a\":[{\"x\":2}]}");
    assert_becomes("{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}");
    assert_becomes("{\"\":1,\"\":2}", "{\"\":2}");

    v = parsed("{\"a\":1,\"a\":null}");
    assert_null(json_get(v, "a"));
    assert_true(json_is(json_get_null(v, "a"), JSON_NULL));
    json_free(v);

    /* as many as are not compared pairwise any more */
    assert_becomes(
        "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,"
        "\"k\":1,\"l\":1,\"m\":1,\"a\":2,\"m\":2,\"a\":3}",
        "{\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,"
        "\"k\":1,\"l\":1,\"m\":2,\"a\":3}");
}

static void strings_are_unescaped_and_escaped(void **unused)
{
    (void)unused;
    assert_becomes("\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t\"", "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\"");
    assert_becomes("\"\\u00e4\\u20ac\\ud83d\\ude00\\u001f\\u007f\"",
                   "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\\u001f\x7f\"");
    assert_becomes("{\"\\u0061\":1,\"a\":2}", "{\"a\":2}");
}

/* Whatever stands beside it in the same word. */
static void each_byte_is_escaped_at_each_place(void **unused)
{
    (void)unused;
    for (int byte = 1; byte < 0x80; byte++) {
        for (size_t at = 0; at < 17; at++) {
            char text[] = "abcdefghijklmnopq";
            text[at] = (char)byte;
            struct buf out;
            struct json_writer w;
            buf_init(&out, 256);
            json_begin(&w, &out);
            json_put_str(&w, text);
            bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
            assert_true(plain == (out.len == sizeof text + 1));
            struct json *v = parsed(buf_str(&out));
            assert_string_equal(json_str(v, ""), text);
            json_free(v);
            buf_close(&out);
        }
    }
}

static void bad_text_is_refused_with_place_and_need(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "line 1, column 1: the text is empty, need a value"},
        {" \n ", "line 2, column 2: the text ends, need a value"},
        {"nul", "line 1, column 1: got \"n\", need a value"},
        {"{\n  \"id\": \"/web\"\n  \"cmd\": 1\n}",
         "line 3, column 3: got \"\\\"\", need ',' or '}' after a member"},
        {"[1,]", "line 1, column 4: got \"]\", need a value"},
        {"[1 2]", "line 1, column 4: got \"2\", need ',' or ']' after an element"},
        {"[1", "line 1, column 3: the text ends, need ',' or ']' after an element"},
        {"{\"a\":1,}", "line 1, column 8: got \"}\", need a member's name in double quotes"},
        {"{a:1}", "line 1, column 2: got \"a\", need a member's name in double quotes"},
        {"{\"a\" 1}", "line 1, column 6: got \"1\", need ':' after a member's name"},
        {"1 2", "line 1, column 3: got \"2\", need nothing after the value"},
        {"{} x", "line 1, column 4: got \"x\", need nothing after the value"},
        {"'a'", "line 1, column 1: got \"'\", need a value"},
        {"NaN", "line 1, column 1: got \"N\", need a value"},
        {"01", "line 1, column 2: got \"1\", need nothing after the value"},
        {"+1", "line 1, column 1: got \"+\", need a value"},
        {".5", "line 1, column 1: got \".\", need a value"},
        {"1.", "line 1, column 3: the text ends, need a digit"},
        {"-x", "line 1, column 2: got \"x\", need a digit"},
        {"1e+", "line 1, column 4: the text ends, need a digit"},
        {"1e999", "line 1, column 1: a number beyond 1.8e308"},
        {"1111111111111111111111111111111111111111111111111111111111111",
         "line 1, column 1: a number of more than 60 characters"},
        {"[\"ab", "line 1, column 2: the string that begins here has no end"},
        {"\"a\nb\"",
         "line 1, column 3: got \"\\n\", need control characters in strings written as \\u00XX"},
        {"\"\\x\"", "line 1, column 2: got an unknown escape, need one of \\\" \\\\ \\/ \\b \\f "
                    "\\n \\r \\t \\u"},
        {"\"\\u12g4\"", "line 1, column 2: \\u needs four hexadecimal digits"},
        {"\"a\\u0000b\"", "line 1, column 3: \\u0000 is not allowed in a string"},
        {"{\"a\\u0000\":1}", "line 1, column 4: \\u0000 is not allowed in a string"},
        {"\"\\ud800\"",
         "line 1, column 2: half of a surrogate pair, need \\uD800-\\uDBFF\\uDC00-\\uDFFF"},
        {"\"\\udc00\"",
         "line 1, column 2: half of a surrogate pair, need \\uD800-\\uDBFF\\uDC00-\\uDFFF"},
        {"\"\\ud800\\u0041\"",
         "line 1, column 2: half of a surrogate pair, need \\uD800-\\uDBFF\\uDC00-\\uDFFF"},
        {"\"\xff\"", "line 1, column 2: got \"\\xff\", need valid UTF-8"},
        {"\"\xc0\xaf\"", "line 1, column 2: got \"\\xc0\", need valid UTF-8"},
        {"// no\n1", "line 1, column 1: got \"/\", need a value"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(slice_of(cases[i].text), cases[i].why);
    assert_refused(SLICE("1\0"), "line 1, column 2: got \"\\x00\", need nothing after the value");
    assert_refused(SLICE("\"a\0b\""), "line 1, column 3: got \"\\x00\", need control characters in "
                                      "strings written as \\u00XX");
    assert_refused((struct slice){NULL, 0}, "line 1, column 1: the text is empty, need a value");
}

static void the_text_needs_no_nul_and_is_not_read_past_its_end(void **unused)
{
    (void)unused;
    const char *text = "{\"a\":[true,null,-12.5e1,\"\\ud83d\\ude00\"]}";
    for (size_t n = 0; n <= strlen(text); n++) {
        char *exact = mem_dup(text, n); /* the address sanitizer watches its end */
        struct error err;
        struct json *v = json_parse((struct slice){exact, n}, &err);
        assert_int_equal(v != NULL, n == strlen(text));
        json_free(v);
        mem_free(exact);
    }
}

static char *nested(size_t depth) /* the caller frees */
{
    char *text = mem_zalloc(2 * depth + 1);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return text;
}

static void depth_is_limited_with_room_for_our_envelope(void **unused)
{
    (void)unused;
    struct error err;
    char *most = nested(64), *more = nested(65), *own = nested(80), *over = nested(81);
    json_free(parsed(most));
    assert_refused(slice_of(more), "line 1, column 65: nested more levels deep than are allowed");
    struct json *v = json_parse_own(slice_of(own), &err);
    assert_non_null(v);
    json_free(v);
    assert_null(json_parse_own(slice_of(over), &err));
    mem_free(most);
    mem_free(more);
    mem_free(own);
    mem_free(over);
}

static void so_many_elements_and_members_are_read(void **unused)
{
    (void)unused;
    struct error err;
    struct slice text = slice_of("{\"a\":[1,2,{}],\"b\":{\"c\":\"d\"}}");
    struct json *root = json_parse_most(text, 6, &err);
    assert_non_null(root);
    json_free(root);
    assert_null(json_parse_most(text, 5, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}

static void comments_are_for_configuration_only(void **unused)
{
    (void)unused;
    struct error err;
    const char *text =
        "// first\n{ \"url\": \"http://x\", // second \"quoted\"\n \"q\\\"//\": 1 }// end";
    struct json *v = json_parse_commented(slice_of(text), &err);
    assert_non_null(v);
    assert_string_equal(json_str(json_get(v, "url"), ""), "http://x");
    assert_int_equal(json_int(json_get(v, "q\"//"), 0), 1);
    json_free(v);
    assert_null(json_parse_commented(SLICE("{ // x\n / 1}"), &err));
    assert_string_equal(err.text,
                        "line 2, column 2: got \"/\", need a member's name in double quotes");
    assert_null(json_parse_commented(SLICE("//"), &err));
    assert_null(json_parse_commented(SLICE("1/"), &err));
}

static void asking_the_absent_or_another_kind_gives_the_otherwise(void **unused)
{
    char got[16];
    (void)unused;
    struct json *v = parsed("{\"n\":1.5,\"s\":\"x\",\"b\":true,\"a\":[1,2],\"z\":null}");
    assert_null(json_get(NULL, "n"));
    assert_null(json_get(json_get(v, "a"), "n"));
    assert_null(json_get(v, "z"));
    assert_non_null(json_get_null(v, "z"));
    assert_true(json_double(json_get(v, "n"), 0) == 1.5);
    assert_true(json_double(json_get(v, "s"), 7) == 7);
    assert_string_equal(json_str(json_get(v, "s"), ""), "x");
    assert_null(json_str(json_get(v, "n"), NULL));
    assert_true(slice_is(json_slice(json_get(v, "s")), "x"));
    assert_int_equal(json_slice(json_get(v, "n")).len, 0);
    assert_true(json_bool(json_get(v, "b"), false));
    assert_true(json_bool(json_get(v, "s"), true));
    assert_int_equal(json_count(json_get(v, "a")), 2);
    assert_int_equal(json_count(json_get(v, "s")), 0);
    assert_int_equal(json_count(NULL), 0);
    assert_string_equal(json_kind_word(json_get(v, "a")), "an array");
    assert_string_equal(json_kind_word(NULL), "nothing");
    assert_string_equal(json_quote(got, sizeof got, json_get(v, "s")), "\"x\"");
    assert_string_equal(json_quote(got, sizeof got, json_get(v, "b")), "true");
    assert_string_equal(json_quote(got, sizeof got, json_get(v, "a")), "an array");
    assert_string_equal(json_quote(got, sizeof got, NULL), "nothing");
    const char *order[] = {"n", "s", "b", "a", "z"};
    size_t i = 0;
    JSON_EACH (it, v) {
        assert_string_equal(json_name(it), order[i++]);
    }
    assert_int_equal(i, 5);
    json_free(v);
    json_free(NULL);
}

static void equality_looks_at_values(void **unused)
{
    (void)unused;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1.0", true},
        {"1", "2", false},
        {"1", "\"1\"", false},
        {"null", "null", true},
        {"true", "false", false},
        {"9007199254740993", "9007199254740992", false},
        {"9007199254740993", "9007199254740993", true},
        {"\"a\"", "\"\\u0061\"", true},
        {"[1,2]", "[1,2]", true},
        {"[1,2]", "[2,1]", false},
        {"[1,2]", "[1]", false},
        {"{\"a\":1,\"b\":[{}]}", "{\"b\":[{}],\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":null}", "{}", false},
        {"{}", "[]", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json *a = parsed(cases[i].a), *b = parsed(cases[i].b);
        assert_int_equal(json_equal(a, b), cases[i].equal);
        assert_int_equal(json_equal(b, a), cases[i].equal);
        json_free(a);
        json_free(b);
    }
    assert_true(json_equal(NULL, NULL));
}

/* With anything that is not close to linear, this takes minutes. */
static void large_inputs_take_time_in_proportion(void **unused)
{
    (void)unused;
    struct buf text, out;
    struct json_writer w;
    struct error err;
    buf_init(&text, OUT_MAX);
    buf_puts(&text, "{");
    for (int i = 0; i < 100000; i++)
        buf_printf(&text, "\"k%d\":900719925474%07d,", i % 70000, i);
    buf_puts(&text, "\"list\":[0");
    for (int i = 1; i < 300000; i++)
        buf_printf(&text, ",%d", i);
    buf_puts(&text, "]}");
    assert_false(buf_full(&text));

    struct json *v = json_parse(buf_slice(&text), &err);
    assert_non_null(v);
    assert_int_equal(json_count(v), 70001);
    assert_int_equal(json_count(json_get(v, "list")), 300000);
    assert_true(json_int(json_get(v, "k29999"), 0) == 9007199254740099999);
    buf_init(&out, OUT_MAX);
    json_begin(&w, &out);
    json_put_value(&w, v);
    struct json *again = json_parse(buf_slice(&out), &err);
    assert_true(json_equal(v, again));
    json_free(again);
    json_free(v);
    buf_close(&out);
    buf_close(&text);
}

static void the_writer_puts_commas_and_quotes(void **unused)
{
    (void)unused;
    struct buf out;
    struct json_writer w;
    buf_init(&out, 1000);
    json_begin(&w, &out);
    json_object(&w);
    json_member_str(&w, "s", "a\"b");
    json_member_str(&w, "none", NULL);
    json_member_int(&w, "i", INT64_MIN);
    json_member_double(&w, "d", 0.1);
    json_member_bool(&w, "b", true);
    json_member_raw(&w, "r", SLICE("[1, 2]"));
    json_key(&w, "list");
    json_array(&w);
    json_put_uint(&w, UINT64_MAX);
    json_object(&w);
    json_object_end(&w);
    json_array(&w);
    json_array_end(&w);
    json_put_null(&w);
    json_put_value(&w, NULL);
    json_array_end(&w);
    json_object_end(&w);
    assert_string_equal(buf_str(&out),
                        "{\"s\":\"a\\\"b\",\"none\":null,\"i\":-9223372036854775808,\"d\":0.1,"
                        "\"b\":true,\"r\":[1, 2],"
                        "\"list\":[18446744073709551615,{},[],null,null]}");
    buf_close(&out);
}

static void members_of_an_object_are_put_into_another(void **unused)
{
    (void)unused;
    struct buf out;
    struct json_writer w;
    buf_init(&out, 1000);
    json_begin(&w, &out);
    json_object(&w);
    json_put_members(&w, SLICE("{}"));
    json_put_members(&w, SLICE("{\"a\":1}"));
    json_member_int(&w, "b", 2);
    json_put_members(&w, SLICE("{\"c\":[3],\"d\":{}}"));
    json_object_end(&w);
    assert_string_equal(buf_str(&out), "{\"a\":1,\"b\":2,\"c\":[3],\"d\":{}}");
    buf_close(&out);
}

static void doubles_are_written_short_and_read_back_the_same(void **unused)
{
    (void)unused;
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0.1, "0.1"},       {1, "1"},
        {32, "32"},         {-2.5, "-2.5"},
        {1e21, "1e+21"},    {1.0 / 3, "0.3333333333333333"},
        {NAN, "null"},      {INFINITY, "null"},
        {100000, "100000"}, {0.1 + 0.2, "0.30000000000000004"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out;
        struct json_writer w;
        buf_init(&out, 100);
        json_begin(&w, &out);
        json_put_double(&w, cases[i].v);
        assert_string_equal(buf_str(&out), cases[i].text);
        buf_close(&out);
    }
}

static void text_that_is_not_utf8_is_written_so_that_it_is(void **unused)
{
    (void)unused;
    struct buf out;
    struct json_writer w;
    struct error err;
    char all[255];
    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    buf_init(&out, 2000);
    json_begin(&w, &out);
    json_put_slice(&w, (struct slice){all, sizeof(all)});
    struct json *v = json_parse(buf_slice(&out), &err);
    assert_non_null(v);
    assert_memory_equal(json_str(v, ""), all, 127);
    assert_memory_equal(json_str(v, "") + 127, "\xef\xbf\xbd", 3);
    json_free(v);
    buf_close(&out);
}

static void a_nul_is_written_so_that_it_reads_back(void **unused)
{
    (void)unused;
    struct buf out;
    struct json_writer w;
    struct error err;
    buf_init(&out, 100);
    json_begin(&w, &out);
    json_put_slice(&w, SLICE("a\0b"));
    struct json *v = json_parse(buf_slice(&out), &err);
    assert_string_equal(json_str(v, ""), "a\xef\xbf\xbd"
                                         "b");
    json_free(v);
    buf_close(&out);
}

static void indents_for_people(void **unused)
{
    static const char *const cases[][2] = {
        {"{}", "{}"},
        {"[]", "[]"},
        {"\"{[,:\\\"\"", "\"{[,:\\\"\""},
        {"{\"a\":{},\"b\":[1,[true]],\"c\":{\"d}\":\"\\\\\"}}",
         "{\n  \"a\": {},\n  \"b\": [\n    1,\n    [\n      true\n    ]\n  ],\n"
         "  \"c\": {\n    \"d}\": \"\\\\\"\n  }\n}"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        buf_init(&out, 1000);
        json_indent(slice_of(cases[i][0]), &out);
        assert_string_equal(buf_str(&out), cases[i][1]);
        buf_close(&out);
    }
}

static void wrong_nesting_is_our_bug(void **unused)
{
    (void)unused;
    struct buf out;
    struct json_writer w;
    buf_init(&out, 1000);
    json_begin(&w, &out);
    assert_breaks(json_key(&w, "a"));
    assert_breaks(json_array_end(&w));
    json_object(&w);
    assert_breaks(json_put_int(&w, 1)); /* without a name */
    assert_breaks(json_array_end(&w));
    json_key(&w, "a");
    assert_breaks(json_key(&w, "b"));
    assert_breaks(json_object_end(&w));
    json_put_int(&w, 1);
    json_object_end(&w);
    assert_breaks(json_put_int(&w, 2)); /* a second value */
    assert_string_equal(buf_str(&out), "{\"a\":1}");
    buf_close(&out);
}

/* Strings are put together in pieces: whatever stands where one ends. */
static void strings_of_any_length_are_read_back(void **unused)
{
    static const char *const odd[] = {"\"", "\\", "\"\"", "\n", "\xc3\xa9", "\x01", "a\""};
    (void)unused;
    for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++) {
        for (size_t before = 0; before < 300; before++) {
            struct buf text, out;
            struct json_writer w;
            struct error err;
            buf_init(&text, 4096);
            buf_init(&out, 8192);
            for (size_t i = 0; i < before; i++)
                buf_putc(&text, i % 3 == 0 && k % 2 == 0 ? '"' : 'x');
            buf_puts(&text, odd[k]);
            buf_puts(&text, odd[k]);
            for (size_t i = 0; i < 300; i++)
                buf_putc(&text, 'y');
            json_begin(&w, &out);
            json_object(&w);
            json_member_int(&w, "first", 1);
            json_member_str(&w, buf_str(&text), buf_str(&text));
            json_object_end(&w);
            struct json *v = json_parse(buf_slice(&out), &err);
            assert_non_null(v);
            const struct json *member = json_next(json_first(v));
            assert_string_equal(json_name(member), buf_str(&text));
            assert_string_equal(json_str(member, ""), buf_str(&text));
            json_free(v);
            buf_close(&text);
            buf_close(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_of_any_length_are_read_back),
        cmocka_unit_test(what_is_read_is_written_again),
        cmocka_unit_test(numbers_keep_their_value),
        cmocka_unit_test(integers_of_64_bits_are_exact),
        cmocka_unit_test(knows_how_a_number_was_written),
        cmocka_unit_test(exact_integers_are_found_wherever_they_stand),
        cmocka_unit_test(of_duplicate_members_the_last_wins_everywhere),
        cmocka_unit_test(strings_are_unescaped_and_escaped),
        cmocka_unit_test(each_byte_is_escaped_at_each_place),
        cmocka_unit_test(bad_text_is_refused_with_place_and_need),
        cmocka_unit_test(the_text_needs_no_nul_and_is_not_read_past_its_end),
        cmocka_unit_test(depth_is_limited_with_room_for_our_envelope),
        cmocka_unit_test(so_many_elements_and_members_are_read),
        cmocka_unit_test(comments_are_for_configuration_only),
        cmocka_unit_test(asking_the_absent_or_another_kind_gives_the_otherwise),
        cmocka_unit_test(equality_looks_at_values),
        cmocka_unit_test(large_inputs_take_time_in_proportion),
        cmocka_unit_test(the_writer_puts_commas_and_quotes),
        cmocka_unit_test(members_of_an_object_are_put_into_another),
        cmocka_unit_test(doubles_are_written_short_and_read_back_the_same),
        cmocka_unit_test(text_that_is_not_utf8_is_written_so_that_it_is),
        cmocka_unit_test(a_nul_is_written_so_that_it_reads_back),
        cmocka_unit_test(indents_for_people),
        cmocka_unit_test(wrong_nesting_is_our_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
