/* Names: long ones, such as are alike, and such as were guessed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/json.h"

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

/* A text with that name and a value, which is found or not. */
static void expect_guessed(const mr_paths *own, mr_guesses *learnt, const char *name, const char *end,
                           bool is)
{
    char text[300];
    mr_span span;
    size_t position, len = (size_t)snprintf(text, sizeof text, "{\"k\":1,\"%s\":\"v\"%s", name, end);
    char *copy = malloc(len);
    memcpy(copy, text, len);
    assert_int_equal(mr_json_scan(own, learnt, copy, len, &span, &position), MR_REASON_NONE);
    if (span.kind != (is ? MR_JSON_STRING : MR_JSON_MISSING))
        fail_msg("%s: kind %u", text, span.kind);
    free(copy);
}

/* Names of all lengths that are remembered and more, and others that differ from them in one byte, whichever came first. */
static void test_guessed_names(void **state)
{
    (void)state;
    static const char *const ends[] = {
        "}", ",\"rest\":\"is long enough that all of the name is far from the end\"}"};
    for (size_t len = 1; len < 72; len++) {
        char name[80] = {0}, other[80];
        memset(name, 'n', len);
        const char *step = name;
        mr_arena *own = mr_arena_new();
        mr_paths *one = mr_paths_new(own, 1, 1);
        mr_paths_add(one, &step, 1);
        mr_paths_seal(one);
        mr_guesses *learnt = mr_guesses_new(own);
        for (size_t end = 0; end < 2; end++)
            for (size_t at = 0; at < len; at++) {
                memcpy(other, name, sizeof other);
                other[at] = 'm';
                expect_guessed(one, learnt, other, ends[end], false);
                expect_guessed(one, learnt, name, ends[end], true);
                expect_guessed(one, learnt, other, ends[end], false);
            }
        mr_arena_free(own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_alike_names),
        cmocka_unit_test(test_guessed_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
