/* The JSON pass: what is well-formed, what is refused and where, what is found, wherever blocks and windows of marks end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/json.h"

static mr_arena *arena;
static mr_paths *paths;
static mr_guesses *guesses; /* from all texts of this file */
static mr_span spans[8];
enum { TOP, INNER, DEEP, ITEM, DOTTED };

static int set_up(void **state)
{
    (void)state;
    arena = mr_arena_new();
    paths = mr_paths_new(arena, 8, 16);
    assert_int_equal(mr_paths_add(paths, (const char *const[]){"a"}, 1), TOP);
    assert_int_equal(mr_paths_add(paths, (const char *const[]){"p", "b"}, 2), INNER);
    assert_int_equal(mr_paths_add(paths, (const char *const[]){"p", "q", "c"}, 3), DEEP);
    assert_int_equal(mr_paths_add(paths, (const char *const[]){"l", "1"}, 2), ITEM);
    assert_int_equal(mr_paths_add(paths, (const char *const[]){"x.y"}, 1), DOTTED);
    assert_int_equal(mr_paths_add(paths, (const char *const[]){"a"}, 1), TOP); /* again: the same */
    mr_paths_seal(paths);
    guesses = mr_guesses_new(arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_free(arena);
    return 0;
}

/* Scans a copy without a byte after its end, so that a sanitizer sees an overrun. */
static mr_reason scan(const char *text, size_t len, size_t *position)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    mr_reason reason = mr_json_scan(paths, NULL, copy, len, spans, position);
    /* With what was learnt from other texts, and then from this one, it is the same. */
    for (int i = 0; i < 2; i++) {
        mr_span guessed[8];
        size_t there;
        assert_int_equal(mr_json_scan(paths, guesses, copy, len, guessed, &there), reason);
        assert_int_equal(there, *position);
        for (uint32_t path = 0; path <= DOTTED && !reason; path++)
            assert_memory_equal(mr_paths_span(paths, guessed, path), mr_paths_span(paths, spans, path),
                                offsetof(mr_span, escaped));
    }
    free(copy);
    return reason;
}

static const mr_span *found(uint32_t number)
{
    return mr_paths_span(paths, spans, number);
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

enum {
    STEP = 512,
    NAME_BUFFER = 6 * STEP
}; /* the longest step of a path; what it takes when all of it is escaped */

/* An object whose one name is so many n, the first of them written as escapes, against the path of STEP n. */
static void expect_name(const mr_paths *long_paths, size_t escapes, size_t plain)
{
    static char text[2 * NAME_BUFFER];
    size_t at = (size_t)snprintf(text, sizeof text, "{\""), position;
    for (size_t i = 0; i < escapes; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "\\u006e");
    memset(text + at, 'n', plain);
    at += plain;
    at += (size_t)snprintf(text + at, sizeof text - at, "\":1}");
    char *copy = malloc(at);
    memcpy(copy, text, at);
    mr_span span;
    assert_int_equal(mr_json_scan(long_paths, NULL, copy, at, &span, &position), MR_REASON_NONE);
    assert_int_equal(span.kind, escapes + plain == STEP ? MR_JSON_NUMBER : MR_JSON_MISSING);
    free(copy);
}

/* Names around the longest step and around the buffer that escaped ones are compared in, plain and escaped. */
static void test_long_names(void **state)
{
    (void)state;
    static char step[STEP + 1];
    memset(step, 'n', STEP);
    mr_arena *own = mr_arena_new();
    mr_paths *long_paths = mr_paths_new(own, 1, 1);
    mr_paths_add(long_paths, (const char *const[]){step}, 1);
    mr_paths_seal(long_paths);
    for (size_t len = STEP - 4; len <= STEP + 4; len++)
        for (size_t escapes = 0; escapes <= len; escapes += escapes < 3 || escapes > len - 3 ? 1 : 31)
            expect_name(long_paths, escapes, len - escapes);
    for (size_t bytes = NAME_BUFFER - 8; bytes <= NAME_BUFFER + 8; bytes++)
        for (size_t escapes = 0; escapes < 3; escapes++)
            expect_name(long_paths, escapes, bytes - 6 * escapes);
    mr_arena_free(own);
}

/* Names that are the same in length, head and tail, in what they are compared by first; and so short that the text ends behind them. */
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

static void test_alike_names(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "a",
                                        "ab",
                                        "abcdefg",
                                        "abcdefgh",
                                        "abcdefghi",
                                        "measure_1",
                                        "measure_2",
                                        "12345678_87654321",
                                        "12345678-87654321",
                                        "1234567887654321",
                                        "n_0000000000000001",
                                        "n_0000000000000002"};
    enum { NAMES = sizeof names / sizeof *names };
    mr_arena *own = mr_arena_new();
    mr_paths *alike = mr_paths_new(own, NAMES, NAMES);
    mr_span all[NAMES];
    for (uint32_t i = 0; i < NAMES; i++)
        assert_int_equal(mr_paths_add(alike, &names[i], 1), i);
    mr_paths_seal(alike);
    for (uint32_t i = 0; i < NAMES; i++) {
        char text[64];
        size_t position, len = (size_t)snprintf(text, sizeof text, "{\"%s\":%u}", names[i], i % 10);
        char *copy = malloc(len);
        memcpy(copy, text, len);
        assert_int_equal(mr_json_scan(alike, NULL, copy, len, all, &position), MR_REASON_NONE);
        for (uint32_t k = 0; k < NAMES; k++)
            assert_int_equal(mr_paths_span(alike, all, k)->kind, k == i ? MR_JSON_NUMBER : MR_JSON_MISSING);
        free(copy);
    }
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
        cmocka_unit_test(test_too_large),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),        cmocka_unit_test(test_found),
        cmocka_unit_test(test_steps),        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_unescape),     cmocka_unit_test(test_windows),
        cmocka_unit_test(test_wrong_bytes),  cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_alike_names),  cmocka_unit_test(test_guesses),
        cmocka_unit_test(test_guesses_full),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
