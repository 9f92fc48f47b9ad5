/* json_token.h: strings, numbers, words and blanks of a JSON text; the inside of json.c.
 *
 * Positions are offsets in the text.  A function that passes something moves *at behind it, or refuses: it returns false, and `reason` and `at` of the
 * tokens say why and where.  What is usual is inline and as short as can be, what is rare is in json_token.c.  text and len are those of the tokens:
 * as arguments they stay in registers, whatever is stored meanwhile.
 *
 * One thread, no memory of its own; linear.
 */
#ifndef MR_STAGES_JSON_TOKEN_H
#define MR_STAGES_JSON_TOKEN_H

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/text.h"
#include "base/utf8.h"
#include "stages/json.h"
#include "stages/marks.h"

#define MR_HOT         static inline __attribute__((always_inline))
#define MR_TOKEN_NONE  UINT32_MAX /* instead of a place: refused */
#define MR_TOKEN_QUICK 16
#define MR_TOKEN_LOOK  57

typedef struct mr_tokens {
    const char *text;
    uint32_t len;
    uint32_t until;   /* marked: from the last multiple of MR_MARKS_WINDOW on */
    uint32_t quick;   /* before it MR_TOKEN_QUICK bytes can be read, and then comes one that is marked */
    uint32_t checked; /* UTF-8 is looked at up to here: the beginning of a character */
    mr_marks_fn *mark;
    mr_marks_listed_fn *mark_listed;
    mr_escapes_fn *escapes;
    mr_utf8_fn *utf8;
    bool backslashes;                   /* there was one */
    bool passed;                        /* of what is marked, escapes have no marks any more */
    uint32_t one_by_one;                /* escapes that were looked at since the last text or window began */
    mr_reason reason;                   /* of a refusal */
    uint32_t at;                        /* and its place */
    uintptr_t marks_of_text;            /* where they would begin if all of the text was marked */
    uint32_t listed;                    /* of the first window's marks, places in the list */
    uint64_t marks[MR_MARKS_WORDS + 1]; /* and a zero behind */
} mr_tokens;

/* The functions are set; the rest is made ready for a text.  list: for the places of the first window's marks, or NULL; false: these are not all, for there
 * is a character that is not well-formed. */
bool mr_tokens_begin(mr_tokens *in, const char *text, uint32_t len, uint16_t *list);

/* False, always. */
bool mr_token_refuse(mr_tokens *in, uint32_t at, mr_reason reason);

/* Where `c` has to be, behind blanks; MR_TOKEN_NONE: refused, there is something else. */
uint32_t mr_token_behind_blank(mr_tokens *in, uint32_t at, char c);

/* In a string; returns the place of the closing quote, or MR_TOKEN_NONE: refused. */
uint32_t mr_token_close_string(mr_tokens *in, uint32_t at);

MR_HOT bool mr_token_is_blank(char c)
{
    return (unsigned char)c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

MR_HOT uint32_t mr_token_skip_blank(const char *text, uint32_t len, uint32_t at)
{
    while (at < len && mr_token_is_blank(text[at]))
        at++;
    return at;
}

/* An object's bracket or an array's. */
MR_HOT bool mr_token_opens(char c)
{
    return (c | 0x20) == '{';
}

/* What is no plain value. */
MR_HOT bool mr_token_is_structure(char c)
{
    return mr_token_is_blank(c) || mr_token_opens(c);
}

/* What programs write has no blanks, or few. */
MR_HOT bool mr_token_char(mr_tokens *in, const char *text, uint32_t len, uint32_t *at, char c)
{
    if (*at == len || text[*at] != c) {
        uint32_t there = mr_token_behind_blank(in, *at, c);
        if (there == MR_TOKEN_NONE)
            return false;
        *at = there;
    }
    ++*at;
    return true;
}

/* The marks from `at` on, of MR_TOKEN_LOOK bytes or more as far as they are made; at < in->until. */
MR_HOT uint64_t mr_token_marks(const mr_tokens *in, uint32_t at)
{
    return mr_load64((const char *)(in->marks_of_text + at / 8)) >> at % 8;
}

/* Whether there are escapes in a string. */
MR_HOT bool mr_token_escaped(const mr_tokens *in, const char *text, uint32_t from, uint32_t until)
{
    return in->backslashes && memchr(text + from, '\\', until - from);
}

/* From behind the opening quote to the closing one, which is mostly seen at the first look at the marks or the second. */
MR_HOT bool mr_token_string(mr_tokens *in, const char *text, uint32_t *at)
{
    uint32_t from = *at;
    uint64_t word = from < in->until ? mr_token_marks(in, from) : 0;
    if (!word && from + MR_TOKEN_LOOK < in->until) {
        from += MR_TOKEN_LOOK;
        word = mr_token_marks(in, from);
    }
    if (word) {
        from += (uint32_t)__builtin_ctzll(word);
        if (text[from] == '"') {
            *at = from;
            return true;
        }
    }
    *at = mr_token_close_string(in, *at);
    return *at != MR_TOKEN_NONE;
}

MR_HOT bool mr_token_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* One digit or more. */
MR_HOT bool mr_token_digits(const char *text, uint32_t len, uint32_t *at)
{
    if (*at == len || !mr_token_is_digit(text[*at]))
        return false;
    do
        ++*at;
    while (*at < len && mr_token_is_digit(text[*at]));
    return true;
}

MR_HOT bool mr_token_number(mr_tokens *in, const char *text, uint32_t len, uint32_t *at)
{
    *at += text[*at] == '-';
    uint32_t from = *at;
    bool well = mr_token_digits(text, len, at) && (text[from] != '0' || *at - from == 1);
    if (well && *at < len && text[*at] == '.') {
        ++*at;
        well = mr_token_digits(text, len, at);
    }
    if (well && *at < len && (text[*at] | 0x20) == 'e') {
        ++*at;
        if (*at < len && (text[*at] == '+' || text[*at] == '-'))
            ++*at;
        well = mr_token_digits(text, len, at);
    }
    return well || mr_token_refuse(in, *at, MR_REASON_JSON_SYNTAX);
}

#if defined(__SSE2__)
/* The length of a number of digits, or of digits, a point and digits, with which `bytes` begin, and which is shorter than them; they are those at `at`, as far
 * as it may go and one byte more.  0: it is something else. */
MR_HOT uint32_t mr_token_number_in(__m128i bytes, const char *at)
{
    /* Digits become the least of the signed bytes. */
    __m128i value = _mm_sub_epi8(bytes, _mm_set1_epi8((char)('0' + 0x80)));
    uint32_t other = (uint32_t)~_mm_movemask_epi8(_mm_cmplt_epi8(value, _mm_set1_epi8(10 - 0x80)));
    uint32_t end = (uint32_t)__builtin_ctz(other); /* the bits from MR_TOKEN_QUICK on are set */
    if (end == 0 || (at[0] == '0' && end > 1))
        return 0;
    if (at[end] == '.') {
        uint32_t point = end;
        end = (uint32_t)__builtin_ctz(other & (other - 1));
        if (end == point + 1)
            return 0;
    }
    return end < MR_TOKEN_QUICK && (at[end] | 0x20) != 'e' ? end : 0;
}
#endif

/* Such a number at `at`, where MR_TOKEN_QUICK bytes and one more can be read. */
MR_HOT uint32_t mr_token_quick_number(const char *at)
{
#if defined(__SSE2__)
    return mr_token_number_in(_mm_loadu_si128((const __m128i *)(const void *)at), at);
#else
    (void)at;
    return 0;
#endif
}

/* Such a number in the last eight bytes of a text, of which the last one closes a bracket. */
MR_HOT uint32_t mr_token_last_number(const char *text, uint32_t len, uint32_t from)
{
#if defined(__SSE2__)
    uint32_t left = len - from;
    if (from < len && left <= 8 && len >= 8 && (text[len - 1] | 0x20) == '}') {
        uint64_t bytes = mr_load64(text + len - 8) >> (64 - 8 * left);
        return mr_token_number_in(_mm_set_epi64x(0, (long long)bytes), text + from);
    }
#else
    (void)text;
    (void)len;
    (void)from;
#endif
    return 0;
}

/* The length of true, false or null, of which four bytes are read, and a fifth one when it can be; 0: it is something else. */
MR_HOT uint32_t mr_token_quick_word(const char *at, bool fifth, mr_json_kind *kind)
{
    uint32_t word = mr_load32(at);
    *kind = MR_JSON_TRUE;
    if (word == mr_load32("true"))
        return 4;
    *kind = MR_JSON_NULL;
    if (word == mr_load32("null"))
        return 4;
    *kind = MR_JSON_FALSE;
    return word == mr_load32("fals") && fifth && at[4] == 'e' ? 5 : 0;
}

/* Such a number or such a word at `at`, where MR_TOKEN_QUICK bytes and one more can be read; 0: it is neither. */
MR_HOT uint32_t mr_token_quick_plain(const char *at, mr_json_kind *kind)
{
    uint32_t len = mr_token_quick_number(at);
    *kind = MR_JSON_NUMBER;
    return len > 0 ? len : mr_token_quick_word(at, true, kind);
}

MR_HOT bool mr_token_word(mr_tokens *in, const char *text, uint32_t len, uint32_t *at, mr_json_kind *kind)
{
    uint32_t size = len - *at >= 4 ? mr_token_quick_word(text + *at, len - *at >= 5, kind) : 0;
    *at += size;
    return size > 0 || mr_token_refuse(in, *at, MR_REASON_JSON_SYNTAX);
}

#endif
