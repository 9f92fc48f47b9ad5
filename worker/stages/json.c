/* The pass.  Positions are offsets in the text.  A function that passes something moves *at behind it, or refuses; what is usual is inline and
 * as short as can be, what is rare is in functions of their own. */
#include "stages/json.h"

#include <string.h>

#include "base/must.h"
#include "json_paths.h"

typedef struct pass {
    const char *text;
    uint32_t len;
    uint32_t until;   /* marked: from the last multiple of MR_MARKS_WINDOW on */
    uint64_t *marks;  /* of those, and a zero behind */
    uint32_t checked; /* UTF-8 is looked at up to here: the beginning of a character */
    const mr_paths *paths;
    mr_span *spans;
    bool escaped;     /* the string that close_string came to the end of */
    mr_reason reason; /* of a refusal */
    uint32_t at;      /* and its place */
} pass;

/* An object or array that is not closed yet. */
typedef struct level {
    const mr_node *node;
    uint32_t from;  /* its bracket */
    uint32_t index; /* of the element that is passed; OBJECT */
} level;

#define OBJECT  UINT32_MAX
#define NOWHERE UINT32_MAX

#define HOT static inline __attribute__((always_inline))

__attribute__((cold, noinline)) static bool refuse(pass *p, uint32_t at, mr_reason reason)
{
    p->reason = reason;
    p->at = at;
    return false;
}

HOT bool is_blank(char c)
{
    return (unsigned char)c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

/* text and len are the pass's own: as arguments they stay in registers, whatever is stored meanwhile. */
HOT uint32_t skip_blank(const char *text, uint32_t len, uint32_t at)
{
    while (at < len && is_blank(text[at]))
        at++;
    return at;
}

/* Where `c` has to be, behind blanks; NOWHERE when there is something else. */
__attribute__((noinline)) static uint32_t behind_blank(pass *p, uint32_t at, char c)
{
    at = skip_blank(p->text, p->len, at);
    if (at < p->len && p->text[at] == c)
        return at;
    refuse(p, at, MR_REASON_JSON_SYNTAX);
    return NOWHERE;
}

/* What programs write has no blanks, or few. */
HOT bool pass_char(pass *p, const char *text, uint32_t len, uint32_t *at, char c)
{
    if (*at == len || text[*at] != c) {
        uint32_t there = behind_blank(p, *at, c);
        if (there == NOWHERE)
            return false;
        *at = there;
    }
    ++*at;
    return true;
}

/* ---- strings ---- */

/* Looks at the blocks in which there is more than ASCII.  The first character that is not well-formed gets a mark: the pass comes no further. */
static void check_utf8(pass *p, uint32_t base, uint64_t wide)
{
    if (p->checked < base)
        p->checked = base;
    while (wide) {
        uint32_t first = (uint32_t)__builtin_ctzll(wide);
        uint64_t above = ~(wide >> first);
        uint32_t blocks = above ? (uint32_t)__builtin_ctzll(above) : 64 - first;
        uint32_t from = base + 64 * first, until = from + 64 * blocks;
        wide &= wide + (UINT64_C(1) << first); /* without its lowest run of ones */
        if (from < p->checked)
            from = p->checked;
        if (until > p->until)
            until = p->until;
        if (from >= until)
            continue;
        p->checked = (uint32_t)p->paths->utf8(p->text, p->len, from, until);
        if (p->checked < until) {
            p->marks[(p->checked - base) / 64] |= UINT64_C(1) << p->checked % 64;
            return;
        }
    }
}

static void mark(pass *p, uint32_t at)
{
    uint32_t base = at - at % MR_MARKS_WINDOW;
    uint32_t size = p->len - base < MR_MARKS_WINDOW ? p->len - base : MR_MARKS_WINDOW;
    uint64_t wide = p->paths->mark(p->text + base, size, p->marks);
    p->marks[(size + 63) / 64] = 0;
    p->until = base + size;
    if (wide)
        check_utf8(p, base, wide);
}

/* The marks from `at` on, of 57 bytes or more as far as they are made; at < p->until. */
HOT uint64_t marks_from(const pass *p, uint32_t at)
{
    return mr_load64((const char *)p->marks + at / 8 % (MR_MARKS_WINDOW / 8)) >> at % 8;
}

/* The first mark at or after `at`; the text's length when there is none. */
static uint32_t next_mark(pass *p, uint32_t at)
{
    while (at < p->len) {
        if (at >= p->until)
            mark(p, at);
        uint64_t word = marks_from(p, at);
        if (word)
            return at + (uint32_t)__builtin_ctzll(word);
        at = p->until - at > 57 ? at + 57 : p->until;
    }
    return p->len;
}

/* In a string; returns the place of the closing quote, or NOWHERE.  Sets p->escaped when there is an escape. */
__attribute__((noinline)) static uint32_t close_string(pass *p, uint32_t at)
{
    p->escaped = false;
    for (;;) {
        mr_reason reason = MR_REASON_JSON_SYNTAX;
        at = next_mark(p, at);
        unsigned char c = at < p->len ? (unsigned char)p->text[at] : 0;
        if (c == '"')
            return at;
        if (c == '\\' && p->len - at > 1 && mr_json_means[(unsigned char)p->text[at + 1]]) {
            /* Most of them; that it takes two bytes is decided by a branch, so the next look need not wait for the table. */
            p->escaped = true;
            at += 2;
            continue;
        }
        size_t taken = c == '\\' ? mr_json_escape_len(p->text + at, p->len - at) : 0;
        if (!taken) {
            if (c == '\\' && p->len - at > 1)
                reason = MR_REASON_JSON_ESCAPE;
            if (c >= 0x80)
                reason = MR_REASON_JSON_UTF8;
            refuse(p, at, reason);
            return NOWHERE;
        }
        p->escaped = true;
        at += (uint32_t)taken;
    }
}

/* From behind the opening quote to the closing one. */
HOT bool pass_string(pass *p, const char *text, uint32_t *at, bool *escaped)
{
    if (*at < p->until) {
        uint64_t word = marks_from(p, *at);
        if (word) {
            *at += (uint32_t)__builtin_ctzll(word);
            *escaped = false;
            if (text[*at] == '"')
                return true;
        }
    }
    *at = close_string(p, *at);
    *escaped = p->escaped;
    return *at != NOWHERE;
}

/* Whether these three bytes come next, and one more. */
HOT bool follows(const char *text, uint32_t len, uint32_t at, const char three[4])
{
    return at + 3 < len && (mr_load32(text + at) & 0xffffff) == (mr_load32(three) & 0xffffff);
}

/* ---- numbers and words ---- */

HOT bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* One digit or more. */
HOT bool pass_digits(const char *text, uint32_t len, uint32_t *at)
{
    if (*at == len || !is_digit(text[*at]))
        return false;
    do
        ++*at;
    while (*at < len && is_digit(text[*at]));
    return true;
}

HOT bool pass_number(pass *p, const char *text, uint32_t len, uint32_t *at)
{
    *at += text[*at] == '-';
    uint32_t from = *at;
    bool well = pass_digits(text, len, at) && (text[from] != '0' || *at - from == 1);
    if (well && *at < len && text[*at] == '.') {
        ++*at;
        well = pass_digits(text, len, at);
    }
    if (well && *at < len && (text[*at] | 0x20) == 'e') {
        ++*at;
        if (*at < len && (text[*at] == '+' || text[*at] == '-'))
            ++*at;
        well = pass_digits(text, len, at);
    }
    return well || refuse(p, *at, MR_REASON_JSON_SYNTAX);
}

static bool pass_word(pass *p, uint32_t *at, mr_json_kind *kind)
{
    const char *text = p->text + *at;
    uint32_t left = p->len - *at;
    if (left >= 4 && !memcmp(text, "true", 4))
        *kind = MR_JSON_TRUE;
    else if (left >= 4 && !memcmp(text, "null", 4))
        *kind = MR_JSON_NULL;
    else if (left >= 5 && !memcmp(text, "false", 5))
        *kind = MR_JSON_FALSE;
    else
        return refuse(p, *at, MR_REASON_JSON_SYNTAX);
    *at += *kind == MR_JSON_FALSE ? 5 : 4;
    return true;
}

/* ---- what is wanted ---- */

/* Forgets what was found below `node`: it is as `kind` says, unless something follows. */
HOT void reset_below(const pass *p, const mr_node *node, mr_json_kind kind, uint32_t at)
{
    for (uint32_t i = node->below_from; i < node->below_to; i++)
        p->spans[i] = (mr_span){.kind = (uint8_t)kind, .at = at};
}

HOT void found(const pass *p, const mr_node *node, mr_json_kind kind, uint32_t at, uint32_t end, bool escaped)
{
    if (kind != MR_JSON_OBJECT && kind != MR_JSON_ARRAY)
        reset_below(p, node, kind == MR_JSON_NULL ? MR_JSON_NULL : MR_JSON_WRONG_STEP, at);
    if (node->own != MR_NODE_NONE)
        p->spans[node->own] = (mr_span){.at = at, .len = end - at, .kind = (uint8_t)kind, .escaped = escaped};
}

__attribute__((noinline)) static const mr_node *child_long(const mr_node *node, const char *name, size_t len)
{
    for (const mr_name *entry = node->table; entry <= node->table + node->mask; entry++)
        if (entry->len == len && !memcmp(entry->child->name, name, len))
            return entry->child;
    return NULL;
}

/* readable: bytes that may be read at `name`. */
__attribute__((noinline)) static const mr_node *child_of(const mr_node *node, const char *name, size_t len,
                                                         size_t readable)
{
    uint64_t head = mr_name_head(name, len, readable), tail = mr_name_tail(name, len);
    for (uint32_t i = mr_name_place(head, tail, len);; i++) {
        const mr_name *entry = &node->table[i & node->mask];
        if (entry->head == head && entry->tail == tail && entry->len == len)
            return len <= 16 ? entry->child : child_long(node, name, len);
        if (!entry->child)
            return NULL;
    }
}

/* Rare, and kept apart for its buffer: every call would clear it. */
__attribute__((noinline)) static const mr_node *child_escaped(const pass *p, const mr_node *node, uint32_t at,
                                                              uint32_t len)
{
    char plain[MR_STEP_MAX];
    if (!node->table || len > sizeof plain)
        return NULL; /* longer than any step: six bytes make at least one */
    return child_of(node, plain, mr_json_unescape(p->text + at, len, plain), sizeof plain);
}

static const mr_node *child_indexed(const pass *p, const mr_node *node, uint32_t index)
{
    for (uint32_t i = node->first_child; i != MR_NODE_NONE; i = p->paths->node[i].next)
        if (p->paths->node[i].index == index)
            return &p->paths->node[i];
    return NULL;
}

/* ---- values ---- */

/* A value that is no object and no array; when it is on a wanted path, what is wanted of it is remembered. */
HOT bool pass_plain(pass *p, const char *text, uint32_t len, uint32_t *at, const mr_node *node)
{
    mr_json_kind kind = MR_JSON_NUMBER;
    uint32_t from = *at;
    if (text[from] == '"') {
        bool escaped;
        ++*at;
        if (!pass_string(p, text, at, &escaped))
            return false;
        if (node)
            found(p, node, MR_JSON_STRING, from + 1, *at, escaped);
        ++*at;
        return true;
    }
    if (is_digit(text[from]) || text[from] == '-') {
        if (!pass_number(p, text, len, at))
            return false;
    } else if (!pass_word(p, at, &kind)) {
        return false;
    }
    if (node)
        found(p, node, kind, from, *at, false);
    return true;
}

/* What is wanted below `node` under the name text[from .. to). */
HOT const mr_node *child_named(pass *p, const char *text, uint32_t len, const mr_node *node, uint32_t from,
                               uint32_t to, bool escaped)
{
    if (!node)
        return NULL;
    if (escaped)
        return child_escaped(p, node, from, to - from);
    if (!(node->lengths & mr_length_bit(to - from)))
        return NULL;
    return child_of(node, text + from, to - from, len - from);
}

/* A name and its colon; *child is NULL when nobody wants the value.  As long as values are strings and nothing stands between quotes but the
 * one colon or comma, which is what most of an event is, it goes on; *behind: it has stopped behind a value, not before one. */
HOT bool pass_members(pass *p, const char *text, uint32_t len, uint32_t *at, const mr_node *node,
                      const mr_node **child, bool *behind)
{
    bool escaped;
    if (!pass_char(p, text, len, at, '"'))
        return false;
    for (;;) {
        uint32_t from = *at;
        if (!pass_string(p, text, at, &escaped))
            return false;
        *child = child_named(p, text, len, node, from, *at, escaped);
        *behind = follows(text, len, *at, "\":\"");
        if (!*behind) {
            ++*at;
            return pass_char(p, text, len, at, ':');
        }
        from = *at += 3;
        if (!pass_string(p, text, at, &escaped))
            return false;
        if (*child)
            found(p, *child, MR_JSON_STRING, from, *at, escaped);
        if (!follows(text, len, *at, "\",\"")) {
            ++*at;
            return true;
        }
        *at += 3;
    }
}

/* Closes whatever ends here, up to the comma behind; when nothing is open any more, to what follows.  *last: what was opened last. */
HOT bool pass_ends(pass *p, const char *text, uint32_t len, uint32_t *at, const level *open, level **last)
{
    for (; *last != open; ++*at) {
        const level *one = *last;
        *at = skip_blank(text, len, *at);
        char c = *at < len ? text[*at] : 0;
        if (c == ',') {
            ++*at;
            return true;
        }
        if (c != (one->index == OBJECT ? '}' : ']'))
            return refuse(p, *at, MR_REASON_JSON_SYNTAX);
        if (one->node)
            found(p, one->node, c == '}' ? MR_JSON_OBJECT : MR_JSON_ARRAY, one->from, *at + 1, false);
        --*last;
    }
    return true;
}

/* A value.  No recursion: what is open is in a list, so a hostile text takes no more stack than any. */
static bool pass_text(pass *p, const char *text, uint32_t len, uint32_t *where, const mr_node *node)
{
    __attribute__((uninitialized)) level open[MR_JSON_DEPTH + 1]; /* the first one is the text around */
    level *last = open;
    uint32_t at = *where;
    bool behind = false; /* a value that was passed already */
    for (;;) {
        at = skip_blank(text, len, at);
        if (!behind && at == len)
            return refuse(p, at, MR_REASON_JSON_SYNTAX);
        bool inside = false;
        if (!behind && (text[at] | 0x20) == '{') { /* or an array's bracket */
            bool object = text[at] == '{';
            if (last == open + MR_JSON_DEPTH)
                return refuse(p, at, MR_REASON_JSON_DEPTH);
            if (node)
                reset_below(p, node, MR_JSON_MISSING, at);
            *++last = (level){.node = node, .from = at, .index = object ? OBJECT : 0};
            at = skip_blank(text, len, at + 1);
            inside = at == len || text[at] != (object ? '}' : ']');
        } else if (!behind && !pass_plain(p, text, len, &at, node)) {
            return false;
        }
        if (!inside) {
            if (!pass_ends(p, text, len, &at, open, &last))
                return false;
            if (last == open)
                break;
        }
        if (last->index == OBJECT) {
            if (!pass_members(p, text, len, &at, last->node, &node, &behind))
                return false;
        } else {
            node = last->node && last->node->indexed ? child_indexed(p, last->node, last->index) : NULL;
            last->index++;
            behind = false;
        }
    }
    *where = at;
    return true;
}

mr_reason mr_json_scan(const mr_paths *paths, const char *text, size_t len, mr_span *spans, size_t *position)
{
    __attribute__((uninitialized)) uint64_t marks[MR_MARKS_WORDS + 1]; /* mark() fills as much as it needs */
    *position = 0;
    if (len > UINT32_MAX - MR_MARKS_WINDOW)
        return MR_REASON_TOO_LARGE;
    pass p = {.text = text, .len = (uint32_t)len, .marks = marks, .paths = paths, .spans = spans};
    uint32_t at = skip_blank(text, p.len, 0);
    bool object = at < p.len && text[at] == '{';
    bool well = pass_text(&p, text, p.len, &at, &paths->node[0]);
    if (well) {
        p.at = skip_blank(text, p.len, at);
        well = p.at == p.len || refuse(&p, p.at, MR_REASON_JSON_SYNTAX);
    }
    *position = p.at;
    if (!well)
        return p.reason;
    if (!object) {
        *position = 0;
        return MR_REASON_JSON_ROOT;
    }
    return MR_REASON_NONE;
}
