/* The places of marks, from their bits.  Of each block more places are written than there are marks, so that no branch depends on how many there are; those
 * of the next block are written over them. */
#include "base/cpu.h"
#include "marks_avx512.h"
#include "stages/marks.h"

#define USUAL 12 /* of a block, or fewer */

/* The marks of a block that are listed. */
static inline uint64_t marks_of(const uint64_t *marks, uint32_t block, uint32_t from, uint32_t until)
{
    uint64_t word = marks[block / 64];
    if (block < from)
        word &= UINT64_MAX << from % 64;
    if (until - block < 64)
        word &= (UINT64_C(1) << (until - block)) - 1;
    return word;
}

/* Without a call, which __builtin_popcountll is on x86-64's baseline. */
static inline uint32_t ones_in(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

uint32_t mr_list_base(const uint64_t marks[MR_MARKS_WORDS], uint32_t from, uint32_t until, uint16_t *list)
{
    volatile uint16_t *next = list; /* volatile: the compiler would put vectors together of single places */
    for (uint32_t block = from - from % 64; block < until; block += 64) {
        uint64_t word = marks_of(marks, block, from, until), rest = word;
        uint32_t count = ones_in(word);
#pragma GCC unroll 12
        for (uint32_t i = 0; i < USUAL; i++, rest &= rest - 1)
            next[i] = (uint16_t)(block + (rest ? (uint32_t)__builtin_ctzll(rest) : 0));
        for (uint32_t i = USUAL; i < count; i++, rest &= rest - 1)
            next[i] = (uint16_t)(block + (uint32_t)__builtin_ctzll(rest));
        next += count;
    }
    return (uint32_t)(next - list);
}

uint64_t mr_marks_listed_base(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS], uint16_t *list,
                              uint32_t *count)
{
    uint64_t wide = mr_marks_base(text, len, marks);
    *count = mr_list_base(marks, 0, (uint32_t)len, list);
    return wide;
}

#if defined(__x86_64__)

#define VBMI2 __attribute__((target("avx512bw,avx512vl,avx512vbmi2,popcnt")))

#define FOUR(n)    n, n + 1, n + 2, n + 3
#define SIXTEEN(n) FOUR(n), FOUR(n + 4), FOUR(n + 8), FOUR(n + 12)

static const uint8_t numbers[64] = {SIXTEEN(0), SIXTEEN(16), SIXTEEN(32), SIXTEEN(48)};

/* The places of a block's marks, of which `all` has the numbers; returns what is behind them. */
VBMI2 static inline uint16_t *list_block(uint64_t word, uint32_t block, __m512i all, uint16_t *next)
{
    uint32_t here = (uint32_t)__builtin_popcountll(word);
    __m512i places = _mm512_maskz_compress_epi8(word, all);
    __m256i first = _mm256_cvtepu8_epi16(_mm512_castsi512_si128(places));
    _mm256_storeu_si256((__m256i *)(void *)next, _mm256_add_epi16(first, _mm256_set1_epi16((short)block)));
    if (here > 16) {
        __m512i half = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(places));
        _mm512_storeu_si512(next, _mm512_add_epi16(half, _mm512_set1_epi16((short)block)));
        half = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(places, 1));
        _mm512_storeu_si512(next + 32, _mm512_add_epi16(half, _mm512_set1_epi16((short)block)));
    }
    return next + here;
}

VBMI2 uint32_t mr_list_vbmi2(const uint64_t marks[MR_MARKS_WORDS], uint32_t from, uint32_t until,
                             uint16_t *list)
{
    const __m512i all = _mm512_loadu_si512(numbers);
    uint16_t *next = list;
    for (uint32_t block = from - from % 64; block < until; block += 64)
        next = list_block(marks_of(marks, block, from, until), block, all, next);
    return (uint32_t)(next - list);
}

VBMI2 uint64_t mr_marks_listed_vbmi2(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS],
                                     uint16_t *list, uint32_t *count)
{
    const __m512i all = _mm512_loadu_si512(numbers);
    uint16_t *next = list;
    uint64_t wide = 0, bit = 1;
    for (uint32_t block = 0; block < len; block += 64, bit <<= 1, marks++) {
        uint64_t there = len - block >= 64 ? UINT64_MAX : (UINT64_C(1) << (len - block)) - 1;
        *marks = mr_block_avx512(text + block, there, bit, &wide);
        next = list_block(*marks, block, all, next);
    }
    *count = (uint32_t)(next - list);
    return wide;
}
#endif

mr_list_fn *mr_list_choose(void)
{
#if defined(__x86_64__)
    if (mr_cpu_vbmi())
        return mr_list_vbmi2;
#endif
    return mr_list_base;
}

mr_marks_listed_fn *mr_marks_listed_choose(void)
{
#if defined(__x86_64__)
    if (mr_cpu_vbmi())
        return mr_marks_listed_vbmi2;
#endif
    return mr_marks_listed_base;
}
