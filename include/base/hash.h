/* hash.h: FNV-1a, the published 32 and 64 bit variants (Fowler, Noll, Vo; draft-eastlake-fnv).
 * Golden vectors in tests/unit/test_base.c.  Part of the routing contract: never change it. */
#ifndef MR_BASE_HASH_H
#define MR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define MR_FNV64_BASIS UINT64_C(14695981039346656037)
#define MR_FNV64_PRIME UINT64_C(1099511628211)

/* Goes on hashing from `state`, so that a key can be hashed in pieces; start with MR_FNV64_BASIS. */
static inline uint64_t mr_fnv1a64_more(uint64_t state, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (; len >= 4; at += 4, len -= 4) {
        state = (state ^ at[0]) * MR_FNV64_PRIME;
        state = (state ^ at[1]) * MR_FNV64_PRIME;
        state = (state ^ at[2]) * MR_FNV64_PRIME;
        state = (state ^ at[3]) * MR_FNV64_PRIME;
    }
    for (size_t i = 0; i < len; i++)
        state = (state ^ at[i]) * MR_FNV64_PRIME;
    return state;
}

static inline uint64_t mr_fnv1a64(const void *bytes, size_t len)
{
    return mr_fnv1a64_more(MR_FNV64_BASIS, bytes, len);
}

uint32_t mr_fnv1a32(const void *bytes, size_t len);

#endif
