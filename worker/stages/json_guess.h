/* json_guess.h: which piece of structure followed which in the events before; the inside of json.c.
 *
 * Events of a stream are alike.  What stands between two plain values (strings, numbers, words) is mostly what stood there in the event before:
 *
 *     {"type":"track","userId":"u-1","properties":{"total":12.5}}
 *     '------'       '---------'    '----------------------'  ''      four pieces, each with two that came next
 *
 * A guess is such a piece with all that it meant: which brackets it closed and opened,
 * and what the value behind it is wanted for (a node of the trie, json_paths.h).  Where the same bytes stand in the same scope, that is, with the
 * same brackets open on the same paths, they are as well-formed as they were then and mean the same, so nothing of them is looked at again.
 * Both are compared at every use: a guess that was overwritten, or follows where it should not, costs time and nothing else.
 *
 * Speculation on what comes next is from Mison (Y. Li et al., "Mison: A Fast JSON Parser for Data Analytics", VLDB 2017), two remembered answers at the
 * place of use from polymorphic inline caches (U. Hoelzle et al., 1991).
 *
 * One thread.  Memory is taken in mr_guesses_new only: MR_GUESSES and MR_SCOPES of them, whatever comes.  Learning takes a bounded time.
 */
#ifndef MR_STAGES_JSON_GUESS_H
#define MR_STAGES_JSON_GUESS_H

#include "json_paths.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define MR_GUESS_BITS  9
#define MR_GUESSES     (1 << MR_GUESS_BITS)
#define MR_SCOPES      128
#define MR_GUESS_BYTES 64 /* longer pieces are not remembered */
#define MR_GUESS_HALF  32
#define MR_GUESS_TURNS 4 /* nor those with more brackets on wanted paths */

/* The brackets that are open, the innermost one here.  Arrays of which elements are wanted by their number have none, nor has what is in them. */
typedef struct mr_scope {
    const struct mr_scope *around; /* NULL: the text around the outermost one */
    const mr_node *node;           /* the path it is on; NULL: nothing in it is wanted */
    bool object;
} mr_scope;

/* What a piece is followed by: a string, whose quote is compared, too; another plain value; nothing, for all brackets are closed. */
typedef enum mr_behind { MR_BEHIND_STRING, MR_BEHIND_PLAIN, MR_BEHIND_END } mr_behind;

/* A bracket in a piece, on a wanted path. */
typedef struct mr_turn {
    const mr_node *node;
    uint32_t at; /* in the piece */
    bool opens, object;
} mr_turn;

/* What a piece meant, without its text. */
typedef struct mr_piece {
    const mr_scope *before, *after; /* NULL: not to be learnt */
    const mr_node *child;           /* what the value behind it is wanted for, or NULL */
    mr_behind behind;
    uint32_t turns;
    mr_turn turn[MR_GUESS_TURNS];
} mr_piece;

typedef struct mr_guess {
    _Alignas(16) char text[MR_GUESS_BYTES]; /* zero behind what is compared */
    uint64_t bytes;                         /* which of them are compared: a bit each */
    mr_piece is;
    struct mr_guess *next[2]; /* that came behind it, the latest to be learnt first */
    uint32_t hash, len;
    uint32_t compared; /* len, and the quote of the string behind it */
} mr_guess;

struct mr_guesses {
    mr_guess first; /* before the beginning: no piece of its own */
    mr_guess place[MR_GUESSES];
    mr_scope scope[MR_SCOPES]; /* [0] is around the text */
    uint32_t scopes;
    bool forget; /* at the next event: there were more scopes */
    /* Of this trial, and how many events there are until the next. */
    uint64_t bytes;
    uint32_t events, misses, rest;
};

/* For a text that is alone: follows itself and never applies. */
extern mr_guess mr_guess_nothing;

/* Before an event.  NULL: guessing does not pay for these events, it is tried again later. */
mr_guesses *mr_guesses_begin(mr_guesses *guesses, size_t len);

/* The scope inside a bracket that opens in `around`; NULL when it has none. */
const mr_scope *mr_scope_inside(mr_guesses *guesses, const mr_scope *around, const mr_node *node,
                                bool object);

/* Adds a bracket to a piece in the making. */
static inline void mr_guess_turn(mr_piece *piece, mr_turn turn)
{
    if (turn.node && piece->turns < MR_GUESS_TURNS)
        piece->turn[piece->turns] = turn;
    piece->turns += turn.node != NULL;
}

/* `text` was passed behind `last`, and is that piece.  Returns its guess, or `last`. */
mr_guess *mr_guess_learn(mr_guesses *guesses, mr_guess *last, const mr_piece *piece, const char *text,
                         size_t len);

#if defined(__SSE2__)
/* A bit for each of MR_GUESS_HALF bytes that differs; text: aligned. */
static inline uint32_t mr_guess_differs(const char *at, const char *text)
{
    const __m128i *a = (const __m128i *)(const void *)at, *b = (const __m128i *)(const void *)text;
    uint32_t low = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_load_si128(b)));
    uint32_t high =
        (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a + 1), _mm_load_si128(b + 1)));
    return ~(low | high << 16);
}
#endif

/* Whether the piece is what stands at `at`, where `left` bytes are left. */
static inline bool mr_guess_applies(const mr_guess *guess, const char *at, uint32_t left,
                                    const mr_scope *scope)
{
    uint32_t len = guess->compared;
#if defined(__SSE2__)
    if (left >= (len > MR_GUESS_HALF ? MR_GUESS_BYTES : MR_GUESS_HALF))
        return !(mr_guess_differs(at, guess->text) & (uint32_t)guess->bytes) && guess->is.before == scope &&
               (len <= MR_GUESS_HALF || !(mr_guess_differs(at + MR_GUESS_HALF, guess->text + MR_GUESS_HALF) &
                                          (uint32_t)(guess->bytes >> 32)));
#endif
    return guess->is.before == scope && left >= len && !memcmp(at, guess->text, len);
}

#endif
