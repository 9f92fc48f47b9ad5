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
#define AVX2       __attribute__((target("avx2")))

AVX2 static inline __m256i first_high(void)
{
    return TWICE(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
                 (char)TWO_CONTINUED, (char)TWO_CONTINUED, (char)TWO_CONTINUED, (char)TWO_CONTINUED,
                 TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
                 TOO_SHORT | TOO_LARGE | OVERLONG_4);
}

AVX2 static inline __m256i first_low(void)
{
    return TWICE((char)(LOW_ANY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (char)(LOW_ANY | OVERLONG_2),
                 (char)LOW_ANY, (char)LOW_ANY, (char)(LOW_ANY | TOO_LARGE), (char)LOW_LARGE, (char)LOW_LARGE,
                 (char)LOW_LARGE, (char)LOW_LARGE, (char)LOW_LARGE, (char)LOW_LARGE, (char)LOW_LARGE,
                 (char)LOW_LARGE, (char)(LOW_LARGE | SURROGATE), (char)LOW_LARGE, (char)LOW_LARGE);
}

AVX2 static inline __m256i second_high(void)
{
    return TWICE(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
                 (char)(NEXT_ANY | OVERLONG_3 | OVERLONG_4), (char)(NEXT_ANY | OVERLONG_3 | TOO_LARGE),
                 (char)(NEXT_ANY | SURROGATE | TOO_LARGE), (char)(NEXT_ANY | SURROGATE | TOO_LARGE),
                 TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);
}

static inline bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* All before `at` is well-formed, but for what may be behind a last character: the rest, and the exact place of an error. */
static size_t reach_exactly(const char *text, size_t len, size_t from, size_t at, size_t until)
{
    if (at == until && at > from && (unsigned char)text[at - 1] < 0x80)
        return at;
    if (at > from)
        for (at--; at > from && is_continuation(text[at]); at--)
            ;
    return mr_utf8_reach_scalar(text, len, at, until);
}

/* Zero where `bytes`, with those `before` them, are well-formed so far. */
AVX2 static inline __m256i errors_32(__m256i bytes, __m256i before)
{
    const __m256i low_half = _mm256_set1_epi8(15);
    __m256i joint = _mm256_permute2x128_si256(before, bytes, 0x21);
    __m256i one = _mm256_alignr_epi8(bytes, joint, 15), two = _mm256_alignr_epi8(bytes, joint, 14),
            three = _mm256_alignr_epi8(bytes, joint, 13);
    __m256i wrong = _mm256_and_si256(
        _mm256_and_si256(
            _mm256_shuffle_epi8(first_high(), _mm256_and_si256(_mm256_srli_epi16(one, 4), low_half)),
            _mm256_shuffle_epi8(first_low(), _mm256_and_si256(one, low_half))),
        _mm256_shuffle_epi8(second_high(), _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_half)));
    /* The high bit where the byte two before begins three or four bytes, or the one three before begins four. */
    __m256i continued = _mm256_or_si256(_mm256_subs_epu8(two, _mm256_set1_epi8(0xe0 - 0x80)),
                                        _mm256_subs_epu8(three, _mm256_set1_epi8(0xf0 - 0x80)));
    return _mm256_xor_si256(wrong, _mm256_and_si256(continued, _mm256_set1_epi8((char)0x80)));
}

AVX2 size_t mr_utf8_reach_avx2(const char *text, size_t len, size_t from, size_t until)
{
    __m256i before = _mm256_setzero_si256();
    size_t at = from;
    for (; at + 32 <= until; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(text + at));
        if (_mm256_movemask_epi8(_mm256_or_si256(bytes, before))) {
            __m256i wrong = errors_32(bytes, before);
            if (!_mm256_testz_si256(wrong, wrong))
                break;
        }
        before = bytes;
    }
    return reach_exactly(text, len, from, at, until);
}

#define AVX512 __attribute__((target("avx512bw")))

AVX512 static inline bool is_wrong_64(__m512i bytes, __m512i before)
{
    const __m512i low_half = _mm512_set1_epi8(15);
    __m512i joint = _mm512_alignr_epi64(bytes, before, 6);
    __m512i one = _mm512_alignr_epi8(bytes, joint, 15), two = _mm512_alignr_epi8(bytes, joint, 14),
            three = _mm512_alignr_epi8(bytes, joint, 13);
    __m512i wrong = _mm512_and_si512(
        _mm512_and_si512(
            _mm512_shuffle_epi8(_mm512_broadcast_i64x4(first_high()),
                                _mm512_and_si512(_mm512_srli_epi16(one, 4), low_half)),
            _mm512_shuffle_epi8(_mm512_broadcast_i64x4(first_low()), _mm512_and_si512(one, low_half))),
        _mm512_shuffle_epi8(_mm512_broadcast_i64x4(second_high()),
                            _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low_half)));
    __m512i continued = _mm512_or_si512(_mm512_subs_epu8(two, _mm512_set1_epi8((char)(0xe0 - 0x80))),
                                        _mm512_subs_epu8(three, _mm512_set1_epi8((char)(0xf0 - 0x80))));
    wrong = _mm512_xor_si512(wrong, _mm512_and_si512(continued, _mm512_set1_epi8((char)0x80)));
    return _mm512_test_epi8_mask(wrong, wrong) != 0;
}

AVX512 size_t mr_utf8_reach_vbmi(const char *text, size_t len, size_t from, size_t until)
{
    __m512i before = _mm512_setzero_si512();
    size_t at = from;
    for (; at + 64 <= until; at += 64) {
        __m512i bytes = _mm512_loadu_si512(text + at);
        if (is_wrong_64(bytes, before))
            return reach_exactly(text, len, from, at, until);
        before = bytes;
    }
    /* With all of the last character. */
    if (at < until && until - at <= 60) {
        uint64_t mask = len - at < 64 ? (UINT64_C(1) << (len - at)) - 1 : UINT64_MAX;
        if (!is_wrong_64(_mm512_maskz_loadu_epi8(mask, text + at), before)) {
            for (at = until; at < len && is_continuation(text[at]); at++)
                ;
            return at;
        }
    }
    return reach_exactly(text, len, from, at, until);
}
#endif

mr_utf8_fn *mr_utf8_choose(void)
{
#if defined(__x86_64__)
    if (mr_cpu_vbmi())
        return mr_utf8_reach_vbmi;
    if (mr_cpu_avx2())
        return mr_utf8_reach_avx2;
#endif
    return mr_utf8_reach_scalar;
}
