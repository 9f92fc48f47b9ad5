#include "stages/marks.h"

#include <stdbool.h>
#include <string.h>

#include "base/cpu.h"

/* One block of 64 bytes, as a function of the same form in each version; *wide gets the bit `bit` when there is a byte from 0x80 on. */
typedef uint64_t block_fn(const char *block, uint64_t bit, uint64_t *wide);

/* All of them: whole blocks; then the last 64 bytes, of which those that were marked already are shifted out, or, in a text that is shorter,
 * a copy of them with zeros behind, whose marks are taken away. */
static inline __attribute__((always_inline)) uint64_t mark_all(const char *text, size_t len, uint64_t *marks,
                                                               block_fn *block)
{
    uint64_t wide = 0;
    size_t i = 0;
    for (; len - 64 * i >= 64; i++)
        marks[i] = block(text + 64 * i, UINT64_C(1) << i, &wide);
    size_t rest = len - 64 * i;
    if (rest > 0 && i > 0) {
        marks[i] = block(text + len - 64, UINT64_C(1) << i, &wide) >> (64 - rest);
    } else if (rest > 0) {
        char copy[64] = {0};
        memcpy(copy, text, rest);
        marks[0] = block(copy, 1, &wide) & ((UINT64_C(1) << rest) - 1);
    }
    return wide;
}

static inline uint64_t block_scalar(const char *block, uint64_t bit, uint64_t *wide)
{
    uint64_t marks = 0;
    for (int i = 0; i < 64; i++) {
        unsigned char c = (unsigned char)block[i];
        if (c < 0x20 || c == '"' || c == '\\')
            marks |= UINT64_C(1) << i;
        if (c >= 0x80)
            *wide |= bit;
    }
    return marks;
}

uint64_t mr_marks_scalar(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS])
{
    return mark_all(text, len, marks, block_scalar);
}

/* Characters of a block, a bit each. */
typedef struct letters {
    uint64_t backslash, simple; /* simple: behind a backslash it needs no more */
    uint64_t u, hex;
    uint64_t d, from_8, from_c; /* d and D; hex digits from 8 and from c on: of surrogates */
} letters;

/* Where a u may be escaped.  In most blocks none is, and then nothing has to be known of hex digits. */
static inline uint64_t behind_backslash(uint64_t u, uint64_t backslash)
{
    return u & (backslash << 1 | 1);
}

static inline __attribute__((always_inline)) void look_at_escapes(const letters *is, mr_escapes *found)
{
    uint64_t four = is->u & is->hex >> 1 & is->hex >> 2 & is->hex >> 3 & is->hex >> 4;
    uint64_t surrogate = four & is->d >> 1 & is->from_8 >> 2, low = surrogate & is->from_c >> 2;
    found->pairs = surrogate & ~low & is->backslash >> 5 & low >> 6;
    found->well = is->simple | (four & ~surrogate) | found->pairs;
}

void mr_escapes_scalar(const char *block, mr_escapes *found)
{
    letters is = {0};
    for (int i = 0; i < 64; i++) {
        char c = block[i], lower = (char)(c | 0x20);
        bool letter = lower >= 'a' && lower <= 'f';
        is.backslash |= (uint64_t)(c == '\\') << i;
        is.simple |= (uint64_t)(c && strchr("\"\\/bfnrt", c)) << i;
        is.u |= (uint64_t)(c == 'u' && (i == 0 || block[i - 1] == '\\')) << i;
        is.hex |= (uint64_t)((c >= '0' && c <= '9') || letter) << i;
        is.d |= (uint64_t)(lower == 'd') << i;
        is.from_8 |= (uint64_t)(c == '8' || c == '9' || letter) << i;
        is.from_c |= (uint64_t)(letter && lower >= 'c') << i;
    }
    *found = (mr_escapes){.backslashes = is.backslash};
    if (is.backslash)
        look_at_escapes(&is, found);
}

#if defined(__x86_64__)
#include <immintrin.h>

/* Control characters and the quote are what lies below 0x21 when 0x02 is taken the other way; the order is that of signed numbers. */
static inline uint64_t sixteen(__m128i bytes)
{
    __m128i low =
        _mm_cmpgt_epi8(_mm_set1_epi8(0x21 - 0x80), _mm_xor_si128(bytes, _mm_set1_epi8((char)(0x80 | 0x02))));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
}

static inline uint64_t block_sse2(const char *block, uint64_t bit, uint64_t *wide)
{
    const __m128i *at = (const __m128i *)(const void *)block;
    __m128i a = _mm_loadu_si128(at), b = _mm_loadu_si128(at + 1), c = _mm_loadu_si128(at + 2),
            d = _mm_loadu_si128(at + 3);
    if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))))
        *wide |= bit;
    return sixteen(a) | sixteen(b) << 16 | sixteen(c) << 32 | sixteen(d) << 48;
}

uint64_t mr_marks_base(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS])
{
    return mark_all(text, len, marks, block_sse2);
}

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

void mr_escapes_base(const char *block, mr_escapes *found)
{
    const __m128i *at = (const __m128i *)(const void *)block;
    letters is = {0};
    for (int i = 0; i < 4; i++)
        is.backslash |= bits(_mm_cmpeq_epi8(_mm_loadu_si128(at + i), _mm_set1_epi8('\\')), 16 * i);
    *found = (mr_escapes){.backslashes = is.backslash};
    if (!is.backslash)
        return;
    for (int i = 0; i < 4; i++)
        simple_sixteen(_mm_loadu_si128(at + i), 16 * i, &is);
    is.u = behind_backslash(is.u, is.backslash);
    for (int i = 0; i < 4 && is.u; i++)
        hex_sixteen(_mm_loadu_si128(at + i), 16 * i, &is);
    look_at_escapes(&is, found);
}

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline uint64_t thirty_two(__m256i bytes)
{
    __m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x21 - 0x80),
                                    _mm256_xor_si256(bytes, _mm256_set1_epi8((char)(0x80 | 0x02))));
    __m256i marks = _mm256_or_si256(low, _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));
    return (uint32_t)_mm256_movemask_epi8(marks);
}

AVX2 static inline uint64_t block_avx2(const char *block, uint64_t bit, uint64_t *wide)
{
    const __m256i *at = (const __m256i *)(const void *)block;
    __m256i a = _mm256_loadu_si256(at), b = _mm256_loadu_si256(at + 1);
    if (_mm256_movemask_epi8(_mm256_or_si256(a, b)))
        *wide |= bit;
    return thirty_two(a) | thirty_two(b) << 32;
}

AVX2 uint64_t mr_marks_avx2(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS])
{
    return mark_all(text, len, marks, block_avx2);
}

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

AVX2 void mr_escapes_avx2(const char *block, mr_escapes *found)
{
    const __m256i *at = (const __m256i *)(const void *)block, backslash = _mm256_set1_epi8('\\');
    const __m256i u = _mm256_set1_epi8('u');
    __m256i a = _mm256_loadu_si256(at), b = _mm256_loadu_si256(at + 1);
    letters is = {.backslash = both(_mm256_cmpeq_epi8(a, backslash), _mm256_cmpeq_epi8(b, backslash))};
    *found = (mr_escapes){.backslashes = is.backslash};
    if (!is.backslash)
        return;
    is.simple = both(simple_thirty_two(a), simple_thirty_two(b));
    is.u = behind_backslash(both(_mm256_cmpeq_epi8(a, u), _mm256_cmpeq_epi8(b, u)), is.backslash);
    if (is.u)
        hex_sixty_four(a, b, &is);
    look_at_escapes(&is, found);
}
#elif defined(__aarch64__)
#include <arm_neon.h>

/* One bit per byte of what is all ones or all zeros, in 64 bits: neighbours are added up. */
static inline uint64_t bits_of(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t weight = vld1q_u8(weights);
    uint8x16_t ab = vpaddq_u8(vandq_u8(a, weight), vandq_u8(b, weight));
    uint8x16_t cd = vpaddq_u8(vandq_u8(c, weight), vandq_u8(d, weight));
    uint8x16_t all = vpaddq_u8(ab, cd);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

static inline uint8x16_t sixteen(uint8x16_t bytes)
{
    return vorrq_u8(vcltq_u8(bytes, vdupq_n_u8(0x20)),
                    vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')), vceqq_u8(bytes, vdupq_n_u8('\\'))));
}

static inline uint64_t block_neon(const char *block, uint64_t bit, uint64_t *wide)
{
    const uint8_t *at = (const uint8_t *)block;
    uint8x16_t a = vld1q_u8(at), b = vld1q_u8(at + 16), c = vld1q_u8(at + 32), d = vld1q_u8(at + 48);
    if (vmaxvq_u8(vorrq_u8(vorrq_u8(a, b), vorrq_u8(c, d))) >= 0x80)
        *wide |= bit;
    return bits_of(sixteen(a), sixteen(b), sixteen(c), sixteen(d));
}

uint64_t mr_marks_base(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS])
{
    return mark_all(text, len, marks, block_neon);
}
#else
uint64_t mr_marks_base(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS])
{
    return mark_all(text, len, marks, block_scalar);
}
#endif

mr_marks_fn *mr_marks_choose(void)
{
#if defined(__x86_64__)
    if (mr_cpu_avx2())
        return mr_marks_avx2;
#endif
    return mr_marks_base;
}

#if !defined(__x86_64__)
void mr_escapes_base(const char *block, mr_escapes *found)
{
    mr_escapes_scalar(block, found);
}
#endif

mr_escapes_fn *mr_escapes_choose(void)
{
#if defined(__x86_64__)
    if (mr_cpu_avx2())
        return mr_escapes_avx2;
#endif
    return mr_escapes_base;
}
