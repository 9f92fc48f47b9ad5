#include "json_token.h"

#include "json_paths.h"

#define ONE_BY_ONE 3 /* escapes, before all of what is marked are looked at: that takes as long as some */

__attribute__((cold)) bool mr_token_refuse(mr_tokens *in, uint32_t at, mr_reason reason)
{
    in->reason = reason;
    in->at = at;
    return false;
}

uint32_t mr_token_behind_blank(mr_tokens *in, uint32_t at, char c)
{
    at = mr_token_skip_blank(in->text, in->len, at);
    if (at < in->len && in->text[at] == c)
        return at;
    mr_token_refuse(in, at, MR_REASON_JSON_SYNTAX);
    return MR_TOKEN_NONE;
}

/* Looks at the blocks in which there is more than ASCII.  The first character that is not well-formed gets a mark: the pass comes no further. */
__attribute__((noinline)) static bool check_utf8(mr_tokens *in, uint32_t base, uint64_t wide)
{
    if (in->checked < base)
        in->checked = base;
    while (wide) {
        uint32_t first = (uint32_t)__builtin_ctzll(wide);
        uint64_t above = ~(wide >> first);
        uint32_t blocks = above ? (uint32_t)__builtin_ctzll(above) : 64 - first;
        uint32_t from = base + 64 * first, until = from + 64 * blocks;
        wide &= wide + (UINT64_C(1) << first); /* without its lowest run of ones */
        if (from < in->checked)
            from = in->checked;
        if (until > in->until)
            until = in->until;
        if (from >= until)
            continue;
        in->checked = (uint32_t)in->utf8(in->text, in->len, from, until);
        if (in->checked < until) {
            in->marks[(in->checked - base) / 64] |= UINT64_C(1) << in->checked % 64;
            return false;
        }
    }
    return true;
}

MR_HOT bool look_at(mr_tokens *in, uint32_t at, uint16_t *list)
{
    uint32_t base = at - at % MR_MARKS_WINDOW;
    uint32_t size = in->len - base < MR_MARKS_WINDOW ? in->len - base : MR_MARKS_WINDOW;
    uint64_t wide = list ? in->mark_listed(in->text, size, in->marks, list, &in->listed)
                         : in->mark(in->text + base, size, in->marks);
    in->marks[(size + 63) / 64] = 0;
    in->marks_of_text = (uintptr_t)in->marks - base / 8;
    in->until = base + size;
    in->passed = false;
    in->quick = in->until > MR_TOKEN_QUICK ? in->until - MR_TOKEN_QUICK : 0;
    return !wide || check_utf8(in, base, wide);
}

bool mr_tokens_begin(mr_tokens *in, const char *text, uint32_t len, uint16_t *list)
{
    in->text = text;
    in->len = len;
    in->until = in->quick = in->checked = in->one_by_one = 0;
    in->backslashes = false;
    return len == 0 || look_at(in, 0, list);
}

__attribute__((noinline)) static void look_on(mr_tokens *in, uint32_t at)
{
    look_at(in, at, NULL);
}

/* The first mark at or after `at`; the text's length when there is none. */
static uint32_t next_mark(mr_tokens *in, uint32_t at)
{
    while (at < in->len) {
        if (at >= in->until)
            look_on(in, at);
        uint64_t word = mr_token_marks(in, at);
        if (word)
            return at + (uint32_t)__builtin_ctzll(word);
        at = in->until - at > MR_TOKEN_LOOK ? at + MR_TOKEN_LOOK : in->until;
    }
    return in->len;
}

/* Takes the marks of escapes away, from a backslash in a string to the end of what is marked, but for those that have to be looked at. */
static void pass_escapes(mr_tokens *in, uint32_t at)
{
    uint32_t base = at - at % MR_MARKS_WINDOW;
    in->passed = true;
    in->escapes(in->text + base, in->until - base, at - base, in->marks);
}

uint32_t mr_token_close_string(mr_tokens *in, uint32_t at)
{
    for (;;) {
        mr_reason reason = MR_REASON_JSON_SYNTAX;
        at = next_mark(in, at);
        unsigned char c = at < in->len ? (unsigned char)in->text[at] : 0;
        if (c == '"')
            return at;
        if (c == '\\' && !in->passed && ++in->one_by_one > ONE_BY_ONE) {
            in->backslashes = true;
            pass_escapes(in, at);
            continue;
        }
        if (c == '\\' && in->len - at > 1 && mr_json_means[(unsigned char)in->text[at + 1]]) {
            /* Most of them; that it takes two bytes is decided by a branch, so the next look need not wait for the table. */
            in->backslashes = true;
            at += 2;
            continue;
        }
        size_t taken = c == '\\' ? mr_json_escape_len(in->text + at, in->len - at) : 0;
        if (!taken) {
            if (c == '\\' && in->len - at > 1)
                reason = MR_REASON_JSON_ESCAPE;
            if (c >= 0x80)
                reason = MR_REASON_JSON_UTF8;
            mr_token_refuse(in, at, reason);
            return MR_TOKEN_NONE;
        }
        in->backslashes = true;
        at += (uint32_t)taken;
    }
}
