/* The JSON pass: what is well-formed, what is refused and where, what is found, wherever blocks and windows of marks end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_fixture.h"
#include "tests/model/model.h"

enum { TOP, INNER, DEEP, ITEM, DOTTED };

static int set_up(void **state)
{
    (void)state;
    begin_paths();
    assert_int_equal(add_path((const char *const[]){"a"}, 1), TOP);
    assert_int_equal(add_path((const char *const[]){"p", "b"}, 2), INNER);
    assert_int_equal(add_path((const char *const[]){"p", "q", "c"}, 3), DEEP);
    assert_int_equal(add_path((const char *const[]){"l", "1"}, 2), ITEM);
    assert_int_equal(add_path((const char *const[]){"x.y"}, 1), DOTTED);
    assert_int_equal(add_path((const char *const[]){"a"}, 1), TOP); /* again: the same */
    end_paths();
    return 0;
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mr_reason reason;
        size_t position;
    } cases[] = {
        {"", MR_REASON_JSON_SYNTAX, 0},
        {"  ", MR_REASON_JSON_SYNTAX, 2},
        {"{", MR_REASON_JSON_SYNTAX, 1},
        {"[1,", MR_REASON_JSON_SYNTAX, 3},
        {"[1,]", MR_REASON_JSON_SYNTAX, 3},
        {"{\"a\":1,}", MR_REASON_JSON_SYNTAX, 7},
        {"{\"a\" 1}", MR_REASON_JSON_SYNTAX, 5},
        {"{a:1}", MR_REASON_JSON_SYNTAX, 1},
        {"{\"a\":1 \"b\":2}", MR_REASON_JSON_SYNTAX, 7},
        {"{\"a\":01}", MR_REASON_JSON_SYNTAX, 7},
        {"{\"a\":-}", MR_REASON_JSON_SYNTAX, 6},
        {"{\"a\":1.}", MR_REASON_JSON_SYNTAX, 7},
        {"{\"a\":.5}", MR_REASON_JSON_SYNTAX, 5},
        {"{\"a\":1e}", MR_REASON_JSON_SYNTAX, 7},
        {"{\"a\":+1}", MR_REASON_JSON_SYNTAX, 5},
        {"{\"a\":nul}", MR_REASON_JSON_SYNTAX, 5},
        {"{\"a\":NaN}", MR_REASON_JSON_SYNTAX, 5},
        {"{} x", MR_REASON_JSON_SYNTAX, 3},
        {"{}{}", MR_REASON_JSON_SYNTAX, 2},
        {"{\"a\":\"x\ny\"}", MR_REASON_JSON_SYNTAX, 7},
        {"{\"a\":\"x", MR_REASON_JSON_SYNTAX, 7},
        {"{\"a\":\"\\x\"}", MR_REASON_JSON_ESCAPE, 6},
        {"{\"a\":\"\\u12g4\"}", MR_REASON_JSON_ESCAPE, 6},
        {"{\"a\":\"\\ud800\"}", MR_REASON_JSON_ESCAPE, 6},
        {"{\"a\":\"\\udc00\"}", MR_REASON_JSON_ESCAPE, 6},
        {"{\"a\":\"\\ud800\\u0041\"}", MR_REASON_JSON_ESCAPE, 6},
        {"{\"n\":\"\xff\"}", MR_REASON_JSON_UTF8, 6},
        {"{\"n\":\"\xc0\x80\"}", MR_REASON_JSON_UTF8, 6},
        {"{\"n\":\"\xed\xa0\x80\"}", MR_REASON_JSON_UTF8, 6},
        {"{\"n\":\"\xf4\x90\x80\x80\"}", MR_REASON_JSON_UTF8, 6},
        {"{\"n\":\"\xe2\x82\"}", MR_REASON_JSON_UTF8, 6},
        {"{\"\xff\":1}", MR_REASON_JSON_UTF8, 2},
        {"1", MR_REASON_JSON_ROOT, 0},
        {"[{\"a\":1}]", MR_REASON_JSON_ROOT, 0},
        {"[1,2", MR_REASON_JSON_SYNTAX, 4},
        {"\"text\"", MR_REASON_JSON_ROOT, 0},
        {" null", MR_REASON_JSON_ROOT, 0},
        {"\xef\xbb\xbf{}", MR_REASON_JSON_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t position;
        mr_reason reason = scan(cases[i].text, strlen(cases[i].text), &position);
        if (reason != cases[i].reason || position != cases[i].position)
            fail_msg("%s: %s at %zu", cases[i].text, mr_reason_name(reason), position);
    }
}

static void test_depth(void **state)
{
    (void)state;
    char text[2 * (MR_JSON_DEPTH + 4)] = "{\"z\":";
    size_t position;
    for (size_t depth = MR_JSON_DEPTH; depth <= MR_JSON_DEPTH + 1; depth++) {
        memset(text + 5, '[', depth - 1); /* the object is the first level */
        memset(text + 5 + depth - 1, ']', depth - 1);
        text[5 + 2 * (depth - 1)] = '}';
        assert_int_equal(scan(text, 5 + 2 * (depth - 1) + 1, &position),
                         depth > MR_JSON_DEPTH ? MR_REASON_JSON_DEPTH : MR_REASON_NONE);
    }
    assert_int_equal(position, 5 + MR_JSON_DEPTH - 1);
}

static void expect(const char *text, uint32_t number, mr_json_kind kind, const char *value)
{
    size_t position;
    assert_int_equal(scan(text, strlen(text), &position), MR_REASON_NONE);
    const mr_span *span = found(number);
    if (span->kind != kind ||
        (value && (span->len != strlen(value) || memcmp(text + span->at, value, span->len) != 0)))
        fail_msg("%s: kind %u, %.*s", text, span->kind, (int)span->len, text + span->at);
}

static void test_found(void **state)
{
    (void)state;
    expect("{\"a\":1}", TOP, MR_JSON_NUMBER, "1");
    expect(" { \"z\" : {} , \"a\" : -1.5e3 } ", TOP, MR_JSON_NUMBER, "-1.5e3");
    expect("{\"a\":\"t\"}", TOP, MR_JSON_STRING, "t");
    expect("{\"a\":true}", TOP, MR_JSON_TRUE, "true");
    expect("{\"a\":null}", TOP, MR_JSON_NULL, "null");
    expect("{\"a\":{\"x\": [1]}}", TOP, MR_JSON_OBJECT, "{\"x\": [1]}");
    expect("{\"a\":[]}", TOP, MR_JSON_ARRAY, "[]");
    expect("{}", TOP, MR_JSON_MISSING, NULL);
    expect("{\"p\":{\"b\":2}}", INNER, MR_JSON_NUMBER, "2");
    expect("{\"p\":{\"q\":{\"c\":\"d\"}}}", DEEP, MR_JSON_STRING, "d");
    expect("{\"l\":[0,\"one\",2]}", ITEM, MR_JSON_STRING, "one");
    expect("{\"l\":{\"1\":\"one\"}}", ITEM, MR_JSON_STRING, "one");
    expect("{\"l\":[0]}", ITEM, MR_JSON_MISSING, NULL);
    expect("{\"x.y\":7}", DOTTED, MR_JSON_NUMBER, "7");
    expect("{\"\\u0061\":8}", TOP, MR_JSON_NUMBER, "8"); /* the name is an a */
}

static void test_steps(void **state)
{
    (void)state;
    expect("{\"p\":null}", INNER, MR_JSON_NULL, NULL);
    expect("{\"p\":5}", INNER, MR_JSON_WRONG_STEP, NULL);
    expect("{\"p\":\"b\"}", DEEP, MR_JSON_WRONG_STEP, NULL);
    expect("{\"p\":{\"q\":false}}", DEEP, MR_JSON_WRONG_STEP, NULL);
    expect("{\"p\":[]}", INNER, MR_JSON_MISSING, NULL);
}

/* The last of a repeated name counts, and takes everything below the earlier one with it. */
static void test_repeated(void **state)
{
    (void)state;
    expect("{\"a\":1,\"a\":2}", TOP, MR_JSON_NUMBER, "2");
    expect("{\"a\":1,\"a\":null}", TOP, MR_JSON_NULL, "null");
    expect("{\"p\":{\"b\":1},\"p\":{}}", INNER, MR_JSON_MISSING, NULL);
    expect("{\"p\":{\"b\":1},\"p\":3}", INNER, MR_JSON_WRONG_STEP, NULL);
    expect("{\"p\":{\"q\":{\"c\":1},\"q\":null}}", DEEP, MR_JSON_NULL, NULL);
    expect("{\"p\":3,\"p\":{\"b\":4}}", INNER, MR_JSON_NUMBER, "4");
}

static void test_unescape(void **state)
{
    (void)state;
    static const struct {
        const char *text, *plain;
        size_t len;
    } cases[] = {{"a\\\"\\\\\\/\\b\\f\\n\\r\\t", "a\"\\/\b\f\n\r\t", 9},
                 {"\\u0041\\u00e9\\u20ac", "A\xc3\xa9\xe2\x82\xac", 6},
                 {"\\ud83d\\ude00x", "\xf0\x9f\x98\x80x", 5},
                 {"\\u0000", "\0", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[64];
        assert_int_equal(mr_json_unescape(cases[i].text, strlen(cases[i].text), out), cases[i].len);
        assert_memory_equal(out, cases[i].plain, cases[i].len);
    }
}

/* Strings whose end lies at every place of blocks and windows, with and without something in them that has to be looked at: what is found is
 * the string, wherever the text is cut it is refused, and nothing behind it is read. */
static void test_windows(void **state)
{
    (void)state;
    static const char *const inside[] = {"", "\\n", "\\u00e9", "\xe2\x82\xac", "\xf0\x9f\x9a\x80"};
    static char text[9000];
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        for (size_t len = 0; len < 8300;
             len += len < 150 || (len > 3950 && len < 4250) || len > 8100 ? 1 : 61) {
            size_t at = (size_t)snprintf(text, sizeof text, "{\"z\":\"");
            memset(text + at, 'x', len);
            at += len;
            at += (size_t)snprintf(text + at, sizeof text - at, "%s\",\"a\":\"%s", inside[i], inside[i]);
            size_t from = at - strlen(inside[i]), position;
            at += (size_t)snprintf(text + at, sizeof text - at, "end\"}");
            assert_int_equal(scan(text, at, &position), MR_REASON_NONE);
            assert_int_equal(found(TOP)->kind, MR_JSON_STRING);
            assert_int_equal(found(TOP)->at, from);
            assert_int_equal(found(TOP)->len, strlen(inside[i]) + 3);
            assert_int_equal(found(TOP)->escaped, inside[i][0] == '\\');
            for (size_t cut = at - 1; cut > at - 20 && cut > 0; cut--)
                assert_int_not_equal(scan(text, cut, &position), MR_REASON_NONE);
        }
}

/* A byte that is wrong, at every place around the ends of blocks and windows, is refused there. */
static void test_wrong_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        mr_reason reason;
    } cases[] = {{"\n", MR_REASON_JSON_SYNTAX},         {"\xff", MR_REASON_JSON_UTF8},
                 {"\xe2\x82y", MR_REASON_JSON_UTF8},    {"\xed\xa0\x80", MR_REASON_JSON_UTF8},
                 {"\xc3\xa9\x80", MR_REASON_JSON_UTF8}, {"\\y", MR_REASON_JSON_ESCAPE},
                 {"\\ud83d\\u", MR_REASON_JSON_ESCAPE}};
    static char text[9000];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t len = 0; len < 4200; len += len < 140 || len > 4080 ? 1 : 127) {
            size_t at = (size_t)snprintf(text, sizeof text, "{\"z\":\""), position, wrong;
            memset(text + at, 'x', len);
            at += len;
            wrong = at + 2 * (cases[i].bytes[0] == '\xc3');
            at += (size_t)snprintf(text + at, sizeof text - at, "%s and more\",\"a\":1}", cases[i].bytes);
            assert_int_equal(scan(text, at, &position), cases[i].reason);
            assert_int_equal(position, wrong);
        }
}

/* Pieces that were learnt elsewhere: the same bytes on another path, and what goes on in another way than it did. */
static void test_guesses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"p\":{\"b\":\"inner\",\"q\":{\"c\":\"deep\"}},\"a\":\"top\",\"rest\":\"is long enough for all of "
        "it\"}",
        "{\"o\":{\"b\":\"inner\",\"q\":{\"c\":\"deep\"}},\"a\":\"top\",\"rest\":\"is long enough for all of "
        "it\"}",
        "{\"p\":{\"b\":\"inner\",\"q\":[{\"c\":\"deep\"}]},\"a\":\"top\",\"rest\":\"is long enough for all "
        "of it\"}",
        "{\"p\":[\"b\",\"inner\",{\"q\":{\"c\":\"deep\"}}],\"a\":\"top\",\"rest\":\"is long enough for all "
        "of it\"}",
        "{\"l\":[1,2,3],\"a\":[4],\"x.y\":[5,[6]],\"rest\":\"is long enough for all of it, whatever was "
        "before\"}",
        "{\"l\":[1,[],3],\"a\":[],\"x.y\":[[],[6]],\"rest\":\"is long enough for all of it, whatever was "
        "before\"}",
        "{\"l\":[1,{},3],\"a\":{},\"x.y\":[{},{}],\"rest\":\"is long enough for all of it, whatever was "
        "before\"}",
        "{\"l\":[1,],\"a\":4,\"x.y\":[5],\"rest\":\"refused; and long enough for all of it, whatever was "
        "before\"}",
        "{\"a\":1\",\"p\":{\"b\":2},\"rest\":\"refused; and long enough for all of it, whatever was "
        "before\"}",
        "{\"a\":\"1\",\"p\":{\"b\":2},\"rest\":\"and long enough for all of it, whatever was before, or "
        "behind\"}",
        "{ \"a\" : \"1\", \"p\" : { \"b\" : 2 } , \"rest\" : \"and long enough for all of it, whatever was "
        "before\" }",
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    size_t position;
    for (int first = 0; first < TEXTS; first++)
        for (int second = 0; second < TEXTS; second++) {
            scan(texts[first], strlen(texts[first]), &position);
            scan(texts[second], strlen(texts[second]), &position);
        }
}

/* Guesses over the ends of windows, behind a text with more marks in its first one: their list is of the first alone. */
static void test_guesses_windows(void **state)
{
    (void)state;
    static const char *const members[] = {",\"\":\"\"", ",\"a\":\"bb\"", ",\"a\":\"b\",\"x.y\":1"};
    static char text[3 * MR_MARKS_WINDOW];
    size_t position;
    mr_guesses *of_all = guesses;
    mr_arena *own = mr_arena_new();
    guesses = mr_guesses_new(own); /* which do not rest */
    for (size_t i = 0; i < 3 * sizeof members / sizeof *members; i++) {
        size_t at = (size_t)sprintf(text, "{\"z\":0");
        while (at < sizeof text - 64)
            at += (size_t)sprintf(text + at, "%s", members[i % 3]);
        at += (size_t)sprintf(text + at, "}");
        assert_int_equal(scan(text, at, &position), MR_REASON_NONE);
    }
    guesses = of_all;
    mr_arena_free(own);
}

/* Texts that were learnt and then end anywhere. */
static void test_guesses_cut(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":\"top\",\"a long name\":12.75,\"another\":\"a string\",\"p\":{\"a name\":null,\"b\":1.5}}",
        "{\"a\":\"top\",\"p\":{\"b\":true,\"q\":{\"c\":12345}},\"l\":[{\"a name\":false},1234567]}",
    };
    size_t position;
    mr_guesses *of_all = guesses;
    mr_arena *own = mr_arena_new();
    guesses = mr_guesses_new(own); /* which do not rest */
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t len = strlen(texts[i]); len > 0; len--)
            assert_int_equal(scan(texts[i], len, &position) == MR_REASON_NONE, len == strlen(texts[i]));
    guesses = of_all;
    mr_arena_free(own);
}

/* Numbers and what is none, where a guess has them read sixteen bytes at once, and other values behind guesses. */
static void test_guessed_values(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0",
                                          "7",
                                          "00",
                                          "01",
                                          "0.5",
                                          "00.5",
                                          "1.",
                                          "1..2",
                                          "1.2.3",
                                          ".5",
                                          "1.5",
                                          "-1",
                                          "-0",
                                          "--1",
                                          "1e5",
                                          "1E5",
                                          "1.5e3",
                                          "1e",
                                          "1.e5",
                                          "12a",
                                          "1.5a",
                                          "123456789012345",
                                          "1234567890123456",
                                          "12345678901234567",
                                          "1234567890123.5",
                                          "12345678901234.5",
                                          "123456789012345.5",
                                          "1.1234567890123",
                                          "1.12345678901234",
                                          "1.123456789012345",
                                          "123456789012345e1",
                                          "12345678901234e1",
                                          "true",
                                          "false",
                                          "null",
                                          "nulL",
                                          "truefalse",
                                          "1 ",
                                          "1\t",
                                          "1x",
                                          "1/",
                                          "1:"};
    static const char *const ends[] = {"}", ",\"rest\":2}", ",\"rest\":\"long enough for all of it\"}"};
    mr_guesses *of_all = guesses;
    mr_arena *own = mr_arena_new();
    guesses = mr_guesses_new(own); /* which do not rest */
    for (size_t end = 0; end < sizeof ends / sizeof *ends; end++)
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            for (int learnt = 0; learnt < 2; learnt++) {
                char text[100];
                size_t position,
                    len = (size_t)snprintf(text, sizeof text, "{\"p\":{\"b\":1,\"q\":{\"c\":1}},\"a\":%s%s",
                                           learnt ? numbers[i] : "1", ends[end]);
                assert_true(scan(text, len, &position) == MR_REASON_NONE || learnt);
            }
    /* Values of which something below is wanted: what was found there is gone. */
    static const char *const values[] = {"\"text\"", "5", "null", "{}", "[]"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[100];
        size_t position,
            len = (size_t)snprintf(text, sizeof text, "{\"p\":{\"b\":1},\"p\":%s%s", values[i], ends[2]);
        assert_int_equal(scan(text, len, &position), MR_REASON_NONE);
        assert_int_not_equal(found(INNER)->kind, MR_JSON_NUMBER);
    }
    guesses = of_all;
    mr_arena_free(own);
}

/* More names and more nesting than are remembered, and events for which it does not pay. */
static void test_guesses_full(void **state)
{
    (void)state;
    char text[400];
    for (int i = 0; i < 3000; i++) {
        size_t position, len = 0;
        for (int depth = 0; depth <= i % 9; depth++)
            len += (size_t)snprintf(text + len, sizeof text - len, "{\"name_%d_%d\":", i % 700, depth);
        len += (size_t)snprintf(text + len, sizeof text - len, "{\"last\":%d}", i);
        memset(text + len, '}', (size_t)i % 9 + 1);
        assert_int_equal(scan(text, len + (size_t)i % 9 + 1, &position), MR_REASON_NONE);
    }
}

/* A random value of few names and kinds, so that pieces come again in other places. */
static size_t put_value(char *text, uint32_t depth, uint32_t deepest)
{
    static const char *const plain[] = {"1",    "2.5", "true", "null",     "\"text\"",
                                        "\"\"", "{}",  "[]",   "\"a\\nb\""};
    static const char *const names[] = {"a", "p",   "b", "q", "c",
                                        "l", "x.y", "1", "z", "a longer name than others have"};
    size_t len = 0;
    if (depth > deepest || (depth > 0 && model_below(2)))
        return (size_t)sprintf(text, "%s", plain[model_below(sizeof plain / sizeof *plain)]);
    bool object = depth == 0 || model_below(2);
    text[len++] = object ? '{' : '[';
    for (uint32_t i = 0, count = model_below(5); i < count; i++) {
        len += (size_t)sprintf(text + len, i ? "," : "");
        if (object && model_below(6) == 0)
            len += (size_t)sprintf(text + len, "\"name_%u\":", model_below(3000));
        else if (object)
            len += (size_t)sprintf(text + len, "\"%s\":", names[model_below(sizeof names / sizeof *names)]);
        len += put_value(text + len, depth + 1, deepest);
    }
    text[len++] = object ? '}' : ']';
    return len;
}

/* Events that have little in common, with so many bytes in them that guessing does not rest; each comes twice, and once with a byte that is wrong.
 * More pieces and more nesting come than are remembered. */
static void test_guesses_random(void **state)
{
    (void)state;
    static char text[100000];
    mr_guesses *of_all = guesses;
    mr_arena *own = mr_arena_new();
    guesses = mr_guesses_new(own);
    model_seed("guesses");
    for (int i = 0; i < 3000; i++) {
        size_t position, len = put_value(text, 0, i % 500 < 400 ? 2 : 9) - 1;
        len += (size_t)sprintf(text + len, "%s\"last\":\"", len > 1 ? "," : "");
        memset(text + len, 'x', 3000);
        len += 3000;
        len += (size_t)sprintf(text + len, "\"}");
        assert_int_equal(scan(text, len, &position), MR_REASON_NONE);
        text[model_below((uint32_t)(len - 3000))] = "{}[],:\"\\ 1"[model_below(10)];
        scan(text, len, &position);
    }
    guesses = of_all;
    mr_arena_free(own);
}

/* Positions are 32 bits wide: of a longer text not even the first character is looked at. */
static void test_too_large(void **state)
{
    (void)state;
    size_t position = 7;
    assert_int_equal(mr_json_scan(paths, NULL, NULL, (size_t)UINT32_MAX + 1, spans, &position),
                     MR_REASON_TOO_LARGE);
    assert_int_equal(position, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_large),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),          cmocka_unit_test(test_found),
        cmocka_unit_test(test_steps),          cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_unescape),       cmocka_unit_test(test_windows),
        cmocka_unit_test(test_wrong_bytes),    cmocka_unit_test(test_guesses),
        cmocka_unit_test(test_guesses_full),   cmocka_unit_test(test_guesses_random),
        cmocka_unit_test(test_guessed_values), cmocka_unit_test(test_guesses_windows),
        cmocka_unit_test(test_guesses_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
