/* model.h: random operations with a seed that is printed, so that a failure can be run again: MILLRACE_SEED=N.
 * MILLRACE_ROUNDS=N: so many in a thousand of the usual rounds, for valgrind. */
#ifndef MR_TESTS_MODEL_H
#define MR_TESTS_MODEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t model_random_state;

static inline uint64_t model_random(void)
{
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = (model_random_state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline uint32_t model_below(uint32_t limit)
{
    return (uint32_t)(model_random() % limit);
}

static inline void model_seed(const char *test)
{
    const char *given = getenv("MILLRACE_SEED");
    model_random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("%s: MILLRACE_SEED=%llu\n", test, (unsigned long long)model_random_state);
}

static inline int model_rounds(int usual)
{
    const char *given = getenv("MILLRACE_ROUNDS");
    int rounds = given ? (int)((long long)usual * atoi(given) / 1000) : usual;
    return rounds > 0 ? rounds : 1;
}

#endif
