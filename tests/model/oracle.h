/* oracle.h: our JSON pass against jansson, on one text: the same verdict and, where both accept it, the same values.
 * Used by the differential test and by the fuzzer; any difference aborts with the text.
 *
 * Known differences, each looked at for itself in oracle_excused:
 *   - an event is an object; jansson also takes an array at the top;
 *   - we nest to 512 because an event's path through the stack is bounded, jansson to 2,048;
 *   - a number is looked at only where a column wants it, so what is beyond int64 or double is well-formed for us;
 *   - jansson has no names with a zero byte (\u0000) in them, whose object it could not represent; an event may have them;
 *   - jansson takes a NUL byte that follows a number for the end of the text, or for blank.
 * Repeated names are no difference: the last one counts for both.
 */
#ifndef MR_TESTS_ORACLE_H
#define MR_TESTS_ORACLE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/json.h"
#include "stages/values.h"
#include "tests/model/lists.h"

enum { ORACLE_PATHS = 4, ORACLE_LONG_DOUBLE = 1200 /* longer numbers are not rounded */ };

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
        mr_reason reason = mr_to_double(text + span->at, span->len, &number);
        if (reason ? reason != MR_REASON_TOO_PRECISE || span->len < ORACLE_LONG_DOUBLE
                   : memcmp(&number, &expected, sizeof number) != 0)
            oracle_differs("double", text, len);
    } else if (kind == MR_JSON_OBJECT || kind == MR_JSON_ARRAY) {
        json_t *again = json_loadb(text + span->at, span->len, JSON_ALLOW_NUL, NULL);
        if (!json_equal(again, value))
            oracle_differs("text", text, len);
        json_decref(again);
    }
}

/* How deep a well-formed text nests. */
static int oracle_depth(const char *text, size_t len)
{
    int depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            quoted = !quoted;
        else if (quoted)
            i += text[i] == '\\';
        else if (text[i] == '{' || text[i] == '[')
            deepest = ++depth > deepest ? depth : deepest;
        else if (text[i] == '}' || text[i] == ']')
            depth--;
    }
    return deepest;
}

/* Whether the verdicts may differ; what excuses it is in the head of this file. */
static bool oracle_excused(const char *text, size_t len, mr_reason reason, size_t position,
                           const json_t *root, const json_error_t *error)
{
    if (!root)
        return json_error_code(error) == json_error_numeric_overflow ||
               json_error_code(error) == json_error_null_byte_in_key;
    switch (reason) {
    case MR_REASON_JSON_ROOT:
        return json_is_array(root);
    case MR_REASON_JSON_DEPTH:
        return oracle_depth(text, len) > MR_JSON_DEPTH;
    default:
        return position < len && text[position] == 0;
    }
}

typedef struct oracle {
    mr_arena *arena;
    mr_paths *paths;
    mr_guesses *guesses; /* from all texts since oracle_open */
    uint32_t number[ORACLE_PATHS];
} oracle;

static oracle oracle_open(void)
{
    mr_arena *arena = mr_arena_new();
    oracle o = {.arena = arena,
                .paths = mr_paths_new(arena, ORACLE_PATHS, 2 * ORACLE_PATHS),
                .guesses = mr_guesses_new(arena)};
    for (int i = 0; i < ORACLE_PATHS; i++)
        o.number[i] = mr_paths_add(o.paths, oracle_steps[i], oracle_steps[i][1] ? 2 : 1);
    mr_paths_seal(o.paths);
    return o;
}

static void oracle_close(oracle *o)
{
    mr_arena_free(o->arena);
}

/* With what was learnt from the texts before, and twice more with what this one taught, by marks and by their list: the same as without. */
static void oracle_guess(oracle *o, const char *text, size_t len, mr_reason reason, size_t position,
                         const mr_span *spans)
{
    for (int again = 0; again < 3; again++) {
        mr_span guessed[ORACLE_PATHS];
        size_t at;
        lists_turn(o->guesses);
        mr_reason verdict = mr_json_scan(o->paths, o->guesses, text, len, guessed, &at);
        if (verdict != reason || at != position) {
            fprintf(stderr, "%s at %zu, and with guesses %s at %zu\n", mr_reason_name(reason), position,
                    mr_reason_name(verdict), at);
            oracle_differs("guessed", text, len);
        }
        for (int i = 0; i < ORACLE_PATHS && !reason; i++)
            if (guessed[i].at != spans[i].at || guessed[i].len != spans[i].len ||
                guessed[i].kind != spans[i].kind || guessed[i].escaped != spans[i].escaped)
                oracle_differs("guessed span", text, len);
    }
}

/* Returns whether both accept the text. */
static bool oracle_agree(oracle *o, const char *text, size_t len)
{
    mr_span spans[ORACLE_PATHS];
    size_t position;
    json_error_t error;
    mr_reason reason = mr_json_scan(o->paths, NULL, text, len, spans, &position);
    oracle_guess(o, text, len, reason, position, spans);
    json_t *root = json_loadb(text, len, JSON_ALLOW_NUL, &error);
    /* Integers beyond int64 as doubles: then only what is beyond those is left without a verdict. */
    json_t *larger = root || json_error_code(&error) != json_error_numeric_overflow
                         ? NULL
                         : json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (position > len)
        oracle_differs("position", text, len);
    bool theirs = root || larger;
    if ((reason == MR_REASON_NONE) != theirs &&
        !oracle_excused(text, len, reason, position, root ? root : larger, &error))
        oracle_differs(mr_reason_name(reason), text, len);
    if (theirs && !reason && oracle_depth(text, len) > MR_JSON_DEPTH)
        oracle_differs("depth", text, len);
    for (int i = 0; root && !reason && i < ORACLE_PATHS; i++) {
        mr_json_kind kind;
        const json_t *value = oracle_follow(root, oracle_steps[i], &kind);
        oracle_compare(text, len, mr_paths_span(o->paths, spans, o->number[i]), value, kind);
    }
    bool both = root && !reason;
    json_decref(root);
    json_decref(larger);
    return both;
}

#endif
