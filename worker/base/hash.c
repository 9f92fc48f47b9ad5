#include "base/hash.h"

uint32_t mr_fnv1a32(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    uint32_t state = 2166136261u;
    for (size_t i = 0; i < len; i++)
        state = (state ^ at[i]) * 16777619u;
    return state;
}
