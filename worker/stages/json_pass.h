/* json_pass.h: where the pass is in a text, and what it found there; the inside of json.c.
 *
 * One thread.  What is open is a list with room for the greatest depth, so nothing here takes memory.
 */
#ifndef MR_STAGES_JSON_PASS_H
#define MR_STAGES_JSON_PASS_H

#include "json_guess.h"
#include "json_paths.h"
#include "json_token.h"

#define OBJECT            UINT32_MAX
#define RARELY(condition) __builtin_expect(condition, 0)

/* An object or array that is not closed yet. */
typedef struct level {
    const mr_node *node;
    mr_scope *scope;
    uint32_t index; /* of the next element; OBJECT */
} level;

typedef struct pass {
    mr_tokens in;
    const mr_paths *paths;
    mr_span *spans;
    mr_guesses *guesses;  /* NULL: none */
    bool listed;          /* the places of the first window's marks */
    level *open, *last;   /* what is open; the first one is the text around */
    uint32_t start, at;   /* of the text's value; where it is now, between two plain values */
    mr_next *next;        /* what came behind the last piece before */
    const mr_node *child; /* what the value behind the last piece that was not guessed is wanted for */
} pass;

/* Forgets what was found below `node`: it is as `kind` says, unless something follows. */
MR_HOT void reset_below(const pass *p, const mr_node *node, mr_json_kind kind, uint32_t at)
{
    mr_span *span = p->spans + node->below_from, *end = p->spans + node->below_to;
    for (; span < end; span++)
        *span = (mr_span){.kind = (uint8_t)kind, .at = at};
}

MR_HOT void found(const pass *p, const mr_node *node, mr_json_kind kind, uint32_t at, uint32_t end,
                  bool escaped)
{
    if (kind != MR_JSON_OBJECT && kind != MR_JSON_ARRAY)
        reset_below(p, node, kind == MR_JSON_NULL ? MR_JSON_NULL : MR_JSON_WRONG_STEP, at);
    if (node->own != MR_NODE_NONE)
        p->spans[node->own] = (mr_span){.at = at, .len = end - at, .kind = (uint8_t)kind, .escaped = escaped};
}

/* A bracket on a wanted path. */
MR_HOT void open_wanted(const pass *p, const mr_node *node, uint32_t at)
{
    reset_below(p, node, MR_JSON_MISSING, at);
    if (node->own != MR_NODE_NONE)
        p->spans[node->own].at = at;
}

MR_HOT void close_wanted(const pass *p, const mr_node *node, bool object, uint32_t at)
{
    if (node->own != MR_NODE_NONE)
        found(p, node, object ? MR_JSON_OBJECT : MR_JSON_ARRAY, p->spans[node->own].at, at + 1, false);
}

/* Does what a guess at `at` means for wanted paths. */
MR_HOT void follow(const pass *p, const mr_guess *guess, uint32_t at)
{
    const mr_turn *turn = guess->is.turn, *end = turn + guess->is.turns;
    for (; RARELY(turn < end); turn++)
        if (turn->opens)
            open_wanted(p, turn->node, at + turn->at);
        else
            close_wanted(p, turn->node, turn->object, at + turn->at);
}

/* Whether a value other than a string may begin here. */
MR_HOT bool may_be_plain(const char *text, uint32_t len, uint32_t at)
{
    return at < len && (mr_token_is_digit(text[at]) ||
                        (!mr_token_is_structure(text[at]) && text[at] != ']' && text[at] != '"'));
}

/* Passes a text by the pieces that came in those before (json_guessed.c); false: refused. */
bool mr_pass_guessed(pass *p, const char *text);

/* What is not as usual for that.  ENDED: all is closed. */
typedef enum mr_outcome { MR_REFUSED, MR_ENDED, MR_WENT_ON } mr_outcome;

/* From p->at and p->next on, where no guess was seen to apply, which may be because the end of what is marked is near: by one nevertheless, or by none. */
mr_outcome mr_pass_slowly(pass *p);

/* The guess at p->at, which was followed, and the value behind it. */
mr_outcome mr_pass_value(pass *p, mr_guess *guess);

/* Passes members of an object, as long as they are as usual: `,"name":value` without blanks, the value a string, a number or a word.  What is not, wrong or
 * not, is left for the pass.  From behind a value, where something is open, to behind a value (json_members.c). */
uint32_t mr_pass_members(const pass *p, const char *text, uint32_t at);

#endif
