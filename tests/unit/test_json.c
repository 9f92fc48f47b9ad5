/* The JSON pass: what is well-formed, what is refused and where, what is found; vector and scalar scanning agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/json.h"

static mr_arena *arena;
static mr_paths *paths;
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
    mr_reason reason = mr_json_scan(paths, copy, len, spans, position);
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

/* Every byte at every place of texts around the vector's width. */
static void test_plain(void **state)
{
    (void)state;
    char text[40];
    for (size_t len = 0; len <= sizeof text; len++)
        for (size_t at = 0; at < len; at++)
            for (int c = 0; c < 256; c++) {
                memset(text, 'x', sizeof text);
                text[at] = (char)c;
                bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
                size_t expected = plain ? len : at;
                assert_int_equal(mr_json_plain_scalar(text, len), expected);
                assert_int_equal(mr_json_plain(text, len), expected);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_depth),    cmocka_unit_test(test_found),
        cmocka_unit_test(test_steps),   cmocka_unit_test(test_repeated), cmocka_unit_test(test_unescape),
        cmocka_unit_test(test_plain),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
