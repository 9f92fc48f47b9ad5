/* Escapes in strings of which the marks are taken away: block after block, without a branch for each.
 *
 * Which characters are escaped is found as simdjson does it: a run of backslashes that begins at an odd place has its end where the sum's carry comes out.
 * That an escaped u is followed by four hex digits, and a high surrogate by a low one and by nothing else, is then asked at the places behind, so that
 * no escape has to be in one block; what a block is asked for by the one before it is kept.
 */
#include <stdbool.h>
#include <string.h>

#include "base/cpu.h"
#include "stages/marks.h"

#define INLINE static inline __attribute__((always_inline))
#define EVEN   UINT64_C(0x5555555555555555)

/* Characters of a block, a bit each. */
typedef struct letters {
    uint64_t backslash, simple; /* simple: behind a backslash it needs no more */
    uint64_t u, hex;
    uint64_t d, from_8, from_c; /* d and D; hex digits from 8 and from c on: of surrogates */
} letters;

/* As a function of the same form in each version.  Blocks without backslashes need not be looked at any closer, unless the one before asks for it. */
typedef letters letters_fn(const char *block, bool asked);

/* What was found in the block before. */
typedef struct before {
    uint64_t
        marks; /* as they were, but for the one at a character that is escaped from the block before it */
    uint64_t escape;     /* 1: its last character is a backslash that escapes */
    uint64_t u, d, high; /* where an escaped u is, the d behind one, the second digit of a high surrogate */
} before;

/* A bit for what is so many characters behind. */
INLINE uint64_t behind(uint64_t here, uint64_t there, int characters)
{
    return here << characters | there >> (64 - characters);
}

/* Whether something in the block behind is to complete an escape. */
INLINE bool asks(const before *last)
{
    return last->escape | last->u >> 60 | last->high >> 58;
}

/* The escaped characters; `last->escape` is set for the next block. */
INLINE uint64_t escaped_in(uint64_t backslashes, before *last)
{
    uint64_t sum;
    backslashes &= ~last->escape;
    uint64_t behind_one = backslashes << 1 | last->escape;
    last->escape = __builtin_add_overflow(backslashes & ~EVEN & ~behind_one, backslashes, &sum);
    return (EVEN ^ sum << 1) & behind_one;
}

/* Where an escape is wrong; what is wrong may be seen some characters behind it. */
INLINE uint64_t wrong_in(const letters *is, uint64_t escaped, before *last)
{
    uint64_t u = escaped & is->u;
    if (!(u | last->u >> 60 | last->high >> 58)) { /* most texts have others only */
        last->u = last->d = last->high = 0;
        return escaped & ~is->simple;
    }
    uint64_t first = behind(u, last->u, 1);
    uint64_t digits = first | behind(u, last->u, 2) | behind(u, last->u, 3) | behind(u, last->u, 4);
    uint64_t d = first & is->d, surrogate = behind(d, last->d, 1) & is->from_8;
    uint64_t low = surrogate & is->from_c, high = surrogate & ~low, pair = behind(high, last->high, 6);
    uint64_t wrong = (escaped & ~(is->simple | u)) | (digits & ~is->hex) | (pair ^ low);
    last->marks &=
        ~((pair & low) >> 3); /* those of the second backslashes: the first may be in the block before */
    last->u = u;
    last->d = d;
    last->high = high;
    return wrong;
}

/* All of them.  At the first that is wrong, and at one that goes beyond the end, this block and the one before have their marks again, and no
 * more is done: no escape is longer than a block. */
INLINE void pass_all(const char *text, size_t len, size_t from, uint64_t *marks, letters_fn *look)
{
    before last = {0};
    uint64_t *mark = marks + from / 64, mask = UINT64_MAX << from % 64;
    for (size_t base = from - from % 64; base < len; base += 64, mark++, mask = UINT64_MAX) {
        __attribute__((uninitialized)) char copy[64];
        const char *block = text + base;
        if (len - base < 64) {
            memset(copy, 0, sizeof copy);
            block = memcpy(copy, block, len - base);
        }
        bool asked = asks(&last);
        letters is = look(block, asked);
        uint64_t backslashes = is.backslash & mask, marks_before = last.marks;
        last.marks = *mark & ~last.escape;
        if (!backslashes && !asked) {
            last.u = last.d = last.high = 0;
            continue;
        }
        uint64_t escaped = escaped_in(backslashes, &last);
        uint64_t wrong = wrong_in(&is, escaped, &last);
        *mark &= ~(backslashes | escaped);
        if (wrong || (len - base <= 64 && asks(&last))) {
            *mark = last.marks;
            if (mark > marks + from / 64)
                mark[-1] = marks_before;
            return;
        }
    }
}

/* What a character of ASCII is, for those versions that have a table. */
enum { BACKSLASH = 1, SIMPLE = 2, U = 4, HEX = 8, D = 16, FROM_8 = 32, FROM_C = 64 };
static const uint8_t kinds[128] = {
    ['\\'] = BACKSLASH | SIMPLE,
    ['"'] = SIMPLE,
    ['/'] = SIMPLE,
    ['n'] = SIMPLE,
    ['r'] = SIMPLE,
    ['t'] = SIMPLE,
    ['u'] = U,
    ['0'] = HEX,
    ['1'] = HEX,
    ['2'] = HEX,
    ['3'] = HEX,
    ['4'] = HEX,
    ['5'] = HEX,
    ['6'] = HEX,
    ['7'] = HEX,
    ['8'] = HEX | FROM_8,
    ['9'] = HEX | FROM_8,
    ['a'] = HEX | FROM_8,
    ['A'] = HEX | FROM_8,
    ['b'] = HEX | FROM_8 | SIMPLE,
    ['B'] = HEX | FROM_8,
    ['c'] = HEX | FROM_8 | FROM_C,
    ['C'] = HEX | FROM_8 | FROM_C,
    ['d'] = HEX | FROM_8 | FROM_C | D,
    ['D'] = HEX | FROM_8 | FROM_C | D,
    ['e'] = HEX | FROM_8 | FROM_C,
    ['E'] = HEX | FROM_8 | FROM_C,
    ['f'] = HEX | FROM_8 | FROM_C | SIMPLE,
    ['F'] = HEX | FROM_8 | FROM_C,
};

static inline letters letters_scalar(const char *block, bool asked)
{
    letters is = {0};
    (void)asked;
    for (int i = 0; i < 64; i++) {
        unsigned char c = (unsigned char)block[i];
        uint64_t kind = c < sizeof kinds ? kinds[c] : 0;
        is.backslash |= (kind & BACKSLASH) / BACKSLASH << i;
        is.simple |= (kind & SIMPLE) / SIMPLE << i;
        is.u |= (kind & U) / U << i;
        is.hex |= (kind & HEX) / HEX << i;
        is.d |= (kind & D) / D << i;
        is.from_8 |= (kind & FROM_8) / FROM_8 << i;
        is.from_c |= (kind & FROM_C) / FROM_C << i;
    }
    return is;
}

void mr_escapes_scalar(const char *text, size_t len, size_t from, uint64_t marks[MR_MARKS_WORDS])
{
    pass_all(text, len, from, marks, letters_scalar);
}

#if defined(__x86_64__)
#include <immintrin.h>

static inline uint64_t bits(__m128i bytes, int i)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(bytes) << i;
}

/* Where the bytes are from `least` to `least` + `more`. */
static inline __m128i between(__m128i bytes, char least, char more)
{
    __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8(least));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(more)), above);
}

static inline __m128i either(__m128i bytes, char a, char b)
{
    return _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(a)), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b)));
}

/* Sixteen bytes of a block, at bit `i` of each. */
static inline void simple_sixteen(__m128i bytes, int i, letters *is)
{
    __m128i first = _mm_or_si128(either(bytes, '"', '\\'), either(bytes, '/', 'b'));
    __m128i second = _mm_or_si128(either(bytes, 'f', 'n'), either(bytes, 'r', 't'));
    is->simple |= bits(_mm_or_si128(first, second), i);
    is->u |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('u')), i);
}

static inline void hex_sixteen(__m128i bytes, int i, letters *is)
{
    __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20)), letter = between(lower, 'a', 5);
    is->hex |= bits(_mm_or_si128(between(bytes, '0', 9), letter), i);
    is->d |= bits(_mm_cmpeq_epi8(lower, _mm_set1_epi8('d')), i);
    is->from_8 |= bits(_mm_or_si128(between(bytes, '8', 1), letter), i);
    is->from_c |= bits(between(lower, 'c', 3), i);
}

static inline letters letters_sse2(const char *block, bool asked)
{
    const __m128i *at = (const __m128i *)(const void *)block;
    letters is = {0};
    for (int i = 0; i < 4; i++)
        is.backslash |= bits(_mm_cmpeq_epi8(_mm_loadu_si128(at + i), _mm_set1_epi8('\\')), 16 * i);
    if (!is.backslash && !asked)
        return is;
    for (int i = 0; i < 4; i++)
        simple_sixteen(_mm_loadu_si128(at + i), 16 * i, &is);
    for (int i = 0; i < 4 && (asked || (is.u & is.backslash << 1)); i++)
        hex_sixteen(_mm_loadu_si128(at + i), 16 * i, &is);
    return is;
}

void mr_escapes_base(const char *text, size_t len, size_t from, uint64_t marks[MR_MARKS_WORDS])
{
    pass_all(text, len, from, marks, letters_sse2);
}

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline uint64_t both(__m256i a, __m256i b)
{
    return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}

/* The letters by their half bytes: a bit for each upper half that is among them, 2, 5, 6 and 7, must be in both tables. */
AVX2 static inline __m256i simple_thirty_two(__m256i bytes)
{
    const __m256i low = _mm256_setr_epi8(0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1, 0, 0,
                                         1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1);
    const __m256i high = _mm256_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 4,
                                          8, 0, 0, 0, 0, 0, 0, 0, 0);
    __m256i upper = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
    __m256i in = _mm256_and_si256(_mm256_shuffle_epi8(low, bytes), _mm256_shuffle_epi8(high, upper));
    return _mm256_cmpgt_epi8(in, _mm256_setzero_si256());
}

AVX2 static inline __m256i between_32(__m256i bytes, char least, char more)
{
    __m256i above = _mm256_sub_epi8(bytes, _mm256_set1_epi8(least));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(above, _mm256_set1_epi8(more)), above);
}

AVX2 static inline void hex_sixty_four(__m256i a, __m256i b, letters *is)
{
    const __m256i d = _mm256_set1_epi8('d'), case_bit = _mm256_set1_epi8(0x20);
    __m256i lower_a = _mm256_or_si256(a, case_bit), lower_b = _mm256_or_si256(b, case_bit);
    __m256i letter_a = between_32(lower_a, 'a', 5), letter_b = between_32(lower_b, 'a', 5);
    is->hex = both(_mm256_or_si256(between_32(a, '0', 9), letter_a),
                   _mm256_or_si256(between_32(b, '0', 9), letter_b));
    is->d = both(_mm256_cmpeq_epi8(lower_a, d), _mm256_cmpeq_epi8(lower_b, d));
    is->from_8 = both(_mm256_or_si256(between_32(a, '8', 1), letter_a),
                      _mm256_or_si256(between_32(b, '8', 1), letter_b));
    is->from_c = both(between_32(lower_a, 'c', 3), between_32(lower_b, 'c', 3));
}

AVX2 static inline letters letters_avx2(const char *block, bool asked)
{
    const __m256i *at = (const __m256i *)(const void *)block, backslash = _mm256_set1_epi8('\\');
    const __m256i u = _mm256_set1_epi8('u');
    __m256i a = _mm256_loadu_si256(at), b = _mm256_loadu_si256(at + 1);
    letters is = {.backslash = both(_mm256_cmpeq_epi8(a, backslash), _mm256_cmpeq_epi8(b, backslash))};
    if (!is.backslash && !asked)
        return is;
    is.simple = both(simple_thirty_two(a), simple_thirty_two(b));
    is.u = both(_mm256_cmpeq_epi8(a, u), _mm256_cmpeq_epi8(b, u));
    if (asked || (is.u & is.backslash << 1))
        hex_sixty_four(a, b, &is);
    return is;
}

AVX2 void mr_escapes_avx2(const char *text, size_t len, size_t from, uint64_t marks[MR_MARKS_WORDS])
{
    pass_all(text, len, from, marks, letters_avx2);
}

#define VBMI __attribute__((target("avx512bw,avx512vbmi,bmi,bmi2")))

VBMI static inline uint64_t of_kind(__m512i kind, char which)
{
    return _mm512_test_epi8_mask(kind, _mm512_set1_epi8(which));
}

VBMI static inline letters letters_vbmi(const char *block, bool asked)
{
    __m512i bytes = _mm512_loadu_si512(block);
    letters is = {.backslash = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\'))};
    if (!is.backslash && !asked)
        return is;
    __m512i kind = _mm512_maskz_permutex2var_epi8(~_mm512_movepi8_mask(bytes), _mm512_loadu_si512(kinds),
                                                  bytes, _mm512_loadu_si512(kinds + 64));
    is.simple = of_kind(kind, SIMPLE);
    is.u = of_kind(kind, U);
    if (asked || (is.u & is.backslash << 1)) {
        is.hex = of_kind(kind, HEX);
        is.d = of_kind(kind, D);
        is.from_8 = of_kind(kind, FROM_8);
        is.from_c = of_kind(kind, FROM_C);
    }
    return is;
}

VBMI void mr_escapes_vbmi(const char *text, size_t len, size_t from, uint64_t marks[MR_MARKS_WORDS])
{
    pass_all(text, len, from, marks, letters_vbmi);
}
#else
void mr_escapes_base(const char *text, size_t len, size_t from, uint64_t marks[MR_MARKS_WORDS])
{
    mr_escapes_scalar(text, len, from, marks);
}
#endif

mr_escapes_fn *mr_escapes_choose(void)
{
#if defined(__x86_64__)
    if (mr_cpu_vbmi())
        return mr_escapes_vbmi;
    if (mr_cpu_avx2())
        return mr_escapes_avx2;
#endif
    return mr_escapes_base;
}
