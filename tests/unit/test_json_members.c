/* Members that were not guessed: many of them in a row, with anything among them, wherever blocks and windows of marks end.  The pass with guesses, which
 * looks at a member on its own, and jansson (tests/model) say what is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/json.h"
#include "tests/model/model.h"

enum { TEXT_MAX = 20000, GUESSED = 60 /* texts, fewer than guessing rests after */ };

static mr_arena *arena, *of_guesses;
static mr_paths *paths;
static mr_guesses *guesses;
static mr_span spans[4];
enum { SHORT, LONG, INNER, PATHS };

static int set_up(void **state)
{
    (void)state;
    arena = mr_arena_new();
    paths = mr_paths_new(arena, PATHS, 4);
    assert_int_equal(mr_paths_add(paths, (const char *const[]){"a"}, 1), SHORT);
    assert_int_equal(mr_paths_add(paths, (const char *const[]){"a name of some length"}, 1), LONG);
    assert_int_equal(mr_paths_add(paths, (const char *const[]){"p", "b"}, 2), INNER);
    mr_paths_seal(paths);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_free(arena);
    mr_arena_free(of_guesses);
    return 0;
}

/* A copy without a byte after its end, so that a sanitizer sees an overrun, without guesses and with such as know little. */
static mr_reason scan(const char *text, size_t len, size_t *position)
{
    static int texts;
    mr_span other[4];
    size_t there;
    if (texts++ % GUESSED == 0) {
        if (of_guesses)
            mr_arena_free(of_guesses);
        of_guesses = mr_arena_new();
        guesses = mr_guesses_new(of_guesses);
    }
    char *copy = malloc(len);
    memcpy(copy, text, len);
    memset(spans, 0xff, sizeof spans);
    mr_reason reason = mr_json_scan(paths, NULL, copy, len, spans, position);
    mr_reason expected = mr_json_scan(paths, guesses, copy, len, other, &there);
    if (reason != expected || *position != there)
        fail_msg("%.*s: %s at %zu, not %s at %zu", (int)len, text, mr_reason_name(reason), *position,
                 mr_reason_name(expected), there);
    for (uint32_t path = 0; path < PATHS && !reason; path++) {
        const mr_span *one = mr_paths_span(paths, spans, path), *two = mr_paths_span(paths, other, path);
        if (memcmp(one, two, offsetof(mr_span, escaped)) || one->escaped != two->escaped)
            fail_msg("%.*s: path %u is kind %u at %u, not %u at %u", (int)len, text, path, one->kind, one->at,
                     two->kind, two->at);
    }
    free(copy);
    return reason;
}

/* One wanted member among many that are not, at every place around the ends of blocks and windows: it is found, and what is wrong is refused there. */
static void test_every_place(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        mr_json_kind kind;
    } values[] = {
        {"\"text\"", MR_JSON_STRING}, {"\"\"", MR_JSON_STRING},   {"0", MR_JSON_NUMBER},
        {"12.75", MR_JSON_NUMBER},    {"-3e2", MR_JSON_NUMBER},   {"1234567890.123456", MR_JSON_NUMBER},
        {"true", MR_JSON_TRUE},       {"false", MR_JSON_FALSE},   {"null", MR_JSON_NULL},
        {"[1,\"x\"]", MR_JSON_ARRAY}, {"01", MR_JSON_MISSING},    {"1.", MR_JSON_MISSING},
        {"1e", MR_JSON_MISSING},      {"falsy", MR_JSON_MISSING}, {"truE", MR_JSON_MISSING},
        {"\"\t\"", MR_JSON_MISSING},  {"", MR_JSON_MISSING},      {"\"a\"\"b\"", MR_JSON_MISSING}};
    static char text[TEXT_MAX];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (size_t pad = 0; pad < 4200; pad += pad < 600 || pad > 4000 ? 1 : 61) {
            size_t at = (size_t)sprintf(text, "{\"first\":1"), position;
            while (at < pad)
                at += (size_t)sprintf(text + at, ",\"n%zu\":%s", at, at % 3 ? "\"a value\"" : "64.5");
            at += (size_t)sprintf(text + at, ",\"a\":");
            size_t from = at;
            at += (size_t)sprintf(text + at, "%s", values[i].value);
            size_t len = at - from;
            at += (size_t)sprintf(text + at, ",\"m\":1,\"k\":\"v\"}");
            mr_reason reason = scan(text, at, &position);
            if (values[i].kind == MR_JSON_MISSING) {
                assert_int_equal(reason, MR_REASON_JSON_SYNTAX);
                assert_in_range(position, from, from + len);
                continue;
            }
            assert_int_equal(reason, MR_REASON_NONE);
            const mr_span *span = mr_paths_span(paths, spans, SHORT);
            bool string = values[i].kind == MR_JSON_STRING;
            assert_int_equal(span->kind, values[i].kind);
            assert_int_equal(span->at, from + string);
            assert_int_equal(span->len, len - 2 * string);
        }
}

static uint32_t put(char *text, const char *const *some, size_t count)
{
    return (uint32_t)sprintf(text, "%s", some[model_below((uint32_t)count)]);
}

#define PUT(text, some) put(text, some, sizeof some / sizeof *some)

/* Members of few names, most of them usual. */
static size_t put_members(char *text, uint32_t count)
{
    static const char *const names[] = {"a", "a name of some length", "p", "b", "field", "", "\xc3\xa9"};
    static const char *const usual[] = {"0", "7.25", "1000000", "true", "false", "null", "\"text\"", "\"\""};
    static const char *const unusual[] = {
        "-1",
        "1e9",
        "0.000000000000001",
        "{}",
        "[]",
        "{\"b\":1,\"c\":2,\"d\":\"e\"}",
        "[1,true,\"x\"]",
        "\"a\\nb\"",
        "\"\\\\\"",
        "\"\\ud83d\\ude80\"",
        "\"\xf0\x9f\x9a\x80\"",
        " 1",
        "1 ",
        "\"a string that is longer than what one look at the marks shows\""};
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        at += (size_t)sprintf(text + at, i ? model_below(20) ? "," : ", " : "");
        if (model_below(3))
            at += (size_t)sprintf(text + at, "\"field_%u\":", model_below(1000));
        else if (model_below(20) == 0)
            at += (size_t)sprintf(text + at, "\"\\u0061\":");
        else {
            text[at++] = '"';
            at += PUT(text + at, names);
            at += (size_t)sprintf(text + at, model_below(20) ? "\":" : "\" :");
        }
        at += model_below(12) ? PUT(text + at, usual) : PUT(text + at, unusual);
    }
    return at;
}

/* Objects in objects, each text also with a byte that is wrong, and cut. */
static void test_random(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    model_seed("members");
    for (int i = 0; i < 4000; i++) {
        size_t position, at = (size_t)sprintf(text, "{");
        at += put_members(text + at, model_below(i % 10 ? 20 : 250));
        at += (size_t)sprintf(text + at, "%s\"p\":{", at > 1 ? "," : "");
        at += put_members(text + at, model_below(20));
        at += (size_t)sprintf(text + at, "},\"e\":1,");
        at += put_members(text + at, 1 + model_below(20));
        at += (size_t)sprintf(text + at, "}");
        assert_int_equal(scan(text, at, &position), MR_REASON_NONE);
        scan(text, model_below((uint32_t)at) + 1, &position);
        for (int k = 0; k < 4; k++) {
            uint32_t wrong = model_below((uint32_t)at);
            char right = text[wrong];
            text[wrong] = "{}[],:\"\\ 1.e-tn\n\xc3"[model_below(17)];
            scan(text, at, &position);
            text[wrong] = right;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_place), cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
