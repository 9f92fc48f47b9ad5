#include "stages/marks.h"

#include <stdbool.h>
#include <string.h>

#include "base/cpu.h"
#include "marks_avx512.h"

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

MR_AVX512 uint64_t mr_marks_avx512(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS])
{
    uint64_t wide = 0;
    size_t i = 0;
    for (; len - 64 * i >= 64; i++)
        marks[i] = mr_block_avx512(text + 64 * i, UINT64_MAX, UINT64_C(1) << i, &wide);
    if (len > 64 * i)
        marks[i] = mr_block_avx512(text + 64 * i, (UINT64_C(1) << len % 64) - 1, UINT64_C(1) << i, &wide);
    return wide;
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
    if (mr_cpu_vbmi())
        return mr_marks_avx512;
    if (mr_cpu_avx2())
        return mr_marks_avx2;
#endif
    return mr_marks_base;
}
