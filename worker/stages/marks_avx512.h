/* marks_avx512.h: the marks of a block of 64 bytes with AVX-512; for marks.c, and for marks_list.c, which lists their places at once. */
#ifndef MR_STAGES_MARKS_AVX512_H
#define MR_STAGES_MARKS_AVX512_H

#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define MR_AVX512 __attribute__((target("avx512bw")))

/* Of the bytes that are `there`, no others are read; *wide gets the bit `bit` when there is one from 0x80 on.  Control characters and the quote are what lies
 * below 0x21 when 0x02 is taken the other way; the order is that of signed numbers. */
MR_AVX512 static inline uint64_t mr_block_avx512(const char *block, uint64_t there, uint64_t bit,
                                                 uint64_t *wide)
{
    __m512i bytes = _mm512_maskz_loadu_epi8(there, block);
    __m512i other = _mm512_xor_si512(bytes, _mm512_set1_epi8((char)(0x80 | 0x02)));
    if (_mm512_movepi8_mask(bytes))
        *wide |= bit;
    return _mm512_mask_cmplt_epi8_mask(there, other, _mm512_set1_epi8(0x21 - 0x80)) |
           _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\'));
}
#endif

#endif
