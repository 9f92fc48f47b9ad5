#include "json_guess.h"

#include <string.h>

#define PROBES 8

/* A miss costs about what hits spare in a hundred bytes. */
#define BYTES_A_MISS 100
#define TRIAL        64 /* events */
#define REST         (15 * TRIAL)

static const mr_scope nowhere;

mr_guess mr_guess_nothing = {.is.before = &nowhere, .next = {&mr_guess_nothing, &mr_guess_nothing}};

static void forget(mr_guesses *guesses)
{
    guesses->first = mr_guess_nothing;
    for (size_t i = 0; i < MR_GUESSES; i++)
        guesses->place[i] = mr_guess_nothing;
    guesses->scopes = 1;
    guesses->forget = false;
}

mr_guesses *mr_guesses_new(mr_arena *arena)
{
    mr_guesses *guesses = mr_arena_take(arena, "decoders", 1, sizeof *guesses);
    forget(guesses);
    return guesses;
}

mr_guesses *mr_guesses_begin(mr_guesses *guesses, size_t len)
{
    if (guesses->rest > 0) {
        guesses->rest--;
        return NULL;
    }
    if (guesses->forget)
        forget(guesses);
    if (++guesses->events > TRIAL) {
        if (guesses->misses > guesses->bytes / BYTES_A_MISS)
            guesses->rest = REST;
        guesses->events = 1;
        guesses->bytes = guesses->misses = 0;
    }
    guesses->bytes += len;
    return guesses;
}

const mr_scope *mr_scope_inside(mr_guesses *guesses, const mr_scope *around, const mr_node *node, bool object)
{
    if (!around || (!object && node && node->indexed))
        return NULL;
    for (uint32_t i = 1; i < guesses->scopes; i++) {
        const mr_scope *one = &guesses->scope[i];
        if (one->around == around && one->node == node && one->object == object)
            return one;
    }
    if (guesses->scopes == MR_SCOPES) {
        guesses->forget = true;
        return NULL;
    }
    guesses->scope[guesses->scopes] = (mr_scope){.around = around, .node = node, .object = object};
    return &guesses->scope[guesses->scopes++];
}

static uint32_t hash_of(const mr_scope *scope, const char *text, size_t len)
{
    const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t hash = (mr_name_head(text, len, len) ^ len ^ (uintptr_t)scope) * factor;
    return (uint32_t)((hash ^ hash >> 32 ^ mr_name_tail(text, len)) * factor >> 32);
}

/* The guess, or *room, where it has to go: a free place, or one that something else loses. */
static mr_guess *find(mr_guesses *guesses, const mr_piece *piece, const char *text, size_t len, uint32_t hash,
                      mr_guess **room)
{
    uint32_t home = hash >> (32 - MR_GUESS_BITS); /* a product's upper bits are of all of its factor's */
    for (uint32_t i = 0; i < PROBES; i++) {
        mr_guess *at = &guesses->place[(home + i) % MR_GUESSES];
        if (at->hash == hash && at->is.before == piece->before && at->compared == len &&
            !memcmp(at->text, text, len))
            return at;
        if (at->is.before == &nowhere) {
            *room = at;
            return NULL;
        }
    }
    *room = &guesses->place[home];
    return NULL;
}

mr_guess *mr_guess_learn(mr_guesses *guesses, mr_guess *last, const mr_piece *piece, const char *text,
                         size_t len)
{
    mr_guess *room = NULL;
    size_t compared = len + (piece->behind == MR_BEHIND_STRING);
    guesses->misses++;
    if (!piece->before || !piece->after || piece->turns > MR_GUESS_TURNS || compared == 0 ||
        compared > MR_GUESS_BYTES)
        return last;
    uint32_t hash = hash_of(piece->before, text, compared);
    mr_guess *guess = find(guesses, piece, text, compared, hash, &room);
    if (!guess) {
        guess = room;
        *guess = (mr_guess){.bytes = UINT64_MAX >> (MR_GUESS_BYTES - compared),
                            .is = *piece,
                            .next = {&mr_guess_nothing, &mr_guess_nothing},
                            .hash = hash,
                            .len = (uint32_t)len,
                            .compared = (uint32_t)compared};
        memcpy(guess->text, text, compared);
    }
    last->next[1] = last->next[0];
    last->next[0] = guess;
    return guess;
}
