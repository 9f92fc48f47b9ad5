/* The vector version is the lookup algorithm of J. Keiser and D. Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021). */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/cpu.h"
#include "base/text.h"

size_t mr_utf8_reach_scalar(const char *text, size_t len, size_t from, size_t until)
{
    size_t at = from, bytes;
    while (at < until) {
        if (until - at >= 8 && !(mr_load64(text + at) & UINT64_C(0x8080808080808080))) {
            at += 8;
            continue;
        }
        if ((bytes = mr_utf8_char(text + at, len - at)) == 0)
            return at;
        at += bytes;
    }
    return at;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* What can be wrong with two bytes in a row, a bit each.  Three tables, asked with three of the four half bytes, agree on a bit
 * when it is so. */
enum {
    TOO_SHORT = 1,       /* a lead, and no continuation */
    TOO_LONG = 2,        /* ASCII, and a continuation */
    OVERLONG_3 = 4,      /* e0 80..9f */
    TOO_LARGE = 8,       /* f4 90..bf, f5.. */
    SURROGATE = 16,      /* ed a0..bf */
    OVERLONG_2 = 32,     /* c0, c1 */
    OVERLONG_4 = 64,     /* f0 80..8f; f5.. 80..8f is too large */
    TWO_CONTINUED = 128, /* right only as the third or fourth byte of a character */
    LOW_ANY = TOO_SHORT | TOO_LONG | TWO_CONTINUED, /* whatever the first byte's low half is */
    LOW_LARGE = LOW_ANY | TOO_LARGE | OVERLONG_4,
    NEXT_ANY = TOO_LONG | OVERLONG_2 | TWO_CONTINUED, /* whatever continuation comes second */
};

#define TWICE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

/* Zero where `bytes`, with those `before` them, are well-formed so far. */
__attribute__((target("avx2"))) static inline __m256i errors(__m256i bytes, __m256i before)
{
    const __m256i first_high = TWICE(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
                                     TOO_LONG, (char)TWO_CONTINUED, (char)TWO_CONTINUED, (char)TWO_CONTINUED,
                                     (char)TWO_CONTINUED, TOO_SHORT | OVERLONG_2, TOO_SHORT,
                                     TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4);
    const __m256i first_low =
        TWICE((char)(LOW_ANY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (char)(LOW_ANY | OVERLONG_2),
              (char)LOW_ANY, (char)LOW_ANY, (char)(LOW_ANY | TOO_LARGE), (char)LOW_LARGE, (char)LOW_LARGE,
              (char)LOW_LARGE, (char)LOW_LARGE, (char)LOW_LARGE, (char)LOW_LARGE, (char)LOW_LARGE,
              (char)LOW_LARGE, (char)(LOW_LARGE | SURROGATE), (char)LOW_LARGE, (char)LOW_LARGE);
    const __m256i second_high =
        TWICE(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
              (char)(NEXT_ANY | OVERLONG_3 | OVERLONG_4), (char)(NEXT_ANY | OVERLONG_3 | TOO_LARGE),
              (char)(NEXT_ANY | SURROGATE | TOO_LARGE), (char)(NEXT_ANY | SURROGATE | TOO_LARGE), TOO_SHORT,
              TOO_SHORT, TOO_SHORT, TOO_SHORT);
    const __m256i low_half = _mm256_set1_epi8(15);
    __m256i joint = _mm256_permute2x128_si256(before, bytes, 0x21);
    __m256i one = _mm256_alignr_epi8(bytes, joint, 15), two = _mm256_alignr_epi8(bytes, joint, 14),
            three = _mm256_alignr_epi8(bytes, joint, 13);
    __m256i wrong = _mm256_and_si256(
        _mm256_and_si256(
            _mm256_shuffle_epi8(first_high, _mm256_and_si256(_mm256_srli_epi16(one, 4), low_half)),
            _mm256_shuffle_epi8(first_low, _mm256_and_si256(one, low_half))),
        _mm256_shuffle_epi8(second_high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_half)));
    /* The high bit where the byte two before begins three or four bytes, or the one three before begins four. */
    __m256i continued = _mm256_or_si256(_mm256_subs_epu8(two, _mm256_set1_epi8(0xe0 - 0x80)),
                                        _mm256_subs_epu8(three, _mm256_set1_epi8(0xf0 - 0x80)));
    return _mm256_xor_si256(wrong, _mm256_and_si256(continued, _mm256_set1_epi8((char)0x80)));
}

__attribute__((target("avx2"))) size_t mr_utf8_reach_avx2(const char *text, size_t len, size_t from,
                                                          size_t until)
{
    __m256i before = _mm256_setzero_si256();
    size_t at = from;
    for (; at + 32 <= until; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(text + at));
        if (_mm256_movemask_epi8(_mm256_or_si256(bytes, before))) {
            __m256i wrong = errors(bytes, before);
            if (!_mm256_testz_si256(wrong, wrong))
                break;
        }
        before = bytes;
    }
    if (at == until && at > from && (unsigned char)text[at - 1] < 0x80)
        return at;
    /* The rest, and the exact place of an error, from the beginning of the last character. */
    if (at > from)
        for (at--; at > from && ((unsigned char)text[at] & 0xc0) == 0x80; at--)
            ;
    return mr_utf8_reach_scalar(text, len, at, until);
}
#endif

mr_utf8_fn *mr_utf8_choose(void)
{
#if defined(__x86_64__)
    if (mr_cpu_avx2())
        return mr_utf8_reach_avx2;
#endif
    return mr_utf8_reach_scalar;
}
