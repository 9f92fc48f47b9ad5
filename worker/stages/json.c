/* The pass: structure, token by token (json_token.h), or by what came in the events before (json_guess.h). */
#include "stages/json.h"

#include "json_guess.h"
#include "json_paths.h"
#include "json_token.h"

/* Where the pass stands; a text begins with a value. */
typedef enum where { VALUE, INSIDE, BEHIND } where;

/* An object or array that is not closed yet. */
typedef struct level {
    const mr_node *node;
    const mr_scope *scope;
    uint32_t index; /* of the next element; OBJECT */
} level;

typedef struct pass {
    mr_tokens in;
    const mr_paths *paths;
    mr_span *spans;
    mr_guesses *guesses; /* NULL: none */
    level *open, *last;  /* what is open; the first one is the text around */
    /* Of what pass_unknown passed last: */
    const mr_node *child; /* what the value behind it is wanted for */
    mr_guess *piece;      /* its guess */
} pass;

#define OBJECT UINT32_MAX

/* ---- what is wanted ---- */

/* Forgets what was found below `node`: it is as `kind` says, unless something follows. */
MR_HOT void reset_below(const pass *p, const mr_node *node, mr_json_kind kind, uint32_t at)
{
    for (uint32_t i = node->below_from; i < node->below_to; i++)
        p->spans[i] = (mr_span){.kind = (uint8_t)kind, .at = at};
}

MR_HOT void found(const pass *p, const mr_node *node, mr_json_kind kind, uint32_t at, uint32_t end,
                  bool escaped)
{
    if (kind != MR_JSON_OBJECT && kind != MR_JSON_ARRAY)
        reset_below(p, node, kind == MR_JSON_NULL ? MR_JSON_NULL : MR_JSON_WRONG_STEP, at);
    if (node->own != MR_NODE_NONE)
        p->spans[node->own] = (mr_span){.at = at, .len = end - at, .kind = (uint8_t)kind, .escaped = escaped};
}

/* A string; what is passed is remembered when `node` is given. */
MR_HOT bool pass_string_value(pass *p, const char *text, uint32_t *at, const mr_node *node)
{
    bool escaped;
    uint32_t from = ++*at;
    if (!mr_token_string(&p->in, text, at, &escaped))
        return false;
    if (node)
        found(p, node, MR_JSON_STRING, from, *at, escaped);
    ++*at;
    return true;
}

/* A number, true, false, null. */
MR_HOT bool pass_plain(pass *p, const char *text, uint32_t len, uint32_t *at, const mr_node *node)
{
    mr_json_kind kind = MR_JSON_NUMBER;
    uint32_t from = *at;
    if (mr_token_is_digit(text[from]) || text[from] == '-') {
        if (!mr_token_number(&p->in, text, len, at))
            return false;
    } else if (!mr_token_word(&p->in, text, len, at, &kind)) {
        return false;
    }
    if (node)
        found(p, node, kind, from, *at, false);
    return true;
}

/* ---- structure, looked at byte by byte ---- */

/* Apart for its buffer: every call would clear it. */
__attribute__((noinline)) static const mr_node *child_escaped(const pass *p, const mr_node *node, uint32_t at,
                                                              uint32_t len)
{
    char plain[MR_STEP_MAX];
    if (!node->table || len > sizeof plain)
        return NULL; /* longer than any step: six bytes make at least one */
    return mr_child_named(node, plain, mr_json_unescape(p->in.text + at, len, plain), sizeof plain);
}

/* What leads to a value inside the innermost bracket: a name and its colon, or nothing.  p->child is what the value is wanted for. */
static bool pass_to_value(pass *p, uint32_t *at)
{
    level *one = p->last;
    bool escaped;
    p->child = NULL;
    if (one->index != OBJECT) {
        if (one->node && one->node->indexed)
            p->child = mr_child_indexed(p->paths, one->node, one->index);
        one->index++;
        return true;
    }
    if (!mr_token_char(&p->in, p->in.text, p->in.len, at, '"'))
        return false;
    uint32_t from = *at;
    if (!mr_token_string(&p->in, p->in.text, at, &escaped))
        return false;
    if (one->node && escaped)
        p->child = child_escaped(p, one->node, from, *at - from);
    else if (one->node)
        p->child = mr_child_named(one->node, p->in.text + from, *at - from, p->in.len - from);
    ++*at;
    if (!mr_token_char(&p->in, p->in.text, p->in.len, at, ':'))
        return false;
    *at = mr_token_skip_blank(p->in.text, p->in.len, *at);
    return true;
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

/* Behind a value, where something is open: what closes it, or a comma, which is *more. */
static bool pass_end(pass *p, uint32_t *at, mr_piece *piece, uint32_t from, bool *more)
{
    char c = *at < p->in.len ? p->in.text[*at] : 0;
    *more = c == ',';
    if (!*more) {
        if (c != (p->last->index == OBJECT ? '}' : ']'))
            return mr_token_refuse(&p->in, *at, MR_REASON_JSON_SYNTAX);
        if (p->last->node)
            close_wanted(p, p->last->node, c == '}', *at);
        mr_guess_turn(piece, (mr_turn){.node = p->last->node, .at = *at - from, .object = c == '}'});
        p->last--;
    }
    ++*at;
    return true;
}

/* A bracket that opens; *empty: what closes it is next. */
static bool pass_open(pass *p, uint32_t *at, mr_piece *piece, uint32_t from, bool *empty)
{
    bool object = p->in.text[*at] == '{';
    const mr_scope *scope = NULL;
    if (p->last == p->open + MR_JSON_DEPTH)
        return mr_token_refuse(&p->in, *at, MR_REASON_JSON_DEPTH);
    if (p->guesses)
        scope = mr_scope_inside(p->guesses, p->last->scope, p->child, object);
    if (!scope)
        piece->before = NULL;
    if (p->child)
        open_wanted(p, p->child, *at);
    *++p->last = (level){.node = p->child, .scope = scope, .index = object ? OBJECT : 0};
    mr_guess_turn(piece, (mr_turn){.node = p->child, .at = *at - from, .opens = true, .object = object});
    *at = mr_token_skip_blank(p->in.text, p->in.len, *at + 1);
    *empty = *at < p->in.len && p->in.text[*at] == (object ? '}' : ']');
    return true;
}

/* From behind a plain value, or from the beginning, to the next plain value, which is returned, or to the end of what is open.  MR_TOKEN_NONE: refused.
 * It is learnt as what follows `last`. */
__attribute__((noinline)) static uint32_t pass_between(pass *p, uint32_t from, where is, mr_guess *last)
{
    const char *text = p->in.text;
    mr_piece piece = {.before = p->last->scope};
    bool more = false, empty = false;
    uint32_t at = from;
    for (;;) {
        at = mr_token_skip_blank(text, p->in.len, at);
        if (is == BEHIND) {
            if (!pass_end(p, &at, &piece, from, &more))
                return MR_TOKEN_NONE;
            if (p->last == p->open)
                break;
            is = more ? INSIDE : BEHIND;
            continue;
        }
        if (is == INSIDE && !pass_to_value(p, &at))
            return MR_TOKEN_NONE;
        if (at == p->in.len) {
            mr_token_refuse(&p->in, at, MR_REASON_JSON_SYNTAX);
            return MR_TOKEN_NONE;
        }
        if (!mr_token_opens(text[at]))
            break;
        if (!pass_open(p, &at, &piece, from, &empty))
            return MR_TOKEN_NONE;
        is = empty ? BEHIND : INSIDE;
    }
    piece.child = p->child;
    piece.after = p->last->scope;
    piece.behind = p->last == p->open ? MR_BEHIND_END : text[at] == '"' ? MR_BEHIND_STRING : MR_BEHIND_PLAIN;
    p->piece = p->guesses ? mr_guess_learn(p->guesses, last, &piece, text + from, at - from) : last;
    return at;
}

/* ---- structure, guessed ---- */

/* Whether a value other than a string may begin here. */
MR_HOT bool may_be_plain(const char *text, uint32_t len, uint32_t at)
{
    return at < len && !mr_token_is_structure(text[at]) && text[at] != ']';
}

/* The one of the two pieces that came behind `last` before which stands at `at` now, or NULL. */
MR_HOT mr_guess *guess_at(const char *text, uint32_t len, uint32_t at, const mr_scope *scope,
                          const mr_guess *last)
{
    for (int i = 0; i < 2; i++) {
        mr_guess *guess = last->next[i];
        if (mr_guess_applies(guess, text + at, len - at, scope) &&
            (guess->is.behind != MR_BEHIND_PLAIN || may_be_plain(text, len, at + guess->len)))
            return guess;
    }
    return NULL;
}

/* Does what a guess at `at` means for wanted paths. */
MR_HOT void follow(const pass *p, const mr_guess *guess, uint32_t at)
{
    for (uint32_t i = 0; i < guess->is.turns; i++) {
        const mr_turn *turn = &guess->is.turn[i];
        if (turn->opens)
            open_wanted(p, turn->node, at + turn->at);
        else
            close_wanted(p, turn->node, turn->object, at + turn->at);
    }
}

/* While pieces are as guessed, only the scope is kept; this makes the list of what is open from it. */
static void open_scope(pass *p, const mr_scope *scope)
{
    uint32_t depth = 0;
    if (!scope || scope == p->last->scope)
        return; /* it is as it was left */
    for (const mr_scope *one = scope; one->around; one = one->around)
        depth++;
    p->last = p->open + depth;
    for (level *one = p->last; scope->around; scope = scope->around, one--)
        *one = (level){.node = scope->node, .scope = scope, .index = scope->object ? OBJECT : 0};
}

/* The usual: a comma, a name and its colon before a plain value, no blanks; MR_TOKEN_NONE when it is something else. */
MR_HOT uint32_t pass_member(pass *p, const char *text, uint32_t len, uint32_t at)
{
    if (p->last->index != OBJECT || len - at < 2 || text[at] != ',' || text[at + 1] != '"')
        return MR_TOKEN_NONE;
    uint32_t name = at += 2;
    uint64_t word = at < p->in.until ? mr_token_marks(&p->in, at) : 0;
    if (!word)
        return MR_TOKEN_NONE;
    at += (uint32_t)__builtin_ctzll(word);
    if (text[at] != '"' || len - at < 3 || text[at + 1] != ':' || mr_token_is_structure(text[at + 2]))
        return MR_TOKEN_NONE;
    const mr_node *node = p->last->node;
    p->child = node ? mr_child_named(node, text + name, at - name, len - name) : NULL;
    return at + 2;
}

__attribute__((noinline)) static void learn_member(pass *p, mr_guess *last, uint32_t from, uint32_t until)
{
    const mr_scope *scope = p->last->scope;
    const mr_piece piece = {.before = scope,
                            .after = scope,
                            .child = p->child,
                            .behind = p->in.text[until] == '"' ? MR_BEHIND_STRING : MR_BEHIND_PLAIN};
    p->piece = mr_guess_learn(p->guesses, last, &piece, p->in.text + from, until - from);
}

/* pass_between for what was not guessed. */
MR_HOT uint32_t pass_unknown(pass *p, const char *text, uint32_t len, uint32_t from, where is, mr_guess *last)
{
    uint32_t at = is == BEHIND && from < len ? pass_member(p, text, len, from) : MR_TOKEN_NONE;
    if (at == MR_TOKEN_NONE)
        return pass_between(p, from, is, last);
    p->piece = NULL;
    if (last)
        learn_member(p, last, from, at);
    return at;
}

/* An object or array that is the whole text.  No recursion: what is open is in a list, so a hostile text takes no more stack than any. */
static bool pass_text(pass *p, const char *text, uint32_t len, uint32_t *end)
{
    const mr_scope *const outside = p->open->scope, *scope = outside;
    mr_guess *piece = p->guesses ? &p->guesses->first : NULL;
    const mr_node *node = NULL;
    uint32_t at = *end;
    p->child = p->paths->node;
    for (where is = VALUE;; is = BEHIND) {
        mr_guess *guess = piece ? guess_at(text, len, at, scope, piece) : NULL;
        if (guess) {
            follow(p, guess, at);
            at += guess->len;
            scope = guess->is.after;
            node = guess->is.child;
            piece = guess;
        } else {
            open_scope(p, scope);
            if ((at = pass_unknown(p, text, len, at, is, piece)) == MR_TOKEN_NONE)
                return false;
            scope = p->last->scope;
            node = p->child;
            piece = p->piece;
        }
        if (!guess || guess->is.behind != MR_BEHIND_STRING) {
            if (scope == outside)
                break;
            if (text[at] != '"') {
                if (!pass_plain(p, text, len, &at, node))
                    return false;
                continue;
            }
        }
        if (!pass_string_value(p, text, &at, node))
            return false;
    }
    *end = at;
    return true;
}

/* A text that is JSON, but no event. */
static bool pass_lone(pass *p, const char *text, uint32_t len, uint32_t *at)
{
    if (*at == len)
        return mr_token_refuse(&p->in, *at, MR_REASON_JSON_SYNTAX);
    if (text[*at] != '"')
        return pass_plain(p, text, len, at, NULL);
    return pass_string_value(p, text, at, NULL);
}

mr_reason mr_json_scan(const mr_paths *paths, mr_guesses *guesses, const char *text, size_t len,
                       mr_span *spans, size_t *position)
{
    __attribute__((uninitialized)) uint64_t marks[MR_MARKS_WORDS + 1]; /* mark() fills as much as it needs */
    __attribute__((uninitialized)) level open[MR_JSON_DEPTH + 1];
    static const mr_scope outside; /* of a text that is alone */
    *position = 0;
    if (len > UINT32_MAX - MR_MARKS_WINDOW)
        return MR_REASON_TOO_LARGE;
    pass p = {
        .in = {.text = text, .len = (uint32_t)len, .marks = marks, .mark = paths->mark, .utf8 = paths->utf8},
        .paths = paths,
        .spans = spans,
        .guesses = guesses ? mr_guesses_begin(guesses, len) : NULL,
        .open = open,
        .last = open};
    open[0] = (level){.scope = p.guesses ? p.guesses->scope : &outside};
    uint32_t at = mr_token_skip_blank(text, p.in.len, 0);
    bool object = at < p.in.len && text[at] == '{';
    bool well = at < p.in.len && mr_token_opens(text[at]) ? pass_text(&p, text, p.in.len, &at)
                                                          : pass_lone(&p, text, p.in.len, &at);
    if (well) {
        p.in.at = mr_token_skip_blank(text, p.in.len, at);
        well = p.in.at == p.in.len || mr_token_refuse(&p.in, p.in.at, MR_REASON_JSON_SYNTAX);
    }
    *position = p.in.at;
    if (!well)
        return p.in.reason;
    if (!object) {
        *position = 0;
        return MR_REASON_JSON_ROOT;
    }
    return MR_REASON_NONE;
}
