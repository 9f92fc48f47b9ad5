/* oracle.h: our JSON pass against jansson, on one text: the same verdict and, where both accept it, the same values.
 * Used by the differential test and by the fuzzer; any difference aborts with the text.
 *
 * Known differences, which are the contract's: an event is an object (jansson also takes an array); jansson nests to 2,048 (we to 512), and refuses integers beyond int64 and numbers beyond
 * double, which we only look at where a column wants them; and jansson overlooks a NUL byte that follows a number.
 */
#ifndef MR_TESTS_ORACLE_H
#define MR_TESTS_ORACLE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/json.h"
#include "stages/values.h"

enum { ORACLE_PATHS = 4 };

static const char *const oracle_steps[ORACLE_PATHS][2] = {{"a", NULL}, {"b", "c"}, {"b", "d"}, {"e", "1"}};

static void oracle_differs(const char *what, const char *text, size_t len)
{
    fprintf(stderr, "differs from jansson (%s): %.*s\n", what, (int)len, text);
    abort();
}

static const json_t *oracle_follow(const json_t *root, const char *const *step, mr_json_kind *kind)
{
    const json_t *at = root;
    *kind = MR_JSON_MISSING;
    for (int i = 0; i < 2 && step[i]; i++) {
        if (json_is_null(at)) {
            *kind = MR_JSON_NULL;
            return NULL;
        }
        if (json_is_object(at))
            at = json_object_get(at, step[i]);
        else if (json_is_array(at))
            at = step[i][0] == '1' ? json_array_get(at, 1) : NULL;
        else {
            *kind = MR_JSON_WRONG_STEP;
            return NULL;
        }
        if (!at)
            return NULL;
    }
    static const mr_json_kind kinds[] = {
        [JSON_OBJECT] = MR_JSON_OBJECT,  [JSON_ARRAY] = MR_JSON_ARRAY, [JSON_STRING] = MR_JSON_STRING,
        [JSON_INTEGER] = MR_JSON_NUMBER, [JSON_REAL] = MR_JSON_NUMBER, [JSON_TRUE] = MR_JSON_TRUE,
        [JSON_FALSE] = MR_JSON_FALSE,    [JSON_NULL] = MR_JSON_NULL};
    *kind = kinds[json_typeof(at)];
    return at;
}

static void oracle_compare(const char *text, size_t len, const mr_span *span, const json_t *value,
                           mr_json_kind kind)
{
    if (span->kind != kind)
        oracle_differs("kind", text, len);
    if (kind == MR_JSON_STRING) {
        char *plain = malloc(span->len + 1);
        size_t plain_len = mr_json_unescape(text + span->at, span->len, plain);
        if (plain_len != json_string_length(value) || memcmp(plain, json_string_value(value), plain_len) != 0)
            oracle_differs("string", text, len);
        free(plain);
    } else if (kind == MR_JSON_NUMBER && json_is_integer(value)) {
        int64_t number;
        if (mr_to_int64(text + span->at, span->len, INT64_MIN, INT64_MAX, &number) ||
            number != json_integer_value(value))
            oracle_differs("integer", text, len);
    } else if (kind == MR_JSON_NUMBER) {
        double number, expected = json_real_value(value);
        if (mr_to_double(text + span->at, span->len, &number) == MR_REASON_NONE &&
            memcmp(&number, &expected, sizeof number) != 0)
            oracle_differs("double", text, len);
    } else if (kind == MR_JSON_OBJECT || kind == MR_JSON_ARRAY) {
        json_t *again = json_loadb(text + span->at, span->len, JSON_ALLOW_NUL, NULL);
        if (!json_equal(again, value))
            oracle_differs("text", text, len);
        json_decref(again);
    }
}

/* Returns whether both accept the text. */
static bool oracle_agree(const char *text, size_t len)
{
    mr_arena *arena = mr_arena_new();
    mr_paths *paths = mr_paths_new(arena, ORACLE_PATHS, 2 * ORACLE_PATHS);
    mr_span spans[ORACLE_PATHS];
    uint32_t number[ORACLE_PATHS];
    size_t position;
    json_error_t error;
    for (int i = 0; i < ORACLE_PATHS; i++)
        number[i] = mr_paths_add(paths, oracle_steps[i], oracle_steps[i][1] ? 2 : 1);
    mr_paths_seal(paths);
    mr_reason reason = mr_json_scan(paths, text, len, spans, &position);
    json_t *root = json_loadb(text, len, JSON_ALLOW_NUL, &error);
    bool range = !root && json_error_code(&error) == json_error_numeric_overflow;
    bool overlooked = root && reason && memchr(text, 0, len);
    if (position > len)
        oracle_differs("position", text, len);
    bool array = json_is_array(root) && reason == MR_REASON_JSON_ROOT;
    if (!range && !overlooked && !array && reason != MR_REASON_JSON_DEPTH &&
        (reason == MR_REASON_NONE) != (root != NULL))
        oracle_differs(mr_reason_name(reason), text, len);
    for (int i = 0; root && !reason && i < ORACLE_PATHS; i++) {
        mr_json_kind kind;
        const json_t *value = oracle_follow(root, oracle_steps[i], &kind);
        oracle_compare(text, len, mr_paths_span(paths, spans, number[i]), value, kind);
    }
    bool both = root && !reason;
    json_decref(root);
    mr_arena_free(arena);
    return both;
}

#endif
