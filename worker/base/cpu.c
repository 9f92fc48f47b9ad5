#include "base/cpu.h"

#if defined(__x86_64__)
bool mr_cpu_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

bool mr_cpu_vbmi(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
           __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
}
#else
bool mr_cpu_avx2(void)
{
    return false;
}

bool mr_cpu_vbmi(void)
{
    return false;
}
#endif
