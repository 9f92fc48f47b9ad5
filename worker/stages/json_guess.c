#include "json_guess.h"

#include <string.h>

#include "base/cpu.h"
#include "base/hash.h"

#define PROBES    32
#define LIST_FROM 256 /* bytes; in a shorter text the list takes longer than it spares */

/* A miss costs about what hits spare in a hundred bytes. */
#define BYTES_A_MISS 100
#define TRIAL        64 /* events */
#define AGAIN        16 /* of a trial after a rest, which costs as much as some events that are not guessed */
#define REST         (15 * TRIAL)

/* Stands before so many zeros only, and then nothing can be done of it. */
mr_guess mr_guess_none = {.way = MR_WAY_NEVER, .value = MR_WAY_NEVER, .is.behind = MR_BEHIND_NEVER};

mr_next mr_next_none = {.guess = {&mr_guess_none, &mr_guess_none}};

static mr_next none_in(mr_scope *scope)
{
    return (mr_next){.guess = {&mr_guess_none, &mr_guess_none}, .scope = scope};
}

__attribute__((cold, noinline)) static void forget(mr_guesses *guesses)
{
    for (size_t i = 0; i < MR_GUESSES; i++)
        guesses->place[i] = mr_guess_none;
    guesses->scope[0].next = none_in(&guesses->scope[0]);
    guesses->scopes = 1;
    guesses->forget = false;
}

mr_guesses *mr_guesses_new(mr_arena *arena)
{
    mr_guesses *guesses = mr_arena_take(arena, "decoders", 1, sizeof *guesses);
    guesses->list_from = mr_cpu_vbmi() ? LIST_FROM : UINT32_MAX;
    forget(guesses);
    guesses->trial = TRIAL;
    guesses->hashed = MR_GUESS_NO_SPAN;
    return guesses;
}

void mr_guesses_hash(mr_guesses *guesses, const mr_paths *paths, uint32_t number)
{
    guesses->hashed = paths->span_of[number];
}

uint64_t mr_guesses_hash_of(const mr_guesses *guesses, const char *text, const mr_span *span)
{
    return span->at == guesses->hash_at ? guesses->hash : mr_fnv1a64(text + span->at, span->len);
}

mr_guesses *mr_guesses_begin(mr_guesses *guesses, size_t len)
{
    guesses->hash_at = UINT32_MAX;
    if (guesses->rest > 0) {
        guesses->rest--;
        return NULL;
    }
    if (guesses->forget)
        forget(guesses);
    if (++guesses->events > guesses->trial) {
        bool pays = guesses->misses <= guesses->bytes / BYTES_A_MISS;
        guesses->rest = pays ? 0 : REST;
        guesses->trial = pays ? TRIAL : AGAIN;
        guesses->events = 1;
        guesses->bytes = guesses->misses = 0;
    }
    guesses->bytes += len;
    return guesses;
}

mr_scope *mr_scope_inside(mr_guesses *guesses, mr_scope *around, const mr_node *node, bool object)
{
    if (!around || (!object && node && node->indexed))
        return NULL;
    for (uint32_t i = 1; i < guesses->scopes; i++) {
        mr_scope *one = &guesses->scope[i];
        if (one->around == around && one->node == node && one->object == object)
            return one;
    }
    if (guesses->scopes == MR_SCOPES) {
        guesses->forget = true;
        return NULL;
    }
    mr_scope *one = &guesses->scope[guesses->scopes++];
    *one = (mr_scope){.around = around, .node = node, .object = object, .next = none_in(one)};
    return one;
}

/* Of all bytes: names that are numbered differ in their midst. */
static uint32_t hash_of(const mr_scope *scope, const char *text, size_t len)
{
    const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t hash = len ^ (uintptr_t)scope;
    for (; len >= 8; text += 8, len -= 8) {
        hash = (hash ^ mr_load64(text)) * factor;
        hash ^= hash >> 32;
    }
    return (uint32_t)((hash ^ mr_name_short(text, len)) * factor >> 32);
}

/* The guess, or a free place for it; NULL: there is none near to where it has to be. */
static mr_guess *find(mr_guesses *guesses, const mr_piece *piece, const char *text, size_t len, uint32_t hash)
{
    uint32_t home = hash >> (32 - MR_GUESS_BITS); /* a product's upper bits are of all of its factor's */
    for (uint32_t i = 0; i < PROBES; i++) {
        mr_guess *at = &guesses->place[(home + i) % MR_GUESSES];
        if (at->is.behind == MR_BEHIND_NEVER || (at->hash == hash && at->is.before == piece->before &&
                                                 at->len == len && !memcmp(at->text, text, len)))
            return at;
    }
    return NULL;
}

static uint8_t marks_in(const char *text, size_t len)
{
    uint64_t marks[MR_MARKS_WORDS], left;
    uint8_t count = 0;
    mr_marks_scalar(text, len, marks);
    for (left = marks[0]; left; left &= left - 1)
        count++;
    return count;
}

static mr_way value_of(const mr_guesses *guesses, const mr_piece *piece, uint32_t own)
{
    const mr_node *child = piece->child;
    if (piece->behind == MR_BEHIND_END)
        return MR_WAY_END;
    if (child &&
        (child->below_from < child->below_to || (own == MR_GUESS_NO_SPAN && child->own != MR_NODE_NONE)))
        return MR_WAY_BELOW;
    if (piece->behind == MR_BEHIND_PLAIN)
        return MR_WAY_PLAIN;
    if (own == MR_GUESS_NO_SPAN)
        return MR_WAY_STRING;
    return own == guesses->hashed ? MR_WAY_HASHED : MR_WAY_WANTED;
}

static void make(const mr_guesses *guesses, mr_guess *guess, const mr_piece *piece, const char *text,
                 size_t compared, uint32_t hash)
{
    uint32_t own =
        piece->child && piece->child->own < MR_GUESS_NO_SPAN ? piece->child->own : MR_GUESS_NO_SPAN;
    mr_way value = value_of(guesses, piece, own);
    bool turns = piece->turns > 0;
    *guess = (mr_guess){.next = none_in(piece->after),
                        .other = (uint16_t)(compared < MR_GUESS_QUICK ? UINT16_MAX << compared : 0),
                        .own = (uint16_t)own,
                        .len = (uint8_t)compared,
                        .marks = marks_in(text, compared),
                        .way = (uint8_t)(turns || compared > MR_GUESS_QUICK ? MR_WAY_UNUSUAL : value),
                        .value = (uint8_t)value,
                        .hash = hash,
                        .is = *piece};
    memcpy(guess->text, text, compared);
}

mr_next *mr_guess_learn(mr_guesses *guesses, mr_next *last, const mr_piece *piece, const char *text,
                        size_t len)
{
    size_t compared = len + (piece->behind == MR_BEHIND_STRING);
    guesses->misses++;
    if (!piece->after)
        return &mr_next_none;
    if (!piece->before || piece->turns > MR_GUESS_TURNS || compared == 0 || compared > MR_GUESS_BYTES)
        return &piece->after->next;
    uint32_t hash = hash_of(piece->before, text, compared);
    mr_guess *guess = find(guesses, piece, text, compared, hash);
    if (!guess) {
        guesses->forget = true;
        return &piece->after->next;
    }
    if (guess->is.behind == MR_BEHIND_NEVER)
        make(guesses, guess, piece, text, compared, hash);
    last->guess[1] = last->guess[0];
    last->guess[0] = guess;
    return &guess->next;
}
