/* json.h: one strict pass over a JSON text that remembers where the wanted values stand.
 *
 * RFC 8259, UTF-8 checked everywhere (RFC 3629), lone surrogates refused, nesting up to MR_JSON_DEPTH.  No tree, no allocation: the wanted
 * paths are compiled into a trie at start, and the pass fills one span for each.  Of repeated names the last counts: a later value replaces
 * everything found below an earlier one.  A step that is a number indexes an array.
 *
 * mr_paths is built once and then read-only (any thread); spans are the caller's.  mr_guesses is what a thread remembers of how the events before
 * were written, for one mr_paths: it makes the pass faster and changes no result.  Linear in the text, with a stack of one size.
 */
#ifndef MR_STAGES_JSON_H
#define MR_STAGES_JSON_H

#include "base/arena.h"
#include "stages/reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_JSON_DEPTH 512

typedef enum mr_json_kind {
    MR_JSON_MISSING,
    MR_JSON_NULL, /* null, or a step to it is null */
    MR_JSON_TRUE,
    MR_JSON_FALSE,
    MR_JSON_NUMBER,
    MR_JSON_STRING, /* the span lies between the quotes */
    MR_JSON_OBJECT,
    MR_JSON_ARRAY,
    MR_JSON_WRONG_STEP, /* a step to it is neither object nor array nor null */
} mr_json_kind;

typedef struct mr_span {
    uint32_t at, len; /* in the text, bytes */
    uint8_t kind;     /* mr_json_kind */
    bool escaped;     /* a string with escapes in it */
} mr_span;

typedef struct mr_paths mr_paths;
typedef struct mr_guesses mr_guesses;

/* Room for paths_max paths with steps_max steps in all. */
mr_paths *mr_paths_new(mr_arena *arena, size_t paths_max, size_t steps_max);
/* Returns the number by which mr_paths_span finds the span; the same path gives the same number. */
uint32_t mr_paths_add(mr_paths *paths, const char *const *step, size_t steps);
void mr_paths_seal(mr_paths *paths); /* after the last one */
const mr_span *mr_paths_span(const mr_paths *paths, const mr_span *spans, uint32_t number);

mr_guesses *mr_guesses_new(mr_arena *arena);

/* From now on, the path's string is hashed (FNV-1a 64) where it is found by a guess: that is a chain of multiplications, of which the pass need not wait for
 * any.  Before the first text. */
void mr_guesses_hash(mr_guesses *guesses, const mr_paths *paths, uint32_t number);
/* The hash of a string without escapes, of the text that was scanned last; `span` is any. */
uint64_t mr_guesses_hash_of(const mr_guesses *guesses, const char *text, const mr_span *span);

/* Fills `spans`, one for each path that was added; on refusal *position says where in the text.  guesses: NULL for a text that is alone. */
mr_reason mr_json_scan(const mr_paths *paths, mr_guesses *guesses, const char *text, size_t len,
                       mr_span *spans, size_t *position);

/* The text that a string span stands for (at most its length), written to `out`; returns its length.  The span was scanned. */
size_t mr_json_unescape(const char *text, size_t len, char *out);
/* How many bytes the escape at `text`, which begins with its backslash, takes of the `len` that are left; 0: it is none. */
size_t mr_json_escape_len(const char *text, size_t len);
/* One escape that was scanned, at its backslash: writes at most 4 bytes and returns how many of the text it took. */
size_t mr_json_unescape_one(const char *text, char *out, size_t *written);

#endif
