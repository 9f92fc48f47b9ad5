/* The pass: structure, token by token (json_token.h), or by what came in the events before (json_guess.h). */
#include "stages/json.h"

#include "json_pass.h"

/* Where the pass stands; a text begins with a value. */
typedef enum where { VALUE, INSIDE, BEHIND } where;

/* ---- plain values ---- */

/* A string; what is passed is remembered when `node` is given. */
MR_HOT bool pass_string_value(pass *p, const char *text, uint32_t *at, const mr_node *node)
{
    uint32_t from = ++*at;
    if (!mr_token_string(&p->in, text, at))
        return false;
    if (node)
        found(p, node, MR_JSON_STRING, from, *at, mr_token_escaped(&p->in, text, from, *at));
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
    if (!mr_token_string(&p->in, p->in.text, at))
        return false;
    if (one->node && mr_token_escaped(&p->in, p->in.text, from, *at))
        p->child = child_escaped(p, one->node, from, *at - from);
    else if (one->node)
        p->child = mr_child_named(one->node, p->in.text + from, *at - from, p->in.len - from);
    ++*at;
    if (!mr_token_char(&p->in, p->in.text, p->in.len, at, ':'))
        return false;
    *at = mr_token_skip_blank(p->in.text, p->in.len, *at);
    return true;
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
    mr_scope *scope = NULL;
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
__attribute__((noinline)) static uint32_t pass_between(pass *p, uint32_t from, where is, mr_next *last)
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
    if (last)
        p->next = mr_guess_learn(p->guesses, last, &piece, text + from, at - from);
    return at;
}

/* ---- structure, guessed ---- */

/* Whether the piece, and what may stand behind it, is what stands at `at`. */
static bool is_at(const mr_guess *guess, const char *text, uint32_t len, uint32_t at)
{
    if (guess->is.behind == MR_BEHIND_NEVER ||
        (len - at >= MR_GUESS_QUICK && !mr_guess_begins(guess, text + at)) ||
        !mr_guess_applies(guess, text + at, len - at))
        return false;
    return guess->is.behind != MR_BEHIND_PLAIN || may_be_plain(text, len, at + guess->len);
}

/* While pieces are as guessed, only the scope is kept; this makes the list of what is open from it. */
static void open_scope(pass *p, mr_scope *scope)
{
    uint32_t depth = 0;
    if (!scope || scope == p->last->scope)
        return; /* it is as it was left */
    for (mr_scope *one = scope; one->around; one = one->around)
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
    if (text[at] != '"' || len - at < 3 || text[at + 1] != ':' || mr_token_is_structure(text[at + 2]) ||
        mr_token_escaped(&p->in, text, name, at))
        return MR_TOKEN_NONE;
    const mr_node *node = p->last->node;
    p->child = node ? mr_child_named(node, text + name, at - name, len - name) : NULL;
    return at + 2;
}

__attribute__((noinline)) static void learn_member(pass *p, mr_next *last, uint32_t from, uint32_t until)
{
    mr_scope *scope = p->last->scope;
    const mr_piece piece = {.before = scope,
                            .after = scope,
                            .child = p->child,
                            .behind = p->in.text[until] == '"' ? MR_BEHIND_STRING : MR_BEHIND_PLAIN};
    p->next = mr_guess_learn(p->guesses, last, &piece, p->in.text + from, until - from);
}

/* pass_between for what was not guessed. */
MR_HOT uint32_t pass_unknown(pass *p, const char *text, uint32_t len, uint32_t from, where is, mr_next *last)
{
    uint32_t at = is == BEHIND && from < len ? pass_member(p, text, len, from) : MR_TOKEN_NONE;
    if (at == MR_TOKEN_NONE)
        return pass_between(p, from, is, last);
    if (last)
        learn_member(p, last, from, at);
    return at;
}

MR_HOT bool pass_value(pass *p, const char *text, uint32_t len, uint32_t *at, const mr_node *node)
{
    return text[*at] == '"' ? pass_string_value(p, text, at, node) : pass_plain(p, text, len, at, node);
}

/* Whatever comes behind a plain value, or at the beginning, and the value behind it; *ended: everything is closed. */
MR_HOT bool pass_next(pass *p, const char *text, uint32_t len, where is, mr_next *next, bool *ended)
{
    uint32_t at = pass_unknown(p, text, len, p->at, is, next);
    if (at == MR_TOKEN_NONE)
        return false;
    *ended = p->last == p->open;
    bool well = *ended || pass_value(p, text, len, &at, p->child);
    p->at = at;
    return well;
}

static bool pass_unguessed(pass *p, const char *text, uint32_t len)
{
    bool ended = false;
    for (where is = VALUE; !ended; is = BEHIND) {
        if (is == BEHIND)
            p->at = mr_pass_members(p, text, p->at);
        if (!pass_next(p, text, len, is, NULL, &ended))
            return false;
    }
    return true;
}

mr_outcome mr_pass_slowly(pass *p)
{
    const char *text = p->in.text;
    uint32_t len = p->in.len;
    bool ended = false, well;
    for (int i = 0; i < 2; i++) {
        mr_guess *guess = p->next->guess[i];
        if (!is_at(guess, text, len, p->at))
            continue;
        follow(p, guess, p->at);
        if (guess->is.behind != MR_BEHIND_END)
            return mr_pass_value(p, guess);
        p->at += guess->len;
        return MR_ENDED;
    }
    open_scope(p, p->next->scope);
    well = pass_next(p, text, len, p->at == p->start ? VALUE : BEHIND, p->next, &ended);
    return !well ? MR_REFUSED : ended ? MR_ENDED : MR_WENT_ON;
}

mr_outcome mr_pass_value(pass *p, mr_guess *guess)
{
    p->at += guess->len - (guess->is.behind == MR_BEHIND_STRING);
    p->next = &guess->next;
    return pass_value(p, p->in.text, p->in.len, &p->at, guess->is.child) ? MR_WENT_ON : MR_REFUSED;
}

/* An object or array that is the whole text.  No recursion: what is open is in a list, so a hostile text takes no more stack than any. */
static bool pass_text(pass *p, uint32_t *at)
{
    p->child = p->paths->node;
    p->at = p->start = *at;
    if (!(p->guesses ? mr_pass_guessed(p, p->in.text) : pass_unguessed(p, p->in.text, p->in.len)))
        return false;
    *at = p->at;
    return true;
}

/* A text that is JSON, but no event. */
__attribute__((noinline)) static bool pass_lone(pass *p, const char *text, uint32_t len, uint32_t *at)
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
    __attribute__((uninitialized)) level open[MR_JSON_DEPTH + 1];
    __attribute__((uninitialized)) pass p; /* for its marks: mark() fills as much as it needs */
    *position = 0;
    if (len > UINT32_MAX - MR_MARKS_WINDOW)
        return MR_REASON_TOO_LARGE;
    p.in.mark = paths->mark;
    p.in.mark_listed = paths->mark_listed;
    p.in.escapes = paths->escapes;
    p.in.utf8 = paths->utf8;
    p.guesses = guesses ? mr_guesses_begin(guesses, len) : NULL;
    bool listed = p.guesses && len >= p.guesses->list_from && !p.guesses->escapes;
    p.listed = mr_tokens_begin(&p.in, text, (uint32_t)len, listed ? p.guesses->list : NULL) && listed;
    p.paths = paths;
    p.spans = spans;
    p.open = p.last = open;
    open[0] = (level){.scope = p.guesses ? p.guesses->scope : NULL};
    uint32_t at = mr_token_skip_blank(text, p.in.len, 0);
    bool object = at < p.in.len && text[at] == '{';
    bool well =
        at < p.in.len && mr_token_opens(text[at]) ? pass_text(&p, &at) : pass_lone(&p, text, p.in.len, &at);
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
