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
 * The bytes are compared at every use; the scope need not be, for only what came in the scope in which a piece ends is kept behind it, and no guess
 * is overwritten: when there is no room all are forgotten, between two events.
 *
 * Speculation on what comes next is from Mison (Y. Li et al., "Mison: A Fast JSON Parser for Data Analytics", VLDB 2017), two remembered answers at the
 * place of use from polymorphic inline caches (U. Hoelzle et al., 1991).
 *
 * One thread.  Memory is taken in mr_guesses_new only: MR_GUESSES and MR_SCOPES of them, whatever comes.  Learning takes a bounded time.
 */
#ifndef MR_STAGES_JSON_GUESS_H
#define MR_STAGES_JSON_GUESS_H

#include "json_paths.h"

#include <stddef.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define MR_GUESS_BITS    9
#define MR_GUESSES       (1 << MR_GUESS_BITS)
#define MR_SCOPES        128
#define MR_GUESS_BYTES   64 /* longer pieces are not remembered */
#define MR_GUESS_QUICK   16 /* compared at once */
#define MR_GUESS_NO_SPAN UINT16_MAX
#define MR_GUESS_TURNS   4 /* nor those with more brackets on wanted paths */

struct mr_guess;
struct mr_scope;

/* What came behind a piece, the latest to be learnt first, and the scope in which that is. */
typedef struct mr_next {
    struct mr_guess *guess[2];
    struct mr_scope *scope;
} mr_next;

/* The brackets that are open, the innermost one here.  Arrays of which elements are wanted by their number have none, nor has what is in them. */
typedef struct mr_scope {
    struct mr_scope *around; /* NULL: the text around the outermost one */
    const mr_node *node;     /* the path it is on; NULL: nothing in it is wanted */
    bool object;
    mr_next next; /* what came behind a piece that cannot be learnt */
} mr_scope;

/* What a piece is followed by: a string, whose quote is compared, too; another plain value; nothing, for all brackets are closed.
 * MR_BEHIND_NEVER: it is no piece, for it is not JSON. */
typedef enum mr_behind { MR_BEHIND_STRING, MR_BEHIND_PLAIN, MR_BEHIND_END, MR_BEHIND_NEVER } mr_behind;

/* What has to be done of a piece and the value behind it. */
typedef enum mr_way {
    MR_WAY_STRING, /* a string that is not wanted: no more than its end is looked for */
    MR_WAY_WANTED, /* a string that is */
    MR_WAY_HASHED, /* and hashed */
    MR_WAY_PLAIN,  /* another plain value, wanted or not */
    MR_WAY_END,    /* nothing is behind it */
    MR_WAY_BELOW,  /* a plain value of which something below is wanted */
    MR_WAY_UNUSUAL, /* of the piece itself: it is longer than MR_GUESS_QUICK, or has brackets on wanted paths */
    MR_WAY_NEVER,   /* it is none */
} mr_way;

/* A bracket in a piece, on a wanted path. */
typedef struct mr_turn {
    const mr_node *node;
    uint32_t at; /* in the piece */
    bool opens, object;
} mr_turn;

/* What a piece meant, without its text. */
typedef struct mr_piece {
    mr_scope *before, *after; /* NULL: not to be learnt */
    const mr_node *child;     /* what the value behind it is wanted for, or NULL */
    mr_behind behind;
    uint32_t turns;
    mr_turn turn[MR_GUESS_TURNS];
} mr_piece;

/* All that a usual piece needs is in its first 64 bytes, a line of a cache. */
typedef struct mr_guess {
    _Alignas(64) mr_next next;
    uint16_t other; /* which of the first MR_GUESS_QUICK bytes are not compared: a bit each */
    uint16_t own;   /* the span of the value behind it, or MR_GUESS_NO_SPAN */
    uint8_t len;    /* of what is compared: the piece, and the quote of a string behind it */
    uint8_t marks;  /* how many of those bytes have one */
    uint8_t way;    /* mr_way */
    uint8_t value;  /* the same without what is unusual of the piece */
    _Alignas(16) char text[MR_GUESS_BYTES]; /* zero behind what is compared */
    uint32_t hash;
    mr_piece is;
} mr_guess;

_Static_assert(offsetof(mr_guess, text) + MR_GUESS_QUICK <= 64, "or the comment above is wrong");
_Static_assert(MR_GUESS_BYTES <= UINT8_MAX, "lengths are bytes");

struct mr_guesses {
    mr_guess place[MR_GUESSES];
    mr_scope scope[MR_SCOPES]; /* [0] is around the text */
    uint32_t list_from; /* so many bytes on, texts are passed by a list of their marks (json_guessed.c) */
    uint16_t list[MR_MARKS_WINDOW + MR_MARKS_SPARE]; /* for the event that is passed */
    uint32_t scopes;
    bool escapes; /* there were many in the last event */
    bool forget;  /* at the next event: there were more pieces or scopes */
    /* mr_guesses_hash */
    uint32_t hashed;  /* the span that is hashed where it is found, or MR_GUESS_NO_SPAN */
    uint32_t hash_at; /* where what was hashed begins; UINT32_MAX: nothing was in this event */
    uint64_t hash;
    /* Of this trial of so many events, and how many there are until the next. */
    uint64_t bytes;
    uint32_t trial, events, misses, rest;
};

extern mr_guess mr_guess_none; /* MR_WAY_NEVER */

/* Before an event.  NULL: guessing does not pay for these events, it is tried again later. */
mr_guesses *mr_guesses_begin(mr_guesses *guesses, size_t len);

/* The scope inside a bracket that opens in `around`; NULL when it has none. */
mr_scope *mr_scope_inside(mr_guesses *guesses, mr_scope *around, const mr_node *node, bool object);

/* Adds a bracket to a piece in the making, if something is to be done of it. */
static inline void mr_guess_turn(mr_piece *piece, mr_turn turn)
{
    if (!turn.node || (!turn.opens && turn.node->own == MR_NODE_NONE))
        return;
    if (piece->turns < MR_GUESS_TURNS)
        piece->turn[piece->turns] = turn;
    piece->turns++;
}

/* `text` was passed behind what `last` is of, and is that piece.  Returns what came behind it. */
mr_next *mr_guess_learn(mr_guesses *guesses, mr_next *last, const mr_piece *piece, const char *text,
                        size_t len);

#if defined(__SSE2__)
/* A bit for each of MR_GUESS_QUICK bytes that is the same. */
static inline uint32_t mr_guess_same(const char *a, const char *b)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)a);
    __m128i y = _mm_loadu_si128((const __m128i *)(const void *)b);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));
}
#endif

/* Whether the first MR_GUESS_QUICK bytes of the piece are those at `at`, where so many are left. */
static inline bool mr_guess_begins(const mr_guess *guess, const char *at)
{
#if defined(__SSE2__)
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i same = _mm_cmpeq_epi8(bytes, *(const __m128i *)(const void *)guess->text);
    return ((uint32_t)_mm_movemask_epi8(same) | guess->other) == UINT16_MAX;
#else
    uint32_t compared = guess->len;
    return !memcmp(at, guess->text, compared < MR_GUESS_QUICK ? compared : MR_GUESS_QUICK);
#endif
}

/* Whether the piece is what stands at `at`, where `left` bytes are left. */
static inline bool mr_guess_applies(const mr_guess *guess, const char *at, uint32_t left)
{
    uint32_t compared = guess->len;
    return left >= compared && !memcmp(at, guess->text, compared);
}

/* The same for one that is longer than MR_GUESS_QUICK, of which so many bytes are known to stand there, and all are left. */
static inline bool mr_guess_goes_on(const mr_guess *guess, const char *at)
{
#if defined(__SSE2__)
    size_t last = guess->len - MR_GUESS_QUICK;
    if (mr_guess_same(at + last, guess->text + last) != UINT16_MAX)
        return false;
    for (size_t from = MR_GUESS_QUICK; from < last; from += MR_GUESS_QUICK)
        if (mr_guess_same(at + from, guess->text + from) != UINT16_MAX)
            return false;
    return true;
#else
    return mr_guess_applies(guess, at, guess->len);
#endif
}

#endif
