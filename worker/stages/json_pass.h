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

/* Passes members of an object, as long as they are as usual: `,"name":value` without blanks, the value a string, a number or a word.  What is not, wrong or
 * not, is left for the pass.  From behind a value, where something is open, to behind a value (json_members.c). */
uint32_t mr_pass_members(const pass *p, const char *text, uint32_t at);

#endif
