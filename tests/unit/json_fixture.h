/* json_fixture.h: what the tests of the JSON pass share: a few paths, and a scan that is the same with what was guessed from all texts before.
 *
 * A test's set_up adds its paths (add_path) between begin_paths and end_paths.
 */
#ifndef MR_TESTS_JSON_FIXTURE_H
#define MR_TESTS_JSON_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/json.h"
#include "tests/model/lists.h"

enum { PATHS_MAX = 8, PATH_NODES_MAX = 16 };

static mr_arena *arena;
static mr_paths *paths;
static mr_guesses *guesses; /* from all texts of this file */
static mr_span spans[PATHS_MAX];
static uint32_t path_count;

static inline void begin_paths(void)
{
    arena = mr_arena_new();
    paths = mr_paths_new(arena, PATHS_MAX, PATH_NODES_MAX);
}

static inline uint32_t add_path(const char *const *step, size_t steps)
{
    uint32_t number = mr_paths_add(paths, step, steps);
    path_count = number < path_count ? path_count : number + 1;
    return number;
}

static inline void end_paths(void)
{
    mr_paths_seal(paths);
    guesses = mr_guesses_new(arena);
}

static inline int tear_down(void **state)
{
    (void)state;
    mr_arena_free(arena);
    return 0;
}

static inline const mr_span *found(uint32_t path)
{
    return mr_paths_span(paths, spans, path);
}

/* Scans a copy without a byte after its end, so that a sanitizer sees an overrun. */
static inline mr_reason scan(const char *text, size_t len, size_t *position)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    mr_reason reason = mr_json_scan(paths, NULL, copy, len, spans, position);
    /* With what was learnt from other texts, and then from this one, by marks and by their list, it is the same. */
    for (int i = 0; i < 3; i++) {
        mr_span guessed[PATHS_MAX];
        size_t there;
        lists_turn(guesses);
        assert_int_equal(mr_json_scan(paths, guesses, copy, len, guessed, &there), reason);
        assert_int_equal(there, *position);
        for (uint32_t path = 0; path < path_count && !reason; path++) {
            const mr_span *one = mr_paths_span(paths, guessed, path);
            assert_memory_equal(one, found(path), offsetof(mr_span, escaped));
            assert_int_equal(one->escaped, found(path)->escaped);
        }
    }
    free(copy);
    return reason;
}

#endif
